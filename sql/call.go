package sql

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/replstmt"
	"binrelay/sql/tables"
)

// injectCall makes a CALL one of ours.
func injectCall(c *sqlparser.Call) sqlparser.Statement {
	return sqlparser.InjectedStatement{
		Auth:      sqlparser.AuthInformation{AuthType: sqlparser.AuthType_IGNORE},
		Statement: &procedureCall{db: c.ProcName.Qualifier.String(), name: c.ProcName.Name.String()},
		Children:  sqlparser.Exprs(c.Params),
	}
}

// injectCalls makes the CALLs in a trigger's body ours.
func injectCalls(t *sqlparser.TriggerSpec) {
	walkSyntax(reflect.ValueOf(&t.Body).Elem(), func(v reflect.Value) {
		if v.Kind() != reflect.Interface || !v.CanSet() {
			return
		}
		if c, ok := v.Interface().(*sqlparser.Call); ok {
			v.Set(reflect.ValueOf(injectCall(c)))
		}
	})
}

// procedureCall is CALL.
type procedureCall struct {
	db, name string
	args     []gms.Expression
}

var (
	_ gms.ExecSourceRel = (*procedureCall)(nil)
	_ gms.Expressioner  = (*procedureCall)(nil)
)

// WithResolvedChildren implements sqlparser's Injectable.
func (c *procedureCall) WithResolvedChildren(_ context.Context, children []any) (any, error) {
	out := &procedureCall{db: c.db, name: c.name}
	for _, a := range children {
		e, ok := a.(gms.Expression)
		if !ok {
			return nil, fmt.Errorf("sql: %T is no expression", a)
		}
		out.args = append(out.args, e)
	}
	return out, nil
}

// Expressions implements gms.Expressioner.
func (c *procedureCall) Expressions() []gms.Expression { return c.args }

// WithExpressions implements gms.Expressioner.
func (c *procedureCall) WithExpressions(_ *gms.Context, args ...gms.Expression) (gms.Node, error) {
	if len(args) != len(c.args) {
		return nil, gms.ErrInvalidChildrenNumber.New(c, len(args), len(c.args))
	}
	return &procedureCall{c.db, c.name, args}, nil
}

// Resolved implements gms.Node.
func (c *procedureCall) Resolved() bool {
	for _, a := range c.args {
		if !a.Resolved() {
			return false
		}
	}
	return true
}

// IsReadOnly implements gms.Node. What it may do is checked as it does it.
func (c *procedureCall) IsReadOnly() bool { return true }

// String implements gms.Node.
func (c *procedureCall) String() string { return "CALL " + c.name }

// Children implements gms.Node.
func (c *procedureCall) Children() []gms.Node { return nil }

// WithChildren implements gms.Node.
func (c *procedureCall) WithChildren(_ *gms.Context, children ...gms.Node) (gms.Node, error) {
	if len(children) > 0 {
		return nil, gms.ErrInvalidChildrenNumber.New(c, len(children), 0)
	}
	return c, nil
}

// Schema implements gms.Node. Result sets go to the client before the answer.
func (c *procedureCall) Schema(*gms.Context) gms.Schema { return types.OkResultSchema }

// RowIter implements gms.ExecSourceRel.
func (c *procedureCall) RowIter(ctx *gms.Context, row gms.Row) (gms.RowIter, error) {
	s := sessionOf(ctx)
	if s == nil {
		return nil, notSupported("CALL")
	}
	_, top := s.root.(*procedureCall)
	return &okIter{run: func(ctx *gms.Context) error { return s.call(ctx, c, row, !top || s.frame != nil && s.frame.within) }}, nil
}

