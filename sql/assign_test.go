package sql

import (
	"strings"
	"testing"
)

// An integer that does not fit is an error, or the nearest value with IGNORE
// and without the strict mode; it never wraps around.
func TestServer_IntegersOutOfRange(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, a TINYINT, u INT UNSIGNED, b BIGINT)", "INSERT INTO t VALUES (1, 1, 5, 300)")
	for _, q := range []string{
		"UPDATE t SET a = b", "UPDATE t SET a = 300", "UPDATE t SET u = -1", "UPDATE t SET u = a - 5", "UPDATE t SET u = b * 100000000",
		"UPDATE t x JOIN t y ON x.id = y.id SET x.a = 1000", "INSERT INTO t (id) VALUES (1) ON DUPLICATE KEY UPDATE a = -129",
	} {
		c.fails(1264, q)
	}
	c.want("SELECT * FROM t", "1|1|5|300")
	c.exec("UPDATE IGNORE t SET a = b, u = -1")
	c.want("SHOW WARNINGS", "Warning|1264|Out of range value for column 'a' at row 1\nWarning|1264|Out of range value for column 'u' at row 1")
	c.want("SELECT * FROM t", "1|127|0|300")
	c.exec("INSERT IGNORE INTO t VALUES (2, -200, -1, 9223372036854775808), (3, 128, 4294967296, 1)")
	c.want("SELECT * FROM t WHERE id > 1", "2|-128|0|9223372036854775807\n3|127|4294967295|1")
	c.exec("SET sql_mode = ''", "UPDATE t SET a = -1000, u = 1e10 WHERE id = 1", "INSERT INTO t VALUES (4, 999, -1, 1)")
	c.want("SELECT * FROM t WHERE id IN (1, 4)", "1|-128|4294967295|300\n4|127|0|1")
}

