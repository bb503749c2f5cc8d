package storage

import (
	"context"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"binrelay/binlog/event"
	"binrelay/binlog/rowimage"
	"binrelay/binlog/txn"
	"binrelay/sql/storage/lock"
)

// Isolation is a transaction's isolation level.
type Isolation uint8

const (
	// RepeatableRead keeps one read view from the first consistent read to the
	// end: snapshot isolation, the first committer wins. The default.
	RepeatableRead Isolation = iota
	// ReadCommitted makes a read view for each statement.
	ReadCommitted
	// Serializable makes every read a locking read: of one key by a shared lock
	// of the key, whether there is a row or not, of more by a lock of the table
	// that keeps all writers out. There is no read view.
	Serializable
)

// LockMode says what a read locks.
type LockMode uint8

const (
	LockNone      LockMode = iota // consistent read from the view
	LockShared                    // FOR SHARE
	LockExclusive                 // FOR UPDATE, and the reads of UPDATE and DELETE
)

// LockPolicy says what a locking read does about a row that another
// transaction has locked.
type LockPolicy uint8

const (
	Wait       LockPolicy = iota // up to TxOptions.LockWait
	NoWait                       // ErrLockNoWait
	SkipLocked                   // leave the row out
)

// MetaLock is the kind of lock a transaction takes on a table's definition. It
// is held until the transaction's end.
type MetaLock uint8

const (
	MetaRead      MetaLock = iota // the table will be read
	MetaWrite                     // its rows will be changed
	MetaExclusive                 // nobody else may use it
)

// TxOptions are set for a transaction's whole life. The zero value is a
// logged, writable REPEATABLE READ transaction.
type TxOptions struct {
	Isolation  Isolation
	ReadOnly   bool
	NoBinlog   bool          // sql_log_bin = 0: durable, but does not travel
	Snapshot   bool          // START TRANSACTION WITH CONSISTENT SNAPSHOT
	Autocommit bool          // one statement: the view is the statement's
	LockWait   time.Duration // innodb_lock_wait_timeout; 0 = 50 s
	NoBlock    LockPolicy    // of locking Gets
	MetaWait   time.Duration // lock_wait_timeout; 0 = one year
	ThreadID   uint32        // connection id, for the BEGIN event
	// Begin returns the default database and the status variables of the BEGIN
	// event. It is called once, at the first logged row. nil = none.
	Begin func() (db string, status event.QueryStatus)
	Locks *TableLocks // of the session: LOCK TABLES; nil = none
	// Temporary are the session's temporary tables; nil = none.
	Temporary *Temporary
	// Origin makes it a source's transaction whose statements run here: the
	// coordinate and the GTID become durable with it, and its events keep the
	// server id. nil = our own.
	Origin *txn.Origin
	// NoForeignKeys is foreign_key_checks = 0, see SetForeignKeyChecks.
	NoForeignKeys bool
}

// ScanOptions say how a scan goes.
type ScanOptions struct {
	Lock    LockMode
	Policy  LockPolicy
	Reverse bool
	Own     bool // meet rows of the running statement too: foreign keys, triggers
}

// Range is a range of keys made by Table.EncodeKey for the scanned index: Low
// is in, High is out, nil means no bound. keycodec.PrefixEnd turns a prefix
// into the bound behind it. Point says that Low is a whole key of a unique
// index, without NULL, and High the bound behind it: a locking scan then locks
// the key, also when there is no row.
type Range struct {
	Low, High []byte
	Point     bool
}

