package sql

import (
	"fmt"

	"github.com/cockroachdb/apd/v3"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/expression/function/aggregation"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/sqltypes"
)

// aggregate gives one of go-mysql-server's aggregate functions of numbers
// MySQL's type: DECIMAL for SUM and AVG of exact numbers, with
// div_precision_increment more decimals for AVG, and DOUBLE for all others.
type aggregate struct {
	gms.Aggregation
	name string
}

var (
	_ gms.Aggregation        = (*aggregate)(nil)
	_ gms.FunctionExpression = (*aggregate)(nil)
	_ gms.CollationCoercible = (*aggregate)(nil)
)

// aggregates are the functions that an aggregate stands in front of.
var aggregates = []string{"avg", "sum", "std", "stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp"}

// newAggregate returns a function that makes aggregates of base's.
func newAggregate(base gms.Function) gms.Function {
	name := base.FunctionName()
	return gms.FunctionN{Name: name, Fn: func(ctx *gms.Context, args ...gms.Expression) (gms.Expression, error) {
		if len(args) == 1 && (name == "avg" || name == "sum") {
			args[0] = &exact{expression.UnaryExpressionStub{Child: args[0]}}
		}
		e, err := base.NewInstance(ctx, args)
		if err != nil {
			return nil, err
		}
		return &aggregate{e.(gms.Aggregation), name}, nil
	}}
}

// decimal returns the type of SUM or AVG, nil if it is DOUBLE.
func (a *aggregate) decimal(ctx *gms.Context) gms.DecimalType {
	if a.name != "avg" && a.name != "sum" {
		return nil
	}
	precision, scale := exactDigits(a.Children()[0].Type(ctx))
	if precision == 0 {
		return nil
	}
	if a.name == "sum" {
		return types.MustCreateDecimalType(uint8(min(precision+22, 65)), uint8(scale))
	}
	more := divisionDigits(ctx)
	return types.MustCreateDecimalType(uint8(min(precision+more, 65)), uint8(min(scale+more, 30)))
}

// exactDigits returns the precision and scale of an exact number, 0 for other
// types.
func exactDigits(t gms.Type) (precision, scale int) {
	if t == nil {
		return 0, 0
	}
	if d, ok := t.(gms.DecimalType); ok {
		return int(d.Precision()), int(d.Scale())
	}
	switch t.Type() {
	case sqltypes.Int8, sqltypes.Uint8:
		return 3, 0
	case sqltypes.Int16, sqltypes.Uint16, sqltypes.Year:
		return 5, 0
	case sqltypes.Int24, sqltypes.Uint24:
		return 8, 0
	case sqltypes.Int32, sqltypes.Uint32:
		return 10, 0
	case sqltypes.Int64, sqltypes.Uint64:
		return 20, 0
	}
	return 0, 0
}

// divisionDigits is div_precision_increment.
func divisionDigits(ctx *gms.Context) int {
	if s := sessionOf(ctx); s != nil {
		return int(policy{s.server, s}.number(ctx, "div_precision_increment"))
	}
	return 4
}

// Type implements gms.Expression.
func (a *aggregate) Type(ctx *gms.Context) gms.Type {
	if t := a.decimal(ctx); t != nil {
		return t
	}
	return types.Float64
}

// FunctionName implements gms.FunctionExpression.
func (a *aggregate) FunctionName() string { return a.name }

// Description implements gms.FunctionExpression.
func (a *aggregate) Description() string { return "an aggregate function of numbers" }

// CollationCoercibility implements gms.CollationCoercible.
func (a *aggregate) CollationCoercibility(*gms.Context) (gms.CollationID, byte) {
	return gms.Collation_binary, 5
}

// WithChildren implements gms.Expression.
func (a *aggregate) WithChildren(ctx *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	e, err := a.Aggregation.WithChildren(ctx, children...)
	if err != nil {
		return nil, err
	}
	return &aggregate{e.(gms.Aggregation), a.name}, nil
}

// WithId implements gms.IdExpression.
func (a *aggregate) WithId(id gms.ColumnId) gms.IdExpression {
	return &aggregate{a.Aggregation.WithId(id).(gms.Aggregation), a.name}
}

// WithWindow implements gms.WindowAdaptableExpression.
func (a *aggregate) WithWindow(ctx *gms.Context, w *gms.WindowDefinition) gms.WindowAdaptableExpression {
	return &aggregate{a.Aggregation.WithWindow(ctx, w).(gms.Aggregation), a.name}
}

// NewBuffer implements gms.Aggregation.
func (a *aggregate) NewBuffer(ctx *gms.Context) (gms.AggregationBuffer, error) {
	t := a.decimal(ctx)
	if t == nil {
		return a.Aggregation.NewBuffer(ctx)
	}
	child := a.Children()[0].(*exact)
	return &sums{child: child, sum: aggregation.NewSumBuffer(child), t: t, average: a.name == "avg"}, nil
}

// NewWindowFunction implements gms.WindowAdaptableExpression.
func (a *aggregate) NewWindowFunction(ctx *gms.Context) (gms.WindowFunction, error) {
	w, err := a.Aggregation.NewWindowFunction(ctx)
	if err != nil {
		return nil, err
	}
	return &numberWindow{w, a.Children()[0], a.decimal(ctx)}, nil
}

