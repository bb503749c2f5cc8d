package replica

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/replica/replstate"
)

// mariaDB is a MariaDB server with a binlog, for the length of a test.
type mariaDB struct {
	t    *testing.T
	dir  string
	port int
	cmd  *exec.Cmd
	db   *sql.DB
}

func startMariaDB(t *testing.T) *mariaDB {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a MariaDB server")
	}
	for _, tool := range []string{"mariadbd", "mariadb-install-db", "mariadb-binlog"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mariaDB{t: t, dir: t.TempDir(), port: ln.Addr().(*net.TCPAddr).Port}
	ln.Close()
	out, err := exec.Command("mariadb-install-db", "--no-defaults", "--datadir="+m.dir, "--auth-root-authentication-method=normal",
		"--skip-test-db", "--innodb-log-file-size=4M").CombinedOutput()
	if err != nil {
		t.Fatalf("install: %v\n%s", err, out)
	}
	m.start()
	t.Cleanup(m.kill)
	return m
}

func (m *mariaDB) start() {
	m.t.Helper()
	m.cmd = exec.Command("mariadbd", "--no-defaults", "--datadir="+m.dir, "--user=root", fmt.Sprintf("--port=%d", m.port), "--bind-address=127.0.0.1",
		"--socket="+filepath.Join(m.dir, "s"), "--log-bin=mysql-bin", "--server-id=201", "--binlog-format=ROW", "--innodb-log-file-size=4M",
		"--sync-binlog=1", "--binlog-checksum=CRC32", "--skip-name-resolve", "--pid-file="+filepath.Join(m.dir, "pid"))
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	db, err := sql.Open("mysql", fmt.Sprintf("root@tcp(127.0.0.1:%d)/", m.port))
	if err != nil {
		m.t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	m.db = db
	for deadline := time.Now().Add(40 * time.Second); db.Ping() != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Fatal("MariaDB does not answer")
		}
	}
}

func (m *mariaDB) kill() {
	if m.cmd != nil {
		m.db.Close()
		m.cmd.Process.Kill()
		m.cmd.Wait()
		m.cmd = nil
	}
}

func (m *mariaDB) exec(statements ...string) {
	m.t.Helper()
	for _, s := range statements {
		if _, err := m.db.Exec(s); err != nil {
			m.t.Fatalf("%s: %v", s, err)
		}
	}
}

// TestMariaDB_AsSource follows a live MariaDB through DDL, transactions of all
// kinds, compressed events, rotation, a kill and a restart.
func TestMariaDB_AsSource(t *testing.T) {
	m := startMariaDB(t)
	m.exec("CREATE USER 'Slave'@'%' IDENTIFIED BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'Slave'@'%'")
	dir := filepath.Join(t.TempDir(), "relay")
	r := newRig(t, func(r *rig) {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		t.Cleanup(cancel)
		r.ctx = ctx
		r.opt.Relay.FS, r.opt.Relay.Dir = vfs.Default, dir
		r.set.KeepRelayLogs = true
	})
	if err := r.Change(r.ctx, "", replstate.Change{Port: ptr(uint16(m.port)), ConnectRetry: ptr(50 * time.Millisecond)}); err != nil {
		t.Fatal(err)
	}
	r.start(0)
	follow := func() {
		t.Helper()
		var file, do, ignore string
		var pos uint64
		if err := m.db.QueryRow("SHOW MASTER STATUS").Scan(&file, &pos, &do, &ignore); err != nil {
			t.Fatal(err)
		}
		r.until("caught up with "+fmt.Sprint(file, ":", pos), func(st *replstate.ReplicaStatus) bool {
			if st.SQLError.Number != 0 || st.IOError.Number == 13117 {
				t.Fatalf("SQL %+v, IO %+v", st.SQLError, st.IOError)
			}
			return st.Exec == replstate.Coord{File: file, Pos: pos}
		})
	}
	m.exec("CREATE DATABASE d", "CREATE TABLE d.t (a LONGBLOB) ENGINE=InnoDB", "INSERT INTO d.t VALUES (REPEAT('x', 10))")
	follow()
	m.exec("BEGIN", "INSERT INTO d.t VALUES ('1')", "SAVEPOINT s", "INSERT INTO d.t VALUES ('22')", "ROLLBACK TO s", "COMMIT",
		"FLUSH LOGS", "SET GLOBAL log_bin_compress=ON", "INSERT INTO d.t VALUES (REPEAT('y', 5000))",
		"SET GLOBAL log_bin_compress=OFF", "INSERT INTO d.t VALUES (REPEAT('z', 3000000))", "SET SESSION binlog_annotate_row_events=ON",
		"INSERT INTO d.t VALUES ('after')")
	follow()
	m.kill()
	r.until("lost", func(st *replstate.ReplicaStatus) bool {
		return st.IORunning == replstate.Connecting && st.IOError.Number == 2003
	})
	m.start()
	m.exec("INSERT INTO d.t VALUES ('back')")
	follow()
	r.stop(0)
	r.restart()
	m.exec("INSERT INTO d.t VALUES ('again')")
	r.start(0)
	follow()
	var rows []string
	for _, line := range r.target.applied() {
		if strings.HasPrefix(line, "rows ") && strings.Contains(line, "map(d)") {
			rows = append(rows, line)
		}
	}
	// Image sizes: one byte of NULL bitmap, four of length, the value.
	want := []int{15, 6, 5005, 3000005, 10, 9, 10}
	if len(rows) != len(want) {
		t.Fatalf("applied %d transactions with rows, want %d:\n%.3000s", len(rows), len(want), strings.Join(r.target.applied(), "\n"))
	}
	for i, line := range rows {
		if !strings.Contains(line, fmt.Sprintf(",%d)", want[i])) {
			t.Errorf("transaction %d: %s, want %d bytes", i, line, want[i])
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "relay-bin.0*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("relay log files %v, %v", files, err)
	}
	for _, f := range files {
		out, err := exec.Command("mariadb-binlog", "--no-defaults", "-v", "--verify-binlog-checksum", f).CombinedOutput()
		if err != nil || strings.Contains(string(out), "ERROR") {
			t.Errorf("mariadb-binlog on %s: %v\n%.2000s", filepath.Base(f), err, out)
		}
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
}
