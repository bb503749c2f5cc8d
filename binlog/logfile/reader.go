package logfile

import (
	"context"

	"binrelay/binlog/event"
)

// ReaderOptions tunes a Reader; the zero value works.
type ReaderOptions struct {
	MaxEvent int64 // larger events are an error wrapping ErrTooLarge; 0 = DefaultMaxEvent
	Buffer   int   // bytes read at once; 0 = 64 KiB
}

// Reader follows a log from a place on, across files, up to the Tail. It
// returns whole events only and never a byte behind the Tail. It does not
// verify checksums. Used by one goroutine at a time.
type Reader struct{}

// NewReader returns a Reader whose first event is the one at p. It checks that
// the file is in the index, not that p is an event's start.
func NewReader(x *Index, t *Tail, p Pos, o ReaderOptions) (*Reader, error) { panic("soon") }

// Next returns the next event, which is valid until the following call. At the
// Tail it blocks. It crosses into the next file by itself: the first event of
// a file is the Format_description at offset MagicSize, as stored.
func (r *Reader) Next(ctx context.Context) (event.Event, error) { panic("soon") }

// TryNext is Next without waiting: ok is false at the Tail.
func (r *Reader) TryNext() (ev event.Event, ok bool, err error) { panic("soon") }

// Chunk returns one or more whole events of one file, back to back, valid
// until the following call. It blocks when there is none.
func (r *Reader) Chunk(ctx context.Context) ([]byte, error) { panic("soon") }

// Start returns the place of the event or chunk returned last.
func (r *Reader) Start() Pos { panic("soon") }

// Pos returns the place behind the event or chunk returned last.
func (r *Reader) Pos() Pos { panic("soon") }

// Close releases the open file.
func (r *Reader) Close() error { panic("soon") }
