package relaylog

import (
	"context"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/logfile"
	"binrelay/binlog/txn"
)

// Options says where the log is. Dir and ServerID are required.
type Options struct {
	FS            vfs.FS           // nil = vfs.Default
	Dir           string           // directory of files and index, created when missing
	Base          string           // base name of the files; "" = "relay-bin"
	ServerID      func() uint32    // the replica's
	ServerVersion string           // for our Format_description
	MaxSize       func() int64     // bytes after which a new file begins between transactions; nil = 1 GiB
	MaxEvent      int64            // 0 = logfile.DefaultMaxEvent
	Now           func() time.Time // nil = time.Now
	Logger        *slog.Logger     // nil = discard
}

// Recovered says what Open found.
type Recovered struct {
	Source    txn.Coord // ask the source again from here; zero = nothing usable was there
	Relay     txn.Coord // end of what is kept
	Cut       int64     // bytes of an incomplete transaction or torn tail that were cut
	Discarded []string  // files behind damage that were deleted
	Damage    error     // the *logfile.CorruptError found, nil if the log ended cleanly
	Retrieved gtid.Set  // GTIDs of the transactions kept
}

// Log is one channel's relay log. Append, Sync, Rotate, Reset and Close are
// called by one goroutine at a time (the Receiver, or the owner while it does
// not run); the rest may be called from anywhere at any time.
type Log struct{}

// Open recovers the log: it cuts it to the last complete transaction, deletes
// what lies behind damage, and begins a new file at the first Append.
func Open(o Options) (*Log, Recovered, error) { panic("soon") }

// Append adds one event as it came from the source, which may be read at once.
// source is the coordinate behind the event in the source's log; for a Rotate
// it is the place the Rotate names. checksum says that ev ends in a CRC32. An
// artificial Rotate and a Format_description set the state of the stream:
//   - an artificial Rotate is not written when the file already says so
//   - a Format_description begins a new file if the source's file changed,
//     and is written with end_log_pos 0
//
// Heartbeats are refused. After a failed write the event is taken back; an
// error wrapping logfile's disk-full condition may be retried.
func (l *Log) Append(ev event.Event, source txn.Coord, checksum bool) error { panic("soon") }

// Ignore notes that the source's events up to source were left out on purpose
// (IGNORE_SERVER_IDS): it writes a Rotate of server id 0 that moves the
// position, as mysqld does.
func (l *Log) Ignore(source txn.Coord) error { panic("soon") }

// Sync makes everything appended durable. A failure is final.
func (l *Log) Sync() error { panic("soon") }

// Source returns the coordinate behind the last event appended
// (Master_Log_File, Read_Master_Log_Pos); zero if none was since Open or Reset.
func (l *Log) Source() txn.Coord { panic("soon") }

// Synced returns the source coordinate behind the last event that is durable.
func (l *Log) Synced() txn.Coord { panic("soon") }

// End returns the relay coordinate behind the last event appended.
func (l *Log) End() txn.Coord { panic("soon") }

// Retrieved returns the GTIDs of the complete transactions received and kept
// since the log was created or reset (Retrieved_Gtid_Set).
func (l *Log) Retrieved() gtid.Set { panic("soon") }

// Rotate ends the active file with our Rotate event; the next Append begins a
// new one. START of the IO thread, FLUSH RELAY LOGS and CHANGE MASTER call it.
func (l *Log) Rotate() error { panic("soon") }

// Space returns the bytes of all relay log files (Relay_Log_Space).
func (l *Log) Space() int64 { panic("soon") }

// WaitSpace blocks while Space exceeds limit bytes, until a Purge, ctx, or
// until a Reader has read everything and waits for more: then the limit is
// lifted, because the Applier needs the rest of a transaction to free space.
// limit 0 = none.
func (l *Log) WaitSpace(ctx context.Context, limit int64) error { panic("soon") }

// Purge deletes the files before the one named by applied, which are fully
// applied, and returns their names. Files a Reader is on stay.
func (l *Log) Purge(applied txn.Coord) ([]string, error) { panic("soon") }

// Reset deletes everything (RESET SLAVE, CHANGE MASTER with a new position);
// Readers end with ErrReset. Numbering starts again at 000001.
func (l *Log) Reset() error { panic("soon") }

// Files returns the live files, oldest first, with their sizes in bytes.
func (l *Log) Files() ([]FileInfo, error) { panic("soon") }

// FileInfo names a relay log file.
type FileInfo struct {
	Name string
	Size int64
}

// Index gives read access to the list of files.
func (l *Log) Index() *logfile.Index { panic("soon") }

// Close syncs and closes the active file and ends all Readers with ErrClosed.
func (l *Log) Close() error { panic("soon") }
