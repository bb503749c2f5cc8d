package tests

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"binrelay/tests/cluster"
)

// dmlTables are what the statements below work on.
var dmlTables = []string{
	"CREATE DATABASE dml",
	"CREATE TABLE dml.a (id INT PRIMARY KEY AUTO_INCREMENT, n INT, s VARCHAR(30), d DECIMAL(10,2), UNIQUE KEY s (s), KEY n (n))",
	"CREATE TABLE dml.b (id INT, k VARCHAR(10) NOT NULL DEFAULT 'def', at DATETIME(3), PRIMARY KEY (id, k))",
	"CREATE TABLE dml.c (x INT, y TEXT, z BLOB)",
	"CREATE TABLE dml.e (id BIGINT UNSIGNED PRIMARY KEY, e ENUM('one','two','three'), st SET('a','b','c'), f DOUBLE, t TIME(2), dt DATE)",
}

// averages are aggregates of numbers, in the decimals of MySQL.
var averages = []string{
	"SELECT AVG(i), AVG(d), AVG(f), AVG(b), AVG(y), AVG(s) FROM n",
	"SELECT SUM(i), SUM(d), SUM(f), SUM(b), SUM(i) / COUNT(*), SUM(d) / COUNT(*) FROM n",
	"SELECT AVG(DISTINCT i), AVG(i) + 1, ROUND(AVG(i), 2), CONCAT(AVG(i)) FROM n",
	"SELECT i, AVG(d) OVER (ORDER BY i), SUM(i) OVER (ORDER BY i) FROM n ORDER BY i",
	"SELECT i, AVG(i), SUM(b) FROM n GROUP BY i ORDER BY i",
	"SELECT x FROM (SELECT AVG(i) AS x FROM n) q",
	"SELECT AVG(i), SUM(i) FROM n WHERE i > 100", "SELECT SUM(i) FROM n HAVING SUM(i) > 6", "SELECT AVG(i) FROM n WHERE i = 0",
	"SELECT i / 2, i / 3, d / 3, b / 3, 10 / 4, 1 / 3 * 3, 0 / 3, 1 / 3 / 3, 100000 / 3 FROM n ORDER BY i",
	"SET div_precision_increment = 6", "SELECT AVG(i), AVG(d) FROM n",
}

// SUM and AVG of exact numbers are exact and have MySQL's decimals.
func TestDML_Averages(t *testing.T) {
	cluster.Need(t, "mariadbd")
	p, m := cluster.Start(t, "primary", "server-id=1"), cluster.StartMariaDB(t)
	for _, q := range []string{
		"CREATE DATABASE av",
		"CREATE TABLE av.n (i INT, d DECIMAL(10,2), f DOUBLE, b BIGINT UNSIGNED, y YEAR, s VARCHAR(9))",
		"INSERT INTO av.n VALUES (1, 1.25, 1.5, 10, 2000, '3'), (2, 2.50, 2.5, 20, 2001, '4'), (4, NULL, 0.1, 18446744073709551615, NULL, NULL), (0, -7, 0, 0, NULL, NULL)",
	} {
		p.Exec(q)
		m.Exec(q)
	}
	ours, theirs := open(t, p, "root", "", "av"), connOf(t, m.DB)
	execute(t, theirs, "USE av")
	for _, q := range averages {
		if a, b := outcome(t, ours, q), outcome(t, theirs, q); a != b {
			t.Errorf("%s\n ours:    %s\n MariaDB: %s", q, a, b)
		}
	}
}

