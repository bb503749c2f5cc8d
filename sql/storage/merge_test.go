package storage

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"binrelay/binlog/txn"
)

// The simulator keeps two logs as lists of records, a store that is durable up
// to some CSN, and the history of everything that was ever written. It commits
// groups of plain, private and mixed transactions, lets some be refused in the
// middle of a write, changes sync_binlog, flushes, purges, resets the binlog,
// and crashes at every point: what was not synced survives in any pattern.
// Then mergeTail decides, and the store must hold a prefix of the history with
// everything that was acknowledged.

type simRecord struct {
	foundRecord
	id   int
	mark *foundMark // the entry is a mark, not a record
}

type simLog struct {
	entries []simRecord
	synced  int
}

func (l *simLog) sync() { l.synced = len(l.entries) }

func (l *simLog) crash(r *rand.Rand) {
	keep := slices.Clone(l.entries[:l.synced])
	for _, x := range l.entries[l.synced:] {
		switch r.IntN(5) {
		case 0, 1:
			keep = append(keep, x)
		case 2:
			if x.mark == nil {
				x.partial = true // torn: its number can be read, no more
				keep = append(keep, x)
			}
		}
	}
	l.entries = keep
	l.sync()
}

// after returns the records with CSNs above csn, and the marks.
func (l *simLog) after(csn txn.CSN) (ids []int, recs []foundRecord, marks []foundMark) {
	for _, x := range l.entries {
		if x.mark != nil {
			marks = append(marks, *x.mark)
		} else if x.csn > csn {
			ids, recs = append(ids, x.id), append(recs, x.foundRecord)
		}
	}
	return ids, recs, marks
}

// cut removes the records above csn.
func (l *simLog) cut(csn txn.CSN) {
	l.entries = slices.DeleteFunc(l.entries, func(x simRecord) bool { return x.mark == nil && x.csn > csn })
	l.sync()
}

type simTxn struct {
	id    int
	kind  int // 0 plain, 1 private, 2 mixed
	last  txn.CSN
	group txn.CSN
}

type sim struct {
	r       *rand.Rand
	lax     bool // histories may switch to sync_binlog ≠ 1
	bin     simLog
	local   simLog
	history []simTxn
	safe    int // transactions that must survive
	csn     txn.CSN
	mode    bool // sync_binlog = 1
	store   txn.CSN
	stored  int // transactions that the durable store holds
	storeM  bool
	nextID  int
	crashes int
	cuts    int
}

func newSim(seed uint64, lax bool) *sim {
	s := &sim{r: rand.New(rand.NewPCG(seed, 17)), lax: lax, mode: true, storeM: true}
	s.note()
	return s
}

// note writes a mark, as a new local file or a change of the mode does.
func (s *sim) note() {
	s.bin.sync()
	s.local.sync()
	s.safe = len(s.history)
	s.local.entries = append(s.local.entries, simRecord{mark: &foundMark{csn: s.csn, synced: s.mode}})
	s.local.sync()
}

func (s *sim) flush() {
	s.bin.sync()
	s.local.sync()
	s.safe, s.stored = len(s.history), len(s.history)
	s.store, s.storeM = s.csn, s.mode
}

