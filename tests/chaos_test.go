package tests

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/go-sql-driver/mysql"

	"binrelay/tests/cluster"
)

// Sizes of the chaos load.
const (
	bigRows    = 300  // rows of a large transaction: above binlog_cache_size (1 MiB)
	bigRowSize = 5000 // and above max_binlog_size (256 KiB)
	sideTables = 4    // tables that DDL works on
)

// fate is what a client knows of a transaction or statement.
type fate int8

const (
	unknown fate = iota // no answer: there, or not, and never half or twice
	acked               // the server said yes
	refused             // rolled back, or the server said no
)

// chaos is a load of every kind on a primary and its replicas, and what must
// be there afterwards.
type chaos struct {
	t       *testing.T
	servers []*cluster.Server // primary, replicas, chained replica
	source  []int             // whom servers[i] follows
	next    atomic.Int64

	mu      sync.Mutex
	ids     map[int64]fate            // transactions of the ledger
	mixed   map[int64]bool            // those that also write to the ignored database
	big     map[int64]fate            // large transactions
	private map[string]map[int64]fate // rows of one server only
	users   map[string]fate           // refused: dropped
	errs    map[string]int            // what clients were told, for the log
}

func newChaos(t *testing.T, source []int, servers ...*cluster.Server) *chaos {
	c := &chaos{
		t: t, servers: servers, source: source, ids: map[int64]fate{}, mixed: map[int64]bool{}, big: map[int64]fate{},
		private: map[string]map[int64]fate{}, users: map[string]fate{}, errs: map[string]int{},
	}
	for i, s := range servers[1:] {
		if source[i+1] == 0 {
			cluster.Follow(t, servers[0], s)
			continue
		}
		cluster.WaitCaughtUp(t, servers[0], servers[source[i+1]], 20*time.Second) // it has the account
		cluster.Attach(servers[source[i+1]], s)
	}
	servers[0].Exec("CREATE DATABASE ledger", "CREATE DATABASE side",
		"CREATE TABLE ledger.a (id BIGINT PRIMARY KEY, w INT NOT NULL, pad VARCHAR(200), KEY w (w))",
		"CREATE TABLE ledger.b (id BIGINT, w INT NOT NULL)",
		"CREATE TABLE ledger.counter (w INT PRIMARY KEY, n BIGINT NOT NULL)",
		"CREATE TABLE ledger.auto (n BIGINT PRIMARY KEY AUTO_INCREMENT, id BIGINT NOT NULL, UNIQUE KEY id (id))",
		"CREATE TABLE ledger.big (id BIGINT, n INT, pad LONGTEXT, PRIMARY KEY (id, n))",
		"USE ign_; CREATE TABLE ign_.x (id BIGINT PRIMARY KEY); USE ledger")
	for w := range ledgerWriters {
		servers[0].Exec(fmt.Sprintf("INSERT INTO ledger.counter VALUES (%d, 0)", w))
	}
	for _, s := range servers {
		c.private[s.Name] = map[int64]fate{}
	}
	return c
}

// note keeps what a client was told.
func (c *chaos) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var my *mysql.MySQLError
	switch {
	case err == nil:
	case errors.As(err, &my):
		c.errs[fmt.Sprintf("%d %.60s", my.Number, my.Message)]++
	default:
		c.errs["connection"]++
	}
}

// told turns an error of a COMMIT or of a statement that commits into what is
// known of it.
func told(err error) fate {
	var my *mysql.MySQLError
	switch {
	case err == nil:
		return acked
	case errors.As(err, &my) && my.Number != 1053 && my.Number != 1317 && my.Number != 1598:
		return refused
	default:
		return unknown
	}
}

