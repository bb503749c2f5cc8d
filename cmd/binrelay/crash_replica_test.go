package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog"
	"binrelay/binlog/txn"
	"binrelay/tests/faultfs"
)

// TestCrash_Replica crashes a replica at every operation on its files while it
// receives and applies, rotates its relay log, is stopped, started and
// reconfigured, and commits of its own that nobody else sees. Each disk must
// make a replica whose tables are those that the source had at the coordinate
// it shows, never less than what was applied before; which then follows to the
// end by itself.
func TestCrash_Replica(t *testing.T) {
	crashLoop(t, 200, 25, 16, 8, func(seed uint64, rounds, every int, total *tally) { crashReplica(t, seed, rounds, every, total) })
}

// replicaRun is one script of a source and the disk of its replica.
type replicaRun struct {
	t      *testing.T
	seed   uint64
	every  uint64 // one in so many crashes is looked at
	args   []string
	mem    *vfs.MemFS
	fs     *faultfs.FS
	source *testNode
	live   *testNode
	theirs *actor // works on the source
	ours   *actor // works on the replica, unlogged
	total  *tally

	// What the source held, in order: history[i] from ends[i] on.
	ends    []txn.Coord
	history []string

	before, after string // of ours
	applied       txn.Coord
	action        string
	done          atomic.Bool // ours was acknowledged
	crashed       []crashedDisk
}

// replicaActions are done while the source goes on, but for the last two.
var replicaActions = []string{"", "FLUSH RELAY LOGS", "restart threads", "SQL thread later", "FLUSH BINARY LOGS", "PURGE", "reconnect setting",
	"CHANGE MASTER", "RESET SLAVE"}

