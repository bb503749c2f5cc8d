package storage

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/sql/storage/lock"
)

func definitionErrorf(errno uint16, format string, args ...any) error {
	return &DefinitionError{errno, fmt.Sprintf(format, args...)}
}

// AddForeignKey gives a table a foreign key, with an index for it when there is
// none, and checks the rows that are there unless foreign_key_checks is 0.
// A key without a name gets MySQL's: table_ibfk_n, and its index the name index,
// or "" that of its first column. Errors: *DefinitionError, *ForeignKeyError,
// *DuplicateIndexError, *NoTableError.
func (d *DDL) AddForeignKey(db, name string, k ForeignKey, index string) error {
	t, err := d.lockTable(db, name, lock.SIX)
	if err != nil {
		return err
	}
	next := *t.schema.own()
	named := k.Name != ""
	if named && d.cat.hasForeignKey(db, k.Name) {
		return definitionErrorf(1826, "Duplicate foreign key constraint name '%s'", k.Name)
	}
	if !named {
		k.Name = d.nextKeyName(&next)
	}
	columns, err := checkKeyColumns(&next, &k, named)
	if err != nil {
		return err
	}
	if _, ok := next.indexOn(columns); !ok {
		x := Index{Name: k.Name, Parts: make([]IndexPart, len(columns))}
		switch {
		case !named && index != "":
			x.Name = index
		case !named:
			x.Name = next.freeIndexName(next.Columns[columns[0]].Name)
		}
		for i, c := range columns {
			x.Parts[i].Column = c
		}
		next.Indexes = append(next.Indexes, x)
	}
	next.ForeignKeys = append(next.ForeignKeys, k)
	parent, err := d.lockParent(db, name, &k)
	if err != nil {
		return err
	}
	if t, err = d.AlterTable(db, name, next, nil); err != nil {
		return err
	}
	if k.Database == db && k.Table == name {
		parent = t
	}
	if parent == nil {
		return nil
	}
	if err := checkRelation(&k, t, parent); err != nil {
		return err
	}
	if d.s.NoForeignKeys {
		return nil
	}
	return d.checkRows(relate(&k, t, parent))
}

// checkKeyColumns checks a new key's columns and gives them the names that they
// have in the table.
func checkKeyColumns(s *Schema, k *ForeignKey, named bool) ([]int, error) {
	if len(k.Columns) != len(k.Parent) {
		name := k.Name
		if !named {
			name = "foreign key without name"
		}
		return nil, definitionErrorf(1239, "Incorrect foreign key definition for '%s': Key reference and table reference don't match", name)
	}
	columns, missing := s.columnPlaces(k.Columns)
	if missing != "" {
		return nil, definitionErrorf(1072, "Key column '%s' doesn't exist in table", missing)
	}
	for i, c := range columns {
		if slices.Contains(columns[:i], c) {
			return nil, definitionErrorf(1060, "Duplicate column name '%s'", s.Columns[c].Name)
		}
		k.Columns[i] = s.Columns[c].Name
		if s.Columns[c].Type == gomysql.MYSQL_TYPE_BLOB {
			return nil, definitionErrorf(1170, "BLOB/TEXT column '%s' used in key specification without a key length", s.Columns[c].Name)
		}
		if (k.OnDelete == SetNull || k.OnUpdate == SetNull) && !s.Columns[c].Nullable {
			return nil, definitionErrorf(1830, "Column '%s' cannot be NOT NULL: needed in a foreign key constraint '%s' SET NULL", s.Columns[c].Name, k.Name)
		}
	}
	return columns, nil
}

// lockParent keeps writers out of a new key's parent until the scope ends. It
// returns nil for the table itself, and for a parent that is not there.
func (d *DDL) lockParent(db, name string, k *ForeignKey) (*Table, error) {
	if k.Database == db && k.Table == name {
		return nil, nil
	}
	parent, err := d.lockTable(k.Database, k.Table, lock.SIX)
	var noTable *NoTableError
	var noDB *NoDatabaseError
	if errors.As(err, &noTable) || errors.As(err, &noDB) {
		if d.s.NoForeignKeys {
			return nil, nil
		}
		return nil, definitionErrorf(1824, "Failed to open the referenced table '%s'", k.Table)
	}
	if err != nil {
		return nil, err
	}
	for i, n := range k.Parent {
		if places, missing := parent.schema.columnPlaces([]string{n}); missing == "" {
			k.Parent[i] = parent.schema.Columns[places[0]].Name
		}
	}
	return parent, nil
}

