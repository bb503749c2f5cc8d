package sql

import "testing"

func TestRename_AcrossDatabasesAndInOneStatement(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d1", "CREATE DATABASE d2", "USE d1",
		"CREATE TABLE a (id INT PRIMARY KEY, s VARCHAR(9), KEY (s))", "INSERT INTO a VALUES (1,'a')",
		"CREATE TABLE b (id INT PRIMARY KEY)", "INSERT INTO b VALUES (2)",
		"CREATE TABLE c (id INT)", "INSERT INTO c VALUES (3),(3)", "CREATE VIEW v AS SELECT id FROM d1.c",
		"RENAME TABLE c TO d2.c, v TO w",
		"RENAME TABLE a TO tmp, b TO a, tmp TO b") // swaps
	c.want("SELECT id FROM a", "2")
	c.want("SELECT * FROM b WHERE s = 'a'", "1|a")
	c.want("SELECT * FROM d2.c", "3\n3")
	c.want("SHOW TABLES", "a\nb\nw")
	c.fails(1050, "RENAME TABLE a TO x, b TO d2.c") // all or nothing
	c.want("SHOW TABLES", "a\nb\nw")
	if msg := c.fails(1146, "RENAME TABLE none TO x"); msg != "Table 'd1.none' doesn't exist" {
		t.Errorf("message %q", msg)
	}
	c.fails(1049, "RENAME TABLE a TO nowhere.a")
	c.fails(1450, "RENAME TABLE w TO d2.w")
	c.exec("USE d2", "ALTER TABLE d1.a RENAME TO d2.moved", "ALTER TABLE moved RENAME AS d1.back", "ALTER TABLE c ADD COLUMN n INT, RENAME TO c2")
	c.exec("ALTER TABLE d1.b ADD COLUMN n INT, RENAME TO d1.bb", "ALTER TABLE d1.bb DROP COLUMN n, RENAME d1.b")
	c.exec("CREATE TABLE tr (a INT)", "CREATE TRIGGER x BEFORE INSERT ON tr FOR EACH ROW SET NEW.a = 1")
	c.fails(1435, "RENAME TABLE tr TO d1.tr")
	c.exec("CREATE TRIGGER d2.y AFTER INSERT ON d2.tr FOR EACH ROW FOLLOWS x SET @last = NEW.a", "RENAME TABLE tr TO `t ``2`", "ALTER TABLE `t ``2` RENAME TO tr3, ADD b INT",
		"INSERT INTO tr3 VALUES (7, 7)")
	c.want("SELECT a, b, @last FROM tr3", "1|7|1")
	c.want("SELECT trigger_name, event_object_table FROM information_schema.triggers WHERE trigger_schema = 'd2' ORDER BY 1", "x|tr3\ny|tr3")
	c.fails(1359, "CREATE TRIGGER x BEFORE INSERT ON tr3 FOR EACH ROW SET NEW.a = 1")
	c.exec("CREATE TABLE tr (a INT)", "INSERT INTO tr VALUES (5)", "RENAME TABLE tr TO swap, tr3 TO tr, swap TO tr3", "INSERT INTO tr VALUES (8, 8)", "INSERT INTO tr3 VALUES (6)")
	c.want("SELECT a FROM tr ORDER BY b", "1\n1")
	c.want("SELECT a FROM tr3 ORDER BY a", "5\n6")
	c = ts.reopen().client()
	c.exec("USE d1")
	c.want("SHOW TABLES", "b\nback\nw")
	c.want("SELECT id FROM back", "2")
	c.want("SELECT * FROM b WHERE s = 'a'", "1|a")
	c.want("SELECT COUNT(*) FROM d2.c2", "2")
}
