package event_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"

	"binrelay/binlog/event"
)

// mariaEvents returns the events of a binlog that MariaDB 10.11 wrote, with
// compressed and plain row events, statements and full metadata.
func mariaEvents(t testing.TB) []event.Event {
	t.Helper()
	b, err := os.ReadFile("testdata/mariadb-10.11.binlog")
	if err != nil {
		t.Fatal(err)
	}
	var out []event.Event
	for b = b[4:]; len(b) > 0; {
		ev, rest, err := event.First(b)
		if err != nil {
			t.Fatal(err)
		}
		out, b = append(out, ev), rest
	}
	return out
}

// TestMariaDB decodes every event of the file and compares with go-mysql.
func TestMariaDB(t *testing.T) {
	p := replication.NewBinlogParser()
	p.SetFlavor("mariadb")
	seen := map[event.Type]int{}
	var statements []string
	var table event.Event
	for _, ev := range mariaEvents(t) {
		seen[ev.Type()]++
		if err := event.Verify(ev); err != nil {
			t.Fatalf("type %d: %v", ev.Type(), err)
		}
		parsed, err := p.Parse(slices.Clone(ev))
		if err != nil {
			t.Fatal(err)
		}
		switch theirs := parsed.Event.(type) {
		case *replication.FormatDescriptionEvent:
			f := must(event.DecodeFormat(ev))
			if f.ServerVersion != theirs.ServerVersion || !f.Checksum || f.PostHeaderLen(event.MariaGTID) != 19 {
				t.Errorf("%+v", f)
			}
		case *replication.MariadbGTIDEvent:
			g := must(event.DecodeMariaGTID(ev, true))
			if g.Domain != theirs.GTID.DomainID || g.Sequence != theirs.GTID.SequenceNumber || g.ServerID != 7 || g.Standalone() != theirs.IsStandalone() || g.CommitID != theirs.CommitID {
				t.Errorf("%+v, go-mysql %+v", g, theirs)
			}
		case *replication.QueryEvent:
			plain := ev
			if ev.Type() == event.MariaQueryCompressed {
				plain = inflated(t, ev)
			}
			q := must(event.DecodeQuery(plain, true))
			statements = append(statements, q.SQL)
			if q.SQL != string(theirs.Query) || q.DB != string(theirs.Schema) || q.Status.Has&event.VarCharset == 0 {
				t.Errorf("%+v, go-mysql %s", q, theirs.Query)
			}
		case *replication.TableMapEvent:
			table = ev
			compareTableMap(t, must(event.DecodeTableMap(ev, true)), theirs)
		case *replication.RowsEvent:
			plain := ev
			if ev.Type() >= event.MariaWriteCompressed {
				plain = inflated(t, ev)
				// The inflated event must mean the same as the compressed
				// one; the parser has forgotten the table by now.
				must(p.Parse(slices.Clone(table)))
				again, err := p.Parse(slices.Clone(plain))
				if err != nil || !reflect.DeepEqual(again.Event.(*replication.RowsEvent).Rows, theirs.Rows) {
					t.Errorf("inflated rows differ: %v", err)
				}
			}
			r := must(event.DecodeRows(plain, true))
			if r.TableID != theirs.TableID || r.Columns != int(theirs.ColumnCount) || r.Flags != theirs.Flags {
				t.Errorf("%+v, go-mysql %+v", r, theirs)
			}
		case *replication.MariadbAnnotateRowsEvent:
			if s := must(event.DecodeRowsQuery(ev, true)); s != string(theirs.Query) {
				t.Errorf("%q, go-mysql %q", s, theirs.Query)
			}
		case *replication.XIDEvent:
			if x, ok := event.XidOf(ev); !ok || x != theirs.XID {
				t.Errorf("%d, go-mysql %d", x, theirs.XID)
			}
		case *replication.RotateEvent:
			if _, file, err := event.DecodeRotate(ev, true); err != nil || file != "mdb.000002" {
				t.Errorf("%q, %v", file, err)
			}
		case *replication.IntVarEvent:
			if kind, v, err := event.DecodeIntvar(ev, true); err != nil || kind != byte(theirs.Type) || v != theirs.Value {
				t.Errorf("%d %d %v, go-mysql %+v", kind, v, err, theirs)
			}
		}
		if ev.Type() == event.UserVar {
			checkUserVar(t, must(event.DecodeUserVar(ev, true)))
		}
		if ev.Type() == event.Rand {
			if a, b, err := event.DecodeRand(ev, true); err != nil || a == 0 || b == 0 {
				t.Error(a, b, err)
			}
		}
	}
	for _, want := range []event.Type{event.FormatDescription, event.Query, event.Rotate, event.Intvar, event.Rand, event.UserVar, event.Xid,
		event.TableMap, event.WriteRowsV1, event.UpdateRowsV1, event.DeleteRowsV1, event.MariaAnnotateRows, event.MariaGTID,
		event.MariaQueryCompressed, event.MariaWriteCompressed, event.MariaUpdateCompressed, event.MariaDeleteCompressed} {
		if seen[want] == 0 {
			t.Errorf("the file has no event of type %d", want)
		}
	}
	if all := strings.Join(statements, "\n"); !strings.Contains(all, "create database d") || !strings.Contains(all, "insert into t (v,n) values (@u, @n)") {
		t.Errorf("statements: %s", all)
	}
}

