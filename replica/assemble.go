package replica

import (
	"bytes"
	"errors"
	"io"
	"time"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
	"binrelay/relaylog"
	"binrelay/replica/replstate"
)

// assembler puts the events of the relay log together to transactions. Used by
// the SQL thread only.
type assembler struct {
	relay   *relaylog.Log
	channel string
	filters *replstate.Filters // nil = everything passes

	bounds relaylog.Boundary
	cur    *building
}

// building is the transaction that is being read.
type building struct {
	mem      *memEvents // nil once it is too large
	start    txn.Coord
	last     txn.Coord
	size     int64
	count    int
	checksum bool

	gtid     gtid.GTID
	commit   uint64 // original commit time, µs since 1970
	serverID uint32

	rows       int // rows events that pass the filters
	statements int // statements that pass
	dropped    int // rows events and statements that do not
	rolledBack bool
	packed     bool // there is a Transaction_payload
	query      *event.QueryInfo
	keep       map[uint64]bool
}

// stopError is something in the relay log that the SQL thread must stop at.
func stopError(number uint16, format string, args ...any) error {
	return replstate.Errorf(number, format, args...)
}

// add takes the next entry. It returns a transaction when the entry completes
// one. between reports that the entry stands between transactions: only the
// position moves over it.
func (a *assembler) add(e *relaylog.Entry) (g *group, between bool, err error) {
	if e.Own {
		return nil, false, nil
	}
	ev := e.Event
	if betweenOnly(ev.Type()) {
		if ev.Type() == event.FormatDescription {
			// In the middle of a transaction it means that the source starts it
			// again, or died before it committed.
			a.cur = nil
			a.bounds.Reset()
		}
		return nil, a.cur == nil, nil
	}
	place := a.bounds.Add(ev, e.Checksum)
	if place == relaylog.Outside {
		return nil, a.cur == nil, a.refuse(ev, e.Checksum)
	}
	if a.cur == nil {
		a.cur = &building{mem: &memEvents{}, start: e.Start, checksum: e.Checksum, serverID: ev.ServerID()}
	}
	b := a.cur
	b.keepEvent(ev, e.Start)
	if err := a.classify(b, ev, e.Checksum); err != nil {
		return nil, false, err
	}
	if place == relaylog.Ends || place == relaylog.Single {
		a.cur = nil
		return a.finish(b, e)
	}
	return nil, false, nil
}

// keepEvent stores an event while the transaction is small.
func (b *building) keepEvent(ev event.Event, at txn.Coord) {
	b.last = at
	b.size += int64(len(ev))
	b.count++
	if b.mem == nil {
		return
	}
	if b.size > maxInMemory {
		b.mem = nil
		return
	}
	b.mem.add(ev)
}

// refuse returns the error for events that cannot be passed over.
func (a *assembler) refuse(ev event.Event, checksum bool) error {
	switch t := ev.Type(); t {
	case event.Incident:
		number, message, err := event.DecodeIncident(ev, checksum)
		if err != nil {
			return stopError(errnoRelayRead, "Relay log read failure: malformed incident event")
		}
		name := "LOST_EVENTS"
		if number != 1 {
			name = "NONE"
		}
		return stopError(errnoIncident, "The incident %s occurred on the source. Message: %s", name, printable(message))
	case event.XAPrepare:
		return unsupported("XA transactions in replication")
	case event.GTIDTagged:
		return unsupported("tagged GTIDs in replication")
	case event.BeginLoadQuery, event.AppendBlock, event.ExecuteLoadQuery:
		return unsupported("LOAD DATA in statement-based replication")
	case event.Ignorable, event.TransactionCtx, event.ViewChange, event.Intvar, event.Rand, event.UserVar,
		event.Query, event.Xid, event.RowsQuery, event.MariaAnnotateRows:
		return nil
	default:
		if ev.Flags()&event.FlagIgnorable != 0 {
			return nil
		}
		return stopError(errnoRelayRead, "Relay log read failure: unknown event type %d", byte(t))
	}
}

func unsupported(what string) error {
	return stopError(errnoNotYet, "This version of MySQL doesn't yet support '%s'", what)
}

// classify notes what an event means for its transaction.
func (a *assembler) classify(b *building, ev event.Event, checksum bool) error {
	switch t := ev.Type(); t {
	case event.GTID, event.AnonymousGTID:
		info, err := event.DecodeGTID(ev, checksum)
		if err != nil {
			return stopError(errnoRelayRead, "Relay log read failure: %v", err)
		}
		b.gtid = info.GTID
		if b.commit = info.OriginalCommit; b.commit == 0 {
			b.commit = info.ImmediateCommit
		}
	case event.Query, event.MariaQueryCompressed:
		return a.classifyQuery(b, ev, checksum)
	case event.TableMap:
		if a.filters != nil {
			if b.keep == nil {
				b.keep = make(map[uint64]bool)
			}
			b.keep[tableID(ev)] = keepTable(a.filters, ev)
		}
	case event.ExecuteLoadQuery:
		return a.classifyLoad(b, ev, checksum)
	case event.TransactionPayload:
		return a.classifyPayload(b, ev, checksum)
	case event.Xid, event.RowsQuery, event.MariaGTID, event.MariaAnnotateRows,
		event.Intvar, event.Rand, event.UserVar, event.BeginLoadQuery, event.AppendBlock:
	default:
		if !isRows(t) {
			return a.refuse(ev, checksum)
		}
		if a.filters != nil && !b.keep[tableID(ev)] {
			b.dropped++
		} else {
			b.rows++
		}
	}
	return nil
}

