package storage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"binrelay/binlog"
	"binrelay/binlog/event"
	"binrelay/binlog/txn"
	"binrelay/sql/storage/lock"
)

// DDLStatement describes the statement that a DDL scope carries out.
type DDLStatement struct {
	Text      string            // as it goes into the binlog; empty = nothing is logged
	DB        string            // default database
	Status    event.QueryStatus // session variables that replicas need
	Time      time.Time         // header time; zero = now
	ThreadID  uint32
	NoBinlog  bool          // sql_log_bin = 0
	FilterDB  string        // database that the binlog filters look at; empty = DB
	Origin    *txn.Origin   // set when a replica runs the statement
	ServerID  uint32        // originating server; 0 = this one
	MetaWait  time.Duration // lock_wait_timeout; 0 = one year
	ErrorCode uint16        // error the statement ended with on the source
	Locks     *TableLocks   // of the session: LOCK TABLES; nil = none
	Instance  *InstanceLock // of the session: LOCK INSTANCE FOR BACKUP; nil = none
	NoUse     bool          // LOG_EVENT_SUPPRESS_USE: DB is named by the statement

	NoForeignKeys bool // foreign_key_checks = 0
}

// DDL is one statement's changes to the catalog. They become visible and
// durable together at Commit. New data is built under new ids and made durable
// before. Used by one goroutine; exactly one of Commit and Rollback ends it.
type DDL struct {
	ts    *tables
	ctx   context.Context
	s     DDLStatement
	owner *lock.Owner

	cat     *Catalog // as this scope sees it
	ops     []catalogOp
	kv      []KV
	drops   []TableID         // deleted by Commit
	built   []TableID         // deleted by Rollback
	upgrade []metaName        // locked SIX; X before the switch
	planned map[metaName]bool // LockPlanned has found them unchanged
	dirty   bool              // data was built
	entered bool              // others cannot keep it out any more
	done    bool
}

// BeginDDL opens the scope. Metadata locks are taken as tables are named; ctx
// ends waits for them, and building.
func (e *Engine) BeginDDL(ctx context.Context, s DDLStatement) (*DDL, error) {
	if s.MetaWait <= 0 {
		s.MetaWait = 365 * 24 * time.Hour
	}
	ts := e.tables
	owner := ts.locks.NewOwner(uint64(s.ThreadID))
	owner.SetWeight(math.MaxUint64) // of a deadlock with transactions those are the victims, as in MySQL
	return &DDL{ts: ts, ctx: ctx, s: s, owner: owner, cat: ts.catalog.Load()}, nil
}

// Catalog returns the definitions as this scope sees them.
func (d *DDL) Catalog() *Catalog { return d.cat }

// SetText replaces the statement's text in the binlog.
func (d *DDL) SetText(text string) { d.s.Text = text }

// PutKV changes settings together with the statement. Keys are namespace/name.
func (d *DDL) PutKV(kv ...KV) {
	for _, x := range kv {
		d.kv = append(d.kv, KV{kvPrefix + x.Key, x.Value})
	}
}

// lock takes a metadata lock and looks at the catalog anew: others may have
// changed it during the wait.
func (d *DDL) lock(n metaName, m lock.Mode) error {
	if d.done {
		return ErrTxDone
	}
	if err := d.enter(); err != nil {
		return err
	}
	held, err := d.s.Locks.allow(n, m)
	if err == nil && !held {
		_, err = d.ts.locks.Acquire(d.ctx, d.owner, n.key(), m, lock.Wait{Timeout: d.s.MetaWait})
	}
	switch {
	case errors.Is(err, lock.ErrDeadlock):
		return ErrDeadlock
	case errors.Is(err, lock.ErrTimeout):
		return ErrLockTimeout
	case err != nil:
		return err
	}
	d.cat = d.ts.catalog.Load().with(d.ops...)
	return nil
}

