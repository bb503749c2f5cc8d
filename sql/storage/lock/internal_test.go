package lock

import (
	"math/rand/v2"
	"testing"
)

// TestShard_KeysOfOneHash: the bytes of the key decide, not its hash.
func TestShard_KeysOfOneHash(t *testing.T) {
	s := &New().shards[0]
	a, b, c := s.add(7, []byte("a")), s.add(7, []byte("b")), s.add(7, []byte("c"))
	for key, want := range map[string]*entry{"a": a, "b": b, "c": c, "d": nil} {
		if s.find(7, []byte(key)) != want {
			t.Errorf("%s: wrong entry", key)
		}
	}
	s.remove(b)
	s.remove(c)
	if s.find(7, []byte("a")) != a || s.find(7, []byte("b")) != nil || s.find(7, []byte("c")) != nil {
		t.Error("wrong entries after remove")
	}
	s.remove(a)
	if len(s.entries) != 0 {
		t.Error("the map keeps a removed entry")
	}
}

func TestShard_MemoryIsFreed(t *testing.T) {
	s := &New().shards[0]
	var all []*entry
	for i := range 2 * maxMapPeak {
		all = append(all, s.add(uint64(i), make([]byte, 2*maxFreeKey)))
	}
	for _, e := range all {
		s.remove(e)
	}
	if s.freeLen != 0 || s.peak != 0 {
		t.Errorf("%d entries kept, peak %d", s.freeLen, s.peak)
	}
	for i := range 2 * maxFree {
		all[i] = s.add(uint64(i), []byte("short"))
	}
	for i := range 2 * maxFree {
		s.remove(all[i])
	}
	if s.freeLen != maxFree {
		t.Errorf("%d entries kept, want %d", s.freeLen, maxFree)
	}
}

func TestHashSet(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	var h hashSet
	want := map[uint64]bool{}
	for range 200_000 {
		x := r.Uint64N(3000) * shardCount // neighbours collide
		if r.IntN(2) == 0 {
			h.remove(x)
			delete(want, x)
		} else if !want[x] {
			h.add(x)
			want[x] = true
		}
		if y := r.Uint64N(3000) * shardCount; h.has(y) != want[y] {
			t.Fatalf("hash %d: %v", y, !want[y])
		}
	}
	if h.n != len(want) {
		t.Errorf("%d of %d hashes", h.n, len(want))
	}
}

// TestCrowd_Memory: five million locks take a hundred megabytes at most.
func TestCrowd_Memory(t *testing.T) {
	var h hashSet
	const n = 5_000_000 / shardCount
	for i := range uint64(n) {
		h.add(i * 0x9e3779b97f4a7c15)
	}
	if bytes := 8 * len(h.slots) * shardCount; bytes > 100<<20 {
		t.Errorf("%d bytes", bytes)
	}
}
