package lock

import (
	"context"
	"sync"
	"sync/atomic"
)

// Chain is one owner shared by transactions that are committed in the order in
// which they took their locks: those of a replica's applier. A later one gets a
// lock that an earlier one still holds at once, and the lock is given back
// when the last of them is done.
//
// One goroutine at a time begins links and acquires; any may settle and
// release, also meanwhile.
type Chain struct {
	t     *Table
	owner *Owner

	mu   sync.Mutex // taken before a shard's, never held over a wait
	uses map[string]*use
}

// use is a lock that the chain holds.
type use struct {
	key       string
	entry     *entry
	links     int          // that use it; guarded by Chain.mu
	unsettled atomic.Int32 // of these, those not settled
}

// Link is one transaction of a Chain.
type Link struct {
	c       *Chain
	uses    []*use
	settled bool
	alone   bool
}

// NewChain returns a chain without locks. id appears in Waits.
func (t *Table) NewChain(id uint64) *Chain {
	return &Chain{t: t, owner: t.NewOwner(id), uses: make(map[string]*use)}
}

// SetWeight is Owner.SetWeight for the chain.
func (c *Chain) SetWeight(rows uint64) { c.owner.SetWeight(rows) }

// Begin begins the next transaction.
func (c *Chain) Begin() *Link { return &Link{c: c} }

// Alone says that no other link has locks, nor takes any before this one is
// released: what it takes from now on needs no use of its own.
func (l *Link) Alone() { l.alone = true }

// Acquire is Table.Acquire for the link. After an error the link keeps what it
// has; the caller releases it.
func (l *Link) Acquire(ctx context.Context, key []byte, m Mode, w Wait) error {
	c := l.c
	c.mu.Lock()
	u := c.uses[string(key)]
	if u != nil { // pin it: no other link gives it back now
		u.links++
		u.unsettled.Add(1)
		l.uses = append(l.uses, u)
	}
	c.mu.Unlock()
	if u != nil {
		_, err := c.t.acquire(ctx, holder{c.owner, m, u}, key, w)
		return err
	}
	if l.alone {
		_, err := c.t.Acquire(ctx, c.owner, key, m, w)
		return err
	}
	// Nobody else adds to uses, so the chain does not hold the key.
	u = &use{key: string(key), links: 1}
	u.unsettled.Store(1)
	e, err := c.t.acquire(ctx, holder{c.owner, m, u}, key, w)
	if err != nil {
		return err
	}
	u.entry = e
	c.mu.Lock()
	c.uses[u.key] = u
	c.mu.Unlock()
	l.uses = append(l.uses, u)
	return nil
}

// Settle says that the link will be released whatever the chain waits for: its
// transaction is in the commit queue. Until then a wait for one of its locks
// counts as a wait for what the chain waits for. Call it once all locks are
// taken.
func (l *Link) Settle() {
	if l.settled {
		return
	}
	l.settled = true
	for _, u := range l.uses {
		u.unsettled.Add(-1)
	}
}

// Release gives the link's locks back, but for those that other links use.
// Later calls do nothing.
func (l *Link) Release() {
	l.Settle()
	c := l.c
	if l.alone {
		l.alone = false
		c.t.ReleaseAll(c.owner)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range l.uses {
		if u.links--; u.links == 0 {
			delete(c.uses, u.key)
			c.t.shard(u.entry.hash).release(c.owner, u.entry)
		}
	}
	l.uses = nil
}
