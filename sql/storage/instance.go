package storage

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"binrelay/sql/storage/lock"
)

// Keys of locks that belong to no table. DDL scopes take both in IX before
// anything else; who wants definitions to stand still takes one in S.
var (
	backupKey = []byte("B") // LOCK INSTANCE FOR BACKUP
	globalKey = []byte("G") // FLUSH TABLES WITH READ LOCK
)

// InstanceLock is LOCK INSTANCE FOR BACKUP: while it is held, no DDL scope but
// those that name it in their options goes on. nil holds nothing.
type InstanceLock struct {
	ts    *tables
	owner *lock.Owner
}

// LockInstance waits for the DDL scopes that run, at most wait (0 = one year).
// Several may hold the lock. Errors: ErrLockTimeout, the context's.
func (e *Engine) LockInstance(ctx context.Context, wait time.Duration, threadID uint32) (*InstanceLock, error) {
	return e.tables.lockInstance(ctx, backupKey, wait, threadID)
}

func (ts *tables) lockInstance(ctx context.Context, key []byte, wait time.Duration, threadID uint32) (*InstanceLock, error) {
	l := &InstanceLock{ts: ts, owner: ts.locks.NewOwner(uint64(threadID))}
	if _, err := ts.locks.Acquire(ctx, l.owner, key, lock.S, lock.Wait{Timeout: wait}); err != nil {
		return nil, plainLockError(err)
	}
	return l, nil
}

// Release gives the lock back. Later calls do nothing.
func (l *InstanceLock) Release() {
	if l != nil && l.owner != nil {
		l.ts.locks.ReleaseAll(l.owner)
		l.owner = nil
	}
}

// FreezeAll is Freeze with DDL scopes kept out too: FLUSH TABLES WITH READ LOCK.
// A scope that holds a table's lock and waits to commit would else keep the
// session that froze from reading the table.
func (e *Engine) FreezeAll(ctx context.Context, wait time.Duration, threadID uint32) (thaw func(), err error) {
	l, err := e.tables.lockInstance(ctx, globalKey, wait, threadID)
	if err != nil {
		return nil, err
	}
	resume, _, err := e.Freeze(ctx)
	if err != nil {
		l.Release()
		return nil, err
	}
	return sync.OnceFunc(func() {
		resume()
		l.Release()
	}), nil
}

// enter waits, once, for those who want definitions to stand still.
func (d *DDL) enter() error {
	if d.entered {
		return nil
	}
	w := lock.Wait{Timeout: d.s.MetaWait}
	_, err := d.ts.locks.Acquire(d.ctx, d.owner, globalKey, lock.IX, w)
	if err == nil && d.s.Instance == nil {
		_, err = d.ts.locks.Acquire(d.ctx, d.owner, backupKey, lock.IX, w)
	}
	d.entered = err == nil
	return plainLockError(err)
}

// plainLockError translates for owners that are no transaction.
func plainLockError(err error) error {
	switch {
	case errors.Is(err, lock.ErrDeadlock):
		return ErrDeadlock
	case errors.Is(err, lock.ErrTimeout):
		return ErrLockTimeout
	case errors.Is(err, lock.ErrNoWait):
		return ErrLockNoWait
	}
	return err
}

// NamedLocks are the locks that GET_LOCK gave a session. They outlive
// transactions. Names compare without regard to case. Used by one goroutine.
type NamedLocks struct {
	ts    *tables
	owner *lock.Owner
	held  map[string]int // by lower-case name: how often
}

// NamedLocks returns an empty set for a session.
func (e *Engine) NamedLocks(threadID uint32) *NamedLocks {
	return &NamedLocks{ts: e.tables, owner: e.tables.locks.NewOwner(uint64(threadID)), held: make(map[string]int)}
}

func namedKey(name string) []byte { return append([]byte{'N'}, strings.ToLower(name)...) }

// Get takes a lock, once more if it is held already. wait < 0 waits for ever, 0
// not at all. Errors: ErrLockTimeout, ErrDeadlock, the context's.
func (n *NamedLocks) Get(ctx context.Context, name string, wait time.Duration) error {
	w := lock.Wait{Timeout: max(wait, 0)}
	if wait == 0 {
		w.Policy = lock.NoWait
	}
	_, err := n.ts.locks.Acquire(ctx, n.owner, namedKey(name), lock.X, w)
	if errors.Is(err, lock.ErrNoWait) {
		return ErrLockTimeout
	}
	if err == nil {
		n.held[strings.ToLower(name)]++
	}
	return plainLockError(err)
}

// Release gives a lock back that was taken once, or reports that it is not held.
func (n *NamedLocks) Release(name string) bool {
	name = strings.ToLower(name)
	switch n.held[name] {
	case 0:
		return false
	case 1:
		delete(n.held, name)
		n.ts.locks.Release(n.owner, namedKey(name))
	default:
		n.held[name]--
	}
	return true
}

// ReleaseAll gives all locks back and returns how often they were taken.
func (n *NamedLocks) ReleaseAll() (count int) {
	if n == nil {
		return 0
	}
	for _, c := range n.held {
		count += c
	}
	clear(n.held)
	n.ts.locks.ReleaseAll(n.owner)
	return count
}

// NamedLockHolder returns the thread that holds a lock of GET_LOCK.
func (e *Engine) NamedLockHolder(name string) (threadID uint32, ok bool) {
	id, ok := e.tables.locks.Holder(namedKey(name))
	return uint32(id), ok
}
