package replstmt

import (
	"reflect"
	"strings"
	"testing"
)

func TestRewrite(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"grant replication slave on '*.*' to 'Slave'@'%'", "grant replication slave on *.* to 'Slave'@'%'"},
		{`GRANT ALL ON TABLE "*.*" TO u; select '*.*'`, `GRANT ALL ON TABLE *.* TO u; select '*.*'`},
		{"select 1; revoke select on '*.*' from u", "select 1; revoke select on *.* from u"},
		{"/* x */ grant select on/**/'*.*'/**/to u", "/* x */ grant select on/**/*.*/**/to u"},
	} {
		out, warning, changed := Rewrite(c.in)
		if out != c.want || !changed || warning == "" {
			t.Errorf("%s → %s, %q, %v", c.in, out, warning, changed)
		}
	}
	for _, sql := range []string{
		"grant select on *.* to u", "grant select on '*.*'", "grant select on '*.*' from u", "revoke select on '*.*' to u", "grant select on '*. *' to u",
		"select '*.*'", "insert into t values (\"on '*.*' to\")", "select * from a join b on '*.*' to u", "grant select on 'd.*' to '*.*'", "grant '*.*' to u", "-- grant select on '*.*' to u",
		"grant select on d.* to u; select on '*.*' to u", "grant select on '*.*", "grant",
	} {
		if out, warning, changed := Rewrite(sql); out != sql || changed || warning != "" {
			t.Errorf("%s → %s", sql, out)
		}
	}
}

func TestMasks(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"change master to master_user='Slave',master_password='123456',master_host='h'", "change master to master_user='Slave',master_password=<secret>,master_host='h'"},
		{"CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD = \"a\"\"b\" 'c', SOURCE_PORT=1", "CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD = <secret> <secret>, SOURCE_PORT=1"},
		{"START SLAVE USER='u' PASSWORD='p' DEFAULT_AUTH='a'", "START SLAVE USER='u' PASSWORD=<secret> DEFAULT_AUTH='a'"},
		{"create user 'Slave'@'%' identified by '123456'", "create user 'Slave'@'%' identified by <secret>"},
		{"CREATE USER a IDENTIFIED WITH 'mysql_native_password' BY 'x' COMMENT 'c', b IDENTIFIED WITH sha AS '$A$'", "CREATE USER a IDENTIFIED WITH 'mysql_native_password' BY <secret> COMMENT 'c', b IDENTIFIED WITH sha AS <secret>"},
		{"CREATE USER a IDENTIFIED WITH sha AS 0x244124", "CREATE USER a IDENTIFIED WITH sha AS <secret>"},
		{"CREATE USER a IDENTIFIED VIA mysql_native_password USING PASSWORD('x')", "CREATE USER a IDENTIFIED VIA mysql_native_password USING PASSWORD(<secret>)"},
		{"CREATE USER a IDENTIFIED BY PASSWORD '*AB'", "CREATE USER a IDENTIFIED BY PASSWORD <secret>"},
		{"ALTER USER a IDENTIFIED BY 'x' REPLACE 'y' RETAIN CURRENT PASSWORD", "ALTER USER a IDENTIFIED BY <secret> REPLACE <secret> RETAIN CURRENT PASSWORD"},
		{"GRANT ALL ON *.* TO 'u'@'h' IDENTIFIED BY 'x'", "GRANT ALL ON *.* TO 'u'@'h' IDENTIFIED BY <secret>"},
		{"SET PASSWORD FOR 'u'@'h' = 'x'", "SET PASSWORD FOR 'u'@'h' = <secret>"},
		{"SET PASSWORD = PASSWORD('x')", "SET PASSWORD = PASSWORD(<secret>)"},
		{"set password='x' replace 'y'", "set password=<secret> replace <secret>"},
		{"select 1; set password='x'; select 'password'", "select 1; set password=<secret>; select 'password'"},
		{"CREATE SERVER s FOREIGN DATA WRAPPER m OPTIONS (USER 'u', PASSWORD 'x')", "CREATE SERVER s FOREIGN DATA WRAPPER m OPTIONS (USER 'u', PASSWORD <secret>)"},
		{"change master to master_password='not closed", "change master to master_password=<secret>"},
		{"create user a identified /* by */ by /*!50000 'x' */", "create user a identified /* by */ by /*!50000 <secret> */"},
	} {
		if out := Masks(c.in); out != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, out, c.want)
		}
	}
	for _, sql := range []string{
		"select 1", "select * from u where password = 'x'", "insert into t (password) values ('x')", "create table t (password varchar(20) default 'x', identified int)",
		"alter user a password expire interval 5 day", "create user a password history 5 comment 'c'", "set global identified_x = 'y'", "password", "SET @x = 'password'",
	} {
		if out := Masks(sql); out != sql {
			t.Errorf("%s → %s", sql, out)
		}
	}
	if n := testing.AllocsPerRun(100, func() { Masks("select * from t where id = 1") }); n != 0 {
		t.Errorf("text without passwords costs %v allocations", n)
	}
}

