package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/go-sql-driver/mysql"
	"github.com/spf13/pflag"

	"binrelay/binlog/txn"
	"binrelay/conf"
)

func init() { _ = mysql.SetLogger(&mysql.NopLogger{}) } // connections break on purpose

// testNode is a whole server in process, and a client of it.
type testNode struct {
	*node
	db     *sql.DB
	addr   string
	errors *errorLog
}

// nodeOptions say how a testNode runs. The zero value works.
type nodeOptions struct {
	args  []string
	fatal func(error) // nil: the test fails
	dial  func(ctx context.Context, network, addr string) (net.Conn, error)
}

// startNode starts a server on a file system, with its data in /data.
func startNode(fs vfs.FS, o nodeOptions) (*testNode, error) {
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	conf.Flags(flags)
	if err := flags.Parse(append([]string{"--datadir=/data", "--port=0"}, o.args...)); err != nil {
		return nil, err
	}
	cfg, err := conf.Load(flags)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &testNode{addr: l.Addr().String(), errors: new(errorLog)}
	fatal := o.fatal
	if fatal == nil {
		fatal = func(err error) { t.errors.add("fatal: " + err.Error()) }
	}
	t.node, err = open(context.Background(), cfg, host{listener: l, log: slog.New(t.errors), fs: fs, fatal: fatal, dial: o.dial})
	if err != nil {
		l.Close()
		return nil, err
	}
	t.db, err = sql.Open("mysql", fmt.Sprintf("root@tcp(%s)/information_schema?interpolateParams=true&timeout=20s&readTimeout=60s", t.addr))
	return t, err
}

// stop ends the server in order.
func (n *testNode) stop() error {
	n.db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := n.close(ctx); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return n.errors.err()
}

// rows returns a query's rows, cells joined by |, one a line.
func (n *testNode) rows(query string) (string, error) {
	var b strings.Builder
	err := n.each(query, func(cells []string) {
		b.WriteString(strings.Join(cells, "|"))
		b.WriteByte('\n')
	})
	return b.String(), err
}

// column returns the first column of a query.
func (n *testNode) column(query string) (out []string, err error) {
	err = n.each(query, func(cells []string) { out = append(out, cells[0]) })
	return out, err
}

func (n *testNode) each(query string, fn func(cells []string)) error {
	rows, err := n.db.Query(query)
	if err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return err
	}
	raw, ptr, cells := make([]sql.RawBytes, len(cols)), make([]any, len(cols)), make([]string, len(cols))
	for i := range raw {
		ptr[i] = &raw[i]
	}
	for rows.Next() {
		if err := rows.Scan(ptr...); err != nil {
			return err
		}
		for i, v := range raw {
			if cells[i] = string(v); v == nil {
				cells[i] = "NULL"
			}
		}
		fn(cells)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	return nil
}

func (n *testNode) exec(statements ...string) error {
	for _, s := range statements {
		if _, err := n.db.Exec(s); err != nil {
			return fmt.Errorf("%.200s: %w", s, err)
		}
	}
	return nil
}

// follow makes n a replica of the server at addr, from a coordinate on.
func (n *testNode) follow(addr, file string, pos uint64) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	return n.exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='%s', MASTER_PORT=%s, MASTER_USER='root', MASTER_PASSWORD='', MASTER_LOG_FILE='%s', "+
		"MASTER_LOG_POS=%d, MASTER_CONNECT_RETRY=1", host, port, file, pos), "START SLAVE")
}

// caughtUp waits until n has applied all that its source shows.
func (n *testNode) caughtUp(source *testNode) error {
	_, at, _ := source.engine.Visible()
	rows, err := n.rows(fmt.Sprintf("SELECT MASTER_POS_WAIT('%s', %d, 20)", at.File, at.Pos))
	if err == nil && (rows == "NULL\n" || rows == "-1\n") {
		st, serr := n.slave()
		err = errors.Join(serr, fmt.Errorf("not caught up with %v: IO %s %s, SQL %s %s, at %s:%s", at, st["Slave_IO_Running"], st["Last_IO_Error"],
			st["Slave_SQL_Running"], st["Last_SQL_Error"], st["Relay_Master_Log_File"], st["Exec_Master_Log_Pos"]))
	}
	return err
}

// slave returns SHOW SLAVE STATUS by column.
func (n *testNode) slave() (map[string]string, error) {
	rows, err := n.db.Query("SHOW SLAVE STATUS")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil || !rows.Next() {
		return nil, errors.Join(err, rows.Err())
	}
	vals, ptr := make([]sql.NullString, len(cols)), make([]any, len(cols))
	for i := range vals {
		ptr[i] = &vals[i]
	}
	if err := rows.Scan(ptr...); err != nil {
		return nil, err
	}
	m := make(map[string]string, len(cols))
	for i, c := range cols {
		m[c] = vals[i].String
	}
	return m, nil
}

// executed returns the applied coordinate of SHOW SLAVE STATUS.
func (n *testNode) executed() (txn.Coord, error) {
	st, err := n.slave()
	if err != nil || st == nil {
		return txn.Coord{}, err
	}
	pos, err := strconv.ParseUint(st["Exec_Master_Log_Pos"], 10, 64)
	return txn.Coord{File: st["Relay_Master_Log_File"], Pos: pos}, err
}

// errorLog keeps what a server logs as an error.
type errorLog struct {
	mu    sync.Mutex
	lines []string
}

func (*errorLog) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }
func (e *errorLog) WithAttrs([]slog.Attr) slog.Handler         { return e }
func (e *errorLog) WithGroup(string) slog.Handler              { return e }

func (e *errorLog) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	e.add(line)
	return nil
}

func (e *errorLog) add(line string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lines = append(e.lines, line)
}

// err returns what was logged, nil if nothing was.
func (e *errorLog) err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.lines) == 0 {
		return nil
	}
	return fmt.Errorf("logged: %s", strings.Join(e.lines, "; "))
}

// saveDisk copies a file system to a directory, to look at after a failure.
func saveDisk(t testing.TB, fs vfs.FS) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "binrelay-crash-")
	if err != nil {
		t.Fatal(err)
	}
	if err := copyTree(fs, "/", dir); err != nil {
		t.Errorf("save the disk: %v", err)
	}
	return dir
}

func copyTree(fs vfs.FS, from, to string) error {
	names, err := fs.List(from)
	if err != nil {
		return err
	}
	for _, name := range names {
		src, dst := fs.PathJoin(from, name), filepath.Join(to, name)
		st, err := fs.Stat(src)
		if err != nil {
			return err
		}
		if st.IsDir() {
			if err := os.MkdirAll(dst, 0o755); err != nil {
				return err
			}
			if err := copyTree(fs, src, dst); err != nil {
				return err
			}
			continue
		}
		f, err := fs.Open(src)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(f)
		f.Close()
		if err == nil {
			err = os.WriteFile(dst, b, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// newDisk returns an empty disk but for the RSA key, which takes long to make.
func newDisk(t testing.TB) *vfs.MemFS {
	t.Helper()
	mem := vfs.NewCrashableMem()
	d := dataDir{mem, "/data"}
	if err := d.make(); err != nil {
		t.Fatal(err)
	}
	if err := d.keepRSAKey(testKey()); err != nil {
		t.Fatal(err)
	}
	return mem
}

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		panic(err)
	}
	return key
})
