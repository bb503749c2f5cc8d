package tables

import (
	"errors"
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/binlog/txn"
	"binrelay/sql/storage"
)

// Session is a go-mysql-server session with transactions and DDL scopes of the
// storage. Like every session it is used by one statement at a time.
//
// A statement begins at ValidateSession, which the engine calls once for each,
// and ends at EndStatement, which the caller of the engine (the wire handler's
// CommandEnd, or a test) must call.
type Session struct {
	*gms.BaseSession
	engine *storage.Engine
	policy Policy

	tx        *Tx  // the open transaction, nil = none
	stmtOpen  bool // tx has an open storage statement
	edits     int  // nesting of editors' StatementBegin
	wrote     bool // the open storage statement wrote rows
	ddl       *ddlScope
	query     string
	read      storage.LockMode    // what this statement's reads lock
	skip      storage.LockPolicy  // NOWAIT, SKIP LOCKED
	targets   map[string]bool     // tables that an UPDATE or DELETE changes: db.table
	rowReader *storage.Tx         // reads rows inside a DDL scope
	locks     *storage.TableLocks // of LOCK TABLES
}

// Policy is what a session asks its server about. Its methods are called by the
// session's goroutine.
type Policy interface {
	// Begin returns the options of a new transaction. explicit: START
	// TRANSACTION, otherwise the statement began it.
	Begin(ctx *gms.Context, s *Session, explicit bool) storage.TxOptions
	// Write is asked before rows are changed or a DDL scope opens: read_only.
	Write(ctx *gms.Context, s *Session) error
	// DDL describes the statement for the binlog.
	DDL(ctx *gms.Context, s *Session) storage.DDLStatement
	// Locking tells what a SELECT's locking clause asks for.
	Locking(query string) (storage.LockMode, storage.LockPolicy)
	// Replicated reports whether a source sent the statement.
	Replicated() bool
	// Committed is told about every successful commit.
	Committed(ctx *gms.Context, s *Session, r Committed)
}

// Tx is an open transaction as go-mysql-server sees it.
type Tx struct {
	tx       *storage.Tx // nil until the first use
	readOnly bool
	explicit bool
	done     bool
}

// rollback ends the transaction without a trace.
func (t *Tx) rollback() {
	if !t.done && t.tx != nil {
		t.tx.Rollback()
	}
	t.done = true
}

// Committed tells where a transaction stands after its commit.
type Committed = txn.Result

// String names the transaction in logs.
func (t *Tx) String() string { return "transaction" }

// IsReadOnly reports whether START TRANSACTION READ ONLY began it.
func (t *Tx) IsReadOnly() bool { return t.readOnly }

// SessionOf is implemented by sessions that contain a Session.
type SessionOf interface{ TableSession() *Session }

// NewSession makes a session over engine.
func NewSession(base *gms.BaseSession, engine *storage.Engine, p Policy) *Session {
	return &Session{BaseSession: base, engine: engine, policy: p}
}

// TableSession implements SessionOf.
func (s *Session) TableSession() *Session { return s }

// Engine returns the storage engine.
func (s *Session) Engine() *storage.Engine { return s.engine }

var (
	_ gms.TransactionSession = (*Session)(nil)
	_ SessionOf              = (*Session)(nil)
)

// sessionOf returns the session that runs ctx.
func sessionOf(ctx *gms.Context) (*Session, error) {
	if s, ok := ctx.Session.(SessionOf); ok {
		return s.TableSession(), nil
	}
	return nil, errors.New("tables: the session is of another kind")
}

// ValidateSession begins a statement.
func (s *Session) ValidateSession(ctx *gms.Context) error {
	if ctx.IsInterpreted() {
		return nil
	}
	return s.BeginStatement(ctx, ctx.Query())
}

// BeginStatement begins a statement with the given text, which goes into the
// binlog if it is a DDL statement.
func (s *Session) BeginStatement(_ *gms.Context, text string) error {
	s.EndStatement()
	s.query = text
	s.read, s.skip = storage.LockNone, storage.Wait
	s.targets = nil
	if s.policy != nil {
		s.read, s.skip = s.policy.Locking(text)
	}
	return nil
}

// EndStatement ends the statement: what a failed one left open is rolled back,
// and so is a transaction that it began by itself.
func (s *Session) EndStatement() {
	s.dropDDL()
	if s.tx == nil {
		return
	}
	if s.edits > 0 {
		// An error here is one of the transaction, which the next statement meets.
		_ = s.rollbackEdit()
	}
	_ = s.closeStatement()
	if !s.tx.explicit && s.autocommit() {
		s.SetTransaction(nil)
	}
}

// Close rolls everything back; the session is not used afterwards.
func (s *Session) Close() {
	s.dropDDL()
	s.SetTransaction(nil)
	s.locks.Release()
}

