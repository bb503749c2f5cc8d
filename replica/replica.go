package replica

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
	"binrelay/relaylog"
	"binrelay/replica/replstate"
)

// Replica owns the two threads of one channel and the configuration of its
// source. Safe for concurrent use: statements are serialised, Status never
// waits for them.
type Replica struct {
	opt  Options
	st   state
	life context.Context // of both threads; ends with Close
	end  context.CancelFunc

	// writing is held for each write to the relay log: by the IO thread, and by
	// FLUSH RELAY LOGS beside it.
	writing sync.Mutex
	relay   atomic.Pointer[relaylog.Log] // set under mu

	mu     sync.Mutex // serialises statements; guards what follows
	io     thread
	sql    thread
	closed bool
}

// log returns the relay log of the moment.
func (r *Replica) log() *relaylog.Log { return r.relay.Load() }

// thread is one goroutine that its owner starts and stops.
type thread struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// running reports whether the goroutine has not ended.
func (t *thread) running() bool {
	if t.done == nil {
		return false
	}
	select {
	case <-t.done:
		return false
	default:
		return true
	}
}

func (t *thread) start(life context.Context, run func(context.Context)) {
	ctx, cancel := context.WithCancel(life)
	done := make(chan struct{})
	t.cancel, t.done = cancel, done
	go func() {
		defer close(done)
		defer cancel()
		run(ctx)
	}()
}

// stop ends the goroutine and waits for it.
func (t *thread) stop() {
	if t.done != nil {
		t.cancel()
		<-t.done
	}
}

// Open loads the configuration and the relay log and starts nothing. A change
// of the start position that was interrupted is finished.
func Open(ctx context.Context, o Options) (*Replica, error) {
	o.fill()
	r := &Replica{opt: o}
	r.life, r.end = context.WithCancel(context.WithoutCancel(ctx))
	cfg, err := o.Target.LoadState(o.Channel)
	if err != nil {
		return nil, fmt.Errorf("load source configuration: %w", err)
	}
	if !cfg.Configured && cfg.Port == 0 {
		cfg = replstate.NewSourceConfig(o.Channel)
	}
	r.st.f.cfg = cfg
	r.st.f.filters = o.Filters.Clone()
	if cfg.Filters != nil {
		r.st.f.filters = cfg.Filters.Clone()
	}
	if err := r.openRelay(); err != nil {
		return nil, err
	}
	if err := r.finishMove(ctx); err != nil {
		return nil, errors.Join(err, r.log().Close())
	}
	if err := r.align(); err != nil {
		return nil, errors.Join(err, r.log().Close())
	}
	return r, nil
}

// openRelay opens the relay log and notes up to where it holds the source's.
func (r *Replica) openRelay() error {
	ro := r.opt.Relay
	ro.MaxEvent = r.opt.Settings().MaxEventBytes
	at, _, err := r.opt.Target.Position(r.opt.Channel)
	if err != nil {
		return fmt.Errorf("read applied position: %w", err)
	}
	ro.Applied = at.Relay.File
	log, rec, err := relaylog.Open(ro)
	if err != nil {
		return fmt.Errorf("open relay log: %w", err)
	}
	if rec.Damage != nil || rec.Cut > 0 {
		r.opt.Logger.Warn("relay log cut", "bytes", rec.Cut, "discarded", rec.Discarded, "damage", rec.Damage)
	}
	r.relay.Store(log)
	r.st.set(func(f *fields) { f.read, f.relayFailed = rec.Source, false })
	return nil
}

