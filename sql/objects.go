package sql

import (
	"context"
	"fmt"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/replica/replstate"
	"binrelay/sql/replstmt"
	"binrelay/sql/tables"
)

// objectStatement is what the parser does with a statement on a stored object
// that go-mysql-server does not parse as MySQL does.
type objectStatement struct {
	query   string              // what go-mysql-server parses in its place
	instead *replstmt.Nothing   // runs in its place; nil = what query says
	stmt    sqlparser.Statement // or this
	end     int                 // of the text, if query is empty
}

// statement is what runs, if query is empty.
func (o *objectStatement) statement(p *parser) sqlparser.Statement {
	if o.stmt != nil {
		return o.stmt
	}
	return p.inject(o.instead)
}

// object looks for such a statement; nil = none.
func (p *parser) object(ctx context.Context, query string) (*objectStatement, error) {
	c, ok := ctx.(*gms.Context)
	if !ok || c.Session == nil {
		return nil, nil
	}
	if st, end, ok, err := replstmt.ParseShowStatus(query); ok {
		if err != nil {
			return nil, err
		}
		text := showRoutines(st)
		if st.Kind == "EVENT" {
			if text, err = showEventsQuery(c, st); err != nil {
				return nil, err
			}
		}
		return &objectStatement{query: text + ";" + query[min(end, len(query)):]}, nil
	}
	o, ok := replstmt.ParseObject(query)
	if !ok {
		return nil, nil
	}
	switch o.Kind {
	case "VIEW":
		return p.view(c, &o)
	case "FUNCTION", "PROCEDURE":
		return p.routine(query, &o)
	case "EVENT":
		return p.event(query, &o)
	case "TRIGGER":
		if o.Verb != "CREATE" || !o.Exists {
			return nil, nil
		}
		there, err := p.exists(c, &o, func(d *tables.Database) (bool, error) { return d.HasTrigger(c, o.Name.Name) })
		if err != nil {
			return nil, err
		}
		return unless(there, &o, 1359, "Trigger already exists"), nil
	}
	return nil, nil
}

// unless creates an object without its IF NOT EXISTS, or says that it is there.
func unless(there bool, o *replstmt.Object, number uint16, text string) *objectStatement {
	out := &objectStatement{query: o.WithoutExists()}
	if there {
		out.instead = nothing(o, number, text)
	}
	return out
}

func nothing(o *replstmt.Object, number uint16, text string) *replstmt.Nothing {
	return &replstmt.Nothing{Command: o.Verb + " " + o.Kind, Note: replstate.Warning{Level: "Note", Number: number, Text: text}}
}

// view refuses a check option, and makes ALTER VIEW a CREATE OR REPLACE.
func (p *parser) view(ctx *gms.Context, o *replstmt.Object) (*objectStatement, error) {
	if o.Check {
		return nil, notSupported("WITH CHECK OPTION")
	}
	if o.Verb != "ALTER" {
		return nil, nil
	}
	there, err := p.exists(ctx, o, func(d *tables.Database) (bool, error) {
		_, ok, err := d.GetViewDefinition(ctx, o.Name.Name)
		if err != nil || ok {
			return ok, err
		}
		if _, ok, err = d.GetTableInsensitive(ctx, o.Name.Name); ok && err == nil {
			err = sqlError(1347, "HY000", "'%s' is not VIEW", p.named(ctx, o))
		}
		return false, err
	})
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, sqlError(1146, "42S02", "Table '%s' doesn't exist", p.named(ctx, o))
	}
	return &objectStatement{query: o.Replacing()}, nil
}

// named is an object's name with its database.
func (p *parser) named(ctx *gms.Context, o *replstmt.Object) string {
	if o.Name.Database != "" {
		return o.Name.Database + "." + o.Name.Name
	}
	return ctx.GetCurrentDatabase() + "." + o.Name.Name
}

// exists asks the database of an object.
func (p *parser) exists(ctx *gms.Context, o *replstmt.Object, ask func(*tables.Database) (bool, error)) (bool, error) {
	name := o.Name.Database
	if name == "" {
		name = ctx.GetCurrentDatabase()
	}
	if name == "" {
		return false, sqlError(1046, "3D000", "No database selected")
	}
	db, err := p.server.provider.Database(ctx, name)
	if err != nil {
		return false, err
	}
	d, ok := db.(*tables.Database)
	if !ok {
		return false, nil
	}
	return ask(d)
}

