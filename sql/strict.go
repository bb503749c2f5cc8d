package sql

import (
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
)

// strictWarnings are the warnings that are errors in a statement that changes
// rows in strict mode. Source: MySQL 8.0, sql/error_handler.cc,
// Strict_error_handler.
var strictWarnings = map[int]bool{
	1048: true, 1260: true, 1264: true, 1265: true, 1292: true, 1364: true, 1365: true, 1366: true, 1406: true, 1411: true, 1441: true, 3020: true,
}

// beginStrict notes whether warnings of the statement whose plan is n are
// errors.
func (s *Session) beginStrict(ctx *gms.Context, n gms.Node) {
	s.strictly, s.raised = false, nil
	if !gms.LoadSqlMode(ctx).Strict() {
		return
	}
	transform.InspectWithOpaque(ctx, n, func(_ *gms.Context, n gms.Node) bool {
		switch n := n.(type) {
		case *plan.InsertInto:
			s.strictly = !n.Ignore
		case *plan.Update:
			s.strictly = !n.Ignore
		case *plan.DeleteFrom:
			s.strictly = true
		default:
			return !s.strictly
		}
		return false
	})
}

// raised returns the warning that is an error of the statement at hand, if there
// was one.
func raised(ctx *gms.Context) error {
	if s := sessionOf(ctx); s != nil && s.raised != nil {
		err := s.raised
		s.raised = nil
		return err
	}
	return nil
}

// raiseIn makes the conditions below a node of a statement that changes rows
// fail with the warnings that are errors.
func raiseIn(ctx *gms.Context, n gms.Node) {
	transform.InspectWithOpaque(ctx, n, func(_ *gms.Context, n gms.Node) bool {
		if f, ok := n.(*plan.Filter); ok {
			f.Expression = newRaising(f.Expression)
		}
		return true
	})
}

// raising is a condition whose warnings are errors in strict mode.
type raising struct{ gms.Expression }

func newRaising(e gms.Expression) gms.Expression {
	if _, done := e.(*raising); done {
		return e
	}
	return &raising{e}
}

// Children implements gms.Expression.
func (r *raising) Children() []gms.Expression { return []gms.Expression{r.Expression} }

// WithChildren implements gms.Expression.
func (r *raising) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) != 1 {
		return nil, gms.ErrInvalidChildrenNumber.New(r, len(children), 1)
	}
	return &raising{children[0]}, nil
}

// CollationCoercibility implements gms.CollationCoercible.
func (r *raising) CollationCoercibility(ctx *gms.Context) (gms.CollationID, byte) {
	return gms.GetCoercibility(ctx, r.Expression)
}

// Eval implements gms.Expression.
func (r *raising) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	v, err := r.Expression.Eval(ctx, row)
	if err == nil {
		err = raised(ctx)
	}
	return v, err
}
