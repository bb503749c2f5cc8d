package auth

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dolthub/vitess/go/mysql"
)

// runner runs statements on accounts as one of them.
type runner struct {
	t   *testing.T
	a   *Accounts
	env Env
}

func newRunner(t *testing.T) *runner {
	now := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	r := &runner{t: t, a: New(Options{Now: func() time.Time { return now }})}
	r.env = Env{Self: Name{"root", "localhost"}, Active: Everything, ClientUser: "root", ClientHost: "localhost", Now: now, Database: "d"}
	return r
}

// as returns a runner of the same accounts for another one.
func (r *runner) as(user, host string, roles ...Name) *runner {
	own := *r
	own.env.Self, own.env.ClientUser, own.env.ClientHost = Name{user, host}, user, host
	own.env.Active = r.a.Grants().Active(own.env.Self, roles, nil)
	return &own
}

func (r *runner) run(sql string) (Result, error) {
	st, _, ok, err := Parse(sql, r.env.Mode)
	if err != nil {
		return Result{}, err
	}
	if !ok {
		return Result{}, errors.New("no account statement: " + sql)
	}
	e, err := r.a.Begin(r.t.Context())
	if err != nil {
		return Result{}, err
	}
	defer e.Close()
	env := r.env
	env.SQL = sql
	res, _, err := e.Apply(st, &env)
	if err == nil {
		e.Publish()
	}
	return res, err
}

func (r *runner) exec(statements ...string) {
	r.t.Helper()
	for _, s := range statements {
		if _, err := r.run(s); err != nil {
			r.t.Fatalf("%s: %v", s, err)
		}
	}
}

func (r *runner) fails(number int, text, sql string) {
	r.t.Helper()
	_, err := r.run(sql)
	var se *mysql.SQLError
	if !errors.As(err, &se) || se.Num != number || !strings.Contains(se.Message, text) {
		r.t.Errorf("%s: %v, want %d %s", sql, err, number, text)
	}
}

func (r *runner) grants(n Name, using ...Name) string {
	u, ok := r.a.Grants().User(n)
	if !ok {
		return "no such account"
	}
	return strings.Join(r.a.Grants().ShowGrants(u, using, nil), "\n")
}