// checkRelation fails when a foreign key cannot work between two tables.
func checkRelation(k *ForeignKey, child, parent *Table) error {
	c, p := child.schema, parent.schema
	from, missing := c.columnPlaces(k.Columns)
	if missing != "" {
		return definitionErrorf(1828, "Cannot drop column '%s': needed in a foreign key constraint '%s'", missing, k.Name)
	}
	to, missing := p.columnPlaces(k.Parent)
	if missing != "" {
		return definitionErrorf(3734, "Failed to add the foreign key constraint. Missing column '%s' for constraint '%s' in the referenced table '%s'", missing, k.Name, p.Name)
	}
	for i := range from {
		if !fitting(&c.Columns[from[i]], &p.Columns[to[i]]) {
			return definitionErrorf(3780, "Referencing column '%s' and referenced column '%s' in foreign key constraint '%s' are incompatible.", k.Columns[i], k.Parent[i], k.Name)
		}
	}
	if _, ok := p.indexOn(to); !ok {
		return definitionErrorf(1822, "Failed to add the foreign key constraint. Missing index for constraint '%s' in the referenced table '%s'", k.Name, p.Name)
	}
	return nil
}

// checkRows fails when a row has no parent. Both tables are locked against
// writes, and what was built is in the store.
func (d *DDL) checkRows(r *relation) error {
	c := keyChecker{rows: storeRows{d.ts}}
	rel := &relations{parents: []*relation{r}}
	return d.eachRow(r.child, func(key, image []byte) error {
		child, err := cutRow(r.child, image)
		if err != nil {
			return err
		}
		return c.parents(rel, nil, nil, child, nil)
	})
}

// storeRows are the rows of the store, locked as they are.
type storeRows struct{ ts *tables }

func (s storeRows) related(*Table) (*relations, error)          { return nil, nil }
func (s storeRows) newest(key []byte) ([]byte, error)           { return fetch(s.ts.e.db, key) }
func (s storeRows) lockKey([]byte, lock.Mode) error             { return nil }
func (s storeRows) change(*Table, []byte, []byte, []byte) error { return ErrUnsupported }
func (s storeRows) entries(prefix, after []byte, _ int, fn func(key, value []byte) (bool, error)) error {
	return scanBehind(s.ts.e.db, prefix, after, fn)
}

// hasForeignKey reports whether a foreign key of a database has the name.
func (c *Catalog) hasForeignKey(db, name string) bool {
	d := c.dbs[db]
	if d == nil {
		return false
	}
	for _, t := range d.tables {
		for i := range t.schema.ForeignKeys {
			if strings.EqualFold(t.schema.ForeignKeys[i].Name, name) {
				return true
			}
		}
	}
	return false
}

// generatedName is what names given by us begin with.
func generatedName(table string) string { return table + "_ibfk_" }

// nextKeyName returns table_ibfk_n with n above those in use, and above those
// that were when the statement began.
func (d *DDL) nextKeyName(s *Schema) string {
	n := 0
	count := func(keys []ForeignKey) {
		for i := range keys {
			if rest, ok := strings.CutPrefix(keys[i].Name, generatedName(s.Name)); ok {
				if v, err := strconv.Atoi(rest); err == nil {
					n = max(n, v)
				}
			}
		}
	}
	count(s.ForeignKeys)
	if was, ok := d.ts.catalog.Load().Table(s.Database, s.Name); ok {
		count(was.schema.ForeignKeys)
	}
	return generatedName(s.Name) + strconv.Itoa(n+1)
}

// freeIndexName returns name, or name_2, name_3 …: the first that no index has.
func (s *Schema) freeIndexName(name string) string {
	out := name
	for n := 2; slices.ContainsFunc(s.Indexes, func(x Index) bool { return strings.EqualFold(x.Name, out) }); n++ {
		out = name + "_" + strconv.Itoa(n)
	}
	return out
}

