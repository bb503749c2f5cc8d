package auth

import (
	"slices"
	"strings"

	"github.com/dolthub/vitess/go/mysql"
)

func (d *draft) grant(st *Grant, e *Env) (Result, error) {
	l := st.Level
	if l.database == "" && l.kind != globalLevel {
		if l.database = e.Database; l.database == "" {
			return Result{}, mysql.NewSQLError(1046, "3D000", "No database selected")
		}
	}
	static, dynamic := st.expand()
	if err := e.mayGrant(st, l, static, dynamic); err != nil {
		return Result{}, err
	}
	if err := e.checkObject(st, l, static); err != nil {
		return Result{}, err
	}
	users := e.resolve(st.Users)
	r := Result{Text: e.text(st.Users)}
	for i := range users {
		s := &users[i]
		if err := d.grantee(st, s, e, &r); err != nil {
			return Result{}, err
		}
		u := d.edit(s.Name)
		if u == nil {
			if !st.Revoke {
				return Result{}, mysql.NewSQLError(1410, "42000", "You are not allowed to create a user with GRANT")
			}
			if st.IgnoreUser {
				e.warn("Warning", 3162, "Authorization ID %s does not exist.", s.Quoted())
				continue
			}
			return Result{}, noGrant(s.Name)
		}
		if st.Revoke {
			if err := u.revoke(st, l, static, dynamic, e); err != nil {
				return Result{}, err
			}
			continue
		}
		u.grant(st, l, static, dynamic, e)
	}
	if r.Rewritten {
		r.Text = e.grantText(st, users)
	}
	return r, nil
}

// expand returns the privileges that the statement means.
func (st *Grant) expand() (static Privileges, dynamic []string) {
	static, dynamic = st.Static, st.Dynamic
	if st.All {
		switch st.Level.kind {
		case globalLevel:
			static, dynamic = allGlobal&^GrantOption, dynamicPrivileges
		case databaseLevel:
			static = allDatabase &^ GrantOption
		case tableLevel:
			static = allTable &^ GrantOption
		default:
			static = allRoutine &^ GrantOption
		}
	}
	if st.Option {
		static |= GrantOption
	}
	return static, dynamic
}

// mayGrant checks that the session has what it grants or revokes, with the
// option to do so.
func (e *Env) mayGrant(st *Grant, l Level, static Privileges, dynamic []string) error {
	need := static | GrantOption
	var have Privileges
	switch l.kind {
	case globalLevel:
		if need&^e.Active.Global != 0 && (static != 0 || len(dynamic) == 0) {
			return e.accessDenied()
		}
		for _, name := range dynamic {
			if grantable, _ := e.Active.dynamic(name); !grantable {
				return denied("GRANT OPTION")
			}
		}
		return nil
	case databaseLevel:
		if need&^e.Active.Database(l.database) != 0 {
			return mysql.NewSQLError(1044, "42000", "Access denied for user %s@%s to database '%s'", quote(e.Self.User), quote(e.Self.Host), l.database)
		}
		return nil
	case tableLevel:
		have = e.Active.Table(l.database, l.name)
		for c, p := range st.Columns {
			if lacks := p &^ (have | e.Active.Column(l.database, l.name, c)); lacks != 0 {
				return mysql.NewSQLError(1143, "42000", "%s command denied to user %s@%s for column '%s' in table '%s'",
					lacks, quote(e.ClientUser), quote(e.ClientHost), c, l.name)
			}
		}
	default:
		if have = e.Active.Routine(l.database, l.name, l.kind == functionLevel); need&^have != 0 {
			return mysql.NewSQLError(1370, "42000", "%s command denied to user %s@%s for routine '%s.%s'",
				strings.ToLower((need &^ have).String()), quote(e.ClientUser), quote(e.ClientHost), l.database, l.name)
		}
	}
	if need&^have != 0 {
		return mysql.NewSQLError(1142, "42000", "%s command denied to user %s@%s for table '%s'", need&^have, quote(e.ClientUser), quote(e.ClientHost), l.name)
	}
	return nil
}

