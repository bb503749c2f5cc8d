package tests

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

const (
	binlogNames = "mysql-bin.%06d"
	localNames  = "#local/local.%06d"
	relayNames  = "replica-relay-bin.%06d"
	tableNames  = "#store/%06d.sst"
)

// fails lets calls fail now and then, or always.
func fails(often bool) string {
	if often {
		return "error=EIO:when=1+"
	}
	return "error=EIO:when=3+7"
}

// severalTimes runs a test's body once, with servers of its own; in make crash
// once for 20 cycles.
func severalTimes(t *testing.T, body func(*testing.T)) {
	t.Parallel()
	for range max(1, cycles(t, 0)/20) {
		body(t)
		if t.Failed() {
			return
		}
	}
}

// Writes of a log that fail: the transactions are refused with error 1026 and
// leave nothing, the others go on, now and after a kill. When what was written
// in part cannot be taken back either, the process ends with 74.
func TestFault_WriteError(t *testing.T) { severalTimes(t, writeError) }

func writeError(t *testing.T) {
	s := faultyServer(t, "64K")
	l := newSmallLoad(t, s)
	for _, often := range []bool{false, true} {
		for _, files := range []string{binlogNames, localNames} {
			end := meddle(t, s, numbered(files, 400), "write,pwrite64", fails(often))
			l.during(400 * time.Millisecond)
			end()
			if n := l.told("1026"); n == 0 {
				t.Errorf("%s, often %t: no client was told 1026: %v", files, often, l.errs)
			}
			if len(l.errs) > 0 {
				t.Errorf("%s, often %t: clients were told %v", files, often, l.errs)
			}
			l.check(s)
			before := l.acked()
			l.during(200 * time.Millisecond)
			if l.acked() == before || len(l.errs) > 0 {
				t.Errorf("%s, often %t: afterwards %d commits, errors %v", files, often, l.acked()-before, l.errs)
			}
		}
		s.Kill()
		s.Run()
		l.check(s)
	}
	end := meddle(t, s, numbered(binlogNames, 400), "write,pwrite64,ftruncate", fails(true))
	l.untilFailed(10 * time.Second)
	select {
	case <-s.Ended():
	case <-time.After(2 * time.Second):
		t.Error("a part that cannot be taken back, and the process lives")
		s.Kill()
	}
	if code := s.ExitCode(); code != 74 {
		t.Errorf("exit code %d, want 74", code)
	}
	end()
	s.Run()
	l.check(s)
	l.log(5)
}

// The store cannot be written: reads and commits go on from memory and the
// logs, or are refused, or the process ends with 74; nothing acknowledged is
// lost.
func TestFault_StoreWriteError(t *testing.T) { severalTimes(t, storeWriteError) }

func storeWriteError(t *testing.T) {
	s := faultyServer(t, "64K")
	l := newSmallLoad(t, s)
	ended := 0
	for _, files := range [][]string{numbered(tableNames, 300), numbered("#store/MANIFEST-%06d", 300)} {
		for _, often := range []bool{false, true} {
			end := meddle(t, s, files, "write,pwrite64", fails(often))
			ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
			done := make(chan struct{})
			go func() { defer close(done); l.run(ctx, false) }()
			ask, stop := context.WithTimeout(t.Context(), 2*time.Second)
			_, err := s.DB().ExecContext(ask, "PURGE BINARY LOGS TO '"+logNames(s)[0]+"'") // it flushes the store
			stop()
			t.Logf("%s, often %t: the purge says %v", files[0], often, err)
			<-done
			cancel()
			end()
			select {
			case <-s.Ended():
				ended++
				if code := s.ExitCode(); code != 74 {
					t.Errorf("exit code %d, want 74", code)
				}
				s.Run()
			default:
				s.One("SELECT COUNT(*) FROM d.t")
				before := l.acked()
				l.during(200 * time.Millisecond)
				if l.acked() == before {
					t.Errorf("no commits afterwards: %v", l.errs)
				}
			}
			l.check(s)
			s.Kill()
			s.Run()
			l.check(s)
		}
	}
	t.Logf("the process ended %d times; clients were told %v", ended, l.errs)
	if l.told("1030") == 0 || l.told("1021") > 0 {
		t.Errorf("clients were told %v, and not 1030", l.errs)
	}
	l.log(4)
}

