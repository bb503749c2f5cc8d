package storage

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"binrelay/binlog"
	"binrelay/binlog/gtid"
	"binrelay/binlog/logfile"
	"binrelay/binlog/txn"
)

// ResetMaster deletes all binlog files and empties gtid_executed (RESET
// MASTER). Commit numbers go on. What is left after a crash in the middle is an
// intent in the store, which recovery carries out; nothing but the intent is
// changed before it is durable. Dumpers end with binlog.ErrReset.
func (e *Engine) ResetMaster(ctx context.Context) error {
	return e.exclusive(ctx, func() error { return e.resetMaster(ctx) })
}

func (e *Engine) resetMaster(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if err := e.tail.room(0); err != nil {
		return err
	}
	// A store that cannot flush says so while the statement may still fail.
	if err := e.applyCoord(false, nil); err != nil {
		return err
	}
	if err := e.tryFlush(ctx); err != nil {
		return err
	}
	if err := e.applyCoord(false, e.beginReset); err != nil {
		return err
	}
	// From here on it is carried out to its end: an intent that became durable
	// later than it was withdrawn would take acknowledged commits along.
	if err := e.flushStore(context.Background()); err != nil {
		return e.cm.fatal(err)
	}
	e.cm.gtids = gtid.NewBuilder(gtid.Set{})
	e.cm.setVisible(&visibleState{csn: e.cm.last}) // the first file's Previous_gtids is empty
	if err := e.resetLogs(); err != nil {
		return e.cm.fatal(err)
	}
	err := e.applyCoord(false, func(b *pebble.Batch) error { return b.Delete(keyReset, nil) })
	if err == nil {
		err = e.flushStore(context.Background())
	}
	if err != nil {
		return e.cm.fatal(err)
	}
	return e.tail.refresh()
}

// resetLogs deletes the files and begins anew. A failure in the middle is left
// to recovery.
func (e *Engine) resetLogs() error {
	if e.bin == nil {
		return nil
	}
	e.cm.logMu.Lock()
	defer e.cm.logMu.Unlock()
	if err := e.bin.Reset(); err != nil {
		return fmt.Errorf("reset the binlog: %w", err)
	}
	v := &visibleState{csn: e.cm.last, coord: e.bin.End()}
	e.bin.SetSent(v.coord)
	e.cm.setVisible(v)
	return nil
}

// beginReset adds the intent. Without a binlog there are only GTIDs to forget.
func (e *Engine) beginReset(b *pebble.Batch) error {
	if err := b.DeleteRange(prefixGTID, prefixEnd(prefixGTID), nil); err != nil {
		return err
	}
	if e.bin == nil {
		return nil
	}
	return b.Set(keyReset, []byte{1}, nil)
}

// finishReset carries out the intent of a RESET MASTER that a crash
// interrupted. It may be repeated.
func (e *Engine) finishReset(bin *logfile.Index, at *coordinate) error {
	if _, ok, err := getCopy(e.db, keyReset); err != nil || !ok {
		return err
	}
	e.log.Info("finishing an interrupted RESET MASTER")
	if err := binlog.ResetFiles(bin); err != nil {
		return fmt.Errorf("finish RESET MASTER: %w", err)
	}
	at.bin = txn.Coord{}
	b := e.db.NewBatch()
	defer b.Close()
	if err := b.Delete(keyReset, nil); err != nil {
		return err
	}
	if err := setCoord(b, at); err != nil {
		return err
	}
	if err := e.db.Apply(b, pebble.NoSync); err != nil {
		return fmt.Errorf("finish RESET MASTER: %w", err)
	}
	return e.tryFlush(context.Background())
}
