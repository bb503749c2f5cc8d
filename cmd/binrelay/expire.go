package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"binrelay/sql"
)

// expireEvery is how often binlog files are checked for their age.
const expireEvery = time.Minute

// expirer purges binlog files older than binlog_expire_logs_seconds, at the
// start and by timer. FLUSH BINARY LOGS does it too.
type expirer struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func startExpirer(s *sql.Server, log *slog.Logger) *expirer {
	ctx, cancel := context.WithCancel(context.Background())
	x := &expirer{cancel: cancel}
	x.wg.Go(func() {
		tick := time.NewTicker(expireEvery)
		defer tick.Stop()
		for {
			if err := s.ExpireLogs(ctx); err != nil && ctx.Err() == nil {
				log.Warn("expired binlog files not purged", "err", err)
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
