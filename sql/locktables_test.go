package sql

import (
	"testing"
	"time"
)

// blocked runs a statement of c that must wait, and returns its end.
func blocked(t *testing.T, c *client, text string) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := c.query(text)
		done <- err
	}()
	select {
	case err := <-done:
		t.Errorf("%s does not wait: %v", text, err)
	case <-time.After(50 * time.Millisecond):
	}
	return done
}

func ended(t *testing.T, what string, done <-chan error) {
	t.Helper()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("%s still waits", what)
	}
}

func TestLockTables(t *testing.T) {
	ts := newTestServer(t, nil)
	a, b := ts.client(), ts.client()
	a.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, v INT)", "CREATE TABLE u (id INT PRIMARY KEY)",
		"CREATE VIEW vt AS SELECT id FROM t", "INSERT INTO t VALUES (1,1)")
	b.exec("USE d", "SET lock_wait_timeout = 1")

	// READ: everybody reads, nobody writes.
	a.exec("BEGIN", "INSERT INTO t VALUES (2,2)", "LOCK TABLES t READ") // commits
	b.want("SELECT COUNT(*) FROM t", "2")
	b.fails(1205, "INSERT INTO t VALUES (3,3)")
	b.fails(1205, "ALTER TABLE t ADD COLUMN x INT")
	a.want("SELECT COUNT(*) FROM t", "2")
	for _, q := range []string{"INSERT INTO t VALUES (3,3)", "UPDATE t SET v = 1 WHERE id = 77", "DELETE FROM t", "DROP TABLE t", "TRUNCATE TABLE t", "SELECT * FROM t FOR UPDATE"} {
		if msg := a.fails(1099, q); msg != "Table 't' was locked with a READ lock and can't be updated" {
			t.Errorf("%s: %q", q, msg)
		}
	}
	if msg := a.fails(1100, "SELECT * FROM u"); msg != "Table 'u' was not locked with LOCK TABLES" {
		t.Errorf("message %q", msg)
	}
	a.fails(1100, "CREATE TABLE n (id INT)")
	a.fails(1192, "CREATE DATABASE dd")
	b.exec("SET lock_wait_timeout = 50")
	done := blocked(t, b, "INSERT INTO t VALUES (3,3)")
	a.exec("UNLOCK TABLES")
	ended(t, "INSERT after UNLOCK TABLES", done)

	// WRITE: nobody else.
	a.exec("LOCK TABLES t WRITE, u READ LOCAL", "INSERT INTO t VALUES (4,4)", "UPDATE t SET v = v + 1", "BEGIN")
	b.want("SELECT COUNT(*) FROM t", "4") // START TRANSACTION has released the locks
	a.exec("COMMIT", "LOCK TABLE t WRITE", "ALTER TABLE t ADD COLUMN n INT", "INSERT INTO t VALUES (5,5,5)", "TRUNCATE TABLE t", "INSERT INTO t VALUES (6,6,6)")
	done = blocked(t, b, "SELECT * FROM t")
	a.exec("DELETE FROM t")
	a.SessionEnd() // disconnects
	ended(t, "SELECT after the disconnect", done)

	// With autocommit off the locks outlive COMMIT.
	c := ts.client()
	c.exec("USE d", "SET autocommit = 0", "LOCK TABLES t WRITE, u WRITE", "INSERT INTO t VALUES (7,7,7)", "COMMIT", "INSERT INTO u VALUES (1)", "ROLLBACK")
	done = blocked(t, b, "INSERT INTO u VALUES (1)")
	c.exec("INSERT INTO t VALUES (8,8,8)", "UNLOCK TABLES") // commits
	ended(t, "INSERT after UNLOCK TABLES", done)
	b.want("SELECT id FROM t", "7\n8")

	// A new LOCK TABLES takes the place of the old one; a view locks its tables.
	c.exec("LOCK TABLES t WRITE", "LOCK TABLES vt READ")
	c.want("SELECT * FROM vt", "7\n8")
	b.exec("INSERT INTO u VALUES (2)")
	c.exec("UNLOCK TABLES", "RENAME TABLE u TO uu", "LOCK TABLES uu WRITE", "RENAME TABLE uu TO u", "UNLOCK TABLES", "UNLOCK TABLES")
	c.fails(1146, "LOCK TABLES none READ")
	c.fails(1066, "LOCK TABLES t READ, t WRITE")
	c.fails(1064, "LOCK TABLES t")
	b.exec("DELETE FROM u", "DELETE FROM t")
}

// KILL ends a wait for LOCK TABLES, and the waiter holds nothing.
func TestLockTables_CancelledWait(t *testing.T) {
	ts := newTestServer(t, nil)
	a, b := ts.client(), ts.client()
	a.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE u (id INT PRIMARY KEY)", "LOCK TABLES u WRITE")
	b.exec("USE d", "SET lock_wait_timeout = 1")
	b.fails(1205, "LOCK TABLES t WRITE, u WRITE")
	a.exec("UNLOCK TABLES", "INSERT INTO t VALUES (1)")
	b.exec("INSERT INTO t VALUES (2)")
}
