package replica

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"

	"binrelay/binlog/event"
	"binrelay/tests/golden"
)

// A transaction that a MySQL 8.0.27 compressed: the same events as go-mysql
// finds, the same number of rows in them.
func TestPayload_MySQLBytes(t *testing.T) {
	var packed []byte
	var raw, sized uint64
	for _, v := range golden.Values(t, golden.GoMySQL, "replication/transaction_payload_event_test.go", "TestTransactionPayloadEventDecode") {
		if v.Name == "Payload" {
			packed, raw, sized = v.Bytes, v.Uint("UncompressedSize"), v.Uint("Size")
		}
	}
	// go-mysql takes the field's bytes, a packed integer of three, for a number.
	field := func(b []byte, kind byte, v uint64) []byte {
		return append(b, kind, 3, byte(v), byte(v>>8), byte(v>>16))
	}
	b := event.Begin(nil, event.Header{Timestamp: 1700000000, ServerID: 201}, event.TransactionPayload)
	b = append(b, 2, 1, 0)
	b = append(field(field(b, 3, raw), 1, sized), 0)
	ev := event.Finish(event.End(append(b, packed...), 0), 4711, true)
	info, err := event.DecodePayload(ev, true)
	if err != nil || !info.Zstd || !bytes.Equal(info.Payload, packed) {
		t.Fatalf("%v; %d bytes of %d", err, len(info.Payload), len(packed))
	}
	p, err := openPayload(ev, true)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	theirs := goMySQLPayload(t, ev)
	total, rows := uint64(0), 0
	for i := 0; ; i++ {
		ev, err := p.next()
		if errors.Is(err, io.EOF) {
			if i != len(theirs) {
				t.Errorf("%d events, go-mysql has %d", i, len(theirs))
			}
			break
		}
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		if err := event.Verify(ev); err != nil {
			t.Fatal(err)
		}
		total += uint64(len(ev) - event.ChecksumSize)
		if ev.Type() != event.Type(theirs[i].Header.EventType) {
			t.Fatalf("event %d of type %d, go-mysql %s", i, ev.Type(), theirs[i].Header.EventType)
		}
		switch w := theirs[i].Event.(type) {
		case *replication.QueryEvent:
			if q, err := event.DecodeQuery(ev, true); err != nil || q.SQL != string(w.Query) || q.DB != string(w.Schema) {
				t.Errorf("%+v, %v; go-mysql %s", q, err, w.Query)
			}
		case *replication.TableMapEvent:
			if m, err := event.DecodeTableMap(ev, true); err != nil || m.Table != string(w.Table) || len(m.Columns) != int(w.ColumnCount) {
				t.Errorf("%+v, %v; go-mysql %s", m, err, w.Table)
			}
		case *replication.RowsEvent:
			r, err := event.DecodeRows(ev, true)
			if err != nil || r.TableID != w.TableID || r.Columns != int(w.ColumnCount) || !bytes.Equal(append(r.Before[:len(r.Before):len(r.Before)], r.After...), slices.Concat(w.ColumnBitmap1, w.ColumnBitmap2)) {
				t.Errorf("%+v, %v", r, err)
			}
			rows += len(w.Rows)
		case *replication.XIDEvent:
			if x, ok := event.XidOf(ev); !ok || x != w.XID {
				t.Errorf("xid %d, go-mysql %d", x, w.XID)
			}
		}
	}
	if total != info.Size || rows == 0 || len(theirs) != 8 {
		t.Errorf("%d events of %d bytes with %d rows; the payload says %d bytes", len(theirs), total, rows, info.Size)
	}
}

func goMySQLPayload(t *testing.T, ev event.Event) []*replication.BinlogEvent {
	t.Helper()
	p := replication.NewBinlogParser()
	format := event.Finish(event.AppendFormat(nil, event.Header{}, "8.0.27", 0, true), 126, true)
	if _, err := p.Parse(format); err != nil {
		t.Fatal(err)
	}
	out, err := p.Parse(bytes.Clone(ev))
	if err != nil {
		t.Fatal(err)
	}
	return out.Event.(*replication.TransactionPayloadEvent).Events
}