// What a statement puts into a column in the strict mode: an error, or a value.
func TestServer_StrictAssignments(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d", assignedTable)
	for _, x := range []struct {
		column, value string
		errno         uint16
		stored        string
	}{
		{"i", "'12x'", 1265, ""}, {"i", "'x'", 1366, ""}, {"i", "''", 1366, ""}, {"i", "' 7 '", 0, "7"}, {"i", "'1e2'", 0, "100"},
		{"i", "'2.5'", 0, "3"}, {"i", "-2.5", 0, "-3"}, {"i", "2.5e0", 0, "2"}, {"i", "2147483648", 1264, ""}, {"i", "X'0A'", 0, "10"}, {"i", "TRUE", 0, "1"},
		{"i", "1/0", 1365, ""}, {"i", "1 MOD 0", 1365, ""}, {"i", "'12x' + 1", 1292, ""}, {"i", "CAST('12x' AS SIGNED)", 1292, ""},
		{"u", "-1", 1264, ""}, {"u", "-0.4", 1264, ""}, {"bu", "18446744073709551616", 1264, ""}, {"bu", "'18446744073709551615'", 0, "18446744073709551615"},
		{"d", "1000", 1264, ""}, {"d", "1.005", 0, "1.01"}, {"d", "'1.235'", 0, "1.24"}, {"d", "'a'", 1366, ""}, {"d", "'12x'", 1366, ""}, {"d", "999.995", 1264, ""},
		{"f", "'12x'", 1265, ""}, {"f", "'1e5'", 0, "100000"}, {"fl", "1e39", 1264, ""},
		{"c", "'abcd'", 1406, ""}, {"c", "'abc  '", 0, "abc"}, {"v", "'abcd'", 1406, ""}, {"v", "'abc '", 0, "abc"}, {"v", "1.50", 1406, ""}, {"tx", "REPEAT('a', 256)", 1406, ""},
		{"bi", "'abcd'", 1406, ""}, {"vb", "'abc '", 1406, ""},
		{"dt", "'2023-02-29'", 1292, ""}, {"dt", "'0000-00-00'", 1292, ""}, {"dt", "'2024-00-01'", 1292, ""}, {"dt", "'x'", 1292, ""}, {"dt", "''", 1292, ""},
		{"dt", "'2024-01-01abc'", 1292, ""}, {"dt", "'2024-1-5'", 0, "2024-01-05"}, {"dt", "20240105", 0, "2024-01-05"}, {"dt", "240105", 0, "2024-01-05"},
		{"dt", "'24/3/4'", 0, "2024-03-04"}, {"dt", "'2024-01-01 10:00:00'", 0, "2024-01-01"},
		{"tm", "'839:00:00'", 1292, ""}, {"tm", "'12:60:00'", 1292, ""}, {"tm", "1260", 1292, ""}, {"tm", "'x'", 1292, ""}, {"tm", "1230", 0, "00:12:30"}, {"tm", "'12:30:45.6'", 0, "12:30:46"},
		{"dd", "'2024-02-30 00:00:00'", 1292, ""}, {"dd", "'2024-01-01 25:00:00'", 1292, ""}, {"dd", "20240101123045", 0, "2024-01-01 12:30:45"},
		{"dd", "'2024-01-01 12:30:45.5'", 0, "2024-01-01 12:30:46"}, {"dd", "'2024-01-01T10:11:12'", 0, "2024-01-01 10:11:12"}, {"dd", "'2024-01-01 10:11'", 0, "2024-01-01 10:11:00"},
		{"ts", "'2038-01-19 03:14:08'", 1292, ""}, {"ts", "'1970-01-01 00:00:00'", 1292, ""}, {"ts", "'1970-01-01 00:00:01'", 0, "1970-01-01 00:00:01"},
		{"y", "1900", 1264, ""}, {"y", "70", 0, "1970"}, {"y", "'x'", 1366, ""}, {"e", "'zz'", 1265, ""}, {"e", "0", 1265, ""}, {"e", "'1'", 0, "a"}, {"e", "'2'", 0, "2"},
		{"s", "'d'", 1265, ""}, {"s", "3", 0, "x,y"}, {"bt", "32", 1406, ""}, {"nn", "NULL", 1048, ""}, {"nd", "DEFAULT", 1364, ""},
	} {
		for _, q := range []string{"INSERT INTO t (id, nd, " + x.column + ") VALUES (2, 1, " + x.value + ")", "UPDATE t SET " + x.column + " = " + x.value + " WHERE id = 1"} {
			if x.column == "nd" {
				q = "INSERT INTO t (id, nd) VALUES (2, DEFAULT)"
			}
			c.exec("DELETE FROM t", "INSERT INTO t (id, nd) VALUES (1, 1)")
			if x.errno != 0 {
				c.fails(x.errno, q)
				c.want("SELECT COUNT(*) FROM t", "1")
				continue
			}
			c.exec(q)
			c.wantColumn(x.column, "ORDER BY id DESC LIMIT 1", x.stored)
		}
	}
	c.fails(1292, "UPDATE t SET i = 1 WHERE 0 = '12x' + 1")
	c.fails(1292, "DELETE FROM t WHERE 0 = '12x' + 1")
	c.fails(1365, "INSERT INTO t (id, nd) SELECT id + 1, 1 FROM t WHERE id/0 IS NULL")
	c.exec("UPDATE IGNORE t SET i = 1/0 WHERE id = 1")
	c.want("SHOW WARNINGS", "Warning|1365|Division by 0")
}

// wantColumn compares a column of a row of t as a client would see it.
func (c *client) wantColumn(column, row, want string) {
	c.t.Helper()
	shown := column
	if column == "e" || column == "s" || column == "bt" || column == "y" {
		shown = "CONCAT(" + column + ")"
	}
	if got := strings.TrimSuffix(c.rows("SELECT "+shown+" FROM t "+row), " 00:00:00"); got != want {
		c.t.Errorf("%s is %q, want %q", column, got, want)
	}
}

