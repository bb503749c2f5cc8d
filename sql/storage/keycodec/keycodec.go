// Package keycodec turns column values of a row image into key bytes that
// compare (bytewise) as the values do, and that end by themselves, so that
// parts can follow each other.
package keycodec

import (
	"errors"
	"fmt"

	"binrelay/binlog/rowimage"
)

// Weigh appends the collation weight of s: bytes that order as the collation
// does and are equal iff the strings are equal under it. For a PAD SPACE
// collation s comes without trailing spaces.
type Weigh func(dst []byte, collation uint16, s []byte) ([]byte, error)

// Part is one column of an index.
type Part struct {
	Column int  // number in the table, from 0
	Prefix int  // characters (character strings) or bytes (binary); 0 = whole
	Desc   bool // descending
}

// ErrNoKey means that a column type cannot be part of a key (JSON, GEOMETRY,
// old temporal types).
var ErrNoKey = errors.New("column type cannot be part of a key")

// BoundError is a value outside of what a key part can hold: -1 for an
// unsigned column, a datetime for a year that does not exist.
type BoundError struct {
	Part  int  // from 0
	Above bool // greater than every value of the column, else smaller
}

func (e *BoundError) Error() string {
	return fmt.Sprintf("value out of range of key part %d", e.Part)
}

// Value is a typed value for a range bound. Make it with the functions below.
type Value struct {
	kind  kind
	num   uint64
	bytes []byte
	dt    rowimage.Datetime
}

type kind byte

// Null is SQL NULL.
func Null() Value { panic("stub") }

// Int is a value for integer, YEAR, BIT, ENUM (index), SET (bits), NEWDECIMAL
// and float parts.
func Int(v int64) Value { panic("stub") }

// Uint is Int for unsigned values.
func Uint(v uint64) Value { panic("stub") }

// Float is a value for FLOAT and DOUBLE parts.
func Float(v float64) Value { panic("stub") }

// Decimal is a value for NEWDECIMAL parts, as text with no more digits after
// the point than the column's scale.
func Decimal(text []byte) Value { panic("stub") }

// Bytes is a value for string parts: the plain text, not its weight.
func Bytes(s []byte) Value { panic("stub") }

// Datetime is a value for DATE and DATETIME2 parts.
func Datetime(d rowimage.Datetime) Value { panic("stub") }

// Timestamp is a value for TIMESTAMP2 parts: seconds since 1970 UTC and µs.
func Timestamp(sec, micro uint32) Value { panic("stub") }

// Time is a value for TIME2 parts, in signed microseconds.
func Time(micros int64) Value { panic("stub") }

// Stored is a cell's value bytes (rowimage Cell.Value, without length bytes).
func Stored(value []byte) Value { panic("stub") }

// Encoder encodes the key of one index. Immutable, safe for concurrent use if
// the Weigh function is.
type Encoder struct{}

// Compile prepares the encoder of an index over cols. weigh may be nil when
// every string part is binary.
func Compile(cols []rowimage.Column, parts []Part, weigh Weigh) (*Encoder, error) { panic("stub") }

// Parts returns the number of key parts.
func (e *Encoder) Parts() int { panic("stub") }

// AppendRow appends the key of a row to dst. cells are those of Layout.Cut.
func (e *Encoder) AppendRow(dst, image []byte, cells []rowimage.Cell) ([]byte, error) {
	panic("stub")
}

// HasNull reports whether a part of the row's key is NULL: such keys never
// conflict in a unique index.
func (e *Encoder) HasNull(cells []rowimage.Cell) bool { panic("stub") }

// AppendPrefix appends the encoding of the first len(values) parts: a bound of
// a range scan. A value out of the part's domain gives a *BoundError.
func (e *Encoder) AppendPrefix(dst []byte, values ...Value) ([]byte, error) { panic("stub") }

// PrefixEnd returns the smallest key greater than every key that begins with
// prefix, appended to dst; ok is false when there is none (all bytes 0xff).
func PrefixEnd(dst, prefix []byte) (end []byte, ok bool) { panic("stub") }
