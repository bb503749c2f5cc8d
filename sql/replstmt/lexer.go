package replstmt

import "strings"

// kind is the kind of a token.
type kind uint8

const (
	tokEOF    kind = iota
	tokWord        // unquoted identifier or keyword
	tokQuoted      // `identifier`
	tokString      // 'string' or "string"
	tokNumber      // digits, also with fraction, exponent or 0x
	tokVar         // @user or @@system variable
	tokPunct       // one character
)

// token is a piece of the text: sql[start:end].
type token struct {
	kind       kind
	start, end int
	open       bool // a string, quoted name or comment that never ends
}

// serverVersion decides which executable comments /*!NNNNN … */ count.
const serverVersion = 80036

// lexer cuts SQL text into tokens, passing over white space and comments. The
// inside of an executable comment counts as text. It never allocates.
type lexer struct {
	sql  string
	pos  int
	exec bool // inside /*! … */
}

// next returns the next token; after the last, tokEOF at the end of the text.
func (l *lexer) next() token {
	if unclosed := l.skip(); unclosed >= 0 {
		return token{tokEOF, unclosed, len(l.sql), true}
	}
	start := l.pos
	if start >= len(l.sql) {
		return token{kind: tokEOF, start: len(l.sql), end: len(l.sql)}
	}
	switch c := l.sql[start]; {
	case c == '\'' || c == '"':
		return l.quoted(tokString, c, true)
	case c == '`':
		return l.quoted(tokQuoted, c, false)
	case c == '@':
		return l.variable()
	case isDigit(c) || c == '.' && start+1 < len(l.sql) && isDigit(l.sql[start+1]) && !l.afterName(start):
		return l.number()
	case isWord(c):
		for l.pos < len(l.sql) && isWord(l.sql[l.pos]) {
			l.pos++
		}
		return token{kind: tokWord, start: start, end: l.pos}
	}
	l.pos++
	return token{kind: tokPunct, start: start, end: l.pos}
}

// skip passes over white space and comments. It returns the start of a comment
// that never ends, else -1.
func (l *lexer) skip() int {
	for l.pos < len(l.sql) {
		rest := l.sql[l.pos:]
		switch {
		case isSpace(rest[0]):
			l.pos++
		case rest[0] == '#', strings.HasPrefix(rest, "--") && (len(rest) == 2 || rest[2] <= ' '):
			if end := strings.IndexByte(rest, '\n'); end >= 0 {
				l.pos += end + 1
			} else {
				l.pos = len(l.sql)
			}
		case l.exec && strings.HasPrefix(rest, "*/"):
			l.exec = false
			l.pos += 2
		case strings.HasPrefix(rest, "/*!") && !l.exec && enters(rest):
			l.exec = true
			l.pos += executableHead(rest)
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				start := l.pos
				l.pos = len(l.sql)
				return start
			}
			l.pos += end + 4
		default:
			return -1
		}
	}
	return -1
}

// executableHead returns the length of "/*!" and the version number after it,
// which has five or six digits.
func executableHead(s string) int {
	n := 3
	for n < len(s) && n < 9 && isDigit(s[n]) {
		n++
	}
	if n < 8 {
		return 3
	}
	return n
}

// enters reports whether the executable comment at the start of s is meant for
// our version.
func enters(s string) bool {
	version := 0
	for _, c := range []byte(s[3:executableHead(s)]) {
		version = version*10 + int(c-'0')
	}
	return version <= serverVersion
}

// quoted reads text up to the closing quote; a doubled quote stands for one,
// and a backslash, where they count, takes the next byte along.
func (l *lexer) quoted(k kind, quote byte, backslash bool) token {
	start := l.pos
	for l.pos++; l.pos < len(l.sql); l.pos++ {
		switch c := l.sql[l.pos]; {
		case c == '\\' && backslash:
			l.pos++
		case c == quote:
			if l.pos+1 < len(l.sql) && l.sql[l.pos+1] == quote {
				l.pos++
				continue
			}
			l.pos++
			return token{kind: k, start: start, end: l.pos}
		}
	}
	l.pos = len(l.sql)
	return token{kind: k, start: start, end: l.pos, open: true}
}

