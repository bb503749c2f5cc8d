package keycodec_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/rowimage"
	"binrelay/sql/storage/keycodec"
)

// weigh is a stand-in collation: ASCII case does not count, and each rune
// weighs four bytes, with zeros to be escaped.
func weigh(dst []byte, _ uint16, s []byte) ([]byte, error) {
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		if r >= 'a' && r <= 'z' {
			r -= 32
		}
		dst = append(dst, byte(r>>24), byte(r>>16), byte(r>>8), byte(r))
		s = s[n:]
	}
	return dst, nil
}

func compareFolded(a, b string) int {
	x, y := []rune(strings.ToUpper(a)), []rune(strings.ToUpper(b))
	for i := 0; i < len(x) && i < len(y); i++ {
		if x[i] != y[i] {
			return cmp.Compare(x[i], y[i])
		}
	}
	return cmp.Compare(len(x), len(y))
}

// kindOf is one type with random values: put stores v, bound makes the Value,
// compare is the logical order.
type kindOf struct {
	name    string
	col     rowimage.Column
	prefix  int
	random  func(r *rand.Rand) any
	put     func(b *rowimage.Builder, v any) error
	bound   func(v any) keycodec.Value
	compare func(a, b any) int
}

func ordered[T cmp.Ordered](a, b any) int { return cmp.Compare(a.(T), b.(T)) }

func pick[T any](r *rand.Rand, vs ...T) T { return vs[r.IntN(len(vs))] }

func intKind(name string, t byte, bits int) kindOf {
	return kindOf{name: name, col: rowimage.Column{Type: t},
		random: func(r *rand.Rand) any {
			v := int64(r.Uint64()) >> (64 - bits)
			return pick(r, v, -1, 0, 1, v>>(r.IntN(bits)), -1<<(bits-1), 1<<(bits-1)-1)
		},
		put:     func(b *rowimage.Builder, v any) error { return b.AppendInt(v.(int64)) },
		bound:   func(v any) keycodec.Value { return keycodec.Int(v.(int64)) },
		compare: ordered[int64]}
}

func uintKind(name string, c rowimage.Column, bits int) kindOf {
	return kindOf{name: name, col: c,
		random:  func(r *rand.Rand) any { return r.Uint64() >> (64 - bits) >> r.IntN(bits) },
		put:     func(b *rowimage.Builder, v any) error { return b.AppendUint(v.(uint64)) },
		bound:   func(v any) keycodec.Value { return keycodec.Uint(v.(uint64)) },
		compare: ordered[uint64]}
}

func stringKind(name string, c rowimage.Column, alphabet string, norm func(string) string, compare func(a, b string) int) kindOf {
	letters := []rune(alphabet)
	return kindOf{name: name, col: c,
		random: func(r *rand.Rand) any {
			var s []rune
			for range r.IntN(6) {
				s = append(s, pick(r, letters...))
			}
			if strings.HasPrefix(name, "binary") || strings.HasPrefix(name, "varbinary") {
				b := []byte{}
				for _, c := range s {
					b = append(b, byte(c))
				}
				return string(b)
			}
			return string(s)
		},
		put:     func(b *rowimage.Builder, v any) error { return b.AppendString(v.(string)) },
		bound:   func(v any) keycodec.Value { return keycodec.Bytes([]byte(v.(string))) },
		compare: func(a, b any) int { return compare(norm(a.(string)), norm(b.(string))) }}
}

func floatKind(name string, t byte, meta uint16, random func(r *rand.Rand) float64) kindOf {
	return kindOf{name: name, col: rowimage.Column{Type: t, Meta: meta},
		random:  func(r *rand.Rand) any { return pick(r, random(r), 0, math.Copysign(0, -1), 1, -1) },
		put:     func(b *rowimage.Builder, v any) error { return b.AppendFloat(v.(float64)) },
		bound:   func(v any) keycodec.Value { return keycodec.Float(v.(float64)) },
		compare: func(a, b any) int { return cmp.Compare(a.(float64)+0, b.(float64)+0) }}
}

