package tests

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// A statement with IGNORE is one statement in the binlog, whatever rows it
// leaves out, and when it is killed nothing of it stays in its transaction.
func TestIgnore_OneStatement(t *testing.T) {
	s := cluster.Start(t, "s", "server-id=1", "log-bin=mysql-bin")
	r := cluster.Start(t, "r", "server-id=2")
	cluster.Follow(t, s, r)
	s.Exec("CREATE DATABASE d", "CREATE TABLE d.src (id INT PRIMARY KEY)", "CREATE TABLE d.t (id INT PRIMARY KEY, n INT UNIQUE)",
		"CREATE TABLE d.log (id INT)", "CREATE TRIGGER d.tr AFTER INSERT ON d.t FOR EACH ROW INSERT INTO d.log VALUES (NEW.id)",
		"INSERT INTO d.t VALUES (3, 3)")
	s.Exec("CREATE TABLE d.guarded (id INT PRIMARY KEY)",
		"CREATE TRIGGER d.guard BEFORE INSERT ON d.guarded FOR EACH ROW BEGIN IF NEW.id = 9 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no nine'; END IF; END")
	for i := range 20 {
		s.Exec(fmt.Sprintf("INSERT INTO d.src VALUES (%d)", i))
	}
	rowsEvents := func(name string) (n int) {
		at := s.Rows("SHOW MASTER STATUS")[0]
		s.Exec("INSERT IGNORE INTO d." + name)
		for _, ev := range s.Rows("SHOW BINLOG EVENTS IN '" + at[0] + "' FROM " + at[1]) {
			if strings.HasPrefix(ev[2], "Write_rows") {
				n++
			}
		}
		return n
	}
	if n := rowsEvents("src SELECT id + 15 FROM d.src"); n != 1 {
		t.Errorf("%d rows events for 15 rows", n)
	}
	if n := rowsEvents("t SELECT id, id % 7 FROM d.src"); n != 12 { // the trigger's between them
		t.Errorf("%d rows events for 6 rows and those of the trigger", n)
	}
	if got := s.One("SELECT GROUP_CONCAT(id ORDER BY id) FROM d.log"); got != "3,0,1,2,4,5,6" && got != "0,1,2,3,4,5,6" {
		t.Errorf("the trigger ran for %s", got)
	}
	s.Exec("DELETE FROM d.t")

	c, err := s.DB().Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	exec := func(q string) error {
		_, err := c.ExecContext(context.Background(), q)
		return err
	}
	one := func(q string) (v string) {
		if err := c.QueryRowContext(context.Background(), q).Scan(&v); err != nil && err != sql.ErrNoRows {
			t.Fatal(err)
		}
		return v
	}
	id := one("SELECT CONNECTION_ID()")
	for _, q := range []string{"BEGIN", "INSERT INTO d.t VALUES (1000, 1000)"} {
		if err := exec(q); err != nil {
			t.Fatal(err)
		}
	}
	time.AfterFunc(time.Second, func() { s.DB().Exec("KILL QUERY " + id) })
	if err := exec("INSERT IGNORE INTO d.t SELECT id, id + 0 * SLEEP(0.2) FROM d.src"); err == nil {
		t.Error("a killed statement succeeded")
	}
	if got := one("SELECT GROUP_CONCAT(id) FROM d.t"); got != "1000" {
		t.Errorf("after the KILL: rows %s", got)
	}
	// So does an error that IGNORE does not cover, in the middle of the rows.
	if err := exec("INSERT IGNORE INTO d.guarded SELECT id FROM d.src ORDER BY id"); err == nil {
		t.Error("the trigger's error is ignored")
	}
	if got := one("SELECT COUNT(*) FROM d.guarded"); got != "0" {
		t.Errorf("after the trigger's error: %s rows", got)
	}
	if err := exec("COMMIT"); err != nil {
		t.Fatal(err)
	}
	cluster.WaitCaughtUp(t, s, r, 10*time.Second)
	cluster.SameData(t, "primary", s.DB(), "replica", r.DB())
}
