package sql

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/sqltypes"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/tables"
)

// The calls that DATE_ADD and DATE_SUB, + INTERVAL and - INTERVAL, and
// TIMESTAMPADD are: of a date, a number and the unit.
const (
	addInterval      = "add interval"
	subtractInterval = "subtract interval"
)

// intervalFunctions are what those calls call. go-mysql-server's take whole
// numbers, and no TIME for one.
var intervalFunctions = []function{
	{name: addInterval, min: 3, max: 3, typeOf: intervalType, with: moved(1)},
	{name: subtractInterval, min: 3, max: 3, typeOf: intervalType, with: moved(-1)},
}

// intervalNames are the functions that are such calls.
var intervalNames = map[string]string{"date_add": addInterval, "adddate": addInterval, "date_sub": subtractInterval, "subdate": subtractInterval}

// intervalCall returns the call for a function, nil for all others.
func intervalCall(e *sqlparser.FuncExpr) *sqlparser.FuncExpr {
	name := intervalNames[e.Name.Lowered()]
	if name == "" || len(e.Exprs) != 2 || !e.Qualifier.IsEmpty() {
		return nil
	}
	date, ok := e.Exprs[0].(*sqlparser.AliasedExpr)
	by, both := e.Exprs[1].(*sqlparser.AliasedExpr)
	switch {
	case !ok || !both:
		return nil
	case strings.HasPrefix(e.Name.Lowered(), "date_"):
		if _, ok := by.Expr.(*sqlparser.IntervalExpr); !ok {
			return nil
		}
	}
	return newIntervalCall(name, date.Expr, by.Expr)
}

// newIntervalCall is a call for a date and INTERVAL … or a number of days.
func newIntervalCall(name string, date, by sqlparser.Expr) *sqlparser.FuncExpr {
	unit := "DAY"
	if i, ok := by.(*sqlparser.IntervalExpr); ok {
		by, unit = i.Expr, strings.ToUpper(i.Unit)
	}
	if unitParts[unit] == nil {
		return nil
	}
	return newCall(name, date, by, sqlparser.NewStrVal([]byte(unit)))
}

// The parts of an interval.
const (
	inMonths = iota
	inDays
	inSeconds
	inMicros
	intervalParts
)

// unitPart is a number of a unit.
type unitPart struct {
	part int
	size int64
}

var (
	years, months        = unitPart{inMonths, 12}, unitPart{inMonths, 1}
	days, hours, minutes = unitPart{inDays, 1}, unitPart{inSeconds, 3600}, unitPart{inSeconds, 60}
	seconds, micros      = unitPart{inSeconds, 1}, unitPart{inMicros, 1}
)

// unitParts are what the numbers of a unit are.
var unitParts = map[string][]unitPart{
	"YEAR": {years}, "QUARTER": {{inMonths, 3}}, "MONTH": {months}, "WEEK": {{inDays, 7}}, "DAY": {days},
	"HOUR": {hours}, "MINUTE": {minutes}, "SECOND": {seconds}, "MICROSECOND": {micros},
	"YEAR_MONTH": {years, months},
	"DAY_HOUR":   {days, hours}, "DAY_MINUTE": {days, hours, minutes}, "DAY_SECOND": {days, hours, minutes, seconds},
	"DAY_MICROSECOND": {days, hours, minutes, seconds, micros},
	"HOUR_MINUTE":     {hours, minutes}, "HOUR_SECOND": {hours, minutes, seconds}, "HOUR_MICROSECOND": {hours, minutes, seconds, micros},
	"MINUTE_SECOND": {minutes, seconds}, "MINUTE_MICROSECOND": {minutes, seconds, micros},
	"SECOND_MICROSECOND": {seconds, micros},
}

// unitOf is the unit of a call.
func unitOf(args []gms.Expression) string {
	if l, ok := args[2].(*expression.Literal); ok {
		return argText(l.Value())
	}
	return ""
}

