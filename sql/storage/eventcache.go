package storage

import (
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
	"binrelay/binlog/logfile"
)

// eventCache collects the events of one transaction for one log: whole events
// with room for a checksum, back to back, the last one possibly still open.
// Above limit bytes the closed ones go to a file. It can be cut back to an
// earlier length: rollback of a statement or to a savepoint. It is the
// transaction's txn.Events at commit. Used by one goroutine at a time.
type eventCache struct {
	fs    vfs.FS
	name  string // of the spill file
	limit int64

	file  vfs.File
	spill int64  // bytes in the file that count
	buf   []byte // what follows them
	open  int    // where the open event starts in buf; -1 = none
	count int    // closed events

	readAt int64  // Next: offset over file and buf
	chunk  []byte // Next: a piece of the file
	off    int    // Next: offset in chunk
}

func newEventCache(fs vfs.FS, name string, limit int64) *eventCache {
	return &eventCache{fs: fs, name: name, limit: limit, open: -1}
}

// mark is a place a cache can be cut back to.
type mark struct {
	size  int64
	count int
}

// size returns the bytes of all events.
func (c *eventCache) size() int64 { return c.spill + int64(len(c.buf)) }

// mark returns the current end. No event may be open.
func (c *eventCache) mark() mark { return mark{c.size(), c.count} }

// truncate cuts the cache back to an earlier end, an open event included.
func (c *eventCache) truncate(m mark) {
	c.open = -1
	c.count = m.count
	if m.size >= c.spill {
		c.buf = c.buf[:m.size-c.spill]
		return
	}
	c.spill, c.buf = m.size, c.buf[:0]
}

// openAt returns where the open event starts; -1 = none.
func (c *eventCache) openAt() int64 {
	if c.open < 0 {
		return -1
	}
	return c.spill + int64(c.open)
}

// reopen is truncate to an end behind which the event that starts at open was
// not complete: rows may be added to it again.
func (c *eventCache) reopen(m mark, open int64) error {
	if open < c.spill {
		back := make([]byte, m.size-open)
		if _, err := c.file.ReadAt(back[:min(int64(len(back)), c.spill-open)], open); err != nil {
			return fmt.Errorf("read transaction cache: %w", err)
		}
		if m.size > c.spill {
			copy(back[c.spill-open:], c.buf)
		}
		c.spill, c.buf = open, append(c.buf[:0], back...)
	}
	c.truncate(m)
	c.open = int(open - c.spill)
	return nil
}

// add lets fn append one event to the cache.
func (c *eventCache) add(fn func(dst []byte) []byte) error {
	c.buf = fn(c.buf)
	c.count++
	return c.flush()
}

// begin lets fn append the beginning of an event that end completes.
func (c *eventCache) begin(fn func(dst []byte) []byte) {
	c.open = len(c.buf)
	c.buf = fn(c.buf)
}

// openSize returns the length of the open event, 0 if there is none.
func (c *eventCache) openSize() int {
	if c.open < 0 {
		return 0
	}
	return len(c.buf) - c.open
}

// end completes the open event. lastFlags is set on a rows event that is the
// last of its statement and table.
func (c *eventCache) end(rowsFlags uint16) error {
	start := c.open
	c.open = -1
	c.buf = event.End(c.buf, start)
	event.SetRowsFlags(event.Event(c.buf[start:]), rowsFlags)
	c.count++
	return c.flush()
}

// flush moves closed events to the file when they exceed the limit.
func (c *eventCache) flush() error {
	if int64(len(c.buf)) <= c.limit || c.open >= 0 {
		return nil
	}
	if c.file == nil {
		f, err := c.fs.OpenReadWrite(c.name, vfs.WriteCategoryUnspecified)
		if err != nil {
			return fmt.Errorf("create transaction cache: %w", err)
		}
		c.file = f
	}
	if _, err := c.file.WriteAt(c.buf, c.spill); err != nil {
		if logfile.IsDiskFull(err) {
			err = fmt.Errorf("%w: %w", ErrDiskFull, err)
		}
		return fmt.Errorf("write transaction cache: %w", err)
	}
	c.spill += int64(len(c.buf))
	if cap(c.buf) > 4<<20 {
		c.buf = nil
	}
	c.buf = c.buf[:0]
	return nil
}

// Rewind starts reading at the first event.
func (c *eventCache) Rewind() error {
	c.readAt, c.chunk, c.off = 0, c.chunk[:0], 0
	return nil
}

// Next returns the next event; io.EOF after the last. It is valid until the
// following call.
func (c *eventCache) Next() (event.Event, error) {
	if c.readAt >= c.spill {
		rest := c.buf[c.readAt-c.spill:]
		if len(rest) == 0 {
			return nil, io.EOF
		}
		ev, _, err := event.First(rest)
		c.readAt += int64(len(ev))
		return ev, err
	}
	if err := c.load(event.HeaderSize); err != nil {
		return nil, err
	}
	size := int(event.Event(c.chunk[c.off:]).Size())
	if err := c.load(size); err != nil {
		return nil, err
	}
	ev := event.Event(c.chunk[c.off : c.off+size])
	c.off += size
	c.readAt += int64(size)
	return ev, nil
}

// load makes n bytes of the file available at chunk[off:].
func (c *eventCache) load(n int) error {
	if len(c.chunk)-c.off >= n {
		return nil
	}
	want := min(max(int64(n), 64<<10), c.spill-c.readAt)
	if want < int64(n) {
		return fmt.Errorf("read transaction cache: %w", io.ErrUnexpectedEOF)
	}
	if int64(cap(c.chunk)) < want {
		c.chunk = make([]byte, want)
	}
	c.chunk, c.off = c.chunk[:want], 0
	if _, err := c.file.ReadAt(c.chunk, c.readAt); err != nil {
		return fmt.Errorf("read transaction cache: %w", err)
	}
	return nil
}

// close removes the file.
func (c *eventCache) close() {
	if c.file != nil {
		_ = c.file.Close()
		_ = c.fs.Remove(c.name)
		c.file = nil
	}
	c.buf, c.chunk = nil, nil
}
