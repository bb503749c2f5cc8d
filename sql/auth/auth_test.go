package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"testing"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	"github.com/dolthub/vitess/go/mysql"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"
)

// newAccounts returns accounts and a function that runs a statement with all
// privileges.
func newAccounts(t *testing.T, o Options) (*Accounts, func(string) error) {
	t.Helper()
	a := New(o)
	return a, a.Exec
}

func TestSHACrypt_AgreesWithVitess(t *testing.T) {
	for _, n := range []int{1, 5, 31, 32, 33, 63, 64, 65, 256} {
		pw := strings.Repeat("pä", n)[:n]
		salt := []byte("01234567890123456789")
		want, err := mysql.SerializeCachingSha2PasswordAuthString(pw, salt, 5)
		if err != nil {
			t.Fatal(err)
		}
		if got := sha2String(pw, salt, 5); got != string(want) {
			t.Errorf("%d bytes: %s, want %s", n, got, want)
		}
		if !VerifySHA2(string(want), pw) || VerifySHA2(string(want), pw+"x") {
			t.Errorf("%d bytes: does not verify", n)
		}
	}
	if VerifySHA2(strings.Repeat("x", 70), "p") || VerifySHA2("$A$000$"+strings.Repeat("x", 63), "p") {
		t.Error("a malformed hash verifies")
	}
	if _, err := HashSHA2(strings.Repeat("x", MaxPassword+1)); err == nil {
		t.Error("a password that is too long is hashed")
	}
}

func TestNative_AgreesWithClient(t *testing.T) {
	salt := []byte("abcdefghijklmnopqrst")
	stored := HashNative("secret")
	if want := "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7"; stored != want {
		t.Fatalf("stored %s, want %s", stored, want)
	}
	if !VerifyNative(stored, gomysql.CalcNativePassword(salt, []byte("secret")), salt) {
		t.Error("right password refused")
	}
	if VerifyNative(stored, gomysql.CalcNativePassword(salt, []byte("Secret")), salt) || VerifyNative(stored, nil, salt) {
		t.Error("wrong password accepted")
	}
	if !VerifyNative("", nil, salt) || VerifyNative("", []byte("x"), salt) || VerifyNative("*00", nil, salt) {
		t.Error("empty password")
	}
}

func TestFastCache(t *testing.T) {
	a, exec := newAccounts(t, Options{})
	salt := []byte("abcdefghijklmnopqrst")
	set := func(pw string) {
		t.Helper()
		if err := exec("ALTER USER u@'%' IDENTIFIED BY '" + pw + "'"); err != nil {
			t.Fatal(err)
		}
	}
	if err := exec("CREATE USER u@'%' IDENTIFIED WITH 'caching_sha2_password'"); err != nil {
		t.Fatal(err)
	}
	set("one")
	resp := gomysql.CalcCachingSha2Password(salt, []byte("one"))
	acc := a.Lookup("u", "10.0.0.1")
	if a.VerifyFast(acc, resp, salt) {
		t.Fatal("verified before the first full log-in")
	}
	if a.VerifyFull(acc, "two") || !a.VerifyFull(acc, "one") {
		t.Fatal("full verification")
	}
	if !a.VerifyFast(acc, resp, salt) || a.VerifyFast(acc, gomysql.CalcCachingSha2Password(salt, []byte("two")), salt) {
		t.Fatal("fast verification")
	}
	set("two")
	if a.VerifyFast(a.Lookup("u", "10.0.0.1"), resp, salt) {
		t.Fatal("old password verifies from the cache")
	}
	if a.VerifyFast(a.Lookup("nobody", "10.0.0.1"), nil, salt) || a.VerifyFull(a.Lookup("nobody", "h"), "") {
		t.Fatal("unknown user verifies")
	}
}

