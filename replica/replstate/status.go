package replstate

import (
	"strconv"
	"strings"
	"time"
)

// Running is the state of a thread as SHOW REPLICA STATUS prints it.
type Running uint8

const (
	No         Running = iota
	Yes                // for the IO thread: connected, with a session
	Connecting         // IO thread only: alive without a session
)

// String returns No, Yes or Connecting.
func (r Running) String() string {
	switch r {
	case Yes:
		return "Yes"
	case Connecting:
		return "Connecting"
	default:
		return "No"
	}
}

// ThreadError is the last error of a thread. The zero value means none.
type ThreadError struct {
	Number uint16
	Text   string
	At     time.Time
}

// ReplicaStatus is everything that SHOW REPLICA STATUS, the replication tables,
// the process list and the status page say of one channel.
type ReplicaStatus struct {
	Config SourceConfig

	IOState    State
	SQLState   State
	IORunning  Running
	SQLRunning Running
	IOSince    time.Time // when IOState began
	SQLSince   time.Time

	Read      Coord // source coordinate up to which the IO thread has queued
	Relay     Coord // end of the last applied group in the relay log
	Exec      Coord // end of the last applied group in the source's binlog
	RelaySize uint64

	Filters     Filters
	SkipCounter uint32
	IOError     ThreadError
	SQLError    ThreadError

	// SecondsBehind is the lag in seconds; nil prints as NULL.
	SecondsBehind *int64

	SourceServerID uint32
	SourceUUID     string
	RetrievedGTIDs string
	ExecutedGTIDs  string

	Attempts     uint64 // connection attempts since the last success
	Connects     uint64 // sessions since the server's start
	EventsQueued uint64
	BytesQueued  uint64
	Heartbeats   uint64
	LastEventAt  time.Time // when the last event or heartbeat came
	Applied      uint64    // transactions since the server's start
	Retries      uint64    // transactions tried again after a lock wait
}

// Kind is the type of a status column.
type Kind uint8

const (
	KindString Kind = iota // string
	KindInt                // int64, 32 bits are enough
	KindBig                // int64
)

// StatusColumn describes one column of SHOW REPLICA STATUS.
type StatusColumn struct {
	Old  string // SHOW SLAVE STATUS
	New  string // SHOW REPLICA STATUS
	Kind Kind
	get  func(s *ReplicaStatus, old bool) any
}

// Name returns the column's name in the old or the new spelling.
func (c *StatusColumn) Name(old bool) string {
	if old {
		return c.Old
	}
	return c.New
}

// Columns returns the 60 columns in order. The slice is the caller's.
func Columns() []StatusColumn { return append([]StatusColumn(nil), statusColumns...) }

// Row returns the values of the 60 columns in order: string, int64 or nil. old
// chooses the wording of the state strings, as the column names do.
func (s *ReplicaStatus) Row(old bool) []any {
	row := make([]any, len(statusColumns))
	for i := range statusColumns {
		row[i] = statusColumns[i].get(s, old)
	}
	return row
}

