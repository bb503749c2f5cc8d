package sql

import "testing"

// Handlers run what they say: the most specific one of the innermost block, and
// then the program goes on behind the statement, or behind the block.
func TestStoredProcedure_Handlers(t *testing.T) {
	c := alterClient(t)
	c.exec("CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE log (n INT PRIMARY KEY AUTO_INCREMENT, what VARCHAR(99))",
		`CREATE PROCEDURE goes_on ()
BEGIN
  DECLARE CONTINUE HANDLER FOR SQLEXCEPTION INSERT INTO log (what) VALUES ('any');
  DECLARE CONTINUE HANDLER FOR SQLSTATE '23000' INSERT INTO log (what) VALUES ('state');
  DECLARE CONTINUE HANDLER FOR 1062
  BEGIN
    DECLARE no INT;
    DECLARE msg VARCHAR(99);
    GET DIAGNOSTICS CONDITION 1 no = MYSQL_ERRNO, msg = MESSAGE_TEXT;
    INSERT INTO log (what) VALUES (CONCAT(no, ': ', msg));
  END;
  INSERT INTO t VALUES (1), (1);
  INSERT INTO t VALUES (2);
  INSERT INTO t VALUES (2);
  INSERT INTO t VALUES (NULL);
  INSERT INTO nosuch VALUES (1);
  INSERT INTO log (what) VALUES ('end');
END`,
		`CREATE PROCEDURE leaves (OUT r VARCHAR(20))
BEGIN
  SET r = 'outer';
  BEGIN
    DECLARE EXIT HANDLER FOR SQLEXCEPTION SET r = CONCAT(r, ' caught');
    INSERT INTO t VALUES (2);
    SET r = 'not reached';
  END;
  SET r = CONCAT(r, ' after');
END`,
		`CREATE PROCEDURE raises (n INT)
BEGIN
  DECLARE broken CONDITION FOR SQLSTATE '45001';
  DECLARE EXIT HANDLER FOR broken RESIGNAL SET MESSAGE_TEXT = 'broken again';
  CASE n
    WHEN 1 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no', MYSQL_ERRNO = 3999;
    WHEN 2 THEN SIGNAL broken;
    WHEN 3 THEN SIGNAL SQLSTATE '01000' SET MESSAGE_TEXT = 'careful';
  END CASE;
END`)
	c.exec("CALL goes_on()")
	c.want("SELECT what FROM log", "1062: Duplicate entry '1' for key 't.PRIMARY'\n1062: Duplicate entry '2' for key 't.PRIMARY'\nstate\nany\nend")
	c.want("SELECT id FROM t", "2")
	c.exec("CALL leaves(@r)")
	c.want("SELECT @r", "outer caught after")
	if msg := c.fails(3999, "CALL raises(1)"); msg != "no" {
		t.Error(msg)
	}
	if msg := c.fails(1644, "CALL raises(2)"); msg != "broken again" {
		t.Error(msg)
	}
	c.exec("CALL raises(3)")
	c.want("SHOW WARNINGS", "Warning|1642|careful")
	c.fails(1339, "CALL raises(4)")
	c.fails(1305, "CALL nosuch()")
	c.fails(1318, "CALL raises()")
	c.fails(1414, "CALL leaves(1)")
}

// Each statement of a procedure is one of its own, unless it is called in a
// transaction; DDL commits and has its text in the binlog.
func TestStoredProcedure_Transactions(t *testing.T) {
	c := alterClient(t)
	other := c.s.client()
	other.exec("USE d")
	c.exec("CREATE TABLE t (id INT PRIMARY KEY)",
		"CREATE PROCEDURE two () BEGIN INSERT INTO t VALUES (1); INSERT INTO t VALUES (2), (1); END",
		"CREATE PROCEDURE makes (n INT) BEGIN INSERT INTO t VALUES (n); CREATE TABLE u (a INT); INSERT INTO u VALUES (n); DROP TABLE u; END",
		"CREATE PROCEDURE outer_one (INOUT n INT) BEGIN CALL inner_one(n); SET n = n + 1; END",
		"CREATE PROCEDURE inner_one (INOUT n INT) SET n = n * 10",
		"CREATE PROCEDURE self (n INT) BEGIN IF n > 0 THEN CALL self(n - 1); END IF; END",
		"CREATE PROCEDURE top (n INT) BEGIN DECLARE m INT DEFAULT 2; SELECT GROUP_CONCAT(id) INTO @ids FROM (SELECT id FROM t ORDER BY id DESC LIMIT n) x; END")
	c.fails(1062, "CALL two()")
	other.want("SELECT id FROM t", "1")
	c.exec("BEGIN", "DELETE FROM t")
	c.fails(1062, "CALL two()")
	c.exec("ROLLBACK")
	c.want("SELECT id FROM t", "1")
	c.exec("BEGIN", "INSERT INTO t VALUES (5)", "CALL makes(6)", "ROLLBACK")
	other.want("SELECT id FROM t", "1\n5\n6")
	c.exec("CALL makes(7)", "SET @n = 3", "CALL outer_one(@n)", "CALL top(2)")
	c.want("SELECT @n, @ids", "31|7,6")
	c.fails(1456, "CALL self(1)")
	c.exec("SET max_sp_recursion_depth = 3", "CALL self(3)")
	c.fails(1456, "CALL self(4)")
	c.exec("DROP PROCEDURE two", "ALTER PROCEDURE self COMMENT 'calls itself'")
	c.fails(1305, "CALL two()")
	c = c.s.reopen().client()
	c.exec("USE d", "SET @n = 1", "CALL outer_one(@n)")
	c.want("SELECT @n", "11")
	c.want("SELECT routine_comment FROM information_schema.routines WHERE routine_name = 'self'", "calls itself")
}

// A trigger calls a procedure inside of the statement that fires it.
func TestStoredProcedure_InATrigger(t *testing.T) {
	c := alterClient(t)
	c.exec("CREATE TABLE t (id INT PRIMARY KEY, a INT)", "CREATE TABLE log (what INT PRIMARY KEY)",
		"CREATE PROCEDURE note (n INT) INSERT INTO log VALUES (n)",
		"CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW BEGIN CALL note(NEW.a); END",
		"INSERT INTO t VALUES (1, 10), (2, 20)")
	c.want("SELECT what FROM log", "10\n20")
	c.fails(1062, "INSERT INTO t VALUES (3, 30), (4, 10)")
	c.want("SELECT what FROM log", "10\n20")
	c.want("SELECT id FROM t", "1\n2")
}
