package sql

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/planbuilder"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/replstmt"
	"binrelay/sql/tables"
)

// parseAlter parses an ALTER TABLE whose clauses have been told apart.
func (p *parser) parseAlter(ctx context.Context, st *replstmt.AlterTable, o sqlparser.ParserOptions) (sqlparser.Statement, error) {
	stmt, err := tables.PrepareAlter(st, func(prefix, text string, at int) (sqlparser.Statement, error) {
		stmt, _, _, err := p.base.ParseWithOptions(ctx, prefix+text, ';', false, o)
		if wrapped, ok := wrapGenerated(prefix+text, err); ok {
			if again, _, _, e := p.base.ParseWithOptions(ctx, wrapped, ';', false, o); e == nil {
				stmt, err = again, nil
			}
		}
		if err != nil {
			return nil, refuseMatch(text, moveError(err, at-len(prefix)))
		}
		return stmt, nil
	})
	if err != nil {
		return nil, err
	}
	return p.alterDefinition(st, stmt), nil
}

// alterAuth returns what go-mysql-server is to check before the statement runs.
func alterAuth(st *replstmt.AlterTable) sqlparser.AuthInformation {
	a := sqlparser.AuthInformation{
		AuthType: sqlparser.AuthType_ALTER, TargetType: sqlparser.AuthTargetType_SingleTableIdentifier,
		TargetNames: []string{st.Table.Database, st.Table.Name},
	}
	if st.Index {
		a.AuthType = sqlparser.AuthType_INDEX
	}
	for _, c := range st.Clauses {
		if c.Kind == replstmt.RenameTable {
			a.AuthType, a.TargetType = sqlparser.AuthType_RENAME, sqlparser.AuthTargetType_Ignore
			to := c.Table
			if to.Database == "" {
				to.Database = st.Table.Database
			}
			a.TargetNames = []string{st.Table.Database, st.Table.Name, to.Database, to.Name}
		}
	}
	return a
}

// atPosition finds the position in an error of go-mysql-server's parser.
var atPosition = regexp.MustCompile(`at position (\d+)`)

// moveError moves the position in a syntax error by n bytes.
func moveError(err error, n int) error {
	text := atPosition.ReplaceAllStringFunc(err.Error(), func(m string) string {
		at, _ := strconv.Atoi(m[len("at position "):])
		return fmt.Sprintf("at position %d", max(at+n, 0))
	})
	return gms.ErrSyntaxError.New(text)
}

// planTable resolves and checks a table's definition.
func (s *Server) planTable(ctx *gms.Context, ddl *sqlparser.DDL) (*plan.CreateTable, error) {
	b := planbuilder.New(ctx, s.engine.Analyzer.Catalog, nil)
	b.DisableAuth()
	n, flags, err := b.BindOnly(ddl, "", nil)
	if err != nil {
		return nil, err
	}
	if n, err = s.engine.Analyzer.Analyze(ctx, n, nil, flags); err != nil {
		return nil, err
	}
	made, ok := n.(*plan.CreateTable)
	if !ok {
		return nil, fmt.Errorf("a table's definition became a %T", n)
	}
	return made, nil
}
