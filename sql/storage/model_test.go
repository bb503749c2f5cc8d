package storage

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sort"
	"testing"
	"time"
)

// The model of a database with one table (k primary key, v indexed, w unique or
// NULL): every commit makes a new map. It decides what each step of a script
// must do; the store has to do the same.

type modelRow struct{ v, w int } // w = 0: NULL

type modelDB struct {
	states  []map[int]modelRow // after commit n
	changed map[int]int        // key → commit that wrote or deleted it last
	locks   map[string]*modelTx
}

type modelTx struct {
	db    *modelDB
	rc    bool
	view  int // commit; -1 = none
	own   map[int]*modelRow
	saves []modelSave
	held  map[string]bool
	dead  bool
}

type modelSave struct {
	name string
	own  map[int]*modelRow
}

var (
	errModelTimeout  = errors.New("timeout")
	errModelConflict = errors.New("conflict")
	errModelDup      = errors.New("duplicate")
)

func (m *modelDB) last() map[int]modelRow { return m.states[len(m.states)-1] }

func (x *modelTx) lock(key string) error {
	if o := x.db.locks[key]; o != nil && o != x {
		return errModelTimeout
	}
	x.db.locks[key] = x
	x.held[key] = true
	return nil
}

func (x *modelTx) end() {
	for k := range x.held {
		delete(x.db.locks, k)
	}
	x.dead = true
}

func (x *modelTx) conflict() error {
	x.end()
	return errModelConflict
}

// newest returns the row as writes see it.
func (x *modelTx) newest(k int) (modelRow, bool) {
	if r, ok := x.own[k]; ok {
		if r == nil {
			return modelRow{}, false
		}
		return *r, true
	}
	r, ok := x.db.last()[k]
	return r, ok
}

// visible returns everything a consistent read sees.
func (x *modelTx) visible() map[int]modelRow {
	base := x.db.last()
	if !x.rc {
		if x.view < 0 {
			x.view = len(x.db.states) - 1
		}
		base = x.db.states[x.view]
	}
	out := maps.Clone(base)
	for k, r := range x.own {
		if r == nil {
			delete(out, k)
		} else {
			out[k] = *r
		}
	}
	return out
}

// lockRead is a locking read of one key.
func (x *modelTx) lockRead(k int) (r modelRow, ok bool, err error) {
	if err := x.lock(fmt.Sprint("k", k)); err != nil {
		return r, false, err
	}
	if o, mine := x.own[k]; mine {
		if o == nil {
			return r, false, nil
		}
		return *o, true, nil
	}
	if x.view < 0 {
		r, ok = x.db.last()[k]
		return r, ok, nil
	}
	if r, ok = x.db.states[x.view][k]; ok && x.db.changed[k] > x.view {
		return r, false, x.conflict()
	}
	return r, ok, nil
}

func (x *modelTx) claim(k, w, old int) error {
	if w == 0 || w == old {
		return nil
	}
	if err := x.lock(fmt.Sprint("w", w)); err != nil {
		return err
	}
	for key := range 8 {
		if r, ok := x.newest(key); ok && r.w == w && key != k {
			if err := x.lock(fmt.Sprint("k", key)); err != nil { // REPLACE goes on with it
				return err
			}
			return errModelDup
		}
	}
	return nil
}

func (x *modelTx) insert(k int, r modelRow) error {
	if err := x.lock(fmt.Sprint("k", k)); err != nil {
		return err
	}
	if _, ok := x.newest(k); ok {
		return errModelDup
	}
	if o, mine := x.own[k]; !(mine && o == nil) && x.view >= 0 && x.db.changed[k] > x.view {
		return x.conflict()
	}
	if err := x.claim(-1, r.w, 0); err != nil {
		return err
	}
	x.own[k] = &r
	return nil
}

func (x *modelTx) update(k int, old, r modelRow) error {
	if old.w != 0 && old.w != r.w {
		if err := x.lock(fmt.Sprint("w", old.w)); err != nil {
			return err
		}
	}
	if old == r {
		return nil
	}
	if err := x.claim(k, r.w, old.w); err != nil {
		return err
	}
	x.own[k] = &r
	return nil
}

func (x *modelTx) remove(k int, old modelRow) error {
	if old.w != 0 {
		if err := x.lock(fmt.Sprint("w", old.w)); err != nil {
			return err
		}
	}
	x.own[k] = nil
	return nil
}

