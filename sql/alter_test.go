package sql

import (
	"strings"
	"testing"
)

func alterClient(t *testing.T) *client {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d")
	return c
}

// show returns SHOW CREATE TABLE without its first line and its options.
func (c *client) show(table string) string {
	c.t.Helper()
	text := c.rows("SHOW CREATE TABLE " + table)
	text = text[strings.Index(text, "(\n")+2 : strings.LastIndex(text, "\n)")]
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(strings.TrimSpace(lines[i]), ",")
	}
	return strings.Join(lines, "\n")
}

func (c *client) wantShow(table, expected string) {
	c.t.Helper()
	if got := c.show(table); got != expected {
		c.t.Errorf("SHOW CREATE TABLE %s\n got:\n%s\nwant:\n%s", table, got, expected)
	}
}

func TestAlter_Columns(t *testing.T) {
	c := alterClient(t)
	c.exec("CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(10))", "INSERT INTO t VALUES (1,10,'x'),(2,NULL,'y')",
		"ALTER TABLE t ADD COLUMN c INT NOT NULL DEFAULT 7, ADD d VARCHAR(5) DEFAULT 'dd' AFTER id, ADD COLUMN (e DATE, f ENUM('p','q') NOT NULL), ADD g INT FIRST")
	c.want("SELECT * FROM t", "NULL|1|dd|10|x|7|NULL|1\nNULL|2|dd|NULL|y|7|NULL|1")
	c.exec("INSERT INTO t (id) VALUES (3)")
	c.want("SELECT g,id,d,a,b,c,e FROM t WHERE id = 3", "NULL|3|dd|NULL|NULL|7|NULL")
	c.exec("ALTER TABLE t ALTER COLUMN d SET DEFAULT 'new', ALTER c DROP DEFAULT", "INSERT INTO t (id,c,f) VALUES (4,1,'q')")
	c.fails(1364, "INSERT INTO t (id) VALUES (5)")
	c.want("SELECT id,d,c FROM t ORDER BY id", "1|dd|7\n2|dd|7\n3|dd|7\n4|new|1")
	c.exec("ALTER TABLE t DROP COLUMN a, DROP e, RENAME COLUMN b TO bb, CHANGE d dd VARCHAR(200) AFTER bb, MODIFY c BIGINT FIRST")
	c.want("SELECT * FROM t ORDER BY id", "7|NULL|1|x|dd|1\n7|NULL|2|y|dd|1\n7|NULL|3|NULL|dd|1\n1|NULL|4|NULL|new|2")
	c.wantShow("t", "`c` bigint DEFAULT NULL\n`g` int DEFAULT NULL\n`id` int NOT NULL\n`bb` varchar(10) DEFAULT NULL\n`dd` varchar(200) DEFAULT NULL\n`f` enum('p','q') NOT NULL\nPRIMARY KEY (`id`)")
	c.exec("UPDATE t SET g = id WHERE id > 2", "DELETE FROM t WHERE id = 1")
	c.want("SELECT * FROM t ORDER BY id", "7|NULL|2|y|dd|1\n7|3|3|NULL|dd|1\n1|4|4|NULL|new|2")
	c.exec("ALTER TABLE t MODIFY f ENUM('p','q','r') NOT NULL", "UPDATE t SET f = 'r' WHERE id = 2")
	c.want("SELECT id, f FROM t ORDER BY id", "2|3\n3|1\n4|2")
	// Swap of names in one statement, and a drop with an add of the same name.
	c.exec("CREATE TABLE s (a INT PRIMARY KEY, b INT)", "INSERT INTO s VALUES (1,2)",
		"ALTER TABLE s CHANGE a b INT, CHANGE b a INT")
	c.want("SELECT a, b FROM s", "2|1")
	c.exec("ALTER TABLE s DROP COLUMN a, ADD COLUMN a VARCHAR(3) DEFAULT 'n'")
	c.want("SELECT * FROM s", "1|n")
	// A table without primary key is rewritten.
	c.exec("CREATE TABLE n (a INT)", "INSERT INTO n VALUES (1),(1),(2)", "ALTER TABLE n ADD COLUMN b INT DEFAULT 5", "DELETE FROM n WHERE a = 2")
	c.want("SELECT * FROM n", "1|5\n1|5")
}

