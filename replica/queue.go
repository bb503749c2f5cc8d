package replica

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"binrelay/binlog/event"
	"binrelay/binlog/txn"
	"binrelay/replica/replstate"
)

// errSourceEnded is an EOF packet from the source: it has nothing more and does
// not wait.
var errSourceEnded = errors.New("the source ended the dump")

// errSilent means that neither event nor heartbeat came in replica_net_timeout.
var errSilent = errors.New("no event or heartbeat within replica_net_timeout")

// queue appends the events of one session to the relay log. Every event is
// checked before it is believed: sizes, checksum, names, positions.
type queue struct {
	rc    *receiver
	s     *session
	set   Settings
	alive bool // something valid came

	crc      bool      // events end in a CRC32
	known    bool      // the source's Rotate or Format_description has come
	pos      txn.Coord // behind the last event, in the source's log
	ignored  bool      // events were left out since the last append
	unsynced int       // events appended since the last sync

	events, bytes uint64 // not yet in the status
}

// run reads packets until the session ends. The error is never nil.
func (q *queue) run(ctx context.Context) error {
	q.s.p.idle = q.set.NetTimeout
	for {
		if err := q.await(ctx); err != nil {
			return err
		}
		pkt, err := q.s.p.read(q.set.MaxEventBytes + 1)
		if errors.Is(err, errTooLarge) {
			return fatalf(errnoPacketTooLarge, "Got a packet bigger than 'replica_max_allowed_packet' bytes. "+
				"Log entry on source is longer than replica_max_allowed_packet (%d) on replica.", q.set.MaxEventBytes)
		}
		if err != nil {
			return err
		}
		if err := q.packet(ctx, pkt); err != nil {
			return err
		}
	}
}

// await blocks until something arrives. While it has to wait, the relay log is
// synced and the status brought up to date.
func (q *queue) await(ctx context.Context) error {
	p := q.s.p
	if p.br.Buffered() > 0 {
		return nil
	}
	q.publish()
	q.rc.setIOState(replstate.StateWaitingForEvent)
	if q.ignored {
		if err := q.writeIgnored(ctx); err != nil {
			return err
		}
	}
	if q.unsynced > 0 {
		if ready, err := p.waiting(idleSync); ready || err != nil {
			return q.arm(err)
		}
		if err := q.sync(); err != nil {
			return err
		}
	}
	ready, err := p.waiting(q.set.NetTimeout)
	if err == nil && !ready {
		return errSilent
	}
	return q.arm(err)
}

// arm bounds the reading of a packet that has begun to arrive, and of those
// that follow it without a pause.
func (q *queue) arm(err error) error {
	if err != nil {
		return err
	}
	q.set = q.rc.opt.Settings()
	q.s.p.idle = q.set.NetTimeout
	return nil
}

// packet takes one packet of the dump.
func (q *queue) packet(ctx context.Context, pkt []byte) error {
	if len(pkt) == 0 {
		return malformed("empty packet")
	}
	switch pkt[0] {
	case 0x00:
		return q.event(ctx, event.Event(pkt[1:]))
	case 0xff:
		err := parseErr(pkt)
		var reply *replstate.Error
		if errors.As(err, &reply) && reply.Number == errnoFatalSource {
			return fatalf(errnoSourceRead, "Got fatal error %d from source when reading data from binary log: '%s'", reply.Number, reply.Text)
		}
		return err
	case 0xfe:
		if isEOF(pkt) {
			return errSourceEnded
		}
	case 0xfb:
		return malformed("the source asks for a local file")
	}
	return malformed("packet of type %#x in a dump", pkt[0])
}

