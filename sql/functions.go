package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
)

// function is a SQL function of this server.
type function struct {
	name     string
	min, max int  // arguments
	varies   bool // with more than its arguments
	typ      gms.Type
	typeOf   func(ctx *gms.Context, args []gms.Expression) gms.Type // where typ is nil
	eval     func(ctx *gms.Context, s *Server, args []any) (any, error)
	with     func(ctx *gms.Context, args []gms.Expression, row gms.Row) (any, error) // where eval is nil
}

var functions = []function{
	{name: "master_pos_wait", min: 2, max: 4, typ: types.Int64, eval: posWait},
	{name: "source_pos_wait", min: 2, max: 4, typ: types.Int64, eval: posWait},
	{name: "wait_for_executed_gtid_set", min: 1, max: 2, typ: types.Int64, eval: waitExecuted},
	{name: "wait_until_sql_thread_after_gtids", min: 1, max: 3, typ: types.Int64, eval: waitExecuted},
	{name: "gtid_subset", min: 2, max: 2, typ: types.Int64, eval: gtidSubset},
	{name: "binlog_gtid_pos", min: 2, max: 2, typ: types.LongText, eval: binlogGTIDPos},
}

// registerFunctions adds our functions to a catalog. GTID_SUBTRACT and all
// others are go-mysql-server's.
func (s *Server) registerFunctions(cat *analyzer.Catalog) {
	ctx := gms.NewEmptyContext()
	for i := range functions {
		cat.RegisterFunction(ctx, functions[i].native())
		s.functions.native[functions[i].name] = true
	}
	version := s.vars.String("version")
	cat.RegisterFunction(ctx, gms.Function0{
		Name: "version",
		Fn: func(*gms.Context) gms.Expression {
			return &call{f: &function{name: "version", typ: types.LongText, eval: func(*gms.Context, *Server, []any) (any, error) {
				return version, nil
			}}}
		},
	})
}

// native returns the function as go-mysql-server knows functions.
func (f *function) native() gms.FunctionN {
	return gms.FunctionN{
		Name: f.name,
		Fn: func(_ *gms.Context, args ...gms.Expression) (gms.Expression, error) {
			if len(args) < f.min || len(args) > f.max {
				return nil, sqlError(1582, "42000", "Incorrect parameter count in the call to native function '%s'", f.name)
			}
			return &call{f: f, args: args}, nil
		},
	}
}

// call is a call of a function.
type call struct {
	f    *function
	args []gms.Expression
}

var (
	_ gms.FunctionExpression         = (*call)(nil)
	_ gms.CollationCoercible         = (*call)(nil)
	_ gms.NonDeterministicExpression = (*call)(nil)
)

// FunctionName implements gms.FunctionExpression.
func (c *call) FunctionName() string { return c.f.name }

// Description implements gms.FunctionExpression.
func (c *call) Description() string { return "a function of this server" }

// Resolved implements gms.Expression.
func (c *call) Resolved() bool {
	for _, a := range c.args {
		if !a.Resolved() {
			return false
		}
	}
	return true
}

// String implements gms.Expression.
func (c *call) String() string {
	parts := make([]string, len(c.args))
	for i, a := range c.args {
		parts[i] = a.String()
	}
	return c.f.name + "(" + strings.Join(parts, ",") + ")"
}

// Type implements gms.Expression.
func (c *call) Type(ctx *gms.Context) gms.Type {
	if c.f.typ == nil {
		return c.f.typeOf(ctx, c.args)
	}
	return c.f.typ
}

// IsNullable implements gms.Expression.
func (c *call) IsNullable(*gms.Context) bool { return true }

// IsNonDeterministic implements gms.NonDeterministicExpression.
func (c *call) IsNonDeterministic() bool { return c.f.varies }

// Children implements gms.Expression.
func (c *call) Children() []gms.Expression { return c.args }

// WithChildren implements gms.Expression.
func (c *call) WithChildren(_ *gms.Context, args ...gms.Expression) (gms.Expression, error) {
	if len(args) != len(c.args) {
		return nil, gms.ErrInvalidChildrenNumber.New(c, len(args), len(c.args))
	}
	return &call{f: c.f, args: args}, nil
}

