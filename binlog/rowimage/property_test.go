package rowimage_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/jsonb"
	"binrelay/binlog/rowimage"
)

// generator makes random values of one random column.
type generator struct {
	col  rowimage.Column
	next func(r *rand.Rand) value
}

// edge returns a number of that many bits, often one at an end of the range.
func edge(r *rand.Rand, bits int) uint64 {
	all := uint64(1)<<bits - 1
	if bits == 64 {
		all = math.MaxUint64
	}
	switch r.IntN(6) {
	case 0:
		return 0
	case 1:
		return all
	case 2:
		return 1 << (bits - 1)
	case 3:
		return 1<<(bits-1) - 1
	}
	return r.Uint64() & all >> r.IntN(bits)
}

func integers(t byte, bits int) func(r *rand.Rand) generator {
	return func(r *rand.Rand) generator {
		c := col(t, 0)
		c.Unsigned = r.IntN(2) == 0
		return generator{c, func(r *rand.Rand) value {
			v := edge(r, bits)
			if c.Unsigned {
				return u(v)
			}
			return i(int64(v<<(64-bits)) >> (64 - bits))
		}}
	}
}

func decimals(r *rand.Rand) generator {
	p := 1 + r.IntN(65)
	s := r.IntN(min(p, 30) + 1)
	if r.IntN(4) == 0 {
		p, s = 65, 30
	}
	return generator{col(gomysql.MYSQL_TYPE_NEWDECIMAL, uint16(p<<8|s)), func(r *rand.Rand) value {
		digits := func(n int) string {
			b := make([]byte, n)
			for k := range b {
				b[k] = byte('0' + [...]int{0, 9, r.IntN(10)}[r.IntN(3)])
			}
			return string(b)
		}
		whole, fraction, sign := strings.TrimLeft(digits(p-s), "0"), digits(s), ""
		if whole == "" {
			whole = "0"
		}
		want := whole
		if s > 0 {
			want += "." + fraction
		}
		if x, _ := new(big.Rat).SetString(want); x.Sign() != 0 && r.IntN(2) == 0 {
			sign = "-"
		}
		return dec(sign+want, sign+want)
	}}
}

func reals(r *rand.Rand) generator {
	if r.IntN(2) == 0 {
		return generator{col(gomysql.MYSQL_TYPE_FLOAT, 4), func(r *rand.Rand) value {
			v := float32(math.Ldexp(r.Float64()-0.5, r.IntN(250)-125))
			return value{f(float64(v)).put, fmt.Sprint(v)}
		}}
	}
	return generator{col(gomysql.MYSQL_TYPE_DOUBLE, 8), func(r *rand.Rand) value {
		return f([]float64{math.MaxFloat64, math.SmallestNonzeroFloat64, 0, math.Ldexp(r.Float64()-0.5, r.IntN(2000)-1000)}[r.IntN(4)])
	}}
}

// cut keeps fsp digits of microseconds.
func cut(micro int, fsp uint16) int {
	unit := int(math.Pow10(6 - int(fsp)))
	return micro / unit * unit
}

func fraction(micro int) string {
	if micro == 0 {
		return ""
	}
	return "." + strings.TrimRight(fmt.Sprintf("%06d", micro), "0")
}

func dates(r *rand.Rand) generator {
	fsp := uint16(r.IntN(7))
	t, meta := byte(gomysql.MYSQL_TYPE_DATETIME2), fsp
	if r.IntN(2) == 0 {
		t, meta = gomysql.MYSQL_TYPE_DATE, 0
	}
	return generator{col(t, meta), func(r *rand.Rand) value {
		y, mo, d := []int{0, 1, 1000, 9999, r.IntN(10000)}[r.IntN(5)], r.IntN(13), r.IntN(32)
		h, mi, s, us := []int{0, 23, r.IntN(24)}[r.IntN(3)], r.IntN(60), r.IntN(60), cut([]int{0, 999999, r.IntN(1000000)}[r.IntN(3)], fsp)
		if r.IntN(5) == 0 {
			y, mo, d, h, mi, s, us = 0, 0, 0, 0, 0, 0, 0
		}
		want := fmt.Sprintf("%04d-%02d-%02d", y, mo, d)
		if t == gomysql.MYSQL_TYPE_DATE {
			return dt(y, mo, d, 0, 0, 0, 0, want)
		}
		return dt(y, mo, d, h, mi, s, uint32(us), want+fmt.Sprintf(" %02d:%02d:%02d", h, mi, s)+fraction(us))
	}}
}

