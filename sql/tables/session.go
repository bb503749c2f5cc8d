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
	taken     taken
	edits     int          // nesting of editors' StatementBegin
	step      storage.Step // began with the outermost of them
	within    int          // nesting of statements inside of the statement
	ddl       *ddlScope
	query     string
	read      Locking             // of this statement's reads
	targets   map[string]bool     // tables that an UPDATE or DELETE changes: db.table
	rowReader *storage.Tx         // reads rows inside a DDL scope
	locks     *storage.TableLocks // of LOCK TABLES
	inserts   insertIDs
	replaced  int                   // rows that a REPLACE took away and put in
	temps     *storage.Temporary    // temporary tables; nil = none
	scans     map[*rowIter]struct{} // that are open

	insertID     uint64 // what the next AUTO_INCREMENT value must be; 0 = the table's counter
	insertIDUsed bool
	insertIDBack uint64 // the value that the row at hand has taken; 0 = none
}

// Policy is what a session asks its server about. Its methods are called by the
// session's goroutine.
type Policy interface {
	// Begin returns the options of a new transaction. c is what START
	// TRANSACTION says; nil: the statement began it.
	Begin(ctx *gms.Context, s *Session, c *Characteristics) storage.TxOptions
	// Write is asked before rows are changed or a DDL scope opens: read_only.
	Write(ctx *gms.Context, s *Session) error
	// DDL describes the statement for the binlog.
	DDL(ctx *gms.Context, s *Session) storage.DDLStatement
	// Locking tells what a statement's locking clauses ask for.
	Locking(query string) (Locking, error)
	// Replicated reports whether a source sent the statement.
	Replicated() bool
	// Committed is told about every successful commit.
	Committed(ctx *gms.Context, s *Session, r Committed)
}

// taken is an AUTO_INCREMENT value that no row has yet; table is nil if there is
// none.
type taken struct {
	table *storage.Table
	value uint64
}

// Locking is what a statement's plain reads lock, and how they wait.
type Locking struct {
	Mode   storage.LockMode
	Policy storage.LockPolicy
	Tables map[string]bool // that it is about, as db.table; nil = all
}

// Characteristics are those of a transaction begun by START TRANSACTION, BEGIN
// or AND CHAIN. Unset, the session's variables decide.
type Characteristics struct {
	Access    *bool              // READ ONLY or not
	Isolation *storage.Isolation // of the transaction before, for AND CHAIN
	Snapshot  bool               // WITH CONSISTENT SNAPSHOT
}

// Tx is an open transaction as go-mysql-server sees it.
type Tx struct {
	tx       *storage.Tx // nil until the first use
	o        storage.TxOptions
	explicit bool
	done     bool
	scope    *ddlScope // of the table that it makes; nil = none
}

// rollback ends the transaction without a trace.
func (t *Tx) rollback() {
	if !t.done && t.tx != nil {
		t.tx.Rollback()
		t.scope.abandoned()
	}
	t.done = true
}

// Committed tells where a transaction stands after its commit.
type Committed = txn.Result

// String names the transaction in logs.
func (t *Tx) String() string { return "transaction" }

// IsReadOnly reports whether it is a READ ONLY transaction.
func (t *Tx) IsReadOnly() bool { return t.o.ReadOnly }

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
	s.BeginPlain(text)
	if s.policy != nil {
		var err error
		s.read, err = s.policy.Locking(text)
		return err
	}
	return nil
}

// SetLocking changes what the running statement's plain reads lock.
func (s *Session) SetLocking(l Locking) { s.read = l }

// opened notes that a scan is open: go-mysql-server leaves those of a query that
// fails while it gives rows as they are.
func (s *Session) opened(r *rowIter) {
	if s.scans == nil {
		s.scans = make(map[*rowIter]struct{})
	}
	s.scans[r] = struct{}{}
}

// closeScans closes what a statement left open.
func (s *Session) closeScans() {
	for r := range s.scans {
		_ = r.Close(nil) // its rows are not wanted
	}
}

// EndStatement ends the statement: what a failed one left open is rolled back,
// and so is a transaction that it began by itself.
func (s *Session) EndStatement() {
	s.closeScans()
	s.within = 0
	if s.insertIDUsed {
		s.insertID, s.insertIDUsed, s.insertIDBack = 0, false, 0
	}
	s.dropDDL()
	s.giveBack()
	if s.tx == nil {
		return
	}
	if s.edits > 0 {
		// An error here is one of the transaction, which the next statement meets.
		_ = s.rollbackEdit()
	}
	_ = s.closeStatement()
	if !s.tx.explicit && s.autocommit() {
		s.replace(nil)
	}
}

