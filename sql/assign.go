package sql

import (
	"slices"
	"strings"
	"sync"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"

	"binrelay/sql/tables"
)

// assignRule is the id of our rule for what statements store.
const assignRule analyzer.RuleId = 1<<20 + 200

// installAssign makes the values that statements store ours to convert.
var installAssign = sync.OnceFunc(func() {
	analyzer.OnceAfterAll = append(analyzer.OnceAfterAll, analyzer.Rule{Id: assignRule, Apply: assignValues})
})

// assignValues puts an assigned in front of what INSERT, REPLACE and UPDATE
// store, and a raising around the conditions of statements
// that change rows in strict mode.
func assignValues(ctx *gms.Context, _ *analyzer.Analyzer, n gms.Node, _ *plan.Scope, _ analyzer.RuleSelector, _ *gms.QueryFlags) (gms.Node, transform.TreeIdentity, error) {
	strict := gms.LoadSqlMode(ctx).Strict()
	transform.InspectWithOpaque(ctx, n, func(ctx *gms.Context, n gms.Node) bool {
		switch n := n.(type) {
		case *plan.Update:
			raiseIn(ctx, n.Child)
		case *plan.DeleteFrom:
			raiseIn(ctx, n.Child)
		case *plan.UpdateSource:
			assignFields(ctx, n.UpdateExprs, tablesBelow(n.Child), strict && !n.Ignore)
		case *plan.InsertInto:
			raiseIn(ctx, n.Source)
			below := tablesBelow(n.Destination)
			if n.OnDupExprs.HasUpdates() {
				assignFields(ctx, n.OnDupExprs, below, strict && !n.Ignore)
			}
			if len(below) == 1 {
				for _, t := range below {
					assignRow(ctx, n, t, strict && !n.Ignore)
				}
			}
		}
		return true
	})
	return n, transform.SameTree, nil
}

// tablesBelow returns our tables below a node, by the names that the statement
// has for them, in lower case.
func tablesBelow(n gms.Node) map[string]*tables.Table {
	out := make(map[string]*tables.Table)
	transform.Inspect(n, func(n gms.Node) bool {
		name, node := "", n
		if alias, ok := n.(*plan.TableAlias); ok {
			name, node = alias.Name(), alias.Child
		}
		if t, ok := node.(gms.TableNode); ok {
			if own, ok := gms.GetUnderlyingTable(t.UnderlyingTable()).(*tables.Table); ok {
				if name == "" {
					name = own.Name()
				}
				out[strings.ToLower(name)] = own
			}
			return false
		}
		return true
	})
	return out
}

func assignFields(ctx *gms.Context, exprs *plan.UpdateExprs, below map[string]*tables.Table, strict bool) {
	for _, e := range exprs.ExplicitUpdateExprs() {
		set, ok := e.(*expression.SetField)
		if !ok {
			continue
		}
		f, ok := set.LeftChild.(*expression.GetField)
		if !ok {
			continue
		}
		t := below[strings.ToLower(f.Table())]
		if t == nil && len(below) == 1 {
			for _, t = range below {
			}
		}
		if _, done := set.RightChild.(*assigned); done || t == nil {
			continue
		}
		if a := assignmentOf(ctx, t, f.Name(), set.RightChild, strict); a != nil {
			set.RightChild = &assigned{Expression: set.RightChild, to: []*tables.Assignment{a}, column: f.Name(), strict: strict, last: true}
		}
	}
}

// assignmentOf is how an expression's values go into a column, nil if
// go-mysql-server converts them.
func assignmentOf(ctx *gms.Context, t *tables.Table, column string, e gms.Expression, strict bool) *tables.Assignment {
	typ, digits := gms.Type(nil), 0
	if e.Resolved() && !isDefault(e) {
		if typ = e.Type(ctx); typ != nil {
			digits = fractionDigits(ctx, e)
		}
	}
	a := t.Assign(ctx, column, typ, digits, strict)
	if l, ok := e.(*expression.Literal); ok && a != nil {
		if _, hex := l.Value().([]byte); hex {
			a.Hex()
		}
	}
	return a
}

// isDefault reports whether an expression is a column's default, or what takes
// the place of one that it lacks.
func isDefault(e gms.Expression) bool {
	if w, ok := e.(*expression.Wrapper); ok {
		e = w.Unwrap()
	}
	_, ok := e.(*gms.ColumnDefaultValue)
	return ok || e == nil
}

// lacksDefault reports whether an expression stands for a default that there is
// not.
func lacksDefault(e gms.Expression) bool {
	if w, ok := e.(*expression.Wrapper); ok {
		e = w.Unwrap()
	}
	d, ok := e.(*gms.ColumnDefaultValue)
	return e == nil || ok && d == nil
}

