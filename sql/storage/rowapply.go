package storage

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"binrelay/binlog/event"
	"binrelay/binlog/rowimage"
	"binrelay/sql/storage/lock"
)

// rowReader is where the rows of rows events are looked for. Keys and values
// are the store's.
type rowReader interface {
	// read returns the newest value; nil = there is none.
	read(key []byte) ([]byte, error)
	// lock locks a row or unique key.
	lock(key []byte, m lock.Mode) error
	// withHash calls fn with the row id of each h| key that may begin with
	// prefix, until fn returns true. Some may not exist any more.
	withHash(prefix []byte, fn func(id []byte) (done bool, err error)) error
	// eachRow calls fn with the rows of a table, in no order, until fn returns
	// true.
	eachRow(t *Table, fn func(key, value []byte) (done bool, err error)) error
}

// rowStore is what row changes that need no SQL are resolved against: the
// channel of a replica, or the batch that recovery builds. Row values have an
// empty stamp when set.
type rowStore interface {
	rowReader
	// related returns the foreign keys of a table, nil when it has none.
	related(t *Table) (*relations, error)
	// set and del change a key. The first group bytes are those that entries
	// looks for, 0 = it does not.
	set(key, value []byte, group int) error
	del(key []byte, group int) error
	// entries is that of keyRows; group is the one given to set.
	entries(prefix, after []byte, group int, fn func(key, value []byte) (done bool, err error)) error
}

// rowChanger makes the changes of rows events.
type rowChanger interface {
	// begin is told the flags of the event whose rows follow.
	begin(flags uint16)
	insert(t *Table, image []byte) error
	update(t *Table, before, after *side) error
	remove(t *Table, before *side) error
}

// rowFinder finds the rows that rows events describe.
type rowFinder struct {
	from rowReader
	was  []rowimage.Cell // of the row found last
}

// rowApplier changes rows of a rowStore. An error leaves a change half made:
// the transaction as a whole is to be given up.
type rowApplier struct {
	rowFinder
	s     rowStore // = from
	is    []rowimage.Cell
	autos map[*Table]struct{} // tables whose AUTO_INCREMENT counters moved

	noKeys   bool // the rows at hand come with NO_FOREIGN_KEY_CHECKS
	trusting bool // what the rows refer to was checked before
}

// side is what a rows event says of one row before or after its change: a full
// image, or the columns that are present.
type side struct {
	data  []byte
	cells []rowimage.Cell // cut from data
	full  bool
}

// begin implements rowChanger.
func (a *rowApplier) begin(flags uint16) { a.noKeys = flags&event.RowsNoFK != 0 }

// insert adds a row (*DuplicateError).
func (a *rowApplier) insert(t *Table, image []byte) error {
	var err error
	if a.is, err = t.layout.Cut(image, a.is[:0]); err != nil {
		return err
	}
	var key []byte
	if t.primary == nil {
		id, err := t.newRowID()
		if err != nil {
			return err
		}
		key = binary.BigEndian.AppendUint64(appendID(nil, rowSpace, t.schema.ID), id)
	} else {
		if key, err = t.appendRowKey(nil, image, a.is); err != nil {
			return err
		}
		if err := a.free(t, key, image); err != nil {
			return err
		}
	}
	if !a.noKeys {
		if err := a.keys().inserted(t, image); err != nil {
			return err
		}
	}
	return a.store(t, nil, nil, key, image)
}

// keys returns what checks and carries out the foreign keys of one change: those
// that the source left to its replicas.
func (a *rowApplier) keys() *keyChecker {
	return &keyChecker{rows: applierRows{a}, trusting: a.trusting}
}

// free locks a row key and fails when there is a row.
func (a *rowApplier) free(t *Table, key, image []byte) error {
	if err := a.s.lock(key, lock.X); err != nil {
		return err
	}
	value, err := a.s.read(key)
	if err != nil || value == nil {
		return err
	}
	return a.duplicate(t, -1, image, value)
}

func (a *rowApplier) duplicate(t *Table, index int, image, value []byte) error {
	_, existing, err := t.split(value)
	if err != nil {
		return err
	}
	return t.duplicateError(index, image, a.is, existing)
}

