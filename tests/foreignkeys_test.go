package tests

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"binrelay/tests/cluster"
)

// keyTables are a parent with children of every kind: refused, deleted, set to
// NULL, followed, two levels deep, by a unique key, and a tree.
var keyTables = []string{
	"CREATE DATABASE d",
	"CREATE TABLE d.p (id INT PRIMARY KEY, u VARCHAR(20) COLLATE utf8mb4_general_ci, n INT, UNIQUE KEY u (u))",
	"CREATE TABLE d.strict (id INT PRIMARY KEY, pid INT, FOREIGN KEY (pid) REFERENCES d.p (id))",
	"CREATE TABLE d.casc (id INT PRIMARY KEY, pid INT, FOREIGN KEY (pid) REFERENCES d.p (id) ON DELETE CASCADE ON UPDATE CASCADE)",
	"CREATE TABLE d.nulls (pid INT, n INT, KEY (pid), FOREIGN KEY (pid) REFERENCES d.p (id) ON DELETE SET NULL ON UPDATE SET NULL)",
	"CREATE TABLE d.grand (id INT PRIMARY KEY, cid INT, FOREIGN KEY (cid) REFERENCES d.casc (id) ON DELETE CASCADE)",
	"CREATE TABLE d.named (id INT PRIMARY KEY, u VARCHAR(40) COLLATE utf8mb4_general_ci, FOREIGN KEY (u) REFERENCES d.p (u) ON DELETE CASCADE ON UPDATE CASCADE)",
	"CREATE TABLE d.tree (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES d.tree (id) ON DELETE CASCADE)",
}

// keyParents says which column of which table refers to which.
var keyParents = [][4]string{
	{"strict", "pid", "p", "id"}, {"casc", "pid", "p", "id"}, {"nulls", "pid", "p", "id"},
	{"grand", "cid", "casc", "id"}, {"named", "u", "p", "u"}, {"tree", "up", "tree", "id"},
}

// keyStatement is a random statement on keyTables.
func keyStatement(r *rand.Rand) string {
	id, other, serial := r.IntN(20), r.IntN(20), r.IntN(1<<30)
	switch r.IntN(20) {
	case 0, 1:
		return fmt.Sprintf("DELETE FROM d.p WHERE id = %d", id)
	case 2:
		return fmt.Sprintf("UPDATE d.p SET id = %d WHERE id = %d", 20+id, id)
	case 3:
		return fmt.Sprintf("UPDATE d.p SET id = %d WHERE id = %d", id, 20+id)
	case 4:
		return fmt.Sprintf("UPDATE d.p SET u = 'U%d', n = n + 1 WHERE id = %d", id, other)
	case 5:
		return fmt.Sprintf("UPDATE d.p SET n = n + 1 WHERE id = %d", id)
	case 6, 7, 8:
		return fmt.Sprintf("INSERT INTO d.p VALUES (%d, 'u%d', 0)", id, other)
	case 9:
		return fmt.Sprintf("REPLACE INTO d.p VALUES (%d, 'u%d', 0)", id, other)
	case 10:
		return fmt.Sprintf("INSERT INTO d.strict VALUES (%d, %d)", serial, id)
	case 11:
		return fmt.Sprintf("DELETE FROM d.strict WHERE pid = %d", id)
	case 12:
		return fmt.Sprintf("INSERT INTO d.casc (id, pid) VALUES (%d, %d), (%d, %d)", serial, id, serial+1, other)
	case 13:
		return fmt.Sprintf("INSERT INTO d.nulls VALUES (%d, %d)", id, other)
	case 14:
		return fmt.Sprintf("INSERT INTO d.grand SELECT %d + id %% 1000, id FROM d.casc WHERE pid = %d", serial, id)
	case 15:
		return fmt.Sprintf("INSERT INTO d.named VALUES (%d, 'u%d')", serial, id)
	case 16:
		return fmt.Sprintf("UPDATE d.casc SET pid = %d WHERE pid = %d", id, other)
	case 17:
		return fmt.Sprintf("INSERT INTO d.tree VALUES (%d, %d)", id, other)
	case 18:
		return fmt.Sprintf("INSERT INTO d.tree VALUES (%d, NULL)", id)
	}
	return fmt.Sprintf("DELETE FROM d.tree WHERE id < %d", id)
}

