package sql

import (
	"bytes"
	"context"
	"database/sql"
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
