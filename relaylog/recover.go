package relaylog

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/logfile"
	"binrelay/binlog/txn"
)

// Recovered says what Open found.
type Recovered struct {
	Source    txn.Coord // ask the source again from here; zero = nothing usable was there
	Relay     txn.Coord // end of what is kept
	Cut       int64     // bytes of an incomplete transaction or torn tail that were cut
	Discarded []string  // files that were deleted because nothing in them is usable
	Damage    error     // the *logfile.CorruptError found, nil if the log ended cleanly
	Retrieved gtid.Set  // GTIDs of the transactions kept
}

// Open recovers the log: it cuts it to the last complete transaction before
// the first damage and begins a new file at the first Append. Only the newest
// file can be torn by a crash, the others were durable before it began; damage
// in those is somebody's doing, and what stands behind it is fetched again.
// Files that the index names and that are gone make the rest useless:
// everything is discarded, and the source is to be asked from the applied
// coordinate.
func Open(o Options) (*Log, Recovered, error) {
	o = o.withDefaults()
	x, err := logfile.OpenIndex(o.FS, o.Dir, o.Base)
	if errors.Is(err, logfile.ErrIndex) {
		// A relay log can be fetched again: as if the index were gone.
		o.Logger.Warn("relay log index set aside", "err", err)
		path := o.FS.PathJoin(o.Dir, o.Base+".index")
		if failed := o.FS.Rename(path, path+".bad"); failed != nil {
			return nil, Recovered{}, fmt.Errorf("open relay log: %w", errors.Join(err, failed))
		}
		x, err = logfile.OpenIndex(o.FS, o.Dir, o.Base)
	}
	if err != nil {
		return nil, Recovered{}, fmt.Errorf("open relay log: %w", err)
	}
	l := &Log{o: o, x: x, tail: new(logfile.Tail), got: gtid.NewBuilder(gtid.Set{})}
	rec, err := l.recover()
	if err != nil {
		return nil, Recovered{}, fmt.Errorf("open relay log: %w", err)
	}
	if rec.Cut > 0 || len(rec.Discarded) > 0 {
		o.Logger.Info("relay log cut to the last complete transaction", "file", rec.Relay.File, "pos", rec.Relay.Pos,
			"bytes", rec.Cut, "discarded", rec.Discarded, "err", rec.Damage)
	}
	return l, rec, nil
}

func (l *Log) recover() (Recovered, error) {
	var rec Recovered
	if _, err := l.x.Reconcile(); errors.Is(err, logfile.ErrMissingFile) {
		rec.Damage, rec.Discarded = err, l.x.Files()
		return rec, l.x.Clear()
	} else if err != nil {
		return rec, err
	}
	if err := l.dropBehindDamage(&rec); err != nil {
		return rec, err
	}
	for {
		name, ok := l.x.Last()
		if !ok {
			return rec, nil
		}
		usable, err := l.recoverFile(name, &rec)
		if err != nil {
			return rec, err
		}
		if usable {
			break
		}
		rec.Discarded = append(rec.Discarded, name)
		if err := l.dropLast(); err != nil {
			return rec, err
		}
	}
	for _, name := range l.x.Files() {
		size, err := l.x.Size(name)
		if err != nil {
			return rec, err
		}
		l.space += size
	}
	l.got = gtid.NewBuilder(rec.Retrieved)
	l.retrieved, l.source, l.synced, l.end = rec.Retrieved, rec.Source, rec.Source, rec.Relay
	l.tail.Set(logfile.Pos{File: rec.Relay.File, Offset: int64(rec.Relay.Pos)})
	return rec, nil
}

// dropBehindDamage makes the first damaged file the newest, if anything in it
// is still to be applied.
func (l *Log) dropBehindDamage(rec *Recovered) error {
	files := l.x.Files()
	first := max(0, slices.Index(files, l.o.Applied))
	for i := first; i < len(files)-1; i++ {
		name := files[i]
		var bad *logfile.CorruptError
		err := l.readThrough(name)
		if errors.As(err, &bad) {
			rec.Damage, rec.Discarded = bad, files[i+1:]
			_, err := l.x.RemoveAfter(name)
			return err
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readThrough verifies a file; damage is a *logfile.CorruptError.
func (l *Log) readThrough(name string) error {
	s, err := logfile.OpenScanner(l.o.FS, l.x.Path(name), 0, logfile.ScanOptions{Foreign: true, MaxEvent: l.o.MaxEvent})
	if err != nil {
		return err
	}
	defer s.Close()
	for {
		if _, _, err := s.Next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// dropLast deletes the newest file.
func (l *Log) dropLast() error {
	files := l.x.Files()
	if len(files) == 1 {
		return l.x.Clear()
	}
	_, err := l.x.RemoveAfter(files[len(files)-2])
	return err
}

// recoverFile finds the end of the last complete transaction in the file and
// cuts what follows. usable is false if even the header is damaged.
func (l *Log) recoverFile(name string, rec *Recovered) (usable bool, err error) {
	s, err := logfile.OpenScanner(l.o.FS, l.x.Path(name), 0, logfile.ScanOptions{Foreign: true, MaxEvent: l.o.MaxEvent})
	var bad *logfile.CorruptError
	if errors.As(err, &bad) {
		rec.Damage = bad
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer s.Close()
	t := tracker{base: l.o.Base}
	var bound Boundary
	var source, relay txn.Coord
	var pending gtid.GTID
	var got *gtid.Builder
	for {
		off, ev, err := s.Next()
		var e Entry
		if err == nil {
			e, err = t.add(ev, name, off)
		}
		if err == io.EOF {
			break
		}
		if errors.As(err, &bad) {
			rec.Damage = bad
			break
		}
		if err != nil {
			return false, err
		}
		if e.Own && ev.Type() == event.PreviousGTIDs {
			previous, err := event.DecodePreviousGTIDs(ev, e.Checksum)
			if err != nil {
				rec.Damage = &logfile.CorruptError{File: name, Offset: off, Err: err}
				return false, nil
			}
			got = gtid.NewBuilder(previous)
		}
		place := bound.Add(ev, e.Checksum)
		pending = noteGTID(ev, e.Checksum, place, pending, got)
		if !bound.Inside() && !t.inHead {
			source, relay = e.Source, e.End
			usable = true
		}
	}
	if !usable || got == nil {
		return false, nil
	}
	rec.Source, rec.Relay, rec.Retrieved = source, relay, got.Set()
	rec.Cut += s.Size() - int64(relay.Pos)
	return true, logfile.Cut(l.x, name, int64(relay.Pos))
}

// noteGTID returns the GTID of the open transaction, and adds it to got when
// the transaction is complete.
func noteGTID(ev event.Event, checksum bool, place Place, pending gtid.GTID, got *gtid.Builder) gtid.GTID {
	switch place {
	case Begins:
		if ev.Type() != event.GTID {
			return gtid.GTID{}
		}
		g, err := event.DecodeGTID(ev, checksum)
		if err != nil {
			return gtid.GTID{}
		}
		return g.GTID
	case Ends:
		if got != nil && !pending.IsZero() {
			got.Add(pending)
		}
		return gtid.GTID{}
	}
	return pending
}
