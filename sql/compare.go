package sql

import (
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/sqltypes"

	"binrelay/sql/tables"
)

// domain is what two values of different types are compared as.
type domain uint8

const (
	asIntegers domain = iota + 1
	asDecimals
	asFloats
	asTimes
)

// domainOf returns what the values of two expressions are compared as, 0 where
// go-mysql-server knows. Source: MySQL 8.0 manual, "Type Conversion in
// Expression Evaluation".
func domainOf(ctx *gms.Context, a, b gms.Expression) domain {
	s, t := typeOf(ctx, a), typeOf(ctx, b)
	if s == nil || t == nil || s == types.Null || t == types.Null || types.TypesEqual(s, t) || types.IsSigned(s) && types.IsSigned(t) || types.IsUnsigned(s) && types.IsUnsigned(t) {
		return 0
	}
	text := func(t gms.Type) bool { return types.IsTextOnly(t) }
	number := func(t gms.Type) bool {
		return types.IsNumber(t) && !types.IsBit(t) && !types.IsYear(t) && !types.IsBoolean(t)
	}
	switch {
	case types.IsTimespan(s) && (text(t) || types.IsTimespan(t)), types.IsTimespan(t) && text(s):
		return asTimes
	case types.IsTimespan(s) && number(t), types.IsTimespan(t) && number(s):
		return asDecimals
	case !number(s) || !number(t):
		return 0
	}
	p, q := kindOf(ctx, a), kindOf(ctx, b)
	switch {
	case p.real || q.real:
		return asFloats
	case p.exact || q.exact:
		return asDecimals
	}
	return asIntegers
}

// compareValues compares two values of different types; nil leaves them to
// go-mysql-server.
func compareValues(ctx *gms.Context, operator string, a, b gms.Expression) gms.Expression {
	if d := domainOf(ctx, a, b); d != 0 {
		return &valueComparison{newComparison(a, operator, b), d}
	}
	return nil
}

// inValues is x IN (…) where one of the list is compared by compareValues.
func inValues(ctx *gms.Context, left, right gms.Expression) gms.Expression {
	list, ok := right.(expression.Tuple)
	if _, rows := left.(expression.Tuple); !ok || rows {
		return nil
	}
	own := false
	all := make([]gms.Expression, len(list))
	for i, e := range list {
		if all[i] = compareValues(ctx, "=", left, e); all[i] == nil {
			all[i] = expression.NewEquals(left, e)
		} else {
			own = true
		}
	}
	if !own {
		return nil
	}
	return expression.JoinOr(all...)
}

// inList is x IN (…) of texts or of other values; nil leaves it alone.
func inList(ctx *gms.Context, left, right gms.Expression) (gms.Expression, error) {
	own, err := inTexts(ctx, left, right)
	if own != nil || err != nil {
		return own, err
	}
	return inValues(ctx, left, right), nil
}

// betweenValues is BETWEEN with a bound that is compared by compareValues.
func betweenValues(ctx *gms.Context, e *expression.Between) gms.Expression {
	low, high := compareValues(ctx, ">=", e.Val, e.Lower), compareValues(ctx, "<=", e.Val, e.Upper)
	switch {
	case low == nil && high == nil:
		return nil
	case low == nil:
		low = expression.NewGreaterThanOrEqual(e.Val, e.Lower)
	case high == nil:
		high = expression.NewLessThanOrEqual(e.Val, e.Upper)
	}
	return expression.NewAnd(low, high)
}

// comparison is what all comparisons of ours share.
type comparison struct {
	expression.BinaryExpressionStub
	operator string // =, <=>, <, <=, > or >=
}

func newComparison(a gms.Expression, operator string, b gms.Expression) comparison {
	return comparison{expression.BinaryExpressionStub{LeftChild: a, RightChild: b}, operator}
}

// Left implements expression.Comparer.
func (c *comparison) Left() gms.Expression { return c.LeftChild }

// Right implements expression.Comparer.
func (c *comparison) Right() gms.Expression { return c.RightChild }

// Type implements gms.Expression.
func (c *comparison) Type(*gms.Context) gms.Type { return types.Boolean }

// IsNullable implements gms.Expression.
func (c *comparison) IsNullable(ctx *gms.Context) bool {
	return c.operator != "<=>" && c.BinaryExpressionStub.IsNullable(ctx)
}

// String implements gms.Expression.
func (c *comparison) String() string {
	return "(" + c.LeftChild.String() + " " + c.operator + " " + c.RightChild.String() + ")"
}

// CollationCoercibility implements gms.CollationCoercible.
func (*comparison) CollationCoercibility(*gms.Context) (gms.CollationID, byte) {
	return gms.Collation_binary, 5
}

// with returns c over other operands; e is the whole expression.
func (c *comparison) with(e gms.Expression, children []gms.Expression) (comparison, error) {
	if len(children) != 2 {
		return comparison{}, gms.ErrInvalidChildrenNumber.New(e, len(children), 2)
	}
	return newComparison(children[0], c.operator, children[1]), nil
}

