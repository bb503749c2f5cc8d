package storage

import (
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/sql/storage/keycodec"
	"binrelay/sql/storage/lock"
)

func TestTx_OwnWritesAndViews(t *testing.T) {
	s := newTestStore(t)
	tab := s.create(t, kvSchema())
	s.insert(t, tab, []any{1, 10, nil}, []any{2, 20, 200}, []any{3, 30, nil})

	a, b := s.Begin(TxOptions{}), s.Begin(TxOptions{})
	defer a.Rollback()
	want(t, scanAll(t, a, tab, -1, Range{}, ScanOptions{}), "1,10,NULL", "2,20,200", "3,30,NULL")
	b.BeginStatement()
	if err := b.Update(t.Context(), tab, row(t, tab, 2, 20, 200), row(t, tab, 2, 5, 201)); err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), tab, row(t, tab, 1, 10, nil)); err != nil {
		t.Fatal(err)
	}
	if err := b.Insert(t.Context(), tab, row(t, tab, 0, 40, nil)); err != nil {
		t.Fatal(err)
	}
	if err := b.EndStatement(); err != nil {
		t.Fatal(err)
	}
	want(t, scanAll(t, b, tab, -1, Range{}, ScanOptions{}), "0,40,NULL", "2,5,201", "3,30,NULL")
	want(t, scanAll(t, b, tab, -1, Range{}, ScanOptions{Reverse: true}), "3,30,NULL", "2,5,201", "0,40,NULL")
	want(t, scanAll(t, b, tab, 0, Range{}, ScanOptions{}), "2,5,201", "3,30,NULL", "0,40,NULL")
	want(t, scanAll(t, b, tab, 1, Range{}, ScanOptions{Reverse: true}), "2,5,201", "3,30,NULL", "0,40,NULL")
	mustCommit(t, b)

	want(t, scanAll(t, a, tab, 0, Range{}, ScanOptions{}), "1,10,NULL", "2,20,200", "3,30,NULL")
	want(t, s.rows(t, tab), "0,40,NULL", "2,5,201", "3,30,NULL")
	low, _ := tab.EncodeKey(nil, 0, keycodec.Int(10))
	high, _ := tab.EncodeKey(nil, 0, keycodec.Int(30))
	want(t, scanAll(t, a, tab, 0, Range{Low: low, High: high}, ScanOptions{}), "1,10,NULL", "2,20,200")
	s.checkIndexes(t, tab)
}

