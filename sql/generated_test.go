package sql

import "testing"

// Values of generated columns are stored, VIRTUAL or not: row events hold them.
func TestGeneratedColumns(t *testing.T) {
	c := alterClient(t)
	c.exec("CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT GENERATED ALWAYS AS (a + 1) STORED, v VARCHAR(20) AS (CONCAT('<', a, '>')), KEY (v))",
		"INSERT INTO t (id, a) VALUES (1, 10), (2, NULL)", "INSERT INTO t VALUES (3, 30, DEFAULT, DEFAULT)")
	c.want("SELECT * FROM t", "1|10|11|<10>\n2|NULL|NULL|NULL\n3|30|31|<30>")
	c.want("SELECT id FROM t WHERE v = '<30>'", "3")
	c.exec("UPDATE t SET a = 5 WHERE id = 2", "INSERT INTO t (id, a) VALUES (1, 0) ON DUPLICATE KEY UPDATE a = 7", "REPLACE INTO t (id, a) VALUES (3, 33)")
	c.want("SELECT * FROM t", "1|7|8|<7>\n2|5|6|<5>\n3|33|34|<33>")
	c.fails(3105, "INSERT INTO t (id, a, b) VALUES (9, 1, 1)")
	c.fails(3105, "UPDATE t SET b = 1")
	c.wantShow("t", "`id` int NOT NULL\n`a` int DEFAULT NULL\n`b` int GENERATED ALWAYS AS ((`a` + 1)) STORED\n`v` varchar(20) GENERATED ALWAYS AS (concat('<',`a`,'>')) VIRTUAL\nPRIMARY KEY (`id`)\nKEY `v` (`v`)")
	// ALTER works them out anew where they, or what they use, change.
	c.exec("ALTER TABLE t ADD COLUMN w INT AS (b * 2) VIRTUAL AFTER b")
	c.want("SELECT w, id FROM t", "16|1\n12|2\n68|3")
	c.exec("ALTER TABLE t MODIFY b INT AS (a + 100) STORED", "ALTER TABLE t ADD COLUMN n INT DEFAULT 1")
	c.want("SELECT id, a, b, v FROM t", "1|7|107|<7>\n2|5|105|<5>\n3|33|133|<33>")
	c.fails(3107, "ALTER TABLE t ADD COLUMN x INT AS (b * 2) FIRST")
	c.fails(3107, "CREATE TABLE x (a INT AS (b), b INT AS (1))")
	c.fails(3109, "CREATE TABLE x (a INT AUTO_INCREMENT PRIMARY KEY, b INT AS (a))")
	if msg := c.fails(3108, "ALTER TABLE t DROP COLUMN a"); msg != "Column 'a' has a generated column dependency." {
		t.Error(msg)
	}
	c.fails(3108, "ALTER TABLE t RENAME COLUMN a TO aa")
	c.exec("CREATE TABLE l LIKE t", "INSERT INTO l (id, a) VALUES (1, 1)")
	c.want("SELECT b, v FROM l", "101|<1>")
	c.want("SELECT column_name, extra FROM information_schema.columns WHERE table_schema = 'd' AND table_name = 't' AND extra <> '' ORDER BY 1", "b|STORED GENERATED\nv|VIRTUAL GENERATED\nw|VIRTUAL GENERATED")
	c = c.s.reopen().client()
	c.exec("USE d", "INSERT INTO t (id, a) VALUES (4, 4)")
	c.want("SELECT b, v FROM t WHERE id = 4", "104|<4>")
}