// worker runs step on a connection of its own until ctx ends. A step that fails
// gets a new connection.
func (c *chaos) worker(ctx context.Context, wg *sync.WaitGroup, s *cluster.Server, step func(context.Context, *sql.Conn) error) {
	wg.Go(func() {
		db, err := sql.Open("mysql", s.DSN(""))
		if err != nil {
			c.t.Error(err)
			return
		}
		defer db.Close()
		db.SetMaxIdleConns(0)
		for ctx.Err() == nil {
			conn, err := db.Conn(ctx)
			for err == nil && ctx.Err() == nil {
				err = step(ctx, conn)
				c.note(err)
			}
			if conn != nil {
				conn.Close()
			}
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
}

// run executes statements one by one.
func run(ctx context.Context, conn *sql.Conn, stmts ...string) error {
	for _, q := range stmts {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// ledger is one transaction of writer w: small, perhaps with savepoints, rolled
// back, or with a row in the ignored database.
func (c *chaos) ledger(w int) func(context.Context, *sql.Conn) error {
	return func(ctx context.Context, conn *sql.Conn) error {
		id := c.next.Add(1)
		kind := rand.IntN(10)
		stmts := []string{"BEGIN", fmt.Sprintf("INSERT INTO ledger.a VALUES (%d, %d, '%0100d')", id, w, id)}
		if kind < 3 {
			stmts = append(stmts, "SAVEPOINT s", fmt.Sprintf("INSERT INTO ledger.b VALUES (%d, %d), (%d, %d)", -id, w, id, w),
				fmt.Sprintf("UPDATE ledger.a SET pad = 'undone' WHERE id = %d", id), "ROLLBACK TO SAVEPOINT s")
		}
		if kind == 4 || kind == 5 {
			stmts = append(stmts, fmt.Sprintf("INSERT INTO ign_.x VALUES (%d)", id))
		}
		stmts = append(stmts, fmt.Sprintf("INSERT INTO ledger.b VALUES (%d, %d)", id, w), fmt.Sprintf("INSERT INTO ledger.auto (id) VALUES (%d)", id),
			fmt.Sprintf("UPDATE ledger.counter SET n = n + 1 WHERE w = %d", w))
		end := "COMMIT"
		if kind == 9 {
			end = "ROLLBACK"
		}
		if err := run(ctx, conn, stmts...); err != nil {
			c.set(c.ids, id, refused)
			_ = run(ctx, conn, "ROLLBACK") // if there still is a connection
			return err
		}
		err := run(ctx, conn, end)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ids[id] = told(err)
		if kind == 9 {
			c.ids[id] = refused
		}
		c.mixed[id] = kind == 4 || kind == 5
		return err
	}
}

func (c *chaos) set(m map[int64]fate, id int64, f fate) {
	c.mu.Lock()
	m[id] = f
	c.mu.Unlock()
}

// large is one transaction that spills to a file and fills several binlog files.
func (c *chaos) large(ctx context.Context, conn *sql.Conn) error {
	id := c.next.Add(1)
	var q strings.Builder
	fmt.Fprintf(&q, "INSERT INTO ledger.big VALUES ")
	for n := range bigRows {
		if n > 0 {
			q.WriteByte(',')
		}
		fmt.Fprintf(&q, "(%d,%d,REPEAT('%c',%d))", id, n, 'a'+rune(n%26), bigRowSize)
	}
	err := run(ctx, conn, "BEGIN", q.String(), fmt.Sprintf("UPDATE ledger.big SET n = n + 1000 WHERE id = %d AND n >= %d", id, bigRows/2))
	if err != nil {
		c.set(c.big, id, refused)
		_ = run(ctx, conn, "ROLLBACK")
		return err
	}
	err = run(ctx, conn, "COMMIT")
	c.set(c.big, id, told(err))
	if err == nil && rand.IntN(2) == 0 { // keep the database small
		err = run(ctx, conn, fmt.Sprintf("DELETE FROM ledger.big WHERE id = %d", id))
		c.set(c.big, id, unknown)
		if told(err) == acked {
			c.set(c.big, id, refused)
		}
	}
	pause(ctx, 500)
	return err
}

// privately writes a row that no other server gets.
func (c *chaos) privately(s *cluster.Server) func(context.Context, *sql.Conn) error {
	return func(ctx context.Context, conn *sql.Conn) error {
		if err := run(ctx, conn, "SET sql_log_bin=0"); err != nil {
			return err
		}
		id := c.next.Add(1)
		err := run(ctx, conn, fmt.Sprintf("INSERT INTO priv_.p VALUES (%d, '%s')", id, s.Name))
		c.set(c.private[s.Name], id, told(err))
		pause(ctx, 20)
		return err
	}
}

func pause(ctx context.Context, ms int) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(rand.IntN(ms)) * time.Millisecond):
	}
}

// ddl runs a random statement about one of few tables, most of which succeed.
func (c *chaos) ddl(ctx context.Context, conn *sql.Conn) error {
	t := func() string { return fmt.Sprintf("side.t%d", rand.IntN(sideTables)) }
	n := c.next.Add(1)
	a, b := t(), t()
	q := []string{
		"CREATE TABLE IF NOT EXISTS " + a + " (id BIGINT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(100), KEY v (v))",
		"CREATE TABLE IF NOT EXISTS " + b + " (id BIGINT, v VARCHAR(100))",
		fmt.Sprintf("INSERT INTO %s (id, v) VALUES (%d, 'x%d'), (%d, 'y%d')", a, 2*n, n, 2*n+1, n),
		fmt.Sprintf("INSERT INTO %s (id, v) VALUES (%d, REPEAT('z', 90))", b, 2*n),
		fmt.Sprintf("UPDATE %s SET v = 'u%d' WHERE id %% 3 = 0", a, n),
		fmt.Sprintf("DELETE FROM %s WHERE id %% 5 = 0", b),
		fmt.Sprintf("ALTER TABLE %s ADD COLUMN c%d INT DEFAULT %d", a, n%5, n),
		fmt.Sprintf("ALTER TABLE %s DROP COLUMN c%d", a, n%5),
		fmt.Sprintf("ALTER TABLE %s ADD INDEX k%d (v, id)", b, n%3),
		fmt.Sprintf("ALTER TABLE %s DROP INDEX k%d", b, n%3),
		fmt.Sprintf("RENAME TABLE %s TO %s", a, b),
		"TRUNCATE TABLE " + a,
		"DROP TABLE IF EXISTS " + b,
		fmt.Sprintf("CREATE DATABASE IF NOT EXISTS extra%d", n%3),
		fmt.Sprintf("DROP DATABASE IF EXISTS extra%d", n%3),
		fmt.Sprintf("CREATE TABLE IF NOT EXISTS extra%d.t (id INT PRIMARY KEY)", n%3),
	}[rand.IntN(16)]
	err := run(ctx, conn, q)
	pause(ctx, 20)
	if told(err) == refused {
		c.note(err)
		return nil // no such table, or column, or one too many
	}
	return err
}

// user creates accounts and drops some.
func (c *chaos) user(ctx context.Context, conn *sql.Conn) error {
	name := fmt.Sprintf("u%d", c.next.Add(1))
	err := run(ctx, conn, fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED WITH mysql_native_password BY 'x'", name))
	f := told(err)
	if err == nil && rand.IntN(2) == 0 {
		f = unknown
		if err = run(ctx, conn, fmt.Sprintf("DROP USER '%s'@'%%'", name)); err == nil {
			f = refused
		}
	}
	c.mu.Lock()
	c.users[name] = f
	c.mu.Unlock()
	pause(ctx, 200)
	return err
}

// admin rotates and purges the binlog of servers[i], never what a replica of it
// has not executed.
func (c *chaos) admin(i int) func(context.Context, *sql.Conn) error {
	return func(ctx context.Context, conn *sql.Conn) error {
		pause(ctx, 500)
		if rand.IntN(2) == 0 {
			return run(ctx, conn, "FLUSH BINARY LOGS")
		}
		oldest := ""
		for j, s := range c.servers {
			if j == 0 || c.source[j] != i {
				continue
			}
			st, err := cluster.RowMap(s.DB(), "SHOW SLAVE STATUS")
			if err != nil || st["Relay_Master_Log_File"] == "" {
				return nil // it is down just now
			}
			if f := st["Relay_Master_Log_File"]; oldest == "" || f < oldest {
				oldest = f
			}
		}
		return run(ctx, conn, "PURGE BINARY LOGS TO '"+oldest+"'")
	}
}

// startStop stops and starts replication at random.
func (c *chaos) startStop(ctx context.Context, conn *sql.Conn) error {
	which := []string{"", " IO_THREAD", " SQL_THREAD"}[rand.IntN(3)]
	if err := run(ctx, conn, "STOP SLAVE"+which); err != nil {
		return err
	}
	pause(ctx, 200)
	err := run(ctx, conn, "START SLAVE"+which)
	pause(ctx, 600)
	return err
}

// load starts all workers; the returned function ends them.
func (c *chaos) load() (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for w := range 4 {
		c.worker(ctx, &wg, c.servers[0], c.ledger(w))
	}
	c.worker(ctx, &wg, c.servers[0], c.large)
	c.worker(ctx, &wg, c.servers[0], c.ddl)
	c.worker(ctx, &wg, c.servers[0], c.ddl)
	c.worker(ctx, &wg, c.servers[0], c.user)
	for i, s := range c.servers {
		c.worker(ctx, &wg, s, c.privately(s))
		if slices.Contains(c.source[1:], i) {
			c.worker(ctx, &wg, s, c.admin(i))
		}
		if i > 0 {
			c.worker(ctx, &wg, s, c.startStop)
		}
	}
	return func() { cancel(); wg.Wait() }
}

// strike ends one server in one of several ways and starts it again.
func (c *chaos) strike(s *cluster.Server) {
	switch rand.IntN(5) {
	case 0:
		s.Stop()
	case 1: // its connections stay open and silent, then go
		s.Signal(syscall.SIGSTOP)
		pause(context.Background(), 300)
		s.Kill()
	case 2:
		s.Signal(syscall.SIGSTOP)
		pause(context.Background(), 500)
		s.Signal(syscall.SIGCONT)
		return
	default:
		s.Kill()
	}
	pause(context.Background(), 200)
	s.Run()
}

// settle waits until every replica has what its source has.
func (c *chaos) settle() {
	c.t.Helper()
	for i, s := range c.servers[1:] {
		s.Exec("START SLAVE")
		cluster.WaitCaughtUp(c.t, c.servers[c.source[i+1]], s, 5*time.Minute)
	}
}

// check compares all servers with what was acknowledged and with each other.
func (c *chaos) check() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, s := range c.servers {
		c.checkLedger(s)
		c.checkBig(s)
		c.checkPrivate(s)
		c.checkUsers(s)
		if i > 0 {
			c.same(s)
			c.checkStatus(c.servers[c.source[i]], s)
		}
	}
	p := c.servers[0]
	there := column(p, "SELECT id FROM ledger.a")
	ignored := column(p, "SELECT id FROM ign_.x")
	for id, mixed := range c.mixed {
		if mixed && there[id] != ignored[id] {
			c.t.Errorf("%s: mixed transaction %d: %d rows in the log's database, %d in the ignored one", p.Name, id, there[id], ignored[id])
		}
	}
	for id := range ignored {
		if !c.mixed[id] {
			c.t.Errorf("%s: row %d in the ignored database was never written", p.Name, id)
		}
	}
}

func column(s *cluster.Server, query string) map[int64]int {
	out := map[int64]int{}
	for _, r := range s.Rows(query) {
		var id int64
		fmt.Sscan(r[0], &id)
		out[id]++
	}
	return out
}

func (c *chaos) checkLedger(s *cluster.Server) {
	c.t.Helper()
	a, b, auto := column(s, "SELECT id FROM ledger.a"), column(s, "SELECT id FROM ledger.b"), column(s, "SELECT id FROM ledger.auto")
	n := map[fate]int{}
	for id, f := range c.ids {
		n[f]++
		if a[id] != b[id] || a[id] != auto[id] || a[id] > 1 || f == acked && a[id] != 1 || f == refused && a[id] != 0 {
			c.t.Errorf("%s: transaction %d (fate %d): %d, %d, %d rows", s.Name, id, f, a[id], b[id], auto[id])
		}
	}
	for _, m := range []map[int64]int{a, b, auto} {
		for id := range m {
			if _, ok := c.ids[id]; !ok {
				c.t.Errorf("%s: transaction %d is nobody's", s.Name, id)
			}
		}
	}
	if undone := column(s, "SELECT id FROM ledger.a WHERE pad = 'undone'"); len(undone) > 0 {
		c.t.Errorf("%s: rolled back to a savepoint and still there: %v", s.Name, undone)
	}
	want := s.Rows("SELECT w, COUNT(*) FROM ledger.a GROUP BY w ORDER BY w")
	got := s.Rows("SELECT w, n FROM ledger.counter WHERE n > 0 ORDER BY w")
	if fmt.Sprint(want) != fmt.Sprint(got) {
		c.t.Errorf("%s: counters %v, rows %v", s.Name, got, want)
	}
	c.t.Logf("%s: %d acknowledged, %d unknown, %d refused or rolled back; %d large", s.Name, n[acked], n[unknown], n[refused], len(c.big))
}

func (c *chaos) checkBig(s *cluster.Server) {
	c.t.Helper()
	rows := map[int64]string{}
	for _, r := range s.Rows("SELECT id, COUNT(*), SUM(n), CAST(SUM(LENGTH(pad)) AS SIGNED) FROM ledger.big GROUP BY id") {
		var id int64
		fmt.Sscan(r[0], &id)
		rows[id] = strings.Join(r[1:], " ")
	}
	whole := fmt.Sprint(bigRows, " ", bigRows*(bigRows-1)/2+bigRows/2*1000, " ", bigRows*bigRowSize)
	for id, f := range c.big {
		got, there := rows[id]
		if there && got != whole || f == acked && !there || f == refused && there {
			c.t.Errorf("%s: large transaction %d (fate %d): %q, want %q", s.Name, id, f, got, whole)
		}
		delete(rows, id)
	}
	if len(rows) > 0 {
		c.t.Errorf("%s: large transactions that are nobody's: %v", s.Name, rows)
	}
}

func (c *chaos) checkPrivate(s *cluster.Server) {
	c.t.Helper()
	there := column(s, "SELECT id FROM priv_.p")
	for id, f := range c.private[s.Name] {
		if f == acked && there[id] != 1 || f == refused && there[id] != 0 {
			c.t.Errorf("%s: private row %d (fate %d): %d rows", s.Name, id, f, there[id])
		}
		delete(there, id)
	}
	if len(there) > 0 {
		c.t.Errorf("%s: private rows of another server: %v", s.Name, slices.Collect(maps.Keys(there)))
	}
}

func (c *chaos) checkUsers(s *cluster.Server) {
	c.t.Helper()
	there := map[string]bool{}
	for _, r := range s.Rows("SELECT user FROM mysql.user") {
		there[r[0]] = true
	}
	for name, f := range c.users {
		if f == acked && !there[name] || f == refused && there[name] {
			c.t.Errorf("%s: account %s (fate %d): there is %t", s.Name, name, f, there[name])
		}
	}
}

// same compares a replica with the primary: rows, definitions, checksums,
// executed GTIDs.
func (c *chaos) same(s *cluster.Server) {
	c.t.Helper()
	p := c.servers[0]
	own := func(m map[string]string) map[string]string {
		maps.DeleteFunc(m, func(k, _ string) bool { return strings.HasPrefix(k, "priv_") || strings.HasPrefix(k, "ign_") })
		return m
	}
	want, got := own(cluster.Digest(c.t, p.DB())), own(cluster.Digest(c.t, s.DB()))
	if !maps.Equal(want, got) {
		c.t.Errorf("%s and %s differ:\n%v\n%v", p.Name, s.Name, want, got)
		for name := range want {
			if db, table, ok := strings.Cut(name, "."); ok && want[name] != got[name] && got[name] != "" {
				c.diff(s, db, table)
			}
		}
		return
	}
	for name := range want {
		db, table, ok := strings.Cut(name, ".")
		if !ok {
			continue
		}
		for _, q := range []string{"SHOW CREATE TABLE `%s`.`%s`", "CHECKSUM TABLE `%s`.`%s`"} {
			q = fmt.Sprintf(q, db, table)
			// Numbers that a rolled back transaction took do not travel.
			a := counterOption.ReplaceAllString(fmt.Sprint(p.Rows(q)), "")
			if b := counterOption.ReplaceAllString(fmt.Sprint(s.Rows(q)), ""); a != b {
				c.t.Errorf("%s: %s\n%s %s\n%s %s", q, s.Name, p.Name, a, s.Name, b)
			}
		}
	}
	const executed = "SELECT @@GLOBAL.gtid_executed"
	if a, b := p.One(executed), s.One(executed); a != b {
		c.t.Errorf("gtid_executed: %s %s, %s %s", p.Name, a, s.Name, b)
	}
}

var counterOption = regexp.MustCompile(` AUTO_INCREMENT=\d+`)

// diff logs what one of two servers has and the other has not.
func (c *chaos) diff(s *cluster.Server, db, table string) {
	c.t.Helper()
	of := func(s *cluster.Server) (string, map[string]int) {
		m := map[string]int{}
		for _, r := range s.Rows(fmt.Sprintf("SELECT * FROM `%s`.`%s`", db, table)) {
			m[fmt.Sprintf("%.300q", r)]++
		}
		return s.Rows(fmt.Sprintf("SHOW CREATE TABLE `%s`.`%s`", db, table))[0][1], m
	}
	defA, a := of(c.servers[0])
	defB, b := of(s)
	c.t.Logf("%s\n%s", defA, defB)
	for i, pair := range [][2]map[string]int{{a, b}, {b, a}} {
		n := 0
		for row := range pair[0] {
			if pair[0][row] != pair[1][row] && n < 5 {
				c.t.Logf("only %s: %s", []string{c.servers[0].Name, s.Name}[i], row)
				n++
			}
		}
	}
}

// checkStatus looks at the coordinates of a replica that has caught up.
func (c *chaos) checkStatus(source, s *cluster.Server) {
	c.t.Helper()
	end := source.Rows("SHOW MASTER STATUS")[0]
	cluster.WaitFor(c.t, 10*time.Second, func() string {
		st := s.Status()
		for col, want := range map[string]string{
			"Relay_Master_Log_File": end[0], "Exec_Master_Log_Pos": end[1], "Master_Log_File": end[0], "Read_Master_Log_Pos": end[1],
			"Slave_IO_Running": "Yes", "Slave_SQL_Running": "Yes", "Last_Errno": "0", "Last_IO_Errno": "0", "Seconds_Behind_Master": "0",
		} {
			if st[col] != want {
				return fmt.Sprintf("%s: %s is %s, want %s", s.Name, col, st[col], want)
			}
		}
		return ""
	})
}

// checkFiles reads every binlog file of a stopped server with go-mysql's parser:
// a transaction is in the log once at most, and it is in the table.
func (c *chaos) checkFiles(s *cluster.Server, there map[int64]int) {
	c.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Dir, "mysql-bin.0*"))
	if err != nil || len(files) == 0 {
		c.t.Fatalf("%s: no binlog files: %v", s.Name, err)
	}
	seen := map[int64]int{}
	events := 0
	for _, f := range files {
		p := replication.NewBinlogParser()
		p.SetVerifyChecksum(true)
		err := p.ParseFile(f, 0, func(ev *replication.BinlogEvent) error {
			events++
			rows, ok := ev.Event.(*replication.RowsEvent)
			if !ok || string(rows.Table.Table) != "auto" || string(rows.Table.Schema) != "ledger" {
				return nil
			}
			for _, r := range rows.Rows {
				seen[r[1].(int64)]++
			}
			return nil
		})
		if err != nil {
			c.t.Errorf("%s: %s: %v", s.Name, filepath.Base(f), err)
		}
	}
	for id, n := range seen {
		if n != 1 || there[id] != 1 {
			c.t.Errorf("%s: transaction %d is %d times in the binlog, %d times in the table", s.Name, id, n, there[id])
		}
	}
	c.t.Logf("%s: %d binlog files, %d events, %d transactions of the ledger", s.Name, len(files), events, len(seen))
}

