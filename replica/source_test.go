package replica

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"binrelay/binlog/event"
)

// fakeSource is a scripted MySQL server on a real socket: it checks the
// password, answers the questions of a replica, and lets a script play the
// dump.
type fakeSource struct {
	t        testing.TB
	ln       net.Listener
	password string
	version  string
	answers  map[string]string // by statement; "ERR n text" is an error, "" an OK packet
	hello    func(c *fakeConn) bool
	dump     func(c *fakeConn, file string, pos uint32)

	wg sync.WaitGroup

	mu       sync.Mutex
	queries  []string
	dumps    []dumpAsked
	register []byte
	conns    map[net.Conn]struct{}
	logins   int

	published int
}

type dumpAsked struct {
	file string
	pos  uint32
	id   uint32
}

// fakeConn is one connection to a fakeSource.
type fakeConn struct {
	net.Conn
	s   *fakeSource
	br  *bufio.Reader
	seq byte
}

const sourceUUID = "11111111-2222-3333-4444-555555555555"

func newFakeSource(t testing.TB) *fakeSource {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &fakeSource{t: t, ln: ln, password: "secret", version: "8.0.36", conns: map[net.Conn]struct{}{}, answers: map[string]string{
		"SELECT UNIX_TIMESTAMP()":        "1700000000",
		"SELECT @@GLOBAL.SERVER_ID":      "201",
		"SELECT @source_binlog_checksum": "CRC32",
		"SELECT @@GLOBAL.GTID_MODE":      "OFF",
		"SELECT @@GLOBAL.SERVER_UUID":    sourceUUID,
	}}
	s.wg.Go(s.accept)
	t.Cleanup(s.close)
	return s
}

func (s *fakeSource) close() {
	s.ln.Close()
	s.cut()
	s.wg.Wait()
}

// publish makes what the test has set visible to connections made later.
func (s *fakeSource) publish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.published++
}

// cut breaks every connection.
func (s *fakeSource) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close()
	}
}

func (s *fakeSource) port() uint16 { return uint16(s.ln.Addr().(*net.TCPAddr).Port) }

func (s *fakeSource) accept() {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[conn] = struct{}{}
		s.mu.Unlock()
		s.wg.Go(func() {
			s.serve(&fakeConn{Conn: conn, s: s, br: bufio.NewReader(conn)})
			conn.Close()
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		})
	}
}

func (s *fakeSource) asked() ([]string, []dumpAsked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.queries...), append([]dumpAsked(nil), s.dumps...)
}

func (s *fakeSource) setPassword(p string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.password = p
}

var scramble = []byte("abcdefghijklmnopqrst")

func (s *fakeSource) serve(c *fakeConn) {
	s.mu.Lock()
	hello, dump := s.hello, s.dump
	s.mu.Unlock()
	if hello == nil {
		hello = (*fakeConn).login
	}
	if !hello(c) {
		return
	}
	for {
		cmd, err := c.read()
		if err != nil || len(cmd) == 0 {
			return
		}
		switch cmd[0] {
		case 0x03:
			c.answer(string(cmd[1:]))
		case 0x15:
			s.mu.Lock()
			s.register = bytes.Clone(cmd)
			s.mu.Unlock()
			c.ok()
		case 0x12:
			d := dumpAsked{file: string(cmd[11:]), pos: binary.LittleEndian.Uint32(cmd[1:]), id: binary.LittleEndian.Uint32(cmd[7:])}
			s.mu.Lock()
			s.dumps = append(s.dumps, d)
			s.mu.Unlock()
			if dump != nil {
				dump(c, d.file, d.pos)
			}
			return
		default:
			return
		}
	}
}

// greet sends the first packet of the handshake.
func (c *fakeConn) greet(plugin string) {
	const caps = 0x00000001 | 0x00000200 | 0x00002000 | 0x00008000 | 0x00080000 | 0x00000008
	b := append([]byte{10}, c.s.version...)
	b = append(b, 0, 7, 0, 0, 0)
	b = append(append(b, scramble[:8]...), 0)
	b = binary.LittleEndian.AppendUint16(b, caps&0xffff)
	b = append(b, 45, 2, 0)
	b = binary.LittleEndian.AppendUint16(b, caps>>16)
	b = append(b, 21)
	b = append(b, make([]byte, 10)...)
	b = append(append(b, scramble[8:]...), 0)
	b = append(append(b, plugin...), 0)
	c.seq = 0
	c.write(b)
}

