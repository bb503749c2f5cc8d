package storage

import (
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"binrelay/binlog/txn"
)

// view is a read view: a snapshot of the store and the last commit in it.
type view struct {
	snap *pebble.Snapshot
	csn  txn.CSN
}

// viewSet counts the open views and knows the oldest.
type viewSet struct {
	n    atomic.Int64 // open, or about to open
	mu   sync.Mutex
	open map[*view]txn.CSN // lower bound of the view's csn
}

// openView makes a read view of everything visible now. It is registered before
// the snapshot is taken: a row deleted by a commit that the snapshot lacks is
// then noted in recentDeletes.
func (ts *tables) openView() (*view, error) {
	v := &view{}
	s := &ts.views
	s.n.Add(1)
	s.mu.Lock()
	if s.open == nil {
		s.open = make(map[*view]txn.CSN)
	}
	s.open[v] = ts.visible()
	s.mu.Unlock()
	v.snap = ts.e.db.NewSnapshot()
	csn, err := ts.csnOf(v.snap)
	if err != nil {
		ts.closeView(v)
		return nil, err
	}
	v.csn = csn
	return v, nil
}

func (ts *tables) closeView(v *view) {
	if v == nil {
		return
	}
	s := &ts.views
	s.mu.Lock()
	delete(s.open, v)
	s.mu.Unlock()
	s.n.Add(-1)
	_ = v.snap.Close()
}

// oldest returns a lower bound of what the open views hold; ok is false when
// there are none.
func (s *viewSet) oldest() (csn txn.CSN, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.open {
		if !ok || c < csn {
			csn, ok = c, true
		}
	}
	return csn, ok
}

// recentDeletes remembers which rows were deleted after the oldest open view
// was made: an insert of such a key by a transaction with that view is a
// conflict, although it finds no row. Keys are hashed; two keys with one hash
// cost a needless 1213.
type recentDeletes struct {
	shards [64]deleteShard
	size   atomic.Int64
	floor  atomic.Uint64 // deletes up to here may be forgotten
	prune  sync.Mutex
}

type deleteShard struct {
	mu sync.Mutex
	m  map[uint64]txn.CSN
}

// maxDeletes is how many deletes are remembered.
const maxDeletes = 1 << 20

// note remembers the deleted rows of a commit.
func (d *recentDeletes) note(hashes []uint64, csn txn.CSN, views *viewSet) {
	if len(hashes) == 0 || views.n.Load() == 0 {
		return
	}
	for _, h := range hashes {
		s := &d.shards[h%uint64(len(d.shards))]
		s.mu.Lock()
		if s.m == nil {
			s.m = make(map[uint64]txn.CSN)
		}
		if _, ok := s.m[h]; !ok {
			d.size.Add(1)
		}
		s.m[h] = csn
		s.mu.Unlock()
	}
	if d.size.Load() > maxDeletes {
		d.shrink(csn, views)
	}
}

// noteAll makes every insert of an absent key by a transaction with a view older
// than csn a conflict: the commit deleted more rows than can be remembered.
func (d *recentDeletes) noteAll(csn txn.CSN) {
	d.prune.Lock()
	defer d.prune.Unlock()
	d.floor.Store(max(d.floor.Load(), uint64(csn)))
}

// shrink forgets what no open view needs, and when that is not enough the older
// half of the rest: views older than that then conflict with every insert of an
// absent key.
func (d *recentDeletes) shrink(now txn.CSN, views *viewSet) {
	d.prune.Lock()
	defer d.prune.Unlock()
	if d.size.Load() <= maxDeletes {
		return
	}
	cut, ok := views.oldest()
	if !ok {
		cut = now
	}
	d.forget(cut)
	if d.size.Load() > maxDeletes/2 && cut < now {
		mid := cut + (now-cut)/2
		d.floor.Store(max(d.floor.Load(), uint64(mid)))
		d.forget(mid)
	}
}

// forget removes deletes up to cut.
func (d *recentDeletes) forget(cut txn.CSN) {
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		for h, c := range s.m {
			if c <= cut {
				delete(s.m, h)
				d.size.Add(-1)
			}
		}
		s.mu.Unlock()
	}
}

// after reports whether the row with that key hash may have been deleted after
// the view of csn was made.
func (d *recentDeletes) after(hash uint64, csn txn.CSN) bool {
	if txn.CSN(d.floor.Load()) > csn {
		return true
	}
	s := &d.shards[hash%uint64(len(d.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[hash] > csn
}
