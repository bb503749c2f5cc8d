package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
)

const (
	maxIndexSize = 16 << 20 // bytes; far above any real index
	maxNameSize  = 512      // bytes of a line, MySQL's FN_REFLEN
	minDigits    = 6
)

// ErrIndex means that the index file's text is not a list of this log's files.
var ErrIndex = errors.New("malformed index")

// Index is the ordered list of a log's live files. The index file, not the
// directory, is the truth; each change replaces it by a temporary file, fsync,
// rename and fsync of the directory. Safe for concurrent use.
type Index struct {
	fs   vfs.FS
	dir  string
	base string

	// copies counts truncations that replaced a file by a copy: Readers that
	// see it change open their file again.
	copies atomic.Int64

	mu    sync.RWMutex
	files []string
	err   error // an index change failed half way; final
}

// Report says what Reconcile did or found.
type Report struct {
	Dropped []string // named by the index, gone from disk, before the first file that is there
	Deleted []string // on disk, unnamed: left by an interrupted purge or rotation
	Foreign []string // on disk, unnamed, with events in it: left alone, its number is not used again
}

// OpenIndex reads <dir>/<base>.index. It changes nothing; a missing index or
// directory is an empty list. A malformed index is an error wrapping ErrIndex.
func OpenIndex(fsys vfs.FS, dir, base string) (*Index, error) {
	if base == "" || strings.ContainsAny(base, "/\\\n\r\x00") {
		return nil, fmt.Errorf("%w: bad base name %q", ErrIndex, base)
	}
	x := &Index{fs: fsys, dir: dir, base: base}
	text, err := readBounded(fsys, x.indexPath(), maxIndexSize)
	if errors.Is(err, fs.ErrNotExist) {
		return x, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	if x.files, err = parseIndex(dir, base, text); err != nil {
		return nil, fmt.Errorf("read index %s: %w", x.indexPath(), err)
	}
	return x, nil
}

// parseIndex reads one name a line: name, ./name or <dir>/name. The last line
// may lack its line feed.
func parseIndex(dir, base string, text []byte) ([]string, error) {
	var files []string
	var last uint64
	prefix := strings.TrimSuffix(dir, "/") + "/"
	for n := 1; len(text) > 0; n++ {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) > maxNameSize+len(prefix) {
			return nil, fmt.Errorf("%w: line %d is too long", ErrIndex, n)
		}
		name := string(line)
		if name == "" {
			return nil, fmt.Errorf("%w: line %d is empty", ErrIndex, n)
		}
		name = strings.TrimPrefix(strings.TrimPrefix(name, prefix), "./")
		number, ok := ParseFileName(base, name)
		if !ok {
			return nil, fmt.Errorf("%w: line %d is no file of %s: %q", ErrIndex, n, base, line)
		}
		if number <= last {
			return nil, fmt.Errorf("%w: line %d is out of order: %q", ErrIndex, n, line)
		}
		last = number
		files = append(files, name)
	}
	return files, nil
}

// readBounded reads a whole file of at most limit bytes.
func readBounded(fsys vfs.FS, path string, limit int64) ([]byte, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrIndex, limit)
	}
	return b, nil
}

func (x *Index) indexPath() string { return x.fs.PathJoin(x.dir, x.base+".index") }

// Reconcile makes index and directory agree after a crash: it finishes an
// interrupted purge or rotation. A file missing in the middle or at the end of
// the list is an error wrapping ErrMissingFile.
func (x *Index) Reconcile() (Report, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var r Report
	onDisk, err := x.onDisk()
	if err != nil {
		return r, err
	}
	kept := x.files
	for len(kept) > 0 && !slices.Contains(onDisk, kept[0]) {
		r.Dropped = append(r.Dropped, kept[0])
		kept = kept[1:]
	}
	for _, name := range kept {
		if !slices.Contains(onDisk, name) {
			return r, fmt.Errorf("%w: %s", ErrMissingFile, x.Path(name))
		}
	}
	if len(kept) == 0 && len(x.files) > 0 {
		return r, fmt.Errorf("%w: %s", ErrMissingFile, x.Path(x.files[len(x.files)-1]))
	}
	if len(r.Dropped) > 0 {
		if err := x.replace(kept); err != nil {
			return r, err
		}
	}
	for _, name := range onDisk {
		if slices.Contains(kept, name) {
			continue
		}
		if !x.isLeftover(name, kept) {
			r.Foreign = append(r.Foreign, name)
			continue
		}
		if err := x.fs.Remove(x.Path(name)); err != nil {
			return r, fmt.Errorf("delete leftover: %w", err)
		}
		r.Deleted = append(r.Deleted, name)
	}
	return r, x.removeTemporaries()
}

