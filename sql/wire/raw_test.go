package wire

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// rawConn is a client that says exactly what a test wants.
type rawConn struct {
	net.Conn
	t   testing.TB
	seq byte
}

func dial(t testing.TB, addr string) *rawConn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	return &rawConn{Conn: nc, t: t}
}

func (r *rawConn) packet(p []byte) {
	h := []byte{byte(len(p)), byte(len(p) >> 8), byte(len(p) >> 16), r.seq}
	r.seq++
	r.Write(append(h, p...))
}

// read returns the next packet's payload, nil when the server closed.
func (r *rawConn) read() []byte {
	r.t.Helper()
	var h [4]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil
	}
	p := make([]byte, int(h[0])|int(h[1])<<8|int(h[2])<<16)
	if _, err := io.ReadFull(r, p); err != nil {
		return nil
	}
	r.seq = h[3] + 1
	return p
}

// command sends a command and returns the first packet of the answer.
func (r *rawConn) command(p ...byte) []byte {
	r.t.Helper()
	r.seq = 0
	r.packet(p)
	return r.read()
}

func (r *rawConn) wantErr(p []byte, num uint16, part string) {
	r.t.Helper()
	if len(p) < 9 || p[0] != 0xff || binary.LittleEndian.Uint16(p[1:]) != num || !strings.Contains(string(p), part) {
		r.t.Errorf("answer %q, want error %d %q", p, num, part)
	}
}

func (r *rawConn) wantOK(p []byte) {
	r.t.Helper()
	if len(p) == 0 || p[0] != 0 {
		r.t.Errorf("answer %q, want OK", p)
	}
}

func (r *rawConn) wantClosed() {
	r.t.Helper()
	if n, err := io.Copy(io.Discard, r); err != nil && !strings.Contains(err.Error(), "reset") {
		r.t.Errorf("%d bytes, then %v instead of the end", n, err)
	}
}

// response is a HandshakeResponse41 without password.
func response(caps uint32, user string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, caps)
	b = append(b, make([]byte, 4)...)
	b = append(b, 45)
	b = append(b, make([]byte, 23)...)
	b = append(append(b, user...), 0, 0)
	return append(b, "caching_sha2_password\x00"...)
}

const rawCaps = capProtocol41 | capSecureConnection | capPluginAuth

func login(t testing.TB, f *fixture) *rawConn {
	t.Helper()
	r := dial(t, f.addr)
	if g := r.read(); len(g) == 0 || g[0] != 10 || !bytes.Contains(g, []byte(DefaultVersion+"\x00")) {
		t.Fatalf("greeting %q", g)
	}
	r.packet(response(rawCaps, "root"))
	r.wantOK(r.read())
	return r
}

func TestRaw_UnknownCommands(t *testing.T) {
	r := login(t, start(t, nil))
	for _, cmd := range []byte{0x00, 0x05, 0x06, 0x0a, 0x0b, 0x0d, 0x0f, 0x10, 0x13, 0x14, 0x1d, 0x20, 0x7f, 0xff} {
		r.wantErr(r.command(cmd), 1047, "#08S01Unknown command")
	}
	r.wantErr(r.command(), 1047, "Unknown command") // an empty packet
	r.wantOK(r.command(comPing))
}

func TestRaw_MalformedCommands(t *testing.T) {
	r := login(t, start(t, nil))
	for _, p := range [][]byte{{comStmtExecute}, {comStmtExecute, 1, 2}, {comSetOption}, {comProcessKill, 1}, {comFieldList, 'x'}, {comStmtReset}, {comRegisterSlave, 1}, {comBinlogDump, 1, 2}, {comBinlogDumpGTID, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}} {
		r.wantErr(r.command(p...), 1835, "Malformed communication packet")
	}
	r.wantErr(r.command(comStmtExecute, 9, 0, 0, 0, 0, 1, 0, 0, 0), 1243, "Unknown prepared statement handler (9) given to mysqld_stmt_execute")
	r.wantErr(r.command(comSetOption, 9, 0), 1047, "")
	r.wantErr(r.command(comQuery), 1065, "Query was empty")
	r.wantErr(r.command(comBinlogDump, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0), 1235, "")
	r.wantOK(r.command(comPing))
	r.seq = 7
	r.packet([]byte{comPing})
	r.wantErr(r.read(), 1156, "Got packets out of order")
	r.wantClosed()
}