// update changes the row that before describes to what after says of it
// (ErrRowNotFound, *DuplicateError).
func (a *rowApplier) update(t *Table, before, after *side) error {
	key, image, err := a.find(t, before)
	if err != nil {
		return err
	}
	if a.was, err = t.layout.Cut(image, a.was[:0]); err != nil {
		return err
	}
	next := after.data
	if !after.full {
		next = t.layout.Merge(nil, image, a.was, after.data, after.cells)
	}
	if !a.noKeys {
		if err := a.keys().changing(t, key, image, next, nil); err != nil {
			return err
		}
	}
	return a.replace(t, key, image, next)
}

// replace stores a row that is found as it will be.
func (a *rowApplier) replace(t *Table, key, image, next []byte) error {
	var err error
	if a.was, err = t.layout.Cut(image, a.was[:0]); err != nil {
		return err
	}
	if a.is, err = t.layout.Cut(next, a.is[:0]); err != nil {
		return err
	}
	newKey := key
	if t.primary != nil {
		if newKey, err = t.appendRowKey(nil, next, a.is); err != nil {
			return err
		}
		if !bytes.Equal(newKey, key) {
			if err := a.free(t, newKey, next); err != nil {
				return err
			}
		}
	}
	return a.store(t, key, image, newKey, next)
}

// remove deletes the row that before describes (ErrRowNotFound).
func (a *rowApplier) remove(t *Table, before *side) error {
	key, image, err := a.find(t, before)
	if err != nil {
		return err
	}
	if !a.noKeys {
		if err := a.keys().deleted(t, key, image); err != nil {
			return err
		}
	}
	return a.drop(t, key, image)
}

// drop deletes a row that is found.
func (a *rowApplier) drop(t *Table, key, image []byte) error {
	var err error
	if a.was, err = t.layout.Cut(image, a.was[:0]); err != nil {
		return err
	}
	return a.store(t, key, image, nil, nil)
}

// applierRows makes the applier the keyRows of one change.
type applierRows struct{ *rowApplier }

func (r applierRows) related(t *Table) (*relations, error)  { return r.s.related(t) }
func (r applierRows) newest(key []byte) ([]byte, error)     { return r.s.read(key) }
func (r applierRows) lockKey(key []byte, m lock.Mode) error { return r.s.lock(key, m) }
func (r applierRows) change(t *Table, key, before, after []byte) error {
	if after == nil {
		return r.drop(t, key, before)
	}
	return r.replace(t, key, before, after)
}

func (r applierRows) entries(prefix, after []byte, group int, fn func(key, value []byte) (bool, error)) error {
	return r.s.entries(prefix, after, group, fn)
}

// find locks the row that a rows event describes and returns it as it is: by
// primary key, else by its image, else by comparing every row of the table.
func (f *rowFinder) find(t *Table, before *side) (key, image []byte, err error) {
	switch {
	case t.primary != nil && present(before.cells, t.schema.Primary):
		if key, err = t.appendRowKey(nil, before.data, before.cells); err != nil {
			return nil, nil, err
		}
		image, err = f.rowAt(t, key)
		if err == nil && image == nil {
			err = ErrRowNotFound
		}
		return key, image, err
	case t.primary == nil && before.full:
		prefix := binary.BigEndian.AppendUint64(appendID(nil, hashSpace, t.schema.ID), t.imageHash(before.data, before.cells))
		err = f.from.withHash(prefix, func(id []byte) (bool, error) {
			k := append(appendID(nil, rowSpace, t.schema.ID), id...)
			value, err := f.from.read(k)
			if err != nil || value == nil {
				return false, err
			}
			if _, img, err := t.split(value); err != nil || !t.sameRow(img, before.data) {
				return false, err
			}
			key = k
			return true, nil
		})
	default:
		err = f.from.eachRow(t, func(k, value []byte) (bool, error) {
			_, img, err := t.split(value)
			if err != nil {
				return false, err
			}
			if f.was, err = t.layout.Cut(img, f.was[:0]); err != nil || !matches(img, f.was, before) {
				return false, err
			}
			key = append([]byte(nil), k...)
			return true, nil
		})
	}
	if err != nil {
		return nil, nil, err
	}
	if key == nil {
		return nil, nil, ErrRowNotFound
	}
	if image, err = f.rowAt(t, key); err == nil && image == nil {
		err = ErrRowNotFound
	}
	return key, image, err
}

