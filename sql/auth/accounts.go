package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Plugin names.
const (
	NativePassword      = "mysql_native_password"
	CachingSHA2Password = "caching_sha2_password"
	// DefaultPlugin is used where a statement names none.
	DefaultPlugin = CachingSHA2Password
)

// rsaKeyBits is the size of the key that passwords over plain TCP are encrypted for.
const rsaKeyBits = 2048

// Options of Accounts. The zero value works.
type Options struct {
	// RSAKey returns the key of PublicKey, once; nil = a new one.
	RSAKey func() (*rsa.PrivateKey, error)
	// Now is the clock; nil = time.Now.
	Now func() time.Time
}

// Accounts holds the accounts, and checks passwords and privileges. Safe for
// concurrent use.
type Accounts struct {
	grants atomic.Pointer[Grants]
	edits  chan struct{} // holds one token while nobody changes accounts
	cache  fastCache
	usage  usage
	now    func() time.Time

	makeKey func() (*rsa.PrivateKey, error)
	keyOnce sync.Once
	key     *rsa.PrivateKey
	keyPEM  []byte
	keyErr  error
}

// Account is the copy of one account's row that a log-in is checked against.
type Account struct {
	User, Host string // as in mysql.user; Host may be a pattern
	Plugin     string
	Stored     string // authentication_string
	Locked     bool   // ACCOUNT LOCK, or a role
	Known      bool   // false: no such account; every check fails
	Admin      bool   // SUPER or CONNECTION_ADMIN
	Limits     Limits
	// ExpiresAfter is the password's life in days, 0 = for ever, nil = the
	// server's default; Expired ends it at once.
	Expired      bool
	ExpiresAfter *uint16
	Changed      time.Time

	FailedLogins uint16
	LockDays     int16

	SSLType, SSLCipher, X509Issuer, X509Subject string // REQUIRE clause
}

// New returns accounts with root@localhost alone, without password.
func New(o Options) *Accounts {
	a := &Accounts{edits: make(chan struct{}, 1), makeKey: o.RSAKey, now: o.Now}
	a.edits <- struct{}{}
	a.grants.Store(bootstrap())
	if a.now == nil {
		a.now = time.Now
	}
	if a.makeKey == nil {
		a.makeKey = func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, rsaKeyBits) }
	}
	return a
}

// Grants returns the accounts as they are now.
func (a *Accounts) Grants() *Grants { return a.grants.Load() }

// Load replaces all accounts with what an Edit stored.
func (a *Accounts) Load(blob []byte) error {
	g, err := decode(blob)
	if err != nil {
		return err
	}
	a.publish(g)
	return nil
}

// Reset goes back to root@localhost alone, without password.
func (a *Accounts) Reset() { a.publish(bootstrap()) }

func (a *Accounts) publish(g *Grants) {
	a.grants.Store(g)
	a.cache.clear()
}

// Edit is one statement's change of the accounts. Between Begin and Close no
// other statement changes any.
type Edit struct {
	a   *Accounts
	new *Grants
	st  Statement
}

