package sql

import (
	"context"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/replstmt"
	"binrelay/sql/tables"
)

// parser puts the statements of replication and administration in front of
// go-mysql-server's parser.
type parser struct {
	server *Server
	base   gms.Parser
}

var _ gms.Parser = (*parser)(nil)

// ParseSimple implements gms.Parser.
func (p *parser) ParseSimple(query string) (sqlparser.Statement, error) {
	stmt, err := p.base.ParseSimple(query)
	if err != nil {
		return nil, err
	}
	if err := tables.PrepareStatement(stmt); err != nil {
		return nil, err
	}
	return stmt, nil
}

// Parse implements gms.Parser.
func (p *parser) Parse(ctx *gms.Context, query string, multi bool) (sqlparser.Statement, string, string, error) {
	return p.ParseWithOptions(ctx, query, ';', multi, gms.LoadSqlMode(ctx).ParserOptions())
}

// ParseWithOptions implements gms.Parser.
func (p *parser) ParseWithOptions(ctx context.Context, query string, delimiter rune, multi bool, o sqlparser.ParserOptions) (sqlparser.Statement, string, string, error) {
	query, _ = ownLiterals(ctx, hideComments(query))
	if stmt, end, ok, err := replstmt.Parse(query); err != nil {
		return nil, "", "", err
	} else if ok {
		rest := strings.TrimSpace(query[end:])
		if rest != "" && !multi {
			return nil, "", "", &replstmt.SyntaxError{Near: rest, Line: 1}
		}
		text := gms.RemoveSpaceAndDelimiter(query[:end], delimiter)
		note(ctx, text)
		return p.inject(stmt), text, rest, nil
	}
	if stmt, end, ok, err := p.parseAccount(ctx, query); err != nil {
		return nil, "", "", err
	} else if ok {
		rest := strings.TrimSpace(query[end:])
		if rest != "" && !multi {
			return nil, "", "", &replstmt.SyntaxError{Near: replstmt.Masks(rest), Line: 1}
		}
		text := gms.RemoveSpaceAndDelimiter(query[:end], delimiter)
		note(ctx, text)
		return stmt, text, rest, nil
	}
	if stmt, end, ok, err := p.definitions(ctx, query, o); err != nil {
		return nil, "", "", err
	} else if ok {
		rest := strings.TrimSpace(query[end:])
		if rest != "" && !multi {
			return nil, "", "", &replstmt.SyntaxError{Near: rest, Line: 1}
		}
		text := gms.RemoveSpaceAndDelimiter(query[:end], delimiter)
		note(ctx, text)
		return stmt, text, rest, nil
	}
	if replstmt.InvisibleColumn(query) {
		return nil, "", "", notSupported("INVISIBLE column")
	}
	object, err := p.object(ctx, query)
	switch {
	case err != nil:
		return nil, "", "", err
	case object != nil && object.query == "":
		text := gms.RemoveSpaceAndDelimiter(query[:object.end], delimiter)
		note(ctx, text)
		return object.statement(p), text, strings.TrimSpace(query[object.end:]), nil
	case object != nil:
		query = object.query
	}
	query = p.rewrite(ctx, query)
	stmt, text, rest, err := p.base.ParseWithOptions(ctx, query, delimiter, multi, o)
	if wrapped, ok := wrapGenerated(query, err); ok {
		if again, _, left, e := p.base.ParseWithOptions(ctx, wrapped, delimiter, multi, o); e == nil {
			text = strings.TrimSuffix(query, left)
			stmt, rest, err = again, left, nil
		}
	}
	err = refuseMatch(query, err)
	if err == nil {
		err = tables.PrepareStatement(stmt)
	}
	if err == nil {
		err = checkPartitions(stmt, query)
	}
	if err == nil {
		err = checkBody(stmt)
	}
	if err == nil {
		err = nameNumbers(stmt)
	}
	if err == nil {
		err = checkDefinition(ctx, stmt)
	}
	if err != nil {
		// The handler looks at the statement, not at the error.
		return nil, "", "", err
	}
	ordinaryCalls(stmt, text)
	if multi {
		note(ctx, text)
	}
	if object != nil && object.instead != nil {
		return p.inject(object.instead), text, rest, nil
	}
	return p.own(ctx, stmt), text, rest, nil
}

// ParseOneWithOptions implements gms.Parser.
func (p *parser) ParseOneWithOptions(ctx context.Context, query string, o sqlparser.ParserOptions) (sqlparser.Statement, int, error) {
	query, moved := ownLiterals(ctx, hideComments(query))
	stmt, end, err := p.parseOne(ctx, query, o)
	return stmt, moved.before(end), err
}

