package wire

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/dolthub/vitess/go/mysql"
	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
	"github.com/dolthub/vitess/go/vt/sqlparser"
)

const (
	// maxStmts bounds the prepared statements of one connection;
	// max_prepared_stmt_count's default.
	maxStmts = 16382
	// maxParams is MySQL's bound on placeholders of a statement.
	maxParams = 65535
)

// stmt is a prepared statement. The handler keeps nothing: each execution
// passes the text and the values.
type stmt struct {
	id     uint32
	query  string
	params int
	types  []byte // two bytes a parameter, as last sent
	// long holds what COM_STMT_SEND_LONG_DATA sent, by parameter.
	long     map[int][]byte
	plain    *Statement // if the session may run it itself; nil = not
	longSize int
	longErr  *sqlError // reported by the next execution
}

func (s *stmt) resetLong() { s.long, s.longSize, s.longErr = nil, 0, nil }

// prepare answers COM_STMT_PREPARE:
//
//	00 | statement id 4 | columns 2 | parameters 2 | 00 | warnings 2
//
// then the definitions of parameters and of columns, each list with its end.
func (c *conn) prepare(q string) {
	if len(c.stmts) >= maxStmts {
		c.writeErr(wireError(1461, "42000", fmt.Sprintf(
			"Can't create more than max_prepared_stmt_count statements (current value: %d)", maxStmts)))
		return
	}
	n, err := c.countParams(q)
	if err != nil {
		c.fail(err, q)
		return
	}
	c.lastStmt++
	st := &stmt{id: c.lastStmt, query: q, params: n}
	var fields []*querypb.Field
	err = c.run(func(ctx context.Context) (err error) {
		fields, err = c.s.handler.ComPrepare(ctx, c.mc, q, &mysql.PrepareData{
			StatementID: st.id, PrepareStmt: q, ParamsCount: uint16(n),
		})
		return err
	})
	if err != nil {
		c.fail(err, q)
		return
	}
	if c.stmts == nil {
		c.stmts = make(map[uint32]*stmt)
	}
	st.plain = c.preparedPlain(q)
	c.stmts[st.id] = st
	b := append(c.row[:0], headerOK)
	b = binary.LittleEndian.AppendUint32(b, st.id)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(fields)))
	b = binary.LittleEndian.AppendUint16(b, uint16(n))
	c.send(append(b, 0, 0, 0))
	if n > 0 {
		c.writeParamDefinitions(n)
	}
	if len(fields) > 0 {
		c.writeDefinitions(fields)
	}
}

var paramDefinition = &querypb.Field{Name: "?", Type: sqltypes.VarBinary, Charset: binaryCollation}

func (c *conn) writeParamDefinitions(n int) {
	for range n {
		c.send(appendDefinition(c.row[:0], paramDefinition))
	}
	c.writeEOF(false, 0, 0)
}

// countParams counts the placeholders of a statement by its tokens, so that
// statements that only package sql can parse are counted as well.
func (c *conn) countParams(q string) (int, error) {
	opts, err := c.s.handler.ParserOptionsForConnection(c.mc)
	if err != nil {
		return 0, err
	}
	t := sqlparser.NewStringTokenizer(q)
	if opts.AnsiQuotes {
		t = sqlparser.NewStringTokenizerForAnsiQuotes(q)
	}
	n := 0
	for {
		switch tok, _ := t.Scan(); tok {
		case 0, sqlparser.LEX_ERROR:
			return n, nil
		case sqlparser.VALUE_ARG:
			if n++; n > maxParams {
				return 0, wireError(erTooManyPlaceholder, "HY000", "Prepared statement contains too many placeholders")
			}
		}
	}
}

// stmtOf finds the statement that a command names by its first four bytes; it
// sends the error itself.
func (c *conn) stmtOf(cur *cursor, caller string) *stmt {
	id := cur.u32()
	if cur.bad {
		c.writeErr(errMalformed)
		return nil
	}
	st := c.stmts[id]
	if st == nil {
		c.writeErr(wireError(erUnknownStmt, "HY000",
			fmt.Sprintf("Unknown prepared statement handler (%d) given to %s", id, caller)))
	}
	return st
}

