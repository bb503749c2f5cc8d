package replstmt

import "testing"

func TestParseObject(t *testing.T) {
	for _, c := range []struct {
		sql       string
		ok        bool
		kind, db  string
		name      string
		exists    bool
		definer   string
		check     bool
		rewritten string // WithoutExists
	}{
		{"CREATE VIEW v AS SELECT 1", true, "VIEW", "", "v", false, "", false, "CREATE VIEW v AS SELECT 1"},
		{"create or replace algorithm=merge definer=`a`@`%` sql security invoker view `d`.`v 1` as select 1 with local check option", true, "VIEW", "d", "v 1", false, "`a`@`%`", true, ""},
		{"CREATE DEFINER = CURRENT_USER() TRIGGER IF NOT EXISTS d.g BEFORE INSERT ON t FOR EACH ROW SET @a = 1", true, "TRIGGER", "d", "g", true, "CURRENT_USER()", false, "CREATE DEFINER = CURRENT_USER() TRIGGER  d.g BEFORE INSERT ON t FOR EACH ROW SET @a = 1"},
		{"DROP FUNCTION IF EXISTS f", true, "FUNCTION", "", "f", true, "", false, "DROP FUNCTION  f"},
		{"CREATE AGGREGATE FUNCTION f RETURNS INT SONAME 'x'", true, "FUNCTION", "", "f", false, "", false, ""},
		{"CREATE TABLE view (a INT)", false, "", "", "", false, "", false, ""},
		{"ALTER TABLE t ADD a INT", false, "", "", "", false, "", false, ""},
		{"CREATE OR", false, "", "", "", false, "", false, ""},
		{"CREATE DEFINER", false, "", "", "", false, "", false, ""},
		{"CREATE VIEW", false, "", "", "", false, "", false, ""},
		{"SELECT 1", false, "", "", "", false, "", false, ""},
	} {
		o, ok := ParseObject(c.sql)
		if ok != c.ok {
			t.Errorf("%s: ok = %v", c.sql, ok)
		}
		if !ok {
			continue
		}
		if o.Kind != c.kind || o.Name.Database != c.db || o.Name.Name != c.name || o.Exists != c.exists || o.Definer != c.definer || o.Check != c.check {
			t.Errorf("%s: %+v", c.sql, o)
		}
		if got := o.WithoutExists(); c.rewritten != "" && got != c.rewritten {
			t.Errorf("%s: rewritten to %s", c.sql, got)
		}
	}
}
