package main

import (
	"errors"
	"fmt"

	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/go-sql-driver/mysql"

	"binrelay/binlog/logfile/logtest"
)

// every returns which one of so many cases a test looks at: all in make crash.
func every(few int) int {
	if os.Getenv("BINRELAY_CYCLES") != "" {
		return 1
	}
	return few
}

// inParallel calls fn for 0 … n-1 on all processors, until the test has failed.
func inParallel(t *testing.T, n int, fn func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for !t.Failed() {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				fn(i)
			}
		})
	}
	wg.Wait()
}

// damaged is a server that lost its power with acknowledged groups in its logs
// only: states[i] is what it held after i of them, and steps[i] how many of
// those are in the binlog.
type damaged struct {
	run    *crashRun
	disk   *vfs.MemFS
	states []string
	steps  []int
}

func newDamaged(t *testing.T) *damaged {
	t.Helper()
	a := newActor("actor0", 5)
	run := &crashRun{t: t, actors: []*actor{a}, args: []string{"--log-bin=mysql-bin", "--binlog-ignore-db=" + a.ignored()}}
	d := &damaged{run: run}
	mem := newDisk(t)
	n, err := startNode(mem, nodeOptions{args: run.args})
	if err != nil {
		t.Fatal(err)
	}
	perform := func(s step) {
		t.Helper()
		if err := a.perform(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if a.conn, err = n.db.Conn(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, s := range append(a.firstSteps, a.createTable()) {
		perform(s)
	}
	a.conn.Close()
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	if n, err = startNode(mem, nodeOptions{args: run.args}); err != nil {
		t.Fatal(err)
	}
	defer n.stop()
	if a.conn, err = n.db.Conn(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer a.conn.Close()
	_, run.base, _ = n.engine.Visible()
	note := func() {
		t.Helper()
		s, err := a.state(n, false)
		if err != nil {
			t.Fatal(err)
		}
		count, err := run.logged(n, run.base)
		if err != nil {
			t.Fatal(err)
		}
		d.states, d.steps = append(d.states, s), append(d.steps, count[0])
	}
	note()
	table := a.tables[0].name
	insert := func(id int) string {
		return fmt.Sprintf("INSERT INTO %s.%s (id, v) VALUES (%d, 'row %d')", a.name, table, id, id)
	}
	private := fmt.Sprintf("INSERT INTO %s.p (v) VALUES ('private')", a.ignored())
	// The last group stands alone in its binlog file.
	for i, s := range [][]string{
		{insert(1)}, {private}, {"BEGIN", private, insert(2), "COMMIT"}, {insert(3)}, {"BEGIN", insert(4), private, "COMMIT"}, {private},
		{fmt.Sprintf("GRANT SELECT ON %s.* TO root@localhost", a.name)}, {insert(5)},
	} {
		if i == 7 {
			perform(step{"", []string{"FLUSH BINARY LOGS"}})
		}
		perform(step{"", s})
		note()
	}
	d.disk = mem.CrashClone(vfs.CrashCloneCfg{})
	return d
}

// start starts a server on a disk and returns after how many groups its state
// is; err is why it does not start.
func (d *damaged) start(disk *vfs.MemFS) (groups int, err error) {
	n, err := startNode(disk, nodeOptions{args: d.run.args})
	if err != nil {
		return 0, err
	}
	defer func() {
		if serr := n.stop(); serr != nil {
			d.run.t.Errorf("after damage: %v", serr)
		}
	}()
	state, err := d.run.actors[0].state(n, false)
	if err != nil {
		d.run.t.Errorf("after damage: %v", err)
		return 0, err
	}
	groups = -1
	count, err := d.run.logged(n, d.run.base)
	if err != nil {
		d.run.t.Errorf("after damage: %v", err)
		return 0, err
	}
	for i, s := range d.states {
		if s == state && d.steps[i] == count[0] {
			groups = i
		}
	}
	if groups < 0 {
		d.run.t.Errorf("after damage the tables are those of no moment, or the binlog's: %d transactions; %s", count[0], differences(d.states[len(d.states)-1], state))
	}
	return groups, nil
}

// TestDamage_Logs cuts the files of both logs and their indexes at every byte,
// and flips every byte: the server cuts what a crash may have torn, or names
// the file and does not start. It never holds what was at no moment, never
// anything else than its binlog, and never loses more than the last group
// where nothing is missing but a bit.
func TestDamage_Logs(t *testing.T) {
	d := newDamaged(t)
	all := len(d.states) - 1
	if n, err := d.start(again(d.disk)); n != all || err != nil {
		t.Fatalf("undamaged: %d groups of %d, %v", n, all, err)
	}
	newest := func(dir, prefix string, older int) string {
		names, err := d.disk.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		names = slices.DeleteFunc(names, func(s string) bool { return !strings.HasPrefix(s, prefix+".0") })
		slices.Sort(names)
		return dir + "/" + names[len(names)-1-older]
	}
	var cut, refused, whole atomic.Int64
	for _, file := range []string{
		newest("/data", "mysql-bin", 0), newest("/data", "mysql-bin", 1), newest("/data/#local", "local", 0), "/data/mysql-bin.index", "/data/#local/local.index",
	} {
		content := logtest.ReadFile(t, d.disk, file)
		base := file[strings.LastIndexByte(file, '/')+1:]
		r := rand.New(rand.NewPCG(3, uint64(len(content))))
		type harm struct {
			at  int
			bit byte // 0 = cut
		}
		var harms []harm
		for at := range content {
			for _, bit := range []byte{0, 1 << r.IntN(8)} {
				if r.IntN(every(30)) == 0 {
					harms = append(harms, harm{at, bit})
				}
			}
		}
		inParallel(t, len(harms), func(i int) {
			h := harms[i]
			b := slices.Clone(content)
			if h.bit == 0 {
				b = b[:h.at]
			} else {
				b[h.at] ^= h.bit
			}
			disk := again(d.disk)
			logtest.WriteFile(t, disk, file, b)
			n, err := d.start(disk)
			switch {
			case err != nil && !strings.Contains(err.Error(), strings.TrimSuffix(base, ".index")):
				t.Errorf("%s, byte %d, bit %x: does not name the file: %v", base, h.at, h.bit, err)
			case err != nil:
				refused.Add(1)
			case n == all:
				whole.Add(1)
			case strings.HasSuffix(base, ".index") || h.bit != 0 && n < all-1:
				t.Errorf("%s, byte %d, bit %x: %d of %d acknowledged groups are there, and nobody says so", base, h.at, h.bit, n, all)
			default:
				cut.Add(1)
			}
		})
		t.Logf("%s, %d bytes: %d cut, %d refused, %d unharmed so far", base, len(content), cut.Load(), refused.Load(), whole.Load())
	}
	t.Logf("%d cycles", cut.Load()+refused.Load()+whole.Load())
}

// TestDamage_Store flips bits in the files of the store. Rows are right, or the
// statement fails and says that a file is damaged, or the server says so and
// does not start.
func TestDamage_Store(t *testing.T) {
	mem := newDisk(t)
	args := []string{"--log-bin=mysql-bin"}
	n, err := startNode(mem, nodeOptions{args: args})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(400), KEY v (v(8)))"); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(firstSeed(t), 4))
	for i := range 60 {
		var q strings.Builder
		q.WriteString("INSERT INTO d.t VALUES ")
		for j := range 20 {
			if j > 0 {
				q.WriteString(", ")
			}
			fmt.Fprintf(&q, "(%d, '", i*20+j)
			for range 20 {
				fmt.Fprintf(&q, "%016x", r.Uint64())
			}
			q.WriteString("')")
		}
		if err := n.exec(q.String()); err != nil {
			t.Fatal(err)
		}
		if i%20 == 9 {
			if err := n.exec("PURGE BINARY LOGS TO 'mysql-bin.000001'"); err != nil { // the store is flushed
				t.Fatal(err)
			}
		}
	}
	queries := []string{"SELECT * FROM d.t ORDER BY id", "SELECT id FROM d.t FORCE INDEX (v) WHERE v >= '' ORDER BY id", "SELECT v FROM d.t WHERE id = 777",
		"SELECT COUNT(*) FROM d.t", "SHOW CREATE TABLE d.t"}
	var want []string
	for _, q := range queries {
		text, err := n.rows(q)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, text)
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	names, err := mem.List("/data/#store")
	if err != nil {
		t.Fatal(err)
	}
	sizes, total := map[string]int{}, 0
	slices.Sort(names)
	names = slices.DeleteFunc(names, func(name string) bool {
		return !strings.HasSuffix(name, ".sst") && !strings.HasPrefix(name, "MANIFEST")
	})
	for _, name := range names {
		sizes[name] = len(logtest.ReadFile(t, mem, "/data/#store/"+name))
		total += sizes[name]
	}
	trials := 50
	if every(2) == 1 {
		trials = 1000
	}
	var refused, failed, right atomic.Int64
	type place struct {
		name string
		at   int
		bit  byte
	}
	places := make([]place, trials)
	for i := range places {
		at := r.IntN(total)
		for _, name := range names {
			if at < sizes[name] {
				places[i] = place{name, at, 1 << r.IntN(8)}
				break
			}
			at -= sizes[name]
		}
	}
	inParallel(t, trials, func(i int) {
		p := places[i]
		disk := again(mem)
		b := logtest.ReadFile(t, disk, "/data/#store/"+p.name)
		b[p.at] ^= p.bit
		logtest.WriteFile(t, disk, "/data/#store/"+p.name, b)
		number := strings.TrimLeft(strings.TrimSuffix(p.name, ".sst"), "0")
		n, err := startNode(disk, nodeOptions{args: args})
		if err != nil {
			refused.Add(1)
			// What a damaged MANIFEST hides is named by who misses it.
			if !strings.Contains(err.Error(), number) && !strings.HasPrefix(p.name, "MANIFEST") {
				t.Errorf("%s, byte %d: the start fails and does not name the file: %v", p.name, p.at, err)
			}
			return
		}
		bad := false
		for j, q := range queries {
			text, err := n.rows(q)
			if err != nil {
				bad = true
				var my *mysql.MySQLError
				if !errors.As(err, &my) || my.Number != 1030 || !strings.Contains(my.Message, number) {
					t.Errorf("%s, byte %d: %s: want error 1030 that names the file: %v", p.name, p.at, q, err)
				}
			} else if text != want[j] {
				t.Errorf("%s, byte %d: %s: wrong rows", p.name, p.at, q)
			}
		}
		if bad {
			failed.Add(1)
		} else {
			right.Add(1)
		}
		if err := n.stop(); err != nil && !strings.Contains(err.Error(), number) {
			t.Errorf("%s, byte %d: %v", p.name, p.at, err)
		}
	})
	t.Logf("%d bits in %d files, %d bytes: %d starts refused, %d with a failed statement, %d with all rows right",
		trials, len(names), total, refused.Load(), failed.Load(), right.Load())
}
