package logfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
)

func TestWriter_SyncMovesEnd(t *testing.T) {
	fileSystems(t, func(t *testing.T, fs vfs.FS, dir string) {
		x := newIndex(t, fs, dir)
		w := newWriter(t, x)
		head := w.End()
		appendEvent(t, w, 100)
		if w.Durable() != head || w.End() <= head {
			t.Fatalf("before Sync: durable %d, end %d", w.Durable(), w.End())
		}
		end, err := w.Sync()
		if err != nil || end != w.End() || w.Durable() != end {
			t.Fatalf("Sync: %d %v, end %d", end, err, w.End())
		}
		if size, err := x.Size(w.Name()); err != nil || size != end {
			t.Fatalf("size %d %v, want %d", size, err, end)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := w.Append(nil); !errors.Is(err, ErrClosed) {
			t.Fatalf("after Close: %v", err)
		}
	})
}

func TestWriter_TruncateTakesBack(t *testing.T) {
	fileSystems(t, func(t *testing.T, fs vfs.FS, dir string) {
		x := newIndex(t, fs, dir)
		w := newWriter(t, x)
		appendEvent(t, w, 100)
		if _, err := w.Sync(); err != nil {
			t.Fatal(err)
		}
		keep := w.End()
		for _, flush := range []bool{false, true} {
			for range 50 {
				appendEvent(t, w, 70_000)
			}
			if flush {
				if err := w.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Truncate(keep); err != nil {
				t.Fatal(err)
			}
			if w.End() != keep {
				t.Fatalf("end %d, want %d", w.End(), keep)
			}
		}
		appendEvent(t, w, 33)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var sizes []int
		err := Scan(fs, x.Path(w.Name()), 0, ScanOptions{}, func(_ int64, ev event.Event) error {
			sizes = append(sizes, len(ev))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "sizes", sizes, []int{122, 124, 57})
	})
}

func TestWriter_PreallocateKeepsSize(t *testing.T) {
	x := newIndex(t, vfs.Default, t.TempDir())
	w := newWriter(t, x)
	end := w.End()
	if err := w.Preallocate(3 << 20); err != nil {
		t.Fatal(err)
	}
	if size, _ := x.Size(w.Name()); size != end {
		t.Fatalf("size %d after Preallocate, want %d", size, end)
	}
	appendEvent(t, w, 10)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	st, err := vfs.Default.Stat(x.Path(w.Name()))
	if err != nil {
		t.Fatal(err)
	}
	if blocks := st.Sys().(*syscall.Stat_t).Blocks; blocks*512 > 1<<20 {
		t.Fatalf("%d bytes are still reserved after Close", blocks*512)
	}
}

func TestWriter_PreparedFileIsNotListed(t *testing.T) {
	fs := vfs.NewCrashableMem()
	x := newIndex(t, fs, "/log")
	newWriter(t, x)
	w, err := Prepare(x, "log.000002", testHeader(true))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "files", x.Files(), []string{"log.000001"})
	if err := w.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Stat("/log/log.000002"); err == nil {
		t.Fatal("discarded file is still there")
	}
	if _, err := Create(x, "log.000001", testHeader(true)); err == nil {
		t.Fatal("created a file that exists")
	}
}

// cases are files and what a reader of any kind must make of them: the sizes
// of the events before the end, and the error there (nil = clean end).
func cases() map[string]struct {
	content []byte
	sizes   []int
	err     error
} {
	head := headerOnly()
	at := int64(len(head))
	one := testEvent(at, 10, true)
	two := testEvent(at+int64(len(one)), 100_000, true)
	join := func(parts ...[]byte) (b []byte) {
		for _, p := range parts {
			b = append(b, p...)
		}
		return b
	}
	huge := append(event.Event(nil), one...)
	huge[12] = 0x7f
	tiny := append(event.Event(nil), one...)
	copy(tiny[9:], []byte{5, 0, 0, 0})
	plain := append([]byte(Magic), testHeader(false)...)
	type c = struct {
		content []byte
		sizes   []int
		err     error
	}
	return map[string]c{
		"header only":       {head, []int{122}, nil},
		"one":               {join(head, one), []int{122, 34}, nil},
		"larger than chunk": {join(head, one, two), []int{122, 34, 100_024}, nil},
		"no checksums":      {join(plain, testEvent(at, 10, false)), []int{122, 30}, nil},
		"half header":       {join(head, one, two[:10]), []int{122, 34}, ErrTorn},
		"half body":         {join(head, one, two[:50_000]), []int{122, 34}, ErrTorn},
		"one byte short":    {join(head, one[:len(one)-1]), []int{122}, ErrTorn},
		"size too small":    {join(head, tiny), []int{122}, ErrImplausible},
		"size too large":    {join(head, huge), []int{122}, errAny},
		"zeros":             {join(head, one, make([]byte, 5000)), []int{122, 34}, errAny},
		"no magic":          {[]byte("nonsense"), nil, ErrMagic},
		"encrypted":         {join([]byte(EncryptedMagic), head[4:]), nil, ErrEncrypted},
		"empty":             {nil, nil, ErrMagic},
	}
}

var errAny = errors.New("any damage")

func TestReadersAgree(t *testing.T) {
	for name, c := range cases() {
		check := func(t *testing.T, sizes []int, err error) {
			same(t, "sizes", sizes, c.sizes)
			var bad *CorruptError
			switch {
			case c.err == nil && err != nil:
				t.Fatal(err)
			case c.err != nil && !errors.As(err, &bad):
				t.Fatalf("no CorruptError: %v", err)
			case c.err != nil && c.err != errAny && !errors.Is(err, c.err):
				t.Fatalf("%v, want %v", err, c.err)
			}
			if bad != nil {
				off := int64(0)
				for i, n := range sizes {
					if i == 0 {
						off = MagicSize
					}
					off += int64(n)
				}
				if bad.Offset != off || bad.File != "log.000001" {
					t.Fatalf("damage at %s:%d, want %d", bad.File, bad.Offset, off)
				}
			}
		}
		fs := vfs.NewMem()
		fs.MkdirAll("/log", 0o755)
		putFile(t, fs, "/log/log.000001", c.content)
		putFile(t, fs, "/log/log.index", []byte("./log.000001\n"))
		t.Run(name+"/scanner", func(t *testing.T) {
			var sizes []int
			err := Scan(fs, "/log/log.000001", 0, ScanOptions{}, func(_ int64, ev event.Event) error {
				sizes = append(sizes, len(ev))
				return nil
			})
			check(t, sizes, err)
		})
		for _, chunks := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/reader/chunks=%v", name, chunks), func(t *testing.T) {
				var tail Tail
				tail.Set(Pos{"log.000001", int64(len(c.content))})
				var sizes []int
				r, err := NewReader(newIndex(t, fs, "/log"), &tail, Pos{"log.000001", 0}, ReaderOptions{MaxEvent: 1 << 20})
				for err == nil {
					var b []byte
					var ok bool
					if chunks {
						b, ok, err = r.TryChunk()
					} else {
						b, ok, err = r.TryNext()
					}
					if !ok {
						break
					}
					for len(b) > 0 {
						ev, rest, err := event.First(b)
						if err != nil {
							t.Fatal(err)
						}
						sizes = append(sizes, len(ev))
						b = rest
					}
				}
				check(t, sizes, err)
			})
		}
	}
}

