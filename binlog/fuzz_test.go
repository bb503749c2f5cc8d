package binlog

import (
	"errors"
	"io"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/logfile"
	"binrelay/binlog/logfile/logtest"
	"binrelay/binlog/txn"
)

// FuzzScanTxns scans a newest file of any content as recovery does: what it
// calls whole must lie in the file in order, be readable again, and still be
// all there is after the file was cut behind it.
func FuzzScanTxns(f *testing.F) {
	fs := vfs.NewMem()
	o := testOptions(fs)
	l := mustOpen(f, o)
	commit(f, l, insertTxn(1, 0, "one"), ddlTxn(2, 1, "CREATE TABLE t (a INT)"))
	commit(f, l, insertTxn(3, 0, "three"))
	if err := l.Close(); err != nil {
		f.Fatal(err)
	}
	seed := logtest.ReadFile(f, fs, "/data/mysql-bin.000001")
	f.Add(seed, false)
	f.Add(seed, true)
	f.Add(seed[:len(seed)-9], true)
	f.Fuzz(func(t *testing.T, content []byte, seal bool) {
		if seal {
			content = logtest.Reseal(content)
		}
		o.FS = withFile(t, content)
		x, err := o.OpenIndex()
		if err != nil {
			t.Fatal(err)
		}
		whole := scanWhole(t, x, uint64(len(content)), true)
		_, _, _ = GTIDsOf(x, x.Files()[0])
		if len(whole) == 0 {
			return
		}
		end := whole[len(whole)-1].End
		if err := Cut(x, end); err != nil {
			t.Fatal(err)
		}
		same(t, "after the cut", scanWhole(t, x, end.Pos, false), whole)
	})
}

// scanWhole returns the transactions before the first damage, and with
// goOn passes over it and reads what follows too.
func scanWhole(t testing.TB, x *logfile.Index, size uint64, goOn bool) (whole []ScannedTxn) {
	s, err := ScanTxns(x, txn.Coord{})
	if err != nil {
		var bad *DamageError
		if !errors.As(err, &bad) {
			t.Fatal(err)
		}
		return nil
	}
	defer s.Close()
	last, damaged := uint64(0), 0
	for {
		found, err := s.Next()
		var bad *DamageError
		switch {
		case err == io.EOF:
			return whole
		case errors.As(err, &bad):
			if damaged++; damaged > int(size)+1 || uint64(bad.Offset) > size {
				t.Fatalf("damage %d: %v, in %d bytes", damaged, bad, size)
			}
			if !goOn {
				t.Fatal(err)
			}
			if err := s.Resume(); err != nil && err != io.EOF {
				t.Fatal(err)
			}
			continue
		case err != nil:
			t.Fatal(err)
		}
		if found.End.Pos <= last || found.End.Pos > size {
			t.Fatalf("transaction to %v after %d in %d bytes", found.End, last, size)
		}
		last = found.End.Pos
		if damaged == 0 {
			readTxn(t, s, found)
			whole = append(whole, *found)
		}
	}
}

// readTxn reads a transaction's events, and has each described.
func readTxn(t testing.TB, s *TxnScanner, found *ScannedTxn) {
	evs, err := s.Events(found)
	if err != nil {
		t.Fatal(err)
	}
	defer evs.Close()
	n := 0
	for ; ; n++ {
		ev, err := evs.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		Describe(ev, found.Checksum)
	}
	if n == 0 {
		t.Fatalf("%+v has no events", found)
	}
}
