package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// tableScript drives the whole Engine: rows of tables with and without primary
// key, in databases that travel and that do not, and DDL that builds, rebuilds,
// renames and drops. After each commit it notes what the Engine shows; a crash
// must come back as what was noted last, or as the commit after that.
type tableScript struct {
	t      *testing.T
	e      *Engine
	r      *rand.Rand
	next   int
	mu     sync.Mutex // guards states
	states []string
	crash  []crashedState

	options func(*Options)
}

type crashedState struct {
	acked int // commits that were answered
	where string
	state string
}

func tableOptions(o *Options) {
	o.hooks = nil
	o.Weigh = lowerWeigh
	o.LogDatabase = func(db string) bool { return db != "p" }
	o.CacheSize = func() int64 { return 4 << 10 } // larger transactions spill
	o.Binlog.MaxSize = func() int64 { return 64 << 10 }
}

// dump shows everything: definitions, rows, and that the indexes agree.
func (s *tableScript) dump(e *Engine) string {
	var out strings.Builder
	st := &testStore{Engine: e}
	for _, db := range e.Catalog().Databases() {
		fmt.Fprintf(&out, "%s:\n", db.Name)
		for _, tab := range e.Catalog().Tables(db.Name) {
			fmt.Fprintf(&out, " %s id %d, %d indexes\n", tab.Schema().Name, tab.Schema().ID, len(tab.Schema().Indexes))
			for _, r := range st.rows(s.t, tab) {
				fmt.Fprintf(&out, "  %s\n", r)
			}
			st.checkIndexes(s.t, tab)
		}
	}
	return out.String()
}

func (s *tableScript) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *tableScript) done() {
	state := s.dump(s.e)
	s.mu.Lock()
	s.states = append(s.states, state)
	s.mu.Unlock()
}

func (s *tableScript) ddl(fn func(d *DDL) error) {
	s.t.Helper()
	d, err := s.e.BeginDDL(context.Background(), DDLStatement{Text: "a statement", DB: "t"})
	s.must(err)
	defer d.Rollback()
	s.must(fn(d))
	_, err = d.Commit(context.Background())
	s.must(err)
	s.done()
}

func (s *tableScript) table(db, name string) *Table {
	tab, ok := s.e.Catalog().Table(db, name)
	if !ok {
		s.t.Fatalf("no table %s.%s", db, name)
	}
	return tab
}

// rows changes rows of the tables in one transaction.
func (s *tableScript) rows(n int, noBinlog bool, tables ...*Table) {
	s.t.Helper()
	ctx := context.Background()
	tx := s.e.Begin(TxOptions{NoBinlog: noBinlog})
	defer tx.Rollback()
	for _, tab := range tables {
		tx.BeginStatement()
		it := tx.Scan(ctx, tab, -1, Range{}, ScanOptions{Lock: LockExclusive})
		var old [][]byte
		for it.Next() {
			old = append(old, append([]byte(nil), it.Image()...))
		}
		s.must(it.Close())
		for _, img := range old {
			switch s.r.IntN(6) {
			case 0:
				s.must(tx.Delete(ctx, tab, img))
			case 1:
				s.next++
				s.must(tx.Update(ctx, tab, img, row(s.t, tab, s.next, s.next%7, s.next)))
			}
		}
		for range n {
			s.next++
			s.must(tx.Insert(ctx, tab, row(s.t, tab, s.next, s.r.IntN(5), s.next)))
		}
		s.must(tx.EndStatement())
	}
	_, err := tx.Commit(ctx)
	s.must(err)
	s.done()
}

// fill makes a table together with n rows.
func (s *tableScript) fill(schema Schema, n int, noBinlog bool) {
	s.t.Helper()
	ctx := context.Background()
	d, err := s.e.BeginDDL(ctx, DDLStatement{Text: "a statement", DB: "t", NoBinlog: noBinlog})
	s.must(err)
	defer d.Rollback()
	_, err = d.CreateTable(schema)
	s.must(err)
	tx, err := d.Fill(TxOptions{NoBinlog: noBinlog}, schema.Database, schema.Name, false)
	s.must(err)
	defer tx.Rollback()
	tab, err := tx.LockTable(ctx, schema.Database, schema.Name, MetaWrite)
	s.must(err)
	for range n {
		s.next++
		s.must(tx.Insert(ctx, tab, row(s.t, tab, s.next, s.r.IntN(5), s.next)))
	}
	_, err = tx.Commit(ctx)
	s.must(err)
	s.done()
}