// CollationCoercibility implements gms.CollationCoercible.
func (c *call) CollationCoercibility(ctx *gms.Context) (gms.CollationID, byte) {
	switch c.f.name {
	case "user", "current_user", "session_user", "system_user", "version":
		return gms.Collation_utf8mb3_general_ci, byte(sysconst)
	}
	return ctx.GetCollation(), 4
}

// Eval implements gms.Expression.
func (c *call) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	if c.f.with != nil {
		return c.f.with(ctx, c.args, row)
	}
	s := serverOf(ctx)
	if s == nil {
		return nil, nil
	}
	args := make([]any, len(c.args))
	for i, a := range c.args {
		v, err := a.Eval(ctx, row)
		if err != nil {
			return nil, err
		}
		if v, err = gms.UnwrapAny(ctx, v); err != nil {
			return nil, err
		}
		args[i] = v
	}
	return c.f.eval(ctx, s, args)
}

func argText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return fmt.Sprint(v)
}

// argTimeout reads a time-out in seconds; 0 or NULL = none.
func argTimeout(ctx *gms.Context, args []any, i int) (time.Duration, error) {
	if len(args) <= i || args[i] == nil {
		return 0, nil
	}
	f, _, err := types.Float64.Convert(ctx, args[i])
	if err != nil {
		return 0, sqlError(1210, "HY000", "Incorrect arguments to WAIT")
	}
	seconds := f.(float64)
	if seconds < 0 {
		return 0, sqlError(1210, "HY000", "Incorrect arguments to WAIT")
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// posWait is MASTER_POS_WAIT(file, pos[, timeout[, channel]]).
func posWait(ctx *gms.Context, s *Server, args []any) (any, error) {
	r := s.replica()
	if r == nil || args[0] == nil || args[1] == nil {
		return nil, nil
	}
	pos, in, err := types.Uint64.Convert(ctx, args[1])
	if err != nil || in != gms.InRange {
		return nil, nil
	}
	timeout, err := argTimeout(ctx, args, 2)
	if err != nil {
		return nil, err
	}
	channel := ""
	if len(args) > 3 && args[3] != nil {
		channel = argText(args[3])
	}
	wait, cancel := withTimeout(ctx.Context, timeout)
	defer cancel()
	n, err := r.WaitPos(wait, channel, txn.Coord{File: argText(args[0]), Pos: pos.(uint64)})
	switch {
	case err == nil:
		return n, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return int64(-1), nil
	}
	return nil, nil
}

// waitExecuted is WAIT_FOR_EXECUTED_GTID_SET(set[, timeout]).
func waitExecuted(ctx *gms.Context, s *Server, args []any) (any, error) {
	if args[0] == nil {
		return nil, nil
	}
	set, err := parseGTIDs(args[0])
	if err != nil {
		return nil, err
	}
	timeout, err := argTimeout(ctx, args, 1)
	if err != nil {
		return nil, err
	}
	wait, cancel := withTimeout(ctx.Context, timeout)
	defer cancel()
	switch err := s.o.Engine.WaitVisible(wait, set); {
	case err == nil:
		return int64(0), nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return int64(1), nil
	default:
		return nil, err
	}
}

func parseGTIDs(v any) (gtid.Set, error) {
	text := argText(v)
	set, err := gtid.ParseSet(text)
	if err != nil {
		return gtid.Set{}, sqlError(1772, "HY000", "Malformed GTID set specification '%s'.", text)
	}
	return set, nil
}

func twoSets(args []any) (a, b gtid.Set, err error) {
	if a, err = parseGTIDs(args[0]); err != nil {
		return a, b, err
	}
	b, err = parseGTIDs(args[1])
	return a, b, err
}

func gtidSubset(_ *gms.Context, _ *Server, args []any) (any, error) {
	if args[0] == nil || args[1] == nil {
		return nil, nil
	}
	a, b, err := twoSets(args)
	if err != nil {
		return nil, err
	}
	return int64(b2i(b.ContainsSet(a))), nil
}

// binlogGTIDPos is MariaDB's BINLOG_GTID_POS: its replicas ask when they
// connect and take an empty answer for a server without MariaDB's GTIDs.
func binlogGTIDPos(*gms.Context, *Server, []any) (any, error) { return "", nil }
