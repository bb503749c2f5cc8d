package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
)

// errBadValue means that the handler returned a value whose text is not of its
// column's type.
var errBadValue = errors.New("value does not match its column's type")

// writeBinaryRow sends a row of the binary protocol:
//
//	00 | NULL bitmap, (columns+9)/8 bytes, first two bits unused | values
func (c *conn) writeBinaryRow(fields []*querypb.Field, row []sqltypes.Value) error {
	b := append(c.row[:0], headerOK)
	for range (len(row) + 9) / 8 {
		b = append(b, 0)
	}
	for i := range row {
		if row[i].IsNull() {
			b[1+(i+2)/8] |= 1 << ((i + 2) % 8)
			continue
		}
		var err error
		if b, err = appendBinary(b, fields[i].Type, row[i].Raw()); err != nil {
			return fmt.Errorf("column %s: %w", fields[i].Name, err)
		}
	}
	c.send(b)
	return c.w.err
}

// appendBinary converts the text form of a value to its binary form, by the
// type that the column definition announced.
func appendBinary(b []byte, t querypb.Type, raw []byte) ([]byte, error) {
	switch t {
	case sqltypes.Int8, sqltypes.Int16, sqltypes.Int24, sqltypes.Int32, sqltypes.Int64:
		v, err := strconv.ParseInt(string(raw), 10, 64)
		return appendInt(b, t, uint64(v)), err
	case sqltypes.Uint8, sqltypes.Uint16, sqltypes.Uint24, sqltypes.Uint32, sqltypes.Uint64, sqltypes.Year:
		v, err := strconv.ParseUint(string(raw), 10, 64)
		return appendInt(b, t, v), err
	case sqltypes.Float32:
		v, err := strconv.ParseFloat(string(raw), 32)
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v))), err
	case sqltypes.Float64:
		v, err := strconv.ParseFloat(string(raw), 64)
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v)), err
	case sqltypes.Date, sqltypes.Datetime, sqltypes.Timestamp:
		return appendDatetime(b, raw)
	case sqltypes.Time:
		return appendTime(b, raw)
	}
	return appendLenencString(b, raw), nil
}

func appendInt(b []byte, t querypb.Type, v uint64) []byte {
	switch t {
	case sqltypes.Int8, sqltypes.Uint8:
		return append(b, byte(v))
	case sqltypes.Int16, sqltypes.Uint16, sqltypes.Year:
		return binary.LittleEndian.AppendUint16(b, uint16(v))
	case sqltypes.Int64, sqltypes.Uint64:
		return binary.LittleEndian.AppendUint64(b, v)
	}
	return binary.LittleEndian.AppendUint32(b, uint32(v))
}

// appendDatetime converts YYYY-MM-DD[ hh:mm:ss[.ffffff]]:
//
//	length 1 (0, 4, 7 or 11) | year 2 | month | day | hour | minute | second | µs 4
//
// Zero parts at the end are left out.
func appendDatetime(b, raw []byte) ([]byte, error) {
	s := digits{b: raw}
	year := s.number(4)
	s.sep('-')
	month := s.number(2)
	s.sep('-')
	day := s.number(2)
	var hour, minute, second, micro uint32
	if len(s.b) > 0 {
		if s.b[0] == 'T' {
			s.sep('T')
		} else {
			s.sep(' ')
		}
		hour = s.number(2)
		s.sep(':')
		minute = s.number(2)
		s.sep(':')
		second = s.number(2)
		micro = s.fraction()
	}
	if s.bad || len(s.b) > 0 {
		return b, fmt.Errorf("%w: %q", errBadValue, raw)
	}
	n := 11
	switch {
	case micro != 0:
	case hour|minute|second != 0:
		n = 7
	case year|month|day != 0:
		n = 4
	default:
		n = 0
	}
	full := [12]byte{byte(n), byte(year), byte(year >> 8), byte(month), byte(day), byte(hour), byte(minute), byte(second)}
	binary.LittleEndian.PutUint32(full[8:], micro)
	return append(b, full[:1+n]...), nil
}

// appendTime converts [-]hhh:mm:ss[.ffffff]:
//
//	length 1 (0, 8 or 12) | negative 1 | days 4 | hour | minute | second | µs 4
func appendTime(b, raw []byte) ([]byte, error) {
	s := digits{b: raw}
	var neg byte
	if len(raw) > 0 && raw[0] == '-' {
		s.sep('-')
		neg = 1
	}
	hours := s.number(4)
	s.sep(':')
	minute := s.number(2)
	s.sep(':')
	second := s.number(2)
	micro := s.fraction()
	if s.bad || len(s.b) > 0 {
		return b, fmt.Errorf("%w: %q", errBadValue, raw)
	}
	n := 12
	switch {
	case micro != 0:
	case hours|minute|second != 0:
		n = 8
	default:
		n = 0
	}
	full := [13]byte{byte(n), neg}
	binary.LittleEndian.PutUint32(full[2:], hours/24)
	full[6], full[7], full[8] = byte(hours%24), byte(minute), byte(second)
	binary.LittleEndian.PutUint32(full[9:], micro)
	return append(b, full[:1+n]...), nil
}

// digits reads numbers and separators of a temporal value. bad sticks.
type digits struct {
	b   []byte
	bad bool
}

// number reads one to max digits.
func (d *digits) number(max int) uint32 {
	n, v := 0, uint32(0)
	for n < len(d.b) && n < max && d.b[n] >= '0' && d.b[n] <= '9' {
		v = v*10 + uint32(d.b[n]-'0')
		n++
	}
	if n == 0 {
		d.bad = true
	}
	d.b = d.b[n:]
	return v
}

