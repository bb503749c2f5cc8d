package storage

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"binrelay/binlog/event"
	"binrelay/binlog/txn"
)

// family makes t.p (k primary, v, w unique) and t.c (k primary, v → p.k, w → p.w).
func (s *testStore) family(t testing.TB, onDelete, onUpdate Action) (p, c *Table) {
	t.Helper()
	parent, child := kvSchema(), kvSchema()
	parent.Name, child.Name = "p", "c"
	child.Indexes[1].Unique = false
	s.create(t, parent)
	s.create(t, child)
	s.ddl(t, func(d *DDL) error {
		for _, k := range []ForeignKey{
			{Columns: []string{"v"}, Database: "t", Table: "p", Parent: []string{"k"}, OnDelete: onDelete, OnUpdate: onUpdate},
			{Columns: []string{"w"}, Database: "t", Table: "p", Parent: []string{"w"}, OnDelete: SetNull, OnUpdate: Cascade},
		} {
			if err := d.AddForeignKey("t", "c", k, ""); err != nil {
				return err
			}
		}
		return nil
	})
	p, _ = s.Catalog().Table("t", "p")
	c, _ = s.Catalog().Table("t", "c")
	return p, c
}

// change runs one statement in a transaction and returns its events.
func (s *testStore) change(t testing.TB, o TxOptions, fn func(tx *Tx) error) ([]event.Event, error) {
	t.Helper()
	tx := s.Begin(o)
	tx.BeginStatement()
	if err := fn(tx); err != nil {
		tx.Rollback()
		return nil, err
	}
	mustCommit(t, tx)
	return s.newest(), nil
}

// flagsOf returns the tables of the rows events, marked * for the flag.
func flagsOf(t testing.TB, evs []event.Event) string {
	t.Helper()
	var out []string
	names := map[uint64]string{}
	for _, ev := range evs {
		switch {
		case ev.Type() == event.TableMap:
			m, err := event.DecodeTableMap(ev, false)
			if err != nil {
				t.Fatal(err)
			}
			names[m.TableID] = m.Table
		case isRowsEvent(ev.Type()):
			r, err := event.DecodeRows(ev, false)
			if err != nil {
				t.Fatal(err)
			}
			name := names[r.TableID]
			if r.Flags&event.RowsNoFK != 0 {
				name += "*"
			}
			out = append(out, name)
		}
	}
	return strings.Join(out, " ")
}