// rowAt locks a row and returns its image; nil: there is none.
func (f *rowFinder) rowAt(t *Table, key []byte) ([]byte, error) {
	if err := f.from.lock(key, lock.X); err != nil {
		return nil, err
	}
	value, err := f.from.read(key)
	if err != nil || value == nil {
		return nil, err
	}
	_, image, err := t.split(value)
	return image, err
}

func present(cells []rowimage.Cell, parts []IndexPart) bool {
	for _, p := range parts {
		if cells[p.Column].Absent() {
			return false
		}
	}
	return true
}

// matches reports whether a row has the values that s has.
func matches(image []byte, cells []rowimage.Cell, s *side) bool {
	for i, c := range s.cells {
		if c.Absent() {
			continue
		}
		if c.Null() != cells[i].Null() || !bytes.Equal(c.Value(s.data), cells[i].Value(image)) {
			return false
		}
	}
	return true
}

// store writes a row's change with its index entries. The cells of old and
// image are in a.was and a.is; key or newKey is nil when there is no such row.
func (a *rowApplier) store(t *Table, key, old, newKey, image []byte) error {
	moved := !bytes.Equal(key, newKey)
	for i := range t.indexes {
		if err := a.storeEntry(t, i, key, old, newKey, image, moved); err != nil {
			return err
		}
	}
	if t.primary == nil {
		if old != nil {
			if err := a.s.del(t.hashKey(nil, old, a.was, key[idPrefix:]), hashPrefix); err != nil {
				return err
			}
		}
		if image != nil {
			if err := a.s.set(t.hashKey(nil, image, a.is, newKey[idPrefix:]), nil, hashPrefix); err != nil {
				return err
			}
		}
	}
	if old != nil && moved {
		group, err := t.group(-1, old, a.was)
		if err == nil {
			err = a.s.del(key, group)
		}
		if err != nil {
			return err
		}
	}
	if image == nil {
		return nil
	}
	if t.auto >= 0 {
		if err := t.bump(image, a.is); err != nil {
			return err
		}
		if a.autos == nil {
			a.autos = make(map[*Table]struct{})
		}
		a.autos[t] = struct{}{}
	}
	group, err := t.group(-1, image, a.is)
	if err != nil {
		return err
	}
	return a.s.set(newKey, appendRow(make([]byte, 0, rowHeader(t.schema.Version)+len(image)), t.schema.Version, image), group)
}

func (a *rowApplier) storeEntry(t *Table, i int, key, old, newKey, image []byte, moved bool) error {
	var oldEntry, entry []byte
	var oldUnique, unique bool
	var err error
	if old != nil {
		if oldEntry, oldUnique, err = t.indexKey(nil, i, old, a.was, key[idPrefix:]); err != nil {
			return err
		}
	}
	if image != nil {
		if entry, unique, err = t.indexKey(nil, i, image, a.is, newKey[idPrefix:]); err != nil {
			return err
		}
	}
	same := bytes.Equal(oldEntry, entry)
	if same && !moved {
		return nil
	}
	if oldUnique {
		if err := a.s.lock(oldEntry, lock.X); err != nil {
			return err
		}
	}
	if unique && !same {
		if err := a.claim(t, i, entry, image, key); err != nil {
			return err
		}
	}
	if old != nil && !same {
		group, err := t.group(i, old, a.was)
		if err == nil {
			err = a.s.del(oldEntry, group)
		}
		if err != nil {
			return err
		}
	}
	if image == nil {
		return nil
	}
	group, err := t.group(i, image, a.is)
	if err != nil {
		return err
	}
	return a.s.set(entry, t.indexValue(i, newKey[idPrefix:]), group)
}

// claim locks a unique key and fails when another row than key has it.
func (a *rowApplier) claim(t *Table, i int, entry, image, key []byte) error {
	if err := a.s.lock(entry, lock.X); err != nil {
		return err
	}
	pk, err := a.s.read(entry)
	if err != nil || pk == nil || key != nil && bytes.Equal(pk, key[idPrefix:]) {
		return err
	}
	value, err := a.s.read(append(appendID(nil, rowSpace, t.schema.ID), pk...))
	if err != nil {
		return err
	}
	if value == nil {
		return fmt.Errorf("storage: index %s of %s.%s points to a row that does not exist", t.schema.Indexes[i].Name, t.schema.Database, t.schema.Name)
	}
	return a.duplicate(t, i, image, value)
}
