package storage

import (
	"binrelay/binlog/rowimage"
	"binrelay/sql/storage/keycodec"
)

// TableID numbers tables and indexes with one counter, so that an id is never
// used twice: the next one is part of the store's coordinate.
type TableID uint64

// Column is a table's column: what a row image needs to know, and what SHOW
// COLUMNS prints.
type Column struct {
	rowimage.Column
	SQLType       string // as SHOW COLUMNS prints it: int unsigned, varchar(20)
	Default       string // SQL text of the default
	HasDefault    bool
	DefaultIsExpr bool
	OnUpdate      string // CURRENT_TIMESTAMP(n), or empty
	AutoIncrement bool
	Invisible     bool
	Comment       string
	Extra         map[string]string // opaque to storage
}

// IndexPart is one column of an index.
type IndexPart struct {
	Column int  // place in Schema.Columns
	Prefix int  // characters (strings) or bytes (binary); 0 = whole value
	Desc   bool // descending
}

// Index is a secondary index. The primary key is Schema.Primary.
type Index struct {
	ID      TableID // assigned by storage
	Name    string
	Parts   []IndexPart
	Unique  bool
	Comment string
	Extra   map[string]string // opaque to storage
}

// Action is what happens to child rows when their parent row goes, or changes
// the columns that they refer to.
type Action uint8

const (
	NoAction Action = iota // refused, like Restrict; what a key without a clause does
	Restrict
	Cascade
	SetNull
)

// String returns the action's words in SQL.
func (a Action) String() string {
	return [...]string{"NO ACTION", "RESTRICT", "CASCADE", "SET NULL"}[a]
}

// changesRows reports whether the action changes child rows.
func (a Action) changesRows() bool { return a == Cascade || a == SetNull }

// ForeignKey makes rows refer to rows of a parent table by equal values. The
// parent is known by its names alone: with foreign_key_checks = 0 it may be
// made later, or be gone.
type ForeignKey struct {
	Name     string
	Columns  []string // of the table that has the key
	Database string   // of the parent
	Table    string   // the parent
	Parent   []string // columns of the parent
	OnDelete Action
	OnUpdate Action
}

// Schema is a table's definition. It is immutable once in the catalog.
type Schema struct {
	ID            TableID // assigned by storage
	Version       uint32  // of the definition; written before every row; assigned by storage
	Database      string
	Name          string
	Columns       []Column
	Primary       []IndexPart // empty = hidden row id
	Indexes       []Index
	ForeignKeys   []ForeignKey // of which the table is the child
	Collation     uint16       // MySQL's collation id
	Comment       string
	AutoIncrement uint64            // first value of the counter; 0 = 1. Read at creation only
	Defaults      []byte            // image of a row of defaults, for replicated rows that lack columns; nil = not known
	Past          []PastLayout      // of rows written under older versions, by Upto; assigned by storage
	Extra         map[string]string // opaque to storage
}

// Database is a schema in MySQL's sense: a name space for tables.
type Database struct {
	Name      string
	Collation uint16
	Extra     map[string]string // opaque to storage
}

// Weigh appends the weight of a string under a collation: bytes that order and
// compare as the collation does. It is injected, because storage has no
// collation tables.
type Weigh = keycodec.Weigh
