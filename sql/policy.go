package sql

import (
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/binlog/event"
	"binrelay/sql/storage"
	"binrelay/sql/tables"
)

// policy answers a session's questions from its variables.
type policy struct {
	server *Server
	own    *Session
}

var _ tables.Policy = policy{}

// Begin implements tables.Policy.
func (p policy) Begin(ctx *gms.Context, s *tables.Session, c *tables.Characteristics) storage.TxOptions {
	o := storage.TxOptions{
		NoBinlog: !p.on(ctx, "sql_log_bin"),
		LockWait: time.Duration(p.number(ctx, "innodb_lock_wait_timeout")) * time.Second,
		MetaWait: p.metaWait(ctx),
		ThreadID: s.ID(),
		Begin:    func() (string, event.QueryStatus) { return s.GetCurrentDatabase(), p.own.status(ctx) },
	}
	p.characteristics(ctx, &o, c)
	o.NoForeignKeys = !p.on(ctx, "foreign_key_checks")
	if r := p.own.repl; r != nil {
		// What was applied before is to be seen, whatever local clients read.
		o.Isolation, o.ReadOnly, o.Autocommit = storage.ReadCommitted, false, false
		o.Origin, o.ThreadID = r.origin, r.q.ThreadID
		o.NoBinlog = !p.server.vars.Bool("log_replica_updates")
	}
	return o
}

// characteristics sets isolation level and access mode: what c says, else what
// SET TRANSACTION said for the next transaction, else the session's variables.
func (p policy) characteristics(ctx *gms.Context, o *storage.TxOptions, c *tables.Characteristics) {
	next := p.own.next
	p.own.next = nextTransaction{}
	isolation := next.isolation
	if isolation == "" {
		isolation = p.text(ctx, "transaction_isolation")
	}
	o.Isolation = isolations[isolation]
	if next.readOnly != nil {
		o.ReadOnly = *next.readOnly
	} else {
		o.ReadOnly = p.on(ctx, "transaction_read_only")
	}
	if c == nil {
		o.Autocommit = p.on(ctx, "autocommit")
		if o.Autocommit && o.Isolation == storage.Serializable && p.own.onlyReads() {
			o.Isolation = storage.RepeatableRead // one consistent read is serializable
		}
		return
	}
	if c.Isolation != nil {
		o.Isolation = *c.Isolation
	}
	if c.Access != nil {
		o.ReadOnly = *c.Access
	}
	o.Snapshot = c.Snapshot
	if c.Snapshot && o.Isolation != storage.RepeatableRead {
		ctx.Warn(138, "InnoDB: WITH CONSISTENT SNAPSHOT was ignored because this phrase can only be used with REPEATABLE READ isolation level.")
	}
}

// isolations are the values of transaction_isolation. READ UNCOMMITTED reads
// committed rows: the standard allows dirty reads, and asks for none.
var isolations = map[string]storage.Isolation{
	"READ-UNCOMMITTED": storage.ReadCommitted, "READ-COMMITTED": storage.ReadCommitted,
	"REPEATABLE-READ": storage.RepeatableRead, "SERIALIZABLE": storage.Serializable,
}

// Write implements tables.Policy.
func (p policy) Write(ctx *gms.Context, _ *tables.Session) error {
	if p.own.internal {
		return nil
	}
	if p.own.thaw != nil {
		return sqlError(1223, "HY000", "Can't execute the query because you have a conflicting read lock")
	}
	return p.readOnlyServer(ctx)
}

// readOnlyServer fails when read_only or super_read_only keeps the account from
// writing.
func (p policy) readOnlyServer(ctx *gms.Context) error {
	if p.own.internal {
		return nil
	}
	if p.server.vars.Bool("super_read_only") {
		return readOnlyError("--super-read-only")
	}
	if p.server.vars.Bool("read_only") && !p.own.may(ctx, gms.PrivilegeType_Super, "connection_admin") {
		return readOnlyError("--read-only")
	}
	return nil
}

func readOnlyError(option string) error {
	return sqlError(1290, "HY000", "The MySQL server is running with the %s option so it cannot execute this statement", option)
}

// DDL implements tables.Policy.
func (p policy) DDL(ctx *gms.Context, s *tables.Session) storage.DDLStatement {
	if r := p.own.repl; r != nil {
		return r.statement(p.server)
	}
	st := storage.DDLStatement{
		Text: s.Query(), DB: s.GetCurrentDatabase(), Status: p.own.status(ctx),
		Time: ctx.QueryTime(), ThreadID: s.ID(),
		NoBinlog: !p.on(ctx, "sql_log_bin"),
		Instance: p.own.instance,
		MetaWait: p.metaWait(ctx),
	}
	p.own.invokes(&st.Status)
	return st
}

// Replicated implements tables.Policy.
func (p policy) Replicated() bool { return p.own.repl != nil }

// Committed implements tables.Policy.
func (p policy) Committed(ctx *gms.Context, _ *tables.Session, r tables.Committed) {
	p.own.committed = r
	p.own.noteGTID(ctx, r)
}

// metaWait is lock_wait_timeout.
func (p policy) metaWait(ctx *gms.Context) time.Duration {
	return time.Duration(p.number(ctx, "lock_wait_timeout")) * time.Second
}

