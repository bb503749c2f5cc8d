package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog"
	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/rowimage"
	"binrelay/binlog/txn"
)

// groupOf makes a group of a transaction's events as a relay log holds them:
// with checksum and end positions.
func groupOf(evs []event.Event, n int) *txn.Group {
	m := &memEvents{}
	pos := uint32(1000 * n)
	for _, ev := range evs {
		pos += uint32(len(ev))
		m.evs = append(m.evs, event.Finish(append(event.Event(nil), ev...), pos, true))
	}
	return &txn.Group{Kind: txn.Rows, Events: m, Checksum: true,
		Origin: &txn.Origin{Channel: "c", Source: txn.Coord{File: "src.000001", Pos: uint64(pos)}, ServerID: 7, Timestamp: 99}}
}

func applyGroup(t testing.TB, e *Engine, g *txn.Group) {
	t.Helper()
	p, err := e.Prepare(context.Background(), g)
	if err != nil {
		t.Fatal(err)
	}
	if r := <-p.Enqueue(); r.Err != nil {
		t.Fatal(r.Err)
	}
}

func (s *testStore) newest() []event.Event { return s.bin[len(s.bin)-1] }

// randomSource fills a table of the source with transactions and returns their
// events.
func randomSource(t testing.TB, s *testStore, tabs []*Table, n int, rng *rand.Rand) [][]event.Event {
	t.Helper()
	from := len(s.bin)
	for range n {
		tx := s.Begin(TxOptions{})
		for range 1 + rng.IntN(3) {
			tx.BeginStatement()
			tab := tabs[rng.IntN(len(tabs))]
			var rows [][]byte
			it := tx.Scan(t.Context(), tab, -1, Range{}, ScanOptions{Lock: LockExclusive})
			for it.Next() {
				rows = append(rows, append([]byte(nil), it.Image()...))
			}
			if err := it.Close(); err != nil {
				t.Fatal(err)
			}
			next := func() []byte {
				var w any
				if rng.IntN(2) == 0 {
					w = rng.IntN(30)
				}
				return row(t, tab, rng.IntN(20), rng.IntN(5), w)
			}
			for range 1 + rng.IntN(4) {
				var err error
				switch op := rng.IntN(4); {
				case op < 2 || len(rows) == 0:
					err = tx.Insert(t.Context(), tab, next())
				case op == 2:
					err = tx.Update(t.Context(), tab, rows[rng.IntN(len(rows))], next())
				default:
					err = tx.Delete(t.Context(), tab, rows[rng.IntN(len(rows))])
				}
				var dup *DuplicateError
				if err != nil && !errors.As(err, &dup) && !errors.Is(err, ErrRowNotFound) {
					t.Fatal(err)
				}
				if errors.Is(err, ErrRowNotFound) {
					continue // this statement has deleted or moved it
				}
			}
		}
		if _, err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return s.bin[from:]
}

func twoTables(s *testStore, t testing.TB) []*Table {
	noPK := kvSchema()
	noPK.Name, noPK.Primary = "nopk", nil
	return []*Table{s.create(t, kvSchema()), s.create(t, noPK)}
}

// Events of one engine applied to another give equal rows, also when thousands
// of dependent transactions wait in the queue together.
func TestApply_RoundTrip(t *testing.T) {
	src := newTestStore(t)
	srcTabs := twoTables(src, t)
	dst := newTestStore(t)
	dstTabs := twoTables(dst, t)
	// Commits of the replica are held back, and come in bunches.
	type held struct {
		p *pending
		c chan txn.Result
	}
	var queue []held
	dst.tables.enqueue = func(ctx context.Context, p *pending) (<-chan txn.Result, error) {
		c := make(chan txn.Result, 1)
		queue = append(queue, held{p, c})
		return c, nil
	}
	rng := rand.New(rand.NewPCG(3, 4))
	flush := func(n int) {
		for ; n > 0 && len(queue) > 0; n-- {
			queue[0].c <- dst.commit(t.Context(), queue[0].p)
			queue = queue[1:]
		}
	}
	stream := randomSource(t, src, srcTabs, 600, rng)
	for i, evs := range stream {
		p, err := dst.Prepare(t.Context(), groupOf(evs, i))
		if err != nil {
			t.Fatalf("transaction %d: %v\n%s", i, err, logText(t, evs))
		}
		if rng.IntN(10) == 0 { // given up, and tried again
			p.Abort()
			if p, err = dst.Prepare(t.Context(), groupOf(evs, i)); err != nil {
				t.Fatal(i, err)
			}
		}
		p.Enqueue()
		if rng.IntN(5) == 0 {
			flush(rng.IntN(20))
		}
	}
	flush(1 << 30)
	for i := range srcTabs {
		want(t, dst.rows(t, dstTabs[i]), src.rows(t, srcTabs[i])...)
		dst.checkIndexes(t, dstTabs[i])
		src.checkIndexes(t, srcTabs[i])
	}
	ch := dst.tables.channel("c")
	if len(ch.over) != 0 || len(ch.groups) != 0 || dst.tables.locks.Len() != 0 {
		t.Fatal("the channel keeps", len(ch.over), len(ch.groups), "keys and", dst.tables.locks.Len(), "locks")
	}
	// What the replica logs says the same as what it read.
	for i, evs := range stream {
		if got, wanted := logText(t, dst.bin[len(dst.bin)-len(stream)+i]), logText(t, evs); got != wanted {
			t.Fatalf("re-logged %s\nread %s", got, wanted)
		}
	}
	for _, ev := range dst.newest() {
		if ev.ServerID() != src.newest()[0].ServerID() {
			t.Fatal("server id is not kept")
		}
	}
}

func TestApply_Errors(t *testing.T) {
	src := newTestStore(t)
	st := src.create(t, kvSchema())
	dst := newTestStore(t)
	dt := dst.create(t, kvSchema())
	src.insert(t, st, []any{30, 1, 5})
	insert := src.newest()
	up := src.Begin(TxOptions{})
	if err := up.Update(t.Context(), st, row(t, st, 30, 1, 5), row(t, st, 30, 2, 5)); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, up)
	update := src.newest()
	del := src.Begin(TxOptions{})
	if err := del.Delete(t.Context(), st, row(t, st, 30, 2, 5)); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, del)
	remove := src.newest()

	fail := func(evs []event.Event, number uint16, text string) {
		t.Helper()
		g := groupOf(evs, 2)
		_, err := dst.Prepare(t.Context(), g)
		var ae *ApplyError
		if !errors.As(err, &ae) || ae.Errno != number {
			t.Fatalf("%v, want %d", err, number)
		}
		rows := g.Events.(*memEvents).evs[len(evs)-2]
		if strings.Contains(text, "%d") {
			text = fmt.Sprintf(text, rows.EndPos())
		}
		if ae.Text != text {
			t.Fatalf("got  %s\nwant %s", ae.Text, text)
		}
	}
	fail(update, 1032, "Could not execute Update_rows event on table t.kv; Can't find record in 'kv', Error_code: 1032; handler error HA_ERR_KEY_NOT_FOUND; the event's source log src.000001, end_log_pos %d")
	fail(remove, 1032, "Could not execute Delete_rows event on table t.kv; Can't find record in 'kv', Error_code: 1032; handler error HA_ERR_KEY_NOT_FOUND; the event's source log src.000001, end_log_pos %d")
	dst.insert(t, dt, []any{30, 9, 9})
	fail(insert, 1062, "Could not execute Write_rows event on table t.kv; Duplicate entry '30' for key 'kv.PRIMARY', Error_code: 1062; handler error HA_ERR_FOUND_DUPP_KEY; the event's source log src.000001, end_log_pos %d")
	want(t, dst.rows(t, dt), "30,9,9")

	local := dst.Begin(TxOptions{})
	if err := local.Delete(t.Context(), dt, row(t, dt, 30, 9, 9)); err != nil {
		t.Fatal(err)
	}
	dst.o.LockWait = func() time.Duration { return time.Millisecond }
	fail(insert, 1205, "Could not execute Write_rows event on table t.kv; Lock wait timeout exceeded; try restarting transaction, Error_code: 1205; handler error HA_ERR_LOCK_WAIT_TIMEOUT; the event's source log src.000001, end_log_pos %d")
	mustCommit(t, local)
	applyGroup(t, dst.Engine, groupOf(insert, 2))
	want(t, dst.rows(t, dt), "30,1,5")

	dst.ddl(t, func(d *DDL) error { return d.DropTable("t", "kv") })
	fail(insert, 1146, "Error executing row event: 'Table 't.kv' doesn't exist'")
	sc := kvSchema()
	sc.Columns[1] = textColumn("v")
	dst.create(t, sc)
	fail(insert, 13146, "Column 1 of table 't.kv' cannot be converted from type 'int' to type 'varchar(80(bytes) utf8mb4)'")
	dst.ddl(t, func(d *DDL) error { return d.DropDatabase("t") })
	fail(insert, 1049, "Error executing row event: 'Unknown database 't''")
	if n := dst.tables.locks.Len(); n != 0 {
		t.Fatal(n, "locks stay")
	}
}

