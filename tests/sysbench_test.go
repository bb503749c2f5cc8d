package tests

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// long reports whether the long runs were asked for (make interop).
func long() bool { return os.Getenv("BINRELAY_LONG") != "" }

// sysbench runs one of its commands against a server's database sbtest.
func sysbench(t *testing.T, port int, script, command string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	args = append([]string{script, "--db-driver=mysql", "--mysql-host=127.0.0.1", fmt.Sprintf("--mysql-port=%d", port),
		"--mysql-user=root", "--mysql-db=sbtest", "--tables=2"}, append(args, command)...)
	out, err := exec.CommandContext(ctx, cluster.Need(t, "sysbench"), args...).CombinedOutput()
	if err != nil || strings.Contains(string(out), "FATAL") {
		t.Fatalf("sysbench %s %s: %v\n%s", script, command, err, out)
	}
	return string(out)
}

func loadSize() (rows, seconds int) {
	if long() {
		return 100000, 60
	}
	return 2000, 5
}

// sysbench prepares, writes with 8 threads and cleans up on the primary while
// two replicas follow: every row and CHECKSUM TABLE agree on all three.
func TestSysbench_ReplicasEqual(t *testing.T) {
	ran(t, "sysbench", versionOf(t, "sysbench"), "8 threads on a primary, two replicas row-identical")
	cluster.Need(t, "sysbench")
	primary := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin", "max_binlog_size=1M")
	r1 := cluster.Start(t, "replica1", "server-id=2", "log-bin=mysql-bin", "read_only=ON")
	r2 := cluster.Start(t, "replica2", "server-id=3", "skip-log-slave-updates", "read_only=ON")
	cluster.Follow(t, primary, r1, r2)
	primary.Exec("CREATE DATABASE sbtest")
	rows, seconds := loadSize()
	size := fmt.Sprintf("--table-size=%d", rows)
	sysbench(t, primary.Port, "oltp_read_write", "prepare", size)
	out := sysbench(t, primary.Port, "oltp_read_write", "run", size, "--threads=8", fmt.Sprintf("--time=%d", seconds), "--mysql-ignore-errors=1213,1205,1020")
	t.Log(out[strings.Index(out, "SQL statistics"):])
	for _, r := range []*cluster.Server{r1, r2} {
		cluster.WaitCaughtUp(t, primary, r, 2*time.Minute)
		cluster.SameData(t, primary.Name, primary.DB(), r.Name, r.DB())
		for _, table := range []string{"sbtest.sbtest1", "sbtest.sbtest2"} {
			a, b := primary.Rows("CHECKSUM TABLE " + table)[0], r.Rows("CHECKSUM TABLE " + table)[0]
			if a[1] != b[1] || a[1] == "0" || a[1] == "NULL" {
				t.Errorf("CHECKSUM TABLE %s: %s on the primary, %s on %s", table, a[1], b[1], r.Name)
			}
		}
	}
	sysbench(t, primary.Port, "oltp_read_write", "cleanup")
	for _, r := range []*cluster.Server{r1, r2} {
		cluster.WaitCaughtUp(t, primary, r, time.Minute)
		if n := len(r.Rows("SHOW TABLES FROM sbtest")); n != 0 {
			t.Errorf("%s: %d tables after cleanup", r.Name, n)
		}
	}
}
