package sql

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestLockTables_Aliases(t *testing.T) {
	ts := newTestServer(t, nil)
	a := ts.client()
	a.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, v INT)", "CREATE TABLE u (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1,1)")
	a.exec("LOCK TABLES t AS x READ, t AS y WRITE")
	a.want("SELECT x.id FROM t AS x JOIN d.t y ON x.id = y.id", "1")
	for _, q := range []string{"SELECT * FROM t", "SELECT * FROM t AS z", "INSERT INTO t VALUES (2,2)", "SELECT * FROM t x WHERE id IN (SELECT id FROM t)"} {
		a.fails(1100, q)
	}
	if msg := a.fails(1100, "SELECT * FROM t AS z"); msg != "Table 'z' was not locked with LOCK TABLES" {
		t.Error(msg)
	}
	if msg := a.fails(1099, "UPDATE t AS x SET v = 2"); msg != "Table 'x' was locked with a READ lock and can't be updated" {
		t.Error(msg)
	}
	a.exec("UPDATE t AS y SET v = 2", "WITH c AS (SELECT * FROM t AS x) SELECT * FROM c", "LOCK TABLES t WRITE, t AS x READ", "INSERT INTO t SELECT x.id + 1, v FROM t AS x", "UNLOCK TABLES")
	a.want("SELECT * FROM t", "1|2\n2|2")
	a.exec("LOCK TABLES d.t READ")
	a.fails(1100, "SELECT * FROM u")
	a.want("SELECT COUNT(*) FROM t", "2")
	a.exec("BEGIN", "SELECT * FROM u", "ROLLBACK")
}

func TestGetLock(t *testing.T) {
	ts := newTestServer(t, nil)
	a, b := ts.client(), ts.client()
	a.want("SELECT GET_LOCK('a', 0), GET_LOCK('A', 1), GET_LOCK('b', -1)", "1|1|1")
	b.want("SELECT GET_LOCK('a', 0), IS_FREE_LOCK('A'), IS_USED_LOCK('a') = "+fmt.Sprint(a.ID())+", RELEASE_LOCK('a'), RELEASE_LOCK('none'), IS_USED_LOCK('none'), IS_FREE_LOCK('none')",
		"0|0|true|0|NULL|NULL|1")
	a.exec("BEGIN", "ROLLBACK") // they outlive transactions
	a.want("SELECT RELEASE_LOCK('a')", "1")
	b.want("SELECT IS_FREE_LOCK('a')", "0") // it was taken twice
	done := blocked(t, b, "SELECT GET_LOCK('a', 50)")
	a.want("SELECT RELEASE_LOCK('a'), RELEASE_LOCK('a')", "1|0")
	ended(t, "GET_LOCK", done)
	// Each waits for what the other has.
	done = blocked(t, b, "SELECT GET_LOCK('b', NULL)")
	if msg := a.fails(3058, "SELECT GET_LOCK('a', -1)"); msg != "Deadlock found when trying to get user-level lock; try rolling back transaction/releasing locks and restarting lock acquisition." {
		t.Error(msg)
	}
	a.want("SELECT GET_LOCK('b', 1), GET_LOCK('c', 1), RELEASE_ALL_LOCKS()", "1|1|3")
	ended(t, "GET_LOCK", done)
	b.want("SELECT RELEASE_ALL_LOCKS(), RELEASE_ALL_LOCKS()", "2|0")
	a.want("SELECT GET_LOCK('a', 1)", "1")
	done = blocked(t, b, "SELECT GET_LOCK('a', 50)")
	a.SessionEnd()
	ended(t, "GET_LOCK", done)
	for _, name := range []string{"NULL", "''", "REPEAT('x', 65)"} {
		b.fails(3057, "SELECT GET_LOCK("+name+", 1)")
		b.fails(3057, "SELECT IS_FREE_LOCK("+name+")")
	}
	b.fails(1582, "SELECT GET_LOCK('a')")
}

