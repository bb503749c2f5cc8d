package storage

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/rowimage"
	"binrelay/sql/storage/keycodec"
)

// ForeignKeyError is a row change that a foreign key forbids: a child without
// parent (1452), or a parent with children (1451).
type ForeignKeyError struct {
	Key     ForeignKey
	DB      string // of the child
	Table   string // the child
	Parent  bool   // the parent's row was to go
	Partial bool   // other rows have changed on the way: the statement cannot go on
}

func (e *ForeignKeyError) Error() string {
	head := "Cannot add or update a child row"
	if e.Parent {
		head = "Cannot delete or update a parent row"
	}
	k := &e.Key
	parent := quoteName(k.Table)
	if k.Database != e.DB {
		parent = quoteName(k.Database) + "." + parent
	}
	text := fmt.Sprintf("%s: a foreign key constraint fails (%s.%s, CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (%s)",
		head, quoteName(e.DB), quoteName(e.Table), quoteName(k.Name), quoteNames(k.Columns), parent, quoteNames(k.Parent))
	for _, on := range []struct {
		name string
		a    Action
	}{{"DELETE", k.OnDelete}, {"UPDATE", k.OnUpdate}} {
		if on.a.changesRows() {
			text += " ON " + on.name + " " + on.a.String()
		}
	}
	return text + ")"
}

// Number is MySQL's error number.
func (e *ForeignKeyError) Number() uint16 {
	if e.Parent {
		return 1451
	}
	return 1452
}

func quoteName(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

func quoteNames(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = quoteName(n)
	}
	return strings.Join(quoted, ", ")
}

// columnPlaces returns the places of columns; missing is the first that is not
// there, and empty when all are.
func (s *Schema) columnPlaces(names []string) (places []int, missing string) {
	places = make([]int, len(names))
	for i, n := range names {
		places[i] = slices.IndexFunc(s.Columns, func(c Column) bool { return strings.EqualFold(c.Name, n) })
		if places[i] < 0 {
			return nil, n
		}
	}
	return places, ""
}

// beginsWith reports whether an index begins with whole columns.
func beginsWith(parts []IndexPart, columns []int) bool {
	if len(parts) < len(columns) {
		return false
	}
	for i, c := range columns {
		if parts[i].Column != c || parts[i].Prefix != 0 {
			return false
		}
	}
	return true
}

// indexOn finds an index that begins with the columns: the primary key (-1),
// a unique one of these columns alone, any other.
func (s *Schema) indexOn(columns []int) (place int, ok bool) {
	if beginsWith(s.Primary, columns) {
		return -1, true
	}
	found := -2
	for i := range s.Indexes {
		x := &s.Indexes[i]
		if !beginsWith(x.Parts, columns) {
			continue
		}
		if x.Unique && len(x.Parts) == len(columns) {
			return i, true
		}
		if found == -2 {
			found = i
		}
	}
	return found, found != -2
}

// parts returns the parts of an index, -1 = primary.
func (s *Schema) parts(index int) []IndexPart {
	if index < 0 {
		return s.Primary
	}
	return s.Indexes[index].Parts
}

// UniqueOn returns the name of the unique key of exactly these columns, the
// one that foreign keys to them use; empty when there is none.
func (s *Schema) UniqueOn(columns []string) string {
	places, missing := s.columnPlaces(columns)
	if missing != "" {
		return ""
	}
	switch i, ok := s.indexOn(places); {
	case !ok || len(s.parts(i)) != len(places):
	case i < 0:
		return "PRIMARY"
	case s.Indexes[i].Unique:
		return s.Indexes[i].Name
	}
	return ""
}

// groupKeys prepares the encoders by which entries that are not in the store
// yet are found by their first column.
func (t *Table) groupKeys() error {
	s := t.schema
	for i := range s.ForeignKeys {
		places, missing := s.columnPlaces(s.ForeignKeys[i].Columns)
		if missing != "" {
			continue
		}
		x, ok := s.indexOn(places)
		if !ok || t.groups[x] != nil {
			continue
		}
		p := s.parts(x)[0]
		k, err := keycodec.Compile(t.layout.Columns(), []keycodec.Part{{Column: p.Column, Desc: p.Desc}}, t.weigh)
		if err != nil {
			return err
		}
		if t.groups == nil {
			t.groups = make(map[int]*keycodec.Encoder)
		}
		t.groups[x] = k
	}
	return nil
}

// group returns the length of the part of an index key (-1 = of a row key) that
// foreign keys search by; 0: they do not.
func (t *Table) group(index int, image []byte, cells []rowimage.Cell) (int, error) {
	e := t.groups[index]
	if e == nil {
		return 0, nil
	}
	k, err := e.AppendRow(nil, image, cells)
	return idPrefix + len(k), err
}

// space returns the key space and id of an index, -1 = the rows.
func (t *Table) space(index int) (byte, TableID) {
	if index < 0 {
		return rowSpace, t.schema.ID
	}
	x := &t.schema.Indexes[index]
	if x.Unique {
		return uniqueSpace, x.ID
	}
	return indexSpace, x.ID
}

// relation is a foreign key between two tables of one catalog.
type relation struct {
	key           *ForeignKey
	child, parent *Table // parent is nil when it is not there, or does not fit
	childCols     []int
	parentCols    []int
	childIndex    int // -1 = primary
	parentIndex   int
	whole         bool // the key is all of a unique index of the parent

	up   *keycodec.Encoder // child's row → beginning of the parent's index key
	down *keycodec.Encoder // parent's row → beginning of the child's index key
	grp  *keycodec.Encoder // parent's row → first part of it
}

