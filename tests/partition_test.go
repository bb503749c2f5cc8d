package tests

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"binrelay/tests/cluster"
	"binrelay/tests/listappend"
)

// linked starts a primary and two replicas, each with a link of its own to it.
// They notice a silent link after a second.
func linked(t *testing.T, lines ...string) (all []*cluster.Server, links []*cluster.Proxy) {
	t.Helper()
	p := cluster.Start(t, "primary", append([]string{"server-id=1", "log-bin=mysql-bin", "max_binlog_size=1M"}, lines...)...)
	p.Exec("CREATE USER 'repl'@'%' IDENTIFIED BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'")
	all = []*cluster.Server{p}
	for i, own := range []string{"max_binlog_size=1M", "skip-log-slave-updates"} {
		r := cluster.Start(t, fmt.Sprintf("replica%d", i+1), append([]string{fmt.Sprintf("server-id=%d", i+2), "log-bin=mysql-bin", "read_only=ON", "slave_net_timeout=1", own}, lines...)...)
		link := cluster.NewProxy(t, p.Port)
		cluster.AttachThrough(p, link.Port, r)
		all, links = append(all, r), append(links, link)
	}
	for _, r := range all[1:] {
		cluster.WaitCaughtUp(t, p, r, 20*time.Second)
	}
	return all, links
}

// partition lets links fail, one or all, in one direction or both, now and then
// for longer than the replicas wait. They are open when it returns.
func partition(links []*cluster.Proxy, count *atomic.Int64) func(context.Context) {
	ways := [][2]cluster.Link{{cluster.Held, cluster.Held}, {cluster.Lost, cluster.Lost}, {cluster.Cut, cluster.Cut},
		{cluster.Open, cluster.Held}, {cluster.Held, cluster.Open}, {cluster.Open, cluster.Lost}, {cluster.Lost, cluster.Open}}
	return func(ctx context.Context) {
		for ctx.Err() == nil {
			for _, i := range rand.Perm(len(links))[:1+rand.IntN(len(links))] {
				way := ways[rand.IntN(len(ways))]
				links[i].SetEach(way[0], way[1])
			}
			count.Add(1)
			most := 600
			if rand.IntN(5) == 0 {
				most = 4000
			}
			pause(ctx, most)
			for _, l := range links {
				l.Set(cluster.Open)
			}
			pause(ctx, 400)
		}
	}
}

// Replicas that are cut off from their primary and come back, at any moment and
// in one direction only: what they show is a prefix of the primary's commits, the
// same on both (no long fork), never goes backwards on a connection, and in the
// end it is all.
func TestIsolation_ListsPartitioned(t *testing.T) {
	t.Parallel()
	levels := []listappend.Level{listappend.RepeatableRead}
	if long() {
		levels = []listappend.Level{listappend.ReadCommitted, listappend.RepeatableRead, listappend.Serializable}
	}
	want := int64(cycles(t, 1) * 3 / 2)
	for _, level := range levels {
		t.Run(string(level), func(t *testing.T) {
			var cuts atomic.Int64
			commits := int64(0)
			for cuts.Load() < want && !t.Failed() {
				commits += listsPartitioned(t, level, &cuts)
			}
			t.Logf("%d partitions, %d transactions acknowledged", cuts.Load(), commits)
		})
	}
}

// listsPartitioned is one episode with servers of its own.
func listsPartitioned(t *testing.T, level listappend.Level, cuts *atomic.Int64) (commits int64) {
	all, links := linked(t)
	l := newLists(t, level, scaled(t, 1000, 20_000), all[0].Exec)
	for _, r := range all[1:] {
		cluster.WaitCaughtUp(t, all[0], r, 20*time.Second)
	}
	nemesis := partition(links, cuts)
	if long() {
		nemesis = both(nemesis, trouble(t, 5*time.Second, all...))
	}
	l.run(all[0].DSN(""), []string{all[1].DSN(""), all[2].DSN("")}, nemesis)
	l.forbid(l.find(l.final(all[0].DB())))
	for _, r := range all[1:] {
		cluster.WaitCaughtUp(t, all[0], r, time.Minute)
		cluster.SameData(t, all[0].Name, all[0].DB(), r.Name, r.DB())
	}
	for _, s := range all {
		s.Kill()
	}
	return l.commits.Load()
}

// both is two nemeses at the same time.
func both(a, b func(context.Context)) func(context.Context) {
	return func(ctx context.Context) {
		var wg sync.WaitGroup
		wg.Go(func() { a(ctx) })
		wg.Go(func() { b(ctx) })
		wg.Wait()
	}
}

// A token is what a writer hands to who must see its write.
type token struct {
	key, val int
	wait     string // true or >= 0 on a replica that has the write
	at       time.Time
}

