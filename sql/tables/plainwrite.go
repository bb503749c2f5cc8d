package tables

import (
	"bytes"
	"errors"
	"math"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/direct"
	"binrelay/sql/storage"
)

// ErrNotPlain means that a statement met a row that only the engine can change
// as it asks. Nothing has been changed.
var ErrNotPlain = errors.New("tables: the statement needs the engine")

// Writable reports whether statements without a plan may change the table's rows:
// it has no CHECK constraints and generated columns, and no trigger for the
// event (insert, update, delete). For an UPDATE it also must have no columns
// with ON UPDATE.
func (p *Plain) Writable(ctx *gms.Context, event string) bool {
	s := p.t.def.table.Schema()
	if s.Extra[checksKey] != "" {
		return false
	}
	for i := range s.Columns {
		if c := &s.Columns[i]; c.Extra[generatedKey] != "" || c.OnUpdate != "" && event == "update" {
			return false
		}
	}
	found, err := p.t.db.HasTriggerFor(ctx, p.t.name, event)
	return err == nil && !found
}

// Value converts a constant to a value of a column, as the engine does. False:
// it is none, or of a kind that is left to the engine.
func (p *Plain) Value(ctx *gms.Context, place int, v direct.Value) (any, bool) {
	c := &p.t.def.codec.columns[place]
	switch {
	case v.Kind == direct.Null:
		return nil, p.t.def.schema[place].Nullable
	case v.Kind == direct.Int:
		return c.integer(ctx, int64(v.Number))
	case v.Kind == direct.Uint:
		return c.integer(ctx, v.Number)
	case v.Kind != direct.Text || c.kind != kindString || strings.HasSuffix(v.Text, " "):
		return nil, false // spaces at the end may be cut, with a note
	}
	out, in, err := c.typ.Convert(ctx, v.Text)
	if err != nil || in != gms.InRange {
		return nil, false
	}
	_, text := out.(string)
	return out, text
}

// integer converts an int64 or uint64 to a value of an integer column.
func (c *column) integer(ctx *gms.Context, v any) (any, bool) {
	t, ok := c.typ.(gms.RoundingNumberType)
	if !ok || c.kind > kindUint64 {
		return nil, false
	}
	out, in, err := t.ConvertRound(ctx, v)
	return out, err == nil && in == gms.InRange
}

// Default returns the default of a column, if it is a constant that Value takes.
func (p *Plain) Default(ctx *gms.Context, place int) (any, bool) {
	c := &p.t.def.table.Schema().Columns[place]
	if !c.HasDefault {
		return nil, c.Nullable && !NoDefault(c)
	}
	if c.DefaultIsExpr {
		return nil, false
	}
	var cut direct.Cutting
	stmt, err := sqlparser.Parse("SELECT " + c.Default)
	if _, ok := stmt.(*sqlparser.Select); err != nil || !ok || !cut.Cut("SELECT "+c.Default) {
		return nil, false
	}
	switch shape := string(cut.Shape); {
	case shape == "SELECT ?" && len(cut.Values) == 1:
		return p.constant(ctx, place, cut.Values[0])
	case bytes.EqualFold(cut.Shape, []byte("SELECT NULL")):
		return nil, c.Nullable
	}
	return nil, false
}

// constant is Value for a default, whose number may stand in quotes.
func (p *Plain) constant(ctx *gms.Context, place int, v direct.Value) (any, bool) {
	if v.Kind == direct.Text && p.t.def.codec.columns[place].kind <= kindUint64 {
		var cut direct.Cutting
		if !cut.Cut("SELECT ("+v.Text+")") || len(cut.Values) != 1 || string(cut.Shape) != "SELECT (?)" {
			return nil, false
		}
		v = cut.Values[0]
	}
	return p.Value(ctx, place, v)
}

// Automatic returns the place of the AUTO_INCREMENT column, -1 for none.
func (p *Plain) Automatic() int { return p.t.def.auto }

// edit runs a change of rows as the engine does.
func (p *Plain) edit(ctx *gms.Context, change func(e *editor) error) error {
	e := p.t.editor(ctx)
	e.StatementBegin(ctx)
	err := change(e)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		return e.StatementComplete(ctx)
	}
	if failed := e.DiscardChanges(ctx, err); failed != nil {
		return failed
	}
	return err
}

