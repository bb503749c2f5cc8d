package auth

import (
	"fmt"
	"sync"
	"time"

	"github.com/dolthub/vitess/go/mysql"
)

// usage counts, per account, what its limits are about. Counts of connections
// are kept for accounts with limits only; all are lost at a restart, as in
// MySQL.
type usage struct {
	mu sync.Mutex
	m  map[Name]*counts
}

type counts struct {
	since                           time.Time // of the hour
	questions, updates, connections uint32
	open                            uint32
	failed                          uint16
	lockedAt                        time.Time // zero = not
}

// of returns an account's counts, those of the hour fresh if it is over.
func (u *usage) of(n Name, now time.Time) *counts {
	c := u.m[n]
	if c == nil {
		if u.m == nil {
			u.m = map[Name]*counts{}
		}
		c = &counts{since: now}
		u.m[n] = c
	}
	if now.Sub(c.since) >= time.Hour {
		c.since, c.questions, c.updates, c.connections = now, 0, 0, 0
	}
	return c
}

func (u *usage) reset() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range u.m {
		*c = counts{open: c.open}
	}
}

func (u *usage) forgive(n Name) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if c := u.m[n]; c != nil {
		c.failed, c.lockedAt = 0, time.Time{}
	}
}

// exceeded is error 1226.
func exceeded(user, resource string, value uint32) error {
	return mysql.NewSQLError(1226, "42000", "User '%s' has exceeded the '%s' resource (current value: %d)", user, resource, value)
}

// Connect counts a connection of an account; Disconnect is called when it ends.
// It fails with error 1226 if there are too many.
func (a *Accounts) Connect(acc Account) error {
	l := acc.Limits
	if l.Connections == 0 && l.UserConnections == 0 {
		return nil
	}
	a.usage.mu.Lock()
	defer a.usage.mu.Unlock()
	c := a.usage.of(Name{acc.User, acc.Host}, a.now())
	switch {
	case l.UserConnections > 0 && c.open >= l.UserConnections:
		return exceeded(acc.User, "max_user_connections", l.UserConnections)
	case l.Connections > 0 && c.connections >= l.Connections:
		return exceeded(acc.User, "max_connections_per_hour", l.Connections)
	}
	c.connections++
	c.open++
	return nil
}

// Disconnect ends a connection that Connect counted.
func (a *Accounts) Disconnect(acc Account) {
	if acc.Limits.Connections == 0 && acc.Limits.UserConnections == 0 {
		return
	}
	a.usage.mu.Lock()
	defer a.usage.mu.Unlock()
	if c := a.usage.m[Name{acc.User, acc.Host}]; c != nil && c.open > 0 {
		c.open--
	}
}

// Statement counts a statement of an account, and whether it changes data. It
// fails with error 1226 if there are too many this hour.
func (a *Accounts) Statement(u *User, changes bool) error {
	if u == nil || u.Limits.Questions == 0 && u.Limits.Updates == 0 {
		return nil
	}
	a.usage.mu.Lock()
	defer a.usage.mu.Unlock()
	c := a.usage.of(u.Name, a.now())
	if u.Limits.Questions > 0 && c.questions >= u.Limits.Questions {
		return exceeded(u.User, "max_questions", u.Limits.Questions)
	}
	c.questions++
	if !changes {
		return nil
	}
	if u.Limits.Updates > 0 && c.updates >= u.Limits.Updates {
		return exceeded(u.User, "max_updates", u.Limits.Updates)
	}
	c.updates++
	return nil
}

// Blocked fails with error 3955 while an account is locked for its failed
// log-ins. user and host are the client's, for the text.
func (a *Accounts) Blocked(acc Account, user, host string) error {
	if acc.FailedLogins == 0 || acc.LockDays == 0 {
		return nil
	}
	a.usage.mu.Lock()
	defer a.usage.mu.Unlock()
	c := a.usage.m[Name{acc.User, acc.Host}]
	if c == nil || c.lockedAt.IsZero() {
		return nil
	}
	days, left := "unlimited", "unlimited"
	if acc.LockDays > 0 {
		const day = 24 * time.Hour
		rest := time.Duration(acc.LockDays)*day - a.now().Sub(c.lockedAt)
		if rest <= 0 {
			c.failed, c.lockedAt = 0, time.Time{}
			return nil
		}
		days, left = fmt.Sprint(acc.LockDays), fmt.Sprint(int((rest+day-1)/day))
	}
	return mysql.NewSQLError(3955, "HY000", "Access denied for user '%s'@'%s'. Account is blocked for %s day(s) (%s day(s) remaining) due to %d consecutive failed logins.",
		user, host, days, left, acc.FailedLogins)
}

// Tried notes how a log-in to an account ended.
func (a *Accounts) Tried(acc Account, ok bool) {
	if !acc.Known || acc.FailedLogins == 0 || acc.LockDays == 0 {
		return
	}
	a.usage.mu.Lock()
	defer a.usage.mu.Unlock()
	c := a.usage.of(Name{acc.User, acc.Host}, a.now())
	if ok {
		c.failed = 0
		return
	}
	if c.failed++; c.failed >= acc.FailedLogins && c.lockedAt.IsZero() {
		c.lockedAt = a.now()
	}
}

// PasswordExpired reports whether an account's password is to be changed;
// lifetime is default_password_lifetime, in days, 0 = for ever.
func (a *Accounts) PasswordExpired(acc Account, lifetime uint16) bool {
	if acc.ExpiresAfter != nil {
		lifetime = *acc.ExpiresAfter
	}
	return acc.Expired || lifetime > 0 && a.now().Sub(acc.Changed) >= time.Duration(lifetime)*24*time.Hour
}