// checkDefinition refuses what CREATE TABLE asks for and go-mysql-server
// ignores.
func checkDefinition(ctx context.Context, stmt sqlparser.Statement) error {
	n, ok := stmt.(*sqlparser.DDL)
	if ok && n.ViewSpec != nil && n.Table.DbQualifier.IsEmpty() {
		n.Table = n.ViewSpec.ViewName // where the engine looks for the database
	}
	if !ok || n.Action != sqlparser.CreateStr || n.TableSpec == nil {
		return nil
	}
	if err := checkCalls(ctx, n); err != nil {
		return err
	}
	for _, o := range n.TableSpec.TableOpts {
		switch name := strings.ToUpper(o.Name); name {
		case "ENGINE", "STORAGE ENGINE":
			if err := checkEngine(ctx, n.Table.Name.String(), o.Value); err != nil {
				return err
			}
		case "DATA DIRECTORY", "INDEX DIRECTORY", "UNION", "CONNECTION", "SECONDARY_ENGINE", "TABLESPACE", "ENCRYPTION", "COMPRESSION":
			return notSupported(name)
		}
	}
	for _, x := range n.TableSpec.Indexes {
		for _, o := range x.Options {
			if strings.EqualFold(o.Name, "INVISIBLE") {
				return notSupported("INVISIBLE index")
			}
		}
	}
	return nil
}

// checkEngine refuses other storage engines than InnoDB as MySQL refuses those
// that it lacks. Without NO_ENGINE_SUBSTITUTION, and when a source says so, the
// table is made all the same.
func checkEngine(ctx context.Context, table, engine string) error {
	engine = strings.Trim(engine, "'\"`")
	c, ok := ctx.(*gms.Context)
	if strings.EqualFold(engine, "InnoDB") || !ok {
		return nil
	}
	s := sessionOf(c)
	if s == nil {
		return nil
	}
	if s.hasMode("NO_ENGINE_SUBSTITUTION") && !s.internal {
		return sqlError(1286, "42000", "Unknown storage engine '%s'", engine)
	}
	s.Warn(&gms.Warning{Level: "Warning", Code: 1286, Message: fmt.Sprintf("Unknown storage engine '%s'", engine)})
	s.Warn(&gms.Warning{Level: "Warning", Code: 1266, Message: fmt.Sprintf("Using storage engine InnoDB for table '%s'", table)})
	return nil
}

// checkCalls refuses stored functions in the expressions of a table's definition.
func checkCalls(ctx context.Context, n *sqlparser.DDL) error {
	c, ok := ctx.(*gms.Context)
	if !ok || sessionOf(c) == nil {
		return nil
	}
	for _, col := range n.TableSpec.Columns {
		if name := sessionOf(c).storedIn(c, col.Type.GeneratedExpr); name != "" {
			return sqlError(3102, "HY000", "Expression of generated column '%s' contains a disallowed function: `%s`.", col.Name.String(), name)
		}
		if name := sessionOf(c).storedIn(c, col.Type.Default); name != "" {
			return sqlError(3770, "HY000", "Default value expression of column '%s' contains a disallowed function: `%s`.", col.Name.String(), name)
		}
	}
	checks := 0
	for _, k := range n.TableSpec.Constraints {
		check, ok := k.Details.(*sqlparser.CheckConstraintDefinition)
		if !ok {
			continue
		}
		checks++
		if name := sessionOf(c).storedIn(c, check.Expr); name != "" {
			constraint := k.Name
			if constraint == "" {
				constraint = fmt.Sprintf("%s_chk_%d", n.Table.Name.String(), checks)
			}
			return sqlError(3814, "HY000", "An expression of a check constraint '%s' contains disallowed function: `%s`.", constraint, name)
		}
	}
	return nil
}

// storedIn names the first stored function that an expression calls; "" = none.
func (s *Session) storedIn(ctx *gms.Context, e sqlparser.Expr) (found string) {
	if e == nil {
		return ""
	}
	_ = sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) { // the visitor never fails
		f, ok := n.(*sqlparser.FuncExpr)
		if !ok || found != "" || f.Qualifier.IsEmpty() && s.server.functions.native[f.Name.Lowered()] {
			return found == "", nil
		}
		db := f.Qualifier.String()
		if db == "" {
			db = ctx.GetCurrentDatabase()
		}
		if d := s.server.database(ctx, db); d != nil {
			if _, there, err := d.Routine(ctx, "FUNCTION", f.Name.String()); there && err == nil {
				found = f.Name.String()
			}
		}
		return found == "", nil
	}, e)
	return found
}