// accessDenied is error 1045, as GRANT says it.
func (e *Env) accessDenied() error {
	using := "NO"
	if e.Password {
		using = "YES"
	}
	return mysql.NewSQLError(1045, "28000", "Access denied for user %s@%s (using password: %s)", quote(e.ClientUser), quote(e.ClientHost), using)
}

// checkObject checks that what privileges are granted on is there. A table need
// not be if CREATE is granted.
func (e *Env) checkObject(st *Grant, l Level, static Privileges) error {
	switch l.kind {
	case tableLevel:
		if e.Columns == nil || st.Revoke {
			return nil
		}
		columns, ok := e.Columns(l.database, l.name)
		if !ok && static&Create == 0 {
			return mysql.NewSQLError(1146, "42S02", "Table '%s.%s' doesn't exist", l.database, l.name)
		}
		for _, c := range sortedKeys(st.Columns) {
			if ok && !slices.ContainsFunc(columns, func(have string) bool { return strings.EqualFold(have, c) }) {
				return mysql.NewSQLError(1054, "42S22", "Unknown column '%s' in '%s'", c, l.name)
			}
		}
	case procedureLevel, functionLevel:
		function := l.kind == functionLevel
		if e.Routine != nil && !st.Revoke && !e.Routine(l.database, l.name, function) {
			kind := map[bool]string{true: "FUNCTION", false: "PROCEDURE"}[function]
			return mysql.NewSQLError(1305, "42000", "%s %s.%s does not exist", kind, l.database, l.name)
		}
	}
	return nil
}

// grantee carries out IDENTIFIED in a GRANT of an old server, which makes
// accounts too.
func (d *draft) grantee(st *Grant, s *Spec, e *Env, r *Result) error {
	if !e.Mode.Source || st.Revoke {
		return nil
	}
	u := d.edit(s.Name)
	if u == nil && s.Auth != nil {
		u = &User{Name: s.Name, Plugin: e.plugin()}
		d.add(u)
	}
	if u == nil {
		return nil
	}
	if s.Auth != nil {
		if err := d.identify(u, s.Auth, e, r); err != nil {
			return err
		}
		s.Auth = u.clause()
	}
	return u.set(&st.props)
}

// grantText writes a GRANT that had a password, for the binlog.
func (e *Env) grantText(st *Grant, users []Spec) string {
	var b strings.Builder
	at := 0
	for i, s := range users {
		end := len(e.SQL)
		if i+1 < len(users) {
			end = users[i+1].from
		}
		b.WriteString(e.SQL[at:s.from] + e.name(s.Name))
		if at = s.to; s.Auth == nil {
			continue
		}
		b.WriteString(" " + e.clauseText(s.Auth))
		l := lexer{s: e.SQL[:end], pos: s.to, raw: e.Mode.NoBackslash}
		for t := l.next(); t.kind != tokEnd && t.text != "," && !t.is("WITH") && !t.is("REQUIRE") || t.is("IDENTIFIED"); t = l.next() {
			at = t.end
			if t.is("IDENTIFIED") {
				l.next() // BY, WITH or VIA
			}
		}
	}
	b.WriteString(e.SQL[at:])
	return b.String()
}

func noGrant(n Name) error {
	return mysql.NewSQLError(1141, "42000", "There is no such grant defined for user '%s' on host '%s'", n.User, n.Host)
}

