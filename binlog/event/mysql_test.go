package event_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/tests/golden"
)

// Whole events in the form of MySQL 5.7. A program made them: the checksum of the
// Format_description covers the flag IN_USE, which a server leaves out.
func TestMySQLBytes_Events57(t *testing.T) {
	values := golden.Values(t, golden.GoMySQL, "replication/parser_test.go", "TestRowsEventDecodeFunc")
	if len(values) != 5 {
		t.Fatalf("%d events", len(values))
	}
	for i, v := range values {
		ev, rest, err := event.First(v.Bytes)
		if err != nil || len(rest) != 0 {
			t.Fatalf("event %d: %v, %d bytes left", i, err, len(rest))
		}
		if err := event.Verify(ev); err != nil && i != 0 {
			t.Errorf("event %d: %v", i, err)
		}
	}
	// 5.7 has types up to 38 (XA_prepare); those that are new in 8.0 are unknown.
	f := must(event.DecodeFormat(values[0].Bytes))
	if f.ServerVersion != "5.7.22-log" || !f.Checksum || len(f.PostHeader) != 38 || f.PostHeaderLen(event.GTID) != 42 ||
		f.PostHeaderLen(event.WriteRowsV2) != 10 || f.PostHeaderLen(event.TableMap) != 8 || f.PostHeaderLen(event.TransactionPayload) != -1 {
		t.Errorf("%+v", f)
	}
	for i, want := range map[int]event.TableMapInfo{
		1: {TableID: 108, Flags: event.TableMapExact, DB: "db", Table: "tbl", Columns: []event.Column{{Type: 3}}},
		3: {TableID: 118, Flags: event.TableMapExact, DB: "db1", Table: "tbl1", Columns: []event.Column{{Type: 1}}},
	} {
		ev := event.Event(values[i].Bytes)
		m := must(event.DecodeTableMap(ev, true))
		requireEqual(t, "Table_map", m, want)
		again := event.Finish(event.AppendTableMap(nil, headerOf(ev), &m, event.MetaNone), ev.EndPos(), true)
		sameBytes(t, "Table_map", again, ev)
	}
	for i, table := range map[int]uint64{2: 108, 4: 118} {
		ev := event.Event(values[i].Bytes)
		r := must(event.DecodeRows(ev, true))
		if r.TableID != table || r.Flags != event.RowsStmtEnd || r.Columns != 1 || !bytes.Equal(r.After, []byte{0xff}) {
			t.Errorf("%+v", r)
		}
		r.After = nil // all
		again := append(event.AppendRows(nil, headerOf(ev), event.WriteRowsV2, &r), r.Rows...)
		sameBytes(t, "Write_rows", event.Finish(event.End(again, 0), ev.EndPos(), true), ev)
	}
	for i, v := range golden.Values(t, golden.GoMySQL, "replication/parser_test.go", "TestParseEvent") {
		if v.Name != "0" {
			continue // of the parser's format
		}
		ev, checksum := event.Event(v.Bytes), len(v.Bytes) == 23
		again := event.Finish(event.AppendStop(nil, headerOf(ev)), ev.EndPos(), checksum)
		sameBytes(t, "Stop", again, ev)
		if checksum && event.Verify(ev) != nil {
			t.Errorf("Stop %d: %v", i, event.Verify(ev))
		}
	}
}

func headerOf(ev event.Event) event.Header {
	return event.Header{Timestamp: ev.Timestamp(), ServerID: ev.ServerID(), Flags: ev.Flags()}
}

func sameBytes(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n got %x\nwant %x", what, got, want)
	}
}

