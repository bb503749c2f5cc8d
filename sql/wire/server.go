package wire

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/vitess/go/mysql"
)

// Server is a listener for MySQL's client protocol. Its methods are safe for
// concurrent use.
type Server struct {
	o        Options
	log      *slog.Logger
	tls      *tls.Config
	handler  mysql.Handler
	sessions *server.SessionManager
	ln       net.Listener

	ctx    context.Context // ends when connections must end
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // connections
	lastID atomic.Uint32

	mu      sync.Mutex
	conns   map[uint32]*conn
	users   int // admitted connections
	pending int // connections in the handshake
	dumps   int
	down    bool

	accepted, aborted, refused, panics, oversize, lost atomic.Uint64
	bytesIn, bytesOut                                  atomic.Uint64
}

// New returns a Server that is not listening yet.
func New(o Options) (*Server, error) {
	if o.Accounts == nil {
		return nil, errors.New("wire: accounts are required")
	}
	o.Version = cmp.Or(o.Version, DefaultVersion)
	o.Collation = cmp.Or(o.Collation, 255)
	o.MaxUnauthenticated = cmp.Or(o.MaxUnauthenticated, DefaultMaxUnauthenticated)
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{o: o, log: o.Logger, conns: make(map[uint32]*conn)}
	if s.log == nil {
		s.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.TLS != nil {
		s.tls = o.TLS.Clone()
		s.tls.MinVersion = max(s.tls.MinVersion, tls.VersionTLS12)
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s, nil
}

// Configure makes cfg use the Server: call it before server.NewServer, once.
func (s *Server) Configure(cfg *server.Config) {
	cfg.ProtocolListenerFactory = s.listen
	cfg.DisableConnectionWatcher = true // it needs a reader that is not there
	cfg.Options = append(cfg.Options, func(e *sqle.Engine, sm *server.SessionManager, h mysql.Handler) (*sqle.Engine, *server.SessionManager, mysql.Handler) {
		s.sessions = sm
		return e, sm, h
	})
}

func (s *Server) listen(_ server.Config, lc mysql.ListenerConfig, _ server.ServerEventListener) (server.ProtocolListener, error) {
	if s.ln != nil {
		return nil, errors.New("wire: already listening")
	}
	s.ln, s.handler = lc.Listener, lc.Handler
	return (*protocolListener)(s), nil
}

// protocolListener is the Server as go-mysql-server drives it.
type protocolListener Server

func (l *protocolListener) Addr() net.Addr { return l.ln.Addr() }

// Accept serves connections until Close or Shutdown.
func (l *protocolListener) Accept() {
	s := (*Server)(l)
	var socket sync.WaitGroup
	if s.o.Socket != nil {
		socket.Go(func() { s.accept(s.o.Socket) })
	}
	s.accept(s.ln)
	socket.Wait()
}

func (s *Server) accept(ln net.Listener) {
	for delay := time.Duration(0); ; {
		nc, err := ln.Accept()
		if err == nil {
			delay = 0
			s.start(nc)
			continue
		}
		if s.closing() || errors.Is(err, net.ErrClosed) {
			return
		}
		// Out of descriptors, most likely: wait for some to be closed.
		delay = min(max(2*delay, 5*time.Millisecond), time.Second)
		s.log.Error("accept failed", slog.Any("err", err))
		select {
		case <-time.After(delay):
		case <-s.ctx.Done():
			return
		}
	}
}

// Close stops accepting and ends every connection at once.
func (l *protocolListener) Close() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	(*Server)(l).Shutdown(ctx)
}

// start runs a new connection in its own goroutine, unless there are too many
// that have not logged in.
func (s *Server) start(nc net.Conn) {
	s.accepted.Add(1)
	s.mu.Lock()
	if s.down || s.pending >= s.o.MaxUnauthenticated {
		s.mu.Unlock()
		s.refused.Add(1)
		nc.SetWriteDeadline(time.Now().Add(killGrace))
		// Before the greeting an ERR packet has no SQLSTATE.
		nc.Write([]byte("\x17\x00\x00\x00\xff\x10\x04Too many connections"))
		nc.Close()
		return
	}
	s.pending++
	c := newConn(s, s.nextID(), nc)
	c.pending = true
	s.conns[c.id] = c
	s.wg.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.wg.Done()
		c.serve()
	}()
}

// nextID returns a connection id that is not in use. It needs mu.
func (s *Server) nextID() uint32 {
	for {
		id := s.lastID.Add(1)
		if _, used := s.conns[id]; !used && id != 0 {
			return id
		}
	}
}

// endHandshake counts a connection out of the handshake.
func (s *Server) endHandshake(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.pending {
		c.pending = false
		s.pending--
	}
}

// admit takes one of max_connections, of which one more is kept for
// administrators.
func (s *Server) admit(c *conn, admin bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.admitted {
		return true
	}
	limit := s.o.maxConnections()
	if admin {
		limit++
	}
	if s.users >= limit || s.down {
		s.refused.Add(1)
		return false
	}
	s.users++
	c.admitted = true
	return true
}

// remove takes a connection off the books.
func (s *Server) remove(c *conn) {
	s.endHandshake(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.admitted {
		s.users--
	}
	delete(s.conns, c.id)
}

func (s *Server) addDump(n int) {
	s.mu.Lock()
	s.dumps += n
	s.mu.Unlock()
}

func (s *Server) closing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down
}

