package jsonb_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"binrelay/binlog/jsonb"
)

func fromText(t *testing.T, text string) []byte {
	t.Helper()
	doc, err := jsonb.FromText(nil, []byte(text))
	if err != nil {
		t.Fatalf("%.80s: %v", text, err)
	}
	return doc
}

func open(t *testing.T, doc []byte) jsonb.Value {
	t.Helper()
	v, err := jsonb.Open(doc)
	if err != nil {
		t.Fatalf("% .60x: %v", doc, err)
	}
	return v
}

// The bytes follow from the comments of MySQL's json_binary.h.
func TestFromText(t *testing.T) {
	for _, c := range []struct{ in, bytes, out string }{
		{"null", "0400", "null"},
		{" true\n", "0401", "true"},
		{"false", "0402", "false"},
		{"0", "050000", "0"},
		{"-0", "050000", "0"},
		{"-1", "05ffff", "-1"},
		{"32767", "05ff7f", "32767"},
		{"32768", "0700800000", "32768"},
		{"-32769", "07ff7fffff", "-32769"},
		{"4294967295", "09ffffffff00000000", "4294967295"},
		{"4294967296", "0a0000000001000000", "4294967296"}, // unsigned from here on
		{"-9223372036854775808", "090000000000000080", "-9223372036854775808"},
		{"18446744073709551615", "0affffffffffffffff", "18446744073709551615"},
		{"18446744073709551616", "0b000000000000f043", "1.8446744073709552e19"},
		{"1.0", "0b000000000000f03f", "1.0"},
		{"-0.0", "0b0000000000000080", "-0.0"},
		{"1e2", "0b0000000000005940", "100.0"},
		{"3.14159", "0b6e861bf0f9210940", "3.14159"},
		{`""`, "0c00", `""`},
		{`"a\u00e4\ud834\udd1e\/\n\u0001"`, "0c0a61c3a4f09d849e2f0a01", `"aä𝄞/\n\u0001"`},
		{"[]", "0200000400", "[]"},
		{"{}", "0000000400", "{}"},
		{"[1,2]", "0202000a00050100050200", "[1, 2]"},
		{`{"a":"b"}`, "0001000e000b0001000c0c00610162", `{"a": "b"}`},
		{`{"asdf":{"foo":123}}`, "0001001d000b000400000f006173646601000e000b000300057b00666f6f", `{"asdf": {"foo": 123}}`},
		{`{"bb":1,"c":2,"a":3,"bb":4}`, "0003001d00" + "19000100" + "1a000100" + "1b000200" + "050300" + "050200" + "050400" + "61636262", `{"a": 3, "c": 2, "bb": 4}`},
		{`[4294967295]`, "020100" + "0f00" + "090700" + "ffffffff00000000", "[4294967295]"},
	} {
		doc := fromText(t, c.in)
		if hex.EncodeToString(doc) != c.bytes {
			t.Errorf("%s: %x, want %s", c.in, doc, c.bytes)
		}
		if out := string(open(t, doc).AppendText(nil)); out != c.out {
			t.Errorf("%s: %s, want %s", c.in, out, c.out)
		}
	}
}

// MySQL's words and positions.
func TestFromText_Errors(t *testing.T) {
	for _, c := range []struct {
		in, text string
		pos      int
	}{
		{"", "The document is empty.", 0},
		{"  ", "The document is empty.", 2},
		{"abc", "Invalid value.", 0},
		{"nul", "Invalid value.", 3},
		{"[1, 2,", "Invalid value.", 6},
		{"[1 2]", "Missing a comma or ] after an array element.", 3},
		{`{"a"}`, "Missing a colon after a name of object member.", 4},
		{`{a:1}`, "Missing a name for object member.", 1},
		{`{"a":1`, "Missing a comma or } after an object member.", 6},
		{`1 2`, "The document root must not be followed by other values.", 2},
		{`"abc`, "Missing a closing quotation mark in string.", 4},
		{`"\x"`, "Invalid escape character in string.", 1},
		{`"\u00g0"`, "Incorrect hex digit after \\u escape in string.", 1},
		{`"\ud834x"`, "The surrogate pair in string is invalid.", 1},
		{`"\ud834\u0041"`, "The surrogate pair in string is invalid.", 1},
		{"\"\x01\"", "Invalid encoding in string.", 1},
		{"\"\xff\"", "Invalid encoding in string.", 1},
		{"1.", "Miss fraction part in number.", 2},
		{"1e", "Miss exponent in number.", 2},
		{"1e400", "Number too big to be stored in double.", 0},
		{"01", "The document root must not be followed by other values.", 1},
		{"-", "Invalid value.", 1},
	} {
		_, err := jsonb.FromText(nil, []byte(c.in))
		var s *jsonb.SyntaxError
		if !errors.As(err, &s) || s.Text != c.text || s.Pos != c.pos {
			t.Errorf("%q: %v, want %q at %d", c.in, err, c.text, c.pos)
		}
	}
}

