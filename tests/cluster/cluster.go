// Package cluster starts the built binary, real MariaDB servers and stock
// clients for the black-box tests, each in a directory of its own, on loopback,
// and ends whatever it started.
package cluster

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver of DB
)

// Binary is the program under test: $BINRELAY_BIN, else bin/binrelay of the
// checkout. It fails the test when there is none, with the command that builds it.
func Binary(t testing.TB) string {
	t.Helper()
	if p := os.Getenv("BINRELAY_BIN"); p != "" {
		return p
	}
	p := filepath.Join(root(t), "bin", "binrelay")
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("%v: run `make build` first", err)
	}
	return p
}

// root returns the checkout's top directory.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test's directory")
		}
		dir = up
	}
}

// Need returns the path of a program that the test talks to. Without it the
// test is skipped with one line, and fails where CI is set.
func Need(t testing.TB, name string) string {
	t.Helper()
	for _, p := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(p); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed", name)
	}
	t.Skipf("SKIP: %s is not installed (see make tools)", name)
	return ""
}

// FreePort returns a TCP port of loopback that nobody listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Server is one running binrelay. Fields do not change after Start.
type Server struct {
	Name string
	Dir  string // data directory
	Port int
	Conf string // option file

	t    testing.TB
	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
	db   *sql.DB
	log  *os.File
}

// New prepares a server with the given my.cnf lines of the [mysqld] group,
// beside datadir, port and bind-address. It does not start it.
func New(t testing.TB, name string, lines ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	s := &Server{Name: name, Dir: filepath.Join(dir, "data"), Port: FreePort(t), Conf: filepath.Join(dir, "my.cnf"), t: t}
	text := fmt.Sprintf("[mysqld]\ndatadir=%s\nport=%d\nbind-address=127.0.0.1\n%s\n", s.Dir, s.Port, strings.Join(lines, "\n"))
	if err := os.WriteFile(s.Conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	s.log = log
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, tail(log.Name(), 6000))
		}
		log.Close()
	})
	return s
}

// AddConf appends lines to the option file; they count from the next Run.
func (s *Server) AddConf(lines ...string) {
	s.t.Helper()
	f, err := os.OpenFile(s.Conf, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		s.t.Fatal(err)
	}
}

// Start is New and Run.
func Start(t testing.TB, name string, lines ...string) *Server {
	t.Helper()
	s := New(t, name, lines...)
	s.Run()
	return s
}

func tail(path string, n int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-n):])
}

// Run starts the process and waits until it answers a query.
func (s *Server) Run(args ...string) {
	s.t.Helper()
	s.Spawn(args...)
	s.Ready()
}

// Spawn starts the process and does not wait.
func (s *Server) Spawn(args ...string) {
	s.t.Helper()
	cmd := exec.Command(Binary(s.t), append([]string{"serve", "--defaults-file=" + s.Conf}, args...)...)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the exit code is read from ProcessState
		close(done)
	}()
	s.mu.Lock()
	s.cmd, s.done = cmd, done
	s.mu.Unlock()
}

// Ready waits until the server answers, and fails the test when it ends first.
func (s *Server) Ready() {
	s.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	db := s.DB()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		err := db.PingContext(ctx)
		cancel()
		if err == nil {
			return
		}
		select {
		case <-s.Ended():
			s.t.Fatalf("%s ended while starting: %v\n%s", s.Name, s.cmd.ProcessState, tail(s.log.Name(), 4000))
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s does not answer: %v\n%s", s.Name, err, tail(s.log.Name(), 4000))
		}
	}
}

// Ended is closed when the process is gone.
func (s *Server) Ended() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

// Pid returns the process id.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// ExitCode waits for the process to end and returns its exit code.
func (s *Server) ExitCode() int {
	<-s.Ended()
	return s.cmd.ProcessState.ExitCode()
}

