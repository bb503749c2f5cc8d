package sql

import (
	"strings"
	"sync"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/vitess/go/vt/sqlparser"
)

// installAuthorization puts authorizer in front of go-mysql-server's own
// checks, once for the process.
var installAuthorization = sync.OnceFunc(func() {
	gms.SetAuthorizationHandlerFactory(authorizers{gms.GetAuthorizationHandlerFactory()})
})

// authorizers makes authorizer values for our sessions' catalogs.
type authorizers struct {
	base gms.AuthorizationHandlerFactory
}

// CreateHandler implements gms.AuthorizationHandlerFactory.
func (f authorizers) CreateHandler(c gms.Catalog) gms.AuthorizationHandler {
	return authorizer{f.base.CreateHandler(c)}
}

// authorizer checks the privileges of statements on tables, databases and the
// server. go-mysql-server alone takes SUPER for every privilege, which MySQL
// does not: REVOKE INSERT takes INSERT away from an account with SUPER too. It
// also names what was denied as MySQL does.
type authorizer struct{ gms.AuthorizationHandler }

// staticPrivileges are the privileges that each kind of statement needs on all
// its targets.
var staticPrivileges = map[string][]gms.PrivilegeType{
	sqlparser.AuthType_ALTER:              {gms.PrivilegeType_Alter},
	sqlparser.AuthType_ALTER_ROUTINE:      {gms.PrivilegeType_AlterRoutine},
	sqlparser.AuthType_CREATE:             {gms.PrivilegeType_Create},
	sqlparser.AuthType_CREATE_ROUTINE:     {gms.PrivilegeType_CreateRoutine},
	sqlparser.AuthType_CREATE_TEMP:        {gms.PrivilegeType_CreateTempTable},
	sqlparser.AuthType_CREATE_USER:        {gms.PrivilegeType_CreateUser},
	sqlparser.AuthType_CREATE_VIEW:        {gms.PrivilegeType_CreateView},
	sqlparser.AuthType_DELETE:             {gms.PrivilegeType_Delete},
	sqlparser.AuthType_DROP:               {gms.PrivilegeType_Drop},
	sqlparser.AuthType_EVENT:              {gms.PrivilegeType_Event},
	sqlparser.AuthType_FILE:               {gms.PrivilegeType_File},
	sqlparser.AuthType_FOREIGN_KEY:        {gms.PrivilegeType_References},
	sqlparser.AuthType_INDEX:              {gms.PrivilegeType_Index},
	sqlparser.AuthType_INSERT:             {gms.PrivilegeType_Insert},
	sqlparser.AuthType_LOCK:               {gms.PrivilegeType_Select, gms.PrivilegeType_LockTables},
	sqlparser.AuthType_PROCESS:            {gms.PrivilegeType_Process},
	sqlparser.AuthType_RELOAD:             {gms.PrivilegeType_Reload},
	sqlparser.AuthType_REPLACE:            {gms.PrivilegeType_Insert, gms.PrivilegeType_Delete},
	sqlparser.AuthType_REPLICATION_CLIENT: {gms.PrivilegeType_ReplicationClient},
	sqlparser.AuthType_SELECT:             {gms.PrivilegeType_Select},
	sqlparser.AuthType_SUPER:              {gms.PrivilegeType_Super},
	sqlparser.AuthType_TRIGGER:            {gms.PrivilegeType_Trigger},
	sqlparser.AuthType_UPDATE:             {gms.PrivilegeType_Update},
}

// HandleAuth implements gms.AuthorizationHandler.
func (a authorizer) HandleAuth(ctx *gms.Context, state gms.AuthorizationQueryState, auth sqlparser.AuthInformation) error {
	s := sessionOf(ctx)
	if s == nil {
		return a.AuthorizationHandler.HandleAuth(ctx, state, auth)
	}
	if s.internal || auth.AuthType == sqlparser.AuthType_IGNORE {
		return nil
	}
	if auth.AuthType == sqlparser.AuthType_SELECT && begins(s.Query(), "SHOW GRANTS") {
		return nil // everybody may see their own; showGrants checks
	}
	if err := s.authorize(ctx, auth); err != nil {
		return err
	}
	return a.AuthorizationHandler.HandleAuth(ctx, state, auth)
}

