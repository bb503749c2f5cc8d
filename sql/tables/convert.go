package tables

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/sql/jsondoc"
	"binrelay/sql/storage"
)

// errEnough ends a walk over rows.
var errEnough = errors.New("enough")

const (
	timeColumn = gomysql.MYSQL_TYPE_TIME2
	blobColumn = gomysql.MYSQL_TYPE_BLOB
	jsonColumn = gomysql.MYSQL_TYPE_JSON
)

// conversion turns values of a column into values of another type, with
// MySQL's errors: in strict mode nothing is lost without one, otherwise a value
// that does not fit is cut to size, with a warning.
type conversion struct {
	from, to         *storage.Column
	fromType, toType gms.Type
	strict           bool
	mode             string
	nullOnly         bool // the column only becomes NOT NULL
	assigns          bool // values come from a statement, not from a column that changes
	hex              bool // they are literals X'0a', which are numbers where one is wanted
	ctx              *gms.Context
	row              int
}

// value converts one value; nil is NULL. row counts from 1.
func (x *conversion) value(ctx *gms.Context, v any, row int) (any, error) {
	x.ctx, x.row = ctx, row
	if v == nil {
		if x.to.Nullable {
			return nil, nil
		}
		if x.strict && x.nullOnly {
			return nil, sqlErrorf(1138, "22004", "Invalid use of NULL value")
		}
		return implicitDefault(x.to, x.toType), x.truncated()
	}
	switch x.to.Type {
	case gomysql.MYSQL_TYPE_TINY, gomysql.MYSQL_TYPE_SHORT, gomysql.MYSQL_TYPE_INT24, gomysql.MYSQL_TYPE_LONG, gomysql.MYSQL_TYPE_LONGLONG:
		return x.integer(v)
	case gomysql.MYSQL_TYPE_FLOAT, gomysql.MYSQL_TYPE_DOUBLE:
		return x.float(v)
	case gomysql.MYSQL_TYPE_NEWDECIMAL:
		return x.decimal(v)
	case gomysql.MYSQL_TYPE_BIT:
		return x.bit(v)
	case gomysql.MYSQL_TYPE_YEAR:
		return x.year(v)
	case gomysql.MYSQL_TYPE_ENUM, gomysql.MYSQL_TYPE_SET:
		return x.member(v)
	case gomysql.MYSQL_TYPE_DATE, gomysql.MYSQL_TYPE_DATETIME2, gomysql.MYSQL_TYPE_TIMESTAMP2:
		return x.date(v)
	case timeColumn:
		return x.time(v)
	case gomysql.MYSQL_TYPE_STRING, gomysql.MYSQL_TYPE_VARCHAR, blobColumn:
		return x.text(v)
	}
	out, in, err := x.toType.Convert(ctx, v)
	if err == nil && in != gms.InRange {
		err = x.outOfRange()
	}
	return out, err
}

// problem is an error in strict mode and a warning otherwise.
func (x *conversion) problem(number uint16, state, format string, args ...any) error {
	if x.strict {
		return sqlErrorf(number, state, format, args...)
	}
	x.ctx.Warn(int(number), format, args...)
	return nil
}

// note reports what is lost without being an error in any mode.
func (x *conversion) note() {
	x.ctx.Session.Warn(&gms.Warning{Level: "Note", Code: 1265, Message: fmt.Sprintf("Data truncated for column '%s' at row %d", x.to.Name, x.row)})
}

func (x *conversion) truncated() error {
	return x.problem(1265, "01000", "Data truncated for column '%s' at row %d", x.to.Name, x.row)
}

func (x *conversion) outOfRange() error {
	return x.problem(1264, "22003", "Out of range value for column '%s' at row %d", x.to.Name, x.row)
}

func (x *conversion) incorrect(kind, text string) error {
	return x.problem(1366, "HY000", "Incorrect %s value: '%s' for column '%s' at row %d", kind, text, x.to.Name, x.row)
}

// numberPrefix is the longest prefix of a text that is a number.
var numberPrefix = regexp.MustCompile(`^[ \t\r\n]*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)`)

// number returns a value as a number. kind names the type in the error about a
// text that is none; "" = a truncation whatever it is.
func (x *conversion) number(v any, kind string) (*apd.Decimal, error) {
	switch v := v.(type) {
	case bool:
		return apd.New(int64(boolInt(v)), 0), nil
	case string, []byte:
		if x.from.Type == gomysql.MYSQL_TYPE_BIT {
			break
		}
		if text := textValue(v); !x.hex {
			return x.numberOf(text, kind)
		} else if len(text) <= 8 {
			return types.DecimalFromUint64(bigEndian(text)), nil
		}
		return types.DecimalFromUint64(math.MaxUint64), x.outOfRange()
	case float32:
		return new(apd.Decimal).SetFloat64(float64(v))
	case float64:
		return new(apd.Decimal).SetFloat64(v)
	case *apd.Decimal:
		return new(apd.Decimal).Set(v), nil
	case time.Time:
		if v.Equal(types.ZeroTime) {
			return apd.New(0, 0), nil
		}
		layout := "20060102150405.000000"
		if x.from.Type == gomysql.MYSQL_TYPE_DATE {
			layout = "20060102"
		}
		d, _, err := apd.NewFromString(v.Format(layout))
		return d, err
	case types.Timespan:
		text := strings.ReplaceAll(v.String(), ":", "")
		d, _, err := apd.NewFromString(text)
		return d, err
	}
	d, _, err := apd.NewFromString(fmt.Sprint(v))
	return d, err
}

