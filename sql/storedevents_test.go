package sql

import (
	"strings"
	"testing"
	"time"

	"binrelay/sql/tables"
)

func TestEvents_Statements(t *testing.T) {
	s := newTestServer(t, nil)
	c := s.client()
	c.exec("CREATE DATABASE e", "USE e", "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a INT)", "SET time_zone = '+05:00'",
		"CREATE EVENT yearly ON SCHEDULE EVERY 1 YEAR STARTS '2031-02-03 04:05:06' ENDS '2040-01-01' ON COMPLETION PRESERVE DISABLE COMMENT 'it''s rare' DO INSERT INTO t (a) VALUES (1)",
		"CREATE EVENT mixed ON SCHEDULE EVERY '1:30' HOUR_MINUTE STARTS CURRENT_TIMESTAMP + INTERVAL 1 DAY DO BEGIN DECLARE x INT DEFAULT 2; INSERT INTO t (a) VALUES (x); END",
		"CREATE EVENT IF NOT EXISTS once ON SCHEDULE AT '2031-02-03 04:05:06' + INTERVAL 1 DAY DO DELETE FROM t")
	c.want("SELECT event_name, time_zone, event_type, execute_at, interval_value, interval_field, starts, ends, status, on_completion, event_comment FROM information_schema.events WHERE event_schema = 'e' AND event_name <> 'mixed'",
		"once|+05:00|ONE TIME|2031-02-04 04:05:06|NULL|NULL|NULL|NULL|ENABLED|NOT PRESERVE|\n"+
			"yearly|+05:00|RECURRING|NULL|1|YEAR|2031-02-03 04:05:06|2040-01-01 00:00:00|DISABLED|PRESERVE|it's rare")
	c.want("SELECT interval_value, interval_field, event_definition, TIMESTAMPDIFF(MINUTE, NOW(), starts) > 1430 FROM information_schema.events WHERE event_name = 'mixed'",
		"'1:30'|HOUR_MINUTE|BEGIN DECLARE x INT DEFAULT 2; INSERT INTO t (a) VALUES (x); END|true")
	c.want("SHOW EVENTS LIKE 'on%'", "e|once|root@localhost|+05:00|ONE TIME|2031-02-04 04:05:06|NULL|NULL|NULL|NULL|ENABLED|1|utf8mb4|utf8mb4_0900_ai_ci|utf8mb4_0900_ai_ci")
	create := strings.Split(c.rows("SHOW CREATE EVENT yearly"), "|")
	if want := "CREATE DEFINER=`root`@`localhost` EVENT `yearly` ON SCHEDULE EVERY 1 YEAR STARTS '2031-02-03 04:05:06' ENDS '2040-01-01 00:00:00' ON COMPLETION PRESERVE DISABLE COMMENT 'it\\'s rare' DO INSERT INTO t (a) VALUES (1)"; create[3] != want {
		t.Errorf("SHOW CREATE EVENT:\n%s\nwant\n%s", create[3], want)
	}
	c.fails(1537, "CREATE EVENT once ON SCHEDULE EVERY 1 DAY DO SELECT 1")
	c.exec("CREATE EVENT IF NOT EXISTS ONCE ON SCHEDULE EVERY 1 DAY DO SELECT 1")
	c.want("SHOW WARNINGS", "Note|1537|Event 'ONCE' already exists")
	c.fails(1542, "CREATE EVENT x ON SCHEDULE EVERY 0 DAY DO SELECT 1")
	c.fails(1542, "CREATE EVENT x ON SCHEDULE EVERY -3 DAY DO SELECT 1")
	c.fails(1542, "CREATE EVENT x ON SCHEDULE EVERY 2000000000 DAY DO SELECT 1")
	c.fails(1543, "CREATE EVENT x ON SCHEDULE EVERY 1 DAY STARTS '2031-01-02' ENDS '2031-01-01' DO SELECT 1")
	c.fails(1525, "CREATE EVENT x ON SCHEDULE AT 'noon' DO SELECT 1")
	c.fails(1525, "CREATE EVENT x ON SCHEDULE EVERY 1 DAY STARTS NULL DO SELECT 1")
	c.fails(1235, "CREATE EVENT x ON SCHEDULE EVERY 1 MICROSECOND DO SELECT 1")
	c.fails(1235, "CREATE EVENT x ON SCHEDULE EVERY (SELECT 1) DAY DO SELECT 1")
	c.fails(1064, "CREATE EVENT x ON SCHEDULE EVERY 1 DAY DO SELECT FROM")
	c.fails(1064, "ALTER EVENT once")
	c.fails(1314, "CREATE EVENT x ON SCHEDULE EVERY 1 DAY DO USE e")
	c.fails(1576, "CREATE EVENT x ON SCHEDULE EVERY 1 DAY DO CREATE EVENT y ON SCHEDULE EVERY 1 DAY DO SELECT 1")
	c.fails(1539, "ALTER EVENT nosuch DISABLE")
	c.fails(1539, "DROP EVENT nosuch")
	c.fails(1539, "SHOW CREATE EVENT nosuch")
	c.fails(1049, "SHOW EVENTS FROM nosuch")
	c.exec("DROP EVENT IF EXISTS nosuch")
	c.want("SHOW WARNINGS", "Note|1305|Event nosuch does not exist")
	c.exec("CREATE EVENT past ON SCHEDULE AT '2001-01-01' DO SELECT 1")
	c.want("SELECT COUNT(*) FROM information_schema.events WHERE event_name = 'past'", "0")
	if _, err := c.query("CREATE EVENT past ON SCHEDULE AT '2001-01-01' ON COMPLETION PRESERVE DO SELECT 1"); err != nil {
		t.Fatal(err)
	}
	c.want("SHOW WARNINGS", "Note|1544|Event execution time is in the past. Event has been disabled")
	c.fails(1589, "ALTER EVENT once ON SCHEDULE AT '2001-01-01'")
	c.exec("ALTER EVENT once ON SCHEDULE EVERY 2 HOUR RENAME TO twice DISABLE COMMENT 'new' DO INSERT INTO t (a) VALUES (7)", "ALTER EVENT twice ENABLE")
	c.want("SELECT event_name, interval_value, interval_field, status, event_comment, event_definition FROM information_schema.events WHERE event_name IN ('once', 'twice')",
		"twice|2|HOUR|ENABLED|new|INSERT INTO t (a) VALUES (7)")
	c.fails(1537, "ALTER EVENT twice RENAME TO mixed")
	c.exec("CREATE USER u", "GRANT SELECT ON e.* TO u", "DROP EVENT past")
	o := s.client()
	o.SetClient(o.Client())
	own := o.Client()
	own.User, own.Address = "u", "%"
	o.SetClient(own)
	for _, q := range []string{"CREATE EVENT e.z ON SCHEDULE EVERY 1 DAY DO SELECT 1", "ALTER EVENT e.twice DISABLE", "DROP EVENT e.twice", "SHOW EVENTS FROM e", "SHOW CREATE EVENT e.twice"} {
		o.fails(1044, q)
	}
	o.want("SELECT COUNT(*) FROM information_schema.events", "0")
	c.Session.SetCurrentDatabase("e")
	s = s.reopen()
	c = s.client()
	c.want("SELECT GROUP_CONCAT(event_name ORDER BY 1) FROM information_schema.events", "mixed,twice,yearly")
	c.exec("DROP EVENT e.mixed", "DROP DATABASE e")
	c.want("SELECT COUNT(*) FROM information_schema.events", "0")
}

