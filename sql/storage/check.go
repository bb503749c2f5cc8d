package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"binrelay/binlog/rowimage"
)

// maxFaults is how many faults of a table CheckTable names.
const maxFaults = 10

// CheckTable reads every row and index entry of a table in one snapshot and
// returns what is wrong, each in a sentence: rows that are not well formed, rows
// without an index entry, entries without a row. The error is one of reading.
func (e *Engine) CheckTable(ctx context.Context, t *Table) (faults []string, err error) {
	c := checker{ctx: ctx, t: t, s: e.db.NewSnapshot()}
	defer func() {
		if cerr := c.s.Close(); err == nil {
			err = cerr
		}
	}()
	low, high := idBounds(rowSpace, t.schema.ID)
	if err := c.each(low, high, c.row); err != nil {
		return nil, err
	}
	for _, x := range t.schema.Indexes {
		space := byte(indexSpace)
		if x.Unique {
			space = uniqueSpace
		}
		low, high := idBounds(space, x.ID)
		if err := c.count(low, high, fmt.Sprintf("Index '%s'", x.Name)); err != nil {
			return nil, err
		}
	}
	if t.primary == nil {
		low, high := idBounds(hashSpace, t.schema.ID)
		if err := c.count(low, high, "The index of rows by value"); err != nil {
			return nil, err
		}
	}
	return c.faults, nil
}

// checker is one run of CheckTable.
type checker struct {
	ctx    context.Context
	t      *Table
	s      *pebble.Snapshot
	rows   uint64
	cells  []rowimage.Cell
	key    []byte
	faults []string
}

func (c *checker) fault(format string, args ...any) {
	if len(c.faults) < maxFaults {
		c.faults = append(c.faults, fmt.Sprintf(format, args...))
	}
}

// each calls fn with every key of a range.
func (c *checker) each(low, high []byte, fn func(key, value []byte) error) error {
	it, err := c.s.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
	if err != nil {
		return err
	}
	defer it.Close()
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		if n++; n&0xfff == 0 && c.ctx.Err() != nil {
			return context.Cause(c.ctx)
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if err := fn(it.Key(), value); err != nil {
			return err
		}
	}
	return it.Error()
}

// row checks a row and that it has its index entries.
func (c *checker) row(key, value []byte) error {
	c.rows++
	t := c.t
	_, image, err := t.split(value)
	if err == nil {
		c.cells, err = t.layout.Cut(image, c.cells[:0])
	}
	if err != nil {
		c.fault("Row %d is malformed: %v", c.rows, err)
		return nil
	}
	pk := key[idPrefix:]
	if t.primary != nil {
		if c.key, err = t.appendRowKey(c.key[:0], image, c.cells); err != nil || !bytes.Equal(c.key, key) {
			c.fault("Row %d stands under a key that is not its own", c.rows)
		}
	} else if err := c.entry(t.hashKey(c.key[:0], image, c.cells, pk), nil, "the index of rows by value"); err != nil {
		return err
	}
	for i := range t.indexes {
		entry, _, err := t.indexKey(c.key[:0], i, image, c.cells, pk)
		if err != nil {
			c.fault("Row %d has no key in index '%s': %v", c.rows, t.schema.Indexes[i].Name, err)
			continue
		}
		if err := c.entry(entry, t.indexValue(i, pk), "index '"+t.schema.Indexes[i].Name+"'"); err != nil {
			return err
		}
		c.key = entry
	}
	return nil
}

// entry checks that an index has what a row wants of it.
func (c *checker) entry(key, want []byte, name string) error {
	value, err := fetch(c.s, key)
	if err != nil {
		return err
	}
	if value == nil || !bytes.Equal(value, want) {
		c.fault("Row %d is not in %s", c.rows, name)
	}
	return nil
}

// count checks that an index has as many entries as there are rows: each row
// has its own, so any more point nowhere.
func (c *checker) count(low, high []byte, name string) error {
	n := uint64(0)
	if err := c.each(low, high, func(_, _ []byte) error { n++; return nil }); err != nil {
		return err
	}
	if n != c.rows {
		c.fault("%s has %d entries; the table has %d rows", name, n, c.rows)
	}
	return nil
}

// CompactTable rewrites the files that hold a table, so that what was deleted
// takes no space any more.
func (e *Engine) CompactTable(ctx context.Context, t *Table) error {
	ids := []TableID{t.schema.ID}
	for _, x := range t.schema.Indexes {
		ids = append(ids, x.ID)
	}
	for _, space := range idSpaces {
		for _, id := range ids {
			low, high := idBounds(space, id)
			if err := e.db.Compact(ctx, low, high, false); err != nil {
				return fmt.Errorf("storage: compact %s.%s, id %d: %w", t.schema.Database, t.schema.Name, binary.BigEndian.Uint64(low[1:]), err)
			}
		}
	}
	return nil
}

// StoreMetrics describes the store's levels, caches and compactions as text.
func (e *Engine) StoreMetrics() string { return e.db.Metrics().String() }
