package tables

import (
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/storage"
)

// Variable is a parameter, a local variable or the result of a stored program.
type Variable struct {
	Name string
	Type gms.Type // of its values
	// SQLType is the type as MySQL prints it: varchar(20).
	SQLType   string
	Collation gms.CollationID // of a text; 0 for other types
	column    storage.Column
}

// NewVariable makes a variable of a declared type. Its texts have the collation
// of their declaration, else c.
func NewVariable(name, declared string, c gms.CollationID) (*Variable, error) {
	stmt, err := sqlparser.Parse("CREATE TABLE t (`" + strings.ReplaceAll(name, "`", "``") + "` " + declared + ")")
	if err != nil {
		return nil, err
	}
	d, ok := stmt.(*sqlparser.DDL)
	if !ok || d.TableSpec == nil || len(d.TableSpec.Columns) != 1 {
		return nil, unsupported("the type %s in a stored program", declared)
	}
	if err := PrepareStatement(stmt); err != nil {
		return nil, err
	}
	ct := &d.TableSpec.Columns[0].Type
	switch strings.ToLower(ct.Type) {
	case "char", "varchar", "text", "tinytext", "mediumtext", "longtext", "enum", "set", "character", "nchar", "nvarchar":
		if ct.Charset == "" && ct.Collate == "" && ct.ResolvedType == nil && !ct.BinaryCollate {
			ct.Collate = c.Name()
		}
	}
	t, err := types.ColumnTypeToType(ct)
	if err != nil {
		return nil, err
	}
	v := &Variable{Name: name}
	if v.column, err = columnOf(&gms.Column{Name: name, Type: t, Nullable: true}, nil); err != nil {
		return nil, err
	}
	if v.Type, err = typeOf(&v.column); err != nil {
		return nil, err
	}
	v.SQLType = v.column.SQLType
	if s, ok := v.Type.(gms.TypeWithCollation); ok && s.Collation() != gms.Collation_binary {
		v.Collation = s.Collation()
	}
	return v, nil
}

// Convert makes a value of type from one of the variable's; nil is NULL. In
// strict mode nothing is lost without an error, else there are warnings.
func (v *Variable) Convert(ctx *gms.Context, value any, from gms.Type) (any, error) {
	value, err := gms.UnwrapAny(ctx, value)
	if value == nil || err != nil {
		return nil, err
	}
	source, err := columnOf(&gms.Column{Name: v.Name, Type: from, Nullable: true}, nil)
	if err != nil {
		source, from = storage.Column{}, types.LongText // a type that no column has
	}
	if b, ok := value.(bool); ok {
		value = int8(boolInt(b))
	}
	mode := gms.LoadSqlMode(ctx).String()
	x := &conversion{
		from: &source, to: &v.column, fromType: from, toType: v.Type, assigns: true,
		mode: mode, strict: strings.Contains(mode, "STRICT_") || strings.Contains(mode, "TRADITIONAL"),
	}
	return x.value(ctx, value, 1)
}

// TimeDigits are the decimals of a TIME.
func (v *Variable) TimeDigits() int {
	if v.column.Type != timeColumn {
		return 0
	}
	return int(v.column.Meta)
}
