package sql

import "testing"

// Stored functions are called wherever an expression may stand.
func TestStoredFunction(t *testing.T) {
	c := alterClient(t)
	c.exec("CREATE FUNCTION f (x INT) RETURNS INT DETERMINISTIC RETURN x + 1",
		"CREATE FUNCTION hello (s CHAR(20)) RETURNS CHAR(50) DETERMINISTIC RETURN CONCAT('Hello, ', s, '!')",
		`CREATE FUNCTION fact (n INT) RETURNS BIGINT DETERMINISTIC
BEGIN
  DECLARE r BIGINT DEFAULT 1;
  DECLARE i INT DEFAULT 2;
  l: WHILE i <= n DO
    IF r > 1000000 THEN LEAVE l; END IF;
    SET r = r * i, i = i + 1;
  END WHILE l;
  RETURN r;
END`,
		"CREATE TABLE t (id INT PRIMARY KEY, a INT)", "INSERT INTO t VALUES (1, f(1)), (2, f(10)), (3, f(f(3)))")
	c.want("SELECT f(1), d.f(2), hello('you'), fact(5), f(NULL)", "2|3|Hello, you!|120|NULL")
	c.want("SELECT a FROM t", "2\n11\n5")
	c.want("SELECT id FROM t WHERE a = f(10)", "2")
	c.want("SELECT id FROM t WHERE id = f(0) OR f(a) = 12 ORDER BY f(-id)", "2\n1")
	c.exec("UPDATE t SET a = f(a) WHERE id = f(1)", "SET @x = f(41)", "CREATE VIEW v AS SELECT f(a) AS b FROM t")
	c.want("SELECT @x, (SELECT a FROM t WHERE id = 2)", "42|12")
	c.want("SELECT SUM(f(a)), MAX(b) FROM t, v", "66|13")
	c.exec("CREATE FUNCTION twice (x INT) RETURNS INT DETERMINISTIC RETURN f(x) + d.f(x)")
	c.want("SELECT twice(3)", "8")
	c.exec("DROP FUNCTION f")
	c.fails(1305, "SELECT twice(3)")
	c.fails(1305, "SELECT f(1)")
	c.fails(1305, "DROP FUNCTION f")
	c.exec("DROP FUNCTION IF EXISTS f")
}

