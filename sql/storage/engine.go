package storage

import (
	"context"
	"log/slog"
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
	SyncBinlog  func() int           // sync_binlog; nil = 1
	GTIDMode    func() bool          // gtid_mode = ON; nil = off
	ServerUUID  gtid.UUID
	ServerID    func() uint32 // nil = 1
	CacheSize   func() int64  // binlog_cache_size, bytes: events above it spill to a file; nil = 32 KiB
	MaxTxnBytes func() int64  // max_binlog_cache_size: larger transactions fail with ErrTooLarge; nil = 1 GiB
	Weigh       Weigh         // collation weights
	Acks        AckWaiter     // semi-sync; nil = asynchronous
	Logger      *slog.Logger  // nil = discard
	Fatal       func(error)   // called once, when durability can no longer be promised; nil = log and os.Exit(74)
	Now         func() time.Time
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
	o     Options
	fs    vfs.FS // o.FS
	log   *slog.Logger
	db    *pebble.DB
	bin   *binlog.Log // nil when log_bin = OFF
	local *localLog
	cm    *committer

	// nextID is the next free TableID. The transaction half takes ids by
	// nextID.Add; every batch's coordinate carries it. Ids above it are swept
	// at the next start.
	nextID atomic.Uint64

	tables *tables // the transaction half: catalog, locks, counters
	hooks  tableHooks

	closeOnce sync.Once
	closeErr  error
}

// Binlog returns the binlog for dumpers and SHOW statements, nil when log_bin
// is OFF.
func (e *Engine) Binlog() *binlog.Log { return e.bin }

// Visible returns the newest visible commit: its number, the binlog coordinate
// after it, and gtid_executed.
func (e *Engine) Visible() (txn.CSN, txn.Coord, gtid.Set) { panic("soon") }

// WaitVisible returns when all of s is visible, or with ctx's error.
func (e *Engine) WaitVisible(ctx context.Context, s gtid.Set) error { panic("soon") }

// Freeze closes the queue and waits until all that is logged is visible: FLUSH
// TABLES WITH READ LOCK, clone. Commits wait until thaw is called; it may be
// called more than once. Several may hold it at a time.
func (e *Engine) Freeze(ctx context.Context) (thaw func(), at txn.Coord, err error) { panic("soon") }

// Rotate begins a new binlog file (FLUSH BINARY LOGS).
func (e *Engine) Rotate(ctx context.Context) error { panic("soon") }

// PurgeTo removes binlog files before the named one, as binlog.Log.PurgeTo
// does, and keeps what recovery needs.
func (e *Engine) PurgeTo(ctx context.Context, file string, keep func(file string) bool) (binlog.PurgeResult, error) {
	panic("soon")
}

// PurgeBefore removes binlog files last written before t.
func (e *Engine) PurgeBefore(ctx context.Context, t time.Time, keep func(file string) bool) (binlog.PurgeResult, error) {
	panic("soon")
}

// ResetMaster deletes all binlog files and empties gtid_executed (RESET
// MASTER). Commit numbers go on.
func (e *Engine) ResetMaster(ctx context.Context) error { panic("soon") }

// Close ends the queue, writes the Stop event, flushes and closes the store.
// Transactions that are still waiting fail with ErrClosed.
func (e *Engine) Close(ctx context.Context) error { panic("soon") }

// GetKV reads a setting; ok is false if there is none.
func (e *Engine) GetKV(key string) (value []byte, ok bool, err error) { panic("soon") }

// ScanKV calls fn for each setting whose key begins with prefix, in key order.
// v is valid during the call.
func (e *Engine) ScanKV(prefix string, fn func(key string, v []byte) error) error { panic("soon") }

// PutKV changes settings durably, in one private record.
func (e *Engine) PutKV(ctx context.Context, kv ...KV) error { panic("soon") }