// tokens is a load of writes and of reads with their tokens.
type tokens struct {
	t        *testing.T
	all      []*cluster.Server
	gtid     bool
	conns    []*sql.DB // of the replicas
	out      chan token
	want     int64
	reads    atomic.Int64 // with a token
	timeouts atomic.Int64 // the wait was not over, or not possible

	mu    sync.Mutex
	lag   []time.Duration // from the commit's OK until a replica shows the write
	bare  int             // reads without a token
	stale int             // of them
}

// write increments a register again and again; each value has a token.
func (k *tokens) write(ctx context.Context, key int) error {
	p := k.all[0]
	db, err := sql.Open("mysql", p.DSN(""))
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var tracker *cluster.Tracker
	if k.gtid {
		if tracker, err = cluster.NewTracker(p); err != nil {
			return err
		}
		defer tracker.Close()
	}
	for val := 1; ctx.Err() == nil; val++ {
		tok := token{key: key, val: val}
		q := fmt.Sprintf("UPDATE token.r SET v = %d WHERE id = %d", val, key)
		if k.gtid {
			set, err := tracker.Exec(q)
			if err != nil {
				return err
			}
			if set == "" {
				return fmt.Errorf("the OK of %s tells no GTID", q)
			}
			tok.at = time.Now()
			tok.wait = fmt.Sprintf("WAIT_FOR_EXECUTED_GTID_SET('%s', 10) = 0", set)
		} else {
			if err := run(ctx, conn, q); err != nil {
				return err
			}
			tok.at = time.Now()
			var file, pos string
			var rest [3]sql.NullString
			if err := conn.QueryRowContext(ctx, "SHOW MASTER STATUS").Scan(&file, &pos, &rest[0], &rest[1], &rest[2]); err != nil {
				return err
			}
			tok.wait = fmt.Sprintf("MASTER_POS_WAIT('%s', %s, 10) >= 0", file, pos)
		}
		if rand.IntN(8) == 0 {
			k.measure(ctx, k.conns[rand.IntN(len(k.conns))], tok)
			continue
		}
		select {
		case k.out <- tok:
		case <-ctx.Done():
		}
	}
	return nil
}

// read takes tokens to a random replica each: what it shows afterwards is never
// older.
func (k *tokens) read(ctx context.Context) {
	for {
		var tok token
		select {
		case tok = <-k.out:
		case <-ctx.Done():
			return
		}
		db := k.conns[rand.IntN(len(k.conns))]
		var there sql.NullBool
		if err := db.QueryRowContext(ctx, "SELECT "+tok.wait).Scan(&there); err != nil || !there.Bool {
			k.timeouts.Add(1)
			continue
		}
		val, err := k.see(ctx, db, tok.key)
		if err != nil {
			k.timeouts.Add(1)
			continue
		}
		if val < tok.val {
			k.t.Errorf("a replica that has %s shows %d for register %d, %d was written", tok.wait, val, tok.key, tok.val)
		}
		k.reads.Add(1)
	}
}

func (k *tokens) see(ctx context.Context, db *sql.DB, key int) (val int, err error) {
	err = db.QueryRowContext(ctx, fmt.Sprintf("SELECT v FROM token.r WHERE id = %d", key)).Scan(&val)
	return val, err
}

// measure looks at a replica until it shows the write.
func (k *tokens) measure(ctx context.Context, db *sql.DB, tok token) {
	for first := true; time.Since(tok.at) < 20*time.Second; first = false {
		val, err := k.see(ctx, db, tok.key)
		if err != nil {
			return
		}
		k.mu.Lock()
		if first {
			k.bare++
			if val < tok.val {
				k.stale++
			}
		}
		if val >= tok.val {
			k.lag = append(k.lag, time.Since(tok.at))
			k.mu.Unlock()
			return
		}
		k.mu.Unlock()
		time.Sleep(200 * time.Microsecond)
	}
}