const assignedTable = "CREATE TABLE t (id INT PRIMARY KEY, nd INT NOT NULL, i INT, u INT UNSIGNED, bu BIGINT UNSIGNED, d DECIMAL(5,2), f DOUBLE, fl FLOAT, " +
	"c CHAR(3), v VARCHAR(3), tx TINYTEXT, bi BINARY(3), vb VARBINARY(3), dt DATE, tm TIME, dd DATETIME, ts TIMESTAMP NULL, y YEAR, e ENUM('a','b','2'), s SET('x','y'), " +
	"bt BIT(5), nn VARCHAR(5) NOT NULL DEFAULT 'q')"

// Without the strict mode, and with IGNORE, values are cut to size, with
// warnings.
func TestServer_LooseAssignments(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d", assignedTable)
	for _, x := range []struct {
		column, value, stored string
		warning               string
	}{
		{"i", "'12x'", "12", "1265"}, {"i", "'x'", "0", "1366"}, {"i", "2147483648", "2147483647", "1264"}, {"u", "-1", "0", "1264"}, {"i", "1/0", "NULL", ""},
		{"d", "-1000", "-999.99", "1264"}, {"d", "'a'", "0.00", "1366"}, {"fl", "1e39", "3.4028235e+38", "1264"}, {"c", "'abcd'", "abc", "1265"}, {"vb", "'abcd'", "616263", "1265"},
		{"dt", "'2023-02-29'", "-0001-11-30", "1264"}, {"dt", "'x'", "-0001-11-30", "1265"}, {"dt", "'0000-00-00'", "-0001-11-30", ""}, {"tm", "'-900:00:00'", "-838:59:59", "1264"},
		{"tm", "'x'", "00:00:00", "1265"}, {"dd", "''", "-0001-11-30", "1265"}, {"ts", "'2038-01-19 03:14:08'", "-0001-11-30", "1264"},
		{"y", "2156", "0", "1264"}, {"e", "'zz'", "", "1265"}, {"s", "'d,x'", "x", "1265"}, {"bt", "32", "1f", "1264"},
	} {
		c.exec("SET sql_mode = ''", "DELETE FROM t", "INSERT INTO t (id, nd, "+x.column+") VALUES (1, 1, "+x.value+")")
		want := ""
		if x.warning != "" {
			want = "Warning|" + x.warning
		}
		if got := c.rows("SHOW WARNINGS"); (got == "") != (want == "") || !strings.HasPrefix(got, want) {
			t.Errorf("%s = %s: warnings %q, want %q", x.column, x.value, got, want)
		}
		c.wantColumn(x.column, "", x.stored)
		c.exec("UPDATE t SET "+x.column+" = NULL", "UPDATE t SET "+x.column+" = "+x.value)
		c.wantColumn(x.column, "", x.stored)
	}
	c.fails(1235, "INSERT INTO t (id, nd, dt) VALUES (2, 1, '2024-00-01')")
	c.fails(1048, "INSERT INTO t (id, nd, nn) VALUES (2, 1, NULL)")
	c.exec("INSERT INTO t (id, nd, nn) VALUES (2, 1, NULL), (3, NULL, 'x')")
	c.want("SELECT COUNT(*), MAX(nn), MIN(nd) FROM t WHERE id > 1", "2|x|0")
	c.exec("INSERT INTO t (id) VALUES (4)")
	c.want("SHOW WARNINGS", "Warning|1364|Field 'nd' doesn't have a default value")
	c.exec("UPDATE t SET nn = NULL WHERE id = 4")
	c.want("SHOW WARNINGS", "Warning|1048|Column 'nn' cannot be null")
	c.exec("SET sql_mode = DEFAULT", "INSERT IGNORE INTO t (id, nn, v) VALUES (5, NULL, 'abcd')")
	c.want("SELECT nd, nn, v FROM t WHERE id = 5", "0||abc")
}

// A comparison that is stored as text is 1 or 0.
func TestServer_BooleanAsText(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (v VARCHAR(10))", "INSERT INTO t SELECT 1 IS NULL", "INSERT INTO t SELECT 'a' LIKE '%'")
	c.want("SELECT v FROM t ORDER BY v", "0\n1")
}