func times(r *rand.Rand) generator {
	fsp := uint16(r.IntN(7))
	return generator{col(gomysql.MYSQL_TYPE_TIME2, fsp), func(r *rand.Rand) value {
		us := cut([]int{0, 1_000_000, rowimage.MaxTime, r.IntN(rowimage.MaxTime), r.IntN(2_000_000)}[r.IntN(5)], fsp)
		s := us / 1_000_000
		want := fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60) + fraction(us%1_000_000)
		if us != 0 && r.IntN(2) == 0 {
			return tm(int64(-us), "-"+want)
		}
		return tm(int64(us), want)
	}}
}

var runes = []rune("aAzZ 0\x00äß中文𝄞😀é")

func randomText(r *rand.Rand, n int) string {
	var b strings.Builder
	for range r.IntN(n + 1) {
		b.WriteRune(runes[r.IntN(len(runes))])
	}
	return b.String()
}

func strs(r *rand.Rand) generator {
	n := []int{0, 1, 10, 63, 64, 255}[r.IntN(6)]
	c := text(gomysql.MYSQL_TYPE_STRING, uint16(4*n), 45)
	length := n
	switch r.IntN(5) {
	case 0:
		n = []int{0, 63, 64, 16383}[r.IntN(4)]
		length = n
		c = text(gomysql.MYSQL_TYPE_VARCHAR, uint16(4*n), 255)
	case 1:
		n = 1 + r.IntN(4)
		length = []int{63, 16383, 20000, 20000}[n-1]
		c = text(gomysql.MYSQL_TYPE_BLOB, uint16(n), 46)
	}
	if r.IntN(20) != 0 {
		length = min(length, 20)
	}
	return generator{c, func(r *rand.Rand) value {
		s := randomText(r, length)
		if c.Type == gomysql.MYSQL_TYPE_STRING {
			return str(s, strings.TrimRight(s, " "))
		}
		return str(s, s)
	}}
}

func binaries(r *rand.Rand) generator {
	n := []uint16{1, 16, 255}[r.IntN(3)]
	c := text(gomysql.MYSQL_TYPE_STRING, n, 63)
	if r.IntN(2) == 0 {
		n = []uint16{255, 256, 65535}[r.IntN(3)]
		c = text(gomysql.MYSQL_TYPE_VARCHAR, n, 63)
	}
	return generator{c, func(r *rand.Rand) value {
		b := make([]byte, r.IntN(int(n)+1))
		for k := range b {
			b[k] = byte(r.Uint32())
		}
		want := string(b)
		if c.Type == gomysql.MYSQL_TYPE_STRING {
			want = strings.TrimRight(want, "\x00")
		}
		return str(string(b), want)
	}}
}

func lists(r *rand.Rand) generator {
	n := []int{1, 2, 255, 256, 1000}[r.IntN(5)]
	if r.IntN(2) == 0 {
		size := uint16(1)
		if n > 255 {
			size = 2
		}
		return generator{members(gomysql.MYSQL_TYPE_ENUM, size, n), func(r *rand.Rand) value {
			return i(int64([]int{1, n, 1 + r.IntN(n)}[r.IntN(3)]))
		}}
	}
	n = []int{1, 8, 9, 24, 32, 33, 64}[r.IntN(7)]
	size := uint16(n+7) / 8
	if size > 4 {
		size = 8
	}
	return generator{members(gomysql.MYSQL_TYPE_SET, size, n), func(r *rand.Rand) value {
		v := edge(r, n)
		return value{u(v).put, fmt.Sprint(int64(v))}
	}}
}

