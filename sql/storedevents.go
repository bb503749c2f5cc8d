package sql

import (
	"fmt"
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/binlog/event"
	"binrelay/sql/auth"
	"binrelay/sql/replstmt"
	"binrelay/sql/tables"
)

// event reads CREATE, ALTER or DROP EVENT.
func (p *parser) event(query string, o *replstmt.Object) (*objectStatement, error) {
	name := o.Verb + " EVENT"
	if o.Verb == "DROP" {
		drop := *o
		return p.routineStatement(name, o.End(), func(ctx *gms.Context, s *Session) error { return s.dropEvent(ctx, &drop) }), nil
	}
	e, end, err := replstmt.ParseEvent(query)
	if err != nil {
		return nil, clientError(err)
	}
	return p.routineStatement(name, end, func(ctx *gms.Context, s *Session) error {
		if e.Verb == "CREATE" {
			return s.createEvent(ctx, e)
		}
		return s.alterEvent(ctx, e)
	}), nil
}

// eventDatabase returns the database of an event whose events the account may
// change.
func (s *Session) eventDatabase(ctx *gms.Context, t replstmt.Table) (*tables.Database, error) {
	d, err := s.objectDatabase(ctx, t)
	if err == nil && s.lacks(ctx, d.Name(), "", gms.PrivilegeType_Event) != "" {
		err = sqlError(1044, "42000", "Access denied for user '%s'@'%s' to database '%s'", s.Client().User, s.Client().Address, d.Name())
	}
	return d, err
}

func (s *Session) createEvent(ctx *gms.Context, st *replstmt.Event) error {
	d, err := s.eventDatabase(ctx, st.Name)
	if err != nil {
		return err
	}
	e := tables.Event{Name: st.Name.Name, Status: "ENABLED"}
	if e.User, e.Host, err = s.definer(ctx, st.Definer); err != nil {
		return err
	}
	e.Created = ctx.QueryTime().UTC().Truncate(time.Second)
	if err := s.defineEvent(ctx, d, &e, st); err != nil {
		return err
	}
	if gone, err := s.past(&e, st, e.Created); gone || err != nil {
		return err
	}
	exists := sqlError(1537, "HY000", "Event '%s' already exists", e.Name)
	if _, there, err := d.Event(ctx, e.Name); err != nil {
		return err
	} else if there && st.Exists {
		s.Warn(&gms.Warning{Level: "Note", Code: 1537, Message: fmt.Sprintf("Event '%s' already exists", e.Name)})
		return nil
	} else if there {
		return exists
	}
	s.SetQuery("CREATE DEFINER=" + quoteName(e.User) + "@" + quoteName(e.Host) + " " + st.Text)
	if err := d.LockEvent(ctx, e.Name); err != nil {
		return err
	}
	if _, there, err := d.Event(ctx, e.Name); err != nil || there {
		if err == nil {
			err = exists
		}
		return err
	}
	if err := d.PutEvent(ctx, e); err != nil {
		return err
	}
	s.OnCommit(s.server.scheduler.poke, nil)
	return nil
}

// defineEvent makes an event what a statement says of it.
func (s *Session) defineEvent(ctx *gms.Context, d *tables.Database, e *tables.Event, st *replstmt.Event) error {
	if st.Schedule != nil {
		if err := s.schedule(ctx, e, st.Schedule); err != nil {
			return err
		}
	}
	if st.Preserve != nil {
		e.Preserve = *st.Preserve
	}
	if st.Status != nil {
		e.Status = *st.Status
	}
	if st.Comment != nil {
		e.Comment = *st.Comment
	}
	e.Originator = uint32(s.server.vars.Int("server_id"))
	if s.repl != nil {
		e.Status, e.Originator = "SLAVESIDE_DISABLED", s.repl.server
	}
	collation := s.collationOf(d.Name())
	if st.Body != nil {
		e.Body = st.BodyText
		p := &program{kind: eventProgram, db: d.Name(), name: e.Name, body: st.Body}
		if err := s.newProgram(ctx, p, "", collation, !s.internal); err != nil {
			return err
		}
	}
	mode := policy{s.server, s}
	e.SQLMode, e.Client, e.Connection, e.Collation = gms.LoadSqlMode(ctx).String(), mode.text(ctx, "character_set_client"), mode.text(ctx, "collation_connection"), collation.Name()
	e.Altered = ctx.QueryTime().UTC().Truncate(time.Second)
	return nil
}

