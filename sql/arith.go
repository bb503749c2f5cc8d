package sql

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/vt/sqlparser"
)

// operators are the arithmetic operators as calls: go-mysql-server's wrap
// around, round, and know no number in a date.
var operators = map[string]string{
	sqlparser.PlusStr: "+", sqlparser.MinusStr: "-", sqlparser.MultStr: "*", sqlparser.DivStr: "/", sqlparser.IntDivStr: "DIV", sqlparser.ModStr: "%",
}

// operatorCall is the name of the call for an operator.
func operatorCall(op string) string { return "operator " + strings.ToLower(op) }

// operatorFunctions are what those calls call.
func operatorFunctions() map[string]gms.Function {
	out := make(map[string]gms.Function)
	for _, op := range operators {
		name := operatorCall(op)
		out[name] = gms.FunctionN{Name: name, Fn: func(_ *gms.Context, args ...gms.Expression) (gms.Expression, error) {
			if len(args) == 1 && op == "-" {
				args = []gms.Expression{expression.NewLiteral(int8(0), types.Int8), args[0]}
				return &arithmetic{op: op, left: args[0], right: args[1], negates: true}, nil
			}
			return &arithmetic{op: op, left: args[0], right: args[1]}, nil
		}}
	}
	out["mod"] = gms.FunctionN{Name: "mod", Fn: func(_ *gms.Context, args ...gms.Expression) (gms.Expression, error) {
		if len(args) != 2 {
			return nil, sqlError(1582, "42000", "Incorrect parameter count in the call to native function 'mod'")
		}
		return &arithmetic{op: "%", left: args[0], right: args[1]}, nil
	}}
	return out
}

// arithmetic is an operation on two numbers. Source: MySQL 8.0,
// sql/item_func.cc, Item_num_op and the classes made of it.
type arithmetic struct {
	op          string // + - * / DIV %
	left, right gms.Expression
	negates     bool // it is 0 - right, written as -right
}

var (
	_ gms.Expression         = (*arithmetic)(nil)
	_ gms.CollationCoercible = (*arithmetic)(nil)
)

// Resolved implements gms.Expression.
func (a *arithmetic) Resolved() bool { return a.left.Resolved() && a.right.Resolved() }

// String implements gms.Expression.
func (a *arithmetic) String() string {
	if a.negates {
		return "-" + a.right.String()
	}
	return "(" + a.left.String() + " " + a.op + " " + a.right.String() + ")"
}

// IsNullable implements gms.Expression.
func (a *arithmetic) IsNullable(ctx *gms.Context) bool {
	return a.op == "/" || a.op == "%" || a.op == "DIV" || a.left.IsNullable(ctx) || a.right.IsNullable(ctx)
}

// Children implements gms.Expression.
func (a *arithmetic) Children() []gms.Expression { return []gms.Expression{a.left, a.right} }

// WithChildren implements gms.Expression.
func (a *arithmetic) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) != 2 {
		return nil, gms.ErrInvalidChildrenNumber.New(a, len(children), 2)
	}
	return &arithmetic{a.op, children[0], children[1], a.negates}, nil
}

// CollationCoercibility implements gms.CollationCoercible.
func (a *arithmetic) CollationCoercibility(*gms.Context) (gms.CollationID, byte) {
	return gms.Collation_binary, 5
}

// operandKind is what an expression is as a number.
type operandKind struct {
	real     bool // DOUBLE
	exact    bool // DECIMAL, else an integer
	unsigned bool
	whole    int // digits before the point
	scale    int // digits behind it
}

