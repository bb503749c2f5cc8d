package sql

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// DROP TABLE IF EXISTS of a table that is not there, beside a CREATE of it: the
// binlog has them in an order that a replica can follow.
func TestDropTable_OrderInBinlog(t *testing.T) {
	ts := newTestServer(t, nil)
	setup := ts.client()
	setup.exec("CREATE DATABASE d")
	var wg sync.WaitGroup
	for i := range 4 {
		c := ts.client()
		wg.Go(func() {
			for n := range 150 {
				// Some are refused: the table is not there.
				_, _ = c.query([]string{
					"CREATE TABLE IF NOT EXISTS d.t (id INT)", "DROP TABLE IF EXISTS d.t", fmt.Sprintf("ALTER TABLE d.t ADD COLUMN c%d INT", n),
				}[(i+n)%3])
			}
		})
	}
	wg.Wait()
	there := false
	rows, err := setup.query("SHOW BINLOG EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, row := range rows {
		text := fmt.Sprint(row[5])
		switch {
		case strings.Contains(text, "CREATE TABLE"):
			there = true
		case strings.Contains(text, "DROP TABLE"):
			there = false
		case strings.Contains(text, "ALTER TABLE"):
			if seen++; !there {
				t.Fatalf("%s is logged where there is no table", text)
			}
		}
	}
	if _, now := ts.o.Engine.Catalog().Table("d", "t"); now != there || seen == 0 {
		t.Errorf("there is a table: %v; by the binlog: %v; %d ALTERs", now, there, seen)
	}
}

// Views, triggers, procedures and databases that come and go under the same
// names in several sessions: a replica can execute what the binlog has, in its
// order, and ends with the same objects.
func TestObjects_OrderInBinlog(t *testing.T) {
	for name, statements := range map[string][]string{
		"views":      {"CREATE VIEW d.o AS SELECT 1 AS a", "DROP VIEW IF EXISTS d.o", "CREATE OR REPLACE VIEW d.o AS SELECT 2 AS a", "DROP VIEW d.o", "CREATE TABLE d.o (a INT)", "DROP TABLE IF EXISTS d.o", "CREATE TABLE d.o SELECT 1 AS a"},
		"triggers":   {"CREATE TRIGGER d.g BEFORE INSERT ON d.s FOR EACH ROW SET NEW.a = 1", "DROP TRIGGER IF EXISTS d.g", "DROP TABLE IF EXISTS d.s", "CREATE TABLE IF NOT EXISTS d.s (a INT)", "DROP TRIGGER d.g", "RENAME TABLE d.s TO d.r, d.r TO d.s"},
		"procedures": {"CREATE PROCEDURE d.p () SELECT 1", "DROP PROCEDURE IF EXISTS d.p", "CREATE PROCEDURE d.p () SELECT 2", "DROP PROCEDURE d.p"},
		"databases":  {"CREATE DATABASE IF NOT EXISTS x", "DROP DATABASE IF EXISTS x", "CREATE TABLE x.t (a INT)", "CREATE VIEW x.v AS SELECT 1 AS a", "CREATE PROCEDURE x.p () SELECT 1", "DROP DATABASE x", "CREATE DATABASE x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := newTestServer(t, nil)
			setup := ts.client()
			setup.exec("CREATE DATABASE d", "USE d")
			var wg sync.WaitGroup
			for i := range 4 {
				c := ts.client()
				wg.Go(func() {
					for n := range 60 {
						_, _ = c.query(statements[(i*3+n*(i+1))%len(statements)]) // some are refused
					}
				})
			}
			wg.Wait()
			replica := newTestServer(t, nil)
			for i, text := range loggedStatements(t, ts) {
				text = strings.TrimSuffix(text, " START TRANSACTION")
				if err := replica.ExecReplicated(t.Context(), statementGroup("d", text, uint64(100+i))); err != nil {
					t.Fatalf("statement %d of the binlog, %s: %v", i, text, err)
				}
			}
			other := replica.client()
			other.exec("USE d")
			for _, q := range []string{"SHOW DATABASES", "SHOW FULL TABLES IN d", "SHOW TRIGGERS IN d", "SELECT table_schema, table_name FROM information_schema.views ORDER BY 1, 2",
				"SELECT routine_schema, routine_name, routine_definition FROM information_schema.routines WHERE routine_schema <> 'sys' ORDER BY 1, 2"} {
				if a, b := timeOfDay.ReplaceAllString(setup.rows(q), ""), timeOfDay.ReplaceAllString(other.rows(q), ""); a != b {
					t.Errorf("%s\n%s\nand on the replica\n%s", q, a, b)
				}
			}
		})
	}
}

var timeOfDay = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.0-9]*`)
