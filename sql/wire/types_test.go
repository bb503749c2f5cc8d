package wire

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
	"github.com/go-mysql-org/go-mysql/client"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"
)

const allTypes = `CREATE TABLE a (
	id INT PRIMARY KEY AUTO_INCREMENT,
	i8 TINYINT, u8 TINYINT UNSIGNED, i16 SMALLINT, u16 SMALLINT UNSIGNED, i24 MEDIUMINT, u24 MEDIUMINT UNSIGNED,
	i32 INT, u32 INT UNSIGNED, i64 BIGINT, u64 BIGINT UNSIGNED, f FLOAT, db DOUBLE, de DECIMAL(30,10),
	da DATE, dt DATETIME(6), ts TIMESTAMP(3) NULL, ti TIME(6), y YEAR, bi BIT(10),
	c CHAR(10), vc VARCHAR(20), tx TEXT, bn BINARY(4), vb VARBINARY(20), bl BLOB,
	e ENUM('x','y'), s SET('p','q','r'), js JSON)`

// Every type goes in as text and as a parameter, and must come back equal in
// both protocols.
func TestAllTypes(t *testing.T) {
	f := start(t, nil, allTypes)
	db := f.pool("")
	const cols = "i8,u8,i16,u16,i24,u24,i32,u32,i64,u64,f,db,de,da,dt,ts,ti,y,bi,c,vc,tx,bn,vb,bl,e,s,js"
	args := [][]any{
		{-128, 255, -32768, 65535, -8388608, 16777215, math.MinInt32, uint32(math.MaxUint32), int64(math.MinInt64), uint64(math.MaxUint64),
			float32(1.5), -2.5e-300, "-12345678901234567890.0123456789", "1000-01-02", time.Date(9999, 12, 31, 23, 59, 59, 123456000, time.UTC),
			"2024-02-29 01:02:03.45", "-838:59:58.999999", 2155, []byte{2, 1}, "ch", "väl", strings.Repeat("t", 60000), []byte("b\x00\x01\x02"), []byte{0, 255},
			bytes.Repeat([]byte{0xfb, 0}, 200), "y", "p,r", `{"a": [1, null]}`},
		make([]any, 28),
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "0", "2024-01-01", "2024-01-01", "2024-01-01 00:00:00", "00:00:00", 1901, []byte{0, 0}, "", "", "", []byte{0, 0, 0, 0}, []byte{}, []byte{}, "x", "", `{}`},
	}
	insert := "INSERT INTO a (" + cols + ") VALUES (" + strings.TrimSuffix(strings.Repeat("?,", 28), ",") + ")"
	for _, a := range args {
		if _, err := db.Exec(insert, a...); err != nil {
			t.Fatal(err)
		}
	}
	text := dumpRows(t, db, "SELECT "+cols+" FROM a ORDER BY id")
	bin := dumpRows(t, db, "SELECT "+cols+" FROM a WHERE id > ? ORDER BY id", 0)
	want := [][]string{
		{"-128", "255", "-32768", "65535", "-8388608", "16777215", "-2147483648", "4294967295", "-9223372036854775808", "18446744073709551615",
			"1.5", "-2.5e-300", "-12345678901234567890.0123456789", "1000-01-02", "9999-12-31 23:59:59.123456", "2024-02-29 01:02:03.450",
			"-838:59:58.999999", "2155", "\x02\x01", "ch", "väl", strings.Repeat("t", 60000), "b\x00\x01\x02", "\x00\xff",
			strings.Repeat("\xfb\x00", 200), "y", "p,r", `{"a": [1, null]}`},
		nil, nil,
	}
	names := strings.Split(cols, ",")
	for r := range text {
		for i, name := range names {
			if !sameValue(name, text[r][i], bin[r][i]) {
				t.Errorf("row %d, %s: text %q, binary %q", r, name, text[r][i], bin[r][i])
			}
			if want[r] != nil && !sameValue(name, text[r][i], want[r][i]) {
				t.Errorf("row %d, %s: %q, want %q", r, name, text[r][i], want[r][i])
			}
		}
	}
	for i, v := range text[1] {
		if v != "NULL" {
			t.Errorf("%s: %q instead of NULL", names[i], v)
		}
	}
}

