package wire

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
)

// keepRow is the largest scratch buffer kept for the next row.
const keepRow = 1 << 20

// status returns the status flags of a response.
func (c *conn) status(extra uint16) uint16 {
	flags := c.mc.StatusFlags&(statusInTrans|statusAutocommit) | extra
	if t, ok := c.session.(transactional); ok {
		if flags &^= statusInTrans; t.InTransaction() {
			flags |= statusInTrans
		}
	}
	return flags
}

// transactional is a session that knows better than the handler whether a
// transaction is open, and that a client may ask to end (COMMIT RELEASE).
type transactional interface {
	InTransaction() bool
	Released() bool
}

func (c *conn) released() bool {
	t, ok := c.session.(transactional)
	return ok && t.Released()
}

// writeOK sends an OK packet.
func (c *conn) writeOK(affected, insertID uint64, extra uint16, info string) {
	c.writeOKLike(headerOK, affected, insertID, extra, 0, info)
}

// writeOKLike sends an OK packet under either of its headers:
//
//	header 1 | affected rows n | insert id n | status 2 | warnings 2 | info
//
// For clients that track the session info is length-encoded, and followed by
// the changes if the status says so.
func (c *conn) writeOKLike(header byte, affected, insertID uint64, extra, warnings uint16, info string) {
	b := append(c.row[:0], header)
	b = appendLenenc(b, affected)
	b = appendLenenc(b, insertID)
	changes := c.trackedChanges()
	if changes != nil {
		extra |= statusSessionChanged
	}
	b = binary.LittleEndian.AppendUint16(b, c.status(extra))
	b = binary.LittleEndian.AppendUint16(b, warnings)
	if c.caps&capSessionTrack != 0 {
		if info != "" || changes != nil {
			b = appendLenencString(b, info)
		}
		if changes != nil {
			b = appendLenencString(b, changes)
		}
	} else {
		b = append(b, info...)
	}
	c.send(b)
}

// trackedChanges is the session state information of an OK packet: for each
// change its type, the length and the data; nil if there is nothing to tell.
func (c *conn) trackedChanges() []byte {
	if c.caps&capSessionTrack == 0 || c.s.o.Tracked == nil || c.session == nil {
		return nil
	}
	var out []byte
	for _, ch := range c.s.o.Tracked(c.session) {
		var data []byte
		switch ch.Kind {
		case TrackVariable:
			data = appendLenencString(data, ch.Name)
		case TrackGTIDs:
			data = append(data, 0) // encoding: text
		}
		data = appendLenencString(data, ch.Value)
		out = appendLenencString(append(out, byte(ch.Kind)), data)
	}
	return out
}

// writeEOF ends a list of definitions or rows, in the style the client asked
// for. last says that it ends rows: with DEPRECATE_EOF only those have an end.
func (c *conn) writeEOF(last bool, extra, warnings uint16) {
	if c.caps&capDeprecateEOF != 0 {
		if last {
			c.writeOKLike(headerEOF, 0, 0, extra, warnings, "")
		}
		return
	}
	c.plainEOF(extra, warnings)
}

// plainEOF sends the five-byte EOF packet.
func (c *conn) plainEOF(extra, warnings uint16) {
	b := append(c.row[:0], headerEOF)
	b = binary.LittleEndian.AppendUint16(b, warnings)
	b = binary.LittleEndian.AppendUint16(b, c.status(extra))
	c.send(b)
}

// writeErr sends an ERR packet.
func (c *conn) writeErr(e *sqlError) {
	c.send(appendErr(c.row[:0], e))
}

// send writes a packet that was built in c.row, and keeps the buffer.
func (c *conn) send(b []byte) {
	c.w.write(b)
	if cap(b) > keepRow {
		b = nil
	}
	c.row = b
}

// writeFields sends the column count and the definitions.
func (c *conn) writeFields(fields []*querypb.Field) {
	c.send(appendLenenc(c.row[:0], uint64(len(fields))))
	c.writeDefinitions(fields)
}

