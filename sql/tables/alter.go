package tables

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
)

// Alter carries out ALTER TABLE, CREATE INDEX or DROP INDEX in the statement's
// DDL scope: the table becomes what all clauses together make of it, at once.
// Others may read it meanwhile; writes wait.
func (p *Provider) Alter(ctx *gms.Context, st *Alteration, planner Planner) error {
	name := QualifiedName{st.Table.Database, st.Table.Name}
	if name.Database == "" {
		name.Database = ctx.GetCurrentDatabase()
	}
	if name.Database == "" {
		return gms.ErrNoDatabaseSelected.New()
	}
	own, err := sessionOf(ctx)
	if err != nil {
		return err
	}
	if now, ok := own.temporary(name.Database, name.Name); ok {
		a := &alteration{Alteration: st, ctx: ctx, name: name, old: now.Schema()}
		if a.types, err = schemaOf(a.old); err != nil {
			return err
		}
		return p.alterTemporary(ctx, own, a, now, planner)
	}
	d, err := beginDDL(ctx)
	if err != nil {
		return err
	}
	now, err := d.LockForAlter(name.Database, name.Name)
	if err != nil {
		var none *storage.NoTableError
		if _, ok, e := (&Database{p, name.Database}).GetViewDefinition(ctx, name.Name); errors.As(err, &none) && ok && e == nil {
			return sqlErrorf(1347, "HY000", "'%s.%s' is not BASE TABLE", name.Database, name.Name)
		}
		return err
	}
	if st.Lock == "EXCLUSIVE" { // nobody is to read meanwhile, either
		if _, err := d.LockName(name.Database, name.Name); err != nil {
			return err
		}
	}
	a := &alteration{Alteration: st, ctx: ctx, name: name, old: now.Schema()}
	if a.types, err = schemaOf(a.old); err != nil {
		return err
	}
	made, err := a.resolve(planner)
	if err != nil {
		return err
	}
	if err := a.followColumns(d); err != nil {
		return err
	}
	if err := p.run(d, a, now, made); err != nil {
		return err
	}
	if err := a.addForeignKeys(d); err != nil {
		return err
	}
	if a.renamed != nil {
		return p.rename(ctx, d, name, *a.renamed)
	}
	return nil
}

// resolve works the new definition out.
func (a *alteration) resolve(planner Planner) (*plan.CreateTable, error) {
	for _, step := range []func() error{a.refuse, a.resolveColumns, a.checkDrops, a.resolveKeys, a.resolveChecks, a.dependents, a.options, a.keptForeignKeys, a.rename} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	spec := &sqlparser.TableSpec{TableOpts: []*sqlparser.TableOption{
		{Name: "collate", Value: gms.CollationID(a.next.Collation).Name()},
	}}
	for i := range a.columns {
		def := *a.columns[i].def
		def.Type.Autoincrement, def.Type.ForeignKeyDef, def.Type.Constraint = false, nil, nil // ours to check
		spec.Columns = append(spec.Columns, &def)
	}
	if err := checkGenerated(spec.Columns); err != nil {
		return nil, err
	}
	for i := range a.checks {
		c := &a.checks[i]
		spec.Constraints = append(spec.Constraints, &sqlparser.ConstraintDefinition{
			Name: c.name, Details: &sqlparser.CheckConstraintDefinition{Expr: c.expr, Enforced: c.enforced},
		})
	}
	made, err := planner(a.ctx, &sqlparser.DDL{
		Action: sqlparser.CreateStr, TableSpec: spec,
		Table: sqlparser.TableName{DbQualifier: sqlparser.NewTableIdent(a.name.Database), Name: sqlparser.NewTableIdent(a.name.Name)},
	})
	if err != nil {
		return nil, a.definitionError(err)
	}
	return made, a.define(made)
}

// definitionError names the column of a default that does not fit.
func (a *alteration) definitionError(err error) error {
	if gms.ErrIncompatibleDefaultType.Is(err) {
		for i := range a.columns {
			if c := &a.columns[i]; c.def.Type.Default != nil && (c.declared || c.set) {
				return sqlErrorf(1067, "42000", "Invalid default value for '%s'", c.name())
			}
		}
	}
	return err
}