// past looks for a schedule that is over before it begins. gone says that there
// is nothing to do.
func (s *Session) past(e *tables.Event, st *replstmt.Event, now time.Time) (gone bool, err error) {
	last := e.Ends
	if e.Unit == "" {
		last = e.At
	}
	switch {
	case st.Schedule == nil || last.IsZero() || !last.Before(now) || s.repl != nil:
		return false, nil
	case !e.Preserve && st.Verb == "ALTER":
		return false, sqlError(1589, "HY000", "Event execution time is in the past and ON COMPLETION NOT PRESERVE is set. The event was not changed. Specify a time in the future.")
	case !e.Preserve:
		s.Warn(&gms.Warning{Level: "Note", Code: 1588, Message: "Event execution time is in the past and ON COMPLETION NOT PRESERVE is set. The event was dropped immediately after creation."})
		return true, nil
	case e.Status == "ENABLED":
		e.Status = "DISABLED"
		s.Warn(&gms.Warning{Level: "Note", Code: 1544, Message: "Event execution time is in the past. Event has been disabled"})
	}
	return false, nil
}

func unknownEvent(name string) *gms.Warning {
	return &gms.Warning{Level: "Note", Code: 1305, Message: fmt.Sprintf("Event %s does not exist", name)}
}

func noEvent(name string) error { return sqlError(1539, "HY000", "Unknown event '%s'", name) }

func (s *Session) alterEvent(ctx *gms.Context, st *replstmt.Event) error {
	d, err := s.eventDatabase(ctx, st.Name)
	if err != nil {
		return err
	}
	to := d
	if st.Rename != nil {
		if to, err = s.eventDatabase(ctx, *st.Rename); err != nil {
			return err
		}
	}
	if st.Definer == nil {
		s.invoker = s.account()
	}
	before, there, err := d.Event(ctx, st.Name.Name)
	if err != nil {
		return err
	}
	if !there {
		return noEvent(st.Name.Name)
	}
	user, host := before.User, before.Host
	switch {
	case s.repl == nil || st.Definer != nil:
		if user, host, err = s.definer(ctx, st.Definer); err != nil {
			return err
		}
	case s.repl.q.Status.Has&event.VarInvoker != 0:
		user, host = s.repl.q.Status.InvokerUser, s.repl.q.Status.InvokerHost
	}
	check := before
	if err := s.defineEvent(ctx, to, &check, st); err != nil {
		return err
	}
	if _, err := s.past(&check, st, check.Altered); err != nil {
		return err
	}
	if err := d.LockEvent(ctx, st.Name.Name); err != nil {
		return err
	}
	e, there, err := d.Event(ctx, st.Name.Name)
	if err != nil {
		return err
	}
	if !there {
		return noEvent(st.Name.Name)
	}
	if err := s.defineEvent(ctx, to, &e, st); err != nil {
		return err
	}
	e.Status, e.User, e.Host, e.Done = check.Status, user, host, false
	if st.Schedule != nil {
		e.Executed = time.Time{}
	}
	if st.Rename != nil {
		if err := to.LockEvent(ctx, st.Rename.Name); err != nil {
			return err
		}
		if _, there, err := to.Event(ctx, st.Rename.Name); err != nil || there {
			if err == nil {
				err = sqlError(1537, "HY000", "Event '%s' already exists", st.Rename.Name)
			}
			return err
		}
		if err := d.DropEvent(ctx, e.Name); err != nil {
			return err
		}
		e.Name = st.Rename.Name
	}
	if err := to.PutEvent(ctx, e); err != nil {
		return err
	}
	s.OnCommit(s.server.scheduler.poke, nil)
	return nil
}

func (s *Session) dropEvent(ctx *gms.Context, o *replstmt.Object) error {
	d, err := s.eventDatabase(ctx, o.Name)
	if err != nil {
		return err
	}
	if _, there, err := d.Event(ctx, o.Name.Name); err != nil {
		return err
	} else if !there && !o.Exists {
		return noEvent(o.Name.Name)
	} else if !there {
		s.Warn(unknownEvent(o.Name.Name))
		return nil
	}
	if err := d.LockEvent(ctx, o.Name.Name); err != nil {
		return err
	}
	if _, there, err := d.Event(ctx, o.Name.Name); err != nil {
		return err
	} else if !there && !o.Exists {
		return noEvent(o.Name.Name)
	}
	return d.DropEvent(ctx, o.Name.Name)
}

