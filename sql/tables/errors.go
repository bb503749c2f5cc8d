package tables

import "fmt"

// UnsupportedError is a feature that this version refuses. The edge answers
// with MySQL's error 1235 and this text.
type UnsupportedError struct{ Feature string }

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("This version of MySQL doesn't yet support '%s'", e.Feature)
}

func unsupported(format string, args ...any) error {
	return &UnsupportedError{Feature: fmt.Sprintf(format, args...)}
}

// SQLError is an error with MySQL's number and text.
type SQLError struct {
	Number uint16
	State  string // SQLSTATE; empty = HY000
	Text   string
}

func (e *SQLError) Error() string { return e.Text }

func sqlErrorf(number uint16, state, format string, args ...any) error {
	return &SQLError{Number: number, State: state, Text: fmt.Sprintf(format, args...)}
}
