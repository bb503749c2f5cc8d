package main

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/go-sql-driver/mysql"

	"binrelay/tests/faultfs"
)

// faultStep is a step that no other depends on, and how to see that it was
// done: the query has rows.
type faultStep struct {
	do   []string
	done string // "" = nothing that lasts
}

var faultSetup = []string{
	"CREATE DATABASE d", "CREATE DATABASE ign", "CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(9000), KEY k (v(9)))",
	"CREATE TABLE ign.t (id INT PRIMARY KEY)", "CREATE TABLE d.wide (id INT PRIMARY KEY)", "CREATE TABLE d.gone (id INT)", "CREATE TABLE d.short (id INT)",
	"CREATE TABLE d.old (id INT)", "INSERT INTO d.short VALUES (1)", "CREATE USER u0", "FLUSH BINARY LOGS",
}

var faultSteps = []faultStep{
	{[]string{"INSERT INTO d.t VALUES (1, 'one')"}, "SELECT 1 FROM d.t WHERE id = 1 AND v = 'one'"},
	{[]string{"INSERT INTO ign.t VALUES (2)"}, "SELECT 1 FROM ign.t WHERE id = 2"},
	{[]string{"BEGIN", "INSERT INTO ign.t VALUES (3)", "INSERT INTO d.t VALUES (3, 'three')", "COMMIT"},
		"SELECT 1 FROM d.t JOIN ign.t ON d.t.id = ign.t.id WHERE d.t.id = 3"},
	{[]string{"CREATE TABLE d.made (id INT PRIMARY KEY)"}, "SHOW TABLES IN d LIKE 'made'"},
	{[]string{"ALTER TABLE d.wide ADD COLUMN c INT NOT NULL DEFAULT 5"}, "SHOW COLUMNS FROM d.wide LIKE 'c'"},
	{[]string{"ALTER TABLE d.t ADD INDEX j (id, v(5))"}, "SELECT 1 FROM information_schema.statistics WHERE table_schema = 'd' AND index_name = 'j' LIMIT 1"},
	{[]string{"FLUSH BINARY LOGS"}, ""},
	{[]string{"CREATE USER u1 IDENTIFIED WITH mysql_native_password BY 'x'"}, "SELECT 1 FROM mysql.user WHERE User = 'u1'"},
	{[]string{"GRANT SELECT ON d.* TO u0"}, "SELECT 1 FROM mysql.db WHERE User = 'u0' AND Select_priv = 'Y'"},
	{[]string{"BEGIN", "INSERT INTO d.t VALUES (10, REPEAT('a', 9000)), (11, REPEAT('b', 9000)), (12, REPEAT('c', 9000))",
		"INSERT INTO d.t VALUES (13, REPEAT('d', 9000)), (14, REPEAT('e', 9000))", "COMMIT"}, "SELECT 1 FROM d.t WHERE id BETWEEN 10 AND 14 HAVING COUNT(*) = 5"},
	{[]string{"DROP TABLE d.gone"}, "SELECT 1 FROM (SELECT COUNT(*) n FROM information_schema.tables WHERE table_schema = 'd' AND table_name = 'gone') x WHERE n = 0"},
	{[]string{"TRUNCATE TABLE d.short"}, "SELECT 1 FROM (SELECT COUNT(*) n FROM d.short) x WHERE n = 0"},
	{[]string{"RENAME TABLE d.old TO d.new"}, "SHOW TABLES IN d LIKE 'new'"},
	{[]string{"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=1, MASTER_USER='u', MASTER_PASSWORD='', MASTER_LOG_FILE='s.000001', MASTER_LOG_POS=99"}, ""},
	{[]string{"PURGE BINARY LOGS TO 'mysql-bin.000002'"}, ""},
	{[]string{"RESET MASTER"}, ""},
	{[]string{"INSERT INTO d.t VALUES (20, 'twenty')"}, "SELECT 1 FROM d.t WHERE id = 20"},
}

// faultKind is how an operation fails.
type faultKind struct {
	name  string
	err   error
	reads bool
	stays bool // all later ones fail too
}

