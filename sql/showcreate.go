package sql

import (
	"fmt"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"

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
