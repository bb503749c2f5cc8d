package sql

import (
	"context"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/replstmt"
	"binrelay/sql/tables"
)

// definition is a statement that changes definitions and that go-mysql-server
// parses but does not carry out as MySQL does. Its end commits it, once.
type definition struct {
	name     string
	run      func(ctx *gms.Context) error
	affected types.OkResult // what it answers
}

var _ gms.ExecSourceRel = (*definition)(nil)

// inject wraps a definition for go-mysql-server, with what it is to check
// before the statement runs.
func (d *definition) inject(auth sqlparser.AuthInformation) sqlparser.Statement {
	return sqlparser.InjectedStatement{Auth: auth, Statement: d}
}

// WithResolvedChildren implements sqlparser's Injectable.
func (d *definition) WithResolvedChildren(context.Context, []any) (any, error) { return d, nil }

// Resolved implements gms.Node.
func (d *definition) Resolved() bool { return true }

// IsReadOnly implements gms.Node.
func (d *definition) IsReadOnly() bool { return false }

// String implements gms.Node.
func (d *definition) String() string { return d.name }

// Children implements gms.Node.
func (d *definition) Children() []gms.Node { return nil }

// WithChildren implements gms.Node.
func (d *definition) WithChildren(_ *gms.Context, children ...gms.Node) (gms.Node, error) {
	if len(children) > 0 {
		return nil, gms.ErrInvalidChildrenNumber.New(d, len(children), 0)
	}
	return d, nil
}

// Schema implements gms.Node.
func (d *definition) Schema(*gms.Context) gms.Schema { return types.OkResultSchema }

// RowIter implements gms.ExecSourceRel.
func (d *definition) RowIter(ctx *gms.Context, _ gms.Row) (gms.RowIter, error) {
	if err := d.run(ctx); err != nil {
		return nil, err
	}
	return gms.RowsToRowIter(gms.NewRow(d.affected)), nil
}

// definition returns the statement that takes the place of stmt, if one does.
func (p *parser) definition(stmt sqlparser.Statement, db string) (sqlparser.Statement, bool) {
	provider := p.server.provider
	if from, to, ok := tables.Renames(stmt, db); ok {
		auth := sqlparser.AuthInformation{AuthType: sqlparser.AuthType_RENAME, TargetType: sqlparser.AuthTargetType_Ignore}
		for i := range from {
			auth.TargetNames = append(auth.TargetNames, from[i].Database, from[i].Name, to[i].Database, to[i].Name)
		}
		d := &definition{name: "RENAME TABLE", run: func(ctx *gms.Context) error { return provider.Rename(ctx, from, to) }}
		return d.inject(auth), true
	}
	if drop, ok := tables.Drops(stmt, db); ok {
		d := &definition{name: "DROP TABLE", run: func(ctx *gms.Context) error { return provider.Drop(ctx, drop) }}
		return d.inject(stmt.(*sqlparser.DDL).Auth), true
	}
	if like, ok := tables.Likes(stmt, db); ok {
		d := &definition{name: "CREATE TABLE", run: func(ctx *gms.Context) error { return provider.CreateLike(ctx, like) }}
		return d.inject(stmt.(*sqlparser.DDL).Auth), true
	}
	return nil, false
}

// alterDefinition is ALTER TABLE, CREATE INDEX or DROP INDEX: go-mysql-server
// carries their clauses out one by one, and drops some of them.
func (p *parser) alterDefinition(st *replstmt.AlterTable, a *tables.Alteration) sqlparser.Statement {
	d := &definition{name: "ALTER TABLE", run: func(ctx *gms.Context) error { return p.server.provider.Alter(ctx, a, p.server.planTable) }}
	return d.inject(alterAuth(st))
}
