package sql

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/planbuilder"
	"github.com/dolthub/go-mysql-server/sql/transform"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/replstmt"
	"binrelay/sql/tables"
)

// programKind is the kind of a stored program.
type programKind string

const (
	functionProgram  programKind = "FUNCTION"
	procedureProgram programKind = "PROCEDURE"
	eventProgram     programKind = "EVENT"
)

// program is a stored program ready to run in one session: its variables have
// places, and what it has run before is parsed.
type program struct {
	kind     programKind
	db, name string
	params   []replstmt.Param // their variables are the first
	returns  *tables.Variable // of a function
	vars     []*tables.Variable
	body     replstmt.Step
	top      *names
	scopes   map[*replstmt.Block]*names
	parsed   map[parsedKey]*parsedText

	user, host string // definer
	invoker    bool   // SQL SECURITY INVOKER
	mode       string // sql_mode
	pure       bool   // a function that always gives the same and changes nothing
	version    uint64 // of the objects when it was made
}

// qualified is the program's name with its database.
func (p *program) qualified() string { return p.db + "." + p.name }

// names are what a block declares.
type names struct {
	parent  *names
	vars    map[string]int
	cursors map[string]int
}

func (sc *names) variable(name string) (int, bool) {
	name = strings.ToLower(name)
	for ; sc != nil; sc = sc.parent {
		if i, ok := sc.vars[name]; ok {
			return i, true
		}
	}
	return 0, false
}

func (sc *names) cursor(name string) (int, bool) {
	name = strings.ToLower(name)
	for ; sc != nil; sc = sc.parent {
		if i, ok := sc.cursors[name]; ok {
			return i, true
		}
	}
	return 0, false
}

type parsedKey struct {
	text string
	sc   *names
	expr bool
}

// parsedText is a statement or an expression of a program with its variables
// in place.
type parsedText struct {
	stmt   sqlparser.Statement
	limits []variableLimit
	expr   gms.Expression // what is worked out without a statement; nil = none
}

// variableLimit is a number of LIMIT that a variable gives.
type variableLimit struct {
	at  *sqlparser.Expr
	own *local
}

// compiler gives a program's variables their places, and refuses what its kind
// must not do.
type compiler struct {
	ctx     *gms.Context
	s       *Session
	p       *program
	cursors int
	check   bool // the program is being created
	sqls    int  // statements found
}

// newProgram makes a program of its parts. collation is that of its database.
func (s *Session) newProgram(ctx *gms.Context, p *program, returns string, collation gms.CollationID, check bool) error {
	p.scopes, p.parsed = make(map[*replstmt.Block]*names), make(map[parsedKey]*parsedText)
	p.top = &names{vars: make(map[string]int)}
	c := &compiler{ctx: ctx, s: s, p: p, check: check}
	for _, m := range p.params {
		if err := c.declare(p.top, m.Name, m.Type, collation); err != nil {
			return err
		}
	}
	if p.kind == functionProgram {
		var err error
		if p.returns, err = tables.NewVariable(p.name+"()", returns, collation); err != nil {
			return err
		}
	}
	if err := c.step(p.body, p.top, collation); err != nil {
		return err
	}
	p.pure = p.pure && c.sqls == 0
	return nil
}

func (c *compiler) declare(sc *names, name, typ string, collation gms.CollationID) error {
	v, err := tables.NewVariable(name, typ, collation)
	if err != nil {
		return err
	}
	sc.vars[strings.ToLower(name)] = len(c.p.vars)
	c.p.vars = append(c.p.vars, v)
	return nil
}

func (c *compiler) steps(list []replstmt.Step, sc *names, collation gms.CollationID) error {
	for _, st := range list {
		if err := c.step(st, sc, collation); err != nil {
			return err
		}
	}
	return nil
}

