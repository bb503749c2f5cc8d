package tables

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/storage"
)

// Views, triggers, routines and events are settings of the storage: the key is
//
//	view/<database>/<name>   trigger/…   procedure/…   function/…   event/…
//
// with % and / in names escaped, the value JSON of go-mysql-server's definition.

const (
	viewSpace      = "view"
	triggerSpace   = "trigger"
	procedureSpace = "procedure"
	functionSpace  = "function"
	eventSpace     = "event"
)

var keyEscaper = strings.NewReplacer("%", "%25", "/", "%2f")

func objectPrefix(space, db string) string { return space + "/" + keyEscaper.Replace(db) + "/" }

func objectKey(space, db, name string) string {
	return objectPrefix(space, db) + keyEscaper.Replace(strings.ToLower(name))
}

// objectCache keeps the objects of each database until a DDL statement that
// changes any is committed.
type objectCache struct {
	mu   sync.Mutex
	gen  uint64
	sets map[string]map[string][]byte // prefix → key → value
}

func (c *objectCache) get(prefix string) (map[string][]byte, uint64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	set, ok := c.sets[prefix]
	return set, c.gen, ok
}

func (c *objectCache) put(prefix string, gen uint64, set map[string][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if gen != c.gen {
		return
	}
	if c.sets == nil {
		c.sets = make(map[string]map[string][]byte)
	}
	c.sets[prefix] = set
}

// generation changes whenever objects do.
func (c *objectCache) generation() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gen
}

func (c *objectCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	c.sets = nil
}

// visible returns the values under a prefix as the statement sees them.
func (p *Provider) visible(ctx *gms.Context, prefix string) (map[string][]byte, error) {
	set, gen, ok := p.objects.get(prefix)
	if !ok {
		set = make(map[string][]byte)
		err := p.engine.ScanKV(prefix, func(key string, v []byte) error {
			set[key] = append([]byte(nil), v...)
			return nil
		})
		if err != nil {
			return nil, err
		}
		p.objects.put(prefix, gen, set)
	}
	s, err := sessionOf(ctx)
	if err != nil || s.ddl == nil || len(s.ddl.kv) == 0 {
		return set, nil
	}
	own := make(map[string][]byte, len(set))
	for k, v := range set {
		own[k] = v
	}
	for k, v := range s.ddl.kv {
		switch {
		case !strings.HasPrefix(k, prefix):
		case v == nil:
			delete(own, k)
		default:
			own[k] = v
		}
	}
	return own, nil
}

// lockObject locks an object's name, and the tables that are given, in the
// statement's scope. What others have committed before is seen from then on.
func (d *Database) lockObject(ctx *gms.Context, space, name string, tables ...string) error {
	ddl, err := beginDDL(ctx)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := ddl.LockObject(d.name, t); err != nil {
			return err
		}
	}
	if space != viewSpace {
		name = "\x00" + space + "\x00" + strings.ToLower(name) // no table's
	}
	if err := ddl.LockObject(d.name, name); err != nil {
		return err
	}
	d.p.objects.clear()
	if _, ok := ddl.Catalog().Database(d.name); !ok {
		return &storage.NoDatabaseError{Database: d.name}
	}
	return nil
}

// changeObject stores or (nil) deletes an object in the statement's scope.
func (p *Provider) changeObject(ctx *gms.Context, key string, v any) error {
	s, err := sessionOf(ctx)
	if err != nil {
		return err
	}
	var value []byte
	if v != nil {
		if value, err = json.Marshal(v); err != nil {
			return err
		}
	}
	if err := s.putKV(ctx, key, value); err != nil {
		return err
	}
	s.ddl.after = append(s.ddl.after, p.objects.clear)
	return nil
}

