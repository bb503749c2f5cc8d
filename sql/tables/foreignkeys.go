package tables

import (
	"errors"
	"slices"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
)

// Foreign keys are the storage's: it checks them with the rows locked, carries
// out their actions, and on a replica too. go-mysql-server parses them and is
// told of none, so that it does nothing of its own: Table is no
// gms.ForeignKeyTable.

// AddForeignKey adds a foreign key of CREATE TABLE in the statement's DDL scope.
func (p *Provider) AddForeignKey(ctx *gms.Context, c *gms.ForeignKeyConstraint) error {
	if s, err := sessionOf(ctx); err == nil {
		if _, ok := s.temporary(c.Database, c.Table); ok {
			return sqlErrorf(1215, "HY000", "Cannot add foreign key constraint")
		}
	}
	d, err := beginDDL(ctx)
	if err != nil {
		return err
	}
	if c.MatchType != gms.ForeignKeyMatchType_Simple {
		return unsupported("MATCH FULL")
	}
	k := storage.ForeignKey{Name: c.Name, Columns: slices.Clone(c.Columns), Database: c.ParentDatabase, Table: c.ParentTable, Parent: slices.Clone(c.ParentColumns)}
	if k.OnDelete, err = actionOf(string(c.OnDelete)); err != nil {
		return err
	}
	if k.OnUpdate, err = actionOf(string(c.OnUpdate)); err != nil {
		return err
	}
	return addForeignKey(d, c.Database, c.Table, k, keyIndex(ctx, c))
}

// keyIndex returns the name that CREATE TABLE gives a foreign key's index, "" for
// none: go-mysql-server does not say.
func keyIndex(ctx *gms.Context, c *gms.ForeignKeyConstraint) string {
	spec, _ := declaredTable(ctx)
	if spec == nil {
		return ""
	}
	for _, x := range spec.Constraints {
		f, ok := x.Details.(*sqlparser.ForeignKeyDefinition)
		if ok && x.Name == c.Name && slices.EqualFunc(f.Source, c.Columns, func(a sqlparser.ColIdent, b string) bool { return a.EqualString(b) }) {
			return f.Index
		}
	}
	return ""
}

func addForeignKey(d *storage.DDL, db, table string, k storage.ForeignKey, index string) error {
	if len(k.Name) > 64 {
		return sqlErrorf(1059, "42000", "Identifier name '%s' is too long", k.Name)
	}
	return d.AddForeignKey(db, table, k, index)
}

// actionOf returns the action of that name. InnoDB refuses SET DEFAULT.
func actionOf(words string) (storage.Action, error) {
	switch strings.ToUpper(words) {
	case "", "DEFAULT", "NO ACTION":
		return storage.NoAction, nil
	case "RESTRICT":
		return storage.Restrict, nil
	case "CASCADE":
		return storage.Cascade, nil
	case "SET NULL":
		return storage.SetNull, nil
	}
	return 0, sqlErrorf(1215, "HY000", "Cannot add foreign key constraint")
}

// keptForeignKeys takes over the foreign keys that are there.
func (a *alteration) keptForeignKeys() error {
	gone := make(map[string]bool)
	err := a.each(func(c *alterClause) error {
		name := strings.ToLower(c.Name)
		if c.Kind == replstmt.DropForeignKey && (!a.hasForeignKey(name) || gone[name]) {
			return cannotDrop(c.Name)
		}
		gone[name] = true
		return nil
	}, replstmt.DropForeignKey, replstmt.DropConstraint)
	for _, k := range a.old.ForeignKeys {
		if !gone[strings.ToLower(k.Name)] {
			k.Columns, k.Parent = slices.Clone(k.Columns), slices.Clone(k.Parent)
			a.next.ForeignKeys = append(a.next.ForeignKeys, k)
		}
	}
	return err
}

func (a *alteration) hasForeignKey(name string) bool {
	return slices.ContainsFunc(a.old.ForeignKeys, func(k storage.ForeignKey) bool { return strings.EqualFold(k.Name, name) })
}

// followColumns gives the foreign keys the new names of columns.
func (a *alteration) followColumns(d *storage.DDL) error {
	to := make(map[string]string)
	for i := range a.columns {
		if from := a.columns[i].from; from >= 0 && a.old.Columns[from].Name != a.columns[i].name() {
			to[strings.ToLower(a.old.Columns[from].Name)] = a.columns[i].name()
		}
	}
	if len(to) == 0 {
		return nil
	}
	return d.RenamedColumns(&a.next, to)
}

// addForeignKeys adds the new foreign keys to the table as it is now.
func (a *alteration) addForeignKeys(d *storage.DDL) error {
	return a.each(func(c *alterClause) error {
		def, ok := c.foreign.Details.(*sqlparser.ForeignKeyDefinition)
		if !ok {
			return unsupported("constraint %s", c.foreign.Name)
		}
		if def.MatchType != 0 {
			return unsupported("MATCH FULL")
		}
		k := storage.ForeignKey{Name: c.foreign.Name, Database: def.ReferencedTable.DbQualifier.String(), Table: def.ReferencedTable.Name.String()}
		if k.Database == "" {
			k.Database = a.ctx.GetCurrentDatabase()
		}
		for _, n := range def.Source {
			k.Columns = append(k.Columns, n.String())
		}
		for _, n := range def.ReferencedColumns {
			k.Parent = append(k.Parent, n.String())
		}
		var err error
		if k.OnDelete, err = astAction(def.OnDelete); err != nil {
			return err
		}
		if k.OnUpdate, err = astAction(def.OnUpdate); err != nil {
			return err
		}
		return addForeignKey(d, a.name.Database, a.name.Name, k, def.Index)
	}, replstmt.AddForeignKey)
}

func astAction(a sqlparser.ReferenceAction) (storage.Action, error) {
	if a == sqlparser.DefaultAction {
		return storage.NoAction, nil
	}
	return actionOf(sqlparser.String(a))
}

// created notes that the statement's DDL scope has created a table.
func (s *Session) created(db, table string) {
	if s.ddl.created == nil {
		s.ddl.created = make(map[QualifiedName]bool, 1)
	}
	s.ddl.created[QualifiedName{db, table}] = true
}

// Created reports whether the statement's DDL scope has created a table:
// CREATE TABLE IF NOT EXISTS may find it there.
func (s *Session) Created(db, table string) bool {
	return s.ddl != nil && s.ddl.created[QualifiedName{db, table}]
}

// EachTable calls fn with every definition that the statement sees.
func (p *Provider) EachTable(ctx *gms.Context, fn func(*storage.Schema)) {
	c := p.catalog(ctx)
	for _, db := range c.Databases() {
		for _, t := range c.Tables(db.Name) {
			fn(t.Schema())
		}
	}
}

// checksKeys reports whether foreign_key_checks is on.
func (s *Session) checksKeys(ctx *gms.Context) bool {
	v, err := s.GetSessionVariable(ctx, "foreign_key_checks")
	if err != nil {
		return true
	}
	on, ok := v.(int8)
	return !ok || on != 0
}

// keyFailure gives a violation the kind that IGNORE knows; the client sees the
// storage's text. When a cascade has begun, the statement cannot go on.
func keyFailure(err error) error {
	var k *storage.ForeignKeyError
	if !errors.As(err, &k) || k.Partial {
		return err
	}
	kind := gms.ErrForeignKeyChildViolation
	if k.Parent {
		kind = gms.ErrForeignKeyParentViolation
	}
	return kind.Wrap(err, k.Key.Name, k.Table, k.Key.Table, "")
}
