// Package txn holds the plain structs of a transaction on its way through a
// server: from a session or a replica's applier to the Committer and the logs.
//
// Every record of either log has a commit sequence number (CSN): 1, 2, 3 …
// without a gap over both logs. A transaction is plain (binlog only), private
// (local log only) or mixed: a local half with CSN n and a binlog half n+1.
package txn

import (
	"time"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
)

// CSN is a commit sequence number. 0 means none.
type CSN uint64

// Xid returns the number that a binlog record carries: CSN<<16 | index, where
// index is the record's place in its commit group, counted over both logs.
// Recovery tells a torn tail from damage by it.
func (c CSN) Xid(index uint16) uint64 { return uint64(c)<<16 | uint64(index) }

// ParseXid is the inverse of CSN.Xid.
func ParseXid(x uint64) (c CSN, index uint16) { return CSN(x >> 16), uint16(x) }

// Coord is a coordinate: a log file's name without directory, and an offset in
// bytes. The zero value means none.
type Coord struct {
	File string
	Pos  uint64
}

// IsZero reports whether c names no place.
func (c Coord) IsZero() bool { return c.File == "" }

// Less orders coordinates of one log: by file number, then offset. File names
// of one log differ only in their numeric extension, of at least six digits.
func (c Coord) Less(d Coord) bool {
	if c.File != d.File {
		if len(c.File) != len(d.File) {
			return len(c.File) < len(d.File)
		}
		return c.File < d.File
	}
	return c.Pos < d.Pos
}

// Origin says where a replicated transaction comes from. It becomes durable
// with the transaction, in one record.
type Origin struct {
	Channel        string
	Source         Coord // end of the transaction in the source's binlog
	Relay          Coord // end of the transaction in the relay log
	GTID           gtid.GTID
	ServerID       uint32    // originating server
	OriginalCommit time.Time // original_commit_timestamp; zero if the source sent none
	Timestamp      uint32    // header time of the transaction, for Seconds_Behind_Master
}

// Kind says how a group of events is applied.
type Kind uint8

const (
	Rows      Kind = iota // Table_map and Rows events between BEGIN and Xid or COMMIT
	Statement             // one Query event: DDL, DCL or a statement-logged change; needs SQL
	Empty                 // nothing to apply: only the coordinate moves (filtered, skipped)
)

// Events yields a transaction's events in log order. Next returns io.EOF after
// the last; the returned bytes are valid until the following call of Next or
// Rewind. Rewind starts again at the first. Not safe for concurrent use.
type Events interface {
	Next() (event.Event, error)
	Rewind() error
}

// Group is a transaction as a replica's applier reads it from the relay log.
// Events carry the source's bytes: GTID event first if there is one, the
// final Xid or Query last.
type Group struct {
	Kind     Kind
	Events   Events
	Origin   *Origin
	Checksum bool // events end in a CRC32
}

// Result is the outcome of a commit.
type Result struct {
	CSN   CSN
	Coord Coord // end in our binlog; zero when nothing was written there
	GTID  gtid.GTID
	Err   error
}

// Prepared is a transaction whose locks are held and whose changes are checked
// and built: nothing can fail any more but the log itself. Exactly one of
// Enqueue and Abort must be called. Enqueue keeps the order of its calls and
// does not wait; the channel gets one Result when the transaction is visible.
type Prepared interface {
	Enqueue() <-chan Result
	Abort()
}
