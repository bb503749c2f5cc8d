package direct_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/direct"
)

func TestCut(t *testing.T) {
	for _, x := range []struct {
		query, shape string
		values       string
	}{
		{"SELECT c FROM t WHERE id=5", "SELECT c FROM t WHERE id=?", "[{2 5 }]"},
		{"  select\tc \n from t where id = -5 ; ", "select c from t where id = ?", "[{1 18446744073709551611 }]"},
		{"SELECT c FROM t WHERE id BETWEEN -1 AND 18446744073709551615", "SELECT c FROM t WHERE id BETWEEN ? AND ?", "[{1 18446744073709551615 } {2 18446744073709551615 }]"},
		{"UPDATE t SET k=k-1,c='é ' WHERE id=?", "UPDATE t SET k=k-?,c=? WHERE id=?", "[{2 1 } {3 0 é } {5 0 }]"},
		{"INSERT INTO `a b`.t VALUES (?, NULL, '', 0)", "INSERT INTO `a b`.t VALUES (?, NULL, ?, ?)", "[{5 0 } {3 0 } {2 0 }]"},
		{"COMMIT", "COMMIT", "[]"},
	} {
		var c direct.Cutting
		if !c.Cut(x.query) || string(c.Shape) != x.shape || fmt.Sprint(c.Values) != x.values {
			t.Errorf("%s\n  %q %v", x.query, c.Shape, c.Values)
		}
	}
	for _, query := range []string{
		"", "S", "SELECT 'a\\'b' FROM t", "SELECT 'a''b' FROM t", "SELECT \"a\" FROM t", "SELECT @a FROM t", "SELECT 1.5 FROM t", "SELECT 1e5 FROM t", "SELECT 0x1 FROM t",
		"SELECT x'00' FROM t", "SELECT _utf8'a' FROM t", "SELECT c FROM t WHERE id = 18446744073709551616", "SELECT c FROM t WHERE id = -9223372036854775809",
		"SELECT /* c */ c FROM t", "SELECT c FROM t -- c", "SELECT c FROM t # c", "SELECT c FROM t; SELECT 1", "SELECT 'a\xff' FROM t", "SELECT 'a", "SELECT `a", "SELECT ü FROM t",
		"SELECT c FROM t WHERE id IN (" + strings.Repeat("1,", 70) + "1)", "SELECT '" + strings.Repeat("x", 20000) + "'", "SHOW TABLES LIKE 'x%' ESCAPE '|' %",
	} {
		var c direct.Cutting
		if c.Cut(query) {
			t.Errorf("%.60q is cut to %q", query, c.Shape)
		}
	}
}

// FuzzCut puts the constants back into their shape: the text must parse to what
// the original parses to.
func FuzzCut(f *testing.F) {
	for _, query := range []string{
		"SELECT c FROM t WHERE id=5", "SELECT a.c FROM t AS a WHERE a.id = -5 AND b = 'x y'", "UPDATE t SET k=k-1, c='é' WHERE id=1", "DELETE FROM `t` WHERE id=-7;",
		"INSERT INTO t (a, b) VALUES (1, 'x'), (NULL, '')", "SELECT SUM(k) FROM t WHERE id BETWEEN 1 AND 2", "SELECT 'a' 'b' FROM t", "BEGIN", "SELECT 1-1, - 1, -1 FROM t",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		var c direct.Cutting
		if !c.Cut(query) {
			return
		}
		want, err := sqlparser.Parse(query)
		if err != nil || direct.Parse(string(c.Shape)) == nil {
			return
		}
		text := string(c.Shape)
		for _, v := range c.Values {
			s := "'" + v.Text + "'"
			switch v.Kind {
			case direct.Int:
				s = fmt.Sprint(int64(v.Number))
			case direct.Uint:
				s = fmt.Sprint(v.Number)
			case direct.Param:
				return
			}
			text = strings.Replace(text, "?", s, 1)
		}
		got, err := sqlparser.Parse(text)
		if err != nil || sqlparser.String(got) != sqlparser.String(want) {
			t.Errorf("%q\nis cut to %q\nwhich is %q, %v", query, c.Shape, text, err)
		}
	})
}

func TestParse(t *testing.T) {
	for shape, want := range map[string]string{
		"SELECT c FROM t WHERE id = ?":                                 "{c  false false} {id 0}",
		"SELECT c x, d FROM db.t AS a WHERE (a.id = ? AND a.b = ?)":    "{c x false false} {d  false false} {id 0} {b 1}",
		"SELECT * FROM t WHERE id = ?":                                 "{id 0}",
		"SELECT SUM(k) FROM t WHERE id BETWEEN ? AND ?":                "{k  true false} &{id 0 1}",
		"SELECT DISTINCT c FROM t WHERE id BETWEEN ? AND ? ORDER BY c": "{c  false false} &{id 0 1} c true",
		"UPDATE t SET k = k + ?, c = ?, d = NULL WHERE id = ?":         "{id 2} {k 0 1} {c 1 0} {d -1 0}",
		"DELETE FROM t WHERE id = ?":                                   "{id 0}",
		"INSERT INTO t (a, b) VALUES (?, NULL), (?, ?)":                "[a b] [[0 -1] [1 2]]",
		"SELECT c FROM t":                                                 "",
		"SELECT c FROM t WHERE id = ? LIMIT ?":                            "",
		"SELECT c FROM t WHERE id = ? FOR UPDATE":                         "",
		"SELECT c FROM t WHERE id > ?":                                    "",
		"SELECT c FROM t, u WHERE id = ?":                                 "",
		"SELECT c FROM (SELECT * FROM t) x WHERE id = ?":                  "",
		"SELECT c + ? FROM t WHERE id = ?":                                "",
		"SELECT c FROM t WHERE id = ? UNION SELECT c FROM t WHERE id = ?": "",
		"SELECT c FROM t USE INDEX (x) WHERE id = ?":                      "",
		"SELECT u.c FROM t WHERE id = ?":                                  "",
		"SELECT DISTINCT c FROM t WHERE id BETWEEN ? AND ?":               "",
		"UPDATE t SET k = j + ? WHERE id = ?":                             "",
		"UPDATE t, u SET k = ? WHERE id = ?":                              "",
		"UPDATE t SET k = ?":                                              "",
		"DELETE FROM t":                                                   "",
		"DELETE t FROM t WHERE id = ?":                                    "",
		"INSERT INTO t VALUES (?) ON DUPLICATE KEY UPDATE a = ?":          "",
		"INSERT INTO t SELECT ?":                                          "",
		"INSERT INTO t VALUES (? + ?)":                                    "",
		"REPLACE INTO t VALUES (?)":                                       "",
		"not SQL":                                                         "",
	} {
		got := ""
		if st := direct.Parse(shape); st != nil {
			var parts []string
			add := func(v any) { parts = append(parts, fmt.Sprint(v)) }
			for _, o := range st.Output {
				add(o)
			}
			for _, w := range st.Where {
				add(w)
			}
			if st.Range != nil {
				add(st.Range)
			}
			if st.Sort != "" {
				add(st.Sort)
				add(st.Once)
			}
			for _, s := range st.Set {
				add(s)
			}
			if st.Columns != nil {
				add(st.Columns)
				add(st.Rows)
			}
			got = strings.Join(parts, " ")
		}
		if got != want {
			t.Errorf("%s: %q, want %q", shape, got, want)
		}
	}
}
