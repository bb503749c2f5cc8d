package sql

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"
)

// typeCases are columns with values at their edges: what a statement writes,
// what a SELECT shows, and what go-mysql's parser reads from the binlog.
var typeCases = []struct {
	column string
	in     []string // SQL literals
	show   []string
	log    []any // nil = not compared
}{
	{"TINYINT", []string{"-128", "127"}, []string{"-128", "127"}, []any{int8(-128), int8(127)}},
	{"TINYINT UNSIGNED", []string{"0", "255"}, []string{"0", "255"}, []any{uint8(0), uint8(255)}},
	{"SMALLINT", []string{"-32768", "32767"}, []string{"-32768", "32767"}, []any{int16(-32768), int16(32767)}},
	{"SMALLINT UNSIGNED", []string{"65535"}, []string{"65535"}, []any{uint16(65535)}},
	{"MEDIUMINT", []string{"-8388608", "8388607"}, []string{"-8388608", "8388607"}, []any{int32(-8388608), int32(8388607)}},
	{"MEDIUMINT UNSIGNED", []string{"16777215"}, []string{"16777215"}, []any{uint32(16777215)}},
	{"INT", []string{"-2147483648", "2147483647"}, []string{"-2147483648", "2147483647"}, []any{int32(-2147483648), int32(2147483647)}},
	{"INT UNSIGNED", []string{"4294967295"}, []string{"4294967295"}, []any{uint32(4294967295)}},
	{"BIGINT", []string{"-9223372036854775808", "9223372036854775807"}, []string{"-9223372036854775808", "9223372036854775807"}, []any{int64(-9223372036854775808), int64(9223372036854775807)}},
	{"BIGINT UNSIGNED", []string{"18446744073709551615"}, []string{"18446744073709551615"}, []any{uint64(18446744073709551615)}},
	{"DECIMAL(10,3)", []string{"-9999999.999", "0", "1.5"}, []string{"-9999999.999", "0.000", "1.500"}, []any{"-9999999.999", "0.000", "1.500"}},
	{"DECIMAL(65,30)", []string{"'-12345678901234567890123456789012345.123456789012345678901234567890'"}, []string{"-12345678901234567890123456789012345.123456789012345678901234567890"}, []any{"-12345678901234567890123456789012345.123456789012345678901234567890"}},
	{"FLOAT", []string{"1.5", "-3.25e20"}, []string{"1.5", "-3.25e+20"}, []any{float32(1.5), float32(-3.25e20)}},
	{"DOUBLE", []string{"1.7976931348623157e308", "-0.1"}, []string{"1.7976931348623157e+308", "-0.1"}, []any{1.7976931348623157e308, -0.1}},
	{"DATE", []string{"'1000-01-01'", "'9999-12-31'"}, []string{"1000-01-01 00:00:00", "9999-12-31 00:00:00"}, []any{"1000-01-01", "9999-12-31"}},
	{"DATETIME", []string{"'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'"}, []string{"1000-01-01 00:00:00", "9999-12-31 23:59:59"}, []any{"1000-01-01 00:00:00", "9999-12-31 23:59:59"}},
	{"DATETIME(6)", []string{"'2024-02-29 12:34:56.123456'"}, []string{"2024-02-29 12:34:56.123456"}, []any{"2024-02-29 12:34:56.123456"}},
	{"DATETIME(2)", []string{"'2024-02-29 12:34:56.129'"}, []string{"2024-02-29 12:34:56.13"}, []any{"2024-02-29 12:34:56.13"}},
	{"TIMESTAMP", []string{"'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'"}, []string{"1970-01-01 00:00:01", "2038-01-19 03:14:07"}, []any{"1970-01-01 00:00:01", "2038-01-19 03:14:07"}},
	{"TIMESTAMP(3)", []string{"'2024-02-29 12:34:56.123'"}, []string{"2024-02-29 12:34:56.123"}, []any{"2024-02-29 12:34:56.123"}},
	{"TIME", []string{"'-838:59:59'", "'838:59:59'", "'01:02:03'"}, []string{"-838:59:59", "838:59:59", "01:02:03"}, []any{"-838:59:59", "838:59:59", "01:02:03"}},
	{"TIME(3)", []string{"'01:02:03.456'"}, []string{"01:02:03.456000"}, []any{"01:02:03.456"}},
	{"TIME(6)", []string{"'-00:00:00.000001'"}, []string{"-00:00:00.000001"}, []any{"-00:00:00.000001"}},
	{"YEAR", []string{"1901", "2155", "0"}, []string{"1901", "2155", "0"}, []any{1901, 2155, 0}},
	{"CHAR(5)", []string{"'äöü'", "''"}, []string{"äöü", ""}, []any{"äöü", ""}},
	{"CHAR(255) COLLATE utf8mb4_bin", []string{"'x'"}, []string{"x"}, []any{"x"}},
	{"VARCHAR(10)", []string{"'0123456789'", "'😀😀'"}, []string{"0123456789", "😀😀"}, []any{"0123456789", "😀😀"}},
	{"VARCHAR(300) COLLATE utf8mb4_general_ci", []string{"REPEAT('ab', 150)"}, []string{strings.Repeat("ab", 150)}, []any{strings.Repeat("ab", 150)}},
	{"BINARY(4)", []string{"x'01020300'", "x'ff'"}, []string{"01020300", "ff000000"}, []any{"\x01\x02\x03", "\xff"}},
	{"VARBINARY(8)", []string{"x'00ff00'"}, []string{"00ff00"}, []any{"\x00\xff\x00"}},
	{"TINYTEXT", []string{"'t'"}, []string{"t"}, []any{[]byte("t")}},
	{"TEXT", []string{"REPEAT('x', 300)"}, []string{strings.Repeat("x", 300)}, []any{[]byte(strings.Repeat("x", 300))}},
	{"MEDIUMTEXT", []string{"REPEAT('x', 70000)"}, []string{strings.Repeat("x", 70000)}, nil},
	{"LONGTEXT", []string{"'l'"}, []string{"l"}, []any{[]byte("l")}},
	{"BLOB", []string{"x'00'"}, []string{"00"}, []any{[]byte{0}}},
	{"LONGBLOB", []string{"x'0001'"}, []string{"0001"}, []any{[]byte{0, 1}}},
	{"BIT(1)", []string{"b'1'", "b'0'"}, []string{"1", "0"}, []any{int64(1), int64(0)}},
	{"BIT(64)", []string{"0xffffffffffffffff"}, []string{"18446744073709551615"}, []any{int64(-1)}},
	{"ENUM('a','b','it''s')", []string{"'a'", "'it''s'"}, []string{"1", "3"}, []any{int64(1), int64(3)}},
	{"SET('a','b','c')", []string{"'a,c'", "''"}, []string{"5", "0"}, []any{int64(5), int64(0)}},
	{"BOOLEAN", []string{"TRUE"}, []string{"1"}, []any{int8(1)}},
}

