package replstate

import "slices"

// Filters says which databases a replica applies. The zero value applies all.
//
// Rows are judged by the schema of their table, statements by their default
// schema. A do-list, if there is one, decides alone; else the ignore-list.
// Names are compared byte for byte (lower_case_table_names=0). A statement
// without a default schema passes an ignore-list and fails a do-list.
// Source: MySQL 8.0 manual, "Evaluation of Database-Level Replication and
// Binary Logging Options".
type Filters struct {
	DoDB     []string `json:"do_db,omitempty"`
	IgnoreDB []string `json:"ignore_db,omitempty"`

	// Table filters and renames are carried for SHOW REPLICA STATUS; a replica
	// that cannot honour them refuses them when they are set.
	DoTable         []string `json:"do_table,omitempty"`
	IgnoreTable     []string `json:"ignore_table,omitempty"`
	WildDoTable     []string `json:"wild_do_table,omitempty"`
	WildIgnoreTable []string `json:"wild_ignore_table,omitempty"`
	RewriteDB       []string `json:"rewrite_db,omitempty"` // "(from,to)"
}

// Empty reports whether everything passes.
func (f *Filters) Empty() bool {
	return len(f.DoDB) == 0 && len(f.IgnoreDB) == 0 && !f.HasTableRules()
}

// HasTableRules reports whether there is any rule beyond whole databases.
func (f *Filters) HasTableRules() bool {
	return len(f.DoTable)+len(f.IgnoreTable)+len(f.WildDoTable)+len(f.WildIgnoreTable)+len(f.RewriteDB) > 0
}

// Database reports whether db passes: the schema of a table for rows, the
// default schema for a statement ("" if it has none).
func (f *Filters) Database(db string) bool {
	if len(f.DoDB) > 0 {
		return slices.Contains(f.DoDB, db)
	}
	return !slices.Contains(f.IgnoreDB, db)
}

// Clone returns a copy that shares nothing with f.
func (f *Filters) Clone() Filters {
	return Filters{
		DoDB: slices.Clone(f.DoDB), IgnoreDB: slices.Clone(f.IgnoreDB),
		DoTable: slices.Clone(f.DoTable), IgnoreTable: slices.Clone(f.IgnoreTable),
		WildDoTable: slices.Clone(f.WildDoTable), WildIgnoreTable: slices.Clone(f.WildIgnoreTable),
		RewriteDB: slices.Clone(f.RewriteDB),
	}
}
