package sql

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/vitess/go/mysql"

	"binrelay/binlog/txn"
	"binrelay/sql/auth"
	"binrelay/sql/storage"
	"binrelay/sql/tables"
	"binrelay/sql/wire"
)

// Session is one client's session, or an internal one. It is used by one
// statement at a time.
type Session struct {
	*tables.Session
	server *Server
	client *wire.Client // nil: not a connection of the listener

	// internal sessions may do everything: they run what a source sent.
	internal bool
	repl     *replicated // the statement of a source that runs, or nil

	text      string                      // the statement's text, when the packet holds several
	running   bool                        // a statement has begun
	built     bool                        // its plan's root has been seen
	root      gms.Node                    // of its plan; nil before it is built
	locking   bool                        // it has a locking clause
	showing   bool                        // go-mysql-server builds the rows of a SHOW COLUMNS that is ours
	building  bool                        // inside the outermost DDL node
	begins    bool                        // a CREATE TABLE is that of a transaction, see begun
	updating  *plan.Update                // go-mysql-server builds this UPDATE
	inserting bool                        // an INSERT or REPLACE runs
	plainRead bool                        // a SELECT runs that has no plan
	insertID  *int64                      // what it gave LAST_INSERT_ID(x), nil = nothing
	load      *load                       // the LOAD DATA that was parsed last, and has not ended
	committed tables.Committed            // the last commit
	keys      []*gms.ForeignKeyConstraint // of the CREATE TABLE at hand
	infile    io.Reader                   // the file of a LOAD DATA that a source logged; nil = none
	seeds     *randState                  // of RAND(); nil = random
	at        time.Time                   // SET TIMESTAMP; zero = now
	replayed  *txn.Group                  // what BINLOG's Format_description said; nil = none came

	calls    bool                    // it has called stored functions
	frame    *frame                  // of the stored program that runs; nil = none
	programs map[programKey]*program // that have run

	invoker  auth.Name       // that the statement's Query event is to name
	next     nextTransaction // SET TRANSACTION
	tracking tracking
	released bool        // the connection ends after this command
	roles    []auth.Name // SET ROLE
	expired  bool        // the password is to be changed before anything else
	partial  []partial   // of the statement that is planned
	allowed  atomic.Pointer[privileges]

	conditions
	strictly bool  // warnings of the statement are errors
	raised   error // one of them

	charsetSet bool   // character_set_connection has just become utf8mb4
	thaw       func() // ends FLUSH TABLES WITH READ LOCK; nil = not held
	instance   *storage.InstanceLock
	namedLocks *storage.NamedLocks // of GET_LOCK; nil = never used
	plain      plainSession
	lockNames  map[string]bool // of LOCK TABLES, as db.name or db.alias; true = WRITE
}

var (
	_ gms.TransactionSession    = (*Session)(nil)
	_ gms.LifecycleAwareSession = (*Session)(nil)
	_ tables.SessionOf          = (*Session)(nil)
)

// newSession makes a session for a connection of the wire protocol.
func (s *Server) newSession(_ context.Context, conn *mysql.Conn, addr string) (gms.Session, error) {
	client := gms.Client{Capabilities: conn.Capabilities}
	if u, ok := conn.UserData.(gms.MysqlConnectionUser); ok {
		client.User, client.Address = u.User, u.Host
	}
	out := s.session(gms.NewBaseSessionWithClientServer(addr, client, conn.ConnectionID))
	if c, ok := conn.ClientData.(*wire.Client); ok {
		out.handshakeCollation(gms.CollationID(c.Collation))
		out.client, out.expired = c, c.Expired
	}
	return out, nil
}

// handshakeCollation sets the session's character sets to those of the
// collation that the client named when it logged in; one that is not known here
// leaves the defaults. Source: MySQL 8.0 manual, "Connection Character Sets and
// Collations".
func (s *Session) handshakeCollation(c gms.CollationID) {
	if c.Name() == "" || c.Sorter() == nil {
		return
	}
	ctx := gms.NewContext(context.Background(), gms.WithSession(s))
	set := func(name, value string) { _ = s.Session.SetSessionVariable(ctx, name, value) } // values of known names
	charset := c.CharacterSet().Name()
	for _, name := range []string{"character_set_client", "character_set_results", "character_set_connection"} {
		set(name, charset)
	}
	set("collation_connection", c.Name())
}

// session makes a session with this server's values of the variables.
func (s *Server) session(base *gms.BaseSession) *Session {
	out := &Session{server: s}
	out.Session = tables.NewSession(base, s.o.Engine, policy{s, out})
	ctx := gms.NewContext(context.Background(), gms.WithSession(out))
	for i := range sysvars {
		d := &sysvars[i]
		if d.scope&session == 0 || d.scope&global == 0 {
			continue
		}
		if v := s.vars.global(d); v != d.def {
			// The value was checked when it was stored.
			_ = base.InitSessionVariable(ctx, d.name, toGMS(v))
		}
	}
	// A connection begins with the default collation of utf8mb4; SET NAMES and
	// the handshake change it. go-mysql-server's own default is another one.
	_ = base.SetSessionVariable(ctx, "collation_connection", gms.Collation_utf8mb4_0900_ai_ci.Name())
	out.startRoles()
	return out
}

// sessionOf returns the session that runs ctx, nil if it is of another kind.
func sessionOf(ctx *gms.Context) *Session {
	if ctx == nil {
		return nil
	}
	s, _ := ctx.Session.(*Session)
	return s
}

// serverOf returns the server of ctx's session, or nil.
func serverOf(ctx *gms.Context) *Server {
	if s := sessionOf(ctx); s != nil {
		return s.server
	}
	return nil
}

