package conf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// finish turns texts into a checked Config.
func (l *loader) finish() (*Config, error) {
	c := l.c
	abs, err := filepath.Abs(l.str("datadir"))
	if err != nil {
		return nil, fmt.Errorf("datadir: %w", err)
	}
	c.DataDir = abs
	c.Values["datadir"] = abs + string(filepath.Separator)
	c.BindAddress = l.str("bind_address")
	if strings.Contains(c.BindAddress, ",") {
		l.fail(byName["bind_address"], c.BindAddress, "one address only")
	}
	if c.BindAddress == "*" {
		c.BindAddress = ""
	}
	c.Port = int(l.number("port"))
	l.socket()
	c.ServerID = uint32(l.number("server_id"))
	c.Version = l.str("version")
	if c.Version == "" || c.Version[0] < '5' || c.Version[0] > '9' || len(c.Version) > 49 {
		l.errs = append(l.errs, fmt.Errorf("option 'version': wrong value '%s': replicas want a digit of 5 or more first, 49 bytes at most", c.Version))
	}
	l.logs()
	l.replication()
	l.connections()
	l.engine()
	if err := errors.Join(l.errs...); err != nil {
		return nil, err
	}
	return c, nil
}

// maxSocketPath is what a socket address holds on Linux and others, less its
// zero byte; some systems have four bytes less.
const maxSocketPath = 103

// socket finds the path of the Unix socket. One that was asked for and cannot
// be is an error; the default one is left out.
func (l *loader) socket() {
	o := byName["socket"]
	path, set := l.text(o)
	if path != "" && !filepath.IsAbs(path) {
		path = filepath.Join(l.c.DataDir, path)
	}
	if len(path) > maxSocketPath {
		if set {
			l.fail(o, path, fmt.Sprintf("a socket's path has %d bytes at most", maxSocketPath))
		} else {
			l.warn("no Unix socket: the path %s is longer than %d bytes", path, maxSocketPath)
		}
		path = ""
	}
	l.c.Socket, l.c.Values["socket"] = path, path
}

func (l *loader) logs() {
	c := l.c
	bin := l.str("log_bin")
	if off, err := parseBool(bin); err == nil {
		c.LogBin = off
		bin = byName["log_bin"].def
	} else {
		c.LogBin = true
	}
	c.LogBinDir, c.LogBinBase = logName(c.DataDir, bin)
	if c.LogBinBase == "" || strings.HasPrefix(c.LogBinBase, "#") {
		l.fail(byName["log_bin"], bin, "no file name")
	}
	c.Values["log_bin"] = map[bool]string{true: "ON", false: "OFF"}[c.LogBin]
	if c.LogBin {
		c.Values["log_bin_basename"] = filepath.Join(c.LogBinDir, c.LogBinBase)
		c.Values["log_bin_index"] = filepath.Join(c.LogBinDir, c.LogBinBase) + ".index"
	}
	c.MaxBinlogSize = l.number("max_binlog_size")
	if odd := c.MaxBinlogSize % 4096; odd != 0 {
		c.MaxBinlogSize -= odd
		l.warn("option 'max_binlog_size': value adjusted to %d, a multiple of 4096", c.MaxBinlogSize)
		c.Values["max_binlog_size"] = fmt.Sprint(c.MaxBinlogSize)
	}
	l.expiry()
	c.SyncBinlog = int(l.number("sync_binlog"))
	c.BinlogCacheSize = l.number("binlog_cache_size")
	l.number("max_binlog_cache_size") // a variable: Values has it
	c.BinlogRowEventSize = l.number("binlog_row_event_max_size")
	c.BinlogRowMetadata = l.oneOf("binlog_row_metadata", "MINIMAL", "FULL")
	c.BinlogChecksum = l.oneOf("binlog_checksum", "CRC32", "NONE") == "CRC32"
	c.BinlogDoDB = l.list("binlog_do_db")
	c.BinlogIgnoreDB = l.list("binlog_ignore_db")
	c.GTIDMode = l.oneOf("gtid_mode", "OFF", "ON") == "ON"
	if on := l.oneOf("enforce_gtid_consistency", "OFF", "ON", "WARN", "0", "1"); c.GTIDMode && on != "ON" && on != "1" {
		l.errs = append(l.errs, errors.New("option 'gtid_mode': ON requires enforce_gtid_consistency=ON"))
	}
}

// expiry joins the old and the new option. Source: MySQL 8.0 manual: when
// both are given, binlog_expire_logs_seconds wins.
func (l *loader) expiry() {
	secs, days := byName["binlog_expire_logs_seconds"], byName["expire_logs_days"]
	_, secsSet := l.text(secs)
	_, daysSet := l.text(days)
	s, d := l.number(secs.name), l.number(days.name)
	switch {
	case daysSet && secsSet && d != 0:
		l.warn("option 'expire_logs_days' is ignored: binlog_expire_logs_seconds is set")
		l.c.Values[days.name] = "0"
	case daysSet && !secsSet:
		s = d * 86400
		l.c.Values[secs.name] = fmt.Sprint(s)
	}
	l.c.BinlogExpire = time.Duration(s) * time.Second
}

