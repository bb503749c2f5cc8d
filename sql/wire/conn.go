package wire

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"binrelay/sql/auth"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/mysql"

	"binrelay/sql/direct"
)

const (
	// watchDelay is how long a statement runs before its client is watched.
	watchDelay = 100 * time.Millisecond
	// killGrace bounds writes to a connection that is being killed.
	killGrace = time.Second
	// drainLimit and drainTime bound what is read and thrown away so that a
	// client that is still sending gets to see the error.
	drainLimit = 32 << 20
	drainTime  = 2 * time.Second
)

// Causes of a cancelled statement.
var (
	causeKilled   = wireError(erInterrupted, "70100", "Query execution was interrupted")
	causeShutdown = wireError(erServerShutdown, "08S01", "Server shutdown in progress")
	causeGone     = wireError(erInterrupted, "70100", "Query execution was interrupted: the client is gone")
)

// errPanic is all that a client hears of a panic.
var errPanic = wireError(erUnknown, "HY000", "Internal error: the statement was given up; see the server's log")

// longAgo as a deadline wakes a blocked read or write.
var longAgo = time.Unix(1, 0)

// conn is one client's connection. Its goroutine owns every field but those
// under mu and the atomics.
type conn struct {
	s    *Server
	id   uint32
	raw  net.Conn // what was accepted
	sock *socket  // raw with counters and write deadlines
	tls  *tls.Conn
	host string // client address without port
	port int
	mc   *mysql.Conn
	r    packetReader
	w    packetWriter
	salt []byte
	caps uint32
	z    *compressor // nil without the compressed protocol
	// stream is what packets are read from and written to after the log-in.
	stream io.ReadWriter
	// zstdLevel is what the client asked for, with capZstd.
	zstdLevel int
	stmts     map[uint32]*stmt
	// lastStmt is the last prepared statement's id.
	lastStmt uint32

	session    gms.Session
	sessionCtx *gms.Context  // of session, for reading its variables
	registered bool          // the handler knows the connection
	account    *auth.Account // whose limits count the connection; nil = not logged in
	replica    bool          // registered as a replica
	admitted   bool          // counted in Server.users; under Server.mu
	pending    bool          // counted in Server.pending; under Server.mu
	row        []byte        // scratch for one packet
	cutting    direct.Cutting
	plain      Statement // the one at hand, of COM_QUERY
	answer     *results  // of the running statement; nil = none
	kept       kept

	killed atomic.Bool
	closed atomic.Bool

	mu      sync.Mutex
	cancel  context.CancelCauseFunc // of the running statement; nil = idle
	stopped error                   // cause of a KILL since the command began
	watcher *watcher                // of the last statement
	command string
	running string // the statement that the session runs by itself
	since   time.Time
	user    string
}

func newConn(s *Server, id uint32, nc net.Conn) *conn {
	c := &conn{s: s, id: id, raw: nc, command: "Connect", since: s.o.Now()}
	c.sock = &socket{Conn: nc, killed: &c.killed, in: &s.bytesIn, out: &s.bytesOut}
	c.r.br = bufio.NewReaderSize(c.sock, handshakeBuffer)
	c.w.bw = bufio.NewWriterSize(c.sock, handshakeBuffer)
	c.host = "localhost"
	if h, p, err := net.SplitHostPort(nc.RemoteAddr().String()); err == nil && nc.RemoteAddr().Network() != "unix" {
		c.host = h
		c.port, _ = strconv.Atoi(p)
	}
	c.mc = &mysql.Conn{
		Conn: &shell{Conn: nc, c: c}, ConnectionID: id, StatusFlags: statusAutocommit,
		PrepareData: map[uint32]*mysql.PrepareData{},
	}
	return c
}

// local reports whether the client connects through a Unix socket.
func (c *conn) local() bool { return c.raw.RemoteAddr().Network() == "unix" }

// shell is the connection as the handler sees it. The handler only closes it
// (KILL) and asks for addresses; reading and writing would break the stream.
type shell struct {
	net.Conn
	c *conn
}

func (s *shell) Close() error {
	s.c.kill(false)
	return nil
}

func (s *shell) Read([]byte) (int, error)  { return 0, ErrLocalFiles }
func (s *shell) Write([]byte) (int, error) { return 0, ErrLocalFiles }

