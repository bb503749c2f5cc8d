package sql

import (
	"sync"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	"github.com/dolthub/go-mysql-server/sql/expression"
	builtin "github.com/dolthub/go-mysql-server/sql/expression/function"
	"github.com/dolthub/go-mysql-server/sql/expression/function/aggregation"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// collateRule is the id of the rule that makes a plan compare texts by their
// collations.
const collateRule analyzer.RuleId = 1<<20 + 100

// installCollated adds the rules to go-mysql-server's.
var installCollated = sync.OnceFunc(func() {
	analyzer.AlwaysBeforeDefault = append(analyzer.AlwaysBeforeDefault, analyzer.Rule{Id: prepareChangesID, Apply: prepareChanges})
	analyzer.OnceAfterAll = append(analyzer.OnceAfterAll, analyzer.Rule{Id: collateRule, Apply: collate})
})

// collate replaces what go-mysql-server compares byte by byte, or without the
// padding of PAD SPACE collations: comparisons, IN, LIKE, keys of groups and of
// hash joins, orders and aggregates. It comes after indexes have been chosen.
func collate(ctx *gms.Context, _ *analyzer.Analyzer, n gms.Node, _ *plan.Scope, _ analyzer.RuleSelector, _ *gms.QueryFlags) (gms.Node, transform.TreeIdentity, error) {
	return transform.NodeWithOpaque(ctx, n, func(ctx *gms.Context, n gms.Node) (gms.Node, transform.TreeIdentity, error) {
		n, same, err := transform.OneNodeExpressions(ctx, n, collateExpr)
		if err != nil {
			return nil, transform.SameTree, err
		}
		own, err := collateNode(ctx, n)
		if err != nil || own == nil {
			return n, same, err
		}
		return own, transform.NewTree, nil
	})
}

// collateNode replaces the keys of a node that groups, sorts or hashes; nil
// leaves it.
func collateNode(ctx *gms.Context, n gms.Node) (gms.Node, error) {
	switch n := n.(type) {
	case *plan.GroupBy:
		own := *n
		own.GroupByExprs = eachExpr(ctx, n.GroupByExprs, newWeighed)
		return &own, nil
	case *plan.Sort:
		return plan.NewSort(orderedBy(ctx, n.SortConditions), n.Child), nil
	case *plan.TopN:
		own := *n
		own.SortConditions = orderedBy(ctx, n.SortConditions)
		return &own, nil
	case *plan.SetOp:
		if len(n.SortConditions) > 0 {
			own := *n
			own.SortConditions = orderedBy(ctx, n.SortConditions)
			return &own, nil
		}
	case *plan.HashLookup:
		return collateLookup(ctx, n)
	}
	return nil, nil
}

func eachExpr(ctx *gms.Context, exprs []gms.Expression, f func(*gms.Context, gms.Expression) gms.Expression) []gms.Expression {
	out := make([]gms.Expression, len(exprs))
	for i, e := range exprs {
		out[i] = f(ctx, e)
	}
	return out
}

func orderedBy(ctx *gms.Context, conditions gms.SortConditions) gms.SortConditions {
	return conditions.FromExpressions(ctx, eachExpr(ctx, conditions.ToExpressions(), newOrdered)...)
}

// textual reports whether values of a type are compared as texts with other
// texts.
func textual(t gms.Type) bool {
	return t != nil && (types.IsTextOnly(t) || types.IsEnum(t) || types.IsSet(t))
}

func allTextual(ctx *gms.Context, exprs ...gms.Expression) bool {
	for _, e := range exprs {
		if !textual(typeOf(ctx, e)) {
			return false
		}
	}
	return true
}

// collateLookup makes a hash join find its texts by their weights.
func collateLookup(ctx *gms.Context, n *plan.HashLookup) (gms.Node, error) {
	probe, entry := innermost(n.LeftProbeKey), innermost(n.RightEntryKey)
	left, right := []gms.Expression{probe}, []gms.Expression{entry}
	if lt, ok := probe.(expression.Tuple); ok {
		rt, ok := entry.(expression.Tuple)
		if !ok || len(lt) != len(rt) {
			return nil, nil
		}
		left, right = append([]gms.Expression(nil), lt...), append([]gms.Expression(nil), rt...)
	}
	compare := make([]gms.Type, len(left))
	for i := range left {
		compare[i] = types.GetCompareType(left[i].Type(ctx), right[i].Type(ctx))
	}
	changed := false
	for i := range left {
		if !allTextual(ctx, left[i], right[i]) {
			continue
		}
		c, err := compared(ctx, "=", left[i], right[i])
		if err != nil {
			return nil, err
		}
		changed = true
		compare[i] = types.LongBlob
		left[i], right[i] = &weighed{left[i], c}, &weighed{right[i], c}
	}
	if !changed {
		return nil, nil
	}
	typ := compare[0]
	probe, entry = left[0], right[0]
	if len(left) > 1 {
		probe, entry, typ = expression.Tuple(left), expression.Tuple(right), gms.Type(types.TupleType(compare))
	}
	own, err := n.WithExpressions(ctx, entry, probe)
	if err != nil {
		return nil, err
	}
	own.(*plan.HashLookup).CompareType = typ
	return own, nil
}

// innermost takes away parentheses around one expression.
func innermost(e gms.Expression) gms.Expression {
	for {
		t, ok := e.(expression.Tuple)
		if !ok || len(t) != 1 {
			return e
		}
		e = t[0]
	}
}

// collateExpr replaces one expression, whose operands are done.
func collateExpr(ctx *gms.Context, e gms.Expression) (gms.Expression, transform.TreeIdentity, error) {
	own, err := collated(ctx, e)
	if err != nil || own == nil {
		return e, transform.SameTree, err
	}
	return own, transform.NewTree, nil
}

// collated returns what takes the place of an expression, nil to leave it.
func collated(ctx *gms.Context, e gms.Expression) (gms.Expression, error) {
	switch e := e.(type) {
	case *expression.CollatedExpression:
		return preparedText(ctx, e)
	case *expression.Equals:
		return compareTexts(ctx, "=", e.LeftChild, e.RightChild)
	case *expression.NullSafeEquals:
		return compareTexts(ctx, "<=>", e.LeftChild, e.RightChild)
	case *expression.LessThan:
		return compareTexts(ctx, "<", e.LeftChild, e.RightChild)
	case *expression.LessThanOrEqual:
		return compareTexts(ctx, "<=", e.LeftChild, e.RightChild)
	case *expression.GreaterThan:
		return compareTexts(ctx, ">", e.LeftChild, e.RightChild)
	case *expression.GreaterThanOrEqual:
		return compareTexts(ctx, ">=", e.LeftChild, e.RightChild)
	case *expression.Between:
		return betweenTexts(ctx, e)
	case *expression.InTuple:
		return inList(ctx, e.Left(), e.Right())
	case *expression.HashInTuple:
		return inList(ctx, e.Left(), e.Right())
	case *expression.Like:
		return newLike(ctx, e)
	case *builtin.RegexpLike:
		return newRegexpLike(e), nil
	case *plan.InSubquery:
		return newInQuery(ctx, e)
	case *builtin.NullIf:
		operands := e.Children()
		if !allTextual(ctx, operands...) {
			return nil, nil
		}
		equal, err := compareTexts(ctx, "=", operands[0], operands[1])
		if err != nil {
			return nil, err
		}
		return newCase(ctx, equal, expression.NewLiteral(nil, types.Null), operands[0])
	case *byteCall:
		own, err := e.collated(ctx)
		if err != nil || own == e {
			return nil, err
		}
		return own, nil
	case *aggregation.CountDistinct:
		return newDistinctCount(e), nil
	case *aggregation.GroupConcat:
		return newConcatenation(ctx, e)
	case *aggregation.Max:
		return e.WithChildren(ctx, append([]gms.Expression{newOrdered(ctx, asText(ctx, e.Child))}, e.Children()[1:]...)...)
	case *aggregation.Min:
		return e.WithChildren(ctx, append([]gms.Expression{newOrdered(ctx, asText(ctx, e.Child))}, e.Children()[1:]...)...)
	case gms.WindowAdaptableExpression:
		return collateWindow(ctx, e), nil
	}
	return nil, nil
}

// collateWindow makes a window's partitions and order those of collations.
func collateWindow(ctx *gms.Context, e gms.WindowAdaptableExpression) gms.Expression {
	w := e.Window()
	if w == nil {
		return nil
	}
	own := *w
	own.PartitionBy = eachExpr(ctx, w.PartitionBy, newOrdered)
	own.OrderBy = orderedBy(ctx, w.OrderBy)
	return e.WithWindow(ctx, &own)
}

// compareTexts compares two texts, or rows that hold some.
func compareTexts(ctx *gms.Context, operator string, a, b gms.Expression) (gms.Expression, error) {
	a, b = innermost(a), innermost(b)
	if left, ok := a.(expression.Tuple); ok {
		right, ok := b.(expression.Tuple)
		if !ok || len(left) != len(right) || operator != "=" && operator != "<=>" {
			return nil, nil
		}
		return compareRows(ctx, operator, left, right)
	}
	if !allTextual(ctx, a, b) {
		return compareValues(ctx, operator, a, b), nil
	}
	if _, ok := b.Type(ctx).(lowest); ok {
		return expression.NewLiteral(operator == ">=", types.Boolean), nil // the index is chosen
	}
	c, err := compared(ctx, operator, a, b)
	if err != nil {
		return nil, err
	}
	return &textComparison{newComparison(a, operator, b), c}, nil
}

// compareRows makes the equality of two rows that of their columns, when texts
// or NULLs are among them.
func compareRows(ctx *gms.Context, operator string, left, right expression.Tuple) (gms.Expression, error) {
	var all []gms.Expression
	texts := false // or a NULL, which go-mysql-server does not take in a row
	for i := range left {
		texts = texts || typeOf(ctx, left[i]) == types.Null || typeOf(ctx, right[i]) == types.Null
		equal, err := compareTexts(ctx, operator, left[i], right[i])
		if err != nil {
			return nil, err
		}
		if equal == nil && operator == "=" {
			equal = expression.NewEquals(left[i], right[i])
		} else if equal == nil {
			equal = expression.NewNullSafeEquals(left[i], right[i])
		} else {
			texts = true
		}
		all = append(all, equal)
	}
	if !texts {
		return nil, nil
	}
	return expression.JoinAnd(all...), nil
}

func betweenTexts(ctx *gms.Context, e *expression.Between) (gms.Expression, error) {
	if !allTextual(ctx, e.Val, e.Lower, e.Upper) {
		return betweenValues(ctx, e), nil
	}
	c, err := compared(ctx, "between", e.Val, e.Lower, e.Upper)
	if err != nil {
		return nil, err
	}
	return expression.NewAnd(
		&textComparison{newComparison(e.Val, ">=", e.Lower), c},
		&textComparison{newComparison(e.Val, "<=", e.Upper), c}), nil
}

// inTexts is x IN ('a', 'b'), also with rows.
func inTexts(ctx *gms.Context, left, right gms.Expression) (gms.Expression, error) {
	list, ok := right.(expression.Tuple)
	if !ok {
		return nil, nil
	}
	left, list = innermost(left), eachExpr(ctx, list, func(_ *gms.Context, e gms.Expression) gms.Expression { return innermost(e) })
	if row, ok := left.(expression.Tuple); ok {
		return inRows(ctx, row, list)
	}
	if !textual(typeOf(ctx, left)) {
		return nil, nil
	}
	for _, item := range list {
		if t := typeOf(ctx, item); t != types.Null && !textual(t) {
			return nil, nil
		}
	}
	c, err := compared(ctx, "in", append([]gms.Expression{left}, list...)...)
	if err != nil {
		return nil, err
	}
	if c == gms.Collation_binary {
		return nil, nil
	}
	return &collatedIn{left: left, list: list, collation: c}, nil
}

func inRows(ctx *gms.Context, row, list expression.Tuple) (gms.Expression, error) {
	var any []gms.Expression
	for _, item := range list {
		other, ok := item.(expression.Tuple)
		if !ok || len(other) != len(row) {
			return nil, nil
		}
		equal, err := compareRows(ctx, "=", row, other)
		if err != nil || equal == nil {
			return nil, err
		}
		any = append(any, equal)
	}
	return expression.JoinOr(any...), nil
}
