package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/tests/faultfs"
)

// logFile reports whether name is a file of one of the two logs.
func logFile(name string) bool {
	return strings.Contains(name, "binlog.0") || strings.Contains(name, "local.0")
}

// TestFault_DiskFullAtEachWrite lets each write of a log fail in turn, with a
// part of it in the file. The group is refused, the next one works, and after a
// kill nothing of the refused one is there.
func TestFault_DiskFullAtEachWrite(t *testing.T) {
	groups := [][]scriptKind{
		{scriptPlain, scriptPlain}, {scriptPrivate}, {scriptMixed, scriptBig}, {scriptWide, scriptPlain, scriptWide}, {scriptDDL, scriptMixed},
	}
	refused := 0
	for fail := 1; ; fail++ {
		mem := vfs.NewCrashableMem()
		fs := &faultFS{FS: mem}
		s := &script{reset: []int{0}}
		e := openFake(t, fs, scriptOptions)
		writes, hit := 0, false
		fs.at = func(n int, op, name string) error {
			if op != "write" || !logFile(name) {
				return nil
			}
			if writes++; writes == fail {
				hit = true
				return syscall.ENOSPC
			}
			return nil
		}
		for _, g := range groups {
			before := len(s.kinds)
			err := s.commitGroup(t, e, g...)
			if err == nil {
				continue
			}
			if !errors.Is(err, ErrDiskFull) {
				t.Fatalf("write %d: %v, want ErrDiskFull", fail, err)
			}
			refused++
			s.kinds = s.kinds[:before] // it must leave no trace: its names are used again
			if s.acked != before {
				t.Fatalf("write %d: a part of a refused group was acknowledged", fail)
			}
		}
		fs.quiet()
		if !hit {
			closeFake(t, e)
			break
		}
		for _, pct := range []int{0, 50, 100} {
			clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: pct, RNG: rand.New(rand.NewPCG(uint64(fail), 1))})
			if err := s.verify(t, clone, s.promise()); err != nil {
				t.Fatalf("write %d failed, then a kill, %d %% unsynced: %v", fail, pct, err)
			}
		}
		if err := s.check(t, e, s.promise()); err != nil {
			t.Fatalf("write %d failed: %v", fail, err)
		}
		closeFake(t, e)
	}
	if refused < len(groups) {
		t.Errorf("only %d groups were refused", refused)
	}
}

// TestFault_SyncFailure lets each sync of a log fail in turn: the process must
// end, and nothing may be acknowledged afterwards.
func TestFault_SyncFailure(t *testing.T) {
	for fail := 1; ; fail++ {
		fs := &faultFS{FS: vfs.NewMem()}
		var fatal atomic.Int32
		s := &script{reset: []int{0}}
		e := openFake(t, fs, func(o *Options) {
			scriptOptions(o)
			o.Fatal = func(err error) {
				if !errors.Is(err, ErrFatal) || !errors.Is(err, syscall.EIO) {
					t.Errorf("fatal: %v", err)
				}
				fatal.Add(1)
			}
		})
		syncs := 0
		fs.at = func(n int, op, name string) error {
			if op == "sync" && logFile(name) {
				if syncs++; syncs == fail {
					return syscall.EIO
				}
			}
			return nil
		}
		var failed error
		for _, k := range []scriptKind{scriptPlain, scriptPrivate, scriptMixed, scriptPlain} {
			err := s.commitGroup(t, e, k)
			if err != nil && !errors.Is(err, ErrFatal) {
				t.Errorf("sync %d: %v, want ErrFatal", fail, err)
			}
			if failed != nil && err == nil {
				t.Errorf("sync %d: acknowledged after the failure", fail)
			}
			if err != nil {
				failed = err
			}
		}
		fs.quiet()
		closed := e.Close(context.Background())
		if failed == nil {
			if fail <= 4 || closed != nil {
				t.Errorf("only %d syncs, close: %v", fail-1, closed)
			}
			return
		}
		if fatal.Load() != 1 || !errors.Is(closed, ErrFatal) {
			t.Errorf("sync %d: Fatal was called %d times, close: %v", fail, fatal.Load(), closed)
		}
	}
}

// TestFault_CannotTakeBack: when a refused group cannot be removed, the process
// must end.
func TestFault_CannotTakeBack(t *testing.T) {
	fs := &faultFS{FS: vfs.NewMem()}
	fatal := 0
	s := &script{reset: []int{0}}
	e := openFake(t, fs, func(o *Options) { o.Fatal = func(error) { fatal++ } })
	full := false
	fs.at = func(n int, op, name string) error {
		if full && (logFile(name) || op == "create" || op == "rename") && !strings.Contains(name, "#store") {
			return syscall.ENOSPC
		}
		return nil
	}
	full = true
	if err := s.commitGroup(t, e, scriptMixed); !errors.Is(err, ErrFatal) || fatal != 1 {
		t.Errorf("%v, Fatal called %d times", err, fatal)
	}
	full = false
	if err := s.commitGroup(t, e, scriptPlain); !errors.Is(err, ErrFatal) {
		t.Errorf("afterwards: %v", err)
	}
	_ = e.Close(context.Background())
}

