package tests

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// largeRows is how many rows of 200 bytes the transactions of the large tests
// have: $BINRELAY_LARGE, 5 million with $BINRELAY_LONG.
func largeRows() int {
	if n, err := strconv.Atoi(os.Getenv("BINRELAY_LARGE")); err == nil {
		return n
	}
	if long() {
		return 5_000_000
	}
	return 80_000
}

// largeGrowth is how much memory such a transaction may take, in MiB.
const largeGrowth = 512

// large is a primary and a replica that logs again, with a table d.big of
// which fill writes all rows.
type large struct {
	t    *testing.T
	p, r *cluster.Server
	conn *sql.Conn // to the primary
	rows int
	fill string

	at  time.Time
	was [2]float64 // memory of each, in MiB
}

func startLarge(t *testing.T) *large {
	t.Helper()
	l := &large{t: t, rows: largeRows()}
	t.Logf("%d rows", l.rows)
	l.p = cluster.Start(t, "primary", "server_id=1", "log_bin=binlog", "local_infile=ON")
	l.r = cluster.Start(t, "replica", "server_id=2", "log_bin=binlog", "log_replica_updates=ON")
	p := l.p
	p.Exec("CREATE USER repl@'%' IDENTIFIED BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO repl@'%'")
	at := p.Rows("SHOW MASTER STATUS")[0]
	l.r.Exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='repl', MASTER_PASSWORD='secret', "+
		"MASTER_LOG_FILE='%s', MASTER_LOG_POS=%s, GET_MASTER_PUBLIC_KEY=1", p.Port, at[0], at[1]), "START SLAVE")
	l.fill = largeTables(l.rows, p.Exec)
	var err error
	if l.conn, err = p.DB().Conn(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.conn.Close() })
	l.catchUp()
	l.was[0], _ = rss(t, p.Pid())
	l.was[1], _ = rss(t, l.r.Pid())
	l.at = time.Now()
	return l
}

// largeTables makes the tables and returns the statement that fills d.big.
func largeTables(rows int, exec func(...string)) (fill string) {
	exec("CREATE DATABASE d", "CREATE TABLE d.seed (id INT PRIMARY KEY AUTO_INCREMENT, v INT NOT NULL, c VARCHAR(220) NOT NULL)",
		"CREATE TABLE d.big (id INT PRIMARY KEY, v INT NOT NULL, c VARCHAR(220) NOT NULL, KEY (v))", "CREATE TABLE d.times (n INT PRIMARY KEY)")
	const seed = 1000
	values := make([]string, seed)
	for i := range values {
		values[i] = fmt.Sprintf("(%d, RPAD('x%d', 190, 'abcdefghij'))", i*7919%1000, i)
	}
	exec("INSERT INTO d.seed (v, c) VALUES " + strings.Join(values, ","))
	values = values[:0]
	for i := range rows / seed {
		values = append(values, fmt.Sprintf("(%d)", i))
	}
	exec("INSERT INTO d.times VALUES " + strings.Join(values, ","))
	return fmt.Sprintf("INSERT INTO d.big SELECT n*%d+id, v, c FROM d.times, d.seed", seed)
}

func (l *large) exec(q string) {
	l.t.Helper()
	if _, err := l.conn.ExecContext(l.t.Context(), q); err != nil {
		l.t.Fatalf("%s: %v", q, err)
	}
}

// took prints how long what came last took, and what it cost.
func (l *large) took(what string) {
	l.t.Helper()
	line := fmt.Sprintf("%-32s %6.1f s", what, time.Since(l.at).Seconds())
	for i, s := range []*cluster.Server{l.p, l.r} {
		_, high := rss(l.t, s.Pid())
		line += fmt.Sprintf(", %s +%.0f MiB", s.Name, high-l.was[i])
		if high-l.was[i] > largeGrowth {
			l.t.Errorf("%s: the %s's memory has grown by %.0f MiB", what, s.Name, high-l.was[i])
		}
	}
	l.t.Log(line)
	l.at = time.Now()
}

