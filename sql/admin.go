package sql

import (
	"context"

	"binrelay/binlog/txn"
	"binrelay/replica/replstate"
	"binrelay/sql/wire"
)

// ReplicaAdmin is the replica side of a server: what CHANGE MASTER, START
// SLAVE, SHOW SLAVE STATUS and their like drive. replica.Replica implements it.
// Safe for concurrent use. A *replstate.Error reaches the client as it is;
// notes and warnings come through replstate.Warn.
type ReplicaAdmin interface {
	// Change applies CHANGE REPLICATION SOURCE TO.
	Change(ctx context.Context, channel string, c replstate.Change) error
	// Start starts the threads asked for.
	Start(ctx context.Context, o replstate.StartOpts) error
	// Stop stops the threads asked for and waits until they are gone.
	Stop(ctx context.Context, which replstate.Threads) error
	// Reset drops the relay logs and positions; all also forgets the source.
	Reset(ctx context.Context, all bool) error
	// Status returns one entry per configured channel.
	Status() []replstate.ReplicaStatus
	// RelayEvents lists events of the relay log, for SHOW RELAYLOG EVENTS.
	RelayEvents(ctx context.Context, q replstate.EventQuery) (replstate.EventRows, error)
	// WaitPos waits until the SQL thread has applied up to the source coordinate
	// c and returns the number of events waited for. The end of ctx by its
	// deadline makes MASTER_POS_WAIT -1; any other error makes it NULL.
	WaitPos(ctx context.Context, channel string, c txn.Coord) (int64, error)
	// FlushRelay begins a new relay log file.
	FlushRelay(ctx context.Context, channel string) error
	// Skip returns sql_slave_skip_counter as it stands now.
	Skip() uint32
	// SetSkip sets sql_slave_skip_counter.
	SetSkip(n uint32) error
	// SetFilters replaces a channel's filters.
	SetFilters(ctx context.Context, channel string, f replstate.Filters) error
}

// PrimaryAdmin is the primary side of a server: the replicas connected to it.
// primary.Registry implements it. Safe for concurrent use.
type PrimaryAdmin interface {
	// Peers returns the replicas that registered or read the binlog.
	Peers() []replstate.PeerStatus
	// Kill ends a replica's dump with error 1236; uuid may be empty.
	Kill(serverID uint32, uuid string)
}

// DumpServer serves COM_REGISTER_SLAVE and the dump commands. The code that
// composes a server adapts primary.Registry to it.
type DumpServer = wire.DumpServer
