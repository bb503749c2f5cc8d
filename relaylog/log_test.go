package relaylog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/go-mysql-org/go-mysql/replication"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/logfile"
	"binrelay/binlog/logfile/logtest"
	"binrelay/binlog/txn"
)

func TestLog_FileLayout(t *testing.T) {
	for _, sums := range []bool{true, false} {
		l, _ := mustOpen(t, testOptions(vfs.NewMem()))
		s := newSource(sums)
		appendAll(t, l, s.start(), s.txn(5), s.rotate(), s.txn(6))
		r, err := l.NewReader(txn.Coord{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range drain(t, r) {
			own := ""
			if e.Own {
				own = "own "
			}
			got = append(got, fmt.Sprintf("%s %sserver %d type %d flags %#x end %v", e.Start.File[len(e.Start.File)-1:], own, e.Event.ServerID(), e.Event.Type(), e.Event.Flags(), e.Event.EndPos() != 0))
		}
		group := func(f string) []string {
			var g []string
			for _, typ := range []int{33, 2, 19, 30, 16} {
				g = append(g, fmt.Sprintf("%s server 7 type %d flags 0x0 end true", f, typ))
			}
			return g
		}
		head := func(f string) []string {
			return []string{f + " own server 202 type 15 flags 0x40 end true", f + " own server 202 type 35 flags 0x80 end true",
				f + " server 7 type 4 flags 0x20 end false", f + " server 7 type 15 flags 0x0 end false"}
		}
		want := append(head("1"), group("1")...)
		want = append(want, "1 server 7 type 4 flags 0x0 end true", "1 own server 202 type 4 flags 0x0 end true")
		want = append(append(want, head("2")...), group("2")...)
		same(t, "layout", strings.Join(got, "\n"), strings.Join(want, "\n"))
		if l.Source() != s.coord() || !r.AtEnd() {
			t.Fatalf("source %v, want %v", l.Source(), s.coord())
		}
		same(t, "retrieved", l.Retrieved(), sourceUUID.String()+":1-2")
		r.Close()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLog_EventsUnmodifiedWithBothCoordinates(t *testing.T) {
	l, _ := mustOpen(t, testOptions(vfs.NewMem()))
	s := newSource(true)
	var sent []received
	add := func(list []received) { sent = append(sent, list...) }
	add(s.start())
	add(s.txn(100))
	add(s.txn(200))
	add(s.rotate())
	add(s.txn(300))
	appendAll(t, l, sent)
	r, _ := l.NewReader(txn.Coord{})
	defer r.Close()
	got := fromSource(drain(t, r))
	i := 0
	for _, want := range sent {
		if want.ev.Flags()&event.FlagArtificial != 0 || want.ev.Type() == event.FormatDescription {
			continue
		}
		if !bytes.Equal(got[i].Event, want.ev) || got[i].Source != want.at {
			t.Fatalf("event %d: %s, want source %v", i, line(got[i]), want.at)
		}
		i++
	}
	if i != len(got) {
		t.Fatalf("%d events read, %d sent", len(got), i)
	}
}

func writeSample(t *testing.T, dir string) *Log {
	o := testOptions(vfs.Default)
	o.Dir = dir
	l, _ := mustOpen(t, o)
	s := newSource(true)
	appendAll(t, l, s.start(), s.txn(5), s.txn(10), s.rotate(), s.txn(15))
	if err := l.Rotate(); err != nil {
		t.Fatal(err)
	}
	appendAll(t, l, s.txn(20))
	if err := l.Ignore(txn.Coord{File: s.file(), Pos: s.pos + 100}); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLog_OtherParsersReadIt(t *testing.T) {
	dir := t.TempDir()
	l := writeSample(t, dir)
	files := l.Index().Files()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	same(t, "files", files, []string{"relay-bin.000001", "relay-bin.000002", "relay-bin.000003"})
	rows := 0
	for _, name := range files {
		p := replication.NewBinlogParser()
		p.SetVerifyChecksum(true)
		err := p.ParseFile(filepath.Join(dir, name), 0, func(e *replication.BinlogEvent) error {
			if r, ok := e.Event.(*replication.RowsEvent); ok {
				rows++
				if r.Rows[0][0] != int32(rows) {
					return fmt.Errorf("row %v, want %d", r.Rows[0][0], rows)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if rows != 4 {
		t.Fatalf("%d rows", rows)
	}
	tool, err := exec.LookPath("mariadb-binlog")
	if err != nil {
		t.Skip("mariadb-binlog is not installed")
	}
	for _, name := range files {
		var out, stderr bytes.Buffer
		cmd := exec.Command(tool, "--no-defaults", "-v", "--verify-binlog-checksum", filepath.Join(dir, name))
		cmd.Stdout, cmd.Stderr = &out, &stderr
		if err := cmd.Run(); err != nil || stderr.Len() > 0 {
			t.Fatalf("%s: %v\n%s", name, err, stderr.String())
		}
		if !strings.Contains(out.String(), "### INSERT INTO `db`.`t`") {
			t.Fatalf("%s: no rows in\n%s", name, out.String())
		}
	}
}

func TestLog_RefusesWhatDoesNotBelong(t *testing.T) {
	l, _ := mustOpen(t, testOptions(vfs.NewMem()))
	s := newSource(true)
	start := s.start()
	tx := s.txn(5)
	bad := append(event.Event(nil), tx[0].ev...)
	bad[30] ^= 1
	short := append(event.Event(nil), tx[0].ev...)
	for name, r := range map[string]received{
		"before Rotate":      start[1],
		"before format":      tx[0],
		"heartbeat":          {event.Finish(event.AppendHeartbeat(nil, testHeader, "f", 9), 9, true), tx[0].at, true},
		"checksum":           {bad, tx[0].at, true},
		"size":               {short[:len(short)-1], tx[0].at, true},
		"shorter than head":  {short[:10], tx[0].at, true},
		"empty":              {nil, tx[0].at, true},
		"Rotate to nowhere":  {start[0].ev, txn.Coord{}, true},
		"previous too early": {event.Finish(event.AppendPreviousGTIDs(nil, testHeader, gtid.Set{}), 9, true), tx[0].at, true},
	} {
		if err := l.Append(r.ev, r.at, r.checksum); !errors.Is(err, ErrEvent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(l.Index().Files()) != 0 {
		t.Fatal("a file was made")
	}
	appendAll(t, l, start, tx)
}

func TestLog_ReconnectInTheMiddle(t *testing.T) {
	l, _ := mustOpen(t, testOptions(vfs.NewMem()))
	s := newSource(true)
	appendAll(t, l, s.start())
	tx := s.txn(5)
	appendAll(t, l, tx[:3])
	// The same place: it goes on in the same file, without a seam.
	again := &source{checksum: true, number: 1, pos: tx[2].at.Pos}
	if err := l.Rotate(); err != nil { // STOP and START of the thread
		t.Fatal(err)
	}
	appendAll(t, l, again.start(), tx[3:])
	same(t, "files", l.Index().Files(), []string{"relay-bin.000001"})
	next := s.txn(6)
	appendAll(t, l, next[:4])
	same(t, "files", l.Index().Files(), []string{"relay-bin.000001", "relay-bin.000002"})
	// An earlier place: the open transaction is given up.
	back := &source{checksum: true, number: 1, pos: tx[4].at.Pos}
	appendAll(t, l, back.start(), next)
	same(t, "files", l.Index().Files(), []string{"relay-bin.000001", "relay-bin.000002", "relay-bin.000003"})
	same(t, "retrieved", l.Retrieved(), sourceUUID.String()+":1-2")
	r, _ := l.NewReader(txn.Coord{})
	defer r.Close()
	var b Boundary
	whole := 0
	for _, e := range drain(t, r) {
		if b.Add(e.Event, e.Checksum) == Ends {
			whole++
		}
	}
	if whole != 2 || b.Inside() {
		t.Fatalf("%d whole transactions, inside %v", whole, b.Inside())
	}
}

func TestLog_CutAtEveryByte(t *testing.T) {
	mem := vfs.NewMem()
	l, _ := mustOpen(t, testOptions(mem))
	s := newSource(true)
	appendAll(t, l, s.start(), s.txn(1), s.rotate())
	firstEnd := txn.Coord{File: s.file(), Pos: 4} // a header moves no position
	type end struct {
		relay  int64
		source txn.Coord
		gno    int64
	}
	ends := []end{{int64(l.End().Pos), firstEnd, 1}}
	head := ends[0].relay
	for range 2 {
		appendAll(t, l, s.txn(3))
		ends = append(ends, end{int64(l.End().Pos), s.coord(), s.gno})
	}
	appendAll(t, l, s.rotate()[:1])
	ends = append(ends, end{int64(l.End().Pos), txn.Coord{File: s.file(), Pos: 4}, s.gno})
	content := map[string][]byte{}
	for _, name := range []string{"relay-bin.000001", "relay-bin.000002", "relay-bin.index"} {
		b, err := mem.UnsafeGetFileDataBuffer("/relay/" + name)
		if err != nil {
			t.Fatal(err)
		}
		content[name] = append([]byte(nil), b...)
	}
	build := func(last []byte) *vfs.MemFS {
		fs := vfs.NewMem()
		fs.MkdirAll("/relay", 0o755)
		for name, b := range content {
			if name == "relay-bin.000002" {
				b = last
			}
			f, _ := fs.Create("/relay/"+name, vfs.WriteCategoryUnspecified)
			f.Write(append([]byte(nil), b...))
			f.Close()
		}
		return fs
	}
	check := func(what string, last []byte, at int64) {
		t.Helper()
		l, rec := mustOpen(t, testOptions(build(last)))
		want := ends[0]
		for _, e := range ends {
			if e.relay <= at {
				want = e
			}
		}
		if at < head { // its header is not whole: the file before counts
			if len(rec.Discarded) != 1 || rec.Relay.File != "relay-bin.000001" {
				t.Fatalf("%s: %+v", what, rec)
			}
		} else if rec.Relay != (txn.Coord{File: "relay-bin.000002", Pos: uint64(want.relay)}) {
			t.Fatalf("%s: cut at %v, want %d", what, rec.Relay, want.relay)
		}
		if rec.Source != want.source || l.Source() != want.source {
			t.Fatalf("%s: ask from %v, want %v", what, rec.Source, want.source)
		}
		set := gtid.Set{}.AddRange(sourceUUID, gtid.Interval{First: 1, Last: want.gno})
		same(t, what, rec.Retrieved, set)
		// The source sends from there, and the log is whole again.
		again := &source{checksum: true, number: 2, pos: want.source.Pos, gno: want.gno}
		if want.source.File == "mysql-bin.000003" {
			again.number = 3
		}
		appendAll(t, l, again.start(), again.txn(4))
		r, err := l.NewReader(txn.Coord{})
		if err != nil {
			t.Fatal(err)
		}
		var b Boundary
		n := int64(0)
		for _, e := range drain(t, r) {
			if b.Add(e.Event, e.Checksum) == Ends {
				n++
			}
		}
		r.Close()
		if n != want.gno+1 || b.Inside() {
			t.Fatalf("%s: %d transactions, want %d", what, n, want.gno+1)
		}
		l.Close()
	}
	last := content["relay-bin.000002"]
	for at := range len(last) + 1 {
		check(fmt.Sprintf("cut at %d", at), last[:at], int64(at))
	}
	for at := range int64(len(last)) {
		b := append([]byte(nil), last...)
		b[at] ^= 0x22
		if at < head {
			check(fmt.Sprintf("flip at %d", at), b, 0)
		} else {
			check(fmt.Sprintf("flip at %d", at), b, at)
		}
	}
}

func TestLog_CrashKeepsWhatWasSynced(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		fs := vfs.NewCrashableMem()
		o := testOptions(fs)
		o.MaxSize = func() int64 { return 30_000 }
		l, _ := mustOpen(t, o)
		s := newSource(true)
		appendAll(t, l, s.start())
		var synced int64
		whole := func() int64 { return int64(l.Retrieved().Count()) }
		for range 30 {
			for _, r := range s.txn(rng.IntN(6000)) {
				appendAll(t, l, []received{r})
				if rng.IntN(10) == 0 {
					if err := l.Sync(); err != nil {
						t.Fatal(err)
					}
					synced = whole()
				}
			}
			if rng.IntN(8) == 0 {
				appendAll(t, l, s.rotate())
			}
		}
		appendAll(t, l, s.txn(9)[:rng.IntN(5)])
		cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: int(seed%3) * 50, RNG: rng}
		o.FS = fs.CrashClone(cfg)
		l, rec := mustOpen(t, o)
		if n := int64(rec.Retrieved.Count()); n < synced {
			t.Fatalf("seed %d: %d transactions synced, %d kept", seed, synced, n)
		}
		r, err := l.NewReader(txn.Coord{})
		if err != nil {
			t.Fatal(err)
		}
		var b Boundary
		n := uint64(0)
		for _, e := range drain(t, r) {
			if b.Add(e.Event, e.Checksum) == Ends {
				n++
			}
		}
		if n != rec.Retrieved.Count() || b.Inside() {
			t.Fatalf("seed %d: %d whole transactions, %d retrieved", seed, n, rec.Retrieved.Count())
		}
		r.Close()
		l.Close()
	}
}

func TestLog_ReaderAtSource(t *testing.T) {
	l, _ := mustOpen(t, testOptions(vfs.NewMem()))
	if _, ok, err := l.NewReaderAtSource(txn.Coord{File: "mysql-bin.000001", Pos: 4}); ok || err != nil {
		t.Fatalf("empty log: %v %v", ok, err)
	}
	s := newSource(true)
	s.pos = 1000
	var places []txn.Coord
	appendAll(t, l, s.start())
	places = append(places, s.coord())
	for i := range 6 {
		appendAll(t, l, s.txn(10))
		places = append(places, s.coord())
		if i == 2 {
			appendAll(t, l, s.rotate())
			places = append(places, s.coord())
		}
		if i == 4 {
			l.Rotate()
		}
	}
	follows := func(at txn.Coord) (string, bool) {
		r, ok, err := l.NewReaderAtSource(at)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return "", false
		}
		defer r.Close()
		events := fromSource(drain(t, r))
		if len(events) == 0 {
			return "end", true
		}
		return line(events[0]), true
	}
	for i, at := range places {
		got, ok := follows(at)
		if !ok {
			t.Fatalf("place %d, %v: not found", i, at)
		}
		if i == len(places)-1 {
			same(t, "end", got, "end")
			continue
		}
		if !strings.Contains(got, "type 33") && !strings.Contains(got, "type 4") {
			t.Fatalf("place %d, %v: %s", i, at, got)
		}
		next := txn.Coord{File: at.File, Pos: at.Pos + 1}
		if _, ok := follows(next); ok {
			t.Fatalf("place inside an event %v is found", next)
		}
	}
	for _, at := range []txn.Coord{{File: "mysql-bin.000001", Pos: 4}, {File: "mysql-bin.000003", Pos: 4}, {File: s.file(), Pos: s.pos + 1}} {
		if _, ok := follows(at); ok {
			t.Fatalf("%v is found", at)
		}
	}
	// After an ignored stretch the next event starts behind the place.
	gap := txn.Coord{File: s.file(), Pos: s.pos + 500}
	if err := l.Ignore(gap); err != nil {
		t.Fatal(err)
	}
	s.pos = gap.Pos
	appendAll(t, l, s.txn(1))
	if got, ok := follows(gap); !ok || !strings.Contains(got, "type 33") {
		t.Fatalf("behind the gap: %s", got)
	}
	if len(l.readers.open) != 0 {
		t.Fatalf("%d readers are still noted", len(l.readers.open))
	}
}

func TestLog_PurgeSpaceReset(t *testing.T) {
	fs := vfs.NewMem()
	l, _ := mustOpen(t, testOptions(fs))
	r, err := l.NewReader(txn.Coord{}) // before there is a file
	if err != nil {
		t.Fatal(err)
	}
	s := newSource(true)
	appendAll(t, l, s.start(), s.txn(50_000), s.rotate(), s.txn(60_000), s.rotate(), s.txn(10))
	sum := func() (n int64) {
		files, err := l.Files()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			n += f.Size
		}
		return n
	}
	if l.Space() != sum() {
		t.Fatalf("space %d, files have %d", l.Space(), sum())
	}
	if _, _, err := r.TryNext(); err != nil { // it is on the first file now
		t.Fatal(err)
	}
	gone, err := l.Purge(l.End())
	if err != nil || len(gone) != 0 {
		t.Fatalf("purged %v under a Reader: %v", gone, err)
	}
	done := make(chan error, 1)
	go func() { done <- l.WaitSpace(t.Context(), 1000) }()
	drain(t, r)
	gone, err = l.Purge(l.End())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "purged", gone, []string{"relay-bin.000001", "relay-bin.000002"})
	if l.Space() != sum() || l.Space() > 1000 {
		t.Fatalf("space %d, files have %d", l.Space(), sum())
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := l.Purge(txn.Coord{File: "relay-bin.000001"}); !errors.Is(err, ErrUnknownFile) {
		t.Fatal(err)
	}
	// A Reader that waits lifts the limit.
	appendAll(t, l, s.txn(5000)[:4])
	drain(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { r.Next(ctx); close(done) }()
	if err := l.WaitSpace(t.Context(), 1000); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
	if err := l.WaitSpace(ctx, 1000); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := l.Reset(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(t.Context()); !errors.Is(err, ErrReset) {
		t.Fatalf("reader: %v", err)
	}
	r.Close()
	if l.Space() != 0 || !l.Source().IsZero() || !l.Retrieved().IsEmpty() {
		t.Fatal("something is left after Reset")
	}
	s = newSource(true)
	appendAll(t, l, s.start(), s.txn(1))
	same(t, "files", l.Index().Files(), []string{"relay-bin.000001"})
}

func TestLog_ReaderFollows(t *testing.T) {
	o := testOptions(vfs.NewMem())
	o.MaxSize = func() int64 { return 20_000 }
	l, _ := mustOpen(t, o)
	const n = 300
	var wg sync.WaitGroup
	for range 2 {
		r, err := l.NewReader(txn.Coord{})
		if err != nil {
			t.Fatal(err)
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer r.Close()
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			var b Boundary
			for whole := 0; whole < n; {
				e, err := r.Next(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				if b.Add(e.Event, e.Checksum) == Ends {
					whole++
				}
			}
		}()
	}
	s := newSource(true)
	appendAll(t, l, s.start())
	for i := range n {
		appendAll(t, l, s.txn(i*37%4000))
		if i%50 == 49 {
			appendAll(t, l, s.rotate())
		}
	}
	wg.Wait()
	if len(l.Index().Files()) < 20 {
		t.Fatalf("files: %v", l.Index().Files())
	}
	l.Close()
}

func TestLog_ShowEvents(t *testing.T) {
	l := writeSample(t, t.TempDir())
	defer l.Close()
	count := func(file string, pos int64) (n int, err error) {
		err = l.ShowEvents(file, pos, func(Entry) error { n++; return nil })
		return n, err
	}
	if n, err := count("relay-bin.000001", 0); err != nil || n != 4+10+2 {
		t.Fatalf("%d events, %v", n, err)
	}
	if n, err := count("", 4); err != nil || n != 4+10+2 {
		t.Fatalf("%d events, %v", n, err)
	}
	if n, err := count("relay-bin.000003", 0); err != nil || n != 4+5+1 {
		t.Fatalf("%d events, %v", n, err)
	}
	if _, err := count("relay-bin.000001", 5); !errors.Is(err, ErrBadPosition) {
		t.Fatal(err)
	}
	if _, err := count("relay-bin.000009", 4); !errors.Is(err, ErrUnknownFile) {
		t.Fatal(err)
	}
	if _, err := l.NewReader(txn.Coord{File: "relay-bin.000001", Pos: 5}); !errors.Is(err, ErrBadPosition) {
		t.Fatal(err)
	}
	if _, err := l.NewReader(txn.Coord{File: "relay-bin.000001", Pos: 1 << 40}); !errors.Is(err, ErrBadPosition) {
		t.Fatal(err)
	}
}

// failing fails the nth file operation that changes something.
type failing struct{ n, count int }

func (f *failing) String() string { return "failing" }
func (f *failing) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || op.Kind == errorfs.OpFileClose {
		return nil
	}
	if f.count++; f.count == f.n {
		return syscall.ENOSPC
	}
	return nil
}

func TestLog_ErrorAtEveryIndex(t *testing.T) {
	for n := 1; ; n++ {
		mem := vfs.NewCrashableMem()
		inj := &failing{n: n}
		o := testOptions(errorfs.Wrap(mem, inj))
		sent := int64(0)
		l, _, err := Open(o)
		if err == nil {
			s := newSource(true)
			list := [][]received{s.start(), s.txn(10), s.txn(5000), s.rotate(), s.txn(20)}
		all:
			for _, part := range list {
				for _, r := range part {
					err := l.Append(r.ev, r.at, r.checksum)
					if err != nil { // once more, as after a full disk
						err = l.Append(r.ev, r.at, r.checksum)
					}
					if err != nil {
						break all
					}
				}
				if len(part) == 5 && l.Sync() == nil {
					sent++
				}
			}
			l.Close()
		}
		o.FS = mem.CrashClone(vfs.CrashCloneCfg{})
		l, rec := mustOpen(t, o)
		if got := int64(rec.Retrieved.Count()); got < sent {
			t.Fatalf("operation %d: %d synced, %d there", n, sent, got)
		}
		if inj.count < n && sent != 3 {
			t.Fatalf("operation %d: %d transactions without an error", n, sent)
		}
		l.Close()
		if inj.count < n {
			return
		}
	}
}

// Damage in a file that is not the newest: what stands behind it is fetched
// again, unless all of the file was applied; then it shows when it is read.
func TestLog_DamagedOldFile(t *testing.T) {
	fs := vfs.NewMem()
	l, _ := mustOpen(t, testOptions(fs))
	s := newSource(true)
	appendAll(t, l, s.start(), s.txn(10))
	whole := l.Source()
	appendAll(t, l, s.txn(10), s.rotate(), s.txn(10))
	l.Close()
	b, _ := fs.UnsafeGetFileDataBuffer("/relay/relay-bin.000001")
	b[len(b)-100] ^= 1
	o := testOptions(fs)
	o.Applied = "relay-bin.000002"
	l, rec := mustOpen(t, o)
	if rec.Damage != nil || rec.Relay.File != "relay-bin.000002" {
		t.Fatalf("%+v", rec)
	}
	err := l.ShowEvents("relay-bin.000001", 0, func(Entry) error { return nil })
	var bad *logfile.CorruptError
	if !errors.As(err, &bad) || bad.File != "relay-bin.000001" {
		t.Fatalf("%v", err)
	}
	l.Close()
	o.Applied = "relay-bin.000077" // of a log before a reset
	_, rec = mustOpen(t, o)
	if rec.Damage == nil || rec.Relay.File != "relay-bin.000001" || rec.Source != whole || len(rec.Discarded) != 1 {
		t.Fatalf("%+v, want the source asked from %v", rec, whole)
	}
}

func BenchmarkAppend(b *testing.B) {
	o := testOptions(vfs.Default)
	o.Dir = b.TempDir()
	l, _ := mustOpen(b, o)
	defer l.Close()
	s := newSource(true)
	appendAll(b, l, s.start())
	tx := s.txn(200)
	var size int64
	for _, r := range tx {
		size += int64(len(r.ev))
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		appendAll(b, l, tx)
	}
}

// A rotation that a crash interrupted leaves a header that the index does not
// name: it goes at the next start.
func TestLog_InterruptedRotation(t *testing.T) {
	fs := vfs.NewMem()
	l, _ := mustOpen(t, testOptions(fs))
	s := newSource(true)
	appendAll(t, l, s.start(), s.txn(10))
	name, err := l.x.NextName()
	if err != nil {
		t.Fatal(err)
	}
	logtest.WriteFile(t, fs, "/relay/"+name, l.header())
	l.Close()
	l, _ = mustOpen(t, testOptions(fs))
	defer l.Close()
	if _, err := fs.Stat("/relay/" + name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: %v, want it gone", name, err)
	}
}
