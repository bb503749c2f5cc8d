package storage

import (
	"bytes"
	"math"
)

// overlay holds what a transaction has written and not committed: store keys in
// order, each with the versions that statements gave it. It is a skip list
// whose nodes stay until the end, so that a scan may hold one while the
// statement that scans goes on writing. What does not fit into memory goes to
// runs. Used by one goroutine.
type overlay struct {
	head  node
	first [maxLevel]*node // head.next
	level int
	seed  uint64
	bytes int64    // of keys and newest values in memory
	mem   int64    // all that the list takes, nearly
	nodes int      // in the list
	undo  []pushed // one for each version in the list, in order
	keep  uint32   // statement of the newest savepoint: older versions stay
	begun uint32   // first step of the running statement

	// Nothing of this is used before the first run.
	runs   []*run
	seq    int         // of the newest run
	epoch  int         // counts the times that the list or the runs were replaced
	undone []undoneRun // statements whose versions in runs do not count, in order
	err    error       // a run could not be read: the transaction is lost
}

// undoneRun are the statements after from up to to.
type undoneRun struct{ from, to uint32 }

const (
	maxLevel = 12

	// What a node and a version take beside key and value, in bytes.
	nodeBytes    = 120
	versionBytes = 64
)

type node struct {
	key  []byte
	top  *version // nil: rolled back, as if the key were not here
	next []*node
}

// version is what a statement wrote under a key.
type version struct {
	stmt  uint32
	del   bool
	fresh bool // the store has nothing under the key
	value []byte
	prev  *version
}

// pushed notes that a statement added a version to a node.
type pushed struct {
	n    *node
	stmt uint32
}

// all is a statement number that sees every version.
const all = math.MaxUint32

// visible returns the newest version written before statement limit.
func (n *node) visible(limit uint32) *version {
	v := n.top
	for v != nil && v.stmt >= limit && limit != all {
		v = v.prev
	}
	return v
}

// init makes an empty overlay; it must not be copied afterwards.
func (o *overlay) init() {
	o.head.next, o.level, o.seed = o.first[:], 1, 0x9e3779b97f4a7c15
}

// empty reports whether nothing is written.
func (o *overlay) empty() bool { return len(o.undo) == 0 && len(o.runs) == 0 }

// spilled reports whether not all is in memory.
func (o *overlay) spilled() bool { return len(o.runs) > 0 }

// before finds the last node with a key < key, and fills path with the last
// such node of every level.
func (o *overlay) before(key []byte, path *[maxLevel]*node) *node {
	n := &o.head
	for l := o.level - 1; l >= 0; l-- {
		for n.next[l] != nil && bytes.Compare(n.next[l].key, key) < 0 {
			n = n.next[l]
		}
		if path != nil {
			path[l] = n
		}
	}
	return n
}

// seekGE returns the first node with a key ≥ key, nil at the end.
func (o *overlay) seekGE(key []byte) *node { return o.before(key, nil).next[0] }

// seekLT returns the last node with a key < key, nil if there is none.
func (o *overlay) seekLT(key []byte) *node {
	if n := o.before(key, nil); n != &o.head {
		return n
	}
	return nil
}

// get returns the version of key that statement limit sees. After an error,
// which stays in o.err, it returns nil.
func (o *overlay) get(key []byte, limit uint32) *version {
	if len(o.undo) > 0 {
		if n := o.seekGE(key); n != nil && bytes.Equal(n.key, key) {
			if v := n.visible(limit); v != nil {
				return v
			}
		}
	}
	if len(o.runs) == 0 {
		return nil
	}
	return o.getSpilled(key, limit)
}

// put writes p for statement stmt. Key and value are kept.
func (o *overlay) put(stmt uint32, p put) {
	key, value := p.key, p.value
	var path [maxLevel]*node
	n := o.before(key, &path).next[0]
	if n == nil || !bytes.Equal(n.key, key) {
		n = o.insert(key, &path)
	}
	o.bytes += int64(len(value))
	o.mem += int64(len(value))
	fresh := p.fresh && len(o.runs) == 0 // a run may know better
	if top := n.top; top != nil {
		fresh = top.fresh
		o.bytes -= int64(len(top.value))
		if top.stmt == stmt {
			o.mem -= int64(len(top.value))
			top.value, top.del = value, p.del
			return
		}
		// Nobody can go back to a version that lies between the newest savepoint
		// and the one a failing statement would restore, or between that and the
		// one of the statement's last step.
		if prev := top.prev; prev != nil && prev.stmt > o.keep && (top.stmt < o.begun || prev.stmt >= o.begun) {
			o.mem -= int64(len(top.prev.value)) + versionBytes
			top.prev = top.prev.prev
		}
	}
	o.mem += versionBytes
	n.top = &version{stmt: stmt, del: p.del, fresh: fresh, value: value, prev: n.top}
	o.undo = append(o.undo, pushed{n, stmt})
}

func (o *overlay) insert(key []byte, path *[maxLevel]*node) *node {
	level := 1
	o.seed ^= o.seed << 13
	o.seed ^= o.seed >> 7
	o.seed ^= o.seed << 17
	for r := o.seed; r&3 == 0 && level < maxLevel; r >>= 2 {
		level++
	}
	for l := o.level; l < level; l++ {
		path[l] = &o.head
	}
	o.level = max(o.level, level)
	n := &node{key: key, next: make([]*node, level)}
	for l := range level {
		n.next[l], path[l].next[l] = path[l].next[l], n
	}
	o.bytes += int64(len(key))
	o.mem += int64(len(key)) + nodeBytes
	o.nodes++
	return n
}

// rollback takes back every version of statements after stmt.
func (o *overlay) rollback(stmt uint32) {
	i := len(o.undo)
	for ; i > 0 && o.undo[i-1].stmt > stmt; i-- {
		n := o.undo[i-1].n
		if n.top == nil || n.top.stmt <= stmt {
			continue
		}
		o.bytes -= int64(len(n.top.value))
		for n.top != nil && n.top.stmt > stmt {
			n.top = n.top.prev
		}
		if n.top != nil {
			o.bytes += int64(len(n.top.value))
		}
	}
	o.undo = o.undo[:i]
	if len(o.runs) > 0 {
		o.rollbackRuns(stmt)
	}
}
