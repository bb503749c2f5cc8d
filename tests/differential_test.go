package tests

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"binrelay/tests/cluster"
	"binrelay/tests/sqlgen"
)

// sqlMode is MySQL 8.0's default, which MariaDB's is not.
const sqlMode = "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"

// episodeLength is how many statements run in one database.
const episodeLength = 200

// A peer is one connection of the two that are compared.
type peer struct {
	t    *testing.T
	name string
	conn *sql.Conn
	warn bool // asks for warnings
}

func newPeer(t *testing.T, name, mode string, db *sql.DB) *peer {
	c, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	p := &peer{t: t, name: name, conn: c}
	for _, q := range []string{"SET NAMES utf8mb4 COLLATE utf8mb4_general_ci", "SET sql_mode='" + mode + "'", "SET time_zone='+00:00'", "SET timestamp=1709210096", "SET group_concat_max_len=100000"} {
		if err := run(t.Context(), c, q); err != nil {
			t.Fatalf("%s: %s: %v", name, q, err)
		}
	}
	return p
}

// fresh makes an empty database the current one.
func (p *peer) fresh(db string) {
	p.t.Helper()
	if err := run(context.Background(), p.conn, "ROLLBACK", "DROP DATABASE IF EXISTS "+db, "CREATE DATABASE "+db+" COLLATE utf8mb4_general_ci", "USE "+db); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

// An answer is what a server said to a statement.
type answer struct {
	errno    uint16
	message  string
	rows     []string
	affected int64
	insertID int64
	warnings string // codes
}

// ask runs a statement. A lost connection ends the test.
func (p *peer) ask(s *sqlgen.Stmt) (a answer) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var err error
	if s.Class == sqlgen.Query {
		a.rows, err = p.query(ctx, s)
	} else {
		var res sql.Result
		if res, err = p.conn.ExecContext(ctx, s.SQL); err == nil {
			a.affected, _ = res.RowsAffected() // the driver has both
			a.insertID, _ = res.LastInsertId()
		}
	}
	var my *mysql.MySQLError
	switch {
	case errors.As(err, &my):
		return answer{errno: my.Number, message: my.Message}
	case err != nil:
		p.t.Fatalf("%s: %s: %v", p.name, s.SQL, err)
	}
	if !p.warn {
		return a
	}
	rows, err := p.query(ctx, &sqlgen.Stmt{SQL: "SHOW WARNINGS", Ordered: true})
	if err != nil {
		p.t.Fatalf("%s: SHOW WARNINGS: %v", p.name, err)
	}
	codes := make([]string, len(rows))
	for i, r := range rows {
		f := strings.Split(r, " | ")
		codes[i] = f[0] + " " + f[1]
	}
	a.warnings = strings.Join(codes, ", ")
	return a
}

// letters that the collations of the test hold equal, as one of them. Trailing
// spaces do not count either.
var letters = strings.NewReplacer("A", "a", "B", "b", "C", "c", "X", "x", "Y", "y", "Z", "z", "ä", "a", "Ä", "a")

// query returns a query's rows as text, sorted unless they have an order.
func (p *peer) query(ctx context.Context, s *sqlgen.Stmt) ([]string, error) {
	rows, err := p.conn.QueryContext(ctx, s.SQL)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	vals, ptrs := make([]sql.NullString, len(types)), make([]any, len(types))
	for i := range vals {
		ptrs[i] = &vals[i]
	}
	var out []string
	for rows.Next() {
		if err := rows.Scan(ptrs...); err != nil {
			return nil, err
		}
		cells := make([]string, len(vals))
		for i, v := range vals {
			cells[i] = "NULL"
			if v.Valid && s.Fold {
				v.String = strings.TrimRight(v.String, " ")
			}
			if v.Valid {
				cells[i] = rounded(types[i].DatabaseTypeName(), v.String)
			}
			if s.Fold {
				cells[i] = letters.Replace(cells[i])
			}
		}
		out = append(out, strings.Join(cells, " | "))
	}
	if !s.Ordered {
		slices.Sort(out)
	}
	return out, rows.Err()
}