// ValidateSession begins a statement.
func (s *Session) ValidateSession(ctx *gms.Context) error {
	if ctx.IsInterpreted() {
		return nil
	}
	text := s.text
	s.text = ""
	if text == "" {
		text = ctx.Query()
	}
	s.building, s.built, s.root, s.inserting = false, false, nil, false
	s.invoker = auth.Name{}
	s.running = true
	s.server.counters.question()
	text = trimStatement(text)
	s.setTime(ctx)
	s.beginConditions(text)
	if err := s.admit(text); err != nil {
		return err
	}
	if err := s.BeginStatement(ctx, text); err != nil {
		return err
	}
	return s.commitBefore(ctx, text)
}

func trimStatement(text string) string { return strings.TrimRight(strings.TrimSpace(text), "; \t\r\n") }

// noteText tells the text of the statement: before it begins, or, when the
// engine parses it itself, just after.
func (s *Session) noteText(text string) {
	if s.running {
		s.SetQuery(trimStatement(text))
		return
	}
	s.text = text
}

// CommandBegin implements gms.LifecycleAwareSession.
func (s *Session) CommandBegin() error {
	s.text, s.running, s.partial = "", false, nil
	return nil
}

// CommandEnd implements gms.LifecycleAwareSession.
func (s *Session) CommandEnd() {
	s.building, s.running, s.root, s.plainRead = false, false, nil, false
	s.EndStatement()
}

// SessionEnd implements gms.LifecycleAwareSession: the client is gone.
func (s *Session) SessionEnd() {
	s.release()
	s.instance.Release()
	s.namedLocks.ReleaseAll()
	s.Close()
}

// release ends FLUSH TABLES WITH READ LOCK.
func (s *Session) release() {
	if s.thaw != nil {
		s.thaw()
		s.thaw = nil
	}
}

// GetSessionVariable implements gms.Session: variables without a session value
// show the server's.
func (s *Session) GetSessionVariable(ctx *gms.Context, name string) (any, error) {
	if d := sysvarByName[strings.ToLower(name)]; d != nil {
		if d.own != nil {
			return d.own(s), nil
		}
		if d.scope == global {
			return toGMS(s.server.vars.global(d)), nil
		}
		name = d.canonical()
	} else if removed[strings.ToLower(name)] {
		return nil, gms.ErrUnknownSystemVariable.New(name)
	} else if strings.EqualFold(name, "timestamp") && s.at.IsZero() {
		return float64(s.server.now().UnixMicro()) / 1e6, nil
	}
	return s.Session.GetSessionVariable(ctx, name)
}

// SetSessionVariable implements gms.Session.
func (s *Session) SetSessionVariable(ctx *gms.Context, name string, value any) error {
	d := sysvarByName[strings.ToLower(name)]
	s.plain.settings.known = false
	if d == nil && removed[strings.ToLower(name)] {
		return gms.ErrUnknownSystemVariable.New(name)
	}
	if d == nil {
		if err := s.Session.SetSessionVariable(ctx, name, s.derivedCollation(ctx, name, value)); err != nil {
			return err
		}
		s.noteVariable(ctx, name)
		if v, err := s.Session.GetSessionVariable(ctx, name); err == nil {
			s.follow(name, v)
		}
		return nil
	}
	if d.super && !s.may(ctx, gms.PrivilegeType_Super, "session_variables_admin", "system_variables_admin", "binlog_admin") {
		return accessDenied("SUPER, SYSTEM_VARIABLES_ADMIN or SESSION_VARIABLES_ADMIN")
	}
	if err := s.Session.SetSessionVariable(ctx, d.canonical(), value); err != nil {
		return err
	}
	s.noteVariable(ctx, d.canonical())
	switch p := (policy{s.server, s}); d.name {
	case "innodb_lock_wait_timeout":
		s.SetWaits(time.Duration(p.number(ctx, d.name))*time.Second, 0)
	case "lock_wait_timeout":
		s.SetWaits(0, time.Duration(p.number(ctx, d.name))*time.Second)
	}
	return nil
}

// derivedCollation replaces the collation that the engine derives for SET NAMES
// utf8mb4: that is default_collation_for_utf8mb4, not always the newest. The
// engine sets collation_connection right after character_set_connection.
func (s *Session) derivedCollation(ctx *gms.Context, name string, value any) any {
	derived := s.charsetSet && strings.EqualFold(name, "collation_connection")
	s.charsetSet = strings.EqualFold(name, "character_set_connection") && value == any("utf8mb4")
	if !derived {
		return value
	}
	if v, err := s.GetSessionVariable(ctx, "default_collation_for_utf8mb4"); err == nil {
		return v
	}
	return value
}

// GetAllSessionVariables implements gms.Session, for SHOW VARIABLES.
func (s *Session) GetAllSessionVariables() map[string]any {
	all := s.Session.GetAllSessionVariables()
	for name := range removed {
		delete(all, name)
	}
	for i := range sysvars {
		switch d := &sysvars[i]; {
		case d.own != nil:
			all[d.name] = d.own(s)
		case d.scope == global:
			all[d.name] = toGMS(s.server.vars.global(d))
		case d.alias != "":
			all[d.name] = all[d.alias]
		}
	}
	return all
}

// may reports whether the session's account has a global privilege or one of
// the dynamic ones.
func (s *Session) may(ctx *gms.Context, p gms.PrivilegeType, dynamic ...string) bool {
	if s.lacks(ctx, "", "", p) == "" {
		return true
	}
	return s.Active().HasDynamic(dynamic...)
}

func accessDenied(privileges string) error {
	return sqlError(1227, "42000", "Access denied; you need (at least one of) the %s privilege(s) for this operation", privileges)
}