// kindOf returns what an expression is as a number.
func kindOf(ctx *gms.Context, e gms.Expression) operandKind {
	t := e.Type(ctx)
	switch {
	case t == nil || t == types.Null:
		return operandKind{whole: 1}
	case types.IsDecimal(t):
		d := t.(gms.DecimalType)
		if l, ok := e.(*expression.Literal); ok { // a literal's type is wider than it
			if v, ok := l.Value().(*apd.Decimal); ok {
				scale := max(int(-v.Exponent), 0)
				return operandKind{exact: true, whole: max(int(v.NumDigits())-scale, 1), scale: scale}
			}
		}
		return operandKind{exact: true, whole: int(d.Precision()) - int(d.Scale()), scale: int(d.Scale())}
	case types.IsDateType(t):
		return operandKind{whole: 8}
	case types.IsTimespan(t), types.IsTime(t):
		if digits := fractionDigits(ctx, e); digits > 0 {
			return operandKind{exact: true, whole: 14, scale: digits}
		}
		return operandKind{whole: 14}
	case types.IsBit(t):
		return operandKind{unsigned: true, whole: 20}
	case types.IsYear(t):
		return operandKind{unsigned: true, whole: 4}
	case types.IsBoolean(t):
		return operandKind{whole: 1}
	}
	if whole, _ := exactDigits(t); whole > 0 {
		return operandKind{unsigned: types.IsUnsigned(t), whole: whole}
	}
	return operandKind{real: true}
}

// kind is what the operation's result is as a number.
func (a *arithmetic) kind(ctx *gms.Context) operandKind {
	l, r := kindOf(ctx, a.left), kindOf(ctx, a.right)
	switch {
	case a.op == "DIV":
		return operandKind{unsigned: l.unsigned || r.unsigned, whole: 20}
	case l.real || r.real:
		return operandKind{real: true}
	case a.op == "/":
		more := divisionDigits(ctx)
		scale := min(l.scale+more, 30)
		return operandKind{exact: true, whole: max(min(l.whole+l.scale+r.scale+more, 65)-scale, 1), scale: scale}
	case !l.exact && !r.exact:
		switch {
		case a.negates:
			return operandKind{whole: 20}
		case a.op == "%":
			return operandKind{unsigned: l.unsigned, whole: 20}
		case a.op == "-" && sessionHasMode(ctx, "NO_UNSIGNED_SUBTRACTION"):
			return operandKind{whole: 20}
		}
		return operandKind{unsigned: l.unsigned || r.unsigned, whole: 20}
	}
	out := operandKind{exact: true, scale: max(l.scale, r.scale), whole: max(l.whole, r.whole) + 1}
	switch {
	case a.negates:
		out.whole = r.whole
	case a.op == "*":
		out = operandKind{exact: true, scale: min(l.scale+r.scale, 30), whole: l.whole + r.whole}
	case a.op == "%":
		out.whole--
	}
	return out
}

func sessionHasMode(ctx *gms.Context, mode string) bool {
	s := sessionOf(ctx)
	return s != nil && s.hasMode(mode)
}

// typ is the type of a number.
func (n operandKind) typ() gms.Type {
	switch {
	case n.real:
		return types.Float64
	case n.exact:
		scale := min(n.scale, 30)
		return types.MustCreateDecimalType(uint8(max(min(n.whole+scale, 65), 1, scale)), uint8(scale))
	case n.unsigned:
		return types.Uint64
	}
	return types.Int64
}

// Type implements gms.Expression.
func (a *arithmetic) Type(ctx *gms.Context) gms.Type { return a.kind(ctx).typ() }

// Eval implements gms.Expression.
func (a *arithmetic) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	v, err := a.evaluate(ctx, row)
	d, ok := v.(*apd.Decimal)
	if !ok || err != nil {
		return v, err
	}
	scale := -int32(a.kind(ctx).scale)
	if d.Exponent == scale {
		return d, nil
	}
	out := new(apd.Decimal)
	if _, err := widest.Quantize(out, d, scale); err != nil {
		return nil, err
	}
	if out.IsZero() {
		out.Negative = false
	}
	return out, nil
}

