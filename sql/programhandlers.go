package sql

import (
	"errors"
	"strconv"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/mysql"

	"binrelay/sql/replstmt"
)

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
