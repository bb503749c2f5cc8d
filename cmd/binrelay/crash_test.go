package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog"
	"binrelay/binlog/logfile"
	"binrelay/binlog/txn"
	"binrelay/tests/faultfs"
)

// crashLoop plays scripts with seeds that follow each other until there were
// enough crashes: in make test a few, at one in every operations of short
// scripts; in make crash share times $BINRELAY_CYCLES, at every operation of
// long ones.
func crashLoop(t *testing.T, few, share, every, rounds int, script func(seed uint64, rounds, every int, total *tally)) {
	t.Helper()
	var total tally
	want := few
	if s := os.Getenv("BINRELAY_CYCLES"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		want, every, rounds = share*n, 1, 3*rounds
	}
	began := time.Now()
	for seed := firstSeed(t); int(total.crashes.Load()) < want && !t.Failed(); seed++ {
		script(seed, rounds, every, &total)
	}
	if t.Failed() {
		t.Logf("failed after %d crashes", total.crashes.Load())
		return
	}
	t.Logf("%v in %v", &total, time.Since(began).Round(time.Second))
}

// firstSeed is $BINRELAY_SEED, or 1: a failure names the seed that repeats it.
func firstSeed(t *testing.T) uint64 {
	s := os.Getenv("BINRELAY_SEED")
	if s == "" {
		return 1
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCrash_Primary crashes a whole server at every operation on its files
// while several sessions commit, define tables and accounts, and an
// administrator rotates, purges and resets the binlog. Nothing, half or all of
// what was not synced survives. Each of the disks that this leaves must make a
// server that holds each session's state before or after its running step, and
// after it if that was acknowledged; whose binlog holds the same steps; whose
// index is what is on disk.
func TestCrash_Primary(t *testing.T) {
	crashLoop(t, 300, 50, 8, 14, func(seed uint64, rounds, every int, total *tally) { crashPrimary(t, seed, rounds, every, false, total) })
}

// TestCrash_Both is TestCrash_Primary with a replica whose power fails at the
// same moment. Afterwards it must follow by itself and end with equal data.
func TestCrash_Both(t *testing.T) {
	crashLoop(t, 60, 10, 30, 12, func(seed uint64, rounds, every int, total *tally) { crashPrimary(t, seed, rounds, every, true, total) })
}

// tally counts what crash tests did.
type tally struct {
	crashes, inside, acked, replayed, reopened atomic.Int64
}

func (c *tally) String() string {
	return fmt.Sprintf("%d crashes, %d of them inside a recovery, %d steps acknowledged, 0 lost, 0 half, 0 panics; %d binlogs replayed from scratch, %d servers opened again",
		c.crashes.Load()+c.inside.Load(), c.inside.Load(), c.acked.Load(), c.replayed.Load(), c.reopened.Load())
}

// crashRun is one script on one disk.
type crashRun struct {
	t      *testing.T
	seed   uint64
	every  uint64 // one in so many crashes is looked at
	args   []string
	mem    *vfs.MemFS
	fs     *faultfs.FS
	live   *testNode
	actors []*actor
	total  *tally

	acked  []atomic.Bool // of the round, by actor
	before []string      // states at its start
	after  []string      // and at its end
	base   txn.Coord     // of the binlog at its start
	steps  []step
	admin  string
	whole  bool // no binlog file has been removed yet

	pair     *testNode // a replica that follows; nil = none
	pairMem  *vfs.MemFS
	pairFS   *faultfs.FS
	pairArgs []string

	crashed []crashedDisk // touched while the file system stands still
}

// crashedDisk is what a crash left.
type crashedDisk struct {
	disk   *vfs.MemFS
	second *vfs.MemFS // of the replica, at the same moment
	op     faultfs.Op
	pct    int
	acked  []bool
	inside bool // of a recovery
}

func crashPrimary(t *testing.T, seed uint64, rounds, every int, pair bool, total *tally) {
	c := &crashRun{t: t, seed: seed, every: uint64(every), mem: newDisk(t), total: total, whole: true}
	r := rand.New(rand.NewPCG(seed, 99))
	c.args = []string{"--log-bin=mysql-bin", "--max-binlog-size=" + []string{"1G", "24K", "8K"}[r.IntN(3)]}
	if r.IntN(2) == 0 {
		c.args = append(c.args, "--gtid-mode=ON", "--enforce-gtid-consistency=ON")
	}
	for i := range 3 {
		a := newActor(fmt.Sprintf("actor%d", i), seed*10+uint64(i))
		c.actors = append(c.actors, a)
		c.args = append(c.args, "--binlog-ignore-db="+a.ignored())
	}
	c.acked = make([]atomic.Bool, len(c.actors))
	c.before = make([]string, len(c.actors))
	c.fs = faultfs.New(c.mem, c.crash, nil)
	if pair {
		c.fs.Set(nil, nil) // until the replica is there
	}
	var err error
	if c.live, err = startNode(c.fs, nodeOptions{args: c.args}); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	defer func() {
		c.fs.Set(nil, nil)
		if err := c.live.stop(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}()
	if pair {
		c.startPair(r)
		c.fs.Set(c.crash, nil)
		defer func() {
			if err := c.pair.stop(); err != nil {
				t.Errorf("seed %d: the replica: %v", seed, err)
			}
		}()
	}
	for _, a := range c.actors {
		if a.conn, err = c.live.db.Conn(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer a.conn.Close()
	}
	for round := range rounds {
		c.admin = ""
		if round >= len(c.actors[0].firstSteps) {
			c.admin = adminSteps[r.IntN(len(adminSteps))]
			if pair && (c.admin == "RESET MASTER" || c.admin == "PURGE" || c.admin == "expire" || c.admin == "CHANGE MASTER") {
				c.admin = "" // it may take from the replica what it has not synced yet
			}
		}
		c.steps = make([]step, len(c.actors)) // none beside RESET MASTER
		for i, a := range c.actors {
			if round < len(a.firstSteps) {
				c.steps[i] = a.firstSteps[round]
			} else if c.admin != "RESET MASTER" {
				c.steps[i] = a.next()
			}
		}
		if !c.round() {
			return
		}
	}
}

// adminSteps are done beside the sessions' steps. RESET MASTER is done alone.
var adminSteps = []string{"", "", "FLUSH BINARY LOGS", "PURGE", "expire", "RESET MASTER", "CHANGE MASTER", "SET GLOBAL"}

// startPair starts a replica of the live server.
func (c *crashRun) startPair(r *rand.Rand) {
	c.pairMem = newDisk(c.t)
	c.pairFS = faultfs.New(c.pairMem, nil, nil)
	c.pairArgs = append([]string{"--server-id=2", "--relay-log=relay", "--max-relay-log-size=4K"}, c.args...)
	if r.IntN(2) == 0 {
		c.pairArgs = append(c.pairArgs, "--sync-relay-log=1")
	}
	if r.IntN(2) == 0 {
		c.pairArgs = append(c.pairArgs, "--skip-log-replica-updates")
	}
	var err error
	if c.pair, err = startNode(c.pairFS, nodeOptions{args: c.pairArgs}); err == nil {
		err = c.pair.follow(c.live.addr, "mysql-bin.000001", 4)
	}
	if err != nil {
		c.t.Fatalf("seed %d: the replica: %v", c.seed, err)
	}
}

// crash takes the disks that a crash right before op would leave.
func (c *crashRun) crash(op faultfs.Op) error {
	acked := make([]bool, len(c.acked))
	for i := range c.acked {
		acked[i] = c.acked[i].Load()
	}
	for _, pct := range []int{0, 50, 100} {
		r := rand.New(rand.NewPCG(c.seed, uint64(op.N*1000+pct)))
		if r.Uint64N(c.every) > 0 {
			continue
		}
		d := crashedDisk{op: op, pct: pct, acked: acked}
		d.disk = c.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: pct, RNG: r})
		if c.pairFS != nil {
			c.pairFS.Still(func(int) {
				d.second = c.pairMem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: pct, RNG: r})
			})
		}
		c.crashed = append(c.crashed, d)
	}
	return nil
}

