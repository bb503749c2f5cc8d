package sql

import (
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/binlog"
	"binrelay/binlog/gtid"
	"binrelay/replica/replstate"
	"binrelay/sql/replstmt"
)

// mayAdminister checks the privilege for CHANGE, START, STOP and RESET REPLICA.
func (s *Session) mayAdminister(ctx *gms.Context) error {
	if s.may(ctx, gms.PrivilegeType_Super, "replication_slave_admin") {
		return nil
	}
	return accessDenied("SUPER or REPLICATION_SLAVE_ADMIN")
}

// mayLook checks the privilege for SHOW REPLICA STATUS and its like.
func (s *Session) mayLook(ctx *gms.Context) error {
	if s.may(ctx, gms.PrivilegeType_Super, "replication_slave_admin") || s.may(ctx, gms.PrivilegeType_ReplicationClient) {
		return nil
	}
	return accessDenied("SUPER, REPLICATION CLIENT")
}

// admin returns the replica side for a statement that changes it.
func (s *Session) admin(ctx *gms.Context) (ReplicaAdmin, error) {
	if err := s.mayAdminister(ctx); err != nil {
		return nil, err
	}
	if err := s.CommitImplicitly(ctx); err != nil {
		return nil, err
	}
	if r := s.server.replica(); r != nil {
		return r, nil
	}
	return nil, sqlError(1200, "HY000", "The server is not configured as replica; fix in config file or with CHANGE REPLICATION SOURCE TO")
}

// onlyDefaultChannel refuses named channels: there is one.
func onlyDefaultChannel(channel string) error {
	if channel == "" {
		return nil
	}
	return sqlError(3074, "HY000", "Replica channel '%s' does not exist.", channel)
}

func (s *Session) changeSource(ctx *gms.Context, st *replstmt.ChangeSource) error {
	r, err := s.admin(ctx)
	if err != nil {
		return err
	}
	if st.Channel != "" {
		return notSupported("FOR CHANNEL")
	}
	if len(st.Others) > 0 {
		return notSupported(st.Others[0].Name)
	}
	for _, w := range st.Warnings {
		ctx.Session.Warn(&gms.Warning{Level: w.Level, Code: int(w.Number), Message: w.Text})
	}
	return r.Change(warnings(ctx), st.Channel, st.Change)
}

func (s *Session) changeFilter(ctx *gms.Context, st *replstmt.ChangeFilter) error {
	r, err := s.admin(ctx)
	if err != nil {
		return err
	}
	if err := onlyDefaultChannel(st.Channel); err != nil {
		return err
	}
	if st.Rules&^(replstmt.DoDB|replstmt.IgnoreDB) != 0 {
		return notSupported("CHANGE REPLICATION FILTER for tables")
	}
	var f replstate.Filters
	for _, now := range r.Status() {
		f = now.Filters.Clone()
	}
	if st.Rules&replstmt.DoDB != 0 {
		f.DoDB = st.Filters.DoDB
	}
	if st.Rules&replstmt.IgnoreDB != 0 {
		f.IgnoreDB = st.Filters.IgnoreDB
	}
	return r.SetFilters(warnings(ctx), st.Channel, f)
}

func (s *Session) startReplica(ctx *gms.Context, st *replstmt.StartReplica) error {
	r, err := s.admin(ctx)
	if err != nil {
		return err
	}
	if err := onlyDefaultChannel(st.Channel); err != nil {
		return err
	}
	switch {
	case st.Until != nil:
		return notSupported("START REPLICA UNTIL")
	case st.User != nil || st.Password != nil || st.DefaultAuth != nil || st.PluginDir != nil:
		return notSupported("START REPLICA with connection options")
	}
	return r.Start(warnings(ctx), replstate.StartOpts{Threads: st.Threads})
}

