package tests

import (
	"context"
	"crypto/sha1"
	"database/sql"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// Accounts and grants survive a kill and reach the replica as hashes; the
// password is in no file and no list.
func TestAccounts_SurviveAndReplicate(t *testing.T) {
	const canary = "Canary-4711-secret"
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin")
	cluster.Follow(t, p, r)
	p.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)",
		fmt.Sprintf("CREATE USER 'sha'@'%%' IDENTIFIED BY '%s'", canary),
		fmt.Sprintf("CREATE USER 'native'@'%%' IDENTIFIED WITH mysql_native_password BY '%s'", canary),
		"GRANT SELECT ON d.* TO 'sha'@'%'", "GRANT ALL ON *.* TO 'native'@'%'", "REVOKE INSERT ON *.* FROM 'native'@'%'",
		"CREATE USER gone", "DROP USER gone")
	cluster.WaitCaughtUp(t, p, r, 15*time.Second)
	for _, s := range []*cluster.Server{p, r} {
		s.Kill()
		s.Run()
		for _, user := range []string{"sha", "native"} {
			c := open(t, s, user, canary, "d")
			if _, err := c.ExecContext(t.Context(), "SELECT * FROM t"); err != nil {
				t.Errorf("%s: %s: %v", s.Name, user, err)
			}
			_, err := c.ExecContext(t.Context(), "INSERT INTO t VALUES (1)")
			wantError(t, s.Name+": INSERT of "+user, err, 1142, "42000", `INSERT command denied to user '`+user+`'@'[^']*' for table 't'`)
		}
		grants := fmt.Sprint(s.Rows("SHOW GRANTS FOR 'sha'@'%'"))
		if !strings.Contains(grants, "GRANT SELECT ON `d`.* TO `sha`@`%`") {
			t.Errorf("%s: SHOW GRANTS: %s", s.Name, grants)
		}
		if _, err := tryOpen(t, s, "gone", "", ""); err == nil {
			t.Errorf("%s: a dropped user logs in", s.Name)
		}
		if strings.Contains(s.Log(), canary) {
			t.Errorf("%s: the log holds the password", s.Name)
		}
	}
	for _, s := range []*cluster.Server{p, r} {
		s.Stop()
		err := filepath.WalkDir(s.Dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if strings.Contains(string(b), canary) {
				t.Errorf("%s: %s holds the password", s.Name, path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// A dump needs REPLICATION SLAVE, the replica's statements their privilege.
func TestAccounts_ReplicationPrivileges(t *testing.T) {
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin")
	p.Exec("CREATE USER 'weak'@'%' IDENTIFIED BY 'pw'", "CREATE USER 'monitor'@'%' IDENTIFIED BY 'pw'", "GRANT REPLICATION CLIENT ON *.* TO 'monitor'@'%'",
		"CREATE USER 'admin'@'%' IDENTIFIED BY 'pw'", "GRANT REPLICATION_SLAVE_ADMIN ON *.* TO 'admin'@'%'")
	r.Exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='weak', MASTER_PASSWORD='pw', MASTER_LOG_FILE='mysql-bin.000001', MASTER_LOG_POS=4, MASTER_CONNECT_RETRY=1, GET_MASTER_PUBLIC_KEY=1", p.Port), "START SLAVE")
	cluster.WaitFor(t, 10*time.Second, func() string {
		st := r.Status()
		if n := st["Last_IO_Errno"]; n != "0" && strings.Contains(st["Last_IO_Error"], "REPLICATION SLAVE") {
			return ""
		}
		return "IO error " + st["Last_IO_Errno"] + " " + st["Last_IO_Error"]
	})
	weak, monitor, admin := open(t, p, "weak", "pw", ""), open(t, p, "monitor", "pw", ""), open(t, p, "admin", "pw", "")
	for _, q := range []string{"SHOW MASTER STATUS", "SHOW SLAVE STATUS", "SHOW BINARY LOGS", "STOP SLAVE", "RESET MASTER", "PURGE BINARY LOGS TO 'x'", "SET GLOBAL sql_slave_skip_counter=1", "FLUSH LOGS", "SET sql_log_bin=0"} {
		_, err := weak.ExecContext(t.Context(), q)
		wantError(t, q, err, 1227, "42000", `Access denied; you need \(at least one of\) the .* privilege\(s\) for this operation`)
	}
	for _, q := range []string{"SHOW MASTER STATUS", "SHOW SLAVE STATUS", "SHOW BINARY LOGS"} {
		if _, err := monitor.ExecContext(t.Context(), q); err != nil {
			t.Errorf("%s with REPLICATION CLIENT: %v", q, err)
		}
	}
	if _, err := admin.ExecContext(t.Context(), "STOP SLAVE"); err != nil {
		t.Errorf("STOP SLAVE with REPLICATION_SLAVE_ADMIN: %v", err)
	}
}

// openTLS connects with TLS as a driver does that checks no certificate.
func openTLS(t *testing.T, s *cluster.Server, user, password string) error {
	t.Helper()
	pool, err := sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(127.0.0.1:%d)/?tls=skip-verify", user, password, s.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	return pool.PingContext(t.Context())
}

// What CREATE and ALTER USER say of an account holds when it logs in, with a
// driver with TLS and without, and with the stock client.
func TestAccounts_LogIn(t *testing.T) {
	client := cluster.Need(t, "mariadb")
	s := cluster.Start(t, "primary", "server-id=1")
	s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)",
		"CREATE USER tls IDENTIFIED BY 'pw' REQUIRE SSL", "CREATE USER x509 IDENTIFIED BY 'pw' REQUIRE X509", "CREATE USER cipher IDENTIFIED BY 'pw' REQUIRE CIPHER 'none'",
		"CREATE USER locked IDENTIFIED BY 'pw' ACCOUNT LOCK", "CREATE USER few IDENTIFIED BY 'pw' WITH MAX_USER_CONNECTIONS 1",
		"CREATE USER counted IDENTIFIED BY 'pw' WITH MAX_QUERIES_PER_HOUR 3 MAX_UPDATES_PER_HOUR 1", "GRANT ALL ON d.* TO counted",
		"CREATE USER expired IDENTIFIED WITH mysql_native_password BY 'pw' PASSWORD EXPIRE", "GRANT SELECT ON d.* TO expired",
		"CREATE USER guarded IDENTIFIED BY 'pw' FAILED_LOGIN_ATTEMPTS 2 PASSWORD_LOCK_TIME UNBOUNDED",
		"CREATE USER h@'127.0.0.0/255.0.0.0' IDENTIFIED BY 'mask', h@'%' IDENTIFIED BY 'any', h@localhost IDENTIFIED BY 'local'")
	denied := func(user, password string, number uint16, text string) {
		t.Helper()
		_, err := tryOpen(t, s, user, password, "")
		state := "HY000"
		switch number {
		case 1045:
			state = "28000"
		case 1226:
			state = "42000"
		}
		wantError(t, user, err, number, state, text)
	}
	denied("tls", "pw", 1045, `Access denied for user 'tls'@'127.0.0.1' \(using password: YES\)`)
	denied("locked", "pw", 3118, `Access denied for user 'locked'@'127.0.0.1'\. Account is locked\.`)
	denied("expired", "pw", 1862, `Your password has expired\. To log in you must change it using a client that supports expired passwords\.`)
	if err := openTLS(t, s, "tls", "pw"); err != nil {
		t.Errorf("REQUIRE SSL with TLS: %v", err)
	}
	wantError(t, "x509", openTLS(t, s, "x509", "pw"), 1045, "28000", `Access denied for user 'x509'.*`)
	wantError(t, "cipher", openTLS(t, s, "cipher", "pw"), 1045, "28000", `Access denied for user 'cipher'.*`)
	open(t, s, "h", "local", "")
	denied("h", "any", 1045, `Access denied for user 'h'@.*`)
	s.Exec("ALTER USER locked ACCOUNT UNLOCK")
	open(t, s, "locked", "pw", "")

	one := open(t, s, "few", "pw", "")
	denied("few", "pw", 1226, `User 'few' has exceeded the 'max_user_connections' resource \(current value: 1\)`)
	if err := one.Raw(func(c any) error { return c.(io.Closer).Close() }); err != nil {
		t.Error(err)
	}
	cluster.WaitFor(t, 5*time.Second, func() string {
		c, err := tryOpen(t, s, "few", "pw", "")
		if err != nil {
			return err.Error()
		}
		c.Close()
		return ""
	})

	counted := open(t, s, "counted", "pw", "d")
	execute(t, counted, "INSERT INTO t VALUES (1)")
	_, err := counted.ExecContext(t.Context(), "DELETE FROM t")
	wantError(t, "MAX_UPDATES_PER_HOUR", err, 1226, "42000", `User 'counted' has exceeded the 'max_updates' resource \(current value: 1\)`)
	execute(t, counted, "SELECT 1")
	_, err = counted.ExecContext(t.Context(), "SELECT 1")
	wantError(t, "MAX_QUERIES_PER_HOUR", err, 1226, "42000", `User 'counted' has exceeded the 'max_questions' resource \(current value: 3\)`)

	denied("guarded", "no", 1045, `Access denied .*`)
	denied("guarded", "no", 3955, `Access denied for user 'guarded'@'127.0.0.1'\. Account is blocked for unlimited day\(s\) \(unlimited day\(s\) remaining\) due to 2 consecutive failed logins\.`)
	denied("guarded", "pw", 3955, `Access denied .*`)
	s.Exec("ALTER USER guarded ACCOUNT UNLOCK")
	open(t, s, "guarded", "pw", "")

	run := func(user, password, script string, args ...string) (string, error) {
		c := exec.Command(client, append([]string{"--no-defaults", "-h127.0.0.1", fmt.Sprintf("-P%d", s.Port), "-u" + user, "--password=" + password, "-B", "-N"}, args...)...)
		c.Stdin = strings.NewReader(script)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	if out, err := run("expired", "pw", "SELECT * FROM d.t", "--connect-expired-password"); err == nil || !strings.Contains(out, "ERROR 1820 (HY000) at line 1: You must reset your password using ALTER USER statement before executing this statement.") {
		t.Errorf("sandbox: %s, %v", out, err)
	}
	if out, err := run("expired", "pw", "ALTER USER USER() IDENTIFIED BY 'new'; SELECT id FROM d.t", "--connect-expired-password"); err != nil || out != "1\n" {
		t.Errorf("ALTER USER in the sandbox: %s, %v", out, err)
	}
	if out, err := run("expired", "new", "SET PASSWORD = 'newer'; SELECT CURRENT_USER()", "--skip-ssl"); err != nil || out != "expired@%\n" {
		t.Errorf("SET PASSWORD: %s, %v", out, err)
	}
	if out, err := run("tls", "pw", "SELECT USER()", "--ssl", "--skip-ssl-verify-server-cert"); err != nil || out != "tls@127.0.0.1\n" {
		t.Errorf("the client with TLS: %s, %v", out, err)
	}
	if out, err := run("root", "", "CREATE USER made IDENTIFIED BY RANDOM PASSWORD"); err == nil {
		f := strings.Split(strings.TrimSpace(out), "\t")
		if len(f) != 4 || f[0] != "made" || openTLS(t, s, "made", url.QueryEscape(f[2])) == nil && len(f[2]) != 20 {
			t.Errorf("RANDOM PASSWORD: %q", f)
		}
	} else {
		t.Errorf("RANDOM PASSWORD: %s, %v", out, err)
	}
}

// Account statements are whole after a kill -9, here and on a replica, and a
// MariaDB behind us knows those with mysql_native_password.
func TestAccounts_KilledAndFollowed(t *testing.T) {
	cluster.Need(t, "mariadbd")
	p := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin", "collation-server=utf8mb4_general_ci",
		"default_authentication_plugin=mysql_native_password")
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin", "default_authentication_plugin=mysql_native_password")
	p.Exec("CREATE USER 'repl'@'%' IDENTIFIED BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'")
	at := p.Rows("SHOW MASTER STATUS")[0]
	m := cluster.StartMariaDB(t, "--server-id=100")
	m.FollowFrom(p, at[0], at[1])
	cluster.Follow(t, p, r)
	p.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, a INT)",
		"CREATE USER a IDENTIFIED BY 'one', b IDENTIFIED BY 'two' REQUIRE SSL WITH MAX_USER_CONNECTIONS 7 ACCOUNT LOCK",
		"GRANT SELECT (a), UPDATE ON d.t TO a", "GRANT ALL ON d.* TO b WITH GRANT OPTION", "SET PASSWORD FOR a = 'three'", "RENAME USER a TO c@'10.%'",
		"ALTER USER b ACCOUNT UNLOCK PASSWORD EXPIRE INTERVAL 30 DAY", "CREATE USER gone, gone2", "DROP USER gone, gone2", "CREATE ROLE dev", "GRANT SELECT ON d.* TO dev", "GRANT dev TO b")
	m.WaitCaughtUp(p, 20*time.Second)
	if got, err := cluster.Rows(m.DB, "SELECT User, Host, authentication_string FROM mysql.user WHERE User IN ('b', 'c', 'gone') ORDER BY 1"); err != nil ||
		fmt.Sprint(got) != fmt.Sprintf("[[b %% %s] [c 10.%% %s]]", native("two"), native("three")) {
		t.Errorf("MariaDB: %v, %v", got, err)
	}
	if got, err := cluster.Rows(m.DB, "SHOW GRANTS FOR c@'10.%'"); err != nil || !strings.Contains(fmt.Sprint(got), "SELECT (`a`), UPDATE ON `d`.`t`") {
		t.Errorf("MariaDB: %v, %v", got, err)
	}
	cluster.WaitCaughtUp(t, p, r, 15*time.Second)

	// Statements that name several accounts do all or nothing.
	done := make(chan int)
	go func() {
		c, err := tryOpen(t, p, "root", "", "")
		n := 0
		for err == nil {
			_, err = c.ExecContext(context.Background(), fmt.Sprintf("CREATE USER k%d_a, k%[1]d_b, k%[1]d_c", n))
			if err == nil {
				n++
			}
		}
		done <- n
	}()
	time.Sleep(500 * time.Millisecond)
	p.Kill()
	acknowledged := <-done
	p.Run()
	count := p.Rows("SELECT SUBSTRING_INDEX(User, '_', 1), COUNT(*) FROM mysql.user WHERE User LIKE 'k%\\_%' GROUP BY 1")
	if len(count) < acknowledged || len(count) > acknowledged+1 {
		t.Errorf("%d statements acknowledged, %d done", acknowledged, len(count))
	}
	for _, c := range count {
		if c[1] != "3" {
			t.Errorf("half a statement: %v", c)
		}
	}
	cluster.WaitCaughtUp(t, p, r, 30*time.Second)
	for _, q := range []string{"SELECT User, Host, plugin, authentication_string, account_locked, ssl_type, max_user_connections, password_lifetime FROM mysql.user ORDER BY 1, 2",
		"SELECT * FROM mysql.db", "SELECT Host, Db, User, Table_name, Table_priv, Column_priv FROM mysql.tables_priv", "SELECT * FROM mysql.role_edges"} {
		if a, b := fmt.Sprint(p.Rows(q)), fmt.Sprint(r.Rows(q)); a != b {
			t.Errorf("%s:\nprimary %s\nreplica %s", q, a, b)
		}
	}
}

