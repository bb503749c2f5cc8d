package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog"
	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
)

// The Committer's tests know no tables: a row is a Rows_query event whose text
// is "key=value", stored under f|key with its stamp before the value.

var fakeSpace = []byte("f|")

func fakeKey(key string) []byte { return append(fakeSpace[:2:2], key...) }

// fakeTables stands in for the transaction half.
type fakeTables struct {
	e *Engine
	t testing.TB
}

func (f *fakeTables) load() error               { return nil }
func (f *fakeTables) applyKV([]KV) error        { return nil }
func (f *fakeTables) sweep(*pebble.Batch) error { return nil }

func (f *fakeTables) dropID(b *pebble.Batch, id TableID) error {
	low := fakeKey(fmt.Sprintf("id%d/", id))
	return b.DeleteRange(low, prefixEnd(low), nil)
}

func (f *fakeTables) applyRecord(b *pebble.Batch, _ *overlay, csn txn.CSN, events txn.Events, checksum bool) error {
	for {
		ev, err := events.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if ev.Type() != event.RowsQuery {
			continue
		}
		text, err := event.DecodeRowsQuery(ev, checksum)
		if err != nil {
			return err
		}
		key, value, _ := strings.Cut(text, "=")
		if _, ok, err := getCopy(b, fakeKey(key)); err != nil || ok {
			return fmt.Errorf("row %q was there before its replay (%v)", key, err)
		}
		v := binary.LittleEndian.AppendUint64(nil, uint64(csn))
		if err := b.Set(fakeKey(key), append(v, value...), nil); err != nil {
			return err
		}
	}
}

// memEvents is a txn.Events in memory.
type memEvents struct {
	evs []event.Event
	at  int
	buf []byte
}

func (m *memEvents) Next() (event.Event, error) {
	if m.at == len(m.evs) {
		return nil, io.EOF
	}
	m.buf = append(m.buf[:0], m.evs[m.at]...)
	m.at++
	return m.buf, nil
}

func (m *memEvents) Rewind() error { m.at = 0; return nil }

func (m *memEvents) size() (n int64) {
	for _, ev := range m.evs {
		n += int64(len(ev))
	}
	return n
}

// fakeTxn describes a transaction of a test.
type fakeTxn struct {
	bin     []string // rows "key=value" that travel
	private []string // rows that do not
	kv      []KV
	drop    TableID
	ddl     string
	origin  *txn.Origin
	gtid    gtid.GTID
}

func (f fakeTxn) pending(e *Engine) *pending {
	p := &pending{batch: e.db.NewBatch(), kv: f.kv, origin: f.origin}
	put := func(rows []string) []event.Event {
		var evs []event.Event
		for _, r := range rows {
			key, value, _ := strings.Cut(r, "=")
			if err := p.batch.Set(fakeKey(key), append(make([]byte, stampSize), value...), nil); err != nil {
				panic(err)
			}
			p.stamps = append(p.stamps, uint32(p.batch.Len()-len(value)-stampSize))
			evs = append(evs, event.AppendRowsQuery(nil, event.Header{Timestamp: 7}, r))
		}
		return evs
	}
	for _, kv := range f.kv {
		if err := setMeta(p.batch, kv); err != nil {
			panic(err)
		}
	}
	if f.drop != 0 {
		p.drops = []TableID{f.drop}
		if err := e.hooks.dropID(p.batch, f.drop); err != nil {
			panic(err)
		}
	}
	if evs := put(f.private); evs != nil {
		m := &memEvents{evs: evs}
		p.private, p.privN, p.privLen = m, len(evs), m.size()
	}
	if evs := put(f.bin); evs != nil || f.ddl != "" {
		h := event.Header{Timestamp: 7}
		m := &memEvents{}
		if f.ddl != "" {
			q := &event.QueryInfo{SQL: f.ddl, Status: event.QueryStatus{Has: event.VarDDLXid}}
			m.evs = []event.Event{event.AppendQuery(nil, h, q)}
		} else {
			m.evs = append(m.evs, event.AppendQuery(nil, h, &event.QueryInfo{SQL: "BEGIN"}))
			m.evs = append(m.evs, evs...)
			m.evs = append(m.evs, event.AppendXid(nil, h, 0))
		}
		p.bin = &binlog.Txn{Events: m, Size: m.size(), Count: len(m.evs), DDL: f.ddl != "", GTID: f.gtid}
		if e.bin != nil {
			p.bin.After = e.bin.Visible()
		}
	}
	return p
}