// evaluate is Eval with more digits than the result has: those of a division
// count in what is made of it.
func (a *arithmetic) evaluate(ctx *gms.Context, row gms.Row) (any, error) {
	x, err := a.operand(ctx, a.left, row)
	if err != nil || x == nil {
		return nil, err
	}
	y, err := a.operand(ctx, a.right, row)
	if err != nil || y == nil {
		return nil, err
	}
	if p, ok := x.(int64); ok {
		if q, ok := y.(int64); ok {
			if v, ok := small(a.op, p, q); ok && !a.kind(ctx).unsigned {
				return v, nil
			}
		}
	}
	kind := a.kind(ctx)
	if kind.real {
		return a.floats(ctx, numberAsFloat(x), numberAsFloat(y))
	}
	f, isFloat := x.(float64)
	g, both := y.(float64)
	if a.op == "DIV" && (isFloat || both) {
		if !isFloat {
			f = numberAsFloat(x)
		}
		if !both {
			g = numberAsFloat(y)
		}
		if g == 0 {
			return a.byZero(ctx)
		}
		x, y = decimalOfFloat(f), decimalOfFloat(g)
	}
	return a.decimals(ctx, kind, numberAsDecimal(x), numberAsDecimal(y))
}

// small does what neither overflows nor divides.
func small(op string, a, b int64) (int64, bool) {
	const limit = 1 << 31
	if a >= limit || a <= -limit || b >= limit || b <= -limit {
		return 0, false
	}
	switch op {
	case "+":
		return a + b, true
	case "-":
		return a - b, true
	case "*":
		return a * b, true
	case "%":
		if b != 0 {
			return a % b, true
		}
	}
	return 0, false
}

// unrounded evaluates an expression, with all digits of a division.
func unrounded(ctx *gms.Context, e gms.Expression, row gms.Row) (any, error) {
	if a, ok := e.(*arithmetic); ok {
		return a.evaluate(ctx, row)
	}
	return e.Eval(ctx, row)
}

// operand evaluates to an int64, uint64, float64, *apd.Decimal or nil.
func (a *arithmetic) operand(ctx *gms.Context, e gms.Expression, row gms.Row) (any, error) {
	v, err := unrounded(ctx, e, row)
	if err != nil || v == nil {
		return nil, err
	}
	if v, err = gms.UnwrapAny(ctx, v); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case uint64:
		if !types.IsSet(e.Type(ctx)) {
			return v, nil
		}
		return float64(v), nil
	case float32:
		return float64(v), nil
	case float64, *apd.Decimal:
		return v, nil
	case bool:
		return int64(b2i(v)), nil
	case time.Time, types.Timespan:
		d, _, err := apd.NewFromString(temporalDigits(ctx, e, v))
		return d, err
	case string, []byte:
		if l, ok := e.(*expression.Literal); ok {
			if b, hex := l.Value().([]byte); hex && len(b) <= 8 {
				return new(big.Int).SetBytes(b).Uint64(), nil
			}
		}
		return textAsFloat(ctx, argText(v)), nil
	}
	if n, ok := smallInteger(v); ok {
		return n, nil
	}
	return textAsFloat(ctx, argText(v)), nil
}

// temporalDigits spells a date or time as the number that it is.
func temporalDigits(ctx *gms.Context, e gms.Expression, v any) string {
	text := timeDigitsOf(v, types.IsDateType(e.Type(ctx)))
	digits := fractionDigits(ctx, e)
	if i := strings.IndexByte(text, '.'); i >= 0 && digits == 0 {
		return text[:i]
	} else if i >= 0 {
		return text[:min(i+1+digits, len(text))]
	}
	return text
}

// textAsFloat reads the number that a text begins with, with a warning when more
// follows.
func textAsFloat(ctx *gms.Context, text string) float64 {
	f, rest := numberBefore(text)
	if rest {
		ctx.Warn(1292, "Truncated incorrect DOUBLE value: '%s'", text)
	}
	return f
}

func numberAsFloat(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	case *apd.Decimal:
		f, _ := v.Float64() // infinite at worst
		return f
	case float64:
		return v
	}
	return 0
}

func decimalOfFloat(f float64) *apd.Decimal {
	d, err := new(apd.Decimal).SetFloat64(f)
	if err != nil {
		return new(apd.Decimal)
	}
	return d
}

func numberAsDecimal(v any) *apd.Decimal {
	switch v := v.(type) {
	case int64:
		return apd.New(v, 0)
	case uint64:
		return types.DecimalFromUint64(v)
	case *apd.Decimal:
		return v
	case float64:
		return decimalOfFloat(v)
	}
	return new(apd.Decimal)
}

