package sql

import (
	"strings"
	"sync"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/sql/jsondoc"
)

// Ids of our analyzer rules, beyond go-mysql-server's.
const (
	jsonCastRule analyzer.RuleId = 1<<20 + iota
	jsonAssignRule
)

// installJSON adds our rules to those that go-mysql-server applies to every
// statement; it makes simple ones without those of an analyzer's own.
var installJSON = sync.OnceFunc(func() {
	analyzer.AlwaysBeforeDefault = append(analyzer.AlwaysBeforeDefault, analyzer.Rule{Id: jsonCastRule, Apply: castJSON})
	analyzer.OnceAfterAll = append(analyzer.OnceAfterAll, analyzer.Rule{Id: jsonAssignRule, Apply: assignJSON})
})

// castJSON makes CAST(… AS JSON) ours, which keeps what MySQL keeps.
func castJSON(ctx *gms.Context, _ *analyzer.Analyzer, n gms.Node, _ *plan.Scope, _ analyzer.RuleSelector, _ *gms.QueryFlags) (gms.Node, transform.TreeIdentity, error) {
	if !strings.Contains(strings.ToLower(ctx.Query()), "json") {
		return n, transform.SameTree, nil
	}
	return transform.NodeExprsWithOpaque(ctx, n, func(ctx *gms.Context, e gms.Expression) (gms.Expression, transform.TreeIdentity, error) {
		if c, ok := e.(*expression.Convert); ok && types.IsJSON(c.Type(ctx)) {
			return jsondoc.NewCast(c.Child), transform.NewTree, nil
		}
		return e, transform.SameTree, nil
	})
}

// assignJSON wraps what INSERT, UPDATE and triggers store in JSON columns.
func assignJSON(ctx *gms.Context, _ *analyzer.Analyzer, n gms.Node, _ *plan.Scope, _ analyzer.RuleSelector, _ *gms.QueryFlags) (gms.Node, transform.TreeIdentity, error) {
	return transform.NodeWithOpaque(ctx, n, func(ctx *gms.Context, n gms.Node) (gms.Node, transform.TreeIdentity, error) {
		switch n := n.(type) {
		case *plan.InsertInto:
			return insertJSON(ctx, n)
		case *plan.UpdateSource:
			return transform.OneNodeExpressions(ctx, n, setJSON)
		case *plan.Set:
			return transform.OneNodeExpressions(ctx, n, setJSON)
		}
		return n, transform.SameTree, nil
	})
}

// setJSON wraps the right side of column = value.
func setJSON(ctx *gms.Context, e gms.Expression) (gms.Expression, transform.TreeIdentity, error) {
	set, ok := e.(*expression.SetField)
	if !ok {
		return e, transform.SameTree, nil
	}
	column, ok := set.LeftChild.(*expression.GetField)
	if !ok || !types.IsJSON(column.Type(ctx)) {
		return e, transform.SameTree, nil
	}
	if _, done := set.RightChild.(*jsondoc.Assign); done {
		return e, transform.SameTree, nil
	}
	return expression.NewSetField(column, jsondoc.NewAssign(set.RightChild, column.Table(), column.Name())), transform.NewTree, nil
}

// insertJSON wraps the columns of what an INSERT stores.
func insertJSON(ctx *gms.Context, n *plan.InsertInto) (gms.Node, transform.TreeIdentity, error) {
	schema := n.Destination.Schema(ctx)
	has := false
	for _, c := range schema {
		has = has || types.IsJSON(c.Type)
	}
	if !has {
		return n, transform.SameTree, nil
	}
	out, same, err := transform.OneNodeExpressions(ctx, n, setJSON)
	if err != nil {
		return nil, same, err
	}
	source, sourceSame, err := projectJSON(ctx, n.Source, schema)
	if err != nil || sourceSame {
		return out, same, err
	}
	return out.(*plan.InsertInto).WithSource(source), transform.NewTree, nil
}

// projectJSON wraps columns of the projection that puts an INSERT's values in
// the order of the table's columns.
func projectJSON(ctx *gms.Context, n gms.Node, schema gms.Schema) (gms.Node, transform.TreeIdentity, error) {
	switch n := n.(type) {
	case *plan.TriggerExecutor:
		left, same, err := projectJSON(ctx, n.Left(), schema)
		if err != nil || same {
			return n, same, err
		}
		out, err := n.WithChildren(ctx, left, n.Right())
		return out, transform.NewTree, err
	case *plan.Project:
		if len(n.Projections) != len(schema) {
			return n, transform.SameTree, nil
		}
		exprs := make([]gms.Expression, len(schema))
		same := transform.SameTree
		for i, e := range n.Projections {
			exprs[i] = e
			if _, done := e.(*jsondoc.Assign); done || e == nil || !types.IsJSON(schema[i].Type) {
				continue
			}
			exprs[i], same = jsondoc.NewAssign(e, schema[i].Source, schema[i].Name), transform.NewTree
		}
		if same {
			return n, same, nil
		}
		out, err := n.WithExpressions(ctx, exprs...)
		return out, same, err
	}
	return n, transform.SameTree, nil
}
