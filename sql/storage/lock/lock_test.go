package lock_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"binrelay/sql/storage/lock"
)

func take(t testing.TB, l *lock.Table, o *lock.Owner, key string, m lock.Mode) {
	t.Helper()
	if _, err := l.Acquire(t.Context(), o, []byte(key), m, lock.Wait{Policy: lock.NoWait}); err != nil {
		t.Fatalf("owner %d, %s, %v: %v", o.ID(), key, m, err)
	}
}

// begin asks for a lock in a goroutine and returns when the request is queued
// or answered.
func begin(t testing.TB, l *lock.Table, o *lock.Owner, key string, m lock.Mode) <-chan error {
	t.Helper()
	before := len(l.Waits())
	done := make(chan error, 1)
	go func() {
		_, err := l.Acquire(context.Background(), o, []byte(key), m, lock.Wait{})
		done <- err
	}()
	for len(l.Waits()) == before && len(done) == 0 {
		runtime.Gosched()
	}
	return done
}

func waiting(done <-chan error) bool { return len(done) == 0 }

func TestModes(t *testing.T) {
	l := lock.New()
	modes := []lock.Mode{lock.IS, lock.IX, lock.S, lock.SIX, lock.X}
	// Row: held; column: asked for.
	want := [5]string{"yyyyn", "yynnn", "ynynn", "ynnnn", "nnnnn"}
	for i, held := range modes {
		for j, asked := range modes {
			a, b := l.NewOwner(1), l.NewOwner(2)
			take(t, l, a, "k", held)
			_, err := l.Acquire(t.Context(), b, []byte("k"), asked, lock.Wait{Policy: lock.NoWait})
			if (err == nil) != (want[i][j] == 'y') {
				t.Errorf("%v beside %v: %v", asked, held, err)
			}
			l.ReleaseAll(a)
			l.ReleaseAll(b)
		}
	}
	o := l.NewOwner(1)
	take(t, l, o, "k", lock.IX)
	take(t, l, o, "k", lock.S)
	if !l.Holds(o, []byte("k"), lock.SIX) || l.Holds(o, []byte("k"), lock.X) {
		t.Error("IX and S are not SIX")
	}
	if o.Held() != 1 {
		t.Errorf("%d locks held", o.Held())
	}
}

func TestAcquire_Policies(t *testing.T) {
	l := lock.New()
	a, b := l.NewOwner(1), l.NewOwner(2)
	take(t, l, a, "k", lock.X)
	cause := errors.New("killed")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for _, c := range []struct {
		ctx  context.Context
		w    lock.Wait
		want error
	}{
		{t.Context(), lock.Wait{Policy: lock.NoWait}, lock.ErrNoWait},
		{t.Context(), lock.Wait{Policy: lock.SkipLocked}, lock.ErrSkip},
		{t.Context(), lock.Wait{Timeout: time.Millisecond}, lock.ErrTimeout},
		{ctx, lock.Wait{}, cause},
	} {
		if _, err := l.Acquire(c.ctx, b, []byte("k"), lock.S, c.w); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
		if b.Held() != 0 || len(l.Waits()) != 0 {
			t.Errorf("after %v: %d held, %d waits", c.want, b.Held(), len(l.Waits()))
		}
	}
	l.ReleaseAll(a)
	take(t, l, b, "k", lock.X)
}

func TestAcquire_Fresh(t *testing.T) {
	l := lock.New()
	a, b := l.NewOwner(1), l.NewOwner(2)
	for _, want := range []bool{true, false, false} {
		fresh, err := l.Acquire(t.Context(), a, []byte("k"), lock.S, lock.Wait{})
		if err != nil || fresh != want {
			t.Errorf("fresh %v, %v; want %v", fresh, err, want)
		}
	}
	if fresh, err := l.Acquire(t.Context(), a, []byte("k"), lock.X, lock.Wait{}); fresh || err != nil {
		t.Errorf("upgrade: fresh %v, %v", fresh, err)
	}
	take(t, l, a, "other", lock.X)
	l.Release(a, []byte("k"))
	l.Release(a, []byte("unknown"))
	take(t, l, b, "k", lock.X)
	if a.Held() != 1 || !l.Holds(a, []byte("other"), lock.X) {
		t.Error("Release gave the wrong lock back")
	}
}

