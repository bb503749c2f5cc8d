package relaylog

import (
	"context"

	"binrelay/binlog/event"
	"binrelay/binlog/txn"
)

// Entry is one event of the relay log with its coordinates.
type Entry struct {
	Event    event.Event // valid until the following call
	Checksum bool        // Event ends in a CRC32
	Own      bool        // ours: header or Rotate of the relay log itself, not from the source
	Start    txn.Coord   // where it begins in the relay log
	End      txn.Coord   // behind it in the relay log
	Source   txn.Coord   // behind it in the source's log; zero before the first Rotate
}

// Reader hands out appended events, synced or not, across files, and blocks at
// the end. Used by one goroutine at a time; its file is not purged.
type Reader struct{}

// NewReader returns a Reader that starts at an event's start; an empty file
// name stands for the oldest file. It fails with ErrUnknownFile or
// ErrBadPosition.
func (l *Log) NewReader(at txn.Coord) (*Reader, error) { panic("soon") }

// NewReaderAtSource returns a Reader that starts at the first event behind the
// given coordinate of the source: where an Applier goes on that has applied
// everything up to there. ok is false if the relay log does not hold it: the
// log is then to be reset and the source asked from there.
func (l *Log) NewReaderAtSource(applied txn.Coord) (r *Reader, ok bool, err error) { panic("soon") }

// Next returns the next event. It ends with ctx's error, ErrClosed or ErrReset.
func (r *Reader) Next(ctx context.Context) (Entry, error) { panic("soon") }

// TryNext is Next without waiting: ok is false at the end.
func (r *Reader) TryNext() (e Entry, ok bool, err error) { panic("soon") }

// AtEnd reports whether everything appended has been read.
func (r *Reader) AtEnd() bool { panic("soon") }

// Close ends the Reader.
func (r *Reader) Close() error { panic("soon") }

// ShowEvents calls fn for the events of one file from pos on (0 = the first),
// for SHOW RELAYLOG EVENTS. It ends with fn's error, or a
// *logfile.CorruptError.
func (l *Log) ShowEvents(file string, pos int64, fn func(Entry) error) error { panic("soon") }