func TestLockingClause(t *testing.T) {
	for _, c := range []struct {
		sql  string
		want Locking
	}{
		{"select 1", Locking{}},
		{"select * from t for update", Locking{Mode: ForUpdate}},
		{"SELECT * FROM t WHERE a='for update' FOR/**/UPDATE;", Locking{Mode: ForUpdate}},
		{"select * from t for update nowait", Locking{Mode: ForUpdate, Wait: NoWait}},
		{"select * from t for update skip locked -- x", Locking{Mode: ForUpdate, Wait: SkipLocked}},
		{"select * from t for share", Locking{Mode: ForShare}},
		{"select * from t lock in share mode", Locking{Mode: ForShare}},
		{"select * from a, b for update of a, `b`, d.c nowait", Locking{Mode: ForUpdate, Wait: NoWait, Of: []string{"a", "b", "c"}}},
		{"select * from a, b for share of a for update of b skip locked", Locking{Mode: ForUpdate, Wait: SkipLocked, Of: []string{"a", "b"}}},
		{"with x as (select 1) select * from x for share skip locked", Locking{Mode: ForShare, Wait: SkipLocked}},
		{"select * from t for update into @x", Locking{Mode: ForUpdate}},
		{"(select * from t for update)", Locking{Mode: ForUpdate}},
		{"((select * from t) for update)", Locking{Mode: ForUpdate}},
		{"select * from (select * from t for update) x", Locking{Mode: ForUpdate, Nested: true}},
		{"select * from t where id in (select id from u lock in share mode)", Locking{Mode: ForShare, Nested: true}},
		{"select 'for update'", Locking{}},
		{"select 1 /* for update */", Locking{}},
		{"select 1 -- for update", Locking{}},
		{"select 1 /*!50000 for update */", Locking{Mode: ForUpdate}},
		{"select `for update` from t", Locking{}},
		{"select substring(a from 1 for 2) from t", Locking{}},
		{"select * from t use index for order by (i)", Locking{}},
		{"select 1; select 2 for update", Locking{}},
		{"insert into t select * from u for update", Locking{Mode: ForUpdate}},
		{"insert into t values (1) on duplicate key update a = 1", Locking{}},
		{"update t set a = (select max(a) from u for share nowait)", Locking{Mode: ForShare, Wait: NoWait, Nested: true}},
		{"update t set a=1", Locking{}},
		{"select * from t for", Locking{}},
		{"select * from t for update of", Locking{Mode: ForUpdate}},
		{"", Locking{}},
	} {
		if got := LockingClause(c.sql); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.sql, got, c.want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { LockingClause("select * from t where id = 1 for update") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestRewriteForShare(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"select * from t for share", "select * from t LOCK IN SHARE MODE"},
		{"select * from t FOR  SHARE OF t SKIP LOCKED;", "select * from t LOCK IN SHARE MODE;"},
		{"select * from t for share nowait into @x", "select * from t LOCK IN SHARE MODE into @x"},
		{"select * from a, b for share of a for update of b nowait;", "select * from a, b LOCK IN SHARE MODE;"},
		{"select * from a, b for update of a for share of b into @x", "select * from a, b FOR UPDATE into @x"},
		{"select * from (select * from t for share) x for share", "select * from (select * from t LOCK IN SHARE MODE) x LOCK IN SHARE MODE"},
	} {
		if out, changed := RewriteForShare(c.in); out != c.want || !changed {
			t.Errorf("%s → %s, %v", c.in, out, changed)
		}
	}
	for _, sql := range []string{"select 1", "select * from t for update", "select 'for share'", "select * from t lock in share mode", "select * from share for update", "-- for share"} {
		if out, changed := RewriteForShare(sql); out != sql || changed {
			t.Errorf("%s → %s", sql, out)
		}
	}
}

func FuzzAll(f *testing.F) {
	for _, c := range statements {
		f.Add(c.sql)
	}
	for _, sql := range others {
		f.Add(sql)
	}
	for _, sql := range []string{"grant a on '*.*' to b", "set password = 'x'", "select 1 for share of a, b nowait", "create user a identified by 'x", "/*!", "/*!5000", "'\\", "`", "@`", "1e", "0x", ".1", "--"} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		stmt, remainder, ok, err := Parse(sql)
		if remainder < 0 || remainder > len(sql) || (stmt != nil) != (ok && err == nil) || !ok && err != nil {
			t.Fatalf("%q: %v, %d, %v, %v", sql, stmt, remainder, ok, err)
		}
		if ok && err == nil && remainder < len(sql) && !strings.Contains(sql[:remainder], ";") {
			t.Fatalf("%q: ends at %d without a semicolon", sql, remainder)
		}
		Rewrite(sql)
		LockingClause(sql)
		out, _ := RewriteForShare(sql)
		if again, changed := RewriteForShare(out); changed {
			t.Fatalf("%q became %q became %q", sql, out, again)
		}
		// A password in front stays hidden whatever follows.
		if masked := Masks("CHANGE MASTER TO MASTER_PASSWORD='hunter2', " + sql); strings.Contains(masked, "'hunter2'") {
			t.Fatalf("%q", masked)
		}
	})
}

func BenchmarkNotOurs(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Parse("SELECT c FROM sbtest1 WHERE id=5000")
	}
}
