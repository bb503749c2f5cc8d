package gtid

import (
	"strconv"
	"strings"
)

// ParseSet parses a set as MySQL does: uuid:interval[:interval]…[,uuid:…]…
// where an interval is n or n-m. White space and newlines may stand anywhere
// between these; parts between commas may be empty; intervals may overlap and
// come in any order; one whose end is below its start counts as empty. It
// fails with ErrSyntax. Memory is bounded by a small multiple of len(text).
func ParseSet(text string) (Set, error) {
	var list []entry
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		e, err := parseEntry(part)
		if err != nil {
			return Set{}, err
		}
		list = append(list, e)
	}
	return makeSet(list), nil
}

func parseEntry(part string) (entry, error) {
	head, tail, some := strings.Cut(part, ":")
	u, err := ParseUUID(strings.TrimSpace(head))
	if err != nil {
		return entry{}, syntaxError("GTID set", part)
	}
	e := entry{uuid: u}
	if !some {
		return e, nil
	}
	for text := range strings.SplitSeq(tail, ":") {
		first, last, isRange := strings.Cut(text, "-")
		from, err := parseGNO(strings.TrimSpace(first))
		if err != nil {
			return entry{}, syntaxError("GTID set", part)
		}
		to := from
		if isRange {
			if to, err = parseEnd(strings.TrimSpace(last)); err != nil {
				return entry{}, syntaxError("GTID set", part)
			}
		}
		if from <= to {
			e.ivs = append(e.ivs, Interval{from, to})
		}
	}
	return e, nil
}

// parseEnd parses the end of a range, which may be 0 (an empty range).
func parseEnd(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n > MaxGNO {
		return 0, ErrSyntax
	}
	return int64(n), nil
}

// String returns s as MySQL prints it in @@gtid_executed and SHOW statements:
// servers in the order of their UUIDs, separated by a comma and a newline.
func (s Set) String() string { return string(s.AppendText(nil)) }

// AppendText appends the form of String to dst.
func (s Set) AppendText(dst []byte) []byte {
	for i, e := range s.list {
		if i > 0 {
			dst = append(dst, ",\n"...)
		}
		dst = e.uuid.AppendText(dst)
		for _, iv := range e.ivs {
			dst = append(dst, ':')
			dst = strconv.AppendInt(dst, iv.First, 10)
			if iv.Last > iv.First {
				dst = append(dst, '-')
				dst = strconv.AppendInt(dst, iv.Last, 10)
			}
		}
	}
	return dst
}
