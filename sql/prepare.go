package sql

import (
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/sql/tables"
)

// The ids of prepareTexts and prepareChanges.
const (
	prepareTextsID   analyzer.RuleId = 1<<20 + 101
	prepareChangesID analyzer.RuleId = 1<<20 + 102
)

// prepareChanges is prepareTexts for the UPDATE or DELETE of one table, which
// go-mysql-server analyzes without what comes before its own rules.
func prepareChanges(ctx *gms.Context, a *analyzer.Analyzer, n gms.Node, scope *plan.Scope, sel analyzer.RuleSelector, flags *gms.QueryFlags) (gms.Node, transform.TreeIdentity, error) {
	switch n.(type) {
	case *plan.Update, *plan.DeleteFrom:
		return prepareTexts(ctx, a, n, scope, sel, flags)
	}
	return n, transform.SameTree, nil
}

// prepareTexts rewrites comparisons of texts before go-mysql-server simplifies
// them and chooses indexes: where the comparison is by another collation than
// that of a column, or of an ENUM or SET with a text, an index on the column
// does not answer it.
func prepareTexts(ctx *gms.Context, _ *analyzer.Analyzer, n gms.Node, _ *plan.Scope, _ analyzer.RuleSelector, _ *gms.QueryFlags) (gms.Node, transform.TreeIdentity, error) {
	return transform.NodeExprsWithOpaque(ctx, n, func(ctx *gms.Context, e gms.Expression) (gms.Expression, transform.TreeIdentity, error) {
		if sub, ok := e.(*plan.Subquery); ok {
			q, same, err := prepareTexts(ctx, nil, sub.Query, nil, nil, nil)
			if err != nil || same == transform.SameTree {
				return e, transform.SameTree, err
			}
			return sub.WithQuery(q), transform.NewTree, nil
		}
		prepare := preparedText
		if isKnown(ctx, e) { // go-mysql-server is about to evaluate it
			prepare = collated
		}
		own, err := prepare(ctx, e)
		if err != nil || own == nil {
			return e, transform.SameTree, err
		}
		return own, transform.NewTree, nil
	})
}

// isKnown reports whether an expression has one value in a statement, known
// from its text.
func isKnown(ctx *gms.Context, e gms.Expression) bool {
	return e.Resolved() && !transform.InspectExpr(ctx, e, func(_ *gms.Context, e gms.Expression) bool {
		switch e.(type) {
		case *expression.GetField, *expression.BindVar, *expression.ProcedureParam, *plan.Subquery, *plan.InSubquery, *plan.ExistsSubquery, gms.WindowAdaptableExpression:
			return true
		}
		return false
	})
}

func preparedText(ctx *gms.Context, e gms.Expression) (gms.Expression, error) {
	switch e := e.(type) {
	case *expression.CollatedExpression:
		switch t := typeOf(ctx, e.Child()); {
		case t == types.Null:
			return e.Child(), nil
		case types.IsEnum(t) || types.IsSet(t):
			return e.WithChildren(ctx, asText(ctx, e.Child()))
		}
		return nil, nil
	case *expression.Like:
		return preparedLike(ctx, e)
	case *expression.Equals:
		return preparedOperands(ctx, e, "=", e.LeftChild, e.RightChild)
	case *expression.NullSafeEquals:
		return preparedOperands(ctx, e, "<=>", e.LeftChild, e.RightChild)
	case *expression.LessThan, *expression.LessThanOrEqual, *expression.GreaterThan, *expression.GreaterThanOrEqual:
		c := e.(expression.Comparer)
		return preparedOperands(ctx, e, "<", c.Left(), c.Right())
	case *expression.Between:
		return preparedOperands(ctx, e, "between", e.Val, e.Lower, e.Upper)
	case *expression.InTuple:
		list, ok := e.Right().(expression.Tuple)
		if !ok {
			return nil, nil
		}
		if row, ok := innermost(e.Left()).(expression.Tuple); ok {
			for _, x := range row {
				if typeOf(ctx, x) == types.Null { // go-mysql-server cannot hash it
					return inRows(ctx, row, list)
				}
			}
			rows, err := preparedRows(ctx, append([]gms.Expression{row}, list...))
			if err != nil || rows == nil {
				return nil, err
			}
			return expression.NewInTuple(rows[0], expression.NewTuple(rows[1:]...)), nil
		}
		own, err := preparedList(ctx, "in", append([]gms.Expression{e.Left()}, list...))
		if err != nil || own == nil {
			return nil, err
		}
		return expression.NewInTuple(own[0], expression.NewTuple(own[1:]...)), nil
	}
	return nil, nil
}

