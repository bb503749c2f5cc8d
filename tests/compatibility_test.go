package tests

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"binrelay/tests/cluster"
)

// feature is one row of docs/compatibility.md.
type feature struct {
	with  string // statements that prepare it, one a line; all succeed
	other string // statements of another session before it, one a line
	do    string // the statement that the row is about
	then  string // statements after it, one a line
	see   string // a query, and
	want  string // what MySQL 8.0 answers: rows by line, cells by |; ~text = has it somewhere
	mysql string // what MySQL 8.0 does; empty = it works
	alone bool   // MariaDB does something else
}

type section struct {
	title    string
	features []feature
}

// outcomeHere executes a feature in an empty database named c and says what
// came of it.
func outcomeHere(t *testing.T, main, other *sql.Conn, f feature) string {
	t.Helper()
	if err := errors.Join(runLines(t, main, f.with), runLines(t, other, f.other)); err != nil {
		t.Errorf("before %s: %v", f.do, err)
		return "not tried"
	}
	if err := runLines(t, main, f.do); err != nil {
		return refusal(t, err)
	}
	if err := runLines(t, main, f.then); err != nil {
		return "accepted; then " + refusal(t, err)
	}
	if f.see == "" {
		return "works"
	}
	rows, err := connRows(t, main, f.see)
	if err != nil {
		return "accepted; then " + refusal(t, fmt.Errorf("%s: %w", f.see, err))
	}
	lines := make([]string, len(rows))
	for i, r := range rows {
		cells := make([]string, len(r))
		for j, v := range r {
			cells[j] = "NULL"
			if v.Valid {
				cells[j] = v.String
			}
		}
		lines[i] = strings.Join(cells, "|")
	}
	got := strings.Join(lines, "\n")
	if part, ok := strings.CutPrefix(f.want, "~"); ok && strings.Contains(got, part) || got == f.want {
		return "works"
	}
	t.Logf("%s\n%s\n got:  %s\n want: %s", f.do, f.see, got, f.want)
	if part, ok := strings.CutPrefix(f.want, "~"); ok {
		return fmt.Sprintf("differs: no %s in %s", part, f.see)
	}
	return fmt.Sprintf("differs: %s gives %q", f.see, strings.Join(strings.Fields(got), " "))
}

// runLines executes statements, one a line.
func runLines(t *testing.T, c *sql.Conn, statements string) error {
	for _, q := range strings.Split(statements, "\n") {
		if q == "" {
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, err := c.ExecContext(ctx, q)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}

func refusal(t *testing.T, err error) string {
	var me *mysql.MySQLError
	if !errors.As(err, &me) {
		t.Errorf("%v", err)
		return err.Error()
	}
	if me.Number == 1064 {
		return "error 1064" // quotes the statement
	}
	return fmt.Sprintf("error %d: %s", me.Number, strings.Join(strings.Fields(me.Message), " "))
}

// tryFeatures executes features one by one, each in an empty database with
// sessions of its own.
func tryFeatures(t *testing.T, port int, each func(s *section, f feature, got string)) {
	connect := func(db string) *sql.Conn {
		pool, err := sql.Open("mysql", fmt.Sprintf("root@tcp(127.0.0.1:%d)/%s", port, db))
		if err != nil {
			t.Fatal(err)
		}
		pool.SetMaxIdleConns(-1)
		c, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for i := range compatibility {
		s := &compatibility[i]
		for _, f := range s.features {
			main := connect("")
			if err := runLines(t, main, "DROP DATABASE IF EXISTS c\nCREATE DATABASE c\nUSE c"); err != nil {
				t.Fatalf("before %s: %v", f.do, err)
			}
			other := connect("c")
			each(s, f, outcomeHere(t, main, other, f))
			main.Close()
			other.Close()
		}
	}
}

// docs/compatibility.md says what this server does, row by row. With
// BINRELAY_UPDATE=1 the test writes it.
func TestCompatibility_Document(t *testing.T) {
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin", "collation-server=utf8mb4_general_ci")
	var b strings.Builder
	b.WriteString(compatibilityHead)
	title := ""
	tryFeatures(t, p.Port, func(s *section, f feature, here string) {
		if s.title != title {
			title = s.title
			fmt.Fprintf(&b, "\n## %s\n\n| Statement | MySQL 8.0 | Here |\n|---|---|---|\n", title)
		}
		theirs := f.mysql
		if theirs == "" {
			theirs = "works"
		} else if strings.HasPrefix(here, theirs) {
			here = "the same"
		} else if here == "works" {
			here = "accepted"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", cell(f.do), cell(theirs), cell(here))
	})
	path := filepath.Join("..", "docs", "compatibility.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	have, programs, _ := strings.Cut(string(text), programsHead)
	if os.Getenv("BINRELAY_UPDATE") == "1" {
		if programs != "" {
			b.WriteString(programsHead + programs)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	old := strings.Split(have, "\n")
	lines := make(map[string]bool, len(old))
	for _, l := range old {
		lines[l] = true
	}
	for _, l := range strings.Split(b.String(), "\n") {
		if !lines[l] {
			t.Errorf("not in the document: %s", l)
		}
	}
	if have != b.String() {
		t.Errorf("%s is not what this test would write: BINRELAY_UPDATE=1 go test -run TestCompatibility_Document ./tests", path)
	}
}

const compatibilityHead = `# Compatibility

What statements do here and in MySQL 8.0. ` + "`tests/compatibility_test.go`" + ` executes each row against the built server, checks its effect, and
writes this file: BINRELAY_UPDATE=1 go test -run TestCompatibility_Document ./tests. "works" means that the effect was compared with
MySQL's; an error is what the client gets.
`

func cell(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), "|", "\\|")
	return strings.ReplaceAll(s, "\n", "; ")
}

// What the table says of MySQL, MariaDB does too, where it is not marked.
func TestCompatibility_MariaDB(t *testing.T) {
	cluster.Need(t, "mariadbd")
	m := cluster.StartMariaDB(t, "--collation-server=utf8mb4_general_ci", "--character-set-server=utf8mb4",
		"--sql-mode=ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION")
	tryFeatures(t, m.Port, func(_ *section, f feature, got string) {
		want := f.mysql
		if want == "" {
			want = "works"
		}
		if !f.alone && !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", f.do, got, want)
		}
	})
}
