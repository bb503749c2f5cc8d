package sql

import (
	"strings"
	"testing"
)

// What tools of migrations read back of a table: defaults, expressions, digits
// of TIME, order and prefixes of keys, in MySQL's spelling.
func TestServer_ColumnsInfo(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d", `CREATE TABLE t (id INT PRIMARY KEY, b BOOL NOT NULL DEFAULT true, e ENUM('x','it''s') DEFAULT 'it''s', m SET('p','q') DEFAULT 'p,q',
		bits BIT(5) DEFAULT b'101', bin VARBINARY(4) DEFAULT x'00ff', t TIME, t2 TIME(2) DEFAULT '10:00:00', at DATETIME DEFAULT '2020-01-01', n DECIMAL(5,2) DEFAULT 1.5,
		x INT DEFAULT (1 + 2), j JSON DEFAULT (JSON_ARRAY()), g INT AS (id * 2), h VARCHAR(30) AS (CONCAT(e, id)) STORED, s VARCHAR(90), KEY k (s(10) DESC, id))`)
	c.want("SELECT column_name, column_default, column_type, datetime_precision, extra, generation_expression FROM information_schema.columns WHERE table_schema = 'd' ORDER BY ordinal_position",
		strings.Join([]string{
			"id|NULL|int|NULL||",
			"b|1|tinyint(1)|NULL||",
			"e|it's|enum('x','it''s')|NULL||",
			"m|p,q|set('p','q')|NULL||",
			"bits|b'101'|bit(5)|NULL||",
			"bin|0x00FF|varbinary(4)|NULL||",
			"t|NULL|time|0||",
			"t2|10:00:00.00|time(2)|2||",
			"at|2020-01-01 00:00:00|datetime|0||",
			"n|1.50|decimal(5,2)|NULL||",
			"x|(1 + 2)|int|NULL|DEFAULT_GENERATED|",
			"j|json_array()|json|NULL|DEFAULT_GENERATED|",
			"g|NULL|int|NULL|VIRTUAL GENERATED|(`id` * 2)",
			"h|NULL|varchar(30)|NULL|STORED GENERATED|CONCAT(`e`, `id`)",
			"s|NULL|varchar(90)|NULL||",
		}, "\n"))
	create := c.rows("SHOW CREATE TABLE t")
	for _, want := range []string{"DEFAULT 'it''s'", "DEFAULT 'p,q'", "DEFAULT '2020-01-01 00:00:00'"} {
		if !strings.Contains(create, want) {
			t.Errorf("SHOW CREATE TABLE has no %s:\n%s", want, create)
		}
	}
	if text := c.rows("SHOW COLUMNS FROM t WHERE Field = 'b'"); !strings.Contains(text, "NO||1|") {
		t.Errorf("SHOW COLUMNS: %s", text)
	}
	keys := c.rows("SHOW INDEX FROM t")
	for _, want := range []string{"PRIMARY|1|id|A|0|NULL|", "k|1|s|D|0|10|", "k|2|id|A|0|NULL|"} {
		if !strings.Contains(keys, want) {
			t.Errorf("SHOW INDEX has no %s:\n%s", want, keys)
		}
	}
}

// go-mysql-server checks the operands of a derived table twice, the second time
// after collations came in.
func TestServer_InListOfDerivedTable(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(9))", "INSERT INTO t VALUES (1, 'a'), (2, 'B'), (3, 'c')")
	c.want("SELECT x.id FROM (SELECT id FROM t WHERE s IN ('A', 'b')) x ORDER BY 1 DESC", "2\n1")
	c.want("SELECT id FROM t WHERE id IN (SELECT x.id FROM (SELECT id FROM t WHERE s NOT IN ('A', 'b')) x)", "3")
	c.want("WITH w AS (SELECT id FROM t WHERE s IN ('A', 'b', NULL)) SELECT COUNT(*) FROM w", "2")
}

// mysqldump of other servers names modes that MySQL 8.0 has no more.
func TestServer_UnknownMode(t *testing.T) {
	c := newTestServer(t, nil).client()
	for text, mode := range map[string]string{
		"SET SQL_QUOTE_SHOW_CREATE=1, SQL_MODE=concat(@@sql_mode, _utf8 ',NO_KEY_OPTIONS,NO_TABLE_OPTIONS')": "NO_KEY_OPTIONS",
		"SET SESSION sql_mode = 'ansi,x'":  "x",
		"SET @@global.sql_mode = 'ansi,x'": "x",
	} {
		_, err := c.query(text)
		if err == nil {
			t.Errorf("%s: no error", text)
		} else if n, _, msg := TranslateStatement(err, Statement{Query: text}); n != 1231 || msg != "Variable 'sql_mode' can't be set to the value of '"+mode+"'" {
			t.Errorf("%s: %d %s", text, n, msg)
		}
	}
	c.exec("SET sql_mode = ''", "SET sql_mode = 'strict_trans_tables,ansi_quotes'", "SET sql_mode = DEFAULT", "SET sql_mode = 1411383304")
}
