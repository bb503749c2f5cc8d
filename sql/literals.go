package sql

import (
	"sync"
	"sync/atomic"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"
)

// maxLiterals bounds what literalParser keeps.
const maxLiterals = 4096

// literalParser remembers parsed statements of the form SELECT literal. The
// engine parses the default of each column of a table as one, for every
// statement that names the table. Safe for concurrent use.
type literalParser struct {
	gms.Parser
	kept  sync.Map // text → *sqlparser.Select
	count atomic.Int64
}

// ParseSimple implements gms.Parser.
func (p *literalParser) ParseSimple(query string) (sqlparser.Statement, error) {
	if s, ok := p.kept.Load(query); ok {
		return copyLiteral(s.(*sqlparser.Select)), nil
	}
	stmt, err := p.Parser.ParseSimple(query)
	if err != nil {
		return nil, err
	}
	if s, ok := stmt.(*sqlparser.Select); ok && literalOf(s) != nil && p.count.Add(1) <= maxLiterals {
		p.kept.Store(query, copyLiteral(s))
	}
	return stmt, nil
}

// literalOf returns the literal that is all that a SELECT asks for, or nil.
func literalOf(s *sqlparser.Select) *sqlparser.SQLVal {
	if len(s.SelectExprs) != 1 || s.With != nil || s.Into != nil || s.Where != nil || s.Limit != nil ||
		len(s.Comments)+len(s.GroupBy)+len(s.OrderBy)+len(s.Window) > 0 || s.Having != nil {
		return nil
	}
	e, ok := s.SelectExprs[0].(*sqlparser.AliasedExpr)
	if !ok {
		return nil
	}
	v, ok := e.Expr.(*sqlparser.SQLVal)
	if !ok || v.Type == sqlparser.ValArg {
		return nil
	}
	return v
}

// copyLiteral copies what a caller may change of a statement with a literal.
func copyLiteral(s *sqlparser.Select) *sqlparser.Select {
	out := *s
	e := *s.SelectExprs[0].(*sqlparser.AliasedExpr)
	v := *e.Expr.(*sqlparser.SQLVal)
	v.Val = append([]byte(nil), v.Val...)
	e.Expr = &v
	out.SelectExprs = sqlparser.SelectExprs{&e}
	return &out
}
