package sql

import (
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// boundIntegers makes the plan of a statement hold the values of integer
// columns against their ranges where go-mysql-server does not, or wraps them
// around: in UPDATE and ON DUPLICATE KEY UPDATE, and in INSERT IGNORE. n is
// changed in place.
func boundIntegers(ctx *gms.Context, n gms.Node) {
	mode := gms.LoadSqlMode(ctx)
	loose := !mode.ModeEnabled("STRICT_TRANS_TABLES") && !mode.ModeEnabled("STRICT_ALL_TABLES")
	transform.InspectWithOpaque(ctx, n, func(ctx *gms.Context, n gms.Node) bool {
		switch n := n.(type) {
		case *plan.UpdateSource:
			boundFields(ctx, n.UpdateExprs, loose || n.Ignore)
		case *plan.InsertInto:
			if n.OnDupExprs.HasUpdates() {
				boundFields(ctx, n.OnDupExprs, loose || n.Ignore)
			}
			if p, ok := n.Source.(*plan.Project); ok && (loose || n.Ignore) {
				boundRow(n.Destination.Schema(ctx), p)
			}
		}
		return true
	})
}

func boundFields(ctx *gms.Context, exprs *plan.UpdateExprs, loose bool) {
	for _, e := range exprs.AllExpressions() {
		set, ok := e.(*expression.SetField)
		if !ok {
			continue
		}
		if f, ok := set.LeftChild.(*expression.GetField); ok && types.IsInteger(f.Type(ctx)) {
			set.RightChild = &bounded{Expression: set.RightChild, typ: f.Type(ctx), column: f.Name(), loose: loose}
		}
	}
}

func boundRow(columns gms.Schema, p *plan.Project) {
	for i, c := range columns {
		if i >= len(p.Projections) || !types.IsInteger(c.Type) {
			continue
		}
		if f, ok := p.Projections[i].(*expression.GetField); ok {
			p.Projections[i] = &bounded{Expression: f, typ: c.Type, column: c.Name, loose: true}
		}
	}
}

// bounded is an expression whose values go into an integer column. One that
// does not fit is error 1264; loose, it becomes the nearest that does.
type bounded struct {
	gms.Expression
	typ    gms.Type
	column string
	loose  bool
	row    int
}

// Type implements gms.Expression.
func (b *bounded) Type(*gms.Context) gms.Type { return b.typ }

// Children implements gms.Expression.
func (b *bounded) Children() []gms.Expression { return []gms.Expression{b.Expression} }

// WithChildren implements gms.Expression.
func (b *bounded) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) != 1 {
		return nil, gms.ErrInvalidChildrenNumber.New(b, len(children), 1)
	}
	own := *b
	own.Expression = children[0]
	return &own, nil
}

// CollationCoercibility implements gms.CollationCoercible.
func (b *bounded) CollationCoercibility(ctx *gms.Context) (gms.CollationID, byte) {
	return gms.GetCoercibility(ctx, b.Expression)
}

// Eval implements gms.Expression. What cannot be converted is left to whoever
// takes the value, for the error.
func (b *bounded) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	b.row++
	v, err := b.Expression.Eval(ctx, row)
	if err != nil || v == nil {
		return nil, err
	}
	if v, err = gms.UnwrapAny(ctx, v); err != nil {
		return nil, err
	}
	var fit any
	var in gms.ConvertInRange
	if r, ok := b.typ.(gms.RoundingNumberType); ok {
		fit, in, err = r.ConvertRound(ctx, v)
	} else {
		fit, in, err = b.typ.Convert(ctx, v)
	}
	switch {
	case err != nil:
		return v, nil
	case in == gms.InRange:
		return fit, nil
	case !b.loose:
		return nil, sqlError(1264, "22003", "Out of range value for column '%s' at row %d", b.column, b.row)
	}
	ctx.Warn(1264, "Out of range value for column '%s' at row %d", b.column, b.row)
	if in == gms.Underflow && types.IsUnsigned(b.typ) {
		return b.typ.Zero(), nil
	}
	return fit, nil
}
