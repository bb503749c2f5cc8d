// Package sqlgen makes random SQL from a seed: tables of every type, changes of
// rows and definitions, and queries with joins, groups, subqueries, windows and
// expressions over all types. The same seed gives the same statements as long as
// Done and Forget are called alike.
//
// What it makes is valid most of the time and means the same in MySQL 8.0 and
// MariaDB 10.11; where a statement's rows may come in any order, or a
// case-insensitive group may be named by any of its members, it says so. A wide
// generator also converts values between all kinds, gives columns values that
// they do not take, and calls functions that are known to differ.
package sqlgen

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A Class says what a statement is about.
type Class int8

const (
	Query      Class = iota
	Change           // of rows
	Definition       // of tables
	Control          // of transactions
)

// A Stmt is one statement.
type Stmt struct {
	SQL     string
	Class   Class
	Table   string // that it changes or defines
	Ordered bool   // its rows come in a given order
	Fold    bool   // letters that a collation holds equal may be exchanged

	// Probes are smaller queries with parts of this one, to find which part
	// makes a difference.
	Probes []string

	apply func()
}

// Gen makes statements for one database. Not safe for concurrent use.
type Gen struct {
	rng    *rand.Rand
	tables []*table
	next   int // of names
	inTxn  bool
	wide   bool
}

// New returns the generator of a seed, see the package's comment on wide.
func New(seed uint64, wide bool) *Gen {
	return &Gen{rng: rand.New(rand.NewPCG(seed, 0xb1a2)), wide: wide}
}

// table is one that exists.
type table struct {
	name    string
	columns []*column
	indexes []string
	auto    bool // column id counts by itself
	nextID  int
}

// column is one of a table's. Column id is the first of most tables, and unique.
type column struct {
	name    string
	t       typ
	notNull bool
}

func (g *Gen) n(n int) int             { return g.rng.IntN(n) }
func (g *Gen) chance(percent int) bool { return g.rng.IntN(100) < percent }

func pick[T any](g *Gen, of []T) T { return of[g.rng.IntN(len(of))] }

// maxTables is how many tables a database holds.
const maxTables = 4

// Next returns the next statement. The caller tells Done whether it succeeded.
func (g *Gen) Next() *Stmt {
	if len(g.tables) < 2 {
		return g.createTable()
	}
	for {
		var s *Stmt
		switch n := g.n(100); {
		case n < 50:
			s = g.query()
		case n < 90:
			s = g.change()
		case n < 96:
			s = g.define()
		default:
			s = g.control()
		}
		if s != nil {
			return s
		}
	}
}

// Done keeps what a statement did.
func (g *Gen) Done(s *Stmt) {
	if s.apply != nil {
		s.apply()
	}
	if s.Class == Definition {
		g.inTxn = false
	}
}

// Failed keeps what a statement that was refused did: an INSERT may have taken
// values of the AUTO_INCREMENT column.
func (g *Gen) Failed(s *Stmt) {
	for _, t := range g.tables {
		if t.name == s.Table && s.Class == Change {
			t.auto = false
		}
	}
}

// Forget removes a table, which the caller has dropped.
func (g *Gen) Forget(name string) {
	for i, t := range g.tables {
		if t.name == name {
			g.tables = append(g.tables[:i:i], g.tables[i+1:]...)
			return
		}
	}
}

// Tables names the tables that exist.
func (g *Gen) Tables() []string {
	var out []string
	for _, t := range g.tables {
		out = append(out, t.name)
	}
	return out
}

func (g *Gen) control() *Stmt {
	if !g.inTxn {
		return &Stmt{SQL: pick(g, []string{"BEGIN", "START TRANSACTION"}), Class: Control, apply: func() { g.inTxn = true }}
	}
	switch g.n(5) {
	case 0:
		return &Stmt{SQL: "ROLLBACK", Class: Control, apply: func() { g.inTxn = false }}
	case 1:
		return &Stmt{SQL: "SAVEPOINT s", Class: Control}
	case 2:
		return &Stmt{SQL: "ROLLBACK TO SAVEPOINT s", Class: Control}
	default:
		return &Stmt{SQL: "COMMIT", Class: Control, apply: func() { g.inTxn = false }}
	}
}

// InTransaction reports whether statements are in a transaction.
func (g *Gen) InTransaction() bool { return g.inTxn }

func list(n int, f func(i int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = f(i)
	}
	return strings.Join(parts, ", ")
}

func (g *Gen) name(prefix string) string {
	g.next++
	return fmt.Sprintf("%s%d", prefix, g.next)
}
