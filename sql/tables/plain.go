package tables

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/sqltypes"

	"binrelay/binlog/rowimage"
	"binrelay/sql/direct"
	"binrelay/sql/storage"
	"binrelay/sql/storage/keycodec"
)

// Plain is a table as statements use it that go-mysql-server does not plan. It
// is immutable.
type Plain struct {
	t       *Table
	objects uint64 // generation of the triggers; read before they were
}

// Plain returns a table of a database; nil if there is none, or none that
// statements can use without a plan.
func (p *Provider) Plain(database, table string) *Plain {
	t, ok := p.engine.Catalog().Table(database, table)
	if !ok {
		return nil
	}
	for i := range t.Schema().Columns {
		if c := &t.Schema().Columns[i]; c.Extra[virtualKey] != "" || c.Invisible {
			return nil
		}
	}
	def, err := p.define(t)
	if err != nil {
		return nil
	}
	return &Plain{newTable(&Database{p: p, name: database}, def), p.objects.generation()}
}

// Current reports whether the table still is what it was, and its triggers too.
func (p *Plain) Current() bool {
	now, ok := p.t.db.p.engine.Catalog().Table(p.t.db.name, p.t.name)
	return ok && now == p.t.def.table && p.objects == p.t.db.p.objects.generation()
}

// Column returns the place of a column, -1 if there is none.
func (p *Plain) Column(name string) int { return columnPlace(p.t.def.table.Schema(), name) }

// All returns the places of all columns.
func (p *Plain) All() []int { return p.t.def.all }

// PlainKey is the primary key, or another unique one, of a Plain.
type PlainKey struct {
	p     *Plain
	index *Index
	from  []int // for each part the place of its value among those of Point
	texts bool  // some parts are texts: the rows are compared again
}

// Key returns the key whose columns are the given ones, nil if there is none or
// if it has other columns than integers and texts.
func (p *Plain) Key(columns []string) *PlainKey {
	s := p.t.def.table.Schema()
	if len(s.Primary) > 0 {
		if k := p.key(newIndex(p.t, -1, "PRIMARY", s.Primary, true, ""), columns); k != nil {
			return k
		}
	}
	for i := range s.Indexes {
		if x := &s.Indexes[i]; x.Unique {
			if k := p.key(newIndex(p.t, i, x.Name, x.Parts, true, ""), columns); k != nil {
				return k
			}
		}
	}
	return nil
}

func (p *Plain) key(x *Index, columns []string) *PlainKey {
	if len(columns) != len(x.parts) {
		return nil
	}
	k := &PlainKey{p: p, index: x, from: make([]int, len(x.parts))}
	for i, part := range x.parts {
		k.from[i] = -1
		for j, name := range columns {
			if strings.EqualFold(name, p.t.def.schema[part.Column].Name) {
				k.from[i] = j
			}
		}
		c := &p.t.def.codec.columns[part.Column]
		if k.from[i] < 0 || part.Prefix > 0 || c.kind > kindUint64 && c.kind != kindString {
			return nil
		}
		k.texts = k.texts || c.kind == kindString
	}
	return k
}

// Point is a key with its values.
type Point struct {
	k      *PlainKey
	values []direct.Value
	r      storage.Range
}

// Point encodes the values of the key's columns, in the order that Key got them.
// False: not all of them are values that the columns can hold.
func (k *PlainKey) Point(values []direct.Value) (Point, bool) {
	t := k.p.t
	var room [4]keycodec.Value
	parts := room[:0]
	for i, part := range k.index.parts {
		v, ok := t.def.codec.columns[part.Column].keyOf(values[k.from[i]])
		if !ok {
			return Point{}, false
		}
		parts = append(parts, v)
	}
	key, err := t.def.table.EncodeKey(make([]byte, 0, 32), k.index.place, parts...)
	if err != nil {
		return Point{}, false
	}
	return Point{k: k, values: values, r: storage.Range{Low: key, Point: true}}, true
}

// keyOf is the value of a column in a key.
func (c *column) keyOf(v direct.Value) (out keycodec.Value, ok bool) {
	switch {
	case c.kind == kindString && v.Kind == direct.Text:
		// What is too long, or ends in spaces, collations and types treat each in
		// their own way.
		if strings.HasSuffix(v.Text, " ") || int64(utf8.RuneCountInString(v.Text)) > c.typ.(gms.StringType).MaxCharacterLength() {
			return out, false
		}
		return keycodec.Bytes([]byte(v.Text)), true
	case c.kind <= kindUint64 && v.Kind == direct.Int:
		return keycodec.Int(int64(v.Number)), true
	case c.kind <= kindUint64 && v.Kind == direct.Uint:
		return keycodec.Uint(v.Number), true
	}
	return out, false
}

// RangeKey returns the primary key if it is the given column alone, an integer;
// else nil.
func (p *Plain) RangeKey(column string) *PlainKey {
	s := p.t.def.table.Schema()
	if len(s.Primary) != 1 {
		return nil
	}
	k := p.key(newIndex(p.t, -1, "PRIMARY", s.Primary, true, ""), []string{column})
	if k == nil || k.texts || s.Primary[0].Desc {
		return nil
	}
	return k
}

