package relaylog

import (
	"bytes"

	"binrelay/binlog/event"
)

// Place says where an event stands in its transaction.
type Place uint8

const (
	Outside Place = iota // between transactions: Format_description, Rotate, Previous_gtids, Stop …
	Begins               // opens a transaction: GTID event or BEGIN
	Inside               // within one
	Ends                 // completes one: Xid, COMMIT, ROLLBACK, the DDL after its GTID event …
	Single               // a transaction by itself: a DDL without GTID event
)

// state is what a Boundary is waiting for.
type state uint8

const (
	idle      state = iota // a transaction's first event
	statement              // the statement that Intvar, Rand or User_var events belong to
	afterID                // what follows a GTID event: BEGIN or a statement
	alone                  // the one statement after MariaDB's standalone GTID event
	open                   // Xid, COMMIT or ROLLBACK
)

// Boundary finds the ends of transactions in a stream of events. The zero
// value stands between transactions. Not safe for concurrent use.
//
// A transaction is: an optional GTID event (MySQL's or MariaDB's), then BEGIN …
// Xid, COMMIT or ROLLBACK; or one Query. MariaDB's GTID event is itself the
// BEGIN unless it is flagged standalone. Intvar, Rand and User_var events
// belong to the Query that follows them. XA START opens a transaction that
// XA_prepare ends. A Format_description ends whatever is open, without
// completing it: the source starts it again.
type Boundary struct {
	state state
}

// Inside reports whether a transaction is open.
func (b *Boundary) Inside() bool { return b.state != idle }

// Reset forgets an open transaction: the source starts it again.
func (b *Boundary) Reset() { b.state = idle }

// Add takes the next event and says where it stands. checksum says that it
// ends in a CRC32.
func (b *Boundary) Add(ev event.Event, checksum bool) Place {
	switch ev.Type() {
	case event.FormatDescription:
		b.state = idle
		return Outside
	case event.Rotate, event.Stop, event.PreviousGTIDs, event.Heartbeat, event.HeartbeatV2,
		event.MariaGTIDList, event.MariaBinlogCheckpoint, event.MariaStartEncryption:
		return Outside
	case event.GTID, event.AnonymousGTID, event.GTIDTagged:
		b.state = afterID
		return Begins
	case event.MariaGTID:
		b.state = open
		if g, err := event.DecodeMariaGTID(ev, checksum); err == nil && g.Standalone() {
			b.state = alone
		}
		return Begins
	case event.Query, event.MariaQueryCompressed:
		return b.query(ev, checksum)
	case event.ExecuteLoadQuery, event.Incident:
		if b.state == open {
			return Inside
		}
		return b.end()
	case event.Xid, event.XAPrepare, event.TransactionPayload:
		return b.end()
	case event.Intvar, event.Rand, event.UserVar, event.BeginLoadQuery:
		return b.inside(statement)
	case event.TableMap, event.WriteRowsV1, event.UpdateRowsV1, event.DeleteRowsV1,
		event.WriteRowsV2, event.UpdateRowsV2, event.DeleteRowsV2, event.PartialUpdateRows,
		event.MariaWriteCompressed, event.MariaUpdateCompressed, event.MariaDeleteCompressed:
		return b.inside(open)
	}
	return b.inside(idle)
}

// inside takes an event of a transaction; where none is open it begins one
// that goes on as next says.
func (b *Boundary) inside(next state) Place {
	switch {
	case b.state != idle:
		return Inside
	case next == idle:
		return Outside
	}
	b.state = next
	return Begins
}

// end takes an event that completes the transaction.
func (b *Boundary) end() Place {
	if b.state == idle {
		return Single
	}
	b.state = idle
	return Ends
}

func (b *Boundary) query(ev event.Event, checksum bool) Place {
	text, err := event.QueryText(ev, checksum)
	if err != nil || ev.Type() != event.Query {
		text = nil // compressed, or not ours to judge: a statement
	}
	switch {
	case b.state == open:
		if isWord(text, "COMMIT") || isWord(text, "ROLLBACK") {
			return b.end()
		}
		return Inside
	case b.state == idle && opens(text):
		b.state = open
		return Begins
	case b.state == afterID && opens(text):
		b.state = open
		return Inside
	}
	return b.end()
}

// opens reports whether a statement begins a transaction.
func opens(text []byte) bool {
	return isWord(text, "BEGIN") || hasWord(text, "XA START") || hasWord(text, "XA BEGIN")
}

// isWord reports whether text is the statement word, in any case.
func isWord(text []byte, word string) bool {
	return len(text) < 64 && bytes.EqualFold(bytes.TrimRight(bytes.TrimSpace(text), ";"), []byte(word))
}

// hasWord reports whether text starts with words, in any case.
func hasWord(text []byte, words string) bool {
	return len(text) > len(words) && bytes.EqualFold(text[:len(words)], []byte(words)) && text[len(words)] == ' '
}
