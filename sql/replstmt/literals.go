package replstmt

import "strings"

// TypedLiteral is what stands behind the name of a call that RewriteExpressions
// makes of DATE '…', TIME '…' and TIMESTAMP '…', as `date literal`('…').
const TypedLiteral = " literal"

// IntervalCall is the name of the function INTERVAL(n, …) behind RewriteExpressions.
const IntervalCall = "interval of"

// compoundUnits are the units of INTERVAL that go-mysql-server's parser reserves.
var compoundUnits = []string{"YEAR_MONTH", "DAY_HOUR", "DAY_MINUTE", "DAY_SECOND", "DAY_MICROSECOND", "HOUR_MINUTE", "HOUR_SECOND",
	"HOUR_MICROSECOND", "MINUTE_SECOND", "MINUTE_MICROSECOND", "SECOND_MICROSECOND"}

// RewriteExpressions turns what go-mysql-server's parser reads wrong, or not at
// all, into calls and operators that it knows: typed literals, whose types it
// drops, IS UNKNOWN, INTERVAL(n, a, …) and units of two parts. Definitions, whose text is kept, stay.
func RewriteExpressions(sql string) (out string, changed bool) {
	if !containsFold(sql, "DATE") && !containsFold(sql, "TIME") && !containsFold(sql, "UNKNOWN") && !containsFold(sql, "INTERVAL") {
		return sql, false
	}
	l := lexer{sql: sql}
	first := l.next()
	if l.isAny(first, "CREATE", "ALTER", "LOAD", "GRANT", "REVOKE", "SHOW") {
		return sql, false
	}
	var edits []edit
	is, before := false, first
	for {
		t := l.next()
		if t.kind == tokEOF {
			break
		}
		switch {
		case t.kind == tokString && l.isAny(before, "DATE", "TIME", "TIMESTAMP"):
			edits = append(edits, edit{before.start, t.end, "`" + l.text(before) + TypedLiteral + "`(" + l.text(t) + ")"})
		case l.is(t, "UNKNOWN") && is:
			edits = append(edits, edit{t.start, t.end, "NULL"})
		case !l.punct(before, '(') && l.isAny(t, compoundUnits...):
			edits = append(edits, edit{t.start, t.end, "`" + l.text(t) + "`"})
		case l.punct(t, '(') && l.is(before, "INTERVAL") && l.hasComma():
			edits = append(edits, edit{before.start, before.end, "`" + IntervalCall + "`"})
		}
		is = l.is(t, "IS") || is && l.is(t, "NOT")
		if l.punct(before, '.') { // a column of that name
			t.kind = tokQuoted
		}
		before = t
	}
	if len(edits) == 0 {
		return sql, false
	}
	return apply(sql, edits), true
}

// hasComma reports whether a comma stands between the parenthesis that was read
// and the one that closes it, and in no other. It reads nothing.
func (l *lexer) hasComma() bool {
	own := *l
	for depth := 1; ; {
		switch t := own.next(); {
		case t.kind == tokEOF:
			return false
		case own.punct(t, '('):
			depth++
		case own.punct(t, ')'):
			if depth--; depth == 0 {
				return false
			}
		case own.punct(t, ',') && depth == 1:
			return true
		}
	}
}

// OriginalExpression undoes RewriteExpressions in the text of an expression.
func OriginalExpression(text string) string {
	for _, word := range []string{"date", "time", "timestamp"} {
		for at := 0; ; {
			i := indexFold(text[at:], "`"+word+TypedLiteral+"`(")
			if i < 0 {
				break
			}
			i += at
			name := text[i+1 : i+1+len(word)]
			rest := text[i+len(word)+len(TypedLiteral)+3:]
			l := lexer{sql: rest}
			end := l.next().end
			if end >= len(rest) || rest[end] != ')' {
				break
			}
			text = text[:i] + name + " " + rest[:end] + rest[end+1:]
			at = i + len(name)
		}
	}
	for _, unit := range compoundUnits {
		for i := indexFold(text, "`"+unit+"`"); i >= 0; i = indexFold(text, "`"+unit+"`") {
			text = text[:i] + text[i+1:i+1+len(unit)] + text[i+len(unit)+2:]
		}
	}
	return strings.ReplaceAll(text, "`"+IntervalCall+"`", "INTERVAL")
}

func indexFold(s, part string) int {
	for i := 0; i+len(part) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(part)], part) {
			return i
		}
	}
	return -1
}
