package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// statusColumns are the 60 columns of SHOW SLAVE STATUS, in order. Source:
// MySQL 8.0 manual, "SHOW REPLICA STATUS Statement".
const statusColumns = `Slave_IO_State Master_Host Master_User Master_Port Connect_Retry Master_Log_File Read_Master_Log_Pos
Relay_Log_File Relay_Log_Pos Relay_Master_Log_File Slave_IO_Running Slave_SQL_Running Replicate_Do_DB Replicate_Ignore_DB
Replicate_Do_Table Replicate_Ignore_Table Replicate_Wild_Do_Table Replicate_Wild_Ignore_Table Last_Errno Last_Error Skip_Counter
Exec_Master_Log_Pos Relay_Log_Space Until_Condition Until_Log_File Until_Log_Pos Master_SSL_Allowed Master_SSL_CA_File
Master_SSL_CA_Path Master_SSL_Cert Master_SSL_Cipher Master_SSL_Key Seconds_Behind_Master Master_SSL_Verify_Server_Cert
Last_IO_Errno Last_IO_Error Last_SQL_Errno Last_SQL_Error Replicate_Ignore_Server_Ids Master_Server_Id Master_UUID
Master_Info_File SQL_Delay SQL_Remaining_Delay Slave_SQL_Running_State Master_Retry_Count Master_Bind Last_IO_Error_Timestamp
Last_SQL_Error_Timestamp Master_SSL_Crl Master_SSL_Crlpath Retrieved_Gtid_Set Executed_Gtid_Set Auto_Position
Replicate_Rewrite_DB Channel_Name Master_TLS_Version Master_public_key_path Get_master_public_key Network_Namespace`

