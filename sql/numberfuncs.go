package sql

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// numberFunctions are functions of numbers that go-mysql-server rounds, cuts or
// warns about otherwise.
var numberFunctions = []function{
	{name: "sign", min: 1, max: 1, typ: types.Int64, with: signOf},
	{name: "round", min: 1, max: 2, typeOf: roundedType, with: rounded(false)},
	{name: "truncate", min: 2, max: 2, typeOf: roundedType, with: rounded(true)},
	{name: "cast decimal", min: 3, max: 3, typeOf: castDecimalType, with: castDecimal},
	{name: "cast signed", min: 1, max: 1, typ: types.Int64, with: castInteger("SIGNED")},
	{name: "cast unsigned", min: 1, max: 1, typ: types.Uint64, with: castInteger("UNSIGNED")},
}

// number evaluates to an int64, uint64, float64, *apd.Decimal or nil.
func number(ctx *gms.Context, e gms.Expression, row gms.Row) (any, error) {
	return (&arithmetic{}).operand(ctx, e, row)
}

func signOf(ctx *gms.Context, args []gms.Expression, row gms.Row) (any, error) {
	v, err := number(ctx, args[0], row)
	if err != nil || v == nil {
		return nil, err
	}
	if f, ok := v.(float64); ok {
		switch {
		case f < 0:
			return int64(-1), nil
		case f > 0:
			return int64(1), nil
		}
		return int64(0), nil
	}
	return int64(numberAsDecimal(v).Sign()), nil
}

// places returns how many decimals ROUND and TRUNCATE leave, where that is the
// same for all rows.
func places(ctx *gms.Context, args []gms.Expression) (n int, constant bool) {
	if len(args) < 2 {
		return 0, true
	}
	if !isConstant(ctx, args[1]) {
		return 0, false
	}
	v, err := number(ctx, args[1], nil)
	if err != nil {
		return 0, false
	}
	return placesOf(v), true
}

// isConstant reports whether an expression has one value in all rows.
func isConstant(ctx *gms.Context, e gms.Expression) bool {
	switch e := e.(type) {
	case *expression.Literal:
		return true
	case *arithmetic:
		return isConstant(ctx, e.left) && isConstant(ctx, e.right)
	case *expression.UnaryMinus:
		return isConstant(ctx, e.Child)
	}
	return false
}

func placesOf(v any) int {
	f := min(max(numberAsFloat(v), -400), 400)
	return int(math.RoundToEven(f))
}

func roundedType(ctx *gms.Context, args []gms.Expression) gms.Type {
	k := kindOf(ctx, args[0])
	n, constant := places(ctx, args)
	switch {
	case !k.exact || k.real:
		return k.typ()
	case constant:
		k.whole, k.scale = k.whole+1, min(max(n, 0), 30)
	default:
		k.whole++
	}
	return k.typ()
}

// rounded returns ROUND or TRUNCATE. Source: MySQL 8.0, sql/item_func.cc,
// Item_func_round and my_double_round.
func rounded(cut bool) func(*gms.Context, []gms.Expression, gms.Row) (any, error) {
	return func(ctx *gms.Context, args []gms.Expression, row gms.Row) (any, error) {
		v, err := number(ctx, args[0], row)
		if err != nil || v == nil {
			return nil, err
		}
		n := 0
		if len(args) > 1 {
			p, err := number(ctx, args[1], row)
			if err != nil || p == nil {
				return nil, err
			}
			n = placesOf(p)
		}
		k := kindOf(ctx, args[0])
		if k.real {
			return roundedFloat(numberAsFloat(v), n, cut), nil
		}
		if !k.exact && n >= 0 {
			if k.unsigned {
				return (&arithmetic{}).integer(k, numberAsDecimal(v))
			}
			return v, nil
		}
		with := widest
		if cut {
			with = cutting
		}
		most := k.scale
		if _, constant := places(ctx, args); constant {
			most = 30
		}
		d := new(apd.Decimal)
		if _, err := with.Quantize(d, numberAsDecimal(v), -int32(min(n, most))); err != nil {
			return nil, err
		}
		if n < 0 {
			if _, err := widest.Quantize(d, d, 0); err != nil {
				return nil, err
			}
		}
		if d.IsZero() {
			d.Negative = false
		}
		if !k.exact {
			return (&arithmetic{op: "round", left: args[0], right: args[0]}).integer(k, d)
		}
		return d, nil
	}
}

