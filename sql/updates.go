package sql

import (
	"slices"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/mysql"

	"binrelay/sql/tables"
)

// update builds an UPDATE. go-mysql-server neither writes nor counts rows that
// compare equal, so the columns are made to compare byte by byte.
func (b *builder) update(ctx *gms.Context, s *Session, n *plan.Update, row gms.Row) (gms.RowIter, error) {
	if s.updating == n {
		return nil, nil
	}
	s.LockTargets(targets(ctx, n)...)
	compareExactly(n)
	own := n
	if updatesJoin(n.Child) {
		if err := b.checkTriggers(ctx, n); err != nil {
			return nil, err
		}
		var err error
		if own, err = ofJoin(ctx, n); err != nil {
			return nil, err
		}
	}
	outer := s.updating
	s.updating = own
	it, err := b.base.Build(ctx, own, row)
	s.updating = outer
	if err != nil || ctx.Client().Capabilities&mysql.CapabilityClientFoundRows == 0 {
		return it, err
	}
	return &foundRows{it}, nil
}

// checkTriggers refuses changes that go-mysql-server makes without the triggers
// of the tables they change, or with the wrong rows: REPLACE, ON DUPLICATE KEY
// UPDATE, and UPDATE of several tables at once.
func (b *builder) checkTriggers(ctx *gms.Context, n gms.Node) error {
	switch n := n.(type) {
	case *plan.InsertInto:
		if n.IsReplace {
			return b.refuseTriggers(ctx, n.Destination, "REPLACE into a table with triggers", "insert", "delete")
		}
		return b.refuseTriggers(ctx, n.Destination, "ON DUPLICATE KEY UPDATE of a table with UPDATE triggers", "update")
	case *plan.Update:
		named := make(map[string]bool)
		transform.Inspect(n, func(n gms.Node) bool {
			if source, ok := n.(*plan.UpdateSource); ok {
				for _, e := range source.UpdateExprs.ExplicitUpdateExprs() {
					named[setTable(e)] = true
				}
			}
			return true
		})
		if len(named) > 1 {
			return b.refuseTriggers(ctx, n, "UPDATE of several tables with triggers", "update")
		}
	}
	return nil
}

// refuseTriggers refuses a feature when a table below n has a trigger for one of
// some events.
func (b *builder) refuseTriggers(ctx *gms.Context, n gms.Node, feature string, events ...string) (err error) {
	transform.Inspect(n, func(n gms.Node) bool {
		t, ok := n.(gms.TableNode)
		if !ok || t.Database() == nil || err != nil {
			return true
		}
		db, failed := b.server.provider.Database(ctx, t.Database().Name())
		if failed != nil {
			return true // no database of ours
		}
		if d, ok := db.(*tables.Database); ok {
			var found bool
			if found, err = d.HasTriggerFor(ctx, t.UnderlyingTable().Name(), events...); found && err == nil {
				err = notSupported(feature)
			}
		}
		return true
	})
	return err
}

// compareExactly makes the tables below a node compare rows byte by byte.
func compareExactly(n gms.Node) {
	transform.Inspect(n, func(n gms.Node) bool {
		switch n := n.(type) {
		case *plan.InsertDestination:
			n.Sch = tables.ExactSchema(n.Sch)
		case *plan.ForeignKeyHandler:
			n.Sch = tables.ExactSchema(n.Sch)
		case gms.TableNode:
			tables.CompareExactly(n.UnderlyingTable())
		}
		return true
	})
}

func updatesJoin(n gms.Node) bool {
	for {
		switch c := n.(type) {
		case *plan.UpdateJoin:
			return true
		case *plan.TriggerExecutor:
			n = c.Left()
		default:
			return false
		}
	}
}

// ofJoin makes an UPDATE of a join change the tables that its SET names, and no
// other: go-mysql-server also sets the ON UPDATE columns of those that are only
// read. The columns of the join's nodes are made anew, since some keep them as
// they were when the plan was made.
func ofJoin(ctx *gms.Context, n *plan.Update) (*plan.Update, error) {
	var named map[string]bool
	out, _, err := transform.Node(ctx, n, func(ctx *gms.Context, c gms.Node) (gms.Node, transform.TreeIdentity, error) {
		switch c := c.(type) {
		case *plan.TableAlias:
			alias, err := c.WithChildren(ctx, c.Child)
			return alias, transform.NewTree, err
		case *plan.UpdateSource:
			child, err := exactProjections(ctx, c.Child)
			if err != nil {
				return nil, transform.SameTree, err
			}
			named = make(map[string]bool)
			exprs := c.UpdateExprs.ExplicitUpdateExprs()
			for _, e := range exprs {
				named[setTable(e)] = true
			}
			exprs = slices.Clone(exprs)
			for _, e := range c.UpdateExprs.DerivedUpdateExprs() {
				if named[setTable(e)] {
					exprs = append(exprs, e)
				}
			}
			source := *c
			source.Child = child
			source.UpdateExprs = plan.NewUpdateExprs(exprs, len(c.UpdateExprs.ExplicitUpdateExprs()))
			return &source, transform.NewTree, nil
		case *plan.UpdateJoin:
			targets := make(map[string]gms.Node, len(named))
			for name, t := range c.UpdateTargets {
				if named[name] {
					targets[name] = t
				}
			}
			return plan.NewUpdateJoin(targets, c.Child), transform.NewTree, nil
		}
		return c, transform.SameTree, nil
	})
	if err != nil {
		return nil, err
	}
	return out.(*plan.Update), nil
}