func (c *conn) writeDefinitions(fields []*querypb.Field) {
	for _, f := range fields {
		c.send(appendDefinition(c.row[:0], f))
	}
	c.writeEOF(false, 0, 0)
}

// appendDefinition writes ColumnDefinition41:
//
//	"def" | schema | table | org table | name | org name    length-encoded
//	0x0c | collation 2 | length 4 | type 1 | flags 2 | decimals 1 | 00 00
func appendDefinition(b []byte, f *querypb.Field) []byte {
	b = appendLenencString(b, "def")
	b = appendLenencString(b, f.Database)
	b = appendLenencString(b, f.Table)
	b = appendLenencString(b, f.OrgTable)
	b = appendLenencString(b, f.Name)
	b = appendLenencString(b, f.OrgName)
	d := describe(f)
	b = append(b, 0x0c)
	b = binary.LittleEndian.AppendUint16(b, d.collation)
	b = binary.LittleEndian.AppendUint32(b, d.length)
	b = append(b, d.typ)
	b = binary.LittleEndian.AppendUint16(b, d.flags)
	return append(b, d.decimals, 0, 0)
}

// description is what the protocol says of a column beside its names.
type description struct {
	typ       byte
	flags     uint16
	collation uint16
	length    uint32 // longest text form, in bytes
	decimals  byte
}

// describe completes what go-mysql-server knows of a column: it sends the text
// collation for numbers, and leaves type flags out.
func describe(f *querypb.Field) description {
	typ, typeFlags := sqltypes.TypeToMySQL(f.Type)
	d := description{
		typ: byte(typ), flags: uint16(f.Flags) | uint16(typeFlags),
		collation: uint16(f.Charset), length: f.ColumnLength, decimals: byte(f.Decimals),
	}
	switch {
	case isText(f.Type):
		if d.collation == binaryCollation {
			d.flags |= colBinary
		}
		if d.typ == typeBlob || d.typ == typeJSON || d.typ == typeGeometry {
			d.flags |= colBlob
		}
		if d.typ == typeJSON {
			// JSON travels as text, yet is declared binary.
			d.flags |= colBinary
			d.collation = binaryCollation
		}
		return d
	case sqltypes.IsFloat(f.Type):
		if d.decimals == 0 {
			d.decimals = 31 // not fixed
		}
	case f.Type == sqltypes.Timestamp:
		d.flags |= colTimestamp
		d.length = temporalLength(19, d.decimals)
	case f.Type == sqltypes.Datetime:
		d.length = temporalLength(19, d.decimals)
	case f.Type == sqltypes.Time:
		d.length = temporalLength(10, d.decimals)
	case f.Type == sqltypes.Date:
		d.length = 10
	}
	// Numbers, temporals and binary strings have no text collation.
	d.collation = binaryCollation
	if f.OrgTable == "" || !isNumber(f.Type) {
		d.flags |= colBinary
	}
	if isNumber(f.Type) {
		d.flags |= colNum
	}
	if f.Type == sqltypes.Blob || f.Type == sqltypes.Geometry || f.Type == sqltypes.Vector {
		d.flags |= colBlob
	}
	if f.Type == sqltypes.Bit {
		d.flags &^= colBinary | colNum
	}
	return d
}

func temporalLength(n uint32, decimals byte) uint32 {
	if decimals == 0 {
		return n
	}
	return n + 1 + uint32(decimals)
}

// refine completes the definitions of tables' columns.
func (c *conn) refine(fields []*querypb.Field) {
	if c.s.o.Refine == nil {
		return
	}
	for _, f := range fields {
		switch f.Type {
		case sqltypes.Float32, sqltypes.Float64, sqltypes.Decimal, sqltypes.Int8, sqltypes.Timestamp:
			if f.OrgTable != "" {
				c.s.o.Refine(f)
			}
		}
	}
}