func (s *Session) stopReplica(ctx *gms.Context, st *replstmt.StopReplica) error {
	r, err := s.admin(ctx)
	if err != nil {
		return err
	}
	if err := onlyDefaultChannel(st.Channel); err != nil {
		return err
	}
	return r.Stop(warnings(ctx), st.Threads)
}

func (s *Session) resetReplica(ctx *gms.Context, st *replstmt.ResetReplica) error {
	r, err := s.admin(ctx)
	if err != nil {
		return err
	}
	if err := onlyDefaultChannel(st.Channel); err != nil {
		return err
	}
	return r.Reset(warnings(ctx), st.All)
}

// mayReload checks the privilege for RESET MASTER and FLUSH.
func (s *Session) mayReload(ctx *gms.Context) error {
	if s.may(ctx, gms.PrivilegeType_Reload) {
		return nil
	}
	return accessDenied("RELOAD")
}

// binlog returns the binlog, or MySQL's error if there is none.
func (s *Session) binlog() (*binlog.Log, error) {
	if b := s.server.o.Engine.Binlog(); b != nil {
		return b, nil
	}
	return nil, sqlError(1381, "HY000", "You are not using binary logging")
}

func (s *Session) resetBinlog(ctx *gms.Context, st *replstmt.ResetBinlog) error {
	if err := s.mayReload(ctx); err != nil {
		return err
	}
	if _, err := s.binlog(); err != nil {
		return sqlError(1186, "HY000", "Binlog closed, cannot RESET MASTER")
	}
	if st.To > 1 {
		return notSupported("RESET MASTER TO")
	}
	if err := s.CommitImplicitly(ctx); err != nil {
		return err
	}
	if p := s.server.o.Primary; p != nil {
		for _, peer := range p.Peers() {
			if peer.Dumping {
				ctx.Warn(1105, "the dump to replica %d was ended", peer.ServerID)
				p.Kill(peer.ServerID, peer.UUID)
			}
		}
	}
	return s.server.o.Engine.ResetMaster(ctx)
}

func (s *Session) purgeLogs(ctx *gms.Context, st *replstmt.Purge) error {
	if !s.may(ctx, gms.PrivilegeType_Super, "binlog_admin") {
		return accessDenied("SUPER or BINLOG_ADMIN")
	}
	b, err := s.binlog()
	if err != nil {
		return err
	}
	var res binlog.PurgeResult
	if st.Before != "" {
		at, err := s.evalTime(ctx, st.Before)
		if err != nil {
			return err
		}
		res, err = s.server.o.Engine.PurgeBefore(ctx, at, nil)
		if err != nil {
			return err
		}
	} else {
		name := st.To[strings.LastIndexByte(st.To, '/')+1:]
		if !b.Index().Has(name) {
			return sqlError(1373, "HY000", "Target log not found in binlog index")
		}
		if res, err = s.server.o.Engine.PurgeTo(ctx, name, nil); err != nil {
			return err
		}
	}
	switch res.Stop {
	case binlog.StopInUse:
		ctx.Warn(1867, "file %s was not purged because it was being read by %d thread(s), purged only %d out of %d files.",
			res.At, res.Readers, len(res.Purged), res.Wanted)
	case binlog.StopActive:
		ctx.Warn(1868, "file %s was not purged because it is the active log file.", res.At)
	}
	return nil
}

// evalTime evaluates the SQL text of a date and time in the session.
func (s *Session) evalTime(ctx *gms.Context, text string) (time.Time, error) {
	bad := sqlError(1525, "HY000", "Incorrect DATETIME value: '%s'", text)
	val, err := s.value(ctx, "CAST("+text+" AS DATETIME(6))")
	t, ok := val.(time.Time)
	if err != nil || !ok {
		return time.Time{}, bad
	}
	y, m, d := t.Date()
	h, mi, sec := t.Clock()
	return time.Date(y, m, d, h, mi, sec, t.Nanosecond(), s.Zone(ctx)), nil
}