// followed is a stream as a MySQL of some version logs it: its
// Format_description knows the types up to last, and events of GTIDs have the
// fields of that version. Source: MySQL 5.7, 8.0 and 8.4 internals,
// "Format_description_event" and "Gtid_event".
func followed(version string, last event.Type) *stream {
	s := &stream{id: 201, file: "mysql-bin.000001", pos: 4, time: 1700000000, crc: true}
	b := event.AppendFormat(nil, s.header(), version, 1700000000, true)
	end := len(b) - event.ChecksumSize
	lengths, algorithm := b[:end-1], b[end-1]
	for n := event.HeartbeatV2; n > last; n-- {
		lengths = lengths[:len(lengths)-1]
	}
	if last == event.GTIDTagged {
		lengths = append(lengths, 0)
	}
	s.put(event.End(append(lengths, algorithm), 0))
	return s
}

// shortGTID is an Anonymous_gtid of 5.7: flags, UUID, number and logical clock.
func (s *stream) shortGTID() {
	s.gno++
	b := append(event.Begin(nil, s.header(), event.AnonymousGTID), make([]byte, 25)...)
	b = binary.LittleEndian.AppendUint64(append(b, 2), uint64(s.gno-1))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.gno))
	s.put(event.End(b, 0))
}

// Sources of three versions, with what each answers and logs.
func TestApplier_MySQLVersions(t *testing.T) {
	for _, c := range []struct {
		version string
		last    event.Type
	}{
		{"5.7.44-log", event.XAPrepare},
		{"8.0.46", event.HeartbeatV2},
		{"8.4.7", event.GTIDTagged},
	} {
		t.Run(c.version, func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.source.version = c.version })
			s := followed(c.version, c.last)
			f, err := event.DecodeFormat(s.all[0])
			if err != nil || f.ServerVersion != c.version || len(f.PostHeader) != int(c.last) || !f.Checksum {
				t.Fatalf("%+v, %v", f, err)
			}
			var want []string
			for _, n := range []int{1, 5000} {
				if c.last == event.XAPrepare {
					s.shortGTID()
				} else {
					s.anonymous()
				}
				s.query("d", "BEGIN")
				s.rows("d", 7, n, true)
				s.put(event.AppendXid(nil, s.header(), 1))
				want = append(want, insertText("d", n))
			}
			r.play(s)
			r.start(0)
			r.caughtUp(s)
			if got := r.target.applied(); !slices.Equal(got, want) {
				t.Errorf("applied %q, want %q", got, want)
			}
		})
	}
}

// taggedGTID is the event of UUID:a:1, laid out as by MySQL 8.4: each field is
// twice its id, then integers of one byte are twice their value.
func (s *stream) taggedGTID() {
	b := append(event.Begin(nil, s.header(), event.GTIDTagged), 1<<1, 42<<1, 10<<1, 0, 0, 1<<1)
	b = append(append(b, make([]byte, 16)...), 2<<1, 1<<2, 3<<1, 1<<1, 'a', 4<<1, 0, 5<<1, 1<<2, 6<<1, 1<<1, 8<<1, 1<<1, 9<<1, 1<<1)
	s.put(event.End(b, 0))
}

// Sets with tags, in the Previous_gtids of a source of 8.4, do not matter to a
// replica that follows by position.
func TestApplier_TaggedPreviousGTIDs(t *testing.T) {
	r := newRig(t, nil)
	s := followed("8.4.7", event.GTIDTagged)
	for _, v := range golden.Values(t, golden.GoMySQL, "replication/event_test.go", "TestPreviousGTIDEvent") {
		h := s.header()
		h.Flags = event.FlagIgnorable
		s.put(event.End(append(event.Begin(nil, h, event.PreviousGTIDs), v.Bytes...), 0))
	}
	s.insert("d", 1)
	r.play(s)
	r.start(0)
	r.caughtUp(s)
	if got := r.target.applied(); !slices.Equal(got, []string{insertText("d", 1)}) {
		t.Errorf("applied %q", got)
	}
}
