package jsonb

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Path is a compiled path expression: $.a[0]."b c"[last-1 to last].*[*]**.d
type Path struct {
	legs []leg
	many bool
}

// PathError is a path expression that is none: MySQL's error 3143.
type PathError struct{ Pos int }

func (e *PathError) Error() string {
	return fmt.Sprintf("Invalid JSON path expression. The error is around character position %d.", e.Pos)
}

type legKind uint8

const (
	legMember   legKind = iota // .key
	legCell                    // [n]
	legMembers                 // .*
	legCells                   // [*]
	legRange                   // [m to n]
	legEllipsis                // **
)

type leg struct {
	kind     legKind
	key      []byte
	from, to index
}

// index is a place in an array, from its front or from its end.
type index struct {
	n    int
	last bool
}

// in returns the place in an array of that length: -1 before its front, or
// length and more behind its end.
func (x index) in(length int) int {
	if x.last {
		return max(length-1-x.n, -1)
	}
	return x.n
}

// ParsePath compiles a path expression. The error is a *PathError.
func ParsePath(text []byte) (Path, error) {
	s := pathScanner{s: text}
	s.space()
	if s.peek() != '$' {
		return Path{}, &PathError{1}
	}
	s.i++
	var p Path
	for {
		if s.space(); s.i == len(s.s) {
			break
		}
		l, ok := s.leg()
		if !ok {
			return Path{}, &PathError{s.i}
		}
		p.many = p.many || l.kind > legCell
		p.legs = append(p.legs, l)
	}
	if n := len(p.legs); n > 0 && p.legs[n-1].kind == legEllipsis {
		return Path{}, &PathError{s.i}
	}
	return p, nil
}

// Many reports whether the path may name several values: it has a wildcard,
// an ellipsis or a range.
func (p Path) Many() bool { return p.many }

// Root reports whether the path is $.
func (p Path) Root() bool { return len(p.legs) == 0 }

// Cell reports whether the path ends with an array's cell.
func (p Path) Cell() bool { return len(p.legs) > 0 && p.legs[len(p.legs)-1].kind == legCell }

type pathScanner struct {
	s []byte
	i int
}

func (s *pathScanner) peek() byte {
	if s.i < len(s.s) {
		return s.s[s.i]
	}
	return 0
}

func (s *pathScanner) space() {
	for s.i < len(s.s) && (s.s[s.i] == ' ' || s.s[s.i] >= '\t' && s.s[s.i] <= '\r') {
		s.i++
	}
}

func (s *pathScanner) leg() (leg, bool) {
	switch s.peek() {
	case '.':
		s.i++
		s.space()
		if s.peek() == '*' {
			s.i++
			return leg{kind: legMembers}, true
		}
		key, ok := s.key()
		return leg{kind: legMember, key: key}, ok
	case '[':
		s.i++
		return s.cell()
	case '*':
		if s.i++; s.peek() == '*' {
			s.i++
			return leg{kind: legEllipsis}, s.peek() != '*'
		}
	}
	return leg{}, false
}

// key reads a name, or a JSON string.
func (s *pathScanner) key() ([]byte, bool) {
	start := s.i
	if s.peek() == '"' {
		for s.i++; s.i < len(s.s) && s.s[s.i] != '"'; s.i++ {
			if s.s[s.i] == '\\' {
				s.i++
			}
		}
		if s.i >= len(s.s) {
			s.i = len(s.s)
			return nil, false
		}
		s.i++
		doc, err := FromText(nil, s.s[start:s.i])
		if err != nil {
			return nil, false
		}
		return Value{doc[0], doc[1:]}.Bytes(), true
	}
	for s.i < len(s.s) {
		r, n := utf8.DecodeRune(s.s[s.i:])
		if !unicode.IsLetter(r) && r != '_' && r != '$' && (s.i == start || !unicode.In(r, unicode.Nd, unicode.Mn, unicode.Mc, unicode.Pc) && r != '\u200c' && r != '\u200d') {
			break
		}
		s.i += n
	}
	return s.s[start:s.i], s.i > start
}

