package logfile

import (
	"context"
	"sync"
	"sync/atomic"
)

// Tail is the mark up to which Readers may read. The log's owner moves it;
// moving it wakes every waiting Reader and costs nothing when none waits.
// Safe for concurrent use; the zero value stands at no file.
type Tail struct {
	mu     sync.Mutex
	pos    Pos
	err    error         // set by Close
	wake   chan struct{} // closed at the next change; nil when nobody waits
	closed atomic.Bool   // err is set
}

// Set moves the mark. It never moves back: a lower place is ignored.
func (t *Tail) Set(p Pos) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pos.Less(p) {
		t.pos = p
		t.broadcast()
	}
}

// Get returns the mark.
func (t *Tail) Get() Pos {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pos
}

// Close ends every Reader with err once it has reached the mark; nil stands
// for ErrClosed. The first Close counts.
func (t *Tail) Close(err error) {
	if err == nil {
		err = ErrClosed
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
		t.closed.Store(true)
		t.broadcast()
	}
}

// Err returns what Close was called with; nil while the Tail is open.
func (t *Tail) Err() error {
	if !t.closed.Load() { // asked for every event that is sent
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

func (t *Tail) broadcast() {
	if t.wake != nil {
		close(t.wake)
		t.wake = nil
	}
}

// Wait blocks until the mark is past p, ctx ends or the Tail is closed.
func (t *Tail) Wait(ctx context.Context, p Pos) error {
	for {
		t.mu.Lock()
		if p.Less(t.pos) {
			t.mu.Unlock()
			return nil
		}
		if t.err != nil {
			defer t.mu.Unlock()
			return t.err
		}
		if t.wake == nil {
			t.wake = make(chan struct{})
		}
		wake := t.wake
		t.mu.Unlock()
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
