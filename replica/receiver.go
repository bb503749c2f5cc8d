package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"binrelay/binlog/logfile"
	"binrelay/relaylog"
	"binrelay/replica/replstate"
)

// idleSync is how long the relay log may stay unsynced while nothing arrives.
const idleSync = 100 * time.Millisecond

// minSession is how long a session must have lasted for the next to follow
// without a pause.
const minSession = time.Second

// diskFullPause is the pause before a write to a full disk is tried again.
const diskFullPause = time.Second

// receiver is the IO thread: it keeps a session with the source and appends
// what arrives to the relay log. Made for each START; run by one goroutine.
type receiver struct {
	opt    *Options
	st     *state
	relay  *relaylog.Log
	logger *slog.Logger

	writing *sync.Mutex // held for each write to relay
}

// write runs one write to the relay log.
func (rc *receiver) write(fn func() error) error {
	rc.writing.Lock()
	defer rc.writing.Unlock()
	return fn()
}

// run receives until ctx ends or something happens that reconnecting cannot
// cure. The reason is in the status.
func (rc *receiver) run(ctx context.Context) {
	rc.logger.Info("receiver started")
	err := rc.receive(ctx)
	if ctx.Err() != nil {
		err = nil
	}
	if serr := rc.write(rc.relay.Sync); serr != nil && err == nil {
		err = fatalf(errnoRelayWrite, "Relay log write failure: %v", serr)
	}
	rc.st.set(func(f *fields) {
		f.ioRunning = replstate.No
		f.ioState, f.ioSince = replstate.StateNone, rc.opt.Now()
		var fatal *fatalError
		if errors.As(err, &fatal) && fatal.err.Number == errnoRelayWrite {
			f.relayFailed = true
		}
		if fatal != nil || err != nil && f.ioError.Number == 0 {
			f.ioError = rc.threadError(err, &f.cfg)
		}
	})
	f := rc.st.get()
	log := rc.logger.With("source_file", f.read.File, "source_pos", f.read.Pos)
	if err != nil {
		log.Error("receiver stopped", "errno", f.ioError.Number, "err", f.ioError.Text)
		return
	}
	log.Info("receiver stopped")
}

// receive connects, follows the source, and connects again.
func (rc *receiver) receive(ctx context.Context) error {
	attempt := uint64(0) // connections tried since the last event came
	lost := replstate.StateNone
	for {
		f := rc.st.get()
		cfg := f.cfg
		attempt++
		rc.st.set(func(f *fields) { f.ioRunning, f.attempts = replstate.Connecting, attempt })
		rc.setIOState(reconnecting(lost))
		began := time.Now()
		alive, err := rc.session(ctx, &cfg)
		var fatal *fatalError
		if ctx.Err() != nil || errors.As(err, &fatal) {
			return err
		}
		var step *stepError
		connected := errors.As(err, &step)
		if connected {
			lost = step.step
			rc.logger.Warn("connection to source lost", "host", cfg.Host, "port", cfg.Port, "err", err)
		}
		if alive {
			// The first attempt follows at once, as in mysqld, but a source that
			// hangs up on us again and again is not asked in a tight loop.
			attempt = 0
			if time.Since(began) < minSession && !pause(ctx, min(minSession, cfg.ConnectRetry)) {
				return ctx.Err()
			}
			continue
		}
		rc.reportAttempt(err, &cfg, attempt, connected || lost != replstate.StateNone)
		if cfg.RetryCount > 0 && attempt >= cfg.RetryCount {
			return err
		}
		if lost != replstate.StateNone {
			rc.setIOState(lost)
		}
		rc.st.set(func(f *fields) { f.ioRunning = replstate.Connecting })
		if !pause(ctx, cfg.ConnectRetry) {
			return ctx.Err()
		}
	}
}

