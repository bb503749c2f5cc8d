package gtid

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
)

const (
	uuidA = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	uuidB = "00000000-0000-0000-0000-00000000000b"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestParseUUID(t *testing.T) {
	for _, text := range []string{uuidA, "3E11FA47-71CA-11E1-9E33-C80AA9429562", "{" + uuidA + "}", "3e11fa4771ca11e19e33c80aa9429562"} {
		u, err := ParseUUID(text)
		if err != nil || u.String() != uuidA {
			t.Errorf("ParseUUID(%q) = %v, %v", text, u, err)
		}
	}
	for _, text := range []string{"", uuidA[1:], uuidA + "0", "3e11fa47x71ca-11e1-9e33-c80aa9429562", "3e11fa47-71ca-11e1-9e33-c80aa942956g", "{3e11fa4771ca11e19e33c80aa9429562}"} {
		if _, err := ParseUUID(text); !errors.Is(err, ErrSyntax) {
			t.Errorf("ParseUUID(%q): error %v", text, err)
		}
	}
}

func TestParseGTID(t *testing.T) {
	g, err := Parse(" " + uuidA + " : 23 ")
	if err != nil || g.String() != uuidA+":23" {
		t.Fatalf("Parse = %v, %v", g, err)
	}
	for _, text := range []string{uuidA, uuidA + ":0", uuidA + ":-1", uuidA + ":9223372036854775807", uuidA + ":1-2", "0-1-5", ""} {
		if _, err := Parse(text); !errors.Is(err, ErrSyntax) {
			t.Errorf("Parse(%q): error %v", text, err)
		}
	}
	if s := (GTID{}).String(); s != "ANONYMOUS" {
		t.Errorf("zero GTID prints %q", s)
	}
}

func TestParseSet(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{" \n , ,", ""},
		{uuidA + ":1", uuidA + ":1"},
		{uuidA + ":1-3:4", uuidA + ":1-4"},
		{uuidA + ":7:1-3:5", uuidA + ":1-3:5:7"},
		{uuidA + ":5-3:9", uuidA + ":9"},
		{uuidA + ":5-3", ""},
		{uuidA, ""},
		{uuidA + " : 1 - 3 : 10,\n" + uuidB + ":2", uuidB + ":2,\n" + uuidA + ":1-3:10"},
		{uuidA + ":1-2," + uuidA + ":2-5", uuidA + ":1-5"},
		{"3E11FA47-71CA-11E1-9E33-C80AA9429562:1-9223372036854775806", uuidA + ":1-9223372036854775806"},
	} {
		s, err := ParseSet(c.in)
		if err != nil || s.String() != c.want {
			t.Errorf("ParseSet(%q) = %q, %v; want %q", c.in, s, err, c.want)
		}
		if s.IsEmpty() != (c.want == "") {
			t.Errorf("ParseSet(%q): IsEmpty = %v", c.in, s.IsEmpty())
		}
	}
	for _, in := range []string{"x", uuidA + ":", uuidA + ":0", uuidA + ":1-", uuidA + "::1", uuidA + ":1-2-3", uuidA + ":1 2", uuidA + ":tag:1", "0-1-5", uuidA + ":9223372036854775807", uuidA + ";1"} {
		if s, err := ParseSet(in); !errors.Is(err, ErrSyntax) {
			t.Errorf("ParseSet(%q) = %q, %v; want ErrSyntax", in, s, err)
		}
	}
}

// model is the slow and obvious form of a set.
type model map[GTID]bool

func randomSet(r *rand.Rand, uuids []UUID) (Set, model) {
	var s Set
	m := model{}
	for range r.IntN(30) {
		u := uuids[r.IntN(len(uuids))]
		iv := Interval{First: 1 + r.Int64N(40)}
		iv.Last = iv.First + r.Int64N(4)
		s = s.AddRange(u, iv)
		for n := iv.First; n <= iv.Last; n++ {
			m[GTID{u, n}] = true
		}
	}
	return s, m
}

