package sql

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// tape is a client's connection that keeps what the server has sent.
type tape struct {
	net.Conn
	mu   sync.Mutex
	sent []byte
}

func (t *tape) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.mu.Lock()
	t.sent = append(t.sent, p[:n]...)
	t.mu.Unlock()
	return n, err
}

func (t *tape) take() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.sent
	t.sent = nil
	return out
}

// taped is one connection whose answers are kept byte by byte.
type taped struct {
	ts   *testServer
	conn *sql.Conn
	tape *tape
}

func (ts *testServer) taped(params string) *taped {
	ts.t.Helper()
	ts.listen("").Close()
	out := &taped{ts: ts}
	name := fmt.Sprintf("tape-%p", out)
	mysql.RegisterDialContext(name, func(ctx context.Context, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		out.tape = &tape{Conn: c}
		return out.tape, err
	})
	ts.t.Cleanup(func() { mysql.DeregisterDialContext(name) })
	db, err := sql.Open("mysql", fmt.Sprintf("root@%s(%s)/?%s", name, ts.o.Listener.Addr(), params))
	if err != nil {
		ts.t.Fatal(err)
	}
	ts.t.Cleanup(func() { db.Close() })
	if out.conn, err = db.Conn(ts.t.Context()); err != nil {
		ts.t.Fatal(err)
	}
	return out
}

// answer runs a statement and returns the bytes of the answer; with args those
// of the execution of a prepared statement.
func (c *taped) answer(st *sql.Stmt, query string, args ...any) []byte {
	c.ts.t.Helper()
	c.tape.take()
	var rows *sql.Rows
	var err error
	if st != nil {
		rows, err = st.QueryContext(c.ts.t.Context(), args...)
	} else {
		rows, err = c.conn.QueryContext(c.ts.t.Context(), query)
	}
	if err == nil {
		for rows.Next() {
		}
		rows.Close()
	}
	return c.tape.take()
}

func (c *taped) exec(statements ...string) {
	c.ts.t.Helper()
	for _, s := range statements {
		if _, err := c.conn.ExecContext(c.ts.t.Context(), s); err != nil {
			c.ts.t.Fatalf("%s: %v", s, err)
		}
	}
}

// same runs a query by the engine, and twice as it comes, and compares the
// answers. It returns how many of the runs were not planned.
func (c *taped) same(st *sql.Stmt, query string, args ...any) int64 {
	c.ts.t.Helper()
	c.ts.planAll.Store(true)
	want := c.answer(st, query, args...)
	c.ts.planAll.Store(false)
	before := c.ts.counters.plain.Load()
	for i := range 2 {
		if got := c.answer(st, query, args...); !bytes.Equal(got, want) {
			c.ts.t.Errorf("%s %v, run %d:\n got %q\nwant %q", query, args, i, got, want)
		}
	}
	return c.ts.counters.plain.Load() - before
}

