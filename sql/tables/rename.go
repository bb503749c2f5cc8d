package tables

import (
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
)

// QualifiedName names a table or view with its database.
type QualifiedName struct{ Database, Name string }

// Renames returns what RENAME TABLE renames, in order; ok is false for any
// other statement. Names without database get db, the default database.
func Renames(stmt sqlparser.Statement, db string) (from, to []QualifiedName, ok bool) {
	d, ok := stmt.(*sqlparser.DDL)
	if !ok || d.Action != sqlparser.RenameStr || len(d.FromTables) == 0 || len(d.FromTables) != len(d.ToTables) {
		return nil, nil, false
	}
	for i := range d.FromTables {
		from = append(from, qualify(d.FromTables[i], db))
		to = append(to, qualify(d.ToTables[i], db))
	}
	return from, to, true
}

func qualify(t sqlparser.TableName, db string) QualifiedName {
	if q := t.DbQualifier.String(); q != "" {
		db = q
	}
	return QualifiedName{db, t.Name.String()}
}

// Rename renames tables and views one after the other, in the statement's DDL
// scope: all of them or none.
func (p *Provider) Rename(ctx *gms.Context, from, to []QualifiedName) error {
	s, err := sessionOf(ctx)
	if err != nil {
		return err
	}
	for i := range from {
		if from[i].Database == "" || to[i].Database == "" {
			return gms.ErrNoDatabaseSelected.New()
		}
	}
	ddl, err := s.BeginDDL(ctx)
	if err != nil {
		return err
	}
	for i := range from {
		if err := p.rename(ctx, ddl, from[i], to[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *Provider) rename(ctx *gms.Context, ddl *storage.DDL, from, to QualifiedName) error {
	if _, ok := ddl.Catalog().Database(to.Database); !ok {
		return gms.ErrDatabaseNotFound.New(to.Database)
	}
	source, target := &Database{p, from.Database}, &Database{p, to.Database}
	if _, err := ddl.LockName(from.Database, from.Name); err != nil {
		return err
	}
	if err := target.lockObject(ctx, viewSpace, to.Name); err != nil {
		return err
	}
	if _, ok, err := target.GetViewDefinition(ctx, to.Name); err != nil || ok {
		if err == nil {
			err = gms.ErrTableAlreadyExists.New(to.Name)
		}
		return err
	}
	if _, ok := ddl.Catalog().Table(from.Database, from.Name); !ok {
		view, ok, err := source.GetViewDefinition(ctx, from.Name)
		switch {
		case err != nil:
			return err
		case !ok:
			return &storage.NoTableError{Database: from.Database, Table: from.Name}
		case from.Database != to.Database:
			return sqlErrorf(1450, "HY000", "Changing schema from '%s' to '%s' is not allowed.", from.Database, to.Database)
		}
		if _, taken := ddl.Catalog().Table(to.Database, to.Name); taken {
			return gms.ErrTableAlreadyExists.New(to.Name)
		}
		view.Name = to.Name
		if err := p.changeObject(ctx, objectKey(viewSpace, from.Database, from.Name), nil); err != nil {
			return err
		}
		return p.changeObject(ctx, objectKey(viewSpace, to.Database, to.Name), view)
	}
	var triggers []gms.TriggerDefinition
	err := source.eachTrigger(ctx, from.Name, func(t gms.TriggerDefinition, _ *sqlparser.TriggerSpec) { triggers = append(triggers, t) })
	switch {
	case err != nil:
		return err
	case len(triggers) > 0 && from.Database != to.Database:
		return sqlErrorf(1435, "HY000", "Trigger in wrong schema")
	}
	for _, t := range triggers {
		t.CreateStatement = replstmt.RenameTriggered(t.CreateStatement, to.Name)
		if err := p.changeObject(ctx, objectKey(triggerSpace, from.Database, t.Name), t); err != nil {
			return err
		}
	}
	return ddl.RenameTable(from.Database, from.Name, to.Database, to.Name)
}
