package gtid

import (
	"bytes"
	"slices"
)

// Set is an immutable set of GTIDs; its methods return new sets. The zero
// value is the empty set. Sets may be copied and shared between goroutines.
type Set struct {
	list []entry // sorted by UUID, no entry without intervals
}

// entry is the transactions of one server.
type entry struct {
	uuid UUID
	ivs  []Interval // see interval.go
}

func compareUUID(e entry, u UUID) int { return bytes.Compare(e.uuid[:], u[:]) }

// makeSet builds a set from entries in any order, whose intervals may be in
// any order too. It takes over list and what it refers to.
func makeSet(list []entry) Set {
	slices.SortStableFunc(list, func(a, b entry) int { return bytes.Compare(a.uuid[:], b.uuid[:]) })
	out := list[:0]
	for _, e := range list {
		if len(e.ivs) == 0 {
			continue
		}
		if n := len(out); n > 0 && out[n-1].uuid == e.uuid {
			out[n-1].ivs = append(out[n-1].ivs, e.ivs...)
		} else {
			out = append(out, e)
		}
	}
	if len(out) == 0 {
		return Set{}
	}
	for i := range out {
		out[i].ivs = normalize(out[i].ivs)
	}
	return Set{out}
}

// intervals returns the list of u, nil if s has none.
func (s Set) intervals(u UUID) []Interval {
	if i, ok := slices.BinarySearchFunc(s.list, u, compareUUID); ok {
		return s.list[i].ivs
	}
	return nil
}

// with returns s with the list of u replaced.
func (s Set) with(u UUID, ivs []Interval) Set {
	i, ok := slices.BinarySearchFunc(s.list, u, compareUUID)
	if ok {
		list := slices.Clone(s.list)
		list[i].ivs = ivs
		return Set{list}
	}
	list := make([]entry, 0, len(s.list)+1)
	list = append(list, s.list[:i]...)
	list = append(list, entry{u, ivs})
	return Set{append(list, s.list[i:]...)}
}

// IsEmpty reports whether s holds nothing.
func (s Set) IsEmpty() bool { return len(s.list) == 0 }

// Add returns s with g. The zero GTID is in no set: s comes back unchanged.
func (s Set) Add(g GTID) Set {
	if g.IsZero() {
		return s
	}
	return s.AddRange(g.UUID, Interval{g.GNO, g.GNO})
}

// AddRange returns s with the transactions iv of server u. A range that is
// empty or reaches outside 1 … MaxGNO adds only its part inside.
func (s Set) AddRange(u UUID, iv Interval) Set {
	iv.First, iv.Last = max(iv.First, 1), min(iv.Last, MaxGNO)
	if iv.First > iv.Last {
		return s
	}
	old := s.intervals(u)
	add := [1]Interval{iv}
	if covers(old, add[:]) {
		return s
	}
	return s.with(u, union(old, add[:]))
}

// Union returns what s or t hold.
func (s Set) Union(t Set) Set {
	switch {
	case s.IsEmpty():
		return t
	case t.IsEmpty():
		return s
	}
	out := make([]entry, 0, len(s.list)+len(t.list))
	a, b := s.list, t.list
	for len(a) > 0 && len(b) > 0 {
		switch c := bytes.Compare(a[0].uuid[:], b[0].uuid[:]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, entry{a[0].uuid, union(a[0].ivs, b[0].ivs)})
			a, b = a[1:], b[1:]
		}
	}
	out = append(out, a...)
	return Set{append(out, b...)}
}

// Subtract returns what s holds and t does not.
func (s Set) Subtract(t Set) Set { return s.combine(t, subtract) }

// Intersect returns what both s and t hold.
func (s Set) Intersect(t Set) Set { return s.combine(t, intersect) }

func (s Set) combine(t Set, f func(a, b []Interval) []Interval) Set {
	var out []entry
	for _, e := range s.list {
		if ivs := f(e.ivs, t.intervals(e.uuid)); len(ivs) > 0 {
			out = append(out, entry{e.uuid, ivs})
		}
	}
	return Set{out}
}

// Contains reports whether g is in s. The zero GTID is in no set.
func (s Set) Contains(g GTID) bool { return !g.IsZero() && contains(s.intervals(g.UUID), g.GNO) }

// ContainsSet reports whether t is a subset of s.
func (s Set) ContainsSet(t Set) bool {
	for _, e := range t.list {
		if !covers(s.intervals(e.uuid), e.ivs) {
			return false
		}
	}
	return true
}

// Equal reports whether s and t hold the same transactions.
func (s Set) Equal(t Set) bool {
	return slices.EqualFunc(s.list, t.list, func(a, b entry) bool {
		return a.uuid == b.uuid && slices.Equal(a.ivs, b.ivs)
	})
}

// Next returns the lowest transaction number of u that s lacks, the one MySQL
// gives to the next transaction; 0 if all are taken.
func (s Set) Next(u UUID) int64 { return lowestFree(s.intervals(u)) }

// Count returns the number of transactions in s. It stops at the greatest
// uint64.
func (s Set) Count() uint64 {
	var n uint64
	for _, e := range s.list {
		for _, iv := range e.ivs {
			k := uint64(iv.Last-iv.First) + 1
			if n+k < n {
				return 1<<64 - 1
			}
			n += k
		}
	}
	return n
}

// UUIDs returns the servers that have transactions in s, in order.
func (s Set) UUIDs() []UUID {
	out := make([]UUID, len(s.list))
	for i, e := range s.list {
		out[i] = e.uuid
	}
	return out
}

// Intervals returns the transactions of u in order; the caller owns the copy.
func (s Set) Intervals(u UUID) []Interval { return slices.Clone(s.intervals(u)) }