// Whole events of a MySQL 5.6.
func TestMySQLBytes_Events56(t *testing.T) {
	one := func(name string) event.Event {
		ev := event.Event(golden.One(t, golden.Vitess, "go/mysql/binlog_event_mysql56_test.go", name))
		if err := event.Verify(ev); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return ev
	}
	f := must(event.DecodeFormat(one("mysql56FormatEvent")))
	if f.ServerVersion[:6] != "5.6.24" || !f.Checksum || f.PostHeaderLen(event.PreviousGTIDs) != 0 || f.PostHeaderLen(event.HeartbeatV2) != -1 {
		t.Errorf("%+v", f)
	}
	g := must(event.DecodeGTID(one("mysql56GTIDEvent"), true))
	if g.GTID.String() != "439192bd-f37c-11e4-bbeb-0242ac11035a:4" || g.SequenceNumber != 0 || g.ImmediateVersion != 0 {
		t.Errorf("%+v", g)
	}
	ev := one("mysql56QueryEvent")
	q := must(event.DecodeQuery(ev, true))
	if q.SQL != "insert into test_table (msg) values ('hello')" || q.DB == "" || q.Status.Has&event.VarCharset == 0 {
		t.Errorf("%+v", q)
	}
	theirs := judge(t, ev).(*replication.QueryEvent)
	if string(theirs.Schema) != q.DB || theirs.SlaveProxyID != q.ThreadID || theirs.ExecutionTime != q.ExecTime {
		t.Errorf("%+v, go-mysql %+v", q, theirs)
	}
}

// Events of a MySQL 5.1 with other headers: refused, never misread.
func TestMySQLBytes_Google51(t *testing.T) {
	one := func(name string) event.Event {
		return golden.One(t, golden.Vitess, "go/mysql/binlog_event_common_test.go", name)
	}
	// Google's patches gave the header 8 bytes more.
	if _, err := event.DecodeFormat(one("googleFormatEvent")); !errors.Is(err, event.ErrUnsupported) {
		t.Error(err)
	}
}

// GTID events of MySQL 5.7, of 8.0, and of an 8.0 that follows a 5.7.
func TestMySQLBytes_GTID(t *testing.T) {
	values := golden.Values(t, golden.GoMySQL, "replication/event_test.go", "TestGTIDEventMysql8NewFields")
	if len(values) != 3 {
		t.Fatalf("%d events", len(values))
	}
	for i, v := range values {
		ev := build(event.GTID, v.Bytes...)
		g := must(event.DecodeGTID(ev, true))
		// Zero is how we, unlike go-mysql, say that the original is the immediate.
		orZero := func(original, immediate string) uint64 {
			if v.Uint(original) == v.Uint(immediate) {
				return 0
			}
			return v.Uint(original)
		}
		if g.GTID.String() != v.Beside["expectGTID"] || uint64(g.LastCommitted) != v.Uint("expectLastCommitted") ||
			uint64(g.SequenceNumber) != v.Uint("expectSequenceNumber") || g.ImmediateCommit != v.Uint("expectImmediateCommitTimestamp") ||
			g.OriginalCommit != orZero("expectOriginalCommitTimestamp", "expectImmediateCommitTimestamp") ||
			g.TransactionLength != v.Uint("expectTransactionLength") || uint64(g.ImmediateVersion) != v.Uint("expectImmediateServerVersion") ||
			uint64(g.OriginalVersion) != orZero("expectOriginalServerVersion", "expectImmediateServerVersion") {
			t.Errorf("event %d: %+v, go-mysql %v", i, g, v.Beside)
		}
		if g.ImmediateVersion != 0 && g.OriginalVersion == 0 && v.Uint("expectOriginalServerVersion") != 0 {
			sameBytes(t, "Gtid of 8.0", event.Finish(event.AppendGTID(nil, headerOf(ev), &g), ev.EndPos(), true), ev)
		}
	}
}

