package sql

import (
	"github.com/dolthub/go-mysql-server/server"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
)

// resultBatch is how many rows of a procedure's result set are sent at a time.
const resultBatch = 128

// sendResult sends a result set of a procedure to the client.
func (s *Session) sendResult(ctx *gms.Context, schema gms.Schema, it gms.RowIter) error {
	if s.client == nil {
		_, err := drain(ctx, it, 0)
		return err
	}
	fields := fieldsOf(ctx, schema)
	buf := gms.ByteBufPool.Get().(*gms.ByteBuffer)
	defer func() {
		buf.Reset()
		gms.ByteBufPool.Put(buf)
	}()
	return s.client.SendResult(fields, func() ([][]sqltypes.Value, error) {
		buf.Reset()
		var rows [][]sqltypes.Value
		for len(rows) < resultBatch {
			row, err := it.Next(ctx)
			if isEOF(err) {
				break
			}
			if err != nil {
				return nil, err
			}
			values, err := server.RowToSQL(ctx, schema, row, nil, buf)
			if err != nil {
				return nil, err
			}
			rows = append(rows, values)
		}
		return rows, nil
	})
}

// fieldsOf describes the columns of a result set, as go-mysql-server's handler
// does.
func fieldsOf(ctx *gms.Context, schema gms.Schema) []*querypb.Field {
	results := ctx.GetCharacterSetResults()
	out := make([]*querypb.Field, len(schema))
	for i, c := range schema {
		charset := uint32(gms.Collation_Default.CharacterSet())
		if t, ok := c.Type.(gms.TypeWithCollation); ok {
			charset = uint32(t.Collation().CharacterSet())
		}
		if types.IsBinaryType(c.Type) {
			charset = uint32(gms.Collation_binary)
		} else if results != gms.CharacterSet_Unspecified {
			charset = uint32(results)
		}
		var flags querypb.MySqlFlag
		if !c.Nullable {
			flags |= querypb.MySqlFlag_NOT_NULL_FLAG
		}
		if c.AutoIncrement {
			flags |= querypb.MySqlFlag_AUTO_INCREMENT_FLAG
		}
		if c.PrimaryKey {
			flags |= querypb.MySqlFlag_PRI_KEY_FLAG
		}
		if types.IsUnsigned(c.Type) {
			flags |= querypb.MySqlFlag_UNSIGNED_FLAG
		}
		out[i] = &querypb.Field{
			Name: c.Name, OrgName: c.Name, Table: c.Source, OrgTable: c.Source, Database: c.DatabaseSource,
			Type: c.Type.Type(), Charset: charset, ColumnLength: c.Type.MaxTextResponseByteLength(ctx), Flags: uint32(flags),
		}
		if types.IsDecimal(c.Type) {
			if d, ok := c.Type.(gms.DecimalType); ok {
				out[i].Decimals = uint32(d.Scale())
			}
		} else if d, ok := c.Type.(gms.DatetimeType); ok {
			out[i].Decimals = uint32(d.Precision())
		}
	}
	return out
}
