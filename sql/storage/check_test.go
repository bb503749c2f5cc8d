package storage

import (
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// CHECK TABLE finds nothing in a whole table, and each kind of damage in one
// that is not.
func TestCheckTable(t *testing.T) {
	s := newTestStore(t)
	keyed := s.create(t, kvSchema())
	s.insert(t, keyed, []any{1, 10, nil}, []any{2, 20, 200}, []any{3, 30, 300})
	plain := kvSchema()
	plain.Name, plain.Primary = "plain", nil
	bare := s.create(t, plain)
	s.insert(t, bare, []any{1, 10, nil}, []any{1, 10, nil}, []any{2, 20, 200})
	check := func(tab *Table) string {
		t.Helper()
		faults, err := s.CheckTable(t.Context(), tab)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(faults, "; ")
	}
	for _, tab := range []*Table{keyed, bare} {
		if got := check(tab); got != "" {
			t.Errorf("%s: %s", tab.schema.Name, got)
		}
	}
	first := func(space byte, id TableID) (key, value []byte) {
		t.Helper()
		low, high := idBounds(space, id)
		it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
		if err != nil {
			t.Fatal(err)
		}
		defer it.Close()
		if !it.First() {
			t.Fatalf("nothing under %c %d", space, id)
		}
		return append([]byte(nil), it.Key()...), append([]byte(nil), it.Value()...)
	}
	x := keyed.schema.Indexes[0]
	space := byte(indexSpace)
	if x.Unique {
		space = uniqueSpace
	}
	entry, entryValue := first(space, x.ID)
	row, rowValue := first(rowSpace, keyed.schema.ID)
	hash, _ := first(hashSpace, bare.schema.ID)
	for _, c := range []struct {
		tab   *Table
		harm  func() error
		mend  func() error
		fault string
	}{
		{keyed, func() error { return s.db.Delete(entry, pebble.NoSync) }, func() error { return s.db.Set(entry, entryValue, pebble.NoSync) }, "is not in index"},
		{keyed, func() error { return s.db.Delete(row, pebble.NoSync) }, func() error { return s.db.Set(row, rowValue, pebble.NoSync) }, "has 3 entries; the table has 2 rows"},
		{keyed, func() error { return s.db.Set(row, rowValue[:len(rowValue)-3], pebble.NoSync) }, func() error { return s.db.Set(row, rowValue, pebble.NoSync) }, "is malformed"},
		{bare, func() error { return s.db.Delete(hash, pebble.NoSync) }, func() error { return s.db.Set(hash, nil, pebble.NoSync) }, "is not in the index of rows by value"},
	} {
		if err := c.harm(); err != nil {
			t.Fatal(err)
		}
		if got := check(c.tab); !strings.Contains(got, c.fault) {
			t.Errorf("got %q, want %q", got, c.fault)
		}
		if err := c.mend(); err != nil {
			t.Fatal(err)
		}
	}
	if got := check(keyed) + check(bare); got != "" {
		t.Errorf("after mending: %s", got)
	}
	if err := s.CompactTable(t.Context(), keyed); err != nil {
		t.Error(err)
	}
	if got := check(keyed); got != "" {
		t.Errorf("after OPTIMIZE: %s", got)
	}
}
