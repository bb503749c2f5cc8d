package sql

import (
	"strconv"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/auth"
	"binrelay/sql/replstmt"
)

// frame is one run of a stored program.
type frame struct {
	s       *Session
	p       *program
	values  []any // of the variables
	cursors map[int]*cursor
	blocks  []*replstmt.Block // those that run and have handlers, outermost first
	caught  []condition       // by the handlers that run, innermost last
	result  any               // of RETURN
	last    []condition       // of the last statement
	within  bool              // inside of another statement
	over    gms.Node          // the plan of that statement
	outer   *frame
	send    func(ctx *gms.Context, schema gms.Schema, it gms.RowIter) error // of a result set; nil = nobody wants it
}

// flow is where a program goes on.
type flow struct {
	kind  flowKind
	label string
	block *replstmt.Block // that an EXIT handler leaves
}

type flowKind uint8

const (
	flowNext flowKind = iota
	flowLeave
	flowIterate
	flowExit
	flowReturn
)

var next = flow{}

// steps runs a list of statements.
func (f *frame) steps(ctx *gms.Context, list []replstmt.Step, sc *names) (flow, error) {
	for _, st := range list {
		fl, err := f.step(ctx, st, sc)
		if err != nil || fl.kind != flowNext {
			return fl, err
		}
	}
	return next, nil
}

// step runs one statement. What it raises goes to a handler, if there is one.
func (f *frame) step(ctx *gms.Context, st replstmt.Step, sc *names) (flow, error) {
	if err := ctx.Err(); err != nil {
		return next, err
	}
	switch st := st.(type) {
	case *replstmt.Block:
		return f.block(ctx, st)
	case *replstmt.If:
		for _, b := range st.Branches {
			yes, err := f.truth(ctx, b.When, sc)
			if err != nil {
				return f.raise(ctx, err)
			}
			if yes {
				return f.steps(ctx, b.Steps, sc)
			}
		}
		return f.steps(ctx, st.Else, sc)
	case *replstmt.Case:
		return f.choose(ctx, st, sc)
	case *replstmt.Loop:
		return f.loop(ctx, st, sc)
	case *replstmt.Jump:
		if st.Iterate {
			return flow{kind: flowIterate, label: st.Label}, nil
		}
		return flow{kind: flowLeave, label: st.Label}, nil
	case *replstmt.Return:
		v, t, err := f.eval(ctx, st.Expr, sc)
		if err == nil {
			f.result, err = f.p.returns.Convert(ctx, v, t)
		}
		if err != nil {
			return f.raise(ctx, err)
		}
		return flow{kind: flowReturn}, nil
	case *replstmt.Signal:
		return f.signal(ctx, st, sc)
	case *replstmt.Diagnostics:
		if err := f.diagnostics(ctx, st, sc); err != nil {
			return f.raise(ctx, err)
		}
		return next, nil
	}
	before := f.s.all
	err := f.leaf(ctx, st, sc)
	f.last = nil
	if err != nil {
		return f.raise(ctx, err)
	}
	if f.s.all > before {
		return f.warned(ctx)
	}
	return next, nil
}

// leaf runs a statement that holds no others.
func (f *frame) leaf(ctx *gms.Context, st replstmt.Step, sc *names) error {
	switch st := st.(type) {
	case *replstmt.Assign:
		for _, a := range st.Targets {
			slot, ok := sc.variable(a.Name)
			if !ok {
				if err := f.sql(ctx, "SET "+a.Text, sc, nil); err != nil {
					return err
				}
				continue
			}
			v, t, err := f.eval(ctx, a.Expr, sc)
			if err != nil {
				return err
			}
			if err := f.set(ctx, slot, v, t); err != nil {
				return err
			}
		}
		return nil
	case *replstmt.OpenCursor:
		return f.open(ctx, st.Name, sc)
	case *replstmt.CloseCursor:
		i, _ := sc.cursor(st.Name)
		if f.cursors[i] == nil {
			return errCursorClosed
		}
		delete(f.cursors, i)
		return nil
	case *replstmt.Fetch:
		return f.fetch(ctx, st, sc)
	case *replstmt.SQL:
		if st.Into != nil {
			return f.selectInto(ctx, st, sc)
		}
		return f.sql(ctx, st.Text, sc, f.answer)
	}
	return notSupported("this statement in a stored program")
}