func (d *digits) sep(c byte) {
	if len(d.b) == 0 || d.b[0] != c {
		d.bad = true
		return
	}
	d.b = d.b[1:]
}

// fraction reads .ffffff, if there is one, as microseconds.
func (d *digits) fraction() uint32 {
	if len(d.b) == 0 {
		return 0
	}
	d.sep('.')
	before := len(d.b)
	v := d.number(6)
	for n := before - len(d.b); n < 6; n++ {
		v *= 10
	}
	return v
}

// params decodes the values of COM_STMT_EXECUTE. types holds two bytes a
// parameter (type and flags); longData, which stands in for the value in the
// packet where it is not nil, is indexed by parameter.
//
//	NULL bitmap, (n+7)/8 bytes | new types 1 | [types 2n] | values
//
// The returned types are those of the packet, or the old ones.
func params(c *cursor, n int, types []byte, longData map[int][]byte) (map[string]*querypb.BindVariable, []byte, error) {
	nulls := c.take((n + 7) / 8)
	if c.u8() == 1 {
		types = append([]byte(nil), c.take(2*n)...)
	}
	if c.bad || len(types) != 2*n {
		return nil, nil, errMalformed
	}
	vars := make(map[string]*querypb.BindVariable, n)
	for i := range n {
		name := "v" + strconv.Itoa(i+1)
		typ, unsigned := types[2*i], types[2*i+1]&flagUnsigned != 0
		switch data, long := longData[i]; {
		case long:
			vars[name] = &querypb.BindVariable{Type: sqltypes.VarBinary, Value: data}
			continue
		case nulls[i/8]&(1<<(i%8)) != 0:
			vars[name] = sqltypes.NullBindVariable
			continue
		}
		v, err := param(c, typ, unsigned)
		if err != nil {
			return nil, nil, err
		}
		vars[name] = v
	}
	return vars, types, nil
}

// param decodes one value. Its bytes are copied: the packet's buffer is reused.
func param(c *cursor, typ byte, unsigned bool) (*querypb.BindVariable, error) {
	var v sqltypes.Value
	switch typ {
	case typeNull:
		return sqltypes.NullBindVariable, nil
	case typeTiny:
		v = intParam(uint64(c.u8()), 8, unsigned)
	case typeShort, typeYear:
		v = intParam(uint64(c.u16()), 16, unsigned)
	case typeLong, typeInt24:
		v = intParam(uint64(c.u32()), 32, unsigned)
	case typeLongLong:
		v = intParam(c.u64(), 64, unsigned)
	case typeFloat:
		f := math.Float32frombits(c.u32())
		c.bad = c.bad || !finite(float64(f))
		v = sqltypes.MakeTrusted(sqltypes.Float64, strconv.AppendFloat(nil, float64(f), 'g', -1, 32))
	case typeDouble:
		f := math.Float64frombits(c.u64())
		c.bad = c.bad || !finite(f)
		v = sqltypes.MakeTrusted(sqltypes.Float64, strconv.AppendFloat(nil, f, 'g', -1, 64))
	case typeDate, typeDatetime, typeTimestamp:
		text, ok := datetimeParam(c.shortBytes())
		if !ok {
			c.bad = true
		}
		v = sqltypes.MakeTrusted(sqltypes.VarChar, []byte(text))
	case typeTime:
		text, ok := timeParam(c.shortBytes())
		if !ok {
			c.bad = true
		}
		v = sqltypes.MakeTrusted(sqltypes.VarChar, []byte(text))
	case typeDecimal, typeNewDecimal, typeVarchar, typeVarString, typeString, typeEnum, typeSet, typeJSON,
		typeBit, typeTinyBlob, typeMediumBlob, typeLongBlob, typeBlob, typeGeometry, typeVector:
		v = sqltypes.MakeTrusted(sqltypes.VarBinary, append([]byte(nil), c.lenencBytes()...))
	default:
		return nil, errMalformed
	}
	if c.bad {
		return nil, errMalformed
	}
	return sqltypes.ValueBindVariable(v), nil
}

// finite reports whether f has a text form in SQL.
func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

func intParam(v uint64, bits int, unsigned bool) sqltypes.Value {
	if unsigned {
		return sqltypes.NewUint64(v)
	}
	shift := 64 - bits
	return sqltypes.NewInt64(int64(v<<shift) >> shift)
}

// datetimeParam is the inverse of appendDatetime.
func datetimeParam(p []byte) (string, bool) {
	c := cursor{b: p}
	switch len(p) {
	case 0:
		return "0000-00-00 00:00:00", true
	case 4:
		return fmt.Sprintf("%04d-%02d-%02d", c.u16(), c.u8(), c.u8()), true
	case 7:
		return fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d", c.u16(), c.u8(), c.u8(), c.u8(), c.u8(), c.u8()), true
	case 11:
		return fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d.%06d",
			c.u16(), c.u8(), c.u8(), c.u8(), c.u8(), c.u8(), c.u32()), true
	}
	return "", false
}

// timeParam is the inverse of appendTime.
func timeParam(p []byte) (string, bool) {
	if len(p) == 0 {
		return "00:00:00", true
	}
	if len(p) != 8 && len(p) != 12 {
		return "", false
	}
	c := cursor{b: p}
	sign := ""
	if c.u8() != 0 {
		sign = "-"
	}
	hours := uint64(c.u32())*24 + uint64(c.u8())
	text := fmt.Sprintf("%s%02d:%02d:%02d", sign, hours, c.u8(), c.u8())
	if len(p) == 12 {
		text += fmt.Sprintf(".%06d", c.u32())
	}
	return text, true
}
