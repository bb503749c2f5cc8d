package sql

import (
	"strings"
	"testing"

	gms "github.com/dolthub/go-mysql-server/sql"
)

// clientOf is a session of an account.
func (ts *testServer) clientOf(user, host string) *client {
	testIDs++
	base := gms.NewBaseSessionWithClientServer("", gms.Client{User: user, Address: host}, testIDs)
	c := &client{t: ts.t, s: ts, Session: ts.session(base)}
	ts.t.Cleanup(c.SessionEnd)
	return c
}

// SUPER is not every privilege: what REVOKE takes away is gone.
func TestAuthorize_RevokeAfterGrantAll(t *testing.T) {
	ts := newTestServer(t, nil)
	root := ts.client()
	root.exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "CREATE USER u@localhost", "CREATE USER w@localhost",
		"GRANT ALL ON *.* TO u@localhost", "REVOKE INSERT, RELOAD, DROP ON *.* FROM u@localhost", "CREATE TABLE d.x (id INT PRIMARY KEY)")
	u := ts.clientOf("u", "localhost")
	u.exec("USE d", "DELETE FROM t", "SET GLOBAL max_connections = 100")
	for _, q := range []struct{ text, want string }{
		{"INSERT INTO t VALUES (1)", "INSERT command denied to user 'u'@'localhost' for table 't'"},
		{"REPLACE INTO d.t VALUES (1)", "INSERT command denied to user 'u'@'localhost' for table 't'"},
		{"DROP TABLE t", "DROP command denied to user 'u'@'localhost' for table 't'"},
		{"RENAME TABLE t TO t2", "DROP command denied to user 'u'@'localhost' for table 't'"},
	} {
		if msg := u.fails(1142, q.text); msg != q.want {
			t.Errorf("%s: %q, want %q", q.text, msg, q.want)
		}
	}
	if msg := u.fails(1227, "FLUSH LOGS"); msg == "" {
		t.Error("FLUSH LOGS without RELOAD")
	}
	u.fails(1227, "DROP DATABASE d")
	root.want("SHOW GRANTS FOR u@localhost", "GRANT SELECT, UPDATE, DELETE, CREATE, SHUTDOWN, PROCESS, FILE, REFERENCES, INDEX, ALTER, SHOW DATABASES, SUPER, "+
		"CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, "+
		"CREATE USER, EVENT, TRIGGER, CREATE TABLESPACE, CREATE ROLE, DROP ROLE ON *.* TO `u`@`localhost`\n"+
		"GRANT APPLICATION_PASSWORD_ADMIN,AUDIT_ABORT_EXEMPT,AUDIT_ADMIN,AUTHENTICATION_POLICY_ADMIN,BACKUP_ADMIN,BINLOG_ADMIN,BINLOG_ENCRYPTION_ADMIN,"+
		"CLONE_ADMIN,CONNECTION_ADMIN,ENCRYPTION_KEY_ADMIN,FIREWALL_EXEMPT,FLUSH_OPTIMIZER_COSTS,FLUSH_STATUS,FLUSH_TABLES,FLUSH_USER_RESOURCES,"+
		"GROUP_REPLICATION_ADMIN,GROUP_REPLICATION_STREAM,INNODB_REDO_LOG_ARCHIVE,INNODB_REDO_LOG_ENABLE,PASSWORDLESS_USER_ADMIN,PERSIST_RO_VARIABLES_ADMIN,"+
		"REPLICATION_APPLIER,REPLICATION_SLAVE_ADMIN,RESOURCE_GROUP_ADMIN,RESOURCE_GROUP_USER,ROLE_ADMIN,SENSITIVE_VARIABLES_OBSERVER,"+
		"SERVICE_CONNECTION_ADMIN,SESSION_VARIABLES_ADMIN,SET_USER_ID,SHOW_ROUTINE,SYSTEM_USER,SYSTEM_VARIABLES_ADMIN,TABLE_ENCRYPTION_ADMIN,"+
		"TELEMETRY_LOG_ADMIN,XA_RECOVER_ADMIN ON *.* TO `u`@`localhost`")
	root.exec("GRANT ALL ON d.* TO w@localhost WITH GRANT OPTION", "GRANT SELECT, INSERT ON d.x TO w@localhost")
	root.want("SHOW GRANTS FOR w@localhost", "GRANT USAGE ON *.* TO `w`@`localhost`\n"+
		"GRANT ALL PRIVILEGES ON `d`.* TO `w`@`localhost` WITH GRANT OPTION\n"+
		"GRANT SELECT, INSERT ON `d`.`x` TO `w`@`localhost`")
	root.fails(1141, "SHOW GRANTS FOR nobody@localhost")
	w := ts.clientOf("w", "localhost")
	w.exec("INSERT INTO d.t VALUES (1)")
	if msg := w.fails(1227, "CREATE USER x"); msg != "Access denied; you need (at least one of) the CREATE USER privilege(s) for this operation" {
		t.Errorf("CREATE USER: %q", msg)
	}
	w.fails(1044, "SHOW GRANTS FOR u@localhost")
	w.want("SHOW GRANTS", "GRANT USAGE ON *.* TO `w`@`localhost`\n"+
		"GRANT ALL PRIVILEGES ON `d`.* TO `w`@`localhost` WITH GRANT OPTION\n"+
		"GRANT SELECT, INSERT ON `d`.`x` TO `w`@`localhost`")
}

