package sql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/auth"
	"binrelay/sql/replstmt"
)

// Settings that hold the accounts. The old one is go-mysql-server's form; it is
// read as long as the other is not there.
const (
	accountsKey    = "accounts/v2"
	oldAccountsKey = "accounts/grants"
)

// openAccounts loads the accounts from the storage.
func (s *Server) openAccounts() error {
	s.accounts = auth.New(auth.Options{RSAKey: s.o.RSAKey, Now: s.now})
	return s.loadAccounts()
}

func (s *Server) loadAccounts() error {
	blob, ok, err := s.o.Engine.GetKV(accountsKey)
	if err != nil {
		return err
	}
	if ok {
		return wrapAccounts(s.accounts.Load(blob))
	}
	if blob, ok, err = s.o.Engine.GetKV(oldAccountsKey); err != nil {
		return err
	}
	if ok {
		return wrapAccounts(s.accounts.Import(context.Background(), blob))
	}
	s.accounts.Reset()
	return nil
}

// reloadAccounts is FLUSH PRIVILEGES.
func (s *Server) reloadAccounts(ctx context.Context) error {
	edit, err := s.accounts.Begin(ctx) // what is being changed is stored before it is seen
	if err != nil {
		return err
	}
	defer edit.Close()
	s.accounts.Flush()
	return s.loadAccounts()
}

func wrapAccounts(err error) error {
	if err != nil {
		return fmt.Errorf("sql: load accounts: %w", err)
	}
	return nil
}

// internalUser is the name of internal sessions. No account has it.
const internalUser = "mysql.session"

// Accounts returns the server's accounts.
func (s *Server) Accounts() *auth.Accounts { return s.accounts }

// mandatoryRoles is mandatory_roles; its value was checked when it was set.
func (s *Server) mandatoryRoles() []auth.Name {
	list := s.vars.String("mandatory_roles")
	if list == "" {
		return nil
	}
	roles, _ := auth.ParseRoles(list)
	return roles
}

// privileges is what a session may do, as long as nothing changes.
type privileges struct {
	active    *auth.Active
	mandatory string
	shown     *mysql_db.PrivilegeSet // for go-mysql-server; nil = not made yet
}

// account is the session's account.
func (s *Session) account() auth.Name {
	c := s.Client()
	return auth.Name{User: c.User, Host: c.Address}
}

// Active returns what the session may do now.
func (s *Session) Active() *auth.Active { return s.privileges().active }

func (s *Session) privileges() *privileges {
	if s.internal {
		return &privileges{active: auth.Everything}
	}
	mandatory := s.server.vars.String("mandatory_roles")
	g := s.server.accounts.Grants()
	if p := s.allowed.Load(); p != nil && p.active.Current(g) && p.mandatory == mandatory {
		return p
	}
	p := &privileges{active: g.Active(s.account(), s.roles, s.server.mandatoryRoles()), mandatory: mandatory}
	s.allowed.Store(p)
	return p
}

// startRoles makes the roles active that a log-in does.
func (s *Session) startRoles() {
	all := s.server.vars.Bool("activate_all_roles_on_login")
	s.roles = s.server.accounts.Grants().DefaultRoles(s.account(), s.server.mandatoryRoles(), all)
}

// GetPrivilegeSet implements gms.Session: information_schema asks for it.
func (s *Session) GetPrivilegeSet() (gms.PrivilegeSet, uint64) {
	p := s.privileges()
	if p.shown == nil {
		set := shownPrivileges(p.active)
		own := *p
		own.shown = &set
		if p = &own; !s.internal {
			s.allowed.Store(p)
		}
	}
	return *p.shown, 1
}

// SetPrivilegeSet implements gms.Session: what a session may do follows from its
// account.
func (s *Session) SetPrivilegeSet(gms.PrivilegeSet, uint64) {}