func (p *parser) parseOne(ctx context.Context, query string, o sqlparser.ParserOptions) (sqlparser.Statement, int, error) {
	if stmt, end, ok, err := replstmt.Parse(query); err != nil {
		return nil, 0, err
	} else if ok {
		return p.inject(stmt), end, nil
	}
	if stmt, end, ok, err := p.parseAccount(ctx, query); err != nil || ok {
		return stmt, end, err
	}
	if stmt, end, ok, err := p.definitions(ctx, query, o); err != nil || ok {
		return stmt, end, err
	}
	if replstmt.InvisibleColumn(query) {
		return nil, 0, notSupported("INVISIBLE column")
	}
	object, err := p.object(ctx, query)
	if err != nil {
		return nil, 0, err
	}
	own := query
	if object != nil {
		if own = object.query; own == "" {
			return object.statement(p), object.end, nil
		}
	}
	rewritten := p.rewrite(ctx, own)
	stmt, end, err := p.base.ParseOneWithOptions(ctx, rewritten, o)
	if wrapped, ok := wrapGenerated(rewritten, err); ok {
		if again, at, e := p.base.ParseOneWithOptions(ctx, wrapped, o); e == nil {
			stmt, end, err = again, max(at-len(wrapped)+len(rewritten), 0), nil
		}
	}
	if err == nil {
		err = checkPartitions(stmt, rewritten)
	}
	if err != nil {
		return stmt, end, refuseMatch(rewritten, err)
	}
	if rewritten != query {
		// What was rewritten stands before the statement's end.
		end = min(max(end+len(query)-len(rewritten), 0), len(query))
	}
	if err := tables.PrepareStatement(stmt); err != nil {
		return nil, 0, err
	}
	if err := checkBody(stmt); err != nil {
		return nil, 0, err
	}
	if err := checkDefinition(ctx, stmt); err != nil {
		return nil, 0, err
	}
	ordinaryCalls(stmt, rewritten)
	if object != nil && object.instead != nil {
		return p.inject(object.instead), end, nil
	}
	return p.own(ctx, stmt), end, nil
}

// wrapGenerated returns a statement that could not be parsed with the expressions
// of its generated columns in parentheses.
func wrapGenerated(query string, err error) (string, bool) {
	if err == nil || !begins(query, "CREATE") && !begins(query, "ALTER") {
		return "", false
	}
	return replstmt.WrapGenerated(query)
}

// checkPartitions refuses to read or change one partition of a table: there are
// none.
func checkPartitions(stmt sqlparser.Statement, query string) error {
	if !strings.Contains(strings.ToUpper(query), "PARTITION") {
		return nil
	}
	return sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) {
		named := false
		switch n := n.(type) {
		case *sqlparser.AliasedTableExpr:
			named = len(n.Partitions) > 0
		case *sqlparser.Insert:
			named = len(n.Partitions) > 0
		}
		if named {
			return false, sqlError(1747, "HY000", "PARTITION () clause on non partitioned table")
		}
		return true, nil
	}, stmt)
}

// definitions parses the statements on tables that are cut into pieces before
// go-mysql-server sees them.
func (p *parser) definitions(ctx context.Context, query string, o sqlparser.ParserOptions) (stmt sqlparser.Statement, end int, ok bool, err error) {
	if stmt, end, ok, err = p.alter(ctx, query, o); ok || err != nil {
		return stmt, end, ok, err
	}
	if replstmt.Partitions(query) {
		return nil, 0, false, notSupported("PARTITION BY")
	}
	return p.createSelect(ctx, query)
}

// alter parses ALTER TABLE and its kin.
func (p *parser) alter(ctx context.Context, query string, o sqlparser.ParserOptions) (stmt sqlparser.Statement, end int, ok bool, err error) {
	st, end, ok, err := replstmt.ParseAlter(query)
	if !ok || err != nil {
		return nil, end, ok && err != nil, err
	}
	stmt, err = p.parseAlter(ctx, st, o)
	return stmt, end, true, err
}

// own replaces statements that go-mysql-server parses but does not carry out
// as MySQL does.
func (p *parser) own(ctx context.Context, stmt sqlparser.Statement) sqlparser.Statement {
	if d, ok := p.definition(stmt, defaultDatabase(ctx)); ok {
		return d
	}
	switch c := stmt.(type) {
	case *sqlparser.Call:
		return injectCall(c)
	case *sqlparser.DDL:
		if c.TriggerSpec != nil {
			injectCalls(c.TriggerSpec)
		}
	}
	if c, ok := ctx.(*gms.Context); ok {
		if s := sessionOf(c); s != nil {
			if l, ok := stmt.(*sqlparser.Load); ok {
				s.ownLoad(l, defaultDatabase(ctx))
			} else {
				s.load = nil
			}
		}
	}
	return stmt
}

func defaultDatabase(ctx context.Context) string {
	if c, ok := ctx.(*gms.Context); ok && c.Session != nil {
		return c.GetCurrentDatabase()
	}
	return ""
}

// rewrite turns what go-mysql-server's parser refuses into what it takes.
func (p *parser) rewrite(ctx context.Context, query string) string {
	if out, warning, changed := replstmt.Rewrite(query); changed {
		query = out
		if c, ok := ctx.(*gms.Context); ok && warning != "" {
			c.Warn(1064, "%s", warning)
		}
	}
	if out, changed := replstmt.RewriteForShare(query); changed {
		query = out
	}
	if out, changed := replstmt.RewriteExpressions(query); changed {
		query = out
	}
	return query
}

// note tells the session the text of the statement that it runs, where that is
// not the packet's: one of several statements.
func note(ctx context.Context, text string) {
	if c, ok := ctx.(*gms.Context); ok {
		if s := sessionOf(c); s != nil {
			s.noteText(text)
		}
	}
}

// inject wraps a statement for go-mysql-server. Privileges are checked when it
// runs.
func (p *parser) inject(stmt replstmt.Statement) sqlparser.Statement {
	return sqlparser.InjectedStatement{
		Auth:      sqlparser.AuthInformation{AuthType: sqlparser.AuthType_IGNORE},
		Statement: &node{server: p.server, stmt: stmt},
	}
}