func TestRaw_BadHandshakes(t *testing.T) {
	f := start(t, nil)
	for name, p := range map[string][]byte{
		"empty":            {},
		"short":            {1, 2, 3},
		"old protocol":     response(capSecureConnection, "root"),
		"no end":           response(rawCaps, "root")[:34],
		"auth too long":    append(response(rawCaps, "root")[:37], 250, 1, 2),
		"long user":        response(rawCaps, strings.Repeat("u", 500)),
		"TLS, not offered": response(rawCaps|capSSL, "root")[:32],
	} {
		r := dial(t, f.addr)
		r.read()
		r.packet(p)
		if a := r.read(); len(a) == 0 || a[0] != 0xff || binary.LittleEndian.Uint16(a[1:]) != 1043 {
			t.Errorf("%s: %q", name, a)
		}
		r.wantClosed()
	}
	r := dial(t, f.addr)
	r.read()
	r.Write([]byte{0x00, 0x00, 0x20, 1}) // 2 MiB announced
	r.wantErr(r.read(), 1153, "Got a packet bigger than 'max_allowed_packet' bytes")
	r = dial(t, f.addr)
	r.read()
	r.Write([]byte{3, 0}) // half a header
	r.CloseWrite()
	r.wantClosed()
	login(t, f) // still served
}

func (r *rawConn) CloseWrite() { r.Conn.(*net.TCPConn).CloseWrite() }

func TestRaw_MaxAllowedPacket(t *testing.T) {
	f := start(t, func(o *Options) { o.MaxAllowedPacket = func() int { return 20 << 20 } })
	r := login(t, f)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r.Write([]byte{0xff, 0xff, 0xff, 0, comQuery}) // announced, not sent
	for range 100 {
		runtime.Gosched()
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("%d bytes allocated for an announcement", grown)
	}
	r.Write(make([]byte, maxFrame-1))
	r.Write([]byte{0xff, 0xff, 0xff, 1})
	r.wantErr(r.read(), 1153, "Got a packet bigger than 'max_allowed_packet' bytes")
	if f.Stats().OversizePackets != 1 {
		t.Error("not counted")
	}
}

func TestRaw_PartialPacketTimesOut(t *testing.T) {
	f := start(t, func(o *Options) { o.NetReadTimeout = func() time.Duration { return 50 * time.Millisecond } })
	r := login(t, f)
	r.Write([]byte{10, 0, 0, 0, comQuery, 'S'})
	r.wantClosed()
	eventually(t, "gone", func() bool { return f.Stats().Connected == 0 })
}

func TestRaw_WaitTimeout(t *testing.T) {
	f := start(t, nil)
	r := login(t, f)
	r.wantOK(r.command(append([]byte{comQuery}, "SET wait_timeout = 1"...)...))
	begin := time.Now()
	r.wantErr(r.read(), 4031, "The client was disconnected by the server because of inactivity")
	if d := time.Since(begin); d < 900*time.Millisecond {
		t.Errorf("after %v", d)
	}
	r.wantClosed()
}

func TestRaw_SlowHandshake(t *testing.T) {
	f := start(t, func(o *Options) {
		o.ConnectTimeout = func() time.Duration { return 200 * time.Millisecond }
		o.TLS = testTLS(t)
	})
	silent := make([]*rawConn, 50)
	for i := range silent {
		silent[i] = dial(t, f.addr)
	}
	half := dial(t, f.addr)
	half.read()
	half.packet(response(rawCaps|capSSL, "")[:32]) // asks for TLS, says no more
	login(t, f)
	half.wantClosed()
	for _, r := range silent {
		r.read()
		r.wantClosed()
	}
	eventually(t, "all reaped", func() bool { return f.Stats().Unauthenticated == 0 })
}

func TestRaw_TooManyUnauthenticated(t *testing.T) {
	f := start(t, func(o *Options) { o.MaxUnauthenticated = 2 })
	dial(t, f.addr).read()
	dial(t, f.addr).read()
	p := dial(t, f.addr).read()
	if len(p) < 3 || p[0] != 0xff || binary.LittleEndian.Uint16(p[1:]) != 1040 || !strings.Contains(string(p), "Too many connections") {
		t.Errorf("%q", p)
	}
}

func TestMaxConnections(t *testing.T) {
	f := start(t, func(o *Options) { o.MaxConnections = func() int { return 2 } }, "CREATE USER u", "CREATE USER v")
	eventually(t, "root gone", func() bool { return f.Stats().Connected == 0 })
	a, b := f.open("u", "", "", ""), f.open("u", "", "", "")
	defer a.Close()
	defer b.Close()
	if err := a.Ping(); err != nil {
		t.Fatal(err)
	}
	if err := b.Ping(); err != nil {
		t.Fatal(err)
	}
	c := f.open("v", "", "", "")
	defer c.Close()
	wantErr(t, c.Ping(), 1040, "Too many connections")
	root, root2 := f.open("root", "", "", ""), f.open("root", "", "", "")
	defer root.Close()
	defer root2.Close()
	if err := root.Ping(); err != nil {
		t.Error("the reserved connection:", err)
	}
	wantErr(t, root2.Ping(), 1040, "Too many connections")
	b.Close()
	root.Close()
	eventually(t, "a place is free", func() bool { return c.Ping() == nil })
}

