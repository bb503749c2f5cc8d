package tables

import (
	"errors"
	"fmt"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/storage"
)

// Like is CREATE TABLE … LIKE.
type Like struct {
	Name, From  QualifiedName
	IfNotExists bool
	Temporary   bool
}

// Likes returns what CREATE TABLE … LIKE copies; ok is false for any other
// statement.
func Likes(stmt sqlparser.Statement, db string) (l Like, ok bool) {
	n, ok := stmt.(*sqlparser.DDL)
	if !ok || n.Action != sqlparser.CreateStr || n.OptLike == nil || len(n.OptLike.LikeTables) != 1 || n.TableSpec != nil {
		return l, false
	}
	return Like{qualify(n.Table, db), qualify(n.OptLike.LikeTables[0], db), n.IfNotExists, n.Temporary}, true
}

// CreateLike makes an empty table with another's columns, keys and checks, and
// without its foreign keys, triggers and rows.
func (p *Provider) CreateLike(ctx *gms.Context, st Like) error {
	s, err := sessionOf(ctx)
	if err != nil {
		return err
	}
	if st.Name.Database == "" || st.From.Database == "" {
		return gms.ErrNoDatabaseSelected.New()
	}
	from, err := p.likeSource(ctx, s, st)
	if err != nil {
		return err
	}
	next := cloneSchema(from.Schema())
	next.Database, next.Name, next.AutoIncrement, next.ForeignKeys = st.Name.Database, st.Name.Name, 0, nil
	if err := renameChecks(&next); err != nil {
		return err
	}
	there := func() error {
		if !st.IfNotExists {
			return &storage.TableExistsError{Database: st.Name.Database, Table: st.Name.Name}
		}
		ctx.Session.Warn(&gms.Warning{Level: "Note", Code: 1050, Message: fmt.Sprintf("Table '%s' already exists", st.Name.Name)})
		return nil
	}
	if st.Temporary {
		if _, ok := s.temporary(st.Name.Database, st.Name.Name); ok {
			return there()
		}
		return s.createTemporary(next)
	}
	ddl, err := s.BeginDDL(ctx)
	if err != nil {
		return err
	}
	if ok, err := ddl.Exists(st.Name.Database, st.Name.Name); err != nil || ok {
		if ok {
			err = there()
		}
		return err
	}
	if _, ok, err := (&Database{p, st.Name.Database}).GetViewDefinition(ctx, st.Name.Name); err != nil || ok {
		if ok {
			err = there()
		}
		return err
	}
	_, err = ddl.CreateTable(next)
	var exists *storage.TableExistsError
	if errors.As(err, &exists) {
		return there()
	}
	return err
}

// likeSource finds the table to copy.
func (p *Provider) likeSource(ctx *gms.Context, s *Session, st Like) (*storage.Table, error) {
	t, ok := s.catalog().Table(st.From.Database, st.From.Name)
	switch {
	case ok && t.Temporary() && !st.Temporary:
		return nil, unsupported("CREATE TABLE ... LIKE a temporary table")
	case ok:
		return t, nil
	}
	if _, ok, err := (&Database{p, st.From.Database}).GetViewDefinition(ctx, st.From.Name); err == nil && ok {
		return nil, sqlErrorf(1347, "HY000", "'%s.%s' is not BASE TABLE", st.From.Database, st.From.Name)
	}
	if _, ok := s.catalog().Database(st.From.Database); !ok {
		return nil, &storage.NoDatabaseError{Database: st.From.Database}
	}
	return nil, &storage.NoTableError{Database: st.From.Database, Table: st.From.Name}
}

// renameChecks gives constraints the names that MySQL makes up.
func renameChecks(s *storage.Schema) error {
	all, err := checksOf(s)
	if err != nil {
		return err
	}
	for i := range all {
		all[i].Name = fmt.Sprintf("%s_chk_%d", s.Name, i+1)
	}
	return setChecks(s, all)
}