func (c *compiler) step(st replstmt.Step, sc *names, collation gms.CollationID) error {
	switch st := st.(type) {
	case *replstmt.Block:
		return c.block(st, sc, collation)
	case *replstmt.If:
		for _, b := range st.Branches {
			if err := c.branch(b, sc, collation); err != nil {
				return err
			}
		}
		return c.steps(st.Else, sc, collation)
	case *replstmt.Case:
		if st.Subject != "" {
			if err := c.expr(st.Subject, sc); err != nil {
				return err
			}
		}
		for _, b := range st.Branches {
			if err := c.branch(b, sc, collation); err != nil {
				return err
			}
		}
		return c.steps(st.Else, sc, collation)
	case *replstmt.Loop:
		for _, e := range []string{st.While, st.Until} {
			if e != "" {
				if err := c.expr(e, sc); err != nil {
					return err
				}
			}
		}
		return c.steps(st.Steps, sc, collation)
	case *replstmt.Return:
		return c.expr(st.Expr, sc)
	case *replstmt.OpenCursor:
		return c.knownCursor(st.Name, sc)
	case *replstmt.CloseCursor:
		return c.knownCursor(st.Name, sc)
	case *replstmt.Fetch:
		if err := c.knownCursor(st.Name, sc); err != nil {
			return err
		}
		return c.into(st.Into, sc)
	case *replstmt.Assign:
		for _, a := range st.Targets {
			if _, ok := sc.variable(a.Name); ok {
				if err := c.expr(a.Expr, sc); err != nil {
					return err
				}
			} else if err := c.assignment(a); err != nil {
				return err
			}
		}
	case *replstmt.Signal:
		for _, item := range st.Items {
			if err := c.expr(item.Expr, sc); err != nil {
				return err
			}
		}
	case *replstmt.Diagnostics:
		for _, item := range st.Items {
			if !strings.HasPrefix(item.Variable, "@") {
				if err := c.into([]string{item.Variable}, sc); err != nil {
					return err
				}
			}
		}
	case *replstmt.SQL:
		c.sqls++
		if err := c.into(st.Into, sc); err != nil {
			return err
		}
		return c.sql(st, sc)
	}
	return nil
}

func (c *compiler) branch(b replstmt.Branch, sc *names, collation gms.CollationID) error {
	if err := c.expr(b.When, sc); err != nil {
		return err
	}
	return c.steps(b.Steps, sc, collation)
}

func (c *compiler) block(b *replstmt.Block, outer *names, collation gms.CollationID) error {
	sc := &names{parent: outer, vars: make(map[string]int), cursors: make(map[string]int)}
	c.p.scopes[b] = sc
	for _, d := range b.Variables {
		if d.Default != "" {
			if err := c.expr(d.Default, sc); err != nil {
				return err
			}
		}
		for _, name := range d.Names {
			if err := c.declare(sc, name, d.Type, collation); err != nil {
				return err
			}
		}
	}
	for _, cur := range b.Cursors {
		c.sqls++
		if err := c.parses(cur.Query, sc); err != nil {
			return err
		}
		sc.cursors[strings.ToLower(cur.Name)] = c.cursors
		c.cursors++
	}
	for _, h := range b.Handlers {
		if err := c.step(h.Step, sc, collation); err != nil {
			return err
		}
	}
	return c.steps(b.Steps, sc, collation)
}

func (c *compiler) knownCursor(name string, sc *names) error {
	if _, ok := sc.cursor(name); !ok {
		return sqlError(1324, "42000", "Undefined CURSOR: %s", name)
	}
	return nil
}

func (c *compiler) into(names []string, sc *names) error {
	for _, n := range names {
		if _, ok := sc.variable(n); !ok && !strings.HasPrefix(n, "@") {
			return sqlError(1327, "42000", "Undeclared variable: %s", n)
		}
	}
	return nil
}

// assignment checks SET of what is no local variable.
func (c *compiler) assignment(a replstmt.Assignment) error {
	c.sqls++
	if c.p.kind == functionProgram && strings.Contains(strings.ToLower(a.Name), "autocommit") {
		return sqlError(1445, "HY000", "Not allowed to set autocommit from a stored function or trigger")
	}
	if !c.check || strings.ContainsAny(a.Name, "@ .") {
		return nil
	}
	if sysvarByName[strings.ToLower(a.Name)] == nil {
		if _, _, ok := gms.SystemVariables.GetGlobal(strings.ToLower(a.Name)); !ok {
			return sqlError(1193, "HY000", "Unknown system variable '%s'", a.Name)
		}
	}
	return nil
}

// refusedSteps are first words of statements that no stored program may have.
var refusedSteps = []string{"USE", "LOCK", "UNLOCK", "LOAD"}