// Begin waits until no other statement changes accounts.
func (a *Accounts) Begin(ctx context.Context) (*Edit, error) {
	select {
	case <-a.edits:
		return &Edit{a: a}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Apply carries a statement out on a copy, and returns that in its stored form.
func (e *Edit) Apply(st Statement, env *Env) (Result, []byte, error) {
	d := e.a.Grants().draft()
	r, err := d.apply(st, env)
	if err != nil {
		return Result{}, nil, err
	}
	d.index()
	blob, err := d.encode()
	e.new, e.st = d.Grants, st
	return r, blob, err
}

// Publish makes the copy what everybody sees.
func (e *Edit) Publish() {
	e.a.publish(e.new)
	if st, ok := e.st.(*DefineUser); ok && st.Alter && (st.Locked != nil && !*st.Locked || st.FailedLogins != nil || st.LockDays != nil) {
		for _, s := range st.Users {
			e.a.usage.forgive(s.Name)
		}
	}
}

// Close lets others change accounts.
func (e *Edit) Close() { e.a.edits <- struct{}{} }

// Exec carries out a statement with all privileges, in memory alone: for tests.
func (a *Accounts) Exec(sql string) error {
	st, _, ok, err := Parse(sql, Mode{})
	if err != nil || !ok {
		return cmp.Or(err, fmt.Errorf("no account statement: %s", sql))
	}
	e, err := a.Begin(context.Background())
	if err != nil {
		return err
	}
	defer e.Close()
	_, _, err = e.Apply(st, &Env{SQL: sql, Active: Everything, Self: Name{"root", "localhost"}, Now: a.now()})
	if err == nil {
		e.Publish()
	}
	return err
}

// RootWithoutPassword reports whether an account with administrative privileges
// can log in without a password. A server must not listen on a public address
// then.
func (a *Accounts) RootWithoutPassword() bool {
	return slices.ContainsFunc(a.Grants().Users, func(u *User) bool { return u.Stored == "" && !u.Locked && u.IsAdmin() })
}

// Lookup returns the account that user matches when connecting from host, an
// address without port, or localhost for a Unix socket. Unknown users get an
// account that looks like any other and never verifies, so that the client sees
// the same exchange.
func (a *Accounts) Lookup(user, host string) Account {
	u := a.Grants().find(user, host)
	if u == nil {
		return Account{User: user, Host: host, Plugin: DefaultPlugin, Stored: decoy}
	}
	return Account{
		User: u.User, Host: u.Host, Plugin: u.Plugin, Stored: u.Stored,
		Locked: u.Locked, Known: true, Admin: u.IsAdmin(), Limits: u.Limits,
		Expired: u.Expired, ExpiresAfter: u.Lifetime, Changed: u.Changed,
		FailedLogins: u.FailedLogins, LockDays: u.LockDays,
		SSLType: u.SSLType, SSLCipher: u.SSLCipher, X509Issuer: u.X509Issuer, X509Subject: u.X509Subject,
	}
}

// decoy is the hash that passwords of unknown users are compared with. Nobody
// knows its password, and Known is false besides.
var decoy = func() string {
	h, err := HashSHA2(rand.Text())
	if err != nil {
		panic(err)
	}
	return h
}()

// VerifyNative checks a response of mysql_native_password.
func (a *Accounts) VerifyNative(acc Account, response, salt []byte) bool {
	return VerifyNative(acc.Stored, response, salt) && acc.Known
}

// VerifyFast checks the short response of caching_sha2_password. false means
// that the full exchange is needed, not that the password is wrong.
func (a *Accounts) VerifyFast(acc Account, response, salt []byte) bool {
	if acc.Stored == "" {
		return acc.Known && len(response) == 0
	}
	return a.cache.verify(accountKey{acc.User, acc.Host}, acc.Stored, response, salt) && acc.Known
}

// VerifyFull checks the clear-text password of the full exchange, and lets the
// short one succeed from now on.
func (a *Accounts) VerifyFull(acc Account, password string) bool {
	if !VerifySHA2(acc.Stored, password) || !acc.Known {
		return false
	}
	if acc.Stored != "" {
		a.cache.put(accountKey{acc.User, acc.Host}, acc.Stored, password)
	}
	return true
}

// PublicKey returns the RSA public key in PEM form, as a client asks for it.
func (a *Accounts) PublicKey() ([]byte, error) {
	a.keyOnce.Do(func() {
		if a.key, a.keyErr = a.makeKey(); a.keyErr != nil {
			return
		}
		der, err := x509.MarshalPKIXPublicKey(&a.key.PublicKey)
		if err != nil {
			a.keyErr = err
			return
		}
		a.keyPEM = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	})
	return a.keyPEM, a.keyErr
}

// DecryptPassword undoes what a client does with the public key: the password
// and a zero byte, XOR the salt repeated, in RSA-OAEP with SHA-1. Client
// libraries fix that padding; the result is as secret as the key.
func (a *Accounts) DecryptPassword(cipher, salt []byte) (string, bool) {
	if _, err := a.PublicKey(); err != nil || len(salt) == 0 {
		return "", false
	}
	b, err := rsa.DecryptOAEP(sha1.New(), nil, a.key, cipher, nil)
	if err != nil {
		return "", false
	}
	for i := range b {
		b[i] ^= salt[i%len(salt)]
	}
	return ClearText(b)
}

// ClearText cuts the zero byte from a password as clients send it.
func ClearText(b []byte) (string, bool) {
	if len(b) == 0 || b[len(b)-1] != 0 {
		return "", false
	}
	return string(b[:len(b)-1]), true
}

// Flush forgets the fast-authentication cache, failed log-ins and what was
// counted per hour: FLUSH PRIVILEGES.
func (a *Accounts) Flush() {
	a.cache.clear()
	a.usage.reset()
}
