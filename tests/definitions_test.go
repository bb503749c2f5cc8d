package tests

import (
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// Generated columns, temporary tables and instant ALTERs on a primary reach a
// replica of ours and a MariaDB.
func TestDefinitions_Replicate(t *testing.T) {
	m := cluster.StartMariaDB(t, "--server-id=9")
	p := cluster.Start(t, "primary", "server-id=1", "collation-server=utf8mb4_general_ci")
	r := cluster.Start(t, "replica", "server-id=2")
	cluster.Follow(t, p, r)
	p.Exec("ALTER USER repl IDENTIFIED WITH mysql_native_password BY 'secret'")
	row := p.Rows("SHOW MASTER STATUS")[0]
	m.FollowFrom(p, row[0], row[1])
	c := session(t, p.DB(), "CREATE DATABASE x", "USE x",
		"CREATE TABLE g (id INT PRIMARY KEY, a INT, b INT AS (a + 1) STORED, v VARCHAR(20) AS (CONCAT('<', a, '>')) VIRTUAL)",
		"INSERT INTO g (id, a) VALUES (1, 10), (2, NULL), (3, 30)", "UPDATE g SET a = 11 WHERE id = 1", "DELETE FROM g WHERE id = 3",
		"ALTER TABLE g ADD COLUMN c INT DEFAULT 5 FIRST, MODIFY a BIGINT, ADD KEY (v)", "INSERT INTO g (id, a) VALUES (4, 40)",
		"CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(10))", "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
		"ALTER TABLE t ADD COLUMN n INT NOT NULL DEFAULT 7 AFTER id, ALGORITHM=INSTANT", "UPDATE t SET s = 'x' WHERE id = 1",
		"ALTER TABLE t DROP COLUMN s, ADD COLUMN k VARCHAR(3) DEFAULT 'k'", "DELETE FROM t WHERE id = 2", "INSERT INTO t (id) VALUES (3)",
		"CREATE TEMPORARY TABLE t (z INT)", "INSERT INTO t VALUES (1), (2)", "INSERT INTO g (id, a) SELECT z + 100, z FROM t", "DROP TABLE t",
		"CREATE TABLE l LIKE t", "INSERT INTO l SELECT * FROM t", "DROP TABLE IF EXISTS nix, x.nix2")
	if got := lines(t, c, "SELECT COUNT(*) FROM t"); got[0][0] != "2" {
		t.Error("the base table is", got)
	}
	cluster.WaitCaughtUp(t, p, r, 20*time.Second)
	cluster.SameData(t, "primary", p.DB(), "replica", r.DB())
	m.WaitCaughtUp(p, 20*time.Second)
	cluster.SameData(t, "primary", p.DB(), "MariaDB", m.DB)
}
