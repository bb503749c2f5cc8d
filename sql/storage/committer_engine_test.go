package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/logfile"
	"binrelay/binlog/logfile/logtest"
	"binrelay/binlog/txn"
)

func TestCommitter_LeavesTheQueueUntilSequenced(t *testing.T) {
	e := openFake(t, vfs.NewMem(), nil)
	thaw, _, err := e.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	killed := errors.New("killed")
	ctx, kill := context.WithCancelCause(t.Context())
	released := make(chan txn.Result, 2)
	p := fakeTxn{bin: []string{"a=1"}}.pending(e)
	p.release = func(r txn.Result) { released <- r }
	done := make(chan txn.Result)
	go func() { done <- e.cm.commit(ctx, p) }()
	other := make(chan txn.Result)
	go func() { other <- e.cm.commit(context.Background(), fakeTxn{bin: []string{"b=1"}}.pending(e)) }()
	kill(killed)
	if r := <-done; !errors.Is(r.Err, killed) || len(released) != 1 {
		t.Errorf("killed in the queue: %v, released %d times", r.Err, len(released))
	}
	thaw()
	thaw()
	if r := <-other; r.Err != nil || r.CSN != 1 {
		t.Errorf("the next one: %+v", r)
	}
	if got := fmt.Sprint(fakeRows(t, e)); got != "map[b:1]" {
		t.Errorf("rows %s", got)
	}
	closeFake(t, e)
}

func TestEngine_FreezeAndClose(t *testing.T) {
	e := openFake(t, vfs.NewMem(), nil)
	at := fakeTxn{bin: []string{"a=1"}}.commit(t, e).Coord
	thaw, frozen, err := e.Freeze(t.Context())
	if err != nil || frozen != at {
		t.Fatalf("frozen at %v, committed at %v (%v)", frozen, at, err)
	}
	if _, again, err := e.Freeze(t.Context()); err != nil || again != at {
		t.Errorf("a second time: %v, %v", again, err)
	} // never thawed: it must not keep Close
	if err := e.Rotate(t.Context()); err != nil {
		t.Errorf("rotate while frozen: %v", err)
	}
	thaw()
	ch, err := e.cm.enqueue(t.Context(), fakeTxn{bin: []string{"b=1"}}.pending(e))
	if err != nil {
		t.Fatal(err)
	}
	closeFake(t, e)
	if r := <-ch; !errors.Is(r.Err, ErrClosed) {
		t.Errorf("waiting while it closes: %v", r.Err)
	}
	if err := e.Rotate(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("rotate after Close: %v", err)
	}
}

func TestEngine_WaitVisible(t *testing.T) {
	u := gtid.UUID{5}
	e := openFake(t, vfs.NewMem(), func(o *Options) {
		o.GTIDMode = func() bool { return true }
		o.ServerUUID = u
	})
	set := gtid.Set{}.AddRange(u, gtid.Interval{First: 1, Last: 2})
	waited := make(chan error, 1)
	go func() { waited <- e.WaitVisible(context.Background(), set) }()
	fakeTxn{bin: []string{"a=1"}}.commit(t, e)
	fakeTxn{bin: []string{"b=1"}}.commit(t, e)
	if err := <-waited; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.WaitVisible(ctx, set.Add(gtid.GTID{UUID: u, GNO: 9})); !errors.Is(err, context.Canceled) {
		t.Errorf("a GTID that does not come: %v", err)
	}
	closeFake(t, e)
}

// fakeAcks is a semi-sync that acknowledges when told.
type fakeAcks struct {
	after   bool
	asked   chan txn.Coord
	release chan struct{}
}

func (f *fakeAcks) AfterSync() bool { return f.after }

