package tests

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"binrelay/tests/cluster"
	"binrelay/tests/listappend"
)

// scaled is a size: short in make test, long × $BINRELAY_LONG where that is set.
func scaled(t testing.TB, short, long int) int {
	s := os.Getenv("BINRELAY_LONG")
	if s == "" {
		return short
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n * long
}

// A listShape is a way to keep lists in a table: how an element is appended and
// how a list is read.
type listShape struct {
	create string
	add    func(ctx context.Context, c *sql.Conn, key, elem int) error
	read   string // its rows are lists of elements, joined by commas
}

// listShapes: list key is kept in the shape of key % 3.
var listShapes = []listShape{
	{
		create: "CREATE TABLE lists.byid (id INT PRIMARY KEY, val LONGTEXT NOT NULL)",
		add: func(ctx context.Context, c *sql.Conn, key, elem int) error {
			return run(ctx, c, fmt.Sprintf("INSERT INTO lists.byid VALUES (%d, '%d') ON DUPLICATE KEY UPDATE val = CONCAT(val, ',', '%[2]d')", key, elem))
		},
		read: "SELECT val FROM lists.byid WHERE id = %d",
	}, {
		create: "CREATE TABLE lists.bysk (id INT PRIMARY KEY, sk INT NOT NULL, val LONGTEXT NOT NULL, KEY sk (sk))",
		add: func(ctx context.Context, c *sql.Conn, key, elem int) error {
			res, err := c.ExecContext(ctx, fmt.Sprintf("UPDATE lists.bysk SET val = CONCAT(val, ',', '%d') WHERE sk = %d", elem, key))
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n == 1 {
				return err
			}
			return run(ctx, c, fmt.Sprintf("INSERT INTO lists.bysk VALUES (%d, %[1]d, '%d')", key, elem))
		},
		read: "SELECT val FROM lists.bysk WHERE sk = %d",
	}, {
		create: "CREATE TABLE lists.elems (k INT, pos INT, elem INT NOT NULL, PRIMARY KEY (k, pos))",
		add: func(ctx context.Context, c *sql.Conn, key, elem int) error {
			return run(ctx, c, fmt.Sprintf("INSERT INTO lists.elems SELECT %d, COALESCE(MAX(pos), 0) + 1, %d FROM lists.elems WHERE k = %[1]d", key, elem))
		},
		read: "SELECT elem FROM lists.elems WHERE k = %d ORDER BY pos",
	},
}

const (
	listClients   = 12  // of the primary
	listReaders   = 2   // of each replica
	listsAtOnce   = 6   // keys in use at a time
	listLength    = 100 // appends until a key is put aside
	maxListOps    = 5
	listOutOfLuck = 30 * time.Second // without a single commit
)

// lists is a load of transactions on lists and the history it makes.
type lists struct {
	t       *testing.T
	level   listappend.Level
	want    int // transactions to commit
	begun   time.Time
	process atomic.Int64
	commits atomic.Int64

	mu      sync.Mutex
	keys    []int       // in use
	next    int         // key
	appends map[int]int // per key, tried
	history []listappend.Txn
	errs    map[string]int
}

func newLists(t *testing.T, level listappend.Level, want int, create func(...string)) *lists {
	l := &lists{t: t, level: level, want: want, begun: time.Now(), appends: map[int]int{}, errs: map[string]int{}}
	create("CREATE DATABASE lists")
	for _, s := range listShapes {
		create(s.create)
	}
	for range listsAtOnce {
		l.keys = append(l.keys, l.next)
		l.next++
	}
	l.process.Store(1000) // those below are the clients of the primary
	return l
}

// key picks a list, some more often than others.
func (l *lists) key() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.keys[min(rand.IntN(len(l.keys)), rand.IntN(len(l.keys)))]
}

// elem returns the next element of a key and puts the key aside when it is long.
func (l *lists) elem(key int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.appends[key]++
	if l.appends[key] == listLength {
		i := slices.Index(l.keys, key)
		l.keys[i] = l.next
		l.next++
	}
	return l.appends[key]
}

func (l *lists) note(txn listappend.Txn, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.history = append(l.history, txn)
	var my *mysql.MySQLError
	switch {
	case err == nil:
		l.commits.Add(1)
	case errors.As(err, &my):
		l.errs[fmt.Sprint(my.Number)]++
	default:
		l.errs["connection"]++
	}
}

func readList(ctx context.Context, c interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, key int) ([]int, error) {
	rows, err := c.QueryContext(ctx, fmt.Sprintf(listShapes[key%len(listShapes)].read, key))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []int
	for rows.Next() {
		var val string
		if err := rows.Scan(&val); err != nil {
			return nil, err
		}
		for s := range strings.SplitSeq(val, ",") {
			e, err := strconv.Atoi(s)
			if err != nil {
				return nil, err
			}
			list = append(list, e)
		}
	}
	return list, rows.Err()
}

