package tables

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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

func (x *conversion) tooLong() error {
	if x.assigns && !x.strict {
		if x.to.Type == gomysql.MYSQL_TYPE_BIT {
			return x.outOfRange()
		}
		return x.truncated()
	}
	return x.problem(1406, "22001", "Data too long for column '%s' at row %d", x.to.Name, x.row)
}

func (x *conversion) year(v any) (any, error) {
	if t, ok := v.(time.Time); ok {
		v = int64(t.Year())
		if t.Equal(types.ZeroTime) {
			v = int64(0)
		}
	} else if text, ok := v.(string); !ok || len(strings.TrimSpace(text)) == 4 || x.assigns && numberPrefix.FindString(text) == "" {
		switch f := v.(type) { // cut, not rounded
		case float32:
			v = float64(math.Trunc(float64(f)))
		case float64:
			v = math.Trunc(f)
		}
		if text, ok := v.(string); ok && x.assigns && numberPrefix.FindString(text) == "" {
			return int16(0), x.incorrect("integer", text)
		}
		d, err := x.number(v, "integer")
		if err != nil {
			return nil, err
		}
		if _, err := rounding.Quantize(d, d, 0); err != nil {
			return int16(0), x.outOfRange()
		}
		n, err := d.Int64()
		if err != nil {
			return int16(0), x.outOfRange()
		}
		v = n
	}
	out, in, err := x.toType.Convert(x.ctx, v)
	if err != nil || in != gms.InRange {
		return int16(0), x.outOfRange()
	}
	return out, nil
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

// zeroText returns the kind and the zero value of a temporal column, "" for
// others.
func zeroText(c *storage.Column) (kind, zero string) {
	switch c.Type {
	case gomysql.MYSQL_TYPE_DATE:
		return "date", "0000-00-00"
	case gomysql.MYSQL_TYPE_DATETIME2, gomysql.MYSQL_TYPE_TIMESTAMP2:
		return "datetime", "0000-00-00 00:00:00"
	}
	return "", ""
}

func (x *conversion) date(v any) (any, error) {
	kind, _ := zeroText(x.to)
	text, err := x.plain(v)
	if err != nil {
		return nil, err
	}
	wrong := func(loose func() error) (any, error) {
		if x.assigns && !x.strict {
			return types.ZeroTime, loose()
		}
		return types.ZeroTime, x.problem(1292, "22007", "Incorrect %s value: '%s' for column '%s' at row %d", kind, text, x.to.Name, x.row)
	}
	var t time.Time
	switch v := v.(type) {
	case time.Time:
		t = v
	case types.Timespan:
		y, m, d := x.ctx.QueryTime().Date()
		t = time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Add(time.Duration(v) * time.Microsecond)
	default:
		if _, isText := v.(string); !isText {
			if _, isBytes := v.([]byte); !isBytes {
				text = packed(text)
			}
		}
		d, ok := ParseDate(text)
		if d.Partial && !strings.Contains(x.mode, "NO_ZERO_IN_DATE") && !strings.Contains(x.mode, "TRADITIONAL") {
			return nil, unsupported("a date with a zero month or day")
		}
		if d.Bad && !d.Partial && strings.Contains(x.mode, "ALLOW_INVALID_DATES") {
			return nil, unsupported("ALLOW_INVALID_DATES")
		}
		if !ok && d.Bad {
			return wrong(x.outOfRange)
		}
		if !ok {
			return wrong(x.truncated)
		}
		if d.Rest {
			if _, err := wrong(x.truncated); err != nil {
				return nil, err
			}
		}
		t = d.Time
	}
	if t.Equal(types.ZeroTime) {
		if strings.Contains(x.mode, "NO_ZERO_DATE") || strings.Contains(x.mode, "TRADITIONAL") {
			return wrong(x.outOfRange)
		}
		return t, nil
	}
	if t = x.fit(t); t.Year() > 9999 || !x.inZone(t) {
		return wrong(x.outOfRange)
	}
	return t, nil
}

// fit cuts a date to its day, and rounds a time to the digits of the column.
func (x *conversion) fit(t time.Time) time.Time {
	if x.to.Type == gomysql.MYSQL_TYPE_DATE {
		day := t.Truncate(24 * time.Hour)
		if !day.Equal(t) && x.assigns {
			x.note()
		}
		return day
	}
	unit := time.Second
	for range x.to.Meta {
		unit /= 10
	}
	return t.Round(unit)
}

// inZone reports whether a TIMESTAMP column can hold what clocks show in the
// session's time zone.
func (x *conversion) inZone(t time.Time) bool {
	if x.to.Type != gomysql.MYSQL_TYPE_TIMESTAMP2 {
		return true
	}
	zone := time.UTC
	if s, err := sessionOf(x.ctx); err == nil {
		zone = s.Zone(x.ctx)
	}
	sec, _ := unixIn(t, zone)
	return sec > 0 && sec <= math.MaxInt32
}

// packed spells a number as the digits of the date that it stands for.
func packed(text string) string {
	digits, fraction, _ := strings.Cut(text, ".")
	switch n := len(digits); {
	case strings.HasPrefix(digits, "-"):
	case digits == "0":
		return "0000-00-00"
	case n < 6:
		digits = fmt.Sprintf("%06s", digits)
	case n == 7, n == 13:
		digits = "0" + digits
	case n > 8 && n < 12:
		digits = fmt.Sprintf("%012s", digits)
	}
	if fraction != "" && len(digits) >= 12 {
		digits += "." + fraction
	}
	return digits
}

// datetimeText is a text whose time of day counts.
var datetimeText = regexp.MustCompile(`^\d{2,4}-\d{1,2}-\d{1,2}[ T]\d`)

func (x *conversion) time(v any) (any, error) {
	if t, ok := v.(time.Time); ok {
		if t.Equal(types.ZeroTime) {
			return types.Timespan(0), nil
		}
		h, m, s := t.Clock()
		return types.Timespan(int64(h*3600+m*60+s)*1e6 + int64(t.Nanosecond()/1000)), nil
	}
	text, err := x.plain(v)
	if err != nil {
		return nil, err
	}
	if t, ok := v.(types.Timespan); ok {
		return t, nil
	}
	text = strings.TrimSpace(text)
	if datetimeText.MatchString(text) {
		t, in, err := types.DatetimeMaxPrecision.Convert(x.ctx, text)
		if at, ok := t.(time.Time); ok && err == nil && in == gms.InRange {
			return x.time(at)
		}
	}
	us, ok := parseTime(text)
	if !ok && x.assigns && !x.strict {
		if us != 0 {
			return types.Timespan(us), x.outOfRange()
		}
		return types.Timespan(0), x.truncated()
	}
	if !ok {
		return types.Timespan(us), x.problem(1292, "22007", "Incorrect time value: '%s' for column '%s' at row %d", text, x.to.Name, x.row)
	}
	return types.Timespan(us), nil
}

// timeText are the forms of a TIME: [days ]hours:minutes[:seconds], or digits.
var timeText = regexp.MustCompile(`^([-+]?)(?:(?:(\d+) )?(\d+):(\d{1,2})(?::(\d{1,2}))?|(\d+))(?:\.(\d*))?$`)

// maxTime is the greatest TIME, in microseconds.
const maxTime = (838*3600 + 59*60 + 59) * 1e6

// parseTime reads a TIME, in microseconds. One that is too large is cut.
func parseTime(text string) (us int64, ok bool) {
	m := timeText.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n := func(s string) int64 {
		v, err := strconv.ParseInt(s, 10, 40)
		if err != nil && s != "" {
			return 1 << 40
		}
		return v
	}
	h, mi, s := n(m[2])*24+n(m[3]), n(m[4]), n(m[5])
	if m[6] != "" {
		all := n(m[6])
		h, mi, s = all/10000, all/100%100, all%100
	}
	if mi > 59 || s > 59 {
		return 0, false
	}
	us = int64(maxTime)
	if ok = h <= 838; ok {
		us = (h*3600 + mi*60 + s) * 1e6
		us += n((m[7] + "0000000")[:7]) / 10
	}
	if us > maxTime {
		us, ok = maxTime, false
	}
	if m[1] == "-" {
		us = -us
	}
	return us, ok
}

// text converts to CHAR, VARCHAR, TEXT and their binary kinds.
func (x *conversion) text(v any) (any, error) {
	to := gms.CollationID(x.to.Collation)
	if to == gms.Collation_binary {
		b, err := x.bytes(v)
		if err != nil {
			return nil, err
		}
		if n := byteLimit(x.to); len(b) > n {
			return b[:n], x.cut()
		}
		return b, nil
	}
	s, err := x.plain(v)
	if err != nil {
		return nil, err
	}
	_, binary := v.([]byte)
	switch valid := utf8.ValidString(s); {
	case (binary || !valid) && x.assigns && to.CharacterSet().MaxLength() == 1:
		text, ok := to.CharacterSet().Encoder().Decode([]byte(s))
		if !ok {
			return "", x.badString([]byte(s))
		}
		s = string(text)
	case binary && !valid:
		return "", x.badString([]byte(s))
	}
	if bad := unmappable(s, to); bad != "" {
		return "", x.badString([]byte(bad))
	}
	if x.to.Type == blobColumn {
		if n := byteLimit(x.to); len(s) > n {
			return strings.ToValidUTF8(s[:n], ""), x.tooLong()
		}
		return s, nil
	}
	width := int(to.CharacterSet().MaxLength())
	if n := int(x.to.Meta) / width; utf8.RuneCountInString(s) > n {
		r := []rune(s)
		if strings.Trim(string(r[n:]), " ") == "" {
			if x.assigns && x.to.Type == gomysql.MYSQL_TYPE_VARCHAR {
				x.note()
			}
			return string(r[:n]), nil
		}
		return string(r[:n]), x.cut()
	}
	return s, nil
}

// cut reports a text that is too long: as MySQL, with another number where it
// copies between columns of one kind.
func (x *conversion) cut() error {
	if !x.assigns && x.from.Type == x.to.Type && x.from.Type != blobColumn && x.from.Collation == x.to.Collation {
		return x.truncated()
	}
	return x.tooLong()
}

func (x *conversion) badString(b []byte) error {
	var text strings.Builder
	for _, c := range b[:min(len(b), 6)] {
		if c >= 0x20 && c < 0x7f {
			text.WriteByte(c)
		} else {
			fmt.Fprintf(&text, "\\x%02X", c)
		}
	}
	if len(b) > 6 {
		text.WriteString("...")
	}
	return x.incorrect("string", text.String())
}

// unmappable returns the part of s from the first character that a character
// set lacks.
func unmappable(s string, c gms.CollationID) string {
	switch c.CharacterSet() {
	case gms.CharacterSet_utf8mb4:
		return ""
	}
	enc := c.CharacterSet().Encoder()
	if _, ok := EncodeText(enc, s); ok {
		return ""
	}
	for i, r := range s {
		if _, ok := EncodeText(enc, string(r)); !ok {
			return s[i:]
		}
	}
	return s
}

// byteLimit is how many bytes a column holds.
func byteLimit(c *storage.Column) int {
	if c.Type != blobColumn {
		return int(c.Meta)
	}
	return 1<<(8*c.Meta) - 1
}

// bytes returns what a value is as a binary string.
func (x *conversion) bytes(v any) ([]byte, error) {
	switch v := v.(type) {
	case []byte:
		if x.from.Type == gomysql.MYSQL_TYPE_STRING && x.to.Type != gomysql.MYSQL_TYPE_STRING {
			return v, nil
		}
		return []byte(strings.TrimRight(string(v), padding(x))), nil
	case string:
		enc, ok := EncodeText(gms.CollationID(x.from.Collation).CharacterSet().Encoder(), v)
		if !ok {
			return nil, x.badString([]byte(v))
		}
		return enc, nil
	}
	s, err := x.plain(v)
	return []byte(s), err
}

// padding is what is cut from the end of a value between two BINARY columns.
func padding(x *conversion) string {
	if x.from.Type == gomysql.MYSQL_TYPE_STRING && x.to.Type == gomysql.MYSQL_TYPE_STRING {
		return "\x00"
	}
	return ""
}

func textValue(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}

// plain returns a value as MySQL prints it.
func (x *conversion) plain(v any) (string, error) {
	switch v := v.(type) {
	case bool:
		if v {
			return "1", nil
		}
		return "0", nil
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	case float32:
		return floatText(float64(v), 32), nil
	case float64:
		return floatText(v, 64), nil
	case *apd.Decimal:
		return v.Text('f'), nil
	case time.Time:
		return x.timeText(v), nil
	case types.Timespan:
		return timespanText(v, int(x.from.Meta)), nil
	case uint16:
		if e, ok := x.fromType.(gms.EnumType); ok {
			s, _ := e.At(int(v))
			return s, nil
		}
	case uint64:
		if s, ok := x.fromType.(gms.SetType); ok {
			return s.BitsToString(v)
		}
		if x.from.Type == gomysql.MYSQL_TYPE_BIT {
			b := make([]byte, 0, 8)
			for i := (int(x.from.Meta) + 7) / 8; i > 0; i-- {
				b = append(b, byte(v>>(8*(i-1))))
			}
			return string(b), nil
		}
	case int16:
		if x.from.Type == gomysql.MYSQL_TYPE_YEAR {
			return fmt.Sprintf("%04d", v), nil
		}
	}
	return fmt.Sprint(v), nil
}

func (x *conversion) timeText(t time.Time) string {
	if t.Equal(types.ZeroTime) {
		_, zero := zeroText(x.from)
		return zero + fraction(0, int(x.from.Meta)*boolInt(x.from.Type != gomysql.MYSQL_TYPE_DATE))
	}
	if x.from.Type == gomysql.MYSQL_TYPE_DATE {
		return t.Format("2006-01-02")
	}
	return t.Format("2006-01-02 15:04:05") + fraction(t.Nanosecond()/1000, int(x.from.Meta))
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// fraction prints microseconds with the given digits.
func fraction(us, digits int) string {
	if digits == 0 {
		return ""
	}
	return "." + fmt.Sprintf("%06d", us)[:digits]
}

func timespanText(t types.Timespan, digits int) string {
	us, sign := int64(t), ""
	if us < 0 {
		us, sign = -us, "-"
	}
	s := us / 1e6
	return fmt.Sprintf("%s%02d:%02d:%02d", sign, s/3600, s/60%60, s%60) + fraction(int(us%1e6), digits)
}

// floatText prints a number as MySQL does: without exponent between 1e-15 and
// 1e15.
func floatText(f float64, bits int) string {
	if a := math.Abs(f); f == 0 || a >= 1e-15 && a < 1e15 {
		return strconv.FormatFloat(f, 'f', -1, bits)
	}
	s := strconv.FormatFloat(f, 'e', -1, bits)
	mantissa, exp, _ := strings.Cut(s, "e")
	n, _ := strconv.Atoi(exp)
	return mantissa + "e" + strconv.Itoa(n)
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

// widerText is the TEXT type that a column becomes in another character set:
// it holds as many characters as before.
func widerText(c *storage.Column, from, to gms.CollationID) gms.Type {
	size := int64(byteLimit(c))
	if a, b := from.CharacterSet().MaxLength(), to.CharacterSet().MaxLength(); b > a {
		size = size / a * b
	}
	for _, n := range []int64{types.TinyTextBlobMax, types.TextBlobMax, types.MediumTextBlobMax} {
		if size <= n {
			return types.MustCreateString(textType, n, to)
		}
	}
	return types.MustCreateString(textType, types.LongTextBlobMax, to)
}