func decimalKind(p, s int) kindOf {
	return kindOf{name: fmt.Sprintf("decimal(%d,%d)", p, s), col: rowimage.Column{Type: gomysql.MYSQL_TYPE_NEWDECIMAL, Meta: uint16(p<<8 | s)},
		random: func(r *rand.Rand) any {
			var text []byte
			text = append(text, pick(r, "-", "")...)
			digits := func(n int) {
				for range n {
					text = append(text, pick(r, byte('0'), '9', byte('0'+r.IntN(10))))
				}
			}
			text = append(text, '0')
			digits(r.IntN(p - s + 1))
			text = append(text, '.', '0'+0)
			text = text[:len(text)-1]
			digits(r.IntN(s + 1))
			return string(text)
		},
		put:   func(b *rowimage.Builder, v any) error { return b.AppendDecimal([]byte(v.(string))) },
		bound: func(v any) keycodec.Value { return keycodec.Decimal([]byte(v.(string))) },
		compare: func(a, b any) int {
			x, _ := new(big.Rat).SetString(a.(string) + "0")
			y, _ := new(big.Rat).SetString(b.(string) + "0")
			return x.Cmp(y)
		}}
}

func datetimeKind(name string, t byte, fsp int) kindOf {
	unit := uint32(math.Pow10(6 - fsp))
	return kindOf{name: name, col: rowimage.Column{Type: t, Meta: uint16(fsp)},
		random: func(r *rand.Rand) any {
			d := rowimage.Datetime{Year: uint16(pick(r, 0, 1999, 2024, r.IntN(10000))), Month: uint8(r.IntN(13)), Day: uint8(r.IntN(32))}
			if t != gomysql.MYSQL_TYPE_DATE {
				d.Hour, d.Minute, d.Second = uint8(r.IntN(24)), uint8(r.IntN(60)), uint8(r.IntN(60))
				d.Micro = uint32(r.IntN(1e6)) / unit * unit
			}
			return d
		},
		put:     func(b *rowimage.Builder, v any) error { return b.AppendDatetime(v.(rowimage.Datetime)) },
		bound:   func(v any) keycodec.Value { return keycodec.Datetime(v.(rowimage.Datetime)) },
		compare: func(a, b any) int { return a.(rowimage.Datetime).Compare(b.(rowimage.Datetime)) }}
}

func timeKind(fsp int) kindOf {
	unit := int64(math.Pow10(6 - fsp))
	return kindOf{name: fmt.Sprintf("time(%d)", fsp), col: rowimage.Column{Type: gomysql.MYSQL_TYPE_TIME2, Meta: uint16(fsp)},
		random: func(r *rand.Rand) any {
			v := r.Int64N(2*rowimage.MaxTime) - rowimage.MaxTime
			return pick(r, v, v>>20, v>>30, 0, 1e6, -1e6) / unit * unit
		},
		put:     func(b *rowimage.Builder, v any) error { return b.AppendTime(v.(int64)) },
		bound:   func(v any) keycodec.Value { return keycodec.Time(v.(int64)) },
		compare: ordered[int64]}
}

func timestampKind(fsp int) kindOf {
	unit := uint64(math.Pow10(6 - fsp))
	return kindOf{name: fmt.Sprintf("timestamp(%d)", fsp), col: rowimage.Column{Type: gomysql.MYSQL_TYPE_TIMESTAMP2, Meta: uint16(fsp)},
		random: func(r *rand.Rand) any {
			return uint64(pick(r, 0, 1, r.Uint32()))<<32 | uint64(r.IntN(1e6))/unit*unit
		},
		put: func(b *rowimage.Builder, v any) error {
			return b.AppendTimestamp(uint32(v.(uint64)>>32), uint32(v.(uint64)))
		},
		bound:   func(v any) keycodec.Value { return keycodec.Timestamp(uint32(v.(uint64)>>32), uint32(v.(uint64))) },
		compare: ordered[uint64]}
}

