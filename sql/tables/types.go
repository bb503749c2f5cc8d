package tables

import (
	"fmt"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
	"github.com/dolthub/vitess/go/vt/sqlparser"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/rowimage"
	"binrelay/sql/storage"
)

// columnOf turns a column definition of go-mysql-server into one of the
// storage. What cannot be stored is MySQL's error 1235. declared is the
// definition as it was parsed, if it is at hand: its expressions are kept as
// they were written, for go-mysql-server prints some of them wrong.
func columnOf(c *gms.Column, declared *sqlparser.ColumnType) (storage.Column, error) {
	if c.HiddenSystem {
		return storage.Column{}, unsupported("functional index")
	}
	out := storage.Column{
		Column:        rowimage.Column{Name: c.Name, Nullable: c.Nullable},
		AutoIncrement: c.AutoIncrement,
		Invisible:     c.Hidden,
		Comment:       c.Comment,
	}
	if err := setType(&out, c.Type); err != nil {
		return storage.Column{}, err
	}
	if c.Generated != nil {
		setGenerated(&out, c, declared)
		return out, nil
	}
	if c.Default != nil {
		if c.Default.IsLiteral() && needsExpression(out.Type) && !strings.EqualFold(c.Default.String(), "NULL") {
			return storage.Column{}, sqlErrorf(1101, "42000", "BLOB, TEXT, GEOMETRY or JSON column '%s' can't have a default value", c.Name)
		}
		out.HasDefault = true
		out.Default = defaultText(c.Default, int(out.Meta))
		out.DefaultIsExpr = !c.Default.IsLiteral()
		if declared != nil && declared.Default != nil && !isNow(c.Default) {
			if _, null := declared.Default.(*sqlparser.NullVal); !null {
				out.Default = sqlparser.String(declared.Default)
			}
		}
	}
	if c.OnUpdate != nil {
		out.OnUpdate = c.OnUpdate.String()
	}
	return out, nil
}

// defaultText is a default as a statement spells it; go-mysql-server does not
// quote a TIME. digits are those of a TIME column.
func defaultText(d *gms.ColumnDefaultValue, digits int) string {
	if l, ok := d.Expr.(*expression.Literal); ok {
		if span, ok := l.Value().(types.Timespan); ok {
			text, fraction, _ := strings.Cut(span.String(), ".")
			if digits > 0 {
				text += "." + (fraction + "000000")[:digits]
			}
			return "'" + text + "'"
		}
	}
	return d.String()
}

// needsExpression reports whether a column of that type can have expressions as
// defaults only.
func needsExpression(typ byte) bool {
	return typ == gomysql.MYSQL_TYPE_JSON || typ == gomysql.MYSQL_TYPE_BLOB || typ == gomysql.MYSQL_TYPE_GEOMETRY
}

// setGenerated makes it a generated column.
func setGenerated(out *storage.Column, c *gms.Column, declared *sqlparser.ColumnType) {
	if out.Extra == nil {
		out.Extra = make(map[string]string, 2)
	}
	out.Extra[generatedKey] = c.Generated.String()
	if declared != nil && declared.GeneratedExpr != nil {
		out.Extra[generatedKey] = sqlparser.String(declared.GeneratedExpr)
	}
	if c.Virtual {
		out.Extra[virtualKey] = "1"
	}
}

