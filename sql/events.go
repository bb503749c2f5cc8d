package sql

import (
	"errors"
	"io"
	"iter"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/binlog"
	"binrelay/binlog/txn"
	"binrelay/replica/replstate"
	"binrelay/sql/replstmt"
)

var eventsSchema = gms.Schema{
	column("Log_name", types.LongText, false), column("Pos", types.Uint64, false),
	column("Event_type", types.LongText, false), column("Server_id", types.Uint32, false),
	column("End_log_pos", types.Uint64, false), column("Info", types.LongText, false),
}

// showEvents is SHOW BINLOG EVENTS and SHOW RELAYLOG EVENTS.
func (s *Session) showEvents(ctx *gms.Context, st *replstmt.ShowEvents) (gms.RowIter, error) {
	if !s.may(ctx, gms.PrivilegeType_ReplicationSlave) && !s.may(ctx, gms.PrivilegeType_Super) {
		return nil, accessDenied("REPLICATION SLAVE")
	}
	if st.Relay {
		if err := onlyDefaultChannel(st.Query.Channel); err != nil {
			return nil, err
		}
		r := s.server.replica()
		if r == nil {
			return gms.RowsToRowIter(), nil
		}
		rows, err := r.RelayEvents(ctx, st.Query)
		if err != nil {
			return nil, clientError(err)
		}
		next, stop := iter.Pull2(rows)
		return &eventIter{next: next, stop: stop}, nil
	}
	b, err := s.binlog()
	if err != nil {
		return nil, err
	}
	rows, err := binlogEvents(b, st.Query)
	if err != nil {
		return nil, err
	}
	next, stop := iter.Pull2(rows)
	return &eventIter{next: next, stop: stop}, nil
}

// binlogEvents streams the events of one binlog file.
func binlogEvents(b *binlog.Log, q replstate.EventQuery) (replstate.EventRows, error) {
	fail := func(text string) error {
		return sqlError(1220, "HY000", "Error when executing command SHOW BINLOG EVENTS: %s", text)
	}
	r, err := b.NewReader(txn.Coord{File: q.File, Pos: max(q.From, 4)})
	switch {
	case errors.Is(err, binlog.ErrUnknownFile):
		return nil, fail("Could not find target log")
	case err != nil:
		return nil, fail("Wrong offset or I/O error")
	}
	return func(yield func(replstate.EventRow, error) bool) {
		defer r.Close()
		var file string
		for n := uint64(0); !q.Limited || n < q.Offset+q.Limit; n++ {
			ev, ok, err := r.TryNext()
			if err != nil || !ok {
				if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, binlog.ErrClosed) && !errors.Is(err, binlog.ErrReset) {
					yield(replstate.EventRow{}, fail("Wrong offset or I/O error"))
				}
				return
			}
			start := r.Start()
			if file == "" {
				file = start.File
			}
			if start.File != file {
				return
			}
			if n < q.Offset {
				continue
			}
			name, info := binlog.Describe(ev, r.Checksum())
			row := replstate.EventRow{
				LogName: file, Pos: start.Pos, EventType: name,
				ServerID: ev.ServerID(), EndLogPos: uint64(ev.EndPos()), Info: info,
			}
			if !yield(row, nil) {
				return
			}
		}
	}, nil
}

// eventIter hands events to the client.
type eventIter struct {
	next func() (replstate.EventRow, error, bool)
	stop func()
}

// Next implements gms.RowIter.
func (it *eventIter) Next(*gms.Context) (gms.Row, error) {
	e, err, ok := it.next()
	if !ok {
		return nil, io.EOF
	}
	if err != nil {
		return nil, clientError(err)
	}
	return gms.NewRow(e.LogName, e.Pos, e.EventType, e.ServerID, e.EndLogPos, e.Info), nil
}

// Close implements gms.RowIter.
func (it *eventIter) Close(*gms.Context) error {
	it.stop()
	return nil
}
