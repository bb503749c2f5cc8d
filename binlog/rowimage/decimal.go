package rowimage

import (
	"fmt"
)

// A NEWDECIMAL(p,s) is stored as its p-s integer digits and its s fraction
// digits in groups of nine, four big-endian bytes each; the digits left over
// (at the front of the integer part, at the end of the fraction) take 0 to 4
// bytes by groupBytes. The top bit of the first byte is flipped, and all bits of
// a negative number: the bytes compare as the numbers do.
const groupDigits = 9

// groupBytes is how many bytes n digits take.
var groupBytes = [groupDigits + 1]int{0, 1, 1, 2, 2, 3, 3, 4, 4, 4}

var powersOf10 = [groupDigits + 1]uint32{1, 10, 100, 1000, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

const (
	maxDecimalDigits = 65
	maxDecimalBytes  = 32 // decimal(65,30) takes 30
)

func decimalSize(meta uint16) (precision, scale int) { return int(meta >> 8), int(meta & 0xff) }

func decimalBytes(precision, scale int) int {
	i := precision - scale
	return i/groupDigits*4 + groupBytes[i%groupDigits] + scale/groupDigits*4 + groupBytes[scale%groupDigits]
}

// AppendDecimalText appends a NEWDECIMAL value as text: "-12.340" with exactly
// scale digits after the point and no leading zeros. meta is Column.Meta. Bytes
// that are no decimal of that size give ErrCorrupt.
func AppendDecimalText(dst, b []byte, meta uint16) ([]byte, error) {
	precision, scale := decimalSize(meta)
	if precision > maxDecimalDigits || scale > precision || len(b) == 0 || len(b) != decimalBytes(precision, scale) {
		return dst, fmt.Errorf("%w: decimal(%d,%d) of %d bytes", ErrCorrupt, precision, scale, len(b))
	}
	var digits [maxDecimalDigits + groupDigits]byte
	neg, err := unpackDecimal(digits[:precision], b, precision-scale)
	if err != nil {
		return dst, err
	}
	if neg {
		dst = append(dst, '-')
	}
	i := 0
	for i < precision-scale-1 && digits[i] == 0 {
		i++
	}
	if precision == scale {
		dst = append(dst, '0')
	}
	for ; i < precision-scale; i++ {
		dst = append(dst, '0'+digits[i])
	}
	if scale > 0 {
		dst = append(dst, '.')
		for ; i < precision; i++ {
			dst = append(dst, '0'+digits[i])
		}
	}
	return dst, nil
}

// unpackDecimal fills digits (0 to 9 each), of which the first whole are the
// integer part, and returns the sign. Zero is never negative.
func unpackDecimal(digits, b []byte, whole int) (neg bool, err error) {
	var mask byte
	neg = b[0]&0x80 == 0
	if neg {
		mask = 0xff
	}
	pos, flip, zero := 0, byte(0x80), true
	group := func(n int) bool {
		var v uint32
		for range groupBytes[n] {
			v = v<<8 | uint32(b[0]^mask^flip)
			b, flip = b[1:], 0
		}
		if v >= powersOf10[n] {
			return false
		}
		zero = zero && v == 0
		for i := n - 1; i >= 0; i-- {
			digits[pos+i] = byte(v % 10)
			v /= 10
		}
		pos += n
		return true
	}
	ok := whole%groupDigits == 0 || group(whole%groupDigits)
	for ok && pos < whole {
		ok = group(groupDigits)
	}
	for ok && pos < len(digits) {
		ok = group(min(groupDigits, len(digits)-pos))
	}
	if !ok {
		return false, fmt.Errorf("%w: digit group of a decimal too great", ErrCorrupt)
	}
	return neg && !zero, nil
}

// packDecimal appends the stored form of the digits.
func packDecimal(dst, digits []byte, whole int, neg bool) []byte {
	start, pos := len(dst), 0
	group := func(n int) {
		var v uint32
		for _, d := range digits[pos : pos+n] {
			v = v*10 + uint32(d)
		}
		dst = appendBE(dst, uint64(v), groupBytes[n])
		pos += n
	}
	if r := whole % groupDigits; r != 0 {
		group(r)
	}
	for pos < whole {
		group(groupDigits)
	}
	for pos < len(digits) {
		group(min(groupDigits, len(digits)-pos))
	}
	if neg {
		for i := start; i < len(dst); i++ {
			dst[i] ^= 0xff
		}
	}
	dst[start] ^= 0x80
	return dst
}

// AppendDecimal appends the stored form of a decimal given as text ("-1.50",
// ".5", "1e3"), rounded half away from zero to the scale in meta. Minus zero
// becomes zero. exact is false when digits were rounded off. The error is
// ErrFormat or ErrRange.
func AppendDecimal(dst, text []byte, meta uint16) (out []byte, exact bool, err error) {
	precision, scale := decimalSize(meta)
	whole := precision - scale
	p, ok := parseDecimal(text)
	if !ok {
		return dst, false, ErrFormat
	}
	if p.n > 0 && p.point > whole {
		return dst, false, ErrRange
	}
	// One digit in front takes the carry.
	var digits [maxDecimalDigits + 1]byte
	for i := range precision {
		digits[1+i] = p.at(i - whole)
	}
	exact = p.n <= p.point+scale && !p.more
	if p.at(scale) >= 5 {
		i := precision
		for ; digits[i] == 9; i-- {
			digits[i] = 0
		}
		digits[i]++
		if digits[0] != 0 {
			return dst, false, ErrRange
		}
	}
	neg := false
	for _, d := range digits[1 : 1+precision] {
		neg = neg || p.neg && d != 0
	}
	return packDecimal(dst, digits[1:1+precision], whole, neg), exact, nil
}

// parsed is a decimal's significant digits, without leading zeros.
type parsed struct {
	digits [maxDecimalDigits + 40]byte
	n      int
	point  int // digits before the decimal point, negative for 0.00…
	neg    bool
	more   bool // non-zero digits beyond those kept
}

// at returns the digit at 10^-(k+1): at(0) is the first after the point.
func (p *parsed) at(k int) byte {
	if i := p.point + k; i >= 0 && i < p.n {
		return p.digits[i]
	}
	return 0
}

func parseDecimal(s []byte) (p parsed, ok bool) {
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		p.neg = s[0] == '-'
		s = s[1:]
	}
	seen, dot := false, false
	i := 0
scan:
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '.' && !dot:
			dot = true
		case c >= '0' && c <= '9':
			seen = true
			p.digit(c-'0', dot)
		default:
			break scan
		}
	}
	if !seen {
		return p, false
	}
	if i < len(s) {
		e, ok := parseExponent(s[i:])
		if !ok {
			return p, false
		}
		p.point += e
	}
	for p.n > 0 && p.digits[p.n-1] == 0 {
		p.n--
	}
	return p, true
}

func (p *parsed) digit(d byte, fraction bool) {
	switch {
	case p.n == 0 && d == 0: // leading zero
		if fraction {
			p.point--
		}
		return
	case p.n < len(p.digits):
		p.digits[p.n] = d
		p.n++
	default:
		p.more = p.more || d != 0
	}
	if !fraction {
		p.point++
	}
}

func parseExponent(s []byte) (int, bool) {
	if s[0] != 'e' && s[0] != 'E' {
		return 0, false
	}
	s = s[1:]
	neg := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg = s[0] == '-'
		s = s[1:]
	}
	e := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		e = min(e*10+int(c-'0'), 1<<20)
	}
	if neg {
		e = -e
	}
	return e, len(s) > 0
}
