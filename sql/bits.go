package sql

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/sql/replstmt"
)

// bitFunctions are the operators on bits, see bitOperators: on 64 of them,
// without a sign. FROM_BASE64 gives NULL for what is no base 64.
var bitFunctions = []function{
	{name: "bit not", min: 1, max: 1, typ: types.Uint64, eval: ofBits(func(a []uint64) uint64 { return ^a[0] })},
	{name: "bit and", min: 2, max: 2, typ: types.Uint64, eval: ofBits(func(a []uint64) uint64 { return a[0] & a[1] })},
	{name: "bit or", min: 2, max: 2, typ: types.Uint64, eval: ofBits(func(a []uint64) uint64 { return a[0] | a[1] })},
	{name: "bit xor", min: 2, max: 2, typ: types.Uint64, eval: ofBits(func(a []uint64) uint64 { return a[0] ^ a[1] })},
	{name: "bit left", min: 2, max: 2, typ: types.Uint64, eval: ofBits(func(a []uint64) uint64 { return a[0] << a[1] })},
	{name: "bit right", min: 2, max: 2, typ: types.Uint64, eval: ofBits(func(a []uint64) uint64 { return a[0] >> a[1] })},
	{name: replstmt.IntervalCall, min: 2, max: 1 << 16, typ: types.Int64, eval: intervalOf},
	{name: "bin", min: 1, max: 1, typeOf: connectionText, eval: ofBase(2)}, {name: "oct", min: 1, max: 1, typeOf: connectionText, eval: ofBase(8)},
	{name: "from_base64", min: 1, max: 1, typ: types.LongBlob, eval: fromBase64},
}

// intervalOf is INTERVAL(n, a, b, …): how many of the numbers, which rise, are no
// greater than n.
func intervalOf(ctx *gms.Context, _ *Server, args []any) (any, error) {
	if args[0] == nil {
		return int64(-1), nil
	}
	n := toFloat(ctx, args[0])
	for i, a := range args[1:] {
		if a != nil && toFloat(ctx, a) > n {
			return int64(i), nil
		}
	}
	return int64(len(args) - 1), nil
}

func ofBits(f func(a []uint64) uint64) func(*gms.Context, *Server, []any) (any, error) {
	return func(ctx *gms.Context, _ *Server, args []any) (any, error) {
		if anyNull(args) {
			return nil, nil
		}
		bits := make([]uint64, len(args))
		for i, a := range args {
			bits[i] = toBits(ctx, a)
		}
		return f(bits), nil
	}
}

// ofBase spells the 64 bits of a number, without its fraction, in a base.
func ofBase(base int) func(*gms.Context, *Server, []any) (any, error) {
	return func(ctx *gms.Context, _ *Server, args []any) (any, error) {
		if anyNull(args) {
			return nil, nil
		}
		switch v := args[0].(type) {
		case string, []byte, float32, float64:
			return strconv.FormatUint(textBits(argText(v)), base), nil
		case *apd.Decimal:
			return strconv.FormatUint(textBits(v.Text('f')), base), nil
		}
		return strconv.FormatUint(toBits(ctx, args[0]), base), nil
	}
}

// connectionText is the type of a text in the connection's collation.
func connectionText(ctx *gms.Context, _ []gms.Expression) gms.Type {
	return types.CreateLongText(ctx.GetCollation())
}

// toBits reads 64 bits out of any value, a negative one in two's complement.
func toBits(ctx *gms.Context, v any) uint64 {
	switch v := v.(type) {
	case uint64:
		return v
	case int64:
		return uint64(v)
	case int8, int16, int32, uint8, uint16, uint32, int, uint, bool:
		n, _, _ := types.Int64.Convert(ctx, v) // every one of them fits
		return uint64(n.(int64))
	}
	f := math.Round(toFloat(ctx, v))
	switch {
	case f >= 1<<64:
		return math.MaxUint64
	case f >= 1<<63:
		return uint64(f)
	case f < -1<<63:
		return 1 << 63
	}
	return uint64(int64(f))
}

func fromBase64(_ *gms.Context, _ *Server, args []any) (any, error) {
	if args[0] == nil {
		return nil, nil
	}
	text := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n", r) {
			return -1
		}
		return r
	}, argText(args[0]))
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, nil
	}
	return b, nil
}