// Bounds are those of a closed range of a RangeKey's column.
type Bounds struct{ r storage.Range }

// Between encodes bounds. False: they are none of the column, or out of order.
func (k *PlainKey) Between(low, high direct.Value) (Bounds, bool) {
	from, ok := k.Point([]direct.Value{low})
	to, also := k.Point([]direct.Value{high})
	if !ok || !also || bytes.Compare(from.r.Low, to.r.Low) > 0 {
		return Bounds{}, false
	}
	return Bounds{storage.Range{Low: from.r.Low, High: end(to.r.Low), Point: bytes.Equal(from.r.Low, to.r.Low)}}, true
}

// Sortable reports whether Sorted can order rows by a column: keys order its
// values as go-mysql-server's sort does.
func (p *Plain) Sortable(place int) bool {
	c := &p.t.def.codec.columns[place]
	if c.kind <= kindUint64 {
		return true
	}
	if c.kind != kindString {
		return false
	}
	collation := c.typ.(gms.StringType).Collation()
	return KnownCollation(uint16(collation)) && collation.PadAttribute() == "NO PAD"
}

// Summable reports whether Sum can add up a column.
func (p *Plain) Summable(place int) bool {
	switch p.t.def.codec.columns[place].kind {
	case kindInt8, kindInt16, kindInt32, kindUint8, kindUint16, kindUint32:
		return true
	}
	return false
}

// PlainReader reads rows of a Plain for one session. It is used again for the
// next statement.
type PlainReader struct {
	ctx    *gms.Context
	s      *Session
	p      *Plain
	places []int
	utf8   bool // results are sent as UTF-8
	cells  []rowimage.Cell
	row    []sqltypes.Value
	buf    []byte
}

// Begin makes the reader one of p's columns at the given places.
func (r *PlainReader) Begin(ctx *gms.Context, s *Session, p *Plain, places []int) {
	r.ctx, r.s, r.p, r.places = ctx, s, p, places
	r.utf8 = s.GetCharacterSetResults() == gms.CharacterSet_utf8mb4
}

// End lets go of what the statement has read.
func (r *PlainReader) End() {
	r.ctx = nil
	clear(r.row)
}

// Find reads the row with a key, as a consistent read does. The row is nil if
// there is none, and valid until the next call.
func (r *PlainReader) Find(p Point) ([]sqltypes.Value, error) {
	tx, table, err := r.p.t.reader(r.ctx, r.s, storage.LockNone)
	if err != nil {
		return nil, err
	}
	var image []byte
	var found bool
	if p.k.index.place < 0 {
		image, found, err = tx.GetOnly(r.ctx, table, p.r.Low)
	} else {
		p.r.High = end(p.r.Low)
		it := tx.Scan(r.ctx, table, p.k.index.place, p.r, storage.ScanOptions{})
		if found = it.Next(); found {
			image = append([]byte(nil), it.Image()...)
		}
		err = it.Close()
	}
	if err != nil || !found {
		return nil, r.s.fail(err)
	}
	if p.k.texts {
		same, err := r.equal(p, image)
		if err != nil || !same {
			return nil, err
		}
	}
	return r.values(image)
}

// each calls fn for the rows of a range, in the order of the key.
func (r *PlainReader) each(b Bounds, fn func(image []byte) error) error {
	tx, table, err := r.p.t.reader(r.ctx, r.s, storage.LockNone)
	if err != nil {
		return err
	}
	it := tx.Scan(r.ctx, table, -1, b.r, storage.ScanOptions{})
	for it.Next() {
		if err := fn(it.Image()); err != nil {
			it.Close()
			return err
		}
	}
	return r.s.fail(it.Close())
}

// Each calls fn for the rows of a range, in the order of the key, each valid
// until the next.
func (r *PlainReader) Each(b Bounds, fn func(row []sqltypes.Value) error) error {
	return r.each(b, func(image []byte) error {
		row, err := r.values(image)
		if err != nil {
			return err
		}
		return fn(row)
	})
}

// Sorted is Each ordered by a column that is Sortable; of rows that are equal
// there, those that come first in the key come first, or with once they alone
// come.
func (r *PlainReader) Sorted(b Bounds, by int, once bool, fn func(row []sqltypes.Value) error) error {
	type sorted struct{ weight, image []byte }
	var all []sorted
	var room []byte
	c := &r.p.t.def.codec.columns[by]
	err := r.each(b, func(image []byte) error {
		var err error
		if r.cells, err = r.p.t.def.table.Layout().Cut(image, r.cells); err != nil {
			return err
		}
		if cap(room)-len(room) < 5*len(image)+16 {
			room = make([]byte, 0, max(64<<10, 5*len(image)+16))
		}
		at := len(room)
		room = append(room, image...)
		copied := room[at:len(room):len(room)]
		at = len(room)
		if cell := r.cells[by]; !cell.Null() {
			if room, err = c.appendWeight(append(room, 1), cell.Value(image)); err != nil {
				return err
			}
		}
		all = append(all, sorted{room[at:len(room):len(room)], copied})
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b sorted) int { return bytes.Compare(a.weight, b.weight) })
	for i, s := range all {
		if once && i > 0 && bytes.Equal(s.weight, all[i-1].weight) {
			continue
		}
		row, err := r.values(s.image)
		if err != nil {
			return err
		}
		if err := fn(row); err != nil {
			return err
		}
	}
	return nil
}