// session is one connection from dial to its end. alive reports that events or
// heartbeats came; the error is never nil. Errors after the log-in are
// stepErrors.
func (rc *receiver) session(ctx context.Context, cfg *replstate.SourceConfig) (alive bool, err error) {
	if cfg.User == "" {
		return false, fatalf(errnoFatal, "Fatal error: Invalid (empty) username when attempting to connect to the source server. Connection attempt terminated.")
	}
	set := rc.opt.Settings()
	s, err := rc.dial(ctx, cfg, set.NetTimeout)
	if err != nil {
		return false, err
	}
	defer s.close()
	rc.logger.Info("connected to source", "host", cfg.Host, "port", cfg.Port)
	if err := s.introduce(set); err != nil {
		return false, &stepError{step: replstate.StateReconnectWaitReg, err: err}
	}
	if err := s.register(set); err != nil {
		return false, err
	}
	f := rc.st.get()
	if err := s.dump(set, f.read); err != nil {
		return false, err
	}
	rc.st.set(func(f *fields) {
		f.ioRunning = replstate.Yes
		f.ioError = replstate.ThreadError{}
		f.connects++
	})
	q := &queue{rc: rc, s: s, set: set, crc: s.crc, pos: f.read}
	err = q.run(ctx)
	return q.alive, &stepError{step: replstate.StateReconnectWaitRead, err: err}
}

// reportAttempt puts a failed attempt into Last_IO_Error in MySQL's words.
func (rc *receiver) reportAttempt(err error, cfg *replstate.SourceConfig, attempt uint64, again bool) {
	verb := "connecting"
	if again {
		verb = "reconnecting"
	}
	e := ioError(err, cfg.Host, net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port))))
	text := fmt.Sprintf("Error %s to source '%s@%s:%d'. This was attempt %d/%d, with a delay of %d seconds between attempts. Message: %s",
		verb, cfg.User, cfg.Host, cfg.Port, attempt, cfg.RetryCount, int64(cfg.ConnectRetry/time.Second), e.Text)
	rc.logger.Warn("cannot connect to source", "host", cfg.Host, "port", cfg.Port, "attempt", attempt, "errno", e.Number, "err", e.Text)
	rc.st.set(func(f *fields) {
		f.ioError = replstate.ThreadError{Number: e.Number, Text: text, At: rc.opt.Now()}
	})
}

// threadError is how a stopped IO thread shows its reason.
func (rc *receiver) threadError(err error, cfg *replstate.SourceConfig) replstate.ThreadError {
	e := ioError(err, cfg.Host, net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port))))
	return replstate.ThreadError{Number: e.Number, Text: e.Text, At: rc.opt.Now()}
}

// setIOState notes what the thread does.
func (rc *receiver) setIOState(s replstate.State) {
	rc.st.set(func(f *fields) {
		if f.ioState != s {
			f.ioState, f.ioSince = s, rc.opt.Now()
		}
	})
}

// reconnecting is the state in which a connection is made after lost.
func reconnecting(lost replstate.State) replstate.State {
	switch lost {
	case replstate.StateReconnectWaitReg:
		return replstate.StateReconnectingReg
	case replstate.StateReconnectWaitDump:
		return replstate.StateReconnectingDump
	case replstate.StateReconnectWaitRead:
		return replstate.StateReconnectingRead
	default:
		return replstate.StateConnecting
	}
}

// pause waits; false means that ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// retryFull deals with a failed write to the relay log: while the disk is full
// it waits and tries again, as mysqld does. Any other failure is fatal.
func (rc *receiver) retryFull(ctx context.Context, err error, write func() error) error {
	for ; err != nil; err = rc.write(write) {
		if errors.Is(err, relaylog.ErrEvent) {
			return malformed("%v", err)
		}
		if !logfile.IsDiskFull(err) {
			return fatalf(errnoRelayWrite, "Relay log write failure: %v", err)
		}
		rc.st.set(func(f *fields) {
			f.ioError = replstate.ThreadError{Number: errnoDiskFull, At: rc.opt.Now(),
				Text: "Disk full (relay log); waiting for someone to free some space... (OS errno 28 - No space left on device)"}
		})
		if !pause(ctx, diskFullPause) {
			return ctx.Err()
		}
	}
	rc.st.set(func(f *fields) { f.ioError = replstate.ThreadError{} })
	return nil
}
