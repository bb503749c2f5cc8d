package event

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMalformed means that an event's bytes contradict their own lengths or the
// format. Every decoder wraps it.
var ErrMalformed = errors.New("event: malformed")

// ErrUnsupported means that an event is well formed as far as we can see, but
// uses something we do not understand.
var ErrUnsupported = errors.New("event: not supported")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnsupported, fmt.Sprintf(format, args...))
}

// body returns what stands between header and checksum of ev, after checking
// its size and that its type is one of types.
func body(ev Event, checksum bool, types ...Type) ([]byte, error) {
	tail := 0
	if checksum {
		tail = ChecksumSize
	}
	if len(ev) < HeaderSize+tail || uint64(ev.Size()) != uint64(len(ev)) {
		return nil, malformed("event of %d bytes", len(ev))
	}
	for _, t := range types {
		if ev.Type() == t {
			return ev[HeaderSize : len(ev)-tail : len(ev)-tail], nil
		}
	}
	return nil, malformed("type %d where %d was expected", ev.Type(), types[0])
}

// reader takes fields off the front of b. The first that does not fit sets
// bad; from then on every method returns zero. No method allocates.
type reader struct {
	b   []byte
	bad bool
}

// take returns the next n bytes, a view, or nil.
func (r *reader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

// uint returns the next n ≤ 8 bytes as a little-endian number.
func (r *reader) uint(n int) uint64 {
	var v uint64
	for i, c := range r.take(uint64(n)) {
		v |= uint64(c) << (8 * i)
	}
	return v
}

func (r *reader) u8() byte    { return byte(r.uint(1)) }
func (r *reader) u16() uint16 { return uint16(r.uint(2)) }
func (r *reader) u32() uint32 { return uint32(r.uint(4)) }
func (r *reader) u64() uint64 { return r.uint(8) }

// packed returns a length-encoded integer.
func (r *reader) packed() uint64 {
	switch c := r.u8(); c {
	case 0xfc:
		return r.uint(2)
	case 0xfd:
		return r.uint(3)
	case 0xfe:
		return r.uint(8)
	case 0xfb, 0xff:
		r.bad = true
		return 0
	default:
		return uint64(c)
	}
}

// short returns a string after its one-byte length.
func (r *reader) short() string { return string(r.take(uint64(r.u8()))) }

// cstring returns a string before its NUL.
func (r *reader) cstring() string {
	for i, c := range r.b {
		if c == 0 {
			s := string(r.take(uint64(i)))
			r.take(1)
			return s
		}
	}
	r.bad = true
	return ""
}

// done returns an error that names what if a field did not fit.
func (r *reader) done(what string) error {
	if r.bad {
		return malformed("%s is cut short", what)
	}
	return nil
}

// appendPacked appends v as a length-encoded integer.
func appendPacked(dst []byte, v uint64) []byte {
	switch {
	case v < 0xfb:
		return append(dst, byte(v))
	case v < 1<<16:
		return append(dst, 0xfc, byte(v), byte(v>>8))
	case v < 1<<24:
		return append(dst, 0xfd, byte(v), byte(v>>8), byte(v>>16))
	}
	return binary.LittleEndian.AppendUint64(append(dst, 0xfe), v)
}

// packedSize returns the length of v as a length-encoded integer.
func packedSize(v uint64) int {
	switch {
	case v < 0xfb:
		return 1
	case v < 1<<16:
		return 3
	case v < 1<<24:
		return 4
	}
	return 9
}

// appendUint appends the low n bytes of v, little-endian.
func appendUint(dst []byte, v uint64, n int) []byte {
	for range n {
		dst = append(dst, byte(v))
		v >>= 8
	}
	return dst
}

// appendShort appends a one-byte length and s. A longer s is a bug of the
// caller: identifiers and the like have at most 255 bytes.
func appendShort(dst []byte, s string) []byte {
	if len(s) > 255 {
		panic(fmt.Sprintf("event: name of %d bytes", len(s)))
	}
	return append(append(dst, byte(len(s))), s...)
}
