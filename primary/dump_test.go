package primary

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"binrelay/binlog"
	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/replica/replstate"
)

// body joins events as they would stand in a file.
func body(evs []event.Event) []byte {
	var b []byte
	for _, ev := range evs {
		b = append(b, ev...)
	}
	return b
}

// checkRotate checks an artificial Rotate byte by byte.
func checkRotate(t *testing.T, ev event.Event, file string, pos uint64, crc bool) {
	t.Helper()
	want := make([]byte, 19)
	want[4] = 4
	binary.LittleEndian.PutUint32(want[5:], 201)
	want[17] = 0x20
	want = binary.LittleEndian.AppendUint64(want, pos)
	want = append(want, file...)
	size := len(want)
	if crc {
		size += 4
	}
	binary.LittleEndian.PutUint32(want[9:], uint32(size))
	if crc {
		want = binary.LittleEndian.AppendUint32(want, crc32.ChecksumIEEE(want))
	}
	if !bytes.Equal(ev, want) {
		t.Fatalf("artificial rotate\n got %x\nwant %x", []byte(ev), want)
	}
}

func TestDump_FromStartAcrossFiles(t *testing.T) {
	s := newSource(t, nil)
	s.commit(10)
	s.commit(3000)
	s.rotate()
	s.commit(5)
	for _, file := range []string{"", "mysql-bin.000001"} {
		evs, err := s.dump(replstate.DumpRequest{ServerID: 202, File: file, Pos: 4})
		if err != nil {
			t.Fatal(err)
		}
		checkRotate(t, evs[0], "mysql-bin.000001", 4, true)
		second := 0
		for i, ev := range evs[1:] {
			if ev.Type() == event.Rotate && ev.Flags()&event.FlagArtificial != 0 {
				second = i + 1
			}
		}
		checkRotate(t, evs[second], "mysql-bin.000002", 4, true)
		if got, want := body(evs[1:second]), s.file("mysql-bin.000001")[4:]; !bytes.Equal(got, want) {
			t.Fatalf("first file: %d bytes sent, %d in the file", len(got), len(want))
		}
		if got, want := body(evs[second+1:]), s.file("mysql-bin.000002")[4:]; !bytes.Equal(got, want) {
			t.Fatalf("second file: %d bytes sent, %d in the file", len(got), len(want))
		}
		names := types(t, evs)
		if last := names[second-1]; last != "RotateEvent" {
			t.Fatalf("the first file ends with %s", last)
		}
	}
}

func TestDump_FromTheMiddle(t *testing.T) {
	s := newSource(t, nil)
	at := s.commit(10)
	s.commit(20)
	evs, err := s.dump(replstate.DumpRequest{ServerID: 202, File: at.File, Pos: at.Pos})
	if err != nil {
		t.Fatal(err)
	}
	checkRotate(t, evs[0], at.File, at.Pos, true)
	fde := evs[1]
	if fde.EndPos() != 0 || fde.Flags()&event.FlagInUse != 0 {
		t.Fatalf("format description with end position %d, flags %#x", fde.EndPos(), fde.Flags())
	}
	if f, err := event.DecodeFormat(fde); err != nil || f.Created != 0 {
		t.Fatalf("format description created %d, %v", f.Created, err)
	}
	if err := event.Verify(fde); err != nil {
		t.Fatal(err)
	}
	if got, want := body(evs[2:]), s.file(at.File)[at.Pos:]; !bytes.Equal(got, want) {
		t.Fatalf("%d bytes sent, %d in the file", len(got), len(want))
	}
	types(t, evs)
}

func TestDump_ChecksumNone(t *testing.T) {
	s := newSource(t, nil)
	s.commit(10)
	s.commit(200_000)
	s.rotate()
	s.commit(10)
	evs, err := s.dump(replstate.DumpRequest{ServerID: 202, Pos: 4, Checksum: replstate.ChecksumNone})
	if err != nil {
		t.Fatal(err)
	}
	checkRotate(t, evs[0], "mysql-bin.000001", 4, false)
	if f, err := event.DecodeFormat(evs[1]); err != nil || f.Checksum {
		t.Fatalf("format description says checksum %v, %v", f.Checksum, err)
	}
	with, err := s.dump(replstate.DumpRequest{ServerID: 202, Pos: 4})
	if err != nil {
		t.Fatal(err)
	}
	if len(with) != len(evs) {
		t.Fatalf("%d events with checksum, %d without", len(with), len(evs))
	}
	for i, ev := range evs {
		if ev.Type() == event.FormatDescription {
			continue
		}
		full := with[i]
		if int(ev.Size()) != len(ev) || len(ev) != len(full)-4 || !bytes.Equal(ev[13:], full[13:len(full)-4]) {
			t.Fatalf("event %d (%d) is not its twin without checksum", i, ev.Type())
		}
	}
	types(t, evs)
}

