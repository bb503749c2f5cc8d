package storage

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
	"binrelay/binlog/logfile"
	"binrelay/binlog/txn"
)

// localRecord is a record found in the local log.
type localRecord struct {
	foundRecord
	start, end txn.Coord
}

// localTail is what a scan of the local log found.
type localTail struct {
	records []localRecord
	marks   []foundMark
	damage  *txn.Coord // first bytes that are no whole record, if any
}

// scanLocal reads the local log from a place between records on. Damage is
// reported, and searched past, in the newest file only; elsewhere it is an
// error.
func scanLocal(x *logfile.Index, from txn.Coord) (*localTail, error) {
	files := x.Files()
	if from.File != "" {
		i := slices.Index(files, from.File)
		if i < 0 {
			return nil, &LogBehindError{File: from.File, Offset: from.Pos, Err: logfile.ErrUnknownFile}
		}
		files = files[i:]
	}
	t := &localTail{}
	for i, name := range files {
		at := int64(0)
		if name == from.File {
			at = int64(from.Pos)
			size, err := x.Size(name)
			if err != nil {
				return nil, fmt.Errorf("scan local log: %w", err)
			}
			if size < at {
				return nil, &LogBehindError{File: name, Offset: from.Pos, Err: io.ErrUnexpectedEOF}
			}
		}
		s := localScan{tail: t, name: name, last: i == len(files)-1}
		if err := s.file(x, at); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// localScan is the scan of one file.
type localScan struct {
	tail *localTail
	name string
	last bool

	open bool // a record is being read:
	head localHeader
	rec  localRecord
	left uint32 // its events that are missing
	size uint64 // its bytes that are missing
	lost bool   // after damage: events without their header are passed over
}

func (s *localScan) at(off int64) txn.Coord { return txn.Coord{File: s.name, Pos: uint64(off)} }

func (s *localScan) file(x *logfile.Index, from int64) error {
	sc, err := logfile.OpenScanner(x.FS(), x.Path(s.name), from, logfile.ScanOptions{})
	if err != nil {
		return fmt.Errorf("scan local log: %w", err)
	}
	defer sc.Close()
	end := from
	for {
		off, ev, err := sc.Next()
		var corrupt *logfile.CorruptError
		switch {
		case errors.Is(err, io.EOF):
			if s.open {
				return s.damaged(s.at(end), errLocal)
			}
			return nil
		case errors.As(err, &corrupt):
			if err := s.damaged(s.at(corrupt.Offset), err); err != nil {
				return err
			}
			if err := sc.Resync(); err != nil {
				if errors.Is(err, io.EOF) {
					return nil
				}
				return fmt.Errorf("scan local log: %w", err)
			}
			continue
		case err != nil:
			return fmt.Errorf("scan local log: %w", err)
		}
		end = off + int64(len(ev))
		if err := s.event(off, ev); err != nil {
			return err
		}
	}
}

// damaged ends the record being read, which then only proves that its group
// was written.
func (s *localScan) damaged(at txn.Coord, err error) error {
	if !s.last {
		return &DamageError{File: at.File, Offset: at.Pos, Err: err}
	}
	if s.tail.damage == nil {
		if s.open {
			at = s.rec.start
		}
		s.tail.damage = &at
	}
	if s.open {
		s.rec.partial, s.rec.end = true, at
		s.tail.records = append(s.tail.records, s.rec)
	}
	s.open, s.lost = false, true
	return nil
}

func (s *localScan) event(off int64, ev event.Event) error {
	switch ev.Type() {
	case event.LocalHeader:
		if s.open {
			if err := s.damaged(s.at(off), fmt.Errorf("%w: record cut short", errLocal)); err != nil {
				return err
			}
		}
		h, err := decodeLocalHeader(ev)
		if err != nil {
			return s.damaged(s.at(off), err)
		}
		if h.kind == localMarkKind {
			s.tail.marks = append(s.tail.marks, foundMark{csn: h.csn, synced: h.flags&localSynced != 0})
			return nil
		}
		s.lost = false
		s.head, s.left, s.size, s.open = h, h.events, h.length, true
		s.rec = localRecord{start: s.at(off)}
		s.rec.csn, s.rec.index, s.rec.joined = h.csn, h.index, h.flags&localJoined != 0
	case event.FormatDescription, event.Stop, event.Rotate:
		if !s.open {
			return nil
		}
		return s.damaged(s.at(off), fmt.Errorf("%w: record cut short", errLocal))
	default:
		if s.lost {
			return nil
		}
		if !s.open || s.left == 0 || uint64(len(ev)) > s.size {
			return s.damaged(s.at(off), fmt.Errorf("%w: event outside of a record", errLocal))
		}
		s.left--
		s.size -= uint64(len(ev))
	}
	if s.open && s.left == 0 {
		if s.size != 0 {
			return s.damaged(s.at(off), fmt.Errorf("%w: %d bytes are missing", errLocal, s.size))
		}
		s.rec.end = s.at(off + int64(len(ev)))
		s.tail.records = append(s.tail.records, s.rec)
		s.open = false
	}
	return nil
}

// fileEvents is the txn.Events of a range of a log file, checksums included.
type fileEvents struct {
	fs   vfs.FS
	path string
	from int64
	to   int64
	sc   *logfile.Scanner
}

var _ txn.Events = (*fileEvents)(nil)

// Next returns the next event of the range.
func (f *fileEvents) Next() (event.Event, error) {
	if f.sc == nil {
		sc, err := logfile.OpenScanner(f.fs, f.path, f.from, logfile.ScanOptions{Limit: f.to})
		if err != nil {
			return nil, err
		}
		f.sc = sc
	}
	_, ev, err := f.sc.Next()
	return ev, err
}

// Rewind starts again at the first event.
func (f *fileEvents) Rewind() error { return f.Close() }

// Close releases the file.
func (f *fileEvents) Close() error {
	if f.sc == nil {
		return nil
	}
	err := f.sc.Close()
	f.sc = nil
	return err
}
