package rowimage_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"strings"
	"testing"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"binrelay/binlog/event"
	"binrelay/binlog/rowimage"
)

// value is one value of a column and how go-mysql prints it after decoding.
type value struct {
	put  func(*rowimage.Builder) error
	want string
}

func i(v int64) value {
	return value{func(b *rowimage.Builder) error { return b.AppendInt(v) }, fmt.Sprint(v)}
}
func u(v uint64) value {
	return value{func(b *rowimage.Builder) error { return b.AppendUint(v) }, fmt.Sprint(v)}
}
func f(v float64) value {
	return value{func(b *rowimage.Builder) error { return b.AppendFloat(v) }, fmt.Sprint(v)}
}
func dec(text, want string) value {
	return value{func(b *rowimage.Builder) error { return b.AppendDecimal([]byte(text)) }, want}
}
func str(s, want string) value {
	return value{func(b *rowimage.Builder) error { return b.AppendString(s) }, want}
}
func dt(y, mo, d, h, mi, s int, micro uint32, want string) value {
	v := rowimage.Datetime{Year: uint16(y), Month: uint8(mo), Day: uint8(d), Hour: uint8(h), Minute: uint8(mi), Second: uint8(s), Micro: micro}
	return value{func(b *rowimage.Builder) error { return b.AppendDatetime(v) }, want}
}
func ts(sec, micro uint32, want string) value {
	return value{func(b *rowimage.Builder) error { return b.AppendTimestamp(sec, micro) }, want}
}
func tm(micros int64, want string) value {
	return value{func(b *rowimage.Builder) error { return b.AppendTime(micros) }, want}
}
func null() value {
	return value{func(b *rowimage.Builder) error { return b.AppendNull() }, "<nil>"}
}

type columnCase struct {
	col    rowimage.Column
	values []value
}

func col(t byte, meta uint16) rowimage.Column {
	return rowimage.Column{Type: t, Meta: meta, Nullable: true}
}
func unsigned(c rowimage.Column) rowimage.Column { c.Unsigned = true; return c }
func text(t byte, meta, collation uint16) rowimage.Column {
	c := col(t, meta)
	c.Collation = collation
	return c
}
func members(t byte, meta uint16, n int) rowimage.Column {
	c := text(t, meta, 45)
	for k := range n {
		c.Members = append(c.Members, fmt.Sprintf("m%d", k+1))
	}
	return c
}

// go-mysql prints no fraction for a negative time without one.
const second = 1_000_000