// relations are the foreign keys of one table.
type relations struct {
	parents  []*relation // the table is the child
	children []*relation // the table is the parent
}

// cascades reports whether a delete (or an update) of the table's rows may
// change other rows.
func (r *relations) cascades(del bool) bool {
	if r == nil {
		return false
	}
	for _, c := range r.children {
		if del && c.key.OnDelete.changesRows() || !del && c.key.OnUpdate.changesRows() {
			return true
		}
	}
	return false
}

// relations returns the foreign keys of a table, nil when it has none.
func (c *Catalog) relations(id TableID) *relations {
	c.once.Do(c.relate)
	return c.related[id]
}

// relate finds the foreign keys of all tables.
func (c *Catalog) relate() {
	of := func(t *Table) *relations {
		if c.related == nil {
			c.related = make(map[TableID]*relations)
		}
		r := c.related[t.schema.ID]
		if r == nil {
			r = &relations{}
			c.related[t.schema.ID] = r
		}
		return r
	}
	for _, t := range c.byID {
		for i := range t.schema.ForeignKeys {
			k := &t.schema.ForeignKeys[i]
			parent, _ := c.Table(k.Database, k.Table)
			r := relate(k, t, parent)
			of(t).parents = append(of(t).parents, r)
			if r.parent != nil {
				of(parent).children = append(of(parent).children, r)
			}
		}
	}
	for _, r := range c.related {
		slices.SortFunc(r.children, func(a, b *relation) int {
			return cmp.Or(cmp.Compare(a.child.schema.Database, b.child.schema.Database), cmp.Compare(a.key.Name, b.key.Name))
		})
	}
}

// relate compiles a foreign key; the parent is left out when there is none, or
// none that fits.
func relate(k *ForeignKey, child, parent *Table) *relation {
	r := &relation{key: k, child: child}
	var missing string
	if r.childCols, missing = child.schema.columnPlaces(k.Columns); missing != "" || parent == nil {
		return r
	}
	if r.parentCols, missing = parent.schema.columnPlaces(k.Parent); missing != "" || len(r.parentCols) != len(r.childCols) {
		return r
	}
	var ok bool
	if r.childIndex, ok = child.schema.indexOn(r.childCols); !ok {
		return r
	}
	if r.parentIndex, ok = parent.schema.indexOn(r.parentCols); !ok {
		return r
	}
	for i := range r.childCols {
		if !fitting(&child.schema.Columns[r.childCols[i]], &parent.schema.Columns[r.parentCols[i]]) {
			return r
		}
	}
	var err error
	if r.up, err = crossKey(child, r.childCols, parent, r.parentIndex, len(r.childCols)); err != nil {
		return r
	}
	if r.down, err = crossKey(parent, r.parentCols, child, r.childIndex, len(r.childCols)); err != nil {
		return r
	}
	if r.grp, err = crossKey(parent, r.parentCols, child, r.childIndex, 1); err != nil {
		return r
	}
	unique := r.parentIndex < 0 || parent.schema.Indexes[r.parentIndex].Unique
	r.whole = unique && len(parent.schema.parts(r.parentIndex)) == len(r.parentCols)
	r.parent = parent
	return r
}

// crossKey compiles an encoder that makes, of the columns of a row of from, the
// first n parts of a key of an index of to.
func crossKey(from *Table, columns []int, to *Table, index, n int) (*keycodec.Encoder, error) {
	cols := slices.Clone(from.layout.Columns())
	parts := make([]keycodec.Part, n)
	for i, p := range to.schema.parts(index)[:n] {
		c, target := &cols[columns[i]], &to.layout.Columns()[p.Column]
		c.Nullable = target.Nullable
		parts[i] = keycodec.Part{Column: columns[i], Desc: p.Desc}
	}
	return keycodec.Compile(cols, parts, to.weigh)
}

// fitting reports whether values of two columns can refer to each other: equal
// types, but for the lengths of strings. BINARY and VARBINARY fill up values
// differently.
func fitting(a, b *Column) bool {
	switch {
	case a.Type == gomysql.MYSQL_TYPE_VARCHAR && b.Type == gomysql.MYSQL_TYPE_VARCHAR:
		return a.Collation == b.Collation
	case isString(a.Type) && isString(b.Type) && a.Collation != binaryCollation:
		return a.Collation == b.Collation
	}
	return a.Type == b.Type && a.Unsigned == b.Unsigned && a.Meta == b.Meta
}

func isString(t byte) bool {
	return t == gomysql.MYSQL_TYPE_STRING || t == gomysql.MYSQL_TYPE_VARCHAR
}

// hasNull reports whether one of the columns is NULL: the row refers to nothing
// then, and is referred to by none.
func hasNull(cells []rowimage.Cell, columns []int) bool {
	for _, c := range columns {
		if cells[c].Null() {
			return true
		}
	}
	return false
}

// sameValues reports whether two images have the same bytes in the columns.
func sameValues(a []byte, ac []rowimage.Cell, b []byte, bc []rowimage.Cell, columns []int) bool {
	for _, c := range columns {
		if ac[c].Null() != bc[c].Null() || !bytes.Equal(ac[c].Value(a), bc[c].Value(b)) {
			return false
		}
	}
	return true
}