// What goes to the binlog has hashes, and names the session's account.
func TestStatements_Text(t *testing.T) {
	const sha = "<sha2 of secret>"
	native := quote(HashNative("secret"))
	binary := sha2String("secret", []byte("\x01\x02'\\\n\x1a\x7f 8901234567890"[:20]), 5)
	for _, c := range []struct{ in, want string }{
		{"CREATE USER 'Slave'@'%' IDENTIFIED BY 'secret'", "CREATE USER 'Slave'@'%' IDENTIFIED WITH 'caching_sha2_password' AS " + sha},
		{"create user if not exists a@10.0.0.1 identified by \"secret\", b require ssl", "CREATE USER IF NOT EXISTS 'a'@'10.0.0.1' IDENTIFIED WITH 'caching_sha2_password' AS " + sha + ", 'b'@'%' IDENTIFIED WITH 'caching_sha2_password' REQUIRE SSL"},
		{"/* x */ CREATE USER u IDENTIFIED WITH mysql_native_password BY 'secret' ACCOUNT LOCK", "CREATE USER 'u'@'%' IDENTIFIED WITH 'mysql_native_password' AS " + native + " ACCOUNT LOCK"},
		{"CREATE USER u IDENTIFIED WITH 'caching_sha2_password' BY ''", "CREATE USER 'u'@'%' IDENTIFIED WITH 'caching_sha2_password'"},
		{"CREATE USER u IDENTIFIED WITH caching_sha2_password AS 0x" + hex.EncodeToString([]byte(binary)), "CREATE USER 'u'@'%' IDENTIFIED WITH 'caching_sha2_password' AS " + quote(binary)},
		{"CREATE USER u IDENTIFIED BY PASSWORD " + native, "CREATE USER 'u'@'%' IDENTIFIED WITH 'mysql_native_password' AS " + native},
		{"CREATE USER u IDENTIFIED VIA mysql_native_password USING " + native, "CREATE USER 'u'@'%' IDENTIFIED WITH 'mysql_native_password' AS " + native},
		{"CREATE USER u IDENTIFIED VIA mysql_native_password USING PASSWORD('secret') ACCOUNT LOCK", "CREATE USER 'u'@'%' IDENTIFIED WITH 'mysql_native_password' AS " + native + " ACCOUNT LOCK"},
		{"ALTER USER n IDENTIFIED BY 'secret'", "ALTER USER 'n'@'%' IDENTIFIED WITH 'mysql_native_password' AS " + native},
		{"ALTER USER CURRENT_USER() IDENTIFIED BY 'secret'", "ALTER USER 'n'@'%' IDENTIFIED WITH 'mysql_native_password' AS " + native},
		{"ALTER USER USER() IDENTIFIED BY 'secret' REPLACE ''", "ALTER USER 'n'@'%' IDENTIFIED WITH 'mysql_native_password' AS " + native},
		{"SET PASSWORD FOR 'n'@'%' = 'secret'", "ALTER USER 'n'@'%' IDENTIFIED WITH 'mysql_native_password' AS " + native},
		{"set password = 'secret'", "ALTER USER 'n'@'%' IDENTIFIED WITH 'mysql_native_password' AS " + native},
		{"ALTER USER n PASSWORD EXPIRE NEVER PASSWORD HISTORY 3 PASSWORD REUSE INTERVAL 9 DAY PASSWORD REQUIRE CURRENT OPTIONAL FAILED_LOGIN_ATTEMPTS 4 PASSWORD_LOCK_TIME UNBOUNDED COMMENT 'it''s'",
			"ALTER USER 'n'@'%' PASSWORD EXPIRE NEVER PASSWORD HISTORY 3 PASSWORD REUSE INTERVAL 9 DAY PASSWORD REQUIRE CURRENT OPTIONAL FAILED_LOGIN_ATTEMPTS 4 PASSWORD_LOCK_TIME UNBOUNDED COMMENT 'it\\'s'"},
		{"GRANT SELECT ON *.* TO current_user", "GRANT SELECT ON *.* TO 'n'@'%'"},
		{"REVOKE SELECT ON *.* FROM CURRENT_USER() , n", "REVOKE SELECT ON *.* FROM 'n'@'%' , n"},
		{"DROP USER n; SELECT 1", "DROP USER n; SELECT 1"},
	} {
		r := newRunner(t)
		r.exec("CREATE USER n@'%' IDENTIFIED WITH mysql_native_password")
		r.env.Self = Name{"n", "%"}
		res, err := r.run(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		got := res.Text
		if before, after, ok := strings.Cut(c.want, sha); ok {
			h := strings.TrimSuffix(strings.TrimPrefix(got, before), after)
			if len(h) < 2 || !VerifySHA2(h[1:len(h)-1], "secret") {
				t.Errorf("%s: %s\n  hash %s does not verify", c.in, got, h)
			}
			got = strings.Replace(got, h, sha, 1)
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.in, got, c.want)
		}
		if strings.Contains(got, "'secret'") || strings.Contains(got, "\"secret\"") {
			t.Errorf("clear text left in %s", got)
		}
	}
}

// What the binlog has must be stored as it is: replicated statements come in
// that form.
func TestStatements_TextIsAccepted(t *testing.T) {
	salt := "\x01\x02'\"\\\n\x1a\x7f %_12345678"
	bin := sha2String("pw", []byte((salt + strings.Repeat("z", 20))[:20]), 5)
	for _, q := range []string{
		"CREATE USER u IDENTIFIED BY 'pw' REQUIRE SUBJECT '/CN=x' AND ISSUER 'y' CIPHER 'z' WITH MAX_QUERIES_PER_HOUR 4 MAX_USER_CONNECTIONS 3 PASSWORD EXPIRE INTERVAL 3 DAY ATTRIBUTE '{\"b\": 1, \"aa\": [2]}'",
		"CREATE USER u IDENTIFIED WITH 'caching_sha2_password' AS " + quote(bin),
		"CREATE USER u IDENTIFIED WITH mysql_native_password BY 'pw' ACCOUNT LOCK",
		fmt.Sprintf("CREATE USER u IDENTIFIED WITH 'caching_sha2_password' AS 0x%x", bin),
		"CREATE USER u IDENTIFIED BY RANDOM PASSWORD",
	} {
		r, s := newRunner(t), newRunner(t)
		res, err := r.run(q)
		if err != nil {
			t.Fatal(err)
		}
		s.exec(res.Text)
		a, _ := r.a.Grants().User(Name{"u", "%"})
		b, _ := s.a.Grants().User(Name{"u", "%"})
		if a.ShowCreate() != b.ShowCreate() {
			t.Errorf("%s:\n%s\n%s", q, a.ShowCreate(), b.ShowCreate())
		}
		password := "pw"
		if len(res.Generated) > 0 {
			if password = res.Generated[0].Password; len(password) != 20 || strings.Contains(res.Text, password) {
				t.Errorf("%s: made %q, text %s", q, password, res.Text)
			}
		}
		if !verifies(b.Plugin, b.Stored, password) {
			t.Errorf("%s: stored %q", q, b.Stored)
		}
	}
}

