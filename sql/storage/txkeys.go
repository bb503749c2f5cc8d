package storage

import (
	"bytes"
	"context"

	"binrelay/binlog/event"
	"binrelay/sql/storage/lock"
)

// SetForeignKeyChecks switches foreign_key_checks for the statements that
// follow. Off, foreign keys are neither checked nor carried out, and the rows
// events say so.
func (tx *Tx) SetForeignKeyChecks(on bool) {
	if tx.o.NoForeignKeys == on {
		tx.o.NoForeignKeys, tx.keyed = !on, nil
	}
}

// rowFlags returns the flags of every rows event of the statement.
func (tx *Tx) rowFlags() uint16 {
	if tx.o.NoForeignKeys {
		return event.RowsNoFK
	}
	return 0
}

// relations returns the foreign keys of a table that is locked for writing,
// with the tables that they lead to locked as well; nil when there are none, or
// they are off.
func (tx *Tx) relations(ctx context.Context, t *Table) (*relations, error) {
	if tx.keyed == t {
		return tx.keys, nil
	}
	var rel *relations
	if !tx.o.NoForeignKeys {
		if rel = tx.Catalog().relations(t.schema.ID); rel != nil {
			var err error
			if rel, err = tx.lockRelated(ctx, t, rel); err != nil {
				return nil, err
			}
		}
	}
	tx.keyed, tx.keys = t, rel
	return rel, nil
}

// lockRelated takes metadata locks on the tables around t. With t locked, its
// foreign keys stay; what they lead to is looked up once that is locked.
func (tx *Tx) lockRelated(ctx context.Context, t *Table, rel *relations) (*relations, error) {
	for _, r := range rel.parents {
		if err := tx.lockAlong(ctx, metaName{r.key.Database, r.key.Table}, lock.IS); err != nil {
			return nil, err
		}
	}
	for _, r := range rel.children {
		m := lock.IS
		if r.key.OnDelete.changesRows() || r.key.OnUpdate.changesRows() {
			m = lock.IX
		}
		if err := tx.lockAlong(ctx, metaName{r.child.schema.Database, r.child.schema.Name}, m); err != nil {
			return nil, err
		}
		if m == lock.IX { // SERIALIZABLE readers keep writers out
			if err := tx.lockRows(ctx, r.child, m, lock.Wait{Timeout: tx.o.LockWait}); err != nil {
				return nil, err
			}
		}
	}
	return tx.Catalog().relations(t.schema.ID), nil
}

// lockAlong takes a metadata lock that a foreign key asks for. LOCK TABLES has
// no say about it: in MySQL it locks such tables along.
func (tx *Tx) lockAlong(ctx context.Context, n metaName, m lock.Mode) error {
	if tx.o.Locks.holds(n) || tx.meta[n] >= m {
		return nil
	}
	if _, err := tx.ts.locks.Acquire(ctx, tx.owner, n.key(), m, lock.Wait{Timeout: tx.o.MetaWait}); err != nil {
		return tx.lockError(err)
	}
	if tx.meta == nil {
		tx.meta = make(map[metaName]lock.Mode)
	}
	tx.meta[n] = max(tx.meta[n], m)
	return nil
}

// txRows makes a transaction the keyRows of one change.
type txRows struct {
	tx  *Tx
	ctx context.Context
}

func (r txRows) related(t *Table) (*relations, error) { return r.tx.relations(r.ctx, t) }

func (r txRows) newest(key []byte) ([]byte, error) { return r.tx.read(r.tx.ts.e.db, key, all) }

func (r txRows) lockKey(key []byte, m lock.Mode) error {
	l := LockExclusive
	if m == lock.S {
		l = LockShared
	}
	_, err := r.tx.lockRow(r.ctx, key, l, Wait)
	return err
}

func (r txRows) entries(prefix, after []byte, _ int, fn func(key, value []byte) (bool, error)) error {
	m, err := newMergeIter(r.tx.ts.e.db, r.tx.ov, behind(prefix, after), prefixEnd(prefix), all, false)
	if err != nil {
		return err
	}
	defer m.close()
	for n := 1; m.next(); n++ {
		if n&0xff == 0 && r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		if done, err := fn(bytes.Clone(m.key), bytes.Clone(m.value)); done || err != nil {
			return err
		}
	}
	return m.err()
}