func (l *loader) replication() {
	c := l.c
	relay := l.str("relay_log")
	if relay == "" {
		host, err := os.Hostname()
		if err != nil || host == "" {
			host = "localhost"
		}
		relay = strings.SplitN(host, ".", 2)[0] + "-relay-bin"
		// A dot would be taken for an extension; host names have none left.
	}
	c.RelayLogDir, c.RelayLogBase = logName(c.DataDir, relay)
	if c.RelayLogBase == "" {
		l.fail(byName["relay_log"], relay, "no file name")
	}
	if c.RelayLogDir == c.LogBinDir && c.RelayLogBase == c.LogBinBase {
		l.errs = append(l.errs, errors.New("options 'relay_log' and 'log_bin' name the same files"))
	}
	c.Values["relay_log"] = c.RelayLogBase
	c.Values["relay_log_basename"] = filepath.Join(c.RelayLogDir, c.RelayLogBase)
	c.Values["relay_log_index"] = filepath.Join(c.RelayLogDir, c.RelayLogBase) + ".index"
	c.MaxRelayLogSize = l.number("max_relay_log_size")
	c.SyncRelayLog = int(l.number("sync_relay_log"))
	c.LogReplicaUpdates = l.boolean("log_replica_updates")
	c.SkipReplicaStart = l.boolean("skip_replica_start")
	c.ReplicaNetTimeout = l.seconds("replica_net_timeout")
	c.ReplicateDoDB = l.list("replicate_do_db")
	c.ReplicateIgnoreDB = l.list("replicate_ignore_db")
	c.ReportHost = l.str("report_host")
	c.ReportPort = int(l.number("report_port"))
	c.ReadOnly = l.boolean("read_only")
	if c.SuperReadOnly = l.boolean("super_read_only"); c.SuperReadOnly {
		c.ReadOnly = true
		c.Values["read_only"] = "ON"
	}
}

func (l *loader) connections() {
	c := l.c
	c.MaxAllowedPacket = l.number("max_allowed_packet") &^ 1023
	c.MaxConnections = int(l.number("max_connections"))
	l.boolean("local_infile") // variables: Values has them
	l.boolean("binlog_atomic_create_select")
	l.str("secure_file_priv")
	c.ConnectTimeout = l.seconds("connect_timeout")
	c.WaitTimeout = l.seconds("wait_timeout")
	c.InteractiveTimeout = l.seconds("interactive_timeout")
	c.NetReadTimeout = l.seconds("net_read_timeout")
	c.NetWriteTimeout = l.seconds("net_write_timeout")
	c.RequireTLS = l.boolean("require_secure_transport")
	c.TLSCA, c.TLSCert, c.TLSKey = l.str("ssl_ca"), l.str("ssl_cert"), l.str("ssl_key")
	if (c.TLSCert == "") != (c.TLSKey == "") {
		l.errs = append(l.errs, errors.New("options 'ssl_cert' and 'ssl_key' go together"))
	}
	c.DefaultAuthPlugin = strings.ToLower(l.oneOf("default_authentication_plugin", "CACHING_SHA2_PASSWORD", "MYSQL_NATIVE_PASSWORD"))
	c.Values["default_authentication_plugin"] = c.DefaultAuthPlugin
}

func (l *loader) engine() {
	c := l.c
	c.CacheSize = l.number("innodb_buffer_pool_size")
	c.RowLockWait = l.seconds("innodb_lock_wait_timeout")
	c.MetadataLockWait = l.seconds("lock_wait_timeout")
	c.TransactionIsolation = l.oneOf("transaction_isolation", "REPEATABLE-READ", "READ-COMMITTED", "READ-UNCOMMITTED", "SERIALIZABLE")
	l.oneOf("event_scheduler", "ON", "OFF", "DISABLED", "1", "0")
	l.boolean("transaction_read_only")
	l.number("auto_increment_increment")
	l.number("auto_increment_offset")
	c.CharacterSet = strings.ToLower(l.str("character_set_server"))
	_, collationSet := l.text(byName["collation_server"])
	c.Collation = strings.ToLower(l.str("collation_server"))
	if !collationSet && c.CharacterSet != "utf8mb4" {
		c.Collation = "" // the character set's own default
		c.Values["collation_server"] = ""
	}
	if collationSet {
		c.CharacterSet, _, _ = strings.Cut(c.Collation, "_")
		c.Values["character_set_server"] = c.CharacterSet
	}
	c.SQLMode = l.str("sql_mode")
	c.TimeZone = l.str("default_time_zone")
	c.LogVerbosity = int(l.number("log_error_verbosity"))
}

// oneOf reads an option with a fixed set of words; the first is the default.
func (l *loader) oneOf(name string, words ...string) string {
	o := byName[name]
	t, _ := l.text(o)
	up := strings.ToUpper(strings.TrimSpace(t))
	for _, w := range words {
		if up == w {
			l.c.Values[name] = w
			return w
		}
	}
	l.fail(o, t, "want one of "+strings.Join(words, ", "))
	return words[0]
}
