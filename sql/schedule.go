package sql

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/sql/replstmt"
	"binrelay/sql/tables"
)

// maxInterval bounds the interval of an event, in its unit.
const maxInterval = 1e9

// compositeUnits are the units of several parts: how many of each part make one
// of the part before it, and what stands between them. Source: MySQL 8.0 manual,
// "Temporal Intervals".
var compositeUnits = map[string]struct {
	parts  []int64 // but for the first
	format string
}{
	"YEAR_MONTH":    {[]int64{12}, "'%d-%d'"},
	"DAY_HOUR":      {[]int64{24}, "'%d %d'"},
	"DAY_MINUTE":    {[]int64{24, 60}, "'%d %d:%d'"},
	"DAY_SECOND":    {[]int64{24, 60, 60}, "'%d %d:%d:%d'"},
	"HOUR_MINUTE":   {[]int64{60}, "'%d:%d'"},
	"HOUR_SECOND":   {[]int64{60, 60}, "'%d:%d:%d'"},
	"MINUTE_SECOND": {[]int64{60}, "'%d:%d'"},
}

// schedule works out ON SCHEDULE: the times, and the interval, of e.
func (s *Session) schedule(ctx *gms.Context, e *tables.Event, st *replstmt.Schedule) error {
	e.At, e.Starts, e.Ends, e.Interval, e.Unit = time.Time{}, time.Time{}, time.Time{}, 0, ""
	e.Zone = policy{s.server, s}.text(ctx, "time_zone")
	var err error
	if st.At != "" {
		at, text, err := s.instant(ctx, st.At)
		if err == nil && at.IsZero() {
			err = sqlError(1525, "HY000", "Incorrect AT value: '%s'", text)
		}
		e.At = at
		return err
	}
	if strings.HasSuffix(st.Unit, "MICROSECOND") {
		return notSupported("MICROSECOND")
	}
	v, _, err := s.scheduled(ctx, st.Every)
	if err != nil {
		return err
	}
	e.Unit = st.Unit
	if e.Interval = interval(ctx, v, st.Unit); e.Interval <= 0 || e.Interval > maxInterval {
		return sqlError(1542, "HY000", "INTERVAL is either not positive or too big")
	}
	e.Starts = ctx.QueryTime().UTC().Truncate(time.Second)
	if st.Starts != "" {
		var text string
		if e.Starts, text, err = s.instant(ctx, st.Starts); err != nil {
			return err
		}
		if e.Starts.IsZero() {
			return sqlError(1525, "HY000", "Incorrect STARTS value: '%s'", text)
		}
	}
	if st.Ends != "" {
		if e.Ends, _, err = s.instant(ctx, st.Ends); err != nil {
			return err
		}
		if e.Ends.IsZero() || !e.Ends.After(e.Starts) {
			return sqlError(1543, "HY000", "ENDS is either invalid or before STARTS")
		}
	}
	return nil
}

// scheduled works out an expression of a schedule.
func (s *Session) scheduled(ctx *gms.Context, text string) (any, gms.Type, error) {
	p := &program{kind: eventProgram, db: ctx.GetCurrentDatabase(), top: &names{}, parsed: make(map[parsedKey]*parsedText)}
	return (&frame{s: s, p: p, within: true}).eval(ctx, text, p.top)
}

// instant works out a time, which is in the session's time zone; the zero time
// stands for what is none.
func (s *Session) instant(ctx *gms.Context, expr string) (t time.Time, text string, err error) {
	v, _, err := s.scheduled(ctx, expr)
	if err != nil {
		return t, "", err
	}
	text = "NULL"
	if v != nil {
		text = fmt.Sprint(v)
	}
	d, _, err := types.DatetimeMaxPrecision.Convert(ctx, v)
	w, ok := d.(time.Time)
	if err != nil || !ok || w.Year() < 1970 {
		return t, text, nil
	}
	return time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), 0, s.Zone(ctx)).UTC(), text, nil
}

var digits = regexp.MustCompile(`\d+`)

