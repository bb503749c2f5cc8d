package storage

// Catalog is an immutable snapshot of all definitions. Names are case
// sensitive (lower_case_table_names = 0).
type Catalog struct{}

// Databases returns all databases, ordered by name.
func (c *Catalog) Databases() []Database { panic("not built") }

// Database returns the database of that name.
func (c *Catalog) Database(name string) (Database, bool) { panic("not built") }

// Tables returns the tables of a database, ordered by name.
func (c *Catalog) Tables(db string) []*Table { panic("not built") }

// Table returns the table of that name.
func (c *Catalog) Table(db, name string) (*Table, bool) { panic("not built") }

// Catalog returns the current definitions.
func (e *Engine) Catalog() *Catalog { panic("not built") }
