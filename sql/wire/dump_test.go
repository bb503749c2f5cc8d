package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"sync"
	"testing"
	"time"

	"binrelay/replica/replstate"

	"github.com/dolthub/vitess/go/mysql"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
)

// fakeSource is a DumpServer that sends prepared events.
type fakeSource struct {
	events [][]byte
	err    error

	mu         sync.Mutex
	registered []replstate.ReplicaInfo
	forgotten  []uint32
	requests   []replstate.DumpRequest
	acks       [][]byte
	ended      []error // causes of the contexts
	semi       bool
}

func (f *fakeSource) RegisterReplica(r replstate.ReplicaInfo) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.registered = append(f.registered, r)
	return nil
}

func (f *fakeSource) UnregisterReplica(id uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forgotten = append(f.forgotten, id)
}

func (f *fakeSource) ServeDump(ctx context.Context, r replstate.DumpRequest, w DumpWriter) error {
	f.mu.Lock()
	f.requests = append(f.requests, r)
	f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	for _, ev := range f.events {
		header := []byte(nil)
		if f.semi && r.SemiSync {
			header = []byte{0xef, 0}
			if ev[4] == 16 { // Xid
				header[1] = 1
			}
		}
		if err := w.WriteEventHeader(header, ev); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if header != nil && header[1] == 1 {
			ack, ok := <-w.Acks()
			if !ok {
				return context.Cause(ctx)
			}
			f.mu.Lock()
			f.acks = append(f.acks, ack)
			f.mu.Unlock()
		}
	}
	if r.NonBlock() {
		return nil
	}
	<-ctx.Done()
	f.mu.Lock()
	f.ended = append(f.ended, context.Cause(ctx))
	f.mu.Unlock()
	return ctx.Err()
}

func (f *fakeSource) locked(fn func() bool) func() bool {
	return func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return fn()
	}
}

// binlogEvent makes an event without checksum.
func binlogEvent(typ byte, pos uint32, body []byte) []byte {
	ev := make([]byte, 19, 19+len(body))
	ev[4] = typ
	binary.LittleEndian.PutUint32(ev[5:], 1)
	binary.LittleEndian.PutUint32(ev[9:], uint32(19+len(body)))
	binary.LittleEndian.PutUint32(ev[13:], pos)
	return append(ev, body...)
}

func sampleEvents(large int) [][]byte {
	rotate := append(binary.LittleEndian.AppendUint64(nil, 4), "binlog.000001"...)
	fde := binary.LittleEndian.AppendUint16(nil, 4)
	fde = append(fde, "8.0.36-binrelay"...)
	fde = append(fde, make([]byte, 2+50-len(fde))...)
	fde = append(fde, 0, 0, 0, 0, 19)
	fde = append(fde, 0x00, 0x0d, 0x00, 0x08, 0, 0, 0, 0, 4, 0, 4, 0, 0, 0, 0x62, 0, 4, 0x1a, 8, 0, 0, 0, 8, 8, 8, 2, 0, 0, 0,
		0x0a, 0x0a, 0x0a, 0x2a, 0x2a, 0, 0x12, 0x34, 0, 0x0a, 0x28, 0)
	fde = append(fde, 0) // no checksums
	ev := binlogEvent(15, 126, append(fde, 0, 0, 0, 0))
	binary.LittleEndian.PutUint32(ev[len(ev)-4:], crc32.ChecksumIEEE(ev[:len(ev)-4]))
	query := append(make([]byte, 13), "d\x00"...)
	query[8] = 1
	query = append(query, strings.Repeat("q", large)...)
	return [][]byte{binlogEvent(4, 0, rotate), ev, binlogEvent(2, 200, query), binlogEvent(16, 231, make([]byte, 8))}
}

func syncer(f *fixture, user, password string, semi bool) *replication.BinlogSyncer {
	var port uint16
	fmt.Sscanf(f.addr, "127.0.0.1:%d", &port)
	return replication.NewBinlogSyncer(replication.BinlogSyncerConfig{
		ServerID: 77, Flavor: "mysql", Host: "127.0.0.1", Port: port, User: user, Password: password,
		SemiSyncEnabled: semi, DisableRetrySync: true, HeartbeatPeriod: 3 * time.Second,
	})
}

