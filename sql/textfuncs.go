package sql

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/sql/tables"
)

// padText is LPAD and RPAD on characters.
func padText(a []byteArg, max int, left bool) any {
	s, n, fill := a[0].b, a[1].n, a[2].b
	count := int64(utf8.RuneCount(s))
	switch {
	case n < 0:
		return nil
	case n <= count:
		return s[:offsetOf(s, n)]
	case n > int64(max):
		return tooLong{}
	case len(fill) == 0:
		return []byte{}
	}
	missing := n - count
	size := int64(utf8.RuneCount(fill))
	times := missing/size + 1
	if times > int64(max/len(fill))+1 {
		return tooLong{}
	}
	more := bytes.Repeat(fill, int(times))
	more = more[:offsetOf(more, missing)]
	if left {
		return limited(append(more, s...), max)
	}
	return limited(slices.Concat(s, more), max)
}

// offsetOf returns where the n-th character begins, counted from 0, at most the
// end.
func offsetOf(s []byte, n int64) int {
	at := 0
	for ; n > 0 && at < len(s); n-- {
		_, size := utf8.DecodeRune(s[at:])
		at += size
	}
	return at
}

func insertText(_ gms.CollationID, a []byteArg, max int) any {
	s, at := a[0].b, a[1].n-1
	count := int64(utf8.RuneCount(s))
	if at < 0 || at >= count {
		return s
	}
	from, end := offsetOf(s, at), len(s)
	if n := a[2].n; n >= 0 && n < count-at {
		end = from + offsetOf(s[from:], n)
	}
	return limited(slices.Concat(s[:from], a[3].b, s[end:]), max)
}

func greatestText(c gms.CollationID, a []byteArg, _ int) any {
	return slices.MaxFunc(a, func(x, y byteArg) int { return tables.CompareText(c, string(x.b), string(y.b)) }).b
}

func leastText(c gms.CollationID, a []byteArg, _ int) any {
	return slices.MinFunc(a, func(x, y byteArg) int { return tables.CompareText(c, string(x.b), string(y.b)) }).b
}

func strcmpText(c gms.CollationID, a []byteArg, _ int) any {
	return int64(tables.CompareText(c, string(a[0].b), string(a[1].b)))
}

func fieldText(c gms.CollationID, a []byteArg, _ int) any {
	for i, arg := range a[1:] {
		if !a[0].null && !arg.null && tables.CompareText(c, string(a[0].b), string(arg.b)) == 0 {
			return int64(i + 1)
		}
	}
	return int64(0)
}

func findInSetText(c gms.CollationID, a []byteArg, _ int) any {
	weight := c.Sorter()
	return findInSet(a, func(x, y []byte) bool {
		for len(x) > 0 && len(y) > 0 {
			r, n := utf8.DecodeRune(x)
			q, m := utf8.DecodeRune(y)
			if r != q && (weight == nil || weight(r) != weight(q)) {
				return false
			}
			x, y = x[n:], y[m:]
		}
		return len(x) == 0 && len(y) == 0 // spaces count
	})
}

// findInSet is FIND_IN_SET(what, list).
func findInSet(a []byteArg, equal func(a, b []byte) bool) any {
	if len(a[1].b) == 0 || bytes.Contains(a[0].b, comma) {
		return int64(0)
	}
	for i, part := range bytes.Split(a[1].b, comma) {
		if equal(a[0].b, part) {
			return int64(i + 1)
		}
	}
	return int64(0)
}

func locateText(c gms.CollationID, a []byteArg, _ int) any {
	from := int64(1)
	if len(a) > 2 {
		from = a[2].n
	}
	return locateRunes(c, []rune(string(a[1].b)), []rune(string(a[0].b)), from)
}

func instrText(c gms.CollationID, a []byteArg, _ int) any {
	return locateRunes(c, []rune(string(a[0].b)), []rune(string(a[1].b)), 1)
}

// locateRunes returns the place of what in s at or after from, counted from 1;
// 0 = nowhere. As in MySQL, what is found has as many bytes as what is looked
// for. Source: my_instr_mb.
func locateRunes(c gms.CollationID, s, what []rune, from int64) int64 {
	if from < 1 || from-1 > int64(len(s)) {
		return 0
	}
	if len(what) == 0 {
		return from
	}
	weight := c.Sorter()
	width := func(r rune) int {
		if c.CharacterSet().MaxLength() == 1 {
			return 1
		}
		return utf8.RuneLen(r)
	}
next:
	for at := int(from - 1); at+len(what) <= len(s); at++ {
		for i, r := range what {
			q := s[at+i]
			if r != q && (weight == nil || weight(r) != weight(q) || width(r) != width(q)) {
				continue next
			}
		}
		return int64(at + 1)
	}
	return 0
}

func quote(a []byteArg, max int) any {
	if a[0].null {
		return []byte("NULL")
	}
	out := []byte{'\''}
	for _, c := range a[0].b {
		switch c {
		case '\\', '\'':
			out = append(out, '\\', c)
		case 0:
			out = append(out, '\\', '0')
		case 26:
			out = append(out, '\\', 'Z')
		default:
			out = append(out, c)
		}
	}
	return limited(append(out, '\''), max)
}

// soundexCodes are the codes of A to Z; 0 is dropped.
const soundexCodes = "01230120022455012623010202"

// soundex keeps the first letter and the codes of those that follow, each once
// in a row, at least four characters. Source: MySQL 8.0, Item_func_soundex.
func soundex(s string) []byte {
	var out []byte
	last := byte('0')
	for _, r := range strings.ToUpper(s) {
		code := byte('0')
		switch {
		case r >= 'A' && r <= 'Z':
			code = soundexCodes[r-'A']
		case r < 0xC0:
			continue // no letter
		}
		if len(out) == 0 {
			out, last = utf8.AppendRune(out, r), code
			continue
		}
		if code != '0' && code != last {
			out, last = append(out, code), code
		}
	}
	for n := utf8.RuneCount(out); n > 0 && n < 4; n++ {
		out = append(out, '0')
	}
	if out == nil {
		return []byte{}
	}
	return out
}