func TestTx_Duplicates(t *testing.T) {
	s := newTestStore(t)
	sc := kvSchema()
	sc.Indexes = append(sc.Indexes, Index{Name: "vw", Parts: part(1, 2), Unique: true})
	tab := s.create(t, sc)
	s.insert(t, tab, []any{1, 10, nil}, []any{2, 20, 200}, []any{3, 20, nil}, []any{4, 20, nil})
	tx := s.Begin(TxOptions{})
	defer tx.Rollback()
	for _, c := range []struct {
		row   []any
		text  string
		index int
		in    string
	}{
		{[]any{2, 1, nil}, "Duplicate entry '2' for key 'kv.PRIMARY'", -1, "2,20,200"},
		{[]any{5, 1, 200}, "Duplicate entry '200' for key 'kv.w'", 1, "2,20,200"},
	} {
		var dup *DuplicateError
		err := tx.Insert(t.Context(), tab, row(t, tab, c.row...))
		if !errors.As(err, &dup) || dup.Error() != c.text || dup.Index != c.index || show(tab, dup.Existing) != c.in {
			t.Fatalf("insert %v: %v", c.row, err)
		}
	}
	// A refused change leaves nothing; the statement goes on.
	if err := tx.Insert(t.Context(), tab, row(t, tab, 5, 20, 201)); err != nil {
		t.Fatal(err)
	}
	var dup *DuplicateError
	if err := tx.Update(t.Context(), tab, row(t, tab, 5, 20, 201), row(t, tab, 1, 20, 201)); !errors.As(err, &dup) || dup.Key != "PRIMARY" {
		t.Fatal(err)
	}
	if err := tx.Update(t.Context(), tab, row(t, tab, 1, 10, nil), row(t, tab, 1, 20, 200)); !errors.As(err, &dup) || dup.Entry != "200" {
		t.Fatal(err)
	}
	// Moving a row keeps its unique keys; a deleted row's keys are free.
	for _, step := range []func() error{
		func() error { return tx.Update(t.Context(), tab, row(t, tab, 2, 20, 200), row(t, tab, 9, 20, 200)) },
		func() error { return tx.Delete(t.Context(), tab, row(t, tab, 9, 20, 200)) },
		func() error { return tx.Insert(t.Context(), tab, row(t, tab, 2, 20, 200)) },
		func() error { return tx.EndStatement() },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	mustCommit(t, tx)
	want(t, s.rows(t, tab), "1,10,NULL", "2,20,200", "3,20,NULL", "4,20,NULL", "5,20,201")
	s.checkIndexes(t, tab)
}

func TestTx_StatementRollbackAndSavepoints(t *testing.T) {
	s := newTestStore(t)
	tab := s.create(t, kvSchema())
	s.insert(t, tab, []any{1, 1, nil})
	tx := s.Begin(TxOptions{})
	set := func(k, old, v int) {
		t.Helper()
		tx.BeginStatement()
		if err := tx.Update(t.Context(), tab, row(t, tab, k, old, nil), row(t, tab, k, v, nil)); err != nil {
			t.Fatal(err)
		}
		if err := tx.EndStatement(); err != nil {
			t.Fatal(err)
		}
	}
	one := func(v string) {
		t.Helper()
		want(t, scanAll(t, tx, tab, 0, Range{}, ScanOptions{}), v)
	}
	set(1, 1, 2)
	tx.Savepoint("a")
	set(1, 2, 3)
	set(1, 3, 4)
	tx.Savepoint("b")
	set(1, 4, 5)
	tx.BeginStatement()
	if err := tx.Delete(t.Context(), tab, row(t, tab, 1, 5, nil)); err != nil {
		t.Fatal(err)
	}
	if err := tx.Insert(t.Context(), tab, row(t, tab, 1, 6, nil)); err != nil {
		t.Fatal(err)
	}
	if err := tx.RollbackStatement(); err != nil {
		t.Fatal(err)
	}
	one("1,5,NULL")
	if err := tx.RollbackTo("b"); err != nil {
		t.Fatal(err)
	}
	one("1,4,NULL")
	set(1, 4, 7)
	if err := tx.RollbackTo("a"); err != nil {
		t.Fatal(err)
	}
	one("1,2,NULL")
	if err := tx.RollbackTo("b"); !errors.Is(err, ErrNoSavepoint) {
		t.Fatal(err)
	}
	set(1, 2, 8)
	if err := tx.Release("a"); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, tx)
	want(t, s.rows(t, tab), "1,8,NULL")
	s.checkIndexes(t, tab)
	// The events say the same: only what was kept.
	if got := logText(t, s.bin[len(s.bin)-1]); got != "update t.kv [1 1 <nil>] [1 2 <nil>] END; update t.kv [1 2 <nil>] [1 8 <nil>] END" {
		t.Fatal(got)
	}
}