// Tables of the store that cannot be read: the statement fails with error 1030,
// and works when they can be read again. No row is missing in between.
func TestFault_StoreReadError(t *testing.T) { severalTimes(t, storeReadError) }

func storeReadError(t *testing.T) {
	s := faultyServer(t, "64K")
	s.AddConf("innodb_buffer_pool_size=5M") // the table does not fit
	l := newSmallLoad(t, s)
	l.during(300 * time.Millisecond)
	s.Exec("CREATE TABLE d.wide (id INT PRIMARY KEY, pad LONGTEXT)")
	for i := range 24 {
		pad := make([]byte, 250_000)
		for j := range pad {
			pad[j] = byte(rand.Uint32())
		}
		s.Exec(fmt.Sprintf("INSERT INTO d.wide VALUES (%d, '%x')", i, pad))
	}
	s.Exec("PURGE BINARY LOGS TO '" + logNames(s)[0] + "'") // the store is flushed
	s.Stop()
	s.Run()
	s.Rows("SELECT 1 FROM information_schema.tables LIMIT 1")
	want := "24 12000000"
	ask := func() string {
		rows, err := cluster.Rows(s.DB(), "SELECT COUNT(*), CAST(SUM(LENGTH(pad)) AS SIGNED) FROM d.wide")
		if err != nil {
			return err.Error()
		}
		return strings.Join(rows[0], " ")
	}
	end := meddle(t, s, numbered(tableNames, 300), "pread64,read", fails(true))
	if got := ask(); !strings.Contains(got, "1030") || !strings.Contains(got, "Got error 5 - 'Input/output error: read 0") {
		t.Errorf("all reads fail: %s", got)
	}
	end()
	end = meddle(t, s, numbered(tableNames, 300), "pread64,read", fails(false))
	failed := 0
	for range 20 {
		if got := ask(); strings.Contains(got, "1030") {
			failed++
		} else if got != want {
			t.Errorf("some reads fail: %s, want %s", got, want)
		}
	}
	l.during(200 * time.Millisecond)
	end()
	if got := ask(); got != want {
		t.Errorf("afterwards: %s, want %s", got, want)
	}
	l.check(s)
	s.Kill()
	s.Run()
	l.check(s)
	t.Logf("%d of 20 statements failed in between; writers were told %v", failed, l.errs)
	l.log(2)
}

// A binlog that cannot be read stops the replica's IO thread with error 1236
// that says what failed; a relay log that cannot be read or written stops or
// delays a thread with an error. START SLAVE goes on when the disk is sound, and
// nothing is lost or done twice. Commits do not notice.
func TestFault_ReplicationFiles(t *testing.T) { severalTimes(t, replicationFiles) }

