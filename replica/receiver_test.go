package replica

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"binrelay/binlog/event"
	"binrelay/replica/replstate"
)

func TestReceiver_AsksAsMySQLDoes(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.set.ReportHost, r.set.ReportPort = "replica-1", 3307
	})
	s := newStream("mysql-bin.000001")
	s.insert("d", 10)
	r.play(s)
	r.start(0)
	r.caughtUp(s)
	queries, dumps := r.source.asked()
	want := []string{
		"SELECT UNIX_TIMESTAMP()",
		"SELECT @@GLOBAL.SERVER_ID",
		"SET @master_heartbeat_period = 5000000000, @source_heartbeat_period = 5000000000",
		"SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum",
		"SELECT @source_binlog_checksum",
		"SELECT @@GLOBAL.GTID_MODE",
		"SELECT @@GLOBAL.SERVER_UUID",
		"SET @slave_uuid = '" + replicaUUID + "', @replica_uuid = '" + replicaUUID + "'",
	}
	if !reflect.DeepEqual(queries, want) {
		t.Errorf("queries %q\nwant %q", queries, want)
	}
	if !reflect.DeepEqual(dumps, []dumpAsked{{"mysql-bin.000001", 4, 202}}) {
		t.Errorf("dumps %v", dumps)
	}
	reg := append([]byte{0x15, 202, 0, 0, 0, 9}, "replica-1\x00\x00"...)
	reg = binary.LittleEndian.AppendUint16(reg, 3307)
	if got := r.source.register; string(got) != string(append(reg, make([]byte, 8)...)) {
		t.Errorf("register %x", got)
	}
	st := r.status()
	if st.IORunning != replstate.Yes || st.SourceServerID != 201 || st.SourceUUID != sourceUUID || st.IOError.Number != 0 {
		t.Errorf("status %+v", st)
	}
	if st.Read != st.Exec || st.SecondsBehind == nil || *st.SecondsBehind != 0 {
		t.Errorf("read %v exec %v lag %v", st.Read, st.Exec, st.SecondsBehind)
	}
}

func TestReceiver_MariaDB(t *testing.T) {
	r := newRig(t, nil)
	r.source.version = "5.5.5-10.11.6-MariaDB"
	r.source.answers["SELECT @@GLOBAL.SERVER_UUID"] = "ERR 1193 Unknown system variable 'SERVER_UUID'"
	s := newStream("mysql-bin.000001")
	r.play(s)
	r.start(replstate.IO)
	r.until("connected", func(st *replstate.ReplicaStatus) bool { return st.Read.Pos == uint64(s.pos) })
	queries, _ := r.source.asked()
	if last := queries[len(queries)-1]; last != "SET @mariadb_slave_capability = 4" {
		t.Errorf("last query %q", last)
	}
	for _, q := range queries {
		if strings.Contains(q, "GTID_MODE") {
			t.Errorf("asked MariaDB %q", q)
		}
	}
}

func TestReceiver_WrongPassword(t *testing.T) {
	r := newRig(t, nil)
	s := newStream("mysql-bin.000001")
	s.insert("d", 10)
	r.play(s)
	if err := r.Change(r.ctx, "", replstate.Change{Password: ptr("wrong"), RetryCount: ptr(uint64(86400)), ConnectRetry: ptr(60 * time.Second)}); err != nil {
		t.Fatal(err)
	}
	r.start(0)
	st := r.until("refused", func(st *replstate.ReplicaStatus) bool { return st.IOError.Number != 0 })
	want := fmt.Sprintf("Error connecting to source 'Slave@127.0.0.1:%d'. This was attempt 1/86400, with a delay of 60 seconds between attempts. "+
		"Message: Access denied for user 'Slave'@'localhost' (using password: YES)", r.source.port())
	if st.IOError.Number != 1045 || st.IOError.Text != want {
		t.Errorf("error %d %q\nwant %q", st.IOError.Number, st.IOError.Text, want)
	}
	if st.IORunning != replstate.Connecting || st.SQLRunning != replstate.Yes || st.SecondsBehind != nil {
		t.Errorf("IO %v, SQL %v, lag %v", st.IORunning, st.SQLRunning, st.SecondsBehind)
	}
	if st.IOState != replstate.StateConnecting {
		t.Errorf("state %q", st.IOState)
	}
	r.stop(replstate.IO)
	if err := r.Change(r.ctx, "", replstate.Change{Password: ptr("secret")}); err != nil {
		t.Fatal(err)
	}
	if st := r.status(); st.IOError.Number != 0 {
		t.Errorf("error %d after CHANGE", st.IOError.Number)
	}
	r.start(replstate.IO)
	r.caughtUp(s)
}

