package sql

import (
	"strconv"
	"strings"
	"testing"
)

func keyClient(t *testing.T) *client {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d")
	return c
}

func TestForeignKey_Checks(t *testing.T) {
	c := keyClient(t)
	c.exec("CREATE TABLE p (id INT PRIMARY KEY, u INT UNIQUE)",
		"CREATE TABLE c (id INT PRIMARY KEY, pid INT, FOREIGN KEY (pid) REFERENCES p (id))",
		"INSERT INTO p VALUES (1, 10), (2, 20), (3, 30)", "INSERT INTO c VALUES (1, 1), (2, NULL)")
	const child = "Cannot add or update a child row: a foreign key constraint fails (`d`.`c`, CONSTRAINT `c_ibfk_1` FOREIGN KEY (`pid`) REFERENCES `p` (`id`))"
	const parent = "Cannot delete or update a parent row: a foreign key constraint fails (`d`.`c`, CONSTRAINT `c_ibfk_1` FOREIGN KEY (`pid`) REFERENCES `p` (`id`))"
	for _, q := range []string{"INSERT INTO c VALUES (3, 9)", "UPDATE c SET pid = 9 WHERE id = 1", "REPLACE INTO c VALUES (1, 9)",
		"INSERT INTO c VALUES (1, 1) ON DUPLICATE KEY UPDATE pid = 9", "INSERT INTO c SELECT 4, 9"} {
		if got := c.fails(1452, q); got != child {
			t.Errorf("%s: %s", q, got)
		}
	}
	for _, q := range []string{"DELETE FROM p WHERE id = 1", "DELETE FROM p", "UPDATE p SET id = 9 WHERE id = 1", "REPLACE INTO p VALUES (1, 10)"} {
		if got := c.fails(1451, q); got != parent {
			t.Errorf("%s: %s", q, got)
		}
	}
	c.want("SELECT * FROM c", "1|1\n2|NULL")
	c.want("SELECT * FROM p", "1|10\n2|20\n3|30")
	c.exec("UPDATE p SET u = 11 WHERE id = 1", "UPDATE c SET pid = 2 WHERE id = 1", "DELETE FROM p WHERE id = 1", "UPDATE p SET id = 4 WHERE id = 3",
		"INSERT IGNORE INTO c VALUES (5, 9), (6, 4)", "BEGIN", "INSERT INTO p VALUES (7, 70)", "INSERT INTO c VALUES (7, 7)")
	c.fails(1451, "DELETE FROM p WHERE id = 7")
	c.exec("DELETE FROM c WHERE id = 7", "DELETE FROM p WHERE id = 7", "COMMIT")
	c.want("SELECT * FROM c", "1|2\n2|NULL\n6|4")
	c.exec("SET foreign_key_checks = 0", "INSERT INTO c VALUES (8, 99)", "DELETE FROM p WHERE id = 2", "SET foreign_key_checks = 1")
	c.want("SELECT * FROM c", "1|2\n2|NULL\n6|4\n8|99")
	c.exec("UPDATE c SET id = 9 WHERE id = 8") // what stays is not checked
	c.fails(1452, "UPDATE c SET pid = 98 WHERE id = 9")
}

