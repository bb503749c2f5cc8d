// Package logtest helps tests that read, damage or make up log files.
package logtest

import (
	"io"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
)

// Reseal returns a log file's content with the checksums of its events made
// right, up to the first bytes whose size field is no event's. Fuzz targets
// get past the checksums with it, to the code that trusts them.
func Reseal(content []byte) []byte {
	const magic = 4 // bytes before the first event
	content = slices.Clone(content)
	for rest := content[min(magic, len(content)):]; ; {
		ev, next, err := event.First(rest)
		if err != nil || len(ev) < event.HeaderSize+event.ChecksumSize {
			return content
		}
		event.Recrc(ev)
		rest = next
	}
}

// ReadFile returns a file's content.
func ReadFile(t testing.TB, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// WriteFile replaces a file's content, or makes the file, and syncs it.
func WriteFile(t testing.TB, fs vfs.FS, name string, content []byte) {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(slices.Clone(content)); err != nil { // a vfs may keep or change what it is given
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}
