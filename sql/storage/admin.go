package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"binrelay/binlog"
	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
)

// Freeze closes the queue and waits until all that is logged is visible: FLUSH
// TABLES WITH READ LOCK, clone. Commits wait until thaw is called; it may be
// called more than once. Several may hold it at a time.
func (e *Engine) Freeze(ctx context.Context) (thaw func(), at txn.Coord, err error) {
	if err := e.cm.hold(ctx); err != nil {
		return nil, txn.Coord{}, err
	}
	return sync.OnceFunc(e.cm.resume), e.cm.visible.Load().coord, nil
}

// exclusive runs fn while the queue is closed and nobody else administers.
func (e *Engine) exclusive(ctx context.Context, fn func() error) error {
	e.adminMu.Lock()
	defer e.adminMu.Unlock()
	if err := e.cm.hold(ctx); err != nil {
		return err
	}
	defer e.cm.resume()
	if err := e.cm.failure(); err != nil {
		return err
	}
	return fn()
}

// Rotate begins a new binlog file (FLUSH BINARY LOGS). With log_bin off it does
// nothing.
func (e *Engine) Rotate(ctx context.Context) error {
	return e.exclusive(ctx, func() error {
		if e.bin == nil {
			return nil
		}
		return e.cm.rotate(ctx)
	})
}

// rotate begins a new binlog file. Everything logged is visible, and the caller
// leads or holds the queue.
func (c *committer) rotate(ctx context.Context) error {
	c.logMu.Lock()
	defer c.logMu.Unlock()
	if err := c.syncLogs(); err != nil {
		return err
	}
	at, err := c.e.bin.Rotate(ctx)
	if errors.Is(err, binlog.ErrFatal) {
		return c.fatal(err)
	}
	if err != nil {
		return fmt.Errorf("rotate the binlog: %w", err)
	}
	v := *c.visible.Load()
	v.coord = at
	c.setVisible(&v)
	return nil
}

// rotateFull is rotate when the file has reached its size. It is tried again
// after the next group.
func (c *committer) rotateFull() {
	if c.dead() {
		return
	}
	if err := c.rotate(c.life); err != nil {
		c.e.log.Warn("cannot rotate the binlog", "err", err)
	}
}

// applyCoord writes the coordinate as it stands, with changes, to the store.
// The caller holds the queue.
func (e *Engine) applyCoord(clean bool, change func(b *pebble.Batch) error) error {
	b := e.db.NewBatch()
	defer b.Close()
	if change != nil {
		if err := change(b); err != nil {
			return err
		}
	}
	if err := setCoord(b, e.cm.coordNow(clean)); err != nil {
		return err
	}
	if err := e.db.Apply(b, pebble.NoSync); err != nil {
		return fmt.Errorf("write the coordinate: %w", err)
	}
	return nil
}

// coordNow is the coordinate of all that is logged. The caller holds the queue.
func (c *committer) coordNow(clean bool) *coordinate {
	at := &coordinate{
		csn: c.last, local: c.e.local.end(), nextID: TableID(c.e.nextID.Load()),
		bytes: c.bytes, clean: clean, lax: !c.synced,
	}
	if c.e.bin != nil {
		at.bin = c.e.bin.End()
	}
	return at
}

// settleStore makes all that is visible durable in the store, with the logs'
// present places: purge goes as far as it may.
func (e *Engine) settleStore(ctx context.Context) error {
	if err := e.exclusive(ctx, func() error { return e.applyCoord(false, nil) }); err != nil {
		return err
	}
	if err := e.tryFlush(ctx); err != nil {
		return err
	}
	return e.tail.refresh()
}

// neededFrom returns the keep function of a purge: the files that recovery
// needs, and those that keep names.
func (e *Engine) neededFrom(keep func(file string) bool) func(string) bool {
	need := e.tail.durable.Load().bin
	return func(file string) bool {
		return !(txn.Coord{File: file}).Less(txn.Coord{File: need.File}) || keep != nil && keep(file)
	}
}

// PurgeTo removes binlog files before the named one, as binlog.Log.PurgeTo
// does, and keeps what recovery needs. The store is flushed first. With log_bin
// off nothing is purged.
func (e *Engine) PurgeTo(ctx context.Context, file string, keep func(file string) bool) (binlog.PurgeResult, error) {
	if e.bin == nil {
		return binlog.PurgeResult{}, nil
	}
	if err := e.settleStore(ctx); err != nil {
		return binlog.PurgeResult{}, err
	}
	return e.bin.PurgeTo(file, e.neededFrom(keep))
}

// PurgeBefore removes binlog files last written before t, in the same way. It
// touches nothing, the store included, when there is none.
func (e *Engine) PurgeBefore(ctx context.Context, t time.Time, keep func(file string) bool) (binlog.PurgeResult, error) {
	if e.bin == nil {
		return binlog.PurgeResult{}, nil
	}
	if old, err := e.bin.OlderThan(t); err != nil || len(old) == 0 {
		return binlog.PurgeResult{}, err
	}
	if err := e.settleStore(ctx); err != nil {
		return binlog.PurgeResult{}, err
	}
	return e.bin.PurgeBefore(t, e.neededFrom(keep))
}

// ---- what is visible

// Visible returns the newest visible commit: its number, the binlog coordinate
// after it (zero with log_bin off), and gtid_executed.
func (e *Engine) Visible() (txn.CSN, txn.Coord, gtid.Set) {
	v := e.cm.visible.Load()
	return v.csn, v.coord, v.gtids
}

type visibleWaiter struct {
	set  gtid.Set
	done chan struct{}
}

// WaitVisible returns when all of s is visible, or with ctx's error.
func (e *Engine) WaitVisible(ctx context.Context, s gtid.Set) error {
	c := e.cm
	w := &visibleWaiter{set: s, done: make(chan struct{})}
	c.waitMu.Lock()
	if c.visible.Load().gtids.ContainsSet(s) {
		c.waitMu.Unlock()
		return nil
	}
	c.waiters[w] = struct{}{}
	c.waitMu.Unlock()
	defer func() {
		c.waitMu.Lock()
		delete(c.waiters, w)
		c.waitMu.Unlock()
	}()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.life.Done():
		return ErrClosed
	}
}

// setVisible moves the mark and wakes those who wait for it.
func (c *committer) setVisible(v *visibleState) {
	c.waitMu.Lock()
	defer c.waitMu.Unlock()
	c.visible.Store(v)
	for w := range c.waiters {
		if v.gtids.ContainsSet(w.set) {
			close(w.done)
			delete(c.waiters, w)
		}
	}
}
