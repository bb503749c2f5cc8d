package auth

import (
	"slices"
	"strings"

	"github.com/dolthub/vitess/go/mysql"
)

func (p *parser) createRole() Statement {
	p.want("CREATE")
	if p.is("OR") {
		p.refuse("CREATE OR REPLACE ROLE")
	}
	p.want("ROLE")
	st := &CreateRoles{If: p.ifNotExists()}
	st.Roles = p.accounts()
	if p.is("WITH") {
		p.refuse("CREATE ROLE … WITH ADMIN")
	}
	return st
}

func (p *parser) setRole() Statement {
	p.want("SET", "ROLE")
	return &SetRole{Roles: p.roles(true)}
}

// roles reads NONE, ALL, DEFAULT or a list of roles.
func (p *parser) roles(setting bool) Roles {
	switch {
	case p.take("NONE"):
		return Roles{None: true}
	case p.take("ALL"):
		r := Roles{All: true}
		if setting && p.take("EXCEPT") {
			r.Except, r.List = true, p.accounts()
		}
		return r
	case setting && p.take("DEFAULT"):
		return Roles{Default: true}
	}
	return Roles{List: p.accounts()}
}

func (p *parser) setDefaultRole() Statement {
	p.want("SET", "DEFAULT", "ROLE")
	st := &SetDefaultRole{Roles: p.roles(false)}
	if p.take("FOR") { // MariaDB
		st.Users = []Spec{p.account()}
		return st
	}
	if !p.is("TO") && p.tok.kind == tokEnd {
		st.Users = []Spec{{Current: true}} // MariaDB
		return st
	}
	p.want("TO")
	st.Users = p.accounts()
	return st
}

// item is one thing in the list of GRANT or REVOKE: a privilege or a role.
type item struct {
	words   []string // upper case, of a privilege
	columns []string
	spec    Spec // of a role
	at      token
}

func (p *parser) grant() Statement {
	p.want("GRANT")
	if p.take("PROXY") {
		p.refuse("GRANT PROXY")
	}
	items := p.items()
	if p.take("TO") {
		st := &GrantRole{Roles: roleNames(items), Users: p.accounts()}
		p.roleList(items)
		if p.take("WITH") {
			p.want("ADMIN", "OPTION")
			st.Admin = true
		}
		return st
	}
	st := &Grant{}
	p.privileges(st, items)
	p.want("ON")
	st.Level = p.level()
	p.want("TO")
	if st.Users = p.accounts(); p.is("IDENTIFIED") && p.mode.Source {
		st.Users[len(st.Users)-1].Auth = p.identified()
		for p.takePunct(",") {
			s := p.account()
			s.Auth = p.identified()
			st.Users = append(st.Users, s)
		}
	}
	if p.mode.Source && p.is("REQUIRE") {
		p.advance()
		st.props.Require = p.require()
		st.limits = true
	}
	if p.take("WITH") {
		st.Option = p.takeAll("GRANT", "OPTION")
		if !st.Option && !p.mode.Source {
			p.fail()
		} else if !st.Option || p.mode.Source && p.isAny("MAX_QUERIES_PER_HOUR", "MAX_UPDATES_PER_HOUR", "MAX_CONNECTIONS_PER_HOUR", "MAX_USER_CONNECTIONS", "MAX_STATEMENT_TIME") {
			p.limits(&st.props)
			st.limits = true
			st.Option = p.takeAll("GRANT", "OPTION") || st.Option
		}
	}
	if p.is("AS") {
		p.refuse("GRANT … AS")
	}
	p.checkLevel(st)
	return st
}

func (p *parser) revoke() Statement {
	p.want("REVOKE")
	exists := p.ifExists()
	if p.is("PROXY") {
		p.refuse("REVOKE PROXY")
	}
	if p.takeAll("ADMIN", "OPTION", "FOR") { // MariaDB
		st := &GrantRole{Revoke: true, AdminOnly: true, Roles: p.accounts()}
		p.want("FROM")
		st.Users = p.accounts()
		return st
	}
	items := p.items()
	if isAll(items) && p.is("FROM") {
		p.advance()
		st := &RevokeAll{If: exists, Users: p.accounts()}
		st.IgnoreUser = p.ignoreUnknown()
		return st
	}
	if p.take("FROM") {
		st := &GrantRole{Revoke: true, If: exists, Roles: roleNames(items), Users: p.accounts()}
		p.roleList(items)
		st.IgnoreUser = p.ignoreUnknown()
		return st
	}
	st := &Grant{Revoke: true, If: exists}
	p.privileges(st, items)
	p.want("ON")
	st.Level = p.level()
	p.want("FROM")
	st.Users = p.accounts()
	st.IgnoreUser = p.ignoreUnknown()
	p.checkLevel(st)
	return st
}

func (p *parser) ignoreUnknown() bool {
	if !p.is("IGNORE") {
		return false
	}
	p.want("IGNORE", "UNKNOWN", "USER")
	return true
}

// isAll recognises ALL [PRIVILEGES], GRANT OPTION.
func isAll(items []item) bool {
	return len(items) == 2 && len(items[0].words) > 0 && items[0].words[0] == "ALL" && slices.Equal(items[1].words, []string{"GRANT", "OPTION"})
}

func roleNames(items []item) (roles []Spec) {
	for _, i := range items {
		roles = append(roles, i.spec)
	}
	return roles
}

// roleList checks that the items can be roles.
func (p *parser) roleList(items []item) {
	for _, i := range items {
		if len(i.words) > 1 || len(i.columns) > 0 || p.err == nil && i.spec.to == 0 {
			p.tok = i.at
			p.fail()
			return
		}
	}
}