func TestReplication_StatusColumns(t *testing.T) {
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin", "relay-log=relay", "report-host=here")
	if rows := r.Rows("SHOW SLAVE STATUS"); len(rows) != 0 {
		t.Errorf("not configured: %d rows", len(rows))
	}
	cluster.Follow(t, p, r)
	waitRunning(t, r)
	p.Exec("CREATE DATABASE d")
	cluster.WaitCaughtUp(t, p, r, 10*time.Second)
	want := strings.Fields(statusColumns)
	for query, names := range map[string][]string{"SHOW SLAVE STATUS": want, "SHOW REPLICA STATUS": newNames(want)} {
		rows, err := r.DB().Query(query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := rows.Columns()
		rows.Close()
		if err != nil || !slices.Equal(got, names) {
			t.Errorf("%s: %v\n%q\nwant\n%q", query, err, got, names)
		}
	}
	st := r.Status()
	end := p.Rows("SHOW MASTER STATUS")[0]
	for col, v := range map[string]string{
		"Slave_IO_State": "Waiting for master to send event", "Master_Host": "127.0.0.1", "Master_User": "repl", "Master_Port": fmt.Sprint(p.Port),
		"Connect_Retry": "1", "Master_Log_File": end[0], "Read_Master_Log_Pos": end[1], "Relay_Master_Log_File": end[0], "Exec_Master_Log_Pos": end[1],
		"Until_Condition": "None", "Master_SSL_Allowed": "No", "Seconds_Behind_Master": "0", "Master_Server_Id": "1", "Master_UUID": p.One("SELECT @@server_uuid"),
		"Slave_SQL_Running_State": "Slave has read all relay log; waiting for more updates", "Master_Retry_Count": "86400", "Auto_Position": "0",
		"Get_master_public_key": "1", "SQL_Delay": "0", "SQL_Remaining_Delay": "NULL", "Skip_Counter": "0", "Last_Errno": "0", "Last_Error": "",
		"Master_Info_File": "mysql.slave_master_info",
	} {
		if st[col] != v {
			t.Errorf("%s: %q, want %q", col, st[col], v)
		}
	}
	if !strings.HasPrefix(st["Relay_Log_File"], "relay.0") {
		t.Errorf("Relay_Log_File %q", st["Relay_Log_File"])
	}
	hosts := p.Rows("SHOW REPLICAS")
	if len(hosts) != 1 || hosts[0][0] != "2" || hosts[0][1] != "here" || hosts[0][2] != fmt.Sprint(r.Port) || hosts[0][3] != "1" || hosts[0][4] != r.One("SELECT @@server_uuid") {
		t.Errorf("SHOW REPLICAS: %q", hosts)
	}
	processList(t, p, r)
}

func newNames(old []string) []string {
	out := make([]string, len(old))
	for i, n := range old {
		out[i] = strings.NewReplacer("Slave", "Replica", "Master", "Source", "Get_master", "Get_Source", "master", "source").Replace(n)
	}
	return out
}

// processList looks for the dump thread on the primary and the two threads on
// the replica.
func processList(t *testing.T, p, r *cluster.Server) {
	t.Helper()
	find := func(s *cluster.Server, user, cmd, state string) {
		t.Helper()
		for _, row := range s.Rows("SHOW PROCESSLIST") {
			if row[1] == user && row[4] == cmd && strings.Contains(row[6], state) {
				return
			}
		}
		t.Errorf("%s: no %s of %q in state %q:\n%q", s.Name, cmd, user, state, s.Rows("SHOW PROCESSLIST"))
	}
	find(p, "repl", "Binlog Dump", "sent all binlog to")
	find(r, "system user", "Connect", "Waiting for")
	find(r, "system user", "Query", "has read all relay log; waiting for more updates")
}

// A network that is cut again and again costs no row, and a replica that was
// stopped, or whose source was, goes on by itself.
func TestReplication_ResumesAfterCuts(t *testing.T) {
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin")
	px := cluster.NewProxy(t, p.Port)
	p.Exec("CREATE USER 'repl'@'%' IDENTIFIED BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'")
	r.Exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='repl', MASTER_PASSWORD='secret', MASTER_LOG_FILE='mysql-bin.000001', MASTER_LOG_POS=4, MASTER_CONNECT_RETRY=1, GET_MASTER_PUBLIC_KEY=1", px.Port), "START SLAVE")
	p.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, pad TEXT)")
	for i := range 200 {
		p.Exec(fmt.Sprintf("INSERT INTO d.t VALUES (%d, REPEAT('x', 20000))", i))
		if i%60 == 30 {
			px.Set(cluster.Cut)
			px.Set(cluster.Open)
		}
		if i == 100 {
			r.Stop()
			r.Run()
		}
		if i == 150 {
			p.Stop()
			p.Run()
		}
	}
	cluster.WaitCaughtUp(t, p, r, 30*time.Second)
	cluster.SameData(t, "primary", p.DB(), "replica", r.DB())
	if n := r.One("SELECT COUNT(*) FROM d.t"); n != "200" {
		t.Errorf("%s rows", n)
	}
}

// Database filters on either side, and MASTER_POS_WAIT.
func TestReplication_Filters(t *testing.T) {
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin", "binlog_ignore_db=unlogged")
	r1 := cluster.Start(t, "replica1", "server-id=2", "log-bin=mysql-bin", "replicate_ignore_db=ignored")
	r2 := cluster.Start(t, "replica2", "server-id=3", "log-bin=mysql-bin", "replicate_do_db=wanted")
	for _, r := range []*cluster.Server{p, r1, r2} {
		for _, db := range []string{"wanted", "ignored", "unlogged"} {
			c := open(t, r, "root", "", "") // of its own: sql_log_bin stays with the session
			execute(t, c, "SET sql_log_bin=0", "CREATE DATABASE "+db, "CREATE TABLE "+db+".t (id INT PRIMARY KEY)")
		}
	}
	cluster.Follow(t, p, r1, r2)
	p.Exec("INSERT INTO wanted.t VALUES (1)", "INSERT INTO ignored.t VALUES (1)", "INSERT INTO unlogged.t VALUES (1)",
		"BEGIN; INSERT INTO wanted.t VALUES (2); INSERT INTO ignored.t VALUES (2); INSERT INTO unlogged.t VALUES (2); COMMIT")
	at := p.Rows("SHOW MASTER STATUS")[0]
	for _, r := range []*cluster.Server{r1, r2} {
		if n := r.One("SELECT MASTER_POS_WAIT(?, ?, 20)", at[0], at[1]); n == "NULL" || strings.HasPrefix(n, "-") {
			t.Errorf("%s: MASTER_POS_WAIT gives %s: %v", r.Name, n, r.Status())
		}
		for db, want := range map[string]string{"wanted": "2", "ignored": "0", "unlogged": "0"} {
			if n := r.One("SELECT COUNT(*) FROM " + db + ".t"); n != want {
				t.Errorf("%s: %s rows in %s, want %s", r.Name, n, db, want)
			}
		}
	}
	p.Kill() // what was not logged survives all the same
	p.Run()
	if n := p.One("SELECT COUNT(*) FROM unlogged.t"); n != "2" {
		t.Errorf("primary: %s rows in unlogged", n)
	}
	r1.Exec("STOP SLAVE")
	if v := r1.One("SELECT MASTER_POS_WAIT('mysql-bin.000001', 4, 1)"); v != "NULL" {
		t.Errorf("MASTER_POS_WAIT with a stopped SQL thread gives %s", v)
	}
}

