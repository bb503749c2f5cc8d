package tables

import (
	"slices"
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression/function"
	"github.com/dolthub/go-mysql-server/sql/plan"

	"binrelay/binlog/rowimage"
	"binrelay/sql/storage"
)

// rewriter makes rows of a new definition out of rows of the old one.
type rewriter struct {
	a        *alteration
	old, new *codec
	schema   gms.Schema // the new one, resolved
	zone     *time.Location
	mode     string
	strict   bool

	convert []*conversion // by new column; nil = stored bytes are copied
	exprs   []int         // columns whose values are worked out for each row
	tests   []rowTest
	next    uint64 // AUTO_INCREMENT
	step    uint64
	auto    int // the AUTO_INCREMENT column if its values may have to be made, -1

	n      int // rows so far
	values gms.Row
	image  *rowimage.Builder
	cells  []rowimage.Cell
	made   []rowimage.Cell
	buf    [2][]byte
}

// rowTest is a CHECK constraint that rows must pass.
type rowTest struct {
	name string
	expr gms.Expression
}

// isNow reports whether a default is the statement's time.
func isNow(d *gms.ColumnDefaultValue) bool {
	_, ok := d.Expr.(*function.Now)
	return ok
}

func (p *Provider) newRewriter(a *alteration, now *storage.Table, made *plan.CreateTable) (*rewriter, error) {
	before, err := p.define(now)
	if err != nil {
		return nil, err
	}
	layout, err := rowimage.Compile(rowColumns(&a.next))
	if err != nil {
		return nil, err
	}
	schema, err := schemaOf(&a.next)
	if err != nil {
		return nil, err
	}
	after, err := newCodec(layout, a.next.Columns, schema)
	if err != nil {
		return nil, err
	}
	s, err := sessionOf(a.ctx)
	if err != nil {
		return nil, err
	}
	w := &rewriter{
		a: a, old: before.codec, new: after, schema: made.PkSchema().Schema, zone: s.Zone(a.ctx),
		convert: make([]*conversion, len(a.columns)), image: rowimage.NewBuilder(layout), auto: -1, values: make(gms.Row, len(a.columns)),
	}
	w.next, w.step = 1, 1
	w.mode = gms.LoadSqlMode(a.ctx).String()
	w.strict = strings.Contains(w.mode, "STRICT_")
	for i := range a.columns {
		w.plan(i, schema)
	}
	for i, c := range made.Checks() {
		if a.checks[i].test {
			w.tests = append(w.tests, rowTest{a.checks[i].name, c.Expr})
		}
	}
	return w, nil
}

func rowColumns(s *storage.Schema) []rowimage.Column {
	cols := make([]rowimage.Column, len(s.Columns))
	for i := range cols {
		cols[i] = s.Columns[i].Column
	}
	return cols
}

// plan decides how a column's values come about.
func (w *rewriter) plan(i int, schema gms.Schema) {
	a := w.a
	from, to := a.columns[i].from, &a.next.Columns[i]
	made := w.schema[i]
	if made.Generated != nil {
		w.exprs = append(w.exprs, i)
	}
	if to.AutoIncrement && (from < 0 || !a.old.Columns[from].AutoIncrement) {
		w.auto = i
		inc, off := w.session().autoIncrement(a.ctx)
		w.step, w.next = inc, max(off, 1)
		if a.counter > w.next {
			w.next = a.counter
		}
	}
	if from < 0 {
		if made.Generated == nil && !constantDefault(to, made) && !to.AutoIncrement {
			w.exprs = append(w.exprs, i)
		}
		return
	}
	if o := &a.old.Columns[from]; !storedAlike(o, to) || !storage.SameImage(o, to) {
		w.convert[i] = &conversion{
			from: o, to: to, toType: schema[i].Type, fromType: a.types[from].Type, strict: w.strict, mode: w.mode,
			nullOnly: storedAlike(o, to) && o.Meta == to.Meta && slices.Equal(o.Members, to.Members) && o.Unsigned == to.Unsigned,
		}
	}
}

func (w *rewriter) session() *Session {
	s, _ := sessionOf(w.a.ctx) // it was there when the statement began
	return s
}

// fill returns the image whose values rows get in new columns, nil when there
// is no new column.
func (w *rewriter) fill() ([]byte, error) {
	for i := range w.a.columns {
		v, err := w.constant(i)
		if err != nil {
			return nil, err
		}
		w.values[i] = v
	}
	image, err := w.new.encode(w.a.ctx, w.image, w.values, w.zone)
	return slices.Clone(image), err
}

// constant returns what a new column holds in every row, and for another
// column any value that it can hold.
func (w *rewriter) constant(i int) (any, error) {
	to, made := &w.a.next.Columns[i], w.schema[i]
	if w.a.columns[i].from < 0 && made.Default != nil && constantDefault(to, made) {
		v, err := made.Default.Eval(w.a.ctx, nil)
		if err != nil {
			return nil, sqlErrorf(1067, "42000", "Invalid default value for '%s'", to.Name)
		}
		if v != nil {
			return v, nil
		}
	}
	if to.Nullable {
		return nil, nil
	}
	return implicitDefault(to, w.new.columns[i].typ), nil
}

// each makes the new image of every row.
func (w *rewriter) each(rows func(func(image []byte) error) error, fn func(image []byte) error) error {
	if _, err := w.fill(); err != nil {
		return err
	}
	return rows(func(image []byte) error {
		w.n++
		out, err := w.row(image)
		if err != nil {
			return err
		}
		return fn(out)
	})
}