func (s *tableScript) run() {
	heap := kvSchema()
	heap.Name, heap.Primary, heap.Indexes = "heap", nil, heap.Indexes[:1]
	s.done() // empty
	s.ddl(func(d *DDL) error { return d.CreateDatabase(Database{Name: "t"}) })
	s.ddl(func(d *DDL) error { return d.CreateDatabase(Database{Name: "p"}) })
	s.ddl(func(d *DDL) error { _, err := d.CreateTable(kvSchema()); return err })
	s.ddl(func(d *DDL) error { _, err := d.CreateTable(heap); return err })
	private := kvSchema()
	private.Database = "p"
	s.ddl(func(d *DDL) error { _, err := d.CreateTable(private); return err })
	kv, hp, pr := s.table("t", "kv"), s.table("t", "heap"), s.table("p", "kv")
	s.rows(3, false, kv)
	s.rows(3, false, hp, kv)
	s.rows(2, true, hp)
	s.rows(2, false, kv, pr, hp) // a half in each log
	s.rows(300, false, kv)       // spills, several pages
	s.ddl(func(d *DDL) error {   // no index on v
		next := *s.table("t", "kv").Schema()
		next.Indexes = next.Indexes[1:]
		_, err := d.AlterTable("t", "kv", next, nil)
		return err
	})
	s.rows(2, false, s.table("t", "kv"))
	s.must(s.e.Rotate(context.Background()))
	s.ddl(func(d *DDL) error { // rebuilt, with the index again
		_, err := d.AlterTable("t", "kv", kvSchema(), func(old []byte) ([]byte, error) { return old, nil })
		return err
	})
	s.rows(2, false, s.table("t", "kv"), s.table("t", "heap"))
	s.ddl(func(d *DDL) error { return d.RenameTable("t", "heap", "p", "heap2") })
	s.rows(2, false, s.table("p", "heap2"), s.table("t", "kv"))
	s.ddl(func(d *DDL) error { return d.TruncateTable("t", "kv") })
	s.rows(3, false, s.table("t", "kv"))
	s.ddl(func(d *DDL) error { return d.DropTable("p", "kv") })
	s.ddl(func(d *DDL) error { _, err := d.CreateTable(private); return err })
	s.must(s.e.ResetMaster(context.Background()))
	s.rows(3, false, s.table("p", "kv"), s.table("t", "kv"))
	for i, db := range []string{"t", "t", "t", "p"} {
		made := kvSchema()
		made.Database, made.Name = db, fmt.Sprintf("made%d", i)
		s.fill(made, []int{3, 300, 0, 30}[i], i == 2)
	}
	s.rows(2, false, s.table("t", "made0"), s.table("p", "made3"))
	s.ddl(func(d *DDL) error { return d.DropTable("t", "made1") })
	s.ddl(func(d *DDL) error { return d.DropDatabase("p") })
	s.rows(1, false, s.table("t", "kv"))
}

// recovered opens a crashed file system and returns what it shows. A table made
// then must not show rows of one that was being built under its id.
func (s *tableScript) recovered(fs vfs.FS) (state string, err error) {
	e, err := tryOpenFake(s.t, fs, s.options)
	if err != nil {
		return "", err
	}
	state = s.dump(e)
	d, err := e.BeginDDL(context.Background(), DDLStatement{Text: "a statement"})
	if err == nil {
		schema := kvSchema()
		schema.Database = "new"
		err = errors.Join(d.CreateDatabase(Database{Name: "new"}), func() error { _, err := d.CreateTable(schema); return err }())
		_, cerr := d.Commit(context.Background())
		err = errors.Join(err, cerr)
	}
	if tab, ok := e.Catalog().Table("new", "kv"); !ok {
		err = errors.Join(err, errors.New("new table is not there"))
	} else if rows := (&testStore{Engine: e}).rows(s.t, tab); len(rows) > 0 {
		err = errors.Join(err, fmt.Errorf("new table with id %d shows dead rows %v", tab.Schema().ID, rows))
	}
	return state, errors.Join(err, e.Close(context.Background()))
}

func TestCrash_TablesAtEveryOperation(t *testing.T) {
	t.Parallel()
	crashTables(t, tableOptions, crashEvery(1, 7))
}

// TestCrash_LargeTransactions is the same with transactions that spill from a
// few rows on and are ingested.
func TestCrash_LargeTransactions(t *testing.T) {
	t.Parallel()
	crashTables(t, func(o *Options) {
		tableOptions(o)
		o.SpillBytes = 1500
	}, crashEvery(5, 13))
}

