package auth

import "strings"

// tokenKind is the class of one lexical element of a statement.
type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokWord             // bare identifier or keyword
	tokQuoted           // `identifier`
	tokString           // 'text' or "text"
	tokHex              // 0x… or x'…'
	tokPunct            // one character
)

// token is one lexical element; [pos, end) is its place in the statement.
type token struct {
	kind     tokenKind
	text     string // identifier unquoted, string unescaped, punctuation as is
	pos, end int
}

// is reports whether t is the keyword w, given in upper case.
func (t token) is(w string) bool { return t.kind == tokWord && strings.EqualFold(t.text, w) }

// name reports whether t can be a name: word, `quoted` or string.
func (t token) name() bool {
	return t.kind == tokWord || t.kind == tokQuoted || t.kind == tokString
}

// lexer cuts a statement into tokens, skipping blanks and comments. The bodies
// of executable comments (/*! … */) are read as part of the statement.
type lexer struct {
	s   string
	pos int
	raw bool // a backslash is a character as any other
}

func (l *lexer) next() token {
	l.skip()
	if l.pos >= len(l.s) {
		return token{kind: tokEnd, pos: len(l.s), end: len(l.s)}
	}
	start := l.pos
	switch c := l.s[l.pos]; {
	case c == '\'' || c == '"':
		return token{kind: tokString, text: l.quoted(c), pos: start, end: l.pos}
	case c == '`':
		return token{kind: tokQuoted, text: l.quoted(c), pos: start, end: l.pos}
	case (c == 'x' || c == 'X') && l.pos+1 < len(l.s) && l.s[l.pos+1] == '\'':
		l.pos++
		return token{kind: tokHex, text: l.quoted('\''), pos: start, end: l.pos}
	case wordByte(c):
		for l.pos < len(l.s) && wordByte(l.s[l.pos]) {
			l.pos++
		}
		w := l.s[start:l.pos]
		if len(w) > 2 && w[0] == '0' && w[1] == 'x' {
			return token{kind: tokHex, text: w[2:], pos: start, end: l.pos}
		}
		return token{kind: tokWord, text: w, pos: start, end: l.pos}
	default:
		l.pos++
		return token{kind: tokPunct, text: l.s[start:l.pos], pos: start, end: l.pos}
	}
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 ||
		c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// skip moves over blanks and comments, and into executable comments.
func (l *lexer) skip() {
	for l.pos < len(l.s) {
		rest := l.s[l.pos:]
		switch c := rest[0]; {
		case c == ' ' || c >= '\t' && c <= '\r':
			l.pos++
		case strings.HasPrefix(rest, "/*!") || strings.HasPrefix(rest, "/*M!"):
			l.pos += strings.IndexByte(rest, '!') + 1
			for l.pos < len(l.s) && l.s[l.pos] >= '0' && l.s[l.pos] <= '9' {
				l.pos++
			}
		case strings.HasPrefix(rest, "*/"):
			l.pos += 2
		case strings.HasPrefix(rest, "/*"):
			l.to(rest[2:], 2, "*/")
		case c == '#' || strings.HasPrefix(rest, "--") && (len(rest) == 2 || rest[2] <= ' '):
			l.to(rest, 0, "\n")
		default:
			return
		}
	}
}

// to moves behind the next mark in rest, which begins skipped bytes after pos.
func (l *lexer) to(rest string, skipped int, mark string) {
	if i := strings.Index(rest, mark); i >= 0 {
		l.pos += skipped + i + len(mark)
		return
	}
	l.pos = len(l.s)
}

// quoted reads from the opening quote at pos to behind the closing one, and
// returns what stands between, unescaped. An unclosed quote ends with the text.
func (l *lexer) quoted(q byte) string {
	var b strings.Builder
	for l.pos++; l.pos < len(l.s); l.pos++ {
		c := l.s[l.pos]
		switch {
		case c == q && l.pos+1 < len(l.s) && l.s[l.pos+1] == q:
			l.pos++
			b.WriteByte(q)
		case c == q:
			l.pos++
			return b.String()
		case c == '\\' && q != '`' && !l.raw && l.pos+1 < len(l.s):
			l.pos++
			b.WriteByte(unescape(l.s[l.pos]))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func unescape(c byte) byte {
	switch c {
	case '0':
		return 0
	case 'b':
		return '\b'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'Z':
		return 26
	}
	return c
}

// quote writes s as an SQL string that every sql_mode but NO_BACKSLASH_ESCAPES
// reads back as s.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for i := range len(s) {
		switch c := s[i]; c {
		case 0:
			b.WriteString(`\0`)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case 26:
			b.WriteString(`\Z`)
		case '\'', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}
