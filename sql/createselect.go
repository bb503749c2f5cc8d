package sql

import (
	"context"
	"fmt"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/planbuilder"
	"github.com/dolthub/go-mysql-server/sql/rowexec"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/vt/sqlparser"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
	"binrelay/sql/tables"
)

// createSelect is CREATE TABLE … SELECT while it runs: the table is made from a
// statement of our own, which the binlog has as well, and filled by an INSERT
// inside the transaction that makes it.
type createSelect struct {
	s    *Server
	own  *Session
	st   *replstmt.CreateSelect
	name tables.QualifiedName
}

// createSelect parses CREATE TABLE … SELECT.
func (p *parser) createSelect(ctx context.Context, query string) (stmt sqlparser.Statement, end int, ok bool, err error) {
	if _, ok := replstmt.StartsTransaction(query); ok {
		return nil, 0, true, notSupported("CREATE TABLE ... START TRANSACTION of a client")
	}
	st, end, ok, err := replstmt.ParseCreateSelect(query)
	if !ok || err != nil {
		return nil, end, ok && err != nil, err
	}
	if st.Partitioned {
		return nil, end, true, notSupported("PARTITION BY")
	}
	name := tables.QualifiedName{Database: st.Table.Database, Name: st.Table.Name}
	if name.Database == "" {
		name.Database = defaultDatabase(ctx)
	}
	d := &definition{name: "CREATE TABLE"}
	d.run = func(ctx *gms.Context) error {
		c := &createSelect{s: p.server, own: sessionOf(ctx), st: st, name: name}
		n, err := c.run(ctx)
		d.affected = n
		return err
	}
	auth := sqlparser.AuthInformation{AuthType: sqlparser.AuthType_CREATE, TargetType: sqlparser.AuthTargetType_SingleTableIdentifier,
		TargetNames: []string{name.Database, name.Name}}
	if st.Temporary {
		auth.AuthType, auth.TargetType, auth.TargetNames = sqlparser.AuthType_CREATE_TEMP, sqlparser.AuthTargetType_DatabaseIdentifiers, auth.TargetNames[:1]
	}
	return d.inject(auth), end, true, nil
}

// run makes the table and returns how many rows it has.
func (c *createSelect) run(ctx *gms.Context) (types.OkResult, error) {
	none := types.NewOkResult(0)
	if c.name.Database == "" {
		return none, gms.ErrNoDatabaseSelected.New()
	}
	there, err := c.lock(ctx)
	if err != nil {
		return none, err
	}
	if there {
		if !c.st.IfNotExists {
			return none, &storage.TableExistsError{Database: c.name.Database, Table: c.name.Name}
		}
		c.own.Warn(&gms.Warning{Level: "Note", Code: 1050, Message: fmt.Sprintf("Table '%s' already exists", c.name.Name)})
		return none, nil
	}
	text, columns, err := c.statement(ctx)
	if err == nil {
		err = c.create(ctx, text)
	}
	if err != nil {
		return none, err
	}
	apart := c.own.repl == nil && !c.s.vars.Bool("binlog_atomic_create_select")
	if !c.st.Temporary {
		if !apart {
			text += " START TRANSACTION"
		}
		c.own.SetDDLText(text)
		if err := c.own.Fill(ctx, c.name, apart, false); err != nil {
			return none, err
		}
	}
	ok, err := c.insert(ctx, columns)
	if c.st.Temporary {
		if err != nil {
			c.own.DropTemporary(c.name)
		}
		return ok, err
	}
	return ok, cmpErr(err, c.own.EndTransaction(ctx, err == nil))
}

// cmpErr returns the first error.
func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// lock locks the table's name and reports whether it is taken.
func (c *createSelect) lock(ctx *gms.Context) (there bool, err error) {
	if _, there = c.own.Temporary(c.name); there && !c.st.Temporary {
		return false, notSupported("CREATE TABLE ... SELECT under the name of a temporary table")
	}
	if c.st.Temporary {
		return there, nil
	}
	d, err := c.own.BeginDDL(ctx)
	if err != nil {
		return false, err
	}
	c.own.SetDDLText("") // nothing is logged where nothing changes
	if there, err = d.LockName(c.name.Database, c.name.Name); err != nil || there {
		return there, err
	}
	return c.s.provider.HasView(ctx, c.name)
}

// statement returns CREATE TABLE with the columns that the query gives, and the
// names of those.
func (c *createSelect) statement(ctx *gms.Context) (text string, names []string, err error) {
	n, _, err := c.bind(ctx, c.st.Query)
	if err != nil {
		return "", nil, err
	}
	columns, err := selectColumns(ctx, c.own, n)
	if err != nil {
		return "", nil, err
	}
	defined := make(map[string]string, len(c.st.Columns))
	var lines []string
	selected := make(map[string]bool, len(columns))
	for i := range columns {
		name := strings.ToLower(columns[i].Name)
		if selected[name] {
			return "", nil, sqlError(1060, "42S21", "Duplicate column name '%s'", columns[i].Name)
		}
		selected[name] = true
		names = append(names, columns[i].Name)
	}
	for _, d := range c.st.Columns {
		name := strings.ToLower(d.Name)
		if _, twice := defined[name]; twice {
			return "", nil, sqlError(1060, "42S21", "Duplicate column name '%s'", d.Name)
		}
		if defined[name] = d.Text; !selected[name] {
			lines = append(lines, d.Text)
		}
	}
	for i := range columns {
		if text, ok := defined[strings.ToLower(columns[i].Name)]; ok {
			lines = append(lines, text)
		} else {
			lines = append(lines, columnText(&columns[i]))
		}
	}
	lines = append(lines, c.st.Keys...)
	text = "CREATE TABLE "
	if c.st.Temporary {
		text = "CREATE TEMPORARY TABLE "
	}
	if c.name.Database != c.own.GetCurrentDatabase() {
		text += quoteName(c.name.Database) + "."
	}
	text += quoteName(c.name.Name) + " (\n  " + strings.Join(lines, ",\n  ") + "\n)"
	if c.st.Options != "" {
		text += " " + c.st.Options
	}
	return text, names, nil
}

