package storage

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"binrelay/binlog/rowimage"
	"binrelay/sql/storage/lock"
)

// maxCascade is how deep cascades may go, as in InnoDB.
const maxCascade = 15

// childChunk is how many children of a row are looked up at a time.
const childChunk = 1000

// errCascadeDepth means that cascades go too deep (3008).
var errCascadeDepth = &DefinitionError{3008, fmt.Sprintf("Foreign key cascade delete/update exceeds max depth of %d.", maxCascade)}

// keyRows is what foreign keys are checked against and carried out on: the
// newest rows, of a transaction or of a replica's channel.
type keyRows interface {
	// related returns the foreign keys of a table, with the tables that they
	// lead to locked against DDL; nil when there are none.
	related(t *Table) (*relations, error)
	// newest returns the newest value of a store key, nil when there is none.
	newest(key []byte) ([]byte, error)
	// lockKey locks a row or unique key, S or X.
	lockKey(key []byte, m lock.Mode) error
	// entries calls fn with copies of the keys and values that begin with
	// prefix and come after a key (nil: all), in order, until it returns true.
	// The first group bytes are those that Table.group counts, 0 when they are
	// not known.
	entries(prefix, after []byte, group int, fn func(key, value []byte) (done bool, err error)) error
	// change changes a locked row from before to after, nil = it goes.
	change(t *Table, key, before, after []byte) error
}

// keyChecker checks the foreign keys of one row change and carries out what
// follows from it. A new one is made for each change by a statement.
type keyChecker struct {
	rows     keyRows
	trusting bool // parents and children were checked when the change was first made

	deleting map[string]bool // keys of the rows whose removal leads here
	updating map[*Table]bool // tables whose rows are changing
	depth    int
	changed  bool // a row has been changed
}

// tableRow is a row's image with its cells.
type tableRow struct {
	image []byte
	cells []rowimage.Cell
}

func cutRow(t *Table, image []byte) (tableRow, error) {
	cells, err := t.layout.Cut(image, nil)
	return tableRow{image, cells}, err
}

func (c *keyChecker) fail(r *relation, parent bool) error {
	s := r.child.schema
	return &ForeignKeyError{Key: *r.key, DB: s.Database, Table: s.Name, Parent: parent, Partial: c.changed}
}

// inserted checks the parents of a new row of t.
func (c *keyChecker) inserted(t *Table, image []byte) error {
	rel, err := c.rows.related(t)
	if err != nil || rel == nil || len(rel.parents) == 0 || c.trusting {
		return err
	}
	after, err := cutRow(t, image)
	if err != nil {
		return err
	}
	return c.parents(rel, nil, nil, after, nil)
}

// deleted carries out what follows from the removal of a row, before it.
func (c *keyChecker) deleted(t *Table, key, image []byte) error {
	rel, err := c.rows.related(t)
	if err != nil || rel == nil || len(rel.children) == 0 {
		return err
	}
	before, err := cutRow(t, image)
	if err != nil {
		return err
	}
	if c.deleting == nil {
		c.deleting = make(map[string]bool)
	}
	own := string(key)
	c.deleting[own] = true
	defer delete(c.deleting, own)
	for _, r := range rel.children {
		if hasNull(before.cells, r.parentCols) {
			continue
		}
		if err := c.eachChild(r, before, r.key.OnDelete, func(key []byte, child tableRow) error {
			if r.key.OnDelete == Cascade {
				return c.remove(r.child, key, child)
			}
			return c.replace(r, key, child, nil)
		}); err != nil {
			return err
		}
	}
	return nil
}

// changing checks the parents of a row that changes and carries out what follows
// from the change, before it. skip is a key that needs no check.
func (c *keyChecker) changing(t *Table, key, was, is []byte, skip *relation) error {
	rel, err := c.rows.related(t)
	if err != nil || rel == nil {
		return err
	}
	before, err := cutRow(t, was)
	if err != nil {
		return err
	}
	after, err := cutRow(t, is)
	if err != nil {
		return err
	}
	if c.updating == nil {
		c.updating = make(map[*Table]bool)
	}
	if !c.updating[t] {
		c.updating[t] = true
		defer delete(c.updating, t)
	}
	for _, r := range rel.children {
		if hasNull(before.cells, r.parentCols) || sameValues(was, before.cells, is, after.cells, r.parentCols) {
			continue
		}
		if err := c.eachChild(r, before, r.key.OnUpdate, func(key []byte, child tableRow) error {
			if c.updating[r.child] { // as InnoDB: no way back into a table
				return c.fail(r, true)
			}
			if r.key.OnUpdate == Cascade {
				return c.replace(r, key, child, &after)
			}
			return c.replace(r, key, child, nil)
		}); err != nil {
			return err
		}
	}
	if c.trusting {
		return nil
	}
	return c.parents(rel, key, &before, after, skip)
}