func TestReceiver_ConnectErrors(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := uint16(free.Addr().(*net.TCPAddr).Port)
	free.Close()
	for _, c := range []struct {
		name   string
		change func(r *rig) replstate.Change
		number uint16
		text   string
	}{
		{"nobody there", func(*rig) replstate.Change { return replstate.Change{Port: &nobody} }, 2003,
			fmt.Sprintf("Can't connect to MySQL server on '127.0.0.1:%d' (111)", nobody)},
		{"unknown host", func(*rig) replstate.Change { return replstate.Change{Host: ptr("no-such-host.invalid")} }, 2005,
			"Unknown MySQL server host 'no-such-host.invalid' (-2)"},
		{"hangs up", func(r *rig) replstate.Change {
			r.source.hello = func(*fakeConn) bool { return false }
			return replstate.Change{}
		}, 2013, "Lost connection to MySQL server at 'reading initial communication packet', system error: 0"},
		{"too many connections", func(r *rig) replstate.Change {
			r.source.hello = func(c *fakeConn) bool {
				b := binary.LittleEndian.AppendUint16([]byte{0xff}, 1040)
				c.write(append(b, "Too many connections"...))
				return false
			}
			return replstate.Change{}
		}, 1040, "Too many connections"},
		{"sha2 without TLS or key", func(r *rig) replstate.Change {
			r.source.hello = fullSHA2
			return replstate.Change{}
		}, 2061, "Authentication plugin 'caching_sha2_password' reported error: Authentication requires secure connection."},
		{"nonsense", func(r *rig) replstate.Change {
			r.source.hello = func(c *fakeConn) bool { c.write([]byte{10}); return false }
			return replstate.Change{}
		}, 2027, "Malformed packet"},
		{"no TLS there", func(*rig) replstate.Change { return replstate.Change{SSL: ptr(true)} }, 2027, "does not support TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			if err := r.Change(r.ctx, "", c.change(r)); err != nil {
				t.Fatal(err)
			}
			r.start(replstate.IO)
			st := r.until("refused", func(st *replstate.ReplicaStatus) bool { return st.IOError.Number != 0 })
			if st.IOError.Number != c.number || !strings.Contains(st.IOError.Text, c.text) {
				t.Errorf("error %d %q, want %d %q", st.IOError.Number, st.IOError.Text, c.number, c.text)
			}
			if st.IORunning != replstate.Connecting {
				t.Errorf("IO thread %v", st.IORunning)
			}
		})
	}
}

// fullSHA2 asks for full authentication with caching_sha2_password and fails
// the test if the replica asks for the key.
func fullSHA2(c *fakeConn) bool {
	c.greet("caching_sha2_password")
	if _, err := c.read(); err != nil {
		return false
	}
	c.write([]byte{1, 4})
	if pkt, err := c.read(); err == nil {
		c.s.t.Errorf("the replica sent %x", pkt)
	}
	return false
}

func TestReceiver_AsksForTheKeyWhenAllowed(t *testing.T) {
	r := newRig(t, nil)
	asked := make(chan []byte, 1)
	r.source.hello = func(c *fakeConn) bool {
		c.greet("caching_sha2_password")
		if _, err := c.read(); err != nil {
			return false
		}
		c.write([]byte{1, 4})
		pkt, _ := c.read()
		select {
		case asked <- pkt:
		default:
		}
		return false
	}
	if err := r.Change(r.ctx, "", replstate.Change{GetPublicKey: ptr(true)}); err != nil {
		t.Fatal(err)
	}
	r.start(replstate.IO)
	if pkt := <-asked; string(pkt) != "\x02" {
		t.Fatalf("the replica sent %x", pkt)
	}
}

