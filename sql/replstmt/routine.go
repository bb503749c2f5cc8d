package replstmt

import (
	"slices"
	"strings"
)

// Routine is CREATE FUNCTION or CREATE PROCEDURE.
type Routine struct {
	Kind    string // FUNCTION or PROCEDURE
	Name    Table
	Definer *Account // nil = whoever creates it
	Exists  bool     // IF NOT EXISTS

	Params     []Param
	ParamsText string // between the parentheses
	Returns    string // type of a function

	Characteristics
	Body     Step
	BodyText string
}

// Account is a user name and host.
type Account struct{ User, Host string }

// Param is a parameter of a routine.
type Param struct {
	Mode       string // IN, OUT or INOUT
	Name, Type string
}

// Characteristics are those of a routine; nil = not given.
type Characteristics struct {
	Deterministic *bool
	Data          *string // CONTAINS SQL, NO SQL, READS SQL DATA or MODIFIES SQL DATA
	Security      *string // DEFINER or INVOKER
	Comment       *string
}

// AlterRoutine is ALTER FUNCTION or ALTER PROCEDURE.
type AlterRoutine struct {
	Kind string
	Name Table
	Characteristics
}

// ParseRoutine parses CREATE FUNCTION or CREATE PROCEDURE. remainder is the
// offset behind its semicolon.
func ParseRoutine(sql string) (r *Routine, remainder int, err error) {
	p := &parser{lexer: lexer{sql: sql}}
	p.advance()
	r = p.routine()
	if p.err == nil {
		p.end()
	}
	return r, p.pos, p.err
}

func (p *parser) routine() *Routine {
	r := &Routine{}
	p.expect("CREATE")
	r.Definer = p.definer()
	r.Kind = p.expectAny("FUNCTION", "PROCEDURE")
	if p.accept("IF") {
		p.expect("NOT", "EXISTS")
		r.Exists = true
	}
	r.Name = p.table()
	p.params(r)
	if r.Kind == "FUNCTION" {
		p.expect("RETURNS")
		r.Returns = p.dataType()
	}
	r.Characteristics = p.characteristics()
	r.Body, r.BodyText = p.program(r.Kind == "FUNCTION", r.Name.Name)
	return r
}

// definer reads DEFINER = account; nil = none, or CURRENT_USER.
func (p *parser) definer() *Account {
	if !p.accept("DEFINER") {
		return nil
	}
	p.expectPunct('=')
	if p.accept("CURRENT_USER") {
		if p.acceptPunct('(') {
			p.expectPunct(')')
		}
		return nil
	}
	a := &Account{Host: "%"}
	if p.tok.kind == tokString {
		a.User = p.str()
	} else {
		a.User = p.name()
	}
	if p.tok.kind == tokVar {
		text := p.text(p.tok)[1:]
		p.advance()
		switch {
		case text == "" && p.tok.kind == tokString:
			text = p.str()
		case text == "":
			text = p.name()
		case strings.ContainsRune("'\"`", rune(text[0])):
			text = unquote(text)
		default:
			for p.punct(p.tok, '-') || p.punct(p.tok, '%') || p.tok.kind == tokNumber {
				text += p.text(p.tok)
				p.advance()
			}
		}
		a.Host = text
	}
	return a
}

func (p *parser) params(r *Routine) {
	start := p.tok.end
	p.expectPunct('(')
	for p.err == nil && !p.punct(p.tok, ')') {
		m := Param{Mode: "IN"}
		if r.Kind == "PROCEDURE" {
			if mode := p.acceptAny("IN", "OUT", "INOUT"); mode != "" {
				m.Mode = mode
			}
		}
		m.Name = p.name()
		m.Type = p.dataType()
		if slices.ContainsFunc(r.Params, func(o Param) bool { return strings.EqualFold(o.Name, m.Name) }) {
			p.refuse(1330, "Duplicate parameter: %s", m.Name)
		}
		r.Params = append(r.Params, m)
		if !p.acceptPunct(',') {
			break
		}
		if p.punct(p.tok, ')') {
			p.fail()
		}
	}
	if p.err == nil {
		r.ParamsText = strings.TrimSpace(p.sql[start:p.tok.start])
	}
	p.expectPunct(')')
}

