package sql

import "testing"

// MIN and MAX of a primary key, which the engine reads from one end of it.
func TestExtremes(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, v INT)", "CREATE TABLE two (a INT, b INT, PRIMARY KEY (a, b))")
	for _, q := range []struct{ query, empty, full string }{
		{"SELECT MAX(id) FROM t", "NULL", "9"},
		{"SELECT MIN(id) FROM t", "NULL", "-3"},
		{"SELECT COALESCE(MAX(id), 0) + 1 AS next FROM t", "1", "10"},
		{"SELECT MAX(a) FROM two", "NULL", "4"},
		{"SELECT MIN(id) FROM t WHERE id > 100", "NULL", "NULL"},
		{"SELECT (SELECT MAX(id) FROM t) IS NULL", "true", "false"},
		{"SELECT m FROM (SELECT MAX(id) AS m FROM t) x", "NULL", "9"},
		{"SELECT two.a FROM two WHERE two.a <> (SELECT IFNULL(MAX(id), 7) FROM t WHERE id > two.b)", "", "4"},
	} {
		c.want(q.query, q.empty)
		c.exec("INSERT INTO t VALUES (-3, 1), (9, 2)", "INSERT INTO two VALUES (4, 1)")
		c.want(q.query, q.full)
		c.exec("DELETE FROM t", "DELETE FROM two")
	}
}
