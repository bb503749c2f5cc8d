package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"binrelay/tests/cluster"
)

// followMariaDB makes a server of ours follow a MariaDB from its first binlog.
func followMariaDB(m *cluster.MariaDB, r *cluster.Server) {
	m.Exec("CREATE USER 'repl'@'%' IDENTIFIED BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'", "FLUSH BINARY LOGS")
	var file string
	var pos int
	var a, b string
	if err := m.DB.QueryRow("SHOW MASTER STATUS").Scan(&file, &pos, &a, &b); err != nil {
		panic(err)
	}
	r.Exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='repl', MASTER_PASSWORD='secret', "+
		"MASTER_LOG_FILE='%s', MASTER_LOG_POS=%d, MASTER_CONNECT_RETRY=1", m.Port, file, pos), "START SLAVE")
}

// caughtUpWithMariaDB waits until r has applied all that m has logged.
func caughtUpWithMariaDB(t *testing.T, m *cluster.MariaDB, r *cluster.Server, d time.Duration) {
	t.Helper()
	row, err := cluster.RowMap(m.DB, "SHOW MASTER STATUS")
	if err != nil {
		t.Fatal(err)
	}
	cluster.WaitFor(t, d, func() string {
		st := r.Status()
		if st["Last_SQL_Errno"] != "0" || st["Last_IO_Errno"] != "0" {
			t.Fatalf("the replica stopped: SQL %s %s, IO %s", st["Last_SQL_Errno"], st["Last_SQL_Error"], st["Last_IO_Error"])
		}
		if cluster.Reached(st["Relay_Master_Log_File"], st["Exec_Master_Log_Pos"], row["File"], row["Position"]) {
			return ""
		}
		return fmt.Sprintf("at %s:%s of %s:%s", st["Relay_Master_Log_File"], st["Exec_Master_Log_Pos"], row["File"], row["Position"])
	})
}

// statementLoad is what a source logs as statements, with everything that rides
// beside them: INSERT_ID, LAST_INSERT_ID, user variables, RAND, the time, the
// session's settings.
var statementLoad = []string{
	"CREATE DATABASE s CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "USE s", "SET NAMES utf8mb4 COLLATE utf8mb4_general_ci",
	"CREATE TABLE a (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(60), n INT, at DATETIME(6), u DECIMAL(20,6)) ENGINE=InnoDB",
	"CREATE TABLE b (id INT PRIMARY KEY AUTO_INCREMENT, a_id BIGINT, r DOUBLE, x VARBINARY(20)) ENGINE=InnoDB",
	"INSERT INTO a (v, n) VALUES ('one', 1), ('zwei', 2), ('três ü', 3)",
	"INSERT INTO b (a_id, r) VALUES (LAST_INSERT_ID(), RAND())",
	"INSERT INTO b (a_id, r) SELECT id, RAND() FROM a ORDER BY id",
	"SET @s = 'a ''quoted'' ü', @i = -5, @u = 18446744073709551615, @f = 1.25e10, @d = CAST(12345.678900 AS DECIMAL(20,6)), @n = NULL, @b = X'00ff10'",
	"INSERT INTO a (v, n, u) VALUES (@s, @i, @d)",
	"INSERT INTO b (a_id, r, x) VALUES (@n, @f, @b)",
	"UPDATE a SET n = n + @i, at = NOW() WHERE id <= 3",
	"SET TIMESTAMP = 1000000000.5", "INSERT INTO a (v, at) VALUES ('then', NOW(6))", "SET TIMESTAMP = DEFAULT",
	"SET time_zone = '+05:30'", "UPDATE a SET at = FROM_UNIXTIME(1000000000) WHERE v = 'one'", "SET time_zone = 'SYSTEM'",
	"BEGIN", "INSERT INTO a (v) VALUES ('t1')", "SAVEPOINT p", "INSERT INTO a (v) VALUES ('gone')", "ROLLBACK TO p",
	"INSERT INTO a (v) VALUES ('t2')", "UPDATE b SET a_id = 7 WHERE id = 2", "COMMIT",
	"SET SESSION sql_mode = 'PIPES_AS_CONCAT'", "UPDATE a SET v = v || '!' WHERE id = 1", "SET SESSION sql_mode = DEFAULT",
	"SET auto_increment_increment = 5, auto_increment_offset = 3", "INSERT INTO a (v) VALUES ('i'), ('j')", "SET auto_increment_increment = 1, auto_increment_offset = 1",
	"DELETE FROM a WHERE id = 2", "REPLACE INTO a (id, v) VALUES (1, 'replaced'), (500, 'far')", "INSERT INTO a (v) VALUES ('after')",
	"INSERT INTO a (id, v) VALUES (500, 'x') ON DUPLICATE KEY UPDATE v = CONCAT(v, '+')",
	"INSERT IGNORE INTO a (id, v) VALUES (500, 'dup'), (NULL, 'new')",
	"CREATE TABLE nokey (v VARCHAR(40), n INT) ENGINE=InnoDB", "INSERT INTO nokey VALUES ('a', 1), ('a', 1), ('b', NULL)",
	"DELETE a FROM a JOIN b ON a.id = b.a_id WHERE b.id = 4", "TRUNCATE TABLE b", "INSERT INTO b (r) VALUES (RAND()), (RAND())",
}