func TestQueue_FirstComeFirstServed(t *testing.T) {
	l := lock.New()
	first := l.NewOwner(0)
	take(t, l, first, "k", lock.X)
	var owners []*lock.Owner
	var done []<-chan error
	modes := []lock.Mode{lock.S, lock.S, lock.X, lock.S, lock.X}
	for i, m := range modes {
		o := l.NewOwner(uint64(i + 1))
		owners = append(owners, o)
		done = append(done, begin(t, l, o, "k", m))
	}
	l.ReleaseAll(first)
	for _, step := range [][]int{{0, 1}, {2}, {3}, {4}} {
		for _, i := range step {
			if err := <-done[i]; err != nil {
				t.Fatal(err)
			}
		}
		for i := step[len(step)-1] + 1; i < len(done); i++ {
			if !waiting(done[i]) {
				t.Fatalf("waiter %d overtook", i)
			}
		}
		for _, i := range step {
			l.ReleaseAll(owners[i])
		}
	}
	if l.Len() != 0 {
		t.Errorf("%d locks left", l.Len())
	}
}

// TestQueue_ReadersDoNotStarveWriter: a reader that comes after a waiting
// writer waits behind it, and goes on when the writer gives up.
func TestQueue_ReadersDoNotStarveWriter(t *testing.T) {
	l := lock.New()
	reader, writer, late := l.NewOwner(1), l.NewOwner(2), l.NewOwner(3)
	take(t, l, reader, "k", lock.S)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := l.Acquire(ctx, writer, []byte("k"), lock.X, lock.Wait{})
		gone <- err
	}()
	for len(l.Waits()) == 0 {
		runtime.Gosched()
	}
	lateDone := begin(t, l, late, "k", lock.S)
	if !waiting(lateDone) {
		t.Fatal("a late reader overtook the writer")
	}
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := <-lateDone; err != nil {
		t.Fatal(err)
	}
}

func TestUpgrade_GoesFirst(t *testing.T) {
	l := lock.New()
	a, b, c := l.NewOwner(1), l.NewOwner(2), l.NewOwner(3)
	take(t, l, a, "k", lock.S)
	take(t, l, b, "k", lock.S)
	cDone := begin(t, l, c, "k", lock.X)
	aDone := begin(t, l, a, "k", lock.X)
	l.ReleaseAll(b)
	if err := <-aDone; err != nil {
		t.Fatal(err)
	}
	if !waiting(cDone) || !l.Holds(a, []byte("k"), lock.X) {
		t.Fatal("the upgrade did not go first")
	}
	l.ReleaseAll(a)
	if err := <-cDone; err != nil {
		t.Fatal(err)
	}
}

func TestUpgrade_TwoDeadlock(t *testing.T) {
	l := lock.New()
	a, b := l.NewOwner(1), l.NewOwner(2)
	take(t, l, a, "k", lock.S)
	take(t, l, b, "k", lock.S)
	aDone := begin(t, l, a, "k", lock.X)
	if _, err := l.Acquire(t.Context(), b, []byte("k"), lock.X, lock.Wait{}); !errors.Is(err, lock.ErrDeadlock) {
		t.Fatal(err)
	}
	l.ReleaseAll(b)
	if err := <-aDone; err != nil {
		t.Fatal(err)
	}
}

