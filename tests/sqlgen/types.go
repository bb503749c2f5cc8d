package sqlgen

import (
	"fmt"
	"strings"
)

// A kind is a family of types that functions take and give.
type kind byte

const (
	kInt  kind = 'i'
	kDec  kind = 'd'
	kFlt  kind = 'f'
	kStr  kind = 's'
	kBin  kind = 'b'
	kDate kind = 'D'
	kTime kind = 'T'
	kDT   kind = 'W' // date and time
	kBool kind = 'l'
)

var kinds = []kind{kInt, kInt, kDec, kFlt, kStr, kStr, kBin, kDate, kTime, kDT}

// typ is a column's type.
type typ struct {
	kind kind
	sql  string
	vals []string // literals that it takes
	odd  []string // literals that it refuses, cuts or converts
	text bool     // TEXT or BLOB: no default, keys by prefix only
	ci   bool     // letters of both cases are equal
	set  bool     // ENUM or SET: compared by text, ordered by number
	wide bool     // of a wide generator only
}

var words = []string{"''", "'a'", "'A'", "'b'", "'ab'", "'Ab'", "'abc'", "'ABC'", "'xyz'", "'ä'", "'1'", "'10'", "'-2'", "'2.5'", "'a b'", "' a'", "'%'", "'a_c'", "'a '", "'B  '", "' '", "'ab '", "'0'", "'2024-02-29'", "'12:30:45'"}

