// Package logfile stores a sequence of binlog events in numbered files and an
// index file naming them, and reads them back while they are written.
//
// On disk: <base>.000001, <base>.000002, … and <base>.index, one name a line.
// Each file is the 4-byte magic fe 62 69 6e, then events back to back, the
// first a Format_description:
//
//	+-----------+--------+------------+------------+------------+---------+
//	| time (4B) | type 1 | server 4   | size 4     | end pos 4  | flags 2 | body … crc32 4
//	+-----------+--------+------------+------------+------------+---------+
//
// All integers little-endian; size counts header, body and checksum, in bytes.
// Source: MySQL 8.0 internals, "Binary Log Event".
//
// The package knows framing and checksums, nothing of transactions. One Writer
// appends; any number of Readers follow it up to the Tail that the writer's
// owner moves; Scanners read files that nobody writes and judge damage.
package logfile

import (
	"errors"
	"fmt"
)

// MagicSize is the length of the magic that opens each file, in bytes. The
// first event stands at this offset.
const MagicSize = 4

// Magic opens each file.
const Magic = "\xfebin"

// EncryptedMagic opens a file that MySQL encrypted; such files are refused.
const EncryptedMagic = "\xfdbin"

// DefaultMaxEvent is the size above which an event is taken for damage, in
// bytes: MySQL's largest max_allowed_packet and room for header and checksum.
const DefaultMaxEvent = 1<<30 + 64

// Pos is a place in a log: a file's name without directory and an offset in
// bytes. The zero value means none.
type Pos struct {
	File   string
	Offset int64
}

var (
	// ErrUnknownFile means that the index does not name the file.
	ErrUnknownFile = errors.New("file not in the index")
	// ErrMissingFile means that the index names a file that is not on disk.
	ErrMissingFile = errors.New("file named by the index is missing")
	// ErrTorn is the cause in a CorruptError when the file ends inside an
	// event, or holds only zero bytes from there on.
	ErrTorn = errors.New("event cut short")
	// ErrChecksum is the cause when an event's CRC32 does not match.
	ErrChecksum = errors.New("event checksum mismatch")
	// ErrImplausible is the cause when a header makes no sense.
	ErrImplausible = errors.New("implausible event header")
	// ErrTooLarge is the cause when an event exceeds the reader's limit.
	ErrTooLarge = errors.New("event larger than the limit")
	// ErrMagic is the cause when a file does not start as a binlog does.
	ErrMagic = errors.New("not a binlog file")
	// ErrEncrypted is the cause when a file is encrypted.
	ErrEncrypted = errors.New("encrypted binlog file")
	// ErrClosed means that the Reader, Writer or Tail was closed.
	ErrClosed = errors.New("log closed")
)

// CorruptError locates bytes that are not an event. Err wraps ErrTorn,
// ErrChecksum, ErrImplausible, ErrTooLarge, ErrMagic or ErrEncrypted.
type CorruptError struct {
	File   string
	Offset int64 // bytes from the start of File
	Err    error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("corrupt %s at byte %d: %v", e.File, e.Offset, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }
