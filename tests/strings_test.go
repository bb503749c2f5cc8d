package tests

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// stringTables are what the expressions below are about: b binary, s text.
var stringTables = []string{
	"CREATE DATABASE strings",
	"CREATE TABLE strings.src (b VARBINARY(50), s VARCHAR(20), bt BIT(8))",
	"INSERT INTO strings.src VALUES (X'ff0080', 'é', b'11000001')",
	"CREATE TABLE strings.g (id INT PRIMARY KEY, v VARBINARY(20))",
	"INSERT INTO strings.g VALUES (1, X'ff'), (2, X'00fe'), (3, X'ff'), (4, NULL)",
	"CREATE TABLE strings.o (n INT PRIMARY KEY, v LONGBLOB)",
}

// stringCalls are calls of functions of strings, most of them with binary ones,
// that MySQL 8.0 and MariaDB answer alike.
var stringCalls = []string{
	"X'ff'", "REPEAT(X'ff',3)", "REPEAT(X'ff',0)", "REPEAT(X'ff',-1)", "REPEAT('a',-1)", "REPEAT(b,2)",
	"CONCAT(X'ff',X'00')", "CONCAT('a',X'ff')", "CONCAT(b,1)", "CONCAT(b,'é')", "CONCAT(s,X'41')", "CONCAT(s,b)",
	"CONCAT(b,NULL)", "CONCAT_WS(X'00',b,NULL,X'01')", "CONCAT_WS(',',b,'x')", "SUBSTRING(b,2,2)", "SUBSTRING(b,-2)",
	"SUBSTR(b FROM 2 FOR 1)", "MID(b,2,1)", "SUBSTRING(b,0)", "LEFT(b,2)", "RIGHT(b,2)", "LEFT(b,-1)", "REVERSE(b)",
	"LPAD(b,8,X'fe')", "RPAD(b,8,X'fe')", "LPAD(b,2,X'fe')", "RPAD(b,8,'x')", "REPLACE(b,X'ff',X'0102')",
	"REPLACE(b,X'ff','')", "INSERT(b,2,1,X'aabb')", "INSERT(b,0,1,X'aabb')", "INSERT(b,99,1,X'aabb')", "CHAR(255)",
	"CHAR(256,0,77.3,'77')", "CHAR(0x41 USING utf8mb4)", "CHAR(NULL,65)", "CHAR(4294967295)", "TRIM(X'20ff20')",
	"LTRIM(X'20ff20')", "RTRIM(X'20ff20')", "TRIM(LEADING X'ff' FROM b)", "TRIM(TRAILING X'80' FROM b)",
	"TRIM(BOTH X'ff' FROM X'ffff00ff')", "ELT(1,b,X'00')", "ELT(2,'x',X'ff')", "IF(1,b,X'00')", "IF(0,'x',X'ff')",
	"IF(1,'x',X'ff')", "CASE WHEN 1 THEN b ELSE X'00' END", "CASE 1 WHEN 1 THEN X'ff' ELSE 'x' END", "COALESCE(NULL,b)",
	"COALESCE(NULL,X'ff','a')", "IFNULL(NULL,X'ff')", "IFNULL(b,'x')", "NULLIF(b,X'00')", "UPPER(X'61ff')",
	"LOWER(X'41ff')", "UCASE(b)", "LCASE(b)", "GREATEST(X'ff',X'fe')", "LEAST(X'ff',X'fe')", "QUOTE(X'27ff')",
	"UNHEX('ff00')", "FROM_BASE64('//8=')", "TO_BASE64(X'ffff')", "MD5(b)", "SHA1(b)", "SHA2(b,256)", "CRC32(b)",
	"COMPRESS(b) IS NULL", "UNCOMPRESS(COMPRESS(b))", "LENGTH(b)", "CHAR_LENGTH(b)", "BIT_LENGTH(b)", "ASCII(X'ff')",
	"ORD(X'ff')", "ORD('é')", "LOCATE(X'ff',b)", "LOCATE(X'61',X'41')", "INSTR(b,X'80')", "POSITION(X'80' IN b)",
	"STRCMP(X'61',X'41')", "FIELD(X'61',X'41',X'61')", "FIND_IN_SET(X'61',X'41')", "X'61'=X'41'", "X'61' LIKE X'41'",
	"b LIKE CONCAT('%',X'80','%')", "b LIKE '%'", "CAST(X'ff' AS BINARY)", "CAST(X'ff' AS BINARY(3))",
	"CONVERT(X'c3a9' USING utf8mb4)", "CAST(X'c3a9' AS CHAR)", "CONVERT('é' USING binary)",
	"BINARY 'é'", "_binary'a'", "_utf8mb4 X'c3a9'", "0xff", "HEX(REPEAT(X'ff',3))", "HEX(CONCAT(X'ff','é'))",
	"MAKE_SET(3,X'ff',X'fe')", "EXPORT_SET(5,X'ff',X'00',X'01',3)", "SPACE(2)", "INET6_ATON('::1')",
	"(SELECT GROUP_CONCAT(v ORDER BY id) FROM g)",
	"(SELECT GROUP_CONCAT(DISTINCT v ORDER BY v DESC SEPARATOR ';') FROM g)",
	"(SELECT GROUP_CONCAT(id,v ORDER BY id) FROM g)", "(SELECT GROUP_CONCAT(HEX(v) ORDER BY id) FROM g)",
	"(SELECT MAX(v) FROM g)", "(SELECT MIN(v) FROM g)", "(SELECT X'ff' UNION ALL SELECT X'fe' LIMIT 1)",
	"SUBSTRING_INDEX(X'ff2cfe',',',1)", "SUBSTRING_INDEX(X'ff2cfe',X'2c',-1)", "LPAD('x',3,X'ff')", "CONCAT(bt)",
	"CONCAT(bt,X'ff')",
}

