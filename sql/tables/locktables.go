package tables

import (
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/storage"
)

// LockTables is LOCK TABLES: it commits the open transaction, gives back the
// locks of an earlier LOCK TABLES and takes these, waiting at most wait for
// each. A view's tables are locked in its place. Until UnlockTables, START
// TRANSACTION or the session's end it can use the locked tables only.
func (s *Session) LockTables(ctx *gms.Context, p *Provider, want []storage.TableLock, wait time.Duration) error {
	if err := s.commitImplicitly(ctx); err != nil {
		return err
	}
	s.locks.Release()
	s.locks = nil
	var list []storage.TableLock
	for _, w := range want {
		view, ok, err := (&Database{p, w.Database}).GetViewDefinition(ctx, w.Table)
		if err != nil {
			return err
		}
		if !ok {
			list = append(list, w)
			continue
		}
		for _, t := range tablesOf(view.TextDefinition, w.Database) {
			if _, ok := s.engine.Catalog().Table(t.Database, t.Name); ok {
				list = append(list, storage.TableLock{Database: t.Database, Table: t.Name, Write: w.Write})
			}
		}
	}
	l, err := s.engine.LockTables(ctx, list, wait, s.ID())
	if err != nil {
		return err
	}
	s.locks = l
	return nil
}

// TablesLocked reports whether LOCK TABLES is in force.
func (s *Session) TablesLocked() bool { return s.locks.Held() }

// UnlockTables gives the locks back. It commits the open transaction if there
// are any, as MySQL does.
func (s *Session) UnlockTables(ctx *gms.Context) error {
	if !s.locks.Held() {
		return nil
	}
	err := s.commitImplicitly(ctx)
	s.locks.Release()
	s.locks = nil
	// The transaction that goes on knows no locks.
	return err
}

// tablesOf names the tables that a query reads.
func tablesOf(query, db string) (names []QualifiedName) {
	stmt, err := sqlparser.Parse(query)
	if err != nil {
		return nil
	}
	_ = sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) { // the visitor never fails
		if t, ok := n.(sqlparser.TableName); ok && !t.IsEmpty() {
			names = append(names, qualify(t, db))
		}
		return true, nil
	}, stmt)
	return names
}