// Tx is a transaction. It is used by one goroutine at a time. After an error
// that is ErrDeadlock (so also ErrConflict) it is already rolled back.
type Tx struct {
	ts    *tables
	o     TxOptions
	owner *lock.Owner
	meta  map[metaName]lock.Mode // metadata locks held

	view     *view // of the transaction (RepeatableRead)
	stmtView *view // of the statement (ReadCommitted, Autocommit)

	ov      *overlay // &written
	written overlay
	stmt    uint32 // number of the last statement, or step of one
	first   uint32 // of the last statement's steps
	inner   uint32 // number of the statement inside of it that runs; 0 = none
	inStmt  bool
	stmtAt  logMarks // where the statement's events begin
	saves   []savepoint
	bin     *rowLog // nil until used
	private *rowLog // nil until used

	logTable *Table  // written last
	tableLog *rowLog // where its rows go
	when     uint32  // header time of events

	target   *Table              // written last: its definition is locked
	keyed    *Table              // whose foreign keys are in keys
	keys     *relations          // nil = none
	cascades bool                // foreign keys have changed rows in this statement
	changed  map[*Table]struct{} // tables with rows written, for their counters
	undone   bool                // some of those rows are in no log: a savepoint was rolled back to
	rows     uint64              // written, for the choice of a deadlock's victim
	lastKey  []byte              // row of a table without primary key that a scan gave last
	keyBuf   []byte
	cells    [2][]rowimage.Cell // of the rows at hand
	puts     []put              // room for the change at hand
	source   *sourceRows        // of rows events, see ApplyEvent; nil until used
	logErr   error              // the event cache failed: the transaction cannot commit
	logErrAt uint32             // the statement that it failed in
	unlogged bool               // rows of temporary tables were written
	creates  *creation          // the table that it makes; nil = none
	done     bool
}

type savepoint struct {
	name string
	stmt uint32
	at   logMarks
}

// logMarks are places in both event caches.
type logMarks struct{ bin, private mark }

// Begin starts a transaction. It is cheap and takes no snapshot, unless
// o.Snapshot is set.
func (e *Engine) Begin(o TxOptions) *Tx {
	if o.LockWait <= 0 {
		o.LockWait = 50 * time.Second
	}
	if o.MetaWait <= 0 {
		o.MetaWait = 365 * 24 * time.Hour
	}
	tx := &Tx{ts: e.tables, o: o, owner: e.tables.locks.NewOwner(uint64(o.ThreadID))}
	tx.ov = &tx.written
	tx.ov.init()
	tx.when = uint32(e.tables.now().Unix())
	if o.Snapshot && o.Isolation == RepeatableRead {
		// A failure shows again, and is reported, at the first read.
		tx.view, _ = tx.ts.openView()
	}
	return tx
}

// SetWaits changes how long the transaction waits for rows and for metadata
// locks; 0 leaves the value.
func (tx *Tx) SetWaits(row, meta time.Duration) {
	if row > 0 {
		tx.o.LockWait = row
	}
	if meta > 0 {
		tx.o.MetaWait = meta
	}
}

// usable fails when the transaction has ended.
func (tx *Tx) usable() error {
	if tx.done {
		return ErrTxDone
	}
	return nil
}

// lockOf returns what a read locks that asked for l.
func (tx *Tx) lockOf(l LockMode) LockMode {
	if l == LockNone && tx.o.Isolation == Serializable {
		return LockShared
	}
	return l
}

// writable fails when the transaction must not write, locks the definition
// against DDL, and opens a statement if there is none.
func (tx *Tx) writable(ctx context.Context, t *Table) error {
	if err := tx.usable(); err != nil {
		return err
	}
	if tx.o.ReadOnly && !t.Temporary() {
		return ErrReadOnly
	}
	if tx.view != nil && t.since.Load() > uint64(tx.view.csn) {
		return ErrTableChanged
	}
	if tx.ov.err != nil {
		return tx.ov.err
	}
	if tx.tooLarge() {
		return ErrTooLarge
	}
	if tx.target != t {
		now, err := tx.LockTable(ctx, t.schema.Database, t.schema.Name, MetaWrite)
		if err != nil {
			return err
		}
		if now != t {
			return ErrTableChanged
		}
		if !t.Temporary() {
			if err := tx.lockRows(ctx, t, lock.IX, lock.Wait{Timeout: tx.o.LockWait}); err != nil {
				return err
			}
		}
		tx.target = t
	}
	if !tx.inStmt {
		tx.BeginStatement()
	}
	return nil
}

