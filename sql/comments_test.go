package sql

import "testing"

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
