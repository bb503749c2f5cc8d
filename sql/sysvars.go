package sql

import (
	"math"
	"os"
	"runtime"
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/sql/auth"
	"binrelay/sql/tables"
)

// sysvars is the table of the variables that this server defines itself. All
// others are go-mysql-server's, which stores them without behaviour.
// Source of names, scopes, defaults and ranges: MySQL 8.0 manual, "Server
// System Variables" and "Replication and Binary Logging Options".
var sysvars = []sysvar{
	// The server.
	{name: "version", scope: global, kind: textVar, def: "8.0.36-binrelay", fixed: true},
	{name: "version_comment", scope: global, kind: textVar, def: "binrelay", fixed: true},
	{name: "version_compile_os", scope: global, kind: textVar, def: runtime.GOOS, fixed: true},
	{name: "version_compile_machine", scope: global, kind: textVar, def: runtime.GOARCH, fixed: true},
	{name: "hostname", scope: global, kind: textVar, def: hostname(), fixed: true},
	{name: "port", scope: global, kind: intVar, def: int64(3306), max: 65535, fixed: true},
	{name: "bind_address", scope: global, kind: textVar, def: "127.0.0.1", fixed: true},
	{name: "datadir", scope: global, kind: textVar, def: "./data/", fixed: true},
	{name: "socket", scope: global, kind: textVar, def: "", fixed: true},
	{name: "pid_file", scope: global, kind: textVar, def: "", fixed: true},
	{name: "server_id", scope: global, kind: intVar, def: int64(1), max: math.MaxUint32},
	{name: "server_uuid", scope: global, kind: textVar, def: "", fixed: true,
		get: func(s *Server) any { return s.o.ServerUUID.String() }},
	{name: "read_only", scope: global, kind: boolVar, def: false, check: checkReadOnly},
	{name: "super_read_only", scope: global, kind: boolVar, def: false, check: checkSuperReadOnly},
	{name: "max_connections", scope: global, kind: intVar, def: int64(151), min: 1, max: 100000},
	{name: "max_allowed_packet", scope: both, kind: intVar, def: int64(64 << 20), min: 1024, max: 1 << 30, check: globalOnlyPacket},
	{name: "protocol_compression_algorithms", scope: global, kind: textVar, def: "zlib,zstd,uncompressed", check: checkCompression},
	{name: "local_infile", scope: global, kind: boolVar, def: false},
	{name: "secure_file_priv", scope: global, kind: textVar, def: "NULL", fixed: true},
	{name: "connect_timeout", scope: global, kind: intVar, def: int64(10), min: 2, max: 31536000},
	{name: "wait_timeout", scope: both, kind: intVar, def: int64(28800), min: 1, max: 31536000},
	{name: "interactive_timeout", scope: both, kind: intVar, def: int64(28800), min: 1, max: 31536000},
	{name: "net_read_timeout", scope: both, kind: intVar, def: int64(30), min: 1, max: 31536000},
	{name: "net_write_timeout", scope: both, kind: intVar, def: int64(60), min: 1, max: 31536000},
	{name: "require_secure_transport", scope: global, kind: boolVar, def: false},
	{name: "mandatory_roles", scope: global, kind: textVar, def: "", check: checkMandatoryRoles},
	{name: "activate_all_roles_on_login", scope: global, kind: boolVar, def: false},
	{name: "default_authentication_plugin", scope: global, kind: textVar, def: auth.DefaultPlugin, fixed: true},
	{name: "default_password_lifetime", scope: global, kind: intVar, def: int64(0), max: math.MaxUint16},
	{name: "disconnect_on_expired_password", scope: global, kind: boolVar, def: true, fixed: true},
	{name: "password_history", scope: global, kind: intVar, def: int64(0), max: math.MaxUint16},
	{name: "password_reuse_interval", scope: global, kind: intVar, def: int64(0), max: math.MaxUint16},
	{name: "password_require_current", scope: global, kind: boolVar, def: false},
	{name: "partial_revokes", scope: global, kind: boolVar, def: false, check: refusePartialRevokes},
	{name: "lower_case_table_names", scope: global, kind: intVar, def: int64(0), max: 2, fixed: true},
	{name: "lower_case_file_system", scope: global, kind: boolVar, def: false, fixed: true},
	{name: "character_set_server", scope: both, kind: textVar, def: "utf8mb4"},
	{name: "collation_server", scope: both, kind: textVar, def: "utf8mb4_0900_ai_ci", check: checkCollation},
	{name: "collation_database", scope: session, kind: textVar, def: "utf8mb4_0900_ai_ci",
		own: func(s *Session) any { return s.databaseCollation().Name() }},
	{name: "character_set_database", scope: session, kind: textVar, def: "utf8mb4",
		own: func(s *Session) any { return s.databaseCollation().CharacterSet().Name() }},
	{name: "warning_count", scope: session, kind: intVar, def: int64(0), max: math.MaxInt64, fixed: true,
		own: func(s *Session) any { return s.before.all }},
	{name: "error_count", scope: session, kind: intVar, def: int64(0), max: math.MaxInt64, fixed: true,
		own: func(s *Session) any { return s.before.errors }},
	{name: "default_storage_engine", scope: both, kind: textVar, def: "InnoDB"},
	{name: "default_collation_for_utf8mb4", scope: both, kind: enumVar, def: "utf8mb4_0900_ai_ci",
		choices: []string{"utf8mb4_0900_ai_ci", "utf8mb4_general_ci"}},
	{name: "transaction_isolation", scope: both, kind: enumVar, def: "REPEATABLE-READ",
		choices: []string{"READ-UNCOMMITTED", "READ-COMMITTED", "REPEATABLE-READ", "SERIALIZABLE"}},
	{name: "transaction_read_only", scope: both, kind: boolVar, def: false},
	{name: "auto_increment_increment", scope: both, kind: intVar, def: int64(1), min: 1, max: 65535},
	{name: "auto_increment_offset", scope: both, kind: intVar, def: int64(1), min: 1, max: 65535},
	{name: "completion_type", scope: both, kind: enumVar, def: "NO_CHAIN", choices: []string{"NO_CHAIN", "CHAIN", "RELEASE"}},
	{name: "event_scheduler", scope: global, kind: enumVar, def: "ON", choices: []string{"OFF", "ON", "DISABLED"}, check: checkScheduler},
	{name: "innodb_lock_wait_timeout", scope: both, kind: intVar, def: int64(50), min: 1, max: 1073741824},
	{name: "lock_wait_timeout", scope: both, kind: intVar, def: int64(31536000), min: 1, max: 31536000},
	{name: "innodb_buffer_pool_size", scope: global, kind: intVar, def: int64(128 << 20), min: 1 << 20, max: math.MaxInt64, fixed: true},
	{name: "innodb_autoinc_lock_mode", scope: global, kind: intVar, def: int64(2), max: 2, fixed: true},
	{name: "innodb_version", scope: global, kind: textVar, def: "8.0.36", fixed: true},
	{name: "innodb_read_only", scope: global, kind: boolVar, def: false, fixed: true},
	{name: "innodb_flush_log_at_trx_commit", scope: global, kind: intVar, def: int64(1), max: 2},

	// The binlog.
	{name: "log_bin", scope: global, kind: boolVar, def: true, fixed: true},
	{name: "log_bin_basename", scope: global, kind: textVar, def: "", fixed: true},
	{name: "log_bin_index", scope: global, kind: textVar, def: "", fixed: true},
	{name: "log_bin_trust_function_creators", scope: global, kind: boolVar, def: false},
	{name: "sql_log_bin", scope: session, kind: boolVar, def: true, super: true, check: checkLogBin},
	{name: "sync_binlog", scope: global, kind: intVar, def: int64(1), max: math.MaxUint32},
	{name: "max_binlog_size", scope: global, kind: intVar, def: int64(1 << 30), min: 4096, max: 1 << 30},
	{name: "max_binlog_cache_size", scope: global, kind: intVar, def: int64(2 << 30), min: 4096, max: math.MaxInt64},
	{name: "binlog_cache_size", scope: global, kind: intVar, def: int64(32768), min: 4096, max: math.MaxInt64},
	{name: "binlog_expire_logs_seconds", scope: global, kind: intVar, def: int64(2592000), max: math.MaxUint32, check: checkExpiry("expire_logs_days")},
	{name: "binlog_expire_logs_auto_purge", scope: global, kind: boolVar, def: true},
	{name: "expire_logs_days", scope: global, kind: intVar, def: int64(0), max: 99, check: checkExpiry("binlog_expire_logs_seconds")},
	{name: "binlog_format", scope: both, kind: enumVar, def: "ROW", choices: []string{"MIXED", "STATEMENT", "ROW"}, check: checkFormat, super: true},
	{name: "binlog_row_image", scope: both, kind: enumVar, def: "FULL", choices: []string{"MINIMAL", "NOBLOB", "FULL"}, check: onlyChoice("binlog_row_image", "FULL"), super: true},
	{name: "binlog_row_metadata", scope: global, kind: enumVar, def: "MINIMAL", choices: []string{"MINIMAL", "FULL"}, check: onlyChoice("binlog_row_metadata", "MINIMAL")},
	{name: "binlog_row_value_options", scope: both, kind: textVar, def: "", check: onlyChoice("binlog_row_value_options", ""), super: true},
	{name: "binlog_rows_query_log_events", scope: both, kind: boolVar, def: false, check: onlyOff("binlog_rows_query_log_events"), super: true},
	{name: "binlog_row_event_max_size", scope: global, kind: intVar, def: int64(8192), min: 256, max: math.MaxUint32, fixed: true},
	{name: "binlog_checksum", scope: global, kind: enumVar, def: "CRC32", choices: []string{"NONE", "CRC32"}, check: onlyChoice("binlog_checksum", "CRC32")},
	{name: "binlog_atomic_create_select", scope: global, kind: boolVar, def: true},
	{name: "binlog_order_commits", scope: global, kind: boolVar, def: true, fixed: true},
	{name: "binlog_error_action", scope: global, kind: textVar, def: "ABORT_SERVER", fixed: true},
	{name: "binlog_encryption", scope: global, kind: boolVar, def: false, fixed: true},
	{name: "binlog_transaction_compression", scope: both, kind: boolVar, def: false, check: onlyOff("binlog_transaction_compression"), super: true},
	{name: "source_verify_checksum", scope: global, kind: boolVar, def: true},
	{name: "master_verify_checksum", alias: "source_verify_checksum"},
	{name: "binlog_do_db", scope: global, kind: textVar, def: "", fixed: true},
	{name: "binlog_ignore_db", scope: global, kind: textVar, def: "", fixed: true},

	// GTIDs.
	{name: "gtid_mode", scope: global, kind: enumVar, def: "OFF", choices: []string{"OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON"}, check: checkGTIDMode},
	{name: "enforce_gtid_consistency", scope: global, kind: enumVar, def: "OFF", choices: []string{"OFF", "ON", "WARN"}},
	{name: "gtid_executed", scope: global, kind: textVar, def: "", fixed: true,
		get: func(s *Server) any { return s.executed().String() }},
	{name: "gtid_purged", scope: global, kind: textVar, def: "", fixed: true,
		get: func(s *Server) any { return s.purged().String() }},
	{name: "gtid_owned", scope: both, kind: textVar, def: "", fixed: true},
	{name: "gtid_next", scope: session, kind: textVar, def: "AUTOMATIC", check: checkGTIDNext, super: true},
	{name: "session_track_schema", scope: both, kind: boolVar, def: true},
	{name: "session_track_state_change", scope: both, kind: boolVar, def: false},
	{name: "session_track_system_variables", scope: both, kind: textVar,
		def: "time_zone,autocommit,character_set_client,character_set_results,character_set_connection"},
	{name: "session_track_transaction_info", scope: both, kind: enumVar, def: "OFF", choices: []string{"OFF", "STATE", "CHARACTERISTICS"},
		check: onlyChoice("session_track_transaction_info", "OFF")},
	{name: "session_track_gtids", scope: both, kind: enumVar, def: "OFF", choices: []string{"OFF", "OWN_GTID", "ALL_GTIDS"}},

	// The replica.
	{name: "report_host", scope: global, kind: textVar, def: "", fixed: true},
	{name: "report_port", scope: global, kind: intVar, def: int64(0), max: 65535, fixed: true},
	{name: "report_user", scope: global, kind: textVar, def: "", fixed: true},
	{name: "report_password", scope: global, kind: textVar, def: "", fixed: true},
	{name: "log_replica_updates", scope: global, kind: boolVar, def: true, fixed: true},
	{name: "log_slave_updates", alias: "log_replica_updates"},
	{name: "relay_log", scope: global, kind: textVar, def: "", fixed: true},
	{name: "relay_log_basename", scope: global, kind: textVar, def: "", fixed: true},
	{name: "relay_log_index", scope: global, kind: textVar, def: "", fixed: true},
	{name: "relay_log_info_repository", scope: global, kind: textVar, def: "TABLE", fixed: true},
	{name: "master_info_repository", scope: global, kind: textVar, def: "TABLE", fixed: true},
	{name: "relay_log_purge", scope: global, kind: boolVar, def: true},
	{name: "relay_log_recovery", scope: global, kind: boolVar, def: true, fixed: true},
	{name: "relay_log_space_limit", scope: global, kind: intVar, def: int64(0), max: math.MaxInt64, fixed: true},
	{name: "max_relay_log_size", scope: global, kind: intVar, def: int64(0), max: 1 << 30},
	{name: "sync_relay_log", scope: global, kind: intVar, def: int64(10000), max: math.MaxUint32},
	{name: "sync_relay_log_info", scope: global, kind: intVar, def: int64(10000), max: math.MaxUint32},
	{name: "sync_source_info", scope: global, kind: intVar, def: int64(10000), max: math.MaxUint32},
	{name: "sync_master_info", alias: "sync_source_info"},
	{name: "skip_replica_start", scope: global, kind: boolVar, def: false, fixed: true},
	{name: "skip_slave_start", alias: "skip_replica_start"},
	{name: "replica_net_timeout", scope: global, kind: intVar, def: int64(60), min: 1, max: 31536000},
	{name: "slave_net_timeout", alias: "replica_net_timeout"},
	{name: "replica_max_allowed_packet", scope: global, kind: intVar, def: int64(1 << 30), min: 1024, max: 1 << 30},
	{name: "slave_max_allowed_packet", alias: "replica_max_allowed_packet"},
	{name: "replica_transaction_retries", scope: global, kind: intVar, def: int64(10), max: math.MaxUint32},
	{name: "slave_transaction_retries", alias: "replica_transaction_retries"},
	{name: "replica_sql_verify_checksum", scope: global, kind: boolVar, def: true},
	{name: "slave_sql_verify_checksum", alias: "replica_sql_verify_checksum"},
	{name: "replica_parallel_workers", scope: global, kind: intVar, def: int64(4), max: 1024},
	{name: "slave_parallel_workers", alias: "replica_parallel_workers"},
	{name: "replica_parallel_type", scope: global, kind: enumVar, def: "LOGICAL_CLOCK", choices: []string{"DATABASE", "LOGICAL_CLOCK"}},
	{name: "slave_parallel_type", alias: "replica_parallel_type"},
	{name: "replica_preserve_commit_order", scope: global, kind: boolVar, def: true, fixed: true},
	{name: "slave_preserve_commit_order", alias: "replica_preserve_commit_order"},
	{name: "replica_exec_mode", scope: global, kind: enumVar, def: "STRICT", choices: []string{"STRICT", "IDEMPOTENT"}, check: onlyChoice("replica_exec_mode", "STRICT")},
	{name: "slave_exec_mode", alias: "replica_exec_mode"},
	{name: "replica_skip_errors", scope: global, kind: textVar, def: "OFF", fixed: true},
	{name: "slave_skip_errors", alias: "replica_skip_errors"},
	{name: "replica_type_conversions", scope: global, kind: textVar, def: "", check: onlyChoice("replica_type_conversions", "")},
	{name: "slave_type_conversions", alias: "replica_type_conversions"},
	{name: "replica_load_tmpdir", scope: global, kind: textVar, def: "/tmp", fixed: true},
	{name: "slave_load_tmpdir", alias: "replica_load_tmpdir"},
	{name: "replica_compressed_protocol", scope: global, kind: boolVar, def: false, check: onlyOff("replica_compressed_protocol")},
	{name: "slave_compressed_protocol", alias: "replica_compressed_protocol"},
	{name: "init_replica", scope: global, kind: textVar, def: "", fixed: true},
	{name: "init_slave", alias: "init_replica"},
	{name: "rpl_stop_replica_timeout", scope: global, kind: intVar, def: int64(31536000), min: 2, max: 31536000},
	{name: "rpl_stop_slave_timeout", alias: "rpl_stop_replica_timeout"},
	{name: "sql_replica_skip_counter", scope: global, kind: intVar, def: int64(0), max: math.MaxUint32, get: skipCounter, check: setSkipCounter},
	{name: "sql_slave_skip_counter", alias: "sql_replica_skip_counter"},
	{name: "replicate_do_db", scope: global, kind: textVar, def: "", fixed: true},
	{name: "replicate_ignore_db", scope: global, kind: textVar, def: "", fixed: true},
	{name: "replicate_same_server_id", scope: global, kind: boolVar, def: false, fixed: true},
	{name: "terminology_use_previous", scope: both, kind: textVar, def: "AUTO", fixed: true},

	// Semi-synchronous replication is not there yet; tools ask.
	{name: "rpl_semi_sync_source_enabled", scope: global, kind: boolVar, def: false, check: onlyOff("rpl_semi_sync_source_enabled")},
	{name: "rpl_semi_sync_master_enabled", alias: "rpl_semi_sync_source_enabled"},
	{name: "rpl_semi_sync_replica_enabled", scope: global, kind: boolVar, def: false, check: onlyOff("rpl_semi_sync_replica_enabled")},
	{name: "rpl_semi_sync_slave_enabled", alias: "rpl_semi_sync_replica_enabled"},
}

