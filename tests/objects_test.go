package tests

import (
	"strings"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// storedObjects define a view, triggers and a procedure, and change them.
var storedObjects = []string{
	"CREATE TABLE o.t (id INT PRIMARY KEY AUTO_INCREMENT, a INT, s VARCHAR(40))",
	"CREATE TABLE o.log (id INT PRIMARY KEY AUTO_INCREMENT, what VARCHAR(99))",
	"CREATE VIEW o.v AS SELECT id FROM o.t",
	"ALTER VIEW o.v AS SELECT id, a * 2 AS b FROM o.t",
	"CREATE OR REPLACE VIEW o.w AS SELECT COUNT(*) AS n FROM o.v",
	"CREATE TRIGGER o.loud BEFORE INSERT ON o.t FOR EACH ROW SET NEW.s = UPPER(NEW.s)",
	"CREATE TRIGGER IF NOT EXISTS o.loud BEFORE INSERT ON o.t FOR EACH ROW SET NEW.s = 'never'",
	"CREATE TRIGGER o.after_insert AFTER INSERT ON o.t FOR EACH ROW INSERT INTO o.log (what) VALUES (CONCAT('new ', NEW.s))",
	"CREATE TRIGGER o.gone AFTER DELETE ON o.t FOR EACH ROW BEGIN INSERT INTO o.log (what) VALUES ('gone'); INSERT INTO o.log (what) VALUES (OLD.s); END",
	"CREATE TRIGGER o.useless BEFORE UPDATE ON o.t FOR EACH ROW SET NEW.a = 0",
	"DROP TRIGGER o.useless",
	"CREATE PROCEDURE o.fill (IN n INT) BEGIN DECLARE i INT DEFAULT 0; WHILE i < n DO SET i = i + 1; INSERT INTO o.t (a, s) VALUES (i, CONCAT('row ', i)); END WHILE; END",
	"CREATE PROCEDURE IF NOT EXISTS o.fill (IN n INT) SELECT 'never'",
	"CREATE PROCEDURE o.dropped () SELECT 1",
	"DROP PROCEDURE o.dropped",
}

// Views, triggers and procedures outlive kill -9 and reach a replica as
// statements; what they change does as rows, and a trigger does not run for
// those.
func TestObjects_SurviveAndReplicate(t *testing.T) {
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin")
	cluster.Follow(t, p, r)
	p.Exec("CREATE DATABASE o")
	c := open(t, p, "root", "", "o")
	for _, q := range storedObjects {
		execute(t, c, q)
	}
	p.Exec("CALL o.fill(3)", "DELETE FROM o.t WHERE id = 2", "INSERT INTO o.t (a, s) VALUES (9, 'nine')")
	check := func(s *cluster.Server, what string) {
		t.Helper()
		c := open(t, s, "root", "", "o")
		for q, want := range map[string]string{
			"SELECT GROUP_CONCAT(s ORDER BY id) FROM o.t":                                 "ROW 1,ROW 3,NINE",
			"SELECT GROUP_CONCAT(what ORDER BY id) FROM o.log":                            "new ROW 1,new ROW 2,new ROW 3,gone,ROW 2,new NINE",
			"SELECT GROUP_CONCAT(b ORDER BY id) FROM o.v":                                 "2,6,18",
			"SELECT n FROM o.w":                                                           "3",
			"SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = 'o'": "3",
			"SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = 'o'": "1",
			"SELECT COUNT(*) FROM information_schema.views WHERE table_schema = 'o'":      "2",
		} {
			if got := outcome(t, c, q); got != "[[{String:"+want+" Valid:true}]]" {
				t.Errorf("%s: %s = %s, want %s", what, q, got, want)
			}
		}
	}
	cluster.WaitCaughtUp(t, p, r, 20*time.Second)
	check(p, "primary")
	check(r, "replica")
	logged := statementsIn(t, p)
	for _, want := range []string{"CREATE TRIGGER o.gone", "ALTER VIEW o.v", "DROP PROCEDURE o.dropped"} {
		if !strings.Contains(logged, want) {
			t.Errorf("the binlog has no %s", want)
		}
	}
	if strings.Contains(logged, "CALL o.") {
		t.Error("the binlog has CALL")
	}
	for _, s := range []*cluster.Server{p, r} {
		s.Kill()
		s.Run()
	}
	check(p, "primary after kill -9")
	check(r, "replica after kill -9")
	c = open(t, p, "root", "", "o")
	for _, q := range []string{"CALL o.fill(1)", "DROP TABLE o.t", "DROP VIEW o.v, o.w"} {
		execute(t, c, q)
	}
	cluster.WaitCaughtUp(t, p, r, 20*time.Second)
	for _, s := range []*cluster.Server{p, r} {
		if got := s.One("SELECT GROUP_CONCAT(what ORDER BY id DESC) FROM o.log WHERE id > 6"); got != "new ROW 1" {
			t.Errorf("log after the kill: %s", got)
		}
		if got := s.One("SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = 'o'"); got != "0" {
			t.Errorf("%s triggers outlive their table", got)
		}
	}
}

// statementsIn returns the statements that the binlogs of a server have.
func statementsIn(t *testing.T, s *cluster.Server) string {
	t.Helper()
	var b strings.Builder
	for _, row := range s.Rows("SHOW BINLOG EVENTS") {
		if row[2] == "Query" {
			b.WriteString(row[5] + "\n")
		}
	}
	return b.String()
}
