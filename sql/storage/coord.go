package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
)

// Keys of the Committer and of recovery. Everything under m| but settings and
// catalog is written by them alone.
//
//	m|coord            the coordinate: what the store holds (below)
//	m|format           version of the store's format, decimal text
//	m|gtid|<uuid 16>   executed GTIDs of a server: first 8, last 8, … big-endian
//	m|repl|<channel>   source coordinate applied last (txn.Origin)
//	m|reset            intent: RESET MASTER began and has not ended
//	m|cut              intent: recovery cuts the logs after this CSN, 8 big-endian
//	m|kv|<key>         settings
var (
	keyCoord   = []byte("m|coord")
	keyFormat  = []byte("m|format")
	keyReset   = []byte("m|reset")
	keyCut     = []byte("m|cut")
	prefixGTID = []byte("m|gtid|")
	prefixRepl = []byte("m|repl|")
)

const (
	metaPrefix = "m|"  // every key of a KV in a pending begins with it in the store
	kvPrefix   = "kv|" // settings, below metaPrefix
)

// formatVersion is the version of the store that this program reads and writes.
const formatVersion = "1"

// FormatError means that the data directory was written by a version of the
// program whose format this one does not know.
type FormatError struct{ Found, Want string }

func (e *FormatError) Error() string {
	return fmt.Sprintf("data directory has format %q, this version of the server needs %q", e.Found, e.Want)
}

// coordinate says which prefix of the two logs the store holds. Every batch
// writes it, so that the store's durable state always knows its place.
//
//	+---------+-------+-------+---------+--------+----------------+----------------+
//	| version | flags | csn   | next id | bytes  | bin file, pos  | local file,pos |
//	| 1 byte  | 1     | 8 LE  | 8 LE    | 8 LE   | len 1, …, 8 LE | len 1, …, 8 LE |
//	+---------+-------+-------+---------+--------+----------------+----------------+
//
// flags: 1 = clean stop: nothing follows in the logs; 2 = the logs are not
// synced with each group (sync_binlog ≠ 1). bytes counts all that was ever
// logged: the difference of two coordinates is the tail between them.
type coordinate struct {
	csn    txn.CSN
	bin    txn.Coord // zero: no record of the binlog is newer (log_bin = OFF)
	local  txn.Coord
	nextID TableID
	bytes  uint64
	clean  bool
	lax    bool // sync_binlog ≠ 1
}

const (
	coordVersion   = 1
	coordClean     = 1
	coordLax       = 2
	coordFixed     = 2 + 3*8
	maxLogFileName = 255
)

var errCoord = errors.New("malformed coordinate")

func (c *coordinate) append(dst []byte) []byte {
	var flags byte
	if c.clean {
		flags |= coordClean
	}
	if c.lax {
		flags |= coordLax
	}
	dst = append(dst, coordVersion, flags)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(c.csn))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(c.nextID))
	dst = binary.LittleEndian.AppendUint64(dst, c.bytes)
	dst = appendPlace(dst, c.bin)
	return appendPlace(dst, c.local)
}

func appendPlace(dst []byte, c txn.Coord) []byte {
	dst = append(dst, byte(len(c.File)))
	dst = append(dst, c.File...)
	return binary.LittleEndian.AppendUint64(dst, c.Pos)
}

func cutPlace(b []byte) (c txn.Coord, rest []byte, err error) {
	if len(b) < 1 || len(b) < 1+int(b[0])+8 {
		return c, nil, errCoord
	}
	n := 1 + int(b[0])
	c.File = string(b[1:n])
	c.Pos = binary.LittleEndian.Uint64(b[n:])
	return c, b[n+8:], nil
}

func decodeCoordinate(b []byte) (c coordinate, err error) {
	if len(b) < coordFixed {
		return c, errCoord
	}
	if b[0] != coordVersion {
		return c, fmt.Errorf("%w: version %d", errCoord, b[0])
	}
	c.clean, c.lax = b[1]&coordClean != 0, b[1]&coordLax != 0
	c.csn = txn.CSN(binary.LittleEndian.Uint64(b[2:]))
	c.nextID = TableID(binary.LittleEndian.Uint64(b[10:]))
	c.bytes = binary.LittleEndian.Uint64(b[18:])
	if c.bin, b, err = cutPlace(b[coordFixed:]); err != nil {
		return c, err
	}
	if c.local, b, err = cutPlace(b); err != nil {
		return c, err
	}
	if len(b) != 0 {
		return c, errCoord
	}
	return c, nil
}

// readCoord reads the coordinate as r (the store, a snapshot, a batch) has it;
// ok is false in a new store.
func readCoord(r pebble.Reader) (c coordinate, ok bool, err error) {
	v, ok, err := getCopy(r, keyCoord)
	if err != nil || !ok {
		return c, false, err
	}
	c, err = decodeCoordinate(v)
	return c, err == nil, err
}

// coordCSN returns the CSN of the newest commit that r holds: the number of a
// read view whose snapshot is r.
func coordCSN(r pebble.Reader) (txn.CSN, error) {
	v, closer, err := r.Get(keyCoord)
	if err != nil {
		return 0, fmt.Errorf("read coordinate: %w", err)
	}
	defer closer.Close()
	if len(v) < coordFixed {
		return 0, errCoord
	}
	return txn.CSN(binary.LittleEndian.Uint64(v[2:])), nil
}