// setType fills in the type of a column.
func setType(c *storage.Column, t gms.Type) error {
	c.SQLType = t.String()
	switch t := t.(type) {
	case DeclaredNumber:
		return setDeclared(c, t)
	case gms.NumberType:
		return setNumber(c, t)
	case gms.StringType:
		return setString(c, t)
	case gms.DatetimeType:
		return setDatetime(c, t)
	case gms.EnumType:
		members := t.Values()
		c.Type, c.Meta = gomysql.MYSQL_TYPE_ENUM, 1
		if len(members) > 255 {
			c.Meta = 2
		}
		c.Members, c.Collation = members, uint16(t.Collation())
		c.SQLType = "enum(" + quoteList(members) + ")"
		return nil
	case gms.SetType:
		members := t.Values()
		n := (len(members) + 7) / 8
		if n > 4 {
			n = 8
		}
		c.Type, c.Meta = gomysql.MYSQL_TYPE_SET, uint16(n)
		c.Members, c.Collation = members, uint16(t.Collation())
		c.SQLType = "set(" + quoteList(members) + ")"
		return nil
	case gms.DecimalType:
		c.Type = gomysql.MYSQL_TYPE_NEWDECIMAL
		c.Meta = uint16(t.Precision())<<8 | uint16(t.Scale())
		return nil
	case types.BitType:
		c.Type, c.Meta = gomysql.MYSQL_TYPE_BIT, uint16(t.NumberOfBits())
		return nil
	case DeclaredTime:
		c.Type, c.Meta = gomysql.MYSQL_TYPE_TIME2, uint16(t.Digits)
		return nil
	}
	switch {
	case types.IsYear(t):
		c.Type = gomysql.MYSQL_TYPE_YEAR
	case types.IsTimespan(t):
		// go-mysql-server knows one TIME type, with microseconds.
		c.Type, c.Meta = gomysql.MYSQL_TYPE_TIME2, 6
	case types.IsJSON(t):
		c.Type, c.Meta = gomysql.MYSQL_TYPE_JSON, 4
	default:
		return unsupported("column type %s", t.String())
	}
	return nil
}

// DeclaredTime is the type of a column that a statement declares as TIME(n).
// go-mysql-server has one TIME type, with microseconds, and refuses TIME(n);
// PrepareStatement puts this one into the statement, so that the definition
// keeps the digits. Tables show the column as go-mysql-server's TIME.
type DeclaredTime struct {
	types.TimespanType_
	Digits int // of the fraction, 0 to 6
}

// String prints the type as SHOW COLUMNS does.
func (t DeclaredTime) String() string {
	if t.Digits == 0 {
		return "time"
	}
	return fmt.Sprintf("time(%d)", t.Digits)
}

func setNumber(c *storage.Column, t gms.NumberType) error {
	switch t.Type() {
	case sqltypes.Int8:
		c.Type = gomysql.MYSQL_TYPE_TINY
	case sqltypes.Uint8:
		c.Type, c.Unsigned = gomysql.MYSQL_TYPE_TINY, true
	case sqltypes.Int16:
		c.Type = gomysql.MYSQL_TYPE_SHORT
	case sqltypes.Uint16:
		c.Type, c.Unsigned = gomysql.MYSQL_TYPE_SHORT, true
	case sqltypes.Int24:
		c.Type = gomysql.MYSQL_TYPE_INT24
	case sqltypes.Uint24:
		c.Type, c.Unsigned = gomysql.MYSQL_TYPE_INT24, true
	case sqltypes.Int32:
		c.Type = gomysql.MYSQL_TYPE_LONG
	case sqltypes.Uint32:
		c.Type, c.Unsigned = gomysql.MYSQL_TYPE_LONG, true
	case sqltypes.Int64:
		c.Type = gomysql.MYSQL_TYPE_LONGLONG
	case sqltypes.Uint64:
		c.Type, c.Unsigned = gomysql.MYSQL_TYPE_LONGLONG, true
	case sqltypes.Float32:
		c.Type, c.Meta = gomysql.MYSQL_TYPE_FLOAT, 4
	case sqltypes.Float64:
		c.Type, c.Meta = gomysql.MYSQL_TYPE_DOUBLE, 8
	default:
		return unsupported("column type %s", t.String())
	}
	return nil
}