// commit writes one group and crashes at crashAt, if that is a point of it.
func (s *sim) commit(crashAt int) (crashed bool) {
	b0, l0, c0, h0 := len(s.bin.entries), len(s.local.entries), s.csn, len(s.history)
	index := uint16(0)
	var bins []simRecord
	for range 1 + s.r.IntN(4) {
		s.nextID++
		t := simTxn{id: s.nextID, kind: s.r.IntN(3), group: c0 + 1}
		if t.kind != 0 {
			s.csn++
			s.local.entries = append(s.local.entries, simRecord{id: t.id,
				foundRecord: foundRecord{csn: s.csn, index: index, joined: t.kind == 2}})
			index++
		}
		if t.kind != 1 {
			s.csn++
			bins = append(bins, simRecord{id: t.id, foundRecord: foundRecord{csn: s.csn, index: index}})
			index++
		}
		t.last = s.csn
		s.history = append(s.history, t)
	}
	if crashAt == 0 {
		return true
	}
	if s.r.IntN(8) == 0 && len(bins) > 0 { // the binlog write fails: both logs go back
		s.bin.entries = append(s.bin.entries, bins[:s.r.IntN(len(bins))]...)
		if crashAt == 1 {
			return true
		}
		s.bin.entries = s.bin.entries[:b0]
		s.bin.synced = min(s.bin.synced, b0)
		if s.mode {
			s.bin.sync()
		}
		if crashAt == 2 {
			return true
		}
		s.local.entries = s.local.entries[:l0]
		s.local.synced = min(s.local.synced, l0)
		s.csn, s.history = c0, s.history[:h0]
		return false
	}
	s.bin.entries = append(s.bin.entries, bins...)
	if crashAt == 3 {
		return true
	}
	if s.mode {
		first, second := &s.bin, &s.local // side by side: either is the first
		if s.r.IntN(2) == 0 {
			first, second = second, first
		}
		first.sync()
		if crashAt == 4 {
			return true
		}
		second.sync()
		s.safe = len(s.history)
	}
	return crashAt == 5
}

// damage removes a record of a group that is older than the newest one that
// can be seen, which is proof enough to refuse.
func (s *sim) damage() bool {
	newest := txn.CSN(0)
	for _, l := range []*simLog{&s.bin, &s.local} {
		for _, x := range l.entries {
			if x.mark == nil {
				newest = max(newest, x.group())
			}
		}
	}
	l := &s.bin
	if s.r.IntN(2) == 0 {
		l = &s.local
	}
	for i, x := range l.entries {
		if x.mark == nil && !x.partial && x.csn > s.store && x.group() < newest {
			l.entries = slices.Delete(l.entries, i, i+1)
			l.sync()
			return true
		}
	}
	return false
}

// recover decides, and checks the decision against the history.
func (s *sim) recover() error {
	binIDs, bins, _ := s.bin.after(s.store)
	localIDs, locals, marks := s.local.after(s.store)
	t, err := mergeTail(s.store, s.storeM, bins, locals, marks)
	if err != nil {
		return err
	}
	n := s.stored
	for _, st := range t.steps {
		if n >= len(s.history) {
			return fmt.Errorf("more transactions than were written")
		}
		want := s.history[n]
		if (st.local >= 0) != (want.kind != 0) || (st.bin >= 0) != (want.kind != 1) {
			return fmt.Errorf("transaction %d comes back with halves %+v", want.id, st)
		}
		if st.local >= 0 && localIDs[st.local] != want.id || st.bin >= 0 && binIDs[st.bin] != want.id {
			return fmt.Errorf("transaction %d comes back as another", want.id)
		}
		n++
	}
	if n < s.safe {
		return fmt.Errorf("%d transactions were acknowledged, %d are back", s.safe, n)
	}
	last := s.store
	if n > s.stored {
		last = s.history[n-1].last
	}
	if t.end != last {
		return fmt.Errorf("run ends at %d, want %d", t.end, last)
	}
	if t.bin < len(bins) || t.local < len(locals) {
		s.cuts++
	}
	s.history, s.safe, s.csn = s.history[:n], n, t.end
	s.bin.cut(t.end)
	s.local.cut(t.end)
	s.flush() // recovery ends with one
	s.note()
	return nil
}

