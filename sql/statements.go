package sql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/binlog/event"
	"binrelay/binlog/rowimage"
	"binrelay/binlog/txn"
	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
)

// logged is a transaction of a source that logs statements (binlog_format
// STATEMENT or MIXED) while it runs here: what an event says of the next
// statement, and the session that all of them share. What the statements change
// is logged as rows.
type logged struct {
	s     *Server
	own   *Session
	group *txn.Group

	lastInsertID, insertID *uint64
	seeds                  *[2]uint64
	vars                   []userVar

	file   *storage.Scratch // of a LOAD DATA that is to come; nil = none
	fileID uint32
}

// userVar is a user variable that the next statement refers to.
type userVar struct {
	name  string
	value any
	typ   gms.Type
}

// framed reports whether a group is a transaction with a commit, which may hold
// several statements, and not one statement that commits itself.
func framed(g *txn.Group) (bool, error) {
	if err := g.Events.Rewind(); err != nil {
		return false, err
	}
	for {
		ev, err := g.Events.Next()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		switch ev.Type() {
		case event.Xid:
			return true, nil
		case event.Query:
			text, err := event.QueryText(ev, g.Checksum)
			if err != nil {
				return false, &storage.ApplyError{Errno: 1594, Text: "Relay log read failure: " + err.Error(), Err: err}
			}
			switch strings.ToUpper(strings.TrimSpace(string(text))) {
			case "BEGIN", "COMMIT":
				return true, nil
			}
		}
	}
}

// execTransaction runs the statements of a transaction and commits them with
// its coordinate.
func (s *Server) execTransaction(ctx context.Context, g *txn.Group) error {
	if err := g.Events.Rewind(); err != nil {
		return err
	}
	own, _ := s.internalSession(ctx, "")
	defer own.Close()
	l := &logged{s: s, own: own, group: g}
	defer l.closeFile()
	own.repl = &replicated{origin: g.Origin, q: event.QueryInfo{SQL: "BEGIN"}}
	if err := l.run(ctx, "START TRANSACTION"); err != nil {
		return own.repl.failure(err)
	}
	for {
		ev, err := g.Events.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = l.event(ctx, ev)
		}
		if err != nil {
			return err
		}
	}
	if err := l.run(ctx, "COMMIT"); err != nil {
		return own.repl.failure(err)
	}
	if own.committed.CSN != 0 {
		return nil
	}
	return s.advance(ctx, g.Origin)
}

// advance makes a coordinate durable alone, with its GTID.
func (s *Server) advance(ctx context.Context, o *txn.Origin) error {
	p, err := s.o.Engine.Prepare(ctx, &txn.Group{Kind: txn.Empty, Origin: o})
	if err != nil {
		return err
	}
	return (<-p.Enqueue()).Err
}

func (l *logged) event(ctx context.Context, ev event.Event) (err error) {
	checksum := l.group.Checksum
	switch ev.Type() {
	case event.Query:
		var q event.QueryInfo
		if q, err = event.DecodeQuery(ev, checksum); err == nil {
			return l.statement(ctx, ev, q)
		}
	case event.Intvar:
		var kind byte
		var v uint64
		if kind, v, err = event.DecodeIntvar(ev, checksum); kind == event.IntvarInsertID {
			l.insertID = &v
		} else {
			l.lastInsertID = &v
		}
	case event.Rand:
		var a, b uint64
		a, b, err = event.DecodeRand(ev, checksum)
		l.seeds = &[2]uint64{a, b}
	case event.UserVar:
		var v event.UserVarInfo
		if v, err = event.DecodeUserVar(ev, checksum); err == nil {
			var u userVar
			if u, err = userVarOf(v); err == nil {
				l.vars = append(l.vars, u)
			}
		}
	case event.BeginLoadQuery, event.AppendBlock:
		var id uint32
		var data []byte
		if id, data, err = event.DecodeLoadBlock(ev, checksum); err == nil {
			return l.block(id, data)
		}
	case event.ExecuteLoadQuery:
		var load event.LoadInfo
		if load, err = event.DecodeLoad(ev, checksum); err == nil {
			return l.load(ctx, ev, load)
		}
	case event.TableMap, event.WriteRowsV1, event.UpdateRowsV1, event.DeleteRowsV1, event.WriteRowsV2, event.UpdateRowsV2, event.DeleteRowsV2:
		return l.rows(ctx, ev)
	}
	if err != nil {
		return &storage.ApplyError{Errno: 1594, Text: "Relay log read failure: " + err.Error(), Err: err}
	}
	return nil
}