// expected are the errors that the statements may meet.
var expected = []uint16{1062, 1205, 1213, 1412, 1451, 1452, 1761, 3008}

// keyChanges are changes of the tables that leave their foreign keys.
var keyChanges = []string{
	"RENAME TABLE d.p TO d.q, d.q TO d.p", "ALTER TABLE d.casc ADD COLUMN x INT NOT NULL DEFAULT 7", "ALTER TABLE d.p ADD INDEX n (n)",
	"ALTER TABLE d.p RENAME COLUMN id TO ID", "ALTER TABLE d.p RENAME COLUMN ID TO id",
	"ALTER TABLE d.casc DROP COLUMN x", "ALTER TABLE d.p DROP INDEX n", "ALTER TABLE d.p FORCE", "RENAME TABLE d.casc TO d.q, d.q TO d.casc",
}

// keyLoad runs random statements, alone and in transactions, at each isolation
// level in turn, until the time is over. It returns how many succeeded.
func keyLoad(t *testing.T, db *sql.DB, clients int, d time.Duration) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	done := 0
	for c := range clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := rand.New(rand.NewPCG(1, uint64(c)))
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			level := []string{"REPEATABLE READ", "READ COMMITTED", "SERIALIZABLE"}[c%3]
			if _, err := conn.ExecContext(t.Context(), "SET SESSION TRANSACTION ISOLATION LEVEL "+level); err != nil {
				t.Error(err)
			}
			for n := 0; ctx.Err() == nil; {
				list := []string{keyStatement(r)}
				if r.IntN(3) == 0 {
					list = []string{"BEGIN", "SELECT COUNT(*) FROM d.casc", keyStatement(r), keyStatement(r), []string{"COMMIT", "ROLLBACK"}[r.IntN(5)/4]}
				}
				for _, q := range list {
					_, err := conn.ExecContext(t.Context(), q)
					var me *mysql.MySQLError
					switch {
					case err == nil:
						n++
					case errors.As(err, &me) && slices.Contains(expected, me.Number):
					default:
						t.Errorf("%s: %v", q, err)
						return
					}
				}
				mu.Lock()
				done += n
				mu.Unlock()
				n = 0
			}
			_, _ = conn.ExecContext(t.Context(), "ROLLBACK")
		}()
	}
	wg.Wait()
	return done
}

// noOrphans fails the test if a child has no parent.
func noOrphans(t *testing.T, name string, db *sql.DB) {
	t.Helper()
	for _, k := range keyParents {
		q := fmt.Sprintf("SELECT c.%s FROM d.%s c LEFT JOIN d.%s p ON p.%s = c.%s WHERE c.%s IS NOT NULL AND p.%s IS NULL LIMIT 5", k[1], k[0], k[2], k[3], k[1], k[1], k[3])
		if rows, err := cluster.Rows(db, q); err != nil || len(rows) > 0 {
			t.Errorf("%s: orphans in %s: %v, %v", name, k[0], rows, err)
		}
	}
}

// keysOf returns the foreign keys of a server, column by column.
func keysOf(t *testing.T, db *sql.DB) [][]string {
	t.Helper()
	rows, err := cluster.Rows(db, "SELECT u.constraint_name, u.table_name, u.column_name, u.referenced_table_schema, u.referenced_table_name, u.referenced_column_name, r.unique_constraint_name "+
		"FROM information_schema.key_column_usage u JOIN information_schema.referential_constraints r ON r.constraint_schema = u.constraint_schema AND r.constraint_name = u.constraint_name ORDER BY 1, u.ordinal_position")
	if err != nil || len(rows) < len(keyParents) {
		t.Fatalf("%d foreign keys, %v", len(rows), err)
	}
	return rows
}

// keySeconds is how long a load takes.
func keySeconds(t *testing.T) time.Duration { return time.Duration(2*cycles(t, 1)) * time.Second }