// lockTable locks a table's name within its database and returns its
// definition.
func (d *DDL) lockTable(db, name string, m lock.Mode) (*Table, error) {
	if err := d.lock(metaName{db: db}, lock.IX); err != nil {
		return nil, err
	}
	if err := d.lock(metaName{db, name}, m); err != nil {
		return nil, err
	}
	return d.cat.lookup(db, name)
}

// LockPlanned locks a table that the scope is going to alter and checks that
// it still is what the change was planned on, a definition that was read
// without a lock: what another scope did to it since would be undone
// (ErrTableChanged). Only the first call for a name looks; what the scope itself
// has changed since is no surprise.
func (d *DDL) LockPlanned(planned *Table) error {
	n := metaName{planned.schema.Database, planned.schema.Name}
	if d.planned[n] {
		return nil
	}
	now, err := d.lockTable(n.db, n.table, lock.SIX)
	if err != nil {
		return err
	}
	if now.schema.ID != planned.schema.ID || now.schema.Version != planned.schema.Version {
		return ErrTableChanged
	}
	if d.planned == nil {
		d.planned = make(map[metaName]bool)
	}
	d.planned[n] = true
	return nil
}

// LockForAlter locks a table that the scope is going to alter, against writes
// and other DDL, and returns it (*NoDatabaseError, *NoTableError).
func (d *DDL) LockForAlter(db, name string) (*Table, error) { return d.lockTable(db, name, lock.SIX) }

// Exists reports whether a table is there, and keeps it so until the scope
// ends: a statement that has nothing to do because it is (CREATE TABLE IF NOT
// EXISTS) must stand before a DROP in the binlog as well. A table that is not
// there is not locked; CreateTable looks again.
func (d *DDL) Exists(db, name string) (bool, error) {
	if _, ok := d.ts.catalog.Load().with(d.ops...).Table(db, name); !ok {
		return false, nil
	}
	_, err := d.lockTable(db, name, lock.IS)
	var none *NoTableError
	if errors.As(err, &none) {
		return false, nil
	}
	return err == nil, err
}

// LockName locks a table's name until the scope ends, whether or not there is
// such a table: DROP TABLE IF EXISTS of one that is not there must stand before
// its CREATE in the binlog as well.
func (d *DDL) LockName(db, name string) (there bool, err error) {
	_, err = d.lockTable(db, name, lock.X)
	var noTable *NoTableError
	var noDatabase *NoDatabaseError
	if errors.As(err, &noTable) || errors.As(err, &noDatabase) {
		return false, nil
	}
	return err == nil, err
}

// LockObject locks the name of a view, trigger or procedure until the scope ends:
// two statements about one object stand in the binlog in the order in which they
// found it. Views share their names with tables; LOCK TABLES has no say.
func (d *DDL) LockObject(db, name string) error {
	locks := d.s.Locks
	d.s.Locks = nil
	_, err := d.LockName(db, name)
	d.s.Locks = locks
	return err
}

// LockDatabase locks a database's name until the scope ends, whether or not
// there is such a database: nothing comes or goes in it meanwhile.
func (d *DDL) LockDatabase(name string) (there bool, err error) {
	err = d.lock(metaName{db: name}, lock.X)
	_, there = d.cat.Database(name)
	return there && err == nil, err
}

func (d *DDL) change(ops ...catalogOp) {
	d.ops = append(d.ops, ops...)
	d.cat = d.cat.with(ops...)
}

// CreateDatabase adds a database (*DatabaseExistsError).
func (d *DDL) CreateDatabase(db Database) error {
	if err := d.lock(metaName{db: db.Name}, lock.X); err != nil {
		return err
	}
	if _, ok := d.cat.Database(db.Name); ok {
		return &DatabaseExistsError{db.Name}
	}
	db.Extra = maps.Clone(db.Extra)
	d.change(catalogOp{putDB: &db})
	return nil
}