// classifyQuery notes what a Query event means: the frame of a transaction, or
// a statement to execute.
func (a *assembler) classifyQuery(b *building, ev event.Event, checksum bool) error {
	if ev.Type() == event.MariaQueryCompressed {
		var err error
		if ev, err = event.Inflate(ev, checksum, maxInflated); err != nil {
			return stopError(errnoRelayRead, "Relay log read failure: %v", err)
		}
	}
	text, err := event.QueryText(ev, checksum)
	if err != nil {
		return stopError(errnoRelayRead, "Relay log read failure: %v", err)
	}
	switch {
	case equalWord(text, "BEGIN"), equalWord(text, "COMMIT"), isSavepoint(text):
		return nil
	case equalWord(text, "ROLLBACK"):
		b.rolledBack = true
		return nil
	}
	q, err := event.DecodeQuery(ev, checksum)
	if err != nil {
		return stopError(errnoRelayRead, "Relay log read failure: %v", err)
	}
	if a.filters != nil && ev.Flags()&event.FlagNoFilter == 0 && !a.filters.Database(q.DB) {
		b.dropped++
		return nil
	}
	b.statements++
	b.query = &q
	return nil
}

// classifyLoad notes a LOAD DATA that is logged as a statement.
func (a *assembler) classifyLoad(b *building, ev event.Event, checksum bool) error {
	l, err := event.DecodeLoad(ev, checksum)
	if err != nil {
		return stopError(errnoRelayRead, "Relay log read failure: %v", err)
	}
	if a.filters != nil && !a.filters.Database(l.Query.DB) {
		b.dropped++
		return nil
	}
	b.statements++
	b.query = &l.Query
	return nil
}

// classifyPayload notes what the events inside a Transaction_payload mean.
func (a *assembler) classifyPayload(b *building, ev event.Event, checksum bool) error {
	if b.packed {
		return stopError(errnoRelayRead, "Relay log read failure: two payloads in one transaction")
	}
	b.packed = true
	p, err := openPayload(ev, checksum)
	if err != nil {
		return stopError(errnoRelayRead, "Relay log read failure: %v", err)
	}
	defer p.close()
	for {
		inner, err := p.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return stopError(errnoRelayRead, "Relay log read failure: %v", err)
		}
		b.count++
		if inner.Type() == event.TransactionPayload {
			return stopError(errnoRelayRead, "Relay log read failure: a payload in a payload")
		}
		if err := a.classify(b, inner, checksum); err != nil {
			return err
		}
	}
}

// finish makes the group of a complete transaction.
func (a *assembler) finish(b *building, e *relaylog.Entry) (*group, bool, error) {
	g := &group{size: b.size, count: b.count, query: b.query}
	g.origin = txn.Origin{
		Channel: a.channel, Source: e.Source, Relay: e.End, GTID: b.gtid, ServerID: b.serverID,
		Timestamp: e.Event.Timestamp(),
	}
	if b.commit != 0 {
		g.origin.OriginalCommit = time.UnixMicro(int64(b.commit)).UTC()
	}
	if b.query != nil {
		g.origin.Timestamp += b.query.ExecTime
	}
	g.Origin, g.Checksum = &g.origin, b.checksum
	switch {
	case b.rolledBack || b.rows == 0 && b.statements == 0:
		g.Kind = txn.Empty
	case b.statements == 0:
		g.Kind = txn.Rows
	case b.dropped > 0:
		return nil, false, unsupported("a transaction of statements of which filters drop a part")
	default:
		g.Kind = txn.Statement
	}
	var raw rawEvents = b.mem
	if b.mem == nil {
		raw = &fileEvents{relay: a.relay, start: b.start, last: b.last}
	}
	if b.packed {
		raw = &unpacked{raw: raw, checksum: b.checksum}
	}
	c := &cleaned{raw: raw, checksum: b.checksum}
	if b.dropped > 0 {
		c.filters = a.filters
	}
	g.Events, g.close = c, raw.close
	return g, false, nil
}

// equalWord compares a statement with one word, without case.
func equalWord(text []byte, word string) bool {
	return len(text) < 64 && bytes.EqualFold(bytes.TrimRight(bytes.TrimSpace(text), ";"), []byte(word))
}

// isSavepoint reports whether a statement only marks a place in a transaction.
// ROLLBACK TO is not one: it takes changes back.
func isSavepoint(text []byte) bool {
	const word = "SAVEPOINT "
	if len(text) > 8 && bytes.EqualFold(text[:8], []byte("RELEASE ")) {
		text = bytes.TrimLeft(text[8:], " ")
	}
	return len(text) > len(word) && bytes.EqualFold(text[:len(word)], []byte(word))
}