func cases() []columnCase {
	long := strings.Repeat("x", 300)
	nines := strings.Repeat("9", 35) + "." + strings.Repeat("9", 30)
	return []columnCase{
		{col(gomysql.MYSQL_TYPE_TINY, 0), []value{i(-128), i(127), i(0), i(-1)}},
		{unsigned(col(gomysql.MYSQL_TYPE_TINY, 0)), []value{i(0), i(255), u(128)}},
		{col(gomysql.MYSQL_TYPE_SHORT, 0), []value{i(-32768), i(32767), i(-1)}},
		{unsigned(col(gomysql.MYSQL_TYPE_SHORT, 0)), []value{i(65535), i(256)}},
		{col(gomysql.MYSQL_TYPE_INT24, 0), []value{i(-8388608), i(8388607), i(-1), i(65536)}},
		{unsigned(col(gomysql.MYSQL_TYPE_INT24, 0)), []value{i(16777215), i(8388608)}},
		{col(gomysql.MYSQL_TYPE_LONG, 0), []value{i(math.MinInt32), i(math.MaxInt32), i(-1)}},
		{unsigned(col(gomysql.MYSQL_TYPE_LONG, 0)), []value{u(math.MaxUint32), i(0)}},
		{col(gomysql.MYSQL_TYPE_LONGLONG, 0), []value{i(math.MinInt64), i(math.MaxInt64), i(-1)}},
		{unsigned(col(gomysql.MYSQL_TYPE_LONGLONG, 0)), []value{u(math.MaxUint64), i(0)}},
		{col(gomysql.MYSQL_TYPE_FLOAT, 4), []value{f(1.5), f(-0.25), {i(7).put, "7"}}},
		{col(gomysql.MYSQL_TYPE_DOUBLE, 8), []value{f(math.MaxFloat64), f(math.SmallestNonzeroFloat64), f(-1.1)}},
		{col(gomysql.MYSQL_TYPE_YEAR, 0), []value{i(0), i(1901), i(2155), i(2024)}},
		{col(gomysql.MYSQL_TYPE_BIT, 1), []value{i(0), i(1)}},
		{col(gomysql.MYSQL_TYPE_BIT, 17), []value{i(1<<17 - 1), i(256)}},
		{col(gomysql.MYSQL_TYPE_BIT, 64), []value{{u(math.MaxUint64).put, "-1"}, i(1)}},
		{col(gomysql.MYSQL_TYPE_NEWDECIMAL, 10<<8|2), []value{
			dec("0", "0.00"), dec("-0.00", "0.00"), dec("-1.5", "-1.50"), dec("99999999.994", "99999999.99"),
			dec("0.005", "0.01"), dec("-0.005", "-0.01"), dec("1e3", "1000.00"), dec(".5e-1", "0.05"), dec("000123.4", "123.40"),
			{i(-42).put, "-42.00"}}},
		{col(gomysql.MYSQL_TYPE_NEWDECIMAL, 65<<8|30), []value{dec(nines, nines), dec("-"+nines, "-"+nines), dec("1", "1."+strings.Repeat("0", 30))}},
		{col(gomysql.MYSQL_TYPE_NEWDECIMAL, 30<<8|30), []value{dec("0.000000000000000000000000000001", "0.000000000000000000000000000001")}},
		{col(gomysql.MYSQL_TYPE_NEWDECIMAL, 1<<8), []value{dec("-9", "-9"), dec("8.5", "9"), dec("-0.4", "0")}},
		{col(gomysql.MYSQL_TYPE_NEWDECIMAL, 19<<8|9), []value{dec("1234567890.123456789", "1234567890.123456789"), dec("-1000000000.000000001", "-1000000000.000000001")}},
		{col(gomysql.MYSQL_TYPE_DATE, 0), []value{dt(0, 0, 0, 0, 0, 0, 0, "0000-00-00"), dt(9999, 12, 31, 0, 0, 0, 0, "9999-12-31"), dt(2024, 0, 0, 0, 0, 0, 0, "2024-00-00")}},
		{col(gomysql.MYSQL_TYPE_DATETIME2, 0), []value{
			dt(0, 0, 0, 0, 0, 0, 0, "0000-00-00 00:00:00"), dt(1000, 1, 1, 0, 0, 0, 0, "1000-01-01 00:00:00"), dt(9999, 12, 31, 23, 59, 59, 999999, "9999-12-31 23:59:59")}},
		{col(gomysql.MYSQL_TYPE_DATETIME2, 1), []value{dt(2024, 2, 29, 1, 2, 3, 987654, "2024-02-29 01:02:03.9")}},
		{col(gomysql.MYSQL_TYPE_DATETIME2, 3), []value{dt(2024, 2, 29, 1, 2, 3, 987654, "2024-02-29 01:02:03.987"), dt(2024, 2, 29, 1, 2, 3, 1000, "2024-02-29 01:02:03.001")}},
		{col(gomysql.MYSQL_TYPE_DATETIME2, 6), []value{dt(2024, 2, 29, 1, 2, 3, 987654, "2024-02-29 01:02:03.987654"), dt(2024, 2, 29, 1, 2, 3, 1, "2024-02-29 01:02:03.000001")}},
		{col(gomysql.MYSQL_TYPE_TIMESTAMP2, 0), []value{ts(0, 0, "0000-00-00 00:00:00"), ts(1, 0, "1970-01-01 00:00:01"), ts(math.MaxInt32, 0, "2038-01-19 03:14:07")}},
		{col(gomysql.MYSQL_TYPE_TIMESTAMP2, 2), []value{ts(1700000000, 129999, "2023-11-14 22:13:20.12")}},
		{col(gomysql.MYSQL_TYPE_TIMESTAMP2, 6), []value{ts(1700000000, 999999, "2023-11-14 22:13:20.999999")}},
		{col(gomysql.MYSQL_TYPE_TIME2, 0), []value{tm(0, "00:00:00"), tm(rowimage.MaxTime, "838:59:59"), tm(-rowimage.MaxTime, "-838:59:59"), tm(-second, "-00:00:01")}},
		{col(gomysql.MYSQL_TYPE_TIME2, 2), []value{tm(second/100, "00:00:00.01"), tm(-second/100, "-00:00:00.01"), tm(-second-second/2, "-00:00:01.50"), tm(-second, "-00:00:01")}},
		{col(gomysql.MYSQL_TYPE_TIME2, 4), []value{tm(100, "00:00:00.0001"), tm(-100, "-00:00:00.0001"), tm(-3*second-999900, "-00:00:03.9999")}},
		{col(gomysql.MYSQL_TYPE_TIME2, 6), []value{tm(1, "00:00:00.000001"), tm(-1, "-00:00:00.000001"), tm(-3661*second-1, "-01:01:01.000001"), tm(-3661*second, "-01:01:01")}},
		{text(gomysql.MYSQL_TYPE_STRING, 40, 45), []value{str("", ""), str("a  ", "a"), str("ä€😀", "ä€😀"), str(" a", " a")}},
		{text(gomysql.MYSQL_TYPE_STRING, 255, 8), []value{str(strings.Repeat("y", 255), strings.Repeat("y", 255))}},
		{text(gomysql.MYSQL_TYPE_STRING, 1020, 45), []value{str(long, long), str("", "")}},
		{text(gomysql.MYSQL_TYPE_STRING, 256, 45), []value{str("z", "z")}},
		{text(gomysql.MYSQL_TYPE_STRING, 16, 63), []value{str("a\x00b\x00\x00", "a\x00b"), str("a ", "a ")}},
		{text(gomysql.MYSQL_TYPE_VARCHAR, 255, 45), []value{str("", ""), str("a ", "a ")}},
		{text(gomysql.MYSQL_TYPE_VARCHAR, 256, 45), []value{str("b", "b")}},
		{text(gomysql.MYSQL_TYPE_VARCHAR, 65532, 255), []value{str(strings.Repeat("q", 65532), strings.Repeat("q", 65532))}},
		{text(gomysql.MYSQL_TYPE_VARCHAR, 10, 63), []value{str("\x00\xff", "\x00\xff")}},
		{text(gomysql.MYSQL_TYPE_BLOB, 1, 63), []value{str(strings.Repeat("k", 255), strings.Repeat("k", 255))}},
		{text(gomysql.MYSQL_TYPE_BLOB, 2, 255), []value{str(strings.Repeat("k", 65535), strings.Repeat("k", 65535))}},
		{text(gomysql.MYSQL_TYPE_BLOB, 3, 255), []value{str(strings.Repeat("k", 65536), strings.Repeat("k", 65536))}},
		{text(gomysql.MYSQL_TYPE_BLOB, 4, 63), []value{str("", ""), str("l", "l")}},
		{members(gomysql.MYSQL_TYPE_ENUM, 1, 3), []value{i(0), i(1), i(3)}},
		{members(gomysql.MYSQL_TYPE_ENUM, 2, 300), []value{i(300)}},
		{members(gomysql.MYSQL_TYPE_SET, 1, 8), []value{i(0), i(255)}},
		{members(gomysql.MYSQL_TYPE_SET, 3, 17), []value{i(1<<17 - 1)}},
		{members(gomysql.MYSQL_TYPE_SET, 8, 64), []value{{u(1 << 63).put, fmt.Sprint(int64(math.MinInt64))}, i(1)}},
		{col(gomysql.MYSQL_TYPE_JSON, 4), []value{str("\x04\x00", "null")}},
		{col(gomysql.MYSQL_TYPE_GEOMETRY, 4), []value{str("\x00\x00\x00\x00\x01", "\x00\x00\x00\x00\x01")}},
	}
}

