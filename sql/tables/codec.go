package tables

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/encodings"
	"github.com/dolthub/go-mysql-server/sql/types"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/rowimage"
	"binrelay/sql/jsondoc"
	"binrelay/sql/storage"
)

// kind is how a column's values are carried between a row and an image.
type kind uint8

const (
	kindInt8 kind = iota
	kindInt16
	kindInt32
	kindInt64
	kindUint8
	kindUint16
	kindUint32
	kindUint64
	kindFloat32
	kindFloat64
	kindDecimal
	kindBit
	kindEnum
	kindSet
	kindYear
	kindDate
	kindDatetime
	kindTimestamp
	kindTime
	kindString // UTF-8 in the image
	kindText   // another character set in the image
	kindBytes
	kindJSON
)

// column is the compiled codec of one column.
type column struct {
	kind    kind
	meta    uint16
	typ     gms.Type
	charset encodings.Encoder // kindText
	pad     int               // BINARY(n): length to restore
	low     byte              // kindString: bytes from here on are outside the character set; 0 = none
	digits  *floatDigits      // FLOAT(M,D), DOUBLE(M,D)
	name    string
}

// floatDigits is what FLOAT(M,D) makes of its values.
type floatDigits struct {
	unit  float64 // 10^D
	limit float64 // 10^(M-D)
}

func (d *floatDigits) round(f float64) (float64, error) {
	if d == nil {
		return f, nil
	}
	if r := math.RoundToEven(f*d.unit) / d.unit; !math.IsInf(r, 0) && !math.IsNaN(r) {
		f = r
	}
	if math.Abs(f) >= d.limit {
		return 0, rowimage.ErrRange
	}
	return f, nil
}

// codec turns rows of go-mysql-server into row images and back. It is
// immutable and safe for concurrent use.
type codec struct {
	layout  *rowimage.Layout
	columns []column
	dates   []int // places of DATE, DATETIME and TIMESTAMP columns
}

func newCodec(l *rowimage.Layout, cols []storage.Column, schema gms.Schema) (*codec, error) {
	c := &codec{layout: l, columns: make([]column, len(cols))}
	for i := range cols {
		col, err := compileColumn(&cols[i], schema[i].Type)
		if err != nil {
			return nil, err
		}
		c.columns[i] = col
		if col.kind == kindDate || col.kind == kindDatetime || col.kind == kindTimestamp {
			c.dates = append(c.dates, i)
		}
	}
	return c, nil
}

func compileColumn(c *storage.Column, t gms.Type) (column, error) {
	out := column{meta: c.Meta, typ: t, name: c.Name}
	pick := func(signed, unsigned kind) kind {
		if c.Unsigned {
			return unsigned
		}
		return signed
	}
	switch c.Type {
	case gomysql.MYSQL_TYPE_TINY:
		out.kind = pick(kindInt8, kindUint8)
	case gomysql.MYSQL_TYPE_SHORT:
		out.kind = pick(kindInt16, kindUint16)
	case gomysql.MYSQL_TYPE_INT24, gomysql.MYSQL_TYPE_LONG:
		out.kind = pick(kindInt32, kindUint32)
	case gomysql.MYSQL_TYPE_LONGLONG:
		out.kind = pick(kindInt64, kindUint64)
	case gomysql.MYSQL_TYPE_FLOAT:
		out.kind = kindFloat32
	case gomysql.MYSQL_TYPE_DOUBLE:
		out.kind = kindFloat64
	case gomysql.MYSQL_TYPE_NEWDECIMAL:
		out.kind = kindDecimal
	case gomysql.MYSQL_TYPE_BIT:
		out.kind = kindBit
	case gomysql.MYSQL_TYPE_ENUM:
		out.kind = kindEnum
	case gomysql.MYSQL_TYPE_SET:
		out.kind = kindSet
	case gomysql.MYSQL_TYPE_YEAR:
		out.kind = kindYear
	case gomysql.MYSQL_TYPE_DATE:
		out.kind = kindDate
	case gomysql.MYSQL_TYPE_DATETIME2:
		out.kind = kindDatetime
	case gomysql.MYSQL_TYPE_TIMESTAMP2:
		out.kind = kindTimestamp
	case gomysql.MYSQL_TYPE_TIME2:
		out.kind = kindTime
	case gomysql.MYSQL_TYPE_STRING, gomysql.MYSQL_TYPE_VARCHAR, gomysql.MYSQL_TYPE_BLOB:
		compileString(&out, c)
	case gomysql.MYSQL_TYPE_JSON:
		out.kind = kindJSON
	default:
		return out, fmt.Errorf("column %s has the unknown type %d", c.Name, c.Type)
	}
	if m, d, ok := FloatDigits(c); ok {
		out.digits = &floatDigits{unit: math.Pow10(d), limit: math.Pow10(m - d)}
	}
	return out, nil
}

