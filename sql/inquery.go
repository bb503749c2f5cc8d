package sql

import (
	"encoding/binary"
	"sync"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/hash"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// inQuery is x IN (SELECT …) with a text, or a row that holds some.
type inQuery struct {
	expression.BinaryExpressionStub
	columns []inColumn

	mu    sync.Mutex
	known *inSet // of a subquery that always has the same rows
}

// inColumn is how one column of both sides is compared.
type inColumn struct {
	text      bool
	collation gms.CollationID // of a text
	typ       gms.Type        // the subquery's
}

// inSet holds a subquery's rows by their keys. Rows with a NULL are apart.
type inSet struct {
	keys  map[string]bool
	nulls [][]string // per row, per column; the key "" stands for NULL
	any   bool
}

var (
	_ gms.Expression         = (*inQuery)(nil)
	_ gms.CollationCoercible = (*inQuery)(nil)
)

// newInQuery returns nil when no text is compared.
func newInQuery(ctx *gms.Context, e *plan.InSubquery) (gms.Expression, error) {
	sub, ok := e.RightChild.(*plan.Subquery)
	if !ok {
		return nil, nil
	}
	left := []gms.Expression{e.LeftChild}
	if row, ok := e.LeftChild.(expression.Tuple); ok {
		left = row
	}
	schema := sub.Query.Schema(ctx)
	if len(schema) != len(left) {
		return nil, nil // an error when it is evaluated
	}
	columns, texts := make([]inColumn, len(left)), false
	for i, x := range left {
		columns[i].typ = schema[i].Type
		if !allTextual(ctx, x) || !textual(schema[i].Type) {
			continue
		}
		c, err := compared(ctx, "=", x, &columnOfQuery{mix: columnMix(ctx, sub.Query, i), Expression: x})
		if err != nil {
			return nil, err
		}
		if c != gms.Collation_binary {
			columns[i].text, columns[i].collation, texts = true, c, true
		}
	}
	if !texts {
		return nil, nil
	}
	return &inQuery{BinaryExpressionStub: e.BinaryExpressionStub, columns: columns}, nil
}

// columnOfQuery stands for a column of a query where collations are compared.
type columnOfQuery struct {
	gms.Expression
	mix mix
}

// columnMix is the collation of a query's column.
func columnMix(ctx *gms.Context, n gms.Node, i int) mix {
	switch q := n.(type) {
	case *plan.Project:
		return mixOf(ctx, q.Projections[i])
	case *plan.SetOp:
		m, _ := columnMix(ctx, q.Left(), i).join(columnMix(ctx, q.Right(), i))
		return m
	case *plan.Distinct, *plan.OrderedDistinct, *plan.Sort, *plan.TopN, *plan.Limit, *plan.Offset, *plan.Filter, *plan.Having:
		return columnMix(ctx, q.Children()[0], i)
	}
	m := mix{collation: ctx.GetCollation(), strength: implicit}
	schema := n.Schema(ctx)
	if i >= len(schema) {
		return m
	}
	t := schema[i].Type
	if text, ok := t.(gms.TypeWithCollation); ok {
		if text.Collation() != gms.Collation_Unspecified {
			m.collation = text.Collation()
		}
		return m
	}
	m.strength, m.ascii = numeric, true
	if t == types.Null {
		m = mix{collation: gms.Collation_binary, strength: ignorable, ascii: true}
	}
	return m
}

// Type implements gms.Expression.
func (*inQuery) Type(*gms.Context) gms.Type { return types.Boolean }

// String implements gms.Expression.
func (in *inQuery) String() string {
	return "(" + in.LeftChild.String() + " IN " + in.RightChild.String() + ")"
}

// CollationCoercibility implements gms.CollationCoercible.
func (*inQuery) CollationCoercibility(*gms.Context) (gms.CollationID, byte) {
	return gms.Collation_binary, 5
}

// WithChildren implements gms.Expression.
func (in *inQuery) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) != 2 {
		return nil, gms.ErrInvalidChildrenNumber.New(in, len(children), 2)
	}
	return &inQuery{BinaryExpressionStub: expression.BinaryExpressionStub{LeftChild: children[0], RightChild: children[1]}, columns: in.columns}, nil
}

