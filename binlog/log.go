package binlog

import (
	"context"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/gtid"
	"binrelay/binlog/logfile"
	"binrelay/binlog/txn"
)

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

// Log is the binlog's single writer. AppendGroup, Sync, TruncateTo, Rotate,
// Reset and Close are called by one goroutine at a time (the Committer's
// leader, or the owner while the queue is closed); everything else may be
// called from anywhere at any time.
type Log struct{}

// Txn is one transaction as AppendGroup takes it.
type Txn struct {
	CSN   txn.CSN   // its commit sequence number (of the binlog half)
	Index uint16    // place in its commit group, counted over both logs
	GTID  gtid.GTID // zero = Anonymous_gtid

	// Events without the GTID event, each with room for a checksum as the
	// encoders of package event leave it (or with a CRC32, which is replaced).
	// The last is an Xid, or a Query with a ddl_xid; its number is set here.
	// A server id of 0 in a header is replaced by Options.ServerID.
	Events txn.Events
	Size   int64 // bytes of all Events, checksum room included
	Count  int   // number of Events

	DDL             bool        // the group may hold statements: flag bit 0 of the GTID event
	After           Clock       // what was visible when the transaction finished executing: gives last_committed
	Origin          *txn.Origin // replicated: original commit time and server id are kept
	OriginalVersion uint32      // replicated: original_server_version; 0 = ours
	Timestamp       uint32      // header time of the GTID event, seconds since 1970; 0 = now

	Clock Clock     // out: its own sequence number
	Start txn.Coord // out: where its GTID event begins
	End   txn.Coord // out: the offset after its last event
}

// Clock is a logical timestamp: a sequence_number and the file it counts in.
type Clock struct {
	File     uint64 // number of the binlog file; 0 = none
	Sequence int64
}

// FileInfo is one line of SHOW BINARY LOGS.
type FileInfo struct {
	Name string
	Size int64 // bytes; of the active file only what is Sent
}

// Open opens the log for writing and begins a new file, as every server start
// does. Call it after recovery has cut torn tails; it reconciles the index with
// the directory.
func Open(o Options) (*Log, error) { panic("soon") }

// Index gives read access to the list of files.
func (l *Log) Index() *logfile.Index { panic("soon") }

// AppendGroup writes a group of transactions, in order, after preallocating
// its space, and returns the end of the last. It sets Clock, Start and End of
// each. On any error nothing stays: the file is truncated to where the group
// began, sequence numbers are given back, and the error is returned, wrapping
// ErrDiskFull where that is the cause. An error that wraps ErrFatal means that
// the truncation failed or an earlier call did: the process must end.
func (l *Log) AppendGroup(ts []*Txn) (end txn.Coord, err error) { panic("soon") }

// Sync makes every appended group durable. A failure is final.
func (l *Log) Sync() error { panic("soon") }

// TruncateTo takes back everything appended after end, durably, and gives the
// sequence numbers back. end is the Start of an appended transaction or the
// end of a group of the active file. A failure is final.
func (l *Log) TruncateTo(end txn.Coord) error { panic("soon") }

// SetSent moves the mark up to which Readers may read, and wakes them.
func (l *Log) SetSent(end txn.Coord) { panic("soon") }

// Sent returns that mark.
func (l *Log) Sent() txn.Coord { panic("soon") }

// End returns the end of what was appended to the active file.
func (l *Log) End() txn.Coord { panic("soon") }

// Active returns the name of the file being written.
func (l *Log) Active() string { panic("soon") }

// SetVisible notes that the transaction with this Clock, and all before it,
// are visible. The Committer calls it when it publishes a group.
func (l *Log) SetVisible(c Clock) { panic("soon") }

// Visible returns the highest visible Clock: what a transaction that finishes
// executing now puts into Txn.After.
func (l *Log) Visible() Clock { panic("soon") }

// NeedsRotation reports whether the active file has passed MaxSize.
func (l *Log) NeedsRotation() bool { panic("soon") }

// Rotate ends the active file with a Rotate event and begins the next, whose
// header is durable before the index names it. The owner calls it between
// groups, when everything appended is synced. It moves the Sent mark if that
// stood at the end of the old file. It returns the start of the new file's
// transactions.
func (l *Log) Rotate(ctx context.Context) (txn.Coord, error) { panic("soon") }

// Close writes a Stop event, clears IN_USE and ends all Readers. After a fatal
// error it only closes.
func (l *Log) Close() error { panic("soon") }

// List returns the live files, oldest first.
func (l *Log) List() ([]FileInfo, error) { panic("soon") }