// row makes the new image of a row; it is valid until the next call.
func (w *rewriter) row(image []byte) ([]byte, error) {
	var err error
	if w.cells, err = w.old.layout.Cut(image, w.cells[:0]); err != nil {
		return nil, err
	}
	if w.n == 1 {
		if err := w.zeroDates(); err != nil {
			return nil, err
		}
	}
	for i, c := range w.convert {
		if c == nil {
			continue
		}
		from := w.a.columns[i].from
		var v any
		if cell := w.cells[from]; !cell.Null() {
			if v, err = w.old.columns[from].value(cell.Value(image), w.zone); err != nil {
				return nil, err
			}
		}
		if v == nil && i == w.auto {
			v = int64(0) // filled in below
		}
		if w.values[i], err = c.value(w.a.ctx, v, w.n); err != nil {
			return nil, err
		}
	}
	if w.auto >= 0 {
		if err := w.number(image); err != nil {
			return nil, err
		}
	}
	out, err := w.assemble(image)
	if err != nil || len(w.exprs)+len(w.tests) == 0 {
		return out, err
	}
	return w.evaluate(image, out)
}

// assemble puts the stored bytes of the old row and the values at hand together.
func (w *rewriter) assemble(image []byte) ([]byte, error) {
	part, err := w.new.encode(w.a.ctx, w.image, w.values, w.zone)
	if err != nil {
		return nil, err
	}
	if w.made, err = w.new.layout.Cut(part, w.made[:0]); err != nil {
		return nil, err
	}
	w.buf[0] = w.new.layout.Assemble(w.buf[0][:0], func(i int) ([]byte, rowimage.Cell) {
		if from := w.a.columns[i].from; from >= 0 && w.convert[i] == nil && i != w.auto && !slices.Contains(w.exprs, i) {
			return image, w.cells[from]
		}
		return part, w.made[i]
	})
	return w.buf[0], nil
}

// evaluate works out defaults and generated values that are expressions, and
// the constraints.
func (w *rewriter) evaluate(image, out []byte) ([]byte, error) {
	row, err := w.new.decode(out, &w.made, allPlaces(len(w.values)), w.zone)
	if err != nil {
		return nil, err
	}
	for _, i := range w.exprs {
		made, to := w.schema[i], &w.a.next.Columns[i]
		def := made.Generated
		if def == nil {
			def = made.Default
		}
		v, err := def.Eval(w.a.ctx, row)
		if err != nil {
			return nil, err
		}
		if v == nil && !to.Nullable {
			return nil, sqlErrorf(1048, "23000", "Column '%s' cannot be null", to.Name)
		}
		row[i], w.values[i] = v, v
	}
	if len(w.exprs) > 0 {
		if out, err = w.assemble(image); err != nil {
			return nil, err
		}
		if row, err = w.new.decode(out, &w.made, allPlaces(len(w.values)), w.zone); err != nil {
			return nil, err
		}
	}
	for _, t := range w.tests {
		v, err := gms.EvaluateCondition(w.a.ctx, t.expr, row)
		if err != nil {
			return nil, err
		}
		if gms.IsFalse(v) {
			return nil, sqlErrorf(3819, "HY000", "Check constraint '%s' is violated.", t.name)
		}
	}
	return out, nil
}

func allPlaces(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// number gives a row its AUTO_INCREMENT value, unless it has one.
func (w *rewriter) number(image []byte) error {
	i := w.auto
	var have uint64
	if from := w.a.columns[i].from; from >= 0 {
		v := w.values[i]
		if w.convert[i] == nil {
			if cell := w.cells[from]; !cell.Null() {
				var err error
				if v, err = w.old.columns[from].value(cell.Value(image), w.zone); err != nil {
					return err
				}
			} else {
				v = nil
			}
		}
		w.values[i] = v
		n, in, err := uint64Type.Convert(w.a.ctx, v)
		switch {
		case err == nil && in != gms.InRange:
			return nil // negative: kept
		case err == nil && n != nil:
			have = n.(uint64)
		}
		if have == 0 && v != nil && strings.Contains(w.mode, "NO_AUTO_VALUE_ON_ZERO") {
			return nil
		}
	}
	if have == 0 {
		have = w.next
		w.values[i] = have
	}
	for w.next <= have {
		w.next += w.step
	}
	return nil
}

// zeroDates refuses new columns whose rows would hold a zero date.
func (w *rewriter) zeroDates() error {
	if !w.strict || !strings.Contains(w.mode, "NO_ZERO_DATE") {
		return nil
	}
	for i := range w.a.columns {
		to := &w.a.next.Columns[i]
		if w.a.columns[i].from >= 0 || to.Nullable || to.HasDefault || w.schema[i].Generated != nil {
			continue
		}
		if kind, zero := zeroText(to); zero != "" {
			return sqlErrorf(1292, "22007", "Incorrect %s value: '%s' for column '%s' at row 1", kind, zero, to.Name)
		}
	}
	return nil
}

// test checks existing rows against new constraints, and columns, when nothing
// is rewritten.
func (w *rewriter) test(d *storage.DDL, now *storage.Table) error {
	err := w.each(func(fn func([]byte) error) error { return d.Rows(now, fn) }, func([]byte) error {
		if len(w.tests) == 0 {
			return errEnough
		}
		return nil
	})
	if err == errEnough {
		return nil
	}
	return err
}

// rewrite builds the table anew.
func (w *rewriter) rewrite(d *storage.DDL, now *storage.Table) error {
	b, err := d.Builder(w.a.name.Database, w.a.name.Name, w.a.next)
	if err != nil {
		return err
	}
	if err := w.each(func(fn func([]byte) error) error { return d.Rows(now, fn) }, b.Insert); err != nil {
		return err
	}
	return b.Close()
}
