package sql

import (
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/auth"
)

// authorizeWhole checks a statement's targets as whole tables.
func (s *Session) authorizeWhole(ctx *gms.Context, info sqlparser.AuthInformation) error {
	return s.authorize(ctx, info)
}

// authorizeColumns checks privileges on one table, or on some of its columns:
// then checkColumns looks at the statement's plan.
func (s *Session) authorizeColumns(db, table string, need auth.Privileges) error {
	if strings.EqualFold(db, "information_schema") {
		return nil
	}
	db = s.databaseOf(db)
	missing := need &^ s.Active().Table(db, table)
	if missing == 0 {
		return nil
	}
	return s.tableDenied(missing.String(), table)
}
