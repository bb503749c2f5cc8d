package storage

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// defaultSpillBytes is how much memory the changes of a transaction take before
// they go to a file.
const defaultSpillBytes = 32 << 20

// scratch names the files of transactions that do not fit into memory. They
// live in a directory of their own, which is emptied at every start.
type scratch interface {
	scratchFile() (fs vfs.FS, name string)
}

// spill moves what is in memory to a new run. After an error everything is
// still there (ErrDiskFull).
func (o *overlay) spill(s scratch) error {
	fs, name := s.scratchFile()
	w, err := newRun(fs, name, o.nodes)
	if err != nil {
		return err
	}
	for n := o.head.next[0]; n != nil && err == nil; n = n.next[0] {
		if n.top != nil {
			err = w.add(n.key, n.top)
		}
	}
	var r *run
	if err == nil {
		r, err = w.finish()
	}
	if err != nil {
		w.r.remove()
		return err
	}
	o.first = [maxLevel]*node{}
	o.level, o.bytes, o.mem, o.nodes, o.undo = 1, 0, 0, 0, nil
	o.epoch++
	if r != nil {
		o.seq++
		r.seq = o.seq
		o.runs = append(o.runs, r)
	}
	return nil
}

// spill makes room in memory for what the overlay will take, unless the disk is
// nearly full (ErrDiskFull): logs and store have no use for the rest either.
func (ts *tables) spill(o *overlay) error {
	if t := ts.e.tail; t != nil {
		if err := t.room(o.mem); err != nil {
			return err
		}
	}
	return o.spill(ts)
}

// free removes the runs.
func (o *overlay) free() {
	for _, r := range o.runs {
		r.remove()
	}
	o.runs = nil
	o.epoch++
}

// getSpilled is get for keys that are not in memory.
func (o *overlay) getSpilled(key []byte, limit uint32) *version {
	var v version
	hash := hash64(key)
	for i := len(o.runs) - 1; i >= 0; i-- {
		ok, err := o.runs[i].get(o, key, hash, limit, &v)
		if err != nil {
			o.fail(err)
			return nil
		}
		if ok {
			v.value = bytes.Clone(v.value)
			return &v
		}
	}
	return nil
}

func (o *overlay) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// dead reports whether what a statement wrote to a run was rolled back.
func (o *overlay) dead(stmt uint32) bool {
	for i := len(o.undone) - 1; i >= 0; i-- {
		if u := o.undone[i]; stmt > u.from {
			return stmt <= u.to
		}
	}
	return false
}

// rollbackRuns takes back every version of statements after stmt that is in a
// run. Their numbers are never given again.
func (o *overlay) rollbackRuns(stmt uint32) {
	kept, last := o.runs[:0], uint32(0)
	for _, r := range o.runs {
		if r.min > stmt {
			r.remove()
			o.epoch++
			continue
		}
		last = max(last, r.max)
		kept = append(kept, r)
	}
	clear(o.runs[len(kept):])
	o.runs = kept
	if last <= stmt {
		return
	}
	for n := len(o.undone); n > 0 && o.undone[n-1].from >= stmt; n-- {
		o.undone = o.undone[:n-1]
	}
	o.undone = append(o.undone, undoneRun{stmt, last})
}

// cursor walks the keys of an overlay, forwards or backwards. It stands on a
// key while key is not nil. What is written meanwhile it meets if it comes
// later; the overlay may spill.
type cursor struct {
	o       *overlay
	reverse bool
	epoch   int
	key     []byte // valid until the next step
	node    *node  // next one in memory
	inNode  bool   // node has key
	heap    []*runIter
	same    []*runIter // have key, the newest first
	spilled version    // room for what version returns
}

// seek goes to the first key ≥ key, or backwards to the last one < key.
func (c *cursor) seek(key []byte) {
	o := c.o
	c.epoch = o.epoch
	if c.reverse {
		c.node = o.seekLT(key)
	} else {
		c.node = o.seekGE(key)
	}
	c.heap, c.same = c.heap[:0], c.same[:0]
	for _, r := range o.runs {
		it := &runIter{r: r, block: -1}
		if !c.move(it, it.seek(key, c.reverse)) {
			return
		}
	}
	c.settle()
}

// step goes to the next key.
func (c *cursor) step() {
	if c.key == nil {
		return
	}
	if c.epoch != c.o.epoch {
		c.resume()
		return
	}
	if c.inNode {
		if c.reverse {
			c.node = c.o.seekLT(c.key)
		} else {
			c.node = c.node.next[0]
		}
	}
	for _, it := range c.same {
		if !c.move(it, it.step(c.reverse)) {
			return
		}
	}
	c.settle()
}

// resume finds the next key anew, because the overlay has spilled.
func (c *cursor) resume() {
	at := bytes.Clone(c.key)
	c.seek(at)
	if !c.reverse && c.key != nil && bytes.Equal(c.key, at) {
		c.step()
	}
}

// move takes an iterator that has moved into the heap, unless it is at its end.
func (c *cursor) move(it *runIter, err error) bool {
	if err != nil {
		c.o.fail(err)
		c.key, c.node, c.inNode, c.heap, c.same = nil, nil, false, nil, nil
		return false
	}
	if it.key == nil {
		return true
	}
	c.heap = append(c.heap, it)
	for i := len(c.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !c.before(c.heap[i], c.heap[up]) {
			break
		}
		c.heap[i], c.heap[up] = c.heap[up], c.heap[i]
		i = up
	}
	return true
}

// before orders the heap: by key, then the newer run first.
func (c *cursor) before(a, b *runIter) bool {
	order := bytes.Compare(a.key, b.key)
	if order == 0 {
		return a.r.seq > b.r.seq
	}
	return order < 0 != c.reverse
}

// pop takes the first iterator out of the heap.
func (c *cursor) pop() *runIter {
	h := c.heap
	it := h[0]
	last := len(h) - 1
	h[0] = h[last]
	h[last] = nil
	c.heap = h[:last]
	for i := 0; ; {
		next := 2*i + 1
		if next >= last {
			return it
		}
		if next+1 < last && c.before(h[next+1], h[next]) {
			next++
		}
		if !c.before(h[next], h[i]) {
			return it
		}
		h[i], h[next] = h[next], h[i]
		i = next
	}
}

// settle finds the key to stand on.
func (c *cursor) settle() {
	c.same, c.key = c.same[:0], nil
	if c.inNode = c.node != nil; c.inNode {
		c.key = c.node.key
	}
	if len(c.heap) == 0 {
		return
	}
	if first := c.heap[0]; c.key != nil {
		order := bytes.Compare(c.key, first.key)
		if order != 0 && order < 0 != c.reverse {
			return
		}
		c.inNode = order == 0
	}
	c.key = c.heap[0].key
	for len(c.heap) > 0 && bytes.Equal(c.heap[0].key, c.key) {
		c.same = append(c.same, c.pop())
	}
}

// version returns what statement limit sees under the key; nil: nothing. The
// value is valid until the next step.
func (c *cursor) version(limit uint32) *version {
	if c.inNode {
		if v := c.node.visible(limit); v != nil {
			return v
		}
	}
	for _, it := range c.same {
		if it.version(c.o, limit, &c.spilled) {
			return &c.spilled
		}
	}
	return nil
}
