package sql

import (
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