func kinds() []kindOf {
	same := func(s string) string { return s }
	str := func(t byte, meta, coll uint16) rowimage.Column {
		return rowimage.Column{Type: t, Meta: meta, Collation: coll}
	}
	trim := func(s string) string { return strings.TrimRight(s, " ") }
	fill := func(s string) string { return s + strings.Repeat("\x00", 8-len(s)) }
	ks := []kindOf{
		intKind("tinyint", gomysql.MYSQL_TYPE_TINY, 8), intKind("smallint", gomysql.MYSQL_TYPE_SHORT, 16),
		intKind("mediumint", gomysql.MYSQL_TYPE_INT24, 24), intKind("int", gomysql.MYSQL_TYPE_LONG, 32),
		intKind("bigint", gomysql.MYSQL_TYPE_LONGLONG, 64),
		uintKind("bigint unsigned", rowimage.Column{Type: gomysql.MYSQL_TYPE_LONGLONG, Unsigned: true}, 64),
		uintKind("mediumint unsigned", rowimage.Column{Type: gomysql.MYSQL_TYPE_INT24, Unsigned: true}, 24),
		uintKind("bit(17)", rowimage.Column{Type: gomysql.MYSQL_TYPE_BIT, Meta: 17}, 17),
		uintKind("enum", rowimage.Column{Type: gomysql.MYSQL_TYPE_ENUM, Meta: 2}, 16),
		uintKind("set", rowimage.Column{Type: gomysql.MYSQL_TYPE_SET, Meta: 8}, 64),
		floatKind("double", gomysql.MYSQL_TYPE_DOUBLE, 8, func(r *rand.Rand) float64 { return (r.Float64() - 0.5) * math.Pow10(r.IntN(600)-300) }),
		floatKind("float", gomysql.MYSQL_TYPE_FLOAT, 4, func(r *rand.Rand) float64 {
			return float64(float32((r.Float64() - 0.5) * math.Pow10(r.IntN(70)-35)))
		}),
		decimalKind(10, 2), decimalKind(65, 30), decimalKind(9, 9), decimalKind(5, 0),
		datetimeKind("date", gomysql.MYSQL_TYPE_DATE, 0),
		stringKind("binary(8)", str(254, 8, 63), "\x00\x01 a\xff", fill, cmp.Compare[string]),
		stringKind("varbinary", str(15, 20, 63), "\x00\x01 a\xff", same, cmp.Compare[string]),
		stringKind("varchar general_ci", str(15, 80, 45), "!aAbZ ä😀", trim, compareFolded),
		stringKind("char general_ci", str(254, 80, 45), "!aAbZ ä😀", trim, compareFolded),
		stringKind("varchar 0900", str(15, 80, 255), "aAbZ ä😀", same, compareFolded),
	}
	year := intKind("year", gomysql.MYSQL_TYPE_YEAR, 8)
	year.random = func(r *rand.Rand) any { return pick(r, 0, int64(1901+r.IntN(255))) }
	ks = append(ks, year)
	prefixed := stringKind("varchar prefix 2", str(15, 80, 255), "aAbZ ä😀", func(s string) string {
		r := []rune(s)
		return string(r[:min(2, len(r))])
	}, compareFolded)
	prefixed.prefix = 2
	binary := stringKind("varbinary prefix 2", str(15, 20, 63), "\x00\x01 a\xff", func(s string) string { return s[:min(2, len(s))] }, cmp.Compare[string])
	binary.prefix = 2
	ks = append(ks, prefixed, binary)
	for _, fsp := range []int{0, 1, 3, 6} {
		ks = append(ks, datetimeKind(fmt.Sprintf("datetime(%d)", fsp), gomysql.MYSQL_TYPE_DATETIME2, fsp), timeKind(fsp), timestampKind(fsp))
	}
	return ks
}

// row is one random row of composite kinds; nil = NULL.
type row []any

func sign(n int) int { return cmp.Compare(n, 0) }

