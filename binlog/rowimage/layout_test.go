package rowimage_test

import (
	"bytes"
	"errors"
	"testing"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/event"
	"binrelay/binlog/rowimage"
)

func layout(t testing.TB, cols ...rowimage.Column) *rowimage.Layout {
	t.Helper()
	l, err := rowimage.Compile(cols)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func image(t testing.TB, l *rowimage.Layout, values ...value) []byte {
	t.Helper()
	b := rowimage.NewBuilder(l)
	for _, v := range values {
		if err := v.put(b); err != nil {
			t.Fatal(err)
		}
	}
	im, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func sbtest(t testing.TB) (*rowimage.Layout, []byte) {
	l := layout(t, col(gomysql.MYSQL_TYPE_LONG, 0), col(gomysql.MYSQL_TYPE_LONG, 0),
		text(gomysql.MYSQL_TYPE_STRING, 480, 255), text(gomysql.MYSQL_TYPE_STRING, 240, 255))
	return l, bytes.Clone(image(t, l, i(1), i(5000), str("68487932199-96439406143-93774651418-41631865787", ""), str("67847967377-48000963322", "")))
}

func TestLayout_EveryCutIsRefused(t *testing.T) {
	l, im := sbtest(t)
	for n := range im {
		if _, err := l.Next(im[:n]); !errors.Is(err, rowimage.ErrCorrupt) {
			t.Errorf("Next of %d bytes: %v", n, err)
		}
		if _, err := l.Cut(im[:n], nil); !errors.Is(err, rowimage.ErrCorrupt) {
			t.Errorf("Cut of %d bytes: %v", n, err)
		}
	}
	if _, err := l.Cut(append(bytes.Clone(im), 0), nil); !errors.Is(err, rowimage.ErrCorrupt) {
		t.Errorf("Cut with a byte too many: %v", err)
	}
}

func TestLayout_LongerThanColumn(t *testing.T) {
	l := layout(t, text(gomysql.MYSQL_TYPE_VARCHAR, 3, 45))
	if _, err := l.Next([]byte{0xfe, 4, 'a', 'b', 'c', 'd'}); !errors.Is(err, rowimage.ErrCorrupt) {
		t.Errorf("four bytes in varchar(3 bytes): %v", err)
	}
}

func TestCutPartial_Merge(t *testing.T) {
	l := layout(t, col(gomysql.MYSQL_TYPE_LONG, 0), text(gomysql.MYSQL_TYPE_VARCHAR, 40, 45), col(gomysql.MYSQL_TYPE_TINY, 0), text(gomysql.MYSQL_TYPE_BLOB, 2, 63))
	base := bytes.Clone(image(t, l, i(1), str("one", ""), null(), str("blob", "")))
	baseCells, err := l.Cut(base, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Columns 1 and 2 present; 1 is NULL, 2 is 9.
	present := []byte{0b0110}
	data := []byte{0b1111_1101, 9, 0xaa, 0xbb}
	cells, n, err := l.CutPartial(data, present, nil)
	if err != nil || n != 2 {
		t.Fatalf("CutPartial: %d bytes, %v", n, err)
	}
	if !cells[0].Absent() || !cells[1].Null() || cells[1].Absent() || cells[2].Null() || !cells[3].Absent() {
		t.Fatalf("cells %v", cells)
	}
	got := l.Merge(nil, base, baseCells, data, cells)
	want := image(t, l, i(1), null(), i(9), str("blob", ""))
	if !bytes.Equal(got, want) {
		t.Errorf("merged % x, want % x", got, want)
	}
	if l.AllPresent(present) || !l.AllPresent([]byte{0b1111}) || !l.AllPresent([]byte{0xff}) {
		t.Error("AllPresent")
	}
}

func TestBuilder_Refuses(t *testing.T) {
	notNull := col(gomysql.MYSQL_TYPE_LONG, 0)
	notNull.Nullable = false
	for _, c := range []struct {
		col  rowimage.Column
		v    value
		want error
	}{
		{notNull, null(), rowimage.ErrNull},
		{col(gomysql.MYSQL_TYPE_TINY, 0), i(128), rowimage.ErrRange},
		{col(gomysql.MYSQL_TYPE_TINY, 0), i(-129), rowimage.ErrRange},
		{unsigned(col(gomysql.MYSQL_TYPE_TINY, 0)), i(-1), rowimage.ErrRange},
		{unsigned(col(gomysql.MYSQL_TYPE_TINY, 0)), i(256), rowimage.ErrRange},
		{unsigned(col(gomysql.MYSQL_TYPE_LONGLONG, 0)), i(-1), rowimage.ErrRange},
		{col(gomysql.MYSQL_TYPE_LONGLONG, 0), u(1 << 63), rowimage.ErrRange},
		{col(gomysql.MYSQL_TYPE_YEAR, 0), i(1900), rowimage.ErrRange},
		{col(gomysql.MYSQL_TYPE_YEAR, 0), i(2156), rowimage.ErrRange},
		{col(gomysql.MYSQL_TYPE_BIT, 3), i(8), rowimage.ErrRange},
		{members(gomysql.MYSQL_TYPE_ENUM, 1, 3), i(4), rowimage.ErrRange},
		{members(gomysql.MYSQL_TYPE_SET, 1, 3), i(8), rowimage.ErrRange},
		{col(gomysql.MYSQL_TYPE_NEWDECIMAL, 3<<8|1), dec("100", ""), rowimage.ErrRange},
		{col(gomysql.MYSQL_TYPE_NEWDECIMAL, 3<<8|1), dec("99.95", ""), rowimage.ErrRange},
		{unsigned(col(gomysql.MYSQL_TYPE_NEWDECIMAL, 3<<8|1)), dec("-0.1", ""), rowimage.ErrRange},
		{col(gomysql.MYSQL_TYPE_NEWDECIMAL, 3<<8|1), dec("1x", ""), rowimage.ErrFormat},
		{col(gomysql.MYSQL_TYPE_NEWDECIMAL, 3<<8|1), dec("", ""), rowimage.ErrFormat},
		{col(gomysql.MYSQL_TYPE_NEWDECIMAL, 3<<8|1), dec("1e", ""), rowimage.ErrFormat},
		{col(gomysql.MYSQL_TYPE_FLOAT, 4), f(1e39), rowimage.ErrRange},
		{text(gomysql.MYSQL_TYPE_VARCHAR, 3, 45), str("abcd", ""), rowimage.ErrLong},
		{text(gomysql.MYSQL_TYPE_BLOB, 1, 63), str(string(make([]byte, 256)), ""), rowimage.ErrLong},
		{col(gomysql.MYSQL_TYPE_DATE, 0), dt(10000, 1, 1, 0, 0, 0, 0, ""), rowimage.ErrRange},
		{col(gomysql.MYSQL_TYPE_DATE, 0), tm(1, ""), rowimage.ErrFormat},
		{col(gomysql.MYSQL_TYPE_TIME2, 0), tm(rowimage.MaxTime+1, ""), rowimage.ErrRange},
	} {
		b := rowimage.NewBuilder(layout(t, c.col))
		err := c.v.put(b)
		var ve *rowimage.ValueError
		if !errors.As(err, &ve) || !errors.Is(err, c.want) {
			t.Errorf("type %d: %v, want %v", c.col.Type, err, c.want)
		}
		if _, err := b.Bytes(); err == nil {
			t.Errorf("type %d: an image without its value", c.col.Type)
		}
	}
}

// TestDecode_RoundTrip decodes what the builder stored, without go-mysql.
func TestDecode_RoundTrip(t *testing.T) {
	for fsp := range uint16(7) {
		unit := int64(1)
		for range 6 - fsp {
			unit *= 10
		}
		for _, micros := range []int64{0, 1, 10, 999_999, second, -1, -10, -999_999, -second, -second - 1, rowimage.MaxTime, -rowimage.MaxTime + 1} {
			b, err := rowimage.AppendTime(nil, micros, fsp)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := rowimage.DecodeTime(b, fsp), micros/unit*unit; got != want {
				t.Errorf("time(%d) %d came back as %d", fsp, micros, got)
			}
		}
		d := rowimage.Datetime{Year: 2024, Month: 12, Day: 31, Hour: 23, Minute: 59, Second: 58, Micro: 987_654}
		b, err := rowimage.AppendDatetime(nil, d, fsp)
		if err != nil {
			t.Fatal(err)
		}
		d.Micro -= d.Micro % uint32(unit)
		if got := rowimage.DecodeDatetime(b, fsp); got != d {
			t.Errorf("datetime(%d): %v, want %v", fsp, got, d)
		}
		b, _ = rowimage.AppendTimestamp(nil, 4_000_000_000, 987_654, fsp)
		if sec, micro := rowimage.DecodeTimestamp(b, fsp); sec != 4_000_000_000 || micro != d.Micro {
			t.Errorf("timestamp(%d): %d.%06d", fsp, sec, micro)
		}
	}
}

func TestCut_DoesNotAllocate(t *testing.T) {
	l, im := sbtest(t)
	cells := make([]rowimage.Cell, 0, 4)
	b := rowimage.NewBuilder(l)
	n := testing.AllocsPerRun(100, func() {
		cells, _ = l.Cut(im, cells)
		b.Reset()
		b.AppendInt(1)
		b.AppendNull()
		b.AppendBytes(cells[2].Value(im))
		b.AppendString("x")
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// fuzzLayout has a column of every shape.
func fuzzLayout(t testing.TB) *rowimage.Layout {
	var cols []rowimage.Column
	for _, c := range cases() {
		cols = append(cols, c.col)
	}
	return layout(t, cols...)
}

func FuzzCut(f *testing.F) {
	l := fuzzLayout(f)
	b := rowimage.NewBuilder(l)
	for _, c := range cases() {
		v := c.values[0]
		if len(v.want) > 100 { // a short seed is changed faster
			v = null()
		}
		if err := v.put(b); err != nil {
			f.Fatal(err)
		}
	}
	im, err := b.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Clone(im), []byte{0xff, 0, 0xff, 0, 1, 2, 3})
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, data, present []byte) {
		n, err := l.Next(data)
		cells, m, err2 := l.CutNext(data, nil)
		if (err == nil) != (err2 == nil) || err == nil && n != m {
			t.Fatalf("Next %d %v, Cut %d %v", n, err, m, err2)
		}
		if err == nil {
			for k, c := range l.Columns() {
				if !cells[k].Null() {
					decode(&c, cells[k].Value(data))
				}
			}
		}
		if cells, n, err := l.CutPartial(data, present, nil); err == nil {
			if n > len(data) || len(cells) != len(l.Columns()) {
				t.Fatalf("%d bytes of %d, %d cells", n, len(data), len(cells))
			}
		}
	})
}

// FuzzTableMap takes column definitions of a foreign Table_map and rows in that
// form: what converts to our columns is a row of ours.
func FuzzTableMap(f *testing.F) {
	local := fuzzLayout(f)
	b := rowimage.NewBuilder(local)
	for _, c := range cases() {
		v := c.values[0]
		if len(v.want) > 100 {
			v = null()
		}
		if err := v.put(b); err != nil {
			f.Fatal(err)
		}
	}
	im, err := b.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	ev := event.AppendTableMap(nil, event.Header{}, local.TableMap(1, "d", "t", nil, nil), event.MetaFull)
	f.Add([]byte(ev[event.HeaderSize:len(ev)-event.ChecksumSize]), bytes.Clone(im))
	f.Fuzz(func(t *testing.T, body, data []byte) {
		ev := event.End(append(event.Begin(nil, event.Header{}, event.TableMap), body...), 0)
		m, err := event.DecodeTableMap(ev, true)
		if err != nil {
			return
		}
		cols, err := rowimage.FromTableMap(&m)
		if err != nil {
			return
		}
		rowimage.Compatible(local.Columns(), cols)
		remote, err := rowimage.Compile(cols)
		if err != nil {
			return
		}
		conv, err := rowimage.NewConverterAllowing(local, remote, nil, rowimage.AllLossy|rowimage.AllNonLossy)
		if err != nil {
			return
		}
		n, err := remote.Next(data)
		if err != nil {
			return
		}
		if ours, err := conv.Append(nil, data[:n]); err == nil {
			if _, err := local.Cut(ours, nil); err != nil {
				t.Fatalf("%x became %x: %v", data[:n], ours, err)
			}
		}
	})
}

// decode runs the type's decoder; it must not panic.
func decode(c *rowimage.Column, v []byte) {
	switch c.Type {
	case gomysql.MYSQL_TYPE_NEWDECIMAL:
		rowimage.AppendDecimalText(nil, v, c.Meta)
	case gomysql.MYSQL_TYPE_DATE:
		_ = rowimage.DecodeDate(v).String()
	case gomysql.MYSQL_TYPE_DATETIME2:
		_ = rowimage.DecodeDatetime(v, c.Meta).String()
	case gomysql.MYSQL_TYPE_TIMESTAMP2:
		rowimage.DecodeTimestamp(v, c.Meta)
	case gomysql.MYSQL_TYPE_TIME2:
		rowimage.DecodeTime(v, c.Meta)
	case gomysql.MYSQL_TYPE_YEAR:
		rowimage.DecodeYear(v)
	case gomysql.MYSQL_TYPE_BIT:
		rowimage.DecodeBit(v)
	case gomysql.MYSQL_TYPE_FLOAT:
		rowimage.DecodeFloat(v)
	case gomysql.MYSQL_TYPE_DOUBLE:
		rowimage.DecodeDouble(v)
	}
}

func BenchmarkNext(b *testing.B) {
	l, im := sbtest(b)
	for b.Loop() {
		if _, err := l.Next(im); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCut(b *testing.B) {
	l, im := sbtest(b)
	var cells []rowimage.Cell
	for b.Loop() {
		cells, _ = l.Cut(im, cells)
	}
}

func BenchmarkBuilder(b *testing.B) {
	l, _ := sbtest(b)
	w := rowimage.NewBuilder(l)
	for b.Loop() {
		w.Reset()
		w.AppendInt(1)
		w.AppendInt(5000)
		w.AppendString("68487932199-96439406143-93774651418-41631865787")
		w.AppendString("67847967377-48000963322")
	}
}