// Heartbeats of both versions.
func TestMySQLBytes_Heartbeat(t *testing.T) {
	seen := 0
	for i, v := range golden.Values(t, golden.GoMySQL, "replication/event_test.go", "TestHeartbeatEvent") {
		kind := map[uint64]event.Type{1: event.Heartbeat, 2: event.HeartbeatV2}[v.Uint("1")]
		if kind == 0 {
			continue
		}
		ev := build(kind, v.Bytes...)
		file, pos, err := event.DecodeHeartbeat(ev, true)
		if v.Beside["0"] == "true" {
			continue // go-mysql refuses what MySQL passes over
		}
		seen++
		if err != nil || file != v.Beside["3.Filename"] || kind == event.HeartbeatV2 && pos != v.Uint("3.Offset") {
			t.Errorf("heartbeat %d: %q %d %v", i, file, pos, err)
		}
		again := event.Event(event.AppendHeartbeat(nil, headerOf(ev), file, pos))
		if kind == event.HeartbeatV2 {
			again = event.AppendHeartbeatV2(nil, headerOf(ev), file, pos)
		}
		sameBytes(t, "Heartbeat", event.Finish(again, ev.EndPos(), true), ev)
	}
	if seen != 3 {
		t.Errorf("%d heartbeats", seen)
	}
}

func TestMySQLBytes_PreviousGTIDs(t *testing.T) {
	plain, tagged := 0, 0
	for _, v := range golden.Values(t, golden.GoMySQL, "replication/event_test.go", "TestPreviousGTIDEvent") {
		s, err := event.DecodePreviousGTIDs(build(event.PreviousGTIDs, v.Bytes...), true)
		want, parseErr := gtid.ParseSet(v.Beside["1"])
		if parseErr != nil { // it has tags
			if !errors.Is(err, gtid.ErrTagged) || !errors.Is(err, event.ErrUnsupported) {
				t.Errorf("%s: %v", v.Beside["1"], err)
			}
			tagged++
			continue
		}
		if err != nil || !s.Equal(want) {
			t.Errorf("%q, %v; go-mysql has %q", s, err, v.Beside["1"])
		}
		plain++
	}
	if plain != 2 || tagged != 3 {
		t.Errorf("%d sets without tags, %d with", plain, tagged)
	}
}

// Table_map events as MySQL 5.7 and 8.0 and MariaDB wrote them, with all levels
// of metadata: go-mysql reads the same, and we write MySQL's to the byte.
func TestMySQLBytes_TableMap(t *testing.T) {
	seen, same := 0, 0
	for _, c := range []struct{ scope, name string }{
		{"TestTableMapNullable", "data"}, {"TestTableMapOptMetaNames", "data"}, {"TestTableMapOptMetaPrimaryKey", "data"},
		{"TestTableMapOptMetaVisibility", "data"}, {"TestTableMapHelperMaps", "data"}, {"TestRowsDataExtraData", "tableData"},
		{"TestEnum", "tableMapEventData"}, {"TestMultiBytesEnum", "tableMapEventData"}, {"TestSet", "tableMapEventData"},
		{"TestJsonNull", "tableMapEventData"}, {"TestJsonCompatibility", "tableMapEventData"}, {"TestParseJson", "tableMapEventData"},
		{"TestLastNull", "tableMapEventData"},
	} {
		for i, v := range golden.Values(t, golden.GoMySQL, "replication/row_event_test.go", c.scope) {
			if v.Name != c.name {
				continue
			}
			seen++
			ev := build(event.TableMap, v.Bytes...)
			m, err := event.DecodeTableMap(ev, true)
			if err != nil {
				t.Errorf("%s %d: %v", c.scope, i, err)
				continue
			}
			sameTable(t, m, judge(t, ev).(*replication.TableMapEvent))
			level := event.MetaNone
			switch {
			case m.Has&event.HasNames != 0:
				level = event.MetaFull
			case m.Has != 0:
				level = event.MetaMinimal
			}
			again := event.AppendTableMap(nil, headerOf(ev), &m, level)
			body := again[event.HeaderSize : len(again)-event.ChecksumSize]
			if level == event.MetaFull && m.Has&event.HasVisibility == 0 {
				body = body[:len(body)-2-(len(m.Columns)+7)/8] // before MySQL 8.0.23
			}
			if bytes.Equal(body, v.Bytes) {
				same++
			} else if !fromMariaDB(m) {
				t.Errorf("%s %d:\n got %x\nwant %x", c.scope, i, body, v.Bytes)
			}
		}
	}
	if seen != 33 || same != 31 {
		t.Errorf("%d events, %d as we write them", seen, same)
	}
}

