package tests

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	goclient "github.com/go-mysql-org/go-mysql/client"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/tests/cluster"
)

// ioThread speaks as the IO thread of a MySQL 8.0 or 8.4 replica.
type ioThread struct {
	t  testing.TB
	c  *goclient.Conn
	id uint32
}

// newIOThread connects and sends what such a replica sends before the dump, in
// its order. Source: MySQL 8.0.39, sql/rpl_replica.cc
// (get_master_version_and_clock, register_slave_on_master).
func newIOThread(t testing.TB, s *cluster.Server, id uint32, uuid string) *ioThread {
	t.Helper()
	c, err := goclient.Connect(fmt.Sprintf("127.0.0.1:%d", s.Port), "repl", "secret", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	r := &ioThread{t: t, c: c, id: id}
	if v := c.GetServerVersion(); v[0] < '5' || v[0] > '9' {
		t.Errorf("a replica does not talk to version %q", v)
	}
	r.one("SELECT UNIX_TIMESTAMP()", fmt.Sprint(time.Now().Unix())[:6]+"*")
	r.one("SELECT @@GLOBAL.SERVER_ID", "1")
	r.set("SET @master_heartbeat_period = 200000000, @source_heartbeat_period = 200000000")
	r.set("SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum")
	r.one("SELECT @source_binlog_checksum", "CRC32")
	r.one("SELECT @@GLOBAL.GTID_MODE", "ON")
	r.one("SELECT @@GLOBAL.SERVER_UUID", s.One("SELECT @@server_uuid"))
	r.set("SET @slave_uuid = '" + uuid + "', @replica_uuid = '" + uuid + "'")
	// The plug-in for semi-synchronous replication, old and new, takes 1193 for no.
	for _, name := range []string{"source", "master"} {
		if _, err := c.Execute("SELECT @@global.rpl_semi_sync_" + name + "_enabled"); err != nil && gomysql.ErrorCode(err.Error()) != 1193 {
			t.Errorf("rpl_semi_sync_%s_enabled: %v", name, err)
		}
	}
	b := binary.LittleEndian.AppendUint32(nil, id)
	b = append(b, "\x04here\x00\x00"...)
	b = binary.LittleEndian.AppendUint16(b, 3306)
	r.command(gomysql.COM_REGISTER_SLAVE, append(b, make([]byte, 8)...))
	if p := r.packet(); p[0] != 0 {
		t.Fatalf("COM_REGISTER_SLAVE: %q", p)
	}
	return r
}

// one checks the answer to a question: a row of one column that is named as it
// was asked for. A star at the end of want stands for anything.
func (r *ioThread) one(query, want string) {
	r.t.Helper()
	res, err := r.c.Execute(query)
	if err != nil {
		r.t.Fatalf("%s: %v", query, err)
	}
	defer res.Close()
	got, _ := res.GetString(0, 0)
	prefix, any := strings.CutSuffix(want, "*")
	if len(res.Fields) != 1 || res.RowNumber() != 1 || !strings.EqualFold(string(res.Fields[0].Name), strings.TrimPrefix(query, "SELECT ")) ||
		got != want && !(any && strings.HasPrefix(got, prefix)) {
		r.t.Errorf("%s: %d rows of %d columns, %q %q; want %q", query, res.RowNumber(), len(res.Fields), res.Fields[0].Name, got, want)
	}
}

func (r *ioThread) set(query string) {
	r.t.Helper()
	res, err := r.c.Execute(query)
	if err != nil {
		r.t.Fatalf("%s: %v", query, err)
	}
	if res.Resultset != nil && len(res.Fields) != 0 || res.Warnings != 0 {
		r.t.Errorf("%s: %d warnings, columns %v", query, res.Warnings, res.Resultset)
	}
}

func (r *ioThread) command(cmd byte, payload []byte) {
	r.t.Helper()
	r.c.ResetSequence()
	if err := r.c.WritePacket(append(append(make([]byte, 4), cmd), payload...)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *ioThread) packet() []byte {
	r.t.Helper()
	r.c.SetReadDeadline(time.Now().Add(10 * time.Second))
	p, err := r.c.ReadPacket()
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

const dumpFlags = 2 // USE_HEARTBEAT_EVENT_V2, which a replica sets since 8.0.26

func (r *ioThread) dump(file string, pos uint32) {
	r.t.Helper()
	b := binary.LittleEndian.AppendUint32(nil, pos)
	b = binary.LittleEndian.AppendUint16(b, dumpFlags)
	b = binary.LittleEndian.AppendUint32(b, r.id)
	r.command(gomysql.COM_BINLOG_DUMP, append(b, file...))
}

// dumpGTID asks as with SOURCE_AUTO_POSITION = 1: no file, position 4.
func (r *ioThread) dumpGTID(set []byte) {
	r.t.Helper()
	b := binary.LittleEndian.AppendUint16(nil, dumpFlags)
	b = binary.LittleEndian.AppendUint32(b, r.id)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint64(b, 4)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(set)))
	r.command(gomysql.COM_BINLOG_DUMP_GTID, append(b, set...))
}

func (r *ioThread) event() event.Event {
	r.t.Helper()
	p := r.packet()
	if p[0] != 0 {
		r.t.Fatalf("instead of an event: %q", p)
	}
	ev := event.Event(p[1:])
	if int(ev.Size()) != len(ev) {
		r.t.Fatalf("event of %d bytes says %d", len(ev), ev.Size())
	}
	if err := event.Verify(ev); err != nil {
		r.t.Fatalf("event of type %d: %v", ev.Type(), err)
	}
	return ev
}

// begins reads the artificial Rotate and the Format_description. fromStart says
// whether the file is read from its first event.
func (r *ioThread) begins(file string, pos uint64, fromStart bool) {
	r.t.Helper()
	ev := r.event()
	at, name, err := event.DecodeRotate(ev, true)
	if err != nil || at != pos || name != file || ev.Timestamp() != 0 || ev.EndPos() != 0 || ev.Flags() != event.FlagArtificial || ev.ServerID() != 1 {
		r.t.Errorf("Rotate to %q %d, %v: %x", name, at, err, ev[:event.HeaderSize])
	}
	ev = r.event()
	f, err := event.DecodeFormat(ev)
	if err != nil || !f.Checksum || ev.Flags()&event.FlagInUse != 0 || fromStart != (ev.EndPos() == 126) || !fromStart && (ev.EndPos() != 0 || f.Created != 0) {
		r.t.Errorf("Format_description %+v, %v: %x", f, err, ev[:event.HeaderSize])
	}
}

// refused reads error 1236.
func (r *ioThread) refused(text string) {
	r.t.Helper()
	for {
		p := r.packet()
		if p[0] == 0 {
			continue // events that were under way
		}
		if p[0] != 0xff || binary.LittleEndian.Uint16(p[1:]) != 1236 || string(p[3:9]) != "#HY000" || !strings.HasPrefix(string(p[9:]), text) {
			r.t.Errorf("%q\nwant 1236 %q", p, text)
		}
		return
	}
}

func startGTIDSource(t *testing.T) *cluster.Server {
	s := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin", "gtid_mode=ON", "enforce_gtid_consistency=ON")
	s.Exec("CREATE USER 'repl'@'%' IDENTIFIED BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'", "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)")
	return s
}

const (
	replicaUUID = "aaaaaaaa-0000-0000-0000-000000000001"
	otherUUID   = "aaaaaaaa-0000-0000-0000-000000000002"
)

// The IO thread of a MySQL replica, packet by packet, by position and by GTID.
func TestMySQLReplica_Dump(t *testing.T) {
	s := startGTIDSource(t)
	end := s.Rows("SHOW MASTER STATUS")[0]
	set, err := gtid.ParseSet(end[4])
	if err != nil {
		t.Fatal(err)
	}
	var pos uint64
	fmt.Sscan(end[1], &pos)

	byPos := newIOThread(t, s, 2, replicaUUID)
	byPos.dump(end[0], uint32(pos))
	byPos.begins(end[0], pos, false)
	byGTID := newIOThread(t, s, 3, otherUUID)
	byGTID.dumpGTID(set.Append(nil))
	byGTID.begins(end[0], 4, true)
	ev := byGTID.event()
	if previous, err := event.DecodePreviousGTIDs(ev, true); err != nil || !previous.IsEmpty() || ev.Flags()&event.FlagIgnorable == 0 {
		t.Errorf("Previous_gtids %v, %v", previous, err)
	}
	for _, r := range []*ioThread{byPos, byGTID} {
		ev := r.event()
		file, at, err := event.DecodeHeartbeat(ev, true)
		if ev.Type() != event.HeartbeatV2 || err != nil || file != end[0] || at != pos || ev.Timestamp() != 0 {
			t.Errorf("Heartbeat %q %d, %v: %x", file, at, err, ev)
		}
	}
	if hosts := s.Rows("SHOW REPLICAS"); len(hosts) != 2 || hosts[0][1] != "here" || hosts[0][4] != replicaUUID {
		t.Errorf("SHOW REPLICAS: %q", hosts)
	}
	s.Exec("INSERT INTO d.t VALUES (7)")
	for _, r := range []*ioThread{byPos, byGTID} {
		var types []event.Type
		at := pos
		for len(types) < 5 {
			ev := r.event()
			if ev.Type() == event.HeartbeatV2 {
				continue
			}
			types = append(types, ev.Type())
			if at += uint64(len(ev)); uint64(ev.EndPos()) != at {
				t.Errorf("event of type %d ends at %d, want %d", ev.Type(), ev.EndPos(), at)
			}
		}
		if want := []event.Type{event.GTID, event.Query, event.TableMap, event.WriteRowsV2, event.Xid}; fmt.Sprint(types) != fmt.Sprint(want) {
			t.Errorf("events %v, want %v", types, want)
		}
	}
	// A second replica of the same identity ends the first.
	again := newIOThread(t, s, 2, replicaUUID)
	again.dump(end[0], uint32(pos))
	again.begins(end[0], pos, false)
	byPos.refused("A replica with the same server_uuid/server_id as this replica has connected to the source; the first event 'mysql-bin.000001' at " + end[1])
}

// What a source refuses, as error 1236 with the texts that a replica shows.
func TestMySQLReplica_Refusals(t *testing.T) {
	s := startGTIDSource(t)
	uuid := s.One("SELECT @@server_uuid")
	s.Exec("FLUSH BINARY LOGS", "INSERT INTO d.t VALUES (1)", "PURGE BINARY LOGS TO 'mysql-bin.000002'")
	set := func(text string) []byte {
		v, err := gtid.ParseSet(text)
		if err != nil {
			t.Fatal(err)
		}
		return v.Append(nil)
	}
	tagged := append([]byte{1, 1, 0, 0, 0, 0, 0, 1}, make([]byte, 16)...)
	tagged = append(append(tagged, 2, 'a', 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2), make([]byte, 7)...)
	for name, c := range map[string]struct {
		dump func(r *ioThread)
		text string
	}{
		"unknown file":        {func(r *ioThread) { r.dump("mysql-bin.000077", 4) }, "Could not find first log file name in binary log index file"},
		"purged file":         {func(r *ioThread) { r.dump("mysql-bin.000001", 4) }, "Could not find first log file name in binary log index file"},
		"position past end":   {func(r *ioThread) { r.dump("mysql-bin.000002", 1<<20) }, "Client requested source to start replication from position > file size"},
		"position of 3":       {func(r *ioThread) { r.dump("mysql-bin.000002", 3) }, "Client requested source to start replication from position < 4"},
		"inside an event":     {func(r *ioThread) { r.dump("mysql-bin.000002", 200) }, "log event entry exceeded max_allowed_packet; Increase max_allowed_packet on source; the first event 'mysql-bin.000002' at 200"},
		"purged GTIDs":        {func(r *ioThread) { r.dumpGTID(set("")) }, "Cannot replicate because the source purged required binary logs."},
		"more than we have":   {func(r *ioThread) { r.dumpGTID(set(uuid + ":1-900")) }, "Replica has more GTIDs than the source has, using the source's SERVER_UUID."},
		"garbage for a set":   {func(r *ioThread) { r.dumpGTID([]byte("garbage")) }, "Replica sent a malformed GTID set"},
		"a set of 8.4's tags": {func(r *ioThread) { r.dumpGTID(tagged) }, "Replica sent a GTID set with tags, which this source does not support yet"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newIOThread(t, s, 2, replicaUUID)
			c.dump(r)
			r.refused(c.text)
		})
	}
	// A port that is there after all of that, and no dump left behind.
	if n := s.One("SELECT COUNT(*) FROM information_schema.processlist WHERE COMMAND LIKE 'Binlog Dump%'"); n != "0" {
		t.Errorf("%s dumps", n)
	}
	if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port)); err != nil {
		t.Error(err)
	} else {
		conn.Close()
	}
}
