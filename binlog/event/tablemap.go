package event

import (
	"encoding/binary"
	"fmt"
)

// MetaLevel says how much optional metadata a Table_map carries, as in
// binlog_row_metadata.
type MetaLevel uint8

const (
	MetaNone    MetaLevel = iota // nothing optional
	MetaMinimal                  // signedness, character sets, geometry types
	MetaFull                     // also names, members, primary key, visibility
)

// MetaVar says which optional metadata a Table_map carried.
type MetaVar uint16

const (
	HasSignedness MetaVar = 1 << iota
	HasCharsets
	HasNames
	HasSetMembers
	HasEnumMembers
	HasGeometry
	HasPrimaryKey
	HasEnumSetCharsets
	HasVisibility
)

// TableMapExact is the flag of a Table_map that MySQL always sets.
const TableMapExact uint16 = 1

// maxColumns is the greatest number of columns of a table, in MySQL and
// MariaDB.
const maxColumns = 4096

// Column is one column of a Table_map. The fields from Unsigned on are
// optional metadata.
type Column struct {
	Type      byte   // MySQL's type code as in the binlog: 254 for CHAR, ENUM and SET, 252 for all BLOBs
	Meta      uint16 // see below
	Nullable  bool
	Unsigned  bool
	Collation uint16 // id, of character, ENUM and SET columns; 0 = not told
	Name      string
	Members   []string // of ENUM and SET
	Geometry  uint32   // geometry type
	Invisible bool
}

// Column.Meta by type, as in go-mysql:
//
//	NEWDECIMAL            precision<<8 | scale
//	STRING (254)          real type<<8 | length in bytes (ENUM, SET: bytes per value); for
//	                      lengths over 255, bits 8 and 9 of the length are inverted in 12 and 13
//	VARCHAR, VAR_STRING   greatest length in bytes
//	BIT                   bytes<<8 | bits
//	BLOB, JSON, GEOMETRY  bytes of the length before each value
//	FLOAT, DOUBLE         bytes
//	TIME2, DATETIME2, TIMESTAMP2  digits of the fraction
//	others                0

// TableMapInfo is the content of a Table_map event: the table that the rows
// events with the same id belong to.
type TableMapInfo struct {
	TableID       uint64 // 48 bits
	Flags         uint16
	DB, Table     string
	Columns       []Column
	Has           MetaVar // set by the decoder
	PrimaryKey    []int   // indexes in Columns, in key order
	PrimaryPrefix []int   // by PrimaryKey entry: characters of the column, 0 = all; nil = all of each
}

// AppendTableMap appends a Table_map event with optional metadata as level
// says. With MetaFull all names must be set. Flags are written as they are.
func AppendTableMap(dst []byte, h Header, m *TableMapInfo, level MetaLevel) []byte {
	start := len(dst)
	dst = Begin(dst, h, TableMap)
	dst = appendUint(dst, m.TableID, 6)
	dst = binary.LittleEndian.AppendUint16(dst, m.Flags)
	dst = append(appendShort(dst, m.DB), 0)
	dst = append(appendShort(dst, m.Table), 0)
	dst = appendPacked(dst, uint64(len(m.Columns)))
	meta := 0
	for i := range m.Columns {
		t := m.Columns[i].Type
		dst = append(dst, t)
		n, ok := metaSize(t)
		if !ok {
			panic(fmt.Sprintf("event: column type %d", t))
		}
		meta += n
	}
	dst = appendPacked(dst, uint64(meta))
	for i := range m.Columns {
		dst = appendMeta(dst, m.Columns[i].Type, m.Columns[i].Meta)
	}
	nullable := len(dst)
	dst = append(dst, make([]byte, (len(m.Columns)+7)/8)...)
	for i := range m.Columns {
		if m.Columns[i].Nullable {
			dst[nullable+i/8] |= 1 << (i % 8)
		}
	}
	if level >= MetaMinimal {
		dst = m.appendMinimal(dst)
	}
	if level >= MetaFull {
		dst = m.appendFull(dst)
	}
	return End(dst, start)
}

