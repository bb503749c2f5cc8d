package event

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"binrelay/binlog/gtid"
)

// Checksum algorithms of a Format_description.
const (
	algorithmOff   = 0
	algorithmCRC32 = 1
	algorithmUndef = 255
)

// Fields of a Format_description, offsets in the event.
const (
	formatVersion     = 4
	formatVersionSize = 50
	createdAt         = HeaderSize + 2 + formatVersionSize
	headerLenAt       = createdAt + 4
	postHeaderAt      = headerLenAt + 1
)

// postHeaderLens are the post-header lengths of MySQL 8.0.26 and later, entry
// 0 for type 1. Source: Format_description events of MySQL 8.0.28 to 8.0.46.
var postHeaderLens = []byte{
	0x00, 0x0d, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x04, 0x00, 0x00, 0x00, 0x62,
	0x00, 0x04, 0x1a, 0x08, 0x00, 0x00, 0x00, 0x08, 0x08, 0x08, 0x02, 0x00, 0x00, 0x00, 0x0a,
	0x0a, 0x0a, 0x2a, 0x2a, 0x00, 0x12, 0x34, 0x00, 0x0a, 0x28, 0x00,
}

// Format is the content of a Format_description, the first event of a file.
type Format struct {
	ServerVersion string
	Created       uint32 // seconds since 1970; 0 unless written as the server started
	Checksum      bool   // the other events of the file end in a CRC32
	PostHeader    []byte // post-header lengths, entry 0 for type 1; a view of the event
}

// PostHeaderLen returns the post-header length of events of type t, or -1 if
// the file's writer did not know that type.
func (f Format) PostHeaderLen(t Type) int {
	if t == 0 || int(t) > len(f.PostHeader) {
		return -1
	}
	return int(f.PostHeader[t-1])
}

// AppendFormat appends the Format_description of a MySQL 8.0.26+ file: 122
// bytes. version is the server version, at most 49 bytes of it are written.
// created is the time of the server's start if this is the first file since,
// else 0: replicas drop their temporary tables when it is set. checksum tells
// whether the other events have a CRC32; this one always does.
func AppendFormat(dst []byte, h Header, version string, created uint32, checksum bool) []byte {
	start := len(dst)
	dst = Begin(dst, h, FormatDescription)
	dst = binary.LittleEndian.AppendUint16(dst, formatVersion)
	var name [formatVersionSize]byte
	copy(name[:formatVersionSize-1], version)
	dst = append(dst, name[:]...)
	dst = binary.LittleEndian.AppendUint32(dst, created)
	dst = append(dst, HeaderSize)
	dst = append(dst, postHeaderLens...)
	if checksum {
		dst = append(dst, algorithmCRC32)
	} else {
		dst = append(dst, algorithmOff)
	}
	return End(dst, start)
}

// DecodeFormat decodes a Format_description. It does not verify the checksum.
// It fails with ErrUnsupported for a format other than version 4 or an unknown
// checksum algorithm.
func DecodeFormat(ev Event) (Format, error) {
	b, err := body(ev, false, FormatDescription)
	if err != nil {
		return Format{}, err
	}
	r := reader{b: b}
	version := r.u16()
	name := r.take(formatVersionSize)
	f := Format{Created: r.u32()}
	headerLen := r.u8()
	if err := r.done("Format_description"); err != nil {
		return Format{}, err
	}
	if version != formatVersion || headerLen != HeaderSize {
		return Format{}, unsupported("binlog version %d with headers of %d bytes", version, headerLen)
	}
	if end := bytes.IndexByte(name, 0); end >= 0 {
		name = name[:end]
	}
	f.ServerVersion = string(name)
	f.PostHeader = r.b
	if !writesAlgorithm(f.ServerVersion) {
		return f, nil
	}
	if len(r.b) < 1+ChecksumSize {
		return Format{}, malformed("Format_description has no checksum algorithm")
	}
	end := len(r.b) - 1 - ChecksumSize
	f.PostHeader = r.b[:end:end]
	switch r.b[end] {
	case algorithmCRC32:
		f.Checksum = true
	case algorithmOff, algorithmUndef:
	default:
		return Format{}, unsupported("checksum algorithm %d", r.b[end])
	}
	return f, nil
}

// writesAlgorithm reports whether a server of that version ends its
// Format_description with algorithm and checksum: MySQL since 5.6.1, MariaDB
// since 5.3.
func writesAlgorithm(version string) bool {
	var n [3]int
	for i, part := range strings.SplitN(version, ".", 3) {
		digits := len(part)
		for k, c := range []byte(part) {
			if c < '0' || c > '9' {
				digits = k
				break
			}
		}
		n[i], _ = strconv.Atoi(part[:digits])
	}
	v := n[0]*10000 + n[1]*100 + n[2]
	if strings.Contains(version, "MariaDB") {
		return v >= 50300
	}
	return v >= 50601
}

