package jsonb

import (
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Parse adds the value of a JSON text (RFC 8259, UTF-8) to the builder. Numbers
// become integers where they are written as such and fit 64 bits, unsigned ones
// from 2^32, else doubles.
// The error is a *SyntaxError; a document that is too deep or has too long a key
// is found out by AppendTo. The text must not change before that.
func (b *Builder) Parse(text []byte) error {
	p := parser{b: b, s: text}
	b.given = text
	p.space()
	if p.i == len(p.s) {
		return p.fail("The document is empty.", p.i)
	}
	if err := p.value(0); err != nil {
		return err
	}
	p.space()
	if p.i < len(p.s) {
		return p.fail("The document root must not be followed by other values.", p.i)
	}
	return nil
}

// FromText appends the binary form of a JSON text. The error is a *SyntaxError,
// ErrDepth, ErrKey or ErrSize.
func FromText(dst, text []byte) ([]byte, error) {
	var b Builder
	if err := b.Parse(text); err != nil {
		return dst, err
	}
	return b.AppendTo(dst)
}

// parser reads a text. Its messages and positions are MySQL's.
type parser struct {
	b *Builder
	s []byte
	i int
}

func (p *parser) fail(text string, pos int) error { return &SyntaxError{text, pos} }

func (p *parser) space() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t' || p.s[p.i] == '\n' || p.s[p.i] == '\r') {
		p.i++
	}
}

// peek returns the next byte, 0 at the end.
func (p *parser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *parser) value(depth int) error {
	switch p.peek() {
	case '{':
		return p.object(depth + 1)
	case '[':
		return p.array(depth + 1)
	case '"':
		return p.string(tagString)
	case 'n':
		return p.word("null", literalNull)
	case 't':
		return p.word("true", literalTrue)
	case 'f':
		return p.word("false", literalFalse)
	}
	return p.number()
}

func (p *parser) word(w string, v int) error {
	for k := range len(w) {
		if p.peek() != w[k] {
			return p.fail("Invalid value.", p.i)
		}
		p.i++
	}
	p.b.literal(v)
	return nil
}

func (p *parser) object(depth int) error {
	if depth > MaxDepth {
		return ErrDepth
	}
	p.b.BeginObject()
	p.i++
	p.space()
	if p.peek() == '}' {
		p.i++
		p.b.End()
		return nil
	}
	for {
		if p.peek() != '"' {
			return p.fail("Missing a name for object member.", p.i)
		}
		if err := p.string(tagKey); err != nil {
			return err
		}
		p.space()
		if p.peek() != ':' {
			return p.fail("Missing a colon after a name of object member.", p.i)
		}
		p.i++
		p.space()
		if err := p.value(depth); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.i++
			p.space()
		case '}':
			p.i++
			p.b.End()
			return nil
		default:
			return p.fail("Missing a comma or } after an object member.", p.i)
		}
	}
}

func (p *parser) array(depth int) error {
	if depth > MaxDepth {
		return ErrDepth
	}
	p.b.BeginArray()
	p.i++
	p.space()
	if p.peek() == ']' {
		p.i++
		p.b.End()
		return nil
	}
	for {
		if err := p.value(depth); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.i++
			p.space()
		case ']':
			p.i++
			p.b.End()
			return nil
		default:
			return p.fail("Missing a comma or ] after an array element.", p.i)
		}
	}
}

// string reads a string or key. One without escapes stays where it is.
func (p *parser) string(tag byte) error {
	p.i++
	start := p.i
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			p.end(tag, tag+1, start, p.i-start)
			p.i++
			return nil
		case c == '\\':
			return p.escaped(tag, start)
		case c < 0x20:
			return p.control()
		case c < utf8.RuneSelf:
			p.i++
		default:
			if err := p.rune(); err != nil {
				return err
			}
		}
	}
	return p.fail("Missing a closing quotation mark in string.", p.i)
}

