package sql

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/sqltypes"
)

// timeFunctions are functions of dates and times that go-mysql-server lacks, or
// that know only the times of a day there: a TIME goes from -838:59:59 to
// 838:59:59.
var timeFunctions = []function{
	{name: "makedate", min: 2, max: 2, typ: types.Date, eval: makeDate},
	{name: "maketime", min: 3, max: 3, typ: types.Time, eval: makeTime},
	{name: "sec_to_time", min: 1, max: 1, typ: types.Time, eval: secToTime},
	{name: "addtime", min: 2, max: 2, typeOf: timeSumType, eval: addTime(1)},
	{name: "subtime", min: 2, max: 2, typeOf: timeSumType, eval: addTime(-1)},
	{name: "period_add", min: 2, max: 2, typ: types.Int64, eval: periodAdd},
	{name: "period_diff", min: 2, max: 2, typ: types.Int64, eval: periodDiff},
	{name: "datediff", min: 2, max: 2, typ: types.Int64, eval: dateDiff},
	{name: "to_seconds", min: 1, max: 1, typ: types.Int64, eval: toSeconds},
	{name: "timestamp", min: 1, max: 2, typeOf: timestampType, eval: timestampOf},
	{name: "time", min: 1, max: 1, typ: types.Time, eval: timeOf},
	{name: "cast time", min: 1, max: 2, typ: types.Time, eval: castTime},
	{name: "time_to_sec", min: 1, max: 1, typ: types.Int64, eval: timeToSec},
	{name: "hour", min: 1, max: 1, typ: types.Int32, eval: partOfTime(3600e6, 1<<40)},
	{name: "minute", min: 1, max: 1, typ: types.Int32, eval: partOfTime(60e6, 60)},
	{name: "second", min: 1, max: 1, typ: types.Int32, eval: partOfTime(1e6, 60)},
	{name: "microsecond", min: 1, max: 1, typ: types.Int32, eval: partOfTime(1, 1e6)},
	{name: "dayname", min: 1, max: 1, typ: calendarName, eval: nameOf(func(t time.Time) string { return t.Weekday().String() })},
	{name: "monthname", min: 1, max: 1, typ: calendarName, eval: nameOf(func(t time.Time) string { return t.Month().String() })},
}

// calendarName is the type of a day's or month's name.
var calendarName = types.MustCreateString(sqltypes.VarChar, 9, gms.Collation_Default)

// maxTime is the largest TIME, in microseconds.
const maxTime = (838*3600 + 59*60 + 59) * 1000000

// anyNull reports whether one of the arguments is NULL.
func anyNull(args []any) bool {
	for _, a := range args {
		if a == nil {
			return true
		}
	}
	return false
}

// timespan returns microseconds as a TIME, cut to what one can hold.
func timespan(ctx *gms.Context, us int64) types.Timespan {
	if cut := min(max(us, -maxTime), maxTime); cut != us {
		ctx.Warn(1292, "Truncated incorrect time value: '%s'", spanText(us))
		us = cut
	}
	return types.Timespan(us)
}

// spanText spells microseconds as a TIME, however many hours they are.
func spanText(us int64) string {
	sign := ""
	if us < 0 {
		sign, us = "-", -us
	}
	text := fmt.Sprintf("%s%02d:%02d:%02d", sign, us/3600e6, us/60e6%60, us/1e6%60)
	if us%1e6 != 0 {
		text += fmt.Sprintf(".%06d", us%1e6)
	}
	return text
}

// toTime reads a TIME in microseconds out of any value; ok is false, and a
// warning is given, when there is none in it.
func toTime(ctx *gms.Context, v any) (us int64, ok bool) {
	switch v := v.(type) {
	case types.Timespan:
		return int64(v), true
	case time.Time:
		h, m, s := v.Clock()
		return (int64(h)*3600+int64(m)*60+int64(s))*1e6 + int64(v.Nanosecond())/1e3, true
	}
	text := argText(v)
	us, ok = parseTime(ctx, text)
	if !ok {
		ctx.Warn(1292, "Truncated incorrect time value: '%s'", text)
	}
	return us, ok
}