// round does every actor's step at the same time, and then checks all disks
// that crashes meanwhile would have left.
func (c *crashRun) round() bool {
	var wg sync.WaitGroup
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	fail := func(err error) {
		if err != nil {
			c.t.Errorf("seed %d: %v", c.seed, err)
		}
	}
	if c.admin == "RESET MASTER" {
		fail(c.live.exec("RESET MASTER"))
		c.whole = false
	} else {
		if c.admin != "" {
			wg.Go(func() { fail(c.administer()) })
		}
		for i, a := range c.actors {
			wg.Go(func() {
				err := a.perform(ctx, c.steps[i])
				if err == nil {
					c.acked[i].Store(true)
					c.total.acked.Add(1)
				}
				fail(err)
			})
		}
	}
	wg.Wait()
	if c.t.Failed() {
		return false
	}
	var disks []crashedDisk
	c.fs.Still(func(n int) { // what changes from here on belongs to the next round
		_ = c.crash(faultfs.Op{N: n, Kind: "end of round"})
		disks, c.crashed = c.crashed, nil
		for i := range c.acked {
			c.acked[i].Store(false)
		}
	})
	var err error
	c.after, err = c.states(c.live, false)
	fail(err)
	var logged []int
	if c.admin != "RESET MASTER" && c.admin != "expire" {
		logged, err = c.logged(c.live, c.base)
		fail(err)
	}
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(disks) || c.t.Failed() {
					return
				}
				c.verify(&disks[i], logged)
				disks[i].disk = nil
			}
		})
	}
	wg.Wait()
	c.before = c.after
	_, c.base, _ = c.live.engine.Visible()
	return !c.t.Failed()
}

