package storage

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"binrelay/binlog"
	"binrelay/binlog/event"
	"binrelay/binlog/txn"
)

// Commit makes the transaction durable and visible. After an error nothing of
// it remains. ctx counts until the transaction is sequenced; afterwards the
// outcome is waited for.
func (tx *Tx) Commit(ctx context.Context) (txn.Result, error) {
	if tx.done {
		return txn.Result{}, ErrTxDone
	}
	_ = tx.EndStatement() // kept in logErr
	var res txn.Result
	if tx.creates != nil && tx.creates.apart && tx.logErr == nil {
		var err error
		if res, err = tx.commitApart(ctx); err != nil {
			tx.Rollback()
			return res, err
		}
		ctx = context.WithoutCancel(ctx)
	}
	if tx.ov.empty() && !tx.undone && tx.logErr == nil && tx.creates == nil {
		tx.Rollback()
		return res, nil
	}
	p, err := tx.build(ctx)
	if err != nil {
		tx.Rollback()
		return txn.Result{}, err
	}
	if tx.unlogged && p.bin == nil && p.private == nil && len(p.kv) == 0 && p.origin == nil {
		if done, err := tx.applyUnlogged(p); done || err != nil {
			tx.Rollback()
			return txn.Result{}, err
		}
	}
	tx.end()
	res = tx.ts.commit(ctx, p)
	return res, res.Err
}

// build makes what the Committer needs. All that can fail, fails here.
func (tx *Tx) build(ctx context.Context) (*pending, error) {
	if tx.logErr != nil {
		return nil, tx.logErr
	}
	if tx.tooLarge() {
		return nil, ErrTooLarge
	}
	p := &pending{}
	err := tx.buildRows(ctx, p)
	if err == nil {
		err = tx.writeCounters(p)
	}
	if err == nil && tx.creates != nil {
		err = tx.creates.join(p)
	}
	if err == nil {
		err = tx.finishLogs(p)
	}
	if err != nil {
		p.discard()
		return nil, err
	}
	ts := tx.ts
	p.release = func(res txn.Result) {
		tx.closeLogs()
		tx.creates.end(res)
		ts.locks.ReleaseAll(tx.owner)
	}
	return p, nil
}

// buildRows puts the overlay into a batch, or when it has spilled into files.
func (tx *Tx) buildRows(ctx context.Context, p *pending) (err error) {
	ts := tx.ts
	if tx.ov.spilled() {
		return ts.buildLarge(ctx, tx.ov, p)
	}
	p.batch = ts.e.db.NewBatchWithSize(int(tx.ov.bytes) + 64)
	deleted, err := tx.ov.write(p, tx.o.Temporary)
	if len(deleted) > 0 {
		p.applying = func(csn txn.CSN) { ts.deletes.note(deleted, csn, &ts.views) }
	}
	return err
}

// buildLarge puts an overlay that has spilled into files, and frees it.
func (ts *tables) buildLarge(ctx context.Context, o *overlay, p *pending) error {
	if p.batch == nil {
		p.batch = ts.e.db.NewBatch()
	}
	rows, deleted, many, err := o.writeTables(ctx, ts)
	if err != nil {
		return err
	}
	o.free()
	p.large = rows
	p.applying = func(csn txn.CSN) {
		ts.tags.note(rows.tag, csn, &ts.views)
		if many {
			ts.deletes.noteAll(csn)
		}
		ts.deletes.note(deleted, csn, &ts.views)
	}
	return nil
}

// discard frees what a pending that nobody has taken holds.
func (p *pending) discard() {
	if p.batch != nil {
		_ = p.batch.Close() // its memory goes back to a pool; there is nothing to fail
		p.batch = nil
	}
	p.large.discard()
}

// write adds everything in the overlay to p's batch, and notes the stamp holes.
// It returns the key hashes of deleted rows.
func (o *overlay) write(p *pending, temporary *Temporary) (deleted []uint64, err error) {
	b := p.batch
	for n := o.head.next[0]; n != nil; n = n.next[0] {
		v := n.top
		switch {
		case v == nil || v.del && v.fresh || temporary.dead(n.key):
			continue
		case v.del:
			if n.key[0] == rowSpace {
				deleted = append(deleted, hash64(n.key))
			}
			err = b.Delete(n.key, nil)
		case n.key[0] == rowSpace:
			op := b.SetDeferred(len(n.key), len(v.value))
			copy(op.Key, n.key)
			copy(op.Value, v.value)
			p.stamps = append(p.stamps, uint32(b.Len()-len(v.value)))
			err = op.Finish()
		default:
			err = b.Set(n.key, v.value, nil)
		}
		if err != nil {
			return nil, err
		}
	}
	return deleted, nil
}

// writeCounters records the AUTO_INCREMENT counters of the tables written to.
// Recovery finds them in the rows of the logs; where rows were rolled back to a
// savepoint, LAST_INSERT_ID() may have told of values that no row shows, so the
// counters themselves are logged.
func (tx *Tx) writeCounters(p *pending) error {
	for t := range tx.changed {
		if err := t.writeCounter(p.batch); err != nil {
			return err
		}
		if next, ok := t.counterValue(); ok && tx.undone && !t.Temporary() {
			key := string(counterKey(t.schema.ID)[len(metaPrefix):])
			p.kv = append(p.kv, KV{key, binary.BigEndian.AppendUint64(nil, next)})
		}
	}
	return nil
}

func (t *Table) writeCounter(b *pebble.Batch) error {
	next, ok := t.counterValue()
	if !ok {
		return nil
	}
	return b.Merge(counterKey(t.schema.ID), binary.BigEndian.AppendUint64(nil, next), nil)
}

// finishLogs hands the events over: those that travel end with an Xid.
func (tx *Tx) finishLogs(p *pending) error {
	if l := tx.private; l != nil && l.cache.size() > 0 {
		p.private, p.privN, p.privLen = l.cache, l.cache.count, l.cache.size()
	}
	o := tx.o.Origin
	if o != nil && !o.GTID.IsZero() && !tx.o.NoBinlog && tx.bin == nil { // the GTID is executed here too
		tx.openBinlog()
		if err := tx.bin.cache.add(tx.bin.begin); err != nil {
			return err
		}
	}
	if l := tx.bin; l != nil && l.cache.size() > 0 {
		err := l.cache.add(func(dst []byte) []byte { return event.AppendXid(dst, tx.header(), 0) })
		if err != nil {
			return err
		}
		p.bin = &binlog.Txn{Events: l.cache, Size: l.cache.size(), Count: l.cache.count, After: tx.ts.clock(), Timestamp: tx.when,
			DDL: tx.creates != nil}
		if o != nil {
			p.bin.Origin, p.bin.GTID, p.bin.Ordered = o, o.GTID, true
		}
	}
	p.origin = o
	if p.bin == nil && p.private == nil && len(p.kv) == 0 && !tx.unlogged {
		return fmt.Errorf("storage: transaction changed rows but logged none")
	}
	return nil
}
