package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

const (
	headerSize  = 4
	maxFrame    = 1<<24 - 1 // payload of one frame; a frame of this size is continued
	preAuthCap  = 64 << 10  // largest packet before log-in
	readBuffer  = 16 << 10
	writeBuffer = 16 << 10
	dumpBuffer  = 64 << 10
	// handshakeBuffer is small: a silent connection costs little.
	handshakeBuffer = 1 << 10
	// keepPacket is the largest packet buffer kept between commands, and the
	// step in which a larger one begins to grow.
	keepPacket = 64 << 10
	// socketChunk is the most that is written under one net_write_timeout.
	socketChunk = 256 << 10
)

// Errors of the packet layer. All of them end the connection.
var (
	errTooBig     = errors.New("got a packet bigger than 'max_allowed_packet' bytes")
	errOutOfOrder = errors.New("got packets out of order")
	errKilled     = errors.New("connection was killed")
)

// packetReader joins frames to packets. One goroutine uses it at a time.
//
//	+------------+--------+---------
//	| length 3B  | seq 1B | payload …      a frame of 2^24-1 bytes is continued
//	+------------+--------+---------
type packetReader struct {
	br  *bufio.Reader
	seq byte // sequence number that the next frame must carry
	buf []byte
}

// next reads one packet. Its bytes are valid until the following call, unless
// there are more than keepPacket of them: then they are the caller's own.
// limit bounds the packet, in bytes. onBody is called once the first header is
// there, to change the deadline; it may be nil.
//
// Memory grows with what has arrived, not with what a header claims, and
// doubles at most up to the limit: while growing for the last time half of the
// limit and the limit are held.
func (r *packetReader) next(limit int, onBody func()) ([]byte, error) {
	buf := r.buf[:0]
	for first := true; ; first = false {
		h, err := r.br.Peek(headerSize)
		if err != nil {
			if errors.Is(err, io.EOF) && (len(h) > 0 || !first) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		n := int(h[0]) | int(h[1])<<8 | int(h[2])<<16
		seq := h[3]
		if _, err := r.br.Discard(headerSize); err != nil {
			return nil, err
		}
		if seq != r.seq {
			return nil, errOutOfOrder
		}
		r.seq++
		if n > limit-len(buf) {
			return nil, errTooBig
		}
		if first && onBody != nil && r.br.Buffered() < n {
			onBody()
		}
		if buf, err = readGrowing(r.br, buf, n, limit); err != nil {
			return nil, err
		}
		if n < maxFrame {
			break
		}
	}
	if cap(buf) <= keepPacket {
		r.buf = buf
	} else {
		r.buf = nil
	}
	return buf, nil
}

// readGrowing appends n bytes of br to buf.
func readGrowing(br *bufio.Reader, buf []byte, n, limit int) ([]byte, error) {
	for n > 0 {
		if len(buf) == cap(buf) {
			want := min(max(2*cap(buf), 1<<10), limit)
			if small := len(buf) + n; small < want {
				want = small
			}
			grown := make([]byte, len(buf), max(want, 256))
			copy(grown, buf)
			buf = grown
		}
		step := min(n, cap(buf)-len(buf))
		end := len(buf) + step
		if _, err := io.ReadFull(br, buf[len(buf):end]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		buf = buf[:end]
		n -= step
	}
	return buf, nil
}

// packetWriter splits packets into frames. One goroutine uses it at a time.
// Errors stick: after the first every call returns it.
type packetWriter struct {
	bw  *bufio.Writer
	seq byte
	err error
}

// write appends one packet.
func (w *packetWriter) write(p []byte) error {
	for w.err == nil {
		n := min(len(p), maxFrame)
		w.header(n)
		w.raw(p[:n])
		p = p[n:]
		if n < maxFrame {
			break
		}
	}
	return w.err
}

// writeJoined appends one packet made of a short head and a body, without
// copying the body.
func (w *packetWriter) writeJoined(head, body []byte) error {
	n := min(len(head)+len(body), maxFrame)
	cut := n - len(head)
	w.header(n)
	w.raw(head)
	w.raw(body[:cut])
	if n == maxFrame {
		return w.write(body[cut:])
	}
	return w.err
}

func (w *packetWriter) header(n int) {
	// Byte by byte: a slice would escape into the bufio.Writer's writer.
	for _, c := range [headerSize]byte{byte(n), byte(n >> 8), byte(n >> 16), w.seq} {
		if w.err == nil {
			w.err = w.bw.WriteByte(c)
		}
	}
	w.seq++
}

func (w *packetWriter) raw(p []byte) {
	if w.err == nil {
		_, w.err = w.bw.Write(p)
	}
}

func (w *packetWriter) flush() error {
	if w.err == nil {
		w.err = w.bw.Flush()
	}
	return w.err
}

// socket is the connection's network side: plain or TLS. It puts a deadline
// under every write and counts bytes. Read is used by the connection's
// goroutine or by its watcher, never by both; Write by the goroutine that
// serves the command.
type socket struct {
	net.Conn
	writeTimeout func() time.Duration // nil: the deadline stays as it is
	killed       *atomic.Bool
	in, out      *atomic.Uint64
}

func (s *socket) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.in.Add(uint64(n))
	return n, err
}

func (s *socket) Write(p []byte) (int, error) {
	done := 0
	for {
		if s.writeTimeout != nil {
			if err := s.Conn.SetWriteDeadline(time.Now().Add(s.writeTimeout())); err != nil {
				return done, err
			}
			// kill sets its own short deadline after killed: look again.
			if s.killed.Load() {
				s.Conn.SetWriteDeadline(time.Now().Add(killGrace))
			}
		}
		n, err := s.Conn.Write(p[done:min(len(p), done+socketChunk)])
		s.out.Add(uint64(n))
		done += n
		if err != nil {
			return done, fmt.Errorf("writing to client: %w", err)
		}
		if done == len(p) {
			return done, nil
		}
	}
}
