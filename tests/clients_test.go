package tests

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"binrelay/tests/cluster"
)

// goClients builds the tests of the module in tests/clients and returns the
// program.
func goClients(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "clients.test")
	build := exec.Command("go", "test", "-c", "-o", program, ".")
	build.Dir = "clients"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build tests/clients: %v\n%s", err, out)
	}
	return program
}

// clientCommand is one test of tests/clients against a server.
func clientCommand(program string, s *cluster.Server, name string, env ...string) *exec.Cmd {
	cmd := exec.Command(program, "-test.v", "-test.timeout=90s", "-test.run=^"+name+"$")
	cmd.Env = append(append(os.Environ(), fmt.Sprintf("BINRELAY_ADDR=127.0.0.1:%d", s.Port)), env...)
	return cmd
}

// Programs over Go libraries: sqlx, GORM with its migrations, go-mysql's
// client, pool, binlog reader and canal, which follows a server that is killed.
func TestClients_Go(t *testing.T) {
	program := goClients(t)
	for name, what := range map[string]string{
		"TestSqlx":          "sqlx",
		"TestGorm":          "GORM",
		"TestGoMySQLClient": "go-mysql client",
		"TestGoMySQLPool":   "go-mysql client",
		"TestBinlogSyncer":  "go-mysql BinlogSyncer",
	} {
		t.Run(name, func(t *testing.T) {
			s := cluster.Start(t, "s", "server-id=1", "log-bin=mysql-bin", "gtid_mode=ON", "enforce_gtid_consistency=ON")
			out, err := clientCommand(program, s, name).CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte("--- PASS: "+name)) {
				t.Errorf("%s: %v\n%s", what, err, out)
			}
		})
	}
	t.Run("TestCanal", func(t *testing.T) { canalOfKilledServer(t, program) })
}

// canalOfKilledServer lets canal dump a table and follow it while rows are
// written; the server is killed twice meanwhile.
func canalOfKilledServer(t *testing.T, program string) {
	t.Helper()
	dump := cluster.Need(t, "mysqldump")
	s := cluster.Start(t, "s", "server-id=1", "log-bin=mysql-bin", "gtid_mode=ON", "enforce_gtid_consistency=ON")
	s.Exec("CREATE DATABASE canal", "CREATE TABLE canal.t (id INT PRIMARY KEY, s VARCHAR(20))")
	n := 0
	write := func(count int) {
		for range count {
			n++
			s.Exec(fmt.Sprintf("INSERT INTO canal.t (id, s) VALUES (%d, 'row %d')", n, n))
		}
		s.Exec(fmt.Sprintf("UPDATE canal.t SET s = CONCAT(s, '+') WHERE id %% 3 = 0; DELETE FROM canal.t WHERE id %% 7 = %d", n%7))
	}
	write(40)
	cmd := clientCommand(program, s, "TestCanal", "MYSQLDUMP="+dump)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended when all is well
	var text strings.Builder
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		fmt.Fprintln(&text, lines.Text())
		if lines.Text() != "the dump is done" {
			continue
		}
		for range 2 {
			write(30)
			s.Kill()
			s.Run()
		}
		s.Exec("ALTER TABLE canal.t ADD more INT, MODIFY s VARCHAR(40)")
		write(30)
		s.Exec("INSERT INTO canal.t (id, s) VALUES (0, 'end')")
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("canal: %v\n%s%s", err, text.String(), stderr.String())
	}
}
