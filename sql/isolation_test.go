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
