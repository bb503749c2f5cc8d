// Package lock is the lock table: row locks, table locks and metadata locks of
// all transactions in one wait-for graph.
//
// A lock is named by bytes; the caller keeps row keys, tables and metadata
// apart by what it puts into them. Each lock has holders and a queue. Waiters
// are served strictly first come, first served, except that an owner who
// strengthens a lock it holds goes before those who hold nothing. An owner
// waits for one lock at a time, so each wait adds one node to the graph: it
// points to the other holders in its way and to the waiter before it. The wait
// that closes a cycle finds it, before it sleeps.
//
// The table is split into shards by the hash of the key, each with a mutex.
// Taking and giving back a free lock touches one shard and allocates nothing
// in the steady state. A wait looks for cycles only if a holder of the lock is
// waiting itself, and then with all shards locked, so that it sees one state.
//
// An owner with very many locks keeps most of them as hashes only (crowd).
//
// A session's transaction is an Owner. A replica's applier, which takes locks
// for the next transaction while earlier ones are being committed, is a Chain.
package lock

import (
	"errors"
	"sync/atomic"
	"time"
)

// Mode is the strength of a lock. Two owners may hold a lock together if
//
//	      IS   IX   S    SIX  X
//	IS    yes  yes  yes  yes  no
//	IX    yes  yes  no   no   no
//	S     yes  no   yes  no   no
//	SIX   yes  no   no   no   no
//	X     no   no   no   no   no
//
// Rows use S and X. A metadata lock is IS for a statement that reads the
// table, IX for one that writes it, SIX for DDL that builds beside readers
// (only one at a time), X for its switch.
type Mode uint8

// The modes. An owner that holds one and asks for another gets the least mode
// that is both: IX and S make SIX.
const (
	IS Mode = iota + 1
	IX
	S
	SIX
	X
)

var modeNames = [...]string{"none", "IS", "IX", "S", "SIX", "X"}

func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return "invalid"
}

// compatible[m] is the set of modes that go with m, bit n for mode n.
var compatible = [...]uint8{
	0:   0xff,
	IS:  1<<IS | 1<<IX | 1<<S | 1<<SIX,
	IX:  1<<IS | 1<<IX,
	S:   1<<IS | 1<<S,
	SIX: 1 << IS,
	X:   0,
}

func (m Mode) goesWith(other Mode) bool { return compatible[m]>>other&1 != 0 }

// join returns the least mode that is at least both.
func join(a, b Mode) Mode {
	if a > b {
		a, b = b, a
	}
	if a == IX && b == S {
		return SIX
	}
	return b
}

// covers reports whether m is at least other.
func (m Mode) covers(other Mode) bool { return join(m, other) == m }

// Errors of Acquire. A failed Acquire leaves the owner's locks as they were.
// The edge reports them as MySQL errors 1213, 1205 and 3572; after ErrSkip the
// caller passes over the row.
var (
	ErrDeadlock = errors.New("deadlock found when trying to get lock")
	ErrTimeout  = errors.New("lock wait timeout exceeded")
	ErrNoWait   = errors.New("lock could not be acquired immediately and nowait is set")
	ErrSkip     = errors.New("lock is not free and skip locked is set")
)

// Policy says what Acquire does when the lock is not free.
type Policy uint8

// The policies: wait, fail with ErrNoWait, fail with ErrSkip.
const (
	Block Policy = iota
	NoWait
	SkipLocked
)

// Wait is whether to wait and how long. The zero value waits without limit.
type Wait struct {
	Policy  Policy
	Timeout time.Duration // 0 = no limit; the context still counts
}

// Owner is one transaction in the lock table. It is used by one goroutine at a
// time, except that SetWeight may be called from any.
type Owner struct {
	id      uint64
	weight  atomic.Uint64
	held    []*entry
	crowded int    // locks ever taken into crowds, since the last ReleaseAll
	waits   uint64 // that were slept through

	// waiting is set and cleared under the mutex of the shard it waits in.
	// Others read it without, as a hint, or with all shards locked.
	waiting atomic.Pointer[waiter]
	wake    chan struct{} // one signal per finished wait
	seen    uint64        // round of the last search that was here; all shards locked
}

// SetWeight says how dear a rollback of the owner would be (rows changed). Of
// a cycle the cheapest owner is the victim, among equals the requester.
func (o *Owner) SetWeight(rows uint64) { o.weight.Store(rows) }

// Waits returns how many of its requests had to wait. For the owner's
// goroutine.
func (o *Owner) Waits() uint64 { return o.waits }

// Held returns the number of locks the owner has taken and not given back one by
// one. For the owner's goroutine.
func (o *Owner) Held() int { return len(o.held) + o.crowded }

// ID returns the id given to NewOwner.
func (o *Owner) ID() uint64 { return o.id }
