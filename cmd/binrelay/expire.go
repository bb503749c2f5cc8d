package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"binrelay/primary"
	"binrelay/sql"
	"binrelay/sql/storage"
)

// expireEvery is how often binlog files are checked for their age.
const expireEvery = time.Minute

// expirer purges binlog files older than binlog_expire_logs_seconds, at the
// start and by timer.
type expirer struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func startExpirer(e *storage.Engine, r *primary.Registry, vars *sql.Variables, log *slog.Logger) *expirer {
	ctx, cancel := context.WithCancel(context.Background())
	x := &expirer{cancel: cancel}
	if e.Binlog() == nil {
		return x
	}
	x.wg.Go(func() {
		tick := time.NewTicker(expireEvery)
		defer tick.Stop()
		for {
			if s := vars.Int("binlog_expire_logs_seconds"); s > 0 {
				before := time.Now().Add(-time.Duration(s) * time.Second)
				if _, err := e.PurgeBefore(ctx, before, func(f string) bool { return r.InUse(f) > 0 }); err != nil && ctx.Err() == nil {
					log.Warn("expired binlog files not purged", "err", err)
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return x
}

func (x *expirer) stop() {
	x.cancel()
	x.wg.Wait()
}
