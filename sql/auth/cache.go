package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"sync"
)

// maxCached bounds the fast-authentication cache, in accounts.
const maxCached = 4096

// fastCache remembers, for accounts whose password was verified once in full,
// what verifies caching_sha2_password's short response: SHA256(SHA256(password)).
// An entry holds for one stored hash, so a changed password ends it.
type fastCache struct {
	mu sync.Mutex
	m  map[accountKey]fastEntry
}

type accountKey struct{ user, host string }

type fastEntry struct {
	stored string
	digest [sha256.Size]byte
}

func (c *fastCache) put(k accountKey, stored, password string) {
	once := sha256.Sum256([]byte(password))
	e := fastEntry{stored: stored, digest: sha256.Sum256(once[:])}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = make(map[accountKey]fastEntry)
	}
	if _, ok := c.m[k]; !ok && len(c.m) >= maxCached {
		for old := range c.m { // any
			delete(c.m, old)
			break
		}
	}
	c.m[k] = e
}

// verify checks a short response.
//
//	response = SHA256(password) XOR SHA256(SHA256(SHA256(password)) + salt)
func (c *fastCache) verify(k accountKey, stored string, response, salt []byte) bool {
	c.mu.Lock()
	e, ok := c.m[k]
	if ok && e.stored != stored {
		delete(c.m, k)
		ok = false
	}
	c.mu.Unlock()
	if !ok || len(response) != sha256.Size {
		return false
	}
	mask := sha256.Sum256(append(e.digest[:len(e.digest):len(e.digest)], salt...))
	once := make([]byte, sha256.Size)
	for i := range once {
		once[i] = response[i] ^ mask[i]
	}
	got := sha256.Sum256(once)
	return subtle.ConstantTimeCompare(got[:], e.digest[:]) == 1
}

// clear forgets everything: FLUSH PRIVILEGES.
func (c *fastCache) clear() {
	c.mu.Lock()
	c.m = nil
	c.mu.Unlock()
}
