package relaylog

import "binrelay/binlog/event"

// Place says where an event stands in its transaction.
type Place uint8

const (
	Outside Place = iota // between transactions: Format_description, Rotate, Previous_gtids, Stop …
	Begins               // opens a transaction: GTID event or BEGIN
	Inside               // within one
	Ends                 // completes one: Xid, COMMIT, ROLLBACK, the DDL after its GTID event …
	Single               // a transaction by itself: a DDL without GTID event
)

// Boundary finds the ends of transactions in a stream of events. The zero
// value stands between transactions. Not safe for concurrent use.
//
// A transaction is: an optional GTID event (MySQL's or MariaDB's), then BEGIN …
// Xid, COMMIT or ROLLBACK; or one Query. MariaDB's GTID event is itself the
// BEGIN unless it is flagged standalone. Intvar, Rand and User_var events
// belong to the Query that follows them.
type Boundary struct{}

// Add takes the next event and says where it stands. checksum says that it
// ends in a CRC32.
func (b *Boundary) Add(ev event.Event, checksum bool) Place { panic("soon") }

// Inside reports whether a transaction is open.
func (b *Boundary) Inside() bool { panic("soon") }

// Reset forgets an open transaction: the source starts it again.
func (b *Boundary) Reset() { panic("soon") }
