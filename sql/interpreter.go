package sql

import (
	"errors"
	"strconv"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/mysql"
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

// cursor is an open cursor: its rows are those of the time when it was opened.
type cursor struct {
	schema gms.Schema
	rows   []gms.Row
	at     int
}

// condition is what a statement has raised.
type condition struct {
	errno          uint16
	state, message string
	items          map[string]string // of SIGNAL
}

func (c *condition) err() error {
	e := mysql.NewSQLError(int(c.errno), c.state, "%s", c.message)
	return &programError{e, c}
}

// programError is an error that a program raised, with all that it said of it.
type programError struct {
	*mysql.SQLError
	c *condition
}

// Unwrap gives errors.As the error that go-mysql-server's handler passes on.
func (r *programError) Unwrap() error { return r.SQLError }

// conditionOf is an error as a condition.
func conditionOf(err error, text, db string) condition {
	var r *programError
	if errors.As(err, &r) {
		return *r.c
	}
	n, state, msg := TranslateStatement(err, Statement{Query: text, Database: db})
	return condition{errno: n, state: state, message: msg}
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

// drain reads rows; with limit > 0 no more than that, and the rest is left.
func drain(ctx *gms.Context, it gms.RowIter, limit int) (rows []gms.Row, err error) {
	for limit <= 0 || len(rows) < limit {
		row, err := it.Next(ctx)
		if isEOF(err) {
			break
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (f *frame) open(ctx *gms.Context, name string, sc *names) error {
	i, _ := sc.cursor(name)
	if f.cursors[i] != nil {
		return sqlError(1325, "24000", "Cursor is already open")
	}
	query, own := f.cursorQuery(name, sc)
	cur := &cursor{}
	err := f.sql(ctx, query, own, func(ctx *gms.Context, schema gms.Schema, it gms.RowIter) (err error) {
		cur.schema = schema
		cur.rows, err = drain(ctx, it, 0)
		return err
	})
	if err != nil {
		return err
	}
	if f.cursors == nil {
		f.cursors = make(map[int]*cursor)
	}
	f.cursors[i] = cur
	return nil
}

// cursorQuery finds the declaration of a cursor.
func (f *frame) cursorQuery(name string, sc *names) (string, *names) {
	for ; sc != nil; sc = sc.parent {
		if _, ok := sc.cursors[strings.ToLower(name)]; !ok {
			continue
		}
		for b, own := range f.p.scopes {
			if own != sc {
				continue
			}
			for _, c := range b.Cursors {
				if strings.EqualFold(c.Name, name) {
					return c.Query, sc
				}
			}
		}
	}
	return "", nil
}

var errNoData = sqlError(1329, "02000", "No data - zero rows fetched, selected, or processed")

func (f *frame) fetch(ctx *gms.Context, st *replstmt.Fetch, sc *names) error {
	i, _ := sc.cursor(st.Name)
	cur := f.cursors[i]
	switch {
	case cur == nil:
		return errCursorClosed
	case len(cur.schema) != len(st.Into):
		return sqlError(1328, "HY000", "Incorrect number of FETCH variables")
	case cur.at == len(cur.rows):
		return errNoData
	}
	row := cur.rows[cur.at]
	cur.rows[cur.at] = nil
	cur.at++
	return f.into(ctx, st.Into, cur.schema, row, sc)
}

// into assigns a row to variables.
func (f *frame) into(ctx *gms.Context, names []string, schema gms.Schema, row gms.Row, sc *names) error {
	for i, name := range names {
		v, err := gms.UnwrapAny(ctx, row[i])
		if err != nil {
			return err
		}
		if user, ok := strings.CutPrefix(name, "@"); ok {
			err = f.s.SetUserVariable(ctx, strings.Trim(user, "`'\""), v, schema[i].Type)
		} else {
			slot, _ := sc.variable(name)
			err = f.set(ctx, slot, v, schema[i].Type)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *frame) selectInto(ctx *gms.Context, st *replstmt.SQL, sc *names) error {
	var rows []gms.Row
	var schema gms.Schema
	err := f.sql(ctx, st.Text, sc, func(ctx *gms.Context, sch gms.Schema, it gms.RowIter) (err error) {
		if schema = sch; len(schema) != len(st.Into) {
			return sqlError(1222, "21000", "The used SELECT statements have a different number of columns")
		}
		rows, err = drain(ctx, it, 2)
		return err
	})
	switch {
	case err != nil:
		return err
	case len(rows) > 1:
		return sqlError(1172, "42000", "Result consisted of more than one row")
	case len(rows) == 0:
		f.s.Warn(&gms.Warning{Level: "Warning", Code: 1329, Message: "No data - zero rows fetched, selected, or processed"})
		return nil
	}
	return f.into(ctx, st.Into, schema, rows[0], sc)
}

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

// raise looks for the handler of an error and runs it.
func (f *frame) raise(ctx *gms.Context, err error) (flow, error) {
	if ctx.Err() != nil || f.s.Lost() {
		return next, err
	}
	c := conditionOf(err, f.s.Query(), f.p.db)
	f.last = []condition{c}
	fl, ok, herr := f.handle(ctx, c, c.errno == 1329 || !strings.HasPrefix(c.state, "01"))
	if ok {
		return fl, herr
	}
	return next, c.err()
}

// warned looks for the handler of what a statement has warned of.
func (f *frame) warned(ctx *gms.Context) (flow, error) {
	warnings := f.s.Warnings()
	f.last = nil
	for _, w := range warnings {
		if w.Level == "Note" {
			continue
		}
		state := sqlState(uint16(w.Code))
		switch {
		case w.Code == 1329:
			state = "02000"
		case state == "HY000" || !strings.HasPrefix(state, "0"):
			state = "01000"
		}
		f.last = append(f.last, condition{errno: uint16(w.Code), state: state, message: w.Message})
	}
	for _, c := range f.last {
		if fl, ok, err := f.handle(ctx, c, false); ok {
			return fl, err
		}
	}
	return next, nil
}

// handle runs the innermost handler of a condition; of one block the most
// specific. ok is false if there is none.
func (f *frame) handle(ctx *gms.Context, c condition, failed bool) (fl flow, ok bool, err error) {
	for i := len(f.blocks) - 1; i >= 0; i-- {
		b := f.blocks[i]
		h := b.HandlerOf(c.errno, c.state)
		if h == nil {
			continue
		}
		// While it runs, only the handlers of outer blocks count.
		blocks := f.blocks
		f.blocks = blocks[:i:i]
		f.caught = append(f.caught, c)
		fl, err = f.step(ctx, h.Step, f.p.scopes[b])
		f.caught = f.caught[:len(f.caught)-1]
		f.blocks = blocks
		if err == nil && fl.kind == flowNext {
			if failed || c.errno == 1329 {
				f.s.ClearWarnings()
			}
			if h.Exit {
				fl = flow{kind: flowExit, block: b}
			}
		}
		return fl, true, err
	}
	return next, false, nil
}

// signal is SIGNAL and RESIGNAL.
func (f *frame) signal(ctx *gms.Context, st *replstmt.Signal, sc *names) (flow, error) {
	var c condition
	if st.Again {
		if len(f.caught) == 0 {
			return f.raise(ctx, sqlError(1645, "0K000", "RESIGNAL when handler not active"))
		}
		c = f.caught[len(f.caught)-1]
	}
	if st.Condition != nil {
		c.state = st.Condition.State
		if !st.Again {
			switch c.state[:2] {
			case "01":
				c.errno, c.message = 1642, "Unhandled user-defined warning condition"
			case "02":
				c.errno, c.message = 1643, "Unhandled user-defined not found condition"
			default:
				c.errno, c.message = 1644, "Unhandled user-defined exception condition"
			}
		}
	}
	items := make(map[string]string, len(c.items)+len(st.Items))
	for k, v := range c.items {
		items[k] = v
	}
	c.items = items
	for _, item := range st.Items {
		v, _, err := f.eval(ctx, item.Expr, sc)
		if err != nil {
			return f.raise(ctx, err)
		}
		if v == nil {
			return f.raise(ctx, sqlError(1231, "42000", "Variable '%s' can't be set to the value of 'NULL'", item.Name))
		}
		text := argText(v)
		switch item.Name {
		case "MESSAGE_TEXT":
			if r := []rune(text); len(r) > 128 {
				return f.raise(ctx, sqlError(1648, "HY000", "Data too long for condition item 'MESSAGE_TEXT'"))
			}
			c.message = text
		case "MYSQL_ERRNO":
			n, err := strconv.ParseUint(text, 10, 16)
			if err != nil || n == 0 {
				return f.raise(ctx, sqlError(1231, "42000", "Variable 'MYSQL_ERRNO' can't be set to the value of '%s'", text))
			}
			c.errno = uint16(n)
		default:
			c.items[item.Name] = text
		}
	}
	if strings.HasPrefix(c.state, "01") {
		f.s.Warn(&gms.Warning{Level: "Warning", Code: int(c.errno), Message: c.message})
		f.last = []condition{c}
		if fl, ok, err := f.handle(ctx, c, false); ok {
			return fl, err
		}
		return next, nil
	}
	return f.raise(ctx, c.err())
}

// diagnostics is GET DIAGNOSTICS.
func (f *frame) diagnostics(ctx *gms.Context, st *replstmt.Diagnostics, sc *names) error {
	all := f.last
	if len(f.caught) > 0 {
		all = f.caught[len(f.caught)-1:]
	} else if st.Stacked {
		return sqlError(1887, "0Z002", "GET STACKED DIAGNOSTICS when handler not active")
	}
	var c condition
	if st.Condition != "" {
		v, _, err := f.eval(ctx, st.Condition, sc)
		if err != nil {
			return err
		}
		n, _, err := types.Int64.Convert(ctx, v)
		if i, ok := n.(int64); err != nil || !ok || i < 1 || int(i) > len(all) {
			return sqlError(1758, "35000", "Invalid condition number")
		} else {
			c = all[i-1]
		}
	}
	for _, item := range st.Items {
		var v any
		var t gms.Type = types.LongText
		switch item.Name {
		case "NUMBER":
			v, t = int64(len(all)), types.Int64
		case "ROW_COUNT":
			v, t = f.s.GetLastQueryInfo().RowCount.Load(), types.Int64
		case "MYSQL_ERRNO":
			v, t = int64(c.errno), types.Int64
		case "RETURNED_SQLSTATE":
			v = c.state
		case "MESSAGE_TEXT":
			v = c.message
		case "CLASS_ORIGIN", "SUBCLASS_ORIGIN":
			if v = "ISO 9075"; strings.HasPrefix(c.state, "HY") || c.errno == 1642 || c.errno == 1643 || c.errno == 1644 {
				v = "MySQL"
			}
		default:
			v = c.items[item.Name]
		}
		schema := gms.Schema{column(item.Name, t, true)}
		if err := f.into(ctx, []string{item.Variable}, schema, gms.NewRow(v), sc); err != nil {
			return err
		}
	}
	return nil
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