// parseTime reads '[-][days ]h:mm[:ss[.fraction]]', '[-][h…mm]ss[.fraction]' or
// the time of a date and time.
func parseTime(ctx *gms.Context, text string) (us int64, ok bool) {
	s := strings.TrimSpace(text)
	s, negative := strings.CutPrefix(s, "-")
	if strings.Count(s, "-") >= 2 {
		t, _, err := types.DatetimeMaxPrecision.Convert(ctx, s)
		if err != nil {
			return 0, false
		}
		return toTime(ctx, t)
	}
	s, fraction, _ := strings.Cut(s, ".")
	days, clock, hasDays := strings.Cut(s, " ")
	if !hasDays {
		days, clock = "0", s
	}
	parts := strings.Split(clock, ":")
	if len(parts) == 1 && !hasDays { // hhmmss
		digits := fmt.Sprintf("%06s", clock)
		n := len(digits)
		parts = []string{digits[:n-4], digits[n-4 : n-2], digits[n-2:]}
	}
	var at [3]int64
	if len(parts) > len(at) {
		return 0, false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 32)
		if err != nil || i > 0 && n > 59 {
			return 0, false
		}
		at[i] = int64(n)
	}
	d, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, false
	}
	us = ((int64(d)*24+at[0])*3600 + at[1]*60 + at[2]) * 1e6
	if fraction != "" {
		f, err := strconv.ParseUint((fraction + "0000000")[:7], 10, 64)
		if err != nil {
			return 0, false
		}
		us += int64(f+5) / 10
	}
	if negative {
		us = -us
	}
	return us, true
}

// toDate reads a date and time out of any value; a TIME is one of today.
func toDate(ctx *gms.Context, v any) (time.Time, bool) {
	if span, ok := v.(types.Timespan); ok {
		now := ctx.QueryTime()
		day := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
		return day.Add(time.Duration(span) * time.Microsecond), true
	}
	if n, ok := wholeNumber(v); ok {
		v = n
	}
	t, _, err := types.DatetimeMaxPrecision.Convert(ctx, v)
	if err != nil || t == nil {
		ctx.Warn(1292, "Incorrect datetime value: '%s'", argText(v))
		return time.Time{}, false
	}
	return t.(time.Time), true
}

// wholeNumber spells an integer as the date that it stands for: YYMMDD,
// YYYYMMDD, YYMMDDhhmmss or YYYYMMDDhhmmss.
func wholeNumber(v any) (string, bool) {
	switch v.(type) {
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
	default:
		return "", false
	}
	s := fmt.Sprint(v)
	switch n := len(s); {
	case n <= 6:
		s = fmt.Sprintf("%06s", s)
	case n > 8 && n <= 12:
		s = fmt.Sprintf("%012s", s)
	case n != 8 && n != 14:
		return s, true
	}
	if n := len(s); n == 6 || n == 12 {
		y, _ := strconv.Atoi(s[:2]) // a number or, for a negative one, no date
		s = strconv.Itoa(fullYear(y)) + s[2:]
	}
	return s, true
}

// toInt rounds any value to an integer.
func toInt(ctx *gms.Context, v any) int64 {
	f := toFloat(ctx, v)
	if f < 0 {
		return int64(f - 0.5)
	}
	return int64(f + 0.5)
}

func toFloat(ctx *gms.Context, v any) float64 {
	f, _, err := types.Float64.Convert(ctx, v)
	if f == nil {
		return 0
	}
	if err != nil {
		ctx.Warn(1292, "Truncated incorrect DOUBLE value: '%s'", argText(v))
	}
	return f.(float64)
}

// valid returns a date, or NULL when it is none of the years 0 to 9999.
func validDate(t time.Time) any {
	if t.Year() < 0 || t.Year() > 9999 {
		return nil
	}
	return t
}

func makeDate(ctx *gms.Context, _ *Server, args []any) (any, error) {
	if anyNull(args) {
		return nil, nil
	}
	year, day := toInt(ctx, args[0]), toInt(ctx, args[1])
	if year < 0 || year > 9999 || day <= 0 || day > 4e6 {
		return nil, nil
	}
	return validDate(time.Date(fullYear(int(year)), 1, int(day), 0, 0, 0, 0, time.UTC)), nil
}

// fullYear gives a year of two digits its century.
func fullYear(y int) int {
	switch {
	case y < 70:
		return y + 2000
	case y < 100:
		return y + 1900
	}
	return y
}

