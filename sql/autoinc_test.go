package sql

import (
	"fmt"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// AUTO_INCREMENT gives no value twice while the server lives, and takes no more
// than InnoDB does.
func TestAutoIncrement(t *testing.T) {
	ts := newTestServer(t, nil)
	c, d := ts.client(), ts.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v TINYINT, s VARCHAR(3) UNIQUE)")
	d.exec("USE d")
	next := func(want string) {
		t.Helper()
		c.exec("INSERT INTO t (v) VALUES (1)")
		c.want("SELECT LAST_INSERT_ID()", want)
	}
	next("1")
	c.fails(1264, "INSERT INTO t (v) VALUES (1000)")
	c.fails(1406, "INSERT INTO t (s) VALUES ('long')")
	c.fails(1264, "INSERT INTO t (id, v) VALUES (99999999999, 1)")
	next("2") // values that never reached a row are not taken
	c.exec("BEGIN", "INSERT INTO t (v) VALUES (1)", "ROLLBACK")
	next("4")
	c.exec("BEGIN", "INSERT INTO t (v) VALUES (1)", "DELETE FROM t", "COMMIT")
	next("6")
	c.exec("INSERT INTO t (id, s) VALUES (20, 'a')")
	next("21")
	c.fails(1062, "INSERT INTO t (s) VALUES ('a')")
	next("23") // a duplicate burns its value, as in InnoDB
	c.exec("UPDATE t SET id = 40 WHERE id = 23")
	c.exec("ALTER TABLE t AUTO_INCREMENT = 100")
	next("100")
	c.exec("ALTER TABLE t AUTO_INCREMENT = 5") // not below what is there
	next("101")
	c.exec("ALTER TABLE t ADD COLUMN w INT")
	next("102")
	c.exec("SET auto_increment_increment = 10, auto_increment_offset = 3")
	next("103")
	next("113")
	c.exec("SET auto_increment_increment = 1, auto_increment_offset = 1", "TRUNCATE TABLE t")
	next("1")

	// Several sessions, some of which roll back.
	var mu sync.Mutex
	seen := map[string]bool{}
	var wg sync.WaitGroup
	for w := range 4 {
		x := ts.client()
		x.exec("USE d")
		wg.Go(func() {
			for i := range 25 {
				_, err := x.query("BEGIN")
				if err == nil {
					_, err = x.query("INSERT INTO t (v) VALUES (1), (2)")
				}
				rows, _ := x.query("SELECT LAST_INSERT_ID(), LAST_INSERT_ID() + 1")
				if _, end := x.query([]string{"COMMIT", "ROLLBACK"}[(w+i)%2]); err != nil || end != nil {
					t.Error(err, end)
				}
				mu.Lock()
				for _, v := range rows[0][:1] {
					if seen[fmt.Sprint(v)] {
						t.Errorf("value %v was given twice", v)
					}
					seen[fmt.Sprint(v)] = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()

	c.exec("CREATE TABLE small (id TINYINT PRIMARY KEY AUTO_INCREMENT)", "INSERT INTO small VALUES (126)", "INSERT INTO small VALUES (NULL)")
	c.fails(1467, "INSERT INTO small VALUES (NULL)")
	c.fails(1264, "INSERT INTO small VALUES (200)")
	c.fails(1467, "INSERT INTO small VALUES (0)")
}

// After a power cut no value comes back that a committed row or a committed
// transaction's LAST_INSERT_ID() has had, whether or not the row is there.
func TestAutoIncrement_Crash(t *testing.T) {
	for name, script := range map[string][]string{
		"row":                 {"INSERT INTO t VALUES (NULL)"},
		"deleted":             {"INSERT INTO t VALUES (NULL)", "DELETE FROM t"},
		"deleted inside":      {"BEGIN", "INSERT INTO t VALUES (NULL)", "DELETE FROM t", "COMMIT"},
		"savepoint":           {"BEGIN", "SAVEPOINT s", "INSERT INTO t VALUES (NULL)", "ROLLBACK TO s", "INSERT INTO other VALUES (LAST_INSERT_ID())", "COMMIT"},
		"nothing but that":    {"BEGIN", "SAVEPOINT s", "INSERT INTO t VALUES (NULL)", "ROLLBACK TO s", "COMMIT"},
		"savepoint, unlogged": {"SET sql_log_bin = 0", "BEGIN", "SAVEPOINT s", "INSERT INTO t VALUES (NULL)", "ROLLBACK TO s", "INSERT INTO other VALUES (1)", "COMMIT"},
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			ts := openTestServer(t, fs, nil)
			c := ts.client()
			c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT)", "CREATE TABLE other (id INT)",
				"INSERT INTO t VALUES (NULL), (NULL), (NULL)", "DELETE FROM t")
			c.exec(script...)
			again := openTestServer(t, fs.CrashClone(vfs.CrashCloneCfg{}), nil)
			x := again.client()
			x.exec("USE d", "INSERT INTO t VALUES (NULL)")
			x.want("SELECT LAST_INSERT_ID()", "5")
		})
	}
}
