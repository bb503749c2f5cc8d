package sql

import (
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/sqltypes"
)

// dateFunctions are functions of dates that go-mysql-server counts otherwise.
var dateFunctions = []function{
	{name: "week", min: 1, max: 2, typ: types.Int64, eval: weekOf},
	{name: "yearweek", min: 1, max: 2, typ: types.Int64, eval: yearWeek},
	{name: "weekofyear", min: 1, max: 1, typ: types.Int64, eval: func(ctx *gms.Context, s *Server, args []any) (any, error) {
		return weekOf(ctx, s, []any{args[0], int64(3)})
	}},
	{name: "from_unixtime", min: 1, max: 1, typeOf: fromUnixType, with: fromUnix},
	{name: "timediff", min: 2, max: 2, typ: types.Time, eval: timeDiff},
}

// The bits of a week's mode.
const (
	weekMonday  = 1 << iota // it begins on Monday, else on Sunday
	weekYear                // there is no week 0: it is the last one of the year before
	weekFirstOf             // the first week begins on its first day, else it has four days of the year
)

// weekMode returns the bits for the mode of WEEK.
func weekMode(mode int64) int {
	bits := int(mode & 7)
	if bits&weekMonday == 0 {
		bits ^= weekFirstOf
	}
	return bits
}

// calendarWeek returns a date's week, and the year that the week is one of.
// Source: MySQL 8.0, sql-common/my_time.cc, calc_week.
func calendarWeek(t time.Time, mode int) (year, week int) {
	day := func(y int, m time.Month, d int) int {
		return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()/86400) + secondsToUnix/86400
	}
	daysIn := func(y int) int { return day(y+1, 1, 1) - day(y, 1, 1) }
	year = t.Year()
	first := day(year, 1, 1)
	weekday := (first + 5) % 7
	if mode&weekMonday == 0 {
		weekday = (first + 6) % 7
	}
	late := func() bool { return mode&weekFirstOf != 0 && weekday != 0 || mode&weekFirstOf == 0 && weekday >= 4 }
	inYear := mode&weekYear != 0
	if t.Month() == 1 && t.Day() <= 7-weekday {
		if !inYear && late() {
			return year, 0
		}
		inYear = true
		year--
		first -= daysIn(year)
		weekday = (weekday + 53*7 - daysIn(year)) % 7
	}
	days := day(t.Year(), t.Month(), t.Day()) - first + weekday
	if late() {
		days -= 7
	}
	if inYear && days >= 52*7 {
		weekday = (weekday + daysIn(year)) % 7
		if !late() {
			return year + 1, 1
		}
	}
	return year, days/7 + 1
}

// weekArgs reads the date and the mode of WEEK and YEARWEEK; ok is false where
// there is no date.
func weekArgs(ctx *gms.Context, args []any, mode int64) (t time.Time, bits int, ok bool) {
	if args[0] == nil {
		return t, 0, false
	}
	if t, ok = toDate(ctx, args[0]); !ok || t.Equal(types.ZeroTime) {
		return t, 0, false
	}
	if len(args) > 1 {
		mode = 0
		if args[1] != nil {
			mode = toInt(ctx, args[1])
		}
	}
	return t, weekMode(mode), true
}

func weekOf(ctx *gms.Context, _ *Server, args []any) (any, error) {
	mode := int64(0)
	if len(args) == 1 {
		if v, err := ctx.GetSessionVariable(ctx, "default_week_format"); err == nil {
			mode = toInt(ctx, v)
		}
	}
	t, bits, ok := weekArgs(ctx, args, mode)
	if !ok {
		return nil, nil
	}
	_, week := calendarWeek(t, bits)
	return int64(week), nil
}

func yearWeek(ctx *gms.Context, _ *Server, args []any) (any, error) {
	t, bits, ok := weekArgs(ctx, args, 0)
	if !ok {
		return nil, nil
	}
	year, week := calendarWeek(t, bits|weekYear)
	return int64(year*100 + week), nil
}

// maxUnix is the last second that FROM_UNIXTIME knows.
const maxUnix = 32536771199

func fromUnixType(ctx *gms.Context, args []gms.Expression) gms.Type {
	digits := fractionDigits(ctx, args[0])
	if t := args[0].Type(ctx); types.IsText(t) || types.IsFloat(t) {
		digits = 6
	}
	return types.MustCreateDatetimeType(sqltypes.Datetime, digits)
}

// fromUnix is FROM_UNIXTIME(seconds).
func fromUnix(ctx *gms.Context, args []gms.Expression, row gms.Row) (any, error) {
	d, err := exactly(ctx, args[0], row)
	if err != nil || d == nil {
		return nil, err
	}
	us := new(apd.Decimal)
	if d.Negative || d.Cmp(apd.New(maxUnix+1, 0)) >= 0 {
		return nil, nil
	}
	if _, err := widest.Quantize(us, d, -6); err != nil {
		return nil, err
	}
	us.Exponent = 0
	n, err := us.Int64()
	if err != nil {
		return nil, err
	}
	s := sessionOf(ctx)
	if s == nil {
		return nil, nil
	}
	t := time.UnixMicro(n).In(s.Zone(ctx))
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC), nil
}

// fromUnixFunction is FROM_UNIXTIME(seconds[, format]).
func fromUnixFunction(seconds, format gms.Function) gms.Function {
	return gms.FunctionN{Name: "from_unixtime", Fn: func(ctx *gms.Context, args ...gms.Expression) (gms.Expression, error) {
		if len(args) != 2 {
			return seconds.NewInstance(ctx, args)
		}
		t, err := seconds.NewInstance(ctx, args[:1])
		if err != nil {
			return nil, err
		}
		return format.NewInstance(ctx, []gms.Expression{t, args[1]})
	}}
}

// timeDiff is TIMEDIFF(a, b): of two times, or of two dates with a time.
func timeDiff(ctx *gms.Context, _ *Server, args []any) (any, error) {
	if anyNull(args) {
		return nil, nil
	}
	read := func(v any) (us int64, date, ok bool) {
		text, isText := v.(string)
		if _, isDate := v.(time.Time); !isDate && !(isText && strings.Count(strings.TrimPrefix(text, "-"), "-") >= 2) {
			us, ok = toTime(ctx, v)
			return us, false, ok
		}
		t, ok := toDate(ctx, v)
		return t.Unix()*1e6 + int64(t.Nanosecond()/1e3), true, ok
	}
	a, dateA, ok := read(args[0])
	if !ok {
		return nil, nil
	}
	b, dateB, ok := read(args[1])
	if !ok || dateA != dateB {
		return nil, nil
	}
	return timespan(ctx, a-b), nil
}
