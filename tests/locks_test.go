package tests

import (
	"fmt"
	"net"
	"testing"
	"time"

	rawclient "github.com/go-mysql-org/go-mysql/client"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/tests/cluster"
)

// do executes statements on a raw connection, which must succeed.
func do(t *testing.T, c *rawclient.Conn, statements ...string) *gomysql.Result {
	t.Helper()
	var r *gomysql.Result
	for _, q := range statements {
		var err error
		if r, err = c.Execute(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	return r
}

// later runs a statement in the background.
func later(c *rawclient.Conn, statement string) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := c.Execute(statement)
		done <- err
	}()
	return done
}

// still fails when a statement has ended that must wait.
func still(t *testing.T, what string, done <-chan error) {
	t.Helper()
	select {
	case err := <-done:
		t.Fatalf("%s does not wait: %v", what, err)
	case <-time.After(200 * time.Millisecond):
	}
}

// soon waits for the end of a statement.
func soon(t *testing.T, what string, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(5 * time.Second):
		t.Fatalf("%s still waits", what)
		return nil
	}
}

// TestLocks_LostClient: whatever a client holds, and whatever it waits for, is
// given back as soon as its connection is cut, or killed.
func TestLocks_LostClient(t *testing.T) {
	s := cluster.Start(t, "primary")
	s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, v INT)", "CREATE TABLE d.u (id INT PRIMARY KEY, v INT)", "INSERT INTO d.t VALUES (1,1)", "INSERT INTO d.u VALUES (1,1)")
	for i, x := range []struct{ hold, next string }{
		{"UPDATE d.t SET v = 2 WHERE id = 1", "DELETE FROM d.t WHERE id = 2 OR id = 1"},
		{"SELECT * FROM d.t", "TRUNCATE TABLE d.t"},
		{"LOCK TABLES d.t WRITE", "UPDATE d.t SET v = 3"},
		{"FLUSH TABLES WITH READ LOCK", "INSERT INTO d.t VALUES (99,1)"},
		{"LOCK INSTANCE FOR BACKUP", "CREATE TABLE IF NOT EXISTS d.n (id INT)"},
		{"SELECT GET_LOCK('l', 1)", "SELECT GET_LOCK('l', 60)"},
	} {
		for _, how := range []string{"cut", "killed", "cut while it waits", "killed while it waits"} {
			holder, waiter, other := rawConn(t, s), rawConn(t, s), rawConn(t, s)
			do(t, holder, "BEGIN", x.hold)
			var ended <-chan error
			if how == "cut while it waits" || how == "killed while it waits" {
				do(t, other, "BEGIN", "SELECT * FROM d.u FOR UPDATE")
				if i == 2 || i == 3 { // those may not touch d.u: they wait for a named lock
					do(t, other, "ROLLBACK", "SELECT GET_LOCK('other', 1)")
					ended = later(holder, "SELECT GET_LOCK('other', 60)")
				} else {
					ended = later(holder, "SELECT * FROM d.u FOR UPDATE")
				}
				still(t, "the holder", ended)
			}
			done := later(waiter, x.next)
			still(t, x.next, done)
			switch how {
			case "cut", "cut while it waits":
				tcp := holder.Conn.Conn.(*net.TCPConn)
				_ = tcp.SetLinger(0)
				tcp.Close()
			default:
				s.Exec(fmt.Sprintf("KILL %d", holder.GetConnectionID()))
			}
			if err := soon(t, x.next+" after the holder was "+how, done); err != nil {
				t.Errorf("%s: %v", x.next, err)
			}
			if ended != nil {
				_ = soon(t, "the holder", ended)
				other.Close()
			}
			waiter.Close()
			s.Exec("DELETE FROM d.t", "INSERT INTO d.t VALUES (1,1)", "DROP TABLE IF EXISTS d.n")
		}
	}

	// KILL QUERY ends the wait and leaves the transaction open.
	a, b := rawConn(t, s), rawConn(t, s)
	do(t, a, "BEGIN", "UPDATE d.t SET v = 2")
	do(t, b, "BEGIN", "UPDATE d.u SET v = 2")
	done := later(b, "UPDATE d.t SET v = 3")
	still(t, "UPDATE", done)
	s.Exec(fmt.Sprintf("KILL QUERY %d", b.GetConnectionID()))
	if err := soon(t, "UPDATE", done); err == nil || err.Error() != "ERROR 1317 (70100): Query execution was interrupted" {
		t.Error(err)
	}
	do(t, b, "COMMIT")
	do(t, a, "ROLLBACK")
	if got := s.One("SELECT CONCAT(t.v, u.v) FROM d.t, d.u"); got != "12" {
		t.Errorf("values %s", got)
	}
	// A reset connection and another user begin with nothing.
	do(t, a, "BEGIN", "UPDATE d.t SET v = 5", "SELECT GET_LOCK('l', 1)")
	if _, err := command(a, []byte{0x1f}); err != nil { // COM_RESET_CONNECTION
		t.Fatal(err)
	}
	do(t, b, "UPDATE d.t SET v = 6 WHERE id = 1", "DO 1")
	if got := s.One("SELECT IS_FREE_LOCK('l')"); got != "1" {
		t.Error("the named lock is kept")
	}
}