func TestDump_FileWithoutChecksum(t *testing.T) {
	s := newSource(t, func(o *binlog.Options, _ *Options) { o.NoChecksum = true })
	s.commit(10)
	for _, c := range []replstate.DumpChecksum{replstate.ChecksumCRC32, replstate.ChecksumNone} {
		evs, err := s.dump(replstate.DumpRequest{ServerID: 202, Pos: 4, Checksum: c})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := body(evs[1:]), s.file("mysql-bin.000001")[4:]; !bytes.Equal(got, want) {
			t.Fatalf("%v: %d bytes sent, %d in the file", c, len(got), len(want))
		}
	}
	w := &collector{}
	if err := s.reg.ServeDump(t.Context(), replstate.DumpRequest{Pos: 4}, w); err != nil {
		t.Fatalf("a replica that knows no checksums is refused: %v", err)
	}
}

func TestDump_Refusals(t *testing.T) {
	s := newSource(t, nil)
	at := s.commit(500)
	const crc = replstate.ChecksumCRC32
	file := "mysql-bin.000001"
	inside := at.Pos - 40
	suffix := func(pos, last uint64) string {
		return fmt.Sprintf("; the first event '%s' at %d, the last event read from './%s' at %d, the last byte read from './%s' at %d.",
			file, pos, file, pos, file, last)
	}
	for _, c := range []struct {
		name string
		req  replstate.DumpRequest
		text string
	}{
		{"unknown file", replstate.DumpRequest{File: "mysql-bin.000009", Pos: 4, Checksum: crc}, "Could not find first log file name in binary log index file"},
		{"path", replstate.DumpRequest{File: "../data/mysql-bin.000001", Pos: 4, Checksum: crc}, "Could not find first log file name in binary log index file"},
		{"below 4", replstate.DumpRequest{File: file, Pos: 3, Checksum: crc}, "Client requested source to start replication from position < 4"},
		{"beyond", replstate.DumpRequest{File: file, Pos: at.Pos + 1, Checksum: crc}, "Client requested source to start replication from position > file size"},
		{"inside an event", replstate.DumpRequest{File: file, Pos: inside, Checksum: crc},
			"log event entry exceeded max_allowed_packet; Increase max_allowed_packet on source" + suffix(inside, inside+19)},
		{"no checksum announced", replstate.DumpRequest{File: file, Pos: 4},
			"Slave can not handle replication events with the checksum that master is configured to log"},
		{"unknown checksum", replstate.DumpRequest{File: file, Pos: 4, Checksum: replstate.ChecksumInvalid}, "Replica requested an unknown checksum algorithm"},
		{"gtid_mode off", replstate.DumpRequest{ByGTID: true, Checksum: crc}, textGTIDOff},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.req.ServerID = 202
			c.req.Flags = replstate.DumpNonBlock
			err := s.reg.ServeDump(t.Context(), c.req, &collector{})
			if number(err) != 1236 || !strings.HasPrefix(err.Error(), c.text) {
				t.Fatalf("error %d %q\nwant 1236 %q", number(err), err, c.text)
			}
			if strings.Contains(c.text, "; the first") && err.Error() != c.text {
				t.Fatalf("%q\nwant %q", err, c.text)
			}
		})
	}
	if peers := s.reg.Peers(); len(peers) != 0 {
		t.Fatalf("refused dumps are still listed: %v", peers)
	}
}