// mixedLoad are transactions that binlog_format=MIXED logs partly as rows,
// because UUID() is unsafe.
var mixedLoad = []string{
	"BEGIN", "INSERT INTO a (v, n) VALUES ('s1', 1)", "INSERT INTO nokey VALUES (UUID(), 5), (UUID(), 6)", "UPDATE a SET n = 2 WHERE v = 's1'",
	"UPDATE nokey SET v = UUID() WHERE n = 1 LIMIT 1", "DELETE FROM nokey WHERE v <> UUID() AND n = 6", "INSERT INTO a (v) VALUES ('s2')", "COMMIT",
}

// A MariaDB that logs statements, or a mix, is followed by a server of ours
// that logs rows, and by one behind that: equal rows everywhere, also after
// kill -9 in the middle.
func TestStatements_FromMariaDB(t *testing.T) {
	ran(t, "MariaDB server", versionOf(t, "mariadbd"), "is followed: statements and mixed logging")
	for _, format := range []string{"STATEMENT", "MIXED"} {
		t.Run(format, func(t *testing.T) {
			m := cluster.StartMariaDB(t, "--server-id=100", "--binlog-format="+format, "--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci", "--local-infile=1")
			r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin", "collation-server=utf8mb4_general_ci")
			behind := cluster.Start(t, "behind", "server-id=3", "collation-server=utf8mb4_general_ci")
			cluster.Follow(t, r, behind)
			followMariaDB(m, r)
			conn, err := m.DB.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			load := statementLoad
			if format == "MIXED" {
				load = slices.Concat(statementLoad, mixedLoad)
			}
			file := filepath.Join(t.TempDir(), "load.csv")
			if err := os.WriteFile(file, []byte(strings.Repeat("7;'seven; of'\n8;'ü'\n\\N;''\n", 3000)), 0o644); err != nil {
				t.Fatal(err)
			}
			mysql.RegisterLocalFile(file)
			load = slices.Concat(load, []string{
				"CREATE TABLE l (id INT PRIMARY KEY AUTO_INCREMENT, a INT, s VARCHAR(30), u INT UNIQUE)",
				fmt.Sprintf("LOAD DATA LOCAL INFILE '%s' INTO TABLE l CHARACTER SET utf8mb4 FIELDS TERMINATED BY ';' ENCLOSED BY '\\'' (a, s)", file),
				fmt.Sprintf("LOAD DATA LOCAL INFILE '%s' IGNORE INTO TABLE l CHARACTER SET utf8mb4 FIELDS TERMINATED BY ';' ENCLOSED BY '\\'' (@x, s) SET a = @x + 1, u = @x", file),
			})
			for i, q := range load {
				if _, err := conn.ExecContext(t.Context(), q); err != nil {
					t.Fatalf("%s: %v", q, err)
				}
				if i == len(load)/2 {
					r.Kill()
					r.Run()
				}
			}
			caughtUpWithMariaDB(t, m, r, 30*time.Second)
			cluster.SameData(t, "MariaDB", m.DB, "replica", r.DB())
			cluster.WaitCaughtUp(t, r, behind, 30*time.Second)
			cluster.SameData(t, "replica", r.DB(), "behind", behind.DB())
			if n := r.One("SELECT COUNT(*) FROM s.a"); n == "0" {
				t.Error("nothing was replicated")
			}
			rows := 0
			for _, file := range r.Rows("SHOW BINARY LOGS") {
				for _, e := range r.Rows(fmt.Sprintf("SHOW BINLOG EVENTS IN '%s'", file[0])) {
					if e[2] == "Query" && strings.Contains(e[5], "INSERT") {
						t.Errorf("logged as a statement: %q", e)
					}
					if e[2] == "Write_rows" || e[2] == "Xid" {
						if rows++; e[3] != "100" {
							t.Errorf("%q has not the source's server id", e)
						}
					}
				}
			}
			if rows == 0 {
				t.Error("no rows are logged")
			}
		})
	}
}