// findDecimals fills in what go-mysql-server does not tell: how many decimals
// TIMESTAMP columns have. Clients cut the values of the binary protocol to it.
// The first batch of rows shows them.
func findDecimals(res *sqltypes.Result) {
	for i, f := range res.Fields {
		if f.Type == sqltypes.Timestamp && f.Decimals == 0 {
			f.Decimals = mostDecimals(res.Rows, i)
		}
	}
}

// timeDigits decides the decimals of TIME columns, for which go-mysql-server has
// one type with six: a table's column has its own, anything else none unless
// the first batch shows some. It returns them by column, -1 for other types; nil
// if there is no TIME.
func (c *conn) timeDigits(res *sqltypes.Result) []int {
	var out []int
	for i, f := range res.Fields {
		if f.Type != sqltypes.Time {
			continue
		}
		if out == nil {
			out = slices.Repeat([]int{-1}, len(res.Fields))
		}
		digits, ok := 0, false
		if c.s.o.TimeDigits != nil && f.OrgTable != "" {
			digits, ok = c.s.o.TimeDigits(f.Database, f.OrgTable, f.OrgName)
		}
		if !ok {
			digits = int(mostDecimals(res.Rows, i))
		}
		f.Decimals, out[i] = uint32(digits), digits
	}
	return out
}

// mostDecimals returns the greatest number of decimals, trailing zeros apart,
// of a column's values.
func mostDecimals(rows [][]sqltypes.Value, column int) uint32 {
	most := 0
	for _, row := range rows {
		raw := bytes.TrimRight(row[column].Raw(), "0")
		if dot := bytes.IndexByte(raw, '.'); dot >= 0 {
			most = max(most, len(raw)-dot-1)
		}
	}
	return uint32(min(most, 6))
}

// dateColumns returns the places of the columns that show dates or years.
func dateColumns(fields []*querypb.Field) (out []int) {
	for i, f := range fields {
		if f.Type == sqltypes.Date || f.Type == sqltypes.Datetime || f.Type == sqltypes.Timestamp || f.Type == sqltypes.Year {
			out = append(out, i)
		}
	}
	return out
}

// padYears gives years before 1000 their four digits.
func padYears(row []sqltypes.Value, columns []int) {
	for _, i := range columns {
		raw := row[i].Raw()
		n := bytes.IndexByte(raw, '-')
		if n < 0 {
			n = len(raw) // YEAR
		}
		if n > 0 && n < 4 {
			row[i] = sqltypes.MakeTrusted(row[i].Type(), append([]byte("0000"[n:]), raw...))
		}
	}
}

// cutTimes gives the TIME values of a row their columns' decimals.
func cutTimes(row []sqltypes.Value, digits []int) {
	for i, d := range digits {
		if d < 0 || row[i].IsNull() {
			continue
		}
		raw := row[i].Raw()
		dot := bytes.IndexByte(raw, '.')
		switch {
		case dot >= 0 && d == 0:
			raw = raw[:dot]
		case dot >= 0 && len(raw) > dot+1+d:
			raw = raw[:dot+1+d]
		case dot < 0 && d > 0:
			raw = append(append(append([]byte(nil), raw...), '.'), "000000"[:d]...)
		default:
			continue
		}
		row[i] = sqltypes.MakeTrusted(sqltypes.Time, raw)
	}
}

func isNumber(t querypb.Type) bool {
	return sqltypes.IsIntegral(t) || sqltypes.IsFloat(t) || t == sqltypes.Decimal || t == sqltypes.Null
}

// isText reports whether values of the type have a character set.
func isText(t querypb.Type) bool {
	switch t {
	case sqltypes.Text, sqltypes.VarChar, sqltypes.Char, sqltypes.Enum, sqltypes.Set, sqltypes.TypeJSON:
		return true
	}
	return false
}

// writeTextRow sends a row of the text protocol: length-encoded strings, 0xFB
// for NULL.
func (c *conn) writeTextRow(row []sqltypes.Value) error {
	b := c.row[:0]
	for i := range row {
		if row[i].IsNull() {
			b = append(b, headerNull)
		} else {
			b = appendLenencString(b, row[i].Raw())
		}
	}
	c.send(b)
	return c.w.err
}
