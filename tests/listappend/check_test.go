package listappend_test

import (
	"slices"
	"testing"

	. "binrelay/tests/listappend"
)

// txn is a committed transaction of no process.
func txn(ops ...Op) Txn { return Txn{Ops: ops, Process: -1} }

func ended(t Txn, o Outcome) Txn {
	t.Outcome = o
	return t
}

func by(p int, t Txn) Txn {
	t.Process = p
	return t
}

func during(start, end int64, t Txn) Txn {
	t.Start, t.End = start, end
	return t
}

func kinds(found []Anomaly) []Kind {
	var out []Kind
	for _, a := range found {
		if !slices.Contains(out, a.Kind) {
			out = append(out, a.Kind)
		}
	}
	slices.Sort(out)
	return out
}

func TestCheck_HandMadeHistories(t *testing.T) {
	final := func(lists ...[]int) map[int][]int { // of keys 1, 2, …
		m := map[int][]int{}
		for i, l := range lists {
			m[i+1] = l
		}
		return m
	}
	for _, tc := range []struct {
		name string
		h    []Txn
		opt  Options
		want []Kind
	}{
		{name: "nothing"},
		{name: "serial", h: []Txn{
			txn(Read(1), Append(1, 1), Read(1, 1)),
			txn(Append(1, 2), Append(1, 3), Append(2, 1)),
			txn(Read(1, 1, 2, 3), Read(2, 1)),
		}, opt: Options{Final: final([]int{1, 2, 3}, []int{1})}},
		{name: "an append that nobody reads", h: []Txn{txn(Append(1, 1)), txn(Append(1, 2)), txn(Read(1, 2))}},
		{name: "an unknown outcome seen", h: []Txn{ended(txn(Append(1, 1)), Unknown), txn(Read(1, 1))}, opt: Options{Final: final([]int{1})}},
		{name: "an unknown outcome not seen", h: []Txn{ended(txn(Append(1, 1)), Unknown), txn(Read(1))}, opt: Options{Final: final()}},
		{name: "reads of an undone transaction do not count", h: []Txn{
			txn(Append(1, 1)), txn(Append(1, 2)), txn(Read(1, 1, 2)), ended(txn(Read(1, 9)), Aborted)}},

		{name: "half of an unknown outcome", h: []Txn{ended(txn(Append(1, 1), Append(2, 1)), Unknown)}, opt: Options{Final: final([]int{1}, nil)}, want: []Kind{Lost}},
		{name: "lost", h: []Txn{txn(Append(1, 1))}, opt: Options{Final: final()}, want: []Kind{Lost}},
		{name: "duplicate", h: []Txn{txn(Append(1, 1)), txn(Append(1, 2)), txn(Read(1, 1, 2, 1))}, want: []Kind{Duplicate, G0}},
		{name: "garbage", h: []Txn{txn(Append(1, 1)), txn(Read(1, 1, 7))}, want: []Kind{Garbage}},
		{name: "incompatible", h: []Txn{txn(Append(1, 1)), txn(Append(1, 2)), txn(Append(1, 3)), txn(Read(1, 1, 2, 3)), txn(Read(1, 2))}, want: []Kind{Incompatible}},
		{name: "own append not seen", h: []Txn{txn(Append(1, 1), Read(1))}, want: []Kind{Internal}},
		{name: "own append not last", h: []Txn{txn(Append(1, 1), Read(1, 1, 2)), txn(Append(1, 2))}, want: []Kind{Internal}},
		{name: "aborted read", h: []Txn{ended(txn(Append(1, 1)), Aborted), txn(Read(1, 1))}, want: []Kind{G1a}},
		{name: "aborted but there", h: []Txn{ended(txn(Append(1, 1)), Aborted)}, opt: Options{Final: final([]int{1})}, want: []Kind{G1a}},
		{name: "intermediate read", h: []Txn{txn(Append(1, 1), Append(1, 2)), txn(Read(1, 1)), txn(Read(1, 1, 2))}, want: []Kind{G1b, GSingle}},

		{name: "write cycle", h: []Txn{
			txn(Append(1, 1), Append(2, 1)), txn(Append(1, 2), Append(2, 2)),
			txn(Read(1, 1, 2)), txn(Read(2, 2, 1)),
		}, want: []Kind{G0}},
		{name: "circular flow of information", h: []Txn{
			txn(Append(1, 1), Read(2, 2)), txn(Append(2, 2), Read(1, 1)),
		}, want: []Kind{G1c}},
		{name: "circular flow over three", h: []Txn{
			txn(Append(1, 1), Read(2, 2)), txn(Append(2, 2), Read(3, 3)), txn(Append(3, 3), Append(1, 2)), txn(Read(1, 1, 2)),
		}, want: []Kind{G1c}},
		{name: "fractured read", h: []Txn{
			txn(Append(1, 1), Append(2, 1)), txn(Read(1, 1), Read(2)), txn(Read(2, 1)),
		}, want: []Kind{GSingle}},
		{name: "two reads that differ", h: []Txn{txn(Append(1, 1)), txn(Read(1), Read(1, 1))}, want: []Kind{GSingle, Nonrepeat}},
		{name: "reads old, writes new", h: []Txn{txn(Append(1, 1)), txn(Read(1), Append(1, 2), Read(1, 1, 2))}, want: []Kind{GSingle, Nonrepeat}},
		{name: "lost update", h: []Txn{
			txn(Read(1), Append(1, 1)), txn(Read(1), Append(1, 2)), txn(Read(1, 1, 2)),
		}, want: []Kind{GSingle, LostUpdate}},
		{name: "long fork", h: []Txn{
			txn(Append(1, 1)), txn(Append(2, 1)), txn(Read(1, 1), Read(2)), txn(Read(1), Read(2, 1)), txn(Read(1, 1), Read(2, 1)),
		}, want: []Kind{GNonadjacent, G2Item}},
		{name: "write skew", h: []Txn{
			txn(Read(1), Append(2, 1)), txn(Read(2), Append(1, 1)), txn(Read(1, 1), Read(2, 1)),
		}, want: []Kind{G2Item}},
		{name: "write skew over a condition", h: []Txn{
			txn(Read(1), Append(2, 1)), txn(Read(2), Append(1, 1)), txn(Read(1, 1), Read(2, 1)),
		}, opt: Options{Predicate: true}, want: []Kind{G2}},
		{name: "write skew of an unknown outcome", h: []Txn{
			txn(Read(1), Append(2, 1)), ended(txn(Read(2), Append(1, 1)), Unknown), txn(Read(1, 1), Read(2, 1)),
		}},

		{name: "backwards in a process", h: []Txn{
			txn(Append(1, 1)), by(1, txn(Read(1, 1))), by(1, txn(Read(1))),
		}, opt: Options{Process: true}, want: []Kind{"G-single-process"}},
		{name: "backwards in two processes", h: []Txn{
			txn(Append(1, 1)), by(1, txn(Read(1, 1))), by(2, txn(Read(1))),
		}, opt: Options{Process: true}},
		{name: "stale", h: []Txn{
			during(1, 2, txn(Append(1, 1))), during(3, 4, txn(Read(1))), during(5, 6, txn(Read(1, 1))),
		}, opt: Options{RealTime: true}, want: []Kind{"G-single-realtime"}},
		{name: "not stale while it commits", h: []Txn{
			during(1, 4, txn(Append(1, 1))), during(3, 4, txn(Read(1))), during(5, 6, txn(Read(1, 1))),
		}, opt: Options{RealTime: true}},
		{name: "stale over others", h: []Txn{
			during(1, 2, txn(Append(1, 1))), during(3, 4, txn(Append(2, 1))), during(3, 9, txn(Append(3, 1))), during(5, 6, txn(Append(4, 1))),
			during(7, 8, txn(Read(1))), during(9, 10, txn(Read(1, 1))),
		}, opt: Options{RealTime: true}, want: []Kind{"G-single-realtime"}},
		{name: "from the future", h: []Txn{
			during(1, 2, txn(Read(1, 1))), during(3, 4, txn(Append(1, 1))),
		}, opt: Options{RealTime: true}, want: []Kind{"G1c-realtime"}},
		{name: "an unknown outcome may come late", h: []Txn{
			during(1, 2, ended(txn(Append(1, 1)), Unknown)), during(3, 4, txn(Read(1))), during(5, 6, txn(Read(1, 1))),
		}, opt: Options{RealTime: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			found := Check(tc.h, tc.opt)
			slices.Sort(tc.want)
			if got := kinds(found); !slices.Equal(got, tc.want) {
				t.Errorf("found %v, want %v", got, tc.want)
				for _, a := range found {
					t.Logf("%s %v: %s", a.Kind, a.Txns, a.Text)
				}
			}
		})
	}
}

func TestLevel_Forbids(t *testing.T) {
	always := []Kind{G0, G1a, G1b, G1c, Internal, Duplicate, Garbage, Incompatible, Lost, "G1c-realtime"}
	snapshot := []Kind{GSingle, GNonadjacent, LostUpdate, Nonrepeat, "G-single-process", "G-single-realtime"}
	for _, tc := range []struct {
		level     Level
		yes, nots []Kind
	}{
		{ReadCommitted, always, append(snapshot, G2Item, G2)},
		{RepeatableRead, append(always, snapshot...), []Kind{G2Item, G2, "G2-item-realtime"}},
		{Serializable, append(append(always, snapshot...), G2Item, G2), nil},
	} {
		for _, k := range tc.yes {
			if !tc.level.Forbids(k) {
				t.Errorf("%s does not forbid %s", tc.level, k)
			}
		}
		for _, k := range tc.nots {
			if tc.level.Forbids(k) {
				t.Errorf("%s forbids %s", tc.level, k)
			}
		}
	}
}