// check compares the number of rows in d.big and what they are with both servers.
func (l *large) check(rows int) {
	l.t.Helper()
	want := fmt.Sprintf("%d %d", rows, rows)
	for _, s := range []*cluster.Server{l.p, l.r} {
		got := s.Rows("SELECT COUNT(*), COALESCE(MAX(id) - MIN(id) + 1, 0) FROM d.big")[0]
		if strings.Join(got, " ") != want {
			l.t.Errorf("%s: %v rows, want %s", s.Name, got, want)
		}
	}
	if a, b := l.p.One("SELECT SUM(CRC32(c)) FROM d.big"), l.r.One("SELECT SUM(CRC32(c)) FROM d.big"); a != b {
		l.t.Errorf("sums differ: %s and %s", a, b)
	}
	for _, s := range []*cluster.Server{l.p, l.r} {
		if names, err := filepath.Glob(filepath.Join(s.Dir, "#tmp", "*")); err != nil || len(names) > 0 {
			l.t.Errorf("%s: spill files stay: %v %v", s.Name, names, err)
		}
	}
}

// catchUp waits until the replica has applied all that the primary has.
func (l *large) catchUp() {
	l.t.Helper()
	at := l.p.Rows("SHOW MASTER STATUS")[0]
	if got := l.r.One(fmt.Sprintf("SELECT MASTER_POS_WAIT('%s', %s, 1800)", at[0], at[1])); got == "NULL" || got == "-1" {
		l.t.Fatalf("the replica does not catch up with %s:%s: %v", at[0], at[1], l.r.Status())
	}
}

// TestLarge_InsertSelect lets one statement write what does not fit into memory,
// rolls it back, commits it and waits for a replica that logs it again.
func TestLarge_InsertSelect(t *testing.T) {
	l := startLarge(t)
	l.exec("BEGIN")
	l.exec(l.fill)
	l.took("INSERT … SELECT")
	l.exec("ROLLBACK")
	l.took("ROLLBACK")
	l.exec("BEGIN")
	l.exec(l.fill)
	l.took("INSERT … SELECT again")
	l.exec("COMMIT")
	l.took("COMMIT")
	l.catchUp()
	l.took("until the replica has it")
	l.check(l.rows)
	l.took("reading all")
	l.p.Kill()
	l.p.Run()
	l.r.Kill()
	l.r.Run()
	l.at = time.Now()
	l.check(l.rows)
	largeMariaDB(t, l.rows, func(m *largeSteps) {
		m.step("INSERT … SELECT", "BEGIN", m.fill)
		m.step("ROLLBACK", "ROLLBACK")
		m.step("INSERT … SELECT again", "BEGIN", m.fill)
		m.step("COMMIT", "COMMIT")
		m.caughtUp()
	})
}

// largeSteps are the steps of a test on a MariaDB that syncs each commit, with a
// replica that logs again.
type largeSteps struct {
	t    *testing.T
	p, r *cluster.MariaDB
	conn *sql.Conn
	fill string
}

