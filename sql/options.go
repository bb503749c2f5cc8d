package sql

import (
	"crypto/rsa"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"binrelay/binlog/gtid"
	"binrelay/sql/storage"
)

// Options composes a Server. Engine and Variables are required.
type Options struct {
	Engine    *storage.Engine
	Variables *Variables   // system variables with the configured values
	Replica   ReplicaAdmin // nil: no replica side; may be set later with SetReplica
	Primary   PrimaryAdmin // nil: no primary side
	Dump      DumpServer   // nil: dump commands are refused

	ServerUUID gtid.UUID
	// Listener accepts the clients; nil: Start opens none (a Server used in
	// process). The Server closes it.
	Listener net.Listener
	Socket   net.Listener // a Unix socket beside it; nil = none. The Server closes it
	TLS      *tls.Config  // nil: no TLS
	// RSAKey returns the key that clients without TLS encrypt passwords for. It
	// is asked once, beside the start; nil = a new key at each start.
	RSAKey func() (*rsa.PrivateKey, error)

	// Shutdown stops the process in order, for the statement of that name. It
	// must not wait. nil = the statement is refused.
	Shutdown func()

	Logger *slog.Logger     // nil = discard
	Now    func() time.Time // nil = time.Now
}
