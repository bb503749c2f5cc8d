package keycodec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/rowimage"
)

// appendNull writes NULL. A column that takes none cannot hold it, but a
// bound can: it sorts where the least value does.
func (p *part) appendNull(dst []byte) []byte {
	if p.nullable {
		dst = append(dst, nullMark)
	}
	return dst
}

func (p *part) appendMark(dst []byte) []byte {
	if p.nullable {
		dst = append(dst, valueMark)
	}
	return dst
}

// finish turns a part's bytes around when it is descending.
func (p *part) finish(b []byte) {
	if p.desc {
		for i := range b {
			b[i] ^= 0xff
		}
	}
}

// appendStored appends mark and value of a cell's value bytes.
func (e *Encoder) appendStored(dst []byte, p *part, v []byte) ([]byte, error) {
	if err := p.checkStored(v); err != nil {
		return dst, err
	}
	dst = p.appendMark(dst)
	switch p.form {
	case formInt:
		return appendInt(dst, rowimage.DecodeInt(v)), nil
	case formUint, formBits:
		return binary.BigEndian.AppendUint64(dst, rowimage.DecodeUint(v)), nil
	case formBit:
		return binary.BigEndian.AppendUint64(dst, rowimage.DecodeBit(v)), nil
	case formYear:
		return binary.BigEndian.AppendUint16(dst, uint16(rowimage.DecodeYear(v))), nil
	case formEnum:
		return binary.BigEndian.AppendUint16(dst, uint16(rowimage.DecodeUint(v))), nil
	case formFloat:
		if p.typ == mysql.MYSQL_TYPE_FLOAT {
			return appendFloat(dst, float64(rowimage.DecodeFloat(v))), nil
		}
		return appendFloat(dst, rowimage.DecodeDouble(v)), nil
	case formDecimal:
		return appendDecimal(dst, v), nil
	case formDate:
		return append(dst, v[2], v[1], v[0]), nil
	case formSorted:
		return append(dst, v...), nil
	case formBinary:
		return p.appendBinary(dst, v, true), nil
	}
	return e.appendText(dst, p, v)
}

// checkStored refuses bytes of a wrong length; cells of Cut always pass.
func (p *part) checkStored(v []byte) error {
	var want int
	switch p.form {
	case formBinary, formText, formDecimal:
		return nil
	case formInt, formUint:
		want = integerSize(p.typ)
	case formYear:
		want = 1
	case formEnum, formBits:
		want = int(p.meta)
	case formBit:
		want = int(p.meta+7) / 8
	case formFloat:
		want = 8
		if p.typ == mysql.MYSQL_TYPE_FLOAT {
			want = 4
		}
	case formDate:
		want = 3
	case formSorted:
		want = temporalBase(p.typ) + int(p.meta+1)/2
	}
	if len(v) != want {
		return fmt.Errorf("%w: %d bytes for a value of %d", rowimage.ErrCorrupt, len(v), want)
	}
	return nil
}

func integerSize(t byte) int {
	switch t {
	case mysql.MYSQL_TYPE_TINY:
		return 1
	case mysql.MYSQL_TYPE_SHORT:
		return 2
	case mysql.MYSQL_TYPE_INT24:
		return 3
	case mysql.MYSQL_TYPE_LONG:
		return 4
	}
	return 8
}

func temporalBase(t byte) int {
	switch t {
	case mysql.MYSQL_TYPE_TIME2:
		return 3
	case mysql.MYSQL_TYPE_TIMESTAMP2:
		return 4
	}
	return 5
}

func appendInt(dst []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(v)^1<<63)
}

func appendFloat(dst []byte, f float64) []byte {
	if f == 0 {
		f = 0 // minus zero
	}
	b := math.Float64bits(f)
	if b>>63 != 0 {
		b = ^b
	} else {
		b |= 1 << 63
	}
	return binary.BigEndian.AppendUint64(dst, b)
}

// appendDecimal copies a stored decimal; minus zero, 7f ff ff …, becomes zero.
func appendDecimal(dst, v []byte) []byte {
	if len(v) > 0 && v[0] == 0x7f && allOnes(v[1:]) {
		dst = append(dst, 0x80)
		for range v[1:] {
			dst = append(dst, 0)
		}
		return dst
	}
	return append(dst, v...)
}

func allOnes(b []byte) bool {
	for _, c := range b {
		if c != 0xff {
			return false
		}
	}
	return true
}

// appendBinary appends a byte string; fill adds the zero bytes that a BINARY
// image lacks.
func (p *part) appendBinary(dst, v []byte, fill bool) []byte {
	n := len(v)
	if fill {
		n = max(n, p.fill)
	}
	if p.prefix > 0 && n > p.prefix {
		n = p.prefix
		v = v[:min(n, len(v))]
	}
	start := len(dst)
	dst = append(dst, v...)
	for range n - len(v) {
		dst = append(dst, 0)
	}
	return escapeFrom(dst, start)
}

// appendText appends the weight of a character string.
func (e *Encoder) appendText(dst []byte, p *part, v []byte) ([]byte, error) {
	if p.prefix > 0 {
		v = v[:prefixLen(v, p.prefix, p.runes)]
	}
	if p.padSpace {
		v = bytes.TrimRight(v, " ")
	}
	start := len(dst)
	out, err := e.weigh(dst, p.coll, v)
	if err != nil {
		return dst, err
	}
	return escapeFrom(out, start), nil
}

// prefixLen is the length in bytes of the first n characters.
func prefixLen(s []byte, n int, runes bool) int {
	if len(s) <= n {
		return len(s)
	}
	if !runes {
		return n
	}
	pos := 0
	for ; n > 0 && pos < len(s); n-- {
		_, size := utf8.DecodeRune(s[pos:])
		pos += size
	}
	return pos
}

// escapeFrom escapes dst[start:] in place and ends it.
func escapeFrom(dst []byte, start int) []byte {
	zeros := bytes.Count(dst[start:], []byte{escape})
	if zeros > 0 {
		from := len(dst) - 1
		for range zeros {
			dst = append(dst, 0)
		}
		for to := len(dst) - 1; to > from; from-- {
			if dst[from] == escape {
				dst[to] = escapedNul
				to--
			}
			dst[to] = dst[from]
			to--
		}
	}
	return append(dst, escape, terminator)
}
