package storage

import (
	"context"

	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
)

// Recovery is a store that was opened and scanned, but not changed yet.
type Recovery struct{}

// TailTxn is a record that is in the logs but not in the store.
type TailTxn struct {
	CSN     txn.CSN   // of its last record
	GTID    gtid.GTID // zero = none
	End     txn.Coord // in the binlog; zero for a private one
	Private bool
}

// OpenRecovery opens the store and scans both logs. It changes nothing except
// that it finishes an interrupted RESET MASTER.
func OpenRecovery(o Options) (*Recovery, error) { panic("soon") }

// Tail returns what Replay will apply, in order.
func (r *Recovery) Tail() []TailTxn { panic("soon") }

// CutAfter leaves out everything after csn; Replay cuts it from the logs.
func (r *Recovery) CutAfter(csn txn.CSN) error { panic("soon") }

// Replay cuts the logs, applies the tail and opens the Engine.
func (r *Recovery) Replay(ctx context.Context) (*Engine, error) { panic("soon") }

// Close gives up before Replay.
func (r *Recovery) Close() error { panic("soon") }
