package sql

import (
	"errors"
	"slices"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/sql/auth"
	"binrelay/sql/tables"
)

// storedFunction finds a stored function for a call: schema.name, or name in
// the default database. ok is false if there is none.
func (s *Server) storedFunction(ctx *gms.Context, schema, name string) (gms.Function, bool) {
	own := sessionOf(ctx)
	if own == nil {
		return nil, false
	}
	if schema == "" {
		schema = ctx.GetCurrentDatabase()
	}
	p, err := own.function(ctx, schema, name)
	if p == nil && err == nil {
		return nil, false
	}
	return gms.FunctionN{Name: name, Fn: func(ctx *gms.Context, args ...gms.Expression) (gms.Expression, error) {
		if err == nil && own.definesTable() {
			err = sqlError(1305, "42000", "FUNCTION %s does not exist", name)
		}
		if err == nil && len(args) != len(p.params) {
			err = sqlError(1318, "42000", "Incorrect number of arguments for FUNCTION %s; expected %d, got %d", p.qualified(), len(p.params), len(args))
		}
		if err == nil {
			err = own.mayExecute(p)
		}
		if err != nil {
			return nil, err
		}
		own.calls = true
		return &storedCall{p: p, args: args}, nil
	}}, true
}

// definesTable reports whether the running statement changes a table: its
// expressions cannot call stored functions. See checkCalls for CREATE TABLE.
func (s *Session) definesTable() bool {
	return s.frame == nil && begins(s.Query(), "ALTER TABLE")
}

// mayExecute checks the EXECUTE privilege for a routine.
func (s *Session) mayExecute(p *program) error {
	if s.account() == (auth.Name{User: p.user, Host: p.host}) || s.mayRoutine(p.db, p.name, p.kind, auth.Execute) {
		return nil
	}
	return s.routineDenied("execute", p.qualified())
}

func (s *Session) routineDenied(what, name string) error {
	return sqlError(1370, "42000", "%s command denied to user '%s'@'%s' for routine '%s'", what, s.Client().User, s.Client().Address, name)
}

// mayRoutine reports whether the account has a privilege on a routine.
func (s *Session) mayRoutine(db, name string, kind programKind, need auth.Privileges) bool {
	return s.internal || s.Active().Routine(db, name, kind == functionProgram)&need != 0
}

// function returns a stored function ready to run; nil = there is none.
func (s *Session) function(ctx *gms.Context, db, name string) (*program, error) {
	d := s.server.database(ctx, db)
	if db == "" || d == nil {
		return nil, nil
	}
	return s.stored(ctx, d, functionProgram, name)
}

// maxPrograms bounds the programs that a session keeps ready.
const maxPrograms = 256

type programKey struct {
	kind     programKind
	db, name string
}

func (s *Session) keepProgram(key programKey, p *program) {
	if s.programs == nil || len(s.programs) >= maxPrograms {
		s.programs = make(map[programKey]*program)
	}
	s.programs[key] = p
}

// database returns a database of ours, nil if there is none.
func (s *Server) database(ctx *gms.Context, name string) *tables.Database {
	db, err := s.provider.Database(ctx, name)
	if err != nil {
		return nil
	}
	d, _ := db.(*tables.Database)
	return d
}

// storedCall is a call of a stored function.
type storedCall struct {
	p       *program
	args    []gms.Expression
	settled bool // see checkGroups
}

var (
	_ gms.FunctionExpression         = (*storedCall)(nil)
	_ gms.CollationCoercible         = (*storedCall)(nil)
	_ gms.NonDeterministicExpression = (*storedCall)(nil)
)

// FunctionName implements gms.FunctionExpression.
func (c *storedCall) FunctionName() string { return c.p.name }

// Description implements gms.FunctionExpression.
func (c *storedCall) Description() string { return "a stored function" }

// Resolved implements gms.Expression.
func (c *storedCall) Resolved() bool {
	for _, a := range c.args {
		if !a.Resolved() {
			return false
		}
	}
	return true
}

// String implements gms.Expression.
func (c *storedCall) String() string {
	parts := make([]string, len(c.args))
	for i, a := range c.args {
		parts[i] = a.String()
	}
	return c.p.name + "(" + strings.Join(parts, ",") + ")"
}

// Type implements gms.Expression.
func (c *storedCall) Type(*gms.Context) gms.Type { return c.p.returns.Type }

// IsNullable implements gms.Expression.
func (c *storedCall) IsNullable(*gms.Context) bool { return true }

// IsNonDeterministic implements gms.NonDeterministicExpression.
func (c *storedCall) IsNonDeterministic() bool { return !c.p.pure }

// everyRow among the children of a call keeps go-mysql-server from working it out
// once, before the statement runs.
var (
	everyRow gms.Expression = expression.NewProcedureParam("", types.Null)
	constant gms.Expression = expression.NewLiteral(nil, types.Null)
)