// login does the handshake with mysql_native_password.
func (c *fakeConn) login() bool {
	c.greet("mysql_native_password")
	resp, err := c.read()
	if err != nil || len(resp) < 33 {
		return false
	}
	rest := resp[32:]
	user, rest, _ := bytes.Cut(rest, []byte{0})
	auth := rest[1 : 1+int(rest[0])]
	c.s.mu.Lock()
	c.s.logins++
	want := nativeHash(c.s.password)
	c.s.mu.Unlock()
	if !bytes.Equal(auth, want) {
		c.fail(1045, "28000", "Access denied for user '"+string(user)+"'@'localhost' (using password: YES)")
		return false
	}
	c.ok()
	return true
}

func nativeHash(password string) []byte {
	h1 := sha1.Sum([]byte(password))
	h2 := sha1.Sum(h1[:])
	h3 := sha1.Sum(append(bytes.Clone(scramble), h2[:]...))
	for i := range h3 {
		h3[i] ^= h1[i]
	}
	return h3[:]
}

func (c *fakeConn) answer(query string) {
	c.s.mu.Lock()
	c.s.queries = append(c.s.queries, query)
	a, known := c.s.answers[query]
	c.s.mu.Unlock()
	var code int
	switch {
	case strings.HasPrefix(a, "ERR "):
		f := strings.SplitN(a, " ", 3)
		for _, d := range f[1] {
			code = code*10 + int(d-'0')
		}
		c.fail(uint16(code), "HY000", f[2])
	case !known || a == "":
		c.ok()
	case a == "NULL":
		c.row(nil)
	default:
		c.row([]byte(a))
	}
}

func (c *fakeConn) row(v []byte) {
	c.write([]byte{1})
	c.write([]byte("\x03def\x00\x00\x00\x01c\x00\x0c\x2d\x00\x00\x01\x00\x00\xfd\x00\x00\x00\x00\x00"))
	c.write([]byte{0xfe, 0, 0, 2, 0})
	if v == nil {
		c.write([]byte{0xfb})
	} else {
		c.write(append([]byte{byte(len(v))}, v...))
	}
	c.write([]byte{0xfe, 0, 0, 2, 0})
}

func (c *fakeConn) ok() { c.write([]byte{0, 0, 0, 2, 0, 0, 0}) }

func (c *fakeConn) fail(code uint16, state, text string) {
	b := binary.LittleEndian.AppendUint16([]byte{0xff}, code)
	c.write(append(append(append(b, '#'), state...), text...))
}

// event sends one event of the dump.
func (c *fakeConn) event(evs ...event.Event) {
	for _, ev := range evs {
		c.write(append([]byte{0}, ev...))
	}
}

// write sends one packet, split where it must be. Errors show as the
// connection's end on the other side.
func (c *fakeConn) write(b []byte) {
	for {
		n := min(len(b), maxPayload)
		c.Write(append([]byte{byte(n), byte(n >> 8), byte(n >> 16), c.seq}, b[:n]...))
		c.seq++
		b = b[n:]
		if n < maxPayload {
			return
		}
	}
}

func (c *fakeConn) read() ([]byte, error) {
	var h [4]byte
	if _, err := io.ReadFull(c.br, h[:]); err != nil {
		return nil, err
	}
	b := make([]byte, int(h[0])|int(h[1])<<8|int(h[2])<<16)
	_, err := io.ReadFull(c.br, b)
	c.seq = h[3] + 1
	return b, err
}

// closed blocks until the replica closes the connection.
func (c *fakeConn) closed() { io.Copy(io.Discard, c.br) }

// stream makes the events of a source's binlog, one file at a time.
type stream struct {
	id   uint32
	file string
	pos  uint32
	time uint32
	crc  bool
	gno  int64
	all  []event.Event // everything made, in order
	at   []uint32      // where each begins
}