func compareRows(ks []kindOf, parts []keycodec.Part, a, b row) int {
	for i := range parts {
		c := 0
		switch {
		case a[i] == nil && b[i] == nil:
		case a[i] == nil:
			c = -1
		case b[i] == nil:
			c = 1
		default:
			c = sign(ks[i].compare(a[i], b[i]))
		}
		if parts[i].Desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

type index struct {
	ks     []kindOf
	parts  []keycodec.Part
	layout *rowimage.Layout
	enc    *keycodec.Encoder
}

func newIndex(t testing.TB, ks []kindOf, nullable, desc uint) index {
	t.Helper()
	x := index{ks: ks}
	var cols []rowimage.Column
	for i, k := range ks {
		k.col.Nullable = nullable>>i&1 != 0
		cols = append(cols, k.col)
		x.parts = append(x.parts, keycodec.Part{Column: i, Prefix: k.prefix, Desc: desc>>i&1 != 0})
	}
	var err error
	if x.layout, err = rowimage.Compile(cols); err != nil {
		t.Fatal(err)
	}
	if x.enc, err = keycodec.Compile(cols, x.parts, weigh); err != nil {
		t.Fatal(err)
	}
	return x
}

func (x index) random(r *rand.Rand) row {
	v := make(row, len(x.ks))
	for i, k := range x.ks {
		if !x.layout.Columns()[i].Nullable || r.IntN(4) != 0 {
			v[i] = k.random(r)
		}
	}
	return v
}

func (x index) key(t testing.TB, v row) []byte {
	t.Helper()
	b := rowimage.NewBuilder(x.layout)
	nulls := false
	for i, k := range x.ks {
		var err error
		if v[i] == nil {
			nulls, err = true, b.AppendNull()
		} else {
			err = k.put(b, v[i])
		}
		if err != nil {
			t.Fatalf("%s: %v: %v", k.name, v[i], err)
		}
	}
	image, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	cells, err := x.layout.Cut(image, nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x.enc.AppendRow(nil, image, cells)
	if err != nil {
		t.Fatal(err)
	}
	if x.enc.HasNull(cells) != nulls {
		t.Errorf("%v: HasNull %v", v, !nulls)
	}
	return key
}

func (x index) bound(t testing.TB, v row) []byte {
	t.Helper()
	var values []keycodec.Value
	for i := range v {
		if v[i] == nil {
			values = append(values, keycodec.Null())
		} else {
			values = append(values, x.ks[i].bound(v[i]))
		}
	}
	b, err := x.enc.AppendPrefix(nil, values...)
	if err != nil {
		t.Fatalf("%v: %v", v, err)
	}
	return b
}

func (x index) check(t testing.TB, r *rand.Rand) {
	t.Helper()
	a, b := x.random(r), x.random(r)
	for i := range a { // equal first parts test the later ones
		if r.IntN(2) == 0 {
			b[i] = a[i]
		} else {
			break
		}
	}
	ka, kb := x.key(t, a), x.key(t, b)
	if got, want := bytes.Compare(ka, kb), compareRows(x.ks, x.parts, a, b); got != want {
		t.Fatalf("%#v\n%#v: keys compare %d, values %d\n% x\n% x", a, b, got, want, ka, kb)
	}
	n := 1 + r.IntN(len(a))
	low := x.bound(t, a[:n])
	end, ok := keycodec.PrefixEnd(nil, low)
	in := bytes.Compare(kb, low) >= 0 && (!ok || bytes.Compare(kb, end) < 0)
	exact := x.ks[n-1].name != "binary(8)" // there a bound counts without its padding
	for _, k := range x.ks[:n] {
		exact = exact && k.name != "binary(8)"
	}
	if want := compareRows(x.ks, x.parts[:n], a, b) == 0; exact && in != want {
		t.Fatalf("%#v in the range of %#v: %v\n% x\n% x", b, a[:n], in, kb, low)
	}
}

func TestOrder_EveryType(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for variant := range uint(4) {
				x := newIndex(t, []kindOf{k}, variant&1, variant>>1)
				for range 1500 {
					x.check(t, r)
				}
			}
		})
	}
}