// removed are variables that go-mysql-server has and MySQL 8.0 does not.
var removed = map[string]bool{"tx_isolation": true, "tx_read_only": true}

func hostname() string {
	h, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return h
}

func checkReadOnly(_ *gms.Context, s *Server, _ bool, v any) error {
	if !v.(bool) {
		s.vars.store(sysvarByName["super_read_only"], false)
	}
	return nil
}

func checkSuperReadOnly(_ *gms.Context, s *Server, _ bool, v any) error {
	if v.(bool) {
		s.vars.store(sysvarByName["read_only"], true)
	}
	return nil
}

func globalOnlyPacket(_ *gms.Context, _ *Server, isGlobal bool, _ any) error {
	if !isGlobal {
		return sqlError(1238, "HY000", "SESSION variable 'max_allowed_packet' is read-only. Use SET GLOBAL to assign the value")
	}
	return nil
}

func checkCollation(_ *gms.Context, _ *Server, _ bool, v any) error {
	if _, err := gms.ParseCollation("", v.(string), false); err != nil {
		return sqlError(1273, "HY000", "Unknown collation: '%s'", v)
	}
	return nil
}

func checkLogBin(ctx *gms.Context, _ *Server, _ bool, _ any) error {
	if s := sessionOf(ctx); s != nil && s.InTransaction() {
		return sqlError(1694, "HY000", "Cannot modify @@session.sql_log_bin inside a transaction")
	}
	return nil
}

