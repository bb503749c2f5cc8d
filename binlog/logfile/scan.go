package logfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
)

// ScanOptions tunes a Scanner; the zero value works.
type ScanOptions struct {
	MaxEvent int64 // larger events are taken for damage; 0 = DefaultMaxEvent
	Limit    int64 // offset at which the file ends for this Scanner; 0 = its size
	Foreign  bool  // end_log_pos does not tell the offset (relay logs)
}

// Scanner reads one file from front to back and verifies every event: a
// plausible header, end_log_pos equal to the offset after the event (unless
// Foreign), and the CRC32 when the file has them. It judges bytes, not
// transactions. Used by one goroutine at a time.
type Scanner struct {
	f    vfs.File
	name string
	o    ScanOptions
	size int64

	off      int64  // of buf[0]: the next event
	buf      []byte // bytes read and not yet returned
	space    []byte // what buf is a part of
	checksum bool
	damage   *CorruptError
}

// OpenScanner opens the file and reads its Format_description. The first event
// returned is the one at from; 0 stands for MagicSize. Errors in the magic or
// the Format_description are CorruptErrors.
func OpenScanner(fsys vfs.FS, path string, from int64, o ScanOptions) (*Scanner, error) {
	if o.MaxEvent <= 0 {
		o.MaxEvent = DefaultMaxEvent
	}
	f, err := fsys.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open log file: %w", err)
	}
	s := &Scanner{f: f, name: fsys.PathBase(path), o: o, off: MagicSize}
	if err := s.begin(max(from, MagicSize)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// begin checks the magic and the events at the front that say whether there
// are checksums, then goes to from.
func (s *Scanner) begin(from int64) error {
	st, err := s.f.Stat()
	if err != nil {
		return err
	}
	s.size = st.Size()
	if s.o.Limit > 0 {
		s.size = min(s.size, s.o.Limit)
	}
	if err := checkMagic(s.f, s.name); err != nil {
		return err
	}
	_, ev, err := s.Next()
	if err == io.EOF {
		return &CorruptError{File: s.name, Offset: MagicSize, Err: ErrTorn}
	}
	if err != nil {
		return err
	}
	if ev.Type() != event.FormatDescription {
		return &CorruptError{File: s.name, Offset: MagicSize, Err: fmt.Errorf("%w: no Format_description", ErrImplausible)}
	}
	// A relay log has its source's Format_description a few events later.
	for s.o.Foreign && s.off < from {
		_, ev, err := s.Next()
		if err != nil || !isHead(ev.Type()) {
			break
		}
	}
	s.damage = nil
	s.seek(from)
	return nil
}

// isHead reports whether events of type t stand before the first transaction.
func isHead(t event.Type) bool {
	switch t {
	case event.FormatDescription, event.PreviousGTIDs, event.Rotate, event.MariaGTIDList:
		return true
	}
	return false
}

// seek makes off the place of the next event.
func (s *Scanner) seek(off int64) {
	if d := off - s.off; d >= 0 && d <= int64(len(s.buf)) {
		s.buf = s.buf[d:]
	} else {
		s.buf = nil
	}
	s.off = off
}

// Next returns the next event and its offset; the event is valid until the
// following call. io.EOF means that the file ends exactly there. Any damage is
// a *CorruptError, and stays so until Resync.
func (s *Scanner) Next() (off int64, ev event.Event, err error) {
	if s.damage != nil {
		return s.damage.Offset, nil, s.damage
	}
	if s.off == s.size {
		return s.off, nil, io.EOF
	}
	b, bad, err := s.valid(s.off)
	if err != nil {
		return s.off, nil, fmt.Errorf("read %s: %w", s.name, err)
	}
	if bad != nil {
		s.damage = &CorruptError{File: s.name, Offset: s.off, Err: bad}
		return s.off, nil, s.damage
	}
	off = s.off
	s.seek(off + int64(len(b)))
	return off, b, nil
}

// valid returns the event at off, or in bad what is wrong with it. off is
// where the buffer begins. err is an error of the file system.
func (s *Scanner) valid(off int64) (ev event.Event, bad, err error) {
	left := s.size - off
	if left < event.HeaderSize {
		return nil, ErrTorn, nil
	}
	head, err := s.peek(event.HeaderSize)
	if err != nil {
		return nil, nil, err
	}
	if bad := s.plausible(head, off); bad != nil {
		if !errors.Is(bad, ErrTorn) && s.zeroToEnd(off) {
			bad = fmt.Errorf("%w: only zero bytes follow", ErrTorn)
		}
		return nil, bad, nil
	}
	b, err := s.peek(int(event.Event(head).Size()))
	if err != nil {
		return nil, nil, err
	}
	ev = event.Event(b)
	if ev.Type() == event.FormatDescription {
		sums, bad := s.format(ev)
		if bad == nil {
			s.checksum = sums
		}
		return ev, bad, nil
	}
	if s.checksum && !sumMatches(ev) {
		return nil, ErrChecksum, nil
	}
	return ev, nil, nil
}

// plausible checks a header that stands at off.
func (s *Scanner) plausible(head []byte, off int64) error {
	ev := event.Event(head)
	size := int64(ev.Size())
	least := int64(event.HeaderSize)
	if s.checksum {
		least += event.ChecksumSize
	}
	if size < least || ev.Type() == event.Unknown {
		return ErrImplausible
	}
	if !s.o.Foreign && ev.EndPos() != uint32(off+size) {
		return fmt.Errorf("%w: end_log_pos %d at the end of the event at %d", ErrImplausible, ev.EndPos(), off+size)
	}
	if size > s.o.MaxEvent {
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, size)
	}
	if off+size > s.size {
		return ErrTorn
	}
	return nil
}

