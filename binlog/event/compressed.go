package event

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
)

// ErrTooLarge means that a compressed event is larger than the caller allows.
var ErrTooLarge = errors.New("event: too large when uncompressed")

// Fields of a Transaction_payload.
const (
	payloadEnd       = 0
	payloadSize      = 1
	payloadAlgorithm = 2
	payloadFullSize  = 3

	payloadZstd = 0
	payloadNone = 255
)

// PayloadInfo is the content of a Transaction_payload: the events of a whole
// transaction but its Gtid, back to back, without checksums.
type PayloadInfo struct {
	Zstd    bool   // compressed with zstd; else plain
	Size    uint64 // uncompressed size in bytes as the source tells it; 0 = not told. Not to be trusted
	Payload []byte // a view of the event
}

// DecodePayload decodes a Transaction_payload; the caller uncompresses. It
// fails with ErrUnsupported for an unknown algorithm.
func DecodePayload(ev Event, checksum bool) (PayloadInfo, error) {
	b, err := body(ev, checksum, TransactionPayload)
	if err != nil {
		return PayloadInfo{}, err
	}
	r := reader{b: b}
	var p PayloadInfo
	var size, algorithm uint64 = 0, payloadNone
	for !r.bad {
		field := r.packed()
		if field == payloadEnd {
			break
		}
		v := reader{b: r.take(r.packed())}
		switch field {
		case payloadSize:
			size = v.packed()
		case payloadAlgorithm:
			algorithm = v.packed()
		case payloadFullSize:
			p.Size = v.packed()
		}
		r.bad = r.bad || v.bad
	}
	if err := r.done("Transaction_payload"); err != nil {
		return PayloadInfo{}, err
	}
	if size != uint64(len(r.b)) {
		return PayloadInfo{}, malformed("Transaction_payload of %d bytes says %d", len(r.b), size)
	}
	if algorithm != payloadZstd && algorithm != payloadNone {
		return PayloadInfo{}, unsupported("compression algorithm %d of Transaction_payload", algorithm)
	}
	p.Zstd, p.Payload = algorithm == payloadZstd, r.b
	return p, nil
}

// Inflate turns a compressed event of MariaDB (types 165 to 168) into the
// ordinary event it stands for: Query or a rows event of version 1. The header
// is the same but for type and size. With checksum ev ends in a CRC32, and so
// does the result. It fails with ErrTooLarge when the result would be longer
// than limit bytes.
func Inflate(ev Event, checksum bool, limit int) (Event, error) {
	b, err := body(ev, checksum, MariaQueryCompressed, MariaWriteCompressed, MariaUpdateCompressed, MariaDeleteCompressed)
	if err != nil {
		return nil, err
	}
	to := Query
	var head int
	if ev.Type() == MariaQueryCompressed {
		_, rest, err := querySplit(b)
		if err != nil {
			return nil, err
		}
		head = len(b) - len(rest) + int(b[8]) + 1
	} else {
		to = WriteRowsV1 + ev.Type() - MariaWriteCompressed
		info, err := decodeRows(b, to)
		if err != nil {
			return nil, err
		}
		head = len(b) - len(info.Rows)
	}
	if head > len(b) {
		return nil, malformed("compressed event of %d bytes", len(ev))
	}
	size, packed, err := inflatedSize(b[head:])
	if err != nil {
		return nil, err
	}
	total := uint64(HeaderSize) + uint64(head) + size + ChecksumSize
	if limit < 0 || total > uint64(limit) {
		return nil, ErrTooLarge
	}
	out := make(Event, 0, min(total, uint64(len(ev))*8))
	out = append(append(out, ev[:HeaderSize]...), b[:head]...)
	if out, err = inflate(out, packed, size); err != nil {
		return nil, err
	}
	out[4] = byte(to)
	if checksum {
		out = append(out, 0, 0, 0, 0)
	}
	binary.LittleEndian.PutUint32(out[9:], uint32(len(out)))
	if checksum {
		Recrc(out)
	}
	return out, nil
}

// inflatedSize reads what stands before MariaDB's zlib data: a byte with the
// algorithm (bits 4 to 6, 0 = zlib) and the number of bytes of the size (bits
// 0 to 2), then the size, big-endian. Source: MariaDB log_event.cc.
func inflatedSize(b []byte) (size uint64, packed []byte, err error) {
	r := reader{b: b}
	c := r.u8()
	if c&0x70 != 0 {
		return 0, nil, unsupported("compression algorithm %d of MariaDB", c&0x70>>4)
	}
	n := c & 0x07
	if n == 0 || n > 4 {
		return 0, nil, malformed("compressed event with a size of %d bytes", n)
	}
	for _, c := range r.take(uint64(n)) {
		size = size<<8 | uint64(c)
	}
	return size, r.b, r.done("compressed event")
}

// inflate appends exactly size uncompressed bytes of packed to dst.
func inflate(dst []byte, packed []byte, size uint64) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, malformed("compressed event: %v", err)
	}
	defer z.Close()
	buf := bytes.NewBuffer(dst)
	n, err := io.Copy(buf, io.LimitReader(z, int64(size)+1))
	if err != nil {
		return nil, malformed("compressed event: %v", err)
	}
	if uint64(n) != size {
		return nil, malformed("compressed event of %d bytes says %d", n, size)
	}
	return buf.Bytes(), nil
}
