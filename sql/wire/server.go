package wire

import (
	"context"
	"errors"
	"net"

	"github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/vitess/go/mysql"
)

// Server is a listener for MySQL's client protocol. Its methods are safe for
// concurrent use.
type Server struct {
	o Options
}

// New returns a Server that is not listening yet.
func New(o Options) (*Server, error) { return &Server{o: o}, nil }

// Configure makes cfg use the Server: call it before server.NewServer, once.
func (s *Server) Configure(cfg *server.Config) {
	cfg.ProtocolListenerFactory = s.listen
	cfg.DisableConnectionWatcher = true
}

func (s *Server) listen(cfg server.Config, lc mysql.ListenerConfig, _ server.ServerEventListener) (server.ProtocolListener, error) {
	return nil, errors.New("wire: not implemented")
}

// Addr returns the address of the listener, nil before it listens.
func (s *Server) Addr() net.Addr { return nil }

// Kill ends the running statement of a connection (error 1317), or the whole
// connection. It returns at once and reports whether the connection exists.
func (s *Server) Kill(connID uint32, queryOnly bool) bool { return false }

// Connections lists the logged-in connections, ordered by id.
func (s *Server) Connections() []ConnInfo { return nil }

// Stats returns the counters.
func (s *Server) Stats() Stats { return Stats{} }

// Shutdown stops accepting, lets running statements finish until ctx ends, then
// cancels them, and closes each connection with error 1053. It returns when all
// goroutines have ended. Dumps end at once.
func (s *Server) Shutdown(ctx context.Context) error { return nil }