func makeTime(ctx *gms.Context, _ *Server, args []any) (any, error) {
	if anyNull(args) {
		return nil, nil
	}
	h, m, s := toInt(ctx, args[0]), toInt(ctx, args[1]), toFloat(ctx, args[2])
	if m < 0 || m > 59 || s < 0 || s >= 60 {
		return nil, nil
	}
	h = min(max(h, -1000000), 1000000)
	us := m*60e6 + int64(s*1e6+0.5)
	if h < 0 {
		return timespan(ctx, h*3600e6-us), nil
	}
	return timespan(ctx, h*3600e6+us), nil
}

func secToTime(ctx *gms.Context, _ *Server, args []any) (any, error) {
	if anyNull(args) {
		return nil, nil
	}
	s := min(max(toFloat(ctx, args[0]), -1e10), 1e10)
	if s < 0 {
		return timespan(ctx, -int64(-s*1e6+0.5)), nil
	}
	return timespan(ctx, int64(s*1e6+0.5)), nil
}

// timeSumType is that of ADDTIME and SUBTIME: of what a time is added to.
func timeSumType(ctx *gms.Context, args []gms.Expression) gms.Type {
	switch t := args[0].Type(ctx); {
	case types.IsTimespan(t):
		return types.Time
	case types.IsTime(t):
		return timestampType(ctx, args)
	}
	return types.LongText
}

// timestampType is a DATETIME with the digits of all arguments.
func timestampType(ctx *gms.Context, args []gms.Expression) gms.Type {
	digits := 0
	for _, a := range args {
		digits = max(digits, fractionDigits(ctx, a))
	}
	return types.MustCreateDatetimeType(sqltypes.Datetime, digits)
}

// fractionDigits returns how many digits of a second a value may have.
func fractionDigits(ctx *gms.Context, e gms.Expression) int {
	switch t := e.Type(ctx).(type) {
	case gms.DatetimeType:
		return t.Precision()
	case gms.DecimalType:
		return min(int(t.Scale()), 6)
	case gms.StringType:
		if l, ok := e.(*expression.Literal); ok {
			_, fraction, _ := strings.Cut(argText(l.Value()), ".")
			return min(len(strings.TrimSpace(fraction)), 6)
		}
		return 6
	}
	if !types.IsTimespan(e.Type(ctx)) {
		return 0
	}
	switch e := e.(type) {
	case *timeLiteral:
		return e.digits
	case *expression.Literal:
		if span, ok := e.Value().(types.Timespan); ok && span%1e6 == 0 {
			return 0
		}
	case *expression.GetField:
		if s := serverOf(ctx); s != nil {
			if n, ok := s.timeDigits(e.Database(), e.Table(), e.Name()); ok {
				return n
			}
		}
	}
	return 6
}

func addTime(sign int64) func(*gms.Context, *Server, []any) (any, error) {
	return func(ctx *gms.Context, _ *Server, args []any) (any, error) {
		if anyNull(args) {
			return nil, nil
		}
		if _, isDate := args[1].(time.Time); isDate {
			return nil, nil
		}
		by, ok := toTime(ctx, args[1])
		if !ok {
			return nil, nil
		}
		by *= sign
		switch v := args[0].(type) {
		case types.Timespan:
			return timespan(ctx, int64(v)+by), nil
		case time.Time:
			return validDate(v.Add(time.Duration(by) * time.Microsecond)), nil
		}
		text := argText(args[0])
		if strings.Count(strings.TrimPrefix(text, "-"), "-") >= 2 {
			t, ok := toDate(ctx, text)
			if !ok {
				return nil, nil
			}
			t = t.Add(time.Duration(by) * time.Microsecond)
			if t.Nanosecond() != 0 {
				return t.Format("2006-01-02 15:04:05.000000"), nil
			}
			return t.Format(time.DateTime), nil
		}
		us, ok := toTime(ctx, text)
		if !ok {
			return nil, nil
		}
		return timespan(ctx, us+by).String(), nil
	}
}

// periodMonths counts the months of a period YYMM or YYYYMM.
func periodMonths(p int64) int64 {
	return int64(fullYear(int(p/100)))*12 + p%100 - 1
}

func validPeriod(p int64) bool { return p > 0 && p <= 999912 && p%100 >= 1 && p%100 <= 12 }

