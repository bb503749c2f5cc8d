package logfile

import (
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Index is the ordered list of a log's live files. The index file, not the
// directory, is the truth; each change replaces it by a temporary file, fsync,
// rename and fsync of the directory. Safe for concurrent use.
type Index struct {
	fs   vfs.FS
	dir  string
	base string

	mu    sync.RWMutex
	files []string
}

// Report says what Reconcile did or found.
type Report struct {
	Dropped []string // named by the index, gone from disk, before the first file that is there
	Deleted []string // on disk, unnamed: left by an interrupted purge or rotation
	Foreign []string // on disk, unnamed, with events in it: left alone, its number is not used again
}

// OpenIndex reads <dir>/<base>.index. It changes nothing; a missing index or
// directory is an empty list.
func OpenIndex(fs vfs.FS, dir, base string) (*Index, error) { panic("soon") }

// Reconcile makes index and directory agree after a crash: it finishes an
// interrupted purge or rotation. A file missing in the middle or at the end of
// the list is an error wrapping ErrMissingFile.
func (x *Index) Reconcile() (Report, error) { panic("soon") }

// Files returns the names of the live files, oldest first, without directory.
func (x *Index) Files() []string { panic("soon") }

// Last returns the newest file; ok is false for an empty list.
func (x *Index) Last() (name string, ok bool) { panic("soon") }

// Has reports whether the index names the file.
func (x *Index) Has(name string) bool { panic("soon") }

// After returns the file that follows name, which need not be listed any more.
func (x *Index) After(name string) (next string, ok bool) { panic("soon") }

// NextName returns the name for a new file: one past the highest number in
// index and directory.
func (x *Index) NextName() (string, error) { panic("soon") }

// Add appends name to the list, durably. The file must be durable already.
func (x *Index) Add(name string) error { panic("soon") }

// Remove takes the n oldest files out of the index, durably, then deletes them.
// It returns the names that left the index. An error while deleting is returned
// after all were tried; Reconcile finishes the work at the next start.
func (x *Index) Remove(n int) ([]string, error) { panic("soon") }

// Clear replaces the index by an empty one, durably, then deletes every file
// of the log, named or not. It may be repeated after a crash.
func (x *Index) Clear() error { panic("soon") }

// Path returns where the file is on disk.
func (x *Index) Path(name string) string { return x.fs.PathJoin(x.dir, name) }

// FS returns the file system the log lives on.
func (x *Index) FS() vfs.FS { return x.fs }

// Base returns the log's base name.
func (x *Index) Base() string { return x.base }

// Size returns the file's length, in bytes.
func (x *Index) Size(name string) (int64, error) { panic("soon") }

// FileName returns base and number as a file name, at least six digits.
func FileName(base string, number uint64) string { panic("soon") }

// ParseFileName returns the number in a log file's name; ok is false if name
// is not of this base or not spelled as FileName spells it.
func ParseFileName(base, name string) (number uint64, ok bool) { panic("soon") }
