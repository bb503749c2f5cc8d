package sql

import "testing"

// IN, DISTINCT and UNION hold strings to be equal that their collation does. Of
// two columns a _bin one wins.
func TestCollated(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d",
		"CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20), b VARCHAR(20) COLLATE utf8mb4_bin, g VARCHAR(20) COLLATE utf8mb4_general_ci, KEY s (s))",
		"INSERT INTO t VALUES (1, 'Abc', 'Abc', 'Abc'), (2, 'ABC', 'ABC', 'abc '), (3, 'xyz', 'xyz', 'xyz'), (4, NULL, NULL, NULL), (5, 'Ä', 'Ä', 'Ä')")
	c.exec("CREATE TABLE k (s VARCHAR(9), CONSTRAINT k CHECK (s IN ('A', 'b')))", "INSERT INTO k VALUES ('a')")
	c.fails(3819, "INSERT INTO k VALUES ('q')")
	for query, want := range map[string]string{
		"SELECT id FROM t WHERE s IN ('ABC', 'q') ORDER BY id":                                                  "1\n2",
		"SELECT id FROM t WHERE s NOT IN ('abc', 'a') ORDER BY id":                                              "3",
		"SELECT id FROM t WHERE b IN ('abc', 'ABC') ORDER BY id":                                                "2",
		"SELECT id FROM t WHERE g IN ('ABC') ORDER BY id":                                                       "1\n2",
		"SELECT id, s IN ('ABC', NULL), s IN ('q', UPPER(b)) FROM t ORDER BY id":                                "1|true|false\n2|true|true\n3|NULL|false\n4|NULL|NULL\n5|NULL|true",
		"SELECT id FROM t WHERE s IN ('a', 'XYZ') AND id IN (1, 3)":                                             "3",
		"SELECT COUNT(*) FROM (SELECT DISTINCT s FROM t) x":                                                     "4",
		"SELECT COUNT(*) FROM (SELECT DISTINCT b FROM t) x":                                                     "5",
		"SELECT COUNT(*) FROM (SELECT DISTINCT s, id > 1 FROM t) x":                                             "5",
		"SELECT COUNT(*) FROM (SELECT s FROM t UNION SELECT LOWER(s) FROM t) x":                                 "4",
		"SELECT COUNT(*) FROM (SELECT s FROM t UNION ALL SELECT s FROM t) x":                                    "10",
		"SELECT s FROM t WHERE s IS NOT NULL UNION SELECT UPPER(s) FROM t WHERE id = 3 ORDER BY s DESC LIMIT 1": "xyz",
	} {
		c.want(query, want)
	}
}

// UPDATE and DELETE of one table compare as SELECT does, also where an index
// looks useful but has another collation than the comparison, and with texts
// that are no members of an ENUM.
func TestCollated_Changes(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d",
		"CREATE TABLE t (id INT PRIMARY KEY, b VARCHAR(20) COLLATE utf8mb4_bin, e ENUM('a','B','c'), KEY b (b), KEY e (e, id))",
		"INSERT INTO t VALUES (1, 'abc', 'a'), (2, 'ABC', 'B'), (3, 'xyz', 'c'), (4, NULL, NULL), (5, 'Abc', 'a')")
	c.exec("UPDATE t SET e = 'c' WHERE b = 'abc' COLLATE utf8mb4_0900_ai_ci AND id > 1", "UPDATE t SET b = 'q' WHERE 'zz' = e OR e = 'C'", "UPDATE t SET b = 'never' WHERE BINARY 'ä' = e")
	c.want("SELECT id, b, e FROM t ORDER BY id", "1|abc|1\n2|q|3\n3|q|3\n4|NULL|NULL\n5|q|3")
	c.exec("DELETE FROM t WHERE e > 'zz'", "DELETE FROM t WHERE (e, id) IN (('zz', 1), (NULL, 2))", "DELETE FROM t WHERE b IN ('ABC' COLLATE utf8mb4_0900_ai_ci, 'zz')", "DELETE FROM t WHERE 'b' >= e AND id < 4")
	c.want("SELECT id FROM t ORDER BY id", "2\n3\n4\n5")
	c.want("SELECT id FROM t WHERE (id, NULL) IN ((2, 'a'), (3, '10')) OR (id, 'A') IN ((3, 'a'))", "3")
}
