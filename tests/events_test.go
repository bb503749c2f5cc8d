package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// storedEvents define events that never run while the tests do.
var storedEvents = []string{
	"CREATE TABLE o.t (id INT PRIMARY KEY AUTO_INCREMENT, a INT)",
	"CREATE EVENT o.daily ON SCHEDULE EVERY 1 DAY STARTS '2035-01-01 00:00:00' ENDS '2037-01-01' ON COMPLETION PRESERVE COMMENT 'it''s daily' DO INSERT INTO o.t (a) VALUES (1)",
	"CREATE EVENT IF NOT EXISTS block ON SCHEDULE EVERY '1:30' HOUR_MINUTE STARTS '2035-01-01 00:00:00' DISABLE DO\nBEGIN\n  INSERT INTO o.t (a) VALUES (2); -- a comment\n  DELETE FROM o.t;\nEND",
	"CREATE EVENT once ON SCHEDULE AT '2035-01-01 00:00:00' + INTERVAL 1 DAY DO DELETE FROM o.t",
	"CREATE EVENT dropped ON SCHEDULE EVERY 1 YEAR STARTS '2035-01-01' DO SELECT 1",
	"ALTER EVENT once RENAME TO renamed COMMENT 'new'",
	"DROP EVENT dropped",
}

const eventsQuery = "SELECT event_name, definer, time_zone, event_type, execute_at, interval_value, interval_field, starts, ends, on_completion, event_comment, originator FROM information_schema.events WHERE event_schema = 'o' ORDER BY 1"

// Events outlive kill -9, and reach replicas, ours and MariaDB, as MySQL logs
// them: there they are for the source alone to run.
func TestEvents_SurviveAndReplicate(t *testing.T) {
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
	for _, q := range storedEvents {
		execute(t, c, q)
	}
	const status = "SELECT GROUP_CONCAT(event_name, status ORDER BY 1) FROM information_schema.events WHERE event_schema = 'o'"
	check := func() {
		t.Helper()
		want, got := p.Rows(eventsQuery), r.Rows(eventsQuery)
		if len(want) != 3 || len(got) != 3 {
			t.Fatalf("%q on the primary, %q on the replica", want, got)
		}
		for i := range want {
			if a, b := strings.Join(want[i], "|"), strings.Join(got[i], "|"); a != b {
				t.Errorf("on the replica:\n%s\nwant\n%s", b, a)
			}
		}
		if got := p.One(status); got != "blockDISABLED,dailyENABLED,renamedENABLED" {
			t.Errorf("on the primary: %s", got)
		}
		if got := r.One(status); got != "blockSLAVESIDE_DISABLED,dailySLAVESIDE_DISABLED,renamedSLAVESIDE_DISABLED" {
			t.Errorf("on the replica: %s", got)
		}
	}
	cluster.WaitCaughtUp(t, p, r, 20*time.Second)
	check()
	m.WaitCaughtUp(p, 30*time.Second)
	var got string
	if err := m.DB.QueryRow("SELECT GROUP_CONCAT(event_name, definer, event_definition ORDER BY 1 SEPARATOR ';') FROM information_schema.events WHERE event_schema = 'o' AND status = 'SLAVESIDE_DISABLED' AND event_name <> 'block'").Scan(&got); err != nil ||
		got != "dailyroot@localhostINSERT INTO o.t (a) VALUES (1);renamedroot@localhostDELETE FROM o.t" {
		t.Errorf("on MariaDB: %q %v", got, err)
	}
	logged := statementsIn(t, p)
	for _, want := range []string{
		"CREATE DEFINER=`root`@`localhost` EVENT o.daily ON SCHEDULE EVERY 1 DAY", "CREATE DEFINER=`root`@`localhost` EVENT IF NOT EXISTS block ON",
		"ALTER EVENT once RENAME TO renamed", "DROP EVENT dropped",
	} {
		if !strings.Contains(logged, want) {
			t.Errorf("the binlog has no %s:\n%s", want, logged)
		}
	}
	for _, s := range []*cluster.Server{p, r} {
		s.Kill()
		s.Run()
	}
	check()
}

