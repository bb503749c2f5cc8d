package sql

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
	num  uint16
	text string
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

// fileError knows calls on files that failed because of the disk, by type and by
// text. What the store says is 1030, whatever the call was.
func fileError(err error) (num uint16, msg string, ok bool) {
	var path *fs.PathError
	if errors.As(err, &path) {
		for _, no := range badDisk {
			if errors.Is(path.Err, no) {
				return wordFileError(path.Op, path.Path, no)
			}
		}
		return 0, "", false
	}
	m := printedFileError.FindStringSubmatch(err.Error())
	if m == nil {
		return 0, "", false
	}
	for _, no := range badDisk {
		if strings.HasPrefix(m[3], no.Error()) {
			return wordFileError(m[1], m[2], no)
		}
	}
	return 0, "", false
}

// printedFileError is the text of an error that went through the engine.
var printedFileError = regexp.MustCompile(`\b(open|read|write|truncate|remove) (/[^\n:]+): ([a-z /-]+)`)

func wordFileError(op, path string, no syscall.Errno) (num uint16, msg string, ok bool) {
	text := strings.ToUpper(no.Error()[:1]) + no.Error()[1:]
	if filepath.Base(filepath.Dir(path)) == "#store" {
		return 1030, fmt.Sprintf("Got error %d - '%s: %s %s' from storage engine", int(no), text, op, filepath.Base(path)), true
	}
	e, ok := fileErrors[op]
	if !ok {
		return 0, "", false
	}
	return e.num, fmt.Sprintf(e.text, path, int(no), text), true
}