// fakeOptions are the options of a test's Engine.
func fakeOptions(t testing.TB, fs vfs.FS, change func(*Options)) Options {
	o := Options{
		FS: fs, Dir: "data", MemTableBytes: 256 << 10, CacheBytes: 1 << 20,
		Fatal: func(err error) { t.Errorf("fatal: %v", err) },
	}
	o.hooks = func(e *Engine) tableHooks { return &fakeTables{e, t} }
	if change != nil {
		change(&o)
	}
	return o
}

func openFake(t testing.TB, fs vfs.FS, change func(*Options)) *Engine {
	t.Helper()
	e, err := tryOpenFake(t, fs, change)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func tryOpenFake(t testing.TB, fs vfs.FS, change func(*Options)) (*Engine, error) {
	r, err := OpenRecovery(fakeOptions(t, fs, change))
	if err != nil {
		return nil, err
	}
	return r.Replay(context.Background())
}

func closeFake(t testing.TB, e *Engine) {
	t.Helper()
	if err := e.Close(context.Background()); err != nil {
		t.Errorf("close: %v", err)
	}
}

func (f fakeTxn) commit(t testing.TB, e *Engine) txn.Result {
	t.Helper()
	r := e.cm.commit(context.Background(), f.pending(e))
	if r.Err != nil {
		t.Fatalf("commit: %v", r.Err)
	}
	return r
}

// fakeRows reads all rows: key → value, and checks that no stamp is above csn.
func fakeRows(t testing.TB, e *Engine) map[string]string {
	t.Helper()
	got := map[string]string{}
	csn, _, _ := e.Visible()
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: fakeSpace, UpperBound: prefixEnd(fakeSpace)})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	for it.First(); it.Valid(); it.Next() {
		v := it.Value()
		if s := rawStamp(v); s == 0 || s > csn {
			t.Errorf("row %s is stamped %d, visible is %d", it.Key(), s, csn)
		}
		got[string(it.Key()[2:])] = string(v[stampSize:])
	}
	return got
}

