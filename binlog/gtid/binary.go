package gtid

import (
	"encoding/binary"
	"fmt"
)

// The binary form, all integers 8 bytes little-endian:
//
//	number of servers, then for each: UUID (16 bytes), number of intervals,
//	then for each: first number, last number + 1
//
// Since MySQL 8.3 a set with tags has another form: the number of servers in the
// middle 6 bytes of the first 8, the outer ones are 1; and a tag, as twice its
// length and its characters, follows each UUID. Source: MySQL 8.0 and 8.4
// internals, "Previous_gtids_log_event".
const (
	countSize    = 8
	intervalSize = 16
	entrySize    = 16 + countSize
	taggedForm   = 1
)

// BinarySize returns the length of the binary form, in bytes.
func (s Set) BinarySize() int {
	n := countSize
	for _, e := range s.list {
		n += entrySize + intervalSize*len(e.ivs)
	}
	return n
}

// Append appends the binary form of s to dst.
func (s Set) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(s.list)))
	for _, e := range s.list {
		dst = append(dst, e.uuid[:]...)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(len(e.ivs)))
		for _, iv := range e.ivs {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(iv.First))
			dst = binary.LittleEndian.AppendUint64(dst, uint64(iv.Last)+1)
		}
	}
	return dst
}

// Decode parses a binary set, of either form, that fills b exactly. It fails with
// ErrMalformed when counts and length disagree or an interval is empty, out of
// range or out of order, and with ErrTagged for a set with tags. Memory is
// bounded by a small multiple of len(b).
func Decode(b []byte) (Set, error) {
	if len(b) < countSize {
		return Set{}, fmt.Errorf("%w: %d bytes", ErrMalformed, len(b))
	}
	servers := binary.LittleEndian.Uint64(b)
	tagged := b[0] == taggedForm && b[countSize-1] == taggedForm
	if tagged {
		servers = servers << 8 >> 16
	}
	b = b[countSize:]
	if servers > uint64(len(b)/entrySize) {
		return Set{}, fmt.Errorf("%w: %d servers in %d bytes", ErrMalformed, servers, len(b))
	}
	list := make([]entry, 0, servers)
	for range servers {
		e, rest, err := decodeEntry(b, tagged)
		if err != nil {
			return Set{}, err
		}
		list, b = append(list, e), rest
	}
	if len(b) != 0 {
		return Set{}, fmt.Errorf("%w: %d bytes too many", ErrMalformed, len(b))
	}
	return makeSet(list), nil
}

func decodeEntry(b []byte, tagged bool) (e entry, rest []byte, err error) {
	size := entrySize
	if tagged {
		size++
	}
	if len(b) < size {
		return e, nil, fmt.Errorf("%w: server in %d bytes", ErrMalformed, len(b))
	}
	copy(e.uuid[:], b)
	if tagged && b[16] != 0 {
		return e, nil, ErrTagged
	}
	n := binary.LittleEndian.Uint64(b[size-countSize:])
	b = b[size:]
	if n > uint64(len(b)/intervalSize) {
		return e, nil, fmt.Errorf("%w: %d intervals in %d bytes", ErrMalformed, n, len(b))
	}
	e.ivs = make([]Interval, 0, n)
	last := int64(0)
	for range n {
		from, end := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		if from <= uint64(last) || end <= from || end > MaxGNO+1 {
			return e, nil, fmt.Errorf("%w: interval from %d to %d after %d", ErrMalformed, from, end, last)
		}
		last = int64(end - 1)
		e.ivs = push(e.ivs, Interval{int64(from), last})
		b = b[intervalSize:]
	}
	return e, b, nil
}
