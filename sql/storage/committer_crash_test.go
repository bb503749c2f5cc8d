package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
)

// faultFS runs all changes of a file system one at a time and calls at before
// each, with its number and name. An error from at is the operation's.
type faultFS struct {
	vfs.FS
	mu sync.Mutex
	n  int
	at func(n int, op, name string) error
}

// quiet ends the calls of at; the store's own goroutines may be writing.
func (f *faultFS) quiet() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = nil
}

func (f *faultFS) do(op, name string, fn func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	if f.at != nil {
		if err := f.at(f.n, op, name); err != nil {
			return &os.PathError{Op: op, Path: name, Err: err}
		}
	}
	return fn()
}

func (f *faultFS) file(op, name string, open func() (vfs.File, error)) (vfs.File, error) {
	var file vfs.File
	err := f.do(op, name, func() (err error) {
		file, err = open()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &faultFile{file, f, name}, nil
}

func (f *faultFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.file("create", name, func() (vfs.File, error) { return f.FS.Create(name, c) })
}

func (f *faultFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return f.file("open", name, func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, o...) })
}

func (f *faultFS) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.file("reuse", name, func() (vfs.File, error) { return f.FS.ReuseForWrite(old, name, c) })
}

func (f *faultFS) OpenDir(name string) (vfs.File, error) {
	d, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &faultFile{d, f, name}, nil
}

func (f *faultFS) Link(old, name string) error {
	return f.do("link", name, func() error { return f.FS.Link(old, name) })
}

func (f *faultFS) Remove(name string) error {
	return f.do("remove", name, func() error { return f.FS.Remove(name) })
}

func (f *faultFS) RemoveAll(name string) error {
	return f.do("remove", name, func() error { return f.FS.RemoveAll(name) })
}

func (f *faultFS) Rename(old, name string) error {
	return f.do("rename", name, func() error { return f.FS.Rename(old, name) })
}

func (f *faultFS) MkdirAll(name string, perm os.FileMode) error {
	return f.do("mkdir", name, func() error { return f.FS.MkdirAll(name, perm) })
}

func (f *faultFS) Unwrap() vfs.FS { return f.FS }

type faultFile struct {
	vfs.File
	fs   *faultFS
	name string
}

func (f *faultFile) Write(p []byte) (n int, err error) {
	err = f.fs.do("write", f.name, func() (err error) { n, err = f.File.Write(p); return err })
	return n, err
}

func (f *faultFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.fs.do("write", f.name, func() (err error) { n, err = f.File.WriteAt(p, off); return err })
	return n, err
}

func (f *faultFile) Sync() error     { return f.fs.do("sync", f.name, f.File.Sync) }
func (f *faultFile) SyncData() error { return f.fs.do("sync", f.name, f.File.SyncData) }

func (f *faultFile) SyncTo(n int64) (full bool, err error) {
	err = f.fs.do("sync", f.name, func() (err error) { full, err = f.File.SyncTo(n); return err })
	return full, err
}

// ---- the script

// scriptKind is what a transaction of the script is made of.
type scriptKind int

const (
	scriptPlain scriptKind = iota
	scriptPrivate
	scriptMixed // rows on both sides, a setting and a source coordinate
	scriptBig   // plain, over several pages
	scriptWide  // mixed, both halves over several pages
	scriptDDL   // text, and a catalog change that drops an id
	scriptKinds
)

func (k scriptKind) records() txn.CSN {
	switch k {
	case scriptMixed, scriptWide, scriptDDL:
		return 2
	}
	return 1
}

func (k scriptKind) travels() bool { return k != scriptPrivate }

// script is a run of transactions whose outcome is known: transaction n has
// rows tN.0 … and values that name its kind and their number.
type script struct {
	mu    sync.Mutex
	kinds []scriptKind // of every transaction begun, in commit order
	acked int          // of them, acknowledged
	reset []int        // RESET MASTER took the binlog up to one of these counts away
	purge int          // a purge may have taken the binlog up to this count away
}

func (s *script) next(n int, k scriptKind) fakeTxn {
	var f fakeTxn
	pad := "."
	if k == scriptBig || k == scriptWide {
		pad = strings.Repeat(fmt.Sprintf("%06d ", n), 1500)
	}
	row := func(i int) string { return fmt.Sprintf("t%d.%d=%d%s", n, i, k, pad) }
	switch k {
	case scriptPrivate:
		f.private = []string{row(0), row(1)}
	case scriptDDL:
		f.ddl = fmt.Sprintf("DDL %d", n)
		f.kv = []KV{{Key: "cat|ddl", Value: []byte(fmt.Sprint(n))}}
		f.drop = TableID(n)
	case scriptMixed, scriptWide:
		f.private = []string{row(0)}
		f.kv = []KV{{Key: "kv|last", Value: []byte(fmt.Sprint(n))}}
		f.origin = &txn.Origin{Channel: "ch", Source: txn.Coord{File: "src.000001", Pos: uint64(n)}}
		f.bin = []string{row(1)}
	default:
		f.bin = []string{row(0), row(1)}
	}
	return f
}

