package sql

import (
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/sql/auth"
)

// accountFunctions tell who the session is.
var accountFunctions = []function{
	{name: "user", typ: types.LongText, eval: clientUser},
	{name: "session_user", typ: types.LongText, eval: clientUser},
	{name: "system_user", typ: types.LongText, eval: clientUser},
	{name: "current_user", typ: types.LongText, eval: currentUser},
	{name: "current_role", typ: types.LongText, eval: currentRole},
}

// clientUser is USER(): the name that the client gave, and where it is.
func clientUser(ctx *gms.Context, _ *Server, _ []any) (any, error) {
	if s := sessionOf(ctx); s != nil && s.client != nil {
		return s.client.User + "@" + s.client.Host, nil
	}
	return ctx.Client().User + "@" + ctx.Client().Address, nil
}

// currentUser is CURRENT_USER(): the account.
func currentUser(ctx *gms.Context, _ *Server, _ []any) (any, error) {
	return ctx.Client().User + "@" + ctx.Client().Address, nil
}

// currentRole is CURRENT_ROLE(): the active roles.
func currentRole(ctx *gms.Context, _ *Server, _ []any) (any, error) {
	s := sessionOf(ctx)
	if s == nil || len(s.Active().Roles) == 0 {
		return "NONE", nil
	}
	var names []string
	for _, r := range s.Active().Roles {
		names = append(names, r.String())
	}
	return strings.Join(names, ","), nil
}

func checkMandatoryRoles(_ *gms.Context, _ *Server, _ bool, v any) error {
	if _, err := auth.ParseRoles(v.(string)); err != nil {
		return sqlError(1231, "42000", "Variable 'mandatory_roles' can't be set to the value of '%s'", v)
	}
	return nil
}

func refusePartialRevokes(_ *gms.Context, _ *Server, _ bool, v any) error {
	if v.(bool) {
		return notSupported("partial_revokes")
	}
	return nil
}

// Databases of the catalog, as the session sees them.

// Database implements gms.DatabaseProvider.
func (c *catalog) Database(ctx *gms.Context, name string) (gms.Database, error) {
	d, err := c.plain(ctx, name)
	s := sessionOf(ctx)
	if s == nil || s.internal {
		return d, err
	}
	if !s.Active().Sees(name) {
		return nil, s.noDatabase(name)
	}
	if err != nil || d == gms.Database(c.grants) {
		return d, err
	}
	return mysql_db.NewPrivilegedDatabase(nil, d, s.server.engine.Analyzer.Catalog.AuthHandler), nil
}

// plain returns a database, whatever the session's privileges.
func (c *catalog) plain(ctx *gms.Context, name string) (gms.Database, error) {
	if strings.EqualFold(name, "mysql") && c.grants != nil {
		return c.grants, nil
	}
	return c.Provider.Database(ctx, name)
}

// HasDatabase implements gms.DatabaseProvider.
func (c *catalog) HasDatabase(ctx *gms.Context, name string) bool {
	if strings.EqualFold(name, "mysql") {
		return true
	}
	if s := sessionOf(ctx); s != nil && !s.Active().Sees(name) {
		return false
	}
	return c.Provider.HasDatabase(ctx, name)
}

// AllDatabases implements gms.DatabaseProvider. Databases without tables of the
// store are not among them: a dump of all would take their rows along.
func (c *catalog) AllDatabases(ctx *gms.Context) []gms.Database {
	all := c.Provider.AllDatabases(ctx)
	s := sessionOf(ctx)
	if s == nil || s.internal {
		return all
	}
	var seen []gms.Database
	for _, d := range all {
		if s.Active().Sees(d.Name()) {
			seen = append(seen, mysql_db.NewPrivilegedDatabase(nil, d, s.server.engine.Analyzer.Catalog.AuthHandler))
		}
	}
	return seen
}