// chaosLoop kills, stops and halts servers under the load for n cycles.
func chaosLoop(t *testing.T, n int, lines ...string) {
	start := func(name string, own ...string) *cluster.Server {
		s := cluster.Start(t, name, slices.Concat([]string{"log-bin=mysql-bin", "max_binlog_size=256K", "binlog_cache_size=64K"}, own, lines)...)
		s.Exec("SET sql_log_bin=0; CREATE DATABASE priv_; CREATE DATABASE ign_; CREATE TABLE priv_.p (id BIGINT PRIMARY KEY, s VARCHAR(20)); SET sql_log_bin=1")
		return s
	}
	p := start("primary", "server-id=1", "binlog_ignore_db=ign_")
	r1 := start("replica1", "server-id=2", "read_only=ON", "sync_relay_log=30")
	r2 := start("replica2", "server-id=3", "skip-log-slave-updates", "read_only=ON", "sync_relay_log=10")
	r3 := start("chained", "server-id=4", "read_only=ON")
	c := newChaos(t, []int{-1, 0, 0, 1}, p, r1, r2, r3)
	end := c.load()
	for range n {
		pause(t.Context(), 900)
		for _, i := range rand.Perm(4)[:1+rand.IntN(4)] {
			c.strike(c.servers[i])
		}
		if t.Failed() {
			break
		}
	}
	end()
	t.Logf("%d cycles; clients were told: %v", n, c.errs)
	c.settle()
	c.check()
	there := column(p, "SELECT id FROM ledger.auto")
	for _, s := range []*cluster.Server{r3, r1, p} {
		s.Stop()
		c.checkFiles(s, there)
	}
}

func TestKill_Chaos(t *testing.T) { chaosLoop(t, cycles(t, 8)) }

func TestKill_ChaosGTID(t *testing.T) {
	chaosLoop(t, cycles(t, 8), "gtid_mode=ON", "enforce_gtid_consistency=ON")
}