func TestNextRun(t *testing.T) {
	at := func(text string) time.Time {
		v, err := time.Parse("2006-01-02 15:04:05", text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		n                         int64
		unit, starts, since, want string
	}{
		{1, "SECOND", "2026-01-01 00:00:00", "2026-01-01 00:00:00", "2026-01-01 00:00:00"},
		{7, "SECOND", "2026-01-01 00:00:00", "2026-01-01 00:00:08", "2026-01-01 00:00:14"},
		{7, "SECOND", "2026-01-01 00:00:00", "2126-01-01 00:00:08", "2126-01-01 00:00:12"},
		{90, "HOUR_MINUTE", "2026-01-01 00:00:00", "2026-01-01 00:00:01", "2026-01-01 01:30:00"},
		{1, "MONTH", "2026-01-31 12:00:00", "2026-02-01 00:00:00", "2026-02-28 12:00:00"},
		{1, "MONTH", "2026-01-31 12:00:00", "2099-03-01 00:00:00", "2099-03-31 12:00:00"},
		{1, "QUARTER", "2026-01-31 12:00:00", "2026-02-01 00:00:00", "2026-04-30 12:00:00"},
		{1, "YEAR", "2024-02-29 00:00:00", "2025-01-01 00:00:00", "2025-02-28 00:00:00"},
		{2, "WEEK", "2026-01-01 00:00:00", "2026-01-02 00:00:00", "2026-01-15 00:00:00"},
		{3, "DAY", "2030-01-01 00:00:00", "2026-01-02 00:00:00", "2030-01-01 00:00:00"},
		{1e9, "YEAR", "2030-01-01 00:00:00", "2026-01-02 00:00:00", "2030-01-01 00:00:00"},
	} {
		e := &tables.Event{Interval: c.n, Unit: c.unit, Starts: at(c.starts), Zone: "+00:00"}
		if got, ok := nextRun(e, at(c.since)); !ok || !got.Equal(at(c.want)) {
			t.Errorf("every %d %s from %s, since %s: %v %v, want %s", c.n, c.unit, c.starts, c.since, got, ok, c.want)
		}
	}
	e := &tables.Event{Interval: 1, Unit: "DAY", Starts: at("2026-01-01 00:00:00"), Ends: at("2026-01-03 00:00:00"), Executed: at("2026-01-02 00:00:00")}
	if got, ok := nextRun(e, at("2026-01-02 00:00:00")); !ok || !got.Equal(e.Ends) {
		t.Errorf("after it ran: %v %v", got, ok)
	}
	e.Executed = e.Ends
	if got, ok := nextRun(e, e.Ends); ok {
		t.Errorf("after ENDS: %v", got)
	}
}