// preparedRows is preparedList for the equality of rows, column by column.
func preparedRows(ctx *gms.Context, rows []gms.Expression) ([]gms.Expression, error) {
	own := make([]expression.Tuple, len(rows))
	for i, e := range rows {
		row, ok := innermost(e).(expression.Tuple)
		if !ok || len(row) != len(rows[0].(expression.Tuple)) {
			return nil, nil
		}
		own[i] = append(expression.Tuple(nil), row...)
	}
	changed := false
	for i := range own[0] {
		column := make([]gms.Expression, len(own))
		for j, row := range own {
			column[j] = row[i]
		}
		column, err := preparedList(ctx, "in", column)
		if err != nil {
			return nil, err
		}
		changed = changed || column != nil
		for j, e := range column {
			own[j][i] = e
		}
	}
	if !changed {
		return nil, nil
	}
	out := make([]gms.Expression, len(own))
	for i, row := range own {
		out[i] = row
	}
	return out, nil
}

func preparedOperands(ctx *gms.Context, e gms.Expression, operation string, operands ...gms.Expression) (gms.Expression, error) {
	own := preparedDecimals(ctx, operands)
	if own == nil {
		var err error
		if row, ok := innermost(operands[0]).(expression.Tuple); ok && (operation == "=" || operation == "<=>") {
			own, err = preparedRows(ctx, append([]gms.Expression{row}, operands[1:]...))
		} else {
			own, err = preparedList(ctx, operation, operands)
		}
		if err != nil || own == nil {
			return nil, err
		}
	}
	return e.WithChildren(ctx, own...)
}

// exactLiteralCall is the name of the call that makes an exactLiteral.
const exactLiteralCall = "exact literal"

// exactLiteral is a number that keeps all its decimals beside a column.
type exactLiteral struct{ *expression.Literal }

func newExactLiteral(_ *gms.Context, e gms.Expression) gms.Expression {
	if l, ok := e.(*expression.Literal); ok && types.IsDecimal(l.Type(nil)) {
		return &exactLiteral{l}
	}
	return e
}

// WithChildren implements gms.Expression.
func (l *exactLiteral) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) > 0 {
		return nil, gms.ErrInvalidChildrenNumber.New(l, len(children), 0)
	}
	return l, nil
}

// preparedDecimals hides a DECIMAL column from indexes where it is compared with a
// number of more decimals, which go-mysql-server would round; nil when all stay
// what they are.
func preparedDecimals(ctx *gms.Context, operands []gms.Expression) (own []gms.Expression) {
	for i, e := range operands {
		if l, ok := e.(*exactLiteral); ok {
			if own == nil {
				own = append(own, operands...)
			}
			own[i] = l.Literal
		}
	}
	if own != nil {
		operands = own
	}
	digits := 0
	for _, e := range operands {
		t := typeOf(ctx, e)
		if t == nil {
			return own
		}
		if _, column := e.(*expression.GetField); !column && types.IsNumber(t) {
			if k := kindOf(ctx, e); k.real {
				digits = 1 << 16
			} else {
				digits = max(digits, k.scale)
			}
		}
	}
	for i, e := range operands {
		f, ok := e.(*expression.GetField)
		if !ok {
			continue
		}
		if d, ok := f.Type(ctx).(gms.DecimalType); ok && int(d.Scale()) < digits {
			if own == nil {
				own = append(own, operands...)
			}
			own[i] = &hidden{f}
		}
	}
	return own
}

