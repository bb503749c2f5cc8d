package relaylog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/logfile"
	"binrelay/binlog/txn"
)

// defaultMaxSize is max_relay_log_size's default, in bytes.
const defaultMaxSize = 1 << 30

// Options says where the log is. Dir and ServerID are required.
type Options struct {
	FS            vfs.FS           // nil = vfs.Default
	Dir           string           // directory of files and index, created when missing
	Base          string           // base name of the files; "" = "relay-bin"
	ServerID      func() uint32    // the replica's
	ServerVersion string           // for our Format_description
	MaxSize       func() int64     // bytes after which a new file begins between transactions; nil = 1 GiB
	MaxEvent      int64            // 0 = logfile.DefaultMaxEvent
	Applied       string           // file that holds the end of what was applied: Open reads none before it; "" or unknown = all
	Now           func() time.Time // nil = time.Now
	Logger        *slog.Logger     // nil = discard
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Base == "" {
		o.Base = "relay-bin"
	}
	if o.ServerID == nil {
		o.ServerID = func() uint32 { return 0 }
	}
	if o.MaxSize == nil {
		o.MaxSize = func() int64 { return defaultMaxSize }
	}
	if o.MaxEvent <= 0 {
		o.MaxEvent = logfile.DefaultMaxEvent
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Log is one channel's relay log. Append, Ignore, Sync, Rotate, Reset and Close
// are called by one goroutine at a time (the Receiver, or the owner while it
// does not run); the rest may be called from anywhere at any time.
type Log struct {
	o Options
	x *logfile.Index

	// Touched by the appending goroutine only.
	w        *logfile.Writer // nil until the first event after Open or Reset
	format   event.Event     // the source's Format_description, end_log_pos 0
	checksum bool            // of the stream, as format says
	fresh    bool            // the next event begins a new file
	bound    Boundary
	pending  gtid.GTID // of the open transaction
	got      *gtid.Builder
	err      error // final

	mu        sync.Mutex // guards what follows; never held during I/O
	tail      *logfile.Tail
	source    txn.Coord
	synced    txn.Coord
	end       txn.Coord
	space     int64
	retrieved gtid.Set
	stale     bool          // got has more than retrieved
	waiting   int           // Readers that have read everything
	changed   chan struct{} // closed when space shrinks or a Reader waits; nil = nobody asks

	readers readerSet
}

// Append adds one event as it came from the source, which may be read at once.
// source is the coordinate behind the event in the source's log; for a Rotate
// it is the place the Rotate names. checksum says that ev ends in a CRC32. Its
// bytes are verified and stored unmodified, except:
//   - an artificial Rotate is not written by itself. If it names another place
//     than Source, what follows goes to a new file, whose header says so; an
//     open transaction is given up: the source starts it again
//   - a Format_description is written with end_log_pos 0, in a new file's
//     header, and left out if the file has that one already
//   - the source's Previous_gtids becomes a Rotate of server id 0, which only
//     moves the position
//
// A file ends after the source's Rotate, and between transactions when it has
// passed MaxSize. Heartbeats and malformed events are refused with ErrEvent.
// After a failed write the event is taken back and may be appended again when
// there is room; IsDiskFull tells.
func (l *Log) Append(ev event.Event, source txn.Coord, checksum bool) error {
	if l.err != nil {
		return l.err
	}
	if err := check(ev, checksum, l.o.MaxEvent); err != nil {
		return err
	}
	switch ev.Type() {
	case event.FormatDescription:
		return l.setFormat(ev)
	case event.PreviousGTIDs:
		return l.Ignore(source)
	case event.Rotate:
		if ev.Flags()&event.FlagArtificial != 0 {
			return l.setSource(source)
		}
	}
	ev, err := l.convert(ev, checksum)
	if err != nil {
		return err
	}
	if err := l.write(ev); err != nil {
		return err
	}
	l.follow(ev)
	l.advance(source)
	if ev.Type() == event.Rotate || !l.bound.Inside() && l.w.End() > l.o.MaxSize() {
		l.fresh = true
	}
	return nil
}

// convert gives ev the checksum that the source's Format_description promises.
// The two differ only in a source's first events after a change.
func (l *Log) convert(ev event.Event, checksum bool) (event.Event, error) {
	switch {
	case l.format == nil:
		return nil, fmt.Errorf("%w: type %d before a Format_description", ErrEvent, ev.Type())
	case checksum == l.checksum:
		return ev, nil
	case checksum:
		return event.StripChecksum(ev), nil
	}
	return event.AddChecksum(ev), nil
}

// setSource takes an artificial Rotate.
func (l *Log) setSource(source txn.Coord) error {
	if source.File == "" {
		return fmt.Errorf("%w: Rotate without a file", ErrEvent)
	}
	if source != l.Source() {
		l.fresh = true
		l.bound.Reset()
		l.pending = gtid.GTID{}
		l.advance(source)
	}
	return nil
}

// setFormat takes a Format_description. The source clears its created field
// when a dump starts behind it, so that this does not tell two apart.
func (l *Log) setFormat(ev event.Event) error {
	f, err := event.DecodeFormat(ev)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEvent, err)
	}
	if l.Source().IsZero() {
		return fmt.Errorf("%w: Format_description before a Rotate", ErrEvent)
	}
	format := append(event.Event(nil), ev...)
	event.SetEndPos(format, 0)
	event.SetFlags(format, format.Flags()&^(event.FlagInUse|event.FlagRelayLog))
	event.Recrc(format)
	changed := l.w == nil || f.Checksum != l.checksum || !sameFormat(format, l.format)
	if l.bound.Inside() { // the source goes on where it broke off
		if changed {
			return fmt.Errorf("%w: another Format_description within a transaction", ErrEvent)
		}
		return nil
	}
	l.fresh = l.fresh || changed
	l.format, l.checksum = format, f.Checksum
	if l.fresh {
		return l.begin()
	}
	return nil
}

