package tables

import (
	"bytes"
	"context"
	"errors"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/binlog/rowimage"
	"binrelay/sql/jsondoc"
	"binrelay/sql/storage"
)

// editor changes rows of one table in the session's transaction. It is used by
// one statement.
type editor struct {
	t             *Table
	s             *Session
	err           error // of the opening
	table         *storage.Table
	zone          *time.Location
	before, after *rowimage.Builder
	cells         []rowimage.Cell
	replaces      bool   // it is that of a REPLACE
	gone          []byte // the row that a REPLACE took away last
}

var _ gms.TableEditor = (*editor)(nil)

// Inserter implements gms.InsertableTable.
func (t *Table) Inserter(ctx *gms.Context) gms.RowInserter { return t.editor(ctx) }

// Updater implements gms.UpdatableTable.
func (t *Table) Updater(ctx *gms.Context) gms.RowUpdater {
	CompareExactly(t)
	return t.editor(ctx)
}

// CompareExactly gives a table of ours its ExactSchema. It is for the time when
// the plan is made and only rows are compared by the schema.
func CompareExactly(t gms.Table) {
	if own, ok := gms.GetUnderlyingTable(t).(*Table); ok {
		own.schema = ExactSchema(own.schema)
	}
}

// ExactSchema returns a schema that tells texts apart that their collations do
// not: go-mysql-server does not write rows that compare equal, and UPDATE t SET
// s = UPPER(s) must.
func ExactSchema(s gms.Schema) gms.Schema {
	out := make(gms.Schema, len(s))
	for i, c := range s {
		out[i] = c
		if _, text := c.Type.(gms.StringType); text || types.IsJSON(c.Type) {
			exact := *c
			exact.Type = ExactType(c.Type)
			out[i] = &exact
		}
	}
	return out
}

// exactJSON is JSON compared byte by byte: 1 and 1.0 differ.
type exactJSON struct{ types.JsonType }

// Compare implements gms.Type.
func (t exactJSON) Compare(ctx context.Context, a, b any) (int, error) {
	x, isDoc := a.(jsondoc.Doc)
	y, both := b.(jsondoc.Doc)
	if !isDoc || !both {
		return t.JsonType.Compare(ctx, a, b)
	}
	return bytes.Compare(x.AppendTo(nil), y.AppendTo(nil)), nil
}

// ExactType returns a type that compares texts and JSON byte by byte, t itself
// if it is another one.
func ExactType(t gms.Type) gms.Type {
	if types.IsJSON(t) {
		return exactJSON{}
	}
	text, ok := t.(gms.StringType)
	if !ok || text.Collation() == gms.Collation_binary {
		return t
	}
	exact, err := text.(gms.TypeWithCollation).WithNewCollation(gms.Collation_utf8mb4_0900_bin)
	if err != nil {
		return t // longer than utf8mb4 can be: left as it is
	}
	return exact
}

// Deleter implements gms.DeletableTable.
func (t *Table) Deleter(ctx *gms.Context) gms.RowDeleter { return t.editor(ctx) }

// Replacer implements gms.ReplaceableTable.
func (t *Table) Replacer(ctx *gms.Context) gms.RowReplacer {
	e := t.editor(ctx)
	e.replaces = true
	return e
}

// countReplaced counts a row that a REPLACE takes away or puts in. One that
// takes the place of its like counts once, where there is one key.
func (e *editor) countReplaced(image []byte, removed bool) {
	if !e.replaces {
		return
	}
	e.s.replaced++
	if removed {
		e.gone = bytes.Clone(image)
		return
	}
	keys := 0
	for _, x := range e.table.Schema().Indexes {
		if x.Unique {
			keys++
		}
	}
	if len(e.table.Schema().Primary) > 0 {
		keys++
	}
	if keys == 1 && bytes.Equal(image, e.gone) {
		e.s.replaced--
	}
	e.gone = nil
}

// Replaced returns how many rows the REPLACE at hand took away and put in.
func (s *Session) Replaced() int { return s.replaced }

func (t *Table) editor(ctx *gms.Context) *editor {
	e := &editor{t: t}
	e.s, e.err = sessionOf(ctx)
	if e.err == nil {
		e.zone = e.s.Zone(ctx)
	}
	return e
}

