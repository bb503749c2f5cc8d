package rowimage

import (
	"fmt"
	"math"
	"strconv"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// Builder builds full images for one layout, column by column, in order.
// A value that does not fit gives a *ValueError and may be replaced by another
// for the same column. Nothing is changed silently, except that decimals are
// rounded to the column's scale, fractions of seconds cut to its digits and the
// padding of CHAR and BINARY dropped.
type Builder struct {
	l    *Layout
	buf  []byte
	next int
}

// NewBuilder returns an empty Builder for l.
func NewBuilder(l *Layout) *Builder {
	b := &Builder{l: l}
	b.Reset()
	return b
}

// Reset begins a new image. The bytes that Bytes returned before are reused.
func (b *Builder) Reset() {
	b.buf = b.l.appendNulls(b.buf[:0])
	b.next = 0
}

// column returns the column whose turn it is.
func (b *Builder) column() *Column {
	if b.next >= len(b.l.cols) {
		panic("rowimage: value after the last column")
	}
	return &b.l.cols[b.next]
}

// done takes the buffer with the column's bytes, or refuses the value.
func (b *Builder) done(buf []byte, err error) error {
	if err != nil {
		return b.refuse(err)
	}
	b.buf = buf
	b.buf[b.next>>3] &^= 1 << (b.next & 7)
	b.next++
	return nil
}

func (b *Builder) refuse(err error) error {
	return &ValueError{Column: b.next, Name: b.l.cols[b.next].Name, Err: err}
}

// AppendNull stores NULL in the next column.
func (b *Builder) AppendNull() error {
	if !b.column().Nullable {
		return b.refuse(ErrNull)
	}
	b.next++
	return nil
}

// AppendInt stores an integer in the next column: integer types, YEAR, ENUM
// (index), SET (bits), BIT, NEWDECIMAL, FLOAT, DOUBLE.
func (b *Builder) AppendInt(v int64) error {
	return b.done(appendInteger(b.buf, b.column(), uint64(v), v < 0))
}

// AppendUint is AppendInt for unsigned values.
func (b *Builder) AppendUint(v uint64) error {
	return b.done(appendInteger(b.buf, b.column(), v, false))
}

// AppendFloat stores a FLOAT or DOUBLE.
func (b *Builder) AppendFloat(v float64) error {
	return b.done(appendFloat(b.buf, b.column(), v))
}

// AppendDecimal stores a NEWDECIMAL given as text ("-1.50", exponents allowed),
// rounded half away from zero to the column's scale.
func (b *Builder) AppendDecimal(text []byte) error {
	c := b.column()
	if c.Type != mysql.MYSQL_TYPE_NEWDECIMAL {
		return b.refuse(ErrFormat)
	}
	buf, _, err := appendDecimal(b.buf, text, c)
	return b.done(buf, err)
}

func appendDecimal(dst, text []byte, c *Column) (out []byte, exact bool, err error) {
	start := len(dst)
	out, exact, err = AppendDecimal(dst, text, c.Meta)
	if err == nil && c.Unsigned && out[start]&0x80 == 0 {
		return dst, false, ErrRange
	}
	return out, exact, err
}

// AppendDatetime stores a DATE or DATETIME2; digits beyond the column's
// fraction are cut off (round before).
func (b *Builder) AppendDatetime(d Datetime) error {
	c := b.column()
	switch c.Type {
	case mysql.MYSQL_TYPE_DATE:
		return b.done(AppendDate(b.buf, d))
	case mysql.MYSQL_TYPE_DATETIME2:
		return b.done(AppendDatetime(b.buf, d, c.Meta))
	}
	return b.refuse(ErrFormat)
}

// AppendTimestamp stores a TIMESTAMP2; digits beyond the column's fraction are
// cut off.
func (b *Builder) AppendTimestamp(sec, micro uint32) error {
	c := b.column()
	if c.Type != mysql.MYSQL_TYPE_TIMESTAMP2 {
		return b.refuse(ErrFormat)
	}
	return b.done(AppendTimestamp(b.buf, sec, micro, c.Meta))
}

// AppendTime stores a TIME2 given as signed microseconds, at most MaxTime;
// digits beyond the column's fraction are cut off.
func (b *Builder) AppendTime(micros int64) error {
	c := b.column()
	if c.Type != mysql.MYSQL_TYPE_TIME2 {
		return b.refuse(ErrFormat)
	}
	return b.done(AppendTime(b.buf, micros, c.Meta))
}

// AppendBytes stores a string: STRING (trailing spaces, in BINARY trailing
// zero bytes, are dropped as MySQL does), VARCHAR, BLOB, JSON, GEOMETRY. Only
// the length in bytes is checked, not characters or their encoding.
func (b *Builder) AppendBytes(s []byte) error { return appendText(b, s) }

// AppendString is AppendBytes for a string.
func (b *Builder) AppendString(s string) error { return appendText(b, s) }

func appendText[T string | []byte](b *Builder, s T) error {
	c := b.column()
	f := &b.l.fields[b.next]
	if f.lenBytes == 0 {
		return b.refuse(ErrFormat)
	}
	if c.Type == mysql.MYSQL_TYPE_STRING {
		s = s[:paddedLen(s, c.Collation)]
	}
	if uint64(len(s)) > uint64(f.size) {
		return b.refuse(ErrLong)
	}
	return b.done(append(appendLE(b.buf, uint64(len(s)), int(f.lenBytes)), s...), nil)
}

// binaryCollation is the collation id of binary strings.
const binaryCollation = 63

// paddedLen is the length of a CHAR or BINARY value without its padding.
func paddedLen[T string | []byte](s T, collation uint16) int {
	pad, n := byte(' '), len(s)
	if collation == binaryCollation {
		pad = 0
	}
	for n > 0 && s[n-1] == pad {
		n--
	}
	return n
}

// AppendStored copies a value's stored bytes (Cell.Stored of a column of equal
// type and metadata) unchecked.
func (b *Builder) AppendStored(stored []byte) error {
	b.column()
	return b.done(append(b.buf, stored...), nil)
}

// Bytes returns the image. It is valid until the next Reset. An error means
// that columns are missing.
func (b *Builder) Bytes() ([]byte, error) {
	if b.next != len(b.l.cols) {
		return nil, fmt.Errorf("%w: %d of %d columns", ErrCorrupt, b.next, len(b.l.cols))
	}
	return b.buf, nil
}

// appendInteger appends v (neg: the bits of a negative int64) in c's form.
func appendInteger(dst []byte, c *Column, v uint64, neg bool) ([]byte, error) {
	size := uint32(0)
	switch c.Type {
	case mysql.MYSQL_TYPE_TINY:
		size = 1
	case mysql.MYSQL_TYPE_SHORT:
		size = 2
	case mysql.MYSQL_TYPE_INT24:
		size = 3
	case mysql.MYSQL_TYPE_LONG:
		size = 4
	case mysql.MYSQL_TYPE_LONGLONG:
		size = 8
	case mysql.MYSQL_TYPE_YEAR:
		if v == 0 {
			return append(dst, 0), nil
		}
		if neg || v < 1901 || v > 2155 {
			return dst, ErrRange
		}
		return append(dst, byte(v-1900)), nil
	case mysql.MYSQL_TYPE_ENUM:
		if neg || !fitsInt(v, false, true, uint32(c.Meta)) || len(c.Members) > 0 && v > uint64(len(c.Members)) {
			return dst, ErrRange
		}
		return appendLE(dst, v, int(c.Meta)), nil
	case mysql.MYSQL_TYPE_SET:
		if n := len(c.Members); neg || !fitsInt(v, false, true, uint32(c.Meta)) || n > 0 && n < 64 && v>>n != 0 {
			return dst, ErrRange
		}
		return appendLE(dst, v, int(c.Meta)), nil
	case mysql.MYSQL_TYPE_BIT:
		if neg || c.Meta < 64 && v>>c.Meta != 0 {
			return dst, ErrRange
		}
		return appendBE(dst, v, int(c.Meta+7)/8), nil
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		var text [24]byte
		s := text[:0]
		if neg {
			s = strconv.AppendInt(s, int64(v), 10)
		} else {
			s = strconv.AppendUint(s, v, 10)
		}
		dst, _, err := appendDecimal(dst, s, c)
		return dst, err
	case mysql.MYSQL_TYPE_FLOAT, mysql.MYSQL_TYPE_DOUBLE:
		if neg {
			return appendFloat(dst, c, float64(int64(v)))
		}
		return appendFloat(dst, c, float64(v))
	default:
		return dst, ErrFormat
	}
	if !fitsInt(v, neg, c.Unsigned, size) {
		return dst, ErrRange
	}
	return appendLE(dst, v, int(size)), nil
}

// appendFloat appends v as FLOAT or DOUBLE; MySQL stores no NaN or infinity.
func appendFloat(dst []byte, c *Column, v float64) ([]byte, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) || c.Unsigned && v < 0 {
		return dst, ErrRange
	}
	switch c.Type {
	case mysql.MYSQL_TYPE_DOUBLE:
		return appendLE(dst, math.Float64bits(v), 8), nil
	case mysql.MYSQL_TYPE_FLOAT:
		f := float32(v)
		if math.IsInf(float64(f), 0) {
			return dst, ErrRange
		}
		return appendLE(dst, uint64(math.Float32bits(f)), 4), nil
	}
	return dst, ErrFormat
}