// TestDeadlock_Cycles: owner i holds key i and asks for key i+1. The last one
// closes the cycle; the victim is the cheapest, among equals the last.
func TestDeadlock_Cycles(t *testing.T) {
	for n := 2; n <= 5; n++ {
		for cheapest := -1; cheapest < n; cheapest++ {
			t.Run(fmt.Sprintf("%d/%d", n, cheapest), func(t *testing.T) {
				l := lock.New()
				owners := make([]*lock.Owner, n)
				done := make([]<-chan error, n)
				for i := range owners {
					owners[i] = l.NewOwner(uint64(i))
					if i != cheapest {
						owners[i].SetWeight(10)
					}
					take(t, l, owners[i], fmt.Sprint(i), lock.X)
				}
				for i := range owners {
					if i == n-1 {
						for k := range n - 1 {
							if !waiting(done[k]) {
								t.Fatalf("owner %d does not wait", k)
							}
						}
					}
					ch := make(chan error, 1)
					done[i] = ch
					before := len(l.Waits())
					go func() {
						_, err := l.Acquire(context.Background(), owners[i], []byte(fmt.Sprint((i+1)%n)), lock.X, lock.Wait{})
						ch <- err
					}()
					for i < n-1 && len(l.Waits()) == before {
						runtime.Gosched()
					}
				}
				victim := cheapest
				if victim < 0 {
					victim = n - 1
				}
				if err := <-done[victim]; !errors.Is(err, lock.ErrDeadlock) {
					t.Fatalf("victim: %v", err)
				}
				// The others finish one after the other, backwards from the victim.
				l.ReleaseAll(owners[victim])
				for k := 1; k < n; k++ {
					i := (victim - k + n) % n
					if err := <-done[i]; err != nil {
						t.Fatalf("owner %d: %v", i, err)
					}
					l.ReleaseAll(owners[i])
				}
				if l.Len() != 0 {
					t.Errorf("%d locks left", l.Len())
				}
			})
		}
	}
}

// TestDeadlock_ThroughQueue: B waits behind C's request, not for a holder it
// conflicts with.
func TestDeadlock_ThroughQueue(t *testing.T) {
	l := lock.New()
	a, b, c := l.NewOwner(1), l.NewOwner(2), l.NewOwner(3)
	take(t, l, a, "k", lock.S)
	take(t, l, b, "m", lock.X)
	cDone := begin(t, l, c, "k", lock.X) // for a
	bDone := begin(t, l, b, "k", lock.S) // behind c
	_, err := l.Acquire(t.Context(), a, []byte("m"), lock.X, lock.Wait{})
	if !errors.Is(err, lock.ErrDeadlock) {
		t.Fatal(err)
	}
	l.ReleaseAll(a)
	if err := <-cDone; err != nil {
		t.Fatal(err)
	}
	l.ReleaseAll(c)
	if err := <-bDone; err != nil {
		t.Fatal(err)
	}
}

func TestWaits(t *testing.T) {
	l := lock.New()
	a, b, c := l.NewOwner(1), l.NewOwner(2), l.NewOwner(3)
	take(t, l, a, "k", lock.X)
	bDone := begin(t, l, b, "k", lock.S)
	cDone := begin(t, l, c, "k", lock.X)
	edges := l.Waits()
	if len(edges) != 2 || edges[0].Waiter != 2 || fmt.Sprint(edges[0].Blockers) != "[1]" ||
		edges[1].Waiter != 3 || fmt.Sprint(edges[1].Blockers) != "[1 2]" || string(edges[1].Key) != "k" || edges[1].Mode != lock.X {
		t.Errorf("%+v", edges)
	}
	l.ReleaseAll(a)
	<-bDone
	l.ReleaseAll(b)
	<-cDone
}

// TestStress runs transactions over few keys in random order, so that all of
// waits, upgrades, deadlocks, time-outs and single releases happen.
func TestStress(t *testing.T) { stress(t, lock.New()) }

// TestStress_Crowds is the same with owners that keep all but two of their
// locks, or all, as hashes.
func TestStress_Crowds(t *testing.T) {
	for _, n := range []int{0, 2} {
		l := lock.New()
		l.CrowdFrom(n)
		stress(t, l)
	}
}

