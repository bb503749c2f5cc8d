package main

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog"
	"binrelay/binlog/gtid"
	"binrelay/conf"
	"binrelay/primary"
	"binrelay/relaylog"
	"binrelay/replica"
	"binrelay/replica/replstate"
	"binrelay/sql"
	"binrelay/sql/storage"
	"binrelay/sql/tables"
)

// node is one running server: storage, SQL, the primary and the replica side.
type node struct {
	engine   *storage.Engine
	server   *sql.Server
	registry *primary.Registry
	replica  *replica.Replica
	expiry   *expirer
	socket   net.Listener // nil = none
}

// host is what a server runs on.
type host struct {
	listener net.Listener
	socket   func() (net.Listener, error) // opens the Unix socket once the data directory is ours; nil = none
	log      *slog.Logger
	fs       vfs.FS                                                            // of all files but those that the configuration names outside the data directory
	shutdown func()                                                            // asks for an orderly end; nil = SHUTDOWN is refused
	fatal    func(error)                                                       // called when durability can no longer be promised; nil = exit with 74
	dial     func(ctx context.Context, network, addr string) (net.Conn, error) // to a source; nil = net.Dialer
}

// open builds a server. On an error nothing of it stays open but the listener.
func open(ctx context.Context, cfg *conf.Config, h host) (_ *node, err error) {
	n := &node{}
	log := h.log
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close(context.WithoutCancel(ctx)))
		}
	}()
	dir := dataDir{h.fs, cfg.DataDir}
	if err := dir.make(); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	uuid, err := dir.uuid()
	if err != nil {
		return nil, fmt.Errorf("server uuid: %w", err)
	}
	values := systemValues(cfg, uuid, h.listener.Addr().(*net.TCPAddr).Port)
	vars, err := sql.NewVariables(values)
	if err != nil {
		return nil, err
	}
	recovery, err := storage.OpenRecovery(storageOptions(cfg, h, vars, uuid))
	if errors.Is(err, storage.ErrInUse) {
		return nil, fmt.Errorf("data directory %s is in use by another process", cfg.DataDir)
	}
	if err != nil {
		return nil, fmt.Errorf("open data directory %s: %w", cfg.DataDir, err)
	}
	if n.engine, err = recovery.Replay(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("recover: %w", err), recovery.Close())
	}
	serverID := func() uint32 { return uint32(vars.Int("server_id")) }
	n.registry = primary.New(n.engine.Binlog(), primary.Options{
		ServerID: serverID,
		GTIDMode: func() bool { return vars.String("gtid_mode") == "ON" },
		Executed: func() gtid.Set { _, _, s := n.engine.Visible(); return s },
		Logger:   log,
	})
	filters := replstate.Filters{DoDB: cfg.ReplicateDoDB, IgnoreDB: cfg.ReplicateIgnoreDB}
	t := &target{engine: n.engine, server: func() *sql.Server { return n.server }}
	tlsConf, err := dir.tls(cfg)
	if err != nil {
		return nil, err
	}
	if h.socket != nil {
		if n.socket, err = h.socket(); err != nil {
			return nil, err
		}
	}
	n.server, err = sql.New(sql.Options{
		Engine: n.engine, Variables: vars, Primary: n.registry, Dump: dumpServer{n.registry},
		ServerUUID: uuid, Listener: h.listener, Socket: n.socket, TLS: tlsConf, Logger: log, Shutdown: h.shutdown,
		RSAKey: func() (*rsa.PrivateKey, error) { return dir.rsaKey(log) },
	})
	if err != nil {
		return nil, fmt.Errorf("start SQL: %w", err)
	}
	if !cfg.Loopback() && n.server.Accounts().RootWithoutPassword() {
		return nil, fmt.Errorf("refusing to listen on %s while root has no password: start with --bind-address=127.0.0.1 and "+
			"run ALTER USER 'root'@'localhost' IDENTIFIED BY '…' first", h.listener.Addr())
	}
	n.replica, err = replica.Open(ctx, replica.Options{
		Target: t, UUID: uuid.String(), Filters: filters, Logger: log,
		Relay:    relayOptions(cfg, h, vars),
		Settings: func() replica.Settings { return replicaSettings(cfg, vars) },
		Describe: binlog.Describe,
		Dial:     h.dial,
	})
	if err != nil {
		return nil, fmt.Errorf("open replica: %w", err)
	}
	n.server.SetReplica(n.replica)
	if err := n.server.Start(); err != nil {
		return nil, err
	}
	if n.replica.Configured() && !cfg.SkipReplicaStart {
		if err := n.replica.Start(ctx, replstate.StartOpts{}); err != nil {
			log.Error("replication threads not started", "err", err)
		}
	}
	n.expiry = startExpirer(n.server, log)
	return n, nil
}

// close stops clients, then the replica, then the store. It may be called on a
// node that is open in part.
func (n *node) close(ctx context.Context) error {
	var errs []error
	if n.expiry != nil {
		n.expiry.stop()
	}
	if n.server != nil {
		errs = append(errs, n.server.Stop(ctx))
	}
	if n.socket != nil {
		if err := n.socket.Close(); !errors.Is(err, net.ErrClosed) { // the server closes it too
			errs = append(errs, err)
		}
	}
	if n.replica != nil {
		errs = append(errs, n.replica.Close())
	}
	if n.engine != nil {
		errs = append(errs, n.engine.Close(ctx))
	}
	return errors.Join(errs...)
}

