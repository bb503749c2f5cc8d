package sql

import "testing"

// Arithmetic overflows as in MySQL, keeps the digits that MySQL keeps, and takes
// dates, texts and typed literals for the numbers that they are there.
func TestServer_Arithmetic(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, b BIGINT, u BIGINT UNSIGNED, d DECIMAL(10,2), s VARCHAR(10), dt DATE, tm TIME, dd DATETIME(3), e ENUM('x','y'), y YEAR)",
		"INSERT INTO t VALUES (1, 9223372036854775807, 18446744073709551615, 12.34, '12x', '2024-02-29', '12:30:45', '2024-02-29 12:30:45.123', 'y', 2024), "+
			"(2, 1, 2, 0.5, '3', '2023-12-31', '-01:02:03', '2023-12-31 00:00:00', 'x', 1999)")
	for _, q := range []string{"b + 1", "b * 2", "-u", "u - 3", "u + 1", "9223372036854775807 + 1", "1e308 * 10", "y - 2000", "-b - 2"} {
		c.fails(1690, "SELECT "+q+" FROM t")
	}
	c.fails(1690, "UPDATE t SET b = b + 1 WHERE id = 1")
	c.exec("SET sql_mode = CONCAT(@@sql_mode, ',NO_UNSIGNED_SUBTRACTION')")
	c.want("SELECT u - 3 FROM t WHERE id = 2", "-1")
	for query, want := range map[string]string{
		"SELECT 1/3, (1/3)*3, 2/3, 10/4, 1.5/3, 1/0":                                            "0.3333|1.0000|0.6667|2.5000|0.50000|NULL",
		"SELECT 5 DIV 2, -5 DIV 2, 5.5 DIV 2, 5 DIV 0.5, 1 DIV 0, 5 % 3, -5 % 3, 5.5 % 2":       "2|-2|2|10|NULL|2|-2|1.5",
		"SELECT 1.1 + 2.22, 1.10 * 2.20, 3 - 1.5, 'a' * 2, NULL + 1, TRUE + TRUE, X'0A' + 1":    "3.32|2.4200|1.5|0|NULL|2|11",
		"SELECT d / 3, d * d, d % 5, -d, 12.345 / (d / d) FROM t WHERE id = 1":                  "4.113333|152.2756|2.34|-12.34|12.3450000",
		"SELECT dt + 0, tm + 0, dd + 0, e + 0, y + 1 FROM t WHERE id = 1":                       "20240229|123045|20240229123045.123|2|2025",
		"SELECT DATE '2024-02-29' + 0, TIME '12:30:45.5' + 0, TIMESTAMP '2024-02-29 1:2:3' + 0": "20240229|123045.5|20240229010203",
		"SELECT SUM(1/3), AVG(d/3) FROM t":                                                      "0.6667|2.1399999995",
		"SELECT -(-5), 5 - -3, 1.0 / 3.00, 0.00 / 5":                                            "5|8|0.33333|0.000000",
		"SELECT NULL IS UNKNOWN, 1 IS NOT UNKNOWN, INTERVAL(5, 1, 5, 9), INTERVAL(NULL, 1)":     "true|true|2|-1",
		"SELECT (1, 2) < (1, 3), (1, NULL) < (2, 1), (1, NULL) < (1, 1), (1, 2) >= (1, 2)":      "true|true|NULL|true",
		"SELECT id FROM t WHERE (id, d) > (1, 5) ORDER BY id":                                   "1\n2",
		"SELECT id + 1, COUNT(*) FROM t GROUP BY id + 1 ORDER BY id + 1":                        "2|1\n3|1",
	} {
		c.want(query, want)
	}
	c.fails(1525, "SELECT DATE '2024-02-30'")
	c.fails(1525, "SELECT TIME 'x'")
}
