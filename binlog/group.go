package binlog

import (
	"errors"
	"fmt"
	"io"
	"time"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
)

// groupBuffer is how many bytes of a group are gathered for one write call.
const groupBuffer = 1 << 20

// ErrBadTxn means that a transaction's events are not what its fields say, or
// do not end as a transaction must. Nothing of its group stays.
var ErrBadTxn = errors.New("binlog: malformed transaction")

// Txn is one transaction as AppendGroup takes it.
type Txn struct {
	CSN   txn.CSN   // its commit sequence number (of the binlog half)
	Index uint16    // place in its commit group, counted over both logs
	GTID  gtid.GTID // zero = Anonymous_gtid

	// Events without the GTID event, each with room for a checksum as the
	// encoders of package event leave it (or with a CRC32, which is replaced).
	// The last is an Xid, or the only one is a Query with a ddl_xid; its number
	// is set here. A server id of 0 in a header is replaced by
	// Options.ServerID.
	Events txn.Events
	Size   int64 // bytes of all Events, checksum room included
	Count  int   // number of Events

	DDL             bool        // the group may hold statements: flag bit 0 of the GTID event
	After           Clock       // what was visible when the transaction finished executing: gives last_committed
	Ordered         bool        // it may depend on any transaction before it: last_committed is the one before
	Origin          *txn.Origin // replicated: original commit time and server id are kept
	OriginalVersion uint32      // replicated: original_server_version; 0 = ours
	Timestamp       uint32      // header time of the GTID event, seconds since 1970; 0 = now

	Clock Clock     // out: its own sequence number
	Start txn.Coord // out: where its GTID event begins
	End   txn.Coord // out: the offset after its last event
}

// size returns the bytes of the transaction's own events in the file.
func (l *Log) size(t *Txn) int64 {
	if l.o.NoChecksum {
		return t.Size - int64(t.Count)*event.ChecksumSize
	}
	return t.Size
}

// AppendGroup writes a group of transactions, in order, after preallocating
// its space, and returns the end of the last. It sets Clock, Start and End of
// each. On any error nothing stays: the file is truncated to where the group
// began, sequence numbers are given back, and the error is returned, wrapping
// ErrDiskFull where that is the cause. An error that wraps ErrFatal means that
// the truncation failed or an earlier call did: the process must end.
func (l *Log) AppendGroup(ts []*Txn) (end txn.Coord, err error) {
	if err := l.usable(); err != nil {
		return txn.Coord{}, err
	}
	start := mark{off: l.w.End(), seq: l.seq}
	if l.w.Durable() == start.off {
		l.marks = append(l.marks[:0], start)
	}
	marks := len(l.marks)
	if err := l.appendGroup(ts); err != nil {
		l.marks = l.marks[:marks]
		return txn.Coord{}, fmt.Errorf("append to binlog: %w", l.takeBack(start, err))
	}
	l.setEnd()
	return txn.Coord{File: l.w.Name(), Pos: uint64(l.w.End())}, nil
}

func (l *Log) appendGroup(ts []*Txn) error {
	now := l.o.Now()
	serverID := l.o.ServerID()
	var room int64
	heads := l.heads[:0]
	for i, t := range ts {
		heads = append(heads, l.head(t, l.seq+int64(i)+1, now))
		room += int64(heads[i].TransactionLength)
	}
	l.heads = heads
	if err := l.w.Preallocate(room); err != nil {
		return err
	}
	l.buf = l.buf[:0]
	for i, t := range ts {
		if err := l.appendTxn(t, &heads[i], serverID, now); err != nil {
			return err
		}
	}
	if cap(l.buf) > 2*groupBuffer {
		defer func() { l.buf = nil }()
	}
	return l.writeBuffer()
}

