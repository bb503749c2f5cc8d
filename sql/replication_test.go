package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"binrelay/binlog/event"
	"binrelay/binlog/txn"
	"binrelay/replica/replstate"
	"binrelay/sql/storage"
)

// fakeReplica notes what it is asked for.
type fakeReplica struct {
	mu      sync.Mutex
	calls   []string
	skip    uint32
	waitErr error
}

func (f *fakeReplica) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

func (f *fakeReplica) Change(_ context.Context, channel string, c replstate.Change) error {
	f.note("change %q %s:%d %s %s:%d key=%v", channel, *c.Host, *c.Port, *c.User, *c.LogFile, *c.LogPos, *c.GetPublicKey)
	return nil
}

func (f *fakeReplica) Start(ctx context.Context, o replstate.StartOpts) error {
	f.note("start %v", o.Threads)
	replstate.Warn(ctx, replstate.Warning{Level: "Note", Number: 3083, Text: "already running"})
	return nil
}

func (f *fakeReplica) Stop(_ context.Context, which replstate.Threads) error {
	f.note("stop %v", which)
	return nil
}

func (f *fakeReplica) Reset(_ context.Context, all bool) error {
	f.note("reset %v", all)
	return replstate.Errorf(1198, "This operation cannot be performed with a running replica; run STOP REPLICA first")
}

func (f *fakeReplica) Status() []replstate.ReplicaStatus {
	lag := int64(7)
	return []replstate.ReplicaStatus{{
		Config:    replstate.SourceConfig{Host: "h", Port: 3306, User: "Slave", ConnectRetry: time.Minute},
		IORunning: replstate.Yes, SQLRunning: replstate.No, SecondsBehind: &lag,
		SQLError: replstate.ThreadError{Number: 1062, Text: "dup"}, IOState: replstate.StateWaitingForEvent,
	}}
}

func (f *fakeReplica) RelayEvents(context.Context, replstate.EventQuery) (replstate.EventRows, error) {
	return func(yield func(replstate.EventRow, error) bool) {
		yield(replstate.EventRow{LogName: "relay.1", Pos: 4, EventType: "Format_desc", ServerID: 1, EndLogPos: 126}, nil)
	}, nil
}

