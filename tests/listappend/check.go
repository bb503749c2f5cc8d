package listappend

import (
	"cmp"
	"fmt"
	"slices"
)

// checker holds what is derived from a history on the way.
type checker struct {
	h      []Txn
	opt    Options
	found  []Anomaly
	writer map[int]map[int]write // key → element → who appended it
	order  map[int][]int         // key → elements in version order
	seen   []bool                // per transaction: an element of it was read, or is in a final list
	reads  []read                // of transactions that count as committed
	edges  []edge
}

// write is the append of an element.
type write struct {
	txn  int
	last bool // the transaction's last append to the key
}

// read is what a transaction saw of a key beside its own appends.
type read struct {
	txn, key int
	n        int  // length of the list without own elements
	appends  bool // the transaction appends to the key afterwards
}

// Check returns the anomalies of a history. Of the cycles among transactions
// that depend on each other, one of each kind is named, a shortest one.
func Check(h []Txn, opt Options) []Anomaly {
	c := &checker{h: h, opt: opt, writer: map[int]map[int]write{}, order: map[int][]int{}, seen: make([]bool, len(h))}
	c.writes()
	c.versions()
	c.transactions()
	c.lostUpdates()
	c.dependencies()
	c.cycles()
	return c.found
}

func (c *checker) report(k Kind, txns []int, format string, args ...any) {
	c.found = append(c.found, Anomaly{Kind: k, Txns: txns, Text: fmt.Sprintf(format, args...)})
}

// counts reports whether a transaction took effect.
func (c *checker) counts(txn int) bool {
	switch c.h[txn].Outcome {
	case Committed:
		return true
	case Unknown:
		return c.seen[txn]
	}
	return false
}

// writes collects who appended what.
func (c *checker) writes() {
	for i := range c.h {
		last := map[int]int{}
		for _, o := range c.h[i].Ops {
			if o.Read {
				continue
			}
			m := c.writer[o.Key]
			if m == nil {
				m = map[int]write{}
				c.writer[o.Key] = m
			}
			if w, ok := m[o.Elem]; ok {
				panic(fmt.Sprintf("listappend: element %d of key %d is appended by transactions %d and %d", o.Elem, o.Key, w.txn, i))
			}
			if prev, ok := last[o.Key]; ok {
				m[prev] = write{txn: i}
			}
			m[o.Elem] = write{txn: i, last: true}
			last[o.Key] = o.Elem
		}
	}
}

// versions takes each key's version order from its final list, else from its
// longest read, and holds all reads of committed transactions against it.
func (c *checker) versions() {
	from := map[int]int{}
	for k, list := range c.opt.Final {
		c.order[k] = list
		from[k] = -1
		c.observe(k, list, -1)
	}
	if c.opt.Final == nil {
		c.eachRead(func(txn int, o Op) {
			if len(o.List) > len(c.order[o.Key]) {
				c.order[o.Key], from[o.Key] = o.List, txn
			}
		})
	}
	c.eachRead(func(txn int, o Op) {
		c.observe(o.Key, o.List, txn)
		if order := c.order[o.Key]; len(o.List) > len(order) || !slices.Equal(o.List, order[:len(o.List)]) {
			txns := []int{txn}
			if f, ok := from[o.Key]; ok && f >= 0 {
				txns = append(txns, f)
			}
			c.report(Incompatible, txns, "key %d was read as %v, but its versions are those of %v", o.Key, o.List, order)
		}
	})
	if c.opt.Final == nil {
		return
	}
	for k, m := range c.writer {
		final := make(map[int]bool, len(c.order[k]))
		for _, e := range c.order[k] {
			final[e] = true
		}
		for e, w := range m {
			if c.counts(w.txn) && !final[e] {
				c.report(Lost, []int{w.txn}, "element %d of key %d is gone; transaction %d: %v", e, k, w.txn, &c.h[w.txn])
			}
		}
	}
}

// eachRead calls f for the reads of acknowledged transactions. Those of unknown
// outcome are left out: what they saw may have been undone with them.
func (c *checker) eachRead(f func(txn int, o Op)) {
	for i := range c.h {
		if c.h[i].Outcome != Committed {
			continue
		}
		for _, o := range c.h[i].Ops {
			if o.Read {
				f(i, o)
			}
		}
	}
}

// observe looks at the elements of a list that txn read (-1: the final one).
func (c *checker) observe(key int, list []int, txn int) {
	by := func() []int {
		if txn < 0 {
			return nil
		}
		return []int{txn}
	}
	known := make(map[int]bool, len(list))
	for i, e := range list {
		if known[e] {
			c.report(Duplicate, by(), "element %d is twice in key %d: %v", e, key, list)
			continue
		}
		known[e] = true
		w, ok := c.writer[key][e]
		switch {
		case !ok:
			c.report(Garbage, by(), "element %d of key %d was never appended: %v", e, key, list)
			continue
		case w.txn == txn:
			continue
		}
		c.seen[w.txn] = true
		if c.h[w.txn].Outcome == Aborted {
			c.report(G1a, append(by(), w.txn), "key %d read as %v, of which %d is by the aborted transaction %d: %v", key, list, e, w.txn, &c.h[w.txn])
		}
		if i == len(list)-1 && !w.last {
			c.report(G1b, append(by(), w.txn), "key %d read as %v, in the middle of transaction %d: %v", key, list, w.txn, &c.h[w.txn])
		}
	}
}