// Signal sends a signal to the process.
func (s *Server) Signal(sig syscall.Signal) {
	s.mu.Lock()
	cmd := s.cmd
	s.mu.Unlock()
	if cmd != nil {
		_ = cmd.Process.Signal(sig) // an ended process is what we want
	}
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (s *Server) Kill() {
	s.mu.Lock()
	cmd, done := s.cmd, s.done
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Kill()
	<-done
}

// Stop ends the process with SIGTERM; it must exit with 0 within 20 seconds.
func (s *Server) Stop() {
	s.t.Helper()
	s.Signal(syscall.SIGTERM)
	select {
	case <-s.Ended():
	case <-time.After(20 * time.Second):
		s.Signal(syscall.SIGQUIT) // its stacks go to the log
		<-s.Ended()
		s.t.Fatalf("%s does not stop\n%s", s.Name, tail(s.log.Name(), 20000))
	}
	if code := s.ExitCode(); code != 0 {
		s.t.Fatalf("%s stopped with exit code %d\n%s", s.Name, code, tail(s.log.Name(), 4000))
	}
}

// Log returns the end of what the server wrote to stderr.
func (s *Server) Log() string { return tail(s.log.Name(), 20000) }

// DSN returns a go-sql-driver address of the server as root.
func (s *Server) DSN(db string) string {
	return fmt.Sprintf("root@tcp(127.0.0.1:%d)/%s?multiStatements=true&interpolateParams=true", s.Port, db)
}

// DB returns a connection pool as root, opened once.
func (s *Server) DB() *sql.DB {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		db, err := sql.Open("mysql", s.DSN(""))
		if err != nil {
			s.t.Fatal(err)
		}
		db.SetConnMaxIdleTime(time.Second)
		s.t.Cleanup(func() { db.Close() })
		s.db = db
	}
	return s.db
}

// Exec runs statements as root and fails the test on an error.
func (s *Server) Exec(stmts ...string) {
	s.t.Helper()
	for _, q := range stmts {
		if _, err := s.DB().Exec(q); err != nil {
			s.t.Fatalf("%s: %s: %v", s.Name, q, err)
		}
	}
}

// Rows runs a query and returns its rows as text, NULL as "NULL".
func (s *Server) Rows(query string, args ...any) [][]string {
	s.t.Helper()
	rows, err := Rows(s.DB(), query, args...)
	if err != nil {
		s.t.Fatalf("%s: %s: %v", s.Name, query, err)
	}
	return rows
}

