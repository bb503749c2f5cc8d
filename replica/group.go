package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"binrelay/binlog/event"
	"binrelay/binlog/txn"
	"binrelay/relaylog"
	"binrelay/replica/replstate"
)

// maxInMemory is how much of a transaction is kept in memory, in bytes. The
// events of a larger one are read from the relay log again.
const maxInMemory = 1 << 20

// maxInflated bounds an event that MariaDB compressed, in bytes.
const maxInflated = 64 << 20

// group is one transaction as it stands in the relay log.
type group struct {
	txn.Group
	origin txn.Origin
	size   int64 // bytes of all events
	count  int   // number of events, for the skip counter and SOURCE_POS_WAIT
	query  *event.QueryInfo
	close  func() // releases what Events holds
}

func (g *group) release() {
	if g.close != nil {
		g.close()
		g.close = nil
	}
}

// rawEvents yields a transaction's events as received.
type rawEvents interface {
	next() (event.Event, error) // io.EOF after the last
	rewind() error
	close()
}

// memEvents holds a small transaction.
type memEvents struct {
	buf []byte
	end []int // where each event ends in buf
	i   int
}

func (m *memEvents) add(ev event.Event) {
	m.buf = append(m.buf, ev...)
	m.end = append(m.end, len(m.buf))
}

func (m *memEvents) next() (event.Event, error) {
	if m.i == len(m.end) {
		return nil, io.EOF
	}
	start := 0
	if m.i > 0 {
		start = m.end[m.i-1]
	}
	m.i++
	return event.Event(m.buf[start:m.end[m.i-1]:m.end[m.i-1]]), nil
}

func (m *memEvents) rewind() error { m.i = 0; return nil }
func (m *memEvents) close()        {}

// fileEvents reads a large transaction from the relay log again.
type fileEvents struct {
	relay *relaylog.Log
	start txn.Coord
	last  txn.Coord // where the last event begins
	r     *relaylog.Reader
	done  bool
}

func (f *fileEvents) next() (event.Event, error) {
	if f.done {
		return nil, io.EOF
	}
	if f.r == nil {
		r, err := f.relay.NewReader(f.start)
		if err != nil {
			return nil, fmt.Errorf("read transaction again: %w", err)
		}
		f.r = r
	}
	for {
		e, ok, err := f.r.TryNext()
		if err != nil {
			return nil, fmt.Errorf("read transaction again: %w", err)
		}
		if !ok {
			return nil, fmt.Errorf("read transaction again: %w", io.ErrUnexpectedEOF)
		}
		f.done = e.Start == f.last
		if !e.Own && !betweenOnly(e.Event.Type()) {
			return e.Event, nil
		}
	}
}

func (f *fileEvents) rewind() error {
	f.close()
	f.done = false
	return nil
}

func (f *fileEvents) close() {
	if f.r != nil {
		f.r.Close()
		f.r = nil
	}
}

// betweenOnly reports whether events of the type stand between transactions.
// Within one they only show that the IO thread connected again.
func betweenOnly(t event.Type) bool {
	switch t {
	case event.FormatDescription, event.Rotate, event.PreviousGTIDs, event.Stop,
		event.MariaGTIDList, event.MariaBinlogCheckpoint, event.Heartbeat, event.HeartbeatV2:
		return true
	}
	return false
}

// cleaned is the txn.Events of a group: the raw events without those that a
// Target need not see and without the rows that filters drop, MariaDB's
// compressed events inflated. When the last rows event of a statement is
// dropped, the last one kept gets its STMT_END flag.
type cleaned struct {
	raw      rawEvents
	filters  *replstate.Filters // nil = nothing is dropped
	checksum bool

	keep   map[uint64]bool // by table id, of the current statement
	held   []byte          // a rows event that may yet become the last
	isHeld bool
	queued event.Event // event to return after the held one
	out    []byte
}

func (c *cleaned) Rewind() error {
	clear(c.keep)
	c.isHeld, c.queued = false, nil
	return c.raw.rewind()
}

