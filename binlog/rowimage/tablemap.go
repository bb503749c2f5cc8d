package rowimage

import (
	"fmt"

	"github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/event"
)

// lenExact is the Table_map flag that says lengths are exact; MySQL always
// sets it.
const lenExact = 1

// TableMap returns the content of the layout's Table_map event, ready for
// event.AppendTableMap at any metadata level. primary are the column numbers
// of the primary key, prefix their lengths in characters (0 = whole; nil =
// all whole).
func (l *Layout) TableMap(id uint64, db, table string, primary, prefix []int) *event.TableMapInfo {
	m := &event.TableMapInfo{
		TableID: id, Flags: lenExact, DB: db, Table: table,
		Columns:    make([]event.Column, len(l.cols)),
		PrimaryKey: primary, PrimaryPrefix: prefix,
	}
	for i := range l.cols {
		c := &l.cols[i]
		t, meta := c.wireType()
		m.Columns[i] = event.Column{
			Type: t, Meta: meta, Nullable: c.Nullable, Unsigned: c.Unsigned,
			Collation: c.Collation, Name: c.Name, Members: c.Members,
		}
	}
	return m
}

// wireType returns type and metadata as they stand in a Table_map: ENUM and
// SET as STRING with the real type in the high byte, CHAR with the length's
// bits 8 and 9 inverted in the type byte, BIT as bytes<<8 | bits left over.
func (c *Column) wireType() (byte, uint16) {
	switch c.Type {
	case mysql.MYSQL_TYPE_ENUM, mysql.MYSQL_TYPE_SET:
		return mysql.MYSQL_TYPE_STRING, uint16(c.Type)<<8 | c.Meta
	case mysql.MYSQL_TYPE_STRING:
		return c.Type, (uint16(c.Type)^c.Meta&0x300>>4)<<8 | c.Meta&0xff
	case mysql.MYSQL_TYPE_BIT:
		return c.Type, c.Meta/8<<8 | c.Meta%8
	case mysql.MYSQL_TYPE_FLOAT:
		return c.Type, 4
	case mysql.MYSQL_TYPE_DOUBLE:
		return c.Type, 8
	}
	return c.Type, c.Meta
}

// FromTableMap returns the columns that a Table_map event describes. What the
// event leaves out is marked unknown. Types without a layout give an error
// that wraps ErrUnsupported.
func FromTableMap(m *event.TableMapInfo) ([]Column, error) {
	cols := make([]Column, len(m.Columns))
	for i := range m.Columns {
		e := &m.Columns[i]
		c := Column{
			Name: e.Name, Nullable: e.Nullable, Unsigned: e.Unsigned,
			Collation: e.Collation, Members: e.Members,
			SignUnknown: m.Has&event.HasSignedness == 0,
		}
		c.Type, c.Meta = realType(e.Type, e.Meta)
		if _, err := compileField(&c); err != nil {
			return nil, fmt.Errorf("column %d: %w", i, err)
		}
		cols[i] = c
	}
	return cols, nil
}

// realType is the inverse of wireType.
func realType(t byte, meta uint16) (byte, uint16) {
	switch t {
	case mysql.MYSQL_TYPE_STRING:
		high, low := byte(meta>>8), meta&0xff
		switch {
		case high == mysql.MYSQL_TYPE_ENUM || high == mysql.MYSQL_TYPE_SET:
			return high, low
		case high == 0: // before 5.0 metadata was the length alone
			return t, low
		}
		return high | 0x30, low | uint16(high&0x30^0x30)<<4
	case mysql.MYSQL_TYPE_BIT:
		return t, meta>>8*8 + meta&0xff
	case mysql.MYSQL_TYPE_VAR_STRING:
		return mysql.MYSQL_TYPE_VARCHAR, meta
	case mysql.MYSQL_TYPE_TINY_BLOB:
		return mysql.MYSQL_TYPE_BLOB, 1
	case mysql.MYSQL_TYPE_MEDIUM_BLOB:
		return mysql.MYSQL_TYPE_BLOB, 3
	case mysql.MYSQL_TYPE_LONG_BLOB:
		return mysql.MYSQL_TYPE_BLOB, 4
	case mysql.MYSQL_TYPE_NEWDATE:
		return mysql.MYSQL_TYPE_DATE, 0
	}
	return t, meta
}
