package tests

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"binrelay/binlog/event"
	"binrelay/tests/cluster"
)

// mysqlbinlog prints a file with -v and checksums verified; anything on its
// standard error is a complaint.
func mysqlbinlog(t *testing.T, file string) string {
	t.Helper()
	cmd := exec.Command(cluster.Need(t, "mariadb-binlog"), "--no-defaults", "-v", "-v", "--verify-binlog-checksum", file)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil || errs.Len() > 0 {
		t.Errorf("mariadb-binlog %s: %v\n%s", filepath.Base(file), err, errs.String())
	}
	return out.String()
}

// MariaDB's mysqlbinlog prints every binlog and relay log that we wrote.
func TestMysqlbinlog_PrintsBinlogAndRelayLog(t *testing.T) {
	ran(t, "mysqlbinlog (MariaDB)", versionOf(t, "mariadb-binlog"), "prints binlogs and relay logs, checksums verified")
	cluster.Need(t, "mariadb-binlog")
	primary := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin", "collation-server=utf8mb4_general_ci")
	replica := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin", "relay-log=relay", "collation-server=utf8mb4_general_ci")
	cluster.Follow(t, primary, replica)
	primary.Exec(ddl...)
	primary.Exec("FLUSH BINARY LOGS", "INSERT INTO d1.c VALUES (77)")
	cluster.WaitCaughtUp(t, primary, replica, 30*time.Second)
	// The IO thread's newest relay file stays until the next one is begun.
	var texts []string
	for _, s := range []*cluster.Server{primary, replica} {
		s.Stop()
		files, err := filepath.Glob(filepath.Join(s.Dir, "mysql-bin.0*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no binlog files: %v", s.Name, err)
		}
		text := ""
		for _, f := range files {
			text += mysqlbinlog(t, f)
		}
		texts = append(texts, text)
	}
	for i, text := range texts {
		for _, want := range []string{"CREATE TABLE d1.a", "### INSERT INTO `d1`.`a`", "### UPDATE `d1`.`a`", "### DELETE FROM `d1`.`a`", "DROP DATABASE d3"} {
			if !strings.Contains(text, want) {
				t.Errorf("binlog of server %d: %q is missing", i+1, want)
			}
		}
	}
	relay, err := filepath.Glob(filepath.Join(replica.Dir, "relay.0*"))
	if err != nil || len(relay) == 0 {
		t.Fatalf("no relay log files: %v", err)
	}
	text := ""
	for _, f := range relay {
		text += mysqlbinlog(t, f)
	}
	if !strings.Contains(text, "Start: binlog v 4") {
		t.Errorf("relay log:\n%s", text)
	}
}

// remote runs mysqlbinlog against a server and returns what it printed.
func remote(t *testing.T, s *cluster.Server, args ...string) string {
	t.Helper()
	return tool(t, s, "mariadb-binlog", append([]string{"--read-from-remote-server"}, args...)...)
}