// isLeftover reports whether an unnamed file may be deleted: it is older than
// the index (a purge was interrupted), or has nothing but header events (a
// rotation was).
func (x *Index) isLeftover(name string, kept []string) bool {
	n, _ := ParseFileName(x.base, name)
	if len(kept) > 0 {
		if first, _ := ParseFileName(x.base, kept[0]); n < first {
			return true
		}
	}
	headerOnly := true
	err := Scan(x.fs, x.Path(name), 0, ScanOptions{Foreign: true}, func(_ int64, ev event.Event) error {
		switch ev.Type() {
		case event.FormatDescription, event.PreviousGTIDs, event.MariaGTIDList, event.LocalHeader:
			return nil
		case event.Rotate: // names the source's place in a relay log's header
			if ev.Flags()&event.FlagArtificial != 0 {
				return nil
			}
		}
		headerOnly = false
		return io.EOF
	})
	if !headerOnly {
		return false
	}
	var bad *CorruptError
	if errors.As(err, &bad) {
		// A header that was never synced; a longer file is not ours to judge.
		size, serr := x.Size(name)
		return serr == nil && size < 64<<10 && !errors.Is(bad, ErrEncrypted)
	}
	return err == nil
}

func (x *Index) removeTemporaries() error {
	names, err := x.list()
	if err != nil {
		return err
	}
	for _, name := range names {
		of, ok := strings.CutSuffix(name, ".tmp")
		if !ok {
			continue
		}
		if _, isFile := ParseFileName(x.base, of); isFile || of == x.base+".index" {
			if err := x.fs.Remove(x.Path(name)); err != nil {
				return fmt.Errorf("delete temporary: %w", err)
			}
		}
	}
	return nil
}

func (x *Index) list() ([]string, error) {
	names, err := x.fs.List(x.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list log directory: %w", err)
	}
	return names, nil
}

// onDisk returns the log's files in the directory, oldest first.
func (x *Index) onDisk() ([]string, error) {
	names, err := x.list()
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		_, ok := ParseFileName(x.base, name)
		return !ok
	})
	slices.SortFunc(names, compareNames)
	return names, nil
}

// Files returns the names of the live files, oldest first, without directory.
func (x *Index) Files() []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Clone(x.files)
}

// Unnamed returns the log's files on disk that are newer than the newest of the
// list, oldest first.
func (x *Index) Unnamed() ([]string, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	names, err := x.onDisk()
	if err != nil || len(x.files) == 0 {
		return names, err
	}
	last := x.files[len(x.files)-1]
	return slices.DeleteFunc(names, func(name string) bool { return compareNames(name, last) <= 0 }), nil
}

// Last returns the newest file; ok is false for an empty list.
func (x *Index) Last() (name string, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if len(x.files) == 0 {
		return "", false
	}
	return x.files[len(x.files)-1], true
}

// Has reports whether the index names the file.
func (x *Index) Has(name string) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	_, ok := slices.BinarySearchFunc(x.files, name, compareNames)
	return ok
}

// After returns the file that follows name, which need not be listed any more.
func (x *Index) After(name string) (next string, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	i, found := slices.BinarySearchFunc(x.files, name, compareNames)
	if found {
		i++
	}
	if i == len(x.files) {
		return "", false
	}
	return x.files[i], true
}

// NextName returns the name for a new file: one past the highest number in
// index and directory.
func (x *Index) NextName() (string, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	names, err := x.onDisk()
	if err != nil {
		return "", err
	}
	var highest uint64
	for _, list := range [][]string{names, x.files} {
		if len(list) > 0 {
			n, _ := ParseFileName(x.base, list[len(list)-1])
			highest = max(highest, n)
		}
	}
	return FileName(x.base, highest+1), nil
}

// Add appends name to the list, durably. The file must be durable already.
func (x *Index) Add(name string) error {
	if _, ok := ParseFileName(x.base, name); !ok {
		return fmt.Errorf("%w: %q is no file of %s", ErrIndex, name, x.base)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := len(x.files); n > 0 && compareNames(x.files[n-1], name) >= 0 {
		return fmt.Errorf("%w: %q does not follow %q", ErrIndex, name, x.files[n-1])
	}
	return x.replace(append(slices.Clone(x.files), name))
}

// Remove takes the n oldest files out of the index, durably, then deletes them.
// It returns the names that left the index. An error while deleting is returned
// after all were tried; Reconcile finishes the work at the next start.
func (x *Index) Remove(n int) ([]string, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n = min(n, len(x.files))
	if n <= 0 {
		return nil, nil
	}
	gone := slices.Clone(x.files[:n])
	if err := x.replace(slices.Clone(x.files[n:])); err != nil {
		return nil, err
	}
	return gone, x.deleteFiles(gone)
}

// RemoveAfter takes every file newer than name out of the index, durably, then
// deletes them: recovery drops what lies behind a cut.
func (x *Index) RemoveAfter(name string) ([]string, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	i, found := slices.BinarySearchFunc(x.files, name, compareNames)
	if found {
		i++
	}
	if i == len(x.files) {
		return nil, nil
	}
	gone := slices.Clone(x.files[i:])
	if err := x.replace(slices.Clone(x.files[:i])); err != nil {
		return nil, err
	}
	return gone, x.deleteFiles(gone)
}

// RemoveUnnamed deletes the files on disk that follow the newest of the list
// without a gap: those that an interrupted RemoveAfter has left.
func (x *Index) RemoveUnnamed() error {
	unnamed, err := x.Unnamed()
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.files) == 0 {
		return nil
	}
	next, _ := ParseFileName(x.base, x.files[len(x.files)-1])
	for i, name := range unnamed {
		if next++; name != FileName(x.base, next) {
			unnamed = unnamed[:i]
			break
		}
	}
	return x.deleteFiles(unnamed)
}

