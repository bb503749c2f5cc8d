package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/replica/replstate"
)

// ErrNotRunning means that the SQL thread does not run, or stopped while
// somebody waited for it: SOURCE_POS_WAIT returns NULL.
var ErrNotRunning = errors.New("replica: SQL thread is not running")

// Numbers of errors that a status or a statement shows. Source: MySQL 8.0
// Error Message Reference.
const (
	errnoMustStop      = 1198 // both threads, RESET and skip counter
	errnoNotReplica    = 1200
	errnoNoTarget      = 1220
	errnoNotYet        = 1235
	errnoFatalSource   = 1236 // on the wire
	errnoHeartbeatLow  = 1703 // warning
	errnoHeartbeatHigh = 1704 // warning
	errnoHeartbeat     = 1624
	errnoSkipWithGTID  = 1858
	errnoApplierInit   = 1872
	errnoSQLMustStop   = 3017
	errnoIOMustStop    = 3021
	errnoNoPosition    = 3023 // warning
	errnoPasswordLong  = 3056
	errnoNoChannel     = 3074
	errnoBothMustStop  = 3081
	errnoRunning       = 3083 // note
	errnoStopped       = 3084 // note

	errnoSourceRead     = 13114 // Got fatal error %d from source
	errnoNetChecksum    = 13115
	errnoFatal          = 13117
	errnoHeartbeatData  = 13118
	errnoIncident       = 13119
	errnoRelayRead      = 13121
	errnoRelayWrite     = 13122
	errnoPacketTooLarge = 1153
	errnoDiskFull       = 1021

	crConnHost    = 2003
	crUnknownHost = 2005
	crServerLost  = 2013
	crSSL         = 2026
	crMalformed   = 2027
	crAuthPlugin  = 2061
	errUnknownVar = 1193
	errnoLockWait = 1205
	errnoDeadlock = 1213

	errnoTableChanged = 1412 // a local ALTER came between plan and execution
	errnoUnknown      = 1105
)

// fatalError stops the IO thread. Everything else makes it reconnect.
type fatalError struct{ err *replstate.Error }

func fatalf(number uint16, format string, args ...any) error {
	return &fatalError{replstate.Errorf(number, format, args...)}
}

func (e *fatalError) Error() string { return e.err.Text }
func (e *fatalError) Unwrap() error { return e.err }

// malformed is a reply of the source that makes no sense: the connection is
// given up and made again.
func malformed(format string, args ...any) error {
	return replstate.Errorf(crMalformed, "Malformed packet: %s", fmt.Sprintf(format, args...))
}

// ioError turns an error met on the way to the source into number and text as
// MySQL's client library words them. addr is host:port.
func ioError(err error, host, addr string) *replstate.Error {
	var own *replstate.Error
	if errors.As(err, &own) {
		return own
	}
	var reply *gomysql.MyError
	if errors.As(err, &reply) {
		return &replstate.Error{Number: reply.Code, SQLState: reply.State, Text: reply.Message}
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return replstate.Errorf(crUnknownHost, "Unknown MySQL server host '%s' (-2)", host)
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		var no syscall.Errno
		errors.As(err, &no)
		if no == 0 && op.Timeout() {
			no = syscall.ETIMEDOUT
		}
		return replstate.Errorf(crConnHost, "Can't connect to MySQL server on '%s' (%d)", addr, int(no))
	}
	if lostConnection(err) {
		return replstate.Errorf(crServerLost, "Lost connection to MySQL server during query")
	}
	return replstate.Errorf(crServerLost, "Lost connection to MySQL server: %v", err)
}

// lostConnection reports whether err is the connection's end or a time-out.
func lostConnection(err error) bool {
	var ne net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, gomysql.ErrBadConn) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, context.DeadlineExceeded) || errors.As(err, &ne)
}

// applyNumber returns number and text of a Target's error.
func applyNumber(err error) (number uint16, text string) {
	var own *replstate.Error
	if errors.As(err, &own) {
		return own.Number, own.Text
	}
	var ae ApplyError
	if errors.As(err, &ae) {
		return ae.Number(), ae.Error()
	}
	if e := replstate.FileError(err); e != nil {
		return e.Number, e.Text
	}
	return errnoUnknown, err.Error()
}

// numbered reports whether a Target's error is in MySQL's words.
func numbered(err error) bool {
	var own *replstate.Error
	var ae ApplyError
	return errors.As(err, &own) || errors.As(err, &ae)
}

// transient reports whether trying the transaction again may help.
func transient(err error) bool {
	n, _ := applyNumber(err)
	return n == errnoLockWait || n == errnoDeadlock || n == errnoTableChanged
}
