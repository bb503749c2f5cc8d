package sql

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/binlog"
	"binrelay/binlog/event"
	"binrelay/binlog/txn"
	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
)

// replayEvents is BINLOG 'base64': the Format_description that says how the
// following ones are to be read, or rows events, which are applied in the
// session's transaction and logged as its own.
func (s *Session) replayEvents(ctx *gms.Context, st *replstmt.Binlog) error {
	if !s.may(ctx, gms.PrivilegeType_Super, "binlog_admin", "replication_applier") {
		return accessDenied("SUPER, BINLOG_ADMIN or REPLICATION_APPLIER")
	}
	data, err := decodeEvents(st.Data)
	if err != nil {
		return err
	}
	for len(data) > 0 {
		ev, rest, err := cutEvent(data)
		if err == nil {
			err = s.replayEvent(ctx, ev)
		}
		if err != nil {
			return err
		}
		data = rest
	}
	return nil
}

// replayEvent takes one event.
func (s *Session) replayEvent(ctx *gms.Context, ev event.Event) error {
	if ev.Type() == event.FormatDescription {
		f, err := event.DecodeFormat(ev)
		if err != nil {
			return errEventSyntax
		}
		s.replayed = &txn.Group{Kind: txn.Rows, Checksum: f.Checksum}
		return nil
	}
	name, _ := binlog.Describe(ev, false)
	if s.replayed == nil {
		return sqlError(1609, "HY000", "The BINLOG statement of type `%s` was not preceded by a format description BINLOG statement.", name)
	}
	switch ev.Type() {
	case event.TableMap, event.WriteRowsV1, event.UpdateRowsV1, event.DeleteRowsV1, event.WriteRowsV2, event.UpdateRowsV2, event.DeleteRowsV2:
	case event.PartialUpdateRows:
		return notSupported("BINLOG of partial JSON updates")
	default:
		return sqlError(1730, "HY000", "Only Format_description_log_event and row events are allowed in BINLOG statements (but %s was provided)", name)
	}
	if s.replayed.Checksum {
		if err := event.Verify(ev); err != nil {
			return sqlError(1610, "HY000", "Corrupted replication event was detected")
		}
	}
	err := s.Replay(ctx, func(tx *storage.Tx) error {
		_, err := tx.ApplyEvent(ctx, s.replayed, ev)
		return err
	})
	var apply *storage.ApplyError
	if errors.As(err, &apply) {
		return sqlError(apply.Errno, sqlState(apply.Errno), "%s", apply.Text)
	}
	return err
}

// errEventSyntax is what MySQL says of an event that is none.
var errEventSyntax = sqlError(1149, "42000", "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use")

// cutEvent takes the first event off data.
func cutEvent(data []byte) (ev event.Event, rest []byte, err error) {
	if len(data) < event.HeaderSize {
		return nil, nil, errEventSyntax
	}
	size := binary.LittleEndian.Uint32(data[9:])
	if size < event.HeaderSize+event.ChecksumSize || uint64(size) > uint64(len(data)) {
		return nil, nil, errEventSyntax
	}
	return event.Event(data[:size:size]), data[size:], nil
}

// decodeEvents decodes the text of a BINLOG statement: base64 in lines, each
// event encoded by itself, so that there is padding within.
func decodeEvents(parts []string) ([]byte, error) {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	data := make([]byte, 0, n/4*3)
	var quad [4]byte
	filled := 0
	for _, p := range parts {
		for i := range len(p) {
			if strings.IndexByte(" \t\r\n", p[i]) >= 0 {
				continue
			}
			quad[filled] = p[i]
			if filled++; filled < len(quad) {
				continue
			}
			filled = 0
			var err error
			if data, err = base64.StdEncoding.AppendDecode(data, quad[:]); err != nil {
				return nil, errBase64
			}
		}
	}
	if filled > 0 {
		return nil, errBase64
	}
	return data, nil
}

var errBase64 = sqlError(1575, "HY000", "Decoding of base64 string failed")