// checksum completes an event for the parser.
func checksum(ev []byte) []byte {
	n := len(ev) - event.ChecksumSize
	binary.LittleEndian.PutUint32(ev[n:], crc32.ChecksumIEEE(ev[:n]))
	return ev
}

// judge parses a Table_map and rows with go-mysql.
func judge(t *testing.T, l *rowimage.Layout, rows ...[]byte) *replication.RowsEvent {
	t.Helper()
	p := replication.NewBinlogParser()
	p.SetVerifyChecksum(true)
	p.SetTimestampStringLocation(time.UTC)
	var h event.Header
	fde := event.AppendFormat(nil, h, "8.0.36", 0, true)
	level := event.MetaFull
	tme := event.AppendTableMap(nil, h, l.TableMap(7, "d", "t", nil, nil), level)
	rowsEvent := event.AppendRows(nil, h, event.WriteRowsV2, &event.RowsInfo{TableID: 7, Columns: len(l.Columns())})
	rowsEvent = event.End(append(rowsEvent, bytes.Join(rows, nil)...), 0)
	for _, ev := range [][]byte{fde, tme} {
		if _, err := p.Parse(checksum(ev)); err != nil {
			t.Fatal(err)
		}
	}
	ev, err := p.Parse(checksum(rowsEvent))
	if err != nil {
		t.Fatal(err)
	}
	return ev.Event.(*replication.RowsEvent)
}

func printed(v any) string {
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	return fmt.Sprint(v)
}

