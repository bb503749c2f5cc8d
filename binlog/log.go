package binlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/logfile"
	"binrelay/binlog/txn"
)

// defaultMaxSize is max_binlog_size's default, in bytes.
const defaultMaxSize = 1 << 30

// Options says where the log is and what it writes. Dir, ServerID and
// ServerVersion are required.
type Options struct {
	FS            vfs.FS           // nil = vfs.Default
	Dir           string           // directory of files and index, created when missing
	Base          string           // base name of the files; "" = "binlog"
	MaxSize       func() int64     // bytes after which NeedsRotation says so; nil = 1 GiB
	ServerID      func() uint32    // asked for each group
	ServerVersion string           // for Format_description and GTID events, e.g. "8.0.36-binrelay"
	NoChecksum    bool             // write events without CRC32
	PreviousGTIDs func() gtid.Set  // GTIDs of everything in older files; nil = empty
	MaxEvent      int64            // largest event a Reader hands out; 0 = logfile.DefaultMaxEvent
	Now           func() time.Time // nil = time.Now
	Logger        *slog.Logger     // nil = discard
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Base == "" {
		o.Base = "binlog"
	}
	if o.MaxSize == nil {
		o.MaxSize = func() int64 { return defaultMaxSize }
	}
	if o.ServerID == nil {
		o.ServerID = func() uint32 { return 0 }
	}
	if o.PreviousGTIDs == nil {
		o.PreviousGTIDs = func() gtid.Set { return gtid.Set{} }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// OpenIndex reads the log's index and changes nothing: what recovery scans
// before Open.
func (o Options) OpenIndex() (*logfile.Index, error) {
	o = o.withDefaults()
	return logfile.OpenIndex(o.FS, o.Dir, o.Base)
}

// Log is the binlog's single writer. AppendGroup, Sync, TruncateTo, Rotate,
// Reset and Close are called by one goroutine at a time (the Committer's
// leader, or the owner while the queue is closed); everything else may be
// called from anywhere at any time.
type Log struct {
	o       Options
	x       *logfile.Index
	version uint32 // ServerVersion as a number, e.g. 80036

	// Touched by the writing goroutine only.
	w     *logfile.Writer
	seq   int64  // last sequence_number given out in the active file
	marks []mark // where TruncateTo may go back to, ascending
	buf   []byte // events of the group being built
	heads []event.GTIDInfo
	fatal error // wraps ErrFatal

	mu      sync.Mutex // guards what follows; never held during I/O
	tail    *logfile.Tail
	name    string // active file
	number  uint64
	end     int64 // of what was appended to it
	visible Clock

	readers readerSet
}

// mark is a place between transactions and the sequence number before it.
type mark struct {
	off int64
	seq int64
}

// Clock is a logical timestamp: a sequence_number and the file it counts in.
type Clock struct {
	File     uint64 // number of the binlog file; 0 = none
	Sequence int64
}

// less orders clocks in time.
func (c Clock) less(d Clock) bool {
	return c.File < d.File || c.File == d.File && c.Sequence < d.Sequence
}

// FileInfo is one line of SHOW BINARY LOGS.
type FileInfo struct {
	Name string
	Size int64 // bytes; of the active file only what is Sent
}

// Open opens the log for writing and begins a new file, as every server start
// does. Call it after recovery has cut torn tails; it reconciles the index with
// the directory.
func Open(o Options) (*Log, error) {
	o = o.withDefaults()
	x, err := logfile.OpenIndex(o.FS, o.Dir, o.Base)
	if err != nil {
		return nil, fmt.Errorf("open binlog: %w", err)
	}
	report, err := x.Reconcile()
	if err != nil {
		return nil, fmt.Errorf("open binlog: %w", err)
	}
	if len(report.Dropped)+len(report.Deleted)+len(report.Foreign) > 0 {
		o.Logger.Warn("binlog index and directory differed",
			"dropped", report.Dropped, "deleted", report.Deleted, "left", report.Foreign)
	}
	// A server that was killed has left its newest file open, and in the middle
	// of a rotation the one before.
	files := x.Files()
	for _, name := range files[max(0, len(files)-2):] {
		if err := logfile.ClearInUse(x, name); err != nil {
			return nil, fmt.Errorf("open binlog: %w", err)
		}
	}
	l := &Log{o: o, x: x, version: versionNumber(o.ServerVersion), tail: new(logfile.Tail)}
	name, err := x.NextName()
	if err != nil {
		return nil, fmt.Errorf("open binlog: %w", err)
	}
	w, err := logfile.Create(x, name, l.header(o.Now(), true))
	if err != nil {
		return nil, fmt.Errorf("open binlog: %w", err)
	}
	l.begin(w)
	l.tail.Set(logfile.Pos{File: name, Offset: w.End()})
	return l, nil
}

// versionNumber turns "8.0.36-x" into 80036, the form of GTID events.
func versionNumber(s string) uint32 {
	var n uint32
	parts := strings.SplitN(s, ".", 3)
	for i := range 3 {
		n *= 100
		if i >= len(parts) {
			continue
		}
		digits := parts[i]
		if j := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); j >= 0 {
			digits = digits[:j]
		}
		if v, err := strconv.ParseUint(digits, 10, 7); err == nil {
			n += uint32(v)
		}
	}
	return n
}

// header builds a new file's first events. Only the first file after a start
// tells when it was created: replicas then drop their temporary tables.
func (l *Log) header(now time.Time, first bool) []byte {
	h := event.Header{Timestamp: uint32(now.Unix()), ServerID: l.o.ServerID()}
	var created uint32
	if first {
		created = h.Timestamp
	}
	b := event.AppendFormat(nil, h, l.o.ServerVersion, created, !l.o.NoChecksum)
	b = event.Finish(b, uint32(logfile.MagicSize+len(b)), true)
	start := len(b)
	h.Flags = event.FlagIgnorable
	b = event.AppendPreviousGTIDs(b, h, l.o.PreviousGTIDs())
	return append(b[:start], l.finish(b[start:], int64(logfile.MagicSize+start))...)
}

// finish completes the event ev that stands at off of a file.
func (l *Log) finish(ev event.Event, off int64) event.Event {
	size := int64(len(ev))
	if l.o.NoChecksum {
		size -= event.ChecksumSize
	}
	return event.Finish(ev, uint32(off+size), !l.o.NoChecksum)
}

// begin makes w the active file.
func (l *Log) begin(w *logfile.Writer) {
	l.w, l.seq = w, 0
	l.marks = append(l.marks[:0], mark{off: w.End()})
	number, _ := logfile.ParseFileName(l.x.Base(), w.Name())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.name, l.number, l.end = w.Name(), number, w.End()
}

// Index gives read access to the list of files.
func (l *Log) Index() *logfile.Index { return l.x }

// Sync makes every appended group durable. A failure is final.
func (l *Log) Sync() error {
	if err := l.usable(); err != nil {
		return err
	}
	if _, err := l.w.Sync(); err != nil {
		return l.fail(err)
	}
	return nil
}

// fail makes err the Log's final error.
func (l *Log) fail(err error) error {
	l.fatal = fmt.Errorf("%w: %w", ErrFatal, err)
	return l.fatal
}

func (l *Log) usable() error {
	if l.fatal != nil {
		return l.fatal
	}
	if l.w == nil {
		return ErrClosed
	}
	return nil
}

// TruncateTo takes back everything appended after end, durably, and gives the
// sequence numbers back. end is the Start of a transaction appended since the
// last Sync but one, or the end of the group before. A failure is final.
func (l *Log) TruncateTo(end txn.Coord) error {
	if err := l.usable(); err != nil {
		return err
	}
	if end.File != l.w.Name() {
		return fmt.Errorf("truncate binlog to %s:%d: the active file is %s", end.File, end.Pos, l.w.Name())
	}
	off := int64(end.Pos)
	if off == l.w.End() {
		return nil
	}
	for i, m := range l.marks {
		if m.off == off {
			l.marks = l.marks[:i+1]
			return l.truncate(m)
		}
	}
	return fmt.Errorf("truncate binlog to %s:%d: no transaction begins there", end.File, end.Pos)
}

func (l *Log) truncate(m mark) error {
	if err := l.w.Truncate(m.off); err != nil {
		return l.fail(err)
	}
	l.seq = m.seq
	l.setEnd()
	return nil
}

func (l *Log) setEnd() {
	l.mu.Lock()
	l.end = l.w.End()
	l.mu.Unlock()
}

// SetSent moves the mark up to which Readers may read, and wakes them.
func (l *Log) SetSent(end txn.Coord) {
	l.currentTail().Set(logfile.Pos{File: end.File, Offset: int64(end.Pos)})
}

// Sent returns that mark.
func (l *Log) Sent() txn.Coord { return coord(l.currentTail().Get()) }

func (l *Log) currentTail() *logfile.Tail {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tail
}

func coord(p logfile.Pos) txn.Coord { return txn.Coord{File: p.File, Pos: uint64(p.Offset)} }

// End returns the end of what was appended to the active file.
func (l *Log) End() txn.Coord {
	l.mu.Lock()
	defer l.mu.Unlock()
	return txn.Coord{File: l.name, Pos: uint64(l.end)}
}

// Active returns the name of the file being written.
func (l *Log) Active() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.name
}

