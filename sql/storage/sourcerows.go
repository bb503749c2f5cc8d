package storage

import (
	"bytes"
	"context"

	"binrelay/binlog/event"
	"binrelay/binlog/txn"
	"binrelay/sql/storage/lock"
)

// sourceRows applies rows events of a source inside a transaction, where they
// stand beside statements: binlog_format=MIXED.
type sourceRows struct {
	tx    *Tx
	ctx   context.Context // of the event at hand
	find  rowFinder
	bound map[uint64]*binding // of the current statement
}

var (
	_ rowChanger = (*sourceRows)(nil)
	_ rowReader  = (*sourceRows)(nil)
)

// ApplyEvent applies a Table_map or rows event of group g, of which other parts
// are statements that SQL executes in the same transaction. ended says that it
// was the last of its statement. Errors are worded as Prepare words them.
func (tx *Tx) ApplyEvent(ctx context.Context, g *txn.Group, ev event.Event) (ended bool, err error) {
	if tx.source == nil {
		tx.source = &sourceRows{tx: tx}
		tx.source.find.from = tx.source
	}
	s, x := tx.source, &groupReader{g: g}
	s.ctx = ctx
	if ev.Type() == event.TableMap {
		if err := s.bind(ev, g.Checksum); err != nil {
			return false, x.fail(ev, "", nil, err)
		}
		return false, nil
	}
	r, err := event.DecodeRows(ev, g.Checksum)
	if err != nil {
		return false, x.fail(ev, "", nil, errCorruptEvent)
	}
	if r.TableID != endOfStatement || len(r.Rows) > 0 {
		b := s.bound[r.TableID]
		if b == nil {
			return false, x.fail(ev, "", nil, errCorruptEvent)
		}
		if err := b.apply(ev, &r, s); err != nil {
			return false, x.fail(ev, rowsEventName(ev.Type()), b.t.schema, err)
		}
	}
	if r.Flags&event.RowsStmtEnd == 0 {
		return false, nil
	}
	s.bound = nil
	return true, nil
}

func (s *sourceRows) bind(ev event.Event, checksum bool) error {
	m, err := event.DecodeTableMap(ev, checksum)
	if err != nil {
		return errCorruptEvent
	}
	t, err := s.tx.LockTable(s.ctx, m.DB, m.Table, MetaWrite)
	if err != nil {
		return err
	}
	b, err := s.tx.ts.bind(&m, nil, t)
	if err != nil {
		return err
	}
	if s.bound == nil {
		s.bound = make(map[uint64]*binding)
	}
	s.bound[m.TableID] = b
	return nil
}

// begin implements rowChanger.
func (s *sourceRows) begin(flags uint16) { s.tx.SetForeignKeyChecks(flags&event.RowsNoFK == 0) }

// insert implements rowChanger.
func (s *sourceRows) insert(t *Table, image []byte) error { return s.tx.Insert(s.ctx, t, image) }

// update implements rowChanger.
func (s *sourceRows) update(t *Table, before, after *side) error {
	_, image, err := s.find.find(t, before)
	if err != nil {
		return err
	}
	next := after.data
	if !after.full {
		cells, err := t.layout.Cut(image, nil)
		if err != nil {
			return err
		}
		next = t.layout.Merge(nil, image, cells, after.data, after.cells)
	}
	return s.tx.Update(s.ctx, t, image, next)
}

// remove implements rowChanger.
func (s *sourceRows) remove(t *Table, before *side) error {
	_, image, err := s.find.find(t, before)
	if err != nil {
		return err
	}
	return s.tx.Delete(s.ctx, t, image)
}

// read implements rowReader.
func (s *sourceRows) read(key []byte) ([]byte, error) { return s.tx.read(s.tx.ts.e.db, key, all) }

// lock implements rowReader.
func (s *sourceRows) lock(key []byte, m lock.Mode) error {
	mode := LockExclusive
	if m == lock.S {
		mode = LockShared
	}
	_, err := s.tx.lockRow(s.ctx, key, mode, Wait)
	return err
}

// withHash implements rowReader.
func (s *sourceRows) withHash(prefix []byte, fn func(id []byte) (bool, error)) error {
	return s.scan(prefix, func(key, _ []byte) (bool, error) { return fn(bytes.Clone(key[len(prefix):])) })
}

// eachRow implements rowReader.
func (s *sourceRows) eachRow(t *Table, fn func(key, value []byte) (bool, error)) error {
	return s.scan(appendID(nil, rowSpace, t.schema.ID), fn)
}

// scan calls fn with what the transaction sees under the keys that begin with
// prefix, until fn returns true.
func (s *sourceRows) scan(prefix []byte, fn func(key, value []byte) (bool, error)) error {
	m, err := newMergeIter(s.tx.ts.e.db, s.tx.ov, prefix, prefixEnd(prefix), all, false)
	if err != nil {
		return err
	}
	defer m.close()
	for m.next() {
		if done, err := fn(m.key, m.value); done || err != nil {
			return err
		}
	}
	return m.err()
}
