package sql

import (
	"fmt"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/information_schema"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/sql/tables"
)

// The places of columns in a row of information_schema.COLUMNS.
const (
	colSchema, colTable, colName   = 1, 2, 3
	colDefault, colDigits, colType = 5, 12, 15
	colGenerated, colColumns       = 20, 22
)

// columnsTable returns information_schema.COLUMNS with what go-mysql-server
// leaves out or spells in another way: generated columns' expressions, the
// digits of TIME, types as declared, defaults as stored.
func (s *Server) columnsTable(base *information_schema.ColumnsTable) *information_schema.ColumnsTable {
	out := *base
	out.RowIter = func(ctx *gms.Context, catalog gms.Catalog, all gms.Schema) (gms.RowIter, error) {
		it, err := base.RowIter(ctx, catalog, all)
		if err != nil {
			return nil, err
		}
		rows, err := gms.RowIterToRows(ctx, it)
		if err != nil {
			return nil, err
		}
		columns := make(map[string]*gms.Column, len(all))
		for _, c := range all {
			columns[columnKey(c.DatabaseSource, c.Source, c.Name)] = c
		}
		for _, r := range rows {
			if c, ok := columns[columnKey(r[colSchema], r[colTable], r[colName])]; ok && len(r) == colColumns {
				s.correctColumn(ctx, r, c)
			}
		}
		return gms.RowsToRowIter(rows...), nil
	}
	return &out
}

// columnKey names a column of all databases.
func columnKey(database, table, column any) string {
	return strings.ToLower(fmt.Sprintf("%s\x00%s\x00%s", database, table, column))
}

// correctColumn puts MySQL's words for a column into its row.
func (s *Server) correctColumn(ctx *gms.Context, r gms.Row, c *gms.Column) {
	r[colDefault] = s.columnDefault(ctx, c)
	if types.IsTimespan(c.Type) || s.declaredType(c) != "" {
		r[colType] = s.columnType(c)
	}
	if n, ok := s.timeDigits(c.DatabaseSource, c.Source, c.Name); ok {
		r[colDigits] = n
	}
	if t, ok := s.o.Engine.Catalog().Table(c.DatabaseSource, c.Source); ok {
		r[colGenerated] = tables.GeneratedText(t.Schema(), c.Name)
	}
}