// plainTables make tables with columns of all types and keys of several kinds.
var plainTables = []string{
	"CREATE DATABASE d", "USE d",
	`CREATE TABLE t (id INT PRIMARY KEY, t1 TINYINT, b1 TINYINT(1), u1 TINYINT UNSIGNED, s2 SMALLINT, u2 SMALLINT UNSIGNED,
		m3 MEDIUMINT, u3 MEDIUMINT UNSIGNED, i4 INT NOT NULL, u4 INT UNSIGNED, b8 BIGINT, u8 BIGINT UNSIGNED, f FLOAT, f2 FLOAT(7,3), d DOUBLE,
		dec1 DECIMAL(10,3), dec2 DECIMAL(20,0) UNSIGNED, bit1 BIT(9), yr YEAR, dt DATE, tm TIME, tm3 TIME(3), dtm DATETIME, dtm6 DATETIME(6),
		ts TIMESTAMP NULL, ts3 TIMESTAMP(3) NULL, c CHAR(10), v VARCHAR(20) DEFAULT 'x', vb VARBINARY(20), bn BINARY(6), tx TEXT, tl LONGTEXT,
		bl BLOB, e ENUM('a','b'), st SET('x','y','z'), j JSON, l1 VARCHAR(20) CHARACTER SET latin1, u16 VARCHAR(20) CHARACTER SET utf16,
		m3t VARCHAR(20) CHARACTER SET utf8mb3, ci VARCHAR(20) COLLATE utf8mb4_general_ci, bi VARCHAR(20) COLLATE utf8mb4_bin)`,
	`INSERT INTO t VALUES (1, -128, 1, 255, -32768, 65535, -8388608, 16777215, -2147483648, 4294967295, -9223372036854775808, 18446744073709551615,
		1.5, 1234.5678, 1e100, -1234567.891, 99999999999999999999, b'101010101', 2024, '2024-02-29', '-12:34:56', '12:34:56.789', '2024-01-02 03:04:05',
		'2024-01-02 03:04:05.678901', '2024-01-02 03:04:05', '2024-01-02 03:04:05.678', 'char', 'varché', x'00ff', x'0102', 'text', 'long', x'fffe00',
		'b', 'x,z', '{"a": [1, 2.5, null]}', 'é', 'ü', 'ö', 'Straße', 'bin')`,
	`INSERT INTO t (id, i4) VALUES (-5, 0), (2147483647, 7)`,
	`INSERT INTO t (id, i4, dt, dtm, yr, c, v, tm) VALUES (2, 0, '0999-01-01', '0001-01-01 00:00:00', 0, '', '', '838:59:59')`,
	"CREATE TABLE s (k VARCHAR(10) COLLATE utf8mb4_0900_ai_ci PRIMARY KEY, n INT, UNIQUE KEY (n))",
	"INSERT INTO s VALUES ('abc', 1), ('Ünï', NULL), ('', 3), ('x y', 4), ('trail ', 5)",
	"CREATE TABLE g (k CHAR(10) COLLATE utf8mb4_general_ci PRIMARY KEY, n INT UNSIGNED, v VARCHAR(5), UNIQUE KEY nv (n, v))",
	"INSERT INTO g VALUES ('abc', 1, 'a'), ('Ünï', 4294967295, 'b'), ('', 3, NULL), ('STRASSE', 3, 'C')",
	"CREATE TABLE two (a BIGINT, b VARCHAR(10) COLLATE utf8mb4_bin, c INT, PRIMARY KEY (b, a))",
	"INSERT INTO two VALUES (1, 'x', 10), (1, 'X', 20), (2, 'x', 30)",
	"CREATE TABLE heap (a INT UNIQUE, b INT)", "INSERT INTO heap VALUES (1, 2), (NULL, 3)",
	"CREATE TABLE gen (a INT PRIMARY KEY, b INT AS (a * 2) VIRTUAL, c INT AS (a * 3) STORED)", "INSERT INTO gen (a) VALUES (1)",
	"CREATE VIEW w AS SELECT * FROM t",
	`CREATE TABLE n (id INT PRIMARY KEY, k INT, u INT UNSIGNED NOT NULL, b BIGINT, b1 BOOL, v VARCHAR(20), vb VARCHAR(20) COLLATE utf8mb4_0900_bin,
		g VARCHAR(20) COLLATE utf8mb4_general_ci)`,
	`INSERT INTO n VALUES (-3, -7, 1, 5, 1, 'min', 'min', 'x'), (1, 10, 4294967295, -9223372036854775808, 1, 'b', 'b', 'b'), (2, NULL, 4294967295, NULL, NULL, 'B', 'B', 'B'),
		(3, 30, 0, 9223372036854775807, 0, 'a ', 'a ', 'a '), (4, -40, 7, 1, -5, 'a', 'a', 'a'), (5, 2147483647, 7, 2, 3, NULL, NULL, NULL), (6, 2147483647, 8, 2, 3, 'é', 'é', 'é'),
		(7, NULL, 9, 2, 3, 'E', 'E', 'E'), (8, 5, 9, 2, 3, '', '', ''), (9, 5, 9, 2, 3, 'zß', 'zß', 'zß'), (10, 6, 9, 2, 3, 'zss', 'zss', 'zss'), (11, 7, 9, 2, 3, '日本', '日本', '日本'),
		(12, 8, 9, 2, 3, 'ab', 'ab', 'ab'), (13, 8, 9, 2, 3, 'É', 'É', 'É')`,
	"CREATE TABLE `odd name` (`select` INT PRIMARY KEY, `C o` INT)", "INSERT INTO `odd name` VALUES (1, 2)",
}

