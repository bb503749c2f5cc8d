package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// An actor is one session of a script, with databases and accounts of its own:
// its state is known to be that before or that after its step, whatever the
// others do. A step is one transaction, or one statement that commits itself.
type actor struct {
	name   string
	r      *rand.Rand
	tables []*scriptTable
	extras map[string]bool // views, triggers, procedures, databases, accounts that exist
	key    string          // name of the foreign key
	serial int             // makes names and values that were never used
	conn   *sql.Conn

	firstSteps []step
}

type scriptTable struct {
	name    string
	keyed   bool // has a primary key
	columns int  // beside id
	indexes []string
}

func newActor(name string, seed uint64) *actor {
	a := &actor{name: name, r: rand.New(rand.NewPCG(seed, 17)), extras: map[string]bool{}, key: "f0"}
	a.firstSteps = a.first()
	return a
}

// step is what an actor does in one round.
type step struct {
	kind       string
	statements []string
}

// binrelay ignores this database of an actor in the binlog.
func (a *actor) ignored() string { return a.name + "_ign" }

// first makes the actor's databases, the ignored one unlogged.
func (a *actor) first() []step {
	return []step{
		{"create database", []string{"CREATE DATABASE " + a.name}},
		{"create database, ignored", []string{"CREATE DATABASE " + a.ignored()}},
		{"create table, unlogged", []string{"SET sql_log_bin=0", "CREATE TABLE " + a.ignored() + ".p (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(9000))", "SET sql_log_bin=1"}},
		{"create table", []string{"CREATE TABLE " + a.name + ".base (id INT, v VARCHAR(9000))"}},
		{"create parent", []string{"CREATE TABLE " + a.name + ".parent (id INT PRIMARY KEY, v VARCHAR(40))"}},
		{"create child", []string{"CREATE TABLE " + a.name + ".child (id INT PRIMARY KEY, v INT, CONSTRAINT f0 FOREIGN KEY (v) REFERENCES " + a.name + ".parent (id) ON DELETE CASCADE ON UPDATE CASCADE)"}},
	}
}

// next returns the actor's next step.
func (a *actor) next() step {
	if len(a.tables) == 0 {
		return a.createTable()
	}
	kinds := []func() step{
		a.transaction, a.transaction, a.transaction, a.wide, a.large, a.mixed, a.private, a.private, a.rolledBack, a.update,
		a.createTable, a.createSelect, a.createSelect, a.alter, a.alter, a.truncate, a.rename, a.swap, a.drop,
		a.family, a.family, a.cascade, a.foreignKey,
		a.view, a.trigger, a.triggered, a.procedure, a.database, a.account, a.account, a.grant, a.grant,
	}
	return kinds[a.r.IntN(len(kinds))]()
}

func (a *actor) pick() *scriptTable { return a.tables[a.r.IntN(len(a.tables))] }

func (a *actor) number() int { a.serial++; return a.serial }

// insert returns a statement that adds rows with values of about size bytes.
func (a *actor) insert(t *scriptTable, rows, size int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s.%s (id, v) VALUES ", a.name, t.name)
	for i := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		n := a.number()
		fmt.Fprintf(&b, "(%d, '%s')", n, strings.Repeat(fmt.Sprintf("%06d ", n), 1+size/7))
	}
	return b.String()
}

func (a *actor) transaction() step {
	s := []string{"BEGIN"}
	for range 1 + a.r.IntN(4) {
		t := a.pick()
		switch a.r.IntN(5) {
		case 0:
			s = append(s, fmt.Sprintf("UPDATE %s.%s SET v = CONCAT(v, '.'), id = id WHERE id %% 3 = %d", a.name, t.name, a.r.IntN(3)))
		case 1:
			s = append(s, fmt.Sprintf("DELETE FROM %s.%s WHERE id %% 7 = %d", a.name, t.name, a.r.IntN(7)))
		}
		s = append(s, a.insert(t, 1+a.r.IntN(3), a.r.IntN(60)))
	}
	return step{"transaction", append(s, "COMMIT")}
}

// wide is over several pages of the log.
func (a *actor) wide() step { return step{"wide insert", []string{a.insert(a.pick(), 2, 6000)}} }

// large has more events than binlog_cache_size: they go through a file.
func (a *actor) large() step {
	return step{"large transaction", []string{"BEGIN", a.insert(a.pick(), 4, 8000), a.insert(a.pick(), 3, 8000), "COMMIT"}}
}

