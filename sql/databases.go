package sql

import (
	"errors"
	"fmt"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"

	"binrelay/sql/storage"
)

// openCatalog creates and drops databases without go-mysql-server's lock of the
// whole catalog. That one would be held while the statement waits for metadata
// locks; a client that leaves needs it before it gives its metadata locks back.
type openCatalog struct {
	gms.Catalog
	provider gms.CollatedDatabaseProvider
	ifExists bool // of DROP DATABASE
}

// CreateDatabase implements gms.Catalog.
func (c openCatalog) CreateDatabase(ctx *gms.Context, name string, collation gms.CollationID) error {
	return c.provider.CreateCollatedDatabase(ctx, name, collation)
}

// RemoveDatabase implements gms.Catalog.
func (c openCatalog) RemoveDatabase(ctx *gms.Context, name string) error {
	switch strings.ToLower(name) {
	case "information_schema":
		return sqlError(1044, "42000", "Access denied for user '%s'@'%s' to database '%s'", ctx.Client().User, ctx.Client().Address, name)
	case "mysql":
		return sqlError(3552, "HY000", "Access to system schema '%s' is rejected.", name)
	}
	err := c.provider.DropDatabase(ctx, name)
	var none *storage.NoDatabaseError
	if c.ifExists && errors.As(err, &none) { // dropped by another since go-mysql-server looked
		ctx.Session.Warn(&gms.Warning{Level: "Note", Code: 1008, Message: fmt.Sprintf("Can't drop database '%s'; database doesn't exist", name)})
		return nil
	}
	return err
}

// openly gives statements on databases an openCatalog.
func (b *builder) openly(n gms.Node) gms.Node {
	ifExists := false
	open := func(c gms.Catalog) gms.Catalog { return openCatalog{c, b.server.provider, ifExists} }
	switch n := n.(type) {
	case *plan.CreateDB:
		own := *n
		own.Catalog = open(n.Catalog)
		return &own
	case *plan.DropDB:
		own := *n
		ifExists = n.IfExists
		own.Catalog = open(n.Catalog)
		return &own
	case *plan.CreateSchema:
		own := *n
		own.Catalog = open(n.Catalog)
		return &own
	case *plan.DropSchema:
		own := *n
		ifExists = n.IfExists
		own.Catalog = open(n.Catalog)
		return &own
	}
	return n
}
