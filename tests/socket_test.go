package tests

import (
	"database/sql"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"binrelay/tests/cluster"
)

// The stock client connects through the Unix socket: as root without anything,
// as an account with a password, which the socket carries as TLS would.
func TestSocket_StockClient(t *testing.T) {
	client := cluster.Need(t, "mariadb")
	s := cluster.Start(t, "s", "server-id=1", "require_secure_transport=OFF")
	socket := filepath.Join(s.Dir, "mysql.sock")
	run := func(args ...string) (string, error) {
		out, err := exec.Command(client, append([]string{"--no-defaults", "-N", "-S", socket}, args...)...).CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	if out, err := run("-uroot", "-e", "SELECT CURRENT_USER(), @@socket"); err != nil || out != "root@localhost\t"+socket {
		t.Errorf("root through the socket: %v: %q", err, out)
	}
	s.Exec("CREATE USER 'u'@'localhost' IDENTIFIED WITH caching_sha2_password BY 'secret'", "CREATE USER 'far'@'192.0.2.%' IDENTIFIED BY 'secret'",
		"SET GLOBAL require_secure_transport=ON")
	if out, err := run("-uu", "-psecret", "-e", "SELECT USER()"); err != nil || out != "u@localhost" {
		t.Errorf("a password through the socket: %v: %q", err, out)
	}
	if out, err := run("-uu", "-pwrong", "-e", "SELECT 1"); err == nil || !strings.Contains(out, "1045") {
		t.Errorf("a wrong password: %v: %q", err, out)
	}
	if out, err := run("-ufar", "-psecret", "-e", "SELECT 1"); err == nil || !strings.Contains(out, "1045") {
		t.Errorf("an account of another host: %v: %q", err, out)
	}
}

// A socket file that a killed server left behind does not stop the next; one
// that another server answers on does.
func TestSocket_LeftBehind(t *testing.T) {
	s := cluster.Start(t, "s", "server-id=1")
	socket := filepath.Join(s.Dir, "mysql.sock")
	ping := func() {
		t.Helper()
		db, err := sql.Open("mysql", "root@unix("+socket+")/")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.Ping(); err != nil {
			t.Error(err)
		}
	}
	ping()
	s.Kill()
	s.Run()
	ping()
	out, err := exec.Command(cluster.Binary(t), "serve", "--datadir="+t.TempDir(), "--port=0", "--socket="+socket).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another process is using it") {
		t.Errorf("two servers on one socket: %v\n%s", err, out)
	}
	ping()
}