func (a *actor) intoIgnored(size int) string {
	return fmt.Sprintf("INSERT INTO %s.p (v) VALUES ('%s')", a.ignored(), strings.Repeat(fmt.Sprintf("%06d ", a.number()), 1+size/7))
}

// mixed has rows in the binlog and rows that must not be there.
func (a *actor) mixed() step {
	return step{"mixed transaction", []string{"BEGIN", a.intoIgnored(a.r.IntN(5000)), a.insert(a.pick(), 2, a.r.IntN(5000)), "COMMIT"}}
}

// family adds two parents with children.
func (a *actor) family() step {
	p, q := a.number(), a.number()
	return step{"parents and children", []string{"BEGIN", fmt.Sprintf("INSERT INTO %s.parent VALUES (%d, 'p'), (%d, 'q')", a.name, p, q),
		fmt.Sprintf("INSERT INTO %s.child VALUES (%d, %d), (%d, %d), (%d, %d)", a.name, a.number(), p, a.number(), q, a.number(), q), "COMMIT"}}
}

// cascade deletes or renumbers parents, and with them children.
func (a *actor) cascade() step {
	if a.r.IntN(2) == 0 {
		return step{"delete with cascade", []string{fmt.Sprintf("DELETE FROM %s.parent WHERE id %% 3 = %d", a.name, a.r.IntN(3))}}
	}
	return step{"update with cascade", []string{fmt.Sprintf("UPDATE %s.parent SET id = id + 1000000 WHERE id %% 3 = %d AND id < 1000000000", a.name, a.r.IntN(3))}}
}

// foreignKey replaces the foreign key in one ALTER.
func (a *actor) foreignKey() step {
	old := a.key
	a.key = fmt.Sprintf("f%d", a.number())
	return step{"alter: foreign key", []string{fmt.Sprintf("ALTER TABLE %[1]s.child DROP FOREIGN KEY %[2]s, ADD CONSTRAINT %[3]s FOREIGN KEY (v) REFERENCES %[1]s.parent (id) ON DELETE CASCADE ON UPDATE CASCADE", a.name, old, a.key)}}
}

func (a *actor) private() step {
	if a.r.IntN(2) == 0 {
		return step{"ignored transaction", []string{"BEGIN", a.intoIgnored(20), a.intoIgnored(4500), "COMMIT"}}
	}
	return step{"unlogged transaction", []string{"SET sql_log_bin=0", "BEGIN", a.intoIgnored(30), a.intoIgnored(30), "COMMIT", "SET sql_log_bin=1"}}
}

func (a *actor) rolledBack() step {
	return step{"rolled back", []string{"BEGIN", a.insert(a.pick(), 2, 10), "SAVEPOINT s", a.insert(a.pick(), 1, 10), "ROLLBACK TO s",
		a.insert(a.pick(), 1, 3000), "ROLLBACK"}}
}

func (a *actor) update() step {
	t := a.pick()
	return step{"update of all", []string{fmt.Sprintf("UPDATE %s.%s SET v = CONCAT('%d ', LEFT(v, 40))", a.name, t.name, a.number())}}
}

func (a *actor) createTable() step {
	t := &scriptTable{name: fmt.Sprintf("t%d", a.number()), keyed: a.r.IntN(4) > 0, columns: 1}
	if len(a.tables) > 3 {
		return a.drop()
	}
	a.tables = append(a.tables, t)
	id := "id INT"
	if t.keyed {
		id = "id INT AUTO_INCREMENT PRIMARY KEY"
	}
	return step{"create table", []string{fmt.Sprintf("CREATE TABLE %s.%s (%s, v VARCHAR(9000), KEY k (v(20)))", a.name, t.name, id)}}
}

