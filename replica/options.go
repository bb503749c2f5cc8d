package replica

import (
	"context"
	"log/slog"
	"net"
	"time"

	"binrelay/replica/replstate"
)

// Settings are the system variables that a Replica obeys. They are asked for
// whenever they matter, so that SET GLOBAL takes effect.
type Settings struct {
	ServerID       uint32        // server_id; 0 refuses to start
	NetTimeout     time.Duration // replica_net_timeout; 0 = 60 s
	SyncRelayLog   int           // sync_relay_log: events between syncs; 0 = 10000
	KeepRelayLogs  bool          // relay_log_purge=OFF
	MaxEventBytes  int64         // replica_max_allowed_packet; 0 = 1 GiB
	Retries        int           // replica_transaction_retries; 0 = 10, negative = none
	SkipChecksum   bool          // replica_sql_verify_checksum=OFF
	SameServerID   bool          // replicate_same_server_id
	ReportHost     string        // report_host
	ReportUser     string        // report_user
	ReportPassword string        // report_password
	ReportPort     uint16        // report_port
}

// Options configure a Replica. Target and RelayDir are required.
type Options struct {
	Channel  string // "" is the default channel
	Target   Target
	UUID     string          // our server_uuid
	Settings func() Settings // nil = the zero Settings with ServerID 1
	// Filters of the configuration file.
	Filters replstate.Filters
	// Window bounds what is enqueued and not yet visible.
	WindowBytes int64 // 0 = 128 MiB
	WindowCount int   // 0 = 4096
	// Dial opens the connection to the source; nil = net.Dialer.
	Dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	Now    func() time.Time // nil = time.Now
	Logger *slog.Logger     // nil = discard
}
