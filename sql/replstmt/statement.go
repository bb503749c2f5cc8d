// Package replstmt parses the statements of replication and administration
// that the engine's own parser lacks or does not honour, in the spellings of
// MySQL 5.7 (MASTER, SLAVE), MySQL 8 (SOURCE, REPLICA) and MariaDB. It also
// makes small rewrites of statement text: quoted grants, masked passwords,
// locking clauses.
//
// Everything here is a pure function of the text: no I/O, no state, safe for
// concurrent use. The grammar is that of the MySQL 8.0 manual, "SQL Statements
// for Replication" and "Database Administration Statements".
package replstmt

import "binrelay/replica/replstate"

// Statement is one parsed statement: a pointer to one of the structs below.
// In all of them Old tells that the statement was written with the words
// MASTER or SLAVE, which decides the names of result columns.
type Statement interface {
	// Name returns the statement's command in the new spelling, such as
	// "START REPLICA", for errors, logs and counters.
	Name() string
}

// ChangeSource is CHANGE MASTER TO or CHANGE REPLICATION SOURCE TO.
type ChangeSource struct {
	Old      bool
	Channel  string           // FOR CHANNEL, or MariaDB's connection name
	Change   replstate.Change // the options that it has fields for
	Others   []Option         // all other options, in the order they were written
	Warnings []replstate.Warning
}

// Option is an option of CHANGE … SOURCE TO that replstate.Change has no field
// for. Name is upper case, as it was written, such as "MASTER_DELAY".
type Option struct {
	Name  string
	Value Value
}

// ValueKind says which field of a Value is set.
type ValueKind uint8

const (
	ValueText    ValueKind = iota // a string
	ValueNumber                   // a whole number
	ValueWord                     // a bare word such as ON or STREAM, in upper case
	ValueNumbers                  // a list of whole numbers in parentheses
	ValueAccount                  // user@host, as written
	ValueNull                     // NULL
)

// Value is the value of an Option.
type Value struct {
	Kind    ValueKind
	Text    string // of ValueText, ValueWord and ValueAccount
	Number  uint64
	Numbers []uint64
}

// FilterRules is a set of rules of CHANGE REPLICATION FILTER.
type FilterRules uint8

const (
	DoDB FilterRules = 1 << iota
	IgnoreDB
	DoTable
	IgnoreTable
	WildDoTable
	WildIgnoreTable
	RewriteDB
)

// ChangeFilter is CHANGE REPLICATION FILTER. Rules says which were named: a
// rule with an empty list removes the filter.
type ChangeFilter struct {
	Channel    string
	HasChannel bool
	Rules      FilterRules
	Filters    replstate.Filters
}

// StartReplica is START SLAVE or START REPLICA.
type StartReplica struct {
	Old         bool
	Channel     string
	HasChannel  bool
	Threads     replstate.Threads // 0 = none named: both
	Until       *Until            // nil = no UNTIL
	User        *string           // connection options; nil = not given
	Password    *string
	DefaultAuth *string
	PluginDir   *string
}

// Until is the condition of START REPLICA UNTIL; a nil field was not named.
// Whether the combination makes sense is the caller's to check (error 1277).
type Until struct {
	SourceFile  *string
	SourcePos   *uint64
	RelayFile   *string
	RelayPos    *uint64
	BeforeGTIDs *string // SQL_BEFORE_GTIDS
	AfterGTIDs  *string // SQL_AFTER_GTIDS
	MariaGTIDs  *string // MariaDB's MASTER_GTID_POS
	AfterGaps   bool    // SQL_AFTER_MTS_GAPS
}

// StopReplica is STOP SLAVE or STOP REPLICA.
type StopReplica struct {
	Old        bool
	Channel    string
	HasChannel bool
	Threads    replstate.Threads // 0 = none named: both
}

// ResetReplica is RESET SLAVE or RESET REPLICA.
type ResetReplica struct {
	Old        bool
	Channel    string
	HasChannel bool
	All        bool
}

