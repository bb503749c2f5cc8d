package storage

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// memScratch names files in a file system in memory.
type memScratch struct {
	fs vfs.FS
	n  int
}

func (m *memScratch) scratchFile() (vfs.FS, string) {
	m.n++
	return m.fs, fmt.Sprint("run.", m.n)
}

// overlayModel is an overlay that remembers every version in a list.
type overlayModel map[string][]version

func (m overlayModel) put(stmt uint32, p put) {
	vs := m[string(p.key)]
	m[string(p.key)] = append(vs, version{stmt: stmt, del: p.del, value: p.value})
}

func (m overlayModel) rollback(stmt uint32) {
	for k, vs := range m {
		m[k] = slices.DeleteFunc(vs, func(v version) bool { return v.stmt > stmt })
	}
}

// seen returns what statement limit sees, in order.
func (m overlayModel) seen(limit uint32) (out []string) {
	for k, vs := range m {
		for _, v := range slices.Backward(vs) {
			if v.stmt < limit || limit == all {
				out = append(out, fmt.Sprintf("%s=%v %s", k, v.del, v.value))
				break
			}
		}
	}
	sort.Strings(out)
	return out
}

func TestOverlay_SpilledIsAsInMemory(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(3, seed))
		files := &memScratch{fs: vfs.NewMem()}
		var o overlay
		o.init()
		m := overlayModel{}
		key := func() []byte { return fmt.Appendf(nil, "t%05d", rng.IntN(3000)) }
		stmt, saved := uint32(1), uint32(0)
		begin := func() { // a statement
			stmt++
			o.begun = stmt
		}
		for range 6000 {
			switch n := rng.IntN(400); {
			case n == 0:
				if err := o.spill(files); err != nil {
					t.Fatal(err)
				}
			case n < 8:
				begin()
			case n == 8:
				saved = stmt
				o.keep = saved
				begin()
			case n < 11: // a statement fails
				o.rollback(o.begun - 1)
				m.rollback(o.begun - 1)
				begin()
			case n == 11 && saved > 0:
				o.rollback(saved)
				m.rollback(saved)
				begin()
			case n < 50:
				stmt++
			case n < 60: // a step of the statement fails
				o.rollback(stmt - 1)
				m.rollback(stmt - 1)
				stmt++
			default:
				p := put{key: key(), value: bytes.Repeat([]byte{'a' + byte(rng.IntN(26))}, rng.IntN(60)), del: rng.IntN(4) == 0}
				o.put(stmt, p)
				m.put(stmt, p)
			}
		}
		for _, limit := range []uint32{all, o.begun} {
			for _, reverse := range []bool{false, true} {
				got := walkOverlay(t, &o, files, limit, reverse, rng.IntN(500))
				if reverse {
					slices.Reverse(got)
				}
				if want := m.seen(limit); !slices.Equal(got, want) {
					t.Fatalf("seed %d, limit %d, reverse %v: %d keys, want %d", seed, limit, reverse, len(got), len(want))
				}
			}
		}
		for range 500 {
			k := key()
			v, vs := o.get(k, all), m[string(k)]
			if (v == nil) != (len(vs) == 0) || v != nil && !bytes.Equal(v.value, vs[len(vs)-1].value) {
				t.Fatalf("seed %d, key %s: %v, want %v", seed, k, v, vs)
			}
		}
		o.free()
		if names, _ := files.fs.List(""); len(names) > 0 || o.err != nil {
			t.Errorf("files stay: %v (%v)", names, o.err)
		}
	}
}

// walkOverlay walks everything; after spillAt keys it spills.
func walkOverlay(t *testing.T, o *overlay, files scratch, limit uint32, reverse bool, spillAt int) (got []string) {
	c := cursor{o: o, reverse: reverse}
	from := []byte("t")
	if reverse {
		from = []byte("u")
	}
	n := 0
	for c.seek(from); c.key != nil; c.step() {
		if v := c.version(limit); v != nil {
			got = append(got, fmt.Sprintf("%s=%v %s", c.key, v.del, v.value))
		}
		if n++; n == spillAt {
			if err := o.spill(files); err != nil {
				t.Fatal(err)
			}
		}
	}
	return got
}

// failing is a file system whose changes to spill files fail once set.
type failingSpill struct {
	*faultFS
	err error
}

func newFailingSpill() *failingSpill {
	f := &failingSpill{faultFS: &faultFS{FS: vfs.NewMem()}}
	f.at = func(_ int, op, name string) error {
		if f.err != nil && op == "write" && f.PathBase(f.PathDir(name)) == cacheDir {
			return f.err
		}
		return nil
	}
	return f
}

func TestTx_DiskFullWhileSpilling(t *testing.T) {
	fs := newFailingSpill()
	s := openTestStore(t, fs, Options{SpillBytes: 2000})
	defer s.db.Close()
	tab := s.create(t, kvSchema())
	tx := s.Begin(TxOptions{})
	insert := func(from, to int) error {
		tx.BeginStatement()
		for i := from; i < to; i++ {
			if err := tx.Insert(t.Context(), tab, row(t, tab, i, i%7, i)); err != nil {
				if rerr := tx.RollbackStatement(); rerr != nil {
					t.Error(rerr)
				}
				return err
			}
		}
		return tx.EndStatement()
	}
	if err := insert(0, 100); err != nil {
		t.Fatal(err)
	}
	fs.err = syscall.ENOSPC
	if err := insert(100, 200); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("on a full disk: %v", err)
	}
	fs.err = nil
	if err := insert(150, 160); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, tx)
	if n := len(s.rows(t, tab)); n != 110 {
		t.Errorf("%d rows, want 110", n)
	}
	s.checkIndexes(t, tab)
	s.noScratch(t)

	// At the commit itself the whole transaction goes.
	tx = s.Begin(TxOptions{})
	if err := insert(200, 300); err != nil {
		t.Fatal(err)
	}
	fs.err = syscall.ENOSPC
	if _, err := tx.Commit(t.Context()); !errors.Is(err, ErrDiskFull) {
		t.Errorf("commit on a full disk: %v", err)
	}
	if n := len(s.rows(t, tab)); n != 110 {
		t.Errorf("%d rows, want 110", n)
	}
	if n := s.tables.locks.Len(); n != 0 {
		t.Error(n, "locks stay")
	}
	s.noScratch(t)
}