// byZero is the result of a division by zero.
func (a *arithmetic) byZero(ctx *gms.Context) (any, error) {
	ctx.Warn(1365, "Division by 0")
	return nil, nil
}

func (a *arithmetic) outOfRange(kind string) error {
	return sqlError(1690, "22003", "%s value is out of range in '%s'", kind, a.String())
}

func (a *arithmetic) floats(ctx *gms.Context, x, y float64) (any, error) {
	var f float64
	switch a.op {
	case "+":
		f = x + y
	case "-":
		f = x - y
		if a.negates {
			f = -y
		}
	case "*":
		f = x * y
	case "/":
		if y == 0 {
			return a.byZero(ctx)
		}
		f = x / y
	case "%":
		if y == 0 {
			return a.byZero(ctx)
		}
		f = math.Mod(x, y)
	}
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, a.outOfRange("DOUBLE")
	}
	return f, nil
}

// widest computes with more digits than two DECIMALs have together.
var widest = &apd.Context{Precision: 200, MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent, Rounding: apd.RoundHalfUp}

// cutting is widest, with what is behind the last digit cut off.
var cutting = &apd.Context{Precision: 200, MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent, Rounding: apd.RoundDown}

func (a *arithmetic) decimals(ctx *gms.Context, kind operandKind, x, y *apd.Decimal) (any, error) {
	d := new(apd.Decimal)
	var err error
	switch a.op {
	case "+":
		_, err = widest.Add(d, x, y)
	case "-":
		_, err = widest.Sub(d, x, y)
	case "*":
		_, err = widest.Mul(d, x, y)
	case "/", "DIV", "%":
		if y.IsZero() {
			return a.byZero(ctx)
		}
		switch a.op {
		case "%":
			_, err = widest.Rem(d, x, y)
		case "DIV":
			_, err = widest.QuoInteger(d, x, y)
		default:
			if _, err = cutting.Quo(d, x, y); err == nil {
				_, err = cutting.Quantize(d, d, -int32(quotientDigits(x, y, divisionDigits(ctx))))
			}
		}
	}
	if err != nil {
		return nil, err
	}
	if d.IsZero() {
		d.Negative = false
	}
	if !kind.exact {
		return a.integer(kind, d)
	}
	if d.NumDigits()+int64(d.Exponent) > 65 {
		return nil, a.outOfRange("DECIMAL")
	}
	return d, nil
}

// quotientDigits is how many digits a quotient has behind the point: those of
// both numbers and more, in groups of nine. Source: MySQL 8.0,
// strings/decimal.cc, do_div_mod.
func quotientDigits(x, y *apd.Decimal, more int) int {
	group := func(n int) int { return (n + 8) / 9 * 9 }
	a, b := max(int(-x.Exponent), 0), max(int(-y.Exponent), 0)
	more = max(more-(group(a)-a+group(b)-b), 0)
	return group(group(a) + group(b) + more)
}

// integer is a result that is one.
func (a *arithmetic) integer(kind operandKind, d *apd.Decimal) (any, error) {
	if kind.unsigned {
		if d.Negative {
			return nil, a.outOfRange("BIGINT UNSIGNED")
		}
		n, ok := new(big.Int).SetString(d.Text('f'), 10)
		if !ok || !n.IsUint64() {
			return nil, a.outOfRange("BIGINT UNSIGNED")
		}
		return n.Uint64(), nil
	}
	n, err := d.Int64()
	if err != nil {
		return nil, a.outOfRange("BIGINT")
	}
	return n, nil
}

// numberText is the number that a text begins with.
var numberText = regexp.MustCompile(`^[ \t\r\n]*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)[ \t\r\n]*`)

// numberBefore reads the number that a text begins with; rest tells that more
// follows, or that there is none.
func numberBefore(text string) (f float64, rest bool) {
	m := numberText.FindStringSubmatch(text)
	if m == nil {
		return 0, true
	}
	f, err := strconv.ParseFloat(m[1], 64)
	if err != nil && math.IsInf(f, 0) {
		f = math.Copysign(math.MaxFloat64, f)
	}
	return f, err != nil || len(m[0]) < len(text)
}