// transact runs one transaction of a connection; err is set when it did not
// commit, or perhaps did not.
func (l *lists) transact(ctx context.Context, c *sql.Conn, process int, readOnly, timed bool) (err error) {
	txn := listappend.Txn{Process: process, Outcome: listappend.Aborted}
	now := func() int64 {
		if timed {
			return int64(time.Since(l.begun))
		}
		return 0
	}
	txn.Start = now()
	defer func() {
		txn.End = now()
		l.note(txn, err)
		var my *mysql.MySQLError
		if errors.As(err, &my) {
			_ = run(ctx, c, "ROLLBACK") // a lost connection shows in the next transaction
		}
	}()
	begin := "START TRANSACTION"
	if readOnly {
		begin += " READ ONLY"
	}
	if err := run(ctx, c, begin); err != nil {
		return err
	}
	for range 2 + rand.IntN(maxListOps-1) {
		key := l.key()
		if readOnly || rand.IntN(2) == 0 {
			list, err := readList(ctx, c, key)
			if err != nil {
				return err
			}
			txn.Ops = append(txn.Ops, listappend.Read(key, list...))
			continue
		}
		elem := l.elem(key)
		txn.Ops = append(txn.Ops, listappend.Append(key, elem))
		if err := listShapes[key%len(listShapes)].add(ctx, c, key, elem); err != nil {
			return err
		}
	}
	if rand.IntN(30) == 0 {
		return run(ctx, c, "ROLLBACK")
	}
	err = run(ctx, c, "COMMIT")
	switch told(err) {
	case acked:
		txn.Outcome = listappend.Committed
	case unknown:
		txn.Outcome = listappend.Unknown
	}
	return err
}

// client runs transactions on connections of one server until ctx ends. A
// replica's connections are processes of their own; what it shows may be old.
func (l *lists) client(ctx context.Context, dsn string, process int, replica bool) {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		l.t.Error(err)
		return
	}
	defer db.Close()
	db.SetMaxIdleConns(0)
	for ctx.Err() == nil {
		c, err := db.Conn(context.Background())
		if err == nil && !replica {
			err = run(context.Background(), c, "SET SESSION TRANSACTION ISOLATION LEVEL "+string(l.level))
		}
		if replica {
			process = int(l.process.Add(1))
		}
		for err == nil && ctx.Err() == nil {
			err = l.transact(context.Background(), c, process, replica || rand.IntN(10) == 0, !replica)
			var my *mysql.MySQLError
			if errors.As(err, &my) && told(err) == refused {
				err = nil // the connection is still good
			}
			if replica {
				pause(ctx, 10)
			}
		}
		if c != nil {
			c.Close()
		}
		pause(ctx, 20)
	}
}

// run loads the servers until enough transactions have committed. nemesis runs
// beside it and may return early.
func (l *lists) run(primary string, replicas []string, nemesis func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg, bad sync.WaitGroup
	for i := range listClients {
		wg.Go(func() { l.client(ctx, primary, i, false) })
	}
	for _, dsn := range replicas {
		for range listReaders {
			wg.Go(func() { l.client(ctx, dsn, 0, true) })
		}
	}
	if nemesis != nil {
		bad.Go(func() { nemesis(ctx) })
	}
	last, since := int64(0), time.Now()
	for l.commits.Load() < int64(l.want) && !l.t.Failed() {
		time.Sleep(20 * time.Millisecond)
		if n := l.commits.Load(); n != last {
			last, since = n, time.Now()
		} else if time.Since(since) > listOutOfLuck {
			l.t.Errorf("no transaction has committed for %v", listOutOfLuck)
		}
	}
	cancel()
	bad.Wait() // it leaves all servers running
	wg.Wait()
}

// final reads every list.
func (l *lists) final(db *sql.DB) map[int][]int {
	out := map[int][]int{}
	for k := range l.next {
		list, err := readList(context.Background(), db, k)
		if err != nil {
			l.t.Fatal(err)
		}
		if list != nil {
			out[k] = list
		}
	}
	return out
}

// find returns what is wrong with the history, at any level.
func (l *lists) find(final map[int][]int) map[listappend.Kind][]listappend.Anomaly {
	l.t.Helper()
	begun := time.Now()
	found, count := map[listappend.Kind][]listappend.Anomaly{}, map[listappend.Kind]int{}
	for _, a := range listappend.Check(l.history, listappend.Options{Process: true, RealTime: true, Final: final}) {
		found[a.Kind] = append(found[a.Kind], a)
		count[a.Kind]++
	}
	ends := map[listappend.Outcome]int{}
	for _, txn := range l.history {
		ends[txn.Outcome]++
	}
	l.t.Logf("%s: %d committed, %d rolled back, %d unknown, %d lists in %v, checked in %v; found %v; clients were told %v", l.level,
		ends[listappend.Committed], ends[listappend.Aborted], ends[listappend.Unknown], len(final), begun.Sub(l.begun).Round(time.Millisecond),
		time.Since(begun).Round(time.Millisecond), count, l.errs)
	return found
}

