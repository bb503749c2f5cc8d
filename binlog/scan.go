package binlog

import (
	"binrelay/binlog/gtid"
	"binrelay/binlog/logfile"
	"binrelay/binlog/txn"
)

// ScannedTxn is a whole transaction found in the files.
type ScannedTxn struct {
	CSN      txn.CSN
	Index    uint16
	GTID     gtid.GTID // zero = anonymous
	DDL      bool      // one Query event
	Start    txn.Coord // its GTID event
	End      txn.Coord // after its last event
	Checksum bool      // its events end in a CRC32
	Partial  bool      // found after damage, its beginning lost: only CSN, Index and End are set
}

// DamageError is a place where the scan could not go on: bytes that are no
// event, or a transaction that ends before its Xid (Err wraps
// logfile.ErrTorn). Whether it is a torn tail or corruption depends on what
// follows; see TxnScanner.Resume.
type DamageError struct {
	File   string
	Offset int64     // of the bytes that are no event, or the end of the file
	Txn    txn.Coord // start of the transaction that is cut by it; zero if between transactions
	Last   bool      // File is the newest
	Err    error
}

func (e *DamageError) Error() string { panic("soon") }
func (e *DamageError) Unwrap() error { return e.Err }

// TxnScanner iterates whole transactions of the files, oldest first, verifying
// every event. It only reads.
type TxnScanner struct{}

// ScanTxns returns a scanner that starts at from, a coordinate between
// transactions; the zero value is the start of the oldest file. A file that is
// not in the index or is shorter than from.Pos is a *PositionError.
func ScanTxns(x *logfile.Index, from txn.Coord) (*TxnScanner, error) { panic("soon") }

// Next returns the next whole transaction. io.EOF: the newest file ends
// cleanly. *DamageError: call Resume to search on.
func (s *TxnScanner) Next() (*ScannedTxn, error) { panic("soon") }

// Resume searches on behind the damage. Next then returns the transactions
// found after it, those whose beginning was lost marked Partial, and io.EOF at
// the end of the newest file or a further *DamageError.
func (s *TxnScanner) Resume() error { panic("soon") }

// Events returns the transaction's events without its GTID event, checksums
// included. The caller closes it. t must not be Partial.
func (s *TxnScanner) Events(t *ScannedTxn) (*ScannedEvents, error) { panic("soon") }

// Close releases the open file.
func (s *TxnScanner) Close() error { panic("soon") }

// ScannedEvents is the txn.Events of a transaction in a file.
type ScannedEvents struct{ txn.Events }

// Close releases the file.
func (e *ScannedEvents) Close() error { panic("soon") }

// GTIDsOf returns the GTIDs the file holds: of its Previous_gtids event, and of
// the transactions in the file itself up to its end or the first damage.
func GTIDsOf(x *logfile.Index, file string) (previous, own gtid.Set, err error) { panic("soon") }

// Cut makes everything after end disappear, durably: end.File is truncated and
// newer files leave the index and are deleted. Recovery calls it after it has
// saved what is cut.
func Cut(x *logfile.Index, end txn.Coord) error { panic("soon") }
