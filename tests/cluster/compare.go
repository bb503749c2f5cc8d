package cluster

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// system databases are a server's own.
var system = []string{"mysql", "sys", "information_schema", "performance_schema"}

// Digest returns a hash per table over all rows in order of all columns, by
// "db.table", for every database that is not a server's own.
func Digest(t testing.TB, db *sql.DB) map[string]string {
	t.Helper()
	dbs, err := Rows(db, "SHOW DATABASES")
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]string)
	for _, d := range dbs {
		if slices.Contains(system, strings.ToLower(d[0])) {
			continue
		}
		tables, err := Rows(db, fmt.Sprintf("SHOW TABLES FROM `%s`", d[0]))
		if err != nil {
			t.Fatal(err)
		}
		out[d[0]] = fmt.Sprint(len(tables), " tables")
		for _, tb := range tables {
			name := fmt.Sprintf("`%s`.`%s`", d[0], tb[0])
			rows, err := Rows(db, "SELECT * FROM "+name)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			out[d[0]+"."+tb[0]] = HashRows(rows)
		}
	}
	return out
}

// HashRows returns the number of rows and a hash over them, whatever order they come in.
func HashRows(rows [][]string) string {
	lines := make([]string, len(rows))
	for i, r := range rows {
		lines[i] = fmt.Sprintf("%q", r)
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, l := range lines {
		h.Write([]byte(l))
		h.Write([]byte{'\n'})
	}
	return fmt.Sprintf("%d rows %s", len(rows), hex.EncodeToString(h.Sum(nil)[:8]))
}

// SameData fails the test unless both databases hold the same tables and rows.
func SameData(t testing.TB, nameA string, a *sql.DB, nameB string, b *sql.DB) {
	t.Helper()
	da, db := Digest(t, a), Digest(t, b)
	for k, v := range da {
		if db[k] != v {
			t.Errorf("%s: %s has %s, %s has %s", k, nameA, v, nameB, db[k])
		}
	}
	for k, v := range db {
		if _, ok := da[k]; !ok {
			t.Errorf("%s: only %s has it (%s)", k, nameB, v)
		}
	}
	if len(da) == 0 {
		t.Error("no database to compare")
	}
}
