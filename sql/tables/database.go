package tables

import (
	"errors"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
)

// Database is one database. It holds nothing but its name: what it contains is
// looked up in the catalog that the statement sees.
type Database struct {
	p    *Provider
	name string
}

var (
	_ gms.Database            = (*Database)(nil)
	_ gms.TableCreator        = (*Database)(nil)
	_ gms.IndexedTableCreator = (*Database)(nil)
	_ gms.TableDropper        = (*Database)(nil)
	_ gms.TableRenamer        = (*Database)(nil)
	_ gms.CollatedDatabase    = (*Database)(nil)
	_ gms.ViewDatabase        = (*Database)(nil)
	_ gms.TriggerDatabase     = (*Database)(nil)
)

// Name implements gms.Nameable.
func (d *Database) Name() string { return d.name }

// GetTableInsensitive implements gms.Database. Names are case sensitive.
func (d *Database) GetTableInsensitive(ctx *gms.Context, name string) (gms.Table, bool, error) {
	t, ok := d.p.catalog(ctx).Table(d.name, name)
	if !ok {
		return nil, false, nil
	}
	def, err := d.p.define(t)
	if err != nil {
		return nil, false, err
	}
	out := newTable(d, def)
	if s, err := sessionOf(ctx); err == nil && (s.ddl != nil || startsWith(s.query, "ALTER")) {
		// ALTER TABLE changes the columns it is given in place.
		out.schema = def.schema.Copy()
	}
	return out, true, nil
}

// GetTableNames implements gms.Database.
func (d *Database) GetTableNames(ctx *gms.Context) ([]string, error) {
	c := d.p.engine.Catalog() // temporary tables are not shown
	if s, err := sessionOf(ctx); err == nil && s.ddl != nil {
		c = s.ddl.d.Catalog()
	}
	all := c.Tables(d.name)
	names := make([]string, len(all))
	for i, t := range all {
		names[i] = t.Schema().Name
	}
	return names, nil
}

// GetCollation implements gms.CollatedDatabase.
func (d *Database) GetCollation(ctx *gms.Context) gms.CollationID {
	if db, ok := d.p.catalog(ctx).Database(d.name); ok && db.Collation != 0 {
		return gms.CollationID(db.Collation)
	}
	return gms.Collation_Default
}

// SetCollation implements gms.CollatedDatabase.
func (d *Database) SetCollation(ctx *gms.Context, c gms.CollationID) error {
	ddl, err := beginDatabaseDDL(ctx, d.name)
	if err != nil {
		return err
	}
	db, ok := ddl.Catalog().Database(d.name)
	if !ok {
		return gms.ErrDatabaseNotFound.New(d.name)
	}
	db.Collation = uint16(c)
	return ddl.AlterDatabase(db)
}

// CreateTable implements gms.TableCreator.
func (d *Database) CreateTable(ctx *gms.Context, name string, schema gms.PrimaryKeySchema, c gms.CollationID, comment string) error {
	return d.create(ctx, name, schema, nil, c, comment)
}

// CreateIndexedTable implements gms.IndexedTableCreator: a primary key with
// prefix lengths.
func (d *Database) CreateIndexedTable(ctx *gms.Context, name string, schema gms.PrimaryKeySchema, def gms.IndexDef, c gms.CollationID, comment string) error {
	return d.create(ctx, name, schema, &def, c, comment)
}

func (d *Database) create(ctx *gms.Context, name string, schema gms.PrimaryKeySchema, primary *gms.IndexDef, c gms.CollationID, comment string) error {
	ddl, err := beginDDL(ctx)
	if err != nil {
		return err
	}
	if there, err := ddl.Exists(d.name, name); err != nil {
		return err
	} else if there {
		return gms.ErrTableAlreadyExists.New(name)
	}
	s, err := d.definitionOf(ctx, name, schema, primary, c, comment)
	if err != nil {
		return err
	}
	if there, err := ddl.LockName(d.name, name); err != nil {
		return err
	} else if !there {
		d.p.objects.clear()
		if _, there, err = d.GetViewDefinition(ctx, name); err != nil {
			return err
		} else if there {
			return gms.ErrTableAlreadyExists.New(name)
		}
	}
	_, err = ddl.CreateTable(s)
	var there *storage.TableExistsError
	if errors.As(err, &there) {
		return gms.ErrTableAlreadyExists.New(name) // made by another since
	}
	if err != nil {
		return err
	}
	own, err := sessionOf(ctx)
	if err == nil {
		own.created(d.name, name)
	}
	return err
}

