package keycodec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/rowimage"
)

// ErrKind means that a bound's value is of a type that does not go with the
// key part: a datetime for an integer.
var ErrKind = errors.New("value of another type than the key part")

// ErrInexact means that a bound lies between two values of the key part: more
// digits than a decimal or a fraction of seconds has.
var ErrInexact = errors.New("value has more digits than the key part")

// BoundError is a bound outside of what a key part can hold: -1 for an
// unsigned column, 1e9 for decimal(5,2).
type BoundError struct {
	Part  int  // from 0
	Above bool // greater than every value of the column, else smaller
}

func (e *BoundError) Error() string {
	return fmt.Sprintf("value out of range of key part %d", e.Part)
}

// kind is the type of a Value.
type kind byte

const (
	kindNull kind = iota
	kindInt
	kindUint
	kindFloat
	kindDecimal
	kindBytes
	kindDatetime
	kindTimestamp
	kindTime
	kindStored
)

// Value is a typed value for a range bound. Make it with the functions below;
// the zero Value is NULL. Bytes given are not copied.
type Value struct {
	kind  kind
	num   uint64
	bytes []byte
	dt    rowimage.Datetime
}

// IsNull reports whether v is NULL.
func (v Value) IsNull() bool { return v.kind == kindNull }

// Null is SQL NULL. In a column that takes none it sorts before every value.
func Null() Value { return Value{} }

// Int is a value for integer, YEAR, BIT, ENUM (index), SET (bits), NEWDECIMAL
// and float parts.
func Int(v int64) Value {
	if v >= 0 {
		return Value{kind: kindUint, num: uint64(v)}
	}
	return Value{kind: kindInt, num: uint64(v)}
}

// Uint is Int for unsigned values.
func Uint(v uint64) Value { return Value{kind: kindUint, num: v} }

// Float is a value for FLOAT and DOUBLE parts. NaN is ErrKind.
func Float(v float64) Value { return Value{kind: kindFloat, num: math.Float64bits(v)} }

// Decimal is a value for NEWDECIMAL parts, as text ("-1.5") with no more digits
// after the point than the column's scale.
func Decimal(text []byte) Value { return Value{kind: kindDecimal, bytes: text} }

// Bytes is a value for string parts: the plain text, not its weight. For a
// BINARY part it counts as it is, without filling up.
func Bytes(s []byte) Value { return Value{kind: kindBytes, bytes: s} }

// Datetime is a value for DATE (without time) and DATETIME2 parts.
func Datetime(d rowimage.Datetime) Value { return Value{kind: kindDatetime, dt: d} }

// Timestamp is a value for TIMESTAMP2 parts: seconds since 1970 UTC and
// microseconds.
func Timestamp(sec, micro uint32) Value {
	return Value{kind: kindTimestamp, num: uint64(sec)<<32 | uint64(micro)}
}

// Time is a value for TIME2 parts, in signed microseconds.
func Time(micros int64) Value { return Value{kind: kindTime, num: uint64(micros)} }

// Stored is a cell's value bytes (rowimage Cell.Value, without length bytes),
// not nil; it goes with every part.
func Stored(value []byte) Value { return Value{kind: kindStored, bytes: value} }

// AppendPrefix appends the encoding of the first len(values) parts: a bound of
// a range scan. Errors: *BoundError, ErrInexact, ErrKind, those of Weigh.
//
// Every key with these values begins with the result, so the range of equal
// keys is [result, PrefixEnd(result)). A part with a Prefix compares only that
// much of the value: the caller takes both ends as inclusive and filters.
func (e *Encoder) AppendPrefix(dst []byte, values ...Value) ([]byte, error) {
	if len(values) > len(e.parts) {
		return dst, fmt.Errorf("%d values for %d key parts", len(values), len(e.parts))
	}
	var err error
	for i := range values {
		p, start := &e.parts[i], len(dst)
		if dst, err = e.appendValue(dst, i, &values[i]); err != nil {
			return dst[:start], err
		}
		p.finish(dst[start:])
	}
	return dst, nil
}