// define fills in the new definition.
func (a *alteration) define(made *plan.CreateTable) error {
	s := &a.next
	for i, c := range made.PkSchema().Schema {
		own := &a.columns[i]
		col, err := columnOf(c, &own.def.Type)
		if err != nil {
			return err
		}
		col.AutoIncrement = bool(own.def.Type.Autoincrement)
		col.Nullable = col.Nullable && !col.AutoIncrement
		switch {
		case own.declared:
			if err := checkDefault(&col, c, own); err != nil {
				return err
			}
		case own.moved:
			was := &a.old.Columns[own.from]
			col.AutoIncrement, col.Comment, col.Extra, col.Invisible = was.AutoIncrement, was.Comment, was.Extra, was.Invisible
		default:
			was := a.old.Columns[own.from]
			was.Name = own.name()
			if own.set {
				if err := checkDefault(&col, c, own); err != nil {
					return err
				}
				was.Default, was.HasDefault, was.DefaultIsExpr = col.Default, col.HasDefault, col.DefaultIsExpr
				was.Extra = maps.Clone(was.Extra)
				delete(was.Extra, noDefaultKey)
				if !was.HasDefault && was.Nullable {
					if was.Extra == nil {
						was.Extra = make(map[string]string, 1)
					}
					was.Extra[noDefaultKey] = "1"
				}
			}
			col = was
		}
		s.Columns = append(s.Columns, col)
	}
	if err := checkRow(s.Columns); err != nil {
		return err
	}
	if err := a.setKeys(); err != nil {
		return err
	}
	checks, err := a.checkDefinitions(made)
	if err != nil {
		return err
	}
	return setChecks(s, checks)
}

// checkDefault refuses defaults that MySQL refuses.
func checkDefault(col *storage.Column, c *gms.Column, own *alterColumn) error {
	if col.AutoIncrement && col.HasDefault {
		return sqlErrorf(1067, "42000", "Invalid default value for '%s'", col.Name)
	}
	if c.Default == nil || !c.Default.IsLiteral() {
		return nil
	}
	if _, null := own.def.Type.Default.(*sqlparser.NullVal); null {
		if !col.Nullable || own.def.Type.KeyOpt == keyOptPrimary {
			return sqlErrorf(1067, "42000", "Invalid default value for '%s'", col.Name)
		}
		return nil
	}
	if col.Type == blobColumn || col.Type == jsonColumn {
		return sqlErrorf(1101, "42000", "BLOB, TEXT, GEOMETRY or JSON column '%s' can't have a default value", col.Name)
	}
	return nil
}

// options applies table options and CONVERT TO CHARACTER SET.
func (a *alteration) options() error {
	s := &a.next
	s.Database, s.Name, s.Collation, s.Comment = a.old.Database, a.old.Name, a.old.Collation, a.old.Comment
	s.AutoIncrement, s.Extra = a.old.AutoIncrement, maps.Clone(a.old.Extra)
	charset, collation := "", ""
	err := a.each(func(c *alterClause) error {
		switch c.Name {
		case "CHARSET":
			charset = c.To
		case "COLLATE":
			collation = c.To
		case "COMMENT":
			s.Comment = c.To
		case "AUTO_INCREMENT":
			n, err := strconv.ParseUint(c.To, 10, 64)
			if err != nil {
				return sqlErrorf(1064, "42000", "AUTO_INCREMENT = %s is no number", c.To)
			}
			a.counter = max(n, 1)
		case "ENGINE":
			a.rebuild = true
			return CheckEngine(a.ctx, c.To)
		default:
			return checkOption(c.Name, c.To)
		}
		return nil
	}, replstmt.TableOption)
	if err != nil {
		return err
	}
	own, err := sessionOf(a.ctx)
	if err != nil {
		return err
	}
	replicated := own.policy != nil && own.policy.Replicated()
	a.rebuild = a.rebuild || a.Force || a.Algorithm == "COPY" && !replicated
	if charset != "" || collation != "" {
		c, err := a.collation(charset, collation)
		if err != nil {
			return err
		}
		s.Collation = uint16(c)
	}
	return a.each(a.convert, replstmt.Convert)
}

func (a *alteration) collation(charset, collation string) (gms.CollationID, error) {
	if strings.EqualFold(charset, "default") {
		charset = gms.CollationID(a.old.Collation).CharacterSet().Name()
		if db, err := a.database(); err == nil {
			charset = db.CharacterSet().Name()
		}
	}
	return gms.ParseCollation(charset, collation, false)
}

func (a *alteration) database() (gms.CollationID, error) {
	s, err := sessionOf(a.ctx)
	if err != nil {
		return 0, err
	}
	db, _ := s.catalog().Database(a.name.Database)
	return gms.CollationID(db.Collation), nil
}

// convert gives all text columns, and the table, another character set.
func (a *alteration) convert(c *alterClause) error {
	to, err := a.collation(c.Name, c.To)
	if err != nil {
		return err
	}
	a.next.Collation, a.rebuild = uint16(to), true
	for i := range a.columns {
		col := &a.columns[i]
		if col.declared {
			continue
		}
		old := &a.old.Columns[col.from]
		t, ok := a.types[col.from].Type.(gms.TypeWithCollation)
		if !ok || t.Collation() == gms.Collation_binary || t.Collation() == to {
			continue
		}
		typ, err := t.WithNewCollation(to)
		if err != nil {
			return err
		}
		if old.Type == blobColumn {
			typ = widerText(old, gms.CollationID(old.Collation), to)
		}
		col.def.Type.ResolvedType, col.moved = typ, true
	}
	return nil
}

// rename takes note of the new name.
func (a *alteration) rename() error {
	return a.each(func(c *alterClause) error {
		to := QualifiedName{c.Table.Database, c.Table.Name}
		if to.Database == "" {
			to.Database = a.name.Database
		}
		if to != a.name {
			a.renamed = &to
		} else {
			a.renamed = nil
		}
		return nil
	}, replstmt.RenameTable)
}

// run makes the change in the cheapest way there is.
func (p *Provider) run(d *storage.DDL, a *alteration, now *storage.Table, made *plan.CreateTable) error {
	source := make([]int, len(a.columns))
	same := true // what is kept is stored alike
	for i := range a.columns {
		c := &a.columns[i]
		if source[i] = c.from; c.from >= 0 {
			same = same && storedAlike(&a.old.Columns[c.from], &a.next.Columns[i])
		} else {
			same = same && constantDefault(&a.next.Columns[i], made.PkSchema().Schema[i])
		}
	}
	reshapes := same && !a.rebuild && storage.Reshapes(a.old, &a.next, source)
	if err := a.allow(reshapes, same, source); err != nil {
		return err
	}
	w, err := p.newRewriter(a, now, made)
	if err != nil {
		return err
	}
	if reshapes {
		if err := w.test(d, now); err != nil {
			return err
		}
		fill, err := w.fill()
		if err != nil {
			return err
		}
		if !a.unchanged() {
			if _, err := d.Reshape(a.name.Database, a.name.Name, a.next, storage.Reshape{Source: source, Fill: fill}); err != nil {
				return err
			}
		}
	} else if err := w.rewrite(d, now); err != nil {
		return err
	}
	if a.counter > 0 {
		return d.SetAutoIncrement(a.name.Database, a.name.Name, a.counter)
	}
	return nil
}

// unchanged reports whether the definition stays as it is: ALTER TABLE … FORCE
// aside, a statement that asks for nothing.
func (a *alteration) unchanged() bool {
	old := *a.old
	return slices.EqualFunc(old.Columns, a.next.Columns, sameColumn) && sameJSON(old.Primary, a.next.Primary) &&
		slices.EqualFunc(old.Indexes, a.next.Indexes, sameIndex) && sameJSON(old.ForeignKeys, a.next.ForeignKeys) && old.Collation == a.next.Collation &&
		old.Comment == a.next.Comment && maps.Equal(old.Extra, a.next.Extra)
}