// AlterDatabase replaces a database's options (*NoDatabaseError).
func (d *DDL) AlterDatabase(db Database) error {
	if err := d.lock(metaName{db: db.Name}, lock.X); err != nil {
		return err
	}
	if _, ok := d.cat.Database(db.Name); !ok {
		return &NoDatabaseError{db.Name}
	}
	db.Extra = maps.Clone(db.Extra)
	d.change(catalogOp{putDB: &db})
	return nil
}

// DropDatabase drops a database and its tables (*NoDatabaseError).
func (d *DDL) DropDatabase(name string) error {
	if err := d.lock(metaName{db: name}, lock.X); err != nil {
		return err
	}
	if _, ok := d.cat.Database(name); !ok {
		return &NoDatabaseError{name}
	}
	// With the database locked, no table comes or goes any more.
	for _, t := range d.cat.Tables(name) {
		if err := d.lock(metaName{name, t.schema.Name}, lock.X); err != nil {
			return err
		}
		d.drop(t)
	}
	d.change(catalogOp{dropDB: name})
	return nil
}

// drop removes a locked table.
func (d *DDL) drop(t *Table) {
	d.dropIDs(t)
	d.change(catalogOp{dropID: t.schema.ID})
}

func (d *DDL) dropIDs(t *Table) {
	d.drops = append(d.drops, t.schema.ID)
	for _, x := range t.schema.Indexes {
		d.drops = append(d.drops, x.ID)
	}
}

// own returns a copy of a definition that storage may keep.
func (s Schema) own() *Schema {
	s.Columns = slices.Clone(s.Columns)
	for i := range s.Columns {
		s.Columns[i].Members = slices.Clone(s.Columns[i].Members)
		s.Columns[i].Extra = maps.Clone(s.Columns[i].Extra)
	}
	s.Primary = slices.Clone(s.Primary)
	s.Indexes = slices.Clone(s.Indexes)
	for i := range s.Indexes {
		s.Indexes[i].Parts = slices.Clone(s.Indexes[i].Parts)
		s.Indexes[i].Extra = maps.Clone(s.Indexes[i].Extra)
	}
	s.Defaults = slices.Clone(s.Defaults)
	s.Past = slices.Clone(s.Past)
	s.Extra = maps.Clone(s.Extra)
	return &s
}

// newTable compiles a definition under new ids.
func (d *DDL) newTable(s *Schema) (*Table, error) {
	s.Past = nil
	t, err := compileTable(s, d.ts.e.o.Weigh, &counters{db: d.ts.e.db})
	if err != nil {
		return nil, err
	}
	s.ID, s.Version = d.ts.newID(), 1
	for i := range s.Indexes {
		s.Indexes[i].ID = d.ts.newID()
	}
	t.mapped = t.tableMap() // it holds the id
	return t, nil
}

// CreateTable adds a table; its ids and version are assigned here. Errors:
// *NoDatabaseError, *TableExistsError, *DuplicateIndexError, *DefinitionError.
func (d *DDL) CreateTable(s Schema) (*Table, error) {
	_, err := d.lockTable(s.Database, s.Name, lock.X)
	var none *NoTableError
	if err == nil {
		return nil, &TableExistsError{s.Database, s.Name}
	} else if !errors.As(err, &none) {
		return nil, err
	}
	t, err := d.newTable(s.own())
	if err != nil {
		return nil, err
	}
	d.change(catalogOp{put: t})
	return t, nil
}

// DropTable drops a table (*NoTableError).
func (d *DDL) DropTable(db, name string) error {
	t, err := d.lockTable(db, name, lock.X)
	if err != nil {
		return err
	}
	d.drop(t)
	return nil
}