func bits(r *rand.Rand) generator {
	n := []int{1, 8, 9, 63, 64, 1 + r.IntN(64)}[r.IntN(6)]
	return generator{col(gomysql.MYSQL_TYPE_BIT, uint16(n)), func(r *rand.Rand) value {
		v := edge(r, n)
		return value{u(v).put, fmt.Sprint(int64(v))}
	}}
}

func documents(*rand.Rand) generator {
	return generator{col(gomysql.MYSQL_TYPE_JSON, 4), func(r *rand.Rand) value {
		text, err := json.Marshal(document(r, 3))
		if err != nil {
			panic(err)
		}
		doc, err := jsonb.FromText(nil, text)
		if err != nil {
			panic(err)
		}
		return str(string(doc), string(text))
	}}
}

func document(r *rand.Rand, depth int) any {
	switch r.IntN(8 - 2*b2i(depth == 0)) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return r.Int64() >> r.IntN(64)
	case 3:
		return -r.Int64() >> r.IntN(64)
	case 4:
		return math.Ldexp(r.Float64(), r.IntN(100)-50)
	case 5:
		return randomText(r, 6)
	case 6:
		out := []any{}
		for range r.IntN(4) {
			out = append(out, document(r, depth-1))
		}
		return out
	}
	out := map[string]any{}
	for range r.IntN(4) {
		out[randomText(r, 3)] = document(r, depth-1)
	}
	return out
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

var generators = []func(*rand.Rand) generator{
	integers(gomysql.MYSQL_TYPE_TINY, 8), integers(gomysql.MYSQL_TYPE_SHORT, 16), integers(gomysql.MYSQL_TYPE_INT24, 24),
	integers(gomysql.MYSQL_TYPE_LONG, 32), integers(gomysql.MYSQL_TYPE_LONGLONG, 64),
	decimals, reals, dates, times, strs, binaries, lists, bits, documents,
	func(*rand.Rand) generator {
		return generator{col(gomysql.MYSQL_TYPE_YEAR, 0), func(r *rand.Rand) value { return i([]int64{0, 1901, 2155, 2000}[r.IntN(4)]) }}
	},
	func(r *rand.Rand) generator {
		fsp := uint16(r.IntN(7))
		return generator{col(gomysql.MYSQL_TYPE_TIMESTAMP2, fsp), func(r *rand.Rand) value {
			us := cut(r.IntN(1_000_000), fsp)
			return ts(1700000000, uint32(us), "2023-11-14 22:13:20"+fraction(us))
		}}
	},
}

