package sql

import (
	"bytes"
	"hash/crc32"
	"math/bits"
	"slices"

	gms "github.com/dolthub/go-mysql-server/sql"
)

// byteFunction is a function of strings that works on bytes when its strings
// are binary; go-mysql-server's own works on characters.
type byteFunction struct {
	name string
	// kinds has a letter for each argument, the last one for all that follow:
	// s string, n integer. Names with a space are of ordinaryCalls.
	kinds   string
	nulls   bool // looks at NULLs itself; else one makes the result NULL
	compare bool // compares: bytes only when all arguments are strings
	always  bool // on bytes also when the strings are text
	binary  bool // the result is binary in any case
	// eval returns bytes, a number, or nil.
	eval func(args []byteArg, max int) any
	// text is eval for texts, which are in UTF-8, under a collation; nil leaves
	// them to go-mysql-server.
	text func(c gms.CollationID, args []byteArg, max int) any
}

// byteArg is an argument's value.
type byteArg struct {
	b    []byte
	n    int64
	null bool
}

// tooLong is what eval returns for a result longer than max_allowed_packet.
type tooLong struct{}

var byteFunctions = []byteFunction{
	{name: "concat", kinds: "s", eval: func(a []byteArg, max int) any { return joinBytes(nil, a, max) }},
	{name: "concat_ws", kinds: "s", nulls: true, eval: func(a []byteArg, max int) any {
		if a[0].null {
			return nil
		}
		return joinBytes(a[0].b, present(a[1:]), max)
	}},
	{name: "repeat", kinds: "sn", always: true, eval: func(a []byteArg, max int) any {
		if a[1].n <= 0 || len(a[0].b) == 0 {
			return []byte{}
		}
		if a[1].n > int64(max/len(a[0].b)) {
			return tooLong{}
		}
		return bytes.Repeat(a[0].b, int(a[1].n))
	}},
	{name: "substring", kinds: "snn", eval: substring},
	{name: "substr", kinds: "snn", eval: substring},
	{name: "mid", kinds: "snn", eval: substring},
	{name: "left", kinds: "sn", eval: func(a []byteArg, _ int) any { return a[0].b[:clamp(a[1].n, len(a[0].b))] }},
	{name: "right", kinds: "sn", eval: func(a []byteArg, _ int) any {
		return a[0].b[len(a[0].b)-clamp(a[1].n, len(a[0].b)):]
	}},
	{name: "reverse", kinds: "s", eval: func(a []byteArg, _ int) any {
		out := bytes.Clone(a[0].b)
		slices.Reverse(out)
		return out
	}},
	{name: "lpad", kinds: "sns", eval: func(a []byteArg, max int) any { return pad(a, max, true) }, text: func(_ gms.CollationID, a []byteArg, max int) any { return padText(a, max, true) }},
	{name: "rpad", kinds: "sns", eval: func(a []byteArg, max int) any { return pad(a, max, false) }, text: func(_ gms.CollationID, a []byteArg, max int) any { return padText(a, max, false) }},
	{name: "replace", kinds: "s", eval: func(a []byteArg, max int) any {
		if len(a[1].b) == 0 {
			return a[0].b
		}
		return limited(bytes.ReplaceAll(a[0].b, a[1].b, a[2].b), max)
	}},
	{name: "insert", kinds: "snns", text: insertText, eval: func(a []byteArg, max int) any {
		s, at := a[0].b, a[1].n-1
		if at < 0 || at >= int64(len(s)) {
			return s
		}
		end := len(s)
		if n := a[2].n; n >= 0 && n < int64(end)-at {
			end = int(at + n)
		}
		return limited(slices.Concat(s[:at], a[3].b, s[end:]), max)
	}},
	{name: "quote", kinds: "s", nulls: true, always: true, eval: quote},
	{name: "soundex", kinds: "s", always: true, eval: func(a []byteArg, _ int) any { return soundex(string(a[0].b)) }},
	{name: "ltrim", kinds: "s", eval: func(a []byteArg, _ int) any { return trimBytes(a[0].b, space, true, false) }},
	{name: "rtrim", kinds: "s", eval: func(a []byteArg, _ int) any { return trimBytes(a[0].b, space, false, true) }},
	{name: "trim l", kinds: "s", eval: func(a []byteArg, _ int) any { return trimBytes(a[0].b, a[1].b, true, false) }},
	{name: "trim r", kinds: "s", eval: func(a []byteArg, _ int) any { return trimBytes(a[0].b, a[1].b, false, true) }},
	{name: "trim b", kinds: "s", eval: func(a []byteArg, _ int) any { return trimBytes(a[0].b, a[1].b, true, true) }},
	{name: "cast binary", kinds: "sn", binary: true, eval: func(a []byteArg, max int) any {
		if a[1].n > int64(max) {
			return tooLong{}
		}
		out := make([]byte, a[1].n)
		copy(out, a[0].b)
		return out
	}},
	{name: "elt", kinds: "ns", nulls: true, eval: func(a []byteArg, _ int) any {
		if a[0].null || a[0].n < 1 || a[0].n >= int64(len(a)) || a[a[0].n].null {
			return nil
		}
		return a[a[0].n].b
	}},
	{name: "make_set", kinds: "ns", nulls: true, eval: func(a []byteArg, max int) any {
		if a[0].null {
			return nil
		}
		var chosen []byteArg
		for i, arg := range a[1:] {
			if i < 64 && a[0].n>>i&1 != 0 {
				chosen = append(chosen, arg)
			}
		}
		return joinBytes(comma, present(chosen), max)
	}},
	{name: "export_set", kinds: "nsssn", eval: exportSet},
	{name: "upper", kinds: "s", eval: same}, {name: "ucase", kinds: "s", eval: same},
	{name: "lower", kinds: "s", eval: same}, {name: "lcase", kinds: "s", eval: same},
	{name: "substring_index", kinds: "ssn", text: func(_ gms.CollationID, a []byteArg, _ int) any {
		return substringIndex(a[0].b, a[1].b, a[2].n)
	}, eval: func(a []byteArg, _ int) any {
		return substringIndex(a[0].b, a[1].b, a[2].n)
	}},
	{name: "coalesce", kinds: "s", nulls: true, compare: true, eval: firstPresent},
	{name: "ifnull", kinds: "s", nulls: true, compare: true, eval: firstPresent},
	{name: "greatest", kinds: "s", compare: true, text: greatestText, eval: func(a []byteArg, _ int) any { return slices.MaxFunc(a, compareArgs).b }},
	{name: "least", kinds: "s", compare: true, text: leastText, eval: func(a []byteArg, _ int) any { return slices.MinFunc(a, compareArgs).b }},
	{name: "locate", kinds: "ssn", text: locateText, eval: func(a []byteArg, _ int) any {
		from := int64(1)
		if len(a) > 2 {
			from = a[2].n
		}
		return locate(a[1].b, a[0].b, from)
	}},
	{name: "instr", kinds: "s", text: instrText, eval: func(a []byteArg, _ int) any { return locate(a[0].b, a[1].b, 1) }},
	{name: "strcmp", kinds: "s", text: strcmpText, eval: func(a []byteArg, _ int) any { return int64(bytes.Compare(a[0].b, a[1].b)) }},
	{name: "find_in_set", kinds: "s", text: findInSetText, eval: func(a []byteArg, _ int) any { return findInSet(a, bytes.Equal) }},
	{name: "field", kinds: "s", nulls: true, compare: true, text: fieldText, eval: func(a []byteArg, _ int) any {
		for i, arg := range a[1:] {
			if !a[0].null && !arg.null && bytes.Equal(a[0].b, arg.b) {
				return int64(i + 1)
			}
		}
		return int64(0)
	}},
	{name: "ascii", kinds: "s", eval: firstByte}, {name: "ord", kinds: "s", eval: firstByte},
	{name: "crc32", kinds: "s", eval: func(a []byteArg, _ int) any { return int64(crc32.ChecksumIEEE(a[0].b)) }},
	{name: "bit_count", kinds: "s", eval: func(a []byteArg, _ int) any {
		n := 0
		for _, b := range a[0].b {
			n += bits.OnesCount8(b)
		}
		return int64(n)
	}},
}