// call runs a procedure; within says that it runs inside of another statement.
func (s *Session) call(ctx *gms.Context, c *procedureCall, row gms.Row, within bool) error {
	p, err := s.procedure(ctx, c)
	if err != nil {
		return err
	}
	if err := s.mayExecute(p); err != nil {
		return err
	}
	if len(c.args) != len(p.params) {
		return sqlError(1318, "42000", "Incorrect number of arguments for PROCEDURE %s; expected %d, got %d", p.qualified(), len(p.params), len(c.args))
	}
	depth := (policy{s.server, s}).number(ctx, "max_sp_recursion_depth")
	if n := s.runs(p); int64(n) > depth {
		return sqlError(1456, "HY000", "Recursive limit %d (as set by the max_sp_recursion_depth variable) was exceeded for routine %s", depth, p.name)
	}
	args, argTypes := make([]any, len(c.args)), make([]gms.Type, len(c.args))
	for i, a := range c.args {
		if p.params[i].Mode != "IN" && !assignable(a) {
			return sqlError(1414, "42000", "OUT or INOUT argument %d for routine %s is not a variable or NEW pseudo-variable in BEFORE trigger", i+1, p.qualified())
		}
		if p.params[i].Mode == "OUT" {
			continue
		}
		v, err := a.Eval(ctx, row)
		if err != nil {
			return err
		}
		if args[i], err = gms.UnwrapAny(ctx, v); err != nil {
			return err
		}
		argTypes[i] = a.Type(ctx)
	}
	f, err := s.start(ctx, p, args, argTypes, within)
	if err != nil {
		return err
	}
	f.send = s.sendResult
	if _, err := f.execute(ctx); err != nil {
		return err
	}
	for i, a := range c.args {
		if p.params[i].Mode == "IN" {
			continue
		}
		if err := s.assign(ctx, a, f.values[i], p.vars[i].Type); err != nil {
			return err
		}
	}
	return nil
}

// assignable reports whether an argument takes what a parameter gives back.
func assignable(e gms.Expression) bool {
	switch e.(type) {
	case *expression.UserVar, *local:
		return true
	}
	return false
}

func (s *Session) assign(ctx *gms.Context, to gms.Expression, v any, t gms.Type) error {
	switch to := to.(type) {
	case *expression.UserVar:
		return s.SetUserVariable(ctx, to.Name, v, t)
	case *local:
		return s.frame.set(ctx, to.slot, v, t)
	}
	return nil
}

// procedure returns a stored procedure ready to run.
func (s *Session) procedure(ctx *gms.Context, c *procedureCall) (*program, error) {
	d, err := s.objectDatabase(ctx, replstmt.Table{Database: c.db, Name: c.name})
	if err != nil {
		return nil, err
	}
	p, err := s.stored(ctx, d, procedureProgram, c.name)
	if p == nil && err == nil {
		err = sqlError(1305, "42000", "PROCEDURE %s.%s does not exist", d.Name(), c.name)
	}
	return p, err
}

// stored returns a routine ready to run; nil = there is none. One that runs
// already is made anew.
func (s *Session) stored(ctx *gms.Context, d *tables.Database, kind programKind, name string) (*program, error) {
	key := programKey{kind, strings.ToLower(d.Name()), strings.ToLower(name)}
	version := s.server.provider.ObjectsVersion()
	if p := s.programs[key]; p != nil && p.version == version {
		return p, nil
	}
	r, ok, err := d.Routine(ctx, string(kind), name)
	if err != nil || !ok {
		return nil, err
	}
	p := &program{
		kind: kind, db: d.Name(), name: r.Name, user: r.User, host: r.Host, invoker: r.Invoker,
		mode: r.SQLMode, version: version, pure: r.Deterministic,
	}
	if p.params, err = replstmt.ParseParams(r.Kind, r.Params); err != nil {
		return nil, err
	}
	if p.body, err = replstmt.ParseBody(r.Body, kind == functionProgram); err != nil {
		return nil, err
	}
	collation := gms.CollationID(collationID(r.Collation))
	if r.Collation == "" {
		collation = s.collationOf(d.Name())
	}
	if err := s.newProgram(ctx, p, r.Returns, collation, false); err != nil {
		return nil, err
	}
	s.keepProgram(key, p)
	return p, nil
}
