package replstate

import "time"

// Defaults of a source configuration, as in MySQL 8.0.
const (
	DefaultPort         = 3306
	DefaultConnectRetry = 60 * time.Second
	DefaultRetryCount   = 86400
)

// SourceConfig is what a replica knows of its source: the result of all CHANGE
// REPLICATION SOURCE statements so far. It is stored as JSON.
type SourceConfig struct {
	Channel  string `json:"channel"`
	Host     string `json:"host"`
	Port     uint16 `json:"port"`
	User     string `json:"user"`
	Password string `json:"password,omitempty"`

	// LogFile and LogPos are where to begin when neither the relay log nor the
	// applied coordinate says more. LogFile "" is the source's first file.
	LogFile string `json:"log_file"`
	LogPos  uint64 `json:"log_pos"`

	ConnectRetry    time.Duration `json:"connect_retry"`
	RetryCount      uint64        `json:"retry_count"`      // attempts; 0 = forever
	HeartbeatPeriod time.Duration `json:"heartbeat_period"` // 0 = none; see HeartbeatSet
	HeartbeatSet    bool          `json:"heartbeat_set"`    // false: half of replica_net_timeout

	SSL           bool   `json:"ssl,omitempty"`
	SSLCA         string `json:"ssl_ca,omitempty"`
	SSLCAPath     string `json:"ssl_capath,omitempty"`
	SSLCert       string `json:"ssl_cert,omitempty"`
	SSLKey        string `json:"ssl_key,omitempty"`
	SSLCipher     string `json:"ssl_cipher,omitempty"`
	SSLVerify     bool   `json:"ssl_verify_server_cert,omitempty"`
	TLSVersion    string `json:"tls_version,omitempty"`
	GetPublicKey  bool   `json:"get_public_key,omitempty"`
	PublicKeyPath string `json:"public_key_path,omitempty"`

	// Filters set by a statement; nil means those of the configuration file.
	Filters *Filters `json:"filters,omitempty"`

	// Configured is set by the first CHANGE and cleared by RESET REPLICA ALL.
	Configured bool `json:"configured"`
	// Moving is true while a change of the start position is being carried out
	// (relay log dropped, applied coordinate set to LogFile and LogPos). A start
	// that finds it finishes the change.
	Moving bool `json:"moving,omitempty"`
}

// NewSourceConfig returns the configuration before any CHANGE.
func NewSourceConfig(channel string) SourceConfig {
	return SourceConfig{
		Channel: channel, Port: DefaultPort, LogPos: 4,
		ConnectRetry: DefaultConnectRetry, RetryCount: DefaultRetryCount,
	}
}

// Heartbeat returns the period to ask the source for, given replica_net_timeout.
// It has millisecond resolution, as in MySQL. 0 means none.
func (c *SourceConfig) Heartbeat(netTimeout time.Duration) time.Duration {
	if c.HeartbeatSet {
		return c.HeartbeatPeriod
	}
	return (netTimeout / 2).Truncate(time.Millisecond)
}

// Change is one CHANGE REPLICATION SOURCE statement: a nil field was not named.
type Change struct {
	Host     *string
	Port     *uint16
	User     *string
	Password *string

	LogFile *string
	LogPos  *uint64

	ConnectRetry    *time.Duration
	RetryCount      *uint64
	HeartbeatPeriod *time.Duration

	SSL           *bool
	SSLCA         *string
	SSLCAPath     *string
	SSLCert       *string
	SSLKey        *string
	SSLCipher     *string
	SSLVerify     *bool
	TLSVersion    *string
	GetPublicKey  *bool
	PublicKeyPath *string
}

// Moves reports whether the statement sets a new start position: a position
// was given, or the host or port changed, which means another server.
func (c *Change) Moves(old *SourceConfig) bool {
	return c.LogFile != nil || c.LogPos != nil ||
		c.Host != nil && *c.Host != old.Host ||
		c.Port != nil && *c.Port != old.Port
}

// Apply returns old with the statement's fields set. A position below 4 becomes
// 4. Naming another host or port without a position starts at that server's
// first file. It does no checks; the caller has done them.
func (c *Change) Apply(old SourceConfig) SourceConfig {
	n := old
	if c.Moves(&old) {
		if c.LogFile == nil && c.LogPos == nil {
			n.LogFile, n.LogPos = "", 4
		}
		n.Moving = true
	}
	set(&n.Host, c.Host)
	set(&n.Port, c.Port)
	set(&n.User, c.User)
	set(&n.Password, c.Password)
	set(&n.LogFile, c.LogFile)
	set(&n.LogPos, c.LogPos)
	n.LogPos = max(n.LogPos, 4)
	set(&n.ConnectRetry, c.ConnectRetry)
	set(&n.RetryCount, c.RetryCount)
	if c.HeartbeatPeriod != nil {
		n.HeartbeatPeriod, n.HeartbeatSet = *c.HeartbeatPeriod, true
	}
	set(&n.SSL, c.SSL)
	set(&n.SSLCA, c.SSLCA)
	set(&n.SSLCAPath, c.SSLCAPath)
	set(&n.SSLCert, c.SSLCert)
	set(&n.SSLKey, c.SSLKey)
	set(&n.SSLCipher, c.SSLCipher)
	set(&n.SSLVerify, c.SSLVerify)
	set(&n.TLSVersion, c.TLSVersion)
	set(&n.GetPublicKey, c.GetPublicKey)
	set(&n.PublicKeyPath, c.PublicKeyPath)
	n.Configured = true
	return n
}

func set[T any](dst *T, src *T) {
	if src != nil {
		*dst = *src
	}
}
