package storage

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"sort"
	"strings"
	"sync"

	"binrelay/binlog/txn"
)

// Catalog is an immutable snapshot of all definitions. Names are case
// sensitive (lower_case_table_names = 0).
type Catalog struct {
	dbs  map[string]*dbEntry
	byID map[TableID]*Table

	once    sync.Once
	related map[TableID]*relations // foreign keys, found by once
}

type dbEntry struct {
	Database
	tables map[string]*Table
}

// Databases returns all databases, ordered by name.
func (c *Catalog) Databases() []Database {
	ds := make([]Database, 0, len(c.dbs))
	for _, d := range c.dbs {
		ds = append(ds, d.Database)
	}
	sort.Slice(ds, func(i, j int) bool { return ds[i].Name < ds[j].Name })
	return ds
}

// Database returns the database of that name.
func (c *Catalog) Database(name string) (Database, bool) {
	d, ok := c.dbs[name]
	if !ok {
		return Database{}, false
	}
	return d.Database, true
}

// Tables returns the tables of a database, ordered by name.
func (c *Catalog) Tables(db string) []*Table {
	d, ok := c.dbs[db]
	if !ok {
		return nil
	}
	ts := make([]*Table, 0, len(d.tables))
	for _, t := range d.tables {
		ts = append(ts, t)
	}
	sort.Slice(ts, func(i, j int) bool { return ts[i].schema.Name < ts[j].schema.Name })
	return ts
}

// Table returns the table of that name.
func (c *Catalog) Table(db, name string) (*Table, bool) {
	d, ok := c.dbs[db]
	if !ok {
		return nil, false
	}
	t, ok := d.tables[name]
	return t, ok
}

// lookup is Table with the error that says what is missing.
func (c *Catalog) lookup(db, name string) (*Table, error) {
	if _, ok := c.dbs[db]; !ok {
		return nil, &NoDatabaseError{db}
	}
	t, ok := c.Table(db, name)
	if !ok {
		return nil, &NoTableError{db, name}
	}
	return t, nil
}

// ids returns every table and index id in use.
func (c *Catalog) ids() map[TableID]bool {
	ids := make(map[TableID]bool, len(c.byID))
	for id, t := range c.byID {
		ids[id] = true
		for _, x := range t.schema.Indexes {
			ids[x.ID] = true
		}
	}
	return ids
}

// catalogOp is one change of the catalog. Exactly one field is set.
type catalogOp struct {
	putDB  *Database
	dropDB string
	put    *Table
	dropID TableID
}

// with returns the catalog after the changes.
func (c *Catalog) with(ops ...catalogOp) *Catalog {
	n := &Catalog{dbs: make(map[string]*dbEntry, len(c.dbs)+1), byID: make(map[TableID]*Table, len(c.byID)+1)}
	for k, v := range c.dbs {
		n.dbs[k] = v
	}
	for k, v := range c.byID {
		n.byID[k] = v
	}
	own := make(map[string]bool) // entries that n may change
	entry := func(name string) *dbEntry {
		d := n.dbs[name]
		if d == nil || own[name] {
			return d
		}
		e := &dbEntry{Database: d.Database, tables: make(map[string]*Table, len(d.tables)+1)}
		for k, v := range d.tables {
			e.tables[k] = v
		}
		n.dbs[name], own[name] = e, true
		return e
	}
	remove := func(id TableID) {
		t := n.byID[id]
		if t == nil {
			return
		}
		delete(n.byID, id)
		if d := entry(t.schema.Database); d != nil && d.tables[t.schema.Name] == t {
			delete(d.tables, t.schema.Name)
		}
	}
	for _, op := range ops {
		switch {
		case op.putDB != nil:
			if d := entry(op.putDB.Name); d != nil {
				d.Database = *op.putDB
			} else {
				n.dbs[op.putDB.Name], own[op.putDB.Name] = &dbEntry{Database: *op.putDB, tables: map[string]*Table{}}, true
			}
		case op.dropDB != "":
			delete(n.dbs, op.dropDB)
			delete(own, op.dropDB)
		case op.put != nil:
			s := op.put.schema
			remove(s.ID)
			n.byID[s.ID] = op.put
			if d := entry(s.Database); d != nil {
				d.tables[s.Name] = op.put
			}
		case op.dropID != 0:
			remove(op.dropID)
		}
	}
	return n
}

// definitionFormat is the first byte of a stored definition.
const definitionFormat = 1

func encodeDefinition(v any) []byte {
	var b bytes.Buffer
	b.WriteByte(definitionFormat)
	if err := gob.NewEncoder(&b).Encode(v); err != nil {
		panic(fmt.Sprintf("storage: encode %T: %v", v, err)) // plain structs always encode
	}
	return b.Bytes()
}

func decodeDefinition(b []byte, v any) error {
	if len(b) == 0 || b[0] != definitionFormat {
		return fmt.Errorf("storage: definition of an unknown format")
	}
	return gob.NewDecoder(bytes.NewReader(b[1:])).Decode(v)
}

// kvOf returns the m| changes that say the same as ops. Later ones win.
func kvOf(ops []catalogOp) []KV {
	var kvs []KV
	at := make(map[string]int)
	set := func(key string, value []byte) {
		if i, ok := at[key]; ok {
			kvs[i].Value = value
			return
		}
		at[key] = len(kvs)
		kvs = append(kvs, KV{key, value})
	}
	for _, op := range ops {
		switch {
		case op.putDB != nil:
			set(databasePrefix+op.putDB.Name, encodeDefinition(op.putDB))
		case op.dropDB != "":
			set(databasePrefix+op.dropDB, nil)
		case op.put != nil:
			set(tableName(op.put.schema.ID), encodeDefinition(op.put.schema))
		case op.dropID != 0:
			set(tableName(op.dropID), nil)
		}
	}
	return kvs
}

// opOf turns one m| change into a change of the catalog; ok is false for other
// keys.
func (ts *tables) opOf(kv KV, at txn.CSN) (op catalogOp, ok bool, err error) {
	switch {
	case strings.HasPrefix(kv.Key, databasePrefix):
		name := kv.Key[len(databasePrefix):]
		if kv.Value == nil {
			return catalogOp{dropDB: name}, true, nil
		}
		d := new(Database)
		if err := decodeDefinition(kv.Value, d); err != nil {
			return op, false, fmt.Errorf("storage: database %s: %w", name, err)
		}
		return catalogOp{putDB: d}, true, nil
	case strings.HasPrefix(kv.Key, tablePrefix):
		if kv.Value == nil {
			var id TableID
			if _, err := fmt.Sscanf(kv.Key[len(tablePrefix):], "%x", (*uint64)(&id)); err != nil {
				return op, false, fmt.Errorf("storage: catalog key %q: %w", kv.Key, err)
			}
			return catalogOp{dropID: id}, true, nil
		}
		s := new(Schema)
		if err := decodeDefinition(kv.Value, s); err != nil {
			return op, false, fmt.Errorf("storage: table under %s: %w", kv.Key, err)
		}
		t, err := compileTable(s, ts.e.o.Weigh, &counters{db: ts.e.db})
		if err != nil {
			return op, false, err
		}
		t.since.Store(uint64(at))
		return catalogOp{put: t}, true, nil
	}
	return op, false, nil
}

// Catalog returns the current definitions.
func (e *Engine) Catalog() *Catalog { return e.tables.catalog.Load() }