// end adds a string or key of n bytes with the tag of where they lie.
func (p *parser) end(tag, where byte, at, n int) {
	switch {
	case tag != tagKey:
		p.b.added()
	case n > maxKey:
		p.b.fail(ErrKey)
	}
	p.b.word(where, at)
	p.b.tape = append(p.b.tape, uint64(n))
}

func (p *parser) control() error { return p.fail("Invalid encoding in string.", p.i) }

func (p *parser) rune() error {
	if r, n := utf8.DecodeRune(p.s[p.i:]); r != utf8.RuneError || n > 1 {
		p.i += n
		return nil
	}
	return p.fail("Invalid encoding in string.", p.i)
}

// escaped reads on at the first escape, into the builder's text.
func (p *parser) escaped(tag byte, start int) error {
	at := len(p.b.text)
	p.b.text = append(p.b.text, p.s[start:p.i]...)
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			p.end(tag, tag, at, len(p.b.text)-at)
			return nil
		case c == '\\':
			if err := p.escape(); err != nil {
				return err
			}
		case c < 0x20:
			return p.control()
		case c < utf8.RuneSelf:
			p.b.text = append(p.b.text, c)
			p.i++
		default:
			from := p.i
			if err := p.rune(); err != nil {
				return err
			}
			p.b.text = append(p.b.text, p.s[from:p.i]...)
		}
	}
	return p.fail("Missing a closing quotation mark in string.", p.i)
}

func (p *parser) escape() error {
	at := p.i
	p.i++
	c := p.peek()
	p.i++
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		r, err := p.hex(at)
		if err != nil {
			return err
		}
		if utf16.IsSurrogate(r) {
			if p.peek() != '\\' || p.i+1 >= len(p.s) || p.s[p.i+1] != 'u' {
				return p.fail("The surrogate pair in string is invalid.", at)
			}
			p.i += 2
			low, err := p.hex(at)
			if err != nil {
				return err
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				return p.fail("The surrogate pair in string is invalid.", at)
			}
		}
		p.b.text = utf8.AppendRune(p.b.text, r)
		return nil
	default:
		return p.fail("Invalid escape character in string.", at)
	}
	p.b.text = append(p.b.text, c)
	return nil
}

func (p *parser) hex(at int) (r rune, err error) {
	for range 4 {
		c := p.peek()
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, p.fail("Incorrect hex digit after \\u escape in string.", at)
		}
		p.i++
	}
	return r, nil
}

func (p *parser) digits() int {
	n := 0
	for ; p.peek() >= '0' && p.peek() <= '9'; p.i++ {
		n++
	}
	return n
}

func (p *parser) number() error {
	start := p.i
	neg := p.peek() == '-'
	if neg {
		p.i++
	}
	whole := p.i
	if p.peek() == '0' {
		p.i++
	} else if p.digits() == 0 {
		return p.fail("Invalid value.", p.i)
	}
	end, exact := p.i, true
	if p.peek() == '.' {
		exact = false
		p.i++
		if p.digits() == 0 {
			return p.fail("Miss fraction part in number.", p.i)
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		exact = false
		p.i++
		if c := p.peek(); c == '+' || c == '-' {
			p.i++
		}
		if p.digits() == 0 {
			return p.fail("Miss exponent in number.", p.i)
		}
	}
	if exact {
		if u, ok := parseUint(p.s[whole:end]); ok {
			switch {
			case neg && u <= 1<<63:
				p.b.Int(-int64(u))
				return nil
			case !neg && u <= math.MaxUint32:
				p.b.Int(int64(u))
				return nil
			case !neg:
				p.b.Uint(u)
				return nil
			}
		}
	}
	f, err := strconv.ParseFloat(string(p.s[start:p.i]), 64)
	if err != nil {
		return p.fail("Number too big to be stored in double.", start)
	}
	p.b.Float(f)
	return nil
}

func parseUint(s []byte) (v uint64, ok bool) {
	if len(s) > 20 {
		return 0, false
	}
	for _, c := range s {
		d := uint64(c - '0')
		if v > (math.MaxUint64-d)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	return v, true
}
