package replstate

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The names as MySQL 8.0.22 and later print them, in order.
const oldNames = `Slave_IO_State Master_Host Master_User Master_Port Connect_Retry Master_Log_File Read_Master_Log_Pos
Relay_Log_File Relay_Log_Pos Relay_Master_Log_File Slave_IO_Running Slave_SQL_Running Replicate_Do_DB Replicate_Ignore_DB
Replicate_Do_Table Replicate_Ignore_Table Replicate_Wild_Do_Table Replicate_Wild_Ignore_Table Last_Errno Last_Error
Skip_Counter Exec_Master_Log_Pos Relay_Log_Space Until_Condition Until_Log_File Until_Log_Pos Master_SSL_Allowed
Master_SSL_CA_File Master_SSL_CA_Path Master_SSL_Cert Master_SSL_Cipher Master_SSL_Key Seconds_Behind_Master
Master_SSL_Verify_Server_Cert Last_IO_Errno Last_IO_Error Last_SQL_Errno Last_SQL_Error Replicate_Ignore_Server_Ids
Master_Server_Id Master_UUID Master_Info_File SQL_Delay SQL_Remaining_Delay Slave_SQL_Running_State Master_Retry_Count
Master_Bind Last_IO_Error_Timestamp Last_SQL_Error_Timestamp Master_SSL_Crl Master_SSL_Crlpath Retrieved_Gtid_Set
Executed_Gtid_Set Auto_Position Replicate_Rewrite_DB Channel_Name Master_TLS_Version Master_public_key_path
Get_master_public_key Network_Namespace`

const newNames = `Replica_IO_State Source_Host Source_User Source_Port Connect_Retry Source_Log_File Read_Source_Log_Pos
Relay_Log_File Relay_Log_Pos Relay_Source_Log_File Replica_IO_Running Replica_SQL_Running Replicate_Do_DB Replicate_Ignore_DB
Replicate_Do_Table Replicate_Ignore_Table Replicate_Wild_Do_Table Replicate_Wild_Ignore_Table Last_Errno Last_Error
Skip_Counter Exec_Source_Log_Pos Relay_Log_Space Until_Condition Until_Log_File Until_Log_Pos Source_SSL_Allowed
Source_SSL_CA_File Source_SSL_CA_Path Source_SSL_Cert Source_SSL_Cipher Source_SSL_Key Seconds_Behind_Source
Source_SSL_Verify_Server_Cert Last_IO_Errno Last_IO_Error Last_SQL_Errno Last_SQL_Error Replicate_Ignore_Server_Ids
Source_Server_Id Source_UUID Source_Info_File SQL_Delay SQL_Remaining_Delay Replica_SQL_Running_State Source_Retry_Count
Source_Bind Last_IO_Error_Timestamp Last_SQL_Error_Timestamp Source_SSL_Crl Source_SSL_Crlpath Retrieved_Gtid_Set
Executed_Gtid_Set Auto_Position Replicate_Rewrite_DB Channel_Name Source_TLS_Version Source_public_key_path
Get_Source_public_key Network_Namespace`

func TestColumns_NamesAndOrder(t *testing.T) {
	for _, c := range []struct {
		old  bool
		want string
	}{{true, oldNames}, {false, newNames}} {
		want := strings.Fields(c.want)
		var got []string
		for _, col := range Columns() {
			got = append(got, col.Name(c.old))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("old=%v\n got %v\nwant %v", c.old, got, want)
		}
	}
	if n := len(Columns()); n != 60 {
		t.Fatalf("%d columns", n)
	}
}

func TestReplicaStatus_Row(t *testing.T) {
	lag := int64(7)
	s := ReplicaStatus{
		Config:  SourceConfig{Host: "h", User: "u", Port: 3307, ConnectRetry: 60 * time.Second, RetryCount: 86400, GetPublicKey: true, SSL: true},
		IOState: StateWaitingForEvent, SQLState: StateReadAll, IORunning: Connecting, SQLRunning: Yes,
		Read: Coord{"m.000002", 500}, Exec: Coord{"m.000001", 400}, Relay: Coord{"r.000003", 300}, RelaySize: 9000,
		Filters: Filters{IgnoreDB: []string{"mysql", "test"}}, SkipCounter: 3,
		IOError:       ThreadError{1045, "denied", time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC)},
		SQLError:      ThreadError{1062, "dup", time.Date(2026, 11, 22, 13, 4, 5, 0, time.UTC)},
		SecondsBehind: &lag, SourceServerID: 201, SourceUUID: "uuid",
	}
	row := s.Row(true)
	at := map[string]any{}
	for i, c := range Columns() {
		at[c.Old] = row[i]
		switch row[i].(type) {
		case string:
			if c.Kind != KindString {
				t.Errorf("%s is text", c.Old)
			}
		case int64, nil:
			if c.Kind == KindString {
				t.Errorf("%s is no text", c.Old)
			}
		default:
			t.Errorf("%s is a %T", c.Old, row[i])
		}
	}
	for name, want := range map[string]any{
		"Slave_IO_State": "Waiting for master to send event", "Master_Port": int64(3307), "Connect_Retry": int64(60),
		"Master_Log_File": "m.000002", "Read_Master_Log_Pos": int64(500), "Relay_Log_File": "r.000003", "Relay_Log_Pos": int64(300),
		"Relay_Master_Log_File": "m.000001", "Exec_Master_Log_Pos": int64(400), "Slave_IO_Running": "Connecting", "Slave_SQL_Running": "Yes",
		"Replicate_Ignore_DB": "mysql,test", "Last_Errno": int64(1062), "Last_Error": "dup", "Last_IO_Errno": int64(1045),
		"Last_SQL_Error": "dup", "Skip_Counter": int64(3), "Relay_Log_Space": int64(9000), "Until_Condition": "None",
		"Master_SSL_Allowed": "Yes", "Seconds_Behind_Master": int64(7), "Master_Server_Id": int64(201), "Master_UUID": "uuid",
		"Master_Info_File": "mysql.slave_master_info", "SQL_Remaining_Delay": nil, "Master_Retry_Count": int64(86400),
		"Slave_SQL_Running_State": "Slave has read all relay log; waiting for more updates",
		"Last_IO_Error_Timestamp": "261122  3:04:05", "Last_SQL_Error_Timestamp": "261122 13:04:05", "Get_master_public_key": int64(1),
	} {
		if at[name] != want {
			t.Errorf("%s = %#v, want %#v", name, at[name], want)
		}
	}
	s.SecondsBehind = nil
	row = s.Row(false)
	if row[32] != nil || row[0] != "Waiting for source to send event" {
		t.Errorf("new wording: %v, lag %v", row[0], row[32])
	}
}

