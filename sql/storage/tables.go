package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog"
	"binrelay/binlog/txn"
	"binrelay/sql/storage/lock"
)

// tables is the transaction half of an Engine: catalog, locks, views, counters
// and the channels of replicas. Safe for concurrent use.
type tables struct {
	e       *Engine
	locks   *lock.Table
	catalog atomic.Pointer[Catalog]
	publish sync.Mutex // held while the catalog is replaced
	views   viewSet
	deletes recentDeletes
	tags    tags
	caches  atomic.Uint64 // numbers the spill files

	channelMu sync.Mutex
	channels  map[string]*channel

	// What the transaction half asks of the rest of the Engine; tests replace them.
	commit  func(ctx context.Context, p *pending) txn.Result
	enqueue func(ctx context.Context, p *pending) (<-chan txn.Result, error)
	visible func() txn.CSN
	clock   func() binlog.Clock
	csnOf   func(pebble.Reader) (txn.CSN, error)
}

var _ tableHooks = (*tables)(nil)

func newTables(e *Engine) *tables {
	ts := &tables{e: e, locks: lock.New(), channels: make(map[string]*channel), csnOf: coordCSN}
	ts.catalog.Store(&Catalog{})
	ts.commit = func(ctx context.Context, p *pending) txn.Result { return e.cm.commit(ctx, p) }
	ts.enqueue = func(ctx context.Context, p *pending) (<-chan txn.Result, error) { return e.cm.enqueue(ctx, p) }
	ts.visible = func() txn.CSN { c, _, _ := e.Visible(); return c }
	ts.clock = func() binlog.Clock {
		if e.bin == nil {
			return binlog.Clock{}
		}
		return e.bin.Visible()
	}
	return ts
}

func (ts *tables) now() time.Time {
	if ts.e.o.Now != nil {
		return ts.e.o.Now()
	}
	return time.Now()
}

func (ts *tables) maxBytes() int64 {
	if ts.e.o.MaxTxnBytes != nil {
		return ts.e.o.MaxTxnBytes()
	}
	return 1 << 30
}

// logged reports whether changes of a database travel.
func (ts *tables) logged(db string) bool {
	if ts.e.o.LogBin != nil && !ts.e.o.LogBin() {
		return false
	}
	return ts.e.o.LogDatabase == nil || ts.e.o.LogDatabase(db)
}

// cacheDir is where transactions spill, below the data directory.
const cacheDir = "#tmp"

var _ scratch = (*tables)(nil)

// scratchFile names a new file for what does not fit into memory.
func (ts *tables) scratchFile() (vfs.FS, string) {
	name := fmt.Sprintf("txn.%d", ts.caches.Add(1))
	return ts.e.fs, ts.e.fs.PathJoin(ts.e.o.Dir, cacheDir, name)
}

// spillBytes is how much memory the changes of a transaction may take.
func (ts *tables) spillBytes() int64 {
	if n := ts.e.o.SpillBytes; n > 0 {
		return n
	}
	return defaultSpillBytes
}

func (ts *tables) newCache() *eventCache {
	limit := int64(32 << 10)
	if ts.e.o.CacheSize != nil {
		limit = ts.e.o.CacheSize()
	}
	fs, name := ts.scratchFile()
	return newEventCache(fs, name, limit)
}

// load reads the catalog from the store.
func (ts *tables) load() error {
	prefix := metaKey(catalogPrefix)
	it, err := ts.e.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: prefixEnd(prefix)})
	if err != nil {
		return fmt.Errorf("read catalog: %w", err)
	}
	defer it.Close()
	var ops []catalogOp
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return fmt.Errorf("read catalog: %w", err)
		}
		op, ok, err := ts.opOf(KV{string(it.Key()[len(metaPrefix):]), v}, 0)
		if err != nil {
			return err
		}
		if ok {
			ops = append(ops, op)
		}
	}
	if err := it.Error(); err != nil {
		return fmt.Errorf("read catalog: %w", err)
	}
	c := (&Catalog{}).with(ops...)
	ts.catalog.Store(c)
	ts.raiseNextID(c)
	return nil
}

// applyKV changes the catalog as a replayed record says.
func (ts *tables) applyKV(kv []KV) error {
	var ops []catalogOp
	for _, x := range kv {
		if id, ok := strings.CutPrefix(x.Key, counterPrefix); ok && len(id) == 8 && len(x.Value) == 8 {
			if t := ts.catalog.Load().byID[TableID(binary.BigEndian.Uint64([]byte(id)))]; t != nil {
				t.raise(binary.BigEndian.Uint64(x.Value))
			}
			continue
		}
		op, ok, err := ts.opOf(x, 0)
		if err != nil {
			return err
		}
		if ok {
			if op.put != nil { // its counters hold rows of records replayed before
				if was := ts.catalog.Load().byID[op.put.schema.ID]; was != nil {
					op.put.count = was.count
				}
			}
			ops = append(ops, op)
		}
	}
	if len(ops) > 0 {
		// Drops first: a name may pass from one table to another.
		sorted := make([]catalogOp, 0, len(ops))
		for _, op := range ops {
			if op.dropID != 0 {
				sorted = append(sorted, op)
			}
		}
		for _, op := range ops {
			if op.putDB != nil {
				sorted = append(sorted, op)
			}
		}
		for _, op := range ops {
			if op.put != nil {
				// Its old name may be another's new one.
				sorted = append(sorted, catalogOp{dropID: op.put.schema.ID})
			}
		}
		for _, op := range ops {
			if op.put != nil {
				sorted = append(sorted, op)
			}
		}
		for _, op := range ops {
			if op.dropDB != "" {
				sorted = append(sorted, op)
			}
		}
		c := ts.catalog.Load().with(sorted...)
		ts.catalog.Store(c)
		ts.raiseNextID(c)
	}
	return nil
}

