package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"binrelay/binlog/event"
	"binrelay/binlog/txn"
	"binrelay/relaylog"
	"binrelay/replica/replstate"
)

const (
	// maxUnsaved is how many moves of the position over nothing may pass before
	// it is made durable.
	maxUnsaved = 1000
	// maxRetryPause bounds the pause before a transaction is tried again.
	maxRetryPause = 5 * time.Second
	// maxQueryText is how much of a statement an error text shows, bytes.
	maxQueryText = 1024
)

// applier is the SQL thread: it reads transactions from the relay log and
// hands them to the Target in order. Made for each START; run by one goroutine.
type applier struct {
	opt     *Options
	st      *state
	relay   *relaylog.Log
	life    context.Context // ends with the server, not with STOP REPLICA
	logger  *slog.Logger
	filters replstate.Filters

	reader  *relaylog.Reader
	asm     assembler
	win     *window
	unsaved *txn.Origin // where the position moved since the last durable step
	moves   int         // number of such moves
	saved   txn.Coord   // relay coordinate known to be durable with the rows
	caught  bool        // the reader has seen the end
}

// run applies until ctx ends or a transaction cannot be applied. The reason is
// in the status. Everything applied is durable when it returns. While the disk
// is full it waits and tries again, as mysqld does.
func (a *applier) run(ctx context.Context) {
	a.logger.Info("applier started")
	err := a.once(ctx)
	for waits := 0; diskFull(err) && ctx.Err() == nil; waits++ {
		a.waitForSpace(err, waits)
		if !pause(ctx, diskFullPause) {
			err = nil // stopped while it waited
			break
		}
		err = a.once(ctx)
	}
	if ctx.Err() != nil && stopped(err) {
		err = nil
	}
	a.st.setWake(func(f *fields) {
		f.sqlRunning = false
		f.sqlState, f.sqlSince = replstate.StateNone, a.opt.Now()
		f.lagTime = 0
		if err != nil {
			n, text := applyNumber(err)
			f.sqlError = replstate.ThreadError{Number: n, Text: text, At: a.opt.Now()}
		}
	})
	f := a.st.get()
	log := a.logger.With("source_file", f.exec.File, "source_pos", f.exec.Pos)
	if err != nil {
		log.Error("applier stopped; fix the cause, then START REPLICA goes on here", "errno", f.sqlError.Number, "err", f.sqlError.Text)
		return
	}
	log.Info("applier stopped")
}

// once applies from the applied position on until something ends it.
func (a *applier) once(ctx context.Context) error {
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	a.unsaved, a.moves, a.caught = nil, 0, false
	a.win = newWindow(a.opt.WindowBytes, a.opt.WindowCount, a.starting, a.visible, cancel)
	err := a.apply(work)
	if werr := a.win.drain(); werr != nil {
		err = werr
	}
	if serr := a.save(); serr != nil && err == nil {
		err = serr
	}
	if werr := a.win.stop(); werr != nil {
		err = werr
	}
	if a.reader != nil {
		a.reader.Close()
		a.reader = nil
	}
	return err
}

// diskFull reports whether a step failed for want of space.
func diskFull(err error) bool {
	n, _ := applyNumber(err)
	return err != nil && n == errnoDiskFull
}

// waitForSpace shows in the status that the thread waits for space. The first
// step that succeeds takes it back.
func (a *applier) waitForSpace(err error, waits int) {
	if waits == 0 {
		a.logger.Error("disk full: the applier waits for space", "err", err)
	}
	a.st.setWake(func(f *fields) {
		f.sqlError = replstate.ThreadError{Number: errnoDiskFull, At: a.opt.Now(),
			Text: "Disk full; waiting for someone to free some space..."}
	})
}

// stopped reports whether err only says that the thread was told to stop.
func stopped(err error) bool {
	return err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, relaylog.ErrClosed) || errors.Is(err, relaylog.ErrReset)
}

