package logfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
)

const (
	smallBuffer = 64 << 10 // bytes the buffer starts with
	largeBuffer = 1 << 20  // bytes buffered at most before they go to the file
	reserveStep = 1 << 20  // bytes reserved ahead, so that few groups pay for it
)

// flagsOffset is where the first event's header flags stand in a file.
const flagsOffset = MagicSize + 17

// errTruncate means that a write failed and Truncate has not been called yet.
var errTruncate = errors.New("log needs a truncation after a failed write")

// Writer appends to one file. Append buffers, Flush hands the bytes to the
// operating system, Sync makes them durable. The first failed Sync or Truncate
// is final: each later call returns that error. After a failed write only
// Truncate and Close do anything. Not safe for concurrent use.
type Writer struct {
	x    *Index
	name string
	f    vfs.File

	buf      []byte
	written  int64 // offset up to which the file holds what was appended
	dirty    int64 // offset up to which the file may hold bytes
	durable  int64
	reserved int64 // offset up to which disk space is reserved
	reserves bool  // the file system can reserve
	broken   bool  // a write failed
	err      error // final
}

// Create makes the named file with header (whole events with their positions
// and checksums set, no magic), fsyncs it and its directory, and only then
// adds it to the index. The first event must be a Format_description; its
// IN_USE flag is set in the file until Close.
func Create(x *Index, name string, header []byte) (*Writer, error) {
	w, err := Prepare(x, name, header)
	if err != nil {
		return nil, err
	}
	if err := w.Publish(); err != nil {
		return nil, errors.Join(err, w.Discard())
	}
	return w, nil
}

// Prepare is the first half of Create: the file is durable, but not yet in the
// index. Publish or Discard must follow.
func Prepare(x *Index, name string, header []byte) (*Writer, error) {
	if _, ok := ParseFileName(x.base, name); !ok {
		return nil, fmt.Errorf("%w: %q is no file of %s", ErrIndex, name, x.base)
	}
	if len(header) < event.HeaderSize || event.Event(header).Type() != event.FormatDescription {
		return nil, fmt.Errorf("%w: a file begins with a Format_description", ErrImplausible)
	}
	if err := EnsureDir(x.fs, x.dir); err != nil {
		return nil, fmt.Errorf("create log directory: %w", err)
	}
	path := x.Path(name)
	if _, err := x.fs.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(fmt.Errorf("create %s: %w", name, fs.ErrExist), err)
	}
	f, err := x.fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("create log file: %w", err)
	}
	content := append([]byte(Magic), header...)
	content[flagsOffset] |= byte(event.FlagInUse)
	end := int64(len(content))
	w := &Writer{x: x, name: name, f: f, written: end, dirty: end, durable: end, reserved: end, reserves: true}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = SyncDir(x.fs, x.dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create log file: %w", err), w.Discard())
	}
	return w, nil
}

// Publish adds a prepared file to the index.
func (w *Writer) Publish() error { return w.x.Add(w.name) }

// Discard closes and deletes a file that was prepared and not published.
func (w *Writer) Discard() error {
	err := w.f.Close()
	w.err = ErrClosed
	if w.x.Has(w.name) {
		return err
	}
	return errors.Join(err, w.x.fs.Remove(w.x.Path(w.name)))
}

// Name returns the file's name without directory.
func (w *Writer) Name() string { return w.name }

// End returns the offset after the last appended byte, buffered ones included.
func (w *Writer) End() int64 { return w.written + int64(len(w.buf)) }

// Written returns the offset up to which Readers find the bytes in the file.
func (w *Writer) Written() int64 { return w.written }

// Durable returns the offset up to which the file is known to be durable.
func (w *Writer) Durable() int64 { return w.durable }

// Err returns the final error, if there was one.
func (w *Writer) Err() error { return w.err }

func (w *Writer) usable() error {
	if w.err != nil {
		return w.err
	}
	if w.broken {
		return errTruncate
	}
	return nil
}

