package tests

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// needBench skips a measurement unless make bench runs it.
func needBench(t *testing.T) {
	t.Helper()
	if os.Getenv("BINRELAY_BENCH") == "" {
		t.Skip("measurement: run make bench")
	}
}

// figure prints one line of docs/performance.md.
func figure(t *testing.T, name, format string, args ...any) {
	t.Helper()
	fmt.Printf("FIGURE %-46s %s\n", name, fmt.Sprintf(format, args...))
}

func quantile(d []time.Duration, q float64) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[min(len(s)-1, int(q*float64(len(s))))]
}

// rss returns a process's resident memory in MiB, and its peak.
func rss(t *testing.T, pid int) (now, peak float64) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("no /proc: ", err)
	}
	for line := range strings.Lines(string(b)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kb); n == 1 {
			now = kb / 1024
		}
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kb); n == 1 {
			peak = kb / 1024
		}
	}
	return now, peak
}

// inserts runs single-row inserts from n connections for d and returns commits/s.
func inserts(t *testing.T, dsn, table string, n int, d time.Duration, next *atomic.Int64) float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var done atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range n {
		wg.Go(func() {
			db, err := sql.Open("mysql", dsn)
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			db.SetMaxOpenConns(1)
			for ctx.Err() == nil {
				id := next.Add(1)
				if _, err := db.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s VALUES (%d, %d, '%0100d', '%060d')", table, id, id%1000, id, id)); err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(start).Seconds()
}

const benchTable = "(id BIGINT PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL, KEY k (k))"

func TestFigures_StartAndIdle(t *testing.T) {
	needBench(t)
	s := cluster.Start(t, "server", "server-id=1", "log-bin=mysql-bin")
	time.Sleep(time.Second)
	now, _ := rss(t, s.Pid())
	figure(t, "idle RSS, MiB", "%.0f", now)
	var starts []time.Duration
	for range 5 {
		s.Stop()
		begin := time.Now()
		s.Run()
		starts = append(starts, time.Since(begin))
	}
	figure(t, "restart to first query, s (median of 5)", "%.2f", quantile(starts, 0.5).Seconds())
}

// Commit-to-visible lag: one insert at a time, polled on the replica.
func TestFigures_Lag(t *testing.T) {
	needBench(t)
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin")
	cluster.Follow(t, p, r)
	p.Exec("CREATE DATABASE d", "CREATE TABLE d.t "+benchTable)
	cluster.WaitCaughtUp(t, p, r, 10*time.Second)
	stmt, err := r.DB().Prepare("SELECT COUNT(*) FROM d.t WHERE id = ?")
	if err != nil {
		t.Fatal(err)
	}
	var commit, lag []time.Duration
	for i := range 300 {
		begin := time.Now()
		p.Exec(fmt.Sprintf("INSERT INTO d.t VALUES (%d, 1, 'c', 'p')", i))
		ok := time.Now()
		commit = append(commit, ok.Sub(begin))
		for {
			var n int
			if err := stmt.QueryRow(i).Scan(&n); err != nil {
				t.Fatal(err)
			}
			if n == 1 {
				break
			}
			if time.Since(ok) > 10*time.Second {
				t.Fatal("the row does not arrive")
			}
		}
		lag = append(lag, time.Since(ok))
	}
	figure(t, "commit, ms p50 / p99", "%.2f / %.2f", ms(quantile(commit, 0.5)), ms(quantile(commit, 0.99)))
	figure(t, "commit to visible on a replica, ms p50 / p99", "%.2f / %.2f", ms(quantile(lag, 0.5)), ms(quantile(lag, 0.99)))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// backlog writes n one-row transactions on a primary of ours and returns it.
func backlog(t *testing.T, n int) *cluster.Server {
	t.Helper()
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin", "collation-server=utf8mb4_general_ci", "sync_binlog=0")
	p.Exec("CREATE USER 'repl'@'%' IDENTIFIED WITH mysql_native_password BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'",
		"FLUSH BINARY LOGS", "CREATE DATABASE d", "CREATE TABLE d.t "+benchTable)
	var next atomic.Int64
	for next.Load() < int64(n) {
		inserts(t, p.DSN("d"), "t", 8, time.Second, &next)
	}
	return p
}

// Applier: the same backlog of one-row transactions, durable with own binlog,
// here and on MariaDB, from the same primary in one run.
func TestFigures_Applier(t *testing.T) {
	needBench(t)
	p := backlog(t, 8000)
	at := []string{p.Rows("SHOW BINARY LOGS")[1][0], "4"}
	total := p.One("SELECT COUNT(*) FROM d.t")
	var n float64
	fmt.Sscan(total, &n)

	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin")
	r.Exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='repl', MASTER_PASSWORD='secret', MASTER_LOG_FILE='%s', MASTER_LOG_POS=%s", p.Port, at[0], at[1]), "START SLAVE IO_THREAD")
	end := p.Rows("SHOW MASTER STATUS")[0]
	cluster.WaitFor(t, time.Minute, func() string {
		if st := r.Status(); !cluster.Reached(st["Master_Log_File"], st["Read_Master_Log_Pos"], end[0], end[1]) {
			return "the relay log is not complete: " + st["Last_IO_Error"]
		}
		return ""
	})
	begin := time.Now()
	r.Exec("START SLAVE SQL_THREAD")
	cluster.WaitCaughtUp(t, p, r, 5*time.Minute)
	ours := n / time.Since(begin).Seconds()
	figure(t, "applier, one-row txn/s, durable, own binlog", "%.0f", ours)

	m := cluster.StartMariaDB(t, "--server-id=100", "--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1", "--log-slave-updates")
	m.Exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='repl', MASTER_PASSWORD='secret', MASTER_LOG_FILE='%s', MASTER_LOG_POS=%s, MASTER_USE_GTID=no", p.Port, at[0], at[1]), "START SLAVE IO_THREAD")
	cluster.WaitFor(t, time.Minute, func() string {
		st, err := cluster.RowMap(m.DB, "SHOW SLAVE STATUS")
		if err != nil || !cluster.Reached(st["Master_Log_File"], st["Read_Master_Log_Pos"], end[0], end[1]) {
			return "MariaDB's relay log is not complete"
		}
		return ""
	})
	begin = time.Now()
	m.Exec("START SLAVE SQL_THREAD")
	m.WaitCaughtUp(p, 10*time.Minute)
	theirs := n / time.Since(begin).Seconds()
	figure(t, "MariaDB 10.11, the same, durable", "%.0f", theirs)
	figure(t, "ratio ours / MariaDB", "%.1f", ours/theirs)
}

// dumpAll reads a whole binlog through COM_BINLOG_DUMP without blocking and
// returns its bytes. It looks at the frames' headers only: on a machine that
// client and server share, a client that did more would be what is measured.
func dumpAll(t *testing.T, s *cluster.Server, file string) int64 {
	c := rawConn(t, s)
	if _, err := c.Execute("SET @master_binlog_checksum= @@global.binlog_checksum"); err != nil {
		t.Error(err)
		return 0
	}
	c.ResetSequence()
	if err := c.WritePacket(append(make([]byte, 4), dumpCommand(file, 4, 1, 0)...)); err != nil {
		t.Error(err)
		return 0
	}
	in := bufio.NewReaderSize(c.Conn.Conn, 256<<10)
	var n int64
	for {
		head, err := in.Peek(5)
		if err != nil {
			t.Errorf("after %d bytes: %v", n, err)
			return n
		}
		size := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
		if head[4] != 0 { // EOF or an error
			if head[4] != 0xfe {
				t.Errorf("after %d bytes: packet of type %#x", n, head[4])
			}
			return n
		}
		if _, err := in.Discard(4 + size); err != nil {
			t.Errorf("after %d bytes: %v", n, err)
			return n
		}
		n += int64(size)
	}
}

func TestFigures_Dump(t *testing.T) {
	needBench(t)
	p := backlog(t, 50000)
	file := p.Rows("SHOW BINARY LOGS")[1][0]
	for _, clients := range []int{1, 8} {
		var total atomic.Int64
		var wg sync.WaitGroup
		begin := time.Now()
		for range clients {
			wg.Go(func() { total.Add(dumpAll(t, p, file)) })
		}
		wg.Wait()
		figure(t, fmt.Sprintf("dump to %d clients, MB/s in all", clients), "%.0f", float64(total.Load())/1e6/time.Since(begin).Seconds())
	}
}

// Eight clients that stop reading: commits/s with and without them, and their memory.
func TestFigures_StalledReplicas(t *testing.T) {
	needBench(t)
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	p.Exec("CREATE DATABASE d", "CREATE TABLE d.t "+benchTable)
	var next atomic.Int64
	inserts(t, p.DSN("d"), "t", 8, 3*time.Second, &next) // warm, and bytes to be stalled on
	var with, without []float64
	for range 3 {
		without = append(without, inserts(t, p.DSN("d"), "t", 8, 2*time.Second, &next))
		before, _ := rss(t, p.Pid())
		var closers []io.Closer
		for i := range 8 {
			c := rawConn(t, p)
			if _, err := c.Execute("SET @master_binlog_checksum= @@global.binlog_checksum"); err != nil {
				t.Fatal(err)
			}
			if tc, ok := c.Conn.Conn.(*net.TCPConn); ok {
				_ = tc.SetReadBuffer(4096) // a hint
			}
			c.ResetSequence()
			if err := c.WritePacket(append(make([]byte, 4), dumpCommand("mysql-bin.000001", 4, 0, uint32(1000+i))...)); err != nil {
				t.Fatal(err)
			}
			closers = append(closers, c.Conn.Conn)
		}
		time.Sleep(300 * time.Millisecond)
		after, _ := rss(t, p.Pid())
		with = append(with, inserts(t, p.DSN("d"), "t", 8, 2*time.Second, &next))
		figure(t, "RSS growth by 8 stalled clients, MiB", "%.1f", after-before)
		for _, c := range closers {
			c.Close()
		}
	}
	slices.Sort(with)
	slices.Sort(without)
	figure(t, "commits/s, 8 writers, no stalled client", "%.0f", without[1])
	figure(t, "commits/s, 8 writers, 8 stalled clients", "%.0f (ratio %.2f)", with[1], with[1]/without[1])
}
