package sql

import (
	"context"
	"slices"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/binlog/txn"
	"binrelay/sql/wire"
)

// tracking collects what the session tells its client with the next OK packet.
// Source: MySQL 8.0 manual, "Server Tracking of Client Session State Changes".
type tracking struct {
	schema    bool     // USE has run
	variables []string // set, and in session_track_system_variables
	changed   bool     // the session's state is not what it was
	gtids     string
}

// SetCurrentDatabase implements gms.Session.
func (s *Session) SetCurrentDatabase(name string) {
	s.Session.SetCurrentDatabase(name)
	s.tracking.schema, s.tracking.changed = true, true
}

// noteVariable remembers that a session variable was set.
func (s *Session) noteVariable(ctx *gms.Context, name string) {
	if s.client == nil {
		return
	}
	s.tracking.changed = true
	name = strings.ToLower(name)
	p := policy{s.server, s}
	for wanted := range strings.SplitSeq(p.text(ctx, "session_track_system_variables"), ",") {
		wanted = strings.ToLower(strings.TrimSpace(wanted))
		if (wanted == "*" || wanted == name) && !slices.Contains(s.tracking.variables, name) {
			s.tracking.variables = append(s.tracking.variables, name)
		}
	}
}

// noteGTID remembers the GTIDs that a commit of a client is to be told.
func (s *Session) noteGTID(ctx *gms.Context, r txn.Result) {
	if s.client == nil {
		return
	}
	switch p := (policy{s.server, s}); p.text(ctx, "session_track_gtids") {
	case "OWN_GTID":
		if !r.GTID.IsZero() {
			s.tracking.gtids = r.GTID.String()
		}
	case "ALL_GTIDS":
		s.tracking.gtids = s.server.executed().String()
	}
}

// tracked is wire.Options.Tracked.
func (s *Server) tracked(session gms.Session) []wire.Change {
	own, ok := session.(*Session)
	if !ok {
		return nil
	}
	t := own.tracking
	if !t.changed && t.gtids == "" {
		return nil
	}
	own.tracking = tracking{}
	ctx := gms.NewContext(context.Background(), gms.WithSession(own))
	p := policy{s, own}
	var out []wire.Change
	for _, name := range t.variables {
		if v, err := own.GetSessionVariable(ctx, name); err == nil {
			out = append(out, wire.Change{Kind: wire.TrackVariable, Name: name, Value: trackedValue(name, v)})
		}
	}
	if t.schema && p.on(ctx, "session_track_schema") {
		out = append(out, wire.Change{Kind: wire.TrackSchema, Value: own.GetCurrentDatabase()})
	}
	if t.changed && p.on(ctx, "session_track_state_change") {
		out = append(out, wire.Change{Kind: wire.TrackState, Value: "1"})
	}
	if t.gtids != "" {
		out = append(out, wire.Change{Kind: wire.TrackGTIDs, Value: t.gtids})
	}
	return out
}

// trackedValue shows the engine's flags as ON and OFF, as MySQL does here.
func trackedValue(name string, v any) string {
	def, _, ok := gms.SystemVariables.GetGlobal(name)
	if n, small := v.(int8); ok && small && def.GetType().String() == types.NewSystemBoolType(name).String() {
		return show(n != 0)
	}
	return show(v)
}
