package logfile

import (
	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
)

// ScanOptions tunes a Scanner; the zero value works.
type ScanOptions struct {
	MaxEvent int64 // larger events are taken for damage; 0 = DefaultMaxEvent
	Limit    int64 // offset at which the file ends for this Scanner; 0 = its size
	Foreign  bool  // end_log_pos does not tell the offset (relay logs)
}

// Scanner reads one file from front to back and verifies every event: a
// plausible header, end_log_pos equal to the offset after the event (unless
// Foreign), and the CRC32 when the file has them. It judges bytes, not
// transactions. Used by one goroutine at a time.
type Scanner struct{}

// OpenScanner opens the file and reads its Format_description. The first event
// returned is the one at from; 0 stands for MagicSize. Errors in the magic or
// the Format_description are CorruptErrors.
func OpenScanner(fs vfs.FS, path string, from int64, o ScanOptions) (*Scanner, error) { panic("soon") }

// Next returns the next event and its offset; the event is valid until the
// following call. io.EOF means that the file ends exactly there. Any damage is
// a *CorruptError, and stays so until Resync.
func (s *Scanner) Next() (off int64, ev event.Event, err error) { panic("soon") }

// Resync searches from after the damage that Next reported for the next bytes
// that are a valid event, CRC and position included, and makes it the next
// one to be returned. io.EOF means that there is none.
func (s *Scanner) Resync() error { panic("soon") }

// Checksum reports whether events end in a CRC32, as the last
// Format_description says.
func (s *Scanner) Checksum() bool { panic("soon") }

// Size returns the file's length when it was opened, or the Limit.
func (s *Scanner) Size() int64 { panic("soon") }

// Close releases the file.
func (s *Scanner) Close() error { panic("soon") }

// Scan calls fn for each event of the file from offset from on. It ends with
// nil at the clean end, with fn's error, or with a *CorruptError.
func Scan(fs vfs.FS, path string, from int64, o ScanOptions, fn func(off int64, ev event.Event) error) error {
	panic("soon")
}
