package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/logfile"
)

const (
	flushTail    = 40 << 20 // bytes in the logs behind the durable store that make it flush
	maxTail      = 64 << 20 // bytes behind the durable store, beyond which commits wait for a flush
	spaceSlack   = 16 << 20 // disk space that is left free at least, bytes
	spaceCheck   = 100 * time.Millisecond
	syncInterval = time.Second // sync_binlog ≠ 1

	flushLook  = 20 * time.Millisecond // of tryFlush
	flushTries = 50
)

// tailState watches what recovery would have to replay: it makes the store
// flush so that the logs behind it stay under 64 MiB, purges local log files
// that are not needed any more, and refuses writes while there is no room for
// them. Safe for concurrent use.
type tailState struct {
	e       *Engine
	bytes   atomic.Uint64              // of the newest visible commit (coordinate.bytes)
	durable atomic.Pointer[coordinate] // what a power cut would leave; never nil once the Engine serves
	flushed chan struct{}              // buffered: look again
	failing atomic.Pointer[error]      // the last flush failed
	limit   uint64                     // bytes of log that may be newer than the durable store
	most    uint64                     // beyond these commits wait

	mu      sync.Mutex // guards the cached answer
	checked time.Time
	free    uint64
	known   bool
}

func newTailState(e *Engine) *tailState {
	t := &tailState{e: e, flushed: make(chan struct{}, 1), limit: flushTail, most: maxTail}
	if e.o.flushTail > 0 {
		t.limit, t.most = e.o.flushTail, e.o.flushTail+(maxTail-flushTail)
	}
	return t
}

func (t *tailState) wake() {
	select {
	case t.flushed <- struct{}{}:
	default:
	}
}

// logged notes that commits are visible up to that count of bytes.
func (t *tailState) logged(bytes uint64) {
	t.bytes.Store(bytes)
	if d := t.durable.Load(); d != nil && bytes-d.bytes > t.limit {
		t.wake()
	}
}

// length returns the bytes of log that are newer than the durable store.
func (t *tailState) length() uint64 {
	d := t.durable.Load()
	if d == nil {
		return 0
	}
	return t.bytes.Load() - d.bytes
}

// flushEnd is the store's report about a flush. It runs under a lock of the
// store and must not read it.
func (t *tailState) flushEnd(info pebble.FlushInfo) {
	if info.Err != nil && info.Err.Error() != "pebble: empty table" {
		t.failing.Store(&info.Err)
		t.wake()
		return
	}
	t.failing.Store(nil)
	t.wake()
}

// room refuses a transaction of size bytes while the store cannot flush or the
// disk is nearly full: afterwards it would be too late to fail.
func (t *tailState) room(size int64) error {
	if err := t.failing.Load(); err != nil {
		return flushError(*err)
	}
	free, known := t.freeSpace()
	if !known {
		return nil
	}
	// What is in memory only must fit the disk, this transaction included, in
	// the logs and in the store.
	need := 2*uint64(size) + min(2*t.e.o.MemTableBytes, 2*t.length()) + spaceSlack
	if free < need {
		return fmt.Errorf("%w: %d bytes are free, %d are needed", ErrDiskFull, free, need)
	}
	return nil
}

func flushError(err error) error {
	if logfile.IsDiskFull(err) {
		return fmt.Errorf("%w: flush the store: %w", ErrDiskFull, err)
	}
	return fmt.Errorf("flush the store: %w", err)
}

func (t *tailState) freeSpace() (free uint64, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); now.Sub(t.checked) > spaceCheck {
		t.checked = now
		u, err := t.e.fs.GetDiskUsage(t.e.o.Dir)
		if err != nil && !errors.Is(err, vfs.ErrUnsupported) {
			t.e.log.Warn("cannot read free disk space", "err", err)
		}
		t.free, t.known = u.AvailBytes, err == nil
	}
	return t.free, t.known
}

// refresh reads the durable coordinate and purges the local log up to it.
func (t *tailState) refresh() error {
	d, ok, err := durableCoord(t.e.db)
	if err != nil || !ok {
		return err
	}
	t.durable.Store(&d)
	if c := t.e.serving.Load(); c != nil { // commits may wait for this
		c.mu.Lock()
		c.changed.Broadcast()
		c.mu.Unlock()
	}
	return t.e.local.purge(d.local)
}

// fits reports whether size bytes more may be logged, after logged in all,
// before the store has flushed. While it cannot flush what was admitted goes on.
func (t *tailState) fits(logged uint64, size int64) bool {
	d := t.durable.Load()
	if d == nil || t.failing.Load() != nil {
		return true
	}
	tail := logged - d.bytes
	return tail <= t.limit || tail+uint64(size) <= t.most
}

// run flushes and purges until ctx ends.
func (t *tailState) run(ctx context.Context) {
	var flushing <-chan struct{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-flushing:
			flushing = nil
		case <-t.flushed:
		}
		if err := t.refresh(); err != nil {
			t.e.log.Warn("cannot purge the local log", "err", err)
		}
		if flushing != nil || t.length() <= t.limit {
			continue
		}
		done, err := t.e.db.AsyncFlush()
		if err != nil {
			t.e.log.Warn("cannot flush the store", "err", err)
			continue
		}
		flushing = done
	}
}

// tryFlush flushes the store. When it fails again and again, so does the start
// or the statement that asks for it: neither waits for a disk.
func (e *Engine) tryFlush(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	look := time.NewTicker(flushLook)
	defer look.Stop()
	done := make(chan error, 1)
	go func() { done <- e.flushStore(ctx) }()
	for failed := 0; ; {
		select {
		case err := <-done:
			return err
		case <-look.C:
			err := e.tail.failing.Load()
			if err == nil {
				failed = 0
				continue
			}
			if failed++; failed == flushTries {
				cancel(flushError(*err))
			}
		}
	}
}

// flushStore flushes the store, or returns when ctx ends.
func (e *Engine) flushStore(ctx context.Context) error {
	type result struct {
		done <-chan struct{}
		err  error
	}
	begun := make(chan result, 1) // beginning may block while memtables wait for a full disk
	go func() {
		done, err := e.db.AsyncFlush()
		begun <- result{done, err}
	}()
	var r result
	select {
	case r = <-begun:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if r.err != nil {
		return fmt.Errorf("flush the store: %w", r.err)
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// admit checks all that can fail before p is sequenced.
func (c *committer) admit(p *pending) error {
	if p.bin != nil && c.e.bin == nil {
		return errors.New("storage: transaction for the binlog, but log_bin is off")
	}
	batch, travels, stays := int64(0), int64(0), recordSize(p)
	if p.batch != nil {
		batch = int64(p.batch.Len())
	}
	if p.bin != nil {
		travels = p.bin.Size
	}
	if limit := c.e.o.MaxTxnBytes(); travels > limit || stays > limit || batch > maxBatchBytes {
		return fmt.Errorf("%w: %d bytes for the binlog, %d for the local log, %d for the store",
			ErrTooLarge, travels, stays, batch)
	}
	p.size = batch + travels + stays
	if err := c.e.tail.room(p.size); err != nil || p.large == nil {
		return err
	}
	p.size = max(p.size+p.large.bytes, aloneBytes+1)
	return nil
}

// maxBatchBytes keeps a batch well below the 4 GiB that make the store panic.
const maxBatchBytes = 3 << 30

// syncByTimer syncs the logs every second while sync_binlog is not 1.
func (c *committer) syncByTimer(ctx context.Context) {
	tick := time.NewTicker(syncInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := c.syncOutside(); err != nil {
				return // the process ends
			}
		}
	}
}