// Close rolls everything back; the session is not used afterwards.
func (s *Session) Close() {
	s.dropDDL()
	s.replace(nil)
	s.locks.Release()
	s.dropTemporaries()
}

func (s *Session) autocommit() bool {
	v, err := s.GetSessionVariable(nil, gms.AutoCommitSessionVar)
	if err != nil {
		return true
	}
	on, ok := v.(int8)
	return !ok || on != 0
}

// SetSessionVariable implements gms.Session: switching autocommit on commits
// the open transaction.
func (s *Session) SetSessionVariable(ctx *gms.Context, name string, value any) error {
	off := strings.EqualFold(name, gms.AutoCommitSessionVar) && !s.autocommit()
	if err := s.BaseSession.SetSessionVariable(ctx, name, value); err != nil {
		return err
	}
	if off && s.autocommit() {
		return s.commitImplicitly(ctx)
	}
	return nil
}

// InTransaction reports whether a transaction that outlives the statement is
// open: one begun explicitly or, with autocommit off, by the use of a table.
func (s *Session) InTransaction() bool {
	return s.tx != nil && !s.tx.done && (s.tx.explicit || s.tx.tx != nil && !s.autocommit())
}

// StartTransaction implements gms.TransactionSession. The engine calls it before
// every statement that finds no transaction.
func (s *Session) StartTransaction(*gms.Context, gms.TransactionCharacteristic) (gms.Transaction, error) {
	t := &Tx{}
	s.tx = t
	s.stmtOpen, s.edits = false, 0
	return t, nil
}

// BeginTransaction is START TRANSACTION: it commits the open transaction, gives
// the locks of LOCK TABLES back and begins a transaction that lasts until
// EndTransaction.
func (s *Session) BeginTransaction(ctx *gms.Context, c Characteristics) error {
	if err := s.EndTransaction(ctx, true); err != nil {
		return err
	}
	s.locks.Release()
	s.begin(ctx, c)
	return nil
}

// begin begins an explicit transaction.
func (s *Session) begin(ctx *gms.Context, c Characteristics) {
	s.replace(&Tx{explicit: true})
	s.SetIgnoreAutoCommit(true)
	s.stmtOpen, s.edits = false, 0
	s.open(ctx, &c)
}

// EndTransaction commits or rolls back the open transaction, if there is one.
func (s *Session) EndTransaction(ctx *gms.Context, commit bool) error {
	var err error
	if commit {
		err = s.commit(ctx)
	}
	s.replace(nil)
	s.SetIgnoreAutoCommit(false)
	return err
}

// Chain is EndTransaction and the begin of a transaction with the isolation
// level and access mode of the one that ends: AND CHAIN.
func (s *Session) Chain(ctx *gms.Context, commit bool) error {
	var c Characteristics
	if s.InTransaction() {
		o := s.tx.o
		c.Access, c.Isolation = &o.ReadOnly, &o.Isolation
	}
	if err := s.EndTransaction(ctx, commit); err != nil {
		return err
	}
	s.begin(ctx, c)
	return nil
}

// open begins the storage transaction of s.tx, unless it has begun.
func (s *Session) open(ctx *gms.Context, c *Characteristics) {
	if s.tx.tx != nil {
		return
	}
	if s.policy != nil {
		s.tx.o = s.policy.Begin(ctx, s, c)
	}
	s.tx.o.Locks, s.tx.o.Temporary = s.locks, s.temps
	s.tx.tx = s.engine.Begin(s.tx.o)
}

// SetWaits changes how long the open transaction waits for locks.
func (s *Session) SetWaits(row, meta time.Duration) {
	if s.tx != nil && s.tx.tx != nil {
		s.tx.tx.SetWaits(row, meta)
	}
}

// SetTransaction implements gms.Session: a transaction that is replaced without
// having been committed is rolled back. One that outlives the statement stays:
// only EndTransaction ends it.
func (s *Session) SetTransaction(tx gms.Transaction) {
	t, _ := tx.(*Tx)
	if t != s.tx && (s.InTransaction() || s.within > 0) {
		return
	}
	s.replace(t)
}

// replace makes t the session's transaction; nil = none.
func (s *Session) replace(t *Tx) {
	if t == s.tx && t != nil {
		s.BaseSession.SetTransaction(t)
		return
	}
	if s.tx != nil {
		s.tx.rollback()
	}
	s.stmtOpen, s.edits = false, 0
	s.tx = t
	if t == nil {
		s.BaseSession.SetTransaction(nil)
	} else {
		s.BaseSession.SetTransaction(t)
	}
}

