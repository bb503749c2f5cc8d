package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/event"
	"binrelay/binlog/rowimage"
	"binrelay/sql/storage/keycodec"
)

// Table is a definition with everything compiled that rows need. It is
// immutable but for its AUTO_INCREMENT counter, and safe for concurrent use.
type Table struct {
	schema  *Schema
	layout  *rowimage.Layout
	primary *keycodec.Encoder // nil: hidden row id
	indexes []*keycodec.Encoder
	uniques []int     // places of the unique indexes
	floats  bool      // has FLOAT or DOUBLE columns
	auto    int       // the AUTO_INCREMENT column, -1 = none
	mapped  []byte    // its Table_map event, time and server id 0
	count   *counters // shared by all versions of the table
	weigh   Weigh
	groups  map[int]*keycodec.Encoder // first part of the indexes that foreign keys search
	since   atomic.Uint64             // CSN of the definition: older views cannot use it
	past    []past                    // layouts of rows written under older versions

	defaultsOnce sync.Once
	defaultRow   []byte // see tables.defaults
}

// compileTable checks a definition and compiles it. s is kept.
func compileTable(s *Schema, weigh Weigh, count *counters) (*Table, error) {
	if len(s.Columns) == 0 {
		return nil, &DefinitionError{1113, "A table must have at least 1 column"}
	}
	cols := make([]rowimage.Column, len(s.Columns))
	t := &Table{schema: s, auto: -1, count: count, weigh: weigh}
	for i := range s.Columns {
		cols[i] = s.Columns[i].Column
		t.floats = t.floats || isFloat(cols[i].Type)
		if s.Columns[i].AutoIncrement {
			t.auto = i
		}
	}
	var err error
	if t.layout, err = rowimage.Compile(cols); err != nil {
		return nil, fmt.Errorf("storage: table %s.%s: %w", s.Database, s.Name, err)
	}
	if len(s.Primary) > 0 {
		if t.primary, err = compileKey(s, cols, "PRIMARY", s.Primary, weigh); err != nil {
			return nil, err
		}
	}
	names := map[string]bool{"primary": true}
	for i, x := range s.Indexes {
		if names[strings.ToLower(x.Name)] {
			return nil, &DuplicateIndexError{x.Name}
		}
		names[strings.ToLower(x.Name)] = true
		k, err := compileKey(s, cols, x.Name, x.Parts, weigh)
		if err != nil {
			return nil, err
		}
		t.indexes = append(t.indexes, k)
		if x.Unique {
			t.uniques = append(t.uniques, i)
		}
	}
	if err := t.compilePast(); err != nil {
		return nil, err
	}
	t.mapped = t.tableMap()
	return t, t.groupKeys()
}

func compileKey(s *Schema, cols []rowimage.Column, name string, parts []IndexPart, weigh Weigh) (*keycodec.Encoder, error) {
	if len(parts) == 0 || len(parts) > 16 {
		return nil, &DefinitionError{1070, "Too many key parts specified; max 16 parts allowed"}
	}
	ps := make([]keycodec.Part, len(parts))
	for i, p := range parts {
		if p.Column < 0 || p.Column >= len(cols) {
			return nil, &DefinitionError{1072, fmt.Sprintf("Key column '%d' doesn't exist in table", p.Column)}
		}
		if name == "PRIMARY" && cols[p.Column].Nullable {
			return nil, &DefinitionError{1171, "All parts of a PRIMARY KEY must be NOT NULL; if you need NULL in a key, use UNIQUE instead"}
		}
		if cols[p.Column].Type == gomysql.MYSQL_TYPE_JSON {
			return nil, &DefinitionError{3152, fmt.Sprintf("JSON column '%s' supports indexing only via generated columns on a specified JSON path.", cols[p.Column].Name)}
		}
		ps[i] = keycodec.Part{Column: p.Column, Prefix: p.Prefix, Desc: p.Desc}
	}
	k, err := keycodec.Compile(cols, ps, weigh)
	if errors.Is(err, keycodec.ErrNoKey) {
		return nil, &DefinitionError{1167, fmt.Sprintf("The used storage engine can't index the columns of key '%s'", name)}
	}
	if err != nil {
		return nil, fmt.Errorf("storage: index %s of %s.%s: %w", name, s.Database, s.Name, err)
	}
	return k, nil
}

