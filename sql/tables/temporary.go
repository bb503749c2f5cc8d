package tables

import (
	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
)

var _ gms.TemporaryTableCreator = (*Database)(nil)

// temporary returns a temporary table of the session.
func (s *Session) temporary(db, name string) (*storage.Table, bool) { return s.temps.Table(db, name) }

// CreateTemporaryTable implements gms.TemporaryTableCreator. It commits
// nothing, and no log tells of it.
func (d *Database) CreateTemporaryTable(ctx *gms.Context, name string, schema gms.PrimaryKeySchema, c gms.CollationID) error {
	s, err := sessionOf(ctx)
	if err != nil {
		return err
	}
	if _, ok := s.temporary(d.name, name); ok {
		return gms.ErrTableAlreadyExists.New(name)
	}
	def, err := d.definitionOf(ctx, name, schema, nil, c, "")
	if err != nil {
		return err
	}
	return s.createTemporary(def)
}

// createTemporary adds a temporary table. A source's statements each have a
// session of their own, so theirs could not be used.
func (s *Session) createTemporary(def storage.Schema) error {
	if s.policy != nil && s.policy.Replicated() {
		return unsupported("TEMPORARY TABLE of a source")
	}
	if _, ok := s.catalog().Database(def.Database); !ok {
		return &storage.NoDatabaseError{Database: def.Database}
	}
	if s.temps == nil {
		s.temps = s.engine.NewTemporary()
		if s.tx != nil && s.tx.tx != nil {
			s.tx.tx.SetTemporary(s.temps)
		}
	}
	_, err := s.temps.Create(def)
	return err
}

// changeTemporary changes a temporary table's definition; its rows stay as
// they are.
func (t *Table) changeTemporary(ctx *gms.Context, f func(*storage.Schema) error) error {
	s, err := sessionOf(ctx)
	if err != nil {
		return err
	}
	now, ok := s.temporary(t.db.name, t.name)
	if !ok {
		return &storage.NoTableError{Database: t.db.name, Table: t.name}
	}
	next := cloneSchema(now.Schema())
	if err := f(&next); err != nil {
		return err
	}
	return s.temps.Replace(ctx, t.db.name, t.name, next, func(b *storage.Builder) error {
		return s.temps.Rows(ctx, now, b.Insert)
	})
}

// alterTemporary is Alter for a temporary table: it is built anew.
func (p *Provider) alterTemporary(ctx *gms.Context, s *Session, a *alteration, now *storage.Table, planner Planner) error {
	if err := a.each(func(*alterClause) error {
		return sqlErrorf(1215, "HY000", "Cannot add foreign key constraint")
	}, replstmt.AddForeignKey); err != nil {
		return err
	}
	if err := s.commitImplicitly(ctx); err != nil {
		return err
	}
	made, err := a.resolve(planner)
	if err != nil {
		return err
	}
	if to := a.renamed; to != nil {
		if _, ok := s.temporary(to.Database, to.Name); ok {
			return &storage.TableExistsError{Database: to.Database, Table: to.Name}
		}
		if _, ok := s.engine.Catalog().Database(to.Database); !ok {
			return &storage.NoDatabaseError{Database: to.Database}
		}
		a.next.Database, a.next.Name = to.Database, to.Name
	}
	if a.counter > 0 {
		a.next.AutoIncrement = a.counter
	}
	w, err := p.newRewriter(a, now, made)
	if err != nil {
		return err
	}
	return s.temps.Replace(ctx, a.name.Database, a.name.Name, a.next, func(b *storage.Builder) error {
		return w.each(func(fn func([]byte) error) error { return s.temps.Rows(ctx, now, fn) }, b.Insert)
	})
}

// truncateTemporary empties a temporary table; like every TRUNCATE it commits
// first.
func truncateTemporary(ctx *gms.Context, t *Table) error {
	s, err := sessionOf(ctx)
	if err != nil {
		return err
	}
	if err := s.commitImplicitly(ctx); err != nil {
		return err
	}
	next := cloneSchema(t.def.table.Schema())
	next.AutoIncrement = 0
	s.temps.Drop(t.db.name, t.name)
	_, err = s.temps.Create(next)
	return err
}

// dropTemporaries drops all temporary tables of the session.
func (s *Session) dropTemporaries() {
	s.temps.Close()
	s.temps = nil
}
