package sql

import (
	"fmt"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/sql/tables"
)

// schemaFormatter writes SHOW CREATE TABLE as MySQL does where
// go-mysql-server's own differs.
type schemaFormatter struct {
	gms.MySqlSchemaFormatter
	server *Server
}

// GenerateCreateTableColumnDefinition adds what MySQL always spells out: NULL
// for a TIMESTAMP, which old servers take for NOT NULL otherwise, and DEFAULT
// NULL for a type that can have a default.
func (f *schemaFormatter) GenerateCreateTableColumnDefinition(col *gms.Column, def, onUpdate string, table gms.CollationID) string {
	plain := *col
	plain.Comment, plain.OnUpdate, plain.Default = "", nil, nil
	text := f.MySqlSchemaFormatter.GenerateCreateTableColumnDefinition(&plain, "", "", table)
	if types.IsTimespan(col.Type) {
		text = strings.Replace(text, " time(6)", " "+f.server.columnType(col), 1)
		if l, ok := strings.CutPrefix(def, "'"); ok {
			if digits, ok := f.server.timeDigits(col.DatabaseSource, col.Source, col.Name); ok {
				whole, fraction, _ := strings.Cut(strings.TrimSuffix(l, "'"), ".")
				if digits > 0 {
					whole += "." + (fraction + "000000")[:digits]
				}
				def = "'" + whole + "'"
			}
		}
	}
	if (types.IsEnum(col.Type) || types.IsSet(col.Type) || types.IsTime(col.Type)) && col.Default != nil && col.Default.IsLiteral() {
		if v, ok := f.server.columnDefault(gms.NewEmptyContext(), col).(string); ok {
			def = "'" + strings.ReplaceAll(v, "'", "''") + "'" // go-mysql-server has a member's number, a date's text as written
		}
	}
	if declared := f.server.declaredType(col); declared != "" {
		text = strings.Replace(text, "` "+col.Type.String(), "` "+declared, 1)
	}
	if col.Nullable && types.IsTimestampType(col.Type) {
		text += " NULL"
	}
	switch {
	case col.Generated != nil:
		if strings.HasPrefix(col.Extra, "VIRTUAL") {
			text = strings.TrimSuffix(text, " STORED") + " VIRTUAL"
		}
	case col.Default != nil:
		text += " DEFAULT " + def
	case f.server.lacksDefault(col):
	case col.Nullable && !types.IsTextBlob(col.Type) && !types.IsGeometry(col.Type):
		text += " DEFAULT NULL"
	}
	if col.OnUpdate != nil {
		text += " ON UPDATE " + onUpdate
	}
	if col.Comment != "" {
		text += " COMMENT '" + gms.EscapeSpecialCharactersInComment(col.Comment) + "'"
	}
	return text
}

// lacksDefault reports whether a column has no default, not even NULL.
func (s *Server) lacksDefault(c *gms.Column) bool {
	t, ok := s.o.Engine.Catalog().Table(c.DatabaseSource, c.Source)
	if !ok || !c.Nullable {
		return false
	}
	for i := range t.Schema().Columns {
		if own := &t.Schema().Columns[i]; strings.EqualFold(own.Name, c.Name) {
			return tables.NoDefault(own)
		}
	}
	return false
}

// showColumns is SHOW [FULL] COLUMNS and DESCRIBE: go-mysql-server's rows in
// MySQL's form, types without collation and defaults without quotes.
func (b *builder) showColumns(ctx *gms.Context, s *Session, n *plan.ShowColumns, row gms.Row) (gms.RowIter, error) {
	if s.showing {
		return nil, nil
	}
	s.showing = true
	it, err := b.base.Build(ctx, n, row)
	s.showing = false
	if err != nil {
		return nil, err
	}
	rows, err := gms.RowIterToRows(ctx, it)
	if err != nil {
		return nil, err
	}
	columns := make(map[string]*gms.Column, len(rows))
	for _, c := range n.TargetSchema() {
		columns[c.Name] = c
	}
	at := 4 // Default
	if n.Full {
		at = 5
	}
	for _, r := range rows {
		c := columns[r[0].(string)]
		r[1] = b.server.columnType(c)
		r[at] = b.server.columnDefault(ctx, c)
		if n.Full {
			if t, ok := c.Type.(gms.TypeWithCollation); ok && t.Collation() != gms.Collation_binary {
				r[2] = t.Collation().Name()
			}
			r[7] = "select,insert,update,references"
		}
	}
	return gms.RowsToRowIter(rows...), nil
}

// columnType is a column's type without character set and collation, a TIME
// with its digits: go-mysql-server's has six.
func (s *Server) columnType(c *gms.Column) string {
	t := c.Type
	if types.IsTimespan(t) {
		if n, ok := s.timeDigits(c.DatabaseSource, c.Source, c.Name); ok && n == 0 {
			return "time"
		} else if ok {
			return fmt.Sprintf("time(%d)", n)
		}
	}
	if t := s.declaredType(c); t != "" {
		return t
	}
	if t, ok := t.(gms.TypeWithCollation); ok {
		return t.StringWithTableCollation(t.Collation())
	}
	return t.String()
}

// declaredType is the type of a FLOAT, DOUBLE or DECIMAL column as it was
// declared, with what go-mysql-server does not know; "" for other columns.
func (s *Server) declaredType(c *gms.Column) string {
	if !types.IsFloat(c.Type) && !types.IsDecimal(c.Type) {
		return ""
	}
	t, ok := s.o.Engine.Catalog().Table(c.DatabaseSource, c.Source)
	if !ok {
		return ""
	}
	for i := range t.Schema().Columns {
		if own := &t.Schema().Columns[i]; strings.EqualFold(own.Name, c.Name) {
			return own.SQLType
		}
	}
	return ""
}

// columnDefault is the default as SHOW COLUMNS and information_schema.COLUMNS
// have it; nil for none.
func (s *Server) columnDefault(ctx *gms.Context, c *gms.Column) any {
	if c.Default == nil || c.Generated != nil {
		return nil
	}
	text := c.Default.String()
	if !c.Default.IsLiteral() {
		if inner, ok := strings.CutPrefix(text, "("); ok {
			return strings.TrimSuffix(inner, ")")
		}
		return text
	}
	v, err := c.Default.Eval(ctx, nil)
	if err == nil && v == nil {
		return nil
	}
	switch {
	case err != nil:
	case types.IsBit(c.Type):
		if n, _, err := types.Uint64.Convert(ctx, v); err == nil {
			return fmt.Sprintf("b'%b'", n)
		}
	case types.IsTimespan(c.Type):
		whole, fraction, _ := strings.Cut(strings.Trim(text, "'"), ".")
		if n, ok := s.timeDigits(c.DatabaseSource, c.Source, c.Name); ok && n > 0 {
			whole += "." + (fraction + "000000")[:n]
		}
		return whole
	default:
		if v, _, err = c.Type.Convert(ctx, v); err != nil {
			break
		}
		value, err := c.Type.SQL(ctx, nil, v)
		switch {
		case err != nil:
		case types.IsBinaryType(c.Type):
			return fmt.Sprintf("0x%X", value.Raw())
		default:
			return value.ToString()
		}
	}
	return strings.Trim(text, "'")
}