// ResetBinlog is RESET MASTER or RESET BINARY LOGS AND GTIDS.
type ResetBinlog struct {
	Old bool
	To  uint64 // number of the new first file; 0 = not given
}

// ShowReplicaStatus is SHOW SLAVE STATUS, SHOW REPLICA STATUS or MariaDB's SHOW
// ALL SLAVES STATUS.
type ShowReplicaStatus struct {
	Old        bool
	All        bool // MariaDB: all connections, more columns
	Channel    string
	HasChannel bool
}

// ShowBinlogStatus is SHOW MASTER STATUS, SHOW BINARY LOG STATUS or MariaDB's
// SHOW BINLOG STATUS.
type ShowBinlogStatus struct{ Old bool }

// ShowBinaryLogs is SHOW BINARY LOGS or SHOW MASTER LOGS.
type ShowBinaryLogs struct{ Old bool }

// ShowEvents is SHOW BINLOG EVENTS or SHOW RELAYLOG EVENTS.
type ShowEvents struct {
	Relay      bool
	HasChannel bool
	Query      replstate.EventQuery
}

// ShowReplicas is SHOW SLAVE HOSTS or SHOW REPLICAS.
type ShowReplicas struct{ Old bool }

// Purge is PURGE BINARY LOGS or PURGE MASTER LOGS: exactly one of To and Before
// is set.
type Purge struct {
	Old    bool
	To     string // file name
	Before string // SQL text of an expression of type DATETIME
}

// FlushKind is a set of things to flush.
type FlushKind uint32

const (
	FlushLogs FlushKind = 1 << iota // all logs
	FlushBinaryLogs
	FlushRelayLogs
	FlushEngineLogs
	FlushErrorLogs
	FlushGeneralLogs
	FlushSlowLogs
	FlushPrivileges
	FlushStatus
	FlushHosts
	FlushUserResources
	FlushOptimizerCosts
	FlushTables // see Flush.Tables, ReadLock, ForExport
)

// Table is a table's name; Database is "" if none was written.
type Table struct{ Database, Name string }

// Flush is FLUSH.
type Flush struct {
	Local      bool // NO_WRITE_TO_BINLOG or LOCAL
	What       FlushKind
	Channel    string // of RELAY LOGS
	HasChannel bool
	Tables     []Table // of TABLES; empty = all
	ReadLock   bool    // TABLES … WITH READ LOCK
	ForExport  bool    // TABLES … FOR EXPORT
}

// Kill is KILL.
type Kill struct {
	Query bool   // only the statement; else the connection
	Self  bool   // CONNECTION_ID()
	ID    uint64 // connection id, if Self is false and Expr is ""
	Expr  string // SQL text of any other expression
}

// LockTables is LOCK TABLES, UnlockTables is UNLOCK TABLES.
type (
	LockTables   struct{ Tables []TableLock }
	UnlockTables struct{}
)

// TableLock is one table of LOCK TABLES.
type TableLock struct {
	Table
	Alias string // "" = none
	Write bool   // WRITE, not READ [LOCAL]
}

// LockInstance is LOCK INSTANCE FOR BACKUP; UnlockInstance is UNLOCK INSTANCE.
type (
	LockInstance   struct{}
	UnlockInstance struct{}
)

// Binlog is BINLOG 'base64': Data is the text as written, one or two parts.
type Binlog struct{ Data []string }

// ChecksumTable is CHECKSUM TABLE.
type ChecksumTable struct {
	Tables   []Table
	Quick    bool
	Extended bool
}

// MaintainTable is CHECK, ANALYZE, OPTIMIZE or REPAIR TABLE, without its
// options: there is one way to do each.
type MaintainTable struct {
	Verb   string // upper case
	Tables []Table
}

// ShowEngine is SHOW ENGINE.
type ShowEngine struct {
	Engine string
	What   string // STATUS, MUTEX, LOGS
}

