package replstmt

// Partitions reports whether CREATE TABLE has a partition clause, also in an
// executable comment, as mysqldump writes it.
func Partitions(sql string) bool {
	if !containsFold(sql, "PARTITION") {
		return false
	}
	l := lexer{sql: sql}
	t := l.next()
	if !l.is(t, "CREATE") {
		return false
	}
	if t = l.next(); l.is(t, "TEMPORARY") {
		t = l.next()
	}
	if !l.is(t, "TABLE") {
		return false
	}
	depth := 0
	for t = l.next(); t.kind != tokEOF && !l.punct(t, ';'); t = l.next() {
		switch {
		case l.punct(t, '('):
			depth++
		case l.punct(t, ')'):
			depth--
		case depth == 0 && l.isAny(t, "SELECT", "AS"):
			return false
		case depth == 0 && l.is(t, "PARTITION"):
			return l.is(l.next(), "BY")
		}
	}
	return false
}

// WrapGenerated puts the expressions of generated columns and defaults into parentheses: the
// engine's grammar knows no conditions there. changed is false if there are none.
func WrapGenerated(sql string) (out string, changed bool) {
	l := lexer{sql: sql}
	if t := l.next(); !l.isAny(t, "CREATE", "ALTER") {
		return sql, false
	}
	var edits []edit
	before := token{}
	for t := l.next(); t.kind != tokEOF; before, t = t, l.next() {
		if !l.punct(t, '(') || !l.isAny(before, "AS", "DEFAULT") {
			continue
		}
		at, depth := l, 1
		end := at.next()
		for first := end; end.kind != tokEOF; end = at.next() {
			if first == end && at.isAny(first, "SELECT", "WITH", "VALUES", "TABLE") {
				return sql, false // of a query
			}
			if at.punct(end, '(') {
				depth++
			} else if at.punct(end, ')') {
				if depth--; depth == 0 {
					break
				}
			}
		}
		if end.kind != tokEOF {
			edits = append(edits, edit{t.start, t.end, "(("}, edit{end.start, end.end, "))"})
			l = at
			t = end
		}
	}
	if len(edits) == 0 {
		return sql, false
	}
	return apply(sql, edits), true
}
