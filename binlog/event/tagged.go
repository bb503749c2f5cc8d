package event

import (
	"math/bits"

	"binrelay/binlog/gtid"
)

// Fields of a Gtid_tagged_log_event by their ids. Source: MySQL 8.4 source,
// "Gtid_event" (define_fields); their form is on the page
// "Mysql::serialization" of the same.
const (
	taggedFlags = iota
	taggedUUID
	taggedNumber
	taggedTag
	taggedLastCommitted
	taggedSequence
	taggedImmediateCommit
	taggedOriginalCommit
	taggedLength
	taggedImmediateVersion
	taggedOriginalVersion
	taggedTicket

	taggedMaxTag = 32 // characters
)

// TaggedGTIDInfo is the content of a Gtid_tagged event: UUID:tag:number.
type TaggedGTIDInfo struct {
	GTIDInfo
	Tag string
}

// Text returns the id as MySQL writes it.
func (g TaggedGTIDInfo) Text() string {
	id := g.GTID.String()
	uuid := id[:len(g.GTID.UUID.String())]
	return uuid + ":" + g.Tag + id[len(uuid):]
}

// DecodeTaggedGTID decodes a Gtid_tagged event (MySQL 8.3). Fields after those we
// know are passed over unless the event says that they matter; then it fails
// with ErrUnsupported.
func DecodeTaggedGTID(ev Event, checksum bool) (TaggedGTIDInfo, error) {
	b, err := body(ev, checksum, GTIDTagged)
	if err != nil {
		return TaggedGTIDInfo{}, err
	}
	r := reader{b: b}
	version := r.varUint()
	r.varUint() // size of the message
	known := r.varUint()
	if !r.bad && (version != 1 || known > taggedTicket+1) {
		return TaggedGTIDInfo{}, unsupported("Gtid_tagged of version %d that needs %d fields", version, known)
	}
	var g TaggedGTIDInfo
	for next := uint64(0); len(r.b) > 0 && !r.bad; {
		id := r.varUint()
		if id > taggedTicket {
			break
		}
		if id < next {
			r.bad = true
			break
		}
		g.field(&r, int(id))
		next = id + 1
	}
	if err := r.done("Gtid_tagged"); err != nil {
		return TaggedGTIDInfo{}, err
	}
	if g.GTID.GNO < 1 || g.GTID.GNO > gtid.MaxGNO || !validTag(g.Tag) {
		return TaggedGTIDInfo{}, malformed("Gtid_tagged with number %d and tag %.40q", g.GTID.GNO, g.Tag)
	}
	return g, nil
}

func (g *TaggedGTIDInfo) field(r *reader, id int) {
	switch id {
	case taggedFlags:
		g.Statement = r.varUint()&gtidMayHaveStatements != 0
	case taggedUUID:
		for i := range g.GTID.UUID {
			v := r.varUint()
			r.bad = r.bad || v > 255
			g.GTID.UUID[i] = byte(v)
		}
	case taggedNumber:
		g.GTID.GNO = r.varInt()
	case taggedTag:
		g.Tag = string(r.take(r.varUint()))
	case taggedLastCommitted:
		g.LastCommitted = r.varInt()
	case taggedSequence:
		g.SequenceNumber = r.varInt()
	case taggedImmediateCommit:
		g.ImmediateCommit = r.varUint()
	case taggedOriginalCommit:
		g.OriginalCommit = r.varUint()
	case taggedLength:
		g.TransactionLength = r.varUint()
	case taggedImmediateVersion:
		g.ImmediateVersion = uint32(r.varUint())
	case taggedOriginalVersion:
		g.OriginalVersion = uint32(r.varUint())
	case taggedTicket:
		r.varUint()
	}
}

// validTag reports whether s is a tag in its normal form: a to z, 0 to 9 and
// underscores, no digit first. The empty tag is none.
func validTag(s string) bool {
	if len(s) > taggedMaxTag {
		return false
	}
	for i, c := range []byte(s) {
		if c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9' || i == 0) {
			return false
		}
	}
	return true
}

// varUint reads an integer of 1 to 9 bytes: the one bits at the bottom of the
// first byte, up to a zero, count the bytes that follow; the bits above them are
// the value, lowest byte first.
func (r *reader) varUint() uint64 {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	n := bits.TrailingZeros8(^r.b[0])
	if n == 8 {
		r.take(1)
		return r.u64()
	}
	return r.uint(n+1) >> (n + 1)
}

// varInt reads a signed integer: the lowest bit of the value is its sign.
func (r *reader) varInt() int64 {
	v := r.varUint()
	if v&1 != 0 {
		return -1 - int64(v>>1)
	}
	return int64(v >> 1)
}
