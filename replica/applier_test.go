package replica

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"binrelay/binlog/event"
	"binrelay/binlog/txn"
	"binrelay/replica/replstate"
)

// texts are what a fakeTarget writes down of stream.insert with n bytes.
func insertText(db string, n int) string {
	return fmt.Sprintf("rows gtid %s:BEGIN map(%s) rows(7,%d)! xid", db, db, n+5)
}

func TestApplier_KindsOfTransactions(t *testing.T) {
	r := newRig(t, nil)
	s := newStream("mysql-bin.000001")
	s.insert("d", 1)
	s.ddl("d", "CREATE TABLE t (a INT)")
	s.anonymous() // a transaction with savepoints and two statements
	s.query("d", "BEGIN")
	s.query("d", "SAVEPOINT `a`")
	s.rows("d", 7, 2, true)
	s.query("d", "RELEASE SAVEPOINT a")
	s.rows("d", 8, 3, true)
	s.query("d", "COMMIT")
	s.query("d", "DROP TABLE u") // as an old source writes it
	s.anonymous()                // rolled back: nothing happens
	s.query("d", "BEGIN")
	s.rows("d", 7, 9, true)
	s.query("d", "ROLLBACK")
	s.anonymous() // a statement in a transaction
	s.query("d", "BEGIN")
	s.query("d", "INSERT INTO t VALUES (1)")
	s.put(event.AppendXid(nil, s.header(), 9))
	r.play(s)
	r.start(0)
	r.caughtUp(s)
	want := []string{
		insertText("d", 1),
		"stmt gtid d:CREATE TABLE t (a INT)",
		"rows gtid d:BEGIN map(d) rows(7,7)! map(d) rows(8,8)! d:COMMIT",
		"stmt d:DROP TABLE u",
		"stmt gtid d:BEGIN d:INSERT INTO t VALUES (1) xid",
	}
	if got := r.target.applied(); !reflect.DeepEqual(got, want) {
		t.Errorf("applied\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if st := r.status(); st.Exec != st.Read {
		t.Errorf("exec %v, read %v", st.Exec, st.Read)
	}
}

func TestApplier_FollowsRotations(t *testing.T) {
	r := newRig(t, nil)
	one, two := newStream("mysql-bin.000001"), newStream("mysql-bin.000002")
	one.insert("d", 1)
	one.rotate("mysql-bin.000002")
	two.insert("d", 2)
	r.source.dump = func(c *fakeConn, file string, pos uint32) {
		if file == "mysql-bin.000001" {
			c.event(one.from(pos)...)
			pos = 4
		}
		c.event(two.from(pos)...)
		c.closed()
	}
	r.start(0)
	r.caughtUp(two)
	st := r.status()
	if want := []string{insertText("d", 1), insertText("d", 2)}; !reflect.DeepEqual(r.target.applied(), want) {
		t.Errorf("applied %v", r.target.applied())
	}
	if files, _ := r.log().Files(); len(files) > 2 {
		t.Errorf("relay log files not purged: %v (applied %v)", files, st.Relay)
	}
	r.stop(0)
	if r.target.pos.Source != (txn.Coord{File: "mysql-bin.000002", Pos: uint64(two.pos)}) {
		t.Errorf("durable position %v", r.target.pos.Source)
	}
}

func TestApplier_StopsAtTheFirstFailure(t *testing.T) {
	text := "Could not execute Write_rows event on table d.t; Duplicate entry '3' for key 't.PRIMARY', Error_code: 1062; " +
		"handler error HA_ERR_FOUND_DUPP_KEY; the event's source log mysql-bin.000001, end_log_pos 999"
	r := newRig(t, nil)
	s := newStream("mysql-bin.000001")
	var third uint64
	for i := range 10 {
		s.insert("d", i)
		if i == 2 {
			third = uint64(s.pos)
		}
	}
	r.target.fail = func(n int, _ *txn.Group) error {
		if n == 4 {
			return replstate.Errorf(1062, "%s", text)
		}
		return nil
	}
	r.play(s)
	r.start(0)
	st := r.until("stopped", func(st *replstate.ReplicaStatus) bool { return st.SQLRunning == replstate.No })
	if st.SQLError.Number != 1062 || st.SQLError.Text != text || st.SQLError.At.IsZero() {
		t.Errorf("error %+v", st.SQLError)
	}
	if st.IORunning != replstate.Yes || st.Exec.Pos != third || st.SecondsBehind != nil {
		t.Errorf("IO %v, exec %v (want %d), lag %v", st.IORunning, st.Exec, third, st.SecondsBehind)
	}
	if r.target.prepared != 4 || len(r.target.applied()) != 3 {
		t.Errorf("%d prepared, %d applied", r.target.prepared, len(r.target.applied()))
	}
	// The tutorial's way out: skip exactly that transaction.
	r.stop(0)
	if err := r.SetSkip(1); err != nil {
		t.Fatal(err)
	}
	if st := r.status(); st.SkipCounter != 1 || st.SQLError.Number != 1062 {
		t.Errorf("before the start: counter %d, error %d", st.SkipCounter, st.SQLError.Number)
	}
	r.target.fail = nil
	r.start(0)
	r.caughtUp(s)
	var want []string
	for i := range 10 {
		if i != 3 {
			want = append(want, insertText("d", i))
		}
	}
	if got := r.target.applied(); !reflect.DeepEqual(got, want) {
		t.Errorf("applied %v", got)
	}
	if st := r.status(); st.SkipCounter != 0 || st.SQLError.Number != 0 {
		t.Errorf("afterwards: counter %d, error %d", st.SkipCounter, st.SQLError.Number)
	}
}

func TestApplier_SkipCounter(t *testing.T) {
	for _, c := range []struct {
		n       uint32
		skipped int    // of transactions of five events
		left    uint32 // of the counter
	}{
		{0, 0, 0}, {1, 1, 0}, {2, 1, 0}, {5, 1, 0}, {6, 2, 0}, {7, 2, 0}, {10, 2, 0}, {11, 3, 0}, {100, 4, 80},
	} {
		t.Run(fmt.Sprint(c.n), func(t *testing.T) {
			r := newRig(t, nil)
			s := newStream("mysql-bin.000001")
			for i := range 4 {
				s.insert("d", i)
			}
			r.play(s)
			if err := r.SetSkip(c.n); err != nil {
				t.Fatal(err)
			}
			r.start(0)
			r.caughtUp(s)
			if got := len(r.target.applied()); got != 4-c.skipped {
				t.Errorf("%d applied, want %d", got, 4-c.skipped)
			}
			if r.Skip() != c.left {
				t.Errorf("counter %d, want %d", r.Skip(), c.left)
			}
			r.stop(0)
			if at := r.target.pos.Source; at.Pos != uint64(s.pos) {
				t.Errorf("durable position %v, want %d", at, s.pos)
			}
		})
	}
}

func TestApplier_FailedResultStopsEverything(t *testing.T) {
	r := newRig(t, nil)
	s := newStream("mysql-bin.000001")
	for i := range 20 {
		s.insert("d", i)
	}
	full := errors.New("disk full")
	r.target.results = func(n int) error {
		if n >= 5 {
			return full
		}
		return nil
	}
	r.play(s)
	r.start(0)
	st := r.until("stopped", func(st *replstate.ReplicaStatus) bool { return st.SQLRunning == replstate.No })
	if st.SQLError.Number != 1105 || st.SQLError.Text != "disk full" || len(r.target.applied()) != 4 {
		t.Errorf("error %+v, applied %v", st.SQLError, r.target.applied())
	}
	if st.Exec.Pos != r.target.pos.Source.Pos {
		t.Errorf("exec %v, target at %v", st.Exec, r.target.pos.Source)
	}
	r.target.results = nil
	r.start(0)
	r.caughtUp(s)
	if n := len(r.target.applied()); n != 20 {
		t.Errorf("%d applied", n)
	}
}

func TestApplier_StatementFailure(t *testing.T) {
	want := "Error 'Unknown table 'shop.gone'' on query. Default database: 'shop'. Query: 'DROP TABLE gone'"
	for _, c := range []struct {
		err    error
		number uint16
	}{
		{replstate.Errorf(1051, "%s", want), 1051},
		{errors.New("Unknown table 'shop.gone'"), 1105},
	} {
		r := newRig(t, nil)
		s := newStream("mysql-bin.000001")
		s.insert("d", 1)
		at := uint64(s.pos)
		s.ddl("shop", "DROP TABLE gone")
		s.insert("d", 2)
		r.target.failExec = func(string) error { return c.err }
		r.play(s)
		r.start(0)
		st := r.until("stopped", func(st *replstate.ReplicaStatus) bool { return st.SQLRunning == replstate.No })
		if st.SQLError.Number != c.number || st.SQLError.Text != want || st.Exec.Pos != at {
			t.Errorf("%+v at %v", st.SQLError, st.Exec)
		}
	}
}

func TestApplier_StatementsAreBarriers(t *testing.T) {
	r := newRig(t, nil)
	r.target.hold = make(chan struct{})
	s := newStream("mysql-bin.000001")
	s.insert("d", 1)
	s.insert("d", 2)
	s.ddl("d", "CREATE TABLE t (a INT)")
	s.insert("d", 3)
	executed := make(chan int, 1)
	r.target.failExec = func(string) error { executed <- len(r.target.applied()); return nil }
	r.play(s)
	r.start(0)
	r.until("enqueued", func(*replstate.ReplicaStatus) bool {
		r.target.mu.Lock()
		defer r.target.mu.Unlock()
		return r.target.prepared == 2
	})
	r.target.hold <- struct{}{}
	select {
	case <-executed:
		t.Fatal("the statement did not wait for what is before it")
	case r.target.hold <- struct{}{}:
	}
	if n := <-executed; n != 2 {
		t.Errorf("the statement ran after %d transactions", n)
	}
	r.target.hold <- struct{}{}
	r.caughtUp(s)
}

func TestApplier_WindowIsBounded(t *testing.T) {
	r := newRig(t, func(r *rig) { r.opt.WindowCount = 3 })
	r.target.hold = make(chan struct{})
	s := newStream("mysql-bin.000001")
	for i := range 10 {
		s.insert("d", i)
	}
	r.play(s)
	r.start(0)
	prepared := func() int {
		r.target.mu.Lock()
		defer r.target.mu.Unlock()
		return r.target.prepared
	}
	st := r.until("full", func(st *replstate.ReplicaStatus) bool { return st.SQLState == replstate.StateWaitingForWindow })
	if n := prepared(); n > 3 || st.SQLRunning != replstate.Yes {
		t.Errorf("%d prepared with a window of 3", n)
	}
	for range 10 {
		r.target.hold <- struct{}{}
	}
	r.caughtUp(s)
}

func TestApplier_RetriesLockWaits(t *testing.T) {
	for _, c := range []struct {
		fails, retries int
		ok             bool
	}{{2, 10, true}, {1, 1, true}, {2, 1, false}, {1, -1, false}} {
		t.Run(fmt.Sprintf("%d of %d", c.fails, c.retries), func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.set.Retries = c.retries })
			s := newStream("mysql-bin.000001")
			s.insert("d", 1)
			s.insert("d", 2)
			r.target.fail = func(n int, g *txn.Group) error {
				if n >= 2 && n < 2+c.fails {
					g.Events.Next() // a failed try has read something
					g.Events.Next()
					return replstate.Errorf(1205, "Lock wait timeout exceeded; try restarting transaction")
				}
				return nil
			}
			r.play(s)
			r.start(0)
			if c.ok {
				r.caughtUp(s)
				if got := r.target.applied(); len(got) != 2 || got[1] != insertText("d", 2) || r.status().Retries != uint64(c.fails) {
					t.Errorf("applied %v after %d retries", got, r.status().Retries)
				}
				return
			}
			st := r.until("stopped", func(st *replstate.ReplicaStatus) bool { return st.SQLRunning == replstate.No })
			if st.SQLError.Number != 1205 {
				t.Errorf("error %+v", st.SQLError)
			}
		})
	}
}

