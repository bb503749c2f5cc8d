package tests

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"binrelay/tests/cluster"
)

// open returns a single connection of its own to a server.
func open(t *testing.T, s *cluster.Server, user, password, db string) *sql.Conn {
	t.Helper()
	c, err := tryOpen(t, s, user, password, db)
	if err != nil {
		t.Fatalf("connect as %s: %v", user, err)
	}
	return c
}

func tryOpen(t *testing.T, s *cluster.Server, user, password, db string) (*sql.Conn, error) {
	t.Helper()
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName = user, password, db
	cfg.Net, cfg.Addr = "tcp", fmt.Sprintf("127.0.0.1:%d", s.Port)
	cfg.InterpolateParams = true
	cfg.MaxAllowedPacket = 1 << 30
	pool, err := sql.Open("mysql", cfg.FormatDSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	pool.SetMaxOpenConns(1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return pool.Conn(ctx)
}

func execute(t *testing.T, c *sql.Conn, stmts ...string) {
	t.Helper()
	for _, q := range stmts {
		if _, err := c.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// wantError checks MySQL's number, SQLSTATE and text.
func wantError(t *testing.T, what string, err error, number uint16, state, text string) {
	t.Helper()
	var me *mysql.MySQLError
	if !errors.As(err, &me) {
		t.Errorf("%s: %v, want error %d", what, err, number)
		return
	}
	if me.Number != number || string(me.SQLState[:]) != state || !regexp.MustCompile("^(?:"+text+")$").MatchString(me.Message) {
		t.Errorf("%s: ERROR %d (%s): %s\nwant  ERROR %d (%s): %s", what, me.Number, me.SQLState, me.Message, number, state, text)
	}
}

// One row per error that a client must be able to tell: number, SQLSTATE, text.
func TestErrors_NumbersAndTexts(t *testing.T) {
	s := cluster.Start(t, "server", "server-id=1", "log-bin=mysql-bin", "max_allowed_packet=1M", "innodb_lock_wait_timeout=1")
	s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, s VARCHAR(3), u INT, UNIQUE KEY u (u))", "INSERT INTO d.t VALUES (1,'a',10),(2,'b',20)",
		"CREATE USER 'plain'@'%' IDENTIFIED BY 'pw'", "GRANT SELECT, INSERT ON d.* TO 'plain'@'%'")
	root := open(t, s, "root", "", "d")
	plain := open(t, s, "plain", "pw", "d")
	nodb := open(t, s, "root", "", "")
	for _, tc := range []struct {
		c      *sql.Conn
		query  string
		number uint16
		state  string
		text   string
	}{
		{plain, "USE mysql", 1044, "42000", `Access denied for user 'plain'@'%' to database 'mysql'`},
		{nodb, "SELECT * FROM t", 1046, "3D000", `No database selected`},
		{root, "USE nodb", 1049, "42000", `Unknown database 'nodb'`},
		{root, "CREATE TABLE t (id INT)", 1050, "42S01", `Table 't' already exists`},
		{root, "DROP TABLE nosuch", 1051, "42S02", `Unknown table 'd\.nosuch'`},
		{root, "SELECT nosuch FROM t", 1054, "42S22", `Unknown column 'nosuch' in 'field list'`},
		{root, "INSERT INTO t VALUES (1,'x',30)", 1062, "23000", `Duplicate entry '1' for key 't\.PRIMARY'`},
		{root, "INSERT INTO t VALUES (3,'x',20)", 1062, "23000", `Duplicate entry '20' for key 't\.u'`},
		{root, "SELEC 1", 1064, "42000", `You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use near 'SELEC 1' at line 1`},
		{root, "SELECT * FROM nosuch", 1146, "42S02", `Table 'd\.nosuch' doesn't exist`},
		{root, "INSERT INTO nosuch VALUES (1)", 1146, "42S02", `Table 'd\.nosuch' doesn't exist`},
		{root, "SET GLOBAL no_such_variable = 1", 1193, "HY000", `Unknown system variable 'no_such_variable'`},
		{root, "SELECT @@no_such_variable", 1193, "HY000", `Unknown system variable 'no_such_variable'`},
		{plain, "SET GLOBAL max_connections = 7", 1227, "42000", `Access denied; you need \(at least one of\) the SUPER or SYSTEM_VARIABLES_ADMIN privilege\(s\) for this operation`},
		{plain, "CHANGE MASTER TO MASTER_HOST='x'", 1227, "42000", `Access denied; you need \(at least one of\) the SUPER,? ?(or )?REPLICATION_SLAVE_ADMIN privilege\(s\) for this operation`},
		{root, "CHANGE MASTER TO MASTER_DELAY=5", 1235, "42000", `This version of MySQL doesn't yet support '.*'`},
		{root, "XA START 'x'", 1235, "42000", `This version of MySQL doesn't yet support '.*'`},
		{root, "CREATE TABLE p (id INT) PARTITION BY HASH(id)", 1235, "42000", `This version of MySQL doesn't yet support '.*'`},
		{root, "CREATE TABLE f (id INT, FOREIGN KEY (id) REFERENCES nosuch (id))", 1824, "HY000", `Failed to open the referenced table 'nosuch'`},
		{root, "INSERT INTO t VALUES (4,'long',40)", 1406, "22001", `Data too long for column 's' at row 1`},
		{root, "DROP DATABASE nodb", 1008, "HY000", `Can't drop database 'nodb'; database doesn't exist`},
		{root, "CREATE DATABASE d", 1007, "HY000", `Can't create database 'd'; database exists`},
		{root, "INSERT INTO t VALUES (5)", 1136, "21S01", `Column count doesn't match value count at row 1`},
		{root, "SHOW BINLOG EVENTS IN 'nosuch'", 1220, "HY000", `Error when executing command SHOW BINLOG EVENTS: Could not find target log`},
		{root, "PURGE BINARY LOGS TO 'nosuch'", 1373, "HY000", `Target log not found in binlog index`},
		{root, "START SLAVE", 1200, "HY000", `The server is not configured as (slave|replica); fix in config file or with CHANGE (MASTER|REPLICATION SOURCE) TO`},
	} {
		_, err := tc.c.ExecContext(t.Context(), tc.query)
		wantError(t, tc.query, err, tc.number, tc.state, tc.text)
		if err := tc.c.PingContext(t.Context()); err != nil {
			t.Errorf("the connection is not usable after %s: %v", tc.query, err)
		}
	}
	_, err := tryOpen(t, s, "plain", "wrong", "")
	wantError(t, "wrong password", err, 1045, "28000", `Access denied for user 'plain'@'(localhost|127\.0\.0\.1)' \(using password: YES\)`)
	_, err = tryOpen(t, s, "nobody", "", "")
	wantError(t, "unknown user", err, 1045, "28000", `Access denied for user 'nobody'@'(localhost|127\.0\.0\.1)' \(using password: NO\)`)
	_, err = tryOpen(t, s, "root", "", "nodb")
	wantError(t, "unknown database", err, 1049, "42000", `Unknown database 'nodb'`)
	_, err = open(t, s, "root", "", "d").ExecContext(t.Context(), "SELECT '"+string(make([]byte, 2<<20))+"'")
	wantError(t, "large packet", err, 1153, "08S01", `Got a packet bigger than 'max_allowed_packet' bytes`)
	errorsOfLocks(t, s)
	errorsOfReadOnly(t, s, plain)
	errorsOfTimeout(t, s)
	errorsOfRunningReplica(t, s)
}

func errorsOfLocks(t *testing.T, s *cluster.Server) {
	a, b := open(t, s, "root", "", "d"), open(t, s, "root", "", "d")
	execute(t, a, "BEGIN", "UPDATE t SET s='x' WHERE id=1")
	execute(t, b, "BEGIN", "UPDATE t SET s='y' WHERE id=2")
	_, err := b.ExecContext(t.Context(), "UPDATE t SET s='y' WHERE id=1")
	wantError(t, "lock wait", err, 1205, "HY000", `Lock wait timeout exceeded; try restarting transaction`)
	failed := make(chan error, 2)
	execute(t, a, "SET innodb_lock_wait_timeout=20")
	execute(t, b, "SET innodb_lock_wait_timeout=20")
	go func() {
		_, err := a.ExecContext(t.Context(), "UPDATE t SET s='x' WHERE id=2")
		failed <- err
	}()
	go func() {
		_, err := b.ExecContext(t.Context(), "UPDATE t SET s='y' WHERE id=1")
		failed <- err
	}()
	if err = <-failed; err == nil {
		err = <-failed
	}
	wantError(t, "deadlock", err, 1213, "40001", `Deadlock found when trying to get lock; try restarting transaction`)
	execute(t, a, "ROLLBACK")
	execute(t, b, "ROLLBACK")
}

func errorsOfReadOnly(t *testing.T, s *cluster.Server, plain *sql.Conn) {
	s.Exec("SET GLOBAL read_only=ON")
	_, err := plain.ExecContext(t.Context(), "INSERT INTO d.t VALUES (9,'x',90)")
	wantError(t, "read_only", err, 1290, "HY000", `The MySQL server is running with the --read-only option so it cannot execute this statement`)
	s.Exec("INSERT INTO d.t VALUES (9,'x',90)", "SET GLOBAL super_read_only=ON")
	_, err = open(t, s, "root", "", "d").ExecContext(t.Context(), "INSERT INTO t VALUES (10,'x',100)")
	wantError(t, "super_read_only", err, 1290, "HY000", `The MySQL server is running with the --super-read-only option so it cannot execute this statement`)
	s.Exec("SET GLOBAL super_read_only=OFF", "SET GLOBAL read_only=OFF")
}

func errorsOfTimeout(t *testing.T, s *cluster.Server) {
	c := open(t, s, "root", "", "d")
	execute(t, c, "CREATE TABLE n (id INT PRIMARY KEY)", "INSERT INTO n WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x+1 FROM r WHERE x < 400) SELECT x FROM r")
	execute(t, c, "SET SESSION max_execution_time=100")
	_, err := c.ExecContext(t.Context(), "SELECT COUNT(*) FROM n a, n b, n c, n d WHERE a.id + b.id + c.id + d.id < 0")
	wantError(t, "max_execution_time", err, 3024, "HY000", `Query execution was interrupted, maximum statement execution time exceeded`)
	if err := c.PingContext(t.Context()); err != nil {
		t.Errorf("the connection is not usable after 3024: %v", err)
	}
}

func errorsOfRunningReplica(t *testing.T, s *cluster.Server) {
	s.Exec("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=1, MASTER_USER='x', MASTER_LOG_FILE='f.000001', MASTER_LOG_POS=4", "START SLAVE")
	for _, q := range []string{"SET GLOBAL sql_slave_skip_counter=1", "RESET SLAVE"} {
		_, err := s.DB().Exec(q)
		wantError(t, q+" while running", err, 1198, "HY000", `This operation cannot be performed with a running replica.*; run STOP REPLICA.* first`)
	}
	_, err := s.DB().Exec("CHANGE MASTER TO MASTER_HOST='other'")
	wantError(t, "CHANGE MASTER while running", err, 3081, "HY000", `This operation cannot be performed with running replication threads; run STOP REPLICA FOR CHANNEL '' first`)
	s.Exec("STOP SLAVE", "RESET SLAVE ALL")
	if st := s.Status(); st != nil {
		t.Errorf("SHOW SLAVE STATUS after RESET SLAVE ALL: %v", st)
	}
}

// Above max_connections a client gets 1040; an account with SUPER gets the one
// connection that is kept.
func TestErrors_TooManyConnections(t *testing.T) {
	s := cluster.Start(t, "server", "max_connections=4")
	s.Exec("CREATE USER 'plain'@'%' IDENTIFIED BY 'pw'")
	s.DB().SetMaxOpenConns(1)
	s.DB().SetMaxIdleConns(0)
	cluster.WaitFor(t, 5*time.Second, func() string {
		if n := len(s.Rows("SHOW PROCESSLIST")); n > 2 {
			return fmt.Sprintf("%d connections", n)
		}
		return ""
	})
	var err error
	for range 5 {
		if _, err = tryOpen(t, s, "plain", "pw", ""); err != nil {
			break
		}
	}
	wantError(t, "connection 5", err, 1040, "08004", `Too many connections`)
	open(t, s, "root", "", "")
}