// setTable returns the table, in lower case, of a column that an expression of
// an UPDATE sets.
func setTable(e gms.Expression) string {
	if set, ok := e.(*expression.SetField); ok {
		if f, ok := set.LeftChild.(*expression.GetField); ok {
			return strings.ToLower(f.Table())
		}
	}
	return ""
}

// updateSource builds the rows that an UPDATE of a join changes, each behind
// the row as it was.
func (b *builder) updateSource(ctx *gms.Context, n *plan.UpdateSource, row gms.Row) (gms.RowIter, error) {
	if n.Ignore || !n.UpdateExprs.HasDerivedUpdates() {
		return nil, nil
	}
	schema, err := n.GetChildSchema(ctx)
	if err != nil {
		return nil, err
	}
	it, err := b.base.Build(ctx, n.Child, row)
	if err != nil {
		return nil, err
	}
	return &updateSource{RowIter: it, exprs: n.UpdateExprs, schema: schema}, nil
}

// updateSource sets the columns with ON UPDATE of those tables whose row
// changes. go-mysql-server's sets those of all tables when one does.
type updateSource struct {
	gms.RowIter
	exprs  *plan.UpdateExprs
	schema gms.Schema
}

// Next implements gms.RowIter.
func (it *updateSource) Next(ctx *gms.Context) (gms.Row, error) {
	old, err := it.RowIter.Next(ctx)
	if err != nil {
		return nil, err
	}
	row := old
	for _, e := range it.exprs.ExplicitUpdateExprs() {
		if row, err = setColumn(ctx, e, row); err != nil {
			return nil, err
		}
	}
	// Columns of an outer scope come first.
	outer := len(old) - len(it.schema)
	given := row
	for _, e := range it.exprs.DerivedUpdateExprs() {
		changed, err := it.changed(ctx, setTable(e), old[outer:], given[outer:])
		if err != nil {
			return nil, err
		}
		if !changed {
			continue
		}
		if row, err = setColumn(ctx, e, row); err != nil {
			return nil, err
		}
	}
	return append(slices.Clip(old[outer:]), row[outer:]...), nil
}

func setColumn(ctx *gms.Context, e gms.Expression, row gms.Row) (gms.Row, error) {
	v, err := e.Eval(ctx, row)
	if err != nil {
		return nil, err
	}
	out, ok := v.(gms.Row)
	if !ok {
		return nil, plan.ErrUpdateUnexpectedSetResult.New(v)
	}
	return out, nil
}

// changed reports whether a table's part of a row changes.
func (it *updateSource) changed(ctx *gms.Context, table string, old, row gms.Row) (bool, error) {
	for i, c := range it.schema {
		if !strings.EqualFold(c.Source, table) {
			continue
		}
		if n, err := c.Type.Compare(ctx, old[i], row[i]); err != nil || n != 0 {
			return true, err
		}
	}
	return false, nil
}

// exactProjections gives the columns that are projected on top of a join the
// types of compareExactly.
func exactProjections(ctx *gms.Context, n gms.Node) (gms.Node, error) {
	children := n.Children()
	if _, ok := n.(*plan.JoinNode); ok || len(children) != 1 {
		return n, nil
	}
	child, err := exactProjections(ctx, children[0])
	if err != nil {
		return nil, err
	}
	if n, err = n.WithChildren(ctx, child); err != nil {
		return nil, err
	}
	p, ok := n.(*plan.Project)
	if !ok {
		return n, nil
	}
	exprs := make([]gms.Expression, len(p.Projections))
	for i, e := range p.Projections {
		if f, ok := e.(*expression.GetField); ok {
			t := tables.ExactType(f.Type(ctx))
			e = expression.NewGetFieldWithTable(f.Index(), int(f.TableId()), t, f.Database(), f.Table(), f.Name(), f.IsNullable(ctx)).WithId(f.Id())
		}
		exprs[i] = e
	}
	return p.WithExpressions(ctx, exprs...)
}

// foundRows makes an UPDATE's result count the rows that it found, for clients
// that ask for that with CLIENT_FOUND_ROWS; go-mysql-server does it for one
// table only.
type foundRows struct{ gms.RowIter }

var _ gms.MutableRowIter = (*foundRows)(nil)

// GetChildIter implements gms.MutableRowIter: the engine puts the counter of
// rows below this iterator.
func (it *foundRows) GetChildIter() gms.RowIter { return it.RowIter }

// WithChildIter implements gms.MutableRowIter.
func (it *foundRows) WithChildIter(child gms.RowIter) gms.RowIter { return &foundRows{child} }

// Next implements gms.RowIter.
func (it *foundRows) Next(ctx *gms.Context) (gms.Row, error) {
	row, err := it.RowIter.Next(ctx)
	if err != nil || !types.IsOkResult(row) {
		return row, err
	}
	ok := types.GetOkResult(row)
	if info, has := ok.Info.(plan.UpdateInfo); has {
		ok.RowsAffected = uint64(info.Matched)
		ctx.GetLastQueryInfo().RowCount.Store(int64(info.Matched))
	}
	return gms.NewRow(ok), nil
}