// Rows runs a query on any server and returns its rows as text.
func Rows(db *sql.DB, query string, args ...any) ([][]string, error) {
	rows, err := db.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out [][]string
	raw := make([]sql.RawBytes, len(cols))
	ptr := make([]any, len(cols))
	for i := range raw {
		ptr[i] = &raw[i]
	}
	for rows.Next() {
		if err := rows.Scan(ptr...); err != nil {
			return nil, err
		}
		row := make([]string, len(cols))
		for i, b := range raw {
			row[i] = "NULL"
			if b != nil {
				row[i] = string(b)
			}
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// One returns the first column of a query's only row.
func (s *Server) One(query string, args ...any) string {
	s.t.Helper()
	rows := s.Rows(query, args...)
	if len(rows) != 1 {
		s.t.Fatalf("%s: %s: %d rows", s.Name, query, len(rows))
	}
	return rows[0][0]
}

// Status returns SHOW SLAVE STATUS by column name; nil when not configured.
func (s *Server) Status() map[string]string {
	s.t.Helper()
	m, err := RowMap(s.DB(), "SHOW SLAVE STATUS")
	if err != nil {
		s.t.Fatalf("%s: SHOW SLAVE STATUS: %v", s.Name, err)
	}
	return m
}

// RowMap returns the first row of a query by column name, nil without rows.
func RowMap(db *sql.DB, query string) (map[string]string, error) {
	rows, err := db.Query(query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil || !rows.Next() {
		return nil, errors.Join(err, rows.Err())
	}
	vals := make([]sql.NullString, len(cols))
	ptr := make([]any, len(cols))
	for i := range vals {
		ptr[i] = &vals[i]
	}
	if err := rows.Scan(ptr...); err != nil {
		return nil, err
	}
	m := make(map[string]string, len(cols))
	for i, c := range cols {
		m[c] = "NULL"
		if vals[i].Valid {
			m[c] = vals[i].String
		}
	}
	return m, nil
}

// Client runs the stock client as root with a script on its standard input and
// returns what it printed; err is set when the client failed.
func (s *Server) Client(script string, args ...string) (string, error) {
	s.t.Helper()
	return Client(s.t, s.Port, script, append([]string{"-uroot"}, args...)...)
}

// Client runs the stock client against a port of loopback.
func Client(t testing.TB, port int, script string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	args = append([]string{"--no-defaults", "--protocol=tcp", "-h127.0.0.1", fmt.Sprintf("-P%d", port)}, args...)
	cmd := exec.CommandContext(ctx, Need(t, "mariadb"), args...)
	cmd.Stdin = strings.NewReader(script)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// WaitFor polls until ok returns "", at most for the given time; ok's text says
// what is still missing.
func WaitFor(t testing.TB, d time.Duration, ok func() string) {
	t.Helper()
	deadline := time.Now().Add(d)
	for {
		why := ok()
		if why == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", d, why)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// WaitCaughtUp waits until a replica has applied everything that its source
// shows now.
func WaitCaughtUp(t testing.TB, source, replica *Server, d time.Duration) {
	t.Helper()
	row := source.Rows("SHOW MASTER STATUS")[0]
	WaitFor(t, d, func() string {
		st := replica.Status()
		if st["Last_SQL_Errno"] != "0" {
			t.Fatalf("%s: SQL thread stopped: %s %s", replica.Name, st["Last_SQL_Errno"], st["Last_SQL_Error"])
		}
		if Reached(st["Relay_Master_Log_File"], st["Exec_Master_Log_Pos"], row[0], row[1]) {
			return ""
		}
		return fmt.Sprintf("%s is at %s:%s, %s at %s:%s; IO %s (%s %s)", replica.Name, st["Relay_Master_Log_File"], st["Exec_Master_Log_Pos"],
			source.Name, row[0], row[1], st["Slave_IO_Running"], st["Last_IO_Errno"], st["Last_IO_Error"])
	})
}

// Reached reports whether the coordinate (file, pos) is at or after (file2, pos2).
func Reached(file, pos, file2, pos2 string) bool {
	if file != file2 {
		return len(file) > len(file2) || len(file) == len(file2) && file > file2
	}
	return len(pos) > len(pos2) || len(pos) == len(pos2) && pos >= pos2
}

// Follow makes replica follow source from the start of its first binlog file,
// as the account repl, which it creates on the source.
func Follow(t testing.TB, source *Server, replicas ...*Server) {
	t.Helper()
	source.Exec("CREATE USER IF NOT EXISTS 'repl'@'%' IDENTIFIED BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'")
	Attach(source, replicas...)
}

// Attach is Follow where the source has the account already, perhaps from a
// source of its own.
func Attach(source *Server, replicas ...*Server) {
	source.t.Helper()
	for _, r := range replicas {
		AttachThrough(source, source.Port, r)
	}
}

// AttachThrough is Attach by way of another port, that of a Proxy.
func AttachThrough(source *Server, port int, replica *Server) {
	source.t.Helper()
	row := source.Rows("SHOW BINARY LOGS")[0]
	replica.Exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='repl', MASTER_PASSWORD='secret', MASTER_LOG_FILE='%s', MASTER_LOG_POS=4, MASTER_CONNECT_RETRY=1, GET_MASTER_PUBLIC_KEY=1", port, row[0]), "START SLAVE")
}