func TestState_Old(t *testing.T) {
	for s, want := range map[State]string{
		StateConnecting:          "Connecting to master",
		StateRegistering:         "Registering slave on master",
		StateQueueing:            "Queueing master event to the relay log",
		StateReconnectWaitRead:   "Waiting to reconnect after a failed master event read",
		StateSending:             "Sending binlog event to slave",
		StateSentAll:             "Master has sent all binlog to slave; waiting for more updates",
		StateSwitching:           "Finished reading one binlog; switching to next binlog",
		StateWaitingForRelayRoom: "Waiting for the slave SQL thread to free enough relay log space",
		StateReadAll:             "Slave has read all relay log; waiting for more updates",
	} {
		if s.Old() != want {
			t.Errorf("%q becomes %q, want %q", s, s.Old(), want)
		}
	}
}

func TestFilters_Database(t *testing.T) {
	for _, c := range []struct {
		f    Filters
		pass []string
		drop []string
	}{
		{Filters{}, []string{"", "a"}, nil},
		{Filters{DoDB: []string{"a", "b"}}, []string{"a", "b"}, []string{"", "c", "A"}},
		{Filters{IgnoreDB: []string{"mysql"}}, []string{"", "a", "MYSQL"}, []string{"mysql"}},
		{Filters{DoDB: []string{"a"}, IgnoreDB: []string{"a"}}, []string{"a"}, []string{"b"}},
	} {
		for _, db := range c.pass {
			if !c.f.Database(db) {
				t.Errorf("%+v drops %q", c.f, db)
			}
		}
		for _, db := range c.drop {
			if c.f.Database(db) {
				t.Errorf("%+v lets %q pass", c.f, db)
			}
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestChange_Apply(t *testing.T) {
	start := (&Change{Host: ptr("h"), User: ptr("u"), LogFile: ptr("m.000004"), LogPos: ptr(uint64(2))}).Apply(NewSourceConfig(""))
	if start.LogPos != 4 || start.LogFile != "m.000004" || !start.Moving || !start.Configured || start.Port != 3306 {
		t.Fatalf("first change: %+v", start)
	}
	start.Moving = false
	next := (&Change{Password: ptr("p"), Host: ptr("h")}).Apply(start)
	if next.Moving || next.LogFile != "m.000004" || next.Password != "p" {
		t.Fatalf("a password moves the position: %+v", next)
	}
	next = (&Change{Port: ptr(uint16(3307))}).Apply(start)
	if !next.Moving || next.LogFile != "" || next.LogPos != 4 {
		t.Fatalf("another server keeps the position: %+v", next)
	}
	next = (&Change{Host: ptr("other"), LogFile: ptr("x.000001"), LogPos: ptr(uint64(99))}).Apply(start)
	if next.LogFile != "x.000001" || next.LogPos != 99 {
		t.Fatalf("position given with the host is lost: %+v", next)
	}
	b, err := json.Marshal(next)
	if err != nil {
		t.Fatal(err)
	}
	var back SourceConfig
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(back, next) {
		t.Fatalf("JSON: %v\n%+v\n%+v", err, back, next)
	}
}

func TestSourceConfig_Heartbeat(t *testing.T) {
	c := NewSourceConfig("")
	if h := c.Heartbeat(61 * time.Second); h != 30500*time.Millisecond {
		t.Errorf("default heartbeat %v", h)
	}
	c = (&Change{HeartbeatPeriod: ptr(time.Duration(0))}).Apply(c)
	if h := c.Heartbeat(60 * time.Second); h != 0 {
		t.Errorf("heartbeat %v though switched off", h)
	}
}

func TestWarn(t *testing.T) {
	var got []uint16
	ctx := WithWarnings(context.Background(), func(w Warning) { got = append(got, w.Number) })
	Warn(ctx, Warning{Number: 3083})
	Warn(context.Background(), Warning{Number: 1})
	if !reflect.DeepEqual(got, []uint16{3083}) {
		t.Fatal(got)
	}
}
