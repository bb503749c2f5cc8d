package tests

import (
	"bytes"
	"database/sql"
	"fmt"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// buffer is a bytes.Buffer for a process to write and a test to read.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// What `make run` starts: three servers that replicate, the client lines to
// paste, a clean stop, and a second run that goes on with the same data.
func TestDemo_RunsStopsAndGoesOn(t *testing.T) {
	dir := t.TempDir()
	line := regexp.MustCompile(`(?m)^  (primary|replica1|replica2) +127\.0\.0\.1:(\d+) +(mysql -h127\.0\.0\.1 -P\d+ -uroot)$`)
	for run := range 2 {
		// The second run finds its first port taken, as an operator's would.
		cmd := exec.Command(cluster.Binary(t), "demo", "--dir="+dir, fmt.Sprintf("--port=%d", cluster.FreePort(t)))
		var out buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		cluster.WaitFor(t, time.Minute, func() string {
			if len(line.FindAllString(out.String(), -1)) == 3 {
				return ""
			}
			return "the three addresses are not printed: " + out.String()
		})
		dbs := make(map[string]*sql.DB)
		for _, m := range line.FindAllStringSubmatch(out.String(), -1) {
			db, err := sql.Open("mysql", "root@tcp(127.0.0.1:"+m[2]+")/")
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			dbs[m[1]] = db
		}
		for _, q := range []string{"CREATE DATABASE IF NOT EXISTS shop", "CREATE TABLE IF NOT EXISTS shop.t (run INT PRIMARY KEY)", fmt.Sprintf("INSERT INTO shop.t VALUES (%d)", run)} {
			if _, err := dbs["primary"].Exec(q); err != nil {
				t.Fatalf("%s: %v", q, err)
			}
		}
		for _, name := range []string{"replica1", "replica2"} {
			cluster.WaitFor(t, 20*time.Second, func() string {
				rows, err := cluster.Rows(dbs[name], "SELECT COUNT(*) FROM shop.t")
				if err != nil {
					return err.Error()
				}
				if rows[0][0] != fmt.Sprint(run+1) {
					return name + " has " + rows[0][0] + " rows"
				}
				return ""
			})
			if rows, err := cluster.Rows(dbs[name], "SELECT @@global.read_only"); err != nil || rows[0][0] != "1" {
				t.Errorf("%s: read_only %v %v", name, rows, err)
			}
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("Ctrl-C: %v\n%s", err, out.String())
			}
		case <-time.After(40 * time.Second):
			t.Fatalf("Ctrl-C does not stop the demo:\n%s", out.String())
		}
	}
}
