package replstmt_test

import (
	"fmt"
	"strings"
	"testing"

	"binrelay/sql/replstmt"
)

var alterKinds = strings.Fields("add change drop rename default nodefault colvis key dropkey renamekey keyvis check dropcheck dropconstraint enforce enforceconstraint fk dropfk renametable convert option order keys partition tablespace")

// printAlter writes a statement's clauses.
func printAlter(st *replstmt.AlterTable) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.%s", st.Table.Database, st.Table.Name)
	for _, c := range st.Clauses {
		fmt.Fprintf(&b, " [%s %s>%s %q", alterKinds[c.Kind], c.Name, c.To, c.Def)
		if c.First {
			b.WriteString(" first")
		}
		if c.After != "" {
			b.WriteString(" after " + c.After)
		}
		if c.Invisible {
			b.WriteString(" invisible")
		}
		if c.Table.Name != "" {
			b.WriteString(" " + c.Table.Database + "." + c.Table.Name)
		}
		b.WriteByte(']')
	}
	for _, s := range []string{st.Algorithm, st.Lock} {
		if s != "" {
			b.WriteString(" " + s)
		}
	}
	if st.Force {
		b.WriteString(" force")
	}
	return b.String()
}

func TestParseAlter(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		{"ALTER TABLE t ADD a INT", `.t [add > "a INT"]`},
		{"alter table d.`t` add column `a b` DECIMAL(10,2) default (1+2) first, drop column c", "d.t [add > \"`a b` DECIMAL(10,2) default (1+2)\" first] [drop c> \"\"]"},
		{"ALTER TABLE t ADD (a INT, b ENUM('x,)','y') INVISIBLE), MODIFY c INT AFTER b", `.t [add > "a INT"] [add > "b ENUM('x,)','y') INVISIBLE" invisible] [change > "c INT" after b]`},
		{"ALTER TABLE t CHANGE a b INT COMMENT 'FIRST'", `.t [change a> "b INT COMMENT 'FIRST'"]`},
		{"ALTER TABLE t RENAME COLUMN a TO b, RENAME KEY i TO j, RENAME d.u", `.t [rename a>b ""] [renamekey i>j ""] [renametable > "" d.u]`},
		{"ALTER TABLE t ALTER a SET DEFAULT (f(1,2)), ALTER COLUMN b DROP DEFAULT, ALTER c SET INVISIBLE", `.t [default a> "(f(1,2))"] [nodefault b> ""] [colvis c> ""]`},
		{"ALTER TABLE t ADD UNIQUE KEY u (a, b(3) DESC), ADD CONSTRAINT p PRIMARY KEY (a), ADD CONSTRAINT CHECK (a > 0), ADD FOREIGN KEY (a) REFERENCES x (y)",
			`.t [key > "UNIQUE KEY u (a, b(3) DESC)"] [key > "CONSTRAINT p PRIMARY KEY (a)"] [check > "CONSTRAINT CHECK (a > 0)"] [fk > "FOREIGN KEY (a) REFERENCES x (y)"]`},
		{"ALTER TABLE t DROP PRIMARY KEY, DROP KEY k, DROP CHECK c, DROP CONSTRAINT n, DROP FOREIGN KEY f", `.t [dropkey PRIMARY> ""] [dropkey k> ""] [dropcheck c> ""] [dropconstraint n> ""] [dropfk f> ""]`},
		{"ALTER TABLE t ENGINE=InnoDB ROW_FORMAT = DYNAMIC, DEFAULT CHARACTER SET utf8mb4 COLLATE=utf8mb4_bin COMMENT 'x', ALGORITHM=INSTANT, LOCK = NONE, FORCE",
			`.t [option ENGINE>InnoDB ""] [option ROW_FORMAT>DYNAMIC ""] [option CHARSET>utf8mb4 ""] [option COLLATE>utf8mb4_bin ""] [option COMMENT>x ""] INSTANT NONE force`},
		{"ALTER TABLE t CONVERT TO CHARACTER SET latin1 COLLATE latin1_bin", `.t [convert latin1>latin1_bin ""]`},
		{"ALTER TABLE t", ".t"},
		{"ALTER TABLE t ADD a INT PARTITION BY HASH(a)", `.t [add > "a INT"] [partition > ""]`},
		{"ALTER TABLE t ENGINE=InnoDB PARTITION BY HASH (a) PARTITIONS 2", `.t [option ENGINE>InnoDB ""] [partition > ""]`},
		{"CREATE UNIQUE INDEX i USING BTREE ON d.t (a, b) COMMENT 'c' LOCK=NONE", `d.t [key > "UNIQUE INDEX i USING BTREE (a, b) COMMENT 'c'"] NONE`},
		{"DROP INDEX i ON t ALGORITHM=INPLACE", `.t [dropkey i> ""] INPLACE`},
	} {
		st, n, ok, err := replstmt.ParseAlter(c.sql + "; SELECT 1")
		if err != nil || !ok {
			t.Errorf("%s: %v %v", c.sql, ok, err)
			continue
		}
		if n != len(c.sql)+1 {
			t.Errorf("%s: it ends at %d", c.sql, n)
		}
		if got := printAlter(st); c.want != "" && got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.sql, got, c.want)
		}
	}
	for _, sql := range []string{"ALTER TABLE", "ALTER TABLE t ADD", "ALTER TABLE t DROP COLUMN a b", "ALTER TABLE t ,", "ALTER TABLE t ADD a INT,", "ALTER IGNORE TABLE t ADD a INT",
		"ALTER TABLE t ALGORITHM=FAST", "ALTER TABLE t WRONG = 1", "ALTER TABLE t ENGINE=InnoDB ADD a INT", "CREATE INDEX ON t (a)", "DROP INDEX i", "ALTER TABLE t ADD (a INT"} {
		if _, _, ok, err := replstmt.ParseAlter(sql); !ok || err == nil {
			t.Errorf("%s: no error", sql)
		}
	}
	for _, sql := range []string{"ALTER DATABASE d CHARACTER SET latin1", "CREATE TABLE t (a INT)", "DROP TABLE t", "SELECT 1", ""} {
		if _, _, ok, _ := replstmt.ParseAlter(sql); ok {
			t.Errorf("%s: taken for ALTER TABLE", sql)
		}
	}
}

