package tables

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
)

// Limits of InnoDB.
const (
	maxKeyBytes = 3072
	maxKeyParts = 16
	maxKeys     = 64
)

// key is a key of the table that ALTER TABLE makes.
type key struct {
	name    string // PRIMARY for the primary key; "" = to be named
	unique  bool
	parts   []keyPart
	comment string
	extra   map[string]string
	old     bool
	column  bool // declared with a column
}

type keyPart struct {
	column string // its new name
	prefix int
	desc   bool
}

const primaryName = "PRIMARY"

func (k *key) primary() bool { return strings.EqualFold(k.name, primaryName) }

// What a column's definition says about keys; the engine's parser does not
// export the names.
const (
	keyOptPrimary   sqlparser.ColumnKeyOption = 1
	keyOptSpatial   sqlparser.ColumnKeyOption = 2
	keyOptUnique    sqlparser.ColumnKeyOption = 3
	keyOptUniqueKey sqlparser.ColumnKeyOption = 4
	keyOptKey       sqlparser.ColumnKeyOption = 5
	keyOptFulltext  sqlparser.ColumnKeyOption = 6
)

// resolveKeys makes the list of keys.
func (a *alteration) resolveKeys() error {
	if err := a.keptKeys(); err != nil {
		return err
	}
	for i := range a.columns {
		if err := a.columnKey(&a.columns[i]); err != nil {
			return err
		}
	}
	if err := a.each(a.addKey, replstmt.AddIndex); err != nil {
		return err
	}
	return a.nameKeys()
}

// keptKeys takes over the keys that are there. Columns that are gone leave
// their keys; a key without columns goes.
func (a *alteration) keptKeys() error {
	gone, err := a.droppedKeys()
	if err != nil {
		return err
	}
	keep := func(k key, parts []storage.IndexPart) {
		if gone[strings.ToLower(k.name)] {
			return
		}
		for _, p := range parts {
			for i := range a.columns {
				if c := &a.columns[i]; c.from == p.Column {
					k.parts = append(k.parts, keyPart{c.name(), p.Prefix, p.Desc})
				}
			}
		}
		if k.old = true; len(k.parts) > 0 {
			a.keys = append(a.keys, k)
		}
	}
	if len(a.old.Primary) > 0 {
		keep(key{name: primaryName, unique: true}, a.old.Primary)
	}
	for _, x := range a.old.Indexes {
		keep(key{name: x.Name, unique: x.Unique, comment: x.Comment, extra: x.Extra}, x.Parts)
	}
	return a.renameKeys(gone)
}

// droppedKeys returns the names of the keys to be dropped, in lower case.
func (a *alteration) droppedKeys() (map[string]bool, error) {
	gone := make(map[string]bool)
	exists := func(name string) bool {
		if strings.EqualFold(name, primaryName) {
			return len(a.old.Primary) > 0
		}
		return slices.ContainsFunc(a.old.Indexes, indexNamed(name))
	}
	err := a.each(func(c *alterClause) error {
		name := strings.ToLower(c.Name)
		switch {
		case c.Kind == replstmt.DropConstraint && !a.hasUnique(name):
		case exists(name) && !gone[name]:
			gone[name] = true
		case c.Kind == replstmt.DropIndex:
			return cannotDrop(c.Name)
		}
		return nil
	}, replstmt.DropIndex, replstmt.DropConstraint)
	return gone, err
}

// hasUnique reports whether a primary or unique key has the name: those are
// constraints.
func (a *alteration) hasUnique(name string) bool {
	if strings.EqualFold(name, primaryName) {
		return len(a.old.Primary) > 0
	}
	i := slices.IndexFunc(a.old.Indexes, indexNamed(name))
	return i >= 0 && a.old.Indexes[i].Unique
}

func (a *alteration) renameKeys(gone map[string]bool) error {
	from := make(map[string]string)
	err := a.each(func(c *alterClause) error {
		was := strings.ToLower(c.Name)
		i := slices.IndexFunc(a.old.Indexes, indexNamed(c.Name))
		if i < 0 || gone[was] || from[was] != "" {
			return sqlErrorf(1176, "42000", "Key '%s' doesn't exist in table '%s'", c.Name, a.old.Name)
		}
		if strings.EqualFold(c.To, primaryName) {
			return sqlErrorf(1280, "42000", "Incorrect index name '%s'", c.To)
		}
		from[was] = c.To
		return nil
	}, replstmt.RenameIndex)
	for i := range a.keys {
		if to := from[strings.ToLower(a.keys[i].name)]; to != "" {
			a.keys[i].name = to
		}
	}
	if err != nil {
		return err
	}
	return a.each(func(c *alterClause) error {
		if !slices.ContainsFunc(a.old.Indexes, indexNamed(c.Name)) {
			return sqlErrorf(1176, "42000", "Key '%s' doesn't exist in table '%s'", c.Name, a.old.Name)
		}
		return nil
	}, replstmt.IndexVisibility)
}