func (s *pathScanner) cell() (leg, bool) {
	s.space()
	if s.peek() == '*' {
		s.i++
		return leg{kind: legCells}, s.close()
	}
	from, ok := s.index()
	if !ok {
		return leg{}, false
	}
	s.space()
	if s.word("to") {
		s.space()
		to, ok := s.index()
		if !ok || from.last == to.last && (from.n > to.n) != from.last && from.n != to.n {
			return leg{}, false
		}
		return leg{kind: legRange, from: from, to: to}, s.close()
	}
	return leg{kind: legCell, from: from}, s.close()
}

func (s *pathScanner) close() bool {
	s.space()
	if s.peek() != ']' {
		return false
	}
	s.i++
	return true
}

func (s *pathScanner) word(w string) bool {
	if s.i+len(w) <= len(s.s) && string(s.s[s.i:s.i+len(w)]) == w {
		s.i += len(w)
		return true
	}
	return false
}

func (s *pathScanner) index() (x index, ok bool) {
	if s.word("last") {
		x.last = true
		s.space()
		if s.peek() != '-' {
			return x, true
		}
		s.i++
		s.space()
	}
	start := s.i
	for ; s.peek() >= '0' && s.peek() <= '9'; s.i++ {
		if x.n = x.n*10 + int(s.peek()-'0'); x.n > 1<<32-1 {
			return x, false
		}
	}
	return x, s.i > start
}

// wraps reports whether the leg also matches a value that is no array, taken as
// an array of that one value.
func (l *leg) wraps() bool {
	switch l.kind {
	case legCell:
		return l.from.n == 0
	case legRange:
		return l.from.in(1) <= 0 && l.to.in(1) >= 0
	}
	return false
}

// Find calls each with the values that the path names, in the order of the
// document and each once, until it returns false.
func (p Path) Find(v Value, each func(Value) bool) {
	if p.repeats() {
		seen := make(map[*byte]bool) // no two values begin at one byte
		once := each
		each = func(v Value) bool {
			if seen[&v.data[0]] {
				return true
			}
			seen[&v.data[0]] = true
			return once(v)
		}
	}
	p.find(v, p.legs, each)
}

// repeats reports whether the path leads to a value in several ways.
func (p Path) repeats() bool {
	ellipsis := false
	for i := range p.legs {
		l := &p.legs[i]
		if ellipsis && (l.kind == legEllipsis || l.wraps()) {
			return true
		}
		ellipsis = ellipsis || l.kind == legEllipsis
	}
	return false
}

func (p Path) find(v Value, legs []leg, each func(Value) bool) bool {
	if len(legs) == 0 {
		return each(v)
	}
	l, rest := &legs[0], legs[1:]
	kind := v.Kind()
	switch l.kind {
	case legMember:
		if c, ok := v.Find(l.key); ok {
			return p.find(c, rest, each)
		}
		return true
	case legMembers:
		return kind != Object || p.children(v, 0, v.lenIf(Object)-1, rest, each)
	case legEllipsis:
		// The value itself, then all below.
		return p.find(v, rest, each) && (kind != Object && kind != Array || p.children(v, 0, v.Len()-1, legs, each))
	}
	if kind != Array {
		return !l.wraps() || p.find(v, rest, each)
	}
	n := v.Len()
	switch l.kind {
	case legCells:
		return p.children(v, 0, n-1, rest, each)
	case legRange:
		return p.children(v, max(l.from.in(n), 0), min(l.to.in(n), n-1), rest, each)
	}
	if at := l.from.in(n); at >= 0 && at < n {
		return p.find(v.At(at), rest, each)
	}
	return true
}

func (v Value) lenIf(k Kind) int {
	if v.Kind() != k {
		return 0
	}
	return v.Len()
}

func (p Path) children(v Value, from, to int, legs []leg, each func(Value) bool) bool {
	for i := from; i <= to; i++ {
		if !p.find(v.At(i), legs, each) {
			return false
		}
	}
	return true
}

// Edit is a way to change a document at a path that names one value.
type Edit uint8

// The edits do what the JSON_ functions of their names do.
const (
	Set Edit = iota
	Insert
	Replace
	Remove
	ArrayAppend
	ArrayInsert
)