// Dispose implements gms.Disposable.
func (in *inQuery) Dispose(ctx *gms.Context) {
	in.mu.Lock()
	in.known = nil
	in.mu.Unlock()
	if sub, ok := in.RightChild.(*plan.Subquery); ok {
		sub.Dispose(ctx)
	}
}

// Eval implements gms.Expression.
func (in *inQuery) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	v, err := in.LeftChild.Eval(ctx, row)
	if err != nil {
		return nil, err
	}
	set, err := in.set(ctx, row)
	if err != nil {
		return nil, err
	}
	if !set.any {
		return false, nil
	}
	lefts := in.leftTypes(ctx)
	keys, null, err := in.keys(ctx, v, lefts)
	if err != nil {
		return nil, err
	}
	if !null && set.keys[joined(keys)] {
		return true, nil
	}
	if len(keys) == 1 {
		if null || len(set.nulls) > 0 {
			return nil, nil
		}
		return false, nil
	}
	if null {
		for k := range set.keys {
			if maybe(keys, split(k)) {
				return nil, nil
			}
		}
	}
	for _, other := range set.nulls {
		if maybe(keys, other) {
			return nil, nil
		}
	}
	return false, nil
}

func (in *inQuery) leftTypes(ctx *gms.Context) []gms.Type {
	t := in.LeftChild.Type(ctx)
	if tuple, ok := t.(types.TupleType); ok {
		return tuple
	}
	return []gms.Type{t}
}

// set returns the subquery's rows.
func (in *inQuery) set(ctx *gms.Context, row gms.Row) (*inSet, error) {
	sub := in.RightChild.(*plan.Subquery)
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.known != nil {
		return in.known, nil
	}
	rows, err := sub.EvalMultiple(ctx, row)
	if err != nil {
		return nil, err
	}
	typs := make([]gms.Type, len(in.columns))
	for i := range typs {
		typs[i] = in.columns[i].typ
	}
	set := &inSet{keys: make(map[string]bool, len(rows)), any: len(rows) > 0}
	for _, v := range rows {
		keys, null, err := in.keys(ctx, v, typs)
		switch {
		case err != nil:
			return nil, err
		case !null:
			set.keys[joined(keys)] = true
		case len(set.nulls) == 0 || len(keys) > 1:
			set.nulls = append(set.nulls, keys)
		}
	}
	if sub.CanCacheResults() {
		in.known = set
	}
	return set, nil
}

// keys returns what equal values of each column have in common, "" for NULL.
func (in *inQuery) keys(ctx *gms.Context, v any, typs []gms.Type) (keys []string, null bool, err error) {
	values, ok := v.([]any)
	if !ok {
		values = []any{v}
	}
	keys = make([]string, len(in.columns))
	for i, c := range in.columns {
		v, err := gms.UnwrapAny(ctx, values[i])
		if err != nil {
			return nil, false, err
		}
		if v == nil {
			null = true
			continue
		}
		if keys[i], err = c.key(ctx, v, typs[i]); err != nil {
			return nil, false, err
		}
	}
	return keys, null, nil
}

func (c *inColumn) key(ctx *gms.Context, v any, t gms.Type) (string, error) {
	if c.text {
		s, ok := v.(string)
		if !ok {
			var err error
			if s, _, err = types.ConvertToCollatedString(ctx, v, t); err != nil {
				return "", err
			}
		}
		w, err := weightOf(c.collation, s)
		return "t" + w, err
	}
	own, _, err := c.typ.Convert(ctx, v)
	if err != nil {
		return "x", nil // equal to nothing of the column's type
	}
	h, err := hash.HashOf(ctx, nil, gms.NewRow(own))
	return string(binary.BigEndian.AppendUint64([]byte("h"), h)), err
}

// joined makes one key of several, split takes it apart.
func joined(keys []string) string {
	var out []byte
	for _, k := range keys {
		out = binary.AppendUvarint(out, uint64(len(k)))
		out = append(out, k...)
	}
	return string(out)
}

func split(key string) (out []string) {
	for b := []byte(key); len(b) > 0; {
		n, size := binary.Uvarint(b)
		b = b[size:]
		out = append(out, string(b[:n]))
		b = b[n:]
	}
	return out
}

// maybe reports whether two rows are equal but for NULLs.
func maybe(a, b []string) bool {
	for i := range a {
		if a[i] != "" && b[i] != "" && a[i] != b[i] {
			return false
		}
	}
	return true
}