func bigEndian(s string) (n uint64) {
	for i := range len(s) {
		n = n<<8 | uint64(s[i])
	}
	return n
}

func (x *conversion) numberOf(text, kind string) (*apd.Decimal, error) {
	m := numberPrefix.FindStringSubmatch(text)
	if m == nil {
		if kind == "" {
			return apd.New(0, 0), x.truncated()
		}
		return apd.New(0, 0), x.incorrect(kind, text)
	}
	d, _, err := apd.NewFromString(m[1])
	if err != nil {
		return apd.New(0, 0), x.truncated()
	}
	if strings.TrimRight(text[len(m[0]):], " \t\r\n") != "" {
		if x.assigns && kind == "decimal" {
			if x.strict {
				return d, x.incorrect(kind, text)
			}
			x.note()
			return d, nil
		}
		return d, x.truncated()
	}
	return d, nil
}

// rounding is how MySQL rounds: half away from zero.
var rounding = &apd.Context{Precision: 100, MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent, Rounding: apd.RoundHalfUp}

func (x *conversion) integer(v any) (any, error) {
	switch f := v.(type) { // rounds to even, unlike decimals
	case float32:
		v = math.RoundToEven(float64(f))
	case float64:
		v = math.RoundToEven(f)
	}
	d, err := x.number(v, "integer")
	if err != nil {
		return nil, err
	}
	if d.Exponent > 40 || d.NumDigits()+int64(d.Exponent) > 40 {
		return x.clamp(d.Negative)
	}
	if d.Form != apd.Finite {
		return x.clamp(d.Negative)
	}
	before := d.Negative && !d.IsZero() // also of -0.4
	if _, err := rounding.Quantize(d, d, 0); err != nil {
		return x.clamp(d.Negative)
	}
	low, high := integerRange(x.to)
	if _, exact := v.(*apd.Decimal); exact && x.assigns && x.to.Unsigned && before {
		return x.clamp(true)
	}
	if d.Negative && !d.IsZero() {
		n, err := d.Int64()
		if err != nil || n < low {
			return x.clamp(true)
		}
		return n, nil
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(d.Text('f'), "-"), 10, 64)
	if err != nil || n > high {
		return x.clamp(false)
	}
	return n, nil
}

func integerRange(c *storage.Column) (low int64, high uint64) {
	bits := map[byte]uint{gomysql.MYSQL_TYPE_TINY: 8, gomysql.MYSQL_TYPE_SHORT: 16, gomysql.MYSQL_TYPE_INT24: 24, gomysql.MYSQL_TYPE_LONG: 32, gomysql.MYSQL_TYPE_LONGLONG: 64}[c.Type]
	if c.Unsigned {
		return 0, math.MaxUint64 >> (64 - bits)
	}
	return math.MinInt64 >> (64 - bits), math.MaxUint64 >> (65 - bits)
}

// clamp is the nearest value that an integer column can hold.
func (x *conversion) clamp(negative bool) (any, error) {
	low, high := integerRange(x.to)
	if negative {
		return low, x.outOfRange()
	}
	return high, x.outOfRange()
}

func (x *conversion) float(v any) (any, error) {
	d, err := x.number(v, "")
	if err != nil {
		return nil, err
	}
	f, err := d.Float64()
	if err != nil || math.IsInf(f, 0) {
		f = math.Copysign(math.MaxFloat64, boolSign(d.Negative))
		if err := x.outOfRange(); err != nil {
			return nil, err
		}
	}
	if x.to.Unsigned && f < 0 {
		return 0.0, x.outOfRange()
	}
	if x.to.Type == gomysql.MYSQL_TYPE_DOUBLE {
		return f, nil
	}
	if math.Abs(f) > math.MaxFloat32 {
		return float32(math.Copysign(math.MaxFloat32, f)), x.outOfRange()
	}
	return float32(f), nil
}

func boolSign(negative bool) float64 {
	if negative {
		return -1
	}
	return 1
}

func (x *conversion) decimal(v any) (any, error) {
	d, err := x.number(v, "decimal")
	if err != nil {
		return nil, err
	}
	precision, scale := int64(x.to.Meta>>8), int32(x.to.Meta&0xff)
	wide := &apd.Context{Precision: 400, MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent, Rounding: apd.RoundHalfUp}
	limit := func(negative bool) (any, error) {
		top, _, _ := apd.NewFromString(strings.Repeat("9", int(precision)) + "e-" + strconv.Itoa(int(scale)))
		top.Negative = negative
		if negative && x.to.Unsigned {
			top = apd.New(0, -scale)
		}
		return top, x.outOfRange()
	}
	if d.Form != apd.Finite || d.Exponent > 300 {
		return limit(d.Negative)
	}
	given := new(apd.Decimal).Set(d)
	if _, err := wide.Quantize(d, d, -scale); err != nil || !d.IsZero() && d.NumDigits() > precision || x.to.Unsigned && d.Negative && !d.IsZero() {
		return limit(d.Negative)
	}
	if _, isFloat := v.(float64); x.assigns && !isFloat && given.Cmp(d) != 0 {
		x.note()
	}
	return d, nil
}