// columnText defines a column.
func columnText(c *storage.Column) string {
	text := quoteName(c.Name) + " " + c.SQLType
	if id := gms.CollationID(c.Collation); c.Collation != 0 && id != gms.Collation_binary {
		text += " CHARACTER SET " + id.CharacterSet().Name() + " COLLATE " + id.Name()
	}
	switch {
	case !c.Nullable:
		text += " NOT NULL"
	case c.Type == gomysql.MYSQL_TYPE_TIMESTAMP2: // old servers take it for NOT NULL
		text += " NULL"
	}
	if c.HasDefault {
		text += " DEFAULT " + c.Default
	}
	if c.OnUpdate != "" {
		text += " ON UPDATE " + c.OnUpdate
	}
	if c.Comment != "" {
		text += " COMMENT '" + gms.EscapeSpecialCharactersInComment(c.Comment) + "'"
	}
	return text
}

// create makes the table of a statement, inside the DDL scope.
func (c *createSelect) create(ctx *gms.Context, text string) error {
	c.own.SetQuery(text)
	stmt, err := c.parse(ctx, text)
	if err != nil {
		return err
	}
	ddl, ok := stmt.(*sqlparser.DDL)
	if !ok {
		return fmt.Errorf("a table's definition was parsed as a %T", stmt)
	}
	made, err := c.s.planTable(ctx, ddl)
	if err != nil {
		return err
	}
	it, err := c.s.exec.base.Build(ctx, made, nil)
	if err != nil {
		return err
	}
	if _, err := gms.RowIterToRows(ctx, it); err != nil {
		return err
	}
	return c.s.exec.addDetached(ctx, c.own, made)
}

func (c *createSelect) parse(ctx *gms.Context, text string) (sqlparser.Statement, error) {
	stmt, _, _, err := c.s.parser.ParseWithOptions(ctx, text, ';', false, gms.LoadSqlMode(ctx).ParserOptions())
	return stmt, err
}

// bind resolves a statement. What it may read and change is checked.
func (c *createSelect) bind(ctx *gms.Context, text string) (gms.Node, *gms.QueryFlags, error) {
	stmt, err := c.parse(ctx, text)
	if err != nil {
		return nil, nil, err
	}
	return planbuilder.New(ctx, c.s.engine.Analyzer.Catalog, nil).BindOnly(stmt, text, nil)
}

// insert adds the query's rows.
func (c *createSelect) insert(ctx *gms.Context, columns []string) (types.OkResult, error) {
	verb := "INSERT INTO "
	switch c.st.Duplicates {
	case "IGNORE":
		verb = "INSERT IGNORE INTO "
	case "REPLACE":
		verb = "REPLACE INTO "
	}
	quoted := make([]string, len(columns))
	for i, n := range columns {
		quoted[i] = quoteName(n)
	}
	n, flags, err := c.bind(ctx, verb+quoteName(c.name.Database)+"."+quoteName(c.name.Name)+" ("+strings.Join(quoted, ", ")+") "+c.st.Query)
	if err == nil {
		n, err = c.s.engine.Analyzer.Analyze(ctx, n, nil, flags)
	}
	if err != nil {
		return types.OkResult{}, err
	}
	ownVariables(ctx, n)
	convertOperands(ctx, n)
	c.own.beginStrict(ctx, n)
	it, err := c.s.engine.Analyzer.ExecBuilder.Build(ctx, n, nil)
	if err != nil {
		return types.OkResult{}, err
	}
	it, _ = rowexec.AddAccumulatorIter(ctx, it)
	rows, err := gms.RowIterToRows(ctx, rowexec.AddExpressionCloser(ctx, n, it))
	if err != nil {
		return types.OkResult{}, err
	}
	if len(rows) == 1 && types.IsOkResult(rows[0]) {
		return types.GetOkResult(rows[0]), nil
	}
	return types.NewOkResult(0), nil
}

// begun makes a source's CREATE TABLE, which begins a transaction, the session's:
// rows and COMMIT follow. Where the table was there the transaction goes on
// without it.
func (s *Session) begun(ctx *gms.Context, n *plan.CreateTable) error {
	name := tables.QualifiedName{Database: n.Database().Name(), Name: n.Name()}
	if !s.Created(name.Database, name.Name) {
		s.AbortDDL()
		return s.BeginTransaction(ctx, tables.Characteristics{})
	}
	return s.Fill(ctx, name, false, true)
}
