package wire

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"binrelay/replica/replstate"
	"binrelay/sql/auth"

	gms "github.com/dolthub/go-mysql-server/sql"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
)

// Defaults of Options. Times are those of MySQL 8.0.
const (
	DefaultVersion            = "8.0.36-binrelay"
	DefaultMaxAllowedPacket   = 64 << 20
	DefaultMaxConnections     = 151
	DefaultMaxUnauthenticated = 16384
	DefaultConnectTimeout     = 10 * time.Second
	DefaultNetReadTimeout     = 30 * time.Second
	DefaultNetWriteTimeout    = 60 * time.Second
	DefaultWaitTimeout        = 8 * time.Hour
)

// Options of a Server. Accounts is required; the zero value of everything else
// works. The functions are called at each use, from many goroutines, so that a
// SET GLOBAL takes effect at once.
type Options struct {
	// Accounts checks passwords and privileges.
	Accounts *auth.Accounts
	// Version is the server version of the handshake; "" = DefaultVersion.
	Version string
	// Collation is the collation id of the handshake; 0 = 255, utf8mb4_0900_ai_ci.
	Collation uint16
	// Translate turns the error of a statement into MySQL's number, SQLSTATE and
	// text; nil = what the error itself says, else 1105. query is the statement,
	// empty for other commands, and database the session's default one: texts
	// refer to them. Package sql has the full table.
	Translate func(err error, query, database string) (num uint16, state, msg string)

	// TLS serves encrypted connections; nil = TLS is not offered. MinVersion is
	// raised to TLS 1.2.
	TLS *tls.Config
	// RequireSecureTransport refuses connections without TLS (error 3159).
	RequireSecureTransport func() bool
	// PasswordLifetime is how many days a password lasts whose account says
	// nothing; nil or 0 = for ever.
	PasswordLifetime func() uint16
	// MaxAllowedPacket bounds a client's packet after log-in, in bytes. Before
	// log-in the bound is 64 KiB.
	MaxAllowedPacket func() int
	// MaxConnections bounds logged-in connections; one more is kept for SUPER or
	// CONNECTION_ADMIN. Above it: error 1040.
	MaxConnections func() int
	// MaxUnauthenticated bounds connections that have not logged in yet; above it
	// a new connection is closed with error 1040.
	MaxUnauthenticated int
	// ConnectTimeout bounds the whole handshake, TLS included.
	ConnectTimeout func() time.Duration
	// NetReadTimeout bounds the pause between two reads inside one packet,
	// NetWriteTimeout one write to the socket.
	NetReadTimeout, NetWriteTimeout func() time.Duration
	// WaitTimeout bounds the time between commands where the session has no
	// readable wait_timeout (or interactive_timeout for interactive clients).
	WaitTimeout func() time.Duration

	// Compression lists the algorithms that clients may choose: zlib, zstd; nil =
	// both.
	Compression func() []string

	// Socket is a second listener, a Unix socket; nil = none. Its clients are at
	// host localhost, and as safe as those with TLS.
	Socket net.Listener

	// Dump serves replicas; nil = dump commands end in error 1235.
	Dump DumpServer
	// Tracked returns, and forgets, what the session is to tell its client with
	// the next OK packet. It is asked for clients that can read it; nil = nothing.
	Tracked func(s gms.Session) []Change
	// TimeDigits returns the decimals of a table's TIME column, which the engine
	// does not know; nil = they are found out from the values.
	TimeDigits func(database, table, column string) (digits int, ok bool)
	// Refine completes what the engine tells of a table's FLOAT, DOUBLE, DECIMAL,
	// TINYINT or TIMESTAMP column: decimals, length, sign. nil = it tells enough.
	Refine func(f *querypb.Field)
	// Statistics is the text of COM_STATISTICS (mysqladmin status); nil = a short
	// one of our own.
	Statistics func() string

	// Logger gets state changes and panics, never statements; nil = discard.
	Logger *slog.Logger
	// Now is the clock; nil = time.Now.
	Now func() time.Time
}

// Change is one change of a session's state.
type Change struct {
	Kind  ChangeKind
	Name  string // of a variable
	Value string
}

// ChangeKind says what has changed; the numbers are the protocol's. Source:
// MySQL 8.0 source documentation, "OK_Packet".
type ChangeKind byte

const (
	TrackVariable ChangeKind = 0
	TrackSchema   ChangeKind = 1
	TrackState    ChangeKind = 2 // Value is 1
	TrackGTIDs    ChangeKind = 3
)

// DumpServer is what serves replicas. package sql hands in an adapter to the
// primary. The privilege REPLICATION SLAVE is checked before each call.
type DumpServer interface {
	// RegisterReplica records what a replica says of itself in
	// COM_REGISTER_SLAVE. It is forgotten through UnregisterReplica.
	RegisterReplica(r replstate.ReplicaInfo) error
	// UnregisterReplica is called once when a connection that registered closes.
	UnregisterReplica(connID uint32)
	// ServeDump sends events until the end of the binlog (NonBlock) or until ctx
	// ends: replica gone, killed, or server shutting down. nil becomes an EOF
	// packet; an error becomes an ERR packet with the number Translate finds
	// (1236 and others). ServeDump must not use w after it returned.
	ServeDump(ctx context.Context, r replstate.DumpRequest, w DumpWriter) error
}

// DumpWriter sends events to one replica. It is used by one goroutine. A write
// blocks while the socket does; nothing but one buffer of 64 KiB is held.
type DumpWriter interface {
	// WriteEvent appends one event to the stream: a packet of 0x00 and the event,
	// split where it exceeds 16 MB. Its bytes may be reused afterwards.
	WriteEvent(ev []byte) error
	// WriteEventHeader is WriteEvent with bytes between the 0x00 and the event:
	// the two of the semi-synchronous header (0xEF, wants acknowledgement).
	WriteEventHeader(header, ev []byte) error
	// Flush sends what is buffered. Callers flush before they wait.
	Flush() error
	// Acks yields the packets that the replica sends while the dump runs:
	// semi-synchronous acknowledgements (0xEF, position, file), each the payload
	// alone. It is closed when the replica is gone. A reader that does not
	// receive holds the replica's next acknowledgement back, nothing else.
	Acks() <-chan []byte
}

// ConnInfo describes one logged-in connection.
type ConnInfo struct {
	ID      uint32
	User    string // name sent by the client
	Host    string // client address without port
	Port    int
	Command string    // Sleep, Query, Execute, Binlog Dump, …
	Since   time.Time // begin of Command
	Query   string    // that the session runs by itself, see Runner; "" = none
}

// Stats are counters since the start, and gauges.
type Stats struct {
	Accepted          uint64 // connections accepted
	Aborted           uint64 // connections that failed to log in
	Refused           uint64 // connections refused with 1040
	Panics            uint64 // commands that ended in a panic (error 1105)
	OversizePackets   uint64 // packets refused with 1153
	LostWhileRunning  uint64 // clients that went away during a statement
	Connected         int    // logged-in connections, dumps included
	Unauthenticated   int    // connections still in the handshake
	Dumps             int    // connections serving a replica
	BytesIn, BytesOut uint64
}
