package tests

import (
	"fmt"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// A server of ours follows a MariaDB 10.11 that logs rows: full and partial
// images, compressed and plain events, tables with and without a key, its DDL;
// through rotations, restarts of either side and kill -9 of ours.
func TestMariaDB_FollowedByUs(t *testing.T) {
	ran(t, "MariaDB server", versionOf(t, "mariadbd"), "is followed: rows, images, compression, DDL, restarts, kill -9")
	m := cluster.StartMariaDB(t, "--server-id=100", "--log-bin-compress-min-len=10", "--character-set-server=utf8mb4",
		"--collation-server=utf8mb4_general_ci", "--binlog-annotate-row-events=ON", "--max-binlog-size=16K")
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin", "collation-server=utf8mb4_general_ci")
	followMariaDB(m, r)
	conn := func(stmts ...string) {
		t.Helper()
		c, err := m.DB.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, q := range stmts {
			if _, err := c.ExecContext(t.Context(), q); err != nil {
				t.Fatalf("%s: %v", q, err)
			}
		}
	}
	conn("CREATE DATABASE d CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "USE d",
		"CREATE TABLE k (id INT PRIMARY KEY AUTO_INCREMENT, s VARCHAR(100), b BLOB, x TEXT, n DECIMAL(12,3), at DATETIME(3), ts TIMESTAMP(6) NULL, t TIME(2), "+
			"y YEAR, e ENUM('a','b','ü'), f SET('p','q','r'), bits BIT(11), d DOUBLE, fl FLOAT, u BIGINT UNSIGNED, KEY s (s), UNIQUE KEY u (u))",
		"CREATE TABLE nokey (a INT, s VARCHAR(50), b BLOB)",
		"CREATE TABLE wide (id BIGINT PRIMARY KEY, a CHAR(20), b VARBINARY(300), c MEDIUMTEXT)")
	i := 0
	// A REPLACE that leaves columns out would not do: with a partial image
	// MariaDB logs an update without the columns that go back to their defaults.
	load := func() {
		t.Helper()
		for _, image := range []string{"FULL", "NOBLOB", "MINIMAL"} {
			for _, compress := range []string{"OFF", "ON"} {
				i++
				conn("SET GLOBAL log_bin_compress="+compress, "USE d", "SET SESSION binlog_row_image="+image,
					fmt.Sprintf("INSERT INTO k (s, b, x, n, at, ts, t, y, e, f, bits, d, fl, u) VALUES ('row %[1]d', REPEAT(X'00ff', 200), REPEAT('long text ', 300), %[1]d.125, "+
						"'2026-11-22 01:02:03.456', '2026-11-22 01:02:03.654321', '-12:34:56.78', 2026, 'ü', 'p,r', b'10101010101', 1e100, 1.5, %[1]d), "+
						"(NULL, NULL, '', 0, '0001-01-01 00:00:00', NULL, '838:59:59', 1901, 'a', '', 0, -0.25, 0, NULL)", i),
					fmt.Sprintf("UPDATE k SET s = CONCAT(s, ' changed'), n = n + 1 WHERE u = %d", i),
					fmt.Sprintf("UPDATE k SET b = 'small' WHERE u = %d", i),
					fmt.Sprintf("INSERT INTO nokey VALUES (%[1]d, 'x', 'blob'), (%[1]d, 'x', 'blob'), (NULL, NULL, NULL)", i),
					fmt.Sprintf("UPDATE nokey SET s = 'y' WHERE a = %d LIMIT 1", i),
					"DELETE FROM nokey WHERE a IS NULL LIMIT 1",
					fmt.Sprintf("INSERT INTO wide VALUES (%d, 'a', REPEAT('b', 200), REPEAT('c', 20000))", i),
					fmt.Sprintf("UPDATE wide SET id = id + 1000 WHERE id = %d", i),
					"BEGIN", "DELETE FROM k WHERE u IS NULL", fmt.Sprintf("REPLACE INTO wide VALUES (%d, 'r', 'b', 'c')", 1000+i), "COMMIT",
					"BEGIN", "INSERT INTO nokey VALUES (1, 'rolled back', NULL)", "ROLLBACK")
			}
		}
	}
	same := func() {
		t.Helper()
		caughtUpWithMariaDB(t, m, r, 60*time.Second)
		cluster.SameData(t, "MariaDB", m.DB, "replica", r.DB())
	}
	load()
	same()
	conn("USE d", "ALTER TABLE k ADD COLUMN extra INT NOT NULL DEFAULT 7 AFTER s, DROP COLUMN y", "CREATE OR REPLACE TABLE made (id INT PRIMARY KEY)",
		"INSERT INTO made VALUES (1)", "RENAME TABLE made TO renamed",
		"CREATE TABLE copied (PRIMARY KEY (id)) SELECT id, s, n, at FROM k", "CREATE OR REPLACE TABLE copied (KEY (id)) SELECT id, e, bits FROM k", "CREATE TABLE none SELECT * FROM k WHERE 1 = 0",
		"CREATE TABLE IF NOT EXISTS copied SELECT 1 AS id", "INSERT INTO copied (id) VALUES (7)", "CREATE TABLE gone (a INT)", "DROP TABLE gone", "ALTER TABLE wide MODIFY a VARCHAR(40)",
		"ALTER TABLE k ADD COLUMN y YEAR NOT NULL DEFAULT 2000", "CREATE INDEX n ON k (n)", "TRUNCATE TABLE renamed")
	r.Kill()
	load()
	r.Run()
	same()
	m.Stop()
	m.Run()
	load()
	r.Stop()
	r.Run()
	same()
	if n := r.One("SELECT COUNT(*) FROM d.k"); n == "0" {
		t.Error("nothing was replicated")
	}
}