// head makes the content of the transaction's GTID event.
func (l *Log) head(t *Txn, seq int64, now time.Time) event.GTIDInfo {
	g := event.GTIDInfo{
		GTID:             t.GTID,
		Statement:        t.DDL,
		SequenceNumber:   seq,
		ImmediateCommit:  uint64(now.UnixMicro()),
		ImmediateVersion: l.version,
		OriginalVersion:  t.OriginalVersion,
	}
	l.mu.Lock()
	number := l.number
	l.mu.Unlock()
	if t.Ordered {
		g.LastCommitted = seq - 1
	} else if t.After.File == number && t.After.Sequence < seq {
		g.LastCommitted = t.After.Sequence
	}
	if t.Origin != nil && !t.Origin.OriginalCommit.IsZero() {
		g.OriginalCommit = uint64(t.Origin.OriginalCommit.UnixMicro())
	}
	room := int64(0)
	if l.o.NoChecksum {
		room = event.ChecksumSize
	}
	// The length includes its own packed form, which only grows with it.
	for {
		n := uint64(l.size(t) + int64(g.Size()) - room)
		if n == g.TransactionLength {
			return g
		}
		g.TransactionLength = n
	}
}

// appendTxn adds the transaction's events to the buffer, writing it out when
// it is full.
func (l *Log) appendTxn(t *Txn, g *event.GTIDInfo, serverID uint32, now time.Time) error {
	begin := l.w.End() + int64(len(l.buf))
	h := event.Header{Timestamp: t.Timestamp, ServerID: serverID}
	if h.Timestamp == 0 {
		h.Timestamp = uint32(now.Unix())
	}
	if t.Origin != nil && t.Origin.ServerID != 0 {
		h.ServerID = t.Origin.ServerID
	}
	if err := t.Events.Rewind(); err != nil {
		return fmt.Errorf("rewind events: %w", err)
	}
	start := len(l.buf)
	l.buf = event.AppendGTID(l.buf, h, g)
	l.seal(start)

	var size int64
	for n := 1; n <= t.Count; n++ {
		ev, err := t.Events.Next()
		if err != nil {
			return fmt.Errorf("event %d of %d: %w", n, t.Count, noEOF(err))
		}
		if len(ev) < event.HeaderSize+event.ChecksumSize || int(ev.Size()) != len(ev) {
			return fmt.Errorf("%w: event %d has a wrong size", ErrBadTxn, n)
		}
		size += int64(len(ev))
		start := len(l.buf)
		l.buf = append(l.buf, ev...)
		own := event.Event(l.buf[start:])
		if own.ServerID() == 0 {
			event.SetServerID(own, serverID)
		}
		if n == t.Count && (!endsTxn(own, t.Count) || !event.SetXid(own, t.CSN.Xid(t.Index))) {
			return fmt.Errorf("%w: it does not end in an Xid or a ddl_xid", ErrBadTxn)
		}
		l.seal(start)
		if len(l.buf) >= groupBuffer {
			if err := l.writeBuffer(); err != nil {
				return err
			}
		}
	}
	if _, err := t.Events.Next(); err != io.EOF || size != t.Size {
		return fmt.Errorf("%w: %d bytes instead of %d, or more than %d events", ErrBadTxn, size, t.Size, t.Count)
	}
	l.endTxn(t, begin)
	return nil
}

// endTxn notes where the transaction stands and counts it.
func (l *Log) endTxn(t *Txn, begin int64) {
	if begin != l.marks[len(l.marks)-1].off {
		l.marks = append(l.marks, mark{off: begin, seq: l.seq})
	}
	l.seq++
	l.mu.Lock()
	t.Clock = Clock{File: l.number, Sequence: l.seq}
	l.mu.Unlock()
	name := l.w.Name()
	t.Start = txn.Coord{File: name, Pos: uint64(begin)}
	t.End = txn.Coord{File: name, Pos: uint64(l.w.End()) + uint64(len(l.buf))}
}

// endsTxn reports whether ev may be the last of count events.
func endsTxn(ev event.Event, count int) bool {
	return ev.Type() == event.Xid || ev.Type() == event.Query && count == 1
}

// noEOF turns an early end into an error of its own.
func noEOF(err error) error {
	if err == io.EOF {
		return fmt.Errorf("%w: fewer events than announced", ErrBadTxn)
	}
	return err
}

// seal gives the event that starts at buf[start] its position and checksum.
func (l *Log) seal(start int) {
	off := l.w.End() + int64(start)
	ev := l.finish(event.Event(l.buf[start:]), off)
	l.buf = l.buf[:start+len(ev)]
}

// writeBuffer hands the gathered events to the file.
func (l *Log) writeBuffer() error {
	err := l.w.Write(l.buf)
	l.buf = l.buf[:0]
	return err
}
