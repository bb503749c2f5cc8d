// Package lock is the lock table: row locks, table locks and metadata locks of
// all transactions in one wait-for graph.
package lock

import (
	"context"
	"errors"
	"time"
)

// Mode is the strength of a lock.
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

// The modes.
const (
	IS Mode = iota + 1
	IX
	S
	SIX
	X
)

// Errors of Acquire. A failed Acquire leaves the owner's locks as they were.
var (
	ErrDeadlock = errors.New("deadlock found when trying to get lock")                // 1213
	ErrTimeout  = errors.New("lock wait timeout exceeded")                            // 1205
	ErrNoWait   = errors.New("lock could not be acquired immediately: nowait is set") // 3572
	ErrSkip     = errors.New("lock not free: skip locked")                            // the caller passes over the row
)

// Policy says what Acquire does when the lock is not free.
type Policy uint8

// The policies.
const (
	Block Policy = iota
	NoWait
	SkipLocked
)

// Wait is how long and whether to wait. The zero value waits without limit.
type Wait struct {
	Policy  Policy
	Timeout time.Duration // 0 = no limit; the context still counts
}

// Table is a lock table. Safe for concurrent use.
type Table struct{}

// New returns an empty lock table.
func New() *Table { panic("stub") }

// Owner is one transaction in the lock table. It is used by one goroutine at a
// time, except that SetWeight may be called from any.
type Owner struct{}

// NewOwner returns an owner without locks. id appears in snapshots (thread id).
func (t *Table) NewOwner(id uint64) *Owner { panic("stub") }

// SetWeight says how dear a rollback of the owner would be (rows changed). Of
// a cycle the cheapest owner is the victim, among equals the requester.
func (o *Owner) SetWeight(rows uint64) { panic("stub") }

// Held returns the number of locks the owner holds.
func (o *Owner) Held() int { panic("stub") }

// Holds reports whether the owner holds key in at least the given mode.
func (t *Table) Holds(o *Owner, key []byte, m Mode) bool { panic("stub") }

// Acquire takes key for o in mode m, or strengthens the lock o has. fresh is
// true when o held nothing on key before: such a lock may be given back by
// Release. Waiters are served first come, first served; who strengthens goes
// first. The key's bytes are copied when they are kept.
//
// Errors: ErrDeadlock (the owner must roll back), ErrTimeout, ErrNoWait,
// ErrSkip, or the context's error.
func (t *Table) Acquire(ctx context.Context, o *Owner, key []byte, m Mode, w Wait) (fresh bool, err error) {
	panic("stub")
}

// Release gives one lock of o back, whatever its mode. Unknown keys are
// ignored.
func (t *Table) Release(o *Owner, key []byte) { panic("stub") }

// ReleaseAll gives all locks of o back. The owner may be used again.
func (t *Table) ReleaseAll(o *Owner) { panic("stub") }

// Edge is one wait: Waiter waits for each of Blockers.
type Edge struct {
	Waiter   uint64
	Blockers []uint64
	Key      []byte
	Mode     Mode
	Since    time.Time
}

// Waits returns who waits for whom, for status pages.
func (t *Table) Waits() []Edge { panic("stub") }