// shownPrivileges are a session's privileges as go-mysql-server has them.
func shownPrivileges(a *auth.Active) mysql_db.PrivilegeSet {
	set := mysql_db.NewPrivilegeSet()
	set.AddGlobalStatic(a.Global.Types()...)
	for _, u := range a.Users() {
		for name := range u.Dynamic {
			set.AddGlobalDynamic(false, name)
		}
		for _, d := range u.Databases {
			set.AddDatabase(d.Name, d.Privileges.Types()...)
		}
		for _, t := range u.Tables {
			set.AddTable(t.Database, t.Table, t.Privileges.Types()...)
			for c, p := range t.Columns {
				set.AddColumn(t.Database, t.Table, c, p.Types()...)
			}
		}
		for _, r := range u.Routines {
			set.AddRoutine(r.Database, r.Routine, !r.Function, r.Privileges.Types()...)
		}
	}
	return set
}

// accountNode runs a statement about accounts inside go-mysql-server.
type accountNode struct {
	node
	account auth.Statement
	text    string // of the statement
	mode    auth.Mode
}

var _ gms.ExecSourceRel = (*accountNode)(nil)

// parseAccount parses a statement about accounts.
func (p *parser) parseAccount(ctx context.Context, query string) (stmt sqlparser.Statement, end int, ok bool, err error) {
	m := auth.Mode{NoBackslash: noBackslash(ctx)}
	if c, is := ctx.(*gms.Context); is {
		if s := sessionOf(c); s != nil {
			m.Source = s.internal
		}
	}
	own := query
	out, warning, changed := replstmt.Rewrite(query)
	if changed {
		own = out
	}
	st, end, ok, err := auth.Parse(own, m)
	if !ok || err != nil {
		return nil, end, ok, err
	}
	if c, is := ctx.(*gms.Context); is && warning != "" {
		c.Warn(1064, "%s", warning)
	}
	text := trimStatement(own[:end])
	// What was rewritten stands before the statement's end.
	end += len(query) - len(own)
	n := &accountNode{node: node{server: p.server}, account: st, text: text, mode: m}
	return sqlparser.InjectedStatement{Auth: sqlparser.AuthInformation{AuthType: sqlparser.AuthType_IGNORE}, Statement: n}, end, true, nil
}

func noBackslash(ctx context.Context) bool {
	c, ok := ctx.(*gms.Context)
	if !ok || c.Session == nil {
		return false
	}
	s := sessionOf(c)
	return s != nil && s.hasMode("NO_BACKSLASH_ESCAPES")
}

// WithResolvedChildren implements sqlparser's Injectable.
func (n *accountNode) WithResolvedChildren(context.Context, []any) (any, error) { return n, nil }

// String implements gms.Node.
func (n *accountNode) String() string { return n.account.Name() }

// IsReadOnly implements gms.Node.
func (n *accountNode) IsReadOnly() bool { return auth.Reads(n.account) }

// WithChildren implements gms.Node.
func (n *accountNode) WithChildren(_ *gms.Context, children ...gms.Node) (gms.Node, error) {
	if len(children) > 0 {
		return nil, gms.ErrInvalidChildrenNumber.New(n, len(children), 0)
	}
	return n, nil
}

// Schema implements gms.Node.
func (n *accountNode) Schema(ctx *gms.Context) gms.Schema {
	switch st := n.account.(type) {
	case *auth.ShowGrants:
		name := auth.Name{}
		if s := sessionOf(ctx); s != nil {
			name = s.account()
		}
		if st.User != nil && !st.User.Current {
			name = st.User.Name
		}
		return gms.Schema{column("Grants for "+name.User+"@"+name.Host, types.LongText, false)}
	case *auth.ShowCreateUser:
		name := st.User.Name
		if s := sessionOf(ctx); s != nil && st.User.Current {
			name = s.account()
		}
		return gms.Schema{column("CREATE USER for "+name.User+"@"+name.Host, types.LongText, false)}
	}
	if auth.Generates(n.account) {
		return gms.Schema{column("user", types.LongText, false), column("host", types.LongText, false),
			column("generated password", types.LongText, false), column("auth_factor", types.Int64, false)}
	}
	return types.OkResultSchema
}