func crashReplica(t *testing.T, seed uint64, rounds, every int, total *tally) {
	r := rand.New(rand.NewPCG(seed, 98))
	c := &replicaRun{t: t, seed: seed, every: uint64(every), mem: newDisk(t), total: total, theirs: newActor("actor0", seed*10), ours: newActor("actor1", seed*10+1)}
	common := []string{"--log-bin=mysql-bin"}
	if r.IntN(2) == 0 {
		common = append(common, "--gtid-mode=ON", "--enforce-gtid-consistency=ON")
	}
	c.args = append([]string{"--server-id=2", "--relay-log=relay", "--max-binlog-size=16K", "--binlog-ignore-db=actor1", "--binlog-ignore-db=actor1_ign",
		fmt.Sprintf("--max-relay-log-size=%dK", 4<<r.IntN(3))}, common...)
	if r.IntN(2) == 0 {
		c.args = append(c.args, "--sync-relay-log=1")
	}
	if r.IntN(3) == 0 {
		c.args = append(c.args, "--skip-log-replica-updates")
	}
	stop := func(n *testNode) {
		if err := n.stop(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
	var err error
	if c.source, err = startNode(newDisk(t), nodeOptions{args: append([]string{"--max-binlog-size=12K", "--binlog-ignore-db=actor0_ign"}, common...)}); err != nil {
		t.Fatal(err)
	}
	defer stop(c.source)
	c.fs = faultfs.New(c.mem, c.crash, nil)
	if c.live, err = startNode(c.fs, nodeOptions{args: c.args}); err != nil {
		t.Fatal(err)
	}
	defer stop(c.live)
	defer c.fs.Set(nil, nil)
	for _, a := range []struct {
		*actor
		on *testNode
	}{{c.theirs, c.source}, {c.ours, c.live}} {
		if a.conn, err = a.on.db.Conn(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer a.conn.Close()
	}
	for round := range rounds {
		c.action = replicaActions[r.IntN(len(replicaActions))]
		if round == 0 {
			c.action = "follow"
		}
		if !c.round(round, 1+r.IntN(4)) {
			return
		}
	}
	if err := c.live.exec("STOP SLAVE"); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
}

func (c *replicaRun) crash(op faultfs.Op) error {
	done := c.done.Load()
	for _, pct := range []int{0, 50, 100} {
		r := rand.New(rand.NewPCG(c.seed, uint64(op.N*1000+pct)))
		if r.Uint64N(c.every) > 0 {
			continue
		}
		d := crashedDisk{op: op, pct: pct, acked: []bool{done}}
		d.disk = c.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: pct, RNG: r})
		c.crashed = append(c.crashed, d)
	}
	return nil
}

// note adds what the source holds now to the history, with the end of its last
// transaction.
func (c *replicaRun) note() error {
	from := txn.Coord{File: "mysql-bin.000001", Pos: 4}
	if n := len(c.ends); n > 0 {
		from = c.ends[n-1]
	}
	s, err := binlog.ScanTxns(c.source.engine.Binlog().Index(), from)
	if err != nil {
		return err
	}
	defer s.Close()
	for {
		t, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		from = t.End
	}
	state, err := c.theirs.state(c.source, true)
	c.ends, c.history = append(c.ends, from), append(c.history, state)
	return err
}

// steps returns how many states of the history a coordinate has reached.
func (c *replicaRun) steps(at txn.Coord) int {
	return sort.Search(len(c.ends), func(i int) bool { return at.Less(c.ends[i]) })
}

// heldAt returns what the source held at a coordinate.
func (c *replicaRun) heldAt(at txn.Coord) string {
	if n := c.steps(at); n > 0 {
		return c.history[n-1]
	}
	return ""
}

// still reports whether the source must not go on in the round.
func (c *replicaRun) still() bool { return c.action == "CHANGE MASTER" || c.action == "RESET SLAVE" }

func (c *replicaRun) round(n, steps int) bool {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			errs = append(errs, err)
		}
	}
	var own step
	if n < len(c.ours.firstSteps) {
		own = c.ours.firstSteps[n]
	} else {
		own = c.ours.next()
	}
	own.statements = append([]string{"SET sql_log_bin=0"}, own.statements...)
	wg.Go(func() {
		if err := c.ours.perform(c.t.Context(), own); err != nil {
			fail(err)
			return
		}
		c.done.Store(true)
		c.total.acked.Add(1)
	})
	if !c.still() {
		wg.Go(func() {
			for range steps {
				var s step
				if len(c.theirs.firstSteps) > 0 {
					s, c.theirs.firstSteps = c.theirs.firstSteps[0], c.theirs.firstSteps[1:]
				} else {
					s = c.theirs.next()
				}
				fail(c.theirs.perform(c.t.Context(), s))
				fail(c.note())
			}
		})
	}
	wg.Go(func() { fail(c.act()) })
	wg.Wait()
	if len(errs) == 0 {
		fail(c.live.caughtUp(c.source))
	}
	var disks []crashedDisk
	c.fs.Still(func(n int) {
		_ = c.crash(faultfs.Op{N: n, Kind: "end of round"})
		disks, c.crashed = c.crashed, nil
		c.done.Store(false)
	})
	var err error
	c.after, err = c.ours.state(c.live, false)
	fail(err)
	if err := errors.Join(errs...); err != nil {
		c.t.Errorf("seed %d, %s: %v", c.seed, c.action, err)
		return false
	}
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(disks) || c.t.Failed() {
					return
				}
				d := &disks[i]
				c.total.crashes.Add(1)
				if err := c.check(d); err != nil {
					c.t.Errorf("seed %d, operation %d (%s %s), %d %% of the unsynced survives: %v\n  source acts, replica: %s, own step: %s\n  disk: %s\n  to repeat: BINRELAY_SEED=%d",
						c.seed, d.op.N, d.op.Kind, d.op.Name, d.pct, err, c.action, own.kind, saveDisk(c.t, d.disk), c.seed)
				}
				d.disk = nil
			}
		})
	}
	wg.Wait()
	c.before = c.after
	c.applied, err = c.live.executed()
	fail(err)
	return !c.t.Failed()
}

