package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// After a crash with nearly as much to replay as there may be, the first query
// is answered within five seconds; after a clean stop within one.
func TestCrash_RecoveryTime(t *testing.T) {
	mib := 4
	if os.Getenv("BINRELAY_CYCLES") != "" {
		mib = 39 // above 40 the store flushes
	}
	mem := newDisk(t)
	n, err := startNode(mem, nodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(100), KEY v (v))"); err != nil {
		t.Fatal(err)
	}
	_, from, _ := n.engine.Visible()
	row := "('" + strings.Repeat("x", 90) + "')"
	insert := "INSERT INTO d.t (v) VALUES " + strings.Repeat(row+",", 999) + row
	rows, size := 0, 0
	for ; size < mib<<20; rows += 1000 {
		if err := n.exec(insert); err != nil {
			t.Fatal(err)
		}
		_, at, _ := n.engine.Visible()
		size = int(at.Pos - from.Pos)
	}
	crashed := mem.CrashClone(vfs.CrashCloneCfg{})
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		disk *vfs.MemFS
		most time.Duration
	}{{"a crash", crashed, 5 * time.Second}, {"a clean stop", mem, time.Second}} {
		began := time.Now()
		n, err := startNode(c.disk, nodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := n.rows(fmt.Sprintf("SELECT MAX(id) FROM d.t WHERE id >= %d", rows))
		took := time.Since(began)
		if err != nil || got != fmt.Sprintf("%d\n", rows) {
			t.Errorf("after %s: %q, %v", c.what, got, err)
		}
		t.Logf("%d MiB in the binlog, %d rows: first query %v after %s", size>>20, rows, took.Round(time.Millisecond), c.what)
		if took > c.most {
			t.Errorf("the first query took %v after %s, want %v at most", took, c.what, c.most)
		}
		if err := n.stop(); err != nil {
			t.Error(err)
		}
	}
}