func TestScanner_ResyncFindsTheNextEvent(t *testing.T) {
	b := headerOnly()
	var starts []int64
	for i := range 6 {
		starts = append(starts, int64(len(b)))
		b = append(b, testEvent(int64(len(b)), 40_000*i, true)...)
	}
	b[starts[2]+500] ^= 1 // a checksum
	clear(b[starts[4]-3 : starts[4]+19])
	fs := vfs.NewMem()
	putFile(t, fs, "log.000001", b)
	s, err := OpenScanner(fs, "log.000001", starts[0], ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var good, bad []int64
	for {
		off, _, err := s.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			good = append(good, off)
			continue
		}
		bad = append(bad, off)
		if err := s.Resync(); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "valid", good, []int64{starts[0], starts[1], starts[5]})
	// One search leads behind both: the event at starts[3] is cut by the second hole.
	same(t, "damaged", bad, []int64{starts[2]})
}

func TestReader_FollowsAWriter(t *testing.T) {
	fileSystems(t, func(t *testing.T, fs vfs.FS, dir string) {
		x := newIndex(t, fs, dir)
		var tail Tail
		w := newWriter(t, x)
		tail.Set(Pos{w.Name(), w.End()})
		const files, groups, perGroup = 4, 25, 7
		var wg sync.WaitGroup
		results := make([][]string, 4)
		for i := range results {
			r, err := NewReader(x, &tail, Pos{w.Name(), 0}, ReaderOptions{Buffer: 100 << (i * 4)})
			if err != nil {
				t.Fatal(err)
			}
			wg.Add(1)
			go func() {
				defer wg.Done()
				defer r.Close()
				results[i] = follow(t, r, i%2 == 1)
			}()
		}
		var want []string
		for f := range files {
			want = append(want, w.Name()+":4")
			for range groups {
				before := w.End()
				appendEvent(t, w, 5000) // taken back: no Reader may see it
				if err := w.Flush(); err != nil {
					t.Fatal(err)
				}
				if err := w.Truncate(before); err != nil {
					t.Fatal(err)
				}
				for i := range perGroup {
					want = append(want, fmt.Sprintf("%s:%d", w.Name(), w.End()))
					appendEvent(t, w, i*300)
				}
				syncTail(t, w, &tail)
			}
			if f < files-1 {
				next := newWriter(t, x)
				tail.Set(Pos{next.Name(), next.End()})
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				w = next
			}
		}
		tail.Close(nil)
		wg.Wait()
		for i, got := range results {
			same(t, fmt.Sprint("reader ", i), got, want)
		}
	})
}

