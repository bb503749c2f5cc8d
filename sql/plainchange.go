package sql

import (
	"context"
	"errors"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/vitess/go/mysql"

	"binrelay/sql/direct"
	"binrelay/sql/tables"
	"binrelay/sql/wire"
)

// changePlan is how an UPDATE or INSERT is carried out.
type changePlan struct {
	places   []int   // of the columns that it gives values to
	defaults gms.Row // of an INSERT: a row with the defaults of the others
}

// changeEvents are the events of triggers for each verb.
var changeEvents = map[direct.Verb]string{direct.Insert: "insert", direct.Update: "update", direct.Delete: "delete"}

// newChangePlan plans a statement that changes rows; nil = by the engine.
func (s *Session) newChangePlan(st *direct.Statement, t *tables.Plain) *plainPlan {
	ctx := s.plainContext(context.Background())
	if !t.Writable(ctx, changeEvents[st.Verb]) {
		return nil
	}
	out := &plainPlan{stmt: st, table: t}
	if st.Verb == direct.Insert {
		if !out.planInsert(ctx) {
			return nil
		}
		return out
	}
	for _, set := range st.Set {
		place := t.Column(set.Column)
		if place < 0 {
			return nil
		}
		out.change.places = append(out.change.places, place)
	}
	if out.findKey(); out.key == nil {
		return nil
	}
	return out
}

// planInsert finds the columns of an INSERT, and the defaults of those that it
// does not name.
func (p *plainPlan) planInsert(ctx *gms.Context) bool {
	all := p.table.All()
	places := all
	if p.stmt.Columns != nil {
		places = nil
	}
	named := make(map[int]bool)
	for _, name := range p.stmt.Columns {
		place := p.table.Column(name)
		if place < 0 || named[place] {
			return false
		}
		named[place] = true
		places = append(places, place)
	}
	for _, row := range p.stmt.Rows {
		if len(row) != len(places) {
			return false
		}
	}
	p.change.places, p.change.defaults = places, make(gms.Row, len(all))
	for _, place := range all {
		if p.stmt.Columns == nil || named[place] || place == p.table.Automatic() {
			continue
		}
		v, ok := p.table.Default(ctx, place)
		if !ok {
			return false
		}
		p.change.defaults[place] = v
	}
	return true
}

// runChange runs an UPDATE, DELETE or INSERT. What its values are not sure to
// mean is left to the engine before anything has happened.
func (s *Session) runChange(ctx context.Context, p *plainPlan, st *wire.Statement, set settings, out wire.Reply) (bool, error) {
	if set.readOnly || s.next.readOnly != nil || s.ReadOnly() {
		return false, nil
	}
	c := s.plainContext(ctx)
	var run func(r *tables.PlainReader) (affected, insertID uint64, info string, err error)
	switch p.stmt.Verb {
	case direct.Insert:
		rows, ok := p.rows(c, st.Values, set.zeroID)
		if !ok {
			return false, nil
		}
		run = func(r *tables.PlainReader) (uint64, uint64, string, error) { return s.insertPlain(c, r, rows) }
	case direct.Update:
		var k located
		assignments, ok := p.assignments(c, st.Values)
		if !ok || !s.locate(p, st.Values, &k) {
			return false, nil
		}
		run = func(r *tables.PlainReader) (uint64, uint64, string, error) {
			return s.updatePlain(c, r, k.point, assignments)
		}
	default:
		var k located
		if !s.locate(p, st.Values, &k) {
			return false, nil
		}
		run = func(r *tables.PlainReader) (uint64, uint64, string, error) { return s.deletePlain(c, r, k.point) }
	}
	if !s.mayRun(c, p) {
		return false, nil
	}
	return s.runPlain(c, st.Query, func() (func() error, error) {
		r := &s.plain.reader
		r.Begin(c, s.Session, p.table, nil)
		defer r.End()
		affected, insertID, info, err := run(r)
		if err != nil {
			return nil, err
		}
		s.GetLastQueryInfo().RowCount.Store(int64(affected))
		return func() error { return out.OK(affected, insertID, info) }, nil
	})
}

