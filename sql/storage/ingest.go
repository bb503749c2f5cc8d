package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/txn"
)

// largeRows are the rows of a transaction that does not fit into memory, as
// sorted tables which its commit puts into the store with one ingest. They are
// written and synced before the transaction is sequenced, so that a full disk
// refuses it; their stamp is a tag, because it has no number then.
type largeRows struct {
	fs    vfs.FS
	paths []string
	bytes int64
	tag   txn.CSN
}

// discard removes the files. nil has none.
func (l *largeRows) discard() {
	if l == nil {
		return
	}
	for _, p := range l.paths {
		_ = l.fs.Remove(p)
	}
	l.paths = nil
}

// tagBit tells a tag from a CSN in the stamp of a row.
const tagBit = 1 << 63

// tags knows the commits that stamped their rows with a tag since the start,
// and are newer than the oldest view. Any other tag is older than all views.
type tags struct {
	mu sync.RWMutex
	m  map[txn.CSN]txn.CSN
}

// maxTags is how many tags are remembered before it is looked which of them
// are still needed.
const maxTags = 256

func newTag() txn.CSN { return tagBit | txn.CSN(rand.Uint64()) }

// note remembers the number of a commit that is about to be visible.
func (t *tags) note(tag, csn txn.CSN, views *viewSet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil {
		t.m = make(map[txn.CSN]txn.CSN)
	}
	if len(t.m) >= maxTags {
		oldest, ok := views.oldest()
		for k, c := range t.m {
			if !ok || c <= oldest {
				delete(t.m, k)
			}
		}
	}
	t.m[tag] = csn
}

// stampOf returns the number of the commit that wrote a row, from its value; 0
// when it is older than every view.
func (ts *tables) stampOf(value []byte) txn.CSN {
	s := rawStamp(value)
	if s&tagBit == 0 {
		return s
	}
	ts.tags.mu.RLock()
	defer ts.tags.mu.RUnlock()
	return ts.tags.m[s]
}

// tableWriter writes sorted tables for the store. Keys come in order. Of each
// space there are tables of its own, so that none overlaps the one with the
// coordinate.
type tableWriter struct {
	ts    *tables
	rows  *largeRows
	limit uint64 // bytes of one table
	w     *sstable.Writer
	space byte
	buf   []byte
}

func (ts *tables) newTableWriter() *tableWriter {
	return &tableWriter{ts: ts, rows: &largeRows{fs: ts.e.fs, tag: newTag()}, limit: uint64(ts.spillBytes())}
}

// next returns the writer for a key.
func (t *tableWriter) next(key []byte) (*sstable.Writer, error) {
	if t.w != nil && (key[0] != t.space || t.w.Raw().EstimatedSize() >= t.limit) {
		if err := t.finish(); err != nil {
			return nil, err
		}
	}
	if t.w == nil {
		fs, name := t.ts.scratchFile()
		f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
		if err != nil {
			return nil, spillError(err)
		}
		t.rows.paths = append(t.rows.paths, name)
		t.w = sstable.NewWriter(objstorageprovider.NewFileWritable(f), t.ts.e.tableOptions())
		t.space = key[0]
	}
	return t.w, nil
}

// set adds a key; a row gets its stamp.
func (t *tableWriter) set(key, value []byte) error {
	w, err := t.next(key)
	if err != nil {
		return err
	}
	if key[0] == rowSpace {
		t.buf = append(t.buf[:0], value...)
		putStamp(t.buf, t.rows.tag)
		value = t.buf
	}
	if err := w.Set(key, value); err != nil {
		return spillError(err)
	}
	return nil
}

func (t *tableWriter) del(key []byte) error {
	w, err := t.next(key)
	if err == nil {
		if err = w.Delete(key); err != nil {
			err = spillError(err)
		}
	}
	return err
}

// finish makes the open table durable.
func (t *tableWriter) finish() error {
	if t.w == nil {
		return nil
	}
	err := t.w.Close() // syncs the file
	if err == nil {
		var m *sstable.WriterMetadata
		if m, err = t.w.Metadata(); err == nil {
			t.rows.bytes += int64(m.Size)
		}
	}
	t.w = nil
	if err != nil {
		return spillError(err)
	}
	return nil
}

// abort gives up what was written.
func (t *tableWriter) abort() {
	if t.w != nil {
		_ = t.w.Close()
		t.w = nil
	}
	t.rows.discard()
}

// tableOptions are those of the store's own tables.
func (e *Engine) tableOptions() sstable.WriterOptions {
	return e.dbOptions.MakeWriterOptions(0, e.db.TableFormat())
}

// writeTables writes everything in the overlay as tables for an ingest. It
// returns the key hashes of deleted rows, as far as they can be remembered;
// many says that there are more.
func (o *overlay) writeTables(ctx context.Context, ts *tables) (rows *largeRows, deleted []uint64, many bool, err error) {
	t := ts.newTableWriter()
	c := cursor{o: o}
	c.seek(nil)
	for n := 1; c.key != nil && err == nil; n++ {
		if v := c.version(all); v == nil || v.del && v.fresh {
		} else if v.del {
			if c.key[0] == rowSpace {
				if many = many || len(deleted) == maxDeletes/2; !many {
					deleted = append(deleted, hash64(c.key))
				}
			}
			err = t.del(c.key)
		} else {
			err = t.set(c.key, v.value)
		}
		if c.step(); n&0xfff == 0 && err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
	}
	err = errors.Join(err, o.err)
	if err == nil {
		err = t.finish()
	}
	if err != nil {
		t.abort()
		return nil, nil, false, err
	}
	return t.rows, deleted, many, nil
}

// ingest puts rows and what is in b, which are m| changes with the coordinate,
// into the store at once and in the order of batches: the table with the
// coordinate always overlaps the newest memtable, so that the store queues all
// of them behind it.
func (e *Engine) ingest(rows *largeRows, b *pebble.Batch) error {
	meta, err := e.writeMeta(b)
	if err != nil {
		return fmt.Errorf("write table of the coordinate: %w", err)
	}
	if err := e.db.Ingest(context.Background(), append(slices.Clone(rows.paths), meta)); err != nil {
		return fmt.Errorf("ingest tables: %w", err)
	}
	rows.paths = nil // the store has taken them
	return nil
}

// writeMeta writes a batch of single keys as a table.
func (e *Engine) writeMeta(b *pebble.Batch) (path string, err error) {
	type op struct {
		kind       pebble.InternalKeyKind
		key, value []byte
	}
	var ops []op
	for r := b.Reader(); len(r) > 0; {
		kind, key, value, ok, err := r.Next()
		if err != nil || !ok {
			return "", errors.Join(err, errors.New("malformed batch"))
		}
		ops = append(ops, op{kind, key, value})
	}
	slices.SortStableFunc(ops, func(a, b op) int { return bytes.Compare(a.key, b.key) })
	fs, path := e.tables.scratchFile()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return "", err
	}
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(f), e.tableOptions())
	for i, o := range ops {
		if i+1 < len(ops) && bytes.Equal(o.key, ops[i+1].key) {
			continue // written again
		}
		switch o.kind {
		case pebble.InternalKeyKindSet:
			err = errors.Join(err, w.Set(o.key, o.value))
		case pebble.InternalKeyKindMerge:
			err = errors.Join(err, w.Merge(o.key, o.value))
		case pebble.InternalKeyKindDelete:
			err = errors.Join(err, w.Delete(o.key))
		default:
			err = errors.Join(err, fmt.Errorf("key of kind %d", o.kind))
		}
	}
	return path, errors.Join(err, w.Close())
}