var statusColumns = []StatusColumn{
	str("Slave_IO_State", func(s *ReplicaStatus, old bool) string { return s.IOState.Text(old) }),
	text("Master_Host", func(s *ReplicaStatus) string { return s.Config.Host }),
	text("Master_User", func(s *ReplicaStatus) string { return s.Config.User }),
	num("Master_Port", KindInt, func(s *ReplicaStatus) uint64 { return uint64(s.Config.Port) }),
	num("Connect_Retry", KindInt, func(s *ReplicaStatus) uint64 { return uint64(s.Config.ConnectRetry / time.Second) }),
	text("Master_Log_File", func(s *ReplicaStatus) string { return s.Read.File }),
	num("Read_Master_Log_Pos", KindBig, func(s *ReplicaStatus) uint64 { return s.Read.Pos }),
	text("Relay_Log_File", func(s *ReplicaStatus) string { return s.Relay.File }),
	num("Relay_Log_Pos", KindBig, func(s *ReplicaStatus) uint64 { return s.Relay.Pos }),
	text("Relay_Master_Log_File", func(s *ReplicaStatus) string { return s.Exec.File }),
	text("Slave_IO_Running", func(s *ReplicaStatus) string { return s.IORunning.String() }),
	text("Slave_SQL_Running", func(s *ReplicaStatus) string { return s.SQLRunning.String() }),
	text("Replicate_Do_DB", func(s *ReplicaStatus) string { return list(s.Filters.DoDB) }),
	text("Replicate_Ignore_DB", func(s *ReplicaStatus) string { return list(s.Filters.IgnoreDB) }),
	text("Replicate_Do_Table", func(s *ReplicaStatus) string { return list(s.Filters.DoTable) }),
	text("Replicate_Ignore_Table", func(s *ReplicaStatus) string { return list(s.Filters.IgnoreTable) }),
	text("Replicate_Wild_Do_Table", func(s *ReplicaStatus) string { return list(s.Filters.WildDoTable) }),
	text("Replicate_Wild_Ignore_Table", func(s *ReplicaStatus) string { return list(s.Filters.WildIgnoreTable) }),
	num("Last_Errno", KindInt, func(s *ReplicaStatus) uint64 { return uint64(s.SQLError.Number) }),
	text("Last_Error", func(s *ReplicaStatus) string { return s.SQLError.Text }),
	num("Skip_Counter", KindInt, func(s *ReplicaStatus) uint64 { return uint64(s.SkipCounter) }),
	num("Exec_Master_Log_Pos", KindBig, func(s *ReplicaStatus) uint64 { return s.Exec.Pos }),
	num("Relay_Log_Space", KindBig, func(s *ReplicaStatus) uint64 { return s.RelaySize }),
	text("Until_Condition", func(*ReplicaStatus) string { return "None" }),
	text("Until_Log_File", func(*ReplicaStatus) string { return "" }),
	num("Until_Log_Pos", KindBig, func(*ReplicaStatus) uint64 { return 0 }),
	text("Master_SSL_Allowed", func(s *ReplicaStatus) string { return yesNo(s.Config.SSL) }),
	text("Master_SSL_CA_File", func(s *ReplicaStatus) string { return s.Config.SSLCA }),
	text("Master_SSL_CA_Path", func(s *ReplicaStatus) string { return s.Config.SSLCAPath }),
	text("Master_SSL_Cert", func(s *ReplicaStatus) string { return s.Config.SSLCert }),
	text("Master_SSL_Cipher", func(s *ReplicaStatus) string { return s.Config.SSLCipher }),
	text("Master_SSL_Key", func(s *ReplicaStatus) string { return s.Config.SSLKey }),
	{Old: "Seconds_Behind_Master", Kind: KindBig, get: func(s *ReplicaStatus, _ bool) any {
		if s.SecondsBehind == nil {
			return nil
		}
		return *s.SecondsBehind
	}},
	text("Master_SSL_Verify_Server_Cert", func(s *ReplicaStatus) string { return yesNo(s.Config.SSLVerify) }),
	num("Last_IO_Errno", KindInt, func(s *ReplicaStatus) uint64 { return uint64(s.IOError.Number) }),
	text("Last_IO_Error", func(s *ReplicaStatus) string { return s.IOError.Text }),
	num("Last_SQL_Errno", KindInt, func(s *ReplicaStatus) uint64 { return uint64(s.SQLError.Number) }),
	text("Last_SQL_Error", func(s *ReplicaStatus) string { return s.SQLError.Text }),
	text("Replicate_Ignore_Server_Ids", func(*ReplicaStatus) string { return "" }),
	num("Master_Server_Id", KindInt, func(s *ReplicaStatus) uint64 { return uint64(s.SourceServerID) }),
	text("Master_UUID", func(s *ReplicaStatus) string { return s.SourceUUID }),
	text("Master_Info_File", func(*ReplicaStatus) string { return "mysql.slave_master_info" }),
	num("SQL_Delay", KindInt, func(*ReplicaStatus) uint64 { return 0 }),
	{Old: "SQL_Remaining_Delay", Kind: KindInt, get: func(*ReplicaStatus, bool) any { return nil }},
	str("Slave_SQL_Running_State", func(s *ReplicaStatus, old bool) string { return s.SQLState.Text(old) }),
	num("Master_Retry_Count", KindBig, func(s *ReplicaStatus) uint64 { return s.Config.RetryCount }),
	text("Master_Bind", func(*ReplicaStatus) string { return "" }),
	text("Last_IO_Error_Timestamp", func(s *ReplicaStatus) string { return stamp(s.IOError.At) }),
	text("Last_SQL_Error_Timestamp", func(s *ReplicaStatus) string { return stamp(s.SQLError.At) }),
	text("Master_SSL_Crl", func(*ReplicaStatus) string { return "" }),
	text("Master_SSL_Crlpath", func(*ReplicaStatus) string { return "" }),
	text("Retrieved_Gtid_Set", func(s *ReplicaStatus) string { return s.RetrievedGTIDs }),
	text("Executed_Gtid_Set", func(s *ReplicaStatus) string { return s.ExecutedGTIDs }),
	num("Auto_Position", KindInt, func(*ReplicaStatus) uint64 { return 0 }),
	text("Replicate_Rewrite_DB", func(s *ReplicaStatus) string { return list(s.Filters.RewriteDB) }),
	text("Channel_Name", func(s *ReplicaStatus) string { return s.Config.Channel }),
	text("Master_TLS_Version", func(s *ReplicaStatus) string { return s.Config.TLSVersion }),
	text("Master_public_key_path", func(s *ReplicaStatus) string { return s.Config.PublicKeyPath }),
	num("Get_master_public_key", KindInt, func(s *ReplicaStatus) uint64 { return flag(s.Config.GetPublicKey) }),
	text("Network_Namespace", func(*ReplicaStatus) string { return "" }),
}

func init() {
	words := strings.NewReplacer("Master", "Source", "master", "Source", "Slave", "Replica")
	for i := range statusColumns {
		statusColumns[i].New = words.Replace(statusColumns[i].Old)
	}
}

func str(old string, get func(*ReplicaStatus, bool) string) StatusColumn {
	return StatusColumn{Old: old, Kind: KindString, get: func(s *ReplicaStatus, o bool) any { return get(s, o) }}
}

func text(old string, get func(*ReplicaStatus) string) StatusColumn {
	return StatusColumn{Old: old, Kind: KindString, get: func(s *ReplicaStatus, _ bool) any { return get(s) }}
}

func num(old string, k Kind, get func(*ReplicaStatus) uint64) StatusColumn {
	return StatusColumn{Old: old, Kind: k, get: func(s *ReplicaStatus, _ bool) any { return int64(get(s)) }}
}

func list(names []string) string { return strings.Join(names, ",") }

func yesNo(b bool) string {
	if b {
		return "Yes"
	}
	return "No"
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// stamp prints a time as YYMMDD HH:MM:SS with the hour padded by a blank, as
// MySQL does; nothing for the zero time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	hour := strconv.Itoa(t.Hour())
	if len(hour) == 1 {
		hour = " " + hour
	}
	return t.Format("060102 ") + hour + t.Format(":04:05")
}