func checkFormat(_ *gms.Context, _ *Server, _ bool, v any) error {
	if v == "STATEMENT" {
		return notSupported("binlog_format = STATEMENT")
	}
	return nil // MIXED logs rows, like ROW
}

func checkGTIDMode(ctx *gms.Context, s *Server, _ bool, v any) error {
	steps := sysvarByName["gtid_mode"].choices
	at := func(name string) int {
		for i, c := range steps {
			if c == name {
				return i
			}
		}
		return 0
	}
	now, next := at(s.vars.String("gtid_mode")), at(v.(string))
	if next-now > 1 || now-next > 1 {
		return sqlError(1788, "HY000", "The value of @@GLOBAL.GTID_MODE can only be changed one step at a time: OFF <-> OFF_PERMISSIVE <-> ON_PERMISSIVE <-> ON. Also note that this value must be stepped up or down simultaneously on all servers. See the Manual for instructions.")
	}
	if v == "ON" && s.vars.String("enforce_gtid_consistency") != "ON" {
		return sqlError(3111, "HY000", "SET @@GLOBAL.GTID_MODE = ON is not allowed because ENFORCE_GTID_CONSISTENCY is not ON.")
	}
	return nil
}

// checkCompression takes a list of MySQL's algorithms. Plain connections cannot
// be refused.
func checkCompression(_ *gms.Context, _ *Server, _ bool, v any) error {
	plain := false
	for _, name := range strings.Split(v.(string), ",") {
		switch name {
		case "zlib", "zstd":
		case "uncompressed":
			plain = true
		default:
			return sqlError(1231, "42000", "Variable 'protocol_compression_algorithms' can't be set to the value of '%s'", v)
		}
	}
	if !plain {
		return notSupported("protocol_compression_algorithms without uncompressed")
	}
	return nil
}

