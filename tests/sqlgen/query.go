package sqlgen

import (
	"fmt"
	"strings"
)

// query is a SELECT of one of several forms.
func (g *Gen) query() *Stmt {
	switch g.n(12) {
	case 0, 1:
		return g.constants()
	case 2, 3, 4:
		return g.plain()
	case 5:
		return g.joined()
	case 6, 7:
		return g.grouped()
	case 8:
		return g.nested()
	case 9:
		return g.union()
	case 10:
		return g.window()
	default:
		return g.point()
	}
}

// constants needs no table.
func (g *Gen) constants() *Stmt {
	sc := &scope{keep: true}
	s := &Stmt{SQL: "SELECT " + list(1+g.n(3), func(int) string { return g.expr(pick(g, append(kinds, kBool)), 3, sc) })}
	for _, p := range sc.parts {
		s.Probes = append(s.Probes, "SELECT "+p)
	}
	return s
}

func (g *Gen) probes(s *Stmt, sc *scope, from string) {
	for _, p := range sc.parts {
		s.Probes = append(s.Probes, "SELECT "+p+" FROM "+from)
	}
}

// from returns one table, or several joined, and their columns.
func (g *Gen) from(tables int) (string, *scope) {
	t := pick(g, g.tables)
	if tables == 1 {
		return t.name, &scope{cols: g.columnsOf(t, ""), keep: true}
	}
	sc := &scope{cols: g.columnsOf(t, "a."), keep: true}
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s a", t.name)
	for i := 1; i < tables; i++ {
		o := pick(g, g.tables)
		alias := string(rune('a' + i))
		right := &scope{cols: g.columnsOf(o, alias+".")}
		join := pick(g, []string{"JOIN", "LEFT JOIN", "RIGHT JOIN", "INNER JOIN"})
		l, r := pick(g, sc.cols), pick(g, right.cols)
		for tries := 0; (l.t.kind != r.t.kind || !g.wide && l.t.sql != r.t.sql) && tries < 20; tries++ {
			l, r = pick(g, sc.cols), pick(g, right.cols)
		}
		if !g.wide && l.t.sql != r.t.sql {
			return b.String(), sc
		}
		on := fmt.Sprintf("%s = %s", l.name, r.name)
		switch g.n(6) {
		case 0:
			on += fmt.Sprintf(" AND %s", g.expr(kBool, 1, &scope{cols: append(append([]ref(nil), sc.cols...), right.cols...)}))
		case 1:
			on = fmt.Sprintf("%s %s %s", l.name, pick(g, []string{"<", ">=", "<=>"}), r.name)
		}
		fmt.Fprintf(b, " %s %s %s ON %s", join, o.name, alias, on)
		sc.cols = append(sc.cols, right.cols...)
	}
	return b.String(), sc
}

func (g *Gen) where(sc *scope) string {
	if g.chance(30) {
		return ""
	}
	return " WHERE " + g.expr(kBool, 2, sc)
}

func (g *Gen) exprs(n, depth int, sc *scope) string {
	return list(n, func(int) string { return g.expr(pick(g, append(kinds, kBool)), depth, sc) })
}

func (g *Gen) plain() *Stmt {
	from, sc := g.from(1)
	s := &Stmt{}
	switch {
	case g.chance(20):
		s.SQL = "SELECT * FROM " + from + g.where(sc)
	case g.chance(20):
		c := pick(g, sc.cols)
		s.SQL, s.Fold = fmt.Sprintf("SELECT DISTINCT %s FROM %s%s", c.name, from, g.where(sc)), c.t.kind == kStr
	default:
		s.SQL = fmt.Sprintf("SELECT %s FROM %s%s", g.exprs(1+g.n(3), 2, sc), from, g.where(sc))
	}
	if sc.cols[0].name == "id" && !s.Fold && !strings.HasPrefix(s.SQL, "SELECT DISTINCT") && g.chance(40) {
		s.SQL += " ORDER BY "
		if g.chance(60) {
			s.SQL += fmt.Sprintf("%s%s, ", pick(g, sc.cols).name, pick(g, []string{"", " DESC"}))
		}
		s.SQL += "id"
		s.Ordered = true
		if g.chance(50) {
			s.SQL += fmt.Sprintf(" LIMIT %d", g.n(6))
			if g.chance(40) {
				s.SQL += fmt.Sprintf(" OFFSET %d", g.n(4))
			}
		}
	}
	g.probes(s, sc, from)
	return s
}