// One statement after the other gives what MariaDB gives: affected rows, errors
// and, in the end, rows.
func TestForeignKeys_AsMariaDB(t *testing.T) {
	cluster.Need(t, "mariadbd")
	p := cluster.Start(t, "server", "server-id=1", "log-bin=mysql-bin", "sync_binlog=0", "collation-server=utf8mb4_general_ci")
	m := cluster.StartMariaDB(t, "--server-id=100")
	p.Exec(keyTables...)
	m.Exec(keyTables...)
	r := rand.New(rand.NewPCG(3, 4))
	failed := make(map[uint16]int)
	do := func(db *sql.DB, q string) (string, *mysql.MySQLError) {
		res, err := db.Exec(q)
		var me *mysql.MySQLError
		if errors.As(err, &me) {
			return fmt.Sprint("error ", me.Number), me
		} else if err != nil {
			t.Fatal(err)
		}
		n, _ := res.RowsAffected() // always known here
		return fmt.Sprint(n, " rows"), nil
	}
	for range 1500 * cycles(t, 1) {
		q := keyStatement(r)
		got, ours := do(p.DB(), q)
		want, theirs := do(m.DB, q)
		// REPLACE counts one row, however many it has replaced.
		if got != want && !(strings.HasPrefix(q, "REPLACE") && ours == nil && theirs == nil) {
			t.Fatalf("%s: %s, MariaDB %s; %v, %v", q, got, want, ours, theirs)
		}
		if ours != nil {
			if failed[ours.Number]++; ours.Number != 1062 && ours.Message != theirs.Message {
				t.Errorf("%s: %s\nMariaDB: %s", q, ours.Message, theirs.Message)
			}
		}
	}
	t.Log("errors", failed)
	if failed[1451] < 20 || failed[1452] < 20 {
		t.Error("too few errors of foreign keys")
	}
	cluster.SameData(t, "ours", p.DB(), "MariaDB", m.DB)
}

// Parents go and children come on many connections at every isolation level:
// no child is without its parent, neither here nor on a replica of ours or a
// MariaDB, nor after kill -9 and recovery.
func TestForeignKeys_NoOrphans(t *testing.T) {
	cluster.Need(t, "mariadbd")
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin", "innodb_lock_wait_timeout=1",
		"collation-server=utf8mb4_general_ci", "default_authentication_plugin=mysql_native_password")
	p.Exec("CREATE USER 'repl'@'%' IDENTIFIED WITH mysql_native_password BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'")
	at := p.Rows("SHOW MASTER STATUS")[0]
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin", "log_replica_updates=1", "collation-server=utf8mb4_general_ci")
	cluster.Attach(p, r)
	m := cluster.StartMariaDB(t, "--server-id=100")
	m.FollowFrom(p, at[0], at[1])
	p.Exec(keyTables...)
	// As a dump has it: the child first, unchecked.
	if out, err := p.Client("SET foreign_key_checks = 0; CREATE TABLE d.early (id INT PRIMARY KEY, pid INT, FOREIGN KEY (pid) REFERENCES d.late (id) ON DELETE CASCADE); " +
		"INSERT INTO d.early VALUES (1, 1), (2, 2); CREATE TABLE d.late (id INT PRIMARY KEY); INSERT INTO d.late VALUES (1), (2); SET foreign_key_checks = 1; DELETE FROM d.late WHERE id = 1;"); err != nil {
		t.Fatal(out, err)
	}
	changes := make(chan struct{})
	go func() {
		defer close(changes)
		for _, q := range keyChanges {
			if _, err := p.DB().Exec(q); err != nil {
				t.Errorf("%s: %v", q, err)
			}
			time.Sleep(keySeconds(t) / 20)
		}
	}()
	done := keyLoad(t, p.DB(), 8, keySeconds(t))
	<-changes
	t.Logf("%d statements", done)
	noOrphans(t, "primary", p.DB())
	same := func() {
		t.Helper()
		cluster.WaitCaughtUp(t, p, r, 60*time.Second)
		m.WaitCaughtUp(p, 60*time.Second)
		cluster.SameData(t, "primary", p.DB(), "replica", r.DB())
		cluster.SameData(t, "primary", p.DB(), "MariaDB", m.DB)
		for name, db := range map[string]*sql.DB{"replica": r.DB(), "MariaDB": m.DB} {
			if a, b := keysOf(t, p.DB()), keysOf(t, db); !slices.EqualFunc(a, b, slices.Equal) {
				t.Errorf("foreign keys\n%v\n%s has\n%v", a, name, b)
			}
		}
	}
	same()
	before := cluster.Digest(t, p.DB())
	p.Kill()
	p.Run()
	r.Kill()
	r.Run()
	for name, h := range cluster.Digest(t, p.DB()) {
		if before[name] != h {
			t.Errorf("after recovery %s has %s, before it %s", name, h, before[name])
		}
	}
	keyLoad(t, p.DB(), 4, time.Second)
	same()
}

