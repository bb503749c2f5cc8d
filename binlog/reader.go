package binlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
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

// Reader hands the binlog to one dumper: whole events as they stand in the
// file, up to the Sent mark, across files. Used by one goroutine at a time.
type Reader struct {
	l        *Log
	tail     *logfile.Tail
	r        *logfile.Reader
	file     string
	checksum bool
}

// NewReader returns a Reader that starts at an event's start. An empty file
// name stands for the oldest file. A bad place is a *PositionError.
// The Reader's file is not purged while it is open.
func (l *Log) NewReader(at txn.Coord) (*Reader, error) {
	r := &Reader{l: l, tail: l.currentTail()}
	l.readers.mu.Lock() // a purge waits until the file is noted
	if at.File == "" {
		if files := l.x.Files(); len(files) > 0 {
			at.File = files[0]
		}
	}
	if l.x.Has(at.File) {
		if l.readers.open == nil {
			l.readers.open = make(map[*Reader]string)
		}
		l.readers.open[r] = at.File
	}
	l.readers.mu.Unlock()
	if err := r.start(at); err != nil {
		l.readers.remove(r)
		return nil, err
	}
	return r, nil
}

func (r *Reader) start(at txn.Coord) error {
	x := r.l.x
	if !x.Has(at.File) {
		return &PositionError{At: at, Err: ErrUnknownFile}
	}
	size, err := x.Size(at.File)
	if err != nil {
		return fmt.Errorf("start reader: %w", err)
	}
	if mark := r.tail.Get(); mark.File == at.File {
		size = mark.Offset
	}
	if at.Pos < logfile.MagicSize {
		return &PositionError{At: at, Size: size, Err: ErrPositionTooSmall}
	}
	if at.Pos > uint64(size) {
		return &PositionError{At: at, Size: size, Err: ErrPositionBeyondEnd}
	}
	s, err := logfile.OpenScanner(x.FS(), x.Path(at.File), int64(at.Pos), logfile.ScanOptions{Limit: size, MaxEvent: r.l.o.MaxEvent})
	if err != nil {
		return fmt.Errorf("start reader: %w", err)
	}
	defer s.Close()
	r.checksum = s.Checksum()
	var bad *logfile.CorruptError
	switch _, _, err := s.Next(); {
	case err == io.EOF, err == nil:
	case errors.As(err, &bad):
		return &PositionError{At: at, Size: size, Err: fmt.Errorf("%w: %w", ErrInsideEvent, err)}
	default:
		return fmt.Errorf("start reader: %w", err)
	}
	r.r, err = logfile.NewReader(x, r.tail, logfile.Pos{File: at.File, Offset: int64(at.Pos)},
		logfile.ReaderOptions{MaxEvent: r.l.o.MaxEvent})
	r.file = at.File
	return err
}

// Next returns the next event, valid until the following call, and blocks at
// the Sent mark. When a file ends it goes on with the next one, whose first
// event is its Format_description with IN_USE cleared: Start().File has
// changed then, and a dumper sends an artificial Rotate first. At the mark of a
// Log that was closed or reset it returns ErrClosed or ErrReset.
func (r *Reader) Next(ctx context.Context) (event.Event, error) {
	if err := r.reset(); err != nil {
		return nil, err
	}
	ev, err := r.r.Next(ctx)
	if err != nil {
		return nil, err
	}
	return r.note(ev)
}

// reset returns ErrReset once the Reader's files are gone.
func (r *Reader) reset() error {
	if err := r.tail.Err(); errors.Is(err, ErrReset) {
		return err
	}
	return nil
}

// TryNext is Next without waiting: ok is false at the Sent mark.
func (r *Reader) TryNext() (ev event.Event, ok bool, err error) {
	if err := r.reset(); err != nil {
		return nil, false, err
	}
	ev, ok, err = r.r.TryNext()
	if !ok || err != nil {
		return nil, false, err
	}
	ev, err = r.note(ev)
	return ev, err == nil, err
}

// note keeps account of the file that ev comes from.
func (r *Reader) note(ev event.Event) (event.Event, error) {
	if ev.Type() != event.FormatDescription {
		return ev, nil
	}
	if file := r.r.Start().File; file != r.file {
		r.l.readers.set(r, file)
		r.file = file
	}
	f, err := event.DecodeFormat(ev)
	if err != nil {
		return nil, &logfile.CorruptError{File: r.file, Offset: r.r.Start().Offset, Err: err}
	}
	r.checksum = f.Checksum
	event.SetFlags(ev, ev.Flags()&^event.FlagInUse) // the checksum counts it as clear
	return ev, nil
}

// Chunk returns one or more whole events of one file, back to back, valid
// until the following call, and blocks at the Sent mark: the cheap way to send
// many small events. A Format_description comes with IN_USE cleared, at the
// front of a chunk.
func (r *Reader) Chunk(ctx context.Context) ([]byte, error) {
	if err := r.reset(); err != nil {
		return nil, err
	}
	b, err := r.r.Chunk(ctx)
	if err != nil {
		return nil, err
	}
	first := event.Event(b)
	_, err = r.note(first[:first.Size()])
	return b, err
}

// Start returns where the event or chunk returned last begins.
func (r *Reader) Start() txn.Coord { return coord(r.r.Start()) }

// Pos returns where the next event begins, if the file does not end there.
func (r *Reader) Pos() txn.Coord { return coord(r.r.Pos()) }

// Checksum reports whether the current file's events end in a CRC32.
func (r *Reader) Checksum() bool { return r.checksum }

// Close ends the Reader and lets its file be purged.
func (r *Reader) Close() error {
	r.l.readers.remove(r)
	return r.r.Close()
}

// Header returns the file's Format_description, IN_USE cleared, and the GTIDs
// of its Previous_gtids event.
func (l *Log) Header(file string) (fde event.Event, previous gtid.Set, err error) {
	if !l.x.Has(file) {
		return nil, gtid.Set{}, &PositionError{At: txn.Coord{File: file}, Err: ErrUnknownFile}
	}
	return header(l.x, file)
}

func header(x *logfile.Index, file string) (fde event.Event, previous gtid.Set, err error) {
	s, err := logfile.OpenScanner(x.FS(), x.Path(file), 0, logfile.ScanOptions{})
	if err != nil {
		return nil, gtid.Set{}, err
	}
	defer s.Close()
	for {
		_, ev, err := s.Next()
		if err == io.EOF && fde != nil {
			return fde, previous, nil
		}
		if err != nil {
			return nil, gtid.Set{}, err
		}
		switch ev.Type() {
		case event.FormatDescription:
			fde = append(event.Event(nil), ev...)
			event.SetFlags(fde, ev.Flags()&^event.FlagInUse)
		case event.PreviousGTIDs:
			previous, err = event.DecodePreviousGTIDs(ev, s.Checksum())
			if err != nil {
				return nil, gtid.Set{}, fmt.Errorf("%s: %w", file, err)
			}
			return fde, previous, nil
		default: // a file without Previous_gtids
			return fde, previous, nil
		}
	}
}

// FindGTID returns the newest file whose Previous_gtids is a subset of have:
// a replica that has these GTIDs is served from its start. A replica that lacks
// GTIDs older than every file gets ErrPurged.
func (l *Log) FindGTID(have gtid.Set) (file string, err error) {
	files := l.x.Files()
	for i := len(files) - 1; i >= 0; i-- {
		_, previous, err := header(l.x, files[i])
		if err != nil {
			return "", fmt.Errorf("find file for GTIDs: %w", err)
		}
		if have.ContainsSet(previous) {
			return files[i], nil
		}
	}
	return "", ErrPurged
}
