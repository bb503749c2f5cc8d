package binlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/go-mysql-org/go-mysql/replication"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
)

// writeSample makes a log of two files on disk with every kind of group.
func writeSample(t *testing.T, dir string, noChecksum bool) {
	o := testOptions(vfs.Default)
	o.Dir, o.NoChecksum = dir, noChecksum
	set, err := gtid.ParseSet(testUUID.String() + ":1-3")
	if err != nil {
		t.Fatal(err)
	}
	o.PreviousGTIDs = func() gtid.Set { return set }
	l := mustOpen(t, o)
	commit(t, l, insertTxn(1, 0, "one"), insertTxn(2, 1, strings.Repeat("x", 300)), ddlTxn(3, 2, "CREATE TABLE t (a int)"))
	late := insertTxn(4, 0, "late")
	late.After = l.Visible()
	l.SetVisible(Clock{File: 1, Sequence: 3})
	late2 := insertTxn(5, 1, "later")
	late2.After = l.Visible()
	commit(t, l, late, late2)
	if _, err := l.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	foreign := insertTxn(6, 0, "foreign")
	foreign.GTID = gtid.GTID{UUID: testUUID, GNO: 4}
	foreign.Origin = &txn.Origin{ServerID: 333, OriginalCommit: testTime.Add(-time.Hour)}
	foreign.OriginalVersion = 80028
	commit(t, l, foreign)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestLog_GoMySQLReadsIt(t *testing.T) {
	for _, noChecksum := range []bool{false, true} {
		dir := t.TempDir()
		writeSample(t, dir, noChecksum)
		var got []string
		for _, name := range []string{"mysql-bin.000001", "mysql-bin.000002"} {
			p := replication.NewBinlogParser()
			p.SetVerifyChecksum(true)
			pos := uint32(4)
			total := uint64(0) // bytes the GTID event announced
			err := p.ParseFile(filepath.Join(dir, name), 0, func(e *replication.BinlogEvent) error {
				if e.Header.LogPos != pos+e.Header.EventSize {
					return fmt.Errorf("%s: end_log_pos %d at %d+%d", name, e.Header.LogPos, pos, e.Header.EventSize)
				}
				pos = e.Header.LogPos
				line := e.Header.EventType.String()
				if total > 0 {
					total -= uint64(e.Header.EventSize)
				}
				switch b := e.Event.(type) {
				case *replication.FormatDescriptionEvent:
					line += fmt.Sprintf(" %s created=%v", b.ServerVersion, b.CreateTimestamp != 0)
				case *replication.GTIDEvent:
					if total != 0 {
						return fmt.Errorf("%s: %d bytes left of the transaction before", name, total)
					}
					total = b.TransactionLength - uint64(e.Header.EventSize)
					line += fmt.Sprintf(" flags=%d gno=%d %d/%d imm=%d orig=%d ver=%d/%d server=%d", b.CommitFlag, b.GNO, b.LastCommitted, b.SequenceNumber,
						b.ImmediateCommitTimestamp, b.OriginalCommitTimestamp, b.ImmediateServerVersion, b.OriginalServerVersion, e.Header.ServerID)
				case *replication.XIDEvent:
					line += fmt.Sprintf(" %d/%d", b.XID>>16, b.XID&0xffff)
				case *replication.QueryEvent:
					line += " " + string(b.Query)
				case *replication.RowsEvent:
					line += fmt.Sprint(" ", b.Rows[0][0])
				case *replication.RotateEvent:
					line += fmt.Sprintf(" %s:%d", b.NextLogName, b.Position)
				case *replication.PreviousGTIDsEvent:
					line += " " + b.GTIDSets
				}
				got = append(got, line)
				return nil
			})
			if err != nil {
				t.Fatalf("checksum off %v: %v", noChecksum, err)
			}
			if total != 0 {
				t.Fatalf("%s: transaction_length leaves %d bytes", name, total)
			}
		}
		imm := testTime.UnixMicro()
		anon := func(flags, last, seq int) string {
			return fmt.Sprintf("AnonymousGTIDEvent flags=%d gno=0 %d/%d imm=%d orig=%d ver=80036/80036 server=201", flags, last, seq, imm, imm)
		}
		rows := func(csn int) []string {
			return []string{"QueryEvent BEGIN", "TableMapEvent", fmt.Sprintf("WriteRowsEventV2 %d", csn)}
		}
		var want []string
		add := func(lines ...string) { want = append(want, lines...) }
		add("FormatDescriptionEvent "+testVersion+" created=true", "PreviousGTIDsEvent "+testUUID.String()+":1-3")
		add(anon(0, 0, 1))
		add(append(rows(1), "XIDEvent 1/0")...)
		add(anon(0, 0, 2))
		add(append(rows(2), "XIDEvent 2/1")...)
		add(anon(1, 0, 3), "QueryEvent CREATE TABLE t (a int)")
		add(anon(0, 0, 4))
		add(append(rows(4), "XIDEvent 4/0")...)
		add(anon(0, 3, 5))
		add(append(rows(5), "XIDEvent 5/1")...)
		add("RotateEvent mysql-bin.000002:4")
		add("FormatDescriptionEvent "+testVersion+" created=false", "PreviousGTIDsEvent "+testUUID.String()+":1-3")
		add(fmt.Sprintf("GTIDEvent flags=0 gno=4 0/1 imm=%d orig=%d ver=80036/80028 server=333", imm, testTime.Add(-time.Hour).UnixMicro()))
		add(append(rows(6), "XIDEvent 6/0")...)
		add("StopEvent")
		same(t, "events", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLog_MySQLBinlogReadsIt(t *testing.T) {
	tool, err := exec.LookPath("mariadb-binlog")
	if err != nil {
		t.Skip("mariadb-binlog is not installed")
	}
	dir := t.TempDir()
	writeSample(t, dir, false)
	for _, name := range []string{"mysql-bin.000001", "mysql-bin.000002"} {
		var out, stderr bytes.Buffer
		cmd := exec.Command(tool, "--no-defaults", "-v", "--verify-binlog-checksum", filepath.Join(dir, name))
		cmd.Stdout, cmd.Stderr = &out, &stderr
		if err := cmd.Run(); err != nil || stderr.Len() > 0 {
			t.Fatalf("%s: %v\n%s", name, err, stderr.String())
		}
		if !strings.Contains(out.String(), "### INSERT INTO `shop`.`item`") {
			t.Fatalf("%s: no rows in\n%s", name, out.String())
		}
		if strings.Contains(out.String(), "not closed properly") {
			t.Fatalf("%s: IN_USE is still set", name)
		}
	}
}

func TestLog_InUseWhileOpen(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, testOptions(fs))
	flag := func(name string) byte {
		f, err := fs.Open("/data/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var b [1]byte
		f.ReadAt(b[:], 4+17)
		return b[0] & 1
	}
	if flag("mysql-bin.000001") != 1 {
		t.Fatal("the open file lacks IN_USE")
	}
	if _, err := l.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if flag("mysql-bin.000001") != 0 || flag("mysql-bin.000002") != 1 {
		t.Fatal("IN_USE after rotation")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if flag("mysql-bin.000002") != 0 {
		t.Fatal("IN_USE after Close")
	}
	// A killed server closes nothing; its next start does.
	killed := mustOpen(t, testOptions(fs))
	if killed.Active() != "mysql-bin.000003" || flag("mysql-bin.000003") != 1 {
		t.Fatal("the third file lacks IN_USE")
	}
	mustOpen(t, testOptions(fs))
	if flag("mysql-bin.000003") != 0 || flag("mysql-bin.000004") != 1 {
		t.Fatal("IN_USE after a kill")
	}
}

func TestLog_FreshFilePositionIs157(t *testing.T) {
	l := mustOpen(t, testOptions(vfs.NewMem()))
	defer l.Close()
	if got := l.End(); got.Pos != 157 || got.File != "mysql-bin.000001" {
		t.Fatalf("fresh file ends at %v, MySQL 8.0.26 and later say 157", got)
	}
}

func TestLog_TruncateGivesNumbersBack(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, testOptions(fs))
	defer l.Close()
	first := commit(t, l, insertTxn(1, 0, "one"))
	a, b := insertTxn(2, 0, "two"), insertTxn(3, 1, "three")
	if _, err := l.AppendGroup([]*Txn{a, b}); err != nil {
		t.Fatal(err)
	}
	if a.Start != first || b.Start != a.End || b.Clock.Sequence != 3 {
		t.Fatalf("coordinates: %+v %+v", a, b)
	}
	if err := l.TruncateTo(txn.Coord{File: first.File, Pos: first.Pos + 1}); err == nil {
		t.Fatal("truncated inside a transaction")
	}
	if err := l.TruncateTo(b.Start); err != nil {
		t.Fatal(err)
	}
	if l.End() != a.End {
		t.Fatalf("end %v after truncation to %v", l.End(), a.End)
	}
	if err := l.TruncateTo(first); err != nil {
		t.Fatal(err)
	}
	c := insertTxn(2, 0, "again")
	commit(t, l, c)
	if c.Clock.Sequence != 2 || c.Start != first {
		t.Fatalf("after truncation: %+v", c)
	}
	whole, damage, _ := scanCSNs(t, fs, l.o)
	if damage != nil {
		t.Fatal(damage)
	}
	same(t, "transactions", whole, csns(2))
}

func TestLog_BadTransactionsLeaveNothing(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, testOptions(fs))
	defer l.Close()
	end := commit(t, l, insertTxn(1, 0, "one"))
	noXid := insertTxn(2, 0, "x")
	m := noXid.Events.(*memEvents)
	last := m.events[len(m.events)-1]
	m.events, noXid.Count, noXid.Size = m.events[:len(m.events)-1], noXid.Count-1, noXid.Size-int64(len(last))
	wrongSize := insertTxn(2, 0, "x")
	wrongSize.Size++
	wrongCount := insertTxn(2, 0, "x")
	wrongCount.Count++
	fewer := insertTxn(2, 0, "x")
	fewer.Count--
	failing := insertTxn(2, 0, "x")
	failing.Events = failingEvents{failing.Events}
	for name, bad := range map[string]*Txn{"no Xid": noXid, "size": wrongSize, "count": wrongCount, "fewer": fewer, "error": failing} {
		if _, err := l.AppendGroup([]*Txn{insertTxn(2, 0, strings.Repeat("y", 60000)), bad}); err == nil {
			t.Fatalf("%s: accepted", name)
		} else if errors.Is(err, ErrFatal) {
			t.Fatalf("%s: %v", name, err)
		}
		if l.End() != end {
			t.Fatalf("%s: end %v, want %v", name, l.End(), end)
		}
	}
	next := insertTxn(2, 0, "good")
	commit(t, l, next)
	if next.Clock.Sequence != 2 {
		t.Fatalf("sequence %d", next.Clock.Sequence)
	}
}

type failingEvents struct{ txn.Events }

func (failingEvents) Next() (event.Event, error) { return nil, io.ErrUnexpectedEOF }

func TestLog_RotationAndRestart(t *testing.T) {
	fs := vfs.NewMem()
	o := testOptions(fs)
	size := int64(600)
	o.MaxSize = func() int64 { return size }
	l := mustOpen(t, o)
	csn := txn.CSN(1)
	for range 6 {
		tx := insertTxn(csn, 0, "some text")
		commit(t, l, tx)
		csn++
		if l.NeedsRotation() {
			if _, err := l.Rotate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, o)
	commit(t, l, insertTxn(csn, 0, "after restart"))
	whole, damage, _ := scanCSNs(t, fs, o)
	if damage != nil {
		t.Fatal(damage)
	}
	same(t, "transactions", whole, csns(7))
	list, err := l.List()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 4 || list[len(list)-1].Name != l.Active() {
		t.Fatalf("files: %v", list)
	}
	for i, f := range list {
		size, err := l.Index().Size(f.Name)
		if err != nil || size != f.Size {
			t.Fatalf("file %d: %v, size on disk %d %v", i, f, size, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestLog_IndexText(t *testing.T) {
	dir := t.TempDir()
	writeSample(t, dir, false)
	text, err := os.ReadFile(filepath.Join(dir, "mysql-bin.index"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "index", string(text), "./mysql-bin.000001\n./mysql-bin.000002\n")
}
