package sql

import (
	"fmt"
	"hash/crc32"
	"net"
	"sort"
	"strconv"
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/replica/replstate"
	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
)

// flush is FLUSH.
func (s *Session) flush(ctx *gms.Context, st *replstmt.Flush) error {
	if err := s.mayReload(ctx); err != nil {
		return err
	}
	e := s.server.o.Engine
	if st.What&(replstmt.FlushLogs|replstmt.FlushBinaryLogs) != 0 && e.Binlog() != nil {
		if err := e.Rotate(ctx); err != nil {
			return err
		}
		if err := s.server.ExpireLogs(ctx); err != nil {
			s.server.log.Warn("expired binlog files not purged", "err", err)
		}
	}
	if st.What&(replstmt.FlushLogs|replstmt.FlushRelayLogs) != 0 {
		if err := onlyDefaultChannel(st.Channel); err != nil {
			return err
		}
		if r := s.server.replica(); r != nil {
			if err := r.FlushRelay(ctx, st.Channel); err != nil {
				return err
			}
		}
	}
	if st.What&replstmt.FlushPrivileges != 0 {
		if err := s.server.reloadAccounts(ctx); err != nil {
			return err
		}
	}
	if st.What&replstmt.FlushStatus != 0 {
		s.server.counters.reset()
	}
	if st.What&replstmt.FlushTables == 0 {
		return nil
	}
	switch {
	case st.ForExport:
		return notSupported("FLUSH TABLES FOR EXPORT")
	case st.ReadLock && len(st.Tables) > 0:
		return s.flushAndLock(ctx, st)
	case st.ReadLock:
		return s.freeze(ctx)
	}
	return nil
}

// flushAndLock is FLUSH TABLES t WITH READ LOCK: with nothing to flush it is
// LOCK TABLES t READ.
func (s *Session) flushAndLock(ctx *gms.Context, st *replstmt.Flush) error {
	if s.TablesLocked() {
		return errLocked
	}
	lock := &replstmt.LockTables{}
	for _, t := range st.Tables {
		lock.Tables = append(lock.Tables, replstmt.TableLock{Table: t})
	}
	return s.lockTables(ctx, lock)
}

var errLocked = sqlError(1192, "HY000", "Can't execute the given command because you have active locked tables or an active transaction")

// freeze holds all commits until UNLOCK TABLES or the session's end.
func (s *Session) freeze(ctx *gms.Context) error {
	if err := s.CommitImplicitly(ctx); err != nil {
		return err
	}
	if s.thaw != nil {
		return nil
	}
	if s.TablesLocked() {
		return errLocked
	}
	thaw, err := s.server.o.Engine.FreezeAll(ctx, policy{s.server, s}.metaWait(ctx), s.ID())
	if err != nil {
		return err
	}
	s.thaw = thaw
	return nil
}

// kill is KILL.
func (s *Session) kill(ctx *gms.Context, st *replstmt.Kill) error {
	id := st.ID
	switch {
	case st.Self:
		id = uint64(s.ID())
	case st.Expr != "":
		n, err := s.evalInt(ctx, st.Expr)
		if err != nil {
			return err
		}
		id = n
	}
	unknown := sqlError(1094, "HY000", "Unknown thread id: %d", id)
	var owner *gms.Process
	for _, p := range s.server.engine.ProcessList.Processes() {
		if uint64(p.Connection) == id {
			owner = &p
		}
	}
	if owner == nil {
		return unknown
	}
	if owner.User != s.Client().User && !s.may(ctx, gms.PrivilegeType_Super, "connection_admin") {
		return sqlError(1095, "HY000", "You are not owner of thread %d", id)
	}
	if w := s.server.wireServer(); w != nil && id < 1<<31 { // an event otherwise
		if !w.Kill(uint32(id), st.Query) {
			return unknown
		}
		return nil
	}
	s.server.engine.ProcessList.Kill(uint32(id))
	return nil
}

func (s *Session) evalInt(ctx *gms.Context, expr string) (uint64, error) {
	val, err := s.value(ctx, "CAST("+expr+" AS UNSIGNED)")
	if err != nil {
		return 0, err
	}
	if val == nil {
		return 0, sqlError(1094, "HY000", "Unknown thread id: %s", expr)
	}
	v, _, err := types.Uint64.Convert(ctx, val)
	if err != nil {
		return 0, err
	}
	return v.(uint64), nil
}

// value returns what an expression without tables gives, nil for NULL. The
// statement that asks goes on afterwards: the engine must not end it.
func (s *Session) value(ctx *gms.Context, expr string) (any, error) {
	inner, cancel := ctx.NewSubContext()
	defer cancel()
	inner.ProcessList = gms.EmptyProcessList{}
	_, it, _, err := s.server.engine.Query(inner, "SELECT "+expr)
	if err != nil {
		return nil, err
	}
	rows, err := gms.RowIterToRows(inner, it)
	if err != nil || len(rows) != 1 {
		return nil, err
	}
	return rows[0][0], nil
}

var processlistSchema = gms.Schema{
	column("Id", types.Uint64, false), column("User", types.LongText, false), column("Host", types.LongText, false),
	column("db", types.LongText, true), column("Command", types.LongText, false), column("Time", types.Int32, false),
	column("State", types.LongText, true), column("Info", types.LongText, true),
}

// Ids of the replication threads, which are no connections.
const (
	schedulerThreadID = 1<<32 - 3
	ioThreadID        = 1<<32 - 2
	sqlThreadID       = 1<<32 - 1
)

