package lock

import (
	"bytes"
	"time"
)

func (t *Table) lockAll() {
	for i := range t.shards {
		t.shards[i].mu.Lock()
	}
}

func (t *Table) unlockAll() {
	for i := range t.shards {
		t.shards[i].mu.Unlock()
	}
}

// breakCycles ends waits until no cycle goes through p.
func (t *Table) breakCycles(p *waiter) {
	t.lockAll()
	defer t.unlockAll()
	for !p.done {
		t.round++
		p.owner.seen = t.round
		cycle := t.search(p, p.owner, nil)
		if cycle == nil {
			return
		}
		victim := p.owner
		for _, o := range cycle {
			if o.weight.Load() < victim.weight.Load() {
				victim = o
			}
		}
		w := victim.waiting.Load()
		s := t.shard(w.entry.hash)
		s.finish(w, ErrDeadlock)
		s.grant(w.entry)
	}
}

// search goes from the wait w along its edges and returns the owners on the
// way if it comes to target. Holders come before the waiter ahead, so that
// a short way around the queue is found first.
func (t *Table) search(w *waiter, target *Owner, path []*Owner) []*Owner {
	path = append(path, w.owner)
	visit := func(o *Owner) []*Owner {
		if o == target {
			return path
		}
		next := o.waiting.Load()
		if next == nil || o.seen == t.round {
			return nil
		}
		o.seen = t.round
		return t.search(next, target, path)
	}
	for i := range w.entry.holders {
		if h := &w.entry.holders[i]; h.owner != w.owner && !h.settled() && !w.mode.goesWith(h.mode) {
			if cycle := visit(h.owner); cycle != nil {
				return cycle
			}
		}
	}
	if w.prev != nil {
		return visit(w.prev.owner)
	}
	return nil
}

// Edge is one wait: Waiter waits for each of Blockers, which hold the lock in a
// mode in its way or asked for it before.
type Edge struct {
	Waiter   uint64 // id of the owner
	Blockers []uint64
	Key      []byte
	Mode     Mode
	Since    time.Time
}

// Waits returns who waits for whom at one moment, for status pages. It stops
// the lock table for as long as it takes to copy the waits.
func (t *Table) Waits() []Edge {
	t.lockAll()
	defer t.unlockAll()
	var edges []Edge
	for i := range t.shards {
		for e := range t.shards[i].queued {
			for w := e.first; w != nil; w = w.next {
				edges = append(edges, w.edge())
			}
		}
	}
	return edges
}

func (w *waiter) edge() Edge {
	d := Edge{Waiter: w.owner.id, Key: bytes.Clone(w.entry.key), Mode: w.mode, Since: w.since}
	for _, h := range w.entry.holders {
		if h.owner != w.owner && !w.mode.goesWith(h.mode) {
			d.Blockers = append(d.Blockers, h.owner.id)
		}
	}
	for p := w.prev; p != nil; p = p.prev {
		if !w.mode.goesWith(p.mode) {
			d.Blockers = append(d.Blockers, p.owner.id)
		}
	}
	return d
}

// Len returns the number of locks held, for status and tests.
func (t *Table) Len() int {
	t.lockAll()
	defer t.unlockAll()
	n := 0
	for i := range t.shards {
		for _, e := range t.shards[i].entries {
			for ; e != nil; e = e.next {
				n++
			}
		}
		for _, c := range t.shards[i].crowds {
			n += c.x.n + c.s.n
		}
	}
	return n
}