// mariadb-dump --events writes events, and what it writes loads into another
// server, which then has the same.
func TestEvents_DumpAndLoad(t *testing.T) {
	dump := cluster.Need(t, "mariadb-dump")
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	other := cluster.Start(t, "other", "server-id=1", "log-bin=mysql-bin")
	p.Exec("CREATE DATABASE o")
	c := open(t, p, "root", "", "o")
	for _, q := range storedEvents {
		execute(t, c, q)
	}
	execute(t, c, "SET time_zone = '+03:00'")
	execute(t, c, "ALTER EVENT renamed ON SCHEDULE EVERY 2 WEEK STARTS '2036-02-03 04:05:06'")
	text, err := exec.Command(dump, "--no-defaults", "-h127.0.0.1", "-P"+strconv.Itoa(p.Port), "-uroot", "--events", "--databases", "o").Output()
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
	for _, q := range []string{"SHOW CREATE EVENT o.daily", "SHOW CREATE EVENT o.renamed", "SHOW EVENTS FROM o", eventsQuery} {
		want, got := p.Rows(q), other.Rows(q)
		if len(want) == 0 || len(got) != len(want) {
			t.Fatalf("%s: %q, want %q", q, got, want)
		}
		for i := range want {
			if a, b := strings.Join(want[i], "|"), strings.Join(got[i], "|"); a != b {
				t.Errorf("%s:\n%s\nwant\n%s", q, b, a)
			}
		}
	}
}

// Due events run on the source alone, which logs their rows, also after a
// restart and kill -9; one that fails or hangs does not hold up the others, and
// one-time events are dropped.
func TestEvents_Run(t *testing.T) {
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin")
	cluster.Follow(t, p, r)
	p.Exec("CREATE DATABASE o", "CREATE TABLE o.t (id INT PRIMARY KEY AUTO_INCREMENT, a INT, at DATETIME(6))")
	began := time.Now()
	p.Exec("CREATE EVENT o.often ON SCHEDULE EVERY 1 SECOND DO INSERT INTO o.t (a, at) VALUES (1, NOW(6))",
		"CREATE EVENT o.once ON SCHEDULE AT NOW() + INTERVAL 1 SECOND DO INSERT INTO o.t (a, at) VALUES (100, NOW(6))",
		"CREATE EVENT o.bad ON SCHEDULE EVERY 1 SECOND DO INSERT INTO nosuch VALUES (1)",
		"CREATE EVENT o.slow ON SCHEDULE EVERY 1 SECOND DO DO SLEEP(600)")
	enough := func(where string, n int) {
		t.Helper()
		cluster.WaitFor(t, 15*time.Second, func() string {
			if got, _ := strconv.Atoi(p.One("SELECT COUNT(*) FROM o.t WHERE " + where)); got < n {
				return strconv.Itoa(got) + " rows, want " + strconv.Itoa(n)
			}
			return ""
		})
	}
	enough("a = 1", 3)
	enough("a = 100", 1)
	listed := func(info string) (ids []string) {
		for _, row := range p.Rows("SHOW FULL PROCESSLIST") {
			if row[7] == info || row[1] == info {
				ids = append(ids, row[0])
			}
		}
		return ids
	}
	if n := len(listed("event_scheduler")); n != 1 {
		t.Errorf("%d schedulers", n)
	}
	slow := listed("DO SLEEP(600)")
	if len(slow) != 1 {
		t.Fatalf("the slow event: %q in\n%q", slow, p.Rows("SHOW FULL PROCESSLIST"))
	}
	p.Exec("DROP EVENT o.slow", "KILL "+slow[0], "ALTER EVENT o.often DO INSERT INTO o.t (a, at) VALUES (2, NOW(6))")
	enough("a = 2", 2)
	if n := len(listed("DO SLEEP(600)")); n != 0 {
		t.Errorf("%d slow events after KILL", n)
	}
	if !strings.Contains(p.Log(), "event=o.bad") {
		t.Errorf("the log does not name the event that failed:\n%s", p.Log())
	}
	cluster.WaitFor(t, 5*time.Second, func() string {
		return p.One("SELECT COALESCE(GROUP_CONCAT(event_name), '') FROM information_schema.events WHERE event_name = 'once'")
	})
	for _, end := range []func(){p.Kill, p.Stop} {
		end()
		p.Run()
		before, _ := strconv.Atoi(p.One("SELECT COUNT(*) FROM o.t WHERE a = 2"))
		enough("a = 2", before+2)
	}
	p.Exec("SET GLOBAL event_scheduler = OFF")
	if n := len(listed("event_scheduler")); n != 0 {
		t.Errorf("%d schedulers when it is OFF", n)
	}
	if n, _ := strconv.Atoi(p.One("SELECT COUNT(*) FROM o.t WHERE a < 100")); n > int(time.Since(began)/time.Second)+2 {
		t.Errorf("%d runs in %v", n, time.Since(began))
	}
	cluster.WaitCaughtUp(t, p, r, 20*time.Second)
	cluster.SameData(t, "primary", p.DB(), "replica", r.DB())
	if got := r.One("SELECT GROUP_CONCAT(event_name, status ORDER BY 1) FROM information_schema.events"); got != "badSLAVESIDE_DISABLED,oftenSLAVESIDE_DISABLED" {
		t.Errorf("events of the replica: %s", got)
	}
	logged := statementsIn(t, p)
	if !strings.Contains(logged, "DROP EVENT `o`.`once`") || strings.Contains(logged, "\nINSERT") {
		t.Errorf("logged:\n%s", logged)
	}
}

