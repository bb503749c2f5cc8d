package storage

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
)

// The parsers of what stands in the store and the local log must take any
// bytes, and what they accept must come back the same.

func FuzzLocalKV(f *testing.F) {
	o := &txn.Origin{Channel: "c", Source: txn.Coord{File: "s.000001", Pos: 4}, GTID: gtid.GTID{UUID: gtid.UUID{1}, GNO: 2},
		ServerID: 3, OriginalCommit: time.UnixMicro(5).UTC(), Timestamp: 6}
	for _, l := range []localKV{
		{nextID: 1},
		{nextID: 9, origin: o, kv: []KV{{"a", []byte("1")}, {"b", nil}, {"c", []byte{}}}, drops: []TableID{7, 1 << 40}},
	} {
		ev := appendLocalKV(nil, event.Header{}, &l)
		got, err := decodeLocalKV(ev)
		if err != nil || !reflect.DeepEqual(got, l) {
			f.Fatalf("%+v came back as %+v, %v", l, got, err)
		}
		f.Add([]byte(ev[event.HeaderSize : len(ev)-event.ChecksumSize]))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		ev := event.Begin(nil, event.Header{}, event.LocalKV)
		ev = event.End(append(ev, body...), 0)
		l, err := decodeLocalKV(ev)
		if err != nil {
			return
		}
		again, err := decodeLocalKV(appendLocalKV(nil, event.Header{}, &l))
		if err != nil || !reflect.DeepEqual(l, again) {
			t.Errorf("%+v came back as %+v, %v", l, again, err)
		}
	})
}

func FuzzLocalHeader(f *testing.F) {
	l := localHeader{kind: localRecordKind, flags: localJoined, csn: 7, index: 3, events: 2, length: 99}
	f.Add([]byte(appendLocalHeader(nil, event.Header{}, &l)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < event.HeaderSize {
			return
		}
		l, err := decodeLocalHeader(b)
		if err != nil {
			return
		}
		again, err := decodeLocalHeader(appendLocalHeader(nil, event.Header{}, &l))
		if err != nil || l != again {
			t.Errorf("%+v came back as %+v, %v", l, again, err)
		}
	})
}

func FuzzCoordinate(f *testing.F) {
	c := coordinate{csn: 5, bin: txn.Coord{File: "binlog.000001", Pos: 9}, local: txn.Coord{File: "local.000002", Pos: 4},
		nextID: 8, bytes: 77, clean: true, lax: true}
	f.Add(c.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeCoordinate(b)
		if err != nil {
			return
		}
		again, err := decodeCoordinate(c.append(nil))
		if err != nil || c != again {
			t.Errorf("%+v came back as %+v, %v", c, again, err)
		}
	})
}

func FuzzOrigin(f *testing.F) {
	f.Add(appendOrigin(nil, &txn.Origin{Channel: "c", Source: txn.Coord{File: "s.000001", Pos: 4}, Timestamp: 6}))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := decodeOrigin(b)
		if err != nil {
			return
		}
		once := appendOrigin(nil, &o)
		again, err := decodeOrigin(once)
		if err != nil || !bytes.Equal(appendOrigin(nil, &again), once) {
			t.Errorf("%+v came back as %+v, %v", o, again, err)
		}
	})
}
