package sqlgen

import (
	"fmt"
	"slices"
	"strings"
)

// key is a column as an index spells it.
func key(c *column) string {
	if c.t.text {
		return c.name + "(5)"
	}
	return c.name
}

func (g *Gen) createTable() *Stmt {
	t := &table{name: g.name("t"), nextID: 1}
	id := &column{name: "id", t: typ{kind: kInt, sql: "INT", vals: []string{"1", "2", "3"}}, notNull: true}
	var defs []string
	if !g.chance(10) {
		t.auto = g.chance(40)
		t.columns = append(t.columns, id)
		d := "id INT NOT NULL PRIMARY KEY"
		if t.auto {
			d = "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY"
		}
		defs = append(defs, d)
	}
	for range 3 + g.n(4) {
		c := g.column()
		t.columns = append(t.columns, c)
		defs = append(defs, g.definition(c))
	}
	for range g.n(3) {
		name, cols := g.name("k"), g.keyColumns(t)
		unique := ""
		if g.chance(20) {
			unique = "UNIQUE "
		}
		defs = append(defs, fmt.Sprintf("%sKEY %s (%s)", unique, name, cols))
		t.indexes = append(t.indexes, name)
	}
	return &Stmt{SQL: fmt.Sprintf("CREATE TABLE %s (%s)", t.name, strings.Join(defs, ", ")), Class: Definition, Table: t.name,
		apply: func() { g.tables = append(g.tables, t) }}
}

func (g *Gen) keyColumns(t *table) string {
	cols := slices.Clone(t.columns)
	g.rng.Shuffle(len(cols), func(i, j int) { cols[i], cols[j] = cols[j], cols[i] })
	n := 1 + g.n(2)
	return list(min(n, len(cols)), func(i int) string { return key(cols[i]) })
}

// define changes a table's definition, or makes or drops a table.
func (g *Gen) define() *Stmt {
	t := pick(g, g.tables)
	s := &Stmt{Class: Definition, Table: t.name}
	switch g.n(12) {
	case 0:
		if len(g.tables) >= maxTables {
			s.SQL, s.apply = "DROP TABLE "+t.name, func() { g.Forget(t.name) }
			return s
		}
		return g.createTable()
	case 1:
		s.SQL, s.apply = "TRUNCATE TABLE "+t.name, func() { t.nextID = 1 }
	case 2:
		to := g.name("t")
		s.SQL, s.apply = fmt.Sprintf(pick(g, []string{"RENAME TABLE %s TO %s", "ALTER TABLE %s RENAME TO %s"}), t.name, to), func() { t.name = to }
	case 3, 4:
		c := g.column()
		at := len(t.columns)
		where := ""
		if g.chance(30) {
			at = 1 + g.n(len(t.columns))
			where = " AFTER " + t.columns[at-1].name
		}
		s.SQL, s.apply = fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s%s", t.name, g.definition(c), where), func() { t.columns = slices.Insert(t.columns, at, c) }
	case 5:
		i := g.n(len(t.columns))
		if t.columns[i].name == "id" || len(t.columns) < 4 {
			return nil
		}
		s.SQL, s.apply = fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", t.name, t.columns[i].name), func() { t.columns = slices.Delete(t.columns, i, i+1); t.indexes = nil }
	case 6:
		i := g.n(len(t.columns))
		if t.columns[i].name == "id" {
			return nil
		}
		c := *t.columns[i]
		c.t = g.typ()
		for !g.wide && c.t.sql != t.columns[i].t.sql || g.chance(50) && c.t.kind != t.columns[i].t.kind {
			c.t = g.typ() // most values survive in one of the same family
		}
		s.SQL, s.apply = fmt.Sprintf("ALTER TABLE %s MODIFY COLUMN %s", t.name, g.definition(&c)), func() { t.columns[i] = &c }
	case 7:
		i := g.n(len(t.columns))
		if t.columns[i].name == "id" {
			return nil
		}
		to := g.name("c")
		s.SQL, s.apply = fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", t.name, t.columns[i].name, to), func() { t.columns[i].name = to }
	case 8, 9:
		name := g.name("k")
		s.SQL, s.apply = fmt.Sprintf("CREATE INDEX %s ON %s (%s)", name, t.name, g.keyColumns(t)), func() { t.indexes = append(t.indexes, name) }
	case 10:
		name := g.name("k")
		s.SQL, s.apply = fmt.Sprintf("ALTER TABLE %s ADD UNIQUE KEY %s (%s)", t.name, name, g.keyColumns(t)), func() { t.indexes = append(t.indexes, name) }
	case 11:
		if len(t.indexes) == 0 {
			return nil
		}
		name := pick(g, t.indexes)
		s.SQL = fmt.Sprintf("ALTER TABLE %s DROP INDEX %s", t.name, name)
		s.apply = func() { t.indexes = slices.DeleteFunc(t.indexes, func(k string) bool { return k == name }) }
	}
	return s
}