func (p policy) value(ctx *gms.Context, name string) any {
	v, err := p.own.GetSessionVariable(ctx, name)
	if err != nil {
		return nil
	}
	return v
}

func (p policy) on(ctx *gms.Context, name string) bool {
	switch v := p.value(ctx, name).(type) {
	case int8:
		return v != 0
	case int64:
		return v != 0
	case bool:
		return v
	case string:
		return v == "1" || strings.EqualFold(v, "ON")
	}
	return false
}

func (p policy) number(ctx *gms.Context, name string) int64 {
	switch v := p.value(ctx, name).(type) {
	case int64:
		return v
	case int8:
		return int64(v)
	case uint64:
		return int64(v)
	}
	return 0
}

func (p policy) text(ctx *gms.Context, name string) string {
	v, _ := p.value(ctx, name).(string)
	return v
}

// status returns the session variables that a Query event carries.
func (s *Session) status(ctx *gms.Context) event.QueryStatus {
	p := policy{s.server, s}
	q := event.QueryStatus{
		Has:     event.VarFlags2 | event.VarSQLMode | event.VarCatalog | event.VarCharset | event.VarDefaultUTF8MB4,
		SQLMode: sqlModeBits(gms.LoadSqlMode(ctx).String()), Catalog: "std",
		CharsetClient:       charsetID(p.text(ctx, "character_set_client")),
		CollationConnection: collationID(p.text(ctx, "collation_connection")),
		CollationServer:     collationID(p.text(ctx, "collation_server")),
		DefaultUTF8MB4:      collationID(p.text(ctx, "default_collation_for_utf8mb4")),
	}
	if q.CharsetClient == uint16(gms.Collation_utf8mb4_0900_ai_ci) {
		q.CharsetClient = q.DefaultUTF8MB4
	}
	if !p.on(ctx, "foreign_key_checks") {
		q.Flags2 |= flagNoForeignKeyChecks
	}
	if !p.on(ctx, "unique_checks") {
		q.Flags2 |= flagRelaxedUniqueChecks
	}
	if inc, off := p.number(ctx, "auto_increment_increment"), p.number(ctx, "auto_increment_offset"); inc > 1 || off > 1 {
		q.Has |= event.VarAutoIncrement
		q.AutoIncrement, q.AutoIncrementOffset = uint16(inc), uint16(off)
	}
	if zone := p.text(ctx, "time_zone"); zone != "" && !strings.EqualFold(zone, "SYSTEM") {
		q.Has |= event.VarTimeZone
		q.TimeZone = zone
	}
	return q
}

// Bits of the status variable flags2. Source: MySQL 8.0 internals, "Query_event".
const (
	flagNoForeignKeyChecks  = 1 << 26
	flagRelaxedUniqueChecks = 1 << 27
)

// sqlModes are the bits of sql_mode in Query events, in order of the bits.
var sqlModes = map[string]uint64{
	"REAL_AS_FLOAT": 1 << 0, "PIPES_AS_CONCAT": 1 << 1, "ANSI_QUOTES": 1 << 2, "IGNORE_SPACE": 1 << 3,
	"ONLY_FULL_GROUP_BY": 1 << 5, "NO_UNSIGNED_SUBTRACTION": 1 << 6, "NO_DIR_IN_CREATE": 1 << 7,
	"ANSI": 1 << 18, "NO_AUTO_VALUE_ON_ZERO": 1 << 19, "NO_BACKSLASH_ESCAPES": 1 << 20,
	"STRICT_TRANS_TABLES": 1 << 21, "STRICT_ALL_TABLES": 1 << 22, "NO_ZERO_IN_DATE": 1 << 23,
	"NO_ZERO_DATE": 1 << 24, "ALLOW_INVALID_DATES": 1 << 25, "ERROR_FOR_DIVISION_BY_ZERO": 1 << 26,
	"TRADITIONAL": 1 << 27, "HIGH_NOT_PRECEDENCE": 1 << 29, "NO_ENGINE_SUBSTITUTION": 1 << 30,
	"PAD_CHAR_TO_FULL_LENGTH": 1 << 31, "TIME_TRUNCATE_FRACTIONAL": 1 << 32,
}

func sqlModeBits(modes string) (bits uint64) {
	for _, m := range strings.Split(modes, ",") {
		bits |= sqlModes[strings.ToUpper(strings.TrimSpace(m))]
	}
	return bits
}

// sqlModeText is the inverse; bits that nobody here knows are left out.
func sqlModeText(bits uint64) string {
	var names []string
	for name, b := range sqlModes {
		if bits&b != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

func charsetID(name string) uint16 {
	c, err := gms.ParseCharacterSet(name)
	if err != nil || name == "" {
		return uint16(gms.Collation_utf8mb4_0900_ai_ci)
	}
	return uint16(c.DefaultCollation())
}

func collationID(name string) uint16 {
	c, err := gms.ParseCollation("", name, false)
	if err != nil || name == "" {
		return uint16(gms.Collation_utf8mb4_0900_ai_ci)
	}
	return uint16(c)
}
