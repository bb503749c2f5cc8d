package tables

import (
	gms "github.com/dolthub/go-mysql-server/sql"
)

// insertIDs are the AUTO_INCREMENT values of a statement that inserts.
type insertIDs struct {
	table     string // db.table that it inserts into; not those of triggers
	generated uint64 // for the row that comes next
	first     uint64 // generated, of a row that is there; 0 = none
	last      uint64 // of the last row, generated or given, there or not
	any       bool   // a row is there
}

// BeginInsert tells that a statement begins to insert into a table, db.table.
func (s *Session) BeginInsert(table string) {
	s.inserts, s.replaced = insertIDs{table: table}, 0
}

// InsertIDs returns the first AUTO_INCREMENT value that the statement generated
// for a row that it inserted, and the value of its last row, be it one that
// IGNORE left out; 0 for none, and where it inserted nothing.
func (s *Session) InsertIDs() (generated, last uint64) {
	if !s.inserts.any {
		return 0, 0
	}
	return s.inserts.first, s.inserts.last
}

// is reports whether t is the table db.table.
func (t *Table) is(name string) bool { return name != "" && name == t.db.name+"."+t.name }

// noteInsert takes note of a row that was inserted, or could not be.
func (s *Session) noteInsert(ctx *gms.Context, t *Table, row gms.Row, there bool) {
	if t.def.auto < 0 || !t.is(s.inserts.table) {
		return
	}
	v, in, err := uint64Type.Convert(ctx, row[t.def.auto])
	if err != nil || in != gms.InRange || v == nil {
		return
	}
	ids := &s.inserts
	ids.last = v.(uint64)
	if !there {
		return
	}
	ids.any = true
	if ids.generated == ids.last && ids.first == 0 {
		ids.first = ids.generated
	}
	ids.generated = 0
}

// noteUpdate takes note of a row that ON DUPLICATE KEY UPDATE changed: its value
// is the statement's, without having been generated.
func (s *Session) noteUpdate(ctx *gms.Context, t *Table, row gms.Row) {
	if t.def.auto < 0 || !t.is(s.inserts.table) {
		return
	}
	if v, in, err := uint64Type.Convert(ctx, row[t.def.auto]); err == nil && in == gms.InRange && v != nil {
		s.inserts.last, s.inserts.any = v.(uint64), true
	}
}
