package logfile

import "context"

// Tail is the mark up to which Readers may read. The log's owner moves it;
// moving it wakes every waiting Reader and costs nothing when none waits.
// Safe for concurrent use; the zero value stands at no file.
type Tail struct{}

// Set moves the mark. It never moves back.
func (t *Tail) Set(p Pos) { panic("soon") }

// Get returns the mark.
func (t *Tail) Get() Pos { panic("soon") }

// Close ends every Reader with err once it has reached the mark; nil stands
// for ErrClosed.
func (t *Tail) Close(err error) { panic("soon") }

// Wait blocks until the mark is past p, ctx ends or the Tail is closed.
func (t *Tail) Wait(ctx context.Context, p Pos) error { panic("soon") }