// eachChild calls fn with the child rows of a parent's row, locked. Where the
// action is to refuse, the first of them is an error.
func (c *keyChecker) eachChild(r *relation, parent tableRow, a Action, fn func(key []byte, child tableRow) error) error {
	if !a.changesRows() && c.trusting {
		return nil
	}
	space, id := r.child.space(r.childIndex)
	prefix, err := r.down.AppendRow(appendID(nil, space, id), parent.image, parent.cells)
	if err != nil {
		return err
	}
	first, err := r.grp.AppendRow(nil, parent.image, parent.cells)
	if err != nil {
		return err
	}
	mode := lock.X
	if !a.changesRows() {
		mode = lock.S
	}
	refers := func(child tableRow) (bool, error) {
		own, err := r.child.encoder(r.childIndex).AppendRow(appendID(nil, space, id), child.image, child.cells)
		return bytes.HasPrefix(own, prefix), err
	}
	for after, more := []byte(nil), true; more; {
		var keys [][]byte // of rows, found first: changes move what is being walked
		more = false
		err = c.rows.entries(prefix, after, idPrefix+len(first), func(key, value []byte) (bool, error) {
			rowKey, err := r.child.rowOfEntry(r.childIndex, key, value)
			if err != nil || a.changesRows() && c.deleting[string(rowKey)] {
				return false, err
			}
			keys, after = append(keys, rowKey), key
			more = len(keys) == childChunk
			return more, nil
		})
		if err != nil {
			return err
		}
		for _, key := range keys {
			child, ok, err := c.current(r.child, key, mode, refers)
			switch {
			case err != nil:
				return err
			case !ok:
			case !a.changesRows():
				return c.fail(r, true)
			default:
				if err := fn(key, child); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// rowOfEntry returns the row key that an index entry (-1: a row) points to.
func (t *Table) rowOfEntry(index int, key, value []byte) ([]byte, error) {
	if index < 0 {
		return key, nil
	}
	pk, err := pkOfEntry(key, value)
	if err != nil {
		return nil, err
	}
	return append(appendID(nil, rowSpace, t.schema.ID), pk...), nil
}

// current locks a row and returns it as it is then; ok is false when it has
// gone, or is no longer what it was found as.
func (c *keyChecker) current(t *Table, key []byte, m lock.Mode, is func(tableRow) (bool, error)) (found tableRow, ok bool, err error) {
	if err := c.rows.lockKey(key, m); err != nil {
		return found, false, err
	}
	value, err := c.rows.newest(key)
	if err != nil || value == nil {
		return found, false, err
	}
	_, image, err := t.split(value)
	if err != nil {
		return found, false, err
	}
	if found, err = cutRow(t, image); err != nil {
		return found, false, err
	}
	ok, err = is(found)
	return found, ok, err
}

// descend goes one cascade deeper.
func (c *keyChecker) descend(f func() error) error {
	if c.depth >= maxCascade {
		return errCascadeDepth
	}
	c.depth++
	err := f()
	c.depth--
	return err
}

// remove deletes a child tableRow, its own children first.
func (c *keyChecker) remove(t *Table, key []byte, child tableRow) error {
	return c.descend(func() error {
		if err := c.deleted(t, key, child.image); err != nil {
			return err
		}
		c.changed = true
		return c.rows.change(t, key, child.image, nil)
	})
}

// replace gives a child tableRow the values of its parent's row, nil = NULL, in the
// columns of a foreign key.
func (c *keyChecker) replace(r *relation, key []byte, child tableRow, parent *tableRow) error {
	return c.descend(func() error {
		t := r.child
		image, err := r.refer(child, parent)
		if errors.Is(err, rowimage.ErrLong) || errors.Is(err, rowimage.ErrNull) {
			return c.fail(r, true)
		}
		if err != nil || bytes.Equal(image, child.image) {
			return err
		}
		if err := c.changing(t, key, child.image, image, r); err != nil {
			return err
		}
		c.changed = true
		err = c.rows.change(t, key, child.image, image)
		var dup *DuplicateError
		if errors.As(err, &dup) {
			return definitionErrorf(1761, "Foreign key constraint for table '%s', record '%s' would lead to a duplicate entry in table '%s', key '%s'",
				r.parent.schema.Name, dup.Entry, dup.Table, dup.Key)
		}
		return err
	})
}

// refer returns a child's image that refers to a parent's row, nil = to none
// (rowimage.ErrLong, rowimage.ErrNull).
func (r *relation) refer(child tableRow, parent *tableRow) ([]byte, error) {
	b := rowimage.NewBuilder(r.child.layout)
	for i, cell := range child.cells {
		part := -1
		for n, c := range r.childCols {
			if c == i {
				part = n
			}
		}
		var err error
		switch {
		case part < 0 && cell.Null(), part >= 0 && parent == nil:
			err = b.AppendNull()
		case part < 0:
			err = b.AppendStored(cell.Stored(child.image))
		default:
			err = r.appendParent(b, i, parent, parent.cells[r.parentCols[part]])
		}
		if err != nil {
			return nil, err
		}
	}
	return b.Bytes()
}

// appendParent appends a parent's value as one of the child's column.
func (r *relation) appendParent(b *rowimage.Builder, column int, parent *tableRow, cell rowimage.Cell) error {
	if cell.Null() {
		return b.AppendNull()
	}
	c := &r.child.schema.Columns[column]
	if !isString(c.Type) {
		return b.AppendStored(cell.Stored(parent.image))
	}
	v := cell.Value(parent.image)
	if width := rowimage.MaxCharBytes(c.Collation); c.Collation != binaryCollation && width > 1 && utf8.RuneCount(v) > int(c.Meta)/width {
		return rowimage.ErrLong
	}
	return b.AppendBytes(v)
}

// parents checks that a row has parents. key and before are those of the row as
// it was, nil for a new one; values that stay need no check.
func (c *keyChecker) parents(rel *relations, key []byte, before *tableRow, after tableRow, skip *relation) error {
	for _, r := range rel.parents {
		if hasNull(after.cells, r.childCols) || skip != nil && r.key.Name == skip.key.Name {
			continue
		}
		if before != nil && sameValues(before.image, before.cells, after.image, after.cells, r.childCols) {
			continue
		}
		if r.parent != nil {
			if ok, err := c.hasParent(r, key, after); ok || err != nil {
				if err != nil {
					return err
				}
				continue
			}
		}
		return c.fail(r, false)
	}
	return nil
}

// hasParent reports whether a row has its parent, and locks that: it stays as
// long as the transaction lasts. own is the row's key, if it has one: as it
// was, the row is no parent of its own.
func (c *keyChecker) hasParent(r *relation, own []byte, child tableRow) (bool, error) {
	space, id := r.parent.space(r.parentIndex)
	prefix, err := r.up.AppendRow(appendID(nil, space, id), child.image, child.cells)
	if err != nil {
		return false, err
	}
	refers := func(parent tableRow) (bool, error) {
		k, err := r.parent.encoder(r.parentIndex).AppendRow(appendID(nil, space, id), parent.image, parent.cells)
		return bytes.HasPrefix(k, prefix), err
	}
	if r.parent == r.child {
		if self, err := refers(child); self || err != nil {
			return self, err
		}
	}
	if r.whole {
		// The key, which a row that is being inserted has locked.
		if err := c.rows.lockKey(prefix, lock.S); err != nil {
			return false, err
		}
		value, err := c.rows.newest(prefix)
		if err != nil || value == nil {
			return false, err
		}
		rowKey, err := r.parent.rowOfEntry(r.parentIndex, prefix, value)
		if err != nil || bytes.Equal(rowKey, own) {
			return false, err
		}
		_, ok, err := c.current(r.parent, rowKey, lock.S, refers)
		return ok, err
	}
	found := false
	err = c.rows.entries(prefix, nil, 0, func(key, value []byte) (bool, error) {
		rowKey, err := r.parent.rowOfEntry(r.parentIndex, key, value)
		if err != nil || bytes.Equal(rowKey, own) {
			return false, err
		}
		_, found, err = c.current(r.parent, rowKey, lock.S, refers)
		return found, err
	})
	return found, err
}

// mergeRow returns now with the columns that differ between was and is taken
// from is.
func (t *Table) mergeRow(now, was, is tableRow) ([]byte, error) {
	b := rowimage.NewBuilder(t.layout)
	for i := range now.cells {
		from := now
		if !sameValues(was.image, was.cells, is.image, is.cells, []int{i}) {
			from = is
		}
		var err error
		if from.cells[i].Null() {
			err = b.AppendNull()
		} else {
			err = b.AppendStored(from.cells[i].Stored(from.image))
		}
		if err != nil {
			return nil, err
		}
	}
	return b.Bytes()
}
