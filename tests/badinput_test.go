package tests

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rawclient "github.com/go-mysql-org/go-mysql/client"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/tests/cluster"
)

// rawConn logs in with go-mysql's client, for commands of our own making.
func rawConn(t *testing.T, s *cluster.Server) *rawclient.Conn {
	t.Helper()
	c, err := rawclient.Connect(fmt.Sprintf("127.0.0.1:%d", s.Port), "root", "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// command sends one command packet and returns the first packet of the answer,
// an ERR packet as an error.
func command(c *rawclient.Conn, payload []byte) ([]byte, error) {
	c.ResetSequence()
	if err := c.WritePacket(append(make([]byte, 4), payload...)); err != nil {
		return nil, err
	}
	b, err := c.ReadPacket()
	if err != nil {
		return nil, err
	}
	if len(b) > 9 && b[0] == gomysql.ERR_HEADER {
		return nil, &gomysql.MyError{Code: binary.LittleEndian.Uint16(b[1:]), State: string(b[4:9]), Message: string(b[9:])}
	}
	return b, nil
}

func dumpCommand(file string, pos uint32, flags uint16, serverID uint32) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{gomysql.COM_BINLOG_DUMP}, pos)
	b = binary.LittleEndian.AppendUint16(b, flags)
	b = binary.LittleEndian.AppendUint32(b, serverID)
	return append(b, file...)
}

// readDump reads packets of a dump until an error or EOF.
func readDump(c *rawclient.Conn, payload []byte) error {
	b, err := command(c, payload)
	for err == nil {
		if len(b) > 9 && b[0] == gomysql.ERR_HEADER {
			return &gomysql.MyError{Code: binary.LittleEndian.Uint16(b[1:]), State: string(b[4:9]), Message: string(b[9:])}
		}
		if len(b) < 9 && b[0] == gomysql.EOF_HEADER {
			return io.EOF
		}
		b, err = c.ReadPacket()
	}
	return err
}

func wantMyError(t *testing.T, what string, err error, code uint16, part string) {
	t.Helper()
	var me *gomysql.MyError
	if !errors.As(err, &me) || me.Code != code || !strings.Contains(me.Message, part) {
		t.Errorf("%s: %v, want error %d with %q", what, err, code, part)
	}
}

// Unknown commands, dumps from places that do not exist, garbage and half
// packets: an error each, and the server answers the next client.
func TestBadInput_Wire(t *testing.T) {
	s := cluster.Start(t, "server", "server-id=1", "log-bin=mysql-bin", "connect_timeout=2")
	s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "INSERT INTO d.t VALUES (1)")
	end := s.Rows("SHOW MASTER STATUS")[0]

	c := rawConn(t, s)
	_, err := command(c, []byte{0xf0, 1, 2, 3})
	wantMyError(t, "unknown command", err, 1047, "Unknown command")
	if err := c.Ping(); err != nil {
		t.Errorf("after an unknown command: %v", err)
	}
	const announce = "SET @master_binlog_checksum= @@global.binlog_checksum"
	for _, tc := range []struct {
		what    string
		payload []byte
		part    string
	}{
		{"unknown file", dumpCommand("mysql-bin.999999", 4, 1, 9), "Could not find first log file name in binary log index file"},
		{"path", dumpCommand("../mysql-bin.000001", 4, 1, 9), "Could not find first log file name in binary log index file"},
		{"position below 4", dumpCommand(end[0], 3, 1, 9), "position < 4"},
		{"position beyond the end", dumpCommand(end[0], 1<<30, 1, 9), "position > file size"},
		{"position inside an event", dumpCommand(end[0], 10, 1, 9), "log event entry exceeded max_allowed_packet; Increase max_allowed_packet on source"},
	} {
		c := rawConn(t, s)
		if _, err := c.Execute(announce); err != nil {
			t.Fatal(err)
		}
		wantMyError(t, tc.what, readDump(c, tc.payload), 1236, tc.part)
	}
	c = rawConn(t, s)
	wantMyError(t, "no checksum announced", readDump(c, dumpCommand(end[0], 4, 1, 9)), 1236, "checksum")
	c = rawConn(t, s)
	if _, err := c.Execute(announce); err != nil {
		t.Fatal(err)
	}
	if err := readDump(c, dumpCommand("", 4, 1, 9)); err != io.EOF {
		t.Errorf("a dump that does not block ends with %v, want EOF", err)
	}
	rawSockets(t, s)
	s.Exec("INSERT INTO d.t VALUES (2)")
}

