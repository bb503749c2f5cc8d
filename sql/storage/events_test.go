package storage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"

	"binrelay/binlog/event"
)

// logText reads events with go-mysql's parser and prints their rows: judge is a
// program that knows nothing of ours.
func logText(t testing.TB, evs []event.Event) string {
	t.Helper()
	p := replication.NewBinlogParser()
	fde := event.Finish(event.AppendFormat(nil, event.Header{}, "8.0.36", 0, false), 0, false)
	if _, err := p.Parse(fde); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, ev := range evs {
		e, err := p.Parse(event.Finish(append(event.Event(nil), ev...), 0, false))
		if err != nil {
			t.Fatalf("go-mysql: %v", err)
		}
		switch x := e.Event.(type) {
		case *replication.RowsEvent:
			s := ""
			switch e.Header.EventType {
			case replication.WRITE_ROWS_EVENTv2:
				s = "insert"
			case replication.UPDATE_ROWS_EVENTv2:
				s = "update"
			case replication.DELETE_ROWS_EVENTv2:
				s = "delete"
			}
			s += fmt.Sprintf(" %s.%s", x.Table.Schema, x.Table.Table)
			for _, r := range x.Rows {
				s += fmt.Sprintf(" %v", r)
			}
			if x.Flags&1 != 0 {
				s += " END"
			}
			out = append(out, s)
		case *replication.TableMapEvent, *replication.XIDEvent:
		case *replication.QueryEvent:
			if string(x.Query) != "BEGIN" {
				out = append(out, string(x.Query))
			}
		default:
			t.Fatalf("unexpected %T", x)
		}
	}
	return strings.Join(out, "; ")
}

func TestTx_Events(t *testing.T) {
	s := newTestStore(t)
	s.o.LogDatabase = func(db string) bool { return db != "quiet" }
	tab := s.create(t, kvSchema())
	sc := kvSchema()
	sc.Name = "other"
	other := s.create(t, sc)
	sc.Database = "quiet"
	quiet := s.create(t, sc)

	tx := s.Begin(TxOptions{})
	tx.BeginStatement()
	steps := []error{
		tx.Insert(t.Context(), tab, row(t, tab, 1, 1, nil)),
		tx.Insert(t.Context(), tab, row(t, tab, 2, 1, nil)),
		tx.Update(t.Context(), tab, row(t, tab, 1, 1, nil), row(t, tab, 1, 2, nil)),
		tx.Insert(t.Context(), other, row(t, other, 1, 1, nil)),
		tx.Insert(t.Context(), quiet, row(t, quiet, 1, 1, nil)),
		tx.Delete(t.Context(), tab, row(t, tab, 2, 1, nil)),
	}
	tx.BeginStatement()
	steps = append(steps, tx.Insert(t.Context(), tab, row(t, tab, 3, 1, nil)))
	for i, err := range steps {
		if err != nil {
			t.Fatal(i, err)
		}
	}
	mustCommit(t, tx)
	got := logText(t, s.bin[len(s.bin)-1])
	if want := "insert t.kv [1 1 <nil>] [2 1 <nil>]; update t.kv [1 1 <nil>] [1 2 <nil>] END; insert t.other [1 1 <nil>] END; " +
		"delete t.kv [2 1 <nil>] END; insert t.kv [3 1 <nil>] END"; got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	first, last := s.bin[len(s.bin)-1][0], s.bin[len(s.bin)-1]
	if q, err := event.QueryText(first, true); err != nil || string(q) != "BEGIN" {
		t.Fatal(q, err)
	}
	if last[len(last)-1].Type() != event.Xid {
		t.Fatal("no Xid")
	}
	if got := logText(t, s.priv[len(s.priv)-1]); got != "insert quiet.other [1 1 <nil>] END" {
		t.Fatal(got)
	}

	n := len(s.bin)
	hidden := s.Begin(TxOptions{NoBinlog: true})
	if err := hidden.Insert(t.Context(), tab, row(t, tab, 9, 9, nil)); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, hidden)
	if len(s.bin) != n || logText(t, s.priv[len(s.priv)-1]) != "insert t.kv [9 9 <nil>] END" {
		t.Fatal("sql_log_bin = 0 travels")
	}
}

// A large transaction spills, is cut back, and reads back whole.
func TestTx_EventsSpill(t *testing.T) {
	s := newTestStore(t)
	s.o.CacheSize = func() int64 { return 20000 }
	tab := s.create(t, Schema{Database: "t", Name: "b", Columns: []Column{intColumn("k"), textColumn("s")}, Primary: part(0)})
	tx := s.Begin(TxOptions{})
	fill := func(from, n int) {
		t.Helper()
		for k := from; k < from+n; k++ {
			if err := tx.Insert(t.Context(), tab, row(t, tab, k, strings.Repeat("x", k%20))); err != nil {
				t.Fatal(err)
			}
		}
	}
	tx.BeginStatement()
	fill(0, 3000)
	tx.Savepoint("a")
	tx.BeginStatement()
	fill(3000, 5000)
	if err := tx.RollbackTo("a"); err != nil {
		t.Fatal(err)
	}
	tx.BeginStatement()
	fill(8000, 10)
	if err := tx.RollbackStatement(); err != nil {
		t.Fatal(err)
	}
	tx.BeginStatement()
	fill(9000, 2000)
	if tx.bin.cache.spill == 0 {
		t.Fatal("nothing spilled")
	}
	mustCommit(t, tx)
	evs := s.bin[len(s.bin)-1]
	rows := 0
	for _, ev := range evs {
		if len(ev) > maxRowsEvent+100 {
			t.Fatal("event of", len(ev))
		}
	}
	text := logText(t, evs)
	for k := range 11000 {
		if has := strings.Contains(text, fmt.Sprintf("[%d ", k)); has != (k < 3000 || k >= 9000) {
			t.Fatal(k, has)
		} else if has {
			rows++
		}
	}
	if names, _ := s.fs.List("data/" + cacheDir); len(names) != 0 {
		t.Fatal("spill files stay:", names)
	}
	if got := s.rows(t, tab); len(got) != rows {
		t.Fatal(len(got), rows)
	}
}