// items reads privileges or roles, up to ON, TO or FROM.
func (p *parser) items() (items []item) {
	for {
		i := item{at: p.tok}
		if p.tok.kind != tokWord || p.peek().text == "@" {
			i.spec = p.account()
		} else {
			i.spec = Spec{Name: Name{p.tok.text, "%"}, from: p.tok.pos, to: p.tok.end}
			for p.tok.kind == tokWord && !p.isAny("ON", "TO", "FROM") {
				i.words = append(i.words, strings.ToUpper(p.tok.text))
				p.advance()
			}
			if len(i.words) == 0 {
				p.fail()
			}
		}
		if p.takePunct("(") {
			for {
				i.columns = append(i.columns, p.word())
				if !p.takePunct(",") {
					break
				}
			}
			p.wantPunct(")")
		}
		items = append(items, i)
		if !p.takePunct(",") {
			return items
		}
	}
}

// others are privileges of MariaDB that are one of MySQL's.
var others = map[string]Privileges{
	"BINLOG MONITOR": ReplicationClient, "SLAVE MONITOR": ReplicationClient, "REPLICA MONITOR": ReplicationClient,
	"REPLICATION REPLICA": ReplicationSlave, "CREATE TEMPORARY TABLES": CreateTemporaryTables, "GRANT OPTION": GrantOption,
}

// onlyMariaDB are privileges of MariaDB that MySQL does not have.
var onlyMariaDB = []string{"BINLOG ADMIN", "BINLOG REPLAY", "CONNECTION ADMIN", "DELETE HISTORY", "DELETE VERSIONING ROWS", "FEDERATED ADMIN",
	"READ_ONLY ADMIN", "READ ONLY ADMIN", "REPLICATION MASTER ADMIN", "REPLICATION SLAVE ADMIN", "REPLICATION REPLICA ADMIN", "SET USER", "SHOW CREATE ROUTINE"}

// privileges sorts the items into static and dynamic privileges.
func (p *parser) privileges(st *Grant, items []item) {
	for _, i := range items {
		name := strings.Join(i.words, " ")
		one, ok := privilegeByName[name]
		if name == "GRANT" {
			ok = false
		}
		if o, is := others[name]; is {
			one, ok = o, true
		}
		switch {
		case ok && len(i.columns) > 0:
			if one&^allColumn != 0 {
				p.error(mysql.NewSQLError(1221, "HY000", "Incorrect usage of COLUMN GRANT and NON-COLUMN PRIVILEGES"))
				return
			}
			if st.Columns == nil {
				st.Columns = map[string]Privileges{}
			}
			for _, c := range i.columns {
				st.Columns[c] |= one
			}
		case ok:
			st.Static |= one
		case len(items) == 1 && (name == "ALL" || name == "ALL PRIVILEGES"):
			st.All = true
		case name == "USAGE":
		case slices.Contains(onlyMariaDB, name):
			p.refuse(name)
			return
		case len(i.words) == 1 && len(i.columns) == 0:
			st.Dynamic = append(st.Dynamic, name)
		default:
			p.tok = i.at
			p.fail()
			return
		}
	}
}

// level reads what follows ON.
func (p *parser) level() Level {
	l := Level{kind: tableLevel}
	switch {
	case p.peek().text == ".", p.punct("*"):
	case p.take("TABLE"):
	case p.take("PROCEDURE"):
		l.kind = procedureLevel
	case p.take("FUNCTION"):
		l.kind = functionLevel
	case p.isAny("PACKAGE"):
		p.refuse("GRANT ON PACKAGE")
	}
	if p.takePunct("*") {
		if l.kind != tableLevel {
			p.fail()
		}
		if p.takePunct(".") {
			p.wantPunct("*")
			return Level{kind: globalLevel}
		}
		return Level{kind: databaseLevel}
	}
	l.name = p.objectName()
	if p.takePunct(".") {
		l.database = l.name
		if p.takePunct("*") {
			if l.kind != tableLevel {
				p.fail()
			}
			return Level{kind: databaseLevel, database: l.database}
		}
		l.name = p.objectName()
	}
	return l
}

func (p *parser) objectName() string {
	if p.tok.kind != tokWord && p.tok.kind != tokQuoted {
		p.fail()
		return ""
	}
	return p.word()
}

// checkLevel refuses privileges that are none of their level.
func (p *parser) checkLevel(st *Grant) {
	if p.err != nil {
		return
	}
	static := st.Static
	for _, c := range st.Columns {
		static |= c
	}
	illegal := func() {
		p.error(mysql.NewSQLError(1144, "42000", "Illegal GRANT/REVOKE command; please consult the manual to see which privileges can be used"))
	}
	switch st.Level.kind {
	case globalLevel:
		if len(st.Columns) > 0 {
			illegal()
		}
		for _, d := range st.Dynamic {
			if !isDynamic[d] {
				p.error(mysql.NewSQLError(3929, "HY000", "Dynamic privilege '%s' is not registered with the server.", d))
			}
		}
		return
	case databaseLevel:
		if static&^allDatabase != 0 {
			p.error(mysql.NewSQLError(1221, "HY000", "Incorrect usage of DB GRANT and GLOBAL PRIVILEGES"))
		} else if len(st.Columns) > 0 {
			illegal()
		}
	case tableLevel:
		if static&^allTable != 0 {
			illegal()
		}
	default:
		if static&^allRoutine != 0 || len(st.Columns) > 0 {
			illegal()
		}
	}
	if len(st.Dynamic) > 0 {
		p.error(mysql.NewSQLError(3619, "HY000", "Illegal privilege level specified for %s", strings.Join(st.Dynamic, ",")))
	}
}