// largeMariaDB runs steps on MariaDB where the size is not that of make test.
func largeMariaDB(t *testing.T, rows int, steps func(*largeSteps)) {
	t.Helper()
	if rows <= 80_000 {
		return
	}
	durable := []string{"--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1", "--local-infile=1"}
	m := &largeSteps{t: t, p: cluster.StartMariaDB(t, append(durable, "--server-id=1")...), r: cluster.StartMariaDB(t, append(durable, "--server-id=2", "--log-slave-updates")...)}
	m.p.Exec("CREATE USER repl@'%' IDENTIFIED BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO repl@'%'")
	at, err := cluster.RowMap(m.p.DB, "SHOW MASTER STATUS")
	if err != nil {
		t.Fatal(err)
	}
	m.r.Exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='repl', MASTER_PASSWORD='secret', MASTER_LOG_FILE='%s', MASTER_LOG_POS=%s, MASTER_USE_GTID=no",
		m.p.Port, at["File"], at["Position"]), "START SLAVE")
	m.fill = largeTables(rows, m.p.Exec)
	db, err := sql.Open("mysql", fmt.Sprintf("root@tcp(127.0.0.1:%d)/d?allowAllFiles=true", m.p.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if m.conn, err = db.Conn(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer m.conn.Close()
	steps(m)
}

// step runs statements and prints how long they took.
func (m *largeSteps) step(what string, stmts ...string) {
	m.t.Helper()
	at := time.Now()
	if err := run(m.t.Context(), m.conn, stmts...); err != nil {
		m.t.Fatalf("MariaDB: %s: %v", what, err)
	}
	m.t.Logf("MariaDB 10.11: %-32s %6.1f s", what, time.Since(at).Seconds())
}

// caughtUp waits until the replica has all.
func (m *largeSteps) caughtUp() {
	m.t.Helper()
	at := time.Now()
	end, err := cluster.RowMap(m.p.DB, "SHOW MASTER STATUS")
	if err != nil {
		m.t.Fatal(err)
	}
	var n sql.NullInt64
	err = m.r.DB.QueryRow(fmt.Sprintf("SELECT MASTER_POS_WAIT('%s', %s, 1800)", end["File"], end["Position"])).Scan(&n)
	if err != nil || !n.Valid || n.Int64 < 0 {
		m.t.Fatalf("MariaDB's replica: %v, %v", n, err)
	}
	m.t.Logf("MariaDB 10.11: %-32s %6.1f s", "until the replica has it", time.Since(at).Seconds())
}

// TestLarge_LoadData sends a file of the client, kills a first attempt in the
// middle, and updates and deletes what came.
func TestLarge_LoadData(t *testing.T) {
	l := startLarge(t)
	file := filepath.Join(t.TempDir(), "rows.csv")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	pad := strings.Repeat("abcdefghij", 19)
	for i := range l.rows {
		fmt.Fprintf(w, "%d,%d,\"%s\"\n", i, i*7919%1000, pad)
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	text := "LOAD DATA LOCAL INFILE '" + file + "' INTO TABLE d.big FIELDS TERMINATED BY ',' ENCLOSED BY '\"'"
	db, err := sql.Open("mysql", l.p.DSN("d")+"&allowAllFiles=true")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	killed := make(chan error, 1)
	go func() {
		_, err := db.Exec(text)
		killed <- err
	}()
	cluster.WaitFor(t, time.Minute, func() string {
		names, _ := filepath.Glob(filepath.Join(l.p.Dir, "#tmp", "*"))
		if len(names) < 2 {
			return "nothing has spilled yet"
		}
		return ""
	})
	id := l.p.One("SELECT id FROM information_schema.processlist WHERE info LIKE 'LOAD DATA%'")
	begin := time.Now()
	l.p.Exec("KILL QUERY " + id)
	if err := <-killed; err == nil {
		t.Error("the killed statement succeeded")
	}
	t.Logf("%-32s %6.1f s", "KILL QUERY", time.Since(begin).Seconds())
	l.check(0)
	l.at = time.Now()
	if _, err := db.Exec(text); err != nil {
		t.Fatal(err)
	}
	l.took("LOAD DATA LOCAL")
	l.catchUp()
	l.took("until the replica has it")
	l.check(l.rows)
	l.at = time.Now()
	l.exec("UPDATE d.big SET v = v + 1, c = REVERSE(c)")
	l.took("UPDATE of all rows")
	l.catchUp()
	l.took("until the replica has it")
	l.check(l.rows)
	l.at = time.Now()
	l.exec("DELETE FROM d.big")
	l.took("DELETE of all rows")
	l.catchUp()
	l.took("until the replica has it")
	l.check(0)
	largeMariaDB(t, l.rows, func(m *largeSteps) {
		m.step("LOAD DATA LOCAL", text)
		m.caughtUp()
		m.step("UPDATE of all rows", "UPDATE d.big SET v = v + 1, c = REVERSE(c)")
		m.caughtUp()
		m.step("DELETE of all rows", "DELETE FROM d.big")
		m.caughtUp()
	})
}
