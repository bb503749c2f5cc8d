package binlog

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
)

func TestReader_StartPositions(t *testing.T) {
	l := mustOpen(t, testOptions(vfs.NewMem()))
	defer l.Close()
	tx := insertTxn(1, 0, "one")
	end := commit(t, l, tx)
	file := end.File
	if _, err := l.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	hidden := insertTxn(2, 0, "not sent yet")
	if _, err := l.AppendGroup([]*Txn{hidden}); err != nil {
		t.Fatal(err)
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	size, _ := l.Index().Size(file)
	for _, c := range []struct {
		at  txn.Coord
		err error
	}{
		{txn.Coord{}, ErrPositionTooSmall},
		{txn.Coord{Pos: 4}, nil},
		{txn.Coord{File: file, Pos: 4}, nil},
		{tx.Start, nil},
		{end, nil},
		{txn.Coord{File: file, Pos: uint64(size)}, nil},
		{txn.Coord{File: file, Pos: 3}, ErrPositionTooSmall},
		{txn.Coord{File: file, Pos: uint64(size) + 1}, ErrPositionBeyondEnd},
		{txn.Coord{File: file, Pos: 1 << 63}, ErrPositionBeyondEnd},
		{txn.Coord{File: file, Pos: 5}, ErrInsideEvent},
		{txn.Coord{File: file, Pos: tx.Start.Pos + 1}, ErrInsideEvent},
		{txn.Coord{File: file, Pos: uint64(size) - 1}, ErrInsideEvent},
		{hidden.Start, nil},
		{hidden.End, ErrPositionBeyondEnd},
		{txn.Coord{File: "mysql-bin.000009", Pos: 4}, ErrUnknownFile},
		{txn.Coord{File: "../mysql-bin.000001", Pos: 4}, ErrUnknownFile},
		{txn.Coord{File: "mysql-bin.index", Pos: 4}, ErrUnknownFile},
	} {
		r, err := l.NewReader(c.at)
		if c.err == nil {
			if err != nil {
				t.Errorf("%v: %v", c.at, err)
				continue
			}
			r.Close()
			continue
		}
		var bad *PositionError
		if !errors.As(err, &bad) || !errors.Is(err, c.err) {
			t.Errorf("%v: %v, want %v", c.at, err, c.err)
		}
	}
	if n := len(l.readers.open); n != 0 {
		t.Fatalf("%d readers are still noted", n)
	}
}

func TestReader_CrossesFilesAndStopsAtSent(t *testing.T) {
	l := mustOpen(t, testOptions(vfs.NewMem()))
	first := commit(t, l, insertTxn(1, 0, "one"))
	if _, err := l.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	commit(t, l, ddlTxn(2, 0, "CREATE TABLE x (y int)"))
	if _, err := l.AppendGroup([]*Txn{insertTxn(3, 0, "hidden")}); err != nil {
		t.Fatal(err)
	}
	l.Sync()
	group := []string{"Anonymous_Gtid", "Query", "Table_map", "Write_rows", "Xid"}
	want := append([]string{"Format_desc", "Previous_gtids"}, group...)
	want = append(want, "Rotate", "Format_desc", "Previous_gtids", "Anonymous_Gtid", "Query")
	same(t, "events", readAll(t, l, txn.Coord{Pos: 4}), want)
	same(t, "from the middle", readAll(t, l, first), want[7:])

	r, err := l.NewReader(txn.Coord{File: first.File, Pos: 4})
	if err != nil {
		t.Fatal(err)
	}
	for {
		ev, ok, err := r.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		if ev.Flags()&event.FlagInUse != 0 {
			t.Fatalf("IN_USE of %s shows", r.Start().File)
		}
		if err := event.Verify(ev); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	if _, err := r.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Fatalf("after Close: %v", err)
	}
	r.Close()
}

func TestReader_ManyFollowOneWriter(t *testing.T) {
	o := testOptions(vfs.NewMem())
	o.MaxSize = func() int64 { return 5000 }
	l := mustOpen(t, o)
	const total = 300
	var wg sync.WaitGroup
	for i := range 4 {
		r, err := l.NewReader(txn.Coord{Pos: 4})
		if err != nil {
			t.Fatal(err)
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer r.Close()
			if got := followXids(t, ctxFor(t), r, i%2 == 0, total); got != total {
				t.Errorf("reader %d saw %d transactions", i, got)
			}
		}()
	}
	for csn := txn.CSN(1); csn <= total; {
		var group []*Txn
		for i := 0; i < 3 && csn <= total; i++ {
			group = append(group, insertTxn(csn, uint16(i), strings.Repeat("r", int(csn)*7%900)))
			csn++
		}
		commit(t, l, group...)
		if l.NeedsRotation() {
			if _, err := l.Rotate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	wg.Wait()
	if files := l.Index().Files(); len(files) < 10 {
		t.Fatalf("only %d files", len(files))
	}
	l.Close()
}

// followXids reads until n transactions were seen, in order, and returns how
// many were.
func followXids(t *testing.T, ctx context.Context, r *Reader, chunks bool, n int) int {
	seen := 0
	for seen < n {
		var b []byte
		var err error
		if chunks {
			b, err = r.Chunk(ctx)
		} else {
			b, err = r.Next(ctx)
		}
		if err != nil {
			t.Error(err)
			return seen
		}
		for len(b) > 0 {
			ev, rest, err := event.First(b)
			if err == nil {
				err = event.Verify(ev)
			}
			if err != nil {
				t.Error(err)
				return seen
			}
			if x, ok := event.XidOf(ev); ok {
				seen++
				if csn, _ := txn.ParseXid(x); csn != txn.CSN(seen) {
					t.Errorf("transaction %d, want %d", csn, seen)
					return seen
				}
			}
			b = rest
		}
	}
	return seen
}

func TestLog_HeaderAndFindGTID(t *testing.T) {
	o := testOptions(vfs.NewMem())
	executed := gtid.Set{}
	o.PreviousGTIDs = func() gtid.Set { return executed }
	l := mustOpen(t, o)
	defer l.Close()
	csn := txn.CSN(1)
	for range 3 { // GTIDs 1-2 in file 1, 3-4 in file 2, 5-6 in file 3
		for range 2 {
			tx := insertTxn(csn, 0, "x")
			tx.GTID = gtid.GTID{UUID: testUUID, GNO: int64(csn)}
			commit(t, l, tx)
			executed = executed.Add(tx.GTID)
			csn++
		}
		if _, err := l.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	set := func(s string) gtid.Set {
		if s == "" {
			return gtid.Set{}
		}
		v, err := gtid.ParseSet(testUUID.String() + s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	find := func(have, want string) {
		t.Helper()
		got, err := l.FindGTID(set(have))
		if want == "" {
			if !errors.Is(err, ErrPurged) {
				t.Fatalf("%q: %q %v", have, got, err)
			}
			return
		}
		if err != nil || got != "mysql-bin."+want {
			t.Fatalf("%q: %q %v, want %s", have, got, err, want)
		}
	}
	find("", "000001")
	find(":1", "000001")
	find(":1-2", "000002")
	find(":1-3", "000002")
	find(":1-6", "000004")
	if _, err := l.PurgeTo("mysql-bin.000002", nil); err != nil {
		t.Fatal(err)
	}
	find(":1", "")
	find(":1-2", "000002")
	fde, previous, err := l.Header("mysql-bin.000003")
	if err != nil || !previous.Equal(set(":1-4")) || fde.Type() != event.FormatDescription {
		t.Fatalf("header: %v %v", previous, err)
	}
	previous, own, err := GTIDsOf(l.Index(), "mysql-bin.000003")
	if err != nil || !previous.Equal(set(":1-4")) || !own.Equal(set(":5-6")) {
		t.Fatalf("GTIDs: %v %v %v", previous, own, err)
	}
	if _, _, err := l.Header("mysql-bin.000001"); !errors.Is(err, ErrUnknownFile) {
		t.Fatalf("purged file: %v", err)
	}
}

func TestLog_Purge(t *testing.T) {
	o := testOptions(vfs.NewMem())
	o.Now = func() time.Time { return time.Now().Add(time.Hour) }
	l := mustOpen(t, o)
	defer l.Close()
	for range 5 {
		if _, err := l.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	name := func(i int) string { return "mysql-bin.00000" + string(rune('0'+i)) }
	if _, err := l.PurgeTo("mysql-bin.000009", nil); !errors.Is(err, ErrNoTarget) {
		t.Fatalf("unknown target: %v", err)
	}
	res, err := l.PurgeTo(name(2), nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "purge", res, PurgeResult{Purged: []string{name(1)}, Wanted: 1})

	r, err := l.NewReader(txn.Coord{File: name(4), Pos: 4})
	if err != nil {
		t.Fatal(err)
	}
	res, err = l.PurgeTo(name(6), func(file string) bool { return file == name(3) })
	if err != nil {
		t.Fatal(err)
	}
	same(t, "kept", res, PurgeResult{Purged: []string{name(2)}, Wanted: 4, Stop: StopNeeded, At: name(3)})
	res, err = l.Expire(time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "being read", res, PurgeResult{Purged: []string{name(3)}, Wanted: 3, Stop: StopInUse, At: name(4), Readers: 1})
	for { // the Reader goes on to the last file
		if _, ok, err := r.TryNext(); err != nil {
			t.Fatal(err)
		} else if !ok {
			break
		}
	}
	if res, err = l.Expire(2*time.Hour, nil); err != nil || len(res.Purged) > 0 {
		t.Fatalf("young files: %+v %v", res, err)
	}
	res, err = l.Expire(time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "expired", res, PurgeResult{Purged: []string{name(4), name(5)}, Wanted: 2})
	same(t, "left", l.Index().Files(), []string{name(6)})
	r.Close()
}

func TestLog_Reset(t *testing.T) {
	fs := vfs.NewCrashableMem()
	l := mustOpen(t, testOptions(fs))
	commit(t, l, insertTxn(1, 0, "one"))
	if _, err := l.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := l.NewReader(txn.Coord{Pos: 4}) // with events it has not read
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Reset(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(t.Context()); !errors.Is(err, ErrReset) {
		t.Fatalf("reader: %v", err)
	}
	r.Close()
	same(t, "files", l.Index().Files(), []string{"mysql-bin.000001"})
	tx := insertTxn(2, 0, "after")
	commit(t, l, tx)
	if tx.Start.Pos != 157 || tx.Clock.Sequence != 1 {
		t.Fatalf("first transaction: %+v", tx)
	}
	same(t, "events", readAll(t, l, tx.Start)[0], "Anonymous_Gtid")
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	whole, damage, _ := scanCSNs(t, crashed, l.o)
	if damage != nil {
		t.Fatal(damage)
	}
	same(t, "after a crash", whole, []txn.CSN{2})
	l.Close()
}

func TestScan_EventsOfATransaction(t *testing.T) {
	for _, noChecksum := range []bool{false, true} {
		o := testOptions(vfs.NewMem())
		o.NoChecksum = noChecksum
		l := mustOpen(t, o)
		commit(t, l, insertTxn(1, 0, "one"), ddlTxn(2, 1, "DROP TABLE a"))
		x := l.Index()
		s, err := ScanTxns(x, txn.Coord{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for {
			found, err := s.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			evs, err := s.Events(found)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				for {
					ev, err := evs.Next()
					if err == io.EOF {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					name, info := Describe(ev, found.Checksum)
					got = append(got, name+" "+info)
				}
				if err := evs.Rewind(); err != nil {
					t.Fatal(err)
				}
			}
			evs.Close()
		}
		one := []string{"Query BEGIN", "Table_map table_id: 77 (shop.item)", "Write_rows table_id: 77 flags: STMT_END_F", "Xid COMMIT /* xid=65536 */"}
		two := "Query use `shop`; DROP TABLE a /* xid=131073 */"
		want := append(append(append([]string(nil), one...), one...), two, two)
		same(t, "events", strings.Join(got, "\n"), strings.Join(want, "\n"))
		s.Close()
		l.Close()
	}
}

func TestDescribe(t *testing.T) {
	h := event.Header{Timestamp: 1, ServerID: 1}
	maria := event.Begin(nil, h, event.MariaGTID)
	maria = append(maria, 5, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	maria = event.End(maria, 0)
	set, _ := gtid.ParseSet(testUUID.String() + ":1-5")
	tagged := append(event.Begin(nil, h, event.GTIDTagged), 1<<1, 25<<1, 10<<1, 1<<1) // version 1, the UUID of zeros
	tagged = append(append(tagged, make([]byte, 16)...), 2<<1, 6<<2, 3<<1, 1<<1, 'a')
	for _, c := range []struct {
		ev   event.Event
		want string
	}{
		{event.AppendFormat(nil, h, "8.0.36", 0, true), "Format_desc: Server ver: 8.0.36, Binlog ver: 4"},
		{event.AppendPreviousGTIDs(nil, h, set), "Previous_gtids: " + testUUID.String() + ":1-5"},
		{event.AppendRotate(nil, h, 4, "b.000002"), "Rotate: b.000002;pos=4"},
		{event.AppendStop(nil, h), "Stop: "},
		{event.AppendXid(nil, h, 7), "Xid: COMMIT /* xid=7 */"},
		{event.AppendGTID(nil, h, &event.GTIDInfo{}), "Anonymous_Gtid: SET @@SESSION.GTID_NEXT= 'ANONYMOUS'"},
		{event.AppendGTID(nil, h, &event.GTIDInfo{GTID: gtid.GTID{UUID: testUUID, GNO: 6}}), "Gtid: SET @@SESSION.GTID_NEXT= '" + testUUID.String() + ":6'"},
		{event.AppendQuery(nil, h, &event.QueryInfo{DB: "a`b", SQL: "DROP TABLE c"}), "Query: use `a``b`; DROP TABLE c"},
		{event.AppendQuery(nil, h, &event.QueryInfo{SQL: "BEGIN"}), "Query: BEGIN"},
		{event.AppendRowsQuery(nil, h, "insert 1"), "Rows_query: # insert 1"},
		{event.End(tagged, 0), "Gtid: SET @@SESSION.GTID_NEXT= '" + gtid.UUID{}.String() + ":a:6'"},
		{maria, "Gtid: BEGIN GTID 2-1-5"},
		{event.End(event.Begin(nil, h, 99), 0), "Unknown: "},
		{event.End(append(event.Begin(nil, h, event.TableMap), 1), 0), "Table_map: "},
		{event.Event("short"), "Unknown: "},
	} {
		name, info := Describe(c.ev, true)
		if got := name + ": " + info; got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func BenchmarkLog_AppendGroup(b *testing.B) {
	o := testOptions(vfs.Default)
	o.Dir = b.TempDir()
	l := mustOpen(b, o)
	defer l.Close()
	const perGroup = 64
	group := make([]*Txn, perGroup)
	var size int64
	for i := range group {
		group[i] = insertTxn(txn.CSN(i), uint16(i), strings.Repeat("b", 120))
		size += group[i].Size
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.AppendGroup(group); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLog_Commit(b *testing.B) {
	o := testOptions(vfs.Default)
	o.Dir = b.TempDir()
	l := mustOpen(b, o)
	defer l.Close()
	group := []*Txn{insertTxn(1, 0, strings.Repeat("b", 120))}
	for b.Loop() {
		commit(b, l, group...)
	}
}

func BenchmarkReader(b *testing.B) {
	o := testOptions(vfs.Default)
	o.Dir = b.TempDir()
	l := mustOpen(b, o)
	defer l.Close()
	var group []*Txn
	for i := range 500 {
		group = append(group, insertTxn(txn.CSN(i), uint16(i), strings.Repeat("b", 120)))
	}
	for range 20 {
		commit(b, l, group...)
	}
	for name, chunks := range map[string]bool{"events": false, "chunks": true} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(l.End().Pos))
			b.ReportAllocs()
			for b.Loop() {
				r, err := l.NewReader(txn.Coord{Pos: 4})
				if err != nil {
					b.Fatal(err)
				}
				for r.Pos() != l.End() {
					if chunks {
						_, err = r.Chunk(b.Context())
					} else {
						_, err = r.Next(b.Context())
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				r.Close()
			}
		})
	}
}
