package relaylog

import (
	"strings"
	"testing"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
)

var testHeader = event.Header{Timestamp: 1700000000, ServerID: 7}

// bare makes an event of type t without a meaningful body.
func bare(t event.Type) event.Event {
	return event.End(event.Begin(nil, testHeader, t), 0)
}

func query(sql string) event.Event {
	return event.AppendQuery(nil, testHeader, &event.QueryInfo{DB: "db", SQL: sql})
}

func mariaGTID(standalone bool) event.Event {
	ev := append(event.Begin(nil, testHeader, event.MariaGTID), 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	flags := byte(0)
	if standalone {
		flags = 1
	}
	return event.End(append(ev, flags, 0, 0, 0, 0, 0, 0), 0)
}

func TestBoundary(t *testing.T) {
	id := event.AppendGTID(nil, testHeader, &event.GTIDInfo{GTID: gtid.GTID{UUID: gtid.UUID{1}, GNO: 1}})
	anonymous := event.AppendGTID(nil, testHeader, &event.GTIDInfo{})
	xid := event.AppendXid(nil, testHeader, 1)
	rows := []event.Event{bare(event.TableMap), bare(event.WriteRowsV2)}
	list := func(parts ...any) (evs []event.Event) {
		for _, p := range parts {
			switch p := p.(type) {
			case event.Event:
				evs = append(evs, p)
			case []byte:
				evs = append(evs, p)
			case []event.Event:
				evs = append(evs, p...)
			case event.Type:
				evs = append(evs, bare(p))
			case string:
				evs = append(evs, query(p))
			}
		}
		return evs
	}
	// O outside, B begins, I inside, E ends, S single.
	letters := map[Place]string{Outside: "O", Begins: "B", Inside: "I", Ends: "E", Single: "S"}
	for _, c := range []struct {
		name   string
		events []event.Event
		want   string
	}{
		{"rows", list(anonymous, "BEGIN", rows, xid), "BIIIE"},
		{"rows without GTID event", list("BEGIN", rows, xid), "BIIE"},
		{"DDL", list(id, "CREATE TABLE a (b int)"), "BE"},
		{"DDL without GTID event", list("CREATE TABLE a (b int)", "DROP TABLE a"), "SS"},
		{"COMMIT and ROLLBACK", list(id, "begin", rows, "commit", id, "BEGIN", rows, "ROLLBACK"), "BIIIEBIIIE"},
		{"savepoints", list(id, "BEGIN", "SAVEPOINT a", rows, "ROLLBACK TO a", xid), "BIIIIIE"},
		{"statements", list(id, "BEGIN", event.Intvar, "INSERT INTO a VALUES (1)", xid), "BIIIE"},
		{"statement without BEGIN", list(event.Intvar, event.Rand, "INSERT", "INSERT"), "BIES"},
		{"MariaDB", list(mariaGTID(false), event.MariaAnnotateRows, rows, xid), "BIIIE"},
		{"MariaDB standalone", list(mariaGTID(true), "CREATE TABLE a (b int)", "DROP TABLE a"), "BES"},
		{"MariaDB COMMIT", list(mariaGTID(false), rows, "COMMIT"), "BIIE"},
		{"XA", list(id, "XA START 'a'", rows, "XA END 'a'", event.XAPrepare, id, "XA COMMIT 'a'"), "BIIIIEBE"},
		{"payload", list(id, event.TransactionPayload, event.TransactionPayload), "BES"},
		{"LOAD DATA", list(id, "BEGIN", event.BeginLoadQuery, event.AppendBlock, event.ExecuteLoadQuery, xid), "BIIIIE"},
		{"LOAD DATA alone", list(event.BeginLoadQuery, event.AppendBlock, event.ExecuteLoadQuery), "BIE"},
		{"between", list(event.FormatDescription, event.PreviousGTIDs, event.Rotate, event.Stop, event.MariaGTIDList, event.MariaBinlogCheckpoint), "OOOOOO"},
		{"Rotate within", list(id, "BEGIN", event.Rotate, rows, xid), "BIOIIE"},
		{"given up", list(id, "BEGIN", rows, event.FormatDescription, id, "BEGIN", rows, xid), "BIIIOBIIIE"},
		{"given up without Format_description", list(id, "BEGIN", rows, id, "BEGIN", xid), "BIIIBIE"},
		{"from the middle", list(rows, xid, id), "BIEB"},
		{"incident", list(event.Incident, id, event.Incident), "SBE"},
		{"unknown", list(event.Type(99), id, event.Type(99), "DROP TABLE a"), "OBIE"},
	} {
		var b Boundary
		var got strings.Builder
		for _, ev := range c.events {
			got.WriteString(letters[b.Add(ev, true)])
		}
		if got.String() != c.want {
			t.Errorf("%s: %s, want %s", c.name, got.String(), c.want)
		}
	}
}