// event checks one event and appends it.
func (q *queue) event(ctx context.Context, ev event.Event) error {
	if len(ev) < event.HeaderSize || uint64(ev.Size()) != uint64(len(ev)) {
		return malformed("event of %d bytes", len(ev))
	}
	if int64(len(ev)) > q.set.MaxEventBytes {
		return fatalf(errnoPacketTooLarge, "Got a packet bigger than 'replica_max_allowed_packet' bytes. "+
			"Log entry on source is longer than replica_max_allowed_packet (%d) on replica.", q.set.MaxEventBytes)
	}
	if err := q.checksum(ev); err != nil {
		return err
	}
	var err error
	switch ev.Type() {
	case event.Heartbeat, event.HeartbeatV2:
		err = q.heartbeat(ev)
	case event.Rotate:
		err = q.rotate(ctx, ev)
	case event.FormatDescription:
		err = q.format(ctx, ev)
	case event.Stop:
		// The source shut down in good order. Not kept: a relay log goes on.
	case event.MariaStartEncryption:
		return fatalf(errnoFatal, "Fatal error: the source's binary log is encrypted and it does not decrypt it for replicas")
	default:
		err = q.ordinary(ctx, ev)
	}
	if err == nil {
		q.alive = true
	}
	return err
}

// checksum verifies the CRC32 and settles, for a Format_description, whether
// the events after it have one.
func (q *queue) checksum(ev event.Event) error {
	crc := q.crc
	if ev.Type() == event.FormatDescription {
		f, err := event.DecodeFormat(ev)
		if err != nil {
			return malformed("format description: %v", err)
		}
		crc = f.Checksum
	}
	if !crc {
		return nil
	}
	if err := event.Verify(ev); err != nil {
		return fatalf(errnoNetChecksum, "Replication event checksum verification failed while reading from network.")
	}
	return nil
}

// heartbeat compares where the source says it is with where we are.
func (q *queue) heartbeat(ev event.Event) error {
	file, pos, err := event.DecodeHeartbeat(ev, q.crc)
	if err != nil {
		return fatalf(errnoHeartbeatData, "Unexpected source's heartbeat data: malformed heartbeat")
	}
	ours := q.pos.Pos
	if ev.Type() == event.Heartbeat {
		ours &= 0xffffffff
	}
	// MariaDB leaves events out (of encryption, of other domains); MySQL does not.
	if file != q.pos.File || pos < ours || pos > ours && !q.s.maria {
		return fatalf(errnoHeartbeatData, "Unexpected source's heartbeat data: heartbeat is not compatible with local info;"+
			"the event's data: log_file_name %.512s log_pos %d", file, pos)
	}
	q.rc.st.set(func(f *fields) { f.heartbeats++; f.lastEventAt = q.rc.opt.Now() })
	return nil
}

// rotate goes on to another file of the source, or learns the name of the
// first.
func (q *queue) rotate(ctx context.Context, ev event.Event) error {
	pos, file, err := event.DecodeRotate(ev, q.crc)
	if err != nil {
		return malformed("rotate: %v", err)
	}
	if !validLogName(file) || pos < 4 {
		return fatalf(errnoFatal, "Fatal error: the source rotates to an invalid position %d or binary log name '%.64s'", pos, printable(file))
	}
	if err := q.writeIgnored(ctx); err != nil {
		return err
	}
	to := txn.Coord{File: file, Pos: pos}
	if err := q.append(ctx, ev, to); err != nil {
		return err
	}
	q.known, q.pos = true, to
	q.publish()
	return nil
}

// format appends a Format_description.
func (q *queue) format(ctx context.Context, ev event.Event) error {
	f, err := event.DecodeFormat(ev)
	if err != nil {
		return malformed("format description: %v", err)
	}
	if !q.known {
		return malformed("format description before the first rotate")
	}
	to := q.pos
	if end := ev.EndPos(); end != 0 && ev.Flags()&event.FlagArtificial == 0 && to.Pos <= 4 {
		to.Pos = uint64(end)
	}
	q.crc = f.Checksum
	if err := q.append(ctx, ev, to); err != nil {
		return err
	}
	q.pos = to
	return nil
}

