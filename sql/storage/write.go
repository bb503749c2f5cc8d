package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"binrelay/binlog/event"
	"binrelay/binlog/rowimage"
)

// put is a change of one store key.
type put struct {
	key, value []byte
	del        bool
	fresh      bool // the store is known to have nothing under key
}

// rowChange is a change of one row, worked out and checked but not written.
type rowChange struct {
	t             *Table
	before, after []byte // nil: none
	key           []byte // of the row as it was, or of the new row
	newKey        []byte // of the row as it will be, when it moves
	puts          []put
	flags         uint16 // of its rows event
}

// Insert adds a row. The image must be canonical and complete. Errors:
// *DuplicateError, ErrConflict, ErrLockTimeout, ErrReadOnly, and ErrTableChanged
// when t is not the current definition (LockTable returns it).
func (tx *Tx) Insert(ctx context.Context, t *Table, image []byte) error {
	if err := tx.writable(ctx, t); err != nil {
		return err
	}
	cells, err := t.layout.Cut(image, tx.cells[0][:0])
	if err != nil {
		return err
	}
	tx.cells[0] = cells
	key, err := tx.newRowKey(ctx, t, image, cells)
	if err != nil {
		return err
	}
	ch := rowChange{t: t, after: image, key: key, puts: tx.puts[:0]}
	if err := tx.indexPuts(ctx, &ch, nil, cells); err != nil {
		return err
	}
	if err := tx.checkInserted(ctx, &ch); err != nil {
		return err
	}
	if err := t.bump(image, cells); err != nil {
		return err
	}
	return tx.write(&ch)
}

// newRowKey returns the store key of a row to be added, locked and known to be
// free.
func (tx *Tx) newRowKey(ctx context.Context, t *Table, image []byte, cells []rowimage.Cell) ([]byte, error) {
	if t.primary == nil {
		id, err := t.newRowID()
		if err != nil {
			return nil, err
		}
		key := appendID(make([]byte, 0, idPrefix+8), rowSpace, t.schema.ID)
		return binary.BigEndian.AppendUint64(key, id), nil
	}
	key, err := t.appendRowKey(nil, image, cells)
	if err != nil {
		return nil, err
	}
	if _, err := tx.lockRow(ctx, key, LockExclusive, Wait); err != nil {
		return nil, err
	}
	mine := tx.ov.get(key, all)
	if mine != nil && mine.del {
		return key, nil
	}
	value, err := tx.read(tx.ts.e.db, key, all)
	if err != nil {
		return nil, err
	}
	if value != nil {
		return nil, tx.duplicate(t, -1, image, cells, value)
	}
	if tx.view != nil && tx.ts.deletes.after(hash64(key), tx.view.csn) {
		tx.Rollback()
		return nil, ErrConflict
	}
	return key, nil
}

// duplicate builds the error for a row that is in the way of image.
func (tx *Tx) duplicate(t *Table, index int, image []byte, cells []rowimage.Cell, value []byte) error {
	_, existing, err := t.split(value)
	if err != nil {
		return err
	}
	return t.duplicateError(index, image, cells, existing)
}

func (t *Table) duplicateError(index int, image []byte, cells []rowimage.Cell, existing []byte) *DuplicateError {
	e := &DuplicateError{Table: t.schema.Name, Key: "PRIMARY", Index: index, Existing: existing}
	parts := t.schema.Primary
	if index >= 0 {
		e.Key, parts = t.schema.Indexes[index].Name, t.schema.Indexes[index].Parts
	}
	e.Entry = t.entryText(parts, image, cells)
	return e
}

// Update replaces the row whose image is before, as the statement read it.
func (tx *Tx) Update(ctx context.Context, t *Table, before, after []byte) error {
	if err := tx.writable(ctx, t); err != nil {
		return err
	}
	ch, err := tx.find(ctx, t, before)
	if err == nil && ch == nil && t.primary == nil {
		err = ErrRowNotFound // a cascade has changed it, perhaps
	}
	if err != nil || ch == nil {
		return err
	}
	if after, err = tx.rebase(ch, before, after); err != nil {
		return err
	}
	if bytes.Equal(ch.before, after) {
		return nil
	}
	if err := tx.checkUpdated(ctx, ch, after); err != nil {
		return err
	}
	if tx.cells[1], err = t.layout.Cut(after, tx.cells[1][:0]); err != nil {
		return err
	}
	was, is := tx.cells[0], tx.cells[1]
	ch.after, ch.newKey = after, ch.key
	if t.primary != nil {
		next, err := t.appendRowKey(nil, after, is)
		if err != nil {
			return err
		}
		if !bytes.Equal(next, ch.key) {
			if ch.newKey, err = tx.newRowKey(ctx, t, after, is); err != nil {
				return err
			}
		}
	}
	if err := tx.indexPuts(ctx, ch, was, is); err != nil {
		return err
	}
	if err := t.bump(after, is); err != nil {
		return err
	}
	return tx.write(ch)
}

