package tests

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"binrelay/tests/cluster"
)

// smallDisk gives a server a disk of its own, of size MiB. Without the right to
// mount one, the test is skipped.
func smallDisk(t *testing.T, s *cluster.Server, size int) {
	t.Helper()
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", s.Dir, "tmpfs", 0, fmt.Sprintf("size=%dm", size)); err != nil {
		t.Skipf("SKIP: cannot mount a small disk: %v (needs root)", err)
	}
	t.Cleanup(func() {
		s.Kill()
		if err := syscall.Unmount(s.Dir, 0); err != nil {
			t.Error(err)
		}
	})
}

// ballast takes up disk space; leave MiB stay free.
func ballast(t *testing.T, s *cluster.Server, leave int) (path string) {
	t.Helper()
	path = filepath.Join(s.Dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 20 {
		var st syscall.Statfs_t
		if err := syscall.Statfs(s.Dir, &st); err != nil {
			t.Fatal(err)
		}
		err = syscall.Fallocate(int(f.Fd()), 0, 0, int64(st.Bavail)*st.Bsize-int64(leave)<<20)
		if !errors.Is(err, syscall.ENOSPC) {
			break // else the server has taken some in between
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func isDiskFull(err error) bool {
	var my *mysql.MySQLError
	return errors.As(err, &my) && (my.Number == 1021 || my.Number == 1026)
}

// A full disk refuses writes with MySQL's error; reads go on; with space again
// writes go on by themselves, and nothing acknowledged is lost, not even when
// the server is killed while the disk is full.
func TestFault_DiskFull(t *testing.T) {
	s := cluster.New(t, "primary", "server-id=1", "log-bin=mysql-bin", "max_binlog_size=4M")
	smallDisk(t, s, 160)
	s.Run()
	s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, pad LONGTEXT)")
	acked := 0
	insert := func() error {
		_, err := s.DB().Exec(fmt.Sprintf("INSERT INTO d.t VALUES (%d, REPEAT('x', 300000))", acked+1))
		if err == nil {
			acked++
		}
		return err
	}
	check := func() {
		t.Helper()
		if got := s.One("SELECT COUNT(*) FROM d.t"); got != fmt.Sprint(acked) {
			t.Fatalf("%s rows, %d were acknowledged", got, acked)
		}
	}
	rounds := max(3, cycles(t, 0)/4)
	for round := range rounds {
		for range 5 {
			if err := insert(); err != nil {
				t.Fatal(err)
			}
		}
		path := ballast(t, s, 4*(round%3))
		var err error
		for range 400 {
			if err = insert(); err != nil {
				break
			}
		}
		if !isDiskFull(err) {
			t.Fatalf("round %d, disk full: %v", round, err)
		}
		if err := insert(); !isDiskFull(err) {
			t.Fatalf("round %d, again: %v", round, err)
		}
		// The free space is looked at ten times a second.
		cluster.WaitFor(t, 5*time.Second, func() string {
			_, err := s.DB().Exec("CREATE TABLE IF NOT EXISTS d.more (a INT)")
			if isDiskFull(err) {
				return ""
			}
			return fmt.Sprintf("round %d, DDL: %v", round, err)
		})
		check()
		if round%3 == 2 {
			s.Kill()
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if round%3 == 2 {
			s.Run()
			check()
		}
		cluster.WaitFor(t, 10*time.Second, func() string {
			if err := insert(); err != nil {
				return err.Error()
			}
			return ""
		})
		check()
		s.Exec("CREATE TABLE IF NOT EXISTS d.more (a INT)", "DROP TABLE d.more", "PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY")
	}
	s.Kill()
	s.Run()
	check()
	t.Logf("%d cycles, %d transactions acknowledged, 0 lost", rounds, acked)
}

// A replica whose disk is full waits, and goes on when there is space.
func TestFault_ReplicaDiskFull(t *testing.T) {
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	r := cluster.New(t, "replica", "server-id=2", "log-bin=mysql-bin", "read_only=ON")
	smallDisk(t, r, 160)
	r.Run()
	cluster.Follow(t, p, r)
	p.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, pad LONGTEXT)")
	cluster.WaitCaughtUp(t, p, r, 20*time.Second)
	path := ballast(t, r, 1)
	for i := range 20 {
		p.Exec(fmt.Sprintf("INSERT INTO d.t VALUES (%d, REPEAT('x', 300000))", i))
	}
	cluster.WaitFor(t, 20*time.Second, func() string {
		st := r.Status()
		if n := st["Last_IO_Errno"]; n == "1021" || n == "1026" {
			return ""
		}
		if n := st["Last_SQL_Errno"]; n == "1021" || n == "1026" {
			return ""
		}
		return fmt.Sprintf("nobody says that the disk is full: IO %s %s, SQL %s %s", st["Slave_IO_Running"], st["Last_IO_Error"], st["Slave_SQL_Running"], st["Last_SQL_Error"])
	})
	r.One("SELECT COUNT(*) FROM d.t")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if st := r.Status(); st["Slave_SQL_Running"] != "Yes" || st["Slave_IO_Running"] == "No" {
		t.Errorf("a full disk stopped a thread: IO %s, SQL %s %s", st["Slave_IO_Running"], st["Slave_SQL_Running"], st["Last_SQL_Error"])
	}
	cluster.WaitFor(t, time.Minute, func() string {
		if r.One("SELECT COUNT(*) FROM d.t") == "20" {
			return ""
		}
		return fmt.Sprint(r.Status())
	})
	cluster.SameData(t, p.Name, p.DB(), r.Name, r.DB())
	cluster.WaitFor(t, 10*time.Second, func() string {
		if st := r.Status(); st["Last_SQL_Errno"] != "0" || st["Last_IO_Errno"] != "0" {
			return "the status keeps the error: " + st["Last_SQL_Error"] + st["Last_IO_Error"]
		}
		return ""
	})
}

// After a failed fsync nobody knows what the disk holds: the process ends at
// once with exit code 74, and what it had acknowledged is there afterwards.
func TestFault_FsyncError(t *testing.T) {
	s := faultyServer(t, "64K")
	l := newSmallLoad(t, s)
	whens := []int{1, 7, 30}
	for range cycles(t, 0) / 2 {
		whens = append(whens, 1+rand.IntN(200))
	}
	for round, when := range whens {
		end := meddle(t, s, nil, "fsync,fdatasync", fmt.Sprintf("error=EIO:when=%d+", when))
		l.untilFailed(20 * time.Second)
		select {
		case <-s.Ended():
		case <-time.After(time.Second):
			t.Errorf("round %d: the process lives a second after the failure", round)
			s.Kill()
		}
		if code := s.ExitCode(); code != 74 {
			t.Errorf("round %d: exit code %d, want 74", round, code)
		}
		end()
		s.Run()
		l.check(s)
	}
	l.log(len(whens))
}