// durableCoord reads the coordinate that would be left after a power cut.
func durableCoord(db *pebble.DB) (c coordinate, ok bool, err error) {
	it, err := db.NewIter(&pebble.IterOptions{
		LowerBound: keyCoord, UpperBound: append(keyCoord[:len(keyCoord):len(keyCoord)], 0),
		OnlyReadGuaranteedDurable: true,
	})
	if err != nil {
		return c, false, fmt.Errorf("read durable coordinate: %w", err)
	}
	defer it.Close()
	if !it.First() {
		return c, false, it.Error()
	}
	v, err := it.ValueAndErr()
	if err != nil {
		return c, false, err
	}
	c, err = decodeCoordinate(v)
	return c, err == nil, err
}

// setCoord adds the coordinate to a batch.
func setCoord(b *pebble.Batch, c *coordinate) error {
	var buf [128]byte
	return b.Set(keyCoord, c.append(buf[:0]), nil)
}

// ---- executed GTIDs

func gtidKey(u gtid.UUID) []byte {
	return append(prefixGTID[:len(prefixGTID):len(prefixGTID)], u[:]...)
}

// setGTIDs writes what s holds of server u.
func setGTIDs(b *pebble.Batch, s gtid.Set, u gtid.UUID) error {
	ivs := s.Intervals(u)
	v := make([]byte, 0, 16*len(ivs))
	for _, iv := range ivs {
		v = binary.BigEndian.AppendUint64(v, uint64(iv.First))
		v = binary.BigEndian.AppendUint64(v, uint64(iv.Last))
	}
	return b.Set(gtidKey(u), v, nil)
}

// readGTIDs reads the set of executed GTIDs.
func readGTIDs(r pebble.Reader) (s gtid.Set, err error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: prefixGTID, UpperBound: prefixEnd(prefixGTID)})
	if err != nil {
		return s, fmt.Errorf("read executed GTIDs: %w", err)
	}
	defer it.Close()
	for it.First(); it.Valid(); it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return s, fmt.Errorf("read executed GTIDs: %w", err)
		}
		k := it.Key()[len(prefixGTID):]
		if len(k) != len(gtid.UUID{}) || len(v)%16 != 0 {
			return s, errors.New("malformed executed GTIDs in the store")
		}
		for ; len(v) > 0; v = v[16:] {
			s = s.AddRange(gtid.UUID(k), gtid.Interval{
				First: int64(binary.BigEndian.Uint64(v)), Last: int64(binary.BigEndian.Uint64(v[8:])),
			})
		}
	}
	return s, it.Error()
}

// prefixEnd returns the key behind all keys that begin with p.
func prefixEnd(p []byte) []byte {
	end := append([]byte(nil), p...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// ---- source coordinates

// appendOrigin encodes o, channel included:
//
//	version 1 · channel, source file, relay file: uvarint length, bytes ·
//	source pos, relay pos, uuid 16, gno 8, server id 4, original commit µs 8, timestamp 4
//
// Fixed-width integers are little-endian. The same bytes stand in m|repl| keys
// and in LOCAL_KV events.
func appendOrigin(dst []byte, o *txn.Origin) []byte {
	dst = append(dst, 1)
	for _, s := range []string{o.Channel, o.Source.File, o.Relay.File} {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	le := binary.LittleEndian
	dst = le.AppendUint64(dst, o.Source.Pos)
	dst = le.AppendUint64(dst, o.Relay.Pos)
	dst = append(dst, o.GTID.UUID[:]...)
	dst = le.AppendUint64(dst, uint64(o.GTID.GNO))
	dst = le.AppendUint32(dst, o.ServerID)
	var us int64
	if !o.OriginalCommit.IsZero() {
		us = o.OriginalCommit.UnixMicro()
	}
	dst = le.AppendUint64(dst, uint64(us))
	return le.AppendUint32(dst, o.Timestamp)
}

var errOrigin = errors.New("malformed source coordinate")

func decodeOrigin(b []byte) (o txn.Origin, err error) {
	if len(b) < 1 || b[0] != 1 {
		return o, errOrigin
	}
	b = b[1:]
	for _, s := range []*string{&o.Channel, &o.Source.File, &o.Relay.File} {
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w) {
			return o, errOrigin
		}
		*s = string(b[w : w+int(n)])
		b = b[w+int(n):]
	}
	if len(b) != 8+8+16+8+4+8+4 {
		return o, errOrigin
	}
	le := binary.LittleEndian
	o.Source.Pos, o.Relay.Pos = le.Uint64(b), le.Uint64(b[8:])
	copy(o.GTID.UUID[:], b[16:])
	o.GTID.GNO = int64(le.Uint64(b[32:]))
	o.ServerID = le.Uint32(b[40:])
	if us := int64(le.Uint64(b[44:])); us != 0 {
		o.OriginalCommit = time.UnixMicro(us).UTC()
	}
	o.Timestamp = le.Uint32(b[52:])
	return o, nil
}

func replKey(channel string) []byte {
	return append(prefixRepl[:len(prefixRepl):len(prefixRepl)], channel...)
}

// originOf reads the source coordinate applied last on a channel.
func originOf(r pebble.Reader, channel string) (o txn.Origin, ok bool, err error) {
	v, ok, err := getCopy(r, replKey(channel))
	if err != nil || !ok {
		return o, false, err
	}
	o, err = decodeOrigin(v)
	return o, err == nil, err
}
