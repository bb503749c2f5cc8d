package sql

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"binrelay/binlog/event"
)

// replayable returns BINLOG statements: a Format_description, and an INSERT of a
// row with one INT into d.t.
func replayable(value byte) (format, row string) {
	h := event.Header{Timestamp: 1700000000, ServerID: 9}
	fde := event.AppendFormat(nil, h, "8.0.36", 0, true)
	event.Recrc(fde)
	m := event.TableMapInfo{TableID: 7, DB: "d", Table: "t", Columns: []event.Column{{Type: 3}}}
	table := event.Finish(event.AppendTableMap(nil, h, &m, event.MetaMinimal), 100, true)
	body := []byte{7, 0, 0, 0, 0, 0, 1, 0, 2, 0, 1, 1, 0, value, 0, 0, 0}
	start := event.Begin(nil, h, event.WriteRowsV2)
	rows := event.Finish(event.End(append(start, body...), 0), 200, true)
	b64 := base64.StdEncoding.EncodeToString
	return "BINLOG '\n" + b64(fde) + "\n'", "BINLOG '\n" + b64(table) + "\n" + b64(rows) + "\n'"
}

func TestServer_Binlog(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY)")
	format, one := replayable(1)
	_, two := replayable(2)
	c.fails(1609, one)
	c.exec(format, one)
	c.want("SELECT * FROM t", "1")
	c.fails(1062, one)
	c.exec("BEGIN", "INSERT INTO t VALUES (5)", two)
	c.fails(1062, one) // only this statement is taken back
	c.want("SELECT * FROM t", "1\n2\n5")
	c.exec("ROLLBACK")
	c.want("SELECT * FROM t", "1")
	c.fails(1575, "BINLOG 'abc'")
	c.fails(1575, "BINLOG '!!!!'")
	c.fails(1149, "BINLOG 'AAAA'")
	c.fails(1610, damaged(two))
	c.exec("DROP TABLE t")
	c.fails(1146, one)
	xid := event.Finish(event.AppendXid(nil, event.Header{}, 5), 100, true)
	c.fails(1730, "BINLOG '"+base64.StdEncoding.EncodeToString(xid)+"'")
}

// damaged changes the value in the row of a statement.
func damaged(stmt string) string {
	lines := strings.Split(stmt, "\n")
	b, _ := base64.StdEncoding.DecodeString(lines[2])
	b[len(b)-5] ^= 1
	lines[2] = base64.StdEncoding.EncodeToString(b)
	return strings.Join(lines, "\n")
}

// What mysqlbinlog prints before statements has its effect.
func TestServer_ReplayedVariables(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("SET @@session.sql_mode=1168113696, @@session.character_set_client=33, @@session.collation_connection=33, @@session.collation_server=45")
	c.want("SELECT @@sql_mode, @@character_set_client, @@collation_connection, @@collation_server",
		"ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE,ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES|utf8mb3|utf8mb3_general_ci|utf8mb4_general_ci")
	c.fails(1273, "SET collation_connection = 60000")
	c.fails(1115, "SET character_set_client = 60000")
	c.exec("SET default_collation_for_utf8mb4 = 255", "SET time_zone = '+00:00'", "SET TIMESTAMP = 1700000000")
	c.want("SELECT NOW(), @@timestamp = 1700000000", "2023-11-14 22:13:20|true")
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, at DATETIME DEFAULT CURRENT_TIMESTAMP)", "SET INSERT_ID = 77", "INSERT INTO t VALUES ()")
	c.want("SELECT * FROM t", "77|2023-11-14 22:13:20")
	c.exec("SET TIMESTAMP = DEFAULT")
	c.want("SELECT NOW() > '2024-01-01', @@timestamp > 1704067200", "true|true")
	c.exec("SET LAST_INSERT_ID = 9", "SET @@RAND_SEED1 = 4, @@RAND_SEED2 = 5")
	c.want("SELECT LAST_INSERT_ID(), ROUND(RAND() * 1073741823)", "9|17")
	c.exec("SET @@SESSION.GTID_NEXT = 'ANONYMOUS'", "SET @@SESSION.GTID_NEXT = 'AUTOMATIC'")
	c.fails(1235, "SET @@SESSION.GTID_NEXT = '3E11FA47-71CA-11E1-9E33-C80AA9429562:5'")
}

func FuzzBinlogText(f *testing.F) {
	format, row := replayable(1)
	f.Add(format)
	f.Add(row)
	f.Add("AAAA\n====")
	f.Fuzz(func(t *testing.T, text string) {
		data, err := decodeEvents([]string{strings.TrimSuffix(strings.TrimPrefix(text, "BINLOG '"), "'")})
		if err != nil {
			return
		}
		if len(data) > len(text) {
			t.Fatalf("%d bytes of %d", len(data), len(text))
		}
		for len(data) > 0 {
			ev, rest, err := cutEvent(data)
			if err != nil {
				return
			}
			if !bytes.HasPrefix(data, ev) || len(ev)+len(rest) != len(data) {
				t.Fatal("the events are not the data")
			}
			data = rest
		}
	})
}
