package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/rowimage"
	"binrelay/sql/storage/lock"
)

// buildBatch is how many bytes are built before they are written, in bytes.
const buildBatch = 4 << 20

// Builder fills a table that is being rebuilt. Nothing of it is visible before
// its scope commits.
type Builder struct {
	d      *DDL
	old    *Table
	t      *Table
	b      *pebble.Batch
	cells  []rowimage.Cell
	closed bool
}

// Builder replaces a table's definition and rows by next and by the rows that
// the caller feeds. It takes the place of AlterTable with convert. Until Commit
// others may read the table, but not change it.
func (d *DDL) Builder(db, name string, next Schema) (*Builder, error) {
	old, err := d.lockTable(db, name, lock.SIX)
	if err != nil {
		return nil, err
	}
	return d.builder(old, next)
}

func (d *DDL) builder(old *Table, next Schema) (*Builder, error) {
	s := next.own()
	s.Database, s.Name = old.schema.Database, old.schema.Name
	s.AutoIncrement = max(s.AutoIncrement, old.NextAutoIncrement())
	t, err := d.newTable(s)
	if err != nil {
		return nil, err
	}
	d.built = append(d.built, s.ID)
	for _, x := range s.Indexes {
		d.built = append(d.built, x.ID)
	}
	d.upgrade = append(d.upgrade, metaName{s.Database, s.Name})
	d.dirty = true
	return &Builder{d: d, old: old, t: t, b: d.ts.e.db.NewIndexedBatch()}, nil
}

// Table returns the new definition.
func (b *Builder) Table() *Table { return b.t }

// Insert adds a row (*DuplicateError).
func (b *Builder) Insert(image []byte) error {
	if b.closed {
		return ErrTxDone
	}
	t := b.t
	var err error
	if b.cells, err = t.layout.Cut(image, b.cells[:0]); err != nil {
		return err
	}
	var key []byte
	if t.primary == nil {
		id, err := t.newRowID()
		if err != nil {
			return err
		}
		key = binary.BigEndian.AppendUint64(appendID(nil, rowSpace, t.schema.ID), id)
		if err := b.b.Set(t.hashKey(nil, image, b.cells, key[idPrefix:]), nil, nil); err != nil {
			return err
		}
	} else {
		if key, err = t.appendRowKey(nil, image, b.cells); err != nil {
			return err
		}
		if found, err := fetch(b.b, key); err != nil {
			return err
		} else if found != nil {
			return t.duplicateError(-1, image, b.cells, nil)
		}
	}
	for i := range t.indexes {
		if err := addEntry(b.b, t, i, image, b.cells, key[idPrefix:]); err != nil {
			return err
		}
	}
	if err := t.bump(image, b.cells); err != nil {
		return err
	}
	if err := b.b.Set(key, appendRow(nil, t.schema.Version, image), nil); err != nil {
		return err
	}
	return b.d.spill(&b.b, buildBatch)
}

// addEntry adds a row's entry of one index to an indexed batch.
func addEntry(b *pebble.Batch, t *Table, i int, image []byte, cells []rowimage.Cell, pk []byte) error {
	key, unique, err := t.indexKey(nil, i, image, cells, pk)
	if err != nil {
		return err
	}
	if unique {
		if found, err := fetch(b, key); err != nil {
			return err
		} else if found != nil {
			return t.duplicateError(i, image, cells, nil)
		}
	}
	return b.Set(key, t.indexValue(i, pk), nil)
}

// spill writes the batch once it holds more than limit bytes, and begins another.
func (d *DDL) spill(b **pebble.Batch, limit int) error {
	if (*b).Len() <= limit {
		return nil
	}
	if err := d.ctx.Err(); err != nil {
		return err
	}
	if err := d.ts.e.db.Apply(*b, pebble.NoSync); err != nil {
		return fmt.Errorf("build table: %w", err)
	}
	if err := (*b).Close(); err != nil {
		return err
	}
	*b = d.ts.e.db.NewIndexedBatch()
	return nil
}

// Close ends the rows. The scope's Commit makes them durable and switches to
// them; without Close they are not part of it.
func (b *Builder) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	if err := b.t.writeCounter(b.b); err != nil {
		return err
	}
	err := b.d.spill(&b.b, math.MinInt)
	_ = b.b.Close()
	if err != nil {
		return err
	}
	b.d.drop(b.old)
	b.d.change(catalogOp{put: b.t})
	return nil
}

