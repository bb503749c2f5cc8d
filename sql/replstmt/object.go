package replstmt

import "strings"

// Object is the head of CREATE, ALTER or DROP of a stored object.
type Object struct {
	Verb   string // CREATE, ALTER or DROP
	Kind   string // VIEW, TRIGGER, PROCEDURE, FUNCTION or EVENT
	Name   Table
	Exists bool // IF EXISTS or IF NOT EXISTS
	Check  bool // a view WITH CHECK OPTION

	// Algorithm, Definer and Security are the clauses of a view as written; ""
	// = not given.
	Algorithm, Definer, Security string

	verb, exists token  // their places in the text
	sql          string // the statement
}

// objectKinds are the kinds of ParseObject.
var objectKinds = []string{"VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT"}

// ParseObject reads the head of a statement that creates, alters or drops a
// stored object. It does not check what follows.
func ParseObject(sql string) (o Object, ok bool) {
	l := &lexer{sql: sql}
	o.sql, o.verb = sql, l.next()
	if !l.isAny(o.verb, "CREATE", "ALTER", "DROP") {
		return o, false
	}
	o.Verb = strings.ToUpper(l.text(o.verb))
	t := l.next()
	for !l.isAny(t, objectKinds...) {
		switch {
		case l.isAny(t, "OR", "AGGREGATE"):
			if l.is(t, "OR") && !l.is(l.next(), "REPLACE") {
				return o, false
			}
			t = l.next()
		case l.is(t, "ALGORITHM"):
			if !l.punct(l.next(), '=') {
				return o, false
			}
			o.Algorithm = strings.ToUpper(l.text(l.next()))
			t = l.next()
		case l.is(t, "SQL"):
			if !l.is(l.next(), "SECURITY") {
				return o, false
			}
			o.Security = strings.ToUpper(l.text(l.next()))
			t = l.next()
		case l.is(t, "DEFINER"):
			if !l.punct(l.next(), '=') {
				return o, false
			}
			start := l.next()
			end := start
			for t = l.next(); t.kind == tokVar || l.punct(t, '(') || l.punct(t, ')') || l.punct(t, '@') || t.kind == tokString || t.kind == tokQuoted; t = l.next() {
				end = t
			}
			o.Definer = sql[start.start:end.end]
		default:
			return o, false
		}
	}
	o.Kind = strings.ToUpper(l.text(t))
	t = l.next()
	if l.is(t, "IF") {
		o.Exists, o.exists = true, t
		if t = l.next(); l.is(t, "NOT") {
			t = l.next()
		}
		o.exists.end = t.end
		t = l.next()
	}
	if t.kind != tokWord && t.kind != tokQuoted {
		return o, false
	}
	o.Name.Name = identifier(l.text(t))
	at := *l
	if l.punct(l.next(), '.') {
		o.Name.Database, o.Name.Name = o.Name.Name, identifier(l.text(l.next()))
	} else {
		*l = at
	}
	if o.Kind == "VIEW" {
		o.Check = l.checksOption()
	}
	return o, true
}

func identifier(s string) string {
	if strings.HasPrefix(s, "`") && len(s) > 1 {
		return strings.ReplaceAll(s[1:len(s)-1], "``", "`")
	}
	return s
}

// checksOption reports whether the rest of a CREATE VIEW ends with CHECK OPTION.
func (l *lexer) checksOption() bool {
	before := token{}
	for t := l.next(); t.kind != tokEOF; t = l.next() {
		if l.is(t, "OPTION") && l.is(before, "CHECK") {
			return true
		}
		before = t
	}
	return false
}

// WithoutExists returns the statement without IF [NOT] EXISTS.
func (o *Object) WithoutExists() string {
	if !o.Exists {
		return o.sql
	}
	return o.sql[:o.exists.start] + o.sql[o.exists.end:]
}

// Replacing returns an ALTER VIEW as CREATE OR REPLACE VIEW.
func (o *Object) Replacing() string {
	return o.sql[:o.verb.start] + "CREATE OR REPLACE" + o.sql[o.verb.end:]
}

// End returns the offset behind the statement's semicolon, or that of the end
// of the text. The statement has no body.
func (o *Object) End() int {
	l := &lexer{sql: o.sql}
	for t := l.next(); t.kind != tokEOF; t = l.next() {
		if l.punct(t, ';') {
			return t.end
		}
	}
	return len(o.sql)
}

// RenameTriggered returns a CREATE TRIGGER with another name of its table. What
// its body says stays.
func RenameTriggered(sql, table string) string {
	l := lexer{sql: sql}
	for t := l.next(); t.kind != tokEOF; t = l.next() {
		if !l.is(t, "ON") {
			continue
		}
		name := l.next()
		end := name.end
		at := l
		if l.punct(l.next(), '.') {
			end = l.next().end
		} else {
			l = at
		}
		return apply(sql, []edit{{name.start, end, "`" + strings.ReplaceAll(table, "`", "``") + "`"}})
	}
	return sql
}

// Library returns the file of CREATE FUNCTION … SONAME 'file'; "" for a stored
// function.
func (o *Object) Library() string {
	l := &lexer{sql: o.sql}
	for t := l.next(); t.kind != tokEOF && !l.punct(t, '('); t = l.next() {
		if l.is(t, "SONAME") {
			if t = l.next(); t.kind == tokString && !t.open {
				return unquote(l.text(t))
			}
		}
	}
	return ""
}
