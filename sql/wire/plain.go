package wire

import (
	"context"
	"unicode/utf8"

	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"

	"binrelay/sql/direct"
)

// Runner is a session that runs plain statements by itself, without the handler.
type Runner interface {
	// RunPlain runs a statement. False: nothing has happened, and the handler has
	// to run it.
	RunPlain(ctx context.Context, st *Statement, out Reply) (done bool, err error)
}

// Statement is a statement whose constants have been cut out of its text.
type Statement struct {
	Query  string // as the client sent it
	Shape  []byte // of direct.Cutting
	Values []direct.Value
	// Prepared says that the Statement is the same for all executions. Memo is
	// what the session remembers of it.
	Prepared bool
	Memo     any

	cut []direct.Value // of a prepared statement, with its parameters
}

// Reply takes the answer to a statement: either OK, or Begin and Rows.
type Reply interface {
	// OK sends the answer of a statement without rows.
	OK(affected, insertID uint64, info string) error
	// Begin sends the definitions of the columns.
	Begin(h *Header) error
	// Row sends a row as texts. Its values may be replaced.
	Row(row []sqltypes.Value) error
	// Learn asks for the header of the result that the handler makes.
	Learn(fn func(h *Header))
}

// Header is what comes before the rows of a result, and how their values are
// shown. It does not change once it is made.
type Header struct {
	fields      []*querypb.Field
	definitions [][]byte // of the fields, as packets; nil until kept
	times       []int    // decimals of TIME columns, see timeDigits
	floats      []int    // significant digits of FLOAT and DOUBLE columns, see floatDigits
	dates       []int    // columns that show dates or years
}

// newHeader completes the fields of a result by its first rows.
func (c *conn) newHeader(res *sqltypes.Result) *Header {
	c.refine(res.Fields)
	findDecimals(res)
	return &Header{fields: res.Fields, times: c.timeDigits(res), floats: floatDigits(res.Fields), dates: dateColumns(res.Fields)}
}

// keep readies a header for further results.
func (h *Header) keep() {
	h.definitions = make([][]byte, len(h.fields))
	for i, f := range h.fields {
		h.definitions[i] = appendDefinition(nil, f)
	}
}

var _ Reply = (*results)(nil)

// Learn implements Reply.
func (r *results) Learn(fn func(*Header)) {
	r.learn = func(h *Header) {
		h.keep()
		fn(h)
	}
}

// OK implements Reply.
func (r *results) OK(affected, insertID uint64, info string) error {
	r.begun = true
	r.c.writeOKLike(headerOK, affected, insertID, r.extra(), r.c.warnings(), info)
	return r.c.w.err
}

// Begin implements Reply.
func (r *results) Begin(h *Header) error {
	c := r.c
	r.begun, r.rows, r.header = true, true, h
	c.send(appendLenenc(c.row[:0], uint64(len(h.definitions))))
	for _, d := range h.definitions {
		c.w.write(d)
	}
	c.writeEOF(false, 0, 0)
	return c.w.err
}

// plainText cuts a statement; nil if the handler has to run it.
func (c *conn) plainText(query string) *Statement {
	if _, ok := c.session.(Runner); !ok || !c.cutting.Cut(query) {
		return nil
	}
	c.plain = Statement{Query: query, Shape: c.cutting.Shape, Values: c.cutting.Values}
	return &c.plain
}

// preparedPlain cuts a statement that is prepared.
func (c *conn) preparedPlain(query string) *Statement {
	var cutting direct.Cutting
	if _, ok := c.session.(Runner); !ok || !cutting.Cut(query) {
		return nil
	}
	return &Statement{Query: query, Prepared: true, Shape: cutting.Shape, cut: cutting.Values, Values: make([]direct.Value, len(cutting.Values))}
}

// withParams gives a prepared statement the values that an execution's packet
// has for its parameters. nil: the handler has to run it.
func (st *stmt) withParams(cur cursor) *Statement {
	if st.plain == nil || st.long != nil || st.longErr != nil {
		return nil
	}
	types, nulls := st.types, []byte(nil)
	if st.params > 0 {
		nulls = cur.take((st.params + 7) / 8)
		if cur.u8() == 1 {
			types = cur.take(2 * st.params)
		}
		if cur.bad || len(types) != 2*st.params {
			return nil
		}
	}
	n := 0
	for i, v := range st.plain.cut {
		if v.Kind == direct.Param {
			// The parameters come in the order of the text.
			switch {
			case n == st.params:
				return nil
			case nulls[n/8]&(1<<(n%8)) != 0:
				v = direct.Value{}
			default:
				var ok bool
				if v, ok = plainParam(&cur, types[2*n], types[2*n+1]&flagUnsigned != 0); !ok {
					return nil
				}
			}
			n++
		}
		st.plain.Values[i] = v
	}
	if cur.bad || n != st.params {
		return nil
	}
	if n > 0 {
		st.types = append(st.types[:0], types...)
	}
	return st.plain
}

// plainParam decodes an integer or a string.
func plainParam(c *cursor, typ byte, unsigned bool) (v direct.Value, ok bool) {
	var n uint64
	bits := 0
	switch typ {
	case typeTiny:
		n, bits = uint64(c.u8()), 8
	case typeShort:
		n, bits = uint64(c.u16()), 16
	case typeLong, typeInt24:
		n, bits = uint64(c.u32()), 32
	case typeLongLong:
		n, bits = c.u64(), 64
	case typeVarchar, typeVarString, typeString, typeBlob:
		v = direct.Value{Kind: direct.Text, Text: string(c.lenencBytes())}
		return v, !c.bad && utf8.ValidString(v.Text)
	default:
		return v, false
	}
	v = direct.Value{Kind: direct.Uint, Number: n}
	if shift := 64 - bits; !unsigned && int64(n<<shift) < 0 {
		v = direct.Value{Kind: direct.Int, Number: uint64(int64(n<<shift) >> shift)}
	}
	return v, !c.bad
}

// runPlain lets the session run a statement. False: the handler has to.
func (c *conn) runPlain(st *Statement, r *results) (done bool, err error) {
	if st == nil {
		return false, nil
	}
	err = c.runShort(func(ctx context.Context) error {
		c.setRunning(st.Query)
		done, err = c.session.(Runner).RunPlain(ctx, st, r)
		return err
	})
	if err == errPanic {
		done = true
	}
	if !done {
		c.setRunning("")
	}
	return done, err
}

func (c *conn) setRunning(query string) {
	c.mu.Lock()
	c.running = query
	c.mu.Unlock()
}

// warnings is the count of the session's warnings.
func (c *conn) warnings() uint16 {
	if c.session == nil {
		return 0
	}
	return c.session.WarningCount()
}
