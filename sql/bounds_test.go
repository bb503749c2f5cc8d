package sql

import "testing"

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
