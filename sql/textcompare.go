package sql

import (
	"context"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/sql/tables"
)

// textComparison compares two texts by a collation.
type textComparison struct {
	comparison
	collation gms.CollationID
}

var (
	_ expression.Comparer    = (*textComparison)(nil)
	_ gms.CollationCoercible = (*textComparison)(nil)
)

// WithChildren implements gms.Expression.
func (c *textComparison) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	base, err := c.with(c, children)
	if err != nil {
		return nil, err
	}
	return &textComparison{base, c.collation}, nil
}

// Compare implements expression.Comparer for merge joins, whose rows come in the
// order of keys.
func (c *textComparison) Compare(ctx *gms.Context, row gms.Row) (int, error) {
	a, null, err := textValue(ctx, c.LeftChild, row)
	if err != nil {
		return 0, err
	}
	b, other, err := textValue(ctx, c.RightChild, row)
	if err != nil {
		return 0, err
	}
	if null || other {
		return 0, expression.ErrNilOperand.New()
	}
	return tables.CompareKeyText(c.collation, a, b), nil
}

// Eval implements gms.Expression.
func (c *textComparison) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	a, null, err := textValue(ctx, c.LeftChild, row)
	if err != nil || null && c.operator != "<=>" {
		return nil, err
	}
	b, other, err := textValue(ctx, c.RightChild, row)
	if err != nil {
		return nil, err
	}
	if null || other {
		if c.operator == "<=>" {
			return null && other, nil
		}
		return nil, nil
	}
	n := tables.CompareText(c.collation, a, b)
	switch c.operator {
	case "<":
		return n < 0, nil
	case "<=":
		return n <= 0, nil
	case ">":
		return n > 0, nil
	case ">=":
		return n >= 0, nil
	}
	return n == 0, nil
}

// textValue evaluates an expression to a text.
func textValue(ctx *gms.Context, e gms.Expression, row gms.Row) (text string, null bool, err error) {
	v, err := e.Eval(ctx, row)
	if err != nil || v == nil {
		return "", true, err
	}
	if s, ok := v.(string); ok {
		return s, false, nil
	}
	if v, err = gms.UnwrapAny(ctx, v); err != nil {
		return "", true, err
	}
	switch v := v.(type) {
	case nil:
		return "", true, nil
	case string:
		return v, false, nil
	case []byte:
		return string(v), false, nil
	}
	s, _, err := types.ConvertToCollatedString(ctx, v, e.Type(ctx))
	return s, false, err
}

// ordered is a text that sorts by its collation.
type ordered struct {
	gms.Expression
	typ orderedType
}

// orderedType is a text's type that compares by a collation.
type orderedType struct {
	types.StringType
	collation gms.CollationID
}

// newOrdered makes a text one that sorts by its collation; other expressions
// stay what they are.
func newOrdered(ctx *gms.Context, e gms.Expression) gms.Expression {
	if _, done := e.(*ordered); done {
		return e
	}
	t := typeOf(ctx, e)
	if t == nil || !types.IsTextOnly(t) {
		return e
	}
	m := mixOf(ctx, e)
	if m.collation == gms.Collation_binary {
		return e
	}
	text, ok := typeIn(t, m).(types.StringType)
	if !ok {
		text = types.CreateLongText(m.collation).(types.StringType)
	}
	return &ordered{e, orderedType{text, m.collation}}
}

// Type implements gms.Expression.
func (o *ordered) Type(*gms.Context) gms.Type { return o.typ }

// Children implements gms.Expression.
func (o *ordered) Children() []gms.Expression { return []gms.Expression{o.Expression} }

// WithChildren implements gms.Expression.
func (o *ordered) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) != 1 {
		return nil, gms.ErrInvalidChildrenNumber.New(o, len(children), 1)
	}
	return &ordered{children[0], o.typ}, nil
}

// CollationCoercibility implements gms.CollationCoercible.
func (o *ordered) CollationCoercibility(ctx *gms.Context) (gms.CollationID, byte) {
	return gms.GetCoercibility(ctx, o.Expression)
}

// Compare implements gms.Type.
func (t orderedType) Compare(ctx context.Context, a, b any) (int, error) {
	x, ok := a.(string)
	y, both := b.(string)
	if ok && both {
		return tables.CompareText(t.collation, x, y), nil
	}
	switch { // NULL comes first
	case a == nil && b == nil:
		return 0, nil
	case a == nil:
		return -1, nil
	case b == nil:
		return 1, nil
	}
	x, err := plainText(ctx, t.StringType, a)
	if err != nil {
		return 0, err
	}
	y, err = plainText(ctx, t.StringType, b)
	return tables.CompareText(t.collation, x, y), err
}

// Equals implements gms.Type.
func (t orderedType) Equals(other gms.Type) bool {
	o, ok := other.(orderedType)
	return ok && o.collation == t.collation && t.StringType.Equals(o.StringType)
}

func plainText(ctx context.Context, t gms.Type, v any) (string, error) {
	s, _, err := t.Convert(ctx, v)
	if err != nil {
		return "", err
	}
	text, _, err := gms.Unwrap[string](ctx, s)
	return text, err
}

// weighed is the weight of a text under a collation, as a binary string: equal
// for texts that are equal.
type weighed struct {
	gms.Expression
	collation gms.CollationID
}

// Type implements gms.Expression.
func (*weighed) Type(*gms.Context) gms.Type { return types.LongBlob }

// Children implements gms.Expression.
func (w *weighed) Children() []gms.Expression { return []gms.Expression{w.Expression} }

// WithChildren implements gms.Expression.
func (w *weighed) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) != 1 {
		return nil, gms.ErrInvalidChildrenNumber.New(w, len(children), 1)
	}
	return &weighed{children[0], w.collation}, nil
}

// CollationCoercibility implements gms.CollationCoercible.
func (*weighed) CollationCoercibility(*gms.Context) (gms.CollationID, byte) {
	return gms.Collation_binary, 4
}

// Eval implements gms.Expression.
func (w *weighed) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	text, null, err := textValue(ctx, w.Expression, row)
	if err != nil || null {
		return nil, err
	}
	return weightOf(w.collation, text)
}

// newWeighed makes a text its weight, so that what compares values compares
// texts by their collation; other expressions stay what they are.
func newWeighed(ctx *gms.Context, e gms.Expression) gms.Expression {
	if _, done := e.(*weighed); done {
		return e
	}
	if t := typeOf(ctx, e); t == nil || !types.IsTextOnly(t) {
		return e
	}
	c := mixOf(ctx, e).collation
	if c == gms.Collation_binary || c.Sorter() == nil {
		return e
	}
	return &weighed{e, c}
}