// authorize checks the targets of a statement.
func (s *Session) authorize(ctx *gms.Context, auth sqlparser.AuthInformation) error {
	if auth.AuthType == sqlparser.AuthType_RENAME {
		return s.authorizeRename(ctx, auth.TargetNames)
	}
	need := staticPrivileges[auth.AuthType]
	if need == nil {
		return nil
	}
	names := auth.TargetNames
	switch auth.TargetType {
	case sqlparser.AuthTargetType_Global:
		if missing := s.lacks(ctx, "", "", need...); missing != "" {
			return accessDenied(missing)
		}
	case sqlparser.AuthTargetType_DatabaseIdentifiers:
		for _, db := range names {
			if s.lacks(ctx, db, "", need...) != "" {
				return sqlError(1044, "42000", "Access denied for user '%s'@'%s' to database '%s'", s.Client().User, s.Client().Address, db)
			}
		}
	case sqlparser.AuthTargetType_SingleTableIdentifier, sqlparser.AuthTargetType_MultipleTableIdentifiers, sqlparser.AuthTargetType_TableColumn:
		step := 2
		if auth.TargetType == sqlparser.AuthTargetType_TableColumn {
			step = 3
		}
		for i := 0; i+1 < len(names); i += step {
			if err := s.authorizeTable(ctx, names[i], names[i+1], need...); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Session) authorizeRename(ctx *gms.Context, names []string) error {
	for i := 0; i+3 < len(names); i += 4 {
		err := s.authorizeTable(ctx, names[i], names[i+1], gms.PrivilegeType_Alter, gms.PrivilegeType_Drop)
		if err == nil {
			err = s.authorizeTable(ctx, names[i+2], names[i+3], gms.PrivilegeType_Create, gms.PrivilegeType_Insert)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// authorizeTable checks privileges on one table.
func (s *Session) authorizeTable(ctx *gms.Context, db, table string, need ...gms.PrivilegeType) error {
	if missing := s.lacks(ctx, db, table, need...); missing != "" {
		return sqlError(1142, "42000", "%s command denied to user '%s'@'%s' for table '%s'", missing, s.Client().User, s.Client().Address, table)
	}
	return nil
}

// lacks names those of the privileges that the session's account does not have
// on a table, a database (table is empty) or the server (both are).
func (s *Session) lacks(ctx *gms.Context, db, table string, need ...gms.PrivilegeType) string {
	d := s.server.engine.Analyzer.Catalog.MySQLDb
	if s.internal || !d.Enabled() || strings.EqualFold(db, "information_schema") {
		return ""
	}
	set := d.UserActivePrivilegeSet(ctx)
	if db == "" && table != "" {
		db = ctx.GetCurrentDatabase()
	}
	var missing []string
	for _, p := range need {
		if set.Has(p) || db != "" && set.Database(db).Has(p) || table != "" && set.Database(db).Table(table).Has(p) {
			continue
		}
		missing = append(missing, p.String())
	}
	return strings.Join(missing, ", ")
}

// showGrants is SHOW GRANTS [FOR account].
func (b *builder) showGrants(ctx *gms.Context, s *Session, n *plan.ShowGrants) (gms.RowIter, error) {
	user, host := s.Client().User, s.Client().Address
	if n.For != nil && !n.CurrentUser {
		user, host = n.For.Name, n.For.Host
		if n.For.AnyHost {
			host = "%"
		}
	}
	if user != s.Client().User && s.lacks(ctx, "mysql", "", gms.PrivilegeType_Select) != "" {
		return nil, sqlError(1044, "42000", "Access denied for user '%s'@'%s' to database 'mysql'", s.Client().User, s.Client().Address)
	}
	rows, err := s.showGrants(ctx, user, host)
	if err != nil {
		return nil, err
	}
	return gms.RowsToRowIter(rows...), nil
}

// showGrants lists an account's privileges as MySQL 8.0 prints them.
func (s *Session) showGrants(_ *gms.Context, user, host string) ([]gms.Row, error) {
	db := s.server.engine.Analyzer.Catalog.MySQLDb
	rd := db.Reader()
	defer rd.Close()
	u := db.GetUser(rd, user, host, false)
	if u == nil {
		return nil, sqlError(1141, "42000", "There is no such grant defined for user '%s' on host '%s'", user, host)
	}
	to := " TO " + quoteName(u.User) + "@" + quoteName(u.Host)
	var rows []gms.Row
	add := func(privileges, on, option string) {
		rows = append(rows, gms.NewRow("GRANT "+privileges+" ON "+on+to+option))
	}
	text, option := privilegeList(u.PrivilegeSet.ToSlice(), 0)
	add(text, "*.*", option)
	for _, option := range []bool{false, true} {
		if list := u.PrivilegeSet.ToSliceDynamic(option); len(list) > 0 {
			add(strings.Join(list, ","), "*.*", map[bool]string{true: withGrantOption}[option])
		}
	}
	for _, d := range u.PrivilegeSet.GetDatabases() {
		name := quoteName(d.Name())
		if list := d.ToSlice(); len(list) > 0 {
			text, option := privilegeList(list, allOnDatabase)
			add(text, name+".*", option)
		}
		for _, t := range d.GetTables() {
			if list := t.ToSlice(); len(list) > 0 {
				text, option := privilegeList(list, allOnTable)
				add(text, name+"."+quoteName(t.Name()), option)
			}
		}
		for _, r := range d.GetRoutines() {
			text, option := privilegeList(r.ToSlice(), 0)
			add(text, r.RoutineType()+" "+name+"."+quoteName(r.RoutineName()), option)
		}
	}
	var roles []string
	for _, e := range rd.GetToUserRoleEdges(mysql_db.RoleEdgesToKey{ToHost: u.Host, ToUser: u.User}) {
		roles = append(roles, quoteName(e.FromUser)+"@"+quoteName(e.FromHost))
	}
	if len(roles) > 0 {
		rows = append(rows, gms.NewRow("GRANT "+strings.Join(roles, ",")+to))
	}
	return rows, nil
}

const withGrantOption = " WITH GRANT OPTION"

// How many privileges, without GRANT OPTION, ALL PRIVILEGES stands for.
const (
	allOnDatabase = 18
	allOnTable    = 12
)

// privilegeList writes privileges, and the option apart. With all > 0 that many
// privileges are ALL PRIVILEGES.
func privilegeList(list []gms.PrivilegeType, all int) (text, option string) {
	names := make([]string, 0, len(list))
	for _, p := range list {
		if p == gms.PrivilegeType_GrantOption {
			option = withGrantOption
			continue
		}
		names = append(names, p.String())
	}
	switch {
	case len(names) == 0:
		return "USAGE", option
	case all > 0 && len(names) >= all:
		return "ALL PRIVILEGES", option
	}
	return strings.Join(names, ", "), option
}

// quoteName writes an identifier in backticks.
func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