// onlyChoice refuses every value but one: the others are known, not built.
func onlyChoice(name, value string) func(*gms.Context, *Server, bool, any) error {
	return func(_ *gms.Context, _ *Server, _ bool, v any) error {
		if s, ok := v.(string); !ok || !strings.EqualFold(s, value) {
			return notSupported(name + " = " + show(v))
		}
		return nil
	}
}

// checkGTIDNext takes what is so anyway: ANONYMOUS where transactions have no
// GTID.
func checkGTIDNext(_ *gms.Context, s *Server, _ bool, v any) error {
	text, _ := v.(string)
	switch {
	case strings.EqualFold(text, "AUTOMATIC"):
		return nil
	case !strings.EqualFold(text, "ANONYMOUS"):
		return notSupported("gtid_next = " + show(v))
	}
	switch s.vars.String("gtid_mode") {
	case "ON":
		return sqlError(1782, "HY000", "@@SESSION.GTID_NEXT cannot be set to ANONYMOUS when @@GLOBAL.GTID_MODE = ON.")
	case "ON_PERMISSIVE":
		return notSupported("gtid_next = ANONYMOUS under gtid_mode = ON_PERMISSIVE")
	}
	return nil
}

func onlyOff(name string) func(*gms.Context, *Server, bool, any) error {
	return func(_ *gms.Context, _ *Server, _ bool, v any) error {
		if v.(bool) {
			return notSupported(name + " = ON")
		}
		return nil
	}
}

func skipCounter(s *Server) any {
	if r := s.replica(); r != nil {
		return int64(r.Skip())
	}
	return int64(0)
}

func setSkipCounter(_ *gms.Context, s *Server, _ bool, v any) error {
	r := s.replica()
	if r == nil {
		return nil
	}
	return r.SetSkip(uint32(v.(int64)))
}

func notSupported(feature string) error { return tables.Unsupported(feature) }

func sqlError(number uint16, state, format string, args ...any) error {
	return tables.NewSQLError(number, state, format, args...)
}

// seconds returns a variable in seconds as a duration.
func (v *Variables) seconds(name string) time.Duration {
	return time.Duration(v.Int(name)) * time.Second
}