// interval is a number of units; 0 = none.
func interval(ctx *gms.Context, v any, unit string) int64 {
	u, composite := compositeUnits[unit]
	if !composite {
		n, _, err := types.Int64.Convert(ctx, v)
		if i, ok := n.(int64); ok && err == nil {
			return i
		}
		return 0
	}
	text := fmt.Sprint(v)
	if v == nil || strings.HasPrefix(strings.TrimSpace(text), "-") {
		return 0
	}
	found := digits.FindAllString(text, -1)
	if len(found) > len(u.parts)+1 {
		return 0
	}
	total := int64(0)
	for i := range len(u.parts) + 1 {
		n := int64(0)
		if at := i - (len(u.parts) + 1 - len(found)); at >= 0 {
			var err error
			if n, err = strconv.ParseInt(found[at], 10, 64); err != nil || n > maxInterval {
				return maxInterval + 1
			}
		}
		if i > 0 {
			total *= u.parts[i-1]
		}
		total += n
	}
	return total
}

// intervalText is the interval as SHOW CREATE EVENT prints it.
func intervalText(e *tables.Event) string {
	u, ok := compositeUnits[e.Unit]
	if !ok {
		return strconv.FormatInt(e.Interval, 10)
	}
	parts := make([]any, len(u.parts)+1)
	rest := e.Interval
	for i := len(u.parts); i > 0; i-- {
		parts[i] = rest % u.parts[i-1]
		rest /= u.parts[i-1]
	}
	parts[0] = rest
	return fmt.Sprintf(u.format, parts...)
}

// run is the time of an event's n-th run. Days and more are those of the
// calendar in the event's time zone.
func run(e *tables.Event, n int64) time.Time {
	n *= e.Interval
	switch e.Unit {
	case "YEAR":
		return addMonths(e, 12*n)
	case "QUARTER":
		return addMonths(e, 3*n)
	case "MONTH", "YEAR_MONTH":
		return addMonths(e, n)
	case "WEEK":
		return e.Starts.In(e.Location()).AddDate(0, 0, int(7*n)).UTC()
	case "DAY":
		return e.Starts.In(e.Location()).AddDate(0, 0, int(n)).UTC()
	}
	return time.Unix(e.Starts.Unix()+n*int64(unitLength(e.Unit)/time.Second), 0).UTC()
}

// addMonths adds months; a day that the month lacks is its last.
func addMonths(e *tables.Event, n int64) time.Time {
	t := e.Starts.In(e.Location())
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), 0, t.Location())
	return first.AddDate(0, 0, min(t.Day(), first.AddDate(0, 1, -1).Day())-1).UTC()
}

// unitLength is the longest that one of a unit lasts.
func unitLength(unit string) time.Duration {
	const day = 24 * time.Hour
	switch unit {
	case "YEAR":
		return 366 * day
	case "QUARTER":
		return 92 * day
	case "MONTH", "YEAR_MONTH":
		return 31 * day
	case "WEEK":
		return 7 * day
	case "DAY":
		return day
	case "HOUR", "DAY_HOUR":
		return time.Hour
	case "MINUTE", "DAY_MINUTE", "HOUR_MINUTE":
		return time.Minute
	}
	return time.Second
}

// nextRun is the first time at or after since at which an event is due; ok is
// false if there is none.
func nextRun(e *tables.Event, since time.Time) (t time.Time, ok bool) {
	if e.Unit == "" {
		return e.At, e.Executed.IsZero()
	}
	since = since.Truncate(time.Second)
	if !e.Executed.IsZero() && !since.After(e.Executed) {
		since = e.Executed.Add(time.Second)
	}
	n := int64(0)
	if gone := since.Sub(e.Starts); gone > 0 {
		const year = 366 * 24 * time.Hour
		each := min(float64(e.Interval)*float64(unitLength(e.Unit)), float64(250*year))
		n = max(int64(float64(gone)/each)-1, 0)
	}
	for t = run(e, n); t.Before(since); t = run(e, n) {
		n++
	}
	return t, e.Ends.IsZero() || !t.After(e.Ends)
}
