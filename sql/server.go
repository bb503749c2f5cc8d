package sql

import (
	"context"
	"errors"

	"binrelay/binlog/txn"
)

// Server is a running SQL server. Its methods are safe for concurrent use.
type Server struct {
	o Options
}

// New makes a server over an open storage engine: it loads the accounts and
// prepares the SQL engine. Nothing listens yet.
func New(o Options) (*Server, error) { return nil, errors.New("sql: not built") }

// Start begins to accept clients on Options.Listener and returns.
func (s *Server) Start() error { return errors.New("sql: not built") }

// Stop refuses new clients, lets running statements finish until ctx ends,
// then cancels them, and closes all connections. The storage engine stays open.
func (s *Server) Stop(ctx context.Context) error { return nil }

// SetReplica connects the replica side, when it is made after the server.
func (s *Server) SetReplica(r ReplicaAdmin) {}

// ExecReplicated executes a group of kind Statement from a source in an
// internal session with all privileges, under the source's default database,
// SQL mode, character sets and time. It commits g.Origin with the change, also
// when nothing changed. A failure is a *storage.ApplyError with MySQL's number
// and text, or the context's error.
func (s *Server) ExecReplicated(ctx context.Context, g *txn.Group) error {
	return errors.New("sql: not built")
}
