package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dolthub/vitess/go/mysql"
)

// ErrLocalFiles is what LOAD DATA LOCAL ends in when the server or the client
// does not allow it.
var ErrLocalFiles error = mysql.NewSQLError(erLocalDataDisabled, "42000", "%s",
	"Loading local data is disabled; this must be enabled on both the client and server sides")

// LocalFile asks the client of a connection for one of its files (LOAD DATA
// LOCAL). It is called by the statement that the connection runs, and ctx is
// that statement's. Closing the file reads what the client still sends, because
// it does not look for an answer before. Error: ErrLocalFiles.
//
//	server: fb name     client: piece …, each a packet, and an empty one
func (s *Server) LocalFile(ctx context.Context, connID uint32, name string) (io.ReadCloser, error) {
	s.mu.Lock()
	c := s.conns[connID]
	s.mu.Unlock()
	if c == nil || c.caps&capLocalFiles == 0 {
		return nil, ErrLocalFiles
	}
	c.mu.Lock()
	w := c.watcher
	c.mu.Unlock()
	if w != nil {
		w.stop() // from here on, reading finds out whether the client is there
	}
	if err := c.w.write(append([]byte{headerLocalFile}, name...)); err != nil {
		return nil, err
	}
	if err := c.w.flush(); err != nil {
		return nil, err
	}
	f := &localFile{c: c, ctx: ctx, seq: c.w.seq}
	f.stop = context.AfterFunc(ctx, func() { c.raw.SetReadDeadline(longAgo) })
	return f, nil
}

// localFile reads what a client sends of a file.
type localFile struct {
	c    *conn
	ctx  context.Context
	stop func() bool // ends the watch on ctx
	seq  byte
	left int // of the frame at hand
	end  bool
	err  error // of the connection: nothing more can be read
}

// Read returns the next bytes of the file.
func (f *localFile) Read(p []byte) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, context.Cause(f.ctx)
	}
	n, err := f.read(p)
	if err != nil && err != io.EOF && f.ctx.Err() != nil {
		f.err = nil // it was woken up
		err = context.Cause(f.ctx)
	}
	return n, err
}

func (f *localFile) read(p []byte) (n int, err error) {
	if f.end {
		return 0, io.EOF
	}
	if f.err != nil {
		return 0, f.err
	}
	if f.left == 0 {
		if err := f.header(); err != nil {
			return 0, err
		}
	}
	n, err = f.c.r.br.Read(p[:min(len(p), f.left)])
	f.left -= n
	return n, f.broken(err)
}

// header reads the next frame's header.
func (f *localFile) header() error {
	br := f.c.r.br
	if br.Buffered() < headerSize && f.ctx.Err() == nil {
		f.c.raw.SetReadDeadline(time.Now().Add(f.c.s.o.netReadTimeout()))
		if f.ctx.Err() != nil {
			f.c.raw.SetReadDeadline(longAgo)
		}
	}
	h, err := br.Peek(headerSize)
	if err != nil {
		return f.broken(err)
	}
	f.left = int(h[0]) | int(h[1])<<8 | int(h[2])<<16
	if h[3] != f.seq {
		return f.broken(errOutOfOrder)
	}
	f.seq++
	if _, err := br.Discard(headerSize); err != nil {
		return f.broken(err)
	}
	if f.left == 0 {
		f.end = true
		return io.EOF
	}
	return nil
}

func (f *localFile) broken(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	f.err = fmt.Errorf("read the client's file: %w", err)
	return f.err
}

// Close reads the rest of the file, and makes the connection ready for the
// answer.
func (f *localFile) Close() error {
	if f.c == nil {
		return nil
	}
	c := f.c
	f.stop()
	var buf [4096]byte
	for !f.end && f.err == nil && !c.killed.Load() {
		c.raw.SetReadDeadline(time.Now().Add(c.s.o.netReadTimeout()))
		f.ctx = context.Background()
		if _, err := f.read(buf[:]); err != nil && err != io.EOF {
			break
		}
	}
	if !f.end {
		c.kill(false) // what comes next is no command
	} else if !c.killed.Load() {
		c.raw.SetReadDeadline(time.Time{})
	}
	c.w.seq = f.seq
	c.z.turn()
	err := f.err
	f.c = nil
	return err
}