// dml are varied statements, queries among them, that must do the same here as
// on MariaDB.
var dml = []string{
	"INSERT INTO a (n, s, d) VALUES (1,'one',1.5),(2,'two',2.25),(3,'three',-3),(NULL,NULL,NULL),(5,'five',5.55)",
	"INSERT INTO b VALUES (1,'x','2024-01-02 03:04:05.678'),(1,'y',NULL),(2,'x','1999-12-31 23:59:59.999')",
	"INSERT INTO b (id) VALUES (9)",
	"INSERT INTO c VALUES (1,'text',X'00ff'),(1,'text',X'00ff'),(2,NULL,NULL),(3,'Ünïcödé 😀',X'')",
	"INSERT INTO e VALUES (18446744073709551615,'two','a,c',1.5e10,'-12:34:56.78','2024-02-29'),(1,1,5,-0.25,'838:59:59','1000-01-01')",
	"SELECT * FROM a ORDER BY id",
	"SELECT id, e, e+0, st, st+0, f, t, dt FROM e ORDER BY id",
	"INSERT INTO a SET n = 10, s = 'ten'",
	"INSERT INTO a (n, s) SELECT n * 100, CONCAT(s, '-copy') FROM a WHERE n < 3",
	"INSERT INTO c SELECT id, s, NULL FROM a WHERE s IS NOT NULL",
	"INSERT INTO a (id, n, s) VALUES (1, 0, 'dup') ON DUPLICATE KEY UPDATE n = n + 1000",
	"INSERT INTO a (n, s) VALUES (7, 'two'), (8, 'eight') ON DUPLICATE KEY UPDATE n = VALUES(n), d = 9.99",
	"INSERT INTO a (id, n) SELECT id, 1 FROM b WHERE id = 1 ON DUPLICATE KEY UPDATE a.n = a.n + 1",
	"INSERT IGNORE INTO a (id, s) VALUES (1,'zzz'),(100,'hundred'),(101,'five')",
	"REPLACE INTO a (id, n, s) VALUES (3, 33, 'three'), (200, 2, 'five')",
	"REPLACE INTO b SELECT id, 'r', NULL FROM a WHERE id < 3",
	"REPLACE INTO c (x, y) VALUES (77, 'seven')",
	"SELECT * FROM a ORDER BY id",
	"UPDATE a SET id = 500 WHERE id = 1",
	"UPDATE a SET id = id + 1000 WHERE id > 99 ORDER BY id DESC",
	"UPDATE a SET n = COALESCE(n, 0) + 1, d = d * 2",
	"UPDATE a SET s = UPPER(s) WHERE s LIKE 't%'",
	"UPDATE a SET n = 0 ORDER BY id LIMIT 2",
	"UPDATE c SET y = CONCAT(y, '!') WHERE x = 1 LIMIT 1",
	"UPDATE b SET at = '2001-01-01 00:00:00.5' WHERE at IS NULL",
	"UPDATE a, b SET a.n = a.n + 7, b.at = NULL WHERE a.id = b.id",
	"UPDATE a JOIN c ON c.x = a.id SET a.d = 4.44",
	"UPDATE a LEFT JOIN b ON a.id = b.id SET a.n = -1 WHERE b.id IS NULL",
	"UPDATE e SET e = 'three', st = 'b' WHERE id = 1",
	"UPDATE IGNORE a SET s = 'TWO' WHERE id = 500",
	"SELECT * FROM a ORDER BY id", "SELECT * FROM b ORDER BY id, k", "SELECT x, y, HEX(z) FROM c ORDER BY x, y, z",
	"DELETE FROM c WHERE x = 1 LIMIT 1",
	"DELETE FROM a ORDER BY id DESC LIMIT 1",
	"DELETE a FROM a JOIN b ON a.id = b.id WHERE b.k = 'x'",
	"DELETE FROM b USING b JOIN a ON b.id = a.id WHERE a.n = 0",
	"INSERT INTO b VALUES (500,'m',NULL),(501,'m',NULL)",
	"DELETE a, b FROM a JOIN b ON a.id = b.id WHERE a.id = 500",
	"DELETE FROM e WHERE id IN (SELECT id FROM (SELECT 1 AS id) q)",
	"INSERT INTO e (id, e, t) VALUES (2, 'one', '01:02:03.45'), (3, NULL, NULL)",
	"UPDATE e SET f = id / 4 WHERE id < 10",
	"INSERT INTO a (n, s) VALUES (LAST_INSERT_ID() * 0, REPEAT('ab', 5))",
	"INSERT INTO c (x, y) VALUES (1 + 2 * 3, TRIM('  pad  ')), (MOD(17, 5), LPAD('7', 3, '0')), (LENGTH('Ü'), REVERSE('abc'))",
	"INSERT INTO c (x, z) VALUES (91, X'00ff61'), (92, UNHEX('80')), (94, CAST('abc' AS BINARY))",
	"SELECT x, HEX(z) FROM c WHERE x >= 90 ORDER BY x",
	"BEGIN", "INSERT INTO a (s) VALUES ('in txn')", "SAVEPOINT sp", "DELETE FROM a", "ROLLBACK TO sp", "UPDATE a SET n = 4 WHERE s = 'in txn'", "COMMIT",
	"START TRANSACTION", "DELETE FROM c", "ROLLBACK",
	"SET autocommit = 0", "INSERT INTO c (x) VALUES (1234)", "COMMIT", "SET autocommit = 1",
	"INSERT INTO a (id, s) VALUES (2, 'clash'), (3000, 'never')", // fails, and so does the next
	"UPDATE b SET id = 2, k = 'x' WHERE id = 9",
	"UPDATE a SET n = NULL WHERE n = 4",
	"INSERT INTO b (id, k) VALUES (77, NULL)",
	"INSERT INTO a (id, n) VALUES (4000, 99999999999)",
	"INSERT INTO e (id, e) VALUES (50, 'four')",
	"INSERT INTO b VALUES (60, 'far too long for it', NULL)",
	"LOCK TABLES a WRITE, b READ", "INSERT INTO a (s) SELECT CONCAT('from b ', id, k) FROM b", "UNLOCK TABLES",
	"TRUNCATE TABLE b", "INSERT INTO b (id) VALUES (1)",
	"SELECT COUNT(*), SUM(n), MIN(s), MAX(d) FROM a",
	"SELECT n, COUNT(*) c FROM a GROUP BY n HAVING c > 0 ORDER BY n",
	"SELECT a.id, c.x FROM a LEFT JOIN c ON a.id = c.x ORDER BY a.id, c.x",
}

