package primary

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"binrelay/binlog"
	"binrelay/binlog/gtid"
	"binrelay/replica/replstate"
)

// DumpWriter takes the events of one dump session. Both calls block while the
// connection does; an error means that the replica is gone and ends the
// session. The bytes of ev may be reused when WriteEvent returns.
type DumpWriter interface {
	WriteEvent(ev []byte) error
	// Flush sends what is buffered. A session flushes before it waits.
	Flush() error
}

// Options configure a Registry.
type Options struct {
	ServerID func() uint32   // ours; required
	GTIDMode func() bool     // gtid_mode=ON; nil = off
	Executed func() gtid.Set // GTIDs logged by this server, visible or not; nil = not checked
	Now      func() time.Time
	Logger   *slog.Logger
}

// Registry knows the replicas and other readers that are connected, and serves
// their dumps. Safe for concurrent use.
type Registry struct {
	log    *binlog.Log
	opt    Options
	logger *slog.Logger

	mu         sync.Mutex
	registered map[uint32]replstate.ReplicaInfo // by connection id
	sessions   map[*session]struct{}
}

// New returns a Registry that serves log; nil means that this server writes no
// binlog, and every dump is refused.
func New(log *binlog.Log, o Options) *Registry {
	if o.GTIDMode == nil {
		o.GTIDMode = func() bool { return false }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Registry{
		log: log, opt: o, logger: o.Logger,
		registered: make(map[uint32]replstate.ReplicaInfo),
		sessions:   make(map[*session]struct{}),
	}
}

// RegisterReplica notes what a replica says of itself in COM_REGISTER_SLAVE. It
// replaces an older registration of the same server id.
func (r *Registry) RegisterReplica(info replstate.ReplicaInfo) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, old := range r.registered {
		if old.ServerID == info.ServerID {
			delete(r.registered, id)
		}
	}
	r.registered[info.ConnectionID] = info
	return nil
}

// UnregisterReplica forgets the registration made on a connection that closes.
func (r *Registry) UnregisterReplica(connID uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.registered, connID)
}

// ServeDump runs a dump session until ctx ends, the writer fails, or the reader
// that asked not to wait has everything; the last gives nil, which the wire
// turns into an EOF packet. A *replstate.Error is for the replica to see.
func (r *Registry) ServeDump(ctx context.Context, req replstate.DumpRequest, w DumpWriter) error {
	switch {
	case r.log == nil:
		return fatal(textNotOpen)
	case r.opt.ServerID() == 0:
		return fatal(textServerIDZero)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := newSession(r, req, w, cancel)
	r.attach(s)
	defer r.detach(s)
	r.logger.Info("dump started", "server_id", req.ServerID, "connection", req.ConnectionID,
		"file", req.File, "pos", req.Pos, "gtid", req.ByGTID, "flags", req.Flags)
	err := s.run(ctx)
	r.logEnd(ctx, req, err)
	return err
}

// logEnd says why a dump ended. That the replica went, or was told to, is
// ordinary; what is reported to the replica as an error is not.
func (r *Registry) logEnd(ctx context.Context, req replstate.DumpRequest, err error) {
	log := r.logger.With("server_id", req.ServerID, "connection", req.ConnectionID)
	var told *replstate.Error
	switch {
	case err == nil:
		log.Info("dump ended", "reason", "the replica has everything and did not want to wait")
	case ctx.Err() == nil && errors.As(err, &told):
		log.Warn("dump failed", "err", err)
	default:
		log.Info("dump ended", "reason", err)
	}
}

// attach enters s and ends older sessions of the same replica. As in MySQL a
// replica is known by its UUID, or by its server id if neither has a UUID.
func (r *Registry) attach(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for o := range r.sessions {
		if o.req.UUID != s.req.UUID {
			continue
		}
		if s.req.UUID != "" || s.req.ServerID != 0 && o.req.ServerID == s.req.ServerID {
			o.cancel(errSuperseded)
		}
	}
	r.sessions[s] = struct{}{}
}

func (r *Registry) detach(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.sessions, s)
}

// Peers returns who has registered or is being served, by server id and
// connection.
func (r *Registry) Peers() []replstate.PeerStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	source := r.opt.ServerID()
	byConn := make(map[uint32]int, len(r.registered))
	peers := make([]replstate.PeerStatus, 0, len(r.registered)+len(r.sessions))
	for id, info := range r.registered {
		byConn[id] = len(peers)
		peers = append(peers, replstate.PeerStatus{
			ServerID: info.ServerID, UUID: info.UUID, Host: info.Host, User: info.User, Port: info.Port,
			Registered: true, ConnectionID: id, Account: info.Account, Address: info.Address,
		})
	}
	for s := range r.sessions {
		i, ok := byConn[s.req.ConnectionID]
		if !ok {
			i = len(peers)
			peers = append(peers, replstate.PeerStatus{ServerID: s.req.ServerID, ConnectionID: s.req.ConnectionID})
		}
		s.describe(&peers[i])
	}
	for i := range peers {
		peers[i].SourceID = source
	}
	slices.SortFunc(peers, func(a, b replstate.PeerStatus) int {
		return cmp.Or(cmp.Compare(a.ServerID, b.ServerID), cmp.Compare(a.ConnectionID, b.ConnectionID))
	})
	return peers
}

// Kill ends the dumps of the replica with this UUID, or with this server id
// when uuid is empty. It does not wait for them.
func (r *Registry) Kill(serverID uint32, uuid string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.sessions {
		if uuid != "" && s.req.UUID == uuid || uuid == "" && s.req.ServerID == serverID {
			s.cancel(errKilled)
		}
	}
}

// EndAll ends every dump, because the binary logs are being reset, with error
// 1236: the replicas' IO threads stop. It does not wait for sessions whose
// replica does not read, and returns who was being served.
func (r *Registry) EndAll() []replstate.PeerStatus {
	peers := slices.DeleteFunc(r.Peers(), func(p replstate.PeerStatus) bool { return !p.Dumping })
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.sessions {
		s.cancel(errReset)
	}
	return peers
}
