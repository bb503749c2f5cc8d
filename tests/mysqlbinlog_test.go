package tests

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