func compileString(out *column, c *storage.Column) {
	collation := gms.CollationID(c.Collation)
	switch collation.CharacterSet() {
	case gms.CharacterSet_binary:
		out.kind = kindBytes
		if c.Type == gomysql.MYSQL_TYPE_STRING {
			out.pad = int(c.Meta)
		}
	case gms.CharacterSet_utf8mb4:
		out.kind = kindString
	case gms.CharacterSet_utf8mb3:
		out.kind, out.low = kindString, 0xf0 // begins four bytes
	case gms.CharacterSet_ascii:
		out.kind, out.low = kindString, 0x80
	default:
		out.kind, out.charset = kindText, collation.CharacterSet().Encoder()
	}
}

// encode builds the image of row with b, a builder for the codec's layout. The
// image is valid until the builder's next use.
func (c *codec) encode(ctx *gms.Context, b *rowimage.Builder, row gms.Row, zone *time.Location) ([]byte, error) {
	if len(row) != len(c.columns) {
		return nil, fmt.Errorf("row has %d values for %d columns", len(row), len(c.columns))
	}
	b.Reset()
	for i := range c.columns {
		if err := c.columns[i].append(ctx, b, row[i], zone); err != nil {
			return nil, err
		}
	}
	return b.Bytes()
}

// append stores one value. A value of another Go type than the column's is
// converted first.
func (c *column) append(ctx *gms.Context, b *rowimage.Builder, v any, zone *time.Location) error {
	if v == nil {
		return b.AppendNull()
	}
	if c.kind == kindJSON {
		doc, err := jsondoc.ToColumn(ctx, v, c.name)
		if err != nil {
			return err
		}
		return b.AppendBytes(doc.AppendTo(nil))
	}
	done, err := c.appendExact(b, v, zone)
	if done || err != nil {
		return err
	}
	if v, err = gms.UnwrapAny(ctx, v); err != nil {
		return err
	}
	if done, err = c.appendExact(b, v, zone); done || err != nil {
		return err
	}
	conv, in, err := c.typ.Convert(ctx, v)
	if err != nil {
		return err
	}
	if in != gms.InRange {
		return gms.ErrValueOutOfRange.New(v, c.typ)
	}
	if conv, err = gms.UnwrapAny(ctx, conv); err != nil {
		return err
	}
	if done, err = c.appendExact(b, conv, zone); done || err != nil {
		return err
	}
	return fmt.Errorf("column %s cannot hold a %T", c.name, v)
}

// appendExact stores a value of the column's own Go type.
func (c *column) appendExact(b *rowimage.Builder, v any, zone *time.Location) (bool, error) {
	switch v := v.(type) {
	case int8:
		if c.kind == kindInt8 {
			return true, b.AppendInt(int64(v))
		}
	case int16:
		if c.kind == kindInt16 || c.kind == kindYear {
			return true, b.AppendInt(int64(v))
		}
	case int32:
		if c.kind == kindInt32 {
			return true, b.AppendInt(int64(v))
		}
	case int64:
		if c.kind == kindInt64 {
			return true, b.AppendInt(v)
		}
	case uint8:
		if c.kind == kindUint8 {
			return true, b.AppendUint(uint64(v))
		}
	case uint16:
		if c.kind == kindUint16 || c.kind == kindEnum {
			return true, b.AppendUint(uint64(v))
		}
	case uint32:
		if c.kind == kindUint32 {
			return true, b.AppendUint(uint64(v))
		}
	case uint64:
		if c.kind == kindUint64 || c.kind == kindBit || c.kind == kindSet {
			return true, b.AppendUint(v)
		}
	case float32:
		if c.kind == kindFloat32 {
			return true, c.appendFloat(b, float64(v))
		}
	case float64:
		if c.kind == kindFloat64 {
			return true, c.appendFloat(b, v)
		}
	case *apd.Decimal:
		if c.kind == kindDecimal {
			var text [96]byte
			return true, b.AppendDecimal(v.Append(text[:0], 'f'))
		}
	case string:
		switch c.kind {
		case kindString:
			if c.low != 0 {
				for i := range len(v) {
					if v[i] >= c.low {
						return true, c.badString(v[i:])
					}
				}
			}
			return true, b.AppendString(v)
		case kindText:
			enc, ok := EncodeText(c.charset, v)
			if !ok {
				return true, c.badString(v[c.fits(v):])
			}
			return true, b.AppendBytes(enc)
		}
	case []byte:
		if c.kind == kindBytes {
			return true, b.AppendBytes(v)
		}
	case time.Time:
		return c.appendTime(b, v, zone)
	case types.Timespan:
		if c.kind == kindTime {
			return true, b.AppendTime(roundMicros(int64(v), c.meta))
		}
	}
	return false, nil
}