func sameColumn(a, b storage.Column) bool { return sameJSON(a, b) }

func sameIndex(a, b storage.Index) bool {
	a.ID = b.ID
	return sameJSON(a, b)
}

func sameJSON(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// storedAlike reports whether a column's values need no conversion. What
// storage.Reshapes looks at is not looked at here.
func storedAlike(o, n *storage.Column) bool {
	if o.Extra[generatedKey] != n.Extra[generatedKey] {
		return false
	}
	if o.Type != n.Type || o.Collation != n.Collation && gms.CollationID(o.Collation).CharacterSet() != gms.CollationID(n.Collation).CharacterSet() {
		return false
	}
	return !n.AutoIncrement || o.AutoIncrement
}

// constantDefault reports whether all rows get one value in a new column.
func constantDefault(c *storage.Column, g *gms.Column) bool {
	if c.AutoIncrement || g.Generated != nil {
		return false
	}
	return g.Default == nil || g.Default.IsLiteral() || isNow(g.Default)
}

// allow checks ALGORITHM and LOCK. A statement of a source has done its work
// there: what it asks of the way is not asked of us.
func (a *alteration) allow(reshapes, same bool, source []int) error {
	s, err := sessionOf(a.ctx)
	if err != nil || s.policy != nil && s.policy.Replicated() {
		return err
	}
	builds := !reshapes || a.buildsIndexes(source) || slices.ContainsFunc(a.checks, func(c check) bool { return c.test })
	copies := !same || slices.ContainsFunc(a.checks, func(c check) bool { return c.test })
	refuse := func(clause, reason, try string) error {
		if reason == "" {
			return sqlErrorf(1845, "0A000", "%s is not supported for this operation. Try %s.", clause, try)
		}
		return sqlErrorf(1846, "0A000", "%s is not supported. Reason: %s. Try %s.", clause, reason, try)
	}
	switch {
	case a.Algorithm == "INSTANT" && a.Lock != "" && a.Lock != "DEFAULT":
		return sqlErrorf(1221, "HY000", "Incorrect usage of ALGORITHM=INSTANT and LOCK=NONE/SHARED/EXCLUSIVE")
	case a.Algorithm == "INSTANT" && len(a.old.Past) >= storage.MaxPast && same:
		return sqlErrorf(4092, "HY000", "Maximum row versions reached for table %s/%s. No more columns can be added or dropped instantly. Please use COPY/INPLACE.", a.name.Database, a.name.Name)
	case a.Algorithm == "INSTANT" && copies:
		return refuse("ALGORITHM=INSTANT", "Need to rebuild the table to change column type", "ALGORITHM=COPY")
	case a.Algorithm == "INSTANT" && builds:
		return refuse("ALGORITHM=INSTANT", "", "ALGORITHM=COPY/INPLACE")
	case a.Algorithm == "INPLACE" && copies:
		return refuse("ALGORITHM=INPLACE", "Cannot change column type INPLACE", "ALGORITHM=COPY")
	case a.Lock == "NONE" && (copies || a.Algorithm == "COPY"):
		return refuse("LOCK=NONE", "COPY algorithm requires a lock", "LOCK=SHARED")
	case a.Lock == "NONE" && builds:
		return refuse("LOCK=NONE", "", "LOCK=SHARED")
	}
	return nil
}

// buildsIndexes reports whether an index is new or changes.
func (a *alteration) buildsIndexes(source []int) bool {
	for _, x := range a.next.Indexes {
		if !slices.ContainsFunc(a.old.Indexes, func(o storage.Index) bool {
			if o.Unique != x.Unique || len(o.Parts) != len(x.Parts) {
				return false
			}
			for i, p := range x.Parts {
				q := o.Parts[i]
				if source[p.Column] != q.Column || p.Prefix != q.Prefix || p.Desc != q.Desc {
					return false
				}
			}
			return true
		}) {
			return true
		}
	}
	return false
}
