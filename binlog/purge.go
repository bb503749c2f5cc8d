package binlog

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"binrelay/binlog/logfile"
)

// ErrPurged means that the events asked for are older than the oldest file.
// The edge reports it as error 1236 (1789), which stops the replica's IO thread.
var ErrPurged = errors.New("binlog: requested events were purged")

// ErrNoTarget means that PURGE … TO names a file that is not in the index
// (error 1373).
var ErrNoTarget = errors.New("binlog: purge target not in the index")

// PurgeStop says why a purge stopped before its target.
type PurgeStop uint8

const (
	PurgedAll  PurgeStop = iota
	StopInUse            // a Reader is on the file: warning 1867
	StopActive           // it is the active file: warning 1868
	StopNeeded           // keep said so: recovery or an attached replica needs it
)

// PurgeResult says what a purge did.
type PurgeResult struct {
	Purged  []string  // files that are gone
	Wanted  int       // files that the request covered
	Stop    PurgeStop // why it removed fewer than Wanted
	At      string    // the file it stopped at
	Readers int       // Readers on that file, with StopInUse
}

// PurgeTo removes the files before the named one, oldest first, up to the
// first that must stay: the active file, one a Reader is on, or one that keep
// reports (nil = none). keep is asked for the coordinates recovery needs.
func (l *Log) PurgeTo(file string, keep func(file string) bool) (PurgeResult, error) {
	if !l.x.Has(file) {
		return PurgeResult{}, fmt.Errorf("%w: %q", ErrNoTarget, file)
	}
	files := l.x.Files()
	return l.purge(files[:slices.Index(files, file)], keep)
}

// PurgeBefore removes files last written before t, in the same way. The active
// file is not counted as wanted.
func (l *Log) PurgeBefore(t time.Time, keep func(file string) bool) (PurgeResult, error) {
	wanted, err := l.OlderThan(t)
	if err != nil {
		return PurgeResult{}, err
	}
	return l.purge(wanted, keep)
}

// OlderThan returns the oldest files, up to the first that was written at t or
// later: what PurgeBefore would remove. The active file is never one of them.
func (l *Log) OlderThan(t time.Time) ([]string, error) {
	var old []string
	active := l.Active()
	for _, name := range l.x.Files() {
		if name == active {
			break
		}
		st, err := l.x.FS().Stat(l.x.Path(name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("purge binlogs: %w", err)
		}
		if err == nil && !st.ModTime().Before(t) {
			break
		}
		old = append(old, name)
	}
	return old, nil
}

// Expire removes files last written longer than age ago, in the same way
// (binlog_expire_logs_seconds). An age of 0 removes nothing.
func (l *Log) Expire(age time.Duration, keep func(file string) bool) (PurgeResult, error) {
	if age <= 0 {
		return PurgeResult{}, nil
	}
	return l.PurgeBefore(l.o.Now().Add(-age), keep)
}

// purge removes the wanted files, which are the oldest, as far as it may.
func (l *Log) purge(wanted []string, keep func(file string) bool) (PurgeResult, error) {
	res := PurgeResult{Wanted: len(wanted)}
	active := l.Active()
	l.readers.mu.Lock() // no Reader starts on a file while it goes
	defer l.readers.mu.Unlock()
	n := 0
	for _, name := range wanted {
		for _, on := range l.readers.open {
			if on == name {
				res.Readers++
			}
		}
		switch {
		case name == active:
			res.Stop = StopActive
		case res.Readers > 0:
			res.Stop = StopInUse
		case keep != nil && keep(name):
			res.Stop = StopNeeded
		default:
			n++
			continue
		}
		res.At = name
		break
	}
	if files := l.x.Files(); len(files) < n || !slices.Equal(files[:n], wanted[:n]) {
		return PurgeResult{}, fmt.Errorf("purge binlogs: the list of files changed meanwhile")
	}
	var err error
	if res.Purged, err = l.x.Remove(n); err != nil {
		return res, fmt.Errorf("purge binlogs: %w", err)
	}
	if n > 0 {
		l.o.Logger.Info("binlogs purged", "first", res.Purged[0], "last", res.Purged[n-1])
	}
	return res, nil
}

// Reset is RESET MASTER: all files go, numbering starts at 000001, Readers end
// with ErrReset. It is ResetFiles and then a first file. The owner has closed
// the queue, and left an intent that makes recovery repeat ResetFiles if the
// process dies in between. A failure is final.
func (l *Log) Reset() error {
	if err := l.usable(); err != nil {
		return err
	}
	l.currentTail().Close(ErrReset)
	if err := l.w.Close(); err != nil {
		return l.fail(err)
	}
	if err := ResetFiles(l.x); err != nil {
		return l.fail(err)
	}
	w, err := logfile.Create(l.x, logfile.FileName(l.x.Base(), 1), l.header(l.o.Now(), false))
	if err != nil {
		return l.fail(err)
	}
	tail := new(logfile.Tail)
	tail.Set(logfile.Pos{File: w.Name(), Offset: w.End()})
	l.mu.Lock()
	l.tail, l.visible = tail, Clock{}
	l.mu.Unlock()
	l.begin(w)
	l.o.Logger.Info("binlog reset", "file", w.Name())
	return nil
}

// ResetFiles empties the index durably, then deletes every file of the log.
// It may be repeated; recovery calls it when it finds the intent of a RESET.
func ResetFiles(x *logfile.Index) error { return x.Clear() }