var errCursorClosed = sqlError(1326, "24000", "Cursor is not open")

func (f *frame) set(ctx *gms.Context, slot int, v any, t gms.Type) (err error) {
	v, err = f.p.vars[slot].Convert(ctx, v, t)
	if err == nil {
		f.values[slot] = v
	}
	return err
}

// block runs BEGIN … END.
func (f *frame) block(ctx *gms.Context, b *replstmt.Block) (flow, error) {
	sc := f.p.scopes[b]
	for _, d := range b.Variables {
		var v any
		var t gms.Type = types.Null
		if d.Default != "" {
			var err error
			if v, t, err = f.eval(ctx, d.Default, sc); err != nil {
				return f.raise(ctx, err)
			}
		}
		for _, name := range d.Names {
			if err := f.set(ctx, sc.vars[strings.ToLower(name)], v, t); err != nil {
				return f.raise(ctx, err)
			}
		}
	}
	for _, i := range sc.cursors {
		delete(f.cursors, i)
	}
	if len(b.Handlers) > 0 {
		f.blocks = append(f.blocks, b)
		defer func(n int) { f.blocks = f.blocks[:n] }(len(f.blocks) - 1)
	}
	fl, err := f.steps(ctx, b.Steps, sc)
	for _, i := range sc.cursors {
		delete(f.cursors, i)
	}
	if fl.kind == flowExit && fl.block == b || fl.kind == flowLeave && b.Label != "" && strings.EqualFold(fl.label, b.Label) {
		return next, err
	}
	return fl, err
}

func (f *frame) choose(ctx *gms.Context, st *replstmt.Case, sc *names) (flow, error) {
	for _, b := range st.Branches {
		when := b.When
		if st.Subject != "" {
			when = "(" + st.Subject + ") = (" + b.When + ")"
		}
		yes, err := f.truth(ctx, when, sc)
		if err != nil {
			return f.raise(ctx, err)
		}
		if yes {
			return f.steps(ctx, b.Steps, sc)
		}
	}
	if !st.HasElse {
		return f.raise(ctx, sqlError(1339, "20000", "Case not found for CASE statement"))
	}
	return f.steps(ctx, st.Else, sc)
}

func (f *frame) loop(ctx *gms.Context, st *replstmt.Loop, sc *names) (flow, error) {
	for {
		if err := ctx.Err(); err != nil {
			return next, err
		}
		if st.While != "" {
			if yes, err := f.truth(ctx, st.While, sc); err != nil {
				return f.raise(ctx, err)
			} else if !yes {
				return next, nil
			}
		}
		fl, err := f.steps(ctx, st.Steps, sc)
		own := st.Label != "" && strings.EqualFold(fl.label, st.Label)
		switch {
		case err != nil:
			return fl, err
		case fl.kind == flowLeave && own:
			return next, nil
		case fl.kind == flowIterate && own:
			continue
		case fl.kind != flowNext:
			return fl, nil
		}
		if st.Until != "" {
			if yes, err := f.truth(ctx, st.Until, sc); err != nil {
				return f.raise(ctx, err)
			} else if yes {
				return next, nil
			}
		}
	}
}

