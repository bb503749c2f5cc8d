package sql

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// listen starts the server's listener and returns a client for it.
func (ts *testServer) listen(params string) *sql.DB {
	ts.t.Helper()
	if ts.o.Listener == nil {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			ts.t.Fatal(err)
		}
		ts.o.Listener = l
		if err := ts.Start(); err != nil {
			ts.t.Fatal(err)
		}
	}
	return ts.connect("root", "", params)
}

func (ts *testServer) connect(user, password, params string) *sql.DB {
	ts.t.Helper()
	db, err := sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s)/?%s", user, password, ts.o.Listener.Addr(), params))
	if err != nil {
		ts.t.Fatal(err)
	}
	ts.t.Cleanup(func() { db.Close() })
	return db
}

func mustExec(t *testing.T, db interface {
	Exec(string, ...any) (sql.Result, error)
}, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func errNumber(err error) uint16 {
	var me *mysql.MySQLError
	if errors.As(err, &me) {
		return me.Number
	}
	return 0
}

func TestWire_ClientsAndErrors(t *testing.T) {
	ts := newTestServer(t, nil)
	db := ts.listen("multiStatements=true")
	mustExec(t, db, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(5)); INSERT INTO d.t (v) VALUES ('a')")
	res, err := db.Exec("INSERT INTO d.t (v) VALUES (?), (?)", "b", "c")
	if err != nil {
		t.Fatal(err)
	}
	if id, _ := res.LastInsertId(); id != 2 {
		t.Errorf("last insert id %d", id)
	}
	var n int
	if err := db.QueryRow("SELECT COUNT(*) FROM d.t WHERE id > ?", 1).Scan(&n); err != nil || n != 2 {
		t.Errorf("%d rows, %v", n, err)
	}
	for statement, number := range map[string]uint16{
		"INSERT INTO d.t VALUES (1, 'x')":       1062,
		"INSERT INTO d.t (v) VALUES ('123456')": 1406,
		"SELECT * FROM d.missing":               1146,
		"SELECT nope FROM d.t":                  1054,
		"USE nope":                              1049,
		"SELEC 1":                               1064,
		"CREATE DATABASE d":                     1007,
		"CREATE TABLE d.t (a INT)":              1050,
		"DROP TABLE d.missing":                  1051,
		"SELECT * FROM missing":                 1046,
		"SELECT @@nope":                         1193,
		"SET GLOBAL nope = 1":                   1193,
		"CREATE TABLE d.j (a JSON, KEY (a))":    3152,
		"CREATE TABLE d.p (a INT) PARTITION BY HASH (a) PARTITIONS 2":      1235,
		"CREATE TABLE d.f (a BIGINT, FOREIGN KEY (a) REFERENCES d.t (id))": 3780,
		"XA START 'x'": 1235,
	} {
		_, err := db.Exec(statement)
		if got := errNumber(err); got != number {
			t.Errorf("%s: error %d (%v), want %d", statement, got, err, number)
		}
	}
	var name, text string
	if err := db.QueryRow("SHOW CREATE TABLE d.t").Scan(&name, &text); err != nil || !strings.Contains(text, "AUTO_INCREMENT") {
		t.Errorf("%s, %v", text, err)
	}
}

func TestWire_AccountsSurviveAndTravel(t *testing.T) {
	ts := newTestServer(t, nil)
	db := ts.listen("")
	mustExec(t, db, "create user 'Slave'@'%' identified by '123456'", "grant replication slave on '*.*' to 'Slave'@'%'",
		"CREATE DATABASE d", "CREATE USER 'u'@'localhost' IDENTIFIED WITH mysql_native_password BY 'pw'", "GRANT SELECT ON d.* TO 'u'@'localhost'", "CREATE TABLE d.t (a INT)")
	u := ts.connect("u", "pw", "")
	if _, err := u.Exec("INSERT INTO d.t VALUES (1)"); errNumber(err) != 1142 && errNumber(err) != 1044 {
		t.Errorf("insert without the privilege: %v", err)
	}
	if _, err := u.Exec("STOP SLAVE"); errNumber(err) != 1227 {
		t.Errorf("STOP SLAVE without the privilege: %v", err)
	}
	if _, err := u.Exec("SET GLOBAL read_only = 1"); errNumber(err) != 1227 {
		t.Errorf("SET GLOBAL without the privilege: %v", err)
	}
	if err := ts.connect("u", "wrong", "").Ping(); errNumber(err) != 1045 {
		t.Errorf("wrong password: %v", err)
	}
	var grant string
	if err := db.QueryRow("SHOW GRANTS FOR 'Slave'@'%'").Scan(&grant); err != nil || !strings.Contains(grant, "REPLICATION SLAVE") {
		t.Errorf("grants %q, %v", grant, err)
	}
	for _, q := range loggedStatements(t, ts) {
		if strings.Contains(q, "123456") || strings.Contains(q, "'pw'") {
			t.Errorf("a password is in the binlog: %s", q)
		}
	}
	ts = ts.reopen()
	ts.listen("")
	if err := ts.connect("u", "pw", "").Ping(); err != nil {
		t.Errorf("after reopening: %v", err)
	}
}

func TestWire_DisconnectFreesEverything(t *testing.T) {
	ts := newTestServer(t, nil)
	db := ts.listen("")
	mustExec(t, db, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, v INT)", "INSERT INTO d.t VALUES (1,1)", "SET GLOBAL innodb_lock_wait_timeout = 20")
	for _, held := range [][]string{{"BEGIN", "UPDATE d.t SET v = 2"}, {"BEGIN", "SELECT * FROM d.t FOR UPDATE"}, {"FLUSH TABLES WITH READ LOCK"}, {"SET autocommit = 0", "INSERT INTO d.t VALUES (2,2)"}} {
		other := ts.connect("root", "", "")
		c, err := other.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range held {
			if _, err := c.ExecContext(t.Context(), q); err != nil {
				t.Fatalf("%s: %v", q, err)
			}
		}
		c.Close()
		other.Close()
		mustExec(t, db, "UPDATE d.t SET v = v + 1")
		var v, n int
		if err := db.QueryRow("SELECT MAX(v), COUNT(*) FROM d.t").Scan(&v, &n); err != nil || n != 1 {
			t.Errorf("after %q: v = %d, %d rows, %v", held, v, n, err)
		}
	}
	var v int
	if err := db.QueryRow("SELECT v FROM d.t").Scan(&v); err != nil || v != 5 {
		t.Errorf("v = %d, %v, want 5", v, err)
	}
}

func TestWire_KillEndsALockWait(t *testing.T) {
	ts := newTestServer(t, nil)
	db := ts.listen("")
	mustExec(t, db, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "INSERT INTO d.t VALUES (1)")
	holder, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	for _, q := range []string{"BEGIN", "SELECT * FROM d.t FOR UPDATE"} {
		if _, err := holder.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	waiter, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer waiter.Close()
	var id int
	if err := waiter.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := waiter.ExecContext(t.Context(), "DELETE FROM d.t")
		done <- err
	}()
	for {
		var command string
		if err := db.QueryRow("SELECT COMMAND FROM information_schema.PROCESSLIST WHERE ID = ?", id).Scan(&command); err != nil {
			t.Fatal(err)
		}
		if command == "Query" {
			break
		}
	}
	mustExec(t, db, fmt.Sprintf("KILL QUERY %d", id))
	if err := <-done; errNumber(err) != 1317 {
		t.Errorf("killed statement: %v, want 1317", err)
	}
	if _, err := waiter.ExecContext(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("the connection after KILL QUERY: %v", err)
	}
}
