package tests

import (
	"fmt"
	"path/filepath"
	"testing"

	"binrelay/tests/cluster"
)

// What the option file sets, SHOW VARIABLES shows, and the option takes effect
// where that can be seen from outside.
func TestVariables_ShowWhatWasSet(t *testing.T) {
	lines := []string{
		"server-id=77", "log-bin=my-log.bin", "relay-log=my-relay", "max_binlog_size=8M", "expire_logs_days=3", "sync_binlog=0",
		"sync_relay_log=17", "binlog_cache_size=64K", "log-slave-updates=OFF", "read_only=ON", "report_host=here", "report_port=99",
		"max_allowed_packet=2M", "max_connections=33", "connect_timeout=7", "wait_timeout=600", "interactive_timeout=601",
		"innodb_lock_wait_timeout=9", "innodb_buffer_pool_size=64M", "collation-server=utf8mb4_bin", "skip-slave-start",
		"slave_net_timeout=45", "max_relay_log_size=1M", "binlog_ignore_db=a", "binlog_ignore_db=b", "replicate_do_db=c",
		"transaction_isolation=READ-COMMITTED", "default-time-zone=+01:00", "net_write_timeout=61",
	}
	s := cluster.Start(t, "server", lines...)
	for name, want := range map[string]string{
		"server_id": "77", "log_bin": "ON", "log_bin_basename": filepath.Join(s.Dir, "my-log"), "relay_log": "my-relay",
		"relay_log_basename": filepath.Join(s.Dir, "my-relay"), "max_binlog_size": "8388608", "binlog_expire_logs_seconds": "259200", "sync_binlog": "0",
		"sync_relay_log": "17", "binlog_cache_size": "65536", "log_slave_updates": "OFF", "log_replica_updates": "OFF", "read_only": "ON",
		"super_read_only": "OFF", "report_host": "here", "report_port": "99", "max_allowed_packet": "2097152", "max_connections": "33",
		"connect_timeout": "7", "wait_timeout": "600", "innodb_lock_wait_timeout": "9",
		"innodb_buffer_pool_size": "67108864", "collation_server": "utf8mb4_bin", "character_set_server": "utf8mb4", "skip_slave_start": "ON",
		"slave_net_timeout": "45", "replica_net_timeout": "45", "max_relay_log_size": "1048576", "binlog_ignore_db": "a,b", "replicate_do_db": "c",
		"transaction_isolation": "READ-COMMITTED", "time_zone": "+01:00", "net_write_timeout": "61",
		"port": fmt.Sprint(s.Port), "datadir": s.Dir + "/", "version": "8.0.36-binrelay", "bind_address": "127.0.0.1",
	} {
		rows := s.Rows("SHOW GLOBAL VARIABLES LIKE '" + name + "'")
		if len(rows) != 1 || rows[0][1] != want {
			t.Errorf("SHOW GLOBAL VARIABLES LIKE '%s': %q, want %q", name, rows, want)
		}
	}
	if st := s.Rows("SHOW MASTER STATUS")[0]; st[0] != "my-log.000001" || st[3] != "a,b" {
		t.Errorf("SHOW MASTER STATUS: %q", st)
	}
}