func TestShowCreateUser(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "CREATE USER `u`@`%` IDENTIFIED WITH 'mysql_native_password' REQUIRE NONE PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK PASSWORD HISTORY DEFAULT PASSWORD REUSE INTERVAL DEFAULT PASSWORD REQUIRE CURRENT DEFAULT"},
		{"IDENTIFIED BY 'x' REQUIRE X509 WITH MAX_UPDATES_PER_HOUR 2 PASSWORD EXPIRE ACCOUNT LOCK PASSWORD HISTORY 5 PASSWORD REUSE INTERVAL 6 DAY PASSWORD REQUIRE CURRENT FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2 COMMENT 'c'",
			"CREATE USER `u`@`%` IDENTIFIED WITH 'mysql_native_password' AS '" + HashNative("x") + "' REQUIRE X509 WITH MAX_UPDATES_PER_HOUR 2 PASSWORD EXPIRE ACCOUNT LOCK PASSWORD HISTORY 5 PASSWORD REUSE INTERVAL 6 DAY PASSWORD REQUIRE CURRENT FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2 ATTRIBUTE '{\"comment\": \"c\"}'"},
		{"DEFAULT ROLE r REQUIRE CIPHER 'c' AND SUBJECT 's' PASSWORD EXPIRE NEVER",
			"CREATE USER `u`@`%` IDENTIFIED WITH 'mysql_native_password' DEFAULT ROLE `r`@`%` REQUIRE SUBJECT 's' CIPHER 'c' PASSWORD EXPIRE NEVER ACCOUNT UNLOCK PASSWORD HISTORY DEFAULT PASSWORD REUSE INTERVAL DEFAULT PASSWORD REQUIRE CURRENT DEFAULT"},
	} {
		r := newRunner(t)
		r.env.Plugin = NativePassword
		r.exec("CREATE ROLE r", "CREATE USER u "+c.in)
		u, _ := r.a.Grants().User(Name{"u", "%"})
		if got := u.ShowCreate(); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.in, got, c.want)
		}
		s := newRunner(t)
		s.exec("CREATE ROLE r", u.ShowCreate())
		if v, _ := s.a.Grants().User(Name{"u", "%"}); v.ShowCreate() != c.want {
			t.Errorf("read again: %s", v.ShowCreate())
		}
	}
}