// forbid fails the test for what the level forbids.
func (l *lists) forbid(found map[listappend.Kind][]listappend.Anomaly) {
	l.t.Helper()
	for k, as := range found {
		if l.level.Forbids(k) {
			l.t.Errorf("%s forbids %s, %d times; the first: %.4000s", l.level, k, len(as), as[0].Text)
		}
	}
}

// trouble kills, restarts and halts servers, about one each period, first the
// first of them.
func trouble(t *testing.T, period time.Duration, servers ...*cluster.Server) func(context.Context) {
	return func(ctx context.Context) {
		for i := 0; !t.Failed(); i++ {
			select {
			case <-ctx.Done():
				return
			case <-time.After(period/2 + time.Duration(rand.Int64N(int64(period)))):
			}
			s := servers[i%len(servers)]
			if i >= len(servers) {
				s = servers[rand.IntN(len(servers))]
			}
			if rand.IntN(3) == 0 {
				s.Signal(syscall.SIGSTOP)
				most := 400
				if rand.IntN(4) == 0 {
					most = 3000 // its replicas give up the link
				}
				pause(context.Background(), most)
				s.Signal(syscall.SIGCONT)
				continue
			}
			s.Kill()
			s.Run()
		}
	}
}

// three starts a primary and two replicas that follow it, one of which writes
// no binlog of its own.
func three(t *testing.T) []*cluster.Server {
	primary := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin", "max_binlog_size=1M")
	r1 := cluster.Start(t, "replica1", "server-id=2", "log-bin=mysql-bin", "read_only=ON", "slave_net_timeout=1")
	r2 := cluster.Start(t, "replica2", "server-id=3", "skip-log-slave-updates", "read_only=ON", "slave_net_timeout=1")
	cluster.Follow(t, primary, r1, r2)
	return []*cluster.Server{primary, r1, r2}
}

// offers reports whether a server takes an isolation level.
func offers(t *testing.T, db *sql.DB, level listappend.Level) bool {
	t.Helper()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = run(t.Context(), c, "SET SESSION TRANSACTION ISOLATION LEVEL "+string(level), "BEGIN", "ROLLBACK", "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
	var my *mysql.MySQLError
	if errors.As(err, &my) && my.Number == 1235 {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	return true
}

// Transactions over lists at each level, on a primary that is killed and
// halted, with readers on two replicas that fare no better: none of the
// anomalies that the level forbids, and on the replicas a prefix of the
// primary's commits, never going backwards on a connection.
func TestIsolation_Lists(t *testing.T) {
	for _, level := range []listappend.Level{listappend.ReadCommitted, listappend.RepeatableRead, listappend.Serializable} {
		t.Run(string(level), func(t *testing.T) {
			all := three(t)
			if !offers(t, all[0].DB(), level) {
				t.Skipf("SKIP: the server refuses %s", level)
			}
			l := newLists(t, level, scaled(t, 1000, 20_000), all[0].Exec)
			for _, r := range all[1:] {
				cluster.WaitCaughtUp(t, all[0], r, 20*time.Second)
			}
			period := 400 * time.Millisecond
			if os.Getenv("BINRELAY_LONG") != "" {
				period = 3 * time.Second
			}
			l.run(all[0].DSN(""), []string{all[1].DSN(""), all[2].DSN("")}, trouble(t, period, all...))
			if t.Failed() {
				return
			}
			final := l.final(all[0].DB())
			l.forbid(l.find(final))
			for _, r := range all[1:] {
				cluster.WaitCaughtUp(t, all[0], r, time.Minute)
				cluster.SameData(t, all[0].Name, all[0].DB(), r.Name, r.DB())
			}
		})
	}
}

// The test of the test: MariaDB's REPEATABLE READ reads old and writes new, and
// the checker says so; of the other levels it says nothing.
func TestIsolation_ListsFindMariaDB(t *testing.T) {
	m := cluster.StartMariaDB(t)
	dsn := fmt.Sprintf("root@tcp(127.0.0.1:%d)/?interpolateParams=true", m.Port)
	for _, level := range []listappend.Level{listappend.ReadCommitted, listappend.RepeatableRead, listappend.Serializable} {
		m.Exec("DROP DATABASE IF EXISTS lists")
		l := newLists(t, level, scaled(t, 500, 5000), m.Exec)
		l.run(dsn, nil, nil)
		found := l.find(l.final(m.DB))
		if level != listappend.RepeatableRead {
			l.forbid(found)
		} else if found[listappend.GSingle] == nil && found[listappend.LostUpdate] == nil {
			t.Errorf("no lost update and no G-single in MariaDB's %s", level)
		}
	}
}
