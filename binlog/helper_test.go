package binlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
)

const testVersion = "8.0.36-binrelay"

var testTime = time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)

// memEvents is a txn.Events in memory.
type memEvents struct {
	events []event.Event
	next   int
}

func (m *memEvents) Next() (event.Event, error) {
	if m.next == len(m.events) {
		return nil, io.EOF
	}
	m.next++
	return m.events[m.next-1], nil
}

func (m *memEvents) Rewind() error { m.next = 0; return nil }

func testOptions(fs vfs.FS) Options {
	return Options{
		FS: fs, Dir: "/data", Base: "mysql-bin", ServerVersion: testVersion,
		ServerID: func() uint32 { return 201 },
		Now:      func() time.Time { return testTime },
	}
}

func mustOpen(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var testUUID = gtid.UUID{0x3e, 0x11, 0xfa, 0x47, 0x71, 0xca, 0x11, 0xe1, 0x9e, 0x33, 0xc8, 0x0a, 0xa9, 0x42, 0x95, 0x62}

var testTable = event.TableMapInfo{TableID: 77, Flags: 1, DB: "shop", Table: "item", Columns: []event.Column{
	{Type: 3}, {Type: 15, Meta: 4 * 255, Nullable: true, Collation: 45},
}}

// insertTxn is BEGIN, one table map, n bytes of text in one row, Xid.
func insertTxn(csn txn.CSN, index uint16, text string) *Txn {
	h := event.Header{Timestamp: uint32(testTime.Unix())}
	begin := h
	begin.Flags = event.FlagSuppressUse
	evs := []event.Event{
		event.AppendQuery(nil, begin, &event.QueryInfo{ThreadID: 9, DB: "shop", SQL: "BEGIN"}),
		event.AppendTableMap(nil, h, &testTable, event.MetaMinimal),
	}
	row := event.AppendRows(nil, h, event.WriteRowsV2, &event.RowsInfo{TableID: 77, Flags: event.RowsStmtEnd, Columns: 2})
	row = append(row, 0xfc, byte(csn), byte(csn>>8), 0, 0, byte(len(text)), byte(len(text)>>8))
	row = event.End(append(row, text...), 0)
	evs = append(evs, row, event.AppendXid(nil, h, 0))
	return newTxn(csn, index, evs)
}

func ddlTxn(csn txn.CSN, index uint16, sql string) *Txn {
	h := event.Header{Timestamp: uint32(testTime.Unix())}
	q := event.QueryInfo{ThreadID: 9, DB: "shop", SQL: sql, Status: event.QueryStatus{
		Has: event.VarSQLMode | event.VarCharset | event.VarDDLXid, SQLMode: 1411383296,
		CharsetClient: 45, CollationConnection: 45, CollationServer: 45}}
	t := newTxn(csn, index, []event.Event{event.AppendQuery(nil, h, &q)})
	t.DDL = true
	return t
}

func newTxn(csn txn.CSN, index uint16, evs []event.Event) *Txn {
	t := &Txn{CSN: csn, Index: index, Events: &memEvents{events: evs}, Count: len(evs)}
	for _, ev := range evs {
		t.Size += int64(len(ev))
	}
	return t
}

// commit appends a group, syncs it and lets Readers see it.
func commit(t testing.TB, l *Log, ts ...*Txn) txn.Coord {
	t.Helper()
	end, err := l.AppendGroup(ts)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	l.SetSent(end)
	return end
}

// readAll returns the types of all events a Reader hands out up to the mark.
func readAll(t testing.TB, l *Log, at txn.Coord) (names []string) {
	t.Helper()
	r, err := l.NewReader(at)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		ev, ok, err := r.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return names
		}
		name, _ := Describe(ev, r.Checksum())
		names = append(names, name)
	}
}

// scanCSNs scans all transactions, going on behind damage.
func scanCSNs(t testing.TB, fs vfs.FS, o Options) (whole []txn.CSN, damage *DamageError, after []txn.CSN) {
	t.Helper()
	o.FS = fs
	x, err := o.OpenIndex()
	if err != nil {
		t.Fatal(err)
	}
	s, err := ScanTxns(x, txn.Coord{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for {
		found, err := s.Next()
		var bad *DamageError
		switch {
		case err == io.EOF:
			return whole, damage, after
		case errors.As(err, &bad):
			if damage == nil {
				damage = bad
			}
			if err := s.Resume(); err != nil {
				t.Fatal(err)
			}
		case err != nil:
			t.Fatal(err)
		case damage == nil:
			whole = append(whole, found.CSN)
		default:
			after = append(after, found.CSN)
		}
	}
}

func ctxFor(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func csns(n int) []txn.CSN {
	var list []txn.CSN
	for i := range n {
		list = append(list, txn.CSN(i+1))
	}
	return list
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Fatalf("%s:\n got %.4000s\nwant %.4000s", what, g, w)
	}
}
