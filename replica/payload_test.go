package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"binrelay/binlog/event"
	"binrelay/replica/replstate"
)

// mark is the place behind the stream's last event.
func (s *stream) mark() int { return len(s.all) }

// pack puts the events since a mark into a Transaction_payload, as a MySQL with
// binlog_transaction_compression=ON does; spoil changes its payload.
func (s *stream) pack(at int, compressed bool, spoil func([]byte) []byte) {
	var plain []byte
	for _, ev := range s.all[at:] {
		size := len(ev)
		if s.crc {
			size -= event.ChecksumSize
		}
		start := len(plain)
		plain = append(plain, ev[:size]...)
		binary.LittleEndian.PutUint32(plain[start+9:], uint32(size))
	}
	s.pos = s.at[at]
	s.all, s.at = s.all[:at], s.at[:at]
	payload, algorithm := plain, byte(255)
	if compressed {
		w, _ := zstd.NewWriter(nil)
		payload, algorithm = w.EncodeAll(plain, nil), 0
		w.Close()
	}
	if spoil != nil {
		payload = spoil(payload)
	}
	number := func(b []byte, n int) []byte { // a field's length and its packed integer
		b = append(b, 9, 0xfe)
		return binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	b := event.Begin(nil, s.header(), event.TransactionPayload)
	b = number(append(b, 1), len(payload))
	b = append(b, 2)
	if algorithm == 255 {
		b = append(b, 3, 0xfc, 255, 0)
	} else {
		b = append(b, 1, algorithm)
	}
	b = append(number(append(b, 3), len(plain)), 0)
	s.put(event.End(append(b, payload...), 0))
}

// Transactions that a MySQL source compressed are applied as the others, small
// ones and those that are read from the relay log again, with filters too.
func TestApplier_Payloads(t *testing.T) {
	for _, filtered := range []bool{false, true} {
		r := newRig(t, nil)
		if filtered {
			if err := r.SetFilters(r.ctx, "", replstate.Filters{IgnoreDB: []string{"no"}}); err != nil {
				t.Fatal(err)
			}
		}
		s := newStream("mysql-bin.000001")
		var want []string
		for i, n := range []int{1, 300, 3 << 20} {
			s.anonymous()
			at := s.mark()
			s.query("d", "BEGIN")
			s.rows("d", 7, n, !filtered)
			if filtered {
				s.rows("no", 8, n, true)
			}
			s.put(event.AppendXid(nil, s.header(), 1))
			s.pack(at, i != 1, nil)
			want = append(want, insertText("d", n))
		}
		r.play(s)
		r.start(0)
		r.caughtUp(s)
		if got := r.target.applied(); !reflect.DeepEqual(got, want) {
			t.Errorf("filtered %v: applied %d, want %d: %.200v", filtered, len(got), len(want), got)
		}
		r.stop(0)
	}
}

// A payload's bytes cost no more memory than they inflate to, and no panic.
func FuzzPayload(f *testing.F) {
	s := newStream("mysql-bin.000001")
	s.anonymous()
	for _, compressed := range []bool{true, false} {
		at := s.mark()
		s.query("d", "BEGIN")
		s.rows("d", 7, 100, true)
		s.pack(at, compressed, nil)
		f.Add([]byte(s.all[len(s.all)-1][event.HeaderSize:]))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		ev := event.End(append(event.Begin(nil, event.Header{}, event.TransactionPayload), body...), 0)
		p, err := openPayload(event.Finish(ev, 0, true), true)
		if err != nil {
			return
		}
		defer p.close()
		for total := 0; total < 64<<20; {
			ev, err := p.next()
			if err != nil {
				return
			}
			if err := event.Verify(ev); err != nil {
				t.Fatal(err)
			}
			total += len(ev)
		}
	})
}

func TestPayload_Rewind(t *testing.T) {
	s := newStream("mysql-bin.000001")
	at := s.mark()
	s.query("d", "BEGIN")
	s.rows("d", 7, 10, true)
	s.pack(at, true, nil)
	mem := &memEvents{}
	mem.add(s.all[len(s.all)-1])
	u := &unpacked{raw: mem, checksum: true}
	defer u.close()
	read := func() (types []string) {
		for {
			ev, err := u.next()
			if errors.Is(err, io.EOF) {
				return types
			}
			if err != nil {
				t.Fatal(err)
			}
			types = append(types, fmt.Sprint(ev.Type()))
		}
	}
	first := read()
	if err := u.rewind(); err != nil {
		t.Fatal(err)
	}
	if again := read(); strings.Join(first, " ") != strings.Join(again, " ") || len(first) != 3 {
		t.Errorf("%v, then %v", first, again)
	}
}
