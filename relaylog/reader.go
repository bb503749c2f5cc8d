package relaylog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"binrelay/binlog/event"
	"binrelay/binlog/logfile"
	"binrelay/binlog/txn"
)

// readerSet knows which files are being read, so that a purge leaves them.
type readerSet struct {
	mu   sync.Mutex
	open map[*Reader]string // to the file it is on
}

func (s *readerSet) set(r *Reader, file string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(r, file)
}

// put is set with mu held.
func (s *readerSet) put(r *Reader, file string) {
	if s.open == nil {
		s.open = make(map[*Reader]string)
	}
	s.open[r] = file
}

func (s *readerSet) remove(r *Reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, r)
}

// isOn reports whether a Reader is on the file. mu is held.
func (s *readerSet) isOn(file string) bool {
	for _, on := range s.open {
		if on == file {
			return true
		}
	}
	return false
}

// Reader hands out appended events, synced or not, across files, and blocks at
// the end. Used by one goroutine at a time; its file is not purged.
//
// When the source was asked again from an earlier place, a new file begins in
// the middle of a transaction: its Rotate and Format_description come while the
// transaction is open. What came before of it is to be dropped; Boundary says
// so too.
type Reader struct {
	l    *Log
	tail *logfile.Tail
	r    *logfile.Reader // nil: the log has no file yet
	t    tracker
	file string
}