func TestAlter_Errors(t *testing.T) {
	c := alterClient(t)
	c.exec("CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(10), x TEXT, y INT, KEY ka (a))",
		"INSERT INTO t VALUES (1,NULL,'abcdef','1',1),(2,5,'12','2',300)", "SET sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ENGINE_SUBSTITUTION'",
		"CREATE VIEW v AS SELECT 1", "CREATE TABLE taken (a INT)")
	before := c.rows("SHOW CREATE TABLE t")
	for _, e := range []struct {
		number uint16
		alter  string
		text   string
	}{
		{1060, "ADD COLUMN A INT", "Duplicate column name 'A'"},
		{1060, "RENAME COLUMN a TO b", "Duplicate column name 'b'"},
		{1061, "ADD INDEX KA (b)", "Duplicate key name 'KA'"},
		{1068, "ADD PRIMARY KEY (a)", "Multiple primary key defined"},
		{1072, "ADD INDEX (nix)", "Key column 'nix' doesn't exist in table"},
		{1091, "DROP COLUMN nix", "Can't DROP 'nix'; check that column/key exists"},
		{1091, "DROP INDEX nix", "Can't DROP 'nix'; check that column/key exists"},
		{1054, "MODIFY nix INT", "Unknown column 'nix' in 't'"},
		{1054, "CHANGE nix a INT", "Unknown column 'nix' in 't'"},
		{1054, "ADD COLUMN n INT AFTER nix", "Unknown column 'nix' in 't'"},
		{1054, "ALTER COLUMN nix SET DEFAULT 1", "Unknown column 'nix' in 't'"},
		{1054, "RENAME COLUMN nix TO n", "Unknown column 'nix' in 't'"},
		{1054, "DROP COLUMN a, MODIFY a INT", "Unknown column 'a' in 't'"},
		{1101, "ADD COLUMN n TEXT DEFAULT 'x'", "BLOB, TEXT, GEOMETRY or JSON column 'n' can't have a default value"},
		{1067, "ADD COLUMN n INT DEFAULT 'x'", "Invalid default value for 'n'"},
		{1067, "ADD COLUMN n INT NOT NULL DEFAULT NULL", "Invalid default value for 'n'"},
		{1067, "ALTER COLUMN a SET DEFAULT 'x'", "Invalid default value for 'a'"},
		{1170, "ADD INDEX (x)", "BLOB/TEXT column 'x' used in key specification without a key length"},
		{1171, "DROP PRIMARY KEY, ADD COLUMN n INT NULL PRIMARY KEY", "All parts of a PRIMARY KEY must be NOT NULL; if you need NULL in a key, use UNIQUE instead"},
		{1089, "ADD INDEX (a(3))", "Incorrect prefix key; the used key part isn't a string, the used length is longer than the key part, or the storage engine doesn't support unique prefix keys"},
		{1089, "ADD INDEX (b(30))", ""},
		{1176, "RENAME INDEX nix TO n", "Key 'nix' doesn't exist in table 't'"},
		{1061, "ADD INDEX kb (b), RENAME INDEX ka TO kb", "Duplicate key name 'kb'"},
		{1280, "ADD INDEX `PRIMARY` (a)", "Incorrect index name 'PRIMARY'"},
		{1075, "ADD COLUMN n INT AUTO_INCREMENT", "Incorrect table definition; there can be only one auto column and it must be defined as a key"},
		{1138, "MODIFY a INT NOT NULL", "Invalid use of NULL value"},
		{1366, "MODIFY b INT", "Incorrect integer value: 'abcdef' for column 'b' at row 1"},
		{1265, "MODIFY b VARCHAR(3)", "Data truncated for column 'b' at row 1"},
		{1406, "MODIFY b CHAR(3)", "Data too long for column 'b' at row 1"},
		{1292, "MODIFY b DATE", "Incorrect date value: 'abcdef' for column 'b' at row 1"},
		{1265, "MODIFY b ENUM('12')", "Data truncated for column 'b' at row 1"},
		{1067, "ADD COLUMN z DECIMAL(3,1) DEFAULT 1000", "Invalid default value for 'z'"},
		{1264, "MODIFY x TINYINT UNSIGNED, MODIFY y TINYINT", "Out of range value for column 'y' at row 2"},
		{1292, "ADD COLUMN n DATE NOT NULL", "Incorrect date value: '0000-00-00' for column 'n' at row 1"},
		{1050, "ADD COLUMN n INT, RENAME TO taken", "Table 'taken' already exists"},
		{1049, "RENAME TO nowhere.t", "Unknown database 'nowhere'"},
		{1845, "ADD INDEX (b), ALGORITHM=INSTANT", "ALGORITHM=INSTANT is not supported for this operation. Try ALGORITHM=COPY/INPLACE."},
		{1846, "MODIFY a BIGINT, ALGORITHM=INSTANT", ""},
		{1846, "MODIFY a BIGINT, ALGORITHM=INPLACE", "ALGORITHM=INPLACE is not supported. Reason: Cannot change column type INPLACE. Try ALGORITHM=COPY."},
		{1846, "MODIFY a BIGINT, LOCK=NONE", "LOCK=NONE is not supported. Reason: COPY algorithm requires a lock. Try LOCK=SHARED."},
		{1286, "ENGINE = MyISAM", "Unknown storage engine 'MyISAM'"},
		{1235, "PARTITION BY HASH (id) PARTITIONS 4", ""},
		{1235, "ADD COLUMN n INT INVISIBLE", ""},
		{1235, "ADD FULLTEXT INDEX (b)", ""},
		{1235, "TABLESPACE ts", ""},
		{1064, "ADD COLUMN n INT DEFAULT", ""},
		{1064, "ADD COLUMN n", ""},
		{1064, "NONSENSE", ""},
	} {
		// One failing clause leaves nothing of the others.
		msg := c.fails(e.number, "ALTER TABLE t ADD COLUMN other INT, "+e.alter)
		if e.text != "" && msg != e.text {
			t.Errorf("%s: %q, want %q", e.alter, msg, e.text)
		}
	}
	if after := c.rows("SHOW CREATE TABLE t"); after != before {
		t.Errorf("the table changed:\n%s", after)
	}
	c.want("SELECT * FROM t", "1|NULL|abcdef|1|1\n2|5|12|2|300")
	if msg := c.fails(1146, "ALTER TABLE nix ADD COLUMN a INT"); msg != "Table 'd.nix' doesn't exist" {
		t.Error(msg)
	}
	if msg := c.fails(1090, "ALTER TABLE t DROP id, DROP a, DROP b, DROP x, DROP y"); msg != "You can't delete all columns with ALTER TABLE; use DROP TABLE instead" {
		t.Error(msg)
	}
	if msg := c.fails(1347, "ALTER TABLE v ADD COLUMN a INT"); msg != "'d.v' is not BASE TABLE" {
		t.Error(msg)
	}
	if msg := c.fails(1064, "ALTER TABLE t ADD COLUMN n INT, ADD COLUMN m INT WRONG"); !strings.HasSuffix(msg, "near 'WRONG' at line 1") {
		t.Error(msg)
	}
}