// serve runs the connection to its end.
func (c *conn) serve() {
	defer c.finish()
	err := c.handshake()
	c.s.endHandshake(c)
	if err != nil {
		c.s.aborted.Add(1)
		if !errors.Is(err, io.EOF) {
			c.s.handler.ConnectionAborted(c.mc, err.Error())
		}
		c.s.log.Debug("connection did not log in", slog.String("host", c.host), slog.Any("err", err))
		return
	}
	c.enlarge()
	for {
		more, err := c.serveCommand()
		if err != nil {
			c.s.log.Debug("connection ends", slog.Uint64("id", uint64(c.id)), slog.Any("err", err))
		}
		if !more || err != nil {
			return
		}
	}
}

// enlarge replaces the small buffers of the handshake, and puts the compressed
// protocol under those that follow it.
func (c *conn) enlarge() {
	var under io.ReadWriter = c.sock
	if c.tls != nil {
		under = c.tls
	}
	held, _ := c.r.br.Peek(c.r.br.Buffered())
	var src io.Reader = under
	if len(held) > 0 {
		src = io.MultiReader(bytes.NewReader(bytes.Clone(held)), under)
	}
	c.stream = c.compress(src, under)
	c.r.br = bufio.NewReaderSize(c.stream, readBuffer)
	c.w.bw = bufio.NewWriterSize(c.stream, writeBuffer)
	c.sock.writeTimeout = c.s.o.netWriteTimeout
}

// finish releases everything, whatever happened.
func (c *conn) finish() {
	if r := recover(); r != nil {
		c.s.panicked(c.id, r, debug.Stack())
	}
	c.closed.Store(true)
	if c.kept.cancel != nil {
		c.kept.cancel(nil)
	}
	c.raw.Close()
	c.z.close()
	c.stmts = nil
	if c.replica {
		c.s.o.Dump.UnregisterReplica(c.id)
	}
	c.unregister()
	c.leave()
	c.s.remove(c)
}

// leave ends what the account's limits count.
func (c *conn) leave() {
	if c.account != nil {
		c.s.o.Accounts.Disconnect(*c.account)
		c.account = nil
	}
}

// unregister takes the connection out of the handler's books.
func (c *conn) unregister() {
	if !c.registered {
		return
	}
	c.registered = false
	defer func() {
		if r := recover(); r != nil {
			c.s.panicked(c.id, r, debug.Stack())
		}
	}()
	c.s.handler.ConnectionClosed(c.mc)
}

// kill ends the running statement, or the connection. Safe from any goroutine.
func (c *conn) kill(queryOnly bool) {
	c.stop(queryOnly, causeKilled)
}

func (c *conn) stop(queryOnly bool, cause error) {
	if !queryOnly {
		c.killed.Store(true)
	}
	c.mu.Lock()
	c.stopped = cause // for a command that is about to run
	if c.cancel != nil {
		c.cancel(cause) // not later: the next statement may run under the same one
	}
	c.mu.Unlock()
	if !queryOnly {
		c.raw.SetReadDeadline(longAgo)
		c.raw.SetWriteDeadline(time.Now().Add(killGrace))
	}
}

// serveCommand reads one command and answers it. more is false when the
// connection is to end without an error worth telling.
func (c *conn) serveCommand() (more bool, err error) {
	p, err := c.readCommand()
	if err != nil || p == nil {
		return false, err
	}
	cmd := byte(0)
	if len(p) > 0 {
		cmd, p = p[0], p[1:]
	}
	c.setCommand(commandName(cmd))
	more, err = c.safely(cmd, p)
	c.setCommand("Sleep") // before the client has its answer
	if err != nil {
		return false, err
	}
	return more && !c.released(), c.w.flush()
}

// safely is dispatch, with a panic turned into error 1105.
func (c *conn) safely(cmd byte, p []byte) (more bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			c.s.panicked(c.id, r, debug.Stack())
			c.writeErr(errPanic)
			more, err = true, nil
		}
	}()
	return c.dispatch(cmd, p)
}