// sql checks a statement.
func (c *compiler) sql(st *replstmt.SQL, sc *names) error {
	word := strings.ToUpper(firstWord(st.Text))
	if slices.Contains(refusedSteps, word) {
		if word == "LOAD" {
			word = "LOAD DATA"
		}
		return sqlError(1314, "0A000", "%s is not allowed in stored procedures", word)
	}
	if o, ok := replstmt.ParseObject(st.Text); ok && o.Verb == "CREATE" && o.Kind != "VIEW" && o.Kind != "EVENT" {
		return sqlError(1303, "2F003", "Can't create a %s from within another stored routine", o.Kind)
	}
	if o, ok := replstmt.ParseObject(st.Text); ok && o.Kind == "EVENT" && o.Verb != "DROP" {
		if e, _, err := replstmt.ParseEvent(st.Text); err != nil {
			return clientError(err)
		} else if e.Body != nil {
			return sqlError(1576, "HY000", "Recursion of EVENT DDL statements is forbidden when body is present")
		}
	}
	if c.p.kind == functionProgram {
		if err := refusedWithin(st); err != nil {
			return err
		}
		if st.Into == nil && answersRows(word) {
			return sqlError(1415, "0A000", "Not allowed to return a result set from a function")
		}
	}
	if word == "CREATE" || word == "ALTER" || word == "DROP" {
		return nil // what is there when it runs decides
	}
	return c.parses(st.Text, sc)
}

// answersRows reports whether statements with that first word answer rows.
func answersRows(word string) bool {
	return slices.Contains([]string{"SELECT", "WITH", "TABLE", "VALUES", "SHOW", "EXPLAIN", "DESCRIBE", "DESC", "CHECK", "ANALYZE", "OPTIMIZE", "REPAIR", "CHECKSUM", "HELP", ""}, word)
}

// refusedWithin refuses statements that must not run inside of another one.
func refusedWithin(st *replstmt.SQL) error {
	switch word := strings.ToUpper(firstWord(st.Text)); word {
	case "PREPARE", "EXECUTE", "DEALLOCATE":
		return sqlError(1336, "0A000", "Dynamic SQL is not allowed in stored function or trigger")
	case "FLUSH":
		return sqlError(1336, "0A000", "FLUSH is not allowed in stored function or trigger")
	case "SAVEPOINT", "RELEASE":
		return notSupported(word + " in a stored function or trigger")
	case "START", "BEGIN", "COMMIT", "ROLLBACK", "XA":
		return errCommitWithin
	}
	if replstmt.CommitsImplicitly(st.Text) != replstmt.CommitsNothing {
		return errCommitWithin
	}
	return nil
}

var errCommitWithin = sqlError(1422, "HY000", "Explicit or implicit commit is not allowed in stored function or trigger.")

// expr checks an expression.
func (c *compiler) expr(text string, sc *names) error {
	if !c.check {
		return nil
	}
	_, err := c.s.parseText(c.ctx, c.p, text, sc, true)
	return err
}

// parses checks the syntax of a statement.
func (c *compiler) parses(text string, sc *names) error {
	if !c.check {
		return nil
	}
	_, err := c.s.parseText(c.ctx, c.p, text, sc, false)
	if err == nil {
		return nil
	}
	if n, _, _ := Translate(err); n == 1064 || n == 1235 {
		return err
	}
	return nil // that is for the statement to say, when it runs
}

// parseText parses a statement or an expression of a program and puts its
// variables in place.
func (s *Session) parseText(ctx *gms.Context, p *program, text string, sc *names, expr bool) (*parsedText, error) {
	key := parsedKey{text, sc, expr}
	if t := p.parsed[key]; t != nil {
		return t, nil
	}
	query := text
	if expr {
		query = "SELECT " + text
	}
	outer := s.Query()
	stmt, _, rest, err := s.server.parser.ParseWithOptions(ctx, query, ';', false, gms.LoadSqlMode(ctx).ParserOptions())
	s.SetQuery(outer)
	s.text = ""
	if err != nil {
		return nil, AsSQLError(err, Statement{Query: text, Database: p.db})
	}
	if strings.TrimSpace(rest) != "" || stmt == nil {
		return nil, &replstmt.SyntaxError{Near: rest, Line: 1}
	}
	t := &parsedText{stmt: stmt}
	if expr {
		sel, ok := stmt.(*sqlparser.Select)
		if !ok || len(sel.SelectExprs) != 1 || sel.Into != nil || sel.Where != nil || sel.Limit != nil || fromTable(sel) {
			return nil, &replstmt.SyntaxError{Near: text, Line: 1}
		}
	}
	s.placeVariables(p, t, sc)
	p.parsed[key] = t
	return t, nil
}

