package sql

import "testing"

// Members of an ENUM or SET are texts where a text is wanted; dates and times
// are numbers made of their digits where a number is. Each value is MySQL's.
func TestServer_Conversions(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d",
		"CREATE TABLE w (id INT PRIMARY KEY, v INT, d DATETIME, dd DATE, t TIME, e ENUM('a','b','c'), s SET('x','y'), txt VARCHAR(20))",
		"INSERT INTO w VALUES (1, 5, '2024-01-02 03:04:05', '2024-01-02', '10:11:12', 'b', 'x,y', 'q'), "+
			"(2, 3, '2023-01-02 03:04:05', '2023-01-02', '-10:11:12', 'a', 'y', 'q'), (3, 9, '2022-01-02 03:04:05', '2022-01-02', '100:11:12', 'c', 'x', 'q')")
	for query, want := range map[string]string{
		"SELECT CAST(d AS SIGNED), CAST(dd AS SIGNED), CAST(t AS SIGNED), dd + 0, t + 0, -dd FROM w WHERE id = 2":           "20230102030405|20230102|-101112|20230102|-101112|-20230102",
		"SELECT CAST(SUBTIME(d, '10:00:00') AS SIGNED) FROM w WHERE id = 1":                                                 "20240101170405",
		"SELECT CAST(SUM(t) AS SIGNED), MAX(s), MIN(e) FROM w":                                                              "1001112|y|a",
		"SELECT e + 0, LPAD(e, 3, 'x'), MD5(e), UPPER(s), IF(1, e, ''), COALESCE(e, 'z'), IFNULL(s, 'z') FROM w WHERE id=1": "2|xxb|92eb5ffee6ae2fec3ad71c777531578f|X,Y|b|b|x,y",
		"SELECT id, MIN(v) OVER (ORDER BY id DESC), SUM(v) OVER (ORDER BY id DESC) FROM w ORDER BY id":                      "1|3|17\n2|3|12\n3|9|9",
		"SELECT (255 | -7) & 5, (-3 >> 0) >> 0, 1 << 63, 1 << 64, 18446744073709551615 & 1, -1 ^ 1, 1.5 | 0, '7' & 3":       "5|18446744073709551613|9223372036854775808|0|1|18446744073709551614|2|3",
		"SELECT CAST(99999.99 AS DECIMAL), CAST(1.5e0 AS DECIMAL(10,0)), FROM_BASE64('x'), TIME_TO_SEC(TIME '100:00:00')":   "100000|2|NULL|360000",
	} {
		c.want(query, want)
	}
	c.exec("INSERT INTO w (id, txt) SELECT id + 10, e FROM w WHERE id < 4", "UPDATE w SET txt = s WHERE id < 4")
	c.want("SELECT id, txt FROM w ORDER BY id", "1|x,y\n2|y\n3|x\n11|b\n12|a\n13|c")
}
