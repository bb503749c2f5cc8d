package auth

import (
	"fmt"
	"slices"
	"strings"
)

// ShowCreate is SHOW CREATE USER.
func (u *User) ShowCreate() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE USER %s IDENTIFIED WITH %s", u.Name, quote(u.Plugin))
	if u.Stored != "" {
		b.WriteString(" AS " + quote(u.Stored))
	}
	if len(u.DefaultRoles) > 0 {
		b.WriteString(" DEFAULT ROLE " + joinNames(u.DefaultRoles))
	}
	b.WriteString((&Require{u.SSLType, u.SSLCipher, u.X509Issuer, u.X509Subject}).text(quote))
	with := " WITH"
	for _, l := range []struct {
		name string
		n    uint32
	}{{"MAX_QUERIES_PER_HOUR", u.Limits.Questions}, {"MAX_UPDATES_PER_HOUR", u.Limits.Updates},
		{"MAX_CONNECTIONS_PER_HOUR", u.Limits.Connections}, {"MAX_USER_CONNECTIONS", u.Limits.UserConnections}} {
		if l.n != 0 {
			fmt.Fprintf(&b, "%s %s %d", with, l.name, l.n)
			with = ""
		}
	}
	b.WriteString(expireText(u.Expired, u.Lifetime))
	b.WriteString(map[bool]string{true: " ACCOUNT LOCK", false: " ACCOUNT UNLOCK"}[u.Locked])
	b.WriteString(" PASSWORD HISTORY " + orDefault(u.ReuseHistory, ""))
	b.WriteString(" PASSWORD REUSE INTERVAL " + orDefault(u.ReuseDays, " DAY"))
	b.WriteString(" PASSWORD REQUIRE CURRENT" + currentText(u.RequireCurrent))
	if u.FailedLogins != 0 || u.LockDays != 0 {
		fmt.Fprintf(&b, " FAILED_LOGIN_ATTEMPTS %d PASSWORD_LOCK_TIME %s", u.FailedLogins, daysText(u.LockDays))
	}
	if u.Metadata != "" {
		b.WriteString(" ATTRIBUTE " + quote(u.Metadata))
	}
	return b.String()
}

func joinNames(list []Name) string {
	parts := make([]string, len(list))
	for i, n := range list {
		parts[i] = n.String()
	}
	return strings.Join(parts, ",")
}

// ShowGrants is SHOW GRANTS for an account, with what some of its roles add: one
// statement a row.
func (g *Grants) ShowGrants(u *User, using, mandatory []Name) []string {
	m := g.merged(u, using, mandatory)
	to := " TO " + u.Name.String()
	var rows []string
	add := func(privileges, on string, option bool) {
		rows = append(rows, "GRANT "+privileges+" ON "+on+to+withOption(option, "GRANT"))
	}
	static, option := privilegeText(m.Global, 0)
	add(static, "*.*", option)
	for _, option := range []bool{false, true} {
		var list []string
		for name, with := range m.Dynamic {
			if with == option {
				list = append(list, name)
			}
		}
		if slices.Sort(list); len(list) > 0 {
			add(strings.Join(list, ","), "*.*", option)
		}
	}
	for _, d := range m.SortedDatabases() {
		text, option := privilegeText(d.Privileges, allDatabase)
		add(text, ident(d.Name)+".*", option)
	}
	for _, t := range m.SortedTables() {
		text, option := t.text()
		add(text, ident(t.Database)+"."+ident(t.Table), option)
	}
	for _, r := range m.SortedRoutines() {
		text, option := privilegeText(r.Privileges, 0)
		add(text, r.kind()+" "+ident(r.Database)+"."+ident(r.Routine), option)
	}
	for _, admin := range []bool{false, true} {
		var roles []Name
		for _, e := range g.Edges {
			if e.To == u.Name && e.Admin == admin {
				roles = append(roles, e.Role)
			}
		}
		if !admin {
			for _, r := range mandatory {
				if _, ok := g.byName[r]; ok && r != u.Name && g.edge(r, u.Name) < 0 {
					roles = append(roles, r)
				}
			}
		}
		if slices.SortFunc(roles, Name.compare); len(roles) > 0 {
			rows = append(rows, "GRANT "+joinNames(roles)+to+withOption(admin, "ADMIN"))
		}
	}
	return rows
}