// TestTransactions_OnTheWire: the status flags that drivers and proxies go by,
// and COMMIT RELEASE.
func TestTransactions_OnTheWire(t *testing.T) {
	s := cluster.Start(t, "primary")
	s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)")
	c := rawConn(t, s)
	for _, x := range []struct {
		statement      string
		in, autocommit bool
	}{
		{"SELECT 1", false, true}, {"BEGIN", true, true}, {"SELECT * FROM d.t", true, true}, {"COMMIT", false, true},
		{"INSERT INTO d.t VALUES (1)", false, true}, {"SET autocommit = 0", false, false}, {"SELECT 1", false, false},
		{"SELECT * FROM d.t", true, false}, {"ROLLBACK", false, false}, {"INSERT INTO d.t VALUES (2)", true, false},
		{"CREATE TABLE d.u (id INT)", false, false}, {"SET autocommit = 1", false, true},
		{"START TRANSACTION READ ONLY", true, true}, {"COMMIT AND CHAIN", true, true}, {"ROLLBACK AND NO CHAIN", false, true},
		{"SAVEPOINT a", false, true},
	} {
		do(t, c, x.statement)
		if c.IsInTransaction() != x.in || c.IsAutoCommit() != x.autocommit {
			t.Errorf("after %s: in a transaction %v, autocommit %v", x.statement, c.IsInTransaction(), c.IsAutoCommit())
		}
	}
	do(t, c, "COMMIT AND NO CHAIN RELEASE")
	if err := c.Ping(); err == nil {
		t.Error("RELEASE has not closed the connection")
	}
}

// TestLocks_StatementsBehindDDL: what waits for an ALTER TABLE runs on the new
// definition, prepared statements too.
func TestLocks_StatementsBehindDDL(t *testing.T) {
	s := cluster.Start(t, "primary")
	s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, v INT)", "INSERT INTO d.t VALUES (1,1)")
	open, ddl := rawConn(t, s), rawConn(t, s)
	do(t, open, "BEGIN", "SELECT * FROM d.t")
	altered := later(ddl, "ALTER TABLE d.t ADD COLUMN w INT DEFAULT 7")
	still(t, "ALTER TABLE", altered)
	var waiting []<-chan error
	for i := range 4 {
		c := rawConn(t, s)
		if i == 3 {
			do(t, c, "BEGIN")
		}
		switch i {
		case 1:
			waiting = append(waiting, later(c, "UPDATE d.t SET v = v + 1"))
		default:
			done := make(chan error, 1)
			go func() {
				r, err := c.Execute("SELECT * FROM d.t WHERE id = ?", 1)
				if err == nil && len(r.Fields) != 3 {
					err = fmt.Errorf("%d columns", len(r.Fields))
				}
				done <- err
			}()
			waiting = append(waiting, done)
		}
	}
	for _, w := range waiting {
		still(t, "a statement behind ALTER TABLE", w)
	}
	do(t, open, "COMMIT")
	if err := soon(t, "ALTER TABLE", altered); err != nil {
		t.Error(err)
	}
	for i, w := range waiting {
		if err := soon(t, "a statement", w); err != nil {
			t.Errorf("statement %d: %v", i, err)
		}
	}
}
