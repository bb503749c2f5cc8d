package sql

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/sqltypes"

	"binrelay/sql/auth"
)

// grantDatabase is the database mysql: the accounts as tables that can be read,
// with the columns of MySQL 8.0, and the help tables, which are empty.
type grantDatabase struct {
	server *Server
	tables map[string]gms.Table // by name in lower case
}

var _ gms.Database = (*grantDatabase)(nil)

// newGrantDatabase takes the help tables from go-mysql-server.
func newGrantDatabase(s *Server, base *mysql_db.MySQLDb) *grantDatabase {
	d := &grantDatabase{server: s, tables: map[string]gms.Table{}}
	for i := range grantTables {
		t := grantTables[i]
		t.server = s
		d.tables[t.name] = &t
	}
	for _, name := range []string{"help_topic", "help_keyword", "help_category", "help_relation"} {
		if t, ok, err := base.GetTableInsensitive(nil, name); ok && err == nil {
			empty := &grantTable{name: name, server: s, rows: func(*auth.Grants) [][]any { return nil }}
			for _, c := range t.Schema(nil) {
				empty.columns = append(empty.columns, grantColumn{name: c.Name, typ: c.Type, nullable: c.Nullable})
			}
			d.tables[name] = empty
		}
	}
	return d
}

// Name implements gms.Database.
func (d *grantDatabase) Name() string { return "mysql" }

// GetTableInsensitive implements gms.Database.
func (d *grantDatabase) GetTableInsensitive(_ *gms.Context, name string) (gms.Table, bool, error) {
	t, ok := d.tables[strings.ToLower(name)]
	return t, ok, nil
}