// Next returns the next event that a Target sees.
func (c *cleaned) Next() (event.Event, error) {
	if c.queued != nil {
		ev := c.queued
		c.queued = nil
		return ev, nil
	}
	for {
		ev, err := c.raw.next()
		if errors.Is(err, io.EOF) && c.isHeld {
			return c.unhold(), nil
		}
		if err != nil {
			return nil, err
		}
		if t := ev.Type(); t >= event.MariaQueryCompressed && t <= event.MariaDeleteCompressed {
			if ev, err = event.Inflate(ev, c.checksum, maxInflated); err != nil {
				return nil, err
			}
		}
		if c.unneeded(ev) {
			continue
		}
		if c.filters == nil {
			return ev, nil
		}
		if out := c.filter(ev); out != nil {
			return out, nil
		}
	}
}

// unneeded reports whether a Target has no use for the event.
func (c *cleaned) unneeded(ev event.Event) bool {
	switch ev.Type() {
	case event.MariaAnnotateRows, event.MariaGTID, event.Ignorable, event.TransactionCtx, event.ViewChange:
		return true
	case event.RowsQuery:
		return c.filters != nil
	case event.Query:
		text, err := event.QueryText(ev, c.checksum)
		return err == nil && isSavepoint(text)
	}
	return false
}

// filter decides about one event. It returns what to hand out next, nil for
// nothing yet.
func (c *cleaned) filter(ev event.Event) event.Event {
	if ev.Type() == event.TableMap {
		if c.keep == nil {
			c.keep = make(map[uint64]bool)
		}
		ok := keepTable(c.filters, ev)
		c.keep[tableID(ev)] = ok
		if !ok {
			return nil
		}
		return c.pass(ev)
	}
	if !isRows(ev.Type()) {
		return c.pass(ev)
	}
	last := rowsFlags(ev)&event.RowsStmtEnd != 0
	kept := c.keep[tableID(ev)]
	if last {
		clear(c.keep)
	}
	if kept && last {
		return c.pass(ev)
	}
	if kept {
		return c.hold(ev)
	}
	if last && c.isHeld {
		event.SetRowsFlags(c.held, rowsFlags(c.held)|event.RowsStmtEnd)
		if c.checksum {
			event.Recrc(c.held)
		}
		return c.unhold()
	}
	return nil
}

// pass returns ev, or what was held before it and ev next.
func (c *cleaned) pass(ev event.Event) event.Event {
	if !c.isHeld {
		return ev
	}
	c.queued = ev
	return c.unhold()
}

// hold keeps ev back and returns what was held before.
func (c *cleaned) hold(ev event.Event) event.Event {
	var before event.Event
	if c.isHeld {
		before = c.unhold()
	}
	c.held = append(c.held[:0], ev...)
	c.isHeld = true
	return before
}

// unhold returns the held event. Its bytes stay until the next but one hold.
func (c *cleaned) unhold() event.Event {
	c.held, c.out = c.out, c.held
	c.isHeld = false
	return event.Event(c.out)
}

// isRows reports whether events of the type carry rows.
func isRows(t event.Type) bool {
	switch t {
	case event.WriteRowsV1, event.UpdateRowsV1, event.DeleteRowsV1,
		event.WriteRowsV2, event.UpdateRowsV2, event.DeleteRowsV2, event.PartialUpdateRows,
		event.MariaWriteCompressed, event.MariaUpdateCompressed, event.MariaDeleteCompressed:
		return true
	}
	return false
}

// tableID returns the table id of a Table_map or rows event, 0 if it is cut.
func tableID(ev event.Event) uint64 {
	if len(ev) < event.HeaderSize+8 {
		return 0
	}
	var b [8]byte
	copy(b[:6], ev[event.HeaderSize:])
	return binary.LittleEndian.Uint64(b[:])
}

// rowsFlags returns the flags of a rows event, 0 if it is cut.
func rowsFlags(ev event.Event) uint16 {
	if len(ev) < event.HeaderSize+8 {
		return 0
	}
	return binary.LittleEndian.Uint16(ev[event.HeaderSize+6:])
}

// keepTable reports whether the filters let the rows of a Table_map's table
// pass. A cut event passes: the Target refuses it.
func keepTable(f *replstate.Filters, ev event.Event) bool {
	const at = event.HeaderSize + 8
	if len(ev) < at+1 || len(ev) < at+1+int(ev[at]) {
		return true
	}
	return f.Database(string(ev[at+1 : at+1+int(ev[at])]))
}

var _ txn.Events = (*cleaned)(nil)