// What a function must not do is refused when it is made, with MySQL's numbers.
func TestStoredFunction_Refused(t *testing.T) {
	c := alterClient(t)
	c.exec("CREATE TABLE t (id INT PRIMARY KEY)")
	for number, statements := range map[uint16][]string{
		1064: {"CREATE FUNCTION f () RETURNS INT DETERMINISTIC", "CREATE FUNCTION f (OUT x INT) RETURNS INT DETERMINISTIC RETURN 1",
			"CREATE FUNCTION f () RETURNS INT DETERMINISTIC BEGIN RETURN 1 +; END", "CREATE FUNCTION f () RETURNS INT DETERMINISTIC BEGIN INSRT INTO t VALUES (1); RETURN 1; END"},
		1126: {"CREATE FUNCTION f RETURNS INTEGER SONAME 'x.so'"},
		1193: {"CREATE FUNCTION f () RETURNS INT DETERMINISTIC BEGIN SET nosuch = 1; RETURN 1; END"},
		1308: {"CREATE FUNCTION f () RETURNS INT DETERMINISTIC BEGIN LEAVE l; RETURN 1; END"},
		1309: {"CREATE FUNCTION f () RETURNS INT DETERMINISTIC l: BEGIN l: LOOP RETURN 1; END LOOP; END"},
		1310: {"CREATE FUNCTION f () RETURNS INT DETERMINISTIC l: BEGIN RETURN 1; END m"},
		1313: {"CREATE PROCEDURE p () RETURN 1"},
		1320: {"CREATE FUNCTION f () RETURNS INT DETERMINISTIC SET @x = 1"},
		1324: {"CREATE FUNCTION f () RETURNS INT DETERMINISTIC BEGIN OPEN c; RETURN 1; END"},
		1327: {"CREATE FUNCTION f () RETURNS INT DETERMINISTIC BEGIN SELECT 1 INTO nosuch; RETURN 1; END"},
		1330: {"CREATE FUNCTION f (a INT, A INT) RETURNS INT DETERMINISTIC RETURN 1"},
		1331: {"CREATE FUNCTION f () RETURNS INT DETERMINISTIC BEGIN DECLARE x, x INT; RETURN 1; END"},
		1337: {"CREATE FUNCTION f () RETURNS INT DETERMINISTIC BEGIN DECLARE c CURSOR FOR SELECT 1; DECLARE x INT; RETURN 1; END"},
		1415: {"CREATE FUNCTION f () RETURNS INT DETERMINISTIC BEGIN SELECT 1; RETURN 1; END", "CREATE FUNCTION f () RETURNS INT DETERMINISTIC BEGIN SHOW TABLES; RETURN 1; END"},
		1418: {"CREATE FUNCTION f () RETURNS INT RETURN 1", "CREATE FUNCTION f () RETURNS INT MODIFIES SQL DATA RETURN 1"},
		1422: {"CREATE FUNCTION f () RETURNS INT DETERMINISTIC BEGIN COMMIT; RETURN 1; END", "CREATE FUNCTION f () RETURNS INT DETERMINISTIC BEGIN DROP TABLE t; RETURN 1; END"},
		1336: {"CREATE FUNCTION f () RETURNS INT DETERMINISTIC BEGIN EXECUTE s; RETURN 1; END"},
		1303: {"CREATE PROCEDURE p () CREATE FUNCTION f () RETURNS INT DETERMINISTIC RETURN 1"},
		1314: {"CREATE PROCEDURE p () USE d"},
		1049: {"CREATE FUNCTION nosuch.f () RETURNS INT DETERMINISTIC RETURN 1"},
	} {
		for _, q := range statements {
			c.fails(number, q)
		}
	}
	c.exec("CREATE FUNCTION f (n INT) RETURNS INT READS SQL DATA RETURN IF(n > 1, n * f(n - 1), 1)",
		"CREATE FUNCTION g (n INT) RETURNS INT NO SQL BEGIN IF n > 0 THEN RETURN n; END IF; END")
	c.fails(1304, "CREATE FUNCTION f (n INT) RETURNS INT NO SQL RETURN 1")
	c.exec("CREATE FUNCTION IF NOT EXISTS f (n INT) RETURNS INT NO SQL RETURN 7")
	c.fails(1424, "SELECT f(3)")
	c.fails(1318, "SELECT f()")
	c.want("SELECT g(1)", "1")
	c.fails(1321, "SELECT g(0)")
	c.fails(1305, "SELECT nosuch(1)")
	c.fails(1305, "ALTER FUNCTION nosuch COMMENT 'x'")
	c.fails(3102, "CREATE TABLE u (a INT, b INT AS (g(a)))")
	c.fails(3814, "CREATE TABLE u (a INT, CHECK (g(a) > 1))")
	c.fails(3770, "CREATE TABLE u (a INT DEFAULT (g(1)))")
	c.exec("SET GLOBAL log_bin_trust_function_creators = 1", "CREATE FUNCTION free () RETURNS INT RETURN 5")
	c.want("SELECT free()", "5")
}