// Children implements gms.Expression. There is always one more than arguments: a
// call without any would be a column to ONLY_FULL_GROUP_BY.
func (c *storedCall) Children() []gms.Expression {
	if c.p.pure || c.settled {
		return append(c.args[:len(c.args):len(c.args)], constant)
	}
	return append(c.args[:len(c.args):len(c.args)], everyRow)
}

// WithChildren implements gms.Expression.
func (c *storedCall) WithChildren(_ *gms.Context, args ...gms.Expression) (gms.Expression, error) {
	if len(args) != len(c.args)+1 {
		return nil, gms.ErrInvalidChildrenNumber.New(c, len(args), len(c.args)+1)
	}
	return &storedCall{p: c.p, args: args[:len(c.args)], settled: c.settled}, nil
}

// settleCallsID and unsettleCallsID number our rules among the analyzer's.
const (
	settleCallsID   analyzer.RuleId = 10002
	unsettleCallsID analyzer.RuleId = 10003
)

// checkGroups hides everyRow from the rule of the analyzer that checks
// ONLY_FULL_GROUP_BY, to which it is a column.
func checkGroups(a *analyzer.Analyzer) {
	for _, b := range a.Batches {
		i := slices.IndexFunc(b.Rules, func(r analyzer.Rule) bool { return r.Id.String() == "validateGroupBy" })
		if i < 0 {
			continue
		}
		rules := append([]analyzer.Rule(nil), b.Rules[:i]...)
		rules = append(rules, analyzer.Rule{Id: settleCallsID, Apply: settleCalls(true)}, b.Rules[i], analyzer.Rule{Id: unsettleCallsID, Apply: settleCalls(false)})
		b.Rules = append(rules, b.Rules[i+1:]...)
	}
}

func settleCalls(settled bool) analyzer.RuleFunc {
	return func(ctx *gms.Context, _ *analyzer.Analyzer, n gms.Node, _ *plan.Scope, _ analyzer.RuleSelector, _ *gms.QueryFlags) (gms.Node, transform.TreeIdentity, error) {
		if own := sessionOf(ctx); own == nil || !own.calls {
			return n, transform.SameTree, nil
		}
		return transform.NodeExprsWithOpaque(ctx, n, func(_ *gms.Context, e gms.Expression) (gms.Expression, transform.TreeIdentity, error) {
			c, ok := e.(*storedCall)
			if !ok || c.settled == settled {
				return e, transform.SameTree, nil
			}
			return &storedCall{p: c.p, args: c.args, settled: settled}, transform.NewTree, nil
		})
	}
}

// CollationCoercibility implements gms.CollationCoercible.
func (c *storedCall) CollationCoercibility(*gms.Context) (gms.CollationID, byte) {
	if c.p.returns.Collation != 0 {
		return c.p.returns.Collation, 4
	}
	return gms.Collation_binary, 5
}

// Eval implements gms.Expression.
func (c *storedCall) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	s := sessionOf(ctx)
	if s == nil {
		return nil, errors.New("sql: the session is of another kind")
	}
	args, argTypes := make([]any, len(c.args)), make([]gms.Type, len(c.args))
	for i, a := range c.args {
		v, err := a.Eval(ctx, row)
		if err != nil {
			return nil, err
		}
		args[i], argTypes[i] = v, a.Type(ctx)
	}
	v, err := s.callFunction(ctx, c.p, args, argTypes)
	if err != nil {
		return nil, clientError(err)
	}
	return v, nil
}

// callFunction runs a stored function. If it fails, the statement that called it
// is undone.
func (s *Session) callFunction(ctx *gms.Context, p *program, args []any, argTypes []gms.Type) (any, error) {
	if s.runs(p) > 0 {
		return nil, sqlError(1424, "HY000", "Recursive stored functions and triggers are not allowed.")
	}
	info := s.GetLastQueryInfo()
	id, found, count := info.LastInsertId.Load(), info.FoundRows.Load(), info.RowCount.Load()
	defer func() {
		info.LastInsertId.Store(id)
		info.FoundRows.Store(found)
		info.RowCount.Store(count)
	}()
	f, err := s.start(ctx, p, args, argTypes, true)
	if err != nil {
		return nil, err
	}
	fl, err := f.execute(ctx)
	if err == nil && fl.kind != flowReturn {
		err = sqlError(1321, "2F005", "FUNCTION %s ended without RETURN", p.name)
	}
	if err != nil {
		if s.frame == nil {
			// What the function's error ends is all of the statement.
			if undone := s.RollbackStatement(); undone != nil {
				s.server.log.Warn("a failed statement could not be undone", "err", undone)
			}
		}
		return nil, err
	}
	return f.result, nil
}
