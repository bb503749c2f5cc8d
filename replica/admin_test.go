package replica

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"binrelay/binlog/event"
	"binrelay/binlog/txn"
	"binrelay/replica/replstate"
)

func TestChange_Refusals(t *testing.T) {
	long := strings.Repeat("x", 33)
	for _, c := range []struct {
		name   string
		run    replstate.Threads
		change replstate.Change
		number uint16
	}{
		{"position while both run", replstate.Both, replstate.Change{LogFile: ptr("mysql-bin.000002"), LogPos: ptr(uint64(4))}, 3081},
		{"position while SQL runs", replstate.SQL, replstate.Change{LogPos: ptr(uint64(4))}, 3081},
		{"host while SQL runs", replstate.SQL, replstate.Change{Host: ptr("other")}, 3081},
		{"password while IO runs", replstate.IO, replstate.Change{Password: ptr("x")}, 3021},
		{"password while SQL runs", replstate.SQL, replstate.Change{Password: ptr("x")}, 0},
		{"same host while SQL runs", replstate.SQL, replstate.Change{Host: ptr("127.0.0.1")}, 0},
		{"long password", 0, replstate.Change{Password: &long}, 3056},
		{"file name", 0, replstate.Change{LogFile: ptr("../x"), LogPos: ptr(uint64(4))}, 1210},
		{"heartbeat", 0, replstate.Change{HeartbeatPeriod: ptr(-time.Second)}, 1624},
		{"cipher", 0, replstate.Change{SSLCipher: ptr("AES")}, 1235},
		{"key file", 0, replstate.Change{PublicKeyPath: ptr("/k")}, 1235},
		{"TLS version", 0, replstate.Change{TLSVersion: ptr("TLSv1")}, 1210},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			if c.run != 0 {
				r.start(c.run)
			}
			before := r.status().Config
			err := r.Change(r.ctx, "", c.change)
			if number(err) != c.number || c.number == 0 && err != nil {
				t.Fatalf("error %d %v, want %d", number(err), err, c.number)
			}
			if c.number != 0 && !reflect.DeepEqual(before, r.status().Config) {
				t.Error("a refused change changed something")
			}
		})
	}
}

func TestChange_Warnings(t *testing.T) {
	for _, c := range []struct {
		change replstate.Change
		want   []uint16
	}{
		{replstate.Change{Password: ptr("p")}, []uint16{1759, 1760}},
		{replstate.Change{Password: ptr("p"), SSL: ptr(true)}, []uint16{1760}},
		{replstate.Change{LogFile: ptr("mysql-bin.000003")}, []uint16{3023}},
		{replstate.Change{HeartbeatPeriod: ptr(time.Hour)}, []uint16{1704}},
		{replstate.Change{HeartbeatPeriod: ptr(time.Microsecond)}, []uint16{1703}},
		{replstate.Change{ConnectRetry: ptr(time.Second)}, nil},
	} {
		r := newRig(t, nil)
		ctx, got := warnings(r.ctx)
		if err := r.Change(ctx, "", c.change); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%+v: warnings %v, want %v", c.change, *got, c.want)
		}
	}
}

func TestChange_ToAnotherPosition(t *testing.T) {
	r := newRig(t, nil)
	s := newStream("mysql-bin.000001")
	s.insert("d", 1)
	second := s.pos
	s.insert("d", 2)
	r.play(s)
	r.start(0)
	r.caughtUp(s)
	r.stop(0)
	if err := r.Change(r.ctx, "", replstate.Change{LogFile: ptr(s.file), LogPos: ptr(uint64(second))}); err != nil {
		t.Fatal(err)
	}
	st := r.status()
	want := replstate.Coord{File: s.file, Pos: uint64(second)}
	if st.Exec != want || st.Read != want || r.target.pos.Source != txn.Coord(want) {
		t.Fatalf("exec %v, read %v, durable %v", st.Exec, st.Read, r.target.pos.Source)
	}
	r.start(0)
	r.caughtUp(s)
	if got := r.target.applied(); len(got) != 3 || got[2] != insertText("d", 2) {
		t.Errorf("applied %v", got)
	}
}