func (e *Encoder) appendValue(dst []byte, i int, v *Value) ([]byte, error) {
	p := &e.parts[i]
	switch v.kind {
	case kindNull:
		return p.appendNull(dst), nil
	case kindStored:
		return e.appendStored(dst, p, v.bytes)
	case kindInt, kindUint:
		return p.appendNumber(p.appendMark(dst), i, v)
	case kindFloat:
		f := math.Float64frombits(v.num)
		if p.form != formFloat || math.IsNaN(f) {
			return dst, partError(i, ErrKind)
		}
		return appendFloat(p.appendMark(dst), f), nil
	case kindDecimal:
		if p.form != formDecimal {
			return dst, partError(i, ErrKind)
		}
		return p.appendDecimalText(p.appendMark(dst), i, v.bytes)
	case kindBytes:
		switch p.form {
		case formBinary:
			return p.appendBinary(p.appendMark(dst), v.bytes, false), nil
		case formText:
			return e.appendText(p.appendMark(dst), p, v.bytes)
		}
		return dst, partError(i, ErrKind)
	}
	return p.appendTemporal(p.appendMark(dst), i, v)
}

func partError(i int, err error) error { return fmt.Errorf("key part %d: %w", i, err) }

// appendNumber appends an integer in the form of the part.
func (p *part) appendNumber(dst []byte, i int, v *Value) ([]byte, error) {
	neg := v.kind == kindInt
	switch p.form {
	case formInt:
		if !neg && v.num > math.MaxInt64 {
			return dst, &BoundError{i, true}
		}
		return appendInt(dst, int64(v.num)), nil
	case formUint, formBits, formBit:
		if neg {
			return dst, &BoundError{i, false}
		}
		return binary.BigEndian.AppendUint64(dst, v.num), nil
	case formYear, formEnum:
		if neg || v.num > math.MaxUint16 {
			return dst, &BoundError{i, !neg}
		}
		return binary.BigEndian.AppendUint16(dst, uint16(v.num)), nil
	case formFloat:
		if neg {
			return appendFloat(dst, float64(int64(v.num))), nil
		}
		return appendFloat(dst, float64(v.num)), nil
	case formDecimal:
		var room [24]byte
		if neg {
			return p.appendDecimalText(dst, i, strconv.AppendInt(room[:0], int64(v.num), 10))
		}
		return p.appendDecimalText(dst, i, strconv.AppendUint(room[:0], v.num, 10))
	}
	return dst, partError(i, ErrKind)
}

func (p *part) appendDecimalText(dst []byte, i int, text []byte) ([]byte, error) {
	out, exact, err := rowimage.AppendDecimal(dst, text, p.meta)
	switch {
	case errors.Is(err, rowimage.ErrRange):
		return dst, &BoundError{i, text[0] != '-'}
	case err != nil:
		return dst, partError(i, err)
	case !exact:
		return dst, partError(i, ErrInexact)
	}
	return out, nil
}

func (p *part) appendTemporal(dst []byte, i int, v *Value) ([]byte, error) {
	var out []byte
	var err error
	exact := true
	switch {
	case v.kind == kindDatetime && p.form == formDate:
		d := v.dt
		exact = d.Hour|d.Minute|d.Second == 0 && d.Micro == 0
		if out, err = rowimage.AppendDate(dst, d); err == nil {
			b := out[len(dst):]
			b[0], b[2] = b[2], b[0]
		}
	case v.kind == kindDatetime && p.typ == mysql.MYSQL_TYPE_DATETIME2:
		out, err = rowimage.AppendDatetime(dst, v.dt, p.meta)
		exact = err != nil || rowimage.DecodeDatetime(out[len(dst):], p.meta) == v.dt
	case v.kind == kindTimestamp && p.typ == mysql.MYSQL_TYPE_TIMESTAMP2:
		out, err = rowimage.AppendTimestamp(dst, uint32(v.num>>32), uint32(v.num), p.meta)
		if err == nil {
			_, micro := rowimage.DecodeTimestamp(out[len(dst):], p.meta)
			exact = micro == uint32(v.num)
		}
	case v.kind == kindTime && p.typ == mysql.MYSQL_TYPE_TIME2:
		out, err = rowimage.AppendTime(dst, int64(v.num), p.meta)
		if err != nil {
			return dst, &BoundError{i, int64(v.num) > 0}
		}
		exact = rowimage.DecodeTime(out[len(dst):], p.meta) == int64(v.num)
	default:
		return dst, partError(i, ErrKind)
	}
	switch {
	case err != nil:
		return dst, &BoundError{i, true}
	case !exact:
		return dst, partError(i, ErrInexact)
	}
	return out, nil
}
