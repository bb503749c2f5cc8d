package replstmt

import "strings"

// ShowCreate is SHOW CREATE of a routine or an event.
type ShowCreate struct {
	Kind   string // FUNCTION, PROCEDURE or EVENT
	Object Table
}

// Name implements Statement.
func (s *ShowCreate) Name() string { return "SHOW CREATE " + s.Kind }

// ShowStatus is SHOW FUNCTION STATUS, SHOW PROCEDURE STATUS or SHOW EVENTS.
type ShowStatus struct {
	Kind     string // FUNCTION, PROCEDURE or EVENT
	Database string // of FROM; "" = none
	Filter   string // WHERE clause on the columns that are shown, or ""
}

func (p *parser) showCreate() Statement {
	p.expect("SHOW", "CREATE")
	return &ShowCreate{Kind: p.expectAny("FUNCTION", "PROCEDURE", "EVENT"), Object: p.table()}
}

// ParseShowStatus parses a ShowStatus. ok is false for other statements.
func ParseShowStatus(sql string) (st *ShowStatus, remainder int, ok bool, err error) {
	l := lexer{sql: sql}
	if !l.is(l.next(), "SHOW") {
		return nil, 0, false, nil
	}
	switch t := l.next(); {
	case l.isAny(t, "FUNCTION", "PROCEDURE"):
		if !l.is(l.next(), "STATUS") {
			return nil, 0, false, nil
		}
	case !l.is(t, "EVENTS"):
		return nil, 0, false, nil
	}
	p := &parser{lexer: lexer{sql: sql}}
	p.advance()
	p.expect("SHOW")
	st = &ShowStatus{Kind: "EVENT"}
	if p.accept("EVENTS") {
		if p.acceptAny("FROM", "IN") != "" {
			st.Database = p.name()
		}
	} else {
		st.Kind = p.expectAny("FUNCTION", "PROCEDURE")
		p.expect("STATUS")
	}
	switch {
	case p.accept("LIKE"):
		st.Filter = " WHERE `Name` LIKE '" + strings.ReplaceAll(p.str(), "'", "''") + "'"
	case p.accept("WHERE"):
		st.Filter = " WHERE " + p.expr()
	}
	if p.err == nil {
		p.end()
	}
	return st, p.pos, true, p.err
}