func replicaStatusSchema(old bool) gms.Schema {
	cols := replstate.Columns()
	out := make(gms.Schema, len(cols))
	for i := range cols {
		var t gms.Type = types.LongText
		switch cols[i].Kind {
		case replstate.KindInt:
			t = types.Int32
		case replstate.KindBig:
			t = types.Int64
		}
		out[i] = column(cols[i].Name(old), t, true)
	}
	return out
}

func (s *Session) showReplicaStatus(ctx *gms.Context, st *replstmt.ShowReplicaStatus) (gms.RowIter, error) {
	if err := s.mayLook(ctx); err != nil {
		return nil, err
	}
	if err := onlyDefaultChannel(st.Channel); err != nil {
		return nil, err
	}
	r := s.server.replica()
	if r == nil {
		return gms.RowsToRowIter(), nil
	}
	cols := replstate.Columns()
	var rows []gms.Row
	for _, status := range r.Status() {
		row := gms.Row(status.Row(st.Old))
		for i := range row {
			if n, ok := row[i].(int64); ok && cols[i].Kind == replstate.KindInt {
				row[i] = int32(n)
			}
		}
		rows = append(rows, row)
	}
	return gms.RowsToRowIter(rows...), nil
}

var binlogStatusSchema = gms.Schema{
	column("File", types.LongText, false), column("Position", types.Uint64, false),
	column("Binlog_Do_DB", types.LongText, false), column("Binlog_Ignore_DB", types.LongText, false),
	column("Executed_Gtid_Set", types.LongText, false),
}

func (s *Session) showBinlogStatus(ctx *gms.Context) (gms.RowIter, error) {
	if err := s.mayLook(ctx); err != nil {
		return nil, err
	}
	if s.server.o.Engine.Binlog() == nil {
		return gms.RowsToRowIter(), nil
	}
	_, at, set := s.server.o.Engine.Visible()
	return gms.RowsToRowIter(gms.NewRow(at.File, at.Pos,
		s.server.vars.String("binlog_do_db"), s.server.vars.String("binlog_ignore_db"), gtidText(set))), nil
}

func gtidText(set gtid.Set) string { return strings.ReplaceAll(set.String(), ",", ",\n") }

var binaryLogsSchema = gms.Schema{
	column("Log_name", types.LongText, false), column("File_size", types.Uint64, false),
	column("Encrypted", types.LongText, false),
}

func (s *Session) showBinaryLogs(ctx *gms.Context) (gms.RowIter, error) {
	if err := s.mayLook(ctx); err != nil {
		return nil, err
	}
	b, err := s.binlog()
	if err != nil {
		return nil, err
	}
	files, err := b.List()
	if err != nil {
		return nil, err
	}
	rows := make([]gms.Row, len(files))
	for i, f := range files {
		rows[i] = gms.NewRow(f.Name, uint64(f.Size), "No")
	}
	return gms.RowsToRowIter(rows...), nil
}

func replicasSchema(old bool) gms.Schema {
	source, uuid := "Source_Id", "Replica_UUID"
	if old {
		source, uuid = "Master_id", "Slave_UUID"
	}
	return gms.Schema{
		column("Server_Id", types.Uint32, false), column("Host", types.LongText, false),
		column("Port", types.Uint32, false), column(source, types.Uint32, false), column(uuid, types.LongText, false),
	}
}

func (s *Session) showReplicas(ctx *gms.Context) (gms.RowIter, error) {
	if !s.may(ctx, gms.PrivilegeType_ReplicationSlave) && !s.may(ctx, gms.PrivilegeType_Super) {
		return nil, accessDenied("REPLICATION SLAVE")
	}
	var rows []gms.Row
	if p := s.server.o.Primary; p != nil {
		for _, peer := range p.Peers() {
			if peer.Registered {
				rows = append(rows, gms.NewRow(peer.ServerID, peer.Host, uint32(peer.Port), peer.SourceID, peer.UUID))
			}
		}
	}
	return gms.RowsToRowIter(rows...), nil
}