// Rotation, SHOW BINARY LOGS, SHOW BINLOG EVENTS, PURGE and RESET MASTER.
func TestReplication_BinlogStatements(t *testing.T) {
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin")
	if st := p.Rows("SHOW MASTER STATUS")[0]; st[0] != "mysql-bin.000001" || st[1] != "157" {
		t.Errorf("a fresh file ends at %s:%s, MySQL 8.0's at 157", st[0], st[1])
	}
	cluster.Follow(t, p, r)
	p.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "INSERT INTO d.t VALUES (1)")
	events := p.Rows("SHOW BINLOG EVENTS IN 'mysql-bin.000001' FROM 4 LIMIT 2")
	if len(events) != 2 || events[0][2] != "Format_desc" || events[1][2] != "Previous_gtids" || events[0][1] != "4" || events[1][4] != "157" {
		t.Errorf("SHOW BINLOG EVENTS: %q", events)
	}
	var types []string
	for _, e := range p.Rows("SHOW BINLOG EVENTS") {
		types = append(types, e[2])
	}
	if got := strings.Join(types[max(0, len(types)-5):], " "); got != "Anonymous_Gtid Query Table_map Write_rows Xid" {
		t.Errorf("the last transaction is %q", got)
	}
	p.Exec("FLUSH BINARY LOGS", "INSERT INTO d.t VALUES (2)", "FLUSH LOGS", "INSERT INTO d.t VALUES (3)")
	cluster.WaitCaughtUp(t, p, r, 10*time.Second)
	if logs := p.Rows("SHOW BINARY LOGS"); len(logs) != 3 || logs[0][2] != "No" {
		t.Errorf("SHOW BINARY LOGS: %q", logs)
	}
	p.Exec("PURGE BINARY LOGS TO 'mysql-bin.000003'")
	if logs := p.Rows("SHOW BINARY LOGS"); len(logs) != 1 || logs[0][0] != "mysql-bin.000003" {
		t.Errorf("after PURGE: %q", logs)
	}
	p.Kill()
	p.Run()
	if n := p.One("SELECT COUNT(*) FROM d.t"); n != "3" {
		t.Errorf("%s rows after PURGE and a kill", n)
	}
	r.Exec("STOP SLAVE", "RESET SLAVE ALL")
	p.Exec("RESET MASTER")
	if logs := p.Rows("SHOW BINARY LOGS"); len(logs) != 1 || logs[0][0] != "mysql-bin.000001" || logs[0][1] != "157" {
		t.Errorf("after RESET MASTER: %q", logs)
	}
	p.Exec("INSERT INTO d.t VALUES (4)")
	p.Kill()
	p.Run()
	if n := p.One("SELECT COUNT(*) FROM d.t"); n != "4" {
		t.Errorf("%s rows after RESET MASTER and a kill", n)
	}
}
