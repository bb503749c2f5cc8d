package replstmt

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"binrelay/replica/replstate"
)

func ptr[T any](v T) *T { return &v }

var statements = []struct {
	sql  string
	want Statement
}{
	{"change master to master_user='Slave',master_password='123456',master_host='127.0.0.1',master_port=3307,master_log_file='mysql-bin.000001',master_log_pos=157,get_master_public_key=1;",
		&ChangeSource{Old: true, Change: replstate.Change{User: ptr("Slave"), Password: ptr("123456"), Host: ptr("127.0.0.1"), Port: ptr(uint16(3307)),
			LogFile: ptr("mysql-bin.000001"), LogPos: ptr(uint64(157)), GetPublicKey: ptr(true)}}},
	{"CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'it''s', SOURCE_SSL=1, SOURCE_SSL_CA='ca', SOURCE_SSL_CAPATH='p', SOURCE_SSL_CERT='c', SOURCE_SSL_KEY='k', SOURCE_SSL_CIPHER='x', " +
		"SOURCE_SSL_VERIFY_SERVER_CERT=0, SOURCE_TLS_VERSION='TLSv1.3', GET_SOURCE_PUBLIC_KEY=0, SOURCE_PUBLIC_KEY_PATH='k.pem', SOURCE_CONNECT_RETRY=5, SOURCE_RETRY_COUNT=0, SOURCE_HEARTBEAT_PERIOD=1.5 FOR CHANNEL 'c1'",
		&ChangeSource{Channel: "c1", Change: replstate.Change{Host: ptr("it's"), SSL: ptr(true), SSLCA: ptr("ca"), SSLCAPath: ptr("p"), SSLCert: ptr("c"), SSLKey: ptr("k"), SSLCipher: ptr("x"),
			SSLVerify: ptr(false), TLSVersion: ptr("TLSv1.3"), GetPublicKey: ptr(false), PublicKeyPath: ptr("k.pem"), ConnectRetry: ptr(5 * time.Second), RetryCount: ptr(uint64(0)),
			HeartbeatPeriod: ptr(1500 * time.Millisecond)}}},
	{"CHANGE MASTER TO MASTER_DELAY=10, MASTER_AUTO_POSITION=1, RELAY_LOG_FILE='r', RELAY_LOG_POS=4, IGNORE_SERVER_IDS=(1, 2), MASTER_BIND='b', NETWORK_NAMESPACE='', MASTER_COMPRESSION_ALGORITHMS='zlib', " +
		"MASTER_ZSTD_COMPRESSION_LEVEL=3, MASTER_SSL_CRL='', MASTER_SSL_CRLPATH='', MASTER_TLS_CIPHERSUITES=NULL, PRIVILEGE_CHECKS_USER='u'@'h', REQUIRE_ROW_FORMAT=1, REQUIRE_TABLE_PRIMARY_KEY_CHECK=Stream, " +
		"ASSIGN_GTIDS_TO_ANONYMOUS_TRANSACTIONS='3e11fa47-71ca-11e1-9e33-c80aa9429562', GTID_ONLY=1, SOURCE_CONNECTION_AUTO_FAILOVER=1",
		&ChangeSource{Old: true, Others: []Option{
			{"MASTER_DELAY", Value{Kind: ValueNumber, Number: 10}}, {"MASTER_AUTO_POSITION", Value{Kind: ValueNumber, Number: 1}},
			{"RELAY_LOG_FILE", Value{Text: "r"}}, {"RELAY_LOG_POS", Value{Kind: ValueNumber, Number: 4}},
			{"IGNORE_SERVER_IDS", Value{Kind: ValueNumbers, Numbers: []uint64{1, 2}}}, {"MASTER_BIND", Value{Text: "b"}}, {"NETWORK_NAMESPACE", Value{}},
			{"MASTER_COMPRESSION_ALGORITHMS", Value{Text: "zlib"}}, {"MASTER_ZSTD_COMPRESSION_LEVEL", Value{Kind: ValueNumber, Number: 3}},
			{"MASTER_SSL_CRL", Value{}}, {"MASTER_SSL_CRLPATH", Value{}}, {"MASTER_TLS_CIPHERSUITES", Value{Kind: ValueNull}},
			{"PRIVILEGE_CHECKS_USER", Value{Kind: ValueAccount, Text: "'u'@'h'"}}, {"REQUIRE_ROW_FORMAT", Value{Kind: ValueNumber, Number: 1}},
			{"REQUIRE_TABLE_PRIMARY_KEY_CHECK", Value{Kind: ValueWord, Text: "STREAM"}},
			{"ASSIGN_GTIDS_TO_ANONYMOUS_TRANSACTIONS", Value{Text: "3e11fa47-71ca-11e1-9e33-c80aa9429562"}},
			{"GTID_ONLY", Value{Kind: ValueNumber, Number: 1}}, {"SOURCE_CONNECTION_AUTO_FAILOVER", Value{Kind: ValueNumber, Number: 1}}}}},
	{"CHANGE MASTER 'conn' TO MASTER_USE_GTID=slave_pos, IGNORE_DOMAIN_IDS=()", &ChangeSource{Old: true, Channel: "conn", Others: []Option{
		{"MASTER_USE_GTID", Value{Kind: ValueWord, Text: "SLAVE_POS"}}, {"IGNORE_DOMAIN_IDS", Value{Kind: ValueNumbers, Numbers: []uint64{}}}}}},
	{"CHANGE REPLICATION FILTER REPLICATE_DO_DB=(a,`b c`), REPLICATE_IGNORE_DB=(), REPLICATE_DO_TABLE=(a.b), REPLICATE_IGNORE_TABLE=(c.d,e.f), REPLICATE_WILD_DO_TABLE=('a.%'), REPLICATE_WILD_IGNORE_TABLE=('b\\_.%'), REPLICATE_REWRITE_DB=((x,y),(z,w)) FOR CHANNEL ''",
		&ChangeFilter{HasChannel: true, Rules: DoDB | IgnoreDB | DoTable | IgnoreTable | WildDoTable | WildIgnoreTable | RewriteDB, Filters: replstate.Filters{
			DoDB: []string{"a", "b c"}, DoTable: []string{"a.b"}, IgnoreTable: []string{"c.d", "e.f"}, WildDoTable: []string{"a.%"}, WildIgnoreTable: []string{`b\_.%`}, RewriteDB: []string{"(x,y)", "(z,w)"}}}},
	{"start slave", &StartReplica{Old: true}},
	{"START REPLICA;", &StartReplica{}},
	{"start slave io_thread, sql_thread", &StartReplica{Old: true, Threads: replstate.Both}},
	{"START REPLICA RELAY_THREAD", &StartReplica{Threads: replstate.IO}},
	{"START REPLICA SQL_THREAD UNTIL SOURCE_LOG_FILE='f', SOURCE_LOG_POS=9 USER='u' PASSWORD='p' DEFAULT_AUTH='a' PLUGIN_DIR='d' FOR CHANNEL 'c'",
		&StartReplica{Threads: replstate.SQL, Until: &Until{SourceFile: ptr("f"), SourcePos: ptr(uint64(9))}, User: ptr("u"), Password: ptr("p"), DefaultAuth: ptr("a"), PluginDir: ptr("d"), Channel: "c", HasChannel: true}},
	{"START SLAVE UNTIL RELAY_LOG_FILE='f', RELAY_LOG_POS=9", &StartReplica{Old: true, Until: &Until{RelayFile: ptr("f"), RelayPos: ptr(uint64(9))}}},
	{"START REPLICA UNTIL SQL_AFTER_GTIDS='u:1-3'", &StartReplica{Until: &Until{AfterGTIDs: ptr("u:1-3")}}},
	{"START REPLICA UNTIL SQL_BEFORE_GTIDS = \"u:1\"", &StartReplica{Until: &Until{BeforeGTIDs: ptr("u:1")}}},
	{"START REPLICA UNTIL SQL_AFTER_MTS_GAPS", &StartReplica{Until: &Until{AfterGaps: true}}},
	{"START SLAVE UNTIL MASTER_GTID_POS='0-1-2'", &StartReplica{Old: true, Until: &Until{MariaGTIDs: ptr("0-1-2")}}},
	{"START GROUP_REPLICATION USER='x', PASSWORD='y'", &NotSupported{"START GROUP_REPLICATION"}},
	{"STOP GROUP_REPLICATION", &NotSupported{"STOP GROUP_REPLICATION"}},
	{"stop slave", &StopReplica{Old: true}},
	{"STOP REPLICA SQL_THREAD FOR CHANNEL 'c'", &StopReplica{Threads: replstate.SQL, Channel: "c", HasChannel: true}},
	{"RESET SLAVE ALL", &ResetReplica{Old: true, All: true}},
	{"RESET REPLICA FOR CHANNEL 'c'", &ResetReplica{Channel: "c", HasChannel: true}},
	{"RESET MASTER", &ResetBinlog{Old: true}},
	{"RESET MASTER TO 12", &ResetBinlog{Old: true, To: 12}},
	{"RESET BINARY LOGS AND GTIDS TO 0x10", &ResetBinlog{To: 16}},
	{"show slave status", &ShowReplicaStatus{Old: true}},
	{"SHOW SLAVE STATUS NONBLOCKING FOR CHANNEL 'c'", &ShowReplicaStatus{Old: true, Channel: "c", HasChannel: true}},
	{"SHOW REPLICA STATUS", &ShowReplicaStatus{}},
	{"SHOW SLAVE 'c' STATUS", &ShowReplicaStatus{Old: true, Channel: "c", HasChannel: true}},
	{"SHOW ALL SLAVES STATUS", &ShowReplicaStatus{Old: true, All: true}},
	{"SHOW ALL REPLICAS STATUS", &ShowReplicaStatus{All: true}},
	{"show master status", &ShowBinlogStatus{Old: true}},
	{"SHOW BINARY LOG STATUS", &ShowBinlogStatus{}},
	{"SHOW BINLOG STATUS", &ShowBinlogStatus{}},
	{"SHOW BINARY LOGS", &ShowBinaryLogs{}},
	{"SHOW MASTER LOGS", &ShowBinaryLogs{Old: true}},
	{"SHOW BINLOG EVENTS", &ShowEvents{}},
	{"SHOW BINLOG EVENTS IN 'f' FROM 4 LIMIT 2, 3", &ShowEvents{Query: replstate.EventQuery{File: "f", From: 4, Offset: 2, Limit: 3, Limited: true}}},
	{"SHOW BINLOG EVENTS LIMIT 3 OFFSET 2", &ShowEvents{Query: replstate.EventQuery{Offset: 2, Limit: 3, Limited: true}}},
	{"SHOW RELAYLOG EVENTS IN 'f' LIMIT 0 FOR CHANNEL 'c'", &ShowEvents{Relay: true, HasChannel: true, Query: replstate.EventQuery{Channel: "c", File: "f", Limited: true}}},
	{"SHOW RELAYLOG 'c' EVENTS", &ShowEvents{Relay: true, HasChannel: true, Query: replstate.EventQuery{Channel: "c"}}},
	{"SHOW SLAVE HOSTS", &ShowReplicas{Old: true}},
	{"SHOW REPLICAS", &ShowReplicas{}},
	{"PURGE BINARY LOGS TO 'mysql-bin.000010'", &Purge{To: "mysql-bin.000010"}},
	{"purge master logs before now() - interval 3 day ;", &Purge{Old: true, Before: "now() - interval 3 day"}},
	{"PURGE BINARY LOGS BEFORE '2019-04-02 22:46:26'", &Purge{Before: "'2019-04-02 22:46:26'"}},
	{"FLUSH LOGS", &Flush{What: FlushLogs}},
	{"flush local binary logs, relay logs for channel 'c', engine logs, error logs, general logs, slow logs", &Flush{Local: true, Channel: "c", HasChannel: true,
		What: FlushBinaryLogs | FlushRelayLogs | FlushEngineLogs | FlushErrorLogs | FlushGeneralLogs | FlushSlowLogs}},
	{"FLUSH NO_WRITE_TO_BINLOG PRIVILEGES, STATUS, HOSTS, USER_RESOURCES, OPTIMIZER_COSTS", &Flush{Local: true, What: FlushPrivileges | FlushStatus | FlushHosts | FlushUserResources | FlushOptimizerCosts}},
	{"FLUSH /*!40101 LOCAL */ TABLES", &Flush{Local: true, What: FlushTables}},
	{"FLUSH TABLES WITH READ LOCK", &Flush{What: FlushTables, ReadLock: true}},
	{"FLUSH TABLES a, `d``b`.`t` WITH READ LOCK", &Flush{What: FlushTables, ReadLock: true, Tables: []Table{{"", "a"}, {"d`b", "t"}}}},
	{"FLUSH TABLE a FOR EXPORT", &Flush{What: FlushTables, ForExport: true, Tables: []Table{{"", "a"}}}},
	{"KILL 5", &Kill{ID: 5}},
	{"KILL QUERY 5;", &Kill{Query: true, ID: 5}},
	{"kill connection connection_id()", &Kill{Self: true}},
	{"KILL @id + 1", &Kill{Expr: "@id + 1"}},
	{"KILL 1 + 2", &Kill{Expr: "1 + 2"}},
	{"LOCK INSTANCE FOR BACKUP", &LockInstance{}},
	{"LOCK TABLES t READ", &LockTables{[]TableLock{{Table: Table{"", "t"}}}}},
	{"lock table `a b` write, d.t AS x READ LOCAL, u y LOW_PRIORITY WRITE", &LockTables{[]TableLock{
		{Table: Table{"", "a b"}, Write: true}, {Table: Table{"d", "t"}, Alias: "x"}, {Table: Table{"", "u"}, Alias: "y", Write: true}}}},
	{"UNLOCK TABLES", &UnlockTables{}},
	{"BEGIN", &StartTransaction{}},
	{"begin work", &StartTransaction{}},
	{"START TRANSACTION", &StartTransaction{}},
	{"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", &StartTransaction{Access: ReadOnly, Snapshot: true}},
	{"START TRANSACTION READ WRITE", &StartTransaction{Access: ReadWrite}},
	{"COMMIT", &EndTransaction{}},
	{"COMMIT WORK AND CHAIN NO RELEASE", &EndTransaction{Chain: Yes, Release: No}},
	{"ROLLBACK AND NO CHAIN RELEASE", &EndTransaction{Rollback: true, Chain: No, Release: Yes}},
	{"ROLLBACK WORK TO SAVEPOINT a", &Savepoint{Verb: SavepointRollback, ID: "a"}},
	{"ROLLBACK TO savepoint", &Savepoint{Verb: SavepointRollback, ID: "savepoint"}},
	{"SAVEPOINT `a b`", &Savepoint{ID: "a b"}},
	{"RELEASE SAVEPOINT a", &Savepoint{Verb: SavepointRelease, ID: "a"}},
	{"SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED", &SetTransaction{Isolation: "READ-UNCOMMITTED"}},
	{"SET GLOBAL TRANSACTION READ ONLY, ISOLATION LEVEL SERIALIZABLE", &SetTransaction{Scope: GlobalTransactions, Isolation: "SERIALIZABLE", Access: ReadOnly}},
	{"set local transaction read write", &SetTransaction{Scope: SessionTransactions, Access: ReadWrite}},
	{"SET @@transaction_isolation = 'repeatable-read'", &SetTransaction{Isolation: "REPEATABLE-READ"}},
	{"SET @@transaction_read_only = 1", &SetTransaction{Access: ReadOnly}},
	{"UNLOCK INSTANCE", &UnlockInstance{}},
	{"BINLOG 'abc\n+/='", &Binlog{Data: []string{"abc\n+/="}}},
	{"BINLOG 'a', 'b'", &Binlog{Data: []string{"a", "b"}}},
	{"CHECKSUM TABLE t, d.u EXTENDED", &ChecksumTable{Tables: []Table{{"", "t"}, {"d", "u"}}, Extended: true}},
	{"CHECKSUM TABLES t QUICK", &ChecksumTable{Tables: []Table{{"", "t"}}, Quick: true}},
	{"SHOW PROCESSLIST", &ShowProcesslist{}},
	{"show full processlist", &ShowProcesslist{Full: true}},
	{"SHUTDOWN", &Shutdown{}},
	{"XA START 'a'", &XA{Verb: XAStart, GTRID: "a", FormatID: 1}},
	{"XA BEGIN 'a','b',7 JOIN", &XA{Verb: XAStart, GTRID: "a", BQUAL: "b", FormatID: 7, Join: true}},
	{"XA START X'6162',0x63 RESUME", &XA{Verb: XAStart, GTRID: "ab", BQUAL: "c", FormatID: 1, Resume: true}},
	{"XA END 'a' SUSPEND FOR MIGRATE", &XA{Verb: XAEnd, GTRID: "a", FormatID: 1, Suspend: true, Migrate: true}},
	{"XA PREPARE 'a'", &XA{Verb: XAPrepare, GTRID: "a", FormatID: 1}},
	{"XA COMMIT 'a' ONE PHASE", &XA{Verb: XACommit, GTRID: "a", FormatID: 1, OnePhase: true}},
	{"XA ROLLBACK 'a'", &XA{Verb: XARollback, GTRID: "a", FormatID: 1}},
	{"XA RECOVER CONVERT XID", &XA{Verb: XARecover, Convert: true}},

	// Comments, spacing, escapes.
	{"/* hello */ -- there\n# and\n\tSHOW/**/MASTER\nSTATUS -- end", &ShowBinlogStatus{Old: true}},
	{"/*!50003 SHOW MASTER STATUS */;", &ShowBinlogStatus{Old: true}},
	{"/*! SHOW MASTER STATUS */", &ShowBinlogStatus{Old: true}},
	{"SHOW MASTER /*!99999 LOGS */ /*M!100100 LOGS */ STATUS", &ShowBinlogStatus{Old: true}},
	{`PURGE BINARY LOGS TO 'a\'b\\c\n\Z\%' "d""e"`, &Purge{To: "a'b\\c\n\x1a\\%d\"e"}},
}

