package sql

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/server"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/sirupsen/logrus"

	"binrelay/binlog/gtid"
	"binrelay/sql/auth"
	"binrelay/sql/tables"
	"binrelay/sql/wire"
)

// Server is a running SQL server. Its methods are safe for concurrent use.
type Server struct {
	o         Options
	log       *slog.Logger
	now       func() time.Time
	vars      *Variables
	engine    *sqle.Engine
	parser    *parser
	provider  *tables.Provider
	functions *catalog
	exec      *builder
	accounts  *auth.Accounts
	wire      *wire.Server
	counters  counters
	shapes    shapes
	planAll   atomic.Bool // of tests: the engine plans all statements
	started   time.Time
	scheduler *scheduler

	mu       sync.Mutex
	admin    ReplicaAdmin
	listener *server.Server
	done     chan struct{} // closed when the accept loop has ended

	warm        sync.WaitGroup // work of the start that nobody waits for
	internalIDs atomic.Uint32
	applying    sync.Mutex // one replicated statement at a time
}

// New makes a server over an open storage engine: it loads the accounts and
// prepares the SQL engine. Nothing listens yet.
func New(o Options) (*Server, error) {
	if o.Engine == nil || o.Variables == nil {
		return nil, errors.New("sql: Engine and Variables are required")
	}
	s := &Server{o: o, log: o.Logger, now: o.Now, vars: o.Variables, admin: o.Replica}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.started = s.now()
	s.scheduler = newScheduler(s)
	logrus.SetLevel(logrus.ErrorLevel)
	installAuthorization()
	installJSON()
	installCollated()
	installAssign()
	s.provider = tables.NewProvider(o.Engine)
	s.buildEngine()
	if err := s.openAccounts(); err != nil {
		return nil, err
	}
	s.vars.mu.Lock()
	s.vars.server = s
	s.vars.mu.Unlock()
	return s, nil
}

// buildEngine puts go-mysql-server together.
func (s *Server) buildEngine() {
	own := &parser{server: s, base: &literalParser{Parser: &doParser{gms.NewMysqlParser()}}}
	s.parser = own
	overrides := gms.EngineOverrides{Builder: gms.BuilderOverrides{Parser: own}, SchemaFormatter: &schemaFormatter{server: s}}
	exec := &builder{server: s}
	s.exec = exec
	s.functions = newCatalog(s.provider)
	s.functions.stored = s.storedFunction
	a := analyzer.NewBuilder(s.functions).
		AddOverrides(overrides).
		AddPreAnalyzeRule(detachKeysID, detachKeys).
		AddPreAnalyzeRule(prepareTextsID, prepareTexts).
		Build()
	s.functions.grants = newGrantDatabase(s, a.Catalog.MySQLDb)
	s.showKeys(a.Catalog.InfoSchema)
	s.showPrivileges(a.Catalog.InfoSchema)
	checkGroups(a)
	keepExtremes(a)
	a.Catalog.InfoSchema = s.showPrograms(a.Catalog.InfoSchema)
	s.registerFunctions(a.Catalog)
	s.engine = sqle.New(a, &sqle.Config{})
	s.engine.ProcessList = processList{s.engine.ProcessList, s}
	a.Runner = runner{s.engine}
	exec.base = a.ExecBuilder
	a.ExecBuilder.PriorityBuilder = exec
	a.Catalog.StatsProvider = tables.Stats{}
}

// SetReplica connects the replica side, when it is made after the server.
func (s *Server) SetReplica(r ReplicaAdmin) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.admin = r
}

func (s *Server) replica() ReplicaAdmin {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.admin
}

// executed returns gtid_executed as clients see it.
func (s *Server) executed() gtid.Set {
	_, _, set := s.o.Engine.Visible()
	return set
}

// purged returns gtid_purged: the GTIDs before the oldest binlog file.
func (s *Server) purged() gtid.Set {
	b := s.o.Engine.Binlog()
	if b == nil {
		return gtid.Set{}
	}
	files, err := b.List()
	if err != nil || len(files) == 0 {
		return gtid.Set{}
	}
	_, previous, err := b.Header(files[0].Name)
	if err != nil {
		return gtid.Set{}
	}
	return previous
}

