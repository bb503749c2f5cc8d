package replstmt

import "strings"

// edit replaces sql[start:end] by text.
type edit struct {
	start, end int
	text       string
}

// apply makes the edits, which are in order and do not overlap.
func apply(sql string, edits []edit) string {
	var b strings.Builder
	at := 0
	for _, e := range edits {
		b.WriteString(sql[at:e.start])
		b.WriteString(e.text)
		at = e.end
	}
	b.WriteString(sql[at:])
	return b.String()
}

// QuotedGrantWarning is the warning that Rewrite returns.
const QuotedGrantWarning = "The quoted privilege level '*.*' was read as *.*; MySQL refuses the quotes"

// Rewrite turns GRANT … ON '*.*' TO and REVOKE … ON '*.*' FROM, which tutorials
// print and MySQL refuses, into the form without quotes. Only exactly '*.*' and
// "*.*" are touched. changed is false, and out is sql, if there was none.
func Rewrite(sql string) (out string, warning string, changed bool) {
	if !strings.Contains(sql, "'*.*'") && !strings.Contains(sql, `"*.*"`) {
		return sql, "", false
	}
	l := lexer{sql: sql}
	var edits []edit
	for done := false; !done; {
		before := "" // the word after which the account stands
		switch t := l.next(); {
		case t.kind == tokEOF:
			done = true
			continue
		case l.is(t, "GRANT"):
			before = "TO"
		case l.is(t, "REVOKE"):
			before = "FROM"
		}
		if before != "" {
			edits = append(edits, l.quotedLevel(before)...)
		}
		done = l.skipStatement()
	}
	if len(edits) == 0 {
		return sql, "", false
	}
	return apply(sql, edits), QuotedGrantWarning, true
}

// quotedLevel looks in the current statement for ON '*.*' and the word before.
func (l *lexer) quotedLevel(before string) []edit {
	for {
		start := *l
		t := l.next()
		switch {
		case t.kind == tokEOF || l.punct(t, ';'):
			*l = start
			return nil
		case !l.is(t, "ON"):
			continue
		}
		level := l.next()
		if l.is(level, "TABLE") {
			level = l.next()
		}
		text := l.text(level)
		if level.kind == tokString && (text == "'*.*'" || text == `"*.*"`) && l.is(l.next(), before) {
			return []edit{{level.start, level.end, "*.*"}}
		}
		*l = start
		l.next()
		return nil
	}
}

// skipStatement moves behind the next semicolon; true at the end of the text.
func (l *lexer) skipStatement() bool {
	for {
		switch t := l.next(); {
		case t.kind == tokEOF:
			return true
		case l.punct(t, ';'):
			return false
		}
	}
}

// secret stands for a password in what others may read.
const secret = "<secret>"

// Masks returns sql with every password replaced by <secret>, for the process
// list and logs: MASTER_PASSWORD and SOURCE_PASSWORD, PASSWORD of START
// REPLICA, IDENTIFIED BY, AS and USING, SET PASSWORD, PASSWORD('…'). It looks only at
// statements that can carry one; text without any comes back as it is, without
// allocation.
func Masks(sql string) string {
	if !containsFold(sql, "PASSWORD") && !containsFold(sql, "IDENTIFIED") {
		return sql
	}
	l := lexer{sql: sql}
	var edits []edit
	for done := false; !done; {
		t := l.next()
		switch {
		case t.kind == tokEOF:
			done = true
		case l.punct(t, ';'):
		case l.isAny(t, "CHANGE", "START", "SET", "CREATE", "ALTER", "GRANT"):
			edits, done = l.maskStatement(edits, l.is(t, "SET"))
		default:
			done = l.skipStatement()
		}
	}
	if len(edits) == 0 {
		return sql
	}
	return apply(sql, edits)
}

// maskStatement adds the edits for the rest of the current statement; done is
// true at the end of the text.
func (l *lexer) maskStatement(edits []edit, isSet bool) (_ []edit, done bool) {
	armed := false      // the next literal is a password
	identified := false // IDENTIFIED was seen: BY, AS or USING may follow
	setPassword := false
	for first := true; ; first = false {
		t := l.next()
		switch {
		case t.kind == tokEOF:
			if t.open { // a comment without end: hide what may be in it
				edits = append(edits, edit{t.start, t.end, ""})
			}
			return edits, true
		case l.punct(t, ';'):
			return edits, false
		case t.kind == tokString || t.kind == tokNumber && armed && t.end-t.start > 2:
			if armed || t.open {
				edits = append(edits, edit{t.start, t.end, secret})
			}
			armed = armed && l.peekString()
		case l.isAny(t, "MASTER_PASSWORD", "SOURCE_PASSWORD", "PASSWORD", "OLD_PASSWORD"):
			setPassword = setPassword || isSet && first
			armed = !(isSet && first)
		case l.is(t, "IDENTIFIED"):
			identified, armed = true, false
		case l.isAny(t, "BY", "AS", "USING"):
			armed = identified
		case l.is(t, "REPLACE"):
			armed = identified || setPassword
		case l.punct(t, '='):
			armed = armed || setPassword
		case l.punct(t, '('), l.punct(t, ':'), l.is(t, "X"):
			// between PASSWORD and its literal: nothing changes
		case l.punct(t, ','):
			armed, identified = false, false
		default:
			armed = false
		}
	}
}

// peekString reports whether a string follows directly.
func (l *lexer) peekString() bool {
	ahead := *l
	return ahead.next().kind == tokString
}

// containsFold reports whether s contains the upper-case ASCII word w in any
// case.
func containsFold(s, w string) bool {
	for i := 0; i+len(w) <= len(s); i++ {
		if s[i]&^0x20 == w[0] && strings.EqualFold(s[i:i+len(w)], w) {
			return true
		}
	}
	return false
}
