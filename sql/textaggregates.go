package sql

import (
	"encoding/binary"
	"hash/maphash"
	"reflect"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression/function/aggregation"
	"github.com/dolthub/go-mysql-server/sql/sorters"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// distinctCount is COUNT(DISTINCT …): texts are told apart by their collations,
// binary strings by their bytes.
type distinctCount struct{ *aggregation.CountDistinct }

var _ gms.Aggregation = (*distinctCount)(nil)

func newDistinctCount(e *aggregation.CountDistinct) gms.Expression { return &distinctCount{e} }

// WithChildren implements gms.Expression.
func (c *distinctCount) WithChildren(ctx *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	own, err := c.CountDistinct.WithChildren(ctx, children...)
	if err != nil {
		return nil, err
	}
	id := own.(*aggregation.CountDistinct).WithId(c.Id())
	return &distinctCount{id.(*aggregation.CountDistinct)}, nil
}

// WithId implements gms.IdExpression.
func (c *distinctCount) WithId(id gms.ColumnId) gms.IdExpression {
	return &distinctCount{c.CountDistinct.WithId(id).(*aggregation.CountDistinct)}
}

// NewBuffer implements gms.Aggregation.
func (c *distinctCount) NewBuffer(ctx *gms.Context) (gms.AggregationBuffer, error) {
	return &distinctValues{keys: newValueKeys(ctx, c.Children()), seen: make(map[uint64]struct{})}, nil
}

// distinctValues counts values.
type distinctValues struct {
	keys *valueKeys
	seen map[uint64]struct{}
}

// Update implements gms.AggregationBuffer.
func (d *distinctValues) Update(ctx *gms.Context, row gms.Row) error {
	key, null, err := d.keys.of(ctx, row)
	if err == nil && !null {
		d.seen[key] = struct{}{}
	}
	return err
}

// Eval implements gms.AggregationBuffer.
func (d *distinctValues) Eval(*gms.Context) (any, error) { return int64(len(d.seen)), nil }

// Dispose implements gms.Disposable.
func (d *distinctValues) Dispose(*gms.Context) { d.seen = nil }

// valueKeys makes hashes of expressions' values that are equal when the values
// are.
type valueKeys struct {
	exprs      []gms.Expression
	types      []gms.Type
	collations []gms.CollationID // 0: not a text
	seed       maphash.Seed
	buf        []byte
}

func newValueKeys(ctx *gms.Context, exprs []gms.Expression) *valueKeys {
	k := &valueKeys{exprs: exprs, types: make([]gms.Type, len(exprs)), collations: make([]gms.CollationID, len(exprs)), seed: maphash.MakeSeed()}
	for i, e := range exprs {
		k.types[i] = e.Type(ctx)
		if types.IsTextOnly(k.types[i]) {
			k.collations[i] = mixOf(ctx, e).collation
		}
	}
	return k
}

// of returns the key of a row's values; null tells that one is NULL.
func (k *valueKeys) of(ctx *gms.Context, row gms.Row) (key uint64, null bool, err error) {
	k.buf = k.buf[:0]
	for i, e := range k.exprs {
		v, err := e.Eval(ctx, row)
		if err != nil {
			return 0, false, err
		}
		if v, err = gms.UnwrapAny(ctx, v); err != nil || v == nil {
			return 0, true, err
		}
		part, err := k.part(ctx, i, v)
		if err != nil {
			return 0, false, err
		}
		k.buf = binary.AppendUvarint(k.buf, uint64(len(part)))
		k.buf = append(k.buf, part...)
	}
	return maphash.Bytes(k.seed, k.buf), false, nil
}

func (k *valueKeys) part(ctx *gms.Context, i int, v any) (string, error) {
	if c := k.collations[i]; c != 0 && c != gms.Collation_binary {
		s, ok := v.(string)
		if !ok {
			var err error
			if s, _, err = types.ConvertToCollatedString(ctx, v, k.types[i]); err != nil {
				return "", err
			}
		}
		return weightOf(c, s)
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	case *apd.Decimal:
		s := v.Text('f')
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return s, nil
	case time.Time:
		return string(binary.BigEndian.AppendUint64(nil, uint64(v.UnixMicro()))), nil
	}
	s, _, err := types.LongText.Convert(ctx, v)
	if err != nil {
		return "", err
	}
	text, _, err := gms.Unwrap[string](ctx, s)
	return text, err
}

// concatenation is GROUP_CONCAT. go-mysql-server's leaves empty strings out,
// cuts characters in two and knows no collations.
type concatenation struct {
	*aggregation.GroupConcat
	value     gms.Expression
	distinct  bool
	separator string
	order     gms.SortConditions
	max       int // bytes
	binary    bool
}

var _ gms.Aggregation = (*concatenation)(nil)

func newConcatenation(ctx *gms.Context, e *aggregation.GroupConcat) (gms.Expression, error) {
	values := e.OutputExpressions()
	if len(values) != 1 || e.Window() != nil {
		return nil, nil
	}
	// Nothing gives these away.
	own := reflect.ValueOf(e).Elem()
	c := &concatenation{GroupConcat: e, value: values[0], binary: isBinary(values[0].Type(ctx)),
		distinct: own.FieldByName("distinct").String() != "", separator: own.FieldByName("separator").String(), max: int(own.FieldByName("maxLen").Int())}
	order := own.FieldByName("sortConditions")
	for i, by := range e.Children()[:order.Len()] {
		f := order.Index(i)
		c.order = append(c.order, gms.SortCondition{Expr: newOrdered(ctx, by), Order: gms.SortOrder(f.FieldByName("Order").Uint()),
			NullOrdering: gms.NullOrdering(f.FieldByName("NullOrdering").Uint())})
	}
	return c, nil
}

// Type implements gms.Expression.
func (c *concatenation) Type(ctx *gms.Context) gms.Type {
	if c.binary {
		return types.Blob
	}
	return typeIn(c.GroupConcat.Type(ctx), mixOf(ctx, c.value))
}

// WithChildren implements gms.Expression.
func (c *concatenation) WithChildren(ctx *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	own, err := c.GroupConcat.WithChildren(ctx, children...)
	if err != nil {
		return nil, err
	}
	return newConcatenation(ctx, own.(*aggregation.GroupConcat).WithId(c.Id()).(*aggregation.GroupConcat))
}

// WithId implements gms.IdExpression.
func (c *concatenation) WithId(id gms.ColumnId) gms.IdExpression {
	own := *c
	own.GroupConcat = c.GroupConcat.WithId(id).(*aggregation.GroupConcat)
	return &own
}

// NewBuffer implements gms.Aggregation.
func (c *concatenation) NewBuffer(ctx *gms.Context) (gms.AggregationBuffer, error) {
	b := &concatenated{of: c}
	if c.distinct {
		b.keys, b.seen = newValueKeys(ctx, []gms.Expression{c.value}), make(map[uint64]struct{})
	}
	return b, nil
}

// concatenated holds the texts of a group, each at the end of its row.
type concatenated struct {
	of   *concatenation
	keys *valueKeys
	seen map[uint64]struct{}
	rows []gms.Row
}

// Update implements gms.AggregationBuffer.
func (b *concatenated) Update(ctx *gms.Context, row gms.Row) error {
	text, null, err := textValue(ctx, b.of.value, row)
	if err != nil || null {
		return err
	}
	if b.of.distinct {
		key, _, err := b.keys.of(ctx, row)
		if err != nil {
			return err
		}
		if _, ok := b.seen[key]; ok {
			return nil
		}
		b.seen[key] = struct{}{}
	}
	if len(b.of.order) == 0 {
		b.rows = append(b.rows, gms.Row{text})
		return nil
	}
	b.rows = append(b.rows, append(row[:len(row):len(row)], text))
	return nil
}

// Eval implements gms.AggregationBuffer.
func (b *concatenated) Eval(ctx *gms.Context) (any, error) {
	if len(b.rows) == 0 {
		return nil, nil
	}
	if len(b.of.order) > 0 {
		s := sorters.NewRowSorterWithRows(ctx, b.of.order, b.rows)
		sort.Stable(s)
		if err := s.GetError(); err != nil {
			return nil, err
		}
	}
	var out strings.Builder
	for i, row := range b.rows {
		if i > 0 {
			out.WriteString(b.of.separator)
		}
		out.WriteString(row[len(row)-1].(string))
		if out.Len() > b.of.max {
			ctx.Warn(1260, "Row %d was cut by GROUP_CONCAT()", i+1)
			break
		}
	}
	text := out.String()
	if len(text) > b.of.max {
		end := b.of.max
		for !b.of.binary && end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	if b.of.binary {
		return []byte(text), nil
	}
	return text, nil
}

// Dispose implements gms.Disposable.
func (b *concatenated) Dispose(*gms.Context) { b.rows, b.seen = nil, nil }
