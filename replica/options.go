package replica

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"time"

	"binrelay/binlog/event"
	"binrelay/relaylog"
	"binrelay/replica/replstate"
)

// Settings are the system variables that a Replica obeys. They are asked for
// whenever they matter, so that SET GLOBAL takes effect.
type Settings struct {
	ServerID       uint32        // server_id; 0 refuses to start
	GTIDMode       bool          // gtid_mode=ON
	NetTimeout     time.Duration // replica_net_timeout; 0 = 60 s
	SyncRelayLog   int           // sync_relay_log: events between syncs; 0 = 10000
	KeepRelayLogs  bool          // relay_log_purge=OFF
	MaxEventBytes  int64         // replica_max_allowed_packet; 0 = 1 GiB
	Retries        int           // replica_transaction_retries; 0 = 10, negative = none
	RelaySpace     int64         // relay_log_space_limit, bytes; 0 = none
	SkipChecksum   bool          // replica_sql_verify_checksum=OFF
	SameServerID   bool          // replicate_same_server_id
	ReportHost     string        // report_host
	ReportUser     string        // report_user
	ReportPassword string        // report_password
	ReportPort     uint16        // report_port
}

// Options configure a Replica. Target and Relay.Dir are required.
type Options struct {
	Channel  string // "" is the default channel
	Target   Target
	Relay    relaylog.Options // where the relay log is; its MaxEvent is taken from Settings
	UUID     string           // our server_uuid
	Settings func() Settings  // nil = the zero Settings with ServerID 1
	// Filters of the configuration file.
	Filters replstate.Filters
	// Window bounds what is enqueued and not yet visible.
	WindowBytes int64 // 0 = 128 MiB
	WindowCount int   // 0 = 4096
	// Describe names an event for SHOW RELAYLOG EVENTS; nil = its type's number.
	Describe func(ev event.Event, checksum bool) (typeName, info string)
	// Dial opens the connection to the source; nil = net.Dialer.
	Dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	Now    func() time.Time // nil = time.Now
	Logger *slog.Logger     // nil = discard
}

const (
	defaultNetTimeout   = 60 * time.Second
	defaultSyncRelayLog = 10000
	defaultMaxEvent     = 1 << 30
	defaultRetries      = 10
	defaultWindowBytes  = 128 << 20
	defaultWindowCount  = 4096
)

// fill gives the zero values of o their meaning.
func (o *Options) fill() {
	if o.Settings == nil {
		o.Settings = func() Settings { return Settings{ServerID: 1} }
	}
	raw := o.Settings
	o.Settings = func() Settings {
		s := raw()
		orDefault(&s.NetTimeout, defaultNetTimeout)
		orDefault(&s.SyncRelayLog, defaultSyncRelayLog)
		orDefault(&s.MaxEventBytes, defaultMaxEvent)
		orDefault(&s.Retries, defaultRetries)
		return s
	}
	orDefault(&o.WindowBytes, defaultWindowBytes)
	orDefault(&o.WindowCount, defaultWindowCount)
	if o.Describe == nil {
		o.Describe = func(ev event.Event, _ bool) (string, string) { return strconv.Itoa(int(ev.Type())), "" }
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Relay.ServerID == nil {
		o.Relay.ServerID = func() uint32 { return o.Settings().ServerID }
	}
	if o.Relay.Logger == nil {
		o.Relay.Logger = o.Logger
	}
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