func TestAlter_Keys(t *testing.T) {
	c := alterClient(t)
	c.exec("CREATE TABLE t (id INT, a INT, b VARCHAR(20), c INT, KEY (a), UNIQUE KEY u (b))",
		"INSERT INTO t VALUES (3,1,'x',NULL),(1,2,'y',5),(2,2,'z',5)")
	if msg := c.fails(1062, "ALTER TABLE t ADD PRIMARY KEY (a)"); msg != "Duplicate entry '2' for key 't.PRIMARY'" {
		t.Error(msg)
	}
	if msg := c.fails(1062, "ALTER TABLE t ADD UNIQUE (c)"); msg != "Duplicate entry '5' for key 't.c'" {
		t.Error(msg)
	}
	c.fails(1138, "ALTER TABLE t ADD PRIMARY KEY (c)")
	c.exec("ALTER TABLE t ADD PRIMARY KEY (id), ADD INDEX (a), ADD INDEX pre (b(3), c), ADD UNIQUE uq (c, id DESC), DROP INDEX a")
	c.wantShow("t", "`id` int NOT NULL\n`a` int DEFAULT NULL\n`b` varchar(20) DEFAULT NULL\n`c` int DEFAULT NULL\n"+
		"PRIMARY KEY (`id`)\nUNIQUE KEY `u` (`b`)\nKEY `a` (`a`)\nKEY `pre` (`b`(3),`c`)\nUNIQUE KEY `uq` (`c`,`id` DESC)")
	c.want("SELECT * FROM t", "1|2|y|5\n2|2|z|5\n3|1|x|NULL")
	c.want("SELECT id FROM t WHERE b = 'z'", "2")
	c.want("SELECT id FROM t WHERE c = 5 ORDER BY id", "1\n2")
	c.exec("ALTER TABLE t RENAME INDEX pre TO post, DROP PRIMARY KEY, ADD PRIMARY KEY (b, id)", "ALTER TABLE t DROP COLUMN c")
	c.wantShow("t", "`id` int NOT NULL\n`a` int DEFAULT NULL\n`b` varchar(20) NOT NULL\n"+
		"PRIMARY KEY (`b`,`id`)\nUNIQUE KEY `u` (`b`)\nKEY `a` (`a`)\nKEY `post` (`b`(3))\nUNIQUE KEY `uq` (`id` DESC)")
	c.exec("CREATE INDEX i1 ON t (a, b)", "CREATE UNIQUE INDEX i2 ON t (id) COMMENT 'hm' ALGORITHM=INPLACE LOCK=DEFAULT", "DROP INDEX a ON t")
	c.fails(1061, "CREATE INDEX i1 ON t (a)")
	c.fails(1091, "DROP INDEX nix ON t")
	c.want("SELECT id FROM t WHERE a = 2 ORDER BY id", "1\n2")
	c.exec("ALTER TABLE t DROP PRIMARY KEY", "INSERT INTO t VALUES (9, 9, 'n')")
	c.want("SELECT id, b FROM t WHERE id > 2 ORDER BY id", "3|x\n9|n")
	c.fails(1069, "ALTER TABLE t "+strings.TrimSuffix(strings.Repeat("ADD INDEX (a), ", 65), ", "))
	c.fails(1070, "CREATE INDEX many ON t ("+strings.TrimSuffix(strings.Repeat("a, ", 17), ", ")+")")
	c.exec("CREATE TABLE w (v VARCHAR(1000) CHARACTER SET utf8mb4)")
	if msg := c.fails(1071, "ALTER TABLE w ADD INDEX (v)"); msg != "Specified key was too long; max key length is 3072 bytes" {
		t.Error(msg)
	}
}

