// Package keycodec turns column values of a row image into key bytes that
// compare (bytewise) as the values do, and that end by themselves, so that
// parts can follow each other and a primary key can follow an index key.
//
// A key is its parts back to back. A part is
//
//	+----------------------------------+-------+
//	| 00 NULL, 01 not; nullable columns | value |      all complemented if DESC
//	+----------------------------------+-------+
//
// so that NULLs come first, with DESC last. The values, big-endian:
//
//	integers          8 bytes; signed ones with the top bit flipped
//	YEAR              2 bytes, the year
//	ENUM              2 bytes, the index
//	BIT, SET          8 bytes, the bits as a number
//	FLOAT, DOUBLE     8 bytes: the IEEE 754 double, positive with the sign bit set, negative
//	                  complemented; -0 as 0
//	NEWDECIMAL        the image's bytes, which are in order; -0 as 0
//	DATE              3 bytes, year 15 | month 4 | day 5 bits
//	DATETIME2, TIMESTAMP2, TIME2   the image's bytes, which are in order
//	BINARY            the bytes, filled up with 00 to the column's length; escaped
//	other binary      the bytes; escaped
//	strings           the collation weight; escaped
//
// Escaped bytes have 00 replaced by 00 ff and end with 00 01. A prefix part
// takes the first characters (character strings) or bytes (binary) only.
//
// Strings of PAD SPACE collations (all but binary and utf8mb4_0900_*) are
// weighed without trailing spaces: 'a' and 'a ' have one key. (A character
// below the space sorts after the end of the string, unlike in MySQL.)
package keycodec

import (
	"errors"
	"fmt"

	"github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/rowimage"
)

// Weigh appends the collation weight of s: bytes that order as the collation
// does and are equal iff the strings are equal under it. For a PAD SPACE
// collation s comes without trailing spaces. It must not keep s.
type Weigh func(dst []byte, collation uint16, s []byte) ([]byte, error)

// Part is one column of an index.
type Part struct {
	Column int  // number in the table, from 0
	Prefix int  // characters (character strings) or bytes (binary); 0 = whole
	Desc   bool // descending
}

// ErrNoKey means that a column cannot be part of a key: JSON, GEOMETRY, old
// temporal types; a prefix of a type or character set that has none.
var ErrNoKey = errors.New("column cannot be part of a key")

const (
	nullMark  = 0x00
	valueMark = 0x01

	escape     = 0x00 // begins an escaped zero or the end
	escapedNul = 0xff
	terminator = 0x01
)

// form says how a part's value is encoded.
type form byte

const (
	formInt form = iota
	formUint
	formYear
	formEnum
	formBits  // SET
	formBit   // BIT
	formFloat // FLOAT, DOUBLE
	formDecimal
	formDate
	formSorted // temporal types whose bytes are in order
	formBinary
	formText
)

// part is a compiled Part.
type part struct {
	column   int
	typ      byte
	meta     uint16
	form     form
	nullable bool
	unsigned bool
	desc     bool
	fill     int // BINARY: length in bytes, else 0
	prefix   int
	padSpace bool
	runes    bool // prefix counts UTF-8 characters
	coll     uint16
}

// Encoder encodes the keys of one index. It is immutable, and safe for
// concurrent use if the Weigh function is.
type Encoder struct {
	parts []part
	weigh Weigh
}

// Compile prepares the encoder of an index over columns of cols. weigh may be
// nil when every string part is binary.
func Compile(cols []rowimage.Column, parts []Part, weigh Weigh) (*Encoder, error) {
	e := &Encoder{weigh: weigh, parts: make([]part, len(parts))}
	for i, p := range parts {
		if p.Column < 0 || p.Column >= len(cols) {
			return nil, fmt.Errorf("key part %d: no column %d", i, p.Column)
		}
		c, err := compilePart(&cols[p.Column], p)
		if err != nil {
			return nil, fmt.Errorf("key part %d: %w", i, err)
		}
		if c.form == formText && weigh == nil {
			return nil, fmt.Errorf("key part %d: no weights for collation %d", i, c.coll)
		}
		e.parts[i] = c
	}
	return e, nil
}