// assignRow puts an assigned in front of the columns of the projection that
// gives an INSERT's values the order of the table's columns.
func assignRow(ctx *gms.Context, n *plan.InsertInto, t *tables.Table, strict bool) {
	var p *plan.Project
	triggers := false
	for source := n.Source; p == nil; {
		switch s := source.(type) {
		case *plan.TriggerExecutor:
			triggers = true
			source = s.Left()
		case *plan.Project:
			p = s
		default:
			return
		}
	}
	schema := n.Destination.Schema(ctx)
	if len(p.Projections) != len(schema) {
		return
	}
	values, _ := p.Child.(*plan.Values)
	given := p.Child.Schema(ctx)
	for i, c := range schema {
		place := &p.Projections[i]
		auto, _ := (*place).(*expression.AutoIncrement)
		if auto != nil {
			place = &auto.Child
		}
		if c.Nullable && !triggers && t.LacksDefault(c.Name) {
			requireValues(p, i, values, c, strict)
		}
		if _, done := (*place).(*assigned); done || *place == nil && c.Nullable {
			continue
		}
		out := &assigned{Expression: *place, column: c.Name, strict: strict, auto: auto != nil, insert: true, triggers: triggers}
		f, ok := (*place).(*expression.GetField)
		switch {
		case !ok && lacksDefault(*place) && !c.Nullable && auto == nil && !strict:
			out.Expression = expression.NewLiteral(nil, c.Type)
			out.lacking = []bool{true}
			out.to = []*tables.Assignment{t.Assign(ctx, c.Name, c.Type, 0, strict)}
			out.last = true
		case !ok || f.Index() < 0 || f.Index() >= len(given):
			continue
		case values != nil:
			out.single = len(values.ExpressionTuples) == 1 && !n.Ignore
			for _, tuple := range values.ExpressionTuples {
				out.to = append(out.to, assignmentOf(ctx, t, c.Name, tuple[f.Index()], strict))
				out.lacking = append(out.lacking, lacksDefault(tuple[f.Index()]) && !c.Nullable && auto == nil)
			}
		default:
			var source gms.Expression
			if below, ok := p.Child.(*plan.Project); ok {
				source = below.Projections[f.Index()]
			} else {
				source = expression.NewGetField(f.Index(), given[f.Index()].Type, given[f.Index()].Name, true)
			}
			out.to, out.last = []*tables.Assignment{assignmentOf(ctx, t, c.Name, source, strict)}, true
		}
		if !slices.Contains(out.to, nil) {
			*place = out
		}
	}
}

// requireValues puts a missing wherever a nullable column that has no default,
// not even NULL, is given none.
func requireValues(p *plan.Project, i int, values *plan.Values, c *gms.Column, strict bool) {
	absent := &missing{Expression: expression.NewLiteral(nil, c.Type), column: c.Name, strict: strict}
	f, given := p.Projections[i].(*expression.GetField)
	if !given && lacksDefault(p.Projections[i]) {
		p.Projections[i] = absent
	}
	if !given || values == nil {
		return
	}
	for _, tuple := range values.ExpressionTuples {
		if f.Index() >= 0 && f.Index() < len(tuple) && lacksDefault(tuple[f.Index()]) {
			tuple[f.Index()] = absent
		}
	}
}

// missing is the value of a column that should have been given one.
type missing struct {
	gms.Expression // NULL
	column         string
	strict         bool
}

// WithChildren implements gms.Expression.
func (m *missing) WithChildren(*gms.Context, ...gms.Expression) (gms.Expression, error) {
	return m, nil
}

// Eval implements gms.Expression.
func (m *missing) Eval(ctx *gms.Context, _ gms.Row) (any, error) {
	if m.strict {
		return nil, sqlError(1364, "HY000", "Field '%s' doesn't have a default value", m.column)
	}
	ctx.Warn(1364, "Field '%s' doesn't have a default value", m.column)
	return nil, nil
}

// assigned is an expression whose values go into a column of a table.
type assigned struct {
	gms.Expression
	to      []*tables.Assignment // of each row
	lacking []bool               // of each row: the value is a default that there is not
	last    bool                 // what is true of the first row is of all others
	column  string
	strict  bool
	insert  bool
	// BEFORE triggers may put something in place of a NULL.
	triggers bool
	single   bool // it is one row of VALUES, which takes no NULL in any mode
	auto     bool // AUTO_INCREMENT: NULL asks for the next value
	row      int
}

// Children implements gms.Expression.
func (a *assigned) Children() []gms.Expression { return []gms.Expression{a.Expression} }

// WithChildren implements gms.Expression.
func (a *assigned) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) != 1 {
		return nil, gms.ErrInvalidChildrenNumber.New(a, len(children), 1)
	}
	own := *a
	own.Expression = children[0]
	return &own, nil
}

// CollationCoercibility implements gms.CollationCoercible.
func (a *assigned) CollationCoercibility(ctx *gms.Context) (gms.CollationID, byte) {
	return gms.GetCoercibility(ctx, a.Expression)
}

// Eval implements gms.Expression.
func (a *assigned) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	at := a.row
	if a.row++; a.last {
		at = 0
	}
	v, err := a.Expression.Eval(ctx, row)
	if err == nil {
		err = raised(ctx)
	}
	if err != nil {
		return nil, err
	}
	if at >= len(a.to) {
		return v, nil
	}
	if v == nil {
		return a.null(ctx, at)
	}
	if v, err = gms.UnwrapAny(ctx, v); err != nil {
		return nil, err
	}
	v, err = a.to[at].Value(ctx, v, a.row)
	if err != nil {
		a.row = 0
	}
	return v, err
}

// null is what a NULL becomes. One that go-mysql-server looks at later stays.
func (a *assigned) null(ctx *gms.Context, at int) (any, error) {
	to := a.to[at]
	if to.Nullable() || a.auto {
		return nil, nil
	}
	if len(a.lacking) > at && a.lacking[at] {
		if to.Implied() {
			return to.Default(), nil
		}
		if a.strict {
			return nil, sqlError(1364, "HY000", "Field '%s' doesn't have a default value", a.column)
		}
		ctx.Warn(1364, "Field '%s' doesn't have a default value", a.column)
		return to.Default(), nil
	}
	switch {
	case a.triggers || !a.insert && a.strict:
		return nil, nil
	case a.strict || a.single:
		return nil, sqlError(1048, "23000", "Column '%s' cannot be null", a.column)
	}
	ctx.Warn(1048, "Column '%s' cannot be null", a.column)
	return to.Default(), nil
}
