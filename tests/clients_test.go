package tests

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	const gomysql = "github.com/go-mysql-org/go-mysql"
	for _, c := range []struct{ name, program, module, what string }{
		{"TestSqlx", "sqlx", "github.com/jmoiron/sqlx", "named and listed parameters, structs, transactions, compression"},
		{"TestGorm", "GORM", "gorm.io/gorm", "AutoMigrate twice, the Migrator, associations, upserts, locks"},
		{"TestGoMySQLClient", "go-mysql client", gomysql, "both protocols, streams, several results, TLS, zlib, zstd"},
		{"TestGoMySQLPool", "go-mysql client", gomysql, "a pool"},
		{"TestBinlogSyncer", "go-mysql BinlogSyncer", gomysql, "rows by position, by GTID set, semi-sync asked for"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ran(t, c.program, moduleVersion(t, c.module), c.what)
			s := cluster.Start(t, "s", "server-id=1", "log-bin=mysql-bin", "gtid_mode=ON", "enforce_gtid_consistency=ON")
			out, err := clientCommand(program, s, c.name).CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte("--- PASS: "+c.name)) {
				t.Errorf("%s: %v\n%s", c.program, err, out)
			}
		})
	}
	t.Run("TestCanal", func(t *testing.T) {
		ran(t, "go-mysql canal", moduleVersion(t, gomysql), "a dump by mysqldump, then rows; the server killed twice")
		canalOfKilledServer(t, program)
	})
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
			cluster.WaitFor(t, 20*time.Second, func() string { // canal gives up if its first connection fails
				if s.Rows("SHOW GLOBAL STATUS LIKE 'Slaves_connected'")[0][1] == "0" {
					return "canal has not come"
				}
				return ""
			})
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

// Drivers, ORMs and a binlog reader of npm, each a script in tests/clients/npm
// that compares what it gets and ends with an error where that is wrong.
func TestClients_Npm(t *testing.T) {
	node, dir := cluster.Need(t, "node"), npmPackages(t)
	for name, c := range map[string]struct{ program, what string }{
		"mysql2":    {"mysql2", "both protocols, pool, TLS, compression, every type, COM_CHANGE_USER, LOCAL INFILE"},
		"mariadb":   {"mariadb", "batches, pipelining, streams, COM_RESET_CONNECTION, TLS, compression"},
		"sequelize": {"sequelize", "sync with alter, associations, introspection, migrations by umzug"},
		"knex":      {"knex", "migrations up and down, columnInfo, savepoints, upserts, CTE, windows, streams"},
		"typeorm":   {"typeorm", "synchronize twice, relations, migrations, transactions"},
		"zongji":    {"@vlasky/zongji", "rows of every type by position and by GTID set"},
	} {
		t.Run(name, func(t *testing.T) {
			ran(t, c.program+" (npm)", packageVersion(t, c.program), c.what)
			s := cluster.Start(t, "s", "server-id=1", "log-bin=mysql-bin", "gtid_mode=ON", "enforce_gtid_consistency=ON")
			cmd := exec.Command(node, name+".js")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), fmt.Sprintf("BINRELAY_PORT=%d", s.Port))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
			s.Stop()
		})
	}
}

// npmPackages installs what the lock file names, once for all runs, beside
// copies of the scripts, and returns the directory.
func npmPackages(t *testing.T) string {
	t.Helper()
	npm := cluster.Need(t, "npm")
	lock, err := os.ReadFile("clients/npm/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "binrelay", fmt.Sprintf("npm-%x", sha256.Sum256(lock))[:20])
	if _, err := os.Stat(filepath.Join(dir, "complete")); err != nil {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"package.json", "package-lock.json"} {
			copyFile(t, filepath.Join("clients/npm", name), filepath.Join(dir, name))
		}
		install := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress")
		install.Dir = dir
		if out, err := install.CombinedOutput(); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("npm ci: %v\n%s", err, out)
			}
			t.Skipf("SKIP: npm ci: %v: %s", err, bytes.TrimSpace(out))
		}
		if err := os.WriteFile(filepath.Join(dir, "complete"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	scripts, err := filepath.Glob("clients/npm/*.js")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts in tests/clients/npm: %v", err)
	}
	work := t.TempDir()
	for _, name := range append(scripts, "clients/npm/package.json") {
		copyFile(t, name, filepath.Join(work, filepath.Base(name)))
	}
	if err := os.Symlink(filepath.Join(dir, "node_modules"), filepath.Join(work, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return work
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
