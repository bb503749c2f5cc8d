// Package conf reads a server's configuration: command line over environment
// over option file over default.
//
// The option file is a my.cnf as mysqld reads it (groups [mysqld], [server]
// and [binrelay]), or YAML if its name ends so. Names may be spelt with dashes or underscores; sizes take K,
// M, G or T; the *_db options may be repeated and accumulate; `skip-x` and
// `disable-x` switch a boolean off; `loose-x` forgives an unknown name. The
// environment variable of an option is BINRELAY_ and its name in upper case,
// lists separated by commas.
//
// An option that mysqld or MariaDB has and that means nothing here gives one
// warning; one that nobody has is an error naming option and line.
package conf

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// Config is a server's configuration, checked and with defaults filled in. It
// does not change after Load.
type Config struct {
	DataDir     string // absolute
	BindAddress string
	Port        int    // 0 = any free port
	Socket      string // absolute path of the Unix socket; "" = none
	ServerID    uint32
	Version     string

	LogBin               bool
	LogBinDir            string // absolute
	LogBinBase           string // file name without directory and extension
	MaxBinlogSize        int64  // bytes
	BinlogExpire         time.Duration
	SyncBinlog           int
	BinlogCacheSize      int64 // bytes
	BinlogRowEventSize   int64 // bytes
	BinlogRowMetadata    string
	BinlogChecksum       bool
	BinlogDoDB           []string
	BinlogIgnoreDB       []string
	GTIDMode             bool
	RelayLogDir          string // absolute
	RelayLogBase         string
	MaxRelayLogSize      int64 // bytes
	SyncRelayLog         int   // events
	LogReplicaUpdates    bool
	SkipReplicaStart     bool
	ReplicaNetTimeout    time.Duration
	ReplicateDoDB        []string
	ReplicateIgnoreDB    []string
	ReportHost           string
	ReportPort           int
	ReadOnly             bool
	SuperReadOnly        bool
	MaxAllowedPacket     int64 // bytes
	MaxConnections       int
	ConnectTimeout       time.Duration
	WaitTimeout          time.Duration
	InteractiveTimeout   time.Duration
	NetReadTimeout       time.Duration
	NetWriteTimeout      time.Duration
	RequireTLS           bool
	TLSCA                string
	TLSCert              string
	TLSKey               string
	DefaultAuthPlugin    string
	CacheSize            int64 // bytes
	RowLockWait          time.Duration
	MetadataLockWait     time.Duration
	TransactionIsolation string
	CharacterSet         string
	Collation            string
	SQLMode              string // empty = MySQL 8.0's default
	TimeZone             string
	LogVerbosity         int

	// Warnings are what an administrator should read once at start.
	Warnings []string
	// Values holds every option by name as SHOW VARIABLES prints it.
	Values map[string]string
}

// Load reads the configuration: flags that were set in fs, then environment,
// then the option file named by --defaults-file, then defaults.
func Load(fs *pflag.FlagSet) (*Config, error) {
	l := loader{v: viper.New(), c: &Config{Values: make(map[string]string)}}
	l.v.SetEnvPrefix("binrelay")
	for _, o := range options {
		if err := l.v.BindEnv(o.name); err != nil {
			return nil, err
		}
	}
	if path := fs.Lookup("defaults-file").Value.String(); path != "" {
		if err := l.file(path); err != nil {
			return nil, err
		}
	}
	if err := l.flags(fs); err != nil {
		return nil, err
	}
	return l.finish()
}

type loader struct {
	v    *viper.Viper
	c    *Config
	errs []error
}

func (l *loader) warn(format string, args ...any) {
	l.c.Warnings = append(l.c.Warnings, fmt.Sprintf(format, args...))
}

// file merges the option file under flags and environment.
func (l *loader) file(path string) error {
	read := readOptionFile
	if isYAML(path) {
		read = readYAML
	}
	lines, err := read(path)
	if err != nil {
		return fmt.Errorf("read option file: %w", err)
	}
	values := make(map[string]any)
	for _, s := range lines {
		o, text, err := l.resolve(s)
		if err != nil {
			return err
		}
		if o == nil {
			continue
		}
		if o.kind == kindList {
			have, _ := values[o.name].([]string)
			values[o.name] = append(have, text)
			continue
		}
		values[o.name] = text
	}
	return l.v.MergeConfigMap(values)
}

// resolve finds the option that a line sets and its text; nil for one that is
// accepted and ignored.
func (l *loader) resolve(s setting) (*option, string, error) {
	name := canonical(s.name)
	name, loose := strings.CutPrefix(name, "loose_")
	o := byName[name]
	text := s.value
	if o == nil {
		for _, p := range []string{"skip_", "disable_"} {
			if rest, ok := strings.CutPrefix(name, p); ok {
				if o = byName[rest]; o != nil {
					if !o.switchable() {
						o = nil
						break
					}
					return o, "OFF", nil
				}
			}
		}
		if rest, ok := strings.CutPrefix(name, "enable_"); ok && byName[rest] != nil && byName[rest].kind == kindBool {
			o = byName[rest]
		}
	}
	switch {
	case o != nil:
	case known[name] || known[strings.TrimPrefix(name, "skip_")]:
		return nil, "", l.notOurs(s, name)
	case loose:
		l.warn("%s: unknown option '%s' ignored (loose-)", s.place, s.name)
		return nil, "", nil
	default:
		return nil, "", fmt.Errorf("%s: unknown option '%s'", s.place, s.name)
	}
	if s.bare {
		switch {
		case o.kind == kindBool:
			text = "ON"
		case o.name == "log_bin":
			text = o.def
		default:
			return nil, "", fmt.Errorf("%s: option '%s' requires an argument", s.place, s.name)
		}
	}
	return o, text, nil
}

// text returns an option's text and whether anybody set it.
func (l *loader) text(o *option) (string, bool) {
	if !l.v.IsSet(o.name) {
		return o.def, false
	}
	return l.v.GetString(o.name), true
}

func (l *loader) fail(o *option, text, why string) {
	l.errs = append(l.errs, fmt.Errorf("option '%s': wrong value '%s': %s", o.name, text, why))
}

func (l *loader) str(name string) string {
	o := byName[name]
	t, _ := l.text(o)
	l.c.Values[name] = t
	return t
}

func (l *loader) boolean(name string) bool {
	o := byName[name]
	t, _ := l.text(o)
	v, err := parseBool(t)
	if err != nil {
		l.fail(o, t, "want ON or OFF")
	}
	l.c.Values[name] = map[bool]string{true: "ON", false: "OFF"}[v]
	return v
}

func (l *loader) number(name string) int64 {
	o := byName[name]
	t, _ := l.text(o)
	n, err := parseSize(t, o.kind == kindSize)
	if err != nil {
		l.fail(o, t, "want a number")
	}
	clamped := max(n, o.min)
	if o.max > 0 {
		clamped = min(clamped, o.max)
	}
	if clamped != n {
		l.warn("option '%s': value %d adjusted to %d", name, n, clamped)
	}
	l.c.Values[name] = strconv.FormatInt(clamped, 10)
	return clamped
}

func (l *loader) seconds(name string) time.Duration {
	return time.Duration(l.number(name)) * time.Second
}

// list returns a repeatable option. A value may itself hold a comma list only
// in the environment, where there is no way to repeat.
func (l *loader) list(name string) []string {
	var out []string
	if l.v.IsSet(name) {
		switch v := l.v.Get(name).(type) {
		case []string:
			out = v
		case string:
			for s := range strings.SplitSeq(v, ",") {
				if s = strings.TrimSpace(s); s != "" {
					out = append(out, s)
				}
			}
		}
	}
	l.c.Values[name] = strings.Join(out, ",")
	return slices.Clone(out)
}

func parseBool(s string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "on", "1", "true", "yes":
		return true, nil
	case "off", "0", "false", "no":
		return false, nil
	}
	return false, errors.New("not a boolean")
}

// parseSize reads a decimal with, for sizes, a K, M, G or T suffix.
func parseSize(s string, suffix bool) (int64, error) {
	s = strings.TrimSpace(s)
	shift := 0
	if suffix && s != "" {
		if k := strings.IndexByte("KMGT", s[len(s)-1]&^0x20); k >= 0 {
			shift = 10 * (k + 1)
			s = s[:len(s)-1]
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, err
	}
	if n > (1<<63-1)>>shift || n < -((1<<63-1)>>shift) {
		return 0, strconv.ErrRange
	}
	return n << shift, nil
}

// logName splits a log option into directory and base: an extension goes, a
// relative directory is below datadir. Source: MySQL manual, --log-bin.
func logName(datadir, text string) (dir, base string) {
	dir, base = filepath.Split(text)
	base = strings.TrimSuffix(base, filepath.Ext(base))
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(datadir, dir)
	}
	return filepath.Clean(dir), base
}

// loopback reports whether an address reaches this machine only.
func loopback(addr string) bool {
	if addr == "localhost" {
		return true
	}
	ip := net.ParseIP(addr)
	return ip != nil && ip.IsLoopback()
}

// Loopback reports whether the server listens for this machine only.
func (c *Config) Loopback() bool { return loopback(c.BindAddress) }
