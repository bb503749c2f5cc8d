// Package rowimage handles one table row as MySQL row-image bytes: the form in
// which rows stand in Write, Update and Delete rows events, and in which the
// store keeps them. A Layout is compiled once per table definition; after that
// rows are cut, skipped, decoded and built without allocating.
//
// A full image is a null bitmap, one bit per column (least significant bit
// first, 1 = NULL, padding bits 1), then the stored bytes of every column that
// is not NULL, back to back:
//
//	+---------------------+-----------+-----------+----
//	| nulls (columns+7)/8 | column 0  | column 2  | …      (column 1 is NULL)
//	+---------------------+-----------+-----------+----
//
// Stored bytes by type; integers are little-endian unless said otherwise:
//
//	TINY SHORT INT24 LONG LONGLONG   1, 2, 3, 4, 8 bytes, two's complement
//	FLOAT DOUBLE                     4, 8 bytes IEEE 754
//	YEAR                             1 byte, year - 1900, 0 = year 0000
//	NEWDECIMAL                       big-endian digit groups, see decimal.go
//	BIT                              (bits+7)/8 bytes, big-endian
//	DATE                             3 bytes, day | month<<5 | year<<9
//	DATETIME2 TIMESTAMP2 TIME2       5, 4, 3 bytes and fraction, big-endian, see temporal.go
//	STRING VARCHAR                   length (1 byte if the longest value has < 256 bytes, else 2), bytes
//	BLOB JSON GEOMETRY               length (1 to 4 bytes), bytes
//	ENUM SET                         1 or 2, 1 to 4 or 8 bytes
//
// STRING values come without their padding: CHAR without trailing spaces,
// BINARY without trailing zero bytes. Who reads a BINARY column fills it up.
//
// Source: MySQL 8.0 internals, "Rows_event" and "Table_map_event".
//
// A Layout is immutable and safe for concurrent use; a Builder is not.
package rowimage

import (
	"errors"
	"fmt"
)

// Column describes one column as a row image needs it.
type Column struct {
	Name string

	// Type is the column's real MySQL type code (mysql.MYSQL_TYPE_*):
	//
	//	TINY 1, SHORT 2, LONG 3, FLOAT 4, DOUBLE 5, LONGLONG 8, INT24 9,
	//	DATE 10, YEAR 13, VARCHAR 15 (VARCHAR, VARBINARY), BIT 16,
	//	TIMESTAMP2 17, DATETIME2 18, TIME2 19, JSON 245, NEWDECIMAL 246,
	//	ENUM 247, SET 248, BLOB 252 (all BLOB and TEXT types),
	//	STRING 254 (CHAR, BINARY), GEOMETRY 255.
	//
	// BOOL is TINY. The pre-5.6 temporal codes TIMESTAMP 7, TIME 11 and
	// DATETIME 12 may appear in a column that FromTableMap returns: such images
	// can be cut, not decoded.
	Type byte

	// Meta is the one number that the type needs:
	//
	//	STRING, VARCHAR       greatest length in bytes (characters × bytes per character)
	//	BLOB, JSON, GEOMETRY  number of length bytes: TINY 1, plain 2, MEDIUM 3, LONG, JSON, GEOMETRY 4
	//	ENUM, SET             bytes of the stored number: 1 or 2; 1 to 4 or 8
	//	NEWDECIMAL            precision<<8 | scale
	//	BIT                   number of bits, 1 to 64
	//	TIMESTAMP2, DATETIME2, TIME2   digits of the fraction, 0 to 6
	//	FLOAT, DOUBLE         4, 8 (0 is taken as that)
	//	others                0
	Meta uint16

	Unsigned  bool
	Nullable  bool
	Collation uint16   // MySQL collation id of string types, ENUM and SET; 63 = binary
	Members   []string // of ENUM and SET, as in the definition

	// SignUnknown is set by FromTableMap when the table map says nothing of
	// signedness. (Unknown collations are 0, unknown members nil.)
	SignUnknown bool
}

// Cell is where one column's value lies in an image.
//
// Image[Start:End] are the stored bytes, Image[Data:End] the value without its
// length bytes (Data = Start for types without). Start = End > 0 means NULL;
// the zero Cell means the column is absent from a partial image.
type Cell struct{ Start, Data, End uint32 }

// Null reports whether the value is NULL.
func (c Cell) Null() bool { return c.Start == c.End && c.End != 0 }

// Absent reports whether a partial image lacks the column.
func (c Cell) Absent() bool { return c.End == 0 }

// Value returns the value's bytes within image: without length bytes, nil for
// NULL and for absent columns.
func (c Cell) Value(image []byte) []byte {
	if c.Start == c.End {
		return nil
	}
	return image[c.Data:c.End:c.End]
}

// Stored returns the value's stored bytes within image, length bytes included.
func (c Cell) Stored(image []byte) []byte { return image[c.Start:c.End:c.End] }

// ErrUnsupported is wrapped by errors about column types that have no layout
// here: old decimals, typed arrays, compressed columns.
var ErrUnsupported = errors.New("unsupported column type")

// ErrCorrupt is wrapped by every error about bytes that are no row image of
// the layout.
var ErrCorrupt = errors.New("malformed row image")

// Errors of values that do not fit their column. A *ValueError wraps them; the
// edge turns them into MySQL errors 1264, 1406, 1048 and 1366.
var (
	ErrRange  = errors.New("out of range value")
	ErrLong   = errors.New("data too long")
	ErrNull   = errors.New("column cannot be null")
	ErrFormat = errors.New("incorrect value")
)

// ValueError says which column refused a value.
type ValueError struct {
	Column int    // from 0
	Name   string // of the column
	Err    error  // ErrRange, ErrLong, ErrNull or ErrFormat
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("%v for column '%s'", e.Err, e.Name)
}

// Unwrap returns the reason.
func (e *ValueError) Unwrap() error { return e.Err }