func TestDecryptPassword(t *testing.T) {
	a, _ := newAccounts(t, Options{})
	salt := []byte("abcdefghijklmnopqrst")
	p, err := a.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(p)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := gomysql.EncryptPassword("p w", salt, key.(*rsa.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if pw, ok := a.DecryptPassword(enc, salt); !ok || pw != "p w" {
		t.Fatalf("%q, %v", pw, ok)
	}
	bad, _ := rsa.EncryptOAEP(sha1.New(), rand.Reader, key.(*rsa.PublicKey), []byte("no zero byte"), nil)
	if _, ok := a.DecryptPassword(bad, salt); ok {
		t.Error("password without its zero byte accepted")
	}
	if _, ok := a.DecryptPassword([]byte("junk"), salt); ok {
		t.Error("junk accepted")
	}
}

func TestBootstrap_Load(t *testing.T) {
	a, exec := newAccounts(t, Options{})
	if !a.RootWithoutPassword() {
		t.Error("root has a password")
	}
	if acc := a.Lookup("root", "127.0.0.1"); !acc.Known || !acc.Admin {
		t.Errorf("root: %+v", acc)
	}
	if acc := a.Lookup("root", "10.1.1.1"); acc.Known {
		t.Error("root from the network")
	}
	for _, s := range []string{"ALTER USER root@localhost IDENTIFIED BY 'x'", "CREATE USER r@'%' IDENTIFIED WITH mysql_native_password AS '" + HashNative("pw") + "'",
		"GRANT REPLICATION SLAVE ON *.* TO r@'%'", "GRANT SELECT (a), INSERT ON `d_\\_%`.t TO r", "GRANT EXECUTE ON FUNCTION d.f TO r"} {
		if err := exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if a.RootWithoutPassword() {
		t.Error("root has no password")
	}
	blob, err := a.Grants().encode()
	if err != nil {
		t.Fatal(err)
	}
	b, _ := newAccounts(t, Options{})
	if err := b.Load(blob); err != nil {
		t.Fatal(err)
	}
	if b.RootWithoutPassword() || !b.VerifyFull(b.Lookup("root", "localhost"), "x") {
		t.Error("root after loading")
	}
	acc := b.Lookup("r", "10.0.0.9")
	salt := []byte("abcdefghijklmnopqrst")
	if !b.VerifyNative(acc, gomysql.CalcNativePassword(salt, []byte("pw")), salt) || acc.Admin {
		t.Errorf("r after loading: %+v", acc)
	}
	for _, n := range []Name{{"r", "%"}, {"root", "localhost"}} {
		before, _ := a.Grants().User(n)
		after, _ := b.Grants().User(n)
		if x, y := a.Grants().ShowGrants(before, nil, nil), b.Grants().ShowGrants(after, nil, nil); !slices.Equal(x, y) {
			t.Errorf("%s: %q, after loading %q", n, x, y)
		}
	}
	if err := b.Load([]byte{1, 2, 3, 4, 5}); err == nil {
		t.Error("junk loaded")
	}
}

// The grant tables of servers of before are taken over.
func TestImport(t *testing.T) {
	db := mysql_db.CreateEmptyMySQLDb()
	var blob []byte
	db.SetPersister(persister(func(b []byte) { blob = slices.Clone(b) }))
	ed := db.Editor()
	ed.PutUser(&mysql_db.User{User: "root", Host: "localhost", Plugin: NativePassword, AuthString: HashNative("x"), PrivilegeSet: mysql_db.NewPrivilegeSetWithAllPrivileges(), IsSuperUser: true})
	set := mysql_db.NewPrivilegeSet()
	set.AddDatabase("d", gms.PrivilegeType_Select, gms.PrivilegeType_GrantOption)
	set.AddTable("d", "t", gms.PrivilegeType_Insert)
	set.AddGlobalDynamic(true, "replication_slave_admin")
	ed.PutUser(&mysql_db.User{User: "u", Host: "%", Plugin: NativePassword, PrivilegeSet: set, Locked: true})
	if err := db.Persist(gms.NewEmptyContext(), ed); err != nil {
		t.Fatal(err)
	}
	ed.Close()
	a := New(Options{})
	if err := a.Import(t.Context(), blob); err != nil {
		t.Fatal(err)
	}
	if acc := a.Lookup("root", "localhost"); !acc.Known || acc.Stored != HashNative("x") || !acc.Admin {
		t.Errorf("root: %+v", acc)
	}
	u, ok := a.Grants().User(Name{"u", "%"})
	if !ok || !u.Locked {
		t.Fatalf("u: %+v", u)
	}
	want := []string{"GRANT USAGE ON *.* TO `u`@`%`", "GRANT REPLICATION_SLAVE_ADMIN ON *.* TO `u`@`%` WITH GRANT OPTION",
		"GRANT SELECT ON `d`.* TO `u`@`%` WITH GRANT OPTION", "GRANT INSERT ON `d`.`t` TO `u`@`%`"}
	if got := a.Grants().ShowGrants(u, nil, nil); !slices.Equal(got, want) {
		t.Errorf("grants: %q", got)
	}
}

type persister func([]byte)

func (p persister) Persist(_ *gms.Context, b []byte) error {
	p(b)
	return nil
}