// format reports whether a Format_description announces checksums. It ends in
// a CRC32 itself in any case; other servers may leave that 0 with checksums off.
func (s *Scanner) format(ev event.Event) (bool, error) {
	f, err := event.DecodeFormat(ev)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrImplausible, err)
	}
	unset := !f.Checksum && s.o.Foreign && binary.LittleEndian.Uint32(ev[len(ev)-event.ChecksumSize:]) == 0
	if !unset && !sumMatches(ev) {
		return false, ErrChecksum
	}
	return f.Checksum, nil
}

// sumMatches verifies the CRC32 at the end of ev. IN_USE counts as clear.
func sumMatches(ev event.Event) bool {
	n := len(ev) - event.ChecksumSize
	want := binary.LittleEndian.Uint32(ev[n:])
	if ev.Type() != event.FormatDescription {
		return crc32.ChecksumIEEE(ev[:n]) == want
	}
	var head [event.HeaderSize]byte
	copy(head[:], ev)
	head[17] &^= byte(event.FlagInUse)
	return crc32.Update(crc32.ChecksumIEEE(head[:]), crc32.IEEETable, ev[event.HeaderSize:n]) == want
}

// peek returns the next n bytes, which are in the file.
func (s *Scanner) peek(n int) ([]byte, error) {
	if n <= len(s.buf) {
		return s.buf[:n], nil
	}
	want := max(n, readBuffer)
	want = int(min(int64(want), s.size-s.off))
	if len(s.space) < want || len(s.space) > 4*max(want, readBuffer) {
		space := make([]byte, max(want, min(readBuffer, int(s.size))))
		s.buf = space[:copy(space, s.buf)]
		s.space = space
	} else {
		s.buf = s.space[:copy(s.space, s.buf)]
	}
	have := len(s.buf)
	got, err := s.f.ReadAt(s.buf[have:want], s.off+int64(have))
	s.buf = s.buf[:have+got]
	if len(s.buf) < n {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return s.buf[:n], nil
}

// zeroToEnd reports whether the file holds only zero bytes from off on: space
// that the file system gave it, but no data.
func (s *Scanner) zeroToEnd(off int64) bool {
	buf := make([]byte, readBuffer)
	for off < s.size {
		b := buf[:min(int64(len(buf)), s.size-off)]
		if n, _ := s.f.ReadAt(b, off); n < len(b) {
			return false
		}
		for _, c := range b {
			if c != 0 {
				return false
			}
		}
		off += int64(len(b))
	}
	return true
}

// Resync searches from after the damage that Next reported for the next bytes
// that are a valid event, CRC and position included, and makes it the next
// one to be returned. io.EOF means that there is none. It finds nothing in
// Foreign files, where the position does not vouch for an event.
func (s *Scanner) Resync() error {
	if s.damage == nil {
		return nil
	}
	if s.o.Foreign {
		return io.EOF
	}
	buf := make([]byte, 4*readBuffer)
	for off := s.damage.Offset + 1; s.size-off >= event.HeaderSize; {
		b := buf[:min(int64(len(buf)), s.size-off)]
		if n, err := s.f.ReadAt(b, off); n < len(b) {
			return fmt.Errorf("read %s: %w", s.name, err)
		}
		last := len(b) - event.HeaderSize
		for i := 0; i <= last; i++ {
			at := off + int64(i)
			// The cheap test first: the position vouches for the header.
			if binary.LittleEndian.Uint32(b[i+13:]) != uint32(at)+binary.LittleEndian.Uint32(b[i+9:]) ||
				s.plausible(b[i:i+event.HeaderSize], at) != nil {
				continue
			}
			s.seek(at)
			_, bad, err := s.valid(at)
			if err != nil {
				return fmt.Errorf("read %s: %w", s.name, err)
			}
			if bad == nil {
				s.damage = nil
				return nil
			}
		}
		off += int64(last) + 1
	}
	return io.EOF
}

// Checksum reports whether events end in a CRC32, as the last
// Format_description says.
func (s *Scanner) Checksum() bool { return s.checksum }

// Size returns the file's length when it was opened, or the Limit.
func (s *Scanner) Size() int64 { return s.size }

// Close releases the file.
func (s *Scanner) Close() error { return s.f.Close() }

// Scan calls fn for each event of the file from offset from on. It ends with
// nil at the clean end, with fn's error, or with a *CorruptError.
func Scan(fsys vfs.FS, path string, from int64, o ScanOptions, fn func(off int64, ev event.Event) error) error {
	s, err := OpenScanner(fsys, path, from, o)
	if err != nil {
		return err
	}
	defer s.Close()
	for {
		off, ev, err := s.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(off, ev); err != nil {
			return err
		}
	}
}
