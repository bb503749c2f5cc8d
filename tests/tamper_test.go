package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// relayFiles returns a stopped replica's relay log files, oldest first.
func relayFiles(t *testing.T, r *cluster.Server) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.Dir, "relay.0*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("relay log files %v: %v", files, err)
	}
	return files
}

func garble(t *testing.T, file string, part float64) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("garbled"), int64(float64(st.Size())*part)); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, file string, part float64) {
	t.Helper()
	st, err := os.Stat(file)
	if err == nil {
		err = os.Truncate(file, int64(float64(st.Size())*part))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A replica whose relay log was harmed while it was down asks its source again.
func TestReplication_RelayLogHarmed(t *testing.T) {
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin", "relay-log=relay", "max_binlog_size=16K", "skip-slave-start")
	cluster.Follow(t, p, r)
	p.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY AUTO_INCREMENT, pad VARCHAR(2000))")
	index := filepath.Join(r.Dir, "relay.index")
	for _, c := range []struct {
		name string
		harm func(files []string)
	}{
		{"all gone", func(files []string) {
			for _, f := range append(files, index) {
				if err := os.Remove(f); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"newest truncated", func(files []string) { truncate(t, files[len(files)-1], 0.6) }},
		{"newest empty", func(files []string) { truncate(t, files[len(files)-1], 0) }},
		{"newest garbled", func(files []string) { garble(t, files[len(files)-1], 0.5) }},
		{"newest head garbled", func(files []string) { garble(t, files[len(files)-1], 0) }},
		{"oldest garbled", func(files []string) { garble(t, files[0], 0.5) }},
		{"middle garbled", func(files []string) { garble(t, files[len(files)/2], 0.5) }},
		{"middle truncated", func(files []string) { truncate(t, files[len(files)/2], 0.5) }},
		{"middle gone", func(files []string) {
			if err := os.Remove(files[len(files)/2]); err != nil {
				t.Fatal(err)
			}
		}},
		{"index gone", func([]string) {
			if err := os.Remove(index); err != nil {
				t.Fatal(err)
			}
		}},
		{"index garbled", func([]string) { garble(t, index, 0.3) }},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			cluster.WaitCaughtUp(t, p, r, 20*time.Second)
			r.Exec("STOP SLAVE SQL_THREAD")
			for range 40 {
				p.Exec("INSERT INTO d.t (pad) VALUES (REPEAT('x', 1500))")
			}
			end := p.Rows("SHOW MASTER STATUS")[0]
			cluster.WaitFor(t, 20*time.Second, func() string {
				if st := r.Status(); st["Master_Log_File"] != end[0] || st["Read_Master_Log_Pos"] != end[1] {
					return fmt.Sprint("not read: ", st["Read_Master_Log_Pos"])
				}
				return ""
			})
			r.Stop()
			c.harm(relayFiles(t, r))
			r.Run()
			r.Exec("START SLAVE")
			cluster.WaitCaughtUp(t, p, r, 20*time.Second)
			cluster.SameData(t, p.Name, p.DB(), r.Name, r.DB())
		})
	}
	// What the source has purged cannot be asked for again: that is said.
	cluster.WaitCaughtUp(t, p, r, 20*time.Second)
	r.Exec("STOP SLAVE SQL_THREAD")
	for range 40 {
		p.Exec("INSERT INTO d.t (pad) VALUES (REPEAT('x', 1500))")
	}
	p.Exec("FLUSH BINARY LOGS", "FLUSH BINARY LOGS")
	end := p.Rows("SHOW MASTER STATUS")[0]
	cluster.WaitFor(t, 20*time.Second, func() string {
		if st := r.Status(); st["Master_Log_File"] != end[0] {
			return fmt.Sprint("not read: ", st["Master_Log_File"])
		}
		return ""
	})
	r.Stop()
	for _, f := range relayFiles(t, r) {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	p.Exec("PURGE BINARY LOGS TO '" + end[0] + "'")
	r.Run()
	r.Exec("START SLAVE")
	cluster.WaitFor(t, 20*time.Second, func() string {
		st := r.Status()
		if st["Last_IO_Errno"] == "13114" || st["Last_IO_Errno"] == "1236" {
			return ""
		}
		return "IO " + st["Slave_IO_Running"] + " " + st["Last_IO_Errno"] + " " + st["Last_IO_Error"]
	})
	if st := r.Status(); !strings.Contains(st["Last_IO_Error"], "Could not find first log file name in binary log index file") {
		t.Errorf("Last_IO_Error %q", st["Last_IO_Error"])
	}
}

// RESET MASTER under an attached replica ends its dump with 1236; after RESET
// SLAVE and a CHANGE MASTER to the new log's start it goes on.
func TestReplication_Resets(t *testing.T) {
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin", "relay-log=relay")
	cluster.Follow(t, p, r)
	p.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "INSERT INTO d.t VALUES (1)", "FLUSH BINARY LOGS", "INSERT INTO d.t VALUES (2)")
	cluster.WaitCaughtUp(t, p, r, 20*time.Second)
	p.Exec("RESET MASTER", "INSERT INTO d.t VALUES (3)")
	cluster.WaitFor(t, 20*time.Second, func() string {
		if st := r.Status(); st["Slave_IO_Running"] == "No" && (st["Last_IO_Errno"] == "1236" || st["Last_IO_Errno"] == "13114") {
			return ""
		}
		return fmt.Sprint(r.Status())
	})
	r.Exec("STOP SLAVE", "RESET SLAVE", "CHANGE MASTER TO MASTER_LOG_FILE='mysql-bin.000001', MASTER_LOG_POS=4", "START SLAVE")
	cluster.WaitCaughtUp(t, p, r, 20*time.Second)
	cluster.SameData(t, p.Name, p.DB(), r.Name, r.DB())

	// A kill right after a reset: nothing of the old log comes back.
	for i := range 4 {
		p.Exec(fmt.Sprintf("INSERT INTO d.t VALUES (%d)", 100+i))
		cluster.WaitCaughtUp(t, p, r, 20*time.Second)
		r.Exec("STOP SLAVE")
		p.Exec("RESET MASTER")
		if i%2 == 0 {
			p.Kill()
			p.Run()
		}
		p.Exec(fmt.Sprintf("INSERT INTO d.t VALUES (%d)", 200+i))
		r.Exec("RESET MASTER")
		r.Kill()
		r.Run()
		r.Exec("STOP SLAVE", "RESET SLAVE", "CHANGE MASTER TO MASTER_LOG_FILE='mysql-bin.000001', MASTER_LOG_POS=4", "START SLAVE")
		cluster.WaitCaughtUp(t, p, r, 20*time.Second)
		cluster.SameData(t, p.Name, p.DB(), r.Name, r.DB())
	}

	// CHANGE MASTER to an earlier place runs what is there again: 1062, and the
	// table stays as it was.
	first := p.Rows("SHOW BINARY LOGS")[0][0]
	r.Exec("STOP SLAVE", "CHANGE MASTER TO MASTER_LOG_FILE='"+first+"', MASTER_LOG_POS=4", "START SLAVE")
	cluster.WaitFor(t, 20*time.Second, func() string {
		if st := r.Status(); st["Last_SQL_Errno"] == "1062" && st["Slave_SQL_Running"] == "No" {
			return ""
		}
		return fmt.Sprint(r.Status())
	})
	cluster.SameData(t, p.Name, p.DB(), r.Name, r.DB())
	end := p.Rows("SHOW MASTER STATUS")[0]
	r.Exec("STOP SLAVE", fmt.Sprintf("CHANGE MASTER TO MASTER_LOG_FILE='%s', MASTER_LOG_POS=%s", end[0], end[1]), "START SLAVE")
	p.Exec("INSERT INTO d.t VALUES (300)")
	cluster.WaitCaughtUp(t, p, r, 20*time.Second)
	cluster.SameData(t, p.Name, p.DB(), r.Name, r.DB())
	r.Exec("STOP SLAVE", "RESET SLAVE ALL")
	if st := r.Status(); st != nil {
		t.Errorf("after RESET SLAVE ALL: %v", st)
	}
	r.Kill()
	r.Run()
	if st := r.Status(); st != nil {
		t.Errorf("after RESET SLAVE ALL and a kill: %v", st)
	}
}
