package sql

import (
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/sql/replstmt"
)

// cursor is an open cursor: its rows are those of the time when it was opened.
type cursor struct {
	schema gms.Schema
	rows   []gms.Row
	at     int
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