// has reports whether a unit has one of some parts.
func has(unit string, parts ...int) bool {
	return slices.ContainsFunc(unitParts[unit], func(p unitPart) bool { return slices.Contains(parts, p.part) })
}

// intervalType is the type of a date that is moved. Source: MySQL 8.0,
// sql/item_timefunc.cc, Item_date_add_interval::resolve_type.
func intervalType(ctx *gms.Context, args []gms.Expression) gms.Type {
	t, unit, digits := args[0].Type(ctx), unitOf(args), 0
	switch {
	case has(unit, inMicros):
		digits = 6
	case unit == "SECOND" && types.IsFloat(args[1].Type(ctx)):
		digits = 6
	case unit == "SECOND" && types.IsText(args[1].Type(ctx)):
		digits = 6
	case unit == "SECOND":
		digits = min(kindOf(ctx, args[1]).scale, 6)
	}
	switch {
	case types.IsDateType(t) && !has(unit, inSeconds, inMicros):
		return types.Date
	case types.IsDateType(t):
		return types.MustCreateDatetimeType(sqltypes.Datetime, digits)
	case types.IsTimespan(t) && !has(unit, inMonths, inDays):
		return types.Time
	case types.IsTime(t), types.IsTimespan(t):
		return types.MustCreateDatetimeType(sqltypes.Datetime, max(digits, fractionDigits(ctx, args[0])))
	}
	return connectionText(ctx, args)
}

// moved returns the date of a call, later or earlier by sign times its interval.
func moved(sign int64) func(*gms.Context, []gms.Expression, gms.Row) (any, error) {
	return func(ctx *gms.Context, args []gms.Expression, row gms.Row) (any, error) {
		v, err := args[0].Eval(ctx, row)
		if err != nil || v == nil {
			return nil, err
		}
		if v, err = gms.UnwrapAny(ctx, v); err != nil {
			return nil, err
		}
		unit := unitOf(args)
		by, ok, err := readInterval(ctx, args[1], row, unit)
		if err != nil || !ok {
			return nil, err
		}
		for i := range by {
			by[i] *= sign
		}
		if span, ok := v.(types.Timespan); ok && !has(unit, inMonths, inDays) {
			us := int64(span) + by[inSeconds]*1e6 + by[inMicros]
			if us > maxTime || us < -maxTime {
				ctx.Warn(1441, "Datetime function: time field overflow")
				return nil, nil
			}
			return types.Timespan(us), nil
		}
		text, isText := v.(string)
		clock := has(unit, inSeconds, inMicros)
		var t time.Time
		if isText {
			d, ok := tables.ParseDate(text)
			if !ok || d.Time.Equal(types.ZeroTime) {
				ctx.Warn(1292, "Incorrect datetime value: '%s'", text)
				return nil, nil
			}
			if d.Rest {
				ctx.Warn(1292, "Truncated incorrect datetime value: '%s'", text)
			}
			t, clock = d.Time, clock || d.Clock
		} else if t, ok = toDate(ctx, v); !ok || t.Equal(types.ZeroTime) {
			return nil, nil
		}
		if t, ok = moveDate(t, by); !ok {
			ctx.Warn(1441, "Datetime function: datetime field overflow")
			return nil, nil
		}
		switch {
		case types.IsTime(intervalType(ctx, args)):
			return t, nil
		case t.Nanosecond() != 0:
			return t.Format("2006-01-02 15:04:05.000000"), nil
		case clock || t.Hour()+t.Minute()+t.Second() > 0:
			return t.Format(time.DateTime), nil
		}
		return t.Format(time.DateOnly), nil
	}
}