func FuzzParseAlter(f *testing.F) {
	f.Add("ALTER TABLE t ADD a INT, DROP b")
	f.Add("CREATE INDEX i ON t (a)")
	f.Fuzz(func(t *testing.T, sql string) {
		if _, n, ok, err := replstmt.ParseAlter(sql); ok && err == nil && n > len(sql) {
			t.Errorf("%q ends at %d", sql, n)
		}
	})
}

func TestInvisibleColumn(t *testing.T) {
	for sql, want := range map[string]bool{
		"CREATE TABLE t (a INT, b INT INVISIBLE)":                      true,
		"CREATE TABLE t (a INT /*!80023 INVISIBLE */, b INT)":          true,
		"create table t (a int invisible default (1 + 2))":             true,
		"CREATE TABLE t (invisible INT, b INT)":                        false,
		"CREATE TABLE t (a INT COMMENT 'INVISIBLE', `invisible` INT)":  false,
		"CREATE TABLE t (a INT, KEY k (a) INVISIBLE, b INT)":           false,
		"CREATE TABLE t (a INT, KEY k (a) INVISIBLE, b INT INVISIBLE)": true,
		"CREATE TABLE t (a INT); SELECT INVISIBLE FROM (SELECT 1) x":   false,
		"SELECT (a INVISIBLE)":                                         false,
		"CREATE TABLE t (a INT, KEY (a":                                false,
	} {
		if got := replstmt.InvisibleColumn(sql); got != want {
			t.Errorf("%s: %v", sql, got)
		}
	}
}