// execute answers COM_STMT_EXECUTE:
//
//	statement id 4 | cursor flags 1 | iterations 4 (1) | parameters
//
// A wish for a cursor is ignored, as MySQL does where it cannot open one: the
// rows follow at once.
func (c *conn) execute(p []byte) {
	cur := cursor{b: p}
	st := c.stmtOf(&cur, "mysqld_stmt_execute")
	if st == nil {
		return
	}
	cur.u8()
	iterations := cur.u32()
	packet := cur
	plain := st.withParams(packet)
	if iterations > 1 {
		plain = nil
	}
	var vars map[string]*querypb.BindVariable
	bind := func() (err error) {
		vars, err = c.bind(st, &packet)
		if err == nil && (packet.bad || iterations > 1) {
			err = errMalformed
		}
		return err
	}
	if plain == nil {
		if err := bind(); err != nil {
			c.fail(err, "")
			return
		}
	}
	r := results{c: c, binary: true}
	err := c.again(&r, st.query, plain, func(ctx context.Context) error {
		if plain != nil && vars == nil {
			if err := bind(); err != nil {
				return err
			}
		}
		pd := &mysql.PrepareData{
			StatementID: st.id, PrepareStmt: st.query, ParamsCount: uint16(st.params), BindVars: vars,
		}
		return c.s.handler.ComStmtExecute(ctx, c.mc, pd, func(res *sqltypes.Result) error { return r.send(res, false) })
	})
	r.end(err, st.query)
}

// bind decodes the parameters and forgets the long data.
func (c *conn) bind(st *stmt, cur *cursor) (map[string]*querypb.BindVariable, error) {
	defer st.resetLong()
	if st.longErr != nil {
		return nil, st.longErr
	}
	if st.params == 0 {
		return nil, nil
	}
	vars, types, err := params(cur, st.params, st.types, st.long)
	if err != nil {
		return nil, err
	}
	st.types = types
	return vars, nil
}

// longData takes a piece of a parameter: statement id 4 | parameter 2 | data.
// It has no answer; what is wrong is said by the next execution.
func (c *conn) longData(p []byte) {
	cur := cursor{b: p}
	id, i := cur.u32(), int(cur.u16())
	st := c.stmts[id]
	if cur.bad || st == nil || st.longErr != nil {
		return
	}
	switch limit := c.s.o.maxAllowedPacket(); {
	case i >= st.params:
		st.longErr = wireError(1210, "HY000", "Incorrect arguments to mysqld_stmt_send_long_data")
	case st.longSize+len(cur.b) > limit:
		st.resetLong()
		st.longErr = wireError(erPacketTooLarge, "08S01",
			"Parameter of prepared statement which is set through mysql_send_long_data() is longer than 'max_allowed_packet' bytes")
	default:
		if st.long == nil {
			st.long = make(map[int][]byte)
		}
		st.long[i] = append(st.long[i], cur.b...)
		if st.long[i] == nil {
			st.long[i] = []byte{}
		}
		st.longSize += len(cur.b)
	}
}

// closeStmt has no answer.
func (c *conn) closeStmt(p []byte) {
	if len(p) == 4 {
		delete(c.stmts, binary.LittleEndian.Uint32(p))
	}
}

func (c *conn) resetStmt(p []byte) {
	cur := cursor{b: p}
	if st := c.stmtOf(&cur, "mysqld_stmt_reset"); st != nil {
		st.resetLong()
		c.writeOK(0, 0, 0, "")
	}
}

func (c *conn) fetch(p []byte) {
	cur := cursor{b: p}
	if st := c.stmtOf(&cur, "mysqld_stmt_fetch"); st != nil {
		c.writeErr(wireError(erNoCursor, "HY000", fmt.Sprintf("The statement (%d) has no open cursor.", st.id)))
	}
}