// native is the hash of mysql_native_password.
func native(password string) string {
	once := sha1.Sum([]byte(password))
	return fmt.Sprintf("*%X", sha1.Sum(once[:]))
}

// What a MariaDB source logs of accounts is done here too.
func TestAccounts_FromMariaDB(t *testing.T) {
	cluster.Need(t, "mariadbd")
	m := cluster.StartMariaDB(t, "--server-id=100", "--log-bin=m-bin", "--binlog-format=ROW")
	m.Exec("CREATE USER 'repl'@'%' IDENTIFIED BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'")
	at, err := cluster.Rows(m.DB, "SHOW MASTER STATUS")
	if err != nil {
		t.Fatal(err)
	}
	r := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin")
	r.Exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='repl', MASTER_PASSWORD='secret', MASTER_LOG_FILE='%s', MASTER_LOG_POS=%s", m.Port, at[0][0], at[0][1]), "START SLAVE")
	const clear = "Clear-0815-text"
	m.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "CREATE USER a@'%' IDENTIFIED BY '"+clear+"'", "GRANT SELECT, DELETE HISTORY ON d.t TO b@'%' IDENTIFIED BY '"+clear+"'")
	cluster.WaitFor(t, 15*time.Second, func() string {
		if st := r.Status(); st["Last_SQL_Errno"] != "1235" || !strings.Contains(st["Last_SQL_Error"], "DELETE HISTORY") || strings.Contains(st["Last_SQL_Error"], clear) {
			return "SQL error " + st["Last_SQL_Errno"] + " " + st["Last_SQL_Error"]
		}
		return ""
	})
	r.Exec("SET GLOBAL sql_slave_skip_counter = 1", "START SLAVE")
	m.Exec("SET PASSWORD FOR a@'%' = PASSWORD('pw')", "GRANT SELECT ON d.* TO c@'%' IDENTIFIED BY 'pw' REQUIRE SSL", "CREATE ROLE dev", "GRANT ALL ON d.* TO dev", "GRANT dev TO a@'%'", "SET DEFAULT ROLE dev FOR a@'%'",
		"CREATE OR REPLACE USER e@localhost IDENTIFIED BY 'x' ACCOUNT LOCK", "RENAME USER e@localhost TO f@localhost", "GRANT BINLOG MONITOR, REPLICATION SLAVE ON *.* TO f@localhost", "CREATE TABLE d.last (id INT)")
	cluster.WaitFor(t, 15*time.Second, func() string {
		if len(r.Rows("SHOW TABLES FROM d LIKE 'last'")) == 0 {
			st := r.Status()
			return "SQL error " + st["Last_SQL_Errno"] + " " + st["Last_SQL_Error"]
		}
		return ""
	})
	if _, err := open(t, r, "a", "pw", "d").ExecContext(t.Context(), "INSERT INTO t VALUES (1)"); err != nil {
		t.Errorf("by the default role: %v", err)
	}
	if got := r.One("SHOW GRANTS FOR f@localhost"); got != "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `f`@`localhost`" {
		t.Error(got)
	}
	if got := r.One("SELECT ssl_type FROM mysql.user WHERE User = 'c'"); got != "ANY" {
		t.Errorf("REQUIRE SSL: %s", got)
	}
	if strings.Contains(r.Log(), clear) {
		t.Error("the log holds a password")
	}
}

