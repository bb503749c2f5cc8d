package lock

// crowdFrom is how many locks an owner has as entries; what it takes beyond
// goes to crowds.
const crowdFrom = 1 << 14

// crowd is what an owner with very many locks holds in a shard: for each lock
// the hash of its key, in 8 to 16 bytes, where an entry takes some 200. A hash
// becomes an entry when somebody else asks for the key. Only S and X on keys
// that nobody else holds are kept so. Guarded by the shard's mutex.
//
// Two keys of one hash count as one lock: of 5 million keys, two are so once in
// a million transactions.
type crowd struct {
	owner *Owner
	x, s  hashSet
	made  []*entry // what became entries
}

// mode returns the mode in which the crowd holds a hash, 0 if not at all.
func (c *crowd) mode(hash uint64) Mode {
	switch {
	case c.x.has(hash):
		return X
	case c.s.has(hash):
		return S
	}
	return 0
}

// crowdOf returns the crowd of o, nil if it has none here.
func (s *shard) crowdOf(o *Owner) *crowd {
	for _, c := range s.crowds {
		if c.owner == o {
			return c
		}
	}
	return nil
}

// join adds a lock that nobody holds to the crowd of o.
func (s *shard) join(o *Owner, hash uint64, m Mode) {
	c := s.crowdOf(o)
	if c == nil {
		c = &crowd{owner: o}
		s.crowds = append(s.crowds, c)
	}
	if m == X {
		c.x.add(hash)
	} else {
		c.s.add(hash)
	}
	o.crowded++
}

// leave makes entries of what crowds hold under a key. held is true if o's own
// crowd holds it in a mode that covers m; that stays where it is.
func (s *shard) leave(o *Owner, hash uint64, key []byte, m Mode) (held bool) {
	for _, c := range s.crowds {
		mode := c.mode(hash)
		if mode == 0 {
			continue
		}
		if c.owner == o && mode.covers(m) {
			return true
		}
		c.x.remove(hash)
		c.s.remove(hash)
		e := s.find(hash, key)
		if e == nil {
			e = s.add(hash, key)
		}
		e.holders = append(e.holders, holder{owner: c.owner, mode: mode})
		c.made = append(c.made, e)
	}
	return false
}

// disperse gives back all that the crowd of o holds here.
func (s *shard) disperse(o *Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.crowds {
		if c.owner != o {
			continue
		}
		for _, e := range c.made {
			s.drop(o, e)
		}
		last := len(s.crowds) - 1
		s.crowds[i] = s.crowds[last]
		s.crowds[last] = nil
		s.crowds = s.crowds[:last]
		return
	}
}

// hashSet is a set of hashes, with linear probing. The zero value is empty.
type hashSet struct {
	slots []uint64 // 0 = free; a power of two, at most three quarters taken
	n     int
}

// slot is where the search for a hash begins. The lowest bits choose the shard.
func (h *hashSet) slot(hash uint64) int { return int(hash/shardCount) & (len(h.slots) - 1) }

// nonZero maps the one hash that means free to another.
func nonZero(hash uint64) uint64 {
	if hash == 0 {
		return 1 << 63
	}
	return hash
}

func (h *hashSet) has(hash uint64) bool {
	if h.n == 0 {
		return false
	}
	hash = nonZero(hash)
	for i := h.slot(hash); h.slots[i] != 0; i = (i + 1) & (len(h.slots) - 1) {
		if h.slots[i] == hash {
			return true
		}
	}
	return false
}

// add adds a hash that is not in the set.
func (h *hashSet) add(hash uint64) {
	if 4*(h.n+1) > 3*len(h.slots) {
		old := h.slots
		h.slots = make([]uint64, max(64, 2*len(old)))
		for _, x := range old {
			if x != 0 {
				h.place(x)
			}
		}
	}
	h.place(nonZero(hash))
	h.n++
}

func (h *hashSet) place(hash uint64) {
	i := h.slot(hash)
	for h.slots[i] != 0 {
		i = (i + 1) & (len(h.slots) - 1)
	}
	h.slots[i] = hash
}

// remove takes a hash out, if it is there, and moves back what was placed
// behind it for want of room.
func (h *hashSet) remove(hash uint64) {
	if !h.has(hash) {
		return
	}
	hash = nonZero(hash)
	mask := len(h.slots) - 1
	i := h.slot(hash)
	for h.slots[i] != hash {
		i = (i + 1) & mask
	}
	h.slots[i] = 0
	h.n--
	for j := (i + 1) & mask; h.slots[j] != 0; j = (j + 1) & mask {
		if from := h.slot(h.slots[j]); (j-from)&mask >= (j-i)&mask {
			h.slots[i], h.slots[j] = h.slots[j], 0
			i = j
		}
	}
}