// preparedList returns the operands of a comparison of texts, those that an
// index must not answer hidden from it; nil when all stay what they are.
func preparedList(ctx *gms.Context, operation string, operands []gms.Expression) ([]gms.Expression, error) {
	operands = eachExpr(ctx, operands, func(_ *gms.Context, e gms.Expression) gms.Expression { return innermost(e) })
	members, bytes := false, false
	for _, e := range operands {
		t := typeOf(ctx, e)
		isBytes := t != nil && types.IsBinaryType(t)
		if t != types.Null && !textual(t) && !isBytes {
			return nil, nil
		}
		if _, ok := e.(*hidden); ok {
			return nil, nil
		}
		members, bytes = members || types.IsEnum(t) || types.IsSet(t), bytes || isBytes
	}
	if bytes && members { // as the bytes of their texts
		return eachExpr(ctx, operands, asText), nil
	} else if bytes {
		return nil, nil
	}
	c, err := compared(ctx, operation, operands...)
	if err != nil {
		return nil, err
	}
	if members {
		return preparedMembers(ctx, c, operation, operands), nil
	}
	equality := operation == "=" || operation == "<=>" || operation == "in"
	var own []gms.Expression
	for i, e := range operands {
		f, ok := e.(*expression.GetField)
		if !ok {
			continue
		}
		t, ok := f.Type(ctx).(gms.TypeWithCollation)
		if !ok || t.Collation() == c || equality && isBinSort(c) && t.Collation().CharacterSet() == c.CharacterSet() {
			continue
		}
		if own == nil {
			own = append(own, operands...)
		}
		own[i] = &hidden{f}
	}
	return own, nil
}

// preparedMembers makes the literals that an ENUM or SET is equal to their
// member's own spelling; in other comparisons it becomes a text.
func preparedMembers(ctx *gms.Context, c gms.CollationID, operation string, operands []gms.Expression) []gms.Expression {
	own := append([]gms.Expression(nil), operands...)
	t := typeOf(ctx, operands[0])
	known := operation == "=" || operation == "in"
	for i, e := range operands[1:] {
		l, ok := e.(*expression.Literal)
		if !ok || !known {
			known = false
			break
		}
		if l.Value() == nil {
			continue
		}
		s, isText := l.Value().(string)
		member, found := memberOf(t, c, s)
		if !isText || !found {
			known = false
			break
		}
		own[i+1] = expression.NewLiteral(member, l.Type(ctx))
	}
	if known {
		return own
	}
	if len(operands) == 2 && (operation == "=" || operation == "<=>") && types.TypesEqual(t, typeOf(ctx, operands[1])) {
		return nil
	}
	for i, e := range operands {
		own[i] = asText(ctx, e)
	}
	return own
}

// memberOf returns the value of an ENUM or SET that is equal to a text.
func memberOf(t gms.Type, c gms.CollationID, s string) (string, bool) {
	switch t := t.(type) {
	case gms.EnumType:
		for _, m := range t.Values() {
			if tables.CompareText(c, m, s) == 0 {
				return m, true
			}
		}
	case gms.SetType:
		// The members stand in the order of the type, each once.
		values := t.Values()
		var out []string
		for _, part := range strings.Split(s, ",") {
			found := false
			for i, m := range values {
				if tables.CompareText(c, m, part) == 0 {
					out, values, found = append(out, m), values[i+1:], true
					break
				}
			}
			if !found {
				return "", false
			}
		}
		return strings.Join(out, ","), true
	}
	return "", false
}

// hidden is a column that no index is asked for.
type hidden struct{ gms.Expression }

// Children implements gms.Expression.
func (h *hidden) Children() []gms.Expression { return []gms.Expression{h.Expression} }

// WithChildren implements gms.Expression.
func (h *hidden) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) != 1 {
		return nil, gms.ErrInvalidChildrenNumber.New(h, len(children), 1)
	}
	return &hidden{children[0]}, nil
}

// CollationCoercibility implements gms.CollationCoercible.
func (h *hidden) CollationCoercibility(ctx *gms.Context) (gms.CollationID, byte) {
	return gms.GetCoercibility(ctx, h.Expression)
}

// lowest is the type of a literal that is the lower bound of a pattern, for
// indexes only: by its collation, a match may be smaller.
type lowest struct{ types.StringType }

// preparedLike is LIKE with what an index can tell of it.
func preparedLike(ctx *gms.Context, e *expression.Like) (gms.Expression, error) {
	like, err := newLike(ctx, e)
	if err != nil {
		return nil, err
	}
	f, ok := e.LeftChild.(*expression.GetField)
	pattern, isLiteral := e.RightChild.(*expression.Literal)
	if !ok || !isLiteral || e.Escape != nil || !types.IsTextOnly(f.Type(ctx)) {
		return like, nil
	}
	text, isText := pattern.Value().(string)
	t, isString := f.Type(ctx).(types.StringType)
	if end := strings.IndexAny(text, `%_\`); end >= 0 {
		text = text[:end]
	}
	if !isText || !isString || text == "" || like.(*textLike).collation != t.Collation() {
		return like, nil
	}
	return expression.NewAnd(expression.NewGreaterThanOrEqual(f, expression.NewLiteral(text, lowest{t})), like), nil
}
