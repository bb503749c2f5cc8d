package sql

import (
	"fmt"
	"strings"
	"testing"
)

// The levels through SQL; storage has the details.
func TestSerializable(t *testing.T) {
	ts := newTestServer(t, map[string]string{"transaction_isolation": "SERIALIZABLE", "innodb_lock_wait_timeout": "1"})
	a, b := ts.client(), ts.client()
	a.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, v INT, KEY (v))", "INSERT INTO t VALUES (1,10),(2,20)")
	b.exec("USE d")

	// A point read locks its row, also one that is not there, and nothing else.
	a.exec("BEGIN", "SELECT * FROM t WHERE id = 1", "SELECT * FROM t WHERE id = 5")
	b.exec("UPDATE t SET v = 21 WHERE id = 2", "INSERT INTO t VALUES (6,60)")
	b.fails(1205, "UPDATE t SET v = 11 WHERE id = 1")
	b.fails(1205, "INSERT INTO t VALUES (5,50)")
	b.want("SELECT * FROM t WHERE id = 1", "1|10")
	a.exec("COMMIT")

	// A range read keeps all writers out. An autocommit SELECT is a consistent
	// read and waits for nobody.
	a.exec("BEGIN", "SELECT * FROM t WHERE v > 15")
	b.fails(1205, "INSERT INTO t VALUES (7,70)")
	a.exec("UPDATE t SET v = 0 WHERE id = 1")
	b.want("SELECT id, v FROM t ORDER BY id", "1|10\n2|21\n6|60")
	b.fails(1205, "SELECT * FROM t LOCK IN SHARE MODE")
	b.exec("BEGIN")
	b.fails(1205, "SELECT COUNT(*) FROM t")
	b.exec("ROLLBACK")
	a.exec("ROLLBACK")

	// What INSERT ... SELECT reads is locked.
	a.exec("CREATE TABLE u (id INT PRIMARY KEY)", "BEGIN", "INSERT INTO u SELECT id FROM t WHERE v > 15")
	b.fails(1205, "UPDATE t SET v = 1 WHERE id = 1")
	a.exec("ROLLBACK")

	// Write skew: of two transactions that read both rows one dies.
	a.exec("BEGIN", "SELECT SUM(v) FROM t")
	b.exec("BEGIN", "SELECT SUM(v) FROM t")
	done := blocked(t, a, "UPDATE t SET v = 0 WHERE id = 1")
	b.fails(1213, "UPDATE t SET v = 0 WHERE id = 2")
	ended(t, "the other", done)
	a.exec("COMMIT")
	if b.InTransaction() {
		t.Error("the victim's transaction is still open")
	}
	b.want("SELECT v FROM t ORDER BY id", "0\n21\n60")
}

