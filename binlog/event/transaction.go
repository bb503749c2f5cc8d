package event

import (
	"encoding/binary"

	"binrelay/binlog/gtid"
)

// GTIDInfo is the content of a Gtid or Anonymous_gtid event, which opens every
// transaction.
type GTIDInfo struct {
	GTID              gtid.GTID // zero = Anonymous_gtid
	Statement         bool      // the transaction may hold statements (DDL); false = rows only
	LastCommitted     int64     // numbers of this file's transactions, 1, 2, …:
	SequenceNumber    int64     // all up to LastCommitted must be applied before this one starts
	ImmediateCommit   uint64    // µs since 1970, on the server that wrote this log
	OriginalCommit    uint64    // µs since 1970, on the originating server; 0 = ImmediateCommit
	TransactionLength uint64    // bytes of all events of the transaction, this one included
	ImmediateVersion  uint32    // of the server that wrote this log, e.g. 80036
	OriginalVersion   uint32    // of the originating server; 0 = ImmediateVersion
}

// Fields of a Gtid event, offsets in the event.
const (
	gtidFlagsAt   = HeaderSize
	gtidUUIDAt    = gtidFlagsAt + 1
	gtidNumberAt  = gtidUUIDAt + 16
	gtidClockAt   = gtidNumberAt + 8 // logical clock: type 1, last_committed 8, sequence_number 8
	gtidTimeAt    = gtidClockAt + 17 // 7 bytes; the top bit says that the original time follows
	gtidFixedSize = gtidTimeAt + 7 + 4 + ChecksumSize

	gtidMayHaveStatements = 1
	logicalClock          = 2
	moreTime              = 1 << 55
	moreVersion           = 1 << 31
)

// fixed returns the size of the event without TransactionLength.
func (g *GTIDInfo) fixed() int {
	n := gtidFixedSize
	if g.OriginalCommit != 0 {
		n += 7
	}
	if g.OriginalVersion != 0 {
		n += 4
	}
	return n
}

// Size returns the size in bytes of the event that AppendGTID makes, with room
// for the checksum. It depends on TransactionLength and on which of the
// original fields are set, not on what PatchGTID changes.
func (g *GTIDInfo) Size() int { return g.fixed() + packedSize(g.TransactionLength) }

// SetLength sets TransactionLength, given the size in bytes of all other
// events of the transaction, checksums included.
func (g *GTIDInfo) SetLength(rest uint64) {
	for _, width := range [...]int{1, 3, 4, 9} {
		total := rest + uint64(g.fixed()+width)
		if packedSize(total) <= width {
			g.TransactionLength = total
			return
		}
	}
}

// AppendGTID appends a Gtid event, or an Anonymous_gtid if g.GTID is zero, in
// the form of MySQL 8.0.
func AppendGTID(dst []byte, h Header, g *GTIDInfo) []byte {
	start := len(dst)
	dst = Begin(dst, h, GTID)
	if g.Statement {
		dst = append(dst, gtidMayHaveStatements)
	} else {
		dst = append(dst, 0)
	}
	var fields [gtidTimeAt - gtidUUIDAt]byte
	fields[gtidClockAt-gtidUUIDAt] = logicalClock
	dst = append(dst, fields[:]...)
	if g.OriginalCommit != 0 {
		dst = appendUint(dst, moreTime, 7)
		dst = appendUint(dst, g.OriginalCommit&(moreTime-1), 7)
	} else {
		dst = appendUint(dst, 0, 7)
	}
	dst = appendPacked(dst, g.TransactionLength)
	if g.OriginalVersion != 0 {
		dst = binary.LittleEndian.AppendUint32(dst, g.ImmediateVersion|moreVersion)
		dst = binary.LittleEndian.AppendUint32(dst, g.OriginalVersion)
	} else {
		dst = binary.LittleEndian.AppendUint32(dst, g.ImmediateVersion)
	}
	dst = End(dst, start)
	PatchGTID(dst[start:], g.GTID, g.LastCommitted, g.SequenceNumber, g.ImmediateCommit)
	return dst
}

// PatchGTID sets, in an event made by AppendGTID, what is known only when the
// transaction gets its place: the event's size stays. A zero id makes it an
// Anonymous_gtid. immediateCommit is in µs since 1970. The checksum is stale
// afterwards.
func PatchGTID(ev Event, id gtid.GTID, lastCommitted, sequence int64, immediateCommit uint64) {
	ev[4] = byte(GTID)
	if id.IsZero() {
		ev[4] = byte(AnonymousGTID)
	}
	copy(ev[gtidUUIDAt:], id.UUID[:])
	binary.LittleEndian.PutUint64(ev[gtidNumberAt:], uint64(id.GNO))
	binary.LittleEndian.PutUint64(ev[gtidClockAt+1:], uint64(lastCommitted))
	binary.LittleEndian.PutUint64(ev[gtidClockAt+9:], uint64(sequence))
	more := ev[gtidTimeAt+6] & 0x80
	for i := range 7 {
		ev[gtidTimeAt+i] = byte(immediateCommit >> (8 * i))
	}
	ev[gtidTimeAt+6] = ev[gtidTimeAt+6]&0x7f | more
}