// statement runs one statement under what the events before it said.
func (l *logged) statement(ctx context.Context, ev event.Event, q event.QueryInfo) error {
	switch strings.ToUpper(strings.TrimSpace(q.SQL)) {
	case "BEGIN", "COMMIT", "ROLLBACK":
		return nil
	}
	if isTemporary(q.SQL) {
		return unsupportedStatement("statement-based logging of temporary tables", q.DB)
	}
	q.SQL = strings.Clone(q.SQL)
	own := l.own
	r := &replicated{q: q, origin: l.group.Origin, at: ev.Timestamp(), server: ev.ServerID(), noUse: ev.Flags()&event.FlagSuppressUse != 0}
	own.repl = r
	text, err := l.creates(ctx, r)
	if err != nil {
		return err
	}
	sqlCtx := l.context(ctx, text)
	own.SetCurrentDatabase(q.DB)
	if err := own.adopt(sqlCtx, r); err != nil {
		return r.failure(err)
	}
	if err := l.prepare(sqlCtx); err != nil {
		return r.failure(err)
	}
	err = l.runContext(sqlCtx)
	own.begins = false
	l.forget()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	code := uint16(0)
	if err != nil {
		code, _, _ = Translate(err)
	}
	switch {
	case err != nil && code != q.ErrorCode:
		return r.failure(err)
	case err == nil && q.ErrorCode != 0 && !ignoresErrors(q.ErrorCode):
		return &storage.ApplyError{Errno: 3001, Text: fmt.Sprintf(
			"Query caused different errors on source and replica. Error on source: message (format)='' error code=%d; "+
				"Error on replica:actual message='', error code=0. Default database:'%s'. Query:'%s'", q.ErrorCode, q.DB, q.SQL)}
	}
	return nil
}

// creates readies a CREATE TABLE … SELECT, which a source logs as a CREATE TABLE
// among the rows. It returns the statement to run.
func (l *logged) creates(ctx context.Context, r *replicated) (text string, err error) {
	if drop, create, ok := replaces(r); ok {
		if err := l.s.execOne(ctx, drop); err != nil {
			return "", err
		}
		r.q.SQL = create.q.SQL
	}
	text, starts := replstmt.StartsTransaction(r.q.SQL)
	if l.own.begins = starts || createTable.MatchString(text); l.own.begins && !starts {
		r.q.SQL += " START TRANSACTION" // MariaDB does without
	}
	return text, nil
}

// createTable finds CREATE TABLE.
var createTable = regexp.MustCompile(`(?i)^\s*CREATE\s+TABLE\b`)

// block keeps a piece of the file of a LOAD DATA that follows.
func (l *logged) block(id uint32, data []byte) error {
	if l.file == nil || l.fileID != id {
		l.closeFile()
		f, err := l.s.o.Engine.NewScratch()
		if err != nil {
			return l.own.repl.failure(err)
		}
		l.file, l.fileID = f, id
	}
	if _, err := l.file.Write(data); err != nil {
		return l.own.repl.failure(err)
	}
	return nil
}

// load runs a LOAD DATA statement on the file that came before it.
func (l *logged) load(ctx context.Context, ev event.Event, load event.LoadInfo) error {
	if l.file == nil || l.fileID != load.FileID {
		return &storage.ApplyError{Errno: 1594, Text: fmt.Sprintf("Relay log read failure: LOAD DATA of file %d, which was not sent", load.FileID)}
	}
	q := load.Query
	what := map[byte]string{event.LoadDuplicatesIgnore: " IGNORE", event.LoadDuplicatesReplace: " REPLACE"}[load.Duplicates]
	q.SQL = q.SQL[:load.Begin] + " INFILE 'replicated'" + what + " INTO" + q.SQL[load.End:]
	l.own.infile = l.file.Reader()
	defer func() {
		l.own.infile = nil
		l.closeFile()
	}()
	return l.statement(ctx, ev, q)
}

func (l *logged) closeFile() {
	if l.file != nil {
		if err := l.file.Close(); err != nil {
			l.s.log.Warn("a temporary file stays until the next start", "err", err)
		}
		l.file = nil
	}
}

// ignoresErrors reports whether a statement's error on the source was that it
// was interrupted there: then it may well succeed here, as what it changed
// before had no transaction. Source: MySQL's log_event.cc, ignored_error_code.
func ignoresErrors(code uint16) bool { return code == 1317 || code == 1053 }

