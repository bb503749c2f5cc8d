package rowimage

import (
	"encoding/binary"
	"math"
)

// DecodeInt returns a signed integer of 1 to 8 little-endian bytes.
func DecodeInt(b []byte) int64 {
	shift := 64 - 8*len(b)
	return int64(DecodeUint(b)<<shift) >> shift
}

// DecodeUint returns an unsigned integer of 1 to 8 little-endian bytes; also
// the index of an ENUM and the bits of a SET.
func DecodeUint(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	case 8:
		return binary.LittleEndian.Uint64(b)
	}
	var v uint64
	for i, c := range b {
		v |= uint64(c) << (8 * i)
	}
	return v
}

// DecodeYear returns 0 or 1901 to 2155.
func DecodeYear(b []byte) int {
	if b[0] == 0 {
		return 0
	}
	return 1900 + int(b[0])
}

// DecodeFloat returns a FLOAT.
func DecodeFloat(b []byte) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(b))
}

// DecodeDouble returns a DOUBLE.
func DecodeDouble(b []byte) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

// DecodeBit returns a BIT value of 1 to 8 big-endian bytes.
func DecodeBit(b []byte) uint64 { return beUint(b) }

func beUint(b []byte) uint64 {
	var v uint64
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

// appendLE appends the low n bytes of v, little-endian.
func appendLE(dst []byte, v uint64, n int) []byte {
	for range n {
		dst = append(dst, byte(v))
		v >>= 8
	}
	return dst
}

// appendBE appends the low n bytes of v, big-endian.
func appendBE(dst []byte, v uint64, n int) []byte {
	for i := n - 1; i >= 0; i-- {
		dst = append(dst, byte(v>>(8*i)))
	}
	return dst
}

// fitsInt reports whether the integer (neg: v is the bits of an int64 below
// zero) fits into n bytes of the signedness.
func fitsInt(v uint64, neg, unsigned bool, n uint32) bool {
	bits := 8 * n
	if unsigned {
		return !neg && (bits == 64 || v < 1<<bits)
	}
	if neg {
		return int64(v) >= -1<<(bits-1)
	}
	return v < 1<<(bits-1)
}
