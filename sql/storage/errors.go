package storage

import (
	"errors"
	"fmt"
)

// Sentinels that callers branch on. The number in brackets is the MySQL error
// that the edge answers with.
var (
	// ErrDeadlock means that this transaction was chosen as a deadlock's victim
	// (1213). It is rolled back already.
	ErrDeadlock = errors.New("storage: deadlock found")
	// ErrConflict means that a row changed after the transaction's read view
	// was made (1213, first committer wins). The transaction is rolled back
	// already. errors.Is(ErrConflict, ErrDeadlock) holds.
	ErrConflict = fmt.Errorf("storage: row changed since the read view: %w", ErrDeadlock)
	// ErrLockTimeout means that a lock was not granted in time (1205). Only the
	// statement is to be rolled back, as in InnoDB.
	ErrLockTimeout = errors.New("storage: lock wait timeout exceeded")
	// ErrLockNoWait means that a row is locked and NOWAIT was asked for (3572).
	ErrLockNoWait = errors.New("storage: row is locked and NOWAIT is set")
	// ErrTooLarge means that a transaction exceeds what one commit may hold (1197).
	ErrTooLarge = errors.New("storage: transaction is too large")
	// ErrTableChanged means that a table's definition is newer than the read
	// view (1412).
	ErrTableChanged = errors.New("storage: table definition has changed")
	// ErrReadOnly means a write in a READ ONLY transaction (1792).
	ErrReadOnly = errors.New("storage: read-only transaction")
	// ErrTxDone means that the transaction was committed or rolled back.
	ErrTxDone = errors.New("storage: transaction has ended")
	// ErrNoSavepoint means that no savepoint has that name (1305).
	ErrNoSavepoint = errors.New("storage: savepoint does not exist")
	// ErrRowNotFound means that the row to change does not exist (1032).
	ErrRowNotFound = errors.New("storage: can't find record")
	// ErrUnsupported means something that this version does not do (1235).
	ErrUnsupported = errors.New("storage: not supported yet")
	// ErrAutoIncrement means that an AUTO_INCREMENT counter ran out (1467).
	ErrAutoIncrement = errors.New("storage: failed to read auto-increment value")
)

// DuplicateError is a violation of a primary or unique key (1062).
type DuplicateError struct {
	Table    string // table name without database
	Key      string // index name, PRIMARY for the primary key
	Entry    string // the key's values as MySQL prints them: 1-abc
	Index    int    // -1 = primary, else place in Schema.Indexes
	Existing []byte // image of the row that is in the way; nil while building an index
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("Duplicate entry '%s' for key '%s.%s'", e.Entry, e.Table, e.Key)
}

// NoTableError means that a table does not exist (1146; DROP TABLE: 1051).
type NoTableError struct{ Database, Table string }

func (e *NoTableError) Error() string {
	return fmt.Sprintf("Table '%s.%s' doesn't exist", e.Database, e.Table)
}

// NoDatabaseError means that a database does not exist (1049; DROP: 1008).
type NoDatabaseError struct{ Database string }

func (e *NoDatabaseError) Error() string { return fmt.Sprintf("Unknown database '%s'", e.Database) }

// TableExistsError means that a table's name is taken (1050).
type TableExistsError struct{ Database, Table string }

func (e *TableExistsError) Error() string { return fmt.Sprintf("Table '%s' already exists", e.Table) }

// DatabaseExistsError means that a database's name is taken (1007).
type DatabaseExistsError struct{ Database string }

func (e *DatabaseExistsError) Error() string {
	return fmt.Sprintf("Can't create database '%s'; database exists", e.Database)
}

// DuplicateIndexError means that two indexes of a table share a name (1061).
type DuplicateIndexError struct{ Name string }

func (e *DuplicateIndexError) Error() string { return fmt.Sprintf("Duplicate key name '%s'", e.Name) }

// DefinitionError is a table definition that cannot be stored. Errno is
// MySQL's number for it.
type DefinitionError struct {
	Errno uint16
	Text  string
}

func (e *DefinitionError) Error() string { return e.Text }

// ApplyError says why a replicated transaction cannot be applied, with MySQL's
// number and in MySQL's words: Last_SQL_Errno and Last_SQL_Error.
type ApplyError struct {
	Errno uint16
	Text  string
	Err   error // cause, may be nil
}

func (e *ApplyError) Error() string { return e.Text }

// Number returns Errno.
func (e *ApplyError) Number() uint16 { return e.Errno }

// Unwrap returns the cause.
func (e *ApplyError) Unwrap() error { return e.Err }

// Transient reports whether the same transaction may succeed when tried again
// (lock wait time-out, deadlock, a definition that changed meanwhile):
// replica_transaction_retries applies.
func (e *ApplyError) Transient() bool { return e.Errno == 1205 || e.Errno == 1213 || e.Errno == 1412 }

// ErrDiskFull means that there is no space for a transaction, in a log or for
// the store's next flush (1021 or 1026). Nothing of it remains; reads go on,
// and so do writes when there is space again.
var ErrDiskFull error = diskFullError{}

// diskFullError has MySQL's number, so that a replica knows that waiting helps.
type diskFullError struct{}

func (diskFullError) Error() string { return "storage: disk full" }

// Number is MySQL's error number.
func (diskFullError) Number() uint16 { return 1021 }

// ErrClosed means that the Engine is closing (1053).
var ErrClosed = errors.New("storage: closed")

// ErrFatal means that durability can no longer be promised: a sync or the
// removal of a refused group failed. Options.Fatal ends the process; nothing is
// acknowledged afterwards.
var ErrFatal = errors.New("storage: cannot go on")

// ErrInUse means that another process has the data directory open.
var ErrInUse = errors.New("storage: data directory is in use by another process")

// LogBehindError means that the store holds more than a log: files were lost or
// taken from another time. Err says what is missing at the place that the store
// has reached. The server does not start.
type LogBehindError struct {
	File   string
	Offset uint64
	Err    error
}

func (e *LogBehindError) Error() string {
	return fmt.Sprintf("log behind the store: %s does not reach byte %d: %v", e.File, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *LogBehindError) Unwrap() error { return e.Err }

// DamageError means that a log is damaged where it was durable once. It is not
// a torn tail, so the server does not start: what was acknowledged is gone.
type DamageError struct {
	File   string
	Offset uint64 // bytes from the start of File
	Err    error
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("log damaged: %s at byte %d: %v", e.File, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *DamageError) Unwrap() error { return e.Err }
