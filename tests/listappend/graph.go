package listappend

import (
	"fmt"
	"strings"
)

// An edgeKind is a set of one; masks are sets of several.
type edgeKind uint8

const (
	ww edgeKind = 1 << iota
	wr
	rw
	process
	realTime
)

func (k edgeKind) String() string {
	switch k {
	case ww:
		return "ww"
	case wr:
		return "wr"
	case rw:
		return "rw"
	case process:
		return "process"
	}
	return "realtime"
}

// edge says that from comes before to.
type edge struct {
	from, to int32
	kind     edgeKind
	key      int
}

// graph holds the edges of some kinds by the transaction they leave.
type graph struct {
	first []int32 // first[i]:first[i+1] are the edges that leave i
	edges []edge
}

func newGraph(n int, edges []edge, mask edgeKind) *graph {
	g := &graph{first: make([]int32, n+1)}
	for _, e := range edges {
		if e.kind&mask != 0 {
			g.first[e.from+1]++
		}
	}
	for i := range n {
		g.first[i+1] += g.first[i]
	}
	g.edges = make([]edge, g.first[n])
	next := append([]int32(nil), g.first...)
	for _, e := range edges {
		if e.kind&mask != 0 {
			g.edges[next[e.from]] = e
			next[e.from]++
		}
	}
	return g
}

func (g *graph) out(i int32) []edge { return g.edges[g.first[i]:g.first[i+1]] }

// components returns the strongly connected components of two transactions or
// more, by Tarjan's algorithm without recursion.
func (g *graph) components() [][]int32 {
	n := len(g.first) - 1
	var (
		index   = make([]int32, n) // 0: not visited
		low     = make([]int32, n)
		onStack = make([]bool, n)
		stack   []int32
		count   int32
		out     [][]int32
	)
	type frame struct{ v, next int32 }
	var calls []frame
	visit := func(v int32) {
		count++
		index[v], low[v], onStack[v] = count, count, true
		stack = append(stack, v)
		calls = append(calls, frame{v, g.first[v]})
	}
	for root := range int32(n) {
		if index[root] != 0 {
			continue
		}
		visit(root)
		for len(calls) > 0 {
			f := &calls[len(calls)-1]
			v := f.v
			if f.next < g.first[v+1] {
				w := g.edges[f.next].to
				f.next++
				if index[w] == 0 {
					visit(w)
				} else if onStack[w] {
					low[v] = min(low[v], index[w])
				}
				continue
			}
			calls = calls[:len(calls)-1]
			if len(calls) > 0 {
				u := calls[len(calls)-1].v
				low[u] = min(low[u], low[v])
			}
			if low[v] != index[v] {
				continue
			}
			i := len(stack) - 1
			for stack[i] != v {
				i--
			}
			if comp := append([]int32(nil), stack[i:]...); len(comp) > 1 {
				out = append(out, comp)
			}
			for _, w := range stack[i:] {
				onStack[w] = false
			}
			stack = stack[:i]
		}
	}
	return out
}

// path returns a shortest way from an edge's end back to its start over edges
// of mask, with the edge in front of it; nil when there is none. With apart no
// two rw edges of the cycle follow each other.
func (g *graph) path(start edge, mask edgeKind, inside map[int32]bool, apart bool) []edge {
	type state struct {
		v  int32
		rw bool // reached by an rw edge
	}
	from := state{start.to, start.kind == rw}
	back := map[state]edge{}
	prev := map[state]state{}
	queue := []state{from}
	visited := map[state]bool{from: true}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for _, e := range g.out(s.v) {
			if e.kind&mask == 0 || !inside[e.to] || apart && e.kind == rw && s.rw {
				continue
			}
			to := state{e.to, apart && e.kind == rw}
			if e.to == start.from {
				if apart && e.kind == rw && start.kind == rw {
					continue
				}
				cycle := []edge{e}
				for s != from {
					cycle = append(cycle, back[s])
					s = prev[s]
				}
				cycle = append(cycle, start)
				reverse(cycle)
				return cycle
			}
			if !visited[to] {
				visited[to] = true
				back[to], prev[to] = e, s
				queue = append(queue, to)
			}
		}
	}
	return nil
}

func reverse(c []edge) {
	for i, j := 0, len(c)-1; i < j; i, j = i+1, j-1 {
		c[i], c[j] = c[j], c[i]
	}
}

// A search is what a cycle of a kind is made of.
type search struct {
	kind  Kind
	start edgeKind // each cycle has such an edge
	rest  edgeKind // and otherwise these
	rws   int      // at least so many of rw
	apart bool
}

// maxStarts is how many edges of a component a search starts from: enough to
// find a short cycle, few enough for a component of all transactions.
const maxStarts = 100

// cycles looks for each kind of cycle, first by dependencies alone, then with
// the order of processes, then with that of real time.
func (c *checker) cycles() {
	g2 := G2Item
	if c.opt.Predicate {
		g2 = G2
	}
	c.cyclesWith(g2, 0)
	if c.opt.Process {
		c.cyclesWith(g2, process)
	}
	if c.opt.RealTime {
		c.cyclesWith(g2, realTime)
	}
}

func (c *checker) cyclesWith(g2 Kind, extra edgeKind) {
	for _, s := range []search{
		{kind: G0, start: ww, rest: ww},
		{kind: G1c, start: wr, rest: ww | wr},
		{kind: GSingle, start: rw, rest: ww | wr, rws: 1},
		{kind: GNonadjacent, start: rw, rest: ww | wr | rw, rws: 2, apart: true},
		{kind: g2, start: rw, rest: ww | wr | rw, rws: 2},
	} {
		s.rest |= extra
		g := newGraph(len(c.h), c.edges, s.start|s.rest)
		for _, comp := range g.components() {
			if cycle := g.shortest(comp, s, extra); cycle != nil {
				c.name(s.kind, extra, cycle)
			}
		}
	}
}

// shortest returns the shortest cycle of a component that the search finds.
func (g *graph) shortest(comp []int32, s search, extra edgeKind) []edge {
	inside := make(map[int32]bool, len(comp))
	for _, v := range comp {
		inside[v] = true
	}
	var best []edge
	starts := 0
	for _, v := range comp {
		for _, e := range g.out(v) {
			if e.kind != s.start || !inside[e.to] {
				continue
			}
			if starts++; starts > maxStarts {
				return best
			}
			cycle := g.path(e, s.rest, inside, s.apart)
			if cycle == nil || count(cycle, rw) < s.rws || extra != 0 && count(cycle, extra) == 0 {
				continue
			}
			if best == nil || len(cycle) < len(best) {
				best = cycle
			}
			if len(best) == 2 {
				return best
			}
		}
	}
	return best
}

func count(cycle []edge, mask edgeKind) (n int) {
	for _, e := range cycle {
		if e.kind&mask != 0 {
			n++
		}
	}
	return n
}

func (c *checker) name(k Kind, extra edgeKind, cycle []edge) {
	switch extra {
	case process:
		k = k.process()
	case realTime:
		k = k.realTime()
	}
	var txns []int
	var b strings.Builder
	for _, e := range cycle {
		txns = append(txns, int(e.from))
		fmt.Fprintf(&b, "\n  %d: %v\n    %v", e.from, &c.h[e.from], e.kind)
		if e.kind&(ww|wr|rw) != 0 {
			fmt.Fprintf(&b, " by key %d", e.key)
		}
		fmt.Fprintf(&b, " before %d", e.to)
	}
	c.report(k, txns, "%s", strings.TrimPrefix(b.String(), "\n  "))
}
