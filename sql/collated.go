package sql

import (
	"bytes"
	"io"
	"strings"
	"sync"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/iters"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// collatedInRule is the id of our rule for IN.
const collatedInRule analyzer.RuleId = 1<<20 + 100

// installCollated makes IN with a list of strings compare by collation.
var installCollated = sync.OnceFunc(func() {
	analyzer.OnceAfterAll = append(analyzer.OnceAfterAll, analyzer.Rule{Id: collatedInRule, Apply: collateIn})
})

// weightOf returns what strings that are equal under a collation have in common.
func weightOf(c gms.CollationID, s string) (string, error) {
	if c.PadAttribute() != "NO PAD" {
		s = strings.TrimRight(s, " ")
	}
	var b bytes.Buffer
	err := c.WriteWeightString(&b, s)
	return b.String(), err
}

// folds reports whether a collation holds different strings to be equal.
func folds(c gms.CollationID) bool {
	return c != gms.Collation_binary && c.Sorter() != nil && !strings.HasSuffix(c.Name(), "_bin")
}

// collateIn replaces x IN ('a', 'b'), which go-mysql-server compares byte by
// byte, after indexes have been chosen by it.
func collateIn(ctx *gms.Context, _ *analyzer.Analyzer, n gms.Node, _ *plan.Scope, _ analyzer.RuleSelector, _ *gms.QueryFlags) (gms.Node, transform.TreeIdentity, error) {
	return transform.NodeExprsWithOpaque(ctx, n, func(ctx *gms.Context, e gms.Expression) (gms.Expression, transform.TreeIdentity, error) {
		var left, right gms.Expression
		switch in := e.(type) {
		case *expression.InTuple:
			left, right = in.Left(), in.Right()
		case *expression.HashInTuple:
			left, right = in.Left(), in.Right()
		default:
			return e, transform.SameTree, nil
		}
		list, ok := right.(expression.Tuple)
		if !ok || !types.IsTextOnly(left.Type(ctx)) {
			return e, transform.SameTree, nil
		}
		c, strength := gms.GetCoercibility(ctx, left)
		for _, item := range list {
			if t := item.Type(ctx); t != types.Null && !types.IsTextOnly(t) {
				return e, transform.SameTree, nil
			}
			other, weak := gms.GetCoercibility(ctx, item)
			c, strength = gms.ResolveCoercibility(c, strength, other, weak)
		}
		if !folds(c) {
			return e, transform.SameTree, nil
		}
		return &collatedIn{left: left, list: list, collation: c}, transform.NewTree, nil
	})
}

// collatedIn is an IN with a list of strings under a collation.
type collatedIn struct {
	left      gms.Expression
	list      expression.Tuple
	collation gms.CollationID

	once  sync.Once
	known map[string]bool // weights of the list's literals
	null  bool            // it has a NULL literal
	rest  []gms.Expression
	err   error
}

var (
	_ gms.Expression         = (*collatedIn)(nil)
	_ gms.CollationCoercible = (*collatedIn)(nil)
)

// Resolved implements gms.Expression.
func (in *collatedIn) Resolved() bool { return in.left.Resolved() && in.list.Resolved() }

// String implements gms.Expression.
func (in *collatedIn) String() string {
	return "(" + in.left.String() + " IN " + in.list.String() + ")"
}

// Type implements gms.Expression.
func (in *collatedIn) Type(*gms.Context) gms.Type { return types.Boolean }

// IsNullable implements gms.Expression.
func (in *collatedIn) IsNullable(*gms.Context) bool { return true }

// Children implements gms.Expression.
func (in *collatedIn) Children() []gms.Expression { return []gms.Expression{in.left, in.list} }

// WithChildren implements gms.Expression.
func (in *collatedIn) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) != 2 {
		return nil, gms.ErrInvalidChildrenNumber.New(in, len(children), 2)
	}
	list, ok := children[1].(expression.Tuple)
	if !ok {
		return nil, expression.ErrUnsupportedInOperand.New(children[1])
	}
	return &collatedIn{left: children[0], list: list, collation: in.collation}, nil
}

// CollationCoercibility implements gms.CollationCoercible.
func (*collatedIn) CollationCoercibility(*gms.Context) (gms.CollationID, byte) {
	return gms.Collation_binary, 5
}

// weight evaluates an expression to the weight of its string.
func (in *collatedIn) weight(ctx *gms.Context, e gms.Expression, row gms.Row) (w string, null bool, err error) {
	v, err := e.Eval(ctx, row)
	if err != nil || v == nil {
		return "", v == nil, err
	}
	s, _, err := types.LongText.Convert(ctx, v)
	if err != nil {
		return "", false, err
	}
	text, _, err := gms.Unwrap[string](ctx, s)
	if err != nil {
		return "", false, err
	}
	w, err = weightOf(in.collation, text)
	return w, false, err
}

