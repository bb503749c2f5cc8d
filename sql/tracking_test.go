package sql

import (
	"maps"
	"testing"

	gomysqlclient "github.com/go-mysql-org/go-mysql/client"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"
)

// go-mysql's client reads what the OK packets tell of the session.
func TestTracking(t *testing.T) {
	ts := newTestServer(t, map[string]string{"gtid_mode": "ON", "enforce_gtid_consistency": "ON"})
	ts.listen("")
	c, err := gomysqlclient.Connect(ts.o.Listener.Addr().String(), "root", "", "", func(c *gomysqlclient.Conn) error {
		return c.SetCapability(gomysql.CLIENT_SESSION_TRACK)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	run := func(q string) *gomysql.SessionTrackingInfo {
		t.Helper()
		r, err := c.Execute(q)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		if r.SessionTracking == nil {
			return &gomysql.SessionTrackingInfo{}
		}
		return r.SessionTracking
	}
	const uuid = "11111111-2222-3333-4444-555555555555:"
	run("CREATE DATABASE d")
	if got := run("USE d"); got.Schema != "d" || got.GTID != "" {
		t.Errorf("USE: %+v", got)
	}
	if got := run("SET NAMES latin1").Variables; !maps.Equal(got, map[string]string{
		"character_set_client": "latin1", "character_set_results": "latin1", "character_set_connection": "latin1"}) {
		t.Errorf("SET NAMES: %v", got)
	}
	if got := run("SET autocommit = 0, sql_safe_updates = 1").Variables; !maps.Equal(got, map[string]string{"autocommit": "OFF"}) {
		t.Errorf("SET autocommit: %v", got)
	}
	run("SET autocommit = 1, session_track_system_variables = '*'")
	if got := run("SET sql_mode = 'ANSI_QUOTES'").Variables; got["sql_mode"] != "ANSI_QUOTES" {
		t.Errorf("with *: %v", got)
	}
	run("SET session_track_gtids = OWN_GTID, session_track_schema = 0")
	if got := run("USE d"); got.Schema != "" {
		t.Errorf("session_track_schema = 0: %+v", got)
	}
	if got := run("CREATE TABLE t (id INT PRIMARY KEY)").GTID; got != uuid+"2" {
		t.Errorf("DDL: %q", got)
	}
	run("BEGIN")
	if got := run("INSERT INTO t VALUES (1)").GTID; got != "" {
		t.Errorf("in a transaction: %q", got)
	}
	if got := run("COMMIT").GTID; got != uuid+"3" {
		t.Errorf("COMMIT: %q", got)
	}
	if got := run("DO 1").GTID; got != "" {
		t.Errorf("afterwards: %q", got)
	}
	run("SET session_track_gtids = ALL_GTIDS")
	if got := run("INSERT INTO t VALUES (2)").GTID; got != uuid+"1-4" {
		t.Errorf("all: %q", got)
	}
}
