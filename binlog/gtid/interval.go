package gtid

import (
	"cmp"
	"slices"
)

// Interval is a range of transaction numbers, both ends included.
type Interval struct{ First, Last int64 }

// Lists of intervals are sorted, disjoint and not adjacent: each list has one
// form only. The functions below keep it so and never change their arguments.

// normalize sorts list in place and joins what overlaps or touches.
func normalize(list []Interval) []Interval {
	if len(list) < 2 {
		return list
	}
	slices.SortFunc(list, func(a, b Interval) int { return cmp.Compare(a.First, b.First) })
	out := list[:1]
	for _, iv := range list[1:] {
		out = push(out, iv)
	}
	return out
}

// push appends iv, whose First is not below that of the last of list.
func push(list []Interval, iv Interval) []Interval {
	if n := len(list); n > 0 && iv.First <= list[n-1].Last+1 {
		list[n-1].Last = max(list[n-1].Last, iv.Last)
		return list
	}
	return append(list, iv)
}

// find returns the index of the first interval that ends at n or later.
func find(list []Interval, n int64) int {
	if k := len(list); k == 0 || list[k-1].Last < n {
		return k
	}
	i, _ := slices.BinarySearchFunc(list, n, func(iv Interval, n int64) int { return cmp.Compare(iv.Last, n) })
	return i
}

func contains(list []Interval, n int64) bool {
	i := find(list, n)
	return i < len(list) && list[i].First <= n
}

func union(a, b []Interval) []Interval {
	out := make([]Interval, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		if len(b) == 0 || len(a) > 0 && a[0].First <= b[0].First {
			out, a = push(out, a[0]), a[1:]
		} else {
			out, b = push(out, b[0]), b[1:]
		}
	}
	return out
}

func subtract(a, b []Interval) []Interval {
	var out []Interval
	for _, iv := range a {
		for len(b) > 0 && b[0].Last < iv.First {
			b = b[1:]
		}
		for i := 0; i < len(b) && b[i].First <= iv.Last; i++ {
			if b[i].First > iv.First {
				out = append(out, Interval{iv.First, b[i].First - 1})
			}
			iv.First = b[i].Last + 1
		}
		if iv.First <= iv.Last {
			out = append(out, iv)
		}
	}
	return out
}

func intersect(a, b []Interval) []Interval {
	var out []Interval
	for len(a) > 0 && len(b) > 0 {
		first, last := max(a[0].First, b[0].First), min(a[0].Last, b[0].Last)
		if first <= last {
			out = append(out, Interval{first, last})
		}
		if a[0].Last < b[0].Last {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return out
}

// covers reports whether a holds all of b.
func covers(a, b []Interval) bool {
	for _, iv := range b {
		i := find(a, iv.First)
		if i == len(a) || a[i].First > iv.First || a[i].Last < iv.Last {
			return false
		}
		a = a[i:]
	}
	return true
}

// lowestFree returns the lowest number from 1 that list lacks, or 0 if all
// numbers up to MaxGNO are taken.
func lowestFree(list []Interval) int64 {
	if len(list) == 0 || list[0].First > 1 {
		return 1
	}
	if list[0].Last >= MaxGNO {
		return 0
	}
	return list[0].Last + 1
}