// open takes the metadata lock and asks whether writing is allowed. It runs at
// the first row, so that an editor that is never used locks nothing.
func (e *editor) open(ctx *gms.Context) (*storage.Tx, error) {
	if e.err != nil {
		return nil, e.err
	}
	if e.s.ddl != nil {
		return nil, errors.New("tables: rows cannot change inside a DDL statement")
	}
	tx, err := e.s.Tx(ctx)
	if err != nil {
		return nil, err
	}
	if e.table != nil {
		return tx, nil
	}
	if e.s.policy != nil && !e.t.IsTemporary() {
		if err := e.s.policy.Write(ctx, e.s); err != nil {
			return nil, err
		}
	}
	t, err := e.t.lockDefinition(ctx, e.s, tx, storage.MetaWrite)
	if err != nil {
		return nil, err
	}
	e.table = t
	e.before, e.after = rowimage.NewBuilder(t.Layout()), rowimage.NewBuilder(t.Layout())
	return tx, nil
}

// StatementBegin implements gms.EditOpenerCloser.
func (e *editor) StatementBegin(ctx *gms.Context) {
	if e.err == nil {
		e.err = e.s.beginEdit(ctx)
	}
}

// DiscardChanges implements gms.EditOpenerCloser.
func (e *editor) DiscardChanges(_ *gms.Context, cause error) error {
	if e.s == nil {
		return e.err
	}
	return e.s.discardEdit(cause)
}

// StatementComplete implements gms.EditOpenerCloser.
func (e *editor) StatementComplete(*gms.Context) error {
	if e.s != nil {
		e.s.endEdit()
	}
	return e.err
}

// Close implements gms.Closer.
func (e *editor) Close(*gms.Context) error { return nil }

// Insert implements gms.RowInserter.
func (e *editor) Insert(ctx *gms.Context, row gms.Row) error {
	tx, err := e.open(ctx)
	if err != nil {
		return err
	}
	if err := e.checkZeroDates(ctx, row, nil); err != nil {
		return err
	}
	image, err := e.t.def.codec.encode(ctx, e.after, row, e.zone)
	if err != nil {
		return err
	}
	e.s.taken.table = nil
	err = tx.Insert(ctx, e.table, image)
	e.s.noteInsert(ctx, e.t, row, err == nil)
	if err != nil {
		return e.fail(err)
	}
	e.countReplaced(image, false)
	e.s.insertIDBack = 0
	return nil
}

// Update implements gms.RowUpdater. A row that does not change is not written.
func (e *editor) Update(ctx *gms.Context, old, row gms.Row) error {
	tx, err := e.open(ctx)
	if err != nil {
		return err
	}
	before, err := e.t.def.codec.encode(ctx, e.before, old, e.zone)
	if err != nil {
		return err
	}
	if err := e.checkZeroDates(ctx, row, old); err != nil {
		return err
	}
	after, err := e.t.def.codec.encode(ctx, e.after, row, e.zone)
	if err != nil {
		return err
	}
	if bytes.Equal(before, after) {
		return nil
	}
	err = tx.Update(ctx, e.table, before, after)
	e.s.noteUpdate(ctx, e.t, row)
	return e.fail(err)
}

// checkZeroDates refuses dates 0000-00-00 that are not in the old row, in a
// strict sql_mode with NO_ZERO_DATE.
func (e *editor) checkZeroDates(ctx *gms.Context, row, old gms.Row) error {
	for _, i := range e.t.def.codec.dates {
		if i >= len(row) || !isZeroDate(row[i]) || old != nil && isZeroDate(old[i]) {
			continue
		}
		mode := gms.LoadSqlMode(ctx)
		if !mode.Strict() || !mode.ModeEnabled("NO_ZERO_DATE") {
			return nil
		}
		c := &e.t.def.codec.columns[i]
		kind, text := "datetime", "0000-00-00 00:00:00"
		if c.kind == kindDate {
			kind, text = "date", "0000-00-00"
		}
		return sqlErrorf(1292, "22007", "Incorrect %s value: '%s' for column '%s' at row 1", kind, text, c.name)
	}
	return nil
}

func isZeroDate(v any) bool {
	t, ok := v.(time.Time)
	return ok && t.Equal(types.ZeroTime)
}

// Delete implements gms.RowDeleter.
func (e *editor) Delete(ctx *gms.Context, row gms.Row) error {
	tx, err := e.open(ctx)
	if err != nil {
		return err
	}
	image, err := e.t.def.codec.encode(ctx, e.before, row, e.zone)
	if err != nil {
		return err
	}
	if err := tx.Delete(ctx, e.table, image); err != nil {
		return e.fail(err)
	}
	e.countReplaced(image, true)
	return nil
}