func TestOrder_Composite(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	all := kinds()
	for range 300 {
		var ks []kindOf
		for range 1 + r.IntN(4) {
			ks = append(ks, pick(r, all...))
		}
		x := newIndex(t, ks, uint(r.IntN(16)), uint(r.IntN(16)))
		for range 60 {
			x.check(t, r)
		}
	}
}

func TestAppendPrefix_OutOfRange(t *testing.T) {
	cols := []rowimage.Column{
		{Type: gomysql.MYSQL_TYPE_LONG, Unsigned: true}, {Type: gomysql.MYSQL_TYPE_LONGLONG},
		{Type: gomysql.MYSQL_TYPE_NEWDECIMAL, Meta: 5<<8 | 2}, {Type: gomysql.MYSQL_TYPE_DATE}, {Type: gomysql.MYSQL_TYPE_TIME2},
	}
	for _, c := range []struct {
		column int
		v      keycodec.Value
		above  bool
		err    error
	}{
		{0, keycodec.Int(-1), false, nil},
		{1, keycodec.Uint(1 << 63), true, nil},
		{2, keycodec.Decimal([]byte("1000")), true, nil},
		{2, keycodec.Int(-1000), false, nil},
		{2, keycodec.Decimal([]byte("1.234")), false, keycodec.ErrInexact},
		{3, keycodec.Datetime(rowimage.Datetime{Year: 2024, Hour: 1}), false, keycodec.ErrInexact},
		{3, keycodec.Int(1), false, keycodec.ErrKind},
		{4, keycodec.Time(-rowimage.MaxTime - 1), false, nil},
		{4, keycodec.Time(1), false, keycodec.ErrInexact},
	} {
		enc, err := keycodec.Compile(cols, []keycodec.Part{{Column: c.column}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = enc.AppendPrefix(nil, c.v)
		var be *keycodec.BoundError
		if c.err != nil {
			if !errors.Is(err, c.err) {
				t.Errorf("column %d: %v, want %v", c.column, err, c.err)
			}
		} else if !errors.As(err, &be) || be.Above != c.above {
			t.Errorf("column %d: %v, want a BoundError above %v", c.column, err, c.above)
		}
	}
}

// TestAppendRow_MinusZeroDecimal: an image from elsewhere may hold -0.00.
func TestAppendRow_MinusZeroDecimal(t *testing.T) {
	cols := []rowimage.Column{{Type: gomysql.MYSQL_TYPE_NEWDECIMAL, Meta: 5<<8 | 2}}
	layout, err := rowimage.Compile(cols)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := keycodec.Compile(cols, []keycodec.Part{{}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var keys [2][]byte
	for i, image := range [][]byte{{0xfe, 0x80, 0, 0}, {0xfe, 0x7f, 0xff, 0xff}} {
		cells, err := layout.Cut(image, nil)
		if err != nil {
			t.Fatal(err)
		}
		if keys[i], err = enc.AppendRow(nil, image, cells); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(keys[0], keys[1]) {
		t.Errorf("0: % x, -0: % x", keys[0], keys[1])
	}
}

// TestAppendPrefix_Binary: BINARY(3) holds 'a\0\0', which 'a' is not.
func TestAppendPrefix_Binary(t *testing.T) {
	cols := []rowimage.Column{{Type: gomysql.MYSQL_TYPE_STRING, Meta: 3, Collation: 63}}
	enc, err := keycodec.Compile(cols, []keycodec.Part{{}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := enc.AppendPrefix(nil, keycodec.Stored([]byte("a")))
	if err != nil {
		t.Fatal(err)
	}
	for bound, want := range map[string]int{"a": 1, "a\x00\x00": 0, "a\x00\x01": -1} {
		key, err := enc.AppendPrefix(nil, keycodec.Bytes([]byte(bound)))
		if err != nil || bytes.Compare(stored, key) != want {
			t.Errorf("bound %q: %d, want %d (%v)", bound, bytes.Compare(stored, key), want, err)
		}
	}
}

func TestCompile_Refuses(t *testing.T) {
	for name, c := range map[string]struct {
		col  rowimage.Column
		part keycodec.Part
	}{
		"json":          {rowimage.Column{Type: gomysql.MYSQL_TYPE_JSON, Meta: 4}, keycodec.Part{}},
		"int prefix":    {rowimage.Column{Type: gomysql.MYSQL_TYPE_LONG}, keycodec.Part{Prefix: 2}},
		"no column":     {rowimage.Column{Type: gomysql.MYSQL_TYPE_LONG}, keycodec.Part{Column: 1}},
		"no weights":    {rowimage.Column{Type: gomysql.MYSQL_TYPE_VARCHAR, Meta: 8, Collation: 45}, keycodec.Part{}},
		"old timestamp": {rowimage.Column{Type: gomysql.MYSQL_TYPE_TIMESTAMP}, keycodec.Part{}},
	} {
		if _, err := keycodec.Compile([]rowimage.Column{c.col}, []keycodec.Part{c.part}, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestPrefixEnd(t *testing.T) {
	for in, want := range map[string]string{"a": "b", "a\xff": "b", "\x00": "\x01"} {
		if got, ok := keycodec.PrefixEnd([]byte("x"), []byte(in)); !ok || string(got) != "x"+want {
			t.Errorf("PrefixEnd(%q) = %q %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "\xff", "\xff\xff"} {
		if _, ok := keycodec.PrefixEnd(nil, []byte(in)); ok {
			t.Errorf("PrefixEnd(%q) exists", in)
		}
	}
}

// FuzzOrder compares two byte strings, plain and folded, followed by an int.
func FuzzOrder(f *testing.F) {
	f.Add("a", "a\x00", int64(1), int64(-1))
	f.Add("ab", "a", int64(0), int64(0))
	all := kinds()
	var vb, integer kindOf
	for _, k := range all {
		switch k.name {
		case "varbinary":
			vb = k
		case "bigint":
			integer = k
		}
	}
	vb.col.Meta = 60000
	x := newIndex(f, []kindOf{vb, integer}, 3, 2)
	f.Fuzz(func(t *testing.T, a, b string, n, m int64) {
		if len(a) > 60000 || len(b) > 60000 {
			return
		}
		ra, rb := row{a, n}, row{b, m}
		if got, want := bytes.Compare(x.key(t, ra), x.key(t, rb)), compareRows(x.ks, x.parts, ra, rb); got != want {
			t.Fatalf("keys compare %d, values %d", got, want)
		}
	})
}

func benchIndex(t testing.TB) (index, []byte, []rowimage.Cell) {
	var ks []kindOf
	for _, name := range []string{"int", "varchar general_ci", "datetime(0)", "decimal(10,2)"} {
		for _, k := range kinds() {
			if k.name == name {
				ks = append(ks, k)
			}
		}
	}
	x := newIndex(t, ks, 0, 8)
	b := rowimage.NewBuilder(x.layout)
	b.AppendInt(77)
	b.AppendString("some words")
	b.AppendDatetime(rowimage.Datetime{Year: 2024})
	b.AppendDecimal([]byte("12.5"))
	image, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	cells, err := x.layout.Cut(image, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x, image, cells
}

func TestAppend_DoesNotAllocate(t *testing.T) {
	x, image, cells := benchIndex(t)
	key, bound := make([]byte, 0, 256), make([]byte, 0, 256)
	word := []byte("word")
	if n := testing.AllocsPerRun(100, func() {
		key, _ = x.enc.AppendRow(key[:0], image, cells)
		bound, _ = x.enc.AppendPrefix(bound[:0], keycodec.Int(5), keycodec.Bytes(word))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppendRow(b *testing.B) {
	x, image, cells := benchIndex(b)
	var key []byte
	for b.Loop() {
		key, _ = x.enc.AppendRow(key[:0], image, cells)
	}
}