// wall is a time as the event's time zone shows it; NULL for the zero time.
func wall(e *tables.Event, t time.Time) any {
	if t.IsZero() {
		return nil
	}
	t = t.In(e.Location())
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

func wallText(e *tables.Event, t time.Time) string {
	return t.In(e.Location()).Format("'2006-01-02 15:04:05'")
}

// eventText is the statement that makes an event, as SHOW CREATE EVENT prints it.
func eventText(e *tables.Event) string {
	var b strings.Builder
	b.WriteString("CREATE DEFINER=" + quoteName(e.User) + "@" + quoteName(e.Host) + " EVENT " + quoteName(e.Name) + " ON SCHEDULE ")
	if e.Unit == "" {
		b.WriteString("AT " + wallText(e, e.At))
	} else {
		b.WriteString("EVERY " + intervalText(e) + " " + e.Unit + " STARTS " + wallText(e, e.Starts))
		if !e.Ends.IsZero() {
			b.WriteString(" ENDS " + wallText(e, e.Ends))
		}
	}
	b.WriteString(" ON COMPLETION " + completion(e) + " " + map[string]string{"ENABLED": "ENABLE", "DISABLED": "DISABLE", "SLAVESIDE_DISABLED": "DISABLE ON SLAVE"}[e.Status])
	if e.Comment != "" {
		b.WriteString(" COMMENT " + quoteText(e.Comment))
	}
	return b.String() + " DO " + e.Body
}

func completion(e *tables.Event) string {
	if e.Preserve {
		return "PRESERVE"
	}
	return "NOT PRESERVE"
}

var showEventSchema = gms.Schema{
	column("Event", types.LongText, false), column("sql_mode", types.LongText, false), column("time_zone", types.LongText, false),
	column("Create Event", types.LongText, false), column("character_set_client", types.LongText, false),
	column("collation_connection", types.LongText, false), column("Database Collation", types.LongText, false),
}

// showEvent is SHOW CREATE EVENT.
func (s *Session) showEvent(ctx *gms.Context, st *replstmt.ShowCreate) (gms.RowIter, error) {
	d, err := s.eventDatabase(ctx, st.Object)
	if err != nil {
		return nil, err
	}
	e, there, err := d.Event(ctx, st.Object.Name)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, noEvent(st.Object.Name)
	}
	return gms.RowsToRowIter(gms.NewRow(e.Name, e.SQLMode, e.Zone, eventText(&e), e.Client, e.Connection, e.Collation)), nil
}

// showEventsQuery is SHOW EVENTS as a query.
func showEventsQuery(ctx *gms.Context, st *replstmt.ShowStatus) (string, error) {
	db := st.Database
	if db == "" {
		db = ctx.GetCurrentDatabase()
	}
	s := sessionOf(ctx)
	switch {
	case db == "":
		return "", sqlError(1046, "3D000", "No database selected")
	case s != nil && s.server.database(ctx, db) == nil && !strings.EqualFold(db, "information_schema"):
		return "", sqlError(1049, "42000", "Unknown database '%s'", db)
	case s != nil && s.lacks(ctx, db, "", gms.PrivilegeType_Event) != "":
		return "", sqlError(1044, "42000", "Access denied for user '%s'@'%s' to database '%s'", s.Client().User, s.Client().Address, db)
	}
	return "SELECT * FROM (SELECT EVENT_SCHEMA AS `Db`, EVENT_NAME AS `Name`, DEFINER AS `Definer`, TIME_ZONE AS `Time zone`, EVENT_TYPE AS `Type`," +
		" EXECUTE_AT AS `Execute at`, INTERVAL_VALUE AS `Interval value`, INTERVAL_FIELD AS `Interval field`, STARTS AS `Starts`, ENDS AS `Ends`," +
		" STATUS AS `Status`, ORIGINATOR AS `Originator`, CHARACTER_SET_CLIENT AS `character_set_client`, COLLATION_CONNECTION AS `collation_connection`," +
		" DATABASE_COLLATION AS `Database Collation` FROM information_schema.EVENTS WHERE EVENT_SCHEMA = " + quoteText(db) + ") AS `EVENTS`" + st.Filter, nil
}

// eventRows are the rows of information_schema.EVENTS.
func (s *Server) eventRows(ctx *gms.Context, d *tables.Database) (rows []gms.Row, err error) {
	own := sessionOf(ctx)
	if own == nil || own.lacks(ctx, d.Name(), "", gms.PrivilegeType_Event) != "" {
		return nil, nil
	}
	all, err := d.Events(ctx)
	for i := range all {
		e := &all[i]
		kind, value, unit := "ONE TIME", any(nil), any(nil)
		if e.Unit != "" {
			kind, value, unit = "RECURRING", intervalText(e), e.Unit
		}
		rows = append(rows, gms.NewRow("def", d.Name(), e.Name, e.User+"@"+e.Host, e.Zone, "SQL", e.Body, kind, wall(e, e.At), value, unit, e.SQLMode,
			wall(e, e.Starts), wall(e, e.Ends), e.Status, completion(e), e.Created, e.Altered, wall(e, e.Executed), e.Comment, e.Originator,
			e.Client, e.Connection, e.Collation))
	}
	return rows, err
}

// invokes adds to the status of a Query event who ran the statement.
func (s *Session) invokes(q *event.QueryStatus) {
	if s.invoker != (auth.Name{}) {
		q.Has |= event.VarInvoker
		q.InvokerUser, q.InvokerHost = s.invoker.User, s.invoker.Host
		s.invoker = auth.Name{}
	}
}
