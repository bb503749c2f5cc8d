package storage

import (
	"errors"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
)

// fill begins the creation of t.kv with rows.
func (s *testStore) fill(t testing.TB, sc Schema, o TxOptions, apart bool) (*Tx, *Table) {
	t.Helper()
	d, err := s.BeginDDL(t.Context(), DDLStatement{Text: "CREATE TABLE kv", DB: "t", NoBinlog: o.NoBinlog})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.CreateTable(sc); err != nil {
		t.Fatal(err)
	}
	tx, err := d.Fill(o, "t", "kv", apart)
	if err != nil {
		t.Fatal(err)
	}
	d.Rollback() // is over: does nothing
	tab, err := tx.LockTable(t.Context(), "t", "kv", MetaWrite)
	if err != nil {
		t.Fatal(err)
	}
	return tx, tab
}

func TestFill_TableAndRowsAtOnce(t *testing.T) {
	s := newTestStore(t)
	s.create(t, kvSchema())
	s.ddl(t, func(d *DDL) error { return d.DropTable("t", "kv") })
	view := s.Begin(TxOptions{Snapshot: true})
	defer view.Rollback()

	tx, tab := s.fill(t, kvSchema(), TxOptions{}, false)
	for k := range 5 {
		if err := tx.Insert(t.Context(), tab, row(t, tab, k, k, k)); err != nil {
			t.Fatal(err)
		}
	}
	var dup *DuplicateError
	if err := tx.Insert(t.Context(), tab, row(t, tab, 3, 9, 9)); !errors.As(err, &dup) {
		t.Error(err)
	}
	if _, ok := s.Catalog().Table("t", "kv"); ok {
		t.Error("others see the table before the commit")
	}
	want(t, scanAll(t, tx, tab, -1, Range{}, ScanOptions{Own: true}), "0,0,0", "1,1,1", "2,2,2", "3,3,3", "4,4,4")
	tx.Rollback()
	if n := s.storeKeys(t); n[rowSpace]+n[indexSpace]+n[uniqueSpace] != 0 {
		t.Error("a creation that was rolled back leaves", n)
	}
	if _, ok := s.Catalog().Table("t", "kv"); ok {
		t.Error("the table is there after a rollback")
	}

	// The name is free, and its locks are.
	tx, tab = s.fill(t, kvSchema(), TxOptions{}, false)
	if err := tx.Insert(t.Context(), tab, row(t, tab, 1, 1, 1)); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, tx)
	tab, ok := s.Catalog().Table("t", "kv")
	if !ok {
		t.Fatal("no table after the commit")
	}
	want(t, s.rows(t, tab), "1,1,1")
	s.checkIndexes(t, tab)
	if _, _, err := view.Get(t.Context(), tab, pkKey(t, tab, 1), LockNone); !errors.Is(err, ErrTableChanged) {
		t.Error("an older view reads the table:", err)
	}
	s.insert(t, tab, []any{2, 2, 2})
	s.ddl(t, func(d *DDL) error { return d.DropTable("t", "kv") })
}

// The events and changes of each form, also of one that does not fit into
// memory.
func TestFill_Logged(t *testing.T) {
	types := func(all []event.Event) (out []event.Type) {
		for _, ev := range all {
			if n := len(out); n == 0 || ev.Type() != event.WriteRowsV2 || out[n-1] != event.WriteRowsV2 {
				out = append(out, ev.Type())
			}
		}
		return out
	}
	whole := []event.Type{event.Query, event.Query, event.TableMap, event.WriteRowsV2, event.Xid}
	for _, c := range []struct {
		name  string
		o     TxOptions
		apart bool
		rows  int
		bin   [][]event.Type
		priv  []event.Type
	}{
		{"logged", TxOptions{}, false, 3, [][]event.Type{whole}, nil},
		{"no rows", TxOptions{}, false, 0, [][]event.Type{{event.Query, event.Query, event.Xid}}, nil},
		{"unlogged", TxOptions{NoBinlog: true}, false, 3, nil, []event.Type{event.TableMap, event.WriteRowsV2}},
		{"apart", TxOptions{}, true, 3, [][]event.Type{{event.Query}, {event.Query, event.TableMap, event.WriteRowsV2, event.Xid}}, nil},
		{"apart, no rows", TxOptions{}, true, 0, [][]event.Type{{event.Query}}, nil},
		{"large", TxOptions{}, false, 2000, [][]event.Type{whole}, nil},
		{"large, apart", TxOptions{}, true, 2000, [][]event.Type{{event.Query}, {event.Query, event.TableMap, event.WriteRowsV2, event.Xid}}, nil},
		{"large, unlogged", TxOptions{NoBinlog: true}, false, 2000, nil, []event.Type{event.TableMap, event.WriteRowsV2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openTestStore(t, vfs.NewMem(), Options{SpillBytes: 20 << 10})
			t.Cleanup(func() { _ = s.db.Close() })
			s.ddl(t, func(d *DDL) error { return d.CreateDatabase(Database{Name: "t"}) })
			s.bin, s.priv, s.kvs = nil, nil, nil
			sc := kvSchema()
			sc.Columns[0].AutoIncrement = true
			tx, tab := s.fill(t, sc, c.o, c.apart)
			for k := range c.rows {
				if err := tx.Insert(t.Context(), tab, row(t, tab, k+1, k, k)); err != nil {
					t.Fatal(err)
				}
			}
			if large := c.rows > 100; tx.ov.spilled() != large {
				t.Errorf("spilled: %v", !large)
			}
			mustCommit(t, tx)
			if len(s.bin) != len(c.bin) {
				t.Fatalf("%d transactions in the binlog, want %d", len(s.bin), len(c.bin))
			}
			for i := range c.bin {
				if got := types(s.bin[i]); !slices.Equal(got, c.bin[i]) {
					t.Errorf("transaction %d: %v, want %v", i, got, c.bin[i])
				}
			}
			if len(s.priv) > 1 || c.priv == nil != (len(s.priv) == 0) || c.priv != nil && !slices.Equal(types(s.priv[0]), c.priv) {
				t.Errorf("private events %v, want %v", s.priv, c.priv)
			}
			if len(s.kvs[0]) == 0 {
				t.Error("the catalog's change is in no log")
			}
			tab, _ = s.Catalog().Table("t", "kv")
			if n := len(s.rows(t, tab)); n != c.rows {
				t.Errorf("%d rows, want %d", n, c.rows)
			}
			s.checkIndexes(t, tab)
			if next := tab.NextAutoIncrement(); next != uint64(c.rows)+1 {
				t.Errorf("the next AUTO_INCREMENT is %d", next)
			}
		})
	}
}