// storageOptions reads what may change at run time from vars at each use.
func storageOptions(cfg *conf.Config, h host, vars *sql.Variables, uuid gtid.UUID) storage.Options {
	return storage.Options{
		FS:         h.fs,
		Dir:        cfg.DataDir,
		CacheBytes: cfg.CacheSize,
		Binlog: binlog.Options{
			Dir: cfg.LogBinDir, Base: cfg.LogBinBase, ServerVersion: cfg.Version, NoChecksum: !cfg.BinlogChecksum,
			MaxSize: func() int64 { return vars.Int("max_binlog_size") },
		},
		LogBin:            func() bool { return cfg.LogBin },
		LogDatabase:       logDatabase(cfg.BinlogDoDB, cfg.BinlogIgnoreDB),
		SyncBinlog:        func() int { return int(vars.Int("sync_binlog")) },
		GTIDMode:          func() bool { return vars.String("gtid_mode") == "ON" },
		ServerUUID:        uuid,
		ServerID:          func() uint32 { return uint32(vars.Int("server_id")) },
		LogReplicaUpdates: func() bool { return cfg.LogReplicaUpdates },
		LockWait:          func() time.Duration { return time.Duration(vars.Int("innodb_lock_wait_timeout")) * time.Second },
		CacheSize:         func() int64 { return vars.Int("binlog_cache_size") },
		Weigh:             tables.Weigh,
		DefaultRow:        tables.DefaultRow,
		Logger:            h.log,
		Fatal:             h.fatal,
	}
}

func relayOptions(cfg *conf.Config, h host, vars *sql.Variables) relaylog.Options {
	return relaylog.Options{
		FS: h.fs, Dir: cfg.RelayLogDir, Base: cfg.RelayLogBase, ServerVersion: cfg.Version, Logger: h.log,
		ServerID: func() uint32 { return uint32(vars.Int("server_id")) },
		MaxSize: func() int64 {
			if n := vars.Int("max_relay_log_size"); n > 0 {
				return n
			}
			return vars.Int("max_binlog_size")
		},
	}
}

// logDatabase is the rule of binlog_do_db and binlog_ignore_db for one
// database. Source: MySQL manual, "Evaluation of Database-Level Replication and
// Binary Logging Options".
func logDatabase(do, ignore []string) func(string) bool {
	if len(do) == 0 && len(ignore) == 0 {
		return nil
	}
	f := replstate.Filters{DoDB: do, IgnoreDB: ignore}
	return f.Database
}

func replicaSettings(cfg *conf.Config, vars *sql.Variables) replica.Settings {
	port := cfg.ReportPort
	if port == 0 {
		port = int(vars.Int("port"))
	}
	s := replica.Settings{
		ServerID:       uint32(vars.Int("server_id")),
		GTIDMode:       vars.String("gtid_mode") == "ON",
		NetTimeout:     time.Duration(vars.Int("replica_net_timeout")) * time.Second,
		SyncRelayLog:   int(vars.Int("sync_relay_log")),
		KeepRelayLogs:  !vars.Bool("relay_log_purge"),
		MaxEventBytes:  vars.Int("replica_max_allowed_packet"),
		Retries:        int(vars.Int("replica_transaction_retries")),
		RelaySpace:     vars.Int("relay_log_space_limit"),
		SkipChecksum:   !vars.Bool("replica_sql_verify_checksum"),
		SameServerID:   vars.Bool("replicate_same_server_id"),
		ReportHost:     cfg.ReportHost,
		ReportUser:     vars.String("report_user"),
		ReportPassword: vars.String("report_password"),
		ReportPort:     uint16(port),
	}
	// Zero is a value of the variable, and the default of the setting.
	if s.SyncRelayLog == 0 {
		s.SyncRelayLog = math.MaxInt
	}
	if s.Retries == 0 {
		s.Retries = -1
	}
	return s
}

// systemValues are the configured values by the names of system variables,
// with what only the running server knows.
func systemValues(cfg *conf.Config, uuid gtid.UUID, port int) map[string]string {
	v := make(map[string]string, len(cfg.Values)+4)
	for k, s := range cfg.Values {
		switch k {
		case "default_time_zone":
			v["time_zone"] = s
		case "sql_mode", "log_error_verbosity": // empty is the default; not a variable's business
			if k == "sql_mode" && s != "" {
				v[k] = s
			}
		default:
			v[k] = s
		}
	}
	if cfg.Collation == "utf8mb4_general_ci" {
		// What SET NAMES utf8mb4 means follows the server's collation, so that
		// replicas that do not know the newer one can be served.
		v["default_collation_for_utf8mb4"] = cfg.Collation
	}
	v["port"] = fmt.Sprint(port)
	v["server_uuid"] = uuid.String()
	if host, err := os.Hostname(); err == nil {
		v["hostname"] = host
	}
	return v
}