func newStream(file string) *stream {
	s := &stream{id: 201, file: file, pos: 4, time: 1700000000, crc: true}
	s.put(event.AppendFormat(nil, s.header(), s.version(), 1700000000, s.crc))
	return s
}

func (s *stream) version() string      { return "8.0.36" }
func (s *stream) header() event.Header { return event.Header{Timestamp: s.time, ServerID: s.id} }

// put finishes an event at the stream's position and keeps it.
func (s *stream) put(b []byte) event.Event {
	size := uint32(len(b))
	if !s.crc && event.Event(b).Type() != event.FormatDescription {
		size -= event.ChecksumSize
	}
	ev := event.Finish(event.Event(b), s.pos+size, s.crc)
	s.at = append(s.at, s.pos)
	s.pos += size
	s.all = append(s.all, ev)
	return ev
}

func (s *stream) query(db, sql string) event.Event {
	return s.put(event.AppendQuery(nil, s.header(), &event.QueryInfo{DB: db, SQL: sql}))
}

func (s *stream) anonymous() event.Event {
	s.gno++
	return s.put(event.AppendGTID(nil, s.header(), &event.GTIDInfo{LastCommitted: s.gno - 1, SequenceNumber: s.gno,
		ImmediateCommit: 1700000000_000000, ImmediateVersion: 80036}))
}

// rows makes Table_map and one rows event of a table; last marks the end of
// the statement.
func (s *stream) rows(db string, id uint64, n int, last bool) {
	s.tableMap(db, id)
	s.row(id, n, last)
}

func (s *stream) tableMap(db string, id uint64) event.Event {
	return s.put(event.AppendTableMap(nil, s.header(), &event.TableMapInfo{TableID: id, Flags: 1, DB: db, Table: "t",
		Columns: []event.Column{{Type: 252, Meta: 4}}}, event.MetaMinimal))
}

func (s *stream) row(id uint64, n int, last bool) event.Event {
	info := event.RowsInfo{TableID: id, Columns: 1}
	if last {
		info.Flags = event.RowsStmtEnd
	}
	b := event.AppendRows(nil, s.header(), event.WriteRowsV2, &info)
	b = append(b, 0xfe, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	return s.put(event.End(append(b, make([]byte, n)...), 0))
}

// insert is a transaction of five events with one row of n bytes.
func (s *stream) insert(db string, n int) {
	s.anonymous()
	s.query(db, "BEGIN")
	s.rows(db, 7, n, true)
	s.put(event.AppendXid(nil, s.header(), 1))
}

// ddl is a statement with its Anonymous_gtid.
func (s *stream) ddl(db, sql string) {
	s.anonymous()
	s.query(db, sql)
}

// fakeRotate is the artificial Rotate that begins a dump or a file.
func (s *stream) fakeRotate(pos uint32) event.Event {
	b := event.AppendRotate(nil, event.Header{ServerID: s.id, Flags: event.FlagArtificial}, uint64(pos), s.file)
	return event.Finish(event.Event(b), 0, s.crc)
}

// rotate ends the file and begins the next.
func (s *stream) rotate(next string) {
	s.put(event.AppendRotate(nil, s.header(), 4, next))
}

// from returns what a source sends for a dump from pos: Rotate,
// Format_description, events.
func (s *stream) from(pos uint32) []event.Event {
	out := []event.Event{s.fakeRotate(pos)}
	if pos > 4 {
		fde := event.Event(bytes.Clone(s.all[0]))
		event.SetEndPos(fde, 0)
		event.SetCreated(fde, 0)
		event.Recrc(fde)
		out = append(out, fde)
	}
	for i, ev := range s.all {
		if s.at[i] >= pos {
			out = append(out, ev)
		}
	}
	return out
}

func (s *stream) heartbeat(pos uint32) event.Event {
	b := event.AppendHeartbeat(nil, event.Header{ServerID: s.id}, s.file, uint64(pos))
	return event.Finish(event.Event(b), pos, s.crc)
}
