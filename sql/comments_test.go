package sql

import (
	"strings"
	"testing"
)

func TestHideComments(t *testing.T) {
	for in, want := range map[string]string{
		"SELECT 1":                               "SELECT 1",
		"/*!40101 SET x */":                      "/*!40101 SET x */",
		"/*!999999\\- enable */ SELECT 1":        "/* 999999\\- enable */ SELECT 1",
		"/*M!100100 x */":                        "/*  100100 x */",
		"SELECT '/*!99999 a*/', \"/*M! b*/\"":    "SELECT '/*!99999 a*/', \"/*M! b*/\"",
		"SELECT 1 -- /*!99999 a\n+ /*!99999 2*/": "SELECT 1 -- /*!99999 a\n+ /* 99999 2*/",
		"/*! always */":                          "/*! always */",
		"/*!50500 a /*":                          "/*!50500 a /*",
		"'it\\'s /*!99999*/'":                    "'it\\'s /*!99999*/'",
		"/*":                                     "/*",
	} {
		if got := hideComments(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Only markers of comments are blanked: everything else keeps its place, and a
// second pass finds nothing more.
func FuzzHideComments(f *testing.F) {
	for _, q := range []string{"/*!999999\\- x */ SELECT 1", "/*M!100100 x */", "'it\\'s' \"/*M!\" /*", "-- a\n/*!50500 /*!99999 */*/"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, q string) {
		out := hideComments(q)
		if len(out) != len(q) {
			t.Fatalf("%q became %q", q, out)
		}
		for i := range len(q) {
			if out[i] != q[i] && (out[i] != ' ' || !strings.ContainsRune("M!", rune(q[i]))) {
				t.Fatalf("%q became %q", q, out)
			}
		}
		if again := hideComments(out); again != out {
			t.Fatalf("%q, then %q", out, again)
		}
	})
}
