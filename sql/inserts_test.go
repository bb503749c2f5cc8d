package sql

import (
	"testing"

	"github.com/dolthub/go-mysql-server/sql/types"
)

// The insert id of the OK packet, and LAST_INSERT_ID() after it.
func TestServer_InsertID(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, k INT UNIQUE, v INT)", "CREATE TABLE plain (id INT PRIMARY KEY)",
		"CREATE TABLE log (n INT PRIMARY KEY AUTO_INCREMENT, id INT)", "INSERT INTO log VALUES (1000, 0)",
		"CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW INSERT INTO log (id) VALUES (NEW.id)")
	for _, step := range []struct {
		query string
		id    uint64 // of the result
		last  string // LAST_INSERT_ID()
	}{
		{"INSERT INTO t (k) VALUES (1)", 1, "1"},
		{"INSERT INTO t (k) VALUES (2), (3)", 2, "2"},
		{"INSERT INTO t (id, k) VALUES (10, 10)", 10, "2"},
		{"INSERT INTO t (id, k) VALUES (20, 20), (21, 21)", 21, "2"},
		{"INSERT INTO t (id, k) VALUES (30, 30), (0, 31), (NULL, 32)", 31, "31"},
		{"INSERT INTO plain VALUES (5)", 0, "31"},
		{"REPLACE INTO plain VALUES (5)", 0, "31"},
		{"INSERT INTO plain VALUES (5) ON DUPLICATE KEY UPDATE id = 6", 0, "31"},
		{"DROP TRIGGER tr", 0, "31"}, // REPLACE is refused with one
		{"REPLACE INTO t (id, k) VALUES (10, 11)", 10, "31"},
		{"REPLACE INTO t (k) VALUES (1)", 33, "33"},
		{"CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW INSERT INTO log (id) VALUES (NEW.id)", 0, "33"},
		{"INSERT IGNORE INTO t (k) VALUES (1)", 0, "33"},
		{"INSERT INTO t (k) VALUES (2) ON DUPLICATE KEY UPDATE v = 7, id = LAST_INSERT_ID(id)", 2, "2"},
		{"INSERT INTO t (k) VALUES (3) ON DUPLICATE KEY UPDATE v = 8", 3, "2"},
		{"INSERT INTO t (k) SELECT k + 1000 FROM t WHERE k IN (2, 3) ORDER BY k", 37, "37"},
	} {
		rows, err := c.query(step.query)
		if err != nil {
			t.Fatalf("%s: %v", step.query, err)
		}
		if got := types.GetOkResult(rows[0]).InsertID; got != step.id {
			t.Errorf("%s: insert id %d, want %d", step.query, got, step.id)
		}
		if got := c.rows("SELECT LAST_INSERT_ID()"); got != step.last {
			t.Errorf("%s: LAST_INSERT_ID() %s, want %s", step.query, got, step.last)
		}
	}
}