// point compares a column with constants, as an index can answer it.
func (g *Gen) point() *Stmt {
	t := pick(g, g.tables)
	cond := func() string {
		c := pick(g, t.columns)
		lit := func() string { return g.literal(c.t, true) }
		switch g.n(7) {
		case 0:
			return fmt.Sprintf("%s IN (%s, %s)", c.name, lit(), lit())
		case 1:
			return fmt.Sprintf("%s BETWEEN %s AND %s", c.name, lit(), lit())
		case 2:
			return c.name + " IS NULL"
		case 3:
			return fmt.Sprintf("%s <=> %s", c.name, g.literal(c.t, false))
		default:
			return fmt.Sprintf("%s %s %s", c.name, pick(g, []string{"=", "=", "<", "<=", ">", ">=", "<>"}), lit())
		}
	}
	where := cond()
	for range g.n(3) {
		where += pick(g, []string{" AND ", " AND ", " OR "}) + cond()
	}
	s := &Stmt{SQL: fmt.Sprintf("SELECT * FROM %s WHERE %s", t.name, where)}
	return s
}

func (g *Gen) joined() *Stmt {
	from, sc := g.from(2 + g.n(2))
	s := &Stmt{SQL: fmt.Sprintf("SELECT %s FROM %s%s", g.exprs(1+g.n(3), 1, sc), from, g.where(sc))}
	g.probes(s, sc, from)
	s.Probes = append(s.Probes, "SELECT COUNT(*) FROM "+from)
	return s
}

func (g *Gen) grouped() *Stmt {
	from, sc := g.from(1 + g.n(2))
	aggs := list(1+g.n(3), func(int) string { return g.aggregate(sc) })
	where := g.where(sc)
	s := &Stmt{}
	switch g.n(4) {
	case 0:
		s.SQL = fmt.Sprintf("SELECT %s FROM %s%s", aggs, from, where)
	default:
		by := pick(g, sc.cols)
		s.Fold = true // MIN and MAX of strings, too
		s.SQL = fmt.Sprintf("SELECT %s, %s FROM %s%s GROUP BY %[1]s", by.name, aggs, from, where)
		if g.chance(30) {
			s.SQL += fmt.Sprintf(" HAVING COUNT(*) %s %d", pick(g, []string{">", "=", "<="}), 1+g.n(2))
		}
	}
	s.Fold = true
	for _, a := range strings.Split(aggs, ", ") {
		if strings.Count(a, "(") == strings.Count(a, ")") {
			s.Probes = append(s.Probes, fmt.Sprintf("SELECT %s FROM %s", a, from))
		}
	}
	g.probes(s, sc, from)
	return s
}

func (g *Gen) nested() *Stmt {
	from, sc := g.from(1)
	inner := pick(g, g.tables)
	in := g.columnsOf(inner, "i.")
	both := &scope{cols: append(append([]ref(nil), in...), sc.cols...)}
	for i := range sc.cols {
		sc.cols[i].name = "o." + sc.cols[i].name
		both.cols[len(in)+i].name = sc.cols[i].name
	}
	l, r := pick(g, sc.cols), pick(g, in)
	for tries := 0; (l.t.kind != r.t.kind || !g.wide && l.t.sql != r.t.sql) && tries < 20; tries++ {
		l, r = pick(g, sc.cols), pick(g, in)
	}
	if !g.wide && l.t.sql != r.t.sql {
		return nil
	}
	s := &Stmt{Fold: true}
	out := g.exprs(1, 1, sc)
	switch g.n(6) {
	case 0:
		s.SQL = fmt.Sprintf("SELECT %s FROM %s o WHERE %s IN (SELECT %s FROM %s i WHERE %s)", out, from, l.name, r.name, inner.name, g.expr(kBool, 1, &scope{cols: in}))
	case 1:
		s.SQL = fmt.Sprintf("SELECT %s FROM %s o WHERE %s NOT IN (SELECT %s FROM %s i WHERE %s)", out, from, l.name, r.name, inner.name, g.expr(kBool, 1, &scope{cols: in}))
	case 2:
		s.SQL = fmt.Sprintf("SELECT %s FROM %s o WHERE %sEXISTS (SELECT 1 FROM %s i WHERE %s = %s AND %s)", out, from, pick(g, []string{"", "NOT "}), inner.name, l.name, r.name, g.expr(kBool, 1, both))
	case 3:
		s.SQL = fmt.Sprintf("SELECT %s, (SELECT %s FROM %s i WHERE %s = %s) FROM %s o", out, pick(g, []string{"COUNT(*)", "MAX(" + r.name + ")", "MIN(" + pick(g, in).name + ")"}), inner.name, l.name, r.name, from)
	case 4:
		s.SQL = fmt.Sprintf("SELECT COUNT(*), MIN(x.v), MAX(x.v) FROM (SELECT %s AS v FROM %s o%s) x", out, from, g.where(sc))
	case 5:
		s.SQL = fmt.Sprintf("WITH w AS (SELECT %s AS v, %s AS k FROM %s o) SELECT COUNT(*), MAX(v) FROM w JOIN %s i ON w.k = %s", out, l.name, from, inner.name, r.name)
	}
	g.probes(s, sc, from+" o")
	return s
}

