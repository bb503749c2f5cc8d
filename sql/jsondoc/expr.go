package jsondoc

import (
	"errors"
	"fmt"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/binlog/jsonb"
)

// unary is what the expressions with one child share.
type unary struct{ child gms.Expression }

// Resolved implements gms.Expression.
func (u unary) Resolved() bool { return u.child.Resolved() }

// Type implements gms.Expression.
func (u unary) Type(*gms.Context) gms.Type { return types.JSON }

// IsNullable implements gms.Expression.
func (u unary) IsNullable(ctx *gms.Context) bool { return u.child.IsNullable(ctx) }

// Children implements gms.Expression.
func (u unary) Children() []gms.Expression { return []gms.Expression{u.child} }

// CollationCoercibility implements gms.CollationCoercible.
func (u unary) CollationCoercibility(*gms.Context) (gms.CollationID, byte) {
	return gms.Collation_utf8mb4_bin, 2
}

func onlyChild(e gms.Expression, children []gms.Expression) (unary, error) {
	if len(children) != 1 {
		return unary{}, gms.ErrInvalidChildrenNumber.New(e, len(children), 1)
	}
	return unary{children[0]}, nil
}

// text returns a string's bytes; ok is false for other values.
func text(ctx *gms.Context, v any) (s []byte, ok bool, err error) {
	if v, err = gms.UnwrapAny(ctx, v); err != nil {
		return nil, false, err
	}
	switch v := v.(type) {
	case string:
		return []byte(v), true, nil
	case []byte:
		return v, true, nil
	}
	return nil, false, nil
}

// Assign is a value on its way into a JSON column: a string must be a JSON
// text, and nothing but strings and JSON is taken.
type Assign struct {
	unary
	column string // table.column, for errors
}

// NewAssign wraps what a statement stores in a column.
func NewAssign(child gms.Expression, table, column string) *Assign {
	return &Assign{unary{child}, table + "." + column}
}

// String implements gms.Expression.
func (a *Assign) String() string { return a.child.String() }

// WithChildren implements gms.Expression.
func (a *Assign) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	u, err := onlyChild(a, children)
	return &Assign{u, a.column}, err
}

// Eval implements gms.Expression.
func (a *Assign) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	v, err := a.child.Eval(ctx, row)
	if v == nil || err != nil {
		return nil, err
	}
	return ToColumn(ctx, v, a.column)
}

// ToColumn is what Assign does with a value that is not NULL.
func ToColumn(ctx *gms.Context, v any, column string) (Doc, error) {
	if _, ok := v.(gms.JSONWrapper); ok {
		return From(ctx, v, nil)
	}
	s, ok, err := text(ctx, v)
	if err != nil {
		return Doc{}, err
	}
	if !ok {
		return Doc{}, columnError(&jsonb.SyntaxError{Text: "not a JSON text, may need CAST"}, column)
	}
	d, err := Parse(s)
	return d, columnError(err, column)
}

func columnError(err error, column string) error {
	var s *jsonb.SyntaxError
	if !errors.As(err, &s) {
		return err
	}
	return sqlErrorf(3140, "22032", `Invalid JSON text: "%s" at position %d in value for column '%s'.`, s.Text, s.Pos, column)
}

// Cast is CAST(value AS JSON).
type Cast struct{ unary }

// NewCast returns CAST(child AS JSON).
func NewCast(child gms.Expression) *Cast { return &Cast{unary{child}} }

// String implements gms.Expression.
func (c *Cast) String() string { return fmt.Sprintf("CAST(%s AS JSON)", c.child) }

// WithChildren implements gms.Expression.
func (c *Cast) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	u, err := onlyChild(c, children)
	return &Cast{u}, err
}

// Eval implements gms.Expression.
func (c *Cast) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	v, err := c.child.Eval(ctx, row)
	if v == nil || err != nil {
		return nil, err
	}
	if s, ok := v.(string); ok {
		d, err := Parse([]byte(s))
		if err != nil {
			return nil, argumentError(err, 1, "cast_as_json")
		}
		return d, nil
	}
	t := c.child.Type(ctx)
	if s, ok, err := text(ctx, v); err != nil {
		return nil, err
	} else if ok && !types.IsBinaryType(t) {
		d, err := Parse(s)
		if err != nil {
			return nil, argumentError(err, 1, "cast_as_json")
		}
		return d, nil
	}
	d, err := build(func(b *jsonb.Builder) error { return addValue(ctx, b, v, t) })
	if err != nil {
		return nil, err
	}
	return d, nil
}

func argumentError(err error, n int, function string) error {
	var s *jsonb.SyntaxError
	if !errors.As(err, &s) {
		return err
	}
	return sqlErrorf(3141, "22032", `Invalid JSON text in argument %d to function %s: "%s" at position %d.`, n, function, s.Text, s.Pos)
}