func TestForeignKey_Actions(t *testing.T) {
	c := keyClient(t)
	c.exec("CREATE TABLE p (id INT PRIMARY KEY)",
		"CREATE TABLE c (id INT PRIMARY KEY, pid INT, CONSTRAINT c1 FOREIGN KEY (pid) REFERENCES p (id) ON DELETE CASCADE ON UPDATE CASCADE)",
		"CREATE TABLE n (id INT PRIMARY KEY, pid INT, CONSTRAINT n1 FOREIGN KEY (pid) REFERENCES p (id) ON DELETE SET NULL ON UPDATE SET NULL)",
		"CREATE TABLE g (id INT PRIMARY KEY, cid INT, CONSTRAINT g1 FOREIGN KEY (cid) REFERENCES c (id) ON DELETE CASCADE)",
		"INSERT INTO p VALUES (1), (2), (3)", "INSERT INTO c VALUES (1, 1), (2, 1), (3, 2)", "INSERT INTO n VALUES (1, 1), (2, 2), (3, 3)",
		"INSERT INTO g VALUES (1, 1), (2, 2), (3, 3)")
	c.exec("BEGIN", "DELETE FROM p WHERE id = 1")
	c.want("SELECT ROW_COUNT()", "1")
	c.want("SELECT * FROM c", "3|2")
	c.want("SELECT * FROM n", "1|NULL\n2|2\n3|3")
	c.want("SELECT * FROM g", "3|3")
	c.exec("ROLLBACK")
	c.want("SELECT * FROM g", "1|1\n2|2\n3|3")
	c.exec("UPDATE p SET id = id + 10 WHERE id < 3 ORDER BY id DESC")
	c.want("SELECT * FROM c", "1|11\n2|11\n3|12")
	c.want("SELECT * FROM n", "1|NULL\n2|NULL\n3|3")
	c.exec("DELETE FROM p")
	c.want("SELECT COUNT(*) FROM c", "0")
	c.want("SELECT * FROM n", "1|NULL\n2|NULL\n3|NULL")
	c.want("SELECT COUNT(*) FROM g", "0")
}

