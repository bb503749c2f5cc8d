package binlog

import (
	"errors"
	"fmt"
	"io"

	"binrelay/binlog/event"
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
	Partial  bool      // found after damage, its beginning lost: only CSN, Index, DDL and End are set

	body int64 // offset of the event after the GTID event
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
	Header bool      // the file's magic, Format_description or Previous_gtids, which were durable before the index named it: never a torn tail
	Err    error
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("binlog %s is damaged at byte %d: %v", e.File, e.Offset, e.Err)
}

func (e *DamageError) Unwrap() error { return e.Err }

var (
	errUnfinished = fmt.Errorf("%w: transaction without its end", logfile.ErrTorn)
	errNoStart    = errors.New("binlog: end of a transaction that did not begin")
)

// TxnScanner iterates whole transactions of the files, oldest first, verifying
// every event. It only reads. Used by one goroutine at a time.
type TxnScanner struct {
	x    *logfile.Index
	file string
	s    *logfile.Scanner // nil: file has no readable header

	txn     *ScannedTxn // being read
	seen    int         // its events after the GTID event
	header  bool        // still at the events before the first transaction
	lost    bool        // after damage: a transaction's end may come alone
	damage  *DamageError
	pending event.Event // a valid event at which a transaction broke off, to be read again
	at      int64       // its offset
}

// ScanTxns returns a scanner that starts at from, a coordinate between
// transactions; the zero value is the start of the oldest file. A file that is
// not in the index or is shorter than from.Pos is a *PositionError.
func ScanTxns(x *logfile.Index, from txn.Coord) (*TxnScanner, error) {
	s := &TxnScanner{x: x}
	if from.IsZero() {
		files := x.Files()
		if len(files) == 0 {
			return s, nil
		}
		return s, s.open(files[0], 0)
	}
	if !x.Has(from.File) {
		return nil, &PositionError{At: from, Err: ErrUnknownFile}
	}
	size, err := x.Size(from.File)
	if err != nil {
		return nil, fmt.Errorf("scan binlog: %w", err)
	}
	if from.Pos > uint64(size) {
		return nil, &PositionError{At: from, Size: size, Err: ErrPositionBeyondEnd}
	}
	return s, s.open(from.File, int64(from.Pos))
}

// ScanFile returns a scanner of one file that is newer than those of the index.
func ScanFile(x *logfile.Index, name string) (*TxnScanner, error) {
	s := &TxnScanner{x: x}
	return s, s.open(name, 0)
}