// sameFormat compares what a reader of the events needs: everything but time,
// created and the checksum over them.
func sameFormat(a, b event.Event) bool {
	fa, errA := event.DecodeFormat(a)
	fb, errB := event.DecodeFormat(b)
	return errA == nil && errB == nil && a.ServerID() == b.ServerID() &&
		fa.ServerVersion == fb.ServerVersion && string(fa.PostHeader) == string(fb.PostHeader)
}

// Ignore notes that the source's events up to source were left out on purpose
// (IGNORE_SERVER_IDS): it writes a Rotate of server id 0 that moves the
// position, as mysqld does.
func (l *Log) Ignore(source txn.Coord) error {
	if l.err != nil {
		return l.err
	}
	if l.format == nil || source.File == "" {
		return fmt.Errorf("%w: no place in the source's log is known", ErrEvent)
	}
	h := event.Header{Timestamp: uint32(l.o.Now().Unix()), Flags: event.FlagArtificial}
	ev := event.Finish(event.AppendRotate(nil, h, source.Pos, source.File), 0, l.checksum)
	if err := l.write(ev); err != nil {
		return err
	}
	l.advance(source)
	return nil
}

// write appends ev to the file, or to a new one, and shows it to Readers.
func (l *Log) write(ev event.Event) error {
	if l.w == nil || l.fresh && !l.bound.Inside() {
		if err := l.begin(); err != nil {
			return err
		}
	}
	before := l.w.End()
	err := l.w.Preallocate(int64(len(ev)))
	if err == nil {
		err = l.w.Write(ev)
	}
	if err != nil {
		return l.takeBack(before, fmt.Errorf("append to relay log: %w", err))
	}
	l.show(int64(len(ev)))
	return nil
}

// takeBack undoes a failed write and returns its cause.
func (l *Log) takeBack(end int64, cause error) error {
	err := l.w.Err()
	if err == nil {
		err = l.w.Truncate(end)
	}
	if err != nil {
		l.err = errors.Join(cause, err)
		return l.err
	}
	return cause
}

// show lets Readers see everything written, n bytes more than before.
func (l *Log) show(n int64) {
	p := logfile.Pos{File: l.w.Name(), Offset: l.w.Written()}
	l.mu.Lock()
	l.space += n
	l.end = txn.Coord{File: p.File, Pos: uint64(p.Offset)}
	tail := l.tail
	l.mu.Unlock()
	tail.Set(p)
}

// advance notes the source's coordinate.
func (l *Log) advance(source txn.Coord) {
	l.mu.Lock()
	l.source = source
	l.mu.Unlock()
}

// follow counts the GTIDs of whole transactions.
func (l *Log) follow(ev event.Event) {
	place := l.bound.Add(ev, l.checksum)
	switch {
	case place == Begins:
		l.pending = gtid.GTID{}
		if ev.Type() == event.GTID {
			if g, err := event.DecodeGTID(ev, l.checksum); err == nil {
				l.pending = g.GTID
			}
		}
	case place == Ends && !l.pending.IsZero():
		l.mu.Lock()
		l.got.Add(l.pending)
		l.stale = true
		l.mu.Unlock()
		l.pending = gtid.GTID{}
	}
}