// Steps of a statement are undone alone, in the tables and in its events, also
// where those have gone to a file meanwhile.
func TestTx_Steps(t *testing.T) {
	for _, limit := range []int64{1 << 20, 0} {
		s := openTestStore(t, vfs.NewMem(), Options{CacheSize: func() int64 { return limit }})
		defer s.db.Close()
		tab := s.create(t, kvSchema())
		tx := s.Begin(TxOptions{})
		insert := func(k, v int) {
			t.Helper()
			if err := tx.Insert(t.Context(), tab, row(t, tab, k, v, nil)); err != nil {
				t.Fatal(err)
			}
		}
		undo := func(step Step) {
			t.Helper()
			if err := tx.RollbackStep(step); err != nil {
				t.Fatal(err)
			}
		}
		tx.BeginStatement()
		step := tx.BeginStep()
		insert(1, 1)
		undo(step) // nothing was there before
		for k := range 3 {
			tx.BeginStep()
			insert(10+k, k)
		}
		step = tx.BeginStep()
		if err := tx.Update(t.Context(), tab, row(t, tab, 10, 0, nil), row(t, tab, 10, 9, nil)); err != nil {
			t.Fatal(err)
		}
		for k := range 2000 { // more than one rows event
			insert(1000+k, k)
		}
		undo(step)
		tx.BeginStep()
		insert(13, 3)
		if err := tx.EndStatement(); err != nil {
			t.Fatal(err)
		}
		tx.BeginStatement()
		tx.BeginStep()
		insert(20, 1)
		tx.BeginStep()
		insert(21, 1)
		if err := tx.RollbackStatement(); err != nil {
			t.Fatal(err)
		}
		mustCommit(t, tx)
		want(t, s.rows(t, tab), "10,0,NULL", "11,1,NULL", "12,2,NULL", "13,3,NULL")
		s.checkIndexes(t, tab)
		if got := logText(t, s.bin[len(s.bin)-1]); got != "insert t.kv [10 0 <nil>] [11 1 <nil>] [12 2 <nil>] [13 3 <nil>] END" {
			t.Fatal(got)
		}
	}
}

