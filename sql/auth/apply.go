package auth

import (
	"slices"
	"strings"
	"time"

	"github.com/dolthub/vitess/go/mysql"
)

// Env is what a statement finds: who runs it, and what it may ask.
type Env struct {
	SQL    string // the statement's text
	Mode   Mode
	Self   Name // the session's account
	Active *Active
	// ClientUser and ClientHost name the client in error texts.
	ClientUser, ClientHost string
	Password               bool // the client sent one

	Database string // the default database
	Now      time.Time

	Plugin         string // default_authentication_plugin
	ReuseHistory   uint16
	ReuseDays      uint16
	RequireCurrent bool
	Mandatory      []Name // mandatory_roles

	// Columns returns a table's columns, Routine tells whether a routine exists.
	// nil = not asked for: the statement was checked elsewhere.
	Columns func(db, table string) (columns []string, ok bool)
	Routine func(db, name string, function bool) bool
	// Warn gets notes and warnings; nil = nobody does.
	Warn func(level string, number int, text string)
}

// Generated is a password that a statement made up.
type Generated struct {
	Name
	Password string
}

// Result is what a statement did.
type Result struct {
	// Text is the statement for the binlog: without passwords in clear text, and
	// with the session's account named.
	Text string
	// Rewritten: Text differs from what the client sent because of a password.
	Rewritten bool
	Generated []Generated
	// OwnPassword: the session's own password was set.
	OwnPassword bool
}

func (e *Env) note(number int, format string, args ...any) { e.warn("Note", number, format, args...) }

func (e *Env) warn(level string, number int, format string, args ...any) {
	if e.Warn != nil {
		e.Warn(level, number, mysql.NewSQLError(number, "HY000", format, args...).Message)
	}
}

// resolve puts the session's account where a statement says CURRENT_USER.
func (e *Env) resolve(list []Spec) []Spec {
	out := slices.Clone(list)
	for i := range out {
		if out[i].Current {
			out[i].Name = e.Self
		}
	}
	return out
}

func names(list []Spec) (out []Name) {
	for _, s := range list {
		out = append(out, s.Name)
	}
	return out
}

// text returns the statement with the session's account in place of
// CURRENT_USER.
func (e *Env) text(lists ...[]Spec) string {
	var all []Spec
	for _, l := range lists {
		for _, s := range l {
			if s.Current && s.to > s.from {
				all = append(all, s)
			}
		}
	}
	slices.SortFunc(all, func(a, b Spec) int { return a.from - b.from })
	var b strings.Builder
	at := 0
	for _, s := range all {
		b.WriteString(e.SQL[at:s.from])
		b.WriteString(e.quote(e.Self.User) + "@" + e.quote(e.Self.Host))
		at = s.to
	}
	b.WriteString(e.SQL[at:])
	return b.String()
}

// quote writes a string for the statement's SQL mode.
func (e *Env) quote(s string) string {
	if e.Mode.NoBackslash {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return quote(s)
}

func (e *Env) name(n Name) string { return e.quote(n.User) + "@" + e.quote(n.Host) }

// denied is error 1227.
func denied(privileges string) error {
	return mysql.NewSQLError(1227, "42000", "Access denied; you need (at least one of) the %s privilege(s) for this operation", privileges)
}

// failed is error 1396 for the accounts that a statement could not do.
func failed(operation string, list []Name) error {
	quoted := make([]string, len(list))
	for i, n := range list {
		quoted[i] = n.Quoted()
	}
	return mysql.NewSQLError(1396, "HY000", "Operation %s failed for %s", operation, strings.Join(quoted, ","))
}

// managesUsers reports whether the session may change other accounts.
func (e *Env) managesUsers() bool {
	return e.Active.Global&CreateUser != 0 || e.Active.Database("mysql")&Update != 0
}

// mayTouch checks that the session may change accounts with SYSTEM_USER.
func (d *draft) mayTouch(e *Env, list []Name) error {
	if e.Active.HasDynamic("SYSTEM_USER") {
		return nil
	}
	for _, n := range list {
		if n != e.Self && d.isSystem(n) {
			return denied("SYSTEM_USER")
		}
	}
	return nil
}

// isSystem reports whether an account has SYSTEM_USER, also by a role.
func (d *draft) isSystem(n Name) bool {
	for _, m := range d.closure([]Name{n}) {
		if u, ok := d.byName[m]; ok {
			if _, ok := u.Dynamic["SYSTEM_USER"]; ok {
				return true
			}
		}
	}
	return false
}

// apply carries a statement out on the draft. After an error the draft is of no
// use.
func (d *draft) apply(st Statement, e *Env) (Result, error) {
	switch st := st.(type) {
	case *DefineUser:
		if st.Alter {
			return d.alterUsers(st, e)
		}
		return d.createUsers(st, e)
	case *SetPassword:
		return d.setPassword(st, e)
	case *DropUser:
		return d.drop(st, e)
	case *RenameUser:
		return d.renameUsers(st, e)
	case *CreateRoles:
		return d.createRoles(st, e)
	case *SetDefaultRole:
		return d.setDefaultRoles(st, e)
	case *Grant:
		return d.grant(st, e)
	case *GrantRole:
		return d.grantRoles(st, e)
	case *RevokeAll:
		return d.revokeAll(st, e)
	case *Refused:
		return Result{}, notSupported(st.Feature)
	}
	return Result{}, notSupported(st.Name())
}
