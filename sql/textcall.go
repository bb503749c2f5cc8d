package sql

import (
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// textCall is a call whose text has the collation that MySQL gives it, also in
// its type: go-mysql-server's calls have that of the server, and what names
// their result, such as a column of a derived table, knows no other.
type textCall struct {
	gms.Expression
	folded *mix // of what go-mysql-server made a literal
}

var _ gms.CollationCoercible = (*textCall)(nil)

// textCalls are the functions that are textCalls, besides those of byteFunctions.
var textCalls = []string{
	"if", "nullif", "hex", "conv", "char", "md5", "sha", "sha1", "sha2", "to_base64", "format", "space",
	"date_format", "time_format", "dayname", "monthname", "get_format", "inet_ntoa", "inet6_ntoa", "uuid", "json_unquote", "json_type",
	"bin_to_uuid",
}

// ofCollation makes a function's results texts of their own collation.
func ofCollation(f gms.Function) gms.Function {
	return gms.FunctionN{
		Name: f.FunctionName(),
		Fn: func(ctx *gms.Context, args ...gms.Expression) (gms.Expression, error) {
			e, err := f.NewInstance(ctx, args)
			if err != nil {
				return nil, err
			}
			return asTextCall(ctx, e), nil
		},
	}
}

// asTextCall makes an expression a textCall unless it is known to be no text.
func asTextCall(ctx *gms.Context, e gms.Expression) gms.Expression {
	if u, ok := e.(*expression.ConvertUsing); ok && u.TargetCharSet != gms.CharacterSet_binary && u.TargetCharSet.Encoder() != nil {
		return &usingCall{expression.UnaryExpressionStub{Child: u.Child}, u.TargetCharSet}
	}
	if e.Resolved() && !types.IsTextOnly(e.Type(ctx)) {
		return e
	}
	return &textCall{Expression: e}
}

// typeIn returns a text's type under a collation.
func typeIn(t gms.Type, m mix) gms.Type {
	text, ok := t.(gms.StringType)
	if !ok || !types.IsTextOnly(t) || m.collation == gms.Collation_binary || m.strength == ignorable || text.Collation() == m.collation {
		return t
	}
	if with, ok := t.(gms.TypeWithCollation); ok {
		if own, err := with.WithNewCollation(m.collation); err == nil {
			return own
		}
	}
	return types.CreateLongText(m.collation)
}

// groupText is the text of a GROUP_CONCAT. What it is made of is not at hand
// where the type is asked for: its collation is the connection's.
type groupText struct{ textCall }

// Type implements gms.Expression.
func (g *groupText) Type(ctx *gms.Context) gms.Type {
	return typeIn(g.Expression.Type(ctx), mixOf(ctx, g))
}

// CollationCoercibility implements gms.CollationCoercible.
func (g *groupText) CollationCoercibility(ctx *gms.Context) (gms.CollationID, byte) {
	return ctx.GetCollation(), byte(implicit)
}

// WithChildren implements gms.Expression.
func (g *groupText) WithChildren(_ *gms.Context, args ...gms.Expression) (gms.Expression, error) {
	if len(args) != 1 {
		return nil, gms.ErrInvalidChildrenNumber.New(g, len(args), 1)
	}
	return &groupText{textCall{Expression: args[0]}}, nil
}

// IsNonDeterministic implements gms.NonDeterministicExpression.
func (c *textCall) IsNonDeterministic() bool {
	n, ok := c.Expression.(gms.NonDeterministicExpression)
	return ok && n.IsNonDeterministic()
}

// Type implements gms.Expression.
func (c *textCall) Type(ctx *gms.Context) gms.Type {
	t := c.Expression.Type(ctx)
	if !types.IsTextOnly(t) {
		return t
	}
	return typeIn(t, mixOf(ctx, c))
}

// CollationCoercibility implements gms.CollationCoercible.
func (c *textCall) CollationCoercibility(ctx *gms.Context) (gms.CollationID, byte) {
	m := mixOf(ctx, c)
	return m.collation, byte(m.strength)
}

// Children implements gms.Expression.
func (c *textCall) Children() []gms.Expression { return []gms.Expression{c.Expression} }

// WithChildren implements gms.Expression.
func (c *textCall) WithChildren(ctx *gms.Context, args ...gms.Expression) (gms.Expression, error) {
	if len(args) != 1 {
		return nil, gms.ErrInvalidChildrenNumber.New(c, len(args), 1)
	}
	own := &textCall{args[0], c.folded}
	_, before := c.Expression.(*expression.Literal)
	if l, now := args[0].(*expression.Literal); now && !before {
		m := mixOf(ctx, c.Expression)
		if s, ok := l.Value().(string); ok {
			m.ascii = isASCII(s)
		}
		own.folded = &m
	}
	return own, nil
}

// mix is the collation of a call's text.
func (c *byteCall) mix(ctx *gms.Context) mix {
	var texts []gms.Expression
	for i, e := range c.Children() {
		if c.f.kind(i) == 's' {
			texts = append(texts, e)
		}
	}
	if c.binary(ctx) {
		m := mixTogether(ctx, texts)
		return mix{collation: gms.Collation_binary, strength: m.strength}
	}
	return mixTogether(ctx, texts)
}

// newCase makes CASE WHEN … THEN … of pairs of conditions and values, with the
// value of ELSE at the end if there is one.
func newCase(ctx *gms.Context, args ...gms.Expression) (gms.Expression, error) {
	var branches []expression.CaseBranch
	for len(args) > 1 {
		branches = append(branches, expression.CaseBranch{Cond: args[0], Value: args[1]})
		args = args[2:]
	}
	var other gms.Expression
	if len(args) > 0 {
		other = args[0]
	}
	c := expression.NewCase(nil, branches, other)
	return scaled(ctx, asTextCall(ctx, c), caseValues(c)), nil
}