// ordinary appends an event of the log, or passes over one that is our own.
func (q *queue) ordinary(ctx context.Context, ev event.Event) error {
	if !q.known {
		return malformed("event before the first rotate")
	}
	to, err := q.behind(ev)
	if err != nil {
		return err
	}
	if ev.ServerID() == q.set.ServerID && !q.set.SameServerID && ev.ServerID() != 0 {
		q.pos, q.ignored = to, true
		return nil
	}
	if err := q.writeIgnored(ctx); err != nil {
		return err
	}
	if err := q.append(ctx, ev, to); err != nil {
		return err
	}
	q.pos = to
	return nil
}

// behind returns the coordinate after ev. Positions in headers have 32 bits;
// MariaDB 11.4 leaves them 0 on events from its transaction cache.
func (q *queue) behind(ev event.Event) (txn.Coord, error) {
	to := q.pos
	if ev.Flags()&event.FlagArtificial != 0 {
		return to, nil
	}
	end := uint64(ev.EndPos())
	if end == 0 {
		to.Pos += uint64(len(ev))
		return to, nil
	}
	high := to.Pos &^ 0xffffffff
	if low := to.Pos & 0xffffffff; end <= low {
		if low < 3<<30 || end > 1<<30 {
			return to, malformed("position goes back from %d to %d", low, end)
		}
		high += 1 << 32
	}
	to.Pos = high | end
	return to, nil
}

// append writes an event to the relay log and syncs it when its turn has come.
func (q *queue) append(ctx context.Context, ev event.Event, to txn.Coord) error {
	if limit := q.set.RelaySpace; limit > 0 && q.rc.relay.Space() > limit {
		q.rc.setIOState(replstate.StateWaitingForRelayRoom)
		if err := q.rc.relay.WaitSpace(ctx, limit); err != nil {
			return fmt.Errorf("wait for relay log space: %w", err)
		}
	}
	q.rc.writing.Lock()
	err := q.rc.relay.Append(ev, to, q.crc)
	q.rc.writing.Unlock()
	if err != nil {
		crc := q.crc
		err = q.rc.retryFull(ctx, err, func() error { return q.rc.relay.Append(ev, to, crc) })
		if err != nil {
			return err
		}
	}
	q.events++
	q.bytes += uint64(len(ev))
	if q.unsynced++; q.unsynced >= q.set.SyncRelayLog {
		if err := q.sync(); err != nil {
			return err
		}
	}
	q.rc.st.set(func(f *fields) { f.read = to })
	return nil
}

// writeIgnored makes the relay log's position follow over left-out events.
func (q *queue) writeIgnored(ctx context.Context) error {
	if !q.ignored {
		return nil
	}
	ignore := func() error { return q.rc.relay.Ignore(q.pos) }
	if err := q.rc.write(ignore); err != nil {
		err = q.rc.retryFull(ctx, err, ignore)
		if err != nil {
			return err
		}
	}
	q.ignored = false
	q.unsynced++
	q.rc.st.set(func(f *fields) { f.read = q.pos })
	return nil
}

func (q *queue) sync() error {
	if err := q.rc.write(q.rc.relay.Sync); err != nil {
		return fatalf(errnoRelayWrite, "Relay log write failure: %v", err)
	}
	q.unsynced = 0
	return nil
}

// publish brings the counters into the status.
func (q *queue) publish() {
	if q.events == 0 {
		return
	}
	q.rc.st.set(func(f *fields) {
		f.eventsQueued += q.events
		f.bytesQueued += q.bytes
		f.lastEventAt = q.rc.opt.Now()
	})
	q.events, q.bytes = 0, 0
}

// validLogName reports whether a file name from the source can be one of its
// binlogs: a base name, a dot, at least six digits, and nothing that means
// something to a file system.
func validLogName(name string) bool {
	base, digits, ok := cutLast(name, '.')
	if !ok || base == "" || len(name) > 255 || len(digits) < 6 || len(digits) > 10 {
		return false
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return false
		}
	}
	for _, c := range []byte(base) {
		if c < 0x20 || c == 0x7f || c == '/' || c == '\\' {
			return false
		}
	}
	return true
}

func cutLast(s string, sep byte) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

// printable makes foreign bytes fit for an error text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
