package storage

import (
	"fmt"

	"binrelay/binlog/txn"
)

// foundRecord is a record that a scan met in one of the logs: all that the
// decision about the tail needs of it.
type foundRecord struct {
	csn     txn.CSN
	index   uint16 // place in its commit group, counted over both logs
	joined  bool   // local half of a mixed transaction: the binlog half has csn+1
	partial bool   // not whole: proves that its group was written, no more
}

// group returns the CSN of the first record of its commit group.
func (f foundRecord) group() txn.CSN { return f.csn - txn.CSN(f.index) }

// foundMark is a mark in the local log: everything up to csn was durable in
// both logs when it was written, and what follows is synced with each group,
// or not.
type foundMark struct {
	csn    txn.CSN
	synced bool
}

// tailStep is a transaction to replay: places in the two slices given to
// mergeTail, -1 for a half it does not have.
type tailStep struct{ local, bin int }

// mergedTail is the decision about what follows the store in the logs.
type mergedTail struct {
	steps []tailStep // the longest gapless run
	end   txn.CSN    // of the run's last record
	bin   int        // bin[:bin] and
	local int        // local[:local] belong to the run; what follows is cut
}

// lostRecordError means that synced records are missing: something was written
// that only a synced predecessor allows.
type lostRecordError struct {
	missing txn.CSN
	local   bool // where the proof stands: place n of the local log's records, or
	n       int  // of the binlog's; -1 = a mark
}

func (e *lostRecordError) Error() string {
	return fmt.Sprintf("record %d is missing, though it was synced", e.missing)
}

// mergeTail decides what to replay. base is the CSN that the store holds and
// synced its mode (coordinate.lax); bin and local are the records with higher
// numbers in the order they stand in the logs, marks those of the local log.
//
// The run is the longest gapless sequence over both logs, where a mixed
// transaction counts only with both halves. Groups are written one after the
// other, each after the sync of the one before. So what belongs to the group of
// the first missing record, and nothing else, may be an unsynced rest that a
// crash tore; anything of a later group proves that synced data is gone. While
// groups are not synced (sync_binlog ≠ 1) only marks prove that.
func mergeTail(base txn.CSN, synced bool, bin, local []foundRecord, marks []foundMark) (t mergedTail, err error) {
	if err := checkOrder(base, bin, "binlog"); err != nil {
		return t, err
	}
	if err := checkOrder(base, local, "local log"); err != nil {
		return t, err
	}
	next := base + 1
	has := func(recs []foundRecord, at int, csn txn.CSN) bool {
		return at < len(recs) && recs[at].csn == csn && !recs[at].partial
	}
	for {
		l, b := has(local, t.local, next), has(bin, t.bin, next)
		if l && b {
			return t, fmt.Errorf("record %d stands in both logs", next)
		}
		switch {
		case l && local[t.local].joined:
			if !has(bin, t.bin, next+1) {
				l = false
				break
			}
			t.steps = append(t.steps, tailStep{t.local, t.bin})
			t.local, t.bin, next = t.local+1, t.bin+1, next+2
		case l:
			t.steps = append(t.steps, tailStep{t.local, -1})
			t.local, next = t.local+1, next+1
		case b:
			t.steps = append(t.steps, tailStep{-1, t.bin})
			t.bin, next = t.bin+1, next+1
		}
		if !l && !b {
			break
		}
	}
	t.end = next - 1
	return t, checkRest(t, synced, bin, local, marks)
}

// checkRest refuses when something behind the run proves that it is too short.
func checkRest(t mergedTail, synced bool, bin, local []foundRecord, marks []foundMark) error {
	missing := t.end + 1
	for _, m := range marks {
		if m.csn >= missing {
			return &lostRecordError{missing: missing, local: true, n: -1}
		}
		synced = m.synced
	}
	if !synced {
		return nil
	}
	for n := t.bin; n < len(bin); n++ {
		if bin[n].group() > missing {
			return &lostRecordError{missing: missing, n: n}
		}
	}
	for n := t.local; n < len(local); n++ {
		if local[n].group() > missing {
			return &lostRecordError{missing: missing, local: true, n: n}
		}
	}
	return nil
}

func checkOrder(base txn.CSN, recs []foundRecord, log string) error {
	for _, r := range recs {
		if r.csn <= base {
			return fmt.Errorf("%s: record %d stands after record %d", log, r.csn, base)
		}
		base = r.csn
	}
	return nil
}
