package tests

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"binrelay/tests/cluster"
)

// alterTypes are column types with literals that fit them.
var alterTypes = []struct {
	name   string
	values []string
}{
	{"TINYINT", []string{"0", "1", "-7", "127"}},
	{"SMALLINT UNSIGNED", []string{"0", "12", "300", "65535"}},
	{"INT", []string{"0", "-1", "20240131", "2147483647"}},
	{"BIGINT", []string{"5", "-9000000000", "20230405060708"}},
	{"BIGINT UNSIGNED", []string{"0", "18446744073709551615"}},
	{"DECIMAL(10,2)", []string{"0", "1.50", "-12345.67"}},
	{"DECIMAL(5,0)", []string{"3", "99999"}},
	{"DOUBLE", []string{"0", "0.5", "-123.25", "1e10"}},
	{"FLOAT", []string{"0.5", "16"}},
	{"CHAR(4)", []string{"''", "'ab'", "'12'", "'wxyz'"}},
	{"VARCHAR(10)", []string{"'a'", "'12'", "'1.5'", "'2024-01-31'", "'abc def'", "'ä€'"}},
	{"VARCHAR(40)", []string{"'12:30:45'", "'2024-01-31 10:20:30'", "'long text that is long'", "'7'", "'red'"}},
	{"VARCHAR(300)", []string{"'x'", "'red,blue'", "REPEAT('ab', 140)"}},
	{"VARCHAR(10) CHARACTER SET latin1", []string{"'ä'", "'plain'", "'99'"}},
	{"TEXT", []string{"'text'", "'55'", "''"}},
	{"TINYTEXT", []string{"'tiny'", "'3'"}},
	{"VARBINARY(20)", []string{"X'00FF'", "'bin'", "'8'"}},
	{"DATE", []string{"'2024-02-29'", "'1999-12-31'"}},
	{"DATETIME", []string{"'2024-02-29 12:34:56'", "'1999-12-31 23:59:59'"}},
	{"DATETIME(3)", []string{"'2024-02-29 12:34:56.789'"}},
	{"TIME", []string{"'12:34:56'", "'-01:00:00'", "'100:00:00'"}},
	{"ENUM('red','green','blue')", []string{"'red'", "'blue'"}},
	{"ENUM('red','green','blue','7')", []string{"'7'", "'green'"}},
	{"SET('red','green','blue')", []string{"'red'", "'red,blue'", "''"}},
	{"YEAR", []string{"2024", "1999"}},
}

// alterChain makes a random chain of ALTERs and row changes.
type alterChain struct {
	rng  *rand.Rand
	cols []string
	typ  map[string]int // of each column
	keys []string
	n    int
}

func (a *alterChain) create() string {
	a.cols, a.typ, a.keys = []string{"id"}, map[string]int{"id": 2}, nil
	return "CREATE TABLE t (id INT PRIMARY KEY) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
}

func (a *alterChain) column() string { return a.cols[a.rng.IntN(len(a.cols))] }

// other is a column that is not the key.
func (a *alterChain) other() string {
	if len(a.cols) == 1 {
		return "nix"
	}
	for {
		if c := a.column(); c != "id" {
			return c
		}
	}
}

func (a *alterChain) literal(typ int) string {
	v := alterTypes[typ].values
	return v[a.rng.IntN(len(v))]
}

// def declares a column of a random type.
func (a *alterChain) def(name string) (string, int) {
	typ := a.rng.IntN(len(alterTypes))
	text := name + " " + alterTypes[typ].name
	notNull := a.rng.IntN(4) == 0
	if notNull {
		text += " NOT NULL"
	}
	lob := strings.HasSuffix(alterTypes[typ].name, "TEXT")
	if !lob && a.rng.IntN(2) == 0 {
		text += " DEFAULT " + strings.Replace(a.literal(typ), "REPEAT('ab', 140)", "'r'", 1)
	}
	return text, typ
}

func (a *alterChain) place() string {
	switch a.rng.IntN(5) {
	case 0:
		return " FIRST"
	case 1, 2:
		return " AFTER " + a.column()
	}
	return ""
}

