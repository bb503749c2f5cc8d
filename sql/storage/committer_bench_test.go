package storage

import (
	"context"
	"encoding/binary"
	"fmt"
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

// BenchmarkCommitRatio compares the two in turns of a tenth of a second, so
// that both meet the same disk: the Committer must make at least twice as many
// commits. One operation is one turn of each.
func BenchmarkCommitRatio(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			one, two := newCommitBench(b, false), newCommitBench(b, true)
			turn := func(c *commitBench) uint64 {
				end := time.Now().Add(100 * time.Millisecond)
				return c.run(b, writers, func(uint64) bool { return time.Now().After(end) })
			}
			var n1, n2 uint64
			b.ResetTimer()
			for range b.N {
				n1 += turn(one)
				n2 += turn(two)
			}
			b.StopTimer()
			half := b.Elapsed().Seconds() / 2
			b.ReportMetric(float64(n1)/half, "one-sync/s")
			b.ReportMetric(float64(n2)/half, "two-syncs/s")
			b.ReportMetric(float64(n1)/float64(n2), "ratio")
		})
	}
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
			for !enough(begun.Add(1) - 1) {
				if err := c.commit(); err != nil {
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

func (c *commitBench) commit() error {
	p := c.txn(c.next.Add(1))
	if c.wal != nil { // rows go to the store first, durably
		w := c.wal.NewBatch()
		defer w.Close()
		if err := w.Apply(p.batch, nil); err != nil {
			return err
		}
		if err := w.Commit(pebble.Sync); err != nil {
			return err
		}
		p.batch.Reset()
		p.stamps = nil
	}
	return c.e.cm.commit(context.Background(), p).Err
}

// txn is a transaction of one row, as it leaves a session.
func (c *commitBench) txn(id uint64) *pending {
	p := &pending{batch: c.e.db.NewBatch()}
	var value [200]byte
	key := binary.BigEndian.AppendUint64([]byte("f|"), id)
	if err := p.batch.Set(key, value[:], nil); err != nil {
		panic(err)
	}
	p.stamps = append(p.stamps, uint32(p.batch.Len()-len(value)))
	index := binary.BigEndian.AppendUint64([]byte("g|"), id*0x9e3779b97f4a7c15)
	if err := p.batch.Set(binary.BigEndian.AppendUint64(index, id), nil, nil); err != nil {
		panic(err)
	}
	buf := event.AppendQuery(make([]byte, 0, 512), event.Header{}, &event.QueryInfo{SQL: "BEGIN"})
	n1 := len(buf)
	buf = event.AppendRowsQuery(buf, event.Header{}, string(value[:]))
	n2 := len(buf)
	buf = event.AppendXid(buf, event.Header{}, 0)
	m := &memEvents{evs: []event.Event{buf[:n1], buf[n1:n2], buf[n2:]}}
	p.bin = &binlog.Txn{Events: m, Size: m.size(), Count: 3, After: c.e.bin.Visible()}
	return p
}
