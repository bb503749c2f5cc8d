package sql

import (
	"encoding/binary"
	"strings"
	"sync"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/sql/tables"
)

// weightOf returns what strings that are equal under a collation have in common.
func weightOf(c gms.CollationID, s string) (string, error) {
	if tables.Pads(c) {
		s = strings.TrimRight(s, " ")
	}
	if isBinSort(c) {
		return s, nil
	}
	weight := c.Sorter()
	if weight == nil {
		return s, nil
	}
	b := make([]byte, 0, 4*len(s))
	for _, r := range s {
		b = binary.BigEndian.AppendUint32(b, uint32(weight(r)))
	}
	return string(b), nil
}

// folds reports whether a collation holds different strings to be equal.
func folds(c gms.CollationID) bool {
	return c != gms.Collation_binary && c.Sorter() != nil && (tables.Pads(c) || !isBinSort(c))
}

// collatedIn is an IN with a list of strings under a collation.
type collatedIn struct {
	left      gms.Expression
	list      expression.Tuple
	collation gms.CollationID

	once  sync.Once
	known map[string]bool // weights of the list's literals
	null  bool            // it has a NULL literal
	rest  []gms.Expression
	err   error
}

var (
	_ gms.Expression         = (*collatedIn)(nil)
	_ gms.CollationCoercible = (*collatedIn)(nil)
)

// Resolved implements gms.Expression.
func (in *collatedIn) Resolved() bool { return in.left.Resolved() && in.list.Resolved() }

// String implements gms.Expression.
func (in *collatedIn) String() string {
	return "(" + in.left.String() + " IN " + in.list.String() + ")"
}

// Type implements gms.Expression.
func (in *collatedIn) Type(*gms.Context) gms.Type { return types.Boolean }

// IsNullable implements gms.Expression.
func (in *collatedIn) IsNullable(*gms.Context) bool { return true }

// Children implements gms.Expression: the list's are its own, for a tuple is
// allowed in few places.
func (in *collatedIn) Children() []gms.Expression {
	return append([]gms.Expression{in.left}, in.list...)
}

// WithChildren implements gms.Expression.
func (in *collatedIn) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) != 1+len(in.list) {
		return nil, gms.ErrInvalidChildrenNumber.New(in, len(children), 1+len(in.list))
	}
	return &collatedIn{left: children[0], list: expression.Tuple(children[1:]), collation: in.collation}, nil
}

// CollationCoercibility implements gms.CollationCoercible.
func (*collatedIn) CollationCoercibility(*gms.Context) (gms.CollationID, byte) {
	return gms.Collation_binary, 5
}

// weight evaluates an expression to the weight of its string.
func (in *collatedIn) weight(ctx *gms.Context, e gms.Expression, row gms.Row) (w string, null bool, err error) {
	text, null, err := textValue(ctx, e, row)
	if err != nil || null {
		return "", null, err
	}
	w, err = weightOf(in.collation, text)
	return w, false, err
}

// learn weighs the literals of the list, once.
func (in *collatedIn) learn(ctx *gms.Context) {
	in.known = make(map[string]bool, len(in.list))
	for _, e := range in.list {
		if _, ok := e.(*expression.Literal); !ok {
			in.rest = append(in.rest, e)
			continue
		}
		w, null, err := in.weight(ctx, e, nil)
		if err != nil {
			in.err = err
			return
		}
		if null {
			in.null = true
		} else {
			in.known[w] = true
		}
	}
}

// Eval implements gms.Expression.
func (in *collatedIn) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	in.once.Do(func() { in.learn(ctx) })
	if in.err != nil {
		return nil, in.err
	}
	left, null, err := in.weight(ctx, in.left, row)
	if err != nil || null {
		return nil, err
	}
	if in.known[left] {
		return true, nil
	}
	unknown := in.null
	for _, e := range in.rest {
		w, null, err := in.weight(ctx, e, row)
		if err != nil {
			return nil, err
		}
		if !null && w == left {
			return true, nil
		}
		unknown = unknown || null
	}
	if unknown {
		return nil, nil
	}
	return false, nil
}