// commitGroup commits transactions of these kinds as one group and waits.
func (s *script) commitGroup(t testing.TB, e *Engine, kinds ...scriptKind) error {
	if err := e.cm.hold(context.Background()); err != nil {
		return err
	}
	var results []<-chan txn.Result
	s.mu.Lock()
	for _, k := range kinds {
		s.kinds = append(s.kinds, k)
		p := s.next(len(s.kinds), k).pending(e)
		ch, err := e.cm.enqueue(context.Background(), p)
		if err != nil {
			s.mu.Unlock()
			e.cm.resume()
			return err
		}
		results = append(results, ch)
	}
	s.mu.Unlock()
	e.cm.resume()
	for _, ch := range results {
		if r := <-ch; r.Err != nil {
			return r.Err
		}
		s.mu.Lock()
		s.acked++
		s.mu.Unlock()
	}
	return nil
}

// promise is what must hold of a crash at this moment.
type promise struct {
	acked int
	purge int
	reset []int
}

func (s *script) promise() promise {
	s.mu.Lock()
	defer s.mu.Unlock()
	return promise{s.acked, s.purge, append([]int(nil), s.reset...)}
}

// check verifies that the engine holds a prefix of the script of at least
// p.acked transactions, all of each, and that the binlog says the same.
func (s *script) check(t testing.TB, e *Engine, p promise) error {
	s.mu.Lock()
	kinds := s.kinds
	s.mu.Unlock()
	rows, n := fakeRows(t, e), 0
	var csn txn.CSN
	travelled := []int{0} // after n transactions
	want := map[string]bool{}
	last := 0
	for i, k := range kinds {
		f := s.next(i+1, k)
		there, all := 0, len(f.bin)+len(f.private)
		for _, r := range append(f.bin, f.private...) {
			key, value, _ := strings.Cut(r, "=")
			if got, ok := rows[key]; ok && got == value {
				there++
				want[key] = true
			} else if ok {
				return fmt.Errorf("row %s is wrong", key)
			}
		}
		if k == scriptDDL { // it has no rows: its setting tells
			v, _, err := getCopy(e.db, metaKey("cat|ddl"))
			if err != nil {
				return err
			}
			var at int
			fmt.Sscan(string(v), &at)
			there, all = 0, 1
			if at >= i+1 {
				there = 1
			}
		}
		if there != 0 && there != all {
			return fmt.Errorf("transaction %d of kind %d: %d of %d rows", i+1, k, there, all)
		}
		if there == 0 {
			break
		}
		if n = i + 1; k == scriptMixed || k == scriptWide {
			last = n
		}
		csn += k.records()
		t := travelled[len(travelled)-1]
		if k.travels() {
			t++
		}
		travelled = append(travelled, t)
	}
	if n < p.acked {
		return fmt.Errorf("%d transactions were acknowledged, %d are there", p.acked, n)
	}
	if len(want) != len(rows) {
		return fmt.Errorf("%d rows behind transaction %d", len(rows)-len(want), n)
	}
	if got, _, _ := e.Visible(); got != csn {
		return fmt.Errorf("visible is %d after %d transactions, want %d", got, n, csn)
	}
	if err := checkSettings(e, last); err != nil {
		return err
	}
	return checkBinlog(t, e, kinds[:n], travelled, p, s)
}

func checkSettings(e *Engine, last int) error {
	v, ok, err := e.GetKV("last")
	if err != nil || ok != (last > 0) || ok && string(v) != fmt.Sprint(last) {
		return fmt.Errorf("setting is %q, want %d (%v)", v, last, err)
	}
	o, ok, err := originOf(e.db, "ch")
	if err != nil || ok != (last > 0) || o.Source.Pos != uint64(last) {
		return fmt.Errorf("source coordinate is %+v, want %d (%v)", o, last, err)
	}
	return nil
}

// checkBinlog compares the binlog's rows and GTIDs with the prefix.
func checkBinlog(t testing.TB, e *Engine, kinds []scriptKind, travelled []int, p promise, s *script) error {
	logged := binlogRows(t, e)
	gone := max(p.purge, p.reset[len(p.reset)-1])
	for i, k := range kinds {
		for _, r := range s.next(i+1, k).bin {
			key, _, _ := strings.Cut(r, "=")
			if _, ok := logged[key]; !ok && i >= gone {
				return fmt.Errorf("row %s is in the store, not in the binlog", key)
			}
			delete(logged, key)
		}
	}
	for key := range logged {
		return fmt.Errorf("row %s is in the binlog, not in the store", key)
	}
	_, _, gtids := e.Visible()
	for _, r := range p.reset {
		if r < len(travelled) && int(gtids.Count()) == travelled[len(travelled)-1]-travelled[r] {
			return nil
		}
	}
	return fmt.Errorf("gtid_executed is %q after %d transactions that travel", gtids, travelled[len(travelled)-1])
}

