package event_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
)

// TestMysqlbinlog writes a whole file with the encoders and has MariaDB's
// mysqlbinlog print it, checksums verified.
func TestMysqlbinlog(t *testing.T) {
	tool, err := exec.LookPath("mariadb-binlog")
	if err != nil {
		t.Skip("mariadb-binlog is not installed")
	}
	file := []byte{0xfe, 'b', 'i', 'n'}
	add := func(ev event.Event) {
		file = append(file, event.Finish(ev, uint32(len(file)+len(ev)), true)...)
	}
	status := event.QueryStatus{Has: event.VarFlags2 | event.VarSQLMode | event.VarCatalog | event.VarCharset | event.VarMicroseconds | event.VarDDLXid | event.VarDefaultUTF8MB4,
		Catalog: "std", CharsetClient: 45, CollationConnection: 45, CollationServer: 45, DDLXid: 5, DefaultUTF8MB4: 255, Microseconds: 42}
	table := event.TableMapInfo{TableID: 9, Flags: event.TableMapExact, DB: "testcluster", Table: "t", PrimaryKey: []int{0},
		Columns: []event.Column{{Type: 3, Unsigned: true, Name: "id"}, {Type: 15, Meta: 80, Nullable: true, Collation: 45, Name: "v"}}}
	add(event.AppendFormat(nil, header, "8.0.36-binrelay", header.Timestamp, true))
	add(event.AppendPreviousGTIDs(nil, header, gtid.Set{}))
	add(event.AppendGTID(nil, header, &event.GTIDInfo{Statement: true, SequenceNumber: 1, ImmediateVersion: 80036, TransactionLength: 300}))
	add(event.AppendQuery(nil, header, &event.QueryInfo{DB: "testcluster", Status: status, SQL: "CREATE TABLE t (id INT UNSIGNED PRIMARY KEY, v VARCHAR(20))"}))
	add(event.AppendGTID(nil, header, &event.GTIDInfo{LastCommitted: 1, SequenceNumber: 2, ImmediateVersion: 80036, TransactionLength: 300}))
	add(event.AppendQuery(nil, header, &event.QueryInfo{DB: "testcluster", Status: status, SQL: "BEGIN"}))
	add(event.AppendRowsQuery(nil, header, "INSERT INTO t VALUES (3000000000, 'hello')"))
	add(event.AppendTableMap(nil, header, &table, event.MetaFull))
	rows := event.AppendRows(nil, header, event.WriteRowsV2, &event.RowsInfo{TableID: 9, Flags: event.RowsStmtEnd, Columns: 2})
	add(event.End(append(rows, 0xfc, 0x00, 0x5e, 0xd0, 0xb2, 5, 'h', 'e', 'l', 'l', 'o'), 0))
	add(event.AppendXid(nil, header, 1<<16))
	add(event.AppendRotate(nil, header, 4, "mysql-bin.000002"))
	name := filepath.Join(t.TempDir(), "mysql-bin.000001")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool, "--no-defaults", "--verify-binlog-checksum", "--print-table-metadata", "-vv", name).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text := string(out)
	for _, want := range []string{"server v 8.0.36-binrelay", "CREATE TABLE t (id INT UNSIGNED", "Xid = 65536", "@1=-1294967296 (3000000000)", "@2='hello'",
		"Rotate to mysql-bin.000002  pos: 4", "`id` INT UNSIGNED NOT NULL", "`v` VARCHAR(20) CHARSET utf8mb4", "Primary Key(id)", "INSERT INTO `testcluster`.`t`"} {
		if !strings.Contains(text, want) {
			t.Errorf("mysqlbinlog does not print %q", want)
		}
	}
	for _, bad := range []string{"ERROR", "Error", "WARNING", "Unknown event", "corrupt"} {
		if strings.Contains(text, bad) {
			t.Errorf("mysqlbinlog prints %q", bad)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}
