package storage

import (
	"encoding/binary"
	"errors"
	"fmt"

	"binrelay/binlog/event"
	"binrelay/binlog/txn"
)

// The local log holds what must survive but must not travel: rows of private
// transactions, catalog and settings changes, source coordinates. Its files are
// <datadir>/#local/local.000001, …, framed as binlog files are (package
// logfile), always with checksums. They are never dumped and never shown.
//
// Each file is a Format_description, one LOCAL_HEADER that is a mark, and then
// records. A record is
//
//	LOCAL_HEADER (240)
//	LOCAL_KV (241)             if it has m| changes, dropped ids or a source coordinate
//	Table_map, rows events …   of tables as the catalog has them at that point
//
// Body of LOCAL_HEADER, integers little-endian:
//
//	+---------+------+-------+---+---------+---------+----------+-----------+
//	| version | kind | flags | 0 |   csn   |  index  |  events  |  length   |
//	|  1 byte |  1   |   1   | 1 | 8 bytes | 2 bytes | 4 bytes  |  8 bytes  |
//	+---------+------+-------+---+---------+---------+----------+-----------+
//
// kind 0 is a record: csn and index are its number and its place in its commit
// group; events and length (bytes) count what follows of it. Flag 1: joined,
// the binlog holds the other half under csn+1. kind 1 is a mark: everything up
// to csn was durable in both logs when it was written, and what follows is
// written with each group synced (flag 2) or not (sync_binlog ≠ 1).
//
// Body of LOCAL_KV:
//
//	next table id 8 · uvarint length of source coordinate, coordinate (appendOrigin) ·
//	uvarint number of changes, each: uvarint length, key · uvarint 0 = delete, or length+1, value ·
//	uvarint number of dropped ids, each: uvarint
const (
	localVersion    = 1
	localRecordKind = 0
	localMarkKind   = 1
	localJoined     = 1
	localSynced     = 2
	localHeaderBody = 4 + 8 + 2 + 4 + 8
	localHeaderSize = event.HeaderSize + localHeaderBody + event.ChecksumSize
	localMagicSize  = 4 // logfile.MagicSize
	maxLocalFile    = 64 << 20
	localBase       = "local"

	// localServerVersion stands in the Format_description. Readers look at the
	// number to know that events have checksums.
	localServerVersion = "8.0.36-local"
)

var errLocal = errors.New("malformed local record")

// localHeader is the content of a LOCAL_HEADER event.
type localHeader struct {
	kind   byte
	flags  byte
	csn    txn.CSN
	index  uint16
	events uint32
	length uint64
}

func appendLocalHeader(dst []byte, h event.Header, l *localHeader) []byte {
	start := len(dst)
	dst = event.Begin(dst, h, event.LocalHeader)
	dst = append(dst, localVersion, l.kind, l.flags, 0)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(l.csn))
	dst = binary.LittleEndian.AppendUint16(dst, l.index)
	dst = binary.LittleEndian.AppendUint32(dst, l.events)
	dst = binary.LittleEndian.AppendUint64(dst, l.length)
	return event.End(dst, start)
}

func decodeLocalHeader(ev event.Event) (l localHeader, err error) {
	if len(ev) != localHeaderSize || ev.Type() != event.LocalHeader {
		return l, fmt.Errorf("%w: header of %d bytes", errLocal, len(ev))
	}
	b := ev[event.HeaderSize:]
	if b[0] != localVersion || b[1] > localMarkKind {
		return l, fmt.Errorf("%w: version %d, kind %d", errLocal, b[0], b[1])
	}
	le := binary.LittleEndian
	return localHeader{
		kind: b[1], flags: b[2], csn: txn.CSN(le.Uint64(b[4:])), index: le.Uint16(b[12:]),
		events: le.Uint32(b[14:]), length: le.Uint64(b[18:]),
	}, nil
}

// localKV is the content of a LOCAL_KV event.
type localKV struct {
	nextID TableID
	origin *txn.Origin
	kv     []KV
	drops  []TableID
}

func appendLocalKV(dst []byte, h event.Header, l *localKV) []byte {
	start := len(dst)
	dst = event.Begin(dst, h, event.LocalKV)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(l.nextID))
	if l.origin == nil {
		dst = append(dst, 0)
	} else {
		o := appendOrigin(nil, l.origin)
		dst = binary.AppendUvarint(dst, uint64(len(o)))
		dst = append(dst, o...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(l.kv)))
	for _, kv := range l.kv {
		dst = binary.AppendUvarint(dst, uint64(len(kv.Key)))
		dst = append(dst, kv.Key...)
		if kv.Value == nil {
			dst = append(dst, 0)
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(len(kv.Value))+1)
		dst = append(dst, kv.Value...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(l.drops)))
	for _, id := range l.drops {
		dst = binary.AppendUvarint(dst, uint64(id))
	}
	return event.End(dst, start)
}

// decodeLocalKV decodes a LOCAL_KV event. Values are copies.
func decodeLocalKV(ev event.Event) (l localKV, err error) {
	if len(ev) < event.HeaderSize+event.ChecksumSize || ev.Type() != event.LocalKV {
		return l, fmt.Errorf("%w: changes of %d bytes", errLocal, len(ev))
	}
	r := localReader{b: ev[event.HeaderSize : len(ev)-event.ChecksumSize]}
	if b := r.take(8); b != nil {
		l.nextID = TableID(binary.LittleEndian.Uint64(b))
	}
	if n := r.uvarint(); n > 0 {
		o, err := decodeOrigin(r.take(n))
		if err != nil {
			return l, fmt.Errorf("%w: %w", errLocal, err)
		}
		l.origin = &o
	}
	for n := r.count(2); n > 0; n-- {
		kv := KV{Key: string(r.take(r.uvarint()))}
		if v := r.uvarint(); v > 0 {
			kv.Value = append([]byte{}, r.take(v-1)...)
		}
		l.kv = append(l.kv, kv)
	}
	for n := r.count(1); n > 0; n-- {
		l.drops = append(l.drops, TableID(r.uvarint()))
	}
	if r.bad || len(r.b) != 0 {
		return localKV{}, fmt.Errorf("%w: changes do not fit their event", errLocal)
	}
	return l, nil
}

// localReader takes a body apart. After a value that does not fit, everything
// is empty and bad is set.
type localReader struct {
	b   []byte
	bad bool
}

func (r *localReader) fail() { r.b, r.bad = nil, true }

func (r *localReader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *localReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads the number of elements of at least size bytes each.
func (r *localReader) count(size int) uint64 {
	n := r.uvarint()
	if n > uint64(len(r.b)/size) {
		r.fail()
		return 0
	}
	return n
}
