package sql

import (
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
)

// lockTables is LOCK TABLES. Unlike mysqld it does not tell a table's aliases
// apart: who has locked the table may use it under any name.
func (s *Session) lockTables(ctx *gms.Context, st *replstmt.LockTables) error {
	p := policy{s.server, s}
	want := make([]storage.TableLock, 0, len(st.Tables))
	seen := make(map[string]bool)
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
		if key := strings.ToLower(db) + "." + name; seen[key] {
			return sqlError(1066, "42000", "Not unique table/alias: '%s'", name)
		} else {
			seen[key] = true
		}
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
	wait := time.Duration(p.number(ctx, "lock_wait_timeout")) * time.Second
	return s.LockTables(ctx, s.server.provider, want, wait)
}

// unlockTables is UNLOCK TABLES: it ends LOCK TABLES and FLUSH TABLES WITH READ
// LOCK.
func (s *Session) unlockTables(ctx *gms.Context) error {
	s.release()
	return s.UnlockTables(ctx)
}
