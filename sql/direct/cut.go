package direct

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind is the kind of a constant.
type Kind uint8

// Kinds of constants.
const (
	Null  Kind = iota
	Int        // an integer below zero, in Number
	Uint       // any other integer, in Number
	Text       // a string, in Text; valid UTF-8
	Other      // a constant that only the engine knows how to take
	Param      // the parameter of a prepared statement with that Number, from 0
)

// Value is a constant of a statement.
type Value struct {
	Kind   Kind
	Number uint64 // of an Int its two's complement
	Text   string
}

// Cutting is a statement without its constants. It is used again for the next
// statement.
type Cutting struct {
	Shape  []byte  // the text with ? for each constant, and single spaces
	Values []Value // in the order of the text
	params uint64
}

const (
	maxText   = 16 << 10 // longest statement that is cut, in bytes
	maxShape  = 1 << 10  // longest shape
	maxValues = 64       // most constants in one
)

// Cut reads a statement. False: it is surely not plain, or has something in it
// that is not worth the while. It allocates nothing for most statements.
func (c *Cutting) Cut(query string) bool {
	c.Shape, c.Values, c.params = c.Shape[:0], c.Values[:0], 0
	s := scanner{Cutting: c, in: query}
	s.skipSpace()
	if len(query) > maxText || !begins(query[s.at:]) {
		return false
	}
	for s.ok() {
		s.skipSpace()
		if s.at == len(s.in) {
			return true
		}
		if !s.token() {
			return false
		}
	}
	return false
}

// begins reports whether a text begins as the statements do that are plain.
func begins(query string) bool {
	if len(query) < len("BEGIN") {
		return false
	}
	for _, word := range [...]string{"SEL", "UPD", "INS", "DEL", "BEG", "COM", "ROL", "STA"} {
		if isWord(query[:3], word) {
			return true
		}
	}
	return false
}

// scanner is at a place of a statement's text.
type scanner struct {
	*Cutting
	in    string
	at    int
	space bool // there was white space before the token
	value bool // a constant may begin here, so that a minus is its sign
}

func (s *scanner) ok() bool { return len(s.Values) <= maxValues && len(s.Shape) <= maxShape }

func (s *scanner) skipSpace() {
	from := s.at
	for s.at < len(s.in) && (s.in[s.at] == ' ' || s.in[s.at] == '\t' || s.in[s.at] == '\n' || s.in[s.at] == '\r') {
		s.at++
	}
	s.space = s.at > from && len(s.Shape) > 0
}

// put appends the next n bytes of the text to the shape.
func (s *scanner) put(n int) {
	s.gap()
	s.Shape = append(s.Shape, s.in[s.at:s.at+n]...)
	s.at += n
}

func (s *scanner) gap() {
	if s.space {
		s.Shape = append(s.Shape, ' ')
	}
}

func (s *scanner) constant(v Value) {
	s.gap()
	s.Shape = append(s.Shape, '?')
	s.Values = append(s.Values, v)
	s.value = false
}

// token takes the next token. False: the statement is left to the engine.
func (s *scanner) token() bool {
	switch c := s.in[s.at]; {
	case isLetter(c):
		n := 1
		for s.at+n < len(s.in) && (isLetter(s.in[s.at+n]) || isDigit(s.in[s.at+n])) {
			n++
		}
		word := s.in[s.at : s.at+n]
		if s.at+n < len(s.in) && s.in[s.at+n] == '\'' {
			return false // N'…', _utf8'…', X'…'
		}
		s.value = isWord(word, "AND") || isWord(word, "BETWEEN")
		s.put(n)
	case isDigit(c):
		return s.number(0)
	case c == '-' && s.value && s.at+1 < len(s.in) && isDigit(s.in[s.at+1]):
		return s.number(1)
	case c == '\'':
		return s.text()
	case c == '`':
		n := strings.IndexByte(s.in[s.at+1:], '`')
		if n < 0 {
			return false
		}
		s.value = false
		s.put(n + 2)
	case c == '?':
		s.at++
		s.constant(Value{Kind: Param, Number: s.params})
		s.params++
	case c == '=' || c == '(' || c == ',':
		s.put(1)
		s.value = true
	case c == ')' || c == '.' || c == '*' || c == '+':
		s.put(1)
		s.value = false
	case c == '-' && s.at+1 < len(s.in) && s.in[s.at+1] != '-':
		s.put(1)
		s.value = false
	case c == ';':
		s.at++
		s.skipSpace()
		return s.at == len(s.in)
	default:
		return false
	}
	return true
}

// number takes an integer behind a sign of that many bytes.
func (s *scanner) number(sign int) bool {
	end := s.at + sign
	for end < len(s.in) && isDigit(s.in[end]) {
		end++
	}
	if end < len(s.in) && (isLetter(s.in[end]) || s.in[end] == '.') {
		return false
	}
	digits := s.in[s.at+sign : end]
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || digits[0] == '0' && len(digits) > 1 {
		return false
	}
	v := Value{Kind: Uint, Number: n}
	if sign > 0 {
		if n == 0 || n > 1<<63 {
			return false
		}
		v = Value{Kind: Int, Number: -n}
	}
	s.at = end
	s.constant(v)
	return true
}

// text takes a string without escapes.
func (s *scanner) text() bool {
	for end := s.at + 1; end < len(s.in); end++ {
		switch s.in[end] {
		case '\\', 0:
			return false
		case '\'':
			if end+1 < len(s.in) && s.in[end+1] == '\'' {
				return false
			}
			v := Value{Kind: Text, Text: s.in[s.at+1 : end]}
			s.at = end + 1
			s.constant(v)
			return utf8.ValidString(v.Text)
		}
	}
	return false
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isWord compares a word with one in upper case.
func isWord(word, upper string) bool {
	if len(word) != len(upper) {
		return false
	}
	for i := range len(word) {
		if word[i]&^0x20 != upper[i] {
			return false
		}
	}
	return true
}