func TestStatements_Errors(t *testing.T) {
	r := newRunner(t)
	r.exec("CREATE USER a, b", "CREATE ROLE r1, r2", "GRANT r1 TO r2")
	for _, c := range []struct {
		number    int
		text, sql string
	}{
		{1524, "Plugin 'sha256_password' is not loaded", "CREATE USER u IDENTIFIED WITH sha256_password BY 'x'"},
		{1827, "hash", "CREATE USER u IDENTIFIED WITH caching_sha2_password AS 'x'"},
		{1827, "hash", "CREATE USER u IDENTIFIED WITH 'mysql_native_password' AS '*12'"},
		{1105, "too long", "CREATE USER u IDENTIFIED BY '" + strings.Repeat("x", 300) + "'"},
		{1396, "Operation CREATE USER failed for 'a'@'%','b'@'%'", "CREATE USER a, c, b"},
		{1396, "Operation ALTER USER failed for 'c'@'%'", "ALTER USER a, c ACCOUNT LOCK"},
		{1396, "Operation DROP USER failed for 'c'@'%'", "DROP USER a, c"},
		{1396, "Operation RENAME USER failed for 'a'@'%'", "RENAME USER a TO b"},
		{1396, "Operation CREATE ROLE failed for 'r1'@'%'", "CREATE ROLE r1"},
		{1396, "Operation DROP ROLE failed for 'x'@'%'", "DROP ROLE x"},
		{1470, "user name", "CREATE USER " + strings.Repeat("x", 33)},
		{1410, "You are not allowed to create a user with GRANT", "GRANT SELECT ON *.* TO c"},
		{3929, "Dynamic privilege 'NOSUCH' is not registered", "GRANT NOSUCH ON *.* TO a"},
		{3619, "BACKUP_ADMIN", "GRANT BACKUP_ADMIN ON d.* TO a"},
		{1221, "DB GRANT and GLOBAL PRIVILEGES", "GRANT RELOAD ON d.* TO a"},
		{1144, "Illegal GRANT/REVOKE", "GRANT RELOAD ON d.t TO a"},
		{1144, "Illegal GRANT/REVOKE", "GRANT SELECT ON PROCEDURE d.p TO a"},
		{1221, "COLUMN GRANT", "GRANT DELETE (x) ON d.t TO a"},
		{1141, "user 'a' on host '%'", "REVOKE SELECT ON d.* FROM a"},
		{1147, "on table 't'", "REVOKE SELECT ON d.t FROM a"},
		{1403, "on routine 'p'", "REVOKE EXECUTE ON PROCEDURE d.p FROM a"},
		{1269, "Can't revoke all privileges", "REVOKE ALL, GRANT OPTION FROM c"},
		{3523, "Unknown authorization ID `c`@`%`", "GRANT r1 TO c"},
		{3523, "Unknown authorization ID `x`@`%`", "GRANT x TO a"},
		{3530, "`r1`@`%` is not granted to `a`@`%`", "REVOKE r1 FROM a"},
		{3530, "`r1`@`%` is not granted to `a`@`%`", "SET DEFAULT ROLE r1 TO a"},
		{4027, "would create a loop", "GRANT r2 TO r1"},
		{3532, "Renaming of a role", "RENAME USER r1 TO x"},
		{3982, "valid JSON object", "ALTER USER a ATTRIBUTE '[1]'"},
		{1235, "GRANT PROXY", "GRANT PROXY ON a TO b"},
		{1235, "GRANT … AS", "GRANT SELECT ON *.* TO a AS b"},
		{1235, "RETAIN CURRENT PASSWORD", "ALTER USER a IDENTIFIED BY 'x' RETAIN CURRENT PASSWORD"},
		{1235, "multifactor", "CREATE USER u IDENTIFIED BY 'x' AND IDENTIFIED BY 'y'"},
		{1235, "BINLOG REPLAY", "GRANT BINLOG REPLAY ON *.* TO a"},
		{1235, "MAX_STATEMENT_TIME", "CREATE USER u WITH MAX_STATEMENT_TIME 3"},
		{1064, "near 'IDENTIFIED BY <secret>'", "GRANT SELECT ON *.* TO a IDENTIFIED BY 'x'"},
		{1064, "near '<secret> oops'", "CREATE USER u IDENTIFIED 'x' oops"},
		{1064, "near 'oops = <secret>'", "CREATE USER u IDENTIFIED BY oops = 'x"},
		{1064, "near ''", "CREATE USER"},
		{1064, "near 'LOCKED'", "CREATE USER u ACCOUNT LOCKED"},
		{1064, "near '0 DAY'", "CREATE USER u PASSWORD EXPIRE INTERVAL 0 DAY"},
	} {
		r.fails(c.number, c.text, c.sql)
	}
	if n := len(r.a.Grants().Users); n != 5 {
		t.Errorf("%d accounts after failures", n)
	}
	if got := r.grants(Name{"a", "%"}); got != "GRANT USAGE ON *.* TO `a`@`%`" {
		t.Error(got)
	}
}

