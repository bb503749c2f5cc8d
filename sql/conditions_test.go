package sql

import "testing"

// SHOW WARNINGS tells of the statement before it, also of one that failed;
// @@warning_count and @@error_count count what is beyond max_error_count too.
func TestConditions(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d COLLATE latin1_bin", "USE d", "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)")
	fails := func(number uint16, q string) {
		t.Helper()
		msg := c.fails(number, q)
		c.Failed(number, msg) // as the wire does
	}
	fails(1146, "SELECT * FROM nosuch")
	for range 2 { // it stays
		c.want("SHOW WARNINGS", "Error|1146|Table 'nosuch' doesn't exist")
		c.want("SHOW ERRORS", "Error|1146|Table 'nosuch' doesn't exist")
		c.want("SHOW COUNT(*) ERRORS", "1")
	}
	c.want("SELECT @@error_count, @@warning_count", "1|1")
	c.want("SHOW WARNINGS", "")
	fails(1064, "SELEC")
	c.want("SHOW COUNT(*) WARNINGS", "1")
	c.exec("INSERT IGNORE INTO t VALUES (1), (1), (2), (1)")
	c.want("SHOW WARNINGS LIMIT 1", "Warning|1062|Duplicate entry '1' for key 't.PRIMARY'")
	c.want("SHOW WARNINGS LIMIT 2, 5", "Warning|1062|Duplicate entry '1' for key 't.PRIMARY'")
	c.want("SHOW WARNINGS LIMIT 5 OFFSET 3", "")
	c.want("SHOW COUNT(*) WARNINGS", "3")
	c.want("SHOW ERRORS", "")
	c.exec("DROP TABLE IF EXISTS x, y")
	c.want("SHOW COUNT(*) WARNINGS", "2")
	c.exec("SET max_error_count = 1", "DROP TABLE IF EXISTS x, y")
	c.want("SHOW WARNINGS", "Note|1051|Unknown table 'd.x'")
	c.want("SHOW COUNT(*) WARNINGS", "2")
	c.want("SELECT @@warning_count", "2")
	c.exec("SELECT 1")
	c.want("SHOW COUNT(*) WARNINGS", "0")
	c.want("SELECT @@collation_database, @@character_set_database", "latin1_bin|latin1")
	c.exec("SELECT 1 / 0")
	c.want("SHOW WARNINGS", "Warning|1365|Division by 0")
	c.exec("SET sql_mode = ''", "SELECT 1 / 0")
	c.want("SHOW WARNINGS", "")
}
