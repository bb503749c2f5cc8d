package replstmt

import (
	"strconv"
	"strings"
)

// Access is an access mode of a transaction.
type Access uint8

const (
	AccessDefault Access = iota // none was written
	ReadWrite
	ReadOnly
)

// StartTransaction is START TRANSACTION or BEGIN [WORK].
type StartTransaction struct {
	Access   Access
	Snapshot bool // WITH CONSISTENT SNAPSHOT
}

// Choice is an optional clause that may also be denied: [[NO] RELEASE].
type Choice uint8

const (
	Unsaid Choice = iota // completion_type decides
	Yes
	No
)

// EndTransaction is COMMIT or ROLLBACK.
type EndTransaction struct {
	Rollback bool
	Chain    Choice // AND [NO] CHAIN
	Release  Choice // [NO] RELEASE
}

// SavepointVerb is what a savepoint statement does.
type SavepointVerb uint8

const (
	SavepointSet      SavepointVerb = iota // SAVEPOINT
	SavepointRollback                      // ROLLBACK TO
	SavepointRelease                       // RELEASE SAVEPOINT
)

// Savepoint is SAVEPOINT, ROLLBACK TO [SAVEPOINT] or RELEASE SAVEPOINT.
type Savepoint struct {
	Verb SavepointVerb
	ID   string
}

// TransactionScope says which transactions SET TRANSACTION is about.
type TransactionScope uint8

const (
	NextTransaction     TransactionScope = iota // none was written
	SessionTransactions                         // SESSION or LOCAL
	GlobalTransactions
)

// SetTransaction is SET TRANSACTION.
type SetTransaction struct {
	Scope     TransactionScope
	Isolation string // as transaction_isolation spells it; "" = not named
	Access    Access
}

func (*StartTransaction) Name() string { return "BEGIN" }
func (s *EndTransaction) Name() string {
	if s.Rollback {
		return "ROLLBACK"
	}
	return "COMMIT"
}
func (s *Savepoint) Name() string {
	return [...]string{SavepointSet: "SAVEPOINT", SavepointRollback: "ROLLBACK TO SAVEPOINT", SavepointRelease: "RELEASE SAVEPOINT"}[s.Verb]
}
func (*SetTransaction) Name() string { return "SET TRANSACTION" }

// classifyBegin tells BEGIN [WORK] from a block of statements.
func (l *lexer) classifyBegin() bool {
	t := l.next()
	if l.is(t, "WORK") {
		t = l.next()
	}
	return t.kind == tokEOF || l.punct(t, ';')
}

// classifySet tells SET TRANSACTION from other SETs. SET @@transaction_isolation
// and SET @@transaction_read_only, alone and with a literal, are about the next
// transaction too.
func (l *lexer) classifySet() bool {
	t := l.next()
	if t.kind == tokVar {
		if !l.isNextVariable(t) || !l.punct(l.next(), '=') {
			return false
		}
		if v := l.next(); v.kind != tokWord && v.kind != tokString && v.kind != tokNumber || l.is(v, "DEFAULT") {
			return false
		}
		t = l.next()
		return t.kind == tokEOF || l.punct(t, ';')
	}
	if l.isAny(t, "GLOBAL", "SESSION", "LOCAL") {
		t = l.next()
	}
	return l.is(t, "TRANSACTION")
}

func (l *lexer) isNextVariable(t token) bool {
	name := l.text(t)
	return strings.EqualFold(name, "@@transaction_isolation") || strings.EqualFold(name, "@@transaction_read_only")
}

// begin parses START TRANSACTION and BEGIN.
func (p *parser) begin() Statement {
	s := &StartTransaction{}
	if p.accept("BEGIN") {
		p.accept("WORK")
		return s
	}
	p.expect("START", "TRANSACTION")
	for !p.atEnd() && p.err == nil {
		switch p.expectAny("WITH", "READ") {
		case "WITH":
			p.expect("CONSISTENT", "SNAPSHOT")
			s.Snapshot = true
		case "READ":
			p.access(&s.Access)
		}
		if !p.acceptPunct(',') {
			break
		}
	}
	return s
}

// access reads ONLY or WRITE; both in one statement do not go together.
func (p *parser) access(a *Access) {
	at := p.tok.start
	mode := ReadWrite
	if p.expectAny("ONLY", "WRITE") == "ONLY" {
		mode = ReadOnly
	}
	if *a != AccessDefault {
		p.failAt(at)
	}
	*a = mode
}

// finish parses COMMIT, ROLLBACK and ROLLBACK TO.
func (p *parser) finish() Statement {
	s := &EndTransaction{Rollback: p.expectAny("COMMIT", "ROLLBACK") == "ROLLBACK"}
	p.accept("WORK")
	if s.Rollback && p.accept("TO") {
		return p.savepointID(SavepointRollback)
	}
	if p.accept("AND") {
		s.Chain = Yes
		if p.accept("NO") {
			s.Chain = No
		}
		p.expect("CHAIN")
	}
	at := p.tok.start
	switch {
	case p.accept("NO"):
		p.expect("RELEASE")
		s.Release = No
	case p.accept("RELEASE"):
		s.Release = Yes
		if s.Chain == Yes {
			p.failAt(at)
		}
	}
	return s
}

