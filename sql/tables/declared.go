package tables

import (
	"fmt"
	"strconv"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
	"github.com/dolthub/vitess/go/vt/sqlparser"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/sql/storage"
)

// engineType is embedded under this name: gms.Type has a method Type.
type engineType = gms.Type

// DeclaredNumber is the type of a column that a statement declares as FLOAT,
// DOUBLE or DECIMAL. go-mysql-server ignores UNSIGNED and the digits of
// FLOAT(M,D); PrepareStatement puts this one into the statement, so that the
// definition keeps them. Tables show the column as go-mysql-server's type.
type DeclaredNumber struct {
	engineType
	Unsigned         bool
	Digits, Decimals int // of FLOAT(M,D) and DOUBLE(M,D); Digits 0 = not given
}

// String prints the type as SHOW COLUMNS does.
func (t DeclaredNumber) String() string {
	s := t.engineType.String()
	if t.Digits > 0 {
		s += fmt.Sprintf("(%d,%d)", t.Digits, t.Decimals)
	}
	if t.Unsigned {
		s += " unsigned"
	}
	return s
}

// Keys of a column's Extra: M and D of FLOAT(M,D).
const (
	digitsKey   = "digits"
	decimalsKey = "decimals"
)

func setDeclared(c *storage.Column, t DeclaredNumber) error {
	if err := setType(c, t.engineType); err != nil {
		return err
	}
	c.Unsigned, c.SQLType = t.Unsigned, t.String()
	if t.Digits > 0 {
		c.Extra = map[string]string{digitsKey: strconv.Itoa(t.Digits), decimalsKey: strconv.Itoa(t.Decimals)}
	}
	return nil
}

// declaredAs returns the type with which a statement would declare the column,
// t if that says it all.
func declaredAs(c *storage.Column, t gms.Type) gms.Type {
	switch c.Type {
	case gomysql.MYSQL_TYPE_TIME2:
		return DeclaredTime{Digits: int(c.Meta)}
	case gomysql.MYSQL_TYPE_FLOAT, gomysql.MYSQL_TYPE_DOUBLE, gomysql.MYSQL_TYPE_NEWDECIMAL:
		digits, decimals, _ := FloatDigits(c)
		return DeclaredNumber{t, c.Unsigned, digits, decimals}
	}
	return t
}

// FloatDigits returns M and D of a FLOAT(M,D) or DOUBLE(M,D) column.
func FloatDigits(c *storage.Column) (digits, decimals int, ok bool) {
	digits, err := strconv.Atoi(c.Extra[digitsKey])
	if err != nil {
		return 0, 0, false
	}
	decimals, err = strconv.Atoi(c.Extra[decimalsKey])
	return digits, decimals, err == nil
}

// Refine completes the protocol's definition of a column.
func Refine(c *storage.Column, f *querypb.Field) {
	if c.Unsigned {
		f.Flags |= uint32(querypb.MySqlFlag_UNSIGNED_FLAG)
	}
	switch c.Type {
	case gomysql.MYSQL_TYPE_TIMESTAMP2:
		f.Decimals = uint32(c.Meta)
	case gomysql.MYSQL_TYPE_TINY:
		if c.SQLType == "tinyint(1)" {
			f.ColumnLength = 1
		}
	case gomysql.MYSQL_TYPE_NEWDECIMAL:
		if c.Unsigned && f.ColumnLength > 0 {
			f.ColumnLength-- // no sign
		}
	case gomysql.MYSQL_TYPE_FLOAT, gomysql.MYSQL_TYPE_DOUBLE:
		if digits, decimals, ok := FloatDigits(c); ok {
			f.Decimals, f.ColumnLength = uint32(decimals), uint32(digits)
		}
	}
}

// prepareNumber resolves the type of a FLOAT, DOUBLE or DECIMAL column.
func prepareNumber(t *sqlparser.ColumnType, column string) error {
	number := func(v *sqlparser.SQLVal) int {
		if v == nil {
			return -1
		}
		n, err := strconv.Atoi(string(v.Val))
		if err != nil {
			return 1 << 20
		}
		return n
	}
	m, d := number(t.Length), number(t.Scale)
	out := DeclaredNumber{Unsigned: bool(t.Unsigned)}
	switch kind := strings.ToLower(t.Type); kind {
	case "float", "double", "real", "double precision":
		switch {
		case d > 30:
			return sqlErrorf(1425, "42000", "Too big scale %d specified for column '%s'. Maximum is 30.", d, column)
		case d >= 0 && m > 255:
			return sqlErrorf(1439, "42000", "Display width out of range for column '%s' (max = 255)", column)
		case d > m:
			return sqlErrorf(1427, "42000", "For float(M,D), double(M,D) or decimal(M,D), M must be >= D (column '%s').", column)
		case d < 0 && m > 53:
			return sqlErrorf(1063, "42000", "Incorrect column specifier for column '%s'", column)
		}
		out.engineType = types.Float64
		if kind == "float" && (d >= 0 || m <= 24) {
			out.engineType = types.Float32
		}
		if d >= 0 {
			out.Digits, out.Decimals = m, d
		}
	default:
		m, d = max(m, 0), max(d, 0)
		if m == 0 {
			m = 10
		}
		switch {
		case m > 65:
			return sqlErrorf(1426, "42000", "Too-big precision %d specified for '%s'. Maximum is 65.", m, column)
		case d > 30:
			return sqlErrorf(1425, "42000", "Too big scale %d specified for column '%s'. Maximum is 30.", d, column)
		case d > m:
			return sqlErrorf(1427, "42000", "For float(M,D), double(M,D) or decimal(M,D), M must be >= D (column '%s').", column)
		}
		var err error
		if out.engineType, err = types.CreateColumnDecimalType(uint8(m), uint8(d)); err != nil {
			return err
		}
	}
	t.ResolvedType, t.Length, t.Scale = out, nil, nil
	return nil
}

