package tables

import (
	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/sql/storage"
)

// ddlScope is one statement's changes to the catalog. go-mysql-server carries
// a statement out by several method calls; all of them edit this scope, and the
// statement's end commits it once.
type ddlScope struct {
	d       *storage.DDL
	kv      map[string][]byte // settings changed in this scope; nil value = deleted
	created map[QualifiedName]bool
	// after runs once the scope is committed.
	after []func()
	// undone runs when it is abandoned, or its commit fails.
	undone []func()
}

// BeginDDL opens the statement's DDL scope, unless it is open. The transaction
// before it is committed (an implicit commit).
func (s *Session) BeginDDL(ctx *gms.Context) (*storage.DDL, error) { return s.beginDDL(ctx, "") }

// beginDDL opens the scope. db, if not empty, is the database that a CREATE,
// ALTER or DROP DATABASE names: it takes the place of the default database in
// the binlog and in its filters, as in MySQL.
func (s *Session) beginDDL(ctx *gms.Context, db string) (*storage.DDL, error) {
	if s.ddl != nil {
		return s.ddl.d, nil
	}
	if s.policy != nil {
		if err := s.policy.Write(ctx, s); err != nil {
			return nil, err
		}
	}
	if err := s.commitImplicitly(ctx); err != nil {
		return nil, err
	}
	var st storage.DDLStatement
	if s.policy != nil {
		st = s.policy.DDL(ctx, s)
	} else {
		st = storage.DDLStatement{Text: s.query, DB: s.GetCurrentDatabase()}
	}
	if db != "" && st.Origin == nil {
		st.DB, st.FilterDB, st.NoUse = db, db, true
	}
	st.Locks, st.NoForeignKeys = s.locks, !s.checksKeys(ctx)
	if db != "" && s.locks.Held() {
		return nil, sqlErrorf(1192, "HY000", "Can't execute the given command because you have active locked tables or an active transaction")
	}
	d, err := s.engine.BeginDDL(ctx, st)
	if err != nil {
		return nil, err
	}
	s.ddl = &ddlScope{d: d}
	return d, nil
}

// CommitImplicitly commits the open transaction, for statements that do so
// without a DDL scope.
func (s *Session) CommitImplicitly(ctx *gms.Context) error { return s.commitImplicitly(ctx) }

// OnCommit registers a function that runs after the statement's DDL scope is
// committed; on failure or abort, the other one runs. A scope must be open.
func (s *Session) OnCommit(done, undone func()) {
	if done != nil {
		s.ddl.after = append(s.ddl.after, done)
	}
	if undone != nil {
		s.ddl.undone = append(s.ddl.undone, undone)
	}
}

// commitImplicitly commits the open transaction, as every DDL statement does
// first. The statement goes on with a fresh one.
func (s *Session) commitImplicitly(ctx *gms.Context) error {
	if s.tx == nil || s.tx.done {
		return nil
	}
	if err := s.commit(ctx); err != nil {
		return err
	}
	s.SetIgnoreAutoCommit(false)
	t, err := s.StartTransaction(ctx, gms.ReadWrite)
	if err != nil {
		return err
	}
	s.BaseSession.SetTransaction(t)
	return nil
}

// CommitDDL commits the statement's DDL scope, if one is open.
func (s *Session) CommitDDL(ctx *gms.Context) error {
	if s.ddl == nil {
		return nil
	}
	return s.commitDDL(ctx)
}

func (s *Session) commitDDL(ctx *gms.Context) error {
	s.closeReader()
	scope := s.ddl
	s.ddl = nil
	if s.tx != nil {
		s.tx.rollback()
	}
	r, err := scope.d.Commit(ctx)
	if err != nil {
		scope.d.Rollback()
		scope.abandoned()
		return err
	}
	scope.committed()
	if s.policy != nil {
		s.policy.Committed(ctx, s, r)
	}
	return nil
}

// dropDDL abandons an open scope.
func (s *Session) dropDDL() {
	s.closeReader()
	if s.ddl == nil {
		return
	}
	scope := s.ddl
	s.ddl = nil
	scope.d.Rollback()
	scope.abandoned()
}

// AbortDDL abandons the statement's DDL scope, if one is open.
func (s *Session) AbortDDL() { s.dropDDL() }

// reader is a transaction that reads rows inside a DDL scope: the scope holds
// the metadata locks, and what it has built is in the store already.
func (s *Session) reader() *storage.Tx {
	if s.rowReader == nil {
		s.rowReader = s.engine.Begin(storage.TxOptions{Isolation: storage.ReadCommitted, ReadOnly: true})
	}
	s.rowReader.BeginStatement()
	return s.rowReader
}

func (s *Session) closeReader() {
	if s.rowReader != nil {
		s.rowReader.Rollback()
		s.rowReader = nil
	}
}

// catalog returns the definitions that the statement sees.
func (s *Session) catalog() *storage.Catalog {
	if s.ddl != nil {
		return s.temps.Catalog(s.ddl.d.Catalog())
	}
	if s.tx != nil && s.tx.scope != nil && !s.tx.done {
		return s.temps.Catalog(s.tx.tx.Catalog())
	}
	return s.temps.Catalog(s.engine.Catalog())
}

// Definition returns a table's definition as the statement sees it.
func (s *Session) Definition(db, name string) (*storage.Schema, bool) {
	t, ok := s.catalog().Table(db, name)
	if !ok {
		return nil, false
	}
	return t.Schema(), true
}

// putKV changes settings in the statement's DDL scope.
func (s *Session) putKV(ctx *gms.Context, key string, value []byte) error {
	d, err := s.BeginDDL(ctx)
	if err != nil {
		return err
	}
	if s.ddl.kv == nil {
		s.ddl.kv = make(map[string][]byte)
	}
	s.ddl.kv[key] = value
	d.PutKV(storage.KV{Key: key, Value: value})
	return nil
}

// PutKV changes a setting in the statement's DDL scope, opening one if needed;
// a nil value deletes it.
func (s *Session) PutKV(ctx *gms.Context, key string, value []byte) error {
	return s.putKV(ctx, key, value)
}
