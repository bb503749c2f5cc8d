package wire

import (
	"bytes"
	"math"
	"strconv"

	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
)

// floatDigits returns for each column how many significant digits its text has:
// 6 for FLOAT, 17 for DOUBLE, 0 for other types; nil if there is neither.
func floatDigits(fields []*querypb.Field) []int {
	var out []int
	for i, f := range fields {
		digits := 0
		switch f.Type {
		case sqltypes.Float32:
			digits = 6
		case sqltypes.Float64:
			digits = 17
		default:
			continue
		}
		if out == nil {
			out = make([]int, len(fields))
		}
		out[i] = digits
	}
	return out
}

// floatTexts gives the FLOAT and DOUBLE values of a row the text that MySQL
// prints, where the engine's differs.
func floatTexts(row []sqltypes.Value, digits []int) {
	for i, d := range digits {
		if d == 0 || row[i].IsNull() {
			continue
		}
		raw := row[i].Raw()
		if d == 17 && bytes.IndexByte(raw, 'e') < 0 || len(raw) <= 6 && bytes.IndexByte(raw, 'e') < 0 {
			continue
		}
		x, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
			continue
		}
		row[i] = sqltypes.MakeTrusted(row[i].Type(), appendFloat(nil, x, d))
	}
}

// maxPoint bounds the places before or after the point of a number that is
// printed without an exponent.
const maxPoint = 15

// appendFloat appends x as MySQL prints it: the shortest digits that give x back,
// at most digits of them, without an exponent where 10^-15 <= |x| < 10^15.
// Source: MySQL 8.0 manual, "Floating-Point Types"; the bounds were observed.
func appendFloat(dst []byte, x float64, digits int) []byte {
	precision := -1
	if digits < 17 {
		precision = digits - 1
	}
	var buf [32]byte
	text := strconv.AppendFloat(buf[:0], x, 'e', precision, 64)
	if text[0] == '-' {
		dst = append(dst, '-')
		text = text[1:]
	}
	e := bytes.IndexByte(text, 'e')
	exp, err := strconv.Atoi(string(text[e+1:]))
	if err != nil {
		panic(err) // strconv wrote it
	}
	mantissa := append(make([]byte, 0, 20), text[0])
	if e > 2 {
		mantissa = append(mantissa, text[2:e]...)
	}
	mantissa = bytes.TrimRight(mantissa, "0")
	if len(mantissa) == 0 {
		return append(dst, '0')
	}
	point := exp + 1 // digits before the point
	switch {
	case point > maxPoint || point <= -maxPoint:
		dst = append(dst, mantissa[0])
		if len(mantissa) > 1 {
			dst = append(append(dst, '.'), mantissa[1:]...)
		}
		return strconv.AppendInt(append(dst, 'e'), int64(exp), 10)
	case point <= 0:
		dst = append(dst, "0."...)
		dst = append(dst, "000000000000000"[:-point]...)
		return append(dst, mantissa...)
	case point >= len(mantissa):
		dst = append(dst, mantissa...)
		return append(dst, "000000000000000"[:point-len(mantissa)]...)
	}
	dst = append(append(dst, mantissa[:point]...), '.')
	return append(dst, mantissa[point:]...)
}
