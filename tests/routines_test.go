package tests

import (
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// storedRoutines define functions and procedures, and use them.
var storedRoutines = []string{
	"CREATE TABLE o.t (id INT PRIMARY KEY AUTO_INCREMENT, a INT, s VARCHAR(60))",
	"CREATE TABLE o.log (id INT PRIMARY KEY AUTO_INCREMENT, what VARCHAR(60))",
	"CREATE FUNCTION o.plus (x INT, y INT) RETURNS INT DETERMINISTIC RETURN x + y",
	`CREATE FUNCTION o.greet (name VARCHAR(20)) RETURNS VARCHAR(40) DETERMINISTIC COMMENT 'it''s polite'
BEGIN
  DECLARE out_text VARCHAR(40) DEFAULT 'nobody'; -- a comment; with a semicolon
  IF name IS NOT NULL THEN
    SET out_text = CONCAT('Hello, ', name);
  END IF;
  RETURN out_text;
END`,
	`CREATE DEFINER = 'root'@'localhost' FUNCTION o.note (w VARCHAR(60)) RETURNS INT DETERMINISTIC MODIFIES SQL DATA SQL SECURITY INVOKER
BEGIN
  INSERT INTO log (what) VALUES (w);
  RETURN (SELECT COUNT(*) FROM log);
END`,
	"CREATE FUNCTION o.dropped () RETURNS INT NO SQL RETURN 1",
	"DROP FUNCTION o.dropped",
	"ALTER FUNCTION o.plus COMMENT 'adds'",
	`CREATE PROCEDURE o.fill (IN n INT, OUT total INT)
BEGIN
  DECLARE i INT DEFAULT 0;
  WHILE i < n DO
    SET i = o.plus(i, 1);
    INSERT INTO t (a, s) VALUES (note(CONCAT('row ', i)), greet(i));
  END WHILE;
  SELECT SUM(a) INTO total FROM t;
END`,
	"INSERT INTO o.t (a, s) VALUES (o.plus(1, 2), o.greet('you')), (o.note('one'), o.greet(NULL))",
	"CALL o.fill(2, @total)",
	"UPDATE o.t SET a = o.plus(a, @total) WHERE id = 1",
	"SELECT o.note('selected')",
}

// Functions outlive kill -9; they reach replicas, ours and MariaDB, as MySQL
// logs them, and what they change as rows.
func TestRoutines_SurviveAndReplicate(t *testing.T) {
	cluster.Need(t, "mariadbd")
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin", "collation-server=utf8mb4_general_ci", "default_authentication_plugin=mysql_native_password")
	p.Exec("CREATE USER 'repl'@'%' IDENTIFIED WITH mysql_native_password BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'")
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin", "collation-server=utf8mb4_general_ci")
	cluster.Follow(t, p, r)
	at := p.Rows("SHOW MASTER STATUS")[0]
	m := cluster.StartMariaDB(t, "--server-id=100")
	m.FollowFrom(p, at[0], at[1])
	p.Exec("CREATE DATABASE o")
	c := open(t, p, "root", "", "o")
	for _, q := range storedRoutines {
		execute(t, c, q)
	}
	check := func(s *cluster.Server, what string) {
		t.Helper()
		c := open(t, s, "root", "", "o")
		for q, want := range map[string]string{
			"SELECT CONCAT(plus(2, 3), greet('x'), greet(NULL))":                                                       "5Hello, xnobody",
			"SELECT GROUP_CONCAT(a, s ORDER BY id) FROM t":                                                             "12Hello, you,1nobody,2Hello, 1,3Hello, 2",
			"SELECT GROUP_CONCAT(what ORDER BY id) FROM log":                                                           "one,row 1,row 2,selected",
			"SELECT GROUP_CONCAT(routine_name ORDER BY 1) FROM information_schema.routines WHERE routine_schema = 'o'": "fill,greet,note,plus",
			"SELECT routine_comment FROM information_schema.routines WHERE routine_name = 'plus'":                      "adds",
		} {
			if got := outcome(t, c, q); got != "[[{String:"+want+" Valid:true}]]" {
				t.Errorf("%s: %s = %s, want %s", what, q, got, want)
			}
		}
	}
	cluster.WaitCaughtUp(t, p, r, 20*time.Second)
	check(p, "primary")
	check(r, "replica")
	m.WaitCaughtUp(p, 30*time.Second)
	cluster.SameData(t, "primary", p.DB(), "MariaDB", m.DB)
	var got string
	if err := m.DB.QueryRow("SELECT CONCAT(o.plus(2, 3), o.greet('x'))").Scan(&got); err != nil || got != "5Hello, x" {
		t.Errorf("on MariaDB: %q %v", got, err)
	}
	logged := statementsIn(t, p)
	for _, want := range []string{
		"CREATE DEFINER=`root`@`localhost` FUNCTION `o`.`plus`(x INT, y INT) RETURNS int\n    DETERMINISTIC\nRETURN x + y",
		"FUNCTION `o`.`note`(w VARCHAR(60)) RETURNS int\n    MODIFIES SQL DATA\n    DETERMINISTIC\n    SQL SECURITY INVOKER\nBEGIN",
		"CREATE DEFINER=`root`@`localhost` PROCEDURE `o`.`fill`(IN n INT, OUT total INT)\nBEGIN",
		"ALTER FUNCTION o.plus COMMENT 'adds'", "DROP FUNCTION o.dropped",
	} {
		if !strings.Contains(logged, want) {
			t.Errorf("the binlog has no %s", want)
		}
	}
	if strings.Contains(logged, "SELECT o.") || strings.Contains(logged, "CALL") {
		t.Error("the binlog has a call")
	}
	for _, s := range []*cluster.Server{p, r} {
		s.Kill()
		s.Run()
	}
	check(p, "primary after kill -9")
	check(r, "replica after kill -9")
}

// Every result set of a CALL is sent, in both protocols, with the rows as they
// are when it is sent.
func TestRoutines_ResultSets(t *testing.T) {
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	p.Exec("CREATE DATABASE o", "CREATE TABLE o.t (a INT, s VARCHAR(20))", "INSERT INTO o.t VALUES (1, 'one'), (2, 'two')",
		"CREATE PROCEDURE o.sets (n INT) BEGIN SELECT a, s FROM t ORDER BY a; SELECT n AS n; SELECT 1 FROM t WHERE 0; INSERT INTO t VALUES (n, 'new'); END")
	c := open(t, p, "root", "", "o")
	prepared, err := c.PrepareContext(t.Context(), "CALL sets(?)")
	if err != nil {
		t.Fatal(err)
	}
	defer prepared.Close()
	for query, run := range map[string]func() (*sql.Rows, error){
		"text":     func() (*sql.Rows, error) { return c.QueryContext(t.Context(), "CALL sets(7)") },
		"prepared": func() (*sql.Rows, error) { return prepared.QueryContext(t.Context(), 7) },
	} {
		rows, err := run()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for more := true; more; more = rows.NextResultSet() {
			columns, err := rows.Columns()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, strings.Join(columns, ","))
			for rows.Next() {
				cells := make([]any, len(columns))
				texts := make([]string, len(columns))
				for i := range cells {
					cells[i] = &texts[i]
				}
				if err := rows.Scan(cells...); err != nil {
					t.Fatal(err)
				}
				got = append(got, strings.Join(texts, "|"))
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
		if text := strings.TrimSpace(strings.Join(got, " ")); !strings.HasPrefix(text, "a,s 1|one 2|two ") || !strings.Contains(text, "n 7 1") {
			t.Errorf("%s: %s", query, text)
		}
	}
	if got := p.One("SELECT COUNT(*) FROM o.t"); got != "4" {
		t.Errorf("%s rows", got)
	}
}

// An account needs EXECUTE for a routine, which then runs as its definer.
func TestRoutines_Privileges(t *testing.T) {
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	p.Exec("CREATE DATABASE o", "CREATE TABLE o.t (a INT)", "INSERT INTO o.t VALUES (42)",
		"CREATE USER 'u'@'%' IDENTIFIED BY 'secret'", "GRANT USAGE ON *.* TO 'u'@'%'",
		"CREATE FUNCTION o.peek () RETURNS INT READS SQL DATA RETURN (SELECT a FROM o.t)",
		"CREATE FUNCTION o.own () RETURNS INT READS SQL DATA SQL SECURITY INVOKER RETURN (SELECT a FROM o.t)",
		"CREATE FUNCTION o.closed () RETURNS INT NO SQL RETURN 1",
		"CREATE PROCEDURE o.pass (OUT x INT) SELECT a INTO x FROM o.t",
		"GRANT EXECUTE ON FUNCTION o.peek TO 'u'@'%'", "GRANT EXECUTE ON FUNCTION o.own TO 'u'@'%'", "GRANT EXECUTE ON PROCEDURE o.pass TO 'u'@'%'")
	c := open(t, p, "u", "secret", "")
	if got := outcome(t, c, "SELECT o.peek()"); got != "[[{String:42 Valid:true}]]" {
		t.Errorf("SECURITY DEFINER: %s", got)
	}
	execute(t, c, "CALL o.pass(@x)")
	if got := outcome(t, c, "SELECT @x"); got != "[[{String:42 Valid:true}]]" {
		t.Errorf("a procedure: %s", got)
	}
	for q, want := range map[string]string{
		"SELECT o.own()": "1142", "SELECT o.closed()": "1370", "SELECT a FROM o.t": "1142",
		"CREATE FUNCTION o.mine () RETURNS INT NO SQL RETURN 1": "1044", "DROP FUNCTION o.peek": "1370", "ALTER FUNCTION o.peek COMMENT 'x'": "1370",
	} {
		if got := outcome(t, c, q); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", q, got, want)
		}
	}
}

// mariadb-dump --routines writes functions and procedures, and what it writes
// loads into another server, which then has the same; the client leaves comments
// out.
func TestRoutines_DumpAndLoad(t *testing.T) {
	dump := cluster.Need(t, "mariadb-dump")
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	other := cluster.Start(t, "other", "server-id=2", "log-bin=mysql-bin")
	p.Exec("CREATE DATABASE o")
	c := open(t, p, "root", "", "o")
	for _, q := range storedRoutines {
		execute(t, c, q)
	}
	text, err := exec.Command(dump, "--no-defaults", "-h127.0.0.1", "-P"+strconv.Itoa(p.Port), "-uroot", "--routines", "--databases", "o").Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dump.sql")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := other.Client("source " + file); err != nil {
		t.Fatalf("load the dump: %v: %s", err, out)
	}
	for _, q := range []string{
		"SHOW CREATE FUNCTION o.plus", "SHOW CREATE FUNCTION o.note", "SHOW CREATE PROCEDURE o.fill",
		"SELECT o.plus(1, 2), o.greet('you'), o.greet(NULL)", "SELECT * FROM o.log",
	} {
		if want, got := p.Rows(q), other.Rows(q); len(want) == 0 || len(got) != len(want) || strings.Join(got[0], "|") != strings.Join(want[0], "|") {
			t.Errorf("%s: %q, want %q", q, got, want)
		}
	}
	if got := other.Rows("SHOW FUNCTION STATUS WHERE Db = 'o'"); len(got) != 3 {
		t.Errorf("SHOW FUNCTION STATUS: %q", got)
	}
}
