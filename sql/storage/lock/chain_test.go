package lock_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"

	"binrelay/sql/storage/lock"
)

func link(t testing.TB, l *lock.Link, key string) {
	t.Helper()
	if err := l.Acquire(t.Context(), []byte(key), lock.X, lock.Wait{Policy: lock.NoWait}); err != nil {
		t.Fatalf("%s: %v", key, err)
	}
}

func free(t testing.TB, l *lock.Table, key string) bool {
	t.Helper()
	o := l.NewOwner(99)
	defer l.ReleaseAll(o)
	_, err := l.Acquire(t.Context(), o, []byte(key), lock.X, lock.Wait{Policy: lock.NoWait})
	return err == nil
}

func TestChain_LastLinkGivesBack(t *testing.T) {
	l := lock.New()
	c := l.NewChain(1)
	a, b := c.Begin(), c.Begin()
	link(t, a, "both")
	link(t, a, "both")
	link(t, a, "a")
	link(t, b, "both")
	link(t, b, "b")
	a.Release()
	a.Release()
	if free(t, l, "both") || !free(t, l, "a") || free(t, l, "b") {
		t.Error("after the first link: wrong locks")
	}
	b.Release()
	if l.Len() != 0 {
		t.Errorf("%d locks left", l.Len())
	}
}

// TestChain_SettledIsNoDeadlock: a writer waits for a lock of a transaction
// that is being committed, while the chain waits for the writer.
func TestChain_SettledIsNoDeadlock(t *testing.T) {
	for _, settle := range []bool{true, false} {
		l := lock.New()
		c := l.NewChain(1)
		writer := l.NewOwner(2)
		a, b := c.Begin(), c.Begin()
		link(t, a, "k")
		take(t, l, writer, "m", lock.X)
		if settle {
			a.Settle()
		}
		writerDone := begin(t, l, writer, "k", lock.X)
		chainDone := make(chan error, 1)
		go func() { chainDone <- b.Acquire(context.Background(), []byte("m"), lock.X, lock.Wait{}) }()
		if settle {
			for len(l.Waits()) < 2 {
				runtime.Gosched()
			}
			a.Release() // the commit is through
			if err := <-writerDone; err != nil {
				t.Fatal(err)
			}
			l.ReleaseAll(writer)
			if err := <-chainDone; err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := <-chainDone; !errors.Is(err, lock.ErrDeadlock) {
			t.Fatal(err)
		}
		a.Release()
		if err := <-writerDone; err != nil {
			t.Fatal(err)
		}
	}
}

// TestChain_Stress applies beside writers; a second goroutine releases.
func TestChain_Stress(t *testing.T) {
	const keys = 6
	l := lock.New()
	var inside [keys]atomic.Int32 // 1 writer, or -n links
	commits := make(chan func(), 8)
	released := make(chan struct{})
	go func() {
		for f := range commits {
			f()
		}
		close(released)
	}()
	writers := make(chan struct{})
	var stop atomic.Bool
	for w := range 3 {
		go func() {
			o := l.NewOwner(uint64(w + 2))
			for !stop.Load() {
				k := w % keys
				if _, err := l.Acquire(context.Background(), o, []byte{byte(k)}, lock.X, lock.Wait{}); err != nil {
					t.Error(err)
				}
				if n := inside[k].Add(1); n != 1 {
					t.Errorf("writer beside %d", n)
				}
				runtime.Gosched()
				inside[k].Add(-1)
				l.ReleaseAll(o)
			}
			writers <- struct{}{}
		}()
	}
	c := l.NewChain(1)
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		a := c.Begin()
		var took []int
		for range 1 + r.IntN(4) {
			k := r.IntN(keys)
			if err := a.Acquire(context.Background(), []byte{byte(k)}, lock.X, lock.Wait{}); err != nil {
				t.Error(err)
				continue
			}
			if n := inside[k].Add(-1); n >= 0 {
				t.Errorf("link beside a writer: %d", n)
			}
			took = append(took, k)
		}
		a.Settle()
		commits <- func() {
			for _, k := range took {
				inside[k].Add(1)
			}
			a.Release()
		}
	}
	stop.Store(true)
	for range 3 {
		<-writers
	}
	close(commits)
	<-released
	if l.Len() != 0 {
		t.Errorf("%d locks left", l.Len())
	}
}

// TestChain_Alone: what a link takes alone is its own, and goes with it.
func TestChain_Alone(t *testing.T) {
	for _, crowd := range []int{0, 100} {
		l := lock.New()
		l.CrowdFrom(crowd)
		c := l.NewChain(1)
		a := c.Begin()
		link(t, a, "before")
		a.Alone()
		for _, k := range []string{"x", "before", "y", "x"} {
			link(t, a, k)
		}
		for _, k := range []string{"before", "x", "y"} {
			if free(t, l, k) {
				t.Errorf("%s is free while the link has it", k)
			}
		}
		a.Settle()
		a.Release()
		if n := l.Len(); n != 0 {
			t.Errorf("%d locks stay", n)
		}
	}
}