// types of columns. Literals of a family are few, so that rows meet in joins and
// groups.
var types = []typ{
	{kind: kInt, sql: "TINYINT", vals: []string{"-128", "127", "0", "1", "2", "-1"}, odd: []string{"128", "-129", "'12'", "'x'", "1.5"}},
	{kind: kInt, sql: "TINYINT UNSIGNED", vals: []string{"0", "255", "1", "2", "10"}, odd: []string{"-1", "256", "''"}},
	{kind: kInt, sql: "SMALLINT", vals: []string{"-32768", "32767", "0", "1", "2"}, odd: []string{"40000", "'7 '"}},
	{kind: kInt, sql: "MEDIUMINT", vals: []string{"-8388608", "8388607", "0", "10"}, odd: []string{"8388608"}},
	{kind: kInt, sql: "INT", vals: []string{"-2147483648", "2147483647", "0", "1", "2", "3", "-1", "10"}, odd: []string{"2147483648", "'1e2'", "2.5", "-2.5", "1e10"}},
	{kind: kInt, sql: "INT", vals: []string{"0", "1", "2", "3", "4", "5"}, odd: []string{"TRUE", "'5x'"}},
	{kind: kInt, sql: "INT UNSIGNED", vals: []string{"0", "4294967295", "1", "2"}, odd: []string{"-1", "4294967296"}},
	{kind: kInt, sql: "BIGINT", vals: []string{"-9223372036854775808", "9223372036854775807", "0", "1", "-1", "100"}, odd: []string{"9223372036854775808", "1e30", "'99999999999999999999'"}},
	{kind: kInt, sql: "BIGINT UNSIGNED", vals: []string{"0", "18446744073709551615", "1", "2"}, odd: []string{"-1", "18446744073709551616", "-0.4"}},
	{kind: kInt, sql: "YEAR", vals: []string{"1901", "2155", "2000", "2024"}, odd: []string{"1900", "70", "'24'", "2156", "0"}, wide: true},
	{kind: kInt, sql: "BIT(10)", vals: []string{"b'0'", "b'1111111111'", "b'101'", "5"}, odd: []string{"1024", "-1"}, wide: true},
	{kind: kDec, sql: "DECIMAL(5,2)", vals: []string{"0", "1.5", "-999.99", "999.99", "12.34", "2.50"}, odd: []string{"1000", "1.005", "-1.005", "'1.235'", "'a'", "1e2"}},
	{kind: kDec, sql: "DECIMAL(10,0)", vals: []string{"0", "1", "-7", "9999999999"}, odd: []string{"0.5", "1.5", "-0.5", "10000000000"}},
	{kind: kDec, sql: "DECIMAL(30,10)", vals: []string{"0", "1.5", "-12345678901234567890.0123456789", "0.0000000001", "3.14"}, odd: []string{"0.00000000005"}},
	{kind: kFlt, sql: "DOUBLE", vals: []string{"0", "1.5", "-2.25", "1e100", "1e-5", "3"}, odd: []string{"'1e5'", "'x'", "1e400"}},
	{kind: kFlt, sql: "FLOAT", vals: []string{"0", "1.5", "-2.25", "1024", "0.5"}, odd: []string{"1e39"}, wide: true},
	{kind: kStr, sql: "CHAR(5)", vals: words[:21], odd: []string{"'toolong'", "'ab   '", "12", "NULL"}, ci: true},
	{kind: kStr, sql: "VARCHAR(20)", vals: words, odd: []string{"'a  '", "REPEAT('x', 21)", "1.50", "X'6162'", "DATE '2024-01-02'"}, ci: true},
	{kind: kStr, sql: "VARCHAR(20) COLLATE utf8mb4_bin", vals: words, odd: []string{"'a  '"}},
	{kind: kStr, sql: "VARCHAR(10) COLLATE utf8mb4_unicode_ci", vals: words[:21], odd: []string{"'Straße'"}, ci: true, wide: true},
	{kind: kStr, sql: "VARCHAR(10) CHARACTER SET latin1", vals: words[:21], odd: []string{"'€'"}, ci: true, wide: true},
	{kind: kStr, sql: "TEXT", vals: words, odd: []string{"REPEAT('xy', 300)"}, text: true, ci: true},
	{kind: kStr, sql: "ENUM('a','b','c','ab')", vals: []string{"'a'", "'b'", "'c'", "'ab'"}, odd: []string{"'A'", "'zz'", "1", "0", "5", "''"}, ci: true, set: true},
	{kind: kStr, sql: "SET('a','b','c')", vals: []string{"''", "'a'", "'a,b'", "'c'", "'a,b,c'"}, odd: []string{"'c,a'", "'d'", "'a,d'", "3", "8"}, ci: true, set: true},
	{kind: kBin, sql: "BINARY(4)", vals: []string{"'a'", "'ab'", "X'00ff'", "'abcd'"}, odd: []string{"'abcde'"}, wide: true},
	{kind: kBin, sql: "VARBINARY(20)", vals: []string{"''", "'a'", "'A'", "X'00'", "X'ff'", "'abc'"}, odd: []string{"'a '", "REPEAT('b', 21)"}},
	{kind: kBin, sql: "BLOB", vals: []string{"''", "'a'", "X'00ff'", "'abc'"}, text: true},
	{kind: kDate, sql: "DATE", vals: []string{"'2024-02-29'", "'1000-01-01'", "'9999-12-31'", "'2023-12-31'", "'2024-01-01'"}, odd: []string{"'2023-02-29'", "'0000-00-00'", "'2024-1-5'", "20240105", "'x'", "'2024-01-01 10:00:00'", "'24/3/4'"}},
	{kind: kTime, sql: "TIME", vals: []string{"'00:00:00'", "'-838:59:59'", "'838:59:59'", "'12:30:45'", "'-01:00:00'"}, odd: []string{"'839:00:00'", "'12:60:00'", "'1 2:3:4'", "1230", "'12:30:45.6'", "'x'"}, wide: true},
	{kind: kTime, sql: "TIME(3)", vals: []string{"'00:00:00.001'", "'-12:30:45.678'", "'12:30:45'"}, odd: []string{"'12:30:45.6789'"}, wide: true},
	{kind: kDT, sql: "DATETIME", vals: []string{"'2024-02-29 12:30:45'", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'", "'2024-01-01 00:00:00'", "'2024-01-01'"}, odd: []string{"'2024-02-30 00:00:00'", "'2024-01-01 25:00:00'", "20240101123045", "'2024-01-01 12:30:45.5'", "'2024-01-01T10:11:12'", "''"}},
	{kind: kDT, sql: "DATETIME(6)", vals: []string{"'2024-02-29 12:30:45.123456'", "'2024-01-01 00:00:00.000001'"}, odd: []string{"'2024-12-31 23:59:59.9999999'"}},
	{kind: kDT, sql: "TIMESTAMP NULL", vals: []string{"'2024-02-29 12:30:45'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'"}, odd: []string{"'2038-01-19 03:14:08'", "'1969-12-31 00:00:00'"}},
}

// literal returns a value for a column.
func (g *Gen) literal(t typ, notNull bool) string {
	switch n := g.n(100); {
	case n < 8 && (!notNull || n == 0):
		return "NULL"
	case n < 16 && len(t.odd) > 0 && g.wide:
		return pick(g, t.odd)
	}
	return pick(g, t.vals)
}

// value returns a constant of a kind for an expression.
func (g *Gen) value(k kind) string {
	if g.chance(4) {
		return "NULL"
	}
	switch k {
	case kInt:
		return pick(g, []string{"0", "1", "2", "3", "5", "7", "10", "-1", "-3", "100", "255", "65536", "2147483647", "-2147483648", "9223372036854775807", "TRUE"})
	case kBool:
		return pick(g, []string{"TRUE", "FALSE", "1", "0"})
	case kDec:
		return pick(g, []string{"0.0", "1.5", "-2.50", "12.345", "0.001", "99999.99", "-0.5", "2.5", "123456789.123456789"})
	case kFlt:
		return pick(g, []string{"0e0", "1.5e0", "-2.25e0", "1e10", "1e-3", "3e0"})
	case kStr:
		return pick(g, words)
	case kBin:
		return pick(g, []string{"X'00ff'", "X'61'", "_binary 'abc'", "X'616263'"})
	case kDate:
		return pick(g, []string{"DATE '2024-02-29'", "DATE '2023-12-31'", "DATE '1999-01-01'", "'2024-02-29'"})
	case kTime:
		return pick(g, []string{"TIME '12:30:45'", "TIME '-01:02:03'", "TIME '100:00:00'", "'10:11:12'"})
	default:
		return pick(g, []string{"TIMESTAMP '2024-02-29 12:30:45'", "TIMESTAMP '2023-12-31 23:59:59'", "TIMESTAMP '2024-01-01 00:00:00.123456'", "'2024-02-29 12:30:45'"})
	}
}

// definition is a column as CREATE TABLE and ALTER TABLE spell it.
func (g *Gen) definition(c *column) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", c.name, c.t.sql)
	if c.notNull {
		b.WriteString(" NOT NULL")
	}
	if !c.t.text && g.chance(25) {
		v := pick(g, c.t.vals)
		if !c.notNull && g.chance(30) {
			v = "NULL"
		}
		b.WriteString(" DEFAULT " + v)
	}
	return b.String()
}

// typ picks a type.
func (g *Gen) typ() typ {
	for {
		if t := pick(g, types); g.wide || !t.wide {
			return t
		}
	}
}

func (g *Gen) column() *column {
	t := g.typ()
	return &column{name: g.name("c"), t: t, notNull: g.chance(25) && !strings.HasSuffix(t.sql, " NULL")}
}