// rounded cuts a DOUBLE to the digits that do not depend on the order of a sum
// or on a library's last bit, and quotes what is not a number.
func rounded(typ, v string) string {
	switch typ {
	case "DOUBLE", "FLOAT":
		if f, err := strconv.ParseFloat(v, 64); err == nil {
			if f == 0 || math.Abs(f) < 1e-12 {
				return "0"
			}
			digits := 12
			if typ == "FLOAT" {
				digits = 6
			}
			return strconv.FormatFloat(f, 'g', digits, 64)
		}
	}
	if _, err := strconv.ParseFloat(v, 64); err == nil {
		return v
	}
	return strconv.Quote(v)
}

// A difference is one between two answers.
type difference struct {
	what         string // "error", "rows", "affected", "insert id", "warnings"
	sql          string
	ours, theirs string
}

func (d *difference) String() string {
	return fmt.Sprintf("%s of %s\n\tours:   %.300s\n\ttheirs: %.300s", d.what, d.sql, d.ours, d.theirs)
}

// compare returns the first difference that the list does not know; nil when
// there is none.
func (k listedDifferences) compare(sql string, a, b answer) *difference {
	tell := func(x answer) string {
		if x.errno == 0 {
			return "no error"
		}
		return fmt.Sprintf("%d %s", x.errno, x.message)
	}
	var ds []difference
	switch {
	case a.errno != b.errno:
		ds = append(ds, difference{"error", sql, tell(a), tell(b)})
	case a.errno != 0:
	default:
		for _, d := range []difference{
			{"rows", sql, strings.Join(a.rows, "; "), strings.Join(b.rows, "; ")},
			{"affected", sql, fmt.Sprint(a.affected), fmt.Sprint(b.affected)},
			{"insert id", sql, fmt.Sprint(a.insertID), fmt.Sprint(b.insertID)},
			{"warnings", sql, a.warnings, b.warnings},
		} {
			if d.ours != d.theirs {
				ds = append(ds, d)
			}
		}
	}
	for _, d := range ds {
		if !k.has(&d) {
			return &d
		}
	}
	return nil
}

// A listedDifference is a rule of testdata/differences.txt. All of its patterns
// must match for a difference to be known.
type listedDifference struct {
	what              string
	sql, ours, theirs *regexp.Regexp
	reason            string
	used              int
}

type listedDifferences []*listedDifference

func (k listedDifferences) has(d *difference) bool {
	for _, r := range k {
		if (r.what == d.what || r.what == "any") && r.sql.MatchString(d.sql) && r.ours.MatchString(d.ours) && r.theirs.MatchString(d.theirs) {
			r.used++
			return true
		}
	}
	return false
}