// begin starts a new file: the old one gets our Rotate as its last event.
func (l *Log) begin() error {
	if l.format == nil {
		return fmt.Errorf("%w: no Format_description of the source is known", ErrEvent)
	}
	name, err := l.x.NextName()
	if err != nil {
		return fmt.Errorf("begin relay log: %w", err)
	}
	w, err := logfile.Prepare(l.x, name, l.header())
	if err != nil {
		return fmt.Errorf("begin relay log: %w", err)
	}
	if l.w != nil {
		if err := l.finish(name); err != nil {
			return errors.Join(err, w.Discard())
		}
	}
	if err := w.Publish(); err != nil {
		l.err = errors.Join(fmt.Errorf("begin relay log: %w", err), w.Discard())
		return l.err
	}
	if l.w != nil {
		if err := l.w.Close(); err != nil {
			l.err = fmt.Errorf("close relay log: %w", err)
			return l.err
		}
	}
	l.w, l.fresh = w, false
	l.show(w.End())
	return nil
}

// finish writes the last event of the active file and makes the file durable.
func (l *Log) finish(next string) error {
	before := l.w.End()
	h := event.Header{Timestamp: uint32(l.o.Now().Unix()), ServerID: l.o.ServerID()}
	ev := l.seal(event.AppendRotate(nil, h, logfile.MagicSize, next), before)
	err := l.w.Write(ev)
	if err == nil {
		_, err = l.w.Sync()
	}
	if err != nil {
		return l.takeBack(before, fmt.Errorf("rotate relay log: %w", err))
	}
	l.show(int64(len(ev)))
	return nil
}

// seal completes an event of ours that stands at off.
func (l *Log) seal(ev event.Event, off int64) event.Event {
	size := int64(len(ev))
	if !l.checksum {
		size -= event.ChecksumSize
	}
	return event.Finish(ev, uint32(off+size), l.checksum)
}

// header builds the first events of a file. All have checksums or none, as the
// source's Format_description says.
func (l *Log) header() []byte {
	h := event.Header{Timestamp: uint32(l.o.Now().Unix()), ServerID: l.o.ServerID(), Flags: event.FlagRelayLog}
	version := l.o.ServerVersion
	b := event.AppendFormat(nil, h, version, 0, l.checksum)
	b = event.Finish(b, uint32(logfile.MagicSize+len(b)), true)
	h.Flags = event.FlagIgnorable
	prev := l.seal(event.AppendPreviousGTIDs(nil, h, l.Retrieved()), int64(logfile.MagicSize+len(b)))
	source := l.Source()
	h = event.Header{ServerID: l.format.ServerID(), Flags: event.FlagArtificial}
	rotate := event.Finish(event.AppendRotate(nil, h, source.Pos, source.File), 0, l.checksum)
	b = append(b, prev...)
	b = append(b, rotate...)
	return append(b, l.format...)
}

// Sync makes everything appended durable. A failure is final.
func (l *Log) Sync() error {
	if l.err != nil {
		return l.err
	}
	if l.w != nil {
		if _, err := l.w.Sync(); err != nil {
			l.err = fmt.Errorf("sync relay log: %w", err)
			return l.err
		}
	}
	l.mu.Lock()
	l.synced = l.source
	l.mu.Unlock()
	return nil
}

// Source returns the coordinate behind the last event appended
// (Master_Log_File, Read_Master_Log_Pos). After Open it is where recovery says
// to ask again; zero if nothing is known.
func (l *Log) Source() txn.Coord {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.source
}

// Synced returns the source coordinate behind the last event that is durable.
func (l *Log) Synced() txn.Coord {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.synced
}

// End returns the relay coordinate behind the last event appended.
func (l *Log) End() txn.Coord {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end
}

// Inside reports whether the last event appended left a transaction open.
// Appending goroutine only.
func (l *Log) Inside() bool { return l.bound.Inside() }

// Retrieved returns the GTIDs of the complete transactions received and kept
// since the log was created or reset (Retrieved_Gtid_Set).
func (l *Log) Retrieved() gtid.Set {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stale {
		l.retrieved, l.stale = l.got.Set(), false
	}
	return l.retrieved
}