// assignments are what an UPDATE sets.
func (p *plainPlan) assignments(ctx *gms.Context, values []direct.Value) ([]tables.PlainSet, bool) {
	out := make([]tables.PlainSet, len(p.stmt.Set))
	for i, set := range p.stmt.Set {
		a, ok := tables.PlainSet{Place: p.change.places[i], Change: set.Change}, false
		if set.Change == direct.Assign {
			a.Value, ok = p.table.Value(ctx, a.Place, valueAt(values, set.Value))
		} else {
			a.Number, ok = p.table.Addable(a.Place, valueAt(values, set.Value))
		}
		if !ok {
			return nil, false
		}
		out[i] = a
	}
	return out, true
}

// valueAt returns the value at a place, NULL for -1.
func valueAt(values []direct.Value, place int) direct.Value {
	if place < 0 {
		return direct.Value{}
	}
	return values[place]
}

// rows are those of an INSERT. zeroID says that 0 is a value of an
// AUTO_INCREMENT column, and not the wish for one.
func (p *plainPlan) rows(ctx *gms.Context, values []direct.Value, zeroID bool) ([]gms.Row, bool) {
	out := make([]gms.Row, len(p.stmt.Rows))
	for i, places := range p.stmt.Rows {
		row := append(gms.Row(nil), p.change.defaults...)
		for j, from := range places {
			v, place := valueAt(values, from), p.change.places[j]
			if place == p.table.Automatic() && (v.Kind == direct.Null || v.Kind == direct.Uint && v.Number == 0) {
				if zeroID {
					return nil, false
				}
				continue // it gets its value when the row is inserted
			}
			var ok bool
			if row[place], ok = p.table.Value(ctx, place, v); !ok {
				return nil, false
			}
		}
		out[i] = row
	}
	return out, true
}

func (s *Session) updatePlain(ctx *gms.Context, r *tables.PlainReader, p tables.Point, set []tables.PlainSet) (uint64, uint64, string, error) {
	matched, changed, err := r.Update(p, set)
	if !errors.Is(err, tables.ErrNotPlain) {
		gms.IncrementStatusVariable(ctx, "Com_update", 1)
	}
	if err != nil {
		return 0, 0, "", err
	}
	info := plan.UpdateInfo{}
	if matched {
		info.Matched = 1
	}
	if changed {
		info.Updated = 1
	}
	s.GetLastQueryInfo().FoundRows.Store(int64(info.Matched))
	affected := info.Updated
	if s.Client().Capabilities&mysql.CapabilityClientFoundRows != 0 {
		affected = info.Matched
	}
	return uint64(affected), 0, info.String(), nil
}

func (s *Session) deletePlain(ctx *gms.Context, r *tables.PlainReader, p tables.Point) (affected, insertID uint64, info string, err error) {
	gms.IncrementStatusVariable(ctx, "Com_delete", 1)
	found, err := r.Delete(p)
	if found {
		affected = 1
	}
	return affected, 0, "", err
}

func (s *Session) insertPlain(ctx *gms.Context, r *tables.PlainReader, rows []gms.Row) (uint64, uint64, string, error) {
	gms.IncrementStatusVariable(ctx, "Com_insert", 1)
	s.inserting, s.insertID = true, nil
	defer func() { s.inserting = false }()
	before := s.GetLastQueryInfo().LastInsertId.Load()
	if err := r.Insert(rows); err != nil {
		if generated, _ := s.InsertIDs(); generated != 0 {
			s.GetLastQueryInfo().LastInsertId.Store(int64(generated)) // of a row that came before
		}
		return 0, 0, "", err
	}
	return uint64(len(rows)), s.noteInsertID(before), "", nil
}