func setString(c *storage.Column, t gms.StringType) error {
	c.Collation = uint16(t.Collation())
	if ct, ok := t.(gms.TypeWithCollation); ok {
		c.SQLType = ct.StringWithTableCollation(t.Collation())
	}
	switch t.Type() {
	case sqltypes.Char, sqltypes.Binary:
		c.Type, c.Meta = gomysql.MYSQL_TYPE_STRING, uint16(t.MaxByteLength())
	case sqltypes.VarChar, sqltypes.VarBinary:
		if t.MaxByteLength() > 65535 {
			return sqlErrorf(1074, "42000", "Column length too big for column '%s' (max = %d); use BLOB or TEXT instead",
				c.Name, 65535/t.CharacterSet().MaxLength())
		}
		c.Type, c.Meta = gomysql.MYSQL_TYPE_VARCHAR, uint16(t.MaxByteLength())
	case sqltypes.Text, sqltypes.Blob:
		c.Type = gomysql.MYSQL_TYPE_BLOB
		switch n := t.MaxByteLength(); {
		case n < 1<<8:
			c.Meta = 1
		case n < 1<<16:
			c.Meta = 2
		case n < 1<<24:
			c.Meta = 3
		default:
			c.Meta = 4
		}
	default:
		return unsupported("column type %s", t.String())
	}
	return nil
}

func setDatetime(c *storage.Column, t gms.DatetimeType) error {
	switch t.Type() {
	case sqltypes.Date:
		c.Type = gomysql.MYSQL_TYPE_DATE
	case sqltypes.Datetime:
		c.Type, c.Meta = gomysql.MYSQL_TYPE_DATETIME2, uint16(t.Precision())
	case sqltypes.Timestamp:
		c.Type, c.Meta = gomysql.MYSQL_TYPE_TIMESTAMP2, uint16(t.Precision())
	default:
		return unsupported("column type %s", t.String())
	}
	return nil
}

// typeOf is the inverse of setType.
func typeOf(c *storage.Column) (gms.Type, error) {
	switch c.Type {
	case gomysql.MYSQL_TYPE_TINY, gomysql.MYSQL_TYPE_SHORT, gomysql.MYSQL_TYPE_INT24,
		gomysql.MYSQL_TYPE_LONG, gomysql.MYSQL_TYPE_LONGLONG:
		return integerType(c)
	case gomysql.MYSQL_TYPE_FLOAT:
		return types.Float32, nil
	case gomysql.MYSQL_TYPE_DOUBLE:
		return types.Float64, nil
	case gomysql.MYSQL_TYPE_NEWDECIMAL:
		return types.CreateColumnDecimalType(uint8(c.Meta>>8), uint8(c.Meta))
	case gomysql.MYSQL_TYPE_BIT:
		return types.CreateBitType(uint8(c.Meta))
	case gomysql.MYSQL_TYPE_YEAR:
		return types.Year, nil
	case gomysql.MYSQL_TYPE_DATE:
		return types.Date, nil
	case gomysql.MYSQL_TYPE_TIME2:
		return types.Time, nil
	case gomysql.MYSQL_TYPE_DATETIME2:
		return types.CreateDatetimeType(sqltypes.Datetime, int(c.Meta))
	case gomysql.MYSQL_TYPE_TIMESTAMP2:
		return types.CreateDatetimeType(sqltypes.Timestamp, int(c.Meta))
	case gomysql.MYSQL_TYPE_ENUM:
		return types.CreateEnumType(c.Members, gms.CollationID(c.Collation))
	case gomysql.MYSQL_TYPE_SET:
		return types.CreateSetType(c.Members, gms.CollationID(c.Collation))
	case gomysql.MYSQL_TYPE_STRING, gomysql.MYSQL_TYPE_VARCHAR, gomysql.MYSQL_TYPE_BLOB:
		return stringType(c)
	case gomysql.MYSQL_TYPE_JSON:
		return types.JSON, nil
	}
	return nil, fmt.Errorf("column %s has the unknown type %d", c.Name, c.Type)
}