// caseTables and caseOnly change letters to others that their collations take
// for the same.
var caseTables = []string{
	"CREATE DATABASE letters",
	"CREATE TABLE letters.a (id INT PRIMARY KEY, b_id INT, s VARCHAR(20), l TEXT, e ENUM('x','Y'), at TIMESTAMP(6) NULL ON UPDATE CURRENT_TIMESTAMP(6), KEY (b_id), KEY (s))",
	"CREATE TABLE letters.b (id INT PRIMARY KEY, s VARCHAR(20) CHARACTER SET latin1, n INT NOT NULL)",
	"CREATE TABLE letters.u (id INT PRIMARY KEY AUTO_INCREMENT, s VARCHAR(20) UNIQUE, at TIMESTAMP(6) NULL ON UPDATE CURRENT_TIMESTAMP(6))",
	"INSERT INTO letters.a VALUES (1,1,'one','l','x',NULL),(2,1,'two','l','Y',NULL),(3,2,'three',NULL,NULL,NULL),(4,7,'seven','L','x',NULL)",
	"INSERT INTO letters.b VALUES (1,'alpha',0),(2,'b\u00e9t\u00e4',0),(3,'gamma',0)",
	"INSERT INTO letters.u (s) VALUES ('abc'),('def')",
}

var caseOnly = []string{
	"UPDATE a AS x JOIN b AS y ON y.id = x.b_id SET x.s = UPPER(x.s) WHERE y.s = 'ALPHA'",
	"UPDATE b AS y JOIN a AS x ON y.id = x.b_id SET y.s = UPPER(y.s)",
	"UPDATE b AS y JOIN a AS x ON y.id = x.b_id SET y.s = UPPER(y.s)",
	"UPDATE a x, b y SET x.s = LOWER(x.s), y.s = LOWER(y.s) WHERE x.b_id = y.id AND y.id = 1",
	"UPDATE a LEFT JOIN b ON a.b_id = b.id SET a.s = UPPER(a.s) WHERE b.id IS NULL",
	"UPDATE a RIGHT JOIN b ON a.b_id = b.id SET b.s = UPPER(b.s), a.l = UPPER(a.l)",
	"UPDATE a JOIN (SELECT id, UPPER(s) AS s FROM b) q USING (id) SET a.s = q.s",
	"UPDATE a NATURAL JOIN (SELECT 1 AS id UNION SELECT 2) q SET s = LOWER(s)",
	"UPDATE a SET s = UPPER(s) WHERE id IN (SELECT id FROM b)",
	"UPDATE a SET s = LOWER(s) WHERE EXISTS (SELECT 1 FROM b WHERE b.id = a.b_id)",
	"UPDATE a JOIN b ON a.b_id = b.id SET a.s = a.s",
	"UPDATE a SET at = NULL",
	"UPDATE b AS y JOIN a AS x ON y.id = x.b_id SET y.n = 5, x.s = UPPER(x.s) WHERE x.id < 3",
	"UPDATE b AS y JOIN a AS x ON y.id = x.b_id SET y.n = 6, x.s = UPPER(x.s)",
	"SELECT id, s, at IS NOT NULL FROM a ORDER BY id",
	"UPDATE b SET s = CONCAT(s, ' ') WHERE id = 3",
	"SELECT id, s, l, e, at IS NOT NULL FROM a ORDER BY id", "SELECT id, HEX(s), n FROM b ORDER BY id",
	"INSERT INTO u (s) VALUES ('ABC') ON DUPLICATE KEY UPDATE s = VALUES(s)",
	"INSERT INTO u (s) VALUES ('ABC') ON DUPLICATE KEY UPDATE s = VALUES(s)",
	"INSERT INTO u (id, s) VALUES (2, 'DEF'), (3, 'ghi') ON DUPLICATE KEY UPDATE s = 'Def'",
	"SELECT id, s, at IS NOT NULL FROM u ORDER BY id",
	"REPLACE INTO u (id, s) VALUES (1, 'aBc')",
	"UPDATE a SET at = NULL", "UPDATE u SET at = NULL",
}

