package storage

import (
	"context"
	"time"

	"binrelay/binlog/event"
	"binrelay/binlog/txn"
)

// DDLStatement describes the statement that a DDL scope carries out.
type DDLStatement struct {
	Text      string            // as it goes into the binlog; empty = nothing is logged
	DB        string            // default database
	Status    event.QueryStatus // session variables that replicas need
	Time      time.Time         // header time; zero = now
	ThreadID  uint32
	NoBinlog  bool          // sql_log_bin = 0
	FilterDB  string        // database that the binlog filters look at; empty = DB
	Origin    *txn.Origin   // set when a replica runs the statement
	ServerID  uint32        // originating server; 0 = this one
	MetaWait  time.Duration // lock_wait_timeout; 0 = one year
	ErrorCode uint16        // error the statement ended with on the source
}

// DDL is one statement's changes to the catalog. They become visible and
// durable together at Commit. New data is built under new ids and made durable
// before. Used by one goroutine; exactly one of Commit and Rollback ends it.
type DDL struct{}

// BeginDDL opens the scope. Metadata locks are taken as tables are named.
func (e *Engine) BeginDDL(ctx context.Context, s DDLStatement) (*DDL, error) { panic("not built") }

// Catalog returns the definitions as this scope sees them.
func (d *DDL) Catalog() *Catalog { panic("not built") }

// SetText replaces the statement's text in the binlog.
func (d *DDL) SetText(text string) { panic("not built") }

// CreateDatabase adds a database (*DatabaseExistsError).
func (d *DDL) CreateDatabase(db Database) error { panic("not built") }

// AlterDatabase replaces a database's options (*NoDatabaseError).
func (d *DDL) AlterDatabase(db Database) error { panic("not built") }

// DropDatabase drops a database and its tables (*NoDatabaseError).
func (d *DDL) DropDatabase(name string) error { panic("not built") }

// CreateTable adds a table; its ids and version are assigned here. Errors:
// *NoDatabaseError, *TableExistsError, *DuplicateIndexError, *DefinitionError.
func (d *DDL) CreateTable(s Schema) (*Table, error) { panic("not built") }

// DropTable drops a table (*NoTableError).
func (d *DDL) DropTable(db, name string) error { panic("not built") }

// RenameTable renames a table, also into another database.
func (d *DDL) RenameTable(db, name, db2, name2 string) error { panic("not built") }

// TruncateTable empties a table and restarts its AUTO_INCREMENT.
func (d *DDL) TruncateTable(db, name string) error { panic("not built") }

// SetAutoIncrement moves a table's counter: the next value is v, or one above
// the largest in use.
func (d *DDL) SetAutoIncrement(db, name string, v uint64) error { panic("not built") }

// AlterTable replaces a table's definition. With convert every row is rewritten
// through it under a new id. Without, columns must keep their row image and
// only those indexes are built or dropped that differ in name, parts or
// uniqueness. Errors: as CreateTable, *NoTableError, *DuplicateError, and what
// convert returns.
func (d *DDL) AlterTable(db, name string, next Schema, convert func(old []byte) ([]byte, error)) (*Table, error) {
	panic("not built")
}

// Builder replaces a table's definition and rows by next and by the rows that
// the caller feeds. It takes the place of AlterTable with convert.
func (d *DDL) Builder(db, name string, next Schema) (*Builder, error) { panic("not built") }

// PutKV changes settings together with the statement.
func (d *DDL) PutKV(kv ...KV) { panic("not built") }

// Commit makes the scope durable and visible, as one record in each log.
func (d *DDL) Commit(ctx context.Context) (txn.Result, error) { panic("not built") }

// Rollback drops the scope and what was built. It is safe to call after the end.
func (d *DDL) Rollback() { panic("not built") }

// Builder fills a table that is being rebuilt.
type Builder struct{}

// Table returns the new definition.
func (b *Builder) Table() *Table { panic("not built") }

// Insert adds a row (*DuplicateError).
func (b *Builder) Insert(image []byte) error { panic("not built") }

// Close makes the rows durable; the scope's Commit switches to them.
func (b *Builder) Close() error { panic("not built") }