// LOCK INSTANCE FOR BACKUP lets rows change and keeps definitions and accounts
// as they are, but for its own session.
func TestLockInstance(t *testing.T) {
	ts := newTestServer(t, nil)
	a, b := ts.client(), ts.client()
	a.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE u (id INT PRIMARY KEY)", "LOCK INSTANCE FOR BACKUP")
	b.exec("USE d", "INSERT INTO t VALUES (1)", "LOCK INSTANCE FOR BACKUP", "UNLOCK INSTANCE")
	for _, q := range []string{"CREATE TABLE n (id INT)", "DROP TABLE u", "ALTER TABLE u ADD COLUMN v INT", "RENAME TABLE u TO n", "TRUNCATE TABLE u", "CREATE DATABASE e",
		"CREATE USER x", "CREATE VIEW v AS SELECT 1", "CREATE TABLE IF NOT EXISTS t (id INT)", "CREATE INDEX i ON u (id)"} {
		waits(t, b, q)
	}
	a.exec("CREATE TABLE mine (id INT)", "BEGIN", "COMMIT", "UNLOCK TABLES")
	done := blocked(t, b, "DROP TABLE u")
	b2 := ts.client()
	b2.exec("USE d", "SELECT * FROM u") // the DDL holds nothing while it waits
	a.exec("UNLOCK INSTANCE")
	ended(t, "DROP TABLE", done)
	a.exec("LOCK INSTANCE FOR BACKUP")
	done = blocked(t, b, "CREATE TABLE u (id INT)")
	a.SessionEnd()
	ended(t, "CREATE TABLE", done)
	b.exec("CREATE USER nobody")
}

// FLUSH TABLES WITH READ LOCK: nothing changes until UNLOCK TABLES, and the
// session can read everything, whatever waits.
func TestFlushTablesWithReadLock(t *testing.T) {
	ts := newTestServer(t, nil)
	a, b, c := ts.client(), ts.client(), ts.client()
	a.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)", "FLUSH TABLES WITH READ LOCK")
	b.exec("USE d")
	c.exec("USE d")
	insert := blocked(t, b, "INSERT INTO t VALUES (2)")
	ddl := blocked(t, c, "ALTER TABLE t ADD COLUMN v INT")
	a.want("SELECT * FROM t", "1")
	a.want("SHOW CREATE TABLE t", a.rows("SHOW CREATE TABLE t"))
	a.fails(1223, "INSERT INTO t VALUES (3)")
	a.fails(1223, "DROP TABLE t")
	a.exec("BEGIN", "SELECT * FROM t", "COMMIT", "UNLOCK TABLES")
	ended(t, "INSERT", insert)
	ended(t, "ALTER TABLE", ddl)
	a.want("SELECT * FROM t", "1|NULL\n2|NULL")

	a.exec("FLUSH TABLES t WITH READ LOCK")
	insert = blocked(t, b, "INSERT INTO t VALUES (3,3)")
	a.fails(1099, "INSERT INTO t VALUES (4,4)")
	a.fails(1192, "FLUSH TABLES t WITH READ LOCK")
	a.fails(1192, "FLUSH TABLES WITH READ LOCK")
	a.exec("UNLOCK TABLES")
	ended(t, "INSERT", insert)
	a.fails(1235, "FLUSH TABLES t FOR EXPORT")
}

