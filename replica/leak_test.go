package replica

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when a test leaves a goroutine behind.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// go-mysql's server side of a dump waits for events without an end.
		goleak.IgnoreAnyFunction("github.com/go-mysql-org/go-mysql/server.(*Conn).writeBinlogEvents"),
	)
}