func withOption(with bool, kind string) string {
	if !with {
		return ""
	}
	return " WITH " + kind + " OPTION"
}

// privilegeText writes static privileges, and whether the grant option is among
// them. All of all but that option are ALL PRIVILEGES.
func privilegeText(p, all Privileges) (text string, option bool) {
	option, p = p&GrantOption != 0, p&^GrantOption
	switch {
	case p == 0:
		return "USAGE", option
	case p == all&^GrantOption:
		return "ALL PRIVILEGES", option
	}
	return p.String(), option
}

func (t *TableGrant) text() (text string, option bool) {
	if len(t.Columns) == 0 {
		return privilegeText(t.Privileges, allTable)
	}
	var parts []string
	((t.Privileges | t.SomeColumn()) &^ GrantOption).each(func(one Privileges, name string) {
		if t.Privileges&one != 0 {
			parts = append(parts, name)
		}
		var columns []string
		for _, c := range sortedKeys(t.Columns) {
			if t.Columns[c]&one != 0 {
				columns = append(columns, ident(c))
			}
		}
		if len(columns) > 0 {
			parts = append(parts, name+" ("+strings.Join(columns, ", ")+")")
		}
	})
	return strings.Join(parts, ", "), t.Privileges&GrantOption != 0
}

func (r *RoutineGrant) kind() string {
	if r.Function {
		return "FUNCTION"
	}
	return "PROCEDURE"
}

// merged is an account with the privileges that roles give it.
func (g *Grants) merged(u *User, using, mandatory []Name) *User {
	if len(using) == 0 {
		return u
	}
	m := u.clone()
	for _, n := range g.closure(using) {
		r, ok := g.byName[n]
		if !ok {
			continue
		}
		m.Global |= r.Global
		for name, option := range r.Dynamic {
			m.grant(&Grant{Option: option}, Level{kind: globalLevel}, 0, []string{name}, &Env{})
		}
		for _, d := range r.Databases {
			m.grant(&Grant{}, Level{databaseLevel, d.Name, ""}, d.Privileges, nil, &Env{})
		}
		for _, t := range r.Tables {
			m.grant(&Grant{Columns: t.Columns}, Level{tableLevel, t.Database, t.Table}, t.Privileges, nil, &Env{})
		}
		for k, x := range r.Routines {
			kind := procedureLevel
			if k.Function {
				kind = functionLevel
			}
			m.grant(&Grant{}, Level{kind, x.Database, x.Routine}, x.Privileges, nil, &Env{})
		}
	}
	return m
}

// SortedDatabases returns what was granted on databases, by name.
func (u *User) SortedDatabases() (list []DatabaseGrant) {
	for _, d := range u.Databases {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b DatabaseGrant) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// SortedTables returns what was granted on tables and columns, by name.
func (u *User) SortedTables() (list []TableGrant) {
	for _, t := range u.Tables {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b TableGrant) int {
		return strings.Compare(a.Database+"\x00"+a.Table, b.Database+"\x00"+b.Table)
	})
	return list
}

// SortedRoutines returns what was granted on routines, by kind and name.
func (u *User) SortedRoutines() (list []RoutineGrant) {
	for _, r := range u.Routines {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b RoutineGrant) int {
		return strings.Compare(a.kind()+"\x00"+a.Database+"\x00"+a.Routine, b.kind()+"\x00"+b.Database+"\x00"+b.Routine)
	})
	return list
}

// SortedDynamic returns the names of the dynamic privileges.
func (u *User) SortedDynamic() []string {
	names := make([]string, 0, len(u.Dynamic))
	for name := range u.Dynamic {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
