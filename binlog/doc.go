// Package binlog is the server's binary log: MySQL 8.0 files written by one
// writer, read by any number of dumpers, scanned by recovery.
//
// Log is the single writer. The Committer's leader calls it, one call at a
// time: AppendGroup, then Sync (or TruncateTo), then SetSent. There is no queue
// here: grouping, ordering and acknowledgement belong to the Committer.
//
// Every transaction in a file is
//
//	Gtid | Anonymous_gtid     with logical clock, commit timestamps, length
//	Query BEGIN               )
//	Table_map, rows …         ) as the transaction built them
//	Xid                       )
//
// or the first and one Query event (DDL). Its Xid (DDL: the status variable
// ddl_xid) is txn.CSN.Xid(index), by which recovery tells a torn tail from
// damage. A group is written with one write call where it fits a buffer.
package binlog

import (
	"errors"
	"fmt"

	"binrelay/binlog/txn"
)

// ErrDiskFull means that the group did not fit the disk and left no trace. The
// edge reports 1021 or 1026.
var ErrDiskFull = errors.New("binlog: disk full")

// ErrFatal means that the log can no longer be trusted to take back or keep
// what was written: a sync or a truncation failed. The process must end.
var ErrFatal = errors.New("binlog: log cannot go on")

// ErrClosed means that the Log was closed.
var ErrClosed = errors.New("binlog: closed")

// ErrReset ends Readers when the log is reset (RESET MASTER).
var ErrReset = errors.New("binlog: reset")

// Reasons in a PositionError: what a client's start position is refused for.
// The edge words them as error 1236.
var (
	// ErrUnknownFile: "Could not find first log file name in binary log index file".
	ErrUnknownFile = errors.New("binlog: file not in the index")
	// ErrPositionTooSmall: "Client requested source to start replication from position < 4".
	ErrPositionTooSmall = errors.New("binlog: position below 4")
	// ErrPositionBeyondEnd: "… from position > file size".
	ErrPositionBeyondEnd = errors.New("binlog: position beyond the end of the file")
	// ErrInsideEvent: the position is no event's start.
	ErrInsideEvent = errors.New("binlog: position inside an event")
)

// PositionError says why a Reader cannot start at a place. Err is one of the
// sentinels above.
type PositionError struct {
	At   txn.Coord
	Size int64 // length of the readable part of the file, if known
	Err  error
}

func (e *PositionError) Error() string {
	return fmt.Sprintf("start at %s:%d: %v", e.At.File, e.At.Pos, e.Err)
}

func (e *PositionError) Unwrap() error { return e.Err }
