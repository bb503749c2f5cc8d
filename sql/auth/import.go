package auth

import (
	"context"
	"fmt"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
)

// Import replaces all accounts with go-mysql-server's grant tables, in their
// stored form: what servers of before kept.
func (a *Accounts) Import(ctx context.Context, blob []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("loading accounts: %v", r)
		}
	}()
	db := mysql_db.CreateEmptyMySQLDb()
	ed := db.Editor()
	if err := db.OverwriteUsersAndGrantData(gms.NewContext(ctx), ed, blob); err != nil {
		return err
	}
	g := &Grants{}
	ed.VisitUsers(func(u *mysql_db.User) { g.Users = append(g.Users, imported(u)) })
	ed.VisitRoleEdges(func(e *mysql_db.RoleEdge) {
		g.Edges = append(g.Edges, RoleEdge{Name{e.FromUser, e.FromHost}, Name{e.ToUser, e.ToHost}, e.WithAdminOption})
	})
	ed.Close()
	g.index()
	// Roles were always active.
	for _, e := range g.Edges {
		if u, ok := g.byName[e.To]; ok {
			u.DefaultRoles = append(u.DefaultRoles, e.Role)
		}
	}
	a.publish(g)
	return nil
}

func imported(o *mysql_db.User) *User {
	u := &User{
		Name: Name{o.User, o.Host}, Plugin: o.Plugin, Stored: o.AuthString, Changed: o.PasswordLastChanged, Locked: o.Locked || o.IsRole, Expired: o.IsRole,
		SSLType: o.SslType, SSLCipher: o.SslCipher, X509Issuer: o.X509Issuer, X509Subject: o.X509Subject,
		Global: privilegesOf(o.PrivilegeSet.ToSlice()), Dynamic: map[string]bool{},
		Databases: map[string]DatabaseGrant{}, Tables: map[Object]TableGrant{}, Routines: map[Object]RoutineGrant{},
	}
	if u.Plugin == "" {
		u.Plugin = DefaultPlugin
	}
	if u.Global&Super != 0 { // which stood for all of them
		for _, name := range dynamicPrivileges {
			u.Dynamic[name] = u.Global&GrantOption != 0
		}
	}
	for _, option := range []bool{false, true} {
		for _, name := range o.PrivilegeSet.ToSliceDynamic(option) {
			u.Dynamic[name] = option
		}
	}
	for _, d := range o.PrivilegeSet.GetDatabases() {
		if p := privilegesOf(d.ToSlice()); p != 0 {
			u.Databases[object(d.Name(), "").Database] = DatabaseGrant{d.Name(), p}
		}
		for _, t := range d.GetTables() {
			own := TableGrant{Database: d.Name(), Table: t.Name(), Privileges: privilegesOf(t.ToSlice())}
			for _, c := range t.GetColumns() {
				if own.Columns == nil {
					own.Columns = map[string]Privileges{}
				}
				own.Columns[object(c.Name(), "").Database] = privilegesOf(c.ToSlice())
			}
			u.Tables[object(d.Name(), t.Name())] = own
		}
		for _, r := range d.GetRoutines() {
			key := object(d.Name(), r.RoutineName())
			key.Function = r.RoutineType() == "FUNCTION"
			u.Routines[key] = RoutineGrant{Database: d.Name(), Routine: r.RoutineName(), Function: key.Function, Privileges: privilegesOf(r.ToSlice())}
		}
	}
	return u
}

func privilegesOf(list []gms.PrivilegeType) (p Privileges) {
	for _, t := range list {
		p |= PrivilegeOf(t)
	}
	return p
}
