package sql

import (
	"testing"
)

func TestServer_CreateInsertSelect(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d",
		"CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), KEY (v))",
		"INSERT INTO t VALUES (2, 'two'), (1, 'one'), (3, NULL)")
	c.want("SELECT * FROM t ORDER BY id", "1|one\n2|two\n3|NULL")
	c.want("SELECT id FROM t WHERE v = 'TWO'", "2")
	c.want("SELECT id FROM t WHERE v IS NULL", "3")
	c.exec("UPDATE t SET v = 'zwei' WHERE id = 2", "DELETE FROM t WHERE id = 1")
	c.want("SELECT * FROM t ORDER BY id DESC", "3|NULL\n2|zwei")
}

func TestServer_TransactionsBetweenSessions(t *testing.T) {
	ts := newTestServer(t, nil)
	a, b := ts.client(), ts.client()
	a.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, v INT)", "INSERT INTO t VALUES (1,1),(2,2)")
	b.exec("USE d", "BEGIN")
	b.want("SELECT * FROM t", "1|1\n2|2")
	a.exec("BEGIN", "UPDATE t SET v = 10 WHERE id = 1", "INSERT INTO t VALUES (3,3)")
	a.want("SELECT * FROM t", "1|10\n2|2\n3|3")
	b.want("SELECT * FROM t", "1|1\n2|2")
	a.exec("COMMIT")
	b.want("SELECT * FROM t", "1|1\n2|2")
	b.exec("COMMIT")
	b.want("SELECT * FROM t", "1|10\n2|2\n3|3")
	a.exec("BEGIN", "DELETE FROM t", "ROLLBACK")
	a.want("SELECT COUNT(*) FROM t", "3")
	a.exec("BEGIN", "INSERT INTO t VALUES (4,4)", "SAVEPOINT s", "INSERT INTO t VALUES (5,5)", "ROLLBACK TO s", "COMMIT")
	a.want("SELECT id FROM t WHERE id > 3", "4")
	a.exec("SET autocommit = 0", "INSERT INTO t VALUES (6,6)")
	b.want("SELECT id FROM t WHERE id > 4", "")
	a.exec("COMMIT", "INSERT INTO t VALUES (7,7)", "SET autocommit = 1")
	b.want("SELECT id FROM t WHERE id > 4", "6\n7")
	a.exec("SET autocommit = 0", "INSERT INTO t VALUES (8,8)", "CREATE TABLE commits (a INT)", "INSERT INTO t VALUES (9,9)", "ROLLBACK", "SET autocommit = 1")
	b.want("SELECT id FROM t WHERE id > 6", "7\n8")
	a.exec("START TRANSACTION WITH CONSISTENT SNAPSHOT")
	b.exec("DELETE FROM t WHERE id = 8")
	a.want("SELECT id FROM t WHERE id > 6", "7\n8")
	a.exec("COMMIT", "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "BEGIN")
	a.want("SELECT COUNT(*) FROM t WHERE id > 6", "1")
	b.exec("INSERT INTO t VALUES (8,8)")
	a.want("SELECT COUNT(*) FROM t WHERE id > 6", "2")
	a.exec("COMMIT")
}

func TestServer_Locks(t *testing.T) {
	ts := newTestServer(t, nil)
	a, b := ts.client(), ts.client()
	a.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, v INT)", "INSERT INTO t VALUES (1,1),(2,2)")
	b.exec("USE d", "SET innodb_lock_wait_timeout = 1")
	a.exec("BEGIN", "UPDATE t SET v = 10 WHERE id = 1")
	b.exec("BEGIN")
	b.fails(1205, "UPDATE t SET v = 11 WHERE id = 1")
	b.fails(1205, "SELECT * FROM t WHERE id = 1 FOR UPDATE")
	b.exec("UPDATE t SET v = 20 WHERE id = 2") // the transaction lives on
	b.exec("SET innodb_lock_wait_timeout = 50")
	done := make(chan error, 1)
	go func() {
		_, err := a.query("UPDATE t SET v = 12 WHERE id = 2")
		done <- err
	}()
	_, errB := b.query("UPDATE t SET v = 21 WHERE id = 1")
	errA := <-done
	na, nb := uint16(0), uint16(0)
	if errA != nil {
		na, _, _ = Translate(errA)
	}
	if errB != nil {
		nb, _, _ = Translate(errB)
	}
	if na+nb != 1213 {
		t.Fatalf("errors %d and %d, want one 1213", na, nb)
	}
	a.exec("COMMIT")
	b.exec("COMMIT")
}