// Children are logged before their parent, with the flag that keeps replicas
// from doing it again; so is all that is written without checks.
func TestForeignKey_Events(t *testing.T) {
	s := newTestStore(t)
	p, c := s.family(t, Cascade, Cascade)
	s.insert(t, p, []any{1, 0, 10}, []any{2, 0, 20})
	evs, err := s.change(t, TxOptions{}, func(tx *Tx) error {
		for _, r := range [][]any{{1, 1, nil}, {2, 1, 20}, {3, 2, 20}} {
			if err := tx.Insert(t.Context(), c, row(t, c, r...)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || flagsOf(t, evs) != "c" {
		t.Fatal(flagsOf(t, evs), err)
	}
	evs, err = s.change(t, TxOptions{}, func(tx *Tx) error {
		return tx.Update(t.Context(), p, row(t, p, 1, 0, 10), row(t, p, 5, 0, 10))
	})
	if err != nil || flagsOf(t, evs) != "c* p*" {
		t.Fatal(flagsOf(t, evs), err)
	}
	want(t, s.rows(t, c), "1,5,NULL", "2,5,20", "3,2,20")
	evs, err = s.change(t, TxOptions{}, func(tx *Tx) error { return tx.Delete(t.Context(), p, row(t, p, 2, 0, 20)) })
	if err != nil || flagsOf(t, evs) != "c* c* p*" {
		t.Fatal(flagsOf(t, evs), err)
	}
	want(t, s.rows(t, c), "1,5,NULL", "2,5,NULL")
	evs, err = s.change(t, TxOptions{NoForeignKeys: true}, func(tx *Tx) error {
		if err := tx.Insert(t.Context(), c, row(t, c, 9, 99, nil)); err != nil {
			return err
		}
		tx.SetForeignKeyChecks(true)
		tx.BeginStatement()
		return tx.Insert(t.Context(), c, row(t, c, 8, 5, nil))
	})
	if err != nil || flagsOf(t, evs) != "c* c" {
		t.Fatal(flagsOf(t, evs), err)
	}
	s.checkIndexes(t, c)
	s.checkIndexes(t, p)
}

// A statement that fails half way through its cascades leaves nothing.
func TestForeignKey_StatementRollback(t *testing.T) {
	s := newTestStore(t)
	p, c := s.family(t, Cascade, NoAction)
	grand := kvSchema()
	grand.Name = "g"
	s.create(t, grand)
	s.ddl(t, func(d *DDL) error {
		return d.AddForeignKey("t", "g", ForeignKey{Columns: []string{"v"}, Database: "t", Table: "c", Parent: []string{"k"}}, "")
	})
	g, _ := s.Catalog().Table("t", "g")
	s.insert(t, p, []any{1, 0, nil})
	s.insert(t, c, []any{1, 1, nil}, []any{2, 1, nil})
	s.insert(t, g, []any{1, 2, nil})
	tx := s.Begin(TxOptions{})
	tx.BeginStatement()
	err := tx.Delete(t.Context(), p, row(t, p, 1, 0, nil))
	var fk *ForeignKeyError
	if !errors.As(err, &fk) || !fk.Parent || !fk.Partial || fk.Table != "g" {
		t.Fatalf("%v", err)
	}
	if err := tx.RollbackStatement(); err != nil {
		t.Fatal(err)
	}
	want(t, scanAll(t, tx, c, -1, Range{}, ScanOptions{Lock: LockExclusive}), "1,1,NULL", "2,1,NULL")
	mustCommit(t, tx)
	want(t, s.rows(t, c), "1,1,NULL", "2,1,NULL")
	s.checkIndexes(t, c)
}

// unflagged takes the flag off and leaves out the children's events: what a
// MySQL before 9.6 or a MariaDB logs.
func unflagged(t testing.TB, evs []event.Event) []event.Event {
	t.Helper()
	var out []event.Event
	child := false // the rows at hand are of c
	for _, ev := range evs {
		ev = append(event.Event(nil), ev...)
		drop := false
		switch {
		case ev.Type() == event.TableMap:
			m, err := event.DecodeTableMap(ev, false)
			if err != nil {
				t.Fatal(err)
			}
			child = m.Table == "c"
		case isRowsEvent(ev.Type()):
			r, err := event.DecodeRows(ev, false)
			if err != nil {
				t.Fatal(err)
			}
			drop = child && r.Flags&event.RowsNoFK != 0
			event.SetRowsFlags(ev, r.Flags&^event.RowsNoFK)
		}
		if !drop {
			out = append(out, ev)
		}
	}
	// A Table_map whose rows went goes as well.
	kept := out[:0]
	for i, ev := range out {
		if ev.Type() != event.TableMap || i+1 < len(out) && isRowsEvent(out[i+1].Type()) {
			kept = append(kept, ev)
		}
	}
	return kept
}

// familyLoad changes parents and children at random and returns the events.
func familyLoad(t testing.TB, s *testStore, p, c *Table, n int, rng *rand.Rand) [][]event.Event {
	t.Helper()
	from := len(s.bin)
	for range n {
		tx := s.Begin(TxOptions{})
		for range 1 + rng.IntN(3) {
			tx.BeginStatement()
			tab := []*Table{p, c}[rng.IntN(2)]
			var rows [][]byte
			it := tx.Scan(t.Context(), tab, -1, Range{}, ScanOptions{Lock: LockExclusive})
			for it.Next() {
				rows = append(rows, append([]byte(nil), it.Image()...))
			}
			if err := it.Close(); err != nil {
				t.Fatal(err)
			}
			var w any
			if rng.IntN(2) == 0 {
				w = rng.IntN(8)
			}
			next := row(t, tab, rng.IntN(8), rng.IntN(8), w)
			if tab == c {
				next = row(t, tab, rng.IntN(60), rng.IntN(8), w)
			}
			var err error
			switch op := rng.IntN(5); {
			case op < 3 || len(rows) == 0:
				err = tx.Insert(t.Context(), tab, next)
			case op == 3:
				err = tx.Update(t.Context(), tab, rows[rng.IntN(len(rows))], next)
			default:
				err = tx.Delete(t.Context(), tab, rows[rng.IntN(len(rows))])
			}
			if err != nil {
				var dup *DuplicateError
				var fk *ForeignKeyError
				var def *DefinitionError
				if !errors.As(err, &dup) && !errors.As(err, &fk) && !errors.As(err, &def) {
					t.Fatal(err)
				}
				if err := tx.RollbackStatement(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return s.bin[from:]
}

// A replica carries out the cascades that its source left to it, against what
// waits in the queue as well as what is there, and not those that were logged.
// Recovery does the same.
func TestForeignKey_ApplyAndRedo(t *testing.T) {
	for _, logged := range []bool{true, false} {
		src, dst, again := newTestStore(t), newTestStore(t), newTestStore(t)
		p, c := src.family(t, Cascade, Cascade)
		dp, dc := dst.family(t, Cascade, Cascade)
		ap, ac := again.family(t, Cascade, Cascade)
		stream := familyLoad(t, src, p, c, 800, rand.New(rand.NewPCG(5, 6)))
		cascades := 0
		for i, evs := range stream {
			if strings.Contains(flagsOf(t, evs), "c* p*") {
				cascades++
			}
			if !logged {
				stream[i] = unflagged(t, evs)
			}
		}
		if cascades < 20 {
			t.Fatal(cascades, "cascades")
		}
		type held struct {
			p *pending
			c chan txn.Result
		}
		var queue []held
		dst.tables.enqueue = func(_ context.Context, p *pending) (<-chan txn.Result, error) {
			c := make(chan txn.Result, 1)
			queue = append(queue, held{p, c})
			return c, nil
		}
		rng := rand.New(rand.NewPCG(7, 8))
		flush := func(n int) {
			for ; n > 0 && len(queue) > 0; n-- {
				queue[0].c <- dst.commit(t.Context(), queue[0].p)
				queue = queue[1:]
			}
		}
		for i, evs := range stream {
			pr, err := dst.Prepare(t.Context(), groupOf(evs, i))
			if err != nil {
				t.Fatalf("transaction %d: %v\n%s", i, err, logText(t, evs))
			}
			pr.Enqueue()
			if rng.IntN(8) == 0 {
				flush(rng.IntN(30))
			}
			b := again.db.NewIndexedBatch()
			if err := again.tables.applyRecord(b, nil, txn.CSN(i+1), groupOf(evs, i).Events, true); err != nil {
				t.Fatalf("redo of %d: %v", i, err)
			}
			if err := again.db.Apply(b, pebble.NoSync); err != nil {
				t.Fatal(err)
			}
		}
		flush(1 << 30)
		want(t, dst.rows(t, dp), src.rows(t, p)...)
		want(t, dst.rows(t, dc), src.rows(t, c)...)
		want(t, again.rows(t, ap), src.rows(t, p)...)
		want(t, again.rows(t, ac), src.rows(t, c)...)
		for _, s := range []*testStore{src, dst, again} {
			for _, name := range []string{"p", "c"} {
				tab, _ := s.Catalog().Table("t", name)
				s.checkIndexes(t, tab)
			}
		}
		ch := dst.tables.channel("c")
		if len(ch.over) != 0 || len(ch.groups) != 0 || dst.tables.locks.Len() != 0 {
			t.Fatal("the channel keeps", len(ch.over), len(ch.groups), "keys and", dst.tables.locks.Len(), "locks")
		}
	}
}

// What a replica cannot apply it names in MySQL's words.
func TestForeignKey_ApplyErrors(t *testing.T) {
	src, dst := newTestStore(t), newTestStore(t)
	p, c := src.family(t, NoAction, NoAction)
	dp, dc := dst.family(t, NoAction, NoAction)
	src.insert(t, p, []any{1, 0, nil})
	dst.insert(t, dp, []any{2, 0, nil})
	dst.insert(t, dc, []any{1, 2, nil})
	fail := func(evs []event.Event, number uint16, text string) {
		t.Helper()
		_, err := dst.Prepare(t.Context(), groupOf(evs, 2))
		var ae *ApplyError
		if !errors.As(err, &ae) || ae.Errno != number || !strings.HasPrefix(ae.Text, text) {
			t.Fatalf("%v\nwant %d %s", err, number, text)
		}
	}
	src.insert(t, c, []any{5, 1, nil})
	fail(src.newest(), 1452, "Could not execute Write_rows event on table t.c; Cannot add or update a child row: a foreign key constraint fails (`t`.`c`, CONSTRAINT `c_ibfk_1` FOREIGN KEY (`v`) REFERENCES `p` (`k`)), Error_code: 1452; handler error HA_ERR_NO_REFERENCED_ROW; the event's source log src.000001")
	src.insert(t, p, []any{2, 0, nil})
	evs, err := src.change(t, TxOptions{}, func(tx *Tx) error { return tx.Update(t.Context(), p, row(t, p, 2, 0, nil), row(t, p, 3, 0, nil)) })
	if err != nil {
		t.Fatal(err)
	}
	// The key on w cascades, so the events say that nothing is to be checked.
	applyGroup(t, dst.Engine, groupOf(evs, 3))
	want(t, dst.rows(t, dp), "3,0,NULL")
	dst.insert(t, dp, []any{2, 0, nil})
	fail(unflagged(t, evs), 1451, "Could not execute Update_rows event on table t.p; Cannot delete or update a parent row: a foreign key constraint fails (`t`.`c`, CONSTRAINT `c_ibfk_1` FOREIGN KEY (`v`) REFERENCES `p` (`k`)), Error_code: 1451; handler error HA_ERR_ROW_IS_REFERENCED; the event's source log src.000001")
	if n := dst.tables.locks.Len(); n != 0 {
		t.Fatal(n, "locks stay")
	}
}

// A child that is being added keeps its parent, and a parent that goes keeps
// children away, with and without a read view.
func TestForeignKey_Locks(t *testing.T) {
	for _, level := range []Isolation{RepeatableRead, ReadCommitted, Serializable} {
		s := newTestStore(t)
		p, c := s.family(t, NoAction, NoAction)
		s.insert(t, p, []any{1, 0, nil}, []any{2, 0, nil})
		adds, goes := s.Begin(TxOptions{Isolation: level}), s.Begin(TxOptions{Isolation: level})
		for _, tx := range []*Tx{adds, goes} {
			tx.BeginStatement()
			if level != Serializable { // which would lock the row
				scanAll(t, tx, p, -1, Range{}, ScanOptions{}) // the view
			}
			tx.BeginStatement()
		}
		if err := adds.Insert(t.Context(), c, row(t, c, 1, 1, nil)); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- goes.Delete(context.Background(), p, row(t, p, 1, 0, nil)) }()
		s.waitBlocked(t, 1)
		mustCommit(t, adds)
		var fk *ForeignKeyError
		if err := <-done; !errors.As(err, &fk) || !fk.Parent {
			t.Fatalf("level %d: the parent goes: %v", level, err)
		}
		if err := goes.RollbackStatement(); err != nil {
			t.Fatal(err)
		}
		goes.BeginStatement()
		if err := goes.Delete(t.Context(), p, row(t, p, 2, 0, nil)); err != nil {
			t.Fatal(err)
		}
		adds = s.Begin(TxOptions{Isolation: level})
		adds.BeginStatement()
		go func() { done <- adds.Insert(context.Background(), c, row(t, c, 2, 2, nil)) }()
		s.waitBlocked(t, 1)
		mustCommit(t, goes)
		if err := <-done; !errors.As(err, &fk) || fk.Parent {
			t.Fatalf("level %d: the child comes: %v", level, err)
		}
		adds.Rollback()
		if n := s.tables.locks.Len(); n != 0 {
			t.Fatal(n, "locks stay")
		}
	}
}

// A cascade waits for a SERIALIZABLE transaction that has read the children.
func TestForeignKey_CascadeAndSerializable(t *testing.T) {
	s := newTestStore(t)
	p, c := s.family(t, Cascade, Cascade)
	s.insert(t, p, []any{1, 0, nil})
	s.insert(t, c, []any{1, 1, nil})
	reads := s.Begin(TxOptions{Isolation: Serializable})
	reads.BeginStatement()
	want(t, scanAll(t, reads, c, -1, Range{}, ScanOptions{}), "1,1,NULL")
	goes := s.Begin(TxOptions{})
	goes.BeginStatement()
	done := make(chan error, 1)
	go func() { done <- goes.Delete(context.Background(), p, row(t, p, 1, 0, nil)) }()
	s.waitBlocked(t, 1)
	want(t, scanAll(t, reads, c, -1, Range{}, ScanOptions{}), "1,1,NULL")
	mustCommit(t, reads)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	mustCommit(t, goes)
	want(t, s.rows(t, c))
}
