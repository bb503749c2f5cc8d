package tables

import (
	"io"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/binlog/rowimage"
	"binrelay/sql/storage"
)

// Table is one table as one statement sees it: a definition, perhaps a
// projection and an index lookup.
type Table struct {
	db   *Database
	name string
	def  *definition

	projected []string   // nil = all columns
	places    []int      // places of the projected columns
	schema    gms.Schema // the projected schema
	lookup    *gms.IndexLookup
}

func newTable(d *Database, def *definition) *Table {
	return &Table{db: d, name: def.table.Schema().Name, def: def, places: def.all, schema: def.schema}
}

var (
	_ gms.Table                 = (*Table)(nil)
	_ gms.PrimaryKeyTable       = (*Table)(nil)
	_ gms.ProjectedTable        = (*Table)(nil)
	_ gms.IndexAddressableTable = (*Table)(nil)
	_ gms.IndexedTable          = (*Table)(nil)
	_ gms.CommentedTable        = (*Table)(nil)
	_ gms.StatisticsTable       = (*Table)(nil)
	_ gms.InsertableTable       = (*Table)(nil)
	_ gms.UpdatableTable        = (*Table)(nil)
	_ gms.DeletableTable        = (*Table)(nil)
	_ gms.ReplaceableTable      = (*Table)(nil)
	_ gms.TruncateableTable     = (*Table)(nil)
	_ gms.AutoIncrementTable    = (*Table)(nil)
	_ gms.IndexAlterableTable   = (*Table)(nil)
)

// Name implements gms.Nameable.
func (t *Table) Name() string { return t.name }

// String implements fmt.Stringer.
func (t *Table) String() string { return t.name }

// Schema implements gms.Table.
func (t *Table) Schema(*gms.Context) gms.Schema { return t.schema }

// Collation implements gms.Table.
func (t *Table) Collation() gms.CollationID {
	return gms.CollationID(t.def.table.Schema().Collation)
}

// Comment implements gms.CommentedTable.
func (t *Table) Comment() string { return t.def.table.Schema().Comment }

// PrimaryKeySchema implements gms.PrimaryKeyTable.
func (t *Table) PrimaryKeySchema(*gms.Context) gms.PrimaryKeySchema {
	s := t.def.table.Schema()
	places := make([]int, len(s.Primary))
	for i, p := range s.Primary {
		places[i] = p.Column
	}
	return gms.NewPrimaryKeySchema(t.def.schema, places...)
}

// WithProjections implements gms.ProjectedTable.
func (t *Table) WithProjections(_ *gms.Context, names []string) (gms.Table, error) {
	out := *t
	out.projected = names
	out.places = make([]int, len(names))
	out.schema = make(gms.Schema, len(names))
	for i, n := range names {
		p := columnPlace(t.def.table.Schema(), n)
		if p < 0 {
			return nil, gms.ErrTableColumnNotFound.New(t.name, n)
		}
		out.places[i], out.schema[i] = p, t.def.schema[p]
	}
	return &out, nil
}

// Projections implements gms.ProjectedTable.
func (t *Table) Projections() []string { return t.projected }

// IsTemporary implements gms.TemporaryTable; READ ONLY transactions ask.
func (t *Table) IsTemporary() bool { return t.def.table.Temporary() }

// Database returns the name of the table's database.
func (t *Table) Database() string { return t.db.name }

// DataLength implements gms.StatisticsTable, in bytes.
func (t *Table) DataLength(ctx *gms.Context) (uint64, error) {
	n, _, err := t.RowCount(ctx)
	return n * uint64(16*len(t.def.schema)+24), err
}

// RowCount implements gms.StatisticsTable: an estimate.
func (t *Table) RowCount(*gms.Context) (uint64, bool, error) {
	return t.db.p.engine.EstimateRows(t.def.table), false, nil
}

// partition is all of a table, or the ranges of one lookup.
type partition struct{ lookup *gms.IndexLookup }

// Key implements gms.Partition.
func (partition) Key() []byte { return []byte{0} }

// partitions yields one partition.
type partitions struct {
	p    partition
	done bool
}

// Next implements gms.PartitionIter.
func (it *partitions) Next(*gms.Context) (gms.Partition, error) {
	if it.done {
		return nil, io.EOF
	}
	it.done = true
	return it.p, nil
}

// Close implements gms.PartitionIter.
func (it *partitions) Close(*gms.Context) error { return nil }

// Partitions implements gms.Table: there is one.
func (t *Table) Partitions(*gms.Context) (gms.PartitionIter, error) {
	return &partitions{p: partition{t.lookup}}, nil
}

// LookupPartitions implements gms.IndexedTable.
func (t *Table) LookupPartitions(_ *gms.Context, l gms.IndexLookup) (gms.PartitionIter, error) {
	return &partitions{p: partition{&l}}, nil
}