// SetCreated sets the created field of a Format_description and leaves the
// checksum stale.
func SetCreated(ev Event, created uint32) { binary.LittleEndian.PutUint32(ev[createdAt:], created) }

// withAlgorithm returns a copy of a Format_description with another algorithm.
func withAlgorithm(ev Event, algorithm byte) Event {
	out := append(Event(nil), ev...)
	out[len(out)-ChecksumSize-1] = algorithm
	Recrc(out)
	return out
}

// AppendPreviousGTIDs appends the event that follows the Format_description: s
// is what all earlier files together hold. The flag IGNORABLE is set.
func AppendPreviousGTIDs(dst []byte, h Header, s gtid.Set) []byte {
	start := len(dst)
	h.Flags |= FlagIgnorable
	return End(s.Append(Begin(dst, h, PreviousGTIDs)), start)
}

// DecodePreviousGTIDs decodes a Previous_gtids event. It fails with
// ErrUnsupported if the set has tags (MySQL 8.3).
func DecodePreviousGTIDs(ev Event, checksum bool) (gtid.Set, error) {
	b, err := body(ev, checksum, PreviousGTIDs)
	if err != nil {
		return gtid.Set{}, err
	}
	s, err := gtid.Decode(b)
	if errors.Is(err, gtid.ErrTagged) {
		return gtid.Set{}, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	if err != nil {
		return gtid.Set{}, malformed("Previous_gtids: %v", err)
	}
	return s, nil
}

// AppendRotate appends a Rotate: reading goes on in file, a name without
// directory, at pos. The Rotate that opens a dump has the flag ARTIFICIAL,
// time 0 and end position 0.
func AppendRotate(dst []byte, h Header, pos uint64, file string) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint64(Begin(dst, h, Rotate), pos)
	return End(append(dst, file...), start)
}

// DecodeRotate decodes a Rotate.
func DecodeRotate(ev Event, checksum bool) (pos uint64, file string, err error) {
	b, err := body(ev, checksum, Rotate)
	if err != nil {
		return 0, "", err
	}
	r := reader{b: b}
	pos = r.u64()
	if r.bad || len(r.b) == 0 {
		return 0, "", malformed("Rotate of %d bytes", len(ev))
	}
	return pos, string(r.b), nil
}

// AppendStop appends the event that ends a file at a clean stop.
func AppendStop(dst []byte, h Header) []byte {
	start := len(dst)
	return End(Begin(dst, h, Stop), start)
}

// Fields of a version 2 heartbeat.
const (
	heartbeatEnd  = 0
	heartbeatFile = 1
	heartbeatPos  = 2
)

// AppendHeartbeat appends a heartbeat of version 1: everything up to pos of
// file has been sent. The header's end position is pos modulo 4 GiB; keep it:
// Finish(ev, ev.EndPos(), …).
func AppendHeartbeat(dst []byte, h Header, file string, pos uint64) []byte {
	start := len(dst)
	dst = End(append(Begin(dst, h, Heartbeat), file...), start)
	SetEndPos(Event(dst[start:]), uint32(pos))
	return dst
}

// AppendHeartbeatV2 appends a heartbeat of version 2, for replicas that ask
// for it: its position has 64 bits. The header's end position is as in
// AppendHeartbeat.
func AppendHeartbeatV2(dst []byte, h Header, file string, pos uint64) []byte {
	start := len(dst)
	dst = append(Begin(dst, h, HeartbeatV2), heartbeatFile)
	dst = append(appendPacked(dst, uint64(len(file))), file...)
	dst = append(dst, heartbeatPos, byte(packedSize(pos)))
	dst = appendPacked(dst, pos)
	dst = End(append(dst, heartbeatEnd), start)
	SetEndPos(Event(dst[start:]), uint32(pos))
	return dst
}

// DecodeHeartbeat decodes a heartbeat of either version. Of version 1, pos has
// only its low 32 bits.
func DecodeHeartbeat(ev Event, checksum bool) (file string, pos uint64, err error) {
	b, err := body(ev, checksum, Heartbeat, HeartbeatV2)
	if err != nil {
		return "", 0, err
	}
	if ev.Type() == Heartbeat {
		return string(b), uint64(ev.EndPos()), nil
	}
	r := reader{b: b}
	for len(r.b) > 0 {
		field := r.u8()
		if field == heartbeatEnd {
			break
		}
		value := r.take(r.packed())
		switch field {
		case heartbeatFile:
			file = string(value)
		case heartbeatPos:
			v := reader{b: value}
			pos = v.packed()
			r.bad = r.bad || v.bad
		}
	}
	return file, pos, r.done("Heartbeat")
}

// DecodeIncident decodes an Incident: the source lost events. A replica stops
// at it with error 1590.
func DecodeIncident(ev Event, checksum bool) (number uint16, message string, err error) {
	b, err := body(ev, checksum, Incident)
	if err != nil {
		return 0, "", err
	}
	r := reader{b: b}
	number = r.u16()
	message = r.short()
	return number, message, r.done("Incident")
}
