package sql

import (
	"fmt"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	builtin "github.com/dolthub/go-mysql-server/sql/expression/function"
	"github.com/dolthub/go-mysql-server/sql/expression/function/aggregation"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/sqltypes"

	"binrelay/sql/storage"
	"binrelay/sql/tables"
)

// selectColumns returns the columns of the table that CREATE TABLE … SELECT
// makes of a query: those of a table keep type, collation, default, comment and
// NOT NULL, expressions get the type of their values.
func selectColumns(ctx *gms.Context, s *Session, n gms.Node) ([]storage.Column, error) {
	schema := n.Schema(ctx)
	if u := union(n); u != nil {
		return unionColumns(ctx, s, u)
	}
	exprs, from := projection(n, len(schema))
	known := make(map[string]querySource)
	if from != nil {
		addSources(ctx, s, from, false, known)
	}
	out := make([]storage.Column, len(schema))
	for i, c := range schema {
		var e gms.Expression = expression.NewGetFieldWithTable(i, 0, c.Type, c.DatabaseSource, c.Source, c.Name, c.Nullable)
		if exprs != nil {
			e = exprs[i]
		}
		if strings.TrimRight(c.Name, " ") != c.Name || c.Name == "" {
			return nil, sqlError(1166, "42000", "Incorrect column name '%s'", c.Name)
		}
		col, err := selectColumn(ctx, c, unaliased(e), from, known)
		if err != nil {
			return nil, err
		}
		col.Name = c.Name
		out[i] = col
	}
	return out, nil
}

// querySource is what a name in a query's FROM stands for.
type querySource struct {
	columns  []storage.Column // nil: not known
	nullable bool             // an outer join may give NULL for them
}

// projection finds the expressions that a plan's columns come from, and the plan
// that they are evaluated on; nil expressions: the columns are those of from.
func projection(n gms.Node, width int) (exprs []gms.Expression, from gms.Node) {
	for {
		switch t := n.(type) {
		case *plan.Project:
			return t.Projections, t.Child
		case *plan.GroupBy:
			return t.SelectDeps, t.Child
		case *plan.Window:
			return t.SelectExprs, t.Child
		case *plan.SetOp, *plan.RecursiveCte:
			return nil, nil
		case gms.TableNode, *plan.JoinNode, *plan.SubqueryAlias:
			return nil, n
		}
		children := n.Children()
		if len(children) != 1 || len(children[0].Schema(nil)) != width {
			return nil, nil
		}
		n = children[0]
	}
}

// union returns the UNION that gives a plan's rows, or nil.
func union(n gms.Node) *plan.SetOp {
	for {
		if u, ok := n.(*plan.SetOp); ok {
			return u
		}
		switch n.(type) {
		case *plan.Sort, *plan.Limit, *plan.Offset, *plan.Distinct, *plan.TopN:
			n = n.Children()[0]
		default:
			return nil
		}
	}
}

// addSources collects the tables of a query, without those of its subqueries.
func addSources(ctx *gms.Context, s *Session, n gms.Node, nullable bool, known map[string]querySource) {
	add := func(name string, t gms.Node) {
		src := querySource{nullable: nullable}
		if table, ok := t.(gms.TableNode); ok && table.Database() != nil {
			if def, ok := s.Definition(table.Database().Name(), table.UnderlyingTable().Name()); ok {
				src.columns = def.Columns
			}
		}
		known[strings.ToLower(name)] = src
	}
	switch t := n.(type) {
	case *plan.JoinNode:
		op := t.Op.String() // names the kinds that are not resolved yet, too
		full := strings.Contains(op, "Full")
		addSources(ctx, s, t.Left(), nullable || full || strings.Contains(op, "Right"), known)
		addSources(ctx, s, t.Right(), nullable || full || strings.Contains(op, "Left"), known)
	case *plan.SubqueryAlias:
		columns, err := selectColumns(ctx, s, t.Child)
		if err != nil {
			columns = nil
		}
		for i := range columns {
			if len(t.ColumnNames) == len(columns) {
				columns[i].Name = t.ColumnNames[i]
			}
		}
		known[strings.ToLower(t.Name())] = querySource{columns: columns, nullable: nullable}
	case *plan.TableAlias:
		add(t.Name(), t.Child)
	case gms.TableNode:
		add(t.Name(), t)
	default:
		for _, c := range n.Children() {
			addSources(ctx, s, c, nullable, known)
		}
	}
}

