package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog"
	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
)

// Options configure an Engine. Dir is required; the zero value of everything
// else works. Functions are asked each time the value is needed, so that they
// may answer from live system variables; they must not block.
type Options struct {
	FS            vfs.FS // of the store and both logs; nil = vfs.Default
	Dir           string // data directory, created when missing: #store, #local
	CacheBytes    int64  // Pebble's block cache; 0 = 64 MiB
	MemTableBytes uint64 // size of a memtable; 0 = 32 MiB

	// Binlog says where the binlog is and how its events look. FS, Dir,
	// ServerID, PreviousGTIDs, Now and Logger are filled in from these Options
	// where they are not set.
	Binlog binlog.Options
	// LogBin is log_bin: false makes every transaction private. It is asked
	// once, when the Engine opens, and then by the transactions. nil = true.
	LogBin      func() bool
	LogDatabase func(db string) bool // binlog_do_db, binlog_ignore_db; nil = all
	// LogReplicaUpdates is log_replica_updates: false keeps replicated
	// transactions out of the own binlog. nil = true.
	LogReplicaUpdates func() bool
	LockWait          func() time.Duration // innodb_lock_wait_timeout of appliers; nil = 50 s
	SyncBinlog        func() int           // sync_binlog; nil = 1
	GTIDMode          func() bool          // gtid_mode = ON; nil = off
	ServerUUID        gtid.UUID
	ServerID          func() uint32 // nil = 1
	CacheSize         func() int64  // binlog_cache_size, bytes: events above it spill to a file; nil = 32 KiB
	SpillBytes        int64         // memory of a transaction's changes, bytes: what is above spills to files; 0 = 32 MiB
	MaxTxnBytes       func() int64  // max_binlog_cache_size: larger transactions fail with ErrTooLarge; nil = 1 GiB
	Weigh             Weigh         // collation weights
	// DefaultRow returns the image of a row of defaults, for replicated rows that
	// lack columns. It must not depend on anything but the definition. nil = not
	// known: NULLs, and zero values where there can be none.
	DefaultRow func(s *Schema) ([]byte, error)
	Acks       AckWaiter    // semi-sync; nil = asynchronous
	Logger     *slog.Logger // nil = discard
	Fatal      func(error)  // called once, when durability can no longer be promised; nil = log and os.Exit(74)
	Now        func() time.Time

	storeOptions func(*pebble.Options)    // tests: changes the store's options
	scanRefresh  time.Duration            // tests: takes the place of refreshAfter
	flushTail    uint64                   // tests: takes the place of the constant
	hooks        func(*Engine) tableHooks // tests: takes the place of the transaction half
}

// AckWaiter is semi-synchronous replication as the Committer sees it. AfterSync
// tells whether replicas acknowledge before a group becomes visible
// (rpl_semi_sync_source_wait_point); WaitAck then returns when the group that
// ends at end is acknowledged, or when waiting is off or was given up. Without
// AfterSync it is asked after the group became visible, before the answer.
type AckWaiter interface {
	AfterSync() bool
	WaitAck(ctx context.Context, end txn.Coord) error
}

// KV is a setting: a key, and an opaque value that Value nil deletes. Keys of
// GetKV, ScanKV and PutKV are namespace/name. In pending.kv and the hooks the
// key is the whole store key without its leading m| (so settings are kv|…).
type KV struct {
	Key   string
	Value []byte
}

// Engine is the store: tables, settings, both logs and the way of a commit.
// Safe for concurrent use.
type Engine struct {
	o         Options
	fs        vfs.FS // o.FS
	log       *slog.Logger
	db        *pebble.DB
	dbOptions *pebble.Options // of db
	bin       *binlog.Log     // nil when log_bin = OFF
	local     *localLog
	cm        *committer

	// nextID is the next free TableID. The transaction half takes ids by
	// nextID.Add; every batch's coordinate carries it. Ids above it are swept
	// at the next start.
	nextID atomic.Uint64

	tables *tables // the transaction half: catalog, locks, counters
	hooks  tableHooks

	tail    *tailState                // the logs behind the durable store
	serving atomic.Pointer[committer] // cm, for those who run before it is there
	lock    *pebble.Lock              // of the data directory
	adminMu sync.Mutex                // one of Rotate, ResetMaster, Close, … at a time

	closeOnce sync.Once
	closeErr  error
}