// moveDate adds an interval to a date; ok is false beyond the years 0 to 9999.
func moveDate(t time.Time, by [intervalParts]int64) (_ time.Time, ok bool) {
	const most = 366 * 10000
	if n := by[inMonths]; n != 0 {
		at := int64(t.Year())*12 + int64(t.Month()) - 1
		if n > most || n < -most || at+n < 0 || at+n >= 120000 {
			return t, false
		}
		at += n
		last := time.Date(int(at/12), time.Month(at%12)+2, 0, 0, 0, 0, 0, time.UTC).Day()
		t = time.Date(int(at/12), time.Month(at%12)+1, min(t.Day(), last), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	}
	s, us := by[inSeconds]+by[inMicros]/1e6, by[inMicros]%1e6
	if n := by[inDays]; n > most || n < -most || s > most*86400 || s < -most*86400 {
		return t, false
	}
	t = time.Unix(t.Unix()+by[inDays]*86400+s, int64(t.Nanosecond())).UTC().Add(time.Duration(us) * time.Microsecond)
	return t, t.Year() >= 0 && t.Year() <= 9999
}

// readInterval reads the numbers of a unit; ok is false for NULL and for what cannot
// be counted.
func readInterval(ctx *gms.Context, e gms.Expression, row gms.Row, unit string) (by [intervalParts]int64, ok bool, err error) {
	parts := unitParts[unit]
	switch {
	case len(parts) > 1:
		return compoundInterval(ctx, e, row, parts)
	case unit == "SECOND":
		n, err := castTo(ctx, e, row, 6)
		if n == nil || err != nil {
			return by, false, err
		}
		s, us := new(big.Int).QuoRem(n, big.NewInt(1e6), new(big.Int))
		if !s.IsInt64() {
			return by, false, nil
		}
		by[inSeconds], by[inMicros] = s.Int64(), us.Int64()
		return by, true, nil
	}
	v, err := castInteger("SIGNED")(ctx, []gms.Expression{e}, row)
	if v == nil || err != nil {
		return by, false, err
	}
	n := v.(int64)
	const most = math.MaxInt64 / 3600 // out of range in any unit
	if n > most || n < -most {
		if parts[0].size > 1 {
			n = min(max(n, -most), most)
		}
	}
	by[parts[0].part] = n * parts[0].size
	return by, true, nil
}

// castTo evaluates to a number of units of which 10^scale are one.
func castTo(ctx *gms.Context, e gms.Expression, row gms.Row, scale int32) (*big.Int, error) {
	d, err := exactly(ctx, e, row)
	if d == nil || err != nil {
		return nil, err
	}
	if d.NumDigits()+int64(d.Exponent) > 40 {
		return nil, nil
	}
	if _, err := cutting.Quantize(d, d, -scale); err != nil {
		return nil, err
	}
	d.Exponent = 0
	n, _ := new(big.Int).SetString(d.Text('f'), 10)
	return n, nil
}

// compoundInterval reads numbers between any other characters; those of the
// largest units may be left out.
func compoundInterval(ctx *gms.Context, e gms.Expression, row gms.Row, parts []unitPart) (by [intervalParts]int64, ok bool, err error) {
	v, err := e.Eval(ctx, row)
	if err != nil || v == nil {
		return by, false, err
	}
	if v, err = gms.UnwrapAny(ctx, v); err != nil {
		return by, false, err
	}
	text := argText(v)
	if d, ok := v.(*apd.Decimal); ok {
		text = d.Text('f')
	}
	text = strings.TrimLeft(text, " \t\r\n")
	sign := int64(1)
	if strings.HasPrefix(text, "-") {
		sign = -1
	}
	numbers := strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if len(numbers) > len(parts) {
		return by, false, nil
	}
	parts = parts[len(parts)-len(numbers):]
	for i, s := range numbers {
		if parts[i] == micros && len(s) < 6 {
			s += strings.Repeat("0", 6-len(s))
		}
		n, ok := new(big.Int).SetString(s, 10)
		if !ok || n.BitLen() > 45 {
			return by, false, nil
		}
		by[parts[i].part] += sign * n.Int64() * parts[i].size
	}
	return by, true, nil
}
