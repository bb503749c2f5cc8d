package main

import (
	"bufio"
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/template"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver that sets replication up
	"github.com/spf13/cobra"
)

//go:embed demo.cnf.tmpl
var demoConf string

var demoTemplate = template.Must(template.New("demo.cnf").Parse(demoConf))

// demoServer is one of the three servers of the demo, a child process.
type demoServer struct {
	Role     string // primary, replica
	Name     string // directory below the demo's
	Dir      string
	Port     int
	ServerID int

	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
	db   *sql.DB
}

func demoCommand() *cobra.Command {
	var dir string
	var port int
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a primary and two replicas on this machine until Ctrl-C",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return runDemo(ctx, dir, port, cmd.OutOrStdout())
		},
	}
	c.Flags().StringVar(&dir, "dir", "demo-data", "directory of the three servers' data; a second run goes on with it")
	c.Flags().IntVar(&port, "port", 3306, "first port to try; the servers take the next free ones")
	return c
}

// runDemo starts the servers, connects the replicas to the primary, and waits
// for ctx. Every server that was started is stopped before it returns.
func runDemo(ctx context.Context, dir string, port int, out io.Writer) (err error) {
	servers := []*demoServer{
		{Role: "primary", Name: "primary", ServerID: 1},
		{Role: "replica", Name: "replica1", ServerID: 2},
		{Role: "replica", Name: "replica2", ServerID: 3},
	}
	defer func() { err = errors.Join(err, stopAll(servers)) }()
	for _, s := range servers {
		if s.Dir, err = filepath.Abs(filepath.Join(dir, s.Name)); err != nil {
			return err
		}
		if port, err = freePort(port); err != nil {
			return err
		}
		s.Port = port
		port++
		if err := s.start(); err != nil {
			return fmt.Errorf("start %s: %w", s.Name, err)
		}
	}
	for _, s := range servers {
		if err := s.ready(ctx); err != nil {
			return fmt.Errorf("start %s: %w", s.Name, err)
		}
	}
	if err := connectDemo(ctx, servers[0], servers[1:]); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("set up replication: %w", err)
	}
	for _, s := range servers {
		s.db.Close() // nobody but the user and the replicas in SHOW PROCESSLIST
	}
	describeDemo(out, dir, servers)
	return waitDemo(ctx, out, servers)
}

// freePort returns the first port from p on that nobody listens on.
func freePort(p int) (int, error) {
	for ; p < 65536; p++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p)))
		if err != nil {
			continue
		}
		return p, l.Close()
	}
	return 0, errors.New("no free TCP port")
}