func TestReceiver_RetryCount(t *testing.T) {
	r := newRig(t, nil)
	if err := r.Change(r.ctx, "", replstate.Change{Password: ptr("wrong"), RetryCount: ptr(uint64(3)), ConnectRetry: ptr(time.Millisecond)}); err != nil {
		t.Fatal(err)
	}
	r.start(replstate.IO)
	st := r.until("gave up", func(st *replstate.ReplicaStatus) bool { return st.IORunning == replstate.No })
	if st.IOError.Number != 1045 || !strings.Contains(st.IOError.Text, "This was attempt 3/3,") || r.source.logins != 3 {
		t.Errorf("%d attempts, error %d %q", r.source.logins, st.IOError.Number, st.IOError.Text)
	}
}

func TestReceiver_FatalAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		query  string
		answer string
		change func(*Settings)
		number uint16
		text   string
	}{
		{"same server id", "SELECT @@GLOBAL.SERVER_ID", "202", nil, 13117, "source and replica have equal MySQL server ids"},
		{"same UUID", "SELECT @@GLOBAL.SERVER_UUID", replicaUUID, nil, 13117, "source and replica have equal MySQL server UUIDs"},
		{"server id fails", "SELECT @@GLOBAL.SERVER_ID", "ERR 1064 nonsense", nil, 13117, "SERVER_ID"},
		{"heartbeat fails", "SET @master_heartbeat_period = 5000000000, @source_heartbeat_period = 5000000000", "ERR 1231 no", nil, 13117, "SET @source_heartbeat_period"},
		{"unknown checksum", "SELECT @source_binlog_checksum", "MD5", nil, 13117, "@source_binlog_checksum"},
		{"checksum NULL", "SELECT @source_binlog_checksum", "NULL", nil, 13117, "@source_binlog_checksum"},
		{"gtid_mode", "SELECT @@GLOBAL.GTID_MODE", "ON", nil, 13117, "GTID_MODE = ON and this server has GTID_MODE = OFF"},
		{"gtid_mode unknown", "SELECT @@GLOBAL.GTID_MODE", "ERR 1193 unknown", func(s *Settings) { s.GTIDMode = true }, 13117, "GTID_MODE = OFF and this server has GTID_MODE = ON"},
		{"uuid refused", "SET @slave_uuid = '" + replicaUUID + "', @replica_uuid = '" + replicaUUID + "'", "ERR 1231 no", nil, 13117, "@replica_uuid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(r *rig) {
				if c.change != nil {
					c.change(&r.set)
				}
			})
			r.source.answers[c.query] = c.answer
			r.start(0)
			st := r.until("stopped", func(st *replstate.ReplicaStatus) bool { return st.IORunning == replstate.No })
			if st.IOError.Number != c.number || !strings.Contains(st.IOError.Text, c.text) {
				t.Errorf("error %d %q, want %d %q", st.IOError.Number, st.IOError.Text, c.number, c.text)
			}
			if st.SQLRunning != replstate.Yes {
				t.Errorf("SQL thread %v", st.SQLRunning)
			}
		})
	}
}

func TestReceiver_NoUser(t *testing.T) {
	r := newRig(t, nil)
	user := ""
	if err := r.Change(r.ctx, "", replstate.Change{User: &user}); err != nil {
		t.Fatal(err)
	}
	r.start(0)
	st := r.until("stopped", func(st *replstate.ReplicaStatus) bool { return st.IORunning == replstate.No })
	if st.IOError.Number != 13117 || !strings.Contains(st.IOError.Text, "Invalid (empty) username") {
		t.Errorf("error %d %q", st.IOError.Number, st.IOError.Text)
	}
}

func TestReceiver_ToleratesUnknownVariables(t *testing.T) {
	r := newRig(t, nil)
	for q := range r.source.answers {
		if q != "SELECT @source_binlog_checksum" {
			r.source.answers[q] = "ERR 1193 Unknown system variable"
		}
	}
	s := newStream("mysql-bin.000001")
	s.insert("d", 1)
	r.play(s)
	r.start(0)
	r.caughtUp(s)
}