// RenameTable renames a table, also into another database. Its rows stay where
// they are.
func (d *DDL) RenameTable(db, name, db2, name2 string) error {
	t, err := d.lockTable(db, name, lock.X)
	if err != nil {
		return err
	}
	// LOCK TABLES has no say about the new name.
	locks := d.s.Locks
	if held, err := locks.allow(metaName{db2, name2}, lock.X); err != nil || !held {
		d.s.Locks = nil
	}
	_, err = d.lockTable(db2, name2, lock.X)
	d.s.Locks = locks
	var none *NoTableError
	if err == nil {
		return &TableExistsError{db2, name2}
	} else if !errors.As(err, &none) {
		return err
	}
	s := t.schema.own()
	s.Database, s.Name = db2, name2
	for i := range s.ForeignKeys {
		k := &s.ForeignKeys[i]
		if k.Database == db && k.Table == name {
			k.Database, k.Table = db2, name2
		}
		if n, ok := strings.CutPrefix(k.Name, generatedName(name)); ok {
			k.Name = generatedName(name2) + n
		}
		if (db != db2 || k.Name != t.schema.ForeignKeys[i].Name) && d.cat.hasForeignKey(db2, k.Name) {
			return definitionErrorf(1826, "Duplicate foreign key constraint name '%s'", k.Name)
		}
	}
	n, err := compileTable(s, d.ts.e.o.Weigh, t.count)
	if err != nil {
		return err
	}
	err = d.changeChildren(db, name, func(k *ForeignKey) { k.Database, k.Table = db2, name2 })
	if err != nil {
		return err
	}
	d.change(catalogOp{dropID: s.ID}, catalogOp{put: n})
	return nil
}

// TruncateTable empties a table and restarts its AUTO_INCREMENT.
func (d *DDL) TruncateTable(db, name string) error {
	t, err := d.lockTable(db, name, lock.X)
	if err != nil {
		return err
	}
	if err := d.checkTruncate(db, name); err != nil {
		return err
	}
	s := t.schema.own()
	s.AutoIncrement = 0
	n, err := d.newTable(s)
	if err != nil {
		return err
	}
	d.drop(t)
	d.change(catalogOp{put: n})
	return nil
}

// SetAutoIncrement moves a table's counter: the next value is v, or one above
// the largest in use.
func (d *DDL) SetAutoIncrement(db, name string, v uint64) error {
	t, err := d.lockTable(db, name, lock.X)
	if err != nil {
		return err
	}
	if t.auto < 0 {
		return nil
	}
	used, err := t.maxAuto(d.ctx)
	if err != nil {
		return err
	}
	s := t.schema.own()
	s.AutoIncrement = max(v, used+1, 1)
	n, err := compileTable(s, d.ts.e.o.Weigh, &counters{db: d.ts.e.db, fresh: true})
	if err != nil {
		return err
	}
	d.change(catalogOp{put: n})
	return nil
}

// changed reports whether the scope has anything to make durable.
func (d *DDL) changed(logged bool) bool {
	return len(d.ops) > 0 || len(d.kv) > 0 || len(d.drops) > 0 || d.s.Origin != nil || logged
}

// Commit makes the scope durable and visible, as one record in each log. The
// statement is logged also when it changed nothing.
func (d *DDL) Commit(ctx context.Context) (txn.Result, error) {
	if d.done {
		return txn.Result{}, ErrTxDone
	}
	db := d.s.FilterDB
	if db == "" {
		db = d.s.DB
	}
	logged := d.s.Text != "" && !d.s.NoBinlog && d.ts.logged(db)
	if !d.changed(logged) {
		d.Rollback()
		return txn.Result{}, nil
	}
	err := error(nil)
	if len(d.ops) > 0 || len(d.kv) > 0 || logged {
		err = d.enter()
	}
	var p *pending
	if err == nil {
		p, err = d.build(logged)
	}
	if err != nil {
		d.Rollback()
		return txn.Result{}, err
	}
	d.done = true
	res := d.ts.commit(ctx, p)
	return res, res.Err
}