func TestBuilder_GoMySQLReadsEveryType(t *testing.T) {
	for _, c := range cases() {
		t.Run(fmt.Sprintf("type%d.%d", c.col.Type, c.col.Meta), func(t *testing.T) {
			l, err := rowimage.Compile([]rowimage.Column{c.col})
			if err != nil {
				t.Fatal(err)
			}
			b := rowimage.NewBuilder(l)
			values := append(c.values, null())
			var rows [][]byte
			for k, v := range values {
				b.Reset()
				if err := v.put(b); err != nil {
					t.Fatalf("value %d: %v", k, err)
				}
				image, err := b.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				if n, err := l.Next(append(bytes.Clone(image), 1, 2, 3)); err != nil || n != len(image) {
					t.Fatalf("Next = %d, %v; want %d", n, err, len(image))
				}
				rows = append(rows, bytes.Clone(image))
			}
			got := judge(t, l, rows...)
			if len(got.Rows) != len(values) {
				t.Fatalf("%d rows of %d", len(got.Rows), len(values))
			}
			for k, v := range values {
				if p := printed(got.Rows[k][0]); p != v.want {
					t.Errorf("value %d: go-mysql reads %.60q, want %.60q", k, p, v.want)
				}
			}
		})
	}
}

// TestLayout_WholeTable puts all types into one row, with some of them NULL.
func TestLayout_WholeTable(t *testing.T) {
	cs := cases()
	var cols []rowimage.Column
	for k, c := range cs {
		c.col.Name = fmt.Sprintf("c%d", k)
		cols = append(cols, c.col)
	}
	l, err := rowimage.Compile(cols)
	if err != nil {
		t.Fatal(err)
	}
	b := rowimage.NewBuilder(l)
	var rows [][]byte
	for nulls := range 4 {
		b.Reset()
		for k, c := range cs {
			if nulls > 0 && k%4 == nulls {
				err = b.AppendNull()
			} else {
				err = c.values[0].put(b)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		image, err := b.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if !l.Canonical(image) {
			t.Error("padding bits are 0")
		}
		rows = append(rows, bytes.Clone(image))
	}
	ev := judge(t, l, rows...)
	var cells []rowimage.Cell
	for nulls := range 4 {
		if cells, err = l.Cut(rows[nulls], cells); err != nil {
			t.Fatal(err)
		}
		for k, c := range cs {
			isNull := nulls > 0 && k%4 == nulls
			want := c.values[0].want
			if isNull {
				want = "<nil>"
			}
			if p := printed(ev.Rows[nulls][k]); p != want {
				t.Errorf("row %d column %d: go-mysql reads %.50q, want %.50q", nulls, k, p, want)
			}
			if cells[k].Null() != isNull {
				t.Errorf("row %d column %d: null %v", nulls, k, cells[k].Null())
			}
			if found, err := l.Find(rows[nulls], k); err != nil || found != cells[k] {
				t.Errorf("row %d column %d: Find %v %v, Cut %v", nulls, k, found, err, cells[k])
			}
		}
	}
	back, err := rowimage.FromTableMap(l.TableMap(7, "d", "t", nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	for k := range back {
		if back[k].Type != cols[k].Type || back[k].Meta != cols[k].Meta {
			t.Errorf("column %d came back as type %d meta %d, was %d %d", k, back[k].Type, back[k].Meta, cols[k].Type, cols[k].Meta)
		}
	}
	if ok, why := rowimage.Compatible(cols, back); !ok {
		t.Error(why)
	}
}

func TestFromTableMap_ThroughTheEvent(t *testing.T) {
	var cols []rowimage.Column
	for _, c := range cases() {
		cols = append(cols, c.col)
	}
	l, err := rowimage.Compile(cols)
	if err != nil {
		t.Fatal(err)
	}
	for _, level := range []event.MetaLevel{event.MetaNone, event.MetaMinimal, event.MetaFull} {
		ev := checksum(event.AppendTableMap(nil, event.Header{}, l.TableMap(7, "d", "t", nil, nil), level))
		m, err := event.DecodeTableMap(ev, true)
		if err != nil {
			t.Fatal(err)
		}
		back, err := rowimage.FromTableMap(&m)
		if err != nil {
			t.Fatal(err)
		}
		if ok, why := rowimage.Compatible(cols, back); !ok {
			t.Errorf("level %d: %s", level, why)
		}
		for k := range back {
			switch {
			case back[k].SignUnknown != (level == event.MetaNone):
				t.Errorf("level %d column %d: SignUnknown %v", level, k, back[k].SignUnknown)
			case level != event.MetaNone && back[k].Unsigned != cols[k].Unsigned:
				t.Errorf("level %d column %d: signedness", level, k)
			case level == event.MetaFull && back[k].Collation != cols[k].Collation:
				t.Errorf("level %d column %d: collation %d, was %d", level, k, back[k].Collation, cols[k].Collation)
			case level == event.MetaFull && len(back[k].Members) != len(cols[k].Members):
				t.Errorf("level %d column %d: %d members", level, k, len(back[k].Members))
			}
		}
	}
}
