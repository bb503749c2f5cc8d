package sql

import (
	"fmt"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/auth"
	"binrelay/sql/replstmt"
	"binrelay/sql/tables"
)

// routine reads CREATE, ALTER or DROP of a stored function or procedure.
func (p *parser) routine(query string, o *replstmt.Object) (*objectStatement, error) {
	switch o.Verb {
	case "CREATE":
		if o.Kind == "FUNCTION" {
			if library := o.Library(); library != "" {
				return nil, sqlError(1126, "HY000", "Can't open shared library '%s' (errno: 2 %s: cannot open shared object file: No such file or directory)", library, library)
			}
		}
		r, end, err := replstmt.ParseRoutine(query)
		if err != nil {
			return nil, clientError(err)
		}
		return p.routineStatement("CREATE "+r.Kind, end, func(ctx *gms.Context, s *Session) error { return s.createRoutine(ctx, r) }), nil
	case "ALTER":
		a, end, err := replstmt.ParseAlterRoutine(query)
		if err != nil {
			return nil, clientError(err)
		}
		return p.routineStatement("ALTER "+a.Kind, end, func(ctx *gms.Context, s *Session) error { return s.alterRoutine(ctx, a) }), nil
	}
	drop := *o
	return p.routineStatement("DROP "+o.Kind, o.End(), func(ctx *gms.Context, s *Session) error { return s.dropRoutine(ctx, &drop) }), nil
}

func (p *parser) routineStatement(name string, end int, run func(*gms.Context, *Session) error) *objectStatement {
	d := &definition{name: name, run: func(ctx *gms.Context) error {
		s := sessionOf(ctx)
		if s == nil {
			return notSupported(name)
		}
		return run(ctx, s)
	}}
	return &objectStatement{stmt: d.inject(sqlparser.AuthInformation{AuthType: sqlparser.AuthType_IGNORE}), end: end}
}

// objectDatabase returns the database that a stored object is in, or MySQL's error.
func (s *Session) objectDatabase(ctx *gms.Context, t replstmt.Table) (*tables.Database, error) {
	name := t.Database
	if name == "" {
		name = ctx.GetCurrentDatabase()
	}
	if name == "" {
		return nil, sqlError(1046, "3D000", "No database selected")
	}
	if d := s.server.database(ctx, name); d != nil {
		return d, nil
	}
	return nil, sqlError(1049, "42000", "Unknown database '%s'", name)
}

// definer returns the account that a statement names as the definer, or the
// session's own.
func (s *Session) definer(ctx *gms.Context, a *replstmt.Account) (user, host string, err error) {
	c := s.Client()
	if a == nil || a.User == c.User && a.Host == c.Address {
		return c.User, c.Address, nil
	}
	if !s.may(ctx, gms.PrivilegeType_Super, "set_user_id") {
		return "", "", accessDenied("SUPER or SET_USER_ID")
	}
	if !s.internal {
		if _, there := s.server.accounts.Grants().User(auth.Name(*a)); !there {
			s.Warn(&gms.Warning{Level: "Note", Code: 1449, Message: fmt.Sprintf("The user specified as a definer ('%s'@'%s') does not exist", a.User, a.Host)})
		}
	}
	return a.User, a.Host, nil
}

func (s *Session) createRoutine(ctx *gms.Context, st *replstmt.Routine) error {
	d, err := s.objectDatabase(ctx, st.Name)
	if err != nil {
		return err
	}
	if s.lacks(ctx, d.Name(), "", gms.PrivilegeType_CreateRoutine) != "" {
		return sqlError(1044, "42000", "Access denied for user '%s'@'%s' to database '%s'", s.Client().User, s.Client().Address, d.Name())
	}
	r := tables.Routine{Kind: st.Kind, Name: st.Name.Name, Params: st.ParamsText, Data: "CONTAINS SQL", Body: st.BodyText}
	r.Set(st.Characteristics)
	if r.User, r.Host, err = s.definer(ctx, st.Definer); err != nil {
		return err
	}
	if _, there, err := d.Routine(ctx, st.Kind, st.Name.Name); err != nil {
		return err
	} else if there && st.Exists {
		s.Warn(&gms.Warning{Level: "Note", Code: 1304, Message: fmt.Sprintf("%s %s already exists", st.Kind, st.Name.Name)})
		return nil
	} else if there {
		return sqlError(1304, "42000", "%s %s already exists", st.Kind, st.Name.Name)
	}
	if st.Kind == "FUNCTION" {
		if err := s.trusted(ctx, &r); err != nil {
			return err
		}
		if s.server.functions.native[strings.ToLower(r.Name)] {
			s.Warn(&gms.Warning{Level: "Note", Code: 1585, Message: fmt.Sprintf("This function '%s' has the same name as a native function", r.Name)})
		}
	}
	collation := s.collationOf(d.Name())
	p := &program{kind: programKind(st.Kind), db: d.Name(), name: r.Name, params: st.Params, body: st.Body}
	if err := s.newProgram(ctx, p, st.Returns, collation, !s.internal); err != nil {
		return err
	}
	if p.returns != nil {
		r.Returns = returnsText(p.returns)
	}
	mode := policy{s.server, s}
	r.SQLMode, r.Client, r.Connection, r.Collation = gms.LoadSqlMode(ctx).String(), mode.text(ctx, "character_set_client"), mode.text(ctx, "collation_connection"), collation.Name()
	r.Created = ctx.QueryTime().UTC()
	r.Altered = r.Created
	s.SetQuery(createText(&r, st.Name.Database, st.Exists))
	if err := d.LockRoutine(ctx, st.Kind, r.Name); err != nil {
		return err
	}
	if _, there, err := d.Routine(ctx, st.Kind, st.Name.Name); err != nil || there {
		if err == nil {
			err = sqlError(1304, "42000", "%s %s already exists", st.Kind, st.Name.Name)
		}
		return err
	}
	return d.PutRoutine(ctx, r)
}