func (x *conversion) bit(v any) (any, error) {
	var n uint64
	switch v := v.(type) {
	case string, []byte:
		b := []byte(strings.TrimLeft(textValue(v), "\x00"))
		if len(b) > 8 {
			return uint64(math.MaxUint64) >> (64 - x.to.Meta), x.tooLong()
		}
		n = bigEndian(string(b))
	default:
		d, err := x.number(v, "integer")
		if err != nil {
			return nil, err
		}
		if _, err := rounding.Quantize(d, d, 0); err != nil {
			return nil, err
		}
		if n, err = strconv.ParseUint(d.Text('f'), 10, 64); err != nil {
			i, err := d.Int64()
			if err != nil {
				return uint64(math.MaxUint64) >> (64 - x.to.Meta), x.tooLong()
			}
			n = uint64(i)
		}
	}
	if n > math.MaxUint64>>(64-x.to.Meta) {
		return uint64(math.MaxUint64) >> (64 - x.to.Meta), x.tooLong()
	}
	return n, nil
}

// member converts to ENUM and SET.
func (x *conversion) member(v any) (any, error) {
	enum := x.to.Type == gomysql.MYSQL_TYPE_ENUM
	empty := any(uint64(0))
	if enum {
		empty = uint16(0)
	}
	_, fromEnum := x.fromType.(gms.EnumType)
	_, fromSet := x.fromType.(gms.SetType)
	_, isText := v.(string)
	_, isBytes := v.([]byte)
	if isText || isBytes || fromEnum || fromSet {
		text, err := x.plain(v)
		if err != nil {
			return nil, err
		}
		text = strings.TrimRight(text, " ")
		if enum && text == "" && x.toType.(gms.EnumType).IndexOf("") < 1 {
			return empty, x.truncated()
		}
		out, in, err := x.toType.Convert(x.ctx, text)
		if n, bad := strconv.ParseUint(text, 10, 16); enum && bad == nil && x.assigns && (err != nil || in != gms.InRange) && n > 0 && n <= uint64(len(x.to.Members)) {
			return uint16(n), nil
		}
		if err != nil || in != gms.InRange {
			if !enum && x.assigns && !x.strict {
				empty = x.members(text)
			}
			return empty, x.truncated()
		}
		return out, nil
	}
	if f, ok := v.(float64); ok {
		v = math.Trunc(f)
	}
	d, err := x.number(v, "")
	if err != nil {
		return nil, err
	}
	if _, err := rounding.Quantize(d, d, 0); err != nil {
		return empty, x.truncated()
	}
	n, err := d.Int64()
	if err != nil || n < 0 || enum && (n == 0 || n > int64(len(x.to.Members))) {
		return empty, x.truncated()
	}
	if enum {
		return uint16(n), nil
	}
	if len(x.to.Members) < 64 && n>>len(x.to.Members) != 0 {
		return empty, x.truncated()
	}
	return uint64(n), nil
}

// members are the members of a SET that are in a list, without those that are
// not.
func (x *conversion) members(list string) any {
	var bits uint64
	for _, m := range strings.Split(list, ",") {
		if out, in, err := x.toType.Convert(x.ctx, m); err == nil && in == gms.InRange {
			if n, ok := out.(uint64); ok {
				bits |= n
			}
		}
	}
	return bits
}

// datetimeText is a text whose time of day counts.
var datetimeText = regexp.MustCompile(`^\d{2,4}-\d{1,2}-\d{1,2}[ T]\d`)

// timeText are the forms of a TIME: [days ]hours:minutes[:seconds], or digits.
var timeText = regexp.MustCompile(`^([-+]?)(?:(?:(\d+) )?(\d+):(\d{1,2})(?::(\d{1,2}))?|(\d+))(?:\.(\d*))?$`)

// maxTime is the greatest TIME, in microseconds.
const maxTime = (838*3600 + 59*60 + 59) * 1e6

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// implicitDefault is what a NOT NULL column without DEFAULT holds.
func implicitDefault(c *storage.Column, t gms.Type) any {
	switch c.Type {
	case gomysql.MYSQL_TYPE_ENUM:
		return uint16(1)
	case gomysql.MYSQL_TYPE_SET, gomysql.MYSQL_TYPE_BIT:
		return uint64(0)
	case gomysql.MYSQL_TYPE_YEAR:
		return int16(0)
	case gomysql.MYSQL_TYPE_DATE, gomysql.MYSQL_TYPE_DATETIME2, gomysql.MYSQL_TYPE_TIMESTAMP2:
		return types.ZeroTime
	case timeColumn:
		return types.Timespan(0)
	case gomysql.MYSQL_TYPE_JSON:
		return jsondoc.Null
	}
	return t.Zero()
}
