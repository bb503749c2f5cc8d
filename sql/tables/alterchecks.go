package tables

import (
	"fmt"
	"slices"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/replstmt"
)

// check is a CHECK constraint of the table that ALTER TABLE makes.
type check struct {
	name     string // "" = to be named
	expr     sqlparser.Expr
	enforced bool
	columns  map[string]bool // that it uses, in lower case
	test     bool            // existing rows must be looked at
	text     string          // of a kept one
}

// columnsOf returns the names of the columns that an expression uses, in lower
// case.
func columnsOf(e sqlparser.SQLNode) map[string]bool {
	out := make(map[string]bool)
	if e == nil {
		return out
	}
	_ = sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) {
		if c, ok := n.(*sqlparser.ColName); ok {
			out[c.Name.Lowered()] = true
		}
		return true, nil
	}, e)
	return out
}

// resolveChecks makes the list of CHECK constraints.
func (a *alteration) resolveChecks() error {
	if err := a.keptChecks(); err != nil {
		return err
	}
	add := func(c *alterClause) error {
		if c.check == nil {
			return nil
		}
		def, ok := c.check.Details.(*sqlparser.CheckConstraintDefinition)
		if !ok {
			return nil // REFERENCES beside a column, which MySQL parses and ignores
		}
		a.checks = append(a.checks, check{
			name: c.check.Name, expr: def.Expr, enforced: def.Enforced, test: def.Enforced, columns: columnsOf(def.Expr),
		})
		return nil
	}
	if err := a.each(add, replstmt.AddColumn, replstmt.ChangeColumn, replstmt.AddCheck); err != nil {
		return err
	}
	return a.nameChecks()
}

func noCheck(name string) error {
	return sqlErrorf(3821, "HY000", "Check constraint '%s' is not found in the table.", name)
}

// keptChecks takes over the constraints that are there.
func (a *alteration) keptChecks() error {
	all, err := checksOf(a.old)
	if err != nil {
		return err
	}
	gone, enforce := make(map[string]bool), make(map[string]bool)
	err = a.each(func(c *alterClause) error {
		i := slices.IndexFunc(all, func(d gms.CheckDefinition) bool { return strings.EqualFold(d.Name, c.Name) })
		name := strings.ToLower(c.Name)
		switch {
		case i >= 0 && !gone[name]:
			if c.Kind == replstmt.EnforceCheck || c.Kind == replstmt.EnforceConstraint {
				enforce[name] = true
				all[i].Enforced = c.On
			} else {
				gone[name] = true
			}
		case c.Kind == replstmt.DropConstraint:
			if !a.hasUnique(c.Name) && !a.hasForeignKey(c.Name) {
				return sqlErrorf(3940, "HY000", "Constraint '%s' does not exist.", c.Name)
			}
		case c.Kind == replstmt.EnforceConstraint:
			return sqlErrorf(3940, "HY000", "Constraint '%s' does not exist.", c.Name)
		default:
			return noCheck(c.Name)
		}
		return nil
	}, replstmt.DropCheck, replstmt.DropConstraint, replstmt.EnforceCheck, replstmt.EnforceConstraint)
	if err != nil {
		return err
	}
	for _, d := range all {
		if gone[strings.ToLower(d.Name)] {
			continue
		}
		e, err := parseExpr(d.CheckExpression)
		if err != nil {
			return err
		}
		c := check{name: d.Name, expr: e, enforced: d.Enforced, columns: columnsOf(e), text: d.CheckExpression}
		c.test = d.Enforced && enforce[strings.ToLower(d.Name)]
		if drop, err := a.orphaned(&c); err != nil {
			return err
		} else if !drop {
			a.checks = append(a.checks, c)
		}
	}
	return nil
}

// orphaned reports whether a constraint goes because all columns it uses do. A
// column that a constraint uses beside others cannot go, nor change its name.
func (a *alteration) orphaned(c *check) (bool, error) {
	for i := range a.old.Columns {
		name := a.old.Columns[i].Name
		if !c.columns[strings.ToLower(name)] {
			continue
		}
		at := slices.IndexFunc(a.columns, func(col alterColumn) bool { return col.from == i })
		switch {
		case at < 0 && len(c.columns) == 1:
			return true, nil
		case at < 0 || !strings.EqualFold(a.columns[at].name(), name):
			return false, sqlErrorf(3959, "HY000", "Check constraint '%s' uses column '%s', hence column cannot be dropped or renamed.", c.name, name)
		case a.columns[at].declared && c.enforced:
			c.test = true // its values may change
		}
	}
	return false, nil
}

// nameChecks gives names to constraints without one: table_chk_n.
func (a *alteration) nameChecks() error {
	taken := make(map[string]bool)
	for _, c := range a.checks {
		name := strings.ToLower(c.name)
		if c.name != "" && taken[name] {
			return sqlErrorf(3822, "HY000", "Duplicate check constraint name '%s'.", c.name)
		}
		taken[name] = true
	}
	for i := range a.checks {
		c := &a.checks[i]
		for n := 1; c.name == ""; n++ {
			if name := fmt.Sprintf("%s_chk_%d", a.old.Name, n); !taken[strings.ToLower(name)] {
				c.name, taken[strings.ToLower(name)] = name, true
			}
		}
	}
	return nil
}

// checkDefinitions returns the constraints as they are stored.
func (a *alteration) checkDefinitions(made *plan.CreateTable) ([]gms.CheckDefinition, error) {
	var out []gms.CheckDefinition
	for i, c := range made.Checks() {
		own := &a.checks[i]
		d := gms.CheckDefinition{Name: own.name, CheckExpression: own.text, Enforced: own.enforced}
		if d.CheckExpression == "" {
			made, err := plan.NewCheckDefinition(a.ctx, c, &gms.MySqlSchemaFormatter{})
			if err != nil {
				return nil, err
			}
			d.CheckExpression = made.CheckExpression
		}
		out = append(out, d)
	}
	return out, nil
}

// dependents fails when a column that goes or changes its name is used by the
// default or generated value of another.
func (a *alteration) dependents() error {
	for i := range a.old.Columns {
		name := strings.ToLower(a.old.Columns[i].Name)
		at := slices.IndexFunc(a.columns, func(c alterColumn) bool { return c.from == i })
		if at >= 0 && strings.EqualFold(a.columns[at].name(), name) || a.placeOf(name) >= 0 {
			continue
		}
		for j := range a.columns {
			c := &a.columns[j]
			if c.from < 0 || c.declared {
				continue
			}
			if c.def.Type.GeneratedExpr != nil && columnsOf(c.def.Type.GeneratedExpr)[name] {
				return sqlErrorf(3108, "HY000", "Column '%s' has a generated column dependency.", a.old.Columns[i].Name)
			}
			if _, literal := c.def.Type.Default.(*sqlparser.SQLVal); c.def.Type.Default != nil && !literal && columnsOf(c.def.Type.Default)[name] {
				return sqlErrorf(3774, "HY000", "Column '%s' of table '%s' has a default value expression dependency and cannot be dropped or renamed.", a.old.Columns[i].Name, a.old.Name)
			}
		}
	}
	return nil
}
