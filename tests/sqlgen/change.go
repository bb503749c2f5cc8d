package sqlgen

import (
	"fmt"
	"strings"
)

// change is a statement that changes rows.
func (g *Gen) change() *Stmt {
	t := pick(g, g.tables)
	s := &Stmt{Class: Change, Table: t.name}
	switch n := g.n(20); {
	case n < 8:
		s.SQL = g.insert(t, pick(g, []string{"INSERT INTO", "INSERT INTO", "INSERT INTO", "INSERT IGNORE INTO", "REPLACE INTO"}))
	case n < 9:
		s.SQL = g.insert(t, "INSERT INTO ") + " ON DUPLICATE KEY UPDATE " + g.assignments(t, "", &scope{cols: g.columnsOf(t, "")})
	case n < 10:
		s.SQL = g.insertSelect(t)
	case n < 15:
		sc := &scope{cols: g.columnsOf(t, "")}
		ignore := ""
		if g.chance(15) {
			ignore = "IGNORE "
		}
		s.SQL = fmt.Sprintf("UPDATE %s%s SET %s WHERE %s%s", ignore, t.name, g.assignments(t, "", sc), g.expr(kBool, 2, sc), g.limit(t))
	case n < 17:
		s.SQL = fmt.Sprintf("DELETE FROM %s WHERE %s%s", t.name, g.expr(kBool, 2, &scope{cols: g.columnsOf(t, "")}), g.limit(t))
	case n < 18 && t.columns[0].name == "id":
		o := pick(g, g.tables)
		if o == t || o.columns[0].name != "id" {
			return nil
		}
		sc := &scope{cols: append(g.columnsOf(t, "a."), g.columnsOf(o, "b.")...)}
		if g.chance(50) {
			s.SQL = fmt.Sprintf("DELETE a FROM %s a JOIN %s b ON a.id = b.id WHERE %s", t.name, o.name, g.expr(kBool, 2, sc))
		} else {
			s.SQL = fmt.Sprintf("UPDATE %s a JOIN %s b ON a.id = b.id SET %s WHERE %s", t.name, o.name, g.assignments(t, "a.", sc), g.expr(kBool, 1, sc))
		}
	default:
		return nil
	}
	return s
}

// limit cuts a change to some rows, in an order that is total.
func (g *Gen) limit(t *table) string {
	if t.columns[0].name != "id" || !g.chance(15) {
		return ""
	}
	return fmt.Sprintf(" ORDER BY id%s LIMIT %d", pick(g, []string{"", " DESC"}), g.n(4))
}

func (g *Gen) insert(t *table, verb string) string {
	// How many values a statement takes that fails, or that gives some of them
	// itself, is a server's own affair.
	generate := t.auto && verb == "INSERT INTO" && g.chance(60)
	cols := t.columns
	if g.chance(30) { // some columns take their default
		cols = nil
		for _, c := range t.columns {
			if c.name == "id" && !generate || c.notNull || g.chance(70) {
				cols = append(cols, c)
			}
		}
	}
	if len(cols) == 0 {
		cols = t.columns
	}
	row := func() string {
		return "(" + list(len(cols), func(i int) string {
			c := cols[i]
			if c.name != "id" {
				if g.chance(3) && (g.wide || !c.notNull) {
					return "DEFAULT"
				}
				return g.literal(c.t, c.notNull)
			}
			switch {
			case generate:
				return pick(g, []string{"NULL", "0", "DEFAULT", "NULL"})
			case g.chance(90):
				t.nextID += 1 + g.n(2)
				return fmt.Sprint(t.nextID)
			}
			return fmt.Sprint(1 + g.n(t.nextID))
		}) + ")"
	}
	rows := list(1+g.n(3), func(int) string { return row() })
	return fmt.Sprintf("%s %s (%s) VALUES %s", verb, t.name, list(len(cols), func(i int) string { return cols[i].name }), rows)
}

// insertSelect copies rows of another table, converting them.
func (g *Gen) insertSelect(t *table) string {
	from := pick(g, g.tables)
	if from == t || t.columns[0].name != "id" || from.columns[0].name != "id" {
		return g.insert(t, "INSERT INTO")
	}
	t.nextID += 100
	vals := []string{fmt.Sprintf("id + %d", t.nextID)}
	names := []string{"id"}
	for _, c := range t.columns[1:] {
		names = append(names, c.name)
		vals = append(vals, g.expr(c.t.kind, 1, &scope{cols: g.columnsOf(from, "")}))
	}
	t.nextID += 200
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s WHERE id < 200 ORDER BY id", t.name, strings.Join(names, ", "), strings.Join(vals, ", "), from.name)
}

// assignments of an UPDATE. Each column is set once, from constants and columns
// that are not set before it: those would have new values already.
func (g *Gen) assignments(t *table, prefix string, sc *scope) string {
	var cs []*column
	for _, c := range t.columns {
		if c.name != "id" {
			cs = append(cs, c)
		}
	}
	c := pick(g, cs)
	v := g.literal(c.t, c.notNull)
	if g.chance(60) {
		v = g.expr(c.t.kind, 2, sc)
	}
	out := fmt.Sprintf("%s%s = %s", prefix, c.name, v)
	if d := pick(g, cs); d != c && g.chance(40) {
		out += fmt.Sprintf(", %s%s = %s", prefix, d.name, g.literal(d.t, d.notNull))
	}
	return out
}