// A commit that fails takes everything behind it on its channel with it.
func TestApply_FailureStopsTheChannel(t *testing.T) {
	src, dst := newTestStore(t), newTestStore(t)
	st, dt := src.create(t, kvSchema()), dst.create(t, kvSchema())
	src.insert(t, st, []any{1, 1, nil})
	first := src.newest()
	src.insert(t, st, []any{2, 1, nil})
	second := src.newest()
	var taken []*pending
	dst.tables.enqueue = func(_ context.Context, p *pending) (<-chan txn.Result, error) {
		taken = append(taken, p)
		return make(chan txn.Result, 1), nil
	}
	for i, evs := range [][]event.Event{first, second} {
		p, err := dst.Prepare(t.Context(), groupOf(evs, i))
		if err != nil {
			t.Fatal(err)
		}
		p.Enqueue()
	}
	if err := taken[1].check(); err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	taken[0].release(txn.Result{Err: full})
	if err := taken[1].check(); !errors.Is(err, full) {
		t.Fatal("the next one may still commit:", err)
	}
	if _, err := dst.Prepare(t.Context(), groupOf(second, 2)); !errors.Is(err, errChannelFailed) {
		t.Fatal(err)
	}
	taken[1].release(txn.Result{Err: full})
	for _, p := range taken {
		_ = p.batch.Close()
	}
	if _, err := dst.Prepare(t.Context(), groupOf(second, 3)); !errors.Is(err, errChannelFailed) {
		t.Fatal("what was read ahead is applied after the failure:", err)
	}
	if _, ok, err := dst.Position("c"); ok || err != nil {
		t.Fatal(ok, err)
	}
	dst.tables.enqueue = func(ctx context.Context, p *pending) (<-chan txn.Result, error) {
		c := make(chan txn.Result, 1)
		c <- dst.commit(ctx, p)
		return c, nil
	}
	applyGroup(t, dst.Engine, groupOf(first, 0))
	want(t, dst.rows(t, dt), "1,1,NULL")
	if o, ok, err := dst.Position("c"); !ok || err != nil || o.Source.File != "src.000001" {
		t.Fatal(o, ok, err)
	}
}

