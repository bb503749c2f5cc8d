package tables

import (
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/sqltypes"

	"binrelay/sql/storage"
)

// Fill makes the statement's DDL scope the session's transaction: what follows
// adds rows to the table that the scope creates, and their commit is that of
// the table. The transaction ends with the statement, or, to last, by
// EndTransaction alone. apart: see storage.DDL.Fill. After an error the scope is
// as it was.
func (s *Session) Fill(ctx *gms.Context, name QualifiedName, apart, last bool) error {
	s.replace(&Tx{explicit: last})
	t := s.tx
	if s.policy != nil {
		t.o = s.policy.Begin(ctx, s, nil)
	}
	t.o.Locks, t.o.Temporary = s.locks, s.temps
	tx, err := s.ddl.d.Fill(t.o, name.Database, name.Name, apart)
	if err != nil {
		return err
	}
	s.closeReader()
	t.tx, t.scope = tx, s.ddl
	s.ddl = nil
	if last {
		s.SetIgnoreAutoCommit(true)
	}
	return nil
}

// committed tells those who wait for the scope's commit. nil has none.
func (d *ddlScope) committed() {
	if d == nil {
		return
	}
	for _, f := range d.after {
		f()
	}
}

// abandoned tells them that there will be none.
func (d *ddlScope) abandoned() {
	if d == nil {
		return
	}
	for _, f := range d.undone {
		f()
	}
}

// SetDDLText replaces the text of the statement in the binlog; empty = nothing
// is logged. A DDL scope must be open.
func (s *Session) SetDDLText(text string) { s.ddl.d.SetText(text) }

// Temporary returns the definition of a temporary table.
func (s *Session) Temporary(name QualifiedName) (*storage.Schema, bool) {
	t, ok := s.temporary(name.Database, name.Name)
	if !ok {
		return nil, false
	}
	return t.Schema(), true
}

// DropTemporary drops a temporary table.
func (s *Session) DropTemporary(name QualifiedName) { s.temps.Drop(name.Database, name.Name) }

// SelectedColumn is a column for the values of a type.
func SelectedColumn(t gms.Type) (storage.Column, error) {
	var c storage.Column
	if t == types.Null {
		t = types.MustCreateBinary(sqltypes.Binary, 0)
	}
	err := setType(&c, t)
	if _, ok := t.(gms.TypeWithCollation); !ok {
		c.Collation = 0
	}
	return c, err
}
