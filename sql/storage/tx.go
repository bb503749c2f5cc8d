package storage

import (
	"context"
	"time"

	"binrelay/binlog/event"
	"binrelay/binlog/txn"
)

// Isolation is a transaction's isolation level.
type Isolation uint8

const (
	// RepeatableRead keeps one read view from the first consistent read to the
	// end: snapshot isolation, the first committer wins. The default.
	RepeatableRead Isolation = iota
	// ReadCommitted makes a read view for each statement.
	ReadCommitted
	// Serializable makes every read a locking read of whole ranges. Statements
	// fail with ErrUnsupported for now.
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
	MetaWait   time.Duration // lock_wait_timeout; 0 = one year
	ThreadID   uint32        // connection id, for the BEGIN event
	// Begin returns the default database and the status variables of the BEGIN
	// event. It is called once, at the first logged row. nil = none.
	Begin func() (db string, status event.QueryStatus)
	// NoForeignKeys sets the flag NO_FOREIGN_KEY_CHECKS on the rows events.
	NoForeignKeys bool
}

// ScanOptions say how a scan goes.
type ScanOptions struct {
	Lock    LockMode
	Policy  LockPolicy
	Reverse bool
}

// Range is a range of keys made by Table.EncodeKey for the scanned index: Low
// is in, High is out, nil means no bound. keycodec.PrefixEnd turns a prefix
// into the bound behind it.
type Range struct{ Low, High []byte }

// Tx is a transaction. It is used by one goroutine at a time. After an error
// that is ErrDeadlock (so also ErrConflict) it is already rolled back.
type Tx struct{}

// Begin starts a transaction. It is cheap and takes no snapshot, unless
// o.Snapshot is set.
func (e *Engine) Begin(o TxOptions) *Tx { panic("not built") }

// BeginStatement opens a statement: what it writes can be rolled back alone,
// and its scans do not meet its own rows.
func (tx *Tx) BeginStatement() { panic("not built") }

// SetStatementTime sets the header time of the events that follow (SET
// TIMESTAMP). Without it the time is that of BeginStatement.
func (tx *Tx) SetStatementTime(t time.Time) { panic("not built") }

// EndStatement closes the statement successfully.
func (tx *Tx) EndStatement() error { panic("not built") }

// RollbackStatement undoes what the statement wrote. Its locks stay.
func (tx *Tx) RollbackStatement() error { panic("not built") }

// Savepoint sets a savepoint; one of the same name is replaced.
func (tx *Tx) Savepoint(name string) { panic("not built") }

// RollbackTo undoes everything after the savepoint, which stays. Locks stay.
func (tx *Tx) RollbackTo(name string) error { panic("not built") }

// Release forgets a savepoint and those set after it.
func (tx *Tx) Release(name string) error { panic("not built") }

// LockTable takes a metadata lock until the transaction's end and returns the
// table's current definition. Errors: *NoDatabaseError, *NoTableError,
// ErrLockTimeout, ErrDeadlock.
func (tx *Tx) LockTable(ctx context.Context, db, name string, m MetaLock) (*Table, error) {
	panic("not built")
}

// Get reads a row by its primary key (EncodeKey with index -1). The image is
// valid until the transaction's next call.
func (tx *Tx) Get(ctx context.Context, t *Table, key []byte, l LockMode) (image []byte, ok bool, err error) {
	panic("not built")
}

// Scan reads the rows of an index (-1 = primary) in its order. ctx ends it.
func (tx *Tx) Scan(ctx context.Context, t *Table, index int, r Range, o ScanOptions) *Iter {
	panic("not built")
}

// Insert adds a row. The image must be canonical and complete. Errors:
// *DuplicateError, ErrConflict, ErrLockTimeout, ErrReadOnly.
func (tx *Tx) Insert(ctx context.Context, t *Table, image []byte) error { panic("not built") }

// Update replaces the row whose image is before, as the statement read it.
func (tx *Tx) Update(ctx context.Context, t *Table, before, after []byte) error { panic("not built") }

// Delete removes the row whose image is before, as the statement read it.
func (tx *Tx) Delete(ctx context.Context, t *Table, before []byte) error { panic("not built") }

// NextAutoIncrement takes n values of the table's counter and returns the
// first: the smallest offset + k*increment that is not yet used. 0 means 1 for
// n, increment and offset. Values are not given back. Error: ErrAutoIncrement.
func (tx *Tx) NextAutoIncrement(t *Table, n, increment, offset uint64) (uint64, error) {
	panic("not built")
}

// Changed reports whether the transaction has written rows.
func (tx *Tx) Changed() bool { panic("not built") }

// Commit makes the transaction durable and visible. An error means that
// nothing of it remains, except after ctx ended while it waited in the queue
// and it was too late to leave. ctx counts until the transaction is sequenced.
func (tx *Tx) Commit(ctx context.Context) (txn.Result, error) { panic("not built") }

// Rollback ends the transaction without a trace. It is safe to call after the
// end.
func (tx *Tx) Rollback() { panic("not built") }

// Iter walks the rows of a scan. It belongs to its transaction's goroutine.
type Iter struct{}

// Next goes to the next row. False: the end, or an error.
func (it *Iter) Next() bool { panic("not built") }

// Image returns the row's image, valid until the next call of Next.
func (it *Iter) Image() []byte { panic("not built") }

// Err returns the error that ended the scan, if any.
func (it *Iter) Err() error { panic("not built") }

// Close frees the scan and returns Err.
func (it *Iter) Close() error { panic("not built") }

// EstimateRows guesses how many rows a table has, without reading them.
func (e *Engine) EstimateRows(t *Table) uint64 { panic("not built") }