// tooLarge reports whether one of the logs holds more than a commit may.
func (tx *Tx) tooLarge() bool {
	limit := tx.ts.maxBytes()
	return tx.bin != nil && tx.bin.cache.size() > limit || tx.private != nil && tx.private.cache.size() > limit
}

// BeginStatement opens a statement: what it writes can be rolled back alone,
// and its scans do not meet its own rows.
func (tx *Tx) BeginStatement() {
	if tx.done {
		return
	}
	_ = tx.EndStatement() // an I/O error of the cache shows again at Commit
	tx.stmt++
	tx.first, tx.ov.begun = tx.stmt, tx.stmt
	tx.inStmt = true
	tx.cascades = false
	tx.stmtAt = tx.marks()
	tx.when = uint32(tx.ts.now().Unix())
}

// SetStatementTime sets the header time of the events that follow (SET
// TIMESTAMP). Without it the time is that of BeginStatement.
func (tx *Tx) SetStatementTime(t time.Time) { tx.when = uint32(t.Unix()) }

// header is that of the transaction's next event. A server id of 0 becomes our
// own.
func (tx *Tx) header() event.Header {
	h := event.Header{Timestamp: tx.when}
	if o := tx.o.Origin; o != nil {
		h.ServerID = o.ServerID
	}
	return h
}

// EndStatement closes the statement successfully.
func (tx *Tx) EndStatement() error {
	tx.closeStatementView()
	if tx.done || !tx.inStmt {
		return nil
	}
	tx.inStmt = false
	tx.inner = 0
	for _, l := range []*rowLog{tx.bin, tx.private} {
		if l == nil {
			continue
		}
		if err := l.endStatement(); err != nil {
			tx.logErr = err
			return err
		}
	}
	return nil
}

// Step is a place inside a statement to which it can be rolled back: that of
// the row which an INSERT IGNORE is about to write.
type Step struct {
	stmt         uint32
	bin, private logStep
}

// BeginStep begins another step of the open statement.
func (tx *Tx) BeginStep() Step {
	tx.stmt++
	return Step{tx.stmt, tx.bin.step(), tx.private.step()}
}

// RollbackStep undoes what the statement has written since s began; its other
// rows and all locks stay.
func (tx *Tx) RollbackStep(s Step) error {
	if tx.done || !tx.inStmt {
		return nil
	}
	tx.ov.rollback(s.stmt - 1)
	err := errors.Join(tx.bin.undo(s.bin), tx.private.undo(s.private))
	switch {
	case err != nil:
		tx.logErr, tx.logErrAt = err, tx.first
	case tx.logErrAt >= s.stmt:
		tx.logErr = nil // what failed is cut off
	}
	return err
}

// RollbackStatement undoes what the statement wrote. Its locks stay.
func (tx *Tx) RollbackStatement() error {
	tx.closeStatementView()
	if tx.done || !tx.inStmt {
		return nil
	}
	tx.inStmt = false
	tx.ov.rollback(tx.first - 1)
	tx.cut(tx.stmtAt)
	if tx.logErrAt >= tx.first {
		tx.logErr = nil // what failed is cut off
	}
	tx.inner = 0
	return nil
}

func (tx *Tx) closeStatementView() {
	tx.ts.closeView(tx.stmtView)
	tx.stmtView = nil
}

func (tx *Tx) marks() (m logMarks) {
	if tx.bin != nil {
		m.bin = tx.bin.cache.mark()
	}
	if tx.private != nil {
		m.private = tx.private.cache.mark()
	}
	return m
}

func (tx *Tx) cut(m logMarks) {
	if tx.bin != nil {
		tx.bin.truncate(m.bin)
	}
	if tx.private != nil {
		tx.private.truncate(m.private)
	}
}