// TestReceiver_BadStreams lets the source send things that no source sends.
func TestReceiver_BadStreams(t *testing.T) {
	s := newStream("mysql-bin.000001")
	s.insert("d", 100)
	flip := func(ev event.Event) event.Event {
		ev = append(event.Event(nil), ev...)
		ev[len(ev)/2] ^= 1
		return ev
	}
	rotate := func(file string, pos uint64) event.Event {
		return event.Finish(event.AppendRotate(nil, event.Header{ServerID: 201, Flags: event.FlagArtificial}, pos, file), 0, true)
	}
	start := s.from(4)
	for _, c := range []struct {
		name   string
		send   func(c *fakeConn)
		fatal  bool
		number uint16
		text   string
	}{
		{"1236", func(c *fakeConn) {
			c.fail(1236, "HY000", "Could not find first log file name in binary log index file")
		}, true, 13114,
			"Got fatal error 1236 from source when reading data from binary log: 'Could not find first log file name in binary log index file'"},
		{"checksum", func(c *fakeConn) { c.event(start[0], start[1], flip(s.all[1])) }, true, 13115, "Replication event checksum verification failed"},
		{"heartbeat ahead", func(c *fakeConn) { c.event(start[0], start[1], s.heartbeat(9999)) }, true, 13118, "log_file_name mysql-bin.000001 log_pos 9999"},
		{"heartbeat behind", func(c *fakeConn) { c.event(append(start, s.heartbeat(200))...) }, true, 13118, "Unexpected source's heartbeat data"},
		{"rotate to a path", func(c *fakeConn) { c.event(rotate("../../etc/passwd.000001", 4)) }, true, 13117, "invalid"},
		{"rotate to no log", func(c *fakeConn) { c.event(rotate("mysql-bin", 4)) }, true, 13117, "invalid"},
		{"rotate below 4", func(c *fakeConn) { c.event(rotate("mysql-bin.000001", 3)) }, true, 13117, "invalid"},
		{"encrypted", func(c *fakeConn) {
			b := event.End(append(event.Begin(nil, s.header(), event.MariaStartEncryption), make([]byte, 17)...), 0)
			c.event(start[0], start[1], event.Finish(b, 200, true))
		}, true, 13117, "encrypted"},
		{"other error", func(c *fakeConn) { c.fail(1053, "08S01", "Server shutdown in progress") }, false, 1053, "Server shutdown in progress"},
		{"eof", func(c *fakeConn) { c.write([]byte{0xfe, 0, 0, 2, 0}) }, false, 2013, "the source ended the dump"},
		{"local infile", func(c *fakeConn) { c.write([]byte("\xfb/etc/passwd")) }, false, 2027, "local file"},
		{"unknown packet", func(c *fakeConn) { c.write([]byte{0x17, 1}) }, false, 2027, "0x17"},
		{"empty packet", func(c *fakeConn) { c.write(nil) }, false, 2027, "empty packet"},
		{"short event", func(c *fakeConn) { c.write(make([]byte, 12)) }, false, 2027, "event of 11 bytes"},
		{"size lies", func(c *fakeConn) { c.event(append(append(event.Event(nil), start[0]...), 0)) }, false, 2027, "event of"},
		{"no rotate", func(c *fakeConn) { c.event(start[1]) }, false, 2027, "before the first rotate"},
		{"sequence", func(c *fakeConn) { c.seq += 3; c.event(start[0]) }, false, 2027, "sequence number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			if err := r.Change(r.ctx, "", replstate.Change{ConnectRetry: ptr(time.Hour), RetryCount: ptr(uint64(7))}); err != nil {
				t.Fatal(err)
			}
			r.source.dump = func(fc *fakeConn, _ string, _ uint32) {
				c.send(fc)
				fc.closed()
			}
			r.start(0)
			st := r.until("failed", func(st *replstate.ReplicaStatus) bool { return st.IOError.Number != 0 })
			if st.IOError.Number != c.number || !strings.Contains(st.IOError.Text, c.text) {
				t.Errorf("error %d %q, want %d %q", st.IOError.Number, st.IOError.Text, c.number, c.text)
			}
			want := replstate.Connecting
			if c.fatal {
				want = replstate.No
			}
			r.until("state", func(st *replstate.ReplicaStatus) bool { return st.IORunning == want })
			if !c.fatal && !strings.Contains(st.IOError.Text, "reconnecting to source") {
				t.Errorf("text %q", st.IOError.Text)
			}
			if st := r.status(); st.SQLRunning != replstate.Yes {
				t.Errorf("SQL thread %v: %q", st.SQLRunning, st.SQLError.Text)
			}
		})
	}
}

