package sql

import (
	"math"
	"slices"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/sqltypes"

	"binrelay/sql/replstmt"
)

// conditions counts the errors, warnings and notes of a statement. The list of
// them is go-mysql-server's, with max_error_count entries at most.
type conditions struct {
	all, errors int64 // also those beyond max_error_count
	before      struct{ all, errors int64 }
	keep        bool // the statement is about those of the one before it
}

// beginConditions begins a statement's conditions, unless it is about those of
// the one before it.
func (s *Session) beginConditions(text string) {
	s.keep = replstmt.ReadsConditions(text)
	if !s.keep {
		s.clearConditions()
	}
}

// clearConditions forgets the conditions of the statement before this one.
func (s *Session) clearConditions() {
	s.keep = false
	s.before.all, s.before.errors = s.all, s.errors
	s.ClearWarnings()
	s.all, s.errors = 0, 0
}

// Warn implements gms.Session.
func (s *Session) Warn(w *gms.Warning) {
	if w.Level != "Error" {
		if w.Code == 1365 && !s.hasMode("ERROR_FOR_DIVISION_BY_ZERO") {
			return
		}
		w = s.worded(w)
		if s.strictly && w.Level != "Note" && strictWarnings[w.Code] {
			if s.raised == nil {
				s.raised = sqlError(uint16(w.Code), sqlState(uint16(w.Code)), "%s", w.Message)
			}
			return
		}
	}
	s.all++
	if w.Level == "Error" {
		s.errors++
	}
	if int64(s.Session.WarningCount()) < (policy{s.server, s}).number(nil, "max_error_count") {
		s.Session.Warn(w)
	}
}

// hasMode reports whether sql_mode has a mode.
func (s *Session) hasMode(mode string) bool {
	modes := policy{s.server, s}.text(nil, "sql_mode")
	return slices.Contains(strings.Split(modes, ","), mode) || strings.Contains(modes, "TRADITIONAL")
}

// ClearWarnings implements gms.Session. The engine clears the list when it has a
// plan, and adds again what the making of the plan added.
func (s *Session) ClearWarnings() {
	if s.keep {
		return
	}
	for _, w := range s.Warnings() {
		s.all--
		if w.Level == "Error" {
			s.errors--
		}
	}
	s.Session.ClearWarnings()
}

// ClearWarningCount implements gms.Session; the count goes with the list.
func (s *Session) ClearWarningCount() {}

// WarningCount implements gms.Session.
func (s *Session) WarningCount() uint16 {
	if s.keep {
		return 0
	}
	return uint16(min(s.all, math.MaxUint16))
}

// Failed notes the error that ended a statement, as the client gets it.
func (s *Session) Failed(number uint16, text string) {
	if !s.running {
		s.beginConditions("") // it was not understood
	}
	s.Warn(&gms.Warning{Level: "Error", Code: int(number), Message: text})
}

// conditionsSchema is that of SHOW WARNINGS and SHOW COUNT(*).
func conditionsSchema(st *replstmt.ShowConditions) gms.Schema {
	switch {
	case st.Count && st.Errors:
		return gms.Schema{column("@@session.error_count", types.Uint64, false)}
	case st.Count:
		return gms.Schema{column("@@session.warning_count", types.Uint64, false)}
	}
	return gms.Schema{column("Level", types.MustCreateStringWithDefaults(sqltypes.VarChar, 7), false),
		column("Code", types.Uint32, false), column("Message", types.MustCreateStringWithDefaults(sqltypes.VarChar, 512), false)}
}

// showConditions is SHOW WARNINGS, SHOW ERRORS and SHOW COUNT(*).
func (s *Session) showConditions(st *replstmt.ShowConditions) gms.RowIter {
	if st.Count {
		n := s.all
		if st.Errors {
			n = s.errors
		}
		return gms.RowsToRowIter(gms.NewRow(uint64(n)))
	}
	var rows []gms.Row
	for _, w := range slices.Backward(s.Warnings()) { // the newest comes first
		if !st.Errors || w.Level == "Error" {
			rows = append(rows, gms.NewRow(w.Level, uint32(w.Code), w.Message))
		}
	}
	rows = rows[min(st.Offset, uint64(len(rows))):]
	if st.Limit != nil {
		rows = rows[:min(*st.Limit, uint64(len(rows)))]
	}
	return gms.RowsToRowIter(rows...)
}

// databaseCollation is @@collation_database.
func (s *Session) databaseCollation() gms.CollationID {
	if db, ok := s.server.o.Engine.Catalog().Database(s.GetCurrentDatabase()); ok {
		return gms.CollationID(db.Collation)
	}
	return gms.CollationID(collationID(s.server.vars.String("collation_server")))
}