func replicationFiles(t *testing.T) {
	p := faultyServer(t, "1G") // a rotation that fails ends the process
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin", "relay-log=replica-relay-bin", "max_relay_log_size=32K", "sync_relay_log=1", "read_only=ON")
	l := newSmallLoad(t, p)
	cluster.Follow(t, p, r)
	for _, c := range []struct {
		what, files, calls string
		on                 *cluster.Server
		thread             string // that has the error
		number             string
	}{
		{"reading the binlog", binlogNames, "read,pread64", p, "IO", "13114"},
		{"writing the relay log", relayNames, "write,pwrite64", r, "IO", "13122"},
		{"reading the relay log", relayNames, "read,pread64", r, "SQL", "13121"},
		{"writing the replica's binlog", binlogNames, "write,pwrite64", r, "SQL", "1026"},
		{"writing the replica's local log", localNames, "write,pwrite64", r, "SQL", "1026"},
	} {
		for _, often := range []bool{false, true} {
			end := meddle(t, c.on, numbered(c.files, 900), c.calls, fails(often))
			l.during(300 * time.Millisecond)
			if len(l.errs) > 0 {
				t.Errorf("%s: clients were told %v", c.what, l.errs)
			}
			if often {
				cluster.WaitFor(t, 10*time.Second, func() string {
					st := r.Status()
					if st["Last_"+c.thread+"_Errno"] == c.number {
						t.Logf("%s: %s running %s; %s", c.what, c.thread, st["Slave_"+c.thread+"_Running"], st["Last_"+c.thread+"_Error"])
						return ""
					}
					return fmt.Sprintf("%s: IO %s %s %s, SQL %s %s %s", c.what, st["Slave_IO_Running"], st["Last_IO_Errno"], st["Last_IO_Error"],
						st["Slave_SQL_Running"], st["Last_SQL_Errno"], st["Last_SQL_Error"])
				})
			}
			end()
			r.Exec("START SLAVE")
			l.during(100 * time.Millisecond)
			cluster.WaitCaughtUp(t, p, r, 20*time.Second)
			l.check(p, r)
		}
	}
	r.Kill()
	r.Run()
	l.during(100 * time.Millisecond)
	cluster.WaitCaughtUp(t, p, r, 20*time.Second)
	l.check(p, r)
	l.log(10)
}

// A disk that takes its time: commits wait for it, reads and the replica's
// heartbeats do not, nobody gives up, and a kill in the middle loses nothing.
func TestFault_SlowDisk(t *testing.T) {
	t.Parallel()
	stall, rounds := 300*time.Millisecond, 2
	if os.Getenv("BINRELAY_CYCLES") != "" {
		stall, rounds = 5*time.Second, 20
	}
	p := faultyServer(t, "64K")
	p.Exec("SET GLOBAL innodb_lock_wait_timeout = 1")
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin", "read_only=ON", "slave_net_timeout=2")
	l := newSmallLoad(t, p)
	cluster.Follow(t, p, r)
	l.during(100 * time.Millisecond)
	cluster.WaitCaughtUp(t, p, r, 20*time.Second)
	var slowest time.Duration
	for range rounds {
		l.took = l.took[:0]
		end := meddle(t, p, nil, "fdatasync,fsync", fmt.Sprintf("delay_exit=%d", stall.Microseconds()))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); l.run(ctx, false) }()
		for until := time.Now().Add(2*stall + time.Duration(rand.Int64N(int64(stall)))); time.Now().Before(until); {
			begun := time.Now()
			p.One("SELECT COUNT(*) FROM d.t WHERE id = 1")
			slowest = max(slowest, time.Since(begun))
			time.Sleep(10 * time.Millisecond)
		}
		if st := r.Status(); st["Slave_IO_Running"] != "Yes" || st["Last_IO_Errno"] != "0" {
			t.Errorf("the replica gave up: IO %s, %s", st["Slave_IO_Running"], st["Last_IO_Error"])
		}
		if len(l.errs) > 0 {
			t.Errorf("clients gave up: %v", l.errs)
		}
		p.Kill()
		cancel()
		<-done
		end()
		for _, d := range l.took {
			if d < stall {
				t.Errorf("a commit took %v; a sync takes %v", d, stall)
			}
		}
		clear(l.errs)
		p.Run()
		l.check(p)
		cluster.WaitCaughtUp(t, p, r, 20*time.Second)
		l.check(p, r)
	}
	if slowest > stall {
		t.Errorf("a read took %v while syncs take %v", slowest, stall)
	}
	t.Logf("the slowest read took %v while a sync took %v", slowest.Round(time.Millisecond), stall)
	l.log(rounds)
}
