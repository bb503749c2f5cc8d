package sql

import (
	"context"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/tables"
)

// rename is RENAME TABLE: go-mysql-server's own knows one database only.
type rename struct {
	server   *Server
	from, to []tables.QualifiedName
}

var _ gms.ExecSourceRel = (*rename)(nil)

// auth returns what go-mysql-server is to check before it runs.
func (r *rename) auth() sqlparser.AuthInformation {
	a := sqlparser.AuthInformation{AuthType: sqlparser.AuthType_RENAME, TargetType: sqlparser.AuthTargetType_Ignore}
	for i := range r.from {
		a.TargetNames = append(a.TargetNames, r.from[i].Database, r.from[i].Name, r.to[i].Database, r.to[i].Name)
	}
	return a
}

// WithResolvedChildren implements sqlparser's Injectable.
func (r *rename) WithResolvedChildren(context.Context, []any) (any, error) { return r, nil }

// Resolved implements gms.Node.
func (r *rename) Resolved() bool { return true }

// IsReadOnly implements gms.Node.
func (r *rename) IsReadOnly() bool { return false }

// String implements gms.Node.
func (r *rename) String() string { return "RENAME TABLE" }

// Children implements gms.Node.
func (r *rename) Children() []gms.Node { return nil }

// WithChildren implements gms.Node.
func (r *rename) WithChildren(_ *gms.Context, children ...gms.Node) (gms.Node, error) {
	if len(children) > 0 {
		return nil, gms.ErrInvalidChildrenNumber.New(r, len(children), 0)
	}
	return r, nil
}

// Schema implements gms.Node.
func (r *rename) Schema(*gms.Context) gms.Schema { return types.OkResultSchema }

// RowIter implements gms.ExecSourceRel. The statement's end commits.
func (r *rename) RowIter(ctx *gms.Context, _ gms.Row) (gms.RowIter, error) {
	if err := r.server.provider.Rename(ctx, r.from, r.to); err != nil {
		return nil, err
	}
	return gms.RowsToRowIter(gms.NewRow(types.NewOkResult(0))), nil
}
