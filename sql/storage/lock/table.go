package lock

import (
	"bytes"
	"context"
	"hash/maphash"
	"sync"
	"time"
)

const (
	shardCount = 32

	// What a shard keeps for reuse: so many entries with keys of at most so
	// many bytes, and a map that never held more than so many locks.
	maxFree    = 256
	maxFreeKey = 512
	maxMapPeak = 4096

	maxHeldKept = 1024 // capacity of an owner's list kept over ReleaseAll
)

// Table is a lock table. Safe for concurrent use.
type Table struct {
	seed   maphash.Seed
	round  uint64 // of searches; all shards locked
	crowd  int    // crowdFrom
	shards [shardCount]shard
}

type shard struct {
	mu      sync.Mutex
	entries map[uint64]*entry // by hash; different keys of one hash are chained
	peak    int               // most entries the map has had
	free    *entry            // chained
	freeLen int
	queued  map[*entry]struct{} // entries that have waiters
	crowds  []*crowd

	_ [16]byte // keeps the mutexes of neighbours in different cache lines
}

// entry is one lock that somebody holds. It lives while it has holders.
type entry struct {
	hash        uint64
	key         []byte
	next        *entry
	holders     []holder
	first, last *waiter
}

type holder struct {
	owner *Owner
	mode  Mode
	use   *use // of a Chain's lock, else nil
}

// settled reports whether the lock will be given back whatever its owner
// waits for.
func (h *holder) settled() bool { return h.use != nil && h.use.unsettled.Load() == 0 }

// waiter is one wait. All fields are guarded by the mutex of the entry's shard.
type waiter struct {
	holder     // as it will be
	entry      *entry
	upgrade    bool // the owner holds the entry already
	done       bool // no longer queued: granted if err is nil
	err        error
	prev, next *waiter
	since      time.Time
}

// New returns an empty lock table.
func New() *Table {
	t := &Table{seed: maphash.MakeSeed(), crowd: crowdFrom}
	for i := range t.shards {
		t.shards[i].entries = make(map[uint64]*entry)
		t.shards[i].queued = make(map[*entry]struct{})
	}
	return t
}

// NewOwner returns an owner without locks. id appears in Waits.
func (t *Table) NewOwner(id uint64) *Owner {
	return &Owner{id: id, wake: make(chan struct{}, 1)}
}

func (t *Table) shard(hash uint64) *shard { return &t.shards[hash%shardCount] }

// Acquire takes key for o in mode m, or strengthens the lock o has. fresh is
// true when o held nothing on key before: such a lock may be given back by
// Release. The key's bytes are copied.
//
// Errors: ErrDeadlock (the owner must roll back), ErrTimeout, ErrNoWait,
// ErrSkip, or the context's cause.
func (t *Table) Acquire(ctx context.Context, o *Owner, key []byte, m Mode, w Wait) (fresh bool, err error) {
	crowded := o.crowded
	e, err := t.acquire(ctx, holder{owner: o, mode: m}, key, w)
	if e == nil || err != nil {
		return o.crowded > crowded, err
	}
	o.held = append(o.held, e)
	return true, nil
}

// acquire is Acquire without the owner's list. It returns the entry if h.owner
// did not hold it before and it is not in the owner's crowd.
func (t *Table) acquire(ctx context.Context, h holder, key []byte, w Wait) (*entry, error) {
	hash := maphash.Bytes(t.seed, key)
	s := t.shard(hash)
	s.mu.Lock()
	if len(s.crowds) > 0 && s.leave(h.owner, hash, key, h.mode) {
		s.mu.Unlock()
		return nil, nil
	}
	e := s.find(hash, key)
	if e == nil {
		if len(h.owner.held) >= t.crowd && h.use == nil && (h.mode == X || h.mode == S) {
			s.join(h.owner, hash, h.mode)
			s.mu.Unlock()
			return nil, nil
		}
		e = s.add(hash, key)
		e.holders = append(e.holders, h)
		s.mu.Unlock()
		return e, nil
	}
	mine := e.holder(h.owner)
	if mine != nil {
		h.mode = join(mine.mode, h.mode)
		if h.mode == mine.mode || e.allows(h.owner, h.mode) {
			mine.mode = h.mode
			s.mu.Unlock()
			return nil, nil
		}
	} else if e.first == nil && e.allows(h.owner, h.mode) {
		e.holders = append(e.holders, h)
		s.mu.Unlock()
		return e, nil
	}
	if w.Policy != Block {
		s.mu.Unlock()
		if w.Policy == SkipLocked {
			return nil, ErrSkip
		}
		return nil, ErrNoWait
	}
	h.owner.waits++
	p := &waiter{holder: h, entry: e, upgrade: mine != nil, since: time.Now()}
	s.enqueue(p)
	search := e.holderWaits(h.owner)
	s.mu.Unlock()

	if search {
		t.breakCycles(p)
	}
	if err := s.wait(ctx, p, w.Timeout); err != nil || p.upgrade {
		return nil, err
	}
	return e, nil
}

