package event

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// Header is what a caller chooses of an event's common header. Size, end
// position and checksum are set by the encoders and Finish.
type Header struct {
	Timestamp uint32 // seconds since 1970
	ServerID  uint32 // originating server
	Flags     uint16
}

// ErrChecksum means that an event's CRC32 does not match its bytes.
var ErrChecksum = errors.New("event: checksum does not match")

// Begin appends a common header of the given type to dst. The caller appends
// the body and calls End with the length dst had before Begin.
func Begin(dst []byte, h Header, t Type) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, h.Timestamp)
	dst = append(dst, byte(t))
	dst = binary.LittleEndian.AppendUint32(dst, h.ServerID)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	return binary.LittleEndian.AppendUint16(dst, h.Flags)
}

// End completes the event that starts at dst[start]: it appends room for the
// checksum and sets the size. End position and checksum stay 0 until Finish.
func End(dst []byte, start int) []byte {
	dst = append(dst, 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(dst[start+9:], uint32(len(dst)-start))
	return dst
}

// First returns the first event of buf, which holds whole events back to back,
// and what follows it. It fails with ErrMalformed when the size field does not
// fit buf. The event is a view of buf.
func First(buf []byte) (ev Event, rest []byte, err error) {
	if len(buf) < HeaderSize {
		return nil, nil, malformed("header of %d bytes", len(buf))
	}
	size := Event(buf).Size()
	if size < HeaderSize || uint64(size) > uint64(len(buf)) {
		return nil, nil, malformed("event size %d in %d bytes", size, len(buf))
	}
	return Event(buf[:size:size]), buf[size:], nil
}

// Finish sets the end position and, with checksum, the CRC32 of an event made
// by one of the Append functions. Without checksum it cuts off the room for it
// and corrects the size; a Format_description always keeps its checksum. It
// returns the event as it goes into the file, a prefix of ev.
func Finish(ev Event, endPos uint32, checksum bool) Event {
	if !checksum && ev.Type() != FormatDescription {
		ev = ev[:len(ev)-ChecksumSize]
		binary.LittleEndian.PutUint32(ev[9:], uint32(len(ev)))
		SetEndPos(ev, endPos)
		return ev
	}
	SetEndPos(ev, endPos)
	Recrc(ev)
	return ev
}

// SetEndPos sets the header's end_log_pos and leaves the checksum stale.
func SetEndPos(ev Event, endPos uint32) { binary.LittleEndian.PutUint32(ev[13:], endPos) }

// SetFlags sets the header's flags and leaves the checksum stale.
func SetFlags(ev Event, flags uint16) { binary.LittleEndian.PutUint16(ev[17:], flags) }

// SetServerID sets the header's server id and leaves the checksum stale.
func SetServerID(ev Event, id uint32) { binary.LittleEndian.PutUint32(ev[5:], id) }

// SetTimestamp sets the header's time and leaves the checksum stale.
func SetTimestamp(ev Event, t uint32) { binary.LittleEndian.PutUint32(ev, t) }

// Recrc computes the CRC32 over all of ev but its last 4 bytes and stores it
// there. The flag IN_USE of a Format_description counts as clear.
func Recrc(ev Event) {
	binary.LittleEndian.PutUint32(ev[len(ev)-ChecksumSize:], sum(ev))
}

// Verify checks the CRC32 at the end of ev. It returns ErrChecksum, or
// ErrMalformed if ev is too short or its size field is wrong.
func Verify(ev Event) error {
	if len(ev) < HeaderSize+ChecksumSize || uint64(ev.Size()) != uint64(len(ev)) {
		return malformed("event of %d bytes", len(ev))
	}
	if binary.LittleEndian.Uint32(ev[len(ev)-ChecksumSize:]) != sum(ev) {
		return ErrChecksum
	}
	return nil
}

// sum is the CRC32 of ev as it stands in a closed file.
func sum(ev Event) uint32 {
	body := ev[:len(ev)-ChecksumSize]
	if ev.Type() != FormatDescription || ev.Flags()&FlagInUse == 0 {
		return crc32.ChecksumIEEE(body)
	}
	var flags [2]byte
	binary.LittleEndian.PutUint16(flags[:], ev.Flags()&^FlagInUse)
	c := crc32.ChecksumIEEE(body[:17])
	c = crc32.Update(c, crc32.IEEETable, flags[:])
	return crc32.Update(c, crc32.IEEETable, body[19:])
}

// StripChecksum returns a copy of ev without its CRC32, for a reader that
// asked for none. The end position stays. A Format_description keeps its
// checksum and says that the other events have none.
func StripChecksum(ev Event) Event {
	if ev.Type() == FormatDescription {
		return withAlgorithm(ev, algorithmOff)
	}
	out := append(Event(nil), ev[:len(ev)-ChecksumSize]...)
	binary.LittleEndian.PutUint32(out[9:], uint32(len(out)))
	return out
}

// AddChecksum returns a copy of ev, which has no CRC32, with one. The end
// position stays. A Format_description then says that the other events have
// one.
func AddChecksum(ev Event) Event {
	if ev.Type() == FormatDescription {
		return withAlgorithm(ev, algorithmCRC32)
	}
	out := append(make(Event, 0, len(ev)+ChecksumSize), ev...)
	out = append(out, 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(out[9:], uint32(len(out)))
	Recrc(out)
	return out
}
