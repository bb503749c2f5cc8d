package relaylog

import (
	"fmt"

	"binrelay/binlog/event"
	"binrelay/binlog/logfile"
	"binrelay/binlog/txn"
)

// Entry is one event of the relay log with its coordinates.
type Entry struct {
	Event    event.Event // valid until the following call
	Checksum bool        // Event ends in a CRC32
	Own      bool        // ours: header or Rotate of the relay log itself, not from the source
	Start    txn.Coord   // where it begins in the relay log
	End      txn.Coord   // behind it in the relay log
	Source   txn.Coord   // behind it in the source's log; zero before the first Rotate
}

// tracker follows the events of relay log files and knows the source's
// coordinate and the state of the checksums.
type tracker struct {
	base     string // of the relay log
	ownID    uint32 // server id that wrote the file
	inHead   bool   // between our Format_description and the source's
	checksum bool
	source   txn.Coord
}

// add makes the entry of an event that stands at start.
func (t *tracker) add(ev event.Event, file string, start int64) (Entry, error) {
	e := Entry{
		Event: ev,
		Start: txn.Coord{File: file, Pos: uint64(start)},
		End:   txn.Coord{File: file, Pos: uint64(start) + uint64(len(ev))},
	}
	switch ev.Type() {
	case event.FormatDescription:
		f, err := event.DecodeFormat(ev)
		if err != nil {
			return e, &logfile.CorruptError{File: file, Offset: start, Err: err}
		}
		t.checksum = f.Checksum
		t.inHead = ev.Flags()&event.FlagRelayLog != 0
		if t.inHead {
			t.ownID = ev.ServerID()
			e.Own = true
		}
		e.Checksum = true // its own is always there
	case event.PreviousGTIDs:
		e.Own = t.inHead
	case event.Rotate:
		pos, name, err := event.DecodeRotate(ev, t.checksum)
		if err != nil {
			return e, &logfile.CorruptError{File: file, Offset: start, Err: err}
		}
		_, ours := logfile.ParseFileName(t.base, name)
		e.Own = ours && ev.ServerID() == t.ownID && ev.Flags()&event.FlagArtificial == 0
		if !e.Own {
			t.source = txn.Coord{File: name, Pos: pos}
		}
	default:
		t.source.Pos = behind(t.source.Pos, ev)
	}
	if ev.Type() != event.FormatDescription {
		e.Checksum = t.checksum
	}
	e.Source = t.source
	return e, nil
}

// behind returns the source's position after ev, which came after prev. An
// end_log_pos of 0 says nothing (MariaDB 11.4 on cached events); others have
// lost all above 32 bits.
func behind(prev uint64, ev event.Event) uint64 {
	end := ev.EndPos()
	switch {
	case end == 0 && ev.Flags()&event.FlagArtificial != 0:
		return prev // in no file of the source
	case end == 0:
		return prev + uint64(len(ev))
	}
	pos := prev&^(1<<32-1) | uint64(end)
	if pos < prev && prev-pos > 1<<31 {
		pos += 1 << 32
	}
	return pos
}

// check refuses bytes that would damage the log.
func check(ev event.Event, checksum bool, limit int64) error {
	if len(ev) < event.HeaderSize || int64(ev.Size()) != int64(len(ev)) {
		return fmt.Errorf("%w: %d bytes", ErrEvent, len(ev))
	}
	if int64(len(ev)) > limit {
		return fmt.Errorf("%w: %w: %d bytes", ErrEvent, logfile.ErrTooLarge, len(ev))
	}
	switch ev.Type() {
	case event.Unknown, event.Heartbeat, event.HeartbeatV2:
		return fmt.Errorf("%w: type %d", ErrEvent, ev.Type())
	}
	if checksum {
		if err := event.Verify(ev); err != nil {
			return fmt.Errorf("%w: %w", ErrEvent, err)
		}
	}
	if ev.Type() == event.Rotate {
		if _, _, err := event.DecodeRotate(ev, checksum); err != nil {
			return fmt.Errorf("%w: %w", ErrEvent, err)
		}
	}
	return nil
}