func TestChange_InterruptedIsFinishedAtTheNextStart(t *testing.T) {
	r := newRig(t, nil)
	s := newStream("mysql-bin.000001")
	s.insert("d", 1)
	second := uint64(s.pos)
	s.insert("d", 2)
	r.play(s)
	r.start(0)
	r.caughtUp(s)
	r.Replica.Close()
	r.target.cfg.LogPos, r.target.cfg.Moving = second, true // all that a crash left of CHANGE
	r.open()
	if at := r.target.pos.Source; at.Pos != second || r.target.cfg.Moving {
		t.Fatalf("durable position %v, moving %v", at, r.target.cfg.Moving)
	}
	if files, err := r.log().Files(); err != nil || len(files) != 0 {
		t.Fatalf("relay log %v, %v", files, err)
	}
}

func TestStartStop_NotesAndErrors(t *testing.T) {
	r := newRig(t, func(r *rig) {})
	s := newStream("mysql-bin.000001")
	r.play(s)
	ctx, notes := warnings(r.ctx)
	check := func(what string, err error, wantErr uint16, want ...uint16) {
		t.Helper()
		if number(err) != wantErr || wantErr == 0 && err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if len(*notes) != len(want) || len(want) > 0 && (*notes)[0] != want[0] {
			t.Errorf("%s: notes %v, want %v", what, *notes, want)
		}
		*notes = nil
	}
	check("stop when stopped", r.Stop(ctx, 0), 0, 3084)
	check("start", r.Start(ctx, replstate.StartOpts{Threads: replstate.SQL}), 0)
	check("start the other", r.Start(ctx, replstate.StartOpts{}), 0)
	check("start again", r.Start(ctx, replstate.StartOpts{}), 0, 3083)
	check("reset while running", r.Reset(ctx, false), 1198)
	check("skip while running", r.SetSkip(1), 1198)
	check("filters while running", r.SetFilters(ctx, "", replstate.Filters{}), 3017)
	check("stop IO", r.Stop(ctx, replstate.IO), 0)
	check("stop IO again", r.Stop(ctx, replstate.IO), 0, 3084)
	check("stop", r.Stop(ctx, 0), 0)
	check("table filters", r.SetFilters(ctx, "", replstate.Filters{DoTable: []string{"a.b"}}), 1235)
	check("other channel", r.Start(ctx, replstate.StartOpts{Channel: "c"}), 3074)
	check("other channel", r.Change(ctx, "c", replstate.Change{}), 3074)
	r.set.GTIDMode = true
	check("skip with GTIDs", r.SetSkip(1), 1858)
	r.set.GTIDMode = false
	check("reset all", r.Reset(ctx, true), 0)
	check("start unconfigured", r.Start(ctx, replstate.StartOpts{}), 1200)
	check("stop unconfigured", r.Stop(ctx, 0), 0, 3084)
	if r.Status() != nil || r.Configured() {
		t.Error("RESET ALL left a status")
	}
}

func TestReset_KeepsTheSource(t *testing.T) {
	r := newRig(t, nil)
	s := newStream("mysql-bin.000001")
	s.insert("d", 1)
	r.play(s)
	r.start(0)
	r.caughtUp(s)
	r.stop(0)
	if err := r.SetSkip(5); err != nil {
		t.Fatal(err)
	}
	if err := r.Reset(r.ctx, false); err != nil {
		t.Fatal(err)
	}
	st := r.status()
	if st.Config.Host != "127.0.0.1" || st.Config.User != "Slave" || st.Config.LogFile != "" || st.Config.LogPos != 4 {
		t.Errorf("configuration %+v", st.Config)
	}
	if st.Read.File != "" || st.SkipCounter != 0 || !r.target.pos.Source.IsZero() || st.RelaySize != 0 {
		t.Errorf("status %+v, durable %v", st, r.target.pos.Source)
	}
	r.restart()
	r.start(0)
	r.caughtUp(s)
	if _, dumps := r.source.asked(); dumps[1].file != "" || dumps[1].pos != 4 {
		t.Errorf("asked for %v", dumps[1])
	}
	if got := r.target.applied(); len(got) != 2 {
		t.Errorf("applied %v", got)
	}
}