// Delete removes the row whose image is before, as the statement read it.
func (tx *Tx) Delete(ctx context.Context, t *Table, before []byte) error {
	if err := tx.writable(ctx, t); err != nil {
		return err
	}
	ch, err := tx.find(ctx, t, before)
	if err != nil || ch == nil {
		return err
	}
	if err := tx.checkDeleted(ctx, ch); err != nil {
		return err
	}
	if err := tx.indexPuts(ctx, ch, tx.cells[0], nil); err != nil {
		return err
	}
	return tx.write(ch)
}

// find locks the row that the statement read as before and returns it as it is
// now: the same, unless this transaction changed it since; nil when this
// statement has deleted it: a cascade has, or a join gave it twice. The row's
// cells are in tx.cells[0].
func (tx *Tx) find(ctx context.Context, t *Table, before []byte) (*rowChange, error) {
	cells, err := t.layout.Cut(before, tx.cells[0][:0])
	if err != nil {
		return nil, err
	}
	tx.cells[0] = cells
	if t.primary == nil {
		return tx.findByImage(ctx, t, before, cells)
	}
	key, err := t.appendRowKey(nil, before, cells)
	if err != nil {
		return nil, err
	}
	image, err := tx.lockCurrent(ctx, t, key, before)
	if err != nil {
		return nil, err
	}
	if image == nil {
		if v := tx.ov.get(key, all); v != nil && v.stmt >= tx.since() {
			return nil, nil
		}
		return nil, ErrRowNotFound
	}
	tx.cells[0], err = t.layout.Cut(image, cells[:0])
	return &rowChange{t: t, before: image, key: key, puts: tx.puts[:0]}, err
}

// lockCurrent locks a row and returns its current image; nil: it is gone. A row
// that another transaction changed since it was read is a conflict.
func (tx *Tx) lockCurrent(ctx context.Context, t *Table, key, before []byte) ([]byte, error) {
	if _, err := tx.lockRow(ctx, key, LockExclusive, Wait); err != nil {
		return nil, err
	}
	own := tx.ov.get(key, all)
	value, err := tx.read(tx.ts.e.db, key, all)
	if err != nil {
		return nil, err
	}
	if own == nil && tx.view != nil {
		if err := tx.unchanged(value); err != nil {
			return nil, err
		}
	}
	if value == nil {
		return nil, nil
	}
	_, image, err := t.split(value)
	if err == nil && own == nil && !bytes.Equal(image, before) && !t.sameRow(image, before) {
		// The row was read without a lock, and changed before this one was taken.
		tx.Rollback()
		return nil, ErrConflict
	}
	return image, err
}