// plainReads are queries with the arguments to try; prepared they have a
// parameter for each ?, as text the arguments themselves.
var plainReads = []struct {
	query string
	plain bool // some of it needs no plan
	args  [][]string
}{
	{"SELECT * FROM t WHERE id = ?", true, [][]string{{"1"}, {"2"}, {"-5"}, {"2147483647"}, {"99"}, {"2147483648"}, {"-9999999999"}, {"18446744073709551615"}, {"'1'"}, {"'x'"}, {"NULL"}, {"1.0"}, {"1e0"}, {"TRUE"}, {"0x01"}}},
	{"SELECT c, v, c AS x, t.id FROM t WHERE id=?", true, [][]string{{"1"}, {"2"}, {"7"}}},
	{"select a.l1, a.u16 , a.j from d.t as a where ( a.id = ? ) ;", true, [][]string{{"1"}, {"3"}}},
	{"SELECT tm, tm3, ts, ts3, dtm6, f, d FROM t WHERE t.id = ?", true, [][]string{{"1"}, {"2"}}},
	{"SELECT nope FROM t WHERE id = ?", false, [][]string{{"1"}}},
	{"SELECT * FROM s WHERE k = ?", true, [][]string{{"'abc'"}, {"'ABC'"}, {"'abc '"}, {"'uni'"}, {"''"}, {"' '"}, {"'x  y'"}, {"'trail'"}, {"'trail '"}, {"'longer than ten'"}, {"1"}, {"NULL"}, {"'a\\'b'"}, {"'a''b'"}}},
	{"SELECT k, n FROM s WHERE n = ?", true, [][]string{{"1"}, {"3"}, {"77"}, {"NULL"}}},
	{"SELECT * FROM g WHERE k = ?", true, [][]string{{"'ABC'"}, {"'abc  '"}, {"'uni'"}, {"'straße'"}, {"'strasse'"}, {"''"}}},
	{"SELECT * FROM g WHERE n = ? AND v = ?", true, [][]string{{"1", "'A'"}, {"4294967295", "'b'"}, {"3", "NULL"}, {"3", "'c'"}, {"-1", "'c'"}, {"3", "'too long a value'"}}},
	{"SELECT c FROM two WHERE a = ? AND b = ?", true, [][]string{{"1", "'x'"}, {"1", "'X'"}, {"2", "'X'"}}},
	{"SELECT c FROM two WHERE b = ? AND a = ?", true, [][]string{{"'x'", "2"}}},
	{"SELECT * FROM n WHERE id BETWEEN ? AND ?", true, [][]string{{"1", "5"}, {"3", "3"}, {"5", "1"}, {"-3", "2"}, {"100", "200"}, {"0", "99999999999"}, {"'1'", "5"}, {"NULL", "3"}}},
	{"SELECT v, id FROM n AS x WHERE x.id BETWEEN ? AND ?", true, [][]string{{"1", "500"}}},
	{"SELECT SUM(k) FROM n WHERE id BETWEEN ? AND ?", true, [][]string{{"1", "500"}, {"2", "2"}, {"7", "7"}, {"900", "901"}}},
	{"SELECT SUM(u) FROM n WHERE id BETWEEN ? AND ?", true, [][]string{{"1", "500"}}},
	{"select sum( b1 ) FROM n WHERE id BETWEEN ? AND ?", true, [][]string{{"1", "500"}}},
	{"SELECT SUM(b) FROM n WHERE id BETWEEN ? AND ?", false, [][]string{{"1", "500"}}},
	{"SELECT SUM(v) FROM n WHERE id BETWEEN ? AND ?", false, [][]string{{"1", "500"}}},
	{"SELECT SUM(k), SUM(u) FROM n WHERE id BETWEEN ? AND ?", false, [][]string{{"1", "500"}}},
	{"SELECT AVG(k) FROM n WHERE id BETWEEN ? AND ?", false, [][]string{{"1", "500"}}},
	{"SELECT SUM(DISTINCT k) FROM n WHERE id BETWEEN ? AND ?", false, [][]string{{"1", "500"}}},
	{"SELECT COUNT(*) FROM n WHERE id BETWEEN ? AND ?", true, [][]string{{"1", "500"}, {"900", "901"}}},
	{"SELECT COUNT(k) FROM n WHERE id BETWEEN ? AND ?", false, [][]string{{"1", "500"}}},
	{"SELECT SUM(k) FROM n WHERE id = ?", false, [][]string{{"1"}}},
	{"SELECT v FROM n WHERE id BETWEEN ? AND ? ORDER BY v", true, [][]string{{"1", "500"}, {"2", "9"}, {"900", "901"}}},
	{"SELECT id, v FROM n WHERE id BETWEEN ? AND ? ORDER BY v ASC", true, [][]string{{"1", "500"}}},
	{"SELECT id, v FROM n WHERE id BETWEEN ? AND ? ORDER BY v DESC", false, [][]string{{"1", "500"}}},
	{"SELECT * FROM n WHERE id BETWEEN ? AND ? ORDER BY k", true, [][]string{{"1", "500"}}},
	{"SELECT id FROM n WHERE id BETWEEN ? AND ? ORDER BY b", true, [][]string{{"1", "500"}}},
	{"SELECT id FROM n WHERE id BETWEEN ? AND ? ORDER BY u", true, [][]string{{"1", "500"}}},
	{"SELECT id, vb FROM n WHERE id BETWEEN ? AND ? ORDER BY vb", true, [][]string{{"1", "500"}}},
	{"SELECT id, g FROM n WHERE id BETWEEN ? AND ? ORDER BY g", false, [][]string{{"1", "500"}}},
	{"SELECT v AS id, id AS v FROM n WHERE id BETWEEN ? AND ? ORDER BY v", false, [][]string{{"1", "500"}}},
	{"SELECT v FROM n WHERE id BETWEEN ? AND ? ORDER BY k, v", false, [][]string{{"1", "500"}}},
	{"SELECT v FROM n WHERE id BETWEEN ? AND ? ORDER BY 1", false, [][]string{{"1", "500"}}},
	{"SELECT DISTINCT v FROM n WHERE id BETWEEN ? AND ? ORDER BY v", true, [][]string{{"1", "500"}, {"1", "4"}}},
	{"SELECT DISTINCT vb FROM n WHERE id BETWEEN ? AND ? ORDER BY vb", true, [][]string{{"1", "500"}}},
	{"SELECT DISTINCT u FROM n WHERE id BETWEEN ? AND ? ORDER BY u", true, [][]string{{"1", "500"}}},
	{"SELECT DISTINCT v FROM n WHERE id BETWEEN ? AND ?", false, [][]string{{"1", "500"}}},
	{"SELECT DISTINCT v, k FROM n WHERE id BETWEEN ? AND ? ORDER BY v", false, [][]string{{"1", "500"}}},
	{"SELECT v FROM n WHERE id NOT BETWEEN ? AND ?", false, [][]string{{"1", "5"}}},
	{"SELECT v FROM n WHERE id BETWEEN ? AND ? AND k = 3", false, [][]string{{"1", "5"}}},
	{"SELECT c FROM two WHERE a BETWEEN ? AND ?", false, [][]string{{"1", "5"}}},
	{"SELECT c FROM two WHERE a = ?", false, [][]string{{"1"}}},
	{"SELECT c FROM two WHERE a = ? AND a = ?", false, [][]string{{"1", "1"}}},
	{"SELECT * FROM heap WHERE a = ?", true, [][]string{{"1"}, {"2"}}},
	{"SELECT * FROM gen WHERE a = ?", false, [][]string{{"1"}}},
	{"SELECT id, v FROM w WHERE id = ?", false, [][]string{{"1"}}},
	{"SELECT `C o` FROM `odd name` WHERE `select` = ?", true, [][]string{{"1"}, {"2"}}},
	{"SELECT v FROM nowhere WHERE id = ?", false, [][]string{{"1"}}},
	{"SELECT v FROM nodb.t WHERE id = ?", false, [][]string{{"1"}}},
	{"SELECT ID FROM T WHERE id = ?", false, [][]string{{"1"}}},
	{"SELECT ID FROM t WHERE Id = ?", true, [][]string{{"1"}}},
	{"SELECT v FROM t WHERE id = ? FOR UPDATE", false, [][]string{{"1"}}},
	{"SELECT v FROM t WHERE id = ? LIMIT 0", false, [][]string{{"1"}}},
	{"SELECT SQL_CALC_FOUND_ROWS v FROM t WHERE id = ?", false, [][]string{{"1"}}},
	{"SELECT v, ROW_COUNT() FROM t WHERE id = ?", false, [][]string{{"1"}}},
	{"SELECT v FROM t WHERE id = ? OR id = 2", false, [][]string{{"1"}}},
	{"SELECT v FROM t WHERE NOT id = ?", false, [][]string{{"1"}}},
	{"SELECT v FROM t WHERE id = ? -- comment", false, [][]string{{"1"}}},
	{"SELECT v FROM t WHERE id = ? # comment", false, [][]string{{"1"}}},
	{"SELECT v /* comment */ FROM t WHERE id = ?", false, [][]string{{"1"}}},
	{"SELECT 'v' FROM t WHERE id = ?", false, [][]string{{"1"}}},
	{"SELECT \"v\" FROM t WHERE id = ?", false, [][]string{{"1"}}},
	{"SELECT 1 FROM dual WHERE id = ?", false, [][]string{{"1"}}},
}