// build waits for the readers of tables that change, makes built data durable
// and makes what the Committer needs.
func (d *DDL) build(logged bool) (*pending, error) {
	if err := d.checkKeys(); err != nil {
		return nil, err
	}
	for _, n := range d.upgrade {
		if err := d.lock(n, lock.X); err != nil {
			return nil, err
		}
	}
	ts := d.ts
	if d.dirty {
		if err := ts.e.tryFlush(context.Background()); err != nil {
			return nil, fmt.Errorf("flush built tables: %w", err)
		}
	}
	p := &pending{batch: ts.e.db.NewBatch(), kv: append(kvOf(d.ops), d.kv...), drops: d.drops, origin: d.s.Origin}
	if err := d.fill(p.batch, p.kv); err != nil {
		_ = p.batch.Close()
		return nil, err
	}
	if logged {
		p.bin = d.query()
	}
	p.release = func(res txn.Result) {
		if res.Err == nil {
			ts.switchTo(d.ops, res.CSN)
		} else {
			d.discard()
		}
		ts.locks.ReleaseAll(d.owner)
	}
	return p, nil
}

// fill writes the m| changes and the drops.
func (d *DDL) fill(b *pebble.Batch, kv []KV) error {
	for _, x := range kv {
		var err error
		if x.Value == nil {
			err = b.Delete(metaKey(x.Key), nil)
		} else {
			err = b.Set(metaKey(x.Key), x.Value, nil)
		}
		if err != nil {
			return err
		}
	}
	for _, op := range d.ops {
		if op.put != nil && op.put.count.fresh {
			if err := b.Delete(counterKey(op.put.schema.ID), nil); err != nil {
				return err
			}
		}
	}
	for _, id := range d.drops {
		if err := d.ts.dropID(b, id); err != nil {
			return err
		}
	}
	return nil
}

// query makes the statement's binlog half.
func (d *DDL) query() *binlog.Txn {
	when := d.s.Time
	if when.IsZero() {
		when = d.ts.now()
	}
	c := newEventCache(d.ts.e.fs, "", 1<<62)
	_ = c.add(func(dst []byte) []byte { // in memory: it cannot fail
		return d.appendQuery(dst, when, event.VarDDLXid)
	})
	t := &binlog.Txn{Events: c, Size: c.size(), Count: 1, DDL: true, After: d.ts.clock(), Origin: d.s.Origin, Timestamp: uint32(when.Unix())}
	if o := d.s.Origin; o != nil {
		t.GTID = o.GTID // the statement keeps its name on its way through servers
	}
	return t
}

// switchTo makes the changes of a committed scope the current definitions.
func (ts *tables) switchTo(ops []catalogOp, csn txn.CSN) {
	ts.publish.Lock()
	defer ts.publish.Unlock()
	old := ts.catalog.Load()
	for _, op := range ops {
		if op.put == nil {
			continue
		}
		s := op.put.schema
		if was := old.byID[s.ID]; was != nil && was.schema.Version == s.Version {
			op.put.since.Store(was.since.Load()) // renamed: older views may read it
		} else {
			op.put.since.Store(uint64(csn))
		}
	}
	ts.catalog.Store(old.with(ops...))
}

// Rollback drops the scope and what was built. It is safe to call after the end.
func (d *DDL) Rollback() {
	if d.done {
		return
	}
	d.done = true
	d.discard()
	d.ts.locks.ReleaseAll(d.owner)
}

// discard deletes what was built. If that fails, the next start sweeps it.
func (d *DDL) discard() {
	if len(d.built) == 0 {
		return
	}
	b := d.ts.e.db.NewBatch()
	defer b.Close()
	for _, id := range d.built {
		if err := d.ts.dropID(b, id); err != nil {
			d.ts.e.log.Warn("discard built table", "err", err)
			return
		}
	}
	if err := d.ts.e.db.Apply(b, pebble.NoSync); err != nil {
		d.ts.e.log.Warn("discard built table", "err", err)
	}
}
