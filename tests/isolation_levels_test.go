package tests

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	rawclient "github.com/go-mysql-org/go-mysql/client"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/tests/cluster"
)

// anomalies are Martin Kleppmann's Hermitage scripts: sessions 1 to 3 in
// transactions over test (1,10), (2,20). What each level makes of them is listed
// as the reads in order, "wait" where a statement had to, and errors; "end" is
// what the table holds. "RU" stands for READ UNCOMMITTED, which is READ COMMITTED.
var anomalies = []struct {
	name   string
	script string // session: statement; …
	want   map[string]string
}{
	{"G0 write cycles", "1: U 11 1; 2: U 12 1; 1: U 21 2; 1: C; 2: U 22 2; 2: C",
		map[string]string{"RU RC RR SR": "2 wait, end 12 22"}},
	{"G1a aborted reads", "1: U 101 1; 2: S; 1: R; 2: S; 2: C",
		map[string]string{"RU RC RR": "2 = 10 20, 2 = 10 20, end 10 20", "SR": "2 wait, 2 = 10 20, 2 = 10 20, end 10 20"}},
	{"G1b intermediate reads", "1: U 101 1; 2: S; 1: U 11 1; 1: C; 2: S; 2: C",
		map[string]string{"RU RC": "2 = 10 20, 2 = 11 20, end 11 20", "RR": "2 = 10 20, 2 = 10 20, end 11 20", "SR": "2 wait, 2 = 11 20, 2 = 11 20, end 11 20"}},
	{"G1c circular information flow", "1: U 11 1; 2: U 22 2; 1: P 2; 2: P 1; 1: C; 2: C",
		map[string]string{"RU RC RR": "1 = 20, 2 = 10, end 11 22", "SR": "1 wait, 2 error 1213, 1 = 20, end 11 20"}},
	{"OTV observed transaction vanishes", "1: U 11 1; 1: U 19 2; 2: U 12 1; 1: C; 3: P 1; 2: U 18 2; 3: P 2; 2: C; 3: P 2; 3: P 1; 3: C",
		map[string]string{"RU RC": "2 wait, 3 = 11, 3 = 19, 3 = 18, 3 = 12, end 12 18", "RR": "2 wait, 3 = 11, 3 = 19, 3 = 19, 3 = 11, end 12 18",
			"SR": "2 wait, 3 wait, 3 = 12, 3 = 18, 3 = 18, 3 = 12, end 12 18"}},
	{"PMP predicate many preceders", "1: W value = 30; 2: I 3 30; 2: C; 1: W value % 3 = 0; 1: C",
		map[string]string{"RU RC": "1 =, 1 = 30, end 10 20 30", "RR": "1 =, 1 =, end 10 20 30", "SR": "1 =, 2 wait, 1 =, end 10 20 30"}},
	{"P4 lost update", "1: P 1; 2: P 1; 1: U 11 1; 2: U 12 1; 1: C; 2: C",
		map[string]string{"RU RC": "1 = 10, 2 = 10, 2 wait, end 12 20", "RR": "1 = 10, 2 = 10, 2 wait, 2 error 1213, end 11 20",
			"SR": "1 = 10, 2 = 10, 1 wait, 2 error 1213, end 11 20"}},
	{"G-single read skew", "1: P 1; 2: S; 2: U 12 1; 2: U 18 2; 2: C; 1: P 2; 1: C",
		map[string]string{"RU RC": "1 = 10, 2 = 10 20, 1 = 18, end 12 18", "RR": "1 = 10, 2 = 10 20, 1 = 20, end 12 18",
			"SR": "1 = 10, 2 = 10 20, 2 wait, 1 = 20, end 12 18"}},
	{"G-single by a write", "1: P 1; 2: S; 2: U 12 1; 2: U 18 2; 2: C; 1: D value = 20; 1: C",
		map[string]string{"RU RC": "1 = 10, 2 = 10 20, end 12 18", "RR": "1 = 10, 2 = 10 20, 1 error 1213, end 12 18",
			"SR": "1 = 10, 2 = 10 20, 2 wait, 1 error 1213, end 12 18"}},
	{"G2-item write skew", "1: S; 2: S; 1: U 11 1; 2: U 21 2; 1: C; 2: C",
		map[string]string{"RU RC RR": "1 = 10 20, 2 = 10 20, end 11 21", "SR": "1 = 10 20, 2 = 10 20, 1 wait, 2 error 1213, end 11 20"}},
	{"G2 anti-dependency cycle", "1: W value % 3 = 0; 2: W value % 3 = 0; 1: I 3 30; 2: I 4 42; 1: C; 2: C",
		map[string]string{"RU RC RR": "1 =, 2 =, end 10 20 30 42", "SR": "1 =, 2 =, 1 wait, 2 error 1213, end 10 20 30"}},
}

