// Package faultfs is a file system for tests of crashes and failing disks: it
// numbers every operation and asks a hook before each, which may take a copy of
// the disk as a crash would leave it, make the operation fail, or let it wait.
package faultfs

import (
	"os"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Op is one operation on a file system.
type Op struct {
	N    int    // 1, 2, 3 …: changes and reads are counted apart
	Kind string // create, open, write, sync, rename, remove, link, mkdir; read, list, stat
	Name string // of the file; of the new one for rename and link
}

// Hook is asked before an operation. An error is the operation's.
type Hook func(Op) error

// FS passes operations on to the file system it wraps. Changes run one at a
// time, hook included, so that a hook sees the disk at rest.
type FS struct {
	vfs.FS
	mu      sync.Mutex
	changes int
	change  Hook

	rmu   sync.Mutex
	reads int
	read  Hook
}

// New wraps a file system. change is asked before each change, read before each
// read; nil = never.
func New(fs vfs.FS, change, read Hook) *FS { return &FS{FS: fs, change: change, read: read} }

// Set replaces both hooks and starts to count anew. It waits for a change that
// is on its way.
func (f *FS) Set(change, read Hook) {
	f.mu.Lock()
	f.change, f.changes = change, 0
	f.mu.Unlock()
	f.rmu.Lock()
	f.read, f.reads = read, 0
	f.rmu.Unlock()
}

// Still runs fn while nothing changes, with the number of the last change.
func (f *FS) Still(fn func(n int)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn(f.changes)
}

func (f *FS) do(kind, name string, fn func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes++
	if f.change != nil {
		if err := f.change(Op{f.changes, kind, name}); err != nil {
			return &os.PathError{Op: kind, Path: name, Err: err}
		}
	}
	return fn()
}

// ask calls the hook of reads, several at a time.
func (f *FS) ask(kind, name string) error {
	f.rmu.Lock()
	f.reads++
	hook, n := f.read, f.reads
	f.rmu.Unlock()
	if hook == nil {
		return nil
	}
	if err := hook(Op{n, kind, name}); err != nil {
		return &os.PathError{Op: kind, Path: name, Err: err}
	}
	return nil
}

func (f *FS) changed(kind, name string, open func() (vfs.File, error)) (vfs.File, error) {
	var inner vfs.File
	err := f.do(kind, name, func() (err error) {
		inner, err = open()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &file{inner, f, name}, nil
}

// Create is a change.
func (f *FS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.changed("create", name, func() (vfs.File, error) { return f.FS.Create(name, c) })
}

// OpenReadWrite is a change: it may create the file.
func (f *FS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return f.changed("open", name, func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, o...) })
}

// ReuseForWrite is a change.
func (f *FS) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.changed("rename", name, func() (vfs.File, error) { return f.FS.ReuseForWrite(old, name, c) })
}

// Open is a read.
func (f *FS) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	if err := f.ask("read", name); err != nil {
		return nil, err
	}
	inner, err := f.FS.Open(name, o...)
	if err != nil {
		return nil, err
	}
	return &file{inner, f, name}, nil
}

// OpenDir is neither: only Sync is called on what it returns.
func (f *FS) OpenDir(name string) (vfs.File, error) {
	inner, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &file{inner, f, name}, nil
}

// Link is a change.
func (f *FS) Link(old, name string) error {
	return f.do("link", name, func() error { return f.FS.Link(old, name) })
}

// Remove is a change.
func (f *FS) Remove(name string) error {
	return f.do("remove", name, func() error { return f.FS.Remove(name) })
}

// RemoveAll is a change.
func (f *FS) RemoveAll(name string) error {
	return f.do("remove", name, func() error { return f.FS.RemoveAll(name) })
}

// Rename is a change.
func (f *FS) Rename(old, name string) error {
	return f.do("rename", name, func() error { return f.FS.Rename(old, name) })
}

// MkdirAll is a change.
func (f *FS) MkdirAll(name string, perm os.FileMode) error {
	return f.do("mkdir", name, func() error { return f.FS.MkdirAll(name, perm) })
}

// List is a read.
func (f *FS) List(name string) ([]string, error) {
	if err := f.ask("list", name); err != nil {
		return nil, err
	}
	return f.FS.List(name)
}

// Stat is a read.
func (f *FS) Stat(name string) (vfs.FileInfo, error) {
	if err := f.ask("stat", name); err != nil {
		return nil, err
	}
	return f.FS.Stat(name)
}

// Unwrap returns the file system below.
func (f *FS) Unwrap() vfs.FS { return f.FS }

type file struct {
	vfs.File
	fs   *FS
	name string
}

func (f *file) Read(p []byte) (int, error) {
	if err := f.fs.ask("read", f.name); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fs.ask("read", f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *file) Write(p []byte) (n int, err error) {
	err = f.fs.do("write", f.name, func() (err error) { n, err = f.File.Write(p); return err })
	return n, err
}

func (f *file) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.fs.do("write", f.name, func() (err error) { n, err = f.File.WriteAt(p, off); return err })
	return n, err
}

func (f *file) Sync() error     { return f.fs.do("sync", f.name, f.File.Sync) }
func (f *file) SyncData() error { return f.fs.do("sync", f.name, f.File.SyncData) }

func (f *file) SyncTo(n int64) (full bool, err error) {
	err = f.fs.do("sync", f.name, func() (err error) { full, err = f.File.SyncTo(n); return err })
	return full, err
}
