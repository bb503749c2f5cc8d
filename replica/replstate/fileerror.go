package replstate

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// fileErrors are MySQL's numbers and words for a call on a file that failed.
var fileErrors = map[string]struct {
	number uint16
	text   string
}{
	"open":     {1016, "Can't open file: '%s' (errno: %d - %s)"},
	"read":     {1024, "Error reading file '%s' (errno: %d - %s)"},
	"write":    {1026, "Error writing file '%s' (errno: %d - %s)"},
	"truncate": {1026, "Error writing file '%s' (errno: %d - %s)"},
	"remove":   {1011, "Error on delete of '%s' (errno: %d - %s)"},
}

// badDisk are the errors of a disk, as opposed to those of a wrong name or a
// missing right.
var badDisk = []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS}

// FileError words a call on a file that failed because of the disk, known by
// type or by text; nil for any other error. What a table of the store says is
// 1030, whatever the call was.
func FileError(err error) *Error {
	var path *fs.PathError
	if errors.As(err, &path) {
		for _, no := range badDisk {
			if errors.Is(path.Err, no) {
				return fileError(path.Op, path.Path, no)
			}
		}
		return nil
	}
	m := printedFileError.FindStringSubmatch(err.Error())
	if m == nil {
		return nil
	}
	for _, no := range badDisk {
		if strings.HasPrefix(m[3], no.Error()) {
			return fileError(m[1], m[2], no)
		}
	}
	return nil
}

// printedFileError is the text of an error whose type was lost on the way.
var printedFileError = regexp.MustCompile(`\b(open|read|write|truncate|remove) (/[^\n:]+): ([a-z /-]+)`)

func fileError(op, path string, no syscall.Errno) *Error {
	text := strings.ToUpper(no.Error()[:1]) + no.Error()[1:]
	if filepath.Base(filepath.Dir(path)) == "#store" {
		return Errorf(1030, "Got error %d - '%s: %s %s' from storage engine", int(no), text, op, filepath.Base(path))
	}
	e, ok := fileErrors[op]
	if !ok {
		return nil
	}
	return &Error{Number: e.number, SQLState: "HY000", Text: fmt.Sprintf(e.text, path, int(no), text)}
}
