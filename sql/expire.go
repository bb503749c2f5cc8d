package sql

import (
	"context"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
)

// ExpireLogs removes the binlog files that are older than
// binlog_expire_logs_seconds, oldest first, up to one that recovery or a dump
// needs. Nothing is removed with binlog_expire_logs_auto_purge=OFF.
func (s *Server) ExpireLogs(ctx context.Context) error {
	age := time.Duration(s.vars.Int("binlog_expire_logs_seconds")) * time.Second
	if age == 0 {
		age = time.Duration(s.vars.Int("expire_logs_days")) * 24 * time.Hour
	}
	if age == 0 || s.o.Engine.Binlog() == nil || !s.vars.Bool("binlog_expire_logs_auto_purge") {
		return nil
	}
	_, err := s.o.Engine.PurgeBefore(ctx, s.now().Add(-age), nil)
	return err
}

// checkExpiry refuses that both variables of the age are set.
func checkExpiry(other string) func(*gms.Context, *Server, bool, any) error {
	return func(_ *gms.Context, s *Server, _ bool, v any) error {
		if v.(int64) != 0 && s.vars.Int(other) != 0 {
			return sqlError(3704, "HY000", "The option expire_logs_days and binlog_expire_logs_seconds cannot be used together. "+
				"Please use binlog_expire_logs_seconds to set the expire time (expire_logs_days is deprecated)")
		}
		return nil
	}
}