// sums adds exact numbers up.
type sums struct {
	child   *exact
	small   int64 // of integers, not yet in sum
	sum     gms.AggregationBuffer
	n       int64
	t       gms.DecimalType
	average bool
}

// Update implements gms.AggregationBuffer.
func (s *sums) Update(ctx *gms.Context, row gms.Row) error {
	v, err := unrounded(ctx, s.child.Child, row)
	if err != nil || v == nil {
		return err
	}
	s.n++
	if n, ok := smallInteger(v); ok {
		next := s.small + n
		if (next > s.small) == (n > 0) {
			s.small = next
			return nil
		}
	}
	if v, err = s.child.decimal(ctx, v); err != nil {
		return err
	}
	s.add(ctx, v)
	return nil
}

func (s *sums) add(ctx *gms.Context, v any) {
	s.sum.(interface{ PerformSum(*gms.Context, any) }).PerformSum(ctx, v)
}

func smallInteger(v any) (int64, bool) {
	switch v := v.(type) {
	case int8:
		return int64(v), true
	case int16:
		return int64(v), true
	case int32:
		return int64(v), true
	case int64:
		return v, true
	case uint8:
		return int64(v), true
	case uint16:
		return int64(v), true
	case uint32:
		return int64(v), true
	}
	return 0, false
}

// Eval implements gms.AggregationBuffer.
func (s *sums) Eval(ctx *gms.Context) (any, error) {
	if s.n == 0 {
		return nil, nil
	}
	s.add(ctx, apd.New(s.small, 0))
	s.small = 0
	v, err := s.sum.Eval(ctx)
	if err != nil {
		return nil, err
	}
	if d, ok := v.(*apd.Decimal); ok && s.average {
		v = types.DecimalDiv(d, apd.New(s.n, 0), int32(s.t.Scale()), false)
	}
	return inDecimal(ctx, v, s.t)
}

// Dispose implements gms.Disposable.
func (s *sums) Dispose(ctx *gms.Context) { s.sum.Dispose(ctx) }

// inDecimal converts a number to a DECIMAL type.
func inDecimal(ctx *gms.Context, v any, t gms.DecimalType) (any, error) {
	out, _, err := t.Convert(ctx, v)
	if d, ok := out.(*apd.Decimal); ok && err == nil {
		if d.IsZero() {
			return apd.New(0, -int32(t.Scale())), nil
		}
		return types.DecimalDiv(d, apd.New(1, 0), int32(t.Scale()), false), nil // with all its decimals
	}
	return out, err
}

// numberWindow gives a window function's results MySQL's type, and NULL where a
// frame holds nothing else.
type numberWindow struct {
	gms.WindowFunction
	value gms.Expression
	t     gms.DecimalType // nil = DOUBLE
}

// Compute implements gms.WindowFunction.
func (w *numberWindow) Compute(ctx *gms.Context, in gms.WindowInterval, buf gms.WindowBuffer) (any, error) {
	some := false
	for i := in.Start; i < in.End && i < len(buf) && !some; i++ {
		v, err := w.value.Eval(ctx, buf[i])
		if err != nil {
			return nil, err
		}
		some = v != nil
	}
	if !some {
		return nil, nil
	}
	v, err := w.WindowFunction.Compute(ctx, in, buf)
	if err != nil || v == nil || w.t == nil {
		return v, err
	}
	return inDecimal(ctx, v, w.t)
}

// exact makes integers decimals, which go-mysql-server adds up without loss.
type exact struct{ expression.UnaryExpressionStub }

var (
	_ gms.Expression         = (*exact)(nil)
	_ gms.CollationCoercible = (*exact)(nil)
)

// Type implements gms.Expression.
func (e *exact) Type(ctx *gms.Context) gms.Type { return e.Child.Type(ctx) }

// String implements gms.Expression.
func (e *exact) String() string { return e.Child.String() }

// CollationCoercibility implements gms.CollationCoercible.
func (e *exact) CollationCoercibility(ctx *gms.Context) (gms.CollationID, byte) {
	return gms.GetCoercibility(ctx, e.Child)
}

// WithChildren implements gms.Expression.
func (e *exact) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) != 1 {
		return nil, gms.ErrInvalidChildrenNumber.New(e, len(children), 1)
	}
	return &exact{expression.UnaryExpressionStub{Child: children[0]}}, nil
}

// Eval implements gms.Expression.
func (e *exact) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	v, err := unrounded(ctx, e.Child, row)
	if err != nil || v == nil {
		return nil, err
	}
	return e.decimal(ctx, v)
}

// decimal makes a value of an integer type a decimal.
func (e *exact) decimal(ctx *gms.Context, v any) (any, error) {
	switch v.(type) {
	case float32, float64, string, []byte, *apd.Decimal:
		return v, nil
	}
	if precision, _ := exactDigits(e.Child.Type(ctx)); precision == 0 {
		return v, nil
	}
	switch v := v.(type) {
	case uint64:
		return types.DecimalFromUint64(v), nil
	case bool:
		if v {
			return apd.New(1, 0), nil
		}
		return apd.New(0, 0), nil
	}
	n, _, err := types.Int64.Convert(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("sum: %w", err)
	}
	return apd.New(n.(int64), 0), nil
}