// savepointID reads [SAVEPOINT] name. A savepoint may be called savepoint.
func (p *parser) savepointID(v SavepointVerb) Statement {
	if p.see("SAVEPOINT") {
		ahead := p.lexer
		if t := ahead.next(); t.kind == tokWord || t.kind == tokQuoted {
			p.advance()
		}
	}
	return &Savepoint{Verb: v, ID: p.name()}
}

func (p *parser) savepoint() Statement {
	p.expect("SAVEPOINT")
	return &Savepoint{ID: p.name()}
}

func (p *parser) release() Statement {
	p.expect("RELEASE", "SAVEPOINT")
	return &Savepoint{Verb: SavepointRelease, ID: p.name()}
}

// setTransaction parses SET [GLOBAL | SESSION] TRANSACTION.
func (p *parser) setTransaction() Statement {
	p.expect("SET")
	s := &SetTransaction{}
	if p.tok.kind == tokVar {
		p.nextVariable(s)
		return s
	}
	switch p.acceptAny("GLOBAL", "SESSION", "LOCAL") {
	case "GLOBAL":
		s.Scope = GlobalTransactions
	case "SESSION", "LOCAL":
		s.Scope = SessionTransactions
	}
	p.expect("TRANSACTION")
	for {
		at := p.tok.start
		if p.expectAny("ISOLATION", "READ") == "READ" {
			p.access(&s.Access)
		} else {
			if s.Isolation != "" {
				p.failAt(at)
			}
			p.expect("LEVEL")
			s.Isolation = p.isolation()
		}
		if !p.acceptPunct(',') {
			return s
		}
	}
}

// nextVariable parses @@transaction_isolation = 'level' and
// @@transaction_read_only = bool.
func (p *parser) nextVariable(s *SetTransaction) {
	name := strings.ToLower(p.text(p.tok)[len("@@"):])
	p.advance()
	p.expectPunct('=')
	value := p.text(p.tok)
	if p.tok.kind == tokString {
		value = unquote(value)
	}
	p.advance()
	at := -1
	if name == "transaction_isolation" {
		at = choice(value, isolationLevels[:])
		if at >= 0 {
			s.Isolation = isolationLevels[at]
		}
	} else if at = choice(value, []string{"OFF", "ON"}); at < 0 {
		at = choice(value, []string{"FALSE", "TRUE"})
	}
	if at < 0 {
		p.refuse(1231, "Variable '%s' can't be set to the value of '%s'", name, value)
	} else if s.Isolation == "" {
		s.Access = [...]Access{ReadWrite, ReadOnly}[at]
	}
}

var isolationLevels = [...]string{"READ-UNCOMMITTED", "READ-COMMITTED", "REPEATABLE-READ", "SERIALIZABLE"}

// choice returns the place of a value that is named or numbered; -1 = none.
func choice(value string, list []string) int {
	for i, c := range list {
		if strings.EqualFold(value, c) || value == strconv.Itoa(i) {
			return i
		}
	}
	return -1
}

func (p *parser) isolation() string {
	switch p.expectAny("READ", "REPEATABLE", "SERIALIZABLE") {
	case "READ":
		return "READ-" + p.expectAny("COMMITTED", "UNCOMMITTED")
	case "REPEATABLE":
		p.expect("READ")
		return "REPEATABLE-READ"
	}
	return "SERIALIZABLE"
}

// Commits says of a statement's text whether it ends the transaction before it.
type Commits uint8

const (
	CommitsNothing  Commits = iota
	CommitsFirst            // commits the open transaction before it runs
	CommitsToChange         // so do statements that change definitions or accounts: not in READ ONLY ones
)

// CommitsImplicitly tells whether a statement commits the open transaction
// although it is no COMMIT. BEGIN, SET autocommit and UNLOCK TABLES, which do so
// at times, count as CommitsNothing. Source: MySQL 8.0 manual, "Statements That
// Cause an Implicit Commit".
func CommitsImplicitly(sql string) Commits {
	l := lexer{sql: sql}
	t := l.next()
	if t.kind != tokWord || t.end-t.start > len("UNINSTALL") {
		return CommitsNothing
	}
	switch {
	case l.isAny(t, "CREATE", "DROP"):
		next := l.next()
		if l.is(next, "OR") { // OR REPLACE
			l.next()
			next = l.next()
		}
		if !l.is(next, "TEMPORARY") {
			return CommitsToChange
		}
	case l.isAny(t, "ALTER", "RENAME", "TRUNCATE", "GRANT", "REVOKE", "INSTALL", "UNINSTALL", "IMPORT", "OPTIMIZE", "REPAIR"):
		return CommitsToChange
	case l.isAny(t, "ANALYZE", "CHECK", "CACHE", "FLUSH", "CHANGE"):
		return CommitsFirst
	case l.isAny(t, "START", "STOP"):
		if l.isAny(l.next(), "SLAVE", "REPLICA", "GROUP_REPLICATION") {
			return CommitsFirst
		}
	case l.is(t, "RESET"):
		if !l.is(l.next(), "PERSIST") {
			return CommitsFirst
		}
	case l.is(t, "LOCK"):
		if l.isAny(l.next(), "TABLE", "TABLES") {
			return CommitsFirst
		}
	case l.is(t, "SET"):
		if l.is(l.next(), "PASSWORD") {
			return CommitsToChange
		}
	case l.is(t, "LOAD"):
		if l.is(l.next(), "INDEX") {
			return CommitsFirst
		}
	}
	return CommitsNothing
}