// CommitTransaction implements gms.TransactionSession. The engine calls it at
// the end of statements that it takes for their own transaction. A DDL scope
// that the statement opened is committed instead; the transaction before it has
// been committed when the scope began.
func (s *Session) CommitTransaction(ctx *gms.Context, _ gms.Transaction) error {
	if s.ddl != nil {
		return s.commitDDL(ctx)
	}
	if s.InTransaction() {
		return nil
	}
	return s.commit(ctx)
}

// commit commits the session's transaction, if there is one.
func (s *Session) commit(ctx *gms.Context) error {
	t := s.tx
	if t == nil || t.done {
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
	s.stmtOpen, s.edits = false, 0
	if err != nil {
		t.tx.Rollback()
		t.scope.abandoned()
		s.forget()
		return err
	}
	t.scope.committed()
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

func (s *Session) savepoint(_ *gms.Context, name string, do func(*storage.Tx, string) error) error {
	err := storage.ErrNoSavepoint
	if s.tx != nil && !s.tx.done && s.tx.tx != nil {
		if err := s.closeStatement(); err != nil {
			return err
		}
		err = do(s.tx.tx, strings.ToLower(name))
	}
	if errors.Is(err, storage.ErrNoSavepoint) {
		return sqlErrorf(1305, "42000", "SAVEPOINT %s does not exist", name)
	}
	return err
}

// Savepoint is the statement SAVEPOINT. Outside of a transaction it does
// nothing.
func (s *Session) Savepoint(ctx *gms.Context, name string) error {
	if !s.autocommit() || s.InTransaction() {
		return s.CreateSavepoint(ctx, nil, name)
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
	s.open(ctx, nil)
	if !s.stmtOpen {
		s.tx.tx.BeginStatement()
		s.tx.tx.SetForeignKeyChecks(s.checksKeys(ctx))
		if ctx != nil {
			s.tx.tx.SetStatementTime(ctx.QueryTime())
		}
		s.stmtOpen = true
	}
	return s.tx.tx, nil
}

func (s *Session) closeStatement() error {
	if s.tx == nil || s.tx.done || !s.stmtOpen {
		return nil
	}
	s.stmtOpen = false
	return s.tx.tx.EndStatement()
}

// beginEdit is an editor's StatementBegin. Editors nest: ON DUPLICATE KEY
// UPDATE has two, triggers have their own inside.
func (s *Session) beginEdit(ctx *gms.Context) error {
	if _, err := s.Tx(ctx); err != nil {
		return err
	}
	if s.edits == 0 {
		// INSERT IGNORE begins and ends for every row.
		s.step = s.tx.tx.BeginStep()
	}
	s.edits++
	return nil
}

// Replay runs fn, which applies rows events of another server in the session's
// transaction. What a failure leaves of the statement is taken back.
func (s *Session) Replay(ctx *gms.Context, fn func(tx *storage.Tx) error) error {
	if s.policy != nil {
		if err := s.policy.Write(ctx, s); err != nil {
			return err
		}
	}
	tx, err := s.Tx(ctx)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		_ = s.rollbackEdit() // its error is one of the transaction, which the next statement meets
		return s.fail(err)
	}
	return nil
}

// endEdit is an editor's StatementComplete.
func (s *Session) endEdit() {
	if s.edits > 0 {
		s.edits--
	}
}

// discardEdit is an editor's DiscardChanges: the statement's rows go, or after
// an error that it ignores those since beginEdit.
func (s *Session) discardEdit(cause error) error {
	if s.tx == nil || s.tx.done || s.edits == 0 {
		return nil
	}
	if _, ignored := cause.(gms.IgnorableError); !ignored && s.within > 0 {
		s.giveBack()
		return nil // Within takes the rows back
	} else if !ignored {
		return s.rollbackEdit()
	}
	s.giveBack()
	s.edits = 0
	return s.tx.tx.RollbackStep(s.step)
}

// giveBack returns an AUTO_INCREMENT value that came to no row: the row was
// refused before it reached the storage, where InnoDB would not have taken one.
func (s *Session) giveBack() {
	if s.taken.table != nil {
		s.taken.table.GiveBackAutoIncrement(s.taken.value)
		s.taken.table = nil
	}
}

func (s *Session) rollbackEdit() error {
	s.giveBack()
	s.edits = 0
	if s.tx == nil || s.tx.done || !s.stmtOpen {
		return nil
	}
	s.stmtOpen = false
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
	s.replace(nil)
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
	if s.read.Tables != nil && !s.read.Tables[t.db.name+"."+t.name] {
		return storage.LockNone
	}
	return s.read.Mode
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

// SetInsertID gives the next statement that generates AUTO_INCREMENT values its
// first one (SET INSERT_ID). 0 takes that back.
func (s *Session) SetInsertID(v uint64) { s.insertID, s.insertIDUsed = v, false }

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
