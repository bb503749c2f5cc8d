package cluster

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// MariaDB is a real MariaDB server on loopback.
type MariaDB struct {
	Dir  string
	Port int
	DB   *sql.DB // as root

	t    testing.TB
	args []string
	cmd  *exec.Cmd
	done chan struct{}
	log  *os.File
}

// StartMariaDB makes a data directory and starts mariadbd with row logging and
// the given extra arguments.
func StartMariaDB(t testing.TB, args ...string) *MariaDB {
	t.Helper()
	server := Need(t, "mariadbd")
	install := Need(t, "mariadb-install-db")
	dir := t.TempDir()
	m := &MariaDB{Dir: filepath.Join(dir, "data"), Port: FreePort(t), t: t}
	out, err := exec.Command(install, "--no-defaults", "--datadir="+m.Dir, "--auth-root-authentication-method=normal", "--skip-test-db", "--user=root").CombinedOutput()
	if err != nil {
		t.Fatalf("mariadb-install-db: %v\n%s", err, out)
	}
	if m.log, err = os.Create(filepath.Join(dir, "mariadb.log")); err != nil {
		t.Fatal(err)
	}
	m.args = append([]string{server, "--no-defaults", "--user=root", "--datadir=" + m.Dir, fmt.Sprintf("--port=%d", m.Port),
		"--bind-address=127.0.0.1", "--socket=" + filepath.Join(dir, "s"), "--pid-file=" + filepath.Join(dir, "pid"),
		"--log-bin=mariadb-bin", "--binlog-format=ROW", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M",
		"--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0", "--skip-name-resolve"}, args...)
	if m.DB, err = sql.Open("mysql", fmt.Sprintf("root@tcp(127.0.0.1:%d)/?multiStatements=true&interpolateParams=true", m.Port)); err != nil {
		t.Fatal(err)
	}
	m.Run()
	t.Cleanup(func() {
		m.DB.Close()
		m.Stop()
		if t.Failed() {
			t.Logf("log of MariaDB:\n%s", tail(m.log.Name(), 4000))
		}
		m.log.Close()
	})
	return m
}

// Run starts the process and waits until it answers.
func (m *MariaDB) Run() {
	m.t.Helper()
	m.cmd = exec.Command(m.args[0], m.args[1:]...)
	m.cmd.Stdout, m.cmd.Stderr = m.log, m.log
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	done := make(chan struct{})
	m.done = done
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait() // a server that ended shows in Ready
		close(done)
	}(m.cmd)
	WaitFor(m.t, 40*time.Second, func() string {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := m.DB.PingContext(ctx); err != nil {
			return "MariaDB does not answer: " + err.Error()
		}
		return ""
	})
}

// Stop ends the process in an orderly way and waits for it.
func (m *MariaDB) Stop() {
	_ = m.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-m.done:
	case <-time.After(20 * time.Second):
		_ = m.cmd.Process.Kill()
		<-m.done
	}
}

// Exec runs statements and fails the test on an error.
func (m *MariaDB) Exec(stmts ...string) {
	m.t.Helper()
	for _, q := range stmts {
		if _, err := m.DB.Exec(q); err != nil {
			m.t.Fatalf("MariaDB: %s: %v", q, err)
		}
	}
}

// FollowFrom makes MariaDB follow a server of ours from a coordinate, as repl
// with the password secret.
func (m *MariaDB) FollowFrom(source *Server, file, pos string) {
	m.t.Helper()
	m.Exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='repl', MASTER_PASSWORD='secret', MASTER_LOG_FILE='%s', MASTER_LOG_POS=%s, MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=no", source.Port, file, pos), "START SLAVE")
}

// WaitCaughtUp waits until MariaDB has applied everything that source shows now.
func (m *MariaDB) WaitCaughtUp(source *Server, d time.Duration) {
	m.t.Helper()
	row := source.Rows("SHOW MASTER STATUS")[0]
	WaitFor(m.t, d, func() string {
		st, err := RowMap(m.DB, "SHOW SLAVE STATUS")
		if err != nil {
			return err.Error()
		}
		if st["Last_SQL_Errno"] != "0" || st["Last_IO_Errno"] == "1236" {
			m.t.Fatalf("MariaDB stopped: SQL %s %s, IO %s", st["Last_SQL_Errno"], st["Last_SQL_Error"], st["Last_IO_Error"])
		}
		if Reached(st["Relay_Master_Log_File"], st["Exec_Master_Log_Pos"], row[0], row[1]) {
			return ""
		}
		return fmt.Sprintf("MariaDB is at %s:%s, %s at %s:%s; IO %s %s", st["Relay_Master_Log_File"], st["Exec_Master_Log_Pos"],
			source.Name, row[0], row[1], st["Slave_IO_Running"], st["Last_IO_Error"])
	})
}