func TestSetFilters_Persist(t *testing.T) {
	r := newRig(t, nil)
	want := replstate.Filters{DoDB: []string{"a", "b"}}
	if err := r.SetFilters(r.ctx, "", want); err != nil {
		t.Fatal(err)
	}
	r.restart()
	if got := r.status().Filters; !reflect.DeepEqual(got.DoDB, want.DoDB) || !reflect.DeepEqual(r.st.get().filters.DoDB, want.DoDB) {
		t.Errorf("filters %+v", got)
	}
}

func TestFlushRelayAndRelayEvents(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.set.KeepRelayLogs = true
		r.opt.Describe = func(ev event.Event, _ bool) (string, string) { return "type", "info" }
	})
	s := newStream("mysql-bin.000001")
	s.insert("d", 1)
	more := make(chan struct{})
	r.source.dump = func(c *fakeConn, _ string, pos uint32) {
		c.event(s.from(pos)...)
		n := len(s.all)
		<-more
		s.insert("d", 2)
		c.event(s.all[n:]...)
		c.closed()
	}
	r.start(0)
	r.until("applied", func(*replstate.ReplicaStatus) bool { return len(r.target.applied()) == 1 })
	before, _ := r.log().Files()
	if err := r.FlushRelay(r.ctx, ""); err != nil { // while the IO thread runs
		t.Fatal(err)
	}
	close(more)
	r.until("applied", func(*replstate.ReplicaStatus) bool { return len(r.target.applied()) == 2 })
	after, _ := r.log().Files()
	if len(after) != len(before)+1 {
		t.Errorf("files %v, then %v", before, after)
	}
	count := func(q replstate.EventQuery) (n int, first replstate.EventRow) {
		rows, err := r.RelayEvents(r.ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		for row, err := range rows {
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				first = row
			}
			n++
		}
		return n, first
	}
	last := after[len(after)-1].Name
	all, first := count(replstate.EventQuery{File: last})
	if all < 9 || first.LogName != last || first.Pos != 4 || first.EventType != "type" || first.Info != "info" || first.ServerID != 202 {
		t.Errorf("%d rows, first %+v", all, first)
	}
	if n, row := count(replstate.EventQuery{File: last, Offset: 2, Limit: 3}); n != 3 || row.Pos <= first.Pos {
		t.Errorf("%d rows with a limit of 3, first %+v", n, row)
	}
	if n, _ := count(replstate.EventQuery{File: last, Limited: true}); n != 0 {
		t.Errorf("%d rows with a limit of 0", n)
	}
	if _, row := count(replstate.EventQuery{}); row.LogName != after[0].Name {
		t.Errorf("without a name: %+v", row)
	}
	if _, err := r.RelayEvents(r.ctx, replstate.EventQuery{File: "../relay-bin.000001"}); number(err) != 1220 {
		t.Errorf("unknown file: %v", err)
	}
}

func TestStatus_BeforeAnyConnection(t *testing.T) {
	r := newRig(t, nil)
	st := r.status()
	want := replstate.Coord{File: "mysql-bin.000001", Pos: 4}
	if st.Read != want || st.Exec != want || st.IORunning != replstate.No || st.SQLRunning != replstate.No || st.SecondsBehind != nil {
		t.Errorf("status %+v", st)
	}
	if len(st.Row(true)) != 60 {
		t.Error("not 60 columns")
	}
}