func TestTypes_StoredLoggedAndReadBack(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d", "SET time_zone = '+00:00'")
	for i, tc := range typeCases {
		name := fmt.Sprintf("t%d", i)
		c.exec(fmt.Sprintf("CREATE TABLE %s (n INT PRIMARY KEY, v %s)", name, tc.column))
		for n, lit := range tc.in {
			c.exec(fmt.Sprintf("INSERT INTO %s VALUES (%d, %s)", name, n, lit))
		}
		c.exec(fmt.Sprintf("INSERT INTO %s VALUES (99, NULL)", name))
		for n, want := range tc.show {
			c.want(fmt.Sprintf("SELECT v FROM %s WHERE n = %d", name, n), want)
		}
		c.want(fmt.Sprintf("SELECT v FROM %s WHERE n = 99", name), "NULL")
	}
	logged := binlogRows(t, ts)
	for i, tc := range typeCases {
		if tc.log == nil {
			continue
		}
		for n, want := range tc.log {
			rows := logged[fmt.Sprintf("t%d", i)]
			if n >= len(rows) {
				t.Errorf("%s: %d rows in the binlog", tc.column, len(rows))
				break
			}
			if got := rows[n][1]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: binlog has %v (%T), want %v", tc.column, got, got, want)
			}
		}
	}
	ts = ts.reopen()
	c = ts.client()
	c.exec("USE d", "SET time_zone = '+00:00'")
	for i, tc := range typeCases {
		for n, want := range tc.show {
			c.want(fmt.Sprintf("SELECT v FROM t%d WHERE n = %d", i, n), want)
		}
	}
}

