package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"binrelay/sql/storage/lock"
)

// TableLock asks for a lock of LOCK TABLES: READ, or WRITE.
type TableLock struct {
	Database, Table string
	Write           bool
}

// TableLocks are the locks of LOCK TABLES. They outlive transactions. The
// transactions and DDL scopes that name them in their options may use the
// locked tables alone, and without waiting; all others wait. Used by one
// session; nil holds nothing.
type TableLocks struct {
	ts    *tables
	owner *lock.Owner
	held  map[metaName]lock.Mode // S = READ, X = WRITE
}

// NotLockedError means that a table was not named in LOCK TABLES (1100).
type NotLockedError struct{ Table string }

func (e *NotLockedError) Error() string {
	return fmt.Sprintf("Table '%s' was not locked with LOCK TABLES", e.Table)
}

// ReadLockedError means a change to a table that is locked for reading (1099).
type ReadLockedError struct{ Table string }

func (e *ReadLockedError) Error() string {
	return fmt.Sprintf("Table '%s' was locked with a READ lock and can't be updated", e.Table)
}

// LockTables takes all the locks, or none. wait is lock_wait_timeout for each;
// 0 = one year. Errors: *NoTableError, ErrLockTimeout, ErrDeadlock, the
// context's.
func (e *Engine) LockTables(ctx context.Context, want []TableLock, wait time.Duration, threadID uint32) (*TableLocks, error) {
	if wait <= 0 {
		wait = 365 * 24 * time.Hour
	}
	ts := e.tables
	l := &TableLocks{ts: ts, owner: ts.locks.NewOwner(uint64(threadID)), held: make(map[metaName]lock.Mode)}
	for _, w := range want {
		n, mode := metaName{w.Database, w.Table}, lock.S
		if w.Write {
			mode = lock.X
		}
		l.held[n] = max(l.held[n], mode)
	}
	names := make([]metaName, 0, len(l.held))
	for n := range l.held {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b metaName) int { return slices.Compare(a.key(), b.key()) })
	for _, n := range names {
		_, err := ts.locks.Acquire(ctx, l.owner, n.key(), l.held[n], lock.Wait{Timeout: wait})
		if err == nil {
			_, err = ts.catalog.Load().lookup(n.db, n.table)
		}
		switch {
		case errors.Is(err, lock.ErrDeadlock):
			err = ErrDeadlock
		case errors.Is(err, lock.ErrTimeout):
			err = ErrLockTimeout
		}
		if err != nil {
			l.Release()
			return nil, err
		}
	}
	return l, nil
}

// Release gives the locks back. Later calls do nothing.
func (l *TableLocks) Release() {
	if l != nil && l.held != nil {
		l.held = nil
		l.ts.locks.ReleaseAll(l.owner)
	}
}

// Held reports whether there are locks.
func (l *TableLocks) Held() bool { return l != nil && len(l.held) > 0 }

// allow reports whether the locks hold n strongly enough for m, so that no lock
// is to be taken. Tables that are not locked are out of reach while any is.
func (l *TableLocks) allow(n metaName, m lock.Mode) (held bool, err error) {
	if !l.Held() {
		return false, nil
	}
	switch have := l.held[n]; {
	case have == lock.X, have == lock.S && m == lock.IS:
		return true, nil
	case have == lock.S:
		return false, &ReadLockedError{n.table}
	}
	if n.table == "" {
		return false, nil // a database's own lock
	}
	return false, &NotLockedError{n.table}
}

// holds reports whether n is locked, however strongly.
func (l *TableLocks) holds(n metaName) bool { return l.Held() && l.held[n] != 0 }