// plainFraction drops the zeros that go-mysql leaves at the end of seconds.
func plainFraction(s string) string {
	if strings.Contains(s, ":") && strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// ours decodes a value with this package and prints it as go-mysql would.
func ours(c *rowimage.Column, b []byte) string {
	switch c.Type {
	case gomysql.MYSQL_TYPE_TINY, gomysql.MYSQL_TYPE_SHORT, gomysql.MYSQL_TYPE_INT24, gomysql.MYSQL_TYPE_LONG, gomysql.MYSQL_TYPE_LONGLONG:
		if c.Unsigned {
			return fmt.Sprint(rowimage.DecodeUint(b))
		}
		return fmt.Sprint(rowimage.DecodeInt(b))
	case gomysql.MYSQL_TYPE_NEWDECIMAL:
		text, err := rowimage.AppendDecimalText(nil, b, c.Meta)
		if err != nil {
			return err.Error()
		}
		return string(text)
	case gomysql.MYSQL_TYPE_FLOAT:
		return fmt.Sprint(rowimage.DecodeFloat(b))
	case gomysql.MYSQL_TYPE_DOUBLE:
		return fmt.Sprint(rowimage.DecodeDouble(b))
	case gomysql.MYSQL_TYPE_DATE:
		return strings.TrimSuffix(rowimage.DecodeDate(b).String(), " 00:00:00")
	case gomysql.MYSQL_TYPE_DATETIME2:
		return plainFraction(rowimage.DecodeDatetime(b, c.Meta).String())
	case gomysql.MYSQL_TYPE_TIMESTAMP2:
		sec, us := rowimage.DecodeTimestamp(b, c.Meta)
		if sec != 1700000000 {
			return fmt.Sprint(sec)
		}
		return "2023-11-14 22:13:20" + fraction(int(us))
	case gomysql.MYSQL_TYPE_TIME2:
		us, sign := rowimage.DecodeTime(b, c.Meta), ""
		if us < 0 {
			us, sign = -us, "-"
		}
		s := us / 1_000_000
		return sign + fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60) + fraction(int(us%1_000_000))
	case gomysql.MYSQL_TYPE_YEAR:
		return strconv.Itoa(rowimage.DecodeYear(b))
	case gomysql.MYSQL_TYPE_BIT:
		return fmt.Sprint(int64(rowimage.DecodeBit(b)))
	case gomysql.MYSQL_TYPE_ENUM, gomysql.MYSQL_TYPE_SET:
		return fmt.Sprint(int64(rowimage.DecodeUint(b)))
	case gomysql.MYSQL_TYPE_JSON:
		v, err := jsonb.Open(b)
		if err != nil {
			return err.Error()
		}
		return string(v.AppendText(nil))
	}
	return string(b)
}

func sameText(c *rowimage.Column, a, b string) bool {
	if c.Type != gomysql.MYSQL_TYPE_JSON {
		return plainFraction(a) == plainFraction(b) || c.Type == gomysql.MYSQL_TYPE_VARCHAR && a == b
	}
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

// Random tables of up to 1,000 columns with random rows, a tenth of the values
// NULL: go-mysql and we read what was put in.
func TestProperty_RandomTables(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	for round := range 120 {
		columns := 1 + r.IntN(20)
		if round == 0 {
			columns = 1000
		}
		gens := make([]generator, columns)
		cols := make([]rowimage.Column, columns)
		for k := range gens {
			gens[k] = generators[r.IntN(len(generators))](r)
			gens[k].col.Name = fmt.Sprintf("c%d", k)
			cols[k] = gens[k].col
		}
		l := layout(t, cols...)
		b := rowimage.NewBuilder(l)
		var images [][]byte
		var want [][]string
		for range 1 + r.IntN(5) {
			b.Reset()
			texts := make([]string, columns)
			for k := range gens {
				v := gens[k].next(r)
				if r.IntN(10) == 0 {
					v = null()
				}
				if err := v.put(b); err != nil {
					t.Fatalf("type %d meta %d %.60q: %v", cols[k].Type, cols[k].Meta, v.want, err)
				}
				texts[k] = v.want
			}
			image, err := b.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			images, want = append(images, bytes.Clone(image)), append(want, texts)
		}
		theirs := judge(t, l, images...)
		var cells []rowimage.Cell
		for n, image := range images {
			var err error
			if cells, err = l.Cut(image, cells); err != nil {
				t.Fatal(err)
			}
			for k := range cols {
				got := "<nil>"
				if !cells[k].Null() {
					got = ours(&cols[k], cells[k].Value(image))
				}
				parsed := printed(theirs.Rows[n][k])
				if w := want[n][k]; w == "<nil>" && (got != w || parsed != w) || w != "<nil>" && (!sameText(&cols[k], got, w) || !sameText(&cols[k], parsed, w)) {
					t.Errorf("type %d meta %d: put %.80q, we read %.80q, go-mysql %.80q", cols[k].Type, cols[k].Meta, w, got, parsed)
				}
			}
		}
	}
}
