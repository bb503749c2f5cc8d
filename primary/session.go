package primary

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"binrelay/binlog"
	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
	"binrelay/replica/replstate"
)

// publishBytes is how much a session sends before its progress shows in
// Peers, while it has no reason to wait.
const publishBytes = 64 << 10

// maxScratch bounds the space that a session keeps for making events, in bytes.
const maxScratch = 64 << 10

// session serves one replica. It is run by the connection's goroutine; only
// what mu guards is read by others.
type session struct {
	reg    *Registry
	req    replstate.DumpRequest
	w      DumpWriter
	cancel context.CancelCauseFunc
	now    func() time.Time

	reader  *binlog.Reader
	crc     bool      // events sent now end in a CRC32
	strip   bool      // the file has checksums and the replica wants none
	at      place     // for error texts
	pos     txn.Coord // end of the last event sent or passed over
	have    gtid.Set  // GTID dump: what the replica has
	skip    bool      // inside a transaction that the replica has
	passed  bool      // something was skipped since the last event sent
	scratch []byte    // artificial events

	unpublished progress

	mu      sync.Mutex
	state   replstate.State
	since   time.Time
	started time.Time
	sent    txn.Coord
	total   progress
}

// progress counts what was sent.
type progress struct {
	events, bytes, heartbeats uint64
}

func newSession(r *Registry, req replstate.DumpRequest, w DumpWriter, cancel context.CancelCauseFunc) *session {
	now := r.opt.Now()
	return &session{
		reg: r, req: req, w: w, cancel: cancel, now: r.opt.Now,
		crc:   req.Checksum == replstate.ChecksumCRC32,
		state: replstate.StateSending, since: now, started: now,
	}
}

// run serves the replica until there is a reason to end.
func (s *session) run(ctx context.Context) error {
	err := s.serve(ctx)
	if s.reader != nil {
		s.reader.Close()
	}
	if err == nil {
		return nil
	}
	s.setState(replstate.StateFinishing)
	var own *replstate.Error
	if errors.As(err, &own) {
		return err
	}
	if ctx.Err() == nil {
		return readError(err, s.at)
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errSuperseded):
		return fatalAt(textSameReplica, s.at)
	case errors.Is(cause, errReset):
		return fatalAt(textNoNext, s.at)
	case errors.Is(cause, errKilled):
		return &replstate.Error{Number: 1317, SQLState: "70100", Text: "Query execution was interrupted"}
	default:
		return cause
	}
}