// findByImage finds a row of a table without primary key: the one that the last
// scan gave if its image is the same, else any with that image.
func (tx *Tx) findByImage(ctx context.Context, t *Table, before []byte, cells []rowimage.Cell) (*rowChange, error) {
	try := func(key []byte) (*rowChange, error) {
		value, err := tx.read(tx.ts.e.db, key, all)
		if err != nil || value == nil {
			return nil, err
		}
		if _, image, err := t.split(value); err != nil || !t.sameRow(image, before) {
			return nil, err
		}
		key = append([]byte(nil), key...)
		image, err := tx.lockCurrent(ctx, t, key, before)
		if err != nil || image == nil {
			return nil, err
		}
		if tx.cells[0], err = t.layout.Cut(image, cells[:0]); err != nil {
			return nil, err
		}
		return &rowChange{t: t, before: image, key: key, puts: tx.puts[:0]}, nil
	}
	if low := appendID(nil, rowSpace, t.schema.ID); bytes.HasPrefix(tx.lastKey, low) {
		if ch, err := try(tx.lastKey); ch != nil || err != nil {
			return ch, err
		}
	}
	prefix := binary.BigEndian.AppendUint64(appendID(nil, hashSpace, t.schema.ID), t.imageHash(before, cells))
	m, err := newMergeIter(tx.ts.e.db, tx.ov, prefix, append(bytes.Clone(prefix), bytes.Repeat([]byte{0xff}, 9)...), all, false)
	if err != nil {
		return nil, err
	}
	defer m.close()
	for m.next() {
		key := append(appendID(nil, rowSpace, t.schema.ID), m.key[len(prefix):]...)
		if ch, err := try(key); ch != nil || err != nil {
			return ch, err
		}
	}
	if err := m.err(); err != nil {
		return nil, err
	}
	if tx.cascades {
		return nil, nil // one that a cascade has changed or deleted
	}
	if tx.view != nil {
		tx.Rollback()
		return nil, ErrConflict
	}
	return nil, ErrRowNotFound
}

// indexPuts adds to ch the changes of all indexes and of the row itself. was
// and is are the cells of ch.before and ch.after, nil where there is none. It
// locks unique keys, old and new, and checks the new ones.
func (tx *Tx) indexPuts(ctx context.Context, ch *rowChange, was, is []rowimage.Cell) error {
	t := ch.t
	key := ch.key
	if ch.newKey != nil {
		key = ch.newKey
	}
	oldPK, pk := ch.key[idPrefix:], key[idPrefix:]
	moved := !bytes.Equal(key, ch.key)
	for i := range t.indexes {
		var old, next []byte
		var oldUnique, nextUnique bool
		var err error
		if was != nil {
			if old, oldUnique, err = t.indexKey(nil, i, ch.before, was, oldPK); err != nil {
				return err
			}
		}
		if is != nil {
			if next, nextUnique, err = t.indexKey(nil, i, ch.after, is, pk); err != nil {
				return err
			}
		}
		same := bytes.Equal(old, next)
		if same && !moved {
			continue
		}
		if oldUnique {
			if _, err := tx.lockRow(ctx, old, LockExclusive, Wait); err != nil {
				return err
			}
		}
		if nextUnique && !same {
			if err := tx.claim(ctx, ch, i, next, is, oldPK); err != nil {
				return err
			}
		}
		if was != nil && !same {
			ch.puts = append(ch.puts, put{key: old, del: true})
		}
		if is != nil {
			ch.puts = append(ch.puts, put{key: next, value: t.indexValue(i, pk)})
		}
	}
	if t.primary == nil {
		if was != nil {
			ch.puts = append(ch.puts, put{key: t.hashKey(nil, ch.before, was, oldPK), del: true})
		}
		if is != nil {
			ch.puts = append(ch.puts, put{key: t.hashKey(nil, ch.after, is, pk)})
		}
	}
	if was != nil && (moved || is == nil) {
		ch.puts = append(ch.puts, put{key: ch.key, del: true})
	}
	if is != nil {
		ch.puts = append(ch.puts, put{key: key, fresh: moved || was == nil, value: appendRow(make([]byte, 0, rowHeader(t.schema.Version)+len(ch.after)), t.schema.Version, ch.after)})
	}
	return nil
}

// claim locks a unique key and fails when another row has it. That row is locked
// too, because REPLACE and ON DUPLICATE KEY UPDATE go on with it.
func (tx *Tx) claim(ctx context.Context, ch *rowChange, i int, key []byte, cells []rowimage.Cell, oldPK []byte) error {
	if _, err := tx.lockRow(ctx, key, LockExclusive, Wait); err != nil {
		return err
	}
	pk, err := tx.read(tx.ts.e.db, key, all)
	if err != nil || pk == nil {
		return err
	}
	if ch.before != nil && bytes.Equal(pk, oldPK) {
		return nil
	}
	t := ch.t
	row := append(appendID(nil, rowSpace, t.schema.ID), pk...)
	if _, err := tx.lockRow(ctx, row, LockExclusive, Wait); err != nil {
		return err
	}
	value, err := tx.read(tx.ts.e.db, row, all)
	if err != nil {
		return err
	}
	if value == nil {
		return fmt.Errorf("storage: index %s of %s.%s points to a row that does not exist", t.schema.Indexes[i].Name, t.schema.Database, t.schema.Name)
	}
	return tx.duplicate(t, i, ch.after, cells, value)
}

