package tables

import (
	"strconv"
	"strings"

	"github.com/dolthub/vitess/go/vt/sqlparser"
)

// PrepareStatement readies a parsed statement for the planner: it declares TIME
// columns with their digits, and refuses clauses that go-mysql-server accepts
// and ignores. The statement is changed in place.
func PrepareStatement(stmt sqlparser.Statement) error {
	switch n := stmt.(type) {
	case *sqlparser.DDL:
		return prepareDDL(n)
	case *sqlparser.Delete:
		if len(n.Partitions) > 0 {
			return sqlErrorf(1747, "HY000", "PARTITION () clause on non partitioned table")
		}
		prepareDelete(n)
	}
	return nil
}

// prepareDelete gives a DELETE of all rows a limit above every row count:
// go-mysql-server would make it a TRUNCATE, which no transaction can undo and
// no row event tells of.
func prepareDelete(n *sqlparser.Delete) {
	if n.Where == nil && n.Limit == nil && len(n.Targets) == 0 {
		n.Limit = &sqlparser.Limit{Rowcount: sqlparser.NewIntVal([]byte("9223372036854775807"))}
	}
}

func prepareDDL(n *sqlparser.DDL) error {
	if n.PartitionSpec != nil || n.TableSpec != nil && n.TableSpec.PartitionOpt != nil {
		return unsupported("PARTITION BY")
	}
	if n.OptSelect != nil {
		return unsupported("CREATE TABLE ... SELECT")
	}
	if n.TableSpec != nil {
		charset := ""
		for _, o := range n.TableSpec.TableOpts {
			if strings.HasSuffix(strings.ToLower(o.Name), "character set") || strings.HasSuffix(strings.ToLower(o.Name), "charset") {
				charset = strings.ToLower(o.Value)
			}
		}
		for _, c := range n.TableSpec.Columns {
			if err := prepareColumn(&c.Type, c.Name.String(), charset); err != nil {
				return err
			}
		}
		if err := checkGenerated(n.TableSpec.Columns); err != nil {
			return err
		}
		for _, c := range n.TableSpec.Constraints {
			if _, ok := c.Details.(*sqlparser.ForeignKeyDefinition); ok && n.Temporary {
				return sqlErrorf(1215, "HY000", "Cannot add foreign key constraint")
			}
		}
		for _, x := range n.TableSpec.Indexes {
			if err := prepareIndex(x); err != nil {
				return err
			}
		}
	}
	if n.ColumnTypeSpec != nil {
		return prepareColumn(&n.ColumnTypeSpec.Type, "", "")
	}
	return nil
}

// checkGenerated refuses generated columns that use one defined after them,
// themselves or the AUTO_INCREMENT column.
func checkGenerated(columns []*sqlparser.ColumnDefinition) error {
	for i, c := range columns {
		if c.Type.GeneratedExpr == nil {
			continue
		}
		uses := columnsOf(c.Type.GeneratedExpr)
		for j, o := range columns {
			switch {
			case !uses[o.Name.Lowered()]:
			case bool(o.Type.Autoincrement):
				return sqlErrorf(3109, "HY000", "Generated column '%s' cannot refer to auto-increment column.", c.Name.String())
			case j >= i && o.Type.GeneratedExpr != nil:
				return sqlErrorf(3107, "HY000", "Generated column can refer only to generated columns defined prior to it.")
			}
		}
	}
	return nil
}

// prepareIndex refuses kinds of keys that are not done.
func prepareIndex(x *sqlparser.IndexDefinition) error {
	switch {
	case x.Info.Fulltext:
		return unsupported("FULLTEXT index")
	case x.Info.Spatial:
		return unsupported("SPATIAL index")
	case x.Info.Vector:
		return unsupported("VECTOR index")
	}
	for _, f := range x.Fields {
		if f.Expression != nil {
			return unsupported("functional index")
		}
	}
	for _, o := range x.Options {
		switch name := strings.ToUpper(o.Name); name {
		case "INVISIBLE":
			return unsupported("INVISIBLE index")
		case "ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE":
			return unsupported("%s", name)
		}
	}
	return nil
}

func prepareColumn(t *sqlparser.ColumnType, name, charset string) error {
	if t.ForeignKeyDef != nil {
		// An inline REFERENCES is parsed and ignored by MySQL as well.
		t.ForeignKeyDef = nil
	}
	if t.Zerofill {
		return unsupported("ZEROFILL")
	}
	if t.ResolvedType != nil {
		return nil
	}
	switch strings.ToLower(t.Type) {
	case "float", "double", "real", "double precision", "decimal", "fixed", "dec", "numeric":
		return prepareNumber(t, name)
	case "time":
	default:
		return prepareText(t, name, charset)
	}
	digits := 0
	if t.Length != nil {
		n, err := strconv.Atoi(string(t.Length.Val))
		if err != nil || n > 6 {
			return sqlErrorf(1426, "42000", "Too-big precision %s specified for 'TIME'. Maximum is 6.", t.Length.Val)
		}
		digits = n
	}
	t.ResolvedType = DeclaredTime{Digits: digits}
	t.Length = nil
	return nil
}
