package gtid

import "slices"

// Builder collects GTIDs in place: adding the next number of a server costs a
// search and no allocation. The zero value is empty. Not safe for concurrent
// use.
type Builder struct {
	set    Set
	shared []bool // by index of set.list: a Set that was handed out refers to its intervals
	listed bool   // a Set that was handed out refers to set.list itself
}

// NewBuilder returns a Builder that begins with s.
func NewBuilder(s Set) *Builder {
	b := &Builder{}
	b.AddSet(s)
	return b
}

// Set returns what was added so far. It takes no copy: the Builder may be used
// on, and copies a server's intervals before it next changes them.
func (b *Builder) Set() Set {
	if b.set.IsEmpty() {
		return Set{}
	}
	b.share()
	return b.set
}

// share notes that someone else refers to everything b has.
func (b *Builder) share() {
	b.listed = true
	b.shared = b.shared[:0]
	for range b.set.list {
		b.shared = append(b.shared, true)
	}
}

// Add adds g and reports whether it was new. The zero GTID is ignored.
func (b *Builder) Add(g GTID) bool {
	if g.IsZero() {
		return false
	}
	i, ok := slices.BinarySearchFunc(b.set.list, g.UUID, compareUUID)
	if !ok {
		b.unlist()
		b.set.list = slices.Insert(b.set.list, i, entry{g.UUID, []Interval{{g.GNO, g.GNO}}})
		b.shared = slices.Insert(b.shared, i, false)
		return true
	}
	if contains(b.set.list[i].ivs, g.GNO) {
		return false
	}
	b.unlist()
	e := &b.set.list[i]
	if b.shared[i] {
		e.ivs = append(make([]Interval, 0, len(e.ivs)+1), e.ivs...)
		b.shared[i] = false
	}
	e.ivs = insert(e.ivs, g.GNO)
	return true
}

// unlist gives b its own list of entries; their intervals stay shared.
func (b *Builder) unlist() {
	if b.listed {
		b.set.list = slices.Clone(b.set.list)
		b.listed = false
	}
}

// insert adds n, which list lacks, in place.
func insert(list []Interval, n int64) []Interval {
	i := find(list, n)
	left := i > 0 && list[i-1].Last == n-1
	right := i < len(list) && list[i].First == n+1
	switch {
	case left && right:
		list[i-1].Last = list[i].Last
		return slices.Delete(list, i, i+1)
	case left:
		list[i-1].Last = n
	case right:
		list[i].First = n
	default:
		list = slices.Insert(list, i, Interval{n, n})
	}
	return list
}

// AddSet adds all of s.
func (b *Builder) AddSet(s Set) {
	if b.set.ContainsSet(s) {
		return
	}
	b.set = b.set.Union(s)
	b.share()
}

// Contains reports whether g was added.
func (b *Builder) Contains(g GTID) bool { return b.set.Contains(g) }

// Next returns the lowest transaction number of u that was not added, 0 if all
// are taken.
func (b *Builder) Next(u UUID) int64 { return b.set.Next(u) }