// Preallocate reserves disk space for n bytes after End without changing the
// file's size. A full disk shows here, before a byte is written; see
// IsDiskFull. File systems that cannot reserve do nothing.
func (w *Writer) Preallocate(n int64) error {
	if err := w.usable(); err != nil {
		return err
	}
	need := w.End() + n
	if !w.reserves || need <= w.reserved {
		return nil
	}
	from := max(w.reserved, w.written)
	ahead := (need/reserveStep + 1) * reserveStep
	if err := w.f.Preallocate(from, ahead-from); err == nil {
		w.reserved = ahead
		return nil
	}
	err := w.f.Preallocate(from, need-from) // a nearly full disk may still hold this
	switch {
	case err == nil:
		w.reserved = need
	case errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.EINVAL):
		w.reserves = false
	default:
		return fmt.Errorf("reserve %d bytes in %s: %w", n, w.name, err)
	}
	return nil
}

// Append adds b, one or several whole events, to the buffer; b may be reused,
// but its bytes may be changed by the file system. Large slices go to the file
// at once. After an error the file may hold a part of b: the owner truncates
// to where the group began.
func (w *Writer) Append(b []byte) error {
	if err := w.usable(); err != nil {
		return err
	}
	if len(w.buf)+len(b) > largeBuffer {
		if err := w.Flush(); err != nil {
			return err
		}
		if len(b) > largeBuffer {
			return w.write(b)
		}
	}
	if w.buf == nil {
		w.buf = make([]byte, 0, smallBuffer)
	}
	w.buf = append(w.buf, b...)
	return nil
}

// Write is Append and Flush without a copy into the buffer: b goes to the file
// in one call.
func (w *Writer) Write(b []byte) error {
	if err := w.Flush(); err != nil {
		return err
	}
	if len(b) == 0 {
		return nil
	}
	return w.write(b)
}

// Flush writes the buffer to the file.
func (w *Writer) Flush() error {
	if err := w.usable(); err != nil {
		return err
	}
	if len(w.buf) == 0 {
		return nil
	}
	err := w.write(w.buf)
	w.buf = w.buf[:0]
	return err
}

func (w *Writer) write(b []byte) error {
	w.dirty = max(w.dirty, w.written+int64(len(b)))
	if _, err := w.f.WriteAt(b, w.written); err != nil {
		w.broken = true
		return fmt.Errorf("write %s: %w", w.name, err)
	}
	w.written += int64(len(b))
	return nil
}

// Sync flushes and makes everything appended durable (fdatasync). It returns
// the durable end. A failed flush is not final, a failed sync is.
func (w *Writer) Sync() (end int64, err error) {
	if err := w.Flush(); err != nil {
		return w.durable, err
	}
	if w.durable == w.written {
		return w.durable, nil
	}
	if err := w.f.SyncData(); err != nil {
		w.err = fmt.Errorf("sync %s: %w", w.name, err)
		return w.durable, w.err
	}
	w.durable = w.written
	return w.durable, nil
}

// Truncate takes back everything after end and makes that durable. Where the
// file system cannot truncate, a copy of what stays replaces the file; Readers
// notice by themselves. A failure is final.
func (w *Writer) Truncate(end int64) error {
	if w.err != nil {
		return w.err
	}
	if end < MagicSize || (end > w.End() && !w.broken) || end > w.dirty+int64(len(w.buf)) {
		return fmt.Errorf("truncate %s to %d: not a place before its end %d", w.name, end, w.End())
	}
	if end >= w.dirty && !w.broken {
		w.buf = w.buf[:end-w.written]
		return nil
	}
	if end > w.written {
		return fmt.Errorf("truncate %s to %d: a failed write left only %d", w.name, end, w.written)
	}
	f, err := truncate(w.x, w.f, w.name, end)
	if f != nil {
		w.f = f
	}
	if err != nil {
		w.err = fmt.Errorf("truncate %s: %w", w.name, err)
		return w.err
	}
	w.buf = w.buf[:0]
	w.written, w.dirty, w.durable, w.reserved = end, end, end, end
	w.broken = false
	return nil
}