func TestDump_BinlogSyncer(t *testing.T) {
	for _, large := range []int{10, 17 << 20, maxFrame - 19 - 13 - 2 - 1} {
		src := &fakeSource{events: sampleEvents(large)}
		f := start(t, func(o *Options) { o.Dump = src },
			"CREATE USER repl IDENTIFIED WITH mysql_native_password BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO repl")
		s := syncer(f, "repl", "secret", false)
		st, err := s.StartSync(gomysql.Position{Name: "binlog.000001", Pos: 4})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range src.events {
			ev, err := st.GetEvent(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(ev.RawData, want) {
				t.Errorf("event %d: %d bytes, want %d", i, len(ev.RawData), len(want))
			}
		}
		var info ConnInfo
		for _, c := range f.Connections() {
			if c.Command == "Binlog Dump" {
				info = c
			}
		}
		if info.User != "repl" || f.Stats().Dumps != 1 {
			t.Errorf("process list %+v", f.Connections())
		}
		s.Close()
		eventually(t, "dump ended", src.locked(func() bool { return len(src.ended) == 1 && len(src.forgotten) == 1 }))
		r, g := src.requests[0], src.registered[0]
		if r.ServerID != 77 || r.File != "binlog.000001" || r.Pos != 4 || r.ByGTID || r.User != "repl" || r.Host != "127.0.0.1" ||
			r.Checksum != replstate.ChecksumNone || r.HeartbeatPeriod != 3*time.Second || r.UUID == "" || r.ConnectionID == 0 {
			t.Errorf("request %+v", r)
		}
		if g.ServerID != 77 || g.ConnectionID != r.ConnectionID || g.UUID != r.UUID || g.Account != "repl" {
			t.Errorf("registered as %+v", g)
		}
		eventually(t, "no dump", func() bool { return f.Stats().Dumps == 0 })
	}
}

func TestDump_GTID(t *testing.T) {
	src := &fakeSource{events: sampleEvents(5)}
	f := start(t, func(o *Options) { o.Dump, o.TLS = src, testTLS(t) })
	s := syncer(f, "root", "", false)
	defer s.Close()
	set, _ := gomysql.ParseMysqlGTIDSet("3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5")
	st, err := s.StartSyncGTID(set)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.GetEvent(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := src.requests[0]; !r.ByGTID || !bytes.Equal(r.GTIDs, set.Encode()) {
		t.Errorf("request %+v", r)
	}
}

func TestDump_SemiSync(t *testing.T) {
	src := &fakeSource{events: sampleEvents(5), semi: true}
	src.events = append(src.events, src.events[3], src.events[2])
	f := start(t, func(o *Options) { o.Dump = src })
	r := login(t, f)
	r.wantOK(r.command(append([]byte{comQuery}, "SET @rpl_semi_sync_slave = 1"...)...))
	r.seq = 0
	r.packet(append([]byte{comBinlogDump, 4, 0, 0, 0, 0, 0, 9, 0, 0, 0}, "binlog.000001"...))
	for i, want := range src.events {
		seq := r.seq
		p := r.read()
		if len(p) < 3 || !bytes.Equal(p[3:], want) || p[1] != 0xef || (p[2] == 1) != (want[4] == 16) {
			t.Fatalf("event %d: % x", i, p[:min(len(p), 30)])
		}
		if got := r.seq - 1; got != seq {
			t.Errorf("event %d: sequence %d, want %d", i, got, seq)
		}
		if p[2] == 1 {
			r.seq = 0
			r.packet(append([]byte{0xef, 231, 0, 0, 0, 0, 0, 0, 0}, "binlog.000001"...))
		}
	}
	r.Close()
	eventually(t, "ended", src.locked(func() bool { return len(src.ended) == 1 && len(src.acks) == 2 }))
	if string(src.acks[0][9:]) != "binlog.000001" {
		t.Errorf("ack %q", src.acks[0])
	}
}

func TestDump_Errors(t *testing.T) {
	src := &fakeSource{events: sampleEvents(5)}
	f := start(t, func(o *Options) { o.Dump = src }, "CREATE USER u")
	// Without the privilege.
	r := dial(t, f.addr)
	r.read()
	r.packet(response(rawCaps, "u"))
	r.wantOK(r.read())
	dump := append([]byte{comBinlogDump, 4, 0, 0, 0, 1, 0, 9, 0, 0, 0}, "binlog.000001"...)
	r.wantErr(r.command(dump...), 1227, "REPLICATION SLAVE")
	r.wantErr(r.command(comRegisterSlave, 9, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0), 1227, "REPLICATION SLAVE")
	r.wantOK(r.command(comPing))
	// NON_BLOCK ends in EOF, and the connection lives.
	r = login(t, f)
	p := r.command(dump...)
	for range src.events {
		if len(p) == 0 || p[0] != 0 {
			t.Fatalf("%q", p)
		}
		p = r.read()
	}
	if len(p) != 5 || p[0] != 0xfe {
		t.Errorf("end %q", p)
	}
	r.wantOK(r.command(comPing))
	// The source's own error.
	src.err = mysql.NewSQLError(1236, "HY000", "Could not find first log file name in binary log index file")
	r.wantErr(r.command(dump...), 1236, "Could not find first log file name")
	r.wantOK(r.command(comPing))
	src.err = nil
	// Killed and shut down.
	dump[5] = 0
	r.command(dump...)
	var id uint32
	for _, c := range f.Connections() {
		if c.Command == "Binlog Dump" {
			id = c.ID
		}
	}
	f.Kill(id, false)
	for p = r.read(); len(p) > 0 && p[0] == 0; p = r.read() {
	}
	r.wantErr(p, 1317, "interrupted")
	r.wantClosed()
	r = login(t, f)
	r.command(dump...)
	if err := f.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for p = r.read(); len(p) > 0 && p[0] == 0; p = r.read() {
	}
	r.wantErr(p, 1053, "Server shutdown in progress")
}

// endless sends until a write fails and remembers how much went out.
type endless struct {
	fakeSource
	sent chan int
}

func (e *endless) ServeDump(ctx context.Context, _ replstate.DumpRequest, w DumpWriter) error {
	ev := binlogEvent(2, 0, make([]byte, 100<<10))
	for n := 0; ; n++ {
		if err := w.WriteEvent(ev); err != nil {
			e.sent <- n
			return err
		}
	}
}

func TestDump_SlowReplicaIsKilled(t *testing.T) {
	src := &endless{sent: make(chan int, 2)}
	f := start(t, func(o *Options) { o.Dump = src })
	r := login(t, f)
	r.command(comBinlogDump, 4, 0, 0, 0, 0, 0, 9, 0, 0, 0)
	var last uint64
	eventually(t, "blocked", func() bool { // nothing is read: the socket fills
		n := f.Stats().BytesOut
		same := n == last && n > 1<<20
		last = n
		time.Sleep(20 * time.Millisecond)
		return same
	})
	f.Kill(f.Connections()[0].ID, false)
	select {
	case <-src.sent:
	case <-time.After(5 * time.Second):
		t.Fatal("a blocked write survives KILL")
	}
	eventually(t, "gone", func() bool { return f.Stats().Connected == 0 })
}