// fail turns a storage error into one that go-mysql-server acts on: a duplicate
// key carries the row in the way, for IGNORE, REPLACE and ON DUPLICATE KEY.
func (e *editor) fail(err error) error {
	if err == nil {
		return nil
	}
	var dup *storage.DuplicateError
	if errors.As(err, &dup) {
		if v := e.s.insertIDBack; v != 0 {
			e.s.insertID, e.s.insertIDBack = v, 0 // the next row of an INSERT IGNORE takes the value, as in MySQL
		}
		var row gms.Row
		if dup.Existing != nil {
			row, _ = e.t.def.codec.decode(dup.Existing, &e.cells, e.t.def.all, e.zone)
		}
		return gms.NewUniqueKeyErr(dup.Error(), dup.Index < 0, row)
	}
	return keyFailure(e.s.fail(err))
}

// Truncate implements gms.TruncateableTable, for TRUNCATE TABLE alone: see
// PrepareStatement.
func (t *Table) Truncate(ctx *gms.Context) (int, error) {
	if t.IsTemporary() {
		return 0, truncateTemporary(ctx, t)
	}
	d, err := beginDDL(ctx)
	if err != nil {
		return 0, err
	}
	return 0, d.TruncateTable(t.db.name, t.name)
}

// PeekNextAutoIncrementValue implements gms.AutoIncrementGetter.
func (t *Table) PeekNextAutoIncrementValue(*gms.Context) (uint64, error) {
	return max(t.def.table.NextAutoIncrement(), 1), nil
}

// GetNextAutoIncrementValue implements gms.AutoIncrementTable. A value that the
// statement gives is left alone: the storage takes note of it with the row.
func (t *Table) GetNextAutoIncrementValue(ctx *gms.Context, given any) (uint64, error) {
	if given != nil {
		v, in, err := uint64Type.Convert(ctx, given)
		if err != nil || in != gms.InRange {
			return 0, err
		}
		return v.(uint64), nil
	}
	s, err := sessionOf(ctx)
	if err != nil {
		return 0, err
	}
	tx, err := s.Tx(ctx)
	if err != nil {
		return 0, err
	}
	increment, offset := s.autoIncrement(ctx)
	v := s.insertID
	if v != 0 {
		s.insertID += max(increment, 1)
		s.insertIDUsed, s.insertIDBack = true, v // the storage takes note of it with the row
	} else if v, err = tx.NextAutoIncrement(t.def.table, 1, increment, offset); err != nil {
		return 0, s.fail(err)
	} else {
		s.taken = taken{t.def.table, v}
	}
	if t.is(s.inserts.table) {
		s.inserts.generated = v
	}
	return v, nil
}

// autoIncrement returns auto_increment_increment and auto_increment_offset.
func (s *Session) autoIncrement(ctx *gms.Context) (increment, offset uint64) {
	read := func(name string) uint64 {
		v, err := s.GetSessionVariable(ctx, name)
		if err != nil {
			return 1
		}
		n, in, err := uint64Type.Convert(ctx, v)
		if err != nil || in != gms.InRange || n == nil {
			return 1
		}
		return n.(uint64)
	}
	increment, offset = read("auto_increment_increment"), read("auto_increment_offset")
	if offset > increment {
		offset = 1 // as MySQL: an offset above the increment is ignored
	}
	return increment, offset
}

// AutoIncrementSetter implements gms.AutoIncrementTable.
func (t *Table) AutoIncrementSetter(*gms.Context) gms.AutoIncrementSetter { return counter{t} }

// counter sets a table's AUTO_INCREMENT.
type counter struct{ t *Table }

// SetAutoIncrementValue implements gms.AutoIncrementSetter.
func (c counter) SetAutoIncrementValue(ctx *gms.Context, v uint64) error {
	if c.t.IsTemporary() {
		return c.t.changeTemporary(ctx, func(s *storage.Schema) error {
			s.AutoIncrement = v
			return nil
		})
	}
	d, err := beginDDL(ctx)
	if err != nil {
		return err
	}
	return d.SetAutoIncrement(c.t.db.name, c.t.name, v)
}

// AcquireAutoIncrementLock implements gms.AutoIncrementSetter. Values are taken
// one by one (innodb_autoinc_lock_mode = 2), which row events need no lock for.
func (counter) AcquireAutoIncrementLock(*gms.Context) (func(), error) { return func() {}, nil }

// Close implements gms.Closer.
func (counter) Close(*gms.Context) error { return nil }