// follow reads until the Tail is closed and verifies every event.
func follow(t *testing.T, r *Reader, chunks bool) (places []string) {
	for {
		var b []byte
		var err error
		if chunks {
			b, err = r.Chunk(testContext(t))
		} else {
			b, err = r.Next(testContext(t))
		}
		if errors.Is(err, ErrClosed) {
			return places
		}
		if err != nil {
			t.Error(err)
			return places
		}
		off := r.Start().Offset
		for len(b) > 0 {
			ev, rest, err := event.First(b)
			if err == nil {
				err = event.Verify(ev)
			}
			if err == nil && int64(ev.EndPos()) != off+int64(len(ev)) {
				err = fmt.Errorf("end_log_pos %d at %d", ev.EndPos(), off)
			}
			if err != nil {
				t.Errorf("%s:%d: %v", r.Start().File, off, err)
				return places
			}
			places = append(places, fmt.Sprintf("%s:%d", r.Start().File, off))
			off += int64(len(ev))
			b = rest
		}
		if (Pos{r.Start().File, off}) != r.Pos() {
			t.Errorf("position %v behind an event that ends at %d", r.Pos(), off)
		}
	}
}

func TestReader_StopsAtTheTailAndOnContext(t *testing.T) {
	x := newIndex(t, vfs.NewMem(), "/log")
	w := newWriter(t, x)
	var tail Tail
	tail.Set(Pos{w.Name(), w.End()})
	appendEvent(t, w, 10)
	if _, err := w.Sync(); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(x, &tail, Pos{w.Name(), w.Durable() - 34}, ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, ok, err := r.TryNext(); ok || err != nil {
		t.Fatalf("read behind the Tail: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
	tail.Set(Pos{w.Name(), w.Durable()})
	if ev, err := r.Next(t.Context()); err != nil || len(ev) != 34 {
		t.Fatalf("%d bytes, %v", len(ev), err)
	}
	tail.Close(io.ErrNoProgress)
	if _, err := r.Next(t.Context()); !errors.Is(err, io.ErrNoProgress) {
		t.Fatalf("closed: %v", err)
	}
}

func TestCut(t *testing.T) {
	fileSystems(t, func(t *testing.T, fs vfs.FS, dir string) {
		x := newIndex(t, fs, dir)
		w := newWriter(t, x)
		appendEvent(t, w, 10)
		keep := w.End()
		appendEvent(t, w, 10)
		if _, err := w.Sync(); err != nil {
			t.Fatal(err)
		}
		for range 2 { // it may be repeated
			if err := Cut(x, w.Name(), keep); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		err := Scan(fs, x.Path(w.Name()), 0, ScanOptions{}, func(_ int64, ev event.Event) error {
			if n++; n == 1 && ev.Flags()&event.FlagInUse != 0 {
				t.Error("IN_USE is still set")
			}
			return nil
		})
		if err != nil || n != 2 {
			t.Fatalf("%d events, %v", n, err)
		}
		if err := Cut(x, w.Name(), keep+1); err == nil {
			t.Fatal("cut behind the end")
		}
	})
}

func FuzzScanner(f *testing.F) {
	for _, c := range cases() {
		if len(c.content) < 1000 {
			f.Add(c.content)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		fs := vfs.NewMem()
		putFile(t, fs, "log.000001", content)
		for _, foreign := range []bool{false, true} {
			s, err := OpenScanner(fs, "log.000001", 0, ScanOptions{Foreign: foreign})
			if err != nil {
				continue
			}
			last := int64(-1)
			for {
				off, ev, err := s.Next()
				if err == io.EOF {
					break
				}
				if off <= last && err == nil || off+int64(len(ev)) > int64(len(content)) {
					t.Fatalf("event of %d bytes at %d after %d", len(ev), off, last)
				}
				if err != nil && s.Resync() != nil {
					break
				}
				if err == nil {
					last = off
				}
			}
			s.Close()
		}
	})
}
