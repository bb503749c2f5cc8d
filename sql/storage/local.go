package storage

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
	"binrelay/binlog/logfile"
	"binrelay/binlog/txn"
)

// localLog is the writer of the local log. The Committer's leader, or who holds
// the queue closed, calls it under committer.logMu; purge is safe beside that.
type localLog struct {
	index *logfile.Index
	head  event.Header
	now   func() uint32 // header time of records
	w     *logfile.Writer
	size  int64 // rotation limit, bytes
	buf   []byte
}

// openLocalIndex opens the list of local log files below the data directory.
func openLocalIndex(fs vfs.FS, dir string) (*logfile.Index, error) {
	return logfile.OpenIndex(fs, fs.PathJoin(dir, "#local"), localBase)
}

// openLocalLog begins a new file, whose mark says that everything up to csn is
// durable in both logs.
func openLocalLog(x *logfile.Index, serverID uint32, now func() uint32, csn txn.CSN, synced bool) (*localLog, error) {
	if _, err := x.Reconcile(); err != nil {
		return nil, fmt.Errorf("open local log: %w", err)
	}
	l := &localLog{index: x, head: event.Header{ServerID: serverID}, now: now, size: maxLocalFile}
	w, err := l.create(csn, synced)
	if err != nil {
		return nil, err
	}
	l.w = w
	return l, nil
}

func (l *localLog) header() event.Header {
	l.head.Timestamp = l.now()
	return l.head
}

func (l *localLog) create(csn txn.CSN, synced bool) (*logfile.Writer, error) {
	name, err := l.index.NextName()
	if err != nil {
		return nil, fmt.Errorf("name local log file: %w", err)
	}
	h := l.header()
	b := event.AppendFormat(nil, h, localServerVersion, h.Timestamp, true)
	n := len(b)
	event.Finish(event.Event(b), uint32(localMagicSize+n), true)
	b = appendLocalHeader(b, h, &localHeader{kind: localMarkKind, flags: modeFlag(synced), csn: csn})
	event.Finish(event.Event(b[n:]), uint32(localMagicSize+len(b)), true)
	w, err := logfile.Create(l.index, name, b)
	if err != nil {
		return nil, fmt.Errorf("create local log file: %w", err)
	}
	return w, nil
}

func modeFlag(synced bool) byte {
	if synced {
		return localSynced
	}
	return 0
}

// end returns the coordinate after the last record.
func (l *localLog) end() txn.Coord {
	return txn.Coord{File: l.w.Name(), Pos: uint64(l.w.End())}
}

// mark notes durably that everything up to csn is durable in both logs, and
// how groups are synced from here on.
func (l *localLog) mark(csn txn.CSN, synced bool) error {
	l.buf = appendLocalHeader(l.buf[:0], l.header(), &localHeader{kind: localMarkKind, flags: modeFlag(synced), csn: csn})
	if err := l.put(l.buf); err != nil {
		return err
	}
	_, err := l.w.Sync()
	return err
}

// put finishes one event and appends it.
func (l *localLog) put(ev event.Event) error {
	end := l.w.End() + int64(len(ev))
	if end > math.MaxUint32 {
		return fmt.Errorf("local log file over 4 GiB: %w", ErrTooLarge)
	}
	event.Finish(ev, uint32(end), true)
	return l.w.Append(ev)
}

// recordSize returns an upper bound of the bytes that p's record takes.
func recordSize(p *pending) int64 {
	n := localHeaderSize + p.privLen
	if p.hasKV() {
		n += event.HeaderSize + event.ChecksumSize + 64
		for _, kv := range p.kv {
			n += int64(len(kv.Key)+len(kv.Value)) + 20
		}
		n += 10 * int64(len(p.drops))
		if o := p.origin; o != nil {
			n += int64(len(o.Channel)+len(o.Source.File)+len(o.Relay.File)) + 100
		}
	}
	return n
}

// append writes p's record. After an error the owner truncates to where the
// group began.
func (l *localLog) append(p *pending, csn txn.CSN, index uint16, joined bool, nextID TableID) error {
	h := l.header()
	lh := localHeader{csn: csn, index: index, events: uint32(p.privN), length: uint64(p.privLen)}
	if joined {
		lh.flags = localJoined
	}
	b := appendLocalHeader(l.buf[:0], h, &lh)
	if p.hasKV() {
		b = appendLocalKV(b, h, &localKV{nextID: nextID, origin: p.origin, kv: p.kv, drops: p.drops})
		lh.events++
		lh.length += uint64(len(b) - localHeaderSize)
		appendLocalHeader(b[:0], h, &lh)
	}
	l.buf = b
	if err := l.put(event.Event(b[:localHeaderSize:localHeaderSize])); err != nil {
		return err
	}
	if len(b) > localHeaderSize {
		if err := l.put(event.Event(b[localHeaderSize:])); err != nil {
			return err
		}
	}
	if p.private == nil {
		return nil
	}
	return l.appendEvents(p)
}

func (l *localLog) appendEvents(p *pending) error {
	n, size := 0, int64(0)
	if err := p.private.Rewind(); err != nil {
		return fmt.Errorf("read private events: %w", err)
	}
	for {
		ev, err := p.private.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read private events: %w", err)
		}
		l.buf = append(l.buf[:0], ev...)
		if cp := event.Event(l.buf); cp.ServerID() == 0 {
			event.SetServerID(cp, l.head.ServerID)
		}
		if err := l.put(l.buf); err != nil {
			return err
		}
		n, size = n+1, size+int64(len(ev))
	}
	if n != p.privN || size != p.privLen {
		return fmt.Errorf("private events are %d of %d bytes, announced were %d of %d", n, size, p.privN, p.privLen)
	}
	return nil
}

func (l *localLog) sync() error {
	_, err := l.w.Sync()
	return err
}

// rotate begins a new file. Everything appended is durable in both logs, up to
// csn. Without the new file (a full disk) the old one stays in use.
func (l *localLog) rotate(csn txn.CSN, synced bool) error {
	w, err := l.create(csn, synced)
	if err != nil {
		return err
	}
	old := l.w
	l.w = w
	if err := old.Close(); err != nil {
		return fmt.Errorf("%w: close local log file: %w", ErrFatal, err)
	}
	return nil
}

// purge removes the files before the one that recovery would begin with.
func (l *localLog) purge(durable txn.Coord) error {
	files := l.index.Files()
	n := 0
	for n < len(files)-1 && (txn.Coord{File: files[n]}).Less(txn.Coord{File: durable.File}) {
		n++
	}
	if n == 0 || durable.IsZero() {
		return nil
	}
	if _, err := l.index.Remove(n); err != nil {
		return fmt.Errorf("purge local log: %w", err)
	}
	return nil
}

func (l *localLog) close() error { return l.w.Close() }