// rowsGroup builds events by hand: what other servers send and we do not.
func rowsGroup(m *event.TableMapInfo, typ event.Type, r event.RowsInfo, images ...[]byte) *txn.Group {
	h := event.Header{Timestamp: 5, ServerID: 7}
	r.TableID, r.Columns, r.Flags = m.TableID, len(m.Columns), event.RowsStmtEnd
	rows := event.AppendRows(nil, h, typ, &r)
	for _, img := range images {
		rows = append(rows, img...)
	}
	return groupOf([]event.Event{
		event.AppendQuery(nil, h, &event.QueryInfo{SQL: "BEGIN"}),
		event.AppendTableMap(nil, h, m, event.MetaMinimal),
		event.End(rows, 0),
		event.AppendXid(nil, h, 1),
	}, 1)
}

// MINIMAL images hold the key before and the changed columns after.
func TestApply_PartialImages(t *testing.T) {
	dst := newTestStore(t)
	dt := dst.create(t, kvSchema())
	dst.insert(t, dt, []any{1, 10, 100}, []any{2, 20, nil})
	m := dt.layout.TableMap(77, "t", "kv", []int{0}, nil)
	le := func(n byte) []byte { return []byte{n, 0, 0, 0} }
	null := []byte{0xfe}
	// UPDATE SET v=9 WHERE k=1; SET w=7 WHERE k=2
	applyGroup(t, dst.Engine, rowsGroup(m, event.UpdateRowsV2, event.RowsInfo{Before: []byte{1}, After: []byte{2}}, null, le(1), null, le(9)))
	applyGroup(t, dst.Engine, rowsGroup(m, event.UpdateRowsV2, event.RowsInfo{Before: []byte{1}, After: []byte{4}}, null, le(2), null, le(7)))
	want(t, dst.rows(t, dt), "1,9,100", "2,20,7")
	applyGroup(t, dst.Engine, rowsGroup(m, event.DeleteRowsV2, event.RowsInfo{Before: []byte{1}}, null, le(1)))
	// The row is found by other columns when the key is not among them.
	applyGroup(t, dst.Engine, rowsGroup(m, event.UpdateRowsV2, event.RowsInfo{Before: []byte{4}, After: []byte{2}}, null, le(7), null, le(8)))
	// An insert without w, which may be NULL; one without v, which may not.
	applyGroup(t, dst.Engine, rowsGroup(m, event.WriteRowsV2, event.RowsInfo{After: []byte{3}}, []byte{0xfc}, le(3), le(4)))
	want(t, dst.rows(t, dt), "2,8,7", "3,4,NULL")
	_, err := dst.Prepare(t.Context(), rowsGroup(m, event.WriteRowsV2, event.RowsInfo{After: []byte{1}}, null, le(5)))
	var ae *ApplyError
	if !errors.As(err, &ae) || !strings.Contains(ae.Text, "column 'v'") {
		t.Fatal(err)
	}
	dst.checkIndexes(t, dt)
}