// Reads on any replica with the token of a write (its coordinate and
// MASTER_POS_WAIT, or its GTID as session_track_gtids tells it and
// WAIT_FOR_EXECUTED_GTID_SET) are never older than the write, while links fail
// and replicas are halted and killed. Reads without a token may be: how old is
// printed.
func TestTokens_NeverStale(t *testing.T) {
	t.Parallel()
	for _, kind := range []struct {
		name  string
		lines []string
	}{{"position", nil}, {"gtid", []string{"gtid_mode=ON", "enforce_gtid_consistency=ON"}}} {
		t.Run(kind.name, func(t *testing.T) {
			const writers, readers = 4, 8
			all, links := linked(t, kind.lines...)
			all[0].Exec("CREATE DATABASE token", "CREATE TABLE token.r (id INT PRIMARY KEY, v INT NOT NULL)")
			for key := range writers {
				all[0].Exec(fmt.Sprintf("INSERT INTO token.r VALUES (%d, 0)", key))
			}
			k := &tokens{t: t, all: all, gtid: kind.lines != nil, out: make(chan token), want: int64(scaled(t, 300, 10_000))}
			for _, r := range all[1:] {
				cluster.WaitCaughtUp(t, all[0], r, 20*time.Second)
				db, err := sql.Open("mysql", r.DSN("")+"&readTimeout=30s")
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				k.conns = append(k.conns, db)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var wg, bad sync.WaitGroup
			for key := range writers {
				wg.Go(func() {
					if err := k.write(ctx, key); err != nil && ctx.Err() == nil {
						t.Errorf("writer %d: %v", key, err)
						cancel()
					}
				})
			}
			for range readers {
				wg.Go(func() { k.read(ctx) })
			}
			quiet := k.want / 2 // the lag of the first half is that of sound links
			var cuts atomic.Int64
			begun := time.Now()
			wait := func(n int64) {
				for k.reads.Load() < n && ctx.Err() == nil && !t.Failed() {
					time.Sleep(10 * time.Millisecond)
					if time.Since(begun) > time.Minute+time.Duration(k.want)*50*time.Millisecond {
						t.Errorf("%d reads of %d, %d waits without an end", k.reads.Load(), n, k.timeouts.Load())
					}
				}
			}
			wait(quiet)
			k.log("sound links")
			bad.Go(func() { both(partition(links, &cuts), trouble(t, time.Second, all[1:]...))(ctx) })
			wait(k.want)
			cancel()
			bad.Wait()
			wg.Wait()
			k.log(fmt.Sprintf("%d partitions", cuts.Load()))
			t.Logf("%d reads with a token, 0 stale; %d waits that did not end or were cut off", k.reads.Load(), k.timeouts.Load())
			for _, r := range all[1:] {
				cluster.WaitCaughtUp(t, all[0], r, time.Minute)
				cluster.SameData(t, all[0].Name, all[0].DB(), r.Name, r.DB())
			}
		})
	}
}

// log prints the lag so far and begins anew.
func (k *tokens) log(when string) {
	k.t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.lag) == 0 {
		return
	}
	slices.Sort(k.lag)
	k.t.Logf("%s, without a token: lag p50 %v, p99 %v; %d of %d reads were stale", when,
		k.lag[len(k.lag)/2].Round(10*time.Microsecond), k.lag[len(k.lag)*99/100].Round(10*time.Microsecond), k.stale, k.bare)
	k.lag, k.bare, k.stale = nil, 0, 0
}

// A primary that is halted for longer than its replicas wait, and goes on, has
// lost nothing and done nothing twice: who waited for a COMMIT gets its answer,
// and the replicas come back by themselves. So does a halted replica.
func TestPause_Servers(t *testing.T) {
	t.Parallel()
	rounds := cycles(t, 1)/6 + 1
	all, _ := linked(t)
	l := newLedger(t, all[0])
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.load(ctx, all[0].DSN("")) }()
	acked := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.acked)
	}
	connects := 0
	for range rounds {
		for i, s := range all {
			cluster.WaitFor(t, 20*time.Second, func() string {
				for _, r := range all[1:] {
					if st := r.Status(); st["Slave_IO_Running"] != "Yes" {
						return r.Name + " is not connected: " + st["Last_IO_Error"]
					}
				}
				return ""
			})
			before := acked()
			s.Signal(syscall.SIGSTOP)
			time.Sleep(300 * time.Millisecond)
			during := acked()
			if i == 0 {
				for _, r := range all[1:] { // each gives up the link
					cluster.WaitFor(t, 10*time.Second, func() string {
						if st := r.Status(); st["Slave_IO_Running"] == "Yes" {
							return r.Name + " does not notice that its primary is silent"
						}
						return ""
					})
					connects++
				}
				if now := acked(); now > during {
					t.Errorf("%d transactions were acknowledged by a halted primary", now-during)
				}
			} else {
				time.Sleep(1200 * time.Millisecond)
				if acked() == before {
					t.Errorf("no commits while %s is halted", s.Name)
				}
			}
			s.Signal(syscall.SIGCONT)
			cluster.WaitFor(t, 10*time.Second, func() string {
				if acked() > during+10 {
					return ""
				}
				return "no commits after " + s.Name + " goes on"
			})
		}
	}
	cancel()
	<-done
	for _, s := range all {
		if s != all[0] {
			cluster.WaitCaughtUp(t, all[0], s, time.Minute)
			cluster.SameData(t, all[0].Name, all[0].DB(), s.Name, s.DB())
		}
		l.check(s)
	}
	t.Logf("%d halts, %d transactions acknowledged, 0 lost, 0 half; %d times a replica gave up a silent primary", 3*rounds, acked(), connects)
}
