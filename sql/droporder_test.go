package sql

import (
	"fmt"
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