// valueComparison compares two values that are not both texts.
type valueComparison struct {
	comparison
	domain domain
}

var (
	_ expression.Comparer    = (*valueComparison)(nil)
	_ gms.CollationCoercible = (*valueComparison)(nil)
)

// WithChildren implements gms.Expression.
func (c *valueComparison) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	base, err := c.with(c, children)
	if err != nil {
		return nil, err
	}
	return &valueComparison{base, c.domain}, nil
}

// Compare implements expression.Comparer.
func (c *valueComparison) Compare(ctx *gms.Context, row gms.Row) (int, error) {
	a, err := c.operand(ctx, c.LeftChild, row)
	if err != nil {
		return 0, err
	}
	b, err := c.operand(ctx, c.RightChild, row)
	if err != nil {
		return 0, err
	}
	if a == nil || b == nil {
		return 0, expression.ErrNilOperand.New()
	}
	return c.compare(a, b), nil
}

// Eval implements gms.Expression.
func (c *valueComparison) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	a, err := c.operand(ctx, c.LeftChild, row)
	if err != nil || a == nil && c.operator != "<=>" {
		return nil, err
	}
	b, err := c.operand(ctx, c.RightChild, row)
	if err != nil {
		return nil, err
	}
	if a == nil || b == nil {
		if c.operator == "<=>" {
			return a == nil && b == nil, nil
		}
		return nil, nil
	}
	n := c.compare(a, b)
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

// operand evaluates to what the values are compared as.
func (c *valueComparison) operand(ctx *gms.Context, e gms.Expression, row gms.Row) (any, error) {
	if c.domain != asTimes {
		return (&arithmetic{}).operand(ctx, e, row)
	}
	v, err := e.Eval(ctx, row)
	if err != nil || v == nil {
		return nil, err
	}
	if v, err = gms.UnwrapAny(ctx, v); err != nil {
		return nil, err
	}
	if t, ok := v.(types.Timespan); ok {
		return int64(t), nil
	}
	if t, ok := v.(time.Time); ok {
		v = t.Format("15:04:05.000000")
	}
	us, ok := toTime(ctx, v)
	if !ok {
		return nil, nil
	}
	return us, nil
}

func (c *valueComparison) compare(a, b any) int {
	switch c.domain {
	case asFloats:
		x, y := numberAsFloat(a), numberAsFloat(b)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	case asDecimals:
		return numberAsDecimal(a).Cmp(numberAsDecimal(b))
	}
	x, signed := a.(int64)
	y, both := b.(int64)
	if signed && both {
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	return numberAsDecimal(a).Cmp(numberAsDecimal(b))
}

// ofScale makes a choice between numbers give all of them the most decimals that
// one has, and one between dates and times all of them a time of day.
func ofScale(f gms.Function, values func(args []gms.Expression) []gms.Expression) gms.Function {
	return gms.FunctionN{
		Name: f.FunctionName(),
		Fn: func(ctx *gms.Context, args ...gms.Expression) (gms.Expression, error) {
			e, err := f.NewInstance(ctx, args)
			if err != nil {
				return nil, err
			}
			return scaled(ctx, e, values(args)), nil
		},
	}
}

// scaled gives an expression the type that all its values go into.
func scaled(ctx *gms.Context, e gms.Expression, values []gms.Expression) gms.Expression {
	var most operandKind
	digits, dates, times, numbers := 0, 0, 0, 0
	for _, v := range values {
		t := typeOf(ctx, v)
		switch {
		case t == nil:
			return e
		case t == types.Null:
		case types.IsDateType(t):
			dates++
		case types.IsTime(t):
			times++
			digits = max(digits, fractionDigits(ctx, v))
		case types.IsNumber(t) && !types.IsBit(t):
			k := kindOf(ctx, v)
			most.real = most.real || k.real
			most.exact = most.exact || k.exact
			most.whole, most.scale = max(most.whole, k.whole), max(most.scale, k.scale)
			numbers++
		default:
			return e
		}
	}
	switch {
	case numbers > 0 && dates+times == 0 && most.exact && !most.real:
		typ := most.typ().(gms.DecimalType)
		plain := gms.NewEmptyContext()
		return &converted{Expression: e, typ: typ, convert: func(v any) (any, error) { return inDecimal(plain, v, typ) }}
	case numbers == 0 && times > 0 && times+dates > 1:
		typ := types.MustCreateDatetimeType(sqltypes.Datetime, digits)
		return &converted{Expression: e, typ: typ, convert: func(v any) (any, error) {
			if s, ok := v.(string); ok {
				if d, ok := tables.ParseDate(strings.TrimSpace(s)); ok {
					return d.Time, nil
				}
			}
			return v, nil
		}}
	}
	return e
}
