package sql

import (
	"fmt"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
)

var (
	maintainSchema = gms.Schema{
		column("Table", types.LongText, false), column("Op", types.LongText, false),
		column("Msg_type", types.LongText, false), column("Msg_text", types.LongText, false),
	}
	engineSchema = gms.Schema{
		column("Type", types.LongText, false), column("Name", types.LongText, false), column("Status", types.LongText, false),
	}
)

// maintainTables is CHECK, ANALYZE, OPTIMIZE and REPAIR TABLE. CHECK reads
// everything; OPTIMIZE compacts; statistics are counted when they are asked for,
// so that ANALYZE has nothing to do. Unlike mysqld's, none of them is logged.
func (s *Session) maintainTables(ctx *gms.Context, st *replstmt.MaintainTable) (gms.RowIter, error) {
	var rows []gms.Row
	for _, t := range st.Tables {
		db := t.Database
		if db == "" {
			db = ctx.GetCurrentDatabase()
		}
		if db == "" {
			return nil, gms.ErrNoDatabaseSelected.New()
		}
		need := []gms.PrivilegeType{gms.PrivilegeType_Select}
		if st.Verb != "CHECK" {
			need = append(need, gms.PrivilegeType_Insert)
		}
		if err := s.authorizeTable(ctx, db, t.Name, need...); err != nil {
			return nil, err
		}
		say := func(kind, text string) {
			rows = append(rows, gms.NewRow(db+"."+t.Name, strings.ToLower(st.Verb), kind, text))
		}
		if err := s.maintain(ctx, st.Verb, db, t.Name, say); err != nil {
			return nil, err
		}
	}
	return gms.RowsToRowIter(rows...), nil
}

func (s *Session) maintain(ctx *gms.Context, verb, db, name string, say func(kind, text string)) error {
	if _, ok := s.server.o.Engine.Catalog().Table(db, name); !ok {
		if s.isView(ctx, db, name) {
			if verb == "CHECK" {
				say("status", "OK")
			} else {
				say("Error", fmt.Sprintf("'%s.%s' is not BASE TABLE", db, name))
				say("status", "Operation failed")
			}
			return nil
		}
		say("Error", fmt.Sprintf("Table '%s.%s' doesn't exist", db, name))
		say("status", "Operation failed")
		return nil
	}
	tx, err := s.Tx(ctx)
	if err != nil {
		return err
	}
	t, err := tx.LockTable(ctx, db, name, storage.MetaRead)
	if err != nil {
		return err
	}
	e := s.server.o.Engine
	switch verb {
	case "CHECK":
		faults, err := e.CheckTable(ctx, t)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			faults = append(faults, err.Error())
		}
		for _, f := range faults {
			say("error", f)
		}
		if len(faults) > 0 {
			say("error", "Corrupt")
			return nil
		}
	case "OPTIMIZE":
		say("note", "Table does not support optimize, doing recreate + analyze instead")
		if err := e.CompactTable(ctx, t); err != nil {
			return err
		}
	case "REPAIR":
		say("note", "The storage engine for the table doesn't support repair")
		return nil
	}
	say("status", "OK")
	return nil
}

// isView reports whether a database has a view of that name.
func (s *Session) isView(ctx *gms.Context, db, name string) bool {
	d, err := s.server.provider.Database(ctx, db)
	if err != nil {
		return false
	}
	v, ok := d.(gms.ViewDatabase)
	if !ok {
		return false
	}
	_, ok, err = v.GetViewDefinition(ctx, name)
	return err == nil && ok
}

// showEngine is SHOW ENGINE INNODB STATUS: what the store says of itself. Other
// engines and questions have nothing to show.
func (s *Session) showEngine(ctx *gms.Context, st *replstmt.ShowEngine) (gms.RowIter, error) {
	if !s.may(ctx, gms.PrivilegeType_Process) {
		return nil, accessDenied("PROCESS")
	}
	if !strings.EqualFold(st.Engine, "innodb") {
		return nil, sqlError(1286, "42000", "Unknown storage engine '%s'", st.Engine)
	}
	if st.What != "STATUS" {
		return gms.RowsToRowIter(), nil
	}
	return gms.RowsToRowIter(gms.NewRow("InnoDB", "", s.server.engineStatus())), nil
}

// engineStatus describes the storage engine.
func (s *Server) engineStatus() string {
	var b strings.Builder
	now := s.now()
	csn, at, _ := s.o.Engine.Visible()
	fmt.Fprintf(&b, "%s binrelay storage, up %s\n", now.Format("2006-01-02 15:04:05"), now.Sub(s.started).Round(1e9))
	fmt.Fprintf(&b, "Tables stand in Pebble; innodb_ names are accepted for what is alike.\n\n")
	fmt.Fprintf(&b, "COMMITS\nnewest visible commit %d, binlog %s:%d\n\n", csn, at.File, at.Pos)
	fmt.Fprintf(&b, "STORE\n%s\n", s.o.Engine.StoreMetrics())
	return b.String()
}

// shutdown is SHUTDOWN: the process is told to stop in order.
func (s *Session) shutdown(ctx *gms.Context) error {
	if !s.may(ctx, gms.PrivilegeType_Shutdown) {
		return accessDenied("SHUTDOWN")
	}
	if s.server.o.Shutdown == nil {
		return notSupported("SHUTDOWN")
	}
	s.server.log.Info("shutdown asked for", "user", s.Client().User, "host", s.Client().Address)
	s.server.o.Shutdown()
	return nil
}