func TestAlter_AutoIncrementAndOptions(t *testing.T) {
	c := alterClient(t)
	c.exec("CREATE TABLE t (a INT) COMMENT 'old'", "INSERT INTO t VALUES (5),(6),(7)",
		"ALTER TABLE t ADD COLUMN id INT AUTO_INCREMENT PRIMARY KEY FIRST, COMMENT 'new' ENGINE=InnoDB ROW_FORMAT=DYNAMIC, AUTO_INCREMENT=100")
	c.want("SELECT * FROM t", "100|5\n101|6\n102|7")
	c.exec("INSERT INTO t (a) VALUES (8)")
	c.want("SELECT id FROM t WHERE a = 8", "103")
	if text := c.rows("SHOW CREATE TABLE t"); !strings.Contains(text, "COMMENT='new'") {
		t.Error(text)
	}
	c.exec("ALTER TABLE t AUTO_INCREMENT = 500", "INSERT INTO t (a) VALUES (9)", "ALTER TABLE t AUTO_INCREMENT = 5", "INSERT INTO t (a) VALUES (10)")
	c.want("SELECT id FROM t WHERE a > 8", "500\n501")
	c.exec("ALTER TABLE t MODIFY id BIGINT NOT NULL", "ALTER TABLE t MODIFY id INT AUTO_INCREMENT", "INSERT INTO t (a) VALUES (11)")
	c.want("SELECT id FROM t WHERE a > 10", "502")
	c.exec("ALTER TABLE t DROP COLUMN a, ADD COLUMN b INT, ALGORITHM=INSTANT", "ALTER TABLE t FORCE", "ALTER TABLE t")
	c.exec("INSERT INTO t (b) VALUES (1)")
	c.want("SELECT id FROM t WHERE b = 1", "503")
}

func TestAlter_CharacterSets(t *testing.T) {
	c := alterClient(t)
	c.exec("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20), b TEXT, c VARBINARY(20), e ENUM('ä','b'), KEY (a)) CHARACTER SET latin1",
		"INSERT INTO t VALUES (1,'Ä','ü',X'C3A4','ä'),(2,'b','b',NULL,NULL)",
		"ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
	c.want("SELECT * FROM t WHERE a = 'ä'", "1|Ä|ü|c3a4|1")
	c.wantShow("t", "`id` int NOT NULL\n`a` varchar(20) DEFAULT NULL\n`b` mediumtext\n`c` varbinary(20) DEFAULT NULL\n`e` enum('ä','b') DEFAULT NULL\nPRIMARY KEY (`id`)\nKEY `a` (`a`)")
	c.exec("ALTER TABLE t MODIFY a VARCHAR(20) COLLATE utf8mb4_bin")
	c.want("SELECT id FROM t WHERE a = 'ä'", "")
	c.want("SELECT id FROM t WHERE a = 'Ä'", "1")
	c.exec("UPDATE t SET a = '中' WHERE id = 2")
	if msg := c.fails(1366, "ALTER TABLE t CONVERT TO CHARACTER SET latin1"); msg != `Incorrect string value: '\xE4\xB8\xAD' for column 'a' at row 2` {
		t.Error(msg)
	}
	c.exec("ALTER TABLE t DEFAULT CHARACTER SET latin1, ADD COLUMN n CHAR(3)")
	if text := c.rows("SHOW CREATE TABLE t"); !strings.Contains(text, "CHARSET=latin1") {
		t.Error(text)
	}
	c.exec("ALTER DATABASE d CHARACTER SET latin1 COLLATE latin1_bin", "CREATE TABLE u (a CHAR(3))")
	if text := c.rows("SHOW CREATE TABLE u"); !strings.Contains(text, "latin1_bin") {
		t.Error(text)
	}
	c.fails(1115, "ALTER TABLE t CONVERT TO CHARACTER SET nix")
	c.fails(1253, "ALTER TABLE t CONVERT TO CHARACTER SET latin1 COLLATE utf8mb4_bin")
}
