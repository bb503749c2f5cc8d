package auth

import (
	"slices"
	"strings"
)

// Active is what a session may do: its account and the roles that are active.
// It belongs to one published Grants. Safe for concurrent use.
type Active struct {
	grants *Grants
	users  []*User // the account first
	Roles  []Name  // that the session has set, sorted
	Global Privileges
	all    bool // everything: internal sessions
}

// Everything is what internal sessions may do.
var Everything = &Active{Global: allGlobal, all: true}

// Active returns what an account may do with roles active. Roles that it does
// not have are left out. An unknown account may do nothing.
func (g *Grants) Active(n Name, roles []Name, mandatory []Name) *Active {
	a := &Active{grants: g}
	u, ok := g.byName[n]
	if !ok {
		return a
	}
	a.users = []*User{u}
	granted := g.RolesOf(n, mandatory)
	for _, r := range roles {
		if slices.Contains(granted, r) && !slices.Contains(a.Roles, r) {
			a.Roles = append(a.Roles, r)
		}
	}
	slices.SortFunc(a.Roles, Name.compare)
	for _, r := range g.closure(a.Roles) {
		if role, ok := g.byName[r]; ok {
			a.users = append(a.users, role)
		}
	}
	for _, u := range a.users {
		a.Global |= u.Global
	}
	return a
}

// RolesOf returns the roles that were granted to an account directly, and the
// mandatory ones that exist, sorted.
func (g *Grants) RolesOf(n Name, mandatory []Name) (roles []Name) {
	for _, e := range g.Edges {
		if e.To == n {
			roles = append(roles, e.Role)
		}
	}
	for _, r := range mandatory {
		if _, ok := g.byName[r]; ok && r != n {
			roles = append(roles, r)
		}
	}
	slices.SortFunc(roles, Name.compare)
	return slices.Compact(roles)
}

// closure returns roles with all roles that were granted to them.
func (g *Grants) closure(roles []Name) []Name {
	all := slices.Clone(roles)
	for i := 0; i < len(all); i++ {
		for _, e := range g.Edges {
			if e.To == all[i] && !slices.Contains(all, e.Role) {
				all = append(all, e.Role)
			}
		}
	}
	return all
}

// Current reports whether a belongs to g.
func (a *Active) Current(g *Grants) bool { return a.all || a.grants == g }

// HasDynamic reports whether one of some dynamic privileges is there, in any case.
func (a *Active) HasDynamic(names ...string) bool {
	for _, name := range names {
		if _, ok := a.dynamic(strings.ToUpper(name)); ok {
			return true
		}
	}
	return a.all
}

func (a *Active) dynamic(name string) (grantable, ok bool) {
	for _, u := range a.users {
		g, has := u.Dynamic[name]
		ok, grantable = ok || has, grantable || g
	}
	return grantable || a.all, ok || a.all
}

// onDatabase are the privileges that an account has on a database, by its name
// or by the most specific pattern.
func (u *User) onDatabase(db string) Privileges {
	db = strings.ToLower(db)
	if d, ok := u.Databases[db]; ok {
		return d.Privileges
	}
	for _, d := range u.patterns {
		if like(strings.ToLower(d.Name), db) {
			return d.Privileges
		}
	}
	return 0
}

// Database returns the privileges on a database: global ones too.
func (a *Active) Database(db string) Privileges {
	p := a.Global
	for _, u := range a.users {
		p |= u.onDatabase(db)
	}
	return p
}

// Table returns the privileges on a table: those on its database too.
func (a *Active) Table(db, table string) Privileges {
	p := a.Database(db)
	for _, u := range a.users {
		p |= u.Tables[object(db, table)].Privileges
	}
	return p
}

// SomeColumn returns the privileges on at least one column of a table, besides
// those on the whole of it.
func (a *Active) SomeColumn(db, table string) (p Privileges) {
	for _, u := range a.users {
		t := u.Tables[object(db, table)]
		p |= t.SomeColumn()
	}
	return p
}

// Column returns the privileges on a column, besides those on the table.
func (a *Active) Column(db, table, column string) (p Privileges) {
	for _, u := range a.users {
		p |= u.Tables[object(db, table)].Columns[strings.ToLower(column)]
	}
	return p
}

// Routine returns the privileges on a procedure or function.
func (a *Active) Routine(db, name string, function bool) Privileges {
	p := a.Database(db)
	key := object(db, name)
	key.Function = function
	for _, u := range a.users {
		p |= u.Routines[key].Privileges
	}
	return p
}

// seesAll are the global privileges that show every database. Source: MySQL 8.0
// manual, "SHOW DATABASES".
const seesAll = allGlobal &^ (Reload | Shutdown | Process | File | GrantOption | Super | ReplicationSlave | ReplicationClient | CreateUser |
	CreateTablespace | CreateRole | DropRole)

// Sees reports whether a database exists for the session: it has a privilege on
// it, on something in it, or on all.
func (a *Active) Sees(db string) bool {
	if a.Database(db)&seesAll != 0 {
		return true
	}
	lower := strings.ToLower(db)
	for _, u := range a.users {
		if u.onDatabase(db) != 0 {
			return true
		}
		for k := range u.Tables {
			if k.Database == lower {
				return true
			}
		}
		for k := range u.Routines {
			if k.Database == lower {
				return true
			}
		}
	}
	return false
}

// SeesTable reports whether a table exists for the session.
func (a *Active) SeesTable(db, table string) bool {
	const any = allTable
	return (a.Table(db, table)|a.SomeColumn(db, table))&any != 0
}

// MaySeeAccounts reports whether the session may read all accounts.
func (a *Active) MaySeeAccounts() bool { return a.Database("mysql")&Select != 0 }

// Account returns the session's own account; nil for internal sessions.
func (a *Active) Account() *User {
	if len(a.users) == 0 {
		return nil
	}
	return a.users[0]
}

// Users returns the account and its active roles, with the roles that were
// granted to them.
func (a *Active) Users() []*User { return a.users }