// IndexedAccess implements gms.IndexAddressable.
func (t *Table) IndexedAccess(_ *gms.Context, l gms.IndexLookup) gms.IndexedTable {
	out := *t
	if l.Index != nil {
		out.lookup = &l
	}
	return &out
}

// PreciseMatch implements gms.IndexAddressable. Filters stay in the plan: a
// locking read may return a newer version of a row than the index entry it
// found, and the ranges of prefix indexes are wider than their conditions.
func (t *Table) PreciseMatch() bool { return false }

// PartitionRows implements gms.Table.
func (t *Table) PartitionRows(ctx *gms.Context, p gms.Partition) (gms.RowIter, error) {
	s, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	it := &rowIter{t: t, s: s, index: -1, ranges: fullRange, zone: s.Zone(ctx)}
	if part, ok := p.(partition); ok && part.lookup != nil {
		if it.index, it.ranges, err = t.rangesOf(ctx, part.lookup, it.zone); err != nil {
			return nil, err
		}
		it.opts.Reverse = part.lookup.IsReverse
	}
	if it.opts.Reverse {
		reverse(it.ranges)
	}
	it.opts.Lock, it.opts.Policy = s.readLock(t), s.read.Policy
	if it.tx, it.table, err = t.reader(ctx, s, it.opts.Lock); err != nil {
		return nil, err
	}
	return it, nil
}

var fullRange = []storage.Range{{}}

func reverse(r []storage.Range) {
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
}

// reader returns the transaction to read with and the table's definition, which
// must still be the one that the statement was planned with.
func (t *Table) reader(ctx *gms.Context, s *Session, l storage.LockMode) (*storage.Tx, *storage.Table, error) {
	if s.ddl != nil {
		return s.reader(), t.def.table, nil
	}
	tx, err := s.Tx(ctx)
	if err != nil {
		return nil, nil, err
	}
	lock := storage.MetaRead
	if l == storage.LockExclusive || l == storage.LockShared && !s.locks.Held() {
		lock = storage.MetaWrite
	}
	now, err := t.lockDefinition(ctx, s, tx, lock)
	return tx, now, err
}

// lockDefinition takes the metadata lock. A definition that changed between
// planning and now fails the statement; the client tries again.
func (t *Table) lockDefinition(ctx *gms.Context, s *Session, tx *storage.Tx, l storage.MetaLock) (*storage.Table, error) {
	now, err := tx.LockTable(ctx, t.db.name, t.name, l)
	if err != nil {
		return nil, s.fail(err)
	}
	if a, b := now.Schema(), t.def.table.Schema(); a.ID != b.ID || a.Version != b.Version {
		return nil, storage.ErrTableChanged
	}
	return now, nil
}

// rowIter walks the rows of one or more key ranges.
type rowIter struct {
	t      *Table
	s      *Session
	tx     *storage.Tx
	table  *storage.Table
	index  int
	ranges []storage.Range
	opts   storage.ScanOptions
	zone   *time.Location

	it    *storage.Iter
	cells []rowimage.Cell
}

// Next implements gms.RowIter.
func (r *rowIter) Next(ctx *gms.Context) (gms.Row, error) {
	for {
		if r.it == nil {
			if len(r.ranges) == 0 {
				return nil, io.EOF
			}
			r.it = r.tx.Scan(ctx, r.table, r.index, r.ranges[0], r.opts)
			r.ranges = r.ranges[1:]
			r.s.opened(r)
		}
		if r.it.Next() {
			return r.t.def.codec.decode(r.it.Image(), &r.cells, r.t.places, r.zone)
		}
		if err := r.end(); err != nil {
			return nil, r.s.fail(err)
		}
	}
}

// end closes the scan of one range.
func (r *rowIter) end() error {
	err := r.it.Close()
	r.it = nil
	delete(r.s.scans, r)
	return err
}

// Close implements gms.RowIter.
func (r *rowIter) Close(*gms.Context) error {
	r.ranges = nil
	if r.it == nil {
		return nil
	}
	return r.end()
}

// GetIndexes implements gms.IndexAddressable: the primary key first.
func (t *Table) GetIndexes(*gms.Context) ([]gms.Index, error) {
	s := t.def.table.Schema()
	out := make([]gms.Index, 0, len(s.Indexes)+1)
	if len(s.Primary) > 0 {
		out = append(out, newIndex(t, -1, "PRIMARY", s.Primary, true, ""))
	}
	for i := range s.Indexes {
		x := &s.Indexes[i]
		out = append(out, newIndex(t, i, x.Name, x.Parts, x.Unique, x.Comment))
	}
	return out, nil
}