// sameValue allows the driver's own way of printing temporals of the binary
// protocol, and floats in either notation.
func sameValue(col, a, b string) bool {
	trim := func(s string) string {
		if strings.Contains(s, ".") && (col == "dt" || col == "ts" || col == "ti") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		if col == "dt" {
			s = strings.TrimSuffix(s, " 00:00:00")
		}
		return strings.TrimSuffix(s, "Z")
	}
	return trim(a) == trim(b)
}

func dumpRows(t *testing.T, db *sql.DB, q string, args ...any) [][]string {
	t.Helper()
	rows, err := db.Query(q, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, _ := rows.Columns()
	var out [][]string
	for rows.Next() {
		raw := make([]sql.RawBytes, len(names))
		ptr := make([]any, len(names))
		for i := range raw {
			ptr[i] = &raw[i]
		}
		if err := rows.Scan(ptr...); err != nil {
			t.Fatal(err)
		}
		row := make([]string, len(names))
		for i, v := range raw {
			row[i] = "NULL"
			if v != nil {
				row[i] = string(v)
			}
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestColumnDefinitions(t *testing.T) {
	f := start(t, nil, allTypes)
	c, err := client.Connect(f.addr, "root", "", "d")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r, err := c.Execute("SELECT * FROM a")
	if err != nil {
		t.Fatal(err)
	}
	type def struct {
		typ   byte
		flags uint16
		text  bool // has a character set
	}
	want := map[string]def{
		"id": {typeLong, colNotNull | colPriKey | colAutoInc, false},
		"i8": {typeTiny, 0, false}, "u8": {typeTiny, colUnsigned, false}, "i16": {typeShort, 0, false}, "i24": {typeInt24, 0, false},
		"u32": {typeLong, colUnsigned, false}, "i64": {typeLongLong, 0, false}, "u64": {typeLongLong, colUnsigned, false},
		"f": {typeFloat, 0, false}, "db": {typeDouble, 0, false}, "de": {typeNewDecimal, 0, false},
		"da": {typeDate, colBinary, false}, "dt": {typeDatetime, colBinary, false}, "ts": {typeTimestamp, colBinary | colTimestamp, false},
		"ti": {typeTime, colBinary, false}, "y": {typeYear, colUnsigned, false}, "bi": {typeBit, colUnsigned, false},
		"c": {typeString, 0, true}, "vc": {typeVarString, 0, true}, "tx": {typeBlob, colBlob, true},
		"bn": {typeString, colBinary, false}, "vb": {typeVarString, colBinary, false}, "bl": {typeBlob, colBlob | colBinary, false},
		"e": {typeString, colEnum, true}, "s": {typeString, colSet, true}, "js": {typeJSON, colBlob | colBinary, false},
	}
	for _, fd := range r.Fields {
		w, ok := want[string(fd.Name)]
		if !ok {
			continue
		}
		if fd.Type != w.typ || fd.Flag&w.flags != w.flags || (fd.Charset != binaryCollation) != w.text {
			t.Errorf("%s: type %d flags %x collation %d, want %+v", fd.Name, fd.Type, fd.Flag, fd.Charset, w)
		}
		if string(fd.Table) != "a" || string(fd.Schema) != "d" || fd.ColumnLength == 0 {
			t.Errorf("%s: table %s, schema %s, length %d", fd.Name, fd.Table, fd.Schema, fd.ColumnLength)
		}
		if w.text && fd.Flag&colBinary != 0 || string(fd.Name) == "i8" && fd.Flag&(colUnsigned|colNotNull) != 0 {
			t.Errorf("%s: flags %x", fd.Name, fd.Flag)
		}
	}
	if d := r.Fields[r.FieldNames["de"]].Decimal; d != 10 {
		t.Errorf("decimals %d", d)
	}
}

func TestBinaryValues(t *testing.T) {
	cases := []struct {
		typ  querypb.Type
		text string
		want []byte
	}{
		{sqltypes.Int8, "-1", []byte{0xff}},
		{sqltypes.Uint16, "65535", []byte{0xff, 0xff}},
		{sqltypes.Year, "2024", []byte{0xe8, 7}},
		{sqltypes.Int24, "-2", []byte{0xfe, 0xff, 0xff, 0xff}},
		{sqltypes.Datetime, "2010-10-17 19:27:30.000001", []byte{11, 0xda, 7, 10, 17, 19, 27, 30, 1, 0, 0, 0}},
		{sqltypes.Datetime, "2010-10-17 00:00:00", []byte{4, 0xda, 7, 10, 17}},
		{sqltypes.Timestamp, "2010-10-17 19:27:30.000", []byte{7, 0xda, 7, 10, 17, 19, 27, 30}},
		{sqltypes.Date, "0000-00-00", []byte{0}},
		{sqltypes.Time, "-120:19:27.000001", []byte{12, 1, 5, 0, 0, 0, 0, 19, 27, 1, 0, 0, 0}},
		{sqltypes.Time, "23:00:01", []byte{8, 0, 0, 0, 0, 0, 23, 0, 1}},
		{sqltypes.Time, "00:00:00.000000", []byte{0}},
		{sqltypes.Decimal, "-1.50", []byte("\x05-1.50")},
		{sqltypes.Bit, "\x01\x02", []byte("\x02\x01\x02")},
	}
	for _, c := range cases {
		got, err := appendBinary(nil, c.typ, []byte(c.text))
		if err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("%v %s: % x, %v; want % x", c.typ, c.text, got, err, c.want)
		}
	}
	for typ, text := range map[querypb.Type]string{sqltypes.Int8: "x", sqltypes.Datetime: "2010-10-1x", sqltypes.Time: "1:2", sqltypes.Date: ""} {
		if _, err := appendBinary(nil, typ, []byte(text)); err == nil {
			t.Errorf("%v %q accepted", typ, text)
		}
	}
}

func TestParams_Temporal(t *testing.T) {
	f := start(t, nil)
	c, err := client.Connect(f.addr, "root", "", "d")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if p, ok := timeParam([]byte{1, 5, 0, 0, 0, 0, 19, 27, 1, 0, 0, 0}); !ok || p != "-120:19:27.000001" {
		t.Errorf("time %q", p)
	}
	if p, ok := datetimeParam([]byte{0xda, 7, 10, 17, 19, 27, 30, 1, 0, 0, 0}); !ok || p != "2010-10-17 19:27:30.000001" {
		t.Errorf("datetime %q", p)
	}
	if _, ok := datetimeParam([]byte{1, 2, 3}); ok {
		t.Error("three bytes are a date")
	}
}

func TestLargePackets(t *testing.T) {
	f := start(t, nil, "CREATE TABLE l (id INT PRIMARY KEY, b LONGBLOB)")
	db := f.pool("maxAllowedPacket=67108864&interpolateParams=false")
	for i, n := range []int{maxFrame - 200, maxFrame, 20 << 20} {
		blob := bytes.Repeat([]byte{'x', byte('0' + i)}, n/2)
		if _, err := db.Exec("INSERT INTO l VALUES (?, ?)", i, blob); err != nil {
			t.Fatal(err)
		}
		var got []byte
		if err := db.QueryRow("SELECT b FROM l WHERE id = ?", i).Scan(&got); err != nil || !bytes.Equal(got, blob) {
			t.Errorf("%d bytes in, %d out, %v", len(blob), len(got), err)
		}
		if err := db.QueryRow(fmt.Sprint("SELECT b FROM l WHERE id = ", i)).Scan(&got); err != nil || !bytes.Equal(got, blob) {
			t.Errorf("text: %d bytes in, %d out, %v", len(blob), len(got), err)
		}
	}
	text := strings.Repeat("y", 20<<20)
	var n int
	if err := db.QueryRow("SELECT LENGTH('" + text + "')").Scan(&n); err != nil || n != len(text) {
		t.Errorf("%d, %v", n, err)
	}
}

func TestPacketBorders(t *testing.T) {
	for _, n := range []int{0, 1, maxFrame - 1, maxFrame, maxFrame + 1, 2 * maxFrame} {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(i * 7)
		}
		for _, head := range [][]byte{nil, {0}, {0, 0xef, 1}} {
			var wire bytes.Buffer
			w := newTestWriter(&wire)
			w.writeJoined(head, p)
			w.write([]byte("next"))
			w.flush()
			r := newTestReader(&wire)
			got, err := r.next(64<<20, nil)
			if err != nil || !bytes.Equal(got, append(bytes.Clone(head), p...)) {
				t.Errorf("%d bytes behind %d: %d, %v", n, len(head), len(got), err)
			}
			if got, err := r.next(64<<20, nil); err != nil || string(got) != "next" {
				t.Errorf("%d bytes: then %q, %v", n, got, err)
			}
		}
	}
}

func TestLongData_And_StatementLife(t *testing.T) {
	f := start(t, nil, "CREATE TABLE t (a INT, b BLOB)")
	r := login(t, f)
	r.wantOK(r.command(append([]byte{comInitDB}, 'd')...))
	p := r.command(append([]byte{comStmtPrepare}, "INSERT INTO t VALUES (?, ?)"...)...)
	r.wantOK(p)
	if p[7] != 2 {
		t.Fatalf("%q", p)
	}
	for range 3 { // two definitions and EOF
		r.read()
	}
	id := p[1:5]
	long := func(i byte, data string) {
		r.seq = 0
		r.packet(append(append(append([]byte{comStmtLongData}, id...), i, 0), data...))
	}
	exec := func() []byte {
		b := append(append([]byte{comStmtExecute}, id...), 0, 1, 0, 0, 0, 0, 1, typeLong, 0, typeBlob, 0, 7, 0, 0, 0)
		return r.command(b...)
	}
	long(1, "one ")
	long(1, "two")
	r.wantOK(exec())
	long(9, "x")
	r.wantErr(exec(), 1210, "mysqld_stmt_send_long_data")
	r.wantOK(r.command(append([]byte{comStmtReset}, id...)...))
	db := f.pool("")
	var b string
	if err := db.QueryRow("SELECT b FROM t WHERE a = 7").Scan(&b); err != nil || b != "one two" {
		t.Errorf("%q, %v", b, err)
	}
	r.wantErr(r.command(append(append([]byte{comStmtFetch}, id...), 1, 0, 0, 0)...), 1421, "has no open cursor")
	r.seq = 0
	r.packet(append([]byte{comStmtClose}, id...))
	r.wantErr(exec(), 1243, "Unknown prepared statement handler")
}

func TestStreaming_StopsWithClient(t *testing.T) {
	f := start(t, nil, "CREATE TABLE n (a INT PRIMARY KEY, s VARCHAR(1000))")
	db := f.pool("")
	var q strings.Builder
	q.WriteString("INSERT INTO n VALUES (0, '')")
	for i := 1; i < 400; i++ {
		fmt.Fprintf(&q, ",(%d,REPEAT('x',1000))", i)
	}
	if _, err := db.Exec(q.String()); err != nil {
		t.Fatal(err)
	}
	c, err := client.Connect(f.addr, "root", "", "d")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rows := 0
	var res gomysql.Result
	err = c.ExecuteSelectStreaming("SELECT x.s FROM n x JOIN n y LIMIT 20000", &res, func([]gomysql.FieldValue) error { rows++; return nil }, nil)
	if err != nil || rows != 20000 {
		t.Errorf("%d rows, %v", rows, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := db.QueryContext(ctx, "SELECT x.s FROM n x JOIN n y")
	if err != nil {
		t.Fatal(err)
	}
	r.Next()
	cancel()
	r.Close()
	eventually(t, "the query ended", func() bool {
		for _, c := range f.Connections() {
			if c.Command != "Sleep" {
				return false
			}
		}
		return true
	})
}