// A change of letters' case under a collation without case is a change: it is
// written, counted as MySQL counts it, logged and replicated.
func TestDML_ChangesOfCaseAlone(t *testing.T) {
	cluster.Need(t, "mariadbd")
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin", "collation-server=utf8mb4_general_ci")
	r := cluster.Start(t, "replica", "server-id=2", "collation-server=utf8mb4_general_ci")
	cluster.Follow(t, p, r)
	m := cluster.StartMariaDB(t, "--collation-server=utf8mb4_general_ci", "--character-set-server=utf8mb4")
	for _, found := range []bool{false, true} {
		p.Exec(caseTables...)
		m.Exec(caseTables...)
		ours, theirs := openFound(t, p.Port, found), openFound(t, m.Port, found)
		for _, q := range caseOnly {
			a, b := outcome(t, ours, q), outcome(t, theirs, q)
			if a != b {
				t.Errorf("CLIENT_FOUND_ROWS %v: %s\n ours:    %s\n MariaDB: %s", found, q, a, b)
			}
		}
		cluster.SameData(t, "primary", p.DB(), "MariaDB", m.DB)
		cluster.WaitCaughtUp(t, p, r, 20*time.Second)
		cluster.SameData(t, "primary", p.DB(), "replica", r.DB())
		p.Exec("DROP DATABASE letters")
		m.Exec("DROP DATABASE letters")
	}
}