// RowIter implements gms.ExecSourceRel.
func (n *accountNode) RowIter(ctx *gms.Context, _ gms.Row) (gms.RowIter, error) {
	s := sessionOf(ctx)
	if s == nil {
		return nil, fmt.Errorf("sql: the session is of another kind")
	}
	n.server.counters.command(n.account.Name())
	switch st := n.account.(type) {
	case *auth.ShowGrants:
		return s.showGrants(st)
	case *auth.ShowCreateUser:
		return s.showCreateUser(st)
	case *auth.SetRole:
		return &okIter{run: func(*gms.Context) error { return s.setRole(st) }}, nil
	}
	if !auth.Generates(n.account) {
		return &okIter{run: func(ctx *gms.Context) error {
			_, err := s.changeAccounts(ctx, n)
			return err
		}}, nil
	}
	made, err := s.changeAccounts(ctx, n)
	if err != nil {
		return nil, clientError(err)
	}
	var rows []gms.Row
	for _, g := range made {
		rows = append(rows, gms.NewRow(g.User, g.Host, g.Password, int64(1)))
	}
	return gms.RowsToRowIter(rows...), nil
}

// accountEnv is what a statement about accounts finds.
func (s *Session) accountEnv(ctx *gms.Context) *auth.Env {
	v := s.server.vars
	e := &auth.Env{
		Self: s.account(), Active: s.Active(), ClientUser: s.Client().User, ClientHost: s.host(),
		Database: s.GetCurrentDatabase(), Now: s.server.now(), Mandatory: s.server.mandatoryRoles(),
		Plugin: v.String("default_authentication_plugin"), RequireCurrent: v.Bool("password_require_current"),
		ReuseHistory: uint16(v.Int("password_history")), ReuseDays: uint16(v.Int("password_reuse_interval")),
		Warn: func(level string, number int, text string) {
			s.Warn(&gms.Warning{Level: level, Code: number, Message: text})
		},
	}
	if s.client != nil {
		e.Password = s.client.Password
	}
	if !s.internal {
		e.Columns = func(db, table string) ([]string, bool) { return s.columnsOf(ctx, db, table) }
		e.Routine = func(db, name string, function bool) bool { return s.hasRoutine(ctx, db, name, function) }
	}
	return e
}

// host is where the client connects from; the account's host part for sessions
// that are no connections.
func (s *Session) host() string {
	if s.client != nil {
		return s.client.Host
	}
	return s.Client().Address
}

// columnsOf returns the columns of a table or view.
func (s *Session) columnsOf(ctx *gms.Context, db, table string) ([]string, bool) {
	if strings.EqualFold(db, "information_schema") {
		return nil, true
	}
	d, err := s.server.engine.Analyzer.Catalog.DbProvider.(*catalog).plain(ctx, db)
	if err != nil {
		return nil, false
	}
	if t, ok, err := d.GetTableInsensitive(ctx, table); err == nil && ok {
		var names []string
		for _, c := range t.Schema(ctx) {
			names = append(names, c.Name)
		}
		return names, true
	}
	if v, ok := d.(gms.ViewDatabase); ok {
		if _, ok, err := v.GetViewDefinition(ctx, table); err == nil && ok {
			return nil, true
		}
	}
	return nil, false
}

// hasRoutine reports whether there is a stored function or procedure.
func (s *Session) hasRoutine(ctx *gms.Context, db, name string, function bool) bool {
	d := s.server.database(ctx, db)
	if d == nil {
		return false
	}
	kind := procedureProgram
	if function {
		kind = functionProgram
	}
	_, ok, err := d.Routine(ctx, string(kind), name)
	return ok && err == nil
}