// transactions holds each committed transaction's reads against its own
// operations and keeps what it saw of others.
func (c *checker) transactions() {
	for i := range c.h {
		if c.h[i].Outcome != Committed {
			continue
		}
		own, before := map[int][]int{}, map[int]int{}
		first := len(c.reads)
		for _, o := range c.h[i].Ops {
			mine := own[o.Key]
			if !o.Read {
				own[o.Key] = append(mine, o.Elem)
				for r := first; r < len(c.reads); r++ {
					c.reads[r].appends = c.reads[r].appends || c.reads[r].key == o.Key
				}
				continue
			}
			n := len(o.List) - len(mine)
			if n < 0 || !slices.Equal(o.List[n:], mine) {
				c.report(Internal, []int{i}, "transaction %d appended %v to key %d and then read %v: %v", i, mine, o.Key, o.List, &c.h[i])
				continue
			}
			if prev, ok := before[o.Key]; ok && prev != n {
				c.report(Nonrepeat, []int{i}, "transaction %d read %d elements of others in key %d, and then %d: %v", i, prev, o.Key, n, &c.h[i])
			}
			before[o.Key] = n
			c.reads = append(c.reads, read{txn: i, key: o.Key, n: n})
		}
	}
}

// lostUpdates finds transactions that read the same version of a key and then
// appended to it.
func (c *checker) lostUpdates() {
	type version struct{ key, n int }
	by := map[version]int{}
	for _, r := range c.reads {
		if !r.appends {
			continue
		}
		v := version{r.key, r.n}
		other, ok := by[v]
		if ok && other != r.txn {
			c.report(LostUpdate, []int{other, r.txn}, "transactions %d and %d both read the first %d elements of key %d and appended to it: %v; %v",
				other, r.txn, r.n, r.key, &c.h[other], &c.h[r.txn])
		}
		by[v] = r.txn
	}
}

// dependencies makes the edges of the graph.
func (c *checker) dependencies() {
	for k, order := range c.order {
		for i := 1; i < len(order); i++ {
			c.edge(k, order, i-1, i, ww)
		}
	}
	for _, r := range c.reads {
		order := c.order[r.key]
		if w, ok := c.at(r.key, order, r.n-1); ok {
			c.add(w, r.txn, wr, r.key)
		}
		if w, ok := c.at(r.key, order, r.n); ok {
			c.add(r.txn, w, rw, r.key)
		}
	}
	if c.opt.Process {
		c.processOrder()
	}
	if c.opt.RealTime {
		c.realTimeOrder()
	}
}

// at returns who appended the i-th element of a version order.
func (c *checker) at(key int, order []int, i int) (txn int, ok bool) {
	if i < 0 || i >= len(order) {
		return 0, false
	}
	w, ok := c.writer[key][order[i]]
	return w.txn, ok
}

func (c *checker) edge(key int, order []int, i, j int, kind edgeKind) {
	a, ok := c.at(key, order, i)
	b, ok2 := c.at(key, order, j)
	if ok && ok2 {
		c.add(a, b, kind, key)
	}
}

func (c *checker) add(from, to int, kind edgeKind, key int) {
	if from != to {
		c.edges = append(c.edges, edge{from: int32(from), to: int32(to), kind: kind, key: key})
	}
}

// byTime returns the transactions that took effect and have times, by start.
func (c *checker) byTime() []int {
	var out []int
	for i := range c.h {
		if c.counts(i) && (c.h[i].Start != 0 || c.h[i].End != 0) {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(c.h[a].Start, c.h[b].Start) })
	return out
}

func (c *checker) processOrder() {
	last := map[int]int{}
	for i := range c.h {
		p := c.h[i].Process
		if p < 0 || !c.counts(i) {
			continue
		}
		if prev, ok := last[p]; ok {
			c.add(prev, i, process, 0)
		}
		last[p] = i
	}
}

// realTimeOrder adds an edge between transactions of which one ended before the
// other started, unless a third lies between them. An unknown outcome may come
// at any later time, so such a transaction precedes none.
func (c *checker) realTimeOrder() {
	starts := c.byTime()
	ends := slices.Clone(starts)
	slices.SortStableFunc(ends, func(a, b int) int { return cmp.Compare(c.h[a].End, c.h[b].End) })
	front := map[int]bool{} // ended, and none that started afterwards has
	pred := map[int][]int{}
	e := 0
	for _, i := range starts {
		for ; e < len(ends) && c.h[ends[e]].End < c.h[i].Start; e++ {
			done := ends[e]
			if c.h[done].Outcome == Unknown {
				continue
			}
			for _, p := range pred[done] {
				delete(front, p)
			}
			delete(pred, done)
			front[done] = true
		}
		for p := range front {
			pred[i] = append(pred[i], p)
			c.add(p, i, realTime, 0)
		}
	}
}