// readListedDifferences reads the list: paragraphs of lines "name: value".
func readListedDifferences(t *testing.T) listedDifferences {
	t.Helper()
	text, err := os.ReadFile("testdata/differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out listedDifferences
	for i, par := range strings.Split(string(text), "\n\n") {
		r := &listedDifference{sql: regexp.MustCompile(""), ours: regexp.MustCompile(""), theirs: regexp.MustCompile("")}
		for line := range strings.Lines(par) {
			line = strings.TrimSpace(line)
			name, value, ok := strings.Cut(line, ": ")
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if !ok {
				t.Fatalf("differences.txt, paragraph %d: %q", i+1, line)
			}
			switch name {
			case "what":
				r.what = value
			case "reason":
				r.reason = value
			case "sql", "ours", "theirs":
				re, err := regexp.Compile("(?s)" + value)
				if err != nil {
					t.Fatalf("differences.txt, paragraph %d: %v", i+1, err)
				}
				*map[string]**regexp.Regexp{"sql": &r.sql, "ours": &r.ours, "theirs": &r.theirs}[name] = re
			default:
				t.Fatalf("differences.txt, paragraph %d: no %q", i+1, name)
			}
		}
		if r.what == "" && r.reason == "" {
			continue // only comments
		}
		if r.what == "" || r.reason == "" || r.sql.String() == "" && r.ours.String() == "" && r.theirs.String() == "" {
			t.Fatalf("differences.txt, paragraph %d: a rule has what, reason and a pattern", i+1)
		}
		out = append(out, r)
	}
	return out
}

// A duel runs the same statements on both servers.
type duel struct {
	t            *testing.T
	ours, theirs *peer
	known        listedDifferences
	found        int
	statements   int
	refused      int
	wide         bool
}

// maxDifferences is how many an unlucky run prints.
var maxDifferences = func() int {
	if n, err := strconv.Atoi(os.Getenv("BINRELAY_DIFFERENCES")); err == nil {
		return n
	}
	return 5
}()

// both asks both servers.
func (d *duel) both(s *sqlgen.Stmt) (a, b answer) { return d.ours.ask(s), d.theirs.ask(s) }

// episode runs n statements of a seed in a database of their own. A table on
// whose change the two differ is dropped from both.
func (d *duel) episode(seed uint64, n int) {
	g := sqlgen.New(seed, d.wide)
	d.ours.fresh("duel")
	d.theirs.fresh("duel")
	var before []*sqlgen.Stmt
	for range n {
		if d.found >= maxDifferences {
			return
		}
		s := g.Next()
		a, b := d.both(s)
		d.statements++
		if b.errno != 0 {
			d.refused++
		}
		diff := d.known.compare(s.SQL, a, b)
		differ := listedDifferences(nil).compare(s.SQL, a, b) != nil
		if diff == nil && s.Class != sqlgen.Query && s.Class != sqlgen.Control && s.Table != "" && a.errno == 0 {
			diff = d.tables(s)
		}
		if diff != nil {
			d.report(seed, before, s, diff)
		}
		if a.errno == 0 && b.errno == 0 {
			g.Done(s)
		} else {
			g.Failed(s)
		}
		if s.Class != sqlgen.Query {
			before = append(before, s)
		}
		if s.Class != sqlgen.Query && (differ || diff != nil) {
			d.drop(g, s, &before)
		}
	}
}

// drop removes the table that a statement treated differently, and ends the
// transaction.
func (d *duel) drop(g *sqlgen.Gen, s *sqlgen.Stmt, before *[]*sqlgen.Stmt) {
	if g.InTransaction() {
		end := &sqlgen.Stmt{SQL: "COMMIT", Class: sqlgen.Definition}
		d.both(end)
		g.Done(end)
		*before = append(*before, end)
	}
	if s.Table == "" {
		return
	}
	gone := &sqlgen.Stmt{SQL: "DROP TABLE IF EXISTS " + s.Table, Class: sqlgen.Definition}
	d.both(gone)
	*before = append(*before, gone)
	g.Forget(s.Table)
}

// tables compares the table that a statement changed.
func (d *duel) tables(s *sqlgen.Stmt) *difference {
	q := &sqlgen.Stmt{SQL: "SELECT * FROM " + s.Table}
	a, b := d.both(q)
	if a.errno == 1146 && b.errno == 1146 { // dropped, or renamed
		return nil
	}
	diff := d.known.compare(q.SQL, a, b)
	if diff != nil {
		diff.sql = s.SQL + "; " + diff.sql
		if d.known.has(diff) {
			return nil
		}
	}
	return diff
}

// report prints a difference with the smallest part of the query that shows it,
// or else the fewest statements before it that lead to it.
func (d *duel) report(seed uint64, before []*sqlgen.Stmt, s *sqlgen.Stmt, diff *difference) {
	d.t.Helper()
	d.found++
	slices.SortStableFunc(s.Probes, func(a, b string) int { return len(a) - len(b) })
	for _, p := range s.Probes {
		q := &sqlgen.Stmt{SQL: p, Fold: s.Fold}
		a, b := d.both(q)
		if small := d.known.compare(p, a, b); small != nil {
			d.t.Errorf("seed %d: %v\n\tin %s", seed, small, s.SQL)
			return
		}
	}
	if maxDifferences > 100 {
		d.t.Errorf("seed %d: %v", seed, diff)
		return
	}
	var text []string
	for _, q := range append(d.minimise(before, s), s) {
		text = append(text, q.SQL+";")
	}
	d.t.Errorf("seed %d: %v\n\tafter\n%s", seed, diff, strings.Join(text, "\n"))
	d.replay(before, nil) // the episode goes on with its own tables
}

// replay runs statements in a fresh database and returns the difference that
// the last one makes.
func (d *duel) replay(before []*sqlgen.Stmt, last *sqlgen.Stmt) *difference {
	d.ours.fresh("duel")
	d.theirs.fresh("duel")
	for _, s := range before {
		d.both(s)
	}
	if last == nil {
		return nil
	}
	a, b := d.both(last)
	diff := d.known.compare(last.SQL, a, b)
	if diff == nil && last.Class != sqlgen.Query && last.Table != "" && a.errno == 0 {
		diff = d.tables(last)
	}
	return diff
}

// minimise returns few of the statements after which the last one still makes a
// difference.
func (d *duel) minimise(before []*sqlgen.Stmt, last *sqlgen.Stmt) []*sqlgen.Stmt {
	deadline := time.Now().Add(20 * time.Second)
	for size := (len(before) + 1) / 2; size > 0; size /= 2 {
		for at := 0; at < len(before) && time.Now().Before(deadline); {
			fewer := slices.Delete(slices.Clone(before), at, min(at+size, len(before)))
			if d.replay(fewer, last) != nil {
				before = fewer
			} else {
				at += size
			}
		}
	}
	return before
}

// Random statements on MariaDB and on us: rows, errors, affected rows, insert
// ids and tables are the same, but for what testdata/differences.txt explains.
// make test runs the same episodes each time. With BINRELAY_LONG they are
// random; BINRELAY_SEED runs episodes from there again, BINRELAY_EPISODES how
// many. BINRELAY_WIDE also makes what is known to differ, and compares warnings.
func TestDifferential(t *testing.T) {
	m := cluster.StartMariaDB(t, "--collation-server=utf8mb4_general_ci", "--character-set-server=utf8mb4")
	s := cluster.Start(t, "ours", "collation-server=utf8mb4_general_ci")
	d := &duel{t: t, ours: newPeer(t, "binrelay", sqlMode, s.DB()), theirs: newPeer(t, "MariaDB", sqlMode+",TIME_ROUND_FRACTIONAL", m.DB),
		known: readListedDifferences(t), wide: os.Getenv("BINRELAY_WIDE") != ""}
	d.ours.warn, d.theirs.warn = d.wide, d.wide
	number := func(name string, def uint64) uint64 {
		n, err := strconv.ParseUint(os.Getenv(name), 10, 64)
		if err != nil {
			return def
		}
		return n
	}
	seed := uint64(1)
	if os.Getenv("BINRELAY_LONG") != "" {
		seed = uint64(time.Now().UnixNano()) % 1e9
	}
	seed = number("BINRELAY_SEED", seed)
	episodes := number("BINRELAY_EPISODES", uint64(scaled(t, 10, 500)))
	begun := time.Now()
	for i := range episodes {
		d.episode(seed+i, episodeLength)
		if d.found >= maxDifferences {
			break
		}
	}
	t.Logf("%d statements from seed %d in %v, %d of them refused by MariaDB, %d differences", d.statements, seed, time.Since(begun).Round(time.Millisecond), d.refused, d.found)
	for _, r := range d.known {
		t.Logf("%d × %s: %s", r.used, r.what, r.reason)
	}
}