// NewReader returns a Reader that starts at an event's start; an empty file
// name stands for the beginning of the oldest file, or of the first one that
// will be there. It fails with ErrUnknownFile or ErrBadPosition.
func (l *Log) NewReader(at txn.Coord) (*Reader, error) {
	r := l.newReader()
	if at.File == "" {
		at = txn.Coord{Pos: logfile.MagicSize}
	}
	ok, err := l.hold(r, &at)
	if ok && err == nil {
		err = r.start(at)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (l *Log) newReader() *Reader {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &Reader{l: l, tail: l.tail, t: tracker{base: l.o.Base}}
}

// hold notes that r is on the file of at, before a purge can take it. ok is
// false if there is no file at all.
func (l *Log) hold(r *Reader, at *txn.Coord) (ok bool, err error) {
	l.readers.mu.Lock()
	defer l.readers.mu.Unlock()
	if at.File == "" {
		files := l.x.Files()
		if len(files) == 0 {
			return false, nil
		}
		at.File = files[0]
	}
	if !l.x.Has(at.File) {
		return false, fmt.Errorf("%w: %q", ErrUnknownFile, at.File)
	}
	l.readers.put(r, at.File)
	return true, nil
}

// start reads the file up to at, to learn the source's coordinate there.
func (r *Reader) start(at txn.Coord) error {
	err := r.l.scan(r.tail, at.File, &r.t, int64(at.Pos), func(Entry) error { return nil })
	if err != nil {
		return err
	}
	return r.open(at)
}

func (r *Reader) open(at txn.Coord) error {
	lr, err := logfile.NewReader(r.l.x, r.tail, logfile.Pos{File: at.File, Offset: int64(at.Pos)},
		logfile.ReaderOptions{MaxEvent: r.l.o.MaxEvent})
	if err != nil {
		return fmt.Errorf("read relay log: %w", err)
	}
	r.r, r.file = lr, at.File
	return nil
}

// scan calls fn for the file's events before the offset end, which must be an
// event's start or the end of what is readable; 0 stands for the latter.
func (l *Log) scan(tail *logfile.Tail, file string, t *tracker, end int64, fn func(Entry) error) error {
	o := logfile.ScanOptions{Foreign: true, MaxEvent: l.o.MaxEvent}
	size, err := l.x.Size(file)
	if err != nil {
		return fmt.Errorf("read relay log: %w", err)
	}
	if mark := tail.Get(); mark.File == file {
		size = mark.Offset
	}
	o.Limit = size
	if end == 0 {
		end = size
	}
	if end < logfile.MagicSize || end > size {
		return fmt.Errorf("%w: %s has %d bytes", ErrBadPosition, file, size)
	}
	s, err := logfile.OpenScanner(l.o.FS, l.x.Path(file), 0, o)
	if err != nil {
		return fmt.Errorf("read relay log: %w", err)
	}
	defer s.Close()
	for at := int64(logfile.MagicSize); at < end; {
		off, ev, err := s.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read relay log: %w", err)
		}
		at = off + int64(len(ev))
		if at > end {
			return fmt.Errorf("%w: the event at %d ends at %d", ErrBadPosition, off, at)
		}
		e, err := t.add(ev, file, off)
		if err == nil {
			err = fn(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// errFound ends a scan.
var errFound = errors.New("found")

// NewReaderAtSource returns a Reader that starts at the first event behind the
// given coordinate of the source: where an Applier goes on that has applied
// everything up to there. ok is false if the relay log does not hold it: the
// log is then to be reset and the source asked from there.
func (l *Log) NewReaderAtSource(applied txn.Coord) (r *Reader, ok bool, err error) {
	r = l.newReader()
	files := l.x.Files()
	slices.Reverse(files)
	for _, file := range files {
		at := txn.Coord{File: file}
		if _, err := l.hold(r, &at); err != nil {
			break // purged meanwhile: older ones are too
		}
		starts, found, err := r.find(file, applied)
		if err != nil {
			r.Close()
			return nil, false, err
		}
		if found.File != "" {
			if err := r.start(found); err != nil {
				r.Close()
				return nil, false, err
			}
			return r, true, nil
		}
		if !applied.Less(starts) {
			break // the place would have to be in this file
		}
	}
	r.Close()
	return nil, false, nil
}

// find looks for the event behind applied. starts is the source's coordinate
// at the file's beginning, found where that event begins in the relay log.
func (r *Reader) find(file string, applied txn.Coord) (starts, found txn.Coord, err error) {
	t := tracker{base: r.l.o.Base}
	err = r.l.scan(r.tail, file, &t, 0, func(e Entry) error {
		if e.Own {
			return nil
		}
		if starts.IsZero() {
			if starts = e.Source; applied.Less(starts) {
				return errFound
			}
			if starts == applied {
				found = txn.Coord{File: file, Pos: logfile.MagicSize}
			}
			return nil
		}
		switch {
		case e.Source == applied && e.Source != starts:
			found = e.End
		case !applied.Less(e.Source):
		case found.IsZero() && e.Source.File == applied.File && e.Source.Pos-uint64(len(e.Event)) >= applied.Pos:
			found = e.Start // the source left out what lies between
			return errFound
		default:
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return starts, found, err
}

// Next returns the next event. It ends with ctx's error, ErrClosed or ErrReset.
// Damage is a *logfile.CorruptError.
func (r *Reader) Next(ctx context.Context) (Entry, error) {
	for {
		e, ok, err := r.TryNext()
		if ok || err != nil {
			return e, err
		}
		r.l.setWaiting(1)
		err = r.tail.Wait(ctx, r.pos())
		r.l.setWaiting(-1)
		if err != nil {
			return Entry{}, err
		}
	}
}

// setWaiting counts the Readers that have read everything.
func (l *Log) setWaiting(d int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting += d
	if d > 0 {
		l.signal()
	}
}

func (r *Reader) pos() logfile.Pos {
	if r.r == nil {
		return logfile.Pos{}
	}
	return r.r.Pos()
}

// TryNext is Next without waiting: ok is false at the end.
func (r *Reader) TryNext() (e Entry, ok bool, err error) {
	if err := r.tail.Err(); errors.Is(err, ErrReset) {
		return Entry{}, false, err // the files are gone
	}
	if r.r == nil {
		if r.tail.Get() == (logfile.Pos{}) {
			return Entry{}, false, nil
		}
		at := txn.Coord{Pos: logfile.MagicSize}
		if ok, err := r.l.hold(r, &at); !ok {
			return Entry{}, false, err
		}
		if err := r.open(at); err != nil {
			return Entry{}, false, err
		}
	}
	ev, ok, err := r.r.TryNext()
	if !ok || err != nil {
		return Entry{}, false, err
	}
	start := r.r.Start()
	if start.File != r.file {
		r.file = start.File
		r.l.readers.set(r, r.file)
	}
	if ev.Type() == event.FormatDescription {
		event.SetFlags(ev, ev.Flags()&^event.FlagInUse)
	}
	e, err = r.t.add(ev, start.File, start.Offset)
	return e, err == nil, err
}

// AtEnd reports whether everything appended has been read.
func (r *Reader) AtEnd() bool { return !r.pos().Less(r.tail.Get()) }

// Close ends the Reader.
func (r *Reader) Close() error {
	r.l.readers.remove(r)
	if r.r == nil {
		return nil
	}
	return r.r.Close()
}

// ShowEvents calls fn for the events of one file from pos on (0 = the first),
// for SHOW RELAYLOG EVENTS; an empty file name stands for the oldest. It ends
// with fn's error, ErrUnknownFile, ErrBadPosition, or a *logfile.CorruptError.
func (l *Log) ShowEvents(file string, pos int64, fn func(Entry) error) error {
	r := l.newReader()
	defer r.Close()
	at := txn.Coord{File: file}
	if ok, err := l.hold(r, &at); !ok {
		return err
	}
	pos = max(pos, logfile.MagicSize)
	exact := false
	err := l.scan(r.tail, at.File, &r.t, 0, func(e Entry) error {
		if e.Start.Pos < uint64(pos) {
			return nil
		}
		if exact = exact || e.Start.Pos == uint64(pos); !exact {
			return fmt.Errorf("%w: %d", ErrBadPosition, pos)
		}
		return fn(e)
	})
	return err
}