func TestReceiver_EventTooLarge(t *testing.T) {
	r := newRig(t, func(r *rig) { r.set.MaxEventBytes = 1 << 20 })
	s := newStream("mysql-bin.000001")
	s.insert("d", 2<<20)
	r.play(s)
	r.start(replstate.IO)
	st := r.until("stopped", func(st *replstate.ReplicaStatus) bool { return st.IORunning == replstate.No })
	if st.IOError.Number != 1153 || !strings.Contains(st.IOError.Text, "replica_max_allowed_packet (1048576)") {
		t.Errorf("error %d %q", st.IOError.Number, st.IOError.Text)
	}
}

func TestReceiver_LargeEventOverPackets(t *testing.T) {
	r := newRig(t, nil)
	s := newStream("mysql-bin.000001")
	s.insert("d", 17<<20)
	s.insert("d", 1)
	r.play(s)
	r.start(0)
	r.caughtUp(s)
	if got := r.target.applied(); len(got) != 2 || !strings.Contains(got[0], fmt.Sprint(17<<20+5)) {
		t.Errorf("applied %v", got)
	}
}

func TestReceiver_ReconnectsInTheMiddleOfATransaction(t *testing.T) {
	r := newRig(t, nil)
	s := newStream("mysql-bin.000001")
	s.insert("d", 10)
	s.insert("d", 20)
	s.insert("d", 30)
	cuts := []int{2, 4, 7, 8, 9, 12, 14}
	next := 0
	r.source.dump = func(c *fakeConn, _ string, pos uint32) {
		evs := s.from(pos)
		if next < len(cuts) {
			end := s.at[cuts[next]]
			next++
			for i, ev := range evs {
				if ev.EndPos() > end {
					evs = evs[:i]
					break
				}
			}
			c.event(evs...)
			return
		}
		c.event(evs...)
		c.closed()
	}
	r.start(0)
	r.caughtUp(s)
	want := []string{
		"rows gtid d:BEGIN map(d) rows(7,15)! xid",
		"rows gtid d:BEGIN map(d) rows(7,25)! xid",
		"rows gtid d:BEGIN map(d) rows(7,35)! xid",
	}
	if got := r.target.applied(); !reflect.DeepEqual(got, want) {
		t.Errorf("applied %q", got)
	}
	_, dumps := r.source.asked()
	for i, d := range dumps[1:] {
		if d.pos != s.at[cuts[i]] {
			t.Errorf("dump %d from %d, want %d", i+1, d.pos, s.at[cuts[i]])
		}
	}
}

func TestReceiver_SilentSource(t *testing.T) {
	r := newRig(t, func(r *rig) { r.set.NetTimeout = 50 * time.Millisecond })
	s := newStream("mysql-bin.000001")
	r.play(s)
	r.start(replstate.IO)
	r.until("asked again", func(st *replstate.ReplicaStatus) bool { return st.Connects > 1 })
}

func TestReceiver_HeartbeatsKeepTheSession(t *testing.T) {
	r := newRig(t, func(r *rig) { r.set.NetTimeout = 300 * time.Millisecond })
	s := newStream("mysql-bin.000001")
	s.insert("d", 1)
	r.source.dump = func(c *fakeConn, _ string, pos uint32) {
		c.event(s.from(pos)...)
		for range 10 {
			time.Sleep(100 * time.Millisecond) // the source's period, not a wait
			c.event(s.heartbeat(s.pos))
		}
		c.closed()
	}
	r.start(0)
	st := r.until("heartbeats", func(st *replstate.ReplicaStatus) bool { return st.Heartbeats >= 10 })
	if st.Connects != 1 || st.Read.Pos != uint64(s.pos) {
		t.Errorf("%d sessions, read %v", st.Connects, st.Read)
	}
}

// A replica that catches up always has part of a packet in hand. That the
// stream never pauses must not end it after replica_net_timeout.
func TestReceiver_EndlessStreamKeepsTheSession(t *testing.T) {
	r := newRig(t, func(r *rig) { r.set.NetTimeout = 800 * time.Millisecond })
	s := newStream("mysql-bin.000001")
	for range 12 {
		s.insert("d", 1000)
	}
	r.source.dump = func(c *fakeConn, _ string, pos uint32) {
		var half []byte // of a packet, kept back
		for _, ev := range s.from(pos) {
			n := len(ev) + 1
			pkt := append([]byte{byte(n), byte(n >> 8), byte(n >> 16), c.seq, 0}, ev...)
			c.seq++
			c.Write(append(half, pkt[:n/2]...))
			half = pkt[n/2:]
			time.Sleep(20 * time.Millisecond) // the network's pace
		}
		c.Write(half)
		c.closed()
	}
	r.start(0)
	r.caughtUp(s)
	if st := r.until("read", func(*replstate.ReplicaStatus) bool { return true }); st.Connects != 1 {
		t.Errorf("%d sessions", st.Connects)
	}
}

