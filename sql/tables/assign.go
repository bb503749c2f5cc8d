package tables

import (
	"math"
	"strings"
	"unicode/utf8"

	gms "github.com/dolthub/go-mysql-server/sql"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/sql/storage"
)

// An Assignment turns what a statement puts into a column into the column's
// type, with MySQL's errors in strict mode and its warnings otherwise. It is
// used by one statement.
type Assignment struct{ conversion }

// Assign returns how values of a type go into a column. digits are those of a
// second's fraction that values may have. It returns nil where go-mysql-server's
// own conversion does: JSON, and columns that are not the table's.
func (t *Table) Assign(ctx *gms.Context, name string, from gms.Type, digits int, strict bool) *Assignment {
	for i := range t.def.table.Schema().Columns {
		c := &t.def.table.Schema().Columns[i]
		if !strings.EqualFold(c.Name, name) {
			continue
		}
		if c.Type == jsonColumn || c.Type == gomysql.MYSQL_TYPE_GEOMETRY {
			return nil
		}
		source := &storage.Column{}
		if from == nil || setType(source, from) != nil {
			*source = storage.Column{}
		}
		if source.Type == jsonColumn {
			return nil
		}
		switch source.Type {
		case timeColumn, gomysql.MYSQL_TYPE_DATETIME2, gomysql.MYSQL_TYPE_TIMESTAMP2:
			source.Meta = uint16(digits)
		}
		return &Assignment{conversion{
			from: source, to: c, fromType: from, toType: t.def.schema[i].Type,
			strict: strict, mode: gms.LoadSqlMode(ctx).String(), assigns: true,
		}}
	}
	return nil
}

// Hex makes the values literals X'0a', which are numbers in columns of numbers.
func (a *Assignment) Hex() { a.hex = true }

// Nullable reports whether the column takes NULL.
func (a *Assignment) Nullable() bool { return a.to.Nullable }

// LacksDefault reports whether ALTER TABLE has taken away the default NULL of a
// column: INSERT must give it a value.
func (t *Table) LacksDefault(column string) bool {
	s := t.def.table.Schema()
	i := columnPlace(s, column)
	return i >= 0 && NoDefault(&s.Columns[i])
}

// NoDefault is LacksDefault of a column.
func NoDefault(c *storage.Column) bool { return c.Extra[noDefaultKey] != "" }

// noDefaultKey in a column's Extra: DROP DEFAULT of a nullable column.
const noDefaultKey = "nodefault"

// Implied reports whether the column has a default that it was not given: an ENUM
// has its first member.
func (a *Assignment) Implied() bool { return a.to.Type == gomysql.MYSQL_TYPE_ENUM }

// Default is what the column holds in place of a NULL that it does not take.
func (a *Assignment) Default() any { return implicitDefault(a.to, a.toType) }

// Value converts a value that is not NULL. row counts from 1.
func (a *Assignment) Value(ctx *gms.Context, v any, row int) (any, error) {
	if a.plainly(v) {
		return v, nil
	}
	return a.conversion.value(ctx, v, row)
}

// plainly reports whether a value fits as it is: the common cases, quickly.
func (a *Assignment) plainly(v any) bool {
	switch v := v.(type) {
	case int8:
		return a.holds(int64(v))
	case int32:
		return a.holds(int64(v))
	case int64:
		return a.holds(v)
	case string:
		if a.to.Type != gomysql.MYSQL_TYPE_VARCHAR && a.to.Type != gomysql.MYSQL_TYPE_STRING || gms.CollationID(a.to.Collation) == gms.Collation_binary {
			return false
		}
		c := gms.CollationID(a.to.Collation).CharacterSet()
		return c == gms.CharacterSet_utf8mb4 && utf8.RuneCountInString(v) <= int(a.to.Meta)/4
	case float64:
		return a.to.Type == gomysql.MYSQL_TYPE_DOUBLE && !a.to.Unsigned && !math.IsInf(v, 0)
	}
	return false
}

func (a *Assignment) holds(n int64) bool {
	switch a.to.Type {
	case gomysql.MYSQL_TYPE_TINY, gomysql.MYSQL_TYPE_SHORT, gomysql.MYSQL_TYPE_INT24, gomysql.MYSQL_TYPE_LONG, gomysql.MYSQL_TYPE_LONGLONG:
		low, high := integerRange(a.to)
		return n >= low && (n < 0 || uint64(n) <= high)
	}
	return false
}
