package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

const (
	compressedHeader = 7
	// minCompress is the payload below which compressing costs more than it
	// saves, in bytes; it travels as it is. Source: MySQL's MIN_COMPRESS_LENGTH.
	minCompress = 50
	// zstdWindow bounds the memory of one decoder; a client's window is never
	// larger than what a compressed packet can hold.
	zstdWindow = 16 << 20
	// zlibLevel is what SHOW STATUS says of the level: zlib's default.
	zlibLevel = 6
)

// errCompressed ends a connection whose compressed packets are damaged.
var errCompressed = errors.New("got a compressed packet that does not decompress")

// compressor is the compressed protocol: a layer between the socket (or TLS)
// and the packets, which may begin and end anywhere in it.
//
//	+------------+--------+--------------+---------
//	| length 3B  | seq 1B | inflated 3B  | payload …     inflated 0: not compressed
//	+------------+--------+--------------+---------
//
// Its sequence numbers are its own and begin anew with each command; those of
// the client are followed, not checked: the packets inside have theirs. One
// goroutine reads at a time, one writes. Source: MySQL 8.0 source documentation,
// "Compression".
type compressor struct {
	src io.Reader
	dst io.Writer
	alg algorithm
	in  byte // sequence number behind the last one read; owned by the reader
	seq byte // of the next packet written

	frame []byte // what has arrived of the packet that is being read, header included
	left  int    // bytes that the packet has yet to yield
	plain io.Reader
	body  bytes.Reader
	out   bytes.Buffer
}

// algorithm packs and unpacks the payload of one packet.
type algorithm interface {
	// unpack returns a reader of what src inflates to.
	unpack(src io.Reader) (io.Reader, error)
	// pack appends the compressed form of p to dst.
	pack(dst *bytes.Buffer, p []byte) error
	close()
}

func newCompressor(src io.Reader, dst io.Writer, alg algorithm) *compressor {
	return &compressor{src: bufio.NewReaderSize(src, readBuffer), dst: dst, alg: alg}
}

// turn makes what is written next follow what was read last. Nobody may be
// reading or writing.
func (z *compressor) turn() {
	if z != nil {
		z.seq = z.in
	}
}

// Read yields the inflated stream. After a time-out it goes on where it was:
// the part of a packet that has arrived is kept.
func (z *compressor) Read(p []byte) (int, error) {
	for z.left == 0 {
		if err := z.nextFrame(); err != nil {
			return 0, err
		}
	}
	n, err := z.plain.Read(p[:min(len(p), z.left)])
	z.left -= n
	if z.left == 0 {
		z.endFrame()
	}
	if n > 0 {
		return n, nil
	}
	if err == nil {
		return 0, nil
	}
	return 0, fmt.Errorf("%w: %w", errCompressed, err)
}

// nextFrame reads one packet and prepares to inflate it. Its memory grows with
// what arrives; what it inflates to is never held.
func (z *compressor) nextFrame() error {
	if err := z.fill(compressedHeader); err != nil {
		return err
	}
	h := [compressedHeader]byte(z.frame)
	length := int(h[0]) | int(h[1])<<8 | int(h[2])<<16
	inflated := int(h[4]) | int(h[5])<<8 | int(h[6])<<16
	if err := z.fill(compressedHeader + length); err != nil {
		return err
	}
	z.in = h[3] + 1
	z.body.Reset(z.frame[compressedHeader:])
	z.plain, z.left = &z.body, length
	if inflated == 0 {
		if length == 0 {
			z.endFrame()
		}
		return nil
	}
	r, err := z.alg.unpack(&z.body)
	if err != nil {
		return fmt.Errorf("%w: %w", errCompressed, err)
	}
	z.plain, z.left = r, inflated
	return nil
}

