package auth

import (
	"slices"

	"github.com/dolthub/vitess/go/mysql"
)

func (d *draft) createRoles(st *CreateRoles, e *Env) (Result, error) {
	if e.Active.Global&(CreateUser|CreateRole) == 0 {
		return Result{}, denied((CreateUser | CreateRole).String())
	}
	var there []Name
	roles := names(e.resolve(st.Roles))
	for i, n := range roles {
		if _, ok := d.byName[n]; ok || n.User == "" || slices.Contains(roles[:i], n) {
			there = append(there, n)
		}
	}
	if len(there) > 0 && !st.If {
		return Result{}, failed("CREATE ROLE", there)
	}
	for _, n := range roles {
		if slices.Contains(there, n) {
			e.note(3163, "Authorization ID %s already exists.", n.Quoted())
			continue
		}
		d.add(&User{Name: n, Plugin: e.plugin(), Changed: e.Now.UTC(), Locked: true, Expired: true})
	}
	return Result{Text: e.text(st.Roles)}, nil
}

func unknownID(n Name) error {
	return mysql.NewSQLError(3523, "HY000", "Unknown authorization ID %s", n)
}

func notGranted(role, to Name) error {
	return mysql.NewSQLError(3530, "HY000", "%s is not granted to %s", role, to)
}

// mayGrantRole checks that the session may grant or revoke a role.
func (d *draft) mayGrantRole(e *Env, role Name) error {
	if e.Active.all || e.Active.HasDynamic("ROLE_ADMIN") || e.Active.Global&Super != 0 {
		return nil
	}
	for _, to := range append([]Name{e.Self}, e.Active.Roles...) {
		if i := d.edge(role, to); i >= 0 && d.Edges[i].Admin {
			return nil
		}
	}
	return denied("WITH ADMIN, ROLE_ADMIN, SUPER")
}

func (d *draft) grantRoles(st *GrantRole, e *Env) (Result, error) {
	roles, users := names(e.resolve(st.Roles)), names(e.resolve(st.Users))
	r := Result{Text: e.text(st.Roles, st.Users)}
	for _, role := range roles {
		if err := d.mayGrantRole(e, role); err != nil {
			return Result{}, err
		}
		if err := d.mayTouch(e, []Name{role}); err != nil {
			return Result{}, err
		}
	}
	if st.Revoke {
		return r, d.revokeRoles(st, e, roles, users)
	}
	for _, to := range users {
		if _, ok := d.byName[to]; !ok {
			return Result{}, unknownID(to)
		}
		for _, role := range roles {
			if err := d.giveRole(role, to, st.Admin); err != nil {
				return Result{}, err
			}
		}
	}
	return r, nil
}

// giveRoles grants roles to an account that is being made.
func (d *draft) giveRoles(e *Env, roles []Name, to Name) error {
	for _, role := range roles {
		if err := d.mayGrantRole(e, role); err != nil {
			return err
		}
		if err := d.giveRole(role, to, false); err != nil {
			return err
		}
	}
	return nil
}

func (d *draft) giveRole(role, to Name, admin bool) error {
	r, ok := d.byName[role]
	switch {
	case !ok:
		return unknownID(role)
	case r.User == "":
		return mysql.NewSQLError(3876, "HY000", "Cannot grant roles to an anonymous user.")
	case slices.Contains(d.closure([]Name{role}), to):
		return mysql.NewSQLError(4027, "HY000", "User account %s is directly or indirectly granted to the role %s. The GRANT would create a loop", role, to)
	}
	if i := d.edge(role, to); i >= 0 {
		d.Edges[i].Admin = d.Edges[i].Admin || admin
		return nil
	}
	d.Edges = append(d.Edges, RoleEdge{role, to, admin})
	return nil
}

