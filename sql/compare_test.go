package sql

import "testing"

// Values of different types compare as MySQL compares them; choices between
// numbers have the most decimals of one; REPLACE counts what it takes away.
func TestServer_MixedTypes(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, b BIGINT, u BIGINT UNSIGNED, d DECIMAL(10,2), f DOUBLE, s VARCHAR(10), dt DATE, tm TIME, dd DATETIME(3), KEY (tm), KEY (f))",
		"INSERT INTO t VALUES (1, 9223372036854775807, 18446744073709551615, 12.34, 12.345, '12x', '2024-02-29', '12:30:45', '2024-02-29 12:30:45.123'), "+
			"(2, -1, 2, 0.5, 0.5, '3', '2023-12-31', '-01:02:03', '2023-12-31 00:00:00')")
	c.exec("CREATE TABLE n (id INT, f DOUBLE, d DECIMAL(10,2), b INT)", "INSERT INTO n VALUES (1, 1.5, 2.5, 3), (2, NULL, NULL, NULL)", "ALTER TABLE t ADD KEY (d)")
	for query, want := range map[string]string{
		"SELECT id FROM t WHERE tm IN ('12:30:45', '1:2:3')":                                                                               "1",
		"SELECT tm = '123045', tm < '9:00:00', tm = 123045, TIME '100:00:00' < '10:11:12' FROM t WHERE id = 1":                             "true|false|true|false",
		"SELECT tm BETWEEN '1:0:0' AND '13:0:0' FROM t ORDER BY id":                                                                        "true\nfalse",
		"SELECT f = d, f > d, f IN (12.345, 7), f BETWEEN 12.3 AND 12.4 FROM t WHERE id = 1":                                               "false|true|true|true",
		"SELECT b < u, b = u, u > -1, b <=> u, u = 1.8446744073709552e19 FROM t WHERE id = 1":                                              "true|false|true|false|true",
		"SELECT b < u, b = u, u > -1 FROM t WHERE id = 2":                                                                                  "true|false|true",
		"SELECT IF(1, 1, 2.50), IFNULL(1, 2.5), COALESCE(NULL, 1, 2.555), CASE WHEN 1 THEN 1 ELSE 2.55 END":                                "1.00|1.0|1.000|1.00",
		"SELECT x + 1 FROM (SELECT IF(id = 1, 1, 1.5) AS x FROM t) q ORDER BY 1":                                                           "2.0\n2.5",
		"SELECT DATEDIFF('9999-12-31', '1000-01-01'), DATEDIFF('2024-03-01', '2024-02-28 23:59:59')":                                       "3287181|2",
		"SELECT a.id, b.id FROM t a JOIN t b ON a.u = b.id":                                                                                "2|2",
		"SELECT CAST(dt AS CHAR), CONCAT(tm), CAST(dd AS CHAR), LENGTH(dt), GROUP_CONCAT(dt) FROM t WHERE id = 1 GROUP BY id":              "2024-02-29|12:30:45|2024-02-29 12:30:45.123|10|2024-02-29",
		"SELECT id, SUM(f) OVER w, SUM(d) OVER w, AVG(b) OVER w FROM n WINDOW w AS (ORDER BY id ROWS BETWEEN CURRENT ROW AND CURRENT ROW)": "1|1.5|2.50|3.0000\n2|NULL|NULL|NULL",
		"SELECT id FROM t WHERE d <> 0.4999 AND d <= 12.344 ORDER BY id":                                                                   "1\n2",
		"SELECT id FROM t WHERE id = 1 AND d = 12.344":                                                                                     "",
		"SELECT id FROM t WHERE d < 12.3399":                                                                                               "2",
		"SELECT id FROM t WHERE d = 12.344 OR d >= 12.3401":                                                                                "",
		"SELECT id FROM t WHERE d BETWEEN 12.3399 AND 12.3401":                                                                             "1",
	} {
		c.want(query, want)
	}
	c.exec("CREATE TABLE r (a INT PRIMARY KEY, b INT UNIQUE, c INT)", "INSERT INTO r VALUES (1, 1, 1), (2, 2, 2)", "REPLACE INTO r VALUES (1, 2, 5)")
	c.want("SELECT ROW_COUNT()", "3")
	c.exec("CREATE TABLE o (a INT PRIMARY KEY, c INT)", "REPLACE INTO o VALUES (1, 1)", "REPLACE INTO o VALUES (1, 1)")
	c.want("SELECT ROW_COUNT()", "1")
}