// learn weighs the literals of the list, once.
func (in *collatedIn) learn(ctx *gms.Context) {
	in.known = make(map[string]bool, len(in.list))
	for _, e := range in.list {
		if _, ok := e.(*expression.Literal); !ok {
			in.rest = append(in.rest, e)
			continue
		}
		w, null, err := in.weight(ctx, e, nil)
		if err != nil {
			in.err = err
			return
		}
		if null {
			in.null = true
		} else {
			in.known[w] = true
		}
	}
}

// Eval implements gms.Expression.
func (in *collatedIn) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	in.once.Do(func() { in.learn(ctx) })
	if in.err != nil {
		return nil, in.err
	}
	left, null, err := in.weight(ctx, in.left, row)
	if err != nil || null {
		return nil, err
	}
	if in.known[left] {
		return true, nil
	}
	unknown := in.null
	for _, e := range in.rest {
		w, null, err := in.weight(ctx, e, row)
		if err != nil {
			return nil, err
		}
		if !null && w == left {
			return true, nil
		}
		unknown = unknown || null
	}
	if unknown {
		return nil, nil
	}
	return false, nil
}

// distinctRows passes on rows of which none was equal before: strings are
// compared by their collations, which go-mysql-server's DISTINCT and UNION do
// not.
type distinctRows struct {
	gms.RowIter
	hasher  plan.DistinctHasher
	texts   map[int]gms.CollationID // columns that fold
	seen    map[uint64]struct{}
	weighed gms.Row // room for one row with weights in place of strings
	skip    int64   // OFFSET
	limit   int64   // LIMIT, -1 = none
}

// foldingColumns returns the columns of a schema whose strings may differ and be
// equal; nil: there is none.
func foldingColumns(schema gms.Schema) map[int]gms.CollationID {
	var out map[int]gms.CollationID
	for i, c := range schema {
		t, ok := c.Type.(gms.StringType)
		if !ok || !types.IsTextOnly(c.Type) || !folds(t.Collation()) {
			continue
		}
		if out == nil {
			out = make(map[int]gms.CollationID)
		}
		out[i] = t.Collation()
	}
	return out
}

// Next implements gms.RowIter.
func (d *distinctRows) Next(ctx *gms.Context) (gms.Row, error) {
	for {
		if d.limit == 0 {
			return nil, io.EOF
		}
		row, err := d.RowIter.Next(ctx)
		if err != nil {
			return nil, err
		}
		d.weighed = append(d.weighed[:0], row...)
		for i, c := range d.texts {
			v, err := gms.UnwrapAny(ctx, row[i])
			if err != nil {
				return nil, err
			}
			if s, ok := v.(string); ok {
				if d.weighed[i], err = weightOf(c, s); err != nil {
					return nil, err
				}
			}
		}
		key, err := d.hasher.HashOf(ctx, d.weighed)
		if err != nil {
			return nil, err
		}
		if _, ok := d.seen[key]; ok {
			continue
		}
		d.seen[key] = struct{}{}
		if d.skip > 0 {
			d.skip--
			continue
		}
		if d.limit > 0 {
			d.limit--
		}
		return row, nil
	}
}

// distinct builds SELECT DISTINCT over strings that fold; nil leaves it to
// go-mysql-server.
func (b *builder) distinct(ctx *gms.Context, n *plan.Distinct, row gms.Row) (gms.RowIter, error) {
	texts := foldingColumns(n.Child.Schema(ctx))
	if texts == nil {
		return nil, nil
	}
	it, err := b.base.Build(ctx, n.Child, row)
	if err != nil {
		return nil, err
	}
	return &distinctRows{RowIter: it, hasher: n.Hasher(), texts: texts, seen: make(map[uint64]struct{}), limit: -1}, nil
}

// union builds UNION DISTINCT over strings that fold: UNION ALL, in its order,
// then what is distinct of it, then OFFSET and LIMIT.
func (b *builder) union(ctx *gms.Context, n *plan.SetOp, row gms.Row) (gms.RowIter, error) {
	if !n.Distinct || n.SetOpType != plan.UnionType {
		return nil, nil
	}
	texts := foldingColumns(n.Schema(ctx))
	if texts == nil {
		return nil, nil
	}
	d := &distinctRows{texts: texts, seen: make(map[uint64]struct{}), limit: -1}
	var err error
	if n.Offset != nil {
		if d.skip, err = iters.GetInt64Value(ctx, n.Offset); err != nil {
			return nil, err
		}
	}
	if n.Limit != nil {
		if d.limit, err = iters.GetInt64Value(ctx, n.Limit); err != nil {
			return nil, err
		}
	}
	all := *n
	all.Distinct, all.Limit, all.Offset = false, nil, nil
	if d.RowIter, err = b.base.Build(ctx, &all, row); err != nil {
		return nil, err
	}
	return d, nil
}