// definitionOf is the definition of a new table, without its indexes.
func (d *Database) definitionOf(ctx *gms.Context, name string, schema gms.PrimaryKeySchema, primary *gms.IndexDef, c gms.CollationID, comment string) (storage.Schema, error) {
	if c == gms.Collation_Unspecified {
		c = d.GetCollation(ctx)
	}
	s := storage.Schema{Database: d.name, Name: name, Collation: uint16(c), Comment: comment}
	spec, declared := declaredTable(ctx)
	if err := checkOptions(ctx, spec); err != nil {
		return s, err
	}
	if err := setColumns(&s, schema, declared); err != nil {
		return s, err
	}
	if primary != nil {
		desc := descending(ctx, "", primary.Columns)
		for i, p := range primary.Columns {
			if i < len(s.Primary) {
				s.Primary[i].Prefix, s.Primary[i].Desc = int(p.Length), desc[i]
			}
		}
	}
	return s, nil
}

// DropTable implements gms.TableDropper. It is not reached: see Drop.
func (d *Database) DropTable(*gms.Context, string) error { return unsupported("DROP TABLE") }

// RenameTable implements gms.TableRenamer. A new name may be qualified:
// go-mysql-server hands it over as db.table.
func (d *Database) RenameTable(ctx *gms.Context, from, to string) error {
	ddl, err := beginDDL(ctx)
	if err != nil {
		return err
	}
	return ddl.RenameTable(d.name, from, d.name, to)
}

// ValidateSchema implements gms.SchemaValidator.
func (d *Database) ValidateSchema(s gms.Schema) error {
	for _, c := range s {
		if _, err := columnOf(c, nil); err != nil {
			return err
		}
	}
	return nil
}

// declaredTable returns what CREATE TABLE declares, and its columns by their
// names in lower case.
func declaredTable(ctx *gms.Context) (*sqlparser.TableSpec, map[string]*sqlparser.ColumnType) {
	s, err := sessionOf(ctx)
	if err != nil || !startsWith(s.query, "CREATE") {
		return nil, nil
	}
	stmt, err := parseDefinition(s.query)
	ddl, ok := stmt.(*sqlparser.DDL)
	if err != nil || !ok || ddl.TableSpec == nil {
		return nil, nil
	}
	out := make(map[string]*sqlparser.ColumnType, len(ddl.TableSpec.Columns))
	for _, c := range ddl.TableSpec.Columns {
		out[c.Name.Lowered()] = &c.Type
	}
	return ddl.TableSpec, out
}

// parseDefinition parses CREATE TABLE as the server's parser does.
func parseDefinition(query string) (sqlparser.Statement, error) {
	stmt, err := sqlparser.Parse(query)
	if err == nil {
		return stmt, nil
	}
	if wrapped, ok := replstmt.WrapGenerated(query); ok {
		return sqlparser.Parse(wrapped)
	}
	return nil, err
}

// checkOptions refuses table options that ask for what is not there.
func checkOptions(ctx *gms.Context, spec *sqlparser.TableSpec) error {
	if spec == nil {
		return nil
	}
	for _, o := range spec.TableOpts {
		name := strings.ToUpper(o.Name)
		switch name {
		case "AUTO_INCREMENT", "CHARACTER SET", "CHARSET", "COLLATE", "COMMENT":
			continue
		case "ENGINE":
			if err := CheckEngine(ctx, o.Value); err != nil {
				return err
			}
			continue
		}
		if err := checkOption(name, o.Value); err != nil {
			return err
		}
	}
	return nil
}

// setColumns fills in columns and primary key of s from a schema of
// go-mysql-server. declared are the columns as the statement has them.
func setColumns(s *storage.Schema, schema gms.PrimaryKeySchema, declared map[string]*sqlparser.ColumnType) error {
	s.Columns = make([]storage.Column, len(schema.Schema))
	for i, c := range schema.Schema {
		col, err := columnOf(c, declared[strings.ToLower(c.Name)])
		if err != nil {
			return err
		}
		s.Columns[i] = col
	}
	if err := checkRow(s.Columns); err != nil {
		return err
	}
	s.Primary = s.Primary[:0:0]
	for _, o := range schema.PkOrdinals {
		s.Primary = append(s.Primary, storage.IndexPart{Column: o})
		s.Columns[o].Nullable = false
	}
	return nil
}

func columnPlace(s *storage.Schema, name string) int {
	for i := range s.Columns {
		if strings.EqualFold(s.Columns[i].Name, name) {
			return i
		}
	}
	return -1
}