func (f *fakeAcks) WaitAck(ctx context.Context, end txn.Coord) error {
	f.asked <- end
	select {
	case <-f.release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestCommitter_SemiSync(t *testing.T) {
	for _, after := range []bool{true, false} {
		acks := &fakeAcks{after: after, asked: make(chan txn.Coord), release: make(chan struct{})}
		e := openFake(t, vfs.NewMem(), func(o *Options) { o.Acks = acks })
		var done [2]chan txn.Result
		var ends [2]txn.Coord
		for i := range done {
			done[i] = make(chan txn.Result, 1)
			p := fakeTxn{bin: []string{fmt.Sprintf("k%d=1", i)}}.pending(e)
			go func() { done[i] <- e.cm.commit(context.Background(), p) }()
			ends[i] = <-acks.asked // the second is durable while the first waits
			csn, visible, _ := e.Visible()
			if got := e.bin.Sent(); got != ends[i] {
				t.Errorf("after sync %v: sent is %v while waiting for %v", after, got, ends[i])
			}
			if want := txn.CSN(0); after && csn != want || !after && visible != ends[i] {
				t.Errorf("after sync %v: visible is %d %v while waiting for %v", after, csn, visible, ends[i])
			}
		}
		close(acks.release)
		for i := range done {
			if r := <-done[i]; r.Err != nil || r.Coord != ends[i] {
				t.Errorf("after sync %v: %+v, want end %v", after, r, ends[i])
			}
		}
		fakeTxn{private: []string{"p=1"}}.commit(t, e) // nothing to acknowledge
		closeFake(t, e)
	}
}

func TestOpen_InUseAndFormat(t *testing.T) {
	dir := t.TempDir()
	open := func() (*Engine, error) {
		return tryOpenFake(t, vfs.Default, func(o *Options) { o.Dir = dir })
	}
	e, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if err := e.db.Set(keyFormat, []byte("99"), pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	closeFake(t, e)
	var format *FormatError
	if _, err := open(); !errors.As(err, &format) || format.Found != "99" {
		t.Errorf("another format: %v", err)
	}
}

// crashedFiles commits n groups, and returns the files after a power cut that
// lost nothing.
func crashedFiles(t testing.TB, n int) (*vfs.MemFS, *script) {
	mem := vfs.NewCrashableMem()
	s := &script{reset: []int{0}}
	e := openFake(t, mem, scriptOptions)
	for i := range n {
		if err := s.commitGroup(t, e, scriptMixed, scriptKind(i)%scriptKinds); err != nil {
			t.Fatal(err)
		}
	}
	clone := mem.CrashClone(vfs.CrashCloneCfg{})
	closeFake(t, e)
	return clone, s
}

func copyFS(fs *vfs.MemFS) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
}

// TestRecovery_DamageIsRefused flips a byte in each part of the first groups of
// both logs: later groups prove that they were synced.
func TestRecovery_DamageIsRefused(t *testing.T) {
	base, _ := crashedFiles(t, 8)
	for _, name := range []string{"data/binlog.000001", "data/#local/local.000001"} {
		content := logtest.ReadFile(t, base, name)
		for at := 400; at < 1200; at += 17 {
			fs := copyFS(base)
			bad := append([]byte(nil), content...)
			bad[at] ^= 0x55
			logtest.WriteFile(t, fs, name, bad)
			e, err := tryOpenFake(t, fs, scriptOptions)
			var damage *DamageError
			if !errors.As(err, &damage) || !strings.HasSuffix(name, damage.File) {
				t.Errorf("%s, byte %d: %v", name, at, err)
			} else if d := int64(at) - int64(damage.Offset); d < -600 || d > 600 {
				t.Errorf("%s, byte %d: refused for byte %d", name, at, damage.Offset)
			}
			if e != nil {
				closeFake(t, e)
			}
		}
	}
}

// TestRecovery_CutAtEveryByte cuts the newest group of each log at every byte:
// the store must come up with all older ones.
func TestRecovery_CutAtEveryByte(t *testing.T) {
	base, s := crashedFiles(t, 3) // its last group: mixed, mixed
	p := s.promise()
	p.acked = 4
	for _, name := range []string{"data/binlog.000001", "data/#local/local.000001"} {
		content := logtest.ReadFile(t, base, name)
		for n := 1; n < 300; n++ {
			fs := copyFS(base)
			logtest.WriteFile(t, fs, name, content[:len(content)-n])
			if err := s.verify(t, fs, p); err != nil {
				t.Fatalf("%s without its last %d bytes: %v", name, n, err)
			}
		}
	}
}

func TestRecovery_LogBehindTheStore(t *testing.T) {
	base, s := crashedFiles(t, 3)
	e := openFake(t, base, scriptOptions)
	crashed := base.CrashClone(vfs.CrashCloneCfg{})
	closeFake(t, e)
	for _, name := range []string{"data/binlog.000002", "data/#local/local.000002"} {
		fs := copyFS(crashed)
		content := logtest.ReadFile(t, fs, name)
		logtest.WriteFile(t, fs, name, content[:len(content)-1])
		var behind *LogBehindError
		if _, err := tryOpenFake(t, fs, scriptOptions); !errors.As(err, &behind) || !strings.HasSuffix(name, behind.File) {
			t.Errorf("%s cut below the store: %v", name, err)
		}
	}
	for _, name := range []string{"data/binlog.index", "data/#local/local.index"} {
		fs := copyFS(crashed)
		if err := fs.Remove(name); err != nil {
			t.Fatal(err)
		}
		var behind *LogBehindError
		if _, err := tryOpenFake(t, fs, scriptOptions); !errors.As(err, &behind) {
			t.Errorf("%s removed: %v", name, err)
		}
	}
	fs := copyFS(base) // closed cleanly: the binlogs may be moved away
	for _, name := range []string{"data/binlog.000001", "data/binlog.000002", "data/binlog.index"} {
		if err := fs.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	e = openFake(t, fs, scriptOptions)
	if n := len(fakeRows(t, e)); n != len(s.kinds)*2 {
		t.Errorf("%d rows", n)
	}
	closeFake(t, e)
}

// TestRecovery_CutAfter cuts an unacknowledged tail, as a primary does that
// comes back after a failover, and crashes at every operation of that.
func TestRecovery_CutAfter(t *testing.T) {
	base, s := crashedFiles(t, 4)
	r, err := OpenRecovery(fakeOptions(t, copyFS(base), scriptOptions))
	if err != nil {
		t.Fatal(err)
	}
	tail := r.Tail()
	if len(tail) != len(s.kinds) || !tail[3].Private && s.kinds[3] == scriptPrivate || tail[0].GTID.GNO != 1 {
		t.Fatalf("tail %+v", tail)
	}
	if err := r.CutAfter(1); err == nil {
		t.Error("cut between the halves of a mixed transaction")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}

	const keep = 5
	mem := copyFS(base)
	fs := &faultFS{FS: mem}
	if r, err = OpenRecovery(fakeOptions(t, fs, scriptOptions)); err != nil {
		t.Fatal(err)
	}
	if err := r.CutAfter(tail[keep-1].CSN); err != nil {
		t.Fatal(err)
	}
	p := s.promise()
	p.acked = keep
	cut := false
	fs.at = func(n int, op, name string) error {
		for _, pct := range []int{0, 50} {
			clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: pct, RNG: rand.New(rand.NewPCG(uint64(n), 4))})
			e, err := tryOpenFake(t, clone, scriptOptions)
			if err != nil {
				t.Errorf("operation %d (%s %s): %v", n, op, name, err)
				continue
			}
			csn, _, _ := e.Visible()
			if cut && csn != tail[keep-1].CSN {
				t.Errorf("operation %d (%s %s): cut, then %d again", n, op, name, csn)
			}
			if pct == 0 {
				cut = csn == tail[keep-1].CSN // from the intent on it stays so
			}
			if err := errors.Join(s.check(t, e, p), e.Close(context.Background())); err != nil {
				t.Errorf("operation %d (%s %s): %v", n, op, name, err)
			}
		}
		return nil
	}
	e, err := r.Replay(t.Context())
	fs.quiet()
	if err != nil {
		t.Fatal(err)
	}
	if csn, _, _ := e.Visible(); csn != tail[keep-1].CSN || !cut {
		t.Errorf("visible is %d, cut at %d", csn, tail[keep-1].CSN)
	}
	errant, err := mem.List(fmt.Sprintf("data/#errant/%020d", tail[keep-1].CSN+1))
	if err != nil || len(errant) != 2 {
		t.Fatalf("saved files %v, %v", errant, err)
	}
	events := 0
	err = logfile.Scan(mem, fmt.Sprintf("data/#errant/%020d/binlog.000001", tail[keep-1].CSN+1), 0,
		logfile.ScanOptions{Foreign: true}, countEvents(&events))
	if err != nil || events < 5 {
		t.Errorf("saved binlog: %d events, %v", events, err)
	}
	s.kinds = s.kinds[:keep]
	s.acked = keep
	if err := s.commitGroup(t, e, scriptWide, scriptPrivate); err != nil {
		t.Fatal(err)
	}
	if err := s.check(t, e, s.promise()); err != nil {
		t.Error(err)
	}
	closeFake(t, e)
}

// TestRecovery_CutOverFiles cuts a tail that stands in two files and crashes at
// every operation of that: the next file has the same name each time, for a
// replica may be waiting for it.
func TestRecovery_CutOverFiles(t *testing.T) {
	mem := vfs.NewCrashableMem()
	s := &script{reset: []int{0}}
	e := openFake(t, mem, scriptOptions)
	if err := s.commitGroup(t, e, scriptPlain); err != nil {
		t.Fatal(err)
	}
	keep, _, _ := e.Visible()
	if err := e.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.commitGroup(t, e, scriptPlain, scriptMixed); err != nil {
		t.Fatal(err)
	}
	mem = mem.CrashClone(vfs.CrashCloneCfg{})
	closeFake(t, e)

	fs := &faultFS{FS: mem}
	r, err := OpenRecovery(fakeOptions(t, fs, scriptOptions))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.CutAfter(keep); err != nil {
		t.Fatal(err)
	}
	var clones []*vfs.MemFS
	fs.at = func(int, string, string) error {
		clones = append(clones, mem.CrashClone(vfs.CrashCloneCfg{}))
		return nil
	}
	if e, err = r.Replay(t.Context()); err != nil {
		t.Fatal(err)
	}
	fs.quiet()
	closeFake(t, e)
	cut := 0
	for i, clone := range clones {
		e, err := tryOpenFake(t, clone, scriptOptions)
		if err != nil {
			t.Fatalf("operation %d: %v", i+1, err)
		}
		if csn, _, _ := e.Visible(); csn == keep {
			cut++
			name, _ := e.Binlog().Index().Last()
			names, err := clone.List("data")
			names = slices.DeleteFunc(names, func(s string) bool { return !strings.HasPrefix(s, "binlog.0") })
			slices.Sort(names)
			// The last crashes are after a file had been begun.
			if err != nil || !slices.Equal(names, e.Binlog().Index().Files()) || name > "binlog.000003" {
				t.Errorf("operation %d: files %v, index %v, %v", i+1, names, e.Binlog().Index().Files(), err)
			}
			if begun := slices.Contains(e.Binlog().Index().Files(), "binlog.000002"); !begun {
				t.Errorf("operation %d: binlog.000002 was passed over: %v", i+1, names)
			}
		}
		closeFake(t, e)
	}
	if cut < 5 {
		t.Errorf("only %d of %d crashes were after the intent", cut, len(clones))
	}
}

// TestTail_StaysShort: the store flushes by itself, and the local log is purged
// behind it.
func TestTail_StaysShort(t *testing.T) {
	e := openFake(t, vfs.NewMem(), func(o *Options) { o.flushTail = 64 << 10 })
	e.local.size = 16 << 10
	value := strings.Repeat("x", 4000)
	deadline := time.Now().Add(20 * time.Second)
	for i := 0; ; i++ {
		fakeTxn{private: []string{fmt.Sprintf("k%d=%s", i, value)}}.commit(t, e)
		if files := e.local.index.Files(); i > 100 && files[0] != "local.000001" && len(files) < 20 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes behind the store, local files %v", e.tail.length(), e.local.index.Files())
		}
	}
	closeFake(t, e)
}