// Arguments, variables and results have the types that they are declared with.
func TestStoredFunction_Types(t *testing.T) {
	c := alterClient(t)
	c.exec("CREATE FUNCTION tiny (x TINYINT) RETURNS TINYINT DETERMINISTIC RETURN x * 2",
		"CREATE FUNCTION money (x DECIMAL(6,2)) RETURNS DECIMAL(8,1) DETERMINISTIC RETURN x",
		"CREATE FUNCTION short (s VARCHAR(3)) RETURNS VARCHAR(2) DETERMINISTIC RETURN s",
		"CREATE FUNCTION day_of (d DATE) RETURNS DATETIME DETERMINISTIC RETURN d + INTERVAL 1 DAY",
		"CREATE FUNCTION pick (n INT) RETURNS ENUM('a','b') DETERMINISTIC RETURN IF(n = 1, 'a', 'b')",
		"CREATE FUNCTION doc (n INT) RETURNS JSON DETERMINISTIC RETURN JSON_OBJECT('n', n)",
		"CREATE FUNCTION clock (t TIME) RETURNS TIME DETERMINISTIC RETURN ADDTIME(t, '01:00:00')")
	c.want("SELECT tiny('21'), tiny(1.6), money(12.345), short('ab'), day_of('2024-02-28'), pick(2) = 'b', doc(3), clock('10:30:00')",
		"42|4|12.4|ab|2024-02-29 00:00:00|true|{\"n\": 3}|11:30:00")
	c.fails(1366, "SELECT tiny('abc')")
	c.fails(1264, "SELECT tiny(200)")
	c.fails(1264, "SELECT tiny(100)")
	c.fails(1406, "SELECT short('abcd')")
	c.fails(1406, "SELECT short('abc')")
	c.fails(1292, "SELECT day_of('2024-02-31')")
	c.want("SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = 'd' AND routine_type = 'FUNCTION'", "7")
	c.want("SELECT data_type, numeric_precision, numeric_scale, dtd_identifier, is_deterministic, sql_data_access FROM information_schema.routines WHERE routine_name = 'money'",
		"decimal|8|1|decimal(8,1)|YES|CONTAINS SQL")
	c.want("SELECT ordinal_position, parameter_mode, parameter_name, dtd_identifier FROM information_schema.parameters WHERE specific_name = 'short' ORDER BY 1",
		"0|NULL|NULL|varchar(2)\n1|IN|s|varchar(3)")
	// What was not strict when it was made is not strict when it runs.
	c.exec("SET sql_mode = ''", "CREATE FUNCTION loose (x TINYINT) RETURNS TINYINT DETERMINISTIC RETURN x * 2", "SET sql_mode = DEFAULT")
	c.want("SELECT loose(100)", "127")
}

// The rows that a function changes belong to the statement that calls it.
func TestStoredFunction_Changes(t *testing.T) {
	c := alterClient(t)
	c.exec("CREATE TABLE log (id INT PRIMARY KEY AUTO_INCREMENT, what VARCHAR(20) UNIQUE)", "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a INT)",
		`CREATE FUNCTION note (s VARCHAR(20)) RETURNS INT DETERMINISTIC MODIFIES SQL DATA
BEGIN
  DECLARE n INT;
  INSERT INTO log (what) VALUES (s);
  SELECT COUNT(*) INTO n FROM log;
  RETURN n;
END`,
		`CREATE FUNCTION careful (s VARCHAR(20)) RETURNS VARCHAR(20) DETERMINISTIC MODIFIES SQL DATA
BEGIN
  DECLARE EXIT HANDLER FOR 1062 RETURN 'known';
  INSERT INTO log (what) VALUES (s);
  RETURN 'new';
END`,
		`CREATE FUNCTION total () RETURNS INT DETERMINISTIC READS SQL DATA
BEGIN
  DECLARE done INT DEFAULT 0;
  DECLARE x, s INT DEFAULT 0;
  DECLARE c CURSOR FOR SELECT a FROM t ORDER BY id;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = 1;
  OPEN c;
  REPEAT
    FETCH c INTO x;
    IF NOT done THEN SET s = s + x; END IF;
  UNTIL done END REPEAT;
  CLOSE c;
  RETURN s;
END`)
	c.want("SELECT note('one'), note('two')", "1|2")
	c.exec("INSERT INTO t (a) VALUES (note('three')), (note('four'))")
	c.want("SELECT a FROM t", "3\n4")
	c.want("SELECT LAST_INSERT_ID(), total()", "1|7")
	c.want("SELECT careful('one'), careful('five'), careful('five')", "known|new|known")
	c.want("SELECT COUNT(*) FROM log", "5")
	c.fails(1062, "INSERT INTO t (a) VALUES (note('six')), (note('one'))")
	c.want("SELECT COUNT(*) FROM log", "5")
	c.exec("START TRANSACTION", "INSERT INTO t (a) VALUES (100)")
	c.fails(1062, "SELECT note('seven'), note('two')")
	c.want("SELECT COUNT(*), total() FROM log", "5|107")
	c.exec("DO note('eight')", "ROLLBACK")
	c.want("SELECT COUNT(*), total() FROM log", "5|7")
	c.want("SELECT total() + COUNT(*), careful(MAX(what)) FROM t, log WHERE 0", "7|new")
	c.exec("DELETE FROM log WHERE what IS NULL")
	c.fails(1442, "INSERT INTO log (what) VALUES (note('nine'))")
	c.exec("CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = NEW.a + note(CONCAT('trigger ', NEW.a))", "INSERT INTO t (a) VALUES (50)")
	c.want("SELECT a FROM t WHERE a > 50", "56")
}