// wait sleeps until the wait is over.
func (s *shard) wait(ctx context.Context, p *waiter, timeout time.Duration) error {
	var expired <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	var reason error
	select {
	case <-p.owner.wake:
		return p.err // written before the signal
	case <-expired:
		reason = ErrTimeout
	case <-ctx.Done():
		reason = context.Cause(ctx)
	}
	s.mu.Lock()
	if !p.done {
		s.finish(p, reason)
		s.grant(p.entry)
	}
	s.mu.Unlock()
	<-p.owner.wake
	return p.err
}

// Holds reports whether o holds key in at least mode m.
func (t *Table) Holds(o *Owner, key []byte, m Mode) bool {
	hash := maphash.Bytes(t.seed, key)
	s := t.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.crowdOf(o); c != nil && c.mode(hash) != 0 {
		return c.mode(hash).covers(m)
	}
	e := s.find(hash, key)
	if e == nil {
		return false
	}
	h := e.holder(o)
	return h != nil && h.mode.covers(m)
}

// Holder returns the id of an owner that holds key.
func (t *Table) Holder(key []byte) (id uint64, ok bool) {
	hash := maphash.Bytes(t.seed, key)
	s := t.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.find(hash, key); e != nil && len(e.holders) > 0 {
		return e.holders[0].owner.id, true
	}
	return 0, false
}

// Release gives one lock of o back, whatever its mode. A key that o does not
// hold is ignored. The time grows with the locks taken since.
func (t *Table) Release(o *Owner, key []byte) {
	if o.crowded > 0 && t.releaseCrowded(o, key) {
		return
	}
	for i := len(o.held) - 1; i >= 0; i-- {
		e := o.held[i]
		if !bytes.Equal(e.key, key) {
			continue
		}
		o.held = append(o.held[:i], o.held[i+1:]...)
		t.shard(e.hash).release(o, e)
		return
	}
}

// releaseCrowded is Release for the locks in o's crowds. False: it is none.
func (t *Table) releaseCrowded(o *Owner, key []byte) bool {
	hash := maphash.Bytes(t.seed, key)
	s := t.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.crowdOf(o)
	if c == nil {
		return false
	}
	if c.mode(hash) != 0 {
		c.x.remove(hash)
		c.s.remove(hash)
		return true
	}
	for i, e := range c.made {
		if bytes.Equal(e.key, key) {
			c.made = append(c.made[:i], c.made[i+1:]...)
			s.drop(o, e)
			return true
		}
	}
	return false
}

// ReleaseAll gives all locks of o back. The owner may be used again.
func (t *Table) ReleaseAll(o *Owner) {
	if o.crowded > 0 {
		for i := range t.shards {
			t.shards[i].disperse(o)
		}
		o.crowded = 0
	}
	for i, e := range o.held {
		t.shard(e.hash).release(o, e)
		o.held[i] = nil
	}
	o.held = o.held[:0]
	if cap(o.held) > maxHeldKept {
		o.held = nil
	}
}

func (s *shard) release(o *Owner, e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(o, e)
}

