// Package replica makes this server follow another one: the Receiver (IO
// thread) writes the source's events to the relay log, the Applier (SQL
// thread) reads whole transactions from there and hands them to a Target, and
// the Replica owns both and the configuration of the source.
//
//	source ─packets→ Receiver ─events, unchanged→ relaylog.Log ─transactions→ Applier → Target
//
// What was applied and how far becomes durable together, in the Target, so a
// replica resumes exactly where it stopped. The Receiver never touches tables;
// the Applier stops at the first transaction that cannot be applied and
// nothing after it has been enqueued by then.
//
// Errors that a client sees are *replstate.Error with MySQL's number and text.
package replica

import (
	"context"

	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
	"binrelay/replica/replstate"
)

// Target is where a replica's transactions go. Calls for one channel come from
// one goroutine at a time, except LoadState and SaveState.
type Target interface {
	// Position returns the coordinates of the last transaction applied on the
	// channel, as they became durable or visible with it, and the server's
	// executed GTIDs. A zero Source means that nothing was applied.
	Position(channel string) (txn.Origin, gtid.Set, error)

	// Prepare checks and builds a Rows or Empty group: everything that can fail
	// fails here. Groups prepared earlier on the channel count as applied, also
	// while they wait in the queue. An ApplyError goes into Last_SQL_Error with
	// its whole text; numbers 1205, 1213 and 1412 mean that the same group may succeed
	// when tried again. g.Events stays readable until the group's Result came.
	//
	// A group whose Result is an error takes all groups enqueued after it on the
	// channel with it: none of them may become visible.
	Prepare(ctx context.Context, g *txn.Group) (txn.Prepared, error)

	// ExecStatement executes a Statement group through SQL and commits
	// g.Origin with it, also if nothing changed. Nothing is enqueued meanwhile.
	// An ApplyError goes into Last_SQL_Error with its whole text; STOP REPLICA
	// does not end ctx, so that a statement is never left half done.
	ExecStatement(ctx context.Context, g *txn.Group) error

	// Advance makes o durable without applying anything. With a zero Source it
	// makes the channel forget its applied coordinate.
	Advance(ctx context.Context, o txn.Origin) error

	// LoadState returns the source configuration of the channel; a zero one
	// (Configured false) if there is none. SaveState makes c durable.
	LoadState(channel string) (replstate.SourceConfig, error)
	SaveState(ctx context.Context, c replstate.SourceConfig) error
}

// ApplyError is how a Target says why a transaction cannot be applied: the
// error's text is in MySQL's words. A *replstate.Error does as well.
type ApplyError interface {
	error
	// Number is MySQL's error number, e.g. 1062.
	Number() uint16
}
