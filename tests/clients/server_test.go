package clients

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// address returns host:port of the server under test, which has a root without
// password.
func address(t *testing.T) string {
	t.Helper()
	a := os.Getenv("BINRELAY_ADDR")
	if a == "" {
		t.Skip("SKIP: BINRELAY_ADDR is not set; tests/clients_test.go sets it")
	}
	return a
}

// dsn returns a data source name of go-sql-driver/mysql.
func dsn(t *testing.T, database string) string {
	return fmt.Sprintf("root@tcp(%s)/%s?parseTime=true&charset=utf8mb4", address(t), database)
}

// port returns the port of address.
func port(t *testing.T) uint16 {
	t.Helper()
	_, digits, _ := strings.Cut(address(t), ":")
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(n)
}
