package direct

import (
	"strings"

	"github.com/dolthub/vitess/go/vt/sqlparser"
)

// Verb is what a statement does.
type Verb uint8

// Verbs.
const (
	Select Verb = iota
	Update
	Delete
	Insert
)

// Statement is a plain statement, without its constants: those are named by
// their places in Cutting.Values.
type Statement struct {
	Verb     Verb
	Database string // "" = the default one
	Table    string
	Auth     sqlparser.AuthInformation // what the statement needs of its table

	Output  []Output  // of a SELECT; nil = all columns
	Where   []Equal   // all hold; of a SELECT, UPDATE or DELETE
	Range   *Between  // instead of Where
	Sort    string    // ORDER BY this column; "" = not
	Once    bool      // DISTINCT
	Set     []Setting // of an UPDATE
	Columns []string  // of an INSERT; nil = all
	Rows    [][]int   // of an INSERT: a place for each column, -1 = NULL
}

// Output is a column of a SELECT's rows.
type Output struct {
	Column string
	Alias  string // "" = none
	Sum    bool   // SUM of the column
	Count  bool   // COUNT(*)
}

// Equal is a condition: a column has the value at that place.
type Equal struct {
	Column string
	Value  int
}

// Between is a condition: a column is in a closed range.
type Between struct {
	Column    string
	Low, High int
}

// Setting gives a column a value; with Add or Subtract, its own value more or
// less that.
type Setting struct {
	Column string
	Value  int // -1 = NULL
	Change Change
}

// Change says how a Setting uses its value.
type Change uint8

// Changes.
const (
	Assign Change = iota
	Add
	Subtract
)

// Parse recognises a shape; nil if it is not plain.
func Parse(shape string) *Statement {
	stmt, err := sqlparser.Parse(shape)
	if err != nil {
		return nil
	}
	return Recognise(stmt)
}

// Recognise tells what a parsed shape does; nil if it is not plain.
func Recognise(stmt sqlparser.Statement) *Statement {
	r := recogniser{out: &Statement{}}
	ok := false
	switch n := stmt.(type) {
	case *sqlparser.Select:
		ok = r.selects(n)
	case *sqlparser.Update:
		ok = r.updates(n)
	case *sqlparser.Delete:
		ok = r.deletes(n)
	case *sqlparser.Insert:
		ok = r.inserts(n)
	}
	if !ok {
		return nil
	}
	return r.out
}

type recogniser struct {
	out   *Statement
	alias string // of the table
}

// table takes the table of a statement.
func (r *recogniser) table(from sqlparser.TableExprs) bool {
	if len(from) != 1 {
		return false
	}
	a, ok := from[0].(*sqlparser.AliasedTableExpr)
	if !ok || a.Hints != nil || a.AsOf != nil || len(a.Partitions) > 0 || a.Lateral {
		return false
	}
	t, ok := a.Expr.(sqlparser.TableName)
	if !ok || !t.SchemaQualifier.IsEmpty() {
		return false
	}
	r.out.Database, r.out.Table, r.out.Auth = t.DbQualifier.String(), t.Name.String(), a.Auth
	if r.alias = r.out.Table; !a.As.IsEmpty() {
		r.alias = a.As.String()
	}
	return !strings.EqualFold(r.out.Table, "dual") || r.out.Database != ""
}

// column returns the name of a column of the table; "" if e is no such thing.
func (r *recogniser) column(e sqlparser.Expr) string {
	c, ok := e.(*sqlparser.ColName)
	if !ok || c.StoredProcVal != nil || !c.Qualifier.DbQualifier.IsEmpty() || !c.Qualifier.SchemaQualifier.IsEmpty() {
		return ""
	}
	if q := c.Qualifier.Name; !q.IsEmpty() && q.String() != r.alias {
		return ""
	}
	return c.Name.String()
}

// place returns the place of the constant that an expression is, -1 for NULL.
func place(e sqlparser.Expr) (int, bool) {
	switch e := e.(type) {
	case *sqlparser.NullVal:
		return -1, true
	case *sqlparser.SQLVal:
		if e.Type != sqlparser.ValArg {
			return 0, false
		}
		n := 0
		for _, c := range strings.TrimPrefix(string(e.Val), ":v") {
			if c < '0' || c > '9' {
				return 0, false
			}
			n = 10*n + int(c-'0')
		}
		return n - 1, n > 0
	}
	return 0, false
}

