package sql

import (
	"fmt"
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/expression/function/aggregation"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// convertOperands makes the plan of a statement convert two kinds of values as
// MySQL does: an ENUM or SET becomes its text, not its number, where a text is
// wanted, and a date or time becomes the digits of its text, not a count of
// seconds, where a number is. n is changed in place.
func convertOperands(ctx *gms.Context, n gms.Node) {
	if !hasSpecialColumns(ctx, n) {
		return
	}
	transform.InspectWithOpaque(ctx, n, func(ctx *gms.Context, n gms.Node) bool {
		if ins, ok := n.(*plan.InsertInto); ok {
			convertSource(ctx, ins)
		}
		return true
	})
	transform.InspectExpressionsWithNode(ctx, n, func(ctx *gms.Context, _ gms.Node, e gms.Expression) bool {
		switch e := e.(type) {
		case *expression.SetField:
			if e.LeftChild.Resolved() && wantsText(e.LeftChild.Type(ctx)) {
				e.RightChild = asText(ctx, e.RightChild)
			}
		case *expression.Convert:
			if gms.IsNumberType(e.Type(ctx)) {
				e.Child = asNumber(ctx, e.Child)
			}
		case *expression.UnaryMinus:
			e.Child = asNumber(ctx, e.Child)
		case *expression.Arithmetic:
			e.LeftChild, e.RightChild = asNumber(ctx, e.LeftChild), asNumber(ctx, e.RightChild)
		case *exact: // of SUM and AVG
			e.Child = asNumber(ctx, e.Child)
		case *aggregate:
			if x, ok := e.Children()[0].(*exact); ok {
				x.Child = asNumber(ctx, x.Child)
			}
		case *aggregation.Max:
			e.Child = asText(ctx, e.Child)
		case *aggregation.Min:
			e.Child = asText(ctx, e.Child)
		}
		return true
	})
}

// hasSpecialColumns reports whether a table below a node has columns that
// convertOperands is about.
func hasSpecialColumns(ctx *gms.Context, n gms.Node) (found bool) {
	transform.InspectWithOpaque(ctx, n, func(ctx *gms.Context, n gms.Node) bool {
		if t, ok := n.(gms.TableNode); ok && !found {
			for _, c := range t.UnderlyingTable().Schema(ctx) {
				found = found || types.IsEnum(c.Type) || types.IsSet(c.Type) || types.IsTime(c.Type) || types.IsTimespan(c.Type)
			}
		}
		return !found
	})
	return found
}

func wantsText(t gms.Type) bool { return types.IsTextBlob(t) || types.IsTextOnly(t) }

// convertSource converts what an INSERT … SELECT puts into columns of texts.
// The projection above the SELECT has the types of the table's columns.
func convertSource(ctx *gms.Context, n *plan.InsertInto) {
	p, ok := n.Source.(*plan.Project)
	if !ok {
		return
	}
	source := p.Child.Schema(ctx)
	for i, c := range n.Destination.Schema(ctx) {
		if i >= len(p.Projections) || !wantsText(c.Type) {
			continue
		}
		f, ok := p.Projections[i].(*expression.GetField)
		if ok && f.Index() < len(source) {
			p.Projections[i] = textOf(f, source[f.Index()].Type)
		}
	}
}

// typeOf is an expression's type, nil when it is not known yet.
func typeOf(ctx *gms.Context, e gms.Expression) gms.Type {
	if !e.Resolved() {
		return nil
	}
	return e.Type(ctx)
}

// asText gives an ENUM or SET as text; other expressions stay what they are.
func asText(ctx *gms.Context, e gms.Expression) gms.Expression { return textOf(e, typeOf(ctx, e)) }

// textOf is asText for an expression whose values are of type t.
func textOf(e gms.Expression, t gms.Type) gms.Expression {
	switch t := t.(type) {
	case gms.EnumType:
		return &converted{Expression: e, typ: types.CreateLongText(t.Collation()), convert: func(v any) (any, error) {
			n, ok := v.(uint16)
			if !ok {
				return v, nil
			}
			text, _ := t.At(int(n)) // 0 is the empty text
			return text, nil
		}}
	case gms.SetType:
		return &converted{Expression: e, typ: types.CreateLongText(t.Collation()), convert: func(v any) (any, error) {
			bits, ok := v.(uint64)
			if !ok {
				return v, nil
			}
			return t.BitsToString(bits)
		}}
	}
	return e
}

// asNumber gives a date or time as YYYYMMDD, YYYYMMDDhhmmss or hhmmss, with a
// fraction where its type has one.
func asNumber(ctx *gms.Context, e gms.Expression) gms.Expression {
	t := typeOf(ctx, e)
	if t == nil || !types.IsTime(t) && !types.IsTimespan(t) {
		return e
	}
	digits := fractionDigits(ctx, e)
	typ := gms.Type(types.Int64)
	if digits > 0 {
		typ = types.MustCreateDecimalType(20, uint8(digits))
	}
	date := types.IsDateType(t)
	return &converted{Expression: e, typ: typ, convert: func(v any) (any, error) {
		text := timeDigitsOf(v, date)
		if digits == 0 {
			text, _, _ = strings.Cut(text, ".")
		}
		n, _, err := typ.Convert(ctx, text)
		return n, err
	}}
}

// timeDigitsOf spells a date or time without its separators.
func timeDigitsOf(v any, date bool) string {
	switch v := v.(type) {
	case time.Time:
		if date {
			return v.Format("20060102")
		}
		return v.Format("20060102150405.000000")
	case types.Timespan:
		sign, us := "", int64(v)
		if us < 0 {
			sign, us = "-", -us
		}
		s := us / 1e6
		return fmt.Sprintf("%s%d%02d%02d.%06d", sign, s/3600, s/60%60, s%60, us%1e6)
	}
	return argText(v)
}

// converted is an expression whose values become those of another type.
type converted struct {
	gms.Expression
	typ     gms.Type
	convert func(v any) (any, error)
}

// Type implements gms.Expression.
func (c *converted) Type(*gms.Context) gms.Type { return c.typ }

// Children implements gms.Expression.
func (c *converted) Children() []gms.Expression { return []gms.Expression{c.Expression} }

// WithChildren implements gms.Expression.
func (c *converted) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) != 1 {
		return nil, gms.ErrInvalidChildrenNumber.New(c, len(children), 1)
	}
	own := *c
	own.Expression = children[0]
	return &own, nil
}

