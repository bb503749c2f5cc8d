package storage

import (
	"context"

	"binrelay/binlog/txn"
)

// PrepareOptions are what a replica's applier decides for a transaction. The
// zero value applies everything strictly.
type PrepareOptions struct {
	// Filter reports whether the rows of a table are applied; nil = all. Names
	// are the source's.
	Filter func(db, table string) bool
	// Idempotent ignores duplicate keys (the row is replaced) and missing rows:
	// slave_exec_mode = IDEMPOTENT.
	Idempotent bool
	// SkipErrno reports whether a row's failure with that number is ignored:
	// replica_skip_errors; nil = none.
	SkipErrno func(errno uint16) bool
}

// Prepare resolves a replicated transaction of kind Rows or Empty: it locks and
// checks its rows against what was prepared before and the store, and builds
// what the Committer needs. Calls for one channel must follow commit order and
// must not overlap. A failed Prepare leaves nothing behind. The error is an
// *ApplyError when the transaction itself cannot be applied.
func (e *Engine) Prepare(ctx context.Context, g *txn.Group, o PrepareOptions) (txn.Prepared, error) {
	panic("not built")
}

// Position returns what was applied last on a channel, as the store has it.
func (e *Engine) Position(channel string) (txn.Origin, bool, error) { panic("not built") }