// drop is release with the mutex held.
func (s *shard) drop(o *Owner, e *entry) {
	for i := range e.holders {
		if e.holders[i].owner == o {
			last := len(e.holders) - 1
			e.holders[i] = e.holders[last]
			e.holders[last] = holder{}
			e.holders = e.holders[:last]
			break
		}
	}
	s.grant(e)
	if len(e.holders) == 0 {
		s.remove(e)
	}
}

// find returns the entry of key, nil if nobody holds it.
func (s *shard) find(hash uint64, key []byte) *entry {
	for e := s.entries[hash]; e != nil; e = e.next {
		if bytes.Equal(e.key, key) {
			return e
		}
	}
	return nil
}

func (s *shard) add(hash uint64, key []byte) *entry {
	e := s.free
	if e != nil {
		s.free = e.next
		s.freeLen--
	} else {
		e = new(entry)
	}
	e.hash, e.key = hash, append(e.key[:0], key...)
	e.next = s.entries[hash]
	s.entries[hash] = e
	s.peak = max(s.peak, len(s.entries))
	return e
}

// remove forgets an entry without holders (and so without waiters).
func (s *shard) remove(e *entry) {
	if e.first != nil {
		panic("lock: waiters of a free lock")
	}
	if head := s.entries[e.hash]; head != e {
		for head.next != e {
			head = head.next
		}
		head.next = e.next
	} else if e.next != nil {
		s.entries[e.hash] = e.next
	} else {
		delete(s.entries, e.hash)
	}
	if len(s.entries) == 0 && s.peak > maxMapPeak { // maps do not shrink
		s.entries, s.peak = make(map[uint64]*entry), 0
	}
	e.next = nil
	if s.freeLen < maxFree && cap(e.key) <= maxFreeKey && cap(e.holders) <= 8 {
		e.next, s.free = s.free, e
		s.freeLen++
	}
}

func (e *entry) holder(o *Owner) *holder {
	for i := range e.holders {
		if e.holders[i].owner == o {
			return &e.holders[i]
		}
	}
	return nil
}

// allows reports whether the holders but o go with mode m.
func (e *entry) allows(o *Owner, m Mode) bool {
	for i := range e.holders {
		if h := &e.holders[i]; h.owner != o && !m.goesWith(h.mode) {
			return false
		}
	}
	return true
}

// holderWaits reports whether a holder but o waits for some lock. Without one
// a wait of o here closes no cycle: whoever it waits for, also through the
// queue, is a holder, and those run. A holder that begins to wait later
// searches itself.
func (e *entry) holderWaits(o *Owner) bool {
	for i := range e.holders {
		if h := e.holders[i].owner; h != o && h.waiting.Load() != nil {
			return true
		}
	}
	return false
}

// enqueue puts p at the end of the queue; an upgrade behind the last upgrade.
func (s *shard) enqueue(p *waiter) {
	e := p.entry
	before := e.last
	if p.upgrade {
		before = nil
		for w := e.first; w != nil && w.upgrade; w = w.next {
			before = w
		}
	}
	p.prev = before
	if before == nil {
		p.next, e.first = e.first, p
	} else {
		p.next, before.next = before.next, p
	}
	if p.next == nil {
		e.last = p
	} else {
		p.next.prev = p
	}
	s.queued[e] = struct{}{}
	p.owner.waiting.Store(p)
}

// finish takes p out of the queue and wakes its owner with err.
func (s *shard) finish(p *waiter, err error) {
	e := p.entry
	if p.prev == nil {
		e.first = p.next
	} else {
		p.prev.next = p.next
	}
	if p.next == nil {
		e.last = p.prev
	} else {
		p.next.prev = p.prev
	}
	p.prev, p.next = nil, nil
	if e.first == nil {
		delete(s.queued, e)
	}
	p.done, p.err = true, err
	p.owner.waiting.Store(nil)
	p.owner.wake <- struct{}{}
}

// grant serves the queue up to the first waiter that cannot have the lock yet.
func (s *shard) grant(e *entry) {
	for p := e.first; p != nil && e.allows(p.owner, p.mode); p = e.first {
		if p.upgrade {
			e.holder(p.owner).mode = p.mode
		} else {
			e.holders = append(e.holders, p.holder)
		}
		s.finish(p, nil)
	}
}
