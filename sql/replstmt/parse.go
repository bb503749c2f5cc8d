package replstmt

import (
	"fmt"
	"strconv"
	"strings"

	"binrelay/replica/replstate"
)

// SyntaxError is MySQL's error 1064 (42000).
type SyntaxError struct {
	Near string // the text from the first word that does not fit, at most 80 characters
	Line int    // line of that word in the statement, from 1
}

// Error returns MySQL's text.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use near '%s' at line %d", e.Near, e.Line)
}

// Parse parses the first statement of sql.
//
// If the statement is none of this package's, ok is false; that costs a look at
// its first words and no allocation. Otherwise remainder is the offset behind
// its terminating semicolon, or len(sql), and err is nil, a *SyntaxError, or a
// *replstate.Error for a value that MySQL refuses.
func Parse(sql string) (stmt Statement, remainder int, ok bool, err error) {
	first, ok := classify(sql)
	if !ok {
		return nil, 0, false, nil
	}
	p := &parser{lexer: lexer{sql: sql}}
	p.advance()
	stmt = first(p)
	if p.err == nil {
		p.end()
	}
	if p.err != nil {
		return nil, len(sql), true, p.err
	}
	return stmt, p.pos, true, nil
}

// classify looks at the first words of sql and returns the function that
// parses such a statement.
func classify(sql string) (parse func(*parser) Statement, ok bool) {
	l := lexer{sql: sql}
	t := l.next()
	if t.kind != tokWord || t.end-t.start > len("SAVEPOINT") {
		return nil, false
	}
	switch {
	case l.is(t, "SHOW"):
		return classifyShow(&l)
	case l.is(t, "CHANGE"):
		return (*parser).change, true
	case l.is(t, "BEGIN"):
		return (*parser).begin, l.classifyBegin()
	case l.isAny(t, "COMMIT", "ROLLBACK"):
		return (*parser).finish, true
	case l.is(t, "SAVEPOINT"):
		return (*parser).savepoint, true
	case l.is(t, "RELEASE"):
		return (*parser).release, true
	case l.is(t, "SET"):
		return (*parser).setTransaction, l.classifySet()
	case l.is(t, "START"):
		next := l.next()
		if l.is(next, "TRANSACTION") {
			return (*parser).begin, true
		}
		return (*parser).start, l.isAny(next, "SLAVE", "REPLICA", "GROUP_REPLICATION")
	case l.is(t, "STOP"):
		return (*parser).stop, l.isAny(l.next(), "SLAVE", "REPLICA", "GROUP_REPLICATION")
	case l.is(t, "RESET"):
		return (*parser).reset, l.isAny(l.next(), "SLAVE", "REPLICA", "MASTER", "BINARY")
	case l.is(t, "PURGE"):
		return (*parser).purge, true
	case l.is(t, "FLUSH"):
		return (*parser).flush, true
	case l.is(t, "KILL"):
		return (*parser).kill, true
	case l.is(t, "LOCK"):
		return (*parser).lock, l.isAny(l.next(), "INSTANCE", "TABLES", "TABLE")
	case l.is(t, "UNLOCK"):
		return (*parser).unlock, l.isAny(l.next(), "INSTANCE", "TABLES", "TABLE")
	case l.is(t, "BINLOG"):
		return (*parser).binlog, true
	case l.is(t, "CHECKSUM"):
		return (*parser).checksum, true
	case l.isAny(t, "CHECK", "ANALYZE", "OPTIMIZE", "REPAIR"):
		next := l.next()
		if l.isAny(next, "NO_WRITE_TO_BINLOG", "LOCAL") {
			next = l.next()
		}
		return (*parser).maintain, l.isAny(next, "TABLE", "TABLES")
	case l.is(t, "SHUTDOWN"):
		return (*parser).shutdown, true
	case l.is(t, "XA"):
		return (*parser).xa, true
	}
	return nil, false
}

// ReadsConditions reports whether a statement is about the conditions of the one
// before it, which it leaves as they are: SHOW WARNINGS and its kin.
func ReadsConditions(sql string) bool {
	l := &lexer{sql: sql}
	t := l.next()
	return l.is(t, "SHOW") && l.isAny(l.next(), "WARNINGS", "ERRORS", "COUNT")
}

func classifyShow(l *lexer) (parse func(*parser) Statement, ok bool) {
	t := l.next()
	switch {
	case l.isAny(t, "SLAVE", "REPLICA", "REPLICAS", "MASTER", "BINARY", "BINLOG", "RELAYLOG", "PROCESSLIST", "WARNINGS", "ERRORS"):
		return (*parser).show, true
	case l.is(t, "COUNT"):
		return (*parser).show, l.punct(l.next(), '(')
	case l.is(t, "ENGINE"):
		return (*parser).showEngine, true
	case l.is(t, "CREATE"):
		return (*parser).showCreate, l.isAny(l.next(), "FUNCTION", "PROCEDURE", "EVENT")
	case l.is(t, "ALL"):
		return (*parser).show, l.isAny(l.next(), "SLAVES", "REPLICAS")
	case l.is(t, "FULL"):
		return (*parser).show, l.is(l.next(), "PROCESSLIST")
	}
	return nil, false
}