// Savepoint sets a savepoint; one of the same name is replaced.
func (tx *Tx) Savepoint(name string) {
	if tx.done {
		return
	}
	_ = tx.EndStatement() // shows again at Commit
	for i := range tx.saves {
		if tx.saves[i].name == name {
			tx.saves = append(tx.saves[:i], tx.saves[i+1:]...)
			break
		}
	}
	tx.saves = append(tx.saves, savepoint{name, tx.stmt, tx.marks()})
	tx.ov.keep = tx.stmt
}

func (tx *Tx) findSavepoint(name string) (int, error) {
	if tx.done {
		return 0, ErrTxDone
	}
	for i := range tx.saves {
		if tx.saves[i].name == name {
			return i, nil
		}
	}
	return 0, ErrNoSavepoint
}

// RollbackTo undoes everything after the savepoint, which stays. Locks stay.
func (tx *Tx) RollbackTo(name string) error {
	i, err := tx.findSavepoint(name)
	if err != nil {
		return err
	}
	tx.closeStatementView()
	tx.inStmt = false
	tx.inner = 0
	tx.ov.rollback(tx.saves[i].stmt)
	tx.cut(tx.saves[i].at)
	tx.undone = len(tx.changed) > 0
	tx.saves = tx.saves[:i+1]
	tx.ov.keep = tx.saves[i].stmt
	return nil
}

// Release forgets a savepoint and those set after it.
func (tx *Tx) Release(name string) error {
	i, err := tx.findSavepoint(name)
	if err != nil {
		return err
	}
	tx.saves = tx.saves[:i]
	tx.ov.keep = 0
	if i > 0 {
		tx.ov.keep = tx.saves[i-1].stmt
	}
	return nil
}

// limit returns the statement number up to which a scan sees own rows.
func (tx *Tx) limit(own bool) uint32 {
	if own || !tx.inStmt {
		return all
	}
	return tx.since()
}

// reader returns what a read of t looks at: the view, which is made if need be,
// or for locking reads of a transaction without view the newest rows.
func (tx *Tx) reader(t *Table, l LockMode) (pebble.Reader, error) {
	v := tx.view
	if v == nil {
		if l != LockNone {
			return tx.ts.e.db, nil
		}
		own := &tx.view
		if tx.o.Isolation == ReadCommitted || tx.o.Autocommit {
			own = &tx.stmtView
		}
		if *own == nil {
			var err error
			if *own, err = tx.ts.openView(); err != nil {
				return nil, err
			}
		}
		v = *own
	}
	if t.since.Load() > uint64(v.csn) {
		return nil, ErrTableChanged
	}
	return v.snap, nil
}

// read returns a copy of the value under key: the overlay's as statement limit
// sees it, else the store's. nil: there is none.
func (tx *Tx) read(from pebble.Reader, key []byte, limit uint32) ([]byte, error) {
	if v := tx.ov.get(key, limit); v != nil {
		if v.del {
			return nil, nil
		}
		return v.value, nil
	}
	if tx.ov.err != nil {
		return nil, tx.ov.err
	}
	return fetch(from, key)
}

// fetch reads a key; nil: it is not there.
func fetch(from pebble.Reader, key []byte) ([]byte, error) {
	v, closer, err := from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, len(v)), v...)
	return out, closer.Close()
}

// Get reads a row by its primary key (EncodeKey with index -1). A locking read
// locks the key also when there is no row. The image stays valid.
func (tx *Tx) Get(ctx context.Context, t *Table, key []byte, l LockMode) (image []byte, ok bool, err error) {
	return tx.get(ctx, t, key, l, false)
}

// GetOnly is Get, without a lock, for a statement that reads nothing else: one
// that would have a view of its own needs none.
func (tx *Tx) GetOnly(ctx context.Context, t *Table, key []byte) (image []byte, ok bool, err error) {
	return tx.get(ctx, t, key, LockNone, true)
}