// A MariaDB logs the parent's row alone and leaves cascades to its replicas:
// ours carries them out, passes the rows on as they are, and redoes them after
// a crash.
func TestForeignKeys_FollowMariaDB(t *testing.T) {
	cluster.Need(t, "mariadbd")
	m := cluster.StartMariaDB(t, "--server-id=100", "--collation-server=utf8mb4_general_ci", "--character-set-server=utf8mb4", "--innodb-lock-wait-timeout=1")
	m.Exec("CREATE USER 'repl'@'%' IDENTIFIED BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'")
	row, err := cluster.RowMap(m.DB, "SHOW MASTER STATUS")
	if err != nil {
		t.Fatal(err)
	}
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin", "log_replica_updates=1")
	r.Exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='repl', MASTER_PASSWORD='secret', MASTER_LOG_FILE='%s', MASTER_LOG_POS=%s, MASTER_CONNECT_RETRY=1",
		m.Port, row["File"], row["Position"]), "START SLAVE")
	last := cluster.Start(t, "last", "server-id=3", "log-bin=mysql-bin")
	cluster.Follow(t, r, last)
	m.Exec(keyTables...)
	same := func() {
		t.Helper()
		end, err := cluster.RowMap(m.DB, "SHOW MASTER STATUS")
		if err != nil {
			t.Fatal(err)
		}
		cluster.WaitFor(t, 60*time.Second, func() string {
			st := r.Status()
			if st["Last_SQL_Errno"] != "0" {
				t.Fatalf("the replica stopped: %s %s", st["Last_SQL_Errno"], st["Last_SQL_Error"])
			}
			if cluster.Reached(st["Relay_Master_Log_File"], st["Exec_Master_Log_Pos"], end["File"], end["Position"]) {
				return ""
			}
			return fmt.Sprintf("the replica is at %s:%s of %s; IO %s", st["Relay_Master_Log_File"], st["Exec_Master_Log_Pos"], end["Position"], st["Last_IO_Error"])
		})
		cluster.WaitCaughtUp(t, r, last, 60*time.Second)
		cluster.SameData(t, "MariaDB", m.DB, "replica", r.DB())
		cluster.SameData(t, "MariaDB", m.DB, "last", last.DB())
	}
	t.Logf("%d statements", keyLoad(t, m.DB, 4, keySeconds(t)))
	same()
	r.Kill()
	r.Run()
	same()
	noOrphans(t, "replica", r.DB())
	// With the flag nothing is checked, without it a missing parent stops the
	// replica.
	m.Exec("SET foreign_key_checks = 0; INSERT INTO d.strict VALUES (1, 999); SET foreign_key_checks = 1", "INSERT INTO d.p VALUES (500, 'u500', 0)")
	same()
	if out, err := r.Client("SET foreign_key_checks = 0; DELETE FROM d.p WHERE id = 500"); err != nil {
		t.Fatal(out, err)
	}
	m.Exec("INSERT INTO d.strict VALUES (2, 500)")
	cluster.WaitFor(t, 20*time.Second, func() string {
		if st := r.Status(); st["Last_SQL_Errno"] == "1452" && strings.Contains(st["Last_SQL_Error"], "Could not execute Write_rows_v1 event on table d.strict; Cannot add or update a child row: "+
			"a foreign key constraint fails (`d`.`strict`, CONSTRAINT `strict_ibfk_1` FOREIGN KEY (`pid`) REFERENCES `p` (`id`)), Error_code: 1452; handler error HA_ERR_NO_REFERENCED_ROW;") {
			return ""
		} else {
			return "Last_SQL_Error " + st["Last_SQL_Errno"] + " " + st["Last_SQL_Error"]
		}
	})
}