func compilePart(c *rowimage.Column, p Part) (part, error) {
	k := part{
		column: p.Column, typ: c.Type, meta: c.Meta, nullable: c.Nullable,
		unsigned: c.Unsigned, desc: p.Desc, prefix: p.Prefix, coll: c.Collation,
	}
	switch c.Type {
	case mysql.MYSQL_TYPE_TINY, mysql.MYSQL_TYPE_SHORT, mysql.MYSQL_TYPE_INT24, mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_LONGLONG:
		k.form = formInt
		if c.Unsigned {
			k.form = formUint
		}
	case mysql.MYSQL_TYPE_YEAR:
		k.form = formYear
	case mysql.MYSQL_TYPE_ENUM:
		k.form = formEnum
	case mysql.MYSQL_TYPE_SET:
		k.form = formBits
	case mysql.MYSQL_TYPE_BIT:
		k.form = formBit
	case mysql.MYSQL_TYPE_FLOAT, mysql.MYSQL_TYPE_DOUBLE:
		k.form = formFloat
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		k.form = formDecimal
	case mysql.MYSQL_TYPE_DATE:
		k.form = formDate
	case mysql.MYSQL_TYPE_DATETIME2, mysql.MYSQL_TYPE_TIMESTAMP2, mysql.MYSQL_TYPE_TIME2:
		k.form = formSorted
	case mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_BLOB:
		return compileString(k, c)
	default:
		return k, fmt.Errorf("%w: type %d", ErrNoKey, c.Type)
	}
	if p.Prefix != 0 {
		return k, fmt.Errorf("%w: prefix of type %d", ErrNoKey, c.Type)
	}
	return k, nil
}

func compileString(k part, c *rowimage.Column) (part, error) {
	if c.Collation == 0 || c.Collation == binaryCollation {
		k.form = formBinary
		if c.Type == mysql.MYSQL_TYPE_STRING {
			k.fill = int(c.Meta)
		}
	} else {
		k.form = formText
		k.padSpace = !noPad(c.Collation)
		if k.prefix > 0 {
			charset := rowimage.Charset(c.Collation)
			k.runes = charset == "utf8mb4" || charset == "utf8mb3"
			if !k.runes && rowimage.MaxCharBytes(c.Collation) > 1 {
				return k, fmt.Errorf("%w: prefix in character set %s", ErrNoKey, charset)
			}
		}
	}
	if k.prefix < 0 {
		return k, fmt.Errorf("%w: prefix %d", ErrNoKey, k.prefix)
	}
	return k, nil
}

const binaryCollation = 63

// noPad reports whether trailing spaces count under a collation.
func noPad(collation uint16) bool {
	return collation == binaryCollation || collation >= 255 && collation <= 323
}

// Parts returns the number of key parts.
func (e *Encoder) Parts() int { return len(e.parts) }

// AppendRow appends the key of a row to dst. cells are those of Layout.Cut.
// An error comes from Weigh or means a value that is no value of its type.
func (e *Encoder) AppendRow(dst, image []byte, cells []rowimage.Cell) ([]byte, error) {
	var err error
	for i := range e.parts {
		p := &e.parts[i]
		c := cells[p.column]
		start := len(dst)
		if c.Null() || c.Absent() {
			dst = p.appendNull(dst)
		} else if dst, err = e.appendStored(dst, p, c.Value(image)); err != nil {
			return dst, fmt.Errorf("key part %d: %w", i, err)
		}
		p.finish(dst[start:])
	}
	return dst, nil
}

// HasNull reports whether a part of the row's key is NULL: such keys never
// conflict in a unique index.
func (e *Encoder) HasNull(cells []rowimage.Cell) bool {
	for i := range e.parts {
		if cells[e.parts[i].column].Null() {
			return true
		}
	}
	return false
}

// PrefixEnd appends to dst the smallest key greater than every key that begins
// with prefix; ok is false when there is none (all its bytes are ff).
func PrefixEnd(dst, prefix []byte) (end []byte, ok bool) {
	n := len(prefix)
	for n > 0 && prefix[n-1] == 0xff {
		n--
	}
	if n == 0 {
		return dst, false
	}
	dst = append(dst, prefix[:n]...)
	dst[len(dst)-1]++
	return dst, true
}
