package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/rowimage"
)

// counters are a table's AUTO_INCREMENT value and hidden row id, shared by all
// versions of its definition. They are read from the store when first needed,
// and count in memory: values taken by transactions that roll back are lost, as
// in InnoDB.
type counters struct {
	db     pebble.Reader
	mu     sync.Mutex
	loaded bool
	fresh  bool   // the stored counter does not count: ALTER TABLE … AUTO_INCREMENT
	next   uint64 // next AUTO_INCREMENT value
	row    uint64 // next hidden row id

	estimate  uint64 // of the number of rows
	estimated time.Time
}

// load fills the counters from the store; mu is held. The AUTO_INCREMENT value
// lies above what a commit recorded and above every row in the column's index.
func (c *counters) load(t *Table) error {
	if c.loaded {
		return nil
	}
	db := c.db
	if t.auto >= 0 {
		next := max(1, t.schema.AutoIncrement)
		v, closer, err := db.Get(counterKey(t.schema.ID))
		switch {
		case err == nil:
			if len(v) == 8 && !c.fresh {
				next = max(next, binary.BigEndian.Uint64(v))
			}
			_ = closer.Close()
		case !errors.Is(err, pebble.ErrNotFound):
			return err
		}
		c.next = max(c.next, next)
	}
	if t.primary == nil {
		low, high := idBounds(rowSpace, t.schema.ID)
		it, err := db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
		if err != nil {
			return err
		}
		if it.Last() && len(it.Key()) == idPrefix+8 {
			c.row = max(c.row, binary.BigEndian.Uint64(it.Key()[idPrefix:]))
		}
		if err := it.Close(); err != nil {
			return err
		}
		c.row++
	}
	c.loaded = true
	return nil
}

// NextAutoIncrement returns the value that the next row would get, without
// taking it; 0 when the table has no AUTO_INCREMENT column or the store cannot
// be read.
func (t *Table) NextAutoIncrement() uint64 {
	if t.auto < 0 {
		return 0
	}
	t.count.mu.Lock()
	defer t.count.mu.Unlock()
	if err := t.count.load(t); err != nil {
		return 0
	}
	return t.count.next
}

// take takes n AUTO_INCREMENT values of the form offset + k*increment and
// returns the first.
func (t *Table) take(n, increment, offset uint64) (uint64, error) {
	n, increment, offset = max(n, 1), max(increment, 1), max(offset, 1)
	if offset > increment { // as in MySQL, the offset is ignored then
		offset = 1
	}
	c := t.count
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load(t); err != nil {
		return 0, err
	}
	first := offset
	if c.next > offset {
		steps := (c.next - offset + increment - 1) / increment
		if steps > (math.MaxUint64-offset)/increment {
			return 0, ErrAutoIncrement
		}
		first = offset + steps*increment
	}
	last := first + (n-1)*increment
	if last < first || last > maxInt(t.layout.Columns()[t.auto]) || (n-1) > math.MaxUint64/increment {
		return 0, ErrAutoIncrement
	}
	c.next = last + 1
	if c.next == 0 {
		c.next = math.MaxUint64
	}
	return first, nil
}

// GiveBackAutoIncrement undoes a NextAutoIncrement of one value that came to no
// row, unless another value has been taken since.
func (t *Table) GiveBackAutoIncrement(v uint64) {
	c := t.count
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == v+1 {
		c.next = v
	}
}

// raise makes next the next value, if it is the greater one.
func (t *Table) raise(next uint64) {
	c := t.count
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = max(c.next, next)
}

// bump raises the counter above a row's value.
func (t *Table) bump(image []byte, cells []rowimage.Cell) error {
	v, ok := t.autoValue(image, cells)
	if !ok {
		return nil
	}
	c := t.count
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load(t); err != nil {
		return err
	}
	if v >= c.next {
		c.next = v + 1
		if c.next == 0 {
			c.next = math.MaxUint64
		}
	}
	return nil
}