func TestServer_StatementRollback(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, v INT NOT NULL, UNIQUE KEY u (v))", "INSERT INTO t VALUES (1,1)")
	c.exec("BEGIN", "INSERT INTO t VALUES (2,2)")
	if msg := c.fails(1062, "INSERT INTO t VALUES (3,3),(4,4),(1,5)"); msg != "Duplicate entry '1' for key 't.PRIMARY'" {
		t.Errorf("message %q", msg)
	}
	if msg := c.fails(1062, "INSERT INTO t VALUES (3,3),(4,1)"); msg != "Duplicate entry '1' for key 't.u'" {
		t.Errorf("message %q", msg)
	}
	c.want("SELECT id FROM t ORDER BY id", "1\n2")
	c.exec("COMMIT")
	c.fails(1062, "INSERT INTO t VALUES (7,7),(1,1)")
	c.want("SELECT id FROM t ORDER BY id", "1\n2")
	c.exec("INSERT IGNORE INTO t VALUES (1,9),(3,3),(4,2),(5,5)")
	c.want("SELECT * FROM t ORDER BY id", "1|1\n2|2\n3|3\n5|5")
	c.exec("REPLACE INTO t VALUES (1,2),(8,8)")
	c.want("SELECT * FROM t ORDER BY id", "1|2\n3|3\n5|5\n8|8")
	c.exec("INSERT INTO t VALUES (1,100),(9,3),(10,10) ON DUPLICATE KEY UPDATE v = v + 1000")
	c.want("SELECT * FROM t ORDER BY id", "1|1002\n3|1003\n5|5\n8|8\n10|10")
}

func TestServer_DDLSurvivesReopen(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d",
		"CREATE TABLE t (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, v VARCHAR(30) NOT NULL DEFAULT 'x', w TEXT, at TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), PRIMARY KEY (id), KEY v (v(10)), UNIQUE KEY vw (v, id)) COMMENT='c'",
		"INSERT INTO t (v) VALUES ('a'),('b')",
		"ALTER TABLE t ADD COLUMN n INT NOT NULL DEFAULT 7 AFTER v, ADD INDEX n (n)",
		"INSERT INTO t (w) VALUES ('text')",
		"ALTER TABLE t DROP COLUMN w, DROP INDEX v",
		"CREATE VIEW vv AS SELECT id, n FROM t", "CREATE TABLE gone (a INT)", "DROP TABLE gone",
		"CREATE TABLE r (a INT)", "INSERT INTO r VALUES (1),(1)", "RENAME TABLE r TO r2", "CREATE TABLE tr (a INT)", "INSERT INTO tr VALUES (1)", "TRUNCATE TABLE tr")
	before := c.rows("SHOW CREATE TABLE t")
	ts = ts.reopen()
	c = ts.client()
	c.exec("USE d")
	if after := c.rows("SHOW CREATE TABLE t"); after != before {
		t.Errorf("definition changed from\n%s\nto\n%s", before, after)
	}
	c.want("SELECT id, v, n FROM t", "1|a|7\n2|b|7\n3|x|7")
	c.want("SELECT * FROM vv WHERE id = 2", "2|7")
	c.want("SHOW TABLES", "r2\nt\ntr\nvv")
	c.want("SELECT * FROM r2", "1\n1")
	c.want("SELECT COUNT(*) FROM tr", "0")
	c.exec("INSERT INTO t (v) VALUES ('c')")
	c.want("SELECT MAX(id) FROM t", "4")
	t.Log(before)
}