var space, comma = []byte(" "), []byte(",")

func same(a []byteArg, _ int) any { return a[0].b }

func firstPresent(a []byteArg, _ int) any {
	for _, arg := range a {
		if !arg.null {
			return arg.b
		}
	}
	return nil
}

func compareArgs(a, b byteArg) int { return bytes.Compare(a.b, b.b) }

// present returns the arguments that are not NULL.
func present(a []byteArg) []byteArg {
	return slices.DeleteFunc(slices.Clone(a), func(b byteArg) bool { return b.null })
}

func joinBytes(sep []byte, a []byteArg, max int) any {
	parts := make([][]byte, len(a))
	size := 0
	for i := range a {
		parts[i] = a[i].b
		size += len(a[i].b) + len(sep)
	}
	if size-len(sep) > max {
		return tooLong{}
	}
	return bytes.Join(parts, sep)
}

func limited(b []byte, max int) any {
	if len(b) > max {
		return tooLong{}
	}
	return b
}

// clamp makes n a length between 0 and max.
func clamp(n int64, max int) int {
	if n < 0 {
		return 0
	}
	return int(min(n, int64(max)))
}

func substring(a []byteArg, _ int) any {
	s, at := a[0].b, a[1].n
	switch n := int64(len(s)); {
	case at > 0 && at <= n:
		s = s[at-1:]
	case at < 0 && at >= -n:
		s = s[n+at:]
	default:
		return []byte{}
	}
	if len(a) > 2 {
		s = s[:clamp(a[2].n, len(s))]
	}
	return s
}