func inflated(t *testing.T, ev event.Event) event.Event {
	t.Helper()
	plain, err := event.Inflate(ev, true, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := event.Verify(plain); err != nil {
		t.Fatal(err)
	}
	if _, err := event.Inflate(ev, true, len(plain)); err != nil {
		t.Errorf("limit of the exact size: %v", err)
	}
	if _, err := event.Inflate(ev, true, len(plain)-1); !errors.Is(err, event.ErrTooLarge) {
		t.Errorf("limit below the size: %v", err)
	}
	bare, err := event.Inflate(event.StripChecksum(ev), false, 1<<20)
	if err != nil || !bytes.Equal(bare, event.StripChecksum(plain)) {
		t.Errorf("without checksum: %v", err)
	}
	return plain
}

func checkUserVar(t *testing.T, v event.UserVarInfo) {
	t.Helper()
	switch v.Name {
	case "u":
		if v.Type != event.UserVarString || string(v.Value) == "" || v.Collation == 0 {
			t.Errorf("@u: %+v", v)
		}
	case "n":
		if v.Type != event.UserVarInt || int64(v.Number()) != -5 || v.Unsigned {
			t.Errorf("@n: %+v", v)
		}
	default:
		t.Errorf("%+v", v)
	}
}

func compareTableMap(t *testing.T, m event.TableMapInfo, theirs *replication.TableMapEvent) {
	t.Helper()
	unsigned, collations, enumSet := theirs.UnsignedMap(), theirs.CollationMap(), theirs.EnumSetCollationMap()
	enums, sets := theirs.EnumStrValueMap(), theirs.SetStrValueMap()
	if m.TableID != theirs.TableID || m.DB != string(theirs.Schema) || m.Table != string(theirs.Table) || len(m.Columns) != int(theirs.ColumnCount) {
		t.Fatalf("%+v", m)
	}
	for i, c := range m.Columns {
		if c.Type != theirs.ColumnType[i] || c.Meta != theirs.ColumnMeta[i] || c.Name != theirs.ColumnNameString()[i] || c.Unsigned != unsigned[i] {
			t.Errorf("column %d: %+v", i, c)
		}
		if theirs.IsCharacterColumn(i) && uint64(c.Collation) != collations[i] || theirs.IsEnumOrSetColumn(i) && uint64(c.Collation) != enumSet[i] {
			t.Errorf("column %d: collation %d, go-mysql %v %v", i, c.Collation, collations, enumSet)
		}
		if !slices.Equal(c.Members, append(slices.Clone(enums[i]), sets[i]...)) {
			t.Errorf("column %d: members %v", i, c.Members)
		}
		// The types that the test table declares.
		if c.Unsigned != (c.Name == "id" || c.Name == "y") {
			t.Errorf("column %s: unsigned %v", c.Name, c.Unsigned)
		}
	}
	if len(m.PrimaryKey) != 1 || m.PrimaryKey[0] != 0 {
		t.Errorf("primary key %v", m.PrimaryKey)
	}
}

// build makes an event of type t around a body.
func build(t event.Type, body ...byte) event.Event {
	return event.Finish(event.End(append(event.Begin(nil, header, t), body...), 0), 100, true)
}

func TestDecodePayload(t *testing.T) {
	ev := build(event.TransactionPayload, 2, 1, 0, 3, 3, 0xfc, 0x10, 0x27, 1, 1, 4, 0, 'd', 'a', 't', 'a')
	p := must(event.DecodePayload(ev, true))
	if !p.Zstd || p.Size != 10000 || string(p.Payload) != "data" {
		t.Errorf("%+v", p)
	}
	p = must(event.DecodePayload(build(event.TransactionPayload, 1, 1, 1, 2, 3, 0xfc, 255, 0, 0, 'x'), true))
	if p.Zstd || string(p.Payload) != "x" {
		t.Errorf("%+v", p)
	}
	for name, body := range map[string][]byte{
		"no end": {1, 1, 4}, "wrong size": {1, 1, 9, 0, 'x'}, "no size": {2, 1, 0, 0, 'x'}, "field past the end": {1, 200, 1, 0},
	} {
		if _, err := event.DecodePayload(build(event.TransactionPayload, body...), true); !errors.Is(err, event.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := event.DecodePayload(build(event.TransactionPayload, 2, 1, 7, 1, 1, 1, 0, 'x'), true); !errors.Is(err, event.ErrUnsupported) {
		t.Errorf("algorithm 7: %v", err)
	}
}

func TestDecodeIncident(t *testing.T) {
	n, text, err := event.DecodeIncident(build(event.Incident, 1, 0, 4, 'l', 'o', 's', 't'), true)
	if n != 1 || text != "lost" || err != nil {
		t.Error(n, text, err)
	}
}

func TestDecodeGTID_OlderAndNewer(t *testing.T) {
	body := append([]byte{1}, make([]byte, 24)...)
	body[17] = 5
	if g := must(event.DecodeGTID(build(event.GTID, body...), true)); g.GTID.GNO != 5 || g.SequenceNumber != 0 || !g.Statement {
		t.Errorf("MySQL 5.6: %+v", g)
	}
	clock := binary.LittleEndian.AppendUint64(append(slices.Clone(body), 2), 7)
	clock = binary.LittleEndian.AppendUint64(clock, 8)
	if g := must(event.DecodeGTID(build(event.GTID, clock...), true)); g.LastCommitted != 7 || g.SequenceNumber != 8 || g.TransactionLength != 0 {
		t.Errorf("MySQL 5.7: %+v", g)
	}
	if _, err := event.DecodeGTID(build(event.GTIDTagged, 2, 40), true); !errors.Is(err, event.ErrUnsupported) {
		t.Errorf("tagged: %v", err)
	}
	body[17] = 0
	if _, err := event.DecodeGTID(build(event.GTID, body...), true); !errors.Is(err, event.ErrMalformed) {
		t.Errorf("number 0: %v", err)
	}
}

func TestTableMap_UnknownType(t *testing.T) {
	body := append(make([]byte, 8), 1, 'd', 0, 1, 't', 0, 1, 200, 0, 0)
	if _, err := event.DecodeTableMap(build(event.TableMap, body...), true); !errors.Is(err, event.ErrUnsupported) {
		t.Errorf("type 200: %v", err)
	}
}

// decodeAll calls every decoder that accepts ev; none may panic.
func decodeAll(ev event.Event, checksum bool) {
	event.DecodeFormat(ev)
	event.DecodePreviousGTIDs(ev, checksum)
	event.DecodeRotate(ev, checksum)
	event.DecodeHeartbeat(ev, checksum)
	event.DecodeIncident(ev, checksum)
	event.DecodeGTID(ev, checksum)
	event.DecodeMariaGTID(ev, checksum)
	event.DecodeTaggedGTID(ev, checksum)
	event.DecodeQuery(ev, checksum)
	event.QueryText(ev, checksum)
	event.XidOf(ev)
	event.DecodeTableMap(ev, checksum)
	event.TableMapID(ev)
	event.DecodeRows(ev, checksum)
	event.DecodeRowsQuery(ev, checksum)
	event.DecodeIntvar(ev, checksum)
	event.DecodeRand(ev, checksum)
	event.DecodeUserVar(ev, checksum)
	event.DecodeLoadBlock(ev, checksum)
	event.DecodeLoad(ev, checksum)
	event.DecodePayload(ev, checksum)
	event.Inflate(ev, checksum, 1<<16)
	event.Verify(ev)
}

// samples returns events of every type that we know.
func samples(t testing.TB) []event.Event {
	m := sampleTable()
	g := event.GTIDInfo{OriginalCommit: 3, OriginalVersion: 80036}
	q := event.QueryInfo{DB: "d", Status: fullStatus, SQL: "SQL"}
	list := []event.Event{
		finish(event.AppendFormat(nil, header, "8.0.36", 0, true)),
		finish(event.AppendGTID(nil, header, &g)),
		finish(event.AppendQuery(nil, header, &q)),
		finish(event.AppendTableMap(nil, header, &m, event.MetaFull)),
		finish(event.End(append(event.AppendRows(nil, header, event.UpdateRowsV2, &event.RowsInfo{Columns: 9}), 1, 2, 3), 0)),
		finish(event.AppendRowsQuery(nil, header, "SQL")),
		finish(event.AppendHeartbeat(nil, header, "f", 9)),
		finish(event.AppendHeartbeatV2(nil, header, "f", 9)),
		finish(event.AppendRotate(nil, header, 4, "f")),
		build(event.TransactionPayload, 2, 1, 0, 3, 3, 0xfc, 0x10, 0x27, 1, 1, 4, 0, 'd', 'a', 't', 'a'),
		build(event.Incident, 1, 0, 4, 'l', 'o', 's', 't'),
		taggedEvent(taggedSample, 0),
	}
	return append(list, mariaEvents(t)...)
}

// TestDecoders_CutAndGarbled cuts every sample at every byte and sets bytes to
// extremes: decoders return, without a panic.
func TestDecoders_CutAndGarbled(t *testing.T) {
	for _, ev := range samples(t) {
		for n := event.HeaderSize; n < len(ev); n++ {
			cut := slices.Clone(ev[:n])
			binary.LittleEndian.PutUint32(cut[9:], uint32(n))
			decodeAll(cut, false)
			decodeAll(cut, true)
		}
		for i := range ev {
			for _, v := range []byte{0, 0x7f, 0xfe, 0xff} {
				bad := slices.Clone(ev)
				bad[i] = v
				decodeAll(bad, true)
			}
		}
	}
	decodeAll(nil, true)
	decodeAll(make(event.Event, event.HeaderSize), true)
}

func FuzzDecode(f *testing.F) {
	for _, ev := range samples(f) {
		f.Add([]byte(ev))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= event.HeaderSize {
			b = slices.Clone(b)
			binary.LittleEndian.PutUint32(b[9:], uint32(len(b)))
		}
		decodeAll(b, true)
		decodeAll(b, false)
		if len(b) < event.HeaderSize {
			return
		}
		// What a decoder accepts, the encoder must be able to say again.
		if m, err := event.DecodeTableMap(b, true); err == nil && m.Has&event.HasNames != 0 {
			again := event.AppendTableMap(nil, header, &m, event.MetaFull)
			if _, err := event.DecodeTableMap(again, true); err != nil {
				t.Fatalf("%+v: %v", m, err)
			}
		}
		if q, err := event.DecodeQuery(b, true); err == nil {
			again := must(event.DecodeQuery(event.AppendQuery(nil, header, &q), true))
			if again.SQL != q.SQL || again.DB != q.DB || again.Status.SQLMode != q.Status.SQLMode {
				t.Fatalf("%+v became %+v", q, again)
			}
		}
	})
}

func BenchmarkAppendTransaction(b *testing.B) {
	b.ReportAllocs()
	g := event.GTIDInfo{SequenceNumber: 1, ImmediateVersion: 80036}
	g.SetLength(400)
	q := event.QueryInfo{DB: "d", SQL: "BEGIN", Status: event.QueryStatus{Has: event.VarFlags2 | event.VarSQLMode | event.VarCharset}}
	r := event.RowsInfo{TableID: 5, Flags: event.RowsStmtEnd, Columns: 5}
	row := make([]byte, 100)
	var buf []byte
	for b.Loop() {
		buf = event.AppendGTID(buf[:0], header, &g)
		buf = event.AppendQuery(buf, header, &q)
		start := len(buf)
		buf = event.AppendRows(buf, header, event.WriteRowsV2, &r)
		buf = append(buf, row...)
		buf = event.End(buf, start)
		buf = event.AppendXid(buf, header, 1)
		pos := uint32(4)
		for rest := buf; len(rest) > 0; {
			var ev event.Event
			ev, rest, _ = event.First(rest)
			pos += ev.Size()
			event.Finish(ev, pos, true)
		}
	}
}

func BenchmarkAppendTableMap(b *testing.B) {
	b.ReportAllocs()
	m := sampleTable()
	var buf []byte
	for b.Loop() {
		buf = event.AppendTableMap(buf[:0], header, &m, event.MetaMinimal)
	}
}

// TestTableMap_MariaDBCompressed decodes what MariaDB 10.11 wrote for a table
// that ends in x TEXT COMPRESSED, a type that only MariaDB has.
func TestTableMap_MariaDBCompressed(t *testing.T) {
	body := must(base64.StdEncoding.DecodeString("EgAAAAAAAQABZAABdAAJAw0P/v789hKMCxQA9wH4AQIKAgMC/gEBAcADAwg/LQQUAmlkAXkBdgFlAXMBYgFuAmR0AXgKAS0FBQIBcAFxBgUCAWEBYggBAA=="))
	m := must(event.DecodeTableMap(build(event.TableMap, body...), true))
	if len(m.Columns) != 9 || m.Columns[8].Type != 140 || m.Columns[8].Meta != 2 || m.Columns[8].Name != "x" || m.Columns[2].Collation != 8 {
		t.Errorf("%+v", m)
	}
}