// align makes the relay log fit what was applied: if it does not hold what
// follows, it is dropped and the source will be asked from there. Both threads
// are stopped.
func (r *Replica) align() error {
	at, _, err := r.opt.Target.Position(r.opt.Channel)
	if err != nil {
		return fmt.Errorf("read applied position: %w", err)
	}
	f := r.st.get()
	applied := at.Source
	if applied.IsZero() {
		applied = txn.Coord{File: f.cfg.LogFile, Pos: f.cfg.LogPos}
	}
	keep := false
	if !f.read.IsZero() {
		rd, ok, err := openReader(r.log(), applied)
		if err != nil {
			r.opt.Logger.Warn("relay log not readable", "err", err)
		}
		if rd != nil {
			rd.Close()
		}
		keep = ok && err == nil
	}
	if !keep {
		if err := r.log().Reset(); err != nil {
			return fmt.Errorf("drop relay log: %w", err)
		}
	}
	r.st.set(func(f *fields) {
		f.exec, f.relay = applied, at.Relay
		if !keep {
			f.read, f.relay = applied, txn.Coord{}
		}
	})
	return nil
}

// finishMove carries out a change of the start position that was stored: the
// relay log goes, the applied coordinate becomes the new one.
func (r *Replica) finishMove(ctx context.Context) error {
	cfg := r.st.get().cfg
	if !cfg.Moving {
		return nil
	}
	if err := r.log().Reset(); err != nil {
		return fmt.Errorf("drop relay log: %w", err)
	}
	o := txn.Origin{Channel: r.opt.Channel}
	if cfg.LogFile != "" {
		o.Source = txn.Coord{File: cfg.LogFile, Pos: cfg.LogPos}
	}
	if err := r.opt.Target.Advance(ctx, o); err != nil {
		return fmt.Errorf("set applied position: %w", err)
	}
	cfg.Moving = false
	if err := r.opt.Target.SaveState(ctx, cfg); err != nil {
		return fmt.Errorf("save source configuration: %w", err)
	}
	start := txn.Coord{File: cfg.LogFile, Pos: cfg.LogPos}
	r.st.set(func(f *fields) {
		f.cfg = cfg
		f.read, f.exec, f.relay = start, start, txn.Coord{}
	})
	return nil
}

// Close stops both threads and closes the relay log.
func (r *Replica) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	r.io.stop()
	r.sql.stop()
	r.end()
	return r.log().Close()
}

// Configured reports whether a source has been configured.
func (r *Replica) Configured() bool { return r.st.get().cfg.Configured }

// Start executes START REPLICA; the threads outlive ctx. A thread that runs
// already gives note 3083. If one thread fails the other runs on.
func (r *Replica) Start(ctx context.Context, o replstate.StartOpts) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.checkChannel(o.Channel); err != nil {
		return err
	}
	cfg := r.st.get().cfg
	if !cfg.Configured || cfg.Host == "" || r.opt.Settings().ServerID == 0 {
		return replstate.Errorf(errnoNotReplica, "The server is not configured as replica; fix in config file or with CHANGE REPLICATION SOURCE TO")
	}
	which := o.Threads
	if which == 0 {
		which = replstate.Both
	}
	var already replstate.Threads
	if r.io.running() {
		already |= replstate.IO
	}
	if r.sql.running() {
		already |= replstate.SQL
	}
	if already == 0 {
		if err := r.ready(ctx); err != nil {
			r.opt.Logger.Error("replica cannot start", "err", err)
			return replstate.Errorf(errnoApplierInit, "Replica failed to initialize applier metadata structure from the repository")
		}
	}
	if which&^already&replstate.IO != 0 {
		r.startIO()
	}
	if which&^already&replstate.SQL != 0 {
		r.startSQL()
	}
	if which&^already == 0 {
		replstate.Warn(ctx, replstate.Warning{Level: "Note", Number: errnoRunning,
			Text: fmt.Sprintf("Replication thread(s) for channel '%s' are already running.", r.opt.Channel)})
	}
	return nil
}

// ready prepares the relay log for a start when no thread runs.
func (r *Replica) ready(ctx context.Context) error {
	if err := r.reopen(); err != nil {
		return err
	}
	if err := r.finishMove(ctx); err != nil {
		return err
	}
	return r.align()
}