// statement spells a step of a script out.
func statement(step string) string {
	f := strings.Fields(step)
	switch f[0] {
	case "U":
		return fmt.Sprintf("UPDATE d.test SET value = %s WHERE id = %s", f[1], f[2])
	case "I":
		return fmt.Sprintf("INSERT INTO d.test VALUES (%s, %s)", f[1], f[2])
	case "D":
		return "DELETE FROM d.test WHERE " + strings.Join(f[1:], " ")
	case "P":
		return "SELECT value FROM d.test WHERE id = " + f[1]
	case "W":
		return "SELECT value FROM d.test WHERE " + strings.Join(f[1:], " ")
	case "S":
		return "SELECT value FROM d.test ORDER BY id"
	case "R":
		return "ROLLBACK"
	}
	return "COMMIT"
}

// player runs the statements of one session, one after the other.
type player struct {
	c    *rawclient.Conn
	wait chan string // outcome of the statement that runs; nil = none
	dead bool        // the transaction is gone
}

// finish notes the outcome of a session's statement, which must come soon.
func (p *player) finish(t *testing.T, d time.Duration) (outcome string, ok bool) {
	t.Helper()
	select {
	case outcome = <-p.wait:
		p.wait = nil
		p.dead = p.dead || strings.HasPrefix(outcome, "error")
		return outcome, true
	case <-time.After(d):
		return "", false
	}
}

func (p *player) begin(step string) {
	p.wait = make(chan string, 1)
	go func() {
		r, err := p.c.Execute(statement(step))
		var me *gomysql.MyError
		switch {
		case errors.As(err, &me):
			p.wait <- fmt.Sprintf("error %d", me.Code)
		case err != nil:
			p.wait <- err.Error()
		case r.Resultset != nil && len(r.Fields) > 0:
			out := "="
			for i := range r.RowNumber() {
				v, _ := r.GetInt(i, 0)
				out += fmt.Sprint(" ", v)
			}
			p.wait <- out
		default:
			p.wait <- ""
		}
	}()
}

// play runs a script and returns what happened.
func play(t *testing.T, s *cluster.Server, level, script string) string {
	t.Helper()
	s.Exec("DELETE FROM d.test", "INSERT INTO d.test VALUES (1,10),(2,20)")
	players := map[string]*player{}
	for _, name := range []string{"1", "2", "3"} {
		p := &player{c: rawConn(t, s)}
		do(t, p.c, "SET SESSION TRANSACTION ISOLATION LEVEL "+level, "BEGIN")
		players[name] = p
	}
	var events []string
	note := func(name, outcome string) {
		if outcome != "" {
			events = append(events, name+" "+outcome)
		}
	}
	settle := func(d time.Duration) {
		for _, name := range []string{"1", "2", "3"} {
			if p := players[name]; p.wait != nil {
				if out, ok := p.finish(t, d); ok {
					note(name, out)
				}
			}
		}
	}
	steps := strings.Split(script, "; ")
	for len(steps) > 0 {
		name, text, _ := strings.Cut(steps[0], ": ")
		p := players[name]
		if p.wait != nil { // its turn comes when the others have let it
			later := slices.IndexFunc(steps, func(step string) bool { return players[step[:1]].wait == nil })
			if later < 0 {
				settle(5 * time.Second)
				continue
			}
			name, text, _ = strings.Cut(steps[later], ": ")
			p = players[name]
			steps = slices.Delete(steps, later, later+1)
		} else {
			steps = steps[1:]
		}
		if p.dead {
			continue
		}
		p.begin(text)
		if out, ok := p.finish(t, 300*time.Millisecond); ok {
			note(name, out)
			settle(50 * time.Millisecond)
		} else {
			note(name, "wait")
		}
	}
	settle(5 * time.Second)
	for _, p := range players {
		if !p.dead {
			do(t, p.c, "COMMIT")
		}
		p.c.Close()
	}
	end := "end"
	for _, row := range s.Rows("SELECT value FROM d.test ORDER BY id") {
		end += " " + row[0]
	}
	return strings.Join(append(events, end), ", ")
}

// TestIsolationLevels runs the Hermitage scripts at each level.
func TestIsolationLevels(t *testing.T) {
	s := cluster.Start(t, "primary")
	s.Exec("CREATE DATABASE d", "CREATE TABLE d.test (id INT PRIMARY KEY, value INT)")
	levels := map[string]string{"RU": "READ UNCOMMITTED", "RC": "READ COMMITTED", "RR": "REPEATABLE READ", "SR": "SERIALIZABLE"}
	for _, a := range anomalies {
		for list, want := range a.want {
			for _, level := range strings.Fields(list) {
				if got := play(t, s, levels[level], a.script); got != want {
					t.Errorf("%s at %s:\n got %s\nwant %s", a.name, levels[level], got, want)
				}
			}
		}
	}
}