func TestApplier_Filters(t *testing.T) {
	r := newRig(t, func(r *rig) { r.opt.Filters = replstate.Filters{IgnoreDB: []string{"mysql"}} })
	s := newStream("mysql-bin.000001")
	s.insert("mysql", 1)             // all dropped
	s.ddl("mysql", "CREATE TABLE x") // default schema is ignored
	s.ddl("", "CREATE USER u")       // has none
	s.anonymous()
	s.query("mysql", "BEGIN") // default schema does not count for rows
	s.rows("d", 7, 1, true)
	s.put(event.AppendXid(nil, s.header(), 1))
	s.anonymous() // one statement over two tables, the last rows are dropped
	s.query("d", "BEGIN")
	s.tableMap("d", 7)
	s.tableMap("mysql", 8)
	s.row(7, 1, false)
	s.row(7, 2, false)
	s.row(8, 3, false)
	s.row(8, 4, true)
	s.rows("mysql", 8, 5, true) // a statement of which nothing is left
	s.put(event.AppendXid(nil, s.header(), 1))
	s.anonymous() // the first rows are dropped
	s.query("d", "BEGIN")
	s.tableMap("d", 7)
	s.tableMap("mysql", 8)
	s.row(8, 1, false)
	s.row(7, 2, true)
	s.put(event.AppendXid(nil, s.header(), 1))
	r.play(s)
	r.start(0)
	r.caughtUp(s)
	want := []string{
		"stmt gtid :CREATE USER u",
		"rows gtid mysql:BEGIN map(d) rows(7,6)! xid",
		"rows gtid d:BEGIN map(d) rows(7,6) rows(7,7)! xid",
		"rows gtid d:BEGIN map(d) rows(7,7)! xid",
	}
	if got := r.target.applied(); !reflect.DeepEqual(got, want) {
		t.Errorf("applied\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	r.stop(0)
	if r.target.pos.Source.Pos != uint64(s.pos) {
		t.Errorf("durable at %v, want %d", r.target.pos.Source, s.pos)
	}
}

func TestApplier_LargeTransactionIsReadAgain(t *testing.T) {
	r := newRig(t, func(r *rig) { r.opt.Filters = replstate.Filters{IgnoreDB: []string{"mysql"}} })
	s := newStream("mysql-bin.000001")
	s.insert("d", 1)
	s.anonymous()
	s.query("d", "BEGIN")
	want := "rows gtid d:BEGIN"
	for i := range 30 {
		s.rows("mysql", 8, 10, true)
		s.rows("d", 7, 100_000+i, true)
		want += fmt.Sprintf(" map(d) rows(7,%d)!", 100_005+i)
	}
	s.put(event.AppendXid(nil, s.header(), 1))
	s.insert("d", 2)
	first := true
	r.target.fail = func(n int, g *txn.Group) error {
		if n == 2 && first {
			first = false
			for range 5 {
				g.Events.Next()
			}
			return replstate.Errorf(1213, "Deadlock found when trying to get lock; try restarting transaction")
		}
		return nil
	}
	r.play(s)
	r.start(0)
	r.caughtUp(s)
	got := r.target.applied()
	if len(got) != 3 || got[1] != want+" xid" || got[2] != insertText("d", 2) {
		t.Errorf("applied %.3000s", got)
	}
}

func TestApplier_ResumesExactly(t *testing.T) {
	r := newRig(t, nil)
	s := newStream("mysql-bin.000001")
	const n = 40
	for i := range n {
		s.insert("d", i)
	}
	r.play(s)
	good, stopAt := 0, 0
	for round := 0; ; round++ {
		stopAt += 7
		if stopAt >= n {
			break
		}
		r.target.fail = func(int, *txn.Group) error {
			if good == stopAt {
				return replstate.Errorf(1062, "stop here")
			}
			good++
			return nil
		}
		r.start(0)
		r.until("stopped", func(st *replstate.ReplicaStatus) bool { return st.SQLRunning == replstate.No })
		switch round % 3 {
		case 0:
			r.stop(0)
		case 1:
			r.restart()
		case 2: // the relay log is lost
			r.Replica.Close()
			if err := r.opt.Relay.FS.RemoveAll("/relay"); err != nil {
				t.Fatal(err)
			}
			r.open()
		}
	}
	r.target.fail = nil
	r.start(0)
	r.caughtUp(s)
	var want []string
	for i := range n {
		want = append(want, insertText("d", i))
	}
	if got := r.target.applied(); !reflect.DeepEqual(got, want) {
		t.Errorf("applied %d transactions: %v", len(got), got)
	}
}

func TestApplier_AppliedPastTheRelayLog(t *testing.T) {
	r := newRig(t, nil)
	s := newStream("mysql-bin.000001")
	for i := range 5 {
		s.insert("d", i)
	}
	r.play(s)
	r.start(0)
	r.caughtUp(s)
	r.Replica.Close()
	// A crash lost the relay log's end but not what was applied.
	r.target.pos.Source.Pos = uint64(s.pos) + 5000
	ahead := newStream("mysql-bin.000001")
	ahead.pos = s.pos + 5000
	from := ahead.pos
	ahead.insert("d", 77)
	asked := make(chan uint32, 1)
	r.source.dump = func(c *fakeConn, _ string, pos uint32) {
		asked <- pos
		c.event(ahead.from(pos)...)
		c.closed()
	}
	r.open()
	r.start(0)
	if pos := <-asked; pos != from {
		t.Fatalf("asked from %d, want %d", pos, from)
	}
	r.caughtUp(ahead)
	if got := r.target.applied(); len(got) != 6 || got[5] != insertText("d", 77) {
		t.Errorf("applied %v", got)
	}
}

func TestApplier_HalfTransactionOfADeadSource(t *testing.T) {
	r := newRig(t, nil)
	one, two := newStream("mysql-bin.000001"), newStream("mysql-bin.000002")
	one.insert("d", 1)
	one.insert("d", 2) // its end was never written: the source died
	two.insert("d", 3)
	r.source.dump = func(c *fakeConn, file string, pos uint32) {
		evs := one.from(pos)
		c.event(evs[:len(evs)-2]...)
		c.event(two.from(4)...)
		c.closed()
	}
	r.start(0)
	r.caughtUp(two)
	if got, want := r.target.applied(), []string{insertText("d", 1), insertText("d", 3)}; !reflect.DeepEqual(got, want) {
		t.Errorf("applied %v", got)
	}
}

func TestApplier_RefusesWhatItCannotApply(t *testing.T) {
	for _, c := range []struct {
		name   string
		put    func(s *stream)
		number uint16
		text   string
	}{
		{"incident", func(s *stream) {
			b := append(event.Begin(nil, s.header(), event.Incident), 1, 0, 4)
			s.put(event.End(append(b, "lost"...), 0))
		}, 13119, "The incident LOST_EVENTS occurred on the source. Message: lost"},
		{"payload", func(s *stream) {
			s.anonymous()
			s.put(event.End(append(event.Begin(nil, s.header(), event.TransactionPayload), 1, 1, 5, 0), 0))
		}, 13121, "Transaction_payload"},
		{"payload that ends too soon", func(s *stream) {
			s.anonymous()
			at := s.mark()
			s.query("d", "BEGIN")
			s.pack(at, true, func(p []byte) []byte { return p[:len(p)-5] })
		}, 13121, "transaction payload"},
		{"payload in a payload", func(s *stream) {
			s.anonymous()
			outer := s.mark()
			inner := s.mark()
			s.query("d", "BEGIN")
			s.pack(inner, false, nil)
			s.pack(outer, true, nil)
		}, 13121, "payload"},
		{"tagged GTID", func(s *stream) { s.taggedGTID() }, 1235, "This version of MySQL doesn't yet support 'tagged GTIDs in replication'"},
		{"unknown", func(s *stream) { s.put(event.End(event.Begin(nil, s.header(), 200), 0)) }, 13121, "unknown event type 200"},
		{"v0 rows", func(s *stream) { s.put(event.End(append(event.Begin(nil, s.header(), 20), make([]byte, 20)...), 0)) }, 13121, "unknown event type 20"},
		{"malformed query", func(s *stream) {
			s.anonymous()
			s.put(event.End(append(event.Begin(nil, s.header(), event.Query), make([]byte, 5)...), 0))
		}, 13121, "Relay log read failure"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			s := newStream("mysql-bin.000001")
			s.insert("d", 1)
			at := uint64(s.pos)
			c.put(s)
			s.insert("d", 2)
			r.play(s)
			r.start(0)
			st := r.until("stopped", func(st *replstate.ReplicaStatus) bool { return st.SQLRunning == replstate.No })
			if st.SQLError.Number != c.number || !strings.Contains(st.SQLError.Text, c.text) || st.Exec.Pos != at {
				t.Errorf("%+v at %v, want %d %q at %d", st.SQLError, st.Exec, c.number, c.text, at)
			}
			if st.IORunning != replstate.Yes {
				t.Errorf("IO thread %v", st.IORunning)
			}
		})
	}
	t.Run("ignorable", func(t *testing.T) {
		r := newRig(t, nil)
		s := newStream("mysql-bin.000001")
		h := s.header()
		h.Flags = event.FlagIgnorable
		s.put(event.End(event.Begin(nil, h, 201), 0))
		s.insert("d", 1)
		r.play(s)
		r.start(0)
		r.caughtUp(s)
	})
}

func TestSecondsBehind(t *testing.T) {
	now := time.Unix(1700000100, 0)
	at, behind := txn.Coord{File: "m.000001", Pos: 500}, txn.Coord{File: "m.000001", Pos: 400}
	for _, c := range []struct {
		name string
		f    fields
		want any
	}{
		{"SQL stopped", fields{read: at, exec: behind, ioRunning: replstate.Yes, lagTime: 1700000000}, nil},
		{"caught up", fields{sqlRunning: true, read: at, exec: at, ioRunning: replstate.Yes, lagTime: 1700000000}, int64(0)},
		{"caught up, no connection", fields{sqlRunning: true, read: at, exec: at, ioRunning: replstate.Connecting}, nil},
		{"caught up, IO stopped", fields{sqlRunning: true, read: at, exec: at}, nil},
		{"behind", fields{sqlRunning: true, read: at, exec: behind, ioRunning: replstate.Yes, lagTime: 1700000000}, int64(100)},
		{"behind, IO stopped", fields{sqlRunning: true, read: at, exec: behind, lagTime: 1700000000}, int64(100)},
		{"other file", fields{sqlRunning: true, read: at, exec: txn.Coord{File: "m.000000", Pos: 500}, lagTime: 1700000040}, int64(60)},
		{"clocks differ", fields{sqlRunning: true, read: at, exec: behind, lagTime: 1700000000, clockDiff: 30}, int64(70)},
		{"from the future", fields{sqlRunning: true, read: at, exec: behind, lagTime: 1700000200}, int64(0)},
		{"nothing begun", fields{sqlRunning: true, read: at, exec: behind}, int64(0)},
	} {
		var got any
		if v := c.f.secondsBehind(now); v != nil {
			got = *v
		}
		if got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestApplier_SecondsBehindOfTheOldest(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.opt.Now = func() time.Time { return time.Unix(1700000100, 0) }
	})
	r.source.answers["SELECT UNIX_TIMESTAMP()"] = "1700000090" // its clock is ten seconds behind ours
	r.target.hold = make(chan struct{})
	s := newStream("mysql-bin.000001")
	s.time = 1700000050
	s.insert("d", 1)
	s.time = 1700000080
	s.insert("d", 2)
	r.play(s)
	r.start(0)
	lag := func(want int64) {
		t.Helper()
		r.until(fmt.Sprintf("lag %d", want), func(st *replstate.ReplicaStatus) bool {
			return st.SecondsBehind != nil && *st.SecondsBehind == want
		})
	}
	lag(40)
	r.target.hold <- struct{}{}
	lag(10)
	r.target.hold <- struct{}{}
	lag(0)
}

func TestWaitPos(t *testing.T) {
	r := newRig(t, nil)
	s := newStream("mysql-bin.000001")
	s.insert("d", 1)
	first := txn.Coord{File: s.file, Pos: uint64(s.pos)}
	s.insert("d", 2)
	end := txn.Coord{File: s.file, Pos: uint64(s.pos)}
	if _, err := r.WaitPos(r.ctx, "", first); !errors.Is(err, ErrNotRunning) {
		t.Fatalf("stopped: %v", err)
	}
	r.target.hold = make(chan struct{})
	r.play(s)
	r.start(0)
	type reply struct {
		n   int64
		err error
	}
	wait := func(c txn.Coord) chan reply {
		ch := make(chan reply, 1)
		go func() {
			n, err := r.WaitPos(r.ctx, "", c)
			ch <- reply{n, err}
		}()
		return ch
	}
	a, b := wait(first), wait(end)
	r.target.hold <- struct{}{}
	if got := <-a; got.err != nil || got.n < 0 {
		t.Errorf("first position: %+v", got)
	}
	short, cancel := context.WithTimeout(r.ctx, time.Millisecond)
	defer cancel()
	if n, err := r.WaitPos(short, "", end); n != -1 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("time-out: %d, %v", n, err)
	}
	r.target.hold <- struct{}{}
	if got := <-b; got.err != nil || got.n < 5 {
		t.Errorf("end: %+v", got)
	}
	if n, err := r.WaitPos(r.ctx, "", first); n != 0 || err != nil {
		t.Errorf("position behind us: %d, %v", n, err)
	}
	c := wait(txn.Coord{File: "mysql-bin.000002", Pos: 4})
	r.until("waiting", func(*replstate.ReplicaStatus) bool {
		r.st.mu.Lock()
		defer r.st.mu.Unlock()
		return r.st.changed != nil
	})
	r.stop(replstate.SQL)
	if got := <-c; !errors.Is(got.err, ErrNotRunning) {
		t.Errorf("stopped while waiting: %+v", got)
	}
}
