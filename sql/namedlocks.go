package sql

import (
	"errors"
	"math"
	"time"
	"unicode/utf8"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/sql/storage"
)

// lockFunctions take the place of go-mysql-server's, which know no deadlocks.
var lockFunctions = []function{
	{name: "get_lock", min: 2, max: 2, typ: types.Int64, eval: getLock},
	{name: "release_lock", min: 1, max: 1, typ: types.Int64, eval: releaseLock},
	{name: "release_all_locks", typ: types.Int64, eval: releaseAllLocks},
	{name: "is_free_lock", min: 1, max: 1, typ: types.Int64, eval: isFreeLock},
	{name: "is_used_lock", min: 1, max: 1, typ: types.Int64, eval: isUsedLock},
}

// lockName is the name argument of GET_LOCK and its kin.
func lockName(arg any) (string, error) {
	const maxName = 64
	name := "NULL"
	if arg != nil {
		name = argText(arg)
	}
	if arg == nil || name == "" || utf8.RuneCountInString(name) > maxName {
		return "", sqlError(3057, "42000", "Incorrect user-level lock name '%s'.", name)
	}
	return name, nil
}

// named returns the session's locks of GET_LOCK.
func (s *Session) named() *storage.NamedLocks {
	if s.namedLocks == nil {
		s.namedLocks = s.server.o.Engine.NamedLocks(s.ID())
	}
	return s.namedLocks
}

// getLock is GET_LOCK(name, timeout): 1 = taken, 0 = not in time. A negative
// time-out, and NULL, wait for ever.
func getLock(ctx *gms.Context, _ *Server, args []any) (any, error) {
	name, err := lockName(args[0])
	if err != nil {
		return nil, err
	}
	wait := time.Duration(-1)
	if args[1] != nil {
		f, _, err := types.Float64.Convert(ctx, args[1])
		if err != nil {
			return nil, err
		}
		if seconds := math.Round(f.(float64)); seconds >= 0 {
			wait = time.Duration(min(seconds, 365*86400)) * time.Second
		}
	}
	err = sessionOf(ctx).named().Get(ctx, name, wait)
	switch {
	case err == nil:
		return int64(1), nil
	case errors.Is(err, storage.ErrLockTimeout):
		return int64(0), nil
	case errors.Is(err, storage.ErrDeadlock):
		return nil, sqlError(3058, "HY000", "Deadlock found when trying to get user-level lock; try rolling back transaction/releasing locks and restarting lock acquisition.")
	}
	return nil, err
}

// releaseLock is RELEASE_LOCK(name): 0 = another's, NULL = nobody's.
func releaseLock(ctx *gms.Context, s *Server, args []any) (any, error) {
	name, err := lockName(args[0])
	if err != nil {
		return nil, err
	}
	if sessionOf(ctx).named().Release(name) {
		return int64(1), nil
	}
	if _, used := s.o.Engine.NamedLockHolder(name); used {
		return int64(0), nil
	}
	return nil, nil
}

func releaseAllLocks(ctx *gms.Context, _ *Server, _ []any) (any, error) {
	return int64(sessionOf(ctx).named().ReleaseAll()), nil
}

func isFreeLock(_ *gms.Context, s *Server, args []any) (any, error) {
	name, err := lockName(args[0])
	if err != nil {
		return nil, err
	}
	_, used := s.o.Engine.NamedLockHolder(name)
	return int64(b2i(!used)), nil
}

// isUsedLock is IS_USED_LOCK(name): the connection that has it, or NULL.
func isUsedLock(_ *gms.Context, s *Server, args []any) (any, error) {
	name, err := lockName(args[0])
	if err != nil {
		return nil, err
	}
	if id, used := s.o.Engine.NamedLockHolder(name); used {
		return int64(id), nil
	}
	return nil, nil
}
