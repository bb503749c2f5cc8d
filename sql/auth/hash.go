package auth

import (
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// MaxPassword is the longest password that caching_sha2_password takes, in
	// bytes. Longer ones are refused: the cost of hashing grows with the square.
	MaxPassword = 256

	sha2SaltSize   = 20
	sha2DigestSize = 43
	sha2Prefix     = "$A$"
	sha2Rounds     = 5 // thousands
	maxSHA2Rounds  = 0xfff
	// saltAlphabet has 64 characters, none of them special in SQL or in the
	// stored form.
	saltAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// ErrBadHash means that a stored authentication string has not the form of its
// plugin.
var ErrBadHash = errors.New("auth: malformed authentication string")

// Hash returns the stored form of a password for a plugin; "" for no password.
func Hash(plugin, password string) (string, error) {
	if password == "" {
		return "", nil
	}
	switch plugin {
	case NativePassword:
		return HashNative(password), nil
	case CachingSHA2Password:
		return HashSHA2(password)
	}
	return "", fmt.Errorf("auth: plugin %q is not loaded", plugin)
}

// CheckHash reports whether h has the stored form of the plugin.
func CheckHash(plugin, h string) error {
	if h == "" {
		return nil
	}
	switch plugin {
	case NativePassword:
		_, err := decodeNative(h)
		return err
	case CachingSHA2Password:
		_, _, _, err := splitSHA2(h)
		return err
	}
	return fmt.Errorf("auth: plugin %q is not loaded", plugin)
}

// HashNative returns the stored form of mysql_native_password.
func HashNative(password string) string {
	once := sha1.Sum([]byte(password))
	twice := sha1.Sum(once[:])
	return "*" + strings.ToUpper(hex.EncodeToString(twice[:]))
}

func decodeNative(h string) ([]byte, error) {
	if len(h) != 41 || h[0] != '*' {
		return nil, ErrBadHash
	}
	b, err := hex.DecodeString(h[1:])
	if err != nil {
		return nil, ErrBadHash
	}
	return b, nil
}

// VerifyNative checks a client's response to salt against the stored form. An
// empty response matches an empty password only.
//
//	response = SHA1(password) XOR SHA1(salt + SHA1(SHA1(password)))
func VerifyNative(stored string, response, salt []byte) bool {
	if stored == "" {
		return len(response) == 0
	}
	want, err := decodeNative(stored)
	if err != nil || len(response) != sha1.Size {
		return false
	}
	mask := sha1.Sum(append(append([]byte{}, salt...), want...))
	once := make([]byte, sha1.Size)
	for i := range once {
		once[i] = response[i] ^ mask[i]
	}
	got := sha1.Sum(once)
	return subtle.ConstantTimeCompare(got[:], want) == 1
}

// HashSHA2 returns the stored form of caching_sha2_password with a fresh,
// printable salt.
func HashSHA2(password string) (string, error) {
	if len(password) > MaxPassword {
		return "", fmt.Errorf("auth: password is longer than %d bytes", MaxPassword)
	}
	salt := make([]byte, sha2SaltSize)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	for i := range salt {
		salt[i] = saltAlphabet[salt[i]%64]
	}
	return sha2String(password, salt, sha2Rounds), nil
}

func sha2String(password string, salt []byte, rounds int) string {
	digest := shaCrypt([]byte(password), salt, rounds*1000)
	return fmt.Sprintf("%s%03X$%s%s", sha2Prefix, rounds, salt, digest)
}

// splitSHA2 takes a stored form apart; rounds is in thousands.
func splitSHA2(h string) (rounds int, salt, digest string, err error) {
	const head = len(sha2Prefix) + 3 + 1
	if len(h) != head+sha2SaltSize+sha2DigestSize || !strings.HasPrefix(h, sha2Prefix) || h[head-1] != '$' {
		return 0, "", "", ErrBadHash
	}
	n, err := strconv.ParseUint(h[len(sha2Prefix):head-1], 16, 16)
	if err != nil || n == 0 || n > maxSHA2Rounds {
		return 0, "", "", ErrBadHash
	}
	return int(n), h[head : head+sha2SaltSize], h[head+sha2SaltSize:], nil
}

// VerifySHA2 checks a clear-text password against the stored form. It takes a
// few milliseconds.
func VerifySHA2(stored, password string) bool {
	if stored == "" {
		return password == ""
	}
	rounds, salt, digest, err := splitSHA2(stored)
	if err != nil || len(password) > MaxPassword {
		return false
	}
	got := shaCrypt([]byte(password), []byte(salt), rounds*1000)
	return subtle.ConstantTimeCompare(got, []byte(digest)) == 1
}

// shaCrypt is Drepper's SHA-crypt with SHA-256, as caching_sha2_password uses
// it: the salt is not cut to 16 bytes. It returns the digest in crypt's base 64,
// 43 bytes.
func shaCrypt(password, salt []byte, rounds int) []byte {
	const size = sha256.Size
	alt := sha256.New()
	alt.Write(password)
	alt.Write(salt)
	alt.Write(password)
	b := alt.Sum(nil)

	main := sha256.New()
	main.Write(password)
	main.Write(salt)
	main.Write(repeatTo(b, len(password)))
	for n := len(password); n > 0; n >>= 1 {
		if n&1 != 0 {
			main.Write(b)
		} else {
			main.Write(password)
		}
	}
	a := main.Sum(nil)

	h := sha256.New()
	for range password {
		h.Write(password)
	}
	p := repeatTo(h.Sum(nil), len(password))
	h.Reset()
	for range 16 + int(a[0]) {
		h.Write(salt)
	}
	s := repeatTo(h.Sum(nil), len(salt))

	sum := make([]byte, 0, size)
	for i := range rounds {
		h.Reset()
		if i&1 != 0 {
			h.Write(p)
		} else {
			h.Write(a)
		}
		if i%3 != 0 {
			h.Write(s)
		}
		if i%7 != 0 {
			h.Write(p)
		}
		if i&1 != 0 {
			h.Write(a)
		} else {
			h.Write(p)
		}
		sum = h.Sum(sum[:0])
		copy(a, sum)
	}
	return cryptBase64(a)
}

// repeatTo returns the first n bytes of sum, sum, sum …
func repeatTo(sum []byte, n int) []byte {
	out := make([]byte, 0, n)
	for len(out) < n {
		out = append(out, sum[:min(len(sum), n-len(out))]...)
	}
	return out
}

// cryptBase64 encodes a digest in crypt's order of bytes and letters.
func cryptBase64(d []byte) []byte {
	out := make([]byte, 0, sha2DigestSize)
	put := func(x, y, z byte, n int) {
		v := uint(x)<<16 | uint(y)<<8 | uint(z)
		for range n {
			out = append(out, saltAlphabet[v&63])
			v >>= 6
		}
	}
	for i, k := 0, 0; i < 10; i++ {
		put(d[k], d[(k+10)%30], d[(k+20)%30], 4)
		k = (k + 21) % 30
	}
	put(0, d[31], d[30], 3)
	return out
}