var faultKinds = []faultKind{
	{"EIO on one change", syscall.EIO, false, false},
	{"ENOSPC on one change", syscall.ENOSPC, false, false},
	{"ENOSPC from then on", syscall.ENOSPC, false, true},
	{"EIO from then on", syscall.EIO, false, true},
	{"EIO on one read", syscall.EIO, true, false},
	{"EIO on all reads from then on", syscall.EIO, true, true},
}

// TestFault_EveryCall lets every call on a file fail in turn, while the steps
// run and while a server starts. Each step is acknowledged and lasts, or fails
// and leaves nothing, or the process ends and the next start knows no more
// than what was acknowledged. Nothing hangs.
func TestFault_EveryCall(t *testing.T) {
	base := newDisk(t)
	args := []string{"--log-bin=mysql-bin", "--binlog-ignore-db=ign"}
	n, err := startNode(base, nodeOptions{args: args})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.exec(faultSetup...); err != nil {
		t.Fatal(err)
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	// What is to be compacted is compacted now: Pebble v2.1.7 panics when it
	// fails to open while a compaction runs.
	if n, err = startNode(base, nodeOptions{args: args}); err != nil {
		t.Fatal(err)
	}
	if err := n.exec("SELECT SLEEP(0.5)", "INSERT INTO d.wide VALUES (1)", "INSERT INTO ign.t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	crashed := base.CrashClone(vfs.CrashCloneCfg{})
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	for _, k := range faultKinds {
		var runs, ended, refused, failed atomic.Int64
		var last atomic.Int64 // the first number that no operation had
		last.Store(1 << 30)
		step := int64(every(30))
		inParallel(t, 1<<20, func(i int) {
			at := 1 + int64(i)*step + int64(i)%step
			if at >= last.Load() {
				return
			}
			r := faultRun{t: t, kind: k, at: int(at), disk: again(crashed), args: args}
			hit := r.run()
			if !hit {
				last.Store(min(last.Load(), at))
			}
			runs.Add(1)
			if r.dead.Load() {
				ended.Add(1)
			}
			if r.refused {
				refused.Add(1)
			}
			failed.Add(int64(r.failures))
		})
		t.Logf("%s: %d calls, %d runs: %d starts refused, %d ends of the process, %d steps failed", k.name, last.Load(), runs.Load(), refused.Load(), ended.Load(), failed.Load())
	}
}

type faultRun struct {
	t    *testing.T
	kind faultKind
	at   int
	disk *vfs.MemFS
	args []string

	dead     atomic.Bool // the process would have ended
	hit      atomic.Bool
	waited   atomic.Bool
	fs       *faultfs.FS
	refused  bool
	failures int
}

func (r *faultRun) errorf(format string, args ...any) {
	r.t.Helper()
	r.t.Errorf("%s, call %d: %s", r.kind.name, r.at, fmt.Sprintf(format, args...))
}

// run starts a server on the disk that a crash left, does all steps while the
// call fails, and looks at the result, now and after a power cut.
func (r *faultRun) run() (hit bool) {
	hook := func(op faultfs.Op) error {
		if op.N == r.at || r.kind.stays && op.N > r.at && op.Kind != "sync" && op.Kind != "remove" {
			r.hit.Store(true)
			return r.kind.err
		}
		return nil
	}
	fs := faultfs.New(r.disk, hook, nil)
	if r.kind.reads {
		fs = faultfs.New(r.disk, nil, hook)
	}
	r.fs = fs
	var atDeath *vfs.MemFS
	var once sync.Once
	died := make(chan struct{})
	type started struct {
		n   *testNode
		err error
	}
	start := make(chan started, 1)
	go func() {
		n, err := startNode(fs, nodeOptions{args: r.args, fatal: func(error) {
			once.Do(func() {
				r.dead.Store(true)
				atDeath = r.disk.CrashClone(vfs.CrashCloneCfg{})
				close(died)
			})
			select {} // the process is gone: whoever called this does nothing any more
		}})
		start <- started{n, err}
	}()
	var n *testNode
	var err error
	select {
	case s := <-start:
		n, err = s.n, s.err
	case <-died:
		r.verify(atDeath, nil)
		return true
	case <-time.After(60 * time.Second):
		r.errorf("the start hangs")
		return true
	}
	if err != nil {
		r.refused = true
		if !errors.Is(err, r.kind.err) && !strings.Contains(err.Error(), r.kind.err.Error()) && !r.dead.Load() {
			r.errorf("the start fails and does not say why: %v", err)
		}
		r.verify(again(r.disk), nil)
		return r.hit.Load()
	}
	outcome := make([]error, 0, len(faultSteps))
	for _, s := range faultSteps {
		step := make(chan error, 1)
		go func() { step <- r.step(n, s) }()
		select {
		case err := <-step:
			outcome = append(outcome, err)
			if err != nil {
				r.failures++
			}
			continue
		case <-died:
			outcome = append(outcome, errUnknown)
		}
		break
	}
	hit = r.hit.Load()
	if r.dead.Load() {
		n.db.Close()
		r.verify(atDeath, outcome)
		return hit
	}
	fs.Set(nil, nil)
	r.compare(n, outcome, "at once")
	disk := r.disk.CrashClone(vfs.CrashCloneCfg{})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	n.db.Close()
	if err := n.close(ctx); errors.Is(err, context.DeadlineExceeded) {
		r.errorf("does not stop: %v", err)
	}
	r.verify(disk, outcome)
	return hit
}

// errUnknown is the outcome of a step in which the process ended.
var errUnknown = errors.New("the process ended")

// step does one step in a session of its own.
func (r *faultRun) step(n *testNode, s faultStep) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := n.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	r.waited.Store(false)
	if r.kind.stays { // somebody makes space, for those who wait for it
		space := time.AfterFunc(5*time.Second, func() { r.fs.Set(nil, nil); r.waited.Store(true) })
		defer space.Stop()
	}
	for _, q := range s.do {
		if _, err = conn.ExecContext(ctx, q); err != nil {
			break
		}
	}
	if r.dead.Load() {
		return err
	}
	// Half way through RESET MASTER there is no way back.
	if r.waited.Load() && s.do[0] != "RESET MASTER" {
		r.errorf("%s waits for space", s.do[len(s.do)-1])
	}
	if errors.Is(err, context.DeadlineExceeded) {
		r.errorf("%s hangs", s.do[len(s.do)-1])
	}
	var my *mysql.MySQLError
	if err != nil && (!errors.As(err, &my) || my.Number == 1105 && !strings.Contains(my.Message, r.kind.err.Error())) {
		r.errorf("%.80s: not a clean error: %v", s.do, err)
	}
	if err != nil {
		_, _ = conn.ExecContext(ctx, "ROLLBACK")
		_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // it is not used again
	}
	return err
}

// compare looks for what each step should have left. After the end of the
// process a failed step may have been done.
func (r *faultRun) compare(n *testNode, outcome []error, when string) {
	for i, err := range outcome {
		s := faultSteps[i]
		if s.done == "" {
			continue
		}
		rows, qerr := n.rows(s.done)
		if qerr != nil && strings.Contains(qerr.Error(), "1146") {
			qerr = nil
		}
		done := rows != ""
		switch {
		case qerr != nil:
			r.errorf("%s: %v", when, qerr)
		case err == nil && !done:
			r.errorf("%s: acknowledged, and lost: %.100s", when, s.do)
		case err != nil && done && !r.dead.Load():
			r.errorf("%s: failed with %v, and was done: %.100s", when, err, s.do)
		}
	}
}

// verify starts a server on what a power cut leaves, on a sound disk.
func (r *faultRun) verify(disk *vfs.MemFS, outcome []error) {
	n, err := startNode(disk, nodeOptions{args: r.args})
	if err != nil {
		r.errorf("after a power cut: %v", err)
		return
	}
	r.compare(n, outcome, "after a power cut")
	if err := n.exec("INSERT INTO d.wide (id) VALUES (99)"); err != nil {
		r.errorf("afterwards: %v", err)
	}
	if err := n.stop(); err != nil {
		r.errorf("afterwards: %v", err)
	}
}
