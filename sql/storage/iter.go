package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"binrelay/sql/storage/lock"
)

// mergeIter walks the keys of a range in the store and in a transaction's
// overlay as one sequence. Where both have a key the overlay's version wins, if
// it was written before statement limit; a tombstone hides the store's key.
type mergeIter struct {
	it      *pebble.Iterator
	ov      cursor
	low     []byte
	high    []byte
	limit   uint32
	reverse bool

	started bool
	valid   bool // it stands on a key that was not yet given out

	key, value []byte
	own        bool // from the overlay, which stands on it
}

func newMergeIter(r pebble.Reader, ov *overlay, low, high []byte, limit uint32, reverse bool) (*mergeIter, error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
	if err != nil {
		return nil, err
	}
	return &mergeIter{it: it, ov: cursor{o: ov, reverse: reverse}, low: low, high: high, limit: limit, reverse: reverse}, nil
}

func (m *mergeIter) start() {
	m.started = true
	if m.reverse {
		m.valid = m.it.Last()
		m.ov.seek(m.high)
	} else {
		m.valid = m.it.First()
		m.ov.seek(m.low)
	}
}

func (m *mergeIter) step() {
	if m.reverse {
		m.valid = m.it.Prev()
	} else {
		m.valid = m.it.Next()
	}
}

// side returns the overlay's next key inside the range, nil if none is left.
func (m *mergeIter) side() []byte {
	k := m.ov.key
	if k == nil || m.reverse && bytes.Compare(k, m.low) < 0 || !m.reverse && bytes.Compare(k, m.high) >= 0 {
		return nil
	}
	return k
}

// next goes to the next key. key and value are valid until the following call.
func (m *mergeIter) next() bool {
	switch {
	case !m.started:
		m.start()
	case m.own:
		m.ov.step()
	default:
		m.step()
	}
	for ; ; m.ov.step() {
		k := m.side()
		if k == nil {
			if !m.valid {
				return false
			}
			m.key, m.value, m.own = m.it.Key(), m.it.Value(), false
			return true
		}
		order := -1
		if m.valid {
			if order = bytes.Compare(k, m.it.Key()); m.reverse {
				order = -order
			}
		}
		if order > 0 {
			m.key, m.value, m.own = m.it.Key(), m.it.Value(), false
			return true
		}
		v := m.ov.version(m.limit)
		if v == nil {
			continue
		}
		if order == 0 {
			m.step()
		}
		if !v.del {
			m.key, m.value, m.own = k, v.value, true
			return true
		}
	}
}

// err returns what ended the walk early, if anything.
func (m *mergeIter) err() error {
	if err := m.it.Error(); err != nil {
		return err
	}
	return m.ov.o.err
}

func (m *mergeIter) close() error { return m.it.Close() }

// Iter walks the rows of a scan. It belongs to its transaction's goroutine.
type Iter struct {
	tx    *Tx
	ctx   context.Context
	t     *Table
	index int
	o     ScanOptions
	from  pebble.Reader
	limit uint32
	m     *mergeIter

	low, high []byte
	first     []byte // low or high, as the scan began
	n         int
	passed    bool      // what lies behind is done with
	stale     bool      // the store has moved on: look at what is left anew
	since     time.Time // when it looked last
	looked    int       // n then, or when the clock was read last
	rowKey    []byte
	image     []byte
	err       error
}

// Scan reads the rows of an index (-1 = primary) in its order. ctx ends it.
func (tx *Tx) Scan(ctx context.Context, t *Table, index int, r Range, o ScanOptions) *Iter {
	it := &Iter{tx: tx, ctx: ctx, t: t, index: index, o: o}
	it.err = it.open(r)
	return it
}

