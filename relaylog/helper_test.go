package relaylog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
)

const (
	sourceID  = 7
	replicaID = 202
)

var sourceUUID = gtid.UUID{0xaa, 0xbb, 3: 1}

// source makes the stream that a primary's dump sends.
type source struct {
	checksum bool
	number   int
	pos      uint64
	gno      int64
}

// received is one event with the coordinate behind it.
type received struct {
	ev       event.Event
	at       txn.Coord
	checksum bool
}

func newSource(checksum bool) *source { return &source{checksum: checksum, number: 1, pos: 4} }

func (s *source) file() string { return fmt.Sprintf("mysql-bin.%06d", s.number) }

func (s *source) coord() txn.Coord { return txn.Coord{File: s.file(), Pos: s.pos} }

// hello is what a dump starts with.
func (s *source) hello() []received {
	h := event.Header{ServerID: sourceID, Flags: event.FlagArtificial}
	rotate := event.Finish(event.AppendRotate(nil, h, s.pos, s.file()), 0, s.checksum)
	fde := event.AppendFormat(nil, event.Header{Timestamp: 1700000000, ServerID: sourceID}, "8.0.36-source", 0, s.checksum)
	end := uint32(4 + len(fde))
	if s.pos > 4 {
		end = 0
	} else {
		s.pos = uint64(end)
	}
	return []received{{rotate, txn.Coord{File: s.file(), Pos: s.pos}, s.checksum}, {event.Finish(fde, end, s.checksum), s.coord(), true}}
}

// start is hello with the place the Rotate names.
func (s *source) start() []received {
	at := s.coord()
	r := s.hello()
	r[0].at = at
	return r
}

func (s *source) event(ev event.Event) received {
	size := len(ev)
	if !s.checksum {
		size -= event.ChecksumSize
	}
	s.pos += uint64(size)
	return received{event.Finish(ev, uint32(s.pos), s.checksum), s.coord(), s.checksum}
}

var sourceTable = event.TableMapInfo{TableID: 5, Flags: 1, DB: "db", Table: "t", Columns: []event.Column{{Type: 3}, {Type: 15, Meta: 1020, Nullable: true, Collation: 45}}}

// txn is a transaction with one row of n bytes of text.
func (s *source) txn(n int) []received {
	s.gno++
	g := event.AppendGTID(nil, testHeader, &event.GTIDInfo{GTID: gtid.GTID{UUID: sourceUUID, GNO: s.gno}})
	row := event.AppendRows(nil, testHeader, event.WriteRowsV2, &event.RowsInfo{TableID: 5, Flags: event.RowsStmtEnd, Columns: 2})
	row = append(row, 0xfc, byte(s.gno), 0, 0, 0, byte(n), byte(n>>8))
	row = event.End(append(row, strings.Repeat("s", n)...), 0)
	return []received{
		s.event(g), s.event(query("BEGIN")), s.event(event.AppendTableMap(nil, testHeader, &sourceTable, event.MetaMinimal)),
		s.event(row), s.event(event.AppendXid(nil, testHeader, uint64(s.gno))),
	}
}

// rotate ends the file and starts the next.
func (s *source) rotate() []received {
	r := s.event(event.AppendRotate(nil, testHeader, 4, fmt.Sprintf("mysql-bin.%06d", s.number+1)))
	s.number++
	s.pos = 4
	r.at = s.coord()
	return append([]received{r}, s.start()...)
}

func testOptions(fs vfs.FS) Options {
	return Options{
		FS: fs, Dir: "/relay", Base: "relay-bin", ServerVersion: "8.0.36-binrelay",
		ServerID: func() uint32 { return replicaID },
		Now:      func() time.Time { return time.Unix(1700000001, 0) },
	}
}

func mustOpen(t testing.TB, o Options) (*Log, Recovered) {
	t.Helper()
	l, rec, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return l, rec
}

func appendAll(t testing.TB, l *Log, lists ...[]received) {
	t.Helper()
	for _, list := range lists {
		for _, r := range list {
			if err := l.Append(r.ev, r.at, r.checksum); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Fatalf("%s:\n got %.3000s\nwant %.3000s", what, g, w)
	}
}

// line shows an entry: where, what, and its source coordinate.
func line(e Entry) string {
	own := ""
	if e.Own {
		own = " own"
	}
	return fmt.Sprintf("%s:%d type %d server %d%s -> %s:%d", e.Start.File, e.Start.Pos, e.Event.Type(), e.Event.ServerID(), own, e.Source.File, e.Source.Pos)
}

// drain reads everything there is.
func drain(t testing.TB, r *Reader) (entries []Entry) {
	t.Helper()
	for {
		e, ok, err := r.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return entries
		}
		e.Event = append(event.Event(nil), e.Event...)
		if e.Checksum && event.Verify(e.Event) != nil {
			t.Fatalf("checksum of %s", line(e))
		}
		entries = append(entries, e)
	}
}

// fromSource are the entries that hold the source's events.
func fromSource(entries []Entry) (list []Entry) {
	for _, e := range entries {
		if !e.Own && e.Event.Type() != event.FormatDescription && e.Event.Flags()&event.FlagArtificial == 0 {
			list = append(list, e)
		}
	}
	return list
}