// columnKey adds the key that a column is declared with.
func (a *alteration) columnKey(c *alterColumn) error {
	if !c.declared {
		return nil
	}
	k := key{unique: true, parts: []keyPart{{column: c.name()}}, column: true}
	switch c.def.Type.KeyOpt {
	case keyOptPrimary, keyOptKey:
		k.name = primaryName
		if c.def.Type.Null {
			return primaryNull()
		}
	case keyOptUnique, keyOptUniqueKey:
	case keyOptSpatial:
		return unsupported("SPATIAL index")
	case keyOptFulltext:
		return unsupported("FULLTEXT index")
	default:
		return nil
	}
	c.def.Type.KeyOpt = 0
	a.keys = append(a.keys, k)
	return nil
}

func primaryNull() error {
	return sqlErrorf(1171, "42000", "All parts of a PRIMARY KEY must be NOT NULL; if you need NULL in a key, use UNIQUE instead")
}

// addKey adds the key of an ADD INDEX clause.
func (a *alteration) addKey(c *alterClause) error {
	k, err := keyOf(c.index)
	if err != nil {
		return err
	}
	a.keys = append(a.keys, k)
	return nil
}

func keyOf(x *sqlparser.IndexSpec) (key, error) {
	k := key{name: x.ToName.String()}
	switch strings.ToLower(x.Type) {
	case sqlparser.PrimaryStr:
		k.name, k.unique = primaryName, true
	case sqlparser.UniqueStr:
		k.unique = true
	case "":
	default:
		return k, unsupported("%s index", strings.ToUpper(x.Type))
	}
	if !strings.EqualFold(x.Type, sqlparser.PrimaryStr) && k.primary() {
		return k, sqlErrorf(1280, "42000", "Incorrect index name '%s'", k.name)
	}
	for _, f := range x.Fields {
		if f.Expression != nil {
			return k, unsupported("functional index")
		}
		p := keyPart{column: f.Column.String(), desc: strings.EqualFold(f.Order, sqlparser.DescScr)}
		if f.Length != nil {
			n, err := strconv.Atoi(string(f.Length.Val))
			if err != nil || n <= 0 {
				return k, sqlErrorf(1391, "HY000", "Key part '%s' length cannot be 0", p.column)
			}
			p.prefix = n
		}
		k.parts = append(k.parts, p)
	}
	for _, o := range x.Options {
		switch strings.ToUpper(o.Name) {
		case "COMMENT":
			k.comment = string(o.Value.Val)
		case "INVISIBLE":
			return k, unsupported("INVISIBLE index")
		case "ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE":
			return k, unsupported("%s", strings.ToUpper(o.Name))
		}
	}
	return k, nil
}

// nameKeys gives names to keys without one: that of the first column, with a
// number if it is taken.
func (a *alteration) nameKeys() error {
	taken := make(map[string]bool)
	for _, k := range a.keys {
		name := strings.ToLower(k.name)
		switch {
		case k.name == "":
		case !taken[name]:
			taken[name] = true
		case k.primary():
			return sqlErrorf(1068, "42000", "Multiple primary key defined")
		default:
			return sqlErrorf(1061, "42000", "Duplicate key name '%s'", k.name)
		}
	}
	for i := range a.keys {
		k := &a.keys[i]
		if k.name != "" {
			continue
		}
		base := k.parts[0].column
		name := base
		for n := 2; taken[strings.ToLower(name)] || strings.EqualFold(name, primaryName); n++ {
			name = fmt.Sprintf("%s_%d", base, n)
		}
		k.name, taken[strings.ToLower(name)] = name, true
	}
	if len(a.keys) > maxKeys {
		return sqlErrorf(1069, "42000", "Too many keys specified; max %d keys allowed", maxKeys)
	}
	return nil
}