func (it *Iter) open(r Range) error {
	tx, t := it.tx, it.t
	if err := tx.usable(); err != nil {
		return err
	}
	it.o.Lock = tx.lockOf(it.o.Lock)
	space, id := byte(rowSpace), t.schema.ID
	if it.index >= 0 {
		space, id = indexSpace, t.schema.Indexes[it.index].ID
		if t.schema.Indexes[it.index].Unique {
			space = uniqueSpace
		}
	}
	it.low, it.high = idBounds(space, id)
	prefix := it.low
	if r.Low != nil {
		it.low = append(append([]byte(nil), prefix...), r.Low...)
	}
	if r.High != nil {
		it.high = append(append([]byte(nil), prefix...), r.High...)
	}
	if bytes.Compare(it.low, it.high) > 0 {
		it.high = it.low
	}
	it.first = it.low
	if it.o.Reverse {
		it.first = it.high
	}
	var err error
	if it.from, err = tx.reader(t, it.o.Lock); err != nil {
		return err
	}
	it.limit = tx.limit(it.o.Own)
	if it.o.Lock != LockNone {
		if err := it.lockRange(r.Point); err != nil {
			if errors.Is(err, errSkip) {
				return nil // no iterator: no rows
			}
			return err
		}
	}
	it.m, err = newMergeIter(it.from, tx.ov, it.low, it.high, it.limit, it.o.Reverse)
	return err
}

// lockRange takes the locks that a locking scan needs before it looks: of the
// key of a point, for SERIALIZABLE of the table. Rows that are read under a
// table's shared lock need none of their own.
func (it *Iter) lockRange(point bool) error {
	tx, t := it.tx, it.t
	if point && (it.index >= 0 || t.primary != nil) {
		_, err := tx.lockRow(it.ctx, it.low, it.o.Lock, it.o.Policy)
		return err
	}
	if tx.o.Isolation != Serializable {
		return nil
	}
	w := lock.Wait{Timeout: tx.o.LockWait}
	if it.o.Policy == NoWait {
		w.Policy = lock.NoWait
	}
	if err := tx.lockRows(it.ctx, t, lock.S, w); err != nil {
		return err
	}
	if it.o.Lock == LockShared {
		it.o.Lock = LockNone
	}
	return nil
}

// reopen looks anew at the part of the range that is not done with: what
// others committed since the scan began is there.
func (it *Iter) reopen() error {
	it.stale = false
	switch {
	case it.o.Reverse && it.passed:
		it.high = append([]byte(nil), it.m.key...)
	case it.o.Reverse:
		it.high = it.first
	case it.passed:
		it.low = append(append([]byte(nil), it.m.key...), 0)
	default:
		it.low = it.first
	}
	if err := it.m.close(); err != nil {
		it.m = nil
		return err
	}
	var err error
	it.m, err = newMergeIter(it.from, it.tx.ov, it.low, it.high, it.limit, it.o.Reverse)
	return err
}

const (
	refreshRows  = 4096             // rows between two looks at the clock
	refreshAfter = 10 * time.Second // age at which a scan lets go of the store's files
)

// refresh makes a scan that runs for long look at what is left anew. What it
// reads stays the same if it has a view; but the tables and memtables that the
// store has replaced meanwhile can be freed.
func (it *Iter) refresh() {
	it.looked = it.n
	limit := refreshAfter
	if d := it.tx.ts.e.o.scanRefresh; d > 0 {
		limit = d
	}
	now := time.Now()
	if it.since.IsZero() {
		it.since = now
	} else if now.Sub(it.since) >= limit {
		it.since, it.stale = now, true
	}
}

// Next goes to the next row. False: the end, or an error.
func (it *Iter) Next() bool {
	if it.err != nil || it.m == nil {
		return false
	}
	if it.n-it.looked >= refreshRows && it.passed {
		it.refresh()
	}
	for {
		if it.stale {
			if it.err = it.reopen(); it.err != nil {
				return false
			}
		}
		if !it.m.next() {
			break
		}
		if it.n++; it.n&0xff == 0 && it.ctx.Err() != nil {
			it.err = it.ctx.Err()
			return false
		}
		ok, err := it.row()
		if err != nil {
			it.err = err
			return false
		}
		if ok {
			it.passed = true
			if it.t.primary == nil {
				it.tx.lastKey = append(it.tx.lastKey[:0], it.rowKey...)
			}
			return true
		}
	}
	it.err = it.m.err()
	return false
}