// fromMariaDB tells MariaDB's column j_json: a text, where MySQL has a type.
func fromMariaDB(m event.TableMapInfo) bool {
	return slices.ContainsFunc(m.Columns, func(c event.Column) bool { return c.Name == "j_json" && c.Type == 252 })
}

// sameTable compares with go-mysql what a Table_map says.
func sameTable(t *testing.T, m event.TableMapInfo, theirs *replication.TableMapEvent) {
	t.Helper()
	if m.TableID != theirs.TableID || m.DB != string(theirs.Schema) || m.Table != string(theirs.Table) || len(m.Columns) != int(theirs.ColumnCount) {
		t.Fatalf("%+v", m)
	}
	unsigned, collations, enumSet := theirs.UnsignedMap(), theirs.CollationMap(), theirs.EnumSetCollationMap()
	enums, sets, shapes, visible := theirs.EnumStrValueMap(), theirs.SetStrValueMap(), theirs.GeometryTypeMap(), theirs.VisibilityMap()
	for i, c := range m.Columns {
		_, nullable := theirs.Nullable(i)
		if c.Type != theirs.ColumnType[i] || c.Meta != theirs.ColumnMeta[i] || c.Nullable != nullable || c.Unsigned != unsigned[i] ||
			uint64(c.Geometry) != shapes[i] || c.Invisible != (visible != nil && !visible[i]) {
			t.Errorf("column %d: %+v", i, c)
		}
		if names := theirs.ColumnNameString(); names != nil && c.Name != names[i] {
			t.Errorf("column %d: name %q, go-mysql %q", i, c.Name, names[i])
		}
		if uint64(c.Collation) != collations[i]+enumSet[i] || !slices.Equal(c.Members, append(slices.Clone(enums[i]), sets[i]...)) {
			t.Errorf("column %d: %+v, go-mysql %d %d %q %q", i, c, collations[i], enumSet[i], enums[i], sets[i])
		}
	}
	for i, column := range m.PrimaryKey {
		prefix := 0
		if m.PrimaryPrefix != nil {
			prefix = m.PrimaryPrefix[i]
		}
		if uint64(column) != theirs.PrimaryKey[i] || uint64(prefix) != theirs.PrimaryKeyPrefix[i] {
			t.Errorf("primary key %v %v, go-mysql %v %v", m.PrimaryKey, m.PrimaryPrefix, theirs.PrimaryKey, theirs.PrimaryKeyPrefix)
		}
	}
	if len(m.PrimaryKey) != len(theirs.PrimaryKey) {
		t.Errorf("primary key %v, go-mysql %v", m.PrimaryKey, theirs.PrimaryKey)
	}
}

// Rows events with the partitions and NDB's data that 8.0 puts before the rows.
func TestMySQLBytes_ExtraRowData(t *testing.T) {
	values := golden.Values(t, golden.GoMySQL, "replication/row_event_test.go", "TestRowsDataExtraData")
	seen := 0
	for i := 0; i+1 < len(values); i++ {
		data, table := values[i], values[i+1]
		if data.Name != "data" || table.Name != "tableData" {
			continue
		}
		seen++
		kind := event.WriteRowsV2
		if data.Beside["eventType"] == "UPDATE_ROWS_EVENTv2" {
			kind = event.UpdateRowsV2
		}
		ev := build(kind, data.Bytes...)
		r := must(event.DecodeRows(ev, true))
		theirs := judge(t, ev, build(event.TableMap, table.Bytes...)).(*replication.RowsEvent)
		if r.TableID != theirs.TableID || r.Flags != theirs.Flags || r.Columns != int(theirs.ColumnCount) || !bytes.Equal(data.Bytes[len(data.Bytes)-len(r.Rows):], r.Rows) || len(r.Rows) == 0 {
			t.Errorf("%+v, go-mysql %+v", r, theirs)
		}
	}
	if seen != 5 {
		t.Errorf("%d events", seen)
	}
}