func (x *modelTx) commit() {
	next := maps.Clone(x.db.last())
	for k, r := range x.own {
		_, was := next[k]
		if r == nil {
			delete(next, k)
			if !was {
				continue // nothing to delete: no other transaction can tell
			}
		} else {
			next[k] = *r
		}
		x.db.changed[k] = len(x.db.states)
	}
	if len(x.own) > 0 {
		x.db.states = append(x.db.states, next)
	}
	x.end()
}

func cloneOwn(m map[int]*modelRow) map[int]*modelRow { return maps.Clone(m) }

func modelRows(m map[int]modelRow, byV bool) []string {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		a, b := keys[i], keys[j]
		if byV && m[a].v != m[b].v {
			return m[a].v < m[b].v
		}
		return a < b
	})
	var out []string
	for _, k := range keys {
		w := "NULL"
		if m[k].w != 0 {
			w = fmt.Sprint(m[k].w)
		}
		out = append(out, fmt.Sprintf("%d,%d,%s", k, m[k].v, w))
	}
	return out
}

type pair struct {
	x  *modelTx
	tx *Tx
}

func TestTx_Model(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { runModel(t, rand.New(rand.NewPCG(1, seed)), seen, 0) })
	}
	for _, what := range []string{"timeout", "conflict", "duplicate", "commit", "rollback", "savepoint", "fail"} {
		if seen[what] < 10 {
			t.Errorf("the scripts had %s only %d times: %v", what, seen[what], seen)
		}
	}
}

// TestTx_ModelSpilling runs the scripts with so little memory that every few
// changes, or each of them, go to a file, and commits are ingested.
func TestTx_ModelSpilling(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			runModel(t, rand.New(rand.NewPCG(2, seed)), seen, []int64{1, 1000, 3000}[seed%3])
		})
	}
	for _, what := range []string{"conflict", "duplicate", "commit", "rollback", "savepoint", "fail"} {
		if seen[what] < 10 {
			t.Errorf("the scripts had %s only %d times: %v", what, seen[what], seen)
		}
	}
}

// runModel runs a script; spill is Options.SpillBytes.
func runModel(t *testing.T, rng *rand.Rand, seen map[string]int, spill int64) {
	s := newTestStore(t)
	s.o.SpillBytes = spill
	tab := s.create(t, kvSchema())
	db := &modelDB{states: []map[int]modelRow{{}}, changed: map[int]int{}, locks: map[string]*modelTx{}}
	live := make([]*pair, 3)
	for step := range 400 {
		i := rng.IntN(len(live))
		p := live[i]
		if p == nil || p.x.dead {
			o := TxOptions{LockWait: time.Microsecond, ThreadID: uint32(i)}
			rc := rng.IntN(4) == 0
			if rc {
				o.Isolation = ReadCommitted
			}
			live[i] = &pair{&modelTx{db: db, rc: rc, view: -1, own: map[int]*modelRow{}, held: map[string]bool{}}, s.Begin(o)}
			continue
		}
		stepModel(t, rng, s, tab, p, step, seen)
	}
	for _, p := range live {
		if p != nil {
			p.tx.Rollback()
			p.x.end()
		}
	}
	want(t, s.rows(t, tab), modelRows(db.last(), false)...)
	s.checkIndexes(t, tab)
	if n := s.tables.locks.Len(); n != 0 {
		t.Fatal(n, "locks stay")
	}
	s.noScratch(t)
}

// noScratch fails when a transaction left files behind.
func (s *testStore) noScratch(t testing.TB) {
	t.Helper()
	names, err := s.fs.List(s.fs.PathJoin("data", cacheDir))
	if err != nil || len(names) > 0 {
		t.Errorf("spill files stay: %v %v", names, err)
	}
}