// eval works out an expression.
func (f *frame) eval(ctx *gms.Context, text string, sc *names) (any, gms.Type, error) {
	_, fresh := f.p.parsed[parsedKey{text, sc, true}]
	t, err := f.s.parseText(ctx, f.p, text, sc, true)
	if err != nil {
		return nil, nil, err
	}
	if !fresh || t.expr == nil {
		if err := f.s.compileExpr(ctx, t); err != nil {
			return nil, nil, err
		}
	}
	if t.expr != nil {
		v, err := t.expr.Eval(ctx, nil)
		return v, t.expr.Type(ctx), err
	}
	var v any
	var typ gms.Type = types.Null
	err = f.run(ctx, "SELECT "+text, t, func(ctx *gms.Context, schema gms.Schema, it gms.RowIter) error {
		rows, err := drain(ctx, it, 2)
		if err == nil && len(rows) == 1 {
			v, err = gms.UnwrapAny(ctx, rows[0][0])
			typ = schema[0].Type
		}
		return err
	})
	return v, typ, err
}

func (f *frame) truth(ctx *gms.Context, text string, sc *names) (bool, error) {
	v, _, err := f.eval(ctx, text, sc)
	if v == nil || err != nil {
		return false, err
	}
	return gms.ConvertToBool(ctx, v)
}

var errNoData = sqlError(1329, "02000", "No data - zero rows fetched, selected, or processed")

// answer sends a result set to the client.
func (f *frame) answer(ctx *gms.Context, schema gms.Schema, it gms.RowIter) error {
	if types.IsOkResultSchema(schema) || len(schema) == 0 || f.send == nil {
		for {
			if _, err := it.Next(ctx); err != nil {
				if isEOF(err) {
					err = nil
				}
				return err
			}
		}
	}
	if f.within {
		return sqlError(1415, "0A000", "Not allowed to return a result set from a function")
	}
	return f.send(ctx, schema, it)
}

// sql runs a statement; each is given what it answers. nil = nothing wants it.
func (f *frame) sql(ctx *gms.Context, text string, sc *names, each func(*gms.Context, gms.Schema, gms.RowIter) error) error {
	if f.within {
		if err := refusedWithin(&replstmt.SQL{Text: text}); err != nil {
			return err
		}
	}
	t, err := f.s.parseText(ctx, f.p, text, sc, false)
	if err != nil {
		return err
	}
	if word := strings.ToUpper(firstWord(text)); word == "CREATE" || word == "ALTER" || word == "DROP" {
		delete(f.p.parsed, parsedKey{text, sc, false}) // the next time may find other things
	}
	for _, l := range t.limits {
		n, _, err := types.Int64.Convert(ctx, f.values[l.own.slot])
		if err != nil {
			return err
		}
		count, _ := n.(int64)
		*l.at = sqlparser.NewIntVal([]byte(strconv.FormatInt(count, 10)))
	}
	if each == nil {
		each = func(ctx *gms.Context, _ gms.Schema, it gms.RowIter) error {
			_, err := drain(ctx, it, 0)
			return err
		}
	}
	return f.run(ctx, text, t, each)
}

// run executes a parsed statement: inside of the statement that called the
// program, or as one of its own.
func (f *frame) run(ctx *gms.Context, text string, t *parsedText, each func(*gms.Context, gms.Schema, gms.RowIter) error) error {
	s := f.s
	built, root, building, updating, inserting, id, keep, locking := s.built, s.root, s.building, s.updating, s.inserting, s.insertID, s.keep, s.locking
	strictly, raised := s.strictly, s.raised
	defer func() {
		s.strictly, s.raised = strictly, raised
		s.built, s.root, s.building, s.updating, s.inserting, s.insertID, s.keep, s.locking = built, root, building, updating, inserting, id, keep, locking
	}()
	s.built, s.root, s.building, s.updating, s.inserting, s.insertID = false, nil, false, nil, false, nil
	s.strictly, s.raised = false, nil
	own := ctx.WithQuery(text)
	execute := func() error {
		_, err := gms.RunInterpreted(own, func(ctx *gms.Context) (struct{}, error) {
			schema, it, _, err := s.server.engine.QueryWithBindings(ctx, "", t.stmt, nil, nil)
			if err != nil {
				return struct{}{}, err
			}
			err = each(ctx, schema, it)
			if closed := it.Close(ctx); err == nil {
				err = closed
			}
			return struct{}{}, err
		})
		return err
	}
	if f.within {
		s.keep = true
		return s.Within(own, text, execute)
	}
	s.beginConditions(text)
	if err := s.Session.BeginStatement(own, text); err != nil {
		return err
	}
	err := s.commitBefore(own, text)
	if err == nil {
		err = execute()
	}
	if err == nil {
		err = f.commit(own)
	}
	if err != nil {
		s.AbortDDL()
		if undone := s.RollbackStatement(); undone != nil {
			s.server.log.Warn("a failed statement could not be undone", "err", undone)
		}
	}
	s.Session.EndStatement()
	return err
}