// raiseNextID makes sure that no id in use is given out again.
func (ts *tables) raiseNextID(c *Catalog) {
	next := max(1, ts.e.nextID.Load())
	for id := range c.ids() {
		next = max(next, uint64(id)+1)
	}
	ts.e.nextID.Store(next)
}

// newID takes a table or index id.
func (ts *tables) newID() TableID { return TableID(ts.e.nextID.Add(1) - 1) }

// dropID deletes everything under a table or index id.
func (ts *tables) dropID(b *pebble.Batch, id TableID) error {
	for _, space := range idSpaces {
		low, high := idBounds(space, id)
		if err := b.DeleteRange(low, high, nil); err != nil {
			return err
		}
	}
	return b.Delete(counterKey(id), nil)
}

// sweep deletes everything under ids that the catalog does not know: what DDL
// built before a crash and never switched to.
func (ts *tables) sweep(b *pebble.Batch) error {
	known := ts.catalog.Load().ids()
	it, err := ts.e.db.NewIter(nil)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	defer it.Close()
	dead := make(map[TableID]bool)
	for _, space := range idSpaces {
		for at := []byte{space}; it.SeekGE(at) && it.Key()[0] == space; {
			if len(it.Key()) < idPrefix {
				return fmt.Errorf("sweep: key %x without id", it.Key())
			}
			id := idOf(it.Key())
			if !known[id] {
				dead[id] = true
			}
			if id == math.MaxUint64 {
				break
			}
			at = appendID(nil, space, id+1)
		}
	}
	if err := it.Error(); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	for id := range dead {
		if err := ts.dropID(b, id); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	return nil
}

// clearScratch empties the spill directory. It comes before anything spills: a
// file of old may be one with a table of the store under another name.
func (ts *tables) clearScratch() error {
	fs, dir := ts.e.fs, ts.e.fs.PathJoin(ts.e.o.Dir, cacheDir)
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create %s: %w", dir, err)
	}
	names, err := fs.List(dir)
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	for _, n := range names {
		if strings.HasPrefix(n, "txn.") {
			if err := fs.Remove(fs.PathJoin(dir, n)); err != nil {
				return fmt.Errorf("remove old transaction cache: %w", err)
			}
		}
	}
	return nil
}

// metaName names what a metadata lock protects; an empty table stands for the
// database itself.
type metaName struct{ db, table string }

// key is the name's key in the lock table. Rows have keys that begin with
// another byte.
func (n metaName) key() []byte { return n.keyOf('M') }

// rows is the key of the lock on all rows of a table: IX for who writes some, S
// for a SERIALIZABLE read of a range.
func (n metaName) rows() []byte { return n.keyOf('R') }

func (n metaName) keyOf(kind byte) []byte {
	k := append(make([]byte, 0, len(n.db)+len(n.table)+2), kind)
	k = append(append(k, n.db...), 0)
	return append(k, n.table...)
}

// LockTable takes a metadata lock until the transaction's end and returns the
// table's current definition. Errors: *NoDatabaseError, *NoTableError,
// *NotLockedError, *ReadLockedError, ErrLockTimeout, ErrDeadlock.
func (tx *Tx) LockTable(ctx context.Context, db, name string, m MetaLock) (*Table, error) {
	if tx.done {
		return nil, ErrTxDone
	}
	if t, ok := tx.o.Temporary.Table(db, name); ok {
		return t, nil // nobody else's
	}
	mode := [...]lock.Mode{MetaRead: lock.IS, MetaWrite: lock.IX, MetaExclusive: lock.X}[m]
	n := metaName{db, name}
	held, err := tx.o.Locks.allow(n, mode)
	if err != nil {
		return nil, err
	}
	if !held && tx.meta[n] < mode {
		_, err := tx.ts.locks.Acquire(ctx, tx.owner, n.key(), mode, lock.Wait{Timeout: tx.o.MetaWait})
		if err != nil {
			return nil, tx.lockError(err)
		}
		if tx.meta == nil {
			tx.meta = make(map[metaName]lock.Mode)
		}
		tx.meta[n] = mode
	}
	return tx.Catalog().lookup(db, name)
}

// lockRows locks all rows of a table whose definition is locked.
func (tx *Tx) lockRows(ctx context.Context, t *Table, mode lock.Mode, w lock.Wait) error {
	_, err := tx.ts.locks.Acquire(ctx, tx.owner, metaName{t.schema.Database, t.schema.Name}.rows(), mode, w)
	return tx.lockError(err)
}
