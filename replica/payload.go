package replica

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"binrelay/binlog/event"
)

const (
	// maxPayloadWindow bounds the memory of a decoder, in bytes. It is what
	// MySQL's source can make: zstd's window at level 22.
	maxPayloadWindow = 128 << 20
	// maxPayloadEvent bounds one event inside a payload, in bytes: MySQL's largest
	// packet.
	maxPayloadEvent = 1 << 30
)

// unpacked yields the events of a transaction with those inside a
// Transaction_payload in its place, each with a checksum if the others have
// one. Events are unpacked one by one: the payload is never held whole.
type unpacked struct {
	raw      rawEvents
	checksum bool
	inner    *payload // that is being read
}

func (u *unpacked) next() (event.Event, error) {
	for {
		if u.inner != nil {
			ev, err := u.inner.next()
			if !errors.Is(err, io.EOF) {
				return ev, err
			}
			u.inner.close()
			u.inner = nil
		}
		ev, err := u.raw.next()
		if err != nil || ev.Type() != event.TransactionPayload {
			return ev, err
		}
		if u.inner, err = openPayload(ev, u.checksum); err != nil {
			return nil, err
		}
	}
}

func (u *unpacked) rewind() error {
	u.drop()
	return u.raw.rewind()
}

func (u *unpacked) close() {
	u.drop()
	u.raw.close()
}

func (u *unpacked) drop() {
	if u.inner != nil {
		u.inner.close()
		u.inner = nil
	}
}

// payload reads the events inside a Transaction_payload.
type payload struct {
	r        io.Reader
	zstd     *zstd.Decoder // nil = not compressed
	checksum bool          // that events get
	buf      []byte
}

// openPayload begins to read ev, whose bytes must stay.
func openPayload(ev event.Event, checksum bool) (*payload, error) {
	info, err := event.DecodePayload(ev, checksum)
	if err != nil {
		return nil, err
	}
	p := &payload{r: bytes.NewReader(info.Payload), checksum: checksum}
	if info.Zstd {
		p.zstd, err = zstd.NewReader(p.r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxPayloadWindow))
		if err != nil {
			return nil, fmt.Errorf("transaction payload: %w", err)
		}
		p.r = p.zstd
	}
	return p, nil
}

// next returns the next event, io.EOF after the last. It is valid until the
// following call. Memory grows with what is there, not with what a header says.
func (p *payload) next() (event.Event, error) {
	p.buf = append(p.buf[:0], make([]byte, event.HeaderSize)...)
	if _, err := io.ReadFull(p.r, p.buf); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, fmt.Errorf("transaction payload: %w", err)
	}
	size := event.Event(p.buf).Size()
	if size < event.HeaderSize || size > maxPayloadEvent {
		return nil, fmt.Errorf("transaction payload: event of %d bytes", size)
	}
	body := bytes.NewBuffer(p.buf)
	if n, err := io.CopyN(body, p.r, int64(size)-event.HeaderSize); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("transaction payload: event of %d bytes ends after %d: %w", size, n+event.HeaderSize, err)
	}
	p.buf = body.Bytes()
	if p.checksum {
		p.buf = append(p.buf, 0, 0, 0, 0)
		binary.LittleEndian.PutUint32(p.buf[9:], size+event.ChecksumSize)
		event.Recrc(p.buf)
	}
	return event.Event(p.buf), nil
}

func (p *payload) close() {
	if p.zstd != nil {
		p.zstd.Close()
		p.zstd = nil
	}
}
