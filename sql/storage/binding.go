package storage

import (
	"errors"
	"fmt"

	"binrelay/binlog/event"
	"binrelay/binlog/jsonb"
	"binrelay/binlog/rowimage"
)

// binding joins a Table_map to a table of ours: how images of that event become
// images of the table. Used by one goroutine.
type binding struct {
	ts      *tables
	raw     []byte // body of the Table_map
	t       *Table
	remote  *rowimage.Layout
	convert *rowimage.Converter // nil: images are stored as they are

	sides  [2]side // before, after of the row at hand
	bitmap [2][]byte
}

// errCorruptEvent means that an event's bytes contradict each other (1610).
var errCorruptEvent = errors.New("storage: corrupted replication event")

// bind compiles a binding. Errors: *rowimage.ConversionError, *NoTableError,
// *NoDatabaseError, errCorruptEvent.
func (ts *tables) bind(m *event.TableMapInfo, raw []byte, t *Table) (*binding, error) {
	cols, err := rowimage.FromTableMap(m)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCorruptEvent, err)
	}
	b := &binding{raw: append([]byte(nil), raw...), ts: ts, t: t, remote: t.layout}
	if ok, _ := rowimage.Compatible(t.layout.Columns(), cols); ok {
		return b, nil
	}
	if b.remote, err = rowimage.Compile(cols); err != nil {
		return nil, fmt.Errorf("%w: %w", errCorruptEvent, err)
	}
	b.convert, err = rowimage.NewConverterParsing(t.layout, b.remote, ts.defaults(t), jsonb.FromText)
	return b, err
}

// defaults returns the image of a row of a table's defaults; nil = not known.
func (ts *tables) defaults(t *Table) []byte {
	if t.schema.Defaults != nil || ts.e.o.DefaultRow == nil {
		return t.schema.Defaults
	}
	t.defaultsOnce.Do(func() {
		image, err := ts.e.o.DefaultRow(t.schema)
		if err != nil {
			ts.e.log.Warn("defaults of a table are not known to rows that lack columns", "db", t.schema.Database, "table", t.schema.Name, "err", err)
			return
		}
		t.defaultRow = image
	})
	return t.defaultRow
}

// cut takes the image at the front of data, which holds the columns present,
// as side i (0 before, 1 after) and returns its length.
func (b *binding) cut(i int, data, present []byte) (n int, err error) {
	s := &b.sides[i]
	s.full = b.remote.AllPresent(present)
	switch {
	case s.full && b.convert == nil:
		if s.cells, n, err = b.t.layout.CutNext(data, s.cells); err != nil {
			break
		}
		s.data = data[:n:n]
		if !b.t.layout.Canonical(s.data) {
			s.data = append([]byte(nil), s.data...)
			b.t.layout.Canonicalize(s.data)
		}
	case s.full:
		if n, err = b.remote.Next(data); err != nil {
			break
		}
		if s.data, err = b.convert.Append(nil, data[:n]); err != nil {
			return 0, err
		}
		s.cells, err = b.t.layout.Cut(s.data, s.cells)
	case b.convert == nil:
		s.cells, n, err = b.t.layout.CutPartial(data, present, s.cells)
		s.data = data[:max(n, 0)]
	default:
		if s.data, b.bitmap[i], n, err = b.convert.AppendPartial(nil, b.bitmap[i], data, present); err != nil {
			break
		}
		s.cells, _, err = b.t.layout.CutPartial(s.data, b.bitmap[i], s.cells)
	}
	if errors.Is(err, rowimage.ErrCorrupt) {
		err = fmt.Errorf("%w: %w", errCorruptEvent, err)
	}
	return n, err
}

// complete makes the image of an inserted row full: columns that the event
// leaves out get their defaults.
func (b *binding) complete(s *side) ([]byte, error) {
	if s.full {
		return s.data, nil
	}
	t := b.t
	base := b.ts.defaults(t)
	if base == nil {
		img := rowimage.NewBuilder(t.layout)
		for i := range t.schema.Columns {
			c := &t.schema.Columns[i]
			if !s.cells[i].Absent() {
				// Whatever stands here is replaced.
				if err := appendZero(img, c); err != nil {
					return nil, err
				}
				continue
			}
			if !c.Nullable || c.HasDefault {
				return nil, fmt.Errorf("column '%s' is not in the event, and its default is not known: %w", c.Name, ErrUnsupported)
			}
			if err := img.AppendNull(); err != nil {
				return nil, err
			}
		}
		var err error
		if base, err = img.Bytes(); err != nil {
			return nil, err
		}
	}
	cells, err := t.layout.Cut(base, nil)
	if err != nil {
		return nil, err
	}
	return t.layout.Merge(nil, base, cells, s.data, s.cells), nil
}

// appendZero appends some value of a column.
func appendZero(b *rowimage.Builder, c *Column) error {
	if c.Nullable {
		return b.AppendNull()
	}
	if b.AppendInt(0) == nil || b.AppendInt(1) == nil || b.AppendBytes(nil) == nil || b.AppendDatetime(rowimage.Datetime{}) == nil ||
		b.AppendTimestamp(0, 0) == nil || b.AppendTime(0) == nil {
		return nil
	}
	return fmt.Errorf("column '%s': %w", c.Name, ErrUnsupported)
}

// apply makes the changes of a rows event.
func (b *binding) apply(ev event.Event, r *event.RowsInfo, a rowChanger) error {
	if r.Columns != len(b.remote.Columns()) {
		return fmt.Errorf("%w: %d columns, the table map has %d", errCorruptEvent, r.Columns, len(b.remote.Columns()))
	}
	a.begin(r.Flags)
	hasBefore, hasAfter := true, true
	switch ev.Type() {
	case event.WriteRowsV1, event.WriteRowsV2:
		hasBefore = false
	case event.DeleteRowsV1, event.DeleteRowsV2:
		hasAfter = false
	}
	for data := r.Rows; len(data) > 0; {
		var n, m int
		var err error
		if hasBefore {
			if n, err = b.cut(0, data, r.Before); err != nil {
				return err
			}
		}
		if hasAfter {
			if m, err = b.cut(1, data[n:], r.After); err != nil {
				return err
			}
		}
		if n+m == 0 {
			return errCorruptEvent // else it would never end
		}
		data = data[n+m:]
		switch {
		case !hasBefore:
			var image []byte
			if image, err = b.complete(&b.sides[1]); err == nil {
				err = a.insert(b.t, image)
			}
		case !hasAfter:
			err = a.remove(b.t, &b.sides[0])
		default:
			err = a.update(b.t, &b.sides[0], &b.sides[1])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isRowsEvent reports whether a type carries rows that can be applied.
func isRowsEvent(t event.Type) bool {
	switch t {
	case event.WriteRowsV1, event.UpdateRowsV1, event.DeleteRowsV1, event.WriteRowsV2, event.UpdateRowsV2, event.DeleteRowsV2:
		return true
	}
	return false
}

// endOfStatement is the table id of the rows event without rows that MySQL
// writes when it has nothing else to put STMT_END on.
const endOfStatement = 0xffffff
