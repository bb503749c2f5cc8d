package tables

import (
	"strings"
	"sync"

	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/sql/storage"
)

// Provider gives go-mysql-server the databases of a storage engine. It is safe
// for concurrent use.
type Provider struct {
	engine *storage.Engine

	mu       sync.Mutex
	compiled map[storage.TableID]*definition // by table id, replaced when the version changes

	objects objectCache
}

// NewProvider makes a Provider over engine.
func NewProvider(engine *storage.Engine) *Provider {
	return &Provider{engine: engine, compiled: make(map[storage.TableID]*definition)}
}

var (
	_ gms.DatabaseProvider         = (*Provider)(nil)
	_ gms.MutableDatabaseProvider  = (*Provider)(nil)
	_ gms.CollatedDatabaseProvider = (*Provider)(nil)
)

func (p *Provider) catalog(ctx *gms.Context) *storage.Catalog {
	if ctx != nil && ctx.Session != nil {
		if s, err := sessionOf(ctx); err == nil {
			return s.catalog()
		}
	}
	return p.engine.Catalog()
}

// Database implements gms.DatabaseProvider. Names are case sensitive.
func (p *Provider) Database(ctx *gms.Context, name string) (gms.Database, error) {
	if d, ok := p.catalog(ctx).Database(name); ok {
		return &Database{p: p, name: d.Name}, nil
	}
	return nil, gms.ErrDatabaseNotFound.New(name)
}

// HasDatabase implements gms.DatabaseProvider.
func (p *Provider) HasDatabase(ctx *gms.Context, name string) bool {
	_, ok := p.catalog(ctx).Database(name)
	return ok
}

// AllDatabases implements gms.DatabaseProvider.
func (p *Provider) AllDatabases(ctx *gms.Context) []gms.Database {
	all := p.catalog(ctx).Databases()
	out := make([]gms.Database, len(all))
	for i := range all {
		out[i] = &Database{p: p, name: all[i].Name}
	}
	return out
}

// CreateDatabase implements gms.MutableDatabaseProvider.
func (p *Provider) CreateDatabase(ctx *gms.Context, name string) error {
	return p.CreateCollatedDatabase(ctx, name, gms.Collation_Default)
}

// CreateCollatedDatabase implements gms.CollatedDatabaseProvider.
func (p *Provider) CreateCollatedDatabase(ctx *gms.Context, name string, c gms.CollationID) error {
	d, err := beginDatabaseDDL(ctx, name)
	if err != nil {
		return err
	}
	if c == gms.Collation_Unspecified || c == gms.Collation_Default && !names(ctx, c.Name()) {
		c = serverCollation(ctx)
	}
	return d.CreateDatabase(storage.Database{Name: name, Collation: uint16(c)})
}

// names reports whether the statement mentions a collation. go-mysql-server
// hands its own default over as if the statement had named it.
func names(ctx *gms.Context, collation string) bool {
	s, err := sessionOf(ctx)
	return err == nil && strings.Contains(strings.ToLower(s.query), collation)
}

// serverCollation returns collation_server.
func serverCollation(ctx *gms.Context) gms.CollationID {
	v, err := ctx.GetSessionVariable(ctx, "collation_server")
	if name, ok := v.(string); ok && err == nil {
		if c, err := gms.ParseCollation("", name, false); err == nil {
			return c
		}
	}
	return gms.Collation_utf8mb4_0900_ai_ci
}

// DropDatabase implements gms.MutableDatabaseProvider.
func (p *Provider) DropDatabase(ctx *gms.Context, name string) error {
	d, err := beginDatabaseDDL(ctx, name)
	if err != nil {
		return err
	}
	if there, err := d.LockDatabase(name); err != nil {
		return err
	} else if !there {
		return &storage.NoDatabaseError{Database: name}
	}
	p.objects.clear()
	if err := p.dropObjects(ctx, name); err != nil {
		return err
	}
	return d.DropDatabase(name)
}

func beginDatabaseDDL(ctx *gms.Context, db string) (*storage.DDL, error) {
	s, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	return s.beginDDL(ctx, db)
}

func beginDDL(ctx *gms.Context) (*storage.DDL, error) {
	s, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	return s.BeginDDL(ctx)
}

// definition is a table definition with what go-mysql-server needs compiled.
type definition struct {
	table  *storage.Table
	schema gms.Schema
	codec  *codec
	all    []int // places of all columns
	auto   int   // place of the AUTO_INCREMENT column, -1 for none
}

// define returns the compiled form of t.
func (p *Provider) define(t *storage.Table) (*definition, error) {
	id := t.Schema().ID
	p.mu.Lock()
	d := p.compiled[id]
	p.mu.Unlock()
	if d != nil && d.table == t {
		return d, nil
	}
	s := t.Schema()
	schema, err := schemaOf(s)
	if err != nil {
		return nil, err
	}
	c, err := newCodec(t.Layout(), s.Columns, schema)
	if err != nil {
		return nil, err
	}
	d = &definition{table: t, schema: schema, codec: c, all: make([]int, len(s.Columns)), auto: -1}
	for i := range d.all {
		d.all[i] = i
		if schema[i].AutoIncrement {
			d.auto = i
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.compiled) > 10000 {
		// Ids of dropped tables stay until here; all can be compiled again.
		clear(p.compiled)
	}
	p.compiled[id] = d
	return d, nil
}
