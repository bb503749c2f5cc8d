package rowimage_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/jsonb"
	"binrelay/binlog/rowimage"
)

func signUnknown(c rowimage.Column) rowimage.Column { c.SignUnknown = true; return c }
func named(c rowimage.Column, m ...string) rowimage.Column {
	c.Members = m
	return c
}

func TestConverter_Values(t *testing.T) {
	enum := text(gomysql.MYSQL_TYPE_ENUM, 1, 45)
	lossy, wider := rowimage.AllLossy, rowimage.AllNonLossy
	const refused = "refused"
	for _, c := range []struct {
		name          string
		local, remote rowimage.Column
		allow         rowimage.Conversions
		in, out       value
		err           error // of the value; nil with out.want == refused: of the definition
	}{
		{"int→bigint", col(8, 0), col(3, 0), wider, i(-7), i(-7), nil},
		{"int→bigint not allowed", col(8, 0), col(3, 0), 0, i(-7), value{want: refused}, nil},
		{"int→bigint only lossy", col(8, 0), col(3, 0), lossy, i(-7), value{want: refused}, nil},
		{"bigint→tinyint cut", col(1, 0), col(8, 0), lossy, i(-700), i(-128), nil},
		{"bigint→unsigned cut", unsigned(col(1, 0)), col(8, 0), lossy, i(-700), i(0), nil},
		{"unsigned→signed in range", col(3, 0), unsigned(col(3, 0)), 0, i(7), i(7), nil},
		{"unsigned→signed out of range", col(3, 0), unsigned(col(3, 0)), 0, u(1 << 31), value{}, rowimage.ErrRange},
		{"sign unknown", unsigned(col(3, 0)), signUnknown(col(3, 0)), 0, i(-1), u(1<<32 - 1), nil},
		{"float→double", col(5, 8), col(4, 4), wider, f(0.1), f(0.1), nil},
		{"double→float", col(4, 4), col(5, 8), lossy, f(0.5), f(0.5), nil},
		{"decimal wider", col(246, 12<<8|3), col(246, 10<<8|2), wider, dec("-1.25", ""), dec("-1.250", ""), nil},
		{"decimal wider refused", col(246, 12<<8|3), col(246, 10<<8|2), 0, dec("-1.25", ""), value{want: refused}, nil},
		{"decimal narrower", col(246, 10<<8|1), col(246, 10<<8|2), lossy, dec("-1.25", ""), dec("-1.3", ""), nil},
		{"varchar longer", text(15, 400, 45), text(15, 200, 45), wider, str("ä ", ""), str("ä ", ""), nil},
		{"varchar longer refused", text(15, 400, 45), text(15, 200, 45), 0, str("ä", ""), value{want: refused}, nil},
		{"varchar cut between characters", text(15, 3, 45), text(15, 200, 45), lossy, str("aää", ""), str("aä", ""), nil},
		{"varchar→char", text(254, 400, 45), text(15, 200, 45), wider, str("a ", ""), str("a", ""), nil},
		{"text→longtext", text(252, 4, 45), text(252, 2, 45), wider, str("q", ""), str("q", ""), nil},
		{"utf8mb3→utf8mb4", text(15, 40, 255), text(15, 40, 33), 0, str("ä", ""), str("ä", ""), nil},
		{"latin1→utf8mb4", text(15, 40, 255), text(15, 40, 8), 0, str("a", ""), value{want: refused}, nil},
		{"charset unknown", text(15, 40, 255), text(15, 40, 0), 0, str("a", ""), str("a", ""), nil},
		{"datetime fraction", col(18, 6), col(18, 5), 0, dt(2024, 1, 2, 3, 4, 5, 123450, ""), dt(2024, 1, 2, 3, 4, 5, 123450, ""), nil},
		{"datetime fraction more bytes", col(18, 6), col(18, 0), 0, dt(2024, 1, 2, 3, 4, 5, 0, ""), value{want: refused}, nil},
		{"time fraction", col(19, 6), col(19, 0), wider, tm(-second, ""), tm(-second, ""), nil},
		{"timestamp fraction cut", col(17, 0), col(17, 6), lossy, ts(5, 999999, ""), ts(5, 0, ""), nil},
		{"enum grown", named(enum, "a", "b", "c"), named(enum, "a", "b"), 0, i(2), i(2), nil},
		{"enum other members", named(enum, "b", "a"), named(enum, "a", "b"), 0, i(2), value{want: refused}, nil},
		{"bit", col(16, 9), col(16, 8), wider, i(255), i(255), nil},
		{"varchar→int", col(3, 0), text(15, 40, 45), lossy | wider, str("1", ""), value{want: refused}, nil},
		{"null", col(8, 0), col(3, 0), wider, null(), null(), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			local, remote := layout(t, c.local), layout(t, c.remote)
			conv, err := rowimage.NewConverterAllowing(local, remote, nil, c.allow)
			if c.out.want == refused {
				var ce *rowimage.ConversionError
				if !errors.As(err, &ce) || ce.Column != 0 {
					t.Fatalf("not refused: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			in := image(t, remote, c.in)
			got, err := conv.Append([]byte("x"), in)
			if c.err != nil {
				if !errors.Is(err, c.err) {
					t.Fatalf("%v, want %v", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := image(t, local, c.out); !bytes.Equal(got[1:], want) {
				t.Errorf("% x, want % x", got[1:], want)
			}
			part, present, n, err := conv.AppendPartial(nil, nil, in, []byte{1})
			if err != nil || n != len(in) || !bytes.Equal(part, got[1:]) || !bytes.Equal(present, []byte{1}) {
				t.Errorf("partial % x, present % x, %d, %v", part, present, n, err)
			}
		})
	}
}

func TestConverter_ErrorNamesTypes(t *testing.T) {
	for _, c := range []struct {
		local, remote rowimage.Column
		want          string
	}{
		{text(15, 120, 45), text(15, 160, 45), "column 1 cannot be converted from type 'varchar(160(bytes))' to type 'varchar(120(bytes) utf8mb4)'"},
		{col(3, 0), text(254, 10, 8), "column 1 cannot be converted from type 'char(10(bytes))' to type 'int'"},
		{col(246, 10<<8|2), col(246, 12<<8|3), "column 1 cannot be converted from type 'decimal(12,3)' to type 'decimal(10,2)'"},
		{text(252, 2, 45), text(252, 4, 45), "column 1 cannot be converted from type 'longblob' to type 'blob'"},
		{col(18, 0), col(17, 0), "column 1 cannot be converted from type 'timestamp' to type 'datetime'"},
	} {
		first := col(3, 0)
		_, err := rowimage.NewConverter(layout(t, first, c.local), layout(t, first, c.remote), nil)
		if err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
		var ce *rowimage.ConversionError
		if errors.As(err, &ce) && ce.Text("d.t") != "Column 1 of table 'd.t'"+strings.TrimPrefix(c.want, "column 1") {
			t.Error(ce.Text("d.t"))
		}
	}
}

func TestConverter_ExtraColumns(t *testing.T) {
	a, b := col(3, 0), text(15, 40, 45)
	required := b
	required.Nullable = false
	short, long := layout(t, a), layout(t, a, required)
	conv, err := rowimage.NewConverter(long, short, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := conv.Append(nil, image(t, short, i(5)))
	if want := image(t, long, i(5), str("", "")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("% x %v, want % x", got, err, want)
	}
	conv, err = rowimage.NewConverter(long, short, image(t, long, i(0), str("new", "")))
	if err != nil {
		t.Fatal(err)
	}
	got, err = conv.Append(nil, image(t, short, i(5)))
	if want := image(t, long, i(5), str("new", "")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("% x %v, want % x", got, err, want)
	}
	conv, err = rowimage.NewConverter(short, long, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err = conv.Append(nil, image(t, long, i(5), str("gone", "")))
	if want := image(t, short, i(5)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("% x %v, want % x", got, err, want)
	}
}

func TestConverter_OldTemporals(t *testing.T) {
	remote := layout(t, col(7, 0), col(11, 0), col(12, 0))
	local := layout(t, col(17, 3), col(19, 0), col(18, 6))
	conv, err := rowimage.NewConverter(local, remote, nil)
	if err != nil {
		t.Fatal(err)
	}
	// 1700000000 s, -12:34:56, 2024-02-29 23:59:58
	in := []byte{0xf8, 0x00, 0xf1, 0x53, 0x65, 0xc0, 0x1d, 0xfe, 0xf6, 0x7c, 0xac, 0x8b, 0x68, 0x12, 0x00, 0x00}
	got, err := conv.Append(nil, in)
	want := image(t, local, ts(1700000000, 0, ""), tm(-(12*3600+34*60+56)*second, ""), dt(2024, 2, 29, 23, 59, 58, 0, ""))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("% x %v, want % x", got, err, want)
	}
	if ok, why := rowimage.Compatible(remote.Columns(), remote.Columns()); ok || !strings.Contains(why, "old temporal") {
		t.Errorf("old temporals stored as is: %v %s", ok, why)
	}
}

func TestCompatible(t *testing.T) {
	base := []rowimage.Column{col(3, 0), text(15, 40, 45), named(text(247, 1, 45), "a", "b")}
	change := func(k int, f func(*rowimage.Column)) []rowimage.Column {
		cols := append([]rowimage.Column(nil), base...)
		f(&cols[k])
		return cols
	}
	for name, c := range map[string]struct {
		remote []rowimage.Column
		asIs   bool
	}{
		"equal":           {base, true},
		"fewer":           {base[:2], false},
		"sign":            {change(0, func(c *rowimage.Column) { c.Unsigned = true }), false},
		"sign unknown":    {change(0, func(c *rowimage.Column) { c.Unsigned, c.SignUnknown = true, true }), true},
		"type":            {change(0, func(c *rowimage.Column) { c.Type = 8 }), false},
		"length":          {change(1, func(c *rowimage.Column) { c.Meta = 44 }), false},
		"collation":       {change(1, func(c *rowimage.Column) { c.Collation = 255 }), true},
		"charset":         {change(1, func(c *rowimage.Column) { c.Collation = 8 }), false},
		"charset unknown": {change(1, func(c *rowimage.Column) { c.Collation = 0 }), true},
		"members":         {change(2, func(c *rowimage.Column) { c.Members = []string{"a", "c"} }), false},
		"members unknown": {change(2, func(c *rowimage.Column) { c.Members = nil }), true},
		"not null there":  {change(0, func(c *rowimage.Column) { c.Nullable = false }), true},
	} {
		if asIs, why := rowimage.Compatible(base, c.remote); asIs != c.asIs || asIs != (why == "") {
			t.Errorf("%s: %v %q", name, asIs, why)
		}
	}
	if asIs, _ := rowimage.Compatible(change(0, func(c *rowimage.Column) { c.Nullable = false }), base); asIs {
		t.Error("NULLs for a column that takes none")
	}
}

// A text of MariaDB's JSON becomes a document; other texts and bytes do not.
func TestConverter_JSONFromText(t *testing.T) {
	local, remote := layout(t, col(245, 4)), layout(t, text(252, 4, 46))
	conv, err := rowimage.NewConverterParsing(local, remote, nil, jsonb.FromText)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonb.FromText(nil, []byte(`{"a": [1, 2.0]}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := conv.Append([]byte("x"), image(t, remote, str(`{"a":[1,2.0]}`, "")))
	if want := image(t, local, str(string(doc), "")); err != nil || !bytes.Equal(got[1:], want) {
		t.Errorf("% x %v, want % x", got, err, want)
	}
	if _, err := conv.Append(nil, image(t, remote, str("{", ""))); !errors.Is(err, rowimage.ErrFormat) {
		t.Errorf("half a text: %v", err)
	}
	if got, err := conv.Append(nil, image(t, remote, null())); err != nil || !bytes.Equal(got, image(t, local, null())) {
		t.Errorf("NULL: % x %v", got, err)
	}
	for _, r := range []rowimage.Column{text(252, 4, 8), text(252, 4, 63), text(15, 40, 45), col(3, 0)} {
		var ce *rowimage.ConversionError
		if _, err := rowimage.NewConverterParsing(local, layout(t, r), nil, jsonb.FromText); !errors.As(err, &ce) || ce.TargetType != "json" {
			t.Errorf("type %d collation %d: %v", r.Type, r.Collation, err)
		}
	}
	if _, err := rowimage.NewConverter(local, remote, nil); err == nil {
		t.Error("a text taken for JSON")
	}
}