// appendWeight appends what orders a value of a column that is Sortable.
func (c *column) appendWeight(dst, b []byte) ([]byte, error) {
	switch {
	case c.kind <= kindInt64:
		return binary.BigEndian.AppendUint64(dst, uint64(rowimage.DecodeInt(b))^1<<63), nil
	case c.kind <= kindUint64:
		return binary.BigEndian.AppendUint64(dst, rowimage.DecodeUint(b)), nil
	}
	return Weigh(dst, uint16(c.typ.(gms.StringType).Collation()), b)
}

// Sum adds up a column that is Summable over a range. It returns how many rows
// there are, and how many of them are not NULL there. place -1 only counts.
func (r *PlainReader) Sum(b Bounds, place int) (sum, rows, values int64, err error) {
	err = r.each(b, func(image []byte) error {
		rows++
		if place < 0 {
			return nil
		}
		var err error
		if r.cells, err = r.p.t.def.table.Layout().Cut(image, r.cells); err != nil {
			return err
		}
		cell := r.cells[place]
		switch {
		case cell.Null():
			return nil
		case r.p.t.def.codec.columns[place].kind <= kindInt64:
			sum += rowimage.DecodeInt(cell.Value(image))
		default:
			sum += int64(rowimage.DecodeUint(cell.Value(image)))
		}
		values++
		return nil
	})
	return sum, rows, values, err
}

// equal compares the texts of a row with those of the key as a condition does:
// a key does not tell all texts apart.
func (r *PlainReader) equal(p Point, image []byte) (bool, error) {
	def := r.p.t.def
	row, err := def.codec.decode(image, &r.cells, def.all, r.s.Zone(r.ctx))
	if err != nil {
		return false, err
	}
	for i, part := range p.k.index.parts {
		v := p.values[p.k.from[i]]
		if v.Kind != direct.Text {
			continue
		}
		c := def.schema[part.Column]
		same, err := expression.NewEquals(expression.NewGetField(part.Column, c.Type, c.Name, c.Nullable),
			expression.NewLiteral(v.Text, types.CreateLongText(r.s.GetCollation()))).Eval(r.ctx, row)
		if err != nil || same != true {
			return false, err
		}
	}
	return true, nil
}

// values shows the columns of a row as go-mysql-server does.
func (r *PlainReader) values(image []byte) ([]sqltypes.Value, error) {
	def := r.p.t.def
	var err error
	if r.cells, err = def.table.Layout().Cut(image, r.cells); err != nil {
		return nil, err
	}
	r.row, r.buf = r.row[:0], r.buf[:0]
	for _, place := range r.places {
		cell := r.cells[place]
		if cell.Null() {
			r.row = append(r.row, sqltypes.NULL)
			continue
		}
		v, err := r.value(&def.codec.columns[place], cell.Value(image))
		if err != nil {
			return nil, err
		}
		r.row = append(r.row, v)
	}
	return r.row, nil
}

func (r *PlainReader) value(c *column, b []byte) (sqltypes.Value, error) {
	at := len(r.buf)
	switch {
	case c.kind <= kindInt64:
		r.buf = strconv.AppendInt(r.buf, rowimage.DecodeInt(b), 10)
		return sqltypes.MakeTrusted(c.typ.Type(), r.buf[at:]), nil
	case c.kind <= kindUint64:
		r.buf = strconv.AppendUint(r.buf, rowimage.DecodeUint(b), 10)
		return sqltypes.MakeTrusted(c.typ.Type(), r.buf[at:]), nil
	case c.kind == kindString && r.utf8 && utf8.Valid(b):
		return sqltypes.MakeTrusted(c.typ.Type(), b), nil
	}
	v, err := c.value(b, r.s.Zone(r.ctx))
	if err != nil {
		return sqltypes.Value{}, err
	}
	return c.typ.SQL(r.ctx, nil, v)
}

// BeginPlain begins a statement of the given text that locks nothing by its
// clauses.
func (s *Session) BeginPlain(text string) {
	s.EndStatement()
	s.query = text
	s.read = Locking{}
	s.targets = nil
}

// Ordinary reports whether names mean the tables of the catalog, and these are
// not locked by LOCK TABLES.
func (s *Session) Ordinary() bool {
	c := s.engine.Catalog()
	return s.temps.Catalog(c) == c && s.ddl == nil && !s.locks.Held()
}
