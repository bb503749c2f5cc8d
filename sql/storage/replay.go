package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog"
	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/logfile"
	"binrelay/binlog/txn"
)

const (
	replayBatch = 4 << 20 // bytes of one batch of replay
	errantDir   = "#errant"
)

// Replay cuts what does not belong to the tail from both logs, applies the tail
// to the store and opens the Engine. It may be repeated after a crash at any
// point. ctx ends it between transactions.
func (r *Recovery) Replay(ctx context.Context) (_ *Engine, err error) {
	e := r.e
	if e == nil {
		return nil, ErrClosed
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	e.tables = newTables(e)
	e.hooks = e.tables
	if e.o.hooks != nil {
		e.hooks = e.o.hooks(e)
	}
	if err := e.tables.clearScratch(); err != nil {
		return nil, err
	}
	if err := e.hooks.load(); err != nil {
		return nil, fmt.Errorf("load the catalog: %w", err)
	}
	if err := r.cut(); err != nil {
		return nil, err
	}
	if err := r.syncTail(); err != nil {
		return nil, err
	}
	if err := r.apply(ctx); err != nil {
		return nil, err
	}
	if err := r.closeScanner(); err != nil {
		return nil, err
	}
	if err := r.checkGTIDs(); err != nil {
		return nil, err
	}
	if err := r.openLogs(); err != nil {
		return nil, err
	}
	r.e = nil
	return e, nil
}

// cut saves and removes what stands behind the run: first the binlog, then the
// local log. An intent makes a crash in between repeatable: the rest of what is
// half gone would look like damage.
func (r *Recovery) cut() error {
	if r.cutting {
		// Their names would be passed over, and replicas may be waiting there.
		if err := errors.Join(r.binIndex.RemoveUnnamed(), r.localIndex.RemoveUnnamed()); err != nil {
			return fmt.Errorf("finish the cut: %w", err)
		}
	}
	if !r.mustCut() {
		return nil
	}
	e := r.e
	bin, local := r.ends()
	if err := e.db.Set(keyCut, binary.BigEndian.AppendUint64(nil, uint64(r.tail.end)), pebble.NoSync); err != nil {
		return fmt.Errorf("note the cut: %w", err)
	}
	if err := e.tryFlush(context.Background()); err != nil {
		return fmt.Errorf("note the cut: %w", err)
	}
	e.log.Warn("cutting the logs behind the last whole group",
		"csn", r.tail.end, "binlog", bin.File, "binlog_pos", bin.Pos, "local", local.File, "local_pos", local.Pos)
	for _, l := range []struct {
		x  *logfile.Index
		at txn.Coord
	}{{r.binIndex, bin}, {r.localIndex, local}} {
		if l.at.IsZero() || !l.x.Has(l.at.File) {
			continue
		}
		if err := e.saveErrant(l.x, l.at, r.tail.end+1); err != nil {
			return fmt.Errorf("save what is cut: %w", err)
		}
		if err := binlog.Cut(l.x, l.at); err != nil {
			return err
		}
	}
	return nil
}

// saveErrant copies what a cut removes to <datadir>/#errant/<csn>/<log file>:
// each with the head of its file, so that mysqlbinlog reads it. Binlog files
// hold everything behind the cut; the places inside them are not those of the
// original.
func (e *Engine) saveErrant(x *logfile.Index, at txn.Coord, csn txn.CSN) error {
	from := int64(at.Pos)
	dir := e.fs.PathJoin(e.o.Dir, errantDir, fmt.Sprintf("%020d", uint64(csn)))
	begun := false
	for _, name := range x.Files() {
		if name == at.File {
			begun = true
		}
		if !begun {
			continue
		}
		size, err := x.Size(name)
		if err != nil {
			return err
		}
		if size > from {
			if err := logfile.EnsureDir(e.fs, e.fs.PathJoin(e.o.Dir, errantDir)); err != nil {
				return err
			}
			if err := logfile.EnsureDir(e.fs, dir); err != nil {
				return err
			}
			if err := copyTail(x, name, from, e.fs, e.fs.PathJoin(dir, name)); err != nil {
				return err
			}
		}
		from = logfile.MagicSize
	}
	if !begun {
		return nil
	}
	if _, err := e.fs.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return logfile.SyncDir(e.fs, dir)
}

// copyTail writes a file's head (magic and Format_description) and its bytes
// from an offset on to a new file, durably.
func copyTail(x *logfile.Index, name string, from int64, to vfs.FS, path string) (err error) {
	src, err := x.FS().Open(x.Path(name))
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := to.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	head := int64(logfile.MagicSize)
	if from > head {
		var h [event.HeaderSize]byte
		if _, err := src.ReadAt(h[:], head); err != nil {
			return err
		}
		head += int64(event.Event(h[:]).Size())
	}
	info, err := src.Stat()
	if err != nil {
		return err
	}
	for _, part := range []io.Reader{
		io.NewSectionReader(src, 0, min(head, from)),
		io.NewSectionReader(src, from, info.Size()-from),
	} {
		if _, err := io.Copy(writerOnly{dst}, part); err != nil {
			return err
		}
	}
	return dst.Sync()
}

// writerOnly hides everything of a file but Write.
type writerOnly struct{ io.Writer }

// syncTail makes the tail durable before the store may be ahead of it: after a
// kill its newest bytes may be in the system's cache only.
func (r *Recovery) syncTail() error {
	for _, l := range []struct {
		x  *logfile.Index
		at txn.Coord
	}{{r.binIndex, r.at.bin}, {r.localIndex, r.at.local}} {
		for _, name := range l.x.Files() {
			if (txn.Coord{File: name}).Less(txn.Coord{File: l.at.File}) {
				continue
			}
			if err := syncFile(l.x.FS(), l.x.Path(name)); err != nil {
				return fmt.Errorf("sync %s: %w", name, err)
			}
		}
	}
	return nil
}

func syncFile(fs vfs.FS, path string) error {
	f, err := fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// apply redoes the run in batches.
func (r *Recovery) apply(ctx context.Context) error {
	e := r.e
	if len(r.tail.steps) > 0 {
		e.log.Info("replaying the logs", "from", r.at.csn, "to", r.tail.end, "transactions", len(r.tail.steps))
	}
	gtids, err := readGTIDs(e.db)
	if err != nil {
		return err
	}
	w := &replay{r: r, gtids: gtid.NewBuilder(gtids), at: r.at}
	w.at.clean = false
	w.b = e.db.NewIndexedBatch()
	defer func() { _ = w.b.Close() }() // only frees memory
	defer func() { w.freeLarge() }()
	for _, s := range r.tail.steps {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if r.stepBytes(s) > e.tables.spillBytes() {
			err = w.largeStep(ctx, s)
		} else {
			err = w.step(s)
		}
		if err != nil {
			return fmt.Errorf("replay record %d: %w", r.stepCSN(s), err)
		}
		if w.b.Len() < replayBatch {
			continue
		}
		if err := w.flush(); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	r.at = w.at
	sweep := e.db.NewBatch()
	defer sweep.Close()
	if err := e.hooks.sweep(sweep); err != nil {
		return fmt.Errorf("sweep dead tables: %w", err)
	}
	if sweep.Empty() {
		return nil
	}
	if err := setCoord(sweep, &r.at); err != nil {
		return err
	}
	return e.db.Apply(sweep, pebble.NoSync)
}

// replay redoes transactions in order.
type replay struct {
	r     *Recovery
	b     *pebble.Batch
	gtids *gtid.Builder
	uuids []gtid.UUID // whose GTIDs changed since the last flush
	at    coordinate
	large *overlay // rows of the transaction at hand, when it is large; else nil
}

// stepBytes returns the bytes of a transaction in the logs.
func (r *Recovery) stepBytes(s tailStep) (n int64) {
	if s.bin >= 0 {
		n += int64(r.bin[s.bin].End.Pos - r.bin[s.bin].Start.Pos)
	}
	if s.local >= 0 {
		n += int64(r.local[s.local].end.Pos - r.local[s.local].start.Pos)
	}
	return n
}

// largeStep redoes a transaction that does not fit into memory: alone, and by
// an ingest.
func (w *replay) largeStep(ctx context.Context, s tailStep) error {
	if err := w.flush(); err != nil {
		return err
	}
	w.large = new(overlay)
	w.large.init()
	if err := w.step(s); err != nil {
		return err
	}
	if w.large.empty() { // a statement of many changes to the catalog
		w.freeLarge()
		return nil
	}
	rows, _, _, err := w.large.writeTables(ctx, w.r.e.tables)
	if err != nil {
		return err
	}
	w.freeLarge()
	err = w.put(func(b *pebble.Batch) error { return w.r.e.ingest(rows, b) })
	if err != nil {
		rows.discard()
	}
	return err
}

func (w *replay) freeLarge() {
	if w.large != nil {
		w.large.free()
		w.large = nil
	}
}

// step redoes one transaction: first what its local half says of the catalog.
func (w *replay) step(s tailStep) error {
	csn := w.r.stepCSN(s)
	var t *binlog.ScannedTxn
	if s.bin >= 0 {
		t = w.r.bin[s.bin]
	}
	if s.local >= 0 {
		l := &w.r.local[s.local]
		if err := w.local(l, csn); err != nil {
			return err
		}
		w.at.local = l.end
		w.at.bytes += l.end.Pos - l.start.Pos
	}
	if t != nil {
		if err := w.rows(t, csn); err != nil {
			return err
		}
		w.addGTID(t.GTID)
		w.at.bin = t.End
		w.at.bytes += t.End.Pos - t.Start.Pos
	}
	w.at.csn = csn
	return nil
}

func (w *replay) rows(t *binlog.ScannedTxn, csn txn.CSN) error {
	if t.DDL {
		return nil // its local half says what it did
	}
	events, err := w.r.scanner.Events(t)
	if err != nil {
		return err
	}
	err = w.r.e.hooks.applyRecord(w.b, w.large, csn, events, t.Checksum)
	return errors.Join(err, events.Close())
}

func (w *replay) local(l *localRecord, csn txn.CSN) error {
	x := w.r.localIndex
	events := &fileEvents{fs: x.FS(), path: x.Path(l.start.File), from: int64(l.start.Pos) + localHeaderSize, to: int64(l.end.Pos)}
	defer events.Close()
	ev, err := events.Next()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err == nil && ev.Type() == event.LocalKV {
		kv, err := decodeLocalKV(ev)
		if err != nil {
			return err
		}
		if err := w.changes(&kv); err != nil {
			return err
		}
		events.from += int64(len(ev))
	}
	if err := events.Rewind(); err != nil {
		return err
	}
	if events.from == events.to {
		return nil
	}
	return w.r.e.hooks.applyRecord(w.b, w.large, csn, events, true)
}

// changes redoes a LOCAL_KV event.
func (w *replay) changes(l *localKV) error {
	e := w.r.e
	if id := uint64(l.nextID); id > e.nextID.Load() {
		e.nextID.Store(id)
	}
	for _, kv := range l.kv {
		if err := setMeta(w.b, kv); err != nil {
			return err
		}
	}
	if len(l.kv) > 0 {
		if err := e.hooks.applyKV(l.kv); err != nil {
			return fmt.Errorf("redo catalog changes: %w", err)
		}
	}
	for _, id := range l.drops {
		if err := e.hooks.dropID(w.b, id); err != nil {
			return fmt.Errorf("drop id %d: %w", id, err)
		}
	}
	if l.origin == nil {
		return nil
	}
	w.addGTID(l.origin.GTID)
	return w.b.Set(replKey(l.origin.Channel), appendOrigin(nil, l.origin), nil)
}

func (w *replay) addGTID(g gtid.GTID) {
	if w.gtids.Add(g) {
		w.uuids = append(w.uuids, g.UUID)
	}
}

// flush applies the batch with the coordinate it reaches.
func (w *replay) flush() error {
	if w.at.csn == w.r.at.csn && w.b.Empty() {
		return nil
	}
	return w.put(func(b *pebble.Batch) error { return w.r.e.db.Apply(b, pebble.NoSync) })
}

// put completes the batch and has it applied.
func (w *replay) put(apply func(*pebble.Batch) error) error {
	e := w.r.e
	done := map[gtid.UUID]bool{}
	for _, u := range w.uuids {
		if done[u] {
			continue
		}
		done[u] = true
		if err := setGTIDs(w.b, w.gtids.Set(), u); err != nil {
			return err
		}
	}
	w.uuids = w.uuids[:0]
	w.at.nextID = TableID(e.nextID.Load())
	if err := setCoord(w.b, &w.at); err != nil {
		return err
	}
	if err := apply(w.b); err != nil {
		return fmt.Errorf("apply replayed records: %w", err)
	}
	if err := w.b.Close(); err != nil {
		return err
	}
	w.b = e.db.NewIndexedBatch()
	return nil
}

// checkGTIDs asserts that gtid_executed holds all that the newest binlog file
// knows of.
func (r *Recovery) checkGTIDs() error {
	last, ok := r.binIndex.Last()
	if !ok || r.at.bin.IsZero() {
		return nil
	}
	have, err := readGTIDs(r.e.db)
	if err != nil {
		return err
	}
	previous, own, err := binlog.GTIDsOf(r.binIndex, last)
	if err != nil {
		return err
	}
	if missing := previous.Union(own).Subtract(have); !missing.IsEmpty() {
		return &DamageError{File: last, Offset: logfile.MagicSize, Err: fmt.Errorf("the store lacks GTIDs that the binlog holds: %s", missing)}
	}
	return nil
}

// openLogs begins new files in both logs and starts the Committer. What it
// changes is durable before anything is logged.
func (r *Recovery) openLogs() (err error) {
	e := r.e
	gtids, err := readGTIDs(e.db)
	if err != nil {
		return err
	}
	synced := e.o.SyncBinlog() == 1
	now := func() uint32 { return uint32(e.o.Now().Unix()) }
	if e.local, err = openLocalLog(r.localIndex, e.o.ServerID(), now, r.at.csn, synced); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.local.close())
		}
	}()
	v := &visibleState{csn: r.at.csn, gtids: gtids}
	if e.o.LogBin() {
		bo := e.o.Binlog
		if bo.PreviousGTIDs == nil {
			bo.PreviousGTIDs = func() gtid.Set {
				if c := e.serving.Load(); c != nil {
					return c.visible.Load().gtids
				}
				return gtids
			}
		}
		if e.bin, err = binlog.Open(bo); err != nil {
			return fmt.Errorf("open the binlog: %w", err)
		}
		v.coord = e.bin.End()
		e.bin.SetSent(v.coord)
	}
	e.cm = newCommitter(e, v, r.at.bytes, synced)
	e.serving.Store(e.cm)
	err = e.applyCoord(false, func(b *pebble.Batch) error {
		return errors.Join(b.Delete(keyCut, nil), b.Set(keyFormat, []byte(formatVersion), nil))
	})
	if err == nil {
		err = e.tryFlush(context.Background())
	}
	if err == nil {
		e.tail.bytes.Store(r.at.bytes)
		err = e.tail.refresh()
	}
	if err != nil {
		e.cm.stop()
		if e.bin != nil {
			err = errors.Join(err, e.bin.Close())
		}
		return err
	}
	e.cm.wg.Add(2)
	go func() { defer e.cm.wg.Done(); e.tail.run(e.cm.life) }()
	go func() { defer e.cm.wg.Done(); e.cm.syncByTimer(e.cm.life) }()
	return nil
}
