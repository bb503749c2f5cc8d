package tests

import (
	"bytes"
	"database/sql"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// dumped is a schema with something of everything that a dump holds.
var dumped = []string{
	"CREATE DATABASE shop", "CREATE DATABASE `log book`",
	`CREATE TABLE shop.account (id INT PRIMARY KEY AUTO_INCREMENT, n INT NOT NULL DEFAULT 0, s VARCHAR(40), d DECIMAL(12,3), at DATETIME(3),
		e ENUM('a','b'), f SET('x','y','z'), b VARBINARY(40), KEY n (n), UNIQUE KEY s (s))`,
	"CREATE TABLE shop.transfer (id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, holder INT NOT NULL, n INT NOT NULL, CONSTRAINT held FOREIGN KEY (holder) REFERENCES shop.account (id))",
	"CREATE TABLE `log book`.`the lines` (w INT, x INT, text TEXT)",
	"CREATE TABLE `log book`.noted (id INT PRIMARY KEY AUTO_INCREMENT, transfer BIGINT UNSIGNED)",
	"INSERT INTO shop.account (s, d, at, e, f, b) VALUES ('it''s', 1.5, '2024-02-29 12:30:45.678', 'a', 'x,z', x'00ff275c22'), ('Größe', -2, NULL, 'b', '', NULL), ('\\\\n\\n', NULL, NULL, NULL, NULL, '')",
	"INSERT INTO shop.account (s) VALUES ('a4'),('a5'),('a6'),('a7'),('a8'),('a9')",
	"CREATE TRIGGER shop.note AFTER INSERT ON shop.transfer FOR EACH ROW INSERT INTO `log book`.noted (transfer) VALUES (NEW.id)",
	"CREATE FUNCTION shop.half(x INT) RETURNS INT DETERMINISTIC NO SQL RETURN x DIV 2",
	"CREATE PROCEDURE shop.pay(IN a INT, IN x INT) BEGIN UPDATE shop.account SET n = n + x WHERE id = a; INSERT INTO shop.transfer (holder, n) VALUES (a, x); END",
}

// writers are clients that change the dumped schema until they are told to stop.
type writers struct {
	stop chan struct{}
	done sync.WaitGroup
	errs chan error
}

// write starts n writers. A transaction moves money between two accounts: what
// is consistent has a sum of 0, and as many noted as transfers.
func write(t *testing.T, db *sql.DB, n int) *writers {
	w := &writers{stop: make(chan struct{}), errs: make(chan error, n)}
	for i := range n {
		w.done.Add(1)
		go func() {
			defer w.done.Done()
			for j := 0; ; j++ {
				select {
				case <-w.stop:
					return
				default:
				}
				if err := transfer(db, i, j); err != nil && !strings.Contains(err.Error(), "1213") && !strings.Contains(err.Error(), "1020") {
					w.errs <- err
					return
				}
			}
		}()
	}
	t.Cleanup(w.end)
	return w
}

func transfer(db *sql.DB, i, j int) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	from, to := 1+(i+j)%9, 1+(i*3+j*5+1)%9
	for _, q := range []string{
		fmt.Sprintf("UPDATE shop.account SET n = n - %d WHERE id = %d", j, from),
		fmt.Sprintf("UPDATE shop.account SET n = n + %d WHERE id = %d", j, to),
		fmt.Sprintf("INSERT INTO shop.transfer (holder, n) VALUES (%d, %d), (%d, %d)", from, -j, to, j),
		fmt.Sprintf("INSERT INTO `log book`.`the lines` VALUES (%d, %d, 'a line'), (%d, %d, 'a line')", i, j, i, j),
	} {
		if _, err := tx.Exec(q); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (w *writers) end() {
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	w.done.Wait()
}

// finish ends the writers and fails the test if one failed.
func (w *writers) finish(t *testing.T) {
	t.Helper()
	w.end()
	select {
	case err := <-w.errs:
		t.Errorf("a writer: %v", err)
	default:
	}
}

// tool runs a client program against a server as root and returns what it
// printed; anything on its standard error is a complaint.
func tool(t *testing.T, s *cluster.Server, name string, args ...string) string {
	t.Helper()
	args = append([]string{"--no-defaults", "--protocol=tcp", "-h127.0.0.1", "-P" + strconv.Itoa(s.Port), "-uroot"}, args...)
	var out, errs bytes.Buffer
	cmd := exec.Command(cluster.Need(t, name), args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil || errs.Len() > 0 {
		t.Fatalf("%s %v: %v: %s", name, args[5:], err, errs.String())
	}
	return out.String()
}

// load feeds a script to the stock client.
func load(t *testing.T, port int, script string) {
	t.Helper()
	if out, err := cluster.Client(t, port, script, "-uroot", "--default-character-set=utf8mb4"); err != nil {
		t.Fatalf("load: %v: %s", err, out)
	}
}

var changeMaster = regexp.MustCompile(`MASTER_LOG_FILE='([^']+)', MASTER_LOG_POS=(\d+)`)

// A dump taken under 8 writers holds one moment, and the position of that
// moment: a replica of ours and a MariaDB that are loaded from it and follow
// from there end with the same rows.
func TestDumps_UnderWriters(t *testing.T) {
	cluster.Need(t, "mariadb-dump")
	cluster.Need(t, "mariadbd")
	primary := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin", "collation-server=utf8mb4_general_ci",
		"default_authentication_plugin=mysql_native_password", "max_binlog_size=256K")
	primary.Exec("CREATE USER 'repl'@'%' IDENTIFIED WITH mysql_native_password BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'")
	primary.Exec(dumped...)
	w := write(t, primary.DB(), 8)
	time.Sleep(300 * time.Millisecond)
	all := []string{"--master-data=2", "--all-databases", "--ignore-database=mysql", "--routines", "--triggers", "--events"}
	texts := map[string]string{}
	for _, how := range []string{"--single-transaction", "--lock-all-tables"} {
		texts[how] = tool(t, primary, "mariadb-dump", append(all, how)...)
		time.Sleep(100 * time.Millisecond)
	}
	w.finish(t)

	for how, text := range texts {
		at := changeMaster.FindStringSubmatch(text)
		if at == nil {
			t.Fatalf("%s: no position in the dump", how)
		}
		replica := cluster.Start(t, "replica"+how, "server-id=2", "log-bin=mysql-bin", "collation-server=utf8mb4_general_ci")
		load(t, replica.Port, text)
		consistent(t, how, replica.DB())
		replica.Exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='repl', MASTER_PASSWORD='secret', MASTER_LOG_FILE='%s', MASTER_LOG_POS=%s",
			primary.Port, at[1], at[2]), "START SLAVE")
		cluster.WaitCaughtUp(t, primary, replica, 30*time.Second)
		cluster.SameData(t, "primary", primary.DB(), how, replica.DB())
		consistent(t, how, replica.DB())
		replica.Exec("CALL shop.pay(1, 5)")
		if got := replica.One("SELECT shop.half(n) FROM shop.transfer ORDER BY id DESC LIMIT 1"); got != "2" {
			t.Errorf("%s: the loaded procedure and function give %s, want 2", how, got)
		}
	}
	text := texts["--single-transaction"]
	at := changeMaster.FindStringSubmatch(text)
	m := cluster.StartMariaDB(t, "--server-id=100", "--log-bin-trust-function-creators")
	load(t, m.Port, text)
	consistent(t, "MariaDB", m.DB)
	m.FollowFrom(primary, at[1], at[2])
	m.WaitCaughtUp(primary, 30*time.Second)
	cluster.SameData(t, "primary", primary.DB(), "MariaDB", m.DB)
}