// dataType takes the text of a column type.
func (p *parser) dataType() string {
	if p.tok.kind != tokWord {
		p.fail()
		return ""
	}
	start := p.tok.start
	end := p.tok.end
	if p.acceptAny("NATIONAL", "LONG") != "" && p.tok.kind == tokWord && p.isAny(p.tok, "CHAR", "CHARACTER", "VARCHAR", "VARCHARACTER", "VARBINARY") {
		end = p.tok.end
		p.advance()
	} else if end != p.tok.start && p.tok.start == start {
		p.advance()
	}
	for p.err == nil {
		switch {
		case p.punct(p.tok, '('):
			for p.err == nil && !p.punct(p.tok, ')') {
				if p.atEnd() {
					p.fail()
				}
				p.advance()
			}
			end = p.tok.end
			p.expectPunct(')')
			continue
		case p.isAny(p.tok, "CHARSET", "COLLATE"):
			p.advance()
			end = p.tok.end
			p.advance()
			continue
		case p.isAny(p.tok, "CHARACTER", "CHAR"):
			p.advance()
			p.expect("SET")
			end = p.tok.end
			p.advance()
			continue
		case p.isAny(p.tok, "UNSIGNED", "SIGNED", "ZEROFILL", "PRECISION", "VARYING", "BINARY", "ASCII", "UNICODE", "BYTE"):
			end = p.tok.end
			p.advance()
			continue
		}
		break
	}
	return p.sql[start:end]
}

func (p *parser) characteristics() (c Characteristics) {
	for {
		switch {
		case p.accept("COMMENT"):
			c.Comment = new(p.str())
		case p.accept("LANGUAGE"):
			p.expect("SQL")
		case p.accept("DETERMINISTIC"):
			c.Deterministic = new(true)
		case p.accept("NOT"):
			p.expect("DETERMINISTIC")
			c.Deterministic = new(false)
		case p.accept("CONTAINS"):
			p.expect("SQL")
			c.Data = new("CONTAINS SQL")
		case p.accept("NO"):
			p.expect("SQL")
			c.Data = new("NO SQL")
		case p.see("READS"), p.see("MODIFIES"):
			verb := p.expectAny("READS", "MODIFIES")
			p.expect("SQL", "DATA")
			c.Data = new(verb + " SQL DATA")
		case p.accept("SQL"):
			p.expect("SECURITY")
			c.Security = new(p.expectAny("DEFINER", "INVOKER"))
		default:
			return c
		}
	}
}

// program parses a body. name is that of the function, for errors.
func (p *parser) program(function bool, name string) (Step, string) {
	b := &body{parser: p, function: function}
	start := p.tok.start
	s := b.step()
	if p.err == nil && function && !b.returns {
		p.refuse(1320, "No RETURN found in FUNCTION %s", name)
	}
	if p.err != nil {
		return nil, ""
	}
	return s, strings.TrimSpace(p.sql[start:p.tok.start])
}

// ParseBody parses the body of a stored program alone.
func ParseBody(text string, function bool) (Step, error) {
	p := &parser{lexer: lexer{sql: text}}
	p.advance()
	s, _ := p.program(function, "")
	if p.err == nil {
		p.end()
	}
	return s, p.err
}

// ParseParams parses what stands between the parentheses of a routine.
func ParseParams(kind, text string) ([]Param, error) {
	p := &parser{lexer: lexer{sql: "(" + text + "\n)"}}
	p.advance()
	r := &Routine{Kind: kind}
	p.params(r)
	return r.Params, p.err
}

// ParseAlterRoutine parses ALTER FUNCTION or ALTER PROCEDURE.
func ParseAlterRoutine(sql string) (a *AlterRoutine, remainder int, err error) {
	p := &parser{lexer: lexer{sql: sql}}
	p.advance()
	p.expect("ALTER")
	a = &AlterRoutine{Kind: p.expectAny("FUNCTION", "PROCEDURE")}
	a.Name = p.table()
	a.Characteristics = p.characteristics()
	if p.err == nil {
		p.end()
	}
	return a, p.pos, p.err
}
