package wire

import (
	"bytes"
	"encoding/binary"
)

// cursor reads the fields of a packet in order. Every method checks the length
// first; after the first that does not fit, bad is true, every later method
// returns a zero value, and the caller reports one malformed packet.
// Returned slices alias the packet.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) fail() { c.b, c.bad = nil, true }

// take returns the next n bytes.
func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.fail()
		return nil
	}
	out := c.b[:n:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) u8() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if b := c.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if b := c.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// lenenc reads a length-encoded integer. 0xFB (NULL) and 0xFF are no integers.
func (c *cursor) lenenc() uint64 {
	switch n := c.u8(); n {
	case 0xfb, 0xff:
		c.fail()
		return 0
	case 0xfc:
		return uint64(c.u16())
	case 0xfd:
		b := c.take(3)
		if b == nil {
			return 0
		}
		return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16
	case 0xfe:
		return c.u64()
	default:
		return uint64(n)
	}
}

// lenencBytes reads a string behind its length-encoded length.
func (c *cursor) lenencBytes() []byte {
	n := c.lenenc()
	if n > uint64(len(c.b)) {
		c.fail()
		return nil
	}
	return c.take(int(n))
}

// shortBytes reads a string behind its length of one byte.
func (c *cursor) shortBytes() []byte { return c.take(int(c.u8())) }

// nul reads a string that ends in a zero byte, which is consumed.
func (c *cursor) nul() []byte {
	i := bytes.IndexByte(c.b, 0)
	if i < 0 {
		c.fail()
		return nil
	}
	out := c.b[:i:i]
	c.b = c.b[i+1:]
	return out
}

// nulOrRest reads a string that ends in a zero byte or with the packet.
func (c *cursor) nulOrRest() []byte {
	if bytes.IndexByte(c.b, 0) >= 0 {
		return c.nul()
	}
	return c.rest()
}

func (c *cursor) rest() []byte {
	out := c.b
	c.b = nil
	return out
}

func appendLenenc(b []byte, n uint64) []byte {
	switch {
	case n < 251:
		return append(b, byte(n))
	case n < 1<<16:
		return append(b, 0xfc, byte(n), byte(n>>8))
	case n < 1<<24:
		return append(b, 0xfd, byte(n), byte(n>>8), byte(n>>16))
	}
	return binary.LittleEndian.AppendUint64(append(b, 0xfe), n)
}

func appendLenencString[T string | []byte](b []byte, s T) []byte {
	return append(appendLenenc(b, uint64(len(s))), s...)
}
