package sql

import (
	"strings"
	"testing"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
)

// clockServer is a server whose scheduler runs when the test says so, by the
// test's clock.
func clockServer(t *testing.T) (*testServer, *client, func(time.Duration)) {
	s := newTestServer(t, nil)
	offset := time.Duration(0)
	s.now = func() time.Time { return time.Now().Add(offset) }
	c := s.client()
	c.exec("CREATE DATABASE e", "USE e", "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(99))")
	return s, c, func(d time.Duration) {
		offset += d
		s.scheduler.tick(t.Context())
		s.scheduler.workers.Wait()
	}
}

func TestScheduler_Runs(t *testing.T) {
	s, c, pass := clockServer(t)
	c.exec("CREATE USER d", "GRANT INSERT, EVENT ON e.* TO d", "SET time_zone = '+03:00', sql_mode = 'PIPES_AS_CONCAT'",
		"CREATE DEFINER = d EVENT hourly ON SCHEDULE EVERY 1 HOUR STARTS NOW() + INTERVAL 1 HOUR DO INSERT INTO t (a) VALUES (CURRENT_USER() || @@time_zone)",
		"SET sql_mode = DEFAULT",
		"CREATE EVENT once ON SCHEDULE AT NOW() + INTERVAL 90 MINUTE DO BEGIN INSERT INTO t (a) VALUES ('once'); SELECT 1; END",
		"CREATE EVENT kept ON SCHEDULE AT NOW() + INTERVAL 90 MINUTE ON COMPLETION PRESERVE DO INSERT INTO t (a) VALUES ('kept')",
		"CREATE EVENT twice ON SCHEDULE EVERY 2 HOUR ENDS NOW() + INTERVAL 3 HOUR DO INSERT INTO t (a) VALUES ('twice')",
		"CREATE EVENT off ON SCHEDULE EVERY 1 HOUR DISABLE DO INSERT INTO t (a) VALUES ('off')",
		"CREATE EVENT bad ON SCHEDULE EVERY 1 HOUR STARTS NOW() + INTERVAL 2 HOUR DO INSERT INTO nosuch VALUES (1)")
	const rows = "SELECT GROUP_CONCAT(a ORDER BY a) FROM t"
	const events = "SELECT GROUP_CONCAT(event_name, status ORDER BY 1) FROM information_schema.events"
	pass(0)
	c.want(rows, "twice")
	pass(0)
	c.want(rows, "twice")
	pass(61 * time.Minute)
	c.want(rows, "d@%+03:00,twice")
	c.want("SELECT TIMESTAMPDIFF(MINUTE, NOW(), last_executed) FROM information_schema.events WHERE event_name = 'hourly'", "61")
	pass(30 * time.Minute)
	c.want(rows, "d@%+03:00,kept,once,twice")
	c.want(events, "badENABLED,hourlyENABLED,keptDISABLED,offDISABLED,twiceENABLED")
	pass(10 * time.Hour) // one run for all that were missed
	c.want(rows, "d@%+03:00,d@%+03:00,kept,once,twice,twice")
	c.want(events, "badENABLED,hourlyENABLED,keptDISABLED,offDISABLED")
	c.exec("DROP USER d", "ALTER EVENT off ENABLE", "DROP EVENT hourly")
	pass(time.Hour)
	c.want("SELECT COUNT(*) FROM t WHERE a = 'off'", "1")
	c.want("SELECT COUNT(*) FROM t", "7")
	c.exec("SET GLOBAL event_scheduler = OFF")
	pass(time.Hour)
	c.want("SELECT COUNT(*) FROM t", "7")
	c.exec("SET GLOBAL event_scheduler = ON", "DROP DATABASE e")
	pass(time.Hour)
	c.fails(1231, "SET GLOBAL event_scheduler = DISABLED")
	if len(s.scheduler.entries) != 0 || len(s.scheduler.running) != 0 {
		t.Errorf("%d events to come, %d running", len(s.scheduler.entries), len(s.scheduler.running))
	}
}

// A one-time event whose last run began before a crash is dropped, not run.
func TestScheduler_DropsAfterCrash(t *testing.T) {
	s, c, _ := clockServer(t)
	c.exec("CREATE EVENT once ON SCHEDULE AT NOW() + INTERVAL 1 HOUR DO INSERT INTO t (a) VALUES ('once')",
		"CREATE EVENT later ON SCHEDULE AT NOW() + INTERVAL 1 HOUR DO INSERT INTO t (a) VALUES ('later')")
	q := gms.NewContext(t.Context(), gms.WithSession(c.Session))
	e, _, err := s.database(q, "e").Event(q, "once")
	if err != nil {
		t.Fatal(err)
	}
	e.Executed = e.At
	r := &eventRun{server: s.Server, key: eventKey{"e", "once"}, e: e, last: true}
	if ok, err := r.mark(t.Context()); !ok || err != nil {
		t.Fatalf("mark: %v %v", ok, err)
	}
	if ok, err := r.mark(t.Context()); ok || err != nil {
		t.Errorf("marked twice: %v", err)
	}
	s = s.reopen()
	s.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	s.scheduler.tick(t.Context())
	s.scheduler.workers.Wait()
	c = s.client()
	c.want("SELECT a FROM e.t", "later")
	c.want("SELECT COUNT(*) FROM information_schema.events", "0")
	var logged []string
	for _, row := range strings.Split(c.rows("SHOW BINLOG EVENTS IN 'mysql-bin.000002'"), "\n") {
		if strings.Contains(row, "EVENT `") {
			logged = append(logged, row[strings.Index(row, "DROP"):])
		}
	}
	if len(logged) != 2 || !strings.Contains(strings.Join(logged, ","), "DROP EVENT `e`.`once`") {
		t.Errorf("logged: %q", logged)
	}
}
