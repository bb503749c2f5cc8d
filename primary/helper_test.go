package primary

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/go-mysql-org/go-mysql/replication"

	"binrelay/binlog"
	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/logfile/logtest"
	"binrelay/binlog/txn"
	"binrelay/replica/replstate"
)

var testUUID = gtid.UUID{0x3e, 0x11, 0xfa, 0x47, 0x71, 0xca, 0x11, 0xe1, 0x9e, 0x33, 0xc8, 0x0a, 0xa9, 0x42, 0x95, 0x62}

// events is a txn.Events in memory.
type events struct {
	list []event.Event
	i    int
}

func (e *events) Next() (event.Event, error) {
	if e.i == len(e.list) {
		return nil, io.EOF
	}
	e.i++
	return e.list[e.i-1], nil
}

func (e *events) Rewind() error { e.i = 0; return nil }

// source is a binlog on a memory file system and a Registry that serves it.
type source struct {
	t    testing.TB
	fs   *vfs.MemFS
	log  *binlog.Log
	reg  *Registry
	csn  txn.CSN
	gtid int64 // last GNO given; negative: anonymous
}

func newSource(t testing.TB, change func(*binlog.Options, *Options)) *source {
	t.Helper()
	s := &source{t: t, fs: vfs.NewMem(), gtid: -1}
	bo := binlog.Options{FS: s.fs, Dir: "/data", Base: "mysql-bin", ServerVersion: "8.0.36-binrelay", ServerID: func() uint32 { return 201 }}
	po := Options{ServerID: func() uint32 { return 201 }}
	if change != nil {
		change(&bo, &po)
	}
	log, err := binlog.Open(bo)
	if err != nil {
		t.Fatal(err)
	}
	s.log, s.reg = log, New(log, po)
	t.Cleanup(func() { log.Close() })
	return s
}

// commit writes one transaction with a row of n bytes of text.
func (s *source) commit(n int) txn.Coord {
	s.t.Helper()
	s.csn++
	h := event.Header{Timestamp: 1700000000}
	table := event.TableMapInfo{TableID: 77, Flags: 1, DB: "shop", Table: "item", Columns: []event.Column{
		{Type: 3}, {Type: 252, Meta: 4, Nullable: true},
	}}
	row := event.AppendRows(nil, h, event.WriteRowsV2, &event.RowsInfo{TableID: 77, Flags: event.RowsStmtEnd, Columns: 2})
	row = append(row, 0xfc, byte(s.csn), byte(s.csn>>8), 0, 0, byte(n), byte(n>>8), byte(n>>16), 0)
	row = event.End(append(row, bytes.Repeat([]byte{'x'}, n)...), 0)
	t := &binlog.Txn{CSN: s.csn}
	if s.gtid >= 0 {
		s.gtid++
		t.GTID = gtid.GTID{UUID: testUUID, GNO: s.gtid}
	}
	list := []event.Event{
		event.AppendQuery(nil, h, &event.QueryInfo{DB: "shop", SQL: "BEGIN"}),
		event.AppendTableMap(nil, h, &table, event.MetaMinimal), row, event.AppendXid(nil, h, 0),
	}
	for _, ev := range list {
		t.Size += int64(len(ev))
	}
	t.Events, t.Count = &events{list: list}, len(list)
	end, err := s.log.AppendGroup([]*binlog.Txn{t})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.log.Sync(); err != nil {
		s.t.Fatal(err)
	}
	s.log.SetSent(end)
	return end
}

func (s *source) rotate() {
	s.t.Helper()
	if _, err := s.log.Rotate(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// file returns the bytes of a binlog file with IN_USE cleared.
func (s *source) file(name string) []byte {
	s.t.Helper()
	b := logtest.ReadFile(s.t, s.fs, "/data/"+name)
	fde := event.Event(b[4:])
	event.SetFlags(fde, fde.Flags()&^event.FlagInUse)
	return b
}

// dump serves a reader that does not wait and returns what it got.
func (s *source) dump(req replstate.DumpRequest) ([]event.Event, error) {
	s.t.Helper()
	req.Flags |= replstate.DumpNonBlock
	if req.Checksum == replstate.ChecksumUnset {
		req.Checksum = replstate.ChecksumCRC32
	}
	w := &collector{}
	err := s.reg.ServeDump(s.t.Context(), req, w)
	return w.got(), err
}

// collector is a DumpWriter that keeps everything. With a gate it blocks in
// each WriteEvent until something comes through the gate.
type collector struct {
	gate chan struct{}

	mu      sync.Mutex
	events  []event.Event
	flushed int
	arrived chan struct{}
}

func (c *collector) WriteEvent(ev []byte) error {
	if c.gate != nil {
		if _, ok := <-c.gate; !ok {
			return errors.New("connection closed")
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, bytes.Clone(ev))
	return nil
}

func (c *collector) Flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flushed = len(c.events)
	if c.arrived != nil {
		close(c.arrived)
		c.arrived = nil
	}
	return nil
}

// got returns the events that were flushed.
func (c *collector) got() []event.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]event.Event(nil), c.events[:c.flushed]...)
}

// wait blocks until at least n events were flushed.
func (c *collector) wait(t testing.TB, n int) []event.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		c.mu.Lock()
		if c.flushed >= n {
			defer c.mu.Unlock()
			return append([]event.Event(nil), c.events[:c.flushed]...)
		}
		if c.arrived == nil {
			c.arrived = make(chan struct{})
		}
		ch := c.arrived
		c.mu.Unlock()
		select {
		case <-ch:
		case <-ctx.Done():
			t.Fatalf("%d events did not come", n)
		}
	}
}

// types parses events with go-mysql's parser, which must accept each of them,
// and returns their type names.
func types(t testing.TB, evs []event.Event) []string {
	t.Helper()
	p := replication.NewBinlogParser()
	p.SetVerifyChecksum(true)
	var names []string
	for i, ev := range evs {
		e, err := p.Parse(ev)
		if err != nil {
			t.Fatalf("event %d (%x): %v", i, []byte(ev), err)
		}
		names = append(names, e.Header.EventType.String())
	}
	return names
}

func number(err error) uint16 {
	var e *replstate.Error
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}