func (s *Session) autocommit() bool {
	if s.GetIgnoreAutoCommit() {
		return false
	}
	v, err := s.GetSessionVariable(nil, gms.AutoCommitSessionVar)
	if err != nil {
		return true
	}
	on, ok := v.(int8)
	return !ok || on != 0
}

// SetSessionVariable implements gms.Session: switching autocommit on commits
// the transaction that is open without START TRANSACTION.
func (s *Session) SetSessionVariable(ctx *gms.Context, name string, value any) error {
	off := strings.EqualFold(name, gms.AutoCommitSessionVar) && !s.autocommit()
	if err := s.BaseSession.SetSessionVariable(ctx, name, value); err != nil {
		return err
	}
	if off && s.autocommit() && s.tx != nil && !s.tx.explicit {
		return s.commitImplicitly(ctx)
	}
	return nil
}

// InTransaction reports whether a transaction that outlives the statement is open.
func (s *Session) InTransaction() bool {
	return s.tx != nil && !s.tx.done && (s.tx.explicit || !s.autocommit())
}

// StartTransaction implements gms.TransactionSession. The engine calls it before
// every statement that finds no transaction, and START TRANSACTION once more
// for its own: that one is explicit.
func (s *Session) StartTransaction(ctx *gms.Context, c gms.TransactionCharacteristic) (gms.Transaction, error) {
	explicit := s.tx != nil && (startsWith(s.query, "START") || startsWith(s.query, "BEGIN"))
	t := &Tx{explicit: explicit, readOnly: c == gms.ReadOnly}
	s.tx = t
	s.stmtOpen, s.edits, s.wrote = false, 0, false
	if explicit {
		s.locks.Release()
		s.open(ctx)
	}
	return t, nil
}

// open begins the storage transaction of s.tx, unless it has begun.
func (s *Session) open(ctx *gms.Context) {
	if s.tx.tx != nil {
		return
	}
	var o storage.TxOptions
	if s.policy != nil {
		o = s.policy.Begin(ctx, s, s.tx.explicit)
	}
	o.ReadOnly = o.ReadOnly || s.tx.readOnly
	o.Locks = s.locks
	s.tx.tx = s.engine.Begin(o)
}

// SetTransaction implements gms.Session: a transaction that is replaced without
// having been committed is rolled back.
func (s *Session) SetTransaction(tx gms.Transaction) {
	if t, ok := tx.(*Tx); ok && t == s.tx {
		s.BaseSession.SetTransaction(tx)
		return
	}
	if s.tx != nil {
		s.tx.rollback()
	}
	s.stmtOpen, s.edits = false, 0
	s.tx, _ = tx.(*Tx)
	s.BaseSession.SetTransaction(tx)
}

// CommitTransaction implements gms.TransactionSession. A DDL scope that the
// statement opened is committed instead; the transaction before it has been
// committed when the scope began.
func (s *Session) CommitTransaction(ctx *gms.Context, tx gms.Transaction) error {
	if s.ddl != nil {
		return s.commitDDL(ctx)
	}
	t, ok := tx.(*Tx)
	if !ok || t == nil || t.done {
		return nil
	}
	if err := s.closeStatement(); err != nil {
		return err
	}
	t.done = true
	if t.tx == nil {
		return nil
	}
	changed := t.tx.Changed()
	r, err := t.tx.Commit(ctx)
	if s.tx == t {
		s.stmtOpen, s.edits = false, 0
	}
	if err != nil {
		t.tx.Rollback()
		s.forget()
		return err
	}
	if changed && s.policy != nil {
		s.policy.Committed(ctx, s, r)
	}
	return nil
}

// Rollback implements gms.TransactionSession.
func (s *Session) Rollback(_ *gms.Context, tx gms.Transaction) error {
	if t, ok := tx.(*Tx); ok && t != nil {
		t.rollback()
	}
	s.stmtOpen, s.edits = false, 0
	return nil
}

// CreateSavepoint implements gms.TransactionSession.
func (s *Session) CreateSavepoint(ctx *gms.Context, _ gms.Transaction, name string) error {
	tx, err := s.Tx(ctx)
	if err != nil {
		return err
	}
	if err := s.closeStatement(); err != nil {
		return err
	}
	tx.Savepoint(strings.ToLower(name))
	return nil
}

// RollbackToSavepoint implements gms.TransactionSession.
func (s *Session) RollbackToSavepoint(ctx *gms.Context, _ gms.Transaction, name string) error {
	return s.savepoint(ctx, name, (*storage.Tx).RollbackTo)
}

// ReleaseSavepoint implements gms.TransactionSession.
func (s *Session) ReleaseSavepoint(ctx *gms.Context, _ gms.Transaction, name string) error {
	return s.savepoint(ctx, name, (*storage.Tx).Release)
}

