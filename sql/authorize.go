package sql

import (
	"strings"
	"sync"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/auth"
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

// authorizer checks the privileges of statements on tables, columns, routines,
// databases and the server, and names what was denied as MySQL does.
type authorizer struct{ gms.AuthorizationHandler }

// staticPrivileges are the privileges that each kind of statement needs on all
// its targets.
var staticPrivileges = map[string]auth.Privileges{
	sqlparser.AuthType_ALTER:              auth.Alter,
	sqlparser.AuthType_ALTER_ROUTINE:      auth.AlterRoutine,
	sqlparser.AuthType_CREATE:             auth.Create,
	sqlparser.AuthType_CREATE_ROUTINE:     auth.CreateRoutine,
	sqlparser.AuthType_CREATE_TEMP:        auth.CreateTemporaryTables,
	sqlparser.AuthType_CREATE_VIEW:        auth.CreateView,
	sqlparser.AuthType_DELETE:             auth.Delete,
	sqlparser.AuthType_DROP:               auth.Drop,
	sqlparser.AuthType_EVENT:              auth.Event,
	sqlparser.AuthType_FILE:               auth.File,
	sqlparser.AuthType_FOREIGN_KEY:        auth.References,
	sqlparser.AuthType_INDEX:              auth.Index,
	sqlparser.AuthType_INSERT:             auth.Insert,
	sqlparser.AuthType_LOCK:               auth.Select | auth.LockTables,
	sqlparser.AuthType_PROCESS:            auth.Process,
	sqlparser.AuthType_RELOAD:             auth.Reload,
	sqlparser.AuthType_REPLACE:            auth.Insert | auth.Delete,
	sqlparser.AuthType_REPLICATION_CLIENT: auth.ReplicationClient,
	sqlparser.AuthType_SELECT:             auth.Select,
	sqlparser.AuthType_SUPER:              auth.Super,
	sqlparser.AuthType_TRIGGER:            auth.Trigger,
	sqlparser.AuthType_UPDATE:             auth.Update,
}

// HandleAuth implements gms.AuthorizationHandler.
func (a authorizer) HandleAuth(ctx *gms.Context, state gms.AuthorizationQueryState, info sqlparser.AuthInformation) error {
	s := sessionOf(ctx)
	if s == nil {
		return a.AuthorizationHandler.HandleAuth(ctx, state, info)
	}
	if s.internal || info.AuthType == sqlparser.AuthType_IGNORE {
		return nil
	}
	return s.authorize(ctx, info)
}

// CheckDatabase implements gms.AuthorizationHandler.
func (a authorizer) CheckDatabase(ctx *gms.Context, state gms.AuthorizationQueryState, db string) error {
	s := sessionOf(ctx)
	if s == nil {
		return a.AuthorizationHandler.CheckDatabase(ctx, state, db)
	}
	return s.seesDatabase(db)
}

// CheckSchema implements gms.AuthorizationHandler.
func (a authorizer) CheckSchema(ctx *gms.Context, state gms.AuthorizationQueryState, db, schema string) error {
	s := sessionOf(ctx)
	if s == nil {
		return a.AuthorizationHandler.CheckSchema(ctx, state, db, schema)
	}
	return s.seesDatabase(db)
}

// CheckTable implements gms.AuthorizationHandler.
func (a authorizer) CheckTable(ctx *gms.Context, state gms.AuthorizationQueryState, db, schema, table string) error {
	s := sessionOf(ctx)
	if s == nil {
		return a.AuthorizationHandler.CheckTable(ctx, state, db, schema, table)
	}
	if db == "" {
		db = s.GetCurrentDatabase()
	}
	if strings.EqualFold(db, "information_schema") || s.Active().SeesTable(db, table) {
		return nil
	}
	return s.tableDenied("SELECT", table)
}

// seesDatabase fails with error 1044 if a database does not exist for the session.
func (s *Session) seesDatabase(db string) error {
	if db == "" {
		db = s.GetCurrentDatabase()
	}
	if strings.EqualFold(db, "information_schema") || s.Active().Sees(db) {
		return nil
	}
	return s.noDatabase(db)
}

func (s *Session) tableDenied(command, table string) error {
	return sqlError(1142, "42000", "%s command denied to user '%s'@'%s' for table '%s'", command, s.Client().User, s.host(), table)
}

// authorize checks the targets of a statement.
func (s *Session) authorize(ctx *gms.Context, info sqlparser.AuthInformation) error {
	names := info.TargetNames
	switch info.AuthType {
	case sqlparser.AuthType_RENAME:
		return s.authorizeRename(ctx, names)
	case sqlparser.AuthType_CALL:
		return s.authorizeCall(names)
	case sqlparser.AuthType_VISIBLE:
		if info.TargetType == sqlparser.AuthTargetType_DatabaseIdentifiers {
			for _, db := range names {
				if err := s.seesDatabase(db); err != nil {
					return err
				}
			}
		}
		return nil
	case sqlparser.AuthType_BINLOG:
		if !s.may(ctx, gms.PrivilegeType_Super, "binlog_admin", "replication_applier") {
			return accessDenied("SUPER, BINLOG_ADMIN or REPLICATION_APPLIER")
		}
		return nil
	case sqlparser.AuthType_REPLICATION:
		return s.mayAdminister(ctx)
	case sqlparser.AuthType_SHOW_CREATE_PROCEDURE:
		db := s.databaseOf(names[0])
		const any = auth.CreateRoutine | auth.AlterRoutine | auth.Execute
		if s.Active().Global&auth.Select == 0 && s.Active().Database(db)&any == 0 && !s.Active().Sees(db) {
			return s.noDatabase(db)
		}
		return nil
	}
	need := staticPrivileges[info.AuthType]
	if need == 0 {
		return nil
	}
	switch info.TargetType {
	case sqlparser.AuthTargetType_Global:
		if missing := need &^ s.Active().Global; missing != 0 {
			return accessDenied(missing.String())
		}
	case sqlparser.AuthTargetType_DatabaseIdentifiers:
		for _, db := range names {
			if db = s.databaseOf(db); !strings.EqualFold(db, "information_schema") && need&^s.Active().Database(db) != 0 {
				return s.noDatabase(db)
			}
		}
	case sqlparser.AuthTargetType_SingleTableIdentifier, sqlparser.AuthTargetType_MultipleTableIdentifiers, sqlparser.AuthTargetType_TableColumn:
		step := 2
		if info.TargetType == sqlparser.AuthTargetType_TableColumn {
			step = 3
		}
		for i := 0; i+1 < len(names); i += step {
			if err := s.authorizeColumns(names[i], names[i+1], need); err != nil {
				return err
			}
		}
	}
	return nil
}

// databaseOf is a database that a statement names, or the default one.
func (s *Session) databaseOf(db string) string {
	if db == "" {
		return s.GetCurrentDatabase()
	}
	return db
}

// authorizeCall checks EXECUTE on a procedure: names are its database, its name
// and the number of arguments.
func (s *Session) authorizeCall(names []string) error {
	if len(names) < 2 {
		return nil
	}
	db := s.databaseOf(names[0])
	if s.Active().Routine(db, names[1], false)&auth.Execute != 0 {
		return nil
	}
	return sqlError(1370, "42000", "execute command denied to user '%s'@'%s' for routine '%s.%s'", s.Client().User, s.Client().Address, db, names[1])
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
		return s.tableDenied(missing, table)
	}
	return nil
}

// lacks names those of the privileges that the session's account does not have
// on a table, a database (table is empty) or the server (both are).
func (s *Session) lacks(_ *gms.Context, db, table string, need ...gms.PrivilegeType) string {
	if s.internal || strings.EqualFold(db, "information_schema") {
		return ""
	}
	if db == "" && table != "" {
		db = s.GetCurrentDatabase()
	}
	var all auth.Privileges
	for _, p := range need {
		all |= auth.PrivilegeOf(p)
	}
	switch a := s.Active(); {
	case table != "":
		all &^= a.Table(db, table)
	case db != "":
		all &^= a.Database(db)
	default:
		all &^= a.Global
	}
	return all.String()
}

// quoteName writes an identifier in backticks.
func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