// Rotate makes the next event that is not within a transaction begin a new
// file. START of the IO thread and FLUSH RELAY LOGS call it. Between
// transactions, with a source known, the new file begins at once.
func (l *Log) Rotate() error {
	if l.err != nil {
		return l.err
	}
	l.fresh = true
	if l.w == nil || l.bound.Inside() {
		return nil
	}
	return l.begin()
}

// Space returns the bytes of all relay log files (Relay_Log_Space).
func (l *Log) Space() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.space
}

// WaitSpace blocks while Space exceeds limit bytes, until a Purge, ctx, or
// until a Reader has read everything and waits for more: then the limit is
// lifted, because the Applier needs the rest of a transaction to free space.
// limit 0 = none.
func (l *Log) WaitSpace(ctx context.Context, limit int64) error {
	for {
		l.mu.Lock()
		if limit <= 0 || l.space <= limit || l.waiting > 0 {
			l.mu.Unlock()
			return nil
		}
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// signal wakes WaitSpace. mu is held.
func (l *Log) signal() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// Purge deletes the files before the one named by applied, which are fully
// applied, oldest first, and returns their names. It stops at the first file a
// Reader is on.
func (l *Log) Purge(applied txn.Coord) ([]string, error) {
	l.readers.mu.Lock() // no Reader starts on a file while it goes
	defer l.readers.mu.Unlock()
	if !l.x.Has(applied.File) {
		return nil, fmt.Errorf("%w: %q", ErrUnknownFile, applied.File)
	}
	n, bytes := 0, int64(0)
	for _, name := range l.x.Files() {
		if name == applied.File || l.readers.isOn(name) {
			break
		}
		size, err := l.x.Size(name)
		if err != nil {
			return nil, fmt.Errorf("purge relay log: %w", err)
		}
		bytes += size
		n++
	}
	gone, err := l.x.Remove(n)
	if len(gone) > 0 {
		l.mu.Lock()
		l.space -= bytes
		l.signal()
		l.mu.Unlock()
	}
	if err != nil {
		return gone, fmt.Errorf("purge relay log: %w", err)
	}
	return gone, nil
}

// Reset deletes everything (RESET SLAVE, CHANGE MASTER with a new position);
// Readers end with ErrReset. Numbering starts again at 000001. It may be
// repeated after a failure.
func (l *Log) Reset() error {
	if errors.Is(l.err, ErrClosed) {
		return l.err
	}
	l.mu.Lock()
	tail := l.tail
	l.tail = new(logfile.Tail)
	l.mu.Unlock()
	tail.Close(ErrReset)
	if l.w != nil {
		l.w.Close() // the file goes, whatever this says
		l.w = nil
	}
	if err := l.x.Clear(); err != nil {
		l.err = fmt.Errorf("reset relay log: %w", err)
		return l.err
	}
	l.err, l.format, l.fresh, l.pending = nil, nil, false, gtid.GTID{}
	l.bound.Reset()
	l.mu.Lock()
	l.got, l.retrieved, l.stale = gtid.NewBuilder(gtid.Set{}), gtid.Set{}, false
	l.source, l.synced, l.end, l.space = txn.Coord{}, txn.Coord{}, txn.Coord{}, 0
	l.signal()
	l.mu.Unlock()
	return nil
}

// FileInfo names a relay log file.
type FileInfo struct {
	Name string
	Size int64 // bytes
}

// Files returns the live files, oldest first, with their sizes in bytes.
func (l *Log) Files() ([]FileInfo, error) {
	var list []FileInfo
	for _, name := range l.x.Files() {
		size, err := l.x.Size(name)
		if err != nil {
			return nil, fmt.Errorf("list relay logs: %w", err)
		}
		list = append(list, FileInfo{Name: name, Size: size})
	}
	return list, nil
}

// Index gives read access to the list of files.
func (l *Log) Index() *logfile.Index { return l.x }

// Close syncs and closes the active file and ends all Readers with ErrClosed.
func (l *Log) Close() error {
	if errors.Is(l.err, ErrClosed) {
		return nil
	}
	l.mu.Lock()
	tail := l.tail
	l.mu.Unlock()
	tail.Close(ErrClosed)
	failed := l.err != nil
	l.err = ErrClosed
	if l.w == nil {
		return nil
	}
	err := l.w.Close()
	l.w = nil
	if failed || err == nil {
		return nil
	}
	return fmt.Errorf("close relay log: %w", err)
}
