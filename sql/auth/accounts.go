package auth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
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

// Persist stores the grant tables: one opaque blob that replaces the last one.
// It is called inside the statement that changes an account, while the grant
// tables are locked: it must not read them.
type Persist func(ctx *gms.Context, blob []byte) error

// Options of Accounts. The zero value works.
type Options struct {
	// Persist makes changes durable; nil = they are lost on restart.
	Persist Persist
	// RSAKey returns the key of PublicKey, once; nil = a new one.
	RSAKey func() (*rsa.PrivateKey, error)
}

// Accounts checks passwords and privileges against go-mysql-server's grant
// tables. Safe for concurrent use.
type Accounts struct {
	db    *mysql_db.MySQLDb
	cache fastCache

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

	SSLType, SSLCipher, X509Issuer, X509Subject string // REQUIRE clause
}

// New returns the accounts of db (engine.Analyzer.Catalog.MySQLDb), switches
// privilege checks on and installs the persister.
func New(db *mysql_db.MySQLDb, o Options) *Accounts {
	db.SetPersister(persister(o.Persist))
	db.SetEnabled(true)
	a := &Accounts{db: db, makeKey: o.RSAKey}
	if a.makeKey == nil {
		a.makeKey = func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, rsaKeyBits) }
	}
	return a
}

// persister adapts a Persist to go-mysql-server.
type persister Persist

func (p persister) Persist(ctx *gms.Context, blob []byte) error {
	if p == nil {
		return nil
	}
	return p(ctx, blob)
}

// Load replaces the grant tables with a blob that Persist got. On an error the
// tables may be partly replaced.
func (a *Accounts) Load(ctx context.Context, blob []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("loading accounts: %v", r)
		}
	}()
	if len(blob) == 0 {
		return errors.New("loading accounts: empty")
	}
	ed := a.db.Editor()
	defer ed.Close()
	a.cache.clear()
	return a.db.OverwriteUsersAndGrantData(gms.NewContext(ctx), ed, blob)
}

// Bootstrap creates root@localhost without password, with all privileges, if
// there is no account at all. The account is not persisted by itself: it is
// part of every later blob.
func (a *Accounts) Bootstrap() {
	ed := a.db.Editor()
	defer ed.Close()
	any := false
	ed.VisitUsers(func(*mysql_db.User) { any = true })
	if any {
		return
	}
	ed.PutUser(&mysql_db.User{
		User:                "root",
		Host:                "localhost",
		PrivilegeSet:        mysql_db.NewPrivilegeSetWithAllPrivileges(),
		Plugin:              DefaultPlugin,
		PasswordLastChanged: time.Unix(1, 0).UTC(),
		IsSuperUser:         true,
	})
}

// RootWithoutPassword reports whether an account with administrative privileges
// can log in without a password. A server must not listen on a public address
// then.
func (a *Accounts) RootWithoutPassword() bool {
	rd := a.db.Reader()
	defer rd.Close()
	open := false
	rd.VisitUsers(func(u *mysql_db.User) {
		if u.AuthString == "" && !u.Locked && !u.IsRole && isAdmin(u) {
			open = true
		}
	})
	return open
}

func isAdmin(u *mysql_db.User) bool {
	return u.IsSuperUser || u.PrivilegeSet.Has(gms.PrivilegeType_Super) || u.PrivilegeSet.HasDynamic("connection_admin")
}

// Lookup returns the account that user matches when connecting from host, an
// address without port. Unknown users get an account that looks like any other
// and never verifies, so that the client sees the same exchange.
func (a *Accounts) Lookup(user, host string) Account {
	rd := a.db.Reader()
	defer rd.Close()
	u := a.db.GetUser(rd, user, host, false)
	if u == nil {
		return Account{User: user, Host: host, Plugin: DefaultPlugin, Stored: decoy}
	}
	return Account{
		User: u.User, Host: u.Host, Plugin: u.Plugin, Stored: u.AuthString,
		Locked: u.Locked || u.IsRole, Known: true, Admin: isAdmin(u),
		SSLType: u.SslType, SSLCipher: u.SslCipher, X509Issuer: u.X509Issuer, X509Subject: u.X509Subject,
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

// Flush forgets the fast-authentication cache: FLUSH PRIVILEGES.
func (a *Accounts) Flush() { a.cache.clear() }

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

// HasGlobal reports whether the session of ctx has a global privilege, roles
// included.
func (a *Accounts) HasGlobal(ctx *gms.Context, p gms.PrivilegeType) bool {
	return a.db.UserHasPrivileges(ctx, gms.NewPrivilegedOperation(gms.PrivilegeCheckSubject{}, p))
}
