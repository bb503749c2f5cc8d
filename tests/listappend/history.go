// Package listappend finds isolation anomalies in histories of transactions
// that append unique elements to lists and read whole lists.
//
// A list that was read tells the order of all versions of its key, so the
// dependencies between transactions follow from the history alone:
//
//	ww  T2 appended right after T1's element
//	wr  T2 read a list that ends in T1's element
//	rw  T1 read a list that T2's element is the next one of
//
// A cycle of dependencies is an anomaly; which one depends on its edges. The
// names are those of Adya's thesis, P4 is that of Berenson and others. The idea
// is that of Elle (Kingsbury and Alvaro, 2020). Time and memory grow with the
// number of operations, and with the size of what is wrong.
package listappend

import (
	"fmt"
	"strings"
)

// An Op is one operation of a transaction on one key.
type Op struct {
	Read bool
	Key  int
	Elem int   // appended; unique over all appends to Key
	List []int // read, oldest element first
}

// Append returns the operation that appends elem to key's list.
func Append(key, elem int) Op { return Op{Key: key, Elem: elem} }

// Read returns the operation that read key's list.
func Read(key int, list ...int) Op { return Op{Read: true, Key: key, List: list} }

func (o Op) String() string {
	if o.Read {
		return fmt.Sprintf("r %d %v", o.Key, o.List)
	}
	return fmt.Sprintf("a %d %d", o.Key, o.Elem)
}

// An Outcome is what a client knows of a transaction's end.
type Outcome int8

const (
	Committed Outcome = iota
	Aborted
	Unknown // it counts as committed when someone saw an element of it
)

// A Txn is one transaction as its client saw it.
type Txn struct {
	Ops     []Op
	Outcome Outcome
	Process int // transactions of one process follow each other in the history's order; below 0: of none

	// From before the first operation until after the answer to COMMIT, on one
	// clock. Both 0: the transaction takes no part in the real-time order.
	Start, End int64
}

func (t *Txn) String() string {
	ops := make([]string, len(t.Ops))
	for i, o := range t.Ops {
		ops[i] = o.String()
	}
	return strings.Join(ops, ", ")
}

// Options of Check. The zero value looks at dependencies only.
type Options struct {
	Process  bool // a transaction must not see less than one before it in its process
	RealTime bool // nor less than one that ended before it started

	// Predicate names cycles of reads and writes G2 and not G2-item: lists are
	// sets of rows that a condition selects.
	Predicate bool

	// Final holds the lists after the last transaction. With it each committed
	// element must be there. A key that is absent has an empty list.
	Final map[int][]int
}

// A Kind is a kind of anomaly.
type Kind string

const (
	G0           Kind = "G0"            // cycle of ww
	G1a          Kind = "G1a"           // read of an element of an aborted transaction
	G1b          Kind = "G1b"           // read of a version that its transaction appended to
	G1c          Kind = "G1c"           // cycle of ww and wr
	GSingle      Kind = "G-single"      // cycle with one rw: read skew, fractured read
	GNonadjacent Kind = "G-nonadjacent" // cycle whose rw edges are apart: long fork
	G2Item       Kind = "G2-item"       // cycle with two rw or more in a row: write skew
	G2           Kind = "G2"            // the same over predicates
	LostUpdate   Kind = "P4"            // two transactions read one version and both appended to it
	Internal     Kind = "internal"      // a transaction does not see its own appends
	Nonrepeat    Kind = "nonrepeatable" // two reads of one key in one transaction differ
	Duplicate    Kind = "duplicate"     // an element is in a list twice
	Garbage      Kind = "garbage"       // an element that nobody appended
	Incompatible Kind = "incompatible"  // two reads of a key of which neither continues the other
	Lost         Kind = "lost"          // an element of a committed transaction is not in the final list
)

// Process and RealTime qualify a cycle that needs such an edge.
func (k Kind) process() Kind  { return k + "-process" }
func (k Kind) realTime() Kind { return k + "-realtime" }

// An Anomaly is one finding, with the transactions (indexes into the history)
// that show it.
type Anomaly struct {
	Kind Kind
	Txns []int
	Text string
}

// A Level is an isolation level by its name in SQL.
type Level string

const (
	ReadCommitted  Level = "READ COMMITTED"
	RepeatableRead Level = "REPEATABLE READ" // that is snapshot isolation
	Serializable   Level = "SERIALIZABLE"
)

// Forbids reports whether no history at the level may hold the anomaly.
func (l Level) Forbids(k Kind) bool {
	k = Kind(strings.TrimSuffix(strings.TrimSuffix(string(k), "-process"), "-realtime"))
	switch k {
	case G2Item, G2:
		return l == Serializable
	case GSingle, GNonadjacent, LostUpdate, Nonrepeat:
		return l != ReadCommitted
	}
	return true
}