// truncate cuts the open file to end, durably. It returns the file to go on
// with, which is another one if a copy had to replace it.
func truncate(x *Index, f vfs.File, name string, end int64) (vfs.File, error) {
	if t, ok := f.(interface{ Truncate(int64) error }); ok {
		if err := t.Truncate(end); err != nil {
			return f, err
		}
		return f, f.Sync()
	}
	path := x.Path(name)
	if err := x.fs.Remove(path + ".tmp"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	c, err := x.fs.OpenReadWrite(path+".tmp", vfs.WriteCategoryUnspecified)
	if err != nil {
		return f, err
	}
	if err := copyPrefix(c, f, end); err != nil {
		return f, errors.Join(err, c.Close())
	}
	if err := x.fs.Rename(path+".tmp", path); err != nil {
		return f, errors.Join(err, c.Close())
	}
	x.copies.Add(1)
	return c, errors.Join(SyncDir(x.fs, x.dir), f.Close())
}

func copyPrefix(dst, src vfs.File, end int64) error {
	buf := make([]byte, min(end, largeBuffer))
	for off := int64(0); off < end; {
		b := buf[:min(end-off, largeBuffer)]
		if _, err := src.ReadAt(b, off); err != nil && err != io.EOF {
			return err
		}
		if _, err := dst.WriteAt(b, off); err != nil {
			return err
		}
		off += int64(len(b))
	}
	return dst.Sync()
}

// Close flushes, syncs, clears IN_USE, syncs again and closes the file. After
// a final error it only closes.
func (w *Writer) Close() error {
	if w.err != nil {
		if errors.Is(w.err, ErrClosed) {
			return nil
		}
		err := w.err
		w.err = ErrClosed
		return errors.Join(err, w.f.Close())
	}
	_, err := w.Sync()
	if err == nil {
		err = w.finish()
	}
	w.err = ErrClosed
	return errors.Join(err, w.f.Close())
}

// finish gives reserved space back and clears IN_USE, which the checksum of
// the Format_description does not cover.
func (w *Writer) finish() error {
	if t, ok := w.f.(interface{ Truncate(int64) error }); ok && w.reserved > w.written {
		if err := t.Truncate(w.written); err != nil {
			return err
		}
	}
	return clearInUse(w.f)
}

func clearInUse(f vfs.File) error {
	var flags [1]byte
	if _, err := f.ReadAt(flags[:], flagsOffset); err != nil {
		return err
	}
	flags[0] &^= byte(event.FlagInUse)
	if _, err := f.WriteAt(flags[:], flagsOffset); err != nil {
		return err
	}
	return f.Sync()
}

// ClearInUse does what Close would have done to the Format_description of a
// file whose writer was killed. The flag is part of what a strict reader checks
// the event's CRC32 against, so that it must not stay in a file that has ended.
// It changes nothing where the flag is clear.
func ClearInUse(x *Index, name string) error {
	f, err := x.fs.OpenReadWrite(x.Path(name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("clear IN_USE of %s: %w", name, err)
	}
	var flags [1]byte
	_, err = f.ReadAt(flags[:], flagsOffset)
	switch {
	case err == io.EOF:
		err = nil // not even a header: recovery says so
	case err == nil && flags[0]&byte(event.FlagInUse) != 0:
		err = clearInUse(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("clear IN_USE of %s: %w", name, err)
	}
	return nil
}

// Cut truncates a file that nobody writes to end, durably, and clears the
// IN_USE flag of its Format_description. Recovery uses it on a torn tail.
func Cut(x *Index, name string, end int64) error {
	if _, err := x.fs.Stat(x.Path(name)); err != nil {
		return fmt.Errorf("cut: %w", err)
	}
	f, err := x.fs.OpenReadWrite(x.Path(name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("cut: %w", err)
	}
	st, err := f.Stat()
	if err == nil && (end < MagicSize || end > st.Size()) {
		err = fmt.Errorf("%d is no place in its %d bytes", end, st.Size())
	}
	if err == nil && end < st.Size() {
		f, err = truncate(x, f, name, end)
	}
	if err == nil && end > flagsOffset {
		err = clearInUse(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("cut %s: %w", name, err)
	}
	return nil
}

// IsDiskFull reports whether err means that there is no space left (ENOSPC,
// EDQUOT).
func IsDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
