package wire

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
)

// dispatch answers one command. An error ends the connection; errors of the
// command itself are sent.
func (c *conn) dispatch(cmd byte, p []byte) (more bool, err error) {
	switch cmd {
	case comQuit:
		return false, nil
	case comQuery:
		c.query(text(p))
	case comStmtPrepare:
		c.prepare(text(p))
	case comStmtExecute:
		c.execute(p)
	case comStmtLongData:
		c.longData(p)
	case comStmtClose:
		c.closeStmt(p)
	case comStmtReset:
		c.resetStmt(p)
	case comStmtFetch:
		c.fetch(p)
	case comPing:
		c.writeOK(0, 0, 0, "")
	case comInitDB:
		name := string(p)
		c.simple("", func(context.Context) error { return c.s.handler.ComInitDB(c.mc, name) })
	case comResetConnection:
		c.resetConnection()
	case comChangeUser:
		return c.changeUser(p)
	case comSetOption:
		c.setOption(p)
	case comFieldList:
		c.fieldList(p)
	case comStatistics:
		c.w.write([]byte(c.s.statistics()))
	case comShutdown:
		c.query("SHUTDOWN")
	case comRefresh:
		c.refresh(p)
	case comProcessKill:
		c.processKill(p)
	case comRegisterSlave:
		c.registerReplica(p)
	case comBinlogDump, comBinlogDumpGTID:
		return c.dump(cmd, p)
	default:
		c.writeErr(wireError(erUnknownCommand, "08S01", "Unknown command"))
	}
	return true, nil
}

// text returns the packet's bytes as a string. Small ones are copied, because
// their buffer is reused; large ones own theirs.
func text(p []byte) string {
	if cap(p) <= keepPacket {
		return string(p)
	}
	return unsafe.String(unsafe.SliceData(p), len(p))
}

// fail sends the error of a command.
func (c *conn) fail(err error, query string) {
	e := c.translate(err, query)
	if s, ok := c.session.(conditionNoter); ok {
		s.Failed(e.num, e.msg)
	}
	c.writeErr(e)
}

// simple runs fn and answers OK.
func (c *conn) simple(query string, fn func(context.Context) error) {
	if err := c.run(fn); err != nil {
		c.fail(err, query)
		return
	}
	c.writeOK(0, 0, 0, "")
}

// results sends what the handler delivers for one statement: batches of rows,
// or one result without columns. The handler calls send from one goroutine at a
// time while the connection's own goroutine waits.
type results struct {
	c      *conn
	binary bool
	begun  bool
	rows   bool // a result set is open
	more   bool // another statement follows
	header *Header
	learn  func(*Header) // gets the header of the handler's result; may be nil
	sets   bool          // result sets of a procedure were sent
}

func (r *results) send(res *sqltypes.Result, more bool) error {
	c := r.c
	r.more = more
	if !r.begun {
		r.begun = true
		if len(res.Fields) == 0 {
			c.writeOKLike(headerOK, res.RowsAffected, res.InsertID, r.extra(), c.warnings(), res.Info)
			return c.w.err
		}
		r.rows = true
		r.header = c.newHeader(res)
		if r.learn != nil {
			r.learn(r.header)
		}
		c.writeFields(res.Fields)
	}
	if !r.rows {
		return nil
	}
	for _, row := range res.Rows {
		if err := r.Row(row); err != nil {
			return err
		}
	}
	return nil
}

// Row sends a row, whose values may be replaced.
func (r *results) Row(row []sqltypes.Value) error {
	h := r.header
	cutTimes(row, h.times)
	padYears(row, h.dates)
	if r.binary {
		return r.c.writeBinaryRow(h.fields, row)
	}
	floatTexts(row, h.floats)
	return r.c.writeTextRow(row)
}

// SendResult sends a result set before the answer of the running statement, as
// procedures do. next returns rows, none at the end.
func (cl *Client) SendResult(fields []*querypb.Field, next func() ([][]sqltypes.Value, error)) error {
	c := cl.conn
	if c == nil || c.answer == nil {
		return wireError(1312, "0A000", "PROCEDURE can't return a result set in the given context")
	}
	if c.caps&capMultiResults == 0 && !c.answer.binary {
		return wireError(1312, "0A000", "PROCEDURE can't return a result set in the given context")
	}
	set := results{c: c, binary: c.answer.binary}
	for {
		rows, err := next()
		if err != nil {
			return err
		}
		if set.begun && len(rows) == 0 {
			break
		}
		c.answer.sets = true
		if err := set.send(&sqltypes.Result{Fields: fields, Rows: rows}, true); err != nil {
			return err
		}
	}
	set.end(nil, "")
	return c.w.err
}

func (r *results) extra() uint16 {
	if r.more {
		return statusMoreResults
	}
	return 0
}

// end closes the result set, or sends the error. Either may follow rows.
func (r *results) end(err error, query string) {
	switch {
	case err != nil:
		r.c.fail(err, query)
	case r.rows:
		r.c.writeEOF(true, r.extra(), r.c.warnings())
	case !r.begun:
		r.c.writeOKLike(headerOK, 0, 0, r.extra(), 0, "")
	}
}