func (c *crashRun) administer() error {
	switch c.admin {
	case "PURGE":
		c.whole = false
		files, err := c.live.column("SHOW BINARY LOGS")
		if err != nil {
			return err
		}
		return c.live.exec("PURGE BINARY LOGS TO '" + files[len(files)-1] + "'")
	case "expire": // what came before this second
		c.whole = false
		return c.live.exec("SET GLOBAL binlog_expire_logs_seconds = 1", "FLUSH BINARY LOGS", "SET GLOBAL binlog_expire_logs_seconds = 2592000")
	case "CHANGE MASTER":
		return c.live.exec("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=1, MASTER_USER='u', MASTER_PASSWORD='p', " +
			"MASTER_LOG_FILE='src.000007', MASTER_LOG_POS=4711, MASTER_CONNECT_RETRY=3")
	case "SET GLOBAL":
		return c.live.exec("SET GLOBAL max_connections = 100", "SET GLOBAL sync_binlog = 1")
	}
	return c.live.exec(c.admin)
}

// states returns the state of every actor.
func (c *crashRun) states(n *testNode, travels bool) ([]string, error) {
	out := make([]string, len(c.actors))
	for i, a := range c.actors {
		var err error
		if out[i], err = a.state(n, travels); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// logged counts each actor's transactions in the binlog behind a coordinate.
func (c *crashRun) logged(n *testNode, from txn.Coord) ([]int, error) {
	count := make([]int, len(c.actors))
	s, err := binlog.ScanTxns(n.engine.Binlog().Index(), from)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for {
		t, err := s.Next()
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return nil, err
		}
		evs, err := s.Events(t)
		if err != nil {
			return nil, err
		}
		of := -1
		for {
			ev, err := evs.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			for i, a := range c.actors {
				if bytes.Contains(ev, []byte(a.ignored())) {
					return nil, fmt.Errorf("database %s is in the binlog, at %v", a.ignored(), t.Start)
				}
				if bytes.Contains(ev, []byte(a.name)) {
					of = i
				}
			}
		}
		evs.Close()
		if of >= 0 {
			count[of]++
		}
	}
}

// verify starts a server on a crashed disk and checks what it holds.
func (c *crashRun) verify(d *crashedDisk, logged []int) {
	c.total.crashes.Add(1)
	if err := c.check(d, logged); err != nil {
		c.t.Errorf("seed %d, operation %d (%s %s), %d %% of the unsynced survives: %v\n  steps: %s\n  disk: %s\n  to repeat: BINRELAY_SEED=%d",
			c.seed, d.op.N, d.op.Kind, d.op.Name, d.pct, err, c.doing(d), saveDisk(c.t, d.disk), c.seed)
	}
}

func (c *crashRun) doing(d *crashedDisk) string {
	var b strings.Builder
	for i, a := range c.actors {
		fmt.Fprintf(&b, "%s: %s (acknowledged: %v); ", a.name, c.steps[i].kind, d.acked[i])
	}
	return b.String() + "admin: " + c.admin
}

// insideRecovery crashes again at the operations of a start on a crashed disk,
// and checks what each of these crashes leaves.
func insideRecovery(d *crashedDisk, every uint64, o nodeOptions, count *atomic.Int64, check func(*crashedDisk) error) error {
	mem := again(d.disk)
	var disks []crashedDisk
	fs := faultfs.New(mem, func(op faultfs.Op) error {
		r := rand.New(rand.NewPCG(uint64(d.op.N), uint64(op.N)))
		if r.Uint64N(every) == 0 {
			x := crashedDisk{op: op, pct: 50, acked: d.acked, inside: true}
			x.disk = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: r})
			disks = append(disks, x)
		}
		return nil
	}, nil)
	n, err := startNode(fs, o)
	if err != nil {
		return err
	}
	fs.Set(nil, nil)
	if err := n.stop(); err != nil {
		return err
	}
	for i := range disks {
		count.Add(1)
		if err := check(&disks[i]); err != nil {
			return fmt.Errorf("crash at operation %d (%s %s) of the recovery: %w", disks[i].op.N, disks[i].op.Kind, disks[i].op.Name, err)
		}
	}
	return nil
}

