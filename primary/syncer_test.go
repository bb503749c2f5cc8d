package primary

import (
	"context"
	"log/slog"
	"net"
	"reflect"
	"testing"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/go-mysql-org/go-mysql/server"

	"binrelay/replica/replstate"
)

// libFront is go-mysql's server in front of a Registry.
type libFront struct {
	server.EmptyReplicationHandler
	ctx context.Context
	s   *source
}

func (f *libFront) HandleQuery(q string) (*gomysql.Result, error) {
	if q != "SHOW GLOBAL VARIABLES LIKE 'BINLOG_CHECKSUM'" {
		return nil, nil
	}
	rs, err := gomysql.BuildSimpleTextResultset([]string{"Variable_name", "Value"}, [][]any{{"binlog_checksum", "CRC32"}})
	if err != nil {
		return nil, err
	}
	return gomysql.NewResult(rs), nil
}

func (f *libFront) HandleRegisterSlave([]byte) error { return nil }

func (f *libFront) HandleBinlogDump(at gomysql.Position) (*replication.BinlogStreamer, error) {
	out := replication.NewBinlogStreamer()
	go f.s.reg.ServeDump(f.ctx, replstate.DumpRequest{ServerID: 999, File: at.Name, Pos: uint64(at.Pos), Checksum: replstate.ChecksumCRC32,
		HeartbeatPeriod: 20 * time.Millisecond}, streamWriter{out})
	return out, nil
}

// streamWriter hands events to go-mysql's server.
type streamWriter struct{ *replication.BinlogStreamer }

func (w streamWriter) WriteEvent(ev []byte) error {
	return w.AddEventToStreamer(&replication.BinlogEvent{RawData: append([]byte(nil), ev...)})
}

func (w streamWriter) Flush() error { return nil }

// TestDump_BinlogSyncer lets go-mysql's BinlogSyncer follow a dump over files
// and heartbeats and compares what it understood.
func TestDump_BinlogSyncer(t *testing.T) {
	s := newSource(t, nil)
	s.commit(10)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	front := server.NewDefaultServer()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				conn, err := front.NewConn(c, "root", "", &libFront{ctx: ctx, s: s})
				for err == nil {
					err = conn.HandleCommand()
				}
			}()
		}
	}()
	syncer := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{ServerID: 999, Flavor: "mysql", Host: "127.0.0.1",
		Port: uint16(ln.Addr().(*net.TCPAddr).Port), User: "root", VerifyChecksum: true, HeartbeatPeriod: 20 * time.Millisecond,
		Logger: slog.New(slog.DiscardHandler)})
	defer syncer.Close()
	st, err := syncer.StartSync(gomysql.Position{Name: "mysql-bin.000001", Pos: 4})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"RotateEvent", "FormatDescriptionEvent", "PreviousGTIDsEvent",
		"AnonymousGTIDEvent", "QueryEvent", "TableMapEvent", "WriteRowsEventV2", "XIDEvent"}
	var got []string
	beats, rows := 0, 0
	read := func(want []string) {
		t.Helper()
		got = nil
		for len(got) < len(want) {
			e, err := st.GetEvent(ctx)
			if err != nil {
				t.Fatalf("after %v: %v", got, err)
			}
			if e.Header.EventType == replication.HEARTBEAT_EVENT {
				beats++
				continue
			}
			if r, ok := e.Event.(*replication.RowsEvent); ok {
				rows += len(r.Rows)
			}
			got = append(got, e.Header.EventType.String())
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("events %v\nwant %v", got, want)
		}
	}
	read(want)
	s.rotate()
	end := s.commit(20)
	read(append([]string{"RotateEvent"}, want...))
	for beats == 0 {
		e, err := st.GetEvent(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if e.Header.EventType == replication.HEARTBEAT_EVENT {
			beats++
		}
	}
	if rows != 2 {
		t.Errorf("%d rows", rows)
	}
	if at := syncer.GetNextPosition(); at.Name != end.File || uint64(at.Pos) != end.Pos {
		t.Errorf("the syncer stands at %v, want %v", at, end)
	}
}