// binlogRows reads the rows that Write_rows events insert, by table, with
// go-mysql's parser.
func binlogRows(t *testing.T, ts *testServer) map[string][][]any {
	t.Helper()
	out := map[string][][]any{}
	p := replication.NewBinlogParser()
	p.SetTimestampStringLocation(nil)
	p.SetUseDecimal(false)
	for _, ev := range parsedEvents(t, ts, p) {
		if r, ok := ev.Event.(*replication.RowsEvent); ok && ev.Header.EventType == replication.WRITE_ROWS_EVENTv2 {
			name := string(r.Table.Table)
			for _, row := range r.Rows {
				out[name] = append(out[name], fixUnsigned(r.Table, row))
			}
		}
	}
	return out
}

// fixUnsigned gives integers the sign that the table map tells.
func fixUnsigned(m *replication.TableMapEvent, row []any) []any {
	unsigned := m.UnsignedMap()
	for i := range row {
		if !unsigned[i] {
			continue
		}
		switch v := row[i].(type) {
		case int8:
			row[i] = uint8(v)
		case int16:
			row[i] = uint16(v)
		case int32:
			row[i] = uint32(v)
			if m.ColumnType[i] == 9 {
				row[i] = uint32(v) & 0xffffff
			}
		case int64:
			row[i] = uint64(v)
		}
	}
	return row
}