func TestEngine_LogBinOff(t *testing.T) {
	fs := vfs.NewCrashableMem()
	off := func(o *Options) { o.LogBin = func() bool { return false } }
	e := openFake(t, fs, nil)
	fakeTxn{bin: []string{"a=1"}}.commit(t, e)
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	closeFake(t, e)
	e = openFake(t, crashed, off) // what was logged before is found all the same
	if e.Binlog() != nil {
		t.Error("a binlog with log_bin off")
	}
	fakeTxn{private: []string{"b=1"}}.commit(t, e)
	if r := e.cm.commit(t.Context(), fakeTxn{bin: []string{"c=1"}}.pending(e)); r.Err == nil {
		t.Error("a transaction that travels was taken")
	}
	if err := errors.Join(e.Rotate(t.Context()), e.ResetMaster(t.Context())); err != nil {
		t.Error(err)
	}
	crashed = crashed.CrashClone(vfs.CrashCloneCfg{})
	closeFake(t, e)
	e = openFake(t, crashed, nil)
	if got := fmt.Sprint(fakeRows(t, e)); got != "map[a:1 b:1]" {
		t.Errorf("rows %s", got)
	}
	closeFake(t, e)
}

// countEvents counts events.
func countEvents(n *int) func(int64, event.Event) error {
	return func(int64, event.Event) error { *n++; return nil }
}

// An expiry check that finds nothing to remove leaves the store alone: it runs
// every minute on an idle server.
func TestPurgeBefore_NothingOldTouchesNothing(t *testing.T) {
	e := openFake(t, vfs.NewMem(), nil)
	defer func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	before := e.db.Metrics().Flush.Count
	if res, err := e.PurgeBefore(t.Context(), time.Now().Add(time.Hour), nil); err != nil || res.Wanted != 0 {
		t.Fatalf("wanted %d: %v", res.Wanted, err)
	}
	if n := e.db.Metrics().Flush.Count - before; n != 0 {
		t.Errorf("%d flushes", n)
	}
}