// appendFloat stores a number that FLOAT(M,D) rounds.
func (c *column) appendFloat(b *rowimage.Builder, v float64) error {
	v, err := c.digits.round(v)
	if err != nil {
		return &rowimage.ValueError{Name: c.name, Err: err}
	}
	return b.AppendFloat(v)
}

// EncodeText encodes UTF-8 text; ok is false for characters that the character
// set lacks. The encoders look for characters of up to four bytes behind the end
// of the text.
func EncodeText(enc encodings.Encoder, s string) (b []byte, ok bool) {
	return enc.Encode(append(make([]byte, 0, len(s)+utf8.UTFMax), s...))
}

// fits is how many bytes of a string, from its begin, the character set has.
func (c *column) fits(s string) int {
	for i, r := range s {
		if _, ok := EncodeText(c.charset, string(r)); !ok {
			return i
		}
	}
	return 0
}

// badString is MySQL's error for a string that goes on, after what fits, with
// rest: it shows six bytes of it.
func (c *column) badString(rest string) error {
	var b strings.Builder
	for i := range min(len(rest), 6) {
		if x := rest[i]; x >= 0x20 && x < 0x7f {
			b.WriteByte(x)
		} else {
			fmt.Fprintf(&b, "\\x%02X", x)
		}
	}
	if len(rest) > 6 {
		b.WriteString("...")
	}
	return sqlErrorf(1366, "HY000", "Incorrect string value: '%s' for column '%s' at row 1", b.String(), c.name)
}

// decimals of a second, in microseconds, by digits of fraction.
var fractionUnit = [7]int64{1e6, 1e5, 1e4, 1e3, 1e2, 10, 1}

// roundMicros rounds a time to the digits of its column, half away from zero.
func roundMicros(us int64, digits uint16) int64 {
	unit := fractionUnit[digits]
	if us < 0 {
		return -((-us + unit/2) / unit * unit)
	}
	return (us + unit/2) / unit * unit
}

// civil returns the calendar date and time of day that t shows.
func civil(t time.Time) rowimage.Datetime {
	y, m, d := t.Date()
	h, mi, s := t.Clock()
	return rowimage.Datetime{
		Year: uint16(y), Month: uint8(m), Day: uint8(d),
		Hour: uint8(h), Minute: uint8(mi), Second: uint8(s), Micro: uint32(t.Nanosecond() / 1000),
	}
}

// unixIn returns the moment at which clocks in zone show what t shows.
func unixIn(t time.Time, zone *time.Location) (sec int64, micro uint32) {
	if zone != time.UTC {
		y, m, d := t.Date()
		h, mi, s := t.Clock()
		t = time.Date(y, m, d, h, mi, s, t.Nanosecond(), zone)
	}
	return t.Unix(), uint32(t.Nanosecond() / 1000)
}

func (c *column) appendTime(b *rowimage.Builder, t time.Time, zone *time.Location) (bool, error) {
	zero := t.Equal(types.ZeroTime)
	switch c.kind {
	case kindDate, kindDatetime:
		var d rowimage.Datetime
		if !zero {
			d = civil(t)
		}
		if c.kind == kindDate {
			d.Hour, d.Minute, d.Second, d.Micro = 0, 0, 0, 0
		}
		return true, b.AppendDatetime(d)
	case kindTimestamp:
		if zero {
			return true, b.AppendTimestamp(0, 0)
		}
		sec, micro := unixIn(t, zone)
		if sec < 0 || sec > 1<<32-1 {
			return true, &rowimage.ValueError{Name: c.name, Err: rowimage.ErrRange}
		}
		return true, b.AppendTimestamp(uint32(sec), micro)
	}
	return false, nil
}

