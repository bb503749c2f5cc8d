package relaylog

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/event"
	"binrelay/binlog/logfile/logtest"
	"binrelay/binlog/txn"
)

// FuzzAppend feeds foreign bytes, split into events by a length prefix, to the
// log. Whatever it takes, it must read back and recover.
func FuzzAppend(f *testing.F) {
	for _, sums := range []bool{true, false} {
		s := newSource(sums)
		var in []byte
		for _, list := range [][]received{s.start(), s.txn(5), s.rotate(), s.txn(2)} {
			for _, r := range list {
				in = append(in, byte(len(r.ev)>>8), byte(len(r.ev)))
				in = append(in, r.ev...)
			}
		}
		f.Add(in, sums)
	}
	f.Fuzz(func(t *testing.T, in []byte, sums bool) { feed(t, in, sums) })
}

// TestAppend_Mutations changes bytes of a good stream at random, with the
// checksums made right again half of the time.
func TestAppend_Mutations(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 1500 {
		sums := rng.IntN(2) == 0
		s := newSource(sums)
		var in []byte
		for _, list := range [][]received{s.start(), s.txn(5), s.rotate(), s.txn(2)} {
			for _, r := range list {
				ev := append(event.Event(nil), r.ev...)
				if rng.IntN(4) == 0 {
					ev[rng.IntN(len(ev))] ^= byte(1 << rng.IntN(8))
					if sums && rng.IntN(2) == 0 {
						event.Recrc(ev)
					}
				}
				in = append(append(in, byte(len(ev)>>8), byte(len(ev))), ev...)
			}
		}
		feed(t, in, sums)
	}
}

func feed(t *testing.T, in []byte, sums bool) {
	fs := vfs.NewMem()
	l, _ := mustOpen(t, testOptions(fs))
	at := txn.Coord{File: "mysql-bin.000001", Pos: 4}
	taken := 0
	for len(in) >= 2 {
		n := min(int(in[0])<<8|int(in[1]), len(in)-2)
		ev := event.Event(in[2 : 2+n])
		in = in[2+n:]
		at.Pos += uint64(n)
		err := l.Append(ev, at, sums)
		switch {
		case err == nil:
			taken++
		case !errors.Is(err, ErrEvent):
			t.Fatal(err)
		}
	}
	readRest(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, rec := mustOpen(t, testOptions(fs))
	if rec.Damage != nil {
		t.Fatalf("%d events were taken: %v", taken, rec.Damage)
	}
	again.Close()
}

// FuzzOpen recovers a newest file of any content: what is left reads to its end
// and is a log that is closed and opened again without further damage.
func FuzzOpen(f *testing.F) {
	fs := vfs.NewMem()
	l, _ := mustOpen(f, testOptions(fs))
	s := newSource(true)
	for _, list := range [][]received{s.start(), s.txn(5), s.txn(2)} {
		for _, r := range list {
			if err := l.Append(r.ev, r.at, r.checksum); err != nil {
				f.Fatal(err)
			}
		}
	}
	if err := l.Close(); err != nil {
		f.Fatal(err)
	}
	const name, index = "/relay/relay-bin.000001", "/relay/relay-bin.index"
	seed, names := logtest.ReadFile(f, fs, name), logtest.ReadFile(f, fs, index)
	f.Add(seed, false)
	f.Add(seed, true)
	f.Add(seed[:len(seed)-9], true)
	f.Fuzz(func(t *testing.T, content []byte, seal bool) {
		if seal {
			content = logtest.Reseal(content)
		}
		fs := vfs.NewMem()
		if err := fs.MkdirAll("/relay", 0o755); err != nil {
			t.Fatal(err)
		}
		logtest.WriteFile(t, fs, name, content)
		logtest.WriteFile(t, fs, index, names)
		l, rec := mustOpen(t, testOptions(fs))
		if rec.Relay.Pos > uint64(len(content)) || rec.Cut < 0 {
			t.Fatalf("%+v of %d bytes", rec, len(content))
		}
		readRest(t, l)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		again, rec2 := mustOpen(t, testOptions(fs))
		if rec2.Damage != nil || rec2.Source != rec.Source || !rec2.Retrieved.Equal(rec.Retrieved) {
			t.Fatalf("%+v, then %+v", rec, rec2)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// readRest reads the whole log, which must be possible.
func readRest(t *testing.T, l *Log) {
	t.Helper()
	r, err := l.NewReader(txn.Coord{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for n := 0; ; n++ {
		_, ok, err := r.TryNext()
		if err != nil {
			t.Fatalf("after %d events: %v", n, err)
		}
		if !ok {
			return
		}
	}
}