func TestDump_ServerWithoutIDOrLog(t *testing.T) {
	s := newSource(t, func(_ *binlog.Options, o *Options) { o.ServerID = func() uint32 { return 0 } })
	if _, err := s.dump(replstate.DumpRequest{ServerID: 202, Pos: 4}); number(err) != 1236 || err.Error() != textServerIDZero {
		t.Fatalf("server id 0: %v", err)
	}
	r := New(nil, Options{ServerID: func() uint32 { return 1 }})
	if err := r.ServeDump(t.Context(), replstate.DumpRequest{Pos: 4}, &collector{}); number(err) != 1236 || err.Error() != textNotOpen {
		t.Fatalf("no binlog: %v", err)
	}
}

func TestDump_ServerIDZeroDoesNotWait(t *testing.T) {
	s := newSource(t, nil)
	s.commit(1)
	w := &collector{}
	if err := s.reg.ServeDump(t.Context(), replstate.DumpRequest{Pos: 4, Checksum: replstate.ChecksumCRC32}, w); err != nil {
		t.Fatal(err)
	}
	if len(w.got()) < 7 {
		t.Fatalf("only %d events", len(w.got()))
	}
}

func TestDump_FollowsAndSendsOnlyTheSentMark(t *testing.T) {
	s := newSource(t, nil)
	s.commit(1)
	ctx, cancel := context.WithCancel(t.Context())
	w := &collector{}
	done := make(chan error, 1)
	go func() {
		done <- s.reg.ServeDump(ctx, replstate.DumpRequest{ServerID: 202, Pos: 4, Checksum: replstate.ChecksumCRC32}, w)
	}()
	first := len(w.wait(t, 8))
	s.commit(1)
	evs := w.wait(t, first+5)
	s.rotate()
	evs = w.wait(t, len(evs)+4) // rotate, artificial rotate, format description, previous gtids
	end := s.commit(70_000)
	evs = w.wait(t, len(evs)+5)
	if got := evs[len(evs)-1].EndPos(); uint64(got) != end.Pos {
		t.Fatalf("last event ends at %d, want %d", got, end.Pos)
	}
	types(t, evs)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestDump_Heartbeats(t *testing.T) {
	for _, c := range []struct {
		name string
		req  replstate.DumpRequest
		kind event.Type
	}{
		{"version 1", replstate.DumpRequest{}, event.Heartbeat},
		{"version 2", replstate.DumpRequest{Flags: 2}, event.HeartbeatV2},
		{"MariaDB", replstate.DumpRequest{Flags: 2, MariaDBCapability: 4}, event.Heartbeat},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSource(t, nil)
				end := s.commit(1)
				c.req.ServerID, c.req.Pos, c.req.Checksum, c.req.HeartbeatPeriod = 202, 4, replstate.ChecksumCRC32, 10*time.Second
				w := &collector{}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error)
				go func() { done <- s.reg.ServeDump(ctx, c.req, w) }()
				synctest.Wait()
				n := len(w.got())
				time.Sleep(9 * time.Second)
				s.commit(1) // an event starts the period anew
				synctest.Wait()
				if got := len(w.got()); got != n+5 {
					t.Fatalf("%d events after a commit, want %d", got, n+5)
				}
				end.Pos = uint64(w.got()[n+4].EndPos())
				time.Sleep(9 * time.Second)
				synctest.Wait()
				if got := len(w.got()); got != n+5 {
					t.Fatalf("a heartbeat came too early")
				}
				time.Sleep(22 * time.Second)
				synctest.Wait()
				evs := w.got()
				if len(evs) != n+8 {
					t.Fatalf("%d heartbeats in 31 s, want 3", len(evs)-n-5)
				}
				checkHeartbeat(t, evs[n+5], c.kind, end.File, end.Pos)
				if p := s.reg.Peers()[0]; p.Heartbeats != 3 || p.State != replstate.StateSentAll || p.Sent.Pos != end.Pos {
					t.Fatalf("peer %+v", p)
				}
				cancel()
				<-done
				s.log.Close()
			})
		})
	}
}

// checkHeartbeat decodes a heartbeat with go-mysql's parser where it can.
func checkHeartbeat(t *testing.T, ev event.Event, kind event.Type, file string, pos uint64) {
	t.Helper()
	if ev.Type() != kind || ev.Timestamp() != 0 || event.Verify(ev) != nil {
		t.Fatalf("heartbeat %x", []byte(ev))
	}
	f, p, err := event.DecodeHeartbeat(ev, true)
	if err != nil || f != file || p != pos {
		t.Fatalf("heartbeat says %s:%d (%v), want %s:%d", f, p, err, file, pos)
	}
	if kind == event.Heartbeat {
		e, err := replication.NewBinlogParser().Parse(ev)
		if err != nil || e.Header.LogPos != uint32(pos) {
			t.Fatalf("go-mysql reads %v, %v", e, err)
		}
	}
}

func TestDump_NoHeartbeatsUnlessAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, nil)
		s.commit(1)
		w := &collector{}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- s.reg.ServeDump(ctx, replstate.DumpRequest{ServerID: 202, Pos: 4, Checksum: replstate.ChecksumCRC32}, w)
		}()
		synctest.Wait()
		n := len(w.got())
		time.Sleep(time.Hour)
		if len(w.got()) != n {
			t.Fatal("a heartbeat that nobody asked for")
		}
		cancel()
		<-done
		s.log.Close()
	})
}

func TestDump_SameReplicaEndsTheOlderSession(t *testing.T) {
	s := newSource(t, nil)
	s.commit(1)
	type running struct {
		w    *collector
		done chan error
	}
	start := func(req replstate.DumpRequest) running {
		req.Pos, req.Checksum = 4, replstate.ChecksumCRC32
		r := running{&collector{}, make(chan error, 1)}
		ctx, cancel := context.WithCancel(context.Background())
		t.Cleanup(cancel)
		go func() { r.done <- s.reg.ServeDump(ctx, req, r.w) }()
		r.w.wait(t, 7)
		return r
	}
	byUUID := start(replstate.DumpRequest{ServerID: 202, UUID: "u1", ConnectionID: 1})
	byID := start(replstate.DumpRequest{ServerID: 202, ConnectionID: 2})
	other := start(replstate.DumpRequest{ServerID: 202, UUID: "u2", ConnectionID: 3})
	start(replstate.DumpRequest{ServerID: 203, UUID: "u1", ConnectionID: 4})
	err := <-byUUID.done
	if number(err) != 1236 || !strings.HasPrefix(err.Error(), textSameReplica+"; the first event 'mysql-bin.000001' at 4, the last event read from './mysql-bin.000001' at ") {
		t.Fatal(err)
	}
	start(replstate.DumpRequest{ServerID: 202, ConnectionID: 5})
	if err := <-byID.done; number(err) != 1236 {
		t.Fatal(err)
	}
	s.reg.Kill(202, "u2")
	if err := <-other.done; number(err) != 1317 {
		t.Fatal(err)
	}
	var ids []uint32
	for _, p := range s.reg.Peers() {
		ids = append(ids, p.ConnectionID)
	}
	if !reflect.DeepEqual(ids, []uint32{5, 4}) {
		t.Fatalf("sessions left: %v", ids)
	}
	if ended := s.reg.EndAll(); len(ended) != 2 {
		t.Fatalf("EndAll ended %v", ended)
	}
}

func TestDump_EndsWithTheLog(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*source)
		want uint16
	}{
		{"reset", func(s *source) {
			s.reg.EndAll()
			if err := s.log.Reset(); err != nil {
				t.Error(err)
			}
		}, 1236},
		{"reset without warning", func(s *source) {
			if err := s.log.Reset(); err != nil {
				t.Error(err)
			}
		}, 1236},
		{"close", func(s *source) { s.log.Close() }, 1053},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSource(t, nil)
			s.commit(1)
			w := &collector{}
			done := make(chan error, 1)
			go func() {
				done <- s.reg.ServeDump(t.Context(), replstate.DumpRequest{ServerID: 202, Pos: 4, Checksum: replstate.ChecksumCRC32}, w)
			}()
			w.wait(t, 7)
			c.end(s)
			if err := <-done; number(err) != c.want {
				t.Fatalf("dump ended with %v", err)
			}
		})
	}
}

