package replstmt

// SyntaxError is MySQL's error 1064.
type SyntaxError struct {
	Near string // the text from the first word that does not fit, at most 80 characters
	Line int    // 1, 2, …
}

// Error returns MySQL's wording.
func (e *SyntaxError) Error() string { panic("pending") }

// Parse parses the first statement of sql. ok is false, at the cost of a look
// at the first words, if the statement is none of this package's. remainder is
// the offset behind its terminating semicolon, or len(sql). err is a
// *SyntaxError, or a *replstate.Error for a value that MySQL refuses.
func Parse(sql string) (stmt Statement, remainder int, ok bool, err error) { panic("pending") }

// Rewrite turns a quoted GRANT or REVOKE … ON '*.*' into ON *.*
func Rewrite(sql string) (out string, warning string, changed bool) { return sql, "", false }

// Masks returns sql with password literals replaced by <secret>.
func Masks(sql string) string { return sql }

// LockMode is the locking clause of a SELECT.
type LockMode uint8

const (
	NoLock LockMode = iota
	ForUpdate
	ForShare // also LOCK IN SHARE MODE
)

// LockWait says what a locking SELECT does when a row is locked.
type LockWait uint8

const (
	LockWaits LockWait = iota // up to innodb_lock_wait_timeout
	NoWait
	SkipLocked
)

// Locking is the locking clause at the end of a SELECT.
type Locking struct {
	Mode LockMode
	Wait LockWait
	Of   []string // tables or aliases; nil = all
}

// LockingClause returns the locking clause with which the first statement of
// sql ends, outside any parentheses.
func LockingClause(sql string) Locking { panic("pending") }

// RewriteForShare turns every FOR SHARE of a SELECT into LOCK IN SHARE MODE.
func RewriteForShare(sql string) (out string, changed bool) { return sql, false }
