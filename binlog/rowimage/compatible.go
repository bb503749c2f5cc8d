package rowimage

import (
	"fmt"
	"slices"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// Compatible reports whether a full image of the remote columns may be stored
// as is in a table of the local columns: equal number, and for each column
// equal type and metadata, a type that the store writes itself, equal
// signedness, character set and member list where the remote side tells them,
// and no NULLs where the local column takes none. why names the first
// difference.
func Compatible(local, remote []Column) (asIs bool, why string) {
	if len(local) != len(remote) {
		return false, fmt.Sprintf("%d columns here, %d there", len(local), len(remote))
	}
	for i := range local {
		if why := difference(&local[i], &remote[i]); why != "" {
			return false, fmt.Sprintf("column %d: %s", i, why)
		}
	}
	return true, ""
}

func difference(l, r *Column) string {
	switch {
	case l.Type != r.Type || !sameMeta(l, r):
		return fmt.Sprintf("%s here, %s there", TypeName(l, true), TypeName(r, false))
	case isOldTemporal(r.Type):
		return "old temporal format"
	case signsDiffer(l, r):
		return "signedness"
	case isString(l.Type) && charsetOrder(l, r) != 0:
		return fmt.Sprintf("character set %s here, %s there", Charset(l.Collation), Charset(r.Collation))
	case membersDiffer(l, r):
		return "members"
	case r.Nullable && !l.Nullable:
		return "NULL is allowed there only"
	}
	return ""
}

// sameMeta ignores metadata that says nothing: FLOAT and DOUBLE have one size.
func sameMeta(l, r *Column) bool {
	return l.Meta == r.Meta || l.Type == mysql.MYSQL_TYPE_FLOAT || l.Type == mysql.MYSQL_TYPE_DOUBLE
}

func isOldTemporal(t byte) bool {
	return t == mysql.MYSQL_TYPE_TIMESTAMP || t == mysql.MYSQL_TYPE_TIME || t == mysql.MYSQL_TYPE_DATETIME
}

func isInteger(t byte) bool {
	switch t {
	case mysql.MYSQL_TYPE_TINY, mysql.MYSQL_TYPE_SHORT, mysql.MYSQL_TYPE_INT24, mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_LONGLONG:
		return true
	}
	return false
}

// isReal is about the numbers with a fraction.
func isReal(t byte) bool {
	return t == mysql.MYSQL_TYPE_FLOAT || t == mysql.MYSQL_TYPE_DOUBLE || t == mysql.MYSQL_TYPE_NEWDECIMAL
}

func isString(t byte) bool {
	return t == mysql.MYSQL_TYPE_STRING || t == mysql.MYSQL_TYPE_VARCHAR || t == mysql.MYSQL_TYPE_BLOB
}

func signsDiffer(l, r *Column) bool {
	return (isInteger(l.Type) || isReal(l.Type)) && !r.SignUnknown && l.Unsigned != r.Unsigned
}

func membersDiffer(l, r *Column) bool {
	if l.Type != mysql.MYSQL_TYPE_ENUM && l.Type != mysql.MYSQL_TYPE_SET {
		return false
	}
	return len(l.Members) > 0 && len(r.Members) > 0 && !slices.Equal(l.Members, r.Members)
}

// noOrder is what charsetOrder returns for character sets of which neither
// holds the other.
const noOrder = 2

// charsetOrder is 0 if remote strings are local strings byte by byte, 1 if only
// some are, noOrder if the bytes mean something else.
func charsetOrder(l, r *Column) int {
	if l.Collation == 0 || r.Collation == 0 {
		return 0
	}
	from, to := Charset(r.Collation), Charset(l.Collation)
	switch {
	case from == to:
		return 0
	case from == "ascii" && to != "ucs2" && to != "utf16" && to != "utf16le" && to != "utf32":
		return 0
	case from == "utf8mb3" && to == "utf8mb4":
		return 0
	case from == "utf8mb4" && to == "utf8mb3":
		return 1
	}
	return noOrder
}

// Charset returns the name of the character set of a MySQL collation id:
// "binary" for 63, "unknown" for ids that MySQL 8.0 does not have.
func Charset(collation uint16) string {
	for _, c := range charsetRanges {
		if collation >= c.first && collation <= c.last {
			return c.name
		}
	}
	if int(collation) < len(charsetNames) && charsetNames[collation] != "" {
		return charsetNames[collation]
	}
	return "unknown"
}

// MaxCharBytes returns the greatest number of bytes of a character under a
// collation; 1 for unknown ones.
func MaxCharBytes(collation uint16) int {
	switch Charset(collation) {
	case "utf8mb4", "utf16", "utf16le", "utf32", "gb18030":
		return 4
	case "utf8mb3", "ujis", "eucjpms":
		return 3
	case "big5", "sjis", "euckr", "gb2312", "gbk", "ucs2", "cp932":
		return 2
	}
	return 1
}

var charsetRanges = []struct {
	first, last uint16
	name        string
}{
	{101, 124, "utf16"}, {128, 151, "ucs2"}, {160, 183, "utf32"}, {192, 215, "utf8mb3"},
	{224, 247, "utf8mb4"}, {248, 250, "gb18030"}, {255, 323, "utf8mb4"},
}

var charsetNames = func() (names [256]string) {
	for name, ids := range map[string][]byte{
		"big5": {1, 84}, "latin2": {2, 9, 21, 27, 77}, "dec8": {3, 69}, "cp850": {4, 80},
		"latin1": {5, 8, 15, 31, 47, 48, 49, 94}, "hp8": {6, 72}, "koi8r": {7, 74}, "swe7": {10, 82},
		"ascii": {11, 65}, "ujis": {12, 91}, "sjis": {13, 88}, "cp1251": {14, 23, 50, 51, 52},
		"hebrew": {16, 71}, "tis620": {18, 89}, "euckr": {19, 85}, "latin7": {20, 41, 42, 79},
		"koi8u": {22, 75}, "gb2312": {24, 86}, "greek": {25, 70}, "cp1250": {26, 34, 44, 66, 99},
		"gbk": {28, 87}, "cp1257": {29, 58, 59}, "latin5": {30, 78}, "armscii8": {32, 64},
		"utf8mb3": {33, 76, 83, 223}, "ucs2": {35, 90, 159}, "cp866": {36, 68}, "keybcs2": {37, 73},
		"macce": {38, 43}, "macroman": {39, 53}, "cp852": {40, 81}, "utf8mb4": {45, 46},
		"utf16": {54, 55}, "utf16le": {56, 62}, "cp1256": {57, 67}, "utf32": {60, 61},
		"binary": {63}, "geostd8": {92, 93}, "cp932": {95, 96}, "eucjpms": {97, 98},
	} {
		for _, id := range ids {
			names[id] = name
		}
	}
	return names
}()

// TypeName spells a column's type as MySQL does in errors 1677 and 13146. The
// target, and only that, carries its character set: "varchar(80(bytes) utf8mb4)".
func TypeName(c *Column, target bool) string {
	bytes := func(name string) string {
		if target {
			return fmt.Sprintf("%s(%d(bytes) %s)", name, c.Meta, Charset(c.Collation))
		}
		return fmt.Sprintf("%s(%d(bytes))", name, c.Meta)
	}
	switch c.Type {
	case mysql.MYSQL_TYPE_VARCHAR:
		return bytes("varchar")
	case mysql.MYSQL_TYPE_STRING:
		return bytes("char")
	case mysql.MYSQL_TYPE_BIT:
		return fmt.Sprintf("bit(%d)", c.Meta)
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		return fmt.Sprintf("decimal(%d,%d)", c.Meta>>8, c.Meta&0xff)
	case mysql.MYSQL_TYPE_BLOB:
		switch c.Meta {
		case 1:
			return "tinyblob"
		case 3:
			return "mediumblob"
		case 4:
			return "longblob"
		}
		return "blob"
	}
	if name, ok := plainTypeNames[c.Type]; ok {
		return name
	}
	return "<unknown type>"
}

var plainTypeNames = map[byte]string{
	mysql.MYSQL_TYPE_TINY: "tinyint", mysql.MYSQL_TYPE_SHORT: "smallint", mysql.MYSQL_TYPE_INT24: "mediumint",
	mysql.MYSQL_TYPE_LONG: "int", mysql.MYSQL_TYPE_LONGLONG: "bigint",
	mysql.MYSQL_TYPE_FLOAT: "float", mysql.MYSQL_TYPE_DOUBLE: "double", mysql.MYSQL_TYPE_YEAR: "year",
	mysql.MYSQL_TYPE_DATE: "date", mysql.MYSQL_TYPE_TIME: "time", mysql.MYSQL_TYPE_TIME2: "time",
	mysql.MYSQL_TYPE_DATETIME: "datetime", mysql.MYSQL_TYPE_DATETIME2: "datetime",
	mysql.MYSQL_TYPE_TIMESTAMP: "timestamp", mysql.MYSQL_TYPE_TIMESTAMP2: "timestamp",
	mysql.MYSQL_TYPE_ENUM: "enum", mysql.MYSQL_TYPE_SET: "set",
	mysql.MYSQL_TYPE_JSON: "json", mysql.MYSQL_TYPE_GEOMETRY: "geometry",
}
