package tables

import (
	"slices"
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/binlog/rowimage"
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

// ShouldRewriteTable implements gms.RewritableTable: everything that changes
// the columns goes through a rewrite, but for a change of names, defaults and
// comments alone.
func (t *Table) ShouldRewriteTable(_ *gms.Context, oldSchema, newSchema gms.PrimaryKeySchema, oldColumn, newColumn *gms.Column) bool {
	if oldColumn == nil || newColumn == nil {
		return true
	}
	if len(oldSchema.Schema) != len(newSchema.Schema) {
		return true
	}
	a, err1 := columnOf(oldColumn)
	b, err2 := columnOf(newColumn)
	if err1 != nil || err2 != nil {
		return true
	}
	keepTimeFraction(&a, oldColumn, t.def.table.Schema())
	if !sameImage(&a, &b) {
		return true
	}
	for i, c := range newSchema.Schema {
		if c == newColumn || strings.EqualFold(c.Name, newColumn.Name) {
			return !strings.EqualFold(oldSchema.Schema[i].Name, oldColumn.Name)
		}
	}
	return true
}

// sameImage reports whether two columns store values alike.
func sameImage(a, b *storage.Column) bool {
	return a.Type == b.Type && a.Meta == b.Meta && a.Unsigned == b.Unsigned && a.Collation == b.Collation &&
		a.Nullable == b.Nullable && slices.Equal(a.Members, b.Members) && a.AutoIncrement == b.AutoIncrement
}

// RewriteInserter implements gms.RewritableTable.
func (t *Table) RewriteInserter(ctx *gms.Context, oldSchema, newSchema gms.PrimaryKeySchema, oldColumn, newColumn *gms.Column, primary []gms.IndexColumn) (gms.RowInserter, error) {
	d, next, err := t.current(ctx)
	if err != nil {
		return nil, err
	}
	before := cloneSchema(&next)
	if err := setColumns(&next, newSchema, &before); err != nil {
		return nil, err
	}
	moved := movedColumns(&before, &next, oldColumn, newColumn)
	if next.Primary, err = nextPrimary(&before, &next, newSchema, primary, moved); err != nil {
		return nil, err
	}
	next.Indexes = moveIndexes(before.Indexes, moved)
	b, err := d.Builder(t.db.name, t.name, next)
	if err != nil {
		return nil, err
	}
	def, err := t.db.p.define(b.Table())
	if err != nil {
		return nil, err
	}
	s, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	return &rebuilder{b: b, codec: def.codec, image: rowimage.NewBuilder(def.codec.layout), zone: s.Zone(ctx)}, nil
}

// movedColumns maps places of the old definition to those of the new one, -1
// for a column that is gone.
func movedColumns(before, next *storage.Schema, oldColumn, newColumn *gms.Column) []int {
	moved := make([]int, len(before.Columns))
	for i := range before.Columns {
		name := before.Columns[i].Name
		if oldColumn != nil && newColumn != nil && strings.EqualFold(name, oldColumn.Name) {
			name = newColumn.Name
		}
		moved[i] = columnPlace(next, name)
	}
	return moved
}

// nextPrimary keeps the primary key's prefix lengths through a rewrite.
func nextPrimary(before, next *storage.Schema, schema gms.PrimaryKeySchema, columns []gms.IndexColumn, moved []int) ([]storage.IndexPart, error) {
	if len(columns) > 0 {
		return partsOf(next, columns)
	}
	if len(schema.PkOrdinals) == 0 {
		return nil, nil
	}
	var out []storage.IndexPart
	for _, p := range before.Primary {
		if moved[p.Column] >= 0 {
			p.Column = moved[p.Column]
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return next.Primary, nil
	}
	return out, nil
}

// moveIndexes renumbers the columns of indexes. Columns that are gone leave
// their indexes, as in MySQL; an index without columns goes.
func moveIndexes(indexes []storage.Index, moved []int) []storage.Index {
	var out []storage.Index
	for _, x := range indexes {
		var parts []storage.IndexPart
		for _, p := range x.Parts {
			if moved[p.Column] >= 0 {
				p.Column = moved[p.Column]
				parts = append(parts, p)
			}
		}
		if len(parts) > 0 {
			x.Parts = parts
			out = append(out, x)
		}
	}
	return out
}

// rebuilder feeds the rows of a table that is being rewritten.
type rebuilder struct {
	b     *storage.Builder
	codec *codec
	image *rowimage.Builder
	zone  *time.Location
	err   error
}

// Insert implements gms.RowInserter.
func (r *rebuilder) Insert(ctx *gms.Context, row gms.Row) error {
	image, err := r.codec.encode(ctx, r.image, row, r.zone)
	if err == nil {
		err = r.b.Insert(image)
	}
	if err != nil {
		r.err = err
	}
	return err
}

// StatementBegin implements gms.EditOpenerCloser.
func (r *rebuilder) StatementBegin(*gms.Context) {}

// DiscardChanges implements gms.EditOpenerCloser: the statement fails, and its
// scope goes with what was built.
func (r *rebuilder) DiscardChanges(_ *gms.Context, err error) error {
	r.err = err
	return nil
}

// StatementComplete implements gms.EditOpenerCloser.
func (r *rebuilder) StatementComplete(*gms.Context) error { return nil }

// Close implements gms.Closer.
func (r *rebuilder) Close(*gms.Context) error {
	if r.err != nil {
		return nil
	}
	return r.b.Close()
}

// AddColumn implements gms.AlterableTable. It is not reached: adding a column
// always rewrites.
func (t *Table) AddColumn(*gms.Context, *gms.Column, *gms.ColumnOrder) error {
	return unsupported("ADD COLUMN without a rewrite")
}

// DropColumn implements gms.AlterableTable. It is not reached either.
func (t *Table) DropColumn(*gms.Context, string) error {
	return unsupported("DROP COLUMN without a rewrite")
}

// ModifyColumn implements gms.AlterableTable: a change that leaves the rows as
// they are, such as a name, a default or a comment.
func (t *Table) ModifyColumn(ctx *gms.Context, name string, c *gms.Column, order *gms.ColumnOrder) error {
	d, next, err := t.current(ctx)
	if err != nil {
		return err
	}
	i := columnPlace(&next, name)
	if i < 0 {
		return gms.ErrTableColumnNotFound.New(t.name, name)
	}
	if order != nil {
		return unsupported("moving a column without a rewrite")
	}
	old := next.Columns[i]
	col, err := columnOf(c)
	if err != nil {
		return err
	}
	if _, declared := c.Type.(DeclaredTime); !declared && col.Type == old.Type && strings.HasPrefix(old.SQLType, "time") {
		col.Meta, col.SQLType = old.Meta, old.SQLType
	}
	col.Extra = old.Extra
	if !sameImage(&old, &col) {
		return unsupported("MODIFY COLUMN without a rewrite")
	}
	next.Columns[i] = col
	_, err = d.AlterTable(t.db.name, t.name, next, nil)
	return err
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
	d, next, err := t.current(ctx)
	if err != nil {
		return err
	}
	for _, x := range next.Indexes {
		if strings.EqualFold(x.Name, def.Name) {
			return gms.ErrDuplicateKey.New(def.Name)
		}
	}
	parts, err := partsOf(&next, def.Columns)
	if err != nil {
		return err
	}
	next.Indexes = append(next.Indexes, storage.Index{
		Name: def.Name, Parts: parts, Unique: def.IsUnique(), Comment: def.Comment,
	})
	_, err = d.AlterTable(t.db.name, t.name, next, nil)
	return err
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

// DropIndex implements gms.IndexAlterableTable.
func (t *Table) DropIndex(ctx *gms.Context, name string) error {
	d, next, err := t.current(ctx)
	if err != nil {
		return err
	}
	for i, x := range next.Indexes {
		if strings.EqualFold(x.Name, name) {
			next.Indexes = slices.Delete(next.Indexes, i, i+1)
			_, err = d.AlterTable(t.db.name, t.name, next, nil)
			return err
		}
	}
	return gms.ErrIndexNotFound.New(name, t.name, t.db.name)
}

// RenameIndex implements gms.IndexAlterableTable.
func (t *Table) RenameIndex(ctx *gms.Context, from, to string) error {
	d, next, err := t.current(ctx)
	if err != nil {
		return err
	}
	found := -1
	for i, x := range next.Indexes {
		if strings.EqualFold(x.Name, to) && !strings.EqualFold(from, to) {
			return &storage.DuplicateIndexError{Name: to}
		}
		if strings.EqualFold(x.Name, from) {
			found = i
		}
	}
	if found < 0 {
		return gms.ErrIndexNotFound.New(from, t.name, t.db.name)
	}
	next.Indexes[found].Name = to
	_, err = d.AlterTable(t.db.name, t.name, next, nil)
	return err
}

// CreatePrimaryKey implements gms.PrimaryKeyAlterableTable. It is not reached:
// a primary key is added by a rewrite.
func (t *Table) CreatePrimaryKey(*gms.Context, []gms.IndexColumn) error {
	return unsupported("ADD PRIMARY KEY without a rewrite")
}

// DropPrimaryKey implements gms.PrimaryKeyAlterableTable. It is not reached.
func (t *Table) DropPrimaryKey(*gms.Context) error {
	return unsupported("DROP PRIMARY KEY without a rewrite")
}

// ModifyDefaultCollation implements gms.CollationAlterableTable: new columns
// get it.
func (t *Table) ModifyDefaultCollation(ctx *gms.Context, c gms.CollationID) error {
	return t.change(ctx, func(s *storage.Schema) { s.Collation = uint16(c) })
}

// ModifyStoredCollation implements gms.CollationAlterableTable.
func (t *Table) ModifyStoredCollation(*gms.Context, gms.CollationID) error {
	return unsupported("CONVERT TO CHARACTER SET")
}

// ModifyComment implements gms.CommentAlterableTable.
func (t *Table) ModifyComment(ctx *gms.Context, comment string) error {
	return t.change(ctx, func(s *storage.Schema) { s.Comment = comment })
}

func (t *Table) change(ctx *gms.Context, f func(*storage.Schema)) error {
	d, next, err := t.current(ctx)
	if err != nil {
		return err
	}
	f(&next)
	_, err = d.AlterTable(t.db.name, t.name, next, nil)
	return err
}