// fill reads until the frame has n bytes.
func (z *compressor) fill(n int) error {
	for len(z.frame) < n {
		have := len(z.frame)
		if have == cap(z.frame) {
			grown := make([]byte, have, max(2*have, 1<<10))
			copy(grown, z.frame)
			z.frame = grown
		}
		got, err := z.src.Read(z.frame[have:min(n, cap(z.frame))])
		z.frame = z.frame[:have+got]
		if err != nil && len(z.frame) < n {
			if errors.Is(err, io.EOF) && len(z.frame) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// endFrame forgets the packet; a large buffer is not kept.
func (z *compressor) endFrame() {
	if z.frame = z.frame[:0]; cap(z.frame) > keepPacket {
		z.frame = nil
	}
}

// Write sends p as one packet, or as several if it exceeds 16 MiB.
func (z *compressor) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		part := p[done:min(len(p), done+maxFrame)]
		if err := z.writeFrame(part); err != nil {
			return done, err
		}
		done += len(part)
	}
	return len(p), nil
}

func (z *compressor) writeFrame(p []byte) error {
	z.out.Reset()
	z.out.Write(make([]byte, compressedHeader))
	inflated := 0
	if len(p) >= minCompress {
		if err := z.alg.pack(&z.out, p); err != nil {
			return err
		}
		if z.out.Len() < compressedHeader+len(p) {
			inflated = len(p)
		} else {
			z.out.Truncate(compressedHeader)
		}
	}
	if inflated == 0 {
		z.out.Write(p)
	}
	b := z.out.Bytes()
	n := len(b) - compressedHeader
	b[0], b[1], b[2] = byte(n), byte(n>>8), byte(n>>16)
	b[3] = z.seq
	b[4], b[5], b[6] = byte(inflated), byte(inflated>>8), byte(inflated>>16)
	z.seq++
	_, err := z.dst.Write(b)
	if z.out.Cap() > keepPacket {
		z.out = bytes.Buffer{}
	}
	return err
}

// zlibAlgorithm is CLIENT_COMPRESS. Its parts are made when first needed: they
// hold some 300 KiB.
type zlibAlgorithm struct {
	r io.ReadCloser
	w *zlib.Writer
}

func (a *zlibAlgorithm) unpack(src io.Reader) (io.Reader, error) {
	if a.r == nil {
		r, err := zlib.NewReader(src)
		a.r = r
		return r, err
	}
	return a.r, a.r.(zlib.Resetter).Reset(src, nil)
}

func (a *zlibAlgorithm) pack(dst *bytes.Buffer, p []byte) error {
	if a.w == nil {
		a.w = zlib.NewWriter(dst)
	} else {
		a.w.Reset(dst)
	}
	if _, err := a.w.Write(p); err != nil {
		return err
	}
	return a.w.Close()
}

func (a *zlibAlgorithm) close() {}

// zstdAlgorithm is CLIENT_ZSTD_COMPRESSION_ALGORITHM with the level that the
// client asked for.
type zstdAlgorithm struct {
	level int
	r     *zstd.Decoder
	w     *zstd.Encoder
	buf   []byte
}

func (a *zstdAlgorithm) unpack(src io.Reader) (io.Reader, error) {
	if a.r != nil {
		return a.r, a.r.Reset(src)
	}
	r, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderLowmem(true))
	a.r = r
	return r, err
}

func (a *zstdAlgorithm) pack(dst *bytes.Buffer, p []byte) error {
	if a.w == nil {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1),
			zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(a.level)), zstd.WithLowerEncoderMem(true))
		if err != nil {
			return err
		}
		a.w = w
	}
	a.buf = a.w.EncodeAll(p, a.buf[:0])
	dst.Write(a.buf)
	if cap(a.buf) > keepPacket {
		a.buf = nil
	}
	return nil
}

func (a *zstdAlgorithm) close() {
	if a.r != nil {
		a.r.Close()
	}
	if a.w != nil {
		a.w.Close()
	}
}

// close frees what the algorithm holds.
func (z *compressor) close() {
	if z != nil {
		z.alg.close()
	}
}

// compress puts the compressed protocol, if the client asked for it, between
// the packets and the stream below. src yields what has been received already,
// and what follows.
func (c *conn) compress(src io.Reader, under io.ReadWriter) io.ReadWriter {
	switch {
	case c.caps&capCompress != 0:
		c.z = newCompressor(src, under, &zlibAlgorithm{})
	case c.caps&capZstd != 0:
		c.z = newCompressor(src, under, &zstdAlgorithm{level: c.zstdLevel})
	default:
		return struct {
			io.Reader
			io.Writer
		}{src, under}
	}
	return c.z
}

// compression names what the connection compresses with, as
// protocol_compression_algorithms does, and the level; "" = nothing.
func (r *loginRequest) compression() (name string, level int) {
	switch {
	case r.caps&capCompress != 0:
		return "zlib", zlibLevel
	case r.caps&capZstd != 0:
		return "zstd", r.zstdLevel
	}
	return "", 0
}