// v1 events of MariaDB are re-logged with v2 headers; a table of more columns
// takes the row.
func TestApply_V1AndExtraColumns(t *testing.T) {
	dst := newTestStore(t)
	sc := kvSchema()
	sc.Columns = append(sc.Columns, nullable(textColumn("extra")))
	dt := dst.create(t, sc)
	src := mustCompile(t, kvSchema().Columns)
	m := src.TableMap(5, "t", "kv", []int{0}, nil)
	b := rowimage.NewBuilder(src)
	_, _, _ = b.AppendInt(1), b.AppendInt(2), b.AppendNull()
	img, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	g := rowsGroup(m, event.WriteRowsV2, event.RowsInfo{}, img)
	evs := g.Events.(*memEvents).evs
	v2 := evs[2]
	v1 := append(append(event.Event(nil), v2[:event.HeaderSize+8]...), v2[event.HeaderSize+10:]...) // without the extra data
	v1[4] = byte(event.WriteRowsV1)
	v1[9] -= 2
	event.Recrc(v1)
	evs[2] = v1
	applyGroup(t, dst.Engine, g)
	want(t, dst.rows(t, dt), "1,2,NULL,NULL")
	if got := logText(t, dst.newest()); got != "insert t.kv [1 2 <nil>] END" {
		t.Fatal(got)
	}
	if r, err := event.DecodeRows(dst.newest()[2], true); err != nil || dst.newest()[2].Type() != event.WriteRowsV2 || string(r.Rows) != string(img) {
		t.Fatal("row bytes are not kept", err)
	}
}

// Rows of a database that is not logged stay in the private half, and the
// statement's end is marked in both.
func TestApply_SplitAndPrivate(t *testing.T) {
	src, dst := newTestStore(t), newTestStore(t)
	sc := kvSchema()
	sc.Database = "quiet"
	var tabs []*Table
	for _, s := range []*testStore{src, dst} {
		tabs = append(tabs, s.create(t, kvSchema()), s.create(t, sc))
	}
	tx := src.Begin(TxOptions{})
	tx.BeginStatement()
	for _, tab := range tabs[:2] {
		if err := tx.Insert(t.Context(), tab, row(t, tab, 1, 1, nil)); err != nil {
			t.Fatal(err)
		}
	}
	mustCommit(t, tx)
	dst.o.LogDatabase = func(db string) bool { return db != "quiet" }
	applyGroup(t, dst.Engine, groupOf(src.newest(), 1))
	if got := logText(t, dst.newest()); got != "insert t.kv [1 1 <nil>] END" {
		t.Fatal(got)
	}
	if got := logText(t, dst.priv[len(dst.priv)-1]); got != "insert quiet.kv [1 1 <nil>] END" {
		t.Fatal(got)
	}
	n := len(dst.bin)
	dst.o.LogReplicaUpdates = func() bool { return false }
	g := groupOf(nil, 2)
	g.Kind = txn.Empty
	applyGroup(t, dst.Engine, g)
	dst.o.LogReplicaUpdates = nil
	applyGroup(t, dst.Engine, g)
	if len(dst.bin) != n {
		t.Fatal("an empty transaction without GTID travels")
	}
	g.Origin.GTID = gtid.GTID{UUID: gtid.UUID{1}, GNO: 4}
	applyGroup(t, dst.Engine, g)
	if len(dst.bin) != n+1 || len(dst.newest()) != 2 || dst.newest()[1].Type() != event.Xid {
		t.Fatal("the GTID of an empty transaction is lost")
	}
}

