package listappend_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	. "binrelay/tests/listappend"
)

// A model is a store of lists in memory that runs interleaved transactions at
// a level, right or wrong in a known way.
type model struct {
	rng      *rand.Rand
	mode     mode
	versions map[int][]version
	dirty    map[int]*running // who holds the lock of a key
	now      int64            // commits, and the clock
	nextElem int
	h        []Txn
}

// version is the list after a commit.
type version struct {
	at   int64
	list []int
}

type mode string

const (
	serial        mode = "serial" // one after the other
	snapshot      mode = "snapshot"
	readCommitted mode = "read committed"
	innodb        mode = "reads old, writes new"
	dirtyReads    mode = "dirty reads"
	staleReads    mode = "some snapshots are old"
)

// running is a transaction at work.
type running struct {
	txn     Txn
	left    int
	view    int64
	pending map[int][]int // key → own elements
}

var errConflict = errors.New("conflict")

func (m *model) list(key int, at int64) []int {
	vs := m.versions[key]
	for i := len(vs) - 1; i >= 0; i-- {
		if vs[i].at <= at {
			return vs[i].list
		}
	}
	return nil
}

func (m *model) step(r *running, key int) error {
	at := r.view
	if m.mode == readCommitted || m.mode == dirtyReads {
		at = m.now
	}
	if m.rng.IntN(2) == 0 {
		list := slices.Clone(m.list(key, at))
		if other := m.dirty[key]; other != nil && other != r && m.mode == dirtyReads {
			list = append(list, other.pending[key]...)
		}
		if m.mode == innodb && len(r.pending[key]) > 0 {
			list = slices.Clone(m.list(key, m.now))
		}
		r.txn.Ops = append(r.txn.Ops, Read(key, append(list, r.pending[key]...)...))
		return nil
	}
	if other := m.dirty[key]; other != nil && other != r {
		return errConflict // a model does not wait
	}
	if vs := m.versions[key]; (m.mode == snapshot || m.mode == staleReads) && len(vs) > 0 && vs[len(vs)-1].at > r.view {
		return errConflict
	}
	m.dirty[key] = r
	m.nextElem++
	r.pending[key] = append(r.pending[key], m.nextElem)
	r.txn.Ops = append(r.txn.Ops, Append(key, m.nextElem))
	return nil
}

func (m *model) end(r *running, o Outcome) {
	m.now++
	for k, own := range r.pending {
		delete(m.dirty, k)
		if o == Committed {
			m.versions[k] = append(m.versions[k], version{m.now, append(slices.Clone(m.list(k, m.now)), own...)})
		}
	}
	m.now++
	r.txn.Outcome, r.txn.End = o, m.now
	if o == Committed && m.rng.IntN(20) == 0 {
		r.txn.Outcome = Unknown
	}
	m.h = append(m.h, r.txn)
}

// run makes n transactions of a few clients and returns the final lists.
func (m *model) run(n, clients int) map[int][]int {
	active := make([]*running, clients)
	for len(m.h) < n {
		c := m.rng.IntN(clients)
		r := active[c]
		if r == nil {
			m.now++
			r = &running{txn: Txn{Process: c, Start: m.now}, left: 1 + m.rng.IntN(5), view: m.now, pending: map[int][]int{}}
			if m.mode == staleReads && m.rng.IntN(10) == 0 {
				r.view = max(0, m.now-30)
			}
			active[c] = r
		}
		key := len(m.h)/100*4 + m.rng.IntN(4)
		err := m.step(r, key)
		if r.left--; err == nil && r.left > 0 {
			continue
		}
		o := Committed
		if err != nil || m.rng.IntN(20) == 0 {
			o = Aborted
		}
		m.end(r, o)
		active[c] = nil
	}
	final := map[int][]int{}
	for k := range m.versions {
		final[k] = m.list(k, m.now)
	}
	return final
}

func newModel(seed uint64, how mode) *model {
	return &model{rng: rand.New(rand.NewPCG(seed, 1)), mode: how, versions: map[int][]version{}, dirty: map[int]*running{}}
}

// Executions that are right at a level never have what the level forbids, and
// those of a weaker store are found out.
func TestCheck_ModelStores(t *testing.T) {
	for _, tc := range []struct {
		mode  mode
		level Level
		must  []Kind // found at least
	}{
		{serial, Serializable, nil},
		{snapshot, RepeatableRead, []Kind{G2Item}},
		{readCommitted, ReadCommitted, []Kind{GSingle, LostUpdate, Nonrepeat}},
		{innodb, ReadCommitted, []Kind{GSingle, LostUpdate, Nonrepeat}},
		{dirtyReads, "", []Kind{G1a, G1b, G1c}},
		{staleReads, RepeatableRead, []Kind{}},
	} {
		t.Run(string(tc.mode), func(t *testing.T) {
			all := map[Kind]bool{}
			for seed := range uint64(40) {
				m := newModel(seed, tc.mode)
				clients := 8
				if tc.mode == serial {
					clients = 1
				}
				final := m.run(400, clients)
				opt := Options{Final: final, Process: tc.mode != staleReads, RealTime: tc.mode != staleReads}
				for _, a := range Check(m.h, opt) {
					all[a.Kind] = true
					if tc.level != "" && tc.level.Forbids(a.Kind) {
						t.Fatalf("seed %d: %s %v: %s", seed, a.Kind, a.Txns, a.Text)
					}
				}
				if tc.mode == staleReads { // clients notice, or the clock does
					for _, a := range Check(m.h, Options{Final: final, RealTime: true}) {
						all[a.Kind] = true
					}
				}
			}
			for _, k := range tc.must {
				if !all[k] {
					t.Errorf("no %s in any execution, only %v", k, all)
				}
			}
			if tc.mode == staleReads && !all["G-single-realtime"] {
				t.Errorf("no G-single-realtime in any execution, only %v", all)
			}
		})
	}
}

// FuzzCheck_Serial: a serial execution is clean, whatever its operations.
func FuzzCheck_Serial(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 255, 4, 128, 7, 9, 0x81, 0x83})
	f.Fuzz(func(t *testing.T, script []byte) {
		lists := map[int][]int{}
		var h []Txn
		cur := Txn{Process: -1}
		staged := map[int][]int{}
		read := func(k int) []int { return append(slices.Clone(lists[k]), staged[k]...) }
		for i, b := range script {
			k := int(b & 3)
			switch {
			case b >= 192: // end
				cur.Outcome = Outcome(b & 1)
				if cur.Outcome == Committed {
					for k, l := range staged {
						lists[k] = append(lists[k], l...)
					}
				}
				h = append(h, cur)
				cur, staged = Txn{Process: -1}, map[int][]int{}
			case b >= 96:
				staged[k] = append(staged[k], i)
				cur.Ops = append(cur.Ops, Append(k, i))
			default:
				cur.Ops = append(cur.Ops, Read(k, read(k)...))
			}
		}
		if found := Check(h, Options{Final: lists, Process: true}); len(found) > 0 {
			t.Errorf("%s: %s", found[0].Kind, found[0].Text)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	m := newModel(1, snapshot)
	final := m.run(100_000, 16)
	b.ResetTimer()
	for b.Loop() {
		Check(m.h, Options{Final: final, Process: true, RealTime: true})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/txn")
}
