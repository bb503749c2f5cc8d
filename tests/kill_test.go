package tests

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// cycles is how many kills a loop makes: few in make test, $BINRELAY_CYCLES in
// make crash.
func cycles(t *testing.T, def int) int {
	s := os.Getenv("BINRELAY_CYCLES")
	if s == "" {
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A ledger is a set of writers that note what was acknowledged. Each
// transaction puts the same id into two tables and adds one to its writer's
// counter, so that a lost, half or doubled transaction shows.
type ledger struct {
	t     *testing.T
	next  atomic.Int64
	mu    sync.Mutex
	acked map[int64]int // id → writer
	dead  time.Time     // when the power was cut; zero while it is on
}

// deadAnswer is how long after the power was cut an answer may still come: a
// commit may have been on its way in the kernel. A real cut ends who answers,
// too; what is answered after it counts as unknown.
const deadAnswer = 200 * time.Millisecond

// power notes, before it happens, that the power is cut or on again.
func (l *ledger) power(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead = time.Now(); on {
		l.dead = time.Time{}
	}
}

// note records that a transaction was acknowledged.
func (l *ledger) note(id int64, w int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.dead.IsZero():
		l.acked[id] = w
	case time.Since(l.dead) > deadAnswer:
		l.t.Errorf("transaction %d was acknowledged %v after the power was cut", id, time.Since(l.dead))
	}
}

const ledgerWriters = 8

func newLedger(t *testing.T, s *cluster.Server) *ledger {
	s.Exec("CREATE DATABASE ledger",
		"CREATE TABLE ledger.a (id BIGINT PRIMARY KEY, w INT NOT NULL, pad VARCHAR(200), KEY w (w))",
		"CREATE TABLE ledger.b (id BIGINT, w INT NOT NULL)",
		"CREATE TABLE ledger.counter (w INT PRIMARY KEY, n BIGINT NOT NULL)")
	for w := range ledgerWriters {
		s.Exec(fmt.Sprintf("INSERT INTO ledger.counter VALUES (%d, 0)", w))
	}
	return &ledger{t: t, acked: make(map[int64]int)}
}

// load writes until ctx ends or the server goes away. It returns when all
// writers have stopped.
func (l *ledger) load(ctx context.Context, dsn string) {
	var wg sync.WaitGroup
	for w := range ledgerWriters {
		wg.Go(func() {
			db, err := sql.Open("mysql", dsn)
			if err != nil {
				l.t.Error(err)
				return
			}
			defer db.Close()
			for ctx.Err() == nil {
				id := l.next.Add(1)
				if err := l.write(ctx, db, w, id); err != nil {
					return // the server was killed, or is about to be
				}
				l.note(id, w)
			}
		})
	}
	wg.Wait()
}

func (l *ledger) write(ctx context.Context, db *sql.DB, w int, id int64) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, q := range []string{
		fmt.Sprintf("INSERT INTO ledger.a VALUES (%d, %d, '%0100d')", id, w, id),
		fmt.Sprintf("INSERT INTO ledger.b VALUES (%d, %d)", id, w),
		fmt.Sprintf("UPDATE ledger.counter SET n = n + 1 WHERE w = %d", w),
	} {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// check compares what a server holds with what was acknowledged.
func (l *ledger) check(s *cluster.Server) {
	l.t.Helper()
	inA, inB := make(map[string]string), make(map[string]string)
	for _, r := range s.Rows("SELECT id, w FROM ledger.a") {
		inA[r[0]] = r[1]
	}
	for _, r := range s.Rows("SELECT id, w FROM ledger.b") {
		if _, twice := inB[r[0]]; twice {
			l.t.Errorf("%s: transaction %s is there twice", s.Name, r[0])
		}
		inB[r[0]] = r[1]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	lost := 0
	for id, w := range l.acked {
		if inA[fmt.Sprint(id)] != fmt.Sprint(w) {
			lost++
		}
	}
	if lost > 0 {
		l.t.Errorf("%s: %d of %d acknowledged transactions are lost", s.Name, lost, len(l.acked))
	}
	perWriter := make(map[string]int)
	for id, w := range inA {
		if inB[id] != w {
			l.t.Errorf("%s: transaction %s is half there", s.Name, id)
		}
		perWriter[w]++
	}
	if len(inA) != len(inB) {
		l.t.Errorf("%s: %d rows in a, %d in b", s.Name, len(inA), len(inB))
	}
	for _, r := range s.Rows("SELECT w, n FROM ledger.counter") {
		if r[1] != fmt.Sprint(perWriter[r[0]]) {
			l.t.Errorf("%s: writer %s counted %s transactions, %d are there", s.Name, r[0], r[1], perWriter[r[0]])
		}
	}
}

// killLoop runs the writers against servers[0] and kills victims, for a number
// of cycles; then all servers must hold what was acknowledged and be equal.
func killLoop(t *testing.T, n int, victims func(i int, all []*cluster.Server) []*cluster.Server) {
	primary := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin", "max_binlog_size=256K")
	r1 := cluster.Start(t, "replica1", "server-id=2", "log-bin=mysql-bin", "max_binlog_size=256K", "read_only=ON")
	r2 := cluster.Start(t, "replica2", "server-id=3", "skip-log-slave-updates", "read_only=ON", "sync_relay_log=1")
	all := []*cluster.Server{primary, r1, r2}
	cluster.Follow(t, primary, r1, r2)
	l := newLedger(t, primary)
	for i := range n {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.load(ctx, primary.DSN(""))
		}()
		time.Sleep(time.Duration(50+rand.IntN(400)) * time.Millisecond) // the moment of the kill is random on purpose
		vs := victims(i, all)
		var wg sync.WaitGroup
		for _, v := range vs {
			wg.Go(v.Kill)
		}
		wg.Wait()
		for _, v := range vs {
			v.Run()
		}
		cancel()
		<-done
		if t.Failed() {
			return
		}
	}
	for _, s := range all {
		if s != primary {
			cluster.WaitCaughtUp(t, primary, s, 2*time.Minute)
		}
	}
	for _, s := range all {
		l.check(s)
		if s != primary {
			cluster.SameData(t, primary.Name, primary.DB(), s.Name, s.DB())
		}
	}
	t.Logf("%d kills, %d transactions acknowledged, 0 lost, 0 half", n, len(l.acked))
	if len(l.acked) < n {
		t.Errorf("only %d transactions were acknowledged in %d cycles", len(l.acked), n)
	}
}

func TestKill_Primary(t *testing.T) {
	killLoop(t, cycles(t, 8)*5/2, func(_ int, all []*cluster.Server) []*cluster.Server { return all[:1] })
}

func TestKill_Replica(t *testing.T) {
	killLoop(t, cycles(t, 8)*5/2, func(i int, all []*cluster.Server) []*cluster.Server { return all[1+i%2 : 2+i%2] })
}

func TestKill_All(t *testing.T) {
	killLoop(t, cycles(t, 20), func(_ int, all []*cluster.Server) []*cluster.Server { return all })
}
