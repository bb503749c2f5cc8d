package sql

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/replstmt"
)

// doPrefix is what a DO statement begins with.
var doPrefix = regexp.MustCompile(`(?is)^\s*DO\s`)

// doParser adds DO expr [, expr] …, which go-mysql-server's parser does not know.
type doParser struct{ gms.Parser }

// ParseWithOptions implements gms.Parser.
func (p *doParser) ParseWithOptions(ctx context.Context, query string, delimiter rune, multi bool, o sqlparser.ParserOptions) (sqlparser.Statement, string, string, error) {
	loc := doPrefix.FindStringIndex(query)
	if loc == nil {
		return p.Parser.ParseWithOptions(ctx, query, delimiter, multi, o)
	}
	stmt, text, rest, err := p.Parser.ParseWithOptions(ctx, asSelect(query, loc), delimiter, multi, o)
	if err != nil {
		return nil, "", "", err
	}
	text = strings.TrimSpace(query[:loc[1]]) + strings.TrimPrefix(text, "SELECT")
	stmt, err = doStatement(stmt, query, loc)
	return stmt, text, rest, err
}

// ParseOneWithOptions implements gms.Parser.
func (p *doParser) ParseOneWithOptions(ctx context.Context, query string, o sqlparser.ParserOptions) (sqlparser.Statement, int, error) {
	loc := doPrefix.FindStringIndex(query)
	if loc == nil {
		return p.Parser.ParseOneWithOptions(ctx, query, o)
	}
	asked := asSelect(query, loc)
	stmt, end, err := p.Parser.ParseOneWithOptions(ctx, asked, o)
	if err != nil {
		return nil, 0, err
	}
	stmt, err = doStatement(stmt, query, loc)
	return stmt, end - len(asked) + len(query), err
}

func asSelect(query string, prefix []int) string { return "SELECT " + query[prefix[1]:] }

// doStatement makes a DO of a SELECT that has nothing but expressions.
func doStatement(stmt sqlparser.Statement, query string, prefix []int) (sqlparser.Statement, error) {
	wrong := &replstmt.SyntaxError{Near: strings.TrimSpace(query[prefix[1]:]), Line: 1}
	s, ok := stmt.(*sqlparser.Select)
	if !ok || s.Into != nil || s.Where != nil || s.Limit != nil || s.Having != nil || s.QueryOpts.Distinct || fromTable(s) ||
		len(s.GroupBy)+len(s.OrderBy)+len(s.Window) > 0 {
		return nil, wrong
	}
	var exprs sqlparser.Exprs
	for _, e := range s.SelectExprs {
		a, ok := e.(*sqlparser.AliasedExpr)
		if !ok {
			return nil, wrong
		}
		exprs = append(exprs, a.Expr)
	}
	return sqlparser.InjectedStatement{
		Auth:      sqlparser.AuthInformation{AuthType: sqlparser.AuthType_IGNORE},
		Statement: &do{},
		Children:  exprs,
	}, nil
}

// fromTable reports whether a SELECT names a table; without one the parser adds
// dual.
func fromTable(s *sqlparser.Select) bool {
	if len(s.From) == 0 {
		return false
	}
	a, ok := s.From[0].(*sqlparser.AliasedTableExpr)
	if !ok || len(s.From) > 1 {
		return true
	}
	t, ok := a.Expr.(sqlparser.TableName)
	return !ok || !t.DbQualifier.IsEmpty() || !strings.EqualFold(t.Name.String(), "dual")
}

// do evaluates expressions and forgets their values.
type do struct{ exprs []gms.Expression }

var (
	_ gms.ExecSourceRel = (*do)(nil)
	_ gms.Expressioner  = (*do)(nil)
)

// WithResolvedChildren implements sqlparser's Injectable.
func (d *do) WithResolvedChildren(_ context.Context, children []any) (any, error) {
	out := &do{}
	for _, c := range children {
		e, ok := c.(gms.Expression)
		if !ok {
			return nil, fmt.Errorf("sql: %T is no expression", c)
		}
		out.exprs = append(out.exprs, e)
	}
	return out, nil
}

// Expressions implements gms.Expressioner.
func (d *do) Expressions() []gms.Expression { return d.exprs }

// WithExpressions implements gms.Expressioner.
func (d *do) WithExpressions(_ *gms.Context, exprs ...gms.Expression) (gms.Node, error) {
	if len(exprs) != len(d.exprs) {
		return nil, gms.ErrInvalidChildrenNumber.New(d, len(exprs), len(d.exprs))
	}
	return &do{exprs: exprs}, nil
}

// Resolved implements gms.Node.
func (d *do) Resolved() bool {
	for _, e := range d.exprs {
		if !e.Resolved() {
			return false
		}
	}
	return true
}

// IsReadOnly implements gms.Node.
func (d *do) IsReadOnly() bool { return true }

// String implements gms.Node.
func (d *do) String() string { return "DO" }

// Children implements gms.Node.
func (d *do) Children() []gms.Node { return nil }

// WithChildren implements gms.Node.
func (d *do) WithChildren(_ *gms.Context, children ...gms.Node) (gms.Node, error) {
	if len(children) > 0 {
		return nil, gms.ErrInvalidChildrenNumber.New(d, len(children), 0)
	}
	return d, nil
}

// Schema implements gms.Node.
func (d *do) Schema(*gms.Context) gms.Schema { return types.OkResultSchema }

// RowIter implements gms.ExecSourceRel.
func (d *do) RowIter(*gms.Context, gms.Row) (gms.RowIter, error) {
	return &okIter{run: func(ctx *gms.Context) error {
		for _, e := range d.exprs {
			if _, err := e.Eval(ctx, nil); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}
