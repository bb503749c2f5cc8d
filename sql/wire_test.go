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
		"CREATE TABLE d.j (a JSON)":             1235,
		"CREATE TABLE d.p (a INT) PARTITION BY HASH (a) PARTITIONS 2":   1235,
		"CREATE TABLE d.f (a INT, FOREIGN KEY (a) REFERENCES d.t (id))": 1235,
		"CREATE TABLE d.g (a INT, b INT AS (a + 1))":                    1235,
		"CREATE TABLE d.s AS SELECT 1":                                  1235,
		"XA START 'x'":                                                  1235,
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
