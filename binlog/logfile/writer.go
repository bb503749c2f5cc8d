package logfile

// Writer appends to one file. Append buffers, Flush hands the bytes to the
// operating system, Sync makes them durable. The first failed Sync or Truncate
// is final: each later call returns that error. Not safe for concurrent use,
// except that Sync may run beside nothing else and Name, End and Durable may be
// read by the owner only.
type Writer struct{}

// Create makes the named file with header (whole events with their positions
// and checksums set, no magic), fsyncs it and its directory, and only then
// adds it to the index. The first event must be a Format_description; its
// IN_USE flag is set in the file until Close.
func Create(x *Index, name string, header []byte) (*Writer, error) { panic("soon") }

// Name returns the file's name without directory.
func (w *Writer) Name() string { panic("soon") }

// End returns the offset after the last appended byte, buffered ones included.
func (w *Writer) End() int64 { panic("soon") }

// Durable returns the offset up to which the file is known to be durable.
func (w *Writer) Durable() int64 { panic("soon") }

// Preallocate reserves disk space for n bytes after End without changing the
// file's size. A full disk shows here, before a byte is written; see
// IsDiskFull. File systems that cannot reserve do nothing.
func (w *Writer) Preallocate(n int64) error { panic("soon") }

// Append adds b, one or several whole events, to the buffer; b may be reused.
// Large slices go to the file at once. After an error the file may hold a part
// of b: the owner truncates to where the group began.
func (w *Writer) Append(b []byte) error { panic("soon") }

// Flush writes the buffer to the file.
func (w *Writer) Flush() error { panic("soon") }

// Sync flushes and makes everything appended durable (fdatasync). It returns
// the durable end.
func (w *Writer) Sync() (end int64, err error) { panic("soon") }

// Truncate takes back everything after end and makes that durable.
func (w *Writer) Truncate(end int64) error { panic("soon") }

// Close flushes, clears IN_USE, syncs and closes the file. After a final error
// it only closes.
func (w *Writer) Close() error { panic("soon") }

// Cut truncates a file that nobody writes to end, durably, and clears the
// IN_USE flag of its Format_description. Recovery uses it on a torn tail.
func Cut(x *Index, name string, end int64) error { panic("soon") }

// IsDiskFull reports whether err means that there is no space left (ENOSPC,
// EDQUOT).
func IsDiskFull(err error) bool { panic("soon") }