// lockedRow reads the row with a key, as UPDATE and DELETE do; nil if there is
// none.
func (r *PlainReader) lockedRow(p Point) (gms.Row, error) {
	tx, table, err := r.p.t.reader(r.ctx, r.s, storage.LockExclusive)
	if err != nil {
		return nil, err
	}
	p.r.High = end(p.r.Low)
	it := tx.Scan(r.ctx, table, p.k.index.place, p.r, storage.ScanOptions{Lock: storage.LockExclusive})
	var image []byte
	found := it.Next()
	if found {
		image = append(image, it.Image()...)
	}
	if err := it.Close(); err != nil || !found {
		return nil, r.s.fail(err)
	}
	if p.k.texts {
		same, err := r.equal(p, image)
		if err != nil || !same {
			return nil, err
		}
	}
	def := r.p.t.def
	return def.codec.decode(image, &r.cells, def.all, r.s.Zone(r.ctx))
}

// PlainSet is a change of a column.
type PlainSet struct {
	Place  int
	Value  any           // to assign
	Change direct.Change // Add or Subtract Number instead
	Number int64
}

// Update changes the row with a key. It tells whether there is one, and whether
// it is another one now.
func (r *PlainReader) Update(p Point, set []PlainSet) (matched, changed bool, err error) {
	err = r.p.edit(r.ctx, func(e *editor) error {
		old, err := r.lockedRow(p)
		if err != nil || old == nil {
			return err
		}
		matched = true
		row := append(gms.Row(nil), old...)
		for _, a := range set {
			v := a.Value
			if a.Change != direct.Assign {
				var ok bool
				if v, ok = r.p.t.def.codec.columns[a.Place].moved(r.ctx, old[a.Place], a); !ok {
					return ErrNotPlain
				}
			}
			changed = changed || v != old[a.Place]
			row[a.Place] = v
		}
		if !changed {
			return nil
		}
		return e.Update(r.ctx, old, row)
	})
	return matched, changed, err
}

// moved adds to a value of an integer column, or subtracts. False: the sum is
// outside of the column.
func (c *column) moved(ctx *gms.Context, old any, a PlainSet) (any, bool) {
	var n int64
	switch v := old.(type) {
	case nil:
		return nil, true
	case int8:
		n = int64(v)
	case int16:
		n = int64(v)
	case int32:
		n = int64(v)
	case int64:
		n = v
	case uint8:
		n = int64(v)
	case uint16:
		n = int64(v)
	case uint32:
		n = int64(v)
	default:
		return nil, false
	}
	by := a.Number
	if a.Change == direct.Subtract {
		by = -by
	}
	if n > math.MaxInt64/2 || n < math.MinInt64/2 {
		return nil, false
	}
	n += by
	if n < 0 && c.kind >= kindUint8 {
		return nil, false
	}
	return c.integer(ctx, n)
}

// Addable reports whether a number can be added to a column without a plan.
func (p *Plain) Addable(place int, v direct.Value) (int64, bool) {
	if k := p.t.def.codec.columns[place].kind; k > kindUint32 {
		return 0, false
	}
	n := int64(v.Number)
	return n, (v.Kind == direct.Int || v.Kind == direct.Uint) && n > -1<<40 && n < 1<<40
}

// Delete removes the row with a key, and tells whether there was one.
func (r *PlainReader) Delete(p Point) (found bool, err error) {
	err = r.p.edit(r.ctx, func(e *editor) error {
		row, err := r.lockedRow(p)
		if err != nil || row == nil {
			return err
		}
		found = true
		return e.Delete(r.ctx, row)
	})
	return found, err
}

// Insert puts rows in. A row whose AUTO_INCREMENT column is NULL gets a value.
func (r *PlainReader) Insert(rows []gms.Row) error {
	r.s.BeginInsert(r.p.t.db.name + "." + r.p.t.name)
	return r.p.edit(r.ctx, func(e *editor) error {
		for _, row := range rows {
			if err := r.p.number(r.ctx, row); err != nil {
				return err
			}
			if err := e.Insert(r.ctx, row); err != nil {
				return err
			}
		}
		return nil
	})
}

// number gives a row the value of its AUTO_INCREMENT column.
func (p *Plain) number(ctx *gms.Context, row gms.Row) error {
	auto := p.t.def.auto
	if auto < 0 {
		return nil
	}
	given := row[auto]
	v, err := p.t.GetNextAutoIncrementValue(ctx, given)
	if err != nil || given != nil {
		return err
	}
	typ := p.t.def.schema[auto].Type
	out, in, err := typ.Convert(ctx, v)
	if err == nil && in != gms.InRange {
		err = gms.ErrValueOutOfRange.New(v, typ)
	}
	row[auto] = out
	return err
}

// ReadOnly reports whether the open transaction is READ ONLY.
func (s *Session) ReadOnly() bool { return s.tx != nil && s.tx.o.ReadOnly }