// open goes to the named file. Damage in its header is kept for Next.
func (s *TxnScanner) open(file string, from int64) error {
	if s.s != nil {
		s.s.Close()
		s.s = nil
	}
	s.file, s.header, s.pending = file, from <= logfile.MagicSize, nil
	sc, err := logfile.OpenScanner(s.x.FS(), s.x.Path(file), from, logfile.ScanOptions{})
	var bad *logfile.CorruptError
	if errors.As(err, &bad) {
		s.header = true
		s.fail(bad.Offset, bad.Err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("scan binlog: %w", err)
	}
	s.s = sc
	return nil
}

// fail notes damage at off and gives up the transaction being read.
func (s *TxnScanner) fail(off int64, cause error) {
	last, _ := s.x.Last()
	s.damage = &DamageError{File: s.file, Offset: off, Last: s.file == last, Header: s.header, Err: cause}
	if s.txn != nil {
		s.damage.Txn = s.txn.Start
		s.txn = nil
	}
}

// Next returns the next whole transaction. io.EOF: the newest file ends
// cleanly. *DamageError: call Resume to search on.
func (s *TxnScanner) Next() (*ScannedTxn, error) {
	for {
		if s.damage != nil {
			return nil, s.damage
		}
		if s.file == "" {
			return nil, io.EOF
		}
		off, ev, err := s.event()
		var bad *logfile.CorruptError
		switch {
		case err == io.EOF && s.txn != nil:
			s.fail(off, errUnfinished)
		case err == io.EOF:
			next, ok := s.x.After(s.file)
			if !ok {
				return nil, io.EOF
			}
			if err := s.open(next, 0); err != nil {
				return nil, err
			}
		case errors.As(err, &bad):
			s.fail(bad.Offset, bad.Err)
		case err != nil:
			return nil, fmt.Errorf("scan binlog: %w", err)
		default:
			if t := s.add(off, ev); t != nil {
				return t, nil
			}
		}
	}
}

// event returns the next event and its offset.
func (s *TxnScanner) event() (int64, event.Event, error) {
	if s.pending != nil {
		ev := s.pending
		s.pending = nil
		return s.at, ev, nil
	}
	if s.s == nil { // its header is damaged, and that was reported
		return 0, nil, io.EOF
	}
	return s.s.Next()
}

// add takes a valid event and returns the transaction that it completes.
func (s *TxnScanner) add(off int64, ev event.Event) *ScannedTxn {
	end := off + int64(len(ev))
	if s.txn == nil {
		return s.between(off, ev)
	}
	s.seen++
	switch ev.Type() {
	case event.Xid:
		return s.complete(ev, end, false)
	case event.Query:
		if _, ok := event.XidOf(ev); ok && s.seen == 1 {
			return s.complete(ev, end, true)
		}
	case event.GTID, event.AnonymousGTID, event.GTIDTagged, event.FormatDescription, event.PreviousGTIDs, event.Rotate, event.Stop:
		s.fail(off, errUnfinished)
		s.pending, s.at = append(event.Event(nil), ev...), off
	}
	return nil
}

// between takes an event that stands outside of transactions.
func (s *TxnScanner) between(off int64, ev event.Event) *ScannedTxn {
	sums := s.s.Checksum()
	end := off + int64(len(ev))
	switch ev.Type() {
	case event.FormatDescription:
	case event.PreviousGTIDs:
		s.header = false
	case event.GTID, event.AnonymousGTID:
		s.header = false
		g, err := event.DecodeGTID(ev, sums)
		if err != nil {
			s.fail(off, err)
			return nil
		}
		s.txn = &ScannedTxn{GTID: g.GTID, Start: txn.Coord{File: s.file, Pos: uint64(off)}, Checksum: sums, body: end}
		s.seen = 0
	case event.Xid, event.Query:
		s.header = false
		x, ok := event.XidOf(ev)
		switch {
		case ok && s.lost:
			t := &ScannedTxn{Partial: true, DDL: ev.Type() == event.Query, End: txn.Coord{File: s.file, Pos: uint64(end)}, Checksum: sums}
			t.CSN, t.Index = txn.ParseXid(x)
			return t
		case ok:
			s.fail(off, errNoStart)
		}
	default:
		s.header = false
	}
	return nil
}

// complete ends the transaction with ev.
func (s *TxnScanner) complete(ev event.Event, end int64, ddl bool) *ScannedTxn {
	t := s.txn
	s.txn, s.lost = nil, false
	x, _ := event.XidOf(ev)
	t.CSN, t.Index = txn.ParseXid(x)
	t.DDL = ddl
	t.End = txn.Coord{File: s.file, Pos: uint64(end)}
	return t
}

// Resume searches on behind the damage. Next then returns the transactions
// found after it, those whose beginning was lost marked Partial, and io.EOF at
// the end of the newest file or a further *DamageError.
func (s *TxnScanner) Resume() error {
	if s.damage == nil {
		return nil
	}
	s.damage, s.lost = nil, true
	if s.s == nil || s.pending != nil {
		return nil
	}
	err := s.s.Resync()
	if err == nil {
		return nil
	}
	if err != io.EOF {
		return fmt.Errorf("scan binlog: %w", err)
	}
	next, ok := s.x.After(s.file)
	if !ok {
		s.file = "" // Next says io.EOF
		return nil
	}
	return s.open(next, 0)
}

// Events returns the transaction's events without its GTID event, checksums
// included. The caller closes it. t must not be Partial.
func (s *TxnScanner) Events(t *ScannedTxn) (*ScannedEvents, error) {
	if t.Partial {
		return nil, fmt.Errorf("%w: its beginning is lost", ErrBadTxn)
	}
	e := &ScannedEvents{x: s.x, t: *t}
	return e, e.Rewind()
}

// Close releases the open file.
func (s *TxnScanner) Close() error {
	if s.s == nil {
		return nil
	}
	err := s.s.Close()
	s.s, s.file = nil, ""
	return err
}

// ScannedEvents is the txn.Events of a transaction in a file.
type ScannedEvents struct {
	x *logfile.Index
	t ScannedTxn
	s *logfile.Scanner
}

// Next returns the next event, or io.EOF after the last. Damage is a
// *logfile.CorruptError.
func (e *ScannedEvents) Next() (event.Event, error) {
	_, ev, err := e.s.Next()
	return ev, err
}

// Rewind starts again at the first event.
func (e *ScannedEvents) Rewind() error {
	s, err := logfile.OpenScanner(e.x.FS(), e.x.Path(e.t.Start.File), e.t.body, logfile.ScanOptions{Limit: int64(e.t.End.Pos)})
	if err != nil {
		return fmt.Errorf("read transaction: %w", err)
	}
	err = e.Close()
	e.s = s
	return err
}

// Close releases the file.
func (e *ScannedEvents) Close() error {
	if e.s == nil {
		return nil
	}
	err := e.s.Close()
	e.s = nil
	return err
}

// GTIDsOf returns the GTIDs the file holds: of its Previous_gtids event, and of
// the transactions in the file itself up to its end or the first damage.
func GTIDsOf(x *logfile.Index, file string) (previous, own gtid.Set, err error) {
	_, previous, err = header(x, file)
	if err != nil {
		return gtid.Set{}, gtid.Set{}, fmt.Errorf("read GTIDs: %w", err)
	}
	s, err := ScanTxns(x, txn.Coord{File: file, Pos: logfile.MagicSize})
	if err != nil {
		return gtid.Set{}, gtid.Set{}, err
	}
	defer s.Close()
	b := gtid.NewBuilder(gtid.Set{})
	for {
		t, err := s.Next()
		var bad *DamageError
		switch {
		case err == io.EOF, errors.As(err, &bad), err == nil && t.Start.File != file:
			return previous, b.Set(), nil
		case err != nil:
			return gtid.Set{}, gtid.Set{}, err
		}
		if !t.GTID.IsZero() {
			b.Add(t.GTID)
		}
	}
}

// Cut makes everything after end disappear, durably: newer files leave the
// index and are deleted, then end.File is truncated. Recovery calls it after
// it has saved what is cut. It may be repeated.
func Cut(x *logfile.Index, end txn.Coord) error {
	if !x.Has(end.File) {
		return &PositionError{At: end, Err: ErrUnknownFile}
	}
	if _, err := x.RemoveAfter(end.File); err != nil {
		return fmt.Errorf("cut binlog: %w", err)
	}
	if err := logfile.Cut(x, end.File, int64(end.Pos)); err != nil {
		return fmt.Errorf("cut binlog: %w", err)
	}
	return nil
}