// Hostile events give errors, never a panic.
func FuzzApply(f *testing.F) {
	src := newTestStore(f)
	st := src.create(f, kvSchema())
	src.insert(f, st, []any{1, 1, nil}, []any{2, 2, 2})
	for i, ev := range src.newest() {
		f.Add(byte(i), []byte(event.Finish(append(event.Event(nil), ev...), 1, false)))
	}
	dst := newTestStore(f)
	dst.create(f, kvSchema())
	f.Fuzz(func(t *testing.T, at byte, data []byte) {
		m := &memEvents{}
		for _, ev := range src.newest() {
			m.evs = append(m.evs, event.Finish(append(event.Event(nil), ev...), 1, false))
		}
		if len(data) < event.HeaderSize+4 {
			return
		}
		m.evs[int(at)%len(m.evs)] = data
		p, err := dst.Prepare(context.Background(), &txn.Group{Kind: txn.Rows, Events: m, Origin: &txn.Origin{Channel: "c"}})
		if err == nil {
			p.Abort()
		}
	})
}

// real opens an Engine with everything in it.
func openReal(t testing.TB, fs vfs.FS, change func(*Options)) *Engine {
	t.Helper()
	o := Options{FS: fs, Dir: "data", MemTableBytes: 1 << 20, CacheBytes: 1 << 20, Weigh: lowerWeigh,
		Binlog: binlog.Options{Base: "binlog", ServerVersion: "8.0.36-binrelay"},
		Fatal:  func(err error) { t.Errorf("fatal: %v", err) }}
	if change != nil {
		change(&o)
	}
	r, err := OpenRecovery(o)
	if err != nil {
		t.Fatal(err)
	}
	e, err := r.Replay(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Everything at once on a file system that loses power: SQL rows, private rows,
// DDL, replicated transactions; after each crash the tables hold exactly what
// the logs say, and nothing that was acknowledged is lost.
func TestEngine_CrashKeepsWhatWasAcknowledged(t *testing.T) {
	t.Run("in memory", func(t *testing.T) { crashKeeps(t, nil) })
	t.Run("spilling", func(t *testing.T) { crashKeeps(t, func(o *Options) { o.SpillBytes = 1000 }) })
}

func crashKeeps(t *testing.T, change func(*Options)) {
	src := newTestStore(t)
	srcTabs := twoTables(src, t)
	rng := rand.New(rand.NewPCG(5, 6))
	stream := randomSource(t, src, srcTabs, 120, rng)

	fs := vfs.NewCrashableMem()
	e := openReal(t, fs, change)
	s := &testStore{Engine: e, fs: fs}
	twoTables(s, t)
	local := kvSchema()
	local.Name = "local"
	s.create(t, local)
	next, n := 0, 0
	for round := range 12 {
		for range 10 {
			switch rng.IntN(4) {
			case 0:
				tab, _ := s.Catalog().Table("t", "local")
				tx := s.Begin(TxOptions{NoBinlog: rng.IntN(2) == 0})
				n++
				if err := tx.Insert(t.Context(), tab, row(t, tab, n, n, nil)); err != nil {
					t.Fatal(err)
				}
				mustCommit(t, tx)
			case 1:
				n++
				s.ddl(t, func(d *DDL) error {
					tab, _ := d.Catalog().Table("t", "local")
					sc := *tab.Schema().own()
					sc.Comment = fmt.Sprint(n)
					if rng.IntN(2) == 0 {
						_, err := d.AlterTable("t", "local", sc, func(b []byte) ([]byte, error) { return b, nil })
						return err
					}
					sc.Indexes = append(sc.Indexes[:rng.IntN(2):1], Index{Name: fmt.Sprint("i", n), Parts: part(1, 0)})
					_, err := d.AlterTable("t", "local", sc, nil)
					return err
				})
			default:
				if next < len(stream) {
					applyGroup(t, e, groupOf(stream[next], next+1))
					next++
				}
			}
		}
		if rng.IntN(3) == 0 {
			if err := e.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		state := func(s *testStore) (out []string) {
			for _, tab := range s.Catalog().Tables("t") {
				out = append(out, tab.schema.Name, tab.schema.Comment)
				out = append(out, s.rows(t, tab)...)
				s.checkIndexes(t, tab)
			}
			o, _, err := s.Position("c")
			if err != nil {
				t.Fatal(err)
			}
			return append(out, fmt.Sprint(o.Source))
		}
		acked := state(s)
		crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[round%3], RNG: rand.New(rand.NewPCG(7, uint64(round)))})
		if err := e.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		fs = crashed
		e = openReal(t, fs, change)
		s = &testStore{Engine: e, fs: fs}
		want(t, state(s), acked...)
		known := e.tables.catalog.Load().ids()
		it, _ := e.db.NewIter(nil)
		for ok := it.First(); ok; ok = it.Next() {
			if k := it.Key(); k[0] != metaSpace && k[0] != 'f' && !known[idOf(k)] {
				t.Fatalf("key %x under an id that the catalog does not know", k)
			}
		}
		_ = it.Close()
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestApply_Large applies a stream whose transactions go on alone from a few
// rows on, or at once, between small ones.
func TestApply_Large(t *testing.T) {
	for _, spill := range []int64{1, 1500} {
		src := newTestStore(t)
		srcTabs := twoTables(src, t)
		dst := newTestStore(t)
		dstTabs := twoTables(dst, t)
		dst.o.SpillBytes = spill
		type held struct {
			p *pending
			c chan txn.Result
		}
		queue := make(chan held, 20)
		dst.tables.enqueue = func(ctx context.Context, p *pending) (<-chan txn.Result, error) {
			c := make(chan txn.Result, 1)
			queue <- held{p, c}
			return c, nil
		}
		done := make(chan struct{})
		large := 0
		go func() {
			defer close(done)
			for h := range queue {
				if h.p.large != nil {
					large++
				}
				h.c <- dst.commit(context.Background(), h.p)
			}
		}()
		rng := rand.New(rand.NewPCG(8, 4))
		stream := randomSource(t, src, srcTabs, 120, rng)
		for i, evs := range stream {
			p, err := dst.Prepare(t.Context(), groupOf(evs, i))
			if err != nil {
				t.Fatalf("transaction %d: %v\n%s", i, err, logText(t, evs))
			}
			if rng.IntN(10) == 0 { // given up, and tried again
				p.Abort()
				if p, err = dst.Prepare(t.Context(), groupOf(evs, i)); err != nil {
					t.Fatal(i, err)
				}
			}
			p.Enqueue()
		}
		close(queue)
		<-done
		for i := range srcTabs {
			want(t, dst.rows(t, dstTabs[i]), src.rows(t, srcTabs[i])...)
			dst.checkIndexes(t, dstTabs[i])
		}
		ch := dst.tables.channel("c")
		if len(ch.over) != 0 || ch.inFlight != 0 || dst.tables.locks.Len() != 0 {
			t.Fatal("the channel keeps", len(ch.over), "keys and", dst.tables.locks.Len(), "locks")
		}
		for i, evs := range stream {
			if got, wanted := logText(t, dst.bin[len(dst.bin)-len(stream)+i]), logText(t, evs); got != wanted {
				t.Fatalf("re-logged %s\nread %s", got, wanted)
			}
		}
		dst.noScratch(t)
		if large < 20 {
			t.Errorf("only %d large transactions of %d", large, len(stream))
		}
	}
}

func BenchmarkApply_OneRowTransactions(b *testing.B) {
	src := newTestStore(b)
	st := src.create(b, kvSchema())
	var groups []*txn.Group
	for k := range b.N {
		tx := src.Begin(TxOptions{})
		if err := tx.Insert(b.Context(), st, row(b, st, k, k, nil)); err != nil {
			b.Fatal(err)
		}
		mustCommit(b, tx)
		groups = append(groups, groupOf(src.newest(), k+1))
		src.bin = src.bin[:0]
	}
	e := openReal(b, vfs.Default, func(o *Options) { o.Dir = b.TempDir() })
	s := &testStore{Engine: e}
	s.create(b, kvSchema())
	b.ResetTimer()
	window := make(chan (<-chan txn.Result), 4096)
	done := make(chan error)
	go func() {
		for c := range window {
			if r := <-c; r.Err != nil {
				done <- r.Err
				return
			}
		}
		done <- nil
	}()
	for _, g := range groups {
		p, err := e.Prepare(context.Background(), g)
		if err != nil {
			b.Fatal(err)
		}
		window <- p.Enqueue()
	}
	close(window)
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	if err := e.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// The Committer asks again when it takes a transaction from the queue.
func TestCommitter_RefusesWhatBuildsOnAFailure(t *testing.T) {
	e := openFake(t, vfs.NewMem(), nil)
	defer closeFake(t, e)
	if err := e.cm.hold(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	var results []<-chan txn.Result
	for i, f := range []fakeTxn{{bin: []string{"a=1"}}, {bin: []string{"b=1"}}, {private: []string{"c=1"}}} {
		p := f.pending(e)
		released := 0
		p.release = func(txn.Result) { released++ }
		p.check = func() error {
			if i == 1 {
				return gone
			}
			return nil
		}
		c, err := e.cm.enqueue(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, c)
		t.Cleanup(func() {
			if released != 1 {
				t.Error(i, "released", released, "times")
			}
		})
	}
	e.cm.resume()
	for i, c := range results {
		if r := <-c; errors.Is(r.Err, gone) != (i == 1) {
			t.Fatal(i, r.Err)
		}
	}
	if got := fmt.Sprint(fakeRows(t, e)); got != "map[a:1 c:1]" {
		t.Fatal(got)
	}
	if csn, _, _ := e.Visible(); csn != 2 {
		t.Fatal("a refused transaction has a number:", csn)
	}
}

// Replicated rows are stamped: a local transaction with an older view does not
// overwrite them.
func TestApply_StampsRows(t *testing.T) {
	src, dst := newTestStore(t), newTestStore(t)
	st, dt := src.create(t, kvSchema()), dst.create(t, kvSchema())
	src.insert(t, st, []any{1, 1, nil})
	applyGroup(t, dst.Engine, groupOf(src.newest(), 1))
	local := dst.Begin(TxOptions{Snapshot: true})
	for i := range 2 { // there and back: the same bytes again
		tx := src.Begin(TxOptions{})
		if err := tx.Update(t.Context(), st, row(t, st, 1, 1+i, nil), row(t, st, 1, 2-i, nil)); err != nil {
			t.Fatal(err)
		}
		mustCommit(t, tx)
		applyGroup(t, dst.Engine, groupOf(src.newest(), 2+i))
	}
	if v, err := get(t, local, dt, 1, LockNone); err != nil || v != "1,1,NULL" {
		t.Fatal(v, err)
	}
	if err := local.Update(t.Context(), dt, row(t, dt, 1, 1, nil), row(t, dt, 1, 3, nil)); !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
}

// Rows without a key get ids that no row of the replay has, also after the
// definition changed in the middle of it.
func TestEngine_ReplayKeepsCountersOverDDL(t *testing.T) {
	fs := vfs.NewCrashableMem()
	e := openReal(t, fs, nil)
	s := &testStore{Engine: e, fs: fs}
	tab := twoTables(s, t)[1]
	for k := range 5 {
		s.insert(t, tab, []any{k, k, nil})
		s.ddl(t, func(d *DDL) error {
			sc := *tab.Schema().own()
			sc.Comment = fmt.Sprint(k)
			var err error
			tab, err = d.AlterTable("t", "nopk", sc, nil)
			return err
		})
		tab, _ = s.Catalog().Table("t", "nopk")
	}
	rows := s.rows(t, tab)
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	e = openReal(t, crashed, nil)
	s = &testStore{Engine: e}
	tab, _ = s.Catalog().Table("t", "nopk")
	want(t, s.rows(t, tab), rows...)
	s.insert(t, tab, []any{9, 9, nil})
	want(t, s.rows(t, tab), append(rows, "9,9,NULL")...)
	s.checkIndexes(t, tab)
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}