// ShowProcesslist is SHOW [FULL] PROCESSLIST.
type ShowProcesslist struct{ Full bool }

// ShowConditions is SHOW WARNINGS, SHOW ERRORS or SHOW COUNT(*) of either.
type ShowConditions struct {
	Errors bool // errors alone
	Count  bool
	Offset uint64
	Limit  *uint64 // nil = none
}

// Nothing is a statement that has nothing to do, such as DROP … IF EXISTS of what
// is not there: it answers OK with a note.
type Nothing struct {
	Command string
	Note    replstate.Warning
}

// Shutdown is SHUTDOWN.
type Shutdown struct{}

// XAVerb is what an XA statement does.
type XAVerb uint8

const (
	XAStart XAVerb = iota
	XAEnd
	XAPrepare
	XACommit
	XARollback
	XARecover
)

// XA is XA START, END, PREPARE, COMMIT, ROLLBACK or RECOVER.
type XA struct {
	Verb     XAVerb
	GTRID    string // global part, up to 64 bytes
	BQUAL    string // branch, up to 64 bytes
	FormatID uint64 // 1 unless given
	Join     bool   // XA START … JOIN
	Resume   bool   // XA START … RESUME
	Suspend  bool   // XA END … SUSPEND
	Migrate  bool   // XA END … SUSPEND FOR MIGRATE
	OnePhase bool   // XA COMMIT … ONE PHASE
	Convert  bool   // XA RECOVER CONVERT XID
}

// NotSupported is a statement of MySQL that we know and do not have: the edge
// answers 1235 with Feature.
type NotSupported struct{ Feature string }

func (*ChangeSource) Name() string { return "CHANGE REPLICATION SOURCE" }
func (*ChangeFilter) Name() string { return "CHANGE REPLICATION FILTER" }
func (*StartReplica) Name() string { return "START REPLICA" }
func (*StopReplica) Name() string  { return "STOP REPLICA" }
func (*ResetReplica) Name() string { return "RESET REPLICA" }
func (*ResetBinlog) Name() string  { return "RESET BINARY LOGS AND GTIDS" }
func (s *ShowReplicaStatus) Name() string {
	if s.All {
		return "SHOW ALL REPLICAS STATUS"
	}
	return "SHOW REPLICA STATUS"
}
func (*ShowBinlogStatus) Name() string { return "SHOW BINARY LOG STATUS" }
func (*ShowBinaryLogs) Name() string   { return "SHOW BINARY LOGS" }
func (s *ShowEvents) Name() string {
	if s.Relay {
		return "SHOW RELAYLOG EVENTS"
	}
	return "SHOW BINLOG EVENTS"
}
func (*ShowReplicas) Name() string    { return "SHOW REPLICAS" }
func (*Purge) Name() string           { return "PURGE BINARY LOGS" }
func (*Flush) Name() string           { return "FLUSH" }
func (*Kill) Name() string            { return "KILL" }
func (*LockTables) Name() string      { return "LOCK TABLES" }
func (*UnlockTables) Name() string    { return "UNLOCK TABLES" }
func (*LockInstance) Name() string    { return "LOCK INSTANCE" }
func (*UnlockInstance) Name() string  { return "UNLOCK INSTANCE" }
func (*Binlog) Name() string          { return "BINLOG" }
func (*ChecksumTable) Name() string   { return "CHECKSUM TABLE" }
func (*ShowProcesslist) Name() string { return "SHOW PROCESSLIST" }
func (s *ShowConditions) Name() string {
	if s.Errors {
		return "SHOW ERRORS"
	}
	return "SHOW WARNINGS"
}
func (*Shutdown) Name() string        { return "SHUTDOWN" }
func (s *MaintainTable) Name() string { return s.Verb + " TABLE" }
func (*ShowEngine) Name() string      { return "SHOW ENGINE" }
func (*XA) Name() string              { return "XA" }
func (s *NotSupported) Name() string  { return s.Feature }
func (s *Nothing) Name() string       { return s.Command }
