package sql

import (
	"errors"
	"io"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/hash"
	"github.com/dolthub/go-mysql-server/sql/iters"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// rowKeys tells rows apart by the collations of their texts, which
// go-mysql-server's DISTINCT, UNION, INTERSECT and EXCEPT do not.
type rowKeys struct {
	texts   map[int]gms.CollationID // columns that fold
	weighed gms.Row                 // room for one row with weights in place of strings
}

// foldingColumns returns the columns of a node whose strings may differ and be
// equal; nil: there is none.
func foldingColumns(ctx *gms.Context, n gms.Node) (map[int]gms.CollationID, error) {
	var out map[int]gms.CollationID
	for i, c := range n.Schema(ctx) {
		if !types.IsTextOnly(c.Type) {
			continue
		}
		m := columnMix(ctx, n, i)
		if _, ok := n.(*plan.SetOp); ok && m.strength == noneLeft {
			return nil, sqlError(1271, "HY000", "Illegal mix of collations for operation 'UNION'")
		}
		if !folds(m.collation) {
			continue
		}
		if out == nil {
			out = make(map[int]gms.CollationID)
		}
		out[i] = m.collation
	}
	return out, nil
}

func (k *rowKeys) of(ctx *gms.Context, row gms.Row) (uint64, error) {
	k.weighed = append(k.weighed[:0], row...)
	for i, c := range k.texts {
		v, err := gms.UnwrapAny(ctx, row[i])
		if err != nil {
			return 0, err
		}
		if s, ok := v.(string); ok {
			if k.weighed[i], err = weightOf(c, s); err != nil {
				return 0, err
			}
		}
	}
	return hash.HashOf(ctx, nil, k.weighed)
}

// distinctRows passes on rows of which none was equal before, or, with right,
// those that INTERSECT or EXCEPT leave.
type distinctRows struct {
	gms.RowIter
	rowKeys
	seen   map[uint64]struct{} // nil: rows may be equal
	right  gms.RowIter         // of INTERSECT and EXCEPT
	except bool
	counts map[uint64]int // of right's rows
	skip   int64          // OFFSET
	limit  int64          // LIMIT, -1 = none
}

// Next implements gms.RowIter.
func (d *distinctRows) Next(ctx *gms.Context) (gms.Row, error) {
	if d.right != nil && d.counts == nil {
		if err := d.count(ctx); err != nil {
			return nil, err
		}
	}
	for {
		if d.limit == 0 {
			return nil, io.EOF
		}
		row, err := d.RowIter.Next(ctx)
		if err != nil {
			return nil, err
		}
		key, err := d.of(ctx, row)
		if err != nil {
			return nil, err
		}
		if d.seen != nil {
			if _, ok := d.seen[key]; ok {
				continue
			}
			d.seen[key] = struct{}{}
		}
		if d.right != nil && !d.passes(key) {
			continue
		}
		if d.skip > 0 {
			d.skip--
			continue
		}
		if d.limit > 0 {
			d.limit--
		}
		return row, nil
	}
}

// count counts the rows of right.
func (d *distinctRows) count(ctx *gms.Context) error {
	d.counts = make(map[uint64]int)
	for {
		row, err := d.right.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		key, err := d.of(ctx, row)
		if err != nil {
			return err
		}
		d.counts[key]++
	}
}

// passes reports whether INTERSECT or EXCEPT leave one more row with a key.
func (d *distinctRows) passes(key uint64) bool {
	n := d.counts[key]
	if n > 0 && d.seen == nil {
		d.counts[key]--
	}
	return (n > 0) != d.except
}

// Close implements gms.RowIter.
func (d *distinctRows) Close(ctx *gms.Context) error {
	err := d.RowIter.Close(ctx)
	if d.right != nil {
		err = errors.Join(err, d.right.Close(ctx))
	}
	return err
}

// distinct builds SELECT DISTINCT over strings that fold; nil leaves it to
// go-mysql-server.
func (b *builder) distinct(ctx *gms.Context, child gms.Node, row gms.Row) (gms.RowIter, error) {
	texts, err := foldingColumns(ctx, child)
	if err != nil || texts == nil {
		return nil, err
	}
	it, err := b.base.Build(ctx, child, row)
	if err != nil {
		return nil, err
	}
	return &distinctRows{RowIter: it, rowKeys: rowKeys{texts: texts}, seen: make(map[uint64]struct{}), limit: -1}, nil
}

// setOp builds UNION DISTINCT, INTERSECT and EXCEPT over strings that fold, with
// their ORDER BY, OFFSET and LIMIT.
func (b *builder) setOp(ctx *gms.Context, n *plan.SetOp, row gms.Row) (gms.RowIter, error) {
	if n.SetOpType == plan.UnionType && !n.Distinct {
		return nil, nil
	}
	texts, err := foldingColumns(ctx, n)
	if err != nil || texts == nil {
		return nil, err
	}
	d := &distinctRows{rowKeys: rowKeys{texts: texts}, limit: -1}
	if n.Distinct {
		d.seen = make(map[uint64]struct{})
	}
	sorted := gms.SortConditions(nil)
	if n.SetOpType == plan.UnionType {
		all := *n
		all.Distinct, all.Limit, all.Offset = false, nil, nil
		if d.RowIter, err = b.base.Build(ctx, &all, row); err != nil {
			return nil, err
		}
	} else {
		d.except, sorted = n.SetOpType == plan.ExceptType, n.SortConditions
		if d.RowIter, err = b.base.Build(ctx, n.Left(), row); err != nil {
			return nil, err
		}
		if d.right, err = b.base.Build(ctx, n.Right(), row); err != nil {
			return nil, errors.Join(err, d.RowIter.Close(ctx))
		}
	}
	if len(sorted) > 0 {
		d.RowIter = iters.NewSortIter(sorted, d.RowIter)
	}
	if n.Offset != nil {
		if d.skip, err = iters.GetInt64Value(ctx, n.Offset); err != nil {
			return nil, errors.Join(err, d.Close(ctx))
		}
	}
	if n.Limit != nil {
		if d.limit, err = iters.GetInt64Value(ctx, n.Limit); err != nil {
			return nil, errors.Join(err, d.Close(ctx))
		}
	}
	return d, nil
}