// setKeys checks the keys against the new columns and puts them into the new
// definition.
func (a *alteration) setKeys() error {
	next := &a.next
	next.Primary, next.Indexes = nil, nil
	for i := range a.keys {
		k := &a.keys[i]
		parts, err := a.partsOf(k)
		if err != nil {
			return err
		}
		if !k.primary() {
			next.Indexes = append(next.Indexes, storage.Index{Name: k.name, Parts: parts, Unique: k.unique, Comment: k.comment, Extra: k.extra})
			continue
		}
		next.Primary = parts
		for _, p := range parts {
			c := &a.columns[p.Column]
			if c.declared && bool(c.def.Type.Null) {
				return primaryNull()
			}
			next.Columns[p.Column].Nullable = false
		}
	}
	return a.autoKey()
}

func (a *alteration) partsOf(k *key) ([]storage.IndexPart, error) {
	if len(k.parts) > maxKeyParts {
		return nil, sqlErrorf(1070, "42000", "Too many key parts specified; max %d parts allowed", maxKeyParts)
	}
	var parts []storage.IndexPart
	total := 0
	for _, p := range k.parts {
		at := columnPlace(&a.next, p.column)
		if at < 0 {
			return nil, sqlErrorf(1072, "42000", "Key column '%s' doesn't exist in table", p.column)
		}
		c := &a.next.Columns[at]
		if slices.ContainsFunc(parts, func(o storage.IndexPart) bool { return o.Column == at }) {
			return nil, sqlErrorf(1060, "42S21", "Duplicate column name '%s'", c.Name)
		}
		prefix, size, err := partLength(c, p.prefix, k.old)
		if err != nil {
			return nil, err
		}
		if total += size; size > maxKeyBytes || total > maxKeyBytes {
			return nil, sqlErrorf(1071, "42000", "Specified key was too long; max key length is %d bytes", maxKeyBytes)
		}
		parts = append(parts, storage.IndexPart{Column: at, Prefix: prefix, Desc: p.desc})
	}
	return parts, nil
}

// partLength returns a key part's prefix, 0 for all of the column, and its
// greatest length in bytes. kept: the key was there before, and a prefix that
// has lost its sense goes without a word.
func partLength(c *storage.Column, prefix int, kept bool) (int, int, error) {
	wrong := sqlErrorf(1089, "HY000", "Incorrect prefix key; the used key part isn't a string, the used length is longer than the key part, or the storage engine doesn't support unique prefix keys")
	width := func() int { return int(gms.CollationID(c.Collation).CharacterSet().MaxLength()) }
	switch c.Type {
	case gomysql.MYSQL_TYPE_JSON:
		return 0, 0, sqlErrorf(3152, "42000", "JSON column '%s' supports indexing only via generated columns on a specified JSON path.", c.Name)
	case gomysql.MYSQL_TYPE_GEOMETRY:
		return 0, 0, unsupported("SPATIAL index")
	case gomysql.MYSQL_TYPE_BLOB:
		if prefix == 0 {
			return 0, 0, sqlErrorf(1170, "42000", "BLOB/TEXT column '%s' used in key specification without a key length", c.Name)
		}
		return prefix, prefix * width(), nil
	case gomysql.MYSQL_TYPE_STRING, gomysql.MYSQL_TYPE_VARCHAR:
		whole := int(c.Meta)
		switch n := prefix * width(); {
		case prefix == 0 || n == whole:
			return 0, whole, nil
		case n < whole:
			return prefix, n, nil
		case kept:
			return 0, whole, nil
		}
		return 0, 0, wrong
	}
	if prefix != 0 && !kept {
		return 0, 0, wrong
	}
	return 0, 8, nil
}

// autoKey checks that there is one AUTO_INCREMENT column at most, and that it
// is the first of a key.
func (a *alteration) autoKey() error {
	wrong := sqlErrorf(1075, "42000", "Incorrect table definition; there can be only one auto column and it must be defined as a key")
	auto := -1
	for i := range a.next.Columns {
		if !a.next.Columns[i].AutoIncrement {
			continue
		}
		if auto >= 0 {
			return wrong
		}
		auto = i
	}
	if auto < 0 || len(a.next.Primary) > 0 && a.next.Primary[0].Column == auto {
		return nil
	}
	for _, x := range a.next.Indexes {
		if x.Parts[0].Column == auto {
			return nil
		}
	}
	return wrong
}

// indexNamed reports whether an index has a name.
func indexNamed(name string) func(storage.Index) bool {
	return func(x storage.Index) bool { return strings.EqualFold(x.Name, name) }
}
