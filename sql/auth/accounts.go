package auth

import (
	"context"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
)

// Plugin names.
const (
	NativePassword      = "mysql_native_password"
	CachingSHA2Password = "caching_sha2_password"
	// DefaultPlugin is used where a statement names none.
	DefaultPlugin = CachingSHA2Password
)

// Persist stores the grant tables: one opaque blob that replaces the last one.
// It is called inside the statement that changes an account, while the grant
// tables are locked: it must not read them.
type Persist func(ctx *gms.Context, blob []byte) error

// Options of Accounts. The zero value works.
type Options struct {
	// Persist makes changes durable; nil = they are lost on restart.
	Persist Persist
}

// Accounts checks passwords and privileges against go-mysql-server's grant
// tables. Safe for concurrent use.
type Accounts struct {
	db *mysql_db.MySQLDb
}

// New returns the accounts of db (engine.Analyzer.Catalog.MySQLDb), switches
// privilege checks on and installs the persister.
func New(db *mysql_db.MySQLDb, o Options) *Accounts { return &Accounts{db: db} }

// Load replaces the grant tables with a blob that Persist got.
func (a *Accounts) Load(ctx context.Context, blob []byte) error { return nil }

// Bootstrap creates root@localhost without password, with all privileges, if
// there is no account at all. The account is not persisted by itself: it is
// part of every later blob.
func (a *Accounts) Bootstrap() {}

// RootWithoutPassword reports whether an account with administrative privileges
// can log in without a password. A server must not listen on a public address
// then.
func (a *Accounts) RootWithoutPassword() bool { return false }

// RewriteStatement replaces passwords in an account statement by their hashes
// with a fresh salt: CREATE USER, ALTER USER, SET PASSWORD and GRANT …
// IDENTIFIED BY. The server executes the returned text and writes the same text
// to the binlog, so that primary and replicas store the same hash. changed is
// false, and the text as given, for any other statement. currentUser, for
// statements that name no account, is "user@host" of the session.
//
// Errors are *mysql.SQLError with MySQL's number and text.
func RewriteStatement(query, currentUser string) (text string, changed bool, err error) {
	return query, false, nil
}

// MaskPasswords returns query with every password literal of an account,
// replication or SET PASSWORD statement replaced by <secret>, for logs and
// process lists.
func MaskPasswords(query string) string { return query }
