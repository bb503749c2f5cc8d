package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog"
	"binrelay/binlog/event"
)

// BenchmarkCommit commits transactions of one row of about 200 bytes with one
// index entry, from 1, 16 and 64 writers, on the disk of the test directory:
//
//	one-sync   the Committer: the logs are synced, the store is not
//	two-syncs  the usual design: each commit syncs the store's own WAL and then
//	           the binlog, both in groups
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		for _, twice := range []bool{false, true} {
			name := map[bool]string{false: "one-sync", true: "two-syncs"}[twice]
			b.Run(fmt.Sprintf("%s/%d", name, writers), func(b *testing.B) {
				c := newCommitBench(b, twice)
				b.ReportAllocs()
				b.ResetTimer()
				c.run(b, writers, func(done uint64) bool { return done >= uint64(b.N) })
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
			})
		}
	}
}

// BenchmarkCommitRatio compares the two, and the floor below them, in turns of
// 25 ms, so that all meet the same disk. The Committer must make at least twice
// as many commits as the variant; floor is a bare group commit, which writes 430
// bytes a commit to one file and syncs it, and does nothing else. The ratios are
// medians over the turns, because one stall of the disk spoils a mean. One
// operation is four turns of each.
func BenchmarkCommitRatio(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			one, two, floor := newCommitBench(b, false), newCommitBench(b, true), newFloor(b)
			turn := func(run func(b *testing.B, writers int, enough func(uint64) bool) uint64) (perSecond float64) {
				start := time.Now()
				n := run(b, writers, func(uint64) bool { return time.Since(start) > 25*time.Millisecond })
				return float64(n) / time.Since(start).Seconds()
			}
			var rate1, rate2, rate0, ratio, share []float64
			b.ResetTimer()
			for range 4 * b.N {
				n0, n1, n2 := turn(floor.run), turn(one.run), turn(two.run)
				rate0, rate1, rate2 = append(rate0, n0), append(rate1, n1), append(rate2, n2)
				ratio, share = append(ratio, n1/n2), append(share, n1/n0)
			}
			b.StopTimer()
			b.ReportMetric(median(rate1), "one-sync/s")
			b.ReportMetric(median(rate2), "two-syncs/s")
			b.ReportMetric(median(rate0), "floor/s")
			b.ReportMetric(median(ratio), "ratio")
			b.ReportMetric(median(share), "of-floor")
		})
	}
}

// floor is a group commit and nothing else: the first to come writes and syncs
// for all that came while the one before did.
type floor struct {
	f     vfs.File
	mu    sync.Mutex
	cond  sync.Cond
	busy  bool
	begun uint64 // commits that have come
	done  uint64 // of these, those that are durable
	off   int64
	buf   []byte
}

func newFloor(b *testing.B) *floor {
	f, err := vfs.Default.OpenReadWrite(b.TempDir()+"/log", vfs.WriteCategoryUnspecified)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	l := &floor{f: f}
	l.cond.L = &l.mu
	return l
}

func (l *floor) run(b *testing.B, writers int, enough func(done uint64) bool) uint64 {
	var made atomic.Uint64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for !enough(0) {
				if err := l.commit(); err != nil {
					b.Error(err)
					return
				}
				made.Add(1)
			}
		})
	}
	wg.Wait()
	return made.Load()
}

func (l *floor) commit() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun++
	for own := l.begun; l.done < own; {
		if l.busy {
			l.cond.Wait()
			continue
		}
		l.busy = true
		end := l.begun
		n := int(end-l.done) * 430
		if len(l.buf) < n {
			l.buf = make([]byte, n)
		}
		l.mu.Unlock()
		_, err := l.f.WriteAt(l.buf[:n], l.off)
		if err == nil {
			err = l.f.SyncData()
		}
		l.mu.Lock()
		l.busy, l.off, l.done = false, l.off+int64(n), end
		l.cond.Broadcast()
		if err != nil {
			return err
		}
	}
	return nil
}

// median sorts v.
func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// commitBench is an Engine, and the store beside it that syncs its WAL.
type commitBench struct {
	e    *Engine
	wal  *pebble.DB // nil: one sync
	next atomic.Uint64
}

func newCommitBench(b *testing.B, twice bool) *commitBench {
	dir := b.TempDir()
	c := &commitBench{e: openFake(b, vfs.Default, func(o *Options) {
		o.Dir = dir
		o.MemTableBytes = 32 << 20
	})}
	b.Cleanup(func() { closeFake(b, c.e) })
	if twice {
		var err error
		if c.wal, err = pebble.Open(dir+"/wal", &pebble.Options{MemTableSize: 32 << 20, Logger: pebbleLogger{c.e.log, c.e.o.Fatal}}); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.wal.Close() })
	}
	return c
}

// run commits from so many writers until enough says so, given the number of
// commits begun, and returns how many were made.
func (c *commitBench) run(b *testing.B, writers int, enough func(done uint64) bool) uint64 {
	var begun, made atomic.Uint64
	var wg sync.WaitGroup
	for range writers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			w := newBenchWriter(c)
			for !enough(begun.Add(1) - 1) {
				if err := w.commit(); err != nil {
					b.Error(err)
					return
				}
				made.Add(1)
			}
		}()
	}
	wg.Wait()
	return made.Load()
}

// benchWriter makes transactions in memory of its own that it uses again, so
// that what is measured is the Committer.
type benchWriter struct {
	c      *commitBench
	p      pending
	bin    binlog.Txn
	events memEvents
	stamps [1]uint32
	key    []byte
	value  [200]byte
}

func newBenchWriter(c *commitBench) *benchWriter {
	w := &benchWriter{c: c}
	buf := event.AppendQuery(make([]byte, 0, 512), event.Header{}, &event.QueryInfo{SQL: "BEGIN"})
	n1 := len(buf)
	buf = event.AppendRowsQuery(buf, event.Header{}, string(w.value[:]))
	n2 := len(buf)
	buf = event.AppendXid(buf, event.Header{}, 0)
	w.events.evs = []event.Event{buf[:n1], buf[n1:n2], buf[n2:]}
	return w
}

// next is a transaction of one row, as it leaves a session.
func (w *benchWriter) next() (*pending, error) {
	b := w.c.e.db.NewBatch()
	w.p = pending{batch: b}
	id := w.c.next.Add(1)
	w.key = binary.BigEndian.AppendUint64(append(w.key[:0], "f|"...), id)
	if err := b.Set(w.key, w.value[:], nil); err != nil {
		return nil, err
	}
	w.stamps[0] = uint32(b.Len() - len(w.value))
	w.p.stamps = w.stamps[:]
	w.key = binary.BigEndian.AppendUint64(append(w.key[:0], "g|"...), id*0x9e3779b97f4a7c15)
	if err := b.Set(binary.BigEndian.AppendUint64(w.key, id), nil, nil); err != nil {
		return nil, err
	}
	w.bin = binlog.Txn{Events: &w.events, Size: w.events.size(), Count: len(w.events.evs), After: w.c.e.bin.Visible()}
	w.p.bin = &w.bin
	return &w.p, nil
}

func (w *benchWriter) commit() error {
	p, err := w.next()
	if err != nil {
		return err
	}
	if w.c.wal != nil { // rows go to the store first, durably
		b := w.c.wal.NewBatch()
		defer b.Close()
		if err := b.Apply(p.batch, nil); err != nil {
			return err
		}
		if err := b.Commit(pebble.Sync); err != nil {
			return err
		}
		p.batch.Reset()
		p.stamps = nil
	}
	return w.c.e.cm.commit(context.Background(), p).Err
}
