package sql

import (
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
)

// lockTables is LOCK TABLES.
func (s *Session) lockTables(ctx *gms.Context, st *replstmt.LockTables) error {
	p := policy{s.server, s}
	want := make([]storage.TableLock, 0, len(st.Tables))
	names := make(map[string]bool)
	for _, t := range st.Tables {
		db := t.Database
		if db == "" {
			db = ctx.GetCurrentDatabase()
		}
		if db == "" {
			return gms.ErrNoDatabaseSelected.New()
		}
		name := t.Name
		if t.Alias != "" {
			name = t.Alias
		}
		if _, ok := names[db+"."+name]; ok {
			return sqlError(1066, "42000", "Not unique table/alias: '%s'", name)
		}
		names[db+"."+name] = t.Write
		if err := s.authorizeTable(ctx, db, t.Name, gms.PrivilegeType_Select, gms.PrivilegeType_LockTables); err != nil {
			return err
		}
		if strings.EqualFold(db, "mysql") || strings.EqualFold(db, "information_schema") {
			continue // these are not ours to lock
		}
		if t.Write {
			if err := p.Write(ctx, s.Session); err != nil {
				return err
			}
		}
		want = append(want, storage.TableLock{Database: db, Table: t.Name, Write: t.Write})
	}
	s.lockNames = nil
	if err := s.LockTables(ctx, s.server.provider, want, p.metaWait(ctx)); err != nil {
		return err
	}
	s.lockNames = names
	return nil
}

// lockedNames fails when the statement, under LOCK TABLES, uses a table by a
// name that was not locked: an alias is another name. Whether tables are locked
// at all, and strongly enough, the storage checks.
func (s *Session) lockedNames(ctx *gms.Context) error {
	if !s.TablesLocked() {
		return nil
	}
	text, _ := replstmt.RewriteForShare(s.Query())
	stmt, err := sqlparser.Parse(text)
	if err != nil {
		return nil
	}
	common := make(map[string]bool) // table expressions of WITH
	var bad error
	check := func(t sqlparser.TableName, as sqlparser.TableIdent, write bool) {
		db, name := t.DbQualifier.String(), t.Name.String()
		if db == "" && common[strings.ToLower(name)] || bad != nil {
			return
		}
		if db == "" {
			db = ctx.GetCurrentDatabase()
		}
		if _, ok := s.server.o.Engine.Catalog().Database(db); !ok {
			return // not ours
		}
		if !as.IsEmpty() {
			name = as.String()
		}
		locked, ok := s.lockNames[db+"."+name]
		switch {
		case !ok:
			bad = &storage.NotLockedError{Table: name}
		case write && !locked:
			bad = &storage.ReadLockedError{Table: name}
		}
	}
	_ = sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) { // the visitor never fails
		switch n := n.(type) {
		case *sqlparser.CommonTableExpr:
			common[strings.ToLower(n.As.String())] = true
		case *sqlparser.Insert:
			check(n.Table, sqlparser.TableIdent{}, true)
		case *sqlparser.Update:
			checkTarget(n.TableExprs, check)
		case *sqlparser.Delete:
			checkTarget(n.TableExprs, check)
		case *sqlparser.AliasedTableExpr:
			if t, ok := n.Expr.(sqlparser.TableName); ok {
				check(t, n.As, false)
			}
		}
		return true, nil
	}, stmt)
	return bad
}

// checkTarget checks the one table that an UPDATE or DELETE changes; of several
// the parser does not say which.
func checkTarget(list sqlparser.TableExprs, check func(sqlparser.TableName, sqlparser.TableIdent, bool)) {
	if len(list) != 1 {
		return
	}
	if e, ok := list[0].(*sqlparser.AliasedTableExpr); ok {
		if t, ok := e.Expr.(sqlparser.TableName); ok {
			check(t, e.As, true)
		}
	}
}

// lockInstance is LOCK INSTANCE FOR BACKUP.
func (s *Session) lockInstance(ctx *gms.Context) error {
	if !s.may(ctx, gms.PrivilegeType_Super, "backup_admin") {
		return accessDenied("BACKUP_ADMIN")
	}
	if s.instance != nil {
		return nil
	}
	l, err := s.server.o.Engine.LockInstance(ctx, policy{s.server, s}.metaWait(ctx), s.ID())
	s.instance = l
	return err
}

// unlockInstance is UNLOCK INSTANCE.
func (s *Session) unlockInstance(ctx *gms.Context) error {
	if !s.may(ctx, gms.PrivilegeType_Super, "backup_admin") {
		return accessDenied("BACKUP_ADMIN")
	}
	s.instance.Release()
	s.instance = nil
	return nil
}

// unlockTables is UNLOCK TABLES: it ends LOCK TABLES and FLUSH TABLES WITH READ
// LOCK.
func (s *Session) unlockTables(ctx *gms.Context) error {
	s.release()
	return s.UnlockTables(ctx)
}
