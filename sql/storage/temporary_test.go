package storage

import (
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// temporaryKeys counts the keys under ids of temporary tables.
func (s *testStore) temporaryKeys(t *testing.T) (n int) {
	t.Helper()
	for _, space := range idSpaces {
		it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: appendID(nil, space, temporaryIDs), UpperBound: []byte{space + 1}})
		if err != nil {
			t.Fatal(err)
		}
		for ok := it.First(); ok; ok = it.Next() {
			n++
		}
		if err := it.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// Rows of temporary tables reach no log, and nothing of them stays behind
// their session or a crash.
func TestTemporary_LeavesNothing(t *testing.T) {
	fs := vfs.NewMem()
	s := openTestStore(t, fs, Options{})
	base := s.create(t, kvSchema())
	logged := len(s.bin) + len(s.priv)
	tt := s.NewTemporary()
	sc := kvSchema()
	sc.Name = "own"
	own, err := tt.Create(sc)
	if err != nil {
		t.Fatal(err)
	}
	tx := s.Begin(TxOptions{Temporary: tt})
	tx.BeginStatement()
	for k := range 3 {
		if err := tx.Insert(t.Context(), own, row(t, own, k, k, k)); err != nil {
			t.Fatal(err)
		}
	}
	mustCommit(t, tx)
	if len(s.bin)+len(s.priv) != logged {
		t.Error("it is in a log")
	}
	want(t, s.rows(t, base))
	tx = s.Begin(TxOptions{Temporary: tt})
	want(t, scanAll(t, tx, own, -1, Range{}, ScanOptions{}), "0,0,0", "1,1,1", "2,2,2")
	tx.Rollback()
	s.checkIndexes(t, own)
	if n := s.temporaryKeys(t); n != 9 {
		t.Error(n, "keys")
	}

	// A transaction that changed one that is gone since, and a base table.
	tx = s.Begin(TxOptions{Temporary: tt})
	tx.BeginStatement()
	for _, tab := range []*Table{own, base} {
		if err := tx.Insert(t.Context(), tab, row(t, tab, 7, 7, 7)); err != nil {
			t.Fatal(err)
		}
	}
	tt.Drop("t", "own")
	mustCommit(t, tx)
	want(t, s.rows(t, base), "7,7,7")
	if n := s.temporaryKeys(t); n != 0 {
		t.Error(n, "keys stay after DROP")
	}

	if own, err = tt.Create(sc); err != nil {
		t.Fatal(err)
	}
	tx = s.Begin(TxOptions{Temporary: tt})
	if err := tx.Insert(t.Context(), own, row(t, own, 1, 1, 1)); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, tx)
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	if s.temporaryKeys(t) == 0 {
		t.Fatal("nothing to sweep")
	}
	if err := s.db.Close(); err != nil { // without an end of the session
		t.Fatal(err)
	}
	s = openTestStore(t, fs, Options{})
	defer s.db.Close()
	if n := s.temporaryKeys(t); n != 0 {
		t.Error(n, "keys stay after a restart")
	}
}