// parser reads one statement, a token ahead. The first error stays; from then
// on the current token is the end of the text and everything comes back zero.
type parser struct {
	lexer
	tok token
	err error
}

// advance moves on to the next token.
func (p *parser) advance() {
	if p.err == nil {
		p.tok = p.next()
		if p.tok.open {
			p.fail()
		}
	}
}

// fail reports that the current token does not fit.
func (p *parser) fail() { p.failAt(p.tok.start) }

func (p *parser) failAt(start int) {
	near := strings.TrimRight(p.sql[start:], "; \t\r\n\v\f")
	const limit = 80
	n := 0
	for i := range near {
		if n++; n > limit {
			near = near[:i]
			break
		}
	}
	p.abort(&SyntaxError{Near: near, Line: 1 + strings.Count(p.sql[:start], "\n")})
}

// refuse reports a value that fits the grammar and is not allowed.
func (p *parser) refuse(number uint16, format string, args ...any) {
	p.abort(replstate.Errorf(number, format, args...))
}

func (p *parser) abort(err error) {
	if p.err == nil {
		p.err = err
		p.tok = token{kind: tokEOF, start: len(p.sql), end: len(p.sql)}
	}
}

// end requires the end of the statement and leaves pos behind its semicolon,
// or at the end of the text.
func (p *parser) end() {
	switch {
	case p.tok.kind == tokEOF:
		p.pos = len(p.sql)
	case p.punct(p.tok, ';'):
		p.pos = p.tok.end
		if p.exec { // the semicolon stands inside an executable comment, as its last
			p.skip()
		}
	default:
		p.fail()
	}
}

// atEnd reports whether the statement ends here.
func (p *parser) atEnd() bool { return p.tok.kind == tokEOF || p.punct(p.tok, ';') }

// see reports whether the current token is the word w.
func (p *parser) see(w string) bool { return p.is(p.tok, w) }

// accept moves past the word w if it is the current token.
func (p *parser) accept(w string) bool {
	if p.see(w) {
		p.advance()
		return true
	}
	return false
}

// acceptAny moves past any one of the words and returns it, or "".
func (p *parser) acceptAny(words ...string) string {
	for _, w := range words {
		if p.accept(w) {
			return w
		}
	}
	return ""
}

// expect requires the words in this order.
func (p *parser) expect(words ...string) {
	for _, w := range words {
		if !p.accept(w) {
			p.fail()
		}
	}
}

// expectAny requires one of the words and returns it.
func (p *parser) expectAny(words ...string) string {
	w := p.acceptAny(words...)
	if w == "" {
		p.fail()
	}
	return w
}

func (p *parser) acceptPunct(c byte) bool {
	if p.punct(p.tok, c) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) expectPunct(c byte) {
	if !p.acceptPunct(c) {
		p.fail()
	}
}

// str requires a string literal; adjacent ones are joined, as in SQL.
func (p *parser) str() string {
	if p.tok.kind != tokString {
		p.fail()
		return ""
	}
	s := unquote(p.text(p.tok))
	p.advance()
	for p.tok.kind == tokString {
		s += unquote(p.text(p.tok))
		p.advance()
	}
	return s
}

// number requires a whole number, in decimal or as 0x….
func (p *parser) number() uint64 {
	if p.tok.kind != tokNumber {
		p.fail()
		return 0
	}
	text, base := p.text(p.tok), 10
	if len(text) > 2 && text[1] == 'x' {
		text, base = text[2:], 16
	}
	n, err := strconv.ParseUint(text, base, 64)
	if err != nil {
		p.fail()
		return 0
	}
	p.advance()
	return n
}

// name requires an identifier, quoted or not.
func (p *parser) name() string {
	var s string
	switch p.tok.kind {
	case tokWord:
		s = p.text(p.tok)
	case tokQuoted:
		s = unquote(p.text(p.tok))
	}
	if s == "" {
		p.fail()
		return ""
	}
	p.advance()
	return s
}

// table requires [database.]name.
func (p *parser) table() Table {
	t := Table{Name: p.name()}
	if p.acceptPunct('.') {
		t.Database, t.Name = t.Name, p.name()
	}
	return t
}

// tables requires a list of tables.
func (p *parser) tables() []Table {
	list := []Table{p.table()}
	for p.acceptPunct(',') {
		list = append(list, p.table())
	}
	return list
}

// channel reads [FOR CHANNEL 'name'].
func (p *parser) channel() (name string, given bool) {
	if !p.accept("FOR") {
		return "", false
	}
	p.expect("CHANNEL")
	return p.str(), true
}

// expr takes the text of an expression up to the end of the statement.
func (p *parser) expr() string {
	if p.atEnd() {
		p.fail()
		return ""
	}
	start, end := p.tok.start, p.tok.end
	for !p.atEnd() {
		end = p.tok.end
		p.advance()
	}
	return p.sql[start:end]
}