// Who may grant what.
func TestGrant_Rules(t *testing.T) {
	r := newRunner(t)
	r.exec("CREATE USER u, v, sys", "GRANT SYSTEM_USER ON *.* TO sys", "GRANT SELECT, INSERT ON d.* TO u WITH GRANT OPTION", "GRANT UPDATE ON x.t TO u", "CREATE ROLE r, s",
		"GRANT r TO u WITH ADMIN OPTION")
	u := r.as("u", "%")
	u.fails(1045, "Access denied for user 'u'@'%'", "GRANT SELECT ON *.* TO v")
	u.fails(1044, "to database 'x'", "GRANT SELECT ON x.* TO v")
	u.fails(1044, "to database 'd'", "GRANT DELETE ON d.* TO v")
	u.fails(1142, "GRANT command denied to user 'u'@'%' for table 't'", "GRANT UPDATE ON x.t TO v")
	u.fails(1142, "DELETE command denied", "GRANT DELETE ON d.t TO v")
	u.fails(1143, "UPDATE command denied to user 'u'@'%' for column 'c' in table 't'", "GRANT UPDATE (c) ON d.t TO v")
	u.fails(1370, "grant, execute command denied to user 'u'@'%' for routine 'x.p'", "GRANT EXECUTE ON PROCEDURE x.p TO v")
	u.fails(1227, "WITH ADMIN, ROLE_ADMIN, SUPER", "GRANT s TO v")
	u.fails(1227, "CREATE USER", "CREATE USER w")
	u.fails(1227, "CREATE USER", "ALTER USER u ACCOUNT LOCK")
	u.fails(1227, "CREATE USER", "DROP USER v")
	u.fails(1044, "to database 'mysql'", "SET PASSWORD FOR v = 'x'")
	u.exec("GRANT SELECT ON d.* TO v", "GRANT INSERT (a, b) ON d.t TO v", "GRANT r TO v", "ALTER USER u IDENTIFIED BY 'x'", "SET PASSWORD = 'y'", "SET DEFAULT ROLE r TO u")
	r.exec("GRANT CREATE USER ON *.* TO v")
	v := r.as("v", "%")
	v.exec("CREATE USER w", "ALTER USER w ACCOUNT LOCK", "DROP USER w")
	v.fails(1227, "SYSTEM_USER", "ALTER USER sys ACCOUNT LOCK")
	v.fails(1227, "SYSTEM_USER", "DROP USER sys")
	const want = "GRANT CREATE USER ON *.* TO `v`@`%`\nGRANT SELECT ON `d`.* TO `v`@`%`\nGRANT INSERT (`a`, `b`) ON `d`.`t` TO `v`@`%`\nGRANT `r`@`%` TO `v`@`%`"
	if got := r.grants(Name{"v", "%"}); got != want {
		t.Error(got)
	}
	r.exec("REVOKE ALL PRIVILEGES, GRANT OPTION FROM v")
	if got := r.grants(Name{"v", "%"}); got != "GRANT USAGE ON *.* TO `v`@`%`" {
		t.Error(got)
	}
	r.exec("REVOKE IF EXISTS SELECT ON d.* FROM nobody IGNORE UNKNOWN USER", "REVOKE IF EXISTS DELETE ON z.* FROM v", "REVOKE IF EXISTS s FROM v")
}