func TestForeignKey_Definitions(t *testing.T) {
	c := keyClient(t)
	c.exec("CREATE TABLE p (id INT PRIMARY KEY, a INT, b INT, UNIQUE KEY ab (a, b))")
	for q, n := range map[string]uint16{
		"CREATE TABLE x (a INT, FOREIGN KEY (a) REFERENCES none (id))":                                                           1824,
		"CREATE TABLE x (a INT, FOREIGN KEY (a) REFERENCES p (nope))":                                                            3734,
		"CREATE TABLE x (a INT, FOREIGN KEY (nope) REFERENCES p (id))":                                                           1072,
		"CREATE TABLE x (a INT, FOREIGN KEY (a) REFERENCES p (b))":                                                               1822,
		"CREATE TABLE x (a BIGINT, FOREIGN KEY (a) REFERENCES p (id))":                                                           3780,
		"CREATE TABLE x (a INT UNSIGNED, FOREIGN KEY (a) REFERENCES p (id))":                                                     3780,
		"CREATE TABLE x (a INT, FOREIGN KEY (a) REFERENCES p (a, b))":                                                            1239,
		"CREATE TABLE x (a INT NOT NULL, FOREIGN KEY (a) REFERENCES p (id) ON DELETE SET NULL)":                                  1830,
		"CREATE TABLE x (a INT, FOREIGN KEY (a) REFERENCES p (id) ON DELETE SET DEFAULT)":                                        1215,
		"CREATE TABLE x (a INT, CONSTRAINT k FOREIGN KEY (a) REFERENCES p (id), CONSTRAINT k FOREIGN KEY (a) REFERENCES p (id))": 1826,
	} {
		c.fails(n, q)
	}
	c.fails(1235, "CREATE TABLE x (a INT, FOREIGN KEY (a) REFERENCES p (id) MATCH FULL ON DELETE CASCADE)")
	c.fails(1235, "ALTER TABLE p ADD FOREIGN KEY (a) REFERENCES p (id) MATCH SIMPLE")
	c.want("SHOW TABLES", "p")
	c.exec("CREATE TABLE r (a INT REFERENCES p (id))", "INSERT INTO r VALUES (99)", "DROP TABLE r") // inline: parsed and ignored
	c.exec("CREATE DATABASE e", `CREATE TABLE c (id INT PRIMARY KEY, a INT, b INT, x INT, CHECK (x > 0), FOREIGN KEY (a, b) REFERENCES p (a, b) ON DELETE CASCADE ON UPDATE SET NULL,
		CONSTRAINT named FOREIGN KEY (x) REFERENCES p (id) ON DELETE RESTRICT)`)
	text := c.rows("SHOW CREATE TABLE c")
	for _, want := range []string{"KEY `a` (`a`,`b`),", "KEY `named` (`x`),",
		"CONSTRAINT `c_ibfk_1` FOREIGN KEY (`a`, `b`) REFERENCES `p` (`a`, `b`) ON DELETE CASCADE ON UPDATE SET NULL,\n",
		"CONSTRAINT `named` FOREIGN KEY (`x`) REFERENCES `p` (`id`) ON DELETE RESTRICT,\n  CONSTRAINT `c_chk_1` CHECK"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	c.want("SELECT constraint_name, table_name, column_name, ordinal_position, position_in_unique_constraint, referenced_table_name, referenced_column_name FROM information_schema.key_column_usage WHERE constraint_schema = 'd' AND referenced_table_name IS NOT NULL ORDER BY 1, 4",
		"c_ibfk_1|c|a|1|1|p|a\nc_ibfk_1|c|b|2|2|p|b\nnamed|c|x|1|1|p|id")
	c.want("SELECT constraint_name, unique_constraint_name, update_rule, delete_rule, match_option, table_name, referenced_table_name FROM information_schema.referential_constraints ORDER BY 1",
		"c_ibfk_1|ab|SET NULL|CASCADE|NONE|c|p\nnamed|PRIMARY|NO ACTION|RESTRICT|NONE|c|p")
	c.want("SELECT constraint_name FROM information_schema.table_constraints WHERE constraint_type = 'FOREIGN KEY' ORDER BY 1", "c_ibfk_1\nnamed")
	c.fails(3730, "DROP TABLE p")
	c.fails(1701, "TRUNCATE TABLE p")
	c.fails(1553, "ALTER TABLE c DROP INDEX named")
	c.fails(1553, "ALTER TABLE p DROP INDEX ab")
	c.fails(1828, "ALTER TABLE c DROP COLUMN x")
	c.fails(1829, "ALTER TABLE p DROP COLUMN b")
	c.fails(1830, "ALTER TABLE c MODIFY a INT NOT NULL")
	c.fails(1832, "ALTER TABLE c MODIFY a BIGINT")
	c.fails(1833, "ALTER TABLE p MODIFY a BIGINT")
	c.fails(1091, "ALTER TABLE c DROP FOREIGN KEY none")
	c.fails(1826, "ALTER TABLE c ADD CONSTRAINT named FOREIGN KEY (id) REFERENCES p (id)")
	c.exec("ALTER TABLE p RENAME COLUMN a TO aa", "ALTER TABLE c RENAME COLUMN a TO ca", "RENAME TABLE p TO e.pp", "RENAME TABLE c TO cc")
	text = c.rows("SHOW CREATE TABLE cc")
	if want := "CONSTRAINT `cc_ibfk_1` FOREIGN KEY (`ca`, `b`) REFERENCES `e`.`pp` (`aa`, `b`)"; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
	c.exec("INSERT INTO e.pp VALUES (1, 1, 1), (2, 2, 2)", "INSERT INTO cc VALUES (1, 1, 1, 2)")
	c.fails(1452, "INSERT INTO cc VALUES (2, 1, 2, 1)")
	c.fails(1451, "DELETE FROM e.pp WHERE id = 2")
	c.exec("ALTER TABLE cc DROP CONSTRAINT named, DROP INDEX named", "DELETE FROM e.pp")
	c.want("SELECT COUNT(*) FROM cc", "0")
	c.fails(3730, "DROP DATABASE e")
	c.exec("ALTER TABLE cc DROP FOREIGN KEY cc_ibfk_1", "DROP DATABASE e")
}

func TestForeignKey_AddToRows(t *testing.T) {
	c := keyClient(t)
	c.exec("CREATE TABLE p (id INT PRIMARY KEY)", "CREATE TABLE c (id INT PRIMARY KEY, pid INT)", "INSERT INTO p VALUES (1)", "INSERT INTO c VALUES (1, 1), (2, 2)")
	c.fails(1452, "ALTER TABLE c ADD FOREIGN KEY (pid) REFERENCES p (id)")
	c.want("SELECT index_name FROM information_schema.statistics WHERE table_name = 'c'", "PRIMARY")
	c.exec("DELETE FROM c WHERE id = 2", "ALTER TABLE c ADD FOREIGN KEY (pid) REFERENCES p (id), ADD COLUMN x INT, ADD CONSTRAINT xx FOREIGN KEY (x) REFERENCES c (id)")
	c.fails(1452, "INSERT INTO c VALUES (2, 2, NULL)")
	c.fails(1452, "INSERT INTO c VALUES (2, 1, 3)")
	c.exec("INSERT INTO c VALUES (2, 1, 2), (3, 1, 2)")
	c.want("SELECT * FROM c", "1|1|NULL\n2|1|2\n3|1|2")
	c.exec("ALTER TABLE c DROP FOREIGN KEY xx, ADD FOREIGN KEY (x) REFERENCES c (id)")
	c.want("SELECT constraint_name FROM information_schema.referential_constraints ORDER BY 1", "c_ibfk_1\nc_ibfk_2")
	c.exec("ALTER TABLE c DROP FOREIGN KEY c_ibfk_2, ADD FOREIGN KEY (x) REFERENCES c (id)")
	c.want("SELECT constraint_name FROM information_schema.referential_constraints ORDER BY 1", "c_ibfk_1\nc_ibfk_3")
	c.exec("DROP TABLE p, c")
	// As a dump has them: children first, unchecked.
	c.exec("SET foreign_key_checks = 0", "CREATE TABLE c (id INT PRIMARY KEY, pid INT, FOREIGN KEY (pid) REFERENCES p (id) ON DELETE CASCADE)", "INSERT INTO c VALUES (1, 1)")
	c.fails(1822, "CREATE TABLE p (id INT)")
	c.fails(3780, "CREATE TABLE p (id BIGINT PRIMARY KEY)")
	c.exec("SET foreign_key_checks = 1")
	c.fails(1452, "INSERT INTO c VALUES (2, 2)")
	c.exec("CREATE TABLE p (id INT PRIMARY KEY)", "INSERT INTO p VALUES (1)", "DELETE FROM p")
	c.want("SELECT COUNT(*) FROM c", "0")
	c.exec("SET foreign_key_checks = 0", "DROP TABLE p", "SET foreign_key_checks = 1", "DROP TABLE c")
}

func TestForeignKey_SelfReference(t *testing.T) {
	c := keyClient(t)
	c.exec("CREATE TABLE t (id INT PRIMARY KEY, up INT, n INT, FOREIGN KEY (up) REFERENCES t (id) ON DELETE CASCADE)",
		"INSERT INTO t VALUES (1, 1, 0), (2, 1, 0), (3, 2, 0), (4, 3, 0), (9, NULL, 0)")
	c.exec("DELETE FROM t WHERE id IN (1, 2, 4)")
	c.want("SELECT * FROM t", "9|NULL|0")
	c.want("SELECT ROW_COUNT()", "-1")
	c.exec("INSERT INTO t VALUES (1, NULL, 0), (2, 1, 0), (3, 2, 0)")
	c.fails(1452, "INSERT INTO t VALUES (5, 6, 0), (6, NULL, 0)")
	c.exec("DELETE FROM t")
	c.want("SELECT COUNT(*) FROM t", "0")
	// 15 levels are carried out, 16 are not.
	for _, n := range []int{15, 16} {
		c.exec("SET foreign_key_checks = 0", "DELETE FROM t", "INSERT INTO t VALUES (0, NULL, 0)")
		for i := 1; i <= n; i++ {
			c.exec(strings.NewReplacer("#", strconv.Itoa(i), "@", strconv.Itoa(i-1)).Replace("INSERT INTO t VALUES (#, @, 0)"))
		}
		c.exec("SET foreign_key_checks = 1")
		if n == 15 {
			c.exec("DELETE FROM t WHERE id = 0")
			c.want("SELECT COUNT(*) FROM t", "0")
		} else {
			c.fails(3008, "DELETE FROM t WHERE id = 0")
			c.want("SELECT COUNT(*) FROM t", "17")
		}
	}
}