// decode reads the columns at the given places out of an image. cells is
// scratch space that the caller keeps between rows.
func (c *codec) decode(image []byte, cells *[]rowimage.Cell, places []int, zone *time.Location) (gms.Row, error) {
	var err error
	if *cells, err = c.layout.Cut(image, *cells); err != nil {
		return nil, err
	}
	row := make(gms.Row, len(places))
	for i, p := range places {
		cell := (*cells)[p]
		if cell.Null() {
			continue
		}
		if row[i], err = c.columns[p].value(cell.Value(image), zone); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// value decodes one value that is not NULL.
func (c *column) value(b []byte, zone *time.Location) (any, error) {
	switch c.kind {
	case kindInt8:
		return int8(rowimage.DecodeInt(b)), nil
	case kindInt16:
		return int16(rowimage.DecodeInt(b)), nil
	case kindInt32:
		return int32(rowimage.DecodeInt(b)), nil
	case kindInt64:
		return rowimage.DecodeInt(b), nil
	case kindUint8:
		return uint8(rowimage.DecodeUint(b)), nil
	case kindUint16, kindEnum:
		return uint16(rowimage.DecodeUint(b)), nil
	case kindUint32:
		return uint32(rowimage.DecodeUint(b)), nil
	case kindUint64, kindSet:
		return rowimage.DecodeUint(b), nil
	case kindFloat32:
		return rowimage.DecodeFloat(b), nil
	case kindFloat64:
		return rowimage.DecodeDouble(b), nil
	case kindDecimal:
		return decodeDecimal(b, c.meta)
	case kindBit:
		return rowimage.DecodeBit(b), nil
	case kindYear:
		return int16(rowimage.DecodeYear(b)), nil
	case kindTime:
		return types.Timespan(rowimage.DecodeTime(b, c.meta)), nil
	case kindString:
		return string(b), nil
	case kindText:
		dec, ok := c.charset.Decode(b)
		if !ok {
			return nil, fmt.Errorf("column %s: bytes outside its character set", c.name)
		}
		return string(dec), nil
	case kindBytes:
		out := make([]byte, max(len(b), c.pad))
		copy(out, b)
		return out, nil
	case kindJSON:
		// Rows outlive the image.
		doc, err := jsondoc.Open(bytes.Clone(b))
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.name, err)
		}
		return doc, nil
	default:
		return c.temporal(b, zone), nil
	}
}

func (c *column) temporal(b []byte, zone *time.Location) time.Time {
	if c.kind == kindTimestamp {
		sec, us := rowimage.DecodeTimestamp(b, c.meta)
		if sec == 0 && us == 0 {
			return types.ZeroTime
		}
		t := time.Unix(int64(sec), int64(us)*1000).UTC()
		if zone == time.UTC {
			return t
		}
		t = t.In(zone)
		y, m, d := t.Date()
		h, mi, s := t.Clock()
		return time.Date(y, m, d, h, mi, s, t.Nanosecond(), time.UTC)
	}
	var d rowimage.Datetime
	if c.kind == kindDate {
		d = rowimage.DecodeDate(b)
	} else {
		d = rowimage.DecodeDatetime(b, c.meta)
	}
	if d == (rowimage.Datetime{}) {
		return types.ZeroTime
	}
	return time.Date(int(d.Year), time.Month(d.Month), int(d.Day), int(d.Hour), int(d.Minute), int(d.Second), int(d.Micro)*1000, time.UTC)
}

func decodeDecimal(b []byte, meta uint16) (*apd.Decimal, error) {
	var scratch [96]byte
	text, err := rowimage.AppendDecimalText(scratch[:0], b, meta)
	if err != nil {
		return nil, err
	}
	scale := int32(meta & 0xff)
	if len(text) <= 18 {
		digits := bytes.Replace(text, []byte{'.'}, nil, 1)
		if n, err := strconv.ParseInt(string(digits), 10, 64); err == nil {
			return apd.New(n, -scale), nil
		}
	}
	d, _, err := apd.NewFromString(string(text))
	return d, err
}