// Binlog returns the binlog for dumpers and SHOW statements, nil when log_bin
// is OFF.
func (e *Engine) Binlog() *binlog.Log { return e.bin }

// Close ends the queue, writes the Stop event, and flushes and closes the store
// with a mark that says so. Transactions that are still waiting fail with
// ErrClosed. When ctx ends first (a full disk), the store is left as after a
// crash, and ctx's error is returned. Repeated calls return the first result.
func (e *Engine) Close(ctx context.Context) error {
	e.closeOnce.Do(func() { e.closeErr = e.close(ctx) })
	return e.closeErr
}

func (e *Engine) close(ctx context.Context) error {
	e.adminMu.Lock()
	defer e.adminMu.Unlock()
	e.cm.refuse(ErrClosed)
	if err := e.cm.hold(ctx); err != nil {
		return err
	}
	e.cm.stop()
	if e.cm.dead() {
		return errors.Join(e.cm.failure(), e.closeStore())
	}
	e.cm.logMu.Lock()
	// Once the logs are closed, the store's barrier must find nothing to sync.
	err := e.cm.syncLogs()
	if err == nil {
		err = e.closeLogs()
	}
	e.cm.logMu.Unlock()
	if err != nil { // no clean stop: the next start replays the tail
		return errors.Join(err, e.closeStore())
	}
	if err := e.applyCoord(true, nil); err != nil {
		return errors.Join(err, e.closeStore())
	}
	if err := e.flushStore(ctx); err != nil {
		return err
	}
	return e.closeStore()
}

func (e *Engine) closeLogs() error {
	var err error
	if e.bin != nil {
		err = e.bin.Close()
	}
	return errors.Join(err, e.local.close())
}

// GetKV reads a setting; ok is false if there is none.
func (e *Engine) GetKV(key string) (value []byte, ok bool, err error) {
	return getCopy(e.db, metaKey(kvPrefix+key))
}

// ScanKV calls fn for each setting whose key begins with prefix, in key order.
// v is valid during the call.
func (e *Engine) ScanKV(prefix string, fn func(key string, v []byte) error) error {
	low := metaKey(kvPrefix + prefix)
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: prefixEnd(low)})
	if err != nil {
		return fmt.Errorf("scan settings: %w", err)
	}
	defer it.Close()
	for it.First(); it.Valid(); it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return fmt.Errorf("scan settings: %w", err)
		}
		if err := fn(string(it.Key()[len(metaPrefix)+len(kvPrefix):]), v); err != nil {
			return err
		}
	}
	return it.Error()
}

// PutKV changes settings durably, in one private record.
func (e *Engine) PutKV(ctx context.Context, kv ...KV) error {
	if len(kv) == 0 {
		return nil
	}
	p := &pending{batch: e.db.NewBatch()}
	for _, s := range kv {
		s.Key = kvPrefix + s.Key
		p.kv = append(p.kv, s)
		if err := setMeta(p.batch, s); err != nil {
			return err
		}
	}
	return e.cm.commit(ctx, p).Err
}

// setMeta makes one m| change.
func setMeta(b *pebble.Batch, kv KV) error {
	if kv.Value == nil {
		return b.Delete(metaKey(kv.Key), nil)
	}
	if strings.HasPrefix(kv.Key, counterPrefix) { // the greatest counts
		return b.Merge(metaKey(kv.Key), kv.Value, nil)
	}
	return b.Set(metaKey(kv.Key), kv.Value, nil)
}