func TestRoles_Active(t *testing.T) {
	r := newRunner(t)
	r.exec("CREATE ROLE app, ro, must", "CREATE USER u", "GRANT SELECT ON d.* TO ro", "GRANT ro TO app", "GRANT INSERT ON d.t TO app", "GRANT app TO u", "GRANT DELETE ON d.* TO must")
	g := r.a.Grants()
	u, app, must := Name{"u", "%"}, Name{"app", "%"}, Name{"must", "%"}
	if p := g.Active(u, nil, nil).Table("d", "t"); p != 0 {
		t.Errorf("without roles: %s", p)
	}
	if p := g.Active(u, []Name{app, {"ro", "%"}}, nil).Table("D", "T"); p != Select|Insert {
		t.Errorf("with app: %s", p)
	}
	if p := g.Active(u, []Name{must}, []Name{must}).Database("d"); p != Delete {
		t.Errorf("mandatory: %s", p)
	}
	if got := g.DefaultRoles(u, []Name{must}, true); !slices.Equal(got, []Name{app, must}) {
		t.Errorf("all roles: %v", got)
	}
	r.env.Mandatory = []Name{must}
	r.fails(3628, "`must`@`%` is a mandatory role", "DROP ROLE must")
	r.fails(3628, "`must`@`%` is a mandatory role", "REVOKE must FROM u")
	r.exec("SET DEFAULT ROLE ALL TO u")
	if got := r.a.Grants().DefaultRoles(u, r.env.Mandatory, false); !slices.Equal(got, []Name{app, must}) {
		t.Errorf("default roles: %v", got)
	}
	const merged = "GRANT USAGE ON *.* TO `u`@`%`\nGRANT SELECT ON `d`.* TO `u`@`%`\nGRANT INSERT ON `d`.`t` TO `u`@`%`\nGRANT `app`@`%` TO `u`@`%`"
	if got := r.grants(u, app); got != merged {
		t.Error(got)
	}
	r.exec("RENAME USER u TO v@localhost")
	if got := r.grants(Name{"v", "localhost"}); got != "GRANT USAGE ON *.* TO `v`@`localhost`\nGRANT `app`@`%` TO `v`@`localhost`" {
		t.Error(got)
	}
	r.exec("DROP ROLE app")
	if got := r.a.Grants().DefaultRoles(Name{"v", "localhost"}, nil, false); len(got) != 0 {
		t.Errorf("default roles after DROP ROLE: %v", got)
	}
}

func TestPasswords_HistoryAndCurrent(t *testing.T) {
	r := newRunner(t)
	r.exec("CREATE USER u IDENTIFIED WITH mysql_native_password BY 'one' PASSWORD HISTORY 2 PASSWORD REQUIRE CURRENT")
	r.exec("ALTER USER u IDENTIFIED BY 'one'") // PASSWORD HISTORY counts from when it was set
	r.fails(3638, "password history policy", "ALTER USER u IDENTIFIED BY 'one'")
	r.exec("ALTER USER u IDENTIFIED BY 'two'")
	r.fails(3638, "for 'u@%'", "SET PASSWORD FOR u = 'one'")
	r.exec("ALTER USER u IDENTIFIED BY 'three'", "ALTER USER u IDENTIFIED BY 'one'")
	u := r.as("u", "%")
	u.fails(3892, "REPLACE clause", "ALTER USER u IDENTIFIED BY 'x'")
	u.fails(3891, "Incorrect current password", "ALTER USER u IDENTIFIED BY 'x' REPLACE 'no'")
	u.exec("ALTER USER u IDENTIFIED BY 'x' REPLACE 'one'", "SET PASSWORD = 'y' REPLACE 'x'")
	r.exec("CREATE USER w", "GRANT CREATE USER ON *.* TO w")
	r.as("w", "%").fails(3893, "Do not specify", "ALTER USER u IDENTIFIED BY 'z' REPLACE 'y'")
}

// As MariaDB and MySQL 5.7 log them.
func TestStatements_OfSources(t *testing.T) {
	r := newRunner(t)
	r.env.Mode.Source = true
	hash := HashNative("pw")
	r.exec("CREATE USER `u`@`%` IDENTIFIED BY PASSWORD '"+hash+"' WITH MAX_USER_CONNECTIONS 3", "GRANT SELECT ON *.* TO 'v'@'%' IDENTIFIED BY PASSWORD '"+hash+"' REQUIRE SSL WITH GRANT OPTION MAX_QUERIES_PER_HOUR 4",
		"CREATE OR REPLACE USER u IDENTIFIED VIA mysql_native_password USING '"+hash+"'", "SET PASSWORD FOR 'u'@'%'='"+HashNative("new")+"'",
		"CREATE ROLE dev", "GRANT dev TO u WITH ADMIN OPTION", "SET DEFAULT ROLE dev FOR u", "GRANT BINLOG MONITOR, REPLICATION REPLICA ON *.* TO u", "REVOKE ADMIN OPTION FOR dev FROM u")
	u, _ := r.a.Grants().User(Name{"u", "%"})
	if u.Stored != HashNative("new") || u.Plugin != NativePassword || u.Global != ReplicationSlave|ReplicationClient || len(u.DefaultRoles) != 1 {
		t.Errorf("u: %+v", u)
	}
	v, _ := r.a.Grants().User(Name{"v", "%"})
	if v == nil || v.Stored != hash || v.SSLType != "ANY" || v.Limits.Questions != 4 || v.Global != Select|GrantOption {
		t.Errorf("v: %+v", v)
	}
	res, err := r.run("GRANT SELECT ON *.* TO w IDENTIFIED BY 'clear', x@h IDENTIFIED VIA mysql_native_password USING PASSWORD('clear') WITH GRANT OPTION")
	if err != nil || strings.Contains(res.Text, "clear") || !res.Rewritten {
		t.Fatalf("%s, %v", res.Text, err)
	}
	newRunner(t)
	s := newRunner(t)
	s.env.Mode.Source = true
	s.exec(res.Text)
	if x, ok := s.a.Grants().User(Name{"x", "h"}); !ok || x.Stored != HashNative("clear") || x.Global != Select|GrantOption {
		t.Errorf("%s: %+v", res.Text, x)
	}
	r.fails(1235, "CREATE ROLE … WITH ADMIN", "CREATE ROLE q WITH ADMIN u")
}