// serve is the session of a replica: header, then events until the end.
func (s *session) serve(ctx context.Context) error {
	if err := s.open(); err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	file := s.pos.File
	for {
		ev, ok, err := s.reader.TryNext()
		if err == nil && !ok {
			if err := s.idle(); err != nil {
				return err
			}
			if s.req.NonBlock() || s.req.ServerID == 0 {
				return nil
			}
			ev, err = s.wait(ctx)
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if at := s.reader.Start(); at.File != file {
			file = at.File
			if err := s.switchFile(file); err != nil {
				return err
			}
		}
		if err := s.pass(ev); err != nil {
			return err
		}
	}
}

// open finds the place to start from and opens the reader there.
func (s *session) open() error {
	if s.req.Checksum == replstate.ChecksumInvalid {
		return fatal("Replica requested an unknown checksum algorithm")
	}
	at := txn.Coord{File: s.req.File, Pos: s.req.Pos}
	if s.req.ByGTID {
		file, err := s.findGTID()
		if err != nil {
			return err
		}
		at = txn.Coord{File: file, Pos: 4}
	}
	s.at = place{first: at, last: at, lastByte: at}
	r, err := s.reg.log.NewReader(at)
	if err != nil {
		return startError(err, at)
	}
	s.reader = r
	s.pos = r.Pos()
	if s.pos.IsZero() || at.File != "" {
		s.pos = at
	}
	s.at = place{first: s.pos, last: s.pos, lastByte: s.pos}
	return nil
}

// findGTID returns the file from which a replica with the request's GTIDs must
// be served.
func (s *session) findGTID() (string, error) {
	if !s.reg.opt.GTIDMode() {
		return "", fatal(textGTIDOff)
	}
	have, err := gtid.Decode(s.req.GTIDs)
	if errors.Is(err, gtid.ErrTagged) {
		return "", fatal(textTaggedGTID)
	}
	if err != nil {
		return "", fatal(textMalformedGTID)
	}
	if executed := s.reg.opt.Executed; executed != nil {
		if err := checkOwn(have, executed()); err != nil {
			return "", err
		}
	}
	s.have = have
	file, err := s.reg.log.FindGTID(have)
	if err != nil {
		return "", startError(err, txn.Coord{})
	}
	return file, nil
}

// checkOwn refuses a replica that has transactions of servers we know, which
// we do not have: the end of our binlog was lost.
func checkOwn(have, executed gtid.Set) error {
	extra := have.Subtract(executed)
	for _, u := range extra.UUIDs() {
		if len(executed.Intervals(u)) > 0 {
			return fatal(textMoreGTIDs)
		}
	}
	return nil
}

// begin sends what stands before the first event: an artificial Rotate and,
// unless the file is read from its start, the file's Format_description.
func (s *session) begin() error {
	if err := s.sendRotate(s.pos); err != nil {
		return err
	}
	if s.pos.Pos <= 4 {
		return nil // the reader returns the Format_description itself
	}
	fde, _, err := s.reg.log.Header(s.pos.File)
	if err != nil {
		return startError(err, s.pos)
	}
	return s.sendFormat(fde, true)
}

// switchFile tells the replica that the next event is in another file.
func (s *session) switchFile(file string) error {
	s.setState(replstate.StateSwitching)
	if err := s.sendRotate(txn.Coord{File: file, Pos: 4}); err != nil {
		return err
	}
	s.setState(replstate.StateSending)
	return nil
}

// pass hands one event of the log to the replica, or skips it if it belongs to
// a transaction that the replica has.
func (s *session) pass(ev event.Event) error {
	start := s.reader.Start()
	s.at.last, s.at.lastByte = start, s.reader.Pos()
	s.pos = txn.Coord{File: start.File, Pos: start.Pos + uint64(len(ev))}
	s.at.lastByte = s.pos
	if ev.Type() == event.FormatDescription {
		skips, err := s.skipsFirst(start.File)
		if err != nil {
			return err
		}
		return s.sendFormat(ev, skips)
	}
	if s.req.ByGTID && s.skips(ev) {
		s.passed = true
		return nil
	}
	if s.passed {
		// The replica must learn that the position moved over what it has.
		if err := s.sendHeartbeat(start); err != nil {
			return err
		}
		s.passed = false
	}
	if s.strip {
		ev = s.stripped(ev)
	}
	return s.send(ev)
}

// stripped returns ev without its checksum, in the session's scratch space. The
// file's events have one, and the reader has checked their sizes.
func (s *session) stripped(ev event.Event) event.Event {
	body := ev[:len(ev)-event.ChecksumSize]
	if len(body) > maxScratch {
		return event.StripChecksum(ev)
	}
	s.scratch = append(s.scratch[:0], body...)
	binary.LittleEndian.PutUint32(s.scratch[9:], uint32(len(body)))
	return event.Event(s.scratch)
}

// skips tracks transactions by their GTID events and reports whether ev
// belongs to one that the replica has.
func (s *session) skips(ev event.Event) bool {
	switch ev.Type() {
	case event.GTID, event.GTIDTagged:
		g, err := event.DecodeGTID(ev, s.reader.Checksum())
		s.skip = err == nil && s.have.Contains(g.GTID)
	case event.AnonymousGTID, event.Rotate, event.Stop, event.PreviousGTIDs:
		s.skip = false
	}
	return s.skip
}

// skipsFirst reports whether the replica has more than what stands before the
// file, so that its first transactions will be skipped. The Format_description
// then must not look like that of a fresh server, or the replica would drop
// its temporary tables.
func (s *session) skipsFirst(file string) (bool, error) {
	if !s.req.ByGTID || s.have.IsEmpty() {
		return false, nil
	}
	_, previous, err := s.reg.log.Header(file)
	if err != nil {
		return false, startError(err, txn.Coord{File: file, Pos: 4})
	}
	return !previous.ContainsSet(s.have), nil
}

// idle is called when everything readable was sent.
func (s *session) idle() error {
	if s.passed {
		if err := s.sendHeartbeat(s.pos); err != nil {
			return err
		}
		s.passed = false
	}
	if err := s.w.Flush(); err != nil {
		return err
	}
	s.publish()
	return nil
}

// wait blocks until there is an event and sends a heartbeat each period.
func (s *session) wait(ctx context.Context) (event.Event, error) {
	s.setState(replstate.StateSentAll)
	defer s.setState(replstate.StateSending)
	if s.req.HeartbeatPeriod <= 0 {
		return s.reader.Next(ctx)
	}
	for {
		wctx, done := context.WithTimeout(ctx, s.req.HeartbeatPeriod)
		ev, err := s.reader.Next(wctx)
		done()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return ev, err
		}
		if err := s.sendHeartbeat(s.pos); err != nil {
			return nil, err
		}
		if err := s.w.Flush(); err != nil {
			return nil, err
		}
		s.publish()
	}
}

