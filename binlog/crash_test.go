package binlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"binrelay/binlog/event"
	"binrelay/binlog/logfile/logtest"
	"binrelay/binlog/txn"
)

// tornIsLegal applies the rule by which recovery judges damage: a torn tail,
// unless something behind it was written after the group of the first missing
// transaction.
func tornIsLegal(whole []txn.CSN, o Options, fs vfs.FS) error {
	o.FS = fs
	x, err := o.OpenIndex()
	if err != nil {
		return err
	}
	s, err := ScanTxns(x, txn.Coord{})
	if err != nil {
		return err
	}
	defer s.Close()
	missing := txn.CSN(len(whole) + 1)
	damaged := false
	for {
		found, err := s.Next()
		var bad *DamageError
		switch {
		case errors.As(err, &bad):
			damaged = true
			if bad.Header || !bad.Last {
				return bad
			}
			if err := s.Resume(); err != nil {
				return err
			}
		case err != nil: // io.EOF
			return nil
		case damaged && found.CSN-txn.CSN(found.Index) > missing:
			return fmt.Errorf("transaction %d, index %d, after the first missing %d", found.CSN, found.Index, missing)
		}
	}
}

func TestLog_CrashKeepsWhatWasSynced(t *testing.T) {
	for _, percent := range []int{0, 50, 100} {
		for seed := range uint64(40) {
			t.Run(fmt.Sprintf("%d%%/%d", percent, seed), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, uint64(percent)))
				fs := vfs.NewCrashableMem()
				o := testOptions(fs)
				o.MaxSize = func() int64 { return 40_000 }
				l := mustOpen(t, o)
				csn := txn.CSN(1)
				acked := 0
				for range 4 + rng.IntN(8) {
					var group []*Txn
					for i := range 1 + rng.IntN(4) {
						group = append(group, insertTxn(csn, uint16(i), strings.Repeat("v", rng.IntN(9000))))
						csn++
					}
					if _, err := l.AppendGroup(group); err != nil {
						t.Fatal(err)
					}
					if rng.IntN(6) == 0 {
						break // dies before the sync
					}
					if err := l.Sync(); err != nil {
						t.Fatal(err)
					}
					acked = int(csn) - 1
					if l.NeedsRotation() {
						if _, err := l.Rotate(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
				}
				cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: percent}
				if percent > 0 {
					cfg.RNG = rng
				}
				crashed := fs.CrashClone(cfg)
				whole, _, _ := scanCSNs(t, crashed, o)
				if len(whole) < acked {
					t.Fatalf("%d transactions were synced, %d are there", acked, len(whole))
				}
				same(t, "transactions", whole, csns(len(whole)))
				if err := tornIsLegal(whole, o, crashed); err != nil {
					t.Fatalf("an ordinary crash is refused: %v", err)
				}
				checkRecovers(t, crashed, o, len(whole))
			})
		}
	}
}

