package sql

import (
	"strings"

	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
	"binrelay/sql/tables"
)

// Locking implements tables.Policy.
func (p policy) Locking(query string) (tables.Locking, error) {
	c := replstmt.LockingClause(query)
	p.own.locking = c.Mode != replstmt.NoLock
	out := lockingOf(c)
	if c.Of == nil && !c.Nested {
		return out, nil
	}
	text, _ := replstmt.RewriteForShare(query)
	stmt, err := sqlparser.Parse(text)
	if err != nil {
		return out, nil // the engine says so
	}
	out.Tables, err = lockedTables(stmt, c, p.own.GetCurrentDatabase())
	for name := range out.Tables {
		database, table, _ := strings.Cut(name, ".")
		if _, ok := p.server.o.Engine.Catalog().Table(database, table); !ok {
			out.Tables = nil // a view: lock all that is read
			break
		}
	}
	return out, err
}

func lockingOf(c replstmt.Locking) (out tables.Locking) {
	switch c.Mode {
	case replstmt.ForUpdate:
		out.Mode = storage.LockExclusive
	case replstmt.ForShare:
		out.Mode = storage.LockShared
	}
	switch c.Wait {
	case replstmt.NoWait:
		out.Policy = storage.NoWait
	case replstmt.SkipLocked:
		out.Policy = storage.SkipLocked
	}
	return out
}

// lockedTables names the tables, as db.table, of the SELECTs that have a locking
// clause, or those of them that OF names.
func lockedTables(stmt sqlparser.Statement, c replstmt.Locking, db string) (map[string]bool, error) {
	names := make(map[string]string) // as OF may name it → db.table
	add := func(from sqlparser.TableExprs) {
		for _, e := range from {
			fromTables(e, db, names)
		}
	}
	_ = sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) { // the visitor never fails
		if s, ok := n.(*sqlparser.Select); ok && (s.Lock != nil && s.Lock.Type != "" || !c.Nested) {
			add(s.From)
		}
		return true, nil
	}, stmt)
	out := make(map[string]bool)
	if c.Of == nil {
		for _, table := range names {
			out[table] = true
		}
		return out, nil
	}
	for _, name := range c.Of {
		table, ok := names[strings.ToLower(name)]
		if !ok {
			return nil, sqlError(3568, "HY000", "Unresolved table name `%s` in locking clause.", name)
		}
		out[table] = true
	}
	return out, nil
}

// fromTables collects the tables of a FROM clause, subqueries apart.
func fromTables(e sqlparser.TableExpr, db string, names map[string]string) {
	switch e := e.(type) {
	case *sqlparser.AliasedTableExpr:
		t, ok := e.Expr.(sqlparser.TableName)
		if !ok {
			return
		}
		qualifier := t.DbQualifier.String()
		if qualifier == "" {
			qualifier = db
		}
		name := t.Name.String()
		if !e.As.IsEmpty() {
			name = e.As.String()
		}
		names[strings.ToLower(name)] = qualifier + "." + t.Name.String()
	case *sqlparser.JoinTableExpr:
		fromTables(e.LeftExpr, db, names)
		fromTables(e.RightExpr, db, names)
	case *sqlparser.ParenTableExpr:
		for _, inner := range e.Exprs {
			fromTables(inner, db, names)
		}
	}
}
