package binlog

import (
	"errors"
	"time"

	"binrelay/binlog/logfile"
)

// ErrPurged means that the events asked for are older than the oldest file.
// The edge reports it as error 1236 (1789), which stops the replica's IO thread.
var ErrPurged = errors.New("binlog: requested events were purged")

// ErrNoTarget means that PURGE … TO names a file that is not in the index
// (error 1373).
var ErrNoTarget = errors.New("binlog: purge target not in the index")

// Why a purge stopped before its target.
type PurgeStop uint8

const (
	PurgedAll  PurgeStop = iota
	StopInUse            // a Reader is on the file: warning 1867
	StopActive           // it is the active file: warning 1868
	StopNeeded           // keep said so: recovery or an attached replica needs it
)

// PurgeResult says what a purge did.
type PurgeResult struct {
	Purged  []string  // files that are gone
	Wanted  int       // files that the request covered
	Stop    PurgeStop // why it removed fewer than Wanted
	At      string    // the file it stopped at
	Readers int       // Readers on that file, with StopInUse
}

// PurgeTo removes the files before the named one, oldest first, up to the
// first that must stay: the active file, one a Reader is on, or one that keep
// reports (nil = none). keep is asked for the coordinates recovery needs.
func (l *Log) PurgeTo(file string, keep func(file string) bool) (PurgeResult, error) { panic("soon") }

// PurgeBefore removes files last written before t, in the same way.
func (l *Log) PurgeBefore(t time.Time, keep func(file string) bool) (PurgeResult, error) {
	panic("soon")
}

// Reset is RESET MASTER: all files go, numbering starts at 000001, Readers end
// with ErrReset. It is ResetFiles and then a first file. The owner has closed
// the queue, and left an intent that makes recovery repeat ResetFiles if the
// process dies in between.
func (l *Log) Reset() error { panic("soon") }

// ResetFiles empties the index durably, then deletes every file of the log.
// It may be repeated; recovery calls it when it finds the intent of a RESET.
func ResetFiles(x *logfile.Index) error { panic("soon") }