func unaliased(e gms.Expression) gms.Expression {
	for {
		a, ok := e.(*expression.Alias)
		if !ok {
			return e
		}
		e = a.Child
	}
}

func selectColumn(ctx *gms.Context, c *gms.Column, e gms.Expression, from gms.Node, known map[string]querySource) (storage.Column, error) {
	if f, ok := e.(*expression.GetField); ok {
		src, ok := known[strings.ToLower(f.Table())]
		if ok {
			for i := range src.columns {
				if own := &src.columns[i]; strings.EqualFold(own.Name, f.Name()) {
					return copiedColumn(own, src.nullable || f.IsNullable(ctx)), nil
				}
			}
		}
		if !ok {
			if g := grouped(from, f); g != nil {
				e = g
			}
		}
	}
	typ := valueType(ctx, e, c.Type)
	col, err := tables.SelectedColumn(typ)
	if err != nil {
		return col, err
	}
	if col.Nullable = !neverNull(ctx, e); !col.Nullable {
		col.Default = zeroDefault(typ)
		col.HasDefault = col.Default != ""
	}
	return col, nil
}

// zeroDefault is the default that a NOT NULL column of values has; "" for none.
func zeroDefault(t gms.Type) string {
	switch d, isDecimal := t.(gms.DecimalType); {
	case isDecimal && d.Scale() > 0:
		return "'0." + strings.Repeat("0", int(d.Scale())) + "'"
	case isDecimal, gms.IsNumberType(t):
		return "'0'"
	case types.IsTextOnly(t) && !types.IsTextBlob(t):
		return "''"
	}
	return ""
}

// unionColumns are those of a UNION: NOT NULL where both sides are.
func unionColumns(ctx *gms.Context, s *Session, n *plan.SetOp) ([]storage.Column, error) {
	left, err := selectColumns(ctx, s, n.Left())
	if err != nil {
		return nil, err
	}
	right, err := selectColumns(ctx, s, n.Right())
	if err != nil {
		return nil, err
	}
	out := make([]storage.Column, len(left))
	for i, c := range n.Schema(ctx) {
		typ := valueType(ctx, nil, c.Type)
		if out[i], err = tables.SelectedColumn(typ); err != nil {
			return nil, err
		}
		out[i].Name = c.Name
		if out[i].Nullable = left[i].Nullable || i >= len(right) || right[i].Nullable; !out[i].Nullable {
			out[i].Default = zeroDefault(typ)
			out[i].HasDefault = out[i].Default != ""
		}
	}
	return out, nil
}

// copiedColumn is a table's column in a table made from it. Of its defaults an
// expression is left behind; AUTO_INCREMENT leaves the default 0.
func copiedColumn(c *storage.Column, nullable bool) storage.Column {
	out := *c
	out.AutoIncrement, out.Invisible = false, false
	out.Nullable = c.Nullable || nullable
	switch {
	case c.AutoIncrement:
		out.HasDefault, out.Default = true, "'0'"
	case c.HasDefault && c.DefaultIsExpr && !strings.HasPrefix(strings.ToUpper(c.Default), "CURRENT_TIMESTAMP"):
		out.HasDefault = false
	}
	return out
}

// grouped finds the expression that a GROUP BY below gives under a name.
func grouped(n gms.Node, f *expression.GetField) gms.Expression {
	for n != nil {
		switch t := n.(type) {
		case *plan.GroupBy:
			for _, e := range t.SelectDeps {
				if named, ok := e.(gms.Nameable); ok && strings.EqualFold(named.Name(), f.Name()) || strings.EqualFold(e.String(), f.Name()) {
					return unaliased(e)
				}
			}
			return nil
		case *plan.Project, *plan.SubqueryAlias:
			return nil
		}
		children := n.Children()
		if len(children) != 1 {
			return nil
		}
		n = children[0]
	}
	return nil
}