// clause makes one clause. What it does to the model counts only if the
// statement succeeds; a chain begins anew when the servers disagree.
func (a *alterChain) clause() string {
	a.n++
	name := fmt.Sprint("c", a.n)
	switch a.rng.IntN(14) {
	case 0, 1, 2:
		if len(a.cols) > 10 {
			return "COMMENT 'many'"
		}
		def, _ := a.def(name)
		return "ADD COLUMN " + def + a.place()
	case 3:
		return "DROP COLUMN " + a.other()
	case 4, 5, 6:
		def, _ := a.def(a.other())
		return "MODIFY COLUMN " + def + a.place()
	case 7:
		def, _ := a.def(name)
		return "CHANGE COLUMN " + a.other() + " " + def + a.place()
	case 8:
		return "RENAME COLUMN " + a.other() + " TO " + name
	case 9:
		c := a.other()
		if a.rng.IntN(3) == 0 {
			return "ALTER COLUMN " + c + " DROP DEFAULT"
		}
		return "ALTER COLUMN " + c + " SET DEFAULT " + strings.Replace(a.literal(a.typ[c]), "REPEAT('ab', 140)", "'r'", 1)
	case 10:
		a.keys = append(a.keys, "k"+name)
		return "ADD INDEX k" + name + " (" + a.column() + ")"
	case 11:
		a.keys = append(a.keys, "k"+name)
		return "ADD UNIQUE INDEX k" + name + " (" + a.column() + ", id)"
	case 12:
		if len(a.keys) > 0 {
			return "DROP INDEX " + a.keys[a.rng.IntN(len(a.keys))]
		}
		return "FORCE"
	default:
		if a.rng.IntN(4) > 0 {
			return "ENGINE=InnoDB"
		}
		return "CONVERT TO CHARACTER SET utf8mb4 COLLATE " + []string{"utf8mb4_general_ci", "utf8mb4_bin"}[a.rng.IntN(2)]
	}
}

func (a *alterChain) statement() string {
	switch a.rng.IntN(5) {
	case 0, 1:
		var names, values []string
		for _, c := range a.cols {
			switch {
			case c == "id":
				names, values = append(names, c), append(values, strconv.Itoa(a.rng.IntN(40)))
			case a.rng.IntN(5) > 0:
				names, values = append(names, c), append(values, a.literal(a.typ[c]))
			}
		}
		return fmt.Sprintf("INSERT INTO t (%s) VALUES (%s)", strings.Join(names, ", "), strings.Join(values, ", "))
	case 2:
		c := a.column()
		if c == "id" {
			return "DELETE FROM t WHERE id = " + strconv.Itoa(a.rng.IntN(40))
		}
		return fmt.Sprintf("UPDATE t SET %s = %s WHERE id < %d", c, a.literal(a.typ[c]), a.rng.IntN(40))
	}
	clauses := []string{a.clause()}
	for a.rng.IntN(3) == 0 && !strings.HasPrefix(clauses[0], "RENAME") {
		if c := a.clause(); !strings.HasPrefix(c, "RENAME") {
			clauses = append(clauses, c)
		}
	}
	return "ALTER TABLE t " + strings.Join(clauses, ", ")
}

// look takes the columns from the server.
func (a *alterChain) look(rows [][]string) {
	a.cols, a.typ = nil, map[string]int{}
	for _, r := range rows {
		a.cols = append(a.cols, r[0])
		a.typ[r[0]] = typeNumber(r[1])
	}
}

// typeNumber finds the type that SHOW COLUMNS prints.
func typeNumber(text string) int {
	for i, t := range alterTypes {
		name, _, _ := strings.Cut(t.name, " CHARACTER")
		if strings.EqualFold(name, text) {
			return i
		}
	}
	return 2
}

func number(err error) uint16 {
	var e *mysql.MySQLError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Number
	}
	return 1
}

// conversionErrors are what a value that does not fit its column's new type
// gives: MySQL and MariaDB do not always agree which.
var conversionErrors = map[uint16]bool{1138: true, 1264: true, 1265: true, 1292: true, 1366: true, 1406: true}

// sameAnswer reports whether two servers answer a statement alike.
func sameAnswer(q string, ours, theirs error) bool {
	a, b := number(ours), number(theirs)
	return a == b || conversionErrors[a] && conversionErrors[b]
}

