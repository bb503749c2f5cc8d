package sql

import (
	"slices"
	"sync"
	"unicode/utf8"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// textLike is LIKE: by the collation of both sides, or by bytes when one is
// binary. Trailing spaces count.
type textLike struct {
	expression.BinaryExpressionStub
	escape    gms.Expression // nil: the backslash, or none under NO_BACKSLASH_ESCAPES
	collation gms.CollationID

	once  sync.Once
	known *likePattern // of a pattern that is a literal
	err   error
}

var (
	_ gms.Expression         = (*textLike)(nil)
	_ gms.CollationCoercible = (*textLike)(nil)
)

func newLike(ctx *gms.Context, e *expression.Like) (gms.Expression, error) {
	l := &textLike{BinaryExpressionStub: e.BinaryExpressionStub, escape: e.Escape}
	if isBinary(e.LeftChild.Type(ctx)) || isBinary(e.RightChild.Type(ctx)) {
		l.collation = gms.Collation_binary
		return l, nil
	}
	var err error
	l.collation, err = compared(ctx, "like", e.LeftChild, e.RightChild)
	return l, err
}

// Type implements gms.Expression.
func (*textLike) Type(*gms.Context) gms.Type { return types.Boolean }

// String implements gms.Expression.
func (l *textLike) String() string { return l.LeftChild.String() + " LIKE " + l.RightChild.String() }

// CollationCoercibility implements gms.CollationCoercible.
func (*textLike) CollationCoercibility(*gms.Context) (gms.CollationID, byte) {
	return gms.Collation_binary, 5
}

// WithChildren implements gms.Expression.
func (l *textLike) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) != 2 {
		return nil, gms.ErrInvalidChildrenNumber.New(l, len(children), 2)
	}
	return &textLike{BinaryExpressionStub: expression.BinaryExpressionStub{LeftChild: children[0], RightChild: children[1]},
		escape: l.escape, collation: l.collation}, nil
}

// Eval implements gms.Expression.
func (l *textLike) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	text, null, err := textValue(ctx, l.LeftChild, row)
	if err != nil || null {
		return nil, err
	}
	if _, ok := l.RightChild.(*expression.Literal); ok {
		l.once.Do(func() { l.known, l.err = l.pattern(ctx, row) })
		if l.err != nil || l.known == nil {
			return nil, l.err
		}
		return l.known.matches(text), nil
	}
	p, err := l.pattern(ctx, row)
	if err != nil || p == nil {
		return nil, err
	}
	return p.matches(text), nil
}

// pattern reads the pattern; nil for NULL.
func (l *textLike) pattern(ctx *gms.Context, row gms.Row) (*likePattern, error) {
	text, null, err := textValue(ctx, l.RightChild, row)
	if err != nil || null {
		return nil, err
	}
	escape := rune('\\')
	if l.escape != nil {
		s, null, err := textValue(ctx, l.escape, row)
		if err != nil {
			return nil, err
		}
		switch n := utf8.RuneCountInString(s); {
		case null, n == 0:
		case n == 1:
			escape, _ = utf8.DecodeRuneInString(s)
		default:
			return nil, sqlError(1210, "HY000", "Incorrect arguments to ESCAPE")
		}
	} else if s := sessionOf(ctx); s != nil && s.hasMode("NO_BACKSLASH_ESCAPES") {
		escape = -1
	}
	return newLikePattern(l.collation, text, escape), nil
}

// likePattern is a pattern of LIKE.
type likePattern struct {
	nodes  []likeNode
	weight gms.CollationSorter // nil: of bytes
	bytes  bool
}

// likeNode is one character of a pattern.
type likeNode struct {
	kind   likeKind
	weight int32
}

type likeKind uint8

const (
	likeChar likeKind = iota
	likeOne           // _
	likeMany          // %
)

func newLikePattern(c gms.CollationID, pattern string, escape rune) *likePattern {
	p := &likePattern{weight: c.Sorter(), bytes: c == gms.Collation_binary}
	if p.bytes || p.weight == nil {
		p.weight = func(r rune) int32 { return r }
	}
	runes := p.runes(pattern)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case r == escape && i+1 < len(runes):
			i++
			p.nodes = append(p.nodes, likeNode{weight: p.weight(runes[i])})
		case r == '_':
			p.nodes = append(p.nodes, likeNode{kind: likeOne})
		case r == '%':
			if n := len(p.nodes); n == 0 || p.nodes[n-1].kind != likeMany {
				p.nodes = append(p.nodes, likeNode{kind: likeMany})
			}
		default:
			p.nodes = append(p.nodes, likeNode{weight: p.weight(r)})
		}
	}
	p.nodes = slices.Clip(p.nodes)
	return p
}

// runes returns the characters of a string, its bytes if it is binary.
func (p *likePattern) runes(s string) []rune {
	if !p.bytes {
		return []rune(s)
	}
	out := make([]rune, len(s))
	for i := range len(s) {
		out[i] = rune(s[i])
	}
	return out
}

// matches reports whether a string is one of the pattern's. It goes back to the
// last % only.
func (p *likePattern) matches(s string) bool {
	size := func(at int) (rune, int) { return utf8.DecodeRuneInString(s[at:]) }
	if p.bytes {
		size = func(at int) (rune, int) { return rune(s[at]), 1 }
	}
	at, node := 0, 0
	many, from := -1, 0 // the last %, and where what follows it was tried
	for at < len(s) {
		if node < len(p.nodes) && p.nodes[node].kind == likeMany {
			many, from = node, at
			node++
			continue
		}
		r, n := size(at)
		if node < len(p.nodes) && (p.nodes[node].kind == likeOne || p.nodes[node].weight == p.weight(r)) {
			at += n
			node++
			continue
		}
		if many < 0 {
			return false
		}
		_, n = size(from)
		from += n
		at, node = from, many+1
	}
	for node < len(p.nodes) && p.nodes[node].kind == likeMany {
		node++
	}
	return node == len(p.nodes)
}
