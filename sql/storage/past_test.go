package storage

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// reshaped is a table t.kv whose columns come and go, and what its rows hold.
type reshaped struct {
	t    *testing.T
	s    *testStore
	rng  *rand.Rand
	cols []string // k first or anywhere
	made int
	rows map[int]map[string]any
}

func (r *reshaped) table() *Table {
	tab, ok := r.s.Catalog().Table("t", "kv")
	if !ok {
		r.t.Fatal("table is gone")
	}
	return tab
}

// reshape gives the table the columns cols; def is the value of a new one.
func (r *reshaped) reshape(cols []string, def any) {
	err := r.s.tryDDL(r.t, func(d *DDL) error {
		old, err := d.Catalog().lookup("t", "kv")
		if err != nil {
			return err
		}
		next := *old.Schema().own()
		next.Columns = nil
		source, fill := make([]int, len(cols)), make([]any, len(cols))
		moved := map[int]int{}
		for i, c := range cols {
			source[i] = slices.Index(r.cols, c)
			col := nullable(intColumn(c))
			col.Nullable = c != "k"
			next.Columns = append(next.Columns, col)
			if fill[i] = any(0); source[i] < 0 {
				fill[i] = def
			} else {
				moved[source[i]] = i
			}
		}
		next.Primary = part(slices.Index(cols, "k"))
		var kept []Index
		for _, x := range next.Indexes {
			if at, ok := moved[x.Parts[0].Column]; ok {
				x.Parts = part(at)
				kept = append(kept, x)
			}
		}
		next.Indexes = kept
		if r.rng.IntN(4) == 0 && len(kept) < 3 {
			next.Indexes = append(next.Indexes, Index{Name: fmt.Sprint("i", r.made), Parts: part(r.rng.IntN(len(cols)))})
			r.made++
		}
		own := next.own()
		own.Past = nil
		l, err := compileTable(own, lowerWeigh, &counters{})
		if err != nil {
			return err
		}
		_, err = d.Reshape("t", "kv", next, Reshape{Source: source, Fill: row(r.t, l, fill...)})
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, have := range r.rows {
		for _, c := range cols {
			if !slices.Contains(r.cols, c) {
				have[c] = def
			}
		}
		for _, c := range r.cols {
			if !slices.Contains(cols, c) {
				delete(have, c)
			}
		}
	}
	r.cols = cols
}

func (r *reshaped) values(of map[string]any) []any {
	out := make([]any, len(r.cols))
	for i, c := range r.cols {
		out[i] = of[c]
	}
	return out
}

func (r *reshaped) step() {
	switch r.rng.IntN(6) {
	case 0:
		if len(r.cols) < 12 && len(r.table().schema.Past) < MaxPast {
			r.made++
			var def any
			if r.rng.IntN(3) > 0 {
				def = r.rng.IntN(100)
			}
			r.reshape(slices.Insert(slices.Clone(r.cols), r.rng.IntN(len(r.cols)+1), fmt.Sprint("c", r.made)), def)
		}
	case 1:
		if i := r.rng.IntN(len(r.cols)); r.cols[i] != "k" && len(r.table().schema.Past) < MaxPast {
			r.reshape(slices.Delete(slices.Clone(r.cols), i, i+1), nil)
		}
	case 2:
		if i := r.rng.IntN(len(r.cols)); len(r.table().schema.Past) < MaxPast {
			cols := slices.Delete(slices.Clone(r.cols), i, i+1)
			r.reshape(slices.Insert(cols, r.rng.IntN(len(cols)+1), r.cols[i]), nil)
		}
	case 3, 4:
		k := r.rng.IntN(30)
		tab := r.table()
		next := map[string]any{"k": k}
		for _, c := range r.cols[:] {
			if c != "k" && r.rng.IntN(3) > 0 {
				next[c] = r.rng.IntN(100)
			}
		}
		tx := r.s.Begin(TxOptions{})
		tx.BeginStatement()
		var err error
		if old := r.rows[k]; old == nil {
			err = tx.Insert(r.t.Context(), tab, row(r.t, tab, r.values(next)...))
		} else {
			err = tx.Update(r.t.Context(), tab, row(r.t, tab, r.values(old)...), row(r.t, tab, r.values(next)...))
		}
		if err != nil {
			r.t.Fatal(err)
		}
		mustCommit(r.t, tx)
		r.rows[k] = next
	case 5:
		k := r.rng.IntN(30)
		if old := r.rows[k]; old != nil {
			tab := r.table()
			tx := r.s.Begin(TxOptions{})
			tx.BeginStatement()
			if err := tx.Delete(r.t.Context(), tab, row(r.t, tab, r.values(old)...)); err != nil {
				r.t.Fatal(err)
			}
			mustCommit(r.t, tx)
			delete(r.rows, k)
		}
	}
}

func (r *reshaped) check() {
	r.t.Helper()
	var keys []int
	for k := range r.rows {
		keys = append(keys, k)
	}
	sort.Ints(keys)
	tab := r.table()
	var expected []string
	for _, k := range keys {
		expected = append(expected, show(tab, row(r.t, tab, r.values(r.rows[k])...)))
	}
	want(r.t, r.s.rows(r.t, tab), expected...)
	r.s.checkIndexes(r.t, tab)
}

// Rows written under any older definition read as the current one has them, in
// scans, updates, deletes, indexes and after a reopen.
func TestReshape_Chains(t *testing.T) {
	for seed := range uint64(20) {
		r := &reshaped{t: t, s: newTestStore(t), rng: rand.New(rand.NewPCG(7, seed)), cols: []string{"k", "v", "w"}, rows: map[int]map[string]any{}}
		sc := kvSchema()
		sc.Columns[1].Nullable, sc.Indexes = true, sc.Indexes[:1]
		r.s.create(t, sc)
		for n := range 120 {
			if r.step(); n%10 == 9 {
				r.check()
			}
		}
		if len(r.table().schema.Past) == 0 {
			t.Error("no older layout")
		}
	}
}

func TestReshape_SurvivesReopen(t *testing.T) {
	fs := vfs.NewMem()
	r := &reshaped{t: t, s: openTestStore(t, fs, Options{}), rng: rand.New(rand.NewPCG(1, 2)), cols: []string{"k", "v", "w"}, rows: map[int]map[string]any{}}
	sc := kvSchema()
	sc.Columns[1].Nullable, sc.Indexes = true, nil
	r.s.create(t, sc)
	for range 5 {
		for range 30 {
			r.step()
		}
		if err := r.s.db.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := r.s.db.Close(); err != nil {
			t.Fatal(err)
		}
		r.s = openTestStore(t, fs, Options{})
		r.check()
	}
	if err := r.s.db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReshape_Refused(t *testing.T) {
	old, next := kvSchema(), kvSchema()
	if !Reshapes(&old, &next, []int{0, 1, 2}) {
		t.Fatal("an unchanged table")
	}
	for name, change := range map[string]func(o, n *Schema) []int{
		"no primary key":   func(o, n *Schema) []int { o.Primary, n.Primary = nil, nil; return []int{0, -1, 2} },
		"other key column": func(o, n *Schema) []int { return []int{1, 0, 2} },
		"NULL to NOT NULL": func(o, n *Schema) []int { n.Columns[2].Nullable = false; return []int{0, 1, 2} },
		"other type":       func(o, n *Schema) []int { n.Columns[1] = textColumn("v"); return []int{0, 1, 2} },
		"too many":         func(o, n *Schema) []int { o.Past = make([]PastLayout, MaxPast); return []int{0, 1, -1} },
	} {
		old, next := kvSchema(), kvSchema()
		source := change(&old, &next)
		if Reshapes(&old, &next, source) {
			t.Error(name)
		}
	}
}