// Events of a MariaDB source are here too, for it to run.
func TestEvents_OfMariaDB(t *testing.T) {
	cluster.Need(t, "mariadbd")
	m := cluster.StartMariaDB(t, "--server-id=100", "--log-bin=maria-bin", "--binlog-format=ROW")
	m.Exec("CREATE USER 'repl'@'%' IDENTIFIED BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'", "CREATE DATABASE o", "CREATE TABLE o.t (a INT PRIMARY KEY)",
		"CREATE EVENT o.e ON SCHEDULE EVERY 1 DAY STARTS '2035-01-01' DO INSERT INTO o.t VALUES (1)", "CREATE EVENT o.g ON SCHEDULE EVERY 1 DAY DO DELETE FROM o.t",
		"ALTER EVENT o.e ON SCHEDULE EVERY 2 HOUR STARTS '2035-01-01' RENAME TO o.f ENABLE", "DROP EVENT o.g", "INSERT INTO o.t VALUES (7)")
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin")
	r.Exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='repl', MASTER_PASSWORD='secret', MASTER_LOG_FILE='maria-bin.000001', MASTER_LOG_POS=4", m.Port), "START SLAVE")
	cluster.WaitFor(t, 10*time.Second, func() string {
		st := r.Status()
		if st["Last_SQL_Error"] != "" {
			t.Fatal(st["Last_SQL_Error"])
		}
		if got := len(r.Rows("SHOW DATABASES LIKE 'o'")); got == 0 {
			return "no database"
		}
		if got := len(r.Rows("SHOW TABLES FROM o")); got == 0 {
			return "no table"
		}
		if got := r.One("SELECT COUNT(*) FROM o.t"); got != "1" {
			return got + " rows"
		}
		return ""
	})
	if got := r.One("SELECT CONCAT_WS('|', event_name, definer, interval_value, interval_field, status, originator) FROM information_schema.events"); got != "f|root@127.0.0.1|2|HOUR|SLAVESIDE_DISABLED|100" {
		t.Errorf("the event: %s", got)
	}
}
