package conf_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"binrelay/conf"
)

func load(t *testing.T, file string, args ...string) (*conf.Config, error) {
	t.Helper()
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	conf.Flags(fs)
	if file != "" {
		path := filepath.Join(t.TempDir(), "my.cnf")
		if yaml, ok := strings.CutPrefix(file, "# yaml\n"); ok {
			path, file = strings.TrimSuffix(path, ".cnf")+".yaml", yaml
		}
		if err := os.WriteFile(path, []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--defaults-file="+path)
	}
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	return conf.Load(fs)
}

func mustLoad(t *testing.T, file string, args ...string) *conf.Config {
	t.Helper()
	c, err := load(t, file, args...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoad_Defaults(t *testing.T) {
	c := mustLoad(t, "")
	if !c.LogBin || c.LogBinBase != "binlog" || c.ServerID != 1 || c.BindAddress != "127.0.0.1" || c.Port != 3306 {
		t.Errorf("defaults: %+v", c)
	}
	if c.MaxAllowedPacket != 64<<20 || c.SyncBinlog != 1 || c.BinlogExpire != 30*24*time.Hour || c.ReadOnly {
		t.Errorf("defaults: %+v", c)
	}
	if len(c.Warnings) != 0 {
		t.Errorf("defaults warn: %q", c.Warnings)
	}
}

// The option file of the classic replication tutorial.
func TestLoad_TutorialFile(t *testing.T) {
	c := mustLoad(t, `
[client]
port=1
[mysqld]
server-id=201
log-bin=/var/lib/x/mysql-bin.log   # binary log
expire_logs_days=10
max_binlog_size=200M
binlog_ignore_db=mysql
binlog-ignore-db = "sys"
replicate_ignore_db=mysql
`)
	if c.ServerID != 201 || c.LogBinBase != "mysql-bin" || c.LogBinDir != "/var/lib/x" {
		t.Errorf("log-bin: %d %q %q", c.ServerID, c.LogBinDir, c.LogBinBase)
	}
	if c.BinlogExpire != 240*time.Hour || c.MaxBinlogSize != 200<<20 {
		t.Errorf("expire %v size %d", c.BinlogExpire, c.MaxBinlogSize)
	}
	if !slices.Equal(c.BinlogIgnoreDB, []string{"mysql", "sys"}) || !slices.Equal(c.ReplicateIgnoreDB, []string{"mysql"}) {
		t.Errorf("filters %q %q", c.BinlogIgnoreDB, c.ReplicateIgnoreDB)
	}
	if c.Values["binlog_expire_logs_seconds"] != "864000" || c.Values["log_bin_basename"] != "/var/lib/x/mysql-bin" {
		t.Errorf("values %q", c.Values)
	}
	if c.Port != 3306 {
		t.Errorf("port %d was read from [client]", c.Port)
	}
}

func TestLoad_OrderOfSources(t *testing.T) {
	t.Setenv("BINRELAY_SERVER_ID", "7")
	t.Setenv("BINRELAY_PORT", "4000")
	t.Setenv("BINRELAY_BINLOG_DO_DB", "a, b")
	c := mustLoad(t, "[mysqld]\nserver_id=5\nport=5000\nreport-host=h\n", "--port=6000")
	if c.ServerID != 7 || c.Port != 6000 || c.ReportHost != "h" {
		t.Errorf("server_id %d port %d report_host %q", c.ServerID, c.Port, c.ReportHost)
	}
	if !slices.Equal(c.BinlogDoDB, []string{"a", "b"}) {
		t.Errorf("binlog_do_db %q", c.BinlogDoDB)
	}
}

func TestLoad_Values(t *testing.T) {
	for _, tc := range []struct {
		lines string
		check func(c *conf.Config) bool
	}{
		{"skip-slave-start", func(c *conf.Config) bool { return c.SkipReplicaStart }},
		{"skip_replica_start=0", func(c *conf.Config) bool { return !c.SkipReplicaStart }},
		{"skip-log-bin", func(c *conf.Config) bool { return !c.LogBin }},
		{"disable-log-bin", func(c *conf.Config) bool { return !c.LogBin }},
		{"log-bin", func(c *conf.Config) bool { return c.LogBin && c.LogBinBase == "binlog" }},
		{"skip-log-slave-updates", func(c *conf.Config) bool { return !c.LogReplicaUpdates }},
		{"log-slave-updates=OFF", func(c *conf.Config) bool { return !c.LogReplicaUpdates }},
		{"super_read_only", func(c *conf.Config) bool { return c.SuperReadOnly && c.ReadOnly }},
		{"innodb-buffer-pool-size=1G", func(c *conf.Config) bool { return c.CacheSize == 1<<30 }},
		{"max_binlog_size=5000", func(c *conf.Config) bool { return c.MaxBinlogSize == 4096 && len(c.Warnings) == 1 }},
		{"max_binlog_size=2G", func(c *conf.Config) bool { return c.MaxBinlogSize == 1<<30 && len(c.Warnings) == 1 }},
		{"expire_logs_days=1\nbinlog_expire_logs_seconds=60", func(c *conf.Config) bool { return c.BinlogExpire == time.Minute && len(c.Warnings) == 1 }},
		{"loose-no-such-thing=1", func(c *conf.Config) bool { return len(c.Warnings) == 1 }},
		{"innodb_flush_log_at_trx_commit=2", func(c *conf.Config) bool { return len(c.Warnings) == 1 }},
		{"innodb_flush_log_at_trx_commit=1", func(c *conf.Config) bool { return len(c.Warnings) == 0 }},
		{"innodb_io_capacity=200", func(c *conf.Config) bool { return len(c.Warnings) == 1 }},
		{"binlog-format=ROW", func(c *conf.Config) bool { return len(c.Warnings) == 0 }},
		{"binlog_format=MIXED", func(c *conf.Config) bool { return len(c.Warnings) == 1 }},
		{"lower_case_table_names=0\nslave_skip_errors=OFF", func(c *conf.Config) bool { return len(c.Warnings) == 0 }},
		{"skip-name-resolve", func(c *conf.Config) bool { return len(c.Warnings) == 1 }},
		{"report_host = 'a#b'", func(c *conf.Config) bool { return c.ReportHost == "a#b" }},
		{`report_host = a\sb`, func(c *conf.Config) bool { return c.ReportHost == "a b" }},
		{"relay_log=rel.x", func(c *conf.Config) bool { return c.RelayLogBase == "rel" && c.RelayLogDir == c.DataDir }},
		{"collation-server=utf8mb4_general_ci", func(c *conf.Config) bool {
			return c.Collation == "utf8mb4_general_ci" && c.CharacterSet == "utf8mb4"
		}},
	} {
		c, err := load(t, "[mysqld]\n"+tc.lines+"\n")
		if err != nil {
			t.Errorf("%q: %v", tc.lines, err)
		} else if !tc.check(c) {
			t.Errorf("%q gives %+v", tc.lines, c)
		}
	}
}

func TestLoad_Errors(t *testing.T) {
	for lines, want := range map[string]string{
		"[mysqld]\n\nno_such_thing=1\n":            "my.cnf:3: unknown option 'no_such_thing'",
		"server-id=1\n":                            "my.cnf:1: found option without preceding group",
		"[mysqld\n":                                "wrong group definition",
		"[mysqld]\nserver-id\n":                    "requires an argument",
		"[mysqld]\nserver-id=x\n":                  "option 'server_id': wrong value 'x'",
		"[mysqld]\nread_only=maybe\n":              "want ON or OFF",
		"[mysqld]\nreport_host='a\n":               "missing closing quote",
		"[mysqld]\n!include missing.cnf\n":         "missing.cnf",
		"[mysqld]\n!frobnicate x\n":                "unknown directive",
		"[mysqld]\nmax_binlog_size=99999999999G\n": "wrong value",
		"[mysqld]\nversion=abc\n":                  "digit of 5 or more",
		"[mysqld]\nssl_cert=x\n":                   "go together",
		"[mysqld]\nrelay-log=a\nlog-bin=a\n":       "same files",
		"[mysqld]\ngtid_mode=ON\n":                 "enforce_gtid_consistency",
		"[mysqld]\nreplicate-do-table=a.b\n":       "my.cnf:2: option 'replicate-do-table' is not supported yet",
		"[mysqld]\nlower_case_table_names=1\n":     "value '1' is not supported yet, only 0",
		"[mysqld]\nskip-networking\n":              "value 'ON' is not supported yet, only OFF",
		"[mysqld]\nslave_skip_errors=1062\n":       "not supported yet",
		"[mysqld]\nbind-address=127.0.0.1,::1\n":   "one address only",
	} {
		_, err := load(t, lines)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", lines, err, want)
		}
	}
}

// The command line takes what the option file takes.
func TestLoad_Flags(t *testing.T) {
	for _, tc := range []struct {
		args  []string
		check func(c *conf.Config) bool
	}{
		{[]string{"--skip-log-bin"}, func(c *conf.Config) bool { return !c.LogBin }},
		{[]string{"--log-bin", "--port=7"}, func(c *conf.Config) bool { return c.LogBin && c.LogBinBase == "binlog" && c.Port == 7 }},
		{[]string{"--log_bin=mysql-bin.log"}, func(c *conf.Config) bool { return c.LogBinBase == "mysql-bin" }},
		{[]string{"--port", "7"}, func(c *conf.Config) bool { return c.Port == 7 }},
		{[]string{"--read-only"}, func(c *conf.Config) bool { return c.ReadOnly }},
		{[]string{"--log-slave-updates=OFF"}, func(c *conf.Config) bool { return !c.LogReplicaUpdates }},
		{[]string{"--skip-slave-start"}, func(c *conf.Config) bool { return c.SkipReplicaStart }},
		{[]string{"--innodb-io-capacity=200"}, func(c *conf.Config) bool { return len(c.Warnings) == 1 }},
		{[]string{"--skip-name-resolve"}, func(c *conf.Config) bool { return len(c.Warnings) == 1 }},
		{[]string{"--binlog-do-db=a", "--binlog-do-db=b"}, func(c *conf.Config) bool {
			return slices.Equal(c.BinlogDoDB, []string{"a", "b"})
		}},
	} {
		c, err := load(t, "", tc.args...)
		if err != nil {
			t.Errorf("%q: %v", tc.args, err)
		} else if !tc.check(c) {
			t.Errorf("%q gives %+v", tc.args, c)
		}
	}
	for arg, want := range map[string]string{
		"--no-such-thing=1":        "unknown flag: --no-such-thing",
		"--replicate-do-table=a.b": "command line: option 'replicate-do-table' is not supported yet",
		"--port=x":                 "option 'port': wrong value 'x'",
	} {
		if _, err := load(t, "", arg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", arg, err, want)
		}
	}
}

// The help shows what there is and nothing of what is merely tolerated.
func TestFlags_Help(t *testing.T) {
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	conf.Flags(fs)
	help := fs.FlagUsages()
	for _, want := range []string{"--server-id number", "--max-binlog-size size", "--binlog-do-db database", "also --log-slave-updates", "--read-only on|off[=ON]"} {
		if !strings.Contains(help, want) {
			t.Errorf("the help has no %q:\n%s", want, help)
		}
	}
	for _, not := range []string{"stringArray", "(default )", "--innodb-io-capacity", "     --slave-net-timeout"} {
		if strings.Contains(help, not) {
			t.Errorf("the help has %q", not)
		}
	}
}

func TestLoad_Include(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("my.cnf", "[mysqld]\nserver-id=1\n!include more.cnf\n!includedir conf.d\n")
	write("more.cnf", "[binrelay]\nserver-id=2\nreport_port=9\n")
	write("conf.d/a.cnf", "[server]\nserver-id=3\n")
	write("conf.d/b.txt", "[server]\nserver-id=4\n")
	write("loop.cnf", "!include loop.cnf\n")
	c := mustLoad(t, "", "--defaults-file="+filepath.Join(dir, "my.cnf"))
	if c.ServerID != 3 || c.ReportPort != 9 {
		t.Errorf("server_id %d, report_port %d", c.ServerID, c.ReportPort)
	}
	if _, err := load(t, "", "--defaults-file="+filepath.Join(dir, "loop.cnf")); err == nil {
		t.Error("a file that includes itself is accepted")
	}
}

func TestConfig_Loopback(t *testing.T) {
	for addr, want := range map[string]bool{"127.0.0.1": true, "::1": true, "localhost": true, "0.0.0.0": false, "*": false, "10.0.0.1": false} {
		if c := mustLoad(t, "", "--bind-address="+addr); c.Loopback() != want {
			t.Errorf("%s: loopback %v", addr, c.Loopback())
		}
	}
}

func TestLoad_YAML(t *testing.T) {
	c := mustLoad(t, `# yaml
server-id: 7
log-bin: mysql-bin.log
max_binlog_size: 16M
read_only: true
skip-slave-start:
binlog_ignore_db: [mysql, test]
client:
  port: 1
mysqld:
  port: 3310
  max_connections: 20 # inside a group
`, "--max-connections=30")
	if c.ServerID != 7 || c.LogBinBase != "mysql-bin" || c.MaxBinlogSize != 16<<20 || !c.ReadOnly || !c.SkipReplicaStart ||
		!slices.Equal(c.BinlogIgnoreDB, []string{"mysql", "test"}) || c.Port != 3310 || c.MaxConnections != 30 {
		t.Errorf("got %+v", c)
	}
	if c := mustLoad(t, "# yaml\n# nothing\n"); c.Port != 3306 {
		t.Errorf("an empty file changes the port to %d", c.Port)
	}
	for file, want := range map[string]string{
		"# yaml\nport: 1\nno_such_option: 2\n": "my.yaml:2: unknown option 'no_such_option'",
		"# yaml\nport: [\n":                    "my.yaml: yaml: line",
		"# yaml\n- port\n":                     "my.yaml:1: want a mapping",
		"# yaml\nport: [[1]]\n":                "option 'port': want a value",
		"# yaml\nread_only: 2\n":               "option 'read_only': wrong value '2'",
	} {
		if _, err := load(t, file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", file, err, want)
		}
	}
}

func TestLoad_Socket(t *testing.T) {
	if c := mustLoad(t, "", "--datadir=/tmp/x"); c.Socket != "/tmp/x/mysql.sock" || c.Values["socket"] != c.Socket {
		t.Errorf("default socket: %q", c.Socket)
	}
	if c := mustLoad(t, "[mysqld]\nsocket=/run/m.sock\n"); c.Socket != "/run/m.sock" {
		t.Errorf("socket: %q", c.Socket)
	}
	if c := mustLoad(t, "", "--socket="); c.Socket != "" || len(c.Warnings) != 0 {
		t.Errorf("no socket: %q, warnings %q", c.Socket, c.Warnings)
	}
	long := "/" + strings.Repeat("d", 110)
	if c := mustLoad(t, "", "--datadir="+long); c.Socket != "" || len(c.Warnings) != 1 {
		t.Errorf("a long data directory: %q, warnings %q", c.Socket, c.Warnings)
	}
	if _, err := load(t, "", "--socket="+long); err == nil {
		t.Error("a long path that was asked for is accepted")
	}
}
