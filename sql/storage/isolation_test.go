package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"binrelay/sql/storage/keycodec"
)

// point is the range of one key of an index over integers.
func point(tab *Table, index, k int) Range {
	low, _ := tab.EncodeKey(nil, index, keycodec.Int(int64(k)))
	high, _ := keycodec.PrefixEnd(nil, low)
	return Range{Low: low, High: high, Point: true}
}

// lockingScan scans in the background; the result comes when it is through.
func lockingScan(t *testing.T, tx *Tx, tab *Table, index int, r Range, o ScanOptions) <-chan []string {
	got := make(chan []string, 1)
	go func() {
		rows, err := tryScan(t.Context(), tx, tab, index, r, o)
		if err != nil {
			rows = []string{err.Error()}
		}
		got <- rows
	}()
	return got
}

// A locking scan that waited meets what was committed meanwhile: rows that are
// new, rows that moved ahead, each once, and none that left.
func TestTx_LockedScanMeetsNewRows(t *testing.T) {
	for _, o := range []ScanOptions{{Lock: LockExclusive}, {Lock: LockShared}, {Lock: LockExclusive, Reverse: true}} {
		for _, index := range []int{-1, 0} {
			for _, held := range []int{10, 20, 30} { // the scan waits at its first, a middle and its last row
				t.Run(fmt.Sprint(o.Lock, o.Reverse, index, held), func(t *testing.T) {
					s := newTestStore(t)
					tab := s.create(t, kvSchema())
					s.insert(t, tab, []any{10, 10, nil}, []any{20, 20, nil}, []any{30, 30, nil})
					holder := s.Begin(TxOptions{})
					if err := holder.Update(t.Context(), tab, row(t, tab, held, held, nil), row(t, tab, held, held, 1)); err != nil {
						t.Fatal(err)
					}
					tx := s.Begin(TxOptions{})
					got := lockingScan(t, tx, tab, index, Range{}, o)
					s.waitBlocked(t, 1)
					s.insert(t, tab, []any{5, 5, nil}, []any{15, 15, nil}, []any{25, 25, nil}, []any{35, 35, nil})
					mustCommit(t, holder)
					rows := map[string]int{}
					for _, r := range <-got {
						rows[r]++
					}
					for _, k := range []int{10, 20, 30, 5, 15, 25, 35} {
						text := fmt.Sprintf("%d,%d,NULL", k, k)
						if k == held {
							text = fmt.Sprintf("%d,%d,1", k, k)
						}
						passed := held != 10 && k < held // before the wait
						if o.Reverse {
							passed = held != 30 && k > held
						}
						want := 1
						if passed && k%10 == 5 {
							want = 0
						}
						if rows[text] != want {
							t.Errorf("row %s met %d times, want %d: %v", text, rows[text], want, rows)
						}
					}
					tx.Rollback()
				})
			}
		}
	}
}

// A locking scan of one key locks it also when there is no row, and meets a row
// that was inserted while it waited.
func TestTx_PointLocksTheGap(t *testing.T) {
	s := newTestStore(t)
	tab := s.create(t, kvSchema())
	s.insert(t, tab, []any{1, 1, 100})
	for _, c := range []struct {
		index, k int
		insert   []any
	}{{-1, 5, []any{5, 5, nil}}, {1, 500, []any{6, 6, 500}}} {
		a, b := s.Begin(TxOptions{}), s.Begin(TxOptions{})
		want(t, scanAll(t, a, tab, c.index, point(tab, c.index, c.k), ScanOptions{Lock: LockShared}))
		done := make(chan error, 1)
		go func() { done <- b.Insert(t.Context(), tab, row(t, tab, c.insert...)) }()
		s.waitBlocked(t, 1)
		want(t, scanAll(t, a, tab, c.index, point(tab, c.index, c.k), ScanOptions{Lock: LockShared}))
		a.Rollback()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		x := s.Begin(TxOptions{})
		_, err := tryScan(t.Context(), x, tab, c.index, point(tab, c.index, c.k), ScanOptions{Lock: LockExclusive, Policy: NoWait})
		if !errors.Is(err, ErrLockNoWait) {
			t.Fatal(err)
		}
		want(t, scanAll(t, x, tab, c.index, point(tab, c.index, c.k), ScanOptions{Lock: LockExclusive, Policy: SkipLocked}))
		got := lockingScan(t, x, tab, c.index, point(tab, c.index, c.k), ScanOptions{Lock: LockExclusive})
		s.waitBlocked(t, 1)
		mustCommit(t, b)
		want(t, <-got, show(tab, row(t, tab, c.insert...)))
		x.Rollback()
	}
	if n := s.tables.locks.Len(); n != 0 {
		t.Fatal(n, "locks stay")
	}
}