// createSelect makes a table together with the rows of another; with events
// beyond binlog_cache_size, and where its rows are not logged.
func (a *actor) createSelect() step {
	if a.r.IntN(5) == 0 {
		return a.toggle("unlogged copy", fmt.Sprintf("CREATE TABLE %[1]s.c (KEY (id)) SELECT id, v FROM %[1]s.p", a.ignored()), fmt.Sprintf("DROP TABLE %s.c", a.ignored()))
	}
	from := a.pick()
	if len(a.tables) > 3 {
		return a.drop()
	}
	t := &scriptTable{name: fmt.Sprintf("t%d", a.number()), keyed: from.keyed, columns: from.columns}
	a.tables = append(a.tables, t)
	key := "KEY k (v(20))"
	if t.keyed {
		key = "id INT AUTO_INCREMENT PRIMARY KEY, " + key
	}
	return step{"create table from rows", []string{fmt.Sprintf("CREATE TABLE %[1]s.%[2]s (%[3]s) SELECT * FROM %[1]s.%[4]s", a.name, t.name, key, from.name)}}
}

func (a *actor) alter() step {
	t := a.pick()
	what := ""
	switch n := a.r.IntN(6); {
	case n == 0 && t.columns < 5:
		what = fmt.Sprintf("ADD COLUMN c%d INT NOT NULL DEFAULT %d", t.columns, a.number())
		t.columns++
	case n == 4 && t.columns < 5: // several clauses, rows rewritten, keys built
		name := fmt.Sprintf("i%d", a.number())
		t.indexes = append(t.indexes, name)
		what = fmt.Sprintf("ADD COLUMN c%d VARCHAR(20) DEFAULT 'x%d' FIRST, FORCE, ADD INDEX %s (id), COMMENT 'c%d'", t.columns, a.number(), name, t.columns)
		t.columns++
	case n == 5:
		what = fmt.Sprintf("MODIFY v VARCHAR(%d) AFTER id", 9000+a.r.IntN(2))
	case n == 1 && t.columns > 1:
		t.columns--
		what = fmt.Sprintf("DROP COLUMN c%d", t.columns)
	case n == 2 && len(t.indexes) > 0:
		what = "DROP INDEX " + t.indexes[0]
		t.indexes = t.indexes[1:]
	default:
		name := fmt.Sprintf("i%d", a.number())
		t.indexes = append(t.indexes, name)
		what = fmt.Sprintf("ADD INDEX %s (id, v(10))", name)
	}
	return step{"alter: " + what, []string{fmt.Sprintf("ALTER TABLE %s.%s %s", a.name, t.name, what)}}
}

func (a *actor) truncate() step {
	return step{"truncate", []string{fmt.Sprintf("TRUNCATE TABLE %s.%s", a.name, a.pick().name)}}
}

func (a *actor) rename() step {
	t := a.pick()
	old := t.name
	t.name = fmt.Sprintf("t%d", a.number())
	return step{"rename", []string{fmt.Sprintf("RENAME TABLE %s.%s TO %s.%s", a.name, old, a.name, t.name)}}
}

func (a *actor) swap() step {
	if len(a.tables) < 2 {
		return a.rename()
	}
	x, y := a.tables[0], a.tables[1]
	s := fmt.Sprintf("RENAME TABLE %[1]s.%[2]s TO %[1]s.tmp, %[1]s.%[3]s TO %[1]s.%[2]s, %[1]s.tmp TO %[1]s.%[3]s", a.name, x.name, y.name)
	x.name, y.name = y.name, x.name
	return step{"swap of two", []string{s}}
}

func (a *actor) drop() step {
	n := 1 + a.r.IntN(min(2, len(a.tables)))
	names := make([]string, n)
	for i, t := range a.tables[:n] {
		names[i] = a.name + "." + t.name
	}
	a.tables = slices.Clone(a.tables[n:])
	return step{"drop tables", []string{"DROP TABLE " + strings.Join(names, ", ")}}
}

// toggle makes or drops something that exists at most once.
func (a *actor) toggle(name, create, drop string) step {
	if a.extras[name] {
		delete(a.extras, name)
		return step{"drop " + name, []string{drop}}
	}
	a.extras[name] = true
	return step{"create " + name, []string{create}}
}

func (a *actor) view() step {
	s := a.toggle("view w", fmt.Sprintf("CREATE VIEW w AS SELECT %d AS one", a.number()), "DROP VIEW w")
	s.statements = append([]string{"USE " + a.name}, s.statements...)
	return s
}

func (a *actor) trigger() step {
	return a.toggle("trigger g", fmt.Sprintf("CREATE TRIGGER %[1]s.g BEFORE INSERT ON %[1]s.base FOR EACH ROW SET NEW.v = CONCAT('%[2]d', NEW.v)", a.name, a.number()),
		fmt.Sprintf("DROP TRIGGER %s.g", a.name))
}