// A client that ignores the error must not get in without TLS.
func TestRaw_RequireSecureTransport(t *testing.T) {
	f := start(t, func(o *Options) {
		o.TLS = testTLS(t)
		o.RequireSecureTransport = func() bool { return true }
	})
	r := dial(t, f.addr)
	r.read()
	r.packet(response(rawCaps, "root"))
	r.wantErr(r.read(), 3159, "Connections using insecure transport are prohibited")
	r.seq = 0
	r.packet(append([]byte{comQuery}, "SELECT 1"...))
	r.wantClosed()
	db := f.open("root", "", "", "tls=insecure")
	defer db.Close()
	if err := db.Ping(); err != nil {
		t.Error(err)
	}
}

// The ClientHello comes in one piece with the request for TLS.
func TestRaw_PipelinedClientHello(t *testing.T) {
	f := start(t, func(o *Options) { o.TLS = testTLS(t) })
	r := dial(t, f.addr)
	r.read()
	req := response(rawCaps|capSSL, "")[:32]
	glue := &gluedConn{Conn: r.Conn, first: append([]byte{32, 0, 0, 1}, req...)}
	c := tls.Client(glue, &tls.Config{InsecureSkipVerify: true})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	sec := &rawConn{Conn: c, t: t, seq: 2}
	sec.packet(response(rawCaps|capSSL, "root"))
	sec.wantOK(sec.read())
	sec.wantOK(sec.command(comPing))
	old := dial(t, f.addr)
	old.read()
	old.packet(req)
	if err := tls.Client(old.Conn, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}).Handshake(); err == nil {
		t.Error("TLS 1.1 accepted")
	}
}

// gluedConn sends first in front of the first write.
type gluedConn struct {
	net.Conn
	first []byte
}

func (g *gluedConn) Write(p []byte) (int, error) {
	if g.first != nil {
		_, err := g.Conn.Write(append(g.first, p...))
		g.first = nil
		return len(p), err
	}
	return g.Conn.Write(p)
}

func TestRaw_EOFStyles_FieldList_Statistics(t *testing.T) {
	f := start(t, nil, "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(10), other INT)")
	r := login(t, f) // without DEPRECATE_EOF
	r.wantOK(r.command(append([]byte{comInitDB}, 'd')...))
	if p := r.command(append([]byte{comQuery}, "SELECT 5"...)...); !bytes.Equal(p, []byte{1}) {
		t.Fatalf("%q", p)
	}
	r.read()
	if p := r.read(); len(p) != 5 || p[0] != 0xfe || p[3]&statusAutocommit == 0 {
		t.Errorf("after the definitions: %q", p)
	}
	if p := r.read(); string(p) != "\x015" {
		t.Errorf("row %q", p)
	}
	if p := r.read(); len(p) != 5 || p[0] != 0xfe {
		t.Errorf("after the rows: %q", p)
	}
	p := r.command(append([]byte{comFieldList}, "t\x00%m%"...)...)
	if !bytes.Contains(p, []byte("\x04name\x04name")) || p[len(p)-1] != headerNull {
		t.Errorf("field list %q", p)
	}
	if p := r.read(); len(p) != 5 || p[0] != 0xfe {
		t.Errorf("end of the field list: %q", p)
	}
	if p := r.command(comStatistics); !strings.HasPrefix(string(p), "Threads: ") {
		t.Errorf("statistics %q", p)
	}
	db := f.engine.Analyzer.Catalog.MySQLDb
	db.SetPersister(&mysql_db.NoopPersister{})
	db.AddRootAccount()
	db.SetEnabled(true)
	if p := r.command(comRefresh, 0x01); len(p) == 0 || p[0] != 0 {
		t.Errorf("refresh of the grants: %q", p)
	}
	r.wantErr(r.command(comRefresh), 1835, "Malformed communication packet")
	r.wantErr(r.command(comRefresh, refreshMaster), 1235, "")
	// Transactions show in the status.
	status := func(q string) byte {
		p := r.command(append([]byte{comQuery}, q...)...)
		if len(p) < 5 || p[0] != 0 {
			t.Fatalf("%s: %q", q, p)
		}
		return p[3]
	}
	if s := status("BEGIN"); s&statusInTrans == 0 {
		t.Errorf("status %x after BEGIN", s)
	}
	if s := status("COMMIT"); s&statusInTrans != 0 {
		t.Errorf("status %x after COMMIT", s)
	}
	if s := status("SET autocommit = 0"); s&statusAutocommit != 0 {
		t.Errorf("status %x without autocommit", s)
	}
	if s := r.command(comResetConnection); s[3]&statusAutocommit == 0 {
		t.Errorf("status %q after reset", s)
	}
}