// again returns another copy of a disk on which all is synced.
func again(disk *vfs.MemFS) *vfs.MemFS { return disk.CrashClone(vfs.CrashCloneCfg{}) }

// stranger is again with a server UUID of its own: a source serves only one
// replica of each.
func stranger(disk *vfs.MemFS) (*vfs.MemFS, error) {
	disk = again(disk)
	d := dataDir{disk, "/data"}
	if err := disk.Remove(d.file(autoFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	_, err := d.uuid()
	return disk, err
}

func (c *crashRun) check(d *crashedDisk, logged []int) error {
	disk := again(d.disk)
	n, err := startNode(disk, nodeOptions{args: c.args})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	err = c.compare(n, d, logged)
	if err == nil {
		err = filesMatch(disk, "mysql-bin")
	}
	switch {
	case err != nil:
	case c.pair != nil:
		err = c.pairs(n, d)
	case d.inside:
	case c.whole && d.op.N%23 == 5:
		err = c.replays(n)
	case d.op.N%11 == 3:
		err = c.goesOn(n, disk)
	}
	err = errors.Join(err, n.stop())
	if err == nil && d.op.N%97 == 8 && !d.inside && c.pair == nil {
		err = insideRecovery(d, c.every, nodeOptions{args: c.args}, &c.total.inside, func(d *crashedDisk) error { return c.check(d, logged) })
	}
	return err
}

// compare checks states and binlog against the round.
func (c *crashRun) compare(n *testNode, d *crashedDisk, logged []int) error {
	states, err := c.states(n, false)
	if err != nil {
		return err
	}
	var count []int
	if logged != nil && !c.base.IsZero() {
		if count, err = c.logged(n, c.base); err != nil {
			return err
		}
	}
	for i, a := range c.actors {
		done := false
		switch states[i] {
		case c.after[i]:
			done = true
		case c.before[i]:
			if d.acked[i] {
				return fmt.Errorf("%s: acknowledged, and lost: %s", a.name, differences(c.after[i], states[i]))
			}
		default:
			return fmt.Errorf("%s: neither before (%s) nor after (%s)", a.name, differences(c.before[i], states[i]), differences(c.after[i], states[i]))
		}
		if count == nil || c.before[i] == c.after[i] {
			continue
		}
		if want := map[bool]int{true: logged[i]}[done]; count[i] != want {
			return fmt.Errorf("%s: step %q is in the tables: %v; %d transactions of it in the binlog, want %d", a.name, c.steps[i].kind, done, count[i], want)
		}
	}
	return nil
}

// differences lists the lines that only one of two states has.
func differences(want, got string) string {
	var b strings.Builder
	only := func(sign, x, y string) {
		have := strings.Split(y, "\n")
		for _, line := range strings.Split(x, "\n") {
			if !slices.Contains(have, line) {
				fmt.Fprintf(&b, "\n    %s %.120s", sign, line)
			}
		}
	}
	only("-", want, got)
	only("+", got, want)
	return b.String()
}

// filesMatch checks that a log's index names what is on disk.
func filesMatch(disk vfs.FS, base string) error {
	x, err := logfile.OpenIndex(disk, "/data", base)
	if err != nil {
		return err
	}
	all, err := disk.List("/data")
	if err != nil {
		return err
	}
	var there []string
	for _, name := range all {
		if strings.HasPrefix(name, base+".") && name != base+".index" {
			there = append(there, name)
		}
	}
	slices.Sort(there)
	if !slices.Equal(x.Files(), there) {
		return fmt.Errorf("the index of %s names %v, on disk are %v", base, x.Files(), there)
	}
	return nil
}

// replays checks that the binlog, executed from its start on an empty server,
// gives the tables.
func (c *crashRun) replays(n *testNode) error {
	c.total.replayed.Add(1)
	m, err := startNode(newDisk(c.t), nodeOptions{args: append([]string{"--server-id=9"}, c.args[1:]...)})
	if err != nil {
		return err
	}
	err = m.follow(n.addr, "mysql-bin.000001", 4)
	return errors.Join(err, c.sameAs(n, m), m.exec("STOP SLAVE"), m.stop())
}

// sameAs waits for a replica and compares what travels.
func (c *crashRun) sameAs(n, replica *testNode) error {
	if err := replica.caughtUp(n); err != nil {
		return err
	}
	want, err := c.states(n, true)
	if err != nil {
		return err
	}
	got, err := c.states(replica, true)
	if err != nil {
		return err
	}
	for i, a := range c.actors {
		if got[i] != want[i] {
			return fmt.Errorf("%s: the binlog says something else than the tables: %s", a.name, differences(want[i], got[i]))
		}
	}
	return nil
}

// pairs starts the replica's disk too: it goes on by itself and ends with what
// the primary has.
func (c *crashRun) pairs(n *testNode, d *crashedDisk) error {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, n.addr)
	}
	disk, err := stranger(d.second)
	if err != nil {
		return err
	}
	m, err := startNode(disk, nodeOptions{args: c.pairArgs, dial: dial})
	if err != nil {
		return fmt.Errorf("start the replica: %w", err)
	}
	return errors.Join(c.sameAs(n, m), m.exec("STOP SLAVE"), m.stop())
}

// goesOn checks that the server takes writes, gives no number twice, and holds
// all of it after a second start.
func (c *crashRun) goesOn(n *testNode, disk *vfs.MemFS) error {
	c.total.reopened.Add(1)
	if err := n.exec("CREATE DATABASE afterwards", "CREATE TABLE afterwards.t (id INT PRIMARY KEY, v TEXT)", "INSERT INTO afterwards.t VALUES (1, 'x'), (2, 'y')"); err != nil {
		return err
	}
	before, err := c.states(n, false)
	if err != nil {
		return err
	}
	m, err := startNode(disk.CrashClone(vfs.CrashCloneCfg{}), nodeOptions{args: c.args})
	if err != nil {
		return fmt.Errorf("second start: %w", err)
	}
	after, err := c.states(m, false)
	if err == nil && !slices.Equal(before, after) {
		err = errors.New("after another crash the states are others")
	}
	if err == nil {
		var rows string
		if rows, err = m.rows("SELECT * FROM afterwards.t ORDER BY id"); err == nil && rows != "1|x\n2|y\n" {
			err = fmt.Errorf("after another crash the rows are %q", rows)
		}
	}
	return errors.Join(err, m.stop())
}
