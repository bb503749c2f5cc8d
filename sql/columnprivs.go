package sql

import (
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/auth"
)

// partial is a table of a statement on which the session lacks privileges, but
// has them on some columns.
type partial struct {
	db, table string
	missing   auth.Privileges // on the table as a whole
}

// byColumn are the privileges that columns can have, where a statement can be
// looked at column by column.
const byColumn = auth.Select | auth.Insert | auth.Update

// authorizeColumns checks privileges on one table, or on some of its columns:
// then checkColumns looks at the statement's plan.
func (s *Session) authorizeColumns(db, table string, need auth.Privileges) error {
	if strings.EqualFold(db, "information_schema") {
		return nil
	}
	db = s.databaseOf(db)
	missing := need &^ s.Active().Table(db, table)
	if missing == 0 {
		if need&^(auth.Select|auth.LockTables|auth.ShowView) != 0 && strings.EqualFold(db, "mysql") {
			return notSupported("statements that change the tables of mysql")
		}
		return nil
	}
	if missing&^byColumn == 0 && missing&^s.Active().SomeColumn(db, table) == 0 {
		s.partial = append(s.partial, partial{db, table, missing})
		return nil
	}
	return s.tableDenied(missing.String(), table)
}

// authorizeWhole checks a statement's targets as whole tables.
func (s *Session) authorizeWhole(ctx *gms.Context, info sqlparser.AuthInformation) error {
	err := s.authorize(ctx, info)
	if err == nil && len(s.partial) > 0 {
		err = s.tableDenied(s.partial[0].missing.String(), s.partial[0].table)
	}
	s.partial = nil
	return err
}

// checkColumns checks the columns that a plan uses of the tables on which the
// session has privileges on columns alone.
func (s *Session) checkColumns(ctx *gms.Context, root gms.Node) error {
	tables := s.partial
	s.partial = nil
	if len(tables) == 0 {
		return nil
	}
	u := columnUses{}
	u.query(ctx, root)
	for _, t := range tables {
		for _, use := range u[tableName(t.db, t.table)] {
			if t.missing&use.need == 0 {
				continue
			}
			if use.column == "" {
				columns, _ := s.columnsOf(ctx, t.db, t.table)
				for _, c := range columns {
					if use.need&^s.Active().Column(t.db, t.table, c) != 0 {
						return s.tableDenied(use.need.String(), t.table)
					}
				}
				continue
			}
			if use.need&^s.Active().Column(t.db, t.table, use.column) != 0 {
				return sqlError(1143, "42000", "%s command denied to user '%s'@'%s' for column '%s' in table '%s'",
					use.need, s.Client().User, s.host(), use.column, t.table)
			}
		}
	}
	return nil
}

// columnUse is what is done with a column; "" = with all of them.
type columnUse struct {
	column string
	need   auth.Privileges
}

// columnUses are the uses of a plan's columns by table.
type columnUses map[string][]columnUse

func tableName(db, table string) string { return strings.ToLower(db + "." + table) }

func (u columnUses) add(n gms.Node, column string, need auth.Privileges) {
	if t := baseTable(n); t != nil && t.Database() != nil {
		name := tableName(t.Database().Name(), t.UnderlyingTable().Name())
		u[name] = append(u[name], columnUse{column, need})
	}
}

// baseTable returns the one table that a node reads, nil if it is not one.
func baseTable(n gms.Node) gms.TableNode {
	switch n := n.(type) {
	case *plan.TableAlias:
		return baseTable(n.Child)
	case *plan.InsertDestination:
		return baseTable(n.Child)
	case *plan.IndexedTableAccess:
		return n.TableNode
	case *plan.ResolvedTable:
		return n
	}
	return nil
}

// queryUses is one query of a plan, without its subqueries.
type queryUses struct {
	columnUses
	aliases  map[string]gms.Node
	changing bool // its tables are read without a list of columns
}

// query adds the uses of a query and of its subqueries.
func (u columnUses) query(ctx *gms.Context, root gms.Node) {
	s := &queryUses{columnUses: u, aliases: map[string]gms.Node{}}
	s.node(ctx, root, false)
	set := map[gms.Expression]bool{}
	transform.InspectExpressionsWithNode(ctx, root, func(ctx *gms.Context, n gms.Node, e gms.Expression) bool {
		switch e := e.(type) {
		case *plan.Subquery:
			u.query(ctx, e.Query)
		case *expression.SetField:
			if f, ok := e.LeftChild.(*expression.GetField); ok {
				set[f] = true
				s.field(f, auth.Update)
			}
		case *expression.GetField:
			if !set[e] {
				s.field(e, auth.Select)
			}
		}
		return true
	})
}

func (s *queryUses) field(f *expression.GetField, need auth.Privileges) {
	if t := s.aliases[strings.ToLower(f.Table())]; t != nil {
		s.add(t, f.Name(), need)
	}
}

// named notes under which name the columns of a table are used.
func (s *queryUses) named(name string, n gms.Node) {
	if name = strings.ToLower(name); s.aliases[name] == nil {
		s.aliases[name] = n
	}
}

// node adds the tables below a node. What is chosen of their columns is in
// expressions if chosen is true.
func (s *queryUses) node(ctx *gms.Context, n gms.Node, chosen bool) {
	switch n := n.(type) {
	case *plan.InsertInto:
		s.insert(ctx, n)
		return
	case *plan.SubqueryAlias:
		s.query(ctx, n.Child)
		return
	case *plan.Update, *plan.DeleteFrom:
		s.changing = true
	case *plan.Project, *plan.GroupBy, *plan.Window:
		chosen = true
	case *plan.TableAlias:
		s.named(n.Name(), n)
	case *plan.ResolvedTable:
		s.named(n.Name(), n)
		s.reads(n, n, chosen)
		return
	case *plan.IndexedTableAccess:
		s.named(n.Name(), n)
		s.reads(n, n.TableNode, chosen)
		for _, e := range n.Index().Expressions() {
			s.add(n, e[strings.LastIndexByte(e, '.')+1:], auth.Select)
		}
		return
	}
	for _, c := range n.Children() {
		s.node(ctx, c, chosen)
	}
}

// reads adds the columns that a table is asked for.
func (s *queryUses) reads(n gms.Node, t gms.TableNode, chosen bool) {
	p, ok := t.UnderlyingTable().(gms.ProjectedTable)
	if !ok || p.Projections() == nil {
		if !s.changing && !chosen {
			s.add(n, "", auth.Select)
		}
		return
	}
	if whole, ok := p.(gms.PrimaryKeyTable); ok && len(p.Projections()) == len(whole.PrimaryKeySchema(nil).Schema) {
		s.add(n, "", auth.Select) // most likely *
		return
	}
	for _, c := range p.Projections() {
		s.add(n, c, auth.Select)
	}
}

// insert adds the columns that an INSERT names, and what its source reads.
func (u columnUses) insert(ctx *gms.Context, n *plan.InsertInto) {
	if n.Source != nil {
		u.query(ctx, n.Source)
	}
	if len(n.ColumnNames) == 0 || len(n.ColumnNames) == len(n.Destination.Schema(ctx)) {
		u.add(n.Destination, "", auth.Insert) // most likely without a list
		return
	}
	for _, c := range n.ColumnNames {
		u.add(n.Destination, c, auth.Insert)
	}
}
