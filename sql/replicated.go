package sql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/binlog/event"
	"binrelay/binlog/txn"
	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
	"binrelay/sql/tables"
)

// replicated is a statement that a source sent.
type replicated struct {
	q      event.QueryInfo
	origin *txn.Origin
	at     uint32 // header time
	server uint32 // originating server
	noUse  bool   // LOG_EVENT_SUPPRESS_USE
}

// statement describes it for the binlog: what the source logged, word for word.
func (r *replicated) statement(s *Server) storage.DDLStatement {
	return storage.DDLStatement{
		Text: r.q.SQL, DB: r.q.DB, Status: r.q.Status, Time: time.Unix(int64(r.at), 0), ThreadID: r.q.ThreadID,
		NoBinlog: !s.vars.Bool("log_replica_updates"), Origin: r.origin, ServerID: r.server, ErrorCode: r.q.ErrorCode, NoUse: r.noUse,
	}
}

// ExecReplicated executes a group of kind Statement from a source in an
// internal session with all privileges, under the source's default database,
// SQL mode, character sets and time. It commits g.Origin with the change, also
// when nothing changed. A failure is a *storage.ApplyError with MySQL's number
// and text, or the context's error.
func (s *Server) ExecReplicated(ctx context.Context, g *txn.Group) error {
	s.applying.Lock()
	defer s.applying.Unlock()
	if several, err := framed(g); err != nil {
		return err
	} else if several {
		return s.execTransaction(ctx, g)
	}
	return s.execStatement(ctx, g)
}

// execStatement executes the one statement of a group that commits itself.
func (s *Server) execStatement(ctx context.Context, g *txn.Group) error {
	r, err := statementOf(g)
	if err != nil {
		return err
	}
	if drop, create, ok := replaces(r); ok {
		if err := s.execOne(ctx, drop); err != nil {
			return err
		}
		r = create
	}
	return s.execOne(ctx, r)
}

// orReplace is MariaDB's CREATE OR REPLACE TABLE name.
var orReplace = regexp.MustCompile("(?is)^\\s*CREATE\\s+OR\\s+REPLACE\\s+TABLE\\s+((?:`(?:[^`]|``)+`|[\\w$]+)(?:\\s*\\.\\s*(?:`(?:[^`]|``)+`|[\\w$]+))?)(.*)$")

// replaces makes two statements of one that MySQL does not have: a DROP, which
// is ours, and a CREATE with the source's coordinate. After a crash between
// them both are executed again.
func replaces(r *replicated) (drop, create *replicated, ok bool) {
	m := orReplace.FindStringSubmatch(r.q.SQL)
	if m == nil {
		return nil, nil, false
	}
	d, c := *r, *r
	d.q.SQL, d.origin = "DROP TABLE IF EXISTS "+m[1], nil
	c.q.SQL = "CREATE TABLE " + m[1] + m[2]
	return &d, &c, true
}

// execOne executes a statement that commits itself.
func (s *Server) execOne(ctx context.Context, r *replicated) error {
	own, sqlCtx := s.internalSession(ctx, r.q.SQL)
	defer own.Close()
	own.repl = r
	own.SetCurrentDatabase(r.q.DB)
	if err := own.adopt(sqlCtx, r); err != nil {
		return r.failure(err)
	}
	sqlCtx.SetQueryTime(time.Unix(int64(r.at), int64(r.q.Status.Microseconds)*1000))
	err := s.runGuarded(sqlCtx)
	own.CommandEnd()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		if code, _, _ := Translate(err); r.q.ErrorCode == 0 || code != r.q.ErrorCode {
			return r.failure(err)
		}
		// The source ended with the same error: nothing to do but to go on.
		own.committed = txn.Result{}
	}
	if own.committed.CSN != 0 || r.origin == nil {
		return nil
	}
	// The statement changed nothing here; the coordinate moves all the same.
	d, err := s.o.Engine.BeginDDL(ctx, r.statement(s))
	if err != nil {
		return r.failure(err)
	}
	if _, err := d.Commit(ctx); err != nil {
		d.Rollback()
		return r.failure(err)
	}
	return nil
}

// statementOf finds the group's one statement.
func statementOf(g *txn.Group) (*replicated, error) {
	if err := g.Events.Rewind(); err != nil {
		return nil, err
	}
	var r *replicated
	for {
		ev, err := g.Events.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if ev.Type() != event.Query {
			if context := contextEvent(ev.Type()); context != "" {
				return nil, unsupportedStatement(context, "")
			}
			continue
		}
		q, err := event.DecodeQuery(ev, g.Checksum)
		if err != nil {
			return nil, &storage.ApplyError{Errno: 1594, Text: "Relay log read failure: " + err.Error(), Err: err}
		}
		switch strings.ToUpper(strings.TrimSpace(q.SQL)) {
		case "BEGIN", "COMMIT":
			continue
		}
		if r != nil {
			return nil, unsupportedStatement("a transaction of several logged statements", q.DB)
		}
		if isRowStatement(q.SQL) {
			return nil, unsupportedStatement("statement-based logging of "+strings.ToUpper(firstWord(q.SQL)), q.DB)
		}
		q.SQL = strings.Clone(q.SQL)
		r = &replicated{q: q, origin: g.Origin, at: ev.Timestamp(), server: ev.ServerID(),
			noUse: ev.Flags()&event.FlagSuppressUse != 0}
	}
	if r == nil {
		return nil, &storage.ApplyError{Errno: 1105, Text: "the group holds no statement"}
	}
	return r, nil
}