// commit commits a statement that is its own transaction.
func (f *frame) commit(ctx *gms.Context) error {
	if on, err := plan.IsSessionAutocommit(ctx); err != nil || !on {
		return f.s.CommitDDL(ctx)
	}
	return f.s.CommitTransaction(ctx, nil)
}

// start begins a run of a program with the values of its parameters.
func (s *Session) start(ctx *gms.Context, p *program, args []any, argTypes []gms.Type, within bool) (*frame, error) {
	f := &frame{s: s, p: p, values: make([]any, len(p.vars)), within: within, outer: s.frame}
	if f.over = s.root; s.frame != nil && s.frame.within {
		f.over = s.frame.over
	}
	for i := range args {
		if p.params[i].Mode == "OUT" {
			continue
		}
		if err := f.set(ctx, i, args[i], argTypes[i]); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// maxFrames bounds the nesting of programs.
const maxFrames = 64

// execute runs a program: in its database, under its definer and its sql_mode.
func (f *frame) execute(ctx *gms.Context) (fl flow, err error) {
	s, p := f.s, f.p
	depth := 0
	for o := f.outer; o != nil; o = o.outer {
		if depth++; depth > maxFrames {
			return next, sqlError(1436, "HY000", "Thread stack overrun: stored programs are nested too deeply")
		}
	}
	db := s.GetCurrentDatabase()
	if definer := (auth.Name{User: p.user, Host: p.host}); !p.invoker && !s.internal && s.account() != definer {
		own, roles := s.account(), s.roles
		if err := s.become(definer); err != nil {
			return next, err
		}
		defer s.assume(own, roles)
	}
	mode, err := s.GetSessionVariable(ctx, "sql_mode")
	if err != nil {
		return next, err
	}
	if mode != any(p.mode) {
		if err := s.Session.SetSessionVariable(ctx, "sql_mode", p.mode); err != nil {
			return next, err
		}
		defer func() { _ = s.Session.SetSessionVariable(ctx, "sql_mode", mode) }()
	}
	outer := s.frame
	s.frame = f
	s.SetCurrentDatabase(p.db)
	defer func() {
		s.frame = outer
		s.SetCurrentDatabase(db)
	}()
	return f.step(ctx, p.body, p.top)
}

// become makes the session another account's, with its default roles.
func (s *Session) become(n auth.Name) error {
	g := s.server.accounts.Grants()
	if _, there := g.User(n); !there {
		return sqlError(1449, "HY000", "The user specified as a definer ('%s'@'%s') does not exist", n.User, n.Host)
	}
	s.assume(n, g.DefaultRoles(n, s.server.mandatoryRoles(), s.server.vars.Bool("activate_all_roles_on_login")))
	return nil
}

// assume sets the account whose privileges the session has.
func (s *Session) assume(n auth.Name, roles []auth.Name) {
	s.SetClient(gms.Client{User: n.User, Address: n.Host, Capabilities: s.Client().Capabilities})
	s.roles = roles
	s.allowed.Store(nil)
}

// runs counts how often a program runs already.
func (s *Session) runs(p *program) (n int) {
	for f := s.frame; f != nil; f = f.outer {
		if f.p.kind == p.kind && f.p.db == p.db && strings.EqualFold(f.p.name, p.name) {
			n++
		}
	}
	return n
}