func (f *fakeReplica) WaitPos(ctx context.Context, _ string, c txn.Coord) (int64, error) {
	if f.waitErr != nil {
		return 0, f.waitErr
	}
	if c.Pos == 99 {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return 3, nil
}

func (f *fakeReplica) FlushRelay(context.Context, string) error { f.note("flush"); return nil }
func (f *fakeReplica) Skip() uint32                             { return f.skip }
func (f *fakeReplica) SetSkip(n uint32) error                   { f.skip = n; return nil }
func (f *fakeReplica) SetFilters(_ context.Context, _ string, l replstate.Filters) error {
	f.note("filters %v %v", l.DoDB, l.IgnoreDB)
	return nil
}

func TestReplication_StatementsReachTheReplica(t *testing.T) {
	ts := newTestServer(t, nil)
	f := &fakeReplica{}
	ts.SetReplica(f)
	db := ts.listen("")
	mustExec(t, db,
		"change master to master_user='Slave',master_password='123456',master_host='127.0.0.1',master_port=3307,master_log_file='mysql-bin.000001',master_log_pos=157,get_master_public_key=1",
		"start slave", "STOP REPLICA SQL_THREAD", "CHANGE REPLICATION FILTER REPLICATE_IGNORE_DB = (mysql)", "flush relay logs",
		"set GLOBAL SQL_SLAVE_SKIP_COUNTER=1")
	want := []string{`change "" 127.0.0.1:3307 Slave mysql-bin.000001:157 key=true`, "start ", "stop SQL_THREAD", "filters [] [mysql]", "flush"}
	if got := strings.Join(f.calls, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("calls:\n%s", got)
	}
	if f.skip != 1 {
		t.Errorf("skip counter %d", f.skip)
	}
	if _, err := db.Exec("RESET SLAVE"); errNumber(err) != 1198 {
		t.Errorf("RESET SLAVE: %v", err)
	}
	for statement, number := range map[string]uint16{
		"CHANGE MASTER TO MASTER_DELAY = 5":                       1235,
		"START SLAVE UNTIL MASTER_LOG_FILE='x', MASTER_LOG_POS=4": 1235,
		"START REPLICA FOR CHANNEL 'c'":                           3074,
		"PURGE BINARY LOGS TO 'nope.000001'":                      1373,
		"SHOW BINLOG EVENTS IN 'nope'":                            1220,
		"KILL 4000000":                                            1094,
	} {
		if _, err := db.Exec(statement); errNumber(err) != number {
			t.Errorf("%s: %v, want %d", statement, err, number)
		}
	}
	for _, spelling := range []struct{ query, host, lag string }{
		{"SHOW SLAVE STATUS", "Master_Host", "Seconds_Behind_Master"}, {"SHOW REPLICA STATUS", "Source_Host", "Seconds_Behind_Source"},
	} {
		row := oneRow(t, db, spelling.query)
		if len(row) != 60 || row[spelling.host] != "h" || row[spelling.lag] != "7" || row["Last_SQL_Errno"] != "1062" {
			t.Errorf("%s: %d columns, %v", spelling.query, len(row), row)
		}
	}
	var n sql.NullInt64
	for query, want := range map[string]sql.NullInt64{
		"SELECT MASTER_POS_WAIT('f', 4)":        {Int64: 3, Valid: true},
		"SELECT SOURCE_POS_WAIT('f', 99, 0.01)": {Int64: -1, Valid: true},
		"SELECT MASTER_POS_WAIT(NULL, 4)":       {},
		"SELECT GTID_SUBSET('11111111-2222-3333-4444-555555555555:1', '11111111-2222-3333-4444-555555555555:1-5')": {Int64: 1, Valid: true},
		"SELECT WAIT_FOR_EXECUTED_GTID_SET('11111111-2222-3333-4444-555555555555:9', 0.01)":                        {Int64: 1, Valid: true},
		"SELECT WAIT_FOR_EXECUTED_GTID_SET('')":                                                                    {Valid: true},
	} {
		if err := db.QueryRow(query).Scan(&n); err != nil || n != want {
			t.Errorf("%s: %v, %v", query, n, err)
		}
	}
	f.waitErr = errors.New("not running")
	if err := db.QueryRow("SELECT MASTER_POS_WAIT('f', 4)").Scan(&n); err != nil || n.Valid {
		t.Errorf("MASTER_POS_WAIT without a SQL thread: %v, %v", n, err)
	}
	if row := oneRow(t, db, "SHOW PROCESSLIST"); row["Command"] == "" {
		t.Errorf("process list %v", row)
	}
}

// oneRow returns the last row of a query, by column.
func oneRow(t *testing.T, db *sql.DB, query string) map[string]string {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	cols, _ := rows.Columns()
	out := map[string]string{}
	for rows.Next() {
		cells := make([]sql.NullString, len(cols))
		ptrs := make([]any, len(cols))
		for i := range cells {
			ptrs[i] = &cells[i]
		}
		if err := rows.Scan(ptrs...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		for i, c := range cols {
			out[c] = cells[i].String
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out
}

func TestReplication_BinlogStatements(t *testing.T) {
	ts := newTestServer(t, map[string]string{"binlog_ignore_db": "mysql"})
	db := ts.listen("")
	mustExec(t, db, "CREATE DATABASE d", "CREATE TABLE d.t (a INT)", "INSERT INTO d.t VALUES (1)")
	status := oneRow(t, db, "show master status")
	if status["File"] != "mysql-bin.000001" || status["Binlog_Ignore_DB"] != "mysql" || status["Position"] == "157" {
		t.Errorf("status %v", status)
	}
	mustExec(t, db, "FLUSH LOGS")
	if status := oneRow(t, db, "SHOW BINARY LOG STATUS"); status["File"] != "mysql-bin.000002" || status["Position"] != "157" {
		t.Errorf("after FLUSH LOGS: %v", status)
	}
	var types []string
	rows, err := db.Query("SHOW BINLOG EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var file, typ, info string
		var pos, id, end uint64
		if err := rows.Scan(&file, &pos, &typ, &id, &end, &info); err != nil {
			t.Fatal(err)
		}
		types = append(types, typ)
	}
	rows.Close()
	want := "Format_desc Previous_gtids Anonymous_Gtid Query Anonymous_Gtid Query Anonymous_Gtid Query Table_map Write_rows Xid Rotate"
	if got := strings.Join(types, " "); got != want {
		t.Errorf("events\n%s\nwant\n%s", got, want)
	}
	mustExec(t, db, "PURGE BINARY LOGS TO 'mysql-bin.000002'")
	if logs := oneRow(t, db, "SHOW BINARY LOGS"); logs["Log_name"] != "mysql-bin.000002" || logs["Encrypted"] != "No" {
		t.Errorf("logs %v", logs)
	}
	mustExec(t, db, "RESET MASTER")
	if status := oneRow(t, db, "SHOW MASTER STATUS"); status["File"] != "mysql-bin.000001" {
		t.Errorf("after RESET MASTER: %v", status)
	}
	sum := oneRow(t, db, "CHECKSUM TABLE d.t, d.missing")
	if sum["Table"] != "d.missing" || sum["Checksum"] != "" {
		t.Errorf("checksum %v", sum)
	}
}

func TestVariables_ReadOnlyAndFreeze(t *testing.T) {
	ts := newTestServer(t, map[string]string{"server_id": "201", "max_binlog_size": "209715200"})
	db := ts.listen("")
	mustExec(t, db, "CREATE DATABASE d", "CREATE TABLE d.t (a INT)", "CREATE USER u IDENTIFIED BY 'x'", "GRANT ALL ON d.* TO u", "SET GLOBAL read_only = 1")
	u := ts.connect("u", "x", "")
	for _, q := range []string{"INSERT INTO d.t VALUES (1)", "CREATE TABLE d.t2 (a INT)", "DROP TABLE d.t"} {
		_, err := u.Exec(q)
		if errNumber(err) != 1290 || !strings.Contains(err.Error(), "--read-only option") {
			t.Errorf("%s: %v", q, err)
		}
	}
	mustExec(t, db, "INSERT INTO d.t VALUES (1)", "SET GLOBAL super_read_only = ON")
	if _, err := db.Exec("INSERT INTO d.t VALUES (1)"); errNumber(err) != 1290 {
		t.Errorf("super_read_only: %v", err)
	}
	mustExec(t, db, "SET GLOBAL read_only = OFF")
	for query, want := range map[string]string{
		"SELECT @@GLOBAL.server_id": "201", "SELECT @@server_id": "201", "SELECT @@super_read_only": "0",
		"SELECT @@log_slave_updates": "1", "SELECT @@global.slave_net_timeout": "60", "SELECT VERSION()": "8.0.36-binrelay",
		"SELECT @@version_comment": "binrelay", "SELECT @@GLOBAL.server_uuid": "11111111-2222-3333-4444-555555555555",
		"SELECT @@transaction_isolation": "REPEATABLE-READ", "SELECT @@max_binlog_size": "209715200", "SELECT @@GLOBAL.gtid_mode": "OFF",
	} {
		var got string
		if err := db.QueryRow(query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", query, got, err, want)
		}
	}
	if v := oneRow(t, db, "SHOW VARIABLES LIKE 'SERVER_ID'"); v["Value"] != "201" {
		t.Errorf("SHOW VARIABLES: %v", v)
	}
	if v := oneRow(t, db, "SHOW GLOBAL VARIABLES LIKE 'read\\_only'"); v["Value"] != "OFF" {
		t.Errorf("SHOW GLOBAL VARIABLES: %v", v)
	}
	for statement, number := range map[string]uint16{
		"SET GLOBAL server_uuid = 'x'": 1238, "SET SESSION server_id = 3": 1229, "SET GLOBAL sql_log_bin = 0": 1228,
		"SET SESSION binlog_format = 'STATEMENT'": 1235, "SET PERSIST max_connections = 10": 1235,
	} {
		if _, err := db.Exec(statement); errNumber(err) != number {
			t.Errorf("%s: %v, want %d", statement, err, number)
		}
	}
	locker, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := locker.ExecContext(t.Context(), "FLUSH TABLES WITH READ LOCK"); err != nil {
		t.Fatal(err)
	}
	if _, err := locker.ExecContext(t.Context(), "INSERT INTO d.t VALUES (5)"); errNumber(err) != 1223 {
		t.Errorf("own write under the lock: %v", err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := db.Exec("INSERT INTO d.t VALUES (2)")
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("a write went through the lock: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if _, err := locker.ExecContext(t.Context(), "UNLOCK TABLES"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	locker.Close()
}

// events is a group in memory.
type events struct {
	all  []event.Event
	next int
}

func (e *events) Next() (event.Event, error) {
	if e.next == len(e.all) {
		return nil, io.EOF
	}
	e.next++
	return e.all[e.next-1], nil
}

func (e *events) Rewind() error { e.next = 0; return nil }

func statementGroup(db, query string, pos uint64) *txn.Group {
	q := event.AppendQuery(nil, event.Header{Timestamp: 1700000000, ServerID: 7}, &event.QueryInfo{DB: db, SQL: query, Status: event.QueryStatus{
		Has: event.VarFlags2 | event.VarSQLMode | event.VarCharset, SQLMode: 0x45a00020,
		CharsetClient: 45, CollationConnection: 45, CollationServer: 45,
	}})
	return &txn.Group{
		Kind: txn.Statement, Checksum: true, Events: &events{all: []event.Event{q}},
		Origin: &txn.Origin{Source: txn.Coord{File: "source.000001", Pos: pos}, ServerID: 7, Timestamp: 1700000000},
	}
}

func TestExecReplicated_CommitsTheCoordinate(t *testing.T) {
	ts := newTestServer(t, map[string]string{"super_read_only": "ON"})
	run := func(db, query string, pos uint64) {
		t.Helper()
		if err := ts.ExecReplicated(t.Context(), statementGroup(db, query, pos)); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		o, ok, err := ts.o.Engine.Position("")
		if err != nil || !ok || o.Source.Pos != pos {
			t.Fatalf("%s: position %v, %v, %v", query, o, ok, err)
		}
	}
	run("d", "CREATE DATABASE d", 100)
	run("d", "CREATE TABLE t (a INT, at TIME(2), v VARCHAR(10))", 200)
	run("d", "CREATE TABLE IF NOT EXISTS t (a INT)", 300)
	run("", "CREATE USER 'x'@'%' IDENTIFIED WITH 'mysql_native_password' AS '*6BB4837EB74329105EE4568DDA7DC67ED2CA2AD9'", 400)
	run("d", "DROP TABLE IF EXISTS missing", 500)
	run("d", "ALTER TABLE t ADD COLUMN b INT DEFAULT 5, ADD KEY (b)", 600)
	err := ts.ExecReplicated(t.Context(), statementGroup("d", "DROP TABLE missing", 700))
	var ae *storage.ApplyError
	if !errors.As(err, &ae) || ae.Errno != 1051 || ae.Text != "Error 'Unknown table 'd.missing'' on query. Default database: 'd'. Query: 'DROP TABLE missing'" {
		t.Errorf("error %v", err)
	}
	err = ts.ExecReplicated(t.Context(), statementGroup("d", "INSERT INTO t VALUES (1)", 800))
	if !errors.As(err, &ae) || ae.Errno != 1235 {
		t.Errorf("statement-based row: %v", err)
	}
	logged := loggedStatements(t, ts)
	if len(logged) != 6 {
		t.Errorf("%d statements in the binlog: %q", len(logged), logged)
	}
	ts = ts.reopen()
	if o, ok, _ := ts.o.Engine.Position(""); !ok || o.Source.Pos != 600 {
		t.Errorf("after reopening: %v", o)
	}
	c := ts.client()
	c.exec("USE d")
	c.want("SHOW TABLES", "t")
}