// showProcesslist is SHOW [FULL] PROCESSLIST: connections, dumps and the
// replication threads.
func (s *Session) showProcesslist(ctx *gms.Context, full bool) (gms.RowIter, error) {
	all := s.may(ctx, gms.PrivilegeType_Process) || s.may(ctx, gms.PrivilegeType_Super)
	dumps := map[uint32]replstate.PeerStatus{}
	if p := s.server.o.Primary; p != nil {
		for _, peer := range p.Peers() {
			if peer.Dumping {
				dumps[peer.ConnectionID] = peer
			}
		}
	}
	var rows []gms.Row
	now := s.server.now()
	addresses := s.server.addresses()
	for _, p := range s.server.engine.ProcessList.Processes() {
		if !all && p.User != s.Client().User {
			continue
		}
		if a, ok := addresses[p.Connection]; ok {
			p.Host = a
		}
		if peer, ok := dumps[p.Connection]; ok {
			command := "Binlog Dump"
			if peer.GTID {
				command = "Binlog Dump GTID"
			}
			rows = append(rows, gms.NewRow(uint64(p.Connection), p.User, p.Host, nil, command,
				int32(now.Sub(peer.Attached)/time.Second), string(peer.State), nil))
			continue
		}
		var db, info any
		state := ""
		if p.Database != "" {
			db = p.Database
		}
		if p.Query != "" {
			q := replstmt.Masks(p.Query)
			if !full && len(q) > 100 {
				q = q[:100]
			}
			info, state = q, "executing"
		}
		rows = append(rows, gms.NewRow(uint64(p.Connection), p.User, p.Host, db, string(p.Command), int32(p.Seconds()), state, info))
	}
	if r := s.server.replica(); r != nil && all {
		for _, st := range r.Status() {
			rows = append(rows, replicaThreads(&st, now)...)
		}
	}
	if all && s.server.vars.String("event_scheduler") == "ON" && s.server.wireServer() != nil {
		rows = append(rows, s.server.scheduler.row(now))
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i][0].(uint64) < rows[j][0].(uint64) })
	return gms.RowsToRowIter(rows...), nil
}

// addresses returns where clients connect from, by connection.
func (s *Server) addresses() map[uint32]string {
	w := s.wireServer()
	if w == nil {
		return nil
	}
	out := make(map[uint32]string)
	for _, c := range w.Connections() {
		out[c.ID] = c.Host
		if c.Port != 0 {
			out[c.ID] = net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
		}
	}
	return out
}

func replicaThreads(st *replstate.ReplicaStatus, now time.Time) (rows []gms.Row) {
	if st.IORunning != replstate.No {
		rows = append(rows, gms.NewRow(uint64(ioThreadID), "system user", "", nil, "Connect",
			int32(now.Sub(st.IOSince)/time.Second), string(st.IOState), nil))
	}
	if st.SQLRunning != replstate.No {
		rows = append(rows, gms.NewRow(uint64(sqlThreadID), "system user", "", nil, "Query",
			int32(now.Sub(st.SQLSince)/time.Second), string(st.SQLState), nil))
	}
	return rows
}

var checksumSchema = gms.Schema{column("Table", types.LongText, false), column("Checksum", types.Int64, true)}

// checksumTables is CHECKSUM TABLE: the sum of the CRC32 of every row's image.
// It is equal on equal tables of all our servers, whatever the order of rows;
// mysqld computes another number.
func (s *Session) checksumTables(ctx *gms.Context, st *replstmt.ChecksumTable) (gms.RowIter, error) {
	var rows []gms.Row
	for _, t := range st.Tables {
		db := t.Database
		if db == "" {
			db = ctx.GetCurrentDatabase()
		}
		if db == "" {
			return nil, gms.ErrNoDatabaseSelected.New()
		}
		name := db + "." + t.Name
		if err := s.authorizeTable(ctx, db, t.Name, gms.PrivilegeType_Select); err != nil {
			return nil, err
		}
		sum, ok, err := s.checksum(ctx, db, t.Name)
		switch {
		case err != nil:
			return nil, err
		case !ok:
			ctx.Session.Warn(&gms.Warning{Level: "Error", Code: 1146, Message: fmt.Sprintf("Table '%s' doesn't exist", name)})
			rows = append(rows, gms.NewRow(name, nil))
		case st.Quick:
			rows = append(rows, gms.NewRow(name, nil))
		default:
			rows = append(rows, gms.NewRow(name, int64(sum)))
		}
	}
	return gms.RowsToRowIter(rows...), nil
}

func (s *Session) checksum(ctx *gms.Context, db, table string) (sum uint32, ok bool, err error) {
	if _, ok := s.server.o.Engine.Catalog().Table(db, table); !ok {
		return 0, false, nil
	}
	tx, err := s.Tx(ctx)
	if err != nil {
		return 0, false, err
	}
	t, err := tx.LockTable(ctx, db, table, storage.MetaRead)
	if err != nil {
		return 0, false, err
	}
	it := tx.Scan(ctx, t, -1, storage.Range{}, storage.ScanOptions{})
	defer it.Close()
	for it.Next() {
		sum += crc32.ChecksumIEEE(it.Image())
	}
	return sum, true, it.Close()
}

// statistics is the answer to COM_STATISTICS, as mysqladmin prints it.
func (s *Server) statistics() string {
	up := int64(s.now().Sub(s.started) / time.Second)
	q := s.counters.questions.Load()
	perSecond := float64(q) / float64(max(up, 1))
	return strings.Join([]string{
		fmt.Sprintf("Uptime: %d", up), fmt.Sprintf("Threads: %d", len(s.engine.ProcessList.Processes())),
		fmt.Sprintf("Questions: %d", q), "Slow queries: 0", "Opens: 0", "Flush tables: 0", "Open tables: 0",
		fmt.Sprintf("Queries per second avg: %.3f", perSecond),
	}, "  ")
}