// check requires that s holds exactly m and is in its only form.
func check(t *testing.T, what string, s Set, m model) {
	t.Helper()
	if s.Count() != uint64(len(m)) {
		t.Fatalf("%s: %d transactions, want %d", what, s.Count(), len(m))
	}
	for g := range m {
		if !s.Contains(g) {
			t.Fatalf("%s: %v is missing", what, g)
		}
	}
	for i, e := range s.list {
		if i > 0 && bytes.Compare(s.list[i-1].uuid[:], e.uuid[:]) >= 0 || len(e.ivs) == 0 {
			t.Fatalf("%s: servers out of order or empty: %v", what, s)
		}
		for k, iv := range e.ivs {
			if iv.First > iv.Last || k > 0 && iv.First <= e.ivs[k-1].Last+1 {
				t.Fatalf("%s: intervals not normal: %v", what, s)
			}
		}
	}
}

func TestSetAlgebraAgainstModel(t *testing.T) {
	uuids := []UUID{must(ParseUUID(uuidA)), must(ParseUUID(uuidB)), {1}}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		a, ma := randomSet(r, uuids)
		b, mb := randomSet(r, uuids)
		keep := a.String() + "|" + b.String()
		union, diff, both := model{}, model{}, model{}
		for g := range ma {
			union[g] = true
			if mb[g] {
				both[g] = true
			} else {
				diff[g] = true
			}
		}
		for g := range mb {
			union[g] = true
		}
		check(t, "a", a, ma)
		check(t, "union", a.Union(b), union)
		check(t, "subtract", a.Subtract(b), diff)
		check(t, "intersect", a.Intersect(b), both)
		if got := a.ContainsSet(b); got != (len(both) == len(mb)) {
			t.Fatalf("ContainsSet = %v for %v and %v", got, a, b)
		}
		if !a.Union(b).ContainsSet(a) || !a.ContainsSet(a.Subtract(b)) {
			t.Fatal("ContainsSet contradicts Union or Subtract")
		}
		if got := a.Equal(b); got != (a.String() == b.String()) {
			t.Fatalf("Equal = %v for %v and %v", got, a, b)
		}
		for _, u := range uuids {
			n := a.Next(u)
			if a.Contains(GTID{u, n}) || n > 1 && !covers(a.intervals(u), []Interval{{1, n - 1}}) {
				t.Fatalf("Next(%v) = %d in %v", u, n, a)
			}
		}
		if back := must(ParseSet(a.String())); !back.Equal(a) {
			t.Fatalf("text: %v became %v", a, back)
		}
		if back := must(Decode(a.Append(nil))); !back.Equal(a) || len(a.Append(nil)) != a.BinarySize() {
			t.Fatalf("binary: %v became %v", a, back)
		}
		if keep != a.String()+"|"+b.String() {
			t.Fatal("a method changed its receiver or argument")
		}
	}
}

func TestBuilderAgainstSet(t *testing.T) {
	uuids := []UUID{must(ParseUUID(uuidA)), must(ParseUUID(uuidB)), {1}}
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		start, _ := randomSet(r, uuids)
		b, want := NewBuilder(start), start
		type shot struct {
			set  Set
			text string
		}
		var shots []shot
		for range 200 {
			switch g := (GTID{uuids[r.IntN(3)], 1 + r.Int64N(60)}); r.IntN(10) {
			case 0:
				s := b.Set()
				shots = append(shots, shot{s, s.String()})
			case 1:
				more, _ := randomSet(r, uuids)
				b.AddSet(more)
				want = want.Union(more)
			default:
				if isNew := b.Add(g); isNew == want.Contains(g) {
					t.Fatalf("Add(%v) = %v", g, isNew)
				}
				want = want.Add(g)
			}
			if !b.set.Equal(want) {
				t.Fatalf("builder has %v, want %v", b.set, want)
			}
		}
		for _, s := range shots {
			if s.set.String() != s.text {
				t.Fatalf("a set changed after it was handed out: %v, was %v", s.set, s.text)
			}
		}
		if !start.Equal(must(ParseSet(start.String()))) {
			t.Fatal("the set a builder began with changed")
		}
	}
}

