package sql

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
)

// Conditions through an index must find what a scan of the same rows finds.
func TestRanges_IndexAgreesWithScan(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d")
	columns := "a INT, b VARCHAR(10), e DECIMAL(6,2), f DATETIME(2), g VARCHAR(20) COLLATE utf8mb4_bin, h BIGINT UNSIGNED, i ENUM('x','y','z'), j DOUBLE, k BINARY(3)"
	c.exec("CREATE TABLE keyed (id INT PRIMARY KEY, "+columns+", KEY (a, b), KEY (b), UNIQUE KEY (e, id), KEY (f), KEY g (g(3)), KEY (h, a), KEY (i), KEY (j), KEY (k))",
		"CREATE TABLE plain (id INT, "+columns+")")
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	a := func() string { return pick("NULL", "-5", "0", "1", "2", "3", "100", "2147483647") }
	b := func() string { return pick("NULL", "''", "'a'", "'A'", "'b'", "'ab'", "'ä'", "'zz'") }
	e := func() string { return pick("NULL", "-9999.99", "0", "1.5", "1.50", "1.51", "9999.99") }
	f := func() string {
		return pick("NULL", "'2020-01-01'", "'2020-01-01 00:00:00.50'", "'2021-06-01 12:00:00'", "'9999-12-31 23:59:59.99'")
	}
	g := func() string { return pick("NULL", "'abc'", "'abcd'", "'abcz'", "'ABC'", "'abd'", "''") }
	h := func() string { return pick("NULL", "0", "1", "18446744073709551615", "9223372036854775808") }
	i := func() string { return pick("NULL", "'x'", "'y'", "'z'") }
	j := func() string { return pick("NULL", "-4096", "-2", "0", "3", "65536") }
	k := func() string { return pick("NULL", "x'00'", "x'0001'", "x'ffffff'", "x'61'") }
	for id := range 150 {
		row := strings.Join([]string{fmt.Sprint(id), a(), b(), e(), f(), g(), h(), i(), j(), k()}, ",")
		c.exec("INSERT INTO keyed VALUES ("+row+")", "INSERT INTO plain VALUES ("+row+")")
	}
	operator := func() string { return pick("=", "<", "<=", ">", ">=", "<>", "<=>") }
	columnsOf := map[string]func() string{"a": a, "b": b, "e": e, "f": f, "g": g, "h": h, "i": i, "j": j, "k": k,
		"id": func() string { return fmt.Sprint(r.IntN(160) - 5) }}
	names := []string{"a", "b", "e", "f", "g", "h", "i", "j", "k", "id"}
	condition := func() string {
		n := names[r.IntN(len(names))]
		v := columnsOf[n]
		switch r.IntN(6) {
		case 0:
			return n + pick(" IS NULL", " IS NOT NULL")
		case 1:
			return fmt.Sprintf("%s IN (%s, %s, %s)", n, v(), v(), v())
		case 2:
			return fmt.Sprintf("%s BETWEEN %s AND %s", n, v(), v())
		}
		return n + operator() + v()
	}
	for range 600 {
		where := condition()
		for r.IntN(2) == 0 {
			where += pick(" AND ", " OR ") + condition()
		}
		keyed, plain := "SELECT id FROM keyed WHERE "+where, "SELECT id FROM plain WHERE "+where
		got, want := sortedLines(c.rows(keyed)), sortedLines(c.rows(plain))
		if got != want {
			t.Fatalf("WHERE %s\nindex: %s\n scan: %s", where, got, want)
		}
		locked, err := c.query(keyed + " FOR UPDATE")
		if err != nil {
			t.Fatalf("%s FOR UPDATE: %v", keyed, err)
		}
		if got := sortedLines(format(locked)); got != want {
			t.Fatalf("FOR UPDATE WHERE %s\nindex: %s\n scan: %s", where, got, want)
		}
	}
	for _, order := range []string{"a", "b", "e", "f", "h", "i", "j", "k", "id", "a DESC", "b DESC", "h DESC, a DESC", "id DESC"} {
		column, _, _ := strings.Cut(order, " ")
		query := fmt.Sprintf("SELECT %s FROM %%s WHERE %s IS NOT NULL ORDER BY %s", strings.Trim(column, ","), strings.Trim(column, ","), order)
		got, want := c.rows(fmt.Sprintf(query, "keyed")), c.rows(fmt.Sprintf(query, "plain"))
		if !strings.EqualFold(strings.ReplaceAll(got, "ä", "a"), strings.ReplaceAll(want, "ä", "a")) {
			t.Errorf("ORDER BY %s\nindex: %q\n scan: %q", order, got, want)
		}
	}
	c.want("SELECT COUNT(*) FROM keyed x JOIN keyed y ON x.h = y.h AND x.a = y.a", c.rows("SELECT COUNT(*) FROM plain x JOIN plain y ON x.h = y.h AND x.a = y.a"))
	c.want("SELECT COUNT(*) FROM keyed x JOIN keyed y ON x.h = y.a", c.rows("SELECT COUNT(*) FROM plain x JOIN plain y ON x.h = y.a"))
}

func sortedLines(s string) string {
	lines := strings.Split(s, "\n")
	sort.Strings(lines)
	return strings.Join(lines, " ")
}
