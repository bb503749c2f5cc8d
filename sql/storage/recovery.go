package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"binrelay/binlog"
	"binrelay/binlog/gtid"
	"binrelay/binlog/logfile"
	"binrelay/binlog/txn"
)

// Recovery is a store that was opened and scanned, but not changed yet. Replay
// or Close must follow. Not safe for concurrent use.
type Recovery struct {
	e     *Engine
	found bool       // the store had a coordinate; false: it is new
	at    coordinate // of the store

	binIndex   *logfile.Index
	localIndex *logfile.Index
	scanner    *binlog.TxnScanner // kept for its transactions' events; nil: nothing scanned
	bin        []*binlog.ScannedTxn
	local      []localRecord
	torn       bool // a log ends in damage that is to be cut
	cutting    bool // a cut was interrupted
	tail       mergedTail
}

// TailTxn is a transaction that is in the logs but not in the store.
type TailTxn struct {
	CSN     txn.CSN   // of its last record
	GTID    gtid.GTID // zero = none
	End     txn.Coord // in the binlog; zero for a private one
	Private bool
}

// OpenRecovery locks and opens the store and scans both logs. It changes
// nothing, except that it finishes an interrupted RESET MASTER. Errors:
// ErrInUse, *FormatError, *LogBehindError, *DamageError.
func OpenRecovery(o Options) (*Recovery, error) {
	o = o.fill()
	e := &Engine{o: o, fs: o.FS, log: o.Logger}
	e.tail = newTailState(e)
	if err := logfile.EnsureDir(e.fs, o.Dir); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	if err := e.openStore(); err != nil {
		return nil, err
	}
	r := &Recovery{e: e}
	if err := r.scan(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close gives up before Replay. After Replay it does nothing.
func (r *Recovery) Close() error {
	if r.e == nil {
		return nil
	}
	err := r.closeScanner()
	err = errors.Join(err, r.e.closeStore())
	r.e = nil
	return err
}

func (r *Recovery) closeScanner() error {
	if r.scanner == nil {
		return nil
	}
	err := r.scanner.Close()
	r.scanner = nil
	return err
}

// scan reads the coordinate and both logs and decides what to replay.
func (r *Recovery) scan() (err error) {
	e := r.e
	if r.at, r.found, err = readCoord(e.db); err != nil {
		return err
	}
	e.nextID.Store(max(uint64(r.at.nextID), 1))
	if r.binIndex, err = logfile.OpenIndex(e.o.Binlog.FS, e.o.Binlog.Dir, e.o.Binlog.Base); err != nil {
		return fmt.Errorf("open the binlog: %w", err)
	}
	if r.localIndex, err = openLocalIndex(e.fs, e.o.Dir); err != nil {
		return fmt.Errorf("open the local log: %w", err)
	}
	if err := e.finishReset(r.binIndex, &r.at); err != nil {
		return err
	}
	local, err := r.scanLocal()
	if err != nil {
		return err
	}
	damage, err := r.scanBin()
	if err != nil {
		return err
	}
	r.local = local.records
	r.torn = damage != nil || local.damage != nil
	limit, err := r.cutIntent()
	if err != nil {
		return err
	}
	if err := r.checkUnnamed(limit); err != nil {
		return err
	}
	return r.decide(limit, local.marks, damage, local.damage)
}

// checkUnnamed refuses files with commits that the store does not hold, when no
// index names them: a file is named, durably, before the first commit in it, and
// loses its name only for records above limit.
func (r *Recovery) checkUnnamed(limit txn.CSN) error {
	if !r.found || r.at.clean {
		return nil
	}
	lost := func(name string, at txn.Coord, csn txn.CSN) error {
		if csn <= r.at.csn || csn > limit {
			return nil
		}
		return &DamageError{File: name, Offset: at.Pos, Err: fmt.Errorf("record %d stands in a file that the index does not name", csn)}
	}
	names, err := r.binIndex.Unnamed()
	if err != nil {
		return fmt.Errorf("open the binlog: %w", err)
	}
	for _, name := range names {
		if err := r.eachUnnamed(name, lost); err != nil {
			return err
		}
	}
	if names, err = r.localIndex.Unnamed(); err != nil {
		return fmt.Errorf("open the local log: %w", err)
	}
	for _, name := range names {
		s := localScan{tail: new(localTail), name: name, last: true}
		var bad *logfile.CorruptError
		if err := s.file(r.localIndex, 0); err != nil && !errors.As(err, &bad) {
			return err
		}
		for _, l := range s.tail.records {
			if err := lost(name, l.start, l.csn); err != nil {
				return err
			}
		}
	}
	return nil
}

// eachUnnamed calls lost for the transactions of a binlog file, around damage.
func (r *Recovery) eachUnnamed(name string, lost func(string, txn.Coord, txn.CSN) error) error {
	s, err := binlog.ScanFile(r.binIndex, name)
	if err != nil {
		return err
	}
	defer s.Close()
	for {
		t, err := s.Next()
		var bad *binlog.DamageError
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &bad):
			err = s.Resume()
		case err == nil:
			err = lost(name, t.Start, t.CSN)
		}
		if err != nil {
			return err
		}
	}
}

// cutIntent returns the CSN after which an interrupted recovery had begun to
// cut the logs; without one, none is too high.
func (r *Recovery) cutIntent() (txn.CSN, error) {
	v, ok, err := getCopy(r.e.db, keyCut)
	if err != nil || !ok {
		return math.MaxUint64, err
	}
	if len(v) != 8 {
		return 0, errors.New("malformed intent to cut the logs")
	}
	r.cutting = true
	return txn.CSN(binary.BigEndian.Uint64(v)), nil
}

