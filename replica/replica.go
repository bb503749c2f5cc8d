package replica

import (
	"context"

	"binrelay/binlog/txn"
	"binrelay/replica/replstate"
)

// Replica owns the two threads of one channel and the configuration of its
// source. Safe for concurrent use: statements are serialised, Status never
// waits for them.
type Replica struct{}

// Open loads the configuration and the relay log and starts nothing.
func Open(ctx context.Context, o Options) (*Replica, error) { panic("soon") }

// Close stops both threads and closes the relay log.
func (r *Replica) Close() error { panic("soon") }

// Configured reports whether a source has been configured.
func (r *Replica) Configured() bool { panic("soon") }

// Change executes CHANGE REPLICATION SOURCE.
func (r *Replica) Change(ctx context.Context, channel string, c replstate.Change) error {
	panic("soon")
}

// Start executes START REPLICA; the threads outlive ctx. A thread that runs
// already gives note 3083.
func (r *Replica) Start(ctx context.Context, o replstate.StartOpts) error { panic("soon") }

// Stop executes STOP REPLICA (which 0 = both) and waits for the threads; what
// was applied is durable afterwards. A thread that does not run gives note 3084.
func (r *Replica) Stop(ctx context.Context, which replstate.Threads) error { panic("soon") }

// Reset executes RESET REPLICA, with all RESET REPLICA ALL.
func (r *Replica) Reset(ctx context.Context, all bool) error { panic("soon") }

// Status returns one entry per configured channel: none before the first CHANGE.
func (r *Replica) Status() []replstate.ReplicaStatus { panic("soon") }

// Skip returns sql_replica_skip_counter.
func (r *Replica) Skip() uint32 { panic("soon") }

// SetSkip executes SET GLOBAL sql_replica_skip_counter = n.
func (r *Replica) SetSkip(n uint32) error { panic("soon") }

// SetFilters executes CHANGE REPLICATION FILTER and stores the filters.
func (r *Replica) SetFilters(ctx context.Context, channel string, f replstate.Filters) error {
	panic("soon")
}

// WaitPos waits until everything before c (in the source's binlog) is applied:
// SOURCE_POS_WAIT. It returns the number of log events waited for, or -1 when
// ctx reached its deadline, and ErrNotRunning (SQL's NULL) when the SQL thread
// does not run or stops, or the channel is not configured.
func (r *Replica) WaitPos(ctx context.Context, channel string, c txn.Coord) (int64, error) {
	panic("soon")
}

// FlushRelay executes FLUSH RELAY LOGS.
func (r *Replica) FlushRelay(ctx context.Context, channel string) error { panic("soon") }

// RelayEvents executes SHOW RELAYLOG EVENTS.
func (r *Replica) RelayEvents(ctx context.Context, q replstate.EventQuery) (replstate.EventRows, error) {
	panic("soon")
}
