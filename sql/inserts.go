package sql

import (
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// inserts returns the INSERT of a node that runs it with its triggers.
func inserts(n gms.Node) (*plan.InsertInto, bool) {
	for {
		switch c := n.(type) {
		case *plan.InsertInto:
			return c, true
		case *plan.TriggerExecutor:
			n = c.Left()
		default:
			return nil, false
		}
	}
}

// insert builds an INSERT or REPLACE, the outermost one: those of its triggers
// leave the statement's insert id alone. root is the INSERT with its triggers.
func (b *builder) insert(ctx *gms.Context, s *Session, root gms.Node, n *plan.InsertInto, row gms.Row) (gms.RowIter, error) {
	if s.inserting {
		return nil, nil
	}
	table := ""
	if names := targets(ctx, n.Destination); len(names) == 1 {
		table = names[0]
	}
	s.inserting, s.insertID = true, nil
	s.BeginInsert(table)
	it, err := b.base.Build(ctx, root, row)
	if err != nil {
		s.inserting = false
		return nil, err
	}
	return &insertID{RowIter: it, s: s, replace: n.IsReplace, before: ctx.GetLastQueryInfo().LastInsertId.Load()}, nil
}

// insertID puts the AUTO_INCREMENT value into an INSERT's result as MySQL does:
// the first one generated, or else what LAST_INSERT_ID(x) was given, or else
// that of the last row. go-mysql-server tells from the statement's text which
// rows get one, and takes those of triggers for the statement's.
type insertID struct {
	gms.RowIter
	s       *Session
	replace bool
	before  int64 // LAST_INSERT_ID()
}

var _ gms.MutableRowIter = (*insertID)(nil)

// GetChildIter implements gms.MutableRowIter: the engine puts the counter of
// rows below this iterator.
func (it *insertID) GetChildIter() gms.RowIter { return it.RowIter }

// WithChildIter implements gms.MutableRowIter.
func (it *insertID) WithChildIter(child gms.RowIter) gms.RowIter {
	return &insertID{RowIter: child, s: it.s, replace: it.replace, before: it.before}
}

// Next implements gms.RowIter.
func (it *insertID) Next(ctx *gms.Context) (gms.Row, error) {
	row, err := it.RowIter.Next(ctx)
	if err != nil || !types.IsOkResult(row) {
		return row, err
	}
	ok := types.GetOkResult(row)
	if it.replace {
		ok.RowsAffected = uint64(it.s.Replaced())
		ctx.GetLastQueryInfo().RowCount.Store(int64(ok.RowsAffected))
	}
	ok.InsertID = it.s.noteInsertID(it.before)
	return gms.NewRow(ok), nil
}

// noteInsertID sets LAST_INSERT_ID(), which was before, at the end of an INSERT.
// It returns the insert id of the INSERT's result.
func (s *Session) noteInsertID(before int64) uint64 {
	info := s.GetLastQueryInfo()
	generated, last := s.InsertIDs()
	switch {
	case generated != 0:
		info.LastInsertId.Store(int64(generated))
		return generated
	case s.insertID != nil:
		info.LastInsertId.Store(*s.insertID)
		return uint64(*s.insertID)
	}
	info.LastInsertId.Store(before)
	return last
}

// Close implements gms.RowIter.
func (it *insertID) Close(ctx *gms.Context) error {
	it.s.inserting = false
	return it.RowIter.Close(ctx)
}

// lastInsertID is LAST_INSERT_ID([x]).
func lastInsertID(ctx *gms.Context, _ *Server, args []any) (any, error) {
	info := ctx.GetLastQueryInfo()
	if len(args) > 0 {
		if args[0] == nil {
			return nil, nil
		}
		n, _, err := types.Int64.Convert(ctx, args[0])
		if err != nil {
			return nil, err
		}
		id := n.(int64)
		info.LastInsertId.Store(id)
		if s := sessionOf(ctx); s != nil {
			s.insertID = &id
		}
	}
	return uint64(info.LastInsertId.Load()), nil
}
