package tables

import (
	"fmt"

	"github.com/dolthub/vitess/go/mysql"
)

func unsupported(format string, args ...any) error {
	return Unsupported(fmt.Sprintf(format, args...))
}

// Unsupported returns MySQL's error 1235 for a feature that this version
// refuses.
func Unsupported(feature string) error {
	return NewSQLError(1235, "42000", "This version of MySQL doesn't yet support '%s'", feature)
}

// NewSQLError makes an error with MySQL's number, SQLSTATE and text. It is of
// vitess's type, which go-mysql-server's handler passes on as it is.
func NewSQLError(number uint16, state, format string, args ...any) error {
	return mysql.NewSQLError(int(number), state, format, args...)
}

func sqlErrorf(number uint16, state, format string, args ...any) error {
	return NewSQLError(number, state, format, args...)
}