func periodAdd(ctx *gms.Context, _ *Server, args []any) (any, error) {
	if anyNull(args) {
		return nil, nil
	}
	p := toInt(ctx, args[0])
	if !validPeriod(p) {
		return nil, sqlError(1210, "HY000", "Incorrect arguments to period_add")
	}
	n := periodMonths(p) + toInt(ctx, args[1])
	if n == 0 {
		return int64(0), nil
	}
	return int64(fullYear(int(n/12)))*100 + n%12 + 1, nil
}

func periodDiff(ctx *gms.Context, _ *Server, args []any) (any, error) {
	if anyNull(args) {
		return nil, nil
	}
	a, b := toInt(ctx, args[0]), toInt(ctx, args[1])
	if !validPeriod(a) || !validPeriod(b) {
		return nil, sqlError(1210, "HY000", "Incorrect arguments to period_diff")
	}
	return periodMonths(a) - periodMonths(b), nil
}

// secondsToUnix is TO_SECONDS of the Unix epoch.
const secondsToUnix = 719528 * 86400

// dateDiff is DATEDIFF(a, b), in days.
func dateDiff(ctx *gms.Context, _ *Server, args []any) (any, error) {
	if anyNull(args) {
		return nil, nil
	}
	a, ok := toDate(ctx, args[0])
	if !ok {
		return nil, nil
	}
	b, ok := toDate(ctx, args[1])
	if !ok {
		return nil, nil
	}
	day := func(t time.Time) int64 { return (t.Unix() + secondsToUnix) / 86400 }
	return day(a) - day(b), nil
}

// nameOf is a function that names something of a date.
func nameOf(name func(time.Time) string) func(*gms.Context, *Server, []any) (any, error) {
	return func(ctx *gms.Context, _ *Server, args []any) (any, error) {
		if args[0] == nil {
			return nil, nil
		}
		t, ok := toDate(ctx, args[0])
		if !ok || t.Equal(types.ZeroTime) {
			return nil, nil
		}
		return name(t), nil
	}
}

func toSeconds(ctx *gms.Context, _ *Server, args []any) (any, error) {
	if args[0] == nil {
		return nil, nil
	}
	t, ok := toDate(ctx, args[0])
	if !ok {
		return nil, nil
	}
	return t.Unix() + secondsToUnix, nil
}

func timestampOf(ctx *gms.Context, _ *Server, args []any) (any, error) {
	if anyNull(args) {
		return nil, nil
	}
	t, ok := toDate(ctx, args[0])
	if !ok {
		return nil, nil
	}
	if len(args) > 1 {
		us, ok := toTime(ctx, args[1])
		if !ok {
			return nil, nil
		}
		t = t.Add(time.Duration(us) * time.Microsecond)
	}
	return validDate(t), nil
}

func timeOf(ctx *gms.Context, _ *Server, args []any) (any, error) {
	if args[0] == nil {
		return nil, nil
	}
	us, ok := toTime(ctx, args[0])
	if !ok {
		return nil, nil
	}
	return timespan(ctx, us), nil
}

// castTime is CAST(x AS TIME(digits)); more digits are rounded.
func castTime(ctx *gms.Context, _ *Server, args []any) (any, error) {
	if args[0] == nil {
		return nil, nil
	}
	us, ok := toTime(ctx, args[0])
	if !ok {
		return nil, nil
	}
	unit := int64(1e6)
	if len(args) > 1 {
		for range min(max(toInt(ctx, args[1]), 0), 6) {
			unit /= 10
		}
	}
	half := unit / 2
	if us < 0 {
		half = -half
	}
	return timespan(ctx, (us+half)/unit*unit), nil
}

func timeToSec(ctx *gms.Context, _ *Server, args []any) (any, error) {
	if args[0] == nil {
		return nil, nil
	}
	us, ok := toTime(ctx, args[0])
	if !ok {
		return nil, nil
	}
	return us / 1e6, nil
}

// partOfTime returns the function that gives a TIME's number of units, without
// those that make the next unit up.
func partOfTime(unit, next int64) func(*gms.Context, *Server, []any) (any, error) {
	return func(ctx *gms.Context, _ *Server, args []any) (any, error) {
		if args[0] == nil {
			return nil, nil
		}
		us, ok := toTime(ctx, args[0])
		if !ok {
			return nil, nil
		}
		return int32(max(us, -us) / unit % next), nil
	}
}