// collationOf is the default collation of a database.
func (s *Session) collationOf(database string) gms.CollationID {
	if db, ok := s.server.o.Engine.Catalog().Database(database); ok {
		return gms.CollationID(db.Collation)
	}
	return gms.Collation_utf8mb4_0900_ai_ci
}

// trusted refuses a function that may make a source and its replicas differ,
// unless log_bin_trust_function_creators is on.
func (s *Session) trusted(ctx *gms.Context, r *tables.Routine) error {
	if s.internal || s.server.vars.Bool("log_bin_trust_function_creators") || s.server.o.Engine.Binlog() == nil || !(policy{s.server, s}).on(ctx, "sql_log_bin") {
		return nil
	}
	if !r.Deterministic && (r.Data == "CONTAINS SQL" || r.Data == "MODIFIES SQL DATA") {
		return sqlError(1418, "HY000", "This function has none of DETERMINISTIC, NO SQL, or READS SQL DATA in its declaration and binary logging is enabled (you *might* want to use the less safe log_bin_trust_function_creators variable)")
	}
	if !s.may(ctx, gms.PrivilegeType_Super) {
		return sqlError(1419, "HY000", "You do not have the SUPER privilege and binary logging is enabled (you *might* want to use the less safe log_bin_trust_function_creators variable)")
	}
	return nil
}

// returnsText is the type of a function's result as SHOW CREATE FUNCTION prints
// it, with which it is also read again.
func returnsText(v *tables.Variable) string {
	text := v.SQLType
	if v.Collation != 0 {
		text += " CHARSET " + v.Collation.CharacterSet().Name()
		if v.Collation.CharacterSet().DefaultCollation() != v.Collation {
			text += " COLLATE " + v.Collation.Name()
		}
	}
	return text
}

// createText is the statement that makes a routine: what the binlog has and what
// SHOW CREATE prints. database is that of its name, if there is one.
func createText(r *tables.Routine, database string, exists bool) string {
	var b strings.Builder
	b.WriteString("CREATE DEFINER=" + quoteName(r.User) + "@" + quoteName(r.Host) + " " + r.Kind + " ")
	if exists {
		b.WriteString("IF NOT EXISTS ")
	}
	if database != "" {
		b.WriteString(quoteName(database) + ".")
	}
	b.WriteString(quoteName(r.Name) + "(" + r.Params + ")")
	if r.Kind == "FUNCTION" {
		b.WriteString(" RETURNS " + r.Returns)
	}
	b.WriteString("\n")
	if r.Data != "CONTAINS SQL" && r.Data != "" {
		b.WriteString("    " + r.Data + "\n")
	}
	if r.Deterministic {
		b.WriteString("    DETERMINISTIC\n")
	}
	if r.Invoker {
		b.WriteString("    SQL SECURITY INVOKER\n")
	}
	if r.Comment != "" {
		b.WriteString("    COMMENT " + quoteText(r.Comment) + "\n")
	}
	return b.String() + r.Body
}