// valueType is the type of the column for an expression's values: whole numbers
// are INT or BIGINT, strings as long as they may be where that is known.
func valueType(ctx *gms.Context, e gms.Expression, t gms.Type) gms.Type {
	if v, ok := t.(gms.SystemVariableType); ok {
		t = v.UnderlyingType()
	}
	if _, ok := e.(builtin.CurrDate); ok {
		return types.Date // go-mysql-server makes a text of it
	}
	switch {
	case types.IsInteger(t):
		switch t {
		case types.Boolean, types.Int8, types.Int16, types.Int24:
			return types.Int32
		case types.Uint8, types.Uint16, types.Uint24:
			return types.Uint32
		}
	case types.IsTextOnly(t):
		text := t.(gms.StringType)
		if c, _ := gms.GetCoercibility(ctx, e); e != nil && c != gms.Collation_binary && c.CharacterSet() == gms.CharacterSet_utf8mb4 {
			if in, err := text.(gms.TypeWithCollation).WithNewCollation(c); err == nil {
				text, t = in.(gms.StringType), in
			}
		}
		if n, ok := maxChars(ctx, e); ok && n <= 512 {
			if short, err := types.CreateString(sqltypes.VarChar, max(n, 1), text.Collation()); err == nil {
				return short
			}
		}
	}
	return t
}

// maxChars returns the greatest length of an expression's strings, if it is
// known.
func maxChars(ctx *gms.Context, e gms.Expression) (n int64, ok bool) {
	longest := func(list ...gms.Expression) (int64, bool) {
		most := int64(0)
		for _, e := range list {
			if e == nil {
				continue
			}
			n, ok := maxChars(ctx, e)
			if !ok {
				return 0, false
			}
			most = max(most, n)
		}
		return most, true
	}
	switch e := e.(type) {
	case *expression.Alias:
		return maxChars(ctx, e.Child)
	case *expression.Literal:
		if e.Value() == nil {
			return 0, true
		}
		if s, ok := e.Value().(string); ok {
			return int64(len([]rune(s))), true
		}
		return int64(len(fmt.Sprint(e.Value()))), true
	case *expression.GetField:
		if t, ok := e.Type(ctx).(gms.StringType); ok {
			return t.MaxCharacterLength(), true
		}
		if types.IsInteger(e.Type(ctx)) {
			return 20, true
		}
	case *expression.Case:
		list := []gms.Expression{e.Else}
		for _, b := range e.Branches {
			list = append(list, b.Value)
		}
		return longest(list...)
	case gms.FunctionExpression:
		args := e.Children()
		switch e.FunctionName() {
		case "concat":
			for _, c := range args {
				chars, ok := maxChars(ctx, c)
				if !ok {
					return 0, false
				}
				n += chars
			}
			return n, true
		case "upper", "lower", "ucase", "lcase", "coalesce", "ifnull", "trim", "ltrim", "rtrim", "reverse":
			return longest(args...)
		case "if":
			return longest(args[1:]...)
		case "left", "right", "substring", "substr", "mid":
			return longest(args[0])
		}
	}
	return 0, false
}

// neverNull reports whether an expression is known to have a value for every row.
func neverNull(ctx *gms.Context, e gms.Expression) bool {
	switch e := e.(type) {
	case *expression.Literal:
		return e.Value() != nil
	case *aggregation.Count:
		return true
	case *expression.Arithmetic:
		return (e.Op == "+" || e.Op == "-" || e.Op == "*") && neverNull(ctx, e.LeftChild) && neverNull(ctx, e.RightChild)
	case *expression.Convert:
		return types.IsInteger(e.Type(ctx)) && neverNull(ctx, e.Child)
	case *builtin.Now, builtin.CurrDate:
		return true
	}
	return false
}
