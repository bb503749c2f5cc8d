package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// A replica of a primary that has data, made as administrators make it: a dump
// that notes the binlog position, loaded into the replica, then CHANGE MASTER
// to that position, here over TLS.
func TestProvision_FromADump(t *testing.T) {
	ran(t, "mysqldump (MariaDB)", versionOf(t, "mariadb-dump"), "a replica from a dump with its position")
	dump := cluster.Need(t, "mariadb-dump")
	admin := cluster.Need(t, "mysqladmin")
	primary := cluster.Start(t, "primary", "server-id=201", "log-bin=mysql-bin")
	replica := cluster.Start(t, "replica", "server-id=202", "log-bin=mysql-bin")
	primary.Exec("CREATE USER 'Slave'@'%' IDENTIFIED BY '123456'", "GRANT REPLICATION SLAVE ON *.* TO 'Slave'@'%'",
		"CREATE DATABASE shop", `CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, n VARCHAR(20) DEFAULT 'it''s',
			d DECIMAL(10,2), at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, e ENUM('a','b'), b BLOB, KEY (d,e))`,
		"INSERT INTO shop.t (n,d,e,b) VALUES ('one',1.5,'a',x'00ff27'),(NULL,NULL,NULL,NULL),(DEFAULT,-2,'b','')")

	run := func(name string, args ...string) string {
		t.Helper()
		args = append([]string{"--no-defaults", "-h127.0.0.1", "-P" + strconv.Itoa(primary.Port), "-uroot"}, args...)
		var errs strings.Builder
		cmd := exec.Command(name, args...)
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %v: %v: %s", name, args, err, errs.String())
		}
		return string(out)
	}
	before := primary.Rows("SHOW MASTER STATUS")[0][0]
	text := run(dump, "--single-transaction", "--flush-logs", "--master-data=2", "--events", "--routines", "--triggers", "--databases", "shop")
	at := regexp.MustCompile(`MASTER_LOG_FILE='([^']+)', MASTER_LOG_POS=(\d+)`).FindStringSubmatch(text)
	if at == nil {
		t.Fatalf("no position in the dump:\n%s", text)
	}
	if at[1] == before {
		t.Errorf("--flush-logs did not begin a new file after %s", before)
	}
	primary.Exec("INSERT INTO shop.t (n) VALUES ('after the dump')")
	run(admin, "refresh")

	file := filepath.Join(t.TempDir(), "dump.sql")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := replica.Client("source " + file); err != nil {
		t.Fatalf("load the dump: %v: %s", err, out)
	}
	replica.Exec("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT="+strconv.Itoa(primary.Port)+
		", MASTER_USER='Slave', MASTER_PASSWORD='123456', MASTER_LOG_FILE='"+at[1]+"', MASTER_LOG_POS="+at[2]+", MASTER_SSL=1", "START SLAVE")
	cluster.WaitCaughtUp(t, primary, replica, time.Minute)
	for _, q := range []string{"SELECT * FROM shop.t ORDER BY id", "CHECKSUM TABLE shop.t", "SHOW CREATE TABLE shop.t", "DESCRIBE shop.t"} {
		want, got := primary.Rows(q), replica.Rows(q)
		if len(want) == 0 || len(want) != len(got) {
			t.Errorf("%s: %d rows, want %d", q, len(got), len(want))
			continue
		}
		for i := range want {
			if strings.Join(want[i], "|") != strings.Join(got[i], "|") {
				t.Errorf("%s: row %d is %q, want %q", q, i, got[i], want[i])
			}
		}
	}
}