// Halloween: a statement that moves rows along the index it scans meets each
// row once.
func TestTx_ScanDoesNotMeetOwnRows(t *testing.T) {
	s := newTestStore(t)
	tab := s.create(t, kvSchema())
	tx := s.Begin(TxOptions{})
	tx.BeginStatement()
	for k := range 20 {
		if err := tx.Insert(t.Context(), tab, row(t, tab, k, k, nil)); err != nil {
			t.Fatal(err)
		}
	}
	tx.BeginStatement() // rows of an earlier statement of this transaction, and committed ones
	it := tx.Scan(t.Context(), tab, 0, Range{}, ScanOptions{Lock: LockExclusive})
	n := 0
	for it.Next() {
		n++
		cells, _ := tab.layout.Cut(it.Image(), nil)
		k, v := int(int32(le32(cells[0].Value(it.Image())))), int(int32(le32(cells[1].Value(it.Image()))))
		if err := tx.Update(t.Context(), tab, it.Image(), row(t, tab, k, v+7, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if err := it.Close(); err != nil || n != 20 {
		t.Fatal(n, err)
	}
	if got := scanAll(t, tx, tab, 0, Range{}, ScanOptions{}); got[0] != "0,0,NULL" {
		t.Fatal("the statement meets its rows", got)
	}
	if got := scanAll(t, tx, tab, 0, Range{}, ScanOptions{Own: true}); got[0] != "0,7,NULL" {
		t.Fatal("Own does not show the statement's rows", got)
	}
	mustCommit(t, tx)
	if got := s.rows(t, tab); len(got) != 20 || got[19] != "19,26,NULL" {
		t.Fatal(got)
	}
	s.checkIndexes(t, tab)
}

func le32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func TestTx_NoPrimaryKey(t *testing.T) {
	s := newTestStore(t)
	tab := s.create(t, Schema{Database: "t", Name: "h", Columns: []Column{intColumn("a"), nullable(textColumn("b"))}, Indexes: []Index{{Name: "a", Parts: part(0)}}})
	s.insert(t, tab, []any{1, "x"}, []any{1, "x"}, []any{2, nil})
	tx := s.Begin(TxOptions{})
	tx.BeginStatement()
	if err := tx.Delete(t.Context(), tab, row(t, tab, 1, "x")); err != nil {
		t.Fatal(err)
	}
	if err := tx.Update(t.Context(), tab, row(t, tab, 2, nil), row(t, tab, 1, "x")); err != nil {
		t.Fatal(err)
	}
	if err := tx.Delete(t.Context(), tab, row(t, tab, 3, nil)); !errors.Is(err, ErrRowNotFound) {
		t.Fatal(err)
	}
	mustCommit(t, tx)
	want(t, s.rows(t, tab), "1,x", "1,x")
	s.checkIndexes(t, tab)
}

// The history of M7: reading y after another transaction moved x away and a
// third moved it back must not let the first overwrite x.
func TestTx_FirstCommitterWinsByStamp(t *testing.T) {
	s := newTestStore(t)
	tab := s.create(t, kvSchema())
	s.insert(t, tab, []any{1, 1, nil}, []any{2, 1, nil})
	t1 := s.Begin(TxOptions{Snapshot: true})
	t2 := s.Begin(TxOptions{})
	for _, k := range []int{1, 2} {
		if err := t2.Update(t.Context(), tab, row(t, tab, k, 1, nil), row(t, tab, k, 2, nil)); err != nil {
			t.Fatal(err)
		}
	}
	mustCommit(t, t2)
	t3 := s.Begin(TxOptions{})
	if err := t3.Update(t.Context(), tab, row(t, tab, 1, 2, nil), row(t, tab, 1, 1, nil)); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, t3)
	if v, err := get(t, t1, tab, 2, LockNone); err != nil || v != "2,1,NULL" {
		t.Fatal(v, err)
	}
	if err := t1.Update(t.Context(), tab, row(t, tab, 1, 1, nil), row(t, tab, 1, 9, nil)); !errors.Is(err, ErrConflict) || !errors.Is(err, ErrDeadlock) {
		t.Fatal(err)
	}
	if _, err := t1.Commit(t.Context()); !errors.Is(err, ErrTxDone) {
		t.Fatal("the transaction lives on:", err)
	}
}

// Its twin: the key was absent in the view, inserted and deleted since.
func TestTx_InsertAfterInsertAndDelete(t *testing.T) {
	s := newTestStore(t)
	tab := s.create(t, kvSchema())
	t1, t4 := s.Begin(TxOptions{Snapshot: true}), s.Begin(TxOptions{})
	s.insert(t, tab, []any{1, 1, nil})
	t2 := s.Begin(TxOptions{})
	if err := t2.Delete(t.Context(), tab, row(t, tab, 1, 1, nil)); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, t2)
	if err := t1.Insert(t.Context(), tab, row(t, tab, 1, 5, nil)); !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	// Without a view there is no conflict, and a plain insert of a row that the
	// view lacks is a duplicate.
	t5 := s.Begin(TxOptions{Snapshot: true})
	if err := t4.Insert(t.Context(), tab, row(t, tab, 1, 6, nil)); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, t4)
	var dup *DuplicateError
	if err := t5.Insert(t.Context(), tab, row(t, tab, 1, 7, nil)); !errors.As(err, &dup) {
		t.Fatal(err)
	}
	if err := t5.Delete(t.Context(), tab, dup.Existing); !errors.Is(err, ErrConflict) {
		t.Fatal("REPLACE of a row newer than the view:", err)
	}
}

