package conf

import (
	_ "embed"
	"strings"
)

// kind says how an option's text is read and shown.
type kind uint8

const (
	kindString kind = iota
	kindBool
	kindInt  // decimal, may be negative
	kindSize // bytes with an optional K, M, G or T suffix
	kindList // may be repeated, values accumulate
)

// option is one setting that we know and use. Names are spelt with
// underscores, as SHOW VARIABLES prints them; files and flags may use dashes.
type option struct {
	name    string
	kind    kind
	def     string
	min     int64
	max     int64 // 0 = no bound
	help    string
	aliases []string
}

// switchable reports whether `skip-` before the name switches the option off.
func (o *option) switchable() bool { return o.kind == kindBool || o.name == "log_bin" }

const (
	maxUint32 = 1<<32 - 1
	maxInt32  = 1<<31 - 1
)

// options is the table of everything that this server understands. Defaults are MySQL
// 8.0's unless the help text gives the reason.
var options = []option{
	{name: "datadir", def: "./data", help: "directory of tables, logs and keys"},
	{name: "bind_address", def: "127.0.0.1", help: "address to listen on; another than loopback once root has a password"},
	{name: "port", kind: kindInt, def: "3306", max: 65535, help: "TCP port; 0 picks a free one", aliases: []string{"P"}},
	{name: "socket", def: "mysql.sock", help: "Unix socket, a relative path is below datadir; empty = none", aliases: []string{"S"}},
	{name: "server_id", kind: kindInt, def: "1", max: maxUint32, help: "identity in replication, unique among all servers"},
	{name: "local_infile", kind: kindBool, def: "OFF", help: "clients may send files of theirs: LOAD DATA LOCAL"},
	{name: "secure_file_priv", def: "NULL", help: "directory below which LOAD DATA may read files of the server; empty = any, NULL = none"},
	{name: "version", def: "8.0.36-binrelay", help: "version string in handshake, VERSION() and binlog"},

	{name: "log_bin", def: "binlog", help: "base name of the binary log, an extension is stripped; --skip-log-bin for none"},
	{name: "max_binlog_size", kind: kindSize, def: "1G", min: 4096, max: 1 << 30, help: "rotate the binary log above this size"},
	{name: "binlog_expire_logs_seconds", kind: kindInt, def: "2592000", max: maxUint32, help: "purge binary logs older than this many seconds; 0 = never"},
	{name: "expire_logs_days", kind: kindInt, def: "0", max: 99999, help: "the same in days"},
	{name: "sync_binlog", kind: kindInt, def: "1", max: maxUint32, help: "1 = a commit that returned OK survives a power cut; other values lose the last commits in one"},
	{name: "binlog_cache_size", kind: kindSize, def: "32K", min: 4096, help: "a transaction's events above this size go to a temporary file"},
	{name: "max_binlog_cache_size", kind: kindSize, def: "2G", min: 4096, help: "the most that a transaction may take in the binary log; MySQL sets no limit"},
	{name: "binlog_row_event_max_size", kind: kindSize, def: "8192", min: 256, max: maxUint32, help: "split row events above this size"},
	{name: "binlog_atomic_create_select", kind: kindBool, def: "ON", help: "CREATE TABLE … SELECT is one transaction, as MySQL 8.0.21 logs it; OFF logs the CREATE apart, for replicas of MariaDB and older MySQL"},
	{name: "binlog_row_metadata", def: "MINIMAL", help: "MINIMAL or FULL table metadata in the binary log"},
	{name: "binlog_checksum", def: "CRC32", help: "CRC32 or NONE"},
	{name: "binlog_do_db", kind: kindList, help: "log only changes of this database (repeatable)"},
	{name: "binlog_ignore_db", kind: kindList, help: "do not log changes of this database (repeatable)"},
	{name: "gtid_mode", def: "OFF", help: "ON writes GTIDs into the binary log, with --enforce-gtid-consistency=ON"},
	{name: "enforce_gtid_consistency", def: "OFF", help: "accepted for gtid_mode=ON; row logging is always consistent"},

	{name: "relay_log", def: "", help: "base name of the relay log; default <host>-relay-bin"},
	{name: "max_relay_log_size", kind: kindSize, def: "0", max: 1 << 30, help: "rotate the relay log above this size; 0 = max_binlog_size"},
	{name: "sync_relay_log", kind: kindInt, def: "10000", max: maxUint32, help: "sync the relay log every so many events"},
	{name: "log_replica_updates", kind: kindBool, def: "ON", help: "write applied transactions to the own binary log", aliases: []string{"log_slave_updates"}},
	{name: "skip_replica_start", kind: kindBool, def: "OFF", help: "do not start the replication threads with the server", aliases: []string{"skip_slave_start"}},
	{name: "replica_net_timeout", kind: kindInt, def: "60", min: 1, max: 31536000, help: "seconds without data before reconnecting to the source", aliases: []string{"slave_net_timeout"}},
	{name: "replicate_do_db", kind: kindList, help: "apply only changes of this database (repeatable)"},
	{name: "replicate_ignore_db", kind: kindList, help: "do not apply changes of this database (repeatable)"},
	{name: "report_host", def: "", help: "host name shown in SHOW REPLICAS of the source"},
	{name: "report_port", kind: kindInt, def: "0", max: 65535, help: "port shown there; 0 = own port"},
	{name: "read_only", kind: kindBool, def: "OFF", help: "refuse writes of accounts without SUPER"},
	{name: "super_read_only", kind: kindBool, def: "OFF", help: "refuse writes of all accounts"},

	{name: "max_allowed_packet", kind: kindSize, def: "64M", min: 1024, max: 1 << 30, help: "largest packet of a client"},
	{name: "max_connections", kind: kindInt, def: "151", min: 1, max: 100000, help: "client connections; one more is kept for SUPER"},
	{name: "connect_timeout", kind: kindInt, def: "10", min: 2, max: 31536000, help: "seconds for a whole handshake"},
	{name: "wait_timeout", kind: kindInt, def: "28800", min: 1, max: 31536000, help: "seconds an idle connection may live"},
	{name: "interactive_timeout", kind: kindInt, def: "28800", min: 1, max: 31536000, help: "the same for interactive clients"},
	{name: "net_read_timeout", kind: kindInt, def: "30", min: 1, max: 31536000, help: "seconds to wait for the rest of a packet"},
	{name: "net_write_timeout", kind: kindInt, def: "60", min: 1, max: 31536000, help: "seconds to wait for a client that does not read"},
	{name: "require_secure_transport", kind: kindBool, def: "OFF", help: "refuse connections without TLS"},
	{name: "ssl_ca", def: "", help: "certificate authority, PEM"},
	{name: "ssl_cert", def: "", help: "server certificate, PEM; made in datadir when none is given"},
	{name: "ssl_key", def: "", help: "key of the server certificate, PEM"},
	{name: "default_authentication_plugin", def: "caching_sha2_password", help: "caching_sha2_password or mysql_native_password, for new accounts"},

	{name: "innodb_buffer_pool_size", kind: kindSize, def: "128M", min: 5 << 20, help: "block cache of the store"},
	{name: "innodb_lock_wait_timeout", kind: kindInt, def: "50", min: 1, max: 1073741824, help: "seconds to wait for a row lock"},
	{name: "lock_wait_timeout", kind: kindInt, def: "31536000", min: 1, max: 31536000, help: "seconds to wait for a table's definition"},
	{name: "event_scheduler", def: "ON", help: "run stored events: ON, OFF, or DISABLED, which stays"},
	{name: "transaction_isolation", def: "REPEATABLE-READ", help: "READ-UNCOMMITTED, READ-COMMITTED, REPEATABLE-READ or SERIALIZABLE"},
	{name: "transaction_read_only", kind: kindBool, def: "OFF", help: "sessions begin READ ONLY transactions"},
	{name: "auto_increment_increment", kind: kindInt, def: "1", min: 1, max: 65535, help: "distance of AUTO_INCREMENT values"},
	{name: "auto_increment_offset", kind: kindInt, def: "1", min: 1, max: 65535, help: "the first of them"},
	{name: "character_set_server", def: "utf8mb4", help: "default character set"},
	{name: "collation_server", def: "utf8mb4_0900_ai_ci", help: "default collation"},
	{name: "sql_mode", def: "", help: "default SQL mode; empty = MySQL 8.0's"},
	{name: "default_time_zone", def: "SYSTEM", help: "default session time zone", aliases: []string{"time_zone"}},
	{name: "log_error_verbosity", kind: kindInt, def: "2", min: 1, max: 3, help: "1 errors, 2 and warnings and state changes, 3 everything"},
}

// byName finds options by their canonical name or alias, underscores only.
var byName = func() map[string]*option {
	m := make(map[string]*option)
	for i := range options {
		o := &options[i]
		m[o.name] = o
		for _, a := range o.aliases {
			m[a] = o
		}
	}
	return m
}()

//go:embed known_options.txt
var knownText string

// known are the names of options that mysqld 8.0 or mariadbd has and we have
// no use for: they are accepted with one warning.
var known = func() map[string]bool {
	m := make(map[string]bool)
	for name := range strings.FieldsSeq(knownText) {
		m[name] = true
	}
	return m
}()

// canonical turns an option name as written in a file or on a command line
// into the form of the tables: lower case, underscores.
func canonical(name string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimLeft(name, "-")), "-", "_")
}