// quoteText writes a string literal.
func quoteText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`, "\r", `\r`, "\x00", `\0`, "\x1a", `\Z`).Replace(s) + "'"
}

// routineOf finds a routine that a statement changes or shows.
func (s *Session) routineOf(ctx *gms.Context, kind string, t replstmt.Table) (*tables.Database, *tables.Routine, error) {
	d, err := s.objectDatabase(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	r, ok, err := d.Routine(ctx, kind, t.Name)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return d, nil, nil
	}
	return d, &r, nil
}

// mayAlter checks the ALTER ROUTINE privilege.
func (s *Session) mayAlter(d *tables.Database, kind, name string, r *tables.Routine) error {
	c := s.Client()
	if r != nil && r.User == c.User && r.Host == c.Address || s.mayRoutine(d.Name(), name, programKind(kind), auth.AlterRoutine) {
		return nil
	}
	return s.routineDenied("alter routine", d.Name()+"."+name)
}

func (s *Session) alterRoutine(ctx *gms.Context, a *replstmt.AlterRoutine) error {
	d, r, err := s.routineOf(ctx, a.Kind, a.Name)
	if err != nil {
		return err
	}
	if err := s.mayAlter(d, a.Kind, a.Name.Name, r); err != nil {
		return err
	}
	if r == nil {
		return sqlError(1305, "42000", "%s %s.%s does not exist", a.Kind, d.Name(), a.Name.Name)
	}
	if err := d.LockRoutine(ctx, a.Kind, a.Name.Name); err != nil {
		return err
	}
	if now, there, err := d.Routine(ctx, a.Kind, a.Name.Name); err != nil {
		return err
	} else if there {
		r = &now
	} else {
		return sqlError(1305, "42000", "%s %s.%s does not exist", a.Kind, d.Name(), a.Name.Name)
	}
	r.Set(a.Characteristics)
	if a.Kind == "FUNCTION" {
		if err := s.trusted(ctx, r); err != nil {
			return err
		}
	}
	r.Altered = ctx.QueryTime().UTC()
	return d.PutRoutine(ctx, *r)
}

func (s *Session) dropRoutine(ctx *gms.Context, o *replstmt.Object) error {
	if o.Name.Database == "" && ctx.GetCurrentDatabase() == "" && o.Kind == "FUNCTION" {
		if o.Exists {
			s.Warn(&gms.Warning{Level: "Note", Code: 1305, Message: fmt.Sprintf("FUNCTION (UDF) %s does not exist", o.Name.Name)})
			return nil
		}
		return sqlError(1305, "42000", "FUNCTION (UDF) %s does not exist", o.Name.Name)
	}
	d, r, err := s.routineOf(ctx, o.Kind, o.Name)
	if err != nil {
		return err
	}
	if err := s.mayAlter(d, o.Kind, o.Name.Name, r); err != nil {
		return err
	}
	text := fmt.Sprintf("%s %s.%s does not exist", o.Kind, d.Name(), o.Name.Name)
	if r == nil && !o.Exists {
		return sqlError(1305, "42000", "%s", text)
	}
	if r == nil {
		s.Warn(&gms.Warning{Level: "Note", Code: 1305, Message: text})
		return nil
	}
	if err := d.LockRoutine(ctx, o.Kind, o.Name.Name); err != nil {
		return err
	}
	if _, there, err := d.Routine(ctx, o.Kind, o.Name.Name); err != nil {
		return err
	} else if !there && !o.Exists {
		return sqlError(1305, "42000", "%s", text)
	}
	return d.DropRoutine(ctx, o.Kind, o.Name.Name)
}

// showRoutineSchema is that of SHOW CREATE FUNCTION and SHOW CREATE PROCEDURE.
func showRoutineSchema(kind string) gms.Schema {
	title := kind[:1] + strings.ToLower(kind[1:])
	return gms.Schema{
		column(title, types.LongText, false), column("sql_mode", types.LongText, false), column("Create "+title, types.LongText, true),
		column("character_set_client", types.LongText, false), column("collation_connection", types.LongText, false), column("Database Collation", types.LongText, false),
	}
}

// showRoutine is SHOW CREATE FUNCTION and SHOW CREATE PROCEDURE. Who may not see
// the text gets NULL.
func (s *Session) showRoutine(ctx *gms.Context, st *replstmt.ShowCreate) (gms.RowIter, error) {
	d, r, err := s.routineOf(ctx, st.Kind, st.Object)
	if err != nil {
		return nil, err
	}
	missing := sqlError(1305, "42000", "%s %s does not exist", st.Kind, st.Object.Name)
	if r == nil {
		return nil, missing
	}
	var text any = createText(r, "", false)
	c := s.Client()
	if r.User != c.User || r.Host != c.Address {
		if !s.may(ctx, gms.PrivilegeType_Select, "show_routine") {
			if text = nil; !s.mayRoutine(d.Name(), r.Name, programKind(st.Kind), auth.Execute) && s.mayAlter(d, st.Kind, r.Name, r) != nil {
				return nil, missing
			}
		}
	}
	return gms.RowsToRowIter(gms.NewRow(r.Name, r.SQLMode, text, r.Client, r.Connection, r.Collation)), nil
}

// showRoutines is SHOW FUNCTION STATUS and SHOW PROCEDURE STATUS as a query.
func showRoutines(st *replstmt.ShowStatus) string {
	return "SELECT * FROM (SELECT ROUTINE_SCHEMA AS `Db`, ROUTINE_NAME AS `Name`, ROUTINE_TYPE AS `Type`, DEFINER AS `Definer`," +
		" LAST_ALTERED AS `Modified`, CREATED AS `Created`, SECURITY_TYPE AS `Security_type`, ROUTINE_COMMENT AS `Comment`," +
		" CHARACTER_SET_CLIENT AS `character_set_client`, COLLATION_CONNECTION AS `collation_connection`, DATABASE_COLLATION AS `Database Collation`" +
		" FROM information_schema.ROUTINES WHERE ROUTINE_TYPE = '" + st.Kind + "') AS `ROUTINES`" + st.Filter
}