func TestFromText_Bounds(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	doc := fromText(t, nested(jsonb.MaxDepth))
	if got := string(open(t, doc).AppendText(nil)); got != nested(jsonb.MaxDepth) {
		t.Error(got)
	}
	for text, want := range map[string]error{
		nested(jsonb.MaxDepth + 1): jsonb.ErrDepth,
		strings.Repeat(`{"a":`, jsonb.MaxDepth+1) + "1" + strings.Repeat("}", jsonb.MaxDepth+1): jsonb.ErrDepth,
		strings.Repeat("[", 1<<20):                       jsonb.ErrDepth,
		`{"` + strings.Repeat("k", 65536) + `":1}`:       jsonb.ErrKey,
		`{"\n` + strings.Repeat("k", 65535) + `":1}`:     jsonb.ErrKey,
		`[{"` + strings.Repeat("k", 1<<20) + `":"x"},1]`: jsonb.ErrKey,
	} {
		if _, err := jsonb.FromText(nil, []byte(text)); !errors.Is(err, want) {
			t.Errorf("%.20s…: %v, want %v", text, err, want)
		}
	}
	fromText(t, `{"`+strings.Repeat("k", 65535)+`":1}`)
}

// The small form holds up to 65535 bytes; what does not fit makes all around it
// large, and nothing else.
func TestFromText_SmallAndLarge(t *testing.T) {
	for n, want := range map[int]byte{65535 - 4 - 3 - 3: 2, 65535 - 4 - 3 - 2: 3} {
		text := `["` + strings.Repeat("x", n) + `"]`
		doc := fromText(t, text)
		if doc[0] != want || want == 2 && len(doc) != 65536 {
			t.Errorf("%d characters: type %d, %d bytes", n, doc[0], len(doc))
		}
		if got := string(open(t, doc).AppendText(nil)); got != text {
			t.Errorf("%d characters come back as %d", n, len(got))
		}
	}
	small := `[1, "x"]`
	text := `{"a": {"b": [100000, "` + strings.Repeat("y", 70000) + `"]}, "s": ` + small + `}`
	v := open(t, fromText(t, text))
	if got := string(v.AppendText(nil)); got != text {
		t.Errorf("%.100s", got)
	}
	s, _ := v.Find([]byte("s"))
	if doc := s.AppendTo(nil); doc[0] != 2 || !bytes.Equal(doc, fromText(t, small)) {
		t.Errorf("the small array within is % x", doc)
	}
	a, _ := v.Find([]byte("a"))
	b, _ := a.Find([]byte("b"))
	if v.AppendTo(nil)[0] != 1 || a.AppendTo(nil)[0] != 1 || b.AppendTo(nil)[0] != 3 {
		t.Error("what is around the long string is not large")
	}
	many := "[" + strings.Repeat("0, ", 70000) + "0]"
	if got := string(open(t, fromText(t, many)).AppendText(nil)); got != many {
		t.Error("70001 elements")
	}
}

