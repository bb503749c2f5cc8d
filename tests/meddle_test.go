package tests

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"binrelay/tests/cluster"
)

// meddle lets strace change system calls of a running server: calls on the
// named files (patterns below the data directory; none = all files) get what
// how says, as strace's inject option does. end lets go of the server, which
// may have ended.
func meddle(t *testing.T, s *cluster.Server, files []string, calls, how string) (end func()) {
	t.Helper()
	args := []string{"-f", "-q", "-o", filepath.Join(t.TempDir(), "trace"), "-e", "trace=" + calls, "-e", "inject=" + calls + ":" + how, "-p", fmt.Sprint(s.Pid())}
	for _, f := range files {
		args = append(args, "-P", filepath.Join(s.Dir, f))
	}
	trace := exec.Command(cluster.Need(t, "strace"), args...)
	var said strings.Builder
	trace.Stderr = &said
	if err := trace.Start(); err != nil {
		t.Fatal(err)
	}
	cluster.WaitFor(t, 10*time.Second, func() string {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", s.Pid()))
		for _, name := range threads {
			if b, _ := os.ReadFile(name); strings.Contains(string(b), "TracerPid:\t0\n") {
				return "not traced: " + said.String()
			}
		}
		return ""
	})
	return sync.OnceFunc(func() {
		_ = trace.Process.Signal(os.Interrupt) // it may have ended with the server
		_ = trace.Wait()
	})
}

// numbered returns names of files that a log or the store may make next.
func numbered(format string, n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf(format, i+1))
	}
	return names
}

// faultyServer is a primary with a database that the binlog ignores.
func faultyServer(t *testing.T, maxBinlogSize string) *cluster.Server {
	t.Helper()
	s := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin", "max_binlog_size="+maxBinlogSize, "binlog_ignore_db=ign")
	s.Exec("CREATE DATABASE d", "SET sql_log_bin=0; CREATE DATABASE ign; SET sql_log_bin=1")
	return s
}

// smallLoad is a load of small transactions: into the binlog, into the local log
// alone, into both. It notes what its clients were told.
type smallLoad struct {
	t    *testing.T
	s    *cluster.Server
	next atomic.Int64

	mu    sync.Mutex
	fates map[int64]fate
	errs  map[string]int
	took  []time.Duration // of commits
}

func newSmallLoad(t *testing.T, s *cluster.Server) *smallLoad {
	t.Helper()
	s.Exec("CREATE TABLE d.t (id BIGINT PRIMARY KEY, pad VARCHAR(200))", "USE ign; CREATE TABLE ign.t (id BIGINT PRIMARY KEY); USE d")
	return &smallLoad{t: t, s: s, fates: map[int64]fate{}, errs: map[string]int{}}
}

// run inserts with four clients until ctx ends; a failure ends the load where
// once is set.
func (l *smallLoad) run(ctx context.Context, once bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	c := &chaos{t: l.t, errs: map[string]int{}}
	for range 4 {
		c.worker(ctx, &wg, l.s, func(_ context.Context, conn *sql.Conn) error {
			err := l.insert(conn)
			if err != nil && once {
				cancel()
			}
			return err
		})
	}
	wg.Wait()
}

// during runs the load for a time.
func (l *smallLoad) during(d time.Duration) {
	ctx, cancel := context.WithTimeout(l.t.Context(), d)
	defer cancel()
	l.run(ctx, false)
}

// untilFailed runs the load until a client is refused or cut off.
func (l *smallLoad) untilFailed(most time.Duration) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), most)
	defer cancel()
	l.run(ctx, true)
	if ctx.Err() != nil {
		l.t.Errorf("nothing has failed within %v", most)
	}
}

func (l *smallLoad) insert(conn *sql.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	id := l.next.Add(1)
	stmts := []string{"BEGIN", fmt.Sprintf("INSERT INTO d.t VALUES (%d, '%0150d')", id, id), fmt.Sprintf("INSERT INTO ign.t VALUES (%d)", id)}
	switch id % 3 {
	case 1:
		stmts = stmts[:2]
	case 2:
		stmts = []string{stmts[0], stmts[2]}
	}
	f := refused
	begun := time.Now()
	err := run(ctx, conn, stmts...)
	if err == nil {
		err = run(ctx, conn, "COMMIT")
		f = told(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fates[id] = f
	var my *mysql.MySQLError
	switch {
	case err == nil:
		l.took = append(l.took, time.Since(begun))
	case errors.As(err, &my):
		l.errs[fmt.Sprint(my.Number)]++
		if my.Number == 1105 {
			l.t.Errorf("an error without a number: %s", my.Message)
		}
		_ = run(ctx, conn, "ROLLBACK")
	default:
		l.errs["connection"]++
	}
	return err
}

// told returns how often clients were told an error ("connection": cut off),
// and forgets it.
func (l *smallLoad) told(number string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.errs[number]
	delete(l.errs, number)
	return n
}

// acked is how many transactions were acknowledged.
func (l *smallLoad) acked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.took)
}

// check compares a server with what the clients were told. Replicas do not have
// what the binlog ignores.
func (l *smallLoad) check(servers ...*cluster.Server) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range servers {
		logged, private := column(s, "SELECT id FROM d.t"), map[int64]int(nil)
		if s == l.s {
			private = column(s, "SELECT id FROM ign.t")
		}
		for id, f := range l.fates {
			a, b := logged[id], private[id]
			if s != l.s && id%3 == 0 {
				b = a
			}
			there := a + b
			if id%3 == 0 {
				if a != b {
					l.t.Errorf("%s: transaction %d is half there: %d rows logged, %d private", s.Name, id, a, b)
				}
				there = a
			} else if s != l.s && id%3 == 2 {
				continue
			}
			if f == acked && there != 1 || f == refused && there != 0 {
				l.t.Errorf("%s: transaction %d (fate %d): %d rows", s.Name, id, f, there)
			}
			delete(logged, id)
			delete(private, id)
		}
		if len(logged)+len(private) > 0 {
			l.t.Errorf("%s: rows that are nobody's: %v %v", s.Name, logged, private)
		}
	}
}

// log prints what was done in so many cycles.
func (l *smallLoad) log(cycles int) {
	l.t.Helper()
	var n [3]int
	for _, f := range l.fates {
		n[f]++
	}
	l.t.Logf("%d cycles, %d transactions acknowledged, %d refused, %d unknown, 0 lost, 0 half", cycles, n[acked], n[refused], n[unknown])
}