// TestFault_FullDiskRefuses: without room for what is in memory, or when the
// store cannot flush, commits fail at once instead of stalling; they go on when
// there is room again.
func TestFault_FullDiskRefuses(t *testing.T) {
	mem := vfs.NewMem()
	e := openFake(t, mem, nil)
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 20, TotalBytes: 1 << 30})
	if r := e.cm.commit(t.Context(), fakeTxn{bin: []string{"a=1"}}.pending(e)); !errors.Is(r.Err, ErrDiskFull) {
		t.Errorf("1 MiB free: %v", r.Err)
	}
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 29, TotalBytes: 1 << 30})
	e.tail.checked = e.tail.checked.Add(-spaceCheck)
	fakeTxn{bin: []string{"a=1"}}.commit(t, e)
	closeFake(t, e)

	var full atomic.Bool
	fs := &faultFS{FS: vfs.NewMem()}
	fs.at = func(n int, op, name string) error {
		if full.Load() && strings.HasSuffix(name, ".sst") {
			return syscall.ENOSPC
		}
		return nil
	}
	e = openFake(t, fs, nil)
	full.Store(true)
	value := strings.Repeat("x", 10<<10)
	refused := false
	for i := 0; i < 2000 && !refused; i++ {
		r := e.cm.commit(t.Context(), fakeTxn{bin: []string{fmt.Sprintf("k%d=%s", i, value)}}.pending(e))
		if refused = errors.Is(r.Err, ErrDiskFull); r.Err != nil && !refused {
			t.Fatal(r.Err)
		}
	}
	if !refused {
		t.Error("commits go on without a flush")
	}
	full.Store(false)
	if err := e.flushStore(t.Context()); err != nil {
		t.Fatal(err)
	}
	fakeTxn{bin: []string{"b=1"}}.commit(t, e)
	closeFake(t, e)
}

// TestReset_KilledBetweenSteps crashes at every operation of RESET MASTER.
func TestReset_KilledBetweenSteps(t *testing.T) {
	mem := vfs.NewCrashableMem()
	fs := &faultFS{FS: mem}
	s := &script{reset: []int{0}}
	e := openFake(t, fs, scriptOptions)
	if err := s.commitGroup(t, e, scriptPlain, scriptMixed, scriptPrivate, scriptBig); err != nil {
		t.Fatal(err)
	}
	if err := e.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.commitGroup(t, e, scriptPlain, scriptMixed); err != nil {
		t.Fatal(err)
	}
	points := 0
	s.reset = []int{0, len(s.kinds)}
	fs.at = func(n int, op, name string) error {
		for _, pct := range []int{0, 50, 100} {
			points++
			clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: pct, RNG: rand.New(rand.NewPCG(uint64(n), 2))})
			if err := s.verifyReset(t, clone); err != nil {
				t.Errorf("operation %d (%s %s) of RESET MASTER, %d %% unsynced: %v", n, op, name, pct, err)
			}
		}
		return nil
	}
	err := e.ResetMaster(t.Context())
	fs.quiet()
	if err != nil {
		t.Fatal(err)
	}
	if points < 30 {
		t.Errorf("only %d crashes", points)
	}
	_, at, gtids := e.Visible()
	if !gtids.IsEmpty() || at.File != "binlog.000001" {
		t.Errorf("after RESET MASTER: %v, %v", at, gtids)
	}
	s.reset = []int{len(s.kinds)}
	if err := s.commitGroup(t, e, scriptMixed, scriptPlain); err != nil {
		t.Fatal(err)
	}
	if err := s.check(t, e, s.promise()); err != nil {
		t.Error(err)
	}
	crashed := mem.CrashClone(vfs.CrashCloneCfg{})
	closeFake(t, e)
	if err := s.verify(t, crashed, s.promise()); err != nil {
		t.Error(err)
	}
}

// verifyReset is verify: all rows are there, and the binlog either has all or,
// with gtid_executed, nothing.
func (s *script) verifyReset(t testing.TB, fs vfs.FS) error {
	e, err := tryOpenFake(t, fs, scriptOptions)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	err = s.check(t, e, s.promise())
	if _, _, g := e.Visible(); g.IsEmpty() != (len(binlogRows(t, e)) == 0) {
		err = errors.Join(err, fmt.Errorf("gtid_executed %q does not fit the binlog", g))
	}
	return errors.Join(err, e.Close(context.Background()))
}