// variable reads @name, @@name, @'name' or a lone @ (as in user@host).
func (l *lexer) variable() token {
	start := l.pos
	l.pos++
	if l.pos < len(l.sql) && l.sql[l.pos] == '@' {
		l.pos++
	}
	if l.pos < len(l.sql) {
		if c := l.sql[l.pos]; c == '\'' || c == '"' || c == '`' {
			t := l.quoted(tokVar, c, c != '`')
			return token{tokVar, start, t.end, t.open}
		}
	}
	for l.pos < len(l.sql) && (isWord(l.sql[l.pos]) || l.sql[l.pos] == '.') {
		l.pos++
	}
	return token{kind: tokVar, start: start, end: l.pos}
}

// afterName reports whether the byte before i belongs to a name, so that a dot
// there qualifies it.
func (l *lexer) afterName(i int) bool { return i > 0 && (isWord(l.sql[i-1]) || l.sql[i-1] == '`') }

// number reads a number, or a word that begins with digits, such as 1a.
func (l *lexer) number() token {
	start := l.pos
	k := tokNumber
	digits := func() {
		for l.pos < len(l.sql) && isDigit(l.sql[l.pos]) {
			l.pos++
		}
	}
	digits()
	if l.pos == start+1 && l.sql[start] == '0' && l.pos+1 < len(l.sql) && l.sql[l.pos] == 'x' && isHex(l.sql[l.pos+1]) {
		for l.pos++; l.pos < len(l.sql) && isHex(l.sql[l.pos]); l.pos++ {
		}
		return token{kind: k, start: start, end: l.pos}
	}
	if l.pos < len(l.sql) && l.sql[l.pos] == '.' {
		l.pos++
		digits()
	}
	if rest := l.sql[l.pos:]; len(rest) > 1 && rest[0]|0x20 == 'e' {
		if isDigit(rest[1]) || len(rest) > 2 && (rest[1] == '+' || rest[1] == '-') && isDigit(rest[2]) {
			l.pos += 2
			digits()
			return token{kind: k, start: start, end: l.pos}
		}
	}
	for l.pos < len(l.sql) && isWord(l.sql[l.pos]) {
		k = tokWord
		l.pos++
	}
	return token{kind: k, start: start, end: l.pos}
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isHex(c byte) bool   { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c == '_' || c == '$' || c >= 0x80
}

// text returns the token as it stands in the text.
func (l *lexer) text(t token) string { return l.sql[t.start:t.end] }

// is reports whether t is the word w, which is given in upper case.
func (l *lexer) is(t token, w string) bool {
	return t.kind == tokWord && t.end-t.start == len(w) && strings.EqualFold(l.text(t), w)
}

// isAny reports whether t is one of the words.
func (l *lexer) isAny(t token, words ...string) bool {
	for _, w := range words {
		if l.is(t, w) {
			return true
		}
	}
	return false
}

// punct reports whether t is the character c.
func (l *lexer) punct(t token, c byte) bool { return t.kind == tokPunct && l.sql[t.start] == c }

// unquote returns what a string or quoted name stands for.
func unquote(s string) string {
	quote, body := s[0], s[1:len(s)-1]
	if strings.IndexByte(body, quote) < 0 && (quote == '`' || strings.IndexByte(body, '\\') < 0) {
		return body
	}
	out := make([]byte, 0, len(body))
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch {
		case c == quote:
			i++ // the second of two
		case c == '\\' && quote != '`' && i+1 < len(body):
			i++
			out = appendEscape(out, body[i])
			continue
		}
		out = append(out, c)
	}
	return string(out)
}

// appendEscape appends what a backslash and c stand for. Before % and _, which
// matter to LIKE, the backslash stays.
func appendEscape(out []byte, c byte) []byte {
	switch c {
	case '0':
		c = 0
	case 'b':
		c = '\b'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'Z':
		c = 0x1a
	case '%', '_':
		out = append(out, '\\')
	}
	return append(out, c)
}
