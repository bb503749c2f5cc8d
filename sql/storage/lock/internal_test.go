package lock

import "testing"

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