func (r *Replica) startIO() {
	if err := r.log().Rotate(); err != nil {
		r.opt.Logger.Warn("relay log not rotated", "err", err)
	}
	rc := &receiver{opt: &r.opt, st: &r.st, relay: r.log(), writing: &r.writing, logger: r.opt.Logger}
	r.st.set(func(f *fields) {
		f.ioRunning = replstate.Connecting
		f.ioState, f.ioSince = replstate.StateConnecting, r.opt.Now()
		f.ioError = replstate.ThreadError{}
		f.attempts = 0
	})
	r.io.start(r.life, rc.run)
}

func (r *Replica) startSQL() {
	a := &applier{opt: &r.opt, st: &r.st, relay: r.log(), life: r.life, logger: r.opt.Logger}
	r.st.set(func(f *fields) {
		a.filters = f.filters.Clone()
		f.sqlRunning = true
		f.sqlState, f.sqlSince = replstate.StateNextEvent, r.opt.Now()
		f.sqlError = replstate.ThreadError{}
	})
	r.sql.start(r.life, a.run)
}

// Stop executes STOP REPLICA (which 0 = both) and waits for the threads; what
// was applied is durable afterwards. A thread that does not run gives note 3084.
func (r *Replica) Stop(ctx context.Context, which replstate.Threads) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if which == 0 {
		which = replstate.Both
	}
	stopped := false
	if which&replstate.IO != 0 && r.io.running() {
		r.io.stop()
		stopped = true
	}
	if which&replstate.SQL != 0 && r.sql.running() {
		r.sql.stop()
		stopped = true
	}
	if !stopped {
		replstate.Warn(ctx, replstate.Warning{Level: "Note", Number: errnoStopped,
			Text: fmt.Sprintf("Replication thread(s) for channel '%s' are already stopped.", r.opt.Channel)})
	}
	return nil
}

// Reset executes RESET REPLICA: relay logs and positions go, the source's
// address and account stay. With all nothing stays.
func (r *Replica) Reset(ctx context.Context, all bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.io.running() || r.sql.running() {
		return replstate.Errorf(errnoMustStop, "This operation cannot be performed with a running replica; run STOP REPLICA first")
	}
	cfg := r.st.get().cfg
	cfg.LogFile, cfg.LogPos = "", 4
	if all {
		filters := cfg.Filters
		cfg = replstate.NewSourceConfig(r.opt.Channel)
		cfg.Filters = filters
	}
	if err := r.store(ctx, cfg, true); err != nil {
		return err
	}
	r.st.set(func(f *fields) {
		f.ioError, f.sqlError = replstate.ThreadError{}, replstate.ThreadError{}
		f.skip, f.sourceID, f.sourceUUID = 0, 0, ""
	})
	return nil
}

// store makes a configuration durable, with moving also the start position it
// names.
func (r *Replica) store(ctx context.Context, cfg replstate.SourceConfig, moving bool) error {
	cfg.Moving = moving
	if err := r.opt.Target.SaveState(ctx, cfg); err != nil {
		return fmt.Errorf("save source configuration: %w", err)
	}
	r.st.set(func(f *fields) { f.cfg = cfg })
	if !moving {
		return nil
	}
	if err := r.reopen(); err != nil {
		return err
	}
	return r.finishMove(ctx)
}

// reopen opens the relay log again after a failed write. Both threads are
// stopped.
func (r *Replica) reopen() error {
	if !r.st.get().relayFailed {
		return nil
	}
	if err := r.log().Close(); err != nil {
		r.opt.Logger.Warn("failed relay log closed", "err", err)
	}
	return r.openRelay()
}

// checkChannel refuses channels other than ours.
func (r *Replica) checkChannel(channel string) error {
	if channel != r.opt.Channel {
		return replstate.Errorf(errnoNoChannel, "Replica channel '%s' does not exist.", channel)
	}
	return nil
}

// executed returns the server's executed GTIDs for the status.
func (r *Replica) executed() gtid.Set {
	_, set, err := r.opt.Target.Position(r.opt.Channel)
	if err != nil {
		return gtid.Set{}
	}
	return set
}