func TestParse(t *testing.T) {
	for _, c := range statements {
		for _, tail := range []string{"", "  ", "\n-- done"} {
			sql := c.sql + tail
			got, remainder, ok, err := Parse(sql)
			if !ok || err != nil {
				t.Errorf("%s: ok %v, %v", sql, ok, err)
				continue
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s:\n got %+v\nwant %+v", sql, got, c.want)
			}
			if rest := strings.Trim(strings.TrimSuffix(sql[remainder:], "-- done"), " \n"); rest != "" {
				t.Errorf("%s: remainder %q", sql, rest)
			}
			if got.Name() == "" {
				t.Errorf("%T has no name", got)
			}
		}
	}
}

func TestParse_Remainder(t *testing.T) {
	const first, second = "stop slave;", " set global sql_slave_skip_counter=1; start slave;"
	got, remainder, ok, err := Parse(first + second)
	if !ok || err != nil || remainder != len(first) {
		t.Fatal(got, remainder, ok, err)
	}
	if _, _, ok, _ = Parse(second); ok {
		t.Error("SET was taken")
	}
	got, remainder, ok, err = Parse("/*!50003 STOP SLAVE; */ SELECT 1")
	if !ok || err != nil || strings.TrimSpace("/*!50003 STOP SLAVE; */ SELECT 1"[remainder:]) != "SELECT 1" {
		t.Error(got, remainder, ok, err)
	}
}