// autoValue returns the row's AUTO_INCREMENT value; ok is false when it has
// none that counts.
func (t *Table) autoValue(image []byte, cells []rowimage.Cell) (v uint64, ok bool) {
	if t.auto < 0 {
		return 0, false
	}
	col := t.layout.Columns()[t.auto]
	b := cells[t.auto].Value(image)
	if len(b) == 0 {
		return 0, false
	}
	switch {
	case col.Type == gomysql.MYSQL_TYPE_FLOAT:
		return floatValue(float64(rowimage.DecodeFloat(b)))
	case col.Type == gomysql.MYSQL_TYPE_DOUBLE:
		return floatValue(rowimage.DecodeDouble(b))
	case col.Unsigned:
		v = rowimage.DecodeUint(b)
	default:
		if s := rowimage.DecodeInt(b); s > 0 {
			v = uint64(s)
		}
	}
	return v, v > 0
}

func floatValue(f float64) (uint64, bool) {
	if !(f >= 1) || f > math.MaxInt64 {
		return 0, false
	}
	return uint64(f), true
}

// maxInt returns the greatest value of an integer column.
func maxInt(c rowimage.Column) uint64 {
	bits := uint(64)
	switch c.Type {
	case gomysql.MYSQL_TYPE_TINY:
		bits = 8
	case gomysql.MYSQL_TYPE_SHORT:
		bits = 16
	case gomysql.MYSQL_TYPE_INT24:
		bits = 24
	case gomysql.MYSQL_TYPE_LONG:
		bits = 32
	case gomysql.MYSQL_TYPE_FLOAT:
		return 1 << 24
	case gomysql.MYSQL_TYPE_DOUBLE:
		return 1 << 53
	}
	if !c.Unsigned {
		bits--
	}
	return math.MaxUint64 >> (64 - bits)
}

// newRowID takes a hidden row id.
func (t *Table) newRowID() (uint64, error) {
	c := t.count
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load(t); err != nil {
		return 0, err
	}
	c.row++
	return c.row - 1, nil
}

// counterValue returns what a commit records of the counter; ok is false when
// it has not been used.
func (t *Table) counterValue() (next uint64, ok bool) {
	if t.auto < 0 {
		return 0, false
	}
	t.count.mu.Lock()
	defer t.count.mu.Unlock()
	return t.count.next, t.count.loaded
}

// maxAuto returns the largest AUTO_INCREMENT value in use: from an index that
// begins with the column, else from all rows.
func (t *Table) maxAuto(ctx context.Context) (uint64, error) {
	space, id, full := byte(rowSpace), t.schema.ID, true
	if p := t.schema.Primary; len(p) > 0 && p[0].Column == t.auto && !p[0].Desc {
		full = false
	}
	for i := range t.schema.Indexes {
		x := &t.schema.Indexes[i]
		if !full || x.Parts[0].Column != t.auto || x.Parts[0].Desc {
			continue
		}
		space, id, full = indexSpace, x.ID, false
		if x.Unique {
			space = uniqueSpace
		}
	}
	low, high := idBounds(space, id)
	it, err := t.count.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
	if err != nil {
		return 0, err
	}
	defer it.Close()
	var most uint64
	var cells []rowimage.Cell
	for ok := it.Last(); ok && ctx.Err() == nil; ok = it.Prev() {
		value := it.Value()
		if space != rowSpace {
			pk, err := pkOfEntry(it.Key(), value)
			if err != nil {
				return 0, err
			}
			if value, err = fetch(t.count.db, append(appendID(nil, rowSpace, t.schema.ID), pk...)); err != nil {
				return 0, err
			}
		}
		_, image, err := t.split(value)
		if err != nil {
			return 0, err
		}
		if cells, err = t.layout.Cut(image, cells[:0]); err != nil {
			return 0, err
		}
		v, _ := t.autoValue(image, cells)
		if most = max(most, v); !full {
			break
		}
	}
	return most, errors.Join(it.Error(), ctx.Err())
}