func TestDump_GTID(t *testing.T) {
	s := newSource(t, func(b *binlog.Options, o *Options) {
		o.GTIDMode = func() bool { return true }
	})
	s.gtid = 0
	for range 4 {
		s.commit(1)
	}
	set := func(text string) []byte {
		g, err := gtid.ParseSet(text)
		if err != nil {
			t.Fatal(err)
		}
		return g.Append(nil)
	}
	uuid := testUUID.String()
	evs, err := s.dump(replstate.DumpRequest{ServerID: 202, ByGTID: true, GTIDs: set(uuid + ":1-2:4")})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"RotateEvent", "FormatDescriptionEvent", "PreviousGTIDsEvent", "HeartbeatEvent",
		"GTIDEvent", "QueryEvent", "TableMapEvent", "WriteRowsEventV2", "XIDEvent", "HeartbeatEvent"}
	if got := types(t, evs); !reflect.DeepEqual(got, want) {
		t.Fatalf("events %v\nwant %v", got, want)
	}
	if f, err := event.DecodeFormat(evs[1]); err != nil || f.Created != 0 || evs[1].EndPos() != 126 {
		t.Fatalf("Format_description %+v, %v, ends at %d", f, err, evs[1].EndPos())
	}
	if g, err := event.DecodeGTID(evs[4], true); err != nil || g.GTID.GNO != 3 {
		t.Fatalf("got transaction %v, %v", g.GTID, err)
	}
	if _, err := s.dump(replstate.DumpRequest{ServerID: 202, ByGTID: true, GTIDs: []byte{9, 9}}); number(err) != 1236 {
		t.Fatalf("malformed set: %v", err)
	}
	s.reg.opt.Executed = func() gtid.Set { g, _ := gtid.ParseSet(uuid + ":1-4"); return g }
	if _, err := s.dump(replstate.DumpRequest{ServerID: 202, ByGTID: true, GTIDs: set(uuid + ":1-5")}); number(err) != 1236 || err.Error() != textMoreGTIDs {
		t.Fatalf("replica ahead: %v", err)
	}
}

func TestDump_StalledReadersCostNothing(t *testing.T) {
	s := newSource(t, nil)
	const readers = 8
	done := make(chan error, readers)
	gate := make(chan struct{})
	for i := range readers {
		w := &collector{gate: gate}
		go func() {
			done <- s.reg.ServeDump(context.Background(), replstate.DumpRequest{ServerID: uint32(300 + i), Pos: 4, Checksum: replstate.ChecksumCRC32}, w)
		}()
	}
	for range 3 * readers { // each is in the middle of the header
		gate <- struct{}{}
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, logged := heap(), s.log.Sent().Pos
	for range 2000 {
		s.commit(1000)
	}
	logged = s.log.Sent().Pos - logged
	if grown := int64(heap()) - int64(before) - 2*int64(logged); grown > readers<<20 {
		t.Fatalf("%d stalled readers hold %d bytes", readers, grown)
	}
	close(gate)
	for range readers {
		if err := <-done; err == nil {
			t.Fatal("a lost connection ended a dump without error")
		}
	}
	if p := s.reg.Peers(); len(p) != 0 {
		t.Fatalf("sessions left: %v", p)
	}
}

func TestRegistry_Peers(t *testing.T) {
	s := newSource(t, nil)
	s.commit(1)
	for _, info := range []replstate.ReplicaInfo{
		{ConnectionID: 11, ServerID: 203, Host: "r203", Port: 3307, UUID: "u203", Account: "Slave"},
		{ConnectionID: 10, ServerID: 202, Host: "old"},
		{ConnectionID: 12, ServerID: 202, Host: "r202", Port: 3306},
	} {
		if err := s.reg.RegisterReplica(info); err != nil {
			t.Fatal(err)
		}
	}
	w := &collector{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- s.reg.ServeDump(ctx, replstate.DumpRequest{ServerID: 203, UUID: "u203", ConnectionID: 11, Pos: 4,
			User: "Slave", Host: "10.0.0.3", Checksum: replstate.ChecksumCRC32}, w)
	}()
	w.wait(t, 7)
	peers := s.reg.Peers()
	if len(peers) != 2 || peers[0].Host != "r202" || peers[0].Dumping || !peers[0].Registered || peers[0].SourceID != 201 {
		t.Fatalf("peers %+v", peers)
	}
	if p := peers[1]; p.Host != "r203" || !p.Dumping || p.Address != "10.0.0.3" || p.UUID != "u203" || p.Account != "Slave" {
		t.Fatalf("peer %+v", p)
	}
	s.reg.UnregisterReplica(11)
	s.reg.UnregisterReplica(12)
	if p := s.reg.Peers(); len(p) != 1 || p[0].Registered || p[0].ServerID != 203 {
		t.Fatalf("peers %+v", p)
	}
	cancel()
	<-done
}