func (g *Gen) union() *Stmt {
	a, sa := g.from(1)
	b, sb := g.from(1)
	if !g.wide { // the types of both sides are the same
		t := pick(g, g.tables)
		a, sa = t.name, &scope{cols: g.columnsOf(t, "")}
		c := pick(g, sa.cols)
		return &Stmt{SQL: fmt.Sprintf("SELECT %s FROM %s%s %s SELECT %[1]s FROM %[2]s%s", c.name, a, g.where(sa), pick(g, []string{"UNION", "UNION ALL", "INTERSECT", "EXCEPT"}), g.where(sa)), Fold: true}
	}
	k := pick(g, kinds)
	all := pick(g, []string{"", " ALL"})
	return &Stmt{SQL: fmt.Sprintf("SELECT %s FROM %s UNION%s SELECT %s FROM %s", g.expr(k, 1, sa), a, all, g.expr(k, 1, sb), b), Fold: true}
}

func (g *Gen) window() *Stmt {
	from, sc := g.from(1)
	if sc.cols[0].name != "id" {
		return nil
	}
	part := ""
	if g.chance(60) {
		part = "PARTITION BY " + pick(g, sc.cols).name + " "
	}
	order := "ORDER BY id" + pick(g, []string{"", " DESC"})
	var f string
	n := g.n(9)
	if !g.wide {
		n = pick(g, []int{0, 7, 8})
	}
	switch n {
	case 0:
		f = "ROW_NUMBER()"
	case 1:
		f, order = pick(g, []string{"RANK()", "DENSE_RANK()", "PERCENT_RANK()"}), "ORDER BY "+pick(g, sc.cols).name
	case 2:
		f = fmt.Sprintf("%s(%s)", pick(g, []string{"SUM", "AVG", "MIN", "MAX", "COUNT"}), g.expr(pick(g, []kind{kInt, kDec}), 0, sc))
	case 3:
		f = fmt.Sprintf("LAG(%s)", g.expr(pick(g, kinds), 0, sc))
	case 4:
		f = fmt.Sprintf("LEAD(%s, 2)", g.expr(pick(g, kinds), 0, sc))
	case 5:
		f = fmt.Sprintf("FIRST_VALUE(%s)", g.expr(pick(g, kinds), 0, sc))
	case 6:
		f = fmt.Sprintf("LAST_VALUE(%s)", g.expr(pick(g, kinds), 0, sc))
	case 7:
		f = fmt.Sprintf("NTILE(%d)", 1+g.n(4))
	default:
		f, order = "COUNT(*)", ""
	}
	frame := ""
	if g.wide && strings.HasPrefix(f, "SUM") && g.chance(50) {
		frame = " ROWS BETWEEN 1 PRECEDING AND " + pick(g, []string{"CURRENT ROW", "1 FOLLOWING", "UNBOUNDED FOLLOWING"})
	}
	return &Stmt{SQL: fmt.Sprintf("SELECT id, %s OVER (%s%s%s) FROM %s", f, part, order, frame, from), Fold: true}
}
