package sql

import (
	"slices"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/information_schema"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/sql/auth"
)

func init() {
	text := func(name string) *gms.Column {
		return &gms.Column{Name: name, Type: types.LongText, Nullable: true, Source: enabledRoles, DatabaseSource: "information_schema"}
	}
	information_schema.NewInformationSchemaTablesToAdd[enabledRoles] = &information_schema.InformationSchemaTable{
		TableName:   enabledRoles,
		TableSchema: gms.Schema{text("ROLE_NAME"), text("ROLE_HOST"), text("IS_DEFAULT"), text("IS_MANDATORY")},
	}
}

// enabledRoles is a table that go-mysql-server does not have.
const enabledRoles = "enabled_roles"

// showPrivileges fills the tables of information_schema that are about
// privileges, accounts and roles.
func (s *Server) showPrivileges(schema gms.Database) {
	for name, rows := range map[string]func(*Session, func(...any)){
		information_schema.UserPrivilegesTableName:                  userPrivilegeRows,
		information_schema.SchemaPrivilegesTableName:                schemaPrivilegeRows,
		information_schema.TablePrivilegesTableName:                 tablePrivilegeRows,
		information_schema.ColumnPrivilegesTableName:                columnPrivilegeRows,
		information_schema.UserAttributesTableName:                  userAttributeRows,
		information_schema.ApplicableRolesTableName:                 applicableRoleRows,
		information_schema.AdministrableRoleAuthorizationsTableName: administrableRoleRows,
		enabledRoles: enabledRoleRows,
	} {
		t, ok, err := schema.GetTableInsensitive(nil, name)
		table, isTable := t.(*information_schema.InformationSchemaTable)
		if err != nil || !ok || !isTable {
			continue
		}
		table.Reader = func(ctx *gms.Context, _ gms.Catalog) (gms.RowIter, error) {
			own := sessionOf(ctx)
			if own == nil {
				return gms.RowsToRowIter(), nil
			}
			var all []gms.Row
			rows(own, func(values ...any) { all = append(all, gms.NewRow(values...)) })
			return gms.RowsToRowIter(all...), nil
		}
	}
}

// shownUsers are the accounts whose privileges the session may see: all, or its
// own and its roles.
func (s *Session) shownUsers() []*auth.User {
	if s.Active().MaySeeAccounts() {
		return s.server.accounts.Grants().Users
	}
	return s.Active().Users()
}

func yes(b bool) string {
	if b {
		return "YES"
	}
	return "NO"
}

// eachPrivilege calls f for every privilege but the grant option, with whether that is
// among them; for USAGE if there is none.
func eachPrivilege(p auth.Privileges, usage bool, f func(name, grantable string)) {
	names := (p &^ auth.GrantOption).Names()
	if len(names) == 0 && usage {
		names = []string{"USAGE"}
	}
	for _, name := range names {
		f(name, yes(p&auth.GrantOption != 0))
	}
}

func userPrivilegeRows(s *Session, add func(...any)) {
	for _, u := range s.shownUsers() {
		eachPrivilege(u.Global, true, func(name, grantable string) { add(u.Quoted(), "def", name, grantable) })
		for _, name := range u.SortedDynamic() {
			add(u.Quoted(), "def", name, yes(u.Dynamic[name]))
		}
	}
}

func schemaPrivilegeRows(s *Session, add func(...any)) {
	for _, u := range s.shownUsers() {
		for _, d := range u.SortedDatabases() {
			eachPrivilege(d.Privileges, true, func(name, grantable string) { add(u.Quoted(), "def", d.Name, name, grantable) })
		}
	}
}

func tablePrivilegeRows(s *Session, add func(...any)) {
	for _, u := range s.shownUsers() {
		for _, t := range u.SortedTables() {
			eachPrivilege(t.Privileges, len(t.Columns) == 0, func(name, grantable string) { add(u.Quoted(), "def", t.Database, t.Table, name, grantable) })
		}
	}
}

func columnPrivilegeRows(s *Session, add func(...any)) {
	for _, u := range s.shownUsers() {
		for _, t := range u.SortedTables() {
			for _, c := range t.SortedColumns() {
				eachPrivilege(t.Columns[c]|t.Privileges&auth.GrantOption, false, func(name, grantable string) {
					add(u.Quoted(), "def", t.Database, t.Table, c, name, grantable)
				})
			}
		}
	}
}

func userAttributeRows(s *Session, add func(...any)) {
	users := s.shownUsers()
	if !s.Active().MaySeeAccounts() && len(users) > 0 {
		users = users[:1]
	}
	for _, u := range users {
		var attribute any
		if u.Metadata != "" {
			attribute = u.Metadata
		}
		add(u.Name.User, u.Host, attribute)
	}
}

// applicable calls f for the roles that the session can use, with the account or
// role that each was granted to.
func (s *Session) applicable(f func(e auth.RoleEdge, mandatory bool)) {
	g := s.server.accounts.Grants()
	mandatory := s.server.mandatoryRoles()
	names := []auth.Name{s.account()}
	for i := 0; i < len(names); i++ {
		for _, e := range g.Edges {
			if e.To != names[i] {
				continue
			}
			f(e, slices.Contains(mandatory, e.Role))
			if !slices.Contains(names, e.Role) {
				names = append(names, e.Role)
			}
		}
		if i > 0 {
			continue
		}
		for _, r := range g.RolesOf(names[0], mandatory) {
			if !slices.Contains(names, r) { // mandatory alone
				f(auth.RoleEdge{Role: r, To: names[0]}, true)
				names = append(names, r)
			}
		}
	}
}

func applicableRoleRows(s *Session, add func(...any)) {
	self := s.account()
	s.applicable(func(e auth.RoleEdge, mandatory bool) {
		add(self.User, self.Host, e.To.User, e.To.Host, e.Role.User, e.Role.Host, yes(e.Admin), yes(s.isDefault(e.Role)), yes(mandatory))
	})
}

func administrableRoleRows(s *Session, add func(...any)) {
	self := s.account()
	s.applicable(func(e auth.RoleEdge, mandatory bool) {
		if e.Admin {
			add(self.User, self.Host, e.To.User, e.To.Host, e.Role.User, e.Role.Host, "YES", yes(s.isDefault(e.Role)), yes(mandatory))
		}
	})
}

func enabledRoleRows(s *Session, add func(...any)) {
	mandatory := s.server.mandatoryRoles()
	for _, r := range s.Active().Roles {
		add(r.User, r.Host, yes(s.isDefault(r)), yes(slices.Contains(mandatory, r)))
	}
}

// isDefault reports whether a role is one of the account's default roles.
func (s *Session) isDefault(role auth.Name) bool {
	u, ok := s.server.accounts.Grants().User(s.account())
	return ok && slices.Contains(u.DefaultRoles, role)
}
