package storage

import (
	"bytes"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestTx_LongScanIsOfItsView: a scan that lets go of the store's files time and
// again gives the rows of its view, in either direction, and its own changes.
func TestTx_LongScanIsOfItsView(t *testing.T) {
	s := newTestStore(t)
	s.o.scanRefresh = time.Nanosecond
	tab := s.create(t, kvSchema())
	const n = 4 * refreshRows
	tx := s.Begin(TxOptions{})
	for i := range n {
		if err := tx.Insert(t.Context(), tab, row(t, tab, 2*i, i, nil)); err != nil {
			t.Fatal(err)
		}
	}
	mustCommit(t, tx)
	for turn, reverse := range []bool{false, true} {
		tx := s.Begin(TxOptions{Snapshot: true})
		for i := range 10 {
			if err := tx.Insert(t.Context(), tab, row(t, tab, 2001+2*i, 1, nil)); err != nil {
				t.Fatal(err)
			}
		}
		_ = tx.EndStatement()
		it := tx.Scan(t.Context(), tab, -1, Range{}, ScanOptions{Reverse: reverse})
		var got []string
		for it.Next() {
			got = append(got, show(tab, it.Image()))
			if k := len(got); k%2000 == 0 { // others move on
				other := s.Begin(TxOptions{})
				old, _, err := other.Get(t.Context(), tab, pkKey(t, tab, 2*k+2*turn), LockExclusive)
				if err == nil && old != nil {
					err = other.Delete(t.Context(), tab, bytes.Clone(old))
				}
				if err == nil {
					err = other.Insert(t.Context(), tab, row(t, tab, 2*k+100001+1000*turn, 1, nil))
				}
				if err != nil {
					t.Fatal(err)
				}
				mustCommit(t, other)
				if err := s.db.Flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if it.looked == 0 {
			t.Error("the scan never looked at the clock")
		}
		if err := it.Close(); err != nil {
			t.Fatal(err)
		}
		again := scanAll(t, tx, tab, -1, Range{}, ScanOptions{Reverse: reverse})
		want(t, got, again...)
		tx.Rollback()
	}
}

// TestView_SpaceIsBounded: an open view keeps one version of each row that it
// may read, and a scan in it the tables that it began with, whatever is written
// meanwhile.
func TestView_SpaceIsBounded(t *testing.T) {
	fs := vfs.NewMem()
	e := openReal(t, fs, func(o *Options) {
		o.MemTableBytes = 256 << 10
		o.storeOptions = func(po *pebble.Options) {
			po.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
		}
	})
	s := &testStore{Engine: e, fs: fs}
	wide := kvSchema()
	text := textColumn("c")
	text.Meta = 4000
	wide.Columns = append(wide.Columns[:1], text)
	wide.Indexes = nil
	tab := s.create(t, wide)
	pad := bytes.Repeat([]byte("x"), 1000)
	const rows, rounds = 1000, 12
	write := func(round int) {
		tx := s.Begin(TxOptions{NoBinlog: true})
		for i := range rows {
			img := row(t, tab, i, string(append(pad[:990:990], byte('a'+round))))
			var err error
			if old, ok, gerr := tx.Get(t.Context(), tab, pkKey(t, tab, i), LockExclusive); gerr != nil {
				err = gerr
			} else if ok {
				err = tx.Update(t.Context(), tab, bytes.Clone(old), img)
			} else {
				err = tx.Insert(t.Context(), tab, img)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		mustCommit(t, tx)
	}
	space := func() uint64 {
		if err := e.db.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := e.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err != nil {
			t.Fatal(err)
		}
		m := e.db.Metrics()
		return uint64(m.Total().TablesSize) + m.Table.ZombieSize
	}
	write(0)
	one := space()
	view := s.Begin(TxOptions{Snapshot: true})
	it := view.Scan(t.Context(), tab, -1, Range{}, ScanOptions{})
	if !it.Next() {
		t.Fatal("no row")
	}
	for round := range rounds {
		write(round + 1)
	}
	held := space()
	n := 1
	for it.Next() {
		n++
	}
	if err := it.Close(); err != nil || n != rows {
		t.Errorf("the scan gave %d rows: %v", n, err)
	}
	view.Rollback()
	after := space()
	t.Logf("%d rows take %d KiB; after %d updates of each with a view open %d KiB, with it closed %d KiB",
		rows, one>>10, rounds, held>>10, after>>10)
	if held > one*7/2 || after > one*5/2 {
		t.Errorf("%d bytes became %d with a view open, %d when it was closed", one, held, after)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
