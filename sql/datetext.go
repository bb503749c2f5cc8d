package sql

import (
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// dateTextCall is the name of the call that spells dates and times.
const dateTextCall = "date text"

// spelt gives a date or time as text; other expressions stay what they are.
func spelt(ctx *gms.Context, e gms.Expression) gms.Expression {
	if t := typeOf(ctx, e); t != nil && !types.IsTime(t) && !types.IsTimespan(t) {
		return e
	}
	return &dateText{expression.UnaryExpressionStub{Child: e}}
}

// dateText is a date or time as MySQL spells it where a text is wanted: a DATE
// has no time of day, and a fraction the digits of its type.
type dateText struct{ expression.UnaryExpressionStub }

var (
	_ gms.Expression         = (*dateText)(nil)
	_ gms.CollationCoercible = (*dateText)(nil)
)

// Type implements gms.Expression.
func (d *dateText) Type(ctx *gms.Context) gms.Type {
	if t := d.Child.Type(ctx); !types.IsTime(t) && !types.IsTimespan(t) {
		return t
	}
	return connectionText(ctx, nil)
}

// String implements gms.Expression.
func (d *dateText) String() string { return d.Child.String() }

// CollationCoercibility implements gms.CollationCoercible.
func (d *dateText) CollationCoercibility(ctx *gms.Context) (gms.CollationID, byte) {
	if t := d.Child.Type(ctx); !types.IsTime(t) && !types.IsTimespan(t) {
		return gms.GetCoercibility(ctx, d.Child)
	}
	return ctx.GetCollation(), 5
}

// WithChildren implements gms.Expression.
func (d *dateText) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) != 1 {
		return nil, gms.ErrInvalidChildrenNumber.New(d, len(children), 1)
	}
	return &dateText{expression.UnaryExpressionStub{Child: children[0]}}, nil
}

// Eval implements gms.Expression.
func (d *dateText) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	v, err := d.Child.Eval(ctx, row)
	if err != nil || v == nil {
		return nil, err
	}
	switch v := v.(type) {
	case time.Time:
		zero := v.Equal(types.ZeroTime)
		switch {
		case types.IsDateType(d.Child.Type(ctx)) && zero:
			return "0000-00-00", nil
		case types.IsDateType(d.Child.Type(ctx)):
			return v.Format(time.DateOnly), nil
		}
		text := v.Format("2006-01-02 15:04:05.000000")
		if zero {
			text = "0000-00-00 00:00:00.000000"
		}
		return cutFraction(text, fractionDigits(ctx, d.Child)), nil
	case types.Timespan:
		text := spanText(int64(v))
		if v%1e6 == 0 {
			text += ".000000"
		}
		return cutFraction(text, fractionDigits(ctx, d.Child)), nil
	}
	return v, nil
}

// cutFraction leaves some of the six digits of a fraction.
func cutFraction(text string, digits int) string {
	if digits == 0 {
		return text[:len(text)-7]
	}
	return text[:len(text)-6+digits]
}

// speltFunctions take dates and times as texts.
var speltFunctions = []string{
	"concat", "concat_ws", "lpad", "rpad", "left", "right", "substring", "substr", "mid", "substring_index", "reverse", "replace", "repeat",
	"insert", "instr", "locate", "position", "upper", "ucase", "lower", "lcase", "ltrim", "rtrim", "trim", "length", "char_length",
	"character_length", "octet_length", "bit_length", "ascii", "ord", "hex", "quote", "md5", "sha", "sha1", "sha2", "crc32", "to_base64",
	"strcmp", "find_in_set", "elt", "cast binary",
}

// ofDates makes a function take texts for its arguments that are dates or times.
func ofDates(f gms.Function) gms.Function {
	return gms.FunctionN{Name: f.FunctionName(), Fn: func(ctx *gms.Context, args ...gms.Expression) (gms.Expression, error) {
		own := make([]gms.Expression, len(args))
		for i, a := range args {
			own[i] = a
			if t := typeOf(ctx, a); t != nil {
				own[i] = spelt(ctx, a)
			}
		}
		return f.NewInstance(ctx, own)
	}}
}
