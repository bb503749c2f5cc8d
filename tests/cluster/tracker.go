package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Of MySQL's protocol.
const (
	trackerCaps         = 0x200 | 0x2000 | 0x8000 | 1<<19 | 1<<23 // PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH, SESSION_TRACK
	statusSessionChange = 0x4000
	trackGTIDs          = 3
	comQuery            = 3
)

// Tracker is a connection that is told the GTIDs of what it commits, which
// go-sql-driver does not ask for. It runs statements without rows.
type Tracker struct {
	conn net.Conn
	seq  byte
}

// NewTracker connects as root and sets session_track_gtids.
func NewTracker(s *Server) (*Tracker, error) {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port), 5*time.Second)
	if err != nil {
		return nil, err
	}
	t := &Tracker{conn: conn}
	if err = t.login(); err == nil {
		_, err = t.Exec("SET SESSION session_track_gtids = OWN_GTID")
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return t, nil
}

// Close ends the connection.
func (t *Tracker) Close() { t.conn.Close() }

func (t *Tracker) login() error {
	if _, err := t.read(); err != nil {
		return err
	}
	b := binary.LittleEndian.AppendUint32(nil, trackerCaps)
	b = binary.LittleEndian.AppendUint32(b, 1<<24)
	b = append(b, 45) // utf8mb4_general_ci
	b = append(b, make([]byte, 23)...)
	b = append(b, "root\x00\x00caching_sha2_password\x00"...)
	if err := t.write(b); err != nil {
		return err
	}
	_, err := t.answer()
	return err
}

// Exec runs a statement and returns the GTIDs that it has committed, "" if none.
func (t *Tracker) Exec(query string) (gtids string, err error) {
	t.seq = 0
	if err := t.write(append([]byte{comQuery}, query...)); err != nil {
		return "", err
	}
	return t.answer()
}

func (t *Tracker) answer() (gtids string, err error) {
	p, err := t.read()
	if err != nil {
		return "", err
	}
	switch {
	case len(p) > 9 && p[0] == 0xff:
		return "", fmt.Errorf("error %d: %s", binary.LittleEndian.Uint16(p[1:]), p[9:])
	case len(p) == 0 || p[0] != 0:
		return "", fmt.Errorf("not an OK packet: %x", p)
	}
	p = p[1:]
	for range 2 { // affected rows, last insert id
		if _, p, err = number(p); err != nil {
			return "", err
		}
	}
	if len(p) < 4 {
		return "", io.ErrUnexpectedEOF
	}
	changed := binary.LittleEndian.Uint16(p)&statusSessionChange != 0
	if p = p[4:]; len(p) == 0 || !changed {
		return "", nil
	}
	if _, p, err = text(p); err != nil { // info
		return "", err
	}
	changes, _, err := text(p)
	for err == nil && len(changes) > 0 {
		kind := changes[0]
		var data []byte
		if data, changes, err = text(changes[1:]); err != nil || kind != trackGTIDs || len(data) == 0 {
			continue
		}
		var set []byte
		set, _, err = text(data[1:]) // behind the encoding
		gtids = string(set)
	}
	return gtids, err
}

// number reads a length-encoded integer.
func number(p []byte) (n uint64, rest []byte, err error) {
	size := 0
	switch {
	case len(p) == 0:
		return 0, nil, io.ErrUnexpectedEOF
	case p[0] < 0xfb:
		return uint64(p[0]), p[1:], nil
	case p[0] == 0xfc:
		size = 2
	case p[0] == 0xfd:
		size = 3
	case p[0] == 0xfe:
		size = 8
	}
	if size == 0 || len(p) <= size {
		return 0, nil, io.ErrUnexpectedEOF
	}
	for i := range size {
		n |= uint64(p[1+i]) << (8 * i)
	}
	return n, p[1+size:], nil
}

// text reads a length-encoded string.
func text(p []byte) (s, rest []byte, err error) {
	n, p, err := number(p)
	if err != nil || n > uint64(len(p)) {
		return nil, nil, errors.Join(err, io.ErrUnexpectedEOF)
	}
	return p[:n], p[n:], nil
}

func (t *Tracker) write(p []byte) error {
	h := []byte{byte(len(p)), byte(len(p) >> 8), byte(len(p) >> 16), t.seq}
	t.seq++
	_ = t.conn.SetDeadline(time.Now().Add(time.Minute)) // a failure shows in what follows
	_, err := t.conn.Write(append(h, p...))
	return err
}

func (t *Tracker) read() ([]byte, error) {
	var h [4]byte
	if _, err := io.ReadFull(t.conn, h[:]); err != nil {
		return nil, err
	}
	p := make([]byte, int(h[0])|int(h[1])<<8|int(h[2])<<16)
	if _, err := io.ReadFull(t.conn, p); err != nil {
		return nil, err
	}
	t.seq = h[3] + 1
	return p, nil
}