func (d *draft) revokeRoles(st *GrantRole, e *Env, roles, users []Name) error {
	problem := func(err error, ignored bool) error {
		if se, ok := err.(*mysql.SQLError); ok && ignored {
			e.warn("Warning", se.Num, "%s", se.Message)
			return nil
		}
		return err
	}
	for _, from := range users {
		if _, ok := d.byName[from]; !ok {
			if err := problem(unknownID(from), st.IgnoreUser); err != nil {
				return err
			}
			continue
		}
		for _, role := range roles {
			if slices.Contains(e.Mandatory, role) {
				return mandatory(role)
			}
			if _, ok := d.byName[role]; !ok {
				if err := problem(unknownID(role), st.If); err != nil {
					return err
				}
				continue
			}
			i := d.edge(role, from)
			switch {
			case i < 0:
				if err := problem(notGranted(role, from), st.If); err != nil {
					return err
				}
			case st.AdminOnly:
				d.Edges[i].Admin = false
			default:
				d.Edges = slices.Delete(d.Edges, i, i+1)
				if u := d.edit(from); slices.Contains(u.DefaultRoles, role) {
					u.DefaultRoles = slices.DeleteFunc(u.DefaultRoles, func(n Name) bool { return n == role })
				}
			}
		}
	}
	return nil
}

func (d *draft) setDefaultRoles(st *SetDefaultRole, e *Env) (Result, error) {
	users := e.resolve(st.Users)
	for _, s := range users {
		if s.Name != e.Self && !e.managesUsers() && e.Active.Database("mysql")&Update == 0 {
			return Result{}, denied("CREATE USER")
		}
		u := d.edit(s.Name)
		if u == nil {
			if st.If {
				e.note(3162, "Authorization ID %s does not exist.", s.Quoted())
				continue
			}
			return Result{}, failed("ALTER USER", []Name{s.Name})
		}
		granted := d.RolesOf(s.Name, e.Mandatory)
		var roles []Name
		switch {
		case st.Roles.All:
			roles = granted
		case !st.Roles.None:
			roles = names(e.resolve(st.Roles.List))
		}
		for _, r := range roles {
			if !slices.Contains(granted, r) {
				return Result{}, notGranted(r, s.Name)
			}
		}
		u.DefaultRoles = slices.Clone(roles)
		slices.SortFunc(u.DefaultRoles, Name.compare)
		u.DefaultRoles = slices.Compact(u.DefaultRoles)
	}
	if len(users) == 1 && users[0].Current && users[0].to == 0 {
		return Result{Text: e.text(st.Roles.List) + " TO " + e.name(e.Self)}, nil
	}
	return Result{Text: e.text(st.Roles.List, st.Users)}, nil
}

// Choose returns the roles that SET ROLE makes active.
func (g *Grants) Choose(st *SetRole, e *Env) ([]Name, error) {
	granted := g.RolesOf(e.Self, e.Mandatory)
	list := names(e.resolve(st.Roles.List))
	switch {
	case st.Roles.None:
		return nil, nil
	case st.Roles.Default:
		return g.DefaultRoles(e.Self, e.Mandatory, false), nil
	case st.Roles.Except:
		return slices.DeleteFunc(granted, func(n Name) bool { return slices.Contains(list, n) }), nil
	case st.Roles.All:
		return granted, nil
	}
	for _, r := range list {
		if !slices.Contains(granted, r) {
			return nil, notGranted(r, e.Self)
		}
	}
	return list, nil
}

// DefaultRoles returns the roles that a log-in makes active: all if all is
// true (activate_all_roles_on_login).
func (g *Grants) DefaultRoles(n Name, mandatory []Name, all bool) []Name {
	if all {
		return g.RolesOf(n, mandatory)
	}
	u, ok := g.byName[n]
	if !ok {
		return nil
	}
	granted := g.RolesOf(n, mandatory)
	return slices.DeleteFunc(slices.Clone(u.DefaultRoles), func(r Name) bool { return !slices.Contains(granted, r) })
}

// ParseRoles reads a list of roles, as mandatory_roles has it.
func ParseRoles(list string) ([]Name, error) {
	p := &parser{sql: list, l: lexer{s: list}}
	if p.advance(); p.tok.kind == tokEnd {
		return nil, nil
	}
	roles := p.accounts()
	if p.tok.kind != tokEnd {
		p.fail()
	}
	return names(roles), p.err
}
