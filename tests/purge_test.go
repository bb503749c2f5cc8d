package tests

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// heldUp starts a primary with small binlog files and a replica that stops in
// the middle of reading an old one: the process is halted, and more is sent
// than fits into the buffers between them.
func heldUp(t *testing.T, lines ...string) (p, r *cluster.Server) {
	t.Helper()
	p = cluster.Start(t, "primary", append([]string{"server-id=1", "log-bin=mysql-bin", "max_binlog_size=1M"}, lines...)...)
	r = cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin", "read_only=ON")
	cluster.Follow(t, p, r)
	p.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY AUTO_INCREMENT, pad LONGTEXT)")
	cluster.WaitCaughtUp(t, p, r, 20*time.Second)
	r.Signal(syscall.SIGSTOP)
	t.Cleanup(func() { r.Signal(syscall.SIGCONT) })
	for range 24 {
		p.Exec("INSERT INTO d.t (pad) VALUES (REPEAT('x', 1000000))")
	}
	return p, r
}

func logNames(s *cluster.Server) []string {
	var names []string
	for _, row := range s.Rows("SHOW BINARY LOGS") {
		names = append(names, row[0])
	}
	return names
}

// PURGE stops at a file that a replica is reading, with warning 1867 at the
// stock client; the replica goes on, and then the file can go.
func TestPurge_StopsAtAReplica(t *testing.T) {
	t.Parallel()
	p, r := heldUp(t)
	before := logNames(p)
	last := before[len(before)-1]
	out, err := p.Client("PURGE BINARY LOGS TO '"+last+"'; SHOW WARNINGS;", "-N")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	left := logNames(p)
	if len(left) < 3 || len(left) == len(before) {
		t.Fatalf("%d files before, %d after: %s", len(before), len(left), out)
	}
	want := fmt.Sprintf("Warning\t1867\tfile %s was not purged because it was being read by 1 thread(s), purged only %d out of %d files.", left[0], len(before)-len(left), len(before)-1)
	if !strings.Contains(strings.ReplaceAll(out, "./", ""), want) {
		t.Errorf("the client saw %q, want %q", out, want)
	}
	out, err = p.Client("PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY; SHOW WARNINGS;", "-N")
	if err != nil || !strings.Contains(out, "1867") || fmt.Sprint(logNames(p)) != fmt.Sprint(left) {
		t.Errorf("PURGE … BEFORE: %v %s, files %v", err, out, logNames(p))
	}
	r.Signal(syscall.SIGCONT)
	cluster.WaitCaughtUp(t, p, r, 30*time.Second)
	if st := r.Status(); st["Slave_IO_Running"] != "Yes" || st["Last_IO_Errno"] != "0" {
		t.Errorf("the replica's IO thread: %s, %s", st["Slave_IO_Running"], st["Last_IO_Error"])
	}
	out, err = p.Client("PURGE BINARY LOGS TO '"+last+"'; SHOW WARNINGS;", "-N")
	if names := logNames(p); err != nil || strings.Contains(out, "Warning") || len(names) != 1 || names[0] != last {
		t.Errorf("after the replica has read them: %v %s, files %v", err, out, names)
	}
	p.Kill()
	p.Run()
	cluster.SameData(t, p.Name, p.DB(), r.Name, r.DB())
}

// Expiry stops at a file that a replica is reading, too, and takes nothing that
// recovery needs; FLUSH BINARY LOGS asks for it, as does a start.
func TestPurge_Expiry(t *testing.T) {
	t.Parallel()
	p, r := heldUp(t)
	p.Exec("FLUSH BINARY LOGS")
	before := logNames(p)
	time.Sleep(1100 * time.Millisecond) // the files grow older than a second
	p.Exec("SET GLOBAL binlog_expire_logs_seconds = 1", "SET GLOBAL binlog_expire_logs_auto_purge = OFF", "FLUSH BINARY LOGS")
	if n := len(logNames(p)); n != len(before)+1 {
		t.Errorf("with auto_purge off %d of %d files are left", n, len(before)+1)
	}
	p.Exec("SET GLOBAL binlog_expire_logs_auto_purge = ON", "FLUSH BINARY LOGS")
	left := logNames(p)
	if len(left) < 4 || len(left) >= len(before)+2 {
		t.Fatalf("%d files before, %d after", len(before), len(left))
	}
	r.Signal(syscall.SIGCONT)
	cluster.WaitCaughtUp(t, p, r, 30*time.Second)
	if st := r.Status(); st["Last_IO_Errno"] != "0" {
		t.Errorf("the replica: %s", st["Last_IO_Error"])
	}
	p.Exec("INSERT INTO d.t (pad) VALUES ('last')")
	p.Kill() // the last file is all that recovery has
	time.Sleep(1100 * time.Millisecond)
	p.Run("--binlog-expire-logs-seconds=1")
	cluster.WaitFor(t, 5*time.Second, func() string {
		if names := logNames(p); len(names) > 2 {
			return fmt.Sprintf("expired files stay: %v", names)
		}
		return ""
	})
	if n := p.One("SELECT COUNT(*) FROM d.t"); n != "25" {
		t.Errorf("%s rows, want 25", n)
	}
	cluster.WaitCaughtUp(t, p, r, 30*time.Second)
	cluster.SameData(t, p.Name, p.DB(), r.Name, r.DB())
	p.Exec("SET GLOBAL binlog_expire_logs_seconds = 0")
	if out, err := p.Client("SET GLOBAL expire_logs_days = 3; SET GLOBAL binlog_expire_logs_seconds = 9;"); err == nil || !strings.Contains(out, "ERROR 3704 (HY000)") {
		t.Errorf("both ages: %v %s", err, out)
	}
}
