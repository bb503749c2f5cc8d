package tables

import (
	"strings"

	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/storage"
)

// GeneratedText returns the expression of a generated column as
// information_schema has it: names quoted, an operation in parentheses. It is
// empty for other columns.
func GeneratedText(s *storage.Schema, column string) string {
	for i := range s.Columns {
		c := &s.Columns[i]
		if !strings.EqualFold(c.Name, column) || c.Extra[generatedKey] == "" {
			continue
		}
		expr, err := parseExpr(c.Extra[generatedKey])
		if err != nil {
			return c.Extra[generatedKey]
		}
		for {
			inner, ok := expr.(*sqlparser.ParenExpr)
			if !ok {
				break
			}
			expr = inner.Expr
		}
		buf := sqlparser.NewTrackedBuffer(func(buf *sqlparser.TrackedBuffer, node sqlparser.SQLNode) {
			if c, ok := node.(*sqlparser.ColName); ok {
				buf.WriteString("`" + strings.ReplaceAll(c.Name.String(), "`", "``") + "`")
				return
			}
			node.Format(buf)
		})
		buf.Myprintf("%v", expr)
		if _, call := expr.(*sqlparser.FuncExpr); call {
			return buf.String()
		}
		return "(" + buf.String() + ")"
	}
	return ""
}