// apply reads and applies until something ends it; the error is never nil.
func (a *applier) apply(ctx context.Context) error {
	if err := a.open(); err != nil {
		return err
	}
	verify := !a.opt.Settings().SkipChecksum
	for {
		e, err := a.next(ctx)
		if err != nil {
			return err
		}
		if err := a.win.failed(); err != nil {
			return err
		}
		if verify && e.Checksum && !e.Own {
			if err := event.Verify(e.Event); err != nil {
				return stopError(errnoRelayRead, "Relay log read failure: %v in %s at %d", err, e.Start.File, e.Start.Pos)
			}
		}
		g, between, err := a.asm.add(&e)
		switch {
		case err != nil:
			return err
		case g != nil:
			err = a.transaction(ctx, g)
		case between && !e.Source.IsZero():
			err = a.move(txn.Origin{Channel: a.opt.Channel, Source: e.Source, Relay: e.End}, 1)
		}
		if err != nil {
			return err
		}
	}
}

// open positions the reader behind what was applied.
func (a *applier) open() error {
	a.asm = assembler{relay: a.relay, channel: a.opt.Channel}
	if !a.filters.Empty() {
		a.asm.filters = &a.filters
	}
	a.setState(replstate.StateReadAll)
	f := a.st.get()
	files, err := a.relay.Files()
	if err != nil {
		return stopError(errnoRelayRead, "Relay log read failure: %v", err)
	}
	r, ok, err := openReader(a.relay, f.exec)
	if err == nil && !ok && len(files) == 0 {
		// Nothing has come yet. What comes first is what follows f.exec.
		r, err = a.relay.NewReader(txn.Coord{})
		ok = err == nil
	}
	switch {
	case err != nil:
		return stopError(errnoRelayRead, "Relay log read failure: %v", err)
	case !ok:
		return stopError(errnoRelayRead, "Relay log read failure: the relay log does not hold what follows %s:%d", f.exec.File, f.exec.Pos)
	}
	a.reader = r
	return nil
}

// openReader returns a reader behind the applied source coordinate; ok is false
// if the relay log does not reach back to it, or is empty.
func openReader(relay *relaylog.Log, applied txn.Coord) (*relaylog.Reader, bool, error) {
	if !applied.IsZero() {
		return relay.NewReaderAtSource(applied)
	}
	r, err := relay.NewReader(txn.Coord{})
	return r, err == nil, err
}

// next returns the next entry of the relay log. Before it waits for one, the
// position is made durable.
func (a *applier) next(ctx context.Context) (relaylog.Entry, error) {
	if err := ctx.Err(); err != nil {
		return relaylog.Entry{}, err
	}
	e, ok, err := a.reader.TryNext()
	if ok {
		if a.caught {
			a.caught = false
			a.setState(replstate.StateReadingRelay)
		}
		return e, nil
	}
	if err == nil {
		if err := a.save(); err != nil {
			return relaylog.Entry{}, err
		}
		a.caught = true
		a.setState(replstate.StateReadAll)
		e, err = a.reader.Next(ctx)
	}
	if err != nil && !stopped(err) {
		err = stopError(errnoRelayRead, "Relay log read failure: %v", err)
	}
	return e, err
}

// transaction applies one transaction, or passes over it.
func (a *applier) transaction(ctx context.Context, g *group) error {
	if a.skips(g) || g.Kind == txn.Empty {
		g.Kind = txn.Empty
		if g.origin.GTID.IsZero() {
			g.release()
			return a.move(g.origin, g.count)
		}
	}
	if g.Kind == txn.Statement {
		return a.statement(g)
	}
	if err := a.waitRoom(g.size); err != nil {
		g.release()
		return err
	}
	p, err := a.prepare(ctx, g)
	if err != nil {
		g.release()
		return err
	}
	a.unsaved, a.moves = nil, 0
	a.win.add(&item{result: p.Enqueue(), origin: g.origin, size: g.size, events: g.count, group: g})
	return nil
}

// skips takes a transaction's events off sql_replica_skip_counter and reports
// whether it is to be skipped. The counter counts events but never stops
// inside a transaction.
func (a *applier) skips(g *group) bool {
	skip := false
	a.st.mu.Lock()
	defer a.st.mu.Unlock()
	if n := &a.st.f.skip; *n > 0 {
		skip = true
		inside := uint32(min(g.count-1, 1<<30))
		*n -= min(inside, *n-1)
		*n--
	}
	return skip
}

// waitRoom blocks until the window takes a transaction of that size.
func (a *applier) waitRoom(size int64) error {
	if a.win.full(size) {
		a.setState(replstate.StateWaitingForWindow)
		defer a.setState(replstate.StateReadingRelay)
	}
	return a.win.room(size)
}