func stress(t *testing.T, l *lock.Table) {
	const keys, workers, rounds = 12, 16, 400
	var readers, writers [keys]atomic.Int32
	var deadlocks, timeouts atomic.Int32
	var wg sync.WaitGroup
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := rand.New(rand.NewPCG(uint64(w), 1))
			o := l.NewOwner(uint64(w))
			for range rounds {
				held := map[int]lock.Mode{}
				drop := func() {
					for k, m := range held {
						if m == lock.X {
							writers[k].Add(-1)
						} else {
							readers[k].Add(-1)
						}
					}
					l.ReleaseAll(o)
				}
				for n := range 1 + r.IntN(5) {
					k, m := r.IntN(keys), lock.S
					if r.IntN(2) == 0 {
						m = lock.X
					}
					o.SetWeight(uint64(n))
					w := lock.Wait{}
					if r.IntN(10) == 0 {
						w.Timeout = time.Duration(1 + r.IntN(100_000))
					}
					_, err := l.Acquire(context.Background(), o, []byte{'k', byte(k)}, m, w)
					if errors.Is(err, lock.ErrTimeout) {
						timeouts.Add(1)
						continue
					}
					if errors.Is(err, lock.ErrDeadlock) {
						deadlocks.Add(1)
						break
					}
					if err != nil {
						t.Error(err)
						break
					}
					before, again := held[k]
					if m == lock.X && (!again || before == lock.S) {
						if again {
							readers[k].Add(-1)
						}
						if writers[k].Add(1) != 1 || readers[k].Load() != 0 {
							t.Errorf("key %d: %d writers, %d readers", k, writers[k].Load(), readers[k].Load())
						}
						held[k] = lock.X
					} else if !again {
						readers[k].Add(1)
						if writers[k].Load() != 0 {
							t.Errorf("key %d: a reader beside a writer", k)
						}
						held[k] = lock.S
					}
					runtime.Gosched()
				}
				if len(held) > 0 && r.IntN(3) == 0 { // one goes early
					for k, m := range held {
						if m == lock.S {
							readers[k].Add(-1)
							delete(held, k)
							l.Release(o, []byte{'k', byte(k)})
						}
						break
					}
				}
				drop()
			}
		}()
	}
	wg.Wait()
	if l.Len() != 0 || len(l.Waits()) != 0 {
		t.Errorf("%d locks and %d waits left", l.Len(), len(l.Waits()))
	}
	if deadlocks.Load() == 0 {
		t.Error("no deadlock happened: the test shows too little")
	}
	t.Logf("%d deadlocks, %d time-outs", deadlocks.Load(), timeouts.Load())
}

// TestOrdered_NoFalseDeadlock: who takes keys in one order never deadlocks.
func TestOrdered_NoFalseDeadlock(t *testing.T) {
	l := lock.New()
	var wg sync.WaitGroup
	for w := range 12 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := rand.New(rand.NewPCG(uint64(w), 2))
			o := l.NewOwner(uint64(w))
			for range 500 {
				for k := range 6 {
					if r.IntN(2) == 0 {
						continue
					}
					m := lock.S
					if r.IntN(2) == 0 {
						m = lock.X
					}
					if _, err := l.Acquire(context.Background(), o, []byte{byte(k)}, m, lock.Wait{}); err != nil {
						t.Error(err)
					}
					runtime.Gosched()
				}
				l.ReleaseAll(o)
			}
		}()
	}
	wg.Wait()
}

func TestUncontended_DoesNotAllocate(t *testing.T) {
	l := lock.New()
	o := l.NewOwner(1)
	key := []byte("t\x00\x00\x00\x00\x00\x00\x00\x07\x80\x00\x00\x00\x00\x00\x00\x01")
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() {
		for i := range byte(10) {
			key[len(key)-1] = i
			l.Acquire(ctx, o, key, lock.X, lock.Wait{})
		}
		l.ReleaseAll(o)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkUncontended(b *testing.B) {
	l := lock.New()
	o := l.NewOwner(1)
	ctx := b.Context()
	key := make([]byte, 17)
	n := 0
	for b.Loop() {
		key[16], key[15] = byte(n), byte(n>>8)
		n++
		l.Acquire(ctx, o, key, lock.X, lock.Wait{})
		if n%16 == 0 {
			l.ReleaseAll(o)
		}
	}
}

func BenchmarkHotRow(b *testing.B) {
	l := lock.New()
	key := []byte("hot")
	var id atomic.Uint64
	b.RunParallel(func(pb *testing.PB) {
		o := l.NewOwner(id.Add(1))
		for pb.Next() {
			if _, err := l.Acquire(context.Background(), o, key, lock.X, lock.Wait{}); err != nil {
				b.Error(err)
			}
			l.ReleaseAll(o)
		}
	})
}