func TestOpaque(t *testing.T) {
	for _, c := range []struct{ doc, text, plain string }{
		{"0f0c0800000019761f9519", `"2015-01-15 23:24:25.000000"`, "2015-01-15 23:24:25.000000"},
		{"0f0708c0d401197 61f9519", `"2015-01-15 23:24:25.120000"`, "2015-01-15 23:24:25.120000"},
		{"0f0b08c0d4011976010000", `"23:24:25.120000"`, "23:24:25.120000"},
		{"0f0b08402bfee689feffff", `"-23:24:25.120000"`, "-23:24:25.120000"},
		{"0f0a0800000000001e9519", `"2015-01-15"`, "2015-01-15"},
		{"0f0a080000000000000000", `"0000-00-00"`, "0000-00-00"},
		{"0ff6080d04875bcd1504d2", "123456789.1234", "123456789.1234"},
		{"0f1002cafe", `"base64:type16:yv4="`, "base64:type16:yv4="},
	} {
		doc, err := hex.DecodeString(strings.ReplaceAll(c.doc, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		v := open(t, doc)
		if got := string(v.AppendText(nil)); got != c.text {
			t.Errorf("%s: %s, want %s", c.doc, got, c.text)
		}
		if got := string(v.AppendPlain(nil)); got != c.plain {
			t.Errorf("%s: %s, want %s", c.doc, got, c.plain)
		}
		var b jsonb.Builder
		b.BeginArray()
		b.Value(v)
		b.Opaque(v.OpaqueType(), v.Bytes())
		b.End()
		out, err := b.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(open(t, out).AppendText(nil)); got != "["+c.text+", "+c.text+"]" {
			t.Errorf("%s: %s", c.doc, got)
		}
	}
}

func TestOpen_Empty(t *testing.T) {
	if v := open(t, nil); v.Kind() != jsonb.Null {
		t.Errorf("kind %d", v.Kind())
	}
}

// Documents that are none: cut short, entries that point at each other, parts
// that would show more bytes than there are.
func TestOpen_Corrupt(t *testing.T) {
	good := fromText(t, `{"a": [1, "two", {"b": 3.5}], "c": null, "dd": 100000}`)
	for n := 1; n < len(good); n++ {
		if _, err := jsonb.Open(good[:n]); !errors.Is(err, jsonb.ErrCorrupt) {
			t.Errorf("%d of %d bytes: %v", n, len(good), err)
		}
	}
	// An array of arrays that are all the same one, 2^100 strings in the end.
	bomb := []byte{2, 2, 0, 14, 0, 2, 10, 0, 2, 10, 0, 0, 0, 0, 0}
	for range 3 {
		if _, err := jsonb.Open(bomb); !errors.Is(err, jsonb.ErrCorrupt) {
			t.Errorf("overlap: %v", err)
		}
	}
	for _, doc := range []string{"04", "0403", "0d", "0c05", "0cffffffffff01", "0f", "0f0c0400000000", "0ff602ffff", "0b000000000000f07f", "0200000300", "02ffffffff"} {
		b, err := hex.DecodeString(doc)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := jsonb.Open(b); !errors.Is(err, jsonb.ErrCorrupt) {
			t.Errorf("%s: %v", doc, err)
		}
	}
}

func TestCompare(t *testing.T) {
	// In order; values on one line are equal.
	lines := [][]string{
		{"null"}, {"-1e300"}, {"-9223372036854775808"}, {"-1.5"}, {"-1", "-1.0"}, {"0", "0.0", "-0.0"}, {"1", "1.0", "10e-1"}, {"1.5"}, {"9007199254740992", "9007199254740992.0"},
		{"9007199254740993"}, {"18446744073709551615"}, {"1e300"},
		{`""`}, {`"A"`}, {`"a"`}, {`"ab"`}, {`"b"`},
		{"{}"}, {`{"a":1}`}, {`{"a":2}`}, {`{"b":0}`}, {`{"aa":0}`}, {`{"a":1,"b":2}`, `{"b":2,"a":1.0}`},
		{"[]"}, {"[1]"}, {"[1,1]"}, {"[2]"}, {`["a"]`}, {"false"}, {"true"},
	}
	for i, x := range lines {
		for j, y := range lines {
			for _, a := range x {
				for _, b := range y {
					got := jsonb.Compare(open(t, fromText(t, a)), open(t, fromText(t, b)))
					if want := min(1, max(-1, i-j)); got != want {
						t.Errorf("%s <=> %s: %d, want %d", a, b, got, want)
					}
				}
			}
		}
	}
}

// randomJSON is a value of encoding/json's kinds, whole numbers as int64.
func randomJSON(r *rand.Rand, depth int) any {
	n := r.IntN(9)
	if depth == 0 {
		n = r.IntN(7)
	}
	switch n {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return int64(r.Uint64()) >> r.IntN(64)
	case 3:
		return float64(r.IntN(1000)) + 0.5
	case 4:
		return math.Ldexp(r.Float64()-0.5, r.IntN(600)-300)
	case 5, 6:
		return randomString(r)
	case 7:
		out := []any{}
		for range r.IntN(5) {
			out = append(out, randomJSON(r, depth-1))
		}
		return out
	}
	out := map[string]any{}
	for range r.IntN(5) {
		out[randomString(r)] = randomJSON(r, depth-1)
	}
	return out
}

func randomString(r *rand.Rand) string {
	runes := []rune("ab\"\\/\n\x01\x7fäß€𝄞\u2028 ")
	n := r.IntN(8)
	if r.IntN(50) == 0 {
		n = 20000
	}
	var b strings.Builder
	for range n {
		b.WriteRune(runes[r.IntN(len(runes))])
	}
	return b.String()
}

// What encoding/json reads from our text is what went in, and the bytes do not
// depend on spelling or on the way they were made.
func TestRoundTrip_Random(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		want := randomJSON(r, 4)
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		doc := fromText(t, string(text))
		v := open(t, doc)
		shown := v.AppendText(nil)
		var got any
		d := json.NewDecoder(bytes.NewReader(shown))
		d.UseNumber()
		if err := d.Decode(&got); err != nil {
			t.Fatalf("%s: %v", shown, err)
		}
		if !sameJSON(got, want) {
			t.Fatalf("%s\ncomes back as\n%s", text, shown)
		}
		if again := fromText(t, string(shown)); !bytes.Equal(again, doc) {
			t.Fatalf("%s: % x, then % x", text, doc, again)
		}
		var b jsonb.Builder
		rebuild(&b, v)
		if again, err := b.AppendTo(nil); err != nil || !bytes.Equal(again, doc) {
			t.Fatalf("%s rebuilt: % x, %v", text, again, err)
		}
		if jsonb.Compare(v, open(t, doc)) != 0 {
			t.Fatalf("%s differs from itself", text)
		}
	}
}

// rebuild copies v: containers member by member in reverse, the rest as values.
func rebuild(b *jsonb.Builder, v jsonb.Value) {
	switch v.Kind() {
	case jsonb.Array:
		b.BeginArray()
		for i := range v.Len() {
			rebuild(b, v.At(i))
		}
		b.End()
	case jsonb.Object:
		b.BeginObject()
		for i := v.Len() - 1; i >= 0; i-- {
			b.Key(v.Key(i))
			rebuild(b, v.At(i))
		}
		b.End()
	default:
		b.Value(v)
	}
}

func sameJSON(got, want any) bool {
	switch w := want.(type) {
	case int64:
		return fmt.Sprint(got) == fmt.Sprint(w)
	case float64:
		n, ok := got.(json.Number)
		if !ok {
			return false
		}
		f, err := n.Float64()
		return err == nil && f == w
	case []any:
		g, ok := got.([]any)
		return ok && slices.EqualFunc(g, w, sameJSON)
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for k, x := range w {
			if y, ok := g[k]; !ok || !sameJSON(y, x) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(got, want)
}

func FuzzOpen(f *testing.F) {
	for _, text := range []string{"1", `{"a": [1, "two", {"b": 3.5}], "c": null}`, `"x"`, "[[[]]]"} {
		doc, err := jsonb.FromText(nil, []byte(text))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(doc)
	}
	f.Add([]byte{15, 246, 8, 13, 4, 135, 91, 205, 21, 4, 210})
	f.Add([]byte{15, 12, 8, 0, 0, 0, 25, 118, 31, 149, 25})
	f.Fuzz(func(t *testing.T, doc []byte) {
		v, err := jsonb.Open(doc)
		if err != nil {
			return
		}
		text := v.AppendText(nil)
		if len(text) > 16*len(doc)+400 {
			t.Fatalf("%d bytes of text from %d", len(text), len(doc))
		}
		var b jsonb.Builder
		rebuild(&b, v)
		again, err := b.AppendTo(nil)
		if err != nil {
			t.Fatalf("% x: %v", doc, err)
		}
		if _, err := jsonb.Open(again); err != nil {
			t.Fatalf("% x rebuilt as % x: %v", doc, again, err)
		}
		v.Find([]byte("a"))
		jsonb.Compare(v, v)
	})
}

func FuzzFromText(f *testing.F) {
	for _, s := range []string{"1", `{"a": [1, "two\n", {"b": 3.5e1}], "c": null}`, `"\ud834\udd1e"`, "[[[]]]", "-0.0"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, err := jsonb.FromText(nil, text)
		if err != nil {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%q accepted", text)
		}
		v, err := jsonb.Open(doc)
		if err != nil {
			t.Fatalf("%q: % x: %v", text, doc, err)
		}
		shown := v.AppendText(nil)
		again, err := jsonb.FromText(nil, shown)
		if err != nil || !bytes.Equal(again, doc) && !bytes.Contains(shown, []byte("-0")) {
			t.Fatalf("%q: %q: %v", text, shown, err)
		}
	})
}