// GetTableNames implements gms.Database.
func (d *grantDatabase) GetTableNames(*gms.Context) (names []string, err error) {
	for name := range d.tables {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// grantTable is one of the tables.
type grantTable struct {
	name    string
	keys    int // columns of the primary key, the first ones
	columns []grantColumn
	rows    func(g *auth.Grants) [][]any

	server *Server
}

type grantColumn struct {
	name     string
	typ      gms.Type
	nullable bool
}

var (
	_ gms.Table           = (*grantTable)(nil)
	_ gms.PrimaryKeyTable = (*grantTable)(nil)
)

// Name implements gms.Table.
func (t *grantTable) Name() string { return t.name }

// String implements gms.Table.
func (t *grantTable) String() string { return t.name }

// Schema implements gms.Table.
func (t *grantTable) Schema(*gms.Context) gms.Schema {
	out := make(gms.Schema, len(t.columns))
	for i, c := range t.columns {
		out[i] = &gms.Column{Name: c.name, Type: c.typ, Nullable: c.nullable, Source: t.name, DatabaseSource: "mysql", PrimaryKey: i < t.keys}
	}
	return out
}

// PrimaryKeySchema implements gms.PrimaryKeyTable.
func (t *grantTable) PrimaryKeySchema(ctx *gms.Context) gms.PrimaryKeySchema {
	return gms.NewPrimaryKeySchema(t.Schema(ctx))
}

// Collation implements gms.Table.
func (t *grantTable) Collation() gms.CollationID { return gms.Collation_utf8mb3_bin }

// Partitions implements gms.Table.
func (t *grantTable) Partitions(*gms.Context) (gms.PartitionIter, error) {
	return gms.PartitionsToPartitionIter(wholeTable{}), nil
}

// PartitionRows implements gms.Table.
func (t *grantTable) PartitionRows(*gms.Context, gms.Partition) (gms.RowIter, error) {
	all := t.rows(t.server.accounts.Grants())
	rows := make([]gms.Row, len(all))
	for i, r := range all {
		rows[i] = gms.NewRow(r...)
	}
	return gms.RowsToRowIter(rows...), nil
}

// wholeTable is the one partition of a grantTable.
type wholeTable struct{}

// Key implements gms.Partition.
func (wholeTable) Key() []byte { return []byte("all") }

// Types of the grant tables' columns.
var (
	userType   = types.MustCreateString(sqltypes.Char, 32, gms.Collation_utf8mb3_bin)
	hostType   = types.MustCreateString(sqltypes.Char, 255, gms.Collation_ascii_general_ci)
	nameType   = types.MustCreateString(sqltypes.Char, 64, gms.Collation_utf8mb3_bin)
	pluginType = types.MustCreateString(sqltypes.Char, 64, gms.Collation_utf8mb3_bin)
	flagType   = types.MustCreateEnumType([]string{"N", "Y"}, gms.Collation_utf8mb3_general_ci)
	sslType    = types.MustCreateEnumType([]string{"", "ANY", "X509", "SPECIFIED"}, gms.Collation_utf8mb3_general_ci)
	grantType  = types.MustCreateString(sqltypes.VarChar, 288, gms.Collation_utf8mb3_bin)
	columnSet  = types.MustCreateSetType([]string{"Select", "Insert", "Update", "References"}, gms.Collation_utf8mb3_general_ci)
	tableSet   = types.MustCreateSetType([]string{"Select", "Insert", "Update", "Delete", "Create", "Drop", "Grant", "References", "Index", "Alter",
		"Create View", "Show view", "Trigger"}, gms.Collation_utf8mb3_general_ci)
	routineSet  = types.MustCreateSetType([]string{"Execute", "Alter Routine", "Grant"}, gms.Collation_utf8mb3_general_ci)
	routineKind = types.MustCreateEnumType([]string{"FUNCTION", "PROCEDURE"}, gms.Collation_utf8mb3_bin)
)

// flag is a value of flagType.
func flag(y bool) uint16 {
	if y {
		return 2
	}
	return 1
}

// members is a value of a set type: those of p that it has, by their order there.
func members(p auth.Privileges, order ...auth.Privileges) (bits uint64) {
	for i, one := range order {
		if p&one != 0 {
			bits |= 1 << i
		}
	}
	return bits
}

func columnMembers(p auth.Privileges) uint64 {
	return members(p, auth.Select, auth.Insert, auth.Update, auth.References)
}

// privColumn is a column of mysql.user and mysql.db for one privilege.
type privColumn struct {
	name string
	priv auth.Privileges
}

var userPrivileges = []privColumn{{"Select_priv", auth.Select}, {"Insert_priv", auth.Insert}, {"Update_priv", auth.Update},
	{"Delete_priv", auth.Delete}, {"Create_priv", auth.Create}, {"Drop_priv", auth.Drop}, {"Reload_priv", auth.Reload},
	{"Shutdown_priv", auth.Shutdown}, {"Process_priv", auth.Process}, {"File_priv", auth.File}, {"Grant_priv", auth.GrantOption},
	{"References_priv", auth.References}, {"Index_priv", auth.Index}, {"Alter_priv", auth.Alter}, {"Show_db_priv", auth.ShowDatabases},
	{"Super_priv", auth.Super}, {"Create_tmp_table_priv", auth.CreateTemporaryTables}, {"Lock_tables_priv", auth.LockTables},
	{"Execute_priv", auth.Execute}, {"Repl_slave_priv", auth.ReplicationSlave}, {"Repl_client_priv", auth.ReplicationClient},
	{"Create_view_priv", auth.CreateView}, {"Show_view_priv", auth.ShowView}, {"Create_routine_priv", auth.CreateRoutine},
	{"Alter_routine_priv", auth.AlterRoutine}, {"Create_user_priv", auth.CreateUser}, {"Event_priv", auth.Event},
	{"Trigger_priv", auth.Trigger}, {"Create_tablespace_priv", auth.CreateTablespace}}

var databasePrivileges = []privColumn{{"Select_priv", auth.Select}, {"Insert_priv", auth.Insert}, {"Update_priv", auth.Update},
	{"Delete_priv", auth.Delete}, {"Create_priv", auth.Create}, {"Drop_priv", auth.Drop}, {"Grant_priv", auth.GrantOption},
	{"References_priv", auth.References}, {"Index_priv", auth.Index}, {"Alter_priv", auth.Alter},
	{"Create_tmp_table_priv", auth.CreateTemporaryTables}, {"Lock_tables_priv", auth.LockTables}, {"Create_view_priv", auth.CreateView},
	{"Show_view_priv", auth.ShowView}, {"Create_routine_priv", auth.CreateRoutine}, {"Alter_routine_priv", auth.AlterRoutine},
	{"Execute_priv", auth.Execute}, {"Event_priv", auth.Event}, {"Trigger_priv", auth.Trigger}}

func flags(p auth.Privileges, columns []privColumn) (row []any) {
	for _, c := range columns {
		row = append(row, flag(p&c.priv != 0))
	}
	return row
}

func flagColumns(columns []privColumn) (out []grantColumn) {
	for _, c := range columns {
		out = append(out, grantColumn{name: c.name, typ: flagType})
	}
	return out
}

// byHost calls f for every account, as the tables' primary keys order them.
func byHost(g *auth.Grants, f func(u *auth.User)) {
	users := slices.Clone(g.Users)
	slices.SortStableFunc(users, func(a, b *auth.User) int { return strings.Compare(a.Host, b.Host) })
	for _, u := range users {
		f(u)
	}
}

func userRow(u *auth.User) []any {
	row := append([]any{u.Host, u.Name.User}, flags(u.Global, userPrivileges)...)
	var lifetime, history, days, current, attributes any
	if u.Lifetime != nil {
		lifetime = *u.Lifetime
	}
	if u.ReuseHistory != nil {
		history = *u.ReuseHistory
	}
	if u.ReuseDays != nil {
		days = *u.ReuseDays
	}
	if u.RequireCurrent != nil {
		current = flag(*u.RequireCurrent)
	}
	if a := userAttributes(u); len(a) > 0 {
		attributes = types.JSONDocument{Val: a}
	}
	ssl := map[string]uint16{"": 1, "ANY": 2, "X509": 3, "SPECIFIED": 4}[u.SSLType]
	return append(row, ssl, []byte(u.SSLCipher), []byte(u.X509Issuer), []byte(u.X509Subject),
		u.Limits.Questions, u.Limits.Updates, u.Limits.Connections, u.Limits.UserConnections,
		u.Plugin, u.Stored, flag(u.Expired), u.Changed.Truncate(time.Second), lifetime, flag(u.Locked),
		flag(u.Global&auth.CreateRole != 0), flag(u.Global&auth.DropRole != 0), history, days, current, attributes)
}

// userAttributes is the column User_attributes.
func userAttributes(u *auth.User) map[string]any {
	a := map[string]any{}
	if u.Metadata != "" {
		var v any
		if json.Unmarshal([]byte(u.Metadata), &v) == nil {
			a["metadata"] = v
		}
	}
	if u.FailedLogins != 0 || u.LockDays != 0 {
		a["Password_locking"] = map[string]any{"failed_login_attempts": float64(u.FailedLogins), "password_lock_time_days": float64(u.LockDays)}
	}
	return a
}

var grantTables = []grantTable{
	{name: "user", keys: 2,
		columns: slices.Concat([]grantColumn{{name: "Host", typ: hostType}, {name: "User", typ: userType}}, flagColumns(userPrivileges), []grantColumn{
			{name: "ssl_type", typ: sslType}, {name: "ssl_cipher", typ: types.Blob}, {name: "x509_issuer", typ: types.Blob}, {name: "x509_subject", typ: types.Blob},
			{name: "max_questions", typ: types.Uint32}, {name: "max_updates", typ: types.Uint32}, {name: "max_connections", typ: types.Uint32},
			{name: "max_user_connections", typ: types.Uint32}, {name: "plugin", typ: pluginType}, {name: "authentication_string", typ: types.Text, nullable: true},
			{name: "password_expired", typ: flagType}, {name: "password_last_changed", typ: types.Timestamp, nullable: true},
			{name: "password_lifetime", typ: types.Uint16, nullable: true}, {name: "account_locked", typ: flagType},
			{name: "Create_role_priv", typ: flagType}, {name: "Drop_role_priv", typ: flagType},
			{name: "Password_reuse_history", typ: types.Uint16, nullable: true}, {name: "Password_reuse_time", typ: types.Uint16, nullable: true},
			{name: "Password_require_current", typ: flagType, nullable: true}, {name: "User_attributes", typ: types.JSON, nullable: true}}),
		rows: func(g *auth.Grants) (rows [][]any) {
			byHost(g, func(u *auth.User) { rows = append(rows, userRow(u)) })
			return rows
		}},
	{name: "db", keys: 3,
		columns: append([]grantColumn{{name: "Host", typ: hostType}, {name: "Db", typ: nameType}, {name: "User", typ: userType}}, flagColumns(databasePrivileges)...),
		rows: func(g *auth.Grants) (rows [][]any) {
			byHost(g, func(u *auth.User) {
				for _, d := range u.SortedDatabases() {
					rows = append(rows, append([]any{u.Host, d.Name, u.Name.User}, flags(d.Privileges, databasePrivileges)...))
				}
			})
			return rows
		}},
	{name: "tables_priv", keys: 4,
		columns: []grantColumn{{name: "Host", typ: hostType}, {name: "Db", typ: nameType}, {name: "User", typ: userType}, {name: "Table_name", typ: nameType},
			{name: "Grantor", typ: grantType}, {name: "Timestamp", typ: types.Timestamp}, {name: "Table_priv", typ: tableSet}, {name: "Column_priv", typ: columnSet}},
		rows: func(g *auth.Grants) (rows [][]any) {
			byHost(g, func(u *auth.User) {
				for _, t := range u.SortedTables() {
					rows = append(rows, []any{u.Host, t.Database, u.Name.User, t.Table, t.Grantor, t.At.Truncate(time.Second), members(t.Privileges,
						auth.Select, auth.Insert, auth.Update, auth.Delete, auth.Create, auth.Drop, auth.GrantOption, auth.References, auth.Index, auth.Alter,
						auth.CreateView, auth.ShowView, auth.Trigger), columnMembers(t.SomeColumn())})
				}
			})
			return rows
		}},
	{name: "columns_priv", keys: 5,
		columns: []grantColumn{{name: "Host", typ: hostType}, {name: "Db", typ: nameType}, {name: "User", typ: userType}, {name: "Table_name", typ: nameType},
			{name: "Column_name", typ: nameType}, {name: "Timestamp", typ: types.Timestamp}, {name: "Column_priv", typ: columnSet}},
		rows: func(g *auth.Grants) (rows [][]any) {
			byHost(g, func(u *auth.User) {
				for _, t := range u.SortedTables() {
					for _, c := range t.SortedColumns() {
						rows = append(rows, []any{u.Host, t.Database, u.Name.User, t.Table, c, t.At.Truncate(time.Second), columnMembers(t.Columns[c])})
					}
				}
			})
			return rows
		}},
	{name: "procs_priv", keys: 5,
		columns: []grantColumn{{name: "Host", typ: hostType}, {name: "Db", typ: nameType}, {name: "User", typ: userType}, {name: "Routine_name", typ: nameType},
			{name: "Routine_type", typ: routineKind}, {name: "Grantor", typ: grantType}, {name: "Proc_priv", typ: routineSet}, {name: "Timestamp", typ: types.Timestamp}},
		rows: func(g *auth.Grants) (rows [][]any) {
			byHost(g, func(u *auth.User) {
				for _, r := range u.SortedRoutines() {
					kind := uint16(2)
					if r.Function {
						kind = 1
					}
					rows = append(rows, []any{u.Host, r.Database, u.Name.User, r.Routine, kind, r.Grantor,
						members(r.Privileges, auth.Execute, auth.AlterRoutine, auth.GrantOption), r.At.Truncate(time.Second)})
				}
			})
			return rows
		}},
	{name: "global_grants", keys: 3,
		columns: []grantColumn{{name: "USER", typ: userType}, {name: "HOST", typ: hostType}, {name: "PRIV", typ: userType}, {name: "WITH_GRANT_OPTION", typ: flagType}},
		rows: func(g *auth.Grants) (rows [][]any) {
			for _, u := range g.Users {
				for _, name := range u.SortedDynamic() {
					rows = append(rows, []any{u.Name.User, u.Host, name, flag(u.Dynamic[name])})
				}
			}
			return rows
		}},
	{name: "role_edges", keys: 4,
		columns: []grantColumn{{name: "FROM_HOST", typ: hostType}, {name: "FROM_USER", typ: userType}, {name: "TO_HOST", typ: hostType}, {name: "TO_USER", typ: userType},
			{name: "WITH_ADMIN_OPTION", typ: flagType}},
		rows: func(g *auth.Grants) (rows [][]any) {
			for _, e := range g.Edges {
				rows = append(rows, []any{e.Role.Host, e.Role.User, e.To.Host, e.To.User, flag(e.Admin)})
			}
			return rows
		}},
	{name: "default_roles", keys: 4,
		columns: []grantColumn{{name: "HOST", typ: hostType}, {name: "USER", typ: userType}, {name: "DEFAULT_ROLE_HOST", typ: hostType}, {name: "DEFAULT_ROLE_USER", typ: userType}},
		rows: func(g *auth.Grants) (rows [][]any) {
			byHost(g, func(u *auth.User) {
				for _, r := range u.DefaultRoles {
					rows = append(rows, []any{u.Host, u.Name.User, r.Host, r.User})
				}
			})
			return rows
		}},
	{name: "password_history", keys: 3,
		columns: []grantColumn{{name: "Host", typ: hostType}, {name: "User", typ: userType}, {name: "Password_timestamp", typ: types.Timestamp}, {name: "Password", typ: types.Text, nullable: true}},
		rows: func(g *auth.Grants) (rows [][]any) {
			byHost(g, func(u *auth.User) {
				for _, p := range u.History {
					rows = append(rows, []any{u.Host, u.Name.User, p.At.Truncate(time.Second), p.Stored})
				}
			})
			return rows
		}},
	{name: "proxies_priv", keys: 4,
		columns: []grantColumn{{name: "Host", typ: hostType}, {name: "User", typ: userType}, {name: "Proxied_host", typ: hostType}, {name: "Proxied_user", typ: userType},
			{name: "With_grant", typ: types.Int8}, {name: "Grantor", typ: grantType}, {name: "Timestamp", typ: types.Timestamp}},
		rows: func(*auth.Grants) [][]any { return nil }},
}