// Clear replaces the index by an empty one, durably, then deletes every file
// of the log, named or not. It may be repeated after a crash.
func (x *Index) Clear() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := EnsureDir(x.fs, x.dir); err != nil {
		return err
	}
	if err := x.replace(nil); err != nil {
		return err
	}
	names, err := x.onDisk()
	if err != nil {
		return err
	}
	if err := x.deleteFiles(names); err != nil {
		return err
	}
	return SyncDir(x.fs, x.dir)
}

func (x *Index) deleteFiles(names []string) error {
	var errs []error
	for _, name := range names {
		if err := x.fs.Remove(x.Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("delete %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// replace writes the index with files and makes it the current one. mu is held.
func (x *Index) replace(files []string) error {
	if x.err != nil {
		return x.err
	}
	var text bytes.Buffer
	for _, name := range files {
		text.WriteString("./" + name + "\n")
	}
	tmp := x.indexPath() + ".tmp"
	if err := writeFile(x.fs, tmp, text.Bytes()); err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	if err := x.fs.Rename(tmp, x.indexPath()); err != nil {
		return fmt.Errorf("replace index: %w", err)
	}
	x.files = files
	if err := SyncDir(x.fs, x.dir); err != nil {
		x.err = fmt.Errorf("sync directory of index: %w", err)
	}
	return x.err
}

// writeFile creates path with content and makes the content durable.
func writeFile(fsys vfs.FS, path string, content []byte) error {
	f, err := fsys.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if len(content) > 0 {
		_, err = f.Write(content)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// SyncDir makes the directory's entries durable.
func SyncDir(fsys vfs.FS, dir string) error {
	d, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// EnsureDir creates dir and missing parents and makes their entries durable.
// If that fails they are removed again, so that the next call does not take
// them for durable.
func EnsureDir(fsys vfs.FS, dir string) error {
	var created []string
	for p := dir; ; p = fsys.PathDir(p) {
		if _, err := fsys.Stat(p); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		created = append(created, p)
		if fsys.PathDir(p) == p {
			break
		}
	}
	if len(created) == 0 {
		return nil
	}
	if err := fsys.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	for _, p := range created {
		if err := SyncDir(fsys, fsys.PathDir(p)); err != nil {
			for _, p := range created { // deepest first
				err = errors.Join(err, fsys.Remove(p))
			}
			return err
		}
	}
	return nil
}

// Path returns where the file is on disk.
func (x *Index) Path(name string) string { return x.fs.PathJoin(x.dir, name) }

// FS returns the file system the log lives on.
func (x *Index) FS() vfs.FS { return x.fs }

// Dir returns the log's directory.
func (x *Index) Dir() string { return x.dir }

// Base returns the log's base name.
func (x *Index) Base() string { return x.base }

// Size returns the file's length, in bytes.
func (x *Index) Size(name string) (int64, error) {
	st, err := x.fs.Stat(x.Path(name))
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// FileName returns base and number as a file name, at least six digits.
func FileName(base string, number uint64) string {
	return fmt.Sprintf("%s.%06d", base, number)
}

// ParseFileName returns the number in a log file's name; ok is false if name
// is not of this base or not spelled as FileName spells it.
func ParseFileName(base, name string) (number uint64, ok bool) {
	digits, ok := strings.CutPrefix(name, base+".")
	if !ok || len(digits) < minDigits || len(digits) > 18 {
		return 0, false
	}
	if len(digits) > minDigits && digits[0] == '0' {
		return 0, false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
	}
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, err == nil && number > 0
}

// compareNames orders names of one log by their number.
func compareNames(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// Less orders places of one log by file number, then offset.
func (p Pos) Less(q Pos) bool {
	if c := compareNames(p.File, q.File); c != 0 {
		return c < 0
	}
	return p.Offset < q.Offset
}