// changeAccounts carries out a statement that changes accounts: they, and the
// statement in the binlog, become durable together.
func (s *Session) changeAccounts(ctx *gms.Context, n *accountNode) ([]auth.Generated, error) {
	if err := (policy{s.server, s}).Write(ctx, s.Session); err != nil {
		return nil, err // who holds a global read lock must not wait for one who waits for it
	}
	edit, err := s.server.accounts.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer edit.Close()
	env := s.accountEnv(ctx)
	env.SQL, env.Mode = n.text, n.mode
	r, blob, err := edit.Apply(n.account, env)
	if err != nil {
		return nil, err
	}
	s.SetQuery(r.Text)
	if s.repl != nil && r.Rewritten {
		s.repl.q.SQL = r.Text
	}
	if err := s.PutKV(ctx, accountsKey, blob); err != nil {
		s.AbortDDL()
		return nil, err
	}
	s.OnCommit(edit.Publish, nil)
	if err := s.CommitDDL(ctx); err != nil {
		return nil, err
	}
	if r.OwnPassword {
		s.expired = false
	}
	return r.Generated, nil
}

// admit refuses a statement while the session's password is to be changed, and
// what the limits of its account do not allow.
func (s *Session) admit(text string) error {
	if s.expired && !auth.SetsPassword(text) {
		return sqlError(1820, "HY000", "You must reset your password using ALTER USER statement before executing this statement.")
	}
	u := s.limited()
	if u == nil {
		return nil
	}
	return s.server.accounts.Statement(u, isRowStatement(text) || replstmt.CommitsImplicitly(text) == replstmt.CommitsToChange)
}

// limited returns the session's account if its statements are counted.
func (s *Session) limited() *auth.User {
	if u := s.Active().Account(); u != nil && (u.Limits.Questions != 0 || u.Limits.Updates != 0) {
		return u
	}
	return nil
}

// setRole is SET ROLE.
func (s *Session) setRole(st *auth.SetRole) error {
	env := &auth.Env{Self: s.account(), Mandatory: s.server.mandatoryRoles()}
	g := s.server.accounts.Grants()
	roles, err := g.Choose(st, env)
	if err != nil {
		return err
	}
	s.roles = slices.Clone(roles)
	s.allowed.Store(nil)
	return nil
}

// showGrants is SHOW GRANTS.
func (s *Session) showGrants(st *auth.ShowGrants) (gms.RowIter, error) {
	g, self := s.server.accounts.Grants(), s.account()
	name, using := self, s.roles
	if st.User != nil {
		if using = nil; !st.User.Current {
			name = st.User.Name
		}
	}
	if name != self && !slices.Contains(s.Active().Roles, name) && !s.Active().MaySeeAccounts() {
		return nil, s.noDatabase("mysql")
	}
	u, ok := g.User(name)
	if !ok {
		return nil, sqlError(1141, "42000", "There is no such grant defined for user '%s' on host '%s'", name.User, name.Host)
	}
	mandatory := s.server.mandatoryRoles()
	if st.Using != nil {
		granted := g.RolesOf(name, mandatory)
		using = nil
		for _, r := range st.Using {
			if !slices.Contains(granted, r.Name) {
				return nil, sqlError(3530, "HY000", "%s is not granted to %s", r.Name, name)
			}
			using = append(using, r.Name)
		}
	}
	var rows []gms.Row
	for _, line := range g.ShowGrants(u, using, mandatory) {
		rows = append(rows, gms.NewRow(line))
	}
	return gms.RowsToRowIter(rows...), nil
}

// showCreateUser is SHOW CREATE USER.
func (s *Session) showCreateUser(st *auth.ShowCreateUser) (gms.RowIter, error) {
	name := st.User.Name
	if st.User.Current {
		name = s.account()
	}
	if name != s.account() && !s.Active().MaySeeAccounts() {
		return nil, accessDenied("CREATE USER")
	}
	u, ok := s.server.accounts.Grants().User(name)
	if !ok {
		return nil, sqlError(1396, "HY000", "Operation SHOW CREATE USER failed for %s", name.Quoted())
	}
	return gms.RowsToRowIter(gms.NewRow(u.ShowCreate())), nil
}

// noDatabase is error 1044.
func (s *Session) noDatabase(db string) error {
	return sqlError(1044, "42000", "Access denied for user '%s'@'%s' to database '%s'", s.Client().User, s.Client().Address, db)
}
