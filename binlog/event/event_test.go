package event_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
)

var header = event.Header{Timestamp: 1700000000, ServerID: 201}

const uuidA = "3e11fa47-71ca-11e1-9e33-c80aa9429562"

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// judge parses one of our events with go-mysql, after a Format_description of
// ours, checksums verified.
func judge(t *testing.T, ev event.Event, earlier ...event.Event) replication.Event {
	t.Helper()
	p := replication.NewBinlogParser()
	p.SetVerifyChecksum(true)
	format := event.Finish(event.AppendFormat(nil, header, "8.0.36-binrelay", 0, true), 126, true)
	for _, e := range append([]event.Event{format}, earlier...) {
		if _, err := p.Parse(e); err != nil {
			t.Fatalf("parse of %x: %v", e, err)
		}
	}
	out, err := p.Parse(slices.Clone(ev))
	if err != nil {
		t.Fatalf("go-mysql: %v\n%x", err, ev)
	}
	h := out.Header
	if h.Timestamp != ev.Timestamp() || h.EventType != replication.EventType(ev.Type()) || h.ServerID != ev.ServerID() ||
		h.EventSize != uint32(len(ev)) || h.LogPos != ev.EndPos() || h.Flags != ev.Flags() {
		t.Fatalf("header %+v of %x", h, ev[:event.HeaderSize])
	}
	return out.Event
}

func finish(b []byte) event.Event { return event.Finish(b, 4711, true) }