// others are statements that stay with the engine's parser.
var others = []string{
	"", ";", "SELECT 1", "BEGIN SELECT 1; END", "SET @@transaction_isolation = @x", "SET transaction_isolation = 'x'", "START", "STOP", "RESET PERSIST", "SHOW TABLES", "SHOW FULL TABLES", "SHOW", "SHOW VARIABLES LIKE 'x'",
	"SHOW ALL", "INSERT INTO t VALUES ('CHANGE MASTER TO')", "`SHOW` MASTER STATUS", "/* SHOW MASTER STATUS */",
	"/*!99999 SHOW MASTER STATUS */", "-- SHOW MASTER STATUS", "'SHOW' MASTER STATUS", "changes", "xab", "SHOWMASTER STATUS", "/* open", "SET PASSWORD = 'x'",
}

func TestParse_NotOurs(t *testing.T) {
	for _, sql := range others {
		if stmt, _, ok, err := Parse(sql); ok || err != nil {
			t.Errorf("%q: %v, %v", sql, stmt, err)
		}
	}
	sql := "  /* a */ SELECT * FROM t WHERE id = 1"
	if n := testing.AllocsPerRun(100, func() { Parse(sql) }); n != 0 {
		t.Errorf("a statement that is not ours costs %v allocations", n)
	}
}