// rawSockets sends what no client sends.
func rawSockets(t *testing.T, s *cluster.Server) {
	t.Helper()
	for what, b := range map[string][]byte{
		"garbage":            []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"oversized":          {0xff, 0xff, 0xff, 1, 0, 0},
		"empty packet":       {0, 0, 0, 1},
		"short handshake":    {4, 0, 0, 1, 1, 2, 3, 4},
		"half packet":        {200, 0, 0, 1, 0x85},
		"wrong sequence":     append([]byte{32, 0, 0, 77}, make([]byte, 32)...),
		"endless user":       append([]byte{64, 0, 0, 1}, []byte(strings.Repeat("\xff", 64))...),
		"TLS without a TLS ": append([]byte{32, 0, 0, 1, 0, 8 | 2, 0, 0}, make([]byte, 28)...),
	} {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(b); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		// The server must end the connection within its connect_timeout.
		if err := c.SetReadDeadline(time.Now().Add(6 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection stays open", what)
		}
		c.Close()
		if err := s.DB().Ping(); err != nil {
			t.Fatalf("after %s: %v", what, err)
		}
	}
}

// A second server on the same port, or on the same data directory, or on one of
// another version, says so and ends; the first lives on.
func TestBadInput_StartUp(t *testing.T) {
	s := cluster.Start(t, "first", "server-id=1")
	fails := func(what string, second *cluster.Server, part string) {
		t.Helper()
		second.Spawn()
		select {
		case <-second.Ended():
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: the second server runs", what)
		}
		if code := second.ExitCode(); code == 0 || !strings.Contains(second.Log(), part) {
			t.Errorf("%s: exit %d, want %q:\n%s", what, code, part, second.Log())
		}
	}
	samePort := cluster.New(t, "second", fmt.Sprintf("port=%d", s.Port))
	fails("port in use", samePort, "Address already in use")
	sameDir := cluster.New(t, "third", "datadir="+s.Dir)
	fails("data directory in use", sameDir, "in use")
	public := cluster.New(t, "fourth", "bind-address=0.0.0.0")
	fails("public address without a password", public, "root has no password")
	unknown := cluster.New(t, "fifth", "no_such_option=1")
	fails("unknown option", unknown, "unknown option 'no_such_option'")
	s.Exec("CREATE DATABASE d")
}

// Torn and garbled ends of the logs: a torn tail is cut, damage before it is
// named with file and offset and the server does not start.
func TestBadInput_LogTails(t *testing.T) {
	s := cluster.Start(t, "server", "server-id=1", "log-bin=mysql-bin")
	s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)")
	for i := range 50 {
		s.Exec(fmt.Sprintf("INSERT INTO d.t VALUES (%d)", i))
	}
	s.Kill()
	file := filepath.Join(s.Dir, "mysql-bin.000001")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(file, b, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	// An unsynced end of garbage, as a power cut leaves it.
	write(append(append([]byte(nil), b...), strings.Repeat("garbage ", 100)...))
	s.Run()
	if n := s.One("SELECT COUNT(*) FROM d.t"); n != "50" {
		t.Errorf("%s rows after a garbled tail, want 50", n)
	}
	s.Exec("INSERT INTO d.t VALUES (100)")
	s.Kill()
	// A flipped byte in the middle of a group that was synced long before the end.
	file = filepath.Join(s.Dir, "mysql-bin.000002")
	s.Run()
	for i := range 20 {
		s.Exec(fmt.Sprintf("INSERT INTO d.t VALUES (%d)", 200+i))
	}
	s.Kill()
	file = filepath.Join(s.Dir, "mysql-bin.000003")
	if b, err = os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), b...)
	flipped[len(b)/2] ^= 0xff
	write(flipped)
	s.Spawn()
	select {
	case <-s.Ended():
	case <-time.After(20 * time.Second):
		t.Fatal("the server starts over damage in the middle of its binlog")
	}
	if log := s.Log(); s.ExitCode() == 0 || !strings.Contains(log, "mysql-bin.000003") {
		t.Errorf("exit %d without naming the damaged file:\n%s", s.ExitCode(), log)
	}
	write(b)
	s.Run()
	if n := s.One("SELECT COUNT(*) FROM d.t"); n != "71" {
		t.Errorf("%s rows after the file was restored, want 71", n)
	}
}

// Equal server ids stop the IO thread with MySQL's number; the SQL thread and
// the server live.
func TestBadInput_EqualServerIDs(t *testing.T) {
	p := cluster.Start(t, "primary", "server-id=5", "log-bin=mysql-bin")
	r := cluster.Start(t, "replica", "server-id=5", "log-bin=mysql-bin")
	cluster.Follow(t, p, r)
	var st map[string]string
	cluster.WaitFor(t, 10*time.Second, func() string {
		if st = r.Status(); st["Last_IO_Errno"] == "13117" {
			return ""
		}
		return fmt.Sprintf("Last_IO_Errno %s %s", st["Last_IO_Errno"], st["Last_IO_Error"])
	})
	if st["Slave_IO_Running"] != "No" || st["Slave_SQL_Running"] != "Yes" || !strings.Contains(st["Last_IO_Error"], "equal MySQL server ids") {
		t.Errorf("IO %s, SQL %s: %s", st["Slave_IO_Running"], st["Slave_SQL_Running"], st["Last_IO_Error"])
	}
}
