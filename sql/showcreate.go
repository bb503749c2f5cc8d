package sql

import (
	"fmt"
	"slices"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/sql/storage"
)

// showCreateTable is SHOW CREATE TABLE: go-mysql-server's text, with what it
// leaves out of keys: descending columns, prefixes of a primary key, and foreign
// keys.
func (b *builder) showCreateTable(ctx *gms.Context, s *Session, n *plan.ShowCreateTable, row gms.Row) (gms.RowIter, error) {
	t, ok := n.Child.(gms.TableNode)
	if s.showing || n.IsView || !ok || t.Database() == nil {
		return nil, nil
	}
	def, ok := s.Definition(t.Database().Name(), t.UnderlyingTable().Name())
	if !ok {
		return nil, nil
	}
	s.showing = true
	it, err := b.base.Build(ctx, n, row)
	s.showing = false
	if err != nil {
		return nil, err
	}
	rows, err := gms.RowIterToRows(ctx, it)
	if err != nil || len(rows) != 1 {
		return gms.RowsToRowIter(rows...), err
	}
	if text, ok := rows[0][1].(string); ok {
		rows[0][1] = withForeignKeys(withKeys(text, def), def)
	}
	return gms.RowsToRowIter(rows...), nil
}

// The places of columns in a row of SHOW INDEX.
const (
	showKeyName, showKeySeq, showKeyOrder, showKeyPrefix = 2, 3, 5, 7
)

// showIndexes is SHOW INDEX: go-mysql-server's rows, with the order and the
// prefix length of each column.
func (b *builder) showIndexes(ctx *gms.Context, s *Session, n *plan.ShowIndexes, row gms.Row) (gms.RowIter, error) {
	t, ok := n.Child.(*plan.ResolvedTable)
	if s.showing || !ok || t.Database() == nil {
		return nil, nil
	}
	def, ok := s.Definition(t.Database().Name(), t.UnderlyingTable().Name())
	if !ok {
		return nil, nil
	}
	s.showing = true
	it, err := b.base.Build(ctx, n, row)
	s.showing = false
	if err != nil {
		return nil, err
	}
	rows, err := gms.RowIterToRows(ctx, it)
	for _, r := range rows {
		part, ok := indexPart(def, r[showKeyName], r[showKeySeq])
		if !ok {
			continue
		}
		r[showKeyOrder] = "A"
		if part.Desc {
			r[showKeyOrder] = "D"
		}
		if part.Prefix > 0 {
			r[showKeyPrefix] = int64(part.Prefix)
		}
	}
	return gms.RowsToRowIter(rows...), err
}

// indexPart returns a column of an index by the index's name and the column's
// number, from 1.
func indexPart(def *storage.Schema, name, seq any) (storage.IndexPart, bool) {
	parts := def.Primary
	if name != "PRIMARY" {
		i := slices.IndexFunc(def.Indexes, func(x storage.Index) bool { return x.Name == name })
		if i < 0 {
			return storage.IndexPart{}, false
		}
		parts = def.Indexes[i].Parts
	}
	n, _, err := types.Int64.Convert(gms.NewEmptyContext(), seq)
	if k, ok := n.(int64); err == nil && ok && k >= 1 && int(k) <= len(parts) {
		return parts[k-1], true
	}
	return storage.IndexPart{}, false
}

// withKeys replaces the lines of keys.
func withKeys(text string, def *storage.Schema) string {
	keys := make(map[string]string) // by the line's beginning
	if len(def.Primary) > 0 {
		keys["  PRIMARY KEY ("] = columnList(def, def.Primary)
	}
	for i := range def.Indexes {
		x := &def.Indexes[i]
		unique := ""
		if x.Unique {
			unique = "UNIQUE "
		}
		keys[fmt.Sprintf("  %sKEY %s (", unique, quoteName(x.Name))] = columnList(def, x.Parts)
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		for begin, columns := range keys {
			rest, ok := strings.CutPrefix(line, begin)
			if !ok {
				continue
			}
			if end := closing(rest); end >= 0 {
				lines[i] = begin + columns + rest[end:]
			}
		}
	}
	return strings.Join(lines, "\n")
}

// closing returns the place of the parenthesis that ends a list of quoted names.
func closing(s string) int {
	quoted, depth := false, 0
	for i := range len(s) {
		switch {
		case s[i] == '`':
			quoted = !quoted
		case quoted:
		case s[i] == '(':
			depth++
		case s[i] == ')':
			if depth--; depth < 0 {
				return i
			}
		}
	}
	return -1
}

func columnList(def *storage.Schema, parts []storage.IndexPart) string {
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = quoteName(def.Columns[p.Column].Name)
		if p.Prefix > 0 {
			names[i] += fmt.Sprintf("(%d)", p.Prefix)
		}
		if p.Desc {
			names[i] += " DESC"
		}
	}
	return strings.Join(names, ",")
}