func pad(a []byteArg, max int, left bool) any {
	s, n, fill := a[0].b, a[1].n, a[2].b
	switch {
	case n < 0:
		return nil
	case n <= int64(len(s)):
		return s[:n]
	case n > int64(max):
		return tooLong{}
	case len(fill) == 0:
		return []byte{}
	}
	missing := int(n) - len(s)
	more := bytes.Repeat(fill, missing/len(fill)+1)[:missing]
	if left {
		return append(more, s...)
	}
	return slices.Concat(s, more)
}

func trimBytes(s, cut []byte, left, right bool) []byte {
	if len(cut) == 0 {
		return s
	}
	for left && bytes.HasPrefix(s, cut) {
		s = s[len(cut):]
	}
	for right && bytes.HasSuffix(s, cut) {
		s = s[:len(s)-len(cut)]
	}
	return s
}

func exportSet(a []byteArg, max int) any {
	sep, n := comma, 64
	if len(a) > 3 {
		sep = a[3].b
	}
	if len(a) > 4 && a[4].n >= 0 {
		n = clamp(a[4].n, 64)
	}
	parts := make([]byteArg, n)
	for i := range parts {
		parts[i] = a[2]
		if a[0].n>>i&1 != 0 {
			parts[i] = a[1]
		}
	}
	return joinBytes(sep, parts, max)
}

// substringIndex returns what stands before the n-th delimiter, or, with n < 0,
// after the n-th from the right.
func substringIndex(s, delim []byte, n int64) []byte {
	if n == 0 || len(delim) == 0 {
		return []byte{}
	}
	if n > 0 {
		for at := 0; ; n-- {
			i := bytes.Index(s[at:], delim)
			if i < 0 {
				return s
			}
			if n == 1 {
				return s[:at+i]
			}
			at += i + len(delim)
		}
	}
	for end := len(s); ; n++ {
		i := bytes.LastIndex(s[:end], delim)
		if i < 0 {
			return s
		}
		if n == -1 {
			return s[i+len(delim):]
		}
		end = i
	}
}

// locate returns the place of what in s at or after from, counted from 1; 0 =
// nowhere.
func locate(s, what []byte, from int64) int64 {
	if from < 1 || from-1 > int64(len(s)) {
		return 0
	}
	i := bytes.Index(s[from-1:], what)
	if i < 0 {
		return 0
	}
	return int64(i) + from
}

func firstByte(a []byteArg, _ int) any {
	if len(a[0].b) == 0 {
		return int64(0)
	}
	return int64(a[0].b[0])
}
