package tables

import (
	"strconv"
	"strings"
	"time"

	"github.com/dolthub/go-mysql-server/sql/types"
)

// A DateText is what a text says as a date, or date and time.
type DateText struct {
	Time   time.Time // types.ZeroTime for 0000-00-00
	Clock  bool      // it has a time of day
	Digits int       // of the fraction, as written
	Rest   bool      // more follows that is no part of it
	Bad    bool      // it has the parts of a date, but is none
	// Partial dates have a month or day of 0, and could else be one.
	Partial bool
}

// ParseDate reads a date as MySQL does: parts between any punctuation, or digits
// without (YYMMDD, YYYYMMDD, YYMMDDhhmmss, YYYYMMDDhhmmss), a time behind a
// space or T, a fraction that is rounded to microseconds. ok is false for what
// is none, as is one with a month or day of 0. Source: MySQL 8.0,
// sql-common/my_time.cc, str_to_datetime.
func ParseDate(text string) (d DateText, ok bool) {
	s := strings.TrimLeft(text, " \t\r\n")
	digits := 0
	for digits < len(s) && isDigit(s[digits]) {
		digits++
	}
	if digits == 0 {
		return d, false
	}
	var at [6]int
	var count int
	var rest string
	if digits == len(s) || s[digits] == '.' && digits >= 6 && !dotted(s[digits+1:]) {
		count, rest, ok = packedDate(&at, s, digits)
	} else {
		count, rest, ok = spacedDate(&at, s)
	}
	if !ok || count < 3 {
		return d, false
	}
	d.Clock = count > 3
	micros := 0
	if count == 6 && strings.HasPrefix(rest, ".") {
		end := 1
		for end < len(rest) && isDigit(rest[end]) {
			end++
		}
		fraction := rest[1:end]
		d.Digits, rest = min(len(fraction), 6), rest[end:]
		n, _ := strconv.Atoi((fraction + "0000000")[:7]) // digits
		micros = (n + 5) / 10
	}
	d.Rest = strings.TrimSpace(rest) != ""
	if isZero(text, &at) && micros == 0 {
		d.Time = types.ZeroTime
		return d, true
	}
	d.Partial = (at[1] == 0 || at[2] == 0) && at[1] <= 12 && at[2] <= 31
	if at[1] < 1 || at[1] > 12 || at[2] < 1 || at[3] > 23 || at[4] > 59 || at[5] > 59 {
		d.Bad = true
		return d, false
	}
	day := time.Date(at[0], time.Month(at[1]), at[2], 0, 0, 0, 0, time.UTC)
	if day.Day() != at[2] {
		d.Bad = true
		return d, false
	}
	clock := time.Duration(at[3])*time.Hour + time.Duration(at[4])*time.Minute + time.Duration(at[5])*time.Second
	d.Time = day.Add(clock + time.Duration(micros)*time.Microsecond)
	return d, d.Time.Year() <= 9999
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// dotted reports whether a second dot follows: 24.1.5 is spaced by dots.
func dotted(s string) bool { return strings.ContainsAny(s, ".:- ") }

// packedDate reads the first n bytes of s, which are digits.
func packedDate(at *[6]int, s string, n int) (count int, rest string, ok bool) {
	year := 2
	if n == 4 || n == 8 || n >= 14 {
		year = 4
	}
	head := s[:n]
	for count < len(at) && head != "" {
		size := 2
		if count == 0 {
			size = year
		}
		size = min(size, len(head))
		at[count], _ = strconv.Atoi(head[:size]) // digits
		head, count = head[size:], count+1
	}
	if year == 2 {
		at[0] = FullYear(at[0])
	}
	return count, head + s[n:], true
}

// spacedDate reads parts with something between them.
func spacedDate(at *[6]int, s string) (count int, rest string, ok bool) {
	for {
		n := 0
		limit := 2
		if count == 0 {
			limit = 4
		}
		for n < len(s) && n < limit && isDigit(s[n]) {
			n++
		}
		if n == 0 {
			return count, s, count >= 3
		}
		at[count], _ = strconv.Atoi(s[:n]) // digits
		if count == 0 && n <= 2 {
			at[0] = FullYear(at[0])
		}
		s, count = s[n:], count+1
		if count == len(at) {
			return count, s, true
		}
		if s == "" {
			return count, s, count >= 3
		}
		n = separator(s, count)
		if n == 0 || n == len(s) {
			return count, s, count >= 3
		}
		s = s[n:]
	}
}

// separator returns how many bytes stand between a date's part and the next: T or
// spaces before the hour, punctuation elsewhere.
func separator(s string, count int) int {
	n := 0
	if count == 3 {
		if s[0] == 'T' {
			return 1
		}
		for n < len(s) && (s[n] == ' ' || s[n] == '\t') {
			n++
		}
		if n > 0 {
			return n
		}
	}
	for n < len(s) && (s[n] > ' ' && s[n] < '0' || s[n] > '9' && s[n] < 'A' || s[n] > 'Z' && s[n] < 'a' || s[n] > 'z' && s[n] < 0x7f) {
		n++
	}
	return n
}

// FullYear gives a year of two digits its century.
func FullYear(y int) int {
	switch {
	case y < 70:
		return y + 2000
	case y < 100:
		return y + 1900
	}
	return y
}

// isZero reports whether a date that was read is 0000-00-00, whose year may be
// written with two digits.
func isZero(text string, at *[6]int) bool {
	return (at[0] == 0 || at[0] == 2000 && !strings.Contains(text, "2000")) && at[1] == 0 && at[2] == 0 && at[3]+at[4]+at[5] == 0
}
