package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/klauspost/compress/zlib"
)

// compressingClient is go-mysql's client with one of the algorithms.
func compressingClient(t *testing.T, f *fixture, capability uint32) *client.Conn {
	t.Helper()
	conn, err := client.Connect(f.addr, "root", "", "d", func(c *client.Conn) error {
		return c.SetCapability(capability)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestCompress_BothWays(t *testing.T) {
	f := start(t, nil, "CREATE TABLE t (id INT PRIMARY KEY, s LONGTEXT)")
	for i, capability := range []uint32{gomysql.CLIENT_COMPRESS, gomysql.CLIENT_ZSTD_COMPRESSION_ALGORITHM} {
		c := compressingClient(t, f, capability)
		for j, size := range []int{0, 1, 49, 50, 16 << 10, 3 << 20} {
			want := strings.Repeat("abcdefghi\n", size/10+1)[:size]
			before := f.Stats()
			if _, err := c.Execute("REPLACE INTO t VALUES (?, ?)", 10*i+j, want); err != nil {
				t.Fatalf("algorithm %d, %d bytes: %v", i, size, err)
			}
			r, err := c.Execute("SELECT s FROM t WHERE id = ?", 10*i+j)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := r.GetString(0, 0); got != want {
				t.Errorf("algorithm %d: %d bytes came back as %d", i, size, len(got))
			}
			after := f.Stats()
			if in, out := after.BytesIn-before.BytesIn, after.BytesOut-before.BytesOut; size > 1<<20 &&
				(in > uint64(size/20) || out > uint64(size/20)) {
				t.Errorf("algorithm %d: %d bytes took %d in and %d out", i, size, in, out)
			}
		}
	}
}

func TestCompress_Driver(t *testing.T) {
	f := start(t, nil)
	db := f.pool("compress=true&multiStatements=true&maxAllowedPacket=0")
	var s string
	if err := db.QueryRow("SELECT REPEAT('x', 100000)").Scan(&s); err != nil || len(s) != 100000 {
		t.Errorf("%d bytes, %v", len(s), err)
	}
	// More than a frame of the protocol, both ways.
	db.Exec("CREATE TABLE t (s LONGTEXT)")
	if _, err := db.Exec("INSERT INTO t VALUES (?)", strings.Repeat("0123456789", 1800000)); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRow("SELECT s FROM t").Scan(&s); err != nil || len(s) != 18000000 {
		t.Errorf("%d bytes, %v", len(s), err)
	}
	for range 300 { // sequence numbers begin anew
		if err := db.Ping(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := db.Exec("SELECT nonsense")
	wantErr(t, err, 1105, "nonsense")
}

func TestCompress_NotOffered(t *testing.T) {
	f := start(t, func(o *Options) { o.Compression = func() []string { return []string{"uncompressed"} } })
	if err := f.pool("compress=true").Ping(); err != nil {
		t.Error(err)
	}
	if p := dial(t, f.addr).read(); binary.LittleEndian.Uint16(p[bytes.IndexByte(p, 0)+14:])&capCompress != 0 {
		t.Error("offered")
	}
}

// A long statement's client is watched through the compressor.
func TestCompress_ClientGone(t *testing.T) {
	f := start(t, nil)
	c := compressingClient(t, f, gomysql.CLIENT_COMPRESS)
	done := make(chan error, 1)
	go func() {
		_, err := c.Execute("SELECT SLEEP(30)")
		done <- err
	}()
	eventually(t, "the statement runs", func() bool {
		for _, i := range f.Connections() {
			if i.Command == "Query" && time.Since(i.Since) > 2*watchDelay {
				return true
			}
		}
		return false
	})
	c.Conn.Conn.Close()
	<-done
	eventually(t, "the statement ends", func() bool { return f.Stats().Connected == 0 })
}

// deflated is one compressed packet.
func deflated(seq byte, p []byte, inflated int) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write(p)
	w.Close()
	h := binary.LittleEndian.AppendUint32(nil, uint32(b.Len())|uint32(seq)<<24)
	h = append(h, byte(inflated), byte(inflated>>8), byte(inflated>>16))
	return append(h, b.Bytes()...)
}

func TestCompressor_Read(t *testing.T) {
	text := bytes.Repeat([]byte("row "), 5000)
	stream := append(deflated(0, text, len(text)), 3, 0, 0, 1, 0, 0, 0, 'e', 'n', 'd')
	// A time-out after each byte loses nothing.
	z := newCompressor(&sleepy{r: iotest.OneByteReader(bytes.NewReader(stream))}, io.Discard, &zlibAlgorithm{})
	var got []byte
	p := make([]byte, 100)
	for {
		n, err := z.Read(p)
		got = append(got, p[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	if want := string(text) + "end"; string(got) != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
	for name, bad := range map[string][]byte{
		"too short": deflated(0, text, len(text)+1), "garbage": {4, 0, 0, 0, 9, 0, 0, 1, 2, 3, 4},
	} {
		_, err := io.ReadAll(newCompressor(bytes.NewReader(bad), io.Discard, &zlibAlgorithm{}))
		if !errors.Is(err, errCompressed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, cut := range []int{1, 6, 7, 30} {
		_, err := io.ReadAll(newCompressor(bytes.NewReader(stream[:cut]), io.Discard, &zlibAlgorithm{}))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d: %v", cut, err)
		}
	}
}

// sleepy times out before each read.
type sleepy struct {
	r     io.Reader
	awake bool
}

func (s *sleepy) Read(p []byte) (int, error) {
	if s.awake = !s.awake; s.awake {
		return 0, os.ErrDeadlineExceeded
	}
	return s.r.Read(p)
}

// What a client claims costs no memory.
func FuzzCompressor(f *testing.F) {
	f.Add(false, deflated(0, []byte("SELECT 1"), 8))
	f.Add(true, []byte{5, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 14})
	f.Add(true, []byte{13, 0, 0, 0, 1, 0, 0, 0x28, 0xb5, 0x2f, 0xfd, 4, 0, 9, 0, 0, 'a', 0xd4, 0x2e, 0x6d})
	f.Fuzz(func(t *testing.T, isZstd bool, p []byte) {
		alg := algorithm(&zlibAlgorithm{})
		if isZstd {
			alg = &zstdAlgorithm{level: 3}
		}
		z := newCompressor(bytes.NewReader(p), io.Discard, alg)
		defer z.close()
		n, err := io.Copy(io.Discard, io.LimitReader(z, 64<<20))
		if err == nil && n == 0 && len(p) >= compressedHeader+1 && p[0]|p[1]|p[2] != 0 {
			t.Errorf("%d bytes are nothing, without an error", len(p))
		}
	})
}

func BenchmarkCompressor_Write(b *testing.B) {
	row := bytes.Repeat([]byte("0123456789 abcdefghij "), 700)
	for name, alg := range map[string]algorithm{"zlib": &zlibAlgorithm{}, "zstd": &zstdAlgorithm{level: 3}} {
		b.Run(name, func(b *testing.B) {
			z := newCompressor(strings.NewReader(""), io.Discard, alg)
			b.SetBytes(int64(len(row)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := z.Write(row); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