// TestLax_CrashLosesOnlyTheEnd: with sync_binlog = 0 a crash may lose the
// newest commits, but the store never knows more than the logs.
func TestLax_CrashLosesOnlyTheEnd(t *testing.T) {
	t.Parallel()
	mem := vfs.NewCrashableMem()
	fs := &faultFS{FS: mem}
	s := &script{reset: []int{0}}
	var mode atomic.Int32
	lax := func(o *Options) {
		scriptOptions(o)
		o.SyncBinlog = func() int { return int(mode.Load()) }
	}
	e := openFake(t, fs, lax)
	fs.at = func(n int, op, name string) error {
		for _, pct := range []int{0, 50, 100} {
			clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: pct, RNG: rand.New(rand.NewPCG(uint64(n), 3))})
			p := s.promise()
			p.acked = 0
			e, err := tryOpenFake(t, clone, lax)
			if err == nil {
				err = errors.Join(s.check(t, e, p), e.Close(context.Background()))
			}
			if err != nil {
				t.Errorf("operation %d (%s %s), %d %% unsynced: %v", n, op, name, pct, err)
			}
		}
		return nil
	}
	for i := range 18 {
		if err := s.commitGroup(t, e, scriptKind(i)%scriptKinds, scriptWide); err != nil {
			t.Fatal(err)
		}
		if i == 13 {
			mode.Store(1)
		}
		if i%9 == 5 {
			if err := e.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	fs.quiet()
	crashed := mem.CrashClone(vfs.CrashCloneCfg{})
	if err := s.verify(t, crashed, s.promise()); err != nil { // sync_binlog is 1 again
		t.Error(err)
	}
	closeFake(t, e)
}

// TestLax_CleanStop: with sync_binlog = 0 the newest commits are synced by the
// stop, before the store makes them durable.
func TestLax_CleanStop(t *testing.T) {
	t.Parallel()
	mem := vfs.NewCrashableMem()
	e := openFake(t, mem, func(o *Options) { o.SyncBinlog = func() int { return 0 } })
	fakeTxn{bin: []string{"a=1"}}.commit(t, e)
	closeFake(t, e)
	e = openFake(t, mem.CrashClone(vfs.CrashCloneCfg{}), nil)
	defer closeFake(t, e)
	if got := fakeRows(t, e); got["a"] != "1" {
		t.Errorf("rows after a power cut: %v", got)
	}
}

// TestTail_NeverTooLong: while the store cannot finish a flush, commits wait
// before recovery would have more than the most to replay, and go on after it.
func TestTail_NeverTooLong(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex // held: writes to tables stall
	fs := &faultFS{FS: vfs.NewMem()}
	e := openFake(t, stallFS{fs, &mu}, func(o *Options) { o.flushTail, o.MemTableBytes = 2<<20, 64<<20 })
	mu.Lock()
	value := strings.Repeat("x", 400<<10)
	var acked atomic.Int64
	done := make(chan struct{})
	const txns = 100 // some 40 MiB, the most is 26
	go func() {
		defer close(done)
		for i := range txns {
			r := e.cm.commit(context.Background(), fakeTxn{bin: []string{fmt.Sprintf("k%d=%s", i, value)}}.pending(e))
			if r.Err != nil {
				t.Error(r.Err)
			}
			acked.Add(1)
		}
	}()
	stalled := int64(-1)
	for stalled != acked.Load() || stalled < 3 {
		stalled = acked.Load()
		time.Sleep(200 * time.Millisecond)
	}
	if n := e.tail.length(); n > e.tail.most || n < e.tail.most/2 || stalled == txns {
		t.Errorf("commits stalled with %d bytes to replay, after %d transactions; the most is %d", n, stalled, e.tail.most)
	}
	mu.Unlock()
	<-done
	closeFake(t, e)
}

// stallFS lets writes to the store's tables wait for mu.
type stallFS struct {
	vfs.FS
	mu *sync.Mutex
}

func (s stallFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasSuffix(name, ".sst") {
		s.mu.Lock()
		s.mu.Unlock() //lint:ignore SA2001 it only waits
	}
	return s.FS.Create(name, c)
}

// TestFault_DirectorySync: a directory of the store that cannot be synced ends
// the process with the reason, before Pebble panics.
func TestFault_DirectorySync(t *testing.T) {
	fail := func(op faultfs.Op) error {
		if op.Kind == "sync" {
			return syscall.EIO
		}
		return nil
	}
	var fatal error
	b := &barrierFS{FS: faultfs.New(vfs.NewMem(), fail, nil), fatal: func(err error) { fatal = err }}
	d, err := b.OpenDir("/")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Sync(); !errors.Is(err, syscall.EIO) || !errors.Is(fatal, syscall.EIO) {
		t.Errorf("sync: %v, fatal: %v", err, fatal)
	}
}
