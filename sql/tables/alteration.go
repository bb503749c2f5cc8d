package tables

import (
	"slices"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
)

// alterClause is a clause of ALTER TABLE with its definition parsed.
type alterClause struct {
	replstmt.AlterClause
	column  *sqlparser.ColumnDefinition
	index   *sqlparser.IndexSpec
	check   *sqlparser.ConstraintDefinition
	foreign *sqlparser.ConstraintDefinition
	expr    sqlparser.Expr
}

// Alteration is ALTER TABLE, CREATE INDEX or DROP INDEX, parsed.
type Alteration struct {
	*replstmt.AlterTable
	clauses []alterClause
}

// PrepareAlter parses the definitions in a statement. parse is the engine's
// parser; at is the offset in the statement of the text's last part.
func PrepareAlter(st *replstmt.AlterTable, parse func(prefix, text string, at int) (sqlparser.Statement, error)) (*Alteration, error) {
	a := &Alteration{AlterTable: st}
	for _, c := range st.Clauses {
		out := alterClause{AlterClause: c}
		var err error
		switch c.Kind {
		case replstmt.AddColumn, replstmt.ChangeColumn:
			err = out.parseColumn(parse)
		case replstmt.SetDefault:
			var stmt sqlparser.Statement
			if stmt, err = parse("alter table t alter c set default ", c.Def, c.At); err == nil {
				out.expr = stmt.(*sqlparser.AlterTable).Statements[0].DefaultSpec.Value
			}
		case replstmt.AddIndex:
			var stmt sqlparser.Statement
			if stmt, err = parse("alter table t add ", c.Def, c.At); err == nil {
				out.index = stmt.(*sqlparser.AlterTable).Statements[0].IndexSpec
			}
		case replstmt.AddCheck:
			var stmt sqlparser.Statement
			if stmt, err = parse("alter table t add ", c.Def, c.At); err == nil {
				out.check = stmt.(*sqlparser.AlterTable).Statements[0].TableSpec.Constraints[0]
			}
		case replstmt.AddForeignKey:
			var stmt sqlparser.Statement
			if stmt, err = parse("alter table t add ", c.Def, c.At); err == nil {
				out.foreign = stmt.(*sqlparser.AlterTable).Statements[0].TableSpec.Constraints[0]
			}
		}
		if err != nil {
			return nil, err
		}
		a.clauses = append(a.clauses, out)
	}
	return a, nil
}

func (c *alterClause) parseColumn(parse func(prefix, text string, at int) (sqlparser.Statement, error)) error {
	stmt, err := parse("alter table t add column ", c.Def, c.At)
	if err != nil {
		return err
	}
	spec := stmt.(*sqlparser.AlterTable).Statements[0].TableSpec
	c.column = spec.Columns[0]
	if len(spec.Constraints) > 0 {
		c.check = spec.Constraints[0] // CHECK beside the column
	}
	if c.Invisible {
		return unsupported("INVISIBLE column")
	}
	return prepareColumn(&c.column.Type, c.column.Name.String(), "")
}

// Planner resolves and checks a table's parsed definition.
type Planner func(ctx *gms.Context, ddl *sqlparser.DDL) (*plan.CreateTable, error)

// alterColumn is a column of the table that ALTER TABLE makes.
type alterColumn struct {
	def      *sqlparser.ColumnDefinition
	from     int  // place in the table as it is, -1 = new
	declared bool // by the statement, in full
	set      bool // SET or DROP DEFAULT
	moved    bool // CONVERT TO CHARACTER SET gave it another type
}

func (c *alterColumn) name() string { return c.def.Name.String() }

// alteration works out what a table becomes.
type alteration struct {
	*Alteration
	ctx     *gms.Context
	name    QualifiedName
	old     *storage.Schema
	types   gms.Schema // of old
	columns []alterColumn
	keys    []key
	checks  []check
	rebuild bool // asked for: FORCE, ENGINE, CONVERT
	next    storage.Schema
	renamed *QualifiedName
	counter uint64 // AUTO_INCREMENT = n; 0 = not given
}

