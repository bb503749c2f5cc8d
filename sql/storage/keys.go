package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/cockroachdb/pebble/v2"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/rowimage"
)

// The store's key space. Ids are 8 bytes, big-endian; tables and indexes share
// one counter, so that an index needs no table id before its own, and dropping
// either is a few range deletes. Columns are encoded by package keycodec.
//
//	t | table | primary key            → row: stamp 8 | schema version uvarint | image
//	t | table | row id 8               → the same, for tables without a primary key
//	h | table | hash64(image) | row id → nothing; finds a row of such a table by its image
//	i | index | columns | primary key  → uvarint length of the primary key
//	u | index | columns                → primary key
//	u | index | columns | primary key  → primary key; when a column is NULL: no conflict
//	m | '|' …                          → catalog, settings, counters, coordinates
const (
	rowSpace    = 't'
	hashSpace   = 'h'
	indexSpace  = 'i'
	uniqueSpace = 'u'
	metaSpace   = 'm'
)

// idSpaces are the spaces whose second part is a TableID.
var idSpaces = [...]byte{hashSpace, indexSpace, rowSpace, uniqueSpace}

// idPrefix is the length of a key before its columns: space and id.
const idPrefix = 1 + 8

// appendID appends the first part of a key.
func appendID(dst []byte, space byte, id TableID) []byte {
	return binary.BigEndian.AppendUint64(append(dst, space), uint64(id))
}

// idBounds returns the bounds of everything under an id in one space.
func idBounds(space byte, id TableID) (low, high []byte) {
	low = appendID(make([]byte, 0, idPrefix), space, id)
	if id == math.MaxUint64 {
		return low, []byte{space + 1}
	}
	return low, appendID(make([]byte, 0, idPrefix), space, id+1)
}

// metaKey returns the store key of an m| name.
func metaKey(name string) []byte { return append([]byte{metaSpace, '|'}, name...) }

const (
	catalogPrefix  = "cat|"
	databasePrefix = catalogPrefix + "db|" // + name
	tablePrefix    = catalogPrefix + "t|"  // + id, 16 hex digits
	counterPrefix  = "ai|"                 // + id, 8 bytes
)

func tableName(id TableID) string { return fmt.Sprintf("%s%016x", tablePrefix, uint64(id)) }

func counterKey(id TableID) []byte {
	return binary.BigEndian.AppendUint64(metaKey(counterPrefix), uint64(id))
}

// errBadRow means that a stored value is no row.
var errBadRow = errors.New("storage: malformed row value")

// rowHeader returns the length of what stands before a row's image.
func rowHeader(version uint32) int {
	n := stampSize + 1
	for ; version >= 0x80; version >>= 7 {
		n++
	}
	return n
}

// appendRow appends a row value with an empty stamp.
func appendRow(dst []byte, version uint32, image []byte) []byte {
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = binary.AppendUvarint(dst, uint64(version))
	return append(dst, image...)
}

// hash64 is FNV-1a, stable across versions: it is stored in h| keys.
func hash64(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// imageHash hashes a row of a table without primary key. Minus zero hashes as
// zero, because the two are equal but not the same bytes.
func (t *Table) imageHash(image []byte, cells []rowimage.Cell) uint64 {
	if !t.floats || !hasMinusZero(t.layout.Columns(), image, cells) {
		return hash64(image)
	}
	clean := append([]byte(nil), image...)
	for i, c := range t.layout.Columns() {
		if v := cells[i].Value(clean); minusZero(c.Type, v) {
			v[len(v)-1] = 0
		}
	}
	return hash64(clean)
}

// sameRow reports whether two images of t hold equal values.
func (t *Table) sameRow(a, b []byte) bool {
	if string(a) == string(b) {
		return true
	}
	if !t.floats {
		return false
	}
	ca, errA := t.layout.Cut(a, nil)
	cb, errB := t.layout.Cut(b, nil)
	if errA != nil || errB != nil {
		return false
	}
	for i, c := range t.layout.Columns() {
		va, vb := ca[i].Value(a), cb[i].Value(b)
		if (va == nil) != (vb == nil) {
			return false
		}
		if string(va) != string(vb) && !(isZero(c.Type, va) && isZero(c.Type, vb)) {
			return false
		}
	}
	return true
}

func isFloat(typ byte) bool {
	return typ == gomysql.MYSQL_TYPE_FLOAT || typ == gomysql.MYSQL_TYPE_DOUBLE
}

// minusZero reports whether v is the float value −0.0.
func minusZero(typ byte, v []byte) bool {
	return isZero(typ, v) && v[len(v)-1] == 0x80
}

func isZero(typ byte, v []byte) bool {
	if !isFloat(typ) || len(v) == 0 {
		return false
	}
	for _, c := range v[:len(v)-1] {
		if c != 0 {
			return false
		}
	}
	return v[len(v)-1]&0x7f == 0
}

func hasMinusZero(cols []rowimage.Column, image []byte, cells []rowimage.Cell) bool {
	for i, c := range cols {
		if minusZero(c.Type, cells[i].Value(image)) {
			return true
		}
	}
	return false
}

// counterMerger keeps the greater of two counters. The store must be opened
// with it: commits write counters with Merge, because they may be enqueued in
// another order than they read the counter.
var counterMerger = &pebble.Merger{
	Name: "binrelay.max",
	Merge: func(_, value []byte) (pebble.ValueMerger, error) {
		m := &maxMerger{}
		return m, m.MergeNewer(value)
	},
}

type maxMerger struct{ v uint64 }

func (m *maxMerger) MergeNewer(value []byte) error {
	if len(value) != 8 {
		return fmt.Errorf("storage: counter of %d bytes", len(value))
	}
	m.v = max(m.v, binary.BigEndian.Uint64(value))
	return nil
}

func (m *maxMerger) MergeOlder(value []byte) error { return m.MergeNewer(value) }

func (m *maxMerger) Finish(bool) ([]byte, io.Closer, error) {
	return binary.BigEndian.AppendUint64(nil, m.v), nil, nil
}

// idOf returns the id of a key that has one.
func idOf(key []byte) TableID { return TableID(binary.BigEndian.Uint64(key[1:])) }