// An autocommit statement never fails because of a newer version: it reads it.
func TestAutocommitRereads(t *testing.T) {
	ts := newTestServer(t, nil)
	setup := ts.client()
	setup.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, u INT UNIQUE, n INT NOT NULL, KEY (n))", "INSERT INTO t VALUES (1,1,0)")
	const workers, rounds = 6, 30
	errs := make(chan error, workers)
	for w := range workers {
		c := ts.client()
		c.exec("USE d")
		go func() {
			for i := range rounds {
				if _, err := c.query([]string{
					"UPDATE t SET n = n + 1 WHERE id = 1",
					"UPDATE t SET n = n + 1 WHERE n >= 0",
					"INSERT INTO t VALUES (1,9,9) ON DUPLICATE KEY UPDATE n = n + 1",
					fmt.Sprintf("INSERT INTO t VALUES (%d,1,9) ON DUPLICATE KEY UPDATE n = n + 1", 100+w),
					"UPDATE t a JOIN t b ON a.id = b.id SET a.n = a.n + 1 WHERE b.u = 1",
					"UPDATE t SET n = n + 1 WHERE u IN (1, 3)",
				}[(w+i)%6]); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range workers {
		if err := <-errs; err != nil {
			n, _, msg := Translate(err)
			t.Errorf("%d %s", n, msg)
		}
	}
	setup.want("SELECT * FROM t", fmt.Sprintf("1|1|%d", workers*rounds))
}

// Under REPEATABLE READ the first committer wins: the second writer of a row
// that changed since its view gets 1213 and has lost its whole transaction.
func TestRepeatableRead_FirstCommitterWins(t *testing.T) {
	ts := newTestServer(t, nil)
	a, b := ts.client(), ts.client()
	a.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, v INT)", "INSERT INTO t VALUES (1,1),(2,2)")
	b.exec("USE d")
	for _, q := range []string{
		"UPDATE t SET v = v + 1 WHERE id = 1", "DELETE FROM t WHERE id = 1", "SELECT * FROM t WHERE id = 1 FOR UPDATE", "SELECT * FROM t FOR SHARE",
		"REPLACE INTO t VALUES (1,5)", "INSERT INTO t VALUES (1,5) ON DUPLICATE KEY UPDATE v = -7",
	} {
		a.exec("START TRANSACTION WITH CONSISTENT SNAPSHOT", "INSERT INTO t VALUES (9,9)")
		b.exec("UPDATE t SET v = v + 1 WHERE id = 1")
		if msg := a.fails(1213, q); !strings.HasPrefix(msg, "Deadlock found when trying to get lock") {
			t.Errorf("%s: %q", q, msg)
		}
		if a.InTransaction() {
			t.Errorf("%s: the transaction goes on", q)
		}
		b.want("SELECT COUNT(*) FROM t WHERE id = 9", "0")
	}
}

// What a locking clause locks, and what it does about locked rows.
func TestLockingReads(t *testing.T) {
	ts := newTestServer(t, map[string]string{"innodb_lock_wait_timeout": "1"})
	a, b := ts.client(), ts.client()
	a.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, v INT)", "CREATE TABLE u (id INT PRIMARY KEY)", "CREATE VIEW vt AS SELECT * FROM t",
		"INSERT INTO t VALUES (1,1),(2,2),(3,3)", "INSERT INTO u VALUES (1),(2)",
		"CREATE PROCEDURE p() SELECT * FROM t WHERE id = 1 FOR UPDATE")
	b.exec("USE d")
	for _, x := range []struct {
		query    string
		t, u, id string // what another may still lock of t, of u; which row of them
	}{
		{"SELECT * FROM t WHERE id = 1", "X", "X", "1"},
		{"SELECT * FROM t WHERE id = 1 FOR UPDATE", "", "X", "1"},
		{"SELECT * FROM t WHERE id = 1 FOR SHARE", "S", "X", "1"},
		{"SELECT * FROM t WHERE id = 1 LOCK IN SHARE MODE", "S", "X", "1"},
		{"SELECT * FROM t WHERE id = 1 FOR UPDATE", "X", "X", "2"},
		{"SELECT * FROM t WHERE id = 77 FOR UPDATE", "", "X", "77"},
		{"SELECT * FROM vt WHERE id = 1 FOR UPDATE", "", "X", "1"},
		{"SELECT * FROM t JOIN u USING (id) FOR UPDATE", "", "", "1"},
		{"SELECT * FROM t JOIN u USING (id) FOR UPDATE OF t", "", "X", "1"},
		{"SELECT * FROM t AS x JOIN u AS y ON x.id = y.id FOR SHARE OF y", "X", "S", "1"},
		{"SELECT * FROM t AS x JOIN u AS y ON x.id = y.id FOR SHARE OF y FOR UPDATE OF x", "", "", "1"},
		{"SELECT * FROM t WHERE id IN (SELECT id FROM u FOR UPDATE)", "X", "", "1"},
		{"WITH c AS (SELECT * FROM t WHERE id = 1) SELECT * FROM c FOR UPDATE", "", "X", "1"},
		{"INSERT INTO u SELECT id + 10 FROM t WHERE id = 1 FOR UPDATE", "", "X", "1"},
		{"UPDATE t JOIN u USING (id) SET v = 0 WHERE id = 1", "", "", "1"},
		{"CALL p()", "", "X", "1"},
	} {
		a.exec("BEGIN", x.query)
		for _, other := range []struct{ table, may string }{{"t", x.t}, {"u", x.u}} {
			got := ""
			b.exec("BEGIN")
			if _, err := b.query("SELECT * FROM " + other.table + " WHERE id = " + x.id + " FOR SHARE NOWAIT"); err == nil {
				got = "S"
			} else if n, _, msg := Translate(err); n != 3572 || msg != "Statement aborted because lock(s) could not be acquired immediately and NOWAIT is set." {
				t.Errorf("%d %s", n, msg)
			}
			if _, err := b.query("SELECT * FROM " + other.table + " WHERE id = " + x.id + " FOR UPDATE NOWAIT"); err == nil {
				got = "X"
			}
			b.exec("ROLLBACK")
			if got != other.may {
				t.Errorf("%s: of %s others may lock %q, want %q", x.query, other.table, got, other.may)
			}
		}
		a.exec("ROLLBACK")
	}
	if msg := a.fails(3568, "SELECT * FROM t AS x FOR UPDATE OF t"); msg != "Unresolved table name `t` in locking clause." {
		t.Error(msg)
	}

	// SKIP LOCKED leaves out what is locked: a queue with two workers.
	a.exec("BEGIN")
	b.exec("BEGIN")
	a.want("SELECT id FROM t ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED", "1")
	b.want("SELECT id FROM t ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED", "2")
	a.want("SELECT id FROM t ORDER BY id FOR SHARE SKIP LOCKED", "1\n3")
	// A time-out undoes the statement only.
	a.exec("UPDATE t SET v = 10 WHERE id = 1")
	a.fails(1205, "UPDATE t SET v = v + 1")
	a.want("SELECT v FROM t WHERE id = 1", "10")
	a.exec("SET innodb_lock_wait_timeout = 2")
	done := blocked(t, a, "UPDATE t SET v = v + 1 WHERE id = 2")
	b.exec("ROLLBACK")
	ended(t, "the wait", done)
	a.exec("COMMIT")
	b.want("SELECT v FROM t", "10\n3\n3")

	// A deadlock: the one that changed fewer rows dies, all of it.
	a.exec("BEGIN", "UPDATE t SET v = 0 WHERE id IN (1, 2)")
	b.exec("BEGIN", "UPDATE t SET v = 0 WHERE id = 3")
	done = blocked(t, a, "UPDATE t SET v = 1 WHERE id = 3")
	b.fails(1213, "UPDATE t SET v = 2 WHERE id = 1")
	ended(t, "the survivor", done)
	a.exec("COMMIT")
	b.want("SELECT v FROM t", "0\n0\n1")
	if b.InTransaction() {
		t.Error("the victim's transaction is open")
	}
	// Rows and a table's definition: DDL waits for b, b for a's row, a for the
	// DDL that stands in front of it.
	a.exec("BEGIN", "UPDATE u SET id = id WHERE id = 1", "SELECT * FROM u WHERE id = 1 FOR UPDATE")
	b.exec("BEGIN", "SELECT * FROM t")
	c := ts.client()
	c.exec("USE d")
	ddl := blocked(t, c, "ALTER TABLE t ADD COLUMN w INT")
	done = blocked(t, b, "SELECT * FROM u WHERE id = 1 FOR UPDATE")
	_, err := a.query("SELECT * FROM t FOR UPDATE")
	if n, _, _ := Translate(err); err != nil && n != 1213 {
		t.Errorf("%d %v", n, err)
	}
	a.exec("ROLLBACK")
	if err := <-done; err != nil {
		if n, _, _ := Translate(err); n != 1213 {
			t.Errorf("%d %v", n, err)
		}
	}
	b.exec("ROLLBACK")
	if err := <-ddl; err != nil {
		if n, _, _ := Translate(err); n != 1213 {
			t.Errorf("%d %v", n, err)
		}
	}
}
