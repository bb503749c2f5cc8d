package sql

import (
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/information_schema"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/sql/auth"
	"binrelay/sql/replstmt"
	"binrelay/sql/tables"
)

// infoSchema is information_schema with tables of ours in front of
// go-mysql-server's.
type infoSchema struct {
	gms.Database
	server *Server
	own    map[string]gms.Table // by name in lower case
}

// GetTableInsensitive implements gms.Database.
func (d *infoSchema) GetTableInsensitive(ctx *gms.Context, name string) (gms.Table, bool, error) {
	if t, ok := d.own[strings.ToLower(name)]; ok {
		return t, true, nil
	}
	t, ok, err := d.Database.GetTableInsensitive(ctx, name)
	if c, is := t.(*information_schema.ColumnsTable); is {
		t = d.server.columnsTable(c)
	}
	return t, ok, err
}

// showPrograms puts the tables of stored programs into information_schema.
func (s *Server) showPrograms(schema gms.Database) gms.Database {
	out := &infoSchema{Database: schema, server: s, own: make(map[string]gms.Table)}
	for name, rows := range map[string]func(*gms.Context, *tables.Database) ([]gms.Row, error){
		information_schema.RoutinesTableName:   s.routineRows,
		information_schema.ParametersTableName: s.parameterRows,
		information_schema.EventsTableName:     s.eventRows,
	} {
		base, ok, err := schema.GetTableInsensitive(nil, name)
		if err != nil || !ok {
			continue
		}
		out.own[name] = &information_schema.InformationSchemaTable{
			TableName: name, TableSchema: base.Schema(nil),
			Reader: func(ctx *gms.Context, _ gms.Catalog) (gms.RowIter, error) {
				var all []gms.Row
				for _, db := range s.provider.AllDatabases(ctx) {
					if d, ok := db.(*tables.Database); ok {
						more, err := rows(ctx, d)
						if err != nil {
							return nil, err
						}
						all = append(all, more...)
					}
				}
				return gms.RowsToRowIter(all...), nil
			},
		}
	}
	return out
}

// eachRoutine visits the routines of a database that the account may know of.
func (s *Server) eachRoutine(ctx *gms.Context, d *tables.Database, do func(r *tables.Routine, whole bool) error) error {
	own := sessionOf(ctx)
	if own == nil {
		return nil
	}
	for _, kind := range []string{"FUNCTION", "PROCEDURE"} {
		all, err := d.Routines(ctx, kind)
		if err != nil {
			return err
		}
		for i := range all {
			r := &all[i]
			c := own.Client()
			whole := r.User == c.User && r.Host == c.Address || own.may(ctx, gms.PrivilegeType_Select, "show_routine")
			if !whole && !own.mayRoutine(d.Name(), r.Name, programKind(kind), auth.Execute|auth.AlterRoutine|auth.CreateRoutine) {
				continue
			}
			if err := do(r, whole); err != nil {
				return err
			}
		}
	}
	return nil
}

// routineRows are the rows of information_schema.ROUTINES.
func (s *Server) routineRows(ctx *gms.Context, d *tables.Database) (rows []gms.Row, err error) {
	err = s.eachRoutine(ctx, d, func(r *tables.Routine, whole bool) error {
		typ := typeInfo{data: ""}
		if r.Kind == "FUNCTION" {
			v, err := tables.NewVariable(r.Name, r.Returns, gms.CollationID(collationID(r.Collation)))
			if err != nil {
				return err
			}
			typ = infoOf(ctx, v)
		}
		var body any
		if whole {
			body = r.Body
		}
		rows = append(rows, gms.NewRow(r.Name, "def", d.Name(), r.Name, r.Kind, typ.data, typ.chars, typ.bytes, typ.precision, typ.scale, typ.time,
			typ.charset, typ.collation, typ.full, "SQL", body, nil, "SQL", "SQL", yesNo(r.Deterministic), r.Data, nil, security(r.Invoker),
			r.Created, r.Altered, r.SQLMode, r.Comment, r.User+"@"+r.Host, r.Client, r.Connection, r.Collation))
		return nil
	})
	return rows, err
}

// parameterRows are the rows of information_schema.PARAMETERS.
func (s *Server) parameterRows(ctx *gms.Context, d *tables.Database) (rows []gms.Row, err error) {
	add := func(r *tables.Routine, n int, mode, name any, typ string) error {
		v, err := tables.NewVariable("p", typ, gms.CollationID(collationID(r.Collation)))
		if err != nil {
			return err
		}
		t := infoOf(ctx, v)
		var scale any
		if n, ok := t.scale.(uint32); ok {
			scale = int64(n)
		}
		rows = append(rows, gms.NewRow("def", d.Name(), r.Name, uint64(n), mode, name, t.data, t.chars, t.bytes, t.precision, scale, t.time,
			t.charset, t.collation, t.full, r.Kind))
		return nil
	}
	err = s.eachRoutine(ctx, d, func(r *tables.Routine, _ bool) error {
		if r.Kind == "FUNCTION" {
			if err := add(r, 0, nil, nil, r.Returns); err != nil {
				return err
			}
		}
		params, err := replstmt.ParseParams(r.Kind, r.Params)
		if err != nil {
			return err
		}
		for i, p := range params {
			if err := add(r, i+1, p.Mode, p.Name, p.Type); err != nil {
				return err
			}
		}
		return nil
	})
	return rows, err
}

func yesNo(b bool) string {
	if b {
		return "YES"
	}
	return "NO"
}

func security(invoker bool) string {
	if invoker {
		return "INVOKER"
	}
	return "DEFINER"
}

// typeInfo is what information_schema says of a type; nil is NULL.
type typeInfo struct {
	data, full                                               any
	chars, bytes, precision, scale, time, charset, collation any
}

func infoOf(ctx *gms.Context, v *tables.Variable) (out typeInfo) {
	out.full = v.SQLType
	data, _, _ := strings.Cut(v.SQLType, "(")
	data, _, _ = strings.Cut(data, " ")
	out.data = data
	if v.Collation != 0 {
		out.charset, out.collation = v.Collation.CharacterSet().Name(), v.Collation.Name()
	}
	switch t := v.Type.(type) {
	case gms.StringType:
		out.chars, out.bytes = t.MaxCharacterLength(), t.MaxByteLength()
	case gms.DecimalType:
		out.precision, out.scale = uint32(t.Precision()), uint32(t.Scale())
	case types.BitType:
		out.precision = uint32(t.NumberOfBits())
	case gms.DatetimeType:
		if data != "date" {
			out.time = uint32(t.Precision())
		}
	case gms.NumberType:
		n, exact := numericPrecision[data], true
		switch data {
		case "float", "double":
			exact = false
		case "bigint":
			if strings.HasSuffix(v.SQLType, "unsigned") {
				n = 20
			}
		case "mediumint":
			if strings.HasSuffix(v.SQLType, "unsigned") {
				n = 7
			}
		}
		out.precision = n
		if exact {
			out.scale = uint32(0)
		}
	}
	if types.IsTimespan(v.Type) {
		out.time = uint32(v.TimeDigits())
	}
	return out
}

// numericPrecision are the digits of number types. Source: MySQL 8.0,
// information_schema.COLUMNS.
var numericPrecision = map[string]uint32{"tinyint": 3, "smallint": 5, "mediumint": 7, "int": 10, "bigint": 19, "float": 12, "double": 22}