// tableMap encodes the table's Table_map event. Its table id is the schema id.
func (t *Table) tableMap() []byte {
	s := t.schema
	var primary, prefix []int
	for _, p := range s.Primary {
		primary, prefix = append(primary, p.Column), append(prefix, p.Prefix)
	}
	m := t.layout.TableMap(uint64(s.ID), s.Database, s.Name, primary, prefix)
	return event.AppendTableMap(nil, event.Header{}, m, event.MetaMinimal)
}

// Schema returns the definition. It must not be changed.
func (t *Table) Schema() *Schema { return t.schema }

// Layout returns the compiled row image layout.
func (t *Table) Layout() *rowimage.Layout { return t.layout }

// encoder returns the key encoder of an index, nil for a hidden row id.
func (t *Table) encoder(index int) *keycodec.Encoder {
	if index < 0 {
		return t.primary
	}
	return t.indexes[index]
}

// EncodeKey appends the key of an index (-1 = primary) for the given values to
// dst; fewer values than the index has parts make a prefix. Keys order as the
// index does. A value outside of a part's domain gives a *keycodec.BoundError.
// Index -1 of a table without primary key takes no values.
func (t *Table) EncodeKey(dst []byte, index int, values ...keycodec.Value) ([]byte, error) {
	k := t.encoder(index)
	if k == nil {
		if len(values) > 0 {
			return dst, fmt.Errorf("storage: table %s has no primary key", t.schema.Name)
		}
		return dst, nil
	}
	return k.AppendPrefix(dst, values...)
}

// KeyOf appends the key of an index (-1 = primary) of a row image to dst.
func (t *Table) KeyOf(dst []byte, index int, image []byte) ([]byte, error) {
	k := t.encoder(index)
	if k == nil {
		return dst, fmt.Errorf("storage: table %s has no primary key", t.schema.Name)
	}
	cells, err := t.layout.Cut(image, nil)
	if err != nil {
		return dst, err
	}
	return k.AppendRow(dst, image, cells)
}

// rowKeyOf appends the store key of the row with the given primary key columns
// or, without primary key, row id.
func (t *Table) appendRowKey(dst, image []byte, cells []rowimage.Cell) ([]byte, error) {
	return t.primary.AppendRow(appendID(dst, rowSpace, t.schema.ID), image, cells)
}

// indexKey appends the key of one secondary index entry and returns its value.
// pk is the row key behind its prefix. unique is false for keys that cannot
// conflict.
func (t *Table) indexKey(dst []byte, i int, image []byte, cells []rowimage.Cell, pk []byte) (key []byte, unique bool, err error) {
	x := &t.schema.Indexes[i]
	if !x.Unique {
		if key, err = t.indexes[i].AppendRow(appendID(dst, indexSpace, x.ID), image, cells); err != nil {
			return dst, false, err
		}
		return append(key, pk...), false, nil
	}
	if key, err = t.indexes[i].AppendRow(appendID(dst, uniqueSpace, x.ID), image, cells); err != nil {
		return dst, false, err
	}
	if t.indexes[i].HasNull(cells) {
		return append(key, pk...), false, nil
	}
	return key, true, nil
}

// indexValue is what an index entry points with: unique entries hold the
// primary key, others end in it and hold its length.
func (t *Table) indexValue(i int, pk []byte) []byte {
	if t.schema.Indexes[i].Unique {
		return pk
	}
	return binary.AppendUvarint(nil, uint64(len(pk)))
}

// pkOfEntry returns the primary key that an index entry points to.
func pkOfEntry(key, value []byte) ([]byte, error) {
	if key[0] == uniqueSpace {
		return value, nil
	}
	n, w := binary.Uvarint(value)
	if w <= 0 || n > uint64(len(key)-idPrefix) {
		return nil, fmt.Errorf("storage: malformed index entry under id %d", binary.BigEndian.Uint64(key[1:]))
	}
	return key[len(key)-int(n):], nil
}

// hashKey appends the h| key of a row of a table without primary key.
func (t *Table) hashKey(dst, image []byte, cells []rowimage.Cell, pk []byte) []byte {
	dst = appendID(dst, hashSpace, t.schema.ID)
	return append(binary.BigEndian.AppendUint64(dst, t.imageHash(image, cells)), pk...)
}