func roundedFloat(f float64, n int, cut bool) float64 {
	unit := math.Pow(10, math.Abs(float64(n)))
	scaled := f * unit
	if n < 0 {
		scaled = f / unit
	}
	switch {
	case n >= 0 && (math.IsInf(unit, 0) || math.IsInf(scaled, 0)):
		return f
	case math.IsInf(unit, 0):
		return 0
	case cut:
		scaled = math.Trunc(scaled)
	default:
		scaled = math.RoundToEven(scaled)
	}
	if n < 0 {
		return scaled * unit
	}
	return scaled / unit
}

func castDecimalType(_ *gms.Context, args []gms.Expression) gms.Type {
	digits := func(e gms.Expression) int {
		l, ok := e.(*expression.Literal)
		if !ok {
			return 0
		}
		n, _ := strconv.Atoi(argText(l.Value())) // a number: the parser's
		return n
	}
	precision, scale := digits(args[1]), digits(args[2])
	if precision == 0 {
		precision = 10
	}
	t, err := types.CreateDecimalType(uint8(min(precision, 65)), uint8(min(scale, 30, precision)))
	if err != nil {
		return types.MustCreateDecimalType(10, 0)
	}
	return t
}

// castDecimal is CAST(x AS DECIMAL(precision, scale)): the largest value stands
// for all that are larger.
func castDecimal(ctx *gms.Context, args []gms.Expression, row gms.Row) (any, error) {
	t := castDecimalType(ctx, args).(gms.DecimalType)
	if types.IsJSON(args[0].Type(ctx)) {
		v, err := args[0].Eval(ctx, row)
		if err == nil && v != nil {
			v, err = inDecimal(ctx, v, t)
		}
		return v, err
	}
	d, err := exactly(ctx, args[0], row)
	if err != nil || d == nil {
		return nil, err
	}
	out := new(apd.Decimal)
	if d.NumDigits()+int64(d.Exponent) <= 100 {
		if _, err := widest.Quantize(out, d, -int32(t.Scale())); err != nil {
			return nil, err
		}
	}
	if d.NumDigits()+int64(d.Exponent) > 100 || out.NumDigits() > int64(t.Precision()) && !out.IsZero() {
		ctx.Warn(1264, "Out of range value for column 'cast(%s as decimal(%d,%d))' at row 1", args[0], t.Precision(), t.Scale())
		most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Precision())), nil)
		out, _, err = apd.NewFromString(most.Sub(most, big.NewInt(1)).String() + "e-" + strconv.Itoa(int(t.Scale())))
		if err != nil {
			return nil, err
		}
		out.Negative = d.Negative
	}
	if out.IsZero() {
		out.Negative = false
	}
	return out, nil
}

// exactly evaluates to an exact number that is the caller's, nil for NULL.
func exactly(ctx *gms.Context, e gms.Expression, row gms.Row) (*apd.Decimal, error) {
	v, err := unrounded(ctx, e, row)
	if err != nil || v == nil {
		return nil, err
	}
	if v, err = gms.UnwrapAny(ctx, v); err != nil {
		return nil, err
	}
	if text, ok := decimalText(e, v); ok {
		d, rest := decimalBefore(text)
		if rest {
			ctx.Warn(1292, "Truncated incorrect DECIMAL value: '%s'", text)
		}
		return d, nil
	}
	if v, err = number(ctx, e, row); err != nil {
		return nil, err
	}
	return new(apd.Decimal).Set(numberAsDecimal(v)), nil
}

// decimalText is the text that is read as a DECIMAL; a literal of bytes is a
// number.
func decimalText(e gms.Expression, v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case []byte:
		_, hex := e.(*expression.Literal)
		return string(v), !hex
	}
	return "", false
}

// decimalBefore reads the exact number that a text begins with; rest tells that
// more follows, or that there is none.
func decimalBefore(text string) (d *apd.Decimal, rest bool) {
	m := numberText.FindStringSubmatch(text)
	if m == nil {
		return new(apd.Decimal), true
	}
	d, _, err := apd.NewFromString(m[1])
	if err != nil || d.Form != apd.Finite {
		return new(apd.Decimal), true
	}
	return d, len(m[0]) < len(text)
}

