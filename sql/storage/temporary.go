package storage

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// temporaryIDs is where the ids of temporary tables begin. No catalog knows
// them: a start after a crash sweeps what they left.
const temporaryIDs = TableID(1) << 62

// Temporary are a session's temporary tables. Their rows take part in
// transactions and reach neither log. Used by one goroutine.
type Temporary struct {
	e      *Engine
	tables map[metaName]*Table
	live   map[TableID]bool // ids of tables and indexes
	seen   *Catalog         // base and tables together
	base   *Catalog
}

// lastTemporary numbers the ids of temporary tables; they are never stored.
var lastTemporary atomic.Uint64

// NewTemporary makes an empty set.
func (e *Engine) NewTemporary() *Temporary {
	return &Temporary{e: e, tables: make(map[metaName]*Table), live: make(map[TableID]bool)}
}

// Temporary reports whether the table belongs to a session.
func (t *Table) Temporary() bool { return t.schema.ID >= temporaryIDs }

// Table returns a temporary table.
func (tt *Temporary) Table(db, name string) (*Table, bool) {
	if tt == nil {
		return nil, false
	}
	t, ok := tt.tables[metaName{db, name}]
	return t, ok
}

// Catalog returns base with the temporary tables over it.
func (tt *Temporary) Catalog(base *Catalog) *Catalog {
	if tt == nil || len(tt.tables) == 0 {
		return base
	}
	if tt.base != base {
		ops := make([]catalogOp, 0, len(tt.tables))
		for _, t := range tt.tables {
			ops = append(ops, catalogOp{put: t})
		}
		tt.base, tt.seen = base, base.with(ops...)
	}
	return tt.seen
}

func (tt *Temporary) newID() TableID {
	id := temporaryIDs + TableID(lastTemporary.Add(1))
	tt.live[id] = true
	return id
}

// Create adds a table (*TableExistsError and those of DDL.CreateTable).
func (tt *Temporary) Create(s Schema) (*Table, error) {
	n := metaName{s.Database, s.Name}
	if tt.tables[n] != nil {
		return nil, &TableExistsError{s.Database, s.Name}
	}
	t, err := tt.compile(s.own())
	if err != nil {
		return nil, err
	}
	tt.tables[n], tt.base = t, nil
	return t, nil
}

func (tt *Temporary) compile(s *Schema) (*Table, error) {
	s.Past = nil
	s.ID, s.Version = tt.newID(), 1
	for i := range s.Indexes {
		s.Indexes[i].ID = tt.newID()
	}
	t, err := compileTable(s, tt.e.o.Weigh, &counters{db: tt.e.db})
	if err != nil {
		tt.forget(s)
	}
	return t, err
}

func (tt *Temporary) forget(s *Schema) {
	delete(tt.live, s.ID)
	for _, x := range s.Indexes {
		delete(tt.live, x.ID)
	}
}

// Replace gives a table another definition and the rows that fill adds: no
// transaction of the session is open. An error leaves the table as it was.
func (tt *Temporary) Replace(ctx context.Context, db, name string, next Schema, fill func(b *Builder) error) error {
	old, ok := tt.Table(db, name)
	if !ok {
		return &NoTableError{db, name}
	}
	s := next.own()
	s.AutoIncrement = max(s.AutoIncrement, old.NextAutoIncrement())
	t, err := tt.compile(s)
	if err != nil {
		return err
	}
	d := &DDL{ts: tt.e.tables, ctx: ctx}
	b := &Builder{d: d, old: old, t: t, b: tt.e.db.NewIndexedBatch()}
	if err = fill(b); err == nil && b.b.Len() > 0 {
		err = tt.e.db.Apply(b.b, pebble.NoSync)
	}
	_ = b.b.Close()
	if err != nil {
		tt.drop(t)
		return err
	}
	delete(tt.tables, metaName{db, name})
	tt.tables[metaName{s.Database, s.Name}], tt.base = t, nil
	tt.drop(old)
	return nil
}

// Rows calls fn with the image of every committed row of a table.
func (tt *Temporary) Rows(ctx context.Context, t *Table, fn func(image []byte) error) error {
	d := &DDL{ts: tt.e.tables, ctx: ctx}
	return d.eachRow(t, func(_, image []byte) error { return fn(image) })
}

// Drop drops a table; false: there is none.
func (tt *Temporary) Drop(db, name string) bool {
	t, ok := tt.Table(db, name)
	if !ok {
		return false
	}
	delete(tt.tables, metaName{db, name})
	tt.base = nil
	tt.drop(t)
	return true
}

// Close drops all tables.
func (tt *Temporary) Close() {
	if tt == nil {
		return
	}
	for _, n := range slices.Collect(maps.Keys(tt.tables)) {
		tt.Drop(n.db, n.table)
	}
}

// drop deletes a table's rows. If that fails, the next start sweeps them.
func (tt *Temporary) drop(t *Table) {
	tt.forget(t.schema)
	b := tt.e.db.NewBatch()
	defer b.Close()
	err := tt.e.tables.dropID(b, t.schema.ID)
	for _, x := range t.schema.Indexes {
		if err == nil {
			err = tt.e.tables.dropID(b, x.ID)
		}
	}
	if err == nil {
		err = tt.e.db.Apply(b, pebble.NoSync)
	}
	if err != nil {
		tt.e.log.Warn("drop temporary table", "err", err)
	}
}

// dead reports whether a key belongs to a temporary table that is gone.
func (tt *Temporary) dead(key []byte) bool {
	if len(key) < idPrefix || key[1]&0x40 == 0 {
		return false
	}
	id := idOf(key)
	return id >= temporaryIDs && (tt == nil || !tt.live[id])
}

// SetTemporary gives the transaction the session's temporary tables, when the
// first is made.
func (tx *Tx) SetTemporary(tt *Temporary) { tx.o.Temporary = tt }

// applyUnlogged makes a transaction that changed temporary tables alone
// visible. What has spilled goes through the Committer, with a record of its own.
func (tx *Tx) applyUnlogged(p *pending) (done bool, err error) {
	if p.large != nil {
		p.kv = append(p.kv, KV{kvPrefix + "temporary", nil})
		return false, p.batch.Delete(metaKey(kvPrefix+"temporary"), nil)
	}
	err = tx.ts.e.db.Apply(p.batch, pebble.NoSync)
	p.discard()
	return true, err
}
