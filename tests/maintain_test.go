package tests

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// mysqlcheck's four jobs, SHOW ENGINE, and mysqladmin shutdown, after which
// every row is there.
func TestMaintenance_StockTools(t *testing.T) {
	ran(t, "mysqlcheck, mysqladmin (MariaDB)", versionOf(t, "mariadb-check"), "check, analyze, optimize, repair; shutdown")
	check, admin := cluster.Need(t, "mariadb-check"), cluster.Need(t, "mariadb-admin")
	s := cluster.Start(t, "s", "server-id=1", "log-bin=mysql-bin")
	s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, k INT, s TEXT, KEY k (k))", "CREATE TABLE d.plain (a INT, b BLOB)",
		"USE d; CREATE VIEW v AS SELECT id FROM t", "INSERT INTO d.t VALUES (1, 2, 'x'), (2, 2, 'y'), (3, NULL, NULL)",
		"INSERT INTO d.plain VALUES (1, 'a'), (1, 'a')", "DELETE FROM d.t WHERE id = 2")
	args := []string{"--no-defaults", "-h127.0.0.1", fmt.Sprintf("-P%d", s.Port), "-uroot"}
	for option, want := range map[string][]string{
		"--check": {"d.t", "OK", "d.plain"}, "--analyze": {"d.t", "OK"}, "--optimize": {"doing recreate + analyze instead", "status   : OK"},
	} {
		out, err := exec.Command(check, append(args, option, "--databases", "d")...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", option, err, out)
		}
		for _, w := range want {
			if !strings.Contains(string(out), w) {
				t.Errorf("%s: no %q in\n%s", option, w, out)
			}
		}
	}
	for query, want := range map[string]string{
		"CHECK TABLE d.t, d.nosuch, d.v": "[[d.t check status OK] [d.nosuch check Error Table 'd.nosuch' doesn't exist] [d.nosuch check status Operation failed] [d.v check status OK]]",
		"REPAIR TABLE d.t":               "[[d.t repair note The storage engine for the table doesn't support repair]]",
		"ANALYZE LOCAL TABLE d.t":        "[[d.t analyze status OK]]",
	} {
		if got := fmt.Sprint(s.Rows(query)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", query, got, want)
		}
	}
	if st := s.Rows("SHOW ENGINE InnoDB STATUS"); len(st) != 1 || !strings.Contains(st[0][2], "newest visible commit") {
		t.Errorf("SHOW ENGINE INNODB STATUS: %q", st)
	}
	if out, err := exec.Command(admin, append(args, "shutdown")...).CombinedOutput(); err != nil {
		t.Fatalf("mysqladmin shutdown: %v\n%s", err, out)
	}
	select {
	case <-s.Ended():
	case <-time.After(20 * time.Second):
		t.Fatal("the server still runs")
	}
	if code := s.ExitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.Run()
	if n := s.One("SELECT COUNT(*) FROM d.t"); n != "2" {
		t.Errorf("%s rows after the restart", n)
	}
}