// prepareText checks a string column, and gives one with the attribute BINARY
// the collation that it stands for. charset is the table's, if it names one.
func prepareText(t *sqlparser.ColumnType, column, charset string) error {
	if t.Length != nil {
		n, err := strconv.ParseUint(string(t.Length.Val), 10, 64)
		switch strings.ToLower(t.Type) {
		case "char", "character", "binary", "nchar", "national char", "national character":
			if err != nil || n > 255 {
				return sqlErrorf(1074, "42000", "Column length too big for column '%s' (max = 255); use BLOB or TEXT instead", column)
			}
		case "varchar", "varbinary", "char varying", "character varying", "nvarchar":
			if err != nil || n > 65535 {
				return sqlErrorf(1074, "42000", "Column length too big for column '%s' (max = 65535); use BLOB or TEXT instead", column)
			}
		case "bit":
			if err != nil || n > 64 {
				return sqlErrorf(1439, "42000", "Display width out of range for column '%s' (max = 64)", column)
			}
			if n == 0 {
				return sqlErrorf(3013, "HY000", "Invalid size for column '%s'.", column)
			}
		}
	}
	if t.BinaryCollate && t.Collate == "" {
		if t.Charset != "" {
			charset = t.Charset
		}
		if charset == "" {
			charset = "utf8mb4"
		}
		t.Charset, t.Collate, t.BinaryCollate = charset, charset+"_bin", false
	}
	return nil
}

// maxRow is the greatest size of a row without its BLOBs; maxColumns is
// InnoDB's limit.
const (
	maxRow     = 65535
	maxColumns = 1017
)

// checkRow refuses tables that MySQL's row format cannot hold.
func checkRow(columns []storage.Column) error {
	if len(columns) > maxColumns {
		return sqlErrorf(1117, "HY000", "Too many columns")
	}
	size, nullable := 0, 0
	for i := range columns {
		c := &columns[i]
		if c.Nullable {
			nullable++
		}
		size += rowBytes(c)
	}
	if size+(nullable+7)/8 > maxRow {
		return sqlErrorf(1118, "42000", "Row size too large. The maximum row size for the used table type, not counting BLOBs, is 65535. This includes storage overhead, check the manual. You have to change some columns to TEXT or BLOBs")
	}
	return nil
}

// rowBytes is what a column takes of a row, a BLOB its length and a pointer.
func rowBytes(c *storage.Column) int {
	n := int(c.Meta)
	switch c.Type {
	case gomysql.MYSQL_TYPE_TINY, gomysql.MYSQL_TYPE_YEAR:
		return 1
	case gomysql.MYSQL_TYPE_SHORT:
		return 2
	case gomysql.MYSQL_TYPE_INT24, gomysql.MYSQL_TYPE_DATE:
		return 3
	case gomysql.MYSQL_TYPE_LONG, gomysql.MYSQL_TYPE_FLOAT:
		return 4
	case gomysql.MYSQL_TYPE_NEWDECIMAL:
		return (n>>8)*4/9 + 2
	case gomysql.MYSQL_TYPE_BIT:
		return (n + 7) / 8
	case gomysql.MYSQL_TYPE_TIME2, gomysql.MYSQL_TYPE_TIMESTAMP2, gomysql.MYSQL_TYPE_DATETIME2:
		return 5 + (n+1)/2
	case gomysql.MYSQL_TYPE_VARCHAR:
		if n > 255 {
			return n + 2
		}
		return n + 1
	case gomysql.MYSQL_TYPE_BLOB, gomysql.MYSQL_TYPE_JSON:
		return n + 8
	case gomysql.MYSQL_TYPE_STRING, gomysql.MYSQL_TYPE_ENUM, gomysql.MYSQL_TYPE_SET:
		return n
	}
	return 8
}