func TestHosts(t *testing.T) {
	for _, c := range []struct {
		accounts   []string
		host, want string
	}{
		{[]string{"'u'@'%'", "'u'@'localhost'", "'u'@'127.0.0.1'"}, "127.0.0.1", "127.0.0.1"},
		{[]string{"'u'@'%'", "'u'@'localhost'", "'u'@'127.0.0.1'"}, "localhost", "localhost"},
		{[]string{"'u'@'%'", "'u'@'127.0.0.1'"}, "localhost", "%"},
		{[]string{"'u'@'%'", "'u'@'localhost'"}, "::1", "localhost"},
		{[]string{"'u'@'%'", "'u'@'10.%'", "'u'@'10.1.%'", "'u'@'10.1.2.0/255.255.255.0'"}, "10.1.2.3", "10.1.2.0/255.255.255.0"},
		{[]string{"'u'@'%'", "'u'@'10.%'", "'u'@'10.1.%'", "'u'@'10.1.2.0/255.255.255.0'"}, "10.1.3.3", "10.1.%"},
		{[]string{"'u'@'10.1.2.0/24'", "'u'@'10.1.2.3'"}, "10.1.2.3", "10.1.2.3"},
		{[]string{"'u'@'10.1.2._'"}, "10.1.2.3", "10.1.2._"},
		{[]string{"'u'@'10.1.2._'"}, "10.1.2.33", ""},
		{[]string{"'u'@'loc%'"}, "localhost", "loc%"},
		{[]string{"'u'@''", "'u'@'%'"}, "1.1.1.1", "%"},
		{[]string{"'u'@'%'", "''@'localhost'"}, "localhost", "anonymous"},
		{[]string{"'u'@'localhost'", "''@'localhost'"}, "localhost", "localhost"},
		{[]string{"'u'@'fe80::%'"}, "fe80::1", "fe80::%"},
	} {
		r := newRunner(t)
		for _, a := range c.accounts {
			r.exec("CREATE USER " + a)
		}
		acc := r.a.Lookup("u", c.host)
		got := acc.Host
		if !acc.Known {
			got = ""
		} else if acc.User == "" {
			got = "anonymous"
		}
		if got != c.want {
			t.Errorf("%v from %s: %s, want %s", c.accounts, c.host, got, c.want)
		}
	}
	for _, c := range [][3]string{{"a%c", "abc", "y"}, {"a\\%c", "a%c", "y"}, {"a\\%c", "abc", ""}, {"%", "", "y"}, {"_", "", ""}, {"d\\_x%", "d_xyz", "y"}, {"d\\_x%", "daxyz", ""}} {
		if like(c[0], c[1]) != (c[2] == "y") {
			t.Errorf("%s LIKE %s", c[1], c[0])
		}
	}
}

