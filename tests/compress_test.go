package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// The stock client, its LOAD DATA LOCAL and the dump tool over the compressed
// protocol, with and without TLS, and a MariaDB that follows through it.
func TestCompression_Tools(t *testing.T) {
	ran(t, "mysql, mysqldump (MariaDB)", versionOf(t, "mariadb-dump"), "the compressed protocol")
	client, dump := cluster.Need(t, "mariadb"), cluster.Need(t, "mariadb-dump")
	s := cluster.Start(t, "s", "server-id=1", "log-bin=mysql-bin", "local_infile=ON",
		"collation-server=utf8mb4_general_ci", "default_authentication_plugin=mysql_native_password")
	s.Exec("CREATE USER 'repl'@'%' IDENTIFIED WITH mysql_native_password BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'")
	at := s.Rows("SHOW MASTER STATUS")[0]
	m := cluster.StartMariaDB(t, "--server-id=100", "--slave-compressed-protocol=ON")
	m.FollowFrom(s, at[0], at[1])

	file := filepath.Join(t.TempDir(), "rows.txt")
	var rows strings.Builder
	for i := range 20000 {
		rows.WriteString(strconv.Itoa(i) + "\tthe same text in each of the rows\n")
	}
	if err := os.WriteFile(file, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	common := []string{"--no-defaults", "-h127.0.0.1", "-P" + strconv.Itoa(s.Port), "-uroot", "--compress"}
	run := func(program string, args ...string) string {
		t.Helper()
		out, err := exec.Command(program, append(common, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v: %s", program, args, err, out)
		}
		return string(out)
	}
	for _, tls := range []string{"--skip-ssl", "--ssl"} {
		if out := run(client, tls, "-N", "-e", "SHOW STATUS LIKE 'Compression%'"); out != "Compression\tON\nCompression_algorithm\tzlib\nCompression_level\t6\n" {
			t.Errorf("%s: %s", tls, out)
		}
	}
	run(client, "--local-infile", "-e", "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, s VARCHAR(100)); LOAD DATA LOCAL INFILE '"+file+"' INTO TABLE d.t")
	if n := s.One("SELECT COUNT(*) FROM d.t"); n != "20000" {
		t.Errorf("%s rows loaded", n)
	}
	sent := func() int {
		n, _ := strconv.Atoi(s.Rows("SHOW GLOBAL STATUS LIKE 'Bytes_sent'")[0][1])
		return n
	}
	m.WaitCaughtUp(s, 30*time.Second)
	before := sent()
	out := run(dump, "--skip-extended-insert", "--databases", "d")
	if n := strings.Count(out, "INSERT INTO"); n != 20000 {
		t.Errorf("%d rows dumped", n)
	}
	if n := sent() - before; n > rows.Len()/3 {
		t.Errorf("%d bytes sent for %d", n, rows.Len())
	}
	m.WaitCaughtUp(s, 30*time.Second)
	cluster.SameData(t, "primary", s.DB(), "MariaDB", m.DB)
}