// placeVariables replaces names by the program's variables.
func (s *Session) placeVariables(p *program, t *parsedText, sc *names) {
	walkSyntax(reflect.ValueOf(&t.stmt).Elem(), func(v reflect.Value) {
		if l, ok := v.Interface().(*sqlparser.Limit); ok {
			for _, e := range []*sqlparser.Expr{&l.Rowcount, &l.Offset} {
				if in, ok := (*e).(sqlparser.InjectedExpr); ok {
					if own, ok := in.Expression.(*local); ok {
						t.limits = append(t.limits, variableLimit{e, own})
					}
				}
			}
			return
		}
		if v.Kind() != reflect.Interface || !v.CanSet() {
			return
		}
		c, ok := v.Interface().(*sqlparser.ColName)
		if !ok || !c.Qualifier.IsEmpty() {
			return
		}
		if slot, ok := sc.variable(c.Name.String()); ok {
			own := sqlparser.InjectedExpr{
				Auth:       sqlparser.AuthInformation{AuthType: sqlparser.AuthType_IGNORE},
				Expression: &local{slot: slot, v: p.vars[slot]},
			}
			if e := reflect.ValueOf(own); e.Type().AssignableTo(v.Type()) {
				v.Set(e)
			}
		}
	})
}

// compileExpr plans an expression once for all, if it needs no statement of its
// own: it has no subquery, and no variable whose type may change.
func (s *Session) compileExpr(ctx *gms.Context, t *parsedText) error {
	b := planbuilder.New(ctx, s.server.engine.Analyzer.Catalog, nil)
	n, flags, err := b.BindOnly(t.stmt, "", nil)
	if err != nil {
		return err
	}
	if n, err = s.server.engine.Analyzer.Analyze(ctx, n, nil, flags); err != nil {
		return err
	}
	var found gms.Expression
	transform.Inspect(n, func(n gms.Node) bool {
		if p, ok := n.(*plan.Project); ok && len(p.Projections) == 1 && found == nil {
			found = p.Projections[0]
		}
		return true
	})
	if found == nil {
		return nil
	}
	again := false
	gms.Inspect(ctx, found, func(_ *gms.Context, e gms.Expression) bool {
		switch e := e.(type) {
		case *storedCall:
			again = again || !e.p.pure
		case *plan.Subquery, *plan.InSubquery, *plan.ExistsSubquery, *expression.UserVar, *expression.SystemVar, *expression.GetField:
			again = true
		}
		return !again
	})
	if again {
		return nil
	}
	convertOperands(ctx, n)
	t.expr = found
	return nil
}

// local is a variable of the running program.
type local struct {
	slot int
	v    *tables.Variable
}

var (
	_ gms.Expression         = (*local)(nil)
	_ gms.CollationCoercible = (*local)(nil)
)

// WithResolvedChildren implements sqlparser's Injectable.
func (l *local) WithResolvedChildren(context.Context, []any) (any, error) { return l, nil }

// Resolved implements gms.Expression.
func (l *local) Resolved() bool { return true }

// String implements gms.Expression.
func (l *local) String() string { return l.v.Name }

// Type implements gms.Expression.
func (l *local) Type(*gms.Context) gms.Type { return l.v.Type }

// IsNullable implements gms.Expression.
func (l *local) IsNullable(*gms.Context) bool { return true }

// Children implements gms.Expression.
func (l *local) Children() []gms.Expression { return nil }

// WithChildren implements gms.Expression.
func (l *local) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) > 0 {
		return nil, gms.ErrInvalidChildrenNumber.New(l, len(children), 0)
	}
	return l, nil
}

// CollationCoercibility implements gms.CollationCoercible.
func (l *local) CollationCoercibility(*gms.Context) (gms.CollationID, byte) {
	if l.v.Collation != 0 {
		return l.v.Collation, 2
	}
	return gms.Collation_binary, 5
}

// Eval implements gms.Expression.
func (l *local) Eval(ctx *gms.Context, _ gms.Row) (any, error) {
	s := sessionOf(ctx)
	if s == nil || s.frame == nil || l.slot >= len(s.frame.values) {
		return nil, fmt.Errorf("the variable %s is not in scope", l.v.Name)
	}
	return s.frame.values[l.slot], nil
}