// consistent fails the test unless the transfers are there as a whole or not at all.
func consistent(t *testing.T, name string, db *sql.DB) {
	t.Helper()
	for q, want := range map[string]string{
		"SELECT SUM(n) FROM shop.account":  "0",
		"SELECT SUM(n) FROM shop.transfer": "0",
		"SELECT (SELECT COUNT(*) FROM shop.transfer) - (SELECT COUNT(*) FROM `log book`.noted)":       "0",
		"SELECT (SELECT COUNT(*) FROM shop.transfer) - (SELECT COUNT(*) FROM `log book`.`the lines`)": "0",
		"SELECT COUNT(*) FROM shop.transfer WHERE holder NOT IN (SELECT id FROM shop.account)":        "0",
		"SELECT COUNT(*) > 0 FROM shop.transfer":                                                      "1",
	} {
		rows, err := cluster.Rows(db, q)
		if err != nil || rows[0][0] != want {
			t.Errorf("%s: %s: %v %v, want %s", name, q, rows, err, want)
		}
	}
}

// The small tools of the client package, each once.
func TestTools(t *testing.T) {
	s := cluster.Start(t, "server", "server-id=1", "log-bin=mysql-bin")
	s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, s VARCHAR(20))")

	for _, c := range []struct {
		args string
		want string
	}{
		{"mariadb-show", "| d "}, {"mariadb-show d", "| t "}, {"mariadb-show d t", "varchar(20)"}, {"mariadb-show --status d", "InnoDB"}, {"mariadb-show --count d", "| t "},
		{"mariadb-admin ping", "mysqld is alive"}, {"mariadb-admin status", "Uptime:"}, {"mariadb-admin version", "Server version"},
		{"mariadb-admin extended-status", "Threads_connected"}, {"mariadb-admin processlist", "Query"}, {"mariadb-admin variables", "server_id"},
		{"mariadb-admin flush-logs flush-tables flush-privileges flush-status flush-hosts", ""}, {"mariadb-admin create made", ""}, {"mariadb-admin --force drop made", "dropped"},
		{"mariadb-slap --auto-generate-sql --concurrency=4 --number-of-queries=40", "Average number of seconds"},
	} {
		args := strings.Fields(c.args)
		if out := tool(t, s, args[0], args[1:]...); !strings.Contains(out, c.want) {
			t.Errorf("%s: %q is missing in:\n%s", c.args, c.want, out)
		}
	}
}
