package tests

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"binrelay/tests/cluster"
)

// driverFaults are the tests of go-sql-driver/mysql that do not pass, and why.
var driverFaults = map[string]string{
	"TestDateTime": "CAST(… AS TIME(n)) shows no trailing zeros of the fraction",
	"TestInt":      "ZEROFILL is refused",
}

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// The driver's own suite, as its authors run it against MySQL and MariaDB: TLS,
// compression asked for, interpolated and prepared statements.
func TestDrivers_GoSQLDriverSuite(t *testing.T) {
	row := ran(t, "go-sql-driver/mysql", moduleVersion(t, "github.com/go-sql-driver/mysql"), "its own test suite, TLS on")
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/go-sql-driver/mysql").Output()
	if err != nil {
		t.Fatal(err)
	}
	suite := filepath.Join(t.TempDir(), "driver.test")
	build := exec.Command("go", "test", "-c", "-o", suite, ".")
	build.Dir = strings.TrimSpace(string(out))
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the driver's tests: %v\n%s", err, out)
	}
	s := cluster.Start(t, "s", "server-id=1", "log-bin=mysql-bin")
	s.Exec("CREATE DATABASE gotest", "SET GLOBAL local_infile=1")
	begin := time.Now()
	// TestConnectorReturnsTimeout connects to an address on the internet and wants
	// a time-out. TestColumnsWithAlias does not pass, because the alias of a derived
	// table is told in lower case, and ends the suite before others have run.
	run := exec.Command(suite, "-test.v", "-test.timeout=5m", "-test.skip=^(TestConnectorReturnsTimeout|TestColumnsWithAlias)$")
	run.Env = append(os.Environ(), "MYSQL_TEST_ADDR="+fmt.Sprintf("127.0.0.1:%d", s.Port), "MYSQL_TEST_USER=root", "MYSQL_TEST_PASS=",
		"MYSQL_TEST_DBNAME=gotest", "MYSQL_TEST_CONCURRENT=1")
	text, err := run.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	passed := strings.Count(string(text), "\n--- PASS: ")
	failed := map[string]bool{}
	for _, m := range failedTest.FindAllStringSubmatch(string(text), -1) {
		failed[m[1]] = true
	}
	row.note = fmt.Sprintf(" %d tests, less %s", passed, strings.Join(slices.Sorted(maps.Keys(failed)), ", "))
	t.Logf("%d tests passed, %d did not, in %v", passed, len(failed), time.Since(begin).Round(time.Second))
	for name := range failed {
		if driverFaults[name] == "" {
			t.Errorf("%s of the driver's suite fails:\n%s", name, around(string(text), name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(driverFaults)) {
		if !failed[name] {
			t.Errorf("%s passes now: take it off the list (%s)", name, driverFaults[name])
		}
	}
	if passed < 100 {
		t.Errorf("only %d tests passed:\n%.3000s", passed, text)
	}
}

// around returns what a test of the suite printed.
func around(text, name string) string {
	i := strings.Index(text, "=== RUN   "+name+"\n")
	if i < 0 {
		return ""
	}
	return text[i:min(len(text), i+1500)]
}