// rows applies an event of rows that stands beside the statements.
func (l *logged) rows(ctx context.Context, ev event.Event) error {
	l.own.repl = &replicated{origin: l.group.Origin, at: ev.Timestamp(), server: ev.ServerID()}
	c := l.context(ctx, "")
	tx, err := l.own.Tx(c)
	if err != nil {
		return l.own.repl.failure(err)
	}
	ended, err := tx.ApplyEvent(ctx, l.group, ev)
	if ended {
		l.own.EndStatement()
		l.forget()
	}
	return err
}

// isTemporary reports whether a statement makes or drops a temporary table.
func isTemporary(sql string) bool {
	f := strings.Fields(sql)
	return len(f) > 1 && (strings.EqualFold(f[0], "CREATE") || strings.EqualFold(f[0], "DROP")) && strings.EqualFold(f[1], "TEMPORARY")
}

// prepare puts what the events before a statement said into the session.
func (l *logged) prepare(ctx *gms.Context) error {
	if l.lastInsertID != nil {
		l.own.GetLastQueryInfo().LastInsertId.Store(int64(*l.lastInsertID))
	}
	if l.insertID != nil {
		l.own.SetInsertID(*l.insertID)
	}
	if l.seeds != nil {
		l.own.seeds = &randState{l.seeds[0], l.seeds[1]}
	}
	for _, v := range l.vars {
		if err := l.own.SetUserVariable(ctx, v.name, v.value, v.typ); err != nil {
			return err
		}
	}
	return nil
}

// forget ends what was said of one statement.
func (l *logged) forget() {
	l.own.SetInsertID(0)
	l.own.seeds = nil
	l.lastInsertID, l.insertID, l.seeds, l.vars = nil, nil, nil, nil
}

func (l *logged) run(ctx context.Context, text string) error {
	return l.runContext(l.context(ctx, text))
}

func (l *logged) runContext(ctx *gms.Context) error {
	if err := l.own.CommandBegin(); err != nil {
		return err
	}
	defer l.own.CommandEnd()
	return l.s.runGuarded(ctx)
}

// context is that of one statement in the session.
func (l *logged) context(ctx context.Context, text string) *gms.Context {
	c := gms.NewContext(ctx, gms.WithSession(l.own), gms.WithQuery(text),
		gms.WithProcessList(gms.EmptyProcessList{}), gms.WithMemoryManager(l.s.engine.MemoryManager))
	if r := l.own.repl; r.at != 0 {
		c.SetQueryTime(time.Unix(int64(r.at), int64(r.q.Status.Microseconds)*1000))
	}
	return c
}

// userVarOf decodes a variable's value.
func userVarOf(v event.UserVarInfo) (userVar, error) {
	u := userVar{name: strings.ToLower(v.Name)}
	if v.Null {
		u.typ = types.Null
		return u, nil
	}
	switch v.Type {
	case event.UserVarInt:
		if u.value, u.typ = int64(v.Number()), types.Int64; v.Unsigned {
			u.value, u.typ = v.Number(), types.Uint64
		}
	case event.UserVarReal:
		u.value, u.typ = math.Float64frombits(v.Number()), types.Float64
	case event.UserVarDecimal:
		if len(v.Value) < 3 {
			return u, errors.New("malformed decimal in a User_var event")
		}
		text, err := rowimage.AppendDecimalText(nil, v.Value[2:], uint16(v.Value[0])<<8|uint16(v.Value[1]))
		if err != nil {
			return u, err
		}
		typ, err := types.CreateDecimalType(v.Value[0], v.Value[1])
		if err != nil {
			return u, err
		}
		u.typ = typ
		if u.value, _, err = typ.Convert(context.Background(), string(text)); err != nil {
			return u, err
		}
	default:
		return stringVar(u, v)
	}
	return u, nil
}

// stringVar decodes a string in the character set of its collation.
func stringVar(u userVar, v event.UserVarInfo) (userVar, error) {
	c := gms.CollationID(v.Collation)
	if v.Collation > math.MaxUint16 || c.Name() == "" || c.Sorter() == nil && c != gms.Collation_binary {
		return u, fmt.Errorf("user variable '%s' has the unknown collation %d", v.Name, v.Collation)
	}
	if c == gms.Collation_binary {
		u.value, u.typ = append([]byte(nil), v.Value...), types.LongBlob
		return u, nil
	}
	text, ok := c.CharacterSet().Encoder().Decode(v.Value)
	if !ok {
		return u, fmt.Errorf("user variable '%s' is no valid string of its character set", v.Name)
	}
	u.value, u.typ = string(text), types.CreateLongText(c)
	return u, nil
}
