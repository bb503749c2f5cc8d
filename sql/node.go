package sql

import (
	"context"
	"errors"
	"io"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/replica/replstate"
	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
)

// node runs a statement of replstmt inside go-mysql-server.
type node struct {
	server *Server
	stmt   replstmt.Statement
}

var _ gms.ExecSourceRel = (*node)(nil)

// WithResolvedChildren implements sqlparser's Injectable.
func (n *node) WithResolvedChildren(context.Context, []any) (any, error) { return n, nil }

// Resolved implements gms.Node.
func (n *node) Resolved() bool { return true }

// IsReadOnly implements gms.Node. Who may do what is checked when it runs.
func (n *node) IsReadOnly() bool { return true }

// String implements gms.Node.
func (n *node) String() string { return n.stmt.Name() }

// Children implements gms.Node.
func (n *node) Children() []gms.Node { return nil }

// WithChildren implements gms.Node.
func (n *node) WithChildren(_ *gms.Context, children ...gms.Node) (gms.Node, error) {
	if len(children) > 0 {
		return nil, gms.ErrInvalidChildrenNumber.New(n, len(children), 0)
	}
	return n, nil
}

// Schema implements gms.Node.
func (n *node) Schema(*gms.Context) gms.Schema {
	switch st := n.stmt.(type) {
	case *replstmt.ShowReplicaStatus:
		return replicaStatusSchema(st.Old)
	case *replstmt.ShowBinlogStatus:
		return binlogStatusSchema
	case *replstmt.ShowBinaryLogs:
		return binaryLogsSchema
	case *replstmt.ShowEvents:
		return eventsSchema
	case *replstmt.ShowReplicas:
		return replicasSchema(st.Old)
	case *replstmt.ShowProcesslist:
		return processlistSchema
	case *replstmt.ShowConditions:
		return conditionsSchema(st)
	case *replstmt.ChecksumTable:
		return checksumSchema
	case *replstmt.MaintainTable:
		return maintainSchema
	case *replstmt.ShowEngine:
		return engineSchema
	case *replstmt.ShowCreate:
		if st.Kind == "EVENT" {
			return showEventSchema
		}
		return showRoutineSchema(st.Kind)
	}
	return types.OkResultSchema
}

// RowIter implements gms.ExecSourceRel.
func (n *node) RowIter(ctx *gms.Context, _ gms.Row) (gms.RowIter, error) {
	s := sessionOf(ctx)
	if s == nil {
		return nil, errors.New("sql: the session is of another kind")
	}
	n.server.counters.command(n.stmt.Name())
	switch st := n.stmt.(type) {
	case *replstmt.ShowReplicaStatus:
		return s.showReplicaStatus(ctx, st)
	case *replstmt.ShowBinlogStatus:
		return s.showBinlogStatus(ctx)
	case *replstmt.ShowBinaryLogs:
		return s.showBinaryLogs(ctx)
	case *replstmt.ShowEvents:
		return s.showEvents(ctx, st)
	case *replstmt.ShowReplicas:
		return s.showReplicas(ctx)
	case *replstmt.ShowProcesslist:
		return s.showProcesslist(ctx, st.Full)
	case *replstmt.ShowConditions:
		return s.showConditions(st), nil
	case *replstmt.ChecksumTable:
		return s.checksumTables(ctx, st)
	case *replstmt.MaintainTable:
		return s.maintainTables(ctx, st)
	case *replstmt.ShowEngine:
		return s.showEngine(ctx, st)
	case *replstmt.ShowCreate:
		if st.Kind == "EVENT" {
			return s.showEvent(ctx, st)
		}
		return s.showRoutine(ctx, st)
	}
	return &okIter{run: func(ctx *gms.Context) error { return s.run(ctx, n.stmt) }}, nil
}

// run executes a statement that answers OK.
func (s *Session) run(ctx *gms.Context, stmt replstmt.Statement) error {
	switch st := stmt.(type) {
	case *replstmt.Nothing:
		s.Warn(&gms.Warning{Level: st.Note.Level, Code: int(st.Note.Number), Message: st.Note.Text})
		return nil
	case *replstmt.ChangeSource:
		return s.changeSource(ctx, st)
	case *replstmt.ChangeFilter:
		return s.changeFilter(ctx, st)
	case *replstmt.StartReplica:
		return s.startReplica(ctx, st)
	case *replstmt.StopReplica:
		return s.stopReplica(ctx, st)
	case *replstmt.ResetReplica:
		return s.resetReplica(ctx, st)
	case *replstmt.ResetBinlog:
		return s.resetBinlog(ctx, st)
	case *replstmt.Purge:
		return s.purgeLogs(ctx, st)
	case *replstmt.Flush:
		return s.flush(ctx, st)
	case *replstmt.Binlog:
		return s.replayEvents(ctx, st)
	case *replstmt.Kill:
		return s.kill(ctx, st)
	case *replstmt.LockTables:
		return s.lockTables(ctx, st)
	case *replstmt.UnlockTables:
		return s.unlockTables(ctx)
	case *replstmt.LockInstance:
		return s.lockInstance(ctx)
	case *replstmt.UnlockInstance:
		return s.unlockInstance(ctx)
	case *replstmt.StartTransaction:
		return s.startTransaction(ctx, st)
	case *replstmt.EndTransaction:
		return s.endTransaction(ctx, st)
	case *replstmt.Savepoint:
		return s.savepoint(ctx, st)
	case *replstmt.SetTransaction:
		return s.setTransaction(ctx, st)
	case *eventBody:
		return st.run(ctx)
	case *replstmt.Shutdown:
		return s.shutdown(ctx)
	case *replstmt.NotSupported:
		return notSupported(st.Feature)
	}
	return notSupported(stmt.Name())
}

// okIter runs a statement once and answers OK.
type okIter struct {
	run  func(ctx *gms.Context) error
	done bool
}

// Next implements gms.RowIter.
func (it *okIter) Next(ctx *gms.Context) (gms.Row, error) {
	if it.done {
		return nil, io.EOF
	}
	it.done = true
	if err := it.run(ctx); err != nil {
		return nil, clientError(err)
	}
	return gms.NewRow(types.NewOkResult(0)), nil
}

// Close implements gms.RowIter.
func (it *okIter) Close(*gms.Context) error { return nil }

// clientError gives errors with a MySQL number the type that
// go-mysql-server's handler passes on as it is.
func clientError(err error) error {
	var re *replstate.Error
	var definition *storage.DefinitionError
	switch {
	case errors.As(err, &re):
		return sqlError(re.Number, re.SQLState, "%s", re.Text)
	case errors.As(err, &definition):
		return sqlError(definition.Errno, sqlState(definition.Errno), "%s", definition.Text)
	}
	return err
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

// warnings returns a context whose notes and warnings reach the client.
func warnings(ctx *gms.Context) *gms.Context {
	return ctx.WithContext(replstate.WithWarnings(ctx.Context, func(w replstate.Warning) {
		ctx.Session.Warn(&gms.Warning{Level: w.Level, Code: int(w.Number), Message: w.Text})
	}))
}

func column(name string, t gms.Type, nullable bool) *gms.Column {
	return &gms.Column{Name: name, Type: t, Nullable: nullable}
}
