package wire

import (
	"bufio"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func fileMode(t testing.TB, dir, name string) fs.FileMode {
	t.Helper()
	st, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return st.Mode().Perm()
}

func newTestWriter(w io.Writer) *packetWriter { return &packetWriter{bw: bufio.NewWriter(w)} }
func newTestReader(r io.Reader) *packetReader { return &packetReader{br: bufio.NewReader(r)} }
