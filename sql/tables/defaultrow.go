package tables

import (
	"fmt"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/binlog/rowimage"
	"binrelay/sql/storage"
)

// DefaultRow returns the image of a row that a statement gives no value: the
// defaults that are literals, NULLs, and the types' own defaults where a column
// takes no NULL. An expression is no default here: a source sends its value.
func DefaultRow(s *storage.Schema) ([]byte, error) {
	layout, err := rowimage.Compile(rowColumns(s))
	if err != nil {
		return nil, err
	}
	schema, err := schemaOf(s)
	if err != nil {
		return nil, err
	}
	c, err := newCodec(layout, s.Columns, schema)
	if err != nil {
		return nil, err
	}
	row := make(gms.Row, len(s.Columns))
	for i := range s.Columns {
		col := &s.Columns[i]
		if row[i], err = literalDefault(col); err != nil {
			return nil, fmt.Errorf("default of column %s: %w", col.Name, err)
		}
		if row[i] == nil && !col.Nullable {
			row[i] = implicitDefault(col, schema[i].Type)
		}
	}
	return c.encode(gms.NewEmptyContext(), rowimage.NewBuilder(layout), row, time.Local)
}

// literalDefault returns the value of a default that is a literal; nil: NULL, or
// none.
func literalDefault(c *storage.Column) (any, error) {
	if !c.HasDefault || c.DefaultIsExpr {
		return nil, nil
	}
	e, err := parseExpr(c.Default)
	if err != nil {
		return nil, err
	}
	sign := ""
	if u, ok := e.(*sqlparser.UnaryExpr); ok && (u.Operator == sqlparser.UMinusStr || u.Operator == sqlparser.UPlusStr) {
		if e = u.Expr; u.Operator == sqlparser.UMinusStr {
			sign = "-"
		}
	}
	switch v := e.(type) {
	case *sqlparser.SQLVal:
		switch v.Type {
		case sqlparser.StrVal, sqlparser.IntVal, sqlparser.FloatVal:
			return sign + string(v.Val), nil
		case sqlparser.HexVal:
			return v.HexDecode()
		case sqlparser.BitVal:
			n := uint64(0)
			for _, b := range v.Val {
				n = n<<1 | uint64(b-'0')
			}
			return n, nil
		}
	case sqlparser.BoolVal:
		return bool(v), nil
	}
	return nil, nil
}