func (s *Session) savepoint(ctx *gms.Context, name string, do func(*storage.Tx, string) error) error {
	tx, err := s.Tx(ctx)
	if err != nil {
		return err
	}
	if err := s.closeStatement(); err != nil {
		return err
	}
	if err := do(tx, strings.ToLower(name)); err != nil {
		if errors.Is(err, storage.ErrNoSavepoint) {
			return sqlErrorf(1305, "42000", "SAVEPOINT %s does not exist", name)
		}
		return err
	}
	return nil
}

// Tx returns the storage transaction with its statement open, beginning one if
// there is none.
func (s *Session) Tx(ctx *gms.Context) (*storage.Tx, error) {
	if s.tx == nil || s.tx.done {
		tx, err := s.StartTransaction(ctx, gms.ReadWrite)
		if err != nil {
			return nil, err
		}
		s.BaseSession.SetTransaction(tx)
	}
	s.open(ctx)
	if !s.stmtOpen {
		s.tx.tx.BeginStatement()
		s.stmtOpen, s.wrote = true, false
	}
	return s.tx.tx, nil
}

func (s *Session) closeStatement() error {
	if s.tx == nil || s.tx.done || !s.stmtOpen {
		return nil
	}
	s.stmtOpen, s.wrote = false, false
	return s.tx.tx.EndStatement()
}

// beginEdit is an editor's StatementBegin. Editors nest: ON DUPLICATE KEY
// UPDATE has two, triggers have their own inside.
func (s *Session) beginEdit(ctx *gms.Context) error {
	if _, err := s.Tx(ctx); err != nil {
		return err
	}
	if s.edits == 0 && s.wrote {
		// INSERT IGNORE begins and ends for every row.
		if err := s.closeStatement(); err != nil {
			return err
		}
		if _, err := s.Tx(ctx); err != nil {
			return err
		}
	}
	s.edits++
	return nil
}

// endEdit is an editor's StatementComplete.
func (s *Session) endEdit() {
	if s.edits > 0 {
		s.edits--
	}
}

// discardEdit is an editor's DiscardChanges: the statement's rows go.
func (s *Session) discardEdit() error {
	if s.tx == nil || s.tx.done || s.edits == 0 {
		return nil
	}
	return s.rollbackEdit()
}

func (s *Session) rollbackEdit() error {
	s.edits = 0
	if s.tx == nil || s.tx.done || !s.stmtOpen {
		return nil
	}
	s.stmtOpen, s.wrote = false, false
	return s.tx.tx.RollbackStatement()
}

// fail inspects an error of the storage: after a deadlock the transaction is
// gone, and the session forgets it.
func (s *Session) fail(err error) error {
	if errors.Is(err, storage.ErrDeadlock) || errors.Is(err, storage.ErrTxDone) {
		s.forget()
	}
	return err
}

func (s *Session) forget() {
	if s.tx != nil {
		s.tx.done = true
	}
	s.stmtOpen, s.edits = false, 0
	s.SetTransaction(nil)
	s.SetIgnoreAutoCommit(false)
}

// LockTargets says that the statement changes the tables, as db.table: its
// scans of them lock rows exclusively.
func (s *Session) LockTargets(names ...string) {
	if s.targets == nil {
		s.targets = make(map[string]bool, len(names))
	}
	for _, n := range names {
		s.targets[n] = true
	}
}

// readLock is what this statement's scan of a table locks.
func (s *Session) readLock(t *Table) storage.LockMode {
	if s.ddl != nil {
		return storage.LockNone
	}
	if len(s.targets) > 0 && s.targets[t.db.name+"."+t.name] {
		return storage.LockExclusive
	}
	return s.read
}

// Zone returns the session's time zone, in which TIMESTAMP values are shown.
func (s *Session) Zone(ctx *gms.Context) *time.Location {
	v, err := s.GetSessionVariable(ctx, "time_zone")
	if err != nil {
		return time.UTC
	}
	name, _ := v.(string)
	return zoneOf(name)
}

// SetQuery replaces the text of the running statement.
func (s *Session) SetQuery(text string) { s.query = text }

// Query returns the text of the running statement.
func (s *Session) Query() string { return s.query }

// startsWith reports whether a statement's first word is word.
func startsWith(query, word string) bool {
	q := strings.TrimLeft(query, " \t\r\n(")
	for strings.HasPrefix(q, "/*") {
		end := strings.Index(q, "*/")
		if end < 0 || strings.HasPrefix(q, "/*!") {
			break
		}
		q = strings.TrimLeft(q[end+2:], " \t\r\n(")
	}
	if len(q) < len(word) || !strings.EqualFold(q[:len(word)], word) {
		return false
	}
	return len(q) == len(word) || !isWord(q[len(word)])
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