// A contended first locking statement waits and goes on with the newest row:
// never 1213.
func TestTx_LockFirstNeverConflicts(t *testing.T) {
	s := newTestStore(t)
	tab := s.create(t, kvSchema())
	s.insert(t, tab, []any{1, 0, nil})
	const workers, rounds = 8, 25
	errs := make(chan error, workers)
	for w := range workers {
		go func() {
			for range rounds {
				tx := s.Begin(TxOptions{ThreadID: uint32(w)})
				var img []byte
				var err error
				tx.BeginStatement()
				if w%2 == 0 {
					img, _, err = tx.Get(t.Context(), tab, mustKey(tab, 1), LockExclusive)
				} else {
					it := tx.Scan(t.Context(), tab, 0, Range{}, ScanOptions{Lock: LockExclusive})
					if it.Next() {
						img = append([]byte(nil), it.Image()...)
					}
					err = it.Close()
				}
				if err == nil && img != nil {
					next := append([]byte(nil), img...)
					next[5]++ // the lowest byte of v
					if next[5] == 0 {
						next[6]++
					}
					err = tx.Update(t.Context(), tab, img, next)
				}
				if err == nil {
					_, err = tx.Commit(t.Context())
				}
				tx.Rollback()
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range workers {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	want(t, s.rows(t, tab), "1,200,NULL")
	s.checkIndexes(t, tab)
}

func mustKey(tab *Table, k int) []byte {
	key, err := tab.EncodeKey(nil, -1, keycodec.Int(int64(k)))
	if err != nil {
		panic(err)
	}
	return key
}

func TestTx_LockTimeoutDeadlockNoWait(t *testing.T) {
	s := newTestStore(t)
	tab := s.create(t, kvSchema())
	s.insert(t, tab, []any{1, 1, nil}, []any{2, 1, nil})
	a := s.Begin(TxOptions{ThreadID: 1})
	b := s.Begin(TxOptions{ThreadID: 2, LockWait: time.Millisecond})
	if _, err := get(t, a, tab, 1, LockExclusive); err != nil {
		t.Fatal(err)
	}
	if err := b.Insert(t.Context(), tab, row(t, tab, 7, 7, nil)); err != nil {
		t.Fatal(err)
	}
	b.BeginStatement()
	if _, err := get(t, b, tab, 1, LockShared); !errors.Is(err, ErrLockTimeout) {
		t.Fatal(err)
	}
	if err := b.RollbackStatement(); err != nil {
		t.Fatal(err)
	}
	if _, err := tryScan(t.Context(), b, tab, -1, Range{}, ScanOptions{Lock: LockShared, Policy: NoWait}); !errors.Is(err, ErrLockNoWait) {
		t.Fatal(err)
	}
	want(t, scanAll(t, b, tab, -1, Range{}, ScanOptions{Lock: LockExclusive, Policy: SkipLocked}), "2,1,NULL", "7,7,NULL")
	mustCommit(t, b) // the time-out cost the statement only
	want(t, s.rows(t, tab), "1,1,NULL", "2,1,NULL", "7,7,NULL")

	c := s.Begin(TxOptions{ThreadID: 3})
	if _, err := get(t, c, tab, 2, LockExclusive); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() { _, _, err := c.Get(t.Context(), tab, mustKey(tab, 1), LockExclusive); got <- err }()
	s.waitBlocked(t, 1)
	_, err := get(t, a, tab, 2, LockExclusive)
	if err == nil {
		err = <-got
		mustCommit(t, a)
	} else {
		if e := <-got; e != nil {
			t.Fatal("both are victims", e)
		}
		c.Rollback()
	}
	if !errors.Is(err, ErrDeadlock) {
		t.Fatal(err)
	}
}

func TestTx_ReadCommitted(t *testing.T) {
	s := newTestStore(t)
	tab := s.create(t, kvSchema())
	s.insert(t, tab, []any{1, 1, nil})
	tx := s.Begin(TxOptions{Isolation: ReadCommitted})
	defer tx.Rollback()
	tx.BeginStatement()
	want(t, scanAll(t, tx, tab, -1, Range{}, ScanOptions{}), "1,1,NULL")
	s.insert(t, tab, []any{2, 1, nil})
	want(t, scanAll(t, tx, tab, -1, Range{}, ScanOptions{}), "1,1,NULL")
	tx.BeginStatement()
	want(t, scanAll(t, tx, tab, -1, Range{}, ScanOptions{}), "1,1,NULL", "2,1,NULL")
	// No conflict in this level: the newest row is changed.
	other := s.Begin(TxOptions{})
	if err := other.Update(t.Context(), tab, row(t, tab, 1, 1, nil), row(t, tab, 1, 2, nil)); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, other)
	want(t, scanAll(t, tx, tab, -1, Range{}, ScanOptions{Lock: LockExclusive}), "1,2,NULL", "2,1,NULL")
}

func TestTx_AutoIncrement(t *testing.T) {
	s := newTestStore(t)
	sc := kvSchema()
	sc.Columns[0].AutoIncrement = true
	sc.AutoIncrement = 5
	tab := s.create(t, sc)
	tx := s.Begin(TxOptions{})
	next := func(n, inc, off, wantFirst uint64) {
		t.Helper()
		if v, err := tx.NextAutoIncrement(tab, n, inc, off); err != nil || v != wantFirst {
			t.Fatal(v, err, "want", wantFirst)
		}
	}
	next(1, 1, 1, 5)
	next(3, 1, 1, 6)
	next(2, 10, 3, 13)
	next(1, 0, 0, 24)
	if err := tx.Insert(t.Context(), tab, row(t, tab, 100, 1, nil)); err != nil {
		t.Fatal(err)
	}
	next(1, 1, 1, 101)
	mustCommit(t, tx)
	del := s.Begin(TxOptions{})
	if err := del.Delete(t.Context(), tab, row(t, tab, 100, 1, nil)); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, del)
	// The counter survives a restart although its rows are gone.
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	_ = s.db.Close()
	r := openTestStore(t, s.fs, Options{})
	s.Engine = r.Engine
	again, _ := r.Catalog().Table("t", "kv")
	if v := again.NextAutoIncrement(); v != 102 {
		t.Fatal(v)
	}
	last := r.Begin(TxOptions{})
	defer last.Rollback()
	if err := last.Insert(t.Context(), again, row(t, again, 1<<31-1, 1, nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := last.NextAutoIncrement(again, 1, 1, 1); !errors.Is(err, ErrAutoIncrement) {
		t.Fatal(err)
	}
}

// A definition that was replaced cannot be written to, and one that is being
// written to cannot be replaced.
func TestTx_WritesLockTheDefinition(t *testing.T) {
	s := newTestStore(t)
	old := s.create(t, kvSchema())
	tx := s.Begin(TxOptions{})
	if err := tx.Insert(t.Context(), old, row(t, old, 1, 1, nil)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.tryDDL(t, func(d *DDL) error { return d.TruncateTable("t", "kv") }) }()
	s.waitBlocked(t, 1)
	mustCommit(t, tx)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	late := s.Begin(TxOptions{})
	defer late.Rollback()
	if err := late.Insert(t.Context(), old, row(t, old, 2, 1, nil)); !errors.Is(err, ErrTableChanged) {
		t.Fatal(err)
	}
	now, _ := s.Catalog().Table("t", "kv")
	want(t, s.rows(t, now))
}

func TestTx_ReadOnlyTooLargeEnded(t *testing.T) {
	s := newTestStore(t)
	tab := s.create(t, kvSchema())
	ro := s.Begin(TxOptions{ReadOnly: true})
	if err := ro.Insert(t.Context(), tab, row(t, tab, 1, 1, nil)); !errors.Is(err, ErrReadOnly) {
		t.Fatal(err)
	}
	if res, err := ro.Commit(t.Context()); err != nil || res.CSN != 0 {
		t.Fatal("a commit of nothing is a commit", res, err)
	}
	if err := ro.Delete(t.Context(), tab, row(t, tab, 1, 1, nil)); !errors.Is(err, ErrTxDone) {
		t.Fatal(err)
	}
	s.o.MaxTxnBytes = func() int64 { return 1000 }
	big := s.Begin(TxOptions{})
	var err error
	for k := 0; err == nil && k < 1000; k++ {
		err = big.Insert(t.Context(), tab, row(t, tab, k, 1, nil))
	}
	if !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	if _, err := big.Commit(t.Context()); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	want(t, s.rows(t, tab))
	if n := s.tables.locks.Len(); n != 0 {
		t.Fatal(n, "locks stay")
	}
}

func BenchmarkTx_InsertCommit(b *testing.B) {
	s := newTestStore(b)
	tab := s.create(b, kvSchema())
	b.ReportAllocs()
	for k := 0; b.Loop(); k++ {
		tx := s.Begin(TxOptions{Autocommit: true})
		if err := tx.Insert(b.Context(), tab, row(b, tab, k, k, k)); err != nil {
			b.Fatal(err)
		}
		mustCommit(b, tx)
		s.bin, s.kvs = s.bin[:0], s.kvs[:0]
	}
}

func BenchmarkTx_InsertRows(b *testing.B) {
	s := newTestStore(b)
	tab := s.create(b, kvSchema())
	tx := s.Begin(TxOptions{})
	tx.BeginStatement()
	b.ReportAllocs()
	for k := 0; b.Loop(); k++ {
		if err := tx.Insert(b.Context(), tab, row(b, tab, k, k, k)); err != nil {
			b.Fatal(err)
		}
	}
	tx.Rollback()
}

func BenchmarkTx_PointGet(b *testing.B) {
	s := newTestStore(b)
	tab := s.create(b, kvSchema())
	s.insert(b, tab, []any{1, 1, 1})
	key := pkKey(b, tab, 1)
	b.ReportAllocs()
	for b.Loop() {
		tx := s.Begin(TxOptions{Autocommit: true})
		if _, ok, err := tx.Get(b.Context(), tab, key, LockNone); !ok || err != nil {
			b.Fatal(err)
		}
		tx.Rollback()
	}
}

func TestEngine_EstimateRows(t *testing.T) {
	s := newTestStore(t)
	now := time.Unix(1000, 0)
	s.o.Now = func() time.Time { return now }
	tab := s.create(t, kvSchema())
	if n := s.EstimateRows(tab); n != 0 {
		t.Fatal(n)
	}
	tx := s.Begin(TxOptions{})
	for k := range 5000 {
		if err := tx.Insert(t.Context(), tab, row(t, tab, k, k, nil)); err != nil {
			t.Fatal(err)
		}
		if k == 99 {
			mustCommit(t, tx)
			tx = s.Begin(TxOptions{})
			now = now.Add(time.Second)
			if n := s.EstimateRows(tab); n != 100 {
				t.Fatal(n, "small tables are counted")
			}
		}
	}
	mustCommit(t, tx)
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	if n := s.EstimateRows(tab); n < 512 || n > 50000 {
		t.Fatal(n)
	}
}

// A locking scan that waited looks at the row again: it may have left the
// range.
func TestTx_LockedScanLooksAgain(t *testing.T) {
	s := newTestStore(t)
	tab := s.create(t, kvSchema())
	s.insert(t, tab, []any{1, 10, nil}, []any{2, 11, nil}, []any{3, 12, nil})
	holder := s.Begin(TxOptions{})
	for _, c := range [][2][]any{{{1, 10, nil}, {1, 99, nil}}, {{2, 11, nil}, {2, 13, nil}}} {
		if err := holder.Update(t.Context(), tab, row(t, tab, c[0]...), row(t, tab, c[1]...)); err != nil {
			t.Fatal(err)
		}
	}
	low, _ := tab.EncodeKey(nil, 0, keycodec.Int(10))
	high, _ := tab.EncodeKey(nil, 0, keycodec.Int(20))
	tx := s.Begin(TxOptions{})
	got := make(chan []string, 1)
	go func() {
		rows, err := tryScan(t.Context(), tx, tab, 0, Range{Low: low, High: high}, ScanOptions{Lock: LockExclusive})
		if err != nil {
			rows = []string{err.Error()}
		}
		got <- rows
	}()
	s.waitBlocked(t, 1)
	mustCommit(t, holder)
	want(t, <-got, "3,12,NULL", "2,13,NULL")
	if _, err := tx.ts.locks.Acquire(t.Context(), s.tables.locks.NewOwner(9), append(appendID(nil, rowSpace, tab.schema.ID), pkKey(t, tab, 1)...), lock.X, lock.Wait{Policy: lock.NoWait}); err != nil {
		t.Fatal("the row outside of the range stays locked")
	}
	tx.Rollback()
}
