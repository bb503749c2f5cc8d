package sql

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/dolthub/vitess/go/mysql"
)

func TestTranslate_FileErrors(t *testing.T) {
	table := &fs.PathError{Op: "read", Path: "/var/lib/x/#store/000013.sst", Err: syscall.EIO}
	log := &fs.PathError{Op: "write", Path: "/var/lib/x/bin.000001", Err: syscall.EIO}
	const engine = "Got error 5 - 'Input/output error: read 000013.sst' from storage engine"
	for _, c := range []struct {
		err  error
		num  uint16
		text string
	}{
		{table, 1030, engine},
		{fmt.Errorf("pebble: invalid file (could not read footer): %w", table), 1030, engine},
		{errors.New("pebble: backing file 000013 error: " + table.Error()), 1030, engine},
		{mysql.NewSQLError(mysql.ERUnknownError, "HY000", "%s", table.Error()), 1030, engine},
		{fmt.Errorf("write bin.000001: %w", log), 1026, "Error writing file '/var/lib/x/bin.000001' (errno: 5 - Input/output error)"},
		{&fs.PathError{Op: "write", Path: "/tmp/f", Err: syscall.ENOSPC}, 1026, "Error writing file '/tmp/f' (errno: 28 - No space left on device)"},
		{&fs.PathError{Op: "read", Path: "/tmp/f", Err: syscall.EIO}, 1024, "Error reading file '/tmp/f' (errno: 5 - Input/output error)"},
		{&fs.PathError{Op: "open", Path: "/tmp/f", Err: syscall.EIO}, 1016, "Can't open file: '/tmp/f' (errno: 5 - Input/output error)"},
	} {
		if num, _, text := Translate(c.err); num != c.num || text != c.text {
			t.Errorf("%v: %d %s, want %d %s", c.err, num, text, c.num, c.text)
		}
	}
}