// checkRecovers cuts behind the last whole transaction, opens the log again
// and appends one more.
func checkRecovers(t *testing.T, fs vfs.FS, o Options, whole int) {
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
	var end txn.Coord
	for range whole {
		found, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		end = found.End
	}
	_, err = s.Next()
	var bad *DamageError
	if errors.As(err, &bad) && !bad.Header {
		if bad.Txn != (txn.Coord{}) {
			end = bad.Txn
		}
		if end.File != bad.File {
			end = txn.Coord{File: bad.File, Pos: uint64(bad.Offset)}
		}
		if err := Cut(x, end); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, l, insertTxn(txn.CSN(whole+1), 0, "after recovery"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, damage, _ := scanCSNs(t, fs, o)
	if damage != nil {
		t.Fatal(damage)
	}
	same(t, "after recovery", again, csns(whole+1))
}

// oneFile returns the bytes of a log with four transactions in two groups and
// the offsets at which each ends.
func oneFile(t *testing.T) (content []byte, ends []int) {
	fs := vfs.NewMem()
	l := mustOpen(t, testOptions(fs))
	ts := []*Txn{insertTxn(1, 0, "one"), ddlTxn(2, 1, "CREATE TABLE a (b int)"), insertTxn(3, 0, "three"), insertTxn(4, 1, "four")}
	commit(t, l, ts[:2]...)
	commit(t, l, ts[2:]...)
	b, err := fs.UnsafeGetFileDataBuffer("/data/mysql-bin.000001")
	if err != nil {
		t.Fatal(err)
	}
	for _, tx := range ts {
		ends = append(ends, int(tx.End.Pos))
	}
	return append([]byte(nil), b...), ends
}

// withFile returns a file system with a log of this one file.
func withFile(t testing.TB, content []byte) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewMem()
	if err := fs.MkdirAll("/data", 0o755); err != nil {
		t.Fatal(err)
	}
	logtest.WriteFile(t, fs, "/data/mysql-bin.000001", content)
	logtest.WriteFile(t, fs, "/data/mysql-bin.index", []byte("./mysql-bin.000001\n"))
	return fs
}

func TestScan_CutAtEveryByte(t *testing.T) {
	content, ends := oneFile(t)
	o := testOptions(nil)
	for cut := 0; cut <= len(content); cut++ {
		fs := withFile(t, content[:cut])
		want := 0
		for _, end := range ends {
			if cut >= end {
				want++
			}
		}
		whole, damage, after := scanCSNs(t, fs, o)
		same(t, fmt.Sprintf("cut at %d", cut), whole, csns(want))
		if len(after) > 0 {
			t.Fatalf("cut at %d: found %v behind", cut, after)
		}
		clean := cut == 122+4 || cut == 157
		for _, end := range ends {
			clean = clean || cut == end
		}
		if clean != (damage == nil) {
			t.Fatalf("cut at %d: damage %v", cut, damage)
		}
		if damage != nil && damage.Header != (cut < 157) {
			t.Fatalf("cut at %d: header damage %v", cut, damage)
		}
		if damage == nil || !damage.Header {
			checkRecovers(t, fs, o, want)
		}
	}
}

func TestScan_FlipEveryByte(t *testing.T) {
	content, ends := oneFile(t)
	o := testOptions(nil)
	inUse := 4 + 17
	for at := range content {
		if at == inUse {
			continue // bit 0 of it is the one bit that no checksum covers
		}
		b := append([]byte(nil), content...)
		b[at] ^= 0x55
		fs := withFile(t, b)
		hit := 0
		for hit < len(ends) && at >= ends[hit] {
			hit++
		}
		whole, damage, after := scanCSNs(t, fs, o)
		if damage == nil {
			t.Fatalf("byte %d: no damage seen", at)
		}
		if at < 157 {
			if !damage.Header {
				t.Fatalf("byte %d: %v is not seen as a header's", at, damage)
			}
			continue
		}
		same(t, fmt.Sprintf("byte %d: before", at), whole, csns(hit))
		// Everything behind the damaged transaction is found again; of itself at
		// most the Xid.
		rest := csns(4)[hit+1:]
		if len(after) > 0 && after[0] == txn.CSN(hit+1) {
			after = after[1:]
		}
		same(t, fmt.Sprintf("byte %d: behind", at), after, rest)
		legal := tornIsLegal(whole, o, fs)
		if refused := legal != nil; refused != (hit < 2) {
			t.Fatalf("byte %d in transaction %d: %v", at, hit+1, legal)
		}
	}
}

func TestScan_ZeroedBlockIsTorn(t *testing.T) {
	fs := vfs.NewMem()
	o := testOptions(fs)
	l := mustOpen(t, o)
	commit(t, l, insertTxn(1, 0, "one"))
	commit(t, l, insertTxn(2, 0, strings.Repeat("a", 9000)), insertTxn(3, 1, strings.Repeat("b", 9000)), insertTxn(4, 2, "tail"))
	b, _ := fs.UnsafeGetFileDataBuffer("/data/mysql-bin.000001")
	clear(b[4096:8192])
	whole, damage, after := scanCSNs(t, fs, o)
	same(t, "before the hole", whole, csns(1))
	if damage == nil || damage.Txn.Pos == 0 {
		t.Fatalf("damage: %v", damage)
	}
	same(t, "behind the hole", after, []txn.CSN{2, 3, 4}) // 2 by its Xid alone
	if err := tornIsLegal(whole, o, fs); err != nil {
		t.Fatalf("a lost page of one group is refused: %v", err)
	}
}

func TestScan_EmbeddedBinlogIsNoTransaction(t *testing.T) {
	content, _ := oneFile(t)
	fs := vfs.NewMem()
	o := testOptions(fs)
	l := mustOpen(t, o)
	big := insertTxn(1, 0, string(content)) // a row that holds a binlog
	commit(t, l, big)
	b, _ := fs.UnsafeGetFileDataBuffer("/data/mysql-bin.000001")
	b[len(b)-600] ^= 1 // behind the row's beginning: its event is bad
	_, damage, after := scanCSNs(t, fs, o)
	if damage == nil {
		t.Fatal("no damage")
	}
	same(t, "behind", after, csns(1)) // its own Xid
}

// diskFullAt fails every write of file content from the nth on, with ENOSPC.
type diskFullAt struct {
	n     int
	kinds []errorfs.OpKind
	err   error
	once  bool
	count int
}

func (d *diskFullAt) String() string { return "disk full" }
func (d *diskFullAt) MaybeError(op errorfs.Op) error {
	for _, k := range d.kinds {
		if op.Kind == k {
			d.count++
			if d.count == d.n || d.n > 0 && d.count > d.n && !d.once {
				return d.err
			}
		}
	}
	return nil
}

func TestLog_DiskFullLeavesNothing(t *testing.T) {
	kinds := map[string][]errorfs.OpKind{"preallocate": {errorfs.OpFilePreallocate}, "write": {errorfs.OpFileWriteAt}}
	for name, kinds := range kinds {
		for n := 1; n <= 4; n++ {
			mem := vfs.NewCrashableMem()
			inj := &diskFullAt{n: -1, kinds: kinds, err: syscall.ENOSPC, once: name == "write"}
			fs := errorfs.Wrap(mem, inj)
			l := mustOpen(t, testOptions(fs))
			end := commit(t, l, insertTxn(1, 0, "one"))
			inj.n = inj.count + n
			text := strings.Repeat("z", 60_000)
			var group []*Txn
			for i := range 40 { // more than one buffer
				group = append(group, insertTxn(txn.CSN(2+i), uint16(i), text))
			}
			_, err := l.AppendGroup(group)
			if err == nil && (name == "write" && n <= 3 || name == "preallocate" && n == 1) {
				t.Fatalf("%s %d: no error", name, n)
			}
			if err == nil {
				continue
			}
			if !errors.Is(err, ErrDiskFull) || errors.Is(err, ErrFatal) {
				t.Fatalf("%s %d: %v", name, n, err)
			}
			if l.End() != end {
				t.Fatalf("%s %d: end %v, want %v", name, n, l.End(), end)
			}
			inj.n = -1
			tx := insertTxn(2, 0, "there is room again")
			commit(t, l, tx)
			if tx.Start != end || tx.Clock.Sequence != 2 {
				t.Fatalf("%s %d: %+v", name, n, tx)
			}
			crashed := mem.CrashClone(vfs.CrashCloneCfg{})
			whole, damage, after := scanCSNs(t, crashed, testOptions(nil))
			if damage != nil || len(after) > 0 {
				t.Fatalf("%s %d: %v %v", name, n, damage, after)
			}
			same(t, name, whole, csns(2))
		}
	}
}

func TestLog_FailedSyncIsFinal(t *testing.T) {
	inj := &diskFullAt{n: -1, kinds: []errorfs.OpKind{errorfs.OpFileSyncData, errorfs.OpFileSync}, err: syscall.EIO, once: true}
	l := mustOpen(t, testOptions(errorfs.Wrap(vfs.NewMem(), inj)))
	end := commit(t, l, insertTxn(1, 0, "one"))
	if _, err := l.AppendGroup([]*Txn{insertTxn(2, 0, "two")}); err != nil {
		t.Fatal(err)
	}
	inj.n = inj.count + 1
	if err := l.Sync(); !errors.Is(err, ErrFatal) || !errors.Is(err, syscall.EIO) {
		t.Fatalf("sync: %v", err)
	}
	if err := l.Sync(); !errors.Is(err, ErrFatal) {
		t.Fatalf("second sync: %v", err)
	}
	if err := l.TruncateTo(end); !errors.Is(err, ErrFatal) {
		t.Fatalf("truncate: %v", err)
	}
	if _, err := l.AppendGroup([]*Txn{insertTxn(2, 0, "two")}); !errors.Is(err, ErrFatal) {
		t.Fatalf("append: %v", err)
	}
	l.Close()
}

// TestLog_ErrorAtEveryIndex fails each file operation of a script in turn: the
// log reports it and keeps what was committed, or refuses to go on.
func TestLog_ErrorAtEveryIndex(t *testing.T) {
	all := []errorfs.OpKind{errorfs.OpFileWriteAt, errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFilePreallocate,
		errorfs.OpCreate, errorfs.OpRename, errorfs.OpRemove, errorfs.OpOpenDir, errorfs.OpFileStat}
	for n := 1; ; n++ {
		mem := vfs.NewCrashableMem()
		inj := &diskFullAt{n: n, kinds: all, err: syscall.ENOSPC, once: true}
		o := testOptions(errorfs.Wrap(mem, inj))
		acked, err := script(t, o)
		crashed := mem.CrashClone(vfs.CrashCloneCfg{})
		whole, damage, after := scanCSNs(t, crashed, o)
		if damage != nil || len(after) > 0 {
			t.Fatalf("operation %d (%v): %v, behind it %v", n, err, damage, after)
		}
		if len(whole) != acked {
			t.Fatalf("operation %d (%v): %d committed, %d there", n, err, acked, len(whole))
		}
		same(t, fmt.Sprint("operation ", n), whole, csns(acked))
		checkRecovers(t, crashed, o, acked)
		if inj.count < n {
			return
		}
	}
}

// script commits until the log refuses, retrying what may be retried.
func script(t *testing.T, o Options) (acked int, err error) {
	l, err := Open(o)
	if err != nil {
		return 0, err
	}
	defer l.Close()
	for i := 0; i < 6; i++ {
		if i == 3 {
			if _, err = l.Rotate(t.Context()); errors.Is(err, ErrFatal) {
				return acked, err
			}
		}
		var end txn.Coord
		for range 2 {
			end, err = l.AppendGroup([]*Txn{insertTxn(txn.CSN(acked+1), 0, "text"), insertTxn(txn.CSN(acked+2), 1, strings.Repeat("t", 5000))})
			if err == nil {
				break
			}
		}
		if err != nil {
			return acked, err
		}
		if err := l.Sync(); errors.Is(err, ErrFatal) {
			return acked, err
		}
		acked += 2
		l.SetSent(end)
	}
	return acked, nil
}

func TestLog_ServerIDOfEvents(t *testing.T) {
	l := mustOpen(t, testOptions(vfs.NewMem()))
	defer l.Close()
	tx := insertTxn(1, 0, "x")
	event.SetServerID(tx.Events.(*memEvents).events[1], 999)
	commit(t, l, tx)
	r, err := l.NewReader(txn.Coord{File: tx.Start.File, Pos: tx.Start.Pos})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var ids []uint32
	for {
		ev, ok, err := r.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		ids = append(ids, ev.ServerID())
	}
	same(t, "server ids", ids, []uint32{201, 201, 999, 201, 201})
}
