package storage

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
)

// Limits of a commit group.
const (
	maxGroupBytes = 32 << 20 // a group takes no more, unless it is one transaction
	maxGroupTxns  = 1000
	aloneBytes    = 16 << 20 // a larger transaction travels alone
	maxInFlight   = 64       // groups that are durable and not yet visible
	maxInFlightB  = 128 << 20
)

// committer is the one queue of all commits and the stages behind it:
//
//	         queue           A sequence, write, sync    B ack      C apply, publish
//	commit ─▶ p p p p ─────▶ group n+2 ──────────────▶ group n+1 ─▶ group n ─▶ release, answer
//
// The first in the queue leads a group of all that wait. When it is durable
// (the commit point) leadership goes to the first of those who came meanwhile,
// and the old leader takes its group through B and C, each of which is first
// in, first out. Transactions that nobody waits for (enqueue) are led by a
// goroutine of the committer's own.
//
// After the commit point nothing may fail: then the process ends.
type committer struct {
	e *Engine

	// mu guards the queue and who leads.
	mu       sync.Mutex
	changed  sync.Cond // a leader left, a group ended, the queue opened
	queue    []*pending
	leading  bool  // somebody leads or has been told to
	held     int   // closed by Freeze and the like: nobody leads
	inFlight int   // groups between A and the answer
	inBytes  int64 // their bytes
	err      error // ErrClosed or ErrFatal: nothing is taken any more

	// Stage A's own: the leader's, or whose the held queue is. logMu also covers
	// every use of the two log writers, for the syncs that come from outside.
	logMu  sync.Mutex
	last   txn.CSN       // last number given
	bytes  uint64        // logged since the store was made
	synced bool          // mode the local log has noted: each group is synced
	gtids  *gtid.Builder // executed, logged
	prev   chan struct{} // closed when the last group that was logged is visible
	dirty  atomic.Bool   // the logs hold something that is not synced

	visible atomic.Pointer[visibleState]
	waitMu  sync.Mutex
	waiters map[*visibleWaiter]struct{}

	leadOwn chan struct{} // buffered: the own goroutine leads
	finish  chan *group   // groups it has led
	fatal1  sync.Once
	failed  atomic.Bool     // fatal was called: nothing is acknowledged any more
	life    context.Context // ends with the Engine: for acknowledgements
	end     context.CancelFunc
	wg      sync.WaitGroup
}

// visibleState is what users see: the newest visible commit.
type visibleState struct {
	csn   txn.CSN
	coord txn.Coord
	gtids gtid.Set
}

// pendingState says where a pending is.
type pendingState uint8

const (
	pendingNew pendingState = iota
	pendingQueued
	pendingTaken
)

func newCommitter(e *Engine, v *visibleState, bytes uint64, synced bool) *committer {
	c := &committer{
		e: e, last: v.csn, bytes: bytes, synced: synced, gtids: gtid.NewBuilder(v.gtids),
		prev: make(chan struct{}), waiters: map[*visibleWaiter]struct{}{},
		leadOwn: make(chan struct{}, 1), finish: make(chan *group, maxInFlight),
	}
	close(c.prev)
	c.changed.L = &c.mu
	c.visible.Store(v)
	c.life, c.end = context.WithCancel(context.Background())
	c.wg.Add(2)
	go c.leadUnattended()
	go c.finishUnattended()
	return c
}

func (p *pending) hasKV() bool { return len(p.kv) > 0 || len(p.drops) > 0 || p.origin != nil }

// hasLocal reports whether p has a half in the local log.
func (p *pending) hasLocal() bool { return p.private != nil || p.hasKV() }

// settle gives p its outcome: it releases what p holds, then answers.
func (p *pending) settle(r txn.Result) {
	p.discard()
	if p.release != nil {
		p.release(r)
	}
	p.done <- r
}

// commit hands p to the Committer and waits for the outcome. ctx counts until
// the transaction is sequenced: ending it before gives its error and leaves no
// trace; afterwards the outcome is waited for. release is called in any case.
func (c *committer) commit(ctx context.Context, p *pending) txn.Result {
	p.done = make(chan txn.Result, 1)
	if err := c.admit(p); err != nil {
		p.settle(txn.Result{Err: err})
		return <-p.done
	}
	if first, err := c.push(p, true); err != nil {
		p.settle(txn.Result{Err: err})
	} else if first {
		c.lead()
	}
	quit := ctx.Done()
	for {
		select {
		case r := <-p.done:
			return r
		case <-p.lead:
			c.lead()
		case <-quit:
			if c.leave(p) {
				p.settle(txn.Result{Err: context.Cause(ctx)})
			}
			quit = nil
		}
	}
}

// enqueue hands p to the Committer and does not wait: the order of calls is
// the order of commits. The channel gets the outcome once. An error means that
// p was not taken; release is not called then.
func (c *committer) enqueue(ctx context.Context, p *pending) (<-chan txn.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	p.done = make(chan txn.Result, 1)
	if err := c.admit(p); err != nil {
		return nil, err
	}
	first, err := c.push(p, false)
	if err != nil {
		return nil, err
	}
	if first {
		c.leadOwn <- struct{}{}
	}
	return p.done, nil
}

