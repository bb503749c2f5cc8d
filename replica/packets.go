package replica

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"binrelay/replica/replstate"
)

const (
	// maxPayload is the payload of one packet; one of that size is continued.
	maxPayload = 1<<24 - 1
	// keepBuffer is the largest buffer kept from one packet to the next, bytes.
	keepBuffer = 1 << 20
	// readStep is how much is allocated ahead of what has really arrived, bytes.
	readStep = 1 << 20
	// maxReply bounds the replies before the dump, bytes.
	maxReply = 64 << 10
)

// errTooLarge means that a packet exceeds the reader's limit.
var errTooLarge = errors.New("packet larger than the limit")

// packets is our side of a MySQL connection after authentication. It allocates
// only for bytes that have arrived. Used by one goroutine.
type packets struct {
	conn net.Conn
	br   *bufio.Reader
	seq  byte
	buf  []byte
	idle time.Duration // the longest wait for more of a packet; 0 = as the connection's deadline says
}

func newPackets(conn net.Conn) *packets {
	p := &packets{conn: conn}
	p.br = bufio.NewReaderSize(timedReader{p}, 64<<10)
	return p
}

// timedReader bounds each wait for bytes, not the time in which a stream that
// never pauses, or a large packet, comes through.
type timedReader struct{ p *packets }

func (r timedReader) Read(b []byte) (int, error) {
	if d := r.p.idle; d > 0 {
		if err := r.p.conn.SetReadDeadline(time.Now().Add(d)); err != nil {
			return 0, err
		}
	}
	return r.p.conn.Read(b)
}

// command sends one command packet and starts a new sequence.
func (p *packets) command(cmd byte, payload []byte) error {
	n := len(payload) + 1
	if n >= maxPayload {
		return errTooLarge
	}
	out := make([]byte, 0, 4+n)
	out = append(out, byte(n), byte(n>>8), byte(n>>16), 0, cmd)
	out = append(out, payload...)
	p.seq = 1
	if _, err := p.conn.Write(out); err != nil {
		return fmt.Errorf("send command: %w", err)
	}
	return nil
}

// read returns the payload of the next packet, continued ones joined, of at
// most limit bytes. It is valid until the following call.
func (p *packets) read(limit int64) ([]byte, error) {
	if cap(p.buf) > keepBuffer {
		p.buf = nil
	}
	p.buf = p.buf[:0]
	for {
		var h [4]byte
		if _, err := io.ReadFull(p.br, h[:]); err != nil {
			return nil, err
		}
		if h[3] != p.seq {
			return nil, malformed("sequence number %d instead of %d", h[3], p.seq)
		}
		p.seq++
		n := int(h[0]) | int(h[1])<<8 | int(h[2])<<16
		if int64(len(p.buf))+int64(n) > limit {
			return nil, errTooLarge
		}
		if err := p.fill(n); err != nil {
			return nil, err
		}
		if n < maxPayload {
			return p.buf, nil
		}
	}
}

// fill appends n bytes from the connection to the buffer.
func (p *packets) fill(n int) error {
	for n > 0 {
		step := min(n, readStep)
		at := len(p.buf)
		if cap(p.buf)-at < step {
			grown := make([]byte, at, max(2*cap(p.buf), at+step))
			copy(grown, p.buf)
			p.buf = grown
		}
		p.buf = p.buf[:at+step]
		if _, err := io.ReadFull(p.br, p.buf[at:]); err != nil {
			return err
		}
		n -= step
	}
	return nil
}

// waiting blocks until a packet begins to arrive or the time is over; false
// means that nothing came. The connection stays usable.
func (p *packets) waiting(d time.Duration) (bool, error) {
	if p.br.Buffered() > 0 {
		return true, nil
	}
	idle := p.idle
	p.idle = d
	_, err := p.br.Peek(1)
	p.idle = idle
	var ne net.Error
	if err != nil && errors.As(err, &ne) && ne.Timeout() {
		return false, nil
	}
	return err == nil, err
}

// query runs a statement that returns at most one row, and returns that row's
// columns as text; nil if there is none. An ERR packet is a *replstate.Error.
func (p *packets) query(sql string) ([]string, error) {
	if err := p.command(0x03, []byte(sql)); err != nil {
		return nil, err
	}
	head, err := p.reply()
	if err != nil || head[0] == 0x00 {
		return nil, err
	}
	if head[0] == 0xfb {
		return nil, malformed("the source asks for a local file")
	}
	columns, _, ok := lenenc(head)
	if !ok || columns == 0 || columns > 64 {
		return nil, malformed("result with %d columns", columns)
	}
	for range columns {
		if _, err := p.reply(); err != nil {
			return nil, err
		}
	}
	if pkt, err := p.reply(); err != nil {
		return nil, err
	} else if !isEOF(pkt) {
		return nil, malformed("no end of columns")
	}
	var row []string
	for {
		pkt, err := p.reply()
		if err != nil {
			return nil, err
		}
		if isEOF(pkt) {
			return row, nil
		}
		if row == nil {
			if row, err = textRow(pkt, int(columns)); err != nil {
				return nil, err
			}
		}
	}
}

// reply reads one packet of a reply. It refuses empty packets and turns ERR
// packets into errors.
func (p *packets) reply() ([]byte, error) {
	pkt, err := p.read(maxReply)
	switch {
	case err != nil:
		return nil, err
	case len(pkt) == 0:
		return nil, malformed("empty packet")
	case pkt[0] == 0xff:
		return nil, parseErr(pkt)
	}
	return pkt, nil
}

// ok reads the reply to a command that returns no rows.
func (p *packets) ok() error {
	pkt, err := p.reply()
	if err == nil && pkt[0] != 0x00 {
		return malformed("no OK packet")
	}
	return err
}

func isEOF(pkt []byte) bool { return pkt[0] == 0xfe && len(pkt) < 9 }

// parseErr decodes an ERR packet.
func parseErr(pkt []byte) error {
	if len(pkt) < 3 {
		return malformed("short ERR packet")
	}
	e := &replstate.Error{Number: binary.LittleEndian.Uint16(pkt[1:]), SQLState: "HY000"}
	rest := pkt[3:]
	if len(rest) >= 6 && rest[0] == '#' {
		e.SQLState, rest = string(rest[1:6]), rest[6:]
	}
	e.Text = string(rest[:min(len(rest), 1024)])
	return e
}

// textRow splits a row of the text protocol. NULL becomes "".
func textRow(b []byte, columns int) ([]string, error) {
	row := make([]string, 0, columns)
	for len(row) < columns {
		if len(b) > 0 && b[0] == 0xfb {
			row, b = append(row, ""), b[1:]
			continue
		}
		n, used, ok := lenenc(b)
		if !ok || n > uint64(len(b)-used) {
			return nil, malformed("row value of %d bytes", n)
		}
		row, b = append(row, string(b[used:used+int(n)])), b[used+int(n):]
	}
	return row, nil
}

// lenenc reads a length-encoded integer.
func lenenc(b []byte) (v uint64, used int, ok bool) {
	if len(b) == 0 {
		return 0, 0, false
	}
	size := 0
	switch {
	case b[0] < 0xfb:
		return uint64(b[0]), 1, true
	case b[0] == 0xfc:
		size = 2
	case b[0] == 0xfd:
		size = 3
	case b[0] == 0xfe:
		size = 8
	default:
		return 0, 0, false
	}
	if len(b) < 1+size {
		return 0, 0, false
	}
	for i := size; i > 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v, 1 + size, true
}
