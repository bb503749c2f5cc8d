package logfile

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
)

const readBuffer = 64 << 10 // bytes

// ReaderOptions tunes a Reader; the zero value works.
type ReaderOptions struct {
	MaxEvent int64 // larger events are an error wrapping ErrTooLarge; 0 = DefaultMaxEvent
	Buffer   int   // bytes read at once; 0 = 64 KiB
}

// Reader follows a log from a place on, across files, up to the Tail. It
// returns whole events only and never reads a byte behind the Tail, because
// such bytes may still be taken back. It does not verify checksums. Its memory
// is the buffer, and the largest event while that is being read. Used by one
// goroutine at a time.
type Reader struct {
	x      *Index
	t      *Tail
	o      ReaderOptions
	f      vfs.File
	copies int64 // x.copies when f was opened

	name  string
	off   int64  // offset of buf[0]
	buf   []byte // bytes read and not yet returned
	space []byte // what buf is a part of
	limit int64  // offset up to which this file may be read
	done  bool   // limit is the file's final length
	start Pos
	err   error // damage; final
}

// NewReader returns a Reader whose first event is the one at p; an offset of 0
// stands for MagicSize. It checks that the file is in the index and starts
// with the magic, not that p is an event's start.
func NewReader(x *Index, t *Tail, p Pos, o ReaderOptions) (*Reader, error) {
	if o.MaxEvent <= 0 {
		o.MaxEvent = DefaultMaxEvent
	}
	if o.Buffer <= 0 {
		o.Buffer = readBuffer
	}
	o.Buffer = max(o.Buffer, 4*event.HeaderSize)
	if !x.Has(p.File) {
		return nil, fmt.Errorf("%w: %q", ErrUnknownFile, p.File)
	}
	r := &Reader{x: x, t: t, o: o}
	if err := r.open(p.File, max(p.Offset, MagicSize)); err != nil {
		return nil, err
	}
	r.start = r.Pos()
	return r, nil
}

// open switches to the named file, at off.
func (r *Reader) open(name string, off int64) error {
	copies := r.x.copies.Load()
	f, err := r.x.fs.Open(r.x.Path(name))
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	if err := checkMagic(f, name); err != nil {
		f.Close()
		return err
	}
	if r.f != nil {
		r.f.Close()
	}
	r.f, r.copies, r.name, r.off = f, copies, name, off
	r.buf, r.limit, r.done = nil, 0, false
	return nil
}

// checkMagic reads the first bytes of a file.
func checkMagic(f io.ReaderAt, name string) error {
	var magic [MagicSize]byte
	n, err := f.ReadAt(magic[:], 0)
	switch {
	case n < MagicSize && (err == io.EOF || err == io.ErrUnexpectedEOF):
		return &CorruptError{File: name, Err: fmt.Errorf("%w: %w", ErrMagic, ErrTorn)}
	case n < MagicSize:
		return err
	case string(magic[:]) == EncryptedMagic:
		return &CorruptError{File: name, Err: ErrEncrypted}
	case string(magic[:]) != Magic:
		return &CorruptError{File: name, Err: ErrMagic}
	}
	return nil
}

// Next returns the next event, which is valid until the following call. At the
// Tail it blocks. It crosses into the next file by itself: the first event of
// a file is the Format_description at offset MagicSize, as stored.
func (r *Reader) Next(ctx context.Context) (event.Event, error) {
	for {
		ev, ok, err := r.TryNext()
		if ok || err != nil {
			return ev, err
		}
		if err := r.t.Wait(ctx, r.Pos()); err != nil {
			return nil, err
		}
	}
}

// TryNext is Next without waiting: ok is false at the Tail.
func (r *Reader) TryNext() (ev event.Event, ok bool, err error) {
	size, err := r.ready()
	if size == 0 || err != nil {
		return nil, false, err
	}
	return event.Event(r.take(size)), true, nil
}

// Chunk returns one or more whole events of one file, back to back, valid
// until the following call. It blocks when there is none.
func (r *Reader) Chunk(ctx context.Context) ([]byte, error) {
	for {
		b, ok, err := r.TryChunk()
		if ok || err != nil {
			return b, err
		}
		if err := r.t.Wait(ctx, r.Pos()); err != nil {
			return nil, err
		}
	}
}

// TryChunk is Chunk without waiting: ok is false at the Tail.
func (r *Reader) TryChunk() (b []byte, ok bool, err error) {
	size, err := r.ready()
	if size == 0 || err != nil {
		return nil, false, err
	}
	for {
		rest := r.buf[size:]
		if len(rest) < event.HeaderSize {
			break
		}
		n, err := r.sizeOf(rest, r.off+int64(size))
		if err != nil || n > len(rest) {
			break // the next call reports it, or reads on
		}
		size += n
	}
	return r.take(size), true, nil
}

