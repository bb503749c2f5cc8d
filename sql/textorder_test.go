package sql

import (
	"testing"

	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/sql/tables"
)

// Strings compare as if the shorter one went on with spaces, under PAD SPACE
// collations only, and those that are equal weigh the same.
func TestCompareText(t *testing.T) {
	ci, bin, nopad := gms.Collation_utf8mb4_general_ci, gms.Collation_utf8mb4_bin, gms.Collation_utf8mb4_0900_ai_ci
	for _, c := range []struct {
		collation gms.CollationID
		a, b      string
		want      int
	}{
		{ci, "a", "A ", 0}, {ci, "a", "b", -1}, {ci, "a\t", "a", -1}, {ci, "a", "a\t", 1}, {ci, "", "  ", 0}, {ci, "ä", "A", 0},
		{bin, "a", "a ", 0}, {bin, "a", "A", 1}, {bin, "a\x01", "a ", -1},
		{nopad, "a", "A", 0}, {nopad, "a", "a ", -1}, {nopad, "ab", "a", 1},
	} {
		if got := tables.CompareText(c.collation, c.a, c.b); got != c.want {
			t.Errorf("%s: %q and %q give %d, want %d", c.collation.Name(), c.a, c.b, got, c.want)
		}
		v, err1 := weightOf(c.collation, c.a)
		w, err2 := weightOf(c.collation, c.b)
		if err1 != nil || err2 != nil || (v == w) != (c.want == 0) {
			t.Errorf("%s: weights of %q and %q: %v, %v %v", c.collation.Name(), c.a, c.b, v == w, err1, err2)
		}
	}
}

// What MySQL 8.0's DTCollation::aggregate says of two expressions' collations.
func TestMixJoin(t *testing.T) {
	ci, unicode, bin := gms.Collation_utf8mb4_general_ci, gms.Collation_utf8mb4_unicode_ci, gms.Collation_utf8mb4_bin
	latin, binary := gms.Collation_latin1_swedish_ci, gms.Collation_binary
	for _, c := range []struct {
		a, b, want mix
		ok         bool
	}{
		{mix{collation: ci, strength: implicit}, mix{collation: unicode, strength: literal}, mix{collation: ci, strength: implicit}, true},
		{mix{collation: ci, strength: implicit}, mix{collation: unicode, strength: implicit}, mix{collation: bin, strength: noneLeft}, true},
		{mix{collation: ci, strength: implicit}, mix{collation: bin, strength: implicit}, mix{collation: bin, strength: implicit}, true},
		{mix{collation: ci}, mix{collation: unicode}, mix{collation: binary, strength: noneLeft}, false},
		{mix{collation: ci, strength: implicit}, mix{collation: latin, strength: implicit}, mix{collation: ci, strength: implicit}, true},
		{mix{collation: latin, strength: implicit}, mix{collation: ci, strength: literal}, mix{collation: latin, strength: implicit}, true},
		{mix{collation: binary, strength: literal}, mix{collation: ci, strength: implicit}, mix{collation: ci, strength: implicit}, true},
		{mix{collation: binary, strength: implicit}, mix{collation: ci, strength: implicit}, mix{collation: binary, strength: implicit}, true},
	} {
		if got, ok := c.a.join(c.b); got != c.want || ok != c.ok {
			t.Errorf("%v with %v: %v %v", c.a, c.b, got, ok)
		}
	}
}

// LIKE takes its pattern character by character.
func TestLikePattern(t *testing.T) {
	for _, c := range []struct {
		text, pattern string
		want          bool
	}{
		{"abc", "A%", true}, {"abc", "a_c", true}, {"abc", `a\_c`, false}, {"a_c", `a\_c`, true}, {"", "%", true}, {"", "_", false},
		{"abcabc", "%b%b_", true}, {"ab", "%b_", false}, {"a ", "a", false}, {"äb", "_b", true}, {`a\`, `a\`, true}, {"aXbXc", "a%x_", true},
	} {
		if got := newLikePattern(gms.Collation_utf8mb4_general_ci, c.pattern, '\\').matches(c.text); got != c.want {
			t.Errorf("%q LIKE %q: %v", c.text, c.pattern, got)
		}
	}
}
