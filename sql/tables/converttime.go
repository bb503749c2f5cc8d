package tables

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/sql/storage"
)

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