// DropForeignKey takes a foreign key from a table; its index stays.
func (d *DDL) DropForeignKey(db, name, key string) error {
	t, err := d.lockTable(db, name, lock.SIX)
	if err != nil {
		return err
	}
	next := *t.schema.own()
	i := slices.IndexFunc(next.ForeignKeys, func(k ForeignKey) bool { return strings.EqualFold(k.Name, key) })
	if i < 0 {
		return definitionErrorf(1091, "Can't DROP '%s'; check that column/key exists", key)
	}
	next.ForeignKeys = slices.Delete(next.ForeignKeys, i, i+1)
	_, err = d.AlterTable(db, name, next, nil)
	return err
}

// RenamedColumns makes foreign keys follow columns' new names: to is by the old
// name in lower case. It is called before the table's definition is replaced by
// next, which has the new names.
func (d *DDL) RenamedColumns(next *Schema, to map[string]string) error {
	rename := func(names []string) {
		for i, n := range names {
			if t, ok := to[strings.ToLower(n)]; ok {
				names[i] = t
			}
		}
	}
	for i := range next.ForeignKeys {
		k := &next.ForeignKeys[i]
		rename(k.Columns)
		if k.Database == next.Database && k.Table == next.Name {
			rename(k.Parent)
		}
	}
	return d.changeChildren(next.Database, next.Name, func(k *ForeignKey) { rename(k.Parent) })
}

// changeChildren changes the foreign keys of other tables that refer to one.
func (d *DDL) changeChildren(db, name string, change func(*ForeignKey)) error {
	for _, child := range d.cat.referring(db, name) {
		t, err := d.lockTable(child.schema.Database, child.schema.Name, lock.X)
		if err != nil {
			return err
		}
		s := t.schema.own()
		for i := range s.ForeignKeys {
			if k := &s.ForeignKeys[i]; k.Database == db && k.Table == name {
				change(k)
			}
		}
		n, err := compileTable(s, d.ts.e.o.Weigh, t.count)
		if err != nil {
			return err
		}
		d.change(catalogOp{put: n})
	}
	return nil
}

// referring returns the other tables that have foreign keys to a table, by name.
func (c *Catalog) referring(db, name string) []*Table {
	var out []*Table
	for _, e := range c.Databases() {
		for _, t := range c.Tables(e.Name) {
			if s := t.schema; s.Database == db && s.Name == name {
				continue
			}
			if slices.ContainsFunc(t.schema.ForeignKeys, func(k ForeignKey) bool { return k.Database == db && k.Table == name }) {
				out = append(out, t)
			}
		}
	}
	return out
}

// checkTruncate fails when another table has a foreign key to this one.
func (d *DDL) checkTruncate(db, name string) error {
	if d.s.NoForeignKeys {
		return nil
	}
	for _, child := range d.cat.referring(db, name) {
		for _, k := range child.schema.ForeignKeys {
			if k.Database == db && k.Table == name {
				return definitionErrorf(1701, "Cannot truncate a table referenced in a foreign key constraint (%s.%s, CONSTRAINT %s)",
					quoteName(child.schema.Database), quoteName(child.schema.Name), quoteName(k.Name))
			}
		}
	}
	return nil
}

// checkKeys fails when the scope as a whole would break a foreign key. It looks
// at the tables that change and at those that refer to them.
func (d *DDL) checkKeys() error {
	before := d.ts.catalog.Load()
	seen := make(map[metaName]bool)
	check := func(db, name string) error {
		n := metaName{db, name}
		if seen[n] {
			return nil
		}
		seen[n] = true
		old, _ := before.Table(db, name)
		now, ok := d.cat.Table(db, name)
		if !ok {
			return d.checkDropped(db, name)
		}
		return d.checkChanged(before, old, now)
	}
	for _, op := range d.ops {
		var t *Table
		switch {
		case op.put != nil:
			t = op.put
		case op.dropID != 0:
			t = before.byID[op.dropID]
		}
		if t == nil {
			continue
		}
		if err := check(t.schema.Database, t.schema.Name); err != nil {
			return err
		}
	}
	return nil
}

// checkDropped fails when a table that goes has children that stay.
func (d *DDL) checkDropped(db, name string) error {
	if d.s.NoForeignKeys {
		return nil
	}
	for _, child := range d.cat.referring(db, name) {
		for _, k := range child.schema.ForeignKeys {
			if k.Database == db && k.Table == name {
				return definitionErrorf(3730, "Cannot drop table '%s' referenced by a foreign key constraint '%s' on table '%s'.", name, k.Name, child.schema.Name)
			}
		}
	}
	return nil
}