// CollationCoercibility implements gms.CollationCoercible.
func (c *converted) CollationCoercibility(ctx *gms.Context) (gms.CollationID, byte) {
	return gms.GetCoercibility(ctx, c.Expression)
}

// Eval implements gms.Expression.
func (c *converted) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	v, err := c.Expression.Eval(ctx, row)
	if err != nil || v == nil {
		return nil, err
	}
	return c.convert(v)
}

// textFunctions take an ENUM or SET as text.
var textFunctions = []string{
	"concat", "concat_ws", "lpad", "rpad", "left", "right", "substring", "substr", "mid", "substring_index", "reverse", "replace", "repeat",
	"insert", "instr", "locate", "position", "upper", "ucase", "lower", "lcase", "ltrim", "rtrim", "trim", "length", "char_length",
	"character_length", "octet_length", "bit_length", "ascii", "ord", "hex", "quote", "soundex", "md5", "sha", "sha1", "sha2", "crc32",
	"to_base64", "strcmp", "find_in_set", "field", "regexp_like", "regexp_replace", "regexp_substr", "regexp_instr",
	"if", "ifnull", "coalesce", "greatest", "least", "elt", "make_set", "export_set",
}

// ofText makes a function take texts for its arguments that are ENUMs or SETs.
func ofText(f gms.Function) gms.Function {
	return gms.FunctionN{
		Name: f.FunctionName(),
		Fn: func(ctx *gms.Context, args ...gms.Expression) (gms.Expression, error) {
			own := make([]gms.Expression, len(args))
			for i, a := range args {
				own[i] = asText(ctx, innermost(a))
			}
			return f.NewInstance(ctx, own)
		},
	}
}
