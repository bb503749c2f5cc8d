package tables

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/sql/storage"
)

func (x *conversion) tooLong() error {
	if x.assigns && !x.strict {
		if x.to.Type == gomysql.MYSQL_TYPE_BIT {
			return x.outOfRange()
		}
		return x.truncated()
	}
	return x.problem(1406, "22001", "Data too long for column '%s' at row %d", x.to.Name, x.row)
}

// text converts to CHAR, VARCHAR, TEXT and their binary kinds.
func (x *conversion) text(v any) (any, error) {
	to := gms.CollationID(x.to.Collation)
	if to == gms.Collation_binary {
		b, err := x.bytes(v)
		if err != nil {
			return nil, err
		}
		if n := byteLimit(x.to); len(b) > n {
			return b[:n], x.cut()
		}
		return b, nil
	}
	s, err := x.plain(v)
	if err != nil {
		return nil, err
	}
	_, binary := v.([]byte)
	switch valid := utf8.ValidString(s); {
	case (binary || !valid) && x.assigns && to.CharacterSet().MaxLength() == 1:
		text, ok := to.CharacterSet().Encoder().Decode([]byte(s))
		if !ok {
			return "", x.badString([]byte(s))
		}
		s = string(text)
	case binary && !valid:
		return "", x.badString([]byte(s))
	}
	if bad := unmappable(s, to); bad != "" {
		return "", x.badString([]byte(bad))
	}
	if x.to.Type == blobColumn {
		if n := byteLimit(x.to); len(s) > n {
			return strings.ToValidUTF8(s[:n], ""), x.tooLong()
		}
		return s, nil
	}
	width := int(to.CharacterSet().MaxLength())
	if n := int(x.to.Meta) / width; utf8.RuneCountInString(s) > n {
		r := []rune(s)
		if strings.Trim(string(r[n:]), " ") == "" {
			if x.assigns && x.to.Type == gomysql.MYSQL_TYPE_VARCHAR {
				x.note()
			}
			return string(r[:n]), nil
		}
		return string(r[:n]), x.cut()
	}
	return s, nil
}

// cut reports a text that is too long: as MySQL, with another number where it
// copies between columns of one kind.
func (x *conversion) cut() error {
	if !x.assigns && x.from.Type == x.to.Type && x.from.Type != blobColumn && x.from.Collation == x.to.Collation {
		return x.truncated()
	}
	return x.tooLong()
}

func (x *conversion) badString(b []byte) error {
	var text strings.Builder
	for _, c := range b[:min(len(b), 6)] {
		if c >= 0x20 && c < 0x7f {
			text.WriteByte(c)
		} else {
			fmt.Fprintf(&text, "\\x%02X", c)
		}
	}
	if len(b) > 6 {
		text.WriteString("...")
	}
	return x.incorrect("string", text.String())
}

// unmappable returns the part of s from the first character that a character
// set lacks.
func unmappable(s string, c gms.CollationID) string {
	switch c.CharacterSet() {
	case gms.CharacterSet_utf8mb4:
		return ""
	}
	enc := c.CharacterSet().Encoder()
	if _, ok := EncodeText(enc, s); ok {
		return ""
	}
	for i, r := range s {
		if _, ok := EncodeText(enc, string(r)); !ok {
			return s[i:]
		}
	}
	return s
}

// byteLimit is how many bytes a column holds.
func byteLimit(c *storage.Column) int {
	if c.Type != blobColumn {
		return int(c.Meta)
	}
	return 1<<(8*c.Meta) - 1
}

// bytes returns what a value is as a binary string.
func (x *conversion) bytes(v any) ([]byte, error) {
	switch v := v.(type) {
	case []byte:
		if x.from.Type == gomysql.MYSQL_TYPE_STRING && x.to.Type != gomysql.MYSQL_TYPE_STRING {
			return v, nil
		}
		return []byte(strings.TrimRight(string(v), padding(x))), nil
	case string:
		enc, ok := EncodeText(gms.CollationID(x.from.Collation).CharacterSet().Encoder(), v)
		if !ok {
			return nil, x.badString([]byte(v))
		}
		return enc, nil
	}
	s, err := x.plain(v)
	return []byte(s), err
}

// padding is what is cut from the end of a value between two BINARY columns.
func padding(x *conversion) string {
	if x.from.Type == gomysql.MYSQL_TYPE_STRING && x.to.Type == gomysql.MYSQL_TYPE_STRING {
		return "\x00"
	}
	return ""
}

func textValue(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}

// plain returns a value as MySQL prints it.
func (x *conversion) plain(v any) (string, error) {
	switch v := v.(type) {
	case bool:
		if v {
			return "1", nil
		}
		return "0", nil
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	case float32:
		return floatText(float64(v), 32), nil
	case float64:
		return floatText(v, 64), nil
	case *apd.Decimal:
		return v.Text('f'), nil
	case time.Time:
		return x.timeText(v), nil
	case types.Timespan:
		return timespanText(v, int(x.from.Meta)), nil
	case uint16:
		if e, ok := x.fromType.(gms.EnumType); ok {
			s, _ := e.At(int(v))
			return s, nil
		}
	case uint64:
		if s, ok := x.fromType.(gms.SetType); ok {
			return s.BitsToString(v)
		}
		if x.from.Type == gomysql.MYSQL_TYPE_BIT {
			b := make([]byte, 0, 8)
			for i := (int(x.from.Meta) + 7) / 8; i > 0; i-- {
				b = append(b, byte(v>>(8*(i-1))))
			}
			return string(b), nil
		}
	case int16:
		if x.from.Type == gomysql.MYSQL_TYPE_YEAR {
			return fmt.Sprintf("%04d", v), nil
		}
	}
	return fmt.Sprint(v), nil
}

// floatText prints a number as MySQL does: without exponent between 1e-15 and
// 1e15.
func floatText(f float64, bits int) string {
	if a := math.Abs(f); f == 0 || a >= 1e-15 && a < 1e15 {
		return strconv.FormatFloat(f, 'f', -1, bits)
	}
	s := strconv.FormatFloat(f, 'e', -1, bits)
	mantissa, exp, _ := strings.Cut(s, "e")
	n, _ := strconv.Atoi(exp)
	return mantissa + "e" + strconv.Itoa(n)
}

// widerText is the TEXT type that a column becomes in another character set:
// it holds as many characters as before.
func widerText(c *storage.Column, from, to gms.CollationID) gms.Type {
	size := int64(byteLimit(c))
	if a, b := from.CharacterSet().MaxLength(), to.CharacterSet().MaxLength(); b > a {
		size = size / a * b
	}
	for _, n := range []int64{types.TinyTextBlobMax, types.TextBlobMax, types.MediumTextBlobMax} {
		if size <= n {
			return types.MustCreateString(textType, n, to)
		}
	}
	return types.MustCreateString(textType, types.LongTextBlobMax, to)
}