// behind returns where a walk over prefix begins that has seen a key; nil: none.
func behind(prefix, seen []byte) []byte {
	if seen == nil {
		return prefix
	}
	return append(bytes.Clone(seen), 0)
}

// change implements keyRows: the row's event is marked, so that no replica
// carries the foreign key out once more.
func (r txRows) change(t *Table, key, before, after []byte) error {
	tx := r.tx
	if tx.tooLarge() {
		return ErrTooLarge
	}
	was, err := cutRow(t, before)
	if err != nil {
		return err
	}
	ch := rowChange{t: t, before: before, after: after, key: key, puts: tx.puts[:0], flags: event.RowsNoFK}
	var is tableRow
	if after != nil {
		if is, err = cutRow(t, after); err != nil {
			return err
		}
		if ch.newKey = key; t.primary != nil {
			next, err := t.appendRowKey(nil, after, is.cells)
			if err != nil {
				return err
			}
			if !bytes.Equal(next, key) {
				if ch.newKey, err = tx.newRowKey(r.ctx, t, after, is.cells); err != nil {
					return err
				}
			}
		}
	}
	if err := tx.indexPuts(r.ctx, &ch, was.cells, is.cells); err != nil {
		return err
	}
	if after != nil {
		if err := t.bump(after, is.cells); err != nil {
			return err
		}
	}
	if err := tx.write(&ch); err != nil {
		return err
	}
	tx.cascades = true
	return nil
}

// checkInserted checks the foreign keys of a new row.
func (tx *Tx) checkInserted(ctx context.Context, ch *rowChange) error {
	rel, err := tx.relations(ctx, ch.t)
	if err != nil || rel == nil {
		return err
	}
	c := keyChecker{rows: txRows{tx, ctx}}
	return c.inserted(ch.t, ch.after)
}

// checkDeleted carries out the foreign keys of a row that is to be deleted.
func (tx *Tx) checkDeleted(ctx context.Context, ch *rowChange) error {
	rel, err := tx.relations(ctx, ch.t)
	if err != nil || rel == nil {
		return err
	}
	if rel.cascades(true) {
		ch.flags |= event.RowsNoFK
	}
	c := keyChecker{rows: txRows{tx, ctx}}
	if err := c.deleted(ch.t, ch.key, ch.before); err != nil {
		return err
	}
	ch.puts = tx.puts[:0]
	tx.cells[0], err = ch.t.layout.Cut(ch.before, tx.cells[0][:0])
	return err
}

// checkUpdated checks and carries out the foreign keys of a row that is to
// become after.
func (tx *Tx) checkUpdated(ctx context.Context, ch *rowChange, after []byte) error {
	rel, err := tx.relations(ctx, ch.t)
	if err != nil || rel == nil {
		return err
	}
	if rel.cascades(false) {
		ch.flags |= event.RowsNoFK
	}
	c := keyChecker{rows: txRows{tx, ctx}}
	if err := c.changing(ch.t, ch.key, ch.before, after, nil); err != nil {
		return err
	}
	ch.puts = tx.puts[:0]
	tx.cells[0], err = ch.t.layout.Cut(ch.before, tx.cells[0][:0])
	return err
}

// rebase returns what an UPDATE makes of a row that a cascade of the same
// statement has changed since the statement read it: the columns that the
// UPDATE leaves alone stay as they are.
func (tx *Tx) rebase(ch *rowChange, read, after []byte) ([]byte, error) {
	if !tx.cascades || bytes.Equal(ch.before, read) {
		return after, nil
	}
	now, err := cutRow(ch.t, ch.before)
	if err != nil {
		return nil, err
	}
	was, err := cutRow(ch.t, read)
	if err != nil {
		return nil, err
	}
	is, err := cutRow(ch.t, after)
	if err != nil {
		return nil, err
	}
	return ch.t.mergeRow(now, was, is)
}
