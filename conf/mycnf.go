package conf

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Limits of the option file reader: files come from people, but a wrong path
// (a log, a device) must not eat the memory.
const (
	maxOptionFile  = 1 << 20 // bytes
	maxIncludes    = 64
	maxIncludeDeep = 10
)

// groups are the option groups that a server reads, in MySQL's spelling plus
// our own.
var groups = []string{"mysqld", "server", "binrelay"}

// setting is one line of an option file.
type setting struct {
	name  string // as written
	value string
	bare  bool   // no "=": a switch
	place string // file:line
}

// readOptionFile reads a my.cnf: groups in brackets, name[=value] lines,
// comments with # or ;, quoted values, the escapes \b \t \n \r \\ \s, and
// !include FILE, !includedir DIR. Only our groups are returned, in the order of
// the lines. Source: MySQL 8.0 manual, "Using Option Files".
func readOptionFile(path string) ([]setting, error) {
	r := &fileReader{}
	if err := r.read(path, 0); err != nil {
		return nil, err
	}
	return r.out, nil
}

type fileReader struct {
	out   []setting
	files int
}

func (r *fileReader) read(path string, depth int) error {
	if r.files++; r.files > maxIncludes || depth > maxIncludeDeep {
		return fmt.Errorf("%s: too many included files", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return r.parse(f, path, depth)
}

func (r *fileReader) parse(in io.Reader, path string, depth int) error {
	lim := &io.LimitedReader{R: in, N: maxOptionFile + 1}
	sc := bufio.NewScanner(lim)
	sc.Buffer(make([]byte, 4096), maxOptionFile)
	ours, grouped := false, false
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		place := fmt.Sprintf("%s:%d", path, n)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '!':
			if err := r.include(line, path, place, depth); err != nil {
				return err
			}
		case line[0] == '[':
			end := strings.IndexByte(line, ']')
			if end < 0 {
				return fmt.Errorf("%s: wrong group definition %q", place, line)
			}
			ours, grouped = slices.Contains(groups, strings.TrimSpace(line[1:end])), true
		case !grouped:
			return fmt.Errorf("%s: found option without preceding group", place)
		case ours:
			s, err := parseLine(line, place)
			if err != nil {
				return err
			}
			r.out = append(r.out, s)
		}
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if lim.N <= 0 {
		return fmt.Errorf("%s: larger than %d bytes, not an option file", path, maxOptionFile)
	}
	return nil
}

func (r *fileReader) include(line, path, place string, depth int) error {
	word, arg, _ := strings.Cut(line[1:], " ")
	arg = strings.TrimSpace(arg)
	if arg == "" {
		return fmt.Errorf("%s: %q needs a path", place, line)
	}
	if !filepath.IsAbs(arg) {
		arg = filepath.Join(filepath.Dir(path), arg)
	}
	switch word {
	case "include":
		if err := r.read(arg, depth+1); err != nil {
			return fmt.Errorf("%s: %w", place, err)
		}
		return nil
	case "includedir":
		names, err := filepath.Glob(filepath.Join(arg, "*.cnf"))
		if err != nil {
			return fmt.Errorf("%s: %w", place, err)
		}
		for _, name := range names {
			if err := r.read(name, depth+1); err != nil {
				return fmt.Errorf("%s: %w", place, err)
			}
		}
		return nil
	}
	return fmt.Errorf("%s: unknown directive %q", place, line)
}

func parseLine(line, place string) (setting, error) {
	name, value, found := strings.Cut(line, "=")
	if !found {
		name, _, _ = strings.Cut(line, "#")
	}
	s := setting{name: strings.TrimSpace(name), bare: !found, place: place}
	if s.name == "" {
		return s, fmt.Errorf("%s: option without a name", place)
	}
	if !found {
		return s, nil
	}
	v, err := parseValue(strings.TrimSpace(value))
	if err != nil {
		return s, fmt.Errorf("%s: %s: %w", place, s.name, err)
	}
	s.value = v
	return s, nil
}

var errQuote = errors.New("missing closing quote")

// parseValue strips quotes or a trailing comment and resolves escapes.
func parseValue(v string) (string, error) {
	var b strings.Builder
	var quote byte
	if v != "" && (v[0] == '\'' || v[0] == '"') {
		quote, v = v[0], v[1:]
	}
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch {
		case c == '\\' && i+1 < len(v):
			i++
			if k := strings.IndexByte(`btnrs\`, v[i]); k >= 0 {
				b.WriteByte("\b\t\n\r \\"[k])
			} else if v[i] == quote && quote != 0 {
				b.WriteByte(quote)
			} else {
				b.WriteByte('\\')
				b.WriteByte(v[i])
			}
		case quote != 0 && c == quote:
			return b.String(), nil
		case quote == 0 && c == '#':
			return strings.TrimRight(b.String(), " \t"), nil
		default:
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		return "", errQuote
	}
	return b.String(), nil
}