// checkChanged checks the foreign keys from and to a table that is new (old is
// nil) or changes.
func (d *DDL) checkChanged(before *Catalog, old, now *Table) error {
	s := now.schema
	for i := range s.ForeignKeys {
		k := &s.ForeignKeys[i]
		if err := d.checkChild(k, old, now); err != nil {
			return err
		}
		if parent, ok := d.cat.Table(k.Database, k.Table); ok {
			if err := d.checkPair(k, before, now, parent); err != nil {
				return err
			}
		}
	}
	for _, child := range d.cat.referring(s.Database, s.Name) {
		for i := range child.schema.ForeignKeys {
			if k := &child.schema.ForeignKeys[i]; k.Database == s.Database && k.Table == s.Name {
				if err := d.checkParent(k, child, old, now); err != nil {
					return err
				}
				if err := d.checkPair(k, before, child, now); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// checkChild says what a foreign key's own table has lost.
func (d *DDL) checkChild(k *ForeignKey, old, now *Table) error {
	s := now.schema
	columns, missing := s.columnPlaces(k.Columns)
	if missing != "" {
		return definitionErrorf(1828, "Cannot drop column '%s': needed in a foreign key constraint '%s'", missing, k.Name)
	}
	for _, c := range columns {
		if (k.OnDelete == SetNull || k.OnUpdate == SetNull) && !s.Columns[c].Nullable {
			return definitionErrorf(1830, "Column '%s' cannot be NOT NULL: needed in a foreign key constraint '%s' SET NULL", s.Columns[c].Name, k.Name)
		}
	}
	if _, ok := s.indexOn(columns); !ok {
		return lostIndex(k.Columns, old)
	}
	if c := d.retyped(k.Columns, old, now); c != "" {
		return definitionErrorf(1832, "Cannot change column '%s': used in a foreign key constraint '%s'", c, k.Name)
	}
	return nil
}

// checkParent says what a foreign key's parent has lost.
func (d *DDL) checkParent(k *ForeignKey, child, old, now *Table) error {
	if old == nil {
		return nil // checkPair has the words for a parent that comes
	}
	columns, missing := now.schema.columnPlaces(k.Parent)
	if missing != "" {
		return definitionErrorf(1829, "Cannot drop column '%s': needed in a foreign key constraint '%s' of table '%s'", missing, k.Name, child.schema.Name)
	}
	if _, ok := now.schema.indexOn(columns); !ok {
		return lostIndex(k.Parent, old)
	}
	if c := d.retyped(k.Parent, old, now); c != "" {
		return definitionErrorf(1833, "Cannot change column '%s': used in a foreign key constraint '%s' of table '%s'", c, k.Name, child.schema.Name)
	}
	return nil
}

// lostIndex names the index that a foreign key used.
func lostIndex(columns []string, old *Table) error {
	name := columns[0]
	if old != nil {
		if places, missing := old.schema.columnPlaces(columns); missing == "" {
			if i, ok := old.schema.indexOn(places); ok && i < 0 {
				name = "PRIMARY"
			} else if ok {
				name = old.schema.Indexes[i].Name
			}
		}
	}
	return definitionErrorf(1553, "Cannot drop index '%s': needed in a foreign key constraint", name)
}

// retyped returns the first of the columns whose type has changed; empty: none,
// or foreign_key_checks is 0.
func (d *DDL) retyped(columns []string, old, now *Table) string {
	if old == nil || d.s.NoForeignKeys {
		return ""
	}
	was, missing := old.schema.columnPlaces(columns)
	if missing != "" {
		return ""
	}
	is, missing := now.schema.columnPlaces(columns)
	if missing != "" {
		return ""
	}
	for i := range was {
		a, b := &old.schema.Columns[was[i]], &now.schema.Columns[is[i]]
		if !fitting(a, b) || isString(a.Type) && b.Meta < a.Meta {
			return columns[i]
		}
	}
	return ""
}

// checkPair checks that two tables fit, unless neither has changed.
func (d *DDL) checkPair(k *ForeignKey, before *Catalog, child, parent *Table) error {
	if before.byID[child.schema.ID] == child && before.byID[parent.schema.ID] == parent {
		return nil
	}
	return checkRelation(k, child, parent)
}