func (tx *Tx) get(ctx context.Context, t *Table, key []byte, l LockMode, only bool) (image []byte, ok bool, err error) {
	if err := tx.usable(); err != nil {
		return nil, false, err
	}
	l = tx.lockOf(l)
	var from pebble.Reader = tx.ts.e.db
	if !only || tx.view != nil || tx.stmtView != nil || tx.o.Isolation != ReadCommitted && !tx.o.Autocommit {
		if from, err = tx.reader(t, l); err != nil {
			return nil, false, err
		}
	}
	k := append(appendID(tx.keyBuf[:0], rowSpace, t.schema.ID), key...)
	tx.keyBuf = k
	if l != LockNone {
		if _, err := tx.lockRow(ctx, k, l, tx.o.NoBlock); err != nil {
			if errors.Is(err, errSkip) {
				err = nil
			}
			return nil, false, err
		}
	}
	value, err := tx.read(from, k, tx.limit(false))
	if err != nil || value == nil {
		return nil, false, err
	}
	if l != LockNone && tx.view != nil && tx.ov.get(k, all) == nil {
		newest, err := fetch(tx.ts.e.db, k)
		if err == nil {
			err = tx.unchanged(newest)
		}
		if err != nil {
			return nil, false, err
		}
	}
	_, image, err = t.split(value)
	return image, err == nil, err
}

// unchanged fails, and rolls the transaction back, when a row that its view has
// is newer than the view or gone.
func (tx *Tx) unchanged(newest []byte) error {
	if newest != nil && tx.ts.stampOf(newest) <= tx.view.csn {
		return nil
	}
	tx.Rollback()
	return ErrConflict
}

// errSkip means that a row is locked and SkipLocked is set.
var errSkip = lock.ErrSkip

// lockRow locks a row or unique key. fresh: it was not locked before.
func (tx *Tx) lockRow(ctx context.Context, key []byte, l LockMode, p LockPolicy) (fresh bool, err error) {
	if tx.creates.owns(key) {
		return false, nil
	}
	m := lock.X
	if l == LockShared {
		m = lock.S
	}
	w := lock.Wait{Timeout: tx.o.LockWait}
	switch p {
	case NoWait:
		w.Policy = lock.NoWait
	case SkipLocked:
		w.Policy = lock.SkipLocked
	}
	fresh, err = tx.ts.locks.Acquire(ctx, tx.owner, key, m, w)
	return fresh, tx.lockError(err)
}

func (tx *Tx) unlockRow(key []byte) { tx.ts.locks.Release(tx.owner, key) }

// lockError translates; a deadlock's victim is rolled back.
func (tx *Tx) lockError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, lock.ErrDeadlock):
		tx.Rollback()
		return ErrDeadlock
	case errors.Is(err, lock.ErrTimeout):
		return ErrLockTimeout
	case errors.Is(err, lock.ErrNoWait):
		return ErrLockNoWait
	}
	return err
}

// Changed reports whether the transaction has written rows or makes a table.
func (tx *Tx) Changed() bool { return !tx.ov.empty() || tx.creates != nil }

// Rollback ends the transaction without a trace. It is safe to call after the
// end.
func (tx *Tx) Rollback() {
	if tx.done {
		return
	}
	tx.end()
	tx.ov.free()
	tx.closeLogs()
	tx.creates.end(txn.Result{Err: ErrTxDone})
	tx.ts.locks.ReleaseAll(tx.owner)
}

// end gives back what a commit in flight does not need.
func (tx *Tx) end() {
	tx.done = true
	tx.closeStatementView()
	tx.ts.closeView(tx.view)
	tx.view, tx.saves = nil, nil
}

func (tx *Tx) closeLogs() {
	for _, l := range []*rowLog{tx.bin, tx.private} {
		if l != nil {
			l.cache.close()
		}
	}
}
