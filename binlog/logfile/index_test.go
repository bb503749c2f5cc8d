package logfile

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func putFile(t testing.TB, fs vfs.FS, path string, content []byte) {
	t.Helper()
	if err := writeFile(fs, path, append([]byte(nil), content...)); err != nil {
		t.Fatal(err)
	}
}

func headerOnly() []byte { return append([]byte(Magic), testHeader(true)...) }

func withEvents() []byte {
	b := headerOnly()
	return append(b, testEvent(int64(len(b)), 10, true)...)
}

func TestIndex_Parse(t *testing.T) {
	long := "log." + strings.Repeat("1", 600)
	for _, c := range []struct {
		text string
		want string // joined names, or "" with an error
	}{
		{"", ""},
		{"./log.000001\n./log.000002\n", "log.000001,log.000002"},
		{"./log.000001\n./log.000002", "log.000001,log.000002"},
		{"log.000001\r\n/d/log.000003\n", "log.000001,log.000003"},
		{"./log.999999\n./log.1000000\n", "log.999999,log.1000000"},
		{"\n", "error"},
		{"./log.000001\n\n./log.000002\n", "error"},
		{"./log.000002\n./log.000001\n", "error"},
		{"./log.000001\n./log.000001\n", "error"},
		{"./log.000000\n", "error"},
		{"./log.0000001\n", "error"},
		{"./log.00001\n", "error"},
		{"./log.00000x\n", "error"},
		{"./other.000001\n", "error"},
		{"../log.000001\n", "error"},
		{"./x/log.000001\n", "error"},
		{"/etc/log.000001\n", "error"},
		{"./log.index\n", "error"},
		{"./log.000001\x00\n", "error"},
		{long + "\n", "error"},
		{"./log.99999999999999999999\n", "error"},
	} {
		got, err := parseIndex("/d", "log", []byte(c.text))
		if err != nil {
			if c.want != "error" || !errors.Is(err, ErrIndex) {
				t.Errorf("%q: %v", c.text, err)
			}
			continue
		}
		if s := strings.Join(got, ","); s != c.want {
			t.Errorf("%q: %q, want %q", c.text, s, c.want)
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add("./log.000001\n./log.000002\n")
	f.Add("/d/log.000001\r\nlog.1000000")
	f.Add("../../etc/passwd\n")
	f.Fuzz(func(t *testing.T, text string) {
		files, err := parseIndex("/d", "log", []byte(text))
		if err != nil {
			return
		}
		var again strings.Builder
		for _, name := range files {
			if strings.ContainsAny(name, "/\\\x00\n") {
				t.Fatalf("name %q", name)
			}
			again.WriteString("./" + name + "\n")
		}
		twice, err := parseIndex("/d", "log", []byte(again.String()))
		if err != nil {
			t.Fatal(err)
		}
		same(t, "written and read again", twice, files)
	})
}

func TestIndex_ReconcileFinishesWhatACrashLeft(t *testing.T) {
	fs := vfs.NewMem()
	fs.MkdirAll("/d", 0o755)
	put := func(name string, b []byte) { putFile(t, fs, "/d/"+name, b) }
	put("log.index", []byte("./log.000002\n./log.000003\n./log.000004\n"))
	put("log.000001", withEvents()) // purged from the index, not deleted
	put("log.000003", withEvents()) // 000002 was removed by hand
	put("log.000004", withEvents())
	put("log.000005", headerOnly()) // rotation that never reached the index
	put("log.000006", []byte(Magic)[:2])
	put("log.000007", withEvents()) // not ours to delete
	put("log.index.tmp", []byte("./log.000002\n"))
	put("log.000003.tmp", nil)
	put("other.tmp", nil)
	put("log.000008x", withEvents())
	x, err := OpenIndex(fs, "/d", "log")
	if err != nil {
		t.Fatal(err)
	}
	r, err := x.Reconcile()
	if err != nil {
		t.Fatal(err)
	}
	same(t, "report", r, Report{Dropped: []string{"log.000002"}, Deleted: []string{"log.000001", "log.000005", "log.000006"}, Foreign: []string{"log.000007"}})
	same(t, "files", x.Files(), []string{"log.000003", "log.000004"})
	next, err := x.NextName()
	if err != nil || next != "log.000008" {
		t.Fatalf("next name %q %v", next, err)
	}
	names, _ := fs.List("/d")
	if len(names) != 6 { // index, 3, 4, 7, other.tmp, 8x
		t.Fatalf("left in the directory: %v", names)
	}
	again, err := OpenIndex(fs, "/d", "log")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "on disk", again.Files(), x.Files())
}

func TestIndex_MissingFileRefuses(t *testing.T) {
	for _, gone := range []string{"log.000002", "log.000003", "all"} {
		fs := vfs.NewMem()
		fs.MkdirAll("/d", 0o755)
		putFile(t, fs, "/d/log.index", []byte("./log.000001\n./log.000002\n./log.000003\n"))
		for _, name := range []string{"log.000001", "log.000002", "log.000003"} {
			if name != gone && gone != "all" {
				putFile(t, fs, "/d/"+name, withEvents())
			}
		}
		x, err := OpenIndex(fs, "/d", "log")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Reconcile(); !errors.Is(err, ErrMissingFile) {
			t.Fatalf("%s: %v", gone, err)
		}
	}
}

func TestIndex_ChangesSurviveACrash(t *testing.T) {
	for seed := range uint64(30) {
		fs := vfs.NewCrashableMem()
		x := newIndex(t, fs, "/a/b/log")
		for range 5 {
			newWriter(t, x)
		}
		removed, err := x.Remove(2)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "removed", removed, []string{"log.000001", "log.000002"})
		cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: int(seed%3) * 50, RNG: rand.New(rand.NewPCG(1, seed))}
		crashed := fs.CrashClone(cfg)
		y := newIndex(t, crashed, "/a/b/log")
		same(t, "files", y.Files(), []string{"log.000003", "log.000004", "log.000005"})
		if _, err := y.Reconcile(); err != nil {
			t.Fatal(err)
		}
		names, _ := crashed.List("/a/b/log")
		if len(names) != 4 {
			t.Fatalf("after reconciling: %v", names)
		}
		if err := y.Clear(); err != nil {
			t.Fatal(err)
		}
		names, _ = crashed.CrashClone(vfs.CrashCloneCfg{}).List("/a/b/log")
		same(t, "after Clear", names, []string{"log.index"})
	}
}

func TestIndex_AfterAndHas(t *testing.T) {
	x := &Index{base: "log", files: []string{"log.000002", "log.000004", "log.1000000"}}
	for name, want := range map[string]string{"log.000001": "log.000002", "log.000002": "log.000004", "log.000003": "log.000004", "log.999999": "log.1000000", "log.1000000": ""} {
		if got, _ := x.After(name); got != want {
			t.Errorf("after %s: %q, want %q", name, got, want)
		}
	}
	if x.Has("log.000003") || !x.Has("log.1000000") || x.Has("") || x.Has("../log.000002") {
		t.Error("Has")
	}
}
