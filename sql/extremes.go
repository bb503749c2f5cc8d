package sql

import (
	"io"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
)

// keepExtremes changes the rule of the analyzer that makes MIN and MAX of a
// primary key ORDER BY … LIMIT 1: of an empty table they are NULL, not no row.
func keepExtremes(a *analyzer.Analyzer) {
	for _, b := range a.Batches {
		for i, r := range b.Rules {
			if r.Id.String() == "replaceAgg" {
				rules := append([]analyzer.Rule(nil), b.Rules...)
				rules[i].Apply = extremes(r.Apply)
				b.Rules = rules
				break
			}
		}
	}
}

func extremes(replace analyzer.RuleFunc) analyzer.RuleFunc {
	return func(ctx *gms.Context, a *analyzer.Analyzer, n gms.Node, scope *plan.Scope, sel analyzer.RuleSelector, flags *gms.QueryFlags) (gms.Node, transform.TreeIdentity, error) {
		return transform.Node(ctx, n, func(ctx *gms.Context, n gms.Node) (gms.Node, transform.TreeIdentity, error) {
			p, ok := n.(*plan.Project)
			if !ok {
				return n, transform.SameTree, nil
			}
			if _, ok := p.Child.(*plan.GroupBy); !ok {
				return n, transform.SameTree, nil
			}
			out, same, err := replace(ctx, a, n, scope, sel, flags)
			limit, ok := out.(*plan.Limit)
			if err != nil || same == transform.SameTree || !ok {
				return out, same, err
			}
			below, ok := limit.Child.(*plan.Project)
			if !ok {
				return out, same, nil
			}
			list, _, err := transform.Exprs(ctx, below.Projections, nullable)
			if err != nil {
				return nil, transform.SameTree, err
			}
			row := &rowOrNulls{plan.UnaryNode{Child: plan.NewLimit(limit.Limit, below.Child)}}
			return plan.NewProject(ctx, list, row), transform.NewTree, nil
		})
	}
}

// nullable makes a column one that may be NULL.
func nullable(_ *gms.Context, e gms.Expression) (gms.Expression, transform.TreeIdentity, error) {
	f, ok := e.(*expression.GetField)
	if !ok || f.IsNullable(nil) {
		return e, transform.SameTree, nil
	}
	out := expression.NewGetFieldWithTable(f.Index(), int(f.TableId()), f.Type(nil), f.Database(), f.Table(), f.Name(), true)
	return out.WithId(f.Id()).(gms.Expression), transform.NewTree, nil
}

// rowOrNulls yields its child's rows, or one of NULLs if there is none.
type rowOrNulls struct{ plan.UnaryNode }

var _ gms.Node = (*rowOrNulls)(nil)

// Schema implements gms.Node.
func (r *rowOrNulls) Schema(ctx *gms.Context) gms.Schema { return r.Child.Schema(ctx) }

// IsReadOnly implements gms.Node.
func (r *rowOrNulls) IsReadOnly() bool { return r.Child.IsReadOnly() }

// String implements gms.Node.
func (r *rowOrNulls) String() string { return "a row of " + r.Child.String() }

// WithChildren implements gms.Node.
func (r *rowOrNulls) WithChildren(_ *gms.Context, children ...gms.Node) (gms.Node, error) {
	if len(children) != 1 {
		return nil, gms.ErrInvalidChildrenNumber.New(r, len(children), 1)
	}
	return &rowOrNulls{plan.UnaryNode{Child: children[0]}}, nil
}

// rowOrNulls executes one.
func (b *builder) rowOrNulls(ctx *gms.Context, n *rowOrNulls, row gms.Row) (gms.RowIter, error) {
	it, err := b.base.Build(ctx, n.Child, row)
	if err != nil {
		return nil, err
	}
	return &nullsIter{RowIter: it, nulls: append(row[:len(row):len(row)], make(gms.Row, len(n.Schema(ctx)))...)}, nil
}

type nullsIter struct {
	gms.RowIter
	nulls gms.Row // nil once there was a row
}

// Next implements gms.RowIter.
func (i *nullsIter) Next(ctx *gms.Context) (gms.Row, error) {
	row, err := i.RowIter.Next(ctx)
	if nulls := i.nulls; err == io.EOF && nulls != nil {
		row, err = nulls, nil
	}
	i.nulls = nil
	return row, err
}