// dropObjects deletes everything of a database.
func (p *Provider) dropObjects(ctx *gms.Context, db string) error {
	for _, space := range []string{viewSpace, triggerSpace, procedureSpace, functionSpace, eventSpace} {
		set, err := p.visible(ctx, objectPrefix(space, db))
		if err != nil {
			return err
		}
		for key := range set {
			if err := p.changeObject(ctx, key, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// list decodes all objects of one kind, ordered by key.
func list[T any](ctx *gms.Context, d *Database, space string) ([]T, error) {
	set, err := d.p.visible(ctx, objectPrefix(space, d.name))
	if err != nil || len(set) == 0 {
		return nil, err
	}
	keys := make([]string, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	out := make([]T, len(keys))
	for i, k := range keys {
		if err := json.Unmarshal(set[k], &out[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
	}
	return out, nil
}

// find decodes one object.
func find[T any](ctx *gms.Context, d *Database, space, name string) (T, bool, error) {
	var out T
	set, err := d.p.visible(ctx, objectPrefix(space, d.name))
	if err != nil {
		return out, false, err
	}
	key := objectKey(space, d.name, name)
	v, ok := set[key]
	if !ok {
		return out, false, nil
	}
	if err := json.Unmarshal(v, &out); err != nil {
		return out, false, fmt.Errorf("%s: %w", key, err)
	}
	return out, true, nil
}

// CreateView implements gms.ViewDatabase.
func (d *Database) CreateView(ctx *gms.Context, name, selectStatement, createStatement string) error {
	if err := d.lockObject(ctx, viewSpace, name); err != nil {
		return err
	}
	if _, ok, err := d.GetTableInsensitive(ctx, name); err != nil || ok {
		if err == nil {
			err = gms.ErrTableAlreadyExists.New(name)
		}
		return err
	}
	if _, ok, err := d.GetViewDefinition(ctx, name); err != nil || ok {
		if err == nil {
			err = gms.ErrExistingView.New(d.name, name)
		}
		return err
	}
	return d.p.changeObject(ctx, objectKey(viewSpace, d.name, name), gms.ViewDefinition{
		Name: name, TextDefinition: selectStatement, CreateViewStatement: createStatement,
		SqlMode: gms.LoadSqlMode(ctx).String(),
	})
}

// DropView implements gms.ViewDatabase.
func (d *Database) DropView(ctx *gms.Context, name string) error {
	if err := d.lockObject(ctx, viewSpace, name); err != nil {
		return err
	}
	if _, ok, err := d.GetViewDefinition(ctx, name); err != nil || !ok {
		if err == nil {
			err = gms.ErrViewDoesNotExist.New(d.name, name)
		}
		return err
	}
	return d.p.changeObject(ctx, objectKey(viewSpace, d.name, name), nil)
}

// GetViewDefinition implements gms.ViewDatabase.
func (d *Database) GetViewDefinition(ctx *gms.Context, name string) (gms.ViewDefinition, bool, error) {
	return find[gms.ViewDefinition](ctx, d, viewSpace, name)
}

// HasView reports whether there is a view under a name that is locked
// (gms.ErrDatabaseNotFound).
func (p *Provider) HasView(ctx *gms.Context, name QualifiedName) (bool, error) {
	if !p.HasDatabase(ctx, name.Database) {
		return false, gms.ErrDatabaseNotFound.New(name.Database)
	}
	p.objects.clear()
	_, ok, err := (&Database{p, name.Database}).GetViewDefinition(ctx, name.Name)
	return ok, err
}

// AllViews implements gms.ViewDatabase.
func (d *Database) AllViews(ctx *gms.Context) ([]gms.ViewDefinition, error) {
	return list[gms.ViewDefinition](ctx, d, viewSpace)
}

// GetTriggers implements gms.TriggerDatabase. The order is that of creation.
func (d *Database) GetTriggers(ctx *gms.Context) ([]gms.TriggerDefinition, error) {
	all, err := list[gms.TriggerDefinition](ctx, d, triggerSpace)
	sort.SliceStable(all, func(i, j int) bool { return all[i].CreatedAt.Before(all[j].CreatedAt) })
	return all, err
}

// CreateTrigger implements gms.TriggerDatabase.
func (d *Database) CreateTrigger(ctx *gms.Context, t gms.TriggerDefinition) error {
	table, _ := triggerOf(t)
	if err := d.lockObject(ctx, triggerSpace, t.Name, table); err != nil {
		return err
	}
	if _, ok := d.p.catalog(ctx).Table(d.name, table); !ok {
		return &storage.NoTableError{Database: d.name, Table: table}
	}
	if _, ok, err := find[gms.TriggerDefinition](ctx, d, triggerSpace, t.Name); err != nil || ok {
		if err == nil {
			err = sqlErrorf(1359, "HY000", "Trigger already exists")
		}
		return err
	}
	return d.p.changeObject(ctx, objectKey(triggerSpace, d.name, t.Name), t)
}

// HasTrigger reports whether there is a trigger.
func (d *Database) HasTrigger(ctx *gms.Context, name string) (bool, error) {
	_, ok, err := find[gms.TriggerDefinition](ctx, d, triggerSpace, name)
	return ok, err
}

// DropTrigger implements gms.TriggerDatabase. After DROP TABLE, which drops the
// table's triggers, the engine asks for each of them once more.
func (d *Database) DropTrigger(ctx *gms.Context, name string) error {
	if s, err := sessionOf(ctx); err == nil && s.ddl != nil {
		if v, ok := s.ddl.kv[objectKey(triggerSpace, d.name, name)]; ok && v == nil {
			return nil
		}
	}
	if err := d.lockObject(ctx, triggerSpace, name); err != nil {
		return err
	}
	t, ok, err := find[gms.TriggerDefinition](ctx, d, triggerSpace, name)
	if err == nil && !ok {
		err = gms.ErrTriggerDoesNotExist.New(name)
	}
	if err != nil {
		return err
	}
	// Statements that have it in their plan end first.
	if table, _ := triggerOf(t); table != "" {
		if err := d.lockObject(ctx, triggerSpace, name, table); err != nil {
			return err
		}
	}
	return d.p.changeObject(ctx, objectKey(triggerSpace, d.name, name), nil)
}

// dropTriggersOf deletes the triggers of a table that is being dropped.
func (d *Database) dropTriggersOf(ctx *gms.Context, table string) error {
	names, err := d.triggersOf(ctx, table)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := d.p.changeObject(ctx, objectKey(triggerSpace, d.name, name), nil); err != nil {
			return err
		}
	}
	return nil
}

// triggersOf returns the names of a table's triggers.
func (d *Database) triggersOf(ctx *gms.Context, table string) (names []string, err error) {
	err = d.eachTrigger(ctx, table, func(t gms.TriggerDefinition, _ *sqlparser.TriggerSpec) { names = append(names, t.Name) })
	return names, err
}

// HasTriggerFor reports whether a table has a trigger for one of some events:
// insert, update or delete.
func (d *Database) HasTriggerFor(ctx *gms.Context, table string, events ...string) (found bool, err error) {
	err = d.eachTrigger(ctx, table, func(_ gms.TriggerDefinition, t *sqlparser.TriggerSpec) {
		found = found || slices.ContainsFunc(events, func(e string) bool { return strings.EqualFold(e, t.Event) })
	})
	return found, err
}

func (d *Database) eachTrigger(ctx *gms.Context, table string, do func(gms.TriggerDefinition, *sqlparser.TriggerSpec)) error {
	all, err := d.GetTriggers(ctx)
	if err != nil {
		return err
	}
	for _, t := range all {
		if of, spec := triggerOf(t); spec != nil && of == table {
			do(t, spec)
		}
	}
	return nil
}

// triggerOf returns the name of a trigger's table and what the trigger is; nil
// when its text cannot be parsed.
func triggerOf(t gms.TriggerDefinition) (table string, spec *sqlparser.TriggerSpec) {
	stmt, err := sqlparser.Parse(t.CreateStatement)
	if err != nil {
		return "", nil
	}
	n, ok := stmt.(*sqlparser.DDL)
	if !ok || n.TriggerSpec == nil {
		return "", nil
	}
	return n.Table.Name.String(), n.TriggerSpec
}