// push puts p into the queue. first says that the caller leads now; otherwise
// one that waits may be told to lead later.
func (c *committer) push(p *pending, waits bool) (first bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return false, c.err
	}
	p.state = pendingQueued
	c.queue = append(c.queue, p)
	if c.leading || c.held > 0 {
		if waits {
			p.lead = make(chan struct{}, 1)
		}
		return false, nil
	}
	c.leading = true
	return true, nil
}

// leave takes p out of the queue, if no leader has taken it yet.
func (c *committer) leave(p *pending) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.state != pendingQueued {
		return false
	}
	for i, q := range c.queue {
		if q == p {
			c.queue = append(c.queue[:i], c.queue[i+1:]...)
			break
		}
	}
	p.state = pendingNew
	select {
	case <-p.lead: // it had been told to lead
		c.passLead()
	default:
	}
	return true
}

// passLead makes the first in the queue the leader, or nobody. mu is held, and
// the caller is the leader.
func (c *committer) passLead() {
	if len(c.queue) == 0 || c.held > 0 {
		c.leading = false
		c.changed.Broadcast()
		return
	}
	if next := c.queue[0]; next.lead != nil {
		next.lead <- struct{}{}
	} else {
		c.leadOwn <- struct{}{}
	}
}

// lead takes one group through all stages.
func (c *committer) lead() {
	g := c.take()
	if g == nil {
		return
	}
	if c.stageA(g) {
		c.finishGroup(g)
	}
}

// leadUnattended leads groups that begin with a transaction nobody waits for.
func (c *committer) leadUnattended() {
	defer c.wg.Done()
	defer close(c.finish)
	for {
		select {
		case <-c.leadOwn:
			if g := c.take(); g != nil && c.stageA(g) {
				c.finish <- g
			}
		case <-c.life.Done():
			return
		}
	}
}

func (c *committer) finishUnattended() {
	defer c.wg.Done()
	for g := range c.finish {
		c.finishGroup(g)
	}
}

// take makes a group of the head of the queue. It waits while too many groups
// are on their way, or recovery would have too much to replay. nil: there is nothing to lead; leadership is given up.
func (c *committer) take() *group {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.held == 0 && c.err == nil && (c.inFlight >= maxInFlight || c.inBytes >= maxInFlightB ||
		len(c.queue) > 0 && !c.e.tail.fits(c.bytes, c.queue[0].size)) {
		c.changed.Wait()
	}
	if c.held > 0 || len(c.queue) == 0 || c.err != nil {
		c.leading = false
		c.changed.Broadcast()
		return nil
	}
	n, bytes := 0, int64(0)
	for _, p := range c.queue {
		if n > 0 && (n == maxGroupTxns || bytes+p.size > maxGroupBytes || p.size > aloneBytes || bytes > aloneBytes && n == 1 ||
			!c.e.tail.fits(c.bytes, bytes+p.size)) {
			break
		}
		p.state = pendingTaken
		n, bytes = n+1, bytes+p.size
	}
	g := &group{bytes: bytes, done: make(chan struct{})}
	g.txns = append(g.one[:0], c.queue[:n]...)
	rest := copy(c.queue, c.queue[n:])
	clear(c.queue[rest:])
	c.queue = c.queue[:rest]
	c.inFlight++
	c.inBytes += bytes
	return g
}

// gone notes that a group has ended.
func (c *committer) gone(g *group) {
	c.mu.Lock()
	c.inFlight--
	c.inBytes -= g.bytes
	c.changed.Broadcast()
	c.mu.Unlock()
}

// hold closes the queue and waits until all that was logged is visible and
// answered. Who holds it may use the logs (under logMu) and the store as stage
// A and C do. Several may hold it; resume is called once for each.
func (c *committer) hold(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held++
	c.changed.Broadcast()
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		c.changed.Broadcast()
		c.mu.Unlock()
	})
	defer stop()
	for c.leading || c.inFlight > 0 {
		if err := ctx.Err(); err != nil {
			c.resumeLocked()
			return context.Cause(ctx)
		}
		c.changed.Wait()
	}
	return nil
}

func (c *committer) resume() {
	c.mu.Lock()
	c.resumeLocked()
	c.mu.Unlock()
}

func (c *committer) resumeLocked() {
	c.held--
	if c.held == 0 && !c.leading {
		c.leading = true
		c.passLead()
	}
}

// refuse ends the queue with err: everything in it fails.
func (c *committer) refuse(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	err = c.err
	queue := c.queue
	c.queue = nil
	for _, p := range queue {
		p.state = pendingTaken
	}
	c.changed.Broadcast()
	c.mu.Unlock()
	for _, p := range queue {
		p.settle(txn.Result{Err: err})
	}
}

// fatal ends everything: durability can no longer be promised. In a process
// that ends with it, it does not return.
func (c *committer) fatal(err error) error {
	err = fmt.Errorf("%w: %w", ErrFatal, err)
	c.failed.Store(true)
	c.fatal1.Do(func() {
		c.refuse(err)
		c.e.o.Fatal(err)
	})
	return err
}

// dead reports whether fatal was called.
func (c *committer) dead() bool { return c.failed.Load() }

// failure returns why the queue takes nothing any more, or nil.
func (c *committer) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// stop ends the own goroutines. The queue is held and refused.
func (c *committer) stop() {
	c.end()
	c.wg.Wait()
}
