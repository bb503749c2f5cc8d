package primary

import (
	"testing"

	"binrelay/binlog"
	"binrelay/replica/replstate"
)

// nowhere is a DumpWriter that counts bytes.
type nowhere int64

func (n *nowhere) WriteEvent(ev []byte) error { *n += nowhere(len(ev)); return nil }
func (n *nowhere) WriteEventHeader(header, ev []byte) error {
	*n += nowhere(len(header) + len(ev))
	return nil
}
func (n *nowhere) Flush() error        { return nil }
func (n *nowhere) Acks() <-chan []byte { return nil }

// BenchmarkDump passes a file of small events to a replica that takes
// everything at once: the session's own cost.
func BenchmarkDump(b *testing.B) {
	s := newSource(b, func(o *binlog.Options, _ *Options) { o.MaxSize = func() int64 { return 1 << 30 } })
	for range 20000 {
		s.commit(200)
	}
	file := s.log.Sent().File
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		var n nowhere
		req := replstate.DumpRequest{File: file, Pos: 4, Flags: 1, ServerID: 7, Checksum: replstate.ChecksumCRC32}
		if err := s.reg.ServeDump(b.Context(), req, &n); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(n))
	}
}
