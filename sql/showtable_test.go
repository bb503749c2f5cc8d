package sql

import (
	"strings"
	"testing"
)

// What DESCRIBE and SHOW CREATE TABLE print is read by people and written into
// dumps: it has MySQL's form.
func TestServer_ShowTable(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d", `CREATE TABLE a (
		id INT PRIMARY KEY AUTO_INCREMENT, n VARCHAR(20) DEFAULT 'it''s', d DECIMAL(10,2) DEFAULT 1.5,
		t TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, e ENUM('a','b') NOT NULL, b BLOB,
		x VARCHAR(5) COLLATE utf8mb4_bin COMMENT 'why', y VARBINARY(3), z INT DEFAULT NULL)`)
	create := c.rows("SHOW CREATE TABLE a")
	for _, want := range []string{
		"`id` int NOT NULL AUTO_INCREMENT,",
		"`n` varchar(20) DEFAULT 'it''s',",
		"`d` decimal(10,2) DEFAULT '1.50',",
		"`t` timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,",
		"`e` enum('a','b') NOT NULL,",
		"`b` blob,",
		"DEFAULT NULL COMMENT 'why',",
		"`y` varbinary(3) DEFAULT NULL,",
		"`z` int DEFAULT NULL,",
	} {
		if !strings.Contains(create, want) {
			t.Errorf("SHOW CREATE TABLE has no %q:\n%s", want, create)
		}
	}
	describe := c.rows("DESCRIBE a")
	if strings.Contains(describe, "COLLATE") || !strings.Contains(describe, "varchar(20)") || !strings.Contains(describe, "it's") {
		t.Errorf("DESCRIBE:\n%s", describe)
	}
	full := c.rows("SHOW FULL COLUMNS FROM a")
	for _, want := range []string{"utf8mb4_0900_ai_ci", "utf8mb4_bin", "select,insert,update,references", "why"} {
		if !strings.Contains(full, want) {
			t.Errorf("SHOW FULL COLUMNS has no %q:\n%s", want, full)
		}
	}
	c.exec("CREATE TABLE times (id INT, a TIME DEFAULT '100:00:00', b TIME(3) DEFAULT '-12:30:45.678', c TIME(1) NOT NULL DEFAULT '0:0:1')", "INSERT INTO times (id) VALUES (1)")
	c.want("SELECT * FROM times", "1|100:00:00|-12:30:45.678000|00:00:01")
	create = c.rows("SHOW CREATE TABLE times")
	for _, want := range []string{"`a` time DEFAULT '100:00:00',", "`b` time(3) DEFAULT '-12:30:45.678',", "`c` time(1) NOT NULL DEFAULT '00:00:01.0'"} {
		if !strings.Contains(create, want) {
			t.Errorf("SHOW CREATE TABLE has no %q:\n%s", want, create)
		}
	}
	if describe := c.rows("DESCRIBE times"); !strings.Contains(describe, "a|time|") || !strings.Contains(describe, "b|time(3)|") {
		t.Errorf("DESCRIBE:\n%s", describe)
	}
	c.want("SHOW EVENTS", "")
	c.fails(1210, "CHANGE MASTER TO MASTER_PORT=99999999")
}

// A server does not start with names that its sessions could not use.
func TestNewVariables_UnknownNames(t *testing.T) {
	for name, value := range map[string]string{
		"collation_server": "utf8mb4_klingon_ci", "character_set_server": "klingon", "time_zone": "Mars/Olympus", "no_such_variable": "1",
	} {
		if _, err := NewVariables(map[string]string{name: value}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s = %s: %v", name, value, err)
		}
	}
	v, err := NewVariables(map[string]string{"collation_server": "", "character_set_server": "latin1", "time_zone": "+02:00"})
	if err != nil {
		t.Fatal(err)
	}
	if got := v.String("collation_server"); got != "latin1_swedish_ci" {
		t.Errorf("collation_server %s", got)
	}
}