// DecodeGTID decodes a Gtid or Anonymous_gtid event, also the shorter ones of
// MySQL 5.6 and 5.7, where the fields they lack are 0. It fails with
// ErrUnsupported for a tagged GTID (MySQL 8.3): see DecodeTaggedGTID.
func DecodeGTID(ev Event, checksum bool) (GTIDInfo, error) {
	b, err := body(ev, checksum, GTID, AnonymousGTID, GTIDTagged)
	if err != nil {
		return GTIDInfo{}, err
	}
	if ev.Type() == GTIDTagged {
		return GTIDInfo{}, unsupported("tagged GTID")
	}
	r := reader{b: b}
	g := GTIDInfo{Statement: r.u8()&gtidMayHaveStatements != 0}
	copy(g.GTID.UUID[:], r.take(16))
	g.GTID.GNO = int64(r.u64())
	if err := r.done("Gtid"); err != nil {
		return GTIDInfo{}, err
	}
	switch {
	case ev.Type() == AnonymousGTID:
		g.GTID = gtid.GTID{}
	case g.GTID.GNO < 1 || g.GTID.GNO > gtid.MaxGNO:
		return GTIDInfo{}, malformed("Gtid with number %d", g.GTID.GNO)
	}
	if len(r.b) == 0 || r.u8() != logicalClock {
		return g, nil
	}
	g.LastCommitted, g.SequenceNumber = int64(r.u64()), int64(r.u64())
	if len(r.b) >= 7 {
		g.ImmediateCommit = r.uint(7)
		if g.ImmediateCommit&moreTime != 0 {
			g.ImmediateCommit &^= moreTime
			g.OriginalCommit = r.uint(7)
		}
	}
	if len(r.b) > 0 {
		g.TransactionLength = r.packed()
	}
	if len(r.b) >= 4 {
		g.ImmediateVersion = r.u32()
		if g.ImmediateVersion&moreVersion != 0 {
			g.ImmediateVersion &^= moreVersion
			g.OriginalVersion = r.u32()
		}
	}
	return g, r.done("Gtid")
}

// Flags of MariaDB's Gtid event.
const (
	MariaStandalone    byte = 1  // the group is the next event alone (DDL): no Xid or COMMIT ends it
	mariaCommitID      byte = 2  // a group commit id follows
	MariaTransactional byte = 4  // can be rolled back
	MariaDDL           byte = 32 // the group is DDL
)

// MariaGTIDInfo is the content of MariaDB's Gtid event (162), which opens a
// transaction in place of BEGIN.
type MariaGTIDInfo struct {
	Domain   uint32
	ServerID uint32
	Sequence uint64
	Flags    byte
	CommitID uint64 // equal in transactions of one group commit; 0 = not told
}

// Standalone reports whether the group is the next event alone, without Xid or
// COMMIT.
func (g MariaGTIDInfo) Standalone() bool { return g.Flags&MariaStandalone != 0 }

// DecodeMariaGTID decodes MariaDB's Gtid event.
func DecodeMariaGTID(ev Event, checksum bool) (MariaGTIDInfo, error) {
	b, err := body(ev, checksum, MariaGTID)
	if err != nil {
		return MariaGTIDInfo{}, err
	}
	r := reader{b: b}
	g := MariaGTIDInfo{ServerID: ev.ServerID(), Sequence: r.u64(), Domain: r.u32(), Flags: r.u8()}
	if g.Flags&mariaCommitID != 0 {
		g.CommitID = r.u64()
	}
	return g, r.done("MariaDB Gtid")
}

// AppendXid appends the event that ends a transaction.
func AppendXid(dst []byte, h Header, xid uint64) []byte {
	start := len(dst)
	return End(binary.LittleEndian.AppendUint64(Begin(dst, h, Xid), xid), start)
}

// XidOf returns the number of an Xid event or the ddl_xid of a Query event;
// false if ev has neither.
func XidOf(ev Event) (uint64, bool) {
	if b := xidBytes(ev); b != nil {
		return binary.LittleEndian.Uint64(b), true
	}
	return 0, false
}

// SetXid changes the number that XidOf returns, in place, and leaves the
// checksum stale. It returns false if ev has none.
func SetXid(ev Event, xid uint64) bool {
	b := xidBytes(ev)
	if b == nil {
		return false
	}
	binary.LittleEndian.PutUint64(b, xid)
	return true
}

// xidBytes returns the 8 bytes of the number, a view of ev, or nil.
func xidBytes(ev Event) []byte {
	if len(ev) < HeaderSize+8 {
		return nil
	}
	switch ev.Type() {
	case Xid:
		return ev[HeaderSize : HeaderSize+8]
	case Query:
		vars, _, err := querySplit(ev[HeaderSize:])
		if err != nil {
			return nil
		}
		return findDDLXid(vars)
	}
	return nil
}