func requireEqual(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func TestFormat_Bytes(t *testing.T) {
	h := header
	h.Flags = event.FlagInUse
	ev := event.Finish(event.AppendFormat(nil, h, "8.0.36-binrelay", 1700000001, true), 126, true)
	// The head and array as MySQL 8.0.26 and later write them.
	want := must(hex.DecodeString("00f15365" + "0f" + "c9000000" + "7a000000" + "7e000000" + "0100" + "0400"))
	want = append(want, "8.0.36-binrelay"...)
	want = append(want, make([]byte, 50-15)...)
	want = append(want, must(hex.DecodeString("01f1536513"+
		"000d0008000000000400040000006200041a08000000080808020000000a0a0a2a2a001234000a280001"))...)
	if len(ev) != 122 || !bytes.Equal(ev[:118], want) {
		t.Fatalf("%d bytes\n got %x\nwant %x", len(ev), ev[:118], want)
	}
	// In use or closed, the checksum is that of the closed file.
	open := slices.Clone(ev)
	event.SetFlags(ev, 0)
	event.Recrc(ev)
	if !bytes.Equal(open[118:], ev[118:]) {
		t.Error("IN_USE changes the checksum")
	}
	for _, e := range []event.Event{open, ev} {
		if err := event.Verify(e); err != nil {
			t.Error(err)
		}
	}
	got := judge(t, ev).(*replication.FormatDescriptionEvent)
	if got.ServerVersion != "8.0.36-binrelay" || got.CreateTimestamp != 1700000001 || got.ChecksumAlgorithm != replication.BINLOG_CHECKSUM_ALG_CRC32 {
		t.Errorf("go-mysql reads %+v", got)
	}
	f := must(event.DecodeFormat(ev))
	if f.ServerVersion != "8.0.36-binrelay" || f.Created != 1700000001 || !f.Checksum || len(f.PostHeader) != 41 ||
		f.PostHeaderLen(event.GTID) != 42 || f.PostHeaderLen(event.HeartbeatV2) != 0 || f.PostHeaderLen(event.GTIDTagged) != -1 {
		t.Errorf("DecodeFormat: %+v", f)
	}
	event.SetCreated(ev, 0)
	if f := must(event.DecodeFormat(ev)); f.Created != 0 {
		t.Errorf("SetCreated: %+v", f)
	}
}

func TestFormat_WithoutChecksum(t *testing.T) {
	ev := event.Finish(event.AppendFormat(nil, header, "8.0.36", 0, false), 126, false)
	if len(ev) != 122 || event.Verify(ev) != nil || must(event.DecodeFormat(ev)).Checksum {
		t.Fatalf("%x", ev)
	}
	on := event.AddChecksum(ev)
	if !must(event.DecodeFormat(on)).Checksum || event.Verify(on) != nil {
		t.Fatalf("AddChecksum: %x", on)
	}
	if !bytes.Equal(event.StripChecksum(on), ev) {
		t.Fatal("StripChecksum does not undo AddChecksum")
	}
}

func TestFormat_Refused(t *testing.T) {
	good := event.Finish(event.AppendFormat(nil, header, "8.0.36", 0, true), 126, true)
	for name, at := range map[string]int{"version": 19, "header length": 75, "algorithm": 117} {
		bad := slices.Clone(good)
		bad[at] = 3
		if _, err := event.DecodeFormat(bad); !errors.Is(err, event.ErrUnsupported) {
			t.Errorf("%s 3: %v", name, err)
		}
	}
}

// TestFormat_FileStart checks the fingerprint of MySQL 8.0.26+: the first
// transaction of a fresh file stands at 157.
func TestFormat_FileStart(t *testing.T) {
	file := append([]byte{0xfe, 'b', 'i', 'n'}, event.Finish(event.AppendFormat(nil, header, "8.0.36", 0, true), 126, true)...)
	prev := event.Finish(event.AppendPreviousGTIDs(nil, header, gtid.Set{}), 157, true)
	if len(prev) != 31 || len(file)+len(prev) != 157 || prev.Flags() != event.FlagIgnorable {
		t.Fatalf("Previous_gtids of %d bytes after %d: %x", len(prev), len(file), prev)
	}
}

func TestChecksum(t *testing.T) {
	made := event.AppendXid(nil, header, 7)
	ev := event.Finish(slices.Clone(made), 100, true)
	if err := event.Verify(ev); err != nil || ev.EndPos() != 100 || len(ev) != 31 {
		t.Fatalf("%x: %v", ev, err)
	}
	for i := range ev {
		bad := slices.Clone(ev)
		bad[i] ^= 0x10
		if event.Verify(bad) == nil {
			t.Fatalf("byte %d changed unnoticed", i)
		}
	}
	plain := event.Finish(made, 100, false)
	if len(plain) != 27 || plain.Size() != 27 || !bytes.Equal(event.StripChecksum(ev), plain) || !bytes.Equal(event.AddChecksum(plain), ev) {
		t.Fatalf("without checksum: %x", plain)
	}
	if x, ok := event.XidOf(plain); !ok || x != 7 {
		t.Fatalf("XidOf = %d, %v", x, ok)
	}
}

func TestFirst(t *testing.T) {
	buf := event.AppendXid(event.AppendStop(nil, header), header, 9)
	a, rest, err := event.First(buf)
	if err != nil || a.Type() != event.Stop {
		t.Fatal(a, err)
	}
	b, rest, err := event.First(rest)
	if err != nil || b.Type() != event.Xid || len(rest) != 0 {
		t.Fatal(b, rest, err)
	}
	for n := range len(b) {
		if _, _, err := event.First(b[:n]); !errors.Is(err, event.ErrMalformed) {
			t.Fatalf("First of %d bytes: %v", n, err)
		}
	}
}

func TestPreviousGTIDs(t *testing.T) {
	s := must(gtid.ParseSet(uuidA + ":1-5:7"))
	ev := finish(event.AppendPreviousGTIDs(nil, header, s))
	if got := judge(t, ev).(*replication.PreviousGTIDsEvent).GTIDSets; got != s.String() {
		t.Errorf("go-mysql reads %q", got)
	}
	if got := must(event.DecodePreviousGTIDs(ev, true)); !got.Equal(s) {
		t.Errorf("got %v", got)
	}
}

func TestRotateStopHeartbeat(t *testing.T) {
	ev := finish(event.AppendRotate(nil, event.Header{ServerID: 1, Flags: event.FlagArtificial}, 1<<40, "mysql-bin.000002"))
	r := judge(t, ev).(*replication.RotateEvent)
	if r.Position != 1<<40 || string(r.NextLogName) != "mysql-bin.000002" {
		t.Errorf("go-mysql reads %+v", r)
	}
	if pos, file, err := event.DecodeRotate(ev, true); pos != 1<<40 || file != "mysql-bin.000002" || err != nil {
		t.Error(pos, file, err)
	}
	judge(t, finish(event.AppendStop(nil, header)))

	const far = 1<<33 + 5
	v1 := event.Event(event.AppendHeartbeat(nil, header, "b.000001", far))
	v1 = event.Finish(v1, v1.EndPos(), true)
	if file, pos, err := event.DecodeHeartbeat(v1, true); file != "b.000001" || pos != 5 || err != nil {
		t.Error(file, pos, err)
	}
	h := judge(t, v1).(*replication.HeartbeatEvent)
	if h.Filename != "b.000001" || h.Version != 1 {
		t.Errorf("go-mysql reads %+v", h)
	}
	v2 := event.Event(event.AppendHeartbeatV2(nil, header, "b.000001", far))
	v2 = event.Finish(v2, v2.EndPos(), true)
	if file, pos, err := event.DecodeHeartbeat(v2, true); file != "b.000001" || pos != far || err != nil {
		t.Error(file, pos, err)
	}
	h = judge(t, v2).(*replication.HeartbeatEvent)
	if h.Filename != "b.000001" || h.Offset != far || h.Version != 2 {
		t.Errorf("go-mysql reads %+v", h)
	}
}

func TestGTID(t *testing.T) {
	id := must(gtid.Parse(uuidA + ":23"))
	for _, g := range []event.GTIDInfo{
		{GTID: id, Statement: true, LastCommitted: 3, SequenceNumber: 4, ImmediateCommit: 1700000000123456, ImmediateVersion: 80036},
		{LastCommitted: 1 << 40, SequenceNumber: 1<<40 + 1, ImmediateCommit: 1700000000123456, ImmediateVersion: 80036},
		{GTID: id, ImmediateCommit: 1700000000123456, OriginalCommit: 1600000000000000, ImmediateVersion: 80036, OriginalVersion: 80400},
		{GTID: id, ImmediateCommit: 5, OriginalCommit: 5, ImmediateVersion: 80036},
	} {
		for _, rest := range []uint64{0, 100, 170, 180, 185, 1000, 65450, 65460, 65470, 1 << 20, 1<<24 - 80, 1 << 33} {
			g := g
			g.SetLength(rest)
			made := event.AppendGTID(nil, header, &g)
			if len(made) != g.Size() || g.TransactionLength != rest+uint64(len(made)) {
				t.Fatalf("rest %d: %d bytes, Size %d, TransactionLength %d", rest, len(made), g.Size(), g.TransactionLength)
			}
			ev := finish(made)
			requireEqual(t, "DecodeGTID", must(event.DecodeGTID(ev, true)), g)
			checkGTID(t, judge(t, ev).(*replication.GTIDEvent), g)
		}
	}
}

func checkGTID(t *testing.T, got *replication.GTIDEvent, g event.GTIDInfo) {
	t.Helper()
	original, version := g.OriginalCommit, g.OriginalVersion
	if original == 0 {
		original = g.ImmediateCommit
	}
	if version == 0 {
		version = g.ImmediateVersion
	}
	if !bytes.Equal(got.SID, g.GTID.UUID[:]) || got.GNO != g.GTID.GNO || (got.CommitFlag == 1) != g.Statement ||
		got.LastCommitted != g.LastCommitted || got.SequenceNumber != g.SequenceNumber ||
		got.ImmediateCommitTimestamp != g.ImmediateCommit || got.OriginalCommitTimestamp != original ||
		got.TransactionLength != g.TransactionLength ||
		got.ImmediateServerVersion != g.ImmediateVersion || got.OriginalServerVersion != version {
		t.Fatalf("go-mysql reads %+v\nwant %+v", got, g)
	}
}

func TestPatchGTID(t *testing.T) {
	id := must(gtid.Parse(uuidA + ":9"))
	for _, original := range []uint64{0, 77} {
		g := event.GTIDInfo{OriginalCommit: original, ImmediateVersion: 80036, Statement: true}
		g.SetLength(300)
		ev := event.Event(event.AppendGTID(nil, header, &g))
		for _, patch := range []gtid.GTID{id, {}, id} {
			size := len(ev)
			event.PatchGTID(ev, patch, 10, 11, 1700000000123456)
			event.Recrc(ev)
			g.GTID, g.LastCommitted, g.SequenceNumber, g.ImmediateCommit = patch, 10, 11, 1700000000123456
			requireEqual(t, "after the patch", must(event.DecodeGTID(ev, true)), g)
			if len(ev) != size || (ev.Type() == event.AnonymousGTID) != patch.IsZero() {
				t.Fatalf("type %d, %d bytes", ev.Type(), len(ev))
			}
			checkGTID(t, judge(t, ev).(*replication.GTIDEvent), g)
		}
	}
}

var fullStatus = event.QueryStatus{
	Has: event.VarFlags2 | event.VarSQLMode | event.VarAutoIncrement | event.VarCharset | event.VarTimeZone | event.VarCatalog |
		event.VarLCTime | event.VarCharsetDatabase | event.VarTableMapForUpdate | event.VarInvoker | event.VarUpdatedDBs |
		event.VarMicroseconds | event.VarExplicitTimestamp | event.VarDDLXid | event.VarDefaultUTF8MB4 | event.VarRequirePK | event.VarTableEncryption,
	Flags2: 0x4000, SQLMode: 1 << 33, AutoIncrement: 2, AutoIncrementOffset: 1,
	CharsetClient: 255, CollationConnection: 255, CollationServer: 45, TimeZone: "+01:00", Catalog: "std",
	LCTime: 3, CharsetDatabase: 255, TableMapForUpdate: 6, InvokerUser: "u", InvokerHost: "%", UpdatedDBs: []string{"a", "b"},
	Microseconds: 999999, ExplicitTimestamp: true, DDLXid: 1<<40 + 3, DefaultUTF8MB4: 255, RequirePK: 1, TableEncryption: 1,
}

func TestQuery(t *testing.T) {
	many := make([]string, 17)
	for _, q := range []event.QueryInfo{
		{SQL: "BEGIN"},
		{ThreadID: 8, ExecTime: 2, ErrorCode: 1062, DB: "testcluster", Status: fullStatus, SQL: "CREATE TABLE t (a INT)"},
		{DB: "d", Status: event.QueryStatus{Has: event.VarUpdatedDBs}, SQL: ""},
	} {
		ev := finish(event.AppendQuery(nil, header, &q))
		requireEqual(t, "DecodeQuery", must(event.DecodeQuery(ev, true)), q)
		got := judge(t, ev).(*replication.QueryEvent)
		if got.SlaveProxyID != q.ThreadID || got.ExecutionTime != q.ExecTime || got.ErrorCode != q.ErrorCode ||
			string(got.Schema) != q.DB || string(got.Query) != q.SQL {
			t.Errorf("go-mysql reads %+v", got)
		}
		if text := must(event.QueryText(ev, true)); string(text) != q.SQL {
			t.Errorf("QueryText = %q", text)
		}
		x, ok := event.XidOf(ev)
		if ok != (q.Status.Has&event.VarDDLXid != 0) || x != q.Status.DDLXid {
			t.Errorf("XidOf = %d, %v", x, ok)
		}
		if set := event.SetXid(ev, 99); set != ok {
			t.Errorf("SetXid = %v", set)
		}
		if x, _ := event.XidOf(ev); ok && x != 99 {
			t.Errorf("XidOf after SetXid = %d", x)
		}
	}
	q := event.QueryInfo{Status: event.QueryStatus{Has: event.VarUpdatedDBs, UpdatedDBs: many}}
	if got := must(event.DecodeQuery(finish(event.AppendQuery(nil, header, &q)), true)); got.Status.UpdatedDBs != nil {
		t.Errorf("%d databases came back as %v", len(many), got.Status.UpdatedDBs)
	}
}

// TestQuery_StatusOrder checks the bytes of the status variables: keys ascend,
// each with the length that MySQL gives it.
func TestQuery_StatusOrder(t *testing.T) {
	ev := event.AppendQuery(nil, header, &event.QueryInfo{Status: fullStatus})
	vars := ev[event.HeaderSize+13:]
	length := map[byte]int{0: 4, 1: 8, 3: 4, 4: 6, 5: 7, 6: 4, 7: 2, 8: 2, 9: 8, 11: 4, 12: 5, 13: 3, 16: 1, 17: 8, 18: 2, 19: 1, 20: 1}
	var keys []byte
	for n := int(binary.LittleEndian.Uint16(ev[event.HeaderSize+11:])); n > 0; {
		size, ok := length[vars[0]]
		if !ok {
			t.Fatalf("key %d after %v", vars[0], keys)
		}
		keys = append(keys, vars[0])
		vars, n = vars[size+1:], n-size-1
	}
	if len(keys) != len(length) || !slices.IsSorted(keys) {
		t.Fatalf("keys %v", keys)
	}
}

func TestQuery_ForeignStatus(t *testing.T) {
	build := func(vars []byte) event.Event {
		b := event.Begin(nil, header, event.Query)
		b = append(b, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, byte(len(vars)), 0)
		b = append(append(append(b, vars...), "d\x00"...), "SQL"...)
		return finish(event.End(b, 0))
	}
	q := must(event.DecodeQuery(build([]byte{0, 1, 0, 0, 0, 128, 0x40, 0x42, 0x0f, 129, 5, 0, 0, 0, 0, 0, 0, 0, 130, 7, 0, 131, 1, 33, 0, 45, 0}), true))
	want := event.QueryStatus{Has: event.VarFlags2 | event.VarMariaHRNow | event.VarMariaXid | event.VarMariaGTIDFlags3 | event.VarMariaCollations,
		Flags2: 1, Microseconds: 1000000, MariaXid: 5, MariaGTIDFlags3: 7, MariaCollations: []byte{33, 0, 45, 0}}
	requireEqual(t, "MariaDB's variables", q.Status, want)
	q = must(event.DecodeQuery(build([]byte{0, 1, 0, 0, 0, 99, 1, 2, 3}), true))
	requireEqual(t, "an unknown variable", q.Status, event.QueryStatus{Has: event.VarFlags2, Flags2: 1})
	if q.SQL != "SQL" || q.DB != "d" {
		t.Errorf("after an unknown variable: %+v", q)
	}
	if _, err := event.DecodeQuery(build([]byte{17, 1}), true); !errors.Is(err, event.ErrMalformed) {
		t.Errorf("a variable cut short: %v", err)
	}
}

func sampleTable() event.TableMapInfo {
	return event.TableMapInfo{
		TableID: 1<<40 + 9, Flags: event.TableMapExact, DB: "testcluster", Table: "t",
		Columns: []event.Column{
			{Type: 8, Unsigned: true, Name: "id"},
			{Type: 15, Meta: 1020, Nullable: true, Collation: 255, Name: "v"},
			{Type: 246, Meta: 10<<8 | 2, Nullable: true, Name: "d"},
			{Type: 254, Meta: 247<<8 | 1, Collation: 255, Name: "e", Members: []string{"x", "y", ""}},
			{Type: 254, Meta: 248<<8 | 1, Nullable: true, Collation: 45, Name: "s", Members: []string{"p", "q"}},
			{Type: 254, Meta: 0xce00 | 0xfc, Collation: 255, Name: "c"},
			{Type: 252, Meta: 2, Nullable: true, Collation: 63, Name: "b", Invisible: true},
			{Type: 18, Meta: 6, Name: "dt"},
			{Type: 5, Meta: 8, Name: "f"},
			{Type: 13, Unsigned: true, Name: "y"},
			{Type: 16, Meta: 1<<8 | 3, Name: "bit"},
			{Type: 245, Meta: 4, Nullable: true, Name: "j"},
			{Type: 255, Meta: 4, Nullable: true, Geometry: 3, Name: "g"},
		},
		PrimaryKey: []int{0, 1}, PrimaryPrefix: []int{0, 10},
	}
}

const hasMinimal = event.HasSignedness | event.HasCharsets | event.HasGeometry
const hasFull = hasMinimal | event.HasNames | event.HasSetMembers | event.HasEnumMembers | event.HasPrimaryKey | event.HasEnumSetCharsets | event.HasVisibility

func TestTableMap(t *testing.T) {
	for _, level := range []event.MetaLevel{event.MetaNone, event.MetaMinimal, event.MetaFull} {
		m := sampleTable()
		ev := finish(event.AppendTableMap(nil, header, &m, level))
		want := sampleTable()
		want.Has = hasFull
		if level < event.MetaFull {
			want.PrimaryKey, want.PrimaryPrefix, want.Has = nil, nil, hasMinimal
		}
		if level < event.MetaMinimal {
			want.Has = 0
		}
		for i := range want.Columns {
			c := &want.Columns[i]
			if level < event.MetaFull {
				if len(c.Members) > 0 {
					c.Collation = 0
				}
				c.Name, c.Members, c.Invisible = "", nil, false
			}
			if level < event.MetaMinimal {
				c.Unsigned, c.Collation, c.Geometry = false, 0, 0
			}
		}
		requireEqual(t, "DecodeTableMap", must(event.DecodeTableMap(ev, true)), want)
		if id := must(event.TableMapID(ev)); id != m.TableID {
			t.Errorf("TableMapID = %d", id)
		}
		checkTableMap(t, judge(t, ev).(*replication.TableMapEvent), want, level)
	}
}

func checkTableMap(t *testing.T, got *replication.TableMapEvent, want event.TableMapInfo, level event.MetaLevel) {
	t.Helper()
	if got.TableID != want.TableID || got.Flags != want.Flags || string(got.Schema) != want.DB || string(got.Table) != want.Table || int(got.ColumnCount) != len(want.Columns) {
		t.Fatalf("go-mysql reads %+v", got)
	}
	unsigned, collations, members := got.UnsignedMap(), got.CollationMap(), got.EnumSetCollationMap()
	enums, sets, visible, shapes := got.EnumStrValueMap(), got.SetStrValueMap(), got.VisibilityMap(), got.GeometryTypeMap()
	for i, c := range want.Columns {
		_, nullable := got.Nullable(i)
		if got.ColumnType[i] != c.Type || got.ColumnMeta[i] != c.Meta || nullable != c.Nullable {
			t.Errorf("column %d: type %d, meta %x, nullable %v; want %+v", i, got.ColumnType[i], got.ColumnMeta[i], nullable, c)
		}
		if level < event.MetaMinimal {
			continue
		}
		if unsigned[i] != c.Unsigned || got.IsCharacterColumn(i) && collations[i] != uint64(c.Collation) || uint32(shapes[i]) != c.Geometry {
			t.Errorf("column %d: unsigned %v, collation %d, geometry %d; want %+v", i, unsigned[i], collations[i], shapes[i], c)
		}
		if level < event.MetaFull {
			continue
		}
		if got.ColumnNameString()[i] != c.Name || visible[i] == c.Invisible || got.IsEnumOrSetColumn(i) && members[i] != uint64(c.Collation) {
			t.Errorf("column %d: name %q, visible %v, collation %d; want %+v", i, got.ColumnNameString()[i], visible[i], members[i], c)
		}
		if got.IsEnumColumn(i) && !slices.Equal(enums[i], c.Members) || got.IsSetColumn(i) && !slices.Equal(sets[i], c.Members) {
			t.Errorf("column %d: members %v %v, want %v", i, enums[i], sets[i], c.Members)
		}
	}
	for i, column := range want.PrimaryKey {
		if got.PrimaryKey[i] != uint64(column) || want.PrimaryPrefix != nil && got.PrimaryKeyPrefix[i] != uint64(want.PrimaryPrefix[i]) {
			t.Errorf("primary key %v %v, want %v %v", got.PrimaryKey, got.PrimaryKeyPrefix, want.PrimaryKey, want.PrimaryPrefix)
		}
	}
}

// TestTableMap_Bytes pins the event of CREATE TABLE t (id INT PRIMARY KEY,
// v VARCHAR(20)) in utf8mb4_0900_ai_ci as MySQL 8.0 writes it.
func TestTableMap_Bytes(t *testing.T) {
	m := event.TableMapInfo{TableID: 92, Flags: event.TableMapExact, DB: "test", Table: "t",
		Columns: []event.Column{{Type: 3}, {Type: 15, Meta: 80, Nullable: true, Collation: 255}}}
	ev := event.AppendTableMap(nil, header, &m, event.MetaMinimal)
	want := "5c0000000000" + "0100" + "047465737400" + "017400" + "02" + "030f" + "02" + "5000" + "02" + "010100" + "0203fcff00"
	if got := hex.EncodeToString(ev[event.HeaderSize : len(ev)-4]); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func TestTableMap_EachColumnItsCollation(t *testing.T) {
	m := event.TableMapInfo{DB: "d", Table: "t"}
	for i := range 40 {
		m.Columns = append(m.Columns, event.Column{Type: 15, Meta: 40, Collation: uint16(1 + i)})
	}
	m.PrimaryKey = []int{3, 1}
	ev := finish(event.AppendTableMap(nil, header, &m, event.MetaFull))
	got := must(event.DecodeTableMap(ev, true))
	if !reflect.DeepEqual(got.Columns, m.Columns) || !slices.Equal(got.PrimaryKey, m.PrimaryKey) || got.PrimaryPrefix != nil {
		t.Fatalf("got %+v", got)
	}
	judged := judge(t, ev).(*replication.TableMapEvent)
	for i, c := range judged.CollationMap() {
		if c != uint64(1+i) {
			t.Errorf("go-mysql: column %d has collation %d", i, c)
		}
	}
}

func TestRows(t *testing.T) {
	m := event.TableMapInfo{TableID: 5, DB: "d", Table: "t", Columns: []event.Column{{Type: 3, Nullable: true}, {Type: 3, Nullable: true}, {Type: 3}}}
	table := finish(event.AppendTableMap(nil, header, &m, event.MetaMinimal))
	image := func(v byte) []byte { return []byte{0xf8, v, 0, 0, 0, v + 1, 0, 0, 0, v + 2, 0, 0, 0} }
	row := func(v int32) []any { return []any{v, v + 1, v + 2} }
	for _, c := range []struct {
		t      event.Type
		rows   []byte
		want   [][]any
		images int
	}{
		{event.WriteRowsV2, append(image(1), image(5)...), [][]any{row(1), row(5)}, 1},
		{event.UpdateRowsV2, append(image(1), image(2)...), [][]any{row(1), row(2)}, 2},
		{event.DeleteRowsV2, image(7), [][]any{row(7)}, 1},
	} {
		b := event.AppendRows(nil, header, c.t, &event.RowsInfo{TableID: 5, Columns: 3})
		ev := event.Event(event.End(append(b, c.rows...), 0))
		event.SetRowsFlags(ev, event.RowsStmtEnd)
		event.Recrc(ev)
		got := judge(t, ev, table).(*replication.RowsEvent)
		if got.TableID != 5 || got.Flags != event.RowsStmtEnd || !reflect.DeepEqual(got.Rows, c.want) {
			t.Errorf("go-mysql reads %+v", got)
		}
		r := must(event.DecodeRows(ev, true))
		if r.TableID != 5 || r.Flags != event.RowsStmtEnd || r.Columns != 3 || !bytes.Equal(r.Rows, c.rows) ||
			len(r.Before)+len(r.After) != c.images || (r.Before != nil && r.Before[0] != 0xff) || (r.After != nil && r.After[0] != 0xff) {
			t.Errorf("DecodeRows: %+v", r)
		}
	}
}

func TestRows_PartialImages(t *testing.T) {
	b := event.AppendRows(nil, header, event.UpdateRowsV2, &event.RowsInfo{TableID: 5, Columns: 9, Before: []byte{1, 0}, After: []byte{4, 1}})
	r := must(event.DecodeRows(finish(event.End(append(b, 1, 2, 3), 0)), true))
	if !bytes.Equal(r.Before, []byte{1, 0}) || !bytes.Equal(r.After, []byte{4, 1}) || !bytes.Equal(r.Rows, []byte{1, 2, 3}) || r.Columns != 9 {
		t.Errorf("%+v", r)
	}
	all := event.AppendRows(nil, header, event.WriteRowsV2, &event.RowsInfo{Columns: 11})
	if got := all[len(all)-2:]; !bytes.Equal(got, []byte{0xff, 0xff}) {
		t.Errorf("all of 11 columns: %x", got)
	}
}

func TestRowsQuery(t *testing.T) {
	ev := finish(event.AppendRowsQuery(nil, header, "INSERT INTO t VALUES (1)"))
	if got := judge(t, ev).(*replication.RowsQueryEvent); string(got.Query) != "INSERT INTO t VALUES (1)" {
		t.Errorf("go-mysql reads %q", got.Query)
	}
	if s := must(event.DecodeRowsQuery(ev, true)); s != "INSERT INTO t VALUES (1)" || ev.Flags() != event.FlagIgnorable {
		t.Errorf("got %q", s)
	}
}

func TestXid(t *testing.T) {
	ev := finish(event.AppendXid(nil, header, 1<<50+1))
	if got := judge(t, ev).(*replication.XIDEvent).XID; got != 1<<50+1 {
		t.Errorf("go-mysql reads %d", got)
	}
	if !event.SetXid(ev, 8) {
		t.Error("SetXid refuses an Xid")
	}
	if x, ok := event.XidOf(ev); x != 8 || !ok {
		t.Errorf("XidOf = %d, %v", x, ok)
	}
	if event.SetXid(finish(event.AppendStop(nil, header)), 1) {
		t.Error("SetXid accepts a Stop")
	}
}