// Statements of all kinds give on a primary of ours the results they give on
// MariaDB, and a replica of ours ends with the same rows.
func TestDML_AsMariaDBDoes(t *testing.T) {
	cluster.Need(t, "mariadbd")
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin", "collation-server=utf8mb4_general_ci")
	r := cluster.Start(t, "replica", "server-id=2", "collation-server=utf8mb4_general_ci")
	cluster.Follow(t, p, r)
	m := cluster.StartMariaDB(t, "--collation-server=utf8mb4_general_ci", "--character-set-server=utf8mb4",
		"--sql-mode=ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION")
	p.Exec(dmlTables...)
	m.Exec(dmlTables...)
	ours, theirs := open(t, p, "root", "", "dml"), connOf(t, m.DB)
	execute(t, theirs, "USE dml")
	for _, q := range dml {
		a, b := outcome(t, ours, q), outcome(t, theirs, q)
		if a != b {
			t.Errorf("%s\n ours:    %s\n MariaDB: %s", q, a, b)
		}
	}
	cluster.SameData(t, "primary", p.DB(), "MariaDB", m.DB)
	cluster.WaitCaughtUp(t, p, r, 20*time.Second)
	cluster.SameData(t, "primary", p.DB(), "replica", r.DB())
}

// openFound connects as root, with CLIENT_FOUND_ROWS or without.
func openFound(t *testing.T, port int, found bool) *sql.Conn {
	t.Helper()
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr = "root", "tcp", fmt.Sprintf("127.0.0.1:%d", port)
	cfg.DBName, cfg.ClientFoundRows = "letters", found
	pool, err := sql.Open("mysql", cfg.FormatDSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	return connOf(t, pool)
}

// connOf takes one connection of a pool.
func connOf(t *testing.T, db *sql.DB) *sql.Conn {
	t.Helper()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// outcome is what a statement gave: rows, the number of rows it changed, or the
// number of its error.
func outcome(t *testing.T, c *sql.Conn, q string) string {
	t.Helper()
	var me *mysql.MySQLError
	if strings.HasPrefix(q, "SELECT") {
		rows, err := connRows(t, c, q)
		if errors.As(err, &me) {
			return fmt.Sprint("error ", me.Number)
		}
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		return fmt.Sprintf("%+v", rows)
	}
	res, err := c.ExecContext(t.Context(), q)
	if errors.As(err, &me) {
		return fmt.Sprint("error ", me.Number)
	}
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	n, err := res.RowsAffected()
	return fmt.Sprint(n, " rows affected ", err)
}

// connRows runs a query on one connection.
func connRows(t *testing.T, c *sql.Conn, q string) (out [][]sql.NullString, err error) {
	rows, err := c.QueryContext(t.Context(), q)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		row, ptr := make([]sql.NullString, len(cols)), make([]any, len(cols))
		for i := range row {
			ptr[i] = &row[i]
		}
		if err := rows.Scan(ptr...); err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// A client that leaves gives its locks back while DROP DATABASE waits for them.
func TestDML_LeavingFreesDropDatabase(t *testing.T) {
	p := cluster.Start(t, "primary", "server-id=1")
	p.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)")
	holder := open(t, p, "root", "", "d")
	execute(t, holder, "BEGIN")
	execute(t, holder, "INSERT INTO t VALUES (1)")
	dropped := make(chan error, 1)
	drop := open(t, p, "root", "", "")
	go func() {
		_, err := drop.ExecContext(t.Context(), "DROP DATABASE d")
		dropped <- err
	}()
	cluster.WaitFor(t, 10*time.Second, func() string {
		for _, r := range p.Rows("SHOW PROCESSLIST") {
			if strings.HasPrefix(r[7], "DROP DATABASE") {
				return ""
			}
		}
		return "DROP DATABASE does not run"
	})
	select {
	case err := <-dropped:
		t.Fatalf("did not wait: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	// The pool keeps the connection of a Conn that is closed, but not a bad one.
	_ = holder.Raw(func(any) error { return driver.ErrBadConn })
	select {
	case err := <-dropped:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("DROP DATABASE waits for a client that has left")
	}
}