func TestDatabasePatterns(t *testing.T) {
	r := newRunner(t)
	r.exec("CREATE USER u", "GRANT SELECT ON `d%`.* TO u", "GRANT INSERT ON `data\\_1`.* TO u", "GRANT UPDATE ON `da%`.* TO u", "GRANT DELETE ON d.* TO u")
	a := r.a.Grants().Active(Name{"u", "%"}, nil, nil)
	for db, want := range map[string]Privileges{"dx": Select, "data_1": Insert, "datax1": Update, "d": Delete, "e": 0} {
		if got := a.Database(db); got != want {
			t.Errorf("%s: %s, want %s", db, got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	now := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	a := New(Options{Now: func() time.Time { return now }})
	if err := a.Exec("CREATE USER u WITH MAX_QUERIES_PER_HOUR 2 MAX_UPDATES_PER_HOUR 1 MAX_USER_CONNECTIONS 1 FAILED_LOGIN_ATTEMPTS 2 PASSWORD_LOCK_TIME 3"); err != nil {
		t.Fatal(err)
	}
	number := func(err error) int {
		var se *mysql.SQLError
		if errors.As(err, &se) {
			return se.Num
		}
		return 0
	}
	acc := a.Lookup("u", "h")
	u, _ := a.Grants().User(Name{"u", "%"})
	if a.Connect(acc) != nil || number(a.Connect(acc)) != 1226 {
		t.Error("MAX_USER_CONNECTIONS")
	}
	if a.Disconnect(acc); a.Connect(acc) != nil {
		t.Error("MAX_USER_CONNECTIONS after the end of a connection")
	}
	if a.Statement(u, true) != nil || number(a.Statement(u, true)) != 1226 || number(a.Statement(u, false)) != 1226 {
		t.Error("MAX_QUERIES_PER_HOUR, MAX_UPDATES_PER_HOUR")
	}
	if now = now.Add(time.Hour); a.Statement(u, true) != nil {
		t.Error("the next hour")
	}
	a.Tried(acc, false)
	a.Tried(acc, true)
	a.Tried(acc, false)
	if a.Blocked(acc, "u", "h") != nil {
		t.Error("blocked without consecutive failures")
	}
	a.Tried(acc, false)
	const text = "Access denied for user 'u'@'h'. Account is blocked for 3 day(s) (3 day(s) remaining) due to 2 consecutive failed logins."
	var se *mysql.SQLError
	if err := a.Blocked(acc, "u", "h"); !errors.As(err, &se) || se.Num != 3955 || se.Message != text {
		t.Error(err)
	}
	if now = now.Add(72 * time.Hour); a.Blocked(acc, "u", "h") != nil {
		t.Error("still blocked")
	}
	a.Tried(acc, false)
	a.Tried(acc, false)
	if err := a.Exec("ALTER USER u ACCOUNT UNLOCK"); err != nil || a.Blocked(acc, "u", "h") != nil {
		t.Error("ACCOUNT UNLOCK", err)
	}
	if a.PasswordExpired(acc, 4) || !a.PasswordExpired(a.Lookup("root", "localhost"), 1) {
		t.Error("default_password_lifetime")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"CREATE USER u@h IDENTIFIED BY 'x', v", "ALTER USER CURRENT_USER() IDENTIFIED WITH a AS 0x41",
		"SET PASSWORD FOR a@b=PASSWORD('x')", "GRANT a TO b IDENTIFIED VIA c USING PASSWORD('", "/*!50000 CREATE*/ USER -- \n`a``b`",
		"REVOKE SELECT (a, b), x ON TABLE `d`.t FROM u, v IGNORE UNKNOWN USER", "SET ROLE ALL EXCEPT a, b@c", "SHOW GRANTS FOR u USING r"} {
		f.Add(s)
	}
	a := New(Options{})
	f.Fuzz(func(t *testing.T, q string) {
		for _, m := range []Mode{{}, {Source: true}, {NoBackslash: true}} {
			st, end, ok, err := Parse(q, m)
			if err != nil || !ok {
				continue
			}
			if end > len(q) {
				t.Fatalf("end %d of %d", end, len(q))
			}
			env := &Env{SQL: q[:end], Mode: m, Active: Everything, Self: Name{"root", "localhost"}, Now: time.Unix(1, 0), Database: "d"}
			_, _ = a.Grants().draft().apply(st, env)
		}
	})
}