func TestRaw_ChangeUser(t *testing.T) {
	f := start(t, nil, "CREATE USER u IDENTIFIED WITH mysql_native_password BY 'secret'")
	r := login(t, f)
	r.wantOK(r.command(append([]byte{comQuery}, "SET @a = 1"...)...))
	p := append([]byte{comChangeUser}, "root\x00\x00d\x00"...)
	p = append(p, 45, 0)
	p = append(p, "caching_sha2_password\x00"...)
	r.wantOK(r.command(p...))
	eventually(t, "one connection", func() bool { return len(f.Connections()) == 1 && f.Stats().Connected == 1 })
	if r.command(append([]byte{comQuery}, "SELECT @a IS NULL"...)...) == nil {
		t.Fatal("closed")
	}
	r.read()
	r.read()
	if row := r.read(); string(row) != "\x011" {
		t.Errorf("user variable survived: %q", row)
	}
	r.read()
	p = append([]byte{comChangeUser}, "u\x00\x00\x00"...)
	p = append(p, 45, 0)
	p = append(p, "mysql_native_password\x00"...)
	r.wantErr(r.command(p...), 1045, "Access denied for user 'u'@'127.0.0.1' (using password: NO)")
	r.wantClosed()
}

// A client that answers under a plugin that is not the account's waits for the
// switch, also when the account has no password. The switch has the greeting's
// salt: some drivers compute the answer of COM_CHANGE_USER from that one.
func TestRaw_OtherPluginWithoutPassword(t *testing.T) {
	r := dial(t, start(t, nil).addr)
	greeting := r.read()
	p := bytes.TrimSuffix(response(rawCaps, "root"), []byte("caching_sha2_password\x00"))
	r.packet(append(p, "dummy_fallback_auth\x00"...))
	if p := r.read(); len(p) == 0 || p[0] != headerAuthSwitch || !bytes.HasPrefix(p[1:], []byte("caching_sha2_password\x00")) {
		t.Fatalf("answer %q, want a switch to the account's plugin", p)
	} else if salt := p[len(p)-21 : len(p)-1]; !bytes.Contains(greeting, salt[:8]) || !bytes.Contains(greeting, salt[8:]) {
		t.Errorf("the switch has another salt %x than the greeting %x", salt, greeting)
	}
	r.packet(nil)
	r.wantOK(r.read())
}

func TestPanicBecomes1105(t *testing.T) {
	f := start(t, func(o *Options) { o.Statistics = func() string { panic("boom") } })
	f.engine.Analyzer.Catalog.RegisterFunction(gms.NewEmptyContext(), gms.Function0{Name: "boom", Fn: func(*gms.Context) gms.Expression {
		return boom{expression.NewLiteral(int64(1), types.Int64)}
	}})
	r := login(t, f)
	r.wantErr(r.command(comStatistics), 1105, "Internal error")
	for i, q := range []string{"SELECT boom()", "SELECT boom() FROM information_schema.engines"} {
		p := r.command(append([]byte{comQuery}, q...)...)
		for len(p) > 0 && p[0] != 0xff { // rows may come before it
			p = r.read()
		}
		r.wantErr(p, 1105, "Internal error")
		if n := f.Stats().Panics; n != uint64(i+2) {
			t.Errorf("%s: %d panics counted", q, n)
		}
		r.wantOK(r.command(comPing))
	}
}

// boom is an expression that panics.
type boom struct{ gms.Expression }

func (boom) Eval(*gms.Context, gms.Row) (any, error) { panic("boom") }
func (b boom) WithChildren(*gms.Context, ...gms.Expression) (gms.Expression, error) {
	return b, nil
}

func TestLocalInfileIsRefused(t *testing.T) {
	f := start(t, nil, "CREATE TABLE t (a INT)")
	r := login(t, f)
	r.wantOK(r.command(append([]byte{comInitDB}, 'd')...))
	p := r.command(append([]byte{comQuery}, "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t"...)...)
	if len(p) == 0 || p[0] != 0xff {
		t.Errorf("answer %q", p)
	}
	r.wantOK(r.command(comPing))
}