// readCommand waits for the next command; nil without an error means that the
// connection ends as it should.
func (c *conn) readCommand() ([]byte, error) {
	c.r.seq = 0
	idle := c.idleTimeout()
	if c.r.br.Buffered() < headerSize {
		c.raw.SetReadDeadline(time.Now().Add(idle))
	}
	if c.killed.Load() {
		return nil, c.farewell()
	}
	started := false
	p, err := c.r.next(c.s.o.maxAllowedPacket(), func() {
		started = true
		c.raw.SetReadDeadline(time.Now().Add(c.s.o.netReadTimeout()))
		if c.killed.Load() {
			c.raw.SetReadDeadline(longAgo)
		}
	})
	c.w.seq = c.r.seq
	c.z.turn()
	switch {
	case err == nil:
		if started {
			c.raw.SetReadDeadline(time.Time{})
		}
		if p == nil {
			p = []byte{}
		}
		return p, nil
	case errors.Is(err, os.ErrDeadlineExceeded) && c.killed.Load():
		return nil, c.farewell()
	case errors.Is(err, os.ErrDeadlineExceeded) && !started:
		return nil, c.goodbye(wireError(erIdleDisconnect, "HY000", "The client was disconnected by the server "+
			"because of inactivity. See wait_timeout and interactive_timeout for configuring this behavior."))
	case errors.Is(err, io.EOF):
		return nil, nil
	}
	return nil, c.packetError(err)
}

// farewell ends a killed connection: with error 1053 if the server goes down.
func (c *conn) farewell() error {
	if c.s.closing() {
		return c.goodbye(causeShutdown)
	}
	return errKilled
}

// goodbye sends an error that the client did not ask for, and ends the
// connection.
func (c *conn) goodbye(e *sqlError) error {
	c.w.seq = 0
	return c.refuse(e)
}

// packetError answers what the packet layer found wrong.
func (c *conn) packetError(err error) error {
	switch {
	case errors.Is(err, errTooBig):
		c.s.oversize.Add(1)
		c.w.seq = c.r.seq
		c.refuse(wireError(erPacketTooLarge, "08S01", "Got a packet bigger than 'max_allowed_packet' bytes"))
		c.drain()
	case errors.Is(err, errOutOfOrder):
		c.w.seq = c.r.seq
		c.refuse(wireError(erPacketsOutOfOrder, "08S01", "Got packets out of order"))
	}
	return err
}

// drain lets a client that is still sending read our error: closing a socket
// with unread data resets it.
func (c *conn) drain() {
	if t, ok := c.raw.(interface{ CloseWrite() error }); ok && c.tls == nil {
		t.CloseWrite()
	}
	c.raw.SetReadDeadline(time.Now().Add(drainTime))
	io.CopyN(io.Discard, c.r.br, drainLimit)
}

// idleTimeout is the session's wait_timeout, or interactive_timeout.
func (c *conn) idleTimeout() time.Duration {
	name := "wait_timeout"
	if c.caps&capInteractive != 0 {
		name = "interactive_timeout"
	}
	if c.session != nil {
		if v, err := c.session.GetSessionVariable(c.sessionCtx, name); err == nil {
			if n, ok := v.(int64); ok && n > 0 {
				return time.Duration(n) * time.Second
			}
		}
	}
	return c.s.o.waitTimeout()
}

func (c *conn) setCommand(name string) {
	now := c.s.o.Now()
	c.mu.Lock()
	c.command, c.running, c.since, c.stopped = name, "", now, nil
	c.mu.Unlock()
}

// run calls fn with a context that ends on KILL, on shutdown, and when the
// client goes away. A panic becomes error 1105, an error after a cancellation
// the error that belongs to its cause.
func (c *conn) run(fn func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancelCause(c.s.ctx)
	defer cancel(nil)
	return c.runUnder(ctx, cancel, c.watch(cancel), fn)
}

// runShort is run for statements that leave nothing behind that waits for their
// context's end: they share one.
func (c *conn) runShort(fn func(ctx context.Context) error) error {
	k := &c.kept
	if k.ctx == nil || k.ctx.Err() != nil {
		k.ctx, k.cancel = context.WithCancelCause(c.s.ctx)
		k.watcher = nil
	}
	w := k.watcher
	if w == nil {
		w = c.watch(k.cancel)
	} else {
		w.timer.Reset(watchDelay)
	}
	k.watcher = nil
	err := c.runUnder(k.ctx, k.cancel, w, fn)
	if !w.fired {
		k.watcher = w
	}
	return err
}