// SetVisible notes that the transaction with this Clock, and all before it,
// are visible. The Committer calls it when it publishes a group.
func (l *Log) SetVisible(c Clock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.visible.less(c) {
		l.visible = c
	}
}

// Visible returns the highest visible Clock: what a transaction that finishes
// executing now puts into Txn.After.
func (l *Log) Visible() Clock {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.visible
}

// NeedsRotation reports whether the active file has passed MaxSize.
func (l *Log) NeedsRotation() bool {
	l.mu.Lock()
	end := l.end
	l.mu.Unlock()
	return end > l.o.MaxSize()
}

// Rotate ends the active file with a Rotate event and begins the next, whose
// header is durable before the index names it. The owner calls it between
// groups, when everything appended is synced. It moves the Sent mark if that
// stood at the end of the old file. It returns the start of the new file's
// transactions. After an error that does not wrap ErrFatal the old file goes on.
func (l *Log) Rotate(ctx context.Context) (txn.Coord, error) {
	if err := l.usable(); err != nil {
		return txn.Coord{}, err
	}
	if err := ctx.Err(); err != nil {
		return txn.Coord{}, err
	}
	if err := l.Sync(); err != nil {
		return txn.Coord{}, err
	}
	next, err := l.rotate()
	if err != nil {
		return txn.Coord{}, fmt.Errorf("rotate binlog: %w", err)
	}
	l.o.Logger.Info("binlog rotated", "file", next.File)
	return next, nil
}

