package sql

import (
	"reflect"
	"strings"

	sqle "github.com/dolthub/go-mysql-server"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"
)

// runner runs the statements of procedures. go-mysql-server's interpreter looks
// at no context: without this a procedure's loop survives KILL and its client.
type runner struct{ *sqle.Engine }

var _ gms.StatementRunner = runner{}

// QueryWithBindings implements gms.StatementRunner.
func (r runner) QueryWithBindings(ctx *gms.Context, query string, parsed sqlparser.Statement, bindings map[string]sqlparser.Expr, flags *gms.QueryFlags) (gms.Schema, gms.RowIter, *gms.QueryFlags, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, nil, err
	}
	return r.Engine.QueryWithBindings(ctx, query, parsed, bindings, flags)
}

// errDefinition refuses DDL in a stored program: its text, which the binlog and
// the replicas need, is lost when the program is parsed.
var errDefinition = notSupported("DDL in a stored program")

// checkBody refuses what go-mysql-server's interpreter accepts in the body of a
// procedure or trigger and does wrong: DDL, and a handler that does more than to
// set one variable, which would run its first statement only and start the body
// again.
func checkBody(stmt sqlparser.Statement) error {
	n, ok := stmt.(*sqlparser.DDL)
	if !ok {
		return nil
	}
	var body sqlparser.Statement
	switch {
	case n.ProcedureSpec != nil:
		body = n.ProcedureSpec.Body
	case n.TriggerSpec != nil:
		body = n.TriggerSpec.Body
	default:
		return nil
	}
	var err error
	walkSyntax(reflect.ValueOf(&body).Elem(), func(v reflect.Value) {
		if err != nil {
			return
		}
		switch d := v.Interface().(type) {
		case *sqlparser.DeclareHandler:
			if !setsVariable(d.Statement) {
				err = notSupported("DECLARE ... HANDLER with other statements than SET of a local variable")
			}
		case *sqlparser.DDL, *sqlparser.AlterTable, *sqlparser.DBDDL:
			err = errDefinition
		}
	})
	return err
}

// setsVariable reports whether a statement sets one local variable.
func setsVariable(s sqlparser.Statement) bool {
	set, ok := s.(*sqlparser.Set)
	if !ok || len(set.Exprs) != 1 {
		return false
	}
	e := set.Exprs[0]
	return e.Scope == "" && !strings.HasPrefix(e.Name.String(), "@")
}