func unknownColumn(name, table string) error {
	return sqlErrorf(1054, "42S22", "Unknown column '%s' in '%s'", name, table)
}

func cannotDrop(name string) error {
	return sqlErrorf(1091, "42000", "Can't DROP '%s'; check that column/key exists", name)
}

// each calls fn for the clauses of the given kinds.
func (a *alteration) each(fn func(c *alterClause) error, kinds ...replstmt.AlterKind) error {
	for i := range a.clauses {
		if c := &a.clauses[i]; slices.Contains(kinds, c.Kind) {
			if err := fn(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// refuse fails for what is not done.
func (a *alteration) refuse() error {
	return a.each(func(c *alterClause) error {
		switch c.Kind {
		case replstmt.Partitioning:
			return unsupported("PARTITION")
		case replstmt.Tablespace:
			return unsupported("DISCARD or IMPORT TABLESPACE")
		case replstmt.ColumnVisibility:
			if !c.On {
				return unsupported("INVISIBLE column")
			}
		case replstmt.IndexVisibility:
			if !c.On {
				return unsupported("INVISIBLE index")
			}
		}
		return nil
	}, replstmt.Partitioning, replstmt.Tablespace, replstmt.ColumnVisibility, replstmt.IndexVisibility)
}

// kept parses a column as it is, for the planner.
func (a *alteration) kept(i int) (alterColumn, error) {
	c := &a.old.Columns[i]
	def := &sqlparser.ColumnDefinition{Name: sqlparser.NewColIdent(c.Name)}
	def.Type.ResolvedType = declaredAs(c, a.types[i].Type)
	def.Type.NotNull = sqlparser.BoolVal(!c.Nullable)
	var err error
	if c.HasDefault {
		if def.Type.Default, err = parseExpr(c.Default); err != nil {
			return alterColumn{}, err
		}
	}
	if c.OnUpdate != "" {
		if def.Type.OnUpdate, err = parseExpr(c.OnUpdate); err != nil {
			return alterColumn{}, err
		}
	}
	if text := c.Extra[generatedKey]; text != "" {
		if def.Type.GeneratedExpr, err = parseExpr(text); err != nil {
			return alterColumn{}, err
		}
		def.Type.Stored = sqlparser.BoolVal(c.Extra[virtualKey] == "")
	}
	return alterColumn{def: def, from: i}, nil
}

// parseExpr parses the text of an expression that a definition keeps.
func parseExpr(text string) (sqlparser.Expr, error) {
	if text == "" {
		return sqlparser.NewStrVal(nil), nil
	}
	stmt, err := sqlparser.Parse("SELECT " + text)
	if err != nil {
		return nil, err
	}
	if s, ok := stmt.(*sqlparser.Select); ok && len(s.SelectExprs) == 1 {
		if e, ok := s.SelectExprs[0].(*sqlparser.AliasedExpr); ok {
			return e.Expr, nil
		}
	}
	return nil, sqlErrorf(1105, "HY000", "malformed expression %s", text)
}

// resolveColumns makes the list of columns, in the order and with the errors of
// MySQL: drops first, then changes in place, then what is added or moves.
func (a *alteration) resolveColumns() error {
	dropped, changed, err := a.columnClauses()
	if err != nil {
		return err
	}
	for i := range a.old.Columns {
		name := strings.ToLower(a.old.Columns[i].Name)
		if dropped[name] {
			continue
		}
		if c := changed[name]; c != nil {
			a.columns = append(a.columns, alterColumn{def: c.column, from: i, declared: true})
			continue
		}
		col, err := a.kept(i)
		if err != nil {
			return err
		}
		a.columns = append(a.columns, col)
	}
	if err := a.editKept(); err != nil {
		return err
	}
	return a.place()
}

// columnClauses returns the columns that are dropped, and those that CHANGE and
// MODIFY declare anew, by their names now.
func (a *alteration) columnClauses() (dropped map[string]bool, changed map[string]*alterClause, err error) {
	dropped, changed = make(map[string]bool), make(map[string]*alterClause)
	_ = a.each(func(c *alterClause) error { // one that is not there: see checkDrops
		dropped[strings.ToLower(c.Name)] = true
		return nil
	}, replstmt.DropColumn)
	err = a.each(func(c *alterClause) error {
		was := c.Name
		if was == "" {
			was = c.column.Name.String()
		}
		name := strings.ToLower(was)
		if columnPlace(a.old, name) < 0 || dropped[name] || changed[name] != nil {
			return unknownColumn(was, a.old.Name)
		}
		changed[name] = c
		return nil
	}, replstmt.ChangeColumn)
	return dropped, changed, err
}

// editKept renames kept columns and changes their defaults.
func (a *alteration) editKept() error {
	at := func(name string) *alterColumn {
		for i := range a.columns {
			if c := &a.columns[i]; !c.declared && strings.EqualFold(a.old.Columns[c.from].Name, name) {
				return c
			}
		}
		return nil
	}
	return a.each(func(c *alterClause) error {
		col := at(c.Name)
		if col == nil {
			return unknownColumn(c.Name, a.old.Name)
		}
		switch c.Kind {
		case replstmt.RenameColumn:
			col.def.Name = sqlparser.NewColIdent(c.To)
		case replstmt.SetDefault:
			col.def.Type.Default, col.set = c.expr, true
		case replstmt.DropDefault:
			col.def.Type.Default, col.set = nil, true
		}
		return nil
	}, replstmt.RenameColumn, replstmt.SetDefault, replstmt.DropDefault, replstmt.ColumnVisibility)
}

// place puts added columns, and those that move, where they belong, one after
// the other.
func (a *alteration) place() error {
	err := a.each(func(c *alterClause) error {
		col := alterColumn{def: c.column, from: -1, declared: true}
		if c.Kind == replstmt.ChangeColumn {
			if !c.First && c.After == "" {
				return nil
			}
			i := slices.IndexFunc(a.columns, func(o alterColumn) bool { return o.def == c.column })
			col = a.columns[i]
			a.columns = slices.Delete(a.columns, i, i+1)
		}
		at := len(a.columns)
		switch {
		case c.First:
			at = 0
		case c.After != "":
			if at = a.placeOf(c.After) + 1; at == 0 {
				return unknownColumn(c.After, a.old.Name)
			}
		}
		a.columns = slices.Insert(a.columns, at, col)
		return nil
	}, replstmt.AddColumn, replstmt.ChangeColumn)
	if err != nil {
		return err
	}
	if len(a.columns) == 0 {
		return sqlErrorf(1090, "42000", "You can't delete all columns with ALTER TABLE; use DROP TABLE instead")
	}
	return nil
}

// checkDrops fails for columns that cannot be dropped. MySQL looks at the other
// clauses first, and at names that are there twice later.
func (a *alteration) checkDrops() error {
	seen := make(map[string]bool)
	err := a.each(func(c *alterClause) error {
		name := strings.ToLower(c.Name)
		if columnPlace(a.old, name) < 0 || seen[name] {
			return cannotDrop(c.Name)
		}
		seen[name] = true
		return nil
	}, replstmt.DropColumn)
	if err != nil {
		return err
	}
	clear(seen)
	for i := range a.columns {
		name := a.columns[i].name()
		if seen[strings.ToLower(name)] {
			return sqlErrorf(1060, "42S21", "Duplicate column name '%s'", name)
		}
		seen[strings.ToLower(name)] = true
	}
	return nil
}

// placeOf returns the place of a column by its new name.
func (a *alteration) placeOf(name string) int {
	return slices.IndexFunc(a.columns, func(c alterColumn) bool { return strings.EqualFold(c.name(), name) })
}