// DDL waits for the transactions that use the table, new ones wait behind it,
// and lock_wait_timeout ends the wait.
func TestMetadataLocks(t *testing.T) {
	ts := newTestServer(t, nil)
	a, b, c := ts.client(), ts.client(), ts.client()
	a.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)", "CREATE TABLE u (id INT PRIMARY KEY)")
	b.exec("USE d")
	c.exec("USE d")
	for _, use := range []string{"SELECT * FROM t", "SELECT * FROM t FOR UPDATE", "INSERT INTO t VALUES (9)", "DELETE FROM t WHERE id = 77"} {
		a.exec("BEGIN", use)
		for _, ddl := range []string{"ALTER TABLE t ADD COLUMN v INT", "DROP TABLE t", "TRUNCATE TABLE t", "RENAME TABLE t TO t2", "CREATE INDEX i ON t (id)", "DROP DATABASE d"} {
			waits(t, b, ddl)
		}
		b.exec("CREATE TABLE n (id INT)", "DROP TABLE n", "ALTER TABLE u ADD COLUMN v INT", "ALTER TABLE u DROP COLUMN v")
		a.exec("ROLLBACK")
	}
	a.exec("BEGIN", "SELECT * FROM t")
	b.exec("SET lock_wait_timeout = 1")
	b.fails(1205, "TRUNCATE TABLE t")
	b.exec("SET lock_wait_timeout = 50")
	ddl := blocked(t, b, "TRUNCATE TABLE t")
	reader := blocked(t, c, "SELECT * FROM t")
	a.want("SELECT * FROM t", "1") // who has used the table goes on
	a.exec("COMMIT")
	ended(t, "TRUNCATE", ddl)
	if n, _, _ := Translate(<-reader); n != 1412 { // the listener tries it again
		t.Errorf("error %d", n)
	}
	c.want("SELECT * FROM t", "")
}

// waits runs a statement that must wait, and gives it up.
func waits(t *testing.T, c *client, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := c.queryContext(ctx, text); ctx.Err() == nil {
		t.Errorf("%s does not wait: %v", text, err)
	}
}

// A statement that is killed while it waits for a lock leaves nothing behind:
// the lock it waited for goes to the next at once, and so do all that it had
// when its session ends.
func TestKilledWaits(t *testing.T) {
	ts := newTestServer(t, nil)
	a := ts.client()
	a.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1),(2)")
	for _, x := range []struct{ hold, wait, free string }{
		{"SELECT * FROM t WHERE id = 1 FOR UPDATE", "DELETE FROM t WHERE id = 1", "UNLOCK TABLES"},
		{"SELECT * FROM t", "ALTER TABLE t ADD COLUMN x INT", "UNLOCK TABLES"},
		{"SELECT * FROM t", "LOCK TABLES t WRITE", "UNLOCK TABLES"},
		{"SELECT GET_LOCK('x', 1)", "SELECT GET_LOCK('x', 50)", "SELECT RELEASE_ALL_LOCKS()"},
		{"LOCK INSTANCE FOR BACKUP", "CREATE TABLE n (id INT)", "UNLOCK INSTANCE"},
		{"FLUSH TABLES WITH READ LOCK", "INSERT INTO t VALUES (3)", "UNLOCK TABLES"},
		{"FLUSH TABLES WITH READ LOCK", "DROP TABLE t", "UNLOCK TABLES"},
		{"LOCK TABLES t WRITE", "SELECT * FROM t", "UNLOCK TABLES"},
	} {
		b := ts.client()
		b.exec("USE d", "SELECT GET_LOCK('mine', 1)")
		a.exec("BEGIN", x.hold)
		ctx, kill := context.WithCancelCause(t.Context())
		killed := errors.New("killed")
		done := make(chan error, 1)
		go func() {
			_, err := b.queryContext(ctx, x.wait)
			done <- err
		}()
		select {
		case err := <-done:
			t.Fatalf("%s does not wait: %v", x.wait, err)
		case <-time.After(30 * time.Millisecond):
		}
		kill(killed)
		select {
		case err := <-done:
			if !errors.Is(err, killed) && !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", x.wait, err)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%s: the killed statement waits on", x.wait)
		}
		b.SessionEnd()
		a.exec("ROLLBACK", x.free)
		a.want("SELECT IS_FREE_LOCK('mine')", "1")
		a.exec("LOCK TABLES t WRITE", "UNLOCK TABLES", "FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES", "LOCK INSTANCE FOR BACKUP", "UNLOCK INSTANCE")
	}
	a.want("SELECT * FROM t", "1\n2")
}