func TestNextAtTheEnd(t *testing.T) {
	u := UUID{1}
	s := Set{}.AddRange(u, Interval{1, MaxGNO})
	if n := s.Next(u); n != 0 {
		t.Errorf("Next = %d of a full set", n)
	}
	if s.Count() != MaxGNO {
		t.Errorf("Count = %d", s.Count())
	}
	if got := s.AddRange(u, Interval{-5, 1<<63 - 1}); !got.Equal(s) {
		t.Errorf("AddRange beyond the ends: %v", got)
	}
	if got := (Set{}).Add(GTID{}); !got.IsEmpty() {
		t.Errorf("the zero GTID was added: %v", got)
	}
}

// TestAgainstGoMySQL compares text and binary forms with another implementation.
func TestAgainstGoMySQL(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 3))
		s, _ := randomSet(r, []UUID{must(ParseUUID(uuidA)), {1}, {0xff}})
		if s.IsEmpty() {
			continue
		}
		theirs, err := gomysql.DecodeMysqlGTIDSet(s.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		text, err := gomysql.ParseMysqlGTIDSet(s.String())
		if err != nil {
			t.Fatal(err)
		}
		if !theirs.Equal(text) {
			t.Fatalf("binary form %v, text %v", theirs, text)
		}
		if back := must(ParseSet(theirs.String())); !back.Equal(s) {
			t.Fatalf("%v came back as %v", s, back)
		}
		if back := must(Decode(theirs.Encode())); !back.Equal(s) {
			t.Fatalf("%v came back as %v", s, back)
		}
	}
}

func TestDecodeRefusesMalformed(t *testing.T) {
	s := must(ParseSet(uuidA + ":1-5:7," + uuidB + ":3"))
	good := s.Append(nil)
	for n := range good {
		if _, err := Decode(good[:n]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("Decode of %d of %d bytes: %v", n, len(good), err)
		}
	}
	if _, err := Decode(append(slices.Clone(good), 0)); !errors.Is(err, ErrMalformed) {
		t.Errorf("a byte too many: %v", err)
	}
	for name, at := range map[string]int{"servers": 0, "intervals": 24, "start": 32, "end": 40} {
		bad := slices.Clone(good)
		bad[at+7] = 0xff
		if _, err := Decode(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s beyond the length: %v", name, err)
		}
	}
	if s, err := Decode(make([]byte, 8)); err != nil || !s.IsEmpty() {
		t.Errorf("the empty set: %v, %v", s, err)
	}
}

func FuzzParseSet(f *testing.F) {
	for _, s := range []string{"", uuidA + ":1-5:7", uuidA + ":1,\n" + uuidB + ":2-3", ":", "," + uuidA, uuidA + ":5-3:9223372036854775806"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSet(text)
		if err != nil {
			return
		}
		if back, err := ParseSet(s.String()); err != nil || !back.Equal(s) {
			t.Fatalf("%q → %v → %v, %v", text, s, back, err)
		}
		if back, err := Decode(s.Append(nil)); err != nil || !back.Equal(s) {
			t.Fatalf("%q → %v → %v, %v", text, s, back, err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", uuidA + ":1-5:7", uuidA + ":1," + uuidB + ":2-3:5:7:9"} {
		f.Add(must(ParseSet(s)).Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(b)
		if err != nil {
			return
		}
		if back, err := Decode(s.Append(nil)); err != nil || !back.Equal(s) {
			t.Fatalf("%x → %v → %v, %v", b, s, back, err)
		}
	})
}

func BenchmarkBuilderAdd(b *testing.B) {
	b.ReportAllocs()
	bl := NewBuilder(must(ParseSet(uuidA + ":1-100:200-300")))
	g := GTID{must(ParseUUID(uuidA)), 1000}
	for b.Loop() {
		g.GNO++
		bl.Add(g)
	}
}

func BenchmarkSetAdd(b *testing.B) {
	b.ReportAllocs()
	s := must(ParseSet(uuidA + ":1-100:200-300"))
	g := GTID{must(ParseUUID(uuidA)), 1000}
	for b.Loop() {
		g.GNO++
		s = s.Add(g)
	}
}

func ExampleSet_String() {
	s, _ := ParseSet(uuidA + ":3:1-2," + uuidB + ":9")
	fmt.Println(s)
	// Output:
	// 00000000-0000-0000-0000-00000000000b:9,
	// 3e11fa47-71ca-11e1-9e33-c80aa9429562:1-3
}