func (s *sim) run(damage bool) (refused bool, err error) {
	for range 30 {
		switch s.r.IntN(50) {
		case 0:
			s.flush()
			if s.r.IntN(2) == 0 { // RESET MASTER
				s.bin = simLog{}
			}
			continue
		case 1:
			s.flush() // and purge
			s.bin.entries = nil
			s.bin.sync()
			continue
		case 2:
			if s.lax {
				s.mode = !s.mode
			}
			s.note()
			continue
		case 3: // the timer
			s.bin.sync()
			s.local.sync()
			s.safe = len(s.history)
			continue
		}
		if !s.commit(s.r.IntN(24)) {
			continue
		}
		s.crashes++
		s.bin.crash(s.r)
		s.local.crash(s.r)
		hurt := damage && s.r.IntN(4) == 0 && s.damage()
		err := s.recover()
		var lost *lostRecordError
		if hurt && errors.As(err, &lost) {
			return true, nil
		}
		if hurt {
			return false, fmt.Errorf("damage to an earlier group is not refused (%v)", err)
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

func TestMergeTail_Histories(t *testing.T) {
	for _, c := range []struct {
		name        string
		lax, damage bool
	}{{"sync", false, false}, {"sync and lax", true, false}, {"damage", false, true}} {
		t.Run(c.name, func(t *testing.T) {
			n := uint64(20000)
			if testing.Short() {
				n = 2000
			}
			crashes, cuts, refused := 0, 0, 0
			for seed := range n {
				s := newSim(seed, c.lax)
				ref, err := s.run(c.damage)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if ref {
					refused++
				}
				crashes, cuts = crashes+s.crashes, cuts+s.cuts
			}
			t.Logf("%d histories, %d crashes, %d with something to cut, %d refused for damage", n, crashes, cuts, refused)
			if crashes < int(n) || cuts == 0 || c.damage && refused < int(n)/100 {
				t.Error("the histories do not test much")
			}
		})
	}
}

func TestMergeTail_Rules(t *testing.T) {
	rec := func(csn txn.CSN, index uint16) foundRecord { return foundRecord{csn: csn, index: index} }
	joined := func(csn txn.CSN, index uint16) foundRecord {
		return foundRecord{csn: csn, index: index, joined: true}
	}
	half := func(csn txn.CSN, index uint16) foundRecord {
		return foundRecord{csn: csn, index: index, partial: true}
	}
	for _, c := range []struct {
		name       string
		lax        bool
		bin, local []foundRecord
		marks      []foundMark
		end        txn.CSN // 0 = refused
	}{
		{name: "nothing", end: 10},
		{name: "plain", bin: []foundRecord{rec(11, 0), rec(12, 1), rec(13, 0)}, end: 13},
		{name: "private between", bin: []foundRecord{rec(11, 0), rec(13, 2)}, local: []foundRecord{rec(12, 1)}, end: 13},
		{name: "mixed", bin: []foundRecord{rec(12, 1)}, local: []foundRecord{joined(11, 0)}, end: 12},
		{name: "mixed, binlog half lost", local: []foundRecord{joined(11, 0), rec(13, 2)}, end: 10},
		{name: "mixed, local half lost", bin: []foundRecord{rec(12, 1)}, end: 10},
		{name: "hole in the last group", bin: []foundRecord{rec(11, 0), rec(13, 1), rec(14, 2)}, end: 11},
		{name: "hole before a later group", bin: []foundRecord{rec(11, 0), rec(13, 0)}, end: 0},
		{name: "the same, not synced", lax: true, bin: []foundRecord{rec(11, 0), rec(13, 0)}, end: 11},
		{name: "synced from 11 on", lax: true, marks: []foundMark{{10, true}}, bin: []foundRecord{rec(11, 0), rec(13, 0)}, end: 0},
		{name: "proof in the other log", bin: []foundRecord{rec(11, 0)}, local: []foundRecord{rec(14, 1)}, end: 0},
		{name: "half a record of a later group", bin: []foundRecord{rec(11, 0), half(14, 1)}, end: 0},
		{name: "half a record of the next group", bin: []foundRecord{rec(11, 0), half(13, 1)}, end: 11},
		{name: "half a record is none", bin: []foundRecord{half(11, 0)}, end: 10},
		{name: "mark behind the hole", lax: true, marks: []foundMark{{12, false}}, bin: []foundRecord{rec(11, 0)}, end: 0},
		{name: "both logs have 11", bin: []foundRecord{rec(11, 0)}, local: []foundRecord{rec(11, 0)}, end: 0},
		{name: "numbers go back", bin: []foundRecord{rec(12, 0), rec(11, 0)}, end: 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := mergeTail(10, !c.lax, c.bin, c.local, c.marks)
			if c.end == 0 && err == nil || c.end != 0 && (err != nil || got.end != c.end) {
				t.Errorf("end %d, error %v; want end %d", got.end, err, c.end)
			}
		})
	}
}
