package primary

import (
	"errors"
	"fmt"
	"io/fs"

	"binrelay/binlog"
	"binrelay/binlog/logfile"
	"binrelay/binlog/txn"
	"binrelay/replica/replstate"
)

// errnoFatal is MySQL's ER_SOURCE_FATAL_ERROR_READING_BINLOG: it stops the
// replica's IO thread for good.
const errnoFatal = 1236

// Texts of error 1236, as MySQL 8.0 words them. Tools search for them.
const (
	textServerIDZero  = "Misconfigured source - source server_id is 0"
	textUnknownFile   = "Could not find first log file name in binary log index file"
	textBelowFour     = "Client requested source to start replication from position < 4"
	textBeyondEnd     = "Client requested source to start replication from position > file size"
	textInsideEvent   = "log event entry exceeded max_allowed_packet; Increase max_allowed_packet on source"
	textTruncated     = "binlog truncated in the middle of event; consider out of disk space on source"
	textBogus         = "bogus data in log event"
	textChecksum      = "event read from binlog did not pass crc check"
	textReadIO        = "I/O error reading log event"
	textNoNext        = "could not find next log"
	textNotOpen       = "Binary log is not open"
	textNoChecksum    = "Slave can not handle replication events with the checksum that master is configured to log"
	textSameReplica   = "A replica with the same server_uuid/server_id as this replica has connected to the source"
	textGTIDOff       = "The replication sender thread cannot start in AUTO_POSITION mode: this server has GTID_MODE = OFF instead of ON."
	textMalformedGTID = "Replica sent a malformed GTID set"
	textTaggedGTID    = "Replica sent a GTID set with tags, which this source does not support yet"
	textPurged        = "Cannot replicate because the source purged required binary logs. Replicate the missing transactions from elsewhere, " +
		"or provision a new replica from backup. Consider increasing the source's binary log expiration period. %s"
	textMoreGTIDs = "Replica has more GTIDs than the source has, using the source's SERVER_UUID. This may indicate that the end of the binary log " +
		"was truncated or that the last binary log file was lost, e.g., after a power or disk failure when sync_binlog != 1. " +
		"The source may or may not have rolled back transactions that were already replicated to the replica. " +
		"Suggest to replicate any transactions that source has rolled back from replica to source, and/or commit empty transactions on source " +
		"to account for transactions that have been committed on source but are not included in GTID_EXECUTED."
)

// Why a session ends although its replica is still there.
var (
	errSuperseded = errors.New("primary: a replica with the same identity attached")
	errReset      = errors.New("primary: binary logs were reset")
	errKilled     = errors.New("primary: dump killed")
)

// fatal makes error 1236 with one of the texts.
func fatal(text string) *replstate.Error {
	return replstate.Errorf(errnoFatal, "%s", text)
}

// place is what a session has read so far, for the suffix of error 1236.
type place struct {
	first    txn.Coord // where the replica asked to start
	last     txn.Coord // end of the last event read
	lastByte txn.Coord
}

// fatalAt is fatal with MySQL's suffix for errors met after the file was open.
func fatalAt(text string, p place) *replstate.Error {
	return replstate.Errorf(errnoFatal, "%s; the first event '%s' at %d, the last event read from './%s' at %d, the last byte read from './%s' at %d.",
		text, p.first.File, p.first.Pos, p.last.File, p.last.Pos, p.lastByte.File, p.lastByte.Pos)
}

// startError words the refusal of a start position.
func startError(err error, at txn.Coord) error {
	p := place{first: at, last: at, lastByte: at}
	switch {
	case errors.Is(err, binlog.ErrUnknownFile), errors.Is(err, logfile.ErrUnknownFile):
		return fatal(textUnknownFile)
	case errors.Is(err, binlog.ErrPositionTooSmall):
		return fatal(textBelowFour)
	case errors.Is(err, binlog.ErrPositionBeyondEnd):
		return fatal(textBeyondEnd)
	case errors.Is(err, binlog.ErrInsideEvent):
		p.lastByte.Pos += 19
		return fatalAt(textInsideEvent, p)
	case errors.Is(err, binlog.ErrPurged):
		return fatal(fmt.Sprintf(textPurged, ""))
	default:
		return readError(err, p)
	}
}

// readError words a failure to read the binlog. Errors that are not about the
// binlog (a context that ended) pass unchanged.
func readError(err error, p place) error {
	var (
		corrupt *logfile.CorruptError
		path    *fs.PathError
	)
	switch {
	case errors.Is(err, logfile.ErrChecksum):
		return fatalAt(textChecksum, p)
	case errors.Is(err, logfile.ErrTorn):
		return fatalAt(textTruncated, p)
	case errors.Is(err, logfile.ErrTooLarge):
		return fatalAt(textInsideEvent, p)
	case errors.As(err, &corrupt):
		return fatalAt(textBogus, p)
	case errors.Is(err, logfile.ErrMissingFile), errors.Is(err, binlog.ErrReset):
		return fatalAt(textNoNext, p)
	case errors.Is(err, binlog.ErrClosed), errors.Is(err, logfile.ErrClosed):
		// Not 1236: the replica shall come back when the server does.
		return &replstate.Error{Number: 1053, SQLState: "08S01", Text: "Server shutdown in progress"}
	case errors.As(err, &path):
		return fatalAt(textReadIO, p)
	default:
		return err
	}
}