// Privileges on columns hold for what a statement reads and writes.
func TestAuthorize_Columns(t *testing.T) {
	ts := newTestServer(t, nil)
	root := ts.client()
	root.exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, a INT, b INT, c INT, KEY (c))", "CREATE TABLE d.o (id INT PRIMARY KEY)",
		"INSERT INTO d.t VALUES (1, 2, 3, 4)", "CREATE USER u", "GRANT SELECT (id, a), INSERT (id, a), UPDATE (b) ON d.t TO u", "GRANT SELECT ON d.o TO u")
	u := ts.clientOf("u", "%")
	u.exec("USE d", "SELECT COUNT(*) FROM t", "INSERT INTO t (id, a) VALUES (2, 5)", "UPDATE t SET b = 7", "UPDATE t SET b = a WHERE id = 1")
	u.want("SELECT id, a FROM t x WHERE a > 1 ORDER BY id", "1|2\n2|5")
	u.want("SELECT o.id, (SELECT MAX(a) FROM t) FROM o RIGHT JOIN t ON o.id = t.id WHERE t.id = 1", "NULL|5")
	u.exec("PREPARE s FROM 'SELECT a FROM t WHERE id = ?'", "SET @i = 1", "EXECUTE s USING @i")
	for _, q := range []struct {
		number uint16
		text   string
		sql    string
	}{
		{1143, "SELECT command denied to user 'u'@'%' for column 'b' in table 't'", "SELECT b FROM t"},
		{1143, "for column 'c'", "SELECT a FROM t WHERE c = 4"},
		{1143, "for column 'c'", "SELECT a FROM t ORDER BY c"},
		{1143, "for column 'b'", "SELECT (SELECT MAX(b) FROM t) FROM o RIGHT JOIN t ON o.id = t.id"},
		{1143, "for column 'b'", "SELECT x.a FROM (SELECT a, b FROM t) x WHERE x.b = 1"},
		{1142, "SELECT command denied to user 'u'@'%' for table 't'", "SELECT * FROM t"},
		{1143, "INSERT command denied to user 'u'@'%' for column 'b' in table 't'", "INSERT INTO t (id, b) VALUES (3, 1)"},
		{1142, "INSERT command denied", "INSERT INTO t VALUES (3, 1, 1, 1)"},
		{1143, "UPDATE command denied to user 'u'@'%' for column 'a' in table 't'", "UPDATE t SET a = 1"},
		{1142, "DELETE command denied", "DELETE FROM t"},
		{1142, "DROP command denied", "TRUNCATE TABLE t"},
		{1142, "SELECT command denied", "SELECT * FROM d.nothere"},
	} {
		if msg := u.fails(q.number, q.sql); !strings.Contains(msg, q.text) {
			t.Errorf("%s: %s", q.sql, msg)
		}
	}
	root.want("SHOW GRANTS FOR u", "GRANT USAGE ON *.* TO `u`@`%`\nGRANT SELECT ON `d`.`o` TO `u`@`%`\nGRANT SELECT (`a`, `id`), INSERT (`a`, `id`), UPDATE (`b`) ON `d`.`t` TO `u`@`%`")
	root.want("SELECT Table_name, Column_name, Column_priv FROM mysql.columns_priv", "t|a|3\nt|b|4\nt|id|3")
	root.exec("REVOKE SELECT ON d.t FROM u", "GRANT DELETE, SELECT ON d.t TO u")
	u.exec("SELECT * FROM t", "DELETE FROM t WHERE c = 4")
}

