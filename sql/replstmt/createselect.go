package replstmt

import "strings"

// CreateSelect is CREATE TABLE … SELECT, cut into its parts. Definitions and the
// query are left to the engine's parser.
type CreateSelect struct {
	Table       Table
	Temporary   bool
	IfNotExists bool
	Columns     []Definition // of columns
	Keys        []string     // definitions of keys and constraints
	Options     string       // of the table
	Duplicates  string       // IGNORE, REPLACE or "": what is done about duplicate keys
	Query       string
	Partitioned bool // there is a partition clause
}

// Definition is the text that defines a column, its name included.
type Definition struct{ Name, Text string }

// Name implements Statement.
func (s *CreateSelect) Name() string { return "CREATE TABLE" }

// ParseCreateSelect parses the first statement of sql if it is CREATE TABLE with
// a query, in the way of Parse.
func ParseCreateSelect(sql string) (stmt *CreateSelect, remainder int, ok bool, err error) {
	l := lexer{sql: sql}
	if !l.is(l.next(), "CREATE") {
		return nil, 0, false, nil
	}
	t := l.next()
	if l.is(t, "TEMPORARY") {
		t = l.next()
	}
	if !l.is(t, "TABLE") || !containsFold(sql, "SELECT") && !containsFold(sql, "VALUES") && !containsFold(sql, "TABLE ") {
		return nil, 0, false, nil
	}
	p := &parser{lexer: lexer{sql: sql}}
	p.advance()
	if stmt = p.createSelect(); stmt == nil || p.err != nil && stmt.Query == "" {
		return nil, 0, false, nil // without a query it is the engine's
	}
	if p.err == nil {
		p.end()
	}
	if p.err != nil {
		return nil, len(sql), true, p.err
	}
	return stmt, p.pos, true, nil
}

func (p *parser) createSelect() *CreateSelect {
	p.expect("CREATE")
	s := &CreateSelect{Temporary: p.accept("TEMPORARY")}
	p.expect("TABLE")
	if p.accept("IF") {
		p.expect("NOT", "EXISTS")
		s.IfNotExists = true
	}
	s.Table = p.table()
	if p.punct(p.tok, '(') && !p.queryAhead() {
		p.advance()
		if p.see("LIKE") {
			return nil
		}
		p.definitions(s)
	}
	if p.see("LIKE") {
		return nil
	}
	p.options(s)
	s.Duplicates = p.acceptAny("IGNORE", "REPLACE")
	p.accept("AS")
	if p.err != nil || !p.queryAhead() {
		return nil
	}
	at, end := p.tok.start, p.tok.start
	for !p.atEnd() {
		end = p.tok.end
		p.advance()
	}
	if p.err == nil {
		s.Query = bareQuery(p.sql[at:end])
	}
	return s
}

// bareQuery takes the parentheses around a query away. One that begins with a
// query in parentheses, as a UNION may, becomes a derived table: the engine has
// no INSERT from it.
func bareQuery(sql string) string {
	for {
		l := lexer{sql: sql}
		first := l.next()
		if !l.punct(first, '(') {
			return sql
		}
		inside, depth := token{start: -1}, 1
		for t := l.next(); t.kind != tokEOF && depth > 0; t = l.next() {
			switch {
			case l.punct(t, '('):
				depth++
			case l.punct(t, ')'):
				if depth--; depth == 0 {
					inside = t
				}
			}
			if depth == 0 {
				break
			}
		}
		rest := lexer{sql: sql, pos: max(inside.end, 0)}
		switch next := rest.next(); {
		case inside.start >= 0 && rest.isAny(next, "ORDER", "LIMIT"):
			return "SELECT * FROM " + sql[:inside.end] + " AS `query` " + sql[next.start:]
		case inside.start < 0 || next.kind != tokEOF:
			return "SELECT * FROM (" + sql + ") AS `query`"
		}
		sql = sql[first.end:inside.start]
	}
}

// queryAhead reports whether a query begins here, perhaps in parentheses.
func (p *parser) queryAhead() bool {
	ahead, t := p.lexer, p.tok
	for ahead.punct(t, '(') {
		t = ahead.next()
	}
	return ahead.isAny(t, "SELECT", "WITH", "VALUES", "TABLE")
}

// definitions reads the list of columns and keys, behind its parenthesis.
func (p *parser) definitions(s *CreateSelect) {
	for {
		at := p.tok.start
		isKey := p.isAny(p.tok, "INDEX", "KEY", "UNIQUE", "PRIMARY", "FULLTEXT", "SPATIAL", "CONSTRAINT", "CHECK", "FOREIGN")
		name := ""
		if !isKey {
			name = p.name()
		}
		text := p.sql[at:p.skipClause()]
		if isKey {
			s.Keys = append(s.Keys, text)
		} else {
			s.Columns = append(s.Columns, Definition{name, text})
		}
		if !p.acceptPunct(',') {
			break
		}
	}
	p.expectPunct(')')
}

// options reads the options of a table up to what follows them.
func (p *parser) options(s *CreateSelect) {
	at, end := p.tok.start, p.tok.start
	for depth := 0; !p.atEnd(); p.advance() {
		switch {
		case p.punct(p.tok, '('):
			if depth == 0 && p.queryAhead() {
				s.Options = p.sql[at:end]
				return
			}
			depth++
		case p.punct(p.tok, ')'):
			depth--
		case depth == 0 && p.isAny(p.tok, "IGNORE", "REPLACE", "AS", "SELECT", "WITH", "VALUES", "TABLE"):
			s.Options = p.sql[at:end]
			return
		case depth == 0 && p.see("PARTITION"):
			s.Partitioned = true
		}
		end = p.tok.end
	}
}

// StartsTransaction reports whether CREATE TABLE has the option START TRANSACTION,
// with which MySQL logs CREATE TABLE … SELECT: what follows in the transaction are
// the rows. without is the statement without the option.
func StartsTransaction(sql string) (without string, ok bool) {
	l := lexer{sql: sql}
	if !l.is(l.next(), "CREATE") || !l.is(l.next(), "TABLE") {
		return sql, false
	}
	depth := 0
	for t := l.next(); t.kind != tokEOF; t = l.next() {
		switch {
		case l.punct(t, '('):
			depth++
		case l.punct(t, ')'):
			depth--
		case depth == 0 && l.is(t, "START"):
			if next := l.next(); l.is(next, "TRANSACTION") {
				return strings.TrimRight(sql[:t.start], " \t\r\n,") + sql[next.end:], true
			}
		}
	}
	return sql, false
}