// No list, error or file has a password, of statements that fail to parse
// either.
func TestAccounts_NoPasswordAnywhere(t *testing.T) {
	const canary = "Canary-1234-word"
	s := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	s.Exec("CREATE USER u")
	root := open(t, s, "root", "", "")
	for _, q := range []string{
		"CREATE USER a IDENTIFIED BY '%s'", "ALTER USER u IDENTIFIED BY '%s'", "SET PASSWORD FOR u = '%s'", "ALTER USER u IDENTIFIED BY '%s' REPLACE '%[1]s'",
		"CREATE USER b IDENTIFIED WITH mysql_native_password BY '%s'", "CREATE USER u IDENTIFIED BY '%s'", "ALTER USER none IDENTIFIED BY '%s'",
		"GRANT SELECT ON *.* TO u IDENTIFIED BY '%s'", "CREATE USER c IDENTIFIED BY '%s' OOPS", "CREATE USER c IDENTIFIED '%s'", "CREATE USER c IDENTIFIED BY '%s",
		"ALTER USER u IDENTIFIED WITH nosuch BY '%s'", "ALTER USER u IDENTIFIED BY PASSWORD '%s'", "SET PASSWORD FOR u '%s'", "SET PASSWORD = OLD_PASSWORD('%s')",
		"CREATE USER d IDENTIFIED BY '%s' MAX_QUERIES", "CREATE USERS d IDENTIFIED BY '%s'", "CREATE TABLE t IDENTIFIED BY '%s'", "ALTER USER u IDENTIFIED BY '%s'; SELECT nosuch",
		"PREPARE s FROM 'CREATE USER e IDENTIFIED BY ''%s'''", "CHANGE MASTER TO MASTER_PASSWORD='%s', OOPS", "/* x */ ALTER USER u IDENTIFIED BY \"%s\" x",
	} {
		if _, err := root.ExecContext(t.Context(), fmt.Sprintf(q, canary)); err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", q, err)
		}
		for _, list := range []string{"SHOW WARNINGS", "SHOW FULL PROCESSLIST", "SELECT * FROM information_schema.processlist"} {
			if rows := fmt.Sprint(s.Rows(list)); strings.Contains(rows, canary) {
				t.Errorf("%s: %s has the password", q, list)
			}
		}
	}
	// While it runs, too: it waits for a lock.
	blocker := open(t, s, "root", "", "")
	execute(t, blocker, "FLUSH TABLES WITH READ LOCK")
	waits := make(chan error)
	go func() {
		_, err := root.ExecContext(context.Background(), "ALTER USER u IDENTIFIED BY '"+canary+"'")
		waits <- err
	}()
	cluster.WaitFor(t, 5*time.Second, func() string {
		for _, list := range []string{"SHOW FULL PROCESSLIST", "SELECT * FROM information_schema.processlist"} {
			rows := fmt.Sprint(s.Rows(list))
			if strings.Contains(rows, canary) {
				t.Fatalf("%s: %s", list, rows)
			}
			if !strings.Contains(rows, "ALTER USER u IDENTIFIED BY <secret>") {
				return list + ": " + rows
			}
		}
		return ""
	})
	execute(t, blocker, "UNLOCK TABLES")
	if err := <-waits; err != nil {
		t.Error(err)
	}
	events := fmt.Sprint(s.Rows("SHOW BINLOG EVENTS"))
	if strings.Contains(events, canary) || !strings.Contains(events, "CREATE USER 'a'@'%' IDENTIFIED WITH 'caching_sha2_password' AS '$A$005$") {
		t.Errorf("SHOW BINLOG EVENTS: %s", events)
	}
	s.Stop()
	err := filepath.WalkDir(s.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), canary) {
			t.Errorf("%s holds the password", path)
		}
		return err
	})
	if err != nil || strings.Contains(s.Log(), canary) {
		t.Errorf("the log holds the password (%v)", err)
	}
}
