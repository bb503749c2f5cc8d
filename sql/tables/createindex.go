package tables

import (
	"slices"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/storage"
)

var uint64Type = types.Uint64

// current returns the statement's DDL scope and the table's definition in it:
// an ALTER with several clauses calls several methods on tables that were
// looked up before the first. What they were planned on must still be so once
// the table is locked.
func (t *Table) current(ctx *gms.Context) (*storage.DDL, storage.Schema, error) {
	d, err := beginDDL(ctx)
	if err != nil {
		return nil, storage.Schema{}, err
	}
	if err := d.LockPlanned(t.def.table); err != nil {
		return nil, storage.Schema{}, err
	}
	now, ok := d.Catalog().Table(t.db.name, t.name)
	if !ok {
		return nil, storage.Schema{}, &storage.NoTableError{Database: t.db.name, Table: t.name}
	}
	return d, cloneSchema(now.Schema()), nil
}

func cloneSchema(s *storage.Schema) storage.Schema {
	out := *s
	out.Columns = slices.Clone(s.Columns)
	out.Primary = slices.Clone(s.Primary)
	out.Indexes = slices.Clone(s.Indexes)
	for i := range out.Indexes {
		out.Indexes[i].Parts = slices.Clone(out.Indexes[i].Parts)
	}
	return out
}

// CreateIndex implements gms.IndexAlterableTable.
func (t *Table) CreateIndex(ctx *gms.Context, def gms.IndexDef) error {
	switch {
	case def.IsFullText():
		return unsupported("FULLTEXT index")
	case def.IsSpatial():
		return unsupported("SPATIAL index")
	case def.IsVector():
		return unsupported("VECTOR index")
	case def.Predicate != nil:
		return unsupported("partial index")
	}
	add := func(next *storage.Schema) error {
		for _, x := range next.Indexes {
			if strings.EqualFold(x.Name, def.Name) {
				return gms.ErrDuplicateKey.New(def.Name)
			}
		}
		parts, err := partsOf(next, def.Columns)
		if err != nil {
			return err
		}
		for i, desc := range descending(ctx, def.Name, def.Columns) {
			parts[i].Desc = desc
		}
		next.Indexes = append(next.Indexes, storage.Index{
			Name: def.Name, Parts: parts, Unique: def.IsUnique(), Comment: def.Comment,
		})
		return nil
	}
	return t.change(ctx, add)
}

// partsOf resolves index columns.
func partsOf(s *storage.Schema, columns []gms.IndexColumn) ([]storage.IndexPart, error) {
	parts := make([]storage.IndexPart, len(columns))
	for i, c := range columns {
		if c.Expression != nil {
			return nil, unsupported("functional index")
		}
		p := columnPlace(s, c.Name)
		if p < 0 {
			return nil, gms.ErrKeyColumnDoesNotExist.New(c.Name)
		}
		parts[i] = storage.IndexPart{Column: p, Prefix: int(c.Length)}
	}
	return parts, nil
}

// descending reports which columns of a key CREATE TABLE declares as
// descending: go-mysql-server does not say.
func descending(ctx *gms.Context, name string, columns []gms.IndexColumn) []bool {
	out := make([]bool, len(columns))
	s, err := sessionOf(ctx)
	if err != nil || !startsWith(s.query, "CREATE") || !strings.Contains(strings.ToUpper(s.query), "DESC") {
		return out
	}
	stmt, err := parseDefinition(s.query)
	ddl, ok := stmt.(*sqlparser.DDL)
	if err != nil || !ok || ddl.TableSpec == nil {
		return out
	}
	for _, x := range ddl.TableSpec.Indexes {
		same := len(x.Fields) == len(columns) && (x.Info.Primary == (name == "")) &&
			(x.Info.Primary || x.Info.Name.String() == "" || strings.EqualFold(x.Info.Name.String(), name))
		for i := range columns {
			same = same && strings.EqualFold(x.Fields[i].Column.String(), columns[i].Name)
		}
		for i := 0; same && i < len(columns); i++ {
			out[i] = strings.EqualFold(x.Fields[i].Order, sqlparser.DescScr)
		}
	}
	return out
}

// DropIndex implements gms.IndexAlterableTable. It is not reached: see Alter.
func (t *Table) DropIndex(*gms.Context, string) error { return unsupported("DROP INDEX") }

// RenameIndex implements gms.IndexAlterableTable. It is not reached: see Alter.
func (t *Table) RenameIndex(*gms.Context, string, string) error {
	return unsupported("RENAME INDEX")
}

// change changes the table's definition, its rows staying as they are.
func (t *Table) change(ctx *gms.Context, f func(*storage.Schema) error) error {
	if t.IsTemporary() {
		return t.changeTemporary(ctx, f)
	}
	d, next, err := t.current(ctx)
	if err != nil {
		return err
	}
	if err := f(&next); err != nil {
		return err
	}
	_, err = d.AlterTable(t.db.name, t.name, next, nil)
	return err
}
