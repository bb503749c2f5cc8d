package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

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
//
// The first must make at least twice as many commits as the second.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("one-sync/%d", writers), func(b *testing.B) { benchCommit(b, writers, false) })
		b.Run(fmt.Sprintf("two-syncs/%d", writers), func(b *testing.B) { benchCommit(b, writers, true) })
	}
}

func benchCommit(b *testing.B, writers int, twice bool) {
	dir := b.TempDir()
	e := openFake(b, vfs.Default, func(o *Options) {
		o.Dir = dir
		o.MemTableBytes = 32 << 20
		o.hooks = func(e *Engine) tableHooks { return &fakeTables{e, b} }
	})
	defer closeFake(b, e)
	var wal *pebble.DB
	if twice {
		var err error
		if wal, err = pebble.Open(dir+"/wal", &pebble.Options{MemTableSize: 32 << 20, Logger: pebbleLogger{e.log, e.o.Fatal}}); err != nil {
			b.Fatal(err)
		}
		defer wal.Close()
	}
	var next atomic.Uint64
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range writers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				id := next.Add(1)
				if id > uint64(b.N) {
					return
				}
				p := benchTxn(e, id)
				if twice { // rows go to the store first, durably
					w := wal.NewBatch()
					if err := w.Apply(p.batch, nil); err != nil {
						b.Error(err)
					}
					if err := w.Commit(pebble.Sync); err != nil {
						b.Error(err)
					}
					w.Close()
					p.batch.Reset()
					p.stamps = nil
				}
				if r := e.cm.commit(context.Background(), p); r.Err != nil {
					b.Error(r.Err)
					return
				}
			}
		}()
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

// benchTxn is a transaction of one row, as it leaves a session.
func benchTxn(e *Engine, id uint64) *pending {
	p := &pending{batch: e.db.NewBatch()}
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
	p.bin = &binlog.Txn{Events: m, Size: m.size(), Count: 3, After: e.bin.Visible()}
	return p
}