func integerType(c *storage.Column) (gms.Type, error) {
	signed := map[byte]querypb.Type{
		gomysql.MYSQL_TYPE_TINY: sqltypes.Int8, gomysql.MYSQL_TYPE_SHORT: sqltypes.Int16,
		gomysql.MYSQL_TYPE_INT24: sqltypes.Int24, gomysql.MYSQL_TYPE_LONG: sqltypes.Int32,
		gomysql.MYSQL_TYPE_LONGLONG: sqltypes.Int64,
	}
	unsigned := map[byte]querypb.Type{
		gomysql.MYSQL_TYPE_TINY: sqltypes.Uint8, gomysql.MYSQL_TYPE_SHORT: sqltypes.Uint16,
		gomysql.MYSQL_TYPE_INT24: sqltypes.Uint24, gomysql.MYSQL_TYPE_LONG: sqltypes.Uint32,
		gomysql.MYSQL_TYPE_LONGLONG: sqltypes.Uint64,
	}
	if c.Unsigned {
		return types.CreateNumberType(unsigned[c.Type])
	}
	if c.Type == gomysql.MYSQL_TYPE_TINY && c.SQLType == "tinyint(1)" {
		return types.Boolean, nil
	}
	return types.CreateNumberType(signed[c.Type])
}

func stringType(c *storage.Column) (gms.Type, error) {
	collation := gms.CollationID(c.Collation)
	width := collation.CharacterSet().MaxLength()
	binary := collation == gms.Collation_binary
	var base querypb.Type
	n := int64(c.Meta)
	switch c.Type {
	case gomysql.MYSQL_TYPE_STRING:
		base, n = sqltypes.Char, n/width
	case gomysql.MYSQL_TYPE_VARCHAR:
		base, n = sqltypes.VarChar, n/width
	default:
		base = sqltypes.Text
		n = [...]int64{1: types.TinyTextBlobMax, 2: types.TextBlobMax, 3: types.MediumTextBlobMax, 4: types.LongTextBlobMax}[c.Meta]
	}
	if binary {
		base = map[querypb.Type]querypb.Type{
			sqltypes.Char: sqltypes.Binary, sqltypes.VarChar: sqltypes.VarBinary, sqltypes.Text: sqltypes.Blob,
		}[base]
	}
	return types.CreateString(base, n, collation)
}

// quoteList prints members as SHOW COLUMNS does: 'a','b'.
func quoteList(members []string) string {
	var b strings.Builder
	for i, m := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('\'')
		b.WriteString(strings.ReplaceAll(m, "'", "''"))
		b.WriteByte('\'')
	}
	return b.String()
}

// schemaOf builds the schema that go-mysql-server sees.
func schemaOf(s *storage.Schema) (gms.Schema, error) {
	primary := make(map[int]bool, len(s.Primary))
	for _, p := range s.Primary {
		primary[p.Column] = true
	}
	out := make(gms.Schema, len(s.Columns))
	for i := range s.Columns {
		c := &s.Columns[i]
		t, err := typeOf(c)
		if err != nil {
			return nil, fmt.Errorf("table %s.%s: %w", s.Database, s.Name, err)
		}
		col := &gms.Column{
			Name: c.Name, Type: t, Source: s.Name, DatabaseSource: s.Database,
			PrimaryKey: primary[i], Nullable: c.Nullable, AutoIncrement: c.AutoIncrement,
			Hidden: c.Invisible, Comment: c.Comment,
		}
		if c.HasDefault {
			col.Default = gms.NewUnresolvedColumnDefaultValue(c.Default)
		}
		if text := c.Extra[generatedKey]; text != "" {
			col.Generated = gms.NewUnresolvedColumnDefaultValue(text)
		}
		if c.OnUpdate != "" {
			col.OnUpdate = gms.NewUnresolvedColumnDefaultValue(c.OnUpdate)
		}
		col.Extra = extraOf(c)
		out[i] = col
	}
	return out, nil
}

// extraOf is the column Extra of SHOW COLUMNS.
func extraOf(c *storage.Column) string {
	var parts []string
	if c.Extra[generatedKey] != "" {
		if c.Extra[virtualKey] != "" {
			return "VIRTUAL GENERATED"
		}
		return "STORED GENERATED"
	}
	if c.AutoIncrement {
		parts = append(parts, "auto_increment")
	}
	if c.HasDefault && c.DefaultIsExpr {
		parts = append(parts, "DEFAULT_GENERATED")
	}
	if c.OnUpdate != "" {
		parts = append(parts, "on update "+c.OnUpdate)
	}
	return strings.Join(parts, " ")
}
