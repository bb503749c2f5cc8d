package auth

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/dolthub/vitess/go/mysql"
)

// Parse parses the first statement of sql if it is one about accounts; ok tells.
// end is the offset behind its semicolon. Errors are *mysql.SQLError; they quote
// no password.
func Parse(sql string, m Mode) (st Statement, end int, ok bool, err error) {
	parse := classify(sql)
	if parse == nil {
		return nil, 0, false, nil
	}
	p := &parser{sql: sql, l: lexer{s: sql, raw: m.NoBackslash}, mode: m}
	p.advance()
	st = parse(p)
	if p.err == nil && p.tok.kind != tokEnd && !p.punct(";") {
		p.fail()
	}
	if p.err != nil {
		return nil, len(sql), true, p.err
	}
	return st, p.tok.end, true, nil
}

// Mode says how a statement is read.
type Mode struct {
	NoBackslash bool // the SQL mode NO_BACKSLASH_ESCAPES
	Source      bool // it comes from a source: GRANT may say IDENTIFIED, as old servers log it
}

// classify looks at the first words; nil = another statement.
func classify(sql string) func(*parser) Statement {
	l := lexer{s: sql}
	t := l.next()
	if t.kind != tokWord {
		return nil
	}
	switch strings.ToUpper(t.text) {
	case "CREATE":
		next := l.next()
		if next.is("OR") {
			l.next()
			next = l.next()
		}
		if next.is("USER") {
			return (*parser).createUser
		}
		if next.is("ROLE") {
			return (*parser).createRole
		}
	case "ALTER":
		if l.next().is("USER") {
			return (*parser).alterUser
		}
	case "DROP":
		if next := l.next(); next.is("USER") || next.is("ROLE") {
			return (*parser).drop
		}
	case "RENAME":
		if l.next().is("USER") {
			return (*parser).rename
		}
	case "GRANT":
		return (*parser).grant
	case "REVOKE":
		return (*parser).revoke
	case "SET":
		next := l.next()
		switch after := l.next(); {
		case next.is("PASSWORD") && after.text != ":":
			return (*parser).setPassword
		case next.is("ROLE") && after.text != "=" && after.text != ":":
			return (*parser).setRole
		case next.is("DEFAULT") && after.is("ROLE"):
			return (*parser).setDefaultRole
		}
	case "SHOW":
		next := l.next()
		if next.is("GRANTS") || next.is("CREATE") && l.next().is("USER") {
			return (*parser).show
		}
	}
	return nil
}

// SetsPassword reports whether a statement is one that a session may run whose
// password is to be changed: ALTER USER and SET PASSWORD.
func SetsPassword(sql string) bool {
	l := lexer{s: sql}
	first, second := l.next(), l.next()
	return first.is("ALTER") && second.is("USER") || first.is("SET") && second.is("PASSWORD")
}

// parser reads one statement, a token ahead. The first error stays; from then
// on the current token is the end.
type parser struct {
	sql  string
	l    lexer
	mode Mode
	tok  token
	last int // end of the token before
	err  error
}

func (p *parser) advance() {
	p.last = p.tok.end
	if p.err != nil {
		p.tok = token{kind: tokEnd, pos: len(p.sql), end: len(p.sql)}
		return
	}
	p.tok = p.l.next()
}

// fail reports that the current token does not fit.
func (p *parser) fail() {
	if p.err != nil {
		return
	}
	const most = 80
	near := maskFrom(p.sql, p.tok.pos, p.l.raw)
	if len(near) > most {
		near = strings.ToValidUTF8(near[:most], "")
	}
	p.error(mysql.NewSQLError(mysql.ERParseError, "42000", "You have an error in your SQL syntax; check the manual that corresponds to your MySQL "+
		"server version for the right syntax to use near '%s' at line %d", near, 1+strings.Count(p.sql[:p.tok.pos], "\n")))
}

func (p *parser) error(err error) {
	if p.err == nil {
		p.err = err
	}
	p.tok = token{kind: tokEnd, pos: len(p.sql), end: len(p.sql)}
}

// refuse ends the statement with error 1235.
func (p *parser) refuse(what string) { p.error(notSupported(what)) }

func notSupported(what string) error {
	return mysql.NewSQLError(mysql.ERNotSupportedYet, "42000", "This version of MySQL doesn't yet support '%s'", what)
}

// maskFrom returns the statement from pos on. If it may have a password, every
// string in it that is no part of an account's name is replaced.
func maskFrom(sql string, pos int, raw bool) string {
	var list []token
	secret := false
	for l := (lexer{s: sql, raw: raw}); ; {
		t := l.next()
		secret = secret || t.is("IDENTIFIED") || t.is("PASSWORD")
		if list = append(list, t); t.kind == tokEnd {
			break
		}
	}
	if !secret {
		return sql[pos:]
	}
	var b strings.Builder
	at := pos
	for i, t := range list {
		name := i > 0 && list[i-1].text == "@" || list[min(i+1, len(list)-1)].text == "@"
		if (t.kind == tokString || t.kind == tokHex) && !name && t.end > pos {
			b.WriteString(sql[at:max(t.pos, at)] + "<secret>")
			at = t.end
		}
	}
	return b.String() + sql[min(at, len(sql)):]
}

func (p *parser) is(word string) bool    { return p.tok.is(word) }
func (p *parser) punct(text string) bool { return p.tok.kind == tokPunct && p.tok.text == text }
func (p *parser) isAny(words ...string) bool {
	for _, w := range words {
		if p.is(w) {
			return true
		}
	}
	return false
}

