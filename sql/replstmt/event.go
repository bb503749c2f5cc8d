package replstmt

import "strings"

// Event is CREATE EVENT or ALTER EVENT. In ALTER EVENT, nil and "" are what
// stays as it is.
type Event struct {
	Verb    string // CREATE or ALTER
	Name    Table
	Definer *Account // nil = whoever runs the statement
	Exists  bool     // IF NOT EXISTS
	Rename  *Table

	Schedule *Schedule
	Preserve *bool   // ON COMPLETION [NOT] PRESERVE
	Status   *string // ENABLED, DISABLED or SLAVESIDE_DISABLED
	Comment  *string

	Body     Step // nil = none
	BodyText string
	Text     string // from the word EVENT on
}

// Schedule is ON SCHEDULE. Times and the interval are texts of expressions.
type Schedule struct {
	At           string // "" = EVERY
	Every, Unit  string
	Starts, Ends string // "" = not given
}

// intervalUnits are the units of EVERY.
var intervalUnits = []string{"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "YEAR_MONTH", "DAY_HOUR", "DAY_MINUTE",
	"DAY_SECOND", "HOUR_MINUTE", "HOUR_SECOND", "MINUTE_SECOND", "MICROSECOND", "DAY_MICROSECOND", "HOUR_MICROSECOND", "MINUTE_MICROSECOND", "SECOND_MICROSECOND"}

// ParseEvent parses CREATE EVENT or ALTER EVENT. remainder is the offset behind
// its semicolon.
func ParseEvent(sql string) (e *Event, remainder int, err error) {
	p := &parser{lexer: lexer{sql: sql}}
	p.advance()
	e = p.event()
	if p.err == nil {
		p.end()
	}
	return e, p.pos, p.err
}

func (p *parser) event() *Event {
	e := &Event{Verb: p.expectAny("CREATE", "ALTER")}
	e.Definer = p.definer()
	start := p.tok.start
	p.expect("EVENT")
	if e.Verb == "CREATE" && p.accept("IF") {
		p.expect("NOT", "EXISTS")
		e.Exists = true
	}
	e.Name = p.table()
	changes := false
	if e.Verb == "CREATE" || p.see("ON") {
		p.expect("ON")
		if e.Verb == "CREATE" || p.see("SCHEDULE") {
			p.expect("SCHEDULE")
			e.Schedule = p.schedule()
			changes = true
			if p.accept("ON") {
				e.Preserve = p.completion()
			}
		} else {
			e.Preserve = p.completion()
			changes = true
		}
	}
	if e.Verb == "ALTER" && p.accept("RENAME") {
		p.expect("TO")
		t := p.table()
		e.Rename, changes = &t, true
	}
	switch {
	case p.accept("ENABLE"):
		e.Status = new("ENABLED")
	case p.accept("DISABLE"):
		e.Status = new("DISABLED")
		if p.accept("ON") {
			p.expectAny("SLAVE", "REPLICA")
			e.Status = new("SLAVESIDE_DISABLED")
		}
	}
	if p.accept("COMMENT") {
		e.Comment = new(p.str())
	}
	changes = changes || e.Status != nil || e.Comment != nil
	end := p.tok.start
	if e.Verb == "CREATE" || p.see("DO") || !changes {
		p.expect("DO")
		executable := p.exec
		e.Body, e.BodyText = p.program(false, "")
		if executable && !p.exec {
			e.BodyText = strings.TrimSpace(strings.TrimSuffix(e.BodyText, "*/"))
		}
		end = p.tok.start
	}
	if p.err == nil {
		e.Text = strings.TrimSpace(p.sql[start:end])
		if i := strings.LastIndex(e.Text, e.BodyText); e.BodyText != "" && i >= 0 {
			e.Text = e.Text[:i+len(e.BodyText)]
		}
	}
	return e
}

func (p *parser) completion() *bool {
	p.expect("COMPLETION")
	preserve := !p.accept("NOT")
	p.expect("PRESERVE")
	return &preserve
}

func (p *parser) schedule() *Schedule {
	s := &Schedule{}
	if p.accept("AT") {
		s.At = p.exprBefore("ON", "RENAME", "ENABLE", "DISABLE", "COMMENT", "DO")
		return s
	}
	p.expect("EVERY")
	s.Every = p.exprBefore(intervalUnits...)
	s.Unit = p.expectAny(intervalUnits...)
	if p.accept("STARTS") {
		s.Starts = p.exprBefore("ENDS", "ON", "RENAME", "ENABLE", "DISABLE", "COMMENT", "DO")
	}
	if p.accept("ENDS") {
		s.Ends = p.exprBefore("ON", "RENAME", "ENABLE", "DISABLE", "COMMENT", "DO")
	}
	return s
}

// exprBefore takes the text of an expression up to one of the words, or the end.
func (p *parser) exprBefore(words ...string) string {
	start, end, depth := p.tok.start, p.tok.start, 0
	for !p.atEnd() && (depth > 0 || !p.isAny(p.tok, words...)) {
		switch {
		case p.punct(p.tok, '('):
			depth++
		case p.punct(p.tok, ')'):
			depth--
		case p.see("SELECT"):
			p.refuse(1235, "This version of MySQL doesn't yet support '%s'", "Usage of subqueries or function calls as part of this statement")
		}
		end = p.tok.end
		p.advance()
	}
	if start == end {
		p.fail()
	}
	if p.err != nil {
		return ""
	}
	return p.sql[start:end]
}
