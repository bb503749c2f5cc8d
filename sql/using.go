package sql

import (
	"unicode/utf8"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/sql/tables"
)

// usingCall is CONVERT(x USING charset) for a character set of text; what the
// set does not have becomes a question mark. go-mysql-server's gives the bytes
// of the set, which its other functions take for UTF-8.
type usingCall struct {
	expression.UnaryExpressionStub
	charset gms.CharacterSetID
}

var _ gms.CollationCoercible = (*usingCall)(nil)

// Type implements gms.Expression.
func (u *usingCall) Type(*gms.Context) gms.Type {
	return types.CreateLongText(u.charset.DefaultCollation())
}

// String implements gms.Expression.
func (u *usingCall) String() string {
	return "convert(" + u.Child.String() + " using " + u.charset.Name() + ")"
}

// CollationCoercibility implements gms.CollationCoercible.
func (u *usingCall) CollationCoercibility(*gms.Context) (gms.CollationID, byte) {
	return u.charset.DefaultCollation(), byte(implicit)
}

// WithChildren implements gms.Expression.
func (u *usingCall) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) != 1 {
		return nil, gms.ErrInvalidChildrenNumber.New(u, len(children), 1)
	}
	return &usingCall{expression.UnaryExpressionStub{Child: children[0]}, u.charset}, nil
}

// Eval implements gms.Expression.
func (u *usingCall) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	encoder := u.charset.Encoder()
	if isBinary(u.Child.Type(ctx)) {
		b, err := byteValue(ctx, row, u.Child, 's')
		if err != nil || b.null {
			return nil, err
		}
		s, ok := encoder.Decode(b.b)
		if !ok {
			ctx.Warn(1300, "Invalid %s character string: '%X'", u.charset.Name(), b.b[:min(len(b.b), 6)])
			return nil, nil
		}
		return string(s), nil
	}
	s, null, err := textValue(ctx, u.Child, row)
	if err != nil || null {
		return nil, err
	}
	if _, ok := tables.EncodeText(encoder, s); ok {
		return s, nil
	}
	var out []byte
	for _, r := range s {
		if _, ok := tables.EncodeText(encoder, string(r)); !ok {
			r = '?'
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out), nil
}
