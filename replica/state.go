package replica

import (
	"sync"
	"time"

	"binrelay/binlog/txn"
	"binrelay/replica/replstate"
)

// fields is what the two threads report and Status shows. All of it is behind
// state.mu.
type fields struct {
	cfg     replstate.SourceConfig
	filters replstate.Filters
	skip    uint32

	ioRunning  replstate.Running
	sqlRunning bool
	ioState    replstate.State
	sqlState   replstate.State
	ioSince    time.Time
	sqlSince   time.Time
	ioError    replstate.ThreadError
	sqlError   replstate.ThreadError

	read  txn.Coord // behind the last event queued, in the source's log
	exec  txn.Coord // behind the last group applied, in the source's log
	relay txn.Coord // the same place in the relay log

	lagTime   uint32 // header time of the oldest group not yet applied; 0 = none
	clockDiff int64  // our clock minus the source's, seconds

	relayFailed bool // the relay log must be opened again

	sourceID   uint32
	sourceUUID string

	attempts, connects        uint64
	eventsQueued, bytesQueued uint64
	heartbeats                uint64
	lastEventAt               time.Time
	applied, appliedEvents    uint64
	retries                   uint64
}

// state guards fields and tells waiters when something was applied. Updates
// are short; Status never waits for I/O.
type state struct {
	mu      sync.Mutex
	f       fields
	changed chan struct{} // closed when exec or sqlRunning changes; nil = nobody waits
}

// set changes fields.
func (s *state) set(fn func(f *fields)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.f)
}

// setWake changes fields and wakes those who wait for progress.
func (s *state) setWake(fn func(f *fields)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.f)
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// get returns a copy of the fields.
func (s *state) get() fields {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.f
}

// await returns a copy of the fields and a channel that closes at the next
// progress.
func (s *state) await() (fields, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.f, s.changed
}

// secondsBehind computes Seconds_Behind_Master as MySQL 8.0 does; nil is NULL.
func (f *fields) secondsBehind(now time.Time) *int64 {
	if !f.sqlRunning {
		return nil
	}
	zero := int64(0)
	if f.exec == f.read {
		if f.ioRunning == replstate.Yes {
			return &zero
		}
		return nil
	}
	if f.lagTime == 0 {
		return &zero
	}
	lag := max(0, now.Unix()-int64(f.lagTime)-f.clockDiff)
	return &lag
}