// row finds and locks the row that the merge stands on. False: there is none.
func (it *Iter) row() (bool, error) {
	var value []byte
	if it.index < 0 {
		it.rowKey, value = append(it.rowKey[:0], it.m.key...), it.m.value
		if it.o.Lock != LockNone {
			value = append([]byte(nil), value...)
		}
	} else {
		pk, err := pkOfEntry(it.m.key, it.m.value)
		if err != nil {
			return false, err
		}
		it.rowKey = append(appendID(it.rowKey[:0], rowSpace, it.t.schema.ID), pk...)
		if value, err = it.tx.read(it.from, it.rowKey, it.limit); err != nil {
			return false, err
		}
		if value == nil && it.o.Lock != LockNone && it.tx.view == nil {
			it.stale, it.passed = true, true
			return false, nil // deleted since the scan began, or moved
		}
		if value == nil {
			return false, fmt.Errorf("storage: index %s of %s.%s points to a row that does not exist",
				it.t.schema.Indexes[it.index].Name, it.t.schema.Database, it.t.schema.Name)
		}
	}
	if it.o.Lock == LockNone {
		_, image, err := it.t.split(value)
		it.image = image
		return true, err
	}
	return it.lock(value)
}

// lock takes the candidate's lock and finds its newest version. Without a view
// that may have gone, or have left the range: no row then; or it may be met
// later in the range.
func (it *Iter) lock(value []byte) (bool, error) {
	tx := it.tx
	waits := tx.owner.Waits()
	fresh, err := tx.lockRow(it.ctx, it.rowKey, it.o.Lock, it.o.Policy)
	if err != nil {
		if errors.Is(err, errSkip) {
			return false, nil
		}
		return false, err
	}
	_, image, err := it.t.split(value)
	if err != nil {
		return false, err
	}
	it.image = image
	if v := tx.ov.get(it.rowKey, all); v != nil {
		return it.own(v) // nobody else can have changed it
	}
	newest, err := tx.read(tx.ts.e.db, it.rowKey, all)
	if err != nil {
		return false, err
	}
	if tx.view != nil {
		return true, tx.unchanged(newest)
	}
	waited := tx.owner.Waits() != waits
	it.stale = it.stale || waited
	where := outside
	if newest == nil {
		it.stale = true
		it.passed = it.passed || !waited
	} else {
		if _, it.image, err = it.t.split(newest); err == nil {
			where, err = it.place()
		}
		if err != nil {
			return false, err
		}
	}
	switch where {
	case ahead:
		it.stale = true
	case outside:
		if fresh {
			tx.unlockRow(it.rowKey)
		}
	case here:
		// Before the first row a wait makes the scan begin again: the row is met
		// anew, with what others put before it. It stays locked.
		return !waited || it.passed, nil
	}
	return false, nil
}

// own shows a row that this transaction has written: as it was when the
// statement began, unless a cascade of the statement has changed it.
func (it *Iter) own(v *version) (bool, error) {
	if !it.tx.cascades || v.stmt < it.tx.since() {
		return true, nil
	}
	if v.del {
		return false, nil
	}
	_, image, err := it.t.split(v.value)
	it.image = image
	return true, err
}

// place says where a locked row stands in the scan's range.
type place uint8

const (
	here    place = iota // where the scan is, or behind: it has moved there
	ahead                // the scan meets it again
	outside              // it has left the range
)

// place tells where the row, as it is now, stands.
func (it *Iter) place() (place, error) {
	if it.index < 0 {
		return here, nil
	}
	cells, err := it.t.layout.Cut(it.image, nil)
	if err != nil {
		return here, err
	}
	key, _, err := it.t.indexKey(nil, it.index, it.image, cells, it.rowKey[idPrefix:])
	if err != nil {
		return here, err
	}
	low, high := it.low, it.high // reopen narrows one side
	if it.o.Reverse {
		high = it.first
	} else {
		low = it.first
	}
	order := bytes.Compare(key, it.m.key)
	switch {
	case bytes.Compare(key, low) < 0 || bytes.Compare(key, high) >= 0:
		return outside, nil
	case it.o.Reverse && order < 0, !it.o.Reverse && order > 0:
		return ahead, nil
	}
	return here, nil
}

// Image returns the row's image, valid until the next call of Next.
func (it *Iter) Image() []byte { return it.image }

// Err returns the error that ended the scan, if any.
func (it *Iter) Err() error { return it.err }

// Close frees the scan and returns Err.
func (it *Iter) Close() error {
	if it.m != nil {
		if err := it.m.close(); it.err == nil {
			it.err = err
		}
		it.m = nil
	}
	return it.err
}