// Functions of strings work on the bytes of binary strings. Their results go
// into binary columns and to a replica as they go on MariaDB.
func TestStrings_AsMariaDBDoes(t *testing.T) {
	cluster.Need(t, "mariadbd")
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin", "collation-server=utf8mb4_general_ci")
	r := cluster.Start(t, "replica", "server-id=2", "collation-server=utf8mb4_general_ci")
	cluster.Follow(t, p, r)
	m := cluster.StartMariaDB(t, "--collation-server=utf8mb4_general_ci", "--character-set-server=utf8mb4")
	p.Exec(stringTables...)
	m.Exec(stringTables...)
	ours, theirs := open(t, p, "root", "", "strings"), connOf(t, m.DB)
	execute(t, theirs, "USE strings")
	for i, e := range stringCalls {
		store := fmt.Sprintf("INSERT INTO o SELECT %d, %s FROM src", i, e)
		read := fmt.Sprintf("SELECT HEX(v), HEX(%s) FROM o, src WHERE n = %d", e, i)
		if strings.HasPrefix(e, "(SELECT") {
			read = fmt.Sprintf("SELECT HEX(v) FROM o WHERE n = %d", i)
		}
		for _, q := range []string{store, read} {
			a, b := outcome(t, ours, q), outcome(t, theirs, q)
			if a != b {
				t.Errorf("%s\n ours:    %s\n MariaDB: %s", q, a, b)
			}
		}
	}
	cluster.WaitCaughtUp(t, p, r, 20*time.Second)
	cluster.SameData(t, "primary", p.DB(), "replica", r.DB())
}

// A binary result is one on the wire too: its character set is binary.
func TestStrings_BinaryOnTheWire(t *testing.T) {
	p := cluster.Start(t, "primary", "server-id=1")
	p.Exec(stringTables...)
	c := open(t, p, "root", "", "strings")
	for _, e := range []string{
		"REPEAT(X'ff',3)", "CONCAT(b,'x')", "SUBSTRING(b,1,1)", "LEFT(b,1)", "TRIM(b)", "COALESCE(NULL,b)", "CAST(s AS BINARY(2))",
		"IF(1,b,X'00')", "CASE WHEN 1 THEN b END", "IFNULL(b,'x')", "CHAR(255)", "ELT(1,b)", "UPPER(b)",
	} {
		rows, err := c.QueryContext(t.Context(), "SELECT "+e+" FROM src")
		if err != nil {
			t.Errorf("%s: %v", e, err)
			continue
		}
		types, err := rows.ColumnTypes()
		if err != nil {
			t.Fatal(err)
		}
		if name := types[0].DatabaseTypeName(); !strings.HasSuffix(name, "BLOB") && !strings.HasSuffix(name, "BINARY") {
			t.Errorf("%s is of type %s", e, name)
		}
		rows.Close()
	}
}

// Bytes of a prepared statement's parameter meet a binary string as they are,
// and a result beyond max_allowed_packet is NULL with warning 1301.
func TestStrings_ParametersAndLimits(t *testing.T) {
	p := cluster.Start(t, "primary", "server-id=1")
	db := p.DB()
	var v []byte
	if err := db.QueryRow("SELECT CONCAT(X'ff', ?, 'a')", []byte{0xfe, 0}).Scan(&v); err != nil || string(v) != "\xff\xfe\x00a" {
		t.Errorf("%x %v", v, err)
	}
	c := open(t, p, "root", "", "")
	for _, e := range []string{"REPEAT('a', 1 << 40)", "LPAD(X'ff', 1 << 30, X'00')", "CAST('a' AS BINARY(999999999))"} {
		if got := outcome(t, c, "SELECT "+e+" IS NULL"); got != "[[{String:1 Valid:true}]]" {
			t.Errorf("%s IS NULL: %s", e, got)
		}
	}
}
