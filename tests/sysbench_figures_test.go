package tests

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// benchTargets are the servers that sysbench compares: name and port.
type benchTarget struct {
	name string
	port int
}

// startDolt starts the Dolt binary that BINRELAY_DOLT names, and returns its
// port; 0 without one.
func startDolt(t *testing.T) int {
	t.Helper()
	bin := os.Getenv("BINRELAY_DOLT")
	if bin == "" {
		return 0
	}
	dir, port := t.TempDir(), cluster.FreePort(t)
	cmd := exec.Command(bin, "sql-server", "--host=127.0.0.1", fmt.Sprintf("--port=%d", port), "--data-dir="+dir)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	return port
}

var sysbenchTPS = regexp.MustCompile(`transactions:\s+\d+\s+\(([0-9.]+) per sec\.\)`)

// Statements from sysbench's OLTP tests: transactions/s of binrelay, MariaDB
// 10.11 and, when BINRELAY_DOLT names its binary, Dolt, all durable, in turns,
// each figure the median of three. BINRELAY_LONG makes the turns 10 s.
func TestFigures_Sysbench(t *testing.T) {
	needBench(t)
	cluster.Need(t, "sysbench")
	rows, seconds := 20000, 2
	if long() {
		rows, seconds = 100000, 10
	}
	ours := cluster.Start(t, "ours", "server-id=1", "log-bin=mysql-bin")
	ours.Exec("CREATE DATABASE sbtest")
	m := cluster.StartMariaDB(t, "--server-id=100", "--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=1G", "--innodb-log-file-size=256M")
	m.Exec("CREATE DATABASE sbtest")
	targets := []benchTarget{{"ours", ours.Port}, {"MariaDB", m.Port}}
	if port := startDolt(t); port != 0 {
		cluster.WaitFor(t, 30*time.Second, func() string {
			out, err := exec.Command(cluster.Need(t, "mariadb"), "-h127.0.0.1", fmt.Sprintf("-P%d", port), "-uroot", "-e", "CREATE DATABASE sbtest").CombinedOutput()
			if err != nil {
				return "Dolt does not answer: " + string(out)
			}
			return ""
		})
		targets = append(targets, benchTarget{"Dolt", port})
	}
	size := fmt.Sprintf("--table-size=%d", rows)
	for _, x := range targets {
		sysbench(t, x.port, "oltp_read_write", "prepare", size)
	}
	for _, script := range []string{
		"oltp_point_select", "oltp_read_only", "oltp_insert", "oltp_update_index", "oltp_update_non_index", "oltp_write_only", "oltp_read_write",
	} {
		for _, threads := range []int{1, 4, 16} {
			tps := map[string][]float64{}
			for range 3 {
				for _, x := range targets {
					out := sysbench(t, x.port, script, "run", size, fmt.Sprintf("--threads=%d", threads), fmt.Sprintf("--time=%d", seconds),
						"--rand-type=uniform", "--mysql-ignore-errors=1213,1205,1020,1062")
					found := sysbenchTPS.FindStringSubmatch(out)
					if found == nil {
						t.Fatalf("no figure in\n%s", out)
					}
					v, _ := strconv.ParseFloat(found[1], 64)
					tps[x.name] = append(tps[x.name], v)
				}
			}
			text := ""
			for _, x := range targets {
				slices.Sort(tps[x.name])
				text += fmt.Sprintf("%s %.0f  ", x.name, tps[x.name][1])
			}
			for _, x := range targets[1:] {
				text += fmt.Sprintf("ours/%s %.2f  ", x.name, tps["ours"][1]/tps[x.name][1])
			}
			figure(t, fmt.Sprintf("%s, %d threads, tps", script, threads), "%s", strings.TrimSpace(text))
		}
	}
}

// profileParts are where a statement's time can go. A sample belongs to the
// part whose function is nearest to the leaf of its stack.
var profileParts = []struct{ name, function string }{
	{"client", "go-sql-driver/mysql."},
	{"sync", "logfile.(*Writer).Sync"},
	{"commit", "storage.(*committer)."},
	{"storage", "binrelay/sql/storage"},
	{"storage", "cockroachdb/pebble"},
	{"binlog", "binrelay/binlog"},
	{"tables", "binrelay/sql/tables"},
	{"parse", "vitess/go/vt/sqlparser"},
	{"plan", "go-mysql-server/sql/planbuilder"},
	{"plan", "go-mysql-server/sql/analyzer"},
	{"plan", "go-mysql-server/sql/memo"},
	{"execute", "go-mysql-server/sql/rowexec"},
	{"engine", "go-mysql-server"},
	{"wire", "binrelay/sql/wire"},
	{"our SQL", "binrelay/sql."},
	{"collector", "runtime.gcBgMarkWorker"},
}

// Where the time of each kind of statement goes: shares of the CPU samples of
// BenchmarkStatement, client included, in percent.
func TestFigures_Profile(t *testing.T) {
	needBench(t)
	dir := t.TempDir()
	bin := filepath.Join(dir, "sql.test")
	build := exec.Command("go", "test", "-c", "-o", bin, "./sql")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, kind := range []string{"select-text", "select-prepared", "select-range", "insert", "update", "transaction"} {
		prof := filepath.Join(dir, kind)
		run := exec.Command(bin, "-test.run=^$", "-test.bench=^BenchmarkStatement$/^"+kind+"$", "-test.benchtime=5s", "-test.cpuprofile="+prof)
		if out, err := run.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		traces, err := exec.Command("go", "tool", "pprof", "-traces", bin, prof).Output()
		if err != nil {
			t.Fatal(err)
		}
		figure(t, "profile of "+kind+", percent of CPU", "%s", shares(t, traces))
	}
}

// shares adds up the samples of `pprof -traces` by part.
func shares(t *testing.T, traces []byte) string {
	t.Helper()
	total, by := time.Duration(0), map[string]time.Duration{}
	for _, stack := range bytes.Split(traces, []byte("-----------+")) {
		var spent time.Duration
		part := "runtime"
	frames:
		for line := range strings.Lines(string(stack)) {
			f := strings.Fields(line)
			if len(f) == 0 || strings.HasPrefix(f[0], "---") {
				continue
			}
			if d, err := time.ParseDuration(f[0]); err == nil && spent == 0 {
				spent, f = d, f[1:]
			}
			if spent == 0 || len(f) == 0 {
				continue
			}
			for _, p := range profileParts {
				if strings.Contains(f[0], p.function) {
					part = p.name
					break frames
				}
			}
		}
		total += spent
		by[part] += spent
	}
	if total == 0 {
		t.Fatalf("no samples in\n%.2000s", traces)
	}
	names := slices.Collect(maps.Keys(by))
	slices.SortFunc(names, func(a, b string) int { return int(by[b] - by[a]) })
	var text []string
	for _, n := range names {
		if share := float64(by[n]) / float64(total) * 100; share >= 0.5 {
			text = append(text, fmt.Sprintf("%s %.0f", n, share))
		}
	}
	return strings.Join(text, ", ")
}