// scanLocal scans the local log from the store's place on.
func (r *Recovery) scanLocal() (*localTail, error) {
	if r.at.clean && !r.localIndex.Has(r.at.local.File) {
		return &localTail{}, nil // nothing followed the clean stop, and the files are gone
	}
	return scanLocal(r.localIndex, r.at.local)
}

// scanBin scans the binlog from the store's place on. It returns the first
// damage of the newest file.
func (r *Recovery) scanBin() (damage *binlog.DamageError, err error) {
	if r.found && r.at.bin.IsZero() {
		return nil, nil // it held nothing newer when it was in use
	}
	if r.at.clean && !r.binIndex.Has(r.at.bin.File) {
		return nil, nil
	}
	r.scanner, err = binlog.ScanTxns(r.binIndex, r.at.bin)
	var place *binlog.PositionError
	if errors.As(err, &place) {
		return nil, &LogBehindError{File: r.at.bin.File, Offset: r.at.bin.Pos, Err: place.Err}
	}
	if err != nil {
		return nil, err
	}
	for {
		t, err := r.scanner.Next()
		var bad *binlog.DamageError
		switch {
		case err == io.EOF:
			return damage, nil
		case errors.As(err, &bad):
			if !bad.Last || bad.Header {
				return nil, &DamageError{File: bad.File, Offset: uint64(bad.Offset), Err: bad.Err}
			}
			if damage == nil {
				damage = bad
			}
			if err := r.scanner.Resume(); err != nil {
				return nil, err
			}
		case err != nil:
			return nil, err
		default:
			r.bin = append(r.bin, t)
		}
	}
}

// decide merges the two logs. Records above limit are to go in any case: half of
// them may be gone already, which is no damage.
func (r *Recovery) decide(limit txn.CSN, marks []foundMark, bin *binlog.DamageError, local *txn.Coord) error {
	var bins, locals []foundRecord
	for _, t := range r.bin {
		if t.CSN <= limit {
			bins = append(bins, foundRecord{csn: t.CSN, index: t.Index, partial: t.Partial})
		}
	}
	for _, l := range r.local {
		if l.csn <= limit {
			locals = append(locals, l.foundRecord)
		}
	}
	var err error
	r.tail, err = mergeTail(r.at.csn, !r.at.lax, bins, locals, marks)
	if err == nil {
		return nil
	}
	at := r.at.bin
	var lost *lostRecordError
	if errors.As(err, &lost) { // the record may have stood in either log
		b, l := r.ends()
		err = fmt.Errorf("%w; the logs are whole up to %s at byte %d and %s at byte %d", err, b.File, b.Pos, l.File, l.Pos)
	}
	switch {
	case bin != nil:
		at = txn.Coord{File: bin.File, Pos: uint64(bin.Offset)}
	case local != nil:
		at = *local
	case lost == nil || lost.n < 0:
	case lost.local:
		at = r.local[lost.n].start
	case r.bin[lost.n].Partial:
		at = r.bin[lost.n].End
	default:
		at = r.bin[lost.n].Start
	}
	return &DamageError{File: at.File, Offset: at.Pos, Err: err}
}

// Tail returns what Replay will apply, in order.
func (r *Recovery) Tail() []TailTxn {
	out := make([]TailTxn, 0, len(r.tail.steps))
	for _, s := range r.tail.steps {
		t := TailTxn{CSN: r.stepCSN(s), Private: s.bin < 0}
		if s.bin >= 0 {
			t.GTID, t.End = r.bin[s.bin].GTID, r.bin[s.bin].End
		}
		out = append(out, t)
	}
	return out
}

// stepCSN returns the number of a transaction's last record.
func (r *Recovery) stepCSN(s tailStep) txn.CSN {
	if s.bin >= 0 {
		return r.bin[s.bin].CSN
	}
	return r.local[s.local].csn
}

// CutAfter leaves out everything after csn, which is the CSN of a transaction
// of Tail, or what the store holds; Replay cuts it from the logs and saves it.
// A primary that comes back after a failover does so with what its successor
// does not have. The store cannot be taken back: a csn below its own is an
// error, and the data must be cloned anew.
func (r *Recovery) CutAfter(csn txn.CSN) error {
	if csn < r.at.csn {
		return fmt.Errorf("cannot cut after record %d: the store holds %d", csn, r.at.csn)
	}
	t := mergedTail{end: r.at.csn}
	for _, s := range r.tail.steps {
		if r.stepCSN(s) > csn {
			break
		}
		t.steps, t.end = append(t.steps, s), r.stepCSN(s)
		if s.local >= 0 {
			t.local = s.local + 1
		}
		if s.bin >= 0 {
			t.bin = s.bin + 1
		}
	}
	if t.end != csn {
		return fmt.Errorf("cannot cut after record %d: no transaction ends there", csn)
	}
	r.tail = t
	return nil
}

// mustCut reports whether a log holds anything behind the run.
func (r *Recovery) mustCut() bool {
	return r.torn || r.tail.bin < len(r.bin) || r.tail.local < len(r.local)
}

// ends returns the places in both logs where the run ends.
func (r *Recovery) ends() (bin, local txn.Coord) {
	bin, local = r.at.bin, r.at.local
	if n := r.tail.bin; n > 0 {
		bin = r.bin[n-1].End
	}
	if n := r.tail.local; n > 0 {
		local = r.local[n-1].end
	}
	return bin, local
}
