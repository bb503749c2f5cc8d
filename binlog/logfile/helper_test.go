package logfile

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
)

// testHeader is a Format_description as a file begins with it.
func testHeader(checksum bool) []byte {
	b := event.AppendFormat(nil, event.Header{Timestamp: 1, ServerID: 1}, "8.0.36", 0, checksum)
	return event.Finish(b, uint32(MagicSize+len(b)), checksum)
}

// testEvent is a Rows_query of n bytes of text, for offset off.
func testEvent(off int64, n int, checksum bool) event.Event {
	text := make([]byte, n)
	for i := range text {
		text[i] = 'a' + byte((off+int64(i))%26)
	}
	b := event.AppendRowsQuery(nil, event.Header{Timestamp: 1, ServerID: 1}, string(text))
	size := len(b)
	if !checksum {
		size -= event.ChecksumSize
	}
	return event.Finish(b, uint32(off+int64(size)), checksum)
}

func newIndex(t testing.TB, fs vfs.FS, dir string) *Index {
	t.Helper()
	x, err := OpenIndex(fs, dir, "log")
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func newWriter(t testing.TB, x *Index) *Writer {
	t.Helper()
	name, err := x.NextName()
	if err != nil {
		t.Fatal(err)
	}
	w, err := Create(x, name, testHeader(true))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func appendEvent(t testing.TB, w *Writer, n int) {
	t.Helper()
	if err := w.Append(testEvent(w.End(), n, true)); err != nil {
		t.Fatal(err)
	}
}

func syncTail(t testing.TB, w *Writer, tail *Tail) {
	t.Helper()
	end, err := w.Sync()
	if err != nil {
		t.Fatal(err)
	}
	tail.Set(Pos{w.Name(), end})
}

// fileSystems are those the log must work on: one that can truncate and one
// that cannot.
func fileSystems(t *testing.T, fn func(t *testing.T, fs vfs.FS, dir string)) {
	t.Run("os", func(t *testing.T) { fn(t, vfs.Default, t.TempDir()) })
	t.Run("mem", func(t *testing.T) { fn(t, vfs.NewCrashableMem(), "/log") })
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		i := 0
		for i < min(len(g), len(w)) && g[i] == w[i] {
			i++
		}
		i = max(0, i-100)
		t.Fatalf("%s, from byte %d:\n got %.300s\nwant %.300s", what, i, g[i:], w[i:])
	}
}
