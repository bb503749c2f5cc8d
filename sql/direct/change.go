package direct

import "github.com/dolthub/vitess/go/vt/sqlparser"

func (r *recogniser) updates(n *sqlparser.Update) bool {
	if n.With != nil || n.Ignore != "" || n.Limit != nil || len(n.OrderBy)+len(n.Returning)+len(n.Comments) > 0 {
		return false
	}
	r.out.Verb = Update
	if !r.table(n.TableExprs) || !r.where(n.Where) || r.out.Range != nil {
		return false
	}
	seen := make(map[string]bool)
	for _, e := range n.Exprs {
		set := Setting{Column: r.column(e.Name)}
		if set.Column == "" || seen[e.Name.Name.Lowered()] {
			return false
		}
		seen[e.Name.Name.Lowered()] = true
		value := e.Expr
		if sum, ok := value.(*sqlparser.BinaryExpr); ok {
			own, ok := sum.Left.(*sqlparser.ColName)
			if !ok || r.column(own) == "" || own.Name.Lowered() != e.Name.Name.Lowered() {
				return false
			}
			switch sum.Operator {
			case sqlparser.PlusStr:
				set.Change = Add
			case sqlparser.MinusStr:
				set.Change = Subtract
			default:
				return false
			}
			value = sum.Right
		}
		var ok bool
		if set.Value, ok = place(value); !ok || set.Value < 0 && set.Change != Assign {
			return false
		}
		r.out.Set = append(r.out.Set, set)
	}
	return len(r.out.Set) > 0
}

func (r *recogniser) deletes(n *sqlparser.Delete) bool {
	if n.With != nil || n.Limit != nil || len(n.Targets)+len(n.Partitions)+len(n.OrderBy)+len(n.Returning)+len(n.Comments) > 0 {
		return false
	}
	r.out.Verb = Delete
	return r.table(n.TableExprs) && r.where(n.Where) && r.out.Range == nil
}

func (r *recogniser) inserts(n *sqlparser.Insert) bool {
	if n.Action != sqlparser.InsertStr || n.With != nil || n.Ignore != "" || !n.Table.SchemaQualifier.IsEmpty() ||
		len(n.Partitions)+len(n.Returning)+len(n.OnDup)+len(n.Comments) > 0 {
		return false
	}
	values, ok := n.Rows.(*sqlparser.AliasedValues)
	if !ok || !values.As.IsEmpty() || len(values.Columns) > 0 {
		return false
	}
	r.out.Verb, r.out.Auth = Insert, n.Auth
	r.out.Database, r.out.Table = n.Table.DbQualifier.String(), n.Table.Name.String()
	for _, c := range n.Columns {
		r.out.Columns = append(r.out.Columns, c.String())
	}
	for _, tuple := range values.Values {
		row := make([]int, len(tuple))
		for i, e := range tuple {
			if row[i], ok = place(e); !ok {
				return false
			}
		}
		r.out.Rows = append(r.out.Rows, row)
	}
	return len(r.out.Rows) > 0
}
