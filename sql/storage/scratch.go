package storage

import (
	"errors"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Scratch is a file for what does not fit into memory. It is gone after Close,
// or at the next start. Used by one goroutine at a time.
type Scratch struct {
	fs   vfs.FS
	name string
	f    vfs.File
	size int64
}

// NewScratch makes an empty file (ErrDiskFull).
func (e *Engine) NewScratch() (*Scratch, error) {
	fs, name := e.tables.scratchFile()
	f, err := fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, spillError(err)
	}
	return &Scratch{fs: fs, name: name, f: f}, nil
}

// Write appends (ErrDiskFull).
func (s *Scratch) Write(b []byte) (int, error) {
	n, err := s.f.WriteAt(b, s.size)
	s.size += int64(n)
	if err != nil {
		err = spillError(err)
	}
	return n, err
}

// Reader returns a reader of what was written. It is valid until Close.
func (s *Scratch) Reader() io.Reader { return io.NewSectionReader(s.f, 0, s.size) }

// Close removes the file.
func (s *Scratch) Close() error { return errors.Join(s.f.Close(), s.fs.Remove(s.name)) }
