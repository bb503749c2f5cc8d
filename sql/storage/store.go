package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/logfile"
)

const (
	defaultCacheBytes    = 64 << 20
	defaultMemTableBytes = 32 << 20
	exitFatal            = 74 // EX_IOERR: durability can no longer be promised
)

// fill sets what is not set.
func (o Options) fill() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.CacheBytes <= 0 {
		o.CacheBytes = defaultCacheBytes
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = defaultMemTableBytes
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.LogBin == nil {
		o.LogBin = func() bool { return true }
	}
	if o.LogDatabase == nil {
		o.LogDatabase = func(string) bool { return true }
	}
	if o.SyncBinlog == nil {
		o.SyncBinlog = func() int { return 1 }
	}
	if o.GTIDMode == nil {
		o.GTIDMode = func() bool { return false }
	}
	if o.ServerID == nil {
		o.ServerID = func() uint32 { return 1 }
	}
	if o.CacheSize == nil {
		o.CacheSize = func() int64 { return 32 << 10 }
	}
	if o.MaxTxnBytes == nil {
		o.MaxTxnBytes = func() int64 { return 1 << 30 }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Fatal == nil {
		log := o.Logger
		o.Fatal = func(err error) {
			log.Error("the server ends, because durability can no longer be promised", "err", err)
			os.Exit(exitFatal)
		}
	}
	if o.Binlog.FS == nil {
		o.Binlog.FS = o.FS
	}
	if o.Binlog.Dir == "" {
		o.Binlog.Dir = o.Dir
	}
	if o.Binlog.Base == "" {
		o.Binlog.Base = "binlog"
	}
	if o.Binlog.ServerID == nil {
		o.Binlog.ServerID = o.ServerID
	}
	if o.Binlog.ServerVersion == "" {
		o.Binlog.ServerVersion = "8.0.36-binrelay"
	}
	if o.Binlog.Now == nil {
		o.Binlog.Now = o.Now
	}
	if o.Binlog.Logger == nil {
		o.Binlog.Logger = o.Logger
	}
	return o
}

// openStore locks the data directory and opens Pebble in it. The lock is
// Pebble's own; it lasts until the store is closed.
func (e *Engine) openStore() error {
	dir := e.fs.PathJoin(e.o.Dir, "#store")
	if err := e.fs.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("create data directory: %w", err)
	}
	lock, err := pebble.LockDirectory(dir, e.fs)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrInUse, e.o.Dir, err)
	}
	cache := pebble.NewCache(e.o.CacheBytes)
	defer cache.Unref()
	po := &pebble.Options{
		FS:                          &barrierFS{FS: e.fs, barrier: e.barrier, fatal: e.o.Fatal},
		Lock:                        lock,
		Cache:                       cache,
		DisableWAL:                  true, // the two logs are the only ones
		Merger:                      counterMerger,
		MemTableSize:                e.o.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		LBaseMaxBytes:               64 << 20,
		FormatMajorVersion:          pebble.FormatNewest,
		Logger:                      pebbleLogger{e.log, e.o.Fatal},
		EventListener: &pebble.EventListener{
			FlushEnd:        e.tail.flushEnd,
			BackgroundError: func(err error) { e.log.Warn("store: background work failed", "err", err) },
			DataCorruption: func(i pebble.DataCorruptionInfo) {
				e.log.Error("store: damaged file", "file", i.Path, "err", i.Details)
			},
		},
	}
	po.CompactionConcurrencyRange = func() (int, int) { return 1, 2 }
	for i := range po.Levels {
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	if e.o.storeOptions != nil {
		e.o.storeOptions(po)
	}
	po.EnsureDefaults()
	db, err := pebble.Open(dir, po)
	if err != nil {
		return errors.Join(fmt.Errorf("open the store: %w", err), lock.Close())
	}
	e.db, e.dbOptions, e.lock = db, po, lock
	return e.checkFormat()
}

// closeStore closes Pebble and unlocks the data directory.
func (e *Engine) closeStore() error {
	return errors.Join(e.db.Close(), e.lock.Close())
}

// checkFormat refuses a store of another format. A new one gets its version
// with the first coordinate.
func (e *Engine) checkFormat() error {
	found, ok, err := getCopy(e.db, keyFormat)
	if err == nil && !ok {
		_, ok, err = readCoord(e.db)
	}
	if err == nil && ok && string(found) != formatVersion {
		err = &FormatError{Found: string(found), Want: formatVersion}
	}
	if err != nil {
		return errors.Join(err, e.closeStore())
	}
	return nil
}

// getCopy reads a key; ok is false if it does not exist.
func getCopy(r pebble.Reader, key []byte) (v []byte, ok bool, err error) {
	b, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read %q: %w", key, err)
	}
	v = append([]byte{}, b...)
	return v, true, closer.Close()
}

// barrier runs before every write to a MANIFEST: what the store is about to
// make durable must be durable in the logs.
func (e *Engine) barrier() error {
	if c := e.serving.Load(); c != nil {
		return c.syncOutside()
	}
	return nil
}

// barrierFS calls barrier before each write to a MANIFEST file, and fatal when a
// directory cannot be synced.
type barrierFS struct {
	vfs.FS
	barrier func() error
	fatal   func(error)
}

// Create wraps MANIFEST files. A marker, which names the MANIFEST in use, is
// created only when the name of that MANIFEST is durable: a file system that
// kept the marker alone would leave a store that does not open.
func (b *barrierFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(b.FS.PathBase(name), "marker.") {
		if err := logfile.SyncDir(b.FS, b.FS.PathDir(name)); err != nil {
			return nil, err
		}
	}
	f, err := b.FS.Create(name, category)
	if err != nil || !strings.HasPrefix(b.FS.PathBase(name), "MANIFEST") {
		return f, err
	}
	return &barrierFile{f, b.barrier}, nil
}

// OpenDir wraps directories: Pebble panics when it cannot sync one.
func (b *barrierFS) OpenDir(name string) (vfs.File, error) {
	d, err := b.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &fatalDir{d, b.fatal}, nil
}

type fatalDir struct {
	vfs.File
	fatal func(error)
}

// Sync ends the process when it fails.
func (d *fatalDir) Sync() error {
	err := d.File.Sync()
	if err != nil {
		d.fatal(fmt.Errorf("store: sync the directory: %w", err))
	}
	return err
}

// Unwrap returns the file system below.
func (b *barrierFS) Unwrap() vfs.FS { return b.FS }

type barrierFile struct {
	vfs.File
	barrier func() error
}

// Write calls the barrier first.
func (f *barrierFile) Write(p []byte) (int, error) {
	if err := f.barrier(); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

// pebbleLogger passes on what the store reports and ends the process on what it
// takes for fatal.
type pebbleLogger struct {
	log   *slog.Logger
	fatal func(error)
}

// Infof is too chatty to keep.
func (l pebbleLogger) Infof(string, ...any) {}

// Errorf reports an error that the store goes on after.
func (l pebbleLogger) Errorf(format string, args ...any) {
	l.log.Warn("store", "msg", fmt.Sprintf(format, args...))
}

// Fatalf ends the process.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.fatal(fmt.Errorf("store: "+format, args...))
}