// Start begins to accept clients on Options.Listener and returns.
func (s *Server) Start() error {
	if s.o.Listener == nil {
		return nil
	}
	w, err := wire.New(s.wireOptions())
	if err != nil {
		return err
	}
	cfg := server.Config{
		Listener: s.o.Listener, Protocol: "tcp", Address: s.o.Listener.Addr().String(),
		Version: s.vars.String("version"), TLSConfig: s.o.TLS, MaxLoggedQueryLen: -1,
	}
	w.Configure(&cfg)
	// Made now, the key costs the first client that asks for it nothing.
	s.warm.Go(func() {
		if _, err := s.accounts.PublicKey(); err != nil {
			s.log.Warn("no RSA key: without TLS, clients cannot send passwords to caching_sha2_password", "err", err)
		}
	})
	srv, err := server.NewServer(cfg, s.engine, gms.NewContext, s.newSession, nil)
	if err != nil {
		return fmt.Errorf("sql: listen: %w", err)
	}
	if tcp, ok := s.o.Listener.Addr().(*net.TCPAddr); ok {
		if err := s.vars.Set("port", fmt.Sprint(tcp.Port)); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.wire, s.listener, s.done = w, srv, make(chan struct{})
	done := s.done
	s.mu.Unlock()
	go func() {
		defer close(done)
		if err := srv.Start(); err != nil {
			s.log.Error("the listener has failed", "err", err)
		}
	}()
	s.scheduler.start()
	return nil
}

// wireOptions reads the variables at each use.
func (s *Server) wireOptions() wire.Options {
	v := s.vars
	return wire.Options{
		Accounts: s.accounts, Version: v.String("version"),
		Collation: collationID(v.String("collation_server")),
		Translate: func(err error, query, database string) (uint16, string, string) {
			return TranslateStatement(err, Statement{Query: query, Database: database})
		},
		TLS:                    s.o.TLS,
		RequireSecureTransport: func() bool { return v.Bool("require_secure_transport") },
		PasswordLifetime:       func() uint16 { return uint16(v.Int("default_password_lifetime")) },
		MaxAllowedPacket:       func() int { return int(v.Int("max_allowed_packet")) },
		MaxConnections:         func() int { return int(v.Int("max_connections")) },
		ConnectTimeout:         func() time.Duration { return v.seconds("connect_timeout") },
		NetReadTimeout:         func() time.Duration { return v.seconds("net_read_timeout") },
		NetWriteTimeout:        func() time.Duration { return v.seconds("net_write_timeout") },
		WaitTimeout:            func() time.Duration { return v.seconds("wait_timeout") },
		Compression:            func() []string { return strings.Split(v.String("protocol_compression_algorithms"), ",") },
		Socket:                 s.o.Socket,
		Dump:                   s.o.Dump,
		Statistics:             s.statistics,
		Tracked:                s.tracked,
		TimeDigits:             s.timeDigits,
		Refine:                 s.refine,
		Logger:                 s.log, Now: s.now,
	}
}

// timeDigits returns the decimals of a TIME column.
func (s *Server) timeDigits(database, table, column string) (int, bool) {
	t, ok := s.o.Engine.Catalog().Table(database, table)
	if !ok {
		return 0, false
	}
	for _, c := range t.Schema().Columns {
		if strings.EqualFold(c.Name, column) {
			return int(c.Meta), c.Type == gomysql.MYSQL_TYPE_TIME2
		}
	}
	return 0, false
}

// refine is wire.Options.Refine.
func (s *Server) refine(f *querypb.Field) {
	t, ok := s.o.Engine.Catalog().Table(f.Database, f.OrgTable)
	if !ok {
		return
	}
	for i := range t.Schema().Columns {
		if c := &t.Schema().Columns[i]; strings.EqualFold(c.Name, f.OrgName) {
			tables.Refine(c, f)
			return
		}
	}
}

// Stop refuses new clients, lets running statements finish until ctx ends,
// then cancels them, and closes all connections. The storage engine stays open.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	w, done := s.wire, s.done
	s.wire = nil
	s.mu.Unlock()
	s.scheduler.close()
	var err error
	if w != nil {
		err = w.Shutdown(ctx)
		<-done
	}
	s.warm.Wait()
	return errors.Join(err, s.engine.Close())
}

// Addr returns the address that clients connect to, nil before Start.
func (s *Server) Addr() net.Addr {
	if w := s.wireServer(); w != nil {
		return w.Addr()
	}
	return nil
}

// Wire returns the listener, for its connections and counters; nil before Start.
func (s *Server) Wire() *wire.Server { return s.wireServer() }

func (s *Server) wireServer() *wire.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wire
}