// act does what the round does to the replica.
func (c *replicaRun) act() error {
	n := c.live
	switch c.action {
	case "follow":
		return n.follow(c.source.addr, "mysql-bin.000001", 4)
	case "restart threads":
		return n.exec("STOP SLAVE", "START SLAVE", "STOP SLAVE IO_THREAD", "START SLAVE")
	case "SQL thread later":
		return n.exec("STOP SLAVE SQL_THREAD", "FLUSH RELAY LOGS", "START SLAVE")
	case "PURGE":
		files, err := n.column("SHOW BINARY LOGS")
		if err != nil {
			return err
		}
		return n.exec("PURGE BINARY LOGS TO '" + files[len(files)-1] + "'")
	case "reconnect setting":
		return n.exec("STOP SLAVE IO_THREAD", "CHANGE MASTER TO MASTER_CONNECT_RETRY=1", "START SLAVE")
	case "CHANGE MASTER", "RESET SLAVE":
		if err := n.exec("STOP SLAVE"); err != nil {
			return err
		}
		at, err := n.executed()
		if err != nil {
			return err
		}
		if c.action == "RESET SLAVE" {
			if err := n.exec("RESET SLAVE"); err != nil {
				return err
			}
		}
		return n.follow(c.source.addr, at.File, at.Pos)
	case "":
		return nil
	}
	return n.exec(c.action)
}

func (c *replicaRun) check(d *crashedDisk) error {
	disk, err := stranger(d.disk)
	if err != nil {
		return err
	}
	o := nodeOptions{args: append([]string{"--skip-slave-start"}, c.args...)}
	n, err := startNode(disk, o)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	err = c.compare(n, d)
	if err == nil {
		err = errors.Join(filesMatch(disk, "relay"), filesMatch(disk, "mysql-bin"))
	}
	if err == nil && d.pct != 100 {
		err = c.resume(n)
	}
	err = errors.Join(err, n.stop())
	if err == nil && d.op.N%97 == 8 && !d.inside {
		err = insideRecovery(d, c.every, o, &c.total.inside, c.check)
	}
	return err
}

// compare checks the own step, and the tables against the coordinate shown.
func (c *replicaRun) compare(n *testNode, d *crashedDisk) error {
	own, err := c.ours.state(n, false)
	if err != nil {
		return err
	}
	if own != c.after && (own != c.before || d.acked[0]) {
		return fmt.Errorf("own step (acknowledged: %v): against before: %s\nagainst after: %s", d.acked[0], differences(c.before, own), differences(c.after, own))
	}
	st, err := n.slave()
	if err != nil {
		return err
	}
	state, err := c.theirs.state(n, true)
	if err != nil {
		return err
	}
	if st == nil { // not configured yet
		if !c.applied.IsZero() || state != "" {
			return fmt.Errorf("the replica forgot its source; it holds %s", differences("", state))
		}
		return nil
	}
	at, err := n.executed()
	if err != nil {
		return err
	}
	if c.action == "RESET SLAVE" && at.File == "" {
		at = c.applied // it forgot the place, not the rows
	}
	if c.steps(at) < c.steps(c.applied) { // over what is no transaction it moves lazily
		return fmt.Errorf("%v was applied, the status says %v", c.applied, at)
	}
	if want := c.heldAt(at); state != want {
		return fmt.Errorf("at %v the source held something else: %s", at, differences(want, state))
	}
	return nil
}

// resume checks that the replica follows to the end of its source.
func (c *replicaRun) resume(n *testNode) error {
	st, err := n.slave()
	if err != nil || st == nil || st["Relay_Master_Log_File"] == "" && c.action == "RESET SLAVE" {
		return err
	}
	if err := n.exec("START SLAVE"); err != nil {
		return err
	}
	if err := n.caughtUp(c.source); err != nil {
		return err
	}
	state, err := c.theirs.state(n, true)
	if err == nil && state != c.history[len(c.history)-1] {
		err = fmt.Errorf("at the end of the source's binlog the tables differ: %s", differences(c.history[len(c.history)-1], state))
	}
	return errors.Join(err, n.exec("STOP SLAVE"))
}