// mysqlbinlog reads a server's binlog as a replica would: whole, raw, from a
// position, up to a time, and on and on. MariaDB's refuses the version 8.
func TestMysqlbinlog_Remote(t *testing.T) {
	cluster.Need(t, "mariadb-binlog")
	s := cluster.Start(t, "server", "server-id=1", "log-bin=mysql-bin", "version=5.7.44-binrelay", "collation-server=utf8mb4_general_ci")
	s.Exec(ddl...)
	s.Exec("FLUSH BINARY LOGS")
	at := s.Rows("SHOW MASTER STATUS")[0]
	s.Exec("CREATE TABLE d1.later (id INT PRIMARY KEY)", "SET TIMESTAMP = 2000000000; INSERT INTO d1.later VALUES (2033)", "INSERT INTO d1.later VALUES (5)")

	dir := t.TempDir() + "/"
	remote(t, s, "--raw", "--result-file="+dir, "mysql-bin.000001", "mysql-bin.000002")
	for _, name := range []string{"mysql-bin.000001", "mysql-bin.000002"} {
		want, err := os.ReadFile(filepath.Join(s.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(dir + name)
		if err != nil || !bytes.Equal(got, stripped(want)) {
			t.Errorf("--raw of %s: %v, %d bytes that are not the server's %d", name, err, len(got), len(want))
		}
	}

	text := remote(t, s, "--start-position="+at[1], at[0])
	if !strings.Contains(text, "CREATE TABLE d1.later") || strings.Contains(text, "d1.none") {
		t.Errorf("from position %s:\n%s", at[1], text)
	}
	if text := remote(t, s, "-v", "--stop-datetime=2033-01-01 00:00:00", at[0]); !strings.Contains(text, "CREATE TABLE d1.later") || strings.Contains(text, "@1=2033") {
		t.Errorf("up to 2033:\n%s", text)
	}

	// It goes on until it is stopped, through rotations.
	cmd := exec.Command(cluster.Need(t, "mariadb-binlog"), "--no-defaults", "--protocol=tcp", "-h127.0.0.1", "-P"+strconv.Itoa(s.Port), "-uroot",
		"--read-from-remote-server", "--raw", "--stop-never", "--stop-never-slave-server-id=77", "--result-file="+dir+"live-", at[0])
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	}()
	s.Exec("INSERT INTO d1.later VALUES (6)", "FLUSH BINARY LOGS", "INSERT INTO d1.later VALUES (7)", "FLUSH BINARY LOGS")
	cluster.WaitFor(t, 10*time.Second, func() string {
		for _, name := range []string{"mysql-bin.000002", "mysql-bin.000003"} {
			want, err := os.ReadFile(filepath.Join(s.Dir, name))
			if err != nil {
				return err.Error()
			}
			if got, _ := os.ReadFile(dir + "live-" + name); !bytes.Equal(got, stripped(want)) {
				return fmt.Sprintf("%s: %d of %d bytes", name, len(got), len(want))
			}
		}
		return ""
	})
}

// stripped is a binlog file as a server sends it to who wants no checksums, which
// mysqlbinlog does not: the in-use flag is cleared too.
func stripped(file []byte) []byte {
	if len(file) < 4 {
		return file
	}
	out := bytes.Clone(file[:4])
	for rest := file[4:]; len(rest) > 0; {
		ev, after, err := event.First(rest)
		if err != nil {
			return append(out, rest...)
		}
		ev = bytes.Clone(ev)
		if ev.Type() == event.FormatDescription {
			event.SetFlags(ev, ev.Flags()&^1)
		}
		out, rest = append(out, event.StripChecksum(ev)...), after
	}
	return out
}

// What mysqlbinlog prints of a server's binlog makes the same tables on a fresh
// server, of ours and of MariaDB; also up to a position, as after an accident.
func TestMysqlbinlog_PointInTimeRecovery(t *testing.T) {
	cluster.Need(t, "mariadb-binlog")
	lines := []string{"log-bin=mysql-bin", "collation-server=utf8mb4_general_ci", "binlog-atomic-create-select=OFF"}
	source := cluster.Start(t, "source", append(lines, "server-id=1")...)
	source.Exec(ddl...)
	source.Exec(dumped...)
	w := write(t, source.DB(), 4)
	time.Sleep(300 * time.Millisecond)
	w.finish(t)
	script := `SET NAMES latin1; SET sql_mode = 'ANSI_QUOTES'; INSERT INTO d1.a (s) VALUES (CONVERT(0xC3A9 USING utf8mb4));
		SET foreign_key_checks = 0; INSERT INTO shop.transfer (holder, n) VALUES (4711, 1);
		SET TIMESTAMP = 1700000000.25; CREATE TABLE d1.stamped (at DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6)); INSERT INTO d1.stamped VALUES ()`
	if out, err := source.Client(script); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	source.Exec("FLUSH BINARY LOGS", "INSERT INTO d1.c VALUES (78)")
	accident := source.Rows("SHOW MASTER STATUS")[0]
	want := cluster.Digest(t, source.DB())
	source.Exec("DROP DATABASE d1")

	files := []string{filepath.Join(source.Dir, "mysql-bin.000001"), filepath.Join(source.Dir, accident[0])}
	cmd := exec.Command(cluster.Need(t, "mariadb-binlog"), append([]string{"--no-defaults", "--stop-position=" + accident[1]}, files...)...)
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	target := cluster.Start(t, "target", append(lines, "server-id=2")...)
	load(t, target.Port, string(text))
	same(t, "target", cluster.Digest(t, target.DB()), want)
	// Its own binlog has the same again.
	replica := cluster.Start(t, "replica", append(lines, "server-id=3")...)
	cluster.Follow(t, target, replica)
	cluster.WaitCaughtUp(t, target, replica, 30*time.Second)
	same(t, "replica", cluster.Digest(t, replica.DB()), want)

	m := cluster.StartMariaDB(t, "--server-id=100")
	load(t, m.Port, string(text))
	same(t, "MariaDB", cluster.Digest(t, m.DB), want)
}

func same(t *testing.T, name string, got, want map[string]string) {
	t.Helper()
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %s has %s, want %s", name, k, got[k], v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s has %d databases and tables, want %d", name, len(got), len(want))
	}
}