// argument is the value of a literal as a client passes it to a statement.
func argument(literal string) (any, bool) {
	var n int64
	var u uint64
	switch {
	case literal == "NULL":
		return nil, true
	case literal[0] == '\'' && !bytes.ContainsAny([]byte(literal[1:len(literal)-1]), `'\`):
		return literal[1 : len(literal)-1], true
	}
	if _, err := fmt.Sscanf(literal, "%d", &n); err == nil && fmt.Sprint(n) == literal {
		return n, true
	}
	if _, err := fmt.Sscanf(literal, "%d", &u); err == nil && fmt.Sprint(u) == literal {
		return u, true
	}
	return nil, false
}

// TestPlain_Reads runs queries with and without a plan and compares what the
// client gets byte by byte: rows, definitions of columns, flags and errors.
func TestPlain_Reads(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.taped("")
	c.exec(plainTables...)
	for _, q := range plainReads {
		planned := int64(0)
		for _, args := range q.args {
			text := q.query
			values := make([]any, 0, len(args))
			for _, a := range args {
				text = replaceOnce(text, a)
				if v, ok := argument(a); ok {
					values = append(values, v)
				}
			}
			planned += c.same(nil, text)
			if len(values) < len(args) {
				continue
			}
			st, err := c.conn.PrepareContext(t.Context(), q.query)
			if err != nil {
				continue // the text had the same error
			}
			planned += c.same(st, q.query, values...)
			st.Close()
		}
		if q.plain != (planned > 0) {
			t.Errorf("%s: %d runs without a plan", q.query, planned)
		}
	}
}

func replaceOnce(query, value string) string {
	before, after, _ := bytes.Cut([]byte(query), []byte("?"))
	return string(before) + value + string(after)
}

// TestPlain_ReadsOfSessions compares under settings of the session, in and
// outside of transactions.
func TestPlain_ReadsOfSessions(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.taped("")
	c.exec(plainTables...)
	for _, s := range []struct {
		plain      bool
		statements []string
		undo       []string
	}{
		{true, []string{"SET NAMES latin1"}, []string{"SET NAMES utf8mb4"}},
		{true, []string{"SET NAMES binary"}, []string{"SET NAMES utf8mb4"}},
		{true, []string{"SET character_set_results = NULL"}, []string{"SET NAMES utf8mb4"}},
		{true, []string{"SET collation_connection = utf8mb4_bin"}, []string{"SET NAMES utf8mb4"}},
		{true, []string{"SET time_zone = '+05:30'"}, []string{"SET time_zone = 'SYSTEM'"}},
		{true, []string{"SET sql_mode = ''"}, []string{"SET sql_mode = DEFAULT"}},
		{true, []string{"SET sql_mode = 'ANSI'"}, []string{"SET sql_mode = DEFAULT"}},
		{false, []string{"SET sql_select_limit = 0"}, []string{"SET sql_select_limit = DEFAULT"}},
		{false, []string{"SET max_execution_time = 100000"}, []string{"SET max_execution_time = 0"}},
		{false, []string{"LOCK TABLES t READ, s READ, n READ"}, []string{"UNLOCK TABLES"}},
		{false, []string{"CREATE TEMPORARY TABLE s (k INT PRIMARY KEY, n VARCHAR(5))", "INSERT INTO s VALUES (1, 'temp')"}, []string{"DROP TABLE s"}},
		{true, []string{"SET autocommit = 0"}, []string{"COMMIT", "SET autocommit = 1"}},
		{true, []string{"START TRANSACTION READ ONLY"}, []string{"COMMIT"}},
		{true, []string{"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "BEGIN", "UPDATE t SET v = 'own' WHERE id = 1"}, []string{"ROLLBACK"}},
		{true, []string{"SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED", "BEGIN"}, []string{"ROLLBACK"}},
		{true, []string{"SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE", "BEGIN", "DELETE FROM t WHERE id = 1", "UPDATE n SET v = 'zz' WHERE id = 2"}, []string{"ROLLBACK"}},
		{true, []string{"SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE"}, nil},
		{true, []string{"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "BEGIN", "INSERT INTO t (id, i4, v) VALUES (50, 1, 'new')"}, []string{"ROLLBACK"}},
		{true, []string{"USE mysql", "USE d"}, nil},
		{false, []string{"USE mysql"}, []string{"USE d"}},
		{true, []string{"ALTER TABLE t ADD COLUMN z INT DEFAULT 3, DROP COLUMN bit1"}, nil},
		{true, []string{"ALTER TABLE t MODIFY v VARCHAR(30)"}, nil},
	} {
		c.exec(s.statements...)
		planned := int64(0)
		for _, query := range []string{"SELECT * FROM t WHERE id = 1", "SELECT v, ts, l1, tm3 FROM t WHERE id = 1", "SELECT v FROM t WHERE id = 50", "SELECT * FROM s WHERE k = 'ABC'",
			"SELECT * FROM n WHERE id BETWEEN 1 AND 9", "SELECT DISTINCT v FROM n WHERE id BETWEEN 1 AND 9 ORDER BY v", "SELECT SUM(k) FROM n WHERE id BETWEEN 1 AND 9"} {
			planned += c.same(nil, query)
		}
		st, err := c.conn.PrepareContext(t.Context(), "SELECT v, bi, u16 FROM d.t WHERE id = ?")
		if err != nil {
			t.Fatal(err)
		}
		planned += c.same(st, "prepared", 1)
		st.Close()
		if s.plain != (planned > 1) && s.statements[0] != "USE mysql" {
			t.Errorf("%v: %d runs without a plan", s.statements, planned)
		}
		c.exec(s.undo...)
	}
}

// TestPlain_Control compares what begins and ends transactions.
func TestPlain_Control(t *testing.T) {
	var logs [2][]byte
	for i := range logs {
		ts := newTestServer(t, nil)
		c := ts.taped("")
		c.exec(plainTables...)
		ts.planAll.Store(i == 0)
		before := ts.counters.plain.Load()
		for _, query := range []string{
			"BEGIN", "begin work", "START TRANSACTION", "START TRANSACTION READ ONLY", "UPDATE n SET k = 1 WHERE id = 1", "ROLLBACK", "COMMIT", "COMMIT AND CHAIN",
			"START TRANSACTION WITH CONSISTENT SNAPSHOT", "COMMIT AND CHAIN", "ROLLBACK AND NO CHAIN", "commit;", "SET completion_type = 1", "BEGIN", "COMMIT",
			"SET completion_type = 0", "COMMIT", "SET autocommit = 0", "UPDATE n SET k = 2 WHERE id = 1", "COMMIT", "SELECT 1", "BEGIN", "ROLLBACK", "SET autocommit = 1",
			"SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "BEGIN", "COMMIT", "BEGIN foo", "COMMIT WORK RELEASE x", "SET GLOBAL super_read_only = 1",
			"START TRANSACTION READ WRITE", "SET GLOBAL super_read_only = 0", "SET GLOBAL read_only = 0", "SELECT nope", "BEGIN", "SHOW WARNINGS", "ROLLBACK",
		} {
			logs[i] = append(logs[i], c.answer(nil, query)...)
			logs[i] = append(logs[i], c.answer(nil, "SELECT ROW_COUNT(), FOUND_ROWS(), @@warning_count")...)
		}
		if n := ts.counters.plain.Load() - before; (n > 15) != (i == 1) {
			t.Errorf("%d statements without a plan", n)
		}
	}
	if !bytes.Equal(logs[0], logs[1]) {
		t.Errorf("without a plan\n%q\nwith one\n%q", logs[1], logs[0])
	}
}

// plainChanges are statements that change rows. Each is followed by a look at
// what it says of itself.
var plainChanges = []string{
	"INSERT INTO nodef (id) VALUES (1)", "INSERT INTO nodef (id, a) VALUES (2, 3)",
	"INSERT INTO a (k, c) VALUES (1, 'one')", "INSERT INTO a VALUES (0, 2, 'two', 'x'), (NULL, 3, 'three', NULL)", "INSERT INTO a (id, k) VALUES (10, 4)",
	"INSERT INTO a (k) VALUES (5)", "INSERT INTO a (id, k) VALUES (-4, 6)", "INSERT INTO a (id, k) VALUES (10, 4)", "INSERT INTO a (k) VALUES (70), (1), (71)",
	"INSERT INTO a (k, c) VALUES (8, 'too long for the column')", "INSERT INTO a (k) VALUES (99999999999)", "INSERT INTO a (k) VALUES ('12')", "INSERT INTO a (k) VALUES (NULL)",
	"INSERT INTO a (k, k) VALUES (1, 2)", "INSERT INTO a (k, c) VALUES (9)", "INSERT INTO a (k, nope) VALUES (9, 1)", "INSERT INTO a (c) VALUES ('no k')", "INSERT INTO a SET k = 20, c = 'set'",
	"INSERT INTO a (k) VALUES (DEFAULT)", "INSERT IGNORE INTO a (k) VALUES (1)", "REPLACE INTO a (id, k) VALUES (10, 44)", "INSERT INTO a (k) VALUES (1) ON DUPLICATE KEY UPDATE c = 'dup'",
	"INSERT INTO a (k, c) VALUES (21, 'spaces   ')", "INSERT INTO a (k, v) VALUES (22, 'é ')", "INSERT INTO a (id, k) VALUES (2147483647, 23)", "INSERT INTO a (k) VALUES (24)",
	"DELETE FROM a WHERE id = 2147483647", "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'", "INSERT INTO a (id, k) VALUES (0, 25)", "SET sql_mode = ''", "INSERT INTO a (k, c) VALUES (26, 'too long for the column')",
	"INSERT INTO a (k) VALUES (-5)", "INSERT INTO a (c) VALUES ('no k')", "UPDATE a SET u = u - 1 WHERE id = 1", "SET sql_mode = DEFAULT",
	"UPDATE a SET k = 100 WHERE id = 1", "UPDATE a SET k = 100 WHERE id = 1", "UPDATE a SET k = k + 1, c = 'upd' WHERE id = 1", "UPDATE a SET k = k - 3 WHERE id = 1", "UPDATE a SET k = k+0 WHERE id = 1",
	"UPDATE a SET k = k + 2147483647 WHERE id = 1", "UPDATE a SET u = u - 5 WHERE id = 1", "UPDATE a SET u = u + 5 WHERE id = 1", "UPDATE a SET c = 'UPD' WHERE id = 1", "UPDATE a SET c = 'Upd  ' WHERE id = 1",
	"UPDATE a SET v = NULL WHERE id = 1", "UPDATE a SET k = NULL WHERE id = 1", "UPDATE a SET k = 3 WHERE id = 1", "UPDATE a SET k = 2 WHERE id = 999", "UPDATE a SET id = 77 WHERE id = 1", "UPDATE a SET k = k * 2 WHERE id = 77",
	"UPDATE a SET nope = 1 WHERE id = 77", "UPDATE a SET k = 1, k = 2 WHERE id = 77", "UPDATE a SET c = 'x' WHERE k = 2", "UPDATE a SET b = b + 1 WHERE id = 77", "UPDATE a SET c = 5 WHERE id = 77",
	"UPDATE a SET k = '55' WHERE id = 77", "UPDATE a AS z SET z.k = 56 WHERE z.id = 77", "UPDATE a SET k = -57 WHERE id = 77", "UPDATE a SET k = k - -1 WHERE id = 77", "UPDATE a SET k = 58 WHERE id = 77 LIMIT 1",
	"UPDATE IGNORE a SET k = 2 WHERE id = 77", "UPDATE a SET v = c WHERE id = 77", "UPDATE s SET n = n + 1 WHERE k = 'ABC'", "UPDATE s SET k = 'ABC' WHERE k = 'abc'", "UPDATE s SET n = 9 WHERE k = 'nobody'",
	"UPDATE two SET c = c + 1 WHERE a = 1 AND b = 'x'", "DELETE FROM two WHERE a = 1 AND b = 'X'", "DELETE FROM s WHERE k = 'UNI'", "DELETE FROM s WHERE n = 3", "DELETE FROM s WHERE n = 3",
	"DELETE FROM a WHERE id = 5", "DELETE FROM a WHERE id = 5", "DELETE FROM a WHERE id = 5 LIMIT 1", "DELETE FROM a", "INSERT INTO a (k) VALUES (1), (2)",
	// Constraints, triggers and columns that the engine sees to.
	"INSERT INTO child VALUES (1, 1)", "INSERT INTO child VALUES (2, 9)", "INSERT INTO child VALUES (3, NULL)", "DELETE FROM parent WHERE id = 1", "UPDATE parent SET id = 5 WHERE id = 1", "UPDATE child SET p = 8 WHERE id = 1",
	"DELETE FROM parent WHERE id = 2", "INSERT INTO cas VALUES (1, 3)", "DELETE FROM parent WHERE id = 3", "SET foreign_key_checks = 0", "UPDATE child SET p = 8 WHERE id = 1", "SET foreign_key_checks = 1",
	"INSERT INTO trig VALUES (1, 1)", "UPDATE trig SET b = 2 WHERE a = 1", "DELETE FROM trig WHERE a = 1", "INSERT INTO chk VALUES (1, 1)", "INSERT INTO chk VALUES (2, -1)", "UPDATE chk SET b = -1 WHERE a = 1",
	"INSERT INTO gen (a) VALUES (2)", "UPDATE gen SET a = 7 WHERE a = 1", "INSERT INTO upd (a, b) VALUES (1, 1)", "UPDATE upd SET b = 3, x = NULL WHERE a = 1", "DELETE FROM upd WHERE a = 1",
	"INSERT INTO wide (a) VALUES (1)", "UPDATE wide SET d = '2024-01-01' WHERE a = 1", "UPDATE wide SET d = NULL, j = NULL WHERE a = 1", "UPDATE wide SET e = 'b', f = 1.5 WHERE a = 1", "DELETE FROM wide WHERE a = 1",
	"INSERT INTO heap (a) VALUES (5)", "INSERT INTO heap (a) VALUES (5)", "UPDATE heap SET b = b + 1 WHERE a = 5", "DELETE FROM heap WHERE a = 5", "UPDATE w SET v = 'view' WHERE id = 1", "INSERT INTO nowhere VALUES (1)",
	// Transactions.
	"BEGIN", "INSERT INTO a (k) VALUES (31)", "UPDATE a SET k = k + 1 WHERE k = 31", "INSERT INTO a (k) VALUES (32), (31), (32)", "DELETE FROM s WHERE k = 'abc'", "SAVEPOINT s1", "INSERT INTO a (k) VALUES (33)", "ROLLBACK TO s1", "COMMIT",
	"BEGIN", "INSERT INTO a (k) VALUES (34)", "ROLLBACK", "START TRANSACTION READ ONLY", "INSERT INTO a (k) VALUES (35)", "UPDATE a SET k = 9 WHERE id = 404", "COMMIT", "SET autocommit = 0", "INSERT INTO a (k) VALUES (36)", "ROLLBACK", "SET autocommit = 1",
	"SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE", "UPDATE a SET k = 41 WHERE id = 12", "BEGIN", "DELETE FROM a WHERE id = 12", "COMMIT", "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "BEGIN", "UPDATE a SET c = 'rc' WHERE id = 11", "COMMIT",
	"SET TRANSACTION READ ONLY", "INSERT INTO a (k) VALUES (37)", "SET SESSION transaction_read_only = 1", "DELETE FROM a WHERE id = 11", "SET SESSION transaction_read_only = 0", "SET INSERT_ID = 500", "INSERT INTO a (k) VALUES (38)", "SET auto_increment_increment = 10", "INSERT INTO a (k) VALUES (39), (40)",
	"SET auto_increment_increment = 1", "SET sql_log_bin = 0", "INSERT INTO a (k) VALUES (50)", "SET sql_log_bin = 1", "FLUSH TABLES WITH READ LOCK", "INSERT INTO a (k) VALUES (51)", "UPDATE a SET k = 7 WHERE id = 404", "UNLOCK TABLES",
	"LOCK TABLES a READ", "INSERT INTO a (k) VALUES (52)", "DELETE FROM s WHERE n = 1", "UNLOCK TABLES", "CREATE TRIGGER late BEFORE INSERT ON a FOR EACH ROW SET NEW.c = 'late'", "INSERT INTO a (k) VALUES (60)", "DROP TRIGGER late", "INSERT INTO a (k) VALUES (61)",
	"ALTER TABLE a ADD COLUMN late INT DEFAULT 4", "INSERT INTO a (k) VALUES (62)", "UPDATE a SET late = late + 1 WHERE k = 62", "INSERT INTO a (k, c) VALUES (63, 'p')",
}

var plainChangeTables = []string{
	"CREATE TABLE nodef (id INT PRIMARY KEY, a INT)", "ALTER TABLE nodef ALTER a DROP DEFAULT",
	"SET NAMES utf8mb4", "CREATE TABLE a (id INT PRIMARY KEY AUTO_INCREMENT, k INT NOT NULL UNIQUE, c CHAR(10) NOT NULL DEFAULT 'c', v VARCHAR(10) DEFAULT 'v')",
	"ALTER TABLE a ADD COLUMN u INT UNSIGNED DEFAULT '3', ADD COLUMN b BIGINT DEFAULT 9, ADD COLUMN n INT NULL",
	"ALTER TABLE a DROP COLUMN n, DROP COLUMN b, DROP COLUMN u", "ALTER TABLE a ADD COLUMN u INT UNSIGNED NOT NULL DEFAULT '3', ADD COLUMN b BIGINT DEFAULT 9",
	"CREATE TABLE parent (id INT PRIMARY KEY)", "INSERT INTO parent VALUES (1), (2), (3)", "CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id))",
	"CREATE TABLE cas (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE)",
	"CREATE TABLE trig (a INT PRIMARY KEY, b INT)", "CREATE TABLE log (x INT)", "CREATE TRIGGER ti AFTER INSERT ON trig FOR EACH ROW INSERT INTO log VALUES (NEW.a)",
	"CREATE TRIGGER tu BEFORE UPDATE ON trig FOR EACH ROW SET NEW.b = 99", "CREATE TRIGGER td AFTER DELETE ON trig FOR EACH ROW INSERT INTO log VALUES (-1)",
	"CREATE TABLE chk (a INT PRIMARY KEY, b INT CHECK (b > 0))", "CREATE TABLE upd (a INT PRIMARY KEY, b INT, t DATE NULL, x TIMESTAMP NULL ON UPDATE CURRENT_TIMESTAMP)",
	"CREATE TABLE wide (a INT PRIMARY KEY, d DATE DEFAULT '2020-02-02', e ENUM('a','b') DEFAULT 'a', f DECIMAL(5,2), j JSON, t TEXT)",
}

// TestPlain_Changes runs statements on a server that plans all and on one that
// does not, and compares the answers, the tables and the binlogs.
func TestPlain_Changes(t *testing.T) {
	for _, params := range []string{"", "clientFoundRows=true&interpolateParams=true"} {
		var answers [2][][]byte
		var logs [2][]string
		for i := range 2 {
			ts := newTestServer(t, nil)
			c := ts.taped(params)
			c.exec(plainTables...)
			c.exec(plainChangeTables...)
			c.exec("SET TIMESTAMP = 1700000000")
			ts.planAll.Store(i == 0)
			before := ts.counters.plain.Load()
			for _, query := range plainChanges {
				answers[i] = append(answers[i], c.answer(nil, query))
				ts.planAll.Store(true)
				answers[i] = append(answers[i], c.answer(nil, "SELECT ROW_COUNT(), FOUND_ROWS(), LAST_INSERT_ID(), @@warning_count"), c.answer(nil, "SHOW WARNINGS"))
				ts.planAll.Store(i == 0)
			}
			n := ts.counters.plain.Load() - before
			if (n > 60) != (i == 1) {
				t.Errorf("%d statements without a plan", n)
			}
			st, err := c.conn.PrepareContext(t.Context(), "UPDATE a SET c = ?, k = k + ? WHERE id = ?")
			if err != nil {
				t.Fatal(err)
			}
			ins, err := c.conn.PrepareContext(t.Context(), "INSERT INTO a (id, k, v) VALUES (?, ?, ?)")
			if err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]any{{"é", 1, 500}, {"", -2, 500}, {"x", int64(1) << 40, 500}, {nil, 1, 500}, {"x", nil, 500}, {1.5, 1, 500}} {
				answers[i] = append(answers[i], c.answer(st, "", args...))
			}
			for _, args := range [][]any{{nil, 200, nil}, {0, 201, "v"}, {700, 202, "longer than ten characters"}, {700, uint64(203), "ok"}, {700, 203, "ok"}} {
				answers[i] = append(answers[i], c.answer(ins, "", args...))
			}
			ts.planAll.Store(true)
			for _, table := range []string{"a", "s", "two", "heap", "parent", "child", "cas", "trig", "log", "chk", "gen", "upd", "wide", "nodef"} {
				answers[i] = append(answers[i], c.answer(nil, "SELECT * FROM "+table))
			}
			logs[i] = eventBytes(t, ts)
		}
		for j := range answers[0] {
			if !bytes.Equal(answers[0][j], answers[1][j]) {
				what := fmt.Sprint(j)
				if j/3 < len(plainChanges) {
					what = plainChanges[j/3]
				}
				t.Errorf("%s: %s (%d)\n got %q\nwant %q", params, what, j%3, answers[1][j], answers[0][j])
			}
		}
		if len(logs[0]) != len(logs[1]) {
			t.Fatalf("%d events, with a plan %d", len(logs[1]), len(logs[0]))
		}
		for j := range logs[0] {
			if logs[0][j] != logs[1][j] {
				t.Fatalf("event %d:\n got %q\nwant %q", j, logs[1][j], logs[0][j])
			}
		}
	}
}

// eventBytes returns the events of a server's binlog without what differs from
// run to run: times, checksums and what is computed of them.
func eventBytes(t *testing.T, ts *testServer) (out []string) {
	t.Helper()
	f, err := ts.fs.Open("data/mysql-bin.000001")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, info.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	const header, checksum, gtid, anonymous, format = 19, 4, 33, 34, 15
	for b = b[4:]; len(b) >= header; {
		size := binary.LittleEndian.Uint32(b[9:])
		ev := b[:size]
		b = b[size:]
		body := string(ev[4 : size-checksum])
		if ev[4] == gtid || ev[4] == anonymous || ev[4] == format {
			body = fmt.Sprint(ev[4], size)
		}
		out = append(out, body)
	}
	return out
}

// TestPlain_Privileges takes a right away from an account that has used it.
func TestPlain_Privileges(t *testing.T) {
	ts := newTestServer(t, nil)
	root := ts.listen("")
	mustExec(t, root, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, v INT)", "INSERT INTO d.t VALUES (1, 2)",
		"CREATE USER u@localhost", "GRANT SELECT, UPDATE ON d.t TO u@localhost")
	u := ts.connect("u", "", "")
	u.SetMaxOpenConns(1)
	var v int
	st, err := u.Prepare("SELECT v FROM d.t WHERE id = ?")
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for range 3 {
		if err := st.QueryRow(1).Scan(&v); err != nil {
			t.Fatal(err)
		}
		mustExec(t, u, "UPDATE d.t SET v = v + 1 WHERE id = 1")
	}
	if n := ts.counters.plain.Load(); n != 6 { // the INSERT too
		t.Errorf("%d statements without a plan", n)
	}
	if _, err := u.Exec("DELETE FROM d.t WHERE id = 1"); errNumber(err) != 1142 {
		t.Errorf("DELETE: %v", err)
	}
	mustExec(t, root, "REVOKE SELECT ON d.t FROM u@localhost")
	if err := st.QueryRow(1).Scan(&v); errNumber(err) != 1142 {
		t.Errorf("SELECT: %v", err)
	}
	mustExec(t, root, "REVOKE UPDATE ON d.t FROM u@localhost")
	if _, err := u.Exec("UPDATE d.t SET v = v + 1 WHERE id = 1"); errNumber(err) != 1142 {
		t.Errorf("UPDATE: %v", err)
	}
}

// TestPlain_Kill ends a statement that waits for a row, which the list of
// processes shows.
func TestPlain_Kill(t *testing.T) {
	ts := newTestServer(t, nil)
	root := ts.listen("")
	mustExec(t, root, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, v INT)", "INSERT INTO d.t VALUES (1, 2)")
	holder, waiter := ts.taped(""), ts.taped("")
	holder.exec("BEGIN", "UPDATE d.t SET v = 3 WHERE id = 1")
	var id int
	if err := waiter.conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		const query = "UPDATE d.t SET v = 4 WHERE id = 1"
		failed := make(chan error, 1)
		go func() {
			_, err := waiter.conn.ExecContext(t.Context(), query)
			failed <- err
		}()
		for shown := 0; shown == 0; {
			row := root.QueryRow("SELECT COUNT(*) FROM information_schema.processlist WHERE id = ? AND command = 'Query' AND info = ?", id, query)
			if err := row.Scan(&shown); err != nil {
				t.Fatal(err)
			}
		}
		mustExec(t, root, fmt.Sprintf("KILL QUERY %d", id))
		if err := <-failed; errNumber(err) != 1317 {
			t.Errorf("killed: %v", err)
		}
	}
	holder.exec("ROLLBACK")
	waiter.exec("UPDATE d.t SET v = 5 WHERE id = 1", "UPDATE d.t SET v = 6 WHERE id = 1")
	if n := ts.counters.plain.Load(); n < 4 {
		t.Errorf("%d statements without a plan", n)
	}
}