// AlterTable replaces a table's definition. With convert every row is rewritten
// through it under a new id. Without, columns must keep their row image, and
// only those indexes are built or dropped that differ in parts, uniqueness or
// columns; a changed primary key moves all rows. The table keeps its name.
// Others may read it meanwhile, but not change it. Errors: as CreateTable,
// *NoTableError, *DuplicateError, and what convert returns.
func (d *DDL) AlterTable(db, name string, next Schema, convert func(old []byte) ([]byte, error)) (*Table, error) {
	old, err := d.lockTable(db, name, lock.SIX)
	if err != nil {
		return nil, err
	}
	if convert == nil {
		if err := sameImages(old.schema, &next); err != nil {
			return nil, err
		}
		if sameKey(old.schema, &next, old.schema.Primary, next.Primary, places(len(next.Columns))) {
			return d.alterIndexes(old, next, nil)
		}
		convert = func(image []byte) ([]byte, error) { return image, nil }
	}
	b, err := d.builder(old, next)
	if err != nil {
		return nil, err
	}
	err = d.eachRow(old, func(_, image []byte) error {
		image, err := convert(image)
		if err != nil {
			return err
		}
		return b.Insert(image)
	})
	if err != nil {
		_ = b.b.Close()
		return nil, err
	}
	return b.t, b.Close()
}

// Reshape replaces a table's definition without touching its rows: they are
// read through the reshape from now on. A table without primary key is found by
// its rows' bytes, so its columns cannot change like that, nor can those of one
// with MaxPast older layouts, or the primary key: see Reshapes. Indexes are
// built and dropped as by AlterTable.
func (d *DDL) Reshape(db, name string, next Schema, r Reshape) (*Table, error) {
	old, err := d.lockTable(db, name, lock.SIX)
	if err != nil {
		return nil, err
	}
	if r.trivial(old.schema) {
		return d.alterIndexes(old, next, nil)
	}
	if !Reshapes(old.schema, &next, r.Source) {
		return nil, &DefinitionError{1105, "rows must be converted"}
	}
	return d.alterIndexes(old, next, &r)
}

// Reshapes reports whether rows of old can be read as rows of next, whose
// columns come from the given places of old (-1: new columns).
func Reshapes(old, next *Schema, source []int) bool {
	trivial := (&Reshape{Source: source}).trivial(old)
	if !trivial && (len(old.Primary) == 0 || len(old.Past) >= MaxPast) {
		return false
	}
	for i, from := range source {
		if from >= 0 && !SameImage(&old.Columns[from], &next.Columns[i]) {
			return false
		}
	}
	return sameKey(old, next, old.Primary, next.Primary, source)
}

// Rows calls fn with the image of every row of a table that this scope has
// locked, as the table's definition has it. The image is valid during the call.
func (d *DDL) Rows(t *Table, fn func(image []byte) error) error {
	return d.eachRow(t, func(_, image []byte) error { return fn(image) })
}

// eachRow calls fn for every committed row; the table is locked against writes.
func (d *DDL) eachRow(t *Table, fn func(key, image []byte) error) error {
	low, high := idBounds(rowSpace, t.schema.ID)
	it, err := d.ts.e.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
	if err != nil {
		return err
	}
	defer it.Close()
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		if n++; n&0x3ff == 0 && d.ctx.Err() != nil {
			return context.Cause(d.ctx)
		}
		_, image, err := t.split(it.Value())
		if err != nil {
			return err
		}
		if err := fn(it.Key(), image); err != nil {
			return err
		}
	}
	return it.Error()
}

// alterIndexes is AlterTable when rows stay where and as they are.
func (d *DDL) alterIndexes(old *Table, next Schema, r *Reshape) (*Table, error) {
	s := next.own()
	s.ID, s.Version = old.schema.ID, old.schema.Version+1
	s.Database, s.Name = old.schema.Database, old.schema.Name
	s.AutoIncrement = old.schema.AutoIncrement
	source := places(len(s.Columns))
	if r != nil {
		source = r.Source
	}
	kept := make(map[TableID]bool)
	var build []int
	for i := range s.Indexes {
		x := &s.Indexes[i]
		x.ID = 0
		if o := sameIndex(old.schema, s, x, source, kept); o != nil {
			x.ID, kept[o.ID] = o.ID, true
			continue
		}
		build = append(build, i)
	}
	count := old.count
	if a := autoColumn(s); a < 0 && autoColumn(old.schema) >= 0 || a >= 0 && source[a] != autoColumn(old.schema) {
		count = &counters{db: d.ts.e.db}
	}
	s.Past = nil
	t, err := compileTable(s, d.ts.e.o.Weigh, count)
	if err != nil {
		return nil, err
	}
	if err := reshape(old, s, t.layout, r); err != nil {
		return nil, err
	}
	if err := t.compilePast(); err != nil {
		return nil, err
	}
	for _, i := range build {
		s.Indexes[i].ID = d.ts.newID()
	}
	d.upgrade = append(d.upgrade, metaName{s.Database, s.Name})
	if err := d.buildIndexes(t, build); err != nil {
		return nil, err
	}
	if t.auto >= 0 && count != old.count {
		used, err := t.maxAuto(d.ctx)
		if err != nil {
			return nil, err
		}
		s.AutoIncrement = max(next.AutoIncrement, used+1)
	}
	for _, x := range old.schema.Indexes {
		if !kept[x.ID] {
			d.drops = append(d.drops, x.ID)
		}
	}
	d.change(catalogOp{put: t})
	return t, nil
}