func (l *Log) rotate() (txn.Coord, error) {
	name, err := l.x.NextName()
	if err != nil {
		return txn.Coord{}, err
	}
	now := l.o.Now()
	w, err := logfile.Prepare(l.x, name, l.header(now, false))
	if err != nil {
		return txn.Coord{}, diskFull(err)
	}
	old := l.w
	before := mark{off: old.End(), seq: l.seq}
	h := event.Header{Timestamp: uint32(now.Unix()), ServerID: l.o.ServerID()}
	if err := l.endFile(event.AppendRotate(nil, h, logfile.MagicSize, name)); err != nil {
		return txn.Coord{}, l.takeBack(before, err, w.Discard())
	}
	if err := w.Publish(); err != nil {
		if l.x.Has(name) { // named, but perhaps not durably
			return txn.Coord{}, l.fail(err)
		}
		return txn.Coord{}, l.takeBack(before, err, w.Discard())
	}
	tail := l.currentTail()
	caughtUp := tail.Get() == logfile.Pos{File: old.Name(), Offset: before.off}
	l.begin(w)
	if caughtUp {
		tail.Set(logfile.Pos{File: name, Offset: w.End()})
	}
	if err := old.Close(); err != nil {
		return txn.Coord{}, l.fail(err)
	}
	return txn.Coord{File: name, Pos: uint64(w.End())}, nil
}

// endFile appends ev, the last of a file, and makes it durable.
func (l *Log) endFile(ev event.Event) error {
	ev = l.finish(ev, l.w.End())
	if err := l.w.Preallocate(int64(len(ev))); err != nil {
		return err
	}
	if err := l.w.Append(ev); err != nil {
		return err
	}
	_, err := l.w.Sync()
	return err
}

// takeBack truncates to m after cause, and joins what else went wrong.
func (l *Log) takeBack(m mark, cause error, others ...error) error {
	if l.w.Err() != nil {
		return l.fail(cause)
	}
	if err := l.truncate(m); err != nil {
		return errors.Join(err, cause)
	}
	return errors.Join(append(others, diskFull(cause))...)
}

// diskFull makes a full disk recognisable.
func diskFull(err error) error {
	if logfile.IsDiskFull(err) {
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	return err
}

// Close writes a Stop event, clears IN_USE and ends all Readers. After a fatal
// error it only closes.
func (l *Log) Close() error {
	if l.w == nil {
		return nil
	}
	defer func() { l.w = nil }()
	l.currentTail().Close(ErrClosed)
	if l.fatal != nil {
		l.w.Close() // it has failed before, and that was reported
		return nil
	}
	h := event.Header{Timestamp: uint32(l.o.Now().Unix()), ServerID: l.o.ServerID()}
	before := mark{off: l.w.End(), seq: l.seq}
	if err := l.endFile(event.AppendStop(nil, h)); err != nil {
		return errors.Join(l.takeBack(before, err), l.w.Close())
	}
	return l.w.Close()
}

// List returns the live files, oldest first.
func (l *Log) List() ([]FileInfo, error) {
	sent := l.Sent()
	var list []FileInfo
	for _, name := range l.x.Files() {
		size := int64(sent.Pos)
		if name != sent.File {
			var err error
			if size, err = l.x.Size(name); err != nil {
				return nil, fmt.Errorf("list binlogs: %w", err)
			}
		}
		list = append(list, FileInfo{Name: name, Size: size})
	}
	return list, nil
}
