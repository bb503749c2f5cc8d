package replica

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/relaylog"
	"binrelay/replica/replstate"
)

const replicaUUID = "99999999-2222-3333-4444-555555555555"

// rig is a Replica between a fakeSource and a fakeTarget.
type rig struct {
	*Replica
	t      testing.TB
	source *fakeSource
	target *fakeTarget
	opt    Options
	set    Settings
	ctx    context.Context
}

func ptr[T any](v T) *T { return &v }

// newRig opens a replica that is configured to follow a fresh fakeSource from
// mysql-bin.000001:4 and starts nothing.
func newRig(t testing.TB, change func(*rig)) *rig {
	t.Helper()
	r := &rig{t: t, source: newFakeSource(t), target: newFakeTarget(t)}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	r.ctx = ctx
	r.set = Settings{ServerID: 202, NetTimeout: 10 * time.Second}
	r.opt = Options{Target: r.target, UUID: replicaUUID, Settings: func() Settings { return r.set },
		Relay: relaylog.Options{FS: vfs.NewMem(), Dir: "/relay", ServerVersion: "8.0.36-binrelay"}}
	if change != nil {
		change(r)
	}
	r.open()
	t.Cleanup(func() { r.Replica.Close() })
	if err := r.Change(ctx, "", r.config()); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) config() replstate.Change {
	return replstate.Change{Host: ptr("127.0.0.1"), Port: ptr(r.source.port()), User: ptr("Slave"), Password: ptr("secret"),
		ConnectRetry: ptr(10 * time.Millisecond), LogFile: ptr("mysql-bin.000001"), LogPos: ptr(uint64(4))}
}

func (r *rig) open() {
	r.t.Helper()
	rep, err := Open(r.ctx, r.opt)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Replica = rep
}

// restart closes the replica and opens it again on the same files.
func (r *rig) restart() {
	r.t.Helper()
	if err := r.Replica.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.open()
}

func (r *rig) start(which replstate.Threads) {
	r.t.Helper()
	r.source.publish()
	if err := r.Start(r.ctx, replstate.StartOpts{Threads: which}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) stop(which replstate.Threads) {
	r.t.Helper()
	if err := r.Stop(r.ctx, which); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) status() replstate.ReplicaStatus {
	r.t.Helper()
	s := r.Status()
	if len(s) != 1 {
		r.t.Fatalf("%d channels", len(s))
	}
	return s[0]
}

// until polls the status; there is nothing to wait for in it.
func (r *rig) until(what string, ok func(s *replstate.ReplicaStatus) bool) replstate.ReplicaStatus {
	r.t.Helper()
	for {
		s := r.status()
		if ok(&s) {
			return s
		}
		select {
		case <-r.ctx.Done():
			r.t.Fatalf("%s: never; IO %v %d %q, SQL %v %d %q, read %v, exec %v, applied %v", what, s.IORunning, s.IOError.Number, s.IOError.Text,
				s.SQLRunning, s.SQLError.Number, s.SQLError.Text, s.Read, s.Exec, r.target.applied())
		case <-time.After(time.Millisecond):
		}
	}
}

// play makes the source send the stream from where it is asked, then wait for
// the replica to go.
func (r *rig) play(s *stream) {
	r.source.dump = func(c *fakeConn, _ string, pos uint32) {
		c.event(s.from(pos)...)
		c.closed()
	}
	r.source.publish()
}

// caughtUp waits until everything up to the stream's end is applied.
func (r *rig) caughtUp(s *stream) {
	r.t.Helper()
	r.until("caught up", func(st *replstate.ReplicaStatus) bool {
		return st.Exec == replstate.Coord{File: s.file, Pos: uint64(s.pos)}
	})
}

func number(err error) uint16 {
	var e *replstate.Error
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// warnings collects what a statement warns of.
func warnings(ctx context.Context) (context.Context, *[]uint16) {
	var list []uint16
	return replstate.WithWarnings(ctx, func(w replstate.Warning) { list = append(list, w.Number) }), &list
}
