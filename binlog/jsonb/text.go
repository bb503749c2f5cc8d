package jsonb

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"

	"binrelay/binlog/rowimage"
)

// AppendText appends the value as MySQL prints it: {"a": 1, "b": [1.0, "x"]}.
func (v Value) AppendText(dst []byte) []byte {
	switch v.Kind() {
	case Object:
		t, _ := v.table()
		dst = append(dst, '{')
		for i := range t.count {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(appendQuoted(dst, t.key(i)), ": "...)
			c, _ := t.value(i)
			dst = c.AppendText(dst)
		}
		return append(dst, '}')
	case Array:
		t, _ := v.table()
		dst = append(dst, '[')
		for i := range t.count {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			c, _ := t.value(i)
			dst = c.AppendText(dst)
		}
		return append(dst, ']')
	case String:
		return appendQuoted(dst, v.Bytes())
	case Date, Time, Datetime, Timestamp, Opaque:
		dst = append(dst, '"')
		return append(v.AppendPlain(dst), '"')
	}
	return v.AppendPlain(dst)
}

// AppendPlain is AppendText without the quotes and escapes of a string: what
// JSON_UNQUOTE returns.
func (v Value) AppendPlain(dst []byte) []byte {
	switch v.Kind() {
	case Null:
		return append(dst, "null"...)
	case Bool:
		return strconv.AppendBool(dst, v.Bool())
	case Int:
		return strconv.AppendInt(dst, v.Int(), 10)
	case Uint:
		return strconv.AppendUint(dst, v.Uint(), 10)
	case Double:
		return appendDouble(dst, v.Float())
	case String:
		return append(dst, v.Bytes()...)
	case Decimal:
		return v.appendDecimal(dst)
	case Date, Time, Datetime, Timestamp:
		return appendPacked(dst, v.Kind(), v.packed())
	case Opaque:
		dst = append(dst, "base64:type"...)
		dst = append(strconv.AppendUint(dst, uint64(v.OpaqueType()), 10), ':')
		return base64.StdEncoding.AppendEncode(dst, v.Bytes())
	}
	return v.AppendText(dst)
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends s as a JSON string.
func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i, c := range s {
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(dst, s[start:]...), '"')
}

// AppendQuoted appends s as a JSON string: what JSON_QUOTE returns.
func AppendQuoted(dst, s []byte) []byte { return appendQuoted(dst, s) }

// appendDouble marks whole numbers with ".0": they are no integers.
func appendDouble(dst []byte, f float64) []byte {
	start := len(dst)
	dst = rowimage.AppendFloatText(dst, f, 17)
	for _, c := range dst[start:] {
		if c == '.' || c == 'e' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

func checkOpaque(typ byte, b []byte) error {
	switch typ {
	case columnDecimal:
		var room [96]byte
		if len(b) < 3 {
			return corrupt("decimal of bytes", len(b))
		}
		if _, err := rowimage.AppendDecimalText(room[:0], b[2:], decimalMeta(b)); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	case columnDate, columnTime, columnDatetime, columnTimestamp:
		if len(b) != 8 {
			return corrupt("temporal value of bytes", len(b))
		}
	}
	return nil
}

func decimalMeta(b []byte) uint16 { return uint16(b[0])<<8 | uint16(b[1]) }

// appendDecimal appends a Decimal with the digits of its scale.
func (v Value) appendDecimal(dst []byte) []byte {
	b := v.Bytes()
	out, _ := rowimage.AppendDecimalText(dst, b[2:], decimalMeta(b))
	return out
}

// packed is the number of a temporal value.
func (v Value) packed() int64 { return int64(binary.LittleEndian.Uint64(v.Bytes())) }

// appendPacked prints MySQL's packed temporal number. From the low end:
// microseconds 24 bits, second 6, minute 6, hour (5, TIME 10), and for dates
// day 5, year*13+month. The sign is that of a TIME.
func appendPacked(dst []byte, k Kind, p int64) []byte {
	u := uint64(p)
	if p < 0 {
		u = -u
	}
	micro, second, minute := u&(1<<24-1), u>>24&63, u>>30&63
	if k == Time {
		if p < 0 {
			dst = append(dst, '-')
		}
		return fmt.Appendf(dst, "%02d:%02d:%02d.%06d", u>>36&1023, minute, second, micro)
	}
	hour, day, month := u>>36&31, u>>41&31, u>>46
	dst = fmt.Appendf(dst, "%04d-%02d-%02d", month/13, month%13, day)
	if k == Date {
		return dst
	}
	return fmt.Appendf(dst, " %02d:%02d:%02d.%06d", hour, minute, second, micro)
}