func TestServer_TablesWithoutPrimaryKeyAndOddStatements(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (a INT, b TEXT)", "INSERT INTO t VALUES (1,'x'),(1,'x'),(2,NULL)")
	c.exec("UPDATE t SET b = 'y' WHERE a = 1", "DELETE FROM t WHERE a = 2")
	c.want("SELECT * FROM t", "1|y\n1|y")
	c.exec("BEGIN", "DELETE FROM t")
	c.want("SELECT COUNT(*) FROM t", "0")
	c.exec("ROLLBACK")
	c.want("SELECT COUNT(*) FROM t", "2")
	c.exec("DELETE FROM t", "INSERT INTO t SELECT 5, 'z'", "INSERT INTO t SELECT a + 1, b FROM t")
	c.want("SELECT a FROM t ORDER BY a", "5\n6")
	c.exec("START TRANSACTION READ ONLY")
	c.fails(1792, "INSERT INTO t VALUES (1,'x')")
	c.exec("COMMIT")
	c.exec("CREATE TABLE h (id INT PRIMARY KEY AUTO_INCREMENT, k INT, KEY (k))", "INSERT INTO h (k) VALUES (1),(2),(3)")
	c.exec("UPDATE h SET k = k + 100 WHERE k > 0") // does not meet its own rows
	c.want("SELECT k FROM h ORDER BY id", "101\n102\n103")
	c.exec("SET auto_increment_increment = 10, auto_increment_offset = 5", "INSERT INTO h (k) VALUES (0)", "SET auto_increment_increment = 1, auto_increment_offset = 1")
	c.want("SELECT MAX(id) FROM h", "5")
	c.exec("INSERT INTO h VALUES (50, 0)", "INSERT INTO h (k) VALUES (0)")
	c.want("SELECT MAX(id) FROM h", "51")
	c.exec("ALTER TABLE h AUTO_INCREMENT = 200", "INSERT INTO h (k) VALUES (0)")
	c.want("SELECT MAX(id) FROM h", "200")
	c.exec("CREATE TABLE tm (a TIME(2), b TIME)", "CREATE TABLE tm2 LIKE tm", "ALTER TABLE tm2 ADD COLUMN c INT, RENAME COLUMN a TO z", "ALTER TABLE tm2 MODIFY COLUMN c BIGINT NOT NULL DEFAULT 4 FIRST")
	tm, _ := ts.o.Engine.Catalog().Table("d", "tm2")
	for i, want := range []uint16{0, 2, 0} {
		if got := tm.Schema().Columns[i].Meta; got != want {
			t.Errorf("column %d has %d digits, want %d", i, got, want)
		}
	}
	c.exec("CREATE TABLE ck (a INT CHECK (a > 0), b INT DEFAULT (a + 1))")
	c.fails(3819, "INSERT INTO ck (a) VALUES (-1)")
	c.exec("INSERT INTO ck (a) VALUES (3)")
	c.want("SELECT * FROM ck", "3|4")
	c.exec("CREATE TRIGGER tr BEFORE INSERT ON ck FOR EACH ROW SET NEW.b = 9", "INSERT INTO ck (a) VALUES (1)")
	c.want("SELECT b FROM ck ORDER BY a", "9\n4")
	c.exec("CREATE PROCEDURE p() BEGIN INSERT INTO ck (a) VALUES (7); INSERT INTO ck (a) VALUES (8); END", "CALL p()")
	c.want("SELECT COUNT(*) FROM ck", "4")
	c.exec("ALTER TABLE h DROP PRIMARY KEY, MODIFY COLUMN id INT", "ALTER TABLE h ADD PRIMARY KEY (k, id)")
}

func TestServer_TimeZones(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (ts TIMESTAMP, dt DATETIME, KEY (ts))", "SET time_zone = '+02:00'", "INSERT INTO t VALUES ('2024-01-01 12:00:00', '2024-01-01 12:00:00')")
	c.want("SELECT * FROM t WHERE ts = '2024-01-01 12:00:00'", "2024-01-01 12:00:00|2024-01-01 12:00:00")
	c.exec("SET time_zone = '-05:00'")
	c.want("SELECT * FROM t WHERE ts = '2024-01-01 05:00:00'", "2024-01-01 05:00:00|2024-01-01 12:00:00")
	c.exec("UPDATE t SET dt = '2025-01-01 00:00:00' WHERE ts > '2024-01-01 04:00:00'", "SET time_zone = '+00:00'")
	c.want("SELECT * FROM t", "2024-01-01 10:00:00|2025-01-01 00:00:00")
}

// A change that the collation does not see is a change.
func TestServer_UpdatesThatOnlyChangeCase(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(9), u TEXT, UNIQUE KEY s (s))",
		"INSERT INTO t VALUES (1,'one','uno'),(2,'two','dos'),(4,'four','vier')",
		"UPDATE t SET s = UPPER(s), u = UPPER(u) WHERE s = 'ONE'",
		"INSERT INTO t VALUES (2,'x','') ON DUPLICATE KEY UPDATE s = 'TWO'",
		"UPDATE IGNORE t SET s = 'FOUR' WHERE id = 4", "UPDATE t SET s = 'FOUR' WHERE s = 'four'")
	c.want("SELECT * FROM t ORDER BY id", "1|ONE|UNO\n2|TWO|dos\n4|FOUR|vier")
	c.want("SELECT id FROM t WHERE s = 'tWo'", "2")
}