// take returns the first size bytes of the buffer.
func (r *Reader) take(size int) []byte {
	b := r.buf[:size:size]
	r.start = r.Pos()
	r.buf = r.buf[size:]
	r.off += int64(size)
	return b
}

// ready makes the next event stand whole in the buffer and returns its size; 0
// at the Tail.
func (r *Reader) ready() (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	for {
		need := event.HeaderSize
		if len(r.buf) >= need {
			size, err := r.sizeOf(r.buf, r.off)
			if err != nil {
				r.err = err
				return 0, err
			}
			if len(r.buf) >= size {
				return size, nil
			}
			need = size
		}
		more, err := r.fill(need)
		if err != nil {
			return 0, err
		}
		if more {
			continue
		}
		if len(r.buf) > 0 || need > event.HeaderSize {
			r.err = &CorruptError{File: r.name, Offset: r.off, Err: ErrTorn}
			return 0, r.err
		}
		if !r.done {
			return 0, nil
		}
		next, ok := r.x.After(r.name)
		if !ok {
			return 0, fmt.Errorf("%w: none follows %s", ErrUnknownFile, r.name)
		}
		if err := r.open(next, MagicSize); err != nil {
			return 0, err
		}
	}
}

// sizeOf returns the size of the event whose header is at the front of b.
func (r *Reader) sizeOf(b []byte, off int64) (int, error) {
	size := int64(binary.LittleEndian.Uint32(b[9:]))
	if size < event.HeaderSize || b[4] == 0 {
		return 0, &CorruptError{File: r.name, Offset: off, Err: ErrImplausible}
	}
	if size > r.o.MaxEvent {
		return 0, &CorruptError{File: r.name, Offset: off, Err: fmt.Errorf("%w: %d bytes", ErrTooLarge, size)}
	}
	return int(size), nil
}

// fill reads on, so that the buffer holds at least need bytes. more is false
// if the Tail or the end of the file comes before that.
func (r *Reader) fill(need int) (more bool, err error) {
	// The limit is asked first: a truncation that replaced the file before the
	// mark came there is then seen in copies.
	for {
		if err := r.setLimit(); err != nil {
			return false, err
		}
		if r.copies == r.x.copies.Load() {
			break
		}
		if err := r.open(r.name, r.off); err != nil {
			return false, err
		}
	}
	if r.off+int64(need) > r.limit {
		// Nothing more may be read. A part of an event shows as a torn one.
		if n := r.limit - r.off - int64(len(r.buf)); n > 0 && n < event.HeaderSize {
			r.err = &CorruptError{File: r.name, Offset: r.off, Err: ErrTorn}
			return false, r.err
		}
		return false, nil
	}
	r.makeRoom(need)
	have := len(r.buf)
	at := r.off + int64(have)
	room := min(int64(cap(r.buf)-have), r.limit-at)
	b := r.buf[have : have+int(room)]
	n, err := r.f.ReadAt(b, at)
	if n < need-have {
		if err == nil || err == io.EOF {
			err = &CorruptError{File: r.name, Offset: r.off, Err: ErrTorn}
			r.err = err
		}
		return false, err
	}
	r.buf = r.buf[:have+n]
	return true, nil
}

// makeRoom moves what is left to the front of a buffer of at least need bytes.
// An event's size was checked against the limit before: it is on disk.
func (r *Reader) makeRoom(need int) {
	size := max(need, r.o.Buffer)
	if len(r.space) < size || len(r.space) > 4*size {
		space := make([]byte, size)
		r.buf = space[:copy(space, r.buf)]
		r.space = space
		return
	}
	r.buf = r.space[:copy(r.space, r.buf)]
}

// setLimit asks the Tail how far the file may be read.
func (r *Reader) setLimit() error {
	if r.done {
		return nil
	}
	mark := r.t.Get()
	switch c := compareNames(mark.File, r.name); {
	case c == 0:
		r.limit = mark.Offset
	case c > 0: // the file is complete
		st, err := r.f.Stat()
		if err != nil {
			return err
		}
		r.limit, r.done = st.Size(), true
	}
	return nil
}

// Start returns the place of the event or chunk returned last.
func (r *Reader) Start() Pos { return r.start }

// Pos returns the place behind the event or chunk returned last.
func (r *Reader) Pos() Pos { return Pos{File: r.name, Offset: r.off} }

// Close releases the open file.
func (r *Reader) Close() error {
	if r.f == nil {
		return nil
	}
	err := r.f.Close()
	r.f, r.err = nil, ErrClosed
	return err
}