// contextEvent names events that only statement-based logging writes.
func contextEvent(t event.Type) string {
	switch t {
	case event.Intvar, event.Rand, event.UserVar:
		return "statement-based logging of rows"
	case event.BeginLoadQuery, event.ExecuteLoadQuery, event.AppendBlock:
		return "statement-based LOAD DATA"
	}
	return ""
}

func unsupportedStatement(what, db string) error {
	return &storage.ApplyError{Errno: 1235, Text: fmt.Sprintf(
		"This version of MySQL doesn't yet support '%s'; set binlog_format=ROW on the source. Default database: '%s'", what, db)}
}

// isRowStatement reports whether a statement changes rows: the source should
// have logged those.
func isRowStatement(sql string) bool {
	switch strings.ToUpper(firstWord(sql)) {
	case "INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH", "CALL", "SAVEPOINT", "XA":
		return true
	}
	return false
}

func firstWord(sql string) string {
	sql = strings.TrimLeft(sql, " \t\r\n(")
	for strings.HasPrefix(sql, "/*") && !strings.HasPrefix(sql, "/*!") {
		end := strings.Index(sql, "*/")
		if end < 0 {
			break
		}
		sql = strings.TrimLeft(sql[end+2:], " \t\r\n(")
	}
	for i := range len(sql) {
		if c := sql[i] | 0x20; c < 'a' || c > 'z' {
			return sql[:i]
		}
	}
	return sql
}

// failure words an error as Last_SQL_Error has it.
func (r *replicated) failure(err error) error {
	var apply *storage.ApplyError
	if errors.As(err, &apply) {
		return apply
	}
	number, _, text := TranslateStatement(err, Statement{Query: r.q.SQL, Database: r.q.DB})
	return &storage.ApplyError{
		Errno: number, Err: err,
		Text: fmt.Sprintf("Error '%s' on query. Default database: '%s'. Query: '%s'", text, r.q.DB, replstmt.Masks(r.q.SQL)),
	}
}

// internalSession makes a session that may do everything, and a context that
// runs query in it.
func (s *Server) internalSession(ctx context.Context, query string) (*Session, *gms.Context) {
	id := 1<<31 + s.internalIDs.Add(1)
	base := gms.NewBaseSessionWithClientServer("", gms.Client{User: internalUser, Address: "localhost"}, id)
	own := s.session(base)
	own.internal = true
	sqlCtx := gms.NewContext(ctx, gms.WithSession(own), gms.WithQuery(query),
		gms.WithProcessList(gms.EmptyProcessList{}), gms.WithMemoryManager(s.engine.MemoryManager))
	return own, sqlCtx
}

// adopt sets the session variables that the source logged.
func (s *Session) adopt(ctx *gms.Context, r *replicated) error {
	st := &r.q.Status
	set := map[string]any{}
	if st.Has&event.VarSQLMode != 0 {
		set["sql_mode"] = sqlModeText(st.SQLMode)
	}
	if st.Has&event.VarFlags2 != 0 {
		set["foreign_key_checks"] = int8(b2i(st.Flags2&flagNoForeignKeyChecks == 0))
		set["unique_checks"] = int8(b2i(st.Flags2&flagRelaxedUniqueChecks == 0))
	}
	if st.Has&event.VarAutoIncrement != 0 {
		set["auto_increment_increment"] = int64(max(st.AutoIncrement, 1))
		set["auto_increment_offset"] = int64(max(st.AutoIncrementOffset, 1))
	}
	if st.Has&event.VarTimeZone != 0 && st.TimeZone != "" {
		set["time_zone"] = st.TimeZone
	}
	if st.Has&event.VarCharset != 0 {
		for _, id := range []uint16{st.CharsetClient, st.CollationConnection, st.CollationServer} {
			if !tables.KnownCollation(id) {
				return sqlError(1273, "HY000", "Unknown collation: '%d'", id)
			}
		}
		connection := gms.CollationID(st.CollationConnection)
		set["collation_connection"] = connection.Name()
		set["character_set_connection"] = connection.CharacterSet().Name()
		set["collation_server"] = gms.CollationID(st.CollationServer).Name()
		set["character_set_client"] = gms.CollationID(st.CharsetClient).CharacterSet().Name()
	}
	for name, v := range set {
		if err := s.Session.SetSessionVariable(ctx, name, v); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// runGuarded runs the context's statement to its end. A panic of the engine
// becomes an error.
func (s *Server) runGuarded(ctx *gms.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("the engine has panicked", "panic", fmt.Sprint(r))
			err = fmt.Errorf("internal error: %v", r)
		}
	}()
	_, it, _, err := s.engine.Query(ctx, ctx.Query())
	if err != nil {
		return err
	}
	for {
		if _, err = it.Next(ctx); err != nil {
			break
		}
	}
	if !isEOF(err) {
		_ = it.Close(ctx)
		return err
	}
	return it.Close(ctx)
}
