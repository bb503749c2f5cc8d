package binlog

import (
	"context"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
)

// Reader hands the binlog to one dumper: whole events as they stand in the
// file, up to the Sent mark, across files. Used by one goroutine at a time.
type Reader struct{}

// NewReader returns a Reader that starts at an event's start. An empty file
// name stands for the oldest file. A bad place is a *PositionError.
// The Reader's file is not purged while it is open.
func (l *Log) NewReader(at txn.Coord) (*Reader, error) { panic("soon") }

// Next returns the next event, valid until the following call, and blocks at
// the Sent mark. When a file ends it goes on with the next one, whose first
// event is its Format_description with IN_USE cleared: Start().File has
// changed then, and a dumper sends an artificial Rotate first.
func (r *Reader) Next(ctx context.Context) (event.Event, error) { panic("soon") }

// TryNext is Next without waiting: ok is false at the Sent mark.
func (r *Reader) TryNext() (ev event.Event, ok bool, err error) { panic("soon") }

// Start returns where the event returned last begins.
func (r *Reader) Start() txn.Coord { panic("soon") }

// Pos returns where the next event begins, if the file does not end there.
func (r *Reader) Pos() txn.Coord { panic("soon") }

// Checksum reports whether the current file's events end in a CRC32.
func (r *Reader) Checksum() bool { panic("soon") }

// Close ends the Reader and lets its file be purged.
func (r *Reader) Close() error { panic("soon") }

// Header returns the file's Format_description, IN_USE cleared, and the GTIDs
// of its Previous_gtids event.
func (l *Log) Header(file string) (fde event.Event, previous gtid.Set, err error) { panic("soon") }

// FindGTID returns the newest file whose Previous_gtids is a subset of have:
// a replica that has these GTIDs is served from its start. A replica that lacks
// GTIDs older than every file gets ErrPurged.
func (l *Log) FindGTID(have gtid.Set) (file string, err error) { panic("soon") }