// start writes the server's option file and starts the process. It gets a
// process group of its own: Ctrl-C reaches the demo only, which stops the
// servers in order.
func (s *demoServer) start() error {
	if err := os.MkdirAll(s.Dir, 0o750); err != nil {
		return err
	}
	var text strings.Builder
	if err := demoTemplate.Execute(&text, s); err != nil {
		return err
	}
	conf := filepath.Join(s.Dir, "my.cnf")
	if err := os.WriteFile(conf, []byte(text.String()), 0o640); err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(s.Dir, "error.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command(exe, "serve", "--defaults-file="+conf)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = childAttr()
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.done = make(chan struct{})
	go func() {
		_ = s.cmd.Wait() // read from ProcessState
		close(s.done)
	}()
	s.db, err = sql.Open("mysql", fmt.Sprintf("root@tcp(127.0.0.1:%d)/?interpolateParams=true&timeout=5s", s.Port))
	return err
}

// ready waits until the server answers.
func (s *demoServer) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := s.db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("it ended: %s", s.lastLog())
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// lastLog returns the last line of the server's error log.
func (s *demoServer) lastLog() string {
	f, err := os.Open(filepath.Join(s.Dir, "error.log"))
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	line := ""
	for sc := bufio.NewScanner(f); sc.Scan(); {
		line = sc.Text()
	}
	return line
}

// connectDemo makes the replicas follow the primary. On a later run they do so
// by themselves, unless the primary's port has changed.
func connectDemo(ctx context.Context, primary *demoServer, replicas []*demoServer) error {
	first := "" // the log that begins with the replicas' account
	for _, r := range replicas {
		st, err := replicaStatus(ctx, r.db)
		if err != nil {
			return err
		}
		if st != nil && st["Master_Port"] == strconv.Itoa(primary.Port) {
			continue
		}
		file, pos := st["Relay_Master_Log_File"], st["Exec_Master_Log_Pos"]
		if st == nil {
			if first == "" {
				if first, err = demoAccount(ctx, primary.db); err != nil {
					return err
				}
			}
			file, pos = first, "4"
		}
		if err := execAll(ctx, r.db, "STOP SLAVE", fmt.Sprintf(
			"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='repl', MASTER_PASSWORD='repl', "+
				"MASTER_LOG_FILE='%s', MASTER_LOG_POS=%s, MASTER_CONNECT_RETRY=1, GET_MASTER_PUBLIC_KEY=1", primary.Port, file, pos),
			"START SLAVE"); err != nil {
			return err
		}
	}
	return waitReplicas(ctx, replicas)
}

// demoAccount makes the account that the replicas log in with, and returns the
// primary's first log, from which a new replica gets everything.
func demoAccount(ctx context.Context, primary *sql.DB) (file string, err error) {
	if err := execAll(ctx, primary,
		"CREATE USER IF NOT EXISTS 'repl'@'127.0.0.1' IDENTIFIED BY 'repl'",
		"GRANT REPLICATION SLAVE ON *.* TO 'repl'@'127.0.0.1'"); err != nil {
		return "", err
	}
	err = primary.QueryRowContext(ctx, "SHOW BINARY LOGS").Scan(&file, new(string), new(string))
	return file, err
}

// waitReplicas waits until both threads of every replica run.
func waitReplicas(ctx context.Context, replicas []*demoServer) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, r := range replicas {
		for {
			st, err := replicaStatus(ctx, r.db)
			if err != nil {
				return err
			}
			if st["Slave_IO_Running"] == "Yes" && st["Slave_SQL_Running"] == "Yes" {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s does not replicate: IO %s %s, SQL %s %s", r.Name,
					st["Slave_IO_Running"], st["Last_IO_Error"], st["Slave_SQL_Running"], st["Last_SQL_Error"])
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}

func execAll(ctx context.Context, db *sql.DB, stmts ...string) error {
	for _, q := range stmts {
		if _, err := db.ExecContext(ctx, q); err != nil {
			verb, _, _ := strings.Cut(q, " TO ") // no passwords
			return fmt.Errorf("%s: %w", verb, err)
		}
	}
	return nil
}

// replicaStatus returns SHOW SLAVE STATUS by column; nil when not configured.
func replicaStatus(ctx context.Context, db *sql.DB) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, "SHOW SLAVE STATUS")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	if !rows.Next() {
		return nil, rows.Err()
	}
	vals := make([]sql.NullString, len(cols))
	ptrs := make([]any, len(cols))
	for i := range vals {
		ptrs[i] = &vals[i]
	}
	if err := rows.Scan(ptrs...); err != nil {
		return nil, err
	}
	st := make(map[string]string, len(cols))
	for i, c := range cols {
		st[c] = vals[i].String
	}
	return st, nil
}

func describeDemo(out io.Writer, dir string, servers []*demoServer) {
	fmt.Fprintf(out, "\nA primary and two replicas are running, data and logs in %s.\n\n", dir)
	for _, s := range servers {
		fmt.Fprintf(out, "  %-8s 127.0.0.1:%-6d mysql -h127.0.0.1 -P%d -uroot\n", s.Name, s.Port, s.Port)
	}
	fmt.Fprintf(out, `
Try on the primary:   CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY, name VARCHAR(20));
                      INSERT INTO shop.t VALUES (1,'one');  SHOW MASTER STATUS;
  and on a replica:   SELECT * FROM shop.t;  SHOW SLAVE STATUS\G
Ctrl-C stops all three; the next run goes on with the same data.

`)
}

// waitDemo waits for ctx, or for a server to end by itself.
func waitDemo(ctx context.Context, out io.Writer, servers []*demoServer) error {
	select {
	case <-ctx.Done():
		fmt.Fprintln(out, "\nstopping …")
		return nil
	case <-servers[0].done:
		return servers[0].ended()
	case <-servers[1].done:
		return servers[1].ended()
	case <-servers[2].done:
		return servers[2].ended()
	}
}

func (s *demoServer) ended() error {
	return fmt.Errorf("%s ended (%v): %s", s.Name, s.cmd.ProcessState, s.lastLog())
}

// stopAll stops the replicas, then the primary, and waits for each.
func stopAll(servers []*demoServer) error {
	var errs []error
	for i := len(servers) - 1; i >= 0; i-- {
		s := servers[i]
		if s.db != nil {
			s.db.Close()
		}
		if s.done == nil {
			continue
		}
		_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
		select {
		case <-s.done:
		case <-time.After(30 * time.Second):
			_ = s.cmd.Process.Kill()
			<-s.done
			errs = append(errs, fmt.Errorf("%s did not stop within 30 s and was killed", s.Name))
		}
	}
	return errors.Join(errs...)
}
