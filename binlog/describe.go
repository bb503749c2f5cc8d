package binlog

import (
	"fmt"
	"strings"

	"binrelay/binlog/event"
)

// typeNames are the names mysqld prints in SHOW BINLOG EVENTS.
// Source: MySQL 8.0, Log_event::get_type_str; MariaDB for 160 and up.
var typeNames = map[event.Type]string{
	event.Query: "Query", event.Stop: "Stop", event.Rotate: "Rotate", event.Intvar: "Intvar",
	event.AppendBlock: "Append_block", event.Rand: "RAND", event.UserVar: "User var",
	event.FormatDescription: "Format_desc", event.Xid: "Xid",
	event.BeginLoadQuery: "Begin_load_query", event.ExecuteLoadQuery: "Execute_load_query",
	event.TableMap:     "Table_map",
	event.WriteRowsV1:  "Write_rows_v1",
	event.UpdateRowsV1: "Update_rows_v1",
	event.DeleteRowsV1: "Delete_rows_v1",
	event.Incident:     "Incident", event.Heartbeat: "Heartbeat", event.HeartbeatV2: "Heartbeat",
	event.Ignorable: "Ignorable", event.RowsQuery: "Rows_query",
	event.WriteRowsV2: "Write_rows", event.UpdateRowsV2: "Update_rows", event.DeleteRowsV2: "Delete_rows",
	event.GTID: "Gtid", event.GTIDTagged: "Gtid", event.AnonymousGTID: "Anonymous_Gtid",
	event.PreviousGTIDs: "Previous_gtids", event.TransactionCtx: "Transaction_context",
	event.ViewChange: "View_change", event.XAPrepare: "XA_prepare",
	event.PartialUpdateRows: "Update_rows_partial", event.TransactionPayload: "Transaction_payload",
	event.MariaAnnotateRows: "Annotate_rows", event.MariaBinlogCheckpoint: "Binlog_checkpoint",
	event.MariaGTID: "Gtid", event.MariaGTIDList: "Gtid_list", event.MariaStartEncryption: "Start_encryption",
	event.MariaQueryCompressed: "Query_compressed", event.MariaWriteCompressed: "Write_rows_compressed_v1",
	event.MariaUpdateCompressed: "Update_rows_compressed_v1", event.MariaDeleteCompressed: "Delete_rows_compressed_v1",
}

// Describe returns what SHOW BINLOG EVENTS prints for an event: Event_type and
// Info. checksum says that the event ends in a CRC32. A malformed event has an
// empty Info.
func Describe(ev event.Event, checksum bool) (typeName, info string) {
	if len(ev) < event.HeaderSize {
		return "Unknown", ""
	}
	name, ok := typeNames[ev.Type()]
	if !ok {
		return "Unknown", ""
	}
	info, err := describe(ev, checksum)
	if err != nil {
		return name, ""
	}
	return name, info
}

func describe(ev event.Event, checksum bool) (string, error) {
	switch ev.Type() {
	case event.FormatDescription:
		f, err := event.DecodeFormat(ev)
		return "Server ver: " + f.ServerVersion + ", Binlog ver: 4", err
	case event.Query:
		return describeQuery(ev, checksum)
	case event.Xid:
		x, ok := event.XidOf(ev)
		if !ok {
			return "", event.ErrMalformed
		}
		return fmt.Sprintf("COMMIT /* xid=%d */", x), nil
	case event.Rotate:
		pos, file, err := event.DecodeRotate(ev, checksum)
		return fmt.Sprintf("%s;pos=%d", file, pos), err
	case event.TableMap:
		m, err := event.DecodeTableMap(ev, checksum)
		return fmt.Sprintf("table_id: %d (%s.%s)", m.TableID, m.DB, m.Table), err
	case event.WriteRowsV1, event.UpdateRowsV1, event.DeleteRowsV1,
		event.WriteRowsV2, event.UpdateRowsV2, event.DeleteRowsV2, event.PartialUpdateRows:
		r, err := event.DecodeRows(ev, checksum)
		text := fmt.Sprintf("table_id: %d", r.TableID)
		if r.Flags&event.RowsStmtEnd != 0 {
			text += " flags: STMT_END_F"
		}
		return text, err
	case event.GTID, event.AnonymousGTID:
		return describeGTID(ev, checksum)
	case event.GTIDTagged:
		g, err := event.DecodeTaggedGTID(ev, checksum)
		if err != nil {
			return "", err
		}
		return "SET @@SESSION.GTID_NEXT= '" + g.Text() + "'", nil
	case event.PreviousGTIDs:
		s, err := event.DecodePreviousGTIDs(ev, checksum)
		return s.String(), err
	case event.RowsQuery, event.MariaAnnotateRows:
		text, err := event.DecodeRowsQuery(ev, checksum)
		if ev.Type() == event.RowsQuery {
			text = "# " + text
		}
		return text, err
	case event.MariaGTID:
		g, err := event.DecodeMariaGTID(ev, checksum)
		text := fmt.Sprintf("GTID %d-%d-%d", g.Domain, g.ServerID, g.Sequence)
		if !g.Standalone() {
			text = "BEGIN " + text
		}
		return text, err
	}
	return describeContext(ev, checksum)
}

// describeContext is for the events that give statements their context.
func describeContext(ev event.Event, checksum bool) (string, error) {
	switch ev.Type() {
	case event.Intvar:
		kind, value, err := event.DecodeIntvar(ev, checksum)
		name := "INSERT_ID"
		if kind == 1 {
			name = "LAST_INSERT_ID"
		}
		return fmt.Sprintf("%s=%d", name, value), err
	case event.Rand:
		a, b, err := event.DecodeRand(ev, checksum)
		return fmt.Sprintf("rand_seed1=%d,rand_seed2=%d", a, b), err
	case event.UserVar:
		v, err := event.DecodeUserVar(ev, checksum)
		if v.Null {
			return "@" + quoteName(v.Name) + "=NULL", err
		}
		return fmt.Sprintf("@%s=%#x", quoteName(v.Name), v.Value), err
	case event.Incident:
		n, text, err := event.DecodeIncident(ev, checksum)
		return fmt.Sprintf("#%d (%s)", n, text), err
	}
	return "", nil
}

func describeQuery(ev event.Event, checksum bool) (string, error) {
	q, err := event.DecodeQuery(ev, checksum)
	if err != nil {
		return "", err
	}
	text := q.SQL
	if q.DB != "" && ev.Flags()&event.FlagSuppressUse == 0 {
		text = "use " + quoteName(q.DB) + "; " + text
	}
	if x, ok := event.XidOf(ev); ok {
		text += fmt.Sprintf(" /* xid=%d */", x)
	}
	return text, nil
}

func describeGTID(ev event.Event, checksum bool) (string, error) {
	g, err := event.DecodeGTID(ev, checksum)
	if err != nil {
		return "", err
	}
	next := "ANONYMOUS"
	if ev.Type() != event.AnonymousGTID {
		next = g.GTID.String()
	}
	return "SET @@SESSION.GTID_NEXT= '" + next + "'", nil
}

// quoteName quotes an identifier as SHOW statements do.
func quoteName(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }
