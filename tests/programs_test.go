package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"binrelay/tests/cluster"
)

// programsHead begins the part of docs/compatibility.md that says which
// programs of others ran against the built server.
const programsHead = `
## Programs

Other people's programs, and what came of running them. ` + "`make interop`" + ` runs them and writes these rows; a row whose test
did not run stays as it was.

| Program | Version | What it does here | Result |
|---|---|---|---|
`

// programRun is one row of it.
type programRun struct {
	program, version, what string
	note                   string // what the result is worth, if there is more to say than "passes"
	result                 string
}

var programs struct {
	sync.Mutex
	runs []*programRun
}

// ran notes that the test runs a program; its result becomes that of the test.
func ran(t *testing.T, program, version, what string) *programRun {
	t.Helper()
	r := &programRun{program: program, version: version, what: what}
	t.Cleanup(func() {
		programs.Lock()
		defer programs.Unlock()
		switch {
		case t.Failed():
			r.result = "fails"
		case t.Skipped():
			return
		default:
			r.result = "passes" + r.note
		}
		programs.runs = append(programs.runs, r)
	})
	return r
}

var versionNumber = regexp.MustCompile(`\d+\.\d+\.\d+(-MariaDB)?`)

// versionOf is the version that an installed program tells, that of its
// distribution where it has one of its own beside.
func versionOf(t *testing.T, program string) string {
	t.Helper()
	out, err := exec.Command(cluster.Need(t, program), "--version").Output()
	if err != nil {
		t.Fatalf("%s --version: %v", program, err)
	}
	text := string(out)
	if _, dist, ok := strings.Cut(text, "Distrib "); ok {
		text = dist
	}
	if v := versionNumber.FindString(text); v != "" {
		return strings.TrimSuffix(v, "-MariaDB")
	}
	return versionOf(t, "mariadbd") // mysqlbinlog tells that of its format only
}

// moduleVersion is the version of a Go module that tests/clients pins.
func moduleVersion(t *testing.T, module string) string {
	t.Helper()
	return pinned(t, "clients/go.mod", regexp.MustCompile(`(?m)\s`+regexp.QuoteMeta(module)+` (v\S+)`))
}

func pinned(t *testing.T, file string, version *regexp.Regexp) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := version.FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s has nothing like %s", file, version)
	}
	return string(m[1])
}

// packageVersion is the version of an npm package that tests/clients/npm pins.
func packageVersion(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("clients/npm/package.json")
	if err != nil {
		t.Fatal(err)
	}
	var p struct{ Dependencies map[string]string }
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	return p.Dependencies[name]
}

// TestMain writes what the programs did into the document, with
// BINRELAY_UPDATE=1.
func TestMain(m *testing.M) {
	code := m.Run()
	if os.Getenv("BINRELAY_UPDATE") == "1" && len(programs.runs) > 0 {
		if err := writePrograms("../docs/compatibility.md"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// writePrograms replaces the rows of the programs that ran.
func writePrograms(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	statements, table, _ := strings.Cut(string(text), programsHead)
	rows := make(map[string]string) // by program and what it does
	for line := range strings.Lines(table) {
		cells := strings.Split(line, " | ")
		if len(cells) == 4 {
			rows[strings.TrimPrefix(cells[0], "| ")+" | "+cells[2]] = strings.TrimSpace(line)
		}
	}
	for _, r := range programs.runs {
		rows[r.program+" | "+r.what] = fmt.Sprintf("| %s | %s | %s | %s |", r.program, r.version, r.what, r.result)
	}
	var b strings.Builder
	b.WriteString(statements + programsHead)
	for _, key := range slices.SortedFunc(maps.Keys(rows), func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }) {
		b.WriteString(rows[key] + "\n")
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}