// knownDifference reports whether MySQL and MariaDB do not agree: MariaDB has
// unique keys over whole TEXT columns and defaults of TEXT, keeps columns of
// unique keys, makes no YEAR of a DATE and no number of '0.00', lets one
// statement change a column's default and its type, and gives NULL to a column
// whose default was dropped.
func knownDifference(q string, ours, theirs uint16) bool {
	return ours == 0 && theirs == 1292 && strings.Contains(q, "INT") || ours == 1170 || ours == 1101 || ours == 0 && theirs == 1072 ||
		ours == 0 && strings.Contains(q, "YEAR") || ours == 1054 && strings.Contains(q, "ALTER COLUMN") ||
		ours == 1364 && (theirs == 0 || theirs == 1062) && strings.HasPrefix(q, "INSERT")
}

// A random chain of ALTERs and row changes gives the same table, row by row and
// error by error, as on MariaDB, and on a replica of ours.
func TestAlter_AsMariaDB(t *testing.T) {
	m := cluster.StartMariaDB(t)
	p := cluster.Start(t, "primary", "server-id=1")
	r := cluster.Start(t, "replica", "server-id=2")
	cluster.Follow(t, p, r)
	seeds := 4
	if n, err := strconv.Atoi(os.Getenv("BINRELAY_CYCLES")); err == nil {
		seeds = n
	}
	const mode = "SET sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
	dbs := [2]*sql.Conn{session(t, p.DB(), "SET NAMES utf8mb4", mode), session(t, m.DB, "SET NAMES utf8mb4", mode, "SET sql_mode = CONCAT(@@sql_mode, ',TIME_ROUND_FRACTIONAL')")}
	run := func(q string) (ours, theirs error) {
		_, ours = dbs[0].ExecContext(t.Context(), q)
		_, theirs = dbs[1].ExecContext(t.Context(), q)
		return ours, theirs
	}
	run("CREATE DATABASE x")
	run("USE x")
	failed := 0
	for seed := range uint64(seeds) {
		a := &alterChain{rng: rand.New(rand.NewPCG(11, seed))}
		var done []string
		begin := func() {
			run("DROP TABLE IF EXISTS t")
			run(a.create())
			done = nil
		}
		begin()
		for range 120 {
			q := a.statement()
			ours, theirs := run(q)
			done = append(done, q)
			if sameAnswer(q, ours, theirs) {
				if same, text := sameTable(t, dbs); !same {
					failed++
					t.Errorf("seed %d: after %s\n%s\n%s", seed, q, text, strings.Join(done, ";\n"))
					begin()
					continue
				}
			} else if knownDifference(q, number(ours), number(theirs)) {
				begin()
			} else {
				failed++
				t.Errorf("seed %d: %s\n ours %v\ntheirs %v\n%s", seed, q, ours, theirs, strings.Join(done[max(0, len(done)-30):], ";\n"))
				begin()
			}
			if failed > 5 {
				t.FailNow()
			}
			a.look(lines(t, dbs[0], "SHOW COLUMNS FROM t"))
		}
	}
	cluster.WaitCaughtUp(t, p, r, 30*time.Second)
	cluster.SameData(t, "primary", p.DB(), "replica", r.DB())
}

// session returns a connection of its own that has run the statements.
func session(t *testing.T, db *sql.DB, stmts ...string) *sql.Conn {
	t.Helper()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	for _, q := range stmts {
		if _, err := c.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	return c
}

func lines(t *testing.T, c *sql.Conn, query string) [][]string {
	t.Helper()
	rows, err := c.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	names, _ := rows.Columns()
	var out [][]string
	for rows.Next() {
		cells, at := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range cells {
			at[i] = &cells[i]
		}
		if err := rows.Scan(at...); err != nil {
			t.Fatal(err)
		}
		line := make([]string, len(names))
		for i, c := range cells {
			if line[i] = c.String; !c.Valid {
				line[i] = "NULL"
			}
		}
		out = append(out, line)
	}
	return out
}

// sameTable compares columns and rows of t.
func sameTable(t *testing.T, dbs [2]*sql.Conn) (bool, string) {
	var text [2]string
	for i, c := range dbs {
		var b strings.Builder
		for _, r := range lines(t, c, "SHOW COLUMNS FROM t") {
			fmt.Fprintf(&b, "%s null=%s key=%s\n", r[0], r[2], r[3])
		}
		for _, r := range lines(t, c, "SELECT * FROM t ORDER BY id") {
			fmt.Fprintf(&b, "%q\n", r)
		}
		text[i] = b.String()
	}
	return text[0] == text[1], text[0] + "--\n" + text[1]
}