// parsedEvents parses every binlog file.
func parsedEvents(t *testing.T, ts *testServer, p *replication.BinlogParser) (out []*replication.BinlogEvent) {
	t.Helper()
	files, err := ts.o.Engine.Binlog().List()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		file, err := ts.fs.Open(ts.o.Engine.Binlog().Index().Path(f.Name))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		err = p.ParseReader(bytes.NewReader(data[4:f.Size]), func(ev *replication.BinlogEvent) error {
			out = append(out, ev)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// loggedStatements returns the texts of the binlog's Query events.
func loggedStatements(t *testing.T, ts *testServer) (out []string) {
	t.Helper()
	for _, ev := range parsedEvents(t, ts, replication.NewBinlogParser()) {
		if q, ok := ev.Event.(*replication.QueryEvent); ok && string(q.Query) != "BEGIN" {
			out = append(out, string(q.Query))
		}
	}
	return out
}

// What MySQL refuses in a definition or a value, with its numbers and texts.
func TestTypes_Refused(t *testing.T) {
	c := newTestServer(t, nil).client()
	many := make([]string, 1018)
	for i := range many {
		many[i] = fmt.Sprintf("c%d TINYINT", i)
	}
	c.exec("CREATE DATABASE d", "USE d",
		"CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, f FLOAT(7,3), g DOUBLE UNSIGNED, h DECIMAL(5,1) UNSIGNED, a VARCHAR(9) CHARACTER SET ascii, u TEXT CHARACTER SET utf8mb3, l VARCHAR(20) CHARACTER SET latin1, d DATE)",
		"CREATE TABLE fits (a VARCHAR(65532) CHARACTER SET latin1 NOT NULL)",
		"CREATE TABLE wide ("+strings.Join(many[:1017], ", ")+")")
	const row = "Row size too large. The maximum row size for the used table type, not counting BLOBs, is 65535. This includes storage overhead, check the manual. You have to change some columns to TEXT or BLOBs"
	for _, tc := range []struct {
		number uint16
		query  string
		text   string
	}{
		{1118, "CREATE TABLE bad (a VARCHAR(65533) CHARACTER SET latin1 NOT NULL, b TINYINT)", row},
		{1118, "CREATE TABLE bad (a VARCHAR(10000), b VARCHAR(10000))", row},
		{1118, "ALTER TABLE fits ADD b INT", row},
		{1117, "CREATE TABLE bad (" + strings.Join(many, ", ") + ")", "Too many columns"},
		{1074, "CREATE TABLE bad (a CHAR(256))", "Column length too big for column 'a' (max = 255); use BLOB or TEXT instead"},
		{1074, "CREATE TABLE bad (a VARCHAR(70000))", "Column length too big for column 'a' (max = 65535); use BLOB or TEXT instead"},
		{1426, "CREATE TABLE bad (a DECIMAL(66,2))", "Too-big precision 66 specified for 'a'. Maximum is 65."},
		{1425, "CREATE TABLE bad (a DECIMAL(65,31))", "Too big scale 31 specified for column 'a'. Maximum is 30."},
		{1427, "ALTER TABLE t ADD a2 FLOAT(5,6)", "For float(M,D), double(M,D) or decimal(M,D), M must be >= D (column 'a2')."},
		{1439, "CREATE TABLE bad (a BIT(65))", "Display width out of range for column 'a' (max = 64)"},
		{1235, "CREATE TABLE bad (a INT(5) ZEROFILL)", "This version of MySQL doesn't yet support 'ZEROFILL'"},
		{1235, "CREATE TABLE bad (a VARCHAR(9) CHARACTER SET gbk)", "This version of MySQL doesn't yet support 'character set gbk'"},
		{1264, "INSERT INTO t (f) VALUES (9999.9996)", "Out of range value for column 'f' at row 1"},
		{1264, "INSERT INTO t (g) VALUES (-0.1)", "Out of range value for column 'g' at row 1"},
		{1264, "INSERT INTO t (h) VALUES (-1)", "Out of range value for column 'h' at row 1"},
		{1366, "INSERT INTO t (a) VALUES ('xä')", `Incorrect string value: '\xC3\xA4' for column 'a' at row 1`},
		{1366, "INSERT INTO t (u) VALUES ('x𝄞𝄞')", `Incorrect string value: '\xF0\x9D\x84\x9E\xF0\x9D...' for column 'u' at row 1`},
		{1366, "UPDATE w SET l = 'ä中!'", `Incorrect string value: '\xE4\xB8\xAD!' for column 'l' at row 1`},
		{1366, "UPDATE w SET l = 'xe\u0301'", `Incorrect string value: '\xCC\x81' for column 'l' at row 1`},
		{1292, "INSERT INTO t (d) VALUES ('0000-00-00')", "Incorrect date value: '0000-00-00' for column 'd' at row 1"},
	} {
		switch tc.number {
		case 1292:
			c.exec("SET sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE'")
		case 1366:
			c.exec("DROP TABLE IF EXISTS w", "CREATE TABLE w (l VARCHAR(20) CHARACTER SET latin1)", "INSERT INTO w VALUES ('ä€')")
		}
		if got := c.fails(tc.number, tc.query); got != tc.text {
			t.Errorf("%.60s: %s, want %s", tc.query, got, tc.text)
		}
	}
	c.exec("SET sql_mode = 'STRICT_TRANS_TABLES'", "INSERT INTO t (d) VALUES ('0000-00-00')", "SET sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE'", "UPDATE t SET f = 1")
}

// Sign and digits of numbers stay with the column through ALTER TABLE and a
// restart, and are shown.
func TestTypes_DeclaredNumbers(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d",
		"CREATE TABLE t (f FLOAT(7,3), g DOUBLE(10,2) UNSIGNED, h DECIMAL(5,1) UNSIGNED, i FLOAT UNSIGNED, j FLOAT(25), k CHAR(5) BINARY) DEFAULT CHARSET latin1",
		"ALTER TABLE t ADD z INT", "CREATE TABLE l LIKE t", "ALTER TABLE t MODIFY g DOUBLE",
		"INSERT INTO l (f, g, h) VALUES (1234.56789, 12345678.999, 1.25)", "INSERT INTO t (f, g) VALUES (-1.9999, -12345678.999)")
	ts = ts.reopen()
	c = ts.client()
	c.exec("USE d")
	c.want("SELECT f, g, h FROM l", "1234.568|1.2345679e+07|1.3")
	c.want("SELECT f, g FROM t", "-2|-1.2345678999e+07")
	c.want("SHOW COLUMNS FROM l", "f|float(7,3)|YES||NULL|\ng|double(10,2) unsigned|YES||NULL|\nh|decimal(5,1) unsigned|YES||NULL|\ni|float unsigned|YES||NULL|\nj|double|YES||NULL|\nk|char(5)|YES||NULL|\nz|int|YES||NULL|")
	c.want("SHOW CREATE TABLE t", "t|CREATE TABLE `t` (\n  `f` float(7,3) DEFAULT NULL,\n  `g` double DEFAULT NULL,\n  `h` decimal(5,1) unsigned DEFAULT NULL,\n"+
		"  `i` float unsigned DEFAULT NULL,\n  `j` double DEFAULT NULL,\n  `k` char(5) COLLATE latin1_bin DEFAULT NULL,\n  `z` int DEFAULT NULL\n) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci")
	c.fails(1264, "INSERT INTO l (i) VALUES (-1)")
}