// grant adds privileges to an account.
func (u *User) grant(st *Grant, l Level, static Privileges, dynamic []string, e *Env) {
	key := object(l.database, l.name)
	switch l.kind {
	case globalLevel:
		u.Global |= static
		for _, name := range dynamic {
			if u.Dynamic == nil {
				u.Dynamic = map[string]bool{}
			}
			u.Dynamic[name] = u.Dynamic[name] || st.Option
		}
	case databaseLevel:
		if u.Databases == nil {
			u.Databases = map[string]DatabaseGrant{}
		}
		d := u.Databases[key.Database]
		if d.Name == "" {
			d.Name = l.database
		}
		if d.Privileges |= static; d.Privileges != 0 {
			u.Databases[key.Database] = d
		}
	case tableLevel:
		if u.Tables == nil {
			u.Tables = map[Object]TableGrant{}
		}
		t, ok := u.Tables[key]
		if !ok {
			t = TableGrant{Database: l.database, Table: l.name}
		}
		t.Privileges |= static
		t.Grantor, t.At = e.Self.User+"@"+e.Self.Host, e.Now.UTC()
		for c, p := range st.Columns {
			if t.Columns == nil {
				t.Columns = map[string]Privileges{}
			}
			t.Columns[strings.ToLower(c)] |= p
		}
		if t.Privileges != 0 || len(t.Columns) > 0 {
			u.Tables[key] = t
		}
	default:
		key.Function = l.kind == functionLevel
		if u.Routines == nil {
			u.Routines = map[Object]RoutineGrant{}
		}
		r, ok := u.Routines[key]
		if !ok {
			r = RoutineGrant{Database: l.database, Routine: l.name, Function: key.Function}
		}
		r.Grantor, r.At = e.Self.User+"@"+e.Self.Host, e.Now.UTC()
		if r.Privileges |= static; r.Privileges != 0 {
			u.Routines[key] = r
		}
	}
}

// revoke takes privileges from an account.
func (u *User) revoke(st *Grant, l Level, static Privileges, dynamic []string, e *Env) error {
	missing := func(err error) error {
		if se, ok := err.(*mysql.SQLError); ok && st.If {
			e.warn("Warning", se.Num, "%s", se.Message)
			return nil
		}
		return err
	}
	key := object(l.database, l.name)
	switch l.kind {
	case globalLevel:
		u.Global &^= static
		for _, name := range dynamic {
			delete(u.Dynamic, name)
		}
	case databaseLevel:
		d, ok := u.Databases[key.Database]
		if !ok {
			return missing(noGrant(u.Name))
		}
		if d.Privileges &^= static; d.Privileges != 0 {
			u.Databases[key.Database] = d
		} else {
			delete(u.Databases, key.Database)
		}
	case tableLevel:
		t, ok := u.Tables[key]
		if !ok {
			return missing(mysql.NewSQLError(1147, "42000", "There is no such grant defined for user '%s' on host '%s' on table '%s'", u.User, u.Host, l.name))
		}
		t.Privileges &^= static
		for c := range t.Columns {
			t.Columns[c] &^= static // of the whole table: of its columns too
		}
		for c, p := range st.Columns {
			if _, ok := t.Columns[strings.ToLower(c)]; ok {
				t.Columns[strings.ToLower(c)] &^= p
			}
		}
		for c, p := range t.Columns {
			if p == 0 {
				delete(t.Columns, c)
			}
		}
		if u.Tables[key] = t; t.Privileges == 0 && len(t.Columns) == 0 {
			delete(u.Tables, key)
		}
	default:
		key.Function = l.kind == functionLevel
		r, ok := u.Routines[key]
		if !ok {
			return missing(mysql.NewSQLError(1403, "42000", "There is no such grant defined for user '%s' on host '%s' on routine '%s'", u.User, u.Host, l.name))
		}
		if r.Privileges &^= static; r.Privileges != 0 {
			u.Routines[key] = r
		} else {
			delete(u.Routines, key)
		}
	}
	return nil
}

func (d *draft) revokeAll(st *RevokeAll, e *Env) (Result, error) {
	if !e.managesUsers() {
		return Result{}, denied("CREATE USER")
	}
	users := names(e.resolve(st.Users))
	if err := d.mayTouch(e, users); err != nil {
		return Result{}, err
	}
	for _, n := range users {
		u := d.edit(n)
		if u == nil {
			if st.IgnoreUser {
				e.warn("Warning", 3162, "Authorization ID %s does not exist.", n.Quoted())
				continue
			}
			return Result{}, mysql.NewSQLError(1269, "HY000", "Can't revoke all privileges for one or more of the requested users")
		}
		u.Global, u.Dynamic, u.Databases, u.Tables, u.Routines = 0, nil, nil, nil, nil
		d.Edges = slices.DeleteFunc(d.Edges, func(edge RoleEdge) bool { return edge.To == n })
		u.DefaultRoles = nil
	}
	return Result{Text: e.text(st.Users)}, nil
}

func sortedKeys(m map[string]Privileges) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