// panicked counts and logs a panic.
func (s *Server) panicked(id uint32, r any, stack []byte) {
	s.panics.Add(1)
	s.log.Error("panic while serving a connection",
		slog.Uint64("id", uint64(id)), slog.Any("panic", r), slog.String("stack", string(stack)))
}

// translate finds number, SQLSTATE and text of an error.
func (s *Server) translate(err error, query, database string) (uint16, string, string) {
	if s.o.Translate != nil {
		return s.o.Translate(err, query, database)
	}
	var se *mysql.SQLError
	if errors.As(err, &se) {
		return uint16(se.Num), se.State, se.Message
	}
	return erUnknown, "HY000", err.Error()
}

// Addr returns the address of the listener, nil before it listens.
func (s *Server) Addr() net.Addr {
	if s.ln == nil {
		return nil
	}
	return s.ln.Addr()
}

// Kill ends the running statement of a connection (error 1317), or the whole
// connection. It returns at once and reports whether the connection exists.
func (s *Server) Kill(connID uint32, queryOnly bool) bool {
	s.mu.Lock()
	c := s.conns[connID]
	s.mu.Unlock()
	if c == nil {
		return false
	}
	c.kill(queryOnly)
	return true
}

// Connections lists the logged-in connections, ordered by id.
func (s *Server) Connections() []ConnInfo {
	s.mu.Lock()
	all := make([]*conn, 0, len(s.conns))
	for _, c := range s.conns {
		if c.admitted {
			all = append(all, c)
		}
	}
	s.mu.Unlock()
	infos := make([]ConnInfo, len(all))
	for i, c := range all {
		c.mu.Lock()
		infos[i] = ConnInfo{ID: c.id, User: c.user, Host: c.host, Port: c.port, Command: c.command, Since: c.since, Query: c.running}
		c.mu.Unlock()
	}
	slices.SortFunc(infos, func(a, b ConnInfo) int { return cmp.Compare(a.ID, b.ID) })
	return infos
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	st := Stats{Connected: s.users, Unauthenticated: s.pending, Dumps: s.dumps}
	s.mu.Unlock()
	st.Accepted = s.accepted.Load()
	st.Aborted = s.aborted.Load()
	st.Refused = s.refused.Load()
	st.Panics = s.panics.Load()
	st.OversizePackets = s.oversize.Load()
	st.LostWhileRunning = s.lost.Load()
	st.BytesIn, st.BytesOut = s.bytesIn.Load(), s.bytesOut.Load()
	return st
}

// Shutdown stops accepting, lets running statements finish until ctx ends, then
// cancels them, and closes each connection with error 1053. It returns when all
// goroutines have ended. Dumps end at once. The error is ctx's if statements had
// to be cancelled.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.down = true
	var idle []*conn
	for _, c := range s.conns {
		idle = append(idle, c)
	}
	s.mu.Unlock()
	for _, ln := range []net.Listener{s.ln, s.o.Socket} {
		if ln != nil {
			ln.Close()
		}
	}
	for _, c := range idle {
		c.stopSoft()
	}
	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = fmt.Errorf("wire: shutdown: %w", ctx.Err())
	}
	s.cancel(causeShutdown)
	s.mu.Lock()
	for _, c := range s.conns {
		go c.stop(false, causeShutdown)
	}
	s.mu.Unlock()
	<-done
	return err
}

// stopSoft makes the connection end after its running statement, at once if
// there is none or if it serves a replica.
func (c *conn) stopSoft() {
	c.mu.Lock()
	idle := c.cancel == nil
	dump := c.command == commandName(comBinlogDump) || c.command == commandName(comBinlogDumpGTID)
	c.mu.Unlock()
	c.killed.Store(true)
	if idle {
		c.raw.SetReadDeadline(longAgo)
	} else if dump {
		c.stop(false, causeShutdown)
	}
}

// statistics is the answer to COM_STATISTICS.
func (s *Server) statistics() string {
	if s.o.Statistics != nil {
		return s.o.Statistics()
	}
	return "Threads: " + strconv.Itoa(s.Stats().Connected)
}

// The option getters put the defaults in.

func (o *Options) maxAllowedPacket() int { return call(o.MaxAllowedPacket, DefaultMaxAllowedPacket) }
func (o *Options) maxConnections() int   { return call(o.MaxConnections, DefaultMaxConnections) }
func (o *Options) connectTimeout() time.Duration {
	return call(o.ConnectTimeout, DefaultConnectTimeout)
}
func (o *Options) netReadTimeout() time.Duration {
	return call(o.NetReadTimeout, DefaultNetReadTimeout)
}
func (o *Options) netWriteTimeout() time.Duration {
	return call(o.NetWriteTimeout, DefaultNetWriteTimeout)
}
func (o *Options) waitTimeout() time.Duration { return call(o.WaitTimeout, DefaultWaitTimeout) }

// compression returns the capabilities of the compressed protocols on offer.
func (o *Options) compression() (caps uint32) {
	if o.Compression == nil {
		return capCompress | capZstd
	}
	for _, name := range o.Compression() {
		switch name {
		case "zlib":
			caps |= capCompress
		case "zstd":
			caps |= capZstd
		}
	}
	return caps
}

// call returns fn's value if it is positive, else the default.
func call[T int | time.Duration](fn func() T, def T) T {
	if fn != nil {
		if v := fn(); v > 0 {
			return v
		}
	}
	return def
}
