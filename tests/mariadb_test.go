package tests

import (
	"fmt"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// ddl are statements of every kind that the spine knows, with rows between.
var ddl = []string{
	"CREATE DATABASE d1", "CREATE DATABASE d2",
	"CREATE TABLE d1.a (id INT PRIMARY KEY AUTO_INCREMENT, n BIGINT UNSIGNED, s VARCHAR(40), KEY n (n), UNIQUE KEY s (s))",
	"INSERT INTO d1.a (n, s) VALUES (1, 'x'), (18446744073709551615, 'y'), (NULL, NULL)",
	"ALTER TABLE d1.a ADD COLUMN c DECIMAL(10,2) NOT NULL DEFAULT 1.5",
	"UPDATE d1.a SET c = c + id",
	"ALTER TABLE d1.a ADD INDEX c (c)",
	"ALTER TABLE d1.a DROP INDEX n",
	"DELETE FROM d1.a WHERE id = 2",
	"ALTER TABLE d1.a DROP COLUMN n",
	"INSERT INTO d1.a (s, c) VALUES ('z', 9)",
	"CREATE TABLE d1.b (x INT, y TEXT)",
	"INSERT INTO d1.b VALUES (1, REPEAT('long ', 5000)), (1, 'dup'), (1, 'dup')",
	"RENAME TABLE d1.b TO d2.b",
	"UPDATE d2.b SET x = 2 WHERE y = 'dup' LIMIT 1",
	"CREATE TABLE d1.c (id INT PRIMARY KEY)", "INSERT INTO d1.c VALUES (1), (2)", "TRUNCATE TABLE d1.c", "INSERT INTO d1.c VALUES (3)",
	"CREATE TABLE d1.gone (id INT)", "DROP TABLE d1.gone",
	"CREATE TABLE d1.made (PRIMARY KEY (id)) SELECT id, s, c FROM d1.a", "INSERT INTO d1.made VALUES (100, 'later', 1)",
	"CREATE TABLE d1.none SELECT * FROM d1.a WHERE FALSE",
	"CREATE DATABASE d3", "CREATE TABLE d3.t (id INT)", "DROP DATABASE d3",
}

// A real MariaDB follows us by file and position through DDL, sysbench, a
// rotation and our restart: equal rows.
func TestMariaDB_FollowsUs(t *testing.T) {
	ran(t, "MariaDB server", versionOf(t, "mariadbd"), "follows us by file and position, under sysbench")
	cluster.Need(t, "mariadbd")
	cluster.Need(t, "sysbench")
	primary := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin", "max_binlog_size=1M",
		"collation-server=utf8mb4_general_ci", "default_authentication_plugin=mysql_native_password",
		"binlog-atomic-create-select=OFF") // MariaDB does not know CREATE TABLE … START TRANSACTION
	primary.Exec("CREATE USER 'repl'@'%' IDENTIFIED WITH mysql_native_password BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'")
	at := primary.Rows("SHOW MASTER STATUS")[0]
	m := cluster.StartMariaDB(t, "--server-id=100")
	m.FollowFrom(primary, at[0], at[1])

	primary.Exec(ddl...)
	m.WaitCaughtUp(primary, 30*time.Second)
	cluster.SameData(t, "primary", primary.DB(), "MariaDB", m.DB)

	primary.Exec("CREATE DATABASE sbtest")
	rows, seconds := loadSize()
	size := fmt.Sprintf("--table-size=%d", rows)
	sysbench(t, primary.Port, "oltp_read_write", "prepare", size)
	sysbench(t, primary.Port, "oltp_write_only", "run", size, "--threads=4", fmt.Sprintf("--time=%d", seconds), "--mysql-ignore-errors=1213,1205,1020")
	primary.Exec("FLUSH BINARY LOGS")
	primary.Stop()
	primary.Run()
	primary.Exec("INSERT INTO d1.c VALUES (4)")
	m.WaitCaughtUp(primary, 90*time.Second)
	cluster.SameData(t, "primary", primary.DB(), "MariaDB", m.DB)

	hosts := primary.Rows("SHOW SLAVE HOSTS")
	if len(hosts) != 1 || hosts[0][0] != "100" {
		t.Errorf("SHOW SLAVE HOSTS: %q", hosts)
	}
}