// triggered inserts where the trigger is, if it is.
func (a *actor) triggered() step {
	return step{"insert with trigger", []string{fmt.Sprintf("INSERT INTO %s.base VALUES (%d, 'x')", a.name, a.number())}}
}

func (a *actor) procedure() step {
	return a.toggle("procedure q", fmt.Sprintf("CREATE PROCEDURE %s.q() SELECT %d", a.name, a.number()), fmt.Sprintf("DROP PROCEDURE %s.q", a.name))
}

func (a *actor) database() step {
	db := a.name + "_x"
	return a.toggle("database x", "CREATE DATABASE "+db, "DROP DATABASE "+db)
}

func (a *actor) account() step {
	u := fmt.Sprintf("'%s_u%d'@'%%'", a.name, a.r.IntN(3))
	if a.extras["account "+u] && a.r.IntN(2) == 0 {
		return step{"alter account", []string{fmt.Sprintf("ALTER USER %s IDENTIFIED WITH mysql_native_password BY 'x%d'", u, a.number())}}
	}
	return a.toggle("account "+u, fmt.Sprintf("CREATE USER %s IDENTIFIED WITH mysql_native_password BY 'x%d'", u, a.number()), "DROP USER "+u)
}

func (a *actor) grant() step {
	var users []string
	for name := range a.extras {
		if u, ok := strings.CutPrefix(name, "account "); ok {
			users = append(users, u)
		}
	}
	if len(users) == 0 {
		return a.account()
	}
	slices.Sort(users)
	u := users[a.r.IntN(len(users))]
	privilege := []string{"SELECT", "INSERT, UPDATE", "ALL PRIVILEGES", "DELETE, DROP"}[a.r.IntN(4)]
	on := []string{"*.*", a.name + ".*"}[a.r.IntN(2)]
	return step{"grant", []string{fmt.Sprintf("GRANT %s ON %s TO %s", privilege, on, u)}}
}

// perform runs a step's statements in the actor's session.
func (a *actor) perform(ctx context.Context, s step) error {
	for _, q := range s.statements {
		if _, err := a.conn.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %s: %.300s: %w", a.name, s.kind, q, err)
		}
	}
	return nil
}

// state returns all that a server holds of an actor, as text; travels leaves out
// what is not in the binlog.
func (a *actor) state(n *testNode, travels bool) (string, error) {
	var b strings.Builder
	show := func(query string) error {
		text, err := n.rows(query)
		b.WriteString(text)
		return err
	}
	dbs, err := n.column("SHOW DATABASES LIKE '" + a.name + "%'")
	if err != nil {
		return "", err
	}
	for _, db := range dbs {
		if travels && db == a.ignored() {
			continue
		}
		b.WriteString("database " + db + "\n")
		tables, err := n.column("SHOW TABLES IN " + db)
		if err != nil {
			return "", err
		}
		slices.Sort(tables)
		for _, t := range tables {
			if err := show(fmt.Sprintf("SHOW CREATE TABLE %s.%s", db, t)); err != nil {
				return "", err
			}
			order := "id, v"
			if t == "w" {
				order = "1"
			}
			if err := show(fmt.Sprintf("SELECT * FROM %s.%s ORDER BY %s", db, t, order)); err != nil {
				return "", err
			}
		}
		for _, q := range []string{"SHOW TRIGGERS IN " + db, "SHOW PROCEDURE STATUS WHERE Db = '" + db + "'"} {
			if err := show(q); err != nil {
				return "", err
			}
		}
	}
	users, err := n.column("SELECT User FROM mysql.user WHERE User LIKE '" + a.name + "%' ORDER BY 1")
	if err != nil {
		return "", err
	}
	for _, u := range users {
		if err := show(fmt.Sprintf("SELECT User, Host, plugin, authentication_string FROM mysql.user WHERE User = '%s'", u)); err != nil {
			return "", err
		}
		if err := show(fmt.Sprintf("SHOW GRANTS FOR '%s'@'%%'", u)); err != nil {
			return "", err
		}
	}
	// A counter may have passed numbers that were rolled back; a crash forgets those.
	// A replica makes a procedure at a time of its own.
	return variable.ReplaceAllString(b.String(), ""), nil
}

var variable = regexp.MustCompile(` AUTO_INCREMENT=[0-9]+|\|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.0-9]*`)
