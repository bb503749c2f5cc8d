package tables

import (
	"fmt"

	"github.com/dolthub/vitess/go/mysql"
)

// UnsupportedError is a feature that this version refuses. The edge answers
// with MySQL's error 1235 and this text.
type UnsupportedError struct{ Feature string }

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("This version of MySQL doesn't yet support '%s'", e.Feature)
}

// As lets errors.As find the number; go-mysql-server's handler keeps it then.
func (e *UnsupportedError) As(target any) bool {
	if t, ok := target.(**mysql.SQLError); ok {
		*t = mysql.NewSQLError(1235, "42000", "%s", e.Error())
		return true
	}
	return false
}

func unsupported(format string, args ...any) error {
	return Unsupported(fmt.Sprintf(format, args...))
}

// Unsupported returns MySQL's error 1235 for a feature.
func Unsupported(feature string) error {
	return mysql.NewSQLError(1235, "42000", "%s", (&UnsupportedError{Feature: feature}).Error())
}

// SQLError is an error with MySQL's number and text.
type SQLError struct {
	Number uint16
	State  string // SQLSTATE; empty = that of the number
	Text   string
}

func (e *SQLError) Error() string { return e.Text }

// NewSQLError makes an error with MySQL's number, SQLSTATE and text. It is of
// vitess's type, which go-mysql-server's handler passes on as it is.
func NewSQLError(number uint16, state, format string, args ...any) error {
	return mysql.NewSQLError(int(number), state, format, args...)
}

func sqlErrorf(number uint16, state, format string, args ...any) error {
	return NewSQLError(number, state, format, args...)
}
