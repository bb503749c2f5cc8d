package tests

import (
	"fmt"
	"os"
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