// DecodeTableMap decodes a Table_map event of MySQL or MariaDB with all its
// optional metadata; fields of a kind we do not know are passed over. Strings
// are copies. It fails with ErrUnsupported for a column type that we do not
// know.
func DecodeTableMap(ev Event, checksum bool) (TableMapInfo, error) {
	b, err := body(ev, checksum, TableMap)
	if err != nil {
		return TableMapInfo{}, err
	}
	r := reader{b: b}
	m := TableMapInfo{TableID: r.uint(6), Flags: r.u16()}
	m.DB = r.short()
	r.take(1)
	m.Table = r.short()
	r.take(1)
	n := r.packed()
	if n > maxColumns {
		return TableMapInfo{}, malformed("Table_map with %d columns", n)
	}
	types := r.take(n)
	meta := reader{b: r.take(r.packed())}
	nullable := r.take((n + 7) / 8)
	if err := r.done("Table_map"); err != nil {
		return TableMapInfo{}, err
	}
	m.Columns = make([]Column, n)
	for i, t := range types {
		size, ok := metaSize(t)
		if !ok {
			return TableMapInfo{}, unsupported("type %d of column %d of %s.%s", t, i+1, m.DB, m.Table)
		}
		c := &m.Columns[i]
		c.Type, c.Nullable = t, nullable[i/8]>>(i%8)&1 != 0
		c.Meta = uint16(meta.uint(size))
		if bigEndianMeta(t) {
			c.Meta = c.Meta<<8 | c.Meta>>8
		}
	}
	if err := meta.done("metadata of Table_map"); err != nil {
		return TableMapInfo{}, err
	}
	return m, m.decodeOptional(r.b)
}

// TableMapID returns the id of a Table_map or rows event without decoding the
// rest.
func TableMapID(ev Event) (uint64, error) {
	if len(ev) < HeaderSize+8 {
		return 0, malformed("Table_map or rows event of %d bytes", len(ev))
	}
	r := reader{b: ev[HeaderSize:]}
	return r.uint(6), nil
}

// Type codes that matter here. Source: MySQL's enum_field_types.
const (
	typeDecimal    = 0
	typeTiny       = 1
	typeShort      = 2
	typeLong       = 3
	typeFloat      = 4
	typeDouble     = 5
	typeLongLong   = 8
	typeInt24      = 9
	typeYear       = 13
	typeVarchar    = 15
	typeBit        = 16
	typeTimestamp2 = 17
	typeDatetime2  = 18
	typeTime2      = 19
	typeVector     = 242
	typeJSON       = 245
	typeNewDecimal = 246
	typeEnum       = 247
	typeSet        = 248
	typeBlob       = 252
	typeVarString  = 253
	typeString     = 254
	typeGeometry   = 255

	mariaBlobCompressed    = 140
	mariaVarcharCompressed = 141
)

// metaSize returns the bytes of metadata of a column type; false if we do not
// know the type or it cannot stand in a Table_map.
func metaSize(t byte) (int, bool) {
	switch t {
	case typeString, typeNewDecimal, typeVarString, typeVarchar, typeBit, mariaVarcharCompressed:
		return 2, true
	case typeBlob, typeDouble, typeFloat, typeGeometry, typeJSON, typeVector,
		typeTime2, typeDatetime2, typeTimestamp2, mariaBlobCompressed:
		return 1, true
	}
	return 0, t < typeVarchar
}

// bigEndianMeta reports whether the metadata are two single bytes.
func bigEndianMeta(t byte) bool { return t == typeString || t == typeNewDecimal }

func appendMeta(dst []byte, t byte, meta uint16) []byte {
	n, _ := metaSize(t)
	if bigEndianMeta(t) {
		return append(dst, byte(meta>>8), byte(meta))
	}
	return appendUint(dst, uint64(meta), n)
}

// real returns the type behind STRING: ENUM, SET or STRING.
func (c *Column) real() byte {
	if c.Type == typeString {
		if t := byte(c.Meta >> 8); t == typeEnum || t == typeSet {
			return t
		}
	}
	return c.Type
}

// The kinds of column that an optional field has entries for.

func anyColumn(*Column) bool { return true }

func numeric(c *Column) bool {
	switch c.Type {
	case typeDecimal, typeTiny, typeShort, typeLong, typeFloat, typeDouble, typeLongLong, typeInt24, typeYear, typeNewDecimal:
		return true
	}
	return false
}

func character(c *Column) bool {
	switch c.real() {
	case typeString, typeVarString, typeVarchar, typeBlob, mariaBlobCompressed, mariaVarcharCompressed:
		return true
	}
	return false
}

func geometry(c *Column) bool  { return c.Type == typeGeometry }
func enum(c *Column) bool      { return c.real() == typeEnum }
func set(c *Column) bool       { return c.real() == typeSet }
func enumOrSet(c *Column) bool { return enum(c) || set(c) }