// prepare hands a transaction to the Target, again and again while it fails
// for a lock that somebody else holds.
func (a *applier) prepare(ctx context.Context, g *group) (txn.Prepared, error) {
	for try := 0; ; try++ {
		p, err := a.opt.Target.Prepare(ctx, &g.Group)
		if err == nil {
			return p, nil
		}
		if ctx.Err() != nil && stopped(err) || !transient(err) || try >= a.opt.Settings().Retries {
			return nil, err
		}
		a.logger.Warn("transaction is tried again", "file", g.origin.Source.File, "pos", g.origin.Source.Pos, "try", try+1, "err", err)
		if err := a.win.drain(); err != nil {
			return nil, err
		}
		if err := g.Events.Rewind(); err != nil {
			return nil, stopError(errnoRelayRead, "Relay log read failure: %v", err)
		}
		a.st.set(func(f *fields) { f.retries++ })
		if !pause(ctx, min(time.Duration(try)*time.Second, maxRetryPause)) {
			return nil, ctx.Err()
		}
	}
}

// statement executes a statement when everything before it is visible, and
// waits until it is.
func (a *applier) statement(g *group) error {
	defer g.release()
	if err := a.win.drain(); err != nil {
		return err
	}
	it := &item{origin: g.origin, events: g.count}
	a.starting(it)
	if err := a.opt.Target.ExecStatement(a.life, &g.Group); err != nil {
		return a.statementError(g, err)
	}
	a.unsaved, a.moves = nil, 0
	a.visible(it)
	return nil
}

// statementError words a statement's failure that the Target has not worded,
// as mysqld does.
func (a *applier) statementError(g *group, err error) error {
	if numbered(err) || g.query == nil || a.life.Err() != nil && stopped(err) {
		return err
	}
	return stopError(errnoUnknown, "Error '%v' on query. Default database: '%s'. Query: '%s'", err, g.query.DB, clip(g.query.SQL, maxQueryText))
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// move takes the position over something that is not applied. Such moves are
// made durable together, before the SQL thread waits or stops.
func (a *applier) move(o txn.Origin, events int) error {
	if err := a.win.room(0); err != nil {
		return err
	}
	a.unsaved = &o
	a.moves++
	a.win.add(&item{origin: o, events: events})
	if a.moves >= maxUnsaved {
		return a.save()
	}
	return nil
}

// save makes the position durable after moves over nothing.
func (a *applier) save() error {
	if a.unsaved == nil {
		return nil
	}
	if err := a.win.drain(); err != nil {
		return err
	}
	o := *a.unsaved
	if err := a.opt.Target.Advance(a.life, o); err != nil {
		return fmt.Errorf("save position %s:%d: %w", o.Source.File, o.Source.Pos, err)
	}
	a.unsaved, a.moves = nil, 0
	a.durable(o.Relay)
	return nil
}

// starting is told which step is waited for: the lag is that of its time.
func (a *applier) starting(it *item) {
	a.st.set(func(f *fields) { f.lagTime = it.origin.Timestamp })
}

// visible is told, in order, of each step that has been made.
func (a *applier) visible(it *item) {
	applied := it.result != nil || it.group != nil || it.origin.Timestamp != 0
	a.st.setWake(func(f *fields) {
		f.exec, f.relay = it.origin.Source, it.origin.Relay
		f.appliedEvents += uint64(it.events)
		if f.sqlError.Number == errnoDiskFull {
			f.sqlError = replstate.ThreadError{}
		}
		if applied {
			f.applied++
		}
	})
	if it.result != nil || it.group != nil {
		a.durable(it.origin.Relay)
	}
}

// durable is told up to where the relay log is not needed any more, and lets
// whole files of it go. Called by one goroutine at a time: the collector, or
// the applier when nothing is under way.
func (a *applier) durable(at txn.Coord) {
	if a.saved.File == at.File || a.opt.Settings().KeepRelayLogs {
		a.saved = at
		return
	}
	a.saved = at
	if _, err := a.relay.Purge(at); err != nil {
		a.logger.Warn("relay log not purged", "file", at.File, "err", err)
	}
}

func (a *applier) setState(s replstate.State) {
	a.st.set(func(f *fields) {
		if f.sqlState != s {
			f.sqlState, f.sqlSince = s, a.opt.Now()
		}
	})
}
