// Package replstate holds the plain structs that primary, replica, sql and the
// status page exchange: source configuration, replica status, connected peers,
// filters, dump requests. Standard library only; no behaviour that needs I/O.
//
// Values are plain data: whoever receives one owns it. Source of names, order
// and wording: MySQL 8.0 manual, "SHOW REPLICA STATUS" and "Replication Thread
// States".
package replstate

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"
)

// Threads is a set of a replica's two threads.
type Threads uint8

const (
	// IO receives events from the source into the relay log.
	IO Threads = 1 << iota
	// SQL applies the relay log.
	SQL
	// Both is what START REPLICA without a thread name means.
	Both = IO | SQL
)

// String names the threads as MySQL's statements do.
func (t Threads) String() string {
	var names []string
	if t&IO != 0 {
		names = append(names, "IO_THREAD")
	}
	if t&SQL != 0 {
		names = append(names, "SQL_THREAD")
	}
	return strings.Join(names, ", ")
}

// StartOpts is what START REPLICA asked for.
type StartOpts struct {
	Channel string
	Threads Threads // 0 means Both
}

// Error is an error that a client must see with MySQL's number and text. The
// edge passes it on as it is.
type Error struct {
	Number   uint16
	SQLState string // five characters; empty means HY000
	Text     string
}

// Error gives MySQL's text without the number.
func (e *Error) Error() string { return e.Text }

// Errorf makes an Error with SQLSTATE HY000.
func Errorf(number uint16, format string, args ...any) *Error {
	return &Error{Number: number, SQLState: "HY000", Text: fmt.Sprintf(format, args...)}
}

// Warning is a line of SHOW WARNINGS: the statement succeeded nevertheless.
type Warning struct {
	Level  string // "Note" or "Warning"
	Number uint16
	Text   string
}

type warningKey struct{}

// WithWarnings returns a context whose statement reports its notes and
// warnings to sink, which is called from the goroutine of that statement only.
func WithWarnings(ctx context.Context, sink func(Warning)) context.Context {
	return context.WithValue(ctx, warningKey{}, sink)
}

// Warn reports w to the sink of WithWarnings, if ctx has one.
func Warn(ctx context.Context, w Warning) {
	if sink, ok := ctx.Value(warningKey{}).(func(Warning)); ok && sink != nil {
		sink(w)
	}
}

// Coord is a coordinate in a log: file name without directory, offset in bytes.
type Coord struct {
	File string `json:"file,omitempty"`
	Pos  uint64 `json:"pos,omitempty"`
}

// EventQuery is SHOW RELAYLOG EVENTS [IN 'file'] [FROM pos] [LIMIT [offset,] n].
type EventQuery struct {
	Channel string
	File    string // empty = the first
	From    uint64 // 0 = the first event
	Offset  uint64 // events to leave out
	Limit   uint64 // 0 = all, unless Limited
	Limited bool   // a LIMIT was given; with Limit 0 there is no row
}

// EventRow is one row of SHOW BINLOG EVENTS or SHOW RELAYLOG EVENTS.
type EventRow struct {
	LogName   string
	Pos       uint64
	EventType string
	ServerID  uint32
	EndLogPos uint64
	Info      string
}

// EventRows streams rows; an error ends the stream.
type EventRows = iter.Seq2[EventRow, error]

// PeerStatus is one replica (or other reader of the binlog) that has
// registered or attached: a row of SHOW REPLICAS, and its dump thread in the
// process list.
type PeerStatus struct {
	ServerID uint32
	UUID     string // replica_uuid of the session; empty if it set none
	Host     string // report_host of COM_REGISTER_SLAVE
	User     string // report_user
	Port     uint16 // report_port
	SourceID uint32 // our server id

	Registered   bool // sent COM_REGISTER_SLAVE: only these are in SHOW REPLICAS
	Dumping      bool // a dump is running
	GTID         bool // by COM_BINLOG_DUMP_GTID
	ConnectionID uint32
	Account      string // the account it logged in with
	Address      string // host:port of the connection
	State        State
	Since        time.Time // of State
	Attached     time.Time // when the dump began

	Sent       Coord // end of the last event handed to the connection
	EventsSent uint64
	BytesSent  uint64
	Heartbeats uint64
}