// write puts a checked change into the overlay and its event into a log.
func (tx *Tx) write(ch *rowChange) error {
	if ch.t.Temporary() {
		tx.unlogged = true
	} else {
		if tx.logTable != ch.t {
			tx.logTable, tx.tableLog = ch.t, tx.logFor(ch.t)
		}
		if err := tx.tableLog.add(tx.header(), ch.t, ch.before, ch.after, ch.flags|tx.rowFlags()); err != nil {
			tx.logErr, tx.logErrAt = err, tx.stmt
			return err
		}
	}
	for _, p := range ch.puts {
		tx.ov.put(tx.stmt, p)
	}
	tx.puts = ch.puts
	if tx.ov.mem > tx.ts.spillBytes() {
		if err := tx.ts.spill(tx.ov); err != nil {
			tx.logErr, tx.logErrAt = err, tx.stmt
			return err
		}
	}
	if ch.t.auto >= 0 && !ch.t.Temporary() {
		if tx.changed == nil {
			tx.changed = make(map[*Table]struct{})
		}
		tx.changed[ch.t] = struct{}{}
	}
	if tx.rows++; tx.creates == nil { // else it has the weight of its DDL scope
		tx.owner.SetWeight(tx.rows)
	}
	return nil
}

// logFor returns the log that a table's rows go to.
func (tx *Tx) logFor(t *Table) *rowLog {
	if tx.o.NoBinlog || !tx.ts.logged(t.schema.Database) {
		if tx.private == nil {
			tx.private = tx.newLog()
		}
		return tx.private
	}
	if tx.bin == nil {
		tx.openBinlog()
	}
	return tx.bin
}

// openBinlog makes the log of what travels.
func (tx *Tx) openBinlog() {
	tx.bin = tx.newLog()
	tx.bin.begin = func(dst []byte) []byte {
		q := event.QueryInfo{ThreadID: tx.o.ThreadID, SQL: "BEGIN"}
		if tx.o.Begin != nil {
			q.DB, q.Status = tx.o.Begin()
		}
		h := tx.header()
		h.Flags = event.FlagSuppressUse
		return event.AppendQuery(dst, h, &q)
	}
}

func (tx *Tx) newLog() *rowLog {
	return &rowLog{cache: tx.ts.newCache()}
}

// NextAutoIncrement takes n values of the table's counter and returns the
// first: the smallest offset + k*increment that is not yet used. 0 means 1 for
// n, increment and offset. Values are not given back. Error: ErrAutoIncrement.
func (tx *Tx) NextAutoIncrement(t *Table, n, increment, offset uint64) (uint64, error) {
	if t.auto < 0 {
		return 0, fmt.Errorf("storage: table %s has no AUTO_INCREMENT column", t.schema.Name)
	}
	return t.take(n, increment, offset)
}

// estimate guesses the number of keys in a range: exact for few, else from the
// space they take.
func (ts *tables) estimate(low, high []byte) (uint64, error) {
	const sample = 512
	it, err := ts.e.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
	if err != nil {
		return 0, err
	}
	var n, bytes uint64
	for ok := it.First(); ok && n < sample; ok = it.Next() {
		n++
		bytes += uint64(len(it.Key()) + len(it.Value()))
	}
	if err := it.Close(); err != nil || n < sample {
		return n, err
	}
	disk, err := ts.e.db.EstimateDiskUsage(low, high)
	if err != nil {
		return 0, err
	}
	return max(n, disk*sample/max(bytes, 1)), nil
}

// estimateFor is how long a row estimate is good for.
const estimateFor = time.Second

// EstimateRows guesses how many rows a table has, without reading them all. The
// guess may be a second old.
func (e *Engine) EstimateRows(t *Table) uint64 {
	c, now := t.count, e.tables.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := now.Sub(c.estimated); age >= 0 && age < estimateFor {
		return c.estimate
	}
	low, high := idBounds(rowSpace, t.schema.ID)
	n, err := e.tables.estimate(low, high)
	if err != nil {
		e.log.Warn("row estimate failed", "table", t.schema.Name, "err", err)
		return c.estimate
	}
	c.estimate, c.estimated = n, now
	return n
}