// integerText is the integer that a text begins with.
var integerText = regexp.MustCompile(`^[ \t\r\n\v\f]*([-+]?)0*(\d*)`)

// castInteger returns CAST(x AS SIGNED) or CAST(x AS UNSIGNED). Source: MySQL
// 8.0, sql/item_func.cc, Item_typecast_signed.
func castInteger(to string) func(*gms.Context, []gms.Expression, gms.Row) (any, error) {
	result := func(bits uint64) any {
		if to == "SIGNED" {
			return int64(bits)
		}
		return bits
	}
	return func(ctx *gms.Context, args []gms.Expression, row gms.Row) (any, error) {
		v, err := args[0].Eval(ctx, row)
		if err != nil || v == nil {
			return nil, err
		}
		if v, err = gms.UnwrapAny(ctx, v); err != nil {
			return nil, err
		}
		if text, ok := decimalText(args[0], v); ok {
			return result(textAsInteger(ctx, text, to)), nil
		}
		if types.IsJSON(args[0].Type(ctx)) {
			n, _, err := map[string]gms.Type{"SIGNED": types.Int64, "UNSIGNED": types.Uint64}[to].Convert(ctx, v)
			return n, err
		}
		n, err := number(ctx, args[0], row)
		if err != nil {
			return nil, err
		}
		switch n := n.(type) {
		case int64:
			return result(uint64(n)), nil
		case uint64:
			return result(n), nil
		case float64:
			n = math.RoundToEven(n)
			switch {
			case n < math.MinInt64:
				return result(1 << 63), nil
			case n < 0:
				return result(uint64(int64(n))), nil
			case to == "SIGNED" && n >= math.MaxInt64:
				return int64(math.MaxInt64), nil
			case n >= math.MaxUint64:
				return result(math.MaxUint64), nil
			}
			return result(uint64(n)), nil
		}
		d := new(apd.Decimal)
		if _, err := widest.Quantize(d, numberAsDecimal(n), 0); err != nil {
			return nil, err
		}
		i, ok := new(big.Int).SetString(d.Text('f'), 10)
		low, high := big.NewInt(math.MinInt64), big.NewInt(math.MaxInt64)
		if to == "UNSIGNED" {
			high.SetUint64(math.MaxUint64)
		}
		if !ok || i.Cmp(low) < 0 || i.Cmp(high) > 0 {
			ctx.Warn(1292, "Truncated incorrect DECIMAL value: '%s'", numberAsDecimal(n).Text('f'))
			if i = high; d.Negative {
				i = low
			}
		}
		if i.Sign() < 0 {
			return result(uint64(i.Int64())), nil
		}
		return result(i.Uint64()), nil
	}
}

// textBits reads the integer that a text begins with, as 64 bits.
func textBits(text string) uint64 {
	m := integerText.FindStringSubmatch(text)
	n, _ := strconv.ParseUint(m[2], 10, 64) // the largest for one that is larger
	if m[1] == "-" {
		return -min(n, 1<<63)
	}
	return n
}

// textAsInteger is textBits, with warnings.
func textAsInteger(ctx *gms.Context, text, to string) uint64 {
	m := integerText.FindStringSubmatch(text)
	n, err := strconv.ParseUint(m[2], 10, 64)
	digits := m[2] != "" || strings.HasSuffix(m[0], "0")
	cut := !digits || strings.TrimRight(text[len(m[0]):], " ") != ""
	limit := uint64(math.MaxUint64)
	if m[1] == "-" {
		limit = 1 << 63
	}
	if digits && m[2] != "" && err != nil || n > limit {
		n, cut = limit, true
	}
	if cut {
		ctx.Warn(1292, "Truncated incorrect INTEGER value: '%s'", text)
	}
	if m[1] == "-" {
		if to == "UNSIGNED" && n > 0 {
			ctx.Warn(1105, "Cast to unsigned converted negative integer to its positive complement")
		}
		return -n
	}
	if to == "SIGNED" && n > math.MaxInt64 {
		ctx.Warn(1105, "Cast to signed converted positive out-of-range integer to its negative complement")
	}
	return n
}
