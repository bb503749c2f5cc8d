package replica

import (
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/relaylog"
)

// newFuzzQueue returns a receiver over a fresh relay log.
func newFuzzQueue(t testing.TB) *receiver {
	t.Helper()
	o := Options{Settings: func() Settings {
		return Settings{ServerID: 202, MaxEventBytes: 1 << 20, NetTimeout: time.Second}
	}}
	o.fill()
	log, _, err := relaylog.Open(relaylog.Options{FS: vfs.NewMem(), Dir: "/relay", ServerID: func() uint32 { return 202 }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return &receiver{opt: &o, st: &state{}, relay: log, logger: o.Logger, writing: new(sync.Mutex)}
}