func stepModel(t *testing.T, rng *rand.Rand, s *testStore, tab *Table, p *pair, step int, seen map[string]int) {
	x, tx := p.x, p.tx
	k := rng.IntN(8)
	r := modelRow{rng.IntN(5), rng.IntN(4)}
	switch rng.IntN(16) {
	case 0, 6, 7:
		mustCommit(t, tx)
		x.commit()
		seen["commit"]++
	case 1:
		tx.Rollback()
		x.end()
		seen["rollback"]++
	case 2, 3:
		tx.BeginStatement()
		want(t, scanAll(t, tx, tab, -1, Range{}, ScanOptions{}), modelRows(x.visible(), false)...)
		want(t, scanAll(t, tx, tab, 0, Range{}, ScanOptions{}), modelRows(x.visible(), true)...)
		_ = tx.EndStatement()
	case 4:
		name := fmt.Sprint("s", rng.IntN(3))
		tx.Savepoint(name)
		for i := range x.saves {
			if x.saves[i].name == name {
				x.saves = append(x.saves[:i], x.saves[i+1:]...)
				break
			}
		}
		x.saves = append(x.saves, modelSave{name, cloneOwn(x.own)})
	case 5:
		if len(x.saves) == 0 {
			return
		}
		i := rng.IntN(len(x.saves))
		if err := tx.RollbackTo(x.saves[i].name); err != nil {
			t.Fatal(err)
		}
		x.own = cloneOwn(x.saves[i].own)
		x.saves = x.saves[:i+1]
		seen["savepoint"]++
	default:
		writeModel(t, rng, tab, p, k, r, seen)
	}
}

// writeModel runs one statement of up to three changes; sometimes it fails on
// purpose, and is rolled back alone.
func writeModel(t *testing.T, rng *rand.Rand, tab *Table, p *pair, k int, r modelRow, seen map[string]int) {
	x, tx := p.x, p.tx
	before := cloneOwn(x.own)
	tx.BeginStatement()
	fail := rng.IntN(4) == 0
	for range 1 + rng.IntN(3) {
		got, wanted := changeModel(t, rng, tab, p, k, r)
		if !sameOutcome(got, wanted) {
			t.Fatalf("key %d row %v: %v, the model says %v", k, r, got, wanted)
		}
		if wanted != nil {
			seen[wanted.Error()]++
			fail = true
			break
		}
		k, r = rng.IntN(8), modelRow{rng.IntN(5), rng.IntN(4)}
	}
	if x.dead {
		return
	}
	if !fail {
		if err := tx.EndStatement(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := tx.RollbackStatement(); err != nil {
		t.Fatal(err)
	}
	x.own = before
	seen["fail"]++
}

func sameOutcome(got, wanted error) bool {
	var dup *DuplicateError
	switch wanted {
	case nil:
		return got == nil
	case errModelTimeout:
		return errors.Is(got, ErrLockTimeout)
	case errModelConflict:
		return errors.Is(got, ErrConflict)
	}
	return errors.As(got, &dup)
}

func changeModel(t *testing.T, rng *rand.Rand, tab *Table, p *pair, k int, r modelRow) (got, wanted error) {
	x, tx := p.x, p.tx
	image := func(r modelRow) []byte {
		if r.w == 0 {
			return row(t, tab, k, r.v, nil)
		}
		return row(t, tab, k, r.v, r.w)
	}
	if rng.IntN(2) == 0 {
		return tx.Insert(t.Context(), tab, image(r)), x.insert(k, r)
	}
	img, ok, got := readModel(t, rng, tab, tx, k)
	old, wantOK, wanted := x.lockRead(k)
	if got != nil || wanted != nil {
		return got, wanted
	}
	if ok != wantOK || ok && show(tab, img) != show(tab, image(old)) {
		t.Fatalf("key %d: locking read gave %v, the model has %v %v", k, ok, old, wantOK)
	}
	if !ok {
		return nil, nil
	}
	img = append([]byte(nil), img...)
	if rng.IntN(2) == 0 {
		return tx.Delete(t.Context(), tab, img), x.remove(k, old)
	}
	return tx.Update(t.Context(), tab, img, image(r)), x.update(k, old, r)
}

// readModel reads and locks one row, by key or by a scan. Rows that the
// statement has written are met too.
func readModel(t *testing.T, rng *rand.Rand, tab *Table, tx *Tx, k int) ([]byte, bool, error) {
	it := tx.Scan(t.Context(), tab, -1, Range{Low: pkKey(t, tab, k), High: pkKey(t, tab, k+1)}, ScanOptions{Lock: LockExclusive, Own: true, Reverse: rng.IntN(2) == 0})
	var img []byte
	ok := it.Next()
	if ok {
		img = append(img, it.Image()...)
	}
	if err := it.Close(); err != nil {
		return nil, false, err
	}
	if !ok { // a scan locks no key that is not there; Get does
		if _, err := tx.lockRow(t.Context(), append(appendID(nil, rowSpace, tab.schema.ID), pkKey(t, tab, k)...), LockExclusive, Wait); err != nil {
			return nil, false, err
		}
	}
	return img, ok, nil
}
