package sql

import (
	"strings"
	"testing"
)

// Which statements commit the open transaction, also when they fail, and which
// do not. Source: MySQL 8.0 manual, "Statements That Cause an Implicit Commit".
func TestImplicitCommit(t *testing.T) {
	ts := newTestServer(t, nil)
	c, other := ts.client(), ts.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, v INT)", "CREATE TABLE log (id INT PRIMARY KEY AUTO_INCREMENT)",
		"CREATE VIEW vw AS SELECT 1", "CREATE USER u", "CREATE PROCEDURE p() SELECT 1")
	other.exec("USE d")
	for _, x := range []struct {
		commits    bool
		statements string // the last one is tried; | separates
		fails      uint16
	}{
		{true, "CREATE TABLE n1 (id INT)", 0},
		{true, "CREATE TABLE t (id INT)", 1050},
		{true, "CREATE TABLE IF NOT EXISTS t (id INT)", 0},
		{true, "ALTER TABLE t ADD COLUMN w INT", 0},
		{true, "ALTER TABLE none ADD COLUMN w INT", 1146},
		{true, "CREATE INDEX i ON t (v)", 0},
		{true, "DROP INDEX i ON t", 0},
		{true, "RENAME TABLE n1 TO n2", 0},
		{true, "TRUNCATE TABLE n2", 0},
		{true, "DROP TABLE n2", 0},
		{true, "DROP TABLE n2", 1051},
		{true, "CREATE DATABASE e", 0},
		{true, "DROP DATABASE e", 0},
		{true, "CREATE OR REPLACE VIEW vw AS SELECT 2", 0},
		{true, "DROP VIEW vw", 0},
		{true, "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.v = 1", 0},
		{true, "DROP TRIGGER g", 0},
		{true, "DROP PROCEDURE p", 0},
		{true, "CREATE USER u2", 0},
		{true, "GRANT SELECT ON d.* TO u", 0},
		{true, "REVOKE SELECT ON d.* FROM u", 0},
		{true, "DROP USER u2", 0},
		{true, "ANALYZE TABLE t", 0},
		{true, "FLUSH STATUS", 0},
		{true, "FLUSH PRIVILEGES", 0},
		{true, "/* a comment */ create table c1 (id int)", 0},
		{true, "BEGIN", 0},
		{true, "START TRANSACTION READ ONLY", 0},
		{true, "LOCK TABLES t READ", 0},
		{true, "STOP SLAVE", 1200},
		{true, "SET autocommit = 0|SET autocommit = 1", 0},
		{true, "SET PASSWORD FOR none@localhost = 'x'", 1133},
		{true, "COMMIT", 0},

		{false, "CREATE TABEL x (id INT)", 1064},
		{false, "CREATE TEMPORARY TABLE tmp (id INT)|DROP TEMPORARY TABLE tmp", 0},
		{false, "SET autocommit = 1", 0},
		{false, "SET @x = 1", 0},
		{false, "UNLOCK TABLES", 0},
		{false, "USE d", 0},
		{false, "SHOW TABLES", 0},
		{false, "SHOW CREATE TABLE t", 0},
		{false, "CHECKSUM TABLE t", 0},
		{false, "SELECT * FROM t FOR UPDATE", 0},
		{false, "INSERT INTO t VALUES ('x', 1, 2)", 1366},
		{false, "SELECT * FROM none", 1146},
		{false, "SAVEPOINT a", 0},
		{false, "SAVEPOINT a|ROLLBACK TO a", 0},
		{false, "ROLLBACK TO nowhere", 1305},
		{false, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", 0},
		{false, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED", 1568},
		{false, "SET @@transaction_isolation = 'READ-COMMITTED'", 1568},
		{false, "PREPARE s FROM 'SELECT 1'", 0},
		{false, "PREPARE s FROM 'DROP TABLE c1'", 0},
		{false, "EXPLAIN SELECT * FROM t", 0},
	} {
		c.exec("BEGIN", "INSERT INTO log VALUES (NULL)")
		all := strings.Split(x.statements, "|")
		c.exec(all[:len(all)-1]...)
		last := all[len(all)-1]
		if x.fails != 0 {
			c.fails(x.fails, last)
		} else {
			c.exec(last)
		}
		if got := other.rows("SELECT COUNT(*) FROM log") == "1"; got != x.commits {
			t.Errorf("%s: commits: %v, want %v", x.statements, got, x.commits)
		}
		c.exec("ROLLBACK", "UNLOCK TABLES", "SET autocommit = 1", "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
		other.exec("DELETE FROM log")
	}
	// A prepared one commits when it runs.
	c.exec("PREPARE s FROM 'DROP TABLE c1'", "BEGIN", "INSERT INTO log VALUES (NULL)", "EXECUTE s")
	other.want("SELECT COUNT(*) FROM log", "1")
	// UNLOCK TABLES commits if there are locks.
	c.exec("LOCK TABLES log WRITE", "SET autocommit = 0", "INSERT INTO log VALUES (NULL)", "UNLOCK TABLES", "ROLLBACK")
	other.want("SELECT COUNT(*) FROM log", "2")
}

func TestTransactionStatements(t *testing.T) {
	ts := newTestServer(t, nil)
	c, other := ts.client(), ts.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY)")
	other.exec("USE d")
	in := func(want bool) {
		t.Helper()
		if got := c.InTransaction(); got != want {
			t.Errorf("in a transaction: %v, want %v", got, want)
		}
	}

	// CHAIN and RELEASE.
	c.exec("BEGIN WORK", "INSERT INTO t VALUES (1)", "COMMIT WORK AND CHAIN")
	in(true)
	other.want("SELECT id FROM t", "1")
	c.exec("INSERT INTO t VALUES (2)", "ROLLBACK AND CHAIN", "COMMIT AND NO CHAIN NO RELEASE")
	in(false)
	other.want("SELECT id FROM t", "1")
	c.exec("START TRANSACTION READ ONLY", "COMMIT AND CHAIN")
	c.fails(1792, "INSERT INTO t VALUES (3)")
	c.exec("ROLLBACK", "INSERT INTO t VALUES (3)")
	c.exec("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "BEGIN", "COMMIT AND CHAIN")
	c.want("SELECT COUNT(*) FROM t", "2")
	other.exec("INSERT INTO t VALUES (4)")
	c.want("SELECT COUNT(*) FROM t", "3") // the chained one is READ COMMITTED too
	c.exec("COMMIT")
	c.fails(1064, "COMMIT AND CHAIN RELEASE")
	c.exec("SET completion_type = CHAIN", "BEGIN", "COMMIT")
	in(true)
	c.exec("COMMIT AND NO CHAIN", "SET completion_type = 'RELEASE'", "BEGIN", "ROLLBACK NO RELEASE")
	in(false)
	if c.Released() {
		t.Error("NO RELEASE has released")
	}
	c.exec("COMMIT")
	if !c.Released() {
		t.Error("completion_type = RELEASE does not release")
	}
	c.exec("SET completion_type = 0", "COMMIT RELEASE")
	if !c.Released() {
		t.Error("COMMIT RELEASE does not release")
	}

	// SET TRANSACTION.
	c.exec("SET TRANSACTION READ ONLY")
	c.want("SELECT @@transaction_read_only", "0")
	c.fails(1792, "INSERT INTO t VALUES (5)")
	c.exec("INSERT INTO t VALUES (5)") // only one transaction
	c.exec("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY")
	c.want("SELECT @@transaction_isolation, @@transaction_read_only", "SERIALIZABLE|1")
	c.fails(1792, "DELETE FROM t")
	c.fails(1792, "CREATE TABLE x (id INT)")
	c.exec("START TRANSACTION READ WRITE", "DELETE FROM t WHERE id = 5", "COMMIT", "FLUSH STATUS")
	c.exec("SET LOCAL TRANSACTION READ WRITE, ISOLATION LEVEL READ COMMITTED", "START TRANSACTION READ ONLY", "SELECT * FROM t FOR UPDATE", "CREATE TABLE x (id INT)")
	in(false)
	c.exec("SET @@transaction_isolation = 'REPEATABLE-READ'", "BEGIN")
	c.want("SELECT COUNT(*) FROM t", "3")
	other.exec("INSERT INTO t VALUES (6)")
	c.want("SELECT COUNT(*) FROM t", "3")
	c.exec("COMMIT", "SET GLOBAL TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
	c.want("SELECT @@transaction_isolation, @@GLOBAL.transaction_isolation", "READ-COMMITTED|READ-UNCOMMITTED")
	ts.client().want("SELECT @@transaction_isolation", "READ-UNCOMMITTED")
	c.exec("SET GLOBAL TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
	for _, q := range []string{"SET TRANSACTION", "SET TRANSACTION READ ONLY, READ WRITE", "SET TRANSACTION ISOLATION LEVEL DIRTY", "START TRANSACTION READ",
		"START TRANSACTION READ ONLY, READ WRITE", "ROLLBACK TO", "SAVEPOINT", "RELEASE a"} {
		c.fails(1064, q)
	}
	c.fails(1231, "SET @@transaction_isolation = 'DIRTY'")
	c.fails(1193, "SELECT @@tx_isolation")

	// autocommit = 0.
	c.exec("SET autocommit = 0", "SELECT 1")
	in(false)
	c.exec("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "INSERT INTO t VALUES (7)")
	in(true)
	c.exec("ROLLBACK", "INSERT INTO t VALUES (8)", "COMMIT", "SELECT * FROM t")
	in(true)
	c.exec("ROLLBACK", "BEGIN", "INSERT INTO t VALUES (9)", "SET autocommit = 1")
	in(false)
	other.want("SELECT id FROM t WHERE id > 6", "8\n9")

	// Savepoints.
	c.exec("SAVEPOINT a")
	c.fails(1305, "ROLLBACK TO a") // there was no transaction
	c.exec("BEGIN", "DELETE FROM t", "SAVEPOINT a", "INSERT INTO t VALUES (1)", "SAVEPOINT b", "INSERT INTO t VALUES (2)", "savepoint A", "INSERT INTO t VALUES (3)",
		"ROLLBACK WORK TO SAVEPOINT a")
	c.want("SELECT id FROM t", "1\n2")
	c.exec("ROLLBACK TO b", "RELEASE SAVEPOINT b")
	c.want("SELECT id FROM t", "1")
	if msg := c.fails(1305, "ROLLBACK TO b"); msg != "SAVEPOINT b does not exist" {
		t.Errorf("message %q", msg)
	}
	c.fails(1305, "RELEASE SAVEPOINT a") // set after b, gone with it
	c.exec("SAVEPOINT `savepoint`", "INSERT INTO t VALUES (2)", "ROLLBACK TO SAVEPOINT `savepoint`", "COMMIT")
	c.fails(1305, "ROLLBACK TO `savepoint`")
	other.want("SELECT id FROM t", "1")

	// A failed statement is undone alone.
	c.exec("BEGIN", "INSERT INTO t VALUES (2)")
	c.fails(1062, "INSERT INTO t VALUES (3), (4), (2), (5)")
	c.want("SELECT id FROM t", "1\n2")
	c.exec("COMMIT")
	other.want("SELECT id FROM t", "1\n2")

	// In a procedure.
	c.exec("CREATE PROCEDURE p() BEGIN START TRANSACTION; INSERT INTO t VALUES (10); SAVEPOINT s; INSERT INTO t VALUES (11); ROLLBACK TO s; COMMIT; END", "CALL p()")
	in(false)
	other.want("SELECT id FROM t WHERE id > 9", "10")
	c.exec("CREATE PROCEDURE chains() BEGIN START TRANSACTION; COMMIT WORK AND CHAIN; END", "CALL chains()")
	in(true)
	c.exec("ROLLBACK")
	c.exec("CREATE PROCEDURE begins() BEGIN START TRANSACTION; INSERT INTO t SELECT MAX(id) + 1 FROM t; END", "CALL begins()")
	in(true)
	c.want("SELECT id FROM t WHERE id > 10", "11")
	other.want("SELECT id FROM t WHERE id > 10", "")
	c.exec("CALL begins()", "ROLLBACK") // commits the first
	other.want("SELECT id FROM t WHERE id > 10", "11")
}