// sendFormat sends a Format_description in the form this replica needs, and
// settles whether the events after it carry checksums. continued means that
// what follows is not the file's start.
func (s *session) sendFormat(fde event.Event, continued bool) error {
	f, err := event.DecodeFormat(fde)
	if err != nil {
		return fatalAt(textBogus, s.at)
	}
	if f.Checksum && s.req.Checksum == replstate.ChecksumUnset {
		return fatalAt(textNoChecksum, s.at)
	}
	s.crc = f.Checksum && s.req.Checksum == replstate.ChecksumCRC32
	s.strip = f.Checksum && !s.crc
	out := event.Event(append(s.scratch[:0], fde...))
	if s.strip {
		out = event.StripChecksum(out)
	}
	event.SetFlags(out, out.Flags()&^event.FlagInUse)
	if continued {
		event.SetCreated(out, 0)
		if !s.req.ByGTID { // else the replica counts it: it reads the file from its start
			event.SetEndPos(out, 0)
		}
	}
	event.Recrc(out)
	return s.send(out)
}

// sendRotate sends an artificial Rotate that names where the next event is.
func (s *session) sendRotate(to txn.Coord) error {
	h := event.Header{ServerID: s.reg.opt.ServerID(), Flags: event.FlagArtificial}
	s.scratch = event.AppendRotate(s.scratch[:0], h, to.Pos, to.File)
	return s.send(event.Finish(event.Event(s.scratch), 0, s.crc))
}

// sendHeartbeat tells an idle replica, or one for which transactions were
// skipped, up to where everything was sent.
func (s *session) sendHeartbeat(to txn.Coord) error {
	h := event.Header{ServerID: s.reg.opt.ServerID()}
	end := uint32(to.Pos)
	// MariaDB uses the bit that asks for heartbeats of version 2 for its
	// annotations and does not know that version.
	if s.req.Flags&replstate.DumpAnnotateRows != 0 && s.req.MariaDBCapability == 0 {
		s.scratch = event.AppendHeartbeatV2(s.scratch[:0], h, to.File, to.Pos)
		end = 0
	} else if to.Pos > math.MaxUint32 {
		return nil // version 1 has no room for the position
	} else {
		s.scratch = event.AppendHeartbeat(s.scratch[:0], h, to.File, to.Pos)
	}
	s.unpublished.heartbeats++
	return s.send(event.Finish(event.Event(s.scratch), end, s.crc))
}

// send hands an event to the connection.
func (s *session) send(ev event.Event) error {
	if err := s.w.WriteEvent(ev); err != nil {
		return fmt.Errorf("send to replica: %w", err)
	}
	s.unpublished.events++
	s.unpublished.bytes += uint64(len(ev))
	if s.unpublished.bytes >= publishBytes {
		s.publish()
	}
	return nil
}

// publish makes the session's progress visible to Peers.
func (s *session) publish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = s.pos
	s.total.events += s.unpublished.events
	s.total.bytes += s.unpublished.bytes
	s.total.heartbeats += s.unpublished.heartbeats
	s.unpublished = progress{}
}

func (s *session) setState(state replstate.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != state {
		s.state, s.since = state, s.now()
	}
}

// describe fills in what a session knows of its replica.
func (s *session) describe(p *replstate.PeerStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.req.UUID != "" {
		p.UUID = s.req.UUID
	}
	p.Dumping, p.GTID = true, s.req.ByGTID
	p.Account, p.Address = s.req.User, s.req.Host
	p.State, p.Since, p.Attached = s.state, s.since, s.started
	p.Sent = replstate.Coord{File: s.sent.File, Pos: s.sent.Pos}
	p.EventsSent, p.BytesSent, p.Heartbeats = s.total.events, s.total.bytes, s.total.heartbeats
}
