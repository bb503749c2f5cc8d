package event_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
)

// varUint writes an integer as the page "Mysql::serialization" of MySQL 8.4's
// source documentation says, in 1 to 9 bytes.
func varUint(dst []byte, v uint64) []byte {
	for n := 1; n < 9; n++ {
		if v < 1<<(7*n) {
			b := binary.LittleEndian.AppendUint64(nil, v<<n|(1<<(n-1)-1))
			return append(dst, b[:n]...)
		}
	}
	return binary.LittleEndian.AppendUint64(append(dst, 0xff), v)
}

func varInt(dst []byte, v int64) []byte {
	if v < 0 {
		return varUint(dst, uint64(-1-v)<<1|1)
	}
	return varUint(dst, uint64(v)<<1)
}

// taggedEvent lays out a Gtid_tagged event as MySQL 8.4 does; a ticket other
// than 0 is that of a group commit.
func taggedEvent(g event.TaggedGTIDInfo, ticket uint64) event.Event {
	flags := uint64(0)
	if g.Statement {
		flags = 1
	}
	b := varUint([]byte{0}, flags)
	b = append(b, 1<<1)
	for _, c := range g.GTID.UUID {
		b = varUint(b, uint64(c))
	}
	b = varInt(append(b, 2<<1), g.GTID.GNO)
	b = append(varUint(append(b, 3<<1), uint64(len(g.Tag))), g.Tag...)
	b = varInt(append(b, 4<<1), g.LastCommitted)
	b = varInt(append(b, 5<<1), g.SequenceNumber)
	b = varUint(append(b, 6<<1), g.ImmediateCommit)
	if g.OriginalCommit != 0 {
		b = varUint(append(b, 7<<1), g.OriginalCommit)
	}
	b = varUint(append(b, 8<<1), g.TransactionLength)
	b = varUint(append(b, 9<<1), uint64(g.ImmediateVersion))
	if g.OriginalVersion != 0 {
		b = varUint(append(b, 10<<1), uint64(g.OriginalVersion))
	}
	if ticket != 0 {
		b = varUint(append(b, 11<<1), ticket)
	}
	head := []byte{1 << 1, 0, 10 << 1}
	head[1] = byte(len(head)+len(b)) << 1
	if n := len(head) + len(b); n > 127 {
		head = append(varUint([]byte{1 << 1}, uint64(n+1)), 10<<1)
	}
	return build(event.GTIDTagged, append(head, b...)...)
}

var taggedSample = event.TaggedGTIDInfo{Tag: "batch_7", GTIDInfo: event.GTIDInfo{GTID: must(gtid.Parse(uuidA + ":300")), Statement: true,
	LastCommitted: 118, SequenceNumber: 119, ImmediateCommit: 1739270369410361, TransactionLength: 965, ImmediateVersion: 80400}}

func TestDecodeTaggedGTID(t *testing.T) {
	older := taggedSample
	older.OriginalCommit, older.OriginalVersion, older.GTID.GNO = 1583812517644225, 80300, 1<<40
	rows := taggedSample
	rows.Statement, rows.LastCommitted, rows.SequenceNumber, rows.Tag = false, 0, 1, "_"
	for _, g := range []event.TaggedGTIDInfo{taggedSample, older, rows} {
		ev := taggedEvent(g, 0)
		got := must(event.DecodeTaggedGTID(ev, true))
		requireEqual(t, "tagged GTID", got, g)
		theirs := judge(t, ev).(*replication.GtidTaggedLogEvent)
		next := must(theirs.GTIDNext())
		if next.String() != g.Text() || theirs.SequenceNumber != g.SequenceNumber || theirs.LastCommitted != g.LastCommitted ||
			theirs.ImmediateCommitTimestamp != g.ImmediateCommit || theirs.TransactionLength != g.TransactionLength || theirs.ImmediateServerVersion != g.ImmediateVersion {
			t.Errorf("%+v, go-mysql %+v", g, theirs)
		}
	}
	// go-mysql does not read sizes of two bytes, numbers of nine or tickets.
	long := older
	long.GTID.GNO, long.Tag = gtid.MaxGNO, strings.Repeat("x", 32)
	requireEqual(t, "longest tag and ticket", must(event.DecodeTaggedGTID(taggedEvent(long, 1<<60), true)), long)
	if _, err := event.DecodeGTID(taggedEvent(long, 0), true); !errors.Is(err, event.ErrUnsupported) {
		t.Errorf("DecodeGTID: %v", err)
	}
}

func TestDecodeTaggedGTID_Refused(t *testing.T) {
	for name, spoil := range map[string]func(g *event.TaggedGTIDInfo){
		"number 0":      func(g *event.TaggedGTIDInfo) { g.GTID.GNO = 0 },
		"negative":      func(g *event.TaggedGTIDInfo) { g.GTID.GNO = -5 },
		"tag too long":  func(g *event.TaggedGTIDInfo) { g.Tag = strings.Repeat("x", 33) },
		"tag with dash": func(g *event.TaggedGTIDInfo) { g.Tag = "a-b" },
		"tag of digits": func(g *event.TaggedGTIDInfo) { g.Tag = "7" },
	} {
		g := taggedSample
		spoil(&g)
		if _, err := event.DecodeTaggedGTID(taggedEvent(g, 0), true); !errors.Is(err, event.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	newer := taggedEvent(taggedSample, 0)
	newer[event.HeaderSize] = 2 << 1
	if _, err := event.DecodeTaggedGTID(newer, true); !errors.Is(err, event.ErrUnsupported) {
		t.Errorf("version 2: %v", err)
	}
	needs := taggedEvent(taggedSample, 0)
	needs[event.HeaderSize+2] = 20 << 1
	if _, err := event.DecodeTaggedGTID(needs, true); !errors.Is(err, event.ErrUnsupported) {
		t.Errorf("20 fields needed: %v", err)
	}
}