// kept is what the statements of runShort share.
type kept struct {
	ctx     context.Context // nil = none yet
	cancel  context.CancelCauseFunc
	watcher *watcher // stopped before it began; nil = none
}

func (c *conn) runUnder(ctx context.Context, cancel context.CancelCauseFunc, w *watcher, fn func(ctx context.Context) error) (err error) {
	c.setCancel(cancel)
	defer func() {
		w.stop()
		c.setCancel(nil)
		if r := recover(); r != nil {
			c.s.panicked(c.id, r, debug.Stack())
			err = errPanic
		}
		var cause *sqlError
		if err != nil && errors.As(context.Cause(ctx), &cause) {
			err = cause
		}
	}()
	return fn(ctx)
}

// setCancel makes the running statement stoppable, or (nil) ends that. A KILL
// that came after the command was read counts.
func (c *conn) setCancel(cancel context.CancelCauseFunc) {
	c.mu.Lock()
	c.cancel = cancel
	stopped := c.stopped
	c.mu.Unlock()
	if cancel != nil && stopped != nil {
		cancel(stopped)
	}
}

// watcher waits, while a statement runs, for the client to go away. It starts
// after watchDelay, so that short statements pay for a timer only.
type watcher struct {
	c       *conn
	timer   *time.Timer
	cancel  context.CancelCauseFunc
	mu      sync.Mutex
	stopped bool
	fired   bool          // it may look, or have looked; known once it is stopped
	done    chan struct{} // non-nil while or after it looks; closed at its end
}

func (c *conn) watch(cancel context.CancelCauseFunc) *watcher {
	w := &watcher{c: c, cancel: cancel}
	c.mu.Lock()
	c.watcher = w
	c.mu.Unlock()
	w.timer = time.AfterFunc(watchDelay, w.look)
	return w
}

// look blocks in a read until a byte, an error, or stop.
func (w *watcher) look() {
	w.mu.Lock()
	if w.stopped {
		w.mu.Unlock()
		return
	}
	w.done = make(chan struct{})
	defer close(w.done)
	if !w.c.killed.Load() {
		w.c.raw.SetReadDeadline(time.Time{})
	}
	w.mu.Unlock()
	_, err := w.c.r.br.Peek(1)
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return // the client sends already, or stop woke us
	}
	w.c.s.lost.Add(1)
	w.cancel(causeGone)
}

// stop ends the watcher and returns the reader to the connection's goroutine.
func (w *watcher) stop() {
	if w.timer.Stop() {
		return
	}
	w.fired = true
	w.mu.Lock()
	w.stopped = true
	done := w.done
	w.mu.Unlock()
	if done == nil {
		return
	}
	w.c.raw.SetReadDeadline(longAgo)
	<-done
	if !w.c.killed.Load() {
		w.c.raw.SetReadDeadline(time.Time{})
	}
}

// conditionNoter is a session that keeps what ended its last statement, for SHOW
// WARNINGS.
type conditionNoter interface {
	Failed(number uint16, text string)
}

// translate makes an error ready to be sent.
func (c *conn) translate(err error, query string) *sqlError {
	var own *sqlError
	if errors.As(err, &own) {
		return own
	}
	// The handler recovers panics of its own goroutines into such an error.
	if text := err.Error(); strings.Contains(text, "panic recovered: ") {
		c.s.panicked(c.id, text, nil)
		return errPanic
	}
	database := ""
	if c.session != nil {
		database = c.session.GetCurrentDatabase()
	}
	num, state, msg := c.s.translate(err, query, database)
	return &sqlError{num: num, state: state, msg: msg}
}

// refreshSession looks the handler's session up; it changes at log-in and
// reset.
func (c *conn) refreshSession() {
	c.session = nil
	if c.s.sessions == nil {
		return
	}
	if ctx, err := c.s.sessions.NewContextWithQuery(c.s.ctx, c.mc, ""); err == nil {
		c.session = ctx.Session
		c.sessionCtx = gms.NewContext(c.s.ctx, gms.WithSession(c.session))
	}
}

// gmsContext returns a context of the connection's session.
func (c *conn) gmsContext(ctx context.Context) *gms.Context {
	return gms.NewContext(ctx, gms.WithSession(c.session))
}