// binlogRows reads the rows of all whole transactions in the binlog.
func binlogRows(t testing.TB, e *Engine) map[string]string {
	t.Helper()
	got := map[string]string{}
	s, err := binlog.ScanTxns(e.bin.Index(), txn.Coord{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for {
		x, err := s.Next()
		if err == io.EOF {
			return got
		}
		if err != nil {
			t.Fatalf("binlog: %v", err)
		}
		evs, err := s.Events(x)
		if err != nil {
			t.Fatal(err)
		}
		for {
			ev, err := evs.Next()
			if err != nil {
				break
			}
			if ev.Type() == event.RowsQuery {
				text, _ := event.DecodeRowsQuery(ev, x.Checksum)
				key, value, _ := strings.Cut(text, "=")
				got[key] = value
			}
		}
		evs.Close()
	}
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func TestEngine_CommitsAreThereAfterRestart(t *testing.T) {
	fs := vfs.NewMem()
	gtidOn := func(o *Options) {
		o.GTIDMode = func() bool { return true }
		o.ServerUUID = gtid.UUID{1}
	}
	e := openFake(t, fs, gtidOn)
	origin := &txn.Origin{Channel: "c", Source: txn.Coord{File: "src.000001", Pos: 99}, GTID: gtid.GTID{UUID: gtid.UUID{9}, GNO: 5}, Timestamp: 3}
	fakeTxn{bin: []string{"a=1"}}.commit(t, e)
	fakeTxn{private: []string{"b=2"}}.commit(t, e)
	r := fakeTxn{bin: []string{"c=3"}, private: []string{"d=4"}, kv: []KV{{Key: "cat|x", Value: []byte("y")}}}.commit(t, e)
	if r.CSN != 4 {
		t.Errorf("mixed transaction got CSN %d, want 4", r.CSN)
	}
	fakeTxn{origin: origin}.commit(t, e)
	fakeTxn{ddl: "CREATE TABLE id7", kv: []KV{{Key: "cat|t", Value: []byte{}}}}.commit(t, e)
	fakeTxn{bin: []string{"id7/r=1"}}.commit(t, e)
	fakeTxn{ddl: "DROP TABLE id7", kv: []KV{{Key: "cat|t"}}, drop: 7}.commit(t, e)
	if err := e.PutKV(t.Context(), KV{"ns/a", []byte("v")}, KV{"ns/b", nil}, KV{"ns/c", []byte{}}); err != nil {
		t.Fatal(err)
	}
	check := func(e *Engine, how string) {
		t.Helper()
		if got := fmt.Sprint(fakeRows(t, e)); got != "map[a:1 b:2 c:3 d:4]" {
			t.Errorf("%s: rows %v", how, got)
		}
		if v, ok, err := e.GetKV("ns/a"); err != nil || !ok || string(v) != "v" {
			t.Errorf("%s: ns/a is %q %v %v", how, v, ok, err)
		}
		var keys []string
		if err := e.ScanKV("ns/", func(k string, v []byte) error { keys = append(keys, k+string(v)); return nil }); err != nil {
			t.Error(err)
		}
		if !slices.Equal(keys, []string{"ns/av", "ns/c"}) {
			t.Errorf("%s: settings %q", how, keys)
		}
		csn, _, gtids := e.Visible()
		if csn != 11 {
			t.Errorf("%s: visible CSN %d, want 11", how, csn)
		}
		want := "01000000-0000-0000-0000-000000000000:1-5,\n09000000-0000-0000-0000-000000000000:5"
		if gtids.String() != want {
			t.Errorf("%s: gtid_executed %s", how, gtids)
		}
		o, ok, err := originOf(e.db, "c")
		if err != nil || !ok || o != *origin {
			t.Errorf("%s: position %+v %v %v", how, o, ok, err)
		}
	}
	check(e, "at once")
	thaw, _, err := e.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	thaw()
	closeFake(t, e)
	e = openFake(t, fs, gtidOn)
	check(e, "after a clean stop")
	closeFake(t, e)
}

func TestEngine_GroupsManyWriters(t *testing.T) {
	fs := vfs.NewCrashableMem()
	e := openFake(t, fs, nil)
	const writers, each = 16, 60
	var mu sync.Mutex
	seen := map[txn.CSN]bool{}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range each {
				f := fakeTxn{bin: []string{fmt.Sprintf("w%d-%d=%d", w, i, i)}}
				n := txn.CSN(1)
				switch i % 3 {
				case 1:
					f.bin, f.private = nil, f.bin
				case 2:
					f.origin = &txn.Origin{Channel: fmt.Sprint(w), Source: txn.Coord{File: "f", Pos: uint64(i)}}
					n = 2
				}
				r := e.cm.commit(context.Background(), f.pending(e))
				if r.Err != nil {
					t.Error(r.Err)
					return
				}
				if csn, _, _ := e.Visible(); csn < r.CSN {
					t.Errorf("answered %d while %d is visible", r.CSN, csn)
				}
				mu.Lock()
				for ; n > 0; n-- {
					if c := r.CSN - n + 1; seen[c] {
						t.Errorf("CSN %d twice", c)
					} else {
						seen[c] = true
					}
				}
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	csn, _, _ := e.Visible()
	if int(csn) != len(seen) || int(csn) != writers*each*4/3 {
		t.Errorf("visible CSN is %d, %d were given", csn, len(seen))
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	rows := fakeRows(t, e)
	closeFake(t, e)
	e2 := openFake(t, crashed, nil)
	got := fakeRows(t, e2)
	if !slices.Equal(sortedKeys(got), sortedKeys(rows)) {
		t.Errorf("after a crash %d rows of %d", len(got), len(rows))
	}
	closeFake(t, e2)
}

func TestCommitter_LargeTransactions(t *testing.T) {
	fs := vfs.NewMem()
	e := openFake(t, fs, func(o *Options) {
		o.MaxTxnBytes = func() int64 { return 1 << 20 }
	})
	big := "k=" + string(bytes.Repeat([]byte("x"), 1<<20))
	released := 0
	p := fakeTxn{bin: []string{big}}.pending(e)
	p.release = func(r txn.Result) { released++ }
	if r := e.cm.commit(t.Context(), p); !isTooLarge(r.Err) || released != 1 {
		t.Errorf("1 MiB and some: %v, released %d times", r.Err, released)
	}
	fakeTxn{bin: []string{big[:1<<19]}}.commit(t, e)
	closeFake(t, e)
}

func isTooLarge(err error) bool { return errors.Is(err, ErrTooLarge) }
