package rowimage

import (
	"bytes"
	"strconv"
)

// maxPoint bounds the places before or after the point of a number that is
// printed without an exponent.
const maxPoint = 15

// AppendFloatText appends x as MySQL prints it: the shortest digits that give x
// back, at most digits of them (6 for FLOAT, 17 for DOUBLE), without an exponent
// where 10^-15 <= |x| < 10^15.
// Source: MySQL 8.0 manual, "Floating-Point Types"; the bounds were observed.
func AppendFloatText(dst []byte, x float64, digits int) []byte {
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
