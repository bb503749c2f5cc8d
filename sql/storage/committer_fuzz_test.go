package storage

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/logfile"
	"binrelay/binlog/logfile/logtest"
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

// FuzzScanLocal scans a newest local log of any content: records lie in it in
// order, and whole ones are read again as they were counted.
func FuzzScanLocal(f *testing.F) {
	base, _ := crashedFiles(f, 3)
	const dir, name = "data/#local", "data/#local/local.000001"
	seed, index := logtest.ReadFile(f, base, name), []byte("./local.000001\n")
	f.Add(seed, false)
	f.Add(seed[:min(len(seed), 2000)], true)
	f.Fuzz(func(t *testing.T, content []byte, seal bool) {
		if seal {
			content = logtest.Reseal(content)
		}
		fs := vfs.NewMem()
		if err := fs.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		logtest.WriteFile(t, fs, name, content)
		logtest.WriteFile(t, fs, dir+"/local.index", index)
		x, err := logfile.OpenIndex(fs, dir, "local")
		if err != nil {
			t.Fatal(err)
		}
		tail, err := scanLocal(x, txn.Coord{})
		if err != nil {
			return
		}
		last := uint64(0)
		for _, r := range tail.records {
			if r.start.Pos < last || r.end.Pos < r.start.Pos || r.end.Pos > uint64(len(content)) {
				t.Fatalf("record %+v after %d in %d bytes", r, last, len(content))
			}
			last = r.end.Pos
			if r.partial {
				continue
			}
			evs := &fileEvents{fs: fs, path: name, from: int64(r.start.Pos), to: int64(r.end.Pos)}
			if n := len(drain(evs)); n == 0 {
				t.Fatalf("record %+v has no events", r)
			}
			evs.Close()
		}
	})
}

// FuzzDefinition opens catalog entries of any content.
func FuzzDefinition(f *testing.F) {
	s := newTestStore(f)
	schema := kvSchema()
	f.Add(databasePrefix+"d", encodeDefinition(&Database{Name: "d"}))
	f.Add(tablePrefix+"0001", encodeDefinition(&schema))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		op, ok, err := s.tables.opOf(KV{Key: key, Value: value}, 1)
		if err == nil && ok && op.put != nil && op.put.layout == nil {
			t.Fatal("a table without a layout")
		}
	})
}