// Apply adds v, changed at the path, to the builder; add adds the new value. It
// reports whether anything changed. The path must not be Many.
func (p Path) Apply(b *Builder, v Value, e Edit, add func(*Builder)) bool {
	c := change{b: b, edit: e, add: add}
	// Walk down as far as the path leads.
	at, left := v, p.legs
	for len(left) > 0 {
		i, ok := left[0].child(at)
		if !ok {
			break
		}
		if i >= 0 {
			c.steps = append(c.steps, i)
			at = at.At(i)
		}
		left = left[1:]
	}
	if !c.decide(at, left, p.legs) {
		b.Value(v)
		return false
	}
	c.copy(v, 0)
	return true
}

// child returns the place of the one child that the leg names, -1 for the value
// itself.
func (l *leg) child(v Value) (i int, ok bool) {
	switch {
	case l.kind == legMember:
		return v.place(l.key)
	case v.Kind() != Array:
		return -1, l.wraps()
	}
	n := v.Len()
	i = l.from.in(n)
	return i, i >= 0 && i < n
}

// place is Find for the member's number.
func (v Value) place(key []byte) (int, bool) {
	for i := range v.lenIf(Object) {
		if compareKeys(v.Key(i), key) == 0 {
			return i, true
		}
	}
	return 0, false
}

// change is one edit on its way: steps lead to the value at which it happens.
type change struct {
	b     *Builder
	edit  Edit
	add   func(*Builder)
	steps []int
	at    func(v Value) // writes the new form of the value that steps lead to
	skip  bool          // the value is left out
}

// decide finds out what to do; v is what the path led to, and left are the legs
// that led nowhere.
func (c *change) decide(v Value, left, all []leg) bool {
	if c.edit == ArrayInsert {
		return c.arrayInsert(v, left, all)
	}
	if len(left) == 0 {
		switch c.edit {
		case Set, Replace:
			c.at = func(Value) { c.add(c.b) }
		case Remove:
			c.skip = true
			return len(c.steps) > 0
		case ArrayAppend:
			c.at = func(v Value) { c.insertAt(v, -1) }
		default:
			return false
		}
		return true
	}
	if len(left) > 1 || c.edit != Set && c.edit != Insert {
		return false
	}
	l := &left[0]
	switch kind := v.Kind(); {
	case l.kind == legMember:
		if kind != Object {
			return false
		}
		c.at = func(v Value) {
			c.b.BeginObject()
			for i := range v.Len() {
				c.b.Key(v.Key(i))
				c.b.Value(v.At(i))
			}
			c.b.Key(l.key)
			c.add(c.b)
			c.b.End()
		}
	case l.from.last:
		c.at = func(v Value) { c.insertAt(v, 0) } // before the front
	default:
		c.at = func(v Value) { c.insertAt(v, -1) }
	}
	return true
}

func (c *change) arrayInsert(v Value, left, all []leg) bool {
	l := &all[len(all)-1]
	switch {
	case len(left) > 1:
		return false
	case len(left) == 1:
		if v.Kind() != Array {
			return false
		}
		at := -1
		if l.from.last {
			at = 0
		}
		c.at = func(v Value) { c.insertAt(v, at) }
		return true
	case len(c.steps) < len(all):
		return false // the cell is a value taken as an array
	}
	place := c.steps[len(c.steps)-1]
	c.steps = c.steps[:len(c.steps)-1]
	c.at = func(v Value) { c.insertAt(v, place) }
	return true
}

// insertAt writes an array with the new value in a place, -1 = the end. A value
// that is no array is taken as an array of one.
func (c *change) insertAt(v Value, place int) {
	c.b.BeginArray()
	n := 1
	if v.Kind() == Array {
		n = v.Len()
	}
	for i := range n {
		if i == place {
			c.add(c.b)
		}
		if v.Kind() == Array {
			c.b.Value(v.At(i))
		} else {
			c.b.Value(v)
		}
	}
	if place < 0 || n == 0 {
		c.add(c.b)
	}
	c.b.End()
}

func (c *change) copy(v Value, depth int) {
	if depth == len(c.steps) {
		c.at(v)
		return
	}
	object := v.Kind() == Object
	if object {
		c.b.BeginObject()
	} else {
		c.b.BeginArray()
	}
	for i := range v.Len() {
		hit := i == c.steps[depth]
		if hit && c.skip && depth == len(c.steps)-1 {
			continue
		}
		if object {
			c.b.Key(v.Key(i))
		}
		if hit {
			c.copy(v.At(i), depth+1)
		} else {
			c.b.Value(v.At(i))
		}
	}
	c.b.End()
}