func TestReceiver_IgnoresOwnEvents(t *testing.T) {
	r := newRig(t, nil)
	s := newStream("mysql-bin.000001")
	s.insert("d", 1)
	s.id = 202
	s.insert("d", 2)
	s.insert("d", 3)
	s.id = 201
	s.insert("d", 4)
	s.id = 202
	s.insert("d", 5)
	r.play(s)
	r.start(0)
	r.caughtUp(s)
	want := []string{"rows gtid d:BEGIN map(d) rows(7,6)! xid", "rows gtid d:BEGIN map(d) rows(7,9)! xid"}
	if got := r.target.applied(); !reflect.DeepEqual(got, want) {
		t.Errorf("applied %q", got)
	}
	r.stop(0)
	r.restart()
	r.start(0)
	r.until("asked", func(*replstate.ReplicaStatus) bool { _, d := r.source.asked(); return len(d) == 2 })
	if _, d := r.source.asked(); d[1].pos != s.pos {
		t.Errorf("asked again from %d, want %d", d[1].pos, s.pos)
	}
}

func TestReceiver_StopInterruptsEverything(t *testing.T) {
	for name, prepare := range map[string]func(*rig){
		"handshake": func(r *rig) { r.source.hello = func(c *fakeConn) bool { c.closed(); return false } },
		"dump":      func(r *rig) { r.source.dump = func(c *fakeConn, _ string, _ uint32) { c.closed() } },
		"pause": func(r *rig) {
			r.source.setPassword("other")
			r.Change(r.ctx, "", replstate.Change{ConnectRetry: ptr(time.Hour)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.set.NetTimeout = time.Hour })
			prepare(r)
			r.start(0)
			r.until("under way", func(st *replstate.ReplicaStatus) bool {
				return st.IOError.Number != 0 || st.IORunning == replstate.Yes || name == "handshake"
			})
			r.stop(0)
			if st := r.status(); st.IORunning != replstate.No || st.SQLRunning != replstate.No || st.SQLError.Number != 0 {
				t.Errorf("status %+v", st)
			}
		})
	}
}

func TestValidLogName(t *testing.T) {
	for name, ok := range map[string]bool{
		"mysql-bin.000001": true, "a.b.1234567": true, "ü.000001": true,
		"": false, "000001": false, ".000001": false, "a.00001": false, "a.00000x": false, "a/b.000001": false,
		`a\b.000001`: false, "a\x00.000001": false, "../x.000001": false, strings.Repeat("a", 300) + ".000001": false,
	} {
		if validLogName(name) != ok {
			t.Errorf("%q: %v", name, !ok)
		}
	}
}

// FuzzReceiver feeds arbitrary bytes to a session after the dump command.
func FuzzReceiver(f *testing.F) {
	s := newStream("mysql-bin.000001")
	s.insert("d", 50)
	s.ddl("d", "CREATE TABLE t (a INT)")
	var seed []byte
	for i, ev := range s.from(4) {
		n := len(ev) + 1
		seed = append(append(seed, byte(n), byte(n>>8), byte(n>>16), byte(i+1), 0), ev...)
	}
	f.Add(seed)
	f.Add([]byte{0xff, 0xff, 0xff, 1, 0})
	f.Add([]byte{5, 0, 0, 1, 0xfe, 0, 0, 2, 0})
	f.Add([]byte{9, 0, 0, 1, 0xff, 0xd4, 4, '#', 'H', 'Y', '0', '0', '0'})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newFuzzQueue(t)
		ours, theirs := net.Pipe()
		defer ours.Close()
		go func() {
			theirs.Write(data)
			theirs.Close()
		}()
		p := newPackets(ours)
		p.seq = 1
		q := &queue{rc: r, s: &session{rc: r, p: p}, set: r.opt.Settings(), crc: true}
		if err := q.run(context.Background()); err == nil {
			t.Fatal("a session ended without a reason")
		}
		if cap(p.buf) > 4*len(data)+2*readStep {
			t.Fatalf("%d bytes of input, a buffer of %d", len(data), cap(p.buf))
		}
	})
}