// SERIALIZABLE: what a transaction has read, nobody changes until its end.
func TestTx_Serializable(t *testing.T) {
	s := newTestStore(t)
	tab := s.create(t, kvSchema())
	s.insert(t, tab, []any{1, 1, nil}, []any{2, 2, nil})
	ser := TxOptions{Isolation: Serializable}

	// Readers go together; a reader of one row keeps only its writers out.
	a, b := s.Begin(ser), s.Begin(ser)
	want(t, scanAll(t, a, tab, -1, point(tab, -1, 1), ScanOptions{}), "1,1,NULL")
	want(t, scanAll(t, b, tab, -1, point(tab, -1, 1), ScanOptions{}), "1,1,NULL")
	if v, err := get(t, b, tab, 1, LockNone); err != nil || v != "1,1,NULL" {
		t.Fatal(v, err)
	}
	w := s.Begin(TxOptions{})
	if err := w.Update(t.Context(), tab, row(t, tab, 2, 2, nil), row(t, tab, 2, 3, nil)); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, w)
	w = s.Begin(TxOptions{})
	done := make(chan error, 1)
	go func() { done <- w.Update(t.Context(), tab, row(t, tab, 1, 1, nil), row(t, tab, 1, 9, nil)) }()
	s.waitBlocked(t, 1)
	a.Rollback()
	b.Rollback()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.Rollback()

	// A range keeps all writers of the table out, also of new rows, and an
	// index makes no difference.
	a = s.Begin(ser)
	want(t, scanAll(t, a, tab, 0, Range{}, ScanOptions{}), "1,1,NULL", "2,3,NULL")
	if n := s.tables.locks.Len(); n != 1 { // it takes no metadata lock here
		t.Errorf("%d locks for a scan, want the table's", n)
	}
	w = s.Begin(TxOptions{})
	go func() { done <- w.Insert(t.Context(), tab, row(t, tab, 7, 7, nil)) }()
	s.waitBlocked(t, 1)
	// Who has read may write: alone.
	if err := a.Insert(t.Context(), tab, row(t, tab, 8, 8, nil)); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, a)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	mustCommit(t, w)

	// Write skew: both read all, each writes one row. One of them dies.
	a, b = s.Begin(ser), s.Begin(ser)
	for _, tx := range []*Tx{a, b} {
		want(t, scanAll(t, tx, tab, -1, Range{}, ScanOptions{}), "1,1,NULL", "2,3,NULL", "7,7,NULL", "8,8,NULL")
	}
	go func() { done <- a.Update(t.Context(), tab, row(t, tab, 1, 1, nil), row(t, tab, 1, 0, nil)) }()
	s.waitBlocked(t, 1)
	if err := b.Update(t.Context(), tab, row(t, tab, 2, 3, nil), row(t, tab, 2, 0, nil)); !errors.Is(err, ErrDeadlock) {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	mustCommit(t, a)
	if n := s.tables.locks.Len(); n != 0 {
		t.Fatal(n, "locks stay")
	}
}

// Point reads of a consistent view beside 16 writers of the same rows: none
// waits for a lock.
func BenchmarkTx_PointReadUnderWriters(b *testing.B) {
	s := newTestStore(b)
	tab := s.create(b, kvSchema())
	const rows = 64
	for k := range rows {
		s.insert(b, tab, []any{k, 0, nil})
	}
	ctx, stop := context.WithCancel(b.Context())
	var writers sync.WaitGroup
	for w := range 16 {
		writers.Go(func() {
			for i := w; ctx.Err() == nil; i++ {
				tx := s.Begin(TxOptions{Autocommit: true})
				tx.BeginStatement()
				img, ok, err := tx.Get(ctx, tab, mustKey(tab, i%rows), LockExclusive)
				if err == nil && ok {
					next := append([]byte(nil), img...)
					next[len(next)-1]++
					err = tx.Update(ctx, tab, img, next)
				}
				if err == nil {
					_, err = tx.Commit(ctx)
				}
				tx.Rollback()
				if err != nil && ctx.Err() == nil {
					b.Error(err)
					return
				}
			}
		})
	}
	b.ReportAllocs()
	for k := 0; b.Loop(); k++ {
		tx := s.Begin(TxOptions{Autocommit: true})
		if _, ok, err := tx.Get(ctx, tab, mustKey(tab, k%rows), LockNone); err != nil || !ok {
			b.Fatal(ok, err)
		}
		if tx.owner.Waits() != 0 || tx.owner.Held() != 0 {
			b.Fatalf("a point read holds %d locks and waited for %d", tx.owner.Held(), tx.owner.Waits())
		}
		tx.Rollback()
	}
	stop()
	writers.Wait()
}