// crashEvery says at how many operations a crash happens once: normal, short
// with -short, and at each in the long run.
func crashEvery(normal, short int) int {
	switch {
	case testing.Short():
		return short
	case os.Getenv("BINRELAY_CYCLES") != "":
		return 1
	}
	return normal
}

// crashTables crashes at every so many operations.
func crashTables(t *testing.T, options func(*Options), every int) {
	mem := vfs.NewCrashableMem()
	fs := &faultFS{FS: mem}
	s := &tableScript{t: t, r: rand.New(rand.NewPCG(5, 5)), options: options}
	s.e = openFake(t, fs, options)
	acked := func() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.states) }
	fs.at = func(n int, op, name string) error {
		if n%every != 0 {
			return nil
		}
		for _, pct := range []int{0, 50, 100} {
			clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: pct, RNG: rand.New(rand.NewPCG(uint64(n), uint64(pct)))})
			where := fmt.Sprintf("operation %d (%s %s), %d %% unsynced", n, op, name, pct)
			k := acked()
			state, err := s.recovered(clone)
			if err != nil {
				t.Errorf("%s: %v", where, err)
				continue
			}
			s.crash = append(s.crash, crashedState{k, where, state})
		}
		return nil
	}
	s.run()
	fs.quiet()
	closeFake(t, s.e)
	for _, c := range s.crash {
		// The commit that was on its way may or may not be there.
		ok := c.state == s.states[max(c.acked-1, 0)] || c.acked < len(s.states) && c.state == s.states[c.acked]
		if !ok {
			t.Errorf("%s: after %d commits the store came back as\n%s\nnot as\n%s", c.where, c.acked-1, c.state, s.states[max(c.acked-1, 0)])
			break
		}
	}
	if state, err := s.recovered(mem); err != nil || state != s.states[len(s.states)-1] {
		t.Errorf("after the clean stop: %v\n%s", err, state)
	}
	t.Logf("%d commits, %d operations, %d crashes", len(s.states)-1, fs.n, len(s.crash))
}

// TestCrash_RecoveryOfALargeTransaction crashes at each operation of a recovery
// that redoes a transaction by an ingest, and recovers again.
func TestCrash_RecoveryOfALargeTransaction(t *testing.T) {
	t.Parallel()
	options := func(o *Options) {
		tableOptions(o)
		o.SpillBytes = 4000
	}
	mem := vfs.NewCrashableMem()
	fs := &faultFS{FS: mem}
	s := &tableScript{t: t, r: rand.New(rand.NewPCG(6, 6)), options: options}
	s.e = openFake(t, fs, options)
	private := kvSchema()
	private.Database = "p"
	for _, schema := range []Schema{kvSchema(), private} {
		s.ddl(func(d *DDL) error {
			if err := d.CreateDatabase(Database{Name: schema.Database}); err != nil {
				return err
			}
			_, err := d.CreateTable(schema)
			return err
		})
	}
	kv, pr := s.table("t", "kv"), s.table("p", "kv")
	s.rows(40, false, kv)
	// Crash when the logs are durable and the store has nothing of it yet.
	var tail *vfs.MemFS
	s.must(s.e.db.Flush())
	fs.at = func(_ int, op, name string) error {
		if op == "create" && strings.Contains(name, cacheDir) { // the last of these has the coordinate
			tail = mem.CrashClone(vfs.CrashCloneCfg{})
		}
		return nil
	}
	s.rows(100, false, kv, pr)
	fs.quiet()
	closeFake(t, s.e)
	want := s.states[len(s.states)-1]

	again := &faultFS{FS: tail}
	crashes, every := 0, crashEvery(3, 17)
	again.at = func(n int, op, name string) error {
		if n%every != 0 {
			return nil
		}
		for _, pct := range []int{0, 50, 100} {
			clone := tail.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: pct, RNG: rand.New(rand.NewPCG(uint64(n), uint64(pct)))})
			crashes++
			if state, err := s.recovered(clone); err != nil || state != want {
				t.Errorf("operation %d of the recovery (%s %s), %d %% unsynced: %v\n%s", n, op, name, pct, err, state)
			}
		}
		return nil
	}
	r, err := OpenRecovery(fakeOptions(t, again, options))
	s.must(err)
	if n := len(r.Tail()); n != 1 {
		t.Fatalf("%d transactions to redo", n)
	}
	e, err := r.Replay(context.Background())
	s.must(err)
	again.quiet()
	if state := s.dump(e); state != want {
		t.Errorf("recovered to\n%s\nnot\n%s", state, want)
	}
	closeFake(t, e)
	t.Logf("%d crashes", crashes)
}