// Roles count while they are active; procedures ask for EXECUTE.
func TestAuthorize_RolesAndRoutines(t *testing.T) {
	ts := newTestServer(t, nil)
	root := ts.client()
	root.exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "CREATE PROCEDURE d.p() SELECT 1", "CREATE ROLE r, must", "CREATE USER u", "GRANT SELECT ON d.t TO r",
		"GRANT r TO u", "GRANT INSERT ON d.* TO must")
	u := ts.clientOf("u", "%")
	u.want("SELECT CURRENT_ROLE()", "NONE")
	u.fails(1142, "SELECT * FROM d.t")
	if msg := u.fails(1044, "USE d"); msg != "Access denied for user 'u'@'%' to database 'd'" {
		t.Error(msg)
	}
	u.exec("SET ROLE r", "SELECT * FROM d.t")
	u.want("SELECT CURRENT_ROLE(), USER(), CURRENT_USER()", "`r`@`%`|u@%|u@%")
	u.want("SELECT ROLE_NAME, IS_DEFAULT, IS_MANDATORY FROM information_schema.applicable_roles", "r|NO|NO")
	u.want("SELECT * FROM information_schema.enabled_roles", "r|%|NO|NO")
	u.want("SHOW GRANTS", "GRANT USAGE ON *.* TO `u`@`%`\nGRANT SELECT ON `d`.`t` TO `u`@`%`\nGRANT `r`@`%` TO `u`@`%`")
	u.fails(3530, "SET ROLE must")
	u.exec("SET ROLE NONE")
	u.fails(1142, "SELECT * FROM d.t")
	u.exec("SET DEFAULT ROLE r TO u")
	ts.clientOf("u", "%").exec("SELECT * FROM d.t")
	root.exec("SET GLOBAL mandatory_roles = 'must'", "SET GLOBAL activate_all_roles_on_login = ON")
	ts.clientOf("u", "%").exec("INSERT INTO d.t VALUES (1)")
	root.exec("SET GLOBAL mandatory_roles = ''", "SET GLOBAL activate_all_roles_on_login = OFF")
	root.fails(1231, "SET GLOBAL mandatory_roles = 'a b'")
	root.fails(1235, "SET GLOBAL partial_revokes = ON")
	if msg := u.fails(1370, "CALL d.p()"); msg != "execute command denied to user 'u'@'%' for routine 'd.p'" {
		t.Error(msg)
	}
	root.fails(1305, "GRANT EXECUTE ON PROCEDURE d.none TO u")
	root.exec("GRANT EXECUTE ON PROCEDURE d.p TO u")
	u.exec("CALL d.p()")
	root.fails(1305, "GRANT EXECUTE ON FUNCTION d.p TO u")
	root.exec("CREATE FUNCTION d.f() RETURNS INT DETERMINISTIC RETURN 7")
	u.fails(1370, "SELECT d.f()")
	root.exec("GRANT EXECUTE ON FUNCTION d.f TO u")
	u.want("SELECT d.f()", "7")
	root.exec("REVOKE EXECUTE ON FUNCTION d.f FROM u")
	root.want("SELECT Db, Routine_name, Routine_type FROM mysql.procs_priv", "d|p|2")
}

// The tables that monitoring and migration tools read.
func TestGrantTables(t *testing.T) {
	ts := newTestServer(t, nil)
	root := ts.client()
	root.exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "CREATE ROLE r",
		"CREATE USER u IDENTIFIED WITH mysql_native_password BY 'x' REQUIRE SSL WITH MAX_USER_CONNECTIONS 3 PASSWORD EXPIRE INTERVAL 9 DAY ACCOUNT LOCK FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2 COMMENT 'c'",
		"GRANT SELECT, RELOAD ON *.* TO u", "GRANT BACKUP_ADMIN ON *.* TO u WITH GRANT OPTION", "GRANT INSERT ON d.* TO u WITH GRANT OPTION", "GRANT DELETE ON d.t TO u", "GRANT r TO u", "SET DEFAULT ROLE r TO u")
	root.want("SELECT Host, User, Select_priv+0, Insert_priv+0, Grant_priv+0, plugin, authentication_string, account_locked+0, password_expired+0, password_lifetime, max_user_connections, ssl_type+0 FROM mysql.user WHERE User = 'u'",
		"%|u|2|1|2|mysql_native_password|*B69027D44F6E5EDC07F1AEAD1477967B16F28227|2|1|9|3|2")
	root.want("SELECT User_attributes->>'$.metadata.comment', User_attributes->>'$.Password_locking.failed_login_attempts' FROM mysql.user WHERE User = 'u'", "c|3")
	root.want("SELECT Host, Db, User, Insert_priv+0, Select_priv+0, Grant_priv+0 FROM mysql.db", "%|d|u|2|1|2")
	root.want("SELECT User, Table_name, Grantor, Table_priv+0 FROM mysql.tables_priv", "u|t|root@localhost|8")
	root.want("SELECT * FROM mysql.global_grants WHERE USER = 'u'", "u|%|BACKUP_ADMIN|2")
	root.want("SELECT * FROM mysql.role_edges", "%|r|%|u|1")
	root.want("SELECT * FROM mysql.default_roles", "%|u|%|r")
	root.want("SELECT * FROM information_schema.user_privileges WHERE GRANTEE = '''u''@''%'''", "'u'@'%'|def|SELECT|YES\n'u'@'%'|def|RELOAD|YES\n'u'@'%'|def|BACKUP_ADMIN|YES")
	root.want("SELECT * FROM information_schema.schema_privileges", "'u'@'%'|def|d|INSERT|YES")
	root.want("SELECT * FROM information_schema.table_privileges", "'u'@'%'|def|d|t|DELETE|NO")
	root.want("SELECT * FROM information_schema.user_attributes WHERE USER = 'u'", `u|%|{"comment": "c"}`)
	root.want("SELECT COUNT(*) FROM mysql.help_topic", "0")
	root.fails(1235, "UPDATE mysql.user SET Host = '%'")
	root.fails(1235, "DELETE FROM mysql.db")
	root.fails(1235, "INSERT INTO mysql.user (User) VALUES ('x')")
	u := ts.clientOf("u", "%")
	u.want("SELECT GRANTEE, PRIVILEGE_TYPE FROM information_schema.schema_privileges", "'u'@'%'|INSERT")
}