// buildIndexes fills new indexes of t, whose rows are there.
func (d *DDL) buildIndexes(t *Table, which []int) error {
	if len(which) == 0 {
		return nil
	}
	d.dirty = true
	for _, i := range which {
		d.built = append(d.built, t.schema.Indexes[i].ID)
	}
	b := d.ts.e.db.NewIndexedBatch()
	defer func() { _ = b.Close() }()
	var cells []rowimage.Cell
	err := d.eachRow(t, func(key, image []byte) error {
		var err error
		if cells, err = t.layout.Cut(image, cells[:0]); err != nil {
			return err
		}
		for _, i := range which {
			if err := addEntry(b, t, i, image, cells, key[idPrefix:]); err != nil {
				return err
			}
		}
		return d.spill(&b, buildBatch)
	})
	if err != nil {
		return err
	}
	return d.spill(&b, math.MinInt)
}

func autoColumn(s *Schema) int {
	for i := range s.Columns {
		if s.Columns[i].AutoIncrement {
			return i
		}
	}
	return -1
}

// places returns the numbers below n.
func places(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// sameIndex finds an index of old that has the entries x would have, by name
// first. source says where the columns of s come from.
func sameIndex(old, s *Schema, x *Index, source []int, taken map[TableID]bool) *Index {
	var found *Index
	for i := range old.Indexes {
		o := &old.Indexes[i]
		if taken[o.ID] || o.Unique != x.Unique || !sameKey(old, s, o.Parts, x.Parts, source) {
			continue
		}
		if o.Name == x.Name {
			return o
		}
		if found == nil {
			found = o
		}
	}
	return found
}

// sameKey reports whether two lists of key parts encode alike.
func sameKey(old, next *Schema, a, b []IndexPart, source []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if b[i].Column >= len(source) || source[b[i].Column] != a[i].Column || a[i].Prefix != b[i].Prefix || a[i].Desc != b[i].Desc {
			return false
		}
		o, n := &old.Columns[a[i].Column], &next.Columns[b[i].Column]
		if o.Type != n.Type || o.Unsigned != n.Unsigned || o.Collation != n.Collation || o.Nullable != n.Nullable {
			return false
		}
		if o.Meta != n.Meta && o.Type != gomysql.MYSQL_TYPE_VARCHAR {
			return false
		}
	}
	return true
}

// sameImages fails when rows of one definition are no rows of the other.
func sameImages(old, next *Schema) error {
	if len(old.Columns) != len(next.Columns) {
		return &DefinitionError{1105, "columns were added or removed: rows must be converted"}
	}
	for i := range old.Columns {
		if !SameImage(&old.Columns[i], &next.Columns[i]) {
			return &DefinitionError{1105, fmt.Sprintf("column '%s' changes: rows must be converted", old.Columns[i].Name)}
		}
	}
	return nil
}

// SameImage reports whether values of one column are stored as values of the
// other, its character set aside.
func SameImage(o, n *Column) bool {
	same := o.Type == n.Type && o.Unsigned == n.Unsigned && (o.Meta == n.Meta || sameLength(o, n)) && (n.Nullable || !o.Nullable)
	if same && len(o.Members) > 0 {
		same = len(n.Members) >= len(o.Members) && bytes.Equal(memberBytes(o.Members), memberBytes(n.Members[:len(o.Members)]))
	}
	return same
}

// sameLength reports whether a string column only becomes longer, with as many
// length bytes.
func sameLength(o, n *Column) bool {
	return (o.Type == gomysql.MYSQL_TYPE_VARCHAR || o.Type == gomysql.MYSQL_TYPE_STRING) && n.Meta > o.Meta && (o.Meta < 256) == (n.Meta < 256)
}

func memberBytes(m []string) []byte {
	var b []byte
	for _, s := range m {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}