func scriptOptions(o *Options) {
	o.GTIDMode = func() bool { return true }
	o.ServerUUID = gtid.UUID{7}
	o.Binlog.MaxSize = func() int64 { return 96 << 10 }
}

// run plays the script on fs until it ends or an operation fails.
func (s *script) run(t testing.TB, fs vfs.FS, rounds int) error {
	e, err := tryOpenFake(t, fs, scriptOptions)
	if err != nil {
		return err
	}
	e.local.size = 48 << 10
	r := rand.New(rand.NewPCG(1, 2))
	for i := range rounds {
		kinds := []scriptKind{scriptKind(i) % scriptKinds}
		for r.IntN(3) > 0 {
			kinds = append(kinds, scriptKind(r.IntN(int(scriptKinds))))
		}
		if err := s.commitGroup(t, e, kinds...); err != nil {
			return errors.Join(err, e.Close(context.Background()))
		}
		switch i % 16 {
		case 4:
			err = e.Rotate(context.Background())
		case 7:
			s.mu.Lock()
			s.purge = len(s.kinds)
			s.mu.Unlock()
			_, err = e.PurgeTo(context.Background(), e.bin.Active(), nil)
		case 11:
			s.mu.Lock()
			s.reset = append(s.reset, len(s.kinds))
			s.mu.Unlock()
			err = e.ResetMaster(context.Background())
			s.mu.Lock()
			s.reset = s.reset[len(s.reset)-1:]
			s.mu.Unlock()
		case 14:
			err = e.db.Flush()
		}
		if err != nil {
			return errors.Join(err, e.Close(context.Background()))
		}
	}
	return e.Close(context.Background())
}

// verify opens a crashed file system and checks it.
func (s *script) verify(t testing.TB, fs vfs.FS, p promise) error {
	e, err := tryOpenFake(t, fs, scriptOptions)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	err = s.check(t, e, p)
	return errors.Join(err, e.Close(context.Background()))
}

func TestCrash_AtEveryOperation(t *testing.T) {
	t.Parallel()
	mem := vfs.NewCrashableMem()
	s := &script{reset: []int{0}}
	points, inside := 0, 0
	failed := false
	fs := &faultFS{FS: mem}
	fs.at = func(n int, op, name string) error {
		if failed {
			return nil
		}
		p := s.promise()
		for _, pct := range []int{0, 50, 100} {
			cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: pct, RNG: rand.New(rand.NewPCG(uint64(n), uint64(pct)))}
			clone := mem.CrashClone(cfg)
			points++
			if n%40 == 7 && pct == 50 { // crash again at every operation of the recovery
				inside += s.crashInside(t, clone, p, uint64(n))
			}
			if err := s.verify(t, clone, p); err != nil {
				t.Errorf("operation %d (%s %s), %d %% unsynced: %v", n, op, name, pct, err)
				failed = true
				return nil
			}
		}
		return nil
	}
	rounds := 17
	if testing.Short() {
		rounds = 12
	}
	if err := s.run(t, fs, rounds); err != nil {
		t.Fatal(err)
	}
	if failed {
		return
	}
	if err := s.verify(t, mem, s.promise()); err != nil {
		t.Errorf("after the clean stop: %v", err)
	}
	t.Logf("%d transactions, %d operations, %d crashes, %d inside a recovery", len(s.kinds), fs.n, points, inside)
}

// crashInside recovers a file system and crashes at each operation of that.
func (s *script) crashInside(t testing.TB, mem *vfs.MemFS, p promise, seed uint64) (points int) {
	base := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(seed, 0))})
	fs := &faultFS{FS: base}
	fs.at = func(n int, op, name string) error {
		if t.Failed() {
			return nil
		}
		points++
		clone := base.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(seed, uint64(n)))})
		if err := s.verify(t, clone, p); err != nil {
			t.Errorf("operation %d (%s %s) of a recovery: %v", n, op, name, err)
		}
		return nil
	}
	e, err := tryOpenFake(t, fs, scriptOptions)
	if err != nil {
		t.Errorf("recovery: %v", err)
		return points
	}
	fs.quiet()
	if err := e.Close(context.Background()); err != nil {
		t.Error(err)
	}
	return points
}