func TestParse_SyntaxErrors(t *testing.T) {
	long := strings.Repeat("é", 100)
	for _, c := range []struct {
		sql, near string
		line      int
	}{
		{"change master to master_hots='x'", "master_hots='x'", 1},
		{"change master to\n  master_host='x'\n  master_port=1;", "master_port=1", 3},
		{"change master to", "", 1},
		{"change master to;", "", 1},
		{"change master to master_host=;", "", 1},
		{"change master to master_port='3306', master_host='x'", "'3306', master_host='x'", 1},
		{"change master to master_port=-1", "-1", 1},
		{"change master to master_log_pos=99999999999999999999", "99999999999999999999", 1},
		{"change master to master_log_pos=1.5", "1.5", 1},
		{"change master to master_host='x', ", "", 1},
		{"change master to master_host='x", "'x", 1},
		{"change master to master_host='x' for channel c", "c", 1},
		{"change master to source_use_gtid=no", "source_use_gtid=no", 1},
		{"change master to master_connection_auto_failover=1", "master_connection_auto_failover=1", 1},
		{"change tables", "tables", 1},
		{"change replication filter replicate_do_db='x'", "'x'", 1},
		{"start slave foo", "foo", 1},
		{"start slave io_thread,", "", 1},
		{"start slave until foo=1", "foo=1", 1},
		{"stop slave; drop table t", "", 0},
		{"stop slave drop table t; select 1", "drop table t; select 1", 1},
		{"show slave", "", 1},
		{"show master", "", 1},
		{"show binlog events in mysql-bin.000001", "mysql-bin.000001", 1},
		{"show binlog events limit", "", 1},
		{"purge logs", "logs", 1},
		{"purge binary logs before ;", "", 1},
		{"flush", "", 1},
		{"flush foo", "foo", 1},
		{"flush tables with read", "", 1},
		{"flush tables for export", "for export", 1},
		{"kill", "", 1},
		{"binlog abc", "abc", 1},
		{"reset slave all all", "all", 1},
		{"xa start", "", 1},
		{"xa start 0xg", "0xg", 1},
		{"checksum t", "t", 1},
		{"shutdown now", "now", 1},
		{"show master status /* open", "/* open", 1},
		{"kill query " + ";" + long, "; " + long, -1},
		{"start slave " + long, long[:160], 1},
	} {
		_, remainder, ok, err := Parse(c.sql)
		var syntax *SyntaxError
		switch {
		case c.line == 0:
			if err != nil {
				t.Errorf("%s: %v", c.sql, err)
			}
		case !ok || !errors.As(err, &syntax) || remainder != len(c.sql):
			t.Errorf("%s: ok %v, remainder %d, error %v", c.sql, ok, remainder, err)
		case c.line > 0 && (syntax.Near != c.near || syntax.Line != c.line):
			t.Errorf("%s: near %q at line %d, want %q, %d", c.sql, syntax.Near, syntax.Line, c.near, c.line)
		}
	}
	_, _, _, err := Parse("start slave foo")
	if want := "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use near 'foo' at line 1"; err.Error() != want {
		t.Errorf("got %q", err)
	}
}

func TestParse_RefusedValues(t *testing.T) {
	for sql, number := range map[string]uint16{
		"CHANGE MASTER TO MASTER_PORT=65536":               1210,
		"CHANGE MASTER TO MASTER_CONNECT_RETRY=4294967296": 1210,
		"CHANGE MASTER TO MASTER_HEARTBEAT_PERIOD=4294968": 1624,
		"RESET MASTER TO 0":                                3567,
		"RESET MASTER TO 2000000001":                       3567,
	} {
		_, _, ok, err := Parse(sql)
		var refused *replstate.Error
		if !ok || !errors.As(err, &refused) || refused.Number != number {
			t.Errorf("%s: %v", sql, err)
		}
	}
	stmt, _, _, err := Parse("CHANGE MASTER TO MASTER_HEARTBEAT_PERIOD=0.0001")
	if s, ok := stmt.(*ChangeSource); err != nil || !ok || len(s.Warnings) != 1 || s.Warnings[0].Number != 1703 || *s.Change.HeartbeatPeriod != 0 {
		t.Errorf("%+v, %v", stmt, err)
	}
}