// query runs COM_QUERY: one statement, or several for clients that may send
// them.
func (c *conn) query(q string) {
	if strings.TrimSpace(q) == "" {
		c.writeErr(wireError(1065, "42000", "Query was empty"))
		return
	}
	plain := c.plainText(q)
	for q != "" && c.w.err == nil {
		r := results{c: c}
		rest := ""
		err := c.again(&r, q, plain, func(ctx context.Context) (err error) {
			if c.caps&capMultiStatements == 0 {
				return c.s.handler.ComQuery(ctx, c.mc, q, r.send)
			}
			rest, err = c.s.handler.ComMultiQuery(ctx, c.mc, q, r.send)
			return err
		})
		r.more = rest != ""
		r.end(err, q)
		if err != nil {
			return
		}
		q, plain = rest, nil
	}
}

// again lets the session run a statement, if it is plain, or else runs fn. It
// does so anew when the definition of a table has changed between the
// statement's plan and its first row, as it does for whoever waits for an ALTER
// TABLE.
func (c *conn) again(r *results, query string, plain *Statement, fn func(ctx context.Context) error) error {
	c.answer = r
	defer func() { c.answer = nil }()
	for try := 0; ; try++ {
		done, err := c.runPlain(plain, r)
		if !done {
			err = c.runStatement(query, fn)
		}
		if err == nil {
			return nil
		}
		if e := c.translate(err, query); e.num != erTableDefChanged || r.begun || r.sets || try == 3 {
			return e
		}
	}
}

func (c *conn) resetConnection() {
	err := c.run(func(context.Context) error { return c.s.handler.ComResetConnection(c.mc) })
	c.refreshSession()
	c.stmts = nil
	c.mc.StatusFlags = statusAutocommit
	if err != nil {
		c.fail(err, "")
		return
	}
	c.writeOK(0, 0, 0, "")
}

// changeUser logs in again on the same connection. A failure ends it.
func (c *conn) changeUser(p []byte) (bool, error) {
	req, ok := parseChangeUser(p, c.caps, c.zstdLevel)
	if !ok {
		return false, c.refuse(errMalformed)
	}
	c.raw.SetReadDeadline(time.Now().Add(c.s.o.connectTimeout()))
	c.unregister()
	c.leave()
	c.stmts, c.session = nil, nil
	if c.replica {
		c.replica = false
		c.s.o.Dump.UnregisterReplica(c.id)
	}
	if err := c.login(req); err != nil {
		return false, err
	}
	return true, nil
}

func (c *conn) setOption(p []byte) {
	if len(p) != 2 {
		c.writeErr(errMalformed)
		return
	}
	switch binary.LittleEndian.Uint16(p) {
	case 0:
		c.caps |= capMultiStatements
	case 1:
		c.caps &^= capMultiStatements
	default:
		c.writeErr(wireError(erUnknownCommand, "08S01", "Unknown command"))
		return
	}
	c.writeEOF(true, 0, 0)
}

// processKill is KILL with the checks of the statement.
func (c *conn) processKill(p []byte) {
	if len(p) != 4 {
		c.writeErr(errMalformed)
		return
	}
	c.query(fmt.Sprintf("KILL %d", binary.LittleEndian.Uint32(p)))
}

// What COM_REFRESH asks for, one bit each. Source: MySQL's mysql_com.h.
const (
	refreshLog     = 0x02
	refreshReplica = 0x40
	refreshMaster  = 0x80
)

// refresh is COM_REFRESH: mysqldump --flush-logs and mysqladmin refresh. Of all
// that it can name only the logs have something to flush; resets want to be
// said in SQL.
func (c *conn) refresh(p []byte) {
	switch {
	case len(p) == 0:
		c.writeErr(errMalformed)
	case p[0]&(refreshReplica|refreshMaster) != 0:
		c.writeErr(wireError(erNotSupportedYet, "42000", "This version of MySQL doesn't yet support 'COM_REFRESH of a reset'"))
	case p[0]&refreshLog != 0:
		c.query("FLUSH LOGS")
	default:
		c.query("FLUSH PRIVILEGES")
	}
}

// fieldList sends the definitions of a table's columns, each with a default
// value (NULL: mysqlshow does not print it), ended as rows are.
func (c *conn) fieldList(p []byte) {
	cur := cursor{b: p}
	table := string(cur.nul())
	wild := string(cur.rest())
	if cur.bad {
		c.writeErr(errMalformed)
		return
	}
	var fields []*querypb.Field
	q := "SELECT * FROM `" + strings.ReplaceAll(table, "`", "``") + "` LIMIT 0"
	err := c.run(func(ctx context.Context) error {
		return c.s.handler.ComQuery(ctx, c.mc, q, func(r *sqltypes.Result, _ bool) error {
			fields = r.Fields
			return nil
		})
	})
	if err != nil {
		c.fail(err, q)
		return
	}
	for _, f := range fields {
		if wild == "" || like(strings.ToLower(f.Name), strings.ToLower(wild)) {
			c.send(append(appendDefinition(c.row[:0], f), headerNull))
		}
	}
	c.writeEOF(true, 0, 0)
}

// like matches SQL's % and _.
func like(s, pattern string) bool {
	for i := 0; i < len(pattern); i++ {
		switch p := pattern[i]; {
		case p == '%':
			rest := strings.TrimLeft(pattern[i:], "%")
			for j := len(s); j >= 0; j-- {
				if like(s[len(s)-j:], rest) {
					return true
				}
			}
			return false
		case s == "":
			return false
		case p == '\\' && i+1 < len(pattern):
			i++
			if s[0] != pattern[i] {
				return false
			}
		case p != '_' && p != s[0]:
			return false
		}
		s = s[1:]
	}
	return s == ""
}