// take moves over a keyword if it is there.
func (p *parser) take(word string) bool {
	if !p.is(word) {
		return false
	}
	p.advance()
	return true
}

// takeAll moves over keywords if all are there.
func (p *parser) takeAll(words ...string) bool {
	l, tok, last := p.l, p.tok, p.last
	for _, w := range words {
		if !p.take(w) {
			p.l, p.tok, p.last = l, tok, last
			return false
		}
	}
	return true
}

func (p *parser) want(words ...string) {
	for _, w := range words {
		if !p.take(w) {
			p.fail()
		}
	}
}

func (p *parser) takePunct(text string) bool {
	if !p.punct(text) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) wantPunct(text string) {
	if !p.takePunct(text) {
		p.fail()
	}
}

// peek returns the token after the current one.
func (p *parser) peek() token {
	l := p.l
	return l.next()
}

// text reads a string or a hexadecimal literal.
func (p *parser) text() string {
	s, ok := p.tok.literal()
	if !ok {
		p.fail()
		return ""
	}
	p.advance()
	return s
}

// literal returns the value of a string or hexadecimal literal.
func (t token) literal() (string, bool) {
	switch t.kind {
	case tokString:
		return t.text, true
	case tokHex:
		b, err := hex.DecodeString(t.text)
		return string(b), err == nil
	}
	return "", false
}

func (p *parser) word() string {
	if !p.tok.name() {
		p.fail()
		return ""
	}
	s := p.tok.text
	p.advance()
	return s
}

// number reads an unsigned number of at most most.
func (p *parser) number(most uint64) uint64 {
	n, err := strconv.ParseUint(p.tok.text, 10, 64)
	if p.tok.kind != tokWord || err != nil {
		p.fail()
		return 0
	}
	if n > most {
		p.error(mysql.NewSQLError(1210, "HY000", "Incorrect arguments to %s", fmt.Sprintf("a number above %d", most)))
		return 0
	}
	p.advance()
	return n
}

// Longest names, in characters. Source: MySQL 8.0 manual, "Grant Tables".
const (
	maxUser = 32
	maxHost = 255
)

// account reads user[@host], CURRENT_USER[()] or USER().
func (p *parser) account() Spec {
	s := Spec{from: p.tok.pos}
	switch {
	case p.is("CURRENT_USER"), p.is("USER") && p.peek().text == "(":
		p.advance()
		if p.takePunct("(") {
			p.wantPunct(")")
		}
		s.Current, s.to = true, p.last
		return s
	case !p.tok.name() || p.tok.kind == tokWord && p.reserved():
		p.fail()
		return s
	}
	s.User, s.Host = p.tok.text, "%"
	p.advance()
	if p.punct("@") {
		p.advance()
		if !p.tok.name() {
			p.fail()
			return s
		}
		s.Host = p.tok.text
		bare := p.tok.kind == tokWord
		p.advance()
		// A bare host such as db-1.example.org is several tokens.
		for bare && p.tok.pos == p.last && (p.tok.kind == tokWord || p.punct(".") || p.punct("-")) {
			s.Host += p.sql[p.tok.pos:p.tok.end]
			p.advance()
		}
	}
	s.to = p.last
	s.Host = strings.ToLower(s.Host)
	if n := len([]rune(s.User)); n > maxUser {
		p.error(mysql.NewSQLError(1470, "HY000", "String '%s' is too long for user name (should be no longer than %d)", s.User, maxUser))
	}
	if n := len([]rune(s.Host)); n > maxHost {
		p.error(mysql.NewSQLError(1470, "HY000", "String '%s' is too long for host name (should be no longer than %d)", s.Host, maxHost))
	}
	return s
}

// reserved reports whether the current bare word cannot be a user's name.
func (p *parser) reserved() bool {
	return p.isAny("TO", "FROM", "IDENTIFIED", "WITH", "REQUIRE", "FOR", "USING", "ON", "GRANT", "IF", "DEFAULT", "SELECT", "CREATE", "DROP")
}

func (p *parser) accounts() []Spec {
	list := []Spec{p.account()}
	for p.takePunct(",") {
		list = append(list, p.account())
	}
	return list
}

// ifExists reads IF EXISTS.
func (p *parser) ifExists() bool {
	if !p.is("IF") {
		return false
	}
	p.want("IF", "EXISTS")
	return true
}

func (p *parser) ifNotExists() bool {
	if !p.is("IF") {
		return false
	}
	p.want("IF", "NOT", "EXISTS")
	return true
}

func (p *parser) drop() Statement {
	p.want("DROP")
	st := &DropUser{Role: p.is("ROLE")}
	p.advance()
	st.If = p.ifExists()
	st.Users = p.accounts()
	return st
}

func (p *parser) rename() Statement {
	p.want("RENAME", "USER")
	st := &RenameUser{}
	for {
		st.From = append(st.From, p.account())
		p.want("TO")
		st.To = append(st.To, p.account())
		if !p.takePunct(",") {
			return st
		}
	}
}

func (p *parser) show() Statement {
	p.want("SHOW")
	if p.take("CREATE") {
		p.want("USER")
		return &ShowCreateUser{User: p.account()}
	}
	p.want("GRANTS")
	st := &ShowGrants{}
	if p.take("FOR") {
		user := p.account()
		st.User = &user
		if p.take("USING") {
			st.Using = p.accounts()
		}
	}
	return st
}