func (r *recogniser) selects(n *sqlparser.Select) bool {
	o := n.QueryOpts
	if n.Into != nil || n.With != nil || n.Limit != nil || n.Having != nil || n.Lock != nil && n.Lock.Type != "" ||
		len(n.GroupBy)+len(n.Comments)+len(n.Window)+len(o.DistinctOn) > 0 ||
		o.All || o.StraightJoinHint || o.SQLCalcFoundRows || o.SQLCache || o.SQLNoCache {
		return false
	}
	if !r.table(n.From) || !r.output(n.SelectExprs) || !r.where(n.Where) {
		return false
	}
	r.out.Once = o.Distinct
	return r.sort(n.OrderBy)
}

// sort takes the order of a range's rows. DISTINCT is taken of the one column
// that they are ordered by.
func (r *recogniser) sort(order sqlparser.OrderBy) bool {
	if len(order) == 0 {
		return !r.out.Once
	}
	if len(order) > 1 || r.out.Range == nil || order[0].Direction != sqlparser.AscScr {
		return false
	}
	name := r.column(order[0].Expr)
	for _, o := range r.out.Output {
		// An alias may be a column's name.
		if o.Sum || o.Count || o.Alias != "" {
			return false
		}
	}
	r.out.Sort = name
	return name != "" && (!r.out.Once || len(r.out.Output) == 1 && r.out.Output[0].Column == name)
}

// aggregate takes SUM(column) or COUNT(*), of a range.
func (r *recogniser) aggregate(e sqlparser.Expr) bool {
	f, ok := e.(*sqlparser.FuncExpr)
	if !ok || f.Over != nil || f.Distinct || !f.Qualifier.IsEmpty() || len(f.Exprs) != 1 {
		return false
	}
	switch f.Name.Lowered() {
	case "count":
		star, ok := f.Exprs[0].(*sqlparser.StarExpr)
		r.out.Output = []Output{{Count: true}}
		return ok && star.TableName.IsEmpty()
	case "sum":
		a, ok := f.Exprs[0].(*sqlparser.AliasedExpr)
		if !ok || !a.As.IsEmpty() {
			return false
		}
		name := r.column(a.Expr)
		r.out.Output = []Output{{Column: name, Sum: true}}
		return name != ""
	}
	return false
}

// output takes what a SELECT asks for.
func (r *recogniser) output(exprs sqlparser.SelectExprs) bool {
	if len(exprs) == 1 {
		if star, ok := exprs[0].(*sqlparser.StarExpr); ok {
			return star.TableName.IsEmpty()
		}
	}
	for _, e := range exprs {
		a, ok := e.(*sqlparser.AliasedExpr)
		if !ok {
			return false
		}
		name := r.column(a.Expr)
		if name == "" {
			return len(exprs) == 1 && r.aggregate(a.Expr)
		}
		r.out.Output = append(r.out.Output, Output{Column: name, Alias: a.As.String()})
	}
	return len(r.out.Output) > 0
}

// where takes the condition of a statement.
func (r *recogniser) where(w *sqlparser.Where) bool {
	if w == nil || w.Type != sqlparser.WhereStr {
		return false
	}
	if between, ok := w.Expr.(*sqlparser.RangeCond); ok {
		name := r.column(between.Left)
		low, ok := place(between.From)
		high, also := place(between.To)
		r.out.Range = &Between{name, low, high}
		return name != "" && ok && also && low >= 0 && high >= 0 && between.Operator == sqlparser.BetweenStr
	}
	for _, o := range r.out.Output {
		if o.Sum || o.Count {
			return false
		}
	}
	return r.equals(w.Expr)
}

// equals takes column = constant [AND …].
func (r *recogniser) equals(e sqlparser.Expr) bool {
	switch e := e.(type) {
	case *sqlparser.AndExpr:
		return r.equals(e.Left) && r.equals(e.Right)
	case *sqlparser.ParenExpr:
		return r.equals(e.Expr)
	case *sqlparser.ComparisonExpr:
		name := r.column(e.Left)
		value, ok := place(e.Right)
		if name == "" || !ok || value < 0 || e.Operator != sqlparser.EqualStr || e.Escape != nil {
			return false
		}
		r.out.Where = append(r.out.Where, Equal{name, value})
		return true
	}
	return false
}
